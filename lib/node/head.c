/* SPDX-License-Identifier: Apache-2.0 */
/* What a node signs about its log: the head, which is kept outside the
 * database, so that a database put back from a backup is noticed before
 * anything is signed. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/base.h"
#include "crypto/crypto.h"
#include "record/record.h"
#include "ledger/ledger.h"
#include "node/node.h"

/* ---- heads ------------------------------------------------------------------ */

/* A checkpoint signed by key, from a file, and when it was said to be all there
 * is; size 0 when there is no file. */
static int
read_head(const char *path, const struct sbx_vkey *key,
	struct sbx_checkpoint *head, int64_t *said, struct sbx_err *err)
{
	struct sbx_buf text = SBX_BUF(SBX_MAX_NOTE);
	struct sbx_note note;
	int r;

	memset(head, 0, sizeof(*head));
	*said = 0;
	r = sbx_io_read(path, 0, &text, err);
	if (r == SBX_E_SYS && errno == ENOENT) {
		sbx_buf_free(&text);
		return SBX_OK;
	}
	if (r == 0 && (r = sbx_note_check_head(sbx_buf_text(&text), text.len,
			       key, &note, said, err)) == 0)
		r = sbx_checkpoint_parse(head, note.text, note.len, err);
	if (r != 0)
		sbx_err_at(err, "%s", path);
	sbx_buf_free(&text);
	return r;
}

/* Into a file; at (0: never) is when there was no more than that. */
static int
save_head(const char *path, const struct sbx_key *key,
	const struct sbx_checkpoint *c, int64_t at, struct sbx_err *err)
{
	struct sbx_buf text = SBX_BUF(4096), note = SBX_BUF(SBX_MAX_NOTE);
	struct sbx_vkey vkey;
	struct sbx_note n;
	int64_t said;
	int r;

	sbx_checkpoint_write(c, &text);
	sbx_buf_add(&note, text.data, text.len);
	sbx_buf_str(&note, "\n");
	r = sbx_note_sign(&note, text.data, text.len, c->origin,
		SBX_NOTE_ED25519, key, 0, err);
	if (r == 0 && at != 0)
		r = sbx_note_sign(&note, text.data, text.len, c->origin,
			SBX_NOTE_COSIGNATURE, key, at, err);
	if (r == 0 && (r = sbx_vkey_make(&vkey, c->origin, SBX_NOTE_ED25519,
			       sbx_key_pub(key), err)) == 0 &&
		(r = sbx_note_check_head(note.data, note.len, &vkey, &n, &said,
			 err)) == 0)
		r = sbx_io_save(path, note.data, note.len, 0644, 0, err);
	sbx_buf_free(&text);
	sbx_buf_free(&note);
	return r;
}

/* Whether a journal goes on from what was signed; root: its tree's over the old
 * size, if it is as long. */
static int
compare(const struct sbx_conf *conf, const struct sbx_checkpoint *old,
	int64_t size, const unsigned char root[static SBX_HASH_BYTES],
	struct sbx_err *err)
{
	struct sbx_buf site = SBX_BUF(200);

	if (old->size == 0 ||
		(old->size <= (uint64_t)size &&
			memcmp(root, old->root, SBX_HASH_BYTES) == 0))
		return SBX_OK;
	sbx_err_set(err, SBX_E_NO,
		"the ledger does not continue what this box has signed: "
		"%llu entries, of which %s",
		(unsigned long long)old->size, old->size > (uint64_t)size ?
			"the last are missing" : "some are others");
	/* What was published is still there, in the order that was signed. */
	sbx_buf_fmt(&site, "%s/checkpoint", conf->www);
	if (old->size > (uint64_t)size && !site.over &&
		access(site.data, F_OK) == 0)
		sbx_err_hint(err, "put back from a backup? first sbx-pull %s",
			conf->www);
	else
		sbx_err_hint(err, "put back from a backup? sbx-pull, then "
				  "sbx-ledger publish --anew");
	sbx_buf_free(&site);
	return SBX_E_NO;
}

static int
continues(struct sbx_log *log, const struct sbx_conf *conf,
	const struct sbx_checkpoint *old, int64_t size, struct sbx_err *err)
{
	unsigned char root[SBX_HASH_BYTES] = { 0 };
	int r;

	if (old->size > 0 && old->size <= (uint64_t)size &&
		(r = sbx_log_root(log, (int64_t)old->size, root, err)) != 0)
		return r;
	return compare(conf, old, size, root, err);
}

/* The verifier key of this node's log, from its public delegation. */
static int
own_vkey(const struct sbx_conf *conf, const char *did, struct sbx_vkey *vkey,
	struct sbx_err *err)
{
	struct sbx_buf path = SBX_BUF(4096), text = SBX_BUF(SBX_MAX_LINE);
	struct sbx_delegation d;
	int r;

	sbx_buf_fmt(&path, "%s/log-key", conf->dir);
	if ((r = sbx_io_read(path.data, 0, &text, err)) == 0 &&
		(r = sbx_delegation_parse(&d, SBX_ROLE_LOG, sbx_buf_text(&text), text.len,
			 err)) == 0)
		r = strcmp(d.did, did) == 0 ?
			sbx_role_vkey(vkey, SBX_ROLE_LOG, did, d.key, err) :
			sbx_err_set(err, SBX_E_USAGE, "%s: not this box's",
				path.data);
	sbx_buf_free(&path);
	sbx_buf_free(&text);
	return r;
}

/* What this box has signed last; size 0: nothing yet. */
static int
own_head(struct sbx_log *log, const struct sbx_conf *conf,
	struct sbx_checkpoint *head, struct sbx_err *err)
{
	struct sbx_vkey vkey;
	char did[SBX_DID_SIZE];
	int64_t said;
	int r;

	head->size = 0;
	if (access(conf->head, F_OK) != 0)
		return SBX_OK;
	if ((r = sbx_log_self(log, did, err)) == 0 &&
		(r = own_vkey(conf, did, &vkey, err)) == 0)
		r = read_head(conf->head, &vkey, head, &said, err);
	return r;
}

int
sbx_head_check(struct sbx_log *log, const struct sbx_conf *conf,
	struct sbx_err *err)
{
	unsigned char hash[SBX_HASH_BYTES];
	struct sbx_checkpoint head;
	int64_t size;
	int r;

	if ((r = own_head(log, conf, &head, err)) == 0 &&
		(r = sbx_log_head(log, &size, hash, err)) == 0)
		r = continues(log, conf, &head, size, err);
	return r;
}

int
sbx_head_verify(struct sbx_log *log, const struct sbx_conf *conf,
	struct sbx_err *err)
{
	unsigned char hash[SBX_HASH_BYTES], root[SBX_HASH_BYTES] = { 0 };
	struct sbx_checkpoint head;
	int64_t size, bad;
	int r;

	if ((r = own_head(log, conf, &head, err)) != 0 ||
		(r = sbx_log_verify(log, (int64_t)head.size, root, &bad, err)) !=
			0 ||
		(r = sbx_log_head(log, &size, hash, err)) != 0)
		return r;
	return compare(conf, &head, size, root, err);
}

bool
sbx_head_over(const struct sbx_conf *conf)
{
	struct sbx_buf path = SBX_BUF(4096);
	bool yes;

	sbx_buf_fmt(&path, "%s/anew", conf->dir);
	yes = access(sbx_buf_text(&path), F_OK) == 0;
	sbx_buf_free(&path);
	return yes;
}

int
sbx_head_end(const struct sbx_conf *conf, struct sbx_err *err)
{
	struct sbx_buf path = SBX_BUF(4096);
	int r;

	sbx_buf_fmt(&path, "%s/anew", conf->dir);
	r = sbx_io_save(path.data, "", 0, 0644, 0, err);
	sbx_buf_free(&path);
	return r;
}

static int
put_away(const char *path, struct sbx_err *err)
{
	return unlink(path) == 0 || errno == ENOENT ?
		SBX_OK :
		sbx_err_sys(err, "%s", path);
}

/* Nothing is lost: the old head stays as evidence of what was signed.  The
 * marker comes first and goes last, each durably: without its head the old key
 * would sign a second history, so that whoever publishes next goes on here. */
int
sbx_head_renew(const struct sbx_conf *conf, struct sbx_err *err)
{
	struct sbx_buf old = SBX_BUF(4096), key = SBX_BUF(4096);
	struct sbx_buf marker = SBX_BUF(4096);
	int r;

	sbx_buf_fmt(&old, "%s.%lld", conf->head,
		(long long)(sbx_clock_now() / 1000000));
	sbx_buf_fmt(&key, "%s/log-key", conf->dir);
	sbx_buf_fmt(&marker, "%s/anew", conf->dir);
	if ((r = sbx_head_end(conf, err)) != 0)
		goto out;
	if (rename(conf->head, old.data) != 0 && errno != ENOENT)
		r = sbx_err_sys(err, "%s", conf->head);
	if (r == 0 && (r = put_away(key.data, err)) == 0 &&
		(r = put_away(conf->log_key, err)) == 0 &&
		(r = sbx_io_sync_dir(conf->head, err)) == 0 &&
		(r = sbx_io_sync_dir(key.data, err)) == 0 &&
		(r = sbx_io_sync_dir(conf->log_key, err)) == 0)
		r = put_away(marker.data, err);
out:
	sbx_buf_free(&old);
	sbx_buf_free(&key);
	sbx_buf_free(&marker);
	return r;
}

/* Said so rarely that it costs next to nothing, and often enough that some of
 * it may get lost before a reader takes this log for stale.  What is dated ahead
 * readers do not believe: the clock was wrong then or is now. */
static bool
due(const struct sbx_conf *conf, int64_t said, int64_t now)
{
	return said == 0 || said > now + SBX_MAX_AHEAD ||
	       now - said >= conf->pull_stale * SBX_SECOND / 4;
}

/* Beside the database, when this log vouched for itself last while nothing on
 * the site says so; 0: the site does. */
static int64_t
vouched(const struct sbx_conf *conf)
{
	struct sbx_buf path = SBX_BUF(4096), text = SBX_BUF(32);
	int64_t at;

	sbx_buf_fmt(&path, "%s/vouched", conf->dir);
	if (sbx_io_read(path.data, 0, &text, NULL) != 0 ||
		!sbx_num_parse(&at, sbx_buf_text(&text), 1, SBX_MAX_INT))
		at = 0;
	sbx_buf_free(&path);
	sbx_buf_free(&text);
	return at;
}

static int
keep_vouched(const struct sbx_conf *conf, int64_t at, struct sbx_err *err)
{
	struct sbx_buf path = SBX_BUF(4096), text = SBX_BUF(32);
	int r;

	sbx_buf_fmt(&path, "%s/vouched", conf->dir);
	sbx_buf_fmt(&text, "%lld", (long long)at);
	r = sbx_io_save(path.data, text.data, text.len, 0644, 0, err);
	sbx_buf_free(&path);
	sbx_buf_free(&text);
	return r;
}

/* A clock that was put right must not make readers think of an older answer,
 * and no signature is dated later than it is made: until the clock has come that
 * far again, a new head is not vouched for.  *at: when it is; 0: not. */
static int
vouch(const struct sbx_conf *conf, int64_t said, int64_t now, int64_t *at,
	struct sbx_err *err)
{
	*at = now;
	if (said <= now || said > now + SBX_MAX_AHEAD)
		return SBX_OK;
	*at = 0;
	return keep_vouched(conf, said, err);
}

struct publishing {
	struct sbx_log *log;
	const struct sbx_conf *conf;
	const char *dir;
	struct sbx_key *key;
	struct sbx_vkey vkey;
	int64_t at;		   /* the head is at least of this time */
	struct sbx_checkpoint now; /* the head */
	size_t *changed;
};

/* The files first, then the head that we are bound by, the checkpoint last: at
 * no moment is something promised that is not there. */
static int
publish(struct publishing *p, struct sbx_err *err)
{
	struct sbx_checkpoint signed_head, shown;
	struct sbx_buf path = SBX_BUF(4096);
	int64_t size = (int64_t)p->now.size, said, last, at;
	bool same;
	int r;

	sbx_buf_fmt(&path, "%s/checkpoint", p->dir);
	if ((r = read_head(p->conf->head, &p->vkey, &signed_head, &said,
		     err)) != 0 ||
		(r = continues(p->log, p->conf, &signed_head, size, err)) != 0)
		goto out;
	/* What is shown elsewhere, or damaged, is written anew as a whole. */
	if ((r = read_head(path.data, &p->vkey, &shown, &said, err)) ==
		SBX_E_SYS)
		goto out;
	if (r != 0 || continues(p->log, p->conf, &shown, size, NULL) != 0)
		shown.size = 0;
	same = shown.size == p->now.size && shown.size > 0;
	last = vouched(p->conf);
	last = last > said ? last : said;
	if (same && !due(p->conf, last > p->at ? last : said, p->at))
		goto out;
	if (!same &&
		((r = sbx_site_tiles(p->log, p->dir, shown.size, p->now.size,
			  p->changed, err)) != 0 ||
			(r = sbx_guard_note(p->log, p->conf, err)) != 0 ||
			(r = save_head(p->conf->head, p->key, &p->now, 0,
				 err)) != 0))
		goto out;
	if ((r = vouch(p->conf, last, p->at, &at, err)) != 0 ||
		(r = save_head(path.data, p->key, &p->now, at, err)) != 0)
		goto out;
	++*p->changed;
	if (!same)
		sbx_site_sweep(p->dir, shown.size, p->now.size);
out:
	sbx_buf_free(&path);
	return r;
}

int
sbx_head_publish(struct sbx_log *log, const struct sbx_conf *conf,
	const char *dir, size_t *changed, struct sbx_err *err)
{
	struct publishing p = { .log = log,
		.conf = conf,
		.dir = dir,
		.at = sbx_clock_now(),
		.changed = changed };
	struct sbx_buf delegation = SBX_BUF(SBX_MAX_LINE);
	unsigned char hash[SBX_HASH_BYTES];
	char did[SBX_DID_SIZE];
	int64_t size;
	int r;

	if ((r = sbx_log_self(log, did, err)) == 0 &&
		(r = sbx_guard_own(log, conf, err)) == 0 &&
		(!sbx_head_over(conf) ||
			(r = sbx_head_renew(conf, err)) == 0) &&
		(r = sbx_delegation_open(conf, SBX_ROLE_LOG, &p.key,
			 &delegation, err)) == 0 &&
		(r = sbx_role_vkey(&p.vkey, SBX_ROLE_LOG, did,
			 sbx_key_pub(p.key), err)) == 0 &&
		(r = sbx_log_head(log, &size, hash, err)) == 0 &&
		(r = sbx_log_root(log, size, p.now.root, err)) == 0) {
		p.now.size = (uint64_t)size;
		snprintf(p.now.origin, sizeof(p.now.origin), "%s/log", did);
		if ((r = sbx_io_mkdir(dir, 0755, err)) == 0 &&
			(r = sbx_delegation_publish(dir, SBX_ROLE_LOG,
				 &delegation, err)) == 0)
			r = publish(&p, err);
	}
	sbx_key_free(p.key);
	sbx_buf_free(&delegation);
	return r;
}
