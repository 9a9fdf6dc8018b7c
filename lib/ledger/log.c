/* SPDX-License-Identifier: Apache-2.0 */
/* The journal.  Nothing but this file writes it. */
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "base/base.h"
#include "crypto/crypto.h"
#include "record/record.h"
#include "ledger/ledger.h"
#include "record/batch.h"
#include "ledger/schema.h"

enum {
	BEGIN,
	COMMIT,
	HEAD,
	DUE,
	FIND_AUTHOR,
	ADD_AUTHOR,
	FIND_ENTRY,
	ADD_ENTRY,
	ADD_FACT,
	HOLD,
	COUNT
};

#define SELF "(SELECT value FROM local WHERE key='self')"

static const char *const statements[COUNT] = {
	[BEGIN] = "BEGIN IMMEDIATE",
	[COMMIT] = "COMMIT",
	[HEAD] = "SELECT seq, hash FROM entry ORDER BY seq DESC LIMIT 1",
	[DUE] = "SELECT line FROM held WHERE due<=? OR did=" SELF
		" ORDER BY due, did, id",
	[FIND_AUTHOR] = "SELECT id, pub FROM author WHERE did=?",
	[ADD_AUTHOR] = "INSERT INTO author(did, pub) VALUES(?, ?)",
	[FIND_ENTRY] = "SELECT 1 FROM fact f CROSS JOIN entry e USING(seq) "
		       "CROSS JOIN author a ON a.id=e.author "
		       "WHERE " SBX_OF_ID("?1") " AND a.did=?2",
	[ADD_ENTRY] = "INSERT INTO entry(seq, author, op, type, payload, sig, id, "
		      "hash) VALUES(?, ?, ?, ?, ?, ?, ?, ?)",
	[ADD_FACT] = "INSERT INTO fact(seq, type, author, id, ref, time, leaf, "
		     "idhash, eid) VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?) ON "
		     "CONFLICT(eid) DO NOTHING",
	[HOLD] = "INSERT OR IGNORE INTO held(did, id, due, line) "
		 "VALUES(?, ?, ?, ?)",
};

#define KNOWN 512

struct sbx_log {
	sqlite3 *db;
	sqlite3_stmt *st[COUNT];
	bool write;
	bool busy;     /* between begin and commit */
	int64_t size;  /* then: rows so far */
	unsigned char head[SBX_HASH_BYTES];
	struct known {
		unsigned char pub[SBX_PUB_BYTES];
		int64_t id; /* 0: none */
	} known[KNOWN]; /* authors' rows, by two bytes of their keys */
};

sqlite3 *
sbx_log_db(struct sbx_log *log)
{
	return log->db;
}

int
sbx_log_open(const char *path, unsigned flags, struct sbx_log **out,
	struct sbx_err *err)
{
	struct sbx_log *log = sbx_mem_alloc(1, sizeof(*log));
	int r;

	if ((r = sbx_db_open(path, flags, &log->db, err)) != 0)
		goto out;
	if ((flags & SBX_LOG_CREATE) &&
		(r = sbx_schema_create(log->db, err)) != 0)
		goto out;
	if ((flags & SBX_LOG_WRITE) == 0 ||
		(r = sbx_schema_migrate(log->db, err)) == 0)
		r = sbx_schema_check(log->db, err);
	if (r != 0)
		sbx_err_at(err, "%s", path);
	log->write = r == 0 && (flags & SBX_LOG_WRITE) != 0;
out:
	if (r != 0)
		sbx_log_close(log);
	else
		*out = log;
	return r;
}

static const struct sbx_log_upkeep *upkeep;

void
sbx_log_set_upkeep(const struct sbx_log_upkeep *u)
{
	upkeep = u;
}

const struct sbx_log_upkeep *
sbx_log_get_upkeep(void)
{
	return upkeep;
}

void
sbx_log_close(struct sbx_log *log)
{
	const char *name;
	char *path = NULL;

	if (log == NULL)
		return;
	if (log->write && !log->busy && upkeep != NULL &&
		upkeep->wanted(log->db)) {
		name = sqlite3_db_filename(log->db, "main");
		path = sbx_mem_text(name, strlen(name));
	}
	for (int i = 0; i < COUNT; i++)
		sqlite3_finalize(log->st[i]);
	sbx_db_close(log->db);
	free(log);
	if (path != NULL)
		upkeep->refresh(path);
	free(path);
}

static int
prepare(struct sbx_log *log, struct sbx_err *err)
{
	int r = SBX_OK;

	for (int i = 0; r == 0 && i < COUNT; i++)
		if (log->st[i] == NULL)
			r = sbx_db_prepare(log->db, statements[i], &log->st[i],
				err);
	return r;
}

static int
run(struct sbx_log *log, int which, struct sbx_err *err)
{
	int step = sqlite3_step(log->st[which]);

	sqlite3_reset(log->st[which]);
	return step == SQLITE_DONE ? SBX_OK : sbx_db_fail(log->db, "ledger", err);
}

int
sbx_log_head(struct sbx_log *log, int64_t *size,
	unsigned char hash[static SBX_HASH_BYTES], struct sbx_err *err)
{
	sqlite3_stmt *st;
	int step, r = SBX_OK;

	if (log->st[HEAD] == NULL && (r = sbx_db_prepare(log->db,
		     statements[HEAD], &log->st[HEAD], err)) != 0)
		return r;
	st = log->st[HEAD];
	step = sqlite3_step(st);
	*size = 0;
	memset(hash, 0, SBX_HASH_BYTES);
	if (step == SQLITE_ROW) {
		if (sqlite3_column_bytes(st, 1) == SBX_HASH_BYTES) {
			*size = sqlite3_column_int64(st, 0);
			memcpy(hash, sqlite3_column_blob(st, 1), SBX_HASH_BYTES);
		} else {
			r = sbx_err_set(err, SBX_E_NO, "the last entry's hash "
				"is not one");
		}
	} else if (step != SQLITE_DONE) {
		r = sbx_db_fail(log->db, "ledger", err);
	}
	sqlite3_reset(st);
	return r;
}

/* What was held because of its date and is due now, or is this box's own. */
static int
release(struct sbx_log *log, struct sbx_err *err)
{
	struct sbx_entry *e = NULL;
	enum sbx_log_how how;
	sqlite3_stmt *st = log->st[DUE];
	char del[160];
	int64_t due = sbx_clock_now() + SBX_MAX_AHEAD;
	int r = SBX_OK, step = SQLITE_DONE;
	bool any = false;

	sqlite3_bind_int64(st, 1, due);
	while (r == 0 && (step = sqlite3_step(st)) == SQLITE_ROW) {
		any = true;
		/* It was good when it was held; a line that is not any more
		 * was changed by hand and is dropped below with the rest. */
		if (sbx_entry_parse((const char *)sqlite3_column_text(st, 0),
			    (size_t)sqlite3_column_bytes(st, 0), &e, NULL) == 0 &&
			sbx_entry_verify(e, NULL) == 0)
			r = sbx_log_add(log, e, &how, err);
		if (r == SBX_E_INPUT)
			r = SBX_OK; /* a second key: dropped with the rest */
		sbx_entry_free(e);
		e = NULL;
	}
	/* What could not be read is not deleted as if it had been. */
	if (r == 0 && step != SQLITE_DONE)
		r = sbx_db_fail(log->db, "ledger", err);
	sqlite3_reset(st);
	snprintf(del, sizeof(del), "DELETE FROM held WHERE due<=%lld "
		"OR did=" SELF, (long long)due);
	return r == 0 && any ? sbx_db_exec(log->db, del, err) : r;
}

int
sbx_log_begin(struct sbx_log *log, struct sbx_err *err)
{
	int r;

	if (!log->write)
		return sbx_err_set(err, SBX_E_SYS, "not opened to be written");
	if ((r = prepare(log, err)) != 0 ||
		(r = run(log, BEGIN, err)) != 0)
		return r;
	/* Another's, or a restore's: authors may have other rows by now. */
	memset(log->known, 0, sizeof(log->known));
	/* The head is read under the lock: two writers never chain to one. */
	if ((r = sbx_log_head(log, &log->size, log->head, err)) == 0) {
		log->busy = true;
		r = release(log, err);
	}
	if (r != 0)
		sbx_log_rollback(log);
	return r;
}

int
sbx_log_commit(struct sbx_log *log, struct sbx_err *err)
{
	int r = run(log, COMMIT, err);

	if (r != 0)
		sbx_log_rollback(log);
	log->busy = false;
	return r;
}

void
sbx_log_rollback(struct sbx_log *log)
{
	sbx_db_exec(log->db, "ROLLBACK", NULL);
	memset(log->known, 0, sizeof(log->known)); /* some may be gone */
	log->busy = false;
}

/* The author's row, made at first sight.  The name is 128 bits of hash, so
 * its owner can craft two keys for it: the first one seen is pinned. */
static int
author_row(struct sbx_log *log, const struct sbx_entry *e, int64_t *id,
	struct sbx_err *err)
{
	struct known *known = &log->known[(e->pub[0] | e->pub[1] << 8) % KNOWN];
	sqlite3_stmt *st = log->st[FIND_AUTHOR];
	int step, r = SBX_OK;

	if (known->id > 0 && memcmp(known->pub, e->pub, SBX_PUB_BYTES) == 0) {
		*id = known->id;
		return SBX_OK;
	}
	sbx_db_bind_text(st, 1, e->author);
	step = sqlite3_step(st);
	if (step == SQLITE_ROW) {
		*id = sqlite3_column_int64(st, 0);
		if (sqlite3_column_bytes(st, 1) != SBX_PUB_BYTES ||
			memcmp(sqlite3_column_blob(st, 1), e->pub,
				SBX_PUB_BYTES) != 0)
			r = sbx_err_set(err, SBX_E_INPUT,
				"a second key for %s: its owner made two",
				e->author);
	}
	sqlite3_reset(st);
	if (step != SQLITE_ROW && step != SQLITE_DONE)
		return sbx_db_fail(log->db, "ledger", err);
	if (step == SQLITE_DONE) {
		sbx_db_bind_text(log->st[ADD_AUTHOR], 1, e->author);
		sbx_db_bind_blob(log->st[ADD_AUTHOR], 2, e->pub, SBX_PUB_BYTES);
		r = run(log, ADD_AUTHOR, err);
		*id = sqlite3_last_insert_rowid(log->db);
	}
	if (r == 0) {
		memcpy(known->pub, e->pub, SBX_PUB_BYTES);
		known->id = *id;
	}
	return r;
}

/* One that is there already changes nothing. */
static int
find_entry(struct sbx_log *log, const struct sbx_entry *e,
	enum sbx_log_how *how, struct sbx_err *err)
{
	sqlite3_stmt *st = log->st[FIND_ENTRY];
	int step;

	sbx_db_bind_blob(st, 1, e->id, SBX_HASH_BYTES);
	sbx_db_bind_text(st, 2, e->author);
	step = sqlite3_step(st);
	sqlite3_reset(st);
	*how = step == SQLITE_ROW ? SBX_LOG_DUP : SBX_LOG_NEW;
	return step == SQLITE_ROW || step == SQLITE_DONE ? SBX_OK :
		sbx_db_fail(log->db, "ledger", err);
}

/* How much is held of whom is for the caller to bound: see quota.  An entry
 * that is in the journal is known whatever this clock says: it was taken when
 * the clock said another time. */
static int
hold(struct sbx_log *log, const struct sbx_entry *e, enum sbx_log_how *how,
	struct sbx_err *err)
{
	struct sbx_buf line = SBX_BUF(SBX_MAX_LINE);
	sqlite3_stmt *st = log->st[HOLD];
	int r;

	if ((r = find_entry(log, e, how, err)) != 0 || *how == SBX_LOG_DUP)
		return r;
	sbx_entry_line(e, &line);
	sbx_db_bind_text(st, 1, e->author);
	sbx_db_bind_blob(st, 2, e->id, SBX_HASH_BYTES);
	sqlite3_bind_int64(st, 3, e->time);
	sbx_db_bind_text(st, 4, line.data);
	if ((r = run(log, HOLD, err)) == 0)
		*how = sqlite3_changes(log->db) > 0 ? SBX_LOG_HELD : SBX_LOG_DUP;
	sbx_buf_free(&line);
	return r;
}

/* The row of fact for what is the journal's entry seq.  *added: not if it is
 * to be indexed and another entry's id begins as this one's. */
static int
add_fact(struct sbx_log *log, const struct sbx_entry *e, int64_t seq,
	int64_t author, bool indexed, bool *added, struct sbx_err *err)
{
	sqlite3_stmt *st = log->st[ADD_FACT];
	int r;

	sqlite3_bind_int64(st, 1, seq);
	sbx_db_bind_text(st, 2, e->rec->type);
	sqlite3_bind_int64(st, 3, author);
	sbx_db_bind_text(st, 4, e->key);
	sbx_db_bind_text(st, 5, e->ref);
	sqlite3_bind_int64(st, 6, e->time);
	sbx_db_bind_blob(st, 7, e->leaf, SBX_HASH_BYTES);
	if (e->key != NULL)
		sqlite3_bind_int64(st, 8, sbx_idhash(e->key));
	else
		sqlite3_bind_null(st, 8);
	if (indexed)
		sqlite3_bind_int64(st, 9, sbx_first64(e->id));
	else
		sqlite3_bind_null(st, 9);
	r = run(log, ADD_FACT, err);
	*added = r == 0 && sqlite3_changes(log->db) > 0;
	return r;
}

/* What the views and the tree rest on.  That it can be added says that the
 * entry is new; if not, it is known, or its id begins as another's.  how NULL:
 * it has its row already, known or not. */
static int
derive(struct sbx_log *log, const struct sbx_entry *e, int64_t seq,
	int64_t author, enum sbx_log_how *how, struct sbx_err *err)
{
	bool added;
	int r;

	if (how != NULL)
		*how = SBX_LOG_NEW;
	if ((r = add_fact(log, e, seq, author, true, &added, err)) != 0)
		return r;
	if (!added) {
		if (how != NULL &&
			((r = find_entry(log, e, how, err)) != 0 ||
				*how == SBX_LOG_DUP))
			return r;
		r = add_fact(log, e, seq, author, false, &added, err);
	}
	return r != 0 ? r : sbx_logtree_grow(log->db, seq, err);
}

void
sbx_log_chain(unsigned char head[static SBX_HASH_BYTES], const char *canon,
	size_t canonlen, const unsigned char sig[static SBX_SIG_BYTES])
{
	crypto_generichash_state st;
	char hex[2 * SBX_SIG_BYTES + 1];

	sbx_hex_write(hex, sig, SBX_SIG_BYTES);
	crypto_generichash_init(&st, NULL, 0, SBX_HASH_BYTES);
	crypto_generichash_update(&st, head, SBX_HASH_BYTES);
	crypto_generichash_update(&st, (const unsigned char *)canon, canonlen);
	crypto_generichash_update(&st, (const unsigned char *)hex,
		2 * SBX_SIG_BYTES);
	crypto_generichash_final(&st, head, SBX_HASH_BYTES);
}

int
sbx_log_add(struct sbx_log *log, const struct sbx_entry *e,
	enum sbx_log_how *how, struct sbx_err *err)
{
	sqlite3_stmt *st = log->st[ADD_ENTRY];
	unsigned char next[SBX_HASH_BYTES];
	int64_t author = 0;
	int r;

	if (!log->busy)
		return sbx_err_set(err, SBX_E_SYS, "no transaction is open");
	if (e->time > sbx_clock_now() + SBX_MAX_AHEAD && !sbx_log_own(log, e))
		return hold(log, e, how, err);
	if ((r = author_row(log, e, &author, err)) != 0 ||
		(r = derive(log, e, log->size + 1, author, how, err)) != 0 ||
		*how == SBX_LOG_DUP)
		return r;
	memcpy(next, log->head, sizeof(next));
	sbx_log_chain(next, e->canon, e->canonlen, e->sig);
	sqlite3_bind_int64(st, 1, log->size + 1);
	sqlite3_bind_int64(st, 2, author);
	sbx_db_bind_text(st, 3, e->op);
	sbx_db_bind_text(st, 4, e->rec->type);
	sqlite3_bind_text64(st, 5, e->canon, e->canonlen, SQLITE_STATIC,
		SQLITE_UTF8);
	sbx_db_bind_blob(st, 6, e->sig, SBX_SIG_BYTES);
	sbx_db_bind_blob(st, 7, e->id, SBX_HASH_BYTES);
	sbx_db_bind_blob(st, 8, next, SBX_HASH_BYTES);
	if ((r = run(log, ADD_ENTRY, err)) != 0)
		return r;
	log->size++;
	memcpy(log->head, next, sizeof(next));
	return SBX_OK;
}

int
sbx_log_append(struct sbx_log *log, const struct sbx_entry *e,
	struct sbx_err *err)
{
	enum sbx_log_how how;
	int r;

	if ((r = sbx_log_begin(log, err)) != 0)
		return r;
	if ((r = sbx_log_add(log, e, &how, err)) == 0)
		return sbx_log_commit(log, err);
	sbx_log_rollback(log);
	return r;
}

static int
rebuild_row(void *ctx, const struct sbx_row *row, struct sbx_err *err)
{
	struct sbx_log *log = ctx;
	struct sbx_entry *e = NULL;
	int64_t author = 0;
	int r;

	/* A row that says what an earlier one said is for verify to tell. */
	if ((r = sbx_row_entry(row, &e, err)) == 0 &&
		(r = author_row(log, e, &author, err)) == 0)
		r = derive(log, e, row->seq, author, NULL, err);
	if (r != 0)
		sbx_err_at(err, "entry %lld", (long long)row->seq);
	sbx_entry_free(e);
	return r;
}

int
sbx_log_rebuild(struct sbx_log *log, struct sbx_err *err)
{
	int r;

	if ((r = sbx_log_begin(log, err)) != 0)
		return r;
	/* The indices first: the authors are found by one. */
	if ((r = sbx_db_exec(log->db, "DELETE FROM fact; DELETE FROM node; "
		     "DELETE FROM spent; DELETE FROM cache_member; "
		     "DELETE FROM cache_invite; DELETE FROM cache_proposal; "
		     "DELETE FROM cache_rules; "
		     "DELETE FROM local WHERE key='folded'; REINDEX", err)) == 0 &&
		(r = sbx_schema_index(log->db, false, err)) == 0 &&
		(r = sbx_log_each(log, 1, 0, rebuild_row, log, err)) == 0 &&
		(r = sbx_schema_index(log->db, true, err)) == 0 &&
		(upkeep == NULL || (r = upkeep->rebuild(log, err)) == 0))
		return sbx_log_commit(log, err);
	sbx_log_rollback(log);
	return r;
}
