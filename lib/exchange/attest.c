/* SPDX-License-Identifier: Apache-2.0 */
/* What older nodes' WitnessAttest entries say of this journal. */
#include <stdlib.h>
#include <string.h>

#include "base/base.h"
#include "crypto/crypto.h"
#include "ledger/ledger.h"
#include "exchange/exchange.h"
#include "ledger/db.h"

struct attested {
	struct sbx_oldtree tree;
	const struct sbx_attest *list;
	size_t count, at;
	void (*fn)(void *ctx, const struct sbx_attest *a, bool holds);
	void *ctx;
};

static void
judge_attests(struct attested *x)
{
	unsigned char root[SBX_HASH_BYTES];

	for (; x->at < x->count &&
		(uint64_t)x->list[x->at].height == x->tree.size;
		x->at++) {
		sbx_oldtree_root(&x->tree, root);
		x->fn(x->ctx, &x->list[x->at],
			memcmp(root, x->list[x->at].root, sizeof(root)) == 0);
	}
}

static int
attest_row(void *ctx, const struct sbx_row *row, struct sbx_err *err)
{
	struct attested *x = ctx;

	(void)err;
	sbx_oldtree_add(&x->tree, row->hash);
	judge_attests(x);
	return x->at == x->count; /* 1: there is no more to compare */
}

static int
read_attests(struct sbx_log *log, struct sbx_attest **list, size_t *count,
	struct sbx_err *err)
{
	struct sbx_attest *a;
	sqlite3_stmt *st = NULL;
	const char *root;
	int r;

	if ((r = sbx_db_prepare(sbx_log_db(log),
		     "SELECT f.seq, a.did, "
		     "json_extract(e.payload, '$.log_height') AS h, "
		     "json_extract(e.payload, '$.merkle_root') FROM fact f "
		     "JOIN entry e USING(seq) JOIN author a ON a.id=f.author "
		     "WHERE f.type='WitnessAttest' ORDER BY h, f.seq LIMIT ?",
		     &st, err)) != 0)
		return r;
	sqlite3_bind_int(st, 1, SBX_MAX_ATTESTS);
	while (sqlite3_step(st) == SQLITE_ROW) {
		*list = sbx_mem_grow(*list, *count + 1, sizeof(**list));
		a = &(*list)[*count];
		root = (const char *)sqlite3_column_text(st, 3);
		*a = (struct sbx_attest){ .seq = sqlite3_column_int64(st, 0),
			.height = sqlite3_column_int64(st, 2) };
		snprintf(a->witness, sizeof(a->witness), "%s",
			(const char *)sqlite3_column_text(st, 1));
		if (root != NULL && sbx_hex_parse(a->root, sizeof(a->root),
					    root, strlen(root)))
			++*count;
	}
	sqlite3_finalize(st);
	return SBX_OK;
}

int
sbx_attest_each(struct sbx_log *log,
	void (*fn)(void *ctx, const struct sbx_attest *a, bool holds),
	void *ctx, struct sbx_err *err)
{
	struct attested x = { .fn = fn, .ctx = ctx };
	struct sbx_attest *list = NULL;
	int r;

	if ((r = read_attests(log, &list, &x.count, err)) == 0 && x.count > 0) {
		x.list = list;
		judge_attests(&x);
		if (x.at < x.count)
			r = sbx_log_each(log, 1, 0, attest_row, &x, err);
		r = r == 1 ? SBX_OK : r;
		/* Of a log that is longer than this one. */
		for (; r == 0 && x.at < x.count; x.at++)
			fn(ctx, &list[x.at], false);
	}
	free(list);
	return r;
}
