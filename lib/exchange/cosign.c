/* SPDX-License-Identifier: Apache-2.0 */
/* This node as a witness: it signs heads of others' logs, each after it was
 * seen to go on from the one before, and never two that contradict. */
#include <stdlib.h>
#include <string.h>

#include "base/base.h"
#include "crypto/crypto.h"
#include "ledger/ledger.h"
#include "node/node.h"
#include "exchange/exchange.h"
#include "exchange/follow.h"

struct cosigner {
	struct sbx_log *log;
	struct sbx_buf forks; /* the directory of evidence */
	const char *dir;
	struct sbx_key *key;
	struct sbx_vkey vkey;
	size_t *changed;
	struct sbx_err *refused; /* the last head that it did not sign, and why */
};

void
sbx_witness_path(struct sbx_buf *path, const char *origin)
{
	unsigned char hash[SBX_HASH_BYTES];

	sbx_hash_sha256(hash, origin, strlen(origin));
	sbx_buf_str(path, "w/");
	sbx_buf_hex(path, hash, sizeof(hash));
	sbx_buf_str(path, "/checkpoint");
}

enum bound {
	FREE, /* to sign the head */
	DONE, /* it has signed it, or a later one */
	HELD, /* to a head of the same origin that another key has signed */
};

/* What is published already stands outside the database: an older database
 * does not sign what contradicts it.  A log begun anew has the origin of the one
 * before and another key: nothing shows that it goes on from what was signed. */
static enum bound
signed_before(const struct cosigner *c, const char *path,
	const struct sbx_vkey *log, uint64_t size, struct sbx_checkpoint *was)
{
	const struct sbx_vkey keys[] = { c->vkey, *log };
	struct sbx_buf note = SBX_BUF(SBX_MAX_NOTE);
	bool mine = false, theirs = false;
	struct sbx_note n = { 0 };

	if (sbx_io_read(path, 0, &note, NULL) == 0 &&
		sbx_note_check(sbx_buf_text(&note), note.len, keys, 2, &n,
			NULL) == 0 &&
		sbx_checkpoint_parse(was, n.text, n.len, NULL) == 0 &&
		strcmp(was->origin, log->name) == 0)
		for (size_t i = 0; i < n.count; i++) {
			mine = mine || n.sig[i].key == 0;
			theirs = theirs || n.sig[i].key == 1;
		}
	sbx_buf_free(&note);
	if (!mine)
		return FREE;
	return !theirs ? HELD : was->size >= size ? DONE : FREE;
}

static void
refuse(struct cosigner *c, const struct sbx_vkey *log,
	const struct sbx_checkpoint *was)
{
	sbx_err_set(c->refused, SBX_E_NO, "%s is another log under that origin "
		"than the one of %ju entries that this box has witnessed: not "
		"witnessed", log->name, (uintmax_t)was->size);
	sbx_err_hint(c->refused, "if it was begun anew for a good reason: "
		"sbx-ledger(1), publish --anew");
}

static int
sign(struct cosigner *c, const struct sbx_note *n, const struct sbx_vkey *log,
	const char *path, struct sbx_err *err)
{
	struct sbx_buf note = SBX_BUF(SBX_MAX_NOTE);
	char *slash = strrchr(path, '/');
	char *parent = sbx_mem_text(path, (size_t)(slash - path));
	struct sbx_note again;
	int r;

	sbx_note_only(&note, n, log);
	if ((r = sbx_note_sign(&note, n->text, n->len, c->vkey.name,
		     SBX_NOTE_COSIGNATURE, c->key, sbx_clock_now(), err)) ==
			0 &&
		(r = sbx_note_check(sbx_buf_text(&note), note.len,
			 (const struct sbx_vkey[]){ c->vkey, *log }, 2, &again,
			 err)) == 0 &&
		(r = sbx_io_mkdir(parent, 0755, err)) == 0 &&
		(r = sbx_io_save(path, note.data, note.len, 0644, 0, err)) == 0)
		++*c->changed;
	free(parent);
	sbx_buf_free(&note);
	return r;
}

/* The stored head is checked once more: what is signed is what was read. */
static int
cosign(struct cosigner *c, const char *did, struct sbx_err *err)
{
	struct sbx_buf path = SBX_BUF(4096);
	struct sbx_checkpoint head, was;
	struct sbx_delegation d;
	struct sbx_peerlog peer;
	struct sbx_vkey log;
	struct sbx_note n;
	int r;

	if ((r = sbx_peerlog_load(c->log, did, &peer, err)) != 0 ||
		(r = sbx_delegation_parse(&d, SBX_ROLE_LOG,
			 sbx_buf_text(&peer.key), peer.key.len, err)) != 0 ||
		(r = sbx_delegation_vkey(&d, &log, err)) != 0 ||
		(r = sbx_note_check(sbx_buf_text(&peer.note), peer.note.len,
			 &log, 1, &n, err)) != 0 ||
		(r = sbx_checkpoint_parse(&head, n.text, n.len, err)) != 0) {
		sbx_err_at(err, "the head of %s", did);
		goto out;
	}
	sbx_buf_fmt(&path, "%s/", c->dir);
	sbx_witness_path(&path, log.name);
	if (path.over)
		r = sbx_err_set(err, SBX_E_USAGE, "path too long");
	else
		switch (signed_before(c, path.data, &log, head.size, &was)) {
		case FREE:
			r = sign(c, &n, &log, path.data, err);
			break;
		case HELD:
			refuse(c, &log, &was);
			break;
		case DONE:
			break;
		}
out:
	sbx_peerlog_free(&peer);
	sbx_buf_free(&path);
	return r;
}

static int
cosign_all(struct cosigner *c, struct sbx_err *err)
{
	char(*dids)[SBX_DID_SIZE] = NULL;
	sqlite3_stmt *st = NULL;
	size_t count = 0;
	int r;

	if ((r = sbx_db_prepare(sbx_log_db(c->log),
		     "SELECT did FROM peer WHERE note<>'' ORDER BY did", &st,
		     err)) != 0)
		return r;
	while (sqlite3_step(st) == SQLITE_ROW) {
		dids = sbx_mem_grow(dids, count + 1, sizeof(*dids));
		snprintf(dids[count++], sizeof(*dids), "%s",
			(const char *)sqlite3_column_text(st, 0));
	}
	sqlite3_finalize(st);
	for (size_t i = 0; r == 0 && i < count; i++)
		if (sbx_did_check(dids[i], strlen(dids[i])) &&
			!sbx_fork_seen(sbx_buf_text(&c->forks), dids[i]))
			r = cosign(c, dids[i], err);
	free(dids);
	return r;
}

int
sbx_witness_publish(struct sbx_log *log, const struct sbx_conf *conf,
	const char *dir, size_t *changed, struct sbx_err *refused,
	struct sbx_err *err)
{
	struct cosigner c = { .log = log,
		.forks = SBX_BUF(4096),
		.dir = dir,
		.changed = changed,
		.refused = refused };
	struct sbx_buf text = SBX_BUF(SBX_MAX_LINE);
	struct sbx_delegation d;
	int64_t peers;
	int r;

	/* Who has pulled from nobody needs no key. */
	if ((r = sbx_db_int(sbx_log_db(log),
		     "SELECT count(*) FROM peer WHERE note<>''", 0, &peers,
		     err)) != 0 ||
		peers == 0)
		return r;
	sbx_buf_fmt(&c.forks, "%s/forks", conf->dir);
	if ((r = sbx_delegation_open(
		     conf, SBX_ROLE_WITNESS, &c.key, &text, err)) == 0 &&
		(r = sbx_delegation_parse(&d, SBX_ROLE_WITNESS, text.data,
			 text.len, err)) == 0 &&
		(r = sbx_delegation_vkey(&d, &c.vkey, err)) == 0 &&
		(r = sbx_io_mkdir(dir, 0755, err)) == 0 &&
		(r = sbx_delegation_publish(
			 dir, SBX_ROLE_WITNESS, &text, err)) == 0)
		r = cosign_all(&c, err);
	sbx_key_free(c.key);
	sbx_buf_free(&text);
	sbx_buf_free(&c.forks);
	return r;
}
