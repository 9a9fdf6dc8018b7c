/* SPDX-License-Identifier: Apache-2.0 */
/* An invitation is a bearer token, so the log must not hold it: the log names
 * a one-time public key, the token carries its seed, and who accepts proves
 * with it that the token was handed over. */
#include <stdlib.h>
#include <string.h>

#include "base/base.h"
#include "json/json.h"
#include "crypto/crypto.h"
#include "record/record.h"
#include "ledger/ledger.h"
#include "directory/directory.h"
#include "node/node.h"
#include "ledger/db.h"
#include "crypto/signed.h"

#define TOKEN_PREFIX "sbx1."
#define SUM 4 /* bytes of hash behind it, which tell a damaged token */

static int
append_one(struct sbx_log *log, const struct sbx_key *key, const char *op,
	const char *type, const struct sbx_json *payload, struct sbx_err *err)
{
	struct sbx_entry *e = NULL;
	enum sbx_log_how how;
	int r;

	if ((r = sbx_entry_make(key, op, type, payload, &e, err)) == 0)
		r = sbx_log_add(log, e, &how, err);
	sbx_entry_free(e);
	return r;
}

static int
finish(struct sbx_log *log, int r, struct sbx_err *err)
{
	if (r == 0)
		return sbx_log_commit(log, err);
	sbx_log_rollback(log);
	return r;
}

/* ---- the token -------------------------------------------------------- */

static int
add_anchors(struct sbx_log *log, struct sbx_doc *doc, struct sbx_json *root,
	struct sbx_err *err)
{
	struct sbx_json *list = sbx_json_add(doc, root, "anchors",
		SBX_JSON_ARRAY);
	sqlite3_stmt *st = NULL;
	int r;

	if ((r = sbx_db_prepare(sbx_log_db(log),
		     "SELECT did FROM anchor ORDER BY did LIMIT 16", &st, err)) != 0)
		return r;
	while (sqlite3_step(st) == SQLITE_ROW)
		sbx_json_add_str(doc, list, NULL,
			(const char *)sqlite3_column_text(st, 0));
	sqlite3_finalize(st);
	if (list->count == 0)
		return sbx_err_set(err, SBX_E_USAGE, "no anchor is trusted here");
	return SBX_OK;
}

static const char *const copied[] = { "inviter", "domain", "rights",
	"expires_at", "created_at" };

static int
close_token(const struct sbx_json *root, struct sbx_buf *token,
	struct sbx_err *err)
{
	struct sbx_buf canon = SBX_BUF(SBX_MAX_LINE);
	unsigned char sum[SBX_HASH_BYTES];
	int r;

	if ((r = sbx_canon_write(&canon, root, NULL, err)) == 0) {
		sbx_hash_b2(sum, canon.data, canon.len);
		sbx_buf_add(&canon, sum, SUM);
		sbx_buf_str(token, TOKEN_PREFIX);
		sbx_b64url_write(token, canon.data, canon.len);
		if (canon.len > SBX_MAX_TOKEN || token->over)
			r = sbx_err_set(err, SBX_E_USAGE,
				"too many rights for a token");
	}
	sbx_buf_free(&canon);
	return r;
}

/* once NULL: another has the one-time key and adds its seed. */
static int
write_token(struct sbx_log *log, const struct sbx_key *once,
	const struct sbx_json *invitation, struct sbx_buf *token,
	struct sbx_err *err)
{
	struct sbx_doc *doc = sbx_doc_new();
	struct sbx_json *root = sbx_doc_root(doc);
	int r;

	for (size_t i = 0; i < sizeof(copied) / sizeof(copied[0]); i++)
		sbx_json_add_copy(doc, root, copied[i],
			sbx_json_get(invitation, copied[i]));
	if (once != NULL)
		sbx_json_add_hex(doc, root, "seed", sbx_key_seed(once),
			SBX_SEED_BYTES);
	else
		sbx_json_add_copy(doc, root, "invite_id",
			sbx_json_get(invitation, "invite_id"));
	if ((r = add_anchors(log, doc, root, err)) == 0)
		r = close_token(root, token, err);
	sbx_doc_free(doc);
	return r;
}

int
sbx_invite_issue(struct sbx_log *log, const struct sbx_key *key,
	const struct sbx_invite *in, struct sbx_buf *token, struct sbx_err *err)
{
	struct sbx_doc *doc = sbx_doc_new();
	struct sbx_json *p = sbx_doc_root(doc), *rights;
	struct sbx_key *once = NULL;
	int64_t now;
	int r;

	if ((r = sbx_date(log, "Invitation", p, &now, err)) != 0 ||
		(in->once == NULL && (r = sbx_key_new(&once, err)) != 0))
		goto out;
	sbx_json_add_str(doc, p, "inviter", sbx_key_did(key));
	sbx_json_add_hex(doc, p, "invite_id",
		once != NULL ? sbx_key_pub(once) : in->once, SBX_PUB_BYTES);
	sbx_json_add_str(doc, p, "domain", in->domain);
	rights = sbx_json_add(doc, p, "rights", SBX_JSON_ARRAY);
	for (const char *const *w = in->rights; *w != NULL; w++)
		sbx_json_add_str(doc, rights, NULL, *w);
	sbx_json_add_int(doc, p, "max_uses", in->uses);
	sbx_json_add_int(doc, p, "uses", 0);
	sbx_json_add_time(doc, p, "expires_at", now + in->seconds * 1000000);
	sbx_json_add_bool(doc, p, "co_stake", false);
	sbx_json_add_time(doc, p, "created_at", now);
	if ((r = write_token(log, once, p, token, err)) == 0 &&
		(r = sbx_log_begin(log, err)) == 0) {
		if ((r = sbx_guard_still(log, err)) == 0)
			r = append_one(log, key, "invite_issue", NULL, p, err);
		r = finish(log, r, err);
	}
out:
	sbx_key_free(once);
	sbx_doc_free(doc);
	return r;
}

/* ---- accepting ---------------------------------------------------------- */

static int
token_fault(struct sbx_err *err)
{
	sbx_err_set(err, SBX_E_INPUT, "not an invitation, or a damaged one");
	sbx_err_hint(err, "take the whole line that sbx-member invite printed");
	return SBX_E_INPUT;
}

static bool
token_ok(const struct sbx_json *t)
{
	const struct sbx_json *v, *anchors = sbx_json_get(t, "anchors");
	const char *inviter = sbx_json_str(t, "inviter");
	int64_t us;

	if (inviter == NULL || !sbx_did_check(inviter, strlen(inviter)) ||
		sbx_json_str(t, "domain") == NULL || anchors == NULL ||
		anchors->type != SBX_JSON_ARRAY || anchors->count == 0)
		return false;
	for (v = anchors->child; v != NULL; v = v->next)
		if (v->type != SBX_JSON_STRING || !sbx_did_check(v->text, v->len))
			return false;
	v = sbx_json_get(t, "rights");
	if (v == NULL || v->type != SBX_JSON_ARRAY)
		return false;
	v = sbx_json_get(t, "created_at"); /* older tokens do not say */
	if (v != NULL && (v->type != SBX_JSON_STRING ||
				 !sbx_time_parse(&us, v->text, v->len)))
		return false;
	v = sbx_json_get(t, "expires_at");
	return v != NULL && v->type == SBX_JSON_STRING &&
		sbx_time_parse(&us, v->text, v->len);
}

/* What is the same in every token: all but whose the one-time key is. */
static int
open_token(const char *text, struct sbx_doc **doc, struct sbx_err *err)
{
	struct sbx_buf raw = SBX_BUF(SBX_MAX_TOKEN);
	unsigned char sum[SBX_HASH_BYTES];
	int r = SBX_OK;

	if (strncmp(text, TOKEN_PREFIX, strlen(TOKEN_PREFIX)) != 0 ||
		!sbx_b64url_parse(&raw, text + strlen(TOKEN_PREFIX),
			strlen(text) - strlen(TOKEN_PREFIX)) ||
		raw.len <= SUM)
		return sbx_buf_free(&raw), token_fault(err);
	sbx_hash_b2(sum, raw.data, raw.len - SUM);
	if (memcmp(sum, raw.data + raw.len - SUM, SUM) != 0)
		r = sbx_err_set(err, SBX_E_INPUT,
			"the invitation was changed or cut on its way");
	else if (sbx_json_parse(raw.data, raw.len - SUM, NULL, doc, NULL) != 0 ||
		!token_ok(sbx_doc_root(*doc)))
		r = token_fault(err);
	sbx_buf_free(&raw);
	return r;
}

static int
read_token(const char *text, struct sbx_doc **doc, struct sbx_key **once,
	struct sbx_err *err)
{
	unsigned char seed[SBX_SEED_BYTES];
	const char *hex;
	int r;

	if ((r = open_token(text, doc, err)) != 0)
		return r;
	hex = sbx_json_str(sbx_doc_root(*doc), "seed");
	if (hex == NULL || !sbx_hex_parse(seed, sizeof(seed), hex, strlen(hex)))
		r = token_fault(err);
	else
		r = sbx_key_from_seed(seed, once, err);
	explicit_bzero(seed, sizeof(seed));
	return r;
}

int
sbx_invite_complete(const char *text, const struct sbx_key *once,
	struct sbx_buf *token, struct sbx_err *err)
{
	struct sbx_doc *doc = NULL, *full = sbx_doc_new();
	struct sbx_json *root = sbx_doc_root(full);
	char id[2 * SBX_PUB_BYTES + 1];
	int r;

	sbx_hex_write(id, sbx_key_pub(once), SBX_PUB_BYTES);
	if ((r = open_token(text, &doc, err)) == 0 &&
		!sbx_json_is(sbx_json_get(sbx_doc_root(doc), "invite_id"), id))
		r = sbx_err_set(err, SBX_E_INPUT,
			"the invitation is for another one-time key");
	for (const struct sbx_json *v = r == 0 ? sbx_doc_root(doc)->child : NULL;
		v != NULL; v = v->next)
		if (strcmp(v->key, "invite_id") != 0)
			sbx_json_add_copy(full, root, v->key, v);
	sbx_json_add_hex(full, root, "seed", sbx_key_seed(once), SBX_SEED_BYTES);
	if (r == 0)
		r = close_token(root, token, err);
	sbx_doc_free(doc);
	sbx_doc_free(full);
	return r;
}

struct known {
	const struct sbx_json *token;
	bool judges; /* this log knows the token's inviter as a member */
	bool seen, other; /* by the token's inviter; by somebody else */
};

static int
check_known(void *ctx, const struct sbx_json *row, struct sbx_err *err)
{
	const struct sbx_json *status = sbx_json_get(row, "status");
	struct known *k = ctx;

	if (!sbx_json_is(sbx_json_get(row, "inviter"),
		    sbx_json_str(k->token, "inviter"))) {
		k->other = true;
		return SBX_OK;
	}
	k->seen = true;
	if (!sbx_json_is(sbx_json_get(row, "expires_at"),
		    sbx_json_str(k->token, "expires_at")) ||
		!sbx_json_is(sbx_json_get(row, "domain"),
			sbx_json_str(k->token, "domain")))
		return sbx_err_set(err, SBX_E_NO,
			"the token does not say what its inviter signed");
	if (sbx_json_is(status, "used"))
		return sbx_err_set(err, SBX_E_NO, "the invitation is used up");
	/* Before it has joined a box trusts itself alone: there the invitation
	 * of a founder not trusted yet stands as one that never was. */
	if (sbx_json_is(status, "revoked") && k->judges)
		return sbx_err_set(err, SBX_E_NO, "the invitation was revoked");
	return SBX_OK;
}

/* One that counts, or may count: dated before its invitation, or ahead of the
 * clock, it lets nobody in, and is said once more. */
static int
check_twice(struct sbx_log *log, const char *invite_id, const char *me,
	int64_t made, struct sbx_err *err)
{
	sqlite3_stmt *st = NULL;
	int r, step;

	if ((r = sbx_db_prepare(sbx_log_db(log),
		     "SELECT 1 FROM fact f JOIN author a ON a.id=f.author WHERE "
		     "f.type='InviteAccept' AND " SBX_CLAIMING("f", "?1")
		     " AND a.did=?2 AND f.time BETWEEN ?3 AND ?4", &st, err)) != 0)
		return r;
	sbx_db_bind_text(st, 1, invite_id);
	sbx_db_bind_text(st, 2, me);
	sqlite3_bind_int64(st, 3, made);
	sqlite3_bind_int64(st, 4, sbx_clock_now() + SBX_MAX_AHEAD);
	step = sqlite3_step(st);
	sqlite3_finalize(st);
	if (step == SQLITE_ROW)
		return sbx_err_set(err, SBX_E_NO, "already accepted by this box");
	return SBX_OK;
}

/* Not dated before it was made, nor, for everybody else, ahead of the time: too
 * far behind there is no such date. */
static int
check_clock(const struct sbx_json *token, int64_t made, struct sbx_err *err)
{
	char span[SBX_SPAN_SIZE], now[SBX_TIME_SIZE], when[SBX_TIME_SIZE];
	int64_t us = sbx_clock_now(), expires = 0;

	sbx_time_write(now, us);
	sbx_time_write(when, made);
	sbx_json_time(token, "expires_at", &expires);
	if (us > expires) {
		sbx_err_set(err, SBX_E_NO, "the invitation expired at %.40s; by "
			"this box's clock it is %s",
			sbx_json_str(token, "expires_at"), now);
		if (made != 0)
			sbx_err_hint(err, "it was made at %s by its inviter's "
				"clock: if one of the two is wrong, set it", when);
		return SBX_E_NO;
	}
	if (made < us + SBX_MAX_AHEAD)
		return SBX_OK;
	sbx_span_write(span, made - us);
	sbx_err_set(err, SBX_E_SYS, "this box's clock, at %s, is %s behind the "
		"invitation, which was made at %s", now, span, when);
	sbx_err_hint(err, "set the clock and try again; if it is right, the "
			  "inviter's is ahead");
	return SBX_E_SYS;
}

/* When the invitation was made, by the token or the log; 0: neither says. */
static int
made_at(struct sbx_log *log, const struct sbx_json *token,
	const char *invite_id, int64_t *us, struct sbx_err *err)
{
	sqlite3_stmt *st = NULL;
	int r;

	*us = 0;
	sbx_json_time(token, "created_at", us);
	if ((r = sbx_db_prepare(sbx_log_db(log),
		     "SELECT min(f.time) FROM fact f JOIN author a ON "
		     "a.id=f.author WHERE f.type='Invitation' AND "
		     SBX_CLAIMING("f", "?1") " AND a.did=?2", &st, err)) != 0)
		return r;
	sbx_db_bind_text(st, 1, invite_id);
	sbx_db_bind_text(st, 2, sbx_json_str(token, "inviter"));
	if (sqlite3_step(st) == SQLITE_ROW && sqlite3_column_int64(st, 0) > *us)
		*us = sqlite3_column_int64(st, 0);
	sqlite3_finalize(st);
	return SBX_OK;
}

/* Refused here for the caller's sake; every node judges it again. */
static int
check_open(struct sbx_log *log, const struct sbx_json *token,
	const char *invite_id, const char *me, int64_t made, struct sbx_err *err)
{
	struct known k = { .token = token };
	struct sbx_state *st = NULL;
	int r;

	if ((r = check_twice(log, invite_id, me, made, err)) != 0 ||
		(r = check_clock(token, made, err)) != 0)
		return r;
	if (strcmp(sbx_json_str(token, "inviter"), me) == 0)
		return sbx_err_set(err, SBX_E_NO, "this box issued it itself");
	if ((r = sbx_state_open(log, &st, err)) != 0)
		return r;
	k.judges = sbx_state_member(st, sbx_json_str(token, "inviter"));
	r = sbx_state_each(st, SBX_VIEW_INVITE, invite_id, check_known, &k, err);
	sbx_state_free(st);
	if (r == 0 && k.other && !k.seen)
		r = sbx_err_set(err, SBX_E_NO,
			"the invitation is another's: %s did not sign it",
			sbx_json_str(token, "inviter"));
	return r;
}

static int
prove(const struct sbx_key *once, const char *invite_id, const char *me,
	unsigned char sig[static SBX_SIG_BYTES], struct sbx_err *err)
{
	char text[256];
	size_t n = sbx_signed_pair(
		text, "", "invite_id", invite_id, "invitee", me);

	return sbx_key_sign(once, text, n, sig, err);
}

static int
add_acceptance(struct sbx_log *log, const struct sbx_key *key,
	const struct sbx_key *once, const char *invite_id,
	const struct sbx_json *token, int64_t made, struct sbx_err *err)
{
	static const char type[] = "InviteAccept";
	struct sbx_doc *doc = sbx_doc_new();
	struct sbx_json *p = sbx_doc_root(doc);
	unsigned char proof[SBX_SIG_BYTES];
	int64_t us;
	int r;

	if ((r = prove(once, invite_id, sbx_key_did(key), proof, err)) == 0) {
		sbx_json_add_str(doc, p, "invite_id", invite_id);
		sbx_json_add_copy(doc, p, "inviter", sbx_json_get(token, "inviter"));
		sbx_json_add_copy(doc, p, "domain", sbx_json_get(token, "domain"));
		sbx_json_add_copy(doc, p, "rights", sbx_json_get(token, "rights"));
		sbx_json_add_copy(doc, p, "grafted_by",
			sbx_json_get(token, "inviter"));
		sbx_json_add_hex(doc, p, "proof", proof, sizeof(proof));
		r = sbx_date(log, type, p, &us, err);
	}
	if (r == 0) {
		sbx_json_add_time(doc, p, "accepted_at", us > made ? us : made + 1);
		r = append_one(log, key, "invite_accept", type, p, err);
	}
	sbx_doc_free(doc);
	return r;
}

int
sbx_identity_add(struct sbx_log *log, const struct sbx_key *key,
	const char *inviter, struct sbx_err *err)
{
	struct sbx_doc *doc = sbx_doc_new();
	struct sbx_json *p = sbx_doc_root(doc);
	int r;

	sbx_json_add_hex(doc, p, "pubkey", sbx_key_pub(key), SBX_PUB_BYTES);
	sbx_json_add_str(doc, p, "self_cert_digest",
		sbx_key_did(key) + strlen("did:plc:"));
	sbx_json_add_str(doc, p, "state", "member");
	sbx_json_add(doc, p, "jurisdiction", SBX_JSON_ARRAY);
	sbx_json_add(doc, p, "hardware_attest", SBX_JSON_NULL);
	sbx_json_add_str(doc, p, "invited_by", inviter);
	r = append_one(log, key, inviter != NULL ? "invite_accept" : "genesis",
		"Identity", p, err);
	sbx_doc_free(doc);
	return r;
}

int
sbx_invite_accept(struct sbx_log *log, const struct sbx_key *key,
	const char *text, bool dry, int64_t *behind, struct sbx_err *err)
{
	char id[2 * SBX_PUB_BYTES + 1];
	struct sbx_doc *doc = NULL;
	struct sbx_key *once = NULL;
	const struct sbx_json *token;
	int64_t made;
	int r;

	*behind = 0;
	if ((r = read_token(text, &doc, &once, err)) != 0)
		goto out;
	token = sbx_doc_root(doc);
	sbx_hex_write(id, sbx_key_pub(once), SBX_PUB_BYTES);
	if ((r = made_at(log, token, id, &made, err)) != 0 ||
		(r = check_open(log, token, id, sbx_key_did(key), made, err)) != 0)
		goto out;
	if (made > sbx_clock_now())
		*behind = made - sbx_clock_now();
	if (dry || (r = sbx_log_begin(log, err)) != 0)
		goto out;
	if ((r = sbx_guard_still(log, err)) == 0 &&
		(r = add_acceptance(log, key, once, id, token, made, err)) == 0 &&
		(r = sbx_identity_add(log, key, sbx_json_str(token, "inviter"),
			 err)) == 0)
		/* who joins a mesh stops being an anchor of its own */
		r = sbx_log_join(log, sbx_key_did(key),
			sbx_json_get(token, "anchors"), err);
	r = finish(log, r, err);
out:
	sbx_key_free(once);
	sbx_doc_free(doc);
	return r;
}
