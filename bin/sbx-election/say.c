/* SPDX-License-Identifier: Apache-2.0 */
/* This node's snapshot: measured, signed, published. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "election.h"
#include "fleet/snapshot.h"
#include "fleet/status.h"

#define MAX_SERVICES 64
#define MAX_PROBED 20

struct gathered {
	struct work *w;
	struct sbx_fleet_self self;
	struct sbx_fleet_link *links;
	char *services[MAX_SERVICES], *down[MAX_PROBED];
	bool record;
};

bool
is_drained(const struct work *w)
{
	char *path = work_path(w, "drained");
	bool yes = access(path, F_OK) == 0;

	free(path);
	return yes;
}

/* ---- services ---- */

static int
take_offer(void *arg, const struct sbx_json *row, struct sbx_err *err)
{
	struct gathered *g = arg;
	struct sbx_fleet_self *s = &g->self;
	const char *name = sbx_json_str(row, "name");
	const char *at = sbx_json_str(row, "endpoint");

	(void)err;
	if (!sbx_json_is(sbx_json_get(row, "provider"), g->w->self) ||
		!sbx_json_is(sbx_json_get(row, "status"), "live") ||
		s->nservices == MAX_SERVICES || strlen(name) > 40)
		return SBX_OK;
	g->services[s->nservices++] = sbx_mem_text(name, strlen(name));
	/* A relay of WireGuard's answers no TCP. */
	if (at != NULL && s->ndown < MAX_PROBED &&
		!sbx_json_is(sbx_json_get(row, "kind"), "wg-relay") &&
		sbx_endpoint_check(at) && !probe(at))
		g->down[s->ndown++] = sbx_mem_text(name, strlen(name));
	return SBX_OK;
}

/* ---- peers ---- */

static bool
leads(const struct sbx_fleet *f, const char *did)
{
	const struct sbx_fleet_node *n = sbx_fleet_node(f, did);

	return n != NULL && n->reachable;
}

/* Others' election rests on who hears the hubs, so those come first; then who
 * was heard last. */
static int
by_weight(const void *a, const void *b, void *fleet)
{
	const struct sbx_fleet_link *x = a, *y = b;
	bool hx = leads(fleet, x->did), hy = leads(fleet, y->did);

	if (hx != hy)
		return hx ? -1 : 1;
	if (x->age != y->age)
		return x->age < 0 ? 1 : y->age < 0 ? -1 :
			x->age < y->age ? -1 : 1;
	return strcmp(x->did, y->did);
}

static bool
same_digest(struct gathered *g, const char *did)
{
	const struct sbx_statement *s = sbx_now_get(g->w->now, did, "Snapshot");
	char hex[SBX_ID_SIZE];

	sbx_hex_write(hex, g->self.digest, SBX_HASH_BYTES);
	return s != NULL && sbx_json_is(sbx_json_get(s->body, "digest"), hex);
}

static const char *
state_of(struct gathered *g)
{
	struct sbx_fleet_sight sight = { .record = g->record,
		.coordinator_age = -1 };
	char path[64], gate[SBX_DID_SIZE] = "";
	int64_t since;

	snprintf(path, sizeof(path), "/sys/class/net/%s",
		g->w->ctx->conf.mesh_if);
	sight.interface = access(path, F_OK) == 0;
	sight.coordinator = sbx_fleet_gate_read(&g->w->ctx->conf, gate, &since,
				    NULL) == 0 && strcmp(gate, g->w->self) != 0;
	for (size_t i = 0; i < g->self.nlinks; i++) {
		const struct sbx_fleet_link *l = &g->links[i];

		if (strcmp(l->did, gate) == 0)
			sight.coordinator_age = l->age;
		if (l->age < 0 || l->age >= SBX_FLEET_ALIVE)
			continue;
		sight.heard++;
		if (!same_digest(g, l->did))
			sight.differ++;
	}
	return sbx_fleet_state_name(sbx_fleet_state(&sight));
}

/* ---- the whole ---- */

static int
see_node(void *arg, const struct sbx_json *row, struct sbx_err *err)
{
	(void)row;
	(void)err;
	*(bool *)arg = true;
	return SBX_OK;
}

static int
measure(struct gathered *g)
{
	struct sbx_conf *conf = &g->w->ctx->conf;
	char *kept = g->w->ctx->dry ? NULL : work_path(g->w, "election.cpu");
	struct sbx_fleet_self *s = &g->self;
	struct sbx_err *err = &g->w->ctx->err;
	int r;

	r = sbx_fleet_measure("", conf->dir, kept, &s->load, err);
	free(kept);
	if (r != 0)
		return r;
	s->interval = conf->fleet_interval;
	s->role = conf->fleet_role != NULL ? conf->fleet_role :
		sbx_fleet_role(s->load.memory);
	s->endpoint = conf->mesh_endpoint != NULL ? conf->mesh_endpoint :
		conf->mesh_ddns;
	s->drained = is_drained(g->w);
	return SBX_OK;
}

static int
gather(struct gathered *g)
{
	struct sbx_fleet_self *s = &g->self;
	unsigned char head[SBX_HASH_BYTES];
	struct work *w = g->w;
	struct sbx_err *err = &w->ctx->err;
	struct sbx_fleet_choice c;
	struct sbx_fleet_wait none = { 0 };
	int r;

	if ((r = measure(g)) != 0 ||
		(r = sbx_log_head(w->log, &s->entries, head, err)) != 0 ||
		(r = sbx_state_digest(w->st, s->digest, err)) != 0 ||
		(r = sbx_state_each(w->st, SBX_VIEW_NODE, w->self, see_node,
			 &g->record, err)) != 0 ||
		(r = sbx_state_each(w->st, SBX_VIEW_OFFER, NULL, take_offer, g,
			 err)) != 0 ||
		(r = sbx_fleet_peers_read(&w->ctx->conf, w->at, &g->links,
			 &s->nlinks, err)) != 0)
		return r;
	if (s->nlinks > 0)
		qsort_r(g->links, s->nlinks, sizeof(*g->links), by_weight,
			&w->fleet);
	s->links = g->links;
	s->services = g->services;
	s->down = g->down;
	sbx_fleet_choose(&w->fleet, w->self, w->at, s->interval, &none, &c);
	s->term = c.head != NULL ? c.head->term : 0;
	s->state = state_of(g);
	return SBX_OK;
}

static void
gathered_free(struct gathered *g)
{
	for (size_t i = 0; i < g->self.nservices; i++)
		free(g->services[i]);
	for (size_t i = 0; i < g->self.ndown; i++)
		free(g->down[i]);
	free(g->links);
}

static int
publish(struct work *w)
{
	struct sbx_ctx *ctx = w->ctx;
	size_t changed = 0;
	int r;

	if ((r = sbx_now_save(w->now, &ctx->err)) == 0 &&
		access(ctx->conf.www, W_OK) == 0)
		r = sbx_now_publish(w->now, ctx->conf.www, &changed,
			&ctx->err);
	return r;
}

int
say_snapshot(struct work *w)
{
	const struct sbx_statement *said = NULL;
	struct gathered g = { .w = w };
	struct sbx_ctx *ctx = w->ctx;
	struct sbx_key *key = NULL;
	struct sbx_doc *body = NULL;
	int r;

	if ((r = gather(&g)) != 0 ||
		(r = sbx_fleet_body(&g.self, &body, &ctx->err)) != 0 ||
		(r = sbx_key_load(ctx->conf.key, &key, &ctx->err)) != 0 ||
		(r = sbx_now_say(w->now, w->st, key, "Snapshot",
			 SBX_FLEET_FRESH * g.self.interval, sbx_doc_root(body),
			 &said, &ctx->err)) != 0)
		goto out;
	if (ctx->dry || ctx->verbose || ctx->json)
		printf("%s\n", said->line);
	if (!ctx->dry)
		r = publish(w);
out:
	sbx_key_free(key);
	sbx_doc_free(body);
	gathered_free(&g);
	return r;
}

int
cmd_snapshot(struct sbx_ctx *ctx)
{
	struct work w;
	int r;

	if ((r = work_open(&w, ctx, !ctx->dry)) == 0 &&
		(r = work_load(&w)) == 0)
		r = say_snapshot(&w);
	work_close(&w);
	return r;
}
