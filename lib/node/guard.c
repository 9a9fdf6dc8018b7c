/* SPDX-License-Identifier: Apache-2.0 */
/* What this box has said, against what its ledger holds.  A ledger put back
 * from a copy lacks what was said since, and would say something else in its
 * place: until it has all of it again, nothing is signed. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/base.h"
#include "json/json.h"
#include "crypto/crypto.h"
#include "record/record.h"
#include "ledger/ledger.h"
#include "node/node.h"
#include "ledger/db.h"

/* Rows of local: "behind" alone, and one with each source from which own
 * entries came and that was not read to its end since; and how many were given
 * up, which the heads that name them will always miss. */
#define BEHIND "behind"
#define LOST   "lost"

int
sbx_guard_mark(struct sbx_log *log, const char *source, struct sbx_err *err)
{
	return sbx_db_text(sbx_log_db(log), "INSERT OR IGNORE INTO local(key, "
		"value) VALUES('" BEHIND " ' || ?, '')", source, NULL, NULL, err);
}

static int
behind(struct sbx_log *log, struct sbx_err *err)
{
	return sbx_db_exec(sbx_log_db(log), "INSERT OR IGNORE INTO local(key, "
		"value) VALUES('" BEHIND "', '')", err);
}

static int
marks(struct sbx_log *log, int64_t *n, struct sbx_err *err)
{
	/* By the index: all that begins so, "!" comes after the blank. */
	return sbx_db_int(sbx_log_db(log), "SELECT count(*) FROM local WHERE "
		"key>='" BEHIND "' AND key<'" BEHIND "!'", 0, n, err);
}

/* ---- how many entries of its own ----------------------------------------- */

static int
own(struct sbx_log *log, const char *did, int64_t *n, struct sbx_err *err)
{
	char sql[160];

	snprintf(sql, sizeof(sql), "SELECT count(*) FROM fact f JOIN author a "
		"ON a.id=f.author WHERE a.did='%s'", did);
	return sbx_db_int(sbx_log_db(log), sql, 0, n, err);
}

/* What a file beside the database says that there were; 0: it says nothing. */
static int
said(const struct sbx_conf *conf, int64_t *n, struct sbx_err *err)
{
	struct sbx_buf path = SBX_BUF(4096), text = SBX_BUF(32);
	int r;

	*n = 0;
	sbx_buf_fmt(&path, "%s/said", conf->dir);
	r = sbx_io_read(path.data, 0, &text, err);
	if (r == SBX_E_SYS && errno == ENOENT) {
		r = SBX_OK;
	} else if (r == 0) {
		if (text.len > 0) /* else there is nothing to write to */
			text.data[strcspn(text.data, "\n")] = '\0';
		if (!sbx_num_parse(n, sbx_buf_text(&text), 1, SBX_MAX_INT)) {
			r = sbx_err_set(err, SBX_E_INPUT, "%s: not a number",
				path.data);
			sbx_err_hint(err, "sbx-pull, then sbx-ledger publish "
					  "--lost counts anew");
		}
	}
	sbx_buf_free(&path);
	sbx_buf_free(&text);
	return r;
}

static int
keep_said(const struct sbx_conf *conf, int64_t n, struct sbx_err *err)
{
	struct sbx_buf path = SBX_BUF(4096), text = SBX_BUF(32);
	int64_t was;
	int r = SBX_OK;

	if (said(conf, &was, NULL) != 0 || was != n) {
		sbx_buf_fmt(&path, "%s/said", conf->dir);
		sbx_buf_fmt(&text, "%lld\n", (long long)n);
		r = sbx_io_save(path.data, text.data, text.len, 0644, 0, err);
	}
	sbx_buf_free(&path);
	sbx_buf_free(&text);
	return r;
}

int
sbx_guard_note(struct sbx_log *log, const struct sbx_conf *conf,
	struct sbx_err *err)
{
	char did[SBX_DID_SIZE];
	int64_t n;
	int r;

	if ((r = sbx_log_self(log, did, err)) == 0 &&
		(r = own(log, did, &n, err)) == 0 && n > 0)
		r = keep_said(conf, n, err);
	return r;
}

/* What its own heads name and the journal has not. */
static int
unnamed(struct sbx_log *log, const char *did, int64_t *n, struct sbx_err *err)
{
	char sql[640];

	snprintf(sql, sizeof(sql),
		"WITH me(id) AS (SELECT id FROM author WHERE did='%s'), "
		"head(p) AS (SELECT e.payload FROM fact f JOIN entry e "
		"USING(seq) WHERE f.type='SbxHead' AND f.author=(SELECT id "
		"FROM me)) SELECT count(*) FROM (SELECT json_extract(p, "
		"'$.prev') AS x FROM head UNION SELECT j.value FROM head, "
		"json_each(p, '$.items') j) WHERE x NOT IN (SELECT "
		"lower(hex(e.id)) FROM entry e, me WHERE e.author=me.id)",
		did);
	return sbx_db_int(sbx_log_db(log), sql, 0, n, err);
}

/* What is missing by its own heads, or by the count beside the database. */
static int
lacking(struct sbx_log *log, const struct sbx_conf *conf, int64_t *n,
	struct sbx_err *err)
{
	int64_t have, want, lost;
	char did[SBX_DID_SIZE];
	int r;

	if ((r = sbx_log_self(log, did, err)) != 0 ||
		(r = unnamed(log, did, n, err)) != 0 ||
		(r = sbx_db_int(sbx_log_db(log), "SELECT CAST(value AS INTEGER) "
			 "FROM local WHERE key='" LOST "'", 0, &lost, err)) != 0 ||
		(r = own(log, did, &have, err)) != 0 ||
		(r = said(conf, &want, err)) != 0)
		return r;
	*n = *n > lost ? *n - lost : 0;
	if (want - have > *n)
		*n = want - have;
	return SBX_OK;
}

/* ---- the answer ------------------------------------------------------------ */

#define WAY_OUT "sbx-pull; what nobody holds any more is given up by " \
		"sbx-ledger publish --lost"

static void
not_all(struct sbx_err *err)
{
	sbx_err_set(err, SBX_E_NO, "this box has said more than its ledger "
		"holds, and not all was fetched back");
}

/* *order: the journal is in the order that was signed. */
static int
whole(struct sbx_log *log, const struct sbx_conf *conf, bool *order,
	struct sbx_err *head, struct sbx_err *err)
{
	int64_t n, left = 0;
	int r;

	if ((r = marks(log, &n, err)) != 0 ||
		(n == 0 && (r = sbx_seal_check(log, conf, err)) != 0))
		return r;
	r = sbx_head_check(log, conf, head);
	*order = r == 0;
	if (r != 0 && r != SBX_E_NO) {
		*err = *head;
		return r;
	}
	if (n == 0 && *order)
		return SBX_OK;
	if ((r = lacking(log, conf, &left, err)) != 0 || (n == 0 && left == 0))
		return r;
	if (left > 0)
		sbx_err_set(err, SBX_E_NO, "this box has said more than its "
			"ledger holds: %lld entries are missing",
			(long long)left);
	else
		not_all(err);
	sbx_err_hint(err, "%s", left > 0 && !*order ? head->hint : WAY_OUT);
	return SBX_E_NO;
}

int
sbx_guard_still(struct sbx_log *log, struct sbx_err *err)
{
	int64_t n;
	int r;

	if ((r = marks(log, &n, err)) != 0 || n == 0)
		return r;
	not_all(err);
	sbx_err_hint(err, WAY_OUT);
	return SBX_E_NO;
}

int
sbx_guard_own(struct sbx_log *log, const struct sbx_conf *conf,
	struct sbx_err *err)
{
	struct sbx_err head = { 0 }, why = { 0 };
	bool order;
	int r = whole(log, conf, &order, &head, &why);

	if (r != 0 && err != NULL)
		*err = why;
	return r;
}

int
sbx_guard_check(struct sbx_log *log, const struct sbx_conf *conf,
	struct sbx_err *err)
{
	struct sbx_err head = { 0 }, why = { 0 };
	bool order;
	int64_t n;
	int r;

	/* All it has said is here again, in another order: its log is over, its
	 * word is not.  Without a count nobody can tell. */
	if ((r = whole(log, conf, &order, &head, &why)) == 0 && !order &&
		(said(conf, &n, NULL) != 0 || n == 0)) {
		why = head;
		r = head.code;
	}
	if (r != 0 && err != NULL)
		*err = why;
	return r;
}

int
sbx_guard_frozen(struct sbx_log *log, struct sbx_err *err)
{
	char sql[512], did[SBX_DID_SIZE];
	int64_t from;
	int r;

	if ((r = sbx_log_self(log, did, err)) != 0)
		return r;
	snprintf(sql, sizeof(sql), "SELECT min(n) FROM (SELECT "
		"json_extract(e.payload, '$.seq') AS n FROM fact f JOIN entry e "
		"USING(seq) WHERE f.type='SbxHead' AND f.author=(SELECT id FROM "
		"author WHERE did='%s') GROUP BY n HAVING count(*)>1)", did);
	if ((r = sbx_db_int(sbx_log_db(log), sql, -1, &from, err)) != 0 ||
		from < 0)
		return r;
	sbx_err_set(err, SBX_E_NO, "frozen: this box has signed two heads of "
		"number %lld, and what it says since counts nowhere",
		(long long)from);
	sbx_err_hint(err, "with the recovery key: sbx-member rotate; or make "
		"another box and have this one revoked");
	return SBX_E_NO;
}

/* What counts though its author is frozen: see views.c. */
static bool
counts_frozen(const struct sbx_entry *e)
{
	return strcmp(e->rec->type, "SbxHead") == 0 ||
	       strcmp(e->rec->type, "SbxRotate") == 0 ||
	       strcmp(e->rec->type, "InviteAccept") == 0;
}

int
sbx_guard_append(struct sbx_log *log, const struct sbx_conf *conf,
	const struct sbx_entry *e, struct sbx_err *err)
{
	enum sbx_log_how how;
	int r;

	if ((r = sbx_log_begin(log, err)) != 0)
		return r;
	if ((counts_frozen(e) || (r = sbx_guard_frozen(log, err)) == 0) &&
		(r = sbx_guard_check(log, conf, err)) == 0 &&
		(r = sbx_log_add(log, e, &how, err)) == 0)
		return sbx_log_commit(log, err);
	sbx_log_rollback(log);
	return r;
}

/* Nothing is missing any more, and the files beside the database know it. */
static int
whole_again(struct sbx_log *log, const struct sbx_conf *conf, bool same,
	struct sbx_err *err)
{
	int r;

	if ((!same || sbx_head_check(log, conf, NULL) != 0) &&
		(r = sbx_head_end(conf, err)) != 0)
		return r;
	if ((r = sbx_seal_keep(log, conf, err)) != 0 ||
		(r = sbx_guard_note(log, conf, err)) != 0)
		return r;
	return sbx_db_exec(sbx_log_db(log), "DELETE FROM local WHERE "
		"key='" BEHIND "'", err);
}

int
sbx_guard_settle(struct sbx_log *log, const struct sbx_conf *conf,
	const char *source, bool same, int64_t *left, struct sbx_err *err)
{
	int64_t n;
	int r;

	*left = 0;
	if ((r = marks(log, &n, err)) != 0 || n == 0)
		return r;
	if ((r = sbx_log_begin(log, err)) != 0)
		return r;
	if ((r = sbx_db_text(sbx_log_db(log), "DELETE FROM local WHERE "
		     "key='" BEHIND " ' || ?", source, NULL, NULL, err)) == 0 &&
		(r = lacking(log, conf, left, err)) == 0)
		r = *left > 0 ? behind(log, err) :
				whole_again(log, conf, same, err);
	if (r == 0)
		return sbx_log_commit(log, err);
	sbx_log_rollback(log);
	return r;
}

bool
sbx_guard_tell(struct sbx_err *why, size_t own, int64_t left)
{
	if (own == 0 && left == 0)
		return false;
	if (left > 0) {
		sbx_err_set(why, SBX_E_NO, "of what this box has said %zu "
			"entries came back, %lld are missing: it signs nothing",
			own, (long long)left);
		sbx_err_hint(why, "another peer may hold them");
	} else {
		sbx_err_set(why, SBX_E_NO, "%zu entries of this box came back: "
			"its ledger was older", own);
		sbx_err_hint(why, "if it was not put back from a copy, its key "
				  "is used elsewhere too");
	}
	return true;
}

int
sbx_guard_before(const struct sbx_conf *conf, int64_t before, struct sbx_err *err)
{
	int64_t n;
	int r;

	if ((r = said(conf, &n, err)) == 0 && before > n)
		r = keep_said(conf, before, err);
	return r;
}

int
sbx_guard_restored(struct sbx_log *log, const struct sbx_conf *conf,
	struct sbx_err *err)
{
	int64_t left;
	int r;

	/* The last head alone may have been lost, and it is in its file. */
	if (sbx_seal_check(log, conf, NULL) == 0 &&
		(r = sbx_seal_adopt(log, conf, err)) != 0)
		return r;
	if ((r = lacking(log, conf, &left, err)) != 0 || left == 0)
		return r;
	return behind(log, err);
}

int64_t
sbx_guard_count(struct sbx_log *log)
{
	char did[SBX_DID_SIZE];
	int64_t n = 0;

	if (sbx_log_self(log, did, NULL) != 0 || own(log, did, &n, NULL) != 0)
		n = 0;
	return n;
}

int
sbx_guard_forget(struct sbx_log *log, const struct sbx_conf *conf,
	struct sbx_err *err)
{
	char did[SBX_DID_SIZE], text[24];
	int64_t n;
	int r;

	if ((r = sbx_log_self(log, did, err)) != 0 ||
		(r = sbx_db_exec(sbx_log_db(log), "DELETE FROM local WHERE "
			 "key='" BEHIND "' OR key GLOB '" BEHIND " *'", err)) != 0 ||
		(r = sbx_seal_adopt(log, conf, err)) != 0 ||
		(r = unnamed(log, did, &n, err)) != 0)
		return r;
	snprintf(text, sizeof(text), "%lld", (long long)n);
	if ((r = sbx_db_text(sbx_log_db(log), "INSERT OR REPLACE INTO local(key, "
		     "value) VALUES('" LOST "', ?)", text, NULL, NULL, err)) != 0 ||
		(r = sbx_guard_note(log, conf, err)) != 0 ||
		sbx_head_check(log, conf, NULL) == 0)
		return r;
	return sbx_head_renew(conf, err);
}
