/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <unistd.h>

#include "base/base.h"
#include "system/system.h"

/* A caller may have set these so low that we would stop half-way.  Less than
 * this is raised where we may, else refused before anything has been done. */
static const struct {
	int what;
	rlim_t least;
} floors[] = {
	{ RLIMIT_FSIZE, 1 << 20 },
	{ RLIMIT_AS, 64 << 20 },
	{ RLIMIT_DATA, 16 << 20 },
	{ RLIMIT_STACK, 256 << 10 },
	{ RLIMIT_NOFILE, 32 },
	{ RLIMIT_CPU, 5 },
};

/* Opened the wrong way round, so that reading or writing there is an error
 * that is seen, not data lost or a file of ours written to by accident. */
static int
hold_standard(void)
{
	for (int fd = 0; fd < 3; fd++) {
		if (fcntl(fd, F_GETFD) >= 0)
			continue;
		if (errno != EBADF ||
			open("/dev/null", fd == 0 ? O_WRONLY : O_RDONLY) != fd)
			return SBX_E_SYS;
	}
	return SBX_OK;
}

static int
raise_limits(void)
{
	struct rlimit now;

	for (size_t i = 0; i < sizeof(floors) / sizeof(floors[0]); i++) {
		if (getrlimit(floors[i].what, &now) != 0)
			return SBX_E_SYS;
		if (now.rlim_cur >= floors[i].least)
			continue;
		now.rlim_cur = floors[i].least;
		if (now.rlim_max < now.rlim_cur)
			now.rlim_max = now.rlim_cur;
		if (setrlimit(floors[i].what, &now) != 0)
			return SBX_E_SYS;
	}
	return SBX_OK;
}

int
sbx_priv_start(void)
{
	/* One byte, not none: a kernel that pipes its cores to a program
	 * ignores the limit unless it is exactly 1 (core(5)). */
	const struct rlimit no_core = { 1, 1 };
	const struct itimerval off = { 0 };
	struct sigaction dfl = { .sa_handler = SIG_DFL };
	struct rlimit core;
	sigset_t none;

	if (hold_standard() != SBX_OK || raise_limits() != SBX_OK)
		return SBX_E_SYS;
	if (getrlimit(RLIMIT_CORE, &core) != 0 ||
		(core.rlim_max > 0 && setrlimit(RLIMIT_CORE, &no_core) != 0))
		return SBX_E_SYS;
	for (int s = 1; s < NSIG; s++)
		sigaction(s, &dfl, NULL); /* two cannot be set, nor changed */
	sigemptyset(&none);
	if (sigprocmask(SIG_SETMASK, &none, NULL) != 0 ||
		setitimer(ITIMER_REAL, &off, NULL) != 0 ||
		setitimer(ITIMER_VIRTUAL, &off, NULL) != 0 ||
		setitimer(ITIMER_PROF, &off, NULL) != 0)
		return SBX_E_SYS;
	umask(077);
	return SBX_OK;
}

bool
sbx_priv_caps(void)
{
	struct __user_cap_header_struct head = {
		.version = _LINUX_CAPABILITY_VERSION_3,
	};
	struct __user_cap_data_struct data[2] = { 0 };

	if (syscall(SYS_capget, &head, data) != 0)
		return true;
	return (data[0].permitted | data[1].permitted) != 0;
}

static bool
is_only(uid_t uid, gid_t gid)
{
	uid_t ru, eu, su;
	gid_t rg, eg, sg;

	return getresuid(&ru, &eu, &su) == 0 && getresgid(&rg, &eg, &sg) == 0 &&
	       ru == uid && eu == uid && su == uid && rg == gid && eg == gid &&
	       sg == gid;
}

int
sbx_priv_drop(uid_t uid, gid_t gid, struct sbx_err *err)
{
	if (uid == (uid_t)-1 || gid == (gid_t)-1)
		return sbx_err_set(err, SBX_E_USAGE, "no such user");
	if (geteuid() != 0 && is_only(uid, gid) && !sbx_priv_caps())
		return SBX_OK;
	if (prctl(PR_SET_KEEPCAPS, 0) != 0 ||
		prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) != 0)
		return sbx_err_sys(err, "cannot give up capabilities");
	if (setgroups(0, NULL) != 0 || setresgid(gid, gid, gid) != 0 ||
		setresuid(uid, uid, uid) != 0)
		return sbx_err_sys(err, "cannot become user %u", (unsigned)uid);
	if (!is_only(uid, gid) || getgroups(0, NULL) != 0)
		return sbx_err_set(err, SBX_E_SYS, "still another user");
	if (uid == 0)
		return SBX_OK;
	if (setresuid(0, 0, 0) == 0 ||
		setresuid((uid_t)-1, 0, (uid_t)-1) == 0 ||
		(gid != 0 && setresgid((gid_t)-1, 0, (gid_t)-1) == 0) ||
		sbx_priv_caps())
		return sbx_err_set(
			err, SBX_E_SYS, "rights given up could be had again");
	return SBX_OK;
}

/* In the child: nothing but null at 0-2 and the two pipes.  They are moved to
 * 3 and 4 first, from wherever they are. */
static int
only_pipes(int data, int report, struct sbx_err *err)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	int hi_data = fcntl(data, F_DUPFD_CLOEXEC, 5);
	int hi_report = fcntl(report, F_DUPFD_CLOEXEC, 5);

	if (null < 0 || hi_data < 0 || hi_report < 0)
		return sbx_err_sys(err, "cannot move descriptors");
	for (int fd = 0; fd < 3; fd++)
		if (dup2(null, fd) != fd)
			return sbx_err_sys(err, "cannot move descriptors");
	if (dup3(hi_data, 3, O_CLOEXEC) != 3 ||
		dup3(hi_report, 4, O_CLOEXEC) != 4 ||
		close_range(5, ~0u, 0) != 0)
		return sbx_err_sys(err, "cannot move descriptors");
	return SBX_OK;
}

static _Noreturn void
child(uid_t uid, gid_t gid, const int pipes[2], pid_t parent,
	int (*fn)(void *, int, struct sbx_err *), void *ctx)
{
	struct sbx_err err = { 0 };
	int r, report = pipes[1];

	sbx_run_reset(parent);
	if ((r = only_pipes(pipes[0], pipes[1], &err)) == SBX_OK) {
		report = 4;
		if (uid != (uid_t)-1)
			r = sbx_priv_drop(uid, gid, &err);
	}
	/* Asked for again: a change of user takes it away (prctl(2)). */
	if (r == SBX_OK && (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 ||
				   prctl(PR_SET_PDEATHSIG, SIGKILL) != 0))
		r = sbx_err_sys(&err, "prctl");
	if (r == SBX_OK)
		r = fn(ctx, 3, &err);
	err.code = r;
	if (write(report, &err, sizeof(err)) != (ssize_t)sizeof(err))
		_exit(1);
	_exit(0);
}

/* What the child says of its failure is no more trusted than the child. */
static int
read_report(const struct sbx_buf *b, struct sbx_err *err)
{
	struct sbx_err said;
	char *t;

	if (b->len != sizeof(said))
		return sbx_err_set(err, SBX_E_SYS, "helper process died");
	memcpy(&said, b->data, sizeof(said));
	said.text[sizeof(said.text) - 1] = said.hint[sizeof(said.hint) - 1] = 0;
	for (t = said.text; *t != '\0'; t++)
		if (*t < 0x20 || *t == 0x7f)
			*t = '?';
	for (t = said.hint; *t != '\0'; t++)
		if (*t < 0x20 || *t == 0x7f)
			*t = '?';
	if (said.code == SBX_OK)
		return SBX_OK;
	if (said.code > 0 || said.code < SBX_E_SYS)
		said.code = SBX_E_SYS;
	sbx_err_set(err, said.code, "%s", said.text);
	if (said.hint[0] != '\0')
		sbx_err_hint(err, "%s", said.hint);
	return said.code;
}

int
sbx_priv_child(uid_t uid, gid_t gid, int timeout,
	int (*fn)(void *ctx, int fd, struct sbx_err *err), void *ctx,
	struct sbx_buf *out, struct sbx_err *err)
{
	struct sbx_buf report = SBX_BUF(sizeof(struct sbx_err));
	struct sbx_buf *const bufs[2] = { out, &report };
	int data[2] = { -1, -1 }, say[2] = { -1, -1 };
	int status, r = SBX_OK;
	pid_t pid, parent = getpid();

	if (pipe2(data, O_CLOEXEC) != 0 || pipe2(say, O_CLOEXEC) != 0) {
		r = sbx_err_sys(err, "cannot make a pipe");
		goto out;
	}
	if ((pid = fork()) < 0) {
		r = sbx_err_sys(err, "fork");
		goto out;
	}
	if (pid == 0)
		child(uid, gid, (const int[2]){ data[1], say[1] }, parent, fn,
			ctx);
	close(data[1]);
	close(say[1]);
	data[1] = say[1] = -1;
	int fds[2] = { data[0], say[0] };
	data[0] = say[0] = -1; /* transferred */
	r = sbx_run_wait(
		pid, fds, bufs, SIZE_MAX, timeout, false, &status, err);
	for (int i = 0; i < 2; i++)
		if (fds[i] >= 0)
			close(fds[i]);
	if (r == SBX_OK)
		r = read_report(&report, err);
out:
	for (int i = 0; i < 2; i++) {
		if (data[i] >= 0)
			close(data[i]);
		if (say[i] >= 0)
			close(say[i]);
	}
	sbx_buf_free(&report);
	return r;
}
