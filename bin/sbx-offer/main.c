/* SPDX-License-Identifier: Apache-2.0 */
/* Lending and borrowing services: each act is one signed entry. */
#include <stdlib.h>
#include <string.h>

#include "base/base.h"
#include "json/json.h"
#include "crypto/crypto.h"
#include "ledger/ledger.h"
#include "node/node.h"
#include "directory/directory.h"
#include "tool/tool.h"
#include "sbx-offer.h"

int
offer_open(struct offer_work *w, struct sbx_ctx *ctx, unsigned flags)
{
	int r;

	*w = (struct offer_work){ .ctx = ctx };
	if ((r = sbx_log_open(ctx->conf.db, flags, &w->log, &ctx->err)) == 0 &&
		(r = sbx_log_self(w->log, w->self, &ctx->err)) == 0 &&
		(r = sbx_state_open(w->log, &w->st, &ctx->err)) == 0 &&
		!ctx->json)
		r = sbx_tool_names(ctx, w->st);
	return r;
}

void
offer_close(struct offer_work *w)
{
	sbx_state_free(w->st);
	w->st = NULL;
	sbx_log_close(w->log);
	w->log = NULL;
}

int
offer_sign(struct offer_work *w, const char *op, const struct sbx_json *payload)
{
	struct sbx_ctx *ctx = w->ctx;
	struct sbx_err clock = { 0 };
	int r;

	sbx_state_free(w->st);
	w->st = NULL;
	r = sbx_act(w->log, &ctx->conf, op, payload, ctx->dry, &ctx->err);
	if (r == 0 && ctx->dry)
		sbx_tool_say(ctx, "would sign %s", op);
	if (r == 0 && sbx_date_tell(w->log, &clock))
		sbx_tool_warn(ctx, &clock);
	return r;
}

int
offer_sign_about(struct offer_work *w, const char *op,
	const struct sbx_json *row, const char *const *names)
{
	struct sbx_doc *doc = sbx_doc_new();
	int r;

	for (; *names != NULL; names++)
		sbx_json_add_str(doc, sbx_doc_root(doc), *names,
			sbx_json_str(row, *names));
	r = offer_sign(w, op, sbx_doc_root(doc));
	sbx_doc_free(doc);
	return r;
}

bool
offer_has(const struct sbx_json *row, const char *name, const char *text)
{
	return text != NULL && sbx_json_is(sbx_json_get(row, name), text);
}

int
offer_find(struct offer_work *w, enum sbx_find which, const char *ref,
	struct sbx_doc **doc)
{
	struct sbx_err clock = { 0 };
	int r = sbx_find(w->st, which, w->self, ref, doc, &w->ctx->err);

	/* It may be left out because of its date. */
	if (r == SBX_E_NO && sbx_date_tell(w->log, &clock)) {
		w->ctx->err = clock;
		r = clock.code;
	}
	return r;
}

bool
offer_waits(struct offer_work *w, const char *type, const char *key,
	const char *id, struct sbx_doc **doc)
{
	if (!sbx_date_waits(w->log, type, id))
		return false;
	*doc = sbx_doc_new();
	sbx_json_add_str(*doc, sbx_doc_root(*doc), key, id);
	return true;
}

/* ---- list, show ---- */

static const struct sbx_col offer_cols[] = { { "service_id", "SERVICE", 12 },
	{ "name", "NAME", 32 }, { "provider", "PROVIDER", 40 },
	{ "kind", "KIND", 16 }, { "endpoint", "ENDPOINT", 0 },
	{ "approval_mode", "MODE", 0 }, { "status", "STATUS", 0 },
	{ NULL, NULL, 0 } };

static int
list_row(void *arg, const struct sbx_json *row, struct sbx_err *err)
{
	struct sbx_ctx *ctx = arg;

	(void)err;
	if (sbx_offer_live(row) || sbx_tool_opt(ctx, "all") != NULL)
		sbx_tool_row(ctx, offer_cols, row);
	return 0;
}

static int
cmd_list(struct sbx_ctx *ctx)
{
	struct sbx_doc *one = NULL;
	struct offer_work w;
	int r;

	if ((r = offer_open(&w, ctx, 0)) != 0)
		goto out;
	if (ctx->argc == 0)
		r = sbx_state_each(
			w.st, SBX_VIEW_OFFER, NULL, list_row, ctx, &ctx->err);
	else if ((r = offer_find(&w, SBX_FIND_ANY, ctx->argv[0], &one)) == 0)
		sbx_tool_row(ctx, offer_cols, sbx_doc_root(one));
	sbx_tool_rows_end(ctx);
	if (r == 0)
		sbx_tool_none(ctx, "no member offers anything, as far as this box "
			"has heard", "sbx-pull fetches what is new");
out:
	sbx_doc_free(one);
	offer_close(&w);
	return r;
}

static void
show_member(struct sbx_ctx *ctx, const struct sbx_json *v)
{
	struct sbx_buf text = SBX_BUF(SBX_MAX_LINE),
		       safe = SBX_BUF(SBX_MAX_LINE);

	if (v->type == SBX_JSON_STRING && sbx_did_check(v->text, v->len))
		sbx_tool_label(ctx, v->text, &text);
	else if (v->type == SBX_JSON_STRING)
		sbx_buf_add(&text, v->text, v->len);
	else
		sbx_canon_write(&text, v, NULL, NULL);
	sbx_text_safe(&safe, sbx_buf_text(&text), text.len);
	sbx_tool_out(ctx, "%-14s %s", v->key, sbx_buf_text(&safe));
	sbx_buf_free(&text);
	sbx_buf_free(&safe);
}

static int
cmd_show(struct sbx_ctx *ctx)
{
	const struct sbx_json *v;
	struct sbx_doc *doc = NULL;
	struct offer_work w;
	int r;

	if ((r = offer_open(&w, ctx, 0)) == 0 &&
		(r = offer_find(&w, SBX_FIND_ANY, ctx->argv[0], &doc)) == 0) {
		if (ctx->json)
			sbx_tool_row(ctx, offer_cols, sbx_doc_root(doc));
		else
			for (v = sbx_doc_root(doc)->child; v != NULL;
				v = v->next)
				show_member(ctx, v);
	}
	sbx_doc_free(doc);
	offer_close(&w);
	return r;
}

static const struct sbx_opt publish_opts[] = {
	{ 'k', "kind", "KIND", "what kind of service it is" },
	{ 'e', "endpoint", "IP:PORT", "where on the mesh it answers" },
	{ 'm', "mode", "MODE", "auto (default), or pending: each is approved" },
	{ 'd', "description", "TEXT", "a line for people" },
	{ 'M', "macro", "KIND", "the macro that lends it" },
	{ 'p', "params", "JSON", "the macro's parameters" },
	{ 0, NULL, NULL, NULL }
};
static const struct sbx_opt list_opts[] = {
	{ 'a', "all", NULL, "withdrawn ones and strangers' too" },
	{ 0, NULL, NULL, NULL }
};
static const struct sbx_opt subs_opts[] = { { 'a', "all", NULL,
						    "those that are over too" },
	{ 'w', "waiting", NULL, "only what waits for approval" },
	{ 0, NULL, NULL, NULL } };
static const struct sbx_opt use_opts[] = { { 0, "no-activate", NULL,
						   "only get the grant" },
	{ 0, NULL, NULL, NULL } };

static const struct sbx_cmd cmds[] = { { "publish", cmd_publish, "NAME", 1, 1,
					       "offer a service, or change it",
					       publish_opts },
	{ "withdraw", cmd_withdraw, "ID", 1, 1, "offer it no longer", NULL },
	{ "list", cmd_list, "[ID]", 0, 1, "what members offer", list_opts },
	{ "show", cmd_show, "ID", 1, 1, "all about one offer", NULL },
	{ "subscribe", cmd_subscribe, "ID", 1, 1, "ask for a service", NULL },
	{ "subs", cmd_subs, "", 0, 0, "subscriptions of and to this box",
		subs_opts },
	{ "approve", cmd_approve, "SUB", 1, 1, "let a subscriber in", NULL },
	{ "reject", cmd_reject, "SUB", 1, 1, "keep a subscriber out", NULL },
	{ "cancel", cmd_cancel, "SUB|ID", 1, 1, "end a subscription of ours",
		NULL },
	{ "use", cmd_use, "ID", 1, 1, "get a grant and activate it", use_opts },
	{ "stop", cmd_stop, "ID", 1, 1, "undo what use activated", NULL },
	{ NULL, NULL, NULL, 0, 0, NULL, NULL } };

static const struct sbx_tool tool = { "sbx-offer",
	"lending and borrowing services", 0, cmds };

int
main(int argc, char **argv)
{
	return sbx_tool_main(&tool, argc, argv);
}
