/* SPDX-License-Identifier: Apache-2.0 */
/* Private to lib/node: a batch of checked entries goes into the journal. */
#ifndef SBX_STORE_H
#define SBX_STORE_H

#include "base/base.h"
#include "crypto/crypto.h"
#include "record/record.h"
#include "ledger/ledger.h"
#include "node/node.h"
#include "record/batch.h"

/* ---- store: what was judged, into the journal ---- */

struct sbx_quota;

/* One transaction. */
struct sbx_store {
	struct sbx_log *log;
	struct sbx_import *im, was;
	struct sbx_quota *quota;
	char self[SBX_DID_SIZE];
};

/* When begin gives 0 it is followed by one end. */
int sbx_store_begin(struct sbx_store *s, struct sbx_log *log,
	struct sbx_import *im, struct sbx_err *err);
int sbx_store_add(struct sbx_store *s, struct sbx_batch *b, struct sbx_err *err);
/* Commit if r, what came of it until now, is 0; else undo it all and give r. */
int sbx_store_end(struct sbx_store *s, int r, struct sbx_err *err);

/* ---- quota: what is kept of strangers, within one transaction ---- */

#define SBX_ROW_COST 512 /* bytes that an entry takes beside its payload */

/* self, this box's own did, is borrowed. */
struct sbx_quota *sbx_quota_new(struct sbx_log *log, const char *self);
/* SBX_E_NO: a stranger's, and too much. */
int sbx_quota_check(struct sbx_quota *q, const struct sbx_entry *e,
	struct sbx_err *err);
/* Whether to say so: once an author, or a flood of entries is one of words. */
bool sbx_quota_tell(struct sbx_quota *q, const struct sbx_entry *e);
void sbx_quota_count(struct sbx_quota *q, const struct sbx_entry *e, bool held);
/* Who is a member may have changed. */
void sbx_quota_again(struct sbx_quota *q);
/* What was counted of those whose entries are there. */
int sbx_quota_rebuild(struct sbx_log *log, struct sbx_err *err);
int sbx_quota_store(struct sbx_quota *q, struct sbx_err *err);
void sbx_quota_free(struct sbx_quota *q);

#endif
