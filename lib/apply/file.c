/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The kind `file`.  A state is one line of canonical JSON (owner, mode, every
 * extended attribute, so ACLs and labels too) and the contents.  It is put in
 * place by rename(2) from a shadow beside the target: a leading dot and an end
 * of its own keep the shadow out of every drop-in directory's pattern.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/base.h"
#include "json/json.h"
#include "crypto/crypto.h"
#include "node/node.h"
#include "apply/journal.h"
#include "apply/plan.h"

#define MAX_XATTRS 65536 /* bytes of their names, and of each value */
#define MAX_HEADER (4 * MAX_XATTRS)

struct place {
	int dir;
	const char *name; /* in it */
	char shadow[NAME_MAX + 16];
};

static const struct sbx_json_limits limits = { MAX_HEADER, 4, 512 };

/* No component may be a link: whoever owns the link would choose the file.  The
 * directory is root's alone, so that nobody moves things under our hands. */
static int
place_open(struct place *pl, const char *path, struct sbx_err *err)
{
	struct open_how how = { .flags = O_RDONLY | O_DIRECTORY | O_CLOEXEC,
		.resolve = RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS };
	const char *slash = strrchr(path, '/');
	char *dir;
	int r = SBX_OK, fd = -1;

	pl->dir = -1;
	if (path[0] != '/' || slash[1] == '\0' || strstr(path, "/../") ||
		strcmp(slash, "/..") == 0 || strcmp(slash, "/.") == 0 ||
		strlen(slash + 1) > NAME_MAX - 16)
		return sbx_err_set(err, SBX_E_USAGE,
			"%s: not the absolute path of a file", path);
	dir = sbx_mem_text(
		path, slash == path ? 1 : (size_t)(slash - path));
	pl->name = slash + 1;
	snprintf(pl->shadow, sizeof(pl->shadow), ".%s.sbx-new", pl->name);
	pl->dir = (int)syscall(SYS_openat2, AT_FDCWD, dir, &how, sizeof(how));
	if (pl->dir < 0 && errno == ELOOP) {
		r = sbx_err_set(err, SBX_E_USAGE,
			"%s: there is a symbolic link in its path", path);
		sbx_err_hint(err, "name the directory by its real path");
	} else if (pl->dir < 0) {
		r = sbx_err_sys(err, "%s", dir);
	} else if ((r = sbx_own_dir(dir, &fd, err)) == 0) {
		close(fd);
	}
	free(dir);
	if (r != 0 && pl->dir >= 0) {
		close(pl->dir);
		pl->dir = -1;
	}
	return r;
}

/* ---- reading ---- */

static int
xattrs_read(int fd, struct sbx_doc *doc, struct sbx_json *out,
	struct sbx_err *err)
{
	char *names = sbx_mem_alloc(2 * MAX_XATTRS, 1);
	char *value = names + MAX_XATTRS, *at;
	ssize_t len, n;
	int r = SBX_OK;

	len = flistxattr(fd, names, MAX_XATTRS);
	if (len < 0 && errno == ENOTSUP)
		len = 0;
	if (len < 0)
		r = sbx_err_sys(err, "its attributes");
	for (at = names; r == 0 && at < names + len; at += strlen(at) + 1) {
		n = fgetxattr(fd, at, value, MAX_XATTRS);
		if (n < 0)
			r = sbx_err_sys(err, "its attribute %s", at);
		else
			sbx_json_add_hex(doc, out, at, value, (size_t)n);
	}
	free(names);
	return r;
}

/* doc's root has its `xattr` already. */
static int
header_write(struct sbx_doc *doc, const struct stat *st, struct sbx_buf *out,
	struct sbx_err *err)
{
	struct sbx_json *root = sbx_doc_root(doc);
	int r;

	sbx_json_add_int(doc, root, "uid", st->st_uid);
	sbx_json_add_int(doc, root, "gid", st->st_gid);
	sbx_json_add_int(doc, root, "mode", st->st_mode & 07777);
	r = sbx_canon_write(out, root, NULL, err);
	sbx_buf_str(out, "\n");
	return r;
}

static int
state_read(int fd, const struct stat *st, struct sbx_buf *out,
	struct sbx_err *err)
{
	struct sbx_doc *doc = sbx_doc_new();
	int r;

	r = xattrs_read(fd, doc,
		sbx_json_add(doc, sbx_doc_root(doc), "xattr", SBX_JSON_OBJECT),
		err);
	if (r == 0 && (r = header_write(doc, st, out, err)) == 0)
		r = sbx_io_read_fd(fd, out, err);
	sbx_doc_free(doc);
	return r;
}

static int
read_at(int dir, const char *name, struct sbx_live *now, struct sbx_err *err)
{
	struct stat st;
	int r, fd;

	/* O_NONBLOCK: a FIFO in its place must not make us wait. */
	fd = openat(dir, name,
		O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	if (fd < 0 && errno == ENOENT) {
		now->there = false;
		return SBX_OK;
	}
	if (fd < 0 && errno == ELOOP)
		return sbx_err_set(err, SBX_E_USAGE, "is a symbolic link");
	if (fd < 0)
		return sbx_err_sys(err, "cannot open it");
	if (fstat(fd, &st) != 0)
		r = sbx_err_sys(err, "cannot look at it");
	else if (!S_ISREG(st.st_mode))
		r = sbx_err_set(err, SBX_E_USAGE, "not a regular file");
	else if (st.st_nlink != 1)
		r = sbx_err_set(err, SBX_E_USAGE, "has another name as well");
	else
		r = state_read(fd, &st, &now->data, err);
	now->there = r == 0;
	close(fd);
	return r;
}

static int
file_look(void *ctx, const char *of, struct sbx_live *now, struct sbx_err *err)
{
	struct place pl;
	int r;

	(void)ctx;
	if ((r = place_open(&pl, of, err)) != 0)
		return r;
	if ((r = read_at(pl.dir, pl.name, now, err)) != 0)
		sbx_err_at(err, "%s", of);
	close(pl.dir);
	return r;
}

/* ---- writing ---- */

/* Owner first: a change of it takes capabilities and set-id bits away. */
static int
meta_set(int fd, const struct sbx_json *meta, struct sbx_err *err)
{
	const struct sbx_json *xattr = sbx_json_get(meta, "xattr"), *v;
	struct sbx_buf key = SBX_BUF(512);
	unsigned char *value;
	int64_t uid, gid, mode;
	int r = SBX_OK;

	if (!sbx_json_int(sbx_json_get(meta, "uid"), 0, UINT32_MAX, &uid) ||
		!sbx_json_int(sbx_json_get(meta, "gid"), 0, UINT32_MAX, &gid) ||
		!sbx_json_int(sbx_json_get(meta, "mode"), 0, 07777, &mode) ||
		xattr == NULL || xattr->type != SBX_JSON_OBJECT)
		return sbx_err_set(err, SBX_E_INPUT, "not a file's state");
	if (fchown(fd, (uid_t)uid, (gid_t)gid) != 0 ||
		fchmod(fd, (mode_t)mode) != 0)
		return sbx_err_sys(err, "its owner and mode");
	value = sbx_mem_alloc(MAX_XATTRS, 1);
	for (v = xattr->child; r == 0 && v != NULL; v = v->next) {
		sbx_buf_clear(&key);
		sbx_buf_add(&key, v->key, v->keylen);
		if (v->type != SBX_JSON_STRING || v->len / 2 > MAX_XATTRS ||
			!sbx_hex_parse(value, v->len / 2, v->text, v->len))
			r = sbx_err_set(
				err, SBX_E_INPUT, "not a file's state");
		else if (fsetxattr(fd, sbx_buf_text(&key), value, v->len / 2,
				 0) != 0)
			r = sbx_err_sys(err, "its attribute %s",
				sbx_buf_text(&key));
	}
	free(value);
	sbx_buf_free(&key);
	return r;
}

/* Where the contents begin, and the header's document. */
static int
header_read(const struct sbx_live *l, struct sbx_doc **doc, size_t *at,
	struct sbx_err *err)
{
	const char *nl = l->data.len == 0
				 ? NULL
				 : memchr(l->data.data, '\n', l->data.len);

	if (!l->there || nl == NULL)
		return sbx_err_set(err, SBX_E_INPUT, "not a file's state");
	*at = (size_t)(nl + 1 - l->data.data);
	return sbx_json_parse(l->data.data, *at - 1, &limits, doc, err);
}

/* What a killed apply left is ours, so root's, and taken away; what is another
 * user's is an attempt. */
static int
shadow_clear(const struct place *pl, struct sbx_err *err)
{
	struct stat st;

	if (fstatat(pl->dir, pl->shadow, &st, AT_SYMLINK_NOFOLLOW) != 0)
		return errno == ENOENT ? SBX_OK
				       : sbx_err_sys(err, "%s", pl->shadow);
	if (st.st_uid != geteuid() || !S_ISREG(st.st_mode))
		return sbx_err_set(err, SBX_E_NO,
			"%s stands beside it and is not ours", pl->shadow);
	if (unlinkat(pl->dir, pl->shadow, 0) != 0)
		return sbx_err_sys(err, "%s", pl->shadow);
	return SBX_OK;
}

static int
shadow_write(const struct place *pl, const struct sbx_live *to,
	struct sbx_err *err)
{
	struct sbx_doc *doc = NULL;
	int r, fd = -1;
	size_t at;

	if ((r = header_read(to, &doc, &at, err)) != 0 ||
		(r = shadow_clear(pl, err)) != 0)
		goto out;
	fd = openat(pl->dir, pl->shadow,
		O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0) {
		r = sbx_err_sys(err, "cannot write beside it");
		goto out;
	}
	if ((r = sbx_io_write_fd(fd, to->data.data + at, to->data.len - at,
		     err)) == 0 &&
		(r = meta_set(fd, sbx_doc_root(doc), err)) == 0 &&
		fsync(fd) != 0)
		r = sbx_err_sys(err, "cannot write it to the disk");
	if (r != 0)
		unlinkat(pl->dir, pl->shadow, 0);
	close(fd);
out:
	sbx_doc_free(doc);
	return r;
}

static int
file_set(void *ctx, const char *of, const struct sbx_live *to,
	struct sbx_err *err)
{
	struct place pl;
	int r;

	(void)ctx;
	if ((r = place_open(&pl, of, err)) != 0)
		return r;
	if (to->there && (r = shadow_write(&pl, to, err)) == 0 &&
		renameat(pl.dir, pl.shadow, pl.dir, pl.name) != 0) {
		r = sbx_err_sys(err, "cannot put it in place");
		unlinkat(pl.dir, pl.shadow, 0);
	}
	if (!to->there && unlinkat(pl.dir, pl.name, 0) != 0 && errno != ENOENT)
		r = sbx_err_sys(err, "cannot remove it");
	if (r == 0 && fsync(pl.dir) != 0)
		r = sbx_err_sys(err, "its directory");
	if (r != 0)
		sbx_err_at(err, "%s", of);
	close(pl.dir);
	return r;
}

int
sbx_file_stage(const char *path, const struct sbx_live *to, char **shadow,
	struct sbx_err *err)
{
	struct sbx_buf b = SBX_BUF(8192);
	struct place pl;
	int r;

	if ((r = place_open(&pl, path, err)) != 0)
		return r;
	if ((r = shadow_write(&pl, to, err)) == 0) {
		sbx_buf_add(&b, path, (size_t)(pl.name - path));
		sbx_buf_str(&b, pl.shadow);
		*shadow = sbx_mem_text(sbx_buf_text(&b), b.len);
	} else {
		sbx_err_at(err, "%s", path);
	}
	sbx_buf_free(&b);
	close(pl.dir);
	return r;
}

void
sbx_file_drop(const char *path)
{
	struct place pl;

	if (place_open(&pl, path, NULL) != 0)
		return;
	shadow_clear(&pl, NULL);
	close(pl.dir);
}

/* ---- planning ---- */

/* Where an ACL says who may do what, the mode is a summary of it. */
static bool
has_acl(const struct sbx_json *xattr)
{
	return xattr != NULL &&
	       sbx_json_get(xattr, "system.posix_acl_access") != NULL;
}

/* The live file's owner, mode and attributes, but for what the caller decides,
 * as the beginning of the state that is wanted. */
static int
header_plan(const struct sbx_file *f, const struct sbx_live *now,
	struct sbx_buf *out, struct sbx_err *err)
{
	int64_t uid = geteuid(), gid = getegid(), mode = 0644;
	const struct sbx_json *meta, *xattr = NULL;
	struct sbx_doc *live = NULL, *doc = NULL;
	struct stat st = { 0 };
	int r = SBX_OK;
	size_t at;

	if (now->there) {
		if ((r = header_read(now, &live, &at, err)) != 0)
			return r;
		meta = sbx_doc_root(live);
		sbx_json_int(sbx_json_get(meta, "uid"), 0, UINT32_MAX, &uid);
		sbx_json_int(sbx_json_get(meta, "gid"), 0, UINT32_MAX, &gid);
		sbx_json_int(sbx_json_get(meta, "mode"), 0, 07777, &mode);
		xattr = sbx_json_get(meta, "xattr");
	}
	st.st_uid = f->uid != (uid_t)-1 ? f->uid : (uid_t)uid;
	st.st_gid = f->gid != (gid_t)-1 ? f->gid : (gid_t)gid;
	st.st_mode = f->mode != (mode_t)-1 && !has_acl(xattr) ? f->mode
							      : (mode_t)mode;
	doc = sbx_doc_new();
	if (xattr != NULL)
		sbx_json_add_copy(doc, sbx_doc_root(doc), "xattr", xattr);
	else
		sbx_json_add(doc, sbx_doc_root(doc), "xattr", SBX_JSON_OBJECT);
	r = header_write(doc, &st, out, err);
	sbx_doc_free(doc);
	sbx_doc_free(live);
	return r;
}

int
sbx_plan_file(struct sbx_plan *p, const struct sbx_file *f, struct sbx_err *err)
{
	struct sbx_live now = SBX_LIVE, to = SBX_LIVE;
	int r;

	r = file_look(NULL, f->path, &now, err);
	if (r == 0 && f->data != NULL) {
		to.there = true;
		r = header_plan(f, &now, &to.data, err);
		sbx_buf_add(&to.data, f->data, f->len);
	}
	if (r == 0)
		r = sbx_plan_want(p, sbx_file_kind.name, f->path, &to, err);
	sbx_live_free(&now);
	sbx_live_free(&to);
	return r;
}

/* Its contents' size and hash, and what else of it changes. */
static void
file_describe(void *ctx, const struct sbx_step *s, struct sbx_buf *out)
{
	unsigned char hash[SBX_HASH_BYTES];
	const char *text = sbx_buf_text(&s->to.data), *nl;
	size_t at;

	(void)ctx;
	if (!s->to.there || (nl = strchr(text, '\n')) == NULL) {
		sbx_buf_str(out, "absent");
		return;
	}
	at = (size_t)(nl + 1 - text);
	sbx_hash_sha256(hash, text + at, s->to.data.len - at);
	sbx_buf_fmt(out, "%zu bytes, sha256 ", s->to.data.len - at);
	sbx_buf_hex(out, hash, 8);
}

const struct sbx_step_kind sbx_file_kind = {
	.name = "file",
	.look = file_look,
	.set = file_set,
	.describe = file_describe,
	.whole = true,
};
