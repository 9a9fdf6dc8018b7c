/* SPDX-License-Identifier: Apache-2.0 */
/* The journal, row by row.  A log has few authors for its rows: those seen last
 * are kept, so that most rows cost no look at the table of authors. */
#include <stdlib.h>

#include "base/base.h"
#include "crypto/crypto.h"
#include "ledger/ledger.h"
#include "ledger/db.h"

#define AUTHORS 256

struct author {
	int64_t id; /* 0: none */
	char did[SBX_DID_SIZE];
	unsigned char pub[SBX_PUB_BYTES];
};

struct rows {
	sqlite3_stmt *st, *find;
	struct author authors[AUTHORS]; /* each at its id's place */
};

static int
damaged(const struct sbx_row *row, struct sbx_err *err)
{
	return sbx_err_set(err, SBX_E_NO, "entry %lld: the row is damaged",
		(long long)row->seq);
}

/* Its author's name is the key's. */
static bool
is_author(sqlite3_stmt *st, struct author *a)
{
	const char *did = sbx_db_col_text(st, 0);
	const unsigned char *pub = sbx_db_col_bytes(st, 1, SBX_PUB_BYTES);

	if (did == NULL || pub == NULL)
		return false;
	memcpy(a->pub, pub, SBX_PUB_BYTES);
	sbx_did_write(a->did, a->pub);
	return strcmp(did, a->did) == 0;
}

static int
read_author(struct rows *rows, struct sbx_row *row, struct sbx_err *err)
{
	struct author *a = &rows->authors[(uint64_t)row->who % AUTHORS];
	sqlite3_stmt *st = rows->find;
	int r = SBX_OK;

	if (a->id != row->who || a->id == 0) {
		a->id = 0;
		sqlite3_bind_int64(st, 1, row->who);
		if (sqlite3_step(st) == SQLITE_ROW && is_author(st, a))
			a->id = row->who;
		else
			r = damaged(row, err);
		sqlite3_reset(st);
	}
	row->author = a->did;
	row->pub = a->pub;
	return r;
}

static int
read_row(struct rows *rows, struct sbx_row *row, struct sbx_err *err)
{
	sqlite3_stmt *st = rows->st;

	row->seq = sqlite3_column_int64(st, 0);
	row->who = sqlite3_column_int64(st, 1);
	row->op = sbx_db_col_text(st, 2);
	row->type = sbx_db_col_text(st, 3);
	row->payload = sbx_db_col_text(st, 4);
	row->payloadlen = (size_t)sqlite3_column_bytes(st, 4);
	row->sig = sbx_db_col_bytes(st, 5, SBX_SIG_BYTES);
	row->id = sbx_db_col_bytes(st, 6, SBX_HASH_BYTES);
	row->hash = sbx_db_col_bytes(st, 7, SBX_HASH_BYTES);
	if (sqlite3_column_type(st, 1) != SQLITE_INTEGER || row->payload == NULL ||
		row->op == NULL || row->type == NULL || row->sig == NULL ||
		row->id == NULL || row->hash == NULL)
		return damaged(row, err);
	return read_author(rows, row, err);
}

int
sbx_log_each(struct sbx_log *log, int64_t from, int64_t to,
	int (*fn)(void *ctx, const struct sbx_row *row, struct sbx_err *err),
	void *ctx, struct sbx_err *err)
{
	struct rows *rows = sbx_mem_alloc(1, sizeof(*rows));
	sqlite3 *db = sbx_log_db(log);
	struct sbx_row row;
	int r, step = SQLITE_DONE;

	if ((r = sbx_db_prepare(db, "SELECT seq, author, op, type, payload, sig, "
		     "id, hash FROM entry WHERE seq BETWEEN ? AND ? ORDER BY seq",
		     &rows->st, err)) != 0 ||
		(r = sbx_db_prepare(db, "SELECT did, pub FROM author WHERE id=?",
			 &rows->find, err)) != 0)
		goto out;
	sqlite3_bind_int64(rows->st, 1, from);
	sqlite3_bind_int64(rows->st, 2, to > 0 ? to : INT64_MAX);
	while (r == 0 && (step = sqlite3_step(rows->st)) == SQLITE_ROW)
		if ((r = read_row(rows, &row, err)) == 0)
			r = fn(ctx, &row, err);
	if (r == 0 && step != SQLITE_DONE)
		r = sbx_db_fail(db, "ledger", err);
out:
	sqlite3_finalize(rows->st);
	sqlite3_finalize(rows->find);
	free(rows);
	return r;
}

static int
line_row(void *ctx, const struct sbx_row *row, struct sbx_err *err)
{
	(void)err;
	sbx_row_line(row, ctx);
	return SBX_OK;
}

int
sbx_log_line(struct sbx_log *log, int64_t seq, struct sbx_buf *out,
	struct sbx_err *err)
{
	return sbx_log_each(log, seq, seq, line_row, out, err);
}
