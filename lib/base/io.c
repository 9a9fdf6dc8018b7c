/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/base.h"

#define CHUNK 16384

/* One read(2) that a signal does not end. */
static ssize_t
read_some(int fd, char *data, size_t len)
{
	ssize_t n;

	do
		n = read(fd, data, len);
	while (n < 0 && errno == EINTR);
	return n;
}

int
sbx_io_read_fd(int fd, struct sbx_buf *out, struct sbx_err *err)
{
	char chunk[CHUNK];
	ssize_t n;

	while ((n = read_some(fd, chunk, sizeof(chunk))) > 0) {
		sbx_buf_add(out, chunk, (size_t)n);
		if (out->over)
			break;
	}
	explicit_bzero(chunk, sizeof(chunk));
	if (n < 0)
		return sbx_err_sys(err, "cannot read");
	if (out->over)
		return sbx_err_set(
			err, SBX_E_INPUT, "longer than %zu bytes", out->max);
	return SBX_OK;
}

static int
check_file(int fd, unsigned flags, struct sbx_err *err)
{
	struct stat st;

	if (fstat(fd, &st) != 0)
		return sbx_err_sys(err, "cannot look at it");
	if (!S_ISREG(st.st_mode))
		return sbx_err_set(err, SBX_E_USAGE, "not a regular file");
	if ((flags & SBX_IO_SECRET) != 0 && (st.st_mode & 077) != 0) {
		sbx_err_set(err, SBX_E_USAGE,
			"a secret that others may reach (mode %04o)",
			(unsigned)st.st_mode & 07777);
		sbx_err_hint(err, "chmod 600 it, if nobody else has read it");
		return SBX_E_USAGE;
	}
	if ((flags & SBX_IO_ROOT) != 0 &&
		(st.st_uid != 0 || (st.st_mode & 022) != 0)) {
		sbx_err_set(err, SBX_E_USAGE,
			"must be root's and writable by nobody else");
		sbx_err_hint(err, "chown root and chmod go-w it");
		return SBX_E_USAGE;
	}
	return SBX_OK;
}

int
sbx_io_read(const char *path, unsigned flags, struct sbx_buf *out,
	struct sbx_err *err)
{
	int fd, r, saved;

	/* O_NONBLOCK: a FIFO laid in our way must not make us wait. */
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK |
				(flags != 0 ? O_NOFOLLOW : 0));
	if (fd < 0)
		return sbx_err_sys(err, "%s", path);
	if ((r = check_file(fd, flags, err)) != 0 ||
		(r = sbx_io_read_fd(fd, out, err)) != 0)
		sbx_err_at(err, "%s", path);
	saved = errno;
	close(fd);
	errno = saved;
	return r;
}

int
sbx_io_write_fd(int fd, const void *data, size_t len, struct sbx_err *err)
{
	const char *at = data;
	ssize_t n;

	while (len > 0) {
		n = write(fd, at, len);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return sbx_err_sys(err, "cannot write");
		at += n;
		len -= (size_t)n;
	}
	return SBX_OK;
}

/* Make what was renamed into path's directory survive a power cut. */
int
sbx_io_sync_dir(const char *path, struct sbx_err *err)
{
	const char *slash = strrchr(path, '/');
	char *dir;
	int fd, r = SBX_OK;

	if (slash == NULL)
		dir = sbx_mem_text(".", 1);
	else
		dir = sbx_mem_text(
			path, slash == path ? 1 : (size_t)(slash - path));
	fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0 || fsync(fd) != 0)
		r = sbx_err_sys(err, "%s", dir);
	if (fd >= 0)
		close(fd);
	free(dir);
	return r;
}

enum draft { DRAFT_GONE, DRAFT_OURS, DRAFT_ODD };

/* What fd, once locked, is.  Gone: who had the lock before has renamed it.  Odd:
 * no file of ours, or one with a second name (a hard link), through which we
 * would write into another file. */
static enum draft
draft_look(int fd, const char *temp)
{
	struct stat st, now;

	if (fstat(fd, &st) != 0 || lstat(temp, &now) != 0 ||
		st.st_dev != now.st_dev || st.st_ino != now.st_ino)
		return DRAFT_GONE;
	return S_ISREG(st.st_mode) && st.st_nlink == 1 &&
			st.st_uid == geteuid() ?
		DRAFT_OURS :
		DRAFT_ODD;
}

/* The draft has a fixed name, so that a crash leaves at most one, which the
 * next save takes over; a lock keeps two savers apart. */
static int
draft_open(const char *temp, int *out, struct sbx_err *err)
{
	enum draft d = DRAFT_GONE;
	int fd;

	for (int tries = 0; tries < 1000; tries++) {
		fd = open(temp,
			O_RDWR | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC,
			0600);
		if (fd < 0 && errno != EACCES && errno != ELOOP)
			break;
		if (fd >= 0 && flock(fd, LOCK_EX) != 0) {
			close(fd);
			break;
		}
		d = fd < 0 ? DRAFT_ODD : draft_look(fd, temp);
		if (d == DRAFT_OURS && fchmod(fd, 0600) == 0 &&
			ftruncate(fd, 0) == 0) {
			*out = fd;
			return SBX_OK;
		}
		if (d == DRAFT_ODD && unlink(temp) != 0)
			tries = 1000;
		if (fd >= 0)
			close(fd);
	}
	return sbx_err_sys(err, "%s", temp);
}

/* Give the finished draft its name. */
static int
settle(const char *temp, const char *path, unsigned flags, struct sbx_err *err)
{
	/* This never replaces, where a look before it would race. */
	if ((flags & SBX_IO_NEW) != 0 &&
		renameat2(AT_FDCWD, temp, AT_FDCWD, path, RENAME_NOREPLACE) != 0)
		return errno == EEXIST ?
			sbx_err_set(err, SBX_E_USAGE, "%s: exists already", path) :
			sbx_err_sys(err, "%s", path);
	if ((flags & SBX_IO_NEW) == 0 && rename(temp, path) != 0)
		return sbx_err_sys(err, "%s", path);
	return SBX_OK;
}

int
sbx_io_save(const char *path, const void *data, size_t len, mode_t mode,
	unsigned flags, struct sbx_err *err)
{
	struct sbx_buf temp = SBX_BUF(4096);
	int fd = -1, r;

	sbx_buf_fmt(&temp, "%s.new", path);
	if (temp.over)
		return sbx_err_set(err, SBX_E_USAGE, "path too long");
	if ((r = draft_open(temp.data, &fd, err)) != 0)
		goto out;
	if ((r = sbx_io_write_fd(fd, data, len, err)) != 0)
		sbx_err_at(err, "%s", path);
	else if (fchmod(fd, mode) != 0 || fsync(fd) != 0)
		r = sbx_err_sys(err, "%s", path);
	/* Under the lock: the name must still be this file's. */
	if (r != 0 || (r = settle(temp.data, path, flags, err)) != 0)
		unlink(temp.data);
	else
		r = sbx_io_sync_dir(path, err);
	close(fd);
out:
	sbx_buf_free(&temp);
	return r;
}

/* One directory, exactly mode whatever the umask, if it is not there. */
static int
make_dir(const char *path, mode_t mode, struct sbx_err *err)
{
	struct stat st;
	int fd;

	if (mkdir(path, 0700) != 0) {
		if (errno != EEXIST)
			return sbx_err_sys(err, "%s", path);
		if (stat(path, &st) != 0)
			return sbx_err_sys(err, "%s", path);
		if (S_ISDIR(st.st_mode))
			return SBX_OK;
		errno = ENOTDIR;
		return sbx_err_sys(err, "%s", path);
	}
	/* By descriptor: what stands at path by now may be a link. */
	fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0 || fchmod(fd, mode) != 0) {
		sbx_err_sys(err, "%s", path);
		if (fd >= 0)
			close(fd);
		return SBX_E_SYS;
	}
	close(fd);
	return sbx_io_sync_dir(path, err);
}

int
sbx_io_mkdir(const char *path, mode_t mode, struct sbx_err *err)
{
	char *copy = sbx_mem_text(path, strlen(path));
	int r = SBX_OK;

	for (char *at = copy; *at != '\0' && r == 0; at++)
		if (*at == '/' && at > copy && at[-1] != '/') {
			*at = '\0';
			r = make_dir(copy, mode, err);
			*at = '/';
		}
	if (r == 0)
		r = make_dir(copy, mode, err);
	free(copy);
	return r;
}

/* ---- lines ---- */

void
sbx_lines_init(struct sbx_lines *l, int fd)
{
	memset(l, 0, sizeof(*l));
	l->fd = fd;
	/* One line and its NUL, and what one read(2) brings behind it. */
	l->buf.max = SBX_MAX_LINE + 1 + CHUNK;
	l->text = "";
}

/* Append what there is to the buffer: 1, 0 at the end. */
static int
fill(struct sbx_lines *l, struct sbx_err *err)
{
	char chunk[CHUNK];
	ssize_t n;

	if (l->eof)
		return 0;
	n = read_some(l->fd, chunk, sizeof(chunk));
	if (n < 0)
		return sbx_err_sys(err, "cannot read");
	if (n == 0) {
		l->eof = true;
		return 0;
	}
	sbx_buf_add(&l->buf, chunk, (size_t)n);
	return 1;
}

/* The line is too long: keep its beginning, drop what follows up to the
 * newline, so that memory stays bounded whatever is sent. */
static int
skip(struct sbx_lines *l, struct sbx_err *err)
{
	char *start, *nl;
	int r = 1;

	l->over = true;
	start = l->buf.data + SBX_MAX_LINE;
	while ((nl = memchr(start, '\n', l->buf.len - SBX_MAX_LINE)) == NULL &&
		r > 0) {
		l->buf.len = SBX_MAX_LINE;
		r = fill(l, err);
		start = l->buf.data + SBX_MAX_LINE;
	}
	if (r < 0)
		return r;
	if (nl != NULL)
		l->at = (size_t)(nl + 1 - l->buf.data);
	else
		l->at = l->buf.len;
	l->text = l->buf.data;
	l->len = SBX_MAX_LINE;
	*start = '\0';
	return 1;
}

/* The rest of the buffer to its front: true when there is room behind it. */
static bool
shift(struct sbx_lines *l)
{
	if (l->at > 0) {
		l->buf.len -= l->at;
		memmove(l->buf.data, l->buf.data + l->at, l->buf.len);
		l->at = 0;
	}
	return l->buf.len <= SBX_MAX_LINE;
}

bool
sbx_lines_more(struct sbx_lines *l)
{
	struct pollfd p = { .fd = l->fd, .events = POLLIN };

	while (l->buf.len == l->at || memchr(l->buf.data + l->at, '\n',
					       l->buf.len - l->at) == NULL)
		if (!shift(l) || poll(&p, 1, 0) <= 0 || fill(l, NULL) <= 0)
			return false;
	return true;
}

int
sbx_lines_next(struct sbx_lines *l, struct sbx_err *err)
{
	size_t seen = l->at;
	char *nl = NULL;
	int r = 1;

	l->over = false;
	for (;;) {
		if (l->buf.len > seen)
			nl = memchr(
				l->buf.data + seen, '\n', l->buf.len - seen);
		if (nl != NULL || r <= 0)
			break;
		if (!shift(l))
			break;
		seen = l->buf.len;
		r = fill(l, err);
	}
	if (r < 0)
		return r;
	if (nl == NULL && l->buf.len == l->at)
		return 0;
	l->number++;
	l->text = l->buf.data + l->at;
	l->len = nl != NULL ? (size_t)(nl - l->text) : l->buf.len - l->at;
	if (l->len > SBX_MAX_LINE) {
		shift(l);
		return skip(l, err);
	}
	l->at += l->len + (nl != NULL ? 1 : 0);
	l->buf.data[nl != NULL ? (size_t)(nl - l->buf.data) : l->buf.len] =
		'\0';
	return 1;
}

void
sbx_lines_free(struct sbx_lines *l)
{
	sbx_buf_free(&l->buf);
	l->text = "";
	l->len = 0;
}
