/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "base/base.h"

/* Room for len more bytes and the final NUL, or over. */
static bool
reserve(struct sbx_buf *b, size_t len)
{
	size_t cap;

	if (b->over || len > b->max - b->len) {
		b->over = true;
		return false;
	}
	if (b->len + len < b->cap)
		return true;
	cap = b->cap > 0 ? b->cap : 1024; /* an entry, as a rule */
	while (cap <= b->len + len)
		cap *= 2;
	b->data = sbx_mem_grow(b->data, cap, 1);
	b->cap = cap;
	return true;
}

void
sbx_buf_add(struct sbx_buf *b, const void *data, size_t len)
{
	if (!reserve(b, len))
		return;
	if (len > 0)
		memcpy(b->data + b->len, data, len);
	b->len += len;
	b->data[b->len] = '\0';
}

void
sbx_buf_fmt(struct sbx_buf *b, const char *fmt, ...)
{
	va_list ap, again;
	int n;

	va_start(ap, fmt);
	va_copy(again, ap);
	n = vsnprintf(NULL, 0, fmt, ap);
	va_end(ap);
	if (n >= 0 && reserve(b, (size_t)n)) {
		vsnprintf(b->data + b->len, (size_t)n + 1, fmt, again);
		b->len += (size_t)n;
	}
	va_end(again);
}

void
sbx_buf_hex(struct sbx_buf *b, const void *data, size_t len)
{
	if (len > SIZE_MAX / 2 || !reserve(b, 2 * len)) {
		b->over = true;
		return;
	}
	sbx_hex_write(b->data + b->len, data, len);
	b->len += 2 * len;
}

const char *
sbx_buf_text(const struct sbx_buf *b)
{
	return b->data != NULL ? b->data : "";
}

void
sbx_buf_clear(struct sbx_buf *b)
{
	b->len = 0;
	b->over = false;
	if (b->data != NULL)
		b->data[0] = '\0';
}

void
sbx_buf_free(struct sbx_buf *b)
{
	if (b->data != NULL)
		explicit_bzero(b->data, b->cap);
	free(b->data);
	b->data = NULL;
	b->len = b->cap = 0;
	b->over = false;
}
