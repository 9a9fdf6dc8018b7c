/* SPDX-License-Identifier: Apache-2.0 */
/* SQLite's integrity_check looks each row up in each index, at random places
 * of indices larger than the memory: most of what a verify takes beside the
 * signatures.  An index whose entries ascend and add up to what the rows add up
 * to holds the rows and nothing else, and finds them. */
#include <sodium.h>
#include <string.h>

#include "base/base.h"
#include "ledger/pages.h"

#define TYPE 64 /* longer than any is */

/* All but entry and fact, whose rows are compared one by one. */
static const char *const small[] = { "author", "local", "anchor", "held", "node",
	"peer", "source", "witness", "spent", "cache_member", "cache_invite",
	"cache_proposal", "cache_rules" };

void
sbx_sums_begin(struct sbx_sums *s)
{
	*s = (struct sbx_sums){ .ids = 0, .entries = 0 };
	crypto_shorthash_keygen(s->key);
}

struct term {
	int64_t seq, value;
	char set, type[TYPE]; /* as long as it is */
};

/* What an index's entry adds. */
static uint64_t
term(const struct sbx_sums *s, int64_t seq, const char *type, size_t len,
	const int64_t *value)
{
	struct term all;
	uint64_t out;

	if (len > TYPE)
		len = TYPE;
	all.seq = seq;
	all.value = value != NULL ? *value : 0;
	all.set = value != NULL;
	memcpy(all.type, type, len);
	crypto_shorthash((unsigned char *)&out, (const unsigned char *)&all,
		offsetof(struct term, type) + len, s->key);
	return out;
}

void
sbx_sums_add(struct sbx_sums *s, int64_t seq, const char *type,
	const int64_t *idhash, const int64_t *eid)
{
	s->ids += term(s, seq, type, strlen(type), idhash);
	s->entries += term(s, seq, "", 0, eid);
}

static int
damaged(struct sbx_err *err, const char *what)
{
	return sbx_err_set(err, SBX_E_NO, "the database is damaged: %.200s", what);
}

int
sbx_sums_same(const struct sbx_sums *rows, const struct sbx_sums *indices,
	struct sbx_err *err)
{
	if (rows->ids == indices->ids && rows->entries == indices->entries)
		return SBX_OK;
	damaged(err, rows->ids != indices->ids ?
			"the index fact_id does not hold what the rows say" :
			"the index fact_entry does not hold what the rows say");
	sbx_err_hint(err, "sbx-ledger fsck makes it anew");
	return SBX_E_NO;
}

static int
pragma(sqlite3 *db, const char *sql, struct sbx_err *err)
{
	sqlite3_stmt *st = NULL;
	const char *said;
	int r;

	if ((r = sbx_db_prepare(db, sql, &st, err)) != 0)
		return r;
	if (sqlite3_step(st) != SQLITE_ROW ||
		(said = (const char *)sqlite3_column_text(st, 0)) == NULL)
		r = sbx_db_fail(db, "ledger", err);
	else if (strcmp(said, "ok") != 0)
		r = damaged(err, said);
	sqlite3_finalize(st);
	return r;
}

/* Where an index's walk is. */
struct place {
	char type[TYPE];
	size_t len;
	bool set; /* the number is not null */
	int64_t value, seq;
};

/* Entries of one type stand together. */
static bool
next_type(struct place *at, sqlite3_stmt *st, int *order)
{
	bool text = sqlite3_column_type(st, 2) == SQLITE_TEXT;
	const char *type = (const char *)sqlite3_column_text(st, 2);
	size_t len = (size_t)sqlite3_column_bytes(st, 2);

	*order = 0;
	if (!text || type == NULL || len >= sizeof(at->type))
		return false;
	if (len == at->len && memcmp(type, at->type, len) == 0)
		return true;
	*order = strcmp(type, at->type);
	memcpy(at->type, type, len + 1);
	at->len = len;
	return strlen(type) == len;
}

/* Each is behind the one before. */
static bool
next_place(struct place *at, sqlite3_stmt *st, bool typed)
{
	int64_t value = at->value, seq = at->seq;
	bool set = at->set;
	int type = sqlite3_column_type(st, 1), order = 0;

	at->seq = sqlite3_column_int64(st, 0);
	at->value = sqlite3_column_int64(st, 1);
	at->set = type == SQLITE_INTEGER;
	if ((!at->set && type != SQLITE_NULL) ||
		(typed && !next_type(at, st, &order)))
		return false;
	if (order == 0)
		order = at->set - set;
	if (order == 0)
		order = (at->value > value) - (at->value < value);
	return order > 0 || (order == 0 && at->seq > seq);
}

/* sql gives the index's entries as it has them: row, number and maybe type. */
static int
walk(sqlite3 *db, const char *sql, int64_t upto, const struct sbx_sums *s,
	uint64_t *sum, struct sbx_err *err)
{
	struct place at = { .value = INT64_MIN, .seq = INT64_MIN };
	sqlite3_stmt *all = NULL;
	int r, step = SQLITE_DONE;
	bool typed;

	r = sbx_db_prepare(db, sql, &all, err);
	typed = sqlite3_column_count(all) > 2;
	while (r == 0 && (step = sqlite3_step(all)) == SQLITE_ROW) {
		if (!next_place(&at, all, typed)) {
			r = damaged(err, "an index of fact is out of order");
			break;
		}
		if (at.seq <= upto)
			*sum += term(s, at.seq, at.type, at.len,
				at.set ? &at.value : NULL);
	}
	if (r == 0 && step != SQLITE_DONE)
		r = sbx_db_fail(db, "ledger", err);
	sqlite3_finalize(all);
	return r;
}

int
sbx_pages_check(sqlite3 *db, int64_t upto, struct sbx_sums *s,
	struct sbx_err *err)
{
	char sql[80];
	int r;

	r = pragma(db, "PRAGMA quick_check(1)", err);
	for (size_t i = 0; r == 0 && i < sizeof(small) / sizeof(small[0]); i++) {
		snprintf(sql, sizeof(sql), "PRAGMA integrity_check(%s)", small[i]);
		r = pragma(db, sql, err);
	}
	if (r == 0)
		r = walk(db, "SELECT seq, idhash, type FROM fact INDEXED BY fact_id "
			"ORDER BY type, idhash, seq", upto, s, &s->ids, err);
	if (r == 0)
		r = walk(db, "SELECT seq, eid FROM fact INDEXED BY fact_entry "
			"ORDER BY eid, seq", upto, s, &s->entries, err);
	return r;
}
