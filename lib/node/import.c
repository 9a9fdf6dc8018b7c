/* SPDX-License-Identifier: Apache-2.0 */
/* A batch is read first, judged on all cores next, and only then does a
 * transaction open: a slow peer never holds the journal's lock. */
#include <string.h>
#include <sys/stat.h>

#include "base/base.h"
#include "crypto/crypto.h"
#include "record/record.h"
#include "ledger/ledger.h"
#include "node/node.h"
#include "node/store.h"
#include "ledger/db.h"

#define GROUP 32 /* batches of a file that share a commit */
#define MUCH  16 /* of these that are worth one of their own */

struct importer {
	struct sbx_log *log;
	struct sbx_feed *feed;
	struct sbx_import *im;
	struct sbx_batches *batches;
	struct sbx_store store;
	int group; /* batches to a commit: one, unless a file is read */
	int open;  /* batches in the transaction; 0: there is none */
	struct sbx_prefix now;
	bool end;  /* all is read; */
	bool rest; /* and much of it has had its commit */
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

/* Fewer commits write the pages of the indices fewer times; what could keep
 * the lock waiting, a pipe or a socket, is committed batch by batch.  When all
 * is read, what is stored, if it is much, goes to the disk while the other
 * threads judge the rest, which is little and shares the last one. */
static bool
due(const struct importer *x)
{
	return !x->rest && x->open >= (x->end ? MUCH : x->group);
}

static int
store(struct importer *x, struct sbx_batch *b, bool last, struct sbx_err *err)
{
	int r = SBX_OK;

	if (x->open == 0 && b->count == 0)
		return SBX_OK;
	if (x->open == 0 &&
		(r = sbx_store_begin(&x->store, x->log, x->im, err)) != 0)
		return r;
	x->open++;
	r = sbx_store_add(&x->store, b, err);
	if (r != 0 || last || due(x)) {
		x->rest = x->end;
		x->open = 0;
		r = sbx_store_end(&x->store, r, err);
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
	struct sbx_batch *b;

	do {
		while (!x->end && broken == 0 && stored == 0 &&
			(b = sbx_batches_filling(x->batches)) != NULL) {
			broken = fill(x, b, err);
			sbx_batches_judge(x->batches);
		}
		b = sbx_batches_judged(x->batches);
		if (stored == 0)
			stored = store(x, b,
				sbx_batches_judging(x->batches) == 0,
				broken == 0 ? err : NULL);
	} while (sbx_batches_judging(x->batches) > 0);
	return broken != 0 ? broken : stored;
}

int
sbx_import_fd(struct sbx_log *log, int fd, struct sbx_import *im,
	struct sbx_err *err)
{
	struct importer x = { .log = log, .im = im, .group = group_of(fd) };
	int r;

	im->changed = false;
	x.batches = sbx_batches_new(SBX_BATCH);
	if ((r = sbx_feed_open(fd, &x.feed, err)) == 0)
		r = import_all(&x, err);
	if (r == 0 && im->seen != NULL && x.now.count < im->seen->count) {
		im->changed = true;
		r = sbx_err_set(err, SBX_E_INPUT, "shorter than it was before");
	}
	if (r == 0 && im->seen != NULL)
		*im->seen = x.now;
	sbx_feed_free(x.feed);
	sbx_batches_free(x.batches);
	return r;
}

int
sbx_import_deferred(const struct sbx_import *im, struct sbx_err *err)
{
	int64_t minutes = (im->ahead - sbx_clock_now()) / (60 * SBX_SECOND);

	if (im->held == 0)
		return SBX_OK;
	sbx_err_set(err, SBX_E_NO, "%zu %s dated up to %lld min ahead of this "
		"clock, and held until then", im->held,
		im->held == 1 ? "entry is" : "entries are",
		(long long)minutes + 1);
	sbx_err_hint(err, "is it this clock that is wrong?  date -u");
	return SBX_E_NO;
}
