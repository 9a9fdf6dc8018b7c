/* SPDX-License-Identifier: Apache-2.0 */
/* SQLite's integrity_check looks each row up in each index, at random places
 * of indices larger than the memory: most of what a verify takes beside the
 * signatures.  An index whose entries ascend and add up to what the rows add up
 * to holds the rows and nothing else, and finds them. */
#include <sodium.h>
#include <string.h>

#include "pages.h"

#define BEGINS 8 /* bytes of an id that the index holds */

/* All but entry and fact, whose rows are compared one by one. */
static const char *const small[] = { "author", "local", "anchor", "held", "node",
	"peer", "source", "witness", "spent", "cache_member", "cache_invite",
	"cache_proposal", "cache_rules" };

static uint64_t
hash(const struct sbx_sums *s, const void *data, size_t len)
{
	uint64_t out;

	crypto_shorthash((unsigned char *)&out, data, len, s->key);
	return out;
}

void
sbx_sums_begin(struct sbx_sums *s)
{
	*s = (struct sbx_sums){ .ids = 0 };
	crypto_shorthash_keygen(s->key);
}

void
sbx_sums_id(struct sbx_sums *s, int64_t seq, const void *begins)
{
	uint64_t both[2] = { (uint64_t)seq };

	memcpy(&both[1], begins, BEGINS);
	s->ids += hash(s, both, sizeof(both));
}

void
sbx_sums_fact(struct sbx_sums *s, int64_t seq, const char *type,
	const int64_t *idhash)
{
	uint64_t all[4] = { (uint64_t)seq, hash(s, type, strlen(type)),
		idhash != NULL, idhash != NULL ? (uint64_t)*idhash : 0 };

	s->facts += hash(s, all, sizeof(all));
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
	if (rows->ids == indices->ids && rows->facts == indices->facts)
		return SBX_OK;
	damaged(err, rows->ids != indices->ids ?
			"the index entry_id does not hold what the rows say" :
			"the index fact_id does not hold what the rows say");
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

/* Rows with the same beginning stand side by side. */
static void
check_twice(sqlite3_stmt *same, int64_t seq, int64_t *bad)
{
	sqlite3_bind_int64(same, 1, seq);
	if (sqlite3_step(same) == SQLITE_ROW && (*bad == 0 || seq < *bad))
		*bad = seq;
	sqlite3_reset(same);
}

/* The same entry in an earlier row is what no writer of ours makes. */
static int
check_ids(sqlite3 *db, int64_t upto, struct sbx_sums *s, int64_t *bad,
	struct sbx_err *err)
{
	sqlite3_stmt *all = NULL, *same = NULL;
	unsigned char before[BEGINS] = { 0 };
	int64_t seq, last = INT64_MIN;
	const void *begins;
	int r, step = SQLITE_DONE, order;

	if ((r = sbx_db_prepare(db, "SELECT seq, substr(id, 1, 8) FROM entry "
		     "INDEXED BY entry_id ORDER BY substr(id, 1, 8)", &all,
		     err)) != 0 ||
		(r = sbx_db_prepare(db, "SELECT 1 FROM entry a JOIN entry b ON "
			 "substr(b.id, 1, 8)=substr(a.id, 1, 8) AND b.id=a.id AND "
			 "b.author=a.author AND b.seq<a.seq WHERE a.seq=?", &same,
			 err)) != 0)
		goto out;
	while (r == 0 && (step = sqlite3_step(all)) == SQLITE_ROW) {
		seq = sqlite3_column_int64(all, 0);
		begins = sqlite3_column_blob(all, 1);
		if (sqlite3_column_type(all, 1) != SQLITE_BLOB ||
			sqlite3_column_bytes(all, 1) != BEGINS) {
			r = damaged(err, "an entry without an identifier");
			break;
		}
		order = memcmp(before, begins, BEGINS);
		if (order > 0 || (order == 0 && last >= seq))
			r = damaged(err, "the index entry_id is out of order");
		else if (order == 0)
			check_twice(same, seq, bad);
		if (seq <= upto)
			sbx_sums_id(s, seq, begins);
		memcpy(before, begins, BEGINS);
		last = seq;
	}
	if (r == 0 && step != SQLITE_DONE)
		r = sbx_db_fail(db, "ledger", err);
	if (r == 0 && *bad != 0)
		r = sbx_err_set(err, SBX_E_NO,
			"entry %lld: it stands in an earlier row too",
			(long long)*bad);
out:
	sqlite3_finalize(all);
	sqlite3_finalize(same);
	return r;
}

/* An entry of the index: a type, maybe a hash, a row. */
struct fact {
	char type[64];
	bool hashed;
	int64_t idhash, seq;
};

static bool
read_fact(sqlite3_stmt *st, struct fact *f)
{
	const char *type = (const char *)sqlite3_column_text(st, 1);
	size_t len = (size_t)sqlite3_column_bytes(st, 1);

	if (sqlite3_column_type(st, 1) != SQLITE_TEXT || type == NULL ||
		len >= sizeof(f->type) || strlen(type) != len)
		return false;
	memcpy(f->type, type, len + 1);
	f->hashed = sqlite3_column_type(st, 2) == SQLITE_INTEGER;
	f->idhash = sqlite3_column_int64(st, 2);
	f->seq = sqlite3_column_int64(st, 0);
	return f->hashed || sqlite3_column_type(st, 2) == SQLITE_NULL;
}

static int
compare(const struct fact *a, const struct fact *b)
{
	int order = strcmp(a->type, b->type);

	if (order == 0)
		order = a->hashed - b->hashed;
	if (order == 0)
		order = (a->idhash > b->idhash) - (a->idhash < b->idhash);
	return order != 0 ? order : (a->seq > b->seq) - (a->seq < b->seq);
}

static int
check_facts(sqlite3 *db, int64_t upto, struct sbx_sums *s, struct sbx_err *err)
{
	struct fact last = { .seq = INT64_MIN }, f;
	sqlite3_stmt *all = NULL;
	int r, step = SQLITE_DONE;

	r = sbx_db_prepare(db, "SELECT seq, type, idhash FROM fact INDEXED BY "
		"fact_id ORDER BY type, idhash, seq", &all, err);
	while (r == 0 && (step = sqlite3_step(all)) == SQLITE_ROW) {
		if (!read_fact(all, &f) || compare(&last, &f) >= 0) {
			r = damaged(err, "the index fact_id is out of order");
			break;
		}
		if (f.seq <= upto)
			sbx_sums_fact(s, f.seq, f.type,
				f.hashed ? &f.idhash : NULL);
		last = f;
	}
	if (r == 0 && step != SQLITE_DONE)
		r = sbx_db_fail(db, "ledger", err);
	sqlite3_finalize(all);
	return r;
}

int
sbx_pages_check(sqlite3 *db, int64_t upto, struct sbx_sums *s, int64_t *bad,
	struct sbx_err *err)
{
	char sql[80];
	int r;

	*bad = 0;
	r = pragma(db, "PRAGMA quick_check(1)", err);
	for (size_t i = 0; r == 0 && i < sizeof(small) / sizeof(small[0]); i++) {
		snprintf(sql, sizeof(sql), "PRAGMA integrity_check(%s)", small[i]);
		r = pragma(db, sql, err);
	}
	if (r == 0)
		r = check_facts(db, upto, s, err);
	return r != 0 ? r : check_ids(db, upto, s, bad, err);
}
