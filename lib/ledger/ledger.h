/* SPDX-License-Identifier: Apache-2.0 */
/* ledger: the journal: chained, append-only, in one SQLite file. */
#ifndef SBX_LEDGER_H
#define SBX_LEDGER_H

#include "record/record.h"

/* ---- log: the journal (design 4.4) ------------------------------------- */

struct sbx_log;

enum sbx_log_flag {
	SBX_LOG_WRITE = 1,
	SBX_LOG_CREATE = 2, /* with WRITE: make it if it is not there */
};

enum sbx_log_how {
	SBX_LOG_NEW,  /* it is in the journal now */
	SBX_LOG_DUP,  /* it was there, or is held already */
	SBX_LOG_HELD, /* dated too far ahead: kept aside, tried again later */
};

int sbx_log_open(const char *path, unsigned flags, struct sbx_log **log,
	struct sbx_err *err);
void sbx_log_close(struct sbx_log *log);
/* Entries added between begin and commit are in the journal all or none; once
 * commit has returned 0 they survive a power cut.  The caller has verified. */
int sbx_log_begin(struct sbx_log *log, struct sbx_err *err);
int sbx_log_add(struct sbx_log *log, const struct sbx_entry *e,
	enum sbx_log_how *how, struct sbx_err *err);
int sbx_log_commit(struct sbx_log *log, struct sbx_err *err);
void sbx_log_rollback(struct sbx_log *log);
int sbx_log_append(struct sbx_log *log, const struct sbx_entry *e,
	struct sbx_err *err); /* begin, add, commit */
/* Call fn for each row of from..to in order (to 0: the last), until it
 * returns other than 0, which is then returned. */
int sbx_log_each(struct sbx_log *log, int64_t from, int64_t to,
	int (*fn)(void *ctx, const struct sbx_row *row, struct sbx_err *err),
	void *ctx, struct sbx_err *err);
int sbx_log_head(struct sbx_log *log, int64_t *size,
	unsigned char hash[static SBX_HASH_BYTES], struct sbx_err *err);
/* Recompute every hash and signature, and root, the tree's over the first at
 * rows, if there are so many.  SBX_E_NO: *bad is the first row that fails. */
int sbx_log_verify(struct sbx_log *log, int64_t at,
	unsigned char root[static SBX_HASH_BYTES], int64_t *bad, struct sbx_err *err);
/* The same, and what is derived from the rows, to the byte. */
int sbx_log_check(struct sbx_log *log, int64_t *bad, struct sbx_err *err);
/* The chain's hashes alone.  *verified: how far a verify of a writable log has
 * checked the signatures of these very entries. */
int sbx_log_quick(struct sbx_log *log, int64_t *verified, struct sbx_err *err);
/* Derive again what rests on the rows, if they can be read. */
int sbx_log_rebuild(struct sbx_log *log, struct sbx_err *err);
/* A copy that stands alone, beside whoever reads and writes; atomic. */
int sbx_log_backup(struct sbx_log *log, const char *path, struct sbx_err *err);
/* A database that cannot be opened any more, as PATH.damaged. */
int sbx_log_set_aside(const char *path, struct sbx_err *err);
/* Put from, which must verify and be this node's own, in place of log. */
int sbx_log_restore(struct sbx_log *log, struct sbx_log *from,
	struct sbx_err *err);

/* Local, never replicated: my own DID, the anchors I trust. */
int sbx_log_self(struct sbx_log *log, char did[static SBX_DID_SIZE],
	struct sbx_err *err); /* SBX_E_NO when there is none yet */
/* Whether e is by it.  The journal has all that this box has said, whatever its
 * clock said then: what is missing of it forbids to sign. */
bool sbx_log_own(struct sbx_log *log, const struct sbx_entry *e);
int sbx_log_set_self(struct sbx_log *log, const char *did, struct sbx_err *err);
/* Take did for an anchor, or no longer; when is remembered. */
int sbx_log_trust(struct sbx_log *log, const char *did, bool yes,
	struct sbx_err *err);
/* A mesh's anchors (a JSON array) in place of oneself, inside a transaction. */
int sbx_log_join(struct sbx_log *log, const char *self,
	const struct sbx_json *anchors, struct sbx_err *err);
/* What changed in the anchors since then, in order. */
int sbx_log_trusted(struct sbx_log *log, int64_t since,
	int (*fn)(void *ctx, const char *did, bool yes, int64_t when), void *ctx,
	struct sbx_err *err);


/* ---- logtree: the tree of a journal -------------------------------------- */

/* Good as long as log is open. */
struct sbx_tree_source sbx_log_source(struct sbx_log *log);
/* The root over its first size entries. */
int sbx_log_root(struct sbx_log *log, int64_t size,
	unsigned char root[static SBX_HASH_BYTES], struct sbx_err *err);

/* ---- find: one entry of a journal ---------------------------------------- */

/* The entry that ref names: its number, or eight and more digits of its id. */
int sbx_log_find(struct sbx_log *log, const char *ref, int64_t *seq,
	struct sbx_err *err);

#endif
