/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The audit log: one canonical JSON object a line, `prev` the BLAKE2b-256 of
 * the line before (zeros in the very first).  The chain shows an edit or a
 * hole; it does not stop root, who can compute it anew.
 *
 * LOG.head remembers the last line's end and hash.  The next line goes on from
 * that hash whatever the file holds by then: after an ordinary rotation the
 * new file continues the old one, and after a cut the gap stays visible.
 */
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <syslog.h>
#include <unistd.h>

#include "base/base.h"
#include "json/json.h"
#include "crypto/crypto.h"
#include "node/node.h"
#include "apply/apply.h"
#include "apply/audit.h"

#define HEAD_BYTES 86 /* of LOG.head: 20 digits, 64 hex digits, newline */

/* A link, a pipe or another's file in this place is an attempt to make root
 * write elsewhere, or to hide what it writes. */
int
sbx_audit_file_check(
	int fd, const char *path, int64_t *size, struct sbx_err *err)
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

/* The hash of the line that ends before byte size, with or without its
 * newline. */
static int
line_hash(int fd, int64_t size, unsigned char hash[static SBX_HASH_BYTES],
	bool *torn, struct sbx_err *err)
{
	size_t len = size < SBX_MAX_LINE ? (size_t)size : SBX_MAX_LINE;
	size_t from, end = len;
	char *text;
	int r = 0;

	memset(hash, 0, SBX_HASH_BYTES);
	*torn = false;
	if (len == 0)
		return 0;
	text = sbx_mem_alloc(len, 1);
	if (pread(fd, text, len, size - (off_t)len) != (ssize_t)len) {
		r = sbx_err_sys(err, "audit log");
		goto out;
	}
	*torn = text[len - 1] != '\n';
	if (!*torn)
		end--;
	for (from = end; from > 0 && text[from - 1] != '\n'; from--)
		;
	if (from == 0 && (int64_t)len != size)
		r = sbx_err_set(
			err, SBX_E_SYS, "audit log: last line too long");
	else
		sbx_hash_b2(hash, text + from, end - from);
out:
	free(text);
	return r;
}

/* ---- what is remembered ---- */

char *
sbx_audit_head_path(const char *path)
{
	struct sbx_buf b = SBX_BUF(4096);

	sbx_buf_fmt(&b, "%s.head", path);
	return b.data;
}

static bool
head_parse(const char *text, int64_t *size,
	unsigned char head[static SBX_HASH_BYTES])
{
	char digits[21];

	memcpy(digits, text, 20);
	digits[20] = '\0';
	if (strspn(digits, "0123456789") != 20 || text[20] != ' ' ||
		text[HEAD_BYTES - 1] != '\n' ||
		!sbx_hex_parse(head, SBX_HASH_BYTES, text + 21, 64))
		return false;
	*size = strtoll(digits, NULL, 10);
	return true;
}

/* False: nothing is remembered, as before the first line. */
bool
sbx_audit_head_load(
	int fd, int64_t *size, unsigned char head[static SBX_HASH_BYTES])
{
	char text[HEAD_BYTES];

	return fd >= 0 && pread(fd, text, HEAD_BYTES, 0) == HEAD_BYTES &&
	       head_parse(text, size, head);
}

static int
head_save(const struct sbx_audit *a, struct sbx_err *err)
{
	char text[HEAD_BYTES + 1], hex[2 * SBX_HASH_BYTES + 1];

	sbx_hex_write(hex, a->head, SBX_HASH_BYTES);
	snprintf(text, sizeof(text), "%020lld %s\n", (long long)a->size, hex);
	if (pwrite(a->memory, text, HEAD_BYTES, 0) != HEAD_BYTES ||
		fdatasync(a->memory) != 0)
		return sbx_err_sys(err, "audit log: its head");
	return 0;
}

/* Whether the file's first line follows the one of that hash: we were killed
 * after the first line of a new file, before it was remembered. */
static bool
goes_on(const struct sbx_audit *a, const unsigned char *hash)
{
	size_t len = a->size < SBX_MAX_LINE ? (size_t)a->size : SBX_MAX_LINE;
	char *text = sbx_mem_alloc(len + 1, 1), *end;
	unsigned char prev[SBX_HASH_BYTES];
	struct sbx_doc *doc = NULL;
	const char *hex;
	bool yes = false;

	if (pread(a->fd, text, len, 0) == (ssize_t)len &&
		(end = memchr(text, '\n', len)) != NULL &&
		sbx_json_parse(text, (size_t)(end - text), NULL, &doc, NULL) ==
			0 &&
		(hex = sbx_json_str(sbx_doc_root(doc), "prev")) != NULL)
		yes = sbx_hex_parse(prev, sizeof(prev), hex, strlen(hex)) &&
		      memcmp(prev, hash, sizeof(prev)) == 0;
	sbx_doc_free(doc);
	free(text);
	return yes;
}

/* Where the chain goes on: at the last line of the file when the remembered
 * one is in it or before it, else at the one that is remembered. */
static int
head_read(struct sbx_audit *a, struct sbx_err *err)
{
	unsigned char known[SBX_HASH_BYTES], there[SBX_HASH_BYTES];
	bool torn, cut;
	int64_t size;
	int r;

	if ((r = line_hash(a->fd, a->size, a->head, &a->torn, err)) != 0 ||
		!sbx_audit_head_load(a->memory, &size, known))
		return r;
	if (size > 0 && size <= a->size &&
		line_hash(a->fd, size, there, &torn, NULL) == 0 &&
		memcmp(there, known, sizeof(known)) == 0)
		return 0;
	if (goes_on(a, known))
		return 0;
	cut = a->size > 0;
	memcpy(a->head, known, sizeof(known));
	if (cut)
		syslog(LOG_AUTHPRIV | LOG_CRIT,
			"sbx: the audit log was cut or changed before byte "
			"%lld",
			(long long)size);
	return 0;
}

/* ---- opening ---- */

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

/* The caller holds the lock (sbx_root_enter). */
int
sbx_audit_open(const char *path, struct sbx_audit *a, struct sbx_err *err)
{
	char *memory = sbx_audit_head_path(path);
	int64_t size;
	int r;

	memset(a, 0, sizeof(*a));
	a->fd = a->memory = -1;
	if ((r = dir_check(path, err)) != 0)
		goto out;
	/* O_NONBLOCK: a FIFO put there must not hang us. */
	a->fd = open(path,
		O_RDWR | O_APPEND | O_CREAT | O_NOFOLLOW | O_CLOEXEC |
			O_NONBLOCK | O_NOCTTY,
		0640);
	if (a->fd < 0) {
		r = sbx_err_sys(err, "%s", path);
		goto out;
	}
	a->memory = open(memory,
		O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK |
			O_NOCTTY,
		0600);
	if (a->memory < 0)
		r = sbx_err_sys(err, "%s", memory);
	else if ((r = sbx_audit_file_check(a->fd, path, &a->size, err)) == 0 &&
		 (r = sbx_audit_file_check(a->memory, memory, &size, err)) == 0)
		r = head_read(a, err);
out:
	free(memory);
	if (r != 0)
		sbx_audit_close(a);
	return r;
}

void
sbx_audit_close(struct sbx_audit *a)
{
	if (a == NULL)
		return;
	if (a->fd >= 0)
		close(a->fd);
	if (a->memory >= 0)
		close(a->memory);
	a->fd = a->memory = -1;
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
	r = head_save(a, err);
out:
	if (r != 0)
		sbx_err_at(err, "cannot record");
	sbx_buf_free(&b);
	return r;
}
