/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "batch.h"

#define GRAIN 32 /* entries that are worth a thread */

struct sbx_batch *
sbx_batch_new(void)
{
	return sbx_mem_alloc(1, sizeof(struct sbx_batch));
}

bool
sbx_batch_full(const struct sbx_batch *b)
{
	return b->count == SBX_BATCH || b->bytes >= SBX_BATCH_BYTES;
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

static int
read_item(struct sbx_item *it, struct sbx_err *err)
{
	int r;

	if (it->text != NULL)
		return sbx_entry_parse(it->text, it->len, &it->e, err);
	if ((r = sbx_row_entry(&it->row, &it->e, err)) == 0)
		r = check_row(it, err);
	return r;
}

/* What is no longer needed goes at once: it is this thread's own memory, still
 * warm, and a batch stays small. */
static void
judge(void *ctx, size_t i)
{
	struct sbx_batch *b = ctx;
	struct sbx_item *it = &b->items[i];
	struct sbx_err err = { 0 };

	if (it->err != NULL)
		return;
	if (read_item(it, &err) != 0 ||
		(!it->e->keyless && sbx_entry_verify(it->e, &err) != 0))
		sbx_batch_refuse(it, &err);
	else if (!it->e->keyless)
		sbx_entry_shrink(it->e);
}

void
sbx_batch_start(struct sbx_batch *b)
{
	b->work = sbx_work_start(b->count, GRAIN, judge, b);
}

void
sbx_batch_end(struct sbx_batch *b)
{
	if (b->work != NULL)
		sbx_work_end(b->work);
	b->work = NULL;
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
sbx_batch_free(struct sbx_batch *b)
{
	if (b == NULL)
		return;
	sbx_batch_empty(b);
	free(b);
}
