/* SPDX-License-Identifier: Apache-2.0 */
/* What somebody does who has the ledger's file in hand. */
#ifndef HAND_H
#define HAND_H

#include <sqlite3.h>

#include "base/base.h"
#include "world.h"

/* Run sql on the file from outside, as if there were no triggers. */
__attribute__((unused)) static void
tamper(const char *sql)
{
	char *text = NULL;
	sqlite3 *db;

	ck_assert_int_eq(sqlite3_open(log_path, &db), SQLITE_OK);
	sqlite3_db_config(db, SQLITE_DBCONFIG_ENABLE_TRIGGER, 0, NULL);
	ck_assert_msg(sqlite3_exec(db, sql, NULL, NULL, &text) == SQLITE_OK,
		"%s: %s", sql, text);
	sqlite3_close(db);
}

/* Every row of these tables, NULL at their end, as text; "" when one cannot
 * be read. */
__attribute__((unused)) static void
dump_db(struct sbx_buf *out, sqlite3 *db, const char *const *tables)
{
	sqlite3_stmt *st;
	char sql[80];
	int step = SQLITE_DONE;

	sbx_buf_clear(out);
	for (; *tables != NULL && step == SQLITE_DONE; tables++) {
		snprintf(sql, sizeof(sql), "SELECT * FROM %s ORDER BY 1, 2",
			*tables);
		sbx_buf_fmt(out, "%s\n", *tables);
		if (sqlite3_prepare_v2(db, sql, -1, &st, NULL) != SQLITE_OK)
			break;
		while ((step = sqlite3_step(st)) == SQLITE_ROW) {
			for (int i = 0; i < sqlite3_column_count(st); i++) {
				sbx_buf_fmt(out, " %d:", sqlite3_column_type(st, i));
				sbx_buf_hex(out, sqlite3_column_blob(st, i),
					(size_t)sqlite3_column_bytes(st, i));
			}
			sbx_buf_str(out, "\n");
		}
		sqlite3_finalize(st);
	}
	if (step != SQLITE_DONE)
		sbx_buf_clear(out);
	ck_assert(!out->over);
}

__attribute__((unused)) static void
dump(struct sbx_buf *out, const char *path, const char *const *tables)
{
	sqlite3 *db = NULL;

	ck_assert_int_eq(sqlite3_open_v2(path, &db, SQLITE_OPEN_READONLY, NULL),
		SQLITE_OK);
	dump_db(out, db, tables);
	sqlite3_close(db);
}

#endif
