/* SPDX-License-Identifier: Apache-2.0 */
/* ask: text for others to read: what it would give away, hidden and found
 * again. */
#ifndef SBX_ASK_H
#define SBX_ASK_H

#include "base/base.h"
#include "json/json.h"

/* ---- redact: a stream without what it must not give away ------------------- */

#define SBX_MAX_HIDDEN	     65536	/* different values, of all kinds */
#define SBX_MAX_HIDDEN_BYTES (8u << 20) /* that they take together */
#define SBX_MAX_WORDS	     4096	/* words of one's own, at most 64 bytes each */

/* A kind's name is in its placeholders: <ip4:1>. */
enum sbx_hidden {
	SBX_HIDDEN_TEXT, /* what looks like a placeholder already */
	SBX_HIDDEN_PEM,
	SBX_HIDDEN_SECRET, /* passwords, tokens, cookies: by what is before them */
	SBX_HIDDEN_KEY,	   /* keys and their fingerprints */
	SBX_HIDDEN_DID,
	SBX_HIDDEN_EMAIL,
	SBX_HIDDEN_MAC,
	SBX_HIDDEN_IP6,
	SBX_HIDDEN_IP4,
	SBX_HIDDEN_NAME, /* hosts of a private network, onion services, words */
	SBX_HIDDEN_USER,
	SBX_HIDDEN_ID,	  /* UUIDs, hexadecimal of 32 digits and more */
	SBX_HIDDEN_TOKEN, /* by its entropy */
	SBX_HIDDEN_KINDS,
};

/* Where a text may go, the strictest last. */
enum sbx_class {
	SBX_CLASS_CLOUD_DIRECT, /* nothing was found in it */
	SBX_CLASS_SANITIZED,	/* placeholders, and nothing else */
	SBX_CLASS_LOCAL_ONLY,	/* something was found, or it is no plain text */
};

struct sbx_redact;

/* words: of one's own that are hidden too, whatever their case.  SBX_E_USAGE:
 * too many, too long. */
int sbx_redact_open(struct sbx_redact **out, char *const *words, size_t count,
	struct sbx_err *err);
void sbx_redact_free(struct sbx_redact *r);
/* Take the next len bytes; append to out what is decided of them: whole lines,
 * and at end, after which nothing comes, all.  Time is linear in len, memory
 * does not grow but by the values that are kept. */
int sbx_redact_feed(struct sbx_redact *r, const char *data, size_t len, bool end,
	struct sbx_buf *out, struct sbx_err *err);
/* Put the values back.  At end *unknown is the number of placeholders that stand
 * for no value of the map; they stay as they are. */
int sbx_redact_restore(struct sbx_redact *r, const char *data, size_t len,
	bool end, struct sbx_buf *out, size_t *unknown, struct sbx_err *err);

/* The map of placeholders as lines {"hidden":"<ip4:1>","value":"10.0.0.1"}.
 * Load: before anything is fed.  SBX_E_INPUT: not such lines. */
int sbx_redact_load(struct sbx_redact *r, const char *text, size_t len,
	struct sbx_err *err);
void sbx_redact_save(const struct sbx_redact *r, struct sbx_buf *out);

const char *sbx_hidden_name(enum sbx_hidden kind);
size_t sbx_redact_count(const struct sbx_redact *r, enum sbx_hidden kind);
/* Those that are hidden as <kind:0>, which cannot be restored: past a limit, or
 * not UTF-8. */
size_t sbx_redact_lost(const struct sbx_redact *r);
enum sbx_class sbx_redact_class(const struct sbx_redact *r);
const char *sbx_class_name(enum sbx_class c);

#endif
