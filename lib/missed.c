/* SPDX-License-Identifier: Apache-2.0 */
/* Where something was refused because its author, no member, had no room: who
 * is a member by now may be its author, so that source is read anew.  It is the
 * members who change that: no stranger can have us read a log twice. */
#include <string.h>

#include "follow.h"

static int
add_member(void *ctx, const struct sbx_json *row, struct sbx_err *err)
{
	const struct sbx_json *state = sbx_json_get(row, "state");
	unsigned char *sum = ctx, hash[SBX_HASH_BYTES];
	const char *did = sbx_json_str(row, "did");

	(void)err;
	if (did == NULL || (!sbx_json_is(state, "anchor") &&
				   !sbx_json_is(state, "member")))
		return SBX_OK;
	sbx_hash_b2(hash, did, strlen(did));
	for (size_t i = 0; i < sizeof(hash); i++)
		sum[i] ^= hash[i];
	return SBX_OK;
}

/* Who is a member, whatever the order. */
static int
members(struct sbx_log *log, char hex[static 2 * SBX_HASH_BYTES + 1],
	struct sbx_err *err)
{
	unsigned char sum[SBX_HASH_BYTES] = { 0 };
	struct sbx_state *st = NULL;
	int r;

	if ((r = sbx_state_open(log, &st, err)) == 0)
		r = sbx_state_each(
			st, SBX_VIEW_MEMBER, NULL, add_member, sum, err);
	sbx_state_free(st);
	sbx_hex_write(hex, sum, sizeof(sum));
	return r;
}

int
sbx_missed_mark(struct sbx_log *log, const char *source, struct sbx_err *err)
{
	char hex[2 * SBX_HASH_BYTES + 1];
	sqlite3_stmt *st = NULL;
	int r;

	if ((r = members(log, hex, err)) != 0 ||
		(r = sbx_db_prepare(sbx_log_db(log),
			 "INSERT OR REPLACE INTO local(key, value) "
			 "VALUES('missed ' || ?, ?)",
			 &st, err)) != 0)
		return r;
	sbx_db_bind_text(st, 1, source);
	sbx_db_bind_text(st, 2, hex);
	if (sqlite3_step(st) != SQLITE_DONE)
		r = sbx_db_fail(sbx_log_db(log), "ledger", err);
	sqlite3_finalize(st);
	return r;
}

int
sbx_missed_again(struct sbx_log *log, const char *source, bool *again,
	struct sbx_err *err)
{
	char hex[2 * SBX_HASH_BYTES + 1], was[2 * SBX_HASH_BYTES + 1] = "";
	sqlite3_stmt *st = NULL;
	int r, step;

	*again = false;
	if ((r = sbx_db_prepare(sbx_log_db(log),
		     "SELECT value FROM local WHERE key='missed ' || ?", &st,
		     err)) != 0)
		return r;
	sbx_db_bind_text(st, 1, source);
	if ((step = sqlite3_step(st)) == SQLITE_ROW)
		snprintf(was, sizeof(was), "%s",
			(const char *)sqlite3_column_text(st, 0));
	else if (step != SQLITE_DONE)
		r = sbx_db_fail(sbx_log_db(log), "ledger", err);
	sqlite3_finalize(st);
	if (step != SQLITE_ROW || (r = members(log, hex, err)) != 0)
		return r;
	*again = strcmp(was, hex) != 0;
	return SBX_OK;
}

int
sbx_missed_clear(struct sbx_log *log, const char *source, struct sbx_err *err)
{
	sqlite3_stmt *st = NULL;
	int r;

	if ((r = sbx_db_prepare(sbx_log_db(log),
		     "DELETE FROM local WHERE key='missed ' || ?", &st, err)) !=
		0)
		return r;
	sbx_db_bind_text(st, 1, source);
	if (sqlite3_step(st) != SQLITE_DONE)
		r = sbx_db_fail(sbx_log_db(log), "ledger", err);
	sqlite3_finalize(st);
	return r;
}
