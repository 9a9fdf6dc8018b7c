/* SPDX-License-Identifier: Apache-2.0 */
/* Private to lib/: entries judged on all cores, a batch at a time. */
#ifndef SBX_BATCH_H
#define SBX_BATCH_H

#include "base/base.h"
#include "record/record.h"

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

#endif
