/* SPDX-License-Identifier: Apache-2.0 */
/* Copies by SQLite's backup interface: a live database must not be copied by
 * anything that does not know its locks. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/base.h"
#include "crypto/crypto.h"
#include "ledger/ledger.h"
#include "ledger/db.h"

static int
copy(sqlite3 *to, sqlite3 *from, struct sbx_err *err)
{
	sqlite3_backup *b = sqlite3_backup_init(to, "main", from, "main");
	int step;

	if (b == NULL)
		return sbx_db_fail(to, "backup", err);
	while ((step = sqlite3_backup_step(b, 1024)) == SQLITE_OK)
		;
	sqlite3_backup_finish(b);
	return step == SQLITE_DONE ? SBX_OK : sbx_db_fail(to, "backup", err);
}

static int
sync_file(const char *path, struct sbx_err *err)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC), r = SBX_OK;

	if (fd < 0 || fsync(fd) != 0)
		r = sbx_err_sys(err, "%s", path);
	if (fd >= 0)
		close(fd);
	return r;
}

int
sbx_log_backup(struct sbx_log *log, const char *path, struct sbx_err *err)
{
	struct sbx_buf temp = SBX_BUF(4096);
	sqlite3 *to = NULL;
	int r;

	sbx_buf_fmt(&temp, "%s.new", path);
	if (temp.over)
		return sbx_err_set(err, SBX_E_USAGE, "path too long");
	unlink(temp.data);
	if ((r = sbx_db_create(temp.data, &to, err)) == 0)
		r = copy(to, sbx_log_db(log), err);
	/* One file that stands alone, without a -wal beside it. */
	if (r == 0)
		r = sbx_db_exec(to, "PRAGMA journal_mode=DELETE", err);
	sbx_db_close(to);
	if (r == 0 && (r = sync_file(temp.data, err)) == 0 &&
		rename(temp.data, path) != 0)
		r = sbx_err_sys(err, "%s", path);
	if (r != 0)
		unlink(temp.data);
	sbx_buf_free(&temp);
	return r;
}

int
sbx_log_set_aside(const char *path, struct sbx_err *err)
{
	static const char *const parts[] = { "", "-wal", "-shm" };
	struct sbx_buf from = SBX_BUF(4096), to = SBX_BUF(4096);
	int r = SBX_OK;

	for (size_t i = 0; r == 0 && i < sizeof(parts) / sizeof(parts[0]); i++) {
		sbx_buf_clear(&from);
		sbx_buf_clear(&to);
		sbx_buf_fmt(&from, "%s%s", path, parts[i]);
		sbx_buf_fmt(&to, "%s.damaged%s", path, parts[i]);
		if (from.over || to.over)
			r = sbx_err_set(err, SBX_E_USAGE, "path too long");
		else if (rename(from.data, to.data) != 0 && errno != ENOENT)
			r = sbx_err_sys(err, "%s", from.data);
	}
	sbx_buf_free(&from);
	sbx_buf_free(&to);
	return r;
}

/* SQLite writes no pages of another size into a database with a -wal file: they
 * are made again beside it first. */
static int
copy_pages(sqlite3 *to, sqlite3 *from, struct sbx_err *err)
{
	struct sbx_buf temp = SBX_BUF(4096);
	int64_t want, have;
	sqlite3 *db = NULL;
	char sql[64];
	int r;

	if ((r = sbx_db_int(to, "PRAGMA page_size", 0, &want, err)) != 0 ||
		(r = sbx_db_int(from, "PRAGMA page_size", 0, &have, err)) != 0)
		return r;
	if (want == have)
		return copy(to, from, err);
	snprintf(sql, sizeof(sql), "PRAGMA journal_mode=DELETE; "
		"PRAGMA page_size=%lld; VACUUM", (long long)want);
	sbx_buf_fmt(&temp, "%s.restore", sqlite3_db_filename(to, "main"));
	if (temp.over)
		return sbx_err_set(err, SBX_E_USAGE, "path too long");
	unlink(temp.data);
	if ((r = sbx_db_create(temp.data, &db, err)) == 0 &&
		(r = copy(db, from, err)) == 0 &&
		(r = sbx_db_exec(db, sql, err)) == 0)
		r = copy(to, db, err);
	sbx_db_close(db);
	unlink(temp.data);
	sbx_buf_free(&temp);
	return r;
}

int
sbx_log_restore(struct sbx_log *log, struct sbx_log *from, struct sbx_err *err)
{
	char mine[SBX_DID_SIZE], its[SBX_DID_SIZE];
	int64_t bad;
	int r;

	if ((r = sbx_log_check(from, &bad, err)) != 0 ||
		(r = sbx_log_self(from, its, err)) != 0)
		return r;
	if (sbx_log_self(log, mine, NULL) == 0 && strcmp(mine, its) != 0)
		return sbx_err_set(err, SBX_E_USAGE, "it is %s's, this box is %s",
			its, mine);
	return copy_pages(sbx_log_db(log), sbx_log_db(from), err);
}
