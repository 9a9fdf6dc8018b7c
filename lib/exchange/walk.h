/* SPDX-License-Identifier: Apache-2.0 */
/* Private to lib/: one visit to another node's log. */
#ifndef SBX_WALK_H
#define SBX_WALK_H

#include "base/base.h"
#include "crypto/crypto.h"
#include "ledger/ledger.h"
#include "exchange/exchange.h"
#include "exchange/follow.h"

struct walk {
	struct sbx_log *log;
	struct sbx_follow *f;
	struct sbx_source src;
	struct sbx_peerlog peer;
	struct sbx_checkpoint old, head; /* seen last, shown now */
	struct sbx_buf note, tile, bundle;
	struct sbx_tree tree;                 /* what was read of head */
	int64_t stored;                       /* when that was last */
	uint64_t start;                       /* from here on */
	unsigned char passed[SBX_HASH_BYTES]; /* the root at old.size */
	struct sbx_tree beginning;            /* the tree there */
	struct sbx_proof rest; /* past it, if that is not old: subtrees as large
				* as they can be, and part, the next of them */
	struct sbx_tree part;
	bool same, save; /* save: remember tree with every bundle */
	struct sbx_known *known;
	struct sbx_batch *batch;
};

/* The head that is shown, judged; f->found and same say how it went. */
int sbx_walk_head(struct walk *w, struct sbx_err *err);
/* Whether this node has cosigned more than its database knows: then old. */
void sbx_walk_bound(struct walk *w);
/* The evidence that head does not go on from old, once all of head was read. */
void sbx_walk_fork(const struct walk *w, struct sbx_buf *out);

#endif
