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
	size_t threads;
};

struct share {
	struct batch *batch;
	size_t first; /* this thread's items: first, first + threads, ... */
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

static void
judge_batch(struct batch *b)
{
	struct share shares[MAX_THREADS];
	pthread_t ids[MAX_THREADS];
	bool started[MAX_THREADS];

	for (size_t t = 0; t < b->threads; t++)
		shares[t] = (struct share){ b, t };
	/* A thread that cannot be had is work for this one. */
	for (size_t t = 1; t < b->threads; t++)
		started[t] = b->count > 64 && pthread_create(&ids[t], NULL,
						      judge_share, &shares[t]) == 0;
	judge_share(&shares[0]);
	for (size_t t = 1; t < b->threads; t++)
		if (started[t])
			pthread_join(ids[t], NULL);
		else
			judge_share(&shares[t]);
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
flush(struct sbx_log *log, struct batch *b, struct sbx_import *im,
	struct sbx_err *err)
{
	int r;

	if (b->count == 0)
		return SBX_OK;
	judge_batch(b);
	if ((r = sbx_log_begin(log, err)) != 0)
		return r;
	for (size_t i = 0; r == 0 && i < b->count; i++)
		r = add_item(log, &b->items[i], im, err);
	if (r == 0)
		r = sbx_log_commit(log, err);
	else
		sbx_log_rollback(log);
	empty(b);
	return r;
}

static int
import_all(struct sbx_log *log, struct sbx_feed *feed, struct batch *b,
	struct sbx_import *im, struct sbx_err *err)
{
	struct sbx_err why = { 0 };
	const char *text = NULL;
	size_t len = 0;
	int r;

	while ((r = sbx_feed_next(feed, &text, &len, &why)) != 0) {
		struct item *it = &b->items[b->count];

		if (r != 1 && r != SBX_E_INPUT)
			break;
		it->number = sbx_feed_number(feed);
		b->count++;
		if (r == SBX_E_INPUT) {
			refuse_item(it, &why);
		} else {
			it->text = sbx_mem_text(text, len);
			it->len = len;
			b->bytes += len;
		}
		if (sbx_feed_broken(feed))
			break;
		if ((b->count == BATCH || b->bytes >= BATCH_BYTES) &&
			(r = flush(log, b, im, err)) != 0)
			return r;
	}
	/* What a broken stream brought until then is good: keep it. */
	if (r == 0 || r == 1 || r == SBX_E_INPUT)
		return flush(log, b, im, err);
	flush(log, b, im, NULL);
	if (err != NULL)
		*err = why;
	return r;
}

int
sbx_import_fd(struct sbx_log *log, int fd, struct sbx_import *im,
	struct sbx_err *err)
{
	long cores = sysconf(_SC_NPROCESSORS_ONLN);
	struct sbx_feed *feed = NULL;
	struct batch *b;
	int r;

	if ((r = sbx_feed_open(fd, &feed, err)) != 0)
		return r;
	b = sbx_mem_alloc(1, sizeof(*b));
	b->threads = cores < 1 ? 1 : cores > MAX_THREADS ? MAX_THREADS :
							   (size_t)cores;
	r = import_all(log, feed, b, im, err);
	empty(b);
	free(b);
	sbx_feed_free(feed);
	return r;
}
