/* SPDX-License-Identifier: Apache-2.0 */
/* Private to lib/: what is remembered of other nodes' logs. */
#ifndef SBX_FOLLOW_H
#define SBX_FOLLOW_H

#include "base/base.h"
#include "system/system.h"
#include "crypto/crypto.h"
#include "ledger/ledger.h"
#include "node/node.h"
#include "ledger/db.h"

/* One log, whoever served it. */
struct sbx_peerlog {
	char did[SBX_DID_SIZE];
	struct sbx_buf key;   /* its delegation, verbatim; empty: not seen */
	struct sbx_buf note;  /* its last head that held; empty: none yet */
	struct sbx_tree tree; /* what of it has been read */
	unsigned char was[SBX_HASH_BYTES]; /* the hash of the note that is stored */
};

/* One address. */
struct sbx_source {
	char did[SBX_DID_SIZE]; /* of the log there, or "" */
	char etag[SBX_ETAG_SIZE];
	struct sbx_prefix
		prefix; /* count: entries; hash: of an export's text */
};

/* None is remembered: empty, and SBX_OK.  The buffers are the caller's. */
int sbx_peerlog_load(struct sbx_log *log, const char *did,
	struct sbx_peerlog *p, struct sbx_err *err);
int sbx_peerlog_save(
	struct sbx_log *log, struct sbx_peerlog *p, struct sbx_err *err);
void sbx_peerlog_free(struct sbx_peerlog *p);
int sbx_source_load(struct sbx_log *log, const char *url, struct sbx_source *s,
	struct sbx_err *err);
int sbx_source_save(struct sbx_log *log, const char *url,
	const struct sbx_source *s, struct sbx_err *err);

/* Which leaves the journal holds, as far as it was looked through. */
struct sbx_known;
struct sbx_known *sbx_known_new(void);
/* The newest count entries of the journal, more than that if it has few. */
int sbx_known_load(struct sbx_known *k, struct sbx_log *log, uint64_t count,
	struct sbx_err *err);
bool sbx_known_has(const struct sbx_known *k,
	const unsigned char leaf[static SBX_HASH_BYTES]);
void sbx_known_free(struct sbx_known *k);

/* Read base/name into out, at most out->max bytes.  *status: 200, 404, or 304
 * when etag, which is replaced, still holds.  Given up at until (0: never). */
int sbx_visit(const char *base, const char *name, int64_t until,
	struct sbx_buf *out, char *etag, int *status, struct sbx_err *err);
/* The same for a tile; it may be wider than asked for. */
int sbx_visit_tile(const char *base, const struct sbx_tile *t, int64_t until,
	struct sbx_buf *out, struct sbx_err *err);

struct sbx_fork {
	const char *dir; /* below it a directory for the node */
	const char *did;
	const struct sbx_buf *key, *note[2];
	const struct sbx_buf *proof; /* that the second's beginning is another
				      * than the first; empty: one size */
	uint64_t size[2];
};
/* On disk when it returns 0. */
int sbx_fork_keep(const struct sbx_fork *f, struct sbx_err *err);
/* Until somebody removes the directory. */
bool sbx_fork_seen(const char *forks, const char *did);

/* What one witness has signed of this node's log. */
struct sbx_cosigned {
	struct sbx_buf key, note; /* the witness's delegation, its last note */
};

/* This node's own head and the key it is signed with. */
struct sbx_own {
	struct sbx_vkey vkey;
	struct sbx_checkpoint head; /* size 0: none yet */
	int64_t size;               /* of the journal */
};

int sbx_own_load(struct sbx_log *log, const struct sbx_conf *conf,
	struct sbx_own *own, struct sbx_err *err);
int sbx_cosigned_load(struct sbx_log *log, const char *name,
	struct sbx_cosigned *s, struct sbx_err *err);
int sbx_cosigned_save(struct sbx_log *log, const char *name,
	const struct sbx_cosigned *s, struct sbx_err *err);
void sbx_cosigned_free(struct sbx_cosigned *s);
int sbx_cosigned_key(const struct sbx_conf_witness *w,
	const struct sbx_cosigned *s, struct sbx_vkey *key,
	struct sbx_err *err);
/* When base has shown that of did's log the last time, 0: never; and that it
 * did so now. */
int sbx_freshness_here(struct sbx_log *log, const char *base, const char *did,
	int64_t *at, struct sbx_err *err);
int sbx_freshness_keep(struct sbx_log *log, const char *base, const char *did,
	int64_t at, struct sbx_err *err);
/* What w has signed of this log: *size 0 when that is nothing.  SBX_E_NO: a
 * head that this node's key has signed and that its journal does not hold. */
int sbx_cosigned_judge(struct sbx_log *log, const struct sbx_own *own,
	const struct sbx_conf_witness *w, const struct sbx_cosigned *s,
	uint64_t *size, int64_t *time, struct sbx_err *err);

#endif
