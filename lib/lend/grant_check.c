/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the directory says of grants, asked by root through the reader: may this
 * one be made, may those stay, what is offered, and whose are they.  One that
 * is asked for and one that is made are judged by the same question.
 */
#include <libgen.h>
#include <stdlib.h>
#include <string.h>

#include "base/base.h"
#include "json/json.h"
#include "system/system.h"
#include "directory/directory.h"
#include "node/node.h"
#include "apply/apply.h"
#include "lend/lend.h"

static struct sbx_use
use_of(const struct sbx_granted *g, const char *self)
{
	bool any = g->service[0] == '\0'; /* lent by hand, to a member */

	return (struct sbx_use){
		.subscriber = g->sub,
		.address = g->lend.ip,
		.service = any ? NULL : g->service,
		.provider = any ? NULL : self,
		.kind = any ? NULL : g->kind,
		.params = any ? NULL : g->params,
		/* It travels by the log, and may be later here than the request
		 * that carried it. */
		.carried = true,
		.subscription = g->subscription[0] != '\0' ? g->subscription :
							     NULL,
	};
}

struct question {
	const struct sbx_granted *list;
	size_t count;
	struct sbx_said *said; /* whys has room for count */
	bool offers;	       /* are asked for too */
	size_t heard;

	/* in the child alone */
	const char *self;
	size_t told;
	int fd;
};

/* ---- in the child --------------------------------------------------------- */

static int
say_offer(void *ctx, const struct sbx_json *row, struct sbx_err *err)
{
	struct question *q = ctx;
	const struct sbx_json *macro = sbx_json_get(row, "macro");
	const struct sbx_json *given = sbx_json_get(macro, "params");
	const char *kind = sbx_json_str(macro, "kind");
	struct sbx_buf params = SBX_BUF(SBX_MAX_MACRO_JSON);
	struct sbx_buf line = SBX_BUF(SBX_MAX_MACRO_JSON + 2 * SBX_KIND_SIZE);
	int r = SBX_OK;

	if (sbx_json_is(sbx_json_get(row, "provider"), q->self) &&
		sbx_json_is(sbx_json_get(row, "status"), "live") &&
		kind != NULL && sbx_kind_check(kind) && given != NULL &&
		q->told < SBX_MAX_LENT &&
		sbx_canon_write(&params, given, NULL, NULL) == 0) {
		q->told++;
		sbx_buf_fmt(&line, "o %s %s\n", kind, sbx_buf_text(&params));
		r = sbx_io_write_fd(q->fd, line.data, line.len, err);
	}
	sbx_buf_free(&params);
	sbx_buf_free(&line);
	return r;
}

static int
say_grants(struct question *q, struct sbx_state *st, struct sbx_err *err)
{
	enum sbx_use_why *whys = sbx_mem_alloc(q->count + 1, sizeof(*whys));
	struct sbx_use *uses = sbx_mem_alloc(q->count + 1, sizeof(*uses));
	char line[16];
	int r;

	for (size_t i = 0; i < q->count; i++)
		uses[i] = use_of(&q->list[i], q->self);
	r = sbx_use_check_all(st, q->self, uses, q->count, whys, err);
	for (size_t i = 0; r == SBX_OK && i < q->count; i++) {
		snprintf(line, sizeof(line), "g %d\n", (int)whys[i]);
		r = sbx_io_write_fd(q->fd, line, strlen(line), err);
	}
	free(uses);
	free(whys);
	return r;
}

static int
ask(void *ctx, struct sbx_state *st, const char *self, int fd,
	struct sbx_err *err)
{
	struct question *q = ctx;
	int r = SBX_OK;

	q->fd = fd;
	q->self = self;
	if (q->offers)
		r = sbx_state_each(
			st, SBX_VIEW_OFFER, NULL, say_offer, q, err);
	return r != SBX_OK ? r : say_grants(q, st, err);
}

/* ---- in root -------------------------------------------------------------- */

static int
no_answer(struct sbx_err *err)
{
	return sbx_err_set(
		err, SBX_E_SYS, "its reader gave no sound answer");
}

static int
hear(void *ctx, char *line, size_t len, struct sbx_err *err)
{
	struct question *q = ctx;
	struct sbx_said *said = q->said;
	int64_t why;
	char *space;

	(void)len;
	if (strncmp(line, "g ", 2) == 0 && q->heard < q->count &&
		sbx_num_parse(&why, line + 2, SBX_USE_YES, SBX_USE_NO_SUB)) {
		said->whys[q->heard++] = (enum sbx_use_why)why;
		return SBX_OK;
	}
	if (!q->offers || strncmp(line, "o ", 2) != 0 ||
		said->noffers == SBX_MAX_LENT ||
		(space = strchr(line + 2, ' ')) == NULL)
		return no_answer(err);
	*space = '\0';
	if (!sbx_kind_check(line + 2) || strlen(space + 1) > SBX_MAX_MACRO_JSON)
		return no_answer(err);
	said->offers = sbx_mem_grow(
		said->offers, said->noffers + 1, sizeof(*said->offers));
	snprintf(said->offers[said->noffers].kind, SBX_KIND_SIZE, "%s",
		line + 2);
	said->offers[said->noffers++].params =
		sbx_mem_text(space + 1, strlen(space + 1));
	return SBX_OK;
}

/* Whatever is amiss with it, it could not be asked. */
static int
put(const struct sbx_conf *conf, struct question *q, struct sbx_err *err)
{
	const struct sbx_reading reading = { .ask = ask, .hear = hear, .ctx = q };
	int r = sbx_reader(conf->db, &reading, err);

	if (r == SBX_OK && q->heard != q->count)
		r = no_answer(err);
	if (r == SBX_OK)
		return SBX_OK;
	sbx_err_at(err, "directory");
	if (err != NULL)
		err->code = SBX_E_SYS;
	return SBX_E_SYS;
}

int
sbx_said_ask(struct sbx_said *said, const struct sbx_conf *conf,
	struct sbx_err *err)
{
	char *copy = sbx_mem_text(conf->audit, strlen(conf->audit));
	struct question q = { .said = said, .offers = true };
	struct sbx_buf path = SBX_BUF(4096);
	int r;

	*said = (struct sbx_said){ .offers = NULL };
	sbx_buf_fmt(&path, "%s/grants", dirname(copy));
	free(copy);
	if ((r = sbx_grants_load(sbx_buf_text(&path), &said->grants, err)) == 0) {
		q.list = said->grants.list;
		q.count = said->grants.count;
		said->whys = sbx_mem_alloc(q.count + 1, sizeof(*said->whys));
		r = put(conf, &q, err);
	}
	sbx_buf_free(&path);
	return r;
}

/* A grant that was made anew is another one. */
enum sbx_use_why
sbx_said_of(const struct sbx_said *said, const struct sbx_granted *g)
{
	for (size_t i = 0; i < said->grants.count; i++) {
		const struct sbx_granted *old = &said->grants.list[i];

		if (old->since == g->since && strcmp(old->sub, g->sub) == 0 &&
			strcmp(old->service, g->service) == 0 &&
			strcmp(old->lend.ip, g->lend.ip) == 0 &&
			old->lend.proto == g->lend.proto &&
			old->lend.port == g->lend.port)
			return said->whys[i];
	}
	return SBX_USE_YES;
}

void
sbx_said_free(struct sbx_said *said)
{
	for (size_t i = 0; i < said->noffers; i++)
		free(said->offers[i].params);
	free(said->offers);
	free(said->whys);
	sbx_grants_free(&said->grants);
}

int
sbx_grant_check(const struct sbx_conf *conf, const struct sbx_granted *g,
	struct sbx_err *err)
{
	enum sbx_use_why why = SBX_USE_STRANGER;
	struct sbx_said said = { .whys = &why };
	struct question q = { .list = g, .count = 1, .said = &said };
	int r;

	if ((r = put(conf, &q, err)) != SBX_OK || why == SBX_USE_YES)
		return r;
	return sbx_err_set(err, SBX_E_NO, "directory: %s: %s", g->sub,
		sbx_use_text(why));
}

/* ---- names ---------------------------------------------------------------- */

struct naming {
	const struct sbx_grants *g;
	char (*names)[SBX_MAX_BOXNAME + 2];
	size_t heard;
};

/* A line for each grant: its subscriber's name, ? behind it if contested. */
static int
say_names(void *ctx, struct sbx_state *st, const char *self, int fd,
	struct sbx_err *err)
{
	struct naming *n = ctx;
	struct sbx_buf out = SBX_BUF(SBX_MAX_GRANTS * (SBX_MAX_BOXNAME + 2));
	int r = SBX_OK;

	(void)self;
	for (size_t i = 0; r == SBX_OK && i < n->g->count; i++) {
		r = sbx_name_get(st, n->g->list[i].sub, &out, err);
		sbx_buf_str(&out, "\n");
	}
	if (r == SBX_OK)
		r = sbx_io_write_fd(fd, sbx_buf_text(&out), out.len, err);
	sbx_buf_free(&out);
	return r;
}

/* As many lines as there are names for; what is none is left out. */
static int
hear_name(void *ctx, char *line, size_t len, struct sbx_err *err)
{
	struct naming *n = ctx;
	size_t plain = strcspn(line, "?");
	char *name;

	(void)err;
	if (n->heard == n->g->count)
		return SBX_OK;
	name = n->names[n->heard++];
	if (plain > SBX_MAX_BOXNAME || len > plain + 1)
		return SBX_OK;
	memcpy(name, line, plain);
	name[plain] = '\0';
	if (!sbx_name_check(name)) {
		name[0] = '\0';
	} else if (len > plain) {
		name[plain] = '?';
		name[plain + 1] = '\0';
	}
	return SBX_OK;
}

int
sbx_grants_names(const struct sbx_conf *conf, const struct sbx_grants *g,
	char (*names)[SBX_MAX_BOXNAME + 2], struct sbx_err *err)
{
	struct naming n = { .g = g, .names = names };
	const struct sbx_reading reading = { .ask = say_names, .hear = hear_name,
		.ctx = &n };

	memset(names, 0, g->count * sizeof(*names));
	return sbx_reader(conf->db, &reading, err);
}
