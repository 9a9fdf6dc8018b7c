/* SPDX-License-Identifier: Apache-2.0 */
/* node: this box: its configuration, what it signs about all that it
 * has said, what keeps it from signing, and what it takes from others. */
#ifndef SBX_NODE_H
#define SBX_NODE_H

#include "directory/directory.h"

/* Entries of strangers, all together and of each, that are held at a time.
 * Members have no such limit. */
#define SBX_MAX_HELD 4096
#define SBX_MAX_HELD_EACH 16
#define SBX_MAX_STRANGERS 1024 /* authors that are not members */
/* What is kept of one of them: dated on one day; whatever the dates, which are
 * its own say.  Members have no such limit. */
#define SBX_MAX_STRANGER_BYTES (1 << 20)
#define SBX_MAX_STRANGER_ALL (8 << 20)
#define SBX_MAX_TTL 86400	/* seconds a grant may last */
#define SBX_MIN_TTL 60

/* ---- conf: the configuration file ---------------------------------------- */

struct sbx_conf_peer {
	char *name, *url;
};

#define SBX_MESH_NET "10.10.0.0/24" /* where nothing else is said */
#define SBX_MAX_CONF 65536 /* bytes of sbx.conf */
#define SBX_MAX_PEERS 256
#define SBX_MAX_WITNESSES 32
#define SBX_MIN_STALE 600 /* seconds: clocks may be that far apart */
#define SBX_MAX_STALE 31536000

struct sbx_conf_witness {
	char *name, *who; /* a DID, or a verifier key for cosignatures */
};

struct sbx_conf {
	char *file;  /* what was read, or NULL */
	char *dir;   /* the state directory */
	char *db, *key, *wg_key, *www, *run, *audit, *macros;
	char *apply; /* where root keeps what it applied: see plan.h */
	char *log_key, *head; /* see sbx_head_check */
	char *witness_key;
	char *name;  /* this box's short name */
	char *host;  /* the host's, when name is another made from it, or NULL */
	char *mesh_if, *mesh_net, *mesh_endpoint; /* endpoint NULL: roaming */
	char *mesh_ddns; /* HOST[:PORT], or NULL */
	char *mesh_hubs; /* names and DIDs divided by blanks, or NULL */
	bool mesh_ipv6, mesh_names;
	int mesh_port, mesh_mtu, mesh_keepalive;
	int dir_port, grant_port, grant_ttl;
	int door_port;
	char *door_bundle; /* directory of packages, or NULL */
	bool accept_unproven; /* see sbx_member_unproven */
	int fleet_interval; /* seconds between two snapshots */
	char *fleet_role; /* NULL: by memory */
	int pull_slot; /* seconds a peer may take */
	int pull_stale; /* seconds without word from it, see sbx_heard_load */
	struct sbx_conf_peer *peers;
	size_t npeers;
	int quorum; /* of the witnesses: so many make a head witnessed; 0: none */
	struct sbx_conf_witness *witnesses;
	size_t nwitnesses;
};

/* Defaults, then the file.  dir NULL: the compiled-in paths (/etc/sbx,
 * /var/lib/sbx, ...); else one directory holds it all: DIR/sbx.conf (may be
 * missing), DIR/ledger.db, DIR/node.key, DIR/wg.key, DIR/www, DIR/run,
 * DIR/audit.log.  file not NULL: that file, which must exist.  flags: SBX_IO_ROOT
 * for a root process.  A wrong line is SBX_E_USAGE with file and line. */
int sbx_conf_load(struct sbx_conf *conf, const char *dir, const char *file,
	unsigned flags, struct sbx_err *err);
/* What conf->file says, into conf; with must it has to be there. */
int sbx_conf_read(struct sbx_conf *conf, bool must, unsigned flags,
	struct sbx_err *err);
void sbx_conf_free(struct sbx_conf *conf);

/* ---- own: what only root can change -------------------------------------- */

struct stat;
struct sbx_conf;
bool sbx_own_check(const struct stat *st, bool dir);
/* Open path when it and every directory above it are root's (or ours) alone;
 * SBX_E_NO when not.  The caller closes *fd. */
int sbx_own_dir(const char *path, int *fd, struct sbx_err *err);

/* ---- upkeep: what is derived from the journal is kept beside it ----------- */

/* Once in each process that writes a journal or checks all of it. */
void sbx_upkeep(void);

/* ---- import: a stream of entries into the journal ------------------------ */

/* The first items of a stream, told again by a running hash of their text. */
struct sbx_prefix {
	uint64_t count;
	unsigned char hash[SBX_HASH_BYTES];
};
void sbx_prefix_add(struct sbx_prefix *p, const char *text, size_t len);

struct sbx_import {
	size_t added, known, held, refused;
	/* Called for each refused item, number from 1 (NULL: only counted). */
	void (*refuse)(void *ctx, size_t number, const struct sbx_err *err);
	/* Called when a batch is stored; where the end is known, done of total
	 * entries are behind us. */
	void (*progress)(void *ctx);
	uint64_t done, total;
	void *ctx;
	/* Of those added and held, by this node itself: its ledger is an older
	 * one, see sbx_guard_mark. */
	size_t own;
	int64_t ahead; /* the latest date of those held, 0: none */
	const char *source;
	/* Of those refused, for want of room for strangers; resumed: the source
	 * is not read from its beginning each time, so that is remembered. */
	size_t late;
	bool resumed;
	/* Not NULL: what was read the last time, which is counted as known and
	 * not judged again; then what has been read now.  changed (SBX_E_INPUT):
	 * the stream begins otherwise, and what was passed over is not judged. */
	struct sbx_prefix *seen;
	bool changed;
};

/* Read all of fd (see sbx_feed_open), judge each entry, add the good ones in
 * batches.  A refused one is counted and the rest goes on; 0 even then.  Other
 * than 0: the stream or the journal failed, and what was counted as added up
 * to the last batch is in the journal. */
int sbx_import_fd(struct sbx_log *log, int fd, struct sbx_import *im,
	struct sbx_err *err);
/* SBX_E_NO: some of it is deferred, being dated ahead of this clock. */
int sbx_import_deferred(const struct sbx_import *im, struct sbx_err *err);

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
/* SBX_E_NO: this node has signed two heads of one number, so that nothing it
 * says counts but heads, a rotation and how it joined. */
int sbx_guard_frozen(struct sbx_log *log, struct sbx_err *err);
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

/* ---- invite: joining ------------------------------------------------------- */

struct sbx_invite {
	const char *domain;
	const char *const *rights; /* NULL-terminated */
	int64_t uses, seconds;
	/* NULL, or the public half of a one-time key that another has made: the
	 * token has no seed then, see sbx_invite_complete. */
	const unsigned char *once;
};

/* Append my own Identity, inside a transaction; inviter NULL: a founder's. */
int sbx_identity_add(struct sbx_log *log, const struct sbx_key *key,
	const char *inviter, struct sbx_err *err);
#define SBX_MAX_TOKEN 4096 /* bytes, before base64 */

/* Sign an invitation; token is the secret to hand over, and is nowhere else. */
int sbx_invite_issue(struct sbx_log *log, const struct sbx_key *key,
	const struct sbx_invite *in, struct sbx_buf *token, struct sbx_err *err);
/* Who made the one-time key adds its seed to a token that has none.
 * SBX_E_INPUT: no such token, or another's. */
int sbx_invite_complete(const char *text, const struct sbx_key *once,
	struct sbx_buf *token, struct sbx_err *err);
/* Take it: the acceptance with its proof, my Identity, the inviter's anchors
 * in place of mine.  SBX_E_INPUT: no token; SBX_E_NO: late, used up, revoked,
 * taken by this box before; SBX_E_SYS: the clock is too far behind it.  dry:
 * only judge it.  *behind: by how many microseconds the clock is behind the
 * inviter's, or 0. */
int sbx_invite_accept(struct sbx_log *log, const struct sbx_key *key,
	const char *token, bool dry, int64_t *behind, struct sbx_err *err);

/* ---- date: how this box's own entries are dated --------------------------- */

/* When a new entry of that type and payload (its date may be missing) is to be
 * dated: now, but after what this box has said and after what the entry rests
 * on, as far as that is not ahead of the clock itself (SBX_MAX_AHEAD).
 * SBX_E_SYS: by this clock the box has not joined yet. */
int sbx_date(struct sbx_log *log, const char *type,
	const struct sbx_json *payload, int64_t *us, struct sbx_err *err);
/* The parts of it, for many entries: whether the box has joined, for what a
 * member alone may say; now, but after what it has said; *us or later, after
 * what the entry rests on. */
int sbx_date_joined(struct sbx_log *log, const char *type,
	struct sbx_err *err);
int sbx_date_own(struct sbx_log *log, int64_t *us, struct sbx_err *err);
int sbx_date_rests(struct sbx_log *log, const struct sbx_rec *rec,
	const struct sbx_json *payload, int64_t *us, struct sbx_err *err);
/* *last: up to when this box's own entries are dated ahead of its clock by
 * SBX_MAX_AHEAD or more, so that the state leaves them out; 0: none is. */
int sbx_date_ahead(struct sbx_log *log, int64_t *last, struct sbx_err *err);
/* Whether one of that type and identifier is: it can be taken away by it. */
bool sbx_date_waits(struct sbx_log *log, const char *type, const char *id);
/* In words; false when there is nothing to say. */
bool sbx_date_tell(struct sbx_log *log, struct sbx_err *why);

/* ---- act: what this box signs and adds by itself ------------------------ */

/* Sign payload with this node's key, which must be the ledger's own, and
 * append it durably, unless sbx_guard_check says no; dry: only see that it could
 * be.  Without a date it gets one by sbx_date.  While something of this box's is
 * dated ahead of its clock, sbx_act_order follows.  No state may be open. */
int sbx_act(struct sbx_log *log, const struct sbx_conf *conf, const char *op,
	const struct sbx_json *payload, bool dry, struct sbx_err *err);
/* If something of this box's is dated ahead of its clock: sign a head over what
 * it has said, which proves that what was said since is later. */
int sbx_act_order(struct sbx_log *log, const struct sbx_conf *conf,
	struct sbx_err *err);

/* ---- tilesite: the tree of the log as static tiles ------------------------- */

/* Write the tiles and bundles that a tree of size has and one of old had not,
 * each durable before this returns.  No checkpoint: see sbx_head_publish. */
int sbx_site_tiles(struct sbx_log *log, const char *dir, uint64_t old,
	uint64_t size, size_t *changed, struct sbx_err *err);
/* Once the checkpoint of size is published: remove the partial tiles of those
 * that are full now, or of another log (old 0). */
void sbx_site_sweep(const char *dir, uint64_t old, uint64_t size);

#endif
