/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "base/base.h"
#include "crypto/crypto.h"
#include "suite.h"

static struct sbx_err err;

static const struct {
	struct sbx_tile tile;
	const char *path;
} paths[] = {
	{ { 0, 0, 256 }, "tile/0/000" },
	{ { 0, 0, 1 }, "tile/0/000.p/1" },
	{ { 63, 999, 255 }, "tile/63/999.p/255" },
	{ { 1, 1000, 256 }, "tile/1/x001/000" },
	/* the example of c2sp.org/tlog-tiles */
	{ { 10, 1234067, 256 }, "tile/10/x001/x234/067" },
	{ { SBX_TILE_ENTRIES, 1234067, 8 }, "tile/entries/x001/x234/067.p/8" },
	{ { SBX_TILE_ENTRIES, 0, 256 }, "tile/entries/000" },
	{ { 0, UINT64_C(999999999999999999), 256 },
		"tile/0/x999/x999/x999/x999/x999/999" },
};

START_TEST(a_path_is_that_of_the_specification)
{
	char path[SBX_TILE_PATH];

	sbx_tile_path(&paths[_i].tile, path);
	ck_assert_str_eq(path, paths[_i].path);
}
END_TEST

static int
add_path(void *ctx, const struct sbx_tile *t, struct sbx_err *e)
{
	char path[SBX_TILE_PATH];

	(void)e;
	sbx_tile_path(t, path);
	sbx_buf_fmt(ctx, "%s ", path + strlen("tile/"));
	return 0;
}

static const struct {
	uint64_t old, size;
	const char *want;
} grown[] = {
	{ 0, 0, "" },
	{ 0, 1, "entries/000.p/1 0/000.p/1 " },
	{ 1, 1, "" },
	{ 1, 255, "entries/000.p/255 0/000.p/255 " },
	{ 255, 256, "entries/000 0/000 1/000.p/1 " },
	{ 256, 256, "" },
	{ 256, 257, "entries/001.p/1 0/001.p/1 " },
	{ 256, 512, "entries/001 0/001 1/000.p/2 " },
	{ 65535, 65536, "entries/255 0/255 1/000 2/000.p/1 " },
	/* the example of c2sp.org/tlog-tiles, from all but the last entry */
	{ 69999, 70000, "entries/273.p/112 0/273.p/112 " },
	{ 69800, 70000,
		"entries/272 entries/273.p/112 0/272 0/273.p/112 1/001.p/17 " },
	{ 65000, 66000,
		"entries/253 entries/254 entries/255 entries/256 "
		"entries/257.p/208 0/253 0/254 0/255 0/256 0/257.p/208 1/000 "
		"1/001.p/1 2/000.p/1 " },
};

START_TEST(growing_touches_only_what_is_new)
{
	struct sbx_buf b = SBX_BUF(4096);

	ck_assert_int_eq(sbx_tile_each(grown[_i].old, grown[_i].size, add_path,
				 &b, &err),
		0);
	ck_assert_str_eq(sbx_buf_text(&b), grown[_i].want);
	sbx_buf_free(&b);
}
END_TEST

static int
stop(void *ctx, const struct sbx_tile *t, struct sbx_err *e)
{
	(void)t;
	(void)e;
	return ++*(int *)ctx == 2 ? SBX_E_SYS : 0;
}

START_TEST(a_failure_ends_the_walk)
{
	int calls = 0;

	ck_assert_int_eq(
		sbx_tile_each(0, 70000, stop, &calls, &err), SBX_E_SYS);
	ck_assert_int_eq(calls, 2);
	ck_assert_int_eq(sbx_tile_each(0, SBX_MAX_TREE + 1, stop, &calls, &err),
		SBX_E_USAGE);
}
END_TEST

START_TEST(a_bundle_gives_back_its_entries)
{
	struct sbx_buf b = SBX_BUF(100000);
	char *big = sbx_mem_alloc(UINT16_MAX + 1, 1);
	struct sbx_bundle in;
	const char *entry;
	size_t len, cut;
	int n;

	ck_assert(sbx_bundle_add(&b, "", 0));
	ck_assert(sbx_bundle_add(&b, "abc", 3));
	ck_assert_mem_eq(b.data, "\0\0\0\3abc", 7);
	ck_assert(sbx_bundle_add(&b, big, UINT16_MAX));
	ck_assert(!sbx_bundle_add(&b, big, UINT16_MAX + 1));
	ck_assert(!sbx_bundle_add(&b, big, UINT16_MAX)); /* full */
	ck_assert_uint_eq(b.len, 2 + 5 + 2 + UINT16_MAX);
	in = (struct sbx_bundle){ b.data, b.len, 0 };
	ck_assert_int_eq(sbx_bundle_next(&in, &entry, &len, &err), 1);
	ck_assert_uint_eq(len, 0);
	ck_assert_int_eq(sbx_bundle_next(&in, &entry, &len, &err), 1);
	ck_assert(len == 3 && memcmp(entry, "abc", 3) == 0);
	ck_assert_int_eq(sbx_bundle_next(&in, &entry, &len, &err), 1);
	ck_assert_uint_eq(len, UINT16_MAX);
	ck_assert_int_eq(sbx_bundle_next(&in, &entry, &len, &err), 0);
	for (cut = 0; cut < 12; cut++) {
		in = (struct sbx_bundle){ b.data, cut, 0 };
		for (n = 0; sbx_bundle_next(&in, &entry, &len, &err) == 1; n++)
			;
		ck_assert_int_eq(n, (cut >= 2) + (cut >= 7));
		ck_assert_int_eq(sbx_bundle_next(&in, &entry, &len, &err),
			cut == 0 || cut == 2 || cut == 7 ? 0 : SBX_E_INPUT);
	}
	free(big);
	sbx_buf_free(&b);
}
END_TEST

#define LOOP(t, fn, list)                                                      \
	tcase_add_loop_test(t, fn, 0, sizeof(list) / sizeof((list)[0]))

int
main(void)
{
	Suite *s = suite_create("tile");
	TCase *t = tcase_create("tile");

	suite_add_tcase(s, t);
	LOOP(t, a_path_is_that_of_the_specification, paths);
	LOOP(t, growing_touches_only_what_is_new, grown);
	tcase_add_test(t, a_failure_ends_the_walk);
	tcase_add_test(t, a_bundle_gives_back_its_entries);
	return finish_suite(s);
}
