/* SPDX-License-Identifier: Apache-2.0 */
/* A new key takes the place of one that was lost or stolen. */
#include <string.h>
#include <unistd.h>

#include "base/base.h"
#include "crypto/crypto.h"
#include "ledger/ledger.h"
#include "node/node.h"
#include "tool/tool.h"
#include "sbx-member.h"

/* The recovery key as init printed it; never an argument, which ps(1) shows. */
static int
read_recovery(struct sbx_ctx *ctx, struct sbx_key **key)
{
	struct sbx_buf text = SBX_BUF(2 * SBX_SEED_BYTES + 2);
	unsigned char seed[SBX_SEED_BYTES];
	int r;

	if (isatty(STDIN_FILENO))
		sbx_tool_say(ctx, "the old key's recovery key:");
	if ((r = sbx_io_read_fd(STDIN_FILENO, &text, &ctx->err)) == 0) {
		while (text.len > 0 && strchr(" \r\n", text.data[text.len - 1]))
			text.len--;
		r = sbx_hex_parse(seed, sizeof(seed), sbx_buf_text(&text),
			    text.len) ?
			sbx_key_from_seed(seed, key, &ctx->err) :
			sbx_err_set(&ctx->err, SBX_E_INPUT,
				"not a recovery key: expected 64 lower-case hex "
				"digits");
	}
	explicit_bzero(seed, sizeof(seed));
	sbx_buf_free(&text);
	return r;
}

int
cmd_rotate(struct sbx_ctx *ctx)
{
	struct sbx_key *recovery = NULL;
	struct sbx_log *log = NULL;
	int r;

	if (!sbx_did_check(ctx->argv[0], strlen(ctx->argv[0])))
		return sbx_err_set(&ctx->err, SBX_E_USAGE, "not a did: %.60s",
			ctx->argv[0]);
	if ((r = read_recovery(ctx, &recovery)) == 0 &&
		(r = sbx_log_open(ctx->conf.db, SBX_LOG_WRITE, &log,
			 &ctx->err)) == 0 && !ctx->dry)
		r = sbx_rotate(log, &ctx->conf, ctx->argv[0], recovery, &ctx->err);
	sbx_log_close(log);
	sbx_key_free(recovery);
	return r;
}
