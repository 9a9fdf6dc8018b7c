/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is lent now: one root-owned file beside the audit log, replaced whole.
 * It and not a replay of the log is the truth, since it stays small when the
 * log does not, and survives its being archived.  A grant is in it, as begun,
 * before anything is opened, and, as ended, until its plugin was told; so
 * wherever an act is killed, sync finds what to finish.
 */
#include <netinet/in.h>
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/base.h"
#include "json/json.h"
#include "crypto/crypto.h"
#include "node/node.h"
#include "apply/apply.h"
#include "lend/lend.h"

/* All there can be, each with the longest parameters. */
#define MAX_FILE                                                               \
	(SBX_MAX_GRANTS * (SBX_MAX_MACRO_JSON + 1024) + SBX_MAX_PORTS * 64)

static const struct sbx_json_limits limits = {
	.bytes = MAX_FILE,
	.depth = 4,
	.keys = 32 * SBX_MAX_GRANTS,
};

/* ---- time ---- */

/* In the boot it was made, the clock that nobody can set decides.  After a
 * reboot there is only the other: set back before the grant was made it proves
 * nothing, so the grant is over. */
int64_t
sbx_granted_left(const struct sbx_granted *grant)
{
	int64_t left, now = sbx_clock_now();

	if (grant->state == SBX_GRANT_ENDED)
		return 0;
	if (grant->boot[0] != '\0' && strcmp(sbx_clock_boot_id(), grant->boot) == 0)
		left = grant->boot_until - sbx_clock_boot();
	else
		left = now < grant->since ? 0 : grant->until - now;
	if (left > grant->until - grant->since)
		left = grant->until - grant->since;
	left = (left + SBX_SECOND - 1) / SBX_SECOND;
	return left < 0 ? 0 : left > SBX_MAX_TTL ? SBX_MAX_TTL : left;
}

/* ---- reading ---- */

static const char *const states[] = { "live", "begun", "ended" };
#define NSTATES (sizeof(states) / sizeof(states[0]))

/* Without a word it is live. */
static bool
state_get(const struct sbx_json *row, enum sbx_grant_state *state)
{
	const struct sbx_json *v = sbx_json_get(row, "state");

	*state = SBX_GRANT_LIVE;
	for (size_t i = 0; v != NULL && i < NSTATES; i++)
		if (sbx_json_is(v, states[i])) {
			*state = (enum sbx_grant_state)i;
			return true;
		}
	return v == NULL;
}

static int
bad(struct sbx_err *err, const char *what)
{
	return sbx_err_set(err, SBX_E_SYS, "not what we wrote: %s", what);
}

static bool
text_get(const struct sbx_json *row, const char *key, char *out, size_t size)
{
	const char *text = sbx_json_str(row, key);

	if (text == NULL || strlen(text) >= size)
		return false;
	strcpy(out, text);
	return true;
}

static bool
port_get(const struct sbx_json *row, struct sbx_lend *l)
{
	int64_t port;

	if (sbx_json_is(sbx_json_get(row, "proto"), "tcp"))
		l->proto = IPPROTO_TCP;
	else if (sbx_json_is(sbx_json_get(row, "proto"), "udp"))
		l->proto = IPPROTO_UDP;
	else
		return false;
	if (!sbx_json_int(sbx_json_get(row, "port"), 1, 65535, &port))
		return false;
	l->port = (int)port;
	return true;
}

static int
grant_read(
	const struct sbx_json *row, struct sbx_granted *g, struct sbx_err *err)
{
	const char *params = sbx_json_str(row, "params");
	uint32_t addr;

	/* Older ones did not keep it. */
	if (sbx_json_get(row, "subscription") != NULL &&
		!text_get(row, "subscription", g->subscription,
			sizeof(g->subscription)))
		return bad(err, "a grant");
	if (!text_get(row, "kind", g->kind, sizeof(g->kind)) ||
		!text_get(row, "sub", g->sub, sizeof(g->sub)) ||
		!text_get(row, "service", g->service, sizeof(g->service)) ||
		!text_get(row, "boot", g->boot, sizeof(g->boot)) ||
		!text_get(row, "src_ip", g->lend.ip, sizeof(g->lend.ip)) ||
		!sbx_ip4_parse(&addr, g->lend.ip) || params == NULL ||
		!port_get(row, &g->lend) || !state_get(row, &g->state) ||
		!sbx_json_time(row, "since", &g->since) ||
		!sbx_json_time(row, "until", &g->until) ||
		!sbx_json_int(sbx_json_get(row, "boot_until"), 0,
			INT64_C(1) << 53, &g->boot_until) ||
		!sbx_kind_check(g->kind) ||
		!sbx_did_check(g->sub, strlen(g->sub)))
		return bad(err, "a grant");
	g->params = sbx_mem_text(params, strlen(params));
	return 0;
}

static int
doc_read(const struct sbx_json *root, struct sbx_grants *g, struct sbx_err *err)
{
	const struct sbx_json *list = sbx_json_get(root, "grants"),
			      *ports = sbx_json_get(root, "ports"), *v;
	int r;

	if (list == NULL || ports == NULL ||
		list->type != SBX_JSON_ARRAY || ports->type != SBX_JSON_ARRAY ||
		list->count > SBX_MAX_GRANTS || ports->count > SBX_MAX_PORTS)
		return bad(err, "its frame");
	for (v = ports->child; v != NULL; v = v->next)
		if (!port_get(v, &g->ports[g->nports++]))
			return bad(err, "a port");
	g->list = sbx_mem_alloc(list->count + 1, sizeof(*g->list));
	for (v = list->child; v != NULL; v = v->next) {
		if ((r = grant_read(v, &g->list[g->count], err)) != 0)
			return r;
		g->count++;
	}
	return 0;
}

char *
sbx_grants_path(const struct sbx_conf *conf)
{
	char *copy = sbx_mem_text(conf->audit, strlen(conf->audit));
	struct sbx_buf path = SBX_BUF(4096);

	sbx_buf_fmt(&path, "%s/grants", dirname(copy));
	free(copy);
	return path.data; /* transferred */
}

int
sbx_grants_load(const char *path, struct sbx_grants *g, struct sbx_err *err)
{
	struct sbx_buf text = SBX_BUF(MAX_FILE);
	unsigned flags = SBX_IO_SECRET | (geteuid() == 0 ? SBX_IO_ROOT : 0);
	struct sbx_doc *doc = NULL;
	int r;

	memset(g, 0, sizeof(*g));
	r = sbx_io_read(path, flags, &text, err);
	if (r == SBX_E_SYS && errno == ENOENT) {
		sbx_buf_free(&text);
		return 0;
	}
	if (r == 0 && (r = sbx_json_parse(sbx_buf_text(&text), text.len,
			       &limits, &doc, err)) == 0)
		r = doc_read(sbx_doc_root(doc), g, err);
	if (r != 0) {
		sbx_grants_free(g);
		sbx_err_at(err, "%s", path);
		sbx_err_hint(err, "remove it, then sbx-macroctl sync "
				  "withdraws every grant");
		r = SBX_E_SYS;
		if (err != NULL)
			err->code = r;
	}
	sbx_doc_free(doc);
	sbx_buf_free(&text);
	return r;
}

/* ---- writing ---- */

static void
port_put(struct sbx_doc *doc, struct sbx_json *row, const struct sbx_lend *l)
{
	sbx_json_add_str(doc, row, "proto", sbx_proto_name(l->proto));
	sbx_json_add_int(doc, row, "port", l->port);
}

static void
grant_put(
	struct sbx_doc *doc, struct sbx_json *row, const struct sbx_granted *g)
{
	sbx_json_add_str(doc, row, "kind", g->kind);
	sbx_json_add_str(doc, row, "sub", g->sub);
	sbx_json_add_str(doc, row, "service", g->service);
	sbx_json_add_str(doc, row, "subscription", g->subscription);
	sbx_json_add_str(doc, row, "src_ip", g->lend.ip);
	port_put(doc, row, &g->lend);
	sbx_json_add_str(doc, row, "params", g->params);
	sbx_json_add_time(doc, row, "since", g->since);
	sbx_json_add_time(doc, row, "until", g->until);
	sbx_json_add_int(doc, row, "boot_until", g->boot_until);
	sbx_json_add_str(doc, row, "boot", g->boot);
	if (g->state != SBX_GRANT_LIVE)
		sbx_json_add_str(doc, row, "state", states[g->state]);
}

int
sbx_grants_save(
	const char *path, const struct sbx_grants *g, struct sbx_err *err)
{
	struct sbx_buf text = SBX_BUF(MAX_FILE);
	struct sbx_doc *doc = sbx_doc_new();
	struct sbx_json *root = sbx_doc_root(doc), *list;
	size_t i;
	int r;

	list = sbx_json_add(doc, root, "grants", SBX_JSON_ARRAY);
	for (i = 0; i < g->count; i++)
		grant_put(doc, sbx_json_add(doc, list, NULL, SBX_JSON_OBJECT),
			&g->list[i]);
	list = sbx_json_add(doc, root, "ports", SBX_JSON_ARRAY);
	for (i = 0; i < g->nports; i++)
		port_put(doc, sbx_json_add(doc, list, NULL, SBX_JSON_OBJECT),
			&g->ports[i]);
	if ((r = sbx_canon_write(&text, root, NULL, err)) == 0) {
		sbx_buf_str(&text, "\n");
		r = text.over ? bad(err, "too much")
			      : sbx_io_save(path, text.data, text.len, 0600, 0,
					err);
	}
	sbx_doc_free(doc);
	sbx_buf_free(&text);
	return r;
}

void
sbx_grants_free(struct sbx_grants *g)
{
	if (g == NULL)
		return;
	for (size_t i = 0; i < g->count; i++)
		free(g->list[i].params);
	free(g->list);
	memset(g, 0, sizeof(*g));
}

/* ---- changing ---- */

static bool
lend_same(const struct sbx_lend *a, const struct sbx_lend *b)
{
	return a->proto == b->proto && a->port == b->port &&
	       strcmp(a->ip, b->ip) == 0;
}

bool
sbx_granted_same(const struct sbx_granted *a, const struct sbx_granted *b)
{
	return strcmp(a->kind, b->kind) == 0 && strcmp(a->sub, b->sub) == 0 &&
	       strcmp(a->service, b->service) == 0 &&
	       lend_same(&a->lend, &b->lend);
}

int
sbx_grants_port(struct sbx_grants *g, int proto, int port, struct sbx_err *err)
{
	for (size_t i = 0; i < g->nports; i++)
		if (g->ports[i].proto == proto && g->ports[i].port == port)
			return 0;
	if (g->nports == SBX_MAX_PORTS)
		return sbx_err_set(err, SBX_E_SYS, "too many ports are lent");
	memset(&g->ports[g->nports], 0, sizeof(*g->ports));
	g->ports[g->nports].proto = proto;
	g->ports[g->nports++].port = port;
	return 0;
}

struct sbx_granted *
sbx_grants_find(struct sbx_grants *g, const struct sbx_granted *grant)
{
	for (size_t i = 0; i < g->count; i++)
		if (sbx_granted_same(&g->list[i], grant))
			return &g->list[i];
	return NULL;
}

void
sbx_grants_drop(struct sbx_grants *g, struct sbx_granted *grant)
{
	size_t at = (size_t)(grant - g->list);

	free(grant->params);
	g->count--;
	memmove(grant, grant + 1, (g->count - at) * sizeof(*grant));
}

int
sbx_grants_put(struct sbx_grants *g, const struct sbx_granted *grant,
	int64_t ttl, struct sbx_err *err)
{
	struct sbx_granted *slot = sbx_grants_find(g, grant);
	int r;

	if (slot == NULL && g->count == SBX_MAX_GRANTS)
		return sbx_err_set(err, SBX_E_SYS, "too many grants at a time");
	if ((r = sbx_grants_port(
		     g, grant->lend.proto, grant->lend.port, err)) != 0)
		return r;
	if (slot == NULL) {
		g->list = sbx_mem_grow(g->list, g->count + 1, sizeof(*g->list));
		slot = &g->list[g->count++];
	} else {
		free(slot->params);
	}
	*slot = *grant;
	slot->params = sbx_mem_text(grant->params, strlen(grant->params));
	slot->since = sbx_clock_now();
	slot->until = slot->since + ttl * SBX_SECOND;
	slot->boot_until = sbx_clock_boot() + ttl * SBX_SECOND;
	strcpy(slot->boot, sbx_clock_boot_id());
	return 0;
}

void
sbx_grants_left(const struct sbx_grants *g, struct sbx_lend *l)
{
	l->left = 0;
	for (size_t i = 0; i < g->count; i++)
		if (lend_same(&g->list[i].lend, l)) {
			int64_t left = sbx_granted_left(&g->list[i]);

			if (left > l->left)
				l->left = left;
		}
}
