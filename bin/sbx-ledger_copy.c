/* SPDX-License-Identifier: Apache-2.0 */
/* What leaves this box and what comes back: the site, backups. */
#include <string.h>

#include "sbx-ledger.h"

int
cmd_seal(struct sbx_ctx *ctx)
{
	struct sbx_log *log = NULL;
	size_t count = 0;
	int r;

	if ((r = ledger_open(ctx, SBX_LOG_WRITE, &log)) == 0 &&
		(r = sbx_seal_check(log, &ctx->conf, &ctx->err)) == 0 &&
		!ctx->dry &&
		(r = sbx_seal(log, &ctx->conf, NULL, &count, &ctx->err)) == 0 &&
		ctx->verbose)
		sbx_tool_say(ctx, "%zu heads signed", count);
	sbx_log_close(log);
	return r;
}

int
cmd_publish(struct sbx_ctx *ctx)
{
	const char *dir = ctx->argc > 0 ? ctx->argv[0] : ctx->conf.www;
	bool anew = sbx_tool_opt(ctx, "anew") != NULL;
	struct sbx_log *log = NULL;
	struct sbx_state *st = NULL;
	size_t changed = 0;
	int r;

	if (ctx->dry) {
		sbx_tool_say(ctx, "would publish to %s", dir);
		return SBX_OK;
	}
	if ((r = ledger_open(ctx, 0, &log)) == 0 &&
		(r = sbx_state_open(log, &st, &ctx->err)) == 0 &&
		(!anew || (r = sbx_head_renew(&ctx->conf, &ctx->err)) == 0) &&
		(r = sbx_site_publish(log, st, dir, &changed, &ctx->err)) == 0 &&
		(r = sbx_head_publish(log, &ctx->conf, dir, &changed,
			 &ctx->err)) == 0 &&
		(r = sbx_witness_publish(log, &ctx->conf, dir, &changed,
			 &ctx->err)) == 0 &&
		(r = sbx_witness_own(log, &ctx->conf, dir, &changed,
			 &ctx->err)) == 0 &&
		ctx->verbose)
		sbx_tool_say(ctx, "%s: %zu files changed", dir, changed);
	sbx_state_free(st);
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

int
cmd_restore(struct sbx_ctx *ctx)
{
	struct sbx_log *log = NULL, *from = NULL;
	int r;

	if ((r = sbx_log_open(ctx->argv[0], 0, &from, &ctx->err)) == 0 &&
		(r = ledger_open(ctx, SBX_LOG_WRITE | SBX_LOG_CREATE, &log)) == 0 &&
		!ctx->dry &&
		(r = sbx_log_restore(log, from, &ctx->err)) == 0 &&
		sbx_head_check(log, &ctx->conf, NULL) != 0)
		sbx_tool_say(ctx, "older than what this box has signed: it signs "
				  "nothing until sbx-pull has fetched the rest "
				  "back and sbx-ledger publish --anew was run");
	if (r != 0 && ctx->err.code == SBX_E_NO)
		sbx_err_at(&ctx->err, "%s", ctx->argv[0]);
	sbx_log_close(log);
	sbx_log_close(from);
	return r;
}
