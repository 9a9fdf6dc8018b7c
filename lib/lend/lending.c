/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Lending: intent on record, the grant in its file as begun, firewall, plugin,
 * the grant live in its file, result on record.  When one fails the ones before
 * it are undone; when we are killed sync does it, by the file.  The plugin is
 * run without the lock of the state, so that nobody waits for it.
 */
#include <stdlib.h>
#include <string.h>

#include "base/base.h"
#include "json/json.h"
#include "node/node.h"
#include "apply/apply.h"
#include "lend/lend.h"

#define MAX_WORD 200 /* of a caller's words in the record, when refused */

int
sbx_lending_open(struct sbx_lending *l, const struct sbx_conf *conf, bool takes,
	struct sbx_err *err)
{
	int r;

	memset(l, 0, sizeof(*l));
	l->conf = conf;
	l->path = sbx_grants_path(conf);
	if ((r = sbx_root_open(&l->root, conf->audit, takes, err)) != 0)
		sbx_lending_close(l);
	return r;
}

void
sbx_lending_close(struct sbx_lending *l)
{
	if (l == NULL)
		return;
	sbx_grants_free(&l->grants);
	free(l->path);
	l->path = NULL;
	sbx_root_close(&l->root);
}

/* Without a file the ports that were lent would be forgotten, and so open to
 * all at the next load. */
int
sbx_lending_load(struct sbx_lending *l, struct sbx_err *err)
{
	struct sbx_nft nft;
	size_t i;
	int r;

	sbx_grants_free(&l->grants);
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

int
sbx_lending_enter(struct sbx_lending *l, struct sbx_err *err)
{
	int r;

	if ((r = sbx_root_enter(&l->root, err)) == 0 &&
		(r = sbx_lending_load(l, err)) != 0)
		sbx_root_leave(&l->root);
	return r;
}

void
sbx_lending_leave(struct sbx_lending *l)
{
	sbx_root_leave(&l->root);
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
	r = sbx_root_record(&l->root, doc, err);
	sbx_doc_free(doc);
	return r;
}

/* Refused before anything was done: that is a record too. */
int
sbx_lending_deny(struct sbx_lending *l, const struct sbx_ask *a,
	const char *verb, struct sbx_err *err)
{
	if (sbx_root_enter(&l->root, NULL) == 0)
		sbx_lending_record(l, a, verb, "denied", err, NULL);
	sbx_root_leave(&l->root);
	return err->code;
}

/* ---- the plugin ---- */

static char *
plugin_dir(const struct sbx_lending *l, const char *kind)
{
	struct sbx_buf b = SBX_BUF(4096);

	sbx_buf_fmt(&b, "%s/macro/%s", l->conf->run, kind);
	return b.data;
}

int
sbx_lending_plugin(const struct sbx_lending *l, const struct sbx_ask *a,
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

/* ---- grant ---- */

static int
element_set(struct sbx_lending *l, struct sbx_lend *e, struct sbx_err *err)
{
	sbx_grants_left(&l->grants, e);
	return sbx_nft_load(
		l->conf, false, l->grants.ports, l->grants.nports, e, 1, err);
}

/* A grant under way: itself, the one that it renews (params NULL: none), and
 * whether its port was open to all before. */
struct giving {
	struct sbx_granted g, before;
	bool new_port;
};

/* Open to all again, as a port that was never lent. */
static void
undo_port(struct sbx_grants *g, const struct sbx_lend *e)
{
	size_t i;

	for (i = 0; i < g->count; i++)
		if (g->list[i].state != SBX_GRANT_ENDED &&
			g->list[i].lend.proto == e->proto &&
			g->list[i].lend.port == e->port)
			return;
	for (i = 0; i < g->nports; i++)
		if (g->ports[i].proto == e->proto &&
			g->ports[i].port == e->port) {
			g->nports--;
			memmove(&g->ports[i], &g->ports[i + 1],
				(g->nports - i) * sizeof(*g->ports));
			return;
		}
}

/* As it was before, be that nothing: then what its plugin did, if it ran, is to
 * be undone too.  Failures here change nothing about why, and sync mends them. */
static void
undo(struct sbx_lending *l, struct giving *v, bool ran)
{
	struct sbx_granted *slot = sbx_grants_find(&l->grants, &v->g);
	struct sbx_lend e = v->g.lend;

	if (slot != NULL && v->before.params != NULL) {
		free(slot->params);
		*slot = v->before;
		v->before.params = NULL; /* transferred */
	} else if (slot != NULL) {
		slot->state = SBX_GRANT_ENDED;
		sbx_grants_left(&l->grants, &e);
		if (!ran || e.left > 0)
			sbx_grants_drop(&l->grants, slot);
	}
	if (v->new_port)
		undo_port(&l->grants, &e);
	element_set(l, &e, NULL);
	/* A file that cannot be written still says how it was, or begun. */
	if (l->grants.count > 0 || l->grants.nports > 0)
		sbx_grants_save(l->path, &l->grants, NULL);
	else
		sbx_lending_save(l, NULL);
}

/* Under the lock: up to where the plugin has its part. */
static int
begin(struct sbx_lending *l, const struct sbx_ask *a, struct giving *v,
	struct sbx_err *err)
{
	size_t nports = l->grants.nports;
	struct sbx_granted *had;
	struct sbx_lend e = v->g.lend;
	int r;

	if ((r = sbx_lending_record(l, a, "grant", "intent", NULL, err)) != 0)
		return r;
	had = sbx_grants_find(&l->grants, &v->g);
	if (had != NULL && had->state == SBX_GRANT_LIVE) {
		v->before = *had;
		v->before.params =
			sbx_mem_text(had->params, strlen(had->params));
	}
	if ((r = sbx_grants_put(&l->grants, &v->g, a->ttl, err)) == 0) {
		v->new_port = l->grants.nports > nports;
		v->g.since = sbx_grants_find(&l->grants, &v->g)->since;
		if ((r = sbx_grants_save(l->path, &l->grants, err)) == 0)
			r = element_set(l, &e, err);
		if (r != 0)
			undo(l, v, false);
	}
	if (r != 0)
		sbx_lending_record(l, a, "grant", "failed", err, NULL);
	return r;
}

/* Under the lock, after the plugin, whose result is r. */
static int
complete(struct sbx_lending *l, const struct sbx_ask *a, struct giving *v,
	int r, struct sbx_err *err)
{
	struct sbx_granted *slot = sbx_grants_find(&l->grants, &v->g);

	if (slot == NULL || slot->state != SBX_GRANT_BEGUN ||
		slot->since != v->g.since) {
		if (r == 0)
			r = sbx_err_set(err, SBX_E_NO,
				"%s: taken back while it was granted", a->kind);
	} else if (r != 0) {
		undo(l, v, true);
	} else {
		slot->state = SBX_GRANT_LIVE;
		if ((r = sbx_grants_save(l->path, &l->grants, err)) != 0)
			undo(l, v, true);
	}
	if (r != 0) {
		sbx_lending_record(l, a, "grant", "failed", err, NULL);
		return r;
	}
	/* It is granted and its intent on record: that the second line is
	 * missing is told, not a reason to take it back. */
	return sbx_lending_record(l, a, "grant", "done", NULL, err);
}

int
sbx_lending_grant(struct sbx_lending *l, struct sbx_ask *a, int asked,
	bool dry, struct sbx_err *err)
{
	struct giving v = { .new_port = false };
	struct sbx_err why = { 0 };
	int r = 0, now;

	if (asked != 0)
		return dry ? asked : sbx_lending_deny(l, a, "grant", err);
	if (dry || (r = sbx_root_kind(&l->root, a->kind, err)) != 0)
		return r;
	sbx_ask_granted(a, &v.g);
	v.g.state = SBX_GRANT_BEGUN;
	if ((r = sbx_lending_enter(l, err)) != 0)
		return sbx_lending_deny(l, a, "grant", err);
	r = begin(l, a, &v, err);
	sbx_lending_leave(l);
	if (r != 0)
		goto out;
	r = sbx_lending_plugin(l, a, "grant", err);
	/* From here on a failure takes back, so nothing holds it up. */
	l->root.takes = true;
	if ((now = sbx_lending_enter(l, &why)) == 0) {
		r = complete(l, a, &v, r, err);
		sbx_lending_leave(l);
	} else {
		sbx_lending_note(&r, err, now, &why);
	}
	if (r != 0 && now == 0)
		sbx_lending_finish(l, NULL, NULL);
out:
	free(v.before.params);
	sbx_root_kind_done(&l->root, a->kind);
	return r;
}

/* ---- using what is lent ---- */

static int
record_alone(struct sbx_lending *l, const struct sbx_ask *a, const char *verb,
	const char *step, const struct sbx_err *why, struct sbx_err *err)
{
	int r;

	if ((r = sbx_root_enter(&l->root, err)) == 0) {
		r = sbx_lending_record(l, a, verb, step, why, err);
		sbx_root_leave(&l->root);
	}
	return r;
}

int
sbx_lending_activate(struct sbx_lending *l, struct sbx_ask *a, bool on,
	bool dry, struct sbx_err *err)
{
	const char *verb = on ? "activate" : "deactivate";
	struct sbx_err why = { 0 };
	int r, recorded;

	if ((r = on ? sbx_ask_activate(a, l->conf, err)
		    : sbx_ask_deactivate(a, l->conf, err)) != 0)
		return dry ? r : sbx_lending_deny(l, a, verb, err);
	if (dry || (r = sbx_root_kind(&l->root, a->kind, err)) != 0)
		return r;
	recorded = record_alone(l, a, verb, "intent", NULL, &why);
	if (on && recorded != 0) {
		sbx_lending_note(&r, err, recorded, &why);
		goto out;
	}
	if ((r = sbx_lending_plugin(l, a, verb, err)) != 0) {
		if (on)
			sbx_lending_plugin(l, a, "deactivate", NULL);
		record_alone(l, a, verb, "failed", err, NULL);
	} else {
		recorded = record_alone(l, a, verb, "done", NULL, &why);
		sbx_lending_note(&r, err, recorded, &why);
	}
out:
	sbx_root_kind_done(&l->root, a->kind);
	return r;
}
