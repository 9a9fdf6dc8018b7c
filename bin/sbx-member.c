/* SPDX-License-Identifier: Apache-2.0 */
/* Who belongs to the mesh: inviting, joining, listing, revoking. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "sbx.h"

#define DAY 86400

static int
open_both(struct sbx_ctx *ctx, struct sbx_log **log, struct sbx_key **key)
{
	int r = sbx_key_load(ctx->conf.key, key, &ctx->err);

	if (r == 0 && (r = sbx_log_open(ctx->conf.db, SBX_LOG_WRITE, log,
			       &ctx->err)) == 0)
		r = sbx_head_check(*log, &ctx->conf, &ctx->err);
	return r;
}

/* ---- trust -------------------------------------------------------------- */

static int
cmd_trust(struct sbx_ctx *ctx)
{
	bool yes = sbx_tool_opt(ctx, "remove") == NULL;
	struct sbx_log *log = NULL;
	int r;

	if ((r = sbx_log_open(ctx->conf.db, SBX_LOG_WRITE, &log, &ctx->err)) == 0)
		r = sbx_log_trust(log, ctx->argv[0], yes, &ctx->err);
	sbx_log_close(log);
	return r;
}

/* ---- invite, accept ------------------------------------------------------ */

/* "a,b" to a list of words that point into text, which is changed. */
static int
split_rights(struct sbx_ctx *ctx, char *text, const char *words[static 65])
{
	char *save = NULL;
	size_t n = 0;

	for (char *w = strtok_r(text, ",", &save); w != NULL;
		w = strtok_r(NULL, ",", &save)) {
		if (n == 64 || strlen(w) > 128)
			return sbx_err_set(&ctx->err, SBX_E_USAGE,
				"too many rights, or one too long");
		words[n++] = w;
	}
	words[n] = NULL;
	return SBX_OK;
}

static int
check_standing(struct sbx_ctx *ctx, struct sbx_log *log, const char *did)
{
	struct sbx_state *st = NULL;
	int r;

	if ((r = sbx_state_open(log, &st, &ctx->err)) != 0)
		return r;
	if (!sbx_state_member(st, did))
		r = sbx_err_set(&ctx->err, SBX_E_NO,
			"this box is not a member, so its word counts for nothing");
	sbx_state_free(st);
	return r;
}

static int
cmd_invite(struct sbx_ctx *ctx)
{
	const char *given = sbx_tool_opt(ctx, "rights");
	const char *domain = sbx_tool_opt(ctx, "domain");
	struct sbx_buf token = SBX_BUF(8192);
	const char *words[65];
	struct sbx_invite in = { .rights = words,
		.domain = domain != NULL ? domain : "" };
	char *rights = sbx_mem_text(given != NULL ? given : "",
		given != NULL ? strlen(given) : 0);
	struct sbx_key *key = NULL;
	struct sbx_log *log = NULL;
	int r;

	if ((r = split_rights(ctx, rights, words)) != 0 ||
		(r = sbx_tool_num(ctx, "uses", 1, 1000000, 1, &in.uses)) != 0 ||
		(r = sbx_tool_num(ctx, "expires", 60, 366 * DAY, DAY,
			 &in.seconds)) != 0 ||
		(r = open_both(ctx, &log, &key)) != 0 ||
		(r = check_standing(ctx, log, sbx_key_did(key))) != 0)
		goto out;
	if (ctx->dry)
		sbx_tool_say(ctx, "would sign an invitation");
	else if ((r = sbx_invite_issue(log, key, &in, &token, &ctx->err)) == 0)
		sbx_tool_out(ctx, "%s", token.data);
out:
	sbx_buf_free(&token);
	sbx_log_close(log);
	sbx_key_free(key);
	free(rights);
	return r;
}

static int
read_token(struct sbx_ctx *ctx, struct sbx_buf *token)
{
	int r = SBX_OK;

	if (ctx->argc > 0 && strcmp(ctx->argv[0], "-") != 0)
		sbx_buf_str(token, ctx->argv[0]);
	else
		r = sbx_io_read_fd(STDIN_FILENO, token, &ctx->err);
	while (token->len > 0 && strchr(" \t\r\n", token->data[token->len - 1]))
		token->data[--token->len] = '\0';
	if (r == 0 && (token->over || strlen(sbx_buf_text(token)) != token->len))
		r = sbx_err_set(&ctx->err, SBX_E_INPUT, "not an invitation");
	return r;
}

static int
cmd_accept(struct sbx_ctx *ctx)
{
	struct sbx_buf token = SBX_BUF(8192);
	struct sbx_key *key = NULL;
	struct sbx_log *log = NULL;
	int r;

	if ((r = read_token(ctx, &token)) == 0 &&
		(r = open_both(ctx, &log, &key)) == 0) {
		r = sbx_invite_accept(log, key, sbx_buf_text(&token), &ctx->err);
		if (r == 0)
			sbx_tool_say(ctx, "accepted: exchange entries with the "
					  "inviter to be a member there");
	}
	sbx_buf_free(&token);
	sbx_log_close(log);
	sbx_key_free(key);
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
	struct sbx_ctx *ctx = arg;
	const char *state = sbx_json_str(row, "state");

	(void)err;
	if (state == NULL || strcmp(state, "observed") != 0 ||
		sbx_tool_opt(ctx, "all") != NULL || ctx->argc > 0)
		sbx_tool_row(ctx, cols, row);
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
with_state(struct sbx_ctx *ctx,
	int (*fn)(struct sbx_ctx *ctx, struct sbx_state *st))
{
	struct sbx_log *log = NULL;
	struct sbx_state *st = NULL;
	int r;

	if ((r = sbx_log_open(ctx->conf.db, 0, &log, &ctx->err)) == 0 &&
		(r = sbx_state_open(log, &st, &ctx->err)) == 0)
		r = fn(ctx, st);
	sbx_tool_rows_end(ctx);
	sbx_state_free(st);
	sbx_log_close(log);
	return r;
}

static int
list(struct sbx_ctx *ctx, struct sbx_state *st)
{
	return sbx_state_each(st, SBX_VIEW_MEMBER, NULL, list_row, ctx, &ctx->err);
}

static int
show(struct sbx_ctx *ctx, struct sbx_state *st)
{
	struct sbx_doc *doc = NULL;
	int r = sbx_state_one(st, SBX_VIEW_MEMBER, ctx->argv[0], &doc, &ctx->err);

	if (r == 0)
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

static int
cmd_list(struct sbx_ctx *ctx)
{
	return with_state(ctx, list);
}

static int
cmd_show(struct sbx_ctx *ctx)
{
	return with_state(ctx, show);
}

static int
cmd_invites(struct sbx_ctx *ctx)
{
	return with_state(ctx, invites);
}

/* ---- revoke ------------------------------------------------------------------ */

static int
sign_revocation(struct sbx_ctx *ctx, struct sbx_log *log,
	const struct sbx_key *key, int64_t cascade)
{
	struct sbx_doc *doc = sbx_doc_new();
	struct sbx_json *p = sbx_doc_root(doc);
	unsigned char id[SBX_HASH_BYTES];
	struct sbx_entry *e = NULL;
	enum sbx_log_how how;
	int r;

	sbx_random(id, sizeof(id));
	sbx_json_add_hex(doc, p, "revocation_id", id, sizeof(id));
	sbx_json_add_str(doc, p, "target", ctx->argv[0]);
	sbx_json_add_str(doc, p, "scope", cascade > 0 ? "cascade" : "self");
	sbx_json_add_int(doc, p, "cascade_depth", cascade);
	sbx_json_add_str(doc, p, "reason", ctx->argc > 1 ? ctx->argv[1] : "");
	if ((r = sbx_entry_make(key, "revoke", NULL, p, &e, &ctx->err)) == 0 &&
		!ctx->dry && (r = sbx_log_begin(log, &ctx->err)) == 0) {
		if ((r = sbx_log_add(log, e, &how, &ctx->err)) == 0)
			r = sbx_log_commit(log, &ctx->err);
		else
			sbx_log_rollback(log);
	}
	sbx_entry_free(e);
	sbx_doc_free(doc);
	return r;
}

static int
cmd_revoke(struct sbx_ctx *ctx)
{
	struct sbx_key *key = NULL;
	struct sbx_log *log = NULL;
	int64_t cascade;
	int r;

	if (!sbx_did_check(ctx->argv[0], strlen(ctx->argv[0])))
		return sbx_err_set(&ctx->err, SBX_E_USAGE, "not a did: %.60s",
			ctx->argv[0]);
	if ((r = sbx_tool_num(ctx, "cascade", 0, 8, 0, &cascade)) == 0 &&
		(r = open_both(ctx, &log, &key)) == 0 &&
		(r = check_standing(ctx, log, sbx_key_did(key))) == 0)
		r = sign_revocation(ctx, log, key, cascade);
	sbx_log_close(log);
	sbx_key_free(key);
	return r;
}

static const struct sbx_opt trust_opts[] = {
	{ 'd', "remove", NULL, "trust it no longer" }, { 0, NULL, NULL, NULL } };
static const struct sbx_opt invite_opts[] = {
	{ 'u', "uses", "N", "how many boxes may accept it (1)" },
	{ 'e', "expires", "SECONDS", "how long it is good (86400)" },
	{ 'r', "rights", "A,B", "rights it names" },
	{ 'd', "domain", "NAME", "domain it is for" }, { 0, NULL, NULL, NULL } };
static const struct sbx_opt list_opts[] = {
	{ 'a', "all", NULL, "observed strangers too" }, { 0, NULL, NULL, NULL } };
static const struct sbx_opt revoke_opts[] = {
	{ 'c', "cascade", "N", "and whom it invited, N invitations down" },
	{ 0, NULL, NULL, NULL } };

static const struct sbx_cmd cmds[] = {
	{ "trust", cmd_trust, "DID", 1, 1, "take a did for an anchor", trust_opts },
	{ "invite", cmd_invite, "", 0, 0,
		"sign an invitation and print its token", invite_opts },
	{ "accept", cmd_accept, "[TOKEN]", 0, 1,
		"join with a token (or - : standard input)", NULL },
	{ "list", cmd_list, "", 0, 0, "members, and who was revoked", list_opts },
	{ "show", cmd_show, "DID", 1, 1, "one of them", NULL },
	{ "invites", cmd_invites, "", 0, 0, "invitations and their use", NULL },
	{ "revoke", cmd_revoke, "DID [REASON]", 1, 2, "sign a revocation",
		revoke_opts },
	{ NULL, NULL, NULL, 0, 0, NULL, NULL } };

static const struct sbx_tool tool = { "sbx-member", "who belongs to the mesh", 0,
	cmds };

int
main(int argc, char **argv)
{
	return sbx_tool_main(&tool, argc, argv);
}
