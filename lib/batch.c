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

struct sbx_item *
sbx_batch_add(struct sbx_batch *b, size_t number, const char *text, size_t len)
{
	struct sbx_item *it = &b->items[b->count++];

	if (len > SBX_BATCH_LINE)
		len = SBX_BATCH_LINE;
	it->number = number;
	it->text = memcpy(b->text + b->bytes, text, len);
	it->len = len;
	b->bytes += len;
	b->text[b->bytes++] = '\0';
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

/* What a row gives must be what it is made of, to the byte. */
static int
check_row(const struct sbx_item *it, struct sbx_err *err)
{
	struct sbx_buf line = SBX_BUF(SBX_MAX_LINE);
	bool same;

	sbx_entry_line(it->e, &line);
	same = line.len == it->len && memcmp(line.data, it->text, it->len) == 0;
	sbx_buf_free(&line);
	if (!same)
		return sbx_err_set(err, SBX_E_NO, "not in canonical form");
	if (memcmp(it->e->id, it->id, SBX_HASH_BYTES) != 0)
		return sbx_err_set(err, SBX_E_NO,
			"the payload's hash does not match");
	return SBX_OK;
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
	if (sbx_entry_parse(it->text, it->len, &it->e, &err) != 0 ||
		(!it->e->keyless && sbx_entry_verify(it->e, &err) != 0) ||
		(it->row && check_row(it, &err) != 0))
		sbx_batch_refuse(it, &err);
	else if (!it->e->keyless)
		sbx_entry_shrink(it->e);
}

void
sbx_batch_start(struct sbx_batch *b)
{
	sbx_work_start(&b->work, b->count, GRAIN, judge, b);
}

void
sbx_batch_end(struct sbx_batch *b)
{
	sbx_work_end(&b->work);
}

void
sbx_batch_cut(struct sbx_batch *b, size_t count)
{
	struct sbx_item *it;

	while (b->count > count) {
		it = &b->items[--b->count];
		b->bytes -= it->len + 1;
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
