/* SPDX-License-Identifier: Apache-2.0 */
/* The journal's hashes without its signatures, which a full verify has checked
 * up to a mark that it leaves.  The mark is as good as the file it is in. */
#include <stdio.h>
#include <string.h>

#include "base/base.h"
#include "crypto/crypto.h"
#include "ledger/ledger.h"
#include "ledger/db.h"

/* Rows from to to, of which each is the next one's link: parts of a chain can
 * be walked apart, since both sides of a seam are the stored hash. */
struct part {
	const char *path;
	int64_t from, to;
	int r;
	struct sbx_err err;
};

static int
check_link(sqlite3_stmt *st, int64_t seq, unsigned char *head,
	struct sbx_err *err)
{
	const char *payload = sbx_db_col_text(st, 1);
	size_t len = (size_t)sqlite3_column_bytes(st, 1);
	const unsigned char *sig = sbx_db_col_bytes(st, 2, SBX_SIG_BYTES),
		*said = sbx_db_col_bytes(st, 3, SBX_HASH_BYTES),
		*hash = sbx_db_col_bytes(st, 4, SBX_HASH_BYTES);
	unsigned char id[SBX_HASH_BYTES];

	if (sqlite3_column_int64(st, 0) != seq)
		return sbx_err_set(err, SBX_E_NO, "missing");
	if (payload == NULL || sig == NULL || said == NULL || hash == NULL)
		return sbx_err_set(err, SBX_E_NO, "the row is damaged");
	sbx_hash_b2(id, payload, len);
	if (memcmp(id, said, SBX_HASH_BYTES) != 0)
		return sbx_err_set(err, SBX_E_NO,
			"the payload's hash does not match");
	sbx_log_chain(head, payload, len, sig);
	if (memcmp(head, hash, SBX_HASH_BYTES) != 0)
		return sbx_err_set(err, SBX_E_NO, "the chain does not match");
	return SBX_OK;
}

static int
walk(const struct part *p, sqlite3 *db, sqlite3_stmt *st, struct sbx_err *err)
{
	unsigned char head[SBX_HASH_BYTES] = { 0 };
	int64_t seq = p->from;
	int step, r = SBX_OK;

	sqlite3_bind_int64(st, 1, p->from > 1 ? p->from - 1 : INT64_MIN);
	sqlite3_bind_int64(st, 2, p->to);
	if (p->from > 1) {
		if (sqlite3_step(st) != SQLITE_ROW ||
			sqlite3_column_bytes(st, 4) != SBX_HASH_BYTES)
			return sbx_err_set(err, SBX_E_NO,
				"entry %lld: the row is damaged",
				(long long)p->from - 1);
		memcpy(head, sqlite3_column_blob(st, 4), SBX_HASH_BYTES);
	}
	while ((step = sqlite3_step(st)) == SQLITE_ROW) {
		if ((r = check_link(st, seq, head, err)) != 0)
			break;
		seq++;
	}
	if (r == 0 && step != SQLITE_DONE)
		return sbx_db_fail(db, "ledger", err);
	if (r == 0 && seq != p->to + 1)
		r = sbx_err_set(err, SBX_E_NO, "missing");
	if (r != 0)
		sbx_err_at(err, "entry %lld", (long long)seq);
	return r;
}

static void
check_part(void *ctx, size_t from, size_t to)
{
	struct part *p = &((struct part *)ctx)[from];
	sqlite3 *db = NULL;
	sqlite3_stmt *st = NULL;

	(void)to; /* one */
	if ((p->r = sbx_db_open(p->path, 0, &db, &p->err)) == 0 &&
		(p->r = sbx_db_prepare(db, "SELECT seq, payload, sig, id, hash "
			 "FROM entry WHERE seq BETWEEN ? AND ? ORDER BY seq", &st,
			 &p->err)) == 0)
		p->r = walk(p, db, st, &p->err);
	sqlite3_finalize(st);
	sbx_db_close(db);
}

/* The first part that fails names the first bad row. */
static int
check_parts(struct part *parts, size_t count, int64_t size, struct sbx_err *err)
{
	int r = SBX_OK;

	for (size_t i = 0; i < count; i++) {
		parts[i].from = size * (int64_t)i / (int64_t)count + 1;
		parts[i].to = size * (int64_t)(i + 1) / (int64_t)count;
	}
	sbx_on_all_cores(count, 1, check_part, parts);
	for (size_t i = 0; r == 0 && i < count; i++)
		if ((r = parts[i].r) != 0 && err != NULL)
			*err = parts[i].err;
	return r;
}

/* The hash that the chain has at seq is the mark's. */
static int
check_mark(sqlite3 *db, int64_t *verified, struct sbx_err *err)
{
	int64_t bad;
	int r;

	if ((r = sbx_db_int(db, "SELECT count(*) FROM local WHERE key='verified' "
		     "AND value NOT IN (SELECT seq || ' ' || lower(hex(hash)) FROM "
		     "entry WHERE seq=CAST(value AS INTEGER))", 0, &bad, err)) != 0)
		return r;
	if (bad != 0)
		return sbx_err_set(err, SBX_E_NO,
			"not the entries whose signatures were verified");
	return sbx_db_int(db, "SELECT CAST(value AS INTEGER) FROM local WHERE "
		"key='verified'", 0, verified, err);
}

int
sbx_log_quick(struct sbx_log *log, int64_t *verified, struct sbx_err *err)
{
	struct part parts[SBX_MAX_CORES] = { 0 };
	size_t count = sbx_cores();
	unsigned char head[SBX_HASH_BYTES];
	sqlite3 *db = sbx_log_db(log);
	int64_t size, more;
	int r;

	if ((r = sbx_log_head(log, &size, head, err)) != 0)
		return r;
	for (size_t i = 0; i < count; i++)
		parts[i].path = sqlite3_db_filename(db, "main");
	if ((r = check_parts(parts, count, size, err)) != 0 ||
		(r = sbx_db_int(db, "SELECT (SELECT count(*) FROM fact)-"
			 "coalesce((SELECT max(seq) FROM entry), 0)", 0, &more, err)) != 0)
		return r;
	if (more != 0)
		return sbx_err_set(err, SBX_E_NO,
			"what is derived from the entries is not all there");
	return check_mark(db, verified, err);
}

void
sbx_log_mark(sqlite3 *db, int64_t seq,
	const unsigned char head[static SBX_HASH_BYTES])
{
	char text[24 + 2 * SBX_HASH_BYTES], hex[2 * SBX_HASH_BYTES + 1];
	sqlite3_stmt *st = NULL;

	if (seq == 0 || sqlite3_db_readonly(db, "main") != 0)
		return;
	sbx_hex_write(hex, head, SBX_HASH_BYTES);
	snprintf(text, sizeof(text), "%lld %s", (long long)seq, hex);
	if (sbx_db_prepare(db, "INSERT INTO local(key, value) VALUES("
		    "'verified', ?) ON CONFLICT(key) DO UPDATE SET "
		    "value=excluded.value WHERE value<>excluded.value", &st, NULL) == 0) {
		sbx_db_bind_text(st, 1, text);
		/* Without it the next quick check says less: no harm. */
		sqlite3_step(st);
	}
	sqlite3_finalize(st);
}
