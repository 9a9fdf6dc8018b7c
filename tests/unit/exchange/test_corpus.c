/* SPDX-License-Identifier: Apache-2.0 */
/* What was worth keeping of fuzzing, through the same functions. */
#include <dirent.h>

#include "base/base.h"
#include "targets.h"
#include "suite.h"

START_TEST(each_file_of_the_corpus_ends_well)
{
	struct sbx_buf data = SBX_BUF(1u << 20);
	const struct target *t = &targets[_i];
	char path[512];
	struct dirent *e;
	size_t files = 0;
	DIR *d;

	sbx_clock_set(INT64_C(1782900000000000));
	snprintf(path, sizeof(path), "tests/fuzz/corpus/%s", t->name);
	d = opendir(path);
	ck_assert_msg(d != NULL, "no corpus of %s", t->name);
	while ((e = readdir(d)) != NULL) {
		if (e->d_name[0] == '.')
			continue;
		snprintf(path, sizeof(path), "tests/fuzz/corpus/%s/%s", t->name,
			e->d_name);
		sbx_buf_clear(&data);
		ck_assert_int_eq(sbx_io_read(path, 0, &data, NULL), 0);
		t->run(sbx_buf_text(&data), data.len);
		/* Cut short anywhere it is another input. */
		for (size_t n = 0; n < data.len; n += 1 + data.len / 16)
			t->run(data.data, n);
		files++;
	}
	closedir(d);
	sbx_buf_free(&data);
	ck_assert_uint_gt(files, 1);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("corpus");
	TCase *t = tcase_create("corpus");

	tcase_set_timeout(t, 60);
	tcase_add_loop_test(t, each_file_of_the_corpus_ends_well, 0, TARGETS);
	suite_add_tcase(s, t);
	return finish_suite(s);
}
