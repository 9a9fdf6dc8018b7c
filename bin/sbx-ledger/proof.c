/* SPDX-License-Identifier: Apache-2.0 */
/* Proofs for people elsewhere. */
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/base.h"
#include "json/json.h"
#include "crypto/crypto.h"
#include "record/record.h"
#include "ledger/ledger.h"
#include "node/node.h"
#include "exchange/exchange.h"
#include "tool/tool.h"
#include "sbx-ledger.h"

int
cmd_prove(struct sbx_ctx *ctx)
{
	struct sbx_buf out = SBX_BUF(SBX_MAX_NOTE + 4 * SBX_MAX_LINE);
	struct sbx_log *log = NULL;
	int64_t from, seq;
	int r;

	if ((r = sbx_tool_num(ctx, "from", 1, SBX_MAX_INT, 0, &from)) != 0)
		return r;
	if ((from > 0) == (ctx->argc > 0))
		return sbx_err_set(
			&ctx->err, SBX_E_USAGE, "either an entry or --from");
	if ((r = ledger_open(ctx, 0, &log)) == 0) {
		if (from > 0)
			r = sbx_prove_from(
				log, &ctx->conf, from, &out, &ctx->err);
		else if ((r = sbx_log_find(
				  log, ctx->argv[0], &seq, &ctx->err)) == 0)
			r = sbx_prove_entry(
				log, &ctx->conf, seq, &out, &ctx->err);
	}
	if (r == 0)
		fwrite(out.data, 1, out.len, stdout);
	sbx_buf_free(&out);
	sbx_log_close(log);
	return r;
}

/* A verifier key, or the file in which a node delegates one. */
static int
take_key(struct sbx_ctx *ctx, const char *text, struct sbx_vkey *key)
{
	struct sbx_buf file = SBX_BUF(SBX_MAX_LINE);
	struct sbx_delegation d;
	struct sbx_err why;
	int r;

	if (sbx_vkey_parse(key, text, strlen(text), &why) == 0)
		return SBX_OK;
	if (access(text, F_OK) != 0)
		return sbx_err_set(&ctx->err, SBX_E_USAGE, strchr(text, '+') ?
			"-k: %s: %.150s" :
			"-k: neither a verifier key nor a file%.0s: %.200s",
			why.text, text);
	if ((r = sbx_io_read(text, 0, &file, &ctx->err)) != 0)
		goto out;
	/* A witness's is one too, and will be told from a log's. */
	r = sbx_delegation_parse(&d, SBX_ROLE_LOG, sbx_buf_text(&file), file.len,
		&ctx->err);
	if (r != 0 && sbx_delegation_parse(&d, SBX_ROLE_WITNESS,
			      sbx_buf_text(&file), file.len, NULL) == 0)
		r = SBX_OK;
	if (r == 0)
		r = sbx_delegation_vkey(&d, key, &ctx->err);
out:
	sbx_buf_free(&file);
	return r;
}

static void
say_proved(struct sbx_ctx *ctx, const struct sbx_proved *p)
{
	struct sbx_buf line = SBX_BUF(SBX_MAX_LINE);
	struct sbx_doc *doc = sbx_doc_new();
	struct sbx_json *row = sbx_doc_root(doc);

	if (ctx->json) {
		sbx_json_add_str(doc, row, "origin", p->head.origin);
		sbx_json_add_int(doc, row, "size", (int64_t)p->head.size);
		sbx_json_add_int(doc, row, "from", (int64_t)p->from);
		sbx_json_add_bool(doc, row, "fork", p->fork);
		if (p->entry != NULL) {
			sbx_json_add_int(
				doc, row, "seq", (int64_t)p->index + 1);
			sbx_json_add_str(doc, row, "author", p->entry->author);
			sbx_json_add_str(doc, row, "op", p->entry->op);
			sbx_json_add_copy(
				doc, row, "payload", p->entry->payload);
		}
		sbx_tool_row(ctx, NULL, row);
	} else if (p->fork) {
		sbx_tool_out(ctx, "ok: %s contradicts itself: its heads of %ju "
				  "and of %ju entries", p->head.origin,
			(uintmax_t)p->from, (uintmax_t)p->head.size);
	} else if (p->entry == NULL) {
		sbx_tool_out(ctx, "ok: %s goes on from %ju to %ju entries",
			p->head.origin, (uintmax_t)p->from,
			(uintmax_t)p->head.size);
	} else {
		sbx_tool_out(ctx, "ok: entry %ju of %ju in %s",
			(uintmax_t)p->index + 1, (uintmax_t)p->head.size,
			p->head.origin);
		sbx_entry_line(p->entry, &line);
		if (ctx->verbose)
			sbx_tool_out(ctx, "%s", line.data);
	}
	sbx_doc_free(doc);
	sbx_buf_free(&line);
}

/* Whoever can make a key can make a log: whose it must be is the caller's to
 * say, or to read in the answer. */
static int
check_owner(struct sbx_ctx *ctx, const struct sbx_proved *p)
{
	const char *did = sbx_tool_opt(ctx, "did");
	size_t len = did != NULL ? strlen(did) : 0;

	if (did == NULL || (strncmp(p->head.origin, did, len) == 0 &&
				   strcmp(p->head.origin + len, "/log") == 0))
		return SBX_OK;
	return sbx_err_set(&ctx->err, SBX_E_NO,
		"it is a proof about %.100s, not about %.100s", p->head.origin,
		did);
}

static int
check_file(struct sbx_ctx *ctx, const struct sbx_vkey *key,
	struct sbx_proved *p)
{
	struct sbx_buf text = SBX_BUF(SBX_MAX_NOTE + 4 * SBX_MAX_LINE),
		       old = SBX_BUF(SBX_MAX_NOTE);
	const char *oldpath = sbx_tool_opt(ctx, "old");
	int r;

	r = strcmp(ctx->argv[0], "-") != 0
		    ? sbx_io_read(ctx->argv[0], 0, &text, &ctx->err)
		    : sbx_io_read_fd(STDIN_FILENO, &text, &ctx->err);
	if (r == 0 && oldpath != NULL)
		r = sbx_io_read(oldpath, 0, &old, &ctx->err);
	if (r == 0)
		r = sbx_prove_check(sbx_buf_text(&text), text.len, key,
			oldpath != NULL ? &old : NULL, p, &ctx->err);
	sbx_buf_free(&text);
	sbx_buf_free(&old);
	return r;
}

int
cmd_check_proof(struct sbx_ctx *ctx)
{
	const char *keytext = sbx_tool_opt(ctx, "key");
	struct sbx_vkey key, *given = keytext != NULL ? &key : NULL;
	struct sbx_proved p = { 0 };
	struct stat st;
	int r;

	if (keytext != NULL && (r = take_key(ctx, keytext, &key)) != 0)
		return r;
	r = stat(ctx->argv[0], &st) == 0 && S_ISDIR(st.st_mode)
		    ? sbx_fork_check(ctx->argv[0], given, &p, &ctx->err)
		    : check_file(ctx, given, &p);
	if (r == 0 && (r = check_owner(ctx, &p)) == 0)
		say_proved(ctx, &p);
	sbx_proved_free(&p);
	return r;
}
