/* SPDX-License-Identifier: Apache-2.0 */
/* Signing payloads: one, or one a line.  An id on standard output means that
 * the entry is durable. */
#include <string.h>
#include <unistd.h>

#include "sbx-ledger.h"

#define GROUP 1024 /* entries that share a commit, at most */

struct signer {
	struct sbx_ctx *ctx;
	struct sbx_log *log;
	struct sbx_key *key;
	struct sbx_buf acks; /* what is said once they are durable */
	size_t waiting;
};

static int
sign(struct signer *s, const char *text, size_t len)
{
	struct sbx_ctx *ctx = s->ctx;
	struct sbx_entry *e = NULL;
	struct sbx_doc *doc = NULL;
	enum sbx_log_how how = SBX_LOG_NEW;
	int r;

	if ((r = sbx_json_parse(text, len, NULL, &doc, &ctx->err)) != 0) {
		sbx_err_at(&ctx->err, "payload");
		return r;
	}
	r = sbx_entry_make(s->key, ctx->argv[0], sbx_tool_opt(ctx, "type"),
		sbx_doc_root(doc), &e, &ctx->err);
	if (r == 0 && !ctx->dry)
		r = sbx_log_add(s->log, e, &how, &ctx->err);
	if (r == 0 && how == SBX_LOG_HELD)
		r = sbx_err_set(&ctx->err, SBX_E_USAGE,
			"dated more than ten minutes ahead");
	if (r == 0 && (ctx->verbose || ctx->dry || ctx->json))
		sbx_entry_line(e, &s->acks);
	else if (r == 0)
		sbx_buf_hex(&s->acks, e->id, SBX_HASH_BYTES);
	if (r == 0)
		sbx_buf_str(&s->acks, "\n");
	s->waiting++;
	sbx_entry_free(e);
	sbx_doc_free(doc);
	return r;
}

static int
begin(struct signer *s)
{
	return s->ctx->dry ? SBX_OK : sbx_log_begin(s->log, &s->ctx->err);
}

/* Make what waits durable, then acknowledge it. */
static int
settle(struct signer *s)
{
	int r = s->ctx->dry ? SBX_OK : sbx_log_commit(s->log, &s->ctx->err);

	if (r == 0) {
		fwrite(sbx_buf_text(&s->acks), 1, s->acks.len, stdout);
		fflush(stdout);
	}
	sbx_buf_clear(&s->acks);
	s->waiting = 0;
	return r;
}

static void
drop(struct signer *s)
{
	if (!s->ctx->dry)
		sbx_log_rollback(s->log);
}

static int
append_one(struct signer *s)
{
	struct sbx_ctx *ctx = s->ctx;
	struct sbx_buf text = SBX_BUF(SBX_MAX_LINE);
	int r;

	r = ctx->argc > 1 && strcmp(ctx->argv[1], "-") != 0 ?
		sbx_io_read(ctx->argv[1], 0, &text, &ctx->err) :
		sbx_io_read_fd(STDIN_FILENO, &text, &ctx->err);
	if (r == 0 && (r = begin(s)) == 0) {
		if ((r = sign(s, sbx_buf_text(&text), text.len)) == 0)
			r = settle(s);
		else
			drop(s);
	}
	sbx_buf_free(&text);
	return r;
}

/* Whether another line can be had without waiting for it. */
static bool
more(const struct sbx_lines *in)
{
	return in->buf.len > in->at &&
		memchr(in->buf.data + in->at, '\n', in->buf.len - in->at) != NULL;
}

/* What arrived together is committed together: a writer that waits for each
 * id pays one commit each, a long pipe shares them. */
static int
append_lines(struct signer *s)
{
	bool each = sbx_tool_opt(s->ctx, "each") != NULL;
	struct sbx_lines in;
	int r;

	sbx_lines_init(&in, STDIN_FILENO);
	while ((r = sbx_lines_next(&in, &s->ctx->err)) == 1) {
		if (s->waiting == 0 && (r = begin(s)) != 0)
			break;
		r = in.over ? sbx_err_set(&s->ctx->err, SBX_E_INPUT,
				      "longer than %d bytes", SBX_MAX_LINE) :
			      sign(s, in.text, in.len);
		if (r != 0) {
			drop(s);
			sbx_err_at(&s->ctx->err, "line %zu", in.number);
			break;
		}
		if ((each || s->waiting >= GROUP || !more(&in)) &&
			(r = settle(s)) != 0)
			break;
	}
	sbx_lines_free(&in);
	return r;
}

int
cmd_append(struct sbx_ctx *ctx)
{
	struct signer s = { .ctx = ctx,
		.acks = SBX_BUF((size_t)GROUP * SBX_MAX_ENTRY) };
	bool lines = sbx_tool_opt(ctx, "lines") != NULL;
	int r;

	if (sbx_rec_op(ctx->argv[0]) == NULL) {
		sbx_err_set(&ctx->err, SBX_E_USAGE, "unknown op %.60s",
			ctx->argv[0]);
		sbx_err_hint(&ctx->err, "sbx-entry(5) lists them");
		return SBX_E_USAGE;
	}
	if (lines && ctx->argc > 1)
		return sbx_err_set(&ctx->err, SBX_E_USAGE,
			"-l reads standard input, not %.60s", ctx->argv[1]);
	if ((r = sbx_key_load(ctx->conf.key, &s.key, &ctx->err)) == 0 &&
		(r = ledger_open(ctx, SBX_LOG_WRITE, &s.log)) == 0 &&
		(r = sbx_head_check(s.log, &ctx->conf, &ctx->err)) == 0)
		r = lines ? append_lines(&s) : append_one(&s);
	sbx_buf_free(&s.acks);
	sbx_log_close(s.log);
	sbx_key_free(s.key);
	return r;
}
