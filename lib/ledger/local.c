/* SPDX-License-Identifier: Apache-2.0 */
/* What a node keeps for itself beside the journal and never replicates. */
#include <string.h>

#include "base/base.h"
#include "json/json.h"
#include "crypto/crypto.h"
#include "ledger/ledger.h"
#include "ledger/db.h"

int
sbx_log_self(struct sbx_log *log, char did[static SBX_DID_SIZE],
	struct sbx_err *err)
{
	struct sbx_buf text = SBX_BUF(SBX_DID_SIZE);
	int r;

	if ((r = sbx_db_text(sbx_log_db(log), "SELECT value FROM local "
		     "WHERE key=?", "self", NULL, &text, err)) != 0)
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

bool
sbx_log_own(struct sbx_log *log, const struct sbx_entry *e)
{
	char self[SBX_DID_SIZE];

	return sbx_log_self(log, self, NULL) == 0 &&
		strcmp(self, e->author) == 0;
}

int
sbx_log_set_self(struct sbx_log *log, const char *did, struct sbx_err *err)
{
	return sbx_db_text(sbx_log_db(log), "INSERT OR REPLACE INTO local(key, "
		"value) VALUES(?, ?)", "self", did, NULL, err);
}

/* When an anchor came or went, for questions about the past; it takes a change
 * only.  The first ones there were stand for all time before. */
static int
note_trust(struct sbx_log *log, const char *did, bool yes, struct sbx_err *err)
{
	char sql[400];

	snprintf(sql, sizeof(sql), "INSERT INTO local(key, value) SELECT "
		"'trusted', json_array(j.v) FROM (SELECT json_object('us', %lld, "
		"'did', ?, 'trusted', %d) AS v) j WHERE true ON CONFLICT(key) DO "
		"UPDATE SET value=json_insert(value, '$[#]', "
		"json_extract(excluded.value, '$[0]'))",
		(long long)sbx_clock_now(), yes);
	return sbx_db_text(sbx_log_db(log), sql, did, NULL, NULL, err);
}

static int
set_anchor(struct sbx_log *log, const char *did, bool yes, bool noted,
	struct sbx_err *err)
{
	sqlite3 *db = sbx_log_db(log);
	int r;

	if (!sbx_did_check(did, strlen(did)))
		return sbx_err_set(err, SBX_E_USAGE, "not a did: %.60s", did);
	r = sbx_db_text(db, yes ? "INSERT OR IGNORE INTO anchor(did) VALUES(?)" :
				  "DELETE FROM anchor WHERE did=?",
		did, NULL, NULL, err);
	if (r == 0 && noted && sqlite3_changes(db) > 0)
		r = note_trust(log, did, yes, err);
	return r;
}

int
sbx_log_trust(struct sbx_log *log, const char *did, bool yes,
	struct sbx_err *err)
{
	sqlite3 *db = sbx_log_db(log);
	int64_t anchors = 0;
	int r;

	if ((r = sbx_db_exec(db, "SAVEPOINT trust", err)) != 0)
		return r;
	if ((r = sbx_db_int(db, "SELECT (SELECT count(*) FROM anchor)+"
				"(SELECT count(*) FROM local WHERE "
				"key='trusted')", 0, &anchors, err)) == 0 &&
		(r = set_anchor(log, did, yes, anchors > 0, err)) == 0)
		r = sbx_db_exec(db, "RELEASE trust", err);
	if (r != 0)
		sbx_db_exec(db, "ROLLBACK TO trust; RELEASE trust", NULL);
	return r;
}

int
sbx_log_join(struct sbx_log *log, const char *self,
	const struct sbx_json *anchors, struct sbx_err *err)
{
	const struct sbx_json *a = anchors->child;
	int64_t others = 0;
	int r;

	/* Who was in no mesh has nothing to remember of it. */
	if ((r = sbx_db_int(sbx_log_db(log), "SELECT count(*) FROM anchor WHERE "
			"did<>(SELECT value FROM local WHERE key='self')", 0,
		     &others, err)) == 0)
		r = set_anchor(log, self, false, others > 0, err);
	for (; r == 0 && a != NULL; a = a->next)
		r = set_anchor(log, a->text, true, others > 0, err);
	return r;
}

int
sbx_log_trusted(struct sbx_log *log, int64_t since,
	int (*fn)(void *ctx, const char *did, bool yes, int64_t when), void *ctx,
	struct sbx_err *err)
{
	sqlite3 *db = sbx_log_db(log);
	sqlite3_stmt *st = NULL;
	int r, step = SQLITE_DONE;

	if ((r = sbx_db_prepare(db, "SELECT j.value->>'$.did', "
		     "j.value->>'$.trusted', j.value->>'$.us' AS us FROM local l, "
		     "json_each(l.value) j WHERE l.key='trusted' AND us>? "
		     "ORDER BY j.key", &st, err)) != 0)
		return r;
	sqlite3_bind_int64(st, 1, since);
	while (r == 0 && (step = sqlite3_step(st)) == SQLITE_ROW)
		r = fn(ctx, (const char *)sqlite3_column_text(st, 0),
			sqlite3_column_int(st, 1), sqlite3_column_int64(st, 2));
	if (r == 0 && step != SQLITE_DONE)
		r = sbx_db_fail(db, "ledger", err);
	sqlite3_finalize(st);
	return r;
}
