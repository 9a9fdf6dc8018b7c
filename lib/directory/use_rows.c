/* SPDX-License-Identifier: Apache-2.0 */
/* The rows for one question or for many.  A question alone costs a look at every
 * fact, so that those of many are read once, and only they. */
#include <stdlib.h>
#include <string.h>

#include "base/base.h"
#include "json/json.h"
#include "directory/directory.h"
#include "directory/use.h"

struct rows {
	struct sbx_doc **list;
	size_t count;
};

struct sbx_use_rows {
	const struct sbx_use *uses; /* the caller's */
	size_t count;
	const char *provider;
	struct rows offers, subs;
	struct node {
		char did[SBX_DID_SIZE], ip[SBX_USE_IP_SIZE];
	} *nodes; /* by did */
	size_t nnodes;
};

/* ---- reading them once ------------------------------------------------------ */

static bool
is(const char *a, const char *b)
{
	return a != NULL && b != NULL && strcmp(a, b) == 0;
}

static void
keep(struct rows *r, const struct sbx_json *row)
{
	r->list = sbx_mem_grow(r->list, r->count + 1, sizeof(*r->list));
	r->list[r->count++] = sbx_doc_copy(row);
}

static int
keep_sub(void *ctx, const struct sbx_json *row, struct sbx_err *err)
{
	const char *service = sbx_json_str(row, "service_id");
	const char *subscriber = sbx_json_str(row, "subscriber");
	struct sbx_use_rows *rows = ctx;

	(void)err;
	for (size_t i = 0; i < rows->count; i++)
		if (is(service, rows->uses[i].service) &&
			is(subscriber, rows->uses[i].subscriber)) {
			keep(&rows->subs, row);
			break;
		}
	return SBX_OK;
}

static int
keep_offer(void *ctx, const struct sbx_json *row, struct sbx_err *err)
{
	const char *service = sbx_json_str(row, "service_id");
	struct sbx_use_rows *rows = ctx;

	(void)err;
	if (!is(sbx_json_str(row, "provider"), rows->provider))
		return SBX_OK;
	for (size_t i = 0; i < rows->count; i++)
		if (is(service, rows->uses[i].service)) {
			keep(&rows->offers, row);
			break;
		}
	return SBX_OK;
}

static int
keep_nodes(struct sbx_state *st, struct sbx_use_rows *rows, struct sbx_err *err)
{
	sqlite3_stmt *q = NULL;
	struct node *n;
	int r, step;

	if ((r = sbx_db_prepare(st->db, "SELECT did, mesh_ip FROM temp.v_node "
		     "WHERE member AND mesh_ip IS NOT NULL ORDER BY did", &q,
		     err)) != 0)
		return r;
	while ((step = sqlite3_step(q)) == SQLITE_ROW) {
		rows->nodes = sbx_mem_grow(
			rows->nodes, rows->nnodes + 1, sizeof(*rows->nodes));
		n = &rows->nodes[rows->nnodes++];
		snprintf(n->did, sizeof(n->did), "%s",
			(const char *)sqlite3_column_text(q, 0));
		snprintf(n->ip, sizeof(n->ip), "%s",
			(const char *)sqlite3_column_text(q, 1));
	}
	if (step != SQLITE_DONE)
		r = sbx_db_fail(st->db, "directory", err);
	sqlite3_finalize(q);
	return r;
}

static void
rows_free(struct rows *r)
{
	for (size_t i = 0; i < r->count; i++)
		sbx_doc_free(r->list[i]);
	free(r->list);
}

int
sbx_use_check_all(struct sbx_state *st, const char *provider,
	const struct sbx_use *uses, size_t count, enum sbx_use_why *whys,
	struct sbx_err *err)
{
	struct sbx_use_rows rows = { .uses = uses, .count = count,
		.provider = provider };
	struct sbx_verdict v;
	int r;

	if ((r = keep_nodes(st, &rows, err)) == 0 &&
		(r = sbx_state_each(st, SBX_VIEW_OFFER, NULL, keep_offer, &rows,
			 err)) == 0)
		r = sbx_state_subs(st, &(struct sbx_subs){ .provider = provider },
			keep_sub, &rows, err);
	for (size_t i = 0; r == 0 && i < count; i++) {
		r = sbx_use_one(st, &rows, &uses[i], &v, err);
		whys[i] = v.why;
		sbx_verdict_free(&v);
	}
	rows_free(&rows.offers);
	rows_free(&rows.subs);
	free(rows.nodes);
	return r;
}

/* ---- asked for ---------------------------------------------------------------- */

/* Of the subscriber's, unless that is NULL. */
static int
each_kept(const struct rows *rows, const char *service, const char *subscriber,
	sbx_use_row *fn, void *ctx, struct sbx_err *err)
{
	int r = SBX_OK;

	for (size_t i = 0; r == SBX_OK && i < rows->count; i++) {
		const struct sbx_json *row = sbx_doc_root(rows->list[i]);

		if (is(sbx_json_str(row, "service_id"), service) &&
			(subscriber == NULL || is(sbx_json_str(row,
				"subscriber"), subscriber)))
			r = fn(ctx, row, err);
	}
	return r;
}

int
sbx_use_offers(struct sbx_state *st, const struct sbx_use_rows *rows,
	const struct sbx_use *use, sbx_use_row *fn, void *ctx,
	struct sbx_err *err)
{
	if (rows == NULL)
		return sbx_state_each(
			st, SBX_VIEW_OFFER, use->service, fn, ctx, err);
	return each_kept(&rows->offers, use->service, NULL, fn, ctx, err);
}

int
sbx_use_subs(struct sbx_state *st, const struct sbx_use_rows *rows,
	const struct sbx_use *use, sbx_use_row *fn, void *ctx,
	struct sbx_err *err)
{
	const struct sbx_subs of = { .subscriber = use->subscriber,
		.service = use->service };

	if (rows == NULL)
		return sbx_state_subs(st, &of, fn, ctx, err);
	return each_kept(
		&rows->subs, use->service, use->subscriber, fn, ctx, err);
}

static int
by_did(const void *key, const void *node)
{
	return strcmp(key, ((const struct node *)node)->did);
}

int
sbx_use_node(struct sbx_state *st, const struct sbx_use_rows *rows,
	const struct sbx_use *use, char ip[static SBX_USE_IP_SIZE],
	struct sbx_err *err)
{
	const struct node *n = NULL;
	sqlite3_stmt *q = NULL;
	int r, step;

	ip[0] = '\0';
	if (rows != NULL) {
		if (rows->nnodes > 0)
			n = bsearch(use->subscriber, rows->nodes, rows->nnodes,
				sizeof(*n), by_did);
		snprintf(ip, SBX_USE_IP_SIZE, "%s", n != NULL ? n->ip : "");
		return SBX_OK;
	}
	if ((r = sbx_db_prepare(st->db, "SELECT mesh_ip FROM temp.v_node WHERE "
		     "did=? AND member AND mesh_ip IS NOT NULL", &q, err)) != 0)
		return r;
	sbx_db_bind_text(q, 1, use->subscriber);
	if ((step = sqlite3_step(q)) == SQLITE_ROW)
		snprintf(ip, SBX_USE_IP_SIZE, "%s",
			(const char *)sqlite3_column_text(q, 0));
	else if (step != SQLITE_DONE)
		r = sbx_db_fail(st->db, "directory", err);
	sqlite3_finalize(q);
	return r;
}
