/* SPDX-License-Identifier: Apache-2.0 */
/* What allows or denies somebody a service, now or then, in sentences. */
#include <string.h>

#include "base/base.h"
#include "json/json.h"
#include "system/system.h"
#include "crypto/crypto.h"
#include "ledger/ledger.h"
#include "directory/directory.h"
#include "lend/lend.h"
#include "tool/tool.h"

struct why {
	char did[SBX_DID_SIZE];
	struct sbx_doc *offer;
	int64_t at;
	bool ours, lent; /* the offer is this node's, and lent to it now */
	char subscription[SBX_ID_SIZE]; /* by that one, or "" */
};

static int
resolve(struct sbx_ctx *ctx, struct sbx_state *st, struct why *w)
{
	int r = SBX_OK;

	if (w->did[0] == '\0')
		r = sbx_name_resolve(st, ctx->argv[0], w->did, &ctx->err);
	if (r == 0 && w->offer == NULL)
		r = sbx_find(st, SBX_FIND_ANY, "", ctx->argv[1], &w->offer,
			&ctx->err);
	return r;
}

/* Names are those of then; one that nobody had yet means what it means now. */
static int
resolve_now(struct sbx_ctx *ctx, struct sbx_log *log, struct why *w)
{
	struct sbx_state *st = NULL;
	int r;

	if ((r = sbx_state_open(log, &st, &ctx->err)) == 0)
		r = resolve(ctx, st, w);
	sbx_state_free(st);
	return r;
}

/* ---- what is lent now ---- */

/* Lines of sbx-macroctl -j list. */
static void
see_lent(struct why *w, char *text)
{
	const char *service =
		sbx_json_str(sbx_doc_root(w->offer), "service_id");
	char *line, *save = NULL;

	for (line = strtok_r(text, "\n", &save); line != NULL;
		line = strtok_r(NULL, "\n", &save)) {
		struct sbx_doc *doc = NULL;
		const struct sbx_json *row;
		const char *sub;

		if (sbx_json_parse(line, strlen(line), NULL, &doc, NULL) != 0)
			continue;
		row = sbx_doc_root(doc);
		if (sbx_json_is(sbx_json_get(row, "sub"), w->did) &&
			sbx_json_is(sbx_json_get(row, "service"), service)) {
			w->lent = true;
			sub = sbx_json_str(row, "subscription");
			snprintf(w->subscription, sizeof(w->subscription), "%s",
				sub != NULL ? sub : "");
		}
		sbx_doc_free(doc);
	}
}

/* A provider grants by a subscription that is shown to it, which may come by
 * the log later: the grant says so. */
static void
look(struct sbx_ctx *ctx, struct sbx_log *log, struct why *w)
{
	const char *provider = sbx_json_str(sbx_doc_root(w->offer), "provider");
	struct sbx_buf text = SBX_BUF(SBX_RUN_MAX);
	char self[SBX_DID_SIZE];

	w->ours = sbx_tool_opt(ctx, "at") == NULL &&
		sbx_log_self(log, self, NULL) == 0 && provider != NULL &&
		strcmp(provider, self) == 0;
	if (w->ours && strcmp(ctx->conf.dir, SBX_STATEDIR) == 0 &&
		sbx_borrow_root((const char *[]){ "-j", "list", NULL }, &text,
			NULL) == 0 && text.len > 0)
		see_lent(w, text.data);
	sbx_buf_free(&text);
}

/* ---- the answer ---- */

static void
say_head(struct sbx_ctx *ctx, struct sbx_state *st, const struct why *w,
	bool allowed)
{
	const struct sbx_json *offer = sbx_doc_root(w->offer);
	struct sbx_buf who = SBX_BUF(1024), by = SBX_BUF(1024);
	char when[SBX_TIME_SIZE];

	sbx_name_write(st, w->did, &who);
	sbx_name_write(st, sbx_json_str(offer, "provider"), &by);
	sbx_time_write(when, w->at);
	sbx_tool_out(ctx, "%s %s use %s of %s%s%.19s%s", sbx_buf_text(&who),
		allowed ? "may" : "may not", sbx_json_str(offer, "name"),
		sbx_buf_text(&by),
		sbx_tool_opt(ctx, "at") != NULL ? ", as of " : "",
		sbx_tool_opt(ctx, "at") != NULL ? when : "",
		sbx_tool_opt(ctx, "at") != NULL ? " UTC" : "");
	sbx_buf_free(&who);
	sbx_buf_free(&by);
}

static void
say_legs(struct sbx_ctx *ctx, const struct sbx_json *answer)
{
	const struct sbx_json *leg, *id;

	for (leg = sbx_json_get(answer, "legs")->child; leg != NULL;
		leg = leg->next) {
		sbx_tool_out(ctx, "  %s: %s", sbx_json_yes(leg, "holds") ?
			"yes" : "no", sbx_json_str(leg, "why"));
		id = ctx->verbose ? sbx_json_get(leg, "entries")->child : NULL;
		for (; id != NULL; id = id->next)
			sbx_tool_out(ctx, "       entry %s", id->text);
	}
}

/* Whose word ends it, of those that it rests on. */
static int
say_ends(struct sbx_ctx *ctx, struct sbx_state *st, const struct why *w)
{
	const struct sbx_json *offer = sbx_doc_root(w->offer);
	const char *provider = sbx_json_str(offer, "provider"), *sub;
	const struct sbx_use use = { .subscriber = w->did,
		.service = sbx_json_str(offer, "service_id"),
		.provider = provider, .carried = w->lent,
		.subscription = w->lent && w->subscription[0] != '\0' ?
			w->subscription : NULL };
	struct sbx_buf who = SBX_BUF(1024), by = SBX_BUF(1024);
	struct sbx_verdict v;
	int r;

	if ((r = sbx_use_check(st, &use, &v, &ctx->err)) != 0)
		goto out;
	sub = v.sub_row != NULL ?
		sbx_json_str(sbx_doc_root(v.sub_row), "subscription_id") : NULL;
	sbx_name_write(st, w->did, &who);
	sbx_name_write(st, provider, &by);
	sbx_tool_out(ctx, "it would end when one of these is signed:");
	if (sub != NULL)
		sbx_tool_out(ctx, "  by %s, the provider: sbx-offer reject %s",
			sbx_buf_text(&by), sub);
	sbx_tool_out(ctx, "  by %s, the provider: sbx-offer withdraw %s",
		sbx_buf_text(&by), sbx_json_str(offer, "service_id"));
	if (sub != NULL)
		sbx_tool_out(ctx, "  by %s itself: sbx-offer cancel %s",
			sbx_buf_text(&who), sub);
	sbx_tool_out(ctx, "  by %s itself, one above it or an anchor: "
		"sbx-member revoke %s", sbx_buf_text(&who), w->did);
	sbx_tool_out(ctx, "  by %s itself, one above it or an anchor: "
		"sbx-member revoke %s", sbx_buf_text(&by), provider);
out:
	sbx_verdict_free(&v);
	sbx_buf_free(&who);
	sbx_buf_free(&by);
	return r;
}

/* What would have to be signed, and by whom, for a yes. */
static void
say_remedies(struct sbx_ctx *ctx, const struct sbx_json *answer)
{
	const struct sbx_json *leg;
	const char *remedy;

	sbx_tool_out(ctx, "it would be allowed when all of these are signed:");
	for (leg = sbx_json_get(answer, "legs")->child; leg != NULL;
		leg = leg->next)
		if ((remedy = sbx_json_str(leg, "remedy")) != NULL)
			sbx_tool_out(ctx, "  %s", remedy);
}

struct since {
	struct sbx_ctx *ctx;
	struct sbx_state *st;
	struct sbx_doc *doc;
	struct sbx_json *list;
};

static int
keep_trust(void *arg, const char *did, bool yes, int64_t when)
{
	struct since *s = arg;
	struct sbx_json *one = sbx_json_add(s->doc, s->list, NULL,
		SBX_JSON_OBJECT);

	sbx_json_add_str(s->doc, one, "did", did);
	sbx_json_add_bool(s->doc, one, "trusted", yes);
	sbx_json_add_time(s->doc, one, "at", when);
	return SBX_OK;
}

static int
say_trust(void *arg, const char *did, bool yes, int64_t when)
{
	struct sbx_buf who = SBX_BUF(1024);
	struct since *s = arg;
	char text[SBX_TIME_SIZE];

	sbx_name_write(s->st, did, &who);
	sbx_time_write(text, when);
	sbx_tool_out(s->ctx, "since then: on %.19s this node took %s for an "
		"anchor%s", text, sbx_buf_text(&who), yes ? "" : " no longer");
	sbx_buf_free(&who);
	return SBX_OK;
}

static int
answer(struct sbx_ctx *ctx, struct sbx_log *log, struct sbx_state *st,
	const struct why *w)
{
	struct sbx_question q = { .subject = w->did, .action = "service.use",
		.target = sbx_json_str(sbx_doc_root(w->offer), "service_id"),
		.domain = "",
		.provider = sbx_json_str(sbx_doc_root(w->offer), "provider"),
		.carried = w->lent,
		.subscription = w->lent && w->subscription[0] != '\0' ?
			w->subscription : NULL };
	struct since s = { .ctx = ctx, .st = st };
	struct sbx_json *root;
	bool allowed;
	int r;

	if ((r = sbx_can(st, &q, &s.doc, &ctx->err)) != 0)
		return r;
	root = sbx_doc_root(s.doc);
	allowed = sbx_json_yes(root, "allowed");
	if (ctx->json) {
		sbx_json_add_time(s.doc, root, "at", w->at);
		s.list = sbx_json_add(s.doc, root, "anchors_since",
			SBX_JSON_ARRAY);
		r = sbx_log_trusted(log, w->at, keep_trust, &s, &ctx->err);
		sbx_tool_row(ctx, NULL, root);
	} else {
		say_head(ctx, st, w, allowed);
		say_legs(ctx, root);
		r = sbx_log_trusted(log, w->at, say_trust, &s, &ctx->err);
		if (!allowed && w->ours)
			sbx_tool_out(ctx, "a subscription that this box has not "
				"heard of is not in this: sbx-pull fetches what "
				"is new");
		if (!allowed)
			say_remedies(ctx, root);
		else if (r == 0)
			r = say_ends(ctx, st, w);
	}
	sbx_doc_free(s.doc);
	return r == 0 && !allowed ? SBX_E_NO : r;
}

static int
open_then(struct sbx_ctx *ctx, struct sbx_log *log, const struct why *w,
	struct sbx_state **st)
{
	return sbx_tool_opt(ctx, "at") != NULL ?
		sbx_state_open_at(log, w->at, st, &ctx->err) :
		sbx_state_open(log, st, &ctx->err);
}

static int
cmd_why(struct sbx_ctx *ctx)
{
	const char *at = sbx_tool_opt(ctx, "at");
	struct why w = { .at = sbx_clock_now() };
	struct sbx_state *st = NULL;
	struct sbx_log *log = NULL;
	int r;

	if (at != NULL && !sbx_time_parse(&w.at, at, strlen(at)))
		return sbx_err_set(&ctx->err, SBX_E_USAGE,
			"--at: %.60s is not an RFC 3339 time", at);
	if ((r = sbx_log_open(ctx->conf.db, 0, &log, &ctx->err)) != 0 ||
		(r = open_then(ctx, log, &w, &st)) != 0)
		goto out;
	r = resolve(ctx, st, &w);
	if (r == SBX_E_NO && at != NULL) {
		sbx_state_free(st); /* there is one at a time */
		st = NULL;
		if ((r = resolve_now(ctx, log, &w)) == 0)
			r = open_then(ctx, log, &w, &st);
	}
	if (r == 0) {
		look(ctx, log, &w);
		r = answer(ctx, log, st, &w);
	}
out:
	sbx_state_free(st);
	sbx_log_close(log);
	sbx_doc_free(w.offer);
	return r;
}

static const struct sbx_opt opts[] = {
	{ 'a', "at", "TIME", "as of then, as RFC 3339 has it" },
	{ 0, NULL, NULL, NULL } };

static const struct sbx_cmd cmds[] = {
	{ "why", cmd_why, "DID SERVICE", 2, 2,
		"what allows or denies somebody a service", opts },
	{ NULL, NULL, NULL, 0, 0, NULL, NULL } };

static const struct sbx_tool tool = { "sbx-why",
	"what allows or denies somebody a service", SBX_TOOL_NOVERB, cmds };

int
main(int argc, char **argv)
{
	return sbx_tool_main(&tool, argc, argv);
}
