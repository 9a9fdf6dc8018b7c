/* SPDX-License-Identifier: Apache-2.0 */
/* Everything that rests on the journal is derived once more from its rows, and
 * what is stored must equal it to the byte. */
#include <stdlib.h>
#include <string.h>

#include "base/base.h"
#include "crypto/crypto.h"
#include "record/record.h"
#include "ledger/ledger.h"
#include "ledger/derived.h"
#include "ledger/pages.h"

struct sbx_derived {
	sqlite3 *db;
	sqlite3_stmt *facts;
	struct sbx_work *work; /* by another thread, and what is its: */
	const char *path;
	int64_t size; /* rows that are compared; others may come meanwhile */
	struct sbx_sums rows, indices;
	int r;
	struct sbx_err err;
};

static int
no(struct sbx_err *err, const char *why)
{
	return sbx_err_set(err, SBX_E_NO, "%s", why);
}

int
sbx_derived_no(struct sbx_err *err)
{
	no(err, "what is derived from it does not match");
	sbx_err_hint(err, "sbx-ledger fsck derives it again, if the entry itself "
			  "is sound");
	return SBX_E_NO;
}

/* On a connection and in a thread of its own: the signatures keep the other
 * cores busy twenty times as long. */
static void
check_file(void *ctx, size_t from, size_t to)
{
	struct sbx_derived *d = ctx;
	sqlite3 *db = NULL;

	(void)from, (void)to; /* one */
	if ((d->r = sbx_db_open(d->path, 0, &db, &d->err)) == 0) {
		sbx_db_once(db);
		d->r = sbx_pages_check(db, d->size, &d->indices, &d->err);
	}
	sbx_db_close(db);
	if (d->r == 0 && sbx_log_get_upkeep() != NULL)
		d->r = sbx_log_get_upkeep()->check(d->path, &d->err);
}

int
sbx_derived_begin(struct sbx_log *log, int64_t size, struct sbx_crew *crew,
	struct sbx_derived **out, struct sbx_err *err)
{
	struct sbx_derived *d = sbx_mem_alloc(1, sizeof(*d));
	int r;

	d->db = sbx_log_db(log);
	d->path = sqlite3_db_filename(d->db, "main");
	d->size = size;
	sbx_sums_begin(&d->rows);
	d->indices = d->rows;
	if ((r = sbx_db_prepare(d->db, "SELECT seq, type, id, ref, time, leaf, "
		     "author, idhash, eid FROM fact ORDER BY seq", &d->facts,
		     err)) != 0) {
		sbx_derived_free(d);
		return r;
	}
	d->work = sbx_work_start(crew, 1, 1, check_file, d);
	*out = d;
	return SBX_OK;
}

void
sbx_derived_free(struct sbx_derived *d)
{
	if (d == NULL)
		return;
	if (d->work != NULL)
		sbx_work_end(d->work);
	sqlite3_finalize(d->facts);
	free(d);
}

static bool
same_text(sqlite3_stmt *st, int i, const char *want)
{
	const char *have = (const char *)sqlite3_column_text(st, i);

	return have == NULL || want == NULL ? have == want :
					      strcmp(have, want) == 0;
}

/* An entry that is not in the index begins as an earlier one that is. */
static int
check_unindexed(sqlite3 *db, const struct sbx_item *it, struct sbx_err *err)
{
	sqlite3_stmt *st = NULL;
	int r;

	if ((r = sbx_db_prepare(db, "SELECT count(f.eid), max(e.id=?1 AND "
		     "e.author=?2) FROM fact f CROSS JOIN entry e USING(seq) WHERE "
		     "(f.eid=sbx_first64(?1) OR f.eid IS NULL) AND f.seq<?3",
		     &st, err)) != 0)
		return r;
	sbx_db_bind_blob(st, 1, it->e->id, SBX_HASH_BYTES);
	sqlite3_bind_int64(st, 2, it->row.who);
	sqlite3_bind_int64(st, 3, it->row.seq);
	if (sqlite3_step(st) != SQLITE_ROW)
		r = sbx_db_fail(db, "ledger", err);
	else if (sqlite3_column_int(st, 1) != 0)
		r = no(err, "it stands in an earlier row too");
	else if (sqlite3_column_int(st, 0) != 1)
		r = sbx_derived_no(err);
	sqlite3_finalize(st);
	return r;
}

/* STRICT says that it is a number, or null where it may be. */
static bool
same_int(sqlite3_stmt *st, int i, int64_t want)
{
	return sqlite3_column_int64(st, i) == want;
}

static bool
is_null(sqlite3_stmt *st, int i)
{
	return sqlite3_column_type(st, i) == SQLITE_NULL;
}

/* The row of fact is what the entry says. */
int
sbx_derived_item(struct sbx_derived *d, const struct sbx_item *it,
	struct sbx_err *err)
{
	const struct sbx_entry *e = it->e;
	sqlite3_stmt *st = d->facts;
	int64_t keyhash = e->key != NULL ? sbx_idhash(e->key) : 0;
	const int64_t *idhash = e->key != NULL ? &keyhash : NULL;
	int64_t eid = sbx_first64(e->id);
	bool indexed;

	if (sqlite3_step(st) != SQLITE_ROW || !same_int(st, 0, it->row.seq) ||
		!same_text(st, 1, e->rec->type) ||
		!same_text(st, 2, e->key) || !same_text(st, 3, e->ref) ||
		!same_int(st, 4, e->time) ||
		sqlite3_column_bytes(st, 5) != SBX_HASH_BYTES ||
		memcmp(sqlite3_column_blob(st, 5), e->leaf, SBX_HASH_BYTES) != 0 ||
		!same_int(st, 6, it->row.who) ||
		is_null(st, 7) != (idhash == NULL) ||
		!same_int(st, 7, keyhash))
		return sbx_derived_no(err);
	indexed = !is_null(st, 8);
	if (indexed && !same_int(st, 8, eid))
		return sbx_derived_no(err);
	sbx_sums_add(&d->rows, it->row.seq, e->rec->type, idhash,
		indexed ? &eid : NULL);
	return indexed ? SBX_OK : check_unindexed(d->db, it, err);
}

/* No row that no entry asks for. */
static int
check_rest(const struct sbx_derived *d, struct sbx_err *err)
{
	int64_t n, nodes = 0;
	int r, step = sqlite3_step(d->facts);

	if (step == SQLITE_ROW)
		return no(err, "there are derived rows without an entry");
	if (step != SQLITE_DONE)
		return sbx_db_fail(d->db, "ledger", err);
	for (int64_t i = d->size / SBX_TILE_WIDTH; i > 0; i /= SBX_TILE_WIDTH)
		nodes += i;
	if ((r = sbx_db_int(d->db, "SELECT count(*) FROM node", 0, &n, err)) != 0)
		return r;
	return n == nodes ? SBX_OK : no(err, "the tree has nodes too many");
}

int
sbx_derived_end(struct sbx_derived *d, struct sbx_err *err)
{
	int r;

	if ((r = check_rest(d, err)) != 0)
		return r;
	sbx_work_end(d->work);
	d->work = NULL;
	if (d->r != 0 && err != NULL)
		*err = d->err;
	return d->r != 0 ? d->r : sbx_sums_same(&d->rows, &d->indices, err);
}
