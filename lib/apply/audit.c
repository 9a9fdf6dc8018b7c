/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The audit log: one canonical JSON object a line, `prev` the BLAKE2b-256 of
 * the line before (zeros in the first).  The chain shows an edit or a hole; it
 * does not stop root, who can compute it anew.
 *
 * Its lock is the lock of everything that changes a grant, so the order of the
 * lines is the order of what happened.
 */
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/base.h"
#include "json/json.h"
#include "crypto/crypto.h"
#include "node/node.h"
#include "apply/apply.h"

#define WAIT (15 * INT64_C(1000000))

static int
lock(int fd, struct sbx_err *err)
{
	const struct timespec nap = { .tv_nsec = 5000000 };
	int64_t end = sbx_clock_boot() + WAIT;

	while (flock(fd, LOCK_EX | LOCK_NB) != 0) {
		if (errno != EWOULDBLOCK && errno != EINTR)
			return sbx_err_sys(err, "audit log: lock");
		if (sbx_clock_boot() > end)
			return sbx_err_set(err, SBX_E_SYS,
				"audit log: locked by another for too long");
		nanosleep(&nap, NULL);
	}
	return 0;
}

/* A link, a pipe or another's file in this place is an attempt to make root
 * write elsewhere, or to hide what it writes. */
static int
file_check(int fd, const char *path, int64_t *size, struct sbx_err *err)
{
	struct stat st;

	if (fstat(fd, &st) != 0)
		return sbx_err_sys(err, "%s", path);
	if (!S_ISREG(st.st_mode) || st.st_nlink != 1 ||
		!sbx_own_check(&st, false))
		return sbx_err_set(
			err, SBX_E_NO, "%s: not a file of root's alone", path);
	/* A new one, whatever the umask; later its mode is the admin's. */
	if (st.st_size == 0 && fchmod(fd, 0640) != 0)
		return sbx_err_sys(err, "%s", path);
	*size = st.st_size;
	return 0;
}

/* The hash of the last line, cut short or not. */
static int
head_read(struct sbx_audit *a, const char *path, struct sbx_err *err)
{
	size_t len = a->size < SBX_MAX_LINE ? (size_t)a->size : SBX_MAX_LINE;
	size_t from, end = len;
	char *text;
	int r = 0;

	memset(a->head, 0, sizeof(a->head));
	a->torn = false;
	if (len == 0)
		return 0;
	text = sbx_mem_alloc(len, 1);
	if (pread(a->fd, text, len, a->size - (off_t)len) != (ssize_t)len) {
		r = sbx_err_sys(err, "%s", path);
		goto out;
	}
	a->torn = text[len - 1] != '\n';
	if (!a->torn)
		end--;
	for (from = end; from > 0 && text[from - 1] != '\n'; from--)
		;
	if (from == 0 && (off_t)len != a->size)
		r = sbx_err_set(err, SBX_E_SYS, "%s: last line too long", path);
	else
		sbx_hash_b2(a->head, text + from, end - from);
out:
	free(text);
	return r;
}

static int
dir_check(const char *path, struct sbx_err *err)
{
	char *copy = sbx_mem_text(path, strlen(path)), *dir = dirname(copy);
	int r, fd = -1;

	if ((r = sbx_io_mkdir(dir, 0750, err)) == 0 &&
		(r = sbx_own_dir(dir, &fd, err)) == 0)
		close(fd);
	free(copy);
	return r;
}

/* True when path is no longer the file that is open: it was rotated while we
 * waited for its lock. */
static bool
moved(int fd, const char *path)
{
	struct stat a, b;

	return fstat(fd, &a) != 0 || lstat(path, &b) != 0 ||
	       a.st_ino != b.st_ino || a.st_dev != b.st_dev;
}

int
sbx_audit_open(const char *path, struct sbx_audit *a, struct sbx_err *err)
{
	int r, tries;

	a->fd = -1;
	if ((r = dir_check(path, err)) != 0)
		return r;
	for (tries = 0; tries < 8; tries++) {
		/* O_NONBLOCK: a FIFO put there must not hang us. */
		a->fd = open(path,
			O_RDWR | O_APPEND | O_CREAT | O_NOFOLLOW | O_CLOEXEC |
				O_NONBLOCK | O_NOCTTY,
			0640);
		if (a->fd < 0)
			return sbx_err_sys(err, "%s", path);
		if ((r = file_check(a->fd, path, &a->size, err)) != 0 ||
			(r = lock(a->fd, err)) != 0)
			break;
		if (moved(a->fd, path)) {
			sbx_audit_close(a);
			r = sbx_err_set(err, SBX_E_SYS, "%s: moved away", path);
			continue;
		}
		if ((r = file_check(a->fd, path, &a->size, err)) == 0)
			r = head_read(a, path, err);
		break;
	}
	if (r != 0)
		sbx_audit_close(a);
	return r;
}

void
sbx_audit_close(struct sbx_audit *a)
{
	if (a == NULL || a->fd < 0)
		return;
	close(a->fd);
	a->fd = -1;
}

int
sbx_audit_add(struct sbx_audit *a, struct sbx_doc *rec, struct sbx_err *err)
{
	struct sbx_json *root = sbx_doc_root(rec);
	struct sbx_buf b = SBX_BUF(SBX_MAX_LINE);
	ssize_t n;
	int r;

	sbx_json_add_time(rec, root, "at", sbx_clock_now());
	sbx_json_add_hex(rec, root, "prev", a->head, sizeof(a->head));
	/* The rest of a line that a power cut left becomes a line of its own,
	 * and the chain goes on from it. */
	if (a->torn)
		sbx_buf_str(&b, "\n");
	if ((r = sbx_canon_write(&b, root, NULL, err)) != 0)
		goto out;
	sbx_buf_str(&b, "\n");
	if (b.over) {
		r = sbx_err_set(err, SBX_E_INPUT, "too long for the audit log");
		goto out;
	}
	/* One write, so that no other's line can stand inside it. */
	n = write(a->fd, b.data, b.len);
	if (n != (ssize_t)b.len || fsync(a->fd) != 0) {
		if (n >= 0 && n != (ssize_t)b.len)
			errno = ENOSPC;
		r = sbx_err_sys(err, "audit log");
		if (n > 0 && ftruncate(a->fd, a->size) != 0)
			a->torn = true; /* append-only: what is there stays */
		goto out;
	}
	sbx_hash_b2(a->head, b.data + (a->torn ? 1 : 0),
		b.len - 1 - (a->torn ? 1 : 0));
	a->size += n;
	a->torn = false;
out:
	if (r != 0)
		sbx_err_at(err, "cannot record");
	sbx_buf_free(&b);
	return r;
}

/* ---- checking it ---- */

struct walk {
	unsigned char hash[SBX_HASH_BYTES]; /* of the line before */
	int64_t at;                         /* bytes up to its newline */
};

static int
line_check(struct walk *w, const struct sbx_lines *l, struct sbx_err *err)
{
	unsigned char prev[SBX_HASH_BYTES];
	struct sbx_doc *doc = NULL;
	const struct sbx_json *v;
	int r = 0;

	if (l->over)
		return sbx_err_set(
			err, SBX_E_NO, "line %zu: too long", l->number);
	/* What is no JSON is what a power cut left; the next line, which names
	 * its hash, vouches for it. */
	if (sbx_json_parse(l->text, l->len, NULL, &doc, NULL) == 0) {
		v = sbx_json_get(sbx_doc_root(doc), "prev");
		if (v == NULL || v->type != SBX_JSON_STRING ||
			!sbx_hex_parse(prev, sizeof(prev), v->text, v->len) ||
			memcmp(prev, w->hash, sizeof(prev)) != 0)
			r = sbx_err_set(err, SBX_E_NO,
				"line %zu: does not follow the one before: one "
				"of them was changed, or lines between them "
				"removed",
				l->number);
	}
	sbx_doc_free(doc);
	sbx_hash_b2(w->hash, l->text, l->len);
	w->at += (int64_t)l->len + 1;
	return r;
}

int
sbx_audit_check(const char *path, int64_t size,
	const unsigned char head[static SBX_HASH_BYTES], size_t *lines,
	struct sbx_err *err)
{
	struct walk w = { .at = 0 };
	struct sbx_lines l;
	bool met = size == 0;
	int64_t bytes = 0;
	int r, fd;

	*lines = 0;
	fd = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0 && errno == ENOENT && size == 0)
		return 0;
	if (fd < 0)
		return sbx_err_sys(err, "%s", path);
	sbx_lines_init(&l, fd);
	if ((r = file_check(fd, path, &bytes, err)) != 0)
		goto out;
	while ((r = sbx_lines_next(&l, err)) == 1) {
		*lines = l.number;
		if ((r = line_check(&w, &l, err)) != 0)
			break;
		if (w.at == size)
			met = memcmp(w.hash, head, SBX_HASH_BYTES) == 0;
	}
	if (r == 0 && w.at > bytes)
		r = sbx_err_set(err, SBX_E_NO, "line %zu: cut short", *lines);
	if (r == 0 && !met)
		r = sbx_err_set(err, SBX_E_NO,
			"line %zu: the log ends before, or differs from, what "
			"was last recorded",
			*lines);
out:
	sbx_lines_free(&l);
	close(fd);
	return r;
}
