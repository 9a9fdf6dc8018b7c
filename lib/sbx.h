/* SPDX-License-Identifier: Apache-2.0 */
/*
 * libsbx: what is true for more than one sbx tool.
 *
 * Conventions, everywhere below:
 *
 *  - A function that can fail returns 0 (SBX_OK) or one of the negative
 *    SBX_E_* codes, and leaves the reason in *err (err may be NULL).  An
 *    out-pointer is set only on success; what it then points to belongs to
 *    the caller, who frees it with the function named beside it.  Every
 *    *_free and *_close takes NULL.
 *  - Sizes and lengths are in bytes, times in microseconds since 1970 UTC,
 *    time-outs in milliseconds.
 *  - The library never prints and never exits.  The one exception is memory:
 *    when there is none the process ends with status 4 (see "mem").
 *  - Text handed out is NUL-terminated; text taken in is not trusted to be
 *    unless its type is "const char *" without a length.
 */
#ifndef SBX_H
#define SBX_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/types.h>

#define SBX_SECOND INT64_C(1000000) /* as this library counts */

/* ---- limits: each is one promise, tested at the limit and past it ---- */

#define SBX_MAX_ENTRY 16384	/* bytes of one entry line, canonical form */
#define SBX_MAX_LINE 65536	/* bytes of one entry as somebody else wrote it */
#define SBX_MAX_DEPTH 16	/* containers inside containers, one document */
#define SBX_MAX_KEYS 256	/* object members, all of one document together */
#define SBX_MAX_INT INT64_C(9007199254740991) /* 2^53 - 1 */
#define SBX_MAX_EXPORT (256u << 20) /* bytes of an export by the network */
#define SBX_MAX_AHEAD (600 * SBX_SECOND) /* an entry dated later is held */
/* Entries of strangers, all together and of each, that are held at a time.
 * Members have no such limit. */
#define SBX_MAX_HELD 4096
#define SBX_MAX_HELD_EACH 16
#define SBX_MAX_STRANGERS 1024 /* authors that are not members */
/* What is kept of one of them: dated on one day; whatever the dates, which are
 * its own say.  Members have no such limit. */
#define SBX_MAX_STRANGER_BYTES (1 << 20)
#define SBX_MAX_STRANGER_ALL (8 << 20)
#define SBX_MAX_SEALED 128 /* entries that one SbxHead covers */
#define SBX_MAX_INVITE_DEPTH 16 /* invitations between an anchor and a member */
#define SBX_MAX_TTL 86400	/* seconds a grant may last */
#define SBX_MIN_TTL 60
#define SBX_MAX_GRANTS 4096	/* elements of the nftables set */

#define SBX_SEED_BYTES 32
#define SBX_PUB_BYTES 32
#define SBX_SIG_BYTES 64
#define SBX_HASH_BYTES 32
#define SBX_ID_SIZE (2 * SBX_HASH_BYTES + 1) /* in hex */
#define SBX_DID_SIZE 41		/* "did:plc:" + 32 hex digits + NUL */
#define SBX_TIME_SIZE 33	/* 2026-07-01T10:00:00.123456+00:00 + NUL */
#define SBX_WGKEY_SIZE 45	/* 44 base64 characters + NUL */

#define SBX_PRINTF(a, b) __attribute__((format(printf, a, b)))

/* ---- err: why something was refused -------------------------------- */

/* Each code is, negated, the exit status of a tool that ends on it. */
enum sbx_code {
	SBX_OK = 0,
	SBX_E_NO = -1,	  /* a sound no: denied, broken, not a member */
	SBX_E_USAGE = -2, /* the caller's mistake: usage, configuration */
	SBX_E_INPUT = -3, /* the input's fault: malformed, hostile */
	SBX_E_SYS = -4,	  /* the machine's: I/O, resource, unreachable */
};

struct sbx_err {
	int code;
	char text[320]; /* lower case, no full stop, no newline */
	char hint[200]; /* what to do about it, or empty */
};

/* Set the reason and return code.  The text replaces the one before. */
int sbx_err_set(struct sbx_err *err, int code, const char *fmt, ...)
	SBX_PRINTF(3, 4);
/* The same with SBX_E_SYS and ": " strerror(errno) added; keeps errno. */
int sbx_err_sys(struct sbx_err *err, const char *fmt, ...) SBX_PRINTF(2, 3);
void sbx_err_hint(struct sbx_err *err, const char *fmt, ...) SBX_PRINTF(2, 3);
/* Put "context: " before the text that is there: where it happened. */
void sbx_err_at(struct sbx_err *err, const char *fmt, ...) SBX_PRINTF(2, 3);

/* ---- mem: allocation that does not fail ------------------------------ */

/* All three return zeroed (or grown) memory; on exhaustion they end the
 * process with status 4.  Free with free(3). */
void *sbx_mem_alloc(size_t count, size_t size);
void *sbx_mem_grow(void *p, size_t count, size_t size);
char *sbx_mem_text(const char *text, size_t len); /* a NUL-terminated copy */
/* For what allocates by itself and says that it could not. */
_Noreturn void sbx_mem_out(void);

/* ---- buf: bytes that grow, up to a limit ----------------------------- */

/* When an addition would pass max, nothing is added, over is set and stays
 * set: check it once at the end.  data is always NUL-terminated when not NULL. */
struct sbx_buf {
	char *data;
	size_t len, cap, max;
	bool over;
};
#define SBX_BUF(limit) { .max = (limit) }

void sbx_buf_add(struct sbx_buf *b, const void *data, size_t len);
/* Inline, here and below: the compiler counts what stands in the source. */
static inline void
sbx_buf_str(struct sbx_buf *b, const char *text)
{
	sbx_buf_add(b, text, strlen(text));
}
void sbx_buf_fmt(struct sbx_buf *b, const char *fmt, ...) SBX_PRINTF(2, 3);
void sbx_buf_hex(struct sbx_buf *b, const void *data, size_t len);
const char *sbx_buf_text(const struct sbx_buf *b); /* "" when empty */
void sbx_buf_clear(struct sbx_buf *b);		   /* keeps max and memory */
void sbx_buf_free(struct sbx_buf *b);		   /* wipes, keeps max */

/* ---- enc: strict hexadecimal and base64 (RFC 4648) ------------------- */

/* True when text is exactly 2 * len lower-case hex digits; fills out. */
bool sbx_hex_parse(unsigned char *out, size_t len, const char *text,
	size_t textlen);
void sbx_hex_write(char *out, const unsigned char *data, size_t len);
/* Standard alphabet with padding, as WireGuard writes its 32-byte keys. */
bool sbx_wgkey_parse(unsigned char out[static 32], const char *text,
	size_t textlen);
void sbx_wgkey_write(char out[static SBX_WGKEY_SIZE],
	const unsigned char key[static 32]);
/* The same for any length. */
bool sbx_b64_parse(struct sbx_buf *out, const char *text, size_t textlen);
void sbx_b64_write(struct sbx_buf *out, const void *data, size_t len);
/* URL-safe alphabet, no padding: tokens.  parse refuses trailing bits. */
bool sbx_b64url_parse(struct sbx_buf *out, const char *text, size_t textlen);
void sbx_b64url_write(struct sbx_buf *out, const void *data, size_t len);

/* ---- io: whole files, lines ------------------------------------------ */

enum sbx_io_flag {
	SBX_IO_SECRET = 1, /* refuse a file that others may read or write */
	SBX_IO_ROOT = 2,   /* refuse one not root's or writable by others */
	SBX_IO_NEW = 4,	   /* save: refuse to replace what is there */
};

/* Append a regular file's bytes to out; more than out->max is SBX_E_INPUT.
 * Symbolic links are followed only without flags; checks use fstat(2) on the
 * open descriptor.  A missing file is SBX_E_SYS with errno ENOENT kept. */
int sbx_io_read(const char *path, unsigned flags, struct sbx_buf *out,
	struct sbx_err *err);
int sbx_io_read_fd(int fd, struct sbx_buf *out, struct sbx_err *err);
int sbx_io_write_fd(int fd, const void *data, size_t len, struct sbx_err *err);
/* Temporary file beside path, write, fsync, rename, fsync the directory. */
int sbx_io_save(const char *path, const void *data, size_t len, mode_t mode,
	unsigned flags, struct sbx_err *err);
/* Make durable that path, or no path, stands in its directory. */
int sbx_io_sync_dir(const char *path, struct sbx_err *err);
int sbx_io_mkdir(const char *path, mode_t mode, struct sbx_err *err); /* -p */

/* Lines of a descriptor, without their newline. */
struct sbx_lines {
	int fd;
	struct sbx_buf buf;
	size_t at;
	bool eof;
	const char *text; /* the line, valid until the next call */
	size_t len;
	size_t number;	  /* from 1 */
	bool over;	  /* longer than SBX_MAX_LINE: text is its beginning */
};
void sbx_lines_init(struct sbx_lines *l, int fd);
int sbx_lines_next(struct sbx_lines *l, struct sbx_err *err); /* 1, 0 = end */
/* Whether a whole line can be had without waiting; text is lost. */
bool sbx_lines_more(struct sbx_lines *l);
void sbx_lines_free(struct sbx_lines *l);

/* ---- clock: the only caller of the clock ----------------------------- */

int64_t sbx_clock_now(void);
int64_t sbx_clock_boot(void);	   /* since boot, suspended time included */
/* Names this boot, "" if nobody knows: sbx_clock_boot() means nothing in another. */
const char *sbx_clock_boot_id(void);
void sbx_clock_set(int64_t us);	   /* freeze sbx_clock_now(); 0 = real time */
/* RFC 3339 with any offset, years 1970-9999; false when it is not one. */
bool sbx_time_parse(int64_t *us, const char *text, size_t len);
void sbx_time_write(char out[static SBX_TIME_SIZE], int64_t us);

/* ---- json: the strict parser (RFC 8259), and building a document ------ */

enum sbx_json_type {
	SBX_JSON_NULL,
	SBX_JSON_BOOL,
	SBX_JSON_NUMBER,
	SBX_JSON_STRING,
	SBX_JSON_ARRAY,
	SBX_JSON_OBJECT,
};

struct sbx_json {
	enum sbx_json_type type;
	const char *text; /* string: UTF-8; number: its lexeme; else NULL */
	size_t len;
	bool yes;	  /* the value of a BOOL */
	const char *key;  /* in an object: the member's name, UTF-8 */
	size_t keylen;
	struct sbx_json *child, *next; /* in the order of the text */
	size_t count;		       /* children */
};

/* A document owns its nodes and their text. */
struct sbx_doc;

struct sbx_json_limits {
	size_t bytes, depth, keys;
};

/* Exactly one value, white space around it allowed.  Refused: duplicate keys
 * (after unescaping), NUL, lone surrogates, bad UTF-8, a BOM, trailing bytes,
 * and what passes the limits (NULL: SBX_MAX_LINE, _DEPTH, _KEYS).  The reason
 * names the byte, counted from 1. */
int sbx_json_parse(const char *text, size_t len,
	const struct sbx_json_limits *limits, struct sbx_doc **doc,
	struct sbx_err *err);
struct sbx_doc *sbx_doc_new(void); /* its root is an empty object */
struct sbx_doc *sbx_doc_copy(const struct sbx_json *obj); /* an object's copy */
void sbx_doc_free(struct sbx_doc *doc);
struct sbx_json *sbx_doc_root(const struct sbx_doc *doc);

const struct sbx_json *sbx_json_find(const struct sbx_json *obj, const char *key,
	size_t keylen);
static inline const struct sbx_json *
sbx_json_get(const struct sbx_json *obj, const char *key)
{
	return sbx_json_find(obj, key, strlen(key));
}
/* The member's text when it is a string, else NULL. */
const char *sbx_json_str(const struct sbx_json *obj, const char *key);
bool sbx_json_is(const struct sbx_json *v, const char *text);
/* True when v is an integer lexeme, min <= value <= max. */
bool sbx_json_int(const struct sbx_json *v, int64_t min, int64_t max,
	int64_t *value);

/* Add a member to obj (or, with key NULL, an element to an array).  Text is
 * copied.  They return the new node. */
struct sbx_json *sbx_json_add(struct sbx_doc *doc, struct sbx_json *obj,
	const char *key, enum sbx_json_type type);
void sbx_json_add_str(struct sbx_doc *doc, struct sbx_json *obj,
	const char *key, const char *text); /* NULL text adds null */
void sbx_json_add_int(struct sbx_doc *doc, struct sbx_json *obj,
	const char *key, int64_t value);
void sbx_json_add_bool(struct sbx_doc *doc, struct sbx_json *obj,
	const char *key, bool value);
void sbx_json_add_hex(struct sbx_doc *doc, struct sbx_json *obj,
	const char *key, const void *data, size_t len);
void sbx_json_add_time(struct sbx_doc *doc, struct sbx_json *obj,
	const char *key, int64_t us);
void sbx_json_add_copy(struct sbx_doc *doc, struct sbx_json *obj,
	const char *key, const struct sbx_json *v);

/* ---- canon: the canonical form ---------------------------------------- */

/* Append v's canonical form: the bytes CPython's json.dumps(v, sort_keys=True,
 * separators=(",", ":")) gives.  A number must be an integer |n| < 2^53, or,
 * as the value of a member named in fractions (NULL-terminated, or NULL), a
 * fraction whose lexeme is CPython's shortest form.  On failure, which includes
 * a full out, nothing is left appended. */
int sbx_canon_write(struct sbx_buf *out, const struct sbx_json *v,
	const char *const *fractions, struct sbx_err *err);
bool sbx_canon_fraction(const char *lexeme, size_t len); /* "1" is none */
/* True for an object or array that sbx_json_parse met in that very form: the
 * text's len bytes from at.  False says nothing: it may be so all the same. */
bool sbx_json_canonical(const struct sbx_json *v, size_t *at, size_t *len);

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

/* ---- log: the journal (design 4.4) ------------------------------------- */

struct sbx_log;

enum sbx_log_flag {
	SBX_LOG_WRITE = 1,
	SBX_LOG_CREATE = 2, /* with WRITE: make it if it is not there */
};

enum sbx_log_how {
	SBX_LOG_NEW,  /* it is in the journal now */
	SBX_LOG_DUP,  /* it was there, or is held already */
	SBX_LOG_HELD, /* dated too far ahead: kept aside, tried again later */
};

struct sbx_row {
	int64_t seq; /* from 1 */
	int64_t who; /* its author's number in this file */
	const char *author, *op, *type; /* author: pub's own name */
	const unsigned char *pub, *sig, *id, *hash; /* hash: entry_hash */
	const char *payload; /* canonical */
	size_t payloadlen;
};

int sbx_log_open(const char *path, unsigned flags, struct sbx_log **log,
	struct sbx_err *err);
void sbx_log_close(struct sbx_log *log);
/* Entries added between begin and commit are in the journal all or none; once
 * commit has returned 0 they survive a power cut.  The caller has verified. */
int sbx_log_begin(struct sbx_log *log, struct sbx_err *err);
int sbx_log_add(struct sbx_log *log, const struct sbx_entry *e,
	enum sbx_log_how *how, struct sbx_err *err);
int sbx_log_commit(struct sbx_log *log, struct sbx_err *err);
void sbx_log_rollback(struct sbx_log *log);
int sbx_log_append(struct sbx_log *log, const struct sbx_entry *e,
	struct sbx_err *err); /* begin, add, commit */
/* Call fn for each row of from..to in order (to 0: the last), until it
 * returns other than 0, which is then returned. */
int sbx_log_each(struct sbx_log *log, int64_t from, int64_t to,
	int (*fn)(void *ctx, const struct sbx_row *row, struct sbx_err *err),
	void *ctx, struct sbx_err *err);
int sbx_log_head(struct sbx_log *log, int64_t *size,
	unsigned char hash[static SBX_HASH_BYTES], struct sbx_err *err);
/* Recompute every hash and signature, and root, the tree's over the first at
 * rows, if there are so many.  SBX_E_NO: *bad is the first row that fails. */
int sbx_log_verify(struct sbx_log *log, int64_t at,
	unsigned char root[static SBX_HASH_BYTES], int64_t *bad, struct sbx_err *err);
/* The same, and what is derived from the rows, to the byte. */
int sbx_log_check(struct sbx_log *log, int64_t *bad, struct sbx_err *err);
/* The chain's hashes alone.  *verified: how far a verify of a writable log has
 * checked the signatures of these very entries. */
int sbx_log_quick(struct sbx_log *log, int64_t *verified, struct sbx_err *err);
/* Derive again what rests on the rows, if they can be read. */
int sbx_log_rebuild(struct sbx_log *log, struct sbx_err *err);
/* A copy that stands alone, beside whoever reads and writes; atomic. */
int sbx_log_backup(struct sbx_log *log, const char *path, struct sbx_err *err);
/* A database that cannot be opened any more, as PATH.damaged. */
int sbx_log_set_aside(const char *path, struct sbx_err *err);
/* Put from, which must verify and be this node's own, in place of log. */
int sbx_log_restore(struct sbx_log *log, struct sbx_log *from,
	struct sbx_err *err);
void sbx_row_line(const struct sbx_row *row, struct sbx_buf *out);
int sbx_row_entry(const struct sbx_row *row, struct sbx_entry **e,
	struct sbx_err *err);

/* Local, never replicated: my own DID, the anchors I trust. */
int sbx_log_self(struct sbx_log *log, char did[static SBX_DID_SIZE],
	struct sbx_err *err); /* SBX_E_NO when there is none yet */
int sbx_log_set_self(struct sbx_log *log, const char *did, struct sbx_err *err);
/* Take did for an anchor, or no longer; when is remembered. */
int sbx_log_trust(struct sbx_log *log, const char *did, bool yes,
	struct sbx_err *err);
/* A mesh's anchors (a JSON array) in place of oneself, inside a transaction. */
int sbx_log_join(struct sbx_log *log, const char *self,
	const struct sbx_json *anchors, struct sbx_err *err);
/* What changed in the anchors since then, in order. */
int sbx_log_trusted(struct sbx_log *log, int64_t since,
	int (*fn)(void *ctx, const char *did, bool yes, int64_t when), void *ctx,
	struct sbx_err *err);

#include "crypto/signed.h" /* documents that an identity signs */
#include "sbx_dir.h" /* the directory: invitations, members, views */
#include "sbx_log.h" /* what a log shows the outside: trees, notes, tiles */
#include "sbx_sign.h" /* seals, the guard, heads and their keys */
#include "sbx_sys.h" /* the machine's side: run, priv, fetch, conf, tool */
#include "sbx_mesh.h" /* addresses, WireGuard, the tunnel */
#include "exchange/now.h" /* what nodes say about now */
#include "sbx_lend.h" /* offers, requests, grants, the firewall */

#endif
