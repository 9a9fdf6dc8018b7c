/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Signed documents: a domain tag, a canonical JSON object, a signature
 * and the DID of the key that made it.
 *
 * Everything an identity key signs beside entries begins with a tag of its
 * own, so a signature for one purpose never serves another (an entry's payload
 * begins with "{" and no tag does).
 */
#ifndef SBX_SIGNED_H
#define SBX_SIGNED_H

/* One kind of document: {"author_pubkey": HEX, MEMBER: {...}, "sig": HEX}, the
 * signature over tag and MEMBER's canonical form. */
struct sbx_signed_kind {
	const char *tag;    /* ends in a newline */
	const char *member; /* the object that is signed */
	const char *did;    /* its field that must be the key's name */
	size_t members;	    /* of the document: 3, or more that are not signed */
};

struct sbx_signed {
	unsigned char pub[SBX_PUB_BYTES], sig[SBX_SIG_BYTES];
	char did[SBX_DID_SIZE];
	const struct sbx_json *body; /* MEMBER, in the document it came from */
};

/* Append tag and obj's canonical form: the bytes that are signed.  SBX_E_INPUT
 * when obj has none or out is full. */
int sbx_signed_text(struct sbx_buf *out, const char *tag,
	const struct sbx_json *obj, struct sbx_err *err);
int sbx_signed_make(const struct sbx_key *key, const char *tag,
	const struct sbx_json *obj, unsigned char sig[static SBX_SIG_BYTES],
	struct sbx_err *err);
bool sbx_signed_verify(const unsigned char pub[static SBX_PUB_BYTES],
	const char *tag, const struct sbx_json *obj,
	const unsigned char sig[static SBX_SIG_BYTES]);

/* doc's root has kind's member: add the key and its signature. */
int sbx_signed_close(struct sbx_doc *doc, const struct sbx_signed_kind *kind,
	const struct sbx_key *key, struct sbx_err *err);
/* The other way, all but the signature: the document has exactly these members
 * and MEMBER names the key.  SBX_E_INPUT names what is wrong. */
int sbx_signed_open(struct sbx_signed *s, const struct sbx_signed_kind *kind,
	const struct sbx_json *root, struct sbx_err *err);

/* tag and the canonical form of {A: a, B: b}, for texts that need no escape and
 * A before B: what a one-time key and a recovery key sign.  Returns its length,
 * below 256. */
size_t sbx_signed_pair(char out[static 256], const char *tag, const char *name_a,
	const char *a, const char *name_b, const char *b);

#endif
