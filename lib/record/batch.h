/* SPDX-License-Identifier: Apache-2.0 */
/* Private to lib/: entries judged on all cores, a batch at a time. */
#ifndef SBX_BATCH_H
#define SBX_BATCH_H

#include "sbx.h"

/* Four of them, judged, are the most that an import holds of a log. */
#define SBX_BATCH 1024
#define SBX_BATCH_BYTES (2u << 20)
#define SBX_BATCH_LINE	(2 * SBX_MAX_LINE) /* past it a line is cut, and refused */
#define SBX_BATCH_WORD	64		   /* the same of an op or a type */
#define SBX_BATCH_MOST	(SBX_BATCH_LINE + 1024) /* that an item takes */

struct sbx_item {
	size_t number;	     /* in the stream, or the row's */
	size_t start;	     /* of its bytes in the batch's text */
	const char *text;    /* a line, or NULL and: */
	size_t len;
	struct sbx_row row;  /* a stored one: is it as it should be? */
	struct sbx_entry *e; /* judged good (shrunk), or waiting for its key */
	struct sbx_err *err; /* why not */
	bool late;	     /* a stranger's, past its quota: tried once more */
};

struct sbx_batch {
	struct sbx_item items[SBX_BATCH];
	size_t most, count, bytes; /* bytes: of text */
	struct sbx_work *work;
	char text[SBX_BATCH_BYTES + SBX_BATCH_MOST];
};

struct sbx_batch *sbx_batch_new(size_t most); /* items, up to SBX_BATCH */
bool sbx_batch_full(const struct sbx_batch *b);
struct sbx_item *sbx_batch_add(struct sbx_batch *b, size_t number,
	const char *text, size_t len);
struct sbx_item *sbx_batch_add_row(struct sbx_batch *b,
	const struct sbx_row *row);
void sbx_batch_refuse(struct sbx_item *it, const struct sbx_err *err);
void sbx_batch_cut(struct sbx_batch *b, size_t count); /* to its first */
void sbx_batch_empty(struct sbx_batch *b);
/* Parse and verify what has no err yet, on all cores. */
void sbx_batch_judge(struct sbx_batch *b);
void sbx_batch_free(struct sbx_batch *b);

/* ---- batches: some are judged while others are read or stored ---- */

struct sbx_batches *sbx_batches_new(size_t most);
struct sbx_crew *sbx_batches_crew(struct sbx_batches *bs); /* theirs */
/* The one to be filled; NULL: all are under way. */
struct sbx_batch *sbx_batches_filling(struct sbx_batches *bs);
/* The one that was filled goes to other threads, as sbx_batch_judge would have
 * it. */
void sbx_batches_judge(struct sbx_batches *bs);
size_t sbx_batches_judging(const struct sbx_batches *bs); /* under way */
/* The one that is under way the longest, judged: takes part, and waits.  It is
 * the caller's to empty; NULL: none is. */
struct sbx_batch *sbx_batches_judged(struct sbx_batches *bs);
void sbx_batches_free(struct sbx_batches *bs);

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
