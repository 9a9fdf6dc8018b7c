/* SPDX-License-Identifier: Apache-2.0 */
/*
 * libsbx, what a node signs about all that it has said, and what keeps it from
 * signing: seals, the guard, heads and their keys.  Included by sbx.h, whose
 * conventions hold here too.
 */
#ifndef SBX_SIGN_H
#define SBX_SIGN_H

/* ---- upkeep: what is derived from the journal is kept beside it ----------- */

/* Once in each process that writes a journal or checks all of it. */
void sbx_upkeep(void);

/* ---- quota_retry: a source is read again once its authors are members ------ */

/* In the transaction in which something of source was refused for want of room:
 * again, when the members are others than then. */
int sbx_quota_retry_mark(struct sbx_log *log, const char *source,
	struct sbx_err *err);
int sbx_quota_retry_again(struct sbx_log *log, const char *source, bool *again,
	struct sbx_err *err);
int sbx_quota_retry_clear(struct sbx_log *log, const char *source,
	struct sbx_err *err);

/* ---- seal: an author's own order, forks, recovery ------------------------- */

/* Sign SbxHeads over what this node has said since its last one; *count is how
 * many.  rec (NULL: none, or as before) is the hash of the recovery key's
 * public half; SBX_E_NO: the first head was signed already.  The guard is asked
 * before each, in the transaction that takes it.  The head is on disk beside the database before it is in the
 * database: an older database never signs a second one of the same number. */
int sbx_seal(struct sbx_log *log, const struct sbx_conf *conf,
	const unsigned char *rec, size_t *count, struct sbx_err *err);
/* The number of this node's last head, by the database or beside it. */
int sbx_seal_last(struct sbx_log *log, const struct sbx_conf *conf,
	int64_t *seq, struct sbx_err *err);
/* SBX_E_NO when this node has sealed more than the database knows. */
int sbx_seal_check(struct sbx_log *log, const struct sbx_conf *conf,
	struct sbx_err *err);
/* Whatever is missing before it: the last head that was signed goes into the
 * database, so that the next one goes on from there. */
int sbx_seal_adopt(struct sbx_log *log, const struct sbx_conf *conf,
	struct sbx_err *err);
/* The other way: the last one in the database goes beside it. */
int sbx_seal_keep(struct sbx_log *log, const struct sbx_conf *conf,
	struct sbx_err *err);
/* Sign, as this node, that it takes the place of old. */
int sbx_rotate(struct sbx_log *log, const struct sbx_conf *conf,
	const char *old, const struct sbx_key *recovery, struct sbx_err *err);

/* ---- guard: nothing is signed over what was forgotten --------------------- */

/* SBX_E_NO: this box is known to have said more than its ledger holds, by the
 * head or the seal beside the database, or since entries of its own came in
 * from a source that was not read to its end.  own: but for the order, which
 * publish --anew gives up. */
int sbx_guard_check(struct sbx_log *log, const struct sbx_conf *conf,
	struct sbx_err *err);
int sbx_guard_own(struct sbx_log *log, const struct sbx_conf *conf,
	struct sbx_err *err);
/* Append e, which this node has signed, if sbx_guard_check allows it in the same
 * transaction. */
int sbx_guard_append(struct sbx_log *log, const struct sbx_conf *conf,
	const struct sbx_entry *e, struct sbx_err *err);
/* Whether entries of its own have come in since, for who goes on signing: in
 * the transaction that takes what was signed. */
int sbx_guard_still(struct sbx_log *log, struct sbx_err *err);
/* In the transaction that brings an entry of its own from source; and when
 * source was read to its end: *left is how many are known to be missing.  With
 * none, unless source was this node's own log (same), the next head is that of
 * a new one: what the old key has signed of their order nobody knows. */
int sbx_guard_mark(struct sbx_log *log, const char *source,
	struct sbx_err *err);
int sbx_guard_settle(struct sbx_log *log, const struct sbx_conf *conf,
	const char *source, bool same, int64_t *left, struct sbx_err *err);
/* In words; false when there is nothing to say. */
bool sbx_guard_tell(struct sbx_err *why, size_t own, int64_t left);
/* How many it has said goes beside the database, before a head is signed. */
int sbx_guard_note(struct sbx_log *log, const struct sbx_conf *conf,
	struct sbx_err *err);
/* Around a restore: how many it has said by the ledger that is there, which
 * goes beside the database before another takes its place. */
int64_t sbx_guard_count(struct sbx_log *log);
int sbx_guard_before(const struct sbx_conf *conf, int64_t before,
	struct sbx_err *err);
int sbx_guard_restored(struct sbx_log *log, const struct sbx_conf *conf,
	struct sbx_err *err);
/* What is missing is lost for good. */
int sbx_guard_forget(struct sbx_log *log, const struct sbx_conf *conf,
	struct sbx_err *err);

/* ---- head: what a node signs about its log --------------------------------- */

/* Keys of their own for a log's heads and for cosigning those of others. */
enum sbx_role { SBX_ROLE_LOG, SBX_ROLE_WITNESS };

/* "This key speaks for me as that", signed by the identity: a canonical JSON
 * line {"author_pubkey","delegation":{"did","log_key","since"},"sig"}, the
 * signature over "sbx-log-key/v1\n" and the delegation's canonical form; a
 * witness's has "witness" in both places. */
struct sbx_delegation {
	enum sbx_role role;
	char did[SBX_DID_SIZE];
	unsigned char pub[SBX_PUB_BYTES]; /* the identity's key */
	unsigned char key[SBX_PUB_BYTES];
	int64_t since;
};
int sbx_delegation_write(struct sbx_buf *out, enum sbx_role role,
	const struct sbx_key *id, const unsigned char key[static SBX_PUB_BYTES],
	struct sbx_err *err);
int sbx_delegation_parse(struct sbx_delegation *d, enum sbx_role role,
	const char *text, size_t len, struct sbx_err *err);
/* Its verifier key: the name is "DID/log", a log's origin, or "DID/witness". */
int sbx_delegation_vkey(const struct sbx_delegation *d, struct sbx_vkey *k,
	struct sbx_err *err);
int sbx_role_vkey(struct sbx_vkey *k, enum sbx_role role, const char *did,
	const unsigned char pub[static SBX_PUB_BYTES], struct sbx_err *err);
const char *sbx_role_file(enum sbx_role role); /* of a site: "log-key" */
/* This node's key and the delegation of it, made at first use, which takes the
 * node key; and the delegation as a file of the site. */
int sbx_delegation_open(const struct sbx_conf *conf, enum sbx_role role,
	struct sbx_key **key, struct sbx_buf *text, struct sbx_err *err);
/* The public half alone; SBX_E_NO: there is none yet. */
int sbx_delegation_own(const struct sbx_conf *conf, enum sbx_role role,
	struct sbx_vkey *k, struct sbx_err *err);
int sbx_delegation_publish(const char *dir, enum sbx_role role,
	const struct sbx_buf *text, struct sbx_err *err);

/* SBX_E_NO when the journal does not continue the head this node has signed
 * last, kept in conf->head, outside the database: nothing may be signed. */
int sbx_head_check(struct sbx_log *log, const struct sbx_conf *conf,
	struct sbx_err *err);
/* The same of a journal that is verified, and by its rows alone. */
int sbx_head_verify(struct sbx_log *log, const struct sbx_conf *conf,
	struct sbx_err *err);
/* Tiles, bundles, DIR/log-key, and last DIR/checkpoint, a signed note with
 * origin DID/log.  Makes and delegates the log key at first use. */
int sbx_head_publish(struct sbx_log *log, const struct sbx_conf *conf,
	const char *dir, size_t *changed, struct sbx_err *err);
/* Give up the published history, after a restore: the next publish makes and
 * delegates a new log key and begins a new log.  The old head is kept. */
int sbx_head_renew(const struct sbx_conf *conf, struct sbx_err *err);
/* The same, for who may not touch the key: the next sbx_head_publish does it. */
int sbx_head_end(const struct sbx_conf *conf, struct sbx_err *err);
bool sbx_head_over(const struct sbx_conf *conf);

#endif
