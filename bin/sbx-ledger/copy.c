/* SPDX-License-Identifier: Apache-2.0 */
/* What leaves this box and what comes back: the site, backups. */
#include <string.h>
#include <unistd.h>

#include "base/base.h"
#include "ledger/ledger.h"
#include "directory/directory.h"
#include "node/node.h"
#include "exchange/exchange.h"
#include "tool/tool.h"
#include "exchange/now.h"
#include "sbx-ledger.h"

int
cmd_seal(struct sbx_ctx *ctx)
{
	struct sbx_log *log = NULL;
	size_t count = 0;
	int r;

	if ((r = ledger_open(ctx, SBX_LOG_WRITE, &log)) == 0)
		r = ctx->dry ? sbx_guard_check(log, &ctx->conf, &ctx->err) :
			sbx_seal(log, &ctx->conf, NULL, &count, &ctx->err);
	if (r == 0 && !ctx->dry && ctx->verbose)
		sbx_tool_say(ctx, "%zu heads signed", count);
	sbx_log_close(log);
	return r;
}

/* What is given up, and only when that is meant: the order of the entries,
 * and those that are missing. */
static int
give_up(struct sbx_ctx *ctx, struct sbx_log *log, bool anew, bool lost)
{
	int r = SBX_OK;

	if (lost)
		r = sbx_guard_forget(log, &ctx->conf, &ctx->err);
	else if (anew && (r = sbx_guard_own(log, &ctx->conf, &ctx->err)) ==
				 SBX_E_NO)
		sbx_err_hint(&ctx->err, "sbx-pull; what nobody holds any more "
					"is given up by --lost");
	if (r == 0 && anew)
		r = sbx_head_renew(&ctx->conf, &ctx->err);
	return r;
}

int
cmd_publish(struct sbx_ctx *ctx)
{
	const char *dir = ctx->argc > 0 ? ctx->argv[0] : ctx->conf.www;
	bool anew = sbx_tool_opt(ctx, "anew") != NULL,
	     lost = sbx_tool_opt(ctx, "lost") != NULL;
	struct sbx_log *log = NULL;
	struct sbx_err refused = { 0 };
	struct sbx_state *st = NULL;
	size_t changed = 0;
	int r, lock = -1;

	if (ctx->dry) {
		sbx_tool_say(ctx, "would publish to %s", dir);
		return SBX_OK;
	}
	if ((r = ledger_open(ctx, lost ? SBX_LOG_WRITE : 0, &log)) == 0 &&
		(r = sbx_site_lock(&ctx->conf, &lock, &ctx->err)) == 0 &&
		(r = give_up(ctx, log, anew, lost)) == 0 &&
		(r = sbx_state_open(log, &st, &ctx->err)) == 0 &&
		(r = sbx_site_publish(log, st, dir, &changed, &ctx->err)) == 0 &&
		(r = sbx_head_publish(log, &ctx->conf, dir, &changed,
			 &ctx->err)) == 0 &&
		(r = sbx_witness_publish(log, &ctx->conf, dir, &changed,
			 &refused, &ctx->err)) == 0 &&
		(r = sbx_witness_own(log, &ctx->conf, dir, &changed,
			 &ctx->err)) == 0 &&
		(r = sbx_now_publish_kept(&ctx->conf, st, dir, &changed,
			 &ctx->err)) == 0 &&
		ctx->verbose)
		sbx_tool_say(ctx, "%s: %zu files changed", dir, changed);
	if (refused.code != 0)
		sbx_tool_warn(ctx, &refused);
	sbx_state_free(st);
	if (lock >= 0)
		close(lock);
	sbx_log_close(log);
	return r;
}

int
cmd_backup(struct sbx_ctx *ctx)
{
	struct sbx_log *log = NULL;
	int r;

	if ((r = ledger_open(ctx, 0, &log)) == 0 && !ctx->dry)
		r = sbx_log_backup(log, ctx->argv[0], &ctx->err);
	sbx_log_close(log);
	return r;
}

/* What is there now, and how much of it this box has said; what is damaged
 * makes room and is kept. */
static int
open_old(struct sbx_ctx *ctx, struct sbx_log **log, int64_t *own)
{
	const char *path = ctx->conf.db;
	int r = ledger_open(ctx, SBX_LOG_WRITE | SBX_LOG_CREATE, log);

	if (r == SBX_E_NO && !ctx->dry &&
		(r = sbx_log_set_aside(path, &ctx->err)) == 0) {
		sbx_tool_say(ctx, "%s is damaged, and kept as %s.damaged", path,
			path);
		r = ledger_open(ctx, SBX_LOG_WRITE | SBX_LOG_CREATE, log);
	}
	*own = r == 0 ? sbx_guard_count(*log) : 0;
	return r;
}

int
cmd_restore(struct sbx_ctx *ctx)
{
	struct sbx_log *log = NULL, *from = NULL;
	struct sbx_err why = { 0 };
	int64_t before;
	int r;

	if ((r = sbx_log_open(ctx->argv[0], 0, &from, &ctx->err)) != 0) {
		ctx->err.hint[0] = '\0'; /* it speaks of a ledger of ours */
		goto bad;
	}
	if ((r = open_old(ctx, &log, &before)) != 0 || ctx->dry)
		goto out;
	/* First: a kill must not make it forget how much it has said. */
	if ((r = sbx_guard_before(&ctx->conf, before, &ctx->err)) != 0)
		goto out;
	if ((r = sbx_log_restore(log, from, &ctx->err)) != 0)
		goto bad;
	if ((r = sbx_guard_restored(log, &ctx->conf, &ctx->err)) == 0 &&
		sbx_guard_check(log, &ctx->conf, &why) != 0) {
		sbx_tool_say(ctx, "older than what this box has signed: it "
				  "signs nothing until the rest is fetched back");
		sbx_tool_warn(ctx, &why);
	}
	goto out;
bad:
	if (ctx->err.code == SBX_E_NO)
		sbx_err_at(&ctx->err, "%s", ctx->argv[0]);
out:
	sbx_log_close(log);
	sbx_log_close(from);
	return r;
}
