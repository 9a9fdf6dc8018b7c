/* SPDX-License-Identifier: Apache-2.0 */
/* What allows or denies somebody a service, now or then, in sentences. */
#include <string.h>

#include "sbx.h"

struct why {
	char did[SBX_DID_SIZE];
	struct sbx_doc *offer;
	int64_t at;
};

/* Names mean what they mean now, whatever time is asked about. */
static int
resolve(struct sbx_ctx *ctx, struct sbx_log *log, struct why *w)
{
	struct sbx_state *st = NULL;
	int r;

	if ((r = sbx_state_open(log, &st, &ctx->err)) == 0 &&
		(r = sbx_name_resolve(st, ctx->argv[0], w->did, &ctx->err)) == 0)
		r = sbx_find(st, SBX_FIND_ANY, "", ctx->argv[1], &w->offer,
			&ctx->err);
	sbx_state_free(st);
	return r;
}

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
		sbx_tool_out(ctx, "  %s: %s", sbx_json_get(leg, "holds")->yes ?
			"yes" : "no", sbx_json_str(leg, "why"));
		id = ctx->verbose ? sbx_json_get(leg, "entries")->child : NULL;
		for (; id != NULL; id = id->next)
			sbx_tool_out(ctx, "       entry %s", id->text);
	}
}

/* What would have to be signed, and by whom, for another answer. */
static void
say_change(struct sbx_ctx *ctx, const struct sbx_json *answer)
{
	const char *id = sbx_json_str(answer, "target"), *remedy;
	const struct sbx_json *leg;

	if (sbx_json_get(answer, "allowed")->yes) {
		sbx_tool_out(ctx, "it would end when, of these, one is signed:");
		sbx_tool_out(ctx, "  by the provider: sbx-offer reject, of the "
				  "subscription, or sbx-offer withdraw %s", id);
		sbx_tool_out(ctx, "  by itself: sbx-offer cancel, of the "
				  "subscription");
		sbx_tool_out(ctx, "  by itself, one above it or an anchor: "
				  "sbx-member revoke %s",
			sbx_json_str(answer, "subject"));
		return;
	}
	sbx_tool_out(ctx, "it would be allowed when all of these are signed:");
	for (leg = sbx_json_get(answer, "legs")->child; leg != NULL;
		leg = leg->next)
		if ((remedy = sbx_json_str(leg, "remedy")) != NULL)
			sbx_tool_out(ctx, "  %s", remedy);
}

static int
answer(struct sbx_ctx *ctx, struct sbx_state *st, const struct why *w)
{
	struct sbx_question q = { .subject = w->did, .action = "service.use",
		.target = sbx_json_str(sbx_doc_root(w->offer), "service_id"),
		.domain = "" };
	struct sbx_doc *doc = NULL;
	struct sbx_json *root;
	int r;

	if ((r = sbx_can(st, &q, &doc, &ctx->err)) != 0)
		return r;
	root = sbx_doc_root(doc);
	r = sbx_json_get(root, "allowed")->yes ? SBX_OK : SBX_E_NO;
	if (ctx->json) {
		sbx_json_add_time(doc, root, "at", w->at);
		sbx_tool_row(ctx, NULL, root);
	} else {
		say_head(ctx, st, w, r == 0);
		say_legs(ctx, root);
		say_change(ctx, root);
	}
	sbx_doc_free(doc);
	return r;
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
		(r = resolve(ctx, log, &w)) != 0)
		goto out;
	r = at != NULL ? sbx_state_open_at(log, w.at, &st, &ctx->err) :
			 sbx_state_open(log, &st, &ctx->err);
	if (r == 0)
		r = answer(ctx, st, &w);
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
