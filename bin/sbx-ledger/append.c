/* SPDX-License-Identifier: Apache-2.0 */
/* Signing payloads: one, or one a line.  An id on standard output means that
 * the entry is durable. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/base.h"
#include "json/json.h"
#include "crypto/crypto.h"
#include "record/record.h"
#include "ledger/ledger.h"
#include "node/node.h"
#include "tool/tool.h"
#include "sbx-ledger.h"

#define GROUP 1024	    /* entries that share a commit, at most */
#define GROUP_BYTES (1u << 20) /* and their text */
#define AHEAD 64	    /* entries that are signed while others are committed */

struct payload {
	size_t line; /* its number; 0: not from a line */
	struct sbx_doc *doc;
	struct sbx_entry *e; /* signed */
	struct sbx_err err;
};

struct signer {
	struct sbx_ctx *ctx;
	struct sbx_log *log;
	struct sbx_key *key;
	const char *op;
	const struct sbx_rec *rec;
	bool each;    /* a commit for each entry */
	int64_t next; /* not before this is the next one dated */
};

struct group {
	const struct signer *s;
	struct payload *list;
	size_t count, bytes;
};

/* Whoever says two things about one id in two lines means the later: each has
 * a time of its own, though they are signed at once. */
static int
stamp(struct signer *s, struct sbx_doc *doc, struct sbx_err *err)
{
	struct sbx_json *root = sbx_doc_root(doc);
	int64_t us = sbx_clock_now();
	int r;

	if (root->type != SBX_JSON_OBJECT ||
		sbx_json_get(root, s->rec->time) != NULL)
		return SBX_OK;
	us = us > s->next ? us : s->next;
	if ((r = sbx_date_rests(s->log, s->rec, root, &us, err)) != 0)
		return r;
	s->next = us + 1;
	sbx_json_add_time(doc, root, s->rec->time, us);
	return SBX_OK;
}

static int
take(struct signer *s, struct group *g, const char *text, size_t len, size_t line,
	struct sbx_err *err)
{
	struct payload *p = &g->list[g->count];
	int r = sbx_json_parse(text, len, NULL, &p->doc, err);

	if (r != 0) {
		sbx_err_at(err, "payload");
		return r;
	}
	if ((r = stamp(s, p->doc, err)) != 0)
		return r;
	p->line = line;
	g->count++;
	g->bytes += len;
	return SBX_OK;
}

static void
sign(void *arg, size_t from, size_t to)
{
	struct group *g = arg;

	for (struct payload *p = g->list + from; p < g->list + to; p++) {
		sbx_entry_make(g->s->key, g->s->op, g->s->rec->type,
			sbx_doc_root(p->doc), &p->e, &p->err);
		sbx_doc_free(p->doc);
		p->doc = NULL;
	}
}

/* One entry into the journal, and what will be said of it. */
static int
add(struct signer *s, struct payload *p, struct sbx_buf *acks)
{
	struct sbx_ctx *ctx = s->ctx;
	enum sbx_log_how how;
	int r = p->e != NULL ? SBX_OK : p->err.code;

	if (r != 0)
		ctx->err = p->err;
	else if (p->e->time > sbx_clock_now() + SBX_MAX_AHEAD)
		r = sbx_err_set(&ctx->err, SBX_E_USAGE,
			"dated more than ten minutes ahead");
	else if (!ctx->dry)
		r = sbx_log_add(s->log, p->e, &how, &ctx->err);
	if (r != 0 && p->line > 0)
		sbx_err_at(&ctx->err, "line %zu", p->line);
	if (r != 0)
		return r;
	if (ctx->verbose || ctx->dry || ctx->json)
		sbx_entry_line(p->e, acks);
	else
		sbx_buf_hex(acks, p->e->id, SBX_HASH_BYTES);
	sbx_buf_str(acks, "\n");
	return SBX_OK;
}

static void
clear(struct group *g)
{
	for (size_t i = 0; i < g->count; i++) {
		sbx_doc_free(g->list[i].doc);
		sbx_entry_free(g->list[i].e);
		g->list[i] = (struct payload){ 0 };
	}
	g->count = g->bytes = 0;
}

/* Make these durable together, then acknowledge them. */
static int
commit(struct signer *s, struct payload *list, size_t count)
{
	struct sbx_buf acks = SBX_BUF((size_t)GROUP * SBX_MAX_ENTRY);
	struct sbx_ctx *ctx = s->ctx;
	int r = SBX_OK;

	if (!ctx->dry && (r = sbx_log_begin(s->log, &ctx->err)) == 0)
		r = sbx_guard_still(s->log, &ctx->err);
	for (size_t i = 0; r == 0 && i < count; i++)
		r = add(s, &list[i], &acks);
	if (r == 0 && !ctx->dry)
		r = sbx_log_commit(s->log, &ctx->err);
	else if (!ctx->dry)
		sbx_log_rollback(s->log);
	if (r == 0) {
		fwrite(sbx_buf_text(&acks), 1, acks.len, stdout);
		fflush(stdout);
	}
	sbx_buf_free(&acks);
	return r;
}

static int
settle(struct signer *s, struct group *g)
{
	size_t n = s->each ? 1 : g->count;
	int r = SBX_OK;

	for (size_t i = 0; r == 0 && i < g->count; i += n)
		r = commit(s, g->list + i, n);
	clear(g);
	return r;
}

static int
append_one(struct signer *s, struct group *g)
{
	struct sbx_ctx *ctx = s->ctx;
	struct sbx_buf text = SBX_BUF(SBX_MAX_LINE);
	int r;

	r = ctx->argc > 1 && strcmp(ctx->argv[1], "-") != 0 ?
		sbx_io_read(ctx->argv[1], 0, &text, &ctx->err) :
		sbx_io_read_fd(STDIN_FILENO, &text, &ctx->err);
	if (r == 0)
		r = take(s, g, sbx_buf_text(&text), text.len, 0, &ctx->err);
	sbx_buf_free(&text);
	if (r != 0)
		return r;
	sign(g, 0, 1);
	return settle(s, g);
}

/* What has arrived; if wait, at least a line.  1: more may come.  What shares a
 * commit with a bad line is not kept, what came before it is. */
static int
fill(struct signer *s, struct sbx_lines *in, struct group *g, bool wait,
	struct sbx_err *err)
{
	size_t most = s->each ? AHEAD : GROUP;
	int r = 1;

	for (; r == 1 && g->count < most && g->bytes < GROUP_BYTES &&
		(wait || sbx_lines_more(in)); wait = false) {
		if ((r = sbx_lines_next(in, err)) != 1)
			break;
		if (in->over)
			r = sbx_err_set(err, SBX_E_INPUT,
				"longer than %d bytes", SBX_MAX_LINE);
		else if ((r = take(s, g, in->text, in->len, in->number, err)) == 0)
			r = 1;
		if (r != 1)
			sbx_err_at(err, "line %zu", in->number);
	}
	if (r < 0 && !s->each)
		clear(g);
	return r;
}

/* What arrived together is committed together: a writer that waits for each
 * id pays one commit each, a long pipe shares them.  The next are signed, on
 * all cores, while the disk is at work for those before. */
static int
append_lines(struct signer *s, struct group *next, struct group *ready)
{
	struct sbx_ctx *ctx = s->ctx;
	struct sbx_err why = { 0 };
	struct group *settled;
	struct sbx_crew *crew = sbx_crew_new();
	struct sbx_work *signing;
	struct sbx_lines in;
	int more = 1, r;

	sbx_lines_init(&in, STDIN_FILENO);
	do {
		if (more == 1)
			more = fill(s, &in, next, ready->count == 0, &why);
		signing = sbx_work_start(crew, next->count, 8, sign, next);
		r = settle(s, ready);
		sbx_work_end(signing);
		settled = ready;
		ready = next;
		next = settled;
	} while (r == 0 && (more == 1 || ready->count > 0));
	sbx_lines_free(&in);
	sbx_crew_free(crew);
	if (r == 0 && more < 0) {
		ctx->err = why;
		r = more;
	}
	return r;
}

/* The journal, for entries of that kind. */
static int
start(struct signer *s)
{
	struct sbx_ctx *ctx = s->ctx;
	struct sbx_err *err = &ctx->err;
	int r;

	if ((r = sbx_key_load(ctx->conf.key, &s->key, err)) == 0 &&
		(r = ledger_open(ctx, SBX_LOG_WRITE, &s->log)) == 0 &&
		(r = sbx_guard_check(s->log, &ctx->conf, err)) == 0 &&
		(r = sbx_date_joined(s->log, s->rec->type, err)) == 0)
		r = sbx_date_own(s->log, &s->next, err);
	return r;
}

/* That what was said now is later than what is dated ahead of the clock. */
static int
end(struct signer *s)
{
	struct sbx_ctx *ctx = s->ctx;
	struct sbx_err clock = { 0 };

	if (ctx->dry || !sbx_date_tell(s->log, &clock))
		return SBX_OK;
	sbx_tool_warn(ctx, &clock);
	return sbx_act_order(s->log, &ctx->conf, &ctx->err);
}

/* The record that op and --type name; an op may be of several. */
static int
find_record(struct sbx_ctx *ctx, struct signer *s)
{
	const char *type = sbx_tool_opt(ctx, "type");

	s->rec = sbx_rec_op(s->op);
	if (s->rec == NULL) {
		sbx_err_set(&ctx->err, SBX_E_USAGE, "unknown op %.60s", s->op);
		sbx_err_hint(&ctx->err, "sbx-entry(5) lists them");
		return SBX_E_USAGE;
	}
	if (type != NULL &&
		(s->rec = sbx_rec_type(type, strlen(type))) == NULL)
		return sbx_err_set(&ctx->err, SBX_E_USAGE,
			"unknown op or type %.60s", type);
	return SBX_OK;
}

int
cmd_append(struct sbx_ctx *ctx)
{
	struct signer s = { .ctx = ctx, .op = ctx->argv[0],
		.each = sbx_tool_opt(ctx, "each") != NULL };
	struct group a = { .s = &s }, b = { .s = &s };
	bool lines = sbx_tool_opt(ctx, "lines") != NULL;
	int r;

	if ((r = find_record(ctx, &s)) != 0)
		return r;
	if (lines && ctx->argc > 1)
		return sbx_err_set(&ctx->err, SBX_E_USAGE,
			"-l reads standard input, not %.60s", ctx->argv[1]);
	a.list = sbx_mem_alloc(lines ? GROUP : 1, sizeof(*a.list));
	b.list = sbx_mem_alloc(lines ? GROUP : 1, sizeof(*b.list));
	if ((r = start(&s)) == 0)
		r = lines ? append_lines(&s, &a, &b) : append_one(&s, &a);
	if (r == 0)
		r = end(&s);
	clear(&a);
	clear(&b);
	free(a.list);
	free(b.list);
	sbx_log_close(s.log);
	sbx_key_free(s.key);
	return r;
}
