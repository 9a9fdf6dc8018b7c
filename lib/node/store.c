/* SPDX-License-Identifier: Apache-2.0 */
/* What was judged goes into the journal: batches, in one transaction. */
#include <string.h>

#include "base/base.h"
#include "crypto/crypto.h"
#include "record/record.h"
#include "ledger/ledger.h"
#include "node/node.h"
#include "record/batch.h"
#include "ledger/db.h"
#include "node/store.h"

/* An older node exports a null key for an author it holds no Identity of;
 * the first key that we pinned for the name serves. */
static void
find_key(struct sbx_log *log, struct sbx_entry *e)
{
	unsigned char pub[SBX_PUB_BYTES];

	if (sbx_log_pinned(log, e->author, pub, NULL) == 0)
		sbx_entry_set_key(e, pub);
}

static int
add_item(struct sbx_store *s, struct sbx_item *it, struct sbx_err *err)
{
	struct sbx_import *im = s->im;
	enum sbx_log_how how = SBX_LOG_DUP;
	struct sbx_err why = { 0 };
	int r = SBX_OK;

	if (it->e != NULL && it->e->keyless) {
		find_key(s->log, it->e);
		r = sbx_entry_verify(it->e, &why);
	}
	it->late = false;
	if (it->e != NULL && r == 0 &&
		(r = sbx_quota_check(s->quota, it->e, &why)) == SBX_E_NO) {
		it->late = true;
		return SBX_OK;
	}
	if (it->e != NULL && r == 0 &&
		(r = sbx_log_add(s->log, it->e, &how, &why)) == 0) {
		if (how != SBX_LOG_DUP)
			sbx_quota_count(s->quota, it->e, how == SBX_LOG_HELD);
		im->added += how == SBX_LOG_NEW;
		im->known += how == SBX_LOG_DUP;
		im->held += how == SBX_LOG_HELD;
		if (how == SBX_LOG_HELD && it->e->time > im->ahead)
			im->ahead = it->e->time;
		im->own += how != SBX_LOG_DUP &&
			strcmp(it->e->author, s->self) == 0;
	}
	if (r == SBX_E_INPUT) {
		sbx_batch_refuse(it, &why);
		r = SBX_OK;
	} else if (r != 0 && err != NULL) {
		*err = why;
	}
	if (it->err != NULL) {
		im->refused++;
		if (im->refuse != NULL)
			im->refuse(im->ctx, it->number, it->err);
	}
	return r;
}

/* What is too much of a stranger is tried again while others come in: its
 * author may have become a member by what came later in the batch. */
static int
add_items(struct sbx_store *s, struct sbx_batch *b, struct sbx_err *err)
{
	bool more = true, left = true;
	int r = SBX_OK;

	for (size_t i = 0; i < b->count; i++)
		b->items[i].late = true;
	while (more && left && r == 0) {
		more = left = false;
		sbx_quota_again(s->quota);
		for (size_t i = 0; r == 0 && i < b->count; i++) {
			if (!b->items[i].late)
				continue;
			r = add_item(s, &b->items[i], err);
			more |= !b->items[i].late;
			left |= b->items[i].late;
		}
	}
	return r;
}

/* The rest of it is refused. */
static int
refuse_late(struct sbx_store *s, struct sbx_batch *b, struct sbx_err *err)
{
	struct sbx_import *im = s->im;
	struct sbx_err why = { 0 };
	int r = SBX_OK;

	for (size_t i = 0; r == 0 && i < b->count; i++) {
		if (!b->items[i].late)
			continue;
		r = sbx_quota_check(s->quota, b->items[i].e, &why);
		im->refused++;
		im->late++;
		if (r == SBX_E_NO && im->refuse != NULL &&
			sbx_quota_tell(s->quota, b->items[i].e))
			im->refuse(im->ctx, b->items[i].number, &why);
		if (r == SBX_E_NO)
			r = SBX_OK;
		else if (r != 0 && err != NULL)
			*err = why;
	}
	return r;
}

int
sbx_store_begin(struct sbx_store *s, struct sbx_log *log, struct sbx_import *im,
	struct sbx_err *err)
{
	int r;

	*s = (struct sbx_store){ .log = log, .im = im, .was = *im };
	sbx_db_bulk(sbx_log_db(log));
	if ((r = sbx_log_begin(log, err)) != 0)
		return r;
	sbx_log_self(log, s->self, NULL); /* "": it has none yet */
	s->quota = sbx_quota_new(log, s->self);
	return SBX_OK;
}

int
sbx_store_add(struct sbx_store *s, struct sbx_batch *b, struct sbx_err *err)
{
	int r;

	if ((r = add_items(s, b, err)) == 0)
		r = refuse_late(s, b, err);
	sbx_batch_empty(b);
	return r;
}

/* What was taken of this node's own is marked, since it was not there when it
 * should have been. */
int
sbx_store_end(struct sbx_store *s, int r, struct sbx_err *err)
{
	struct sbx_import *im = s->im;
	size_t refused = im->refused;

	if (r == 0)
		r = sbx_quota_store(s->quota, err);
	if (r == 0 && im->own > s->was.own)
		r = sbx_guard_mark(s->log, im->source != NULL ? im->source : "",
			err);
	if (r == 0 && im->late > s->was.late && im->resumed &&
		im->source != NULL)
		r = sbx_quota_retry_mark(s->log, im->source, err);
	if (r == 0)
		r = sbx_log_commit(s->log, err);
	else
		sbx_log_rollback(s->log);
	if (r != 0) {
		/* What is not in the journal is not counted as if it were. */
		*im = s->was;
		im->refused = refused;
	} else if (im->progress != NULL) {
		im->progress(im->ctx);
	}
	sbx_quota_free(s->quota);
	s->quota = NULL;
	return r;
}
