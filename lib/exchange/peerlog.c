/* SPDX-License-Identifier: Apache-2.0 */
/* What is remembered of other nodes' logs, in the same database as the
 * entries that came from them, so that the two never disagree. */
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "base/base.h"
#include "crypto/crypto.h"
#include "ledger/ledger.h"
#include "exchange/follow.h"

/* ---- logs ---------------------------------------------------------------- */

static bool
read_tree(struct sbx_tree *t, int64_t size, const unsigned char *peaks,
	size_t len)
{
	memset(t, 0, sizeof(*t));
	if (size < 0 || len != (size_t)__builtin_popcountll((uint64_t)size) *
					SBX_HASH_BYTES)
		return false;
	t->size = (uint64_t)size;
	for (int i = 63; i >= 0; i--)
		if (t->size >> i & 1) {
			memcpy(t->peak[i], peaks, SBX_HASH_BYTES);
			peaks += SBX_HASH_BYTES;
		}
	return true;
}

static void
write_tree(const struct sbx_tree *t, struct sbx_buf *out)
{
	for (int i = 63; i >= 0; i--)
		if (t->size >> i & 1)
			sbx_buf_add(out, t->peak[i], SBX_HASH_BYTES);
}

static void
stored(struct sbx_peerlog *p)
{
	sbx_hash_b2(p->was, sbx_buf_text(&p->note), p->note.len);
}

int
sbx_peerlog_load(struct sbx_log *log, const char *did, struct sbx_peerlog *p,
	struct sbx_err *err)
{
	sqlite3 *db = sbx_log_db(log);
	sqlite3_stmt *st = NULL;
	int r, step;

	memset(p, 0, sizeof(*p));
	p->key.max = SBX_MAX_LINE;
	p->note.max = SBX_MAX_NOTE;
	snprintf(p->did, sizeof(p->did), "%s", did);
	if ((r = sbx_db_prepare(db,
		     "SELECT key, note, size, tree FROM peer WHERE did=?", &st,
		     err)) != 0)
		return r;
	sbx_db_bind_text(st, 1, did);
	step = sqlite3_step(st);
	if (step == SQLITE_ROW) {
		sbx_buf_str(&p->key, (const char *)sqlite3_column_text(st, 0));
		sbx_buf_str(&p->note, (const char *)sqlite3_column_text(st, 1));
		if (!read_tree(&p->tree, sqlite3_column_int64(st, 2),
			    sqlite3_column_blob(st, 3),
			    (size_t)sqlite3_column_bytes(st, 3)))
			r = sbx_err_set(err, SBX_E_NO,
				"what is remembered of %s is damaged", did);
	} else if (step != SQLITE_DONE) {
		r = sbx_db_fail(db, "ledger", err);
	}
	sqlite3_finalize(st);
	stored(p);
	return r;
}

int
sbx_peerlog_save(
	struct sbx_log *log, struct sbx_peerlog *p, struct sbx_err *err)
{
	struct sbx_buf peaks = SBX_BUF(64 * SBX_HASH_BYTES);
	sqlite3 *db = sbx_log_db(log);
	sqlite3_stmt *st = NULL;
	int r;

	if ((r = sbx_db_prepare(db,
		     "INSERT OR REPLACE INTO peer(did, key, note, size, tree) "
		     "VALUES(?, ?, ?, ?, ?)",
		     &st, err)) != 0)
		return r;
	write_tree(&p->tree, &peaks);
	sbx_db_bind_text(st, 1, p->did);
	sbx_db_bind_text(st, 2, sbx_buf_text(&p->key));
	sbx_db_bind_text(st, 3, sbx_buf_text(&p->note));
	sqlite3_bind_int64(st, 4, (int64_t)p->tree.size);
	sbx_db_bind_blob(st, 5, sbx_buf_text(&peaks), peaks.len);
	if (sqlite3_step(st) != SQLITE_DONE)
		r = sbx_db_fail(db, "ledger", err);
	else
		stored(p);
	sqlite3_finalize(st);
	sbx_buf_free(&peaks);
	return r;
}

void
sbx_peerlog_free(struct sbx_peerlog *p)
{
	sbx_buf_free(&p->key);
	sbx_buf_free(&p->note);
}

/* ---- addresses ----------------------------------------------------------- */

int
sbx_source_load(struct sbx_log *log, const char *url, struct sbx_source *s,
	struct sbx_err *err)
{
	sqlite3 *db = sbx_log_db(log);
	sqlite3_stmt *st = NULL;
	int r, step;

	memset(s, 0, sizeof(*s));
	if ((r = sbx_db_prepare(db,
		     "SELECT did, etag, size, hash FROM source WHERE url=?",
		     &st, err)) != 0)
		return r;
	sbx_db_bind_text(st, 1, url);
	step = sqlite3_step(st);
	if (step == SQLITE_ROW) {
		snprintf(s->did, sizeof(s->did), "%s",
			(const char *)sqlite3_column_text(st, 0));
		snprintf(s->etag, sizeof(s->etag), "%s",
			(const char *)sqlite3_column_text(st, 1));
		s->prefix.count = (uint64_t)sqlite3_column_int64(st, 2);
		if (sqlite3_column_bytes(st, 3) == SBX_HASH_BYTES)
			memcpy(s->prefix.hash, sqlite3_column_blob(st, 3),
				SBX_HASH_BYTES);
	} else if (step != SQLITE_DONE) {
		r = sbx_db_fail(db, "ledger", err);
	}
	sqlite3_finalize(st);
	return r;
}

int
sbx_source_save(struct sbx_log *log, const char *url,
	const struct sbx_source *s, struct sbx_err *err)
{
	sqlite3 *db = sbx_log_db(log);
	sqlite3_stmt *st = NULL;
	int r;

	if ((r = sbx_db_prepare(db,
		     "INSERT OR REPLACE INTO source(url, did, etag, size, hash)"
		     " VALUES(?, ?, ?, ?, ?)",
		     &st, err)) != 0)
		return r;
	sbx_db_bind_text(st, 1, url);
	sbx_db_bind_text(st, 2, s->did);
	sbx_db_bind_text(st, 3, s->etag);
	sqlite3_bind_int64(st, 4, (int64_t)s->prefix.count);
	sbx_db_bind_blob(st, 5, s->prefix.hash, SBX_HASH_BYTES);
	if (sqlite3_step(st) != SQLITE_DONE)
		r = sbx_db_fail(db, "ledger", err);
	sqlite3_finalize(st);
	return r;
}

/* ---- leaves -------------------------------------------------------------- */

/* An index over all leaves would cost every import a random write per entry;
 * only a pull asks, and reads the newest of them then.  What it misses is
 * fetched once more, never lost.  The hash is keyed anew each time: nobody can
 * make an entry that looks like another one. */
struct sbx_known {
	unsigned char key[crypto_shorthash_KEYBYTES];
	uint64_t *sums;
	size_t count;
};

#define NEWEST 65536
#define MOST   (UINT64_C(1) << 20) /* 8 MiB of sums */

static uint64_t
sum(const struct sbx_known *k, const unsigned char *leaf)
{
	unsigned char out[crypto_shorthash_BYTES];
	uint64_t v;

	crypto_shorthash(out, leaf, SBX_HASH_BYTES, k->key);
	memcpy(&v, out, sizeof(v));
	return v;
}

static int
compare(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

static void
sift(uint64_t *a, size_t i, size_t n)
{
	uint64_t v = a[i];
	size_t child;

	while ((child = 2 * i + 1) < n) {
		child += child + 1 < n && a[child + 1] > a[child];
		if (a[child] <= v)
			break;
		a[i] = a[child];
		i = child;
	}
	a[i] = v;
}

/* In place, where qsort(3) would take as much memory again. */
static void
sort(uint64_t *a, size_t n)
{
	uint64_t v;

	for (size_t i = n / 2; i-- > 0;)
		sift(a, i, n);
	while (n-- > 1) {
		v = a[n];
		a[n] = a[0];
		a[0] = v;
		sift(a, 0, n);
	}
}

struct sbx_known *
sbx_known_new(void)
{
	struct sbx_known *k = sbx_mem_alloc(1, sizeof(*k));

	sbx_random(k->key, sizeof(k->key));
	return k;
}

int
sbx_known_load(struct sbx_known *k, struct sbx_log *log, uint64_t count,
	struct sbx_err *err)
{
	unsigned char hash[SBX_HASH_BYTES];
	sqlite3 *db = sbx_log_db(log);
	sqlite3_stmt *st = NULL;
	int64_t size;
	int r, step = SQLITE_DONE;

	if ((r = sbx_log_head(log, &size, hash, err)) != 0)
		return r;
	count = count < MOST / 8 ? 4 * count + NEWEST : MOST;
	if ((uint64_t)size < count)
		count = (uint64_t)size;
	if ((r = sbx_db_prepare(
		     db, "SELECT leaf FROM fact WHERE seq>?", &st, err)) != 0)
		return r;
	free(k->sums);
	k->sums = sbx_mem_alloc(count + 1, sizeof(*k->sums));
	k->count = 0;
	sqlite3_bind_int64(st, 1, size - (int64_t)count);
	while (k->count < count && (step = sqlite3_step(st)) == SQLITE_ROW)
		if (sqlite3_column_bytes(st, 0) == SBX_HASH_BYTES)
			k->sums[k->count++] =
				sum(k, sqlite3_column_blob(st, 0));
	if (step != SQLITE_ROW && step != SQLITE_DONE)
		r = sbx_db_fail(db, "ledger", err);
	sqlite3_finalize(st);
	sort(k->sums, k->count);
	return r;
}

bool
sbx_known_has(const struct sbx_known *k,
	const unsigned char leaf[static SBX_HASH_BYTES])
{
	uint64_t v = sum(k, leaf);

	return k->count > 0 &&
	       bsearch(&v, k->sums, k->count, sizeof(v), compare) != NULL;
}

void
sbx_known_free(struct sbx_known *k)
{
	if (k == NULL)
		return;
	free(k->sums);
	free(k);
}
