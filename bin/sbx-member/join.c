/* SPDX-License-Identifier: Apache-2.0 */
/* Coming in and being put out. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/base.h"
#include "json/json.h"
#include "crypto/crypto.h"
#include "ledger/ledger.h"
#include "directory/directory.h"
#include "node/node.h"
#include "tool/tool.h"
#include "sbx-member.h"

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
issue(struct work *w, const struct sbx_invite *in)
{
	struct sbx_ctx *ctx = w->ctx;
	struct sbx_buf token = SBX_BUF(8192);
	struct sbx_key *key = NULL;
	int r;

	if ((r = sbx_key_load(ctx->conf.key, &key, &ctx->err)) != 0)
		return r;
	sbx_state_free(w->st);
	w->st = NULL;
	r = sbx_invite_issue(w->log, key, in, &token, &ctx->err);
	if (r == 0) {
		sbx_tool_one(ctx, "token", token.data);
		if (sbx_tool_opt(ctx, "qr") != NULL)
			r = sbx_tool_qr(token.data, &ctx->err);
	}
	sbx_key_free(key);
	sbx_buf_free(&token);
	return r;
}

int
cmd_invite(struct sbx_ctx *ctx)
{
	const char *given = sbx_tool_opt(ctx, "rights");
	const char *domain = sbx_tool_opt(ctx, "domain");
	const char *words[65];
	const char *once = sbx_tool_opt(ctx, "key");
	unsigned char pub[SBX_PUB_BYTES];
	struct sbx_invite in = { .rights = words,
		.domain = domain != NULL ? domain : "",
		.once = once != NULL ? pub : NULL };
	char *rights = sbx_mem_text(given != NULL ? given : "",
		given != NULL ? strlen(given) : 0);
	struct work w = { 0 };
	int r;

	if (once != NULL && !sbx_hex_parse(pub, sizeof(pub), once, strlen(once)))
		r = sbx_err_set(&ctx->err, SBX_E_USAGE,
			"option --key: not 64 hexadecimal digits");
	else if ((r = split_rights(ctx, rights, words)) != 0 ||
		(r = sbx_tool_num(ctx, "uses", 1, 1000000, 1, &in.uses)) != 0 ||
		(r = sbx_tool_num(ctx, "expires", 60, 366 * DAY, DAY,
			 &in.seconds)) != 0 ||
		(r = work_open(&w, ctx, SBX_LOG_WRITE)) != 0 ||
		(r = work_standing(&w)) != 0)
		goto out;
	if (ctx->dry)
		sbx_tool_say(ctx, "would sign an invitation");
	else
		r = issue(&w, &in);
out:
	work_close(&w);
	free(rights);
	return r;
}

/* A token has no white space: mail and chats put some around it, and fold it. */
static void
strip(struct sbx_buf *token)
{
	size_t n = 0;

	for (size_t i = 0; i < token->len; i++)
		if (strchr(" \t\r\n", token->data[i]) == NULL)
			token->data[n++] = token->data[i];
	token->len = n;
	if (token->data != NULL)
		token->data[n] = '\0';
}

static int
read_token(struct sbx_ctx *ctx, struct sbx_buf *token)
{
	int r = SBX_OK;

	if (ctx->argc > 0 && strcmp(ctx->argv[0], "-") != 0)
		sbx_buf_str(token, ctx->argv[0]);
	else
		r = sbx_io_read_fd(STDIN_FILENO, token, &ctx->err);
	if (r == 0 && !token->over &&
		strlen(sbx_buf_text(token)) == token->len) {
		strip(token);
		if (strncmp(sbx_buf_text(token), "sbx1.", 5) == 0)
			return SBX_OK;
	}
	if (r == 0) {
		strip(token);
		r = sbx_err_set(&ctx->err, SBX_E_INPUT, token->len == 0 ?
			"not an invitation: nothing%.0s" :
			"not an invitation: it begins with %.12s",
			sbx_buf_text(token));
		sbx_err_hint(&ctx->err, "take the whole line, sbx1. and on, "
			"that sbx-member invite printed");
	}
	return r;
}

static void
say_behind(struct sbx_ctx *ctx, int64_t behind)
{
	char span[SBX_SPAN_SIZE];
	struct sbx_err why = { 0 };

	sbx_span_write(span, behind);
	sbx_err_set(&why, SBX_E_SYS, "this box's clock is %s behind its "
		"inviter's: dated after the invitation all the same", span);
	sbx_tool_warn(ctx, &why);
}

int
cmd_accept(struct sbx_ctx *ctx)
{
	int64_t behind = 0;
	struct sbx_buf token = SBX_BUF(8192);
	struct sbx_key *key = NULL;
	struct sbx_log *log = NULL;
	int r;

	if ((r = read_token(ctx, &token)) == 0 &&
		(r = sbx_key_load(ctx->conf.key, &key, &ctx->err)) == 0 &&
		(r = sbx_log_open(ctx->conf.db, SBX_LOG_WRITE, &log,
			 &ctx->err)) == 0 &&
		(r = sbx_guard_check(log, &ctx->conf, &ctx->err)) == 0)
		r = sbx_invite_accept(log, key, sbx_buf_text(&token), ctx->dry,
			&behind, &ctx->err);
	if (r == 0 && behind > 0)
		say_behind(ctx, behind);
	if (r == 0)
		sbx_tool_say(ctx, ctx->dry ? "would accept" :
			"accepted: exchange entries with the inviter to be a "
			"member there");
	sbx_buf_free(&token);
	sbx_log_close(log);
	sbx_key_free(key);
	return r;
}

/* ---- revoke, expire --------------------------------------------------------- */

static struct sbx_doc *
notice(const char *target, const char *scope, int64_t cascade,
	const char *reason)
{
	struct sbx_doc *doc = sbx_doc_new();
	struct sbx_json *p = sbx_doc_root(doc);
	unsigned char id[SBX_HASH_BYTES];

	sbx_random(id, sizeof(id));
	sbx_json_add_hex(doc, p, "revocation_id", id, sizeof(id));
	sbx_json_add_str(doc, p, "target", target);
	sbx_json_add_str(doc, p, "scope", scope);
	sbx_json_add_int(doc, p, "cascade_depth", cascade);
	sbx_json_add_str(doc, p, "reason", reason);
	return doc;
}

static int
count_anchor(void *ctx, const struct sbx_json *row, struct sbx_err *err)
{
	(void)err;
	*(int *)ctx += sbx_json_is(sbx_json_get(row, "state"), "anchor");
	return SBX_OK;
}

/* A mesh without an anchor is one where nobody can put out a founder's guest
 * any more. */
static int
check_last(struct work *w, const char *did)
{
	struct sbx_ctx *ctx = w->ctx;
	struct sbx_doc *doc = NULL;
	int anchors = 0, r;
	bool is;

	if (strcmp(did, w->self) != 0 || sbx_tool_opt(ctx, "force") != NULL)
		return SBX_OK;
	if ((r = sbx_state_one(w->st, SBX_VIEW_MEMBER, did, &doc, &ctx->err)) != 0)
		return r;
	is = sbx_json_is(sbx_json_get(sbx_doc_root(doc), "state"), "anchor");
	sbx_doc_free(doc);
	if (!is)
		return SBX_OK;
	r = sbx_state_each(w->st, SBX_VIEW_MEMBER, NULL, count_anchor, &anchors,
		&ctx->err);
	if (r == 0 && anchors == 1) {
		r = sbx_err_set(&ctx->err, SBX_E_NO,
			"this box is the last anchor of the mesh");
		sbx_err_hint(&ctx->err, "-f does it all the same");
	}
	return r;
}

/* A did, whom a name means, or an invitation's id. */
static int
find_target(struct work *w, const char *text, char target[static SBX_ID_SIZE])
{
	unsigned char id[SBX_HASH_BYTES];
	struct sbx_buf who = SBX_BUF(1024);
	int r;

	if (sbx_hex_parse(id, sizeof(id), text, strlen(text))) {
		memcpy(target, text, SBX_ID_SIZE);
		return SBX_OK;
	}
	if ((r = sbx_name_resolve(w->st, text, target, &w->ctx->err)) != 0)
		return r;
	if (strcmp(text, target) != 0) {
		sbx_name_write(w->st, target, &who);
		sbx_tool_say(w->ctx, "%s", sbx_buf_text(&who));
		sbx_buf_free(&who);
	}
	return SBX_OK;
}

struct known {
	const char *self;
	char inviter[SBX_DID_SIZE]; /* this box's own before others' */
};

static int
see_inviter(void *ctx, const struct sbx_json *row, struct sbx_err *err)
{
	const char *inviter = sbx_json_str(row, "inviter");
	struct known *k = ctx;

	(void)err;
	if (k->inviter[0] == '\0' || strcmp(inviter, k->self) == 0)
		memcpy(k->inviter, inviter, SBX_DID_SIZE);
	return SBX_OK;
}

/* Would anybody heed it?  One that nobody does looks like success; -f: it is
 * signed all the same. */
static int
check_heeded(struct work *w, const char *target)
{
	struct sbx_err *err = &w->ctx->err;
	struct known k = { .self = w->self };
	const char *whose = target, *why = NULL;
	int r;

	if (sbx_tool_opt(w->ctx, "force") != NULL)
		return SBX_OK;
	if (!sbx_did_check(target, strlen(target))) {
		if ((r = sbx_state_each(w->st, SBX_VIEW_INVITE, target,
			     see_inviter, &k, err)) != 0)
			return r;
		whose = k.inviter;
	}
	if (whose[0] == '\0')
		why = "no such invitation is known here";
	else if (whose == target && !sbx_state_member(w->st, target))
		why = "it is not a member";
	else if (sbx_state_above(w->st, w->self, whose))
		return SBX_OK;
	sbx_err_set(err, SBX_E_NO, "%.64s: %s", target, why != NULL ? why :
		"this box is neither above it nor an anchor, so nobody would "
		"heed that");
	sbx_err_hint(err, "-f signs it all the same");
	return SBX_E_NO;
}

int
cmd_revoke(struct sbx_ctx *ctx)
{
	char target[SBX_ID_SIZE];
	struct sbx_doc *doc = NULL;
	struct work w = { 0 };
	int64_t cascade;
	int r;

	if ((r = sbx_tool_num(ctx, "cascade", 0, 8, 0, &cascade)) == 0 &&
		(r = work_open(&w, ctx, SBX_LOG_WRITE)) == 0 &&
		(r = work_standing(&w)) == 0 &&
		(r = find_target(&w, ctx->argv[0], target)) == 0 &&
		(r = check_heeded(&w, target)) == 0 &&
		(r = check_last(&w, target)) == 0) {
		doc = notice(target, cascade > 0 ? "cascade" : "self", cascade,
			ctx->argc > 1 ? ctx->argv[1] : "");
		r = work_sign(&w, "revoke", doc);
	}
	sbx_doc_free(doc);
	work_close(&w);
	return r;
}

struct late {
	struct work *w;
	int64_t before;
	char (*ids)[2 * SBX_PUB_BYTES + 1];
	size_t count;
};

static int
see_late(void *ctx, const struct sbx_json *row, struct sbx_err *err)
{
	const char *expires = sbx_json_str(row, "expires_at");
	struct late *l = ctx;
	int64_t used, at;

	(void)err;
	if (!sbx_json_is(sbx_json_get(row, "inviter"), l->w->self) ||
		!sbx_json_is(sbx_json_get(row, "status"), "expired") ||
		!sbx_json_int(sbx_json_get(row, "used"), 0, 0, &used) ||
		!sbx_time_parse(&at, expires, strlen(expires)) || at >= l->before)
		return SBX_OK;
	l->ids = sbx_mem_grow(l->ids, l->count + 1, sizeof(*l->ids));
	memcpy(l->ids[l->count++], sbx_json_str(row, "invite_id"),
		sizeof(*l->ids));
	return SBX_OK;
}

int
cmd_expire(struct sbx_ctx *ctx)
{
	struct work w = { 0 };
	struct late l = { .w = &w };
	struct sbx_doc *doc;
	int64_t grace;
	int r;

	if ((r = sbx_tool_num(ctx, "grace", 0, 366 * DAY, 3600, &grace)) != 0 ||
		(r = work_open(&w, ctx, SBX_LOG_WRITE)) != 0 ||
		(r = work_standing(&w)) != 0)
		goto out;
	l.before = sbx_clock_now() - grace * 1000000;
	r = sbx_state_each(w.st, SBX_VIEW_INVITE, NULL, see_late, &l, &ctx->err);
	for (size_t i = 0; r == 0 && i < l.count; i++) {
		doc = notice(l.ids[i], "cascade", 0, "expired unused");
		if ((r = work_sign(&w, "revoke", doc)) == 0)
			sbx_tool_one(ctx, "invite_id", l.ids[i]);
		sbx_doc_free(doc);
	}
out:
	free(l.ids);
	work_close(&w);
	return r;
}

const struct sbx_opt invite_opts[] = {
	{ 'u', "uses", "N", "how many boxes may accept it (1)" },
	{ 'e', "expires", "SECONDS", "how long it is good (86400)" },
	{ 'r', "rights", "A,B", "rights it names" },
	{ 'd', "domain", "NAME", "domain it is for" },
	{ 'k', "key", "HEX", "for a one-time key of the invitee's: see the page" },
	{ 0, "qr", NULL, "show it as a QR code too, on standard error" },
	{ 0, NULL, NULL, NULL } };
const struct sbx_opt revoke_opts[] = {
	{ 'c', "cascade", "N", "and whom it invited, N invitations down" },
	{ 'f', "force", NULL, "even the last anchor itself, or unheeded" },
	{ 0, NULL, NULL, NULL } };
const struct sbx_opt expire_opts[] = {
	{ 'g', "grace", "SECONDS", "leave alone what expired since (3600)" },
	{ 0, NULL, NULL, NULL } };
