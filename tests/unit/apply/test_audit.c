/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/base.h"
#include "json/json.h"
#include "system/system.h"
#include "crypto/crypto.h"
#include "apply/apply.h"
#include "suite.h"

static char dir[64], path[128];
static struct sbx_audit a;
static struct sbx_err err;

static void
fresh(void)
{
	strcpy(dir, "/tmp/sbx-audit.XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/log/audit.log", dir);
	memset(&err, 0, sizeof(err));
	a.fd = -1;
}

static void
done(void)
{
	const char *const argv[] = { "/bin/rm", "-rf", dir, NULL };
	const struct sbx_run run = { .argv = argv };

	sbx_audit_close(&a);
	sbx_run_ok(&run, NULL, NULL);
}

static int
add(const char *what)
{
	struct sbx_doc *doc = sbx_doc_new();
	int r;

	sbx_json_add_str(doc, sbx_doc_root(doc), "do", what);
	r = sbx_audit_add(&a, doc, &err);
	sbx_doc_free(doc);
	return r;
}

static void
spoil(const char *text, off_t at, bool cut)
{
	int fd = open(path, O_WRONLY);

	ck_assert_int_ge(fd, 0);
	if (cut)
		ck_assert_int_eq(ftruncate(fd, at), 0);
	ck_assert_int_eq(
		pwrite(fd, text, strlen(text), at), (ssize_t)strlen(text));
	close(fd);
}

static int
check(size_t *lines)
{
	static const unsigned char none[SBX_HASH_BYTES];

	return sbx_audit_check(path, 0, none, lines, &err);
}

START_TEST(each_line_names_the_one_before)
{
	unsigned char hash[SBX_HASH_BYTES], head[SBX_HASH_BYTES];
	struct sbx_buf text = SBX_BUF(65536);
	char hex[65] = "", *second;
	size_t lines;

	ck_assert_int_eq(sbx_audit_open(path, &a, &err), 0);
	ck_assert_int_eq(add("one"), 0);
	memcpy(head, a.head, sizeof(head));
	ck_assert_int_eq(add("two"), 0);
	ck_assert_int_eq(sbx_io_read(path, 0, &text, &err), 0);
	second = strchr(text.data, '\n') + 1;
	sbx_hash_b2(hash, text.data, (size_t)(second - 1 - text.data));
	ck_assert_mem_eq(hash, head, sizeof(hash));
	sbx_hex_write(hex, hash, sizeof(hash));
	ck_assert_ptr_nonnull(strstr(second, hex));
	ck_assert_ptr_nonnull(strstr(text.data, "\"prev\":\"0000000000"));
	ck_assert_int_eq(check(&lines), 0);
	ck_assert_uint_eq(lines, 2);
	sbx_buf_free(&text);
}
END_TEST

START_TEST(the_chain_goes_on_after_a_new_open_and_after_a_cut)
{
	size_t lines;

	ck_assert_int_eq(sbx_audit_open(path, &a, &err), 0);
	ck_assert_int_eq(add("one"), 0);
	sbx_audit_close(&a);
	ck_assert_int_eq(sbx_audit_open(path, &a, &err), 0);
	ck_assert_int_eq(add("two"), 0);
	spoil("{\"at\":\"20", a.size, false);
	sbx_audit_close(&a);
	ck_assert_int_eq(check(&lines), SBX_E_NO);
	ck_assert_ptr_nonnull(strstr(err.text, "line 3: cut short"));
	ck_assert_int_eq(sbx_audit_open(path, &a, &err), 0);
	ck_assert(a.torn);
	ck_assert_int_eq(add("three"), 0);
	ck_assert_int_eq(check(&lines), 0);
	ck_assert_uint_eq(lines, 4);
}
END_TEST

START_TEST(a_cut_end_is_seen_by_who_knows_the_head)
{
	unsigned char head[SBX_HASH_BYTES];
	int64_t one, size;
	size_t lines;

	ck_assert_int_eq(sbx_audit_open(path, &a, &err), 0);
	ck_assert_int_eq(add("one"), 0);
	one = a.size;
	ck_assert_int_eq(add("two"), 0);
	memcpy(head, a.head, sizeof(head));
	size = a.size;
	ck_assert_int_eq(sbx_audit_check(path, size, head, &lines, &err), 0);
	ck_assert_int_eq(add("three"), 0);
	ck_assert_int_eq(sbx_audit_check(path, size, head, &lines, &err), 0);
	spoil("", one, true);
	ck_assert_int_eq(check(&lines), 0);
	ck_assert_int_eq(
		sbx_audit_check(path, size, head, &lines, &err), SBX_E_NO);
	unlink(path);
	ck_assert_int_ne(
		sbx_audit_check(path, size, head, &lines, &err), SBX_OK);
}
END_TEST

/* Every byte of it, to every line but the last, whose successor is missing. */
START_TEST(any_changed_byte_is_seen)
{
	struct sbx_buf text = SBX_BUF(65536);
	unsigned char head[SBX_HASH_BYTES];
	char one[2] = "";
	int64_t size;
	size_t lines;

	ck_assert_int_eq(sbx_audit_open(path, &a, &err), 0);
	ck_assert_int_eq(add("one"), 0);
	ck_assert_int_eq(add("two"), 0);
	memcpy(head, a.head, sizeof(head));
	size = a.size;
	ck_assert_int_eq(sbx_io_read(path, 0, &text, &err), 0);
	for (size_t i = 0; i < text.len; i++) {
		one[0] = text.data[i] ^ 1;
		spoil(one, (off_t)i, false);
		ck_assert_msg(sbx_audit_check(path, size, head, &lines, &err) ==
				SBX_E_NO,
			"byte %zu", i);
		one[0] = text.data[i];
		spoil(one, (off_t)i, false);
	}
	ck_assert_int_eq(sbx_audit_check(path, size, head, &lines, &err), 0);
	sbx_buf_free(&text);
}
END_TEST

START_TEST(what_is_too_long_leaves_the_log_as_it_was)
{
	struct sbx_buf big = SBX_BUF(100000);
	int64_t size;
	size_t lines;

	ck_assert_int_eq(sbx_audit_open(path, &a, &err), 0);
	ck_assert_int_eq(add("one"), 0);
	size = a.size;
	while (big.len < 80000)
		sbx_buf_str(&big, "0123456789");
	ck_assert_int_eq(add(big.data), SBX_E_INPUT);
	ck_assert_int_eq(a.size, size);
	ck_assert_int_eq(add("two"), 0);
	ck_assert_int_eq(check(&lines), 0);
	ck_assert_uint_eq(lines, 2);
	sbx_buf_free(&big);
}
END_TEST

START_TEST(many_writers_take_turns)
{
	size_t lines;
	int i, j, status;

	for (i = 0; i < 8; i++)
		if (fork() == 0) {
			for (j = 0; j < 10; j++) {
				if (sbx_audit_open(path, &a, &err) != 0 ||
					add("x") != 0)
					_exit(1);
				sbx_audit_close(&a);
			}
			_exit(0);
		}
	for (i = 0; i < 8; i++) {
		ck_assert_int_gt(wait(&status), 0);
		ck_assert_int_eq(status, 0);
	}
	ck_assert_int_eq(check(&lines), 0);
	ck_assert_uint_eq(lines, 80);
}
END_TEST

START_TEST(a_log_moved_away_while_we_wait_is_not_written_to)
{
	char old[160];
	struct stat st;
	pid_t pid;
	int status;

	snprintf(old, sizeof(old), "%s.1", path);
	ck_assert_int_eq(sbx_audit_open(path, &a, &err), 0);
	if ((pid = fork()) == 0) {
		struct sbx_audit b;

		close(a.fd); /* or its lock would be ours too */
		if (sbx_audit_open(path, &b, &err) != 0)
			_exit(1);
		a = b;
		_exit(add("late") == 0 ? 0 : 1);
	}
	usleep(50000);
	ck_assert_int_eq(rename(path, old), 0);
	sbx_audit_close(&a);
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert_int_eq(status, 0);
	ck_assert_int_eq(stat(old, &st), 0);
	ck_assert_int_eq(st.st_size, 0);
	ck_assert_int_eq(stat(path, &st), 0);
	ck_assert_int_gt(st.st_size, 0);
}
END_TEST

START_TEST(only_a_file_of_our_own_is_written)
{
	char other[160];

	snprintf(other, sizeof(other), "%s/other", dir);
	ck_assert_int_eq(sbx_audit_open(path, &a, &err), 0);
	sbx_audit_close(&a);
	ck_assert_int_eq(link(path, other), 0);
	ck_assert_int_eq(sbx_audit_open(path, &a, &err), SBX_E_NO);
	unlink(other);
	ck_assert_int_eq(chmod(path, 0660), 0);
	ck_assert_int_eq(sbx_audit_open(path, &a, &err), SBX_E_NO);
	unlink(path);
	ck_assert_int_eq(mkfifo(path, 0600), 0);
	ck_assert_int_ne(sbx_audit_open(path, &a, &err), 0);
	unlink(path);
	ck_assert_int_eq(symlink(other, path), 0);
	ck_assert_int_ne(sbx_audit_open(path, &a, &err), 0);
	ck_assert_int_ne(access(other, F_OK), 0);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("audit");
	TCase *t = tcase_create("audit");

	tcase_add_checked_fixture(t, fresh, done);
	tcase_add_test(t, each_line_names_the_one_before);
	tcase_add_test(t, the_chain_goes_on_after_a_new_open_and_after_a_cut);
	tcase_add_test(t, a_cut_end_is_seen_by_who_knows_the_head);
	tcase_add_test(t, any_changed_byte_is_seen);
	tcase_add_test(t, what_is_too_long_leaves_the_log_as_it_was);
	tcase_add_test(t, many_writers_take_turns);
	tcase_add_test(t, a_log_moved_away_while_we_wait_is_not_written_to);
	tcase_add_test(t, only_a_file_of_our_own_is_written);
	suite_add_tcase(s, t);
	return finish_suite(s);
}
