/* SPDX-License-Identifier: Apache-2.0 */
#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/base.h"
#include "record/record.h"
#include "ledger/ledger.h"
#include "ledger/db.h"

#define BUSY_MS 10000

/* What is sorted may be larger than memory should be.  SQLite would ask the
 * environment for the place; its files have no name once they are open. */
static char temp_dir[] = "/var/tmp";

int
sbx_db_fail(sqlite3 *db, const char *doing, struct sbx_err *err)
{
	int code = db != NULL ? sqlite3_errcode(db) & 0xff : SQLITE_CANTOPEN;

	if (code == SQLITE_CORRUPT || code == SQLITE_NOTADB)
		return sbx_err_set(err, SBX_E_NO, "%s: the database is damaged: %s",
			doing, sqlite3_errmsg(db));
	return sbx_err_set(err, SBX_E_SYS, "%s: %s", doing,
		db != NULL ? sqlite3_errmsg(db) : "no memory");
}

int
sbx_db_exec(sqlite3 *db, const char *sql, struct sbx_err *err)
{
	if (sqlite3_exec(db, sql, NULL, NULL, NULL) != SQLITE_OK)
		return sbx_db_fail(db, "ledger", err);
	return SBX_OK;
}

int
sbx_db_prepare(sqlite3 *db, const char *sql, sqlite3_stmt **st,
	struct sbx_err *err)
{
	if (sqlite3_prepare_v3(db, sql, -1, SQLITE_PREPARE_PERSISTENT, st,
		    NULL) != SQLITE_OK)
		return sbx_db_fail(db, "ledger", err);
	return SBX_OK;
}

void
sbx_db_bind_text(sqlite3_stmt *st, int i, const char *text)
{
	sqlite3_bind_text(st, i, text, -1, SQLITE_STATIC);
}

void
sbx_db_bind_blob(sqlite3_stmt *st, int i, const void *data, size_t len)
{
	sqlite3_bind_blob64(st, i, data, len, SQLITE_STATIC);
}

const char *
sbx_db_col_text(sqlite3_stmt *st, int i)
{
	return sqlite3_column_type(st, i) != SQLITE_TEXT ? NULL :
		(const char *)sqlite3_column_text(st, i);
}

const unsigned char *
sbx_db_col_bytes(sqlite3_stmt *st, int i, int len)
{
	return sqlite3_column_type(st, i) != SQLITE_BLOB ||
			sqlite3_column_bytes(st, i) != len ? NULL :
		sqlite3_column_blob(st, i);
}

int
sbx_db_int(sqlite3 *db, const char *sql, int64_t otherwise, int64_t *value,
	struct sbx_err *err)
{
	sqlite3_stmt *st = NULL;
	int r, step;

	if ((r = sbx_db_prepare(db, sql, &st, err)) != 0)
		return r;
	step = sqlite3_step(st);
	*value = otherwise;
	if (step == SQLITE_ROW && sqlite3_column_type(st, 0) != SQLITE_NULL)
		*value = sqlite3_column_int64(st, 0);
	else if (step != SQLITE_ROW && step != SQLITE_DONE)
		r = sbx_db_fail(db, "ledger", err);
	sqlite3_finalize(st);
	return r;
}

int
sbx_db_text(sqlite3 *db, const char *sql, const char *a, const char *b,
	struct sbx_buf *out, struct sbx_err *err)
{
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

/* Nothing that stands in the file may run: no schema is trusted, no extension
 * loaded, no corrupt cell taken for a length.  The cache is what a sort takes
 * as well, before it goes to a file. */
static int
harden(sqlite3 *db, bool write, struct sbx_err *err)
{
	int on = 1, r;

	sqlite3_db_config(db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
	sqlite3_db_config(db, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
	sqlite3_db_config(db, SQLITE_DBCONFIG_ENABLE_LOAD_EXTENSION, 0, NULL);
	sqlite3_busy_timeout(db, BUSY_MS);
	r = sbx_db_exec(db,
		"PRAGMA cell_size_check=ON; PRAGMA mmap_size=0;"
		"PRAGMA temp_store=FILE; PRAGMA cache_size=-4000;", err);
	if (r != 0 || !write)
		return r;
	/* The -wal and -shm files stay, so that a reader who may not write to
	 * the directory can still open the database.  A short -wal is soon
	 * written over in place, and fdatasync(2) of what does not grow needs
	 * no commit of the file system's own: half of what an append costs. */
	sqlite3_file_control(db, "main", SQLITE_FCNTL_PERSIST_WAL, &on);
	r = sbx_db_exec(db,
		"PRAGMA page_size=8192;" /* of a new file */
		"PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;"
		"PRAGMA journal_size_limit=16777216;", err);
	sbx_wal_limit(db, 512);
	return r;
}

void
sbx_db_bulk(sqlite3 *db)
{
	sbx_wal_limit(db, 2048);
	sbx_db_exec(db, "PRAGMA cache_size=-12000", NULL);
}

void
sbx_db_once(sqlite3 *db)
{
	sbx_db_exec(db, "PRAGMA cache_size=-400", NULL);
}

/* The file is made by us, with its mode, before SQLite sees it; -wal and -shm
 * take their mode and owner from it. */
static int
prepare_file(const char *path, unsigned flags, struct sbx_err *err)
{
	struct stat st;
	int fd;

	if (lstat(path, &st) == 0) {
		if (!S_ISREG(st.st_mode))
			return sbx_err_set(err, SBX_E_USAGE,
				"%s: not a regular file", path);
		return SBX_OK;
	}
	if (errno != ENOENT)
		return sbx_err_sys(err, "%s", path);
	if (!(flags & SBX_LOG_CREATE)) {
		sbx_err_set(err, SBX_E_USAGE, "%s: there is no ledger", path);
		sbx_err_hint(err, "make one with: sbx-ledger init");
		return SBX_E_USAGE;
	}
	fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0640);
	if (fd < 0)
		return sbx_err_sys(err, "%s", path);
	if (fchmod(fd, 0640) != 0) {
		close(fd);
		return sbx_err_sys(err, "%s", path);
	}
	close(fd);
	return SBX_OK;
}

/* Once, before the first connection; refused, and done already, later.  A path
 * is a path: Debian's SQLite would take "file:..." for a URI.  Nobody asks how
 * much memory SQLite has, and counting it is a lock for each allocation. */
static void
configure(void)
{
	sqlite3_config(SQLITE_CONFIG_URI, 0);
	sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
	if (sqlite3_temp_directory == NULL)
		sqlite3_temp_directory = temp_dir;
}

/* sbx_first64(hash), null for anything else. */
static void
sql_first64(sqlite3_context *ctx, int argc, sqlite3_value **argv)
{
	(void)argc;
	if (sqlite3_value_bytes(argv[0]) == SBX_HASH_BYTES)
		sqlite3_result_int64(ctx,
			sbx_first64(sqlite3_value_blob(argv[0])));
}

/* sbx_idhash(text), null for null: what the index of identifiers holds. */
static void
sql_idhash(sqlite3_context *ctx, int argc, sqlite3_value **argv)
{
	const char *text = (const char *)sqlite3_value_text(argv[0]);

	(void)argc;
	if (text != NULL)
		sqlite3_result_int64(ctx, sbx_idhash(text));
}

static void
add_function(sqlite3 *db, const char *name,
	void (*fn)(sqlite3_context *, int, sqlite3_value **))
{
	sqlite3_create_function_v2(db, name, 1, SQLITE_UTF8 |
		SQLITE_DETERMINISTIC | SQLITE_INNOCUOUS, NULL, fn, NULL, NULL,
		NULL);
}

static int
open_file(const char *path, int flags, sqlite3 **out, struct sbx_err *err)
{
	int r = SBX_OK;

	configure();
	if (sqlite3_open_v2(path, out, flags | SQLITE_OPEN_PRIVATECACHE |
			SQLITE_OPEN_NOMUTEX, NULL) != SQLITE_OK)
		r = sbx_db_fail(*out, path, err);
	/* Never when SQLite sees fit: see wal. */
	if (*out != NULL)
		sqlite3_wal_autocheckpoint(*out, 0);
	return r;
}

int
sbx_db_open(const char *path, unsigned flags, sqlite3 **out, struct sbx_err *err)
{
	bool write = flags & SBX_LOG_WRITE;
	sqlite3 *db = NULL;
	int r;

	if ((r = prepare_file(path, flags, err)) != 0)
		return r;
	if ((r = open_file(path, write ? SQLITE_OPEN_READWRITE :
			SQLITE_OPEN_READONLY, &db, err)) == 0 &&
		(r = harden(db, write, err)) != 0)
		sbx_err_at(err, "%s", path);
	if (r != 0) {
		sbx_db_close(db);
		return r;
	}
	add_function(db, "sbx_first64", sql_first64);
	add_function(db, "sbx_idhash", sql_idhash);
	*out = db;
	return SBX_OK;
}

int
sbx_db_create(const char *path, sqlite3 **out, struct sbx_err *err)
{
	int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	sqlite3 *db = NULL;
	int r;

	if (fd < 0)
		return sbx_err_sys(err, "%s", path);
	close(fd);
	if ((r = open_file(path, SQLITE_OPEN_READWRITE, &db, err)) == 0)
		*out = db;
	else
		sbx_db_close(db);
	return r;
}

void
sbx_db_close(sqlite3 *db)
{
	if (db == NULL)
		return;
	sbx_wal_close(db);
	sqlite3_close_v2(db);
}
