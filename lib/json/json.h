/* SPDX-License-Identifier: Apache-2.0 */
/* json: the strict parser, documents, the canonical form. */
#ifndef SBX_JSON_H
#define SBX_JSON_H

#include "base/base.h"

#define SBX_MAX_DEPTH 16	/* containers inside containers, one document */
#define SBX_MAX_KEYS 256	/* object members, all of one document together */
#define SBX_MAX_INT INT64_C(9007199254740991) /* 2^53 - 1 */

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
/* Whether the member is true: what is missing or no boolean is not. */
bool sbx_json_yes(const struct sbx_json *obj, const char *key);
/* Whether the member is a string that sbx_time_parse takes: then *us is set. */
bool sbx_json_time(const struct sbx_json *obj, const char *key, int64_t *us);
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

#endif
