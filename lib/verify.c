/* SPDX-License-Identifier: Apache-2.0 */
/* Everything in the journal is derived once more from its rows, and what is
 * stored must equal it to the byte. */
#include <stdlib.h>
#include <string.h>

#include "batch.h"
#include "member.h"
#include "pages.h"

#define BATCH 256 /* rows: what is read of them stays near the processor */
#define TILE 256
#define LEVELS 8

struct verifying {
	struct sbx_batches *batches;
	sqlite3_stmt *facts, *nodes;
	bool failed;
	int64_t next; /* the row to be checked next */
	int64_t authors; /* so far: numbered as they came */
	struct sbx_sums rows;
	unsigned char head[SBX_HASH_BYTES];
	unsigned char tile[LEVELS][TILE][SBX_HASH_BYTES];
	int64_t count[LEVELS];
};

struct file {
	const char *path;
	int64_t upto; /* rows that are verified; others may come meanwhile */
	struct sbx_sums indices;
	int r;
	struct sbx_err err;
};

static int
no(struct sbx_err *err, const char *why)
{
	return sbx_err_set(err, SBX_E_NO, "%s", why);
}

static bool
same_text(sqlite3_stmt *st, int i, const char *want)
{
	const char *have = (const char *)sqlite3_column_text(st, i);

	return have == NULL || want == NULL ? have == want :
					      strcmp(have, want) == 0;
}

static int
not_derived(struct sbx_err *err)
{
	no(err, "what is derived from it does not match");
	sbx_err_hint(err, "sbx-ledger fsck derives it again, if the entry itself "
			  "is sound");
	return SBX_E_NO;
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
		r = not_derived(err);
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
static int
check_fact(struct verifying *v, const struct sbx_item *it, struct sbx_err *err)
{
	const struct sbx_entry *e = it->e;
	sqlite3_stmt *st = v->facts;
	const int64_t *idhash = e->key != NULL ? &e->keyhash : NULL;
	int64_t eid = sbx_first64(e->id);
	bool indexed;

	if (sqlite3_step(st) != SQLITE_ROW || !same_int(st, 0, v->next) ||
		!same_text(st, 1, e->rec->type) ||
		!same_text(st, 2, e->key) || !same_text(st, 3, e->ref) ||
		!same_int(st, 4, e->time) ||
		sqlite3_column_bytes(st, 5) != SBX_HASH_BYTES ||
		memcmp(sqlite3_column_blob(st, 5), e->leaf, SBX_HASH_BYTES) != 0 ||
		!same_int(st, 6, it->row.who) ||
		is_null(st, 7) != (idhash == NULL) ||
		!same_int(st, 7, e->keyhash))
		return not_derived(err);
	indexed = !is_null(st, 8);
	if (indexed && !same_int(st, 8, eid))
		return not_derived(err);
	sbx_sums_add(&v->rows, v->next, e->rec->type, idhash,
		indexed ? &eid : NULL);
	return indexed ? SBX_OK : check_unindexed(sqlite3_db_handle(st), it, err);
}

/* The stored roots of full subtrees, each as soon as its last leaf is read. */
static int
check_nodes(struct verifying *v, const unsigned char *leaf, struct sbx_err *err)
{
	unsigned char hash[SBX_HASH_BYTES];

	memcpy(hash, leaf, SBX_HASH_BYTES);
	for (int level = 0; level < LEVELS - 1; level++) {
		memcpy(v->tile[level][v->count[level]++ % TILE], hash,
			SBX_HASH_BYTES);
		if (v->count[level] % TILE != 0)
			return SBX_OK;
		sbx_tree_fold(hash, v->tile[level], TILE);
		sqlite3_reset(v->nodes);
		sqlite3_bind_int(v->nodes, 1, level + 1);
		sqlite3_bind_int64(v->nodes, 2, v->count[level] / TILE - 1);
		if (sqlite3_step(v->nodes) != SQLITE_ROW ||
			sqlite3_column_bytes(v->nodes, 0) != SBX_HASH_BYTES ||
			memcmp(sqlite3_column_blob(v->nodes, 0), hash,
				SBX_HASH_BYTES) != 0)
			return no(err, "the tree's nodes do not match");
	}
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
	if ((r = check_fact(v, it, err)) != 0)
		return r;
	return check_nodes(v, it->e->leaf, err);
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

/* No row that no entry asks for: each of these counts such. */
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
check_rest(const struct verifying *v, sqlite3 *db, struct sbx_err *err)
{
	int64_t n, nodes = 0;
	int r, step = sqlite3_step(v->facts);

	if (step == SQLITE_ROW)
		return no(err, "there are derived rows without an entry");
	if (step != SQLITE_DONE)
		return sbx_db_fail(db, "ledger", err);
	for (size_t i = 0; i < sizeof(rests) / sizeof(rests[0]); i++) {
		if ((r = sbx_db_int(db, rests[i].sql, 0, &n, err)) != 0)
			return r;
		if (n != 0)
			return no(err, rests[i].why);
	}
	/* It would keep out who has that name, or another key of its. */
	if ((r = sbx_db_int(db, "SELECT count(*) FROM author", 0, &n, err)) != 0)
		return r;
	if (n != v->authors)
		return no(err, "there is an author who has written nothing");
	for (int64_t i = (v->next - 1) / TILE; i > 0; i /= TILE)
		nodes += i;
	if ((r = sbx_db_int(db, "SELECT count(*) FROM node", 0, &n, err)) != 0)
		return r;
	return n == nodes ? SBX_OK : no(err, "the tree has nodes too many");
}

/* On a connection and in a thread of its own: the signatures keep the other
 * cores busy twenty times as long. */
static void
check_file(void *ctx, size_t from, size_t to)
{
	struct file *f = ctx;
	sqlite3 *db = NULL;

	(void)from, (void)to; /* one */
	if ((f->r = sbx_db_open(f->path, 0, &db, &f->err)) == 0) {
		sbx_db_once(db);
		f->r = sbx_pages_check(db, f->upto, &f->indices, &f->err);
	}
	sbx_db_close(db);
	if (f->r == 0)
		f->r = sbx_cache_check(f->path, &f->err);
}

static int
verify(struct sbx_log *log, struct verifying *v, struct sbx_err *err)
{
	sqlite3 *db = sbx_log_db(log);
	struct sbx_err damage;
	int r, later;

	if ((r = sbx_db_prepare(db, "SELECT seq, type, id, ref, time, leaf, "
		     "author, idhash, eid FROM fact ORDER BY seq", &v->facts, err)) != 0 ||
		(r = sbx_db_prepare(db, "SELECT hash FROM node WHERE level=? AND "
			 "n=?", &v->nodes, err)) != 0)
		return r;
	r = sbx_log_each(log, INT64_MIN, 0, take_row, v, &damage);
	/* A row too damaged to read comes after those that wait here. */
	if ((later = finish(v, err)) != 0)
		return later;
	if (r != 0) {
		if (err != NULL)
			*err = damage;
		return r;
	}
	return check_rest(v, db, err);
}

int
sbx_log_verify(struct sbx_log *log, int64_t *bad, struct sbx_err *err)
{
	struct verifying *v = sbx_mem_alloc(1, sizeof(*v));
	struct file file = {
		.path = sqlite3_db_filename(sbx_log_db(log), "main") };
	unsigned char head[SBX_HASH_BYTES];
	struct sbx_work *work;
	int r;

	sbx_db_once(sbx_log_db(log));
	/* One snapshot for rows, facts and counts, whoever writes. */
	if ((r = sbx_db_exec(sbx_log_db(log), "SAVEPOINT verify", err)) != 0 ||
		(r = sbx_log_head(log, &file.upto, head, err)) != 0) {
		sbx_db_exec(sbx_log_db(log), "RELEASE verify", NULL);
		free(v);
		return r;
	}
	sbx_sums_begin(&v->rows);
	file.indices = v->rows;
	v->next = 1;
	v->batches = sbx_batches_new(BATCH);
	work = sbx_work_start(sbx_batches_crew(v->batches), 1, 1, check_file,
		&file);
	r = verify(log, v, err);
	sbx_work_end(work);
	if (r == 0 && (r = file.r) != 0 && err != NULL)
		*err = file.err;
	if (r == 0)
		r = sbx_sums_same(&v->rows, &file.indices, err);
	sqlite3_finalize(v->facts);
	sqlite3_finalize(v->nodes);
	sbx_db_exec(sbx_log_db(log), "RELEASE verify", NULL);
	if (r == 0)
		sbx_log_mark(sbx_log_db(log), v->next - 1, v->head);
	*bad = r == SBX_E_NO ? v->next : 0;
	sbx_batches_free(v->batches);
	free(v);
	return r;
}
