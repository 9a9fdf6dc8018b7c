/* SPDX-License-Identifier: Apache-2.0 */
/* The changes that root's tools have under way: list them, and undo those that
 * nobody is going to finish, at boot before any service reads them. */
#include <string.h>

#include "base/base.h"
#include "json/json.h"
#include "system/system.h"
#include "apply/plan.h"
#include "tool/tool.h"

#define MAX_WORDS    32
#define RECOVER_TIME 120000 /* ms for one part: its reloads may take long */

static const struct sbx_col cols[] = {
	{ "part", "PART", 0 },
	{ "state", "STATE", 0 },
	{ "left", "LEFT", 0 },
	{ "undo", "UNDONE BY", 60 },
	{ NULL, NULL, 0 },
};

/* Nobody is going to finish or to undo it. */
static bool
is_due(const struct sbx_part_now *now)
{
	return now->pending == SBX_PENDING_CUT ||
	       (now->pending == SBX_PENDING_WAITING && now->left == 0);
}

static const char *
state_of(const struct sbx_part_now *now, int r)
{
	if (r != 0)
		return "spoiled";
	if (now->pending == SBX_PENDING_NONE)
		return "settled";
	return now->pending == SBX_PENDING_CUT ? "cut short" :
		is_due(now)		       ? "overdue" : "waiting";
}

/* ---- list ---- */

struct listing {
	struct sbx_ctx *ctx;
	bool due; /* of some part */
};

static int
list_row(void *arg, const struct sbx_part_now *now, int r, struct sbx_err *err)
{
	struct listing *l = arg;
	struct sbx_doc *doc = sbx_doc_new();
	struct sbx_json *row = sbx_doc_root(doc);
	struct sbx_buf words = SBX_BUF(4096);

	for (size_t i = 0; now->recover != NULL && now->recover[i] != NULL; i++)
		sbx_buf_fmt(&words, "%s%s", i > 0 ? " " : "", now->recover[i]);
	sbx_json_add_str(doc, row, "part", now->name);
	sbx_json_add_str(doc, row, "state", state_of(now, r));
	if (now->left > 0)
		sbx_json_add_int(doc, row, "left", now->left);
	else
		sbx_json_add_str(doc, row, "left", NULL);
	sbx_json_add_str(doc, row, "undo",
		words.len > 0 ? sbx_buf_text(&words) : NULL);
	sbx_tool_row(l->ctx, cols, row);
	sbx_buf_free(&words);
	sbx_doc_free(doc);
	if (r != 0)
		sbx_tool_warn(l->ctx, err);
	l->due |= r != 0 || is_due(now);
	return SBX_OK;
}

static int
cmd_list(struct sbx_ctx *ctx)
{
	struct listing l = { .ctx = ctx };
	int r = sbx_parts_each(&ctx->conf, list_row, &l, &ctx->err);

	if (r != SBX_OK)
		return r;
	sbx_tool_none(ctx, "nothing was ever applied", NULL);
	return l.due ? SBX_E_NO : SBX_OK;
}

/* ---- recover ---- */

struct recovery {
	struct sbx_ctx *ctx;
	bool boot;
	int worst;
};

/* The part's own program, which knows what its things are. */
static int
run_part(const struct recovery *w, const struct sbx_part_now *now,
	struct sbx_err *err)
{
	const char *argv[MAX_WORDS];
	struct sbx_run run = { .argv = argv, .timeout = RECOVER_TIME,
		.leave = true };
	size_t n = 0;

	while (now->recover[n] != NULL && n < MAX_WORDS - 2) {
		argv[n] = now->recover[n];
		n++;
	}
	if (now->recover[n] != NULL)
		return sbx_err_set(err, SBX_E_SYS, "too many words");
	if (w->boot)
		argv[n++] = "--boot";
	argv[n] = NULL;
	return sbx_run_ok(&run, NULL, err);
}

/* One that fails keeps no other from its turn. */
static int
recover(void *arg, const struct sbx_part_now *now, int r, struct sbx_err *err)
{
	struct recovery *w = arg;
	struct sbx_ctx *ctx = w->ctx;

	if (r == 0 && !is_due(now))
		return SBX_OK;
	if (r == 0 && ctx->dry) {
		sbx_tool_out(ctx, "%s: would be undone, %s", now->name,
			state_of(now, r));
		return SBX_OK;
	}
	if (r == 0 && (r = run_part(w, now, err)) == 0)
		sbx_tool_say(ctx, "%s: undone, %s", now->name,
			state_of(now, r));
	if (r != 0) {
		sbx_err_at(err, "%s", now->name);
		sbx_tool_warn(ctx, err);
		w->worst = SBX_E_SYS;
	}
	return SBX_OK;
}

static int
cmd_recover(struct sbx_ctx *ctx)
{
	struct recovery w = { .ctx = ctx,
		.boot = sbx_tool_opt(ctx, "boot") != NULL };
	int r = sbx_parts_each(&ctx->conf, recover, &w, &ctx->err);

	return r != SBX_OK ? r : w.worst;
}

static const struct sbx_opt recover_opts[] = {
	{ 0, "boot", NULL, "no service runs yet: run none of their commands" },
	{ 0, NULL, NULL, NULL },
};

static const struct sbx_cmd cmds[] = {
	{ "list", cmd_list, "", 0, 0,
		"the parts that have applied a change, and what is pending",
		NULL },
	{ "recover", cmd_recover, "", 0, 0,
		"undo what was cut short, or was not confirmed in time",
		recover_opts },
	{ NULL, NULL, NULL, 0, 0, NULL, NULL },
};

static const struct sbx_tool tool = {
	.name = "sbx-apply",
	.summary = "changes of this machine that are under way",
	.flags = SBX_TOOL_ROOT | SBX_TOOL_DEFAULT,
	.cmds = cmds,
};

int
main(int argc, char **argv)
{
	return sbx_tool_main(&tool, argc, argv);
}
