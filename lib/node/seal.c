/* SPDX-License-Identifier: Apache-2.0 */
/* A signature covers one payload, so nothing in an older log says what an
 * author said first, or that it said all there is.  An SbxHead does: number,
 * previous head, and the ids of what is covered.  Two heads of one number by
 * one author are a proof of fraud that anybody can carry. */
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

struct sealer {
	struct sbx_log *log;
	const struct sbx_key *key;
	char path[4096]; /* of the last head, beside the database */
	int64_t seq;	 /* of the last head, 0: none */
	char prev[2 * SBX_HASH_BYTES + 1];
	char rec[2 * SBX_HASH_BYTES + 1];
};

/* ---- the last head: in the database, beside it ---------------------------- */

static int
last_head(struct sealer *s, const char *did, struct sbx_err *err)
{
	sqlite3 *db = sbx_log_db(s->log);
	sqlite3_stmt *st = NULL;
	int r, step;

	if ((r = sbx_db_prepare(db, "SELECT json_extract(e.payload, '$.seq') AS n, "
		     "lower(hex(e.id)), json_extract(e.payload, '$.rec') FROM fact f "
		     "JOIN entry e USING(seq) JOIN author a ON a.id=f.author WHERE "
		     "f.type='SbxHead' AND a.did=? ORDER BY n DESC LIMIT 1", &st,
		     err)) != 0)
		return r;
	sbx_db_bind_text(st, 1, did);
	step = sqlite3_step(st);
	if (step == SQLITE_ROW) {
		const char *rec = (const char *)sqlite3_column_text(st, 2);

		s->seq = sqlite3_column_int64(st, 0);
		snprintf(s->prev, sizeof(s->prev), "%s",
			sqlite3_column_text(st, 1) != NULL ?
				(const char *)sqlite3_column_text(st, 1) :
				"");
		snprintf(s->rec, sizeof(s->rec), "%s", rec != NULL ? rec : "");
	} else if (step != SQLITE_DONE) {
		r = sbx_db_fail(db, "heads", err);
	}
	sqlite3_finalize(st);
	return r;
}

/* The head that was signed last, whether or not it reached the database. */
static int
read_kept(const char *path, struct sbx_entry **e, struct sbx_err *err)
{
	struct sbx_buf text = SBX_BUF(SBX_MAX_ENTRY);
	int r = sbx_io_read(path, 0, &text, err);

	if (r == SBX_E_SYS && errno == ENOENT)
		r = SBX_OK;
	else if (r == 0 && (r = sbx_entry_parse(sbx_buf_text(&text), text.len, e,
				    err)) == 0)
		r = sbx_entry_verify(*e, err);
	if (r != 0)
		sbx_err_at(err, "%s", path);
	sbx_buf_free(&text);
	return r;
}

static int64_t
seq_of(const struct sbx_entry *e)
{
	int64_t n = 0;

	sbx_json_int(sbx_json_get(e->payload, "seq"), 1, SBX_MAX_INT, &n);
	return n;
}

static int
behind(const struct sbx_entry *kept, const struct sealer *s, struct sbx_err *err)
{
	sbx_err_set(err, SBX_E_NO, "this box has sealed %lld times, the ledger "
		"knows of %lld: it is an older one", (long long)seq_of(kept),
		(long long)s->seq);
	sbx_err_hint(err, "sbx-pull fetches back what others hold of it");
	return SBX_E_NO;
}

static int
start(struct sealer *s, struct sbx_log *log, const struct sbx_conf *conf,
	struct sbx_entry **kept, struct sbx_err *err)
{
	memset(s, 0, sizeof(*s));
	s->log = log;
	if ((size_t)snprintf(s->path, sizeof(s->path), "%s/seal", conf->dir) >=
		sizeof(s->path))
		return sbx_err_set(err, SBX_E_USAGE, "path too long");
	return read_kept(s->path, kept, err);
}

int
sbx_seal_last(struct sbx_log *log, const struct sbx_conf *conf, int64_t *seq,
	struct sbx_err *err)
{
	struct sbx_entry *kept = NULL;
	char did[SBX_DID_SIZE];
	struct sealer s;
	int r;

	if ((r = sbx_log_self(log, did, err)) == 0 &&
		(r = start(&s, log, conf, &kept, err)) == 0 &&
		(r = last_head(&s, did, err)) == 0)
		*seq = kept != NULL && seq_of(kept) > s.seq ? seq_of(kept) : s.seq;
	sbx_entry_free(kept);
	return r;
}

/* Whether an entry of this author is in the journal. */
static int
here(struct sbx_log *log, const char *did, const unsigned char *id, bool *yes,
	struct sbx_err *err)
{
	sqlite3_stmt *st = NULL;
	int r, step;

	*yes = false;
	if ((r = sbx_db_prepare(sbx_log_db(log), "SELECT 1 FROM fact f CROSS JOIN "
		     "entry e USING(seq) CROSS JOIN author a ON a.id=e.author "
		     "WHERE " SBX_OF_ID("?1") " AND a.did=?2", &st, err)) != 0)
		return r;
	sbx_db_bind_blob(st, 1, id, SBX_HASH_BYTES);
	sbx_db_bind_text(st, 2, did);
	step = sqlite3_step(st);
	*yes = step == SQLITE_ROW;
	if (step != SQLITE_ROW && step != SQLITE_DONE)
		r = sbx_db_fail(sbx_log_db(log), "heads", err);
	sqlite3_finalize(st);
	return r;
}

/* A head that was signed and is not in the database: the next one, over what
 * is there, had its writer killed; any other says that the database is older. */
static int
judge(struct sealer *s, const struct sbx_entry *kept, struct sbx_err *err)
{
	const struct sbx_json *item = sbx_json_get(kept->payload, "items");
	unsigned char id[SBX_HASH_BYTES];
	bool all = seq_of(kept) == s->seq + 1;
	int r = SBX_OK;

	item = item != NULL ? item->child : NULL;
	for (; r == 0 && all && item != NULL; item = item->next) {
		all = sbx_hex_parse(id, sizeof(id), item->text, item->len);
		if (all)
			r = here(s->log, kept->author, id, &all, err);
	}
	if (r == 0 && !all && seq_of(kept) > s->seq)
		r = behind(kept, s, err);
	return r;
}

int
sbx_seal_check(struct sbx_log *log, const struct sbx_conf *conf,
	struct sbx_err *err)
{
	struct sbx_entry *kept = NULL;
	char did[SBX_DID_SIZE];
	struct sealer s;
	bool there;
	int r;

	if ((r = sbx_log_self(log, did, err)) == 0 &&
		(r = start(&s, log, conf, &kept, err)) == 0 && kept != NULL &&
		(r = here(log, did, kept->id, &there, err)) == 0 && !there &&
		(r = last_head(&s, did, err)) == 0)
		r = judge(&s, kept, err);
	sbx_entry_free(kept);
	return r;
}

int
sbx_seal_keep(struct sbx_log *log, const struct sbx_conf *conf,
	struct sbx_err *err)
{
	struct sbx_buf line = SBX_BUF(SBX_MAX_LINE);
	struct sbx_entry *kept = NULL;
	char did[SBX_DID_SIZE];
	struct sealer s;
	int64_t row;
	int r;

	if ((r = sbx_log_self(log, did, err)) != 0 ||
		(r = start(&s, log, conf, &kept, err)) != 0 ||
		(r = last_head(&s, did, err)) != 0 || s.seq == 0 ||
		(kept != NULL && seq_of(kept) >= s.seq))
		goto out;
	if ((r = sbx_log_find(log, s.prev, &row, err)) == 0 &&
		(r = sbx_log_line(log, row, &line, err)) == 0)
		r = sbx_io_save(s.path, line.data, line.len, 0644, 0, err);
out:
	sbx_entry_free(kept);
	sbx_buf_free(&line);
	return r;
}

int
sbx_seal_adopt(struct sbx_log *log, const struct sbx_conf *conf,
	struct sbx_err *err)
{
	struct sbx_entry *kept = NULL;
	struct sealer s;
	int r;

	if ((r = start(&s, log, conf, &kept, err)) == 0 && kept != NULL)
		r = sbx_log_append(log, kept, err);
	sbx_entry_free(kept);
	return r;
}

/* ---- sealing ----------------------------------------------------------------- */

/* What I have said that no head of mine covers, in the order it came.  What is
 * dated ahead of the clock begins a head, so that whoever sees the head alone
 * knows that its author's dates are not in its order. */
static int
uncovered(struct sealer *s, struct sbx_doc *doc, struct sbx_json *items,
	struct sbx_err *err)
{
	sqlite3 *db = sbx_log_db(s->log);
	int64_t due = sbx_clock_now() + SBX_MAX_AHEAD;
	bool ahead = true, next; /* the one before; this one */
	sqlite3_stmt *st = NULL;
	int r, step;

	if ((r = sbx_db_prepare(db, "SELECT lower(hex(e.id)) AS id, g.time FROM "
		     "entry e JOIN fact g USING(seq) JOIN "
		     "author a ON a.id=e.author WHERE a.did=?1 AND e.type<>'SbxHead' "
		     "AND lower(hex(e.id)) NOT IN (SELECT j.value FROM fact f JOIN entry h "
		     "USING(seq) JOIN author b ON b.id=f.author, json_each(h.payload, "
		     "'$.items') j WHERE f.type='SbxHead' AND b.did=?1) ORDER BY "
		     "e.seq LIMIT ?2", &st, err)) != 0)
		return r;
	sbx_db_bind_text(st, 1, sbx_key_did(s->key));
	sqlite3_bind_int(st, 2, SBX_MAX_SEALED);
	while ((step = sqlite3_step(st)) == SQLITE_ROW) {
		next = sqlite3_column_int64(st, 1) > due;
		if (items->count > 0 && next && !ahead)
			break;
		ahead = next;
		sbx_json_add_str(doc, items, NULL,
			(const char *)sqlite3_column_text(st, 0));
	}
	if (step != SQLITE_DONE && step != SQLITE_ROW)
		r = sbx_db_fail(db, "heads", err);
	sqlite3_finalize(st);
	return r;
}

/* Beside the database first: whatever happens next, this number is taken. */
static int
keep(struct sealer *s, const struct sbx_entry *e, struct sbx_err *err)
{
	struct sbx_buf line = SBX_BUF(SBX_MAX_ENTRY);
	enum sbx_log_how how;
	int r;

	sbx_entry_line(e, &line);
	if ((r = sbx_io_save(s->path, line.data, line.len, 0644, 0, err)) == 0)
		r = sbx_log_add(s->log, e, &how, err);
	sbx_buf_free(&line);
	return r;
}

static int
seal_next(struct sealer *s, bool *done, struct sbx_err *err)
{
	const char type[] = "SbxHead";
	struct sbx_doc *doc = sbx_doc_new();
	struct sbx_json *p = sbx_doc_root(doc), *items;
	struct sbx_entry *e = NULL;
	int64_t us;
	int r;

	items = sbx_json_add(doc, p, "items", SBX_JSON_ARRAY);
	if ((r = uncovered(s, doc, items, err)) != 0)
		goto out;
	*done = items->count == 0;
	if (*done || (r = sbx_date(s->log, type, p, &us, err)) != 0)
		goto out;
	sbx_json_add_int(doc, p, "v", 1);
	sbx_json_add_int(doc, p, "seq", s->seq + 1);
	sbx_json_add_str(doc, p, "prev", s->seq > 0 ? s->prev : NULL);
	sbx_json_add_str(doc, p, "rec", s->rec[0] != '\0' ? s->rec : NULL);
	sbx_json_add_time(doc, p, "created_at", us);
	if ((r = sbx_entry_make(s->key, "witness", type, p, &e, err)) == 0)
		r = keep(s, e, err);
out:
	sbx_entry_free(e);
	sbx_doc_free(doc);
	return r;
}

/* A head that was signed but did not reach the database, and that the guard has
 * judged. */
static int
catch_up(struct sealer *s, const struct sbx_entry *kept, struct sbx_err *err)
{
	enum sbx_log_how how;

	return sbx_log_add(s->log, kept, &how, err);
}

/* Named once, with the first head: who steals the node key later cannot name
 * another. */
static int
name_recovery(struct sealer *s, const unsigned char *rec, struct sbx_err *err)
{
	if (s->seq > 0)
		return sbx_err_set(err, SBX_E_NO, "the first head was signed "
			"already, and this recovery key is not named in it");
	sbx_hex_write(s->rec, rec, SBX_HASH_BYTES);
	return SBX_OK;
}

/* Under the lock of those who write, from the last number on: another that
 * seals at the same time would give the next one to a head of its own, and two
 * heads of one number are what a thief's are known by.  One that is only in its
 * file goes into the database first, and alone: the file is not written over
 * before that is durable. */
static int
seal_one(struct sbx_log *log, const struct sbx_conf *conf,
	const struct sbx_key *key, const unsigned char *rec, bool *done,
	size_t *count, struct sbx_err *err)
{
	struct sbx_entry *kept = NULL;
	struct sealer s;
	int r;

	if ((r = sbx_log_begin(log, err)) != 0)
		return r;
	if ((r = sbx_guard_check(log, conf, err)) != 0 ||
		(r = start(&s, log, conf, &kept, err)) != 0 ||
		(r = last_head(&s, sbx_key_did(key), err)) != 0)
		goto out;
	s.key = key;
	if (kept != NULL && seq_of(kept) > s.seq)
		r = catch_up(&s, kept, err);
	else if ((rec == NULL || (r = name_recovery(&s, rec, err)) == 0) &&
		(r = seal_next(&s, done, err)) == 0)
		*count += !*done;
out:
	if (r == 0)
		r = sbx_log_commit(log, err);
	else
		sbx_log_rollback(log);
	sbx_entry_free(kept);
	return r;
}

int
sbx_seal(struct sbx_log *log, const struct sbx_conf *conf,
	const unsigned char *rec, size_t *count, struct sbx_err *err)
{
	struct sbx_key *key = NULL;
	bool done = false;
	int r;

	*count = 0;
	r = sbx_key_load(conf->key, &key, err);
	while (r == 0 && !done)
		r = seal_one(log, conf, key, *count == 0 ? rec : NULL, &done,
			count, err);
	sbx_key_free(key);
	return r;
}

int
sbx_rotate(struct sbx_log *log, const struct sbx_conf *conf, const char *old,
	const struct sbx_key *recovery, struct sbx_err *err)
{
	const char type[] = "SbxRotate";
	struct sbx_doc *doc = sbx_doc_new();
	struct sbx_json *p = sbx_doc_root(doc);
	unsigned char sig[SBX_SIG_BYTES];
	struct sbx_entry *e = NULL;
	struct sbx_key *key = NULL;
	char message[256];
	int64_t us;
	int r;

	if (!sbx_did_check(old, strlen(old))) {
		r = sbx_err_set(err, SBX_E_USAGE, "not a did: %.60s", old);
		goto out;
	}
	if ((r = sbx_key_load(conf->key, &key, err)) != 0 ||
		(r = sbx_key_sign(recovery, message,
			 sbx_rotation_text(message, sbx_key_did(key), old), sig,
			 err)) != 0)
		goto out;
	sbx_json_add_str(doc, p, "old", old);
	sbx_json_add_hex(doc, p, "rec_pub", sbx_key_pub(recovery), SBX_PUB_BYTES);
	sbx_json_add_hex(doc, p, "rec_sig", sig, sizeof(sig));
	if ((r = sbx_date(log, type, p, &us, err)) != 0)
		goto out;
	sbx_json_add_time(doc, p, "created_at", us);
	if ((r = sbx_entry_make(key, "witness", type, p, &e, err)) == 0)
		r = sbx_guard_append(log, conf, e, err);
out:
	sbx_entry_free(e);
	sbx_key_free(key);
	sbx_doc_free(doc);
	return r;
}
