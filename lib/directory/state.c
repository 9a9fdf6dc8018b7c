/* SPDX-License-Identifier: Apache-2.0 */
/* The directory: a pure function of the set of entries and of the anchors. */
#include <nettle/sha2.h>
#include <stdlib.h>
#include <string.h>

#include "base/base.h"
#include "json/json.h"
#include "record/record.h"
#include "ledger/ledger.h"
#include "directory/directory.h"
#include "directory/member.h"
#include "directory/state.h"
#include "directory/views.h"

/* In the order in which they use each other. */
static const enum sbx_view order[] = { SBX_VIEW_NODE, SBX_VIEW_NAME,
	SBX_VIEW_ATTEST, SBX_VIEW_PROPOSAL, SBX_VIEW_VOTE, SBX_VIEW_RULES,
	SBX_VIEW_MEMBER,
	SBX_VIEW_INVITE, SBX_VIEW_OFFER, SBX_VIEW_SUB, SBX_VIEW_CONFIG,
	SBX_VIEW_FORK, SBX_VIEW_BAN, SBX_VIEW_GUEST, SBX_VIEW_GATE };

/* What all the views rest on.  us: the clock's time; due: what is dated later
 * is left out, as an import of it would be; upto: the anchors are those of
 * then. */
static int
prepare_tables(sqlite3 *db, const int64_t *at, bool cached, struct sbx_err *err)
{
	int64_t now = sbx_clock_now(), due = now + SBX_MAX_AHEAD;
	struct sbx_buf sql = SBX_BUF(1 << 16);
	int r;

	if (at != NULL && *at < due)
		due = *at;
	sbx_buf_fmt(&sql, "CREATE TABLE temp.clock(us INTEGER, due INTEGER, "
			  "upto INTEGER);"
			  "INSERT INTO temp.clock VALUES(%lld, %lld, %lld);",
		(long long)(at != NULL ? *at : now), (long long)due,
		(long long)(at != NULL ? *at : INT64_MAX));
	sbx_buf_str(&sql, sbx_view_tables);
	sbx_buf_str(&sql, cached ? sbx_view_cached : sbx_view_folded);
	r = sbx_db_exec(db, sql.data, err);
	sbx_buf_free(&sql);
	return r;
}

int
sbx_state_prepare(sqlite3 *db, const int64_t *at, bool cached,
	struct sbx_err *err)
{
	struct sbx_buf sql = SBX_BUF(1 << 16);
	int64_t due, early;
	int r;

	sbx_state_functions(db);
	if ((r = prepare_tables(db, at, cached, err)) != 0 ||
		(r = sbx_db_int(db, "SELECT due FROM temp.clock", 0, &due, err)) !=
			0 ||
		(r = sbx_db_int(db, "SELECT count(*) FROM temp.said", 0, &early,
			 err)) != 0)
		return r;
	/* Nearly always everything was said at its date. */
	sbx_buf_fmt(&sql, "CREATE TEMP VIEW claim AS SELECT f.*, %s AS said FROM "
			  "main.fact f WHERE f.seq NOT IN (SELECT seq FROM "
			  "temp.frozen) AND f.time<=%lld;",
		early == 0 ? "f.time" : "coalesce((SELECT s.time FROM temp.said "
			"s WHERE s.seq=f.seq), f.time)", (long long)due);
	sbx_buf_str(&sql, sbx_view_called);
	sbx_buf_str(&sql, sbx_view_wanted);
	for (size_t i = 0; i < SBX_VIEWS; i++)
		sbx_buf_fmt(&sql, "CREATE TEMP VIEW %s AS %s;",
			sbx_view_defs[order[i]].name, sbx_view_defs[order[i]].sql);
	r = sbx_db_exec(db, sql.data, err);
	sbx_buf_free(&sql);
	return r;
}

static int
open_state(struct sbx_log *log, const int64_t *at, struct sbx_state **out,
	struct sbx_err *err)
{
	sqlite3 *db = sbx_log_db(log);
	struct sbx_state *st;
	bool cached;
	int r;

	/* One snapshot for the members and for every view, whoever writes. */
	if ((r = sbx_db_exec(db, "SAVEPOINT state", err)) != 0)
		return r;
	cached = at == NULL && sbx_cache_valid(db);
	if ((r = sbx_state_prepare(db, at, cached, err)) == 0 &&
		(cached || (r = sbx_member_compute(db, err)) == 0)) {
		st = sbx_mem_alloc(1, sizeof(*st));
		st->db = db;
		st->log = log;
		*out = st;
		return SBX_OK;
	}
	sbx_db_exec(db, "ROLLBACK TO state; RELEASE state", NULL);
	return r;
}

int
sbx_state_open(struct sbx_log *log, struct sbx_state **out,
	struct sbx_err *err)
{
	return open_state(log, NULL, out, err);
}

int
sbx_state_open_at(struct sbx_log *log, int64_t at, struct sbx_state **out,
	struct sbx_err *err)
{
	return open_state(log, &at, out, err);
}

void
sbx_state_free(struct sbx_state *st)
{
	if (st == NULL)
		return;
	sbx_db_exec(st->db, "ROLLBACK TO state; RELEASE state", NULL);
	sbx_names_free(st->names);
	free(st);
}

static int
add_column(struct sbx_doc *doc, const struct sbx_column *c, sqlite3_stmt *st,
	int i, struct sbx_err *err)
{
	const char *text = (const char *)sqlite3_column_text(st, i);
	struct sbx_json *row = sbx_doc_root(doc);
	struct sbx_doc *sub = NULL;
	int r;

	if (text == NULL) {
		sbx_json_add(doc, row, c->name, SBX_JSON_NULL);
		return SBX_OK;
	}
	switch (c->kind) {
	case SBX_COLUMN_TEXT:
	case SBX_COLUMN_ID:
		sbx_json_add_str(doc, row, c->name, text);
		break;
	case SBX_COLUMN_INT:
		sbx_json_add_int(doc, row, c->name, sqlite3_column_int64(st, i));
		break;
	case SBX_COLUMN_BOOL:
		sbx_json_add_bool(doc, row, c->name, sqlite3_column_int(st, i));
		break;
	case SBX_COLUMN_JSON:
		if ((r = sbx_json_parse(text, strlen(text), NULL, &sub, err)) != 0)
			return r;
		sbx_json_add_copy(doc, row, c->name, sbx_doc_root(sub));
		sbx_doc_free(sub);
		break;
	}
	return SBX_OK;
}

static int
read_row(const struct sbx_view_def *def, sqlite3_stmt *st, bool now,
	struct sbx_doc **out, struct sbx_err *err)
{
	struct sbx_doc *doc = sbx_doc_new();
	int r = SBX_OK;

	for (int i = 0; r == 0 && def->columns[i].name != NULL; i++)
		if (now || !def->columns[i].now)
			r = add_column(doc, &def->columns[i], st, i, err);
	if (r != 0)
		sbx_doc_free(doc);
	else
		*out = doc;
	return r;
}

/* The rows of the view, or of another with its columns, for which that is so. */
static int
prepare_rows(struct sbx_state *state, enum sbx_view view, const char *from,
	const char *where, sqlite3_stmt **st, struct sbx_err *err)
{
	const struct sbx_view_def *def = &sbx_view_defs[view];
	struct sbx_buf sql = SBX_BUF(4096);
	int r;

	sbx_buf_str(&sql, "SELECT ");
	for (int i = 0; def->columns[i].name != NULL; i++)
		sbx_buf_fmt(&sql, "%s%s", i > 0 ? ", " : "", def->columns[i].name);
	sbx_buf_fmt(&sql, " FROM temp.%s WHERE %s", from, where);
	/* By all of them, so that the order is the rows' own; last by those
	 * that the clock changes. */
	sbx_buf_str(&sql, " ORDER BY 1");
	for (int pass = 0; pass < 2; pass++)
		for (int i = 0; def->columns[i].name != NULL; i++)
			if (def->columns[i].now == (pass == 1))
				sbx_buf_fmt(&sql, ", %d", i + 1);
	r = sbx_db_prepare(state->db, sql.data, st, err);
	sbx_buf_free(&sql);
	return r;
}

/* Of a statement that this ends. */
static int
each_row(struct sbx_state *state, enum sbx_view view, sqlite3_stmt *st,
	bool now,
	int (*fn)(void *ctx, const struct sbx_json *row, struct sbx_err *err),
	void *ctx, struct sbx_err *err)
{
	struct sbx_doc *doc;
	int r = SBX_OK, step = SQLITE_DONE;

	while (r == 0 && (step = sqlite3_step(st)) == SQLITE_ROW) {
		if ((r = read_row(&sbx_view_defs[view], st, now, &doc, err)) != 0)
			break;
		r = fn(ctx, sbx_doc_root(doc), err);
		sbx_doc_free(doc);
	}
	if (r == 0 && step != SQLITE_DONE)
		r = sbx_db_fail(state->db, "directory", err);
	sqlite3_finalize(st);
	return r;
}

static int
each(struct sbx_state *state, enum sbx_view view, const char *key, bool now,
	int (*fn)(void *ctx, const struct sbx_json *row, struct sbx_err *err),
	void *ctx, struct sbx_err *err)
{
	const struct sbx_view_def *def = &sbx_view_defs[view];
	bool hashed = def->columns[0].kind == SBX_COLUMN_ID;
	sqlite3_stmt *st = NULL;
	char where[64] = "1";
	int r;

	if (key != NULL)
		snprintf(where, sizeof(where), "%s=?1%s", def->columns[0].name,
			hashed ? " AND idhash=?2" : "");
	if ((r = prepare_rows(state, view, def->name, where, &st, err)) != 0)
		return r;
	if (key != NULL)
		sbx_db_bind_text(st, 1, key);
	if (key != NULL && hashed)
		sqlite3_bind_int64(st, 2, sbx_idhash(key));
	return each_row(state, view, st, now, fn, ctx, err);
}

int
sbx_state_each(struct sbx_state *st, enum sbx_view view, const char *key,
	int (*fn)(void *ctx, const struct sbx_json *row, struct sbx_err *err),
	void *ctx, struct sbx_err *err)
{
	return each(st, view, key, true, fn, ctx, err);
}

static void
bind_subs(sqlite3_stmt *st, const struct sbx_subs *of)
{
	sbx_db_bind_text(st, 1, of->subscriber);
	sbx_db_bind_text(st, 2, of->provider);
	sbx_db_bind_text(st, 3, of->service);
	sbx_db_bind_text(st, 4, of->id);
}

/* Whether a fact, and then a row, is one of those.  Facts are looked through as
 * they stand: by the index over types they come in no order, and each takes a
 * page of its own. */
#define LENT "(SELECT id FROM temp.claim WHERE +type='ServiceOffer' AND " \
	"author=(SELECT id FROM main.author WHERE did=?2))"
#define SUBS_OF(whose, service, id) "(" whose " OR (?2 IS NOT NULL AND " \
	service " IN " LENT ")) AND (?3 IS NULL OR " service "=?3) AND " \
	"(?4 IS NULL OR substr(" id ", 1, length(?4))=?4)"

int
sbx_state_subs(struct sbx_state *state, const struct sbx_subs *of,
	int (*fn)(void *ctx, const struct sbx_json *row, struct sbx_err *err),
	void *ctx, struct sbx_err *err)
{
	sqlite3_stmt *st = NULL;
	int r;

	if ((r = sbx_db_exec(state->db, "DELETE FROM temp.wanted", err)) != 0 ||
		(r = sbx_db_prepare(state->db, "INSERT OR IGNORE INTO temp.wanted "
			"SELECT idhash FROM temp.claim WHERE +type='Subscription' "
			"AND " SUBS_OF("author=(SELECT id FROM main.author WHERE "
			"did=?1)", "ref", "id"), &st, err)) != 0)
		return r;
	bind_subs(st, of);
	if (sqlite3_step(st) != SQLITE_DONE)
		r = sbx_db_fail(state->db, "directory", err);
	sqlite3_finalize(st);
	if (r != 0 || (r = prepare_rows(state, SBX_VIEW_SUB, "v_sub_wanted",
		SUBS_OF("subscriber=?1", "service_id", "subscription_id"), &st,
		err)) != 0)
		return r;
	bind_subs(st, of);
	return each_row(state, SBX_VIEW_SUB, st, true, fn, ctx, err);
}

struct one {
	struct sbx_doc *doc;
	int rows, members;
};

/* A member's claim goes before a stranger's. */
static int
take_one(void *ctx, const struct sbx_json *row, struct sbx_err *err)
{
	const struct sbx_json *m = sbx_json_get(row, "member");
	bool member = m == NULL || m->yes;
	struct one *one = ctx;

	(void)err;
	one->rows++;
	one->members += member;
	if (one->doc != NULL && !member)
		return SBX_OK;
	sbx_doc_free(one->doc);
	one->doc = sbx_doc_new();
	for (const struct sbx_json *c = row->child; c != NULL; c = c->next)
		sbx_json_add_copy(one->doc, sbx_doc_root(one->doc), c->key, c);
	return SBX_OK;
}

int
sbx_state_one(struct sbx_state *st, enum sbx_view view, const char *key,
	struct sbx_doc **doc, struct sbx_err *err)
{
	struct one one = { 0 };
	int r;

	if ((r = each(st, view, key, true, take_one, &one, err)) != 0)
		goto out;
	if (one.rows == 0)
		r = sbx_err_set(err, SBX_E_NO, "%.80s: not in the directory", key);
	else if (one.members > 1 || (one.members == 0 && one.rows > 1))
		r = sbx_err_set(err, SBX_E_NO,
			"%.80s: contested: %d authors claim it", key,
			one.members > 1 ? one.members : one.rows);
out:
	if (r != 0)
		sbx_doc_free(one.doc);
	else
		*doc = one.doc;
	return r;
}

bool
sbx_state_member(struct sbx_state *state, const char *did)
{
	sqlite3_stmt *st = NULL;
	bool yes;

	if (sbx_db_prepare(state->db, "SELECT 1 FROM temp.member WHERE did=? AND "
		    "state IN ('anchor', 'member')", &st, NULL) != 0)
		return false;
	sbx_db_bind_text(st, 1, did);
	yes = sqlite3_step(st) == SQLITE_ROW;
	sqlite3_finalize(st);
	return yes;
}

/* Up from did, whose place may be another key's now. */
static const char above_sql[] =
	"WITH RECURSIVE up(did, n) AS (SELECT ?2, 0 UNION ALL "
	"SELECT coalesce((SELECT h.did FROM temp.claim f JOIN main.entry e "
	"USING(seq) JOIN main.author h ON h.id=f.author WHERE "
	"f.type='SbxRotate' AND lower(hex(e.id))=m.removed), m.inviter), n+1 "
	"FROM up JOIN temp.member m USING(did) WHERE n<=?3) "
	"SELECT 1 FROM temp.member WHERE did=?1 AND (state='anchor' OR "
	"(state='member' AND ?1 IN (SELECT did FROM up)))";

bool
sbx_state_above(struct sbx_state *state, const char *who, const char *did)
{
	sqlite3_stmt *st = NULL;
	bool yes;

	if (sbx_db_prepare(state->db, above_sql, &st, NULL) != 0)
		return false;
	sbx_db_bind_text(st, 1, who);
	sbx_db_bind_text(st, 2, did);
	sqlite3_bind_int(st, 3, 2 * SBX_MAX_INVITE_DEPTH);
	yes = sqlite3_step(st) == SQLITE_ROW;
	sqlite3_finalize(st);
	return yes;
}

struct sum {
	struct sha256_ctx hash;
	int64_t count;
};

static int
add_row(void *ctx, const struct sbx_json *row, struct sbx_err *err)
{
	const struct sbx_json *member = sbx_json_get(row, "member");
	const struct sbx_json *state = sbx_json_get(row, "state");
	struct sbx_buf line = SBX_BUF(1 << 20);
	struct sum *sum = ctx;
	int r;

	sum->count += member != NULL ? member->yes : state == NULL ||
		sbx_json_is(state, "anchor") || sbx_json_is(state, "member");
	if ((r = sbx_canon_write(&line, row, sbx_rec_fractions, err)) == 0) {
		sbx_buf_str(&line, "\n");
		sha256_update(&sum->hash, line.len, (unsigned char *)line.data);
	}
	sbx_buf_free(&line);
	return r;
}

int
sbx_state_count(struct sbx_state *st, int64_t counts[static SBX_VIEWS],
	unsigned char out[static SBX_HASH_BYTES], struct sbx_err *err)
{
	struct sum sum;
	int r = SBX_OK;

	sha256_init(&sum.hash);
	for (int v = 0; r == 0 && v < SBX_VIEWS; v++) {
		sum.count = 0;
		r = each(st, (enum sbx_view)v, NULL, false, add_row, &sum, err);
		counts[v] = sum.count;
	}
	if (r == 0)
		sha256_digest(&sum.hash, SBX_HASH_BYTES, out);
	return r;
}

int
sbx_state_digest(struct sbx_state *st,
	unsigned char out[static SBX_HASH_BYTES], struct sbx_err *err)
{
	int64_t counts[SBX_VIEWS];

	return sbx_state_count(st, counts, out, err);
}
