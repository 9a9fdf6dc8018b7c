/* SPDX-License-Identifier: Apache-2.0 */
/* Who belongs to the mesh: inviting, joining, listing, revoking. */
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

int
work_open(struct work *w, struct sbx_ctx *ctx, unsigned flags)
{
	int r;

	*w = (struct work){ .ctx = ctx };
	if ((r = sbx_log_open(ctx->conf.db, flags, &w->log, &ctx->err)) == 0 &&
		((flags & SBX_LOG_WRITE) == 0 ||
			(r = sbx_guard_check(w->log, &ctx->conf, &ctx->err)) == 0) &&
		(r = sbx_log_self(w->log, w->self, &ctx->err)) == 0)
		r = sbx_state_open(w->log, &w->st, &ctx->err);
	return r;
}

void
work_close(struct work *w)
{
	sbx_state_free(w->st);
	w->st = NULL;
	sbx_log_close(w->log);
	w->log = NULL;
}

int
work_standing(struct work *w)
{
	struct sbx_err *err = &w->ctx->err;

	if (sbx_state_member(w->st, w->self))
		return SBX_OK;
	if (sbx_date_tell(w->log, err)) /* how it joined may be, too */
		return err->code;
	return sbx_err_set(&w->ctx->err, SBX_E_NO,
		"this box is not a member, so its word counts for nothing");
}

int
work_sign(struct work *w, const char *op, const struct sbx_doc *payload)
{
	struct sbx_ctx *ctx = w->ctx;
	struct sbx_err clock = { 0 };
	int r;

	/* It is a snapshot, and nothing can be written while it is open. */
	sbx_state_free(w->st);
	w->st = NULL;
	r = sbx_act(w->log, &ctx->conf, op, sbx_doc_root(payload), ctx->dry,
		&ctx->err);
	if (r == 0 && ctx->dry)
		sbx_tool_say(ctx, "would sign %s", op);
	if (r == 0 && sbx_date_tell(w->log, &clock))
		sbx_tool_warn(ctx, &clock);
	return r;
}

int
with_state(struct sbx_ctx *ctx, bool names,
	int (*fn)(struct sbx_ctx *ctx, struct sbx_state *st))
{
	struct sbx_log *log = NULL;
	struct sbx_state *st = NULL;
	int r;

	if ((r = sbx_log_open(ctx->conf.db, 0, &log, &ctx->err)) == 0 &&
		(r = sbx_state_open(log, &st, &ctx->err)) == 0 &&
		(ctx->json || !names || (r = sbx_tool_names(ctx, st)) == 0))
		r = fn(ctx, st);
	sbx_tool_rows_end(ctx);
	sbx_state_free(st);
	sbx_log_close(log);
	return r;
}

/* ---- trust -------------------------------------------------------------- */

static int
cmd_trust(struct sbx_ctx *ctx)
{
	bool yes = sbx_tool_opt(ctx, "remove") == NULL;
	struct sbx_log *log = NULL;
	int r;

	if (ctx->dry) /* the did's form is all there is to judge */
		return sbx_did_check(ctx->argv[0], strlen(ctx->argv[0])) ? SBX_OK :
			sbx_err_set(&ctx->err, SBX_E_USAGE, "not a did");
	if ((r = sbx_log_open(ctx->conf.db, SBX_LOG_WRITE, &log, &ctx->err)) == 0)
		r = sbx_log_trust(log, ctx->argv[0], yes, &ctx->err);
	sbx_log_close(log);
	return r;
}

/* ---- list, show ------------------------------------------------------------ */

static const struct sbx_col cols[] = { { "name", "NAME", 0 },
	{ "did", "DID", 0 }, { "state", "STATE", 0 }, { "depth", "DEPTH", 0 },
	{ "inviter", "INVITER", 20 }, { "since", "SINCE", 19 }, { NULL, NULL, 0 } };

static const struct sbx_col invite_cols[] = { { "invite_id", "INVITATION", 16 },
	{ "inviter", "INVITER", 20 }, { "used", "USED", 0 },
	{ "max_uses", "OF", 0 }, { "expires_at", "EXPIRES", 19 },
	{ "status", "STATUS", 0 }, { NULL, NULL, 0 } };

static int
list_row(void *arg, const struct sbx_json *row, struct sbx_err *err)
{
	struct work *w = arg;
	bool stranger = sbx_json_is(sbx_json_get(row, "state"), "observed");
	bool self = sbx_json_is(sbx_json_get(row, "did"), w->self);

	(void)err;
	if (!stranger || (self && !w->ctx->json) || sbx_tool_opt(w->ctx, "all") != NULL)
		sbx_tool_row(w->ctx, cols, row);
	if (stranger && self)
		w->stranger = true;
	return SBX_OK;
}

static int
invite_row(void *arg, const struct sbx_json *row, struct sbx_err *err)
{
	(void)err;
	sbx_tool_row(arg, invite_cols, row);
	return SBX_OK;
}

static int
show(struct sbx_ctx *ctx, struct sbx_state *st)
{
	struct sbx_doc *doc = NULL;
	char did[SBX_DID_SIZE];
	int r = sbx_name_resolve(st, ctx->argv[0], did, &ctx->err);

	if (r == 0 && (r = sbx_state_one(st, SBX_VIEW_MEMBER, did, &doc,
			       &ctx->err)) == 0)
		sbx_tool_row(ctx, cols, sbx_doc_root(doc));
	sbx_doc_free(doc);
	return r;
}

static int
invites(struct sbx_ctx *ctx, struct sbx_state *st)
{
	return sbx_state_each(st, SBX_VIEW_INVITE, NULL, invite_row, ctx,
		&ctx->err);
}

/* Who has accepted and not been heard there yet is told so: in its own list
 * it would else be missing without a word.  With -j only members are listed,
 * for scripts. */
static void
say_stranger(struct sbx_ctx *ctx)
{
	struct sbx_err e = { 0 };

	if (ctx->quiet || ctx->json)
		return;
	sbx_err_set(&e, SBX_OK, "this box is not a member yet, as far as it has "
		"heard: entries must go both ways");
	sbx_err_hint(&e, "sbx-ledger export | ssh INVITER sbx-ledger import; "
		"ssh INVITER sbx-ledger export | sbx-ledger import");
	sbx_tool_warn(ctx, &e);
}

static int
cmd_list(struct sbx_ctx *ctx)
{
	struct work w = { 0 };
	int r;

	if ((r = work_open(&w, ctx, 0)) == 0 &&
		(ctx->json || (r = sbx_tool_names(ctx, w.st)) == 0))
		r = sbx_state_each(w.st, SBX_VIEW_MEMBER, NULL, list_row, &w,
			&ctx->err);
	sbx_tool_rows_end(ctx);
	if (r == 0 && w.stranger)
		say_stranger(ctx);
	work_close(&w);
	return r;
}

static int
cmd_show(struct sbx_ctx *ctx)
{
	return with_state(ctx, true, show);
}

static int
cmd_invites(struct sbx_ctx *ctx)
{
	int r = with_state(ctx, true, invites);

	if (r == 0)
		sbx_tool_none(ctx, "no invitation", "sbx-member invite makes one");
	return r;
}

static const struct sbx_opt trust_opts[] = {
	{ 'd', "remove", NULL, "trust it no longer" }, { 0, NULL, NULL, NULL } };
static const struct sbx_opt list_opts[] = {
	{ 'a', "all", NULL, "observed strangers too" }, { 0, NULL, NULL, NULL } };
static const struct sbx_cmd cmds[] = {
	{ "trust", cmd_trust, "DID", 1, 1, "take a did for an anchor", trust_opts },
	{ "invite", cmd_invite, "", 0, 0,
		"sign an invitation and print its token", invite_opts },
	{ "accept", cmd_accept, "[TOKEN]", 0, 1,
		"join with a token (or - : standard input)", NULL },
	{ "list", cmd_list, "", 0, 0, "members, and who was revoked", list_opts },
	{ "show", cmd_show, "DID", 1, 1, "one of them", NULL },
	{ "invites", cmd_invites, "", 0, 0, "invitations and their use", NULL },
	{ "revoke", cmd_revoke, "DID|INVITATION [REASON]", 1, 2,
		"sign a revocation", revoke_opts },
	{ "expire", cmd_expire, "", 0, 0,
		"void this box's invitations that nobody used in time",
		expire_opts },
	{ "rotate", cmd_rotate, "OLD-DID", 1, 1,
		"take an old key's place with its recovery key (standard input)",
		NULL },
	{ "attest", cmd_attest, "DID CONTEXT", 2, 2,
		"sign that somebody may do something", attest_opts },
	{ "attestations", cmd_attestations, "[DID]", 0, 1, "what is attested",
		attestations_opts },
	{ "can", cmd_can, "DID ACTION [TARGET]", 2, 3, "may this one do that?",
		can_opts },
	{ "name", cmd_name, "NAME [DID]", 1, 2, "give somebody a short name",
		name_opts },
	{ "names", cmd_names, "", 0, 0, "who is called what", NULL },
	{ "propose", cmd_propose, "TYPE", 1, 1, "open a proposal", propose_opts },
	{ "vote", cmd_vote, "PROPOSAL for|against|abstain", 2, 2,
		"give this box's voice", vote_opts },
	{ "tally", cmd_tally, "[PROPOSAL]", 0, 1, "how proposals stand",
		tally_opts },
	{ "rules", cmd_rules, "", 0, 0, "how the mesh decides now", NULL },
	{ "emancipate", cmd_emancipate, "LEVEL", 1, 1,
		"take the mesh one level further from its founder",
		emancipate_opts },
	{ NULL, NULL, NULL, 0, 0, NULL, NULL } };

static const struct sbx_tool tool = { "sbx-member", "who belongs to the mesh", 0,
	cmds };

int
main(int argc, char **argv)
{
	return sbx_tool_main(&tool, argc, argv);
}
