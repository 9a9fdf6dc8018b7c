/* SPDX-License-Identifier: Apache-2.0 */
/* What the ledger is and whether it holds. */
#include <string.h>
#include <unistd.h>

#include "base/base.h"
#include "json/json.h"
#include "crypto/crypto.h"
#include "ledger/ledger.h"
#include "directory/directory.h"
#include "node/node.h"
#include "exchange/exchange.h"
#include "tool/tool.h"
#include "sbx-ledger.h"

static void
say_verified(struct sbx_ctx *ctx, int64_t size, const char *head,
	int64_t verified)
{
	struct sbx_doc *doc;
	struct sbx_json *row;

	if (ctx->json) {
		doc = sbx_doc_new();
		row = sbx_doc_root(doc);
		sbx_json_add_int(doc, row, "entries", size);
		sbx_json_add_str(doc, row, "head", head);
		sbx_json_add_int(doc, row, "verified", verified);
		sbx_tool_row(ctx, NULL, row);
		sbx_doc_free(doc);
	} else if (!ctx->quiet && sbx_tool_opt(ctx, "quick") != NULL) {
		sbx_tool_out(ctx, "ok: %lld entries, head %s, signatures "
			"verified up to entry %lld", (long long)size, head,
			(long long)verified);
	} else if (!ctx->quiet) {
		sbx_tool_out(ctx, "ok: %lld entries, head %s", (long long)size,
			head);
	}
}

int
cmd_verify(struct sbx_ctx *ctx)
{
	bool fast = sbx_tool_opt(ctx, "quick") != NULL;
	/* Who may write leaves a mark for the next quick check. */
	bool write = !fast && !ctx->dry && access(ctx->conf.db, W_OK) == 0;
	unsigned char head[SBX_HASH_BYTES];
	char hex[2 * SBX_HASH_BYTES + 1];
	struct sbx_log *log = NULL;
	int64_t size, verified = 0;
	int r;

	if ((r = ledger_open(ctx, write ? SBX_LOG_WRITE : 0, &log)) == 0 &&
		(!fast || (r = sbx_log_quick(log, &verified, &ctx->err)) == 0) &&
		(r = fast ? sbx_head_check(log, &ctx->conf, &ctx->err) :
			    sbx_head_verify(log, &ctx->conf, &ctx->err)) == 0 &&
		(r = sbx_log_head(log, &size, head, &ctx->err)) == 0) {
		sbx_hex_write(hex, head, sizeof(head));
		say_verified(ctx, size, hex, fast ? verified : size);
	}
	sbx_log_close(log);
	return r;
}

int
cmd_fsck(struct sbx_ctx *ctx)
{
	struct sbx_log *log = NULL;
	int64_t bad;
	int r;

	if ((r = ledger_open(ctx, ctx->dry ? 0 : SBX_LOG_WRITE, &log)) == 0 &&
		(ctx->dry || (r = sbx_log_rebuild(log, &ctx->err)) == 0) &&
		(r = sbx_log_check(log, &bad, &ctx->err)) == 0 &&
		(r = sbx_head_check(log, &ctx->conf, &ctx->err)) == 0)
		sbx_tool_say(ctx, ctx->dry ? "ok" : "derived again, and ok");
	sbx_log_close(log);
	return r;
}

static const struct {
	const char *name;
	enum sbx_view view;
} counted[] = { { "members", SBX_VIEW_MEMBER }, { "nodes", SBX_VIEW_NODE },
	{ "offers", SBX_VIEW_OFFER }, { "subscriptions", SBX_VIEW_SUB } };

/* What others call this box, if they call it anything. */
static int
fill_name(struct sbx_state *st, const char *did, struct sbx_doc *doc,
	struct sbx_err *err)
{
	struct sbx_buf name = SBX_BUF(300);
	int r;

	if ((r = sbx_name_get(st, did, &name, err)) == 0 && name.len > 0)
		sbx_json_add_str(doc, sbx_doc_root(doc), "name", name.data);
	sbx_buf_free(&name);
	return r;
}

static int
fill_status(struct sbx_log *log, struct sbx_doc *doc, int64_t *frozen,
	struct sbx_err *err)
{
	struct sbx_json *out = sbx_doc_root(doc);
	unsigned char hash[SBX_HASH_BYTES];
	struct sbx_state *st = NULL;
	char did[SBX_DID_SIZE];
	int64_t n, counts[SBX_VIEWS];
	int r;

	if ((r = sbx_log_self(log, did, err)) != 0 ||
		(r = sbx_log_head(log, &n, hash, err)) != 0)
		return r;
	sbx_json_add_str(doc, out, "did", did);
	sbx_json_add_int(doc, out, "entries", n);
	sbx_json_add_hex(doc, out, "head", hash, sizeof(hash));
	if ((r = sbx_state_open(log, &st, err)) != 0)
		return r;
	if ((r = fill_name(st, did, doc, err)) == 0 &&
		(r = sbx_state_count(st, counts, hash, err)) == 0) {
		for (size_t i = 0; i < sizeof(counted) / sizeof(counted[0]); i++)
			sbx_json_add_int(doc, out, counted[i].name,
				counts[counted[i].view]);
		sbx_json_add_hex(doc, out, "state", hash, sizeof(hash));
		*frozen = counts[SBX_VIEW_FORK];
	}
	sbx_state_free(st);
	return r;
}

/* What others verify this node's heads and cosignatures with. */
static void
fill_keys(struct sbx_ctx *ctx, struct sbx_doc *doc)
{
	static const struct {
		const char *name;
		enum sbx_role role;
	} keys[] = { { "log_key", SBX_ROLE_LOG },
		{ "witness_key", SBX_ROLE_WITNESS } };
	struct sbx_buf text = SBX_BUF(SBX_MAX_LINE);
	struct sbx_vkey k;

	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
		if (sbx_delegation_own(&ctx->conf, keys[i].role, &k, NULL) == 0) {
			sbx_buf_clear(&text);
			sbx_vkey_write(&k, &text);
			sbx_json_add_str(doc, sbx_doc_root(doc), keys[i].name,
				sbx_buf_text(&text));
		}
	sbx_buf_free(&text);
}

/* How far the policy's witnesses have signed what this log is. */
static int
fill_witnessed(struct sbx_ctx *ctx, struct sbx_log *log, struct sbx_doc *doc)
{
	struct sbx_json *out = sbx_doc_root(doc), *list, *one;
	struct sbx_witnessed s;
	int r;

	if (ctx->conf.quorum == 0)
		return SBX_OK;
	if ((r = sbx_witness_status(log, &ctx->conf, &s, &ctx->err)) != 0)
		return r;
	sbx_json_add_int(doc, out, "witnessed", s.witnessed);
	if (!ctx->json)
		return SBX_OK;
	list = sbx_json_add(doc, out, "witnesses", SBX_JSON_ARRAY);
	for (size_t i = 0; i < s.count; i++) {
		one = sbx_json_add(doc, list, NULL, SBX_JSON_OBJECT);
		sbx_json_add_str(doc, one, "name", s.by[i].name);
		sbx_json_add_int(doc, one, "size", s.by[i].size);
		if (s.by[i].size > 0)
			sbx_json_add_time(doc, one, "time", s.by[i].time);
	}
	return SBX_OK;
}

/* Of each log that sbx-pull follows, when it was vouched for. */
static int
fill_heard(struct sbx_ctx *ctx, struct sbx_log *log, struct sbx_doc *doc)
{
	struct sbx_json *out = sbx_doc_root(doc), *list, *one;
	bool nodes = ctx->conf.npeers == 0;
	struct sbx_peers peers;
	struct sbx_heard h;
	int64_t stale = 0;
	int r;

	if ((r = sbx_peers_load(&ctx->conf, log, &peers, &ctx->err)) != 0)
		return r;
	list = sbx_json_add(doc, out, "peers", SBX_JSON_ARRAY);
	for (size_t i = 0; r == 0 && i < peers.count; i++) {
		const struct sbx_peer *p = &peers.list[i];

		if (p->node != nodes ||
			(r = sbx_heard_load(log, &ctx->conf, p->url, p->did, &h,
				 &ctx->err)) != 0)
			continue;
		stale += h.stale;
		one = sbx_json_add(doc, list, NULL, SBX_JSON_OBJECT);
		sbx_json_add_str(doc, one, "name", p->name);
		sbx_json_add_str(doc, one, "from", p->url);
		sbx_json_add_bool(doc, one, "stale", h.stale);
		if (h.at != 0)
			sbx_json_add_time(doc, one, "heard", h.at);
		else
			sbx_json_add_str(doc, one, "heard", NULL);
	}
	sbx_json_add_int(doc, out, "stale", stale);
	sbx_peers_free(&peers);
	return r;
}

static void
say_heard(struct sbx_ctx *ctx, const struct sbx_json *list)
{
	for (const struct sbx_json *p = list->child; p != NULL; p = p->next) {
		const char *heard = sbx_json_str(p, "heard");
		bool stale = sbx_json_yes(p, "stale");

		if (stale || ctx->verbose)
			sbx_tool_out(ctx, "peer           %s %s%s%s",
				sbx_json_str(p, "name"),
				heard != NULL ? "vouched for at " :
						"never vouched for",
				heard != NULL ? heard : "",
				stale ? ", stale" : "");
	}
}

/* What is wrong with whom, this box among them. */
static void
fill_trust(struct sbx_ctx *ctx, struct sbx_log *log, struct sbx_doc *doc,
	int64_t frozen)
{
	struct sbx_json *out = sbx_doc_root(doc);
	struct sbx_err why = { 0 };
	int64_t last;

	if (sbx_date_ahead(log, &last, NULL) == 0 && last != 0)
		sbx_json_add_time(doc, out, "ahead", last);
	else
		sbx_json_add_str(doc, out, "ahead", NULL);
	sbx_json_add_int(doc, out, "forks", sbx_fork_count(&ctx->conf));
	sbx_json_add_int(doc, out, "frozen", frozen);
	sbx_json_add_str(doc, out, "signing",
		sbx_guard_frozen(log, &why) == 0 &&
			sbx_guard_check(log, &ctx->conf, &why) == 0 ? "yes"
								   : why.text);
}

static void
say_attest(void *arg, const struct sbx_attest *a, bool holds)
{
	sbx_tool_out(arg, "attested       %lld by %s in entry %lld: %s",
		(long long)a->height, a->witness, (long long)a->seq,
		holds ? "holds" : "not of this ledger");
}

static int
say_witnesses(struct sbx_ctx *ctx, struct sbx_log *log)
{
	char time[SBX_TIME_SIZE];
	struct sbx_witnessed s;
	int r;

	if ((r = sbx_witness_status(log, &ctx->conf, &s, &ctx->err)) != 0)
		return r;
	for (size_t i = 0; i < s.count; i++) {
		sbx_time_write(time, s.by[i].time);
		sbx_tool_out(ctx, "witness        %lld by %s%s%s",
			(long long)s.by[i].size, s.by[i].name,
			s.by[i].size > 0 ? " at " : "",
			s.by[i].size > 0 ? time : "");
	}
	return sbx_attest_each(log, say_attest, ctx, &ctx->err);
}

int
cmd_status(struct sbx_ctx *ctx)
{
	struct sbx_doc *doc = sbx_doc_new();
	struct sbx_log *log = NULL;
	int64_t frozen;
	int r;

	if ((r = ledger_open(ctx, 0, &log)) == 0 &&
		(r = fill_status(log, doc, &frozen, &ctx->err)) == 0 &&
		(r = fill_witnessed(ctx, log, doc)) == 0 &&
		(r = fill_heard(ctx, log, doc)) == 0) {
		fill_keys(ctx, doc);
		fill_trust(ctx, log, doc, frozen);
		if (ctx->json)
			sbx_tool_row(ctx, NULL, sbx_doc_root(doc));
		for (const struct sbx_json *c = sbx_doc_root(doc)->child;
			!ctx->json && c != NULL; c = c->next)
			if (c->text != NULL)
				sbx_tool_out(ctx, "%-14s %s", c->key, c->text);
		if (!ctx->json)
			say_heard(ctx,
				sbx_json_get(sbx_doc_root(doc), "peers"));
		if (!ctx->json && ctx->verbose)
			r = say_witnesses(ctx, log);
	}
	sbx_log_close(log);
	sbx_doc_free(doc);
	return r;
}
