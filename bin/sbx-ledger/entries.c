/* SPDX-License-Identifier: Apache-2.0 */
/* Entries in and out. */
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/base.h"
#include "json/json.h"
#include "record/record.h"
#include "ledger/ledger.h"
#include "directory/directory.h"
#include "node/node.h"
#include "tool/tool.h"
#include "sbx-ledger.h"

struct importing {
	struct sbx_ctx *ctx;
	const char *name;
};

static void
refused(void *arg, size_t number, const struct sbx_err *err)
{
	struct importing *im = arg;
	struct sbx_err e = *err;

	sbx_err_at(&e, "entry %zu", number);
	if (im->name != NULL)
		sbx_err_at(&e, "%.100s", im->name);
	sbx_tool_warn(im->ctx, &e);
}

/* One stream to its end. */
static int
import_one(struct sbx_ctx *ctx, struct sbx_log *log, int fd, const char *name,
	struct sbx_import *im)
{
	struct sbx_err back = { 0 };
	size_t own = im->own;
	struct stat st;
	int64_t left = 0;
	int r;

	if (fstat(fd, &st) == 0 && S_ISDIR(st.st_mode)) {
		sbx_err_set(&ctx->err, SBX_E_USAGE, "%.200s: a directory",
			name != NULL ? name : "standard input");
		sbx_err_hint(&ctx->err, "sbx-pull takes what a node published "
			"there; import takes files");
		return SBX_E_USAGE;
	}
	im->source = name != NULL ? name : "standard input";
	if ((r = sbx_import_fd(log, fd, im, &ctx->err)) == 0)
		r = sbx_guard_settle(
			log, &ctx->conf, im->source, false, &left, &ctx->err);
	if (sbx_guard_tell(&back, im->own - own, left))
		sbx_tool_warn(ctx, &back);
	return r;
}

static void
say_counts(struct sbx_ctx *ctx, const struct sbx_import *im)
{
	struct sbx_doc *doc;
	struct sbx_json *row;

	if (!ctx->json) {
		sbx_tool_say(ctx, "%zu new, %zu known, %zu held, %zu refused",
			im->added, im->known, im->held, im->refused);
		return;
	}
	doc = sbx_doc_new();
	row = sbx_doc_root(doc);
	sbx_json_add_int(doc, row, "new", (int64_t)im->added);
	sbx_json_add_int(doc, row, "known", (int64_t)im->known);
	sbx_json_add_int(doc, row, "held", (int64_t)im->held);
	sbx_json_add_int(doc, row, "refused", (int64_t)im->refused);
	sbx_tool_row(ctx, NULL, row);
	sbx_doc_free(doc);
}

int
cmd_import(struct sbx_ctx *ctx)
{
	struct importing who = { .ctx = ctx };
	struct sbx_import im = { .refuse = refused, .ctx = &who };
	struct sbx_log *log = NULL;
	int r, fd = STDIN_FILENO;

	if ((r = ledger_open(ctx, SBX_LOG_WRITE, &log)) != 0)
		return r;
	for (int i = 0; r == 0 && (i < ctx->argc || i == 0); i++) {
		if (ctx->argc > 0 && strcmp(ctx->argv[i], "-") != 0) {
			who.name = ctx->argv[i];
			fd = open(who.name, O_RDONLY | O_CLOEXEC);
			if (fd < 0) {
				r = sbx_err_sys(&ctx->err, "%.200s", who.name);
				break;
			}
		}
		r = import_one(ctx, log, fd, who.name, &im);
		if (fd != STDIN_FILENO)
			close(fd);
		fd = STDIN_FILENO;
	}
	say_counts(ctx, &im);
	sbx_log_close(log);
	if (r == 0 && im.refused > 0)
		return SBX_E_INPUT;
	return r == 0 ? sbx_import_deferred(&im, &ctx->err) : r;
}

struct exporting {
	struct sbx_ctx *ctx;
	struct sbx_buf line;
	bool old, first;
};

static int
export_row(void *arg, const struct sbx_row *row, struct sbx_err *err)
{
	struct exporting *x = arg;

	(void)err;
	sbx_buf_clear(&x->line);
	sbx_row_line(row, &x->line);
	if (x->old && !x->first)
		fputs(",\n", stdout);
	x->first = false;
	fwrite(x->line.data, 1, x->line.len, stdout);
	if (!x->old)
		putchar('\n');
	return SBX_OK;
}

int
cmd_export(struct sbx_ctx *ctx)
{
	struct exporting x = { .ctx = ctx, .line = SBX_BUF(SBX_MAX_LINE),
		.old = sbx_tool_opt(ctx, "old") != NULL, .first = true };
	struct sbx_log *log = NULL;
	int64_t from;
	int r;

	if ((r = sbx_tool_num(ctx, "from", 1, INT64_MAX, 1, &from)) != 0 ||
		(r = ledger_open(ctx, 0, &log)) != 0)
		return r;
	if (x.old)
		fputs("{\"entries\":[", stdout);
	r = sbx_log_each(log, from, 0, export_row, &x, &ctx->err);
	if (r == 0 && x.old)
		puts("]}");
	sbx_buf_free(&x.line);
	sbx_log_close(log);
	return r;
}

static const struct sbx_col show_cols[] = {
	{ "seq", "SEQ", 0 }, { "type", "TYPE", 0 }, { "author", "AUTHOR", 20 },
	{ "time", "TIME", 19 }, { "id", "ID", 16 }, { NULL, NULL, 0 } };

static int
show_row(void *arg, const struct sbx_row *row, struct sbx_err *err)
{
	struct sbx_ctx *ctx = arg;
	struct sbx_entry *e = NULL;
	struct sbx_doc *doc;
	struct sbx_json *out;
	int r;

	if ((r = sbx_row_entry(row, &e, err)) != 0)
		return r;
	doc = sbx_doc_new();
	out = sbx_doc_root(doc);
	sbx_json_add_int(doc, out, "seq", row->seq);
	sbx_json_add_str(doc, out, "op", row->op);
	sbx_json_add_str(doc, out, "type", row->type);
	sbx_json_add_str(doc, out, "author", row->author);
	sbx_json_add_time(doc, out, "time", e->time);
	sbx_json_add_hex(doc, out, "id", row->id, SBX_HASH_BYTES);
	sbx_json_add_hex(doc, out, "hash", row->hash, SBX_HASH_BYTES);
	if (ctx->json || ctx->verbose)
		sbx_json_add_copy(doc, out, "payload", e->payload);
	sbx_tool_row(ctx, show_cols, out);
	sbx_doc_free(doc);
	sbx_entry_free(e);
	return SBX_OK;
}

/* Without names when the state cannot be read: the entries still can. */
static void
show_names(struct sbx_ctx *ctx, struct sbx_log *log)
{
	struct sbx_state *st = NULL;

	if (ctx->json || sbx_state_open(log, &st, NULL) != 0)
		return;
	sbx_tool_names(ctx, st);
	sbx_state_free(st);
}

int
cmd_show(struct sbx_ctx *ctx)
{
	struct sbx_log *log = NULL;
	int64_t from = 1, to = 0;
	int r;

	if (ctx->argc > 0 && !sbx_num_parse(&from, ctx->argv[0], 1, INT64_MAX))
		return sbx_err_set(&ctx->err, SBX_E_USAGE,
			"not an entry's number: %.60s", ctx->argv[0]);
	if (ctx->argc > 0)
		to = from;
	if (ctx->argc > 1 && !sbx_num_parse(&to, ctx->argv[1], from, INT64_MAX))
		return sbx_err_set(&ctx->err, SBX_E_USAGE,
			"not an entry's number after %s: %.60s", ctx->argv[0],
			ctx->argv[1]);
	if ((r = ledger_open(ctx, 0, &log)) != 0)
		return r;
	show_names(ctx, log);
	r = sbx_log_each(log, from, to, show_row, ctx, &ctx->err);
	sbx_tool_rows_end(ctx);
	sbx_log_close(log);
	return r;
}

/* ---- canon: the filter ---- */

static int
canon_line(const struct sbx_lines *in, struct sbx_buf *out, struct sbx_err *err)
{
	struct sbx_doc *doc = NULL;
	int r;

	if (in->over)
		return sbx_err_set(err, SBX_E_INPUT, "longer than %d bytes",
			SBX_MAX_LINE);
	if ((r = sbx_json_parse(in->text, in->len, NULL, &doc, err)) == 0)
		r = sbx_canon_write(out, sbx_doc_root(doc), sbx_rec_fractions,
			err);
	sbx_doc_free(doc);
	return r;
}

int
cmd_canon(struct sbx_ctx *ctx)
{
	struct sbx_buf out = SBX_BUF(8 * SBX_MAX_LINE);
	struct sbx_err why;
	struct sbx_lines in;
	bool bad = false;
	int r;

	sbx_lines_init(&in, STDIN_FILENO);
	while ((r = sbx_lines_next(&in, &ctx->err)) == 1) {
		sbx_buf_clear(&out);
		if (canon_line(&in, &out, &why) == 0) {
			fwrite(sbx_buf_text(&out), 1, out.len, stdout);
			putchar('\n');
			continue;
		}
		bad = true;
		sbx_err_at(&why, "line %zu", in.number);
		sbx_tool_warn(ctx, &why);
	}
	sbx_lines_free(&in);
	sbx_buf_free(&out);
	return r == 0 && bad ? SBX_E_INPUT : r;
}
