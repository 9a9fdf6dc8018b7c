/* SPDX-License-Identifier: Apache-2.0 */
/* Private to lib/: SQLite as log and state use it. */
#ifndef SBX_DB_H
#define SBX_DB_H

#include <sqlite3.h>

#include "base/base.h"
#include "crypto/crypto.h"
#include "record/record.h"
#include "ledger/ledger.h"

/* WAL, synchronous=FULL, defensive, nothing trusted from the file. */
int sbx_db_open(const char *path, unsigned logflags, sqlite3 **db,
	struct sbx_err *err);
/* A new empty file of mode 0600; fails when there is one. */
int sbx_db_create(const char *path, sqlite3 **db, struct sbx_err *err);
void sbx_db_close(sqlite3 *db);
/* In a database open for writing: after a commit that leaves so many frames in
 * the -wal file they go into the database, while nobody else can commit. */
void sbx_wal_limit(sqlite3 *db, int frames);
void sbx_wal_close(sqlite3 *db); /* by sbx_db_close() */
/* Much will be written at once: fewer, larger checkpoints of the -wal file, and
 * a cache with room for the indices' pages. */
void sbx_db_bulk(sqlite3 *db);
/* Much will be read, in order and once: what is cached stays in the processor's
 * own cache. */
void sbx_db_once(sqlite3 *db);
/* SBX_E_NO for a damaged file, else SBX_E_SYS; the text is SQLite's. */
int sbx_db_fail(sqlite3 *db, const char *doing, struct sbx_err *err);
int sbx_db_exec(sqlite3 *db, const char *sql, struct sbx_err *err);
int sbx_db_prepare(sqlite3 *db, const char *sql, sqlite3_stmt **st,
	struct sbx_err *err);
void sbx_db_bind_text(sqlite3_stmt *st, int i, const char *text);
void sbx_db_bind_blob(sqlite3_stmt *st, int i, const void *data, size_t len);
/* Column i of a row: NULL unless it is of the type that STRICT promises, which a
 * changed byte of the file may break, and of that many bytes. */
const char *sbx_db_col_text(sqlite3_stmt *st, int i);
const unsigned char *sbx_db_col_bytes(sqlite3_stmt *st, int i, int len);
/* The one integer of a query; without rows: otherwise. */
int sbx_db_int(sqlite3 *db, const char *sql, int64_t otherwise, int64_t *value,
	struct sbx_err *err);
/* One statement with one or two texts (b may be NULL); *out (may be NULL) gets
 * the first text of its first row, if there is one. */
int sbx_db_text(sqlite3 *db, const char *sql, const char *a, const char *b,
	struct sbx_buf *out, struct sbx_err *err);

/* The tables that the fold fills: in the TEMP schema, and kept in the file. */
#define SBX_MEMBER_COLUMNS "(did TEXT PRIMARY KEY, state TEXT, " \
	"depth INTEGER, inviter TEXT, since TEXT, from_us INTEGER, " \
	"domain TEXT, rights TEXT, invitation TEXT, accepted TEXT, " \
	"removed TEXT) WITHOUT ROWID"
#define SBX_INVITE_COLUMNS "(invite_id TEXT, inviter TEXT, domain TEXT, " \
	"rights TEXT, max_uses INTEGER, used INTEGER, expires_at TEXT, " \
	"status TEXT, PRIMARY KEY(invite_id, inviter)) WITHOUT ROWID"
#define SBX_PROPOSAL_COLUMNS "(entry BLOB PRIMARY KEY, proposer TEXT, " \
	"opens_us INTEGER, closes_us INTEGER, counts TEXT, passed INTEGER, " \
	"yes INTEGER, no INTEGER, whole INTEGER) WITHOUT ROWID"
#define SBX_RULES_COLUMNS "(quorum_rule TEXT, quorum_millionths INTEGER, " \
	"emancipation_level INTEGER, missing TEXT)"

/* In SQL: f and e, rows of fact and entry, are those of the id given.  Only one
 * that begins as an earlier id is not in the index. */
#define SBX_OF_ID(id) "(f.eid=sbx_first64(" id ") OR f.eid IS NULL) AND e.id=" id

/* In SQL: f, a row of fact, claims that identifier. */
#define SBX_CLAIMING(f, id) f ".idhash=sbx_idhash(" id ") AND " f ".id=" id

/* What later layers derive from the journal and keep in its file.  The ledger
 * calls them, so that it need not know them; a process that registers none
 * keeps nothing and compares nothing. */
struct sbx_log_upkeep {
	/* When a writer closes: is what is kept old?  Then derive it again, on a
	 * connection of its own; it may fail silently. */
	bool (*wanted)(sqlite3 *db);
	void (*refresh)(const char *path);
	/* SBX_E_NO: what is kept is not what the entries give. */
	int (*check)(const char *path, struct sbx_err *err);
	/* In the transaction of sbx_log_rebuild, after the facts. */
	int (*rebuild)(struct sbx_log *log, struct sbx_err *err);
};
void sbx_log_set_upkeep(const struct sbx_log_upkeep *u); /* borrowed */
const struct sbx_log_upkeep *sbx_log_get_upkeep(void);

/* The journal's own connection: state reads through it. */
sqlite3 *sbx_log_db(struct sbx_log *log);
/* head = BLAKE2b-256(head || canon || sig as 128 hex digits) */
void sbx_log_chain(unsigned char head[static SBX_HASH_BYTES], const char *canon,
	size_t canonlen, const unsigned char sig[static SBX_SIG_BYTES]);

/* In a writable database: signatures are verified up to seq, whose hash is
 * head. */
void sbx_log_mark(sqlite3 *db, int64_t seq,
	const unsigned char head[static SBX_HASH_BYTES]);

/* Append the line of row seq, if there is one. */
int sbx_log_line(struct sbx_log *log, int64_t seq, struct sbx_buf *out,
	struct sbx_err *err);

/* After the row that made size a multiple of 256: the subtrees it completed. */
int sbx_logtree_grow(sqlite3 *db, int64_t size, struct sbx_err *err);
/* count stored hashes in a row: leaves from the n-th on, from 0, or roots of
 * subtrees of 256^level leaves.  SBX_E_NO: they are not all there. */
int sbx_logtree_read(sqlite3 *db, int level, int64_t n, int count,
	unsigned char (*out)[SBX_HASH_BYTES], struct sbx_err *err);

/* The key first seen under a name; SBX_E_NO: none. */
int sbx_log_pinned(struct sbx_log *log, const char *did,
	unsigned char pub[static SBX_PUB_BYTES], struct sbx_err *err);

/* SBX_E_NO unless the entry of this id (64 hex digits) is in the journal, by its
 * author, and chained to the row before it. */
int sbx_log_check_entry(struct sbx_log *log, const char *id,
	struct sbx_err *err);

#endif
