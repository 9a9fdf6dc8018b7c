/* SPDX-License-Identifier: Apache-2.0 */
/* What the mesh decides together. */
#include <stdlib.h>
#include <string.h>

#include "base/base.h"
#include "json/json.h"
#include "crypto/crypto.h"
#include "record/record.h"
#include "ledger/ledger.h"
#include "node/node.h"
#include "directory/directory.h"
#include "tool/tool.h"
#include "sbx-member.h"

#define LEAST 4 /* digits of an identifier that may stand for all */

/* ---- propose ---------------------------------------------------------------- */

static int
keep_row(void *ctx, const struct sbx_json *row, struct sbx_err *err)
{
	(void)err;
	sbx_doc_free(*(struct sbx_doc **)ctx);
	*(struct sbx_doc **)ctx = sbx_doc_copy(row);
	return SBX_OK;
}

static int
rules_now(struct work *w, struct sbx_doc **doc)
{
	return sbx_state_each(w->st, SBX_VIEW_RULES, NULL, keep_row, doc,
		&w->ctx->err);
}

/* Millionths as the shortest fraction there is for them. */
static void
share_text(char out[static 32], int64_t millionths)
{
	size_t n;

	if (millionths >= 1000000) {
		snprintf(out, 32, "1");
		return;
	}
	snprintf(out, 32, "0.%06lld", (long long)millionths);
	for (n = strlen(out); n > 3 && out[n - 1] == '0'; n--)
		out[n - 1] = '\0';
}

static int
add_body(struct sbx_ctx *ctx, struct sbx_doc *doc, struct sbx_json *p)
{
	const char *body = sbx_tool_opt(ctx, "body");
	struct sbx_doc *given = NULL;
	int r;

	if (body == NULL)
		body = "{}";
	r = sbx_json_parse(body, strlen(body), NULL, &given, &ctx->err);
	if (r != 0) {
		sbx_err_at(&ctx->err, "--body");
		return ctx->err.code = SBX_E_USAGE;
	}
	sbx_json_add_copy(doc, p, "body", sbx_doc_root(given));
	sbx_doc_free(given);
	return SBX_OK;
}

static int
proposal(struct work *w, int64_t seconds, struct sbx_doc *doc,
	char id[static SBX_ID_SIZE])
{
	const char *domain = sbx_tool_opt(w->ctx, "domain");
	struct sbx_json *p = sbx_doc_root(doc), share = { 0 };
	struct sbx_doc *rules = NULL;
	int64_t now, most = 0;
	char text[32];
	int r;

	if ((r = add_body(w->ctx, doc, p)) != 0 ||
		(r = sbx_date(w->log, "Proposal", p, &now, &w->ctx->err)) != 0 ||
		(r = rules_now(w, &rules)) != 0)
		return r;
	sbx_json_int(sbx_json_get(sbx_doc_root(rules), "quorum_millionths"), 0,
		1000000, &most);
	share_text(text, most);
	share = (struct sbx_json){ .type = SBX_JSON_NUMBER, .text = text,
		.len = strlen(text) };
	sbx_json_add_str(doc, p, "proposer", w->self);
	sbx_json_add_str(doc, p, "ptype", w->ctx->argv[0]);
	sbx_json_add_str(doc, p, "domain", domain != NULL ? domain : "");
	sbx_json_add_copy(doc, p, "quorum_rule",
		sbx_json_get(sbx_doc_root(rules), "quorum_rule"));
	sbx_json_add_copy(doc, p, "quorum_threshold", &share);
	sbx_json_add_time(doc, p, "opens_at", now);
	sbx_json_add_time(doc, p, "closes_at", now + seconds * 1000000);
	sbx_json_add_int(doc, p, "tally_for", 0);
	sbx_json_add_int(doc, p, "tally_against", 0);
	sbx_json_add(doc, p, "resolved", SBX_JSON_NULL);
	sbx_json_add_time(doc, p, "created_at", now);
	sbx_doc_free(rules);
	if ((r = sbx_proposal_id(p, id)) != 0)
		return sbx_err_set(&w->ctx->err, SBX_E_USAGE,
			"--body: it has no canonical form");
	sbx_json_add_str(doc, p, "proposal_id", id);
	return SBX_OK;
}

int
cmd_propose(struct sbx_ctx *ctx)
{
	struct sbx_doc *doc = sbx_doc_new();
	struct work w = { 0 };
	int64_t seconds;
	char id[SBX_ID_SIZE];
	int r;

	if ((r = sbx_tool_num(ctx, "closes", 60, 366 * DAY, 7 * DAY,
		     &seconds)) == 0 &&
		(r = work_open(&w, ctx, SBX_LOG_WRITE)) == 0 &&
		(r = work_standing(&w)) == 0 &&
		(r = proposal(&w, seconds, doc, id)) == 0 &&
		(r = work_sign(&w, "proposal_open", doc)) == 0 && !ctx->dry)
		sbx_tool_one(ctx, "proposal_id", id);
	if (r == SBX_E_USAGE && ctx->err.hint[0] == '\0')
		sbx_err_hint(&ctx->err, "TYPE: change_protocol quorum_revision "
			"add_anchor remove_anchor emancipation add_witness "
			"remove_witness; the body is an object");
	sbx_doc_free(doc);
	work_close(&w);
	return r;
}

/* ---- vote, tally ------------------------------------------------------------- */

struct search {
	const char *ref, *self;
	struct sbx_doc *doc;
	size_t count;
	bool voted;
};

static int
see_proposal(void *ctx, const struct sbx_json *row, struct sbx_err *err)
{
	const char *id = sbx_json_str(row, "proposal_id");
	struct search *s = ctx;

	(void)err;
	if (strlen(s->ref) < LEAST || strncmp(id, s->ref, strlen(s->ref)) != 0 ||
		sbx_json_is(sbx_json_get(row, "status"), "void"))
		return SBX_OK;
	s->count++;
	return keep_row(&s->doc, row, err);
}

static int
see_vote(void *ctx, const struct sbx_json *row, struct sbx_err *err)
{
	struct search *s = ctx;

	(void)err;
	s->voted = s->voted ||
		sbx_json_is(sbx_json_get(row, "voter"), s->self);
	return SBX_OK;
}

static int
find_proposal(struct work *w, struct search *s)
{
	struct sbx_err *err = &w->ctx->err;
	int r;

	if ((r = sbx_state_each(w->st, SBX_VIEW_PROPOSAL, NULL, see_proposal, s,
		     err)) != 0)
		return r;
	if (s->count == 0)
		return sbx_err_set(err, SBX_E_NO, "no such proposal: %.70s",
			s->ref);
	if (s->count > 1)
		return sbx_err_set(err, SBX_E_USAGE, "%.70s: %zu proposals",
			s->ref, s->count);
	return SBX_OK;
}

static int
check_vote(struct work *w, struct search *s)
{
	struct sbx_err *err = &w->ctx->err;
	const char *status, *at;
	int64_t opens = 0;
	int r;

	if ((r = find_proposal(w, s)) != 0)
		return r;
	at = sbx_json_str(sbx_doc_root(s->doc), "opens_at");
	status = sbx_json_str(sbx_doc_root(s->doc), "status");
	/* Its clock may be behind the proposer's: then the voice is dated after
	 * the opening. */
	sbx_time_parse(&opens, at, strlen(at));
	if (strcmp(status, "open") != 0 && (strcmp(status, "future") != 0 ||
		opens >= sbx_clock_now() + SBX_MAX_AHEAD))
		return sbx_err_set(err, SBX_E_NO, "the proposal is not open: %s",
			status);
	if (sbx_json_is(sbx_json_get(sbx_doc_root(s->doc), "counts"), "loose") &&
		sbx_tool_opt(w->ctx, "force") == NULL) {
		sbx_err_set(err, SBX_E_NO, "the proposal's identifier is not "
			"bound to its text: another text could get this voice");
		sbx_err_hint(err, "-f gives it all the same");
		return SBX_E_NO;
	}
	r = sbx_state_each(w->st, SBX_VIEW_VOTE,
		sbx_json_str(sbx_doc_root(s->doc), "proposal_id"), see_vote, s,
		err);
	if (r == 0 && s->voted)
		r = sbx_err_set(err, SBX_E_NO, "this box has voted already");
	return r;
}

int
cmd_vote(struct sbx_ctx *ctx)
{
	static const char *const choices[] = { "for", "against", "abstain" };
	const char *choice = NULL;
	struct search s = { .ref = ctx->argv[0] };
	struct sbx_doc *doc = NULL;
	struct work w = { 0 };
	int r;

	for (size_t i = 0; i < sizeof(choices) / sizeof(choices[0]); i++)
		if (strcmp(ctx->argv[1], choices[i]) == 0)
			choice = choices[i];
	if (choice == NULL)
		return sbx_err_set(&ctx->err, SBX_E_USAGE,
			"%.40s: neither for, against nor abstain", ctx->argv[1]);
	if ((r = work_open(&w, ctx, SBX_LOG_WRITE)) != 0 ||
		(r = work_standing(&w)) != 0)
		goto out;
	s.self = w.self;
	if ((r = check_vote(&w, &s)) != 0)
		goto out;
	doc = sbx_doc_new();
	sbx_json_add_copy(doc, sbx_doc_root(doc), "proposal_id",
		sbx_json_get(sbx_doc_root(s.doc), "proposal_id"));
	sbx_json_add_str(doc, sbx_doc_root(doc), "choice", choice);
	r = work_sign(&w, "proposal_vote", doc);
out:
	sbx_doc_free(doc);
	sbx_doc_free(s.doc);
	work_close(&w);
	return r;
}

static const struct sbx_col proposal_cols[] = {
	{ "proposal_id", "PROPOSAL", 16 }, { "ptype", "TYPE", 0 },
	{ "proposer", "BY", 40 }, { "closes_at", "CLOSES", 19 },
	{ "votes_for", "FOR", 0 }, { "votes_against", "AGAINST", 0 },
	{ "votes_of", "OF", 0 }, { "status", "STATUS", 0 }, { NULL, NULL, 0 } };

static const struct sbx_col vote_cols[] = { { "voter", "VOTER", 40 },
	{ "choice", "CHOICE", 0 }, { "voted_at", "AT", 19 },
	{ NULL, NULL, 0 } };

static int
proposal_row(void *arg, const struct sbx_json *row, struct sbx_err *err)
{
	struct sbx_ctx *ctx = arg;

	(void)err;
	if (sbx_tool_opt(ctx, "all") != NULL ||
		!sbx_json_is(sbx_json_get(row, "status"), "void"))
		sbx_tool_row(ctx, proposal_cols, row);
	return SBX_OK;
}

static int
vote_row(void *arg, const struct sbx_json *row, struct sbx_err *err)
{
	(void)err;
	sbx_tool_row(arg, vote_cols, row);
	return SBX_OK;
}

static int
tally(struct sbx_ctx *ctx, struct sbx_state *st)
{
	struct work w = { .ctx = ctx, .st = st };
	struct search s = { .ref = ctx->argc > 0 ? ctx->argv[0] : "" };
	int r;

	if (ctx->argc == 0)
		return sbx_state_each(st, SBX_VIEW_PROPOSAL, NULL, proposal_row,
			ctx, &ctx->err);
	if ((r = find_proposal(&w, &s)) == 0) {
		sbx_tool_row(ctx, proposal_cols, sbx_doc_root(s.doc));
		if (ctx->verbose)
			r = sbx_state_each(st, SBX_VIEW_VOTE, sbx_json_str(
				sbx_doc_root(s.doc), "proposal_id"), vote_row,
				ctx, &ctx->err);
	}
	if (r == 0 && sbx_json_is(sbx_json_get(sbx_doc_root(s.doc), "status"),
			      "failed"))
		r = SBX_E_NO;
	sbx_doc_free(s.doc);
	return r;
}

int
cmd_tally(struct sbx_ctx *ctx)
{
	int r = with_state(ctx, true, tally);

	if (r == 0)
		sbx_tool_none(ctx, "no proposal", "sbx-member propose TYPE opens one");
	return r;
}

static const struct sbx_col rules_cols[] = { { "quorum_rule", "RULE", 0 },
	{ "quorum_millionths", "MILLIONTHS", 0 },
	{ "emancipation_level", "LEVEL", 0 },
	{ "missing", "MISSING FOR THE NEXT", 0 }, { NULL, NULL, 0 } };

static int
rules_row(void *arg, const struct sbx_json *row, struct sbx_err *err)
{
	(void)err;
	sbx_tool_row(arg, rules_cols, row);
	return SBX_OK;
}

static int
rules(struct sbx_ctx *ctx, struct sbx_state *st)
{
	return sbx_state_each(st, SBX_VIEW_RULES, NULL, rules_row, ctx, &ctx->err);
}

int
cmd_rules(struct sbx_ctx *ctx)
{
	return with_state(ctx, true, rules);
}

/* ---- emancipate ---------------------------------------------------------------- */

int
cmd_emancipate(struct sbx_ctx *ctx)
{
	const char *remove = sbx_tool_opt(ctx, "remove");
	char did[SBX_DID_SIZE];
	struct sbx_doc *doc = NULL, *rules = NULL;
	struct work w = { 0 };
	int64_t level;
	int r;

	if (!sbx_num_parse(&level, ctx->argv[0], 1, 64))
		return sbx_err_set(&ctx->err, SBX_E_USAGE, "not a level: %.40s",
			ctx->argv[0]);
	if ((r = work_open(&w, ctx, SBX_LOG_WRITE)) != 0 ||
		(r = work_standing(&w)) != 0 ||
		(remove != NULL && (r = sbx_name_resolve(w.st, remove, did,
					    &ctx->err)) != 0) ||
		(r = sbx_emancipate_check(w.st, level,
			 remove != NULL ? did : NULL, &ctx->err)) != 0 ||
		(r = rules_now(&w, &rules)) != 0)
		goto out;
	doc = sbx_doc_new();
	sbx_json_add_int(doc, sbx_doc_root(doc), "emancipation_level", level);
	sbx_json_add_copy(doc, sbx_doc_root(doc), "previous_level",
		sbx_json_get(sbx_doc_root(rules), "emancipation_level"));
	sbx_json_add_str(doc, sbx_doc_root(doc), "remove_anchor",
		remove != NULL ? did : NULL);
	sbx_json_add(doc, sbx_doc_root(doc), "milestone_evidence", SBX_JSON_NULL);
	r = work_sign(&w, "emancipate", doc);
out:
	sbx_doc_free(rules);
	sbx_doc_free(doc);
	work_close(&w);
	return r;
}

const struct sbx_opt propose_opts[] = {
	{ 'b', "body", "JSON", "what is proposed, an object ({})" },
	{ 'd', "domain", "NAME", "in this domain" },
	{ 'c', "closes", "SECONDS", "how long it is open (604800)" },
	{ 0, NULL, NULL, NULL } };
const struct sbx_opt vote_opts[] = {
	{ 'f', "force", NULL, "even where the text could yet be another" },
	{ 0, NULL, NULL, NULL } };
const struct sbx_opt tally_opts[] = {
	{ 'a', "all", NULL, "also those that do not count" },
	{ 0, NULL, NULL, NULL } };
const struct sbx_opt emancipate_opts[] = {
	{ 'r', "remove", "DID", "the founder, at the last level" },
	{ 0, NULL, NULL, NULL } };
