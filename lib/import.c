/* SPDX-License-Identifier: Apache-2.0 */
/* A batch is read first, judged on all cores next, and only then does a
 * transaction open: a slow peer never holds the journal's lock. */
#include <string.h>
#include <sys/stat.h>

#include "batch.h"
#include "follow.h"

#define GROUP 16 /* batches of a file that share a commit */
#define RING  4	 /* batches that are read ahead */

struct importer {
	struct sbx_log *log;
	struct sbx_feed *feed;
	struct sbx_import *im;
	struct sbx_batch *ring[RING];
	struct sbx_import was; /* before what is not yet committed */
	int group;	       /* batches to a commit: one, unless a file is read */
	int open;	       /* batches in the transaction; 0: there is none */
	struct sbx_prefix now;
	bool end;
};

void
sbx_prefix_add(struct sbx_prefix *p, const char *text, size_t len)
{
	unsigned char both[2 * SBX_HASH_BYTES];

	memcpy(both, p->hash, SBX_HASH_BYTES);
	sbx_hash_b2(both + SBX_HASH_BYTES, text, len);
	sbx_hash_b2(p->hash, both, sizeof(both));
	p->count++;
}

/* An older node exports a null key for an author it holds no Identity of;
 * the first key that we pinned for the name serves. */
static void
find_key(struct sbx_log *log, struct sbx_entry *e)
{
	sqlite3_stmt *st = NULL;

	if (sbx_db_prepare(sbx_log_db(log), "SELECT pub FROM author WHERE did=?",
		    &st, NULL) != 0)
		return;
	sbx_db_bind_text(st, 1, e->author);
	if (sqlite3_step(st) == SQLITE_ROW &&
		sqlite3_column_bytes(st, 0) == SBX_PUB_BYTES)
		sbx_entry_set_key(e, sqlite3_column_blob(st, 0));
	sqlite3_finalize(st);
}

static int
add_item(struct sbx_log *log, struct sbx_item *it, struct sbx_import *im,
	struct sbx_quota *q, const char *self, struct sbx_err *err)
{
	enum sbx_log_how how = SBX_LOG_DUP;
	struct sbx_err why = { 0 };
	int r = SBX_OK;

	if (it->e != NULL && it->e->keyless) {
		find_key(log, it->e);
		r = sbx_entry_verify(it->e, &why);
	}
	it->late = false;
	if (it->e != NULL && r == 0 &&
		(r = sbx_quota_check(q, it->e, &why)) == SBX_E_NO) {
		it->late = true;
		return SBX_OK;
	}
	if (it->e != NULL && r == 0 &&
		(r = sbx_log_add(log, it->e, &how, &why)) == 0) {
		if (how != SBX_LOG_DUP)
			sbx_quota_count(q, it->e, how == SBX_LOG_HELD);
		im->added += how == SBX_LOG_NEW;
		im->known += how == SBX_LOG_DUP;
		im->held += how == SBX_LOG_HELD;
		im->own += how != SBX_LOG_DUP &&
			strcmp(it->e->author, self) == 0;
	}
	if (r == SBX_E_INPUT) {
		sbx_batch_refuse(it, &why);
		r = SBX_OK;
	} else if (r != 0 && err != NULL) {
		*err = why;
	}
	if (it->err != NULL) {
		im->refused++;
		if (im->refuse != NULL)
			im->refuse(im->ctx, it->number, it->err);
	}
	return r;
}

/* What was too much of a stranger: its author may have become a member by
 * what came later in the batch.  The rest is refused. */
static int
add_late(struct sbx_log *log, struct sbx_batch *b, struct sbx_import *im,
	struct sbx_quota *q, const char *self, struct sbx_err *err)
{
	struct sbx_err why = { 0 };
	bool more = true, left = true;
	int r = SBX_OK;

	while (more && left && r == 0) {
		more = left = false;
		sbx_quota_again(q);
		for (size_t i = 0; r == 0 && i < b->count; i++) {
			if (!b->items[i].late)
				continue;
			r = add_item(log, &b->items[i], im, q, self, err);
			more |= !b->items[i].late;
			left |= b->items[i].late;
		}
	}
	for (size_t i = 0; r == 0 && i < b->count; i++) {
		if (!b->items[i].late)
			continue;
		r = sbx_quota_check(q, b->items[i].e, &why);
		im->refused++;
		im->late++;
		if (r == SBX_E_NO && im->refuse != NULL &&
			sbx_quota_tell(q, b->items[i].e))
			im->refuse(im->ctx, b->items[i].number, &why);
		r = r == SBX_E_NO ? SBX_OK : r;
	}
	return r;
}

static int
add_batch(struct sbx_log *log, struct sbx_batch *b, struct sbx_import *im,
	struct sbx_err *err)
{
	struct sbx_quota *q = sbx_quota_new(log);
	char self[SBX_DID_SIZE] = "";
	size_t own = im->own, late = im->late;
	int r = SBX_OK;

	sbx_log_self(log, self, NULL);
	for (size_t i = 0; r == 0 && i < b->count; i++)
		r = add_item(log, &b->items[i], im, q, self, err);
	if (r == 0 && (r = add_late(log, b, im, q, self, err)) == 0)
		r = sbx_quota_store(q, err);
	if (r == 0 && im->own > own)
		r = sbx_guard_mark(log, im->source != NULL ? im->source : "",
			err);
	if (r == 0 && im->late > late && im->resumed && im->source != NULL)
		r = sbx_missed_mark(log, im->source, err);
	sbx_quota_free(q);
	sbx_batch_empty(b);
	return r;
}

/* Commit, or undo it all; was: the counts when the transaction began. */
static int
settle(struct sbx_log *log, int r, const struct sbx_import *was,
	struct sbx_import *im, struct sbx_err *err)
{
	size_t refused = im->refused;

	if (r == 0)
		r = sbx_log_commit(log, err);
	else
		sbx_log_rollback(log);
	if (r != 0) {
		/* What is not in the journal is not counted as if it were. */
		*im = *was;
		im->refused = refused;
	} else if (im->progress != NULL) {
		im->progress(im->ctx);
	}
	return r;
}

int
sbx_import_batch(struct sbx_log *log, struct sbx_batch *b,
	struct sbx_import *im, int (*also)(void *ctx, struct sbx_err *err),
	void *ctx, struct sbx_err *err)
{
	struct sbx_import was = *im;
	int r;

	sbx_db_bulk(sbx_log_db(log));
	if ((r = sbx_log_begin(log, err)) != 0)
		return r;
	if ((r = add_batch(log, b, im, err)) == 0 && also != NULL)
		r = also(ctx, err);
	return settle(log, r, &was, im, err);
}

/* Fewer commits write the pages of the indices fewer times; what could keep
 * the lock waiting, a pipe or a socket, is committed batch by batch. */
static int
store(struct importer *x, struct sbx_batch *b, bool last, struct sbx_err *err)
{
	int r = SBX_OK;

	if (x->open == 0 && b->count == 0)
		return SBX_OK;
	if (x->open == 0) {
		x->was = *x->im;
		if ((r = sbx_log_begin(x->log, err)) != 0)
			return r;
	}
	x->open++;
	r = add_batch(x->log, b, x->im, err);
	if (r != 0 || last || x->open >= x->group) {
		x->open = 0;
		r = settle(x->log, r, &x->was, x->im, err);
	}
	return r;
}

/* Of a file the rest is there and need not be waited for. */
static int
group_of(int fd)
{
	struct stat st;

	return fstat(fd, &st) == 0 && S_ISREG(st.st_mode) ? GROUP : 1;
}

/* What was read before begins this stream: not looked at again.  Should it
 * turn out to be something else, the caller begins anew without. */
static int
pass_over(struct importer *x, const char *text, size_t len, bool *known,
	struct sbx_err *err)
{
	struct sbx_prefix *p = &x->now;

	*known = false;
	if (x->im->seen == NULL)
		return SBX_OK;
	sbx_prefix_add(p, text, len);
	*known = p->count <= x->im->seen->count;
	x->im->known += *known;
	if (p->count == x->im->seen->count &&
		memcmp(p->hash, x->im->seen->hash, sizeof(p->hash)) != 0) {
		x->im->changed = true;
		return sbx_err_set(err, SBX_E_INPUT,
			"it does not begin as it did before");
	}
	return SBX_OK;
}

/* Read items until the batch is full or the stream ends. */
static int
fill(struct importer *x, struct sbx_batch *b, struct sbx_err *err)
{
	struct sbx_err why = { 0 };
	const char *text = NULL;
	size_t len = 0;
	struct sbx_item *it;
	int r = SBX_OK;
	bool known;

	while (!x->end && !sbx_batch_full(b)) {
		r = sbx_feed_next(x->feed, &text, &len, &why);
		x->end = (r != 1 && r != SBX_E_INPUT) || sbx_feed_broken(x->feed);
		if (r != 1 && r != SBX_E_INPUT)
			break;
		if (r != 1) {
			text = "";
			len = 0;
		}
		if (pass_over(x, text, len, &known, err) != 0)
			return SBX_E_INPUT;
		if (known)
			continue;
		it = sbx_batch_add(b, sbx_feed_number(x->feed), text, len);
		if (r != 1)
			sbx_batch_refuse(it, &why);
	}
	if (r == 0 || r == 1 || r == SBX_E_INPUT)
		return SBX_OK;
	if (err != NULL)
		*err = why;
	return r;
}

/* Other threads judge the batches behind the one that is stored: as many that
 * they have work while this thread waits for the disk.  A stream that breaks
 * off leaves what it brought until then: it is judged like the rest. */
static int
import_all(struct importer *x, struct sbx_err *err)
{
	int broken = SBX_OK, stored = SBX_OK;
	size_t first = 0, judging = 0;
	struct sbx_batch *b;

	do {
		for (; judging < RING && !x->end && broken == 0 && stored == 0;
			judging++) {
			b = x->ring[(first + judging) % RING];
			broken = fill(x, b, err);
			sbx_batch_start(b);
		}
		b = x->ring[first++ % RING];
		sbx_batch_end(b);
		judging--;
		if (stored == 0)
			stored = store(x, b, judging == 0,
				broken == 0 ? err : NULL);
	} while (judging > 0);
	return broken != 0 ? broken : stored;
}

int
sbx_import_fd(struct sbx_log *log, int fd, struct sbx_import *im,
	struct sbx_err *err)
{
	struct importer x = { .log = log, .im = im, .group = group_of(fd) };
	int r;

	im->changed = false;
	sbx_db_bulk(sbx_log_db(log));
	for (size_t i = 0; i < RING; i++)
		x.ring[i] = sbx_batch_new();
	if ((r = sbx_feed_open(fd, &x.feed, err)) == 0)
		r = import_all(&x, err);
	if (r == 0 && im->seen != NULL && x.now.count < im->seen->count) {
		im->changed = true;
		r = sbx_err_set(err, SBX_E_INPUT, "shorter than it was before");
	}
	if (r == 0 && im->seen != NULL)
		*im->seen = x.now;
	sbx_feed_free(x.feed);
	for (size_t i = 0; i < RING; i++)
		sbx_batch_free(x.ring[i]);
	return r;
}
