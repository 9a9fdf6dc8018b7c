/* SPDX-License-Identifier: Apache-2.0 */
/* A batch is read first, judged on all cores next, and only then does a
 * transaction open: a slow peer never holds the journal's lock. */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "db.h"

#define BATCH 4096 /* entries a transaction */
#define BATCH_BYTES (8u << 20)
#define MAX_THREADS 16

struct item {
	size_t number;	       /* in the stream */
	char *text;
	size_t len;
	struct sbx_entry *e;   /* judged good, or waiting for its key */
	struct sbx_err *err;   /* why not */
};

struct batch {
	struct item items[BATCH];
	size_t count, bytes;
	size_t threads, started;
	pthread_t ids[MAX_THREADS];
	struct share {
		struct batch *batch;
		size_t first; /* its items: first, first + threads, ... */
	} shares[MAX_THREADS];
};

struct importer {
	struct sbx_log *log;
	struct sbx_feed *feed;
	struct sbx_import *im;
	struct batch *filling, *judging;
	bool end;
};

static void
refuse_item(struct item *it, const struct sbx_err *err)
{
	it->err = sbx_mem_alloc(1, sizeof(*err));
	*it->err = *err;
	sbx_entry_free(it->e);
	it->e = NULL;
}

static void
judge(struct item *it)
{
	struct sbx_err err = { 0 };

	if (it->err != NULL)
		return;
	if (sbx_entry_parse(it->text, it->len, &it->e, &err) != 0 ||
		(!it->e->keyless && sbx_entry_verify(it->e, &err) != 0))
		refuse_item(it, &err);
}

static void *
judge_share(void *arg)
{
	struct share *s = arg;

	for (size_t i = s->first; i < s->batch->count; i += s->batch->threads)
		judge(&s->batch->items[i]);
	return NULL;
}

/* A thread that cannot be had is work for this one. */
static void
judge_start(struct batch *b)
{
	for (size_t t = 0; t < b->threads; t++)
		b->shares[t] = (struct share){ b, t };
	for (b->started = 0; b->count > 64 && b->started < b->threads; b->started++)
		if (pthread_create(&b->ids[b->started], NULL, judge_share,
			    &b->shares[b->started]) != 0)
			break;
}

static void
judge_end(struct batch *b)
{
	for (size_t t = b->started; t < b->threads; t++)
		judge_share(&b->shares[t]);
	for (size_t t = 0; t < b->started; t++)
		pthread_join(b->ids[t], NULL);
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
		sqlite3_column_bytes(st, 0) == SBX_PUB_BYTES) {
		memcpy(e->pub, sqlite3_column_blob(st, 0), SBX_PUB_BYTES);
		e->keyless = false;
	}
	sqlite3_finalize(st);
}

static int
add_item(struct sbx_log *log, struct item *it, struct sbx_import *im,
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
		refuse_item(it, &why);
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

static void
empty(struct batch *b)
{
	for (size_t i = 0; i < b->count; i++) {
		free(b->items[i].text);
		free(b->items[i].err);
		sbx_entry_free(b->items[i].e);
	}
	memset(b->items, 0, b->count * sizeof(b->items[0]));
	b->count = b->bytes = 0;
}

static int
store(struct importer *x, struct batch *b, struct sbx_err *err)
{
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
	empty(b);
	return r;
}

/* Read items until the batch is full or the stream ends. */
static int
fill(struct importer *x, struct batch *b, struct sbx_err *err)
{
	struct sbx_err why = { 0 };
	const char *text = NULL;
	size_t len = 0;
	int r = SBX_OK;

	while (!x->end && b->count < BATCH && b->bytes < BATCH_BYTES) {
		struct item *it = &b->items[b->count];

		r = sbx_feed_next(x->feed, &text, &len, &why);
		x->end = (r != 1 && r != SBX_E_INPUT) || sbx_feed_broken(x->feed);
		if (r != 1 && r != SBX_E_INPUT)
			break;
		it->number = sbx_feed_number(x->feed);
		b->count++;
		if (r == SBX_E_INPUT) {
			refuse_item(it, &why);
			continue;
		}
		it->text = sbx_mem_text(text, len);
		it->len = len;
		b->bytes += len;
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
	struct batch *b = x->filling;
	int r, stored, broken = fill(x, b, err);

	for (;;) {
		judge_start(b);
		stored = store(x, x->judging, broken == 0 ? err : NULL);
		r = stored == 0 && broken == 0 ? fill(x, x->judging, err) : SBX_OK;
		judge_end(b);
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
	long cores = sysconf(_SC_NPROCESSORS_ONLN);
	struct batch *both = sbx_mem_alloc(2, sizeof(*both));
	struct importer x = { .log = log, .im = im, .filling = &both[0],
		.judging = &both[1] };
	int r;

	for (int i = 0; i < 2; i++)
		both[i].threads = cores < 1 ? 1 :
			cores > MAX_THREADS ? MAX_THREADS : (size_t)cores;
	if ((r = sbx_feed_open(fd, &x.feed, err)) == 0)
		r = import_all(&x, err);
	sbx_feed_free(x.feed);
	empty(&both[0]);
	empty(&both[1]);
	free(both);
	return r;
}
