/* SPDX-License-Identifier: Apache-2.0 */
/* The head that another node's site shows: whose it is, who has signed it, and
 * what it must go on from. */
#include <string.h>

#include "base/base.h"
#include "crypto/crypto.h"
#include "node/node.h"
#include "exchange/exchange.h"
#include "exchange/walk.h"

static int
get(struct walk *w, const char *name, struct sbx_buf *out, char *etag,
	int *status, struct sbx_err *err)
{
	return sbx_visit(w->f->base, name, w->f->until, out, etag, status, err);
}

static int
check_note(struct walk *w, const struct sbx_delegation *d, struct sbx_err *err)
{
	struct sbx_buf only = SBX_BUF(SBX_MAX_NOTE);
	struct sbx_vkey key;
	struct sbx_note n;
	int r;

	if ((r = sbx_delegation_vkey(d, &key, err)) != 0 ||
		(r = sbx_note_check_head(sbx_buf_text(&w->note), w->note.len,
			 &key, &n, &w->f->said, err)) != 0 ||
		(r = sbx_checkpoint_parse(&w->head, n.text, n.len, err)) != 0)
		return r;
	if (strcmp(w->head.origin, key.name) != 0 ||
		w->head.size > SBX_MAX_TREE)
		return sbx_err_set(
			err, SBX_E_INPUT, "not a head of %s", d->did);
	/* Other lines are anybody's: no evidence, and not to be passed on. */
	sbx_note_only(&only, &n, &key);
	sbx_buf_free(&w->note);
	w->note = only; /* transferred */
	return SBX_OK;
}

/* The log key may have been replaced, never the key that speaks for it. */
static int
check_delegation(struct walk *w, const struct sbx_delegation *d,
	const char *want, struct sbx_err *err)
{
	struct sbx_delegation old = { 0 };

	if (want != NULL && strcmp(want, d->did) != 0) {
		sbx_err_set(err, SBX_E_NO, "the log of %s is there, not of %s",
			d->did, want);
		if (w->f->did == NULL)
			sbx_err_hint(err, "if that is meant: sbx-pull --repin");
		return SBX_E_NO;
	}
	if (w->peer.key.len > 0 &&
		sbx_delegation_parse(&old, SBX_ROLE_LOG, w->peer.key.data,
			w->peer.key.len, NULL) == 0 &&
		(old.since > d->since ||
			memcmp(old.pub, d->pub, SBX_PUB_BYTES) != 0))
		return sbx_err_set(err, SBX_E_NO,
			"%s: its log key is older than the one seen before",
			d->did);
	w->f->anew = w->peer.key.len > 0 &&
		     memcmp(old.key, d->key, SBX_PUB_BYTES) != 0;
	return SBX_OK;
}

static int
new_delegation(struct walk *w, const char *want, struct sbx_err *err)
{
	struct sbx_buf text = SBX_BUF(SBX_MAX_LINE);
	struct sbx_delegation d;
	int status, r;

	r = get(w, "log-key", &text, NULL, &status, err);
	if (r == 0 && status != 200)
		r = sbx_err_set(
			err, SBX_E_INPUT, "a checkpoint, but no log-key");
	if (r != 0 || (r = sbx_delegation_parse(&d, SBX_ROLE_LOG,
			       sbx_buf_text(&text), text.len, err)) != 0)
		goto out;
	if (w->peer.did[0] == '\0' &&
		(r = sbx_peerlog_load(w->log, d.did, &w->peer, err)) != 0)
		goto out;
	if ((r = check_delegation(w, &d, want, err)) == 0 &&
		(r = check_note(w, &d, err)) == 0) {
		sbx_buf_clear(&w->peer.key);
		sbx_buf_add(&w->peer.key, text.data, text.len);
	}
out:
	sbx_buf_free(&text);
	return r;
}

static const char *
wanted(const struct walk *w)
{
	if (w->f->did != NULL)
		return w->f->did;
	return w->src.did[0] != '\0' ? w->src.did : NULL;
}

static int
judge_head(struct walk *w, struct sbx_err *err)
{
	const char *want = wanted(w);
	struct sbx_delegation d;
	int r;

	if (want != NULL &&
		(r = sbx_peerlog_load(w->log, want, &w->peer, err)) != 0)
		return r;
	if (w->peer.key.len == 0 ||
		sbx_delegation_parse(&d, SBX_ROLE_LOG, w->peer.key.data,
			w->peer.key.len, NULL) != 0 ||
		check_note(w, &d, NULL) != 0)
		return new_delegation(w, want, err);
	return SBX_OK;
}

int
sbx_walk_head(struct walk *w, struct sbx_err *err)
{
	bool ask = !w->f->all && w->src.did[0] != '\0' &&
		   strcmp(wanted(w), w->src.did) == 0;
	int status, r;

	if (!ask)
		w->src.etag[0] = '\0';
	if ((r = get(w, "checkpoint", &w->note, w->src.etag, &status, err)) !=
		0)
		return r;
	w->f->found = status != 404;
	w->same = status == 304;
	if (w->same && !ask)
		return sbx_err_set(err, SBX_E_INPUT, "status 304 unasked");
	return status == 200 ? judge_head(w, err) : SBX_OK;
}

/* A head that this node has cosigned and its database, an older one, does not
 * know of: what comes must go on from that. */
void
sbx_walk_bound(struct walk *w)
{
	struct sbx_buf path = SBX_BUF(4096), note = SBX_BUF(SBX_MAX_NOTE);
	struct sbx_checkpoint c;
	struct sbx_delegation d;
	struct sbx_vkey key;
	struct sbx_note n;

	if (sbx_delegation_parse(&d, SBX_ROLE_LOG, sbx_buf_text(&w->peer.key),
		    w->peer.key.len, NULL) != 0 ||
		sbx_delegation_vkey(&d, &key, NULL) != 0)
		return;
	sbx_buf_fmt(&path, "%s/", w->f->www);
	sbx_witness_path(&path, key.name);
	if (!path.over && sbx_io_read(path.data, 0, &note, NULL) == 0 &&
		sbx_note_check(sbx_buf_text(&note), note.len, &key, 1, &n,
			NULL) == 0 &&
		sbx_checkpoint_parse(&c, n.text, n.len, NULL) == 0 &&
		strcmp(c.origin, key.name) == 0 &&
		(c.size > w->old.size ||
			(c.size == w->old.size &&
				memcmp(c.root, w->old.root, sizeof(c.root)) !=
					0))) {
		w->old = c;
		sbx_buf_clear(&w->peer.note);
		sbx_buf_add(&w->peer.note, note.data, note.len);
		memset(&w->peer.tree, 0, sizeof(w->peer.tree));
	}
	sbx_buf_free(&path);
	sbx_buf_free(&note);
}

static void
push(struct sbx_proof *p, const unsigned char *hash)
{
	memcpy(p->hash[p->count++], hash, SBX_HASH_BYTES);
}

/* Of heads of two sizes it takes a proof that the newer one's beginning is not
 * the older one: its root, and that the newer one goes on from there, which is
 * what stands left and right on the way up (RFC 9162, 2.1.4.1). */
void
sbx_walk_fork(const struct walk *w, struct sbx_buf *out)
{
	const struct sbx_tree *t = &w->beginning;
	bool full = (t->size & (t->size - 1)) == 0;
	unsigned low = (unsigned)__builtin_ctzll(t->size);
	struct sbx_proof p = { 0 };
	size_t right = 0;

	push(&p, w->passed);
	for (unsigned i = low; i < 64; i++) {
		bool left = t->size >> i & 1;

		if (left && !full)
			push(&p, t->peak[i]);
		if ((!left || i == low) && right < w->rest.count)
			push(&p, w->rest.hash[right++]);
	}
	sbx_proof_write_from(out, t->size, &p, w->note.data, w->note.len);
}
