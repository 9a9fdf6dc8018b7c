/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What reverts a change that nobody confirmed.  It is started before the first
 * step, so it outlives the applier: a transient timer of systemd's where that
 * is, for a child dies with its unit's control group; else a process of its
 * own session.  Both run the capability's own `recover`, which asks the journal
 * and not its memory.  After a reboot sbx-apply(8) does.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/base.h"
#include "system/system.h"
#include "node/node.h"
#include "apply/journal.h"
#include "apply/plan.h"

#define SYSTEMD_RUN "/usr/bin/systemd-run"
#define BOOTED	    "/run/systemd/system" /* sd_booted(3) */

static int
timer_start(const struct sbx_plan *p, char *const *words, int seconds,
	struct sbx_err *err)
{
	const char *argv[32] = { SYSTEMD_RUN, "--quiet", "--collect",
		"--timer-property=AccuracySec=1s" };
	struct sbx_run run = { .argv = argv };
	char unit[96], active[48];
	size_t n = 4;

	snprintf(unit, sizeof(unit), "--unit=sbx-apply-%s-%.8s", p->part->name,
		p->id);
	snprintf(active, sizeof(active), "--on-active=%ds", seconds);
	argv[n++] = unit;
	argv[n++] = active;
	argv[n++] = "--";
	for (; *words != NULL && n < 31; words++)
		argv[n++] = *words;
	if (*words != NULL)
		return sbx_err_set(err, SBX_E_USAGE, "too many words");
	return sbx_run_ok(&run, NULL, err);
}

/* In the grandchild: nobody's child, in no session of the applier's. */
static _Noreturn void
be_watch(char *const *words, int report)
{
	static const char *const env[] = {
		"PATH=/usr/sbin:/usr/bin:/sbin:/bin",
		"LC_ALL=C",
		NULL,
	};
	int cause, null = open("/dev/null", O_RDWR);

	for (int fd = 0; fd < 3; fd++)
		dup2(null, fd);
	close_range(3, ~0u, CLOSE_RANGE_CLOEXEC);
	if (chdir("/") == 0)
		execve(words[0], words, (char *const *)env);
	cause = errno;
	_exit(write(report, &cause, sizeof(cause)) > 0 ? 127 : 126);
}

static int
child_start(char *const *words, struct sbx_err *err)
{
	int report[2], cause = 0;
	ssize_t n;
	pid_t pid;

	if (pipe2(report, O_CLOEXEC) != 0)
		return sbx_err_sys(err, "cannot make a pipe");
	if ((pid = fork()) == 0) {
		sbx_run_reset(getppid());
		if (fork() == 0)
			be_watch(words, report[1]);
		_exit(0);
	}
	close(report[1]);
	if (pid > 0)
		while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
			;
	do
		n = read(report[0], &cause, sizeof(cause));
	while (n < 0 && errno == EINTR);
	close(report[0]);
	if (pid > 0 && n == 0)
		return SBX_OK;
	errno = n == sizeof(cause) ? cause : EAGAIN;
	return sbx_err_sys(err, "%s", words[0]);
}

int
sbx_watch_start(const struct sbx_plan *p, int seconds, struct sbx_err *err)
{
	char **words = NULL;
	struct stat st;
	int r;

	if ((r = sbx_journal_argv(p->part, &words, err)) != 0)
		return r;
	r = lstat(BOOTED, &st) == 0 && S_ISDIR(st.st_mode)
		    ? timer_start(p, words, seconds, err)
		    : child_start(words, err);
	if (r != 0)
		sbx_err_at(err, "cannot arrange for the way back");
	sbx_journal_argv_free(words);
	return r;
}

/* ---- what it does ---- */

#define NAP 10 /* seconds; after a confirm it is not there for longer */

static void
sleep_until(int64_t seconds)
{
	struct timespec at;

	/* Suspended time counts: who closed the lid is cut off as well. */
	clock_gettime(CLOCK_BOOTTIME, &at);
	at.tv_sec += (time_t)(seconds < NAP ? seconds : NAP);
	while (clock_nanosleep(CLOCK_BOOTTIME, TIMER_ABSTIME, &at, NULL) ==
		EINTR)
		;
}

/* One look: undo what is to be undone; *left seconds until there may be. */
static int
look_once(const struct sbx_part *part, void *ctx, const struct sbx_conf *conf,
	unsigned flags, int64_t *left, struct sbx_err *err)
{
	struct sbx_plan p;
	int r;

	*left = 0;
	/* Where nothing was ever applied no journal is made. */
	if (access(conf->apply, F_OK) != 0 && errno == ENOENT)
		return SBX_OK;
	if ((r = sbx_plan_open(&p, part, ctx, conf, flags, err)) != 0)
		return r;
	if (p.pending == SBX_PENDING_WAITING)
		*left = p.left > 0 ? p.left : 1;
	sbx_plan_close(&p);
	return SBX_OK;
}

int
sbx_apply_recover(const struct sbx_part *part, void *ctx,
	const struct sbx_conf *conf, bool wait, bool boot, struct sbx_err *err)
{
	unsigned flags = boot ? SBX_PLAN_BOOT : 0;
	int64_t left;
	int r, tries = 0;

	do {
		r = look_once(part, ctx, conf, flags, &left, err);
		/* Held by an apply that takes long: its end is waited for. */
		if (r != 0 && wait && ++tries < 100) {
			left = 1;
			r = SBX_OK;
		}
		if (wait && left > 0)
			sleep_until(left);
	} while (wait && left > 0);
	return r;
}
