/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/base.h"
#include "system/system.h"
#include "suite.h"

static struct sbx_buf out, errout;
static struct sbx_err err;
static int status;

static void
fresh(void)
{
	out = errout = (struct sbx_buf)SBX_BUF(1 << 20);
	memset(&err, 0, sizeof(err));
	status = -1;
}

static void
done(void)
{
	sbx_buf_free(&out);
	sbx_buf_free(&errout);
}

static int
sh(const char *script, const char *in, int timeout)
{
	const char *const argv[] = { "/bin/sh", "-c", script, NULL };
	const struct sbx_run run = {
		.argv = argv,
		.in = in,
		.inlen = in != NULL ? strlen(in) : 0,
		.timeout = timeout,
	};

	return sbx_run(&run, &status, &out, &errout, &err);
}

/* Dead, or a zombie that a slow init has yet to reap. */
static bool
gone(pid_t pid)
{
	char name[64], text[256] = "";
	const char *state;
	FILE *f;

	snprintf(name, sizeof(name), "/proc/%d/stat", (int)pid);
	if ((f = fopen(name, "r")) == NULL)
		return true;
	if (fgets(text, sizeof(text), f) == NULL)
		text[0] = '\0';
	fclose(f);
	state = strrchr(text, ')');
	return state == NULL || strchr("ZX", state[2]) != NULL;
}

static bool
goes(pid_t pid)
{
	for (int i = 0; i < 100 && !gone(pid); i++)
		usleep(20000);
	return gone(pid);
}

/* By nobody, whose program becomes root's altogether, as sudo does: no signal
 * of nobody's reaches it.  Ends with 0 if it was not waited for. */
static void
run_as_nobody(const char *program)
{
	const char *const argv[] = { program, "--reuid=0", "--clear-groups",
		"/bin/sleep", "4", NULL };
	const struct sbx_run run = { .argv = argv, .timeout = 500 };
	int64_t from = sbx_clock_boot();
	int r;

	if (setresgid(65534, 65534, 65534) != 0 ||
		setresuid(65534, 65534, 65534) != 0)
		_exit(1);
	r = sbx_run(&run, &status, &out, &errout, &err);
	if (r != SBX_E_SYS || strstr(err.text, "took longer than 500 ms") == NULL)
		_exit(2);
	_exit(sbx_clock_boot() - from < 3 * SBX_SECOND ? 0 : 3);
}

START_TEST(a_program_that_cannot_be_ended_is_not_waited_for)
{
	char program[] = "/tmp/sbx-setpriv.XXXXXX", copy[160];
	int fd, ended = 0;
	pid_t pid;

	if (geteuid() != 0)
		return;
	fd = mkstemp(program);
	ck_assert_int_ge(fd, 0);
	close(fd);
	snprintf(copy, sizeof(copy), "cp /usr/bin/setpriv %s && chgrp 65534 %s "
		"&& chmod 4750 %s", program, program, program);
	ck_assert_int_eq(sh(copy, NULL, 0), 0);
	ck_assert_int_eq(status, 0);
	pid = fork();
	if (pid == 0)
		run_as_nobody(program);
	ck_assert_int_eq(waitpid(pid, &ended, 0), pid);
	unlink(program);
	ck_assert_msg(WIFEXITED(ended), "it was killed");
	ck_assert_int_ne(WEXITSTATUS(ended), 1);
	ck_assert_msg(WEXITSTATUS(ended) != 2, "no limit was told");
	ck_assert_msg(WEXITSTATUS(ended) == 0, "it was waited for to its end");
}
END_TEST

START_TEST(output_error_and_status_come_back)
{
	ck_assert_int_eq(sh("echo a; echo b >&2; exit 7", NULL, 0), 0);
	ck_assert_int_eq(status, 7);
	ck_assert_str_eq(sbx_buf_text(&out), "a\n");
	ck_assert_str_eq(sbx_buf_text(&errout), "b\n");
}
END_TEST

START_TEST(death_by_signal_is_128_and_its_number)
{
	ck_assert_int_eq(sh("kill -9 $$", NULL, 0), 0);
	ck_assert_int_eq(status, 128 + SIGKILL);
}
END_TEST

START_TEST(standard_input_is_given_or_empty)
{
	ck_assert_int_eq(sh("cat", "hello", 0), 0);
	ck_assert_str_eq(sbx_buf_text(&out), "hello");
	sbx_buf_clear(&out);
	ck_assert_int_eq(sh("cat", NULL, 0), 0);
	ck_assert_uint_eq(out.len, 0);
	/* Not reading it is no error, whatever its size. */
	ck_assert_int_eq(sh(":", "unread", 0), 0);
	ck_assert_int_eq(status, 0);
}
END_TEST

START_TEST(environment_is_exactly_the_fixed_list)
{
	const char *const argv[] = { "/usr/bin/env", NULL };
	const struct sbx_run run = { .argv = argv };

	setenv("LD_PRELOAD", "", 1);
	setenv("BASH_ENV", "/tmp/x", 1);
	setenv("WG_ENDPOINT_RESOLUTION_RETRIES", "infinity", 1);
	ck_assert_int_eq(sbx_run(&run, &status, &out, &errout, &err), 0);
	ck_assert_str_eq(sbx_buf_text(&out),
		"PATH=/usr/sbin:/usr/bin:/sbin:/bin\nLC_ALL=C\n");
}
END_TEST

START_TEST(no_descriptor_past_2_is_seen)
{
	const char *const argv[] = { "/bin/ls", "/proc/self/fd", NULL };
	const struct sbx_run run = { .argv = argv };
	int fds[50];

	for (int i = 0; i < 50; i++)
		fds[i] =
			open("/etc/shadow", O_RDONLY | (i & 1 ? O_CLOEXEC : 0));
	/* Without a shell between, which holds pipes; 3 is the directory. */
	ck_assert_int_eq(sbx_run(&run, &status, &out, &errout, &err), 0);
	ck_assert_str_eq(sbx_buf_text(&out), "0\n1\n2\n3\n");
	for (int i = 0; i < 50; i++)
		close(fds[i]);
}
END_TEST

/* The C library keeps 32 and 33 for itself and lets nobody set them: make(1)
 * may have us inherit them ignored. */
static bool
none(const char *mask)
{
	const char *at = strstr(sbx_buf_text(&out), mask);

	return at != NULL &&
	       (strtoull(at + strlen(mask), NULL, 16) & ~0x180000000ULL) == 0;
}

START_TEST(signals_are_reset_and_unblocked)
{
	const char *const argv[] = { "/bin/cat", "/proc/self/status", NULL };
	const struct sbx_run run = { .argv = argv };
	sigset_t all;

	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, NULL);
	signal(SIGPIPE, SIG_IGN);
	signal(SIGINT, SIG_IGN);
	/* Without a shell between, which blocks signals while it forks. */
	ck_assert_int_eq(sbx_run(&run, &status, &out, &errout, &err), 0);
	ck_assert(none("SigBlk:"));
	ck_assert(none("SigIgn:"));
	ck_assert(none("SigCgt:"));
	sigemptyset(&all);
	sigprocmask(SIG_SETMASK, &all, NULL);
	signal(SIGPIPE, SIG_DFL);
	signal(SIGINT, SIG_DFL);
}
END_TEST

START_TEST(it_runs_in_the_root_directory)
{
	ck_assert_int_eq(sh("pwd", NULL, 0), 0);
	ck_assert_str_eq(sbx_buf_text(&out), "/\n");
}
END_TEST

START_TEST(a_name_without_a_path_is_refused)
{
	const char *const argv[] = { "sh", "-c", ":", NULL };
	const struct sbx_run run = { .argv = argv };

	ck_assert_int_eq(sbx_run(&run, &status, NULL, NULL, &err), SBX_E_USAGE);
}
END_TEST

START_TEST(what_is_missing_is_named)
{
	const char *const argv[] = { "/nowhere/x", NULL };
	const struct sbx_run run = { .argv = argv };

	ck_assert_int_eq(sbx_run(&run, &status, NULL, NULL, &err), SBX_E_SYS);
	ck_assert_str_eq(err.text,
		"/nowhere/x: cannot be started: No such file or directory");
}
END_TEST

START_TEST(a_program_that_hangs_is_killed_with_its_children)
{
	int64_t t = sbx_clock_boot();
	pid_t left;

	ck_assert_int_eq(sh("sleep 60 & echo $!; wait", NULL, 200), SBX_E_SYS);
	ck_assert(strstr(err.text, "longer than 200 ms") != NULL);
	ck_assert_int_lt(sbx_clock_boot() - t, 5000000);
	left = (pid_t)atoi(sbx_buf_text(&out));
	ck_assert_int_gt(left, 1);
	ck_assert(goes(left));
}
END_TEST

START_TEST(a_child_left_behind_dies_and_is_not_waited_for)
{
	int64_t t = sbx_clock_boot();
	pid_t left;

	ck_assert_int_eq(sh("sleep 60 & echo $!", NULL, 5000), 0);
	ck_assert_int_lt(sbx_clock_boot() - t, 4000000);
	left = (pid_t)atoi(sbx_buf_text(&out));
	ck_assert_int_gt(left, 1);
	ck_assert(goes(left));
}
END_TEST

START_TEST(a_daemon_may_stay_when_asked)
{
	const char *const argv[] = { "/bin/sh", "-c",
		"sleep 60 >/dev/null 2>&1 & echo $!", NULL };
	const struct sbx_run run = { .argv = argv, .leave = true };
	pid_t left;

	ck_assert_int_eq(sbx_run(&run, &status, &out, NULL, &err), 0);
	left = (pid_t)atoi(sbx_buf_text(&out));
	ck_assert_int_gt(left, 1);
	usleep(50000);
	ck_assert(!gone(left));
	ck_assert_int_eq(kill(left, SIGKILL), 0);
}
END_TEST

START_TEST(a_flood_is_cut_off_and_killed)
{
	ck_assert_int_eq(sh("yes", NULL, 5000), SBX_E_SYS);
	ck_assert(strstr(err.text, "more than 65536 bytes") != NULL);
	ck_assert_uint_le(out.len, 65536);
	ck_assert_int_eq(sh("yes >&2", NULL, 5000), SBX_E_SYS);
	ck_assert_uint_le(errout.len, 65536);
}
END_TEST

START_TEST(exactly_the_limit_passes)
{
	ck_assert_int_eq(sh("head -c 65536 /dev/zero", NULL, 0), 0);
	ck_assert_uint_eq(out.len, 65536);
	sbx_buf_clear(&out);
	ck_assert_int_eq(sh("head -c 65537 /dev/zero", NULL, 0), SBX_E_SYS);
}
END_TEST

static int
by_descriptor(const char *name, const char *text, int mode)
{
	const char *const argv[] = { "plugin", "x", NULL };
	struct sbx_run run = { .argv = argv };
	int fd, r;

	if (text != NULL) {
		fd = open(name, O_CREAT | O_TRUNC | O_WRONLY, mode);
		ck_assert_int_eq(
			write(fd, text, strlen(text)), (ssize_t)strlen(text));
		close(fd);
	}
	run.fd = open(name, O_RDONLY | O_CLOEXEC);
	ck_assert_int_gt(run.fd, 2);
	r = sbx_run(&run, &status, &out, &errout, &err);
	close(run.fd);
	return r;
}

START_TEST(a_script_and_a_binary_run_by_descriptor)
{
	char name[] = "/tmp/sbx-run-XXXXXX";

	close(mkstemp(name));
	ck_assert_int_eq(chmod(name, 0700), 0);
	ck_assert_int_eq(
		by_descriptor(name, "#!/bin/sh\necho ran $1\n", 0700), 0);
	ck_assert_str_eq(sbx_buf_text(&out), "ran x\n");
	sbx_buf_clear(&out);
	unlink(name);
	ck_assert_int_eq(by_descriptor("/bin/echo", NULL, 0), 0);
	ck_assert_str_eq(sbx_buf_text(&out), "x\n");
}
END_TEST

START_TEST(failure_is_told_by_the_first_line_of_stderr)
{
	const char *const argv[] = { "/bin/sh", "-c",
		"printf 'bad \\033[2J thing\\nmore\\n' >&2; exit 3", NULL };
	const char *const quiet[] = { "/bin/false", NULL };
	struct sbx_run run = { .argv = argv };

	ck_assert_int_eq(sbx_run_ok(&run, NULL, &err), SBX_E_SYS);
	ck_assert_str_eq(err.text, "/bin/sh: bad ?[2J thing");
	run.argv = quiet;
	ck_assert_int_eq(sbx_run_ok(&run, NULL, &err), SBX_E_SYS);
	ck_assert_str_eq(err.text, "/bin/false: ended with status 1");
}
END_TEST

START_TEST(nothing_is_left_open_here)
{
	int before = dup(0), after;

	close(before);
	for (int i = 0; i < 20; i++)
		sh(i & 1 ? "exit 1" : "yes", "in", 1000);
	after = dup(0);
	close(after);
	ck_assert_int_eq(after, before);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("run");
	TCase *t = tcase_create("run");

	tcase_add_checked_fixture(t, fresh, done);
	tcase_add_test(t, output_error_and_status_come_back);
	tcase_add_test(t, a_program_that_cannot_be_ended_is_not_waited_for);
	tcase_add_test(t, death_by_signal_is_128_and_its_number);
	tcase_add_test(t, standard_input_is_given_or_empty);
	tcase_add_test(t, environment_is_exactly_the_fixed_list);
	tcase_add_test(t, no_descriptor_past_2_is_seen);
	tcase_add_test(t, signals_are_reset_and_unblocked);
	tcase_add_test(t, it_runs_in_the_root_directory);
	tcase_add_test(t, a_name_without_a_path_is_refused);
	tcase_add_test(t, what_is_missing_is_named);
	tcase_add_test(t, a_program_that_hangs_is_killed_with_its_children);
	tcase_add_test(t, a_child_left_behind_dies_and_is_not_waited_for);
	tcase_add_test(t, a_daemon_may_stay_when_asked);
	tcase_add_test(t, a_flood_is_cut_off_and_killed);
	tcase_add_test(t, exactly_the_limit_passes);
	tcase_add_test(t, a_script_and_a_binary_run_by_descriptor);
	tcase_add_test(t, failure_is_told_by_the_first_line_of_stderr);
	tcase_add_test(t, nothing_is_left_open_here);
	suite_add_tcase(s, t);
	return finish_suite(s);
}
