/* SPDX-License-Identifier: Apache-2.0 */
/* The Merkle tree beside the chain: a leaf with each row of fact, and, so that
 * no proof reads more than a few hundred rows, the roots of full subtrees of
 * 256, 65536, ... leaves in node.  All of it can be rebuilt from the journal. */
#include <string.h>

#include "base/base.h"
#include "crypto/crypto.h"
#include "ledger/ledger.h"
#include "ledger/db.h"

#define TILE 256
#define TILE_HEIGHT 8

int
sbx_logtree_read(sqlite3 *db, int level, int64_t n, int count,
	unsigned char (*out)[SBX_HASH_BYTES], struct sbx_err *err)
{
	sqlite3_stmt *st = NULL;
	int r, got = 0;

	if ((r = sbx_db_prepare(db, level == 0 ?
			     "SELECT leaf FROM fact WHERE seq BETWEEN ?2+1 AND "
			     "?2+?3 ORDER BY seq" :
			     "SELECT hash FROM node WHERE level=?1 AND n BETWEEN "
			     "?2 AND ?2+?3-1 ORDER BY n", &st, err)) != 0)
		return r;
	sqlite3_bind_int(st, 1, level);
	sqlite3_bind_int64(st, 2, n);
	sqlite3_bind_int(st, 3, count);
	while (got < count && sqlite3_step(st) == SQLITE_ROW &&
		sqlite3_column_bytes(st, 0) == SBX_HASH_BYTES)
		memcpy(out[got++], sqlite3_column_blob(st, 0), SBX_HASH_BYTES);
	sqlite3_finalize(st);
	if (got != count)
		return sbx_err_set(err, SBX_E_NO,
			"the tree lacks hashes at level %d from %lld on", level,
			(long long)n);
	return SBX_OK;
}

static int
write_node(sqlite3 *db, int level, int64_t n,
	const unsigned char hash[static SBX_HASH_BYTES], struct sbx_err *err)
{
	sqlite3_stmt *st = NULL;
	int r;

	if ((r = sbx_db_prepare(db, "INSERT OR REPLACE INTO node(level, n, hash) "
		     "VALUES(?, ?, ?)", &st, err)) != 0)
		return r;
	sqlite3_bind_int(st, 1, level);
	sqlite3_bind_int64(st, 2, n);
	sbx_db_bind_blob(st, 3, hash, SBX_HASH_BYTES);
	if (sqlite3_step(st) != SQLITE_DONE)
		r = sbx_db_fail(db, "tree", err);
	sqlite3_finalize(st);
	return r;
}

int
sbx_logtree_grow(sqlite3 *db, int64_t size, struct sbx_err *err)
{
	unsigned char hashes[TILE][SBX_HASH_BYTES], root[SBX_HASH_BYTES];
	int r = SBX_OK;

	for (int level = 1; r == 0 && size > 0 && size % TILE == 0; level++) {
		size /= TILE;
		if ((r = sbx_logtree_read(db, level - 1, (size - 1) * TILE, TILE, hashes,
			     err)) != 0)
			return r;
		sbx_tree_fold(root, hashes, TILE);
		r = write_node(db, level, size - 1, root, err);
	}
	return r;
}

/* The root of the n-th full subtree of 2^height leaves: folded from the
 * stored level below it. */
static int
subtree(void *ctx, unsigned height, uint64_t n,
	unsigned char out[static SBX_HASH_BYTES], struct sbx_err *err)
{
	unsigned char hashes[TILE][SBX_HASH_BYTES];
	int level = (int)(height / TILE_HEIGHT);
	int count = 1 << height % TILE_HEIGHT;
	int r;

	if ((r = sbx_logtree_read(ctx, level, (int64_t)n * count, count, hashes,
		     err)) == 0)
		sbx_tree_fold(out, hashes, (size_t)count);
	return r;
}

struct sbx_tree_source
sbx_log_source(struct sbx_log *log)
{
	return (struct sbx_tree_source){ subtree, sbx_log_db(log) };
}

int
sbx_log_root(struct sbx_log *log, int64_t size,
	unsigned char root[static SBX_HASH_BYTES], struct sbx_err *err)
{
	struct sbx_tree_source src = sbx_log_source(log);

	return sbx_tree_root_at(&src, (uint64_t)size, root, err);
}
