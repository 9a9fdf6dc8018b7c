/* SPDX-License-Identifier: Apache-2.0 */
/* What the fold gave, kept in the file while no entry that it rests on has
 * come in since: a large mesh is not folded again for every question.  It is
 * made when a writer closes the ledger; who finds none, or an old one, folds. */
#include <string.h>

#include "base/base.h"
#include "ledger/ledger.h"
#include "directory/directory.h"
#include "directory/member.h"
#include "directory/views.h"

#define LAG 20000 /* rows that may be looked through for what changes it */

static int64_t least = 1000; /* invitations and acceptances: fewer are folded */

void
sbx_cache_from(int64_t events)
{
	least = events;
}

#define KEPT "('Invitation', 'InviteAccept', 'RevocationNotice', 'SbxHead', " \
	     "'SbxRotate', 'Proposal', 'ProposalVote', 'WitnessAttest', " \
	     "'EmancipationRecord')"
#define J(field) "json_extract(l.value, '$." field "')"
#define ANCHORS "(SELECT coalesce(group_concat(did), '') FROM " \
		"(SELECT did FROM main.anchor ORDER BY did))"

/* +type: by the row's number, not by the index over types. */
static const char valid_sql[] =
	"SELECT (SELECT max(seq) FROM main.fact)-e.seq FROM main.local l JOIN "
	"main.entry e ON e.seq=" J("upto") " WHERE l.key='folded' AND "
	"lower(hex(e.hash))=" J("hash") " AND " J("unproven") "=?1 AND "
	J("rules") "=?3 AND ?2 BETWEEN " J("since") " AND " J("until") " AND " J("anchors") "=" ANCHORS
	" AND NOT EXISTS(SELECT 1 FROM main.fact f WHERE f.seq>e.seq AND "
	"+f.type IN " KEPT ")";

static bool
valid(sqlite3 *db, int64_t *lag)
{
	sqlite3_stmt *st = NULL;
	bool yes = false;

	if (sbx_db_prepare(db, valid_sql, &st, NULL) != 0)
		return false;
	sqlite3_bind_int(st, 1, sbx_member_is_unproven());
	sqlite3_bind_int64(st, 2, sbx_clock_now());
	sqlite3_bind_int(st, 3, SBX_FOLD_RULES);
	if (sqlite3_step(st) == SQLITE_ROW) {
		*lag = sqlite3_column_int64(st, 0);
		yes = true;
	}
	sqlite3_finalize(st);
	return yes;
}

bool
sbx_cache_valid(sqlite3 *db)
{
	int64_t lag;

	return valid(db, &lag);
}

/* Is it worth the while, and not there? */
bool
sbx_cache_wanted(sqlite3 *db)
{
	char sql[200];
	int64_t n = 0, lag = 0;

	snprintf(sql, sizeof(sql),
		"SELECT count(*) FROM (SELECT 1 FROM main.fact WHERE type IN "
		"('Invitation', 'InviteAccept') LIMIT %lld)", (long long)least);
	return sbx_db_int(db, sql, 0, &n, NULL) == 0 && n >= least &&
		(!valid(db, &lag) || lag > LAG);
}

static const char keep_sql[] =
	"DELETE FROM main.cache_member; DELETE FROM main.cache_invite; "
	"DELETE FROM main.cache_proposal; DELETE FROM main.cache_rules; "
	"INSERT INTO main.cache_member SELECT * FROM temp.member; "
	"INSERT INTO main.cache_invite SELECT * FROM temp.invite; "
	"INSERT INTO main.cache_proposal SELECT * FROM temp.proposal; "
	"INSERT INTO main.cache_rules SELECT * FROM temp.rules; "
	/* A proposal that closes changes it without an entry coming in, and so
	 * do a witness whose clock is ahead and what was signed ahead of this
	 * box's clock: it is left out until its time has come. */
	"INSERT OR REPLACE INTO main.local(key, value) SELECT 'folded', "
	"json_object('upto', e.seq, 'hash', lower(hex(e.hash)), 'anchors', "
	ANCHORS ", 'unproven', %d, 'rules', %d, 'since', c.us, 'until', (SELECT "
	"coalesce(min(us)-1, 9007199254740991) FROM (SELECT closes_us AS us FROM "
	"temp.proposal UNION ALL SELECT time FROM main.fact WHERE "
	"type='WitnessAttest' UNION ALL SELECT time-(SELECT due-us FROM "
	"temp.clock) FROM main.fact WHERE time>(SELECT due FROM temp.clock)) t WHERE t.us>c.us)) FROM main.entry "
	"e, temp.clock c ORDER BY e.seq DESC LIMIT 1";

static int
refresh(sqlite3 *db)
{
	char sql[sizeof(keep_sql) + 32];
	int r;

	snprintf(sql, sizeof(sql), keep_sql, sbx_member_is_unproven(),
		SBX_FOLD_RULES);
	if ((r = sbx_db_exec(db, "BEGIN IMMEDIATE", NULL)) != 0)
		return r;
	if ((r = sbx_state_prepare(db, NULL, false, NULL)) == 0 &&
		(r = sbx_member_compute(db, NULL)) == 0 &&
		(r = sbx_db_exec(db, sql, NULL)) == 0)
		return sbx_db_exec(db, "COMMIT", NULL);
	sbx_db_exec(db, "ROLLBACK", NULL);
	return r;
}

#define LESS(a, b) "EXISTS(SELECT * FROM " a " EXCEPT SELECT * FROM " b ")"
#define DIFFER(t) LESS("main.cache_" t, "temp." t) " OR " \
	LESS("temp." t, "main.cache_" t)

static int
compare(sqlite3 *db, struct sbx_err *err)
{
	int64_t differ;
	int r;

	if ((r = sbx_db_exec(db, "BEGIN", err)) != 0 || !sbx_cache_valid(db))
		return r; /* nobody uses what is there */
	if ((r = sbx_state_prepare(db, NULL, false, err)) != 0 ||
		(r = sbx_member_compute(db, err)) != 0 ||
		(r = sbx_db_int(db, "SELECT " DIFFER("member") " OR "
			 DIFFER("invite") " OR " DIFFER("proposal") " OR "
			 DIFFER("rules"), 0, &differ, err)) != 0)
		return r;
	if (differ == 0)
		return SBX_OK;
	sbx_err_set(err, SBX_E_NO,
		"who is kept as a member is not whom the entries make one");
	sbx_err_hint(err, "sbx-ledger fsck derives it again");
	return SBX_E_NO;
}

int
sbx_cache_check(const char *path, struct sbx_err *err)
{
	sqlite3 *db = NULL;
	int r;

	if ((r = sbx_db_open(path, 0, &db, err)) == 0)
		r = compare(db, err);
	sbx_db_close(db);
	return r;
}

/* On a connection of its own, which takes the temporary tables with it.  It
 * may fail: then the next reader folds. */
void
sbx_cache_refresh(const char *path)
{
	sqlite3 *db = NULL;

	if (sbx_db_open(path, SBX_LOG_WRITE, &db, NULL) != 0)
		return;
	sqlite3_busy_timeout(db, 0); /* somebody else writes, and will do it */
	refresh(db);
	sbx_db_close(db);
}
