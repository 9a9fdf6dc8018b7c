/* SPDX-License-Identifier: Apache-2.0 */
/*
 * libsbx, how logs meet: streams of entries, the Merkle tree over a log's lines
 * and its proofs, signed heads, static tiles.  All but the first is C2SP's and
 * RFC 9162's, so that tools which are not ours can read and witness a log.
 * Included by sbx.h, whose conventions hold here too.
 */
#ifndef SBX_LOG_H
#define SBX_LOG_H

struct sbx_conf;

#define SBX_MAX_TREE	  (UINT64_C(1) << 59) /* leaves */
#define SBX_MAX_PROOF	  64		      /* hashes of one proof */
#define SBX_MAX_NOTE	  131072 /* bytes: 16 post-quantum signatures fit */
#define SBX_MAX_NOTE_SIGS 64
#define SBX_MAX_EXTRA	  (2 * SBX_MAX_LINE) /* bytes that a proof carries */
#define SBX_MAX_NAME	  255 /* bytes of a key's name, of an origin */

/* ---- feed: entries out of a stream --------------------------------------- */

/* JSON lines, or the older {"entries": [...]}, whose other members are passed
 * over; told apart by the first name in it, read in bounded memory.  The
 * number is the line's, or the place in the array. */
struct sbx_feed;
int sbx_feed_open(int fd, struct sbx_feed **feed, struct sbx_err *err);
/* 1 and one entry's text (valid until the next call); 0 at the end.  What is
 * wrong with one item is *err, SBX_E_INPUT, and the next call goes on, unless
 * sbx_feed_broken() says that the rest cannot be told apart. */
int sbx_feed_next(struct sbx_feed *feed, const char **text, size_t *len,
	struct sbx_err *err);
bool sbx_feed_broken(const struct sbx_feed *feed);
size_t sbx_feed_number(const struct sbx_feed *feed); /* of the item, from 1 */
void sbx_feed_free(struct sbx_feed *feed);

/* ---- tree: RFC 9162 section 2.1, SHA-256 --------------------------------- */

/* The right edge of a tree, all that is needed to go on: peak[i] is the root
 * of a full subtree of 2^i leaves wherever bit i of size is set. */
struct sbx_tree {
	uint64_t size;
	unsigned char peak[64][SBX_HASH_BYTES];
};

void sbx_tree_leaf(unsigned char out[static SBX_HASH_BYTES], const void *data,
	size_t len);
void sbx_tree_node(unsigned char out[static SBX_HASH_BYTES],
	const unsigned char left[static SBX_HASH_BYTES],
	const unsigned char right[static SBX_HASH_BYTES]);
/* The root of count hashes in a row, which are destroyed; count is a power
 * of two. */
void sbx_tree_fold(unsigned char out[static SBX_HASH_BYTES],
	unsigned char (*hashes)[SBX_HASH_BYTES], size_t count);
void sbx_tree_add(struct sbx_tree *t,
	const unsigned char leaf[static SBX_HASH_BYTES]);
/* The same: gives the height of the largest full subtree that ends with leaf,
 * and in full[i] (if not NULL, of 64) the root of those of 2^i leaves, i > 0. */
unsigned sbx_tree_grow(struct sbx_tree *t,
	const unsigned char leaf[static SBX_HASH_BYTES],
	unsigned char (*full)[SBX_HASH_BYTES]);
void sbx_tree_root(const struct sbx_tree *t,
	unsigned char out[static SBX_HASH_BYTES]);

/* Where the hashes of full subtrees come from: of the 2^height leaves from
 * n * 2^height on. */
struct sbx_tree_source {
	int (*hash)(void *ctx, unsigned height, uint64_t n,
		unsigned char out[static SBX_HASH_BYTES], struct sbx_err *err);
	void *ctx;
};

/* A size or a place as these formats write it: decimal, no leading zero. */
bool sbx_tree_number(uint64_t *n, const char *text, size_t len);

struct sbx_proof {
	size_t count;
	unsigned char hash[SBX_MAX_PROOF][SBX_HASH_BYTES];
};

int sbx_tree_root_at(const struct sbx_tree_source *src, uint64_t size,
	unsigned char out[static SBX_HASH_BYTES], struct sbx_err *err);
/* That leaf index is in the tree of size; SBX_E_USAGE when it is not. */
int sbx_tree_prove(const struct sbx_tree_source *src, uint64_t index,
	uint64_t size, struct sbx_proof *proof, struct sbx_err *err);
/* That the tree of size begins with the tree of from leaves (from > 0). */
int sbx_tree_prove_from(const struct sbx_tree_source *src, uint64_t from,
	uint64_t size, struct sbx_proof *proof, struct sbx_err *err);
bool sbx_tree_check(const struct sbx_proof *proof, uint64_t index,
	uint64_t size, const unsigned char leaf[static SBX_HASH_BYTES],
	const unsigned char root[static SBX_HASH_BYTES]);
/* from 0 is the empty tree, whose proof has no hashes and says nothing. */
bool sbx_tree_check_from(const struct sbx_proof *proof, uint64_t from,
	const unsigned char fromroot[static SBX_HASH_BYTES], uint64_t size,
	const unsigned char root[static SBX_HASH_BYTES]);

/* The older nodes' root: BLAKE2b-256 over pairs of entry hashes, an odd one
 * doubled; 32 zero bytes for none.  Two different logs can share one
 * (CVE-2012-2459): only for judging an old WitnessAttest, never a decision. */
struct sbx_oldtree {
	uint64_t size;
	unsigned char peak[64][SBX_HASH_BYTES];
};
void sbx_oldtree_add(struct sbx_oldtree *t,
	const unsigned char hash[static SBX_HASH_BYTES]);
void sbx_oldtree_root(const struct sbx_oldtree *t,
	unsigned char out[static SBX_HASH_BYTES]);

/* ---- note: c2sp.org/signed-note, tlog-checkpoint, tlog-cosignature -------- */

enum sbx_note_type {
	SBX_NOTE_ED25519 = 1,
	SBX_NOTE_COSIGNATURE = 4, /* a witness's, with the time it was made */
};

/* A verifier key; as text NAME+ID+BASE64. */
struct sbx_vkey {
	char name[SBX_MAX_NAME + 1];
	enum sbx_note_type type;
	unsigned char pub[SBX_PUB_BYTES];
	unsigned char id[4];
};

int sbx_vkey_make(struct sbx_vkey *k, const char *name,
	enum sbx_note_type type, const unsigned char pub[static SBX_PUB_BYTES],
	struct sbx_err *err);
int sbx_vkey_parse(struct sbx_vkey *k, const char *text, size_t len,
	struct sbx_err *err);
void sbx_vkey_write(const struct sbx_vkey *k, struct sbx_buf *out);

struct sbx_note {
	const char *text; /* what is signed, with its last newline */
	size_t len;
	size_t lines; /* signatures, known or not */
	size_t count; /* by keys that are known, each key once */
	struct {
		size_t key;   /* its place in keys */
		int64_t time; /* of a cosignature, the latest; else 0 */
	} sig[SBX_MAX_NOTE_SIGS];
};

/* n points into note.  Signatures of keys that are not in keys are ignored;
 * SBX_E_NO: one that is known is wrong, or none is known; SBX_E_INPUT: no
 * note, or past a limit. */
int sbx_note_check(const char *note, size_t len, const struct sbx_vkey *keys,
	size_t nkeys, struct sbx_note *n, struct sbx_err *err);
/* Append key's signature line to sigs; a note is text, a newline, sigs.  time
 * is used by a cosignature only. */
int sbx_note_sign(struct sbx_buf *sigs, const char *text, size_t len,
	const char *name, enum sbx_note_type type, const struct sbx_key *key,
	int64_t time, struct sbx_err *err);

struct sbx_checkpoint {
	char origin[SBX_MAX_NAME + 1];
	uint64_t size;
	unsigned char root[SBX_HASH_BYTES];
};

/* text is a note's; lines that extend it are allowed and not looked at. */
int sbx_checkpoint_parse(struct sbx_checkpoint *c, const char *text, size_t len,
	struct sbx_err *err);
void sbx_checkpoint_write(const struct sbx_checkpoint *c, struct sbx_buf *out);
/* Append key's line in note, which must hold, with its newline.  A name alone
 * tells nothing: anybody may add a line of it. */
bool sbx_note_line(struct sbx_buf *out, const char *note,
	const struct sbx_vkey *key);
/* The note with the line of key alone, which must hold. */
void sbx_note_only(struct sbx_buf *out, const struct sbx_note *n,
	const struct sbx_vkey *key);
/* When the key of a log has last said that this head of it is all there is;
 * 0: never, or it does not hold. */
int64_t sbx_freshness_read(const char *note, size_t len, const struct sbx_vkey *log);

/* ---- find: one entry of a journal ---------------------------------------- */

/* The entry that ref names: its number, or eight and more digits of its id. */
int sbx_log_find(struct sbx_log *log, const char *ref, int64_t *seq,
	struct sbx_err *err);

/* ---- logtree: the tree of a journal -------------------------------------- */

/* Good as long as log is open. */
struct sbx_tree_source sbx_log_source(struct sbx_log *log);
/* The root over its first size entries. */
int sbx_log_root(struct sbx_log *log, int64_t size,
	unsigned char root[static SBX_HASH_BYTES], struct sbx_err *err);

/* ---- tile: c2sp.org/tlog-tiles, the log as files that never change -------- */

#define SBX_TILE_WIDTH	 256
#define SBX_TILE_BYTES	 (SBX_TILE_WIDTH * SBX_HASH_BYTES)
#define SBX_TILE_ENTRIES (-1) /* in place of a level: a bundle of entries */
#define SBX_TILE_PATH	 64   /* bytes of a path with its NUL */
#define SBX_MAX_BUNDLE	 (SBX_TILE_WIDTH * (2 + SBX_MAX_ENTRY)) /* bytes */

struct sbx_tile {
	int level;	/* 0..63, or SBX_TILE_ENTRIES */
	uint64_t n;	/* its place in the level */
	unsigned width; /* 1..256; 256: full */
};

void sbx_tile_path(const struct sbx_tile *t, char out[static SBX_TILE_PATH]);
/* Call fn for each tile and bundle of the tree of size that the tree of old
 * did not have, bundles first, until it returns other than 0. */
int sbx_tile_each(uint64_t old, uint64_t size,
	int (*fn)(void *ctx, const struct sbx_tile *t, struct sbx_err *err),
	void *ctx, struct sbx_err *err);

/* Entries of a bundle; false: longer than 65535 bytes, or out is full. */
bool sbx_bundle_add(struct sbx_buf *out, const void *entry, size_t len);
struct sbx_bundle {
	const char *data;
	size_t len, at;
};
/* 1 and one entry's bytes; 0 at the end; SBX_E_INPUT: it ends within one. */
int sbx_bundle_next(struct sbx_bundle *b, const char **entry, size_t *len,
	struct sbx_err *err);

/* ---- proof: c2sp.org/tlog-proof, one file that convinces offline ----------- */

/* extra (NULL: none) is not vouched for by the proof, checkpoint is a signed
 * note. */
void sbx_proof_write(struct sbx_buf *out, uint64_t index,
	const struct sbx_proof *proof, const void *extra, size_t extralen,
	const char *checkpoint, size_t len);
/* c2sp.org/tlog-witness: a head that goes on from an older one. */
void sbx_proof_write_from(struct sbx_buf *out, uint64_t from,
	const struct sbx_proof *proof, const char *checkpoint, size_t len);
int sbx_proof_parse_from(const char *text, size_t len, uint64_t *from,
	struct sbx_proof *proof, const char **checkpoint, size_t *cplen,
	struct sbx_err *err);
/* *checkpoint points into text; extra may be NULL. */
int sbx_proof_parse(const char *text, size_t len, uint64_t *index,
	struct sbx_proof *proof, struct sbx_buf *extra, const char **checkpoint,
	size_t *cplen, struct sbx_err *err);

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

/* ---- site: what a node publishes for others to pull ----------------------- */

/* One publisher at a time, from before it opens the state until *fd is closed. */
int sbx_site_lock(const struct sbx_conf *conf, int *fd, struct sbx_err *err);
/* DIR/export.jsonl (one entry a line), the older form of the same at
 * DIR/log/export and DIR/api/v1/annuaire/log/export, and DIR/services (the live
 * offers), each replaced whole if it changed; *changed is how many were. */
int sbx_site_publish(struct sbx_log *log, struct sbx_state *st, const char *dir,
	size_t *changed, struct sbx_err *err);
/* Write the tiles and bundles that a tree of size has and one of old had not,
 * each durable before this returns.  No checkpoint: see sbx_head_publish. */
int sbx_site_tiles(struct sbx_log *log, const char *dir, uint64_t old,
	uint64_t size, size_t *changed, struct sbx_err *err);
/* Once the checkpoint of size is published: remove the partial tiles of those
 * that are full now, or of another log (old 0). */
void sbx_site_sweep(const char *dir, uint64_t old, uint64_t size);

/* ---- prove: that an entry is in a log, to who has neither ------------------- */

/* A C2SP tlog-proof that entry seq is under the last signed head; its extra
 * data are the entry's line and the delegation of the key that signed. */
int sbx_prove_entry(struct sbx_log *log, const struct sbx_conf *conf,
	int64_t seq, struct sbx_buf *out, struct sbx_err *err);
/* That the signed head goes on from this log's first from entries, in the form
 * of C2SP's add-checkpoint request. */
int sbx_prove_from(struct sbx_log *log, const struct sbx_conf *conf,
	int64_t from, struct sbx_buf *out, struct sbx_err *err);

struct sbx_proved {
	struct sbx_checkpoint head;
	uint64_t from;		 /* of a proof that a head goes on: else 0 */
	uint64_t index;		 /* of the entry, from 0 */
	struct sbx_entry *entry; /* NULL in a proof that a head goes on */
	bool fork;		 /* two heads that contradict each other */
};

/* Offline.  key NULL: the one the identity has delegated in it.  old, an older
 * checkpoint that key has signed, is for a proof that a head goes on.
 * SBX_E_NO: it proves nothing; SBX_E_INPUT: it is no proof. */
int sbx_prove_check(const char *text, size_t len, const struct sbx_vkey *key,
	const struct sbx_buf *old, struct sbx_proved *p, struct sbx_err *err);
void sbx_proved_free(struct sbx_proved *p);

/* ---- follow: another node's log, as its site shows it ----------------------- */

struct sbx_follow {
	const char *base;  /* an address that ends in "/", or a directory */
	const char *did;   /* whose log must be there; NULL: whose was first */
	const char *forks; /* the directory for evidence */
	const char *www;   /* this node's site, with what it has cosigned */
	int64_t until;	   /* given up when sbx_clock_boot() says so; 0: never */
	bool all;	   /* from its first entry, whatever was read before */
	bool repin;	   /* whose log was there before is forgotten */
	struct sbx_import *im;
	/* Set: */
	bool found;	       /* there is a checkpoint; false: try an export */
	bool anew;	       /* under a new key it began a new log */
	bool moved;	       /* another head than the last time */
	bool own;	       /* it is this node's own log */
	char is[SBX_DID_SIZE]; /* whose it is */
	int64_t said, shown;   /* vouched for: now, before; 0: not */
};

/* Take what is new of the log at base, its head and its tree checked, each
 * entry judged on its own; what was read is remembered bundle by bundle.
 * SBX_E_NO: another node's log, or one whose history was rewritten, of which
 * both heads are kept under forks.  SBX_E_INPUT: the site is broken. */
int sbx_follow(struct sbx_log *log, struct sbx_follow *f, struct sbx_err *err);
/* The evidence in dir, offline; key NULL: the one whose delegation is there.
 * SBX_E_NO: it does not show that the log contradicted itself. */
#define SBX_MAX_EVIDENCE 32 /* files of one node */
int sbx_fork_check(const char *dir, const struct sbx_vkey *key,
	struct sbx_proved *p, struct sbx_err *err);
/* Nodes whose log contradicted itself, as long as the evidence is there. */
int64_t sbx_fork_count(const struct sbx_conf *conf);
/* Read an export from fd; what url gave the last time is passed over.  When
 * that fails with im->changed it begins otherwise now: open it once more and
 * call again with the same im. */
int sbx_follow_export(struct sbx_log *log, const char *url, int fd,
	struct sbx_import *im, struct sbx_err *err);

/* ---- witness: heads that others have seen ----------------------------------- */

/* Cosign the heads of others' logs that were pulled and hold, each once, at
 * DIR/w/HEX/checkpoint, HEX the SHA-256 of the origin; and DIR/witness-key. */
int sbx_witness_publish(struct sbx_log *log, const struct sbx_conf *conf,
	const char *dir, size_t *changed, struct sbx_err *err);
/* This log's own head with what was collected of others' cosignatures of it,
 * in the same place, once there is one. */
int sbx_witness_own(struct sbx_log *log, const struct sbx_conf *conf,
	const char *dir, size_t *changed, struct sbx_err *err);
void sbx_witness_path(struct sbx_buf *path, const char *origin);
/* Ask the site of did for its cosignature of our head, if the policy of
 * sbx.conf names it and it is not at hand, or the site has moved.  SBX_E_NO: it
 * holds a head of ours that the journal does not continue; it is kept as the
 * one that was signed last, so that nothing is signed against it. */
int sbx_witness_collect(struct sbx_log *log, const struct sbx_conf *conf,
	const char *base, const char *did, int64_t until, bool moved,
	struct sbx_err *err);

struct sbx_witnessed {
	int64_t size, witnessed; /* entries: of the journal, of those */
	size_t count;
	struct {
		const char *name; /* conf's */
		int64_t size, time;
	} by[32];
};
int sbx_witness_status(struct sbx_log *log, const struct sbx_conf *conf,
	struct sbx_witnessed *s, struct sbx_err *err);
/* SBX_E_NO when some entry is not witnessed by the quorum. */
int sbx_witness_require(const struct sbx_conf *conf, struct sbx_err *err);

/* Older nodes' WitnessAttest entries, against this journal's older root. */
#define SBX_MAX_ATTESTS 4096 /* looked at */
struct sbx_attest {
	int64_t seq, height;
	char witness[SBX_DID_SIZE];
	unsigned char root[SBX_HASH_BYTES];
};
int sbx_attest_each(struct sbx_log *log,
	void (*fn)(void *ctx, const struct sbx_attest *a, bool holds),
	void *ctx, struct sbx_err *err);

#endif
