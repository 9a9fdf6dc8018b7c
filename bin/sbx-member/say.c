/* SPDX-License-Identifier: Apache-2.0 */
/* What members say of each other: attestations and names; and what follows
 * from it. */
#include <stdlib.h>
#include <string.h>

#include "base/base.h"
#include "json/json.h"
#include "crypto/crypto.h"
#include "ledger/ledger.h"
#include "directory/directory.h"
#include "node/node.h"
#include "tool/tool.h"
#include "sbx-member.h"

/* ---- attest --------------------------------------------------------------- */

/* A weight of ours is from 0 to 1, in the one spelling there is for it. */
static bool
weight_ok(const char *text)
{
	return strcmp(text, "0") == 0 || strcmp(text, "1") == 0 ||
		strcmp(text, "1.0") == 0 || strcmp(text, "0.0") == 0 ||
		(strncmp(text, "0.", 2) == 0 &&
			sbx_canon_fraction(text, strlen(text)));
}

static int
check_attest(struct sbx_ctx *ctx, const char *weight, const char *until)
{
	int64_t us;

	if (!weight_ok(weight))
		return sbx_err_set(&ctx->err, SBX_E_USAGE,
			"--weight: %.40s is not a number from 0 to 1", weight);
	if (until != NULL && !sbx_time_parse(&us, until, strlen(until)))
		return sbx_err_set(&ctx->err, SBX_E_USAGE,
			"--until: %.40s is not an RFC 3339 time", until);
	if (until != NULL && us <= sbx_clock_now())
		return sbx_err_set(&ctx->err, SBX_E_USAGE,
			"--until: %.40s is over", until);
	return SBX_OK;
}

static void
add_number(struct sbx_doc *doc, struct sbx_json *obj, const char *key,
	const char *lexeme)
{
	struct sbx_json number = { .type = SBX_JSON_NUMBER, .text = lexeme,
		.len = strlen(lexeme) };

	sbx_json_add_copy(doc, obj, key, &number);
}

static struct sbx_doc *
attestation(struct sbx_ctx *ctx, const char *subject, const char *weight,
	const char *until)
{
	const char *domain = sbx_tool_opt(ctx, "domain");
	struct sbx_doc *doc = sbx_doc_new();
	struct sbx_json *p = sbx_doc_root(doc);

	sbx_json_add_str(doc, p, "subject", subject);
	sbx_json_add_str(doc, p, "context", ctx->argv[1]);
	add_number(doc, p, "weight", weight);
	sbx_json_add_str(doc, p, "domain", domain != NULL ? domain : "");
	sbx_json_add_time(doc, p, "valid_from", sbx_clock_now());
	sbx_json_add_str(doc, p, "valid_until", until);
	sbx_json_add_bool(doc, p, "revoked", sbx_tool_opt(ctx, "revoke") != NULL);
	return doc;
}

int
cmd_attest(struct sbx_ctx *ctx)
{
	const char *weight = sbx_tool_opt(ctx, "weight");
	const char *until = sbx_tool_opt(ctx, "until");
	char did[SBX_DID_SIZE];
	struct sbx_doc *doc = NULL;
	struct work w = { 0 };
	int r;

	if (weight == NULL)
		weight = "1";
	if ((r = check_attest(ctx, weight, until)) != 0 ||
		(r = work_open(&w, ctx, SBX_LOG_WRITE)) != 0 ||
		(r = work_standing(&w)) != 0 ||
		(r = sbx_name_resolve(w.st, ctx->argv[0], did, &ctx->err)) != 0)
		goto out;
	if (strcmp(did, w.self) == 0)
		r = sbx_err_set(&ctx->err, SBX_E_USAGE,
			"an attestation of oneself counts for nothing");
	else {
		doc = attestation(ctx, did, weight, until);
		r = work_sign(&w, "attest", doc);
	}
out:
	sbx_doc_free(doc);
	work_close(&w);
	return r;
}

static const struct sbx_col attest_cols[] = { { "subject", "SUBJECT", 40 },
	{ "context", "CONTEXT", 0 }, { "domain", "DOMAIN", 0 },
	{ "attester", "BY", 40 }, { "weight", "WEIGHT", 0 },
	{ "valid_until", "UNTIL", 19 }, { "status", "STATUS", 0 },
	{ NULL, NULL, 0 } };

static int
attest_row(void *arg, const struct sbx_json *row, struct sbx_err *err)
{
	struct sbx_ctx *ctx = arg;

	(void)err;
	if (sbx_tool_opt(ctx, "all") != NULL ||
		(sbx_json_is(sbx_json_get(row, "status"), "live") &&
			sbx_json_yes(row, "member")))
		sbx_tool_row(ctx, attest_cols, row);
	return SBX_OK;
}

static int
attestations(struct sbx_ctx *ctx, struct sbx_state *st)
{
	char did[SBX_DID_SIZE];
	int r = SBX_OK;

	if (ctx->argc > 0)
		r = sbx_name_resolve(st, ctx->argv[0], did, &ctx->err);
	return r != 0 ? r : sbx_state_each(st, SBX_VIEW_ATTEST,
		ctx->argc > 0 ? did : NULL, attest_row, ctx, &ctx->err);
}

int
cmd_attestations(struct sbx_ctx *ctx)
{
	int r = with_state(ctx, true, attestations);

	if (r == 0)
		sbx_tool_none(ctx, "nothing is attested", "sbx-member attest DID CONTEXT");
	return r;
}

/* ---- names ------------------------------------------------------------------ */

struct own {
	const char *self, *name;
	bool found;
};

static int
see_own(void *ctx, const struct sbx_json *row, struct sbx_err *err)
{
	struct own *o = ctx;

	(void)err;
	o->found = o->found ||
		(sbx_json_is(sbx_json_get(row, "binder"), o->self) &&
			sbx_json_is(sbx_json_get(row, "name"), o->name));
	return SBX_OK;
}

static int
find_own(struct work *w, const char *name)
{
	struct own o = { .self = w->self, .name = name };
	int r = sbx_state_each(w->st, SBX_VIEW_NAME, NULL, see_own, &o,
		&w->ctx->err);

	o.found = o.found || sbx_date_waits(w->log, "NameBind", name);
	return r != 0 || o.found ? r : sbx_err_set(&w->ctx->err, SBX_E_NO,
		"%.40s: this box gave nobody that name", name);
}

int
cmd_name(struct sbx_ctx *ctx)
{
	bool off = sbx_tool_opt(ctx, "remove") != NULL;
	char did[SBX_DID_SIZE];
	struct sbx_doc *doc = NULL;
	struct work w = { 0 };
	int r;

	if (off != (ctx->argc == 1))
		return sbx_err_set(&ctx->err, SBX_E_USAGE,
			off ? "a name alone is taken back" :
			      "a name and whom it is to name");
	if ((r = work_open(&w, ctx, SBX_LOG_WRITE)) != 0 ||
		(r = work_standing(&w)) != 0 ||
		(!off && (r = sbx_name_resolve(w.st, ctx->argv[1], did,
				  &ctx->err)) != 0))
		goto out;
	if (off && ((r = find_own(&w, ctx->argv[0])) != 0))
		goto out;
	doc = sbx_doc_new();
	sbx_json_add_str(doc, sbx_doc_root(doc), "name", ctx->argv[0]);
	if (!off)
		sbx_json_add_str(doc, sbx_doc_root(doc), "did", did);
	r = work_sign(&w, off ? "name_revoke" : "name_bind", doc);
	if (r == SBX_E_USAGE)
		sbx_err_hint(&ctx->err, "a lower-case letter, then 1 to 31 of "
			"a-z, 0-9 and -");
out:
	sbx_doc_free(doc);
	work_close(&w);
	return r;
}

static const struct sbx_col name_cols[] = { { "name", "NAME", 0 },
	{ "did", "DID", 0 }, { "binder", "BY", 40 }, { "status", "STATUS", 0 },
	{ NULL, NULL, 0 } };

static int
name_row(void *arg, const struct sbx_json *row, struct sbx_err *err)
{
	(void)err;
	if (sbx_json_yes(row, "member"))
		sbx_tool_row(arg, name_cols, row);
	return SBX_OK;
}

static int
names(struct sbx_ctx *ctx, struct sbx_state *st)
{
	return sbx_state_each(st, SBX_VIEW_NAME, NULL, name_row, ctx, &ctx->err);
}

int
cmd_names(struct sbx_ctx *ctx)
{
	int r = with_state(ctx, true, names);

	if (r == 0)
		sbx_tool_none(ctx, "no name was given", "sbx-member name NAME DID gives one");
	return r;
}

/* ---- can ---------------------------------------------------------------------- */

static const struct sbx_col leg_cols[] = { { "holds", "HOLDS", 0 },
	{ "leg", "LEG", 0 }, { "why", "WHY", 0 }, { "entries", "ENTRIES", 0 },
	{ NULL, NULL, 0 } };

/* The first leg that fails is what the caller is told. */
static int
verdict(struct sbx_ctx *ctx, const struct sbx_json *answer)
{
	const struct sbx_json *leg;
	const char *remedy;

	if (sbx_json_yes(answer, "allowed"))
		return SBX_OK;
	leg = sbx_json_get(answer, "legs")->child;
	while (sbx_json_yes(leg, "holds"))
		leg = leg->next;
	remedy = sbx_json_str(leg, "remedy");
	if (ctx->quiet)
		return SBX_E_NO; /* the status is the answer */
	sbx_err_set(&ctx->err, SBX_E_NO, "no: %s", sbx_json_str(leg, "why"));
	if (remedy != NULL)
		sbx_err_hint(&ctx->err, "%s", remedy);
	return SBX_E_NO;
}

static int
can(struct sbx_ctx *ctx, struct sbx_state *st)
{
	const char *domain = sbx_tool_opt(ctx, "domain");
	struct sbx_doc *answer = NULL, *offer = NULL;
	char did[SBX_DID_SIZE];
	struct sbx_question q = { .subject = did, .action = ctx->argv[1],
		.target = ctx->argc > 2 ? ctx->argv[2] : "",
		.domain = domain != NULL ? domain : "" };
	int r;

	if ((r = sbx_name_resolve(st, ctx->argv[0], did, &ctx->err)) != 0)
		return r;
	if (strcmp(q.action, "service.use") == 0 &&
		sbx_find(st, SBX_FIND_ANY, "", q.target, &offer, NULL) == 0) {
		q.target = sbx_json_str(sbx_doc_root(offer), "service_id");
		q.provider = sbx_json_str(sbx_doc_root(offer), "provider");
	}
	if ((r = sbx_can(st, &q, &answer, &ctx->err)) == 0) {
		if (ctx->json)
			sbx_tool_row(ctx, NULL, sbx_doc_root(answer));
		else if (ctx->verbose)
			for (const struct sbx_json *l = sbx_json_get(
				     sbx_doc_root(answer), "legs")->child;
				l != NULL; l = l->next)
				sbx_tool_row(ctx, leg_cols, l);
		r = verdict(ctx, sbx_doc_root(answer));
	}
	sbx_doc_free(offer);
	sbx_doc_free(answer);
	return r;
}

int
cmd_can(struct sbx_ctx *ctx)
{
	return with_state(ctx, false, can);
}

const struct sbx_opt attest_opts[] = {
	{ 'd', "domain", "NAME", "for this domain alone (every one)" },
	{ 'w', "weight", "0..1", "how much it weighs (1)" },
	{ 'u', "until", "TIME", "when it ends (never)" },
	{ 0, "revoke", NULL, "take it back" }, { 0, NULL, NULL, NULL } };
const struct sbx_opt attestations_opts[] = {
	{ 'a', "all", NULL, "also what is over, and strangers'" },
	{ 0, NULL, NULL, NULL } };
const struct sbx_opt name_opts[] = { { 'd', "remove", NULL, "take it back" },
	{ 0, NULL, NULL, NULL } };
const struct sbx_opt can_opts[] = {
	{ 'd', "domain", "NAME", "in this domain" }, { 0, NULL, NULL, NULL } };
