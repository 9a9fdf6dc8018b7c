/* SPDX-License-Identifier: Apache-2.0 */
/* crypto: keys and names, RFC 9162 trees, signed notes, proofs,
 * tiles.  All but the first is C2SP's, so that tools which are not ours can
 * read and witness a log. */
#ifndef SBX_CRYPTO_H
#define SBX_CRYPTO_H

#include "base/base.h"

#define SBX_SEED_BYTES 32
#define SBX_PUB_BYTES 32
#define SBX_SIG_BYTES 64
#define SBX_DID_SIZE 41		/* "did:plc:" + 32 hex digits + NUL */

#define SBX_MAX_TREE	  (UINT64_C(1) << 59) /* leaves */
#define SBX_MAX_PROOF	  64		      /* hashes of one proof */
/* Bytes: 16 of the largest post-quantum signatures fit (SLH-DSA-256f, 49856). */
#define SBX_MAX_NOTE	  1179648
#define SBX_MAX_NOTE_SIGS 64	/* keys that are known, and lines by them */
#define SBX_MAX_HEAD	  65536 /* bytes of what a checkpoint signs */
#define SBX_MAX_EXTRA	  (2 * SBX_MAX_LINE) /* bytes that a proof carries */
#define SBX_MAX_NAME	  255 /* bytes of a key's name, of an origin */


/* ---- key: Ed25519 (RFC 8032) by libsodium, names, hashes --------------- */

struct sbx_key; /* a secret key, in locked memory */

int sbx_key_new(struct sbx_key **key, struct sbx_err *err);
int sbx_key_from_seed(const unsigned char seed[static SBX_SEED_BYTES],
	struct sbx_key **key, struct sbx_err *err);
/* The file is the seed as 64 hex digits and a newline, mode 0600. */
int sbx_key_load(const char *path, struct sbx_key **key, struct sbx_err *err);
int sbx_key_save(const char *path, const struct sbx_key *key,
	struct sbx_err *err); /* never over an existing file */
void sbx_key_free(struct sbx_key *key);
const unsigned char *sbx_key_pub(const struct sbx_key *key);
const unsigned char *sbx_key_seed(const struct sbx_key *key);
const char *sbx_key_did(const struct sbx_key *key);
/* Sign, and verify the signature before handing it out. */
int sbx_key_sign(const struct sbx_key *key, const void *data, size_t len,
	unsigned char sig[static SBX_SIG_BYTES], struct sbx_err *err);
bool sbx_key_verify(const unsigned char pub[static SBX_PUB_BYTES],
	const void *data, size_t len,
	const unsigned char sig[static SBX_SIG_BYTES]);
/* did = "did:plc:" + first 32 hex digits of SHA-256(pub). */
void sbx_did_write(char did[static SBX_DID_SIZE],
	const unsigned char pub[static SBX_PUB_BYTES]);
bool sbx_did_check(const char *text, size_t len); /* its form only */
void sbx_hash_b2(unsigned char out[static SBX_HASH_BYTES], const void *data,
	size_t len); /* BLAKE2b-256, no key */
void sbx_hash_sha256(unsigned char out[static SBX_HASH_BYTES], const void *data,
	size_t len);
void sbx_random(void *out, size_t len);

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
	size_t known; /* of these, by keys that are known */
	size_t count; /* by keys that are known, each key once */
	struct {
		size_t key;   /* its place in keys */
		int64_t time; /* of a cosignature, the latest; else 0 */
	} sig[SBX_MAX_NOTE_SIGS];
};

/* n points into note.  Signatures of keys that are not in keys are ignored;
 * SBX_E_NO: one that is known is wrong, or none is known; SBX_E_INPUT: no
 * note, or past a limit.  A name and a signature of an unknown key may be as
 * long as the note. */
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
/* A head that its log's key must have signed.  *said: when that key has last
 * said, by a cosignature of its own, that this is all there is; 0: never. */
int sbx_note_check_head(const char *note, size_t len,
	const struct sbx_vkey *log, struct sbx_note *n, int64_t *said,
	struct sbx_err *err);

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

#endif
