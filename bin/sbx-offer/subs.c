/* SPDX-License-Identifier: Apache-2.0 */
/* Subscriptions: asked for, decided about, used. */
#include <stdlib.h>
#include <string.h>

#include "base/base.h"
#include "json/json.h"
#include "ledger/ledger.h"
#include "node/node.h"
#include "directory/directory.h"
#include "lend/lend.h"
#include "tool/tool.h"
#include "sbx-offer.h"

/* What the directory says of this box and that offer; v is to be freed. */
static int
standing(struct offer_work *w, const struct sbx_json *offer,
	struct sbx_verdict *v)
{
	const struct sbx_use use = { .subscriber = w->self,
		.service = sbx_json_str(offer, "service_id"),
		.provider = sbx_json_str(offer, "provider") };

	return sbx_use_check(w->st, &use, v, &w->ctx->err);
}

static int
subscribe_anew(struct offer_work *w, const char *service,
	char id[static SBX_ID_SIZE])
{
	struct sbx_doc *doc = sbx_doc_new();
	struct sbx_json *p = sbx_doc_root(doc);
	int64_t when;
	int r;

	sbx_json_add_str(doc, p, "service_id", service);
	if ((r = sbx_date(w->log, "Subscription", p, &when, &w->ctx->err)) == 0) {
		sbx_sub_id(id, w->self, service, when);
		sbx_json_add_str(doc, p, "subscription_id", id);
		sbx_json_add_time(doc, p, "requested_at", when);
		r = offer_sign(w, "service_subscribe", p);
	}
	sbx_doc_free(doc);
	return r;
}

/* The subscription there is, or a new one. */
static int
subscribe(struct offer_work *w, const struct sbx_json *offer,
	char id[static SBX_ID_SIZE], bool *fresh)
{
	struct sbx_verdict v = { 0 };
	const char *sub = NULL;
	int r;

	if (offer_has(offer, "provider", w->self))
		return sbx_err_set(
			&w->ctx->err, SBX_E_USAGE, "an offer of this box");
	if ((r = standing(w, offer, &v)) != 0)
		goto out;
	if (v.sub_row != NULL)
		sub = sbx_json_str(sbx_doc_root(v.sub_row), "subscription_id");
	*fresh = v.sub != SBX_USE_YES && v.sub != SBX_USE_WAITING;
	if (v.sub == SBX_USE_REJECTED) {
		r = sbx_err_set(&w->ctx->err, SBX_E_NO,
			"the provider rejected subscription %.12s", sub);
		sbx_err_hint(&w->ctx->err, "it can approve that one yet");
	} else if (*fresh) {
		r = subscribe_anew(w, sbx_json_str(offer, "service_id"), id);
	} else {
		snprintf(id, SBX_ID_SIZE, "%s", sub);
	}
out:
	sbx_verdict_free(&v);
	return r;
}

int
cmd_subscribe(struct sbx_ctx *ctx)
{
	struct sbx_doc *offer = NULL;
	char id[SBX_ID_SIZE];
	struct offer_work w;
	bool fresh;
	int r;

	if ((r = offer_open(&w, ctx, SBX_LOG_WRITE)) == 0 &&
		(r = offer_find(&w, SBX_FIND_LIVE, ctx->argv[0], &offer)) ==
			0 &&
		(r = subscribe(&w, sbx_doc_root(offer), id, &fresh)) == 0) {
		if (!fresh)
			sbx_tool_say(ctx, "subscribed already");
		sbx_tool_one(ctx, "subscription_id", id);
	}
	sbx_doc_free(offer);
	offer_close(&w);
	return r;
}
static const struct sbx_col sub_cols[] = { { "subscription_id", "SUB", 12 },
	{ "name", "OFFER", 32 }, { "role", "AS", 0 }, { "peer", "WITH", 40 },
	{ "requested_at", "SINCE", 19 }, { "status", "STATUS", 0 },
	{ NULL, NULL, 0 } };

/* The offer's name, and the other side. */
static void
name_sub(struct offer_work *w, struct sbx_doc *doc)
{
	struct sbx_json *row = sbx_doc_root(doc);
	bool lend = offer_has(row, "provider", w->self);
	const char *peer = sbx_json_str(row, lend ? "subscriber" : "provider");
	const char *service = sbx_json_str(row, "service_id");
	struct sbx_doc *offer = NULL;

	if (sbx_state_one(w->st, SBX_VIEW_OFFER, service, &offer, NULL) == 0)
		sbx_json_add_str(doc, row, "name",
			sbx_json_str(sbx_doc_root(offer), "name"));
	sbx_json_add_str(doc, row, "peer", peer);
	sbx_json_add_str(doc, row, "role", lend ? "provider" : "subscriber");
	sbx_doc_free(offer);
}

static int
sub_row(void *arg, const struct sbx_json *row, struct sbx_err *err)
{
	struct offer_work *w = arg;
	struct sbx_doc *doc;

	(void)err;
	if (!offer_has(row, "provider", w->self) &&
		!offer_has(row, "subscriber", w->self))
		return 0;
	if (sbx_tool_opt(w->ctx, "waiting") != NULL
			? !offer_has(row, "status", "waiting")
			: !sbx_sub_open(row) &&
				  sbx_tool_opt(w->ctx, "all") == NULL)
		return 0;
	doc = sbx_doc_copy(row);
	name_sub(w, doc);
	sbx_tool_row(w->ctx, sub_cols, sbx_doc_root(doc));
	sbx_doc_free(doc);
	return 0;
}

int
cmd_subs(struct sbx_ctx *ctx)
{
	struct offer_work w;
	int r;

	if ((r = offer_open(&w, ctx, 0)) == 0)
		r = sbx_state_subs(w.st,
			&(struct sbx_subs){
				.subscriber = w.self, .provider = w.self },
			sub_row, &w, &ctx->err);
	if (r == 0)
		sbx_tool_none(ctx, "no such subscription",
			"sbx-offer subscribe ID asks for a service");
	offer_close(&w);
	return r;
}

static int
decide(struct sbx_ctx *ctx, const char *op, bool approves)
{
	const struct sbx_json *row;
	struct sbx_doc *doc = NULL, *offer = NULL;
	struct offer_work w;
	bool lifts; /* a rejection, which outlasts what was rejected */
	int r;

	if ((r = offer_open(&w, ctx, SBX_LOG_WRITE)) != 0 ||
		(r = offer_find(&w, SBX_FIND_SUB_TO_US, ctx->argv[0], &doc)) !=
			0)
		goto out;
	row = sbx_doc_root(doc);
	if (!approves)
		sbx_state_one(w.st, SBX_VIEW_OFFER,
			sbx_json_str(row, "service_id"), &offer, NULL);
	lifts = approves && sbx_json_yes(row, "denied");
	if (offer_has(row, "status", approves ? "live" : "rejected"))
		sbx_tool_say(ctx, "it is %s already: nothing signed",
			approves ? "live" : "rejected");
	else if (!lifts && (offer_has(row, "status", "cancelled") ||
				   offer_has(row, "status", "ended")))
		r = sbx_err_set(&ctx->err, SBX_E_NO, "the subscription is %s",
			sbx_json_str(row, "status"));
	else
		r = offer_sign_about(&w, op, row,
			(const char *[]){
				"subscription_id", "service_id", NULL });
out:
	offer_close(&w);
	if (r == 0 && offer != NULL)
		offer_take_back(ctx, sbx_doc_root(offer));
	sbx_doc_free(doc);
	sbx_doc_free(offer);
	return r;
}

int
cmd_approve(struct sbx_ctx *ctx)
{
	return decide(ctx, "service_approve", true);
}

int
cmd_reject(struct sbx_ctx *ctx)
{
	return decide(ctx, "service_reject", false);
}

struct open_sub {
	const struct sbx_json *offer;
	struct sbx_doc *doc;
};

static int
see_open(void *arg, const struct sbx_json *row, struct sbx_err *err)
{
	struct open_sub *o = arg;

	(void)err;
	if (!sbx_sub_open(row) || !offer_has(row, "provider",
		sbx_json_str(o->offer, "provider")))
		return 0;
	o->doc = sbx_doc_copy(row);
	return 1;
}

/* What is named may be the subscription or what it is a subscription to. */
static int
find_own_sub(struct offer_work *w, struct sbx_doc **doc)
{
	struct sbx_doc *offer = NULL;
	struct open_sub o = { 0 };
	struct sbx_subs subs;
	int r;

	r = offer_find(w, SBX_FIND_SUB, w->ctx->argv[0], doc);
	if (r != SBX_E_NO ||
		offer_find(w, SBX_FIND_ANY, w->ctx->argv[0], &offer) != 0)
		return r;
	o.offer = sbx_doc_root(offer);
	subs = (struct sbx_subs){ .subscriber = w->self,
		.service = sbx_json_str(o.offer, "service_id") };
	r = sbx_state_subs(w->st, &subs, see_open, &o, &w->ctx->err);
	if (r == 0)
		r = sbx_err_set(&w->ctx->err, SBX_E_NO, "not subscribed");
	else if (r > 0)
		r = SBX_OK;
	*doc = o.doc;
	sbx_doc_free(offer);
	return r;
}

int
cmd_cancel(struct sbx_ctx *ctx)
{
	struct sbx_doc *doc = NULL;
	struct offer_work w;
	int r;

	if ((r = offer_open(&w, ctx, SBX_LOG_WRITE)) == 0 &&
		(offer_waits(&w, "Subscription", "subscription_id",
			 ctx->argv[0], &doc) ||
			(r = find_own_sub(&w, &doc)) == 0))
		r = offer_sign_about(&w, "service_revoke_sub",
			sbx_doc_root(doc),
			(const char *[]){ "subscription_id", NULL });
	sbx_doc_free(doc);
	offer_close(&w);
	return r;
}

/* ---- use, stop ---- */

/* What the network side needs: by then the ledger is closed. */
static int
prepare(struct sbx_ctx *ctx, struct sbx_borrow *b)
{
	char id[SBX_ID_SIZE];
	struct offer_work w;
	bool fresh;
	int r;

	if ((r = offer_open(&w, ctx, SBX_LOG_WRITE)) != 0 ||
		(r = offer_find(&w, SBX_FIND_LIVE, ctx->argv[0], &b->offer)) !=
			0 ||
		(r = sbx_borrow_node(w.st, b, &ctx->err)) != 0 ||
		(r = subscribe(&w, sbx_doc_root(b->offer), id, &fresh)) != 0)
		goto out;
	if (!ctx->dry)
		r = sbx_borrow_sub(w.log, id, b, &ctx->err);
out:
	offer_close(&w);
	return r;
}

int
cmd_use(struct sbx_ctx *ctx)
{
	static const struct sbx_col cols[] = { { "endpoint", "ENDPOINT", 0 },
		{ "until", "UNTIL", 0 }, { "kind", "KIND", 0 },
		{ NULL, NULL, 0 } };
	struct sbx_borrow b = { .keyfile = ctx->conf.key,
		.port = ctx->conf.grant_port };
	struct sbx_doc *answer = NULL;
	int r;

	if ((r = prepare(ctx, &b)) != 0)
		goto out;
	if (ctx->dry) {
		sbx_tool_say(ctx, "would ask %s for a grant", b.address);
		goto out;
	}
	if ((r = sbx_borrow(&b, &answer, &ctx->err)) != 0)
		goto out;
	sbx_tool_row(ctx, cols, sbx_doc_root(answer));
	if (sbx_tool_opt(ctx, "no-activate") == NULL)
		r = sbx_borrow_macro(
			sbx_doc_root(b.offer), "activate", &ctx->err);
out:
	sbx_doc_free(answer);
	sbx_borrow_free(&b);
	return r;
}

int
cmd_stop(struct sbx_ctx *ctx)
{
	struct sbx_doc *offer = NULL;
	struct offer_work w;
	int r;

	if ((r = offer_open(&w, ctx, 0)) == 0)
		r = offer_find(&w, SBX_FIND_ANY, ctx->argv[0], &offer);
	offer_close(&w);
	if (r == 0 && ctx->dry)
		sbx_tool_say(ctx, "would undo what use activated");
	else if (r == 0)
		r = sbx_borrow_macro(
			sbx_doc_root(offer), "deactivate", &ctx->err);
	sbx_doc_free(offer);
	return r;
}
