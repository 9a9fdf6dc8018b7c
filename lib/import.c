/* SPDX-License-Identifier: Apache-2.0 */
/* A batch is read first, judged on all cores next, and only then does a
 * transaction open: a slow peer never holds the journal's lock. */
#include "batch.h"
#include "db.h"

struct importer {
	struct sbx_log *log;
	struct sbx_feed *feed;
	struct sbx_import *im;
	struct sbx_batch *filling, *judging;
	bool end;
};

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
	struct sbx_err *err)
{
	enum sbx_log_how how = SBX_LOG_DUP;
	struct sbx_err why = { 0 };
	int r = SBX_OK;

	if (it->e != NULL && it->e->keyless) {
		find_key(log, it->e);
		r = sbx_entry_verify(it->e, &why);
	}
	if (it->e != NULL && r == 0 &&
		(r = sbx_log_add(log, it->e, &how, &why)) == 0) {
		im->added += how == SBX_LOG_NEW;
		im->known += how == SBX_LOG_DUP;
		im->held += how == SBX_LOG_HELD;
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

static int
store(struct importer *x, struct sbx_batch *b, struct sbx_err *err)
{
	struct sbx_import was = *x->im;
	int r;

	if (b->count == 0)
		return SBX_OK;
	if ((r = sbx_log_begin(x->log, err)) != 0)
		return r;
	for (size_t i = 0; r == 0 && i < b->count; i++)
		r = add_item(x->log, &b->items[i], x->im, err);
	if (r == 0)
		r = sbx_log_commit(x->log, err);
	else
		sbx_log_rollback(x->log);
	if (r != 0) {
		/* What is not in the journal is not counted as if it were. */
		was.refused = x->im->refused;
		*x->im = was;
	}
	sbx_batch_empty(b);
	return r;
}

/* Read items until the batch is full or the stream ends. */
static int
fill(struct importer *x, struct sbx_batch *b, struct sbx_err *err)
{
	struct sbx_err why = { 0 };
	const char *text = NULL;
	size_t len = 0;
	int r = SBX_OK;

	while (!x->end && !sbx_batch_full(b)) {
		r = sbx_feed_next(x->feed, &text, &len, &why);
		x->end = (r != 1 && r != SBX_E_INPUT) || sbx_feed_broken(x->feed);
		if (r != 1 && r != SBX_E_INPUT)
			break;
		if (r == 1)
			sbx_batch_add(b, sbx_feed_number(x->feed), text, len);
		else
			sbx_batch_refuse(sbx_batch_add(b,
						 sbx_feed_number(x->feed), "", 0),
				&why);
	}
	if (r == 0 || r == 1 || r == SBX_E_INPUT)
		return SBX_OK;
	if (err != NULL)
		*err = why;
	return r;
}

/* While one batch is judged by the other threads, this one stores the batch
 * before it and reads the next.  A stream that breaks off leaves what it
 * brought until then: it is judged like the rest. */
static int
import_all(struct importer *x, struct sbx_err *err)
{
	struct sbx_batch *b = x->filling;
	int r, stored, broken = fill(x, b, err);

	for (;;) {
		sbx_batch_start(b);
		stored = store(x, x->judging, broken == 0 ? err : NULL);
		r = stored == 0 && broken == 0 ? fill(x, x->judging, err) : SBX_OK;
		sbx_batch_end(b);
		if (stored != 0)
			return broken != 0 ? broken : stored;
		broken = broken != 0 ? broken : r;
		if (b->count == 0)
			return broken;
		b = x->judging;
		x->judging = x->filling;
		x->filling = b;
	}
}

int
sbx_import_fd(struct sbx_log *log, int fd, struct sbx_import *im,
	struct sbx_err *err)
{
	struct importer x = { .log = log, .im = im, .filling = sbx_batch_new(),
		.judging = sbx_batch_new() };
	int r;

	if ((r = sbx_feed_open(fd, &x.feed, err)) == 0)
		r = import_all(&x, err);
	sbx_feed_free(x.feed);
	sbx_batch_free(x.filling);
	sbx_batch_free(x.judging);
	return r;
}
