/* SPDX-License-Identifier: Apache-2.0 */
/* The journal: made, written to, read, checked. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "sbx.h"

static int
open_log(struct sbx_ctx *ctx, unsigned flags, struct sbx_log **log)
{
	return sbx_log_open(ctx->conf.db, flags, log, &ctx->err);
}

/* ---- init, whoami ---------------------------------------------------- */

/* The key may be there already: made by an earlier init that was cut short,
 * or put there by hand. */
static int
have_key(struct sbx_ctx *ctx, struct sbx_key **key)
{
	struct sbx_buf dir = SBX_BUF(4096);
	char *slash;
	int r;

	if (access(ctx->conf.key, F_OK) == 0)
		return sbx_key_load(ctx->conf.key, key, &ctx->err);
	sbx_buf_str(&dir, ctx->conf.key);
	if ((slash = strrchr(dir.data, '/')) != NULL)
		*slash = '\0';
	r = slash != NULL ? sbx_io_mkdir(dir.data, 0700, &ctx->err) : SBX_OK;
	sbx_buf_free(&dir);
	if (r == 0 && (r = sbx_key_new(key, &ctx->err)) == 0)
		r = sbx_key_save(ctx->conf.key, *key, &ctx->err);
	return r;
}

static int
add_identity(struct sbx_log *log, const struct sbx_key *key,
	struct sbx_err *err)
{
	int r;

	if ((r = sbx_log_begin(log, err)) != 0)
		return r;
	if ((r = sbx_identity_add(log, key, NULL, err)) == 0 &&
		(r = sbx_log_set_self(log, sbx_key_did(key), err)) == 0 &&
		(r = sbx_log_trust(log, sbx_key_did(key), true, err)) == 0)
		return sbx_log_commit(log, err);
	sbx_log_rollback(log);
	return r;
}

static int
make_db_dir(struct sbx_ctx *ctx)
{
	return sbx_io_mkdir(ctx->conf.dir, 0750, &ctx->err);
}

static int
cmd_init(struct sbx_ctx *ctx)
{
	struct sbx_key *key = NULL;
	struct sbx_log *log = NULL;
	char did[SBX_DID_SIZE];
	int r;

	if (ctx->dry) {
		sbx_tool_out(ctx, "would make %s and %s", ctx->conf.key,
			ctx->conf.db);
		return SBX_OK;
	}
	if ((r = make_db_dir(ctx)) != 0 || (r = have_key(ctx, &key)) != 0 ||
		(r = open_log(ctx, SBX_LOG_WRITE | SBX_LOG_CREATE, &log)) != 0)
		goto out;
	if (sbx_log_self(log, did, NULL) != 0)
		r = add_identity(log, key, &ctx->err);
	else if (strcmp(did, sbx_key_did(key)) != 0)
		r = sbx_err_set(&ctx->err, SBX_E_USAGE,
			"%s belongs to %s, %s to %s", ctx->conf.db, did,
			ctx->conf.key, sbx_key_did(key));
	else
		sbx_tool_say(ctx, "already there");
	if (r == 0)
		sbx_tool_out(ctx, "%s", sbx_key_did(key));
out:
	sbx_log_close(log);
	sbx_key_free(key);
	return r;
}

static int
cmd_whoami(struct sbx_ctx *ctx)
{
	struct sbx_doc *doc = NULL;
	struct sbx_log *log = NULL;
	char did[SBX_DID_SIZE];
	int r;

	if ((r = open_log(ctx, 0, &log)) == 0 &&
		(r = sbx_log_self(log, did, &ctx->err)) == 0) {
		if (ctx->json) {
			doc = sbx_doc_new();
			sbx_json_add_str(doc, sbx_doc_root(doc), "did", did);
			sbx_tool_row(ctx, NULL, sbx_doc_root(doc));
			sbx_doc_free(doc);
		} else {
			sbx_tool_out(ctx, "%s", did);
		}
	}
	sbx_log_close(log);
	return r;
}

/* ---- append ------------------------------------------------------------ */

static int
read_payload(struct sbx_ctx *ctx, struct sbx_doc **doc)
{
	struct sbx_buf text = SBX_BUF(SBX_MAX_LINE);
	int r;

	r = ctx->argc > 1 && strcmp(ctx->argv[1], "-") != 0 ?
		sbx_io_read(ctx->argv[1], 0, &text, &ctx->err) :
		sbx_io_read_fd(STDIN_FILENO, &text, &ctx->err);
	if (r == 0)
		r = sbx_json_parse(sbx_buf_text(&text), text.len, NULL, doc,
			&ctx->err);
	if (r != 0 && ctx->err.code == SBX_E_INPUT)
		sbx_err_at(&ctx->err, "payload");
	sbx_buf_free(&text);
	return r;
}

static int
append(struct sbx_ctx *ctx, struct sbx_log *log, const struct sbx_entry *e)
{
	struct sbx_buf line = SBX_BUF(SBX_MAX_LINE);
	enum sbx_log_how how = SBX_LOG_NEW;
	int r = SBX_OK;

	if (!ctx->dry && (r = sbx_log_begin(log, &ctx->err)) == 0) {
		if ((r = sbx_log_add(log, e, &how, &ctx->err)) == 0)
			r = sbx_log_commit(log, &ctx->err);
		else
			sbx_log_rollback(log);
	}
	if (r == 0 && how == SBX_LOG_HELD)
		r = sbx_err_set(&ctx->err, SBX_E_USAGE,
			"dated more than ten minutes ahead: held until then");
	if (r == 0 && (ctx->verbose || ctx->dry || ctx->json)) {
		sbx_entry_line(e, &line);
		sbx_tool_out(ctx, "%s", line.data);
	} else if (r == 0) {
		sbx_buf_hex(&line, e->id, SBX_HASH_BYTES);
		sbx_tool_out(ctx, "%s", line.data);
	}
	sbx_buf_free(&line);
	return r;
}

static int
cmd_append(struct sbx_ctx *ctx)
{
	struct sbx_doc *doc = NULL;
	struct sbx_key *key = NULL;
	struct sbx_log *log = NULL;
	struct sbx_entry *e = NULL;
	int r;

	if (sbx_rec_op(ctx->argv[0]) == NULL) {
		sbx_err_set(&ctx->err, SBX_E_USAGE, "unknown op %.60s",
			ctx->argv[0]);
		sbx_err_hint(&ctx->err, "sbx-entry(5) lists them");
		return SBX_E_USAGE;
	}
	if ((r = sbx_key_load(ctx->conf.key, &key, &ctx->err)) != 0 ||
		(r = open_log(ctx, SBX_LOG_WRITE, &log)) != 0 ||
		(r = read_payload(ctx, &doc)) != 0)
		goto out;
	r = sbx_entry_make(key, ctx->argv[0], sbx_tool_opt(ctx, "type"),
		sbx_doc_root(doc), &e, &ctx->err);
	if (r == 0)
		r = append(ctx, log, e);
out:
	sbx_entry_free(e);
	sbx_log_close(log);
	sbx_key_free(key);
	sbx_doc_free(doc);
	return r;
}

/* ---- import, export, show ----------------------------------------------- */

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

static int
cmd_import(struct sbx_ctx *ctx)
{
	struct importing who = { .ctx = ctx };
	struct sbx_import im = { .refuse = refused, .ctx = &who };
	struct sbx_log *log = NULL;
	int r, fd = STDIN_FILENO;

	if ((r = open_log(ctx, SBX_LOG_WRITE, &log)) != 0)
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
		r = sbx_import_fd(log, fd, &im, &ctx->err);
		if (fd != STDIN_FILENO)
			close(fd);
		fd = STDIN_FILENO;
	}
	say_counts(ctx, &im);
	sbx_log_close(log);
	return r == 0 && im.refused > 0 ? SBX_E_INPUT : r;
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

static int
cmd_export(struct sbx_ctx *ctx)
{
	struct exporting x = { .ctx = ctx, .line = SBX_BUF(SBX_MAX_LINE),
		.old = sbx_tool_opt(ctx, "old") != NULL, .first = true };
	struct sbx_log *log = NULL;
	int64_t from;
	int r;

	if ((r = sbx_tool_num(ctx, "from", 1, INT64_MAX, 1, &from)) != 0 ||
		(r = open_log(ctx, 0, &log)) != 0)
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

static int
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
	if ((r = open_log(ctx, 0, &log)) != 0)
		return r;
	r = sbx_log_each(log, from, to, show_row, ctx, &ctx->err);
	sbx_tool_rows_end(ctx);
	sbx_log_close(log);
	return r;
}

/* ---- verify, status, canon, publish --------------------------------------- */

static int
cmd_verify(struct sbx_ctx *ctx)
{
	unsigned char head[SBX_HASH_BYTES];
	char hex[2 * SBX_HASH_BYTES + 1];
	struct sbx_log *log = NULL;
	int64_t size, bad;
	int r;

	if ((r = open_log(ctx, 0, &log)) == 0 &&
		(r = sbx_log_verify(log, &bad, &ctx->err)) == 0 &&
		(r = sbx_log_head(log, &size, head, &ctx->err)) == 0) {
		sbx_hex_write(hex, head, sizeof(head));
		if (!ctx->quiet)
			sbx_tool_out(ctx, "ok: %lld entries, head %s",
				(long long)size, hex);
	}
	sbx_log_close(log);
	return r;
}

static int
count_row(void *ctx, const struct sbx_json *row, struct sbx_err *err)
{
	const struct sbx_json *member = sbx_json_get(row, "member");
	const char *state = sbx_json_str(row, "state");

	(void)err;
	if (member != NULL ? member->yes :
			     state != NULL && (strcmp(state, "anchor") == 0 ||
						      strcmp(state, "member") == 0))
		++*(int64_t *)ctx;
	return SBX_OK;
}

static const struct {
	const char *name;
	enum sbx_view view;
} counted[] = { { "members", SBX_VIEW_MEMBER }, { "nodes", SBX_VIEW_NODE },
	{ "offers", SBX_VIEW_OFFER }, { "subscriptions", SBX_VIEW_SUB } };

static int
fill_status(struct sbx_log *log, struct sbx_doc *doc, struct sbx_err *err)
{
	struct sbx_json *out = sbx_doc_root(doc);
	unsigned char hash[SBX_HASH_BYTES];
	struct sbx_state *st = NULL;
	char did[SBX_DID_SIZE];
	int64_t n;
	int r;

	if ((r = sbx_log_self(log, did, err)) != 0 ||
		(r = sbx_log_head(log, &n, hash, err)) != 0)
		return r;
	sbx_json_add_str(doc, out, "did", did);
	sbx_json_add_int(doc, out, "entries", n);
	sbx_json_add_hex(doc, out, "head", hash, sizeof(hash));
	if ((r = sbx_state_open(log, &st, err)) != 0)
		return r;
	for (size_t i = 0; r == 0 && i < sizeof(counted) / sizeof(counted[0]); i++) {
		n = 0;
		r = sbx_state_each(st, counted[i].view, NULL, count_row, &n, err);
		sbx_json_add_int(doc, out, counted[i].name, n);
	}
	if (r == 0 && (r = sbx_state_digest(st, hash, err)) == 0)
		sbx_json_add_hex(doc, out, "state", hash, sizeof(hash));
	sbx_state_free(st);
	return r;
}

static int
cmd_status(struct sbx_ctx *ctx)
{
	struct sbx_doc *doc = sbx_doc_new();
	struct sbx_log *log = NULL;
	int r;

	if ((r = open_log(ctx, 0, &log)) == 0 &&
		(r = fill_status(log, doc, &ctx->err)) == 0) {
		if (ctx->json)
			sbx_tool_row(ctx, NULL, sbx_doc_root(doc));
		for (const struct sbx_json *c = sbx_doc_root(doc)->child;
			!ctx->json && c != NULL; c = c->next)
			sbx_tool_out(ctx, "%-14s %s", c->key, c->text);
	}
	sbx_log_close(log);
	sbx_doc_free(doc);
	return r;
}

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

static int
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

static const struct sbx_opt append_opts[] = {
	{ 't', "type", "TYPE", "the payload's type, when the op carries several" },
	{ 0, NULL, NULL, NULL } };
static const struct sbx_opt export_opts[] = {
	{ 'f', "from", "N", "begin with entry N" },
	{ 0, "old", NULL, "the older form: {\"entries\": [...]}" },
	{ 0, NULL, NULL, NULL } };

static const struct sbx_cmd cmds[] = {
	{ "init", cmd_init, "", 0, 0, "make the key and the ledger; print the did",
		NULL },
	{ "whoami", cmd_whoami, "", 0, 0, "print this node's did", NULL },
	{ "append", cmd_append, "OP [FILE]", 1, 2,
		"sign a payload (standard input) and append it", append_opts },
	{ "import", cmd_import, "[FILE...]", 0, -1,
		"judge and take entries from files or standard input", NULL },
	{ "export", cmd_export, "", 0, 0, "print every entry, one a line",
		export_opts },
	{ "show", cmd_show, "[FROM [TO]]", 0, 2, "list entries", NULL },
	{ "verify", cmd_verify, "", 0, 0,
		"recompute every hash and signature", NULL },
	{ "status", cmd_status, "", 0, 0, "what this ledger holds", NULL },
	{ "canon", cmd_canon, "", 0, 0,
		"filter: one JSON document a line to its canonical form", NULL },
	{ NULL, NULL, NULL, 0, 0, NULL, NULL } };

static const struct sbx_tool tool = { "sbx-ledger",
	"the signed, chained, append-only log", 0, cmds };

int
main(int argc, char **argv)
{
	return sbx_tool_main(&tool, argc, argv);
}
