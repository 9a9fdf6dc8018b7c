/* SPDX-License-Identifier: Apache-2.0 */
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/base.h"
#include "system/system.h"
#include "suite.h"

#define NOBODY 65534

/* Run fn in a process of its own, whatever CK_FORK says. */
static int
apart(int (*fn)(int), int arg)
{
	int status;
	pid_t pid = fork();

	if (pid == 0)
		_exit(fn(arg));
	ck_assert_int_gt(pid, 0);
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128;
}

static int
start_with_closed(int mask)
{
	int fd;
	char c;

	for (int i = 0; i < 3; i++)
		if (mask & 1 << i)
			close(i);
	if (sbx_priv_start() != SBX_OK)
		return 1;
	if ((fd = open("/dev/null", O_RDONLY)) < 3)
		return 2;
	/* What was closed fails when used: no silent loss. */
	if (mask & 1 && read(0, &c, 1) != -1)
		return 3;
	if (mask & 2 && write(1, "x", 1) != -1)
		return 4;
	return mask & 4 && write(2, "x", 1) != -1 ? 5 : 0;
}

START_TEST(standard_descriptors_are_held_open)
{
	ck_assert_int_eq(apart(start_with_closed, _i), 0);
}
END_TEST

static int
start_with_odd_state(int unused)
{
	const struct itimerval soon = { { 0, 0 }, { 0, 20000 } };
	sigset_t set;

	(void)unused;
	sigfillset(&set);
	sigprocmask(SIG_SETMASK, &set, NULL);
	signal(SIGCHLD, SIG_IGN);
	signal(SIGALRM, SIG_DFL);
	setitimer(ITIMER_REAL, &soon, NULL);
	umask(0777);
	if (sbx_priv_start() != SBX_OK)
		return 1;
	usleep(50000); /* the timer would end us here */
	if (umask(0) != 077 || signal(SIGCHLD, SIG_DFL) != SIG_DFL)
		return 2;
	sigprocmask(SIG_SETMASK, NULL, &set);
	return sigismember(&set, SIGTERM) ? 3 : 0;
}

START_TEST(signals_timers_and_umask_are_reset)
{
	ck_assert_int_eq(apart(start_with_odd_state, 0), 0);
}
END_TEST

static int
start_with_limit(int drop)
{
	const struct rlimit none = { 0, 0 };
	struct rlimit now;

	setrlimit(RLIMIT_FSIZE, &none);
	if (drop && sbx_priv_drop(NOBODY, NOBODY, NULL) != SBX_OK)
		return 9;
	if (sbx_priv_start() != SBX_OK)
		return 1;
	getrlimit(RLIMIT_FSIZE, &now);
	return now.rlim_cur >= 1 << 20 ? 0 : 2;
}

START_TEST(limits_too_low_are_raised_or_refused)
{
	/* Root in a container may lack what it takes to raise them. */
	ck_assert_int_le(apart(start_with_limit, 0), 1);
	if (getuid() == 0)
		ck_assert_int_eq(apart(start_with_limit, 1), 1);
}
END_TEST

static int
start_and_dump(int unused)
{
	struct rlimit core;

	(void)unused;
	if (sbx_priv_start() != SBX_OK || getrlimit(RLIMIT_CORE, &core) != 0)
		return 1;
	return core.rlim_cur <= 1 && core.rlim_max <= 1 ? 0 : 2;
}

START_TEST(no_core_is_written)
{
	ck_assert_int_eq(apart(start_and_dump, 0), 0);
}
END_TEST

static int
drop_and_look(int unused)
{
	const gid_t extra[] = { 0, 4, 42 };

	(void)unused;
	if (setgroups(3, extra) != 0 ||
		sbx_priv_drop(NOBODY, NOBODY, NULL) != SBX_OK)
		return 1;
	if (getuid() != NOBODY || geteuid() != NOBODY || getgid() != NOBODY ||
		getgroups(0, NULL) != 0)
		return 2;
	if (open("/etc/shadow", O_RDONLY) >= 0 || setuid(0) == 0)
		return 3;
	/* A second time it is already so. */
	if (sbx_priv_drop(NOBODY, NOBODY, NULL) != SBX_OK)
		return 4;
	return sbx_priv_drop(1, 1, NULL) == SBX_E_SYS ? 0 : 5;
}

static bool
root(void)
{
	if (getuid() == 0)
		return true;
	ck_assert_msg(getenv("SBX_TESTS_MUST_RUN") == NULL, "needs root");
	return false;
}

START_TEST(dropped_rights_are_gone_for_good)
{
	if (root())
		ck_assert_int_eq(apart(drop_and_look, 0), 0);
}
END_TEST

START_TEST(no_user_is_not_a_user_to_become)
{
	ck_assert_int_eq(sbx_priv_drop((uid_t)-1, 0, NULL), SBX_E_USAGE);
	ck_assert_int_eq(sbx_priv_drop(NOBODY, (gid_t)-1, NULL), SBX_E_USAGE);
}
END_TEST

static int
says(void *ctx, int fd, struct sbx_err *err)
{
	(void)err;
	dprintf(fd, "%s %d", (const char *)ctx, (int)getuid());
	return SBX_OK;
}

START_TEST(what_the_child_writes_comes_back)
{
	struct sbx_buf out = SBX_BUF(100);
	char hello[] = "hello", want[32];

	snprintf(want, sizeof(want), "hello %d", (int)getuid());
	ck_assert_int_eq(sbx_priv_child((uid_t)-1, (gid_t)-1, 5000, says, hello,
				 &out, NULL),
		0);
	ck_assert_str_eq(sbx_buf_text(&out), want);
	sbx_buf_clear(&out);
	if (root()) {
		ck_assert_int_eq(sbx_priv_child(NOBODY, NOBODY, 5000, says,
					 hello, &out, NULL),
			0);
		ck_assert_str_eq(sbx_buf_text(&out), "hello 65534");
	}
	sbx_buf_free(&out);
}
END_TEST

static int
refuses(void *ctx, int fd, struct sbx_err *err)
{
	(void)ctx, (void)fd;
	sbx_err_set(err, SBX_E_NO, "because \033[2J");
	sbx_err_hint(err, "try\nagain");
	return SBX_E_NO;
}

START_TEST(its_reason_comes_back_made_harmless)
{
	struct sbx_buf out = SBX_BUF(100);
	struct sbx_err err = { 0 };

	ck_assert_int_eq(sbx_priv_child((uid_t)-1, (gid_t)-1, 5000, refuses,
				 NULL, &out, &err),
		SBX_E_NO);
	ck_assert_str_eq(err.text, "because ?[2J");
	ck_assert_str_eq(err.hint, "try?again");
	sbx_buf_free(&out);
}
END_TEST

static int
misbehaves(void *ctx, int fd, struct sbx_err *err)
{
	(void)err;
	switch (*(const char *)ctx) {
	case 'd':
		raise(SIGKILL);
		break;
	case 'e':
		_exit(0);
	case 'h':
		pause();
		break;
	default:
		for (;;)
			if (write(fd, ctx, 1) != 1)
				return SBX_OK;
	}
	return SBX_OK;
}

START_TEST(a_child_that_dies_hangs_or_floods_is_an_error)
{
	static const char *const how[] = { "d", "e", "h", "f" };
	struct sbx_buf out = SBX_BUF(100);
	char ctx[2];

	strcpy(ctx, how[_i]);
	ck_assert_int_eq(sbx_priv_child((uid_t)-1, (gid_t)-1, 300, misbehaves,
				 ctx, &out, NULL),
		SBX_E_SYS);
	ck_assert_uint_le(out.len, 100);
	sbx_buf_free(&out);
}
END_TEST

static int
looks_around(void *ctx, int fd, struct sbx_err *err)
{
	(void)ctx, (void)err;
	for (int i = 0; i < 100; i++)
		if (i != fd && i > 4 && fcntl(i, F_GETFD) >= 0)
			dprintf(fd, "%d ", i);
	dprintf(fd, "nnp=%s",
		system("grep -q '^NoNewPrivs:.1' "
		       "/proc/self/status") == 0
			? "1"
			: "0");
	return SBX_OK;
}

START_TEST(the_child_holds_nothing_of_ours)
{
	struct sbx_buf out = SBX_BUF(1000);
	int fds[40];

	for (int i = 0; i < 40; i++)
		fds[i] = open("/etc/passwd", O_RDONLY);
	ck_assert_int_eq(sbx_priv_child((uid_t)-1, (gid_t)-1, 5000,
				 looks_around, NULL, &out, NULL),
		0);
	ck_assert_str_eq(sbx_buf_text(&out), "nnp=1");
	for (int i = 0; i < 40; i++)
		close(fds[i]);
	sbx_buf_free(&out);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("priv");
	TCase *t = tcase_create("priv");

	tcase_add_loop_test(t, standard_descriptors_are_held_open, 0, 8);
	tcase_add_test(t, signals_timers_and_umask_are_reset);
	tcase_add_test(t, limits_too_low_are_raised_or_refused);
	tcase_add_test(t, no_core_is_written);
	tcase_add_test(t, dropped_rights_are_gone_for_good);
	tcase_add_test(t, no_user_is_not_a_user_to_become);
	tcase_add_test(t, what_the_child_writes_comes_back);
	tcase_add_test(t, its_reason_comes_back_made_harmless);
	tcase_add_loop_test(
		t, a_child_that_dies_hangs_or_floods_is_an_error, 0, 4);
	tcase_add_test(t, the_child_holds_nothing_of_ours);
	suite_add_tcase(s, t);
	return finish_suite(s);
}
