/* SPDX-License-Identifier: Apache-2.0 */
#include "db.h"

#define BATCH 4096 /* entries a transaction: what a crash may undo */

/* An older node exports a null key for an author it holds no Identity of;
 * the first key that we pinned for the name serves. */
static void
find_key(struct sbx_log *log, struct sbx_entry *e)
{
	sqlite3_stmt *st = NULL;

	if (sbx_db_prepare(sbx_log_db(log), "SELECT pub FROM author WHERE did=?",
		    &st, NULL) != 0)
		return;
	sbx_db_bind_text(st, 1, e->author);
	if (sqlite3_step(st) == SQLITE_ROW &&
		sqlite3_column_bytes(st, 0) == SBX_PUB_BYTES) {
		const unsigned char *pub = sqlite3_column_blob(st, 0);

		for (int i = 0; i < SBX_PUB_BYTES; i++)
			e->pub[i] = pub[i];
		e->keyless = false;
	}
	sqlite3_finalize(st);
}

static int
import_one(struct sbx_log *log, const char *text, size_t len,
	struct sbx_import *im, struct sbx_err *err)
{
	struct sbx_entry *e = NULL;
	enum sbx_log_how how;
	int r;

	if ((r = sbx_entry_parse(text, len, &e, err)) != 0)
		return r;
	if (e->keyless)
		find_key(log, e);
	if ((r = sbx_entry_verify(e, err)) == 0 &&
		(r = sbx_log_add(log, e, &how, err)) == 0) {
		im->added += how == SBX_LOG_NEW;
		im->known += how == SBX_LOG_DUP;
		im->held += how == SBX_LOG_HELD;
	}
	sbx_entry_free(e);
	return r;
}

static int
import_all(struct sbx_log *log, struct sbx_feed *feed, struct sbx_import *im,
	struct sbx_err *err)
{
	const char *text;
	size_t len, n = 0;
	int r;

	for (;;) {
		if ((r = sbx_feed_next(feed, &text, &len, err)) == 0)
			return SBX_OK;
		if (r == 1)
			r = import_one(log, text, len, im, err);
		if (r == SBX_E_INPUT) {
			im->refused++;
			if (im->refuse != NULL)
				im->refuse(im->ctx, sbx_feed_number(feed), err);
			if (sbx_feed_broken(feed))
				return SBX_OK;
		} else if (r != 0) {
			return r;
		}
		if (++n % BATCH == 0 && ((r = sbx_log_commit(log, err)) != 0 ||
						(r = sbx_log_begin(log, err)) != 0))
			return r;
	}
}

int
sbx_import_fd(struct sbx_log *log, int fd, struct sbx_import *im,
	struct sbx_err *err)
{
	struct sbx_feed *feed = NULL;
	int r, end;

	if ((r = sbx_feed_open(fd, &feed, err)) != 0)
		return r;
	if ((r = sbx_log_begin(log, err)) == 0) {
		/* What a broken stream brought until then is good: keep it. */
		r = import_all(log, feed, im, err);
		end = sbx_log_commit(log, r == 0 ? err : NULL);
		r = r == 0 ? end : r;
	}
	sbx_feed_free(feed);
	return r;
}
