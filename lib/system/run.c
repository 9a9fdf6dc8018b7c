/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/base.h"
#include "system/system.h"

#define SCRIPT_FD 3

static const char *const fixed_env[] = {
	"PATH=/usr/sbin:/usr/bin:/sbin:/bin",
	"LC_ALL=C",
	NULL,
};

/* Every pipe end, each -1 when it is not open. */
struct plumbing {
	int in, out[2], err[2], fail[2];
};

static void
shut(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

static void
shut_all(struct plumbing *p)
{
	shut(&p->in);
	for (int i = 0; i < 2; i++) {
		shut(&p->out[i]);
		shut(&p->err[i]);
		shut(&p->fail[i]);
	}
}

/* A memfd, not a pipe: nothing to pump, and no SIGPIPE from a program that
 * does not read its input. */
static int
input(const struct sbx_run *run, int *fd, struct sbx_err *err)
{
	int r;

	*fd = run->in == NULL ? open("/dev/null", O_RDONLY | O_CLOEXEC)
			      : memfd_create("stdin", MFD_CLOEXEC);
	if (*fd < 0)
		return sbx_err_sys(err, "cannot make standard input");
	if (run->in == NULL)
		return SBX_OK;
	if ((r = sbx_io_write_fd(*fd, run->in, run->inlen, err)) != SBX_OK)
		return r;
	if (lseek(*fd, 0, SEEK_SET) != 0)
		return sbx_err_sys(err, "cannot rewind standard input");
	return SBX_OK;
}

static int
output(int fd[2], const struct sbx_buf *want, struct sbx_err *err)
{
	if (want != NULL) {
		if (pipe2(fd, O_CLOEXEC) == 0)
			return SBX_OK;
	} else if ((fd[1] = open("/dev/null", O_WRONLY | O_CLOEXEC)) >= 0) {
		return SBX_OK;
	}
	return sbx_err_sys(err, "cannot make a pipe");
}

static bool
is_script(int fd)
{
	char magic[2];

	return pread(fd, magic, 2, 0) == 2 && memcmp(magic, "#!", 2) == 0;
}

void
sbx_run_reset(pid_t parent)
{
	struct sigaction dfl = { .sa_handler = SIG_DFL };
	sigset_t none;

	for (int s = 1; s < NSIG; s++)
		sigaction(s, &dfl, NULL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	/* A group of its own, to be killed whole, and no terminal to write
	 * characters back to (TIOCSTI). */
	setsid();
	if (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0 || getppid() != parent)
		_exit(127);
}

/* In the child.  Returns only when it could not be started. */
static void
start(const struct sbx_run *run, struct plumbing *p, pid_t parent)
{
	char *const *argv = (char *const *)run->argv;
	char *const *env =
		(char *const *)(run->env != NULL ? run->env : fixed_env);
	bool script = run->fd > 0 && is_script(run->fd);

	sbx_run_reset(parent);
	if (dup2(p->in, 0) != 0 || dup2(p->out[1], 1) != 1 ||
		dup2(p->err[1], 2) != 2 || chdir("/") != 0)
		return;
	/* Marked, not closed: the pipe that tells of a failed exec lives until
	 * there is nothing to tell. */
	if (close_range(3, ~0u, CLOSE_RANGE_CLOEXEC) != 0)
		return;
	if (run->fd <= 0) {
		execve(argv[0], argv, env);
		return;
	}
	/* The kernel hands a script's interpreter the descriptor's name, so it
	 * must still be open then; a binary needs nothing. */
	if (script && fcntl(run->fd, F_SETFD, 0) != 0)
		return;
	execveat(run->fd, "", argv, env, AT_EMPTY_PATH);
}

/* Take what fd has; 1 = go on, 0 = nothing now or its end, -1 = too much. */
static int
take(int *fd, struct sbx_buf *buf, size_t *room)
{
	char chunk[16384];
	ssize_t n = read(*fd, chunk, sizeof(chunk));

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return 0;
	if (n <= 0) {
		shut(fd);
		return 0;
	}
	if ((size_t)n > *room)
		return -1;
	*room -= (size_t)n;
	sbx_buf_add(buf, chunk, (size_t)n);
	return buf->over ? -1 : 1;
}

static int
gather(int pidfd, int fds[2], struct sbx_buf *const bufs[2], size_t max,
	int timeout, struct sbx_err *err)
{
	int64_t left, end = sbx_clock_boot() + INT64_C(1000) * timeout;
	size_t room[2] = { max, max };
	bool gone = false;
	int r;

	for (int i = 0; i < 2; i++)
		if (fds[i] >= 0)
			fcntl(fds[i], F_SETFL, O_NONBLOCK);
	while (!gone) {
		struct pollfd p[3] = {
			{ fds[0], POLLIN, 0 },
			{ fds[1], POLLIN, 0 },
			{ pidfd, POLLIN, 0 },
		};

		left = (end - sbx_clock_boot()) / 1000;
		if (left < 0)
			left = 0;
		r = poll(p, 3, (int)left);
		if (r < 0 && errno != EINTR)
			return sbx_err_sys(err, "poll");
		if (r == 0)
			return sbx_err_set(err, SBX_E_SYS,
				"took longer than %d ms", timeout);
		/* What was written before the end is read after it; a pipe that
		 * somebody else still holds open is not waited for. */
		gone = r > 0 && p[2].revents != 0;
		for (int i = 0; i < 2; i++) {
			r = 0;
			while (fds[i] >= 0 &&
				(r = take(&fds[i], bufs[i], &room[i])) > 0)
				;
			if (r < 0)
				return sbx_err_set(err, SBX_E_SYS,
					"wrote more than %zu bytes",
					max < bufs[i]->max ? max
							   : bufs[i]->max);
		}
	}
	return SBX_OK;
}

int
sbx_run_wait(pid_t pid, int fds[2], struct sbx_buf *const bufs[2], size_t max,
	int timeout, bool leave, int *status, struct sbx_err *err)
{
	int pidfd, w, r = SBX_OK;
	siginfo_t info;

	pidfd = pidfd_open(pid, 0);
	r = pidfd < 0 ? sbx_err_sys(err, "pidfd_open")
		      : gather(pidfd, fds, bufs, max, timeout, err);
	/* A program of another user's, sudo's say, cannot be ended by this one:
	 * then it is not waited for either, and writes to nobody. */
	if (r != SBX_OK && kill(pid, SIGKILL) != 0 && errno == EPERM) {
		sbx_err_at(err, "it cannot be ended");
		goto out;
	}
	/* The group goes before its leader is reaped: as long as the leader is
	 * a zombie its number belongs to nobody else. */
	while (waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT) != 0 &&
		errno == EINTR)
		;
	if (r != SBX_OK || !leave)
		kill(-pid, SIGKILL);
	do
		w = waitpid(pid, status, 0);
	while (w < 0 && errno == EINTR);
	if (w != pid && r == SBX_OK)
		r = sbx_err_sys(err, "lost its exit status");
out:
	if (pidfd >= 0)
		close(pidfd);
	return r;
}

static int
launch(const struct sbx_run *run, struct plumbing *p, pid_t *pid,
	struct sbx_err *err)
{
	pid_t parent = getpid();
	int cause = 0;
	ssize_t n;

	*pid = fork();
	if (*pid < 0)
		return sbx_err_sys(err, "fork");
	if (*pid == 0) {
		start(run, p, parent);
		cause = errno;
		n = write(p->fail[1], &cause, sizeof(cause));
		_exit(n == sizeof(cause) ? 127 : 126);
	}
	shut(&p->in);
	shut(&p->out[1]);
	shut(&p->err[1]);
	shut(&p->fail[1]);
	do
		n = read(p->fail[0], &cause, sizeof(cause));
	while (n < 0 && errno == EINTR);
	if (n == 0)
		return SBX_OK;
	while (waitpid(*pid, NULL, 0) < 0 && errno == EINTR)
		;
	errno = n == sizeof(cause) ? cause : EIO;
	return sbx_err_sys(err, "cannot be started");
}

int
sbx_run(const struct sbx_run *run, int *status, struct sbx_buf *out,
	struct sbx_buf *errout, struct sbx_err *err)
{
	struct plumbing p = { -1, { -1, -1 }, { -1, -1 }, { -1, -1 } };
	struct sbx_buf *const bufs[2] = { out, errout };
	int fds[2], raw, r;
	pid_t pid;

	if (run->argv == NULL || run->argv[0] == NULL ||
		(run->fd <= 0 && run->argv[0][0] != '/'))
		return sbx_err_set(err, SBX_E_USAGE,
			"a program is run by its absolute path");
	if ((r = input(run, &p.in, err)) != SBX_OK ||
		(r = output(p.out, out, err)) != SBX_OK ||
		(r = output(p.err, errout, err)) != SBX_OK)
		goto out;
	if (pipe2(p.fail, O_CLOEXEC) != 0) {
		r = sbx_err_sys(err, "cannot make a pipe");
		goto out;
	}
	if ((r = launch(run, &p, &pid, err)) != SBX_OK)
		goto out;
	fds[0] = p.out[0];
	fds[1] = p.err[0];
	p.out[0] = p.err[0] = -1; /* transferred */
	r = sbx_run_wait(pid, fds, bufs, run->max > 0 ? run->max : SBX_RUN_MAX,
		run->timeout > 0 ? run->timeout : SBX_RUN_TIMEOUT, run->leave,
		&raw, err);
	shut(&fds[0]);
	shut(&fds[1]);
	if (r == SBX_OK)
		*status = WIFSIGNALED(raw) ? 128 + WTERMSIG(raw)
					   : WEXITSTATUS(raw);
out:
	shut_all(&p);
	if (r != SBX_OK)
		sbx_err_at(err, "%s",
			run->argv != NULL && run->argv[0] != NULL ? run->argv[0]
								  : "run");
	return r;
}

/* Its first line, with what a terminal would obey taken out. */
static void
first_line(char *out, size_t size, const struct sbx_buf *b)
{
	const char *text = sbx_buf_text(b);
	size_t n = 0;

	for (; n + 1 < size && text[n] != '\0' && text[n] != '\n'; n++)
		out[n] = text[n] < 0x20 || text[n] > 0x7e ? '?' : text[n];
	out[n] = '\0';
}

int
sbx_run_ok(const struct sbx_run *run, struct sbx_buf *out, struct sbx_err *err)
{
	struct sbx_buf text = SBX_BUF(SBX_RUN_MAX);
	struct sbx_run copy = *run;
	char line[200];
	int status, r;

	if (copy.max == 0 || copy.max > SBX_RUN_MAX)
		text.max = copy.max > 0 ? copy.max : SBX_RUN_MAX;
	if ((r = sbx_run(&copy, &status, out, &text, err)) == SBX_OK &&
		status != 0) {
		first_line(line, sizeof(line), &text);
		r = line[0] != '\0' ? sbx_err_set(err, SBX_E_SYS, "%s: %s",
					      run->argv[0], line)
				    : sbx_err_set(err, SBX_E_SYS,
					      "%s: ended with status %d",
					      run->argv[0], status);
	}
	sbx_buf_free(&text);
	return r;
}
