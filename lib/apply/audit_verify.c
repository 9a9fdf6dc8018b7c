/* SPDX-License-Identifier: Apache-2.0 */
/* Verifying the audit log: its rotated files and itself, as one chain. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/base.h"
#include "json/json.h"
#include "crypto/crypto.h"
#include "node/node.h"
#include "apply/apply.h"
#include "apply/audit.h"

#define MAX_FILES 1000
#define MAX_TRIES 5

struct walk {
	const char *name;		    /* of the file */
	unsigned char hash[SBX_HASH_BYTES]; /* of the line before */
	int64_t at;			    /* bytes up to its newline */
	bool first, loose; /* the next line is the first of all; may go on
			    * from a file that is not here */
	size_t lines;
};

static int
line_check(struct walk *w, const struct sbx_lines *l, struct sbx_err *err)
{
	static const unsigned char none[SBX_HASH_BYTES];
	unsigned char prev[SBX_HASH_BYTES];
	struct sbx_doc *doc = NULL;
	const struct sbx_json *v;
	int r = 0;

	if (l->over)
		return sbx_err_set(err, SBX_E_NO, "%s: line %zu: too long",
			w->name, l->number);
	/* What is no JSON is what a power cut left; the next line, which names
	 * its hash, vouches for it. */
	if (sbx_json_parse(l->text, l->len, NULL, &doc, NULL) == 0) {
		v = sbx_json_get(sbx_doc_root(doc), "prev");
		if (v == NULL || v->type != SBX_JSON_STRING ||
			!sbx_hex_parse(prev, sizeof(prev), v->text, v->len))
			r = sbx_err_set(err, SBX_E_NO,
				"%s: line %zu: not one of ours", w->name,
				l->number);
		else if (w->first && !w->loose &&
			 memcmp(prev, none, sizeof(prev)) != 0)
			r = sbx_err_set(err, SBX_E_NO,
				"%s: line %zu: goes on from a file that is not "
				"here", w->name, l->number);
		else if (!w->first && memcmp(prev, w->hash, sizeof(prev)) != 0)
			r = sbx_err_set(err, SBX_E_NO,
				"%s: line %zu: does not follow the one before: "
				"one of them was changed, or lines between "
				"them removed",
				w->name, l->number);
	}
	sbx_doc_free(doc);
	sbx_hash_b2(w->hash, l->text, l->len);
	w->at += (int64_t)l->len + 1;
	w->first = false;
	return r;
}

/* One file; *met is set when a line of it hashes to head. */
static int
file_walk(int dirfd, struct walk *w, const unsigned char *head, bool *met,
	struct sbx_err *err)
{
	struct sbx_lines l;
	struct stat st;
	int64_t bytes = 0;
	int r, fd;

	fd = openat(dirfd, w->name,
		O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0)
		return sbx_err_sys(err, "%s", w->name);
	sbx_lines_init(&l, fd);
	w->at = 0;
	if ((r = sbx_audit_file_check(fd, w->name, &bytes, err)) != 0)
		goto out;
	while ((r = sbx_lines_next(&l, err)) == 1) {
		w->lines++;
		if ((r = line_check(w, &l, err)) != 0)
			break;
		*met |= memcmp(w->hash, head, SBX_HASH_BYTES) == 0;
	}
	/* Asked at the end: another may have added lines meanwhile. */
	if (r == 0 && fstat(fd, &st) == 0 && w->at > st.st_size)
		r = sbx_err_set(err, SBX_E_NO, "%s: line %zu: cut short",
			w->name, l.number);
out:
	sbx_lines_free(&l);
	close(fd);
	return r;
}

struct rotated {
	char name[256];
	bool packed; /* compressed: not read */
	long number; /* of LOG.3; 0: a date */
};

/* Oldest first: LOG.3, LOG.2, LOG.1; dates as they sort. */
static int
by_age(const void *x, const void *y)
{
	const struct rotated *a = x, *b = y;

	if (a->number != b->number)
		return a->number > b->number ? -1 : 1;
	return strcmp(a->name, b->name);
}

static size_t
find_rotated(int dirfd, const char *base, struct rotated **list)
{
	size_t n = 0, len = strlen(base);
	DIR *d = fdopendir(dup(dirfd));
	const char *end;
	struct dirent *e;

	*list = sbx_mem_alloc(MAX_FILES, sizeof(**list));
	while (d != NULL && n < MAX_FILES && (e = readdir(d)) != NULL) {
		if (strncmp(e->d_name, base, len) != 0 ||
			(e->d_name[len] != '.' && e->d_name[len] != '-') ||
			e->d_name[len + 1] < '0' || e->d_name[len + 1] > '9')
			continue;
		snprintf((*list)[n].name, sizeof((*list)[n].name), "%s",
			e->d_name);
		end = e->d_name + len + 1;
		(*list)[n].number =
			e->d_name[len] == '.' ? strtol(end, NULL, 10) : 0;
		end += strspn(end, "0123456789-");
		(*list)[n++].packed = *end != '\0';
	}
	if (d != NULL)
		closedir(d);
	qsort(*list, n, sizeof(**list), by_age);
	return n;
}

/* The files in their order, as one chain, up to what is remembered. */
static int
walk_all(int dirfd, const char *base, int64_t size, const unsigned char *head,
	size_t *lines, struct sbx_err *err)
{
	struct walk w = { .first = true };
	struct rotated *list;
	size_t i, n = find_rotated(dirfd, base, &list);
	bool met = size == 0;
	struct stat st;
	int r = 0;

	w.loose = n > 0; /* older ones may be gone by their age */
	for (i = 0; i < n && r == 0; i++) {
		w.name = list[i].name;
		if (list[i].packed)
			w.first = true;
		else
			r = file_walk(dirfd, &w, head, &met, err);
	}
	w.name = base;
	if (r == 0 && (fstatat(dirfd, base, &st, 0) == 0 || n == 0))
		r = file_walk(dirfd, &w, head, &met, err);
	*lines = w.lines;
	if (r == 0 && !met)
		r = sbx_err_set(err, SBX_E_NO,
			"%s: line %zu: the log ends before, or differs from, "
			"what was last recorded",
			base, w.lines);
	free(list);
	return r;
}

/* Once, with what is remembered at its beginning. */
static int
verify(int dirfd, const char *path, const char *base, int memory,
	size_t *lines, struct sbx_err *err)
{
	unsigned char head[SBX_HASH_BYTES] = { 0 };
	int64_t size = 0;

	if (!sbx_audit_head_load(memory, &size, head) && access(path, F_OK) != 0)
		return 0; /* nothing was ever recorded */
	return walk_all(dirfd, base, size, head, lines, err);
}

int
sbx_audit_verify(const char *path, size_t *lines, struct sbx_err *err)
{
	unsigned char was[SBX_HASH_BYTES] = { 0 }, is[SBX_HASH_BYTES] = { 0 };
	char *copy = sbx_mem_text(path, strlen(path));
	char *dir = sbx_mem_text(path, strlen(path));
	char *memory = sbx_audit_head_path(path);
	int fd, dirfd, tries, r = 0;
	int64_t size;

	*lines = 0;
	fd = open(memory, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);
	dirfd = open(dirname(dir), O_DIRECTORY | O_RDONLY | O_CLOEXEC);
	if (dirfd < 0 && errno != ENOENT)
		r = sbx_err_sys(err, "%s", path);
	/* No lock is held for a log of any size: a no while others write or
	 * rotate it is asked again. */
	for (tries = 0; dirfd >= 0 && tries < MAX_TRIES; tries++) {
		sbx_audit_head_load(fd, &size, was);
		r = verify(dirfd, path, basename(copy), fd, lines, err);
		sbx_audit_head_load(fd, &size, is);
		if (r != SBX_E_NO || memcmp(was, is, sizeof(was)) == 0)
			break;
	}
	if (fd >= 0)
		close(fd);
	if (dirfd >= 0)
		close(dirfd);
	free(copy);
	free(dir);
	free(memory);
	return r;
}
