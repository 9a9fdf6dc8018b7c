/* SPDX-License-Identifier: Apache-2.0 */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/base.h"
#include "lend/lend.h"
#include "suite.h"

#define A "10.10.0.2"
#define B "10.10.0.3"

static char dir[64];

static void
setup(void)
{
	strcpy(dir, "/tmp/test_pause.XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(dir));
}

static void
teardown(void)
{
	char cmd[80];

	snprintf(cmd, sizeof(cmd), "rm -rf %s", dir);
	ck_assert_int_eq(system(cmd), 0);
}

START_TEST(a_pause_grows_with_each_bad_request_and_is_its_own_only)
{
	int64_t left = 0, before;
	int n = 0;

	ck_assert_int_eq(sbx_pause_left(dir, A), 0);
	while (left == 0 && n++ < 100) {
		ck_assert_int_eq(sbx_pause_add(dir, A, NULL), 0);
		left = sbx_pause_left(dir, A);
	}
	ck_assert_int_ge(n, 10); /* a slip or two costs nothing */
	ck_assert_int_lt(n, 50);
	for (before = left; before < 256; before = left) {
		ck_assert_int_eq(sbx_pause_add(dir, A, NULL), 0);
		left = sbx_pause_left(dir, A);
		ck_assert_int_ge(left, 2 * before - 1);
	}
	for (n = 0; n < 100; n++)
		ck_assert_int_eq(sbx_pause_add(dir, A, NULL), 0);
	ck_assert_int_le(sbx_pause_left(dir, A), 300);
	ck_assert_int_eq(sbx_pause_left(dir, B), 0);
}
END_TEST

/* However many ask badly, there are no more files than names of three hex
 * digits. */
START_TEST(the_store_is_bounded)
{
	char address[32];
	struct dirent *d;
	DIR *list;

	for (int i = 0; i < 200; i++) {
		snprintf(address, sizeof(address), "10.10.%d.%d", i / 16, i);
		ck_assert_int_eq(sbx_pause_add(dir, address, NULL), 0);
	}
	ck_assert_ptr_nonnull(list = opendir(dir));
	while ((d = readdir(list)) != NULL)
		ck_assert_msg(d->d_name[0] == '.' ||
				(strlen(d->d_name) == 3 &&
					strspn(d->d_name, "0123456789abcdef") == 3),
			"a file %s", d->d_name);
	closedir(list);
}
END_TEST

/* The one file of the store. */
static void
only_file(char path[static 400])
{
	DIR *list = opendir(dir);
	struct dirent *d;

	ck_assert_ptr_nonnull(list);
	while ((d = readdir(list)) != NULL)
		if (d->d_name[0] != '.')
			snprintf(path, 400, "%s/%s", dir, d->d_name);
	closedir(list);
}

START_TEST(what_is_in_a_file_that_is_none_of_ours_pauses_nobody)
{
	static const char *const text[] = { "", "x", "10.10.0.2 99", "\n",
		"10.10.0.2 99 99999999999999999\n", "10.10.0.2 -5 1\n",
		"10.10.0.3 99 1\n", "10.10.0.2 99 1 and more\n" };
	char path[400];
	FILE *f;

	ck_assert_int_eq(sbx_pause_add(dir, A, NULL), 0);
	only_file(path);
	for (size_t i = 0; i < sizeof(text) / sizeof(text[0]); i++) {
		ck_assert_ptr_nonnull(f = fopen(path, "w"));
		fputs(text[i], f);
		fclose(f);
		ck_assert_msg(sbx_pause_left(dir, A) == 0, "by \"%s\"", text[i]);
	}
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("pause");
	TCase *t = tcase_create("pause");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t,
		a_pause_grows_with_each_bad_request_and_is_its_own_only);
	tcase_add_test(t, the_store_is_bounded);
	tcase_add_test(t, what_is_in_a_file_that_is_none_of_ours_pauses_nobody);
	suite_add_tcase(s, t);
	return finish_suite(s);
}
