/* SPDX-License-Identifier: Apache-2.0 */
/* record: the table of record types, one signed entry, streams of
 * entries. */
#ifndef SBX_RECORD_H
#define SBX_RECORD_H

#include "json/json.h"
#include "crypto/crypto.h"

#define SBX_MAX_SEALED 128 /* entries that one SbxHead covers */
#define SBX_MAX_AHEAD (600 * SBX_SECOND) /* an entry dated later is held */

/* ---- rec: the table of record types (design 4.3) ----------------------- */

enum sbx_kind {
	SBX_KIND_TEXT,	   /* string, min..max bytes */
	SBX_KIND_DID,
	SBX_KIND_TARGET,   /* a DID, or 64 hex digits: an invitation */
	SBX_KIND_HEX,	   /* exactly max hex digits */
	SBX_KIND_WGKEY,
	SBX_KIND_TIME,
	SBX_KIND_INT,	   /* min..max */
	SBX_KIND_FRACTION, /* integer or fraction, min..max */
	SBX_KIND_BOOL,
	SBX_KIND_ENUM,	   /* one of words */
	SBX_KIND_TEXTS,	   /* array of at most max strings */
	SBX_KIND_OBJECT,
	SBX_KIND_ARRAY,	   /* at most max of anything canonical */
	SBX_KIND_ANY,	   /* anything canonical, integers only */
	SBX_KIND_IP,	   /* IPv4 or IPv6 address as inet_ntop(3) prints it */
	SBX_KIND_NAME,	   /* [a-z][a-z0-9-]{1,31} */
	SBX_KIND_MACRO,	   /* {"kind": ..., "params": {...}} */
};

enum sbx_field_flag {
	SBX_FIELD_MAYBE = 1, /* may be absent */
	SBX_FIELD_NULL = 2,  /* may be null */
};

struct sbx_field {
	const char *name;
	enum sbx_kind kind;
	unsigned flags;
	int64_t min, max;
	const char *const *words; /* NULL-terminated */
};

#define SBX_MAX_FIELDS 32 /* that a type has */

struct sbx_rec {
	const char *type;
	const char *ops[4]; /* NULL-terminated; the first is the usual one */
	const char *actor;  /* the field that must equal the author */
	const char *id;	    /* what a later claim replaces, within the author */
	const char *ref;    /* what it speaks of: another record's id, a DID */
	const char *time;   /* when it was said */
	const struct sbx_field *fields; /* ended by one without a name */
};

extern const struct sbx_rec sbx_rec_table[]; /* ended by one without a type */
extern const char *const sbx_rec_fractions[]; /* for sbx_canon_write */

const struct sbx_rec *sbx_rec_type(const char *type, size_t len);
const struct sbx_rec *sbx_rec_op(const char *op);
/* Exactly the table's fields, each of its kind; the reason names the field. */
int sbx_rec_check(const struct sbx_rec *rec, const struct sbx_json *payload,
	int64_t *said, struct sbx_err *err); /* gets rec->time's value */

/* ---- entry: one signed entry ------------------------------------------- */

struct sbx_entry {
	const struct sbx_rec *rec;
	const char *op; /* points into the table */
	char author[SBX_DID_SIZE];
	unsigned char pub[SBX_PUB_BYTES];
	unsigned char sig[SBX_SIG_BYTES];
	unsigned char id[SBX_HASH_BYTES]; /* BLAKE2b-256(canon) */
	unsigned char leaf[SBX_HASH_BYTES]; /* of its line, see sbx_tree_leaf */
	int64_t time;			  /* what its time field says */
	bool keyless;			  /* author_pubkey was null: pub is zero */
	struct sbx_doc *doc;		/* NULL after sbx_entry_shrink */
	const struct sbx_json *payload; /* in doc */
	char *canon;			/* canon(payload), behind the entry itself */
	size_t canonlen;
	const char *key, *ref; /* what its id and ref fields say, or NULL */
};

/* Everything about an entry but its signature: shape, table, actor, name. */
int sbx_entry_parse(const char *text, size_t len, struct sbx_entry **e,
	struct sbx_err *err);
/* The first 64 bits of a hash, as a big-endian number: the journal's indices
 * hold those of an entry's id and, so that nobody can make many look alike, of
 * SHA-256(id) for the identifier that it claims. */
int64_t sbx_first64(const unsigned char hash[static SBX_HASH_BYTES]);
int64_t sbx_idhash(const char *id);
/* The key of a keyless entry, found elsewhere. */
void sbx_entry_set_key(struct sbx_entry *e,
	const unsigned char pub[static SBX_PUB_BYTES]);
/* After verify: without its doc and payload, a tenth of the size. */
void sbx_entry_shrink(struct sbx_entry *e);
/* The signature, and an invitation's proof. Costs what Ed25519 costs. */
int sbx_entry_verify(const struct sbx_entry *e, struct sbx_err *err);
/* What the recovery key signs, see sbx_signed_pair: that new_did takes the
 * place of old_did.  Returns its length. */
size_t sbx_rotation_text(char out[static 256], const char *new_did,
	const char *old_did);
/* Sign payload as key.  An absent actor or time field is filled in; type NULL
 * means the table's type for op. */
int sbx_entry_make(const struct sbx_key *key, const char *op, const char *type,
	const struct sbx_json *payload, struct sbx_entry **e,
	struct sbx_err *err);
void sbx_entry_line(const struct sbx_entry *e, struct sbx_buf *out);
void sbx_entry_free(struct sbx_entry *e);

/* ---- row: an entry as the journal keeps it ------------------------------ */

struct sbx_row {
	int64_t seq; /* from 1 */
	int64_t who; /* its author's number in this file */
	const char *author, *op, *type; /* author: pub's own name */
	const unsigned char *pub, *sig, *id, *hash; /* hash: entry_hash */
	const char *payload; /* canonical */
	size_t payloadlen;
};

/* Append its line, in canonical form, without a newline. */
void sbx_row_line(const struct sbx_row *row, struct sbx_buf *out);
int sbx_row_entry(const struct sbx_row *row, struct sbx_entry **e,
	struct sbx_err *err);

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

#endif
