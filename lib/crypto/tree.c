/* SPDX-License-Identifier: Apache-2.0 */
#include <nettle/sha2.h>
#include <string.h>

#include "base/base.h"
#include "crypto/crypto.h"

/* Different first bytes, so that no node can be passed off as a leaf. */
void
sbx_tree_leaf(
	unsigned char out[static SBX_HASH_BYTES], const void *data, size_t len)
{
	struct sha256_ctx st;

	sha256_init(&st);
	sha256_update(&st, 1, (const unsigned char *)"\0");
	sha256_update(&st, len, data);
	sha256_digest(&st, SBX_HASH_BYTES, out);
}

void
sbx_tree_node(unsigned char out[static SBX_HASH_BYTES],
	const unsigned char left[static SBX_HASH_BYTES],
	const unsigned char right[static SBX_HASH_BYTES])
{
	struct sha256_ctx st;

	sha256_init(&st);
	sha256_update(&st, 1, (const unsigned char *)"\1");
	sha256_update(&st, SBX_HASH_BYTES, left);
	sha256_update(&st, SBX_HASH_BYTES, right);
	sha256_digest(&st, SBX_HASH_BYTES, out);
}

void
sbx_tree_fold(unsigned char out[static SBX_HASH_BYTES],
	unsigned char (*hashes)[SBX_HASH_BYTES], size_t count)
{
	size_t i;

	for (; count > 1; count /= 2)
		for (i = 0; i < count / 2; i++)
			sbx_tree_node(
				hashes[i], hashes[2 * i], hashes[2 * i + 1]);
	memcpy(out, hashes[0], SBX_HASH_BYTES);
}

unsigned
sbx_tree_grow(struct sbx_tree *t,
	const unsigned char leaf[static SBX_HASH_BYTES],
	unsigned char (*full)[SBX_HASH_BYTES])
{
	unsigned char h[SBX_HASH_BYTES];
	unsigned i;

	memcpy(h, leaf, sizeof(h));
	for (i = 0; t->size >> i & 1; i++) {
		sbx_tree_node(h, t->peak[i], h);
		if (full != NULL)
			memcpy(full[i + 1], h, sizeof(h));
	}
	memcpy(t->peak[i], h, sizeof(h));
	t->size++;
	return i;
}

void
sbx_tree_add(
	struct sbx_tree *t, const unsigned char leaf[static SBX_HASH_BYTES])
{
	sbx_tree_grow(t, leaf, NULL);
}

void
sbx_tree_root(
	const struct sbx_tree *t, unsigned char out[static SBX_HASH_BYTES])
{
	bool any = false;
	unsigned i;

	sbx_hash_sha256(out, "", 0);
	for (i = 0; i < 64; i++) {
		if ((t->size >> i & 1) == 0)
			continue;
		if (any)
			sbx_tree_node(out, t->peak[i], out);
		else
			memcpy(out, t->peak[i], SBX_HASH_BYTES);
		any = true;
	}
}

bool
sbx_tree_number(uint64_t *n, const char *text, size_t len)
{
	char digits[24] = "";
	int64_t v;

	if (len >= sizeof(digits))
		return false;
	memcpy(digits, text, len);
	if (strlen(digits) != len ||
		!sbx_num_parse(&v, digits, 0, (int64_t)SBX_MAX_TREE))
		return false;
	*n = (uint64_t)v;
	return true;
}

/* log2 of the largest power of two below n, where a tree of n > 1 splits. */
static unsigned
split(uint64_t n)
{
	return 63 - (unsigned)__builtin_clzll(n - 1);
}

/* The root of the leaves start..end, start being where a subtree begins. */
static int
range(const struct sbx_tree_source *src, uint64_t start, uint64_t end,
	unsigned char out[static SBX_HASH_BYTES], struct sbx_err *err)
{
	unsigned char left[SBX_HASH_BYTES];
	unsigned h = end - start > 1 ? split(end - start) : 0;
	int r;

	if (end - start == 1)
		return src->hash(src->ctx, 0, start, out, err);
	if (end - start == UINT64_C(2) << h)
		return src->hash(src->ctx, h + 1, start >> (h + 1), out, err);
	if ((r = src->hash(src->ctx, h, start >> h, left, err)) != 0 ||
		(r = range(src, start + (UINT64_C(1) << h), end, out, err)) !=
			0)
		return r;
	sbx_tree_node(out, left, out);
	return 0;
}

int
sbx_tree_root_at(const struct sbx_tree_source *src, uint64_t size,
	unsigned char out[static SBX_HASH_BYTES], struct sbx_err *err)
{
	if (size > SBX_MAX_TREE)
		return sbx_err_set(err, SBX_E_USAGE, "tree too large");
	if (size > 0)
		return range(src, 0, size, out, err);
	sbx_hash_sha256(out, "", 0);
	return 0;
}

/*
 * From the whole tree down towards the end of leaf x - 1, noting the sibling
 * left aside at each split: down to that leaf alone, or only until what is
 * left ends with it (RFC 9162, 2.1.3.1 and 2.1.4.1).
 */
static int
walk(const struct sbx_tree_source *src, uint64_t x, bool leaf, uint64_t size,
	struct sbx_proof *proof, struct sbx_err *err)
{
	unsigned char path[SBX_MAX_PROOF][SBX_HASH_BYTES];
	uint64_t start = 0, end = size, k;
	size_t i, n = 0;
	int r = 0;

	while (leaf ? end - start > 1 : end != x) {
		k = start + (UINT64_C(1) << split(end - start));
		if (x <= k) {
			r = range(src, k, end, path[n++], err);
			end = k;
		} else {
			r = range(src, start, k, path[n++], err);
			start = k;
		}
		if (r != 0)
			return r;
	}
	/* the older root is known, and so this part of it, only from leaf 0 */
	if (!leaf && start > 0 &&
		(r = range(src, start, end, path[n++], err)) != 0)
		return r;
	for (i = 0; i < n; i++)
		memcpy(proof->hash[i], path[n - 1 - i], SBX_HASH_BYTES);
	proof->count = n;
	return 0;
}

int
sbx_tree_prove(const struct sbx_tree_source *src, uint64_t index, uint64_t size,
	struct sbx_proof *proof, struct sbx_err *err)
{
	if (index >= size || size > SBX_MAX_TREE)
		return sbx_err_set(err, SBX_E_USAGE,
			"no leaf %ju in a tree of %ju", (uintmax_t)index,
			(uintmax_t)size);
	return walk(src, index + 1, true, size, proof, err);
}

int
sbx_tree_prove_from(const struct sbx_tree_source *src, uint64_t from,
	uint64_t size, struct sbx_proof *proof, struct sbx_err *err)
{
	if (from == 0 || from > size || size > SBX_MAX_TREE)
		return sbx_err_set(err, SBX_E_USAGE,
			"no tree of %ju in a tree of %ju", (uintmax_t)from,
			(uintmax_t)size);
	return walk(src, from, false, size, proof, err);
}

static bool
same(const unsigned char *a, const unsigned char *b)
{
	return memcmp(a, b, SBX_HASH_BYTES) == 0;
}

/* RFC 9162, 2.1.3.2: fn and sn are the places, in the row reached, of the
 * node on the way up and of the row's last node. */
bool
sbx_tree_check(const struct sbx_proof *proof, uint64_t index, uint64_t size,
	const unsigned char leaf[static SBX_HASH_BYTES],
	const unsigned char root[static SBX_HASH_BYTES])
{
	unsigned char h[SBX_HASH_BYTES];
	uint64_t fn = index, sn = size - 1;
	size_t i;

	if (index >= size || proof->count > SBX_MAX_PROOF)
		return false;
	memcpy(h, leaf, sizeof(h));
	for (i = 0; i < proof->count; i++, fn >>= 1, sn >>= 1) {
		if (sn == 0)
			return false;
		if ((fn & 1) == 0 && fn != sn) {
			sbx_tree_node(h, h, proof->hash[i]);
			continue;
		}
		sbx_tree_node(h, proof->hash[i], h);
		for (; (fn & 1) == 0 && fn != 0; fn >>= 1)
			sn >>= 1;
	}
	return sn == 0 && same(h, root);
}

/* RFC 9162, 2.1.4.2 */
bool
sbx_tree_check_from(const struct sbx_proof *proof, uint64_t from,
	const unsigned char fromroot[static SBX_HASH_BYTES], uint64_t size,
	const unsigned char root[static SBX_HASH_BYTES])
{
	unsigned char fr[SBX_HASH_BYTES], sr[SBX_HASH_BYTES];
	uint64_t fn = from - 1, sn = size - 1;
	size_t i = 0;

	if (from > size || proof->count > SBX_MAX_PROOF)
		return false;
	if (from == 0) {
		sbx_hash_sha256(fr, "", 0);
		return proof->count == 0 && same(fr, fromroot);
	}
	if (from == size)
		return proof->count == 0 && same(fromroot, root);
	if (proof->count == 0)
		return false;
	for (; fn & 1; fn >>= 1)
		sn >>= 1;
	/* a full older tree is itself where the way up begins */
	memcpy(fr, fn == 0 ? fromroot : proof->hash[i++], sizeof(fr));
	memcpy(sr, fr, sizeof(sr));
	for (; i < proof->count; i++, fn >>= 1, sn >>= 1) {
		if (sn == 0)
			return false;
		if ((fn & 1) == 0 && fn != sn) {
			sbx_tree_node(sr, sr, proof->hash[i]);
			continue;
		}
		sbx_tree_node(fr, proof->hash[i], fr);
		sbx_tree_node(sr, proof->hash[i], sr);
		for (; (fn & 1) == 0 && fn != 0; fn >>= 1)
			sn >>= 1;
	}
	return sn == 0 && same(fr, fromroot) && same(sr, root);
}

static void
old_node(unsigned char *out, const unsigned char *left,
	const unsigned char *right)
{
	unsigned char both[2 * SBX_HASH_BYTES];

	memcpy(both, left, SBX_HASH_BYTES);
	memcpy(both + SBX_HASH_BYTES, right, SBX_HASH_BYTES);
	sbx_hash_b2(out, both, sizeof(both));
}

void
sbx_oldtree_add(
	struct sbx_oldtree *t, const unsigned char hash[static SBX_HASH_BYTES])
{
	unsigned char h[SBX_HASH_BYTES];
	unsigned i;

	memcpy(h, hash, sizeof(h));
	for (i = 0; t->size >> i & 1; i++)
		old_node(h, t->peak[i], h);
	memcpy(t->peak[i], h, sizeof(h));
	t->size++;
}

/* Up row by row; out, once there is one, is the row's last node, made of less
 * than a full subtree. */
void
sbx_oldtree_root(
	const struct sbx_oldtree *t, unsigned char out[static SBX_HASH_BYTES])
{
	uint64_t full = t->size; /* subtrees in this row */
	bool any = false;
	unsigned i;

	memset(out, 0, SBX_HASH_BYTES);
	for (i = 0; full > 0; i++, full >>= 1) {
		if (!any && full == 1)
			memcpy(out, t->peak[i], SBX_HASH_BYTES);
		else if (full & 1)
			old_node(out, t->peak[i], any ? out : t->peak[i]);
		else if (any)
			old_node(out, out, out);
		any = any || (full & 1);
	}
}
