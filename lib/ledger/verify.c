/* SPDX-License-Identifier: Apache-2.0 */
/* The journal's rows: hashes, chain, signatures, and the Merkle tree over them,
 * which alone covers what neither chain nor signature does. */
#include <stdlib.h>
#include <string.h>

#include "base/base.h"
#include "crypto/crypto.h"
#include "ledger/ledger.h"
#include "ledger/db.h"
#include "ledger/derived.h"

#define BATCH 256 /* rows: what is read of them stays near the processor */
#define TILE  SBX_TILE_WIDTH
#define TILE_HEIGHT 8

struct verifying {
	struct sbx_batches *batches;
	struct sbx_derived *derived; /* NULL: it is not looked at */
	sqlite3 *db;
	bool failed;
	int64_t next; /* the row to be checked next */
	int64_t authors; /* so far: numbered as they came */
	unsigned char head[SBX_HASH_BYTES];
	struct sbx_tree tree;
	unsigned char leaf[TILE][SBX_HASH_BYTES]; /* of the tile begun last */
	int64_t at; /* rows whose root is asked for */
	unsigned char *root;
};

static int
no(struct sbx_err *err, const char *why)
{
	return sbx_err_set(err, SBX_E_NO, "%s", why);
}

static bool
is_stored(const struct verifying *v, int level, int64_t n,
	const unsigned char hash[static SBX_HASH_BYTES])
{
	unsigned char stored[1][SBX_HASH_BYTES];

	return sbx_logtree_read(v->db, level, n, 1, stored, NULL) == 0 &&
		memcmp(stored[0], hash, SBX_HASH_BYTES) == 0;
}

/* The leaves of the tile begun last are those stored; SBX_E_NO names the first
 * row, v->next, whose leaf is not. */
static int
check_leaves(struct verifying *v, struct sbx_err *err)
{
	int64_t size = (int64_t)v->tree.size;
	int64_t i = size > 0 ? (size - 1) / TILE * TILE : 0;

	for (; i < size; i++) {
		if (is_stored(v, 0, i, v->leaf[i % TILE]))
			continue;
		v->next = i + 1;
		sbx_derived_no(err);
		sbx_err_at(err, "entry %lld", (long long)v->next);
		return SBX_E_NO;
	}
	return SBX_OK;
}

/* The stored roots of full subtrees, each as soon as its last leaf is read. */
static int
check_tree(struct verifying *v, const unsigned char *leaf, struct sbx_err *err)
{
	unsigned char full[64][SBX_HASH_BYTES];
	unsigned height, h;

	memcpy(v->leaf[v->tree.size % TILE], leaf, SBX_HASH_BYTES);
	height = sbx_tree_grow(&v->tree, leaf, full);
	for (h = TILE_HEIGHT; h <= height; h += TILE_HEIGHT)
		if (!is_stored(v, (int)(h / TILE_HEIGHT),
			    (int64_t)(v->tree.size >> h) - 1, full[h]))
			return no(err, "the tree's nodes do not match");
	if ((int64_t)v->tree.size == v->at)
		sbx_tree_root(&v->tree, v->root);
	return SBX_OK;
}

static int
check_item(struct verifying *v, struct sbx_item *it, struct sbx_err *err)
{
	int r;

	if ((int64_t)it->number != v->next)
		return sbx_err_set(err, SBX_E_NO, "missing: the next one is %zu",
			it->number);
	if (it->err != NULL)
		return no(err, it->err->text);
	sbx_log_chain(v->head, it->row.payload, it->row.payloadlen, it->row.sig);
	if (memcmp(v->head, it->row.hash, SBX_HASH_BYTES) != 0)
		return no(err, "the chain does not match");
	if (it->row.who > v->authors && it->row.who != ++v->authors)
		return no(err, "its author's number is not the next one");
	if (v->derived != NULL && (r = sbx_derived_item(v->derived, it, err)) != 0)
		return r;
	return check_tree(v, it->e->leaf, err);
}

/* An op that was changed is covered by its leaf alone, which is looked at when
 * its tile is full, or something else is wrong: it may be the first that is. */
static bool
look_back(struct verifying *v, struct sbx_err *err)
{
	struct sbx_err earlier = { 0 };

	if (v->derived != NULL || check_leaves(v, &earlier) != SBX_E_NO)
		return false;
	if (err != NULL)
		*err = earlier;
	return true;
}

/* What is judged, while the other threads judge what was read since. */
static int
check_batch(struct verifying *v, struct sbx_batch *b, struct sbx_err *err)
{
	int r = SBX_OK;

	for (size_t i = 0; !v->failed && i < b->count; i++) {
		if ((r = check_item(v, &b->items[i], err)) == 0) {
			v->next++;
			continue;
		}
		if (!look_back(v, err))
			sbx_err_at(err, "entry %lld", (long long)v->next);
		v->failed = true;
	}
	sbx_batch_empty(b);
	return r;
}

static int
take_row(void *ctx, const struct sbx_row *row, struct sbx_err *err)
{
	struct verifying *v = ctx;
	struct sbx_batch *b = sbx_batches_filling(v->batches);
	int r = SBX_OK;

	if (b == NULL) {
		r = check_batch(v, sbx_batches_judged(v->batches), err);
		b = sbx_batches_filling(v->batches);
	}
	sbx_batch_add_row(b, row);
	if (sbx_batch_full(b))
		sbx_batches_judge(v->batches);
	return r;
}

/* What waits when all is read. */
static int
finish(struct verifying *v, struct sbx_err *err)
{
	struct sbx_batch *b;
	int r = SBX_OK;

	if (sbx_batches_filling(v->batches) != NULL)
		sbx_batches_judge(v->batches);
	while (r == 0 && (b = sbx_batches_judged(v->batches)) != NULL)
		r = check_batch(v, b, err);
	return r;
}

/* Whose it is and whom it trusts: each of these counts what cannot be. */
static const struct {
	const char *sql, *why;
} rests[] = {
	{ "SELECT count(*) FROM local WHERE key='self' AND value NOT IN (SELECT "
	  "did FROM author)",
		"its owner has written nothing in it" },
	{ "SELECT count(*) FROM anchor WHERE length(did)<>40 OR did NOT GLOB "
	  "'did:plc:[0-9a-f]*' OR substr(did, 9) GLOB '*[^0-9a-f]*'",
		"what is trusted is no name" },
};

static int
check_rest(struct verifying *v, struct sbx_err *err)
{
	int64_t n;
	int r;

	if (v->derived == NULL && (r = check_leaves(v, err)) != 0)
		return r;
	for (size_t i = 0; i < sizeof(rests) / sizeof(rests[0]); i++) {
		if ((r = sbx_db_int(v->db, rests[i].sql, 0, &n, err)) != 0)
			return r;
		if (n != 0)
			return no(err, rests[i].why);
	}
	/* It would keep out who has that name, or another key of its. */
	if ((r = sbx_db_int(v->db, "SELECT count(*) FROM author", 0, &n, err)) != 0)
		return r;
	if (n != v->authors)
		return no(err, "there is an author who has written nothing");
	return v->derived != NULL ? sbx_derived_end(v->derived, err) : SBX_OK;
}

static int
read_rows(struct sbx_log *log, struct verifying *v, struct sbx_err *err)
{
	struct sbx_err damage = { 0 };
	int r, later;

	r = sbx_log_each(log, INT64_MIN, 0, take_row, v, &damage);
	/* A row too damaged to read comes after those that wait here. */
	if ((later = finish(v, err)) != 0)
		return later;
	if (r != 0) {
		if (err != NULL)
			*err = damage;
		look_back(v, err);
		return r;
	}
	return check_rest(v, err);
}

static int
verify(struct sbx_log *log, struct verifying *v, bool derived, int64_t *bad,
	struct sbx_err *err)
{
	unsigned char head[SBX_HASH_BYTES];
	int64_t size;
	int r;

	/* One snapshot for rows, facts and counts, whoever writes. */
	if ((r = sbx_db_exec(v->db, "SAVEPOINT verify", err)) != 0)
		return r;
	v->batches = sbx_batches_new(BATCH);
	if ((r = sbx_log_head(log, &size, head, err)) == 0 && derived)
		r = sbx_derived_begin(log, size, sbx_batches_crew(v->batches),
			&v->derived, err);
	if (r == 0)
		r = read_rows(log, v, err);
	*bad = r == SBX_E_NO ? v->next : 0;
	sbx_derived_free(v->derived);
	sbx_batches_free(v->batches);
	sbx_db_exec(v->db, "RELEASE verify", NULL);
	if (r == 0)
		sbx_log_mark(v->db, v->next - 1, v->head);
	return r;
}

static int
run(struct sbx_log *log, bool derived, int64_t at, unsigned char *root,
	int64_t *bad, struct sbx_err *err)
{
	struct verifying *v = sbx_mem_alloc(1, sizeof(*v));
	int r;

	*v = (struct verifying){ .db = sbx_log_db(log), .next = 1, .at = at,
		.root = root };
	sbx_db_once(v->db);
	r = verify(log, v, derived, bad, err);
	free(v);
	return r;
}

int
sbx_log_verify(struct sbx_log *log, int64_t at,
	unsigned char root[static SBX_HASH_BYTES], int64_t *bad,
	struct sbx_err *err)
{
	return run(log, false, at, root, bad, err);
}

int
sbx_log_check(struct sbx_log *log, int64_t *bad, struct sbx_err *err)
{
	return run(log, true, 0, NULL, bad, err);
}
