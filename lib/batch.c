/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "batch.h"

struct sbx_batch *
sbx_batch_new(void)
{
	struct sbx_batch *b = sbx_mem_alloc(1, sizeof(*b));
	long cores = sysconf(_SC_NPROCESSORS_ONLN);

	b->threads = cores < 1		? 1 :
		cores > SBX_BATCH_THREADS ? SBX_BATCH_THREADS :
					    (size_t)cores;
	return b;
}

bool
sbx_batch_full(const struct sbx_batch *b)
{
	return b->count == SBX_BATCH || b->bytes >= SBX_BATCH_BYTES;
}

struct sbx_item *
sbx_batch_add(struct sbx_batch *b, size_t number, const char *text, size_t len)
{
	struct sbx_item *it = &b->items[b->count++];

	it->number = number;
	it->text = sbx_mem_text(text, len);
	it->len = len;
	b->bytes += len;
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

static void
judge(struct sbx_item *it)
{
	struct sbx_err err = { 0 };

	if (it->err != NULL)
		return;
	if (sbx_entry_parse(it->text, it->len, &it->e, &err) != 0 ||
		(!it->e->keyless && sbx_entry_verify(it->e, &err) != 0))
		sbx_batch_refuse(it, &err);
}

static void *
judge_share(void *arg)
{
	struct sbx_share *s = arg;

	for (size_t i = s->first; i < s->batch->count; i += s->batch->threads)
		judge(&s->batch->items[i]);
	return NULL;
}

/* A thread that cannot be had is work for this one. */
void
sbx_batch_start(struct sbx_batch *b)
{
	for (size_t t = 0; t < b->threads; t++)
		b->shares[t] = (struct sbx_share){ b, t };
	for (b->started = 0; b->count > 64 && b->started < b->threads; b->started++)
		if (pthread_create(&b->ids[b->started], NULL, judge_share,
			    &b->shares[b->started]) != 0)
			break;
}

void
sbx_batch_end(struct sbx_batch *b)
{
	for (size_t t = b->started; t < b->threads; t++)
		judge_share(&b->shares[t]);
	for (size_t t = 0; t < b->started; t++)
		pthread_join(b->ids[t], NULL);
}

void
sbx_batch_empty(struct sbx_batch *b)
{
	for (size_t i = 0; i < b->count; i++) {
		free(b->items[i].text);
		free(b->items[i].err);
		sbx_entry_free(b->items[i].e);
	}
	memset(b->items, 0, b->count * sizeof(b->items[0]));
	b->count = b->bytes = 0;
}

void
sbx_batch_free(struct sbx_batch *b)
{
	if (b == NULL)
		return;
	sbx_batch_empty(b);
	free(b);
}
