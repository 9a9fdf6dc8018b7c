/* SPDX-License-Identifier: Apache-2.0 */
/* Another node's log: its head, then of its tree the hashes past what was read
 * before, then of its entries those bundles that hold something unknown.  A
 * site may say anything; only what its head signs is remembered. */
#include <string.h>

#include "base/base.h"
#include "crypto/crypto.h"
#include "record/record.h"
#include "ledger/ledger.h"
#include "node/node.h"
#include "exchange/exchange.h"
#include "record/batch.h"
#include "node/store.h"
#include "exchange/walk.h"

#define COMMIT_US 200000 /* microseconds a bundle waits for others */
#define WAITING	  1024	 /* entries that wait at most */

/* ---- the entries ------------------------------------------------------- */

static const unsigned char *
leaf_of(const struct walk *w, size_t i)
{
	return (const unsigned char *)w->tile.data + i * SBX_HASH_BYTES;
}

/* Those of a bundle that are unknown, from the first-th on, into the batch. */
static int
read_bundle(struct walk *w, const struct sbx_tile *t, size_t first,
	struct sbx_err *err)
{
	struct sbx_bundle b = { sbx_buf_text(&w->bundle), w->bundle.len, 0 };
	unsigned char leaf[SBX_HASH_BYTES];
	const char *text;
	size_t len;
	int r;

	for (size_t i = 0; i < t->width; i++) {
		if ((r = sbx_bundle_next(&b, &text, &len, err)) < 0)
			return r;
		if (r == 1)
			sbx_tree_leaf(leaf, text, len);
		if (r == 0 || (i >= first && memcmp(leaf, leaf_of(w, i),
						     sizeof(leaf)) != 0))
			return sbx_err_set(err, SBX_E_INPUT,
				"bundle %ju does not hold what its hashes say",
				(uintmax_t)t->n);
		if (i >= first && !sbx_known_has(w->known, leaf))
			sbx_batch_add(w->batch, t->n * SBX_TILE_WIDTH + i + 1,
				text, len);
	}
	return SBX_OK;
}

/* All of it or nothing: what waits to be stored is of whole bundles. */
static int
take_bundle(struct walk *w, const struct sbx_tile *t, size_t first,
	struct sbx_err *err)
{
	struct sbx_tile entries = { SBX_TILE_ENTRIES, t->n, t->width };
	size_t before = w->batch->count;
	int r;

	if ((r = sbx_visit_tile(w->f->base, &entries, w->f->until, &w->bundle,
		     err)) == 0 &&
		(r = read_bundle(w, t, first, err)) != 0)
		sbx_batch_cut(w->batch, before);
	return r;
}

/* In a transaction: another pull may have gone on with this log since, and then
 * what was judged here rests on a head that is no longer the last one seen.
 * Where it went on to the same head there is nothing left to be saved. */
static int
save_peer(struct walk *w, struct sbx_err *err)
{
	struct sbx_peerlog now;
	int r;

	if ((r = sbx_peerlog_load(w->log, w->peer.did, &now, err)) != 0)
		goto out;
	if (memcmp(now.was, w->peer.was, sizeof(now.was)) == 0) {
		r = sbx_peerlog_save(w->log, &w->peer, err);
	} else if (now.note.len != w->note.len ||
		memcmp(now.note.data, w->note.data, now.note.len) != 0) {
		r = sbx_err_set(err, SBX_E_SYS, "another pull has gone on with "
			"the log of %s meanwhile", w->peer.did);
		sbx_err_hint(err, "pull once more");
	}
out:
	sbx_peerlog_free(&now);
	return r;
}

/* Whether the head seen last is the beginning of what was read: the root that
 * was passed tells, and what goes on from behind it has passed it before. */
static bool
goes_on(const struct walk *w)
{
	return w->start > w->old.size || w->old.size == 0 ||
	       memcmp(w->passed, w->old.root, SBX_HASH_BYTES) == 0;
}

/* Behind that head only what does: the next pull would not look again. */
static int
remember(struct walk *w, struct sbx_err *err)
{
	if (!w->save || (w->tree.size > w->old.size && !goes_on(w)))
		return SBX_OK;
	w->peer.tree = w->tree;
	return save_peer(w, err);
}

/* Bundles that come fast share a commit, which costs the disk's time. */
static bool
due(const struct walk *w)
{
	return w->batch->count + SBX_TILE_WIDTH > WAITING ||
	       sbx_batch_full(w->batch) ||
	       sbx_clock_boot() - w->stored > COMMIT_US;
}

/* The entries that wait, and how far the log was read, as one. */
static int
store(struct walk *w, struct sbx_err *err)
{
	struct sbx_store store;
	int r;

	if (w->batch->count == 0)
		return SBX_OK;
	sbx_batch_judge(w->batch);
	w->stored = sbx_clock_boot();
	if ((r = sbx_store_begin(&store, w->log, w->f->im, err)) != 0)
		return r;
	if ((r = sbx_store_add(&store, w->batch, err)) == 0)
		r = remember(w, err);
	return sbx_store_end(&store, r, err);
}

/* Here ends what was seen last. */
static void
pass(struct walk *w)
{
	sbx_tree_root(&w->tree, w->passed);
	w->beginning = w->tree;
	w->rest.count = 0;
	memset(&w->part, 0, sizeof(w->part));
}

/* What proves a fork is kept on the way: asked for it again, the site may say
 * something else. */
static void
take_leaf(struct walk *w, const unsigned char *leaf)
{
	uint64_t begin;

	if (w->tree.size == w->old.size)
		pass(w);
	sbx_tree_add(&w->tree, leaf);
	if (w->tree.size <= w->old.size || goes_on(w))
		return;
	sbx_tree_add(&w->part, leaf);
	begin = w->tree.size - w->part.size;
	if (w->part.size == (begin & -begin) || w->tree.size == w->head.size) {
		sbx_tree_root(&w->part, w->rest.hash[w->rest.count++]);
		memset(&w->part, 0, sizeof(w->part));
	}
}

static int
step(struct walk *w, uint64_t n, struct sbx_err *err)
{
	struct sbx_tile t = { 0, n, SBX_TILE_WIDTH };
	size_t first = w->tree.size % SBX_TILE_WIDTH, news = 0, i;
	uint64_t left = w->head.size - n * SBX_TILE_WIDTH;
	int r;

	if (left < SBX_TILE_WIDTH)
		t.width = (unsigned)left;
	if ((r = sbx_visit_tile(w->f->base, &t, w->f->until, &w->tile, err)) !=
		0)
		return r;
	if (w->tile.len < t.width * SBX_HASH_BYTES ||
		w->tile.len % SBX_HASH_BYTES != 0)
		return sbx_err_set(err, SBX_E_INPUT,
			"tile %ju is not %u hashes", (uintmax_t)n, t.width);
	for (i = first; i < t.width; i++)
		news += !sbx_known_has(w->known, leaf_of(w, i));
	if (news > 0 && (r = take_bundle(w, &t, first, err)) != 0)
		return r;
	for (i = first; i < t.width; i++)
		take_leaf(w, leaf_of(w, i));
	w->f->im->done = w->tree.size - w->start;
	if (w->batch->count > 0 && due(w))
		return store(w, err);
	if (w->f->im->progress != NULL)
		w->f->im->progress(w->f->im->ctx);
	return SBX_OK;
}

/* From start on to the head's end; *whole: that gives the root it signs. */
static int
read_on(struct walk *w, uint64_t start, bool *whole, struct sbx_err *err)
{
	unsigned char root[SBX_HASH_BYTES];
	int r, stored;

	if (start == 0)
		memset(&w->tree, 0, sizeof(w->tree));
	w->start = start;
	w->stored = sbx_clock_boot();
	w->f->im->total = w->head.size - start;
	w->f->im->done = 0;
	r = sbx_known_load(w->known, w->log, w->head.size - start, err);
	for (uint64_t n = start / SBX_TILE_WIDTH;
		r == 0 && w->tree.size < w->head.size; n++)
		r = step(w, n, err);
	/* Whole bundles are kept, whatever came then. */
	stored = store(w, r == 0 ? err : NULL);
	r = r != 0 ? r : stored;
	if (w->tree.size == w->old.size)
		pass(w);
	sbx_tree_root(&w->tree, root);
	*whole = memcmp(root, w->head.root, sizeof(root)) == 0;
	return r;
}

/* ---- what comes of it -------------------------------------------------- */

static int
flag(struct walk *w, const char *what, struct sbx_err *err)
{
	struct sbx_buf proof = SBX_BUF(SBX_MAX_NOTE + 8192);
	struct sbx_fork fork = { w->f->forks, w->peer.did, &w->peer.key,
		{ &w->peer.note, &w->note }, &proof,
		{ w->old.size, w->head.size } };
	int r;

	if (w->old.size < w->head.size)
		sbx_walk_fork(w, &proof);
	r = sbx_fork_keep(&fork, err);
	sbx_buf_free(&proof);
	if (r != 0)
		return r;
	sbx_err_set(err, SBX_E_NO, "%s %s: %ju entries seen before, %ju now",
		w->peer.did, what, (uintmax_t)w->old.size,
		(uintmax_t)w->head.size);
	sbx_err_hint(err, "both heads are in %.120s/%s", w->f->forks,
		w->peer.did + 8);
	return SBX_E_NO;
}

/* This head is what the next one must go on from, and it is vouched for. */
static int
settle(struct walk *w, struct sbx_err *err)
{
	const struct sbx_follow *f = w->f;
	bool ahead = f->said > sbx_clock_now() + SBX_MAX_AHEAD,
	     news = f->said > f->shown && !ahead;
	int r;

	/* What is wrong with it is looked at again the next time. */
	if (ahead || (f->said != 0 && f->said < f->shown))
		w->src.etag[0] = '\0';

	if ((r = sbx_log_begin(w->log, err)) != 0)
		return r;
	w->peer.tree = w->tree;
	sbx_buf_clear(&w->peer.note);
	sbx_buf_add(&w->peer.note, w->note.data, w->note.len);
	memcpy(w->src.did, w->peer.did, sizeof(w->src.did));
	w->src.prefix = (struct sbx_prefix){ .count = w->head.size };
	if ((r = save_peer(w, err)) == 0 &&
		(r = sbx_source_save(w->log, f->base, &w->src, err)) == 0 &&
		(!news || (r = sbx_freshness_keep(w->log, f->base, w->peer.did,
				   f->said, err)) == 0))
		r = sbx_log_commit(w->log, err);
	else
		sbx_log_rollback(w->log);
	w->f->moved = r == 0 && (w->head.size != w->old.size ||
					memcmp(w->head.root, w->old.root,
						sizeof(w->old.root)) != 0);
	return r;
}

static int
broken(struct walk *w, struct sbx_err *err)
{
	int r;

	/* What was remembered on the way may be as wrong as the rest. */
	memset(&w->tree, 0, sizeof(w->tree));
	w->save = !w->f->own;
	if ((r = sbx_log_begin(w->log, err)) != 0)
		return r;
	if ((r = remember(w, err)) == 0)
		r = sbx_log_commit(w->log, err);
	else
		sbx_log_rollback(w->log);
	return r != 0 ? r
		      : sbx_err_set(err, SBX_E_INPUT,
				"its tiles do not give the root it signs");
}

/* A head below the one seen last: an older copy, unless the same address has
 * shown the newer one. */
static int
go_back(struct walk *w, struct sbx_err *err)
{
	bool whole;
	int r;

	if ((r = read_on(w, 0, &whole, err)) != 0)
		return r;
	if (!whole)
		return sbx_err_set(err, SBX_E_INPUT,
			"its tiles do not give the root it signs");
	if (strcmp(w->src.did, w->peer.did) != 0 ||
		w->src.prefix.count <= w->head.size)
		return SBX_OK;
	return flag(w, "went back in its log", err);
}

static int
go_on(struct walk *w, struct sbx_err *err)
{
	bool whole = false;
	int r;

	w->tree = w->peer.tree;
	w->save = !w->f->all && !w->f->own;
	r = read_on(w,
		w->f->all || w->tree.size > w->head.size ? 0 : w->tree.size,
		&whole, err);
	if (r == 0 && !whole && w->start > 0) {
		w->save = false;
		r = read_on(w, 0, &whole, err);
	}
	if (r != 0)
		return r;
	if (!whole)
		return broken(w, err);
	if (w->f->own) /* of it nothing is remembered but the journal */
		return SBX_OK;
	if (!goes_on(w))
		r = flag(w, "rewrote its log", err);
	if (r == 0 || r == SBX_E_NO)
		if (settle(w, r == 0 ? err : NULL) != 0)
			r = SBX_E_SYS;
	return r;
}

static int
follow(struct walk *w, struct sbx_err *err)
{
	struct sbx_import *im = w->f->im;
	size_t before = im->added + im->held + im->refused, known = im->known;
	char self[SBX_DID_SIZE];
	uint64_t size;
	const char *end;
	int r;

	if ((r = sbx_source_load(w->log, w->f->base, &w->src, err)) != 0)
		return r;
	if (w->f->repin)
		memset(&w->src, 0, sizeof(w->src));
	if ((r = sbx_walk_head(w, err)) != 0 || !w->f->found ||
		(r = sbx_freshness_here(w->log, w->f->base,
			 w->same ? w->src.did : w->peer.did, &w->f->shown,
			 err)) != 0)
		return r;
	if (w->same)
		w->f->said = w->f->shown;
	if (w->f->repin)
		w->f->shown = 0;
	size = w->same ? w->src.prefix.count : w->head.size;
	w->f->own = sbx_log_self(w->log, self, NULL) == 0 &&
		 strcmp(w->peer.did, self) == 0;
	memcpy(w->f->is, w->same ? w->src.did : w->peer.did, SBX_DID_SIZE);
	end = w->peer.note.len > 0 ? strstr(w->peer.note.data, "\n\n") : NULL;
	/* A node that lost its log says so by a new key, and begins one: the old
	 * head is none that the new key has signed. */
	if (w->f->anew) {
		memset(&w->peer.tree, 0, sizeof(w->peer.tree));
		sbx_buf_clear(&w->peer.note);
	} else if (!w->same && end != NULL) {
		r = sbx_checkpoint_parse(&w->old, w->peer.note.data,
			(size_t)(end + 1 - w->peer.note.data), err);
	}
	if (r == 0 && !w->same && !w->f->anew && !w->f->own)
		sbx_walk_bound(w);
	if (r == 0 && !w->same)
		r = w->head.size < w->old.size ? go_back(w, err)
					       : go_on(w, err);
	before = im->added + im->held + im->refused - before;
	im->known = known + (size > before ? size - before : 0);
	return r;
}

/* Whether what was refused may be a member's now. */
static int
again(struct sbx_log *log, const struct sbx_import *im, bool *yes,
	struct sbx_err *err)
{
	*yes = false;
	return im->source != NULL ? sbx_quota_retry_again(log, im->source, yes, err)
				  : SBX_OK;
}

/* From its beginning to its end: nothing is owed, unless it was refused now. */
static int
read_whole(struct sbx_log *log, const struct sbx_import *im, struct sbx_err *err)
{
	return im->late == 0 && im->source != NULL
		       ? sbx_quota_retry_clear(log, im->source, err)
		       : SBX_OK;
}

int
sbx_follow(struct sbx_log *log, struct sbx_follow *f, struct sbx_err *err)
{
	struct walk w = { .log = log,
		.f = f,
		.note = SBX_BUF(SBX_MAX_NOTE),
		.tile = SBX_BUF(SBX_TILE_BYTES),
		.bundle = SBX_BUF(SBX_MAX_BUNDLE),
		.known = sbx_known_new(),
		.batch = sbx_batch_new(SBX_BATCH) };
	bool anew;
	int r;

	f->im->resumed = true;
	f->found = f->anew = f->moved = f->own = false;
	f->said = f->shown = 0;
	if ((r = again(log, f->im, &anew, err)) == 0) {
		f->all = f->all || anew;
		r = follow(&w, err);
	}
	if (r == 0 && f->found && f->all)
		r = read_whole(log, f->im, err);
	sbx_peerlog_free(&w.peer);
	sbx_buf_free(&w.note);
	sbx_buf_free(&w.tile);
	sbx_buf_free(&w.bundle);
	sbx_known_free(w.known);
	sbx_batch_free(w.batch);
	return r;
}

int
sbx_follow_export(struct sbx_log *log, const char *url, int fd,
	struct sbx_import *im, struct sbx_err *err)
{
	struct sbx_source src;
	bool whole;
	int r;

	im->resumed = true;
	if ((r = sbx_source_load(log, url, &src, err)) != 0 ||
		(r = again(log, im, &whole, err)) != 0)
		return r;
	/* The text changed, or what was passed over may count now. */
	whole = whole || im->changed;
	if (whole) {
		src.prefix = (struct sbx_prefix){ 0 };
		im->known = 0;
	}
	im->seen = &src.prefix;
	r = sbx_import_fd(log, fd, im, err);
	im->seen = NULL;
	if (r != 0 || (r = sbx_source_save(log, url, &src, err)) != 0)
		return r;
	return whole ? read_whole(log, im, err) : SBX_OK;
}
