/* SPDX-License-Identifier: Apache-2.0 */
#include <sodium.h>

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/base.h"
#include "json/json.h"
#include "crypto/crypto.h"
#include "suite.h"

#define MOST 64

static unsigned char leaves[MOST + 1][SBX_HASH_BYTES];
static struct sbx_err err;

static void
setup(void)
{
	unsigned char i;

	for (i = 0; i <= MOST; i++)
		sbx_tree_leaf(leaves[i], &i, 1);
}

/* RFC 9162, 2.1.1, word for word: the slow way to the same roots. */
static void
naive(size_t start, size_t end, unsigned char *out)
{
	unsigned char l[SBX_HASH_BYTES], r[SBX_HASH_BYTES];
	size_t k = 1;

	if (start == end) {
		crypto_hash_sha256(out, NULL, 0);
	} else if (end - start == 1) {
		memcpy(out, leaves[start], SBX_HASH_BYTES);
	} else {
		while (k * 2 < end - start)
			k *= 2;
		naive(start, start + k, l);
		naive(start + k, end, r);
		sbx_tree_node(out, l, r);
	}
}

static int
from_leaves(void *ctx, unsigned height, uint64_t n, unsigned char *out,
	struct sbx_err *e)
{
	const size_t *size = ctx;

	/* only what is full at this size may be asked for */
	if (((n + 1) << height) > *size)
		return sbx_err_set(e, SBX_E_SYS, "asked past the end");
	naive(n << height, (n + 1) << height, out);
	return 0;
}

START_TEST(hashes_are_those_of_the_rfc)
{
	/* RFC 6962 reference data: the empty tree, and the leaf of no bytes */
	static const char *const want[] = {
		"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b"
		"855",
		"6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa"
		"01d",
	};
	struct sbx_tree t = { 0 };
	unsigned char h[SBX_HASH_BYTES];
	char hex[2 * SBX_HASH_BYTES + 1];

	sbx_tree_root(&t, h);
	sbx_hex_write(hex, h, sizeof(h));
	ck_assert_str_eq(hex, want[0]);
	sbx_tree_leaf(h, "", 0);
	sbx_hex_write(hex, h, sizeof(h));
	ck_assert_str_eq(hex, want[1]);
}
END_TEST

START_TEST(growing_gives_the_naive_root_at_every_size)
{
	struct sbx_tree t = { 0 };
	unsigned char got[SBX_HASH_BYTES], want[SBX_HASH_BYTES];
	size_t n;

	for (n = 0; n <= MOST; n++) {
		struct sbx_tree_source src = { from_leaves, &n };

		naive(0, n, want);
		sbx_tree_root(&t, got);
		ck_assert_mem_eq(got, want, sizeof(got));
		ck_assert_int_eq(sbx_tree_root_at(&src, n, got, &err), 0);
		ck_assert_mem_eq(got, want, sizeof(got));
		sbx_tree_add(&t, leaves[n]);
	}
}
END_TEST

/* Who doubles an odd one gives two logs one root (CVE-2012-2459): the older
 * root does, and is never what decides. */
START_TEST(no_log_shares_its_root_with_one_that_repeats_its_end)
{
	unsigned char root[SBX_HASH_BYTES], again[SBX_HASH_BYTES];
	struct sbx_oldtree ot, more;
	struct sbx_tree t, longer;

	memset(&t, 0, sizeof(t));
	for (size_t size = 1; size <= MOST; size++) {
		sbx_tree_add(&t, leaves[size - 1]);
		sbx_tree_root(&t, root);
		for (size_t repeat = 1; repeat <= size; repeat++) {
			longer = t;
			for (size_t i = size - repeat; i < size; i++)
				sbx_tree_add(&longer, leaves[i]);
			sbx_tree_root(&longer, again);
			ck_assert(memcmp(root, again, sizeof(root)) != 0);
		}
	}
	memset(&ot, 0, sizeof(ot));
	for (size_t i = 0; i < 3; i++)
		sbx_oldtree_add(&ot, leaves[i]);
	more = ot;
	sbx_oldtree_add(&more, leaves[2]);
	sbx_oldtree_root(&ot, root);
	sbx_oldtree_root(&more, again);
	ck_assert_mem_eq(root, again, sizeof(root));
}
END_TEST

/* A node is no leaf: 0x01 and 0x00 come first (cf. CVE-2017-12842). */
START_TEST(no_log_of_nodes_has_the_root_of_one_of_entries)
{
	unsigned char root[SBX_HASH_BYTES], again[SBX_HASH_BYTES];
	unsigned char pair[2 * SBX_HASH_BYTES], half[2][SBX_HASH_BYTES];
	struct sbx_tree t, inner;

	memset(&t, 0, sizeof(t));
	memset(&inner, 0, sizeof(inner));
	for (size_t i = 0; i < 4; i++)
		sbx_tree_add(&t, leaves[i]);
	sbx_tree_root(&t, root);
	for (size_t i = 0; i < 2; i++) {
		sbx_tree_node(half[i], leaves[2 * i], leaves[2 * i + 1]);
		memcpy(pair, leaves[2 * i], SBX_HASH_BYTES);
		memcpy(pair + SBX_HASH_BYTES, leaves[2 * i + 1], SBX_HASH_BYTES);
		sbx_tree_leaf(again, pair, sizeof(pair));
		ck_assert(memcmp(again, half[i], sizeof(again)) != 0);
		sbx_tree_add(&inner, again);
	}
	sbx_tree_root(&inner, again);
	ck_assert(memcmp(root, again, sizeof(root)) != 0);
	memset(&inner, 0, sizeof(inner));
	for (size_t i = 0; i < 2; i++) {
		sbx_tree_leaf(again, half[i], SBX_HASH_BYTES);
		sbx_tree_add(&inner, again);
	}
	sbx_tree_root(&inner, again);
	ck_assert(memcmp(root, again, sizeof(root)) != 0);
}
END_TEST

START_TEST(a_fold_is_the_root_of_a_full_subtree)
{
	unsigned char h[MOST][SBX_HASH_BYTES], got[SBX_HASH_BYTES],
		want[SBX_HASH_BYTES];
	size_t n;

	for (n = 1; n <= MOST; n *= 2) {
		memcpy(h, leaves, sizeof(h));
		sbx_tree_fold(got, h, n);
		naive(0, n, want);
		ck_assert_mem_eq(got, want, sizeof(got));
	}
}
END_TEST

/* In a small tree every bit of the proof, in a larger one a few of each. */
static size_t
step(size_t n)
{
	return n <= 12 ? 1 : 61;
}

START_TEST(every_inclusion_proof_holds_and_no_changed_one)
{
	unsigned char root[SBX_HASH_BYTES], leaf[SBX_HASH_BYTES];
	size_t n = (size_t)_i, i, j, bit;
	struct sbx_tree_source src = { from_leaves, &n };
	struct sbx_proof p = { 0 };

	naive(0, n, root);
	for (i = 0; i < n; i++) {
		ck_assert_int_eq(sbx_tree_prove(&src, i, n, &p, &err), 0);
		ck_assert(sbx_tree_check(&p, i, n, leaves[i], root));
		for (j = 0; j <= n + 1; j++) {
			ck_assert(j == i ||
				  !sbx_tree_check(&p, j, n, leaves[i], root));
			ck_assert(j == i || j > MOST ||
				  !sbx_tree_check(&p, i, n, leaves[j], root));
		}
		for (bit = 0; bit < p.count * 256; bit += step(n)) {
			p.hash[bit / 256][bit % 256 / 8] ^= 1U << bit % 8;
			ck_assert(!sbx_tree_check(&p, i, n, leaves[i], root));
			p.hash[bit / 256][bit % 256 / 8] ^= 1U << bit % 8;
		}
		for (bit = 0; bit < 256; bit += step(n)) {
			memcpy(leaf, leaves[i], sizeof(leaf));
			leaf[bit / 8] ^= 1U << bit % 8;
			ck_assert(!sbx_tree_check(&p, i, n, leaf, root));
			root[bit / 8] ^= 1U << bit % 8;
			ck_assert(!sbx_tree_check(&p, i, n, leaves[i], root));
			root[bit / 8] ^= 1U << bit % 8;
		}
		p.count++;
		ck_assert(!sbx_tree_check(&p, i, n, leaves[i], root));
		p.count -= 2;
		if (n > 1)
			ck_assert(!sbx_tree_check(&p, i, n, leaves[i], root));
	}
	ck_assert_int_eq(sbx_tree_prove(&src, n, n, &p, &err), SBX_E_USAGE);
}
END_TEST

START_TEST(every_consistency_proof_holds_and_no_changed_one)
{
	unsigned char root[SBX_HASH_BYTES], old[SBX_HASH_BYTES];
	size_t n = (size_t)_i, m, j, bit;
	struct sbx_tree_source src = { from_leaves, &n };
	struct sbx_proof p = { 0 };

	naive(0, n, root);
	for (m = 1; m <= n; m++) {
		naive(0, m, old);
		ck_assert_int_eq(sbx_tree_prove_from(&src, m, n, &p, &err), 0);
		ck_assert(sbx_tree_check_from(&p, m, old, n, root));
		ck_assert(m == n || p.count > 0);
		for (j = 0; j <= n + 1; j++)
			ck_assert(j == m ||
				  !sbx_tree_check_from(&p, j, old, n, root));
		for (bit = 0; bit < p.count * 256; bit += step(n)) {
			p.hash[bit / 256][bit % 256 / 8] ^= 1U << bit % 8;
			ck_assert(!sbx_tree_check_from(&p, m, old, n, root));
			p.hash[bit / 256][bit % 256 / 8] ^= 1U << bit % 8;
		}
		for (bit = 0; bit < 256; bit += step(n)) {
			old[bit / 8] ^= 1U << bit % 8;
			ck_assert(!sbx_tree_check_from(&p, m, old, n, root));
			old[bit / 8] ^= 1U << bit % 8;
			root[bit / 8] ^= 1U << bit % 8;
			ck_assert(!sbx_tree_check_from(&p, m, old, n, root));
			root[bit / 8] ^= 1U << bit % 8;
		}
		p.count++;
		ck_assert(!sbx_tree_check_from(&p, m, old, n, root));
		p.count -= 2;
		if (m < n)
			ck_assert(!sbx_tree_check_from(&p, m, old, n, root));
	}
	ck_assert_int_eq(
		sbx_tree_prove_from(&src, 0, n, &p, &err), SBX_E_USAGE);
	ck_assert_int_eq(
		sbx_tree_prove_from(&src, n + 1, n, &p, &err), SBX_E_USAGE);
}
END_TEST

START_TEST(the_empty_tree_is_in_every_tree)
{
	struct sbx_proof p = { 0 };
	unsigned char none[SBX_HASH_BYTES], root[SBX_HASH_BYTES];

	naive(0, 0, none);
	naive(0, 5, root);
	ck_assert(sbx_tree_check_from(&p, 0, none, 5, root));
	ck_assert(!sbx_tree_check_from(&p, 0, root, 5, root));
	ck_assert(!sbx_tree_check(&p, 0, 0, none, none));
	p.count = 1;
	ck_assert(!sbx_tree_check_from(&p, 0, none, 5, root));
	/* A tree does not go on from a larger one. */
	for (p.count = 0; p.count < 4; p.count++)
		for (uint64_t from = 6; from < 12; from++)
			ck_assert(!sbx_tree_check_from(&p, from, root, 5, root));
}
END_TEST

START_TEST(a_size_has_one_spelling)
{
	static const char *const bad[] = { "", "00", "01", "-1", "+1", " 1", "1 ",
		"1\n", "0x1", "1e3", "576460752303423489", "9223372036854775808",
		"18446744073709551616", "00000000000000000000001",
		"000000000000000000000001", "0000000000000000000000001",
		"99999999999999999999999999999999" };
	uint64_t n = 7;

	ck_assert(sbx_tree_number(&n, "0", 1) && n == 0);
	ck_assert(sbx_tree_number(&n, "10x", 2) && n == 10);
	ck_assert(sbx_tree_number(&n, "576460752303423488", 18) &&
		n == SBX_MAX_TREE);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		ck_assert_msg(!sbx_tree_number(&n, bad[i], strlen(bad[i])), "%s",
			bad[i]);
	ck_assert(!sbx_tree_number(&n, "1\0", 2));
}
END_TEST

/* All leaves alike: the root of a full subtree depends on its height only. */
static int
all_alike(void *ctx, unsigned height, uint64_t n, unsigned char *out,
	struct sbx_err *e)
{
	(void)ctx;
	(void)n;
	(void)e;
	for (memcpy(out, leaves[0], SBX_HASH_BYTES); height > 0; height--)
		sbx_tree_node(out, out, out);
	return 0;
}

START_TEST(the_largest_tree_has_proofs_too)
{
	static const uint64_t sizes[] = { SBX_MAX_TREE, SBX_MAX_TREE - 1,
		SBX_MAX_TREE / 2 + 1 };
	struct sbx_tree_source src = { all_alike, NULL };
	unsigned char root[SBX_HASH_BYTES], old[SBX_HASH_BYTES];
	struct sbx_proof p;
	uint64_t n = sizes[_i];

	ck_assert_int_eq(sbx_tree_root_at(&src, n, root, &err), 0);
	ck_assert_int_eq(sbx_tree_root_at(&src, n / 3, old, &err), 0);
	ck_assert_int_eq(sbx_tree_prove(&src, n / 3, n, &p, &err), 0);
	ck_assert(sbx_tree_check(&p, n / 3, n, leaves[0], root));
	ck_assert_int_eq(sbx_tree_prove_from(&src, n / 3, n, &p, &err), 0);
	ck_assert(sbx_tree_check_from(&p, n / 3, old, n, root));
	ck_assert_int_eq(sbx_tree_prove(&src, 1, SBX_MAX_TREE + 1, &p, &err),
		SBX_E_USAGE);
	p.count = SBX_MAX_PROOF + 1;
	ck_assert(!sbx_tree_check(&p, n / 3, n, leaves[0], root));
}
END_TEST

static void
naive_old(unsigned char (*row)[SBX_HASH_BYTES], size_t n, unsigned char *out)
{
	size_t i;

	memset(out, 0, SBX_HASH_BYTES);
	for (; n > 1; n = (n + 1) / 2) {
		if (n % 2)
			memcpy(row[n], row[n - 1], SBX_HASH_BYTES);
		for (i = 0; i < (n + 1) / 2; i++)
			sbx_hash_b2(out, row[2 * i], 2 * SBX_HASH_BYTES),
				memcpy(row[i], out, SBX_HASH_BYTES);
	}
	if (n == 1)
		memcpy(out, row[0], SBX_HASH_BYTES);
}

START_TEST(the_older_root_is_right_at_every_size)
{
	unsigned char row[MOST + 2][SBX_HASH_BYTES], got[SBX_HASH_BYTES],
		want[SBX_HASH_BYTES];
	struct sbx_oldtree t = { 0 };
	size_t n;

	for (n = 0; n <= MOST; n++) {
		memcpy(row, leaves, sizeof(leaves));
		naive_old(row, n, want);
		sbx_oldtree_root(&t, got);
		ck_assert_mem_eq(got, want, sizeof(got));
		sbx_oldtree_add(&t, leaves[n]);
	}
}
END_TEST

static void
hex_is(const unsigned char *hash, const struct sbx_json *want)
{
	char hex[2 * SBX_HASH_BYTES + 1];

	sbx_hex_write(hex, hash, SBX_HASH_BYTES);
	ck_assert_str_eq(hex, want->text);
}

START_TEST(frozen_roots_are_met_at_every_size)
{
	struct sbx_json_limits wide = { SIZE_MAX, 64, SIZE_MAX };
	struct sbx_buf text = SBX_BUF(4u << 20);
	const struct sbx_json *world, *e, *root, *old;
	struct sbx_oldtree ot = { 0 };
	struct sbx_tree t = { 0 };
	unsigned char h[SBX_HASH_BYTES];
	struct sbx_doc *doc;

	if (access("../shared/vectors/gondwana/world.json", R_OK) != 0)
		return; /* not here */
	ck_assert_int_eq(sbx_io_read("../shared/vectors/gondwana/world.json", 0,
				 &text, &err),
		0);
	ck_assert_int_eq(
		sbx_json_parse(text.data, text.len, &wide, &doc, &err), 0);
	world = sbx_doc_root(doc);
	root = sbx_json_get(world, "rfc6962_sha256_roots")->child;
	old = sbx_json_get(world, "legacy_roots")->child;
	e = sbx_json_get(world, "entries")->child;
	for (;; e = e->next, root = root->next, old = old->next) {
		sbx_tree_root(&t, h);
		hex_is(h, root);
		sbx_oldtree_root(&ot, h);
		hex_is(h, old);
		if (e == NULL)
			break;
		sbx_tree_leaf(h, sbx_json_str(e, "line"),
			sbx_json_get(e, "line")->len);
		sbx_tree_add(&t, h);
		ck_assert(sbx_hex_parse(h, sizeof(h),
			sbx_json_str(e, "entry_hash"), 2 * sizeof(h)));
		sbx_oldtree_add(&ot, h);
	}
	ck_assert_uint_eq(t.size, 26);
	sbx_doc_free(doc);
	sbx_buf_free(&text);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("tree");
	TCase *t = tcase_create("tree");

	suite_add_tcase(s, t);
	tcase_add_checked_fixture(t, setup, NULL);
	tcase_add_test(t, hashes_are_those_of_the_rfc);
	tcase_add_test(t, growing_gives_the_naive_root_at_every_size);
	tcase_add_test(t, a_fold_is_the_root_of_a_full_subtree);
	tcase_add_test(t, no_log_shares_its_root_with_one_that_repeats_its_end);
	tcase_add_test(t, no_log_of_nodes_has_the_root_of_one_of_entries);
	tcase_add_loop_test(
		t, every_inclusion_proof_holds_and_no_changed_one, 1, MOST + 1);
	tcase_add_loop_test(t, every_consistency_proof_holds_and_no_changed_one,
		1, MOST + 1);
	tcase_add_test(t, the_empty_tree_is_in_every_tree);
	tcase_add_test(t, a_size_has_one_spelling);
	tcase_add_loop_test(t, the_largest_tree_has_proofs_too, 0, 3);
	tcase_add_test(t, the_older_root_is_right_at_every_size);
	tcase_add_test(t, frozen_roots_are_met_at_every_size);
	return finish_suite(s);
}
