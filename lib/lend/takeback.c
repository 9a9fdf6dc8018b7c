/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Taking back: as ended into the file, closed, then the record and the plugins,
 * and each of them whatever became of the others: a port that stays open is
 * worse than a record that is missing.  What is ended stays in the file until
 * its plugin was told, so that sync does the rest when we are killed.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/base.h"
#include "json/json.h"
#include "node/node.h"
#include "apply/apply.h"
#include "lend/lend.h"

void
sbx_lending_note(
	int *r, struct sbx_err *err, int now, const struct sbx_err *why)
{
	if (now == 0 || *r != 0)
		return;
	*r = now;
	if (err != NULL)
		*err = *why;
}

size_t
sbx_lending_end(struct sbx_lending *l,
	bool (*fn)(const void *ctx, const struct sbx_granted *g),
	const void *ctx)
{
	struct sbx_granted *g = l->grants.list;
	size_t n = 0;

	for (size_t i = 0; i < l->grants.count; i++)
		if (g[i].state != SBX_GRANT_ENDED && fn(ctx, &g[i])) {
			g[i].state = SBX_GRANT_ENDED;
			n++;
		}
	return n;
}

int
sbx_lending_shut(struct sbx_lending *l, struct sbx_err *err)
{
	const struct sbx_grants *g = &l->grants;
	struct sbx_lend *e = sbx_mem_alloc(g->count + 1, sizeof(*e));
	size_t n = 0;
	int r = 0;

	for (size_t i = 0; i < g->count; i++)
		if (g->list[i].state == SBX_GRANT_ENDED) {
			e[n] = g->list[i].lend;
			sbx_grants_left(g, &e[n++]);
		}
	if (n > 0)
		r = sbx_nft_load(
			l->conf, false, g->ports, g->nports, e, n, err);
	free(e);
	return r;
}

int
sbx_lending_save(struct sbx_lending *l, struct sbx_err *err)
{
	int r;

	if (l->grants.count == 0 && l->grants.nports == 0 &&
		(unlink(l->path) == 0 || errno == ENOENT))
		return 0;
	if ((r = sbx_grants_save(l->path, &l->grants, err)) == 0)
		return 0;
	/* A file that still has what was taken back would bring it back at the
	 * next sync: better none, which takes away the others too. */
	unlink(l->path);
	l->unsaved = true;
	return r;
}

/* ---- the plugins' part ---- */

static int
plugin_revoke(struct sbx_lending *l, const struct sbx_granted *g,
	const char *verb, struct sbx_err *err)
{
	struct sbx_ask a = { .kind = g->kind,
		.sub = g->sub,
		.ip = g->lend.ip,
		.service = g->service[0] != '\0' ? g->service : NULL,
		.port = g->lend.port };
	int r, port;

	if ((r = sbx_macro_open(l->conf->macros, g->kind, &a.macro, err)) != 0)
		goto out;
	/* A newer plugin may declare other parameters: then it gets none. */
	if (sbx_json_parse(g->params, strlen(g->params), NULL, &a.doc, NULL) ==
			0 &&
		sbx_macro_params(&a.macro, sbx_doc_root(a.doc), &port, NULL) !=
			0) {
		sbx_doc_free(a.doc);
		a.doc = NULL;
	}
	r = sbx_lending_plugin(l, &a, "revoke", err);
out:
	if (verb != NULL && sbx_root_enter(&l->root, NULL) == 0) {
		sbx_lending_record(l, &a, verb, r == 0 ? "done" : "failed",
			r == 0 ? NULL : err, NULL);
		sbx_root_leave(&l->root);
	}
	sbx_ask_free(&a);
	return r;
}

/* With the kind's lock no grant of it is under way: what the file says is
 * granted again, or forgotten by another, needs nothing. */
static bool
still_ended(const struct sbx_lending *l, struct sbx_grants *now,
	const struct sbx_granted *g)
{
	const struct sbx_granted *slot = sbx_grants_find(now, g);

	if (l->unsaved)
		return slot == NULL || slot->state == SBX_GRANT_ENDED;
	return slot != NULL && slot->state == SBX_GRANT_ENDED;
}

static int
finish_kind(struct sbx_lending *l, const struct sbx_grants *gone,
	const char *kind, const char *verb, struct sbx_err *err)
{
	struct sbx_grants now = { 0 };
	struct sbx_granted *g;
	struct sbx_err why = { 0 };
	int r = 0;
	size_t i;

	sbx_root_kind(&l->root, kind, NULL);
	l->unsaved |= sbx_grants_load(l->path, &now, NULL) != 0;
	for (i = 0; i < gone->count; i++)
		if (gone->list[i].state == SBX_GRANT_ENDED &&
			strcmp(gone->list[i].kind, kind) == 0 &&
			still_ended(l, &now, &gone->list[i]))
			sbx_lending_note(&r, err,
				plugin_revoke(l, &gone->list[i], verb, &why),
				&why);
	sbx_grants_free(&now);
	if (!l->unsaved && sbx_lending_enter(l, NULL) == 0) {
		for (i = 0; i < gone->count; i++)
			if (gone->list[i].state == SBX_GRANT_ENDED &&
				strcmp(gone->list[i].kind, kind) == 0 &&
				(g = sbx_grants_find(&l->grants,
					 &gone->list[i])) != NULL &&
				g->state == SBX_GRANT_ENDED)
				sbx_grants_drop(&l->grants, g);
		sbx_lending_note(
			&r, err, sbx_lending_save(l, &why), &why);
		sbx_lending_leave(l);
	}
	sbx_root_kind_done(&l->root, kind);
	return r;
}

int
sbx_lending_finish(struct sbx_lending *l, const char *verb, struct sbx_err *err)
{
	struct sbx_grants gone = l->grants; /* transferred */
	struct sbx_err why = { 0 };
	size_t i, j;
	int r = 0;

	memset(&l->grants, 0, sizeof(l->grants));
	for (i = 0; i < gone.count; i++) {
		if (gone.list[i].state != SBX_GRANT_ENDED)
			continue;
		for (j = 0; j < i; j++)
			if (gone.list[j].state == SBX_GRANT_ENDED &&
				strcmp(gone.list[j].kind, gone.list[i].kind) ==
					0)
				break;
		if (j == i)
			sbx_lending_note(&r, err,
				finish_kind(l, &gone, gone.list[i].kind, verb,
					&why),
				&why);
	}
	sbx_grants_free(&gone);
	return r;
}

/* ---- revoke ---- */

static bool
meant(const void *ctx, const struct sbx_granted *g)
{
	const struct sbx_ask *a = ctx;

	return strcmp(a->kind, g->kind) == 0 &&
	       (a->sub == NULL || strcmp(a->sub, g->sub) == 0) &&
	       (a->ip == NULL || strcmp(a->ip, g->lend.ip) == 0) &&
	       (a->service == NULL || strcmp(a->service, g->service) == 0);
}

/* Nothing tells what is whose: all that could be meant is closed. */
static int
shut_blindly(struct sbx_lending *l, const char *ip, struct sbx_err *err)
{
	struct sbx_nft nft;
	size_t n = 0;
	int r;

	if ((r = sbx_nft_read(l->conf, &nft, err)) != 0)
		return r;
	for (size_t i = 0; i < nft.nlend; i++)
		if (ip == NULL || strcmp(ip, nft.lend[i].ip) == 0) {
			nft.lend[n] = nft.lend[i];
			nft.lend[n++].left = 0;
		}
	if (n > 0)
		r = sbx_nft_load(l->conf, false, nft.ports, nft.nports,
			nft.lend, n, err);
	sbx_nft_free(&nft);
	return r;
}

/* Under the lock. */
static int
revoke_now(struct sbx_lending *l, const struct sbx_ask *a, size_t *count,
	struct sbx_err *err)
{
	struct sbx_err why = { 0 };
	int r = 0;

	if ((r = sbx_lending_load(l, err)) != 0) {
		sbx_lending_note(
			&r, err, shut_blindly(l, a->ip, &why), &why);
		sbx_lending_record(l, a, "revoke", "failed", err, NULL);
		return r;
	}
	*count = sbx_lending_end(l, meant, a);
	if (*count > 0)
		sbx_lending_note(&r, err, sbx_lending_save(l, &why), &why);
	sbx_lending_note(&r, err, sbx_lending_shut(l, &why), &why);
	sbx_lending_note(&r, err,
		sbx_lending_record(l, a, "revoke", "intent", NULL, &why), &why);
	sbx_lending_note(&r, err, sbx_lending_sweep(l, &why), &why);
	return r;
}

int
sbx_lending_revoke(struct sbx_lending *l, struct sbx_ask *a, bool dry,
	size_t *count, struct sbx_err *err)
{
	struct sbx_err why = { 0 };
	int r;

	*count = 0;
	if ((r = sbx_ask_revoke(a, l->conf, err)) != 0)
		return dry ? r : sbx_lending_deny(l, a, "revoke", err);
	if (dry) {
		if ((r = sbx_lending_load(l, err)) == 0)
			*count = sbx_lending_end(l, meant, a);
		return r;
	}
	sbx_root_enter(&l->root, NULL); /* takes: it goes on whatever that says */
	r = revoke_now(l, a, count, err);
	sbx_root_leave(&l->root);
	sbx_lending_note(
		&r, err, sbx_lending_finish(l, "revoke", &why), &why);
	sbx_root_enter(&l->root, NULL);
	sbx_lending_note(&r, err,
		sbx_lending_record(l, a, "revoke", r == 0 ? "done" : "failed",
			r == 0 ? NULL : err, &why),
		&why);
	sbx_root_leave(&l->root);
	if (l->root.lock < 0)
		sbx_lending_note(&r, err, SBX_E_SYS, &l->root.unrecorded);
	return r;
}
