/* SPDX-License-Identifier: Apache-2.0 */
/* The statements that are kept: each author's newest of each type. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "base/base.h"
#include "json/json.h"
#include "crypto/crypto.h"
#include "record/record.h"
#include "directory/directory.h"
#include "node/node.h"
#include "exchange/now_store.h"
#include "exchange/now.h"

#define MAX_MARKS 512

/* ---- the file -------------------------------------------------------------- */

static struct sbx_now *
now_new(const struct sbx_conf *conf)
{
	struct sbx_now *now = sbx_mem_alloc(1, sizeof(*now));
	struct sbx_buf path = SBX_BUF(4096);

	sbx_buf_fmt(&path, "%s/now", conf->dir);
	now->path = sbx_mem_text(sbx_buf_text(&path), path.len);
	now->lock = -1;
	sbx_buf_free(&path);
	return now;
}

static void
push(struct sbx_now *now, struct sbx_statement *s)
{
	now->list = sbx_mem_grow(now->list, now->count + 1, sizeof(*now->list));
	now->list[now->count++] = s;
}

static void
drop(struct sbx_now *now, size_t i)
{
	sbx_statement_free(now->list[i]);
	memmove(now->list + i, now->list + i + 1,
		(--now->count - i) * sizeof(*now->list));
}

int
sbx_now_frame(const char *text, size_t len, struct sbx_doc **doc,
	int64_t *heard)
{
	static const struct sbx_json_limits limits = { SBX_MAX_LINE,
		SBX_MAX_DEPTH, 2048 };

	if (sbx_json_parse(text, len, &limits, doc, NULL) != 0)
		return SBX_E_INPUT;
	if (sbx_json_int(sbx_json_get(sbx_doc_root(*doc), "heard"), 0,
		    SBX_MAX_INT, heard))
		return SBX_OK;
	sbx_doc_free(*doc);
	return SBX_E_INPUT;
}

/* A line of the file.  It is ours: its signatures were verified on the way in.
 * One that cannot be read, as after a power cut, is as if it had ended. */
static void
load_line(struct sbx_now *now, const char *text, size_t len)
{
	const struct sbx_json *root, *line;
	struct sbx_statement *s = NULL;
	struct sbx_doc *doc = NULL;
	int64_t heard;

	if (sbx_now_frame(text, len, &doc, &heard) != 0)
		return;
	root = sbx_doc_root(doc);
	line = sbx_json_get(root, "signed");
	if (line == NULL && sbx_json_str(root, "source") != NULL &&
		sbx_json_str(root, "etag") != NULL)
		sbx_now_set_mark(now, sbx_json_str(root, "source"),
			sbx_json_str(root, "etag"), heard);
	if (line == NULL || line->type != SBX_JSON_OBJECT ||
		sbx_statement_read(sbx_doc_copy(line), &s, NULL) != 0)
		goto out;
	s->heard = heard;
	if (heard > now->heard)
		now->heard = heard;
	if (s->until > sbx_clock_now())
		push(now, s);
	else
		sbx_statement_free(s);
out:
	sbx_doc_free(doc);
}

/* The file has the one that came last first. */
static void
turn(struct sbx_now *now)
{
	for (size_t i = 0; i < now->count / 2; i++) {
		struct sbx_statement *s = now->list[i];

		now->list[i] = now->list[now->count - 1 - i];
		now->list[now->count - 1 - i] = s;
	}
}

static int
load(struct sbx_now *now, struct sbx_err *err)
{
	struct sbx_lines in;
	int fd, r;

	fd = open(now->path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0 && errno == ENOENT)
		return SBX_OK;
	if (fd < 0)
		return sbx_err_sys(err, "%s", now->path);
	sbx_lines_init(&in, fd);
	while ((r = sbx_lines_next(&in, err)) == 1)
		if (!in.over && now->count < SBX_MAX_STATEMENTS)
			load_line(now, in.text, in.len);
	sbx_lines_free(&in);
	close(fd);
	turn(now);
	return r;
}

int
sbx_now_load(const struct sbx_conf *conf, struct sbx_now **out,
	struct sbx_err *err)
{
	struct sbx_now *now = now_new(conf);
	int r = load(now, err);

	if (r == 0)
		*out = now;
	else
		sbx_now_free(now);
	return r;
}

int
sbx_now_open(const struct sbx_conf *conf, struct sbx_now **out,
	struct sbx_err *err)
{
	struct sbx_now *now = now_new(conf);
	struct sbx_buf path = SBX_BUF(4096);
	int r;

	sbx_buf_fmt(&path, "%s.lock", now->path);
	now->lock = open(sbx_buf_text(&path),
		O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (now->lock < 0 || flock(now->lock, LOCK_EX) != 0)
		r = sbx_err_sys(err, "%s", sbx_buf_text(&path));
	else if ((r = load(now, err)) == 0)
		*out = now;
	if (r != 0)
		sbx_now_free(now);
	sbx_buf_free(&path);
	return r;
}

static void
mark_line(const struct now_mark *m, struct sbx_buf *out)
{
	struct sbx_doc *doc = sbx_doc_new();
	struct sbx_json *row = sbx_doc_root(doc);

	sbx_json_add_str(doc, row, "etag", m->etag);
	sbx_json_add_int(doc, row, "heard", m->heard);
	sbx_json_add_str(doc, row, "source", m->url);
	if (sbx_canon_write(out, row, NULL, NULL) == 0)
		sbx_buf_str(out, "\n");
	sbx_doc_free(doc);
}

int
sbx_now_save(struct sbx_now *now, struct sbx_err *err)
{
	struct sbx_buf out = SBX_BUF(2 * SBX_MAX_NOW);
	int r;

	for (size_t i = 0; i < now->nmarks; i++)
		mark_line(&now->marks[i], &out);
	for (size_t i = now->count; i-- > 0;)
		sbx_now_line(now->list[i], &out);
	r = sbx_io_save(now->path, sbx_buf_text(&out), out.len, 0640, 0, err);
	sbx_buf_free(&out);
	return r;
}

void
sbx_now_free(struct sbx_now *now)
{
	if (now == NULL)
		return;
	while (now->count > 0)
		sbx_statement_free(now->list[--now->count]);
	while (now->nmarks > 0)
		free(now->marks[--now->nmarks].url);
	free(now->list);
	free(now->marks);
	if (now->lock >= 0)
		close(now->lock);
	free(now->path);
	free(now);
}

/* ---- marks ----------------------------------------------------------------- */

static size_t
find_mark(const struct sbx_now *now, const char *url)
{
	size_t i = 0;

	while (i < now->nmarks && strcmp(now->marks[i].url, url) != 0)
		i++;
	return i;
}

void
sbx_now_mark(const struct sbx_now *now, const char *url, struct now_mark *mark)
{
	size_t i = find_mark(now, url);

	*mark = i < now->nmarks ? now->marks[i] : (struct now_mark){ 0 };
}

/* Of those that were not used for the longest time the oldest goes. */
void
sbx_now_set_mark(struct sbx_now *now, const char *url, const char *etag,
	int64_t heard)
{
	size_t i = find_mark(now, url);
	struct now_mark m = { sbx_mem_text(url, strlen(url)), "", heard };

	if (strlen(etag) < sizeof(m.etag))
		memcpy(m.etag, etag, strlen(etag) + 1);
	if (i == now->nmarks && i == MAX_MARKS)
		i = 0;
	if (i < now->nmarks) {
		free(now->marks[i].url);
		memmove(now->marks + i, now->marks + i + 1,
			(--now->nmarks - i) * sizeof(*now->marks));
	}
	now->marks = sbx_mem_grow(
		now->marks, now->nmarks + 1, sizeof(*now->marks));
	now->marks[now->nmarks++] = m;
}

/* ---- what is kept ----------------------------------------------------------- */

static size_t
find(const struct sbx_now *now, const char *did, const char *type)
{
	size_t i = 0;

	while (i < now->count &&
		(strcmp(now->list[i]->did, did) != 0 ||
			strcmp(now->list[i]->type->rec.type, type) != 0))
		i++;
	return i;
}

const struct sbx_statement *
sbx_now_get(const struct sbx_now *now, const char *did, const char *type)
{
	size_t i = find(now, did, type);

	return i < now->count ? now->list[i] : NULL;
}

const struct sbx_statement *
sbx_now_at(const struct sbx_now *now, size_t i)
{
	return i < now->count ? now->list[now->count - 1 - i] : NULL;
}

void
sbx_now_members(struct sbx_now *now, struct sbx_state *st)
{
	for (size_t i = now->count; i-- > 0;)
		if (!sbx_state_member(st, now->list[i]->did))
			drop(now, i);
}

static enum sbx_now_how
refuse(enum sbx_now_how how, const struct sbx_statement *s, struct sbx_err *err,
	const char *why)
{
	sbx_err_set(err, how == SBX_NOW_BAD ? SBX_E_INPUT : SBX_E_NO,
		"%s of %s: %s", s->type->rec.type, s->did, why);
	return how;
}

/* What costs least is asked first, the signature last. */
static enum sbx_now_how
judge(const struct sbx_now *now, struct sbx_state *st,
	const struct sbx_statement *s, size_t i, struct sbx_err *err)
{
	const struct sbx_statement *old = i < now->count ? now->list[i] : NULL;
	int64_t time = sbx_clock_now();

	if (!sbx_state_member(st, s->did))
		return refuse(SBX_NOW_STRANGER, s, err, "by no member");
	if (old != NULL && old->len == s->len &&
		memcmp(old->line, s->line, s->len) == 0)
		return SBX_NOW_SAME;
	if (s->at > time + SBX_MAX_AHEAD)
		return refuse(SBX_NOW_AHEAD, s, err,
			"dated more than ten minutes ahead");
	if (s->until <= time)
		return refuse(SBX_NOW_PAST, s, err, "past its time to live");
	if (old != NULL && s->seq <= old->seq)
		return refuse(SBX_NOW_OLDER, s, err,
			"its author has said a newer one");
	if (old == NULL && now->count >= SBX_MAX_STATEMENTS)
		return refuse(SBX_NOW_FULL, s, err, "too many are kept already");
	if (sbx_statement_verify(s, NULL) != 0)
		return refuse(SBX_NOW_BAD, s, err, "bad signature");
	return SBX_NOW_NEW;
}

static enum sbx_now_how
take(struct sbx_now *now, struct sbx_state *st, struct sbx_statement *s,
	struct sbx_err *err)
{
	size_t i = find(now, s->did, s->type->rec.type);
	enum sbx_now_how how = judge(now, st, s, i, err);

	if (how != SBX_NOW_NEW) {
		sbx_statement_free(s);
		return how;
	}
	if (i < now->count)
		drop(now, i);
	now->heard = now->heard > 0 ? now->heard + 1 : sbx_clock_now();
	s->heard = now->heard;
	push(now, s);
	return how;
}

enum sbx_now_how
sbx_now_take(struct sbx_now *now, struct sbx_state *st,
	const struct sbx_json *line, struct sbx_err *err)
{
	struct sbx_statement *s = NULL;
	int r = line->type == SBX_JSON_OBJECT ?
		sbx_statement_read(sbx_doc_copy(line), &s, err) :
		sbx_err_set(err, SBX_E_INPUT, "not an object");

	if (r != 0)
		return r == SBX_E_NO ? SBX_NOW_TYPE : SBX_NOW_BAD;
	return take(now, st, s, err);
}

int
sbx_now_say(struct sbx_now *now, struct sbx_state *st,
	const struct sbx_key *key, const char *type, int64_t ttl,
	const struct sbx_json *body, const struct sbx_statement **said,
	struct sbx_err *err)
{
	const struct sbx_statement *old =
		sbx_now_get(now, sbx_key_did(key), type);
	int64_t seq = sbx_clock_now();
	struct sbx_statement *s = NULL;
	enum sbx_now_how how;
	int r;

	if (old != NULL && old->seq >= seq)
		seq = old->seq + 1;
	if ((r = sbx_statement_make(key, type, seq, ttl, body, &s, err)) != 0)
		return r;
	how = take(now, st, s, err);
	if (how == SBX_NOW_STRANGER)
		sbx_err_hint(err, "only members are heard: sbx-member accept");
	if (how != SBX_NOW_NEW)
		return SBX_E_NO;
	*said = sbx_now_at(now, 0);
	return SBX_OK;
}

/* ---- what is published --------------------------------------------------------- */

void
sbx_now_line(const struct sbx_statement *s, struct sbx_buf *out)
{
	sbx_buf_fmt(out, "{\"heard\":%lld,\"signed\":", (long long)s->heard);
	sbx_buf_add(out, s->line, s->len);
	sbx_buf_str(out, "}\n");
}

int
sbx_now_publish(const struct sbx_now *now, const char *dir, size_t *changed,
	struct sbx_err *err)
{
	struct sbx_buf out = SBX_BUF(2 * SBX_MAX_NOW), old = SBX_BUF(SBX_MAX_NOW),
		       path = SBX_BUF(4096);
	int r = SBX_OK;
	bool there;

	for (size_t i = now->count; i-- > 0;)
		sbx_now_line(now->list[i], &out);
	sbx_buf_fmt(&path, "%s/now.jsonl", dir);
	if (path.over) {
		r = sbx_err_set(err, SBX_E_USAGE, "path too long");
		goto out;
	}
	there = sbx_io_read(path.data, 0, &old, NULL) == 0;
	/* An empty one too: a visit then costs no more than "not modified". */
	if (!there || old.len != out.len ||
		memcmp(sbx_buf_text(&old), sbx_buf_text(&out), out.len) != 0) {
		r = sbx_io_save(path.data, sbx_buf_text(&out), out.len, 0644, 0,
			err);
		*changed += r == 0;
	}
out:
	sbx_buf_free(&out);
	sbx_buf_free(&old);
	sbx_buf_free(&path);
	return r;
}

int
sbx_now_publish_kept(const struct sbx_conf *conf, struct sbx_state *st,
	const char *dir, size_t *changed, struct sbx_err *err)
{
	struct sbx_now *now = NULL;
	int r;

	if ((r = sbx_now_open(conf, &now, err)) == 0) {
		sbx_now_members(now, st);
		r = sbx_now_publish(now, dir, changed, err);
	}
	sbx_now_free(now);
	return r;
}
