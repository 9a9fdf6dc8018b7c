/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Lending and taking back.  Always in this order: intent on record, firewall,
 * plugin, grants file, result on record.  When one fails the ones before it
 * are undone from the grants file, which still says how it was.  Taking back
 * differs: it goes on whatever fails, since a port that stays open is worse
 * than a record that is missing.
 */
#include <stdlib.h>
#include <string.h>
#include <syslog.h>
#include <unistd.h>

#include "base/base.h"
#include "json/json.h"
#include "node/node.h"
#include "apply/apply.h"
#include "lend/lend.h"

#define MAX_WORD 200 /* of a caller's words in the record, when refused */

int
sbx_lending_open(
	struct sbx_lending *l, const struct sbx_conf *conf, struct sbx_err *err)
{
	int r;

	memset(l, 0, sizeof(*l));
	l->conf = conf;
	l->audit.fd = -1;
	l->path = sbx_grants_path(conf);
	if ((r = sbx_audit_open(conf->audit, &l->audit, err)) != 0) {
		sbx_err_hint(err, "nothing is lent without a record");
		sbx_lending_close(l);
	}
	return r;
}

void
sbx_lending_close(struct sbx_lending *l)
{
	if (l == NULL)
		return;
	sbx_audit_close(&l->audit);
	sbx_grants_free(&l->grants);
	free(l->path);
	l->path = NULL;
}

/* Without a file the ports that were lent would be forgotten, and so open to
 * all at the next load. */
int
sbx_lending_load(struct sbx_lending *l, struct sbx_err *err)
{
	struct sbx_nft nft;
	size_t i;
	int r;

	if ((r = sbx_grants_load(l->path, &l->grants, err)) != 0 ||
		l->grants.nports > 0)
		return r;
	if ((r = sbx_nft_read(l->conf, &nft, err)) != 0)
		return r;
	for (i = 0; i < nft.nports && r == 0; i++)
		r = sbx_grants_port(
			&l->grants, nft.ports[i].proto, nft.ports[i].port, err);
	sbx_nft_free(&nft);
	return r;
}

/* ---- the record ---- */

static void
put_word(struct sbx_doc *doc, const char *key, const char *text)
{
	struct sbx_buf b = SBX_BUF(16 * MAX_WORD);

	if (text == NULL)
		return;
	sbx_text_safe(&b, text, strnlen(text, MAX_WORD));
	sbx_json_add_str(doc, sbx_doc_root(doc), key, sbx_buf_text(&b));
	sbx_buf_free(&b);
}

/* step: intent done failed denied. */
int
sbx_lending_record(struct sbx_lending *l, const struct sbx_ask *a,
	const char *verb, const char *step, const struct sbx_err *why,
	struct sbx_err *err)
{
	struct sbx_doc *doc = sbx_doc_new();
	int r;

	put_word(doc, "do", verb);
	put_word(doc, "step", step);
	put_word(doc, "kind", a->kind);
	put_word(doc, "sub", a->sub);
	put_word(doc, "src_ip", a->ip);
	put_word(doc, "service", a->service);
	put_word(doc, "subscription", a->subscription);
	put_word(doc, "endpoint", a->endpoint);
	put_word(doc, "ttl", a->ttl_text);
	if (why != NULL)
		put_word(doc, "why", why->text);
	if (a->port > 0 && a->doc != NULL)
		sbx_json_add_copy(
			doc, sbx_doc_root(doc), "params", sbx_doc_root(a->doc));
	else
		put_word(doc, "params", a->params);
	r = sbx_audit_add(&l->audit, doc, err);
	if (r != 0)
		syslog(LOG_AUTHPRIV | LOG_CRIT,
			"sbx-macroctl: no record of %s %s %s", verb,
			a->port > 0 ? a->kind : "(refused)", step);
	sbx_doc_free(doc);
	return r;
}

/* Refused before anything was done: that is a record too. */
static int
deny(struct sbx_lending *l, const struct sbx_ask *a, const char *verb,
	struct sbx_err *err)
{
	sbx_lending_record(l, a, verb, "denied", err, NULL);
	return err->code;
}

/* ---- effects ---- */

static int
element_set(struct sbx_lending *l, struct sbx_lend *e, struct sbx_err *err)
{
	sbx_grants_left(&l->grants, e);
	return sbx_nft_load(
		l->conf, false, l->grants.ports, l->grants.nports, e, 1, err);
}

static char *
plugin_dir(const struct sbx_lending *l, const char *kind)
{
	struct sbx_buf b = SBX_BUF(4096);

	sbx_buf_fmt(&b, "%s/macro/%s", l->conf->run, kind);
	return b.data;
}

static int
plugin_run(const struct sbx_lending *l, const struct sbx_ask *a,
	const char *verb, struct sbx_err *err)
{
	char *dir = plugin_dir(l, a->kind);
	const struct sbx_macro_call call = {
		.verb = verb,
		.sub = a->sub,
		.ip = a->ip,
		.service = a->service,
		.endpoint = a->endpoint,
		.port = a->port,
		.ttl = a->ttl,
		.params = a->doc != NULL ? sbx_doc_root(a->doc) : NULL,
		.dir = dir,
	};
	int r = sbx_macro_run(&a->macro, &call, err);

	free(dir);
	return r;
}

/* As it was: the file says how.  Its own failures change nothing about why. */
static void
undo(struct sbx_lending *l, const struct sbx_ask *a, struct sbx_lend *e,
	bool ran)
{
	sbx_grants_free(&l->grants);
	if (sbx_lending_load(l, NULL) != 0)
		return;
	element_set(l, e, NULL);
	if (ran && e->left == 0)
		plugin_run(l, a, "revoke", NULL);
}

static int
grant_act(struct sbx_lending *l, const struct sbx_ask *a, struct sbx_err *err)
{
	struct sbx_granted g;
	bool ran = false;
	int r;

	sbx_ask_granted(a, &g);
	if ((r = sbx_grants_put(&l->grants, &g, a->ttl, err)) == 0 &&
		(r = element_set(l, &g.lend, err)) == 0) {
		ran = true;
		r = plugin_run(l, a, "grant", err);
	}
	if (r == 0)
		r = sbx_grants_save(l->path, &l->grants, &l->audit, err);
	if (r != 0)
		undo(l, a, &g.lend, ran);
	return r;
}

int
sbx_lending_grant(struct sbx_lending *l, struct sbx_ask *a, int asked,
	bool dry, struct sbx_err *err)
{
	int r = 0;

	if (asked != 0)
		return dry ? asked : deny(l, a, "grant", err);
	if (dry || (r = sbx_lending_load(l, err)) != 0)
		return dry || r == 0 ? r : deny(l, a, "grant", err);
	if ((r = sbx_lending_record(l, a, "grant", "intent", NULL, err)) != 0)
		return r;
	if ((r = grant_act(l, a, err)) != 0) {
		sbx_lending_record(l, a, "grant", "failed", err, NULL);
		return r;
	}
	/* It is granted and its intent on record: that the second line is
	 * missing is told, not a reason to take it back. */
	return sbx_lending_record(l, a, "grant", "done", NULL, err);
}

int
sbx_lending_activate(struct sbx_lending *l, struct sbx_ask *a, bool on,
	bool dry, struct sbx_err *err)
{
	const char *verb = on ? "activate" : "deactivate";
	int r;

	if ((r = on ? sbx_ask_activate(a, l->conf, err)
		    : sbx_ask_deactivate(a, l->conf, err)) != 0)
		return dry ? r : deny(l, a, verb, err);
	if (dry)
		return 0;
	if ((r = sbx_lending_record(l, a, verb, "intent", NULL, err)) != 0)
		return r;
	if ((r = plugin_run(l, a, verb, err)) != 0) {
		if (on)
			plugin_run(l, a, "deactivate", NULL);
		sbx_lending_record(l, a, verb, "failed", err, NULL);
		return r;
	}
	return sbx_lending_record(l, a, verb, "done", NULL, err);
}

/* ---- taking back ---- */

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

/* The plugin's part, for a grant that is in no list any more. */
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
	r = plugin_run(l, &a, "revoke", err);
out:
	sbx_lending_record(l, &a, verb, r == 0 ? "done" : "failed",
		r == 0 ? NULL : err, NULL);
	sbx_ask_free(&a);
	return r;
}

/* Close what gone lists, then the rest of its undoing.  The grants are out of
 * the list already. */
int
sbx_lending_close_all(struct sbx_lending *l, const char *verb,
	const struct sbx_granted *gone, size_t count, struct sbx_err *err)
{
	struct sbx_lend *e;
	struct sbx_err why = { 0 };
	int r = 0;
	size_t i;

	if (count == 0)
		return 0;
	e = sbx_mem_alloc(count, sizeof(*e));
	for (i = 0; i < count; i++) {
		e[i] = gone[i].lend;
		sbx_grants_left(&l->grants, &e[i]);
	}
	sbx_lending_note(&r, err,
		sbx_nft_load(l->conf, false, l->grants.ports,
			l->grants.nports, e, count, &why),
		&why);
	i = (size_t)sbx_grants_save(l->path, &l->grants, &l->audit, &why);
	if (i != 0) {
		/* A file that still has the grant would bring it back at the
		 * next sync: better none, which takes away the others too. */
		unlink(l->path);
		sbx_lending_note(&r, err, SBX_E_SYS, &why);
	}
	for (i = 0; i < count; i++)
		sbx_lending_note(
			&r, err, plugin_revoke(l, &gone[i], verb, &why), &why);
	free(e);
	return r;
}

static bool
meant(const struct sbx_ask *a, const struct sbx_granted *g)
{
	return strcmp(a->kind, g->kind) == 0 &&
	       (a->sub == NULL || strcmp(a->sub, g->sub) == 0) &&
	       (a->ip == NULL || strcmp(a->ip, g->lend.ip) == 0) &&
	       (a->service == NULL || strcmp(a->service, g->service) == 0);
}

/* Move to gone, and out of the list, what fn picks; *count of them. */
size_t
sbx_lending_pick(struct sbx_lending *l, struct sbx_granted **gone,
	bool (*fn)(const void *ctx, size_t index, const struct sbx_granted *g),
	const void *ctx)
{
	size_t i, kept = 0, n = 0;

	*gone = sbx_mem_alloc(l->grants.count + 1, sizeof(**gone));
	for (i = 0; i < l->grants.count; i++) {
		struct sbx_granted *g = &l->grants.list[i];

		if (fn(ctx, i, g))
			(*gone)[n++] = *g;
		else
			l->grants.list[kept++] = *g;
	}
	l->grants.count = kept;
	return n;
}

void
sbx_lending_pick_free(struct sbx_granted *gone, size_t count)
{
	for (size_t i = 0; i < count; i++)
		free(gone[i].params);
	free(gone);
}

static bool
pick_meant(const void *ctx, size_t index, const struct sbx_granted *g)
{
	(void)index;
	return meant(ctx, g);
}

int
sbx_lending_revoke(struct sbx_lending *l, struct sbx_ask *a, bool dry,
	size_t *count, struct sbx_err *err)
{
	struct sbx_granted *gone = NULL;
	struct sbx_err why = { 0 };
	int r;

	*count = 0;
	if ((r = sbx_ask_revoke(a, l->conf, err)) != 0)
		return dry ? r : deny(l, a, "revoke", err);
	if ((r = sbx_lending_load(l, err)) != 0)
		return dry ? r : deny(l, a, "revoke", err);
	*count = sbx_lending_pick(l, &gone, pick_meant, a);
	if (dry)
		goto out;
	sbx_lending_note(&r, err,
		sbx_lending_record(l, a, "revoke", "intent", NULL, &why), &why);
	sbx_lending_note(&r, err,
		sbx_lending_close_all(l, "revoke", gone, *count, &why), &why);
	sbx_lending_note(&r, err, sbx_lending_sweep(l, &why), &why);
	sbx_lending_note(&r, err,
		sbx_lending_record(l, a, "revoke", r == 0 ? "done" : "failed",
			r == 0 ? NULL : err, &why),
		&why);
out:
	sbx_lending_pick_free(gone, *count);
	return r;
}
