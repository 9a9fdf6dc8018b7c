/* SPDX-License-Identifier: Apache-2.0 */
/* The tools' shared manners.  With table.c and line.c the one part of the
 * library that prints and reads the environment. */
#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/base.h"
#include "system/system.h"
#include "directory/directory.h"
#include "node/node.h"
#include "exchange/exchange.h"
#include "tool/tool.h"
#include "tool/line.h"

/* ---- words for people ---- */

static void
complain(const char *tool, const char *what, const char *text)
{
	struct sbx_buf line = SBX_BUF(65536);

	sbx_text_safe(&line, text, strlen(text));
	fprintf(stderr, "%s: %s%s\n", tool, what, sbx_buf_text(&line));
	sbx_buf_free(&line);
}

void
sbx_tool_warn(struct sbx_ctx *ctx, const struct sbx_err *err)
{
	complain(ctx->tool->name, "", err->text);
	if (err->hint[0] != '\0')
		complain(ctx->tool->name, "hint: ", err->hint);
}

void
sbx_tool_say(struct sbx_ctx *ctx, const char *fmt, ...)
{
	char text[4096];
	va_list ap;

	if (ctx->quiet)
		return;
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	complain(ctx->tool->name, "", text);
}

/* ---- what a verb asks for
 * ---------------------------------------------------- */

const char *
sbx_tool_opt(const struct sbx_ctx *ctx, const char *name)
{
	const struct sbx_opt *opts = ctx->cmd->opts;

	for (size_t i = 0; opts != NULL && opts[i].name != NULL; i++)
		if (strcmp(opts[i].name, name) == 0)
			return ctx->values[i];
	return NULL;
}

int
sbx_tool_num(struct sbx_ctx *ctx, const char *name, int64_t min, int64_t max,
	int64_t otherwise, int64_t *value)
{
	const char *text = sbx_tool_opt(ctx, name);

	if (text == NULL) {
		*value = otherwise;
		return SBX_OK;
	}
	if (!sbx_num_parse(value, text, min, max))
		return sbx_line_misuse(ctx,
			"option --%s: %s is not a number from %lld to %lld",
			name, text, (long long)min, (long long)max);
	return SBX_OK;
}

/* ---- main
 * --------------------------------------------------------------------- */

/* Set to nothing is not set, as a shell script's unused variable is. */
static const char *
env(const char *name)
{
	const char *value = getenv(name);

	return value != NULL && value[0] != '\0' ? value : NULL;
}

static int
configure(struct sbx_ctx *ctx, const char *dir)
{
	const char *file = NULL, *key = NULL, *now = NULL;
	unsigned flags = ctx->tool->flags;
	int64_t us;
	int r;

	if ((flags & SBX_TOOL_ROOT) == 0) {
		file = env("SBX_CONF");
		key = env("SBX_KEY");
		now = env("SBX_NOW");
		if (dir == NULL && (flags & SBX_TOOL_FIXED) == 0)
			dir = env("SBX_STATE");
	}
	/* Before a file in there is opened: what it names is its owner's say. */
	if (dir != NULL && (r = sbx_user_become(ctx, dir)) != 0)
		return r;
	if (now != NULL) {
		if (!sbx_time_parse(&us, now, strlen(now)))
			return sbx_err_set(&ctx->err, SBX_E_USAGE,
				"SBX_NOW: %s is not an RFC 3339 time", now);
		sbx_clock_set(us);
	}
	r = sbx_conf_load(&ctx->conf, dir, file,
		(flags & SBX_TOOL_ROOT) != 0 ? SBX_IO_ROOT : 0, &ctx->err);
	if (r == 0 && dir == NULL)
		r = sbx_user_become(ctx, ctx->conf.dir);
	if (r != 0 && dir != NULL && ctx->conf.dir == NULL)
		ctx->conf.dir = sbx_mem_text(dir, strlen(dir)); /* for a hint */
	if (r == 0)
		sbx_member_unproven(ctx->conf.accept_unproven);
	if (r == 0 && key != NULL) {
		free(ctx->conf.key);
		ctx->conf.key = sbx_mem_text(key, strlen(key));
	}
	return r;
}

static int
work(struct sbx_ctx *ctx, int argc, char **argv)
{
	struct sbx_line line = { 0 };
	int r;

	if ((r = sbx_line_parse(ctx, &line, argc, argv)) != 0)
		return r;
	if (line.version) {
		printf("%s %s\n", ctx->tool->name, SBX_VERSION);
		return SBX_OK;
	}
	if (line.help) {
		sbx_line_usage(ctx);
		return SBX_OK;
	}
	if ((r = configure(ctx, line.dir)) != 0 ||
		(r = sbx_user_check(ctx)) != 0)
		return r;
	if (ctx->witnessed &&
		(r = sbx_witness_require(&ctx->conf, &ctx->err)) != 0)
		return r;
	r = ctx->cmd->fn(ctx);
	sbx_tool_rows_end(ctx);
	return r;
}

/* What was printed counts as done only when it has arrived: a full disk shows
 * at the latest when the descriptor is closed. */
static int
finish_stdout(struct sbx_err *err)
{
	if (ferror(stdout) != 0 || fflush(stdout) != 0 ||
		close(dup(STDOUT_FILENO)) != 0)
		return sbx_err_sys(err, "standard output");
	return SBX_OK;
}

int
sbx_tool_main(const struct sbx_tool *tool, int argc, char **argv)
{
	struct sbx_ctx ctx = { .tool = tool };
	struct sbx_err err = { 0 };
	int r;

	if (sbx_priv_start() != 0 || sodium_init() < 0) {
		complain(tool->name, "", "cannot start safely");
		return -SBX_E_SYS;
	}
	sbx_upkeep();
	ctx.argv = sbx_mem_alloc((size_t)argc + 1, sizeof(*ctx.argv));
	r = work(&ctx, argc, argv);
	if (r != 0 && ctx.err.text[0] != '\0')
		r = sbx_user_hint(&ctx, r);
	if (r != 0 && ctx.err.text[0] != '\0')
		sbx_tool_warn(&ctx, &ctx.err);
	if (finish_stdout(&err) != 0) {
		sbx_tool_warn(&ctx, &err);
		r = SBX_E_SYS;
	}
	sbx_names_free(ctx.names);
	sbx_conf_free(&ctx.conf);
	free(ctx.argv);
	return r < SBX_E_SYS ? -SBX_E_SYS : r < 0 ? -r : r;
}
