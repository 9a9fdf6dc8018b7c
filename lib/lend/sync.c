/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bring firewall and grants back together: after a reboot, a foreign `flush
 * ruleset`, a crash in the middle, a grant that ran out or whose subscription
 * or membership ended.  What is restored gets the time it had left by its own
 * deadline, so downtime never lengthens a grant.
 */
#include <stdlib.h>
#include <string.h>

#include "base/base.h"
#include "json/json.h"
#include "directory/directory.h"
#include "apply/apply.h"
#include "lend/lend.h"

#define SLACK 2 /* seconds that rounding may make */

static bool
same(const struct sbx_lend *a, const struct sbx_lend *b)
{
	return a->proto == b->proto && a->port == b->port &&
	       strcmp(a->ip, b->ip) == 0;
}

static bool
has(const struct sbx_lend *list, size_t count, const struct sbx_lend *l)
{
	for (size_t i = 0; i < count; i++)
		if (same(&list[i], l))
			return true;
	return false;
}

static void
plan_set(struct sbx_lending_plan *p, const struct sbx_lend *l, int64_t left)
{
	if (p->set == NULL || has(p->set, p->count, l))
		return;
	p->set[p->count] = *l;
	p->set[p->count++].left = left;
}

void
sbx_lending_plan(const struct sbx_grants *g, const struct sbx_nft *nft,
	struct sbx_lending_plan *p)
{
	struct sbx_lend want;
	size_t i;

	p->missing = p->stray = p->longer = p->open = p->count = 0;
	for (i = 0; i < g->nports; i++)
		p->open += !has(nft->ports, nft->nports, &g->ports[i]);
	for (i = 0; i < nft->nlend; i++) {
		want = nft->lend[i];
		sbx_grants_left(g, &want);
		if (want.left == 0) {
			p->stray++;
			plan_set(p, &want, 0);
		} else if (nft->lend[i].left < 0 ||
			   nft->lend[i].left > want.left + SLACK) {
			p->longer++;
			plan_set(p, &want, want.left);
		}
	}
	for (i = 0; i < g->count; i++) {
		want = g->list[i].lend;
		sbx_grants_left(g, &want);
		if (want.left > 0 && !has(nft->lend, nft->nlend, &want)) {
			p->missing++;
			plan_set(p, &want, want.left);
		}
	}
}

/* Without what is missing: what is there and to be changed. */
static void
plan_only_there(struct sbx_lending_plan *p, const struct sbx_nft *nft)
{
	size_t i, kept = 0;

	for (i = 0; i < p->count; i++)
		if (has(nft->lend, nft->nlend, &p->set[i]))
			p->set[kept++] = p->set[i];
	p->count = kept;
	p->missing = 0;
}

/* All that is to be in a table that is made anew. */
static void
plan_all(struct sbx_lending_plan *p, const struct sbx_grants *g,
	const struct sbx_nft *nft, bool restore)
{
	struct sbx_lend want;

	p->count = 0;
	for (size_t i = 0; i < g->count; i++) {
		want = g->list[i].lend;
		sbx_grants_left(g, &want);
		if (want.left > 0 &&
			(restore || has(nft->lend, nft->nlend, &want)))
			plan_set(p, &want, want.left);
	}
}

/* Load what the plan says; restore false: nothing that is missing.  A table
 * with something in it that no load mends is made anew. */
static int
settle(struct sbx_lending *l, bool restore, bool dry,
	struct sbx_lending_plan *p, struct sbx_err *err)
{
	const struct sbx_grants *g = &l->grants;
	struct sbx_nft nft;
	bool anew;
	int r;

	if ((r = sbx_nft_read(l->conf, &nft, err)) != 0)
		return r;
	p->set = sbx_mem_alloc(nft.nlend + g->count + 1, sizeof(*p->set));
	sbx_lending_plan(g, &nft, p);
	anew = nft.fw.there && nft.fw.wrong[0] != '\0';
	if (!restore)
		plan_only_there(p, &nft);
	if (anew)
		plan_all(p, g, &nft, restore);
	if (!dry)
		r = sbx_nft_load(l->conf, anew, g->ports, g->nports, p->set,
			p->count, err);
	free(p->set);
	p->set = NULL;
	sbx_nft_free(&nft);
	return r;
}

int
sbx_lending_sweep(struct sbx_lending *l, struct sbx_err *err)
{
	struct sbx_lending_plan p = { .set = NULL };

	return settle(l, false, false, &p, err);
}

/* ---- sync ---- */

static bool
is_over(const void *ctx, const struct sbx_granted *g)
{
	struct sbx_root *root = (struct sbx_root *)ctx;

	return sbx_granted_left(g) == 0 ||
	       (g->state == SBX_GRANT_BEGUN &&
		       !sbx_root_kind_busy(root, g->kind));
}

static bool
is_dead(const void *ctx, const struct sbx_granted *g)
{
	return sbx_said_of(ctx, g) != SBX_USE_YES;
}

/* A service that is offered is open to those it is granted to, and to nobody
 * before the first grant either.  What its macro cannot lend is closed by no
 * grant of it. */
static size_t
close_offer(struct sbx_lending *l, const struct sbx_said_offer *offer)
{
	struct sbx_macro m = { .fd = -1 };
	struct sbx_doc *doc = NULL;
	size_t before = l->grants.nports;
	int port;

	if (sbx_macro_open(l->conf->macros, offer->kind, &m, NULL) == 0 &&
		sbx_json_parse(offer->params, strlen(offer->params), NULL, &doc,
			NULL) == 0 &&
		sbx_macro_params(&m, sbx_doc_root(doc), &port, NULL) == 0 &&
		sbx_ask_port(l->conf, port, NULL) == 0)
		sbx_grants_port(&l->grants, m.proto, port, NULL);
	sbx_doc_free(doc);
	sbx_macro_close(&m);
	return l->grants.nports - before;
}

/* Under the lock: end what fn picks; what is left is for finish. */
static int
take_back(struct sbx_lending *l, bool dry, const char *verb,
	bool (*fn)(const void *, const struct sbx_granted *), const void *ctx,
	size_t *count, struct sbx_err *err)
{
	const struct sbx_ask none = SBX_ASK;
	struct sbx_err why = { 0 };
	int r = 0;

	*count = sbx_lending_end(l, fn, ctx);
	if (dry || *count == 0)
		return 0;
	sbx_lending_note(&r, err, sbx_lending_save(l, &why), &why);
	sbx_lending_note(&r, err, sbx_lending_shut(l, &why), &why);
	sbx_lending_note(&r, err,
		sbx_lending_record(l, &none, verb, "intent", NULL, &why), &why);
	return r;
}

/* What no directory is needed for. */
static int
sync_clocks(struct sbx_lending *l, bool dry, struct sbx_lending_sync *s,
	struct sbx_err *err)
{
	struct sbx_lending_plan plan = { .set = NULL };
	struct sbx_err why = { 0 };
	int r;

	if ((r = sbx_lending_enter(l, err)) != 0)
		return r;
	sbx_lending_note(&r, err,
		take_back(l, dry, "expire", is_over, &l->root, &s->expired,
			&why),
		&why);
	sbx_lending_note(&r, err, settle(l, false, dry, &plan, &why), &why);
	s->stray = plan.stray + plan.longer;
	sbx_lending_leave(l);
	if (!dry)
		sbx_lending_note(&r, err,
			sbx_lending_finish(l, "expire", &why), &why);
	return r;
}

/* Giving back needs what giving needs: a record, and a file that can say by
 * the next sync that it was taken back again. */
static int
may_give(struct sbx_lending *l, struct sbx_err *err)
{
	struct sbx_lending_plan plan = { .set = NULL };
	int r;

	if (l->root.lock < 0 || l->root.audit.fd < 0) {
		*err = l->root.unrecorded;
		return SBX_E_SYS;
	}
	if ((r = settle(l, true, true, &plan, err)) == 0 && plan.missing > 0)
		r = sbx_grants_save(l->path, &l->grants, err);
	return r;
}

static int
restore(struct sbx_lending *l, bool may, bool dry, struct sbx_lending_sync *s,
	struct sbx_err *err)
{
	const struct sbx_ask none = SBX_ASK;
	struct sbx_lending_plan plan = { .set = NULL };
	struct sbx_err why = { 0 };
	int r = 0;

	if (!dry)
		sbx_lending_note(&r, err, may_give(l, &why), &why);
	sbx_lending_note(&r, err,
		settle(l, may && r == 0, dry, &plan, &why), &why);
	s->restored = plan.missing;
	if (!dry && s->restored + s->stray > 0)
		sbx_lending_note(&r, err,
			sbx_lending_record(
				l, &none, "sync", "done", NULL, &why),
			&why);
	return r;
}

static int
sync_directory(struct sbx_lending *l, bool dry, const struct sbx_said *said,
	struct sbx_lending_sync *s, struct sbx_err *err)
{
	struct sbx_err why = { 0 };
	int r;

	if ((r = sbx_lending_enter(l, err)) != 0)
		return r;
	for (size_t i = 0; said != NULL && i < said->noffers; i++)
		s->ports += close_offer(l, &said->offers[i]);
	if (said != NULL)
		sbx_lending_note(&r, err,
			take_back(l, dry, "withdraw", is_dead, said,
				&s->withdrawn, &why),
			&why);
	if (!dry && s->ports > 0)
		sbx_lending_note(&r, err, sbx_lending_save(l, &why), &why);
	sbx_lending_note(&r, err, restore(l, said != NULL, dry, s, &why), &why);
	sbx_lending_leave(l);
	if (!dry)
		sbx_lending_note(&r, err,
			sbx_lending_finish(l, "withdraw", &why), &why);
	return r;
}

int
sbx_lending_sync(const struct sbx_conf *conf, bool dry,
	struct sbx_lending_sync *s, struct sbx_err *err)
{
	struct sbx_err why = { 0 };
	struct sbx_said said;
	struct sbx_lending l;
	int r, asked;

	memset(s, 0, sizeof(*s));
	if ((r = sbx_lending_open(&l, conf, true, err)) != 0)
		return r;
	r = sync_clocks(&l, dry, s, err);
	sbx_lending_close(&l);
	/* Without a lock, and to be interrupted: its reader may take long. */
	asked = sbx_said_ask(&said, conf, &why);
	sbx_lending_note(&r, err, asked, &why);
	if (sbx_lending_open(&l, conf, true, &why) == 0) {
		sbx_lending_note(&r, err,
			sync_directory(&l, dry, asked == 0 ? &said : NULL, s,
				&why),
			&why);
		sbx_lending_close(&l);
	}
	sbx_said_free(&said);
	return r;
}

/* ---- forget ---- */

/* Under the lock. */
static int
forget(struct sbx_lending *l, int proto, int port, bool dry,
	struct sbx_err *err)
{
	struct sbx_grants *g = &l->grants;
	struct sbx_ask ask = SBX_ASK;
	char text[16];
	size_t i, at;
	int r;

	snprintf(text, sizeof(text), "%s %d", sbx_proto_name(proto), port);
	ask.params = text;
	for (at = 0; at < g->nports; at++)
		if (g->ports[at].proto == proto && g->ports[at].port == port)
			break;
	if (at == g->nports)
		return 0;
	for (i = 0; i < g->count; i++)
		if (g->list[i].lend.proto == proto &&
			g->list[i].lend.port == port &&
			sbx_granted_left(&g->list[i]) > 0)
			return sbx_err_set(err, SBX_E_NO,
				"%s port %d: lent to %s",
				sbx_proto_name(proto), port,
				g->list[i].lend.ip);
	if (dry)
		return 0;
	if ((r = sbx_lending_record(l, &ask, "forget", "intent", NULL, err)) !=
		0)
		return r;
	g->nports--;
	memmove(&g->ports[at], &g->ports[at + 1],
		(g->nports - at) * sizeof(*g->ports));
	/* Saved first: if the rest fails, the port is closed a while longer. */
	if ((r = sbx_grants_save(l->path, g, err)) == 0)
		r = sbx_nft_load(l->conf, false, g->ports, g->nports, NULL, 0,
			err);
	sbx_lending_note(&r, err,
		sbx_lending_record(l, &ask, "forget",
			r == 0 ? "done" : "failed", r == 0 ? NULL : err, NULL),
		err);
	return r;
}

int
sbx_lending_forget(struct sbx_lending *l, int proto, int port, bool dry,
	struct sbx_err *err)
{
	int r;

	if ((r = sbx_lending_enter(l, err)) == 0) {
		r = forget(l, proto, port, dry, err);
		sbx_lending_leave(l);
	}
	return r;
}
