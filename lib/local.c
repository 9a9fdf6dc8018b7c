/* SPDX-License-Identifier: Apache-2.0 */
/* What a node keeps for itself beside the journal and never replicates. */
#include <string.h>

#include "db.h"

/* One statement with up to two texts; *out (may be NULL) gets the first text
 * of the first row. */
static int
query(struct sbx_log *log, const char *sql, const char *a, const char *b,
	struct sbx_buf *out, struct sbx_err *err)
{
	sqlite3 *db = sbx_log_db(log);
	sqlite3_stmt *st = NULL;
	int r, step;

	if ((r = sbx_db_prepare(db, sql, &st, err)) != 0)
		return r;
	sbx_db_bind_text(st, 1, a);
	if (b != NULL)
		sbx_db_bind_text(st, 2, b);
	step = sqlite3_step(st);
	if (step == SQLITE_ROW && out != NULL)
		sbx_buf_add(out, sqlite3_column_text(st, 0),
			(size_t)sqlite3_column_bytes(st, 0));
	else if (step != SQLITE_DONE && step != SQLITE_ROW)
		r = sbx_db_fail(db, "ledger", err);
	sqlite3_finalize(st);
	return r;
}

int
sbx_log_self(struct sbx_log *log, char did[static SBX_DID_SIZE],
	struct sbx_err *err)
{
	struct sbx_buf text = SBX_BUF(SBX_DID_SIZE);
	int r;

	if ((r = query(log, "SELECT value FROM local WHERE key=?", "self", NULL,
		     &text, err)) != 0)
		goto out;
	if (!sbx_did_check(sbx_buf_text(&text), text.len)) {
		r = sbx_err_set(err, SBX_E_NO, "this ledger has no owner yet");
		sbx_err_hint(err, "sbx-ledger init gives it one");
		goto out;
	}
	memcpy(did, text.data, SBX_DID_SIZE);
out:
	sbx_buf_free(&text);
	return r;
}

int
sbx_log_set_self(struct sbx_log *log, const char *did, struct sbx_err *err)
{
	return query(log, "INSERT OR REPLACE INTO local(key, value) VALUES(?, ?)",
		"self", did, NULL, err);
}

int
sbx_log_trust(struct sbx_log *log, const char *did, bool yes,
	struct sbx_err *err)
{
	if (!sbx_did_check(did, strlen(did)))
		return sbx_err_set(err, SBX_E_USAGE, "not a did: %.60s", did);
	return query(log, yes ? "INSERT OR IGNORE INTO anchor(did) VALUES(?)" :
				"DELETE FROM anchor WHERE did=?",
		did, NULL, NULL, err);
}
