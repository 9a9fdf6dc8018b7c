/* SPDX-License-Identifier: Apache-2.0 */
/*
 * May a grant stay?  The directory says: the database is its owner's, so who
 * can write it could feed SQLite anything.  A child with only the owner's
 * rights reads it and answers in a few letters; root reads those.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/base.h"
#include "json/json.h"
#include "system/system.h"
#include "crypto/crypto.h"
#include "ledger/ledger.h"
#include "directory/directory.h"
#include "node/node.h"
#include "apply/apply.h"
#include "lend/lend.h"

/* Every offer with the longest parameters, and a letter for each grant. */
#define MAX_ANSWER                                                             \
	(SBX_MAX_LENT * (SBX_KIND_SIZE + SBX_MAX_MACRO_JSON + 4) +             \
		2 * SBX_MAX_GRANTS)
#define MAX_NAMES  (SBX_MAX_GRANTS * (SBX_MAX_BOXNAME + 2))
#define TIMEOUT    30000

struct verdict {
	bool live, dead, offered;
};

struct question {
	const char *db;
	const struct sbx_grants *g;
	struct verdict *verdicts;
	char self[SBX_DID_SIZE];
	struct sbx_buf out;
	size_t offers;
};

/* ---- in the child ---- */

static int
see_sub(void *ctx, const struct sbx_json *row, struct sbx_err *err)
{
	struct question *q = ctx;
	const char *service = sbx_json_str(row, "service_id");
	const char *sub = sbx_json_str(row, "subscriber");
	const struct sbx_json *status = sbx_json_get(row, "status");

	(void)err;
	if (service == NULL || sub == NULL)
		return 0;
	for (size_t i = 0; i < q->g->count; i++) {
		if (strcmp(q->g->list[i].service, service) != 0 ||
			strcmp(q->g->list[i].sub, sub) != 0)
			continue;
		if (sbx_json_is(status, "live") &&
			sbx_json_is(sbx_json_get(row, "provider"), q->self))
			q->verdicts[i].live = true;
		else if (sbx_json_is(status, "rejected"))
			q->verdicts[i].dead = true;
		q->verdicts[i].offered = false; /* rows decide */
	}
	return 0;
}

static int
see_offer(void *ctx, const struct sbx_json *row, struct sbx_err *err)
{
	struct question *q = ctx;
	const struct sbx_json *macro = sbx_json_get(row, "macro");
	const char *service = sbx_json_str(row, "service_id");
	const char *kind = sbx_json_str(macro, "kind");
	struct sbx_buf params = SBX_BUF(SBX_MAX_MACRO_JSON);

	if (service == NULL ||
		!sbx_json_is(sbx_json_get(row, "provider"), q->self) ||
		!sbx_json_is(sbx_json_get(row, "status"), "live"))
		return 0;
	for (size_t i = 0; i < q->g->count; i++)
		if (strcmp(q->g->list[i].service, service) == 0)
			q->verdicts[i].offered = true;
	if (kind != NULL && sbx_kind_check(kind) &&
		sbx_json_get(macro, "params") != NULL &&
		q->offers < SBX_MAX_LENT &&
		sbx_canon_write(&params, sbx_json_get(macro, "params"), NULL,
			err) == 0) {
		q->offers++;
		sbx_buf_fmt(&q->out, "o %s %s\n", kind, sbx_buf_text(&params));
	}
	sbx_buf_free(&params);
	return 0;
}

/* A subscription travels by the log and may be later here than the request
 * that carried it: as long as no row speaks of it, the offer does. */
static void
answer(struct question *q, struct sbx_state *st)
{
	for (size_t i = 0; i < q->g->count; i++) {
		const struct sbx_granted *g = &q->g->list[i];
		const struct verdict *v = &q->verdicts[i];
		bool yes = sbx_state_member(st, g->sub) &&
			   (g->service[0] == '\0' ||
				   ((v->live || v->offered) && !v->dead));

		sbx_buf_str(&q->out, yes ? "y\n" : "n\n");
	}
}

static int
ask(void *ctx, int fd, struct sbx_err *err)
{
	struct question *q = ctx;
	struct sbx_log *log = NULL;
	struct sbx_state *st = NULL;
	int r;

	q->verdicts = sbx_mem_alloc(q->g->count + 1, sizeof(*q->verdicts));
	q->out = (struct sbx_buf)SBX_BUF(MAX_ANSWER);
	if ((r = sbx_log_open(q->db, 0, &log, err)) != 0 ||
		(r = sbx_log_self(log, q->self, err)) != 0 ||
		(r = sbx_state_open(log, &st, err)) != 0 ||
		(r = sbx_state_each(
			 st, SBX_VIEW_OFFER, NULL, see_offer, q, err)) != 0 ||
		(r = sbx_state_subs(st, &(struct sbx_subs){ .provider = q->self },
			 see_sub, q, err)) != 0)
		goto out;
	answer(q, st);
	r = q->out.over ? sbx_err_set(err, SBX_E_SYS, "too much to say")
			: sbx_io_write_fd(fd, q->out.data, q->out.len, err);
out:
	sbx_state_free(st);
	sbx_log_close(log);
	sbx_buf_free(&q->out);
	free(q->verdicts);
	return r;
}

/* ---- in the parent ---- */

static int
hear(char *text, size_t count, bool *live,
	void (*fn)(void *, const char *, const char *), void *ctx,
	struct sbx_err *err)
{
	char *line, *end, *space;
	size_t n = 0, offers = 0;
	bool sound = true;

	for (line = text; sound && (end = strchr(line, '\n')) != NULL;
		line = end + 1) {
		*end = '\0';
		if (n < count &&
			(strcmp(line, "y") == 0 || strcmp(line, "n") == 0)) {
			live[n++] = line[0] == 'y';
		} else if (strncmp(line, "o ", 2) == 0 &&
			   offers++ < SBX_MAX_LENT &&
			   (space = strchr(line + 2, ' ')) != NULL) {
			*space = '\0';
			if (sbx_kind_check(line + 2))
				fn(ctx, line + 2, space + 1);
		} else {
			sound = false;
		}
	}
	if (!sound || *line != '\0' || n != count)
		return sbx_err_set(
			err, SBX_E_SYS, "its reader gave no sound answer");
	return 0;
}

/* fn, as whoever owns the database. */
static int
read_as_owner(const struct sbx_conf *conf,
	int (*fn)(void *ctx, int fd, struct sbx_err *err), struct question *q,
	struct sbx_buf *out, struct sbx_err *err)
{
	struct stat st;

	if (lstat(conf->db, &st) != 0)
		return sbx_err_sys(err, "%s", conf->db);
	if (!S_ISREG(st.st_mode))
		return sbx_err_set(
			err, SBX_E_SYS, "%s: not a regular file", conf->db);
	return sbx_priv_child(st.st_uid, st.st_gid, TIMEOUT, fn, q, out, err);
}

int
sbx_judge(const struct sbx_conf *conf, const struct sbx_grants *g, bool *live,
	void (*fn)(void *ctx, const char *kind, const char *params), void *ctx,
	struct sbx_err *err)
{
	struct question q = { .db = conf->db, .g = g };
	struct sbx_buf out = SBX_BUF(MAX_ANSWER);
	int r;

	if ((r = read_as_owner(conf, ask, &q, &out, err)) == 0)
		r = hear(out.data != NULL ? out.data : (char[]){ "" }, g->count,
			live, fn, ctx, err);
	if (r != 0)
		sbx_err_at(err, "directory");
	sbx_buf_free(&out);
	return r != 0 ? SBX_E_SYS : 0;
}

/* ---- names ---- */

/* A line for each grant: its subscriber's name, ? behind it if contested. */
static int
tell_names(void *ctx, int fd, struct sbx_err *err)
{
	struct question *q = ctx;
	struct sbx_state *st = NULL;
	struct sbx_log *log = NULL;
	int r;

	q->out = (struct sbx_buf)SBX_BUF(MAX_NAMES);
	if ((r = sbx_log_open(q->db, 0, &log, err)) == 0 &&
		(r = sbx_state_open(log, &st, err)) == 0) {
		for (size_t i = 0; r == 0 && i < q->g->count; i++) {
			r = sbx_name_get(st, q->g->list[i].sub, &q->out, err);
			sbx_buf_str(&q->out, "\n");
		}
		if (r == 0)
			r = sbx_io_write_fd(fd, sbx_buf_text(&q->out),
				q->out.len, err);
	}
	sbx_state_free(st);
	sbx_log_close(log);
	sbx_buf_free(&q->out);
	return r;
}

/* As many lines as there are names for; what is none is left out. */
static void
hear_names(char *text, size_t count, char (*names)[SBX_MAX_BOXNAME + 2])
{
	char *line = text, *end;
	size_t n = 0, len;

	for (; n < count && (end = strchr(line, '\n')) != NULL;
		line = end + 1, n++) {
		*end = '\0';
		len = strcspn(line, "?");
		if (len > SBX_MAX_BOXNAME || strlen(line) > len + 1)
			continue;
		memcpy(names[n], line, len);
		if (!sbx_name_check(names[n]))
			names[n][0] = '\0';
		else if (line[len] == '?')
			names[n][len] = '?';
	}
}

int
sbx_judge_names(const struct sbx_conf *conf, const struct sbx_grants *g,
	char (*names)[SBX_MAX_BOXNAME + 2], struct sbx_err *err)
{
	struct question q = { .db = conf->db, .g = g };
	struct sbx_buf out = SBX_BUF(MAX_NAMES);
	int r;

	memset(names, 0, g->count * sizeof(*names));
	if ((r = read_as_owner(conf, tell_names, &q, &out, err)) == 0)
		hear_names(out.data != NULL ? out.data : (char[]){ "" },
			g->count, names);
	sbx_buf_free(&out);
	return r;
}
