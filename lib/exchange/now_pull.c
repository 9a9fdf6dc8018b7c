/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a site shows of statements that it did not show the last time.  The file
 * has the line that came last first, so what is new stands before the first
 * line that was seen: parts are fetched until that is met.  Ten of a hundred
 * that changed cost ten lines and a part, and nobody has to split the file.
 */
#include <stdlib.h>
#include <string.h>

#include "base/base.h"
#include "json/json.h"
#include "system/system.h"
#include "ledger/ledger.h"
#include "directory/directory.h"
#include "node/node.h"
#include "exchange/now_store.h"
#include "exchange/now.h"

#define PART 4096

struct reading {
	struct sbx_now_visit *v;
	struct now_mark mark; /* as of the last visit */
	struct sbx_buf text;
	char etag[SBX_ETAG_SIZE];
	int64_t newest; /* the number of the first line */
	size_t at;	/* what of text has been looked at */
	bool met, end;	/* a line that was seen; the file's end */
	struct {
		size_t at, len; /* of text */
	} *lines;
	size_t nlines;
};

/* ---- the file ---------------------------------------------------------------- */

/* The whole lines that have come, up to the first that was seen. */
static int
look(struct reading *rd, bool last, struct sbx_err *err)
{
	const char *data = sbx_buf_text(&rd->text), *nl;
	struct sbx_doc *doc;
	int64_t heard;
	size_t len;

	while (!rd->met && rd->at < rd->text.len) {
		nl = memchr(data + rd->at, '\n', rd->text.len - rd->at);
		if (nl == NULL && !last)
			return SBX_OK;
		len = nl != NULL ? (size_t)(nl - data) - rd->at :
				   rd->text.len - rd->at;
		if (sbx_now_frame(data + rd->at, len, &doc, &heard) != 0)
			return sbx_err_set(err, SBX_E_INPUT,
				"now.jsonl: line %zu is no statement",
				rd->nlines + 1);
		sbx_doc_free(doc);
		if (rd->newest == 0)
			rd->newest = heard;
		/* A site that begins to count anew is read anew. */
		if (rd->newest < rd->mark.heard)
			rd->mark.heard = 0;
		rd->met = heard <= rd->mark.heard;
		if (rd->met)
			break;
		rd->lines = sbx_mem_grow(
			rd->lines, rd->nlines + 1, sizeof(*rd->lines));
		rd->lines[rd->nlines].at = rd->at;
		rd->lines[rd->nlines++].len = len;
		rd->at += len + (nl != NULL);
	}
	return SBX_OK;
}

static void
begin(struct reading *rd)
{
	sbx_buf_clear(&rd->text);
	rd->at = rd->nlines = 0;
	rd->newest = 0;
	rd->met = rd->end = false;
}

/* From what has come on, or (first) unless it is as it was. */
static int
get_part(struct reading *rd, const char *url, bool first, int *status,
	struct sbx_err *err)
{
	struct sbx_buf part = SBX_BUF(SBX_MAX_NOW);
	char range[64], etag[SBX_ETAG_SIZE] = "";
	size_t from = rd->text.len, n = from / 2 > PART ? from / 2 : PART;
	struct sbx_fetch f = { .url = url, .range = range, .ok_only = true,
		.max = SBX_MAX_NOW };
	int64_t left = rd->v->until - sbx_clock_boot();
	int r;

	if (rd->v->until != 0 && left < 1000)
		return sbx_err_set(err, SBX_E_SYS, "too slow, given up");
	f.timeout = rd->v->until != 0 ? (int)(left / 1000) : 0;
	f.etag = first ? rd->mark.etag : NULL;
	f.same = first ? NULL : rd->etag;
	snprintf(range, sizeof(range), "%zu-%zu", from, from + n - 1);
	if ((r = sbx_fetch(&f, status, &part, etag, err)) != 0)
		goto out;
	if (*status == 200)
		begin(rd); /* all of it, and maybe another one by now */
	if (*status == 200 || *status == 206) {
		sbx_buf_add(&rd->text, sbx_buf_text(&part), part.len);
		memcpy(rd->etag, etag, sizeof(etag));
		rd->end = *status == 200 || part.len < n;
	} else if (*status == 416) {
		rd->end = true;
	} else if (*status != 304 && *status != 404) {
		r = sbx_err_set(err, SBX_E_SYS, "now.jsonl: status %d", *status);
	}
	if (rd->text.over)
		r = sbx_err_set(err, SBX_E_INPUT,
			"now.jsonl is longer than %u bytes", SBX_MAX_NOW);
out:
	sbx_buf_free(&part);
	return r;
}

static int
read_url(struct reading *rd, const char *url, bool *news, struct sbx_err *err)
{
	bool first = true;
	int status, r;

	do {
		r = get_part(rd, url, first, &status, err);
		if (r != 0 || (first && status != 200 && status != 206))
			break;
		*news = true;
		/* Without a name for what was there parts may not fit. */
		if (!first && status == 206 && rd->etag[0] == '\0')
			r = sbx_err_set(err, SBX_E_INPUT,
				"now.jsonl: a part without an ETag");
		if (r == 0)
			r = look(rd, rd->end, err);
		first = false;
	} while (r == 0 && !rd->met && !rd->end);
	return r;
}

static int
read_site(struct reading *rd, const char *name, bool *news, struct sbx_err *err)
{
	int status, r;

	if (strstr(rd->v->base, "://") != NULL)
		return read_url(rd, name, news, err);
	r = sbx_visit(rd->v->base, "now.jsonl", 0, &rd->text, NULL, &status, err);
	*news = r == 0 && status == 200;
	return *news ? look(rd, true, err) : r;
}

/* ---- what comes of it ------------------------------------------------------------ */

static enum sbx_now_how
take_line(const struct reading *rd, struct sbx_now *now, struct sbx_state *st,
	size_t i, struct sbx_err *err)
{
	const char *text = sbx_buf_text(&rd->text) + rd->lines[i].at;
	enum sbx_now_how how = SBX_NOW_BAD;
	const struct sbx_json *line;
	struct sbx_doc *doc = NULL;
	int64_t heard;

	if (sbx_now_frame(text, rd->lines[i].len, &doc, &heard) == 0 &&
		(line = sbx_json_get(sbx_doc_root(doc), "signed")) != NULL)
		how = sbx_now_take(now, st, line, err);
	else
		sbx_err_set(err, SBX_E_INPUT, "nothing is signed");
	sbx_doc_free(doc);
	return how;
}

/* One that a node of another age relays is none of its faults. */
static void
take(struct reading *rd, struct sbx_now *now, struct sbx_state *st, size_t i,
	bool *again)
{
	struct sbx_now_visit *v = rd->v;
	struct sbx_err why = { 0 };

	switch (take_line(rd, now, st, i, &why)) {
	case SBX_NOW_NEW:
		v->added++;
		return;
	case SBX_NOW_SAME:
	case SBX_NOW_OLDER:
	case SBX_NOW_PAST:
	case SBX_NOW_TYPE:
		v->known++;
		return;
	case SBX_NOW_AHEAD:
	case SBX_NOW_STRANGER:
	case SBX_NOW_FULL:
		/* The clock, the directory may be other ones next time. */
		*again = true;
		break;
	case SBX_NOW_BAD:
		break;
	}
	v->refused++;
	if (v->refuse != NULL)
		v->refuse(v->ctx, i + 1, &why);
}

static int
take_all(struct reading *rd, struct sbx_log *log, const struct sbx_conf *conf,
	const char *name, struct sbx_err *err)
{
	struct sbx_state *st = NULL;
	struct sbx_now *now = NULL;
	bool again = false;
	int r;

	if ((r = sbx_state_open(log, &st, err)) == 0 &&
		(r = sbx_now_open(conf, &now, err)) == 0) {
		/* In the order that they came there. */
		for (size_t i = rd->nlines; i-- > 0;)
			take(rd, now, st, i, &again);
		if (!again)
			sbx_now_set_mark(now, name, rd->etag, rd->newest > 0 ?
				rd->newest : rd->mark.heard);
		r = sbx_now_save(now, err);
	}
	sbx_now_free(now);
	sbx_state_free(st);
	return r;
}

int
sbx_now_pull(struct sbx_log *log, const struct sbx_conf *conf,
	struct sbx_now_visit *v, struct sbx_err *err)
{
	struct reading rd = { .v = v, .text = SBX_BUF(SBX_MAX_NOW) };
	struct sbx_buf name = SBX_BUF(4096);
	struct sbx_now *now = NULL;
	bool news = false;
	int r;

	v->added = v->known = v->refused = 0;
	sbx_buf_fmt(&name, "%s%snow.jsonl", v->base,
		v->base[strlen(v->base) - 1] == '/' ? "" : "/");
	if ((r = sbx_now_load(conf, &now, err)) != 0)
		goto out;
	if (!v->all)
		sbx_now_mark(now, sbx_buf_text(&name), &rd.mark);
	sbx_now_free(now);
	if ((r = read_site(&rd, sbx_buf_text(&name), &news, err)) == 0 && news)
		r = take_all(&rd, log, conf, sbx_buf_text(&name), err);
out:
	free(rd.lines);
	sbx_buf_free(&rd.text);
	sbx_buf_free(&name);
	return r;
}
