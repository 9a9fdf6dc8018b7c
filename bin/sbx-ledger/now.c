/* SPDX-License-Identifier: Apache-2.0 */
/* What members say about now. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/base.h"
#include "json/json.h"
#include "crypto/crypto.h"
#include "ledger/ledger.h"
#include "directory/directory.h"
#include "tool/tool.h"
#include "exchange/now.h"
#include "sbx-ledger.h"

static const struct sbx_col cols[] = { { "type", "TYPE", 0 },
	{ "did", "AUTHOR", 0 }, { "name", "NAME", 24 }, { "at", "AT", 19 },
	{ "until", "UNTIL", 19 }, { "seq", "SEQ", 0 }, { NULL, NULL, 0 } };

static void
now_row(struct sbx_ctx *ctx, struct sbx_state *st, const struct sbx_statement *s)
{
	struct sbx_doc *doc = sbx_doc_new();
	struct sbx_json *row = sbx_doc_root(doc);
	struct sbx_buf name = SBX_BUF(256);

	sbx_json_add_str(doc, row, "type", s->type->rec.type);
	sbx_json_add_str(doc, row, "did", s->did);
	if (sbx_name_get(st, s->did, &name, NULL) == 0 && name.len > 0)
		sbx_json_add_str(doc, row, "name", name.data);
	else
		sbx_json_add_str(doc, row, "name", NULL);
	sbx_json_add_time(doc, row, "at", s->at);
	sbx_json_add_time(doc, row, "until", s->until);
	sbx_json_add_int(doc, row, "seq", s->seq);
	if (ctx->json)
		sbx_json_add_copy(doc, row, "body", s->body);
	sbx_tool_row(ctx, cols, row);
	sbx_buf_free(&name);
	sbx_doc_free(doc);
}

int
cmd_now(struct sbx_ctx *ctx)
{
	const char *type = sbx_tool_opt(ctx, "type");
	const struct sbx_statement *s;
	struct sbx_state *st = NULL;
	struct sbx_log *log = NULL;
	struct sbx_now *now = NULL;
	char did[SBX_DID_SIZE] = "";
	int r;

	if (type != NULL && sbx_statement_type(type) == NULL) {
		sbx_err_set(&ctx->err, SBX_E_USAGE, "unknown type %.60s", type);
		sbx_err_hint(&ctx->err, "sbx-now(5) lists them");
		return SBX_E_USAGE;
	}
	if ((r = ledger_open(ctx, 0, &log)) != 0 ||
		(r = sbx_state_open(log, &st, &ctx->err)) != 0 ||
		(ctx->argc > 0 && (r = sbx_name_resolve(st, ctx->argv[0], did,
					   &ctx->err)) != 0) ||
		(r = sbx_now_load(&ctx->conf, &now, &ctx->err)) != 0)
		goto out;
	sbx_now_members(now, st);
	for (size_t i = 0; (s = sbx_now_at(now, i)) != NULL; i++) {
		if ((type != NULL && strcmp(s->type->rec.type, type) != 0) ||
			(did[0] != '\0' && strcmp(s->did, did) != 0))
			continue;
		if (sbx_tool_opt(ctx, "signed") != NULL)
			printf("%s\n", s->line);
		else
			now_row(ctx, st, s);
	}
	sbx_tool_rows_end(ctx);
out:
	sbx_now_free(now);
	sbx_state_free(st);
	sbx_log_close(log);
	return r;
}

static int
read_body(struct sbx_ctx *ctx, struct sbx_doc **doc)
{
	struct sbx_buf text = SBX_BUF(SBX_MAX_STATEMENT);
	int r;

	r = ctx->argc > 1 && strcmp(ctx->argv[1], "-") != 0 ?
		sbx_io_read(ctx->argv[1], 0, &text, &ctx->err) :
		sbx_io_read_fd(STDIN_FILENO, &text, &ctx->err);
	if (r == 0 && (r = sbx_json_parse(sbx_buf_text(&text), text.len, NULL, doc,
			       &ctx->err)) != 0)
		sbx_err_at(&ctx->err, "body");
	sbx_buf_free(&text);
	return r;
}

/* On this node's site at once, if it has one. */
static int
publish_now(struct sbx_ctx *ctx, struct sbx_now *now, struct sbx_state *st)
{
	size_t changed = 0;

	sbx_now_members(now, st);
	return access(ctx->conf.www, W_OK) == 0 ?
		sbx_now_publish(now, ctx->conf.www, &changed, &ctx->err) :
		SBX_OK;
}

int
cmd_say(struct sbx_ctx *ctx)
{
	const struct sbx_statement *said = NULL;
	const struct sbx_statement_type *type = sbx_statement_type(ctx->argv[0]);
	struct sbx_state *st = NULL;
	struct sbx_doc *body = NULL;
	struct sbx_log *log = NULL;
	struct sbx_now *now = NULL;
	struct sbx_key *key = NULL;
	int64_t ttl = 0;
	int r;

	if ((r = sbx_tool_num(ctx, "ttl", 1, type != NULL ? type->ttl : INT64_MAX,
		     type != NULL ? type->ttl : 1, &ttl)) != 0 ||
		(r = read_body(ctx, &body)) != 0 ||
		(r = sbx_key_load(ctx->conf.key, &key, &ctx->err)) != 0 ||
		(r = ledger_open(ctx, 0, &log)) != 0 ||
		(r = sbx_state_open(log, &st, &ctx->err)) != 0 ||
		(r = ctx->dry ? sbx_now_load(&ctx->conf, &now, &ctx->err) :
				sbx_now_open(&ctx->conf, &now, &ctx->err)) != 0 ||
		(r = sbx_now_say(now, st, key, ctx->argv[0], ttl,
			 sbx_doc_root(body), &said, &ctx->err)) != 0)
		goto out;
	if (ctx->dry || ctx->verbose || ctx->json)
		printf("%s\n", said->line);
	if (!ctx->dry && (r = sbx_now_save(now, &ctx->err)) == 0)
		r = publish_now(ctx, now, st);
out:
	sbx_now_free(now);
	sbx_state_free(st);
	sbx_log_close(log);
	sbx_key_free(key);
	sbx_doc_free(body);
	return r;
}
