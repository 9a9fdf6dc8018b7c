/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "base/base.h"
#include "ledger/schema.h"

#define VERSION 2

/* A hash comes in at random, so what an index holds of each is what an import
 * costs: its first 64 bits find it, and who asks compares the rest.  An entry
 * whose id begins as an earlier one's, which takes 2^32 tries, has null for
 * them.  What an author may choose is hashed first. */
#define FACT_ENTRY "CREATE UNIQUE INDEX fact_entry ON fact(eid)"
#define FACT_ID "CREATE INDEX fact_id ON fact(type, idhash)"
#define FACT "CREATE TABLE fact(seq INTEGER PRIMARY KEY, type TEXT NOT NULL, " \
	"author INTEGER NOT NULL, id TEXT, ref TEXT, time INTEGER NOT NULL, " \
	"leaf BLOB NOT NULL, idhash INTEGER, eid INTEGER) STRICT"
#define HELD "CREATE TABLE held(did TEXT NOT NULL, id BLOB NOT NULL, " \
	"due INTEGER NOT NULL, line TEXT NOT NULL, PRIMARY KEY(did, id)) STRICT"
#define HELD_DUE "CREATE INDEX held_due ON held(due)"
#define CACHE_MEMBER "CREATE TABLE cache_member" SBX_MEMBER_COLUMNS
#define CACHE_INVITE "CREATE TABLE cache_invite" SBX_INVITE_COLUMNS
#define CACHE_PROPOSAL "CREATE TABLE cache_proposal" SBX_PROPOSAL_COLUMNS
#define CACHE_RULES "CREATE TABLE cache_rules" SBX_RULES_COLUMNS

/* The journal: author, entry.  Local and never replicated: local, anchor,
 * held; what others showed us: of their logs peer, by address source, of ours
 * witness.  Derived from the rows and rebuilt from them: fact, node, cache_*,
 * spent (bytes that others said, an author and day). */
static const char *const objects[] = {
	"CREATE TABLE author(id INTEGER PRIMARY KEY, did TEXT NOT NULL UNIQUE, "
	"pub BLOB NOT NULL UNIQUE) STRICT",
	"CREATE TABLE entry(seq INTEGER PRIMARY KEY, author INTEGER NOT NULL, "
	"op TEXT NOT NULL, type TEXT NOT NULL, payload TEXT NOT NULL, "
	"sig BLOB NOT NULL, id BLOB NOT NULL, hash BLOB NOT NULL) STRICT",
	"CREATE TRIGGER author_no_update BEFORE UPDATE ON author BEGIN "
	"SELECT RAISE(ABORT, 'the journal is append-only'); END",
	"CREATE TRIGGER author_no_delete BEFORE DELETE ON author BEGIN "
	"SELECT RAISE(ABORT, 'the journal is append-only'); END",
	"CREATE TRIGGER entry_no_update BEFORE UPDATE ON entry BEGIN "
	"SELECT RAISE(ABORT, 'the journal is append-only'); END",
	"CREATE TRIGGER entry_no_delete BEFORE DELETE ON entry BEGIN "
	"SELECT RAISE(ABORT, 'the journal is append-only'); END",
	"CREATE TABLE local(key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT",
	"CREATE TABLE anchor(did TEXT PRIMARY KEY) STRICT",
	HELD,
	HELD_DUE,
	FACT,
	FACT_ID,
	FACT_ENTRY,
	"CREATE TABLE node(level INTEGER NOT NULL, n INTEGER NOT NULL, "
	"hash BLOB NOT NULL, PRIMARY KEY(level, n)) STRICT, WITHOUT ROWID",
	"CREATE TABLE peer(did TEXT PRIMARY KEY, key TEXT NOT NULL, "
	"note TEXT NOT NULL, size INTEGER NOT NULL, tree BLOB NOT NULL) STRICT",
	"CREATE TABLE source(url TEXT PRIMARY KEY, did TEXT NOT NULL, "
	"etag TEXT NOT NULL, size INTEGER NOT NULL, hash BLOB NOT NULL) STRICT",
	"CREATE TABLE witness(name TEXT PRIMARY KEY, key TEXT NOT NULL, "
	"note TEXT NOT NULL) STRICT",
	"CREATE TABLE spent(did TEXT NOT NULL, day INTEGER NOT NULL, "
	"bytes INTEGER NOT NULL, PRIMARY KEY(did, day)) STRICT, WITHOUT ROWID",
	CACHE_MEMBER,
	CACHE_INVITE,
	CACHE_PROPOSAL,
	CACHE_RULES,
	NULL,
};

int
sbx_schema_create(sqlite3 *db, struct sbx_err *err)
{
	int64_t version;
	int r;

	if ((r = sbx_db_exec(db, "BEGIN IMMEDIATE", err)) != 0)
		return r;
	/* Somebody else may have made it while we waited for the lock. */
	r = sbx_db_int(db, "PRAGMA user_version", 0, &version, err);
	for (int i = 0; r == 0 && version == 0 && objects[i] != NULL; i++)
		r = sbx_db_exec(db, objects[i], err);
	if (r == 0 && version == 0)
		r = sbx_db_exec(db, "PRAGMA application_id=0x53425831;"
				    "PRAGMA user_version=2;", err);
	if (r == 0)
		return sbx_db_exec(db, "COMMIT", err);
	sbx_db_exec(db, "ROLLBACK", NULL);
	return r;
}

static size_t
find(const char *sql)
{
	size_t i = 0;

	while (objects[i] != NULL && (sql == NULL || strcmp(sql, objects[i]) != 0))
		i++;
	return i;
}

/* A trigger, a view or a column that somebody put in by hand could change
 * what our statements mean: the schema is ours to the letter, or refused. */
int
sbx_schema_check(sqlite3 *db, struct sbx_err *err)
{
	sqlite3_stmt *st = NULL;
	bool found[sizeof(objects) / sizeof(objects[0])] = { false };
	int64_t version;
	size_t i;
	int r, step;

	if ((r = sbx_db_int(db, "PRAGMA user_version", 0, &version, err)) != 0)
		return r;
	if (version != VERSION) {
		sbx_err_set(err, SBX_E_USAGE,
			"not a ledger of this version (schema %lld, expected %d)",
			(long long)version, VERSION);
		if (version == 1)
			sbx_err_hint(err, "sbx-ledger fsck brings it up to date");
		return SBX_E_USAGE;
	}
	/* Without text are only the indices that UNIQUE makes.  Names tell
	 * nothing: a trigger may be called sqlite_anything. */
	if ((r = sbx_db_prepare(db, "SELECT sql, name FROM sqlite_schema WHERE "
		     "NOT (type='index' AND sql IS NULL)", &st, err)) != 0)
		return r;
	while ((step = sqlite3_step(st)) == SQLITE_ROW) {
		i = find((const char *)sqlite3_column_text(st, 0));
		if (objects[i] == NULL || found[i]) {
			r = sbx_err_set(err, SBX_E_NO,
				"the schema was changed at %.60s",
				(const char *)sqlite3_column_text(st, 1));
			goto out;
		}
		found[i] = true;
	}
	if (step != SQLITE_DONE)
		r = sbx_db_fail(db, "schema", err);
	for (i = 0; r == 0 && objects[i] != NULL; i++)
		if (!found[i])
			r = sbx_err_set(err, SBX_E_NO, "the schema lacks: %.60s",
				objects[i]);
out:
	sqlite3_finalize(st);
	return r;
}

/* Version 1 had whole hashes and identifiers in its indices, and held one
 * author's entry alone of those with one payload.  The journal's rows stay as
 * they are. */
static const char to_2[] =
	"DROP INDEX entry_id; "
	"CREATE TEMP TABLE said AS SELECT * FROM main.fact; "
	"DROP TABLE main.fact; " FACT "; INSERT INTO main.fact SELECT s.seq, "
	"s.type, s.author, s.id, s.ref, s.time, s.leaf, sbx_idhash(s.id), "
	"iif(row_number() OVER (PARTITION BY sbx_first64(e.id) ORDER BY s.seq)=1, "
	"sbx_first64(e.id), NULL) FROM temp.said s JOIN main.entry e USING(seq); "
	"DROP TABLE temp.said; " FACT_ID "; " FACT_ENTRY "; "
	"DROP INDEX IF EXISTS held_due; "
	"CREATE TEMP TABLE was AS SELECT id, due, line FROM main.held; "
	"DROP TABLE main.held; " HELD "; " HELD_DUE "; "
	"INSERT INTO main.held(did, id, due, line) SELECT "
	"json_extract(line, '$.author'), id, due, line FROM temp.was; "
	"DROP TABLE temp.was; "
	"DROP TABLE cache_member; DROP TABLE cache_invite; "
	"DROP TABLE cache_proposal; DROP TABLE cache_rules; "
	CACHE_MEMBER "; " CACHE_INVITE "; " CACHE_PROPOSAL "; " CACHE_RULES "; "
	"DELETE FROM main.local WHERE key='folded'; PRAGMA user_version=2";

/* What else stands in the file is judged before any of it counts. */
int
sbx_schema_migrate(sqlite3 *db, struct sbx_err *err)
{
	int64_t version;
	int r;

	if ((r = sbx_db_int(db, "PRAGMA user_version", 0, &version, err)) != 0 ||
		version != 1)
		return r;
	if ((r = sbx_db_exec(db, "BEGIN IMMEDIATE", err)) != 0)
		return r;
	/* Somebody else may have done it while we waited for the lock. */
	r = sbx_db_int(db, "PRAGMA user_version", 0, &version, err);
	if (r == 0 && version == 1)
		r = sbx_db_exec(db, to_2, err);
	if (r == 0 && (r = sbx_schema_check(db, err)) == 0)
		return sbx_db_exec(db, "COMMIT", err);
	sbx_db_exec(db, "ROLLBACK", NULL);
	return r;
}

int
sbx_schema_index(sqlite3 *db, bool back, struct sbx_err *err)
{
	return sbx_db_exec(db, back ? FACT_ID : "DROP INDEX fact_id", err);
}
