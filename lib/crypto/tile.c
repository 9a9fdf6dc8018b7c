/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "base/base.h"
#include "crypto/crypto.h"

void
sbx_tile_path(const struct sbx_tile *t, char out[static SBX_TILE_PATH])
{
	struct sbx_buf b = SBX_BUF(SBX_TILE_PATH - 1);
	uint64_t power = 1;

	if (t->level == SBX_TILE_ENTRIES)
		sbx_buf_str(&b, "tile/entries/");
	else
		sbx_buf_fmt(&b, "tile/%d/", t->level);
	while (t->n / power >= 1000)
		power *= 1000;
	for (; power > 1; power /= 1000)
		sbx_buf_fmt(&b, "x%03u/", (unsigned)(t->n / power % 1000));
	sbx_buf_fmt(&b, "%03u", (unsigned)(t->n % 1000));
	if (t->width < SBX_TILE_WIDTH)
		sbx_buf_fmt(&b, ".p/%u", t->width);
	memcpy(out, b.data, b.len + 1);
	sbx_buf_free(&b);
}

/* What is new in one level, where the trees have so many hashes. */
static int
each_in(int level, uint64_t old, uint64_t count,
	int (*fn)(void *ctx, const struct sbx_tile *t, struct sbx_err *err),
	void *ctx, struct sbx_err *err)
{
	uint64_t n, left;
	int r = 0;

	for (n = old / SBX_TILE_WIDTH; n * SBX_TILE_WIDTH < count && r == 0;
		n++) {
		struct sbx_tile t = { level, n, SBX_TILE_WIDTH };

		left = count - n * SBX_TILE_WIDTH;
		if (left < SBX_TILE_WIDTH)
			t.width = (unsigned)left;
		if (n * SBX_TILE_WIDTH + t.width > old)
			r = fn(ctx, &t, err);
	}
	return r;
}

int
sbx_tile_each(uint64_t old, uint64_t size,
	int (*fn)(void *ctx, const struct sbx_tile *t, struct sbx_err *err),
	void *ctx, struct sbx_err *err)
{
	int level, r;

	if (size > SBX_MAX_TREE)
		return sbx_err_set(err, SBX_E_USAGE, "tree too large");
	r = each_in(SBX_TILE_ENTRIES, old, size, fn, ctx, err);
	for (level = 0; r == 0 && size > 0; level++) {
		r = each_in(level, old, size, fn, ctx, err);
		old /= SBX_TILE_WIDTH;
		size /= SBX_TILE_WIDTH;
	}
	return r;
}

bool
sbx_bundle_add(struct sbx_buf *out, const void *entry, size_t len)
{
	unsigned char head[2] = { (unsigned char)(len >> 8),
		(unsigned char)len };

	if (len > UINT16_MAX || out->max - out->len < len + sizeof(head))
		return false;
	sbx_buf_add(out, head, sizeof(head));
	sbx_buf_add(out, entry, len);
	return !out->over;
}

int
sbx_bundle_next(struct sbx_bundle *b, const char **entry, size_t *len,
	struct sbx_err *err)
{
	const unsigned char *p = (const unsigned char *)b->data + b->at;
	size_t left = b->len - b->at, n;

	if (left == 0)
		return 0;
	n = left >= 2 ? (size_t)p[0] << 8 | p[1] : 0;
	if (left < 2 || left - 2 < n)
		return sbx_err_set(
			err, SBX_E_INPUT, "bundle that ends within an entry");
	*entry = b->data + b->at + 2;
	*len = n;
	b->at += 2 + n;
	return 1;
}
