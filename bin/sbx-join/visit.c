/* SPDX-License-Identifier: Apache-2.0 */
/* The way to the door: a child that has become the node's user reads what comes
 * back, and hands on what root needs of it. */
#include <stdlib.h>
#include <string.h>

#include "base/base.h"
#include "json/json.h"
#include "system/system.h"
#include "crypto/crypto.h"
#include "sbx-join.h"

#define DOOR_MS	  30000

/* ---- at the door: a child of the node's user ------------------------------------ */

static int
explain_fetch(struct sbx_err *err, const char *url, int r)
{
	struct sbx_err was = *err;
	const char *why = strstr(was.text, ": ");

	why = why != NULL ? why + 2 : was.text;
	if (r == SBX_E_INPUT && strstr(was.text, "pinned") != NULL) {
		sbx_err_set(err, SBX_E_INPUT, "%s has another key than the token "
			"names: it is not that door", url);
		sbx_err_hint(err, "a captive portal, or somebody in between; "
			"or an old token: ask for a new one");
	} else if (r == SBX_E_SYS) {
		sbx_err_set(err, SBX_E_SYS, "the door %s cannot be reached: %s",
			url, why);
		sbx_err_hint(err, "it closes when no token is open: on that box "
			"sbx-join list, sbx-join open; does a firewall or a "
			"captive portal stand between?");
	}
	return r;
}

/* The answer's first line, and what is behind it. */
static int
first_line(const struct sbx_buf *body, struct sbx_doc **doc, const char **rest,
	struct sbx_err *err)
{
	const char *text = sbx_buf_text(body), *end;

	end = memchr(text, '\n', body->len);
	*rest = end != NULL ? end + 1 : text + body->len;
	if (sbx_json_parse(text, end != NULL ? (size_t)(end - text) : body->len,
		    NULL, doc, NULL) != 0 ||
		sbx_doc_root(*doc)->type != SBX_JSON_OBJECT)
		return sbx_err_set(err, SBX_E_INPUT,
			"the door's answer is not understood");
	return SBX_OK;
}

static int
explain_status(const struct sbx_json *o, int status, struct sbx_err *err)
{
	const char *why = sbx_json_str(o, "error");

	if (status == 200 || status == 202)
		return SBX_OK;
	if (status == 429 || status == 503) {
		sbx_err_set(err, SBX_E_SYS, "the door says: %.120s",
			why != NULL ? why : "not now");
		sbx_err_hint(err, "run the same command again in a minute");
		return SBX_E_SYS;
	}
	sbx_err_set(err, SBX_E_NO, "the door says: %.120s",
		why != NULL ? why : "no");
	sbx_err_hint(err, "ask for a new token: sbx-join open");
	return SBX_E_NO;
}

/* Print the answer with the invitation made whole, and the log behind it. */
static int
hand_on(const struct visit *v, const struct sbx_key *node, struct sbx_doc *doc,
	const char *rest, size_t len, int fd, struct sbx_err *err)
{
	struct sbx_buf out = SBX_BUF(65536), token = SBX_BUF(8192);
	struct sbx_json *o = sbx_doc_root(doc);
	const char *invitation = sbx_json_str(o, "invitation");
	struct sbx_key *once = NULL;
	int r = SBX_OK;

	if (invitation != NULL &&
		(r = sbx_join_once(&v->t, node, &once, err)) == 0 &&
		(r = sbx_invite_complete(invitation, once, &token, err)) == 0)
		sbx_json_add_str(doc, o, "token", token.data);
	if (r == 0 && (r = sbx_canon_write(&out, o, NULL, err)) == 0) {
		sbx_buf_str(&out, "\n");
		r = sbx_io_write_fd(fd, out.data, out.len, err);
	}
	if (r == 0)
		r = sbx_io_write_fd(fd, rest, len, err);
	sbx_key_free(once);
	sbx_buf_free(&out);
	sbx_buf_free(&token);
	return r;
}

int
visit_door(void *arg, int fd, struct sbx_err *err)
{
	const struct visit *v = arg;
	const struct sbx_conf *conf = &v->ctx->conf;
	struct sbx_buf body = SBX_BUF(SBX_MAX_DOOR_BODY), got = SBX_BUF(MAX_ANSWER);
	struct sbx_fetch f = { .pin = v->t.pin, .timeout = DOOR_MS,
		.max = MAX_ANSWER };
	struct sbx_key *node = NULL;
	struct sbx_doc *doc = NULL;
	char url[160];
	const char *rest;
	int status = 0, r;

	snprintf(url, sizeof(url), "%sjoin", v->t.url);
	f.url = url;
	if ((r = sbx_key_load(conf->key, &node, err)) != 0 ||
		(r = sbx_join_request_make(&body, &v->t, node, conf->name,
			 v->entries, err)) != 0)
		goto out;
	f.body = body.data;
	f.bodylen = body.len;
	if ((r = sbx_fetch(&f, &status, &got, NULL, err)) != 0)
		r = explain_fetch(err, v->t.url, r);
	else if ((r = first_line(&got, &doc, &rest, err)) == 0 &&
		(r = explain_status(sbx_doc_root(doc), status, err)) == 0)
		r = hand_on(v, node, doc, rest,
			got.len - (size_t)(rest - got.data), fd, err);
out:
	sbx_key_free(node);
	sbx_doc_free(doc);
	sbx_buf_free(&body);
	sbx_buf_free(&got);
	return r;
}

/* In a child without rights too: what time is it there, and whose door? */
int
visit_status(void *arg, int fd, struct sbx_err *err)
{
	const struct visit *v = arg;
	struct sbx_buf got = SBX_BUF(4096);
	struct sbx_fetch f = { .pin = v->t.pin, .timeout = DOOR_MS,
		.max = 4096 };
	struct sbx_doc *doc = NULL;
	char url[160];
	const char *rest;
	int status = 0, r;

	snprintf(url, sizeof(url), "%sstatus", v->t.url);
	f.url = url;
	if ((r = sbx_fetch(&f, &status, &got, NULL, err)) != 0)
		r = explain_fetch(err, v->t.url, r);
	else if (status == 404) {
		r = sbx_err_set(err, SBX_E_NO, "the door %s is closed", v->t.url);
		sbx_err_hint(err, "its token is spent, expired or taken back: "
			"ask for a new one: sbx-join open");
	} else if ((r = first_line(&got, &doc, &rest, err)) == 0 &&
		(r = explain_status(sbx_doc_root(doc), status, err)) == 0)
		r = hand_on(v, NULL, doc, rest, 0, fd, err);
	sbx_doc_free(doc);
	sbx_buf_free(&got);
	return r;
}

int
at_door(struct visit *v, int (*fn)(void *, int, struct sbx_err *),
	struct sbx_doc **doc, struct sbx_buf *log)
{
	struct sbx_buf out = SBX_BUF(MAX_ANSWER);
	struct sbx_ctx *ctx = v->ctx;
	const char *rest;
	uid_t uid;
	gid_t gid;
	int r;

	if ((r = sbx_reader_owner(ctx->conf.db, &uid, &gid, &ctx->err)) == 0 &&
		(r = sbx_priv_child(uid, gid, 2 * DOOR_MS, fn, v, &out,
			 &ctx->err)) == 0 &&
		(r = first_line(&out, doc, &rest, &ctx->err)) == 0 &&
		log != NULL)
		sbx_buf_add(log, rest, out.len - (size_t)(rest - out.data));
	sbx_buf_free(&out);
	return r;
}
