/* SPDX-License-Identifier: Apache-2.0 */
/* What the tools print: rows as JSON lines or tables. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/base.h"
#include "json/json.h"
#include "crypto/crypto.h"
#include "record/record.h"
#include "directory/directory.h"
#include "tool/tool.h"

#define MAX_COLS 16

struct rows {
	const struct sbx_col *cols;
	size_t ncols, count;
	char **cells; /* count * ncols, already safe to print */
};

/* ---- lines
 * ----------------------------------------------------------------------- */

/* Every part between tabs made safe, so that a caller may align by tabs. */
static void
safe_line(struct sbx_buf *out, const char *text, size_t len)
{
	const char *tab;

	while ((tab = memchr(text, '\t', len)) != NULL) {
		sbx_text_safe(out, text, (size_t)(tab - text));
		sbx_buf_str(out, "\t");
		len -= (size_t)(tab + 1 - text);
		text = tab + 1;
	}
	sbx_text_safe(out, text, len);
}

static void
put(const char *text, size_t len)
{
	fwrite(text, 1, len, stdout);
}

void
sbx_tool_out(struct sbx_ctx *ctx, const char *fmt, ...)
{
	struct sbx_buf line = SBX_BUF(SBX_MAX_EXPORT);
	char *text = NULL;
	va_list ap;
	int n;

	(void)ctx;
	va_start(ap, fmt);
	n = vasprintf(&text, fmt, ap);
	va_end(ap);
	if (n < 0)
		return;
	safe_line(&line, text, (size_t)n);
	sbx_buf_str(&line, "\n");
	put(line.data, line.len);
	sbx_buf_free(&line);
	free(text);
}

/* ---- rows
 * ------------------------------------------------------------------------ */

/* ---- names ---- */

int
sbx_tool_names(struct sbx_ctx *ctx, struct sbx_state *st)
{
	sbx_names_free(ctx->names);
	return sbx_names_load(st, &ctx->names, &ctx->err);
}

/* A name that two are called names neither: the DID stays. */
void
sbx_tool_label(const struct sbx_ctx *ctx, const char *did, struct sbx_buf *out)
{
	const char *name;
	bool sure = true;

	name = sbx_names_get(ctx->names, did, &sure);
	if (name == NULL)
		sbx_buf_str(out, did);
	else
		sbx_buf_fmt(out, !sure ? "%s? (%s)" : ctx->verbose ? "%s (%s)" :
			"%s", name, did);
}

static void
cell(struct sbx_ctx *ctx, struct sbx_buf *out, const char *key,
	const struct sbx_json *v)
{
	struct sbx_buf canon = SBX_BUF(SBX_MAX_LINE);
	size_t before = out->len;

	if (v == NULL || v->type == SBX_JSON_NULL)
		;
	/* A row's own did stays: its name has a column of its own beside it. */
	else if (v->type == SBX_JSON_STRING && strcmp(key, "did") != 0 &&
		sbx_did_check(v->text, v->len))
		sbx_tool_label(ctx, v->text, out);
	else if (v->type == SBX_JSON_STRING || v->type == SBX_JSON_NUMBER)
		sbx_text_safe(out, v->text, v->len);
	else if (v->type == SBX_JSON_BOOL)
		sbx_buf_str(out, v->yes ? "yes" : "no");
	else if (sbx_canon_write(&canon, v, sbx_rec_fractions, NULL) == 0)
		sbx_buf_str(out, sbx_buf_text(&canon));
	/* Never an empty column: awk(1) and read(1) would close the gap. */
	if (out->len == before)
		sbx_buf_str(out, "-");
	sbx_buf_free(&canon);
}

/* Characters, not bytes. */
static size_t
width(const char *text)
{
	size_t n = 0;

	for (; *text != '\0'; text++)
		n += (*text & 0xc0) != 0x80;
	return n;
}

/* Bytes of the first max characters. */
static size_t
head(const char *text, size_t max)
{
	size_t i;

	for (i = 0; text[i] != '\0'; i++)
		if ((text[i] & 0xc0) != 0x80 && max-- == 0)
			break;
	return i;
}

static void
row_json(const struct sbx_json *row)
{
	struct sbx_buf line = SBX_BUF(SBX_MAX_EXPORT);

	if (sbx_canon_write(&line, row, sbx_rec_fractions, NULL) == 0) {
		sbx_buf_str(&line, "\n");
		put(line.data, line.len);
	}
	sbx_buf_free(&line);
}

static void
row_plain(struct sbx_ctx *ctx, const struct sbx_col *cols, const struct sbx_json *row)
{
	struct sbx_buf line = SBX_BUF(SBX_MAX_EXPORT);

	for (size_t i = 0; cols[i].title != NULL; i++) {
		if (i > 0)
			sbx_buf_str(&line, "\t");
		cell(ctx, &line, cols[i].key,
			sbx_json_get(row, cols[i].key));
	}
	sbx_buf_str(&line, "\n");
	put(line.data, line.len);
	sbx_buf_free(&line);
}

static void
row_keep(struct sbx_ctx *ctx, struct rows *rows,
	const struct sbx_json *row)
{
	struct sbx_buf text = SBX_BUF(SBX_MAX_LINE);
	size_t at = rows->count * rows->ncols, len;

	rows->cells = sbx_mem_grow(
		rows->cells, at + rows->ncols, sizeof(*rows->cells));
	for (size_t i = 0; i < rows->ncols; i++) {
		sbx_buf_clear(&text);
		cell(ctx, &text, rows->cols[i].key,
			sbx_json_get(row, rows->cols[i].key));
		len = text.len;
		if (rows->cols[i].cut > 0)
			len = head(
				sbx_buf_text(&text), (size_t)rows->cols[i].cut);
		rows->cells[at + i] = sbx_mem_text(sbx_buf_text(&text), len);
	}
	rows->count++;
	sbx_buf_free(&text);
}

void
sbx_tool_row(struct sbx_ctx *ctx, const struct sbx_col *cols,
	const struct sbx_json *row)
{
	struct rows *rows = ctx->rows;

	ctx->nrows++;
	if (ctx->json) {
		row_json(row);
		return;
	}
	if (isatty(STDOUT_FILENO) == 0) {
		row_plain(ctx, cols, row);
		return;
	}
	if (rows != NULL && rows->cols != cols) {
		sbx_tool_rows_end(ctx);
		rows = NULL;
	}
	if (rows == NULL) {
		ctx->rows = rows = sbx_mem_alloc(1, sizeof(*rows));
		rows->cols = cols;
		while (rows->ncols < MAX_COLS &&
			cols[rows->ncols].title != NULL)
			rows->ncols++;
	}
	row_keep(ctx, rows, row);
}

/* One line; the last column is not padded. */
static void
put_cells(char *const *cells, size_t n, const size_t *widths)
{
	for (size_t i = 0; i < n; i++) {
		put(cells[i], strlen(cells[i]));
		for (size_t w = width(cells[i]); i + 1 < n && w < widths[i] + 2;
			w++)
			put(" ", 1);
	}
	put("\n", 1);
}

void
sbx_tool_rows_end(struct sbx_ctx *ctx)
{
	struct rows *rows = ctx->rows;
	size_t widths[MAX_COLS] = { 0 }, n, w;
	char *titles[MAX_COLS] = { NULL };

	if (rows == NULL)
		return;
	n = rows->ncols;
	for (size_t i = 0; i < n; i++) {
		titles[i] = sbx_mem_text(
			rows->cols[i].title, strlen(rows->cols[i].title));
		widths[i] = width(titles[i]);
	}
	for (size_t i = 0; i < rows->count * n; i++)
		if ((w = width(rows->cells[i])) > widths[i % n])
			widths[i % n] = w;
	put_cells(titles, n, widths);
	for (size_t i = 0; i < rows->count; i++)
		put_cells(rows->cells + i * n, n, widths);
	for (size_t i = 0; i < n; i++)
		free(titles[i]);
	for (size_t i = 0; i < rows->count * n; i++)
		free(rows->cells[i]);
	free(rows->cells);
	free(rows);
	ctx->rows = NULL;
}

void
sbx_tool_one(struct sbx_ctx *ctx, const char *key, const char *text)
{
	struct sbx_doc *doc;

	if (!ctx->json) {
		sbx_tool_out(ctx, "%s", text);
		return;
	}
	doc = sbx_doc_new();
	sbx_json_add_str(doc, sbx_doc_root(doc), key, text);
	sbx_tool_row(ctx, NULL, sbx_doc_root(doc));
	sbx_doc_free(doc);
}

void
sbx_tool_none(struct sbx_ctx *ctx, const char *text, const char *hint)
{
	struct sbx_err none = { 0 };

	if (ctx->nrows > 0 || ctx->json || ctx->quiet ||
		isatty(STDOUT_FILENO) == 0)
		return;
	sbx_err_set(&none, SBX_OK, "%s", text);
	if (hint != NULL)
		sbx_err_hint(&none, "%s", hint);
	sbx_tool_warn(ctx, &none);
}
