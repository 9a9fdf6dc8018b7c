/* SPDX-License-Identifier: Apache-2.0 */
/* What a node publishes: static files that any web server can hand out. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/base.h"
#include "json/json.h"
#include "ledger/ledger.h"
#include "directory/directory.h"
#include "node/node.h"
#include "exchange/exchange.h"

#define CHUNK     (64u << 10)
#define SITE_MODE 0644 /* the web server is another user */

/* A file that readers see whole or not at all, however long it is.  As long as
 * it says what the one that is there says nothing is written: who publishes
 * every minute must not wear a disk out. */
struct draft {
	char *path, *temp;
	int old, fd;	    /* what is there, what will be; or -1 */
	off_t same;	    /* bytes that old has too */
	struct sbx_buf out; /* not yet written */
};

struct pub {
	struct sbx_log *log;
	struct sbx_state *st;
	struct draft d;
	bool first;
};

static int
draft_open(
	struct draft *d, const char *dir, const char *name, struct sbx_err *err)
{
	struct sbx_buf b = SBX_BUF(4096);
	int r = SBX_OK;

	*d = (struct draft){ .old = -1,
		.fd = -1,
		.out = SBX_BUF(CHUNK + SBX_MAX_LINE) };
	sbx_buf_fmt(&b, "%s/%s", dir, name);
	if (b.over || b.len + 8 > b.max) {
		r = sbx_err_set(err, SBX_E_USAGE, "path too long");
		goto out;
	}
	d->path = sbx_mem_text(b.data, b.len);
	sbx_buf_str(&b, ".new");
	d->temp = sbx_mem_text(b.data, b.len);
	*strrchr(b.data, '/') = '\0';
	if ((r = sbx_io_mkdir(b.data, 0755, err)) == 0)
		d->old = open(d->path,
			O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
out:
	sbx_buf_free(&b);
	return r;
}

/* Whether old goes on with these bytes. */
static bool
goes_on(const struct draft *d, const char *data, size_t len)
{
	char was[16384];
	size_t at = 0, n;

	for (; at < len; at += n) {
		n = len - at < sizeof(was) ? len - at : sizeof(was);
		if (pread(d->old, was, n, d->same + (off_t)at) != (ssize_t)n ||
			memcmp(was, data + at, n) != 0)
			return false;
	}
	return true;
}

/* From here on it is another file. */
static int
draft_begin(struct draft *d, struct sbx_err *err)
{
	char was[16384];
	ssize_t n = 0;
	int r = SBX_OK;

	d->fd = open(d->temp,
		O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (d->fd < 0)
		return sbx_err_sys(err, "%s", d->temp);
	for (off_t at = 0; r == 0 && at < d->same; at += n) {
		off_t left = d->same - at;

		n = pread(d->old, was,
			left < (off_t)sizeof(was) ? (size_t)left : sizeof(was),
			at);
		if (n <= 0)
			return sbx_err_sys(err, "%s", d->path);
		if ((r = sbx_io_write_fd(d->fd, was, (size_t)n, err)) != 0)
			sbx_err_at(err, "%s", d->path);
	}
	return r;
}

static int
draft_flush(struct draft *d, struct sbx_err *err)
{
	const char *text = sbx_buf_text(&d->out);
	int r = SBX_OK;

	if (d->fd < 0 && d->old >= 0 && goes_on(d, text, d->out.len))
		d->same += (off_t)d->out.len;
	else if ((d->fd >= 0 || (r = draft_begin(d, err)) == 0) &&
		 (r = sbx_io_write_fd(d->fd, text, d->out.len, err)) != 0)
		sbx_err_at(err, "%s", d->path);
	sbx_buf_clear(&d->out);
	return r;
}

static int
draft_room(struct draft *d, struct sbx_err *err)
{
	return d->out.len < CHUNK ? SBX_OK : draft_flush(d, err);
}

static int
draft_settle(struct draft *d, size_t *changed, struct sbx_err *err)
{
	struct stat st;
	int r;

	if ((r = draft_flush(d, err)) != 0)
		return r;
	if (d->fd < 0 && fstat(d->old, &st) == 0 && st.st_size == d->same)
		return SBX_OK;
	if (d->fd < 0 && (r = draft_begin(d, err)) != 0)
		return r;
	if (fchmod(d->fd, SITE_MODE) != 0 || fsync(d->fd) != 0 ||
		rename(d->temp, d->path) != 0)
		return sbx_err_sys(err, "%s", d->path);
	++*changed;
	return sbx_io_sync_dir(d->path, err);
}

static void
draft_drop(struct draft *d)
{
	if (d->old >= 0)
		close(d->old);
	if (d->fd >= 0)
		close(d->fd);
	/* One that a crash has left too. */
	if (d->temp != NULL)
		unlink(d->temp);
	free(d->temp);
	free(d->path);
	sbx_buf_free(&d->out);
}

static int
line_row(void *ctx, const struct sbx_row *row, struct sbx_err *err)
{
	struct pub *p = ctx;

	sbx_row_line(row, &p->d.out);
	sbx_buf_add(&p->d.out, "\n", 1);
	return draft_room(&p->d, err);
}

static int
write_lines(struct pub *p, struct sbx_err *err)
{
	return sbx_log_each(p->log, 1, 0, line_row, p, err);
}

static int
old_row(void *ctx, const struct sbx_row *row, struct sbx_err *err)
{
	struct pub *p = ctx;

	sbx_buf_str(&p->d.out, p->first ? "" : ",\n");
	p->first = false;
	sbx_row_line(row, &p->d.out);
	return draft_room(&p->d, err);
}

static int
write_old(struct pub *p, struct sbx_err *err)
{
	int r;

	sbx_buf_str(&p->d.out, "{\"entries\":[");
	r = sbx_log_each(p->log, 1, 0, old_row, p, err);
	sbx_buf_str(&p->d.out, "]}\n");
	return r;
}

static int
offer_row(void *ctx, const struct sbx_json *row, struct sbx_err *err)
{
	struct pub *p = ctx;
	int r;

	if (!sbx_json_is(sbx_json_get(row, "status"), "live") ||
		!sbx_json_yes(row, "member"))
		return SBX_OK;
	sbx_buf_str(&p->d.out, p->first ? "" : ",\n");
	p->first = false;
	if ((r = sbx_canon_write(&p->d.out, row, NULL, err)) != 0)
		return r;
	return draft_room(&p->d, err);
}

static int
write_services(struct pub *p, struct sbx_err *err)
{
	int r;

	sbx_buf_str(&p->d.out, "[");
	r = sbx_state_each(p->st, SBX_VIEW_OFFER, NULL, offer_row, p, err);
	sbx_buf_str(&p->d.out, "]\n");
	return r;
}

static const struct {
	const char *name;
	int (*write)(struct pub *p, struct sbx_err *err);
} pages[] = {
	{ "services", write_services },
	{ "log/export", write_old },
	{ "api/v1/annuaire/log/export", write_old },
	{ "export.jsonl", write_lines },
};

/* Two would make two keys, take away each other's tiles, and what one had read
 * before the other signed more would look like a ledger put back. */
int
sbx_site_lock(const struct sbx_conf *conf, int *fd, struct sbx_err *err)
{
	*fd = open(conf->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (*fd < 0 || flock(*fd, LOCK_EX) != 0)
		return sbx_err_sys(err, "%s", conf->dir);
	return SBX_OK;
}

int
sbx_site_publish(struct sbx_log *log, struct sbx_state *st, const char *dir,
	size_t *changed, struct sbx_err *err)
{
	struct pub p = { .log = log, .st = st };
	size_t count = 0;
	int r;

	r = sbx_io_mkdir(dir, 0755, err);
	for (size_t i = 0; r == 0 && i < sizeof(pages) / sizeof(pages[0]);
		i++) {
		p.first = true;
		if ((r = draft_open(&p.d, dir, pages[i].name, err)) == 0 &&
			(r = pages[i].write(&p, err)) == 0 && p.d.out.over)
			r = sbx_err_set(err, SBX_E_SYS, "%s: a line too long",
				p.d.path);
		if (r == 0)
			r = draft_settle(&p.d, &count, err);
		draft_drop(&p.d);
	}
	if (r == 0)
		*changed = count;
	return r;
}
