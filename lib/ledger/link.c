/* SPDX-License-Identifier: Apache-2.0 */
/* One entry that something rests on: its signature, and its place in the
 * chain, without walking all of it. */
#include <string.h>

#include "base/base.h"
#include "crypto/crypto.h"
#include "record/record.h"
#include "ledger/ledger.h"
#include "ledger/db.h"

struct link {
	unsigned char head[SBX_HASH_BYTES]; /* of the row before */
	int64_t seq;
};

static int
check_row(void *ctx, const struct sbx_row *row, struct sbx_err *err)
{
	struct link *k = ctx;
	struct sbx_entry *e = NULL;
	int r;

	if (row->seq != k->seq) {
		memcpy(k->head, row->hash, sizeof(k->head));
		return SBX_OK;
	}
	if ((r = sbx_row_entry(row, &e, err)) != 0 ||
		(r = sbx_entry_verify(e, err)) != 0)
		goto out;
	sbx_log_chain(k->head, e->canon, e->canonlen, e->sig);
	if (memcmp(k->head, row->hash, sizeof(k->head)) != 0 ||
		memcmp(e->id, row->id, sizeof(e->id)) != 0)
		r = sbx_err_set(err, SBX_E_NO, "its hash is not the chain's");
out:
	sbx_entry_free(e);
	return r;
}

int
sbx_log_pinned(struct sbx_log *log, const char *did,
	unsigned char pub[static SBX_PUB_BYTES], struct sbx_err *err)
{
	sqlite3_stmt *q = NULL;
	int r;

	if ((r = sbx_db_prepare(sbx_log_db(log), "SELECT pub FROM author WHERE "
		     "did=?", &q, err)) != 0)
		return r;
	sbx_db_bind_text(q, 1, did);
	if (sqlite3_step(q) == SQLITE_ROW &&
		sqlite3_column_bytes(q, 0) == SBX_PUB_BYTES)
		memcpy(pub, sqlite3_column_blob(q, 0), SBX_PUB_BYTES);
	else
		r = sbx_err_set(err, SBX_E_NO, "%s has said nothing here", did);
	sqlite3_finalize(q);
	return r;
}

int
sbx_log_check_entry(struct sbx_log *log, const char *id, struct sbx_err *err)
{
	unsigned char raw[SBX_HASH_BYTES];
	struct link k = { .seq = 0 };
	sqlite3_stmt *q = NULL;
	int r;

	if (!sbx_hex_parse(raw, sizeof(raw), id, strlen(id)))
		return sbx_err_set(err, SBX_E_NO, "not an identifier");
	if ((r = sbx_db_prepare(sbx_log_db(log), "SELECT e.seq FROM "
		     "main.fact f CROSS JOIN main.entry e USING(seq) WHERE "
		     SBX_OF_ID("?1"), &q, err)) != 0)
		return r;
	sbx_db_bind_blob(q, 1, raw, sizeof(raw));
	if (sqlite3_step(q) == SQLITE_ROW)
		k.seq = sqlite3_column_int64(q, 0);
	sqlite3_finalize(q);
	if (k.seq == 0)
		return sbx_err_set(err, SBX_E_NO, "not in the journal");
	return sbx_log_each(log, k.seq > 1 ? k.seq - 1 : k.seq, k.seq,
		check_row, &k, err);
}
