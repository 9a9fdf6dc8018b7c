/* SPDX-License-Identifier: Apache-2.0 */
/*
 * join: a box comes in by a door.  A member opens its door and hands over a
 * token.  The new box signs a request with the token's key and its own; the
 * answer is an invitation for a one-time key whose seed never leaves the new
 * box.  Its acceptance goes back by the same door.
 *
 * The door's desk is a directory of root's: the tokens' public halves and the
 * requests.  The process that answers strangers reads it and changes nothing.
 */
#ifndef SBX_JOIN_H
#define SBX_JOIN_H

#include "node/node.h"

#define SBX_MAX_DOOR_BODY 65536 /* bytes of a POST */
#define SBX_MAX_DOOR_PENDING 64
#define SBX_MAX_DOOR_TOKENS 64
#define SBX_MAX_DOOR_USES 1000
#define SBX_MAX_DOOR_ENTRIES 32 /* that a joiner brings */
#define SBX_MAX_REASON 200 /* bytes */
#define SBX_DOOR_RATE 10 /* POSTs of an address in a minute */
#define SBX_DOOR_BEHIND (15 * SBX_SECOND)  /* a joiner's clock may be */
#define SBX_DOOR_AHEAD (300 * SBX_SECOND)

/* ---- token: what the founder hands over ---------------------------------- */

#define SBX_JOIN_PREFIX "sbxj1."
#define SBX_PIN_SIZE 53 /* "sha256//", 44 characters of base64, NUL */

struct sbx_join_token {
	bool ask; /* a human approves */
	unsigned char seed[SBX_SEED_BYTES]; /* of the one-time key */
	char url[128]; /* https://HOST:PORT/ */
	char pin[SBX_PIN_SIZE]; /* of the door's key, for struct sbx_fetch */
	char founder[SBX_DID_SIZE]; /* whose door it is */
	bool has_bundle;
	unsigned char bundle[SBX_HASH_BYTES]; /* SHA-256 of the package */
};

/* "sbxj1." and unpadded base64url of canonical JSON with 4 bytes of its
 * BLAKE2b-256 behind it.  SBX_E_INPUT: no token, or a damaged one. */
int sbx_join_token_write(const struct sbx_join_token *t, struct sbx_buf *out,
	struct sbx_err *err);
int sbx_join_token_parse(struct sbx_join_token *t, const char *text,
	struct sbx_err *err);
void sbx_join_token_clear(struct sbx_join_token *t);
/* The one-time key that an invitation will name: of both seeds, so that the
 * same box asks with the same key again, and nobody else can know it. */
int sbx_join_once(const struct sbx_join_token *t, const struct sbx_key *node,
	struct sbx_key **once, struct sbx_err *err);

/* ---- request: what a new box says at the door ------------------------------ */

struct sbx_join_request {
	struct sbx_doc *doc;
	const struct sbx_json *body;
	char did[SBX_DID_SIZE];	 /* of the new box */
	char token[SBX_ID_SIZE]; /* the token key's public half */
	char key[SBX_ID_SIZE];	 /* the one-time key's, so the invitation's id */
	char box[SBX_MAX_BOXNAME + 1];
	int64_t at; /* by the new box's clock */
	unsigned char pub[SBX_PUB_BYTES], sig[SBX_SIG_BYTES];
	unsigned char proof[SBX_SIG_BYTES]; /* the token key's signature */
	const struct sbx_json *entries; /* of a second one: lines; else NULL */
};

/* {"author_pubkey", "join": {...}, "proof", "sig"}: signed by the node's key and
 * by the token's.  entries (JSON lines) NULL: it asks; else it brings them. */
int sbx_join_request_make(struct sbx_buf *out, const struct sbx_join_token *t,
	const struct sbx_key *node, const char *box, const char *entries,
	struct sbx_err *err);
/* Its form and the names in it, without a signature. */
int sbx_join_request_parse(struct sbx_join_request *q, const char *text,
	size_t len, struct sbx_err *err);
/* SBX_E_NO: one of the two does not hold. */
int sbx_join_request_verify(const struct sbx_join_request *q,
	struct sbx_err *err);
void sbx_join_request_free(struct sbx_join_request *q);

/* ---- desk: tokens and requests on the disk -------------------------------- */

struct sbx_desk {
	char *dir;
	int lock; /* -1: not ours */
};

/* write: make the directory if it is missing, and be alone, for who changes
 * something: root.  gid: who may read it. */
int sbx_desk_open(struct sbx_desk *d, const char *dir, bool write, gid_t gid,
	struct sbx_err *err);
void sbx_desk_close(struct sbx_desk *d);

/* DIR/tokens/HEX: {"ask","expires","made","used","uses"}; and DIR/requests/HEX:
 * {"address","at","box","did","invitation","key","reason","state","told",
 * "token"}, state: pending approved rejected entered; told: that it is no. */
enum sbx_desk_what { SBX_DESK_TOKEN, SBX_DESK_REQUEST };
int sbx_desk_get(const struct sbx_desk *d, enum sbx_desk_what what,
	const char *id, struct sbx_doc **doc, struct sbx_err *err); /* SBX_E_NO */
int sbx_desk_put(const struct sbx_desk *d, enum sbx_desk_what what,
	const char *id, const struct sbx_json *doc, gid_t gid,
	struct sbx_err *err);
int sbx_desk_del(const struct sbx_desk *d, enum sbx_desk_what what,
	const char *id, struct sbx_err *err);
/* Each, by name; what is no document of ours is passed over. */
int sbx_desk_each(const struct sbx_desk *d, enum sbx_desk_what what,
	int (*fn)(void *ctx, const char *id, const struct sbx_json *doc,
		struct sbx_err *err),
	void *ctx, struct sbx_err *err);

/* A token lets in: SBX_E_NO with the reason, "expired" or "spent". */
int sbx_desk_live(const struct sbx_json *token, int64_t now,
	struct sbx_err *err);
/* Is there something to open for: a token that lets in, or a request that is
 * not at its end and whose token has not been expired for a day? */
int sbx_desk_busy(const struct sbx_desk *d, int64_t now, bool *busy,
	size_t *pending, struct sbx_err *err);

/* Take a verified request: known already, or the token's use is spent and it is
 * queued, which is one change for whoever is alone.  *doc is the request as it
 * stands, *is_new that it was not there.  SBX_E_NO: expired, spent, full, another's. */
int sbx_desk_take(const struct sbx_desk *d, const struct sbx_join_request *q,
	const char *address, gid_t gid, struct sbx_doc **doc, bool *is_new,
	struct sbx_err *err);

/* ---- rate: how often an address may ask ------------------------------------- */

/* Count one more of address (for IPv6 its /64) in the file path, which has a
 * fixed size.  SBX_E_NO: more than max in this minute. */
int sbx_rate_take(const char *path, const char *address, unsigned max,
	int64_t now, struct sbx_err *err);

#endif
