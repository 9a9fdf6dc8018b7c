/* SPDX-License-Identifier: Apache-2.0 */
/* When the -wal file goes into the database.
 *
 * Up to 3.51.2 SQLite can lose pages if one connection checkpoints while another
 * commits (sqlite.org/wal.html, "The WAL-Reset Bug"); Debian's is older.  So
 * whoever checkpoints holds the lock of the writers meanwhile, by a connection
 * that does nothing else.  Readers never checkpoint, and the last one to close
 * is alone. */
#include <stdlib.h>

#include "base/base.h"
#include "ledger/db.h"

struct wal {
	int limit;	 /* frames */
	sqlite3 *holder; /* of the lock; NULL until it is needed */
};

static int
open_holder(sqlite3 *db, sqlite3 **out)
{
	if (sqlite3_open_v2(sqlite3_db_filename(db, "main"), out,
		    SQLITE_OPEN_READWRITE | SQLITE_OPEN_PRIVATECACHE |
			    SQLITE_OPEN_NOMUTEX, NULL) == SQLITE_OK)
		return SQLITE_OK;
	sqlite3_close(*out);
	*out = NULL;
	return SQLITE_CANTOPEN;
}

/* After each commit.  While somebody else writes it is left to the next. */
static int
committed(void *arg, sqlite3 *db, const char *name, int frames)
{
	struct wal *w = arg;

	if (frames < w->limit || (w->holder == NULL &&
		open_holder(db, &w->holder) != SQLITE_OK))
		return SQLITE_OK;
	if (sqlite3_exec(w->holder, "BEGIN IMMEDIATE", NULL, NULL, NULL) ==
		SQLITE_OK) {
		sqlite3_wal_checkpoint_v2(db, name, SQLITE_CHECKPOINT_PASSIVE,
			NULL, NULL);
		sqlite3_exec(w->holder, "ROLLBACK", NULL, NULL, NULL);
	}
	return SQLITE_OK;
}

void
sbx_wal_limit(sqlite3 *db, int frames)
{
	struct wal *w = sqlite3_wal_hook(db, NULL, NULL);

	if (w == NULL)
		w = sbx_mem_alloc(1, sizeof(*w));
	w->limit = frames;
	sqlite3_wal_hook(db, committed, w);
}

void
sbx_wal_close(sqlite3 *db)
{
	struct wal *w = sqlite3_wal_hook(db, NULL, NULL);

	if (w != NULL)
		sqlite3_close(w->holder);
	free(w);
}
