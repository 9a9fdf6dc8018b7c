/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The frame of every act of root's: who may act when, and what is recorded.
 *
 * An act is often begun by an unprivileged caller through sudo(8), who could
 * stall it by a full pipe, a terminal, a signal or a low priority.  So from
 * open to close no signal is taken, nothing is written to a descriptor of the
 * caller's, and the caller's scheduling is not ours.
 *
 * There are two kinds of locks, both in one file that only root can open: one
 * for the state, held for moments, and one for each kind of plugin, held while
 * it runs.  They are POSIX locks since these tell who holds them: an act that
 * takes away waits for nobody longer than a second, then it ends the holder
 * (whom its caller may have frozen, in a cgroup of his own).  Every act leaves,
 * wherever it is killed, what the next one finishes or undoes.
 */
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <syslog.h>
#include <time.h>
#include <unistd.h>

#include "base/base.h"
#include "json/json.h"
#include "crypto/crypto.h"
#include "node/node.h"
#include "apply/apply.h"

#define GIVES_WAITS (15 * SBX_SECOND)
#define TAKES_WAITS (1 * SBX_SECOND)

/* Bytes of the lock file; a kind's are behind them. */
enum {
	STATE_BYTE,
	FIRST_BYTE, /* read-locked by who takes away, while it waits */
	KIND_BYTE,
};

/* ---- locks ---- */

static struct flock
flock_of(short type, off_t byte)
{
	return (struct flock){ .l_type = type,
		.l_whence = SEEK_SET,
		.l_start = byte,
		.l_len = 1 };
}

/* 0: it is ours, 1: it is *holder's (0: nobody knows), -1: no lock is to be
 * had. */
static int
lock_try(int fd, off_t byte, pid_t *holder)
{
	struct flock l = flock_of(F_WRLCK, byte);

	*holder = 0;
	if (fcntl(fd, F_SETLK, &l) == 0)
		return 0;
	if (errno != EAGAIN && errno != EACCES)
		return -1;
	l.l_type = F_WRLCK;
	if (fcntl(fd, F_GETLK, &l) == 0 && l.l_type != F_UNLCK)
		*holder = l.l_pid;
	return 1;
}

static void
unlock(int fd, off_t byte)
{
	struct flock l = flock_of(F_UNLCK, byte);

	if (fd >= 0)
		fcntl(fd, F_SETLK, &l);
}

/* Who takes away goes before everybody who gives, or many that give could keep
 * it waiting by their number. */
static bool
others_first(int fd)
{
	struct flock l = flock_of(F_WRLCK, FIRST_BYTE);

	return fcntl(fd, F_GETLK, &l) == 0 && l.l_type != F_UNLCK;
}

static void
go_first(int fd)
{
	struct flock l = flock_of(F_RDLCK, FIRST_BYTE);

	fcntl(fd, F_SETLK, &l);
}

/* It must still be the holder when we have a handle of it: its number may be
 * another's by then. */
static void
end_holder(int fd, off_t byte, pid_t pid)
{
	pid_t now;
	int pidfd;

	if (pid <= 0 || (pidfd = pidfd_open(pid, 0)) < 0)
		return;
	if (lock_try(fd, byte, &now) == 1 && now == pid &&
		pidfd_send_signal(pidfd, SIGKILL, NULL, 0) == 0)
		syslog(LOG_AUTHPRIV | LOG_WARNING,
			"sbx: ended process %d, which kept an act of root's "
			"waiting",
			(int)pid);
	close(pidfd);
}

static int
lock_wait(const struct sbx_root *root, off_t byte, struct sbx_err *err)
{
	const struct timespec nap = { .tv_nsec = 5000000 };
	int64_t start = sbx_clock_boot(), now;
	bool ended = false;
	pid_t holder;
	int r;

	if (root->lock < 0)
		return sbx_err_set(err, SBX_E_SYS, "no lock file");
	if (root->takes)
		go_first(root->lock);
	while ((r = !root->takes && others_first(root->lock)
				? 1
				: lock_try(root->lock, byte, &holder)) == 1) {
		now = sbx_clock_boot() - start;
		if (now > (root->takes ? 2 * TAKES_WAITS : GIVES_WAITS)) {
			r = sbx_err_set(err, SBX_E_SYS,
				"another act of root's takes too long");
			goto out;
		}
		if (root->takes && now > TAKES_WAITS && !ended) {
			end_holder(root->lock, byte, holder);
			ended = true;
		}
		nanosleep(&nap, NULL);
	}
	if (r != 0)
		r = sbx_err_sys(err, "lock");
out:
	if (root->takes)
		unlock(root->lock, FIRST_BYTE);
	return r;
}

/* Beside the audit log; its directory is made if it is missing. */
static int
lock_open(struct sbx_root *root, struct sbx_err *err)
{
	char *copy = sbx_mem_text(root->path, strlen(root->path));
	const char *dir = dirname(copy);
	struct sbx_buf path = SBX_BUF(4096);
	struct stat st;
	int r;

	sbx_buf_fmt(&path, "%s/lock", dir);
	if ((r = sbx_io_mkdir(dir, 0750, err)) != 0)
		goto out;
	root->lock = open(sbx_buf_text(&path),
		O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK |
			O_NOCTTY,
		0600);
	if (root->lock < 0) {
		r = sbx_err_sys(err, "%s", sbx_buf_text(&path));
	} else if (fstat(root->lock, &st) != 0 || !S_ISREG(st.st_mode) ||
		   st.st_nlink != 1 || !sbx_own_check(&st, false) ||
		   (st.st_mode & 07777) != 0600) {
		r = sbx_err_set(err, SBX_E_NO, "%s: not a file of root's alone",
			sbx_buf_text(&path));
		close(root->lock);
		root->lock = -1;
	}
out:
	free(copy);
	sbx_buf_free(&path);
	return r;
}

/* ---- the frame ---- */

/* May fail where we may not raise them: then we are merely slow. */
static void
own_pace(void)
{
	const struct sched_param none = { 0 };

	sched_setscheduler(0, SCHED_OTHER, &none);
	if (getpriority(PRIO_PROCESS, 0) > 0)
		setpriority(PRIO_PROCESS, 0, 0);
}

int
sbx_root_open(struct sbx_root *root, const char *path, bool takes,
	struct sbx_err *err)
{
	struct sbx_err why = { 0 };
	sigset_t all;
	int r;

	memset(root, 0, sizeof(*root));
	root->path = path;
	root->takes = takes;
	root->lock = root->audit.fd = root->audit.memory = -1;
	sigfillset(&all);
	sigprocmask(SIG_BLOCK, &all, &root->was);
	own_pace();
	if ((r = lock_open(root, &why)) == 0)
		return 0;
	root->unrecorded = why;
	if (takes)
		return 0;
	sbx_err_hint(&why, "nothing is given without a record");
	if (err != NULL)
		*err = why;
	sbx_root_close(root);
	return r;
}

void
sbx_root_close(struct sbx_root *root)
{
	if (root == NULL || root->path == NULL)
		return;
	sbx_audit_close(&root->audit);
	if (root->lock >= 0)
		close(root->lock);
	root->lock = -1;
	root->path = NULL;
	sigprocmask(SIG_SETMASK, &root->was, NULL);
}

int
sbx_root_enter(struct sbx_root *root, struct sbx_err *err)
{
	struct sbx_err why = { 0 };
	int r;

	if ((r = lock_wait(root, STATE_BYTE, &why)) != 0 && !root->takes)
		goto out;
	if (r != 0)
		syslog(LOG_AUTHPRIV | LOG_CRIT,
			"sbx: goes on without a lock: %s", why.text);
	if ((r = sbx_audit_open(root->path, &root->audit, &why)) == 0)
		return 0;
	sbx_err_hint(&why, "nothing is given without a record");
	if (root->takes) {
		root->unrecorded = why;
		return 0;
	}
	unlock(root->lock, STATE_BYTE);
out:
	syslog(LOG_AUTHPRIV | LOG_CRIT, "sbx: no record can be made: %s",
		why.text);
	if (err != NULL)
		*err = why;
	return r;
}

void
sbx_root_leave(struct sbx_root *root)
{
	sbx_audit_close(&root->audit);
	unlock(root->lock, STATE_BYTE);
}

static off_t
kind_byte(const char *kind)
{
	unsigned char hash[SBX_HASH_BYTES];

	sbx_hash_b2(hash, kind, strlen(kind));
	return KIND_BYTE + (hash[0] | hash[1] << 8 | hash[2] << 16);
}

int
sbx_root_kind(struct sbx_root *root, const char *kind, struct sbx_err *err)
{
	int r = lock_wait(root, kind_byte(kind), err);

	/* What is taken away is closed already; its plugin's part need not
	 * wait for a lock that cannot be had. */
	return r != 0 && root->takes ? 0 : r;
}

bool
sbx_root_kind_busy(struct sbx_root *root, const char *kind)
{
	pid_t holder;
	int r = root->lock < 0 ? -1
			       : lock_try(root->lock, kind_byte(kind), &holder);

	if (r == 0)
		unlock(root->lock, kind_byte(kind));
	return r == 1;
}

void
sbx_root_kind_done(struct sbx_root *root, const char *kind)
{
	unlock(root->lock, kind_byte(kind));
}

int
sbx_root_record(
	struct sbx_root *root, struct sbx_doc *doc, struct sbx_err *err)
{
	struct sbx_err why = { 0 };
	const char *verb = sbx_json_str(sbx_doc_root(doc), "do");
	const char *step = sbx_json_str(sbx_doc_root(doc), "step");

	if (root->audit.fd < 0) {
		why = root->unrecorded;
		sbx_err_at(&why, "cannot record");
	} else if (sbx_audit_add(&root->audit, doc, &why) == 0) {
		return 0;
	} else {
		root->unrecorded = why;
	}
	syslog(LOG_AUTHPRIV | LOG_CRIT, "sbx: no record of %s %s: %s",
		verb != NULL ? verb : "an act", step != NULL ? step : "",
		why.text);
	if (err != NULL)
		*err = why;
	return err != NULL ? err->code = SBX_E_SYS : SBX_E_SYS;
}
