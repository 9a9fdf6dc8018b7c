/* SPDX-License-Identifier: Apache-2.0 */
/* What members call a DID.  A name is for people; nothing is decided by it. */
#include <string.h>

#include "state.h"

static int
find_did(struct sbx_state *st, const char *sql, const char *text,
	char did[static SBX_DID_SIZE], int *count, struct sbx_err *err)
{
	sqlite3_stmt *q = NULL;
	const char *found;
	int r;

	if ((r = sbx_db_prepare(st->db, sql, &q, err)) != 0)
		return r;
	sbx_db_bind_text(q, 1, text);
	*count = 0;
	while (sqlite3_step(q) == SQLITE_ROW) {
		found = (const char *)sqlite3_column_text(q, 0);
		if (found != NULL && strlen(found) == SBX_DID_SIZE - 1 &&
			++*count == 1)
			memcpy(did, found, SBX_DID_SIZE);
	}
	sqlite3_finalize(q);
	return SBX_OK;
}

int
sbx_name_resolve(struct sbx_state *st, const char *text,
	char did[static SBX_DID_SIZE], struct sbx_err *err)
{
	static const char *const ways[] = {
		"SELECT DISTINCT did FROM temp.v_name WHERE member AND name=?",
		"SELECT did FROM temp.v_node WHERE member AND boxname=?",
	};
	int r, count;

	if (sbx_did_check(text, strlen(text))) {
		memcpy(did, text, SBX_DID_SIZE);
		return SBX_OK;
	}
	for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]); i++) {
		if ((r = find_did(st, ways[i], text, did, &count, err)) != 0)
			return r;
		if (count == 1)
			return SBX_OK;
		if (count > 1)
			return sbx_err_set(err, SBX_E_USAGE,
				"%.40s: contested: %d boxes have this name",
				text, count);
	}
	return sbx_err_set(err, SBX_E_NO,
		"%.60s: neither a did nor a name that a member gave one", text);
}

/* As v_member has it, for one alone: that view is made of all there are. */
static const char name_sql[] =
	"SELECT coalesce((SELECT min(name) FROM temp.v_name WHERE did=?1 AND "
	"member AND status='live'), (SELECT json_extract(e.payload, '$.boxname') "
	"FROM temp.claim f JOIN main.entry e USING(seq) WHERE f.type='NodeRecord' "
	"AND f.author=(SELECT id FROM main.author WHERE did=?1) "
	"ORDER BY f.time DESC, e.id LIMIT 1))";

void
sbx_name_write(struct sbx_state *st, const char *did, struct sbx_buf *out)
{
	sqlite3_stmt *q = NULL;
	const char *name = NULL;

	if (sbx_db_prepare(st->db, name_sql, &q, NULL) == 0) {
		sbx_db_bind_text(q, 1, did);
		if (sqlite3_step(q) == SQLITE_ROW)
			name = (const char *)sqlite3_column_text(q, 0);
	}
	if (name != NULL)
		sbx_buf_fmt(out, "%s (%s)", name, did);
	else
		sbx_buf_str(out, did);
	sqlite3_finalize(q);
}
