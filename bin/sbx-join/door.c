/* SPDX-License-Identifier: Apache-2.0 */
/* Who waits at the door, and what becomes of them. */
#include <grp.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/base.h"
#include "json/json.h"
#include "crypto/crypto.h"
#include "sbx-join.h"

int
desk_open(struct sbx_ctx *ctx, bool write, struct sbx_desk *d, gid_t *gid)
{
	const struct passwd *pw = getpwnam(DOOR_USER);

	*d = (struct sbx_desk){ NULL, -1 };
	if (!must_root(ctx))
		return SBX_E_USAGE;
	if (pw == NULL) {
		sbx_err_set(&ctx->err, SBX_E_USAGE, "there is no user %s",
			DOOR_USER);
		sbx_err_hint(&ctx->err, "sudo sbx setup makes it");
		return SBX_E_USAGE;
	}
	*gid = pw->pw_gid;
	return sbx_desk_open(d, SBX_DOORDIR, write, pw->pw_gid, &ctx->err);
}

/* The request with another state, on the disk and in *doc. */
int
set_state(struct sbx_ctx *ctx, const struct sbx_desk *d, gid_t gid,
	const char *key, const struct sbx_json *old, const char *state,
	const char *more, const char *value, struct sbx_doc **doc)
{
	struct sbx_doc *next = sbx_doc_new();
	struct sbx_json *o = sbx_doc_root(next);
	int r;

	for (const struct sbx_json *v = old->child; v != NULL; v = v->next)
		if (strcmp(v->key, "state") != 0 &&
			(more == NULL || strcmp(v->key, more) != 0))
			sbx_json_add_copy(next, o, v->key, v);
	sbx_json_add_str(next, o, "state", state);
	if (more != NULL)
		sbx_json_add_str(next, o, more, value);
	r = sbx_desk_put(d, SBX_DESK_REQUEST, key, o, gid, &ctx->err);
	if (r != 0) {
		sbx_doc_free(next);
		return r;
	}
	sbx_doc_free(*doc);
	*doc = next;
	return SBX_OK;
}

int
approve_request(struct sbx_ctx *ctx, const struct sbx_desk *d, gid_t gid,
	const char *key, struct sbx_doc **doc)
{
	struct sbx_buf token = SBX_BUF(SBX_MAX_LINE);
	int r;

	/* On record before it is given. */
	if ((r = record(ctx, "approve",
		     sbx_json_str(sbx_doc_root(*doc), "did"),
		     sbx_json_str(sbx_doc_root(*doc), "box"))) != 0)
		return r;
	r = quiet_step(ctx, ARGV(MEMBER, "-q", "invite", "-e", "86400", "-k",
		key), NULL, &token, NULL);
	if (r == 0 && token.len > 0)
		token.data[strcspn(token.data, "\n")] = '\0';
	if (r == 0)
		r = set_state(ctx, d, gid, key, sbx_doc_root(*doc), "approved",
			"invitation", sbx_buf_text(&token), doc);
	sbx_buf_free(&token);
	return r;
}

/* ---- list ------------------------------------------------------------------------ */

static const struct sbx_col cols[] = { { "id", "ID", 12 }, { "box", "BOX", 0 },
	{ "did", "DID", 0 }, { "state", "STATE", 0 }, { "address", "FROM", 0 },
	{ "at", "SINCE", 19 }, { NULL, NULL, 0 } };

static int
list_request(void *arg, const char *id, const struct sbx_json *doc,
	struct sbx_err *err)
{
	static const char *const shown[] = { "address", "at", "box", "did",
		"reason", "state" };
	struct sbx_doc *row = sbx_doc_new();

	(void)err;
	sbx_json_add_str(row, sbx_doc_root(row), "id", id);
	for (size_t i = 0; i < sizeof(shown) / sizeof(shown[0]); i++)
		if (sbx_json_get(doc, shown[i]) != NULL)
			sbx_json_add_copy(row, sbx_doc_root(row), shown[i],
				sbx_json_get(doc, shown[i]));
	sbx_tool_row(arg, cols, sbx_doc_root(row));
	sbx_doc_free(row);
	return SBX_OK;
}

int
cmd_list(struct sbx_ctx *ctx)
{
	struct sbx_desk d;
	size_t pending;
	bool busy;
	gid_t gid;
	int r;

	if ((r = desk_open(ctx, false, &d, &gid)) != 0 ||
		(r = sbx_desk_each(&d, SBX_DESK_REQUEST, list_request, ctx,
			 &ctx->err)) != 0)
		goto out;
	sbx_tool_rows_end(ctx);
	r = sbx_desk_busy(&d, sbx_clock_now(), &busy, &pending, &ctx->err);
	if (r == 0 && !ctx->json)
		sbx_tool_say(ctx, busy ? "the door is open" :
			"the door is closed: sbx-join open opens it");
out:
	sbx_desk_close(&d);
	return r;
}

/* ---- approve, reject ------------------------------------------------------------- */

struct find {
	const char *text;
	char id[SBX_ID_SIZE];
	size_t found;
};

/* By its id, the beginning of one, its DID, or the box's name. */
static int
match(void *arg, const char *id, const struct sbx_json *doc, struct sbx_err *err)
{
	struct find *f = arg;
	size_t len = strlen(f->text);

	(void)err;
	if (!sbx_json_is(sbx_json_get(doc, "state"), "pending"))
		return SBX_OK;
	if ((len >= 4 && strncmp(id, f->text, len) == 0) ||
		sbx_json_is(sbx_json_get(doc, "did"), f->text) ||
		sbx_json_is(sbx_json_get(doc, "box"), f->text)) {
		memcpy(f->id, id, sizeof(f->id));
		f->found++;
	}
	return SBX_OK;
}

static int
find_pending(struct sbx_ctx *ctx, const struct sbx_desk *d, struct find *f,
	struct sbx_doc **doc)
{
	int r;

	f->text = ctx->argv[0];
	if ((r = sbx_desk_each(d, SBX_DESK_REQUEST, match, f, &ctx->err)) != 0)
		return r;
	if (f->found != 1) {
		r = f->found == 0 ? SBX_E_NO : SBX_E_USAGE;
		sbx_err_set(&ctx->err, r, f->found == 0 ?
			"%.80s: no request that waits is called so" :
			"%.80s: several requests are called so", f->text);
		sbx_err_hint(&ctx->err, "sbx-join list shows them");
		return r;
	}
	return sbx_desk_get(d, SBX_DESK_REQUEST, f->id, doc, &ctx->err);
}

int
cmd_approve(struct sbx_ctx *ctx)
{
	struct find f = { 0 };
	struct sbx_doc *doc = NULL;
	struct sbx_desk d;
	gid_t gid;
	int r;

	if ((r = desk_open(ctx, true, &d, &gid)) == 0 &&
		(r = find_pending(ctx, &d, &f, &doc)) == 0 && !ctx->dry)
		r = approve_request(ctx, &d, gid, f.id, &doc);
	if (r == 0)
		sbx_tool_say(ctx, "%s %s (%s): it comes in when it asks again",
			ctx->dry ? "would approve" : "approved",
			sbx_json_str(sbx_doc_root(doc), "box"),
			sbx_json_str(sbx_doc_root(doc), "did"));
	sbx_doc_free(doc);
	sbx_desk_close(&d);
	return r;
}

int
cmd_reject(struct sbx_ctx *ctx)
{
	const char *reason = ctx->argc > 1 ? ctx->argv[1] : "";
	struct find f = { 0 };
	struct sbx_doc *doc = NULL;
	struct sbx_desk d;
	gid_t gid;
	int r;

	if (strlen(reason) > SBX_MAX_REASON)
		return sbx_err_set(&ctx->err, SBX_E_USAGE,
			"a reason of over %d bytes", SBX_MAX_REASON);
	if ((r = desk_open(ctx, true, &d, &gid)) == 0 &&
		(r = find_pending(ctx, &d, &f, &doc)) == 0 && !ctx->dry)
		r = set_state(ctx, &d, gid, f.id, sbx_doc_root(doc), "rejected",
			"reason", reason, &doc);
	if (r == 0)
		sbx_tool_say(ctx, "%s %s (%s)",
			ctx->dry ? "would reject" : "rejected",
			sbx_json_str(sbx_doc_root(doc), "box"),
			sbx_json_str(sbx_doc_root(doc), "did"));
	/* Taking away waits for no record. */
	if (r == 0 && !ctx->dry &&
		record(ctx, "reject", sbx_json_str(sbx_doc_root(doc), "did"),
			reason) != 0) {
		sbx_tool_warn(ctx, &ctx->err);
		r = ctx->err.code;
	}
	sbx_doc_free(doc);
	sbx_desk_close(&d);
	return r;
}
