/* SPDX-License-Identifier: Apache-2.0 */
/* A filter: text without addresses, keys and names, and back again. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/base.h"
#include "json/json.h"
#include "ask/ask.h"
#include "tool/tool.h"

#define MAX_MAP (16u << 20)
#define MAX_OUT (8u << 20) /* what one piece of the text becomes */

struct run {
	struct sbx_ctx *ctx;
	struct sbx_redact *r;
	const char *map;
	bool restore, classify;
	size_t unknown;
};

static int
load_map(struct run *run)
{
	struct sbx_buf text = SBX_BUF(MAX_MAP);
	struct sbx_ctx *ctx = run->ctx;
	int r;

	r = sbx_io_read(run->map, SBX_IO_SECRET, &text, &ctx->err);
	if (r == SBX_E_SYS && errno == ENOENT && !run->restore)
		r = SBX_OK;
	else if (r == SBX_OK)
		r = sbx_redact_load(run->r, text.data, text.len, &ctx->err);
	if (r != SBX_OK)
		sbx_err_at(&ctx->err, "%s", run->map);
	sbx_buf_free(&text);
	return r;
}

static int
save_map(struct run *run)
{
	struct sbx_buf text = SBX_BUF(4 * MAX_MAP);
	int r;

	sbx_redact_save(run->r, &text);
	r = sbx_io_save(run->map, text.data, text.len, 0600, SBX_IO_SECRET,
		&run->ctx->err);
	sbx_buf_free(&text);
	return r;
}

/* The words of a file, one a line. */
static int
read_words(struct sbx_ctx *ctx, const char *path, struct sbx_buf *text,
	char ***words, size_t *count)
{
	char *line, *save = NULL;
	int r;

	if ((r = sbx_io_read(path, 0, text, &ctx->err)) != SBX_OK)
		return r;
	sbx_buf_add(text, "\n", 1);
	for (line = strtok_r(text->data, "\r\n", &save); line != NULL;
		line = strtok_r(NULL, "\r\n", &save)) {
		*words = sbx_mem_grow(*words, *count + 1, sizeof(**words));
		(*words)[(*count)++] = line;
	}
	return SBX_OK;
}

static int
filter(struct run *run)
{
	struct sbx_buf out = SBX_BUF(MAX_OUT);
	struct sbx_err *err = &run->ctx->err;
	char piece[65536];
	ssize_t n = 1;
	int r = SBX_OK;

	while (n > 0 && r == SBX_OK) {
		n = read(STDIN_FILENO, piece, sizeof(piece));
		if (n < 0 && errno == EINTR) {
			n = 1;
			continue;
		}
		if (n < 0)
			r = sbx_err_sys(err, "stdin");
		else if (run->restore)
			r = sbx_redact_restore(run->r, piece, (size_t)n, n == 0,
				&out, &run->unknown, err);
		else
			r = sbx_redact_feed(run->r, piece, (size_t)n, n == 0,
				&out, err);
		if (r == SBX_OK && !run->classify)
			r = sbx_io_write_fd(STDOUT_FILENO, out.data, out.len, err);
		sbx_buf_clear(&out);
	}
	sbx_buf_free(&out);
	return r;
}

static void
say_class(struct run *run)
{
	const char *c = sbx_class_name(sbx_redact_class(run->r));
	struct sbx_doc *doc = sbx_doc_new();
	struct sbx_json *found;
	size_t n;

	if (run->ctx->json) {
		sbx_json_add_str(doc, sbx_doc_root(doc), "class", c);
		found = sbx_json_add(doc, sbx_doc_root(doc), "found",
			SBX_JSON_OBJECT);
		for (int k = 0; k < SBX_HIDDEN_KINDS; k++)
			if ((n = sbx_redact_count(run->r, k)) > 0)
				sbx_json_add_int(doc, found, sbx_hidden_name(k),
					(int64_t)n);
		sbx_tool_row(run->ctx, NULL, sbx_doc_root(doc));
	} else {
		sbx_tool_out(run->ctx, "%s", c);
	}
	sbx_doc_free(doc);
}

static int
finish(struct run *run)
{
	struct sbx_ctx *ctx = run->ctx;
	int r = SBX_OK;

	if (run->classify)
		say_class(run);
	else if (!run->restore && run->map != NULL && !ctx->dry)
		r = save_map(run);
	if (r != SBX_OK)
		return r;
	if (run->unknown > 0) {
		r = sbx_err_set(&ctx->err, SBX_E_NO,
			"%zu placeholders stand for nothing in the map",
			run->unknown);
		sbx_err_hint(&ctx->err, "they stay as they are; was the text "
			"made with another map?");
	} else if (!run->classify && run->map != NULL &&
		!run->restore && sbx_redact_lost(run->r) > 0) {
		r = sbx_err_set(&ctx->err, SBX_E_NO,
			"%zu values cannot be restored: they are hidden as "
			"<KIND:0>", sbx_redact_lost(run->r));
		sbx_err_hint(&ctx->err, "a map holds %d values of UTF-8; "
			"begin another one", SBX_MAX_HIDDEN);
	}
	return r;
}

static int
cmd_redact(struct sbx_ctx *ctx)
{
	struct run run = { .ctx = ctx, .map = sbx_tool_opt(ctx, "map"),
		.restore = sbx_tool_opt(ctx, "restore") != NULL,
		.classify = sbx_tool_opt(ctx, "classify") != NULL };
	const char *path = sbx_tool_opt(ctx, "words");
	struct sbx_buf text = SBX_BUF(1u << 20);
	char **words = NULL;
	size_t count = 0;
	int r = SBX_OK;

	if (run.restore && (run.map == NULL || run.classify || path != NULL)) {
		r = sbx_err_set(&ctx->err, SBX_E_USAGE,
			"--restore takes the map that the text was made with, "
			"and nothing else");
		sbx_err_hint(&ctx->err, "sbx-redact --restore --map FILE");
	} else if (path != NULL)
		r = read_words(ctx, path, &text, &words, &count);
	if (r == SBX_OK &&
		(r = sbx_redact_open(&run.r, words, count, &ctx->err)) == SBX_OK &&
		(run.map == NULL || (r = load_map(&run)) == SBX_OK) &&
		(r = filter(&run)) == SBX_OK)
		r = finish(&run);
	sbx_redact_free(run.r);
	free(words);
	sbx_buf_free(&text);
	return r;
}

int
main(int argc, char **argv)
{
	static const struct sbx_opt opts[] = {
		{ 'm', "map", "FILE", "keep what the placeholders stand for" },
		{ 'r', "restore", NULL, "put the values of the map back" },
		{ 'c', "classify", NULL, "say where the text may go, print no text" },
		{ 'w', "words", "FILE", "hide these words too, one a line" },
		{ 0 },
	};
	static const struct sbx_cmd cmds[] = {
		{ "redact", cmd_redact, "", 0, 0,
			"hide what the text on stdin would give away", opts },
		{ 0 },
	};
	static const struct sbx_tool tool = { "sbx-redact",
		"text without addresses, keys and names, and back again",
		SBX_TOOL_NOVERB, cmds };

	return sbx_tool_main(&tool, argc, argv);
}
