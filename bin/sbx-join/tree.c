/* SPDX-License-Identifier: Apache-2.0 */
/* Who let whom in, and the way out. */
#include <string.h>
#include <unistd.h>

#include "base/base.h"
#include "json/json.h"
#include "sbx-join.h"

/* ---- tree ------------------------------------------------------------------------ */

struct draw {
	struct sbx_ctx *ctx;
	const struct look *l;
	struct sbx_desk d;
	size_t rows; /* an inviter's ring would be drawn for ever */
};

static void
line(struct draw *w, int depth, const char *name, const char *did,
	const char *state)
{
	struct sbx_doc *doc;

	if (!w->ctx->json) {
		sbx_tool_out(w->ctx, "%*s%s %s %s", 2 * depth, "", name, did,
			state);
		return;
	}
	doc = sbx_doc_new();
	sbx_json_add_int(doc, sbx_doc_root(doc), "depth", depth);
	sbx_json_add_str(doc, sbx_doc_root(doc), "did", did);
	sbx_json_add_str(doc, sbx_doc_root(doc), "name", name);
	sbx_json_add_str(doc, sbx_doc_root(doc), "state", state);
	sbx_tool_row(w->ctx, NULL, sbx_doc_root(doc));
	sbx_doc_free(doc);
}

static const char *
name_of(const struct draw *w, const struct sbx_json *row)
{
	const char *did = sbx_json_str(row, "did");
	const char *name = sbx_json_str(row, "name");
	const struct sbx_json *node = look_node(w->l, did);

	if (name != NULL && name[0] != '\0')
		return name;
	name = node != NULL ? sbx_json_str(node, "boxname") : NULL;
	return name != NULL ? name : "-";
}

static int
pending_line(void *arg, const char *id, const struct sbx_json *doc,
	struct sbx_err *err)
{
	struct draw *w = arg;

	(void)id;
	(void)err;
	if (sbx_json_is(sbx_json_get(doc, "state"), "pending"))
		line(w, 1, sbx_json_str(doc, "box"), sbx_json_str(doc, "did"),
			"pending");
	return SBX_OK;
}

/* Everybody whom this one let in, and below each the same. */
static void
below(struct draw *w, const char *inviter, int depth)
{
	const struct sbx_json *row;
	const char *by, *state;

	for (size_t i = 0; i < w->l->nmembers; i++) {
		row = sbx_doc_root(w->l->members[i]);
		by = sbx_json_str(row, "inviter");
		state = sbx_json_str(row, "state");
		if (strcmp(state, "observed") == 0 ||
			(inviter == NULL ? strcmp(state, "anchor") != 0 :
				by == NULL || strcmp(state, "anchor") == 0 ||
				strcmp(by, inviter) != 0) ||
			depth > SBX_MAX_INVITE_DEPTH ||
			w->rows++ > 2 * w->l->nmembers)
			continue;
		line(w, depth, name_of(w, row), sbx_json_str(row, "did"), state);
		if (strcmp(sbx_json_str(row, "did"), w->l->self) == 0 &&
			w->d.dir != NULL)
			sbx_desk_each(&w->d, SBX_DESK_REQUEST, pending_line, w,
				NULL);
		below(w, sbx_json_str(row, "did"), depth + 1);
	}
}

int
cmd_tree(struct sbx_ctx *ctx)
{
	struct look l = { 0 };
	struct draw w = { .ctx = ctx, .l = &l, .d = { NULL, -1 } };
	int r;

	if (!must_root(ctx))
		return SBX_E_USAGE;
	if ((r = look(ctx, &l)) == 0) {
		if (access(SBX_DOORDIR, F_OK) == 0)
			r = sbx_desk_open(&w.d, SBX_DOORDIR, false, (gid_t)-1,
				&ctx->err);
		below(&w, NULL, 0);
	}
	sbx_desk_close(&w.d);
	look_free(&l);
	return r;
}

/* ---- leave ------------------------------------------------------------------------- */

/* Nothing here can push to the others: they fetch.  So the mesh stays up for a
 * while after the sign-off, unless the caller is in a hurry. */
static int
take_down(struct sbx_ctx *ctx)
{
	int r = SBX_OK, end;

	if (has_systemd())
		r = step(ctx, ARGV(SYSTEMCTL, "disable", "--now", "--quiet",
			"sbx-mesh-up.timer", "sbx-mesh-up.path",
			"sbx-publish.timer", "sbx-pull.timer",
			"sbx-expire.timer", "sbx-macroctl-sync.timer",
			"sbx-directory.service", "sbx-grant.service"), NULL,
			NULL, NULL);
	/* Whatever became of that. */
	end = step(ctx, ARGV(MESH_UP, "-q", "down"), NULL, NULL, NULL);
	return r != 0 ? r : end;
}

int
cmd_leave(struct sbx_ctx *ctx)
{
	bool now = sbx_tool_opt(ctx, "force") != NULL;
	struct look l = { 0 };
	bool member;
	int r;

	if (!must_root(ctx))
		return SBX_E_USAGE;
	if ((r = look(ctx, &l)) != 0)
		goto out;
	member = look_member(&l, l.self);
	if (l.self[0] == '\0') {
		r = sbx_err_set(&ctx->err, SBX_E_NO, "this box is in no mesh");
		goto out;
	}
	if (member &&
		((r = step(ctx, ARGV(MEMBER, "-q", "revoke", l.self, "left"),
			  NULL, NULL, NULL)) != 0 ||
			(r = step(ctx, ARGV(LEDGER, "-q", "publish"), NULL, NULL,
				 NULL)) != 0))
		goto out;
	if (member && !now && !ctx->dry) {
		sbx_err_set(&ctx->err, SBX_E_NO, "signed off; the others know of "
			"it once they have fetched it from here");
		sbx_err_hint(&ctx->err, "in some minutes: sbx-join leave again, "
			"which takes the mesh down; -f does so now");
		r = SBX_E_NO;
		goto out;
	}
	if ((r = take_down(ctx)) == 0)
		sbx_tool_say(ctx, ctx->dry ? "nothing was done" :
			"left; the key and the log stay in %s", ctx->conf.dir);
out:
	look_free(&l);
	return r;
}
