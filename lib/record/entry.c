/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "base/base.h"
#include "json/json.h"
#include "crypto/crypto.h"
#include "record/record.h"
#include "crypto/signed.h"

static const char *const members[] = { "author", "author_pubkey", "op",
	"payload", "payload_type", "sig", NULL };
#define MEMBERS (sizeof(members) / sizeof(members[0]) - 1)

static int
refuse(struct sbx_err *err, const char *why)
{
	return sbx_err_set(err, SBX_E_INPUT, "%s", why);
}

static int
check_members(const struct sbx_json *root, struct sbx_err *err)
{
	const char *const *m;

	if (root->type != SBX_JSON_OBJECT)
		return refuse(err, "not an object");
	for (const struct sbx_json *c = root->child; c != NULL; c = c->next) {
		for (m = members; *m != NULL && strcmp(*m, c->key) != 0; m++)
			;
		if (*m == NULL)
			return sbx_err_set(err, SBX_E_INPUT,
				"unknown member %.40s", c->key);
	}
	for (m = members; *m != NULL; m++)
		if (sbx_json_get(root, *m) == NULL)
			return sbx_err_set(err, SBX_E_INPUT, "%s is missing", *m);
	return SBX_OK;
}

/* The author's name is that of its key. */
static int
check_name(const struct sbx_entry *e, struct sbx_err *err)
{
	char did[SBX_DID_SIZE];

	sbx_did_write(did, e->pub);
	return strcmp(did, e->author) == 0 ? SBX_OK :
		refuse(err, "author is not the hash of author_pubkey");
}

/* The author's name, key and signature.  An older node exports a null key for
 * an author whose Identity it does not hold: the caller may know the key. */
static int
read_author(struct sbx_entry *e, const struct sbx_json *root,
	struct sbx_err *err)
{
	const struct sbx_json *author = sbx_json_get(root, "author");
	const struct sbx_json *pub = sbx_json_get(root, "author_pubkey");
	const struct sbx_json *sig = sbx_json_get(root, "sig");

	if (author->type != SBX_JSON_STRING ||
		!sbx_did_check(author->text, author->len))
		return refuse(err, "author is not a did");
	memcpy(e->author, author->text, SBX_DID_SIZE);
	if (sig->type != SBX_JSON_STRING || sig->len != 2 * SBX_SIG_BYTES)
		return refuse(err, "sig is not 128 characters long");
	if (!sbx_hex_parse(e->sig, SBX_SIG_BYTES, sig->text, sig->len))
		return refuse(err, "sig is not lower-case hex");
	e->keyless = pub->type == SBX_JSON_NULL;
	if (e->keyless)
		return SBX_OK;
	if (pub->type != SBX_JSON_STRING ||
		!sbx_hex_parse(e->pub, SBX_PUB_BYTES, pub->text, pub->len))
		return refuse(err, "author_pubkey is not 64 lower-case hex digits");
	return check_name(e, err);
}

static int
find_type(struct sbx_entry *e, const char *type, size_t typelen, const char *op,
	struct sbx_err *err)
{
	e->rec = sbx_rec_type(type, typelen);
	if (e->rec == NULL)
		return sbx_err_set(err, SBX_E_INPUT, "unknown payload_type %.40s",
			type);
	for (const char *const *o = e->rec->ops; e->op == NULL && *o != NULL; o++)
		if (strcmp(*o, op) == 0)
			e->op = *o;
	if (e->op != NULL)
		return SBX_OK;
	if (sbx_rec_op(op) == NULL)
		return sbx_err_set(err, SBX_E_INPUT, "unknown op %.40s", op);
	return sbx_err_set(err, SBX_E_INPUT, "op %.40s does not carry %s", op,
		e->rec->type);
}

static int
read_type(struct sbx_entry *e, const struct sbx_json *root, struct sbx_err *err)
{
	const struct sbx_json *type = sbx_json_get(root, "payload_type");
	const struct sbx_json *op = sbx_json_get(root, "op");

	if (type->type != SBX_JSON_STRING || op->type != SBX_JSON_STRING)
		return refuse(err, "op or payload_type is not a string");
	return find_type(e, type->text, type->len, op->text, err);
}

/* An Identity speaks of its author alone, key and digest included. */
static int
check_identity(const struct sbx_entry *e, struct sbx_err *err)
{
	char pub[2 * SBX_PUB_BYTES + 1];

	sbx_hex_write(pub, e->pub, SBX_PUB_BYTES);
	if (!e->keyless &&
		!sbx_json_is(sbx_json_get(e->payload, "pubkey"), pub))
		return refuse(err, "Identity: pubkey is not the author's");
	if (!sbx_json_is(sbx_json_get(e->payload, "self_cert_digest"),
		    e->author + strlen("did:plc:")))
		return refuse(err, "Identity: self_cert_digest is not the did's");
	return SBX_OK;
}

/* A copy of text at *at, which moves behind it. */
static const char *
put(char **at, const char *text, size_t len)
{
	char *copy = *at;

	memcpy(copy, text, len);
	copy[len] = '\0';
	*at += len + 1;
	return copy;
}

int64_t
sbx_first64(const unsigned char hash[static SBX_HASH_BYTES])
{
	uint64_t first = 0;

	for (size_t i = 0; i < sizeof(first); i++)
		first = first << 8 | hash[i];
	return (int64_t)first;
}

int64_t
sbx_idhash(const char *id)
{
	unsigned char hash[SBX_HASH_BYTES];

	sbx_hash_sha256(hash, id, strlen(id));
	return sbx_first64(hash);
}

/* The texts that outlive the document, behind the place where the entry itself
 * is to be: one allocation. */
static void
keep_texts(struct sbx_entry *e, const char *canon, size_t len)
{
	const char *key = e->rec->id != NULL ?
		sbx_json_str(e->payload, e->rec->id) : NULL;
	const char *ref = e->rec->ref != NULL ?
		sbx_json_str(e->payload, e->rec->ref) : NULL;
	char *at = sbx_mem_grow(NULL, 1, sizeof(*e) + len + 3 +
			(key != NULL ? strlen(key) : 0) +
			(ref != NULL ? strlen(ref) : 0));

	at += sizeof(*e);
	e->canon = at;
	e->canonlen = len;
	put(&at, canon, len);
	e->key = key != NULL ? put(&at, key, strlen(key)) : NULL;
	e->ref = ref != NULL ? put(&at, ref, strlen(ref)) : NULL;
}

/* r came of reading e: where it is to be, or nothing is left of it. */
static int
settle(const struct sbx_entry *e, int r, struct sbx_entry **out)
{
	char *place = e->canon != NULL ? e->canon - sizeof(*e) : NULL;

	if (r != 0) {
		sbx_doc_free(e->doc);
		free(place);
		return r;
	}
	memcpy(place, e, sizeof(*e));
	*out = (struct sbx_entry *)(void *)place;
	return SBX_OK;
}

void
sbx_entry_shrink(struct sbx_entry *e)
{
	sbx_doc_free(e->doc);
	e->doc = NULL;
	e->payload = NULL;
}

/* text is what the payload was parsed from: it stands there in canonical form,
 * as a rule, and is written anew if not. */
static int
read_canon(struct sbx_entry *e, const char *text, struct sbx_err *err)
{
	struct sbx_buf canon = SBX_BUF(SBX_MAX_ENTRY);
	size_t at, len;
	int r = SBX_OK;

	if (sbx_json_canonical(e->payload, &at, &len) && len <= SBX_MAX_ENTRY) {
		keep_texts(e, text + at, len);
	} else if ((r = sbx_canon_write(&canon, e->payload, sbx_rec_fractions,
			    err)) == 0) {
		keep_texts(e, canon.data, canon.len);
	}
	sbx_buf_free(&canon);
	if (r == 0)
		sbx_hash_b2(e->id, e->canon, e->canonlen);
	return r;
}

static int
read_payload(struct sbx_entry *e, const char *text, struct sbx_err *err)
{
	int r;

	if ((r = sbx_rec_check(e->rec, e->payload, &e->time, err)) != 0)
		return r;
	if (!sbx_json_is(sbx_json_get(e->payload, e->rec->actor), e->author))
		return sbx_err_set(err, SBX_E_INPUT, "%s: %s is not the author",
			e->rec->type, e->rec->actor);
	if (strcmp(e->rec->type, "Identity") == 0 &&
		(r = check_identity(e, err)) != 0)
		return r;
	return read_canon(e, text, err);
}

static int
read_leaf(struct sbx_entry *e, struct sbx_err *err)
{
	struct sbx_buf line = SBX_BUF(SBX_MAX_ENTRY);
	int r = SBX_OK;

	sbx_entry_line(e, &line);
	if (line.over)
		r = sbx_err_set(err, SBX_E_INPUT,
			"longer than %d bytes in canonical form", SBX_MAX_ENTRY);
	else
		sbx_tree_leaf(e->leaf, line.data, line.len);
	sbx_buf_free(&line);
	return r;
}

int
sbx_entry_parse(const char *text, size_t len, struct sbx_entry **out,
	struct sbx_err *err)
{
	struct sbx_entry e = { 0 };
	const struct sbx_json *root;
	int r;

	if ((r = sbx_json_parse(text, len, NULL, &e.doc, err)) != 0)
		return r;
	root = sbx_doc_root(e.doc);
	e.payload = sbx_json_get(root, "payload");
	if ((r = check_members(root, err)) == 0 &&
		(r = read_type(&e, root, err)) == 0 &&
		(r = read_author(&e, root, err)) == 0 &&
		(r = read_payload(&e, text, err)) == 0)
		r = read_leaf(&e, err);
	return settle(&e, r, out);
}

/* The payload is as deep as a line's may be, and has as many members. */
int
sbx_row_entry(const struct sbx_row *row, struct sbx_entry **out,
	struct sbx_err *err)
{
	static const struct sbx_json_limits limits = { SBX_MAX_LINE,
		SBX_MAX_DEPTH - 1, SBX_MAX_KEYS - MEMBERS };
	struct sbx_entry e = { 0 };
	int r;

	if ((r = sbx_json_parse(row->payload, row->payloadlen, &limits, &e.doc,
		     err)) != 0)
		return r;
	e.payload = sbx_doc_root(e.doc);
	memcpy(e.author, row->author, SBX_DID_SIZE);
	memcpy(e.sig, row->sig, SBX_SIG_BYTES);
	memcpy(e.pub, row->pub, SBX_PUB_BYTES);
	if ((r = find_type(&e, row->type, strlen(row->type), row->op, err)) == 0 &&
		(r = read_payload(&e, row->payload, err)) == 0)
		r = read_leaf(&e, err);
	return settle(&e, r, out);
}

/* The proof binds one acceptor to an invitation whose secret it was handed:
 * invite_id is the public key, the message canon({"invite_id","invitee"}). */
static int
verify_proof(const struct sbx_entry *e, struct sbx_err *err)
{
	const struct sbx_json *proof = sbx_json_get(e->payload, "proof");
	const char *invite = sbx_json_str(e->payload, "invite_id");
	unsigned char pub[SBX_PUB_BYTES], sig[SBX_SIG_BYTES];
	char message[256];
	size_t n;

	if (proof == NULL)
		return SBX_OK;
	n = sbx_signed_pair(
		message, "", "invite_id", invite, "invitee", e->author);
	if (!sbx_hex_parse(pub, sizeof(pub), invite, strlen(invite)) ||
		!sbx_hex_parse(sig, sizeof(sig), proof->text, proof->len) ||
		!sbx_key_verify(pub, message, n, sig))
		return refuse(err, "InviteAccept: proof is not by the invitation's key");
	return SBX_OK;
}

void
sbx_entry_set_key(struct sbx_entry *e,
	const unsigned char pub[static SBX_PUB_BYTES])
{
	memcpy(e->pub, pub, SBX_PUB_BYTES);
	e->keyless = false;
	read_leaf(e, NULL); /* of a line as long as before */
}

size_t
sbx_rotation_text(char out[static 256], const char *new_did,
	const char *old_did)
{
	return sbx_signed_pair(
		out, "sbx-rotate/v1\n", "new", new_did, "old", old_did);
}

/* The recovery key speaks for the new key in the old one's place; that it is
 * the one the old key named is for the state to see. */
static int
verify_rotation(const struct sbx_entry *e, struct sbx_err *err)
{
	const char *pub = sbx_json_str(e->payload, "rec_pub");
	const char *sig = sbx_json_str(e->payload, "rec_sig");
	const char *old = sbx_json_str(e->payload, "old");
	unsigned char p[SBX_PUB_BYTES], s[SBX_SIG_BYTES];
	char message[256];
	size_t n = sbx_rotation_text(message, e->author, old);

	if (!sbx_hex_parse(p, sizeof(p), pub, strlen(pub)) ||
		!sbx_hex_parse(s, sizeof(s), sig, strlen(sig)) ||
		!sbx_key_verify(p, message, n, s))
		return refuse(err, "SbxRotate: rec_sig is not by the recovery key");
	return SBX_OK;
}

int
sbx_entry_verify(const struct sbx_entry *e, struct sbx_err *err)
{
	if (e->keyless)
		return refuse(err, "author_pubkey is null and the author unknown");
	if (!sbx_key_verify(e->pub, e->canon, e->canonlen, e->sig))
		return refuse(err, "bad signature");
	/* Its key may have come later than its line. */
	if (strcmp(e->rec->type, "Identity") == 0)
		return check_identity(e, err);
	if (strcmp(e->rec->type, "InviteAccept") == 0)
		return verify_proof(e, err);
	if (strcmp(e->rec->type, "SbxRotate") == 0)
		return verify_rotation(e, err);
	return SBX_OK;
}

/* The payload with what the signer need not say: who and when. */
static struct sbx_doc *
complete(const struct sbx_rec *rec, const struct sbx_key *key,
	const struct sbx_json *payload)
{
	struct sbx_doc *doc = sbx_doc_new();
	struct sbx_json *root = sbx_doc_root(doc);

	for (const struct sbx_json *c = payload->child; c != NULL; c = c->next)
		sbx_json_add_copy(doc, root, c->key, c);
	if (sbx_json_get(root, rec->actor) == NULL)
		sbx_json_add_str(doc, root, rec->actor, sbx_key_did(key));
	if (sbx_json_get(root, rec->time) == NULL)
		sbx_json_add_time(doc, root, rec->time, sbx_clock_now());
	return doc;
}

static void
write_line(struct sbx_buf *out, const char *author, const unsigned char *pub,
	const char *op, const char *canon, size_t canonlen, const char *type,
	const unsigned char *sig)
{
	sbx_buf_str(out, "{\"author\":\"");
	sbx_buf_str(out, author);
	sbx_buf_str(out, "\",\"author_pubkey\":\"");
	sbx_buf_hex(out, pub, SBX_PUB_BYTES);
	sbx_buf_str(out, "\",\"op\":\"");
	sbx_buf_str(out, op);
	sbx_buf_str(out, "\",\"payload\":");
	sbx_buf_add(out, canon, canonlen);
	sbx_buf_str(out, ",\"payload_type\":\"");
	sbx_buf_str(out, type);
	sbx_buf_str(out, "\",\"sig\":\"");
	sbx_buf_hex(out, sig, SBX_SIG_BYTES);
	sbx_buf_str(out, "\"}");
}

/* What is in the log is on every node for good.  The key at hand, and what
 * other programs call one in so many words, are recognized; nobody knows all. */
static bool
holds_secret(const struct sbx_key *key, const struct sbx_buf *canon)
{
	static const char pem[] = "PRIVATE KEY-----";
	char hex[2 * SBX_SEED_BYTES + 1];
	bool yes;

	sbx_hex_write(hex, sbx_key_seed(key), SBX_SEED_BYTES);
	yes = memmem(canon->data, canon->len, hex, sizeof(hex) - 1) != NULL ||
		memmem(canon->data, canon->len, pem, sizeof(pem) - 1) != NULL;
	explicit_bzero(hex, sizeof(hex));
	return yes;
}

int
sbx_entry_make(const struct sbx_key *key, const char *op, const char *type,
	const struct sbx_json *payload, struct sbx_entry **out,
	struct sbx_err *err)
{
	const struct sbx_rec *rec = type != NULL ?
		sbx_rec_type(type, strlen(type)) : sbx_rec_op(op);
	struct sbx_buf canon = SBX_BUF(SBX_MAX_ENTRY);
	struct sbx_buf line = SBX_BUF(SBX_MAX_ENTRY);
	struct sbx_doc *doc = NULL;
	unsigned char sig[SBX_SIG_BYTES];
	int r;

	if (rec == NULL)
		return sbx_err_set(err, SBX_E_USAGE, "unknown op or type %s",
			type != NULL ? type : op);
	if (payload == NULL || payload->type != SBX_JSON_OBJECT)
		return refuse(err, "payload is not an object");
	doc = complete(rec, key, payload);
	if ((r = sbx_canon_write(&canon, sbx_doc_root(doc), sbx_rec_fractions,
		     err)) != 0)
		goto out;
	if (canon.over) {
		r = refuse(err, "payload is too long");
		goto out;
	}
	if (holds_secret(key, &canon)) {
		r = refuse(err, "payload holds a private key");
		goto out;
	}
	if ((r = sbx_key_sign(key, canon.data, canon.len, sig, err)) != 0)
		goto out;
	write_line(&line, sbx_key_did(key), sbx_key_pub(key), op, canon.data,
		canon.len, rec->type, sig);
	/* What we sign passes the gate that everybody else's entries pass. */
	r = line.over ? refuse(err, "entry is too long") :
			sbx_entry_parse(line.data, line.len, out, err);
	/* sbx_key_sign has verified the signature; what else there is: */
	if (r == 0 && (strcmp(rec->type, "InviteAccept") == 0 ||
			      strcmp(rec->type, "SbxRotate") == 0) &&
		(r = sbx_entry_verify(*out, err)) != 0) {
		sbx_entry_free(*out);
		*out = NULL;
	}
out:
	sbx_doc_free(doc);
	sbx_buf_free(&canon);
	sbx_buf_free(&line);
	return r;
}

void
sbx_entry_line(const struct sbx_entry *e, struct sbx_buf *out)
{
	write_line(out, e->author, e->pub, e->op, e->canon, e->canonlen,
		e->rec->type, e->sig);
}

void
sbx_row_line(const struct sbx_row *row, struct sbx_buf *out)
{
	write_line(out, row->author, row->pub, row->op, row->payload,
		row->payloadlen, row->type, row->sig);
}

void
sbx_entry_free(struct sbx_entry *e)
{
	if (e == NULL)
		return;
	sbx_doc_free(e->doc);
	free(e);
}
