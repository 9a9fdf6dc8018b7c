/* SPDX-License-Identifier: Apache-2.0 */
/* Who changes the desk is root and alone, so that a use is spent once however
 * many try at once; each file is replaced whole. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/base.h"
#include "json/json.h"
#include "join/join.h"

#define LOCK_TRIES 300 /* of 0.05 s */
#define MAX_FILE 8192
#define DAY (86400 * SBX_SECOND)

static const char *const rooms[] = { "tokens", "requests" };

static int
lock(struct sbx_desk *d, struct sbx_err *err)
{
	struct sbx_buf path = SBX_BUF(4096);
	int r = SBX_OK;

	sbx_buf_fmt(&path, "%s/lock", d->dir);
	d->lock = open(sbx_buf_text(&path),
		O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (d->lock < 0)
		r = sbx_err_sys(err, "%s", sbx_buf_text(&path));
	for (int i = 0; r == 0 && flock(d->lock, LOCK_EX | LOCK_NB) != 0; i++)
		if (errno != EWOULDBLOCK)
			r = sbx_err_sys(err, "%s", sbx_buf_text(&path));
		else if (i == LOCK_TRIES)
			r = sbx_err_set(err, SBX_E_SYS,
				"%s: another is at work", sbx_buf_text(&path));
		else
			usleep(50000);
	sbx_buf_free(&path);
	return r;
}

static int
make_dir(const char *path, gid_t gid, struct sbx_err *err)
{
	if (mkdir(path, 0750) != 0 && errno != EEXIST)
		return sbx_err_sys(err, "%s", path);
	if (chown(path, (uid_t)-1, gid) != 0 || chmod(path, 0750) != 0)
		return sbx_err_sys(err, "%s", path);
	return SBX_OK;
}

int
sbx_desk_open(struct sbx_desk *d, const char *dir, bool write, gid_t gid,
	struct sbx_err *err)
{
	struct sbx_buf path = SBX_BUF(4096);
	int r = SBX_OK;

	*d = (struct sbx_desk){ sbx_mem_text(dir, strlen(dir)), -1 };
	if (write)
		r = make_dir(dir, gid, err);
	for (size_t i = 0; write && r == 0 && i < 2; i++) {
		sbx_buf_clear(&path);
		sbx_buf_fmt(&path, "%s/%s", dir, rooms[i]);
		r = make_dir(sbx_buf_text(&path), gid, err);
	}
	if (write && r == 0)
		r = lock(d, err);
	sbx_buf_free(&path);
	return r;
}

void
sbx_desk_close(struct sbx_desk *d)
{
	if (d->lock >= 0)
		close(d->lock);
	free(d->dir);
	*d = (struct sbx_desk){ NULL, -1 };
}

static int
path_of(const struct sbx_desk *d, enum sbx_desk_what what, const char *id,
	struct sbx_buf *path, struct sbx_err *err)
{
	unsigned char raw[SBX_HASH_BYTES];

	if (!sbx_hex_parse(raw, sizeof(raw), id, strlen(id)))
		return sbx_err_set(err, SBX_E_INPUT, "not an identifier");
	sbx_buf_fmt(path, "%s/%s/%s", d->dir, rooms[what], id);
	return SBX_OK;
}

int
sbx_desk_get(const struct sbx_desk *d, enum sbx_desk_what what, const char *id,
	struct sbx_doc **doc, struct sbx_err *err)
{
	struct sbx_buf path = SBX_BUF(4096), text = SBX_BUF(MAX_FILE);
	int r;

	if ((r = path_of(d, what, id, &path, err)) != 0)
		goto out;
	if ((r = sbx_io_read(sbx_buf_text(&path), 0, &text, err)) != 0) {
		if (r == SBX_E_SYS && errno == ENOENT)
			r = sbx_err_set(err, SBX_E_NO, "no such %s",
				what == SBX_DESK_TOKEN ? "token" : "request");
		goto out;
	}
	r = sbx_json_parse(text.data, text.len, NULL, doc, err);
	if (r == 0 && sbx_doc_root(*doc)->type != SBX_JSON_OBJECT) {
		sbx_doc_free(*doc);
		*doc = NULL;
		r = sbx_err_set(err, SBX_E_INPUT, "not an object");
	}
out:
	sbx_buf_free(&path);
	sbx_buf_free(&text);
	return r;
}

int
sbx_desk_put(const struct sbx_desk *d, enum sbx_desk_what what, const char *id,
	const struct sbx_json *doc, gid_t gid, struct sbx_err *err)
{
	struct sbx_buf path = SBX_BUF(4096), text = SBX_BUF(MAX_FILE);
	int r;

	if ((r = path_of(d, what, id, &path, err)) == 0 &&
		(r = sbx_canon_write(&text, doc, NULL, err)) == 0)
		r = sbx_io_save(sbx_buf_text(&path), text.data, text.len, 0640,
			0, err);
	if (r == 0 && chown(sbx_buf_text(&path), (uid_t)-1, gid) != 0)
		r = sbx_err_sys(err, "%s", sbx_buf_text(&path));
	sbx_buf_free(&path);
	sbx_buf_free(&text);
	return r;
}

int
sbx_desk_del(const struct sbx_desk *d, enum sbx_desk_what what, const char *id,
	struct sbx_err *err)
{
	struct sbx_buf path = SBX_BUF(4096);
	int r = path_of(d, what, id, &path, err);

	if (r == 0 && unlink(sbx_buf_text(&path)) != 0 && errno != ENOENT)
		r = sbx_err_sys(err, "%s", sbx_buf_text(&path));
	sbx_buf_free(&path);
	return r;
}

int
sbx_desk_each(const struct sbx_desk *d, enum sbx_desk_what what,
	int (*fn)(void *ctx, const char *id, const struct sbx_json *doc,
		struct sbx_err *err),
	void *ctx, struct sbx_err *err)
{
	struct sbx_buf path = SBX_BUF(4096);
	struct dirent **list = NULL;
	struct sbx_doc *doc;
	int n, r = SBX_OK;

	sbx_buf_fmt(&path, "%s/%s", d->dir, rooms[what]);
	n = scandir(sbx_buf_text(&path), &list, NULL, alphasort);
	if (n < 0 && errno != ENOENT)
		r = sbx_err_sys(err, "%s", sbx_buf_text(&path));
	for (int i = 0; i < n; i++) {
		doc = NULL;
		if (r == 0 && sbx_desk_get(d, what, list[i]->d_name, &doc,
				      NULL) == 0)
			r = fn(ctx, list[i]->d_name, sbx_doc_root(doc), err);
		sbx_doc_free(doc);
		free(list[i]);
	}
	free(list);
	sbx_buf_free(&path);
	return r;
}

/* ---- what a token is good for ------------------------------------------------ */

/* 0: it is none, long over. */
static int64_t
time_of(const struct sbx_json *o, const char *name)
{
	int64_t us = 0;

	sbx_json_time(o, name, &us);
	return us;
}

int
sbx_desk_live(const struct sbx_json *token, int64_t now, struct sbx_err *err)
{
	int64_t used, uses;

	if (!sbx_json_int(sbx_json_get(token, "used"), 0, SBX_MAX_DOOR_USES,
		    &used) ||
		!sbx_json_int(sbx_json_get(token, "uses"), 1, SBX_MAX_DOOR_USES,
			&uses))
		return sbx_err_set(err, SBX_E_NO, "no such token");
	if (now > time_of(token, "expires"))
		return sbx_err_set(err, SBX_E_NO, "the token expired at %s",
			sbx_json_str(token, "expires"));
	if (used >= uses)
		return sbx_err_set(err, SBX_E_NO, "the token is spent");
	return SBX_OK;
}

struct scan {
	const struct sbx_desk *d;
	int64_t now;
	size_t live, waiting, pending;
};

static int
see_token(void *ctx, const char *id, const struct sbx_json *doc,
	struct sbx_err *err)
{
	struct scan *s = ctx;

	(void)id;
	(void)err;
	s->live += sbx_desk_live(doc, s->now, NULL) == 0;
	return SBX_OK;
}

static int
see_request(void *ctx, const char *id, const struct sbx_json *doc,
	struct sbx_err *err)
{
	const struct sbx_json *state = sbx_json_get(doc, "state");
	const char *token = sbx_json_str(doc, "token");
	struct scan *s = ctx;
	struct sbx_doc *of = NULL;
	bool pending = sbx_json_is(state, "pending");

	(void)id;
	(void)err;
	s->pending += pending;
	/* A closed token takes its requests along. */
	if ((pending || sbx_json_is(state, "approved") ||
		    (sbx_json_is(state, "rejected") &&
			    sbx_json_get(doc, "told") == NULL)) && token != NULL &&
		sbx_desk_get(s->d, SBX_DESK_TOKEN, token, &of, NULL) == 0 &&
		s->now <= time_of(sbx_doc_root(of), "expires") + DAY)
		s->waiting++;
	sbx_doc_free(of);
	return SBX_OK;
}

int
sbx_desk_busy(const struct sbx_desk *d, int64_t now, bool *busy,
	size_t *pending, struct sbx_err *err)
{
	struct scan s = { .d = d, .now = now };
	int r;

	if ((r = sbx_desk_each(d, SBX_DESK_TOKEN, see_token, &s, err)) == 0 &&
		(r = sbx_desk_each(d, SBX_DESK_REQUEST, see_request, &s,
			 err)) == 0) {
		*busy = s.live + s.waiting > 0;
		*pending = s.pending;
	}
	return r;
}

/* ---- taking a request --------------------------------------------------------- */

static int
queue(const struct sbx_desk *d, const struct sbx_join_request *q,
	const char *address, gid_t gid, struct sbx_doc **out,
	struct sbx_err *err)
{
	struct sbx_doc *doc = sbx_doc_new();
	struct sbx_json *o = sbx_doc_root(doc);
	int r;

	sbx_json_add_str(doc, o, "address", address);
	sbx_json_add_time(doc, o, "at", sbx_clock_now());
	sbx_json_add_str(doc, o, "box", q->box);
	sbx_json_add_str(doc, o, "did", q->did);
	sbx_json_add_str(doc, o, "key", q->key);
	sbx_json_add_str(doc, o, "state", "pending");
	sbx_json_add_str(doc, o, "token", q->token);
	r = sbx_desk_put(d, SBX_DESK_REQUEST, q->key, o, gid, err);
	if (r == 0)
		*out = doc;
	else
		sbx_doc_free(doc);
	return r;
}

/* The use is spent before the request is queued: who is killed between the two
 * has let nobody in for nothing. */
static int
spend(const struct sbx_desk *d, const char *id, const struct sbx_json *token,
	gid_t gid, struct sbx_err *err)
{
	static const char *const kept[] = { "ask", "expires", "made", "uses" };
	struct sbx_doc *doc = sbx_doc_new();
	int64_t used = 0;
	int r;

	sbx_json_int(sbx_json_get(token, "used"), 0, SBX_MAX_DOOR_USES, &used);
	for (size_t i = 0; i < sizeof(kept) / sizeof(kept[0]); i++)
		sbx_json_add_copy(doc, sbx_doc_root(doc), kept[i],
			sbx_json_get(token, kept[i]));
	sbx_json_add_int(doc, sbx_doc_root(doc), "used", used + 1);
	r = sbx_desk_put(d, SBX_DESK_TOKEN, id, sbx_doc_root(doc), gid, err);
	sbx_doc_free(doc);
	return r;
}

int
sbx_desk_take(const struct sbx_desk *d, const struct sbx_join_request *q,
	const char *address, gid_t gid, struct sbx_doc **doc, bool *is_new,
	struct sbx_err *err)
{
	struct sbx_doc *token = NULL;
	size_t pending;
	bool busy;
	int r;

	*is_new = false;
	if ((r = sbx_desk_get(d, SBX_DESK_TOKEN, q->token, &token, err)) != 0)
		return r;
	if ((r = sbx_desk_get(d, SBX_DESK_REQUEST, q->key, doc, err)) == 0) {
		if (!sbx_json_is(sbx_json_get(sbx_doc_root(*doc), "did"),
			    q->did)) {
			sbx_doc_free(*doc);
			*doc = NULL;
			r = sbx_err_set(err, SBX_E_NO,
				"another box asked with this key");
		}
		goto out;
	}
	if (r != SBX_E_NO ||
		(r = sbx_desk_live(sbx_doc_root(token), sbx_clock_now(), err)) != 0 ||
		(r = sbx_desk_busy(d, sbx_clock_now(), &busy, &pending, err)) != 0)
		goto out;
	if (pending >= SBX_MAX_DOOR_PENDING)
		r = sbx_err_set(err, SBX_E_NO,
			"%d requests wait for approval already",
			SBX_MAX_DOOR_PENDING);
	else if ((r = spend(d, q->token, sbx_doc_root(token), gid, err)) == 0 &&
		 (r = queue(d, q, address, gid, doc, err)) == 0)
		*is_new = true;
out:
	sbx_doc_free(token);
	return r;
}
