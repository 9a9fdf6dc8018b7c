/* SPDX-License-Identifier: Apache-2.0 */
/* The command line of a tool: what tool.c and line.c share. */
#ifndef SBX_LINE_H
#define SBX_LINE_H

#include "base/base.h"
#include "tool/tool.h"

/* What parsing the command line gives, besides what is in the context. */
struct sbx_line {
	const char *dir; /* -C */
	bool help, version, done;
};

int sbx_line_parse(struct sbx_ctx *ctx, struct sbx_line *line, int argc,
	char **argv);
/* Usage to stdout: the verb's when there is one, else the tool's. */
void sbx_line_usage(const struct sbx_ctx *ctx);
/* A usage error with the way to learn more. */
int sbx_line_misuse(struct sbx_ctx *ctx, const char *fmt, ...) SBX_PRINTF(2, 3);

#endif
