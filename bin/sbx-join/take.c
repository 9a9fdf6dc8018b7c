/* SPDX-License-Identifier: Apache-2.0 */
/* The helper that the door asks by sudo: every word is checked again here. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/base.h"
#include "json/json.h"
#include "crypto/crypto.h"
#include "record/record.h"
#include "sbx-join.h"

struct take {
	struct sbx_ctx *ctx;
	struct sbx_join_request q;
	struct sbx_desk desk;
	gid_t gid;
	bool proven; /* the token's and the node's signature hold */
};

/* One line of JSON, and behind it maybe this box's log. */
static int
answer(struct take *t, int http, const char *state, const struct sbx_json *req,
	bool entries)
{
	struct sbx_ctx *ctx = t->ctx;
	struct sbx_buf out = SBX_BUF(MAX_ANSWER);
	struct sbx_doc *doc = sbx_doc_new();
	struct sbx_json *o = sbx_doc_root(doc);
	int r;

	sbx_json_add_int(doc, o, "http", http);
	if (req != NULL && entries)
		sbx_json_add_copy(doc, o, "invitation",
			sbx_json_get(req, "invitation"));
	sbx_json_add_str(doc, o, "network", ctx->conf.mesh_net);
	sbx_json_add_time(doc, o, "now", sbx_clock_now());
	if (req != NULL && sbx_json_get(req, "reason") != NULL)
		sbx_json_add_copy(doc, o, "reason", sbx_json_get(req, "reason"));
	sbx_json_add_str(doc, o, "state", state);
	r = sbx_canon_write(&out, o, NULL, &ctx->err);
	sbx_buf_str(&out, "\n");
	if (r == 0 && entries)
		r = quiet_step(ctx, ARGV(LEDGER, "export"), NULL, &out, NULL);
	if (r == 0)
		fwrite(out.data, 1, out.len, stdout);
	sbx_doc_free(doc);
	sbx_buf_free(&out);
	return r;
}

/* Who has shown the token learns why; anybody else that it is no. */
static int
deny(struct take *t, int r)
{
	struct sbx_doc *doc = sbx_doc_new();
	struct sbx_json *o = sbx_doc_root(doc);
	struct sbx_buf out = SBX_BUF(4096);
	bool tell = t->proven && r == SBX_E_NO;

	sbx_json_add_str(doc, o, "error", tell ? t->ctx->err.text : "refused");
	sbx_json_add_int(doc, o, "http", r == SBX_E_SYS ? 503 : 403);
	sbx_canon_write(&out, o, NULL, NULL);
	sbx_buf_str(&out, "\n");
	fwrite(out.data, 1, out.len, stdout);
	sbx_buf_free(&out);
	sbx_doc_free(doc);
	sbx_err_at(&t->ctx->err, "%s", t->ctx->argv[0]);
	sbx_tool_warn(t->ctx, &t->ctx->err);
	return SBX_OK; /* the answer is given */
}

static int
check(struct take *t, const struct sbx_buf *body)
{
	struct sbx_err *err = &t->ctx->err;
	struct sbx_doc *token = NULL;
	struct look l = { 0 };
	int r;

	if ((r = sbx_join_request_parse(&t->q, sbx_buf_text(body), body->len,
		     err)) != 0 ||
		(r = sbx_desk_get(&t->desk, SBX_DESK_TOKEN, t->q.token, &token,
			 err)) != 0 ||
		(r = sbx_join_request_verify(&t->q, err)) != 0 ||
		(r = look(t->ctx, &l)) != 0)
		goto out;
	if (!sbx_json_is(sbx_json_get(t->q.body, "door"), l.self))
		r = sbx_err_set(err, SBX_E_NO, "for another box's door");
	else
		t->proven = true;
out:
	look_free(&l);
	sbx_doc_free(token);
	return r;
}

/* ---- it asks ------------------------------------------------------------------------ */

static int
answer_state(struct take *t, struct sbx_doc **doc)
{
	const struct sbx_json *state = sbx_json_get(sbx_doc_root(*doc), "state");
	int r;

	if (sbx_json_is(state, "approved") || sbx_json_is(state, "entered"))
		return answer(t, 200, "approved", sbx_doc_root(*doc), true);
	if (!sbx_json_is(state, "rejected"))
		return answer(t, 202, "pending", sbx_doc_root(*doc), false);
	r = set_state(t->ctx, &t->desk, t->gid, t->q.key, sbx_doc_root(*doc),
		"rejected", "told", "yes", doc);
	return r != 0 ? r :
		answer(t, 200, "rejected", sbx_doc_root(*doc), false);
}

static int
take_request(struct take *t)
{
	struct sbx_doc *doc = NULL, *token = NULL;
	struct sbx_err *err = &t->ctx->err;
	const struct sbx_json *ask;
	bool is_new;
	int r;

	if ((r = sbx_desk_take(&t->desk, &t->q, t->ctx->argv[0], t->gid, &doc,
		     &is_new, err)) != 0 ||
		(r = sbx_desk_get(&t->desk, SBX_DESK_TOKEN, t->q.token, &token,
			 err)) != 0)
		goto out;
	/* Also one that was queued by a run which was killed then. */
	ask = sbx_json_get(sbx_doc_root(token), "ask");
	if (ask != NULL && ask->type == SBX_JSON_BOOL && !ask->yes &&
		sbx_json_is(sbx_json_get(sbx_doc_root(doc), "state"), "pending"))
		r = approve_request(t->ctx, &t->desk, t->gid, t->q.key, &doc);
	if (r == 0)
		r = answer_state(t, &doc);
out:
	sbx_doc_free(token);
	sbx_doc_free(doc);
	return r;
}

/* ---- it brings its entries ------------------------------------------------------------ */

/* What it signed itself and nothing else. */
static int
own_entries(struct take *t, struct sbx_buf *lines)
{
	struct sbx_err *err = &t->ctx->err;
	struct sbx_entry *e;
	int r = SBX_OK;

	for (const struct sbx_json *v = t->q.entries->child; v != NULL && r == 0;
		v = v->next) {
		e = NULL;
		if ((r = sbx_entry_parse(v->text, v->len, &e, err)) == 0 &&
			strcmp(e->author, t->q.did) != 0)
			r = sbx_err_set(err, SBX_E_NO, "an entry of another");
		sbx_entry_free(e);
		sbx_buf_add(lines, v->text, v->len);
		sbx_buf_str(lines, "\n");
	}
	return r;
}

static int
enter(struct take *t, const struct sbx_buf *lines, const struct sbx_json *req,
	struct sbx_doc **doc)
{
	struct sbx_ctx *ctx = t->ctx;
	struct look l = { 0 };
	bool member;
	int r;

	if ((r = quiet_step(ctx, ARGV(LEDGER, "-q", "import"), lines, NULL,
		     NULL)) != 0 ||
		(r = look(ctx, &l)) != 0)
		goto out;
	member = look_member(&l, t->q.did);
	if (!member) {
		r = sbx_err_set(&ctx->err, SBX_E_NO,
			"the acceptance does not make it a member");
		goto out;
	}
	if ((r = record(ctx, "enter", t->q.did, t->q.box)) != 0 ||
		(r = mesh_up(ctx)) != 0 ||
		(r = quiet_step(ctx, ARGV(LEDGER, "-q", "publish"), NULL, NULL,
			 NULL)) != 0)
		goto out;
	if ((r = set_state(ctx, &t->desk, t->gid, t->q.key, req, "entered", NULL,
		     NULL, doc)) == 0)
		r = answer(t, 200, "member", sbx_doc_root(*doc), true);
out:
	look_free(&l);
	return r;
}

static int
take_entries(struct take *t)
{
	struct sbx_buf lines = SBX_BUF(2 * SBX_MAX_DOOR_BODY);
	struct sbx_err *err = &t->ctx->err;
	struct sbx_doc *doc = NULL;
	const struct sbx_json *state;
	int r;

	if ((r = sbx_desk_get(&t->desk, SBX_DESK_REQUEST, t->q.key, &doc, err)) != 0)
		return r;
	state = sbx_json_get(sbx_doc_root(doc), "state");
	if (!sbx_json_is(sbx_json_get(sbx_doc_root(doc), "did"), t->q.did) ||
		(!sbx_json_is(state, "approved") &&
			!sbx_json_is(state, "entered")))
		r = sbx_err_set(err, SBX_E_NO, "not approved");
	else if ((r = own_entries(t, &lines)) == 0)
		r = enter(t, &lines, sbx_doc_root(doc), &doc);
	sbx_buf_free(&lines);
	sbx_doc_free(doc);
	return r;
}

int
cmd_take(struct sbx_ctx *ctx)
{
	struct sbx_buf body = SBX_BUF(SBX_MAX_DOOR_BODY);
	struct take t = { .ctx = ctx, .desk = { NULL, -1 } };
	int r;

	ctx->quiet = true;
	if (!sbx_ip_check(ctx->argv[0]))
		return sbx_err_set(&ctx->err, SBX_E_USAGE, "not an address");
	if ((r = sbx_io_read_fd(STDIN_FILENO, &body, &ctx->err)) != 0 ||
		(r = desk_open(ctx, true, &t.desk, &t.gid)) != 0 ||
		(r = check(&t, &body)) != 0)
		goto out;
	r = t.q.entries == NULL ? take_request(&t) : take_entries(&t);
out:
	if (r != 0)
		r = deny(&t, r);
	sbx_join_request_free(&t.q);
	sbx_desk_close(&t.desk);
	sbx_buf_free(&body);
	return r;
}
