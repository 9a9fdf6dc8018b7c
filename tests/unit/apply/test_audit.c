/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <signal.h>
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
	a.fd = a.memory = -1;
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
	return sbx_audit_verify(path, lines, &err);
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

static void
open_log(void)
{
	ck_assert_msg(sbx_audit_open(path, &a, &err) == 0, "%s", err.text);
}

static void
rotate(const char *to)
{
	char name[160];

	snprintf(name, sizeof(name), "%s%s", path, to);
	sbx_audit_close(&a);
	ck_assert_int_eq(rename(path, name), 0);
	open_log();
}

/* By how much of the end is cut: all but a line, all, the file itself; and
 * however many lines were written since. */
START_TEST(a_cut_end_is_seen_then_and_after_more_lines)
{
	int64_t one;
	size_t lines;

	open_log();
	ck_assert_int_eq(add("one"), 0);
	one = a.size;
	ck_assert_int_eq(add("two"), 0);
	sbx_audit_close(&a);
	ck_assert_int_eq(check(&lines), 0);
	if (_i == 0)
		spoil("", one, true);
	else if (_i == 1)
		spoil("", 0, true);
	else
		unlink(path);
	ck_assert_int_ne(check(&lines), SBX_OK);
	for (int i = 0; i < 3; i++) {
		open_log();
		ck_assert_int_eq(add("more"), 0);
		sbx_audit_close(&a);
		ck_assert_msg(check(&lines) == SBX_E_NO,
			"forgotten after %d lines more", i + 1);
	}
}
END_TEST

START_TEST(a_rotated_log_is_one_chain)
{
	char first[160];
	size_t lines;

	open_log();
	ck_assert_int_eq(add("one"), 0);
	rotate(".2");
	ck_assert_msg(check(&lines) == 0, "%s", err.text);
	ck_assert_int_eq(add("two"), 0);
	ck_assert_int_eq(add("three"), 0);
	rotate(".1");
	ck_assert_int_eq(add("four"), 0);
	ck_assert_msg(check(&lines) == 0, "%s", err.text);
	ck_assert_uint_eq(lines, 4);
	/* The oldest goes by its age; one in the middle is missed. */
	snprintf(first, sizeof(first), "%s.2", path);
	ck_assert_int_eq(unlink(first), 0);
	ck_assert_msg(check(&lines) == 0, "%s", err.text);
	rotate(".0");
	ck_assert_int_eq(add("five"), 0);
	ck_assert_msg(check(&lines) == 0, "%s", err.text);
	snprintf(first, sizeof(first), "%s.0", path);
	ck_assert_int_eq(unlink(first), 0);
	ck_assert_int_eq(check(&lines), SBX_E_NO);
}
END_TEST

START_TEST(killed_between_a_new_file_and_its_memory_is_no_fault)
{
	struct sbx_buf was = SBX_BUF(4096);
	char memory[160];
	size_t lines;

	snprintf(memory, sizeof(memory), "%s.head", path);
	open_log();
	ck_assert_int_eq(add("one"), 0);
	ck_assert_int_eq(sbx_io_read(memory, 0, &was, &err), 0);
	rotate(".1");
	ck_assert_int_eq(add("two"), 0);
	sbx_audit_close(&a);
	ck_assert_int_eq(
		sbx_io_save(memory, was.data, was.len, 0600, 0, &err), 0);
	ck_assert_msg(check(&lines) == 0, "%s", err.text);
	open_log();
	ck_assert_int_eq(add("three"), 0);
	ck_assert_msg(check(&lines) == 0, "%s", err.text);
	ck_assert_uint_eq(lines, 3);
	sbx_buf_free(&was);
}
END_TEST

/* Of every line, the last one too. */
START_TEST(any_changed_byte_is_seen)
{
	struct sbx_buf text = SBX_BUF(65536);
	char one[2] = "";
	size_t lines;

	open_log();
	ck_assert_int_eq(add("one"), 0);
	ck_assert_int_eq(add("two"), 0);
	ck_assert_int_eq(sbx_io_read(path, 0, &text, &err), 0);
	for (size_t i = 0; i < text.len; i++) {
		one[0] = text.data[i] ^ 1;
		spoil(one, (off_t)i, false);
		ck_assert_msg(check(&lines) == SBX_E_NO, "byte %zu", i);
		one[0] = text.data[i];
		spoil(one, (off_t)i, false);
	}
	ck_assert_int_eq(check(&lines), 0);
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

static int
act(const char *what, bool takes)
{
	struct sbx_doc *doc = sbx_doc_new();
	struct sbx_root root;
	int r;

	sbx_json_add_str(doc, sbx_doc_root(doc), "do", what);
	if ((r = sbx_root_open(&root, path, takes, &err)) == 0 &&
		(r = sbx_root_enter(&root, &err)) == 0)
		r = sbx_root_record(&root, doc, &err);
	sbx_root_close(&root);
	sbx_doc_free(doc);
	return r;
}

START_TEST(many_acts_take_turns)
{
	size_t lines;
	int i, j, status;

	for (i = 0; i < 8; i++)
		if (fork() == 0) {
			for (j = 0; j < 10; j++)
				if (act("x", i % 2 == 0) != 0)
					_exit(1);
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

/* In a child: keep the lock of the state, or of a kind, and never let go. */
static pid_t
hold(bool kind)
{
	struct sbx_root root;
	int up[2];
	char c;
	pid_t pid;

	ck_assert_int_eq(pipe(up), 0);
	if ((pid = fork()) == 0) {
		if (sbx_root_open(&root, path, false, &err) != 0 ||
			(kind ? sbx_root_kind(&root, "plain", &err)
			      : sbx_root_enter(&root, &err)) != 0 ||
			write(up[1], "x", 1) != 1)
			_exit(1);
		raise(SIGSTOP);
		pause();
		_exit(1);
	}
	ck_assert_int_eq(read(up[0], &c, 1), 1);
	close(up[0]);
	close(up[1]);
	return pid;
}

START_TEST(what_takes_away_ends_who_keeps_it_waiting)
{
	int64_t start = sbx_clock_boot(), took;
	struct sbx_root root;
	pid_t pid = hold(_i == 1);
	int status;

	ck_assert_int_eq(sbx_root_open(&root, path, true, &err), 0);
	ck_assert_int_eq(_i == 1 ? sbx_root_kind(&root, "plain", &err)
				 : sbx_root_enter(&root, &err),
		0);
	took = sbx_clock_boot() - start;
	ck_assert_msg(took < 3 * SBX_SECOND, "waited %lld us", (long long)took);
	sbx_root_close(&root);
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
}
END_TEST

START_TEST(no_signal_is_taken_from_open_to_close)
{
	static const int sent[] = { SIGTERM, SIGHUP, SIGINT, SIGQUIT, SIGTSTP,
		SIGTTOU, SIGTTIN, SIGALRM, SIGUSR1, SIGXCPU, SIGPIPE, SIGVTALRM };
	struct sbx_root root;
	int status;
	pid_t pid;

	if ((pid = fork()) == 0) {
		if (sbx_root_open(&root, path, false, &err) != 0)
			_exit(1);
		for (size_t i = 0; i < sizeof(sent) / sizeof(sent[0]); i++)
			raise(sent[i]);
		if (act("x", true) == 0) /* closes, and opens its own */
			_exit(2);
		_exit(3);
	}
	ck_assert_int_eq(waitpid(pid, &status, WUNTRACED), pid);
	ck_assert_msg(WIFEXITED(status) && WEXITSTATUS(status) == 2,
		"status %x", (unsigned)status);
}
END_TEST

START_TEST(without_a_record_only_taking_away_goes_on)
{
	struct sbx_root root;

	ck_assert_int_eq(act("x", false), 0);
	ck_assert_int_eq(chmod(path, 0666), 0);
	ck_assert_int_eq(act("x", false), SBX_E_NO);
	ck_assert_int_eq(sbx_root_open(&root, path, true, &err), 0);
	ck_assert_int_eq(sbx_root_enter(&root, &err), 0);
	sbx_root_close(&root);
	ck_assert_int_eq(act("x", true), SBX_E_SYS);
	ck_assert_ptr_nonnull(strstr(err.text, "cannot record"));
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
	tcase_add_loop_test(
		t, a_cut_end_is_seen_then_and_after_more_lines, 0, 3);
	tcase_add_test(t, a_rotated_log_is_one_chain);
	tcase_add_test(t, killed_between_a_new_file_and_its_memory_is_no_fault);
	tcase_add_test(t, any_changed_byte_is_seen);
	tcase_add_test(t, what_is_too_long_leaves_the_log_as_it_was);
	tcase_add_test(t, many_acts_take_turns);
	tcase_add_loop_test(t, what_takes_away_ends_who_keeps_it_waiting, 0, 2);
	tcase_add_test(t, no_signal_is_taken_from_open_to_close);
	tcase_add_test(t, without_a_record_only_taking_away_goes_on);
	tcase_add_test(t, only_a_file_of_our_own_is_written);
	suite_add_tcase(s, t);
	return finish_suite(s);
}
