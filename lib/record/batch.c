/* SPDX-License-Identifier: Apache-2.0 */
#include <malloc.h>
#include <stdlib.h>
#include <string.h>

#include "base/base.h"
#include "crypto/crypto.h"
#include "record/record.h"
#include "record/batch.h"

#define GRAIN 8 /* entries that a thread takes at once: half a millisecond */
#define RING  4 /* batches: those under way and the one that is filled */
#define KEPT  (2 << 20) /* bytes */

struct sbx_batches {
	struct sbx_crew *crew;
	struct sbx_batch *ring[RING];
	size_t first, judging; /* under way: so many from the first on */
};

struct sbx_batch *
sbx_batch_new(size_t most)
{
	struct sbx_batch *b = sbx_mem_alloc(1, sizeof(*b));

	b->most = most;
	return b;
}

bool
sbx_batch_full(const struct sbx_batch *b)
{
	return b->count == b->most || b->bytes >= SBX_BATCH_BYTES;
}

/* A copy with a NUL behind it, in the batch's memory. */
static const char *
keep(struct sbx_batch *b, const void *data, size_t len)
{
	char *copy = b->text + b->bytes;

	memcpy(copy, data, len);
	copy[len] = '\0';
	b->bytes += len + 1;
	return copy;
}

struct sbx_item *
sbx_batch_add(struct sbx_batch *b, size_t number, const char *text, size_t len)
{
	struct sbx_item *it = &b->items[b->count++];

	it->number = number;
	it->start = b->bytes;
	it->len = len < SBX_BATCH_LINE ? len : SBX_BATCH_LINE;
	it->text = keep(b, text, it->len);
	return it;
}

static const char *
keep_text(struct sbx_batch *b, const char *text, size_t most)
{
	return keep(b, text, strnlen(text, most));
}

/* What is cut is longer than what anything in the table is called. */
struct sbx_item *
sbx_batch_add_row(struct sbx_batch *b, const struct sbx_row *row)
{
	struct sbx_item *it = &b->items[b->count++];
	struct sbx_row *r = &it->row;
	size_t len = row->payloadlen;

	it->number = (size_t)row->seq;
	it->start = b->bytes;
	r->seq = row->seq;
	r->who = row->who;
	r->author = keep_text(b, row->author, SBX_DID_SIZE);
	r->op = keep_text(b, row->op, SBX_BATCH_WORD);
	r->type = keep_text(b, row->type, SBX_BATCH_WORD);
	r->pub = (const unsigned char *)keep(b, row->pub, SBX_PUB_BYTES);
	r->sig = (const unsigned char *)keep(b, row->sig, SBX_SIG_BYTES);
	r->id = (const unsigned char *)keep(b, row->id, SBX_HASH_BYTES);
	r->hash = (const unsigned char *)keep(b, row->hash, SBX_HASH_BYTES);
	r->payloadlen = len < SBX_BATCH_LINE ? len : SBX_BATCH_LINE;
	r->payload = keep(b, row->payload, r->payloadlen);
	return it;
}

void
sbx_batch_refuse(struct sbx_item *it, const struct sbx_err *err)
{
	it->err = sbx_mem_alloc(1, sizeof(*err));
	*it->err = *err;
	sbx_entry_free(it->e);
	it->e = NULL;
}

/* A row is what it is made of, to the byte: all else is compared by now. */
static int
check_row(const struct sbx_item *it, struct sbx_err *err)
{
	if (it->e->canonlen != it->row.payloadlen ||
		memcmp(it->e->canon, it->row.payload, it->e->canonlen) != 0)
		return sbx_err_set(err, SBX_E_NO, "not in canonical form");
	if (memcmp(it->e->id, it->row.id, SBX_HASH_BYTES) != 0)
		return sbx_err_set(err, SBX_E_NO,
			"the payload's hash does not match");
	return SBX_OK;
}

static void
read_item(struct sbx_item *it)
{
	struct sbx_err err = { 0 };
	int r;

	if (it->err != NULL)
		return;
	if (it->text != NULL)
		r = sbx_entry_parse(it->text, it->len, &it->e, &err);
	else if ((r = sbx_row_entry(&it->row, &it->e, &err)) == 0)
		r = check_row(it, &err);
	if (r != 0)
		sbx_batch_refuse(it, &err);
}

/* What is no longer needed goes at once: it is this thread's own memory, still
 * warm, and a batch stays small. */
static void
verify_item(struct sbx_item *it)
{
	struct sbx_err err = { 0 };

	if (it->err != NULL || it->e->keyless)
		return;
	if (sbx_entry_verify(it->e, &err) != 0)
		sbx_batch_refuse(it, &err);
	else
		sbx_entry_shrink(it->e);
}

/* So many are read, then verified: each is a program that fills the
 * processor's caches and would find them filled by the other. */
static void
judge(void *ctx, size_t from, size_t to)
{
	struct sbx_batch *b = ctx;

	for (size_t i = from; i < to; i++)
		read_item(&b->items[i]);
	for (size_t i = from; i < to; i++)
		verify_item(&b->items[i]);
}

void
sbx_batch_cut(struct sbx_batch *b, size_t count)
{
	struct sbx_item *it;

	while (b->count > count) {
		it = &b->items[--b->count];
		b->bytes = it->start;
		free(it->err);
		sbx_entry_free(it->e);
		*it = (struct sbx_item){ 0 };
	}
}

void
sbx_batch_empty(struct sbx_batch *b)
{
	sbx_batch_cut(b, 0);
}

void
sbx_batch_judge(struct sbx_batch *b)
{
	sbx_on_all_cores(b->count, GRAIN, judge, b);
}

void
sbx_batch_free(struct sbx_batch *b)
{
	sbx_batch_empty(b);
	free(b);
}

struct sbx_batches *
sbx_batches_new(size_t most)
{
	struct sbx_batches *bs = sbx_mem_alloc(1, sizeof(*bs));

	/* What a thread frees it will want again: given back to the system it
	 * would cost all threads a look at their memory's map. */
	mallopt(M_TRIM_THRESHOLD, KEPT);
	bs->crew = sbx_crew_new();
	for (size_t i = 0; i < RING; i++)
		bs->ring[i] = sbx_batch_new(most);
	return bs;
}

struct sbx_crew *
sbx_batches_crew(struct sbx_batches *bs)
{
	return bs->crew;
}

struct sbx_batch *
sbx_batches_filling(struct sbx_batches *bs)
{
	return bs->judging == RING ? NULL :
		bs->ring[(bs->first + bs->judging) % RING];
}

void
sbx_batches_judge(struct sbx_batches *bs)
{
	struct sbx_batch *b = sbx_batches_filling(bs);

	b->work = sbx_work_start(bs->crew, b->count, GRAIN, judge, b);
	bs->judging++;
}

size_t
sbx_batches_judging(const struct sbx_batches *bs)
{
	return bs->judging;
}

struct sbx_batch *
sbx_batches_judged(struct sbx_batches *bs)
{
	struct sbx_batch *b = bs->ring[bs->first];

	if (bs->judging == 0)
		return NULL;
	sbx_work_end(b->work);
	bs->first = (bs->first + 1) % RING;
	bs->judging--;
	return b;
}

void
sbx_batches_free(struct sbx_batches *bs)
{
	while (sbx_batches_judged(bs) != NULL)
		;
	sbx_crew_free(bs->crew);
	for (size_t i = 0; i < RING; i++)
		sbx_batch_free(bs->ring[i]);
	free(bs);
}
