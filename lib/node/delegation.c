/* SPDX-License-Identifier: Apache-2.0 */
/* Keys for one purpose, which the identity key delegates: what is signed
 * often, by programs that talk to others, is not signed by the key a node is
 * known by. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "sbx.h"

#define DELEGATION_MAX 2048

/* Signed bytes begin with their purpose: no entry's payload begins so. */
static const struct {
	const char *purpose, *member, *name, *file;
	enum sbx_note_type type;
} roles[] = {
	[SBX_ROLE_LOG] = { "sbx-log-key/v1\n", "log_key", "log", "log-key",
		SBX_NOTE_ED25519 },
	[SBX_ROLE_WITNESS] = { "sbx-witness-key/v1\n", "witness_key", "witness",
		"witness-key", SBX_NOTE_COSIGNATURE },
};

const char *
sbx_role_file(enum sbx_role role)
{
	return roles[role].file;
}

int
sbx_role_vkey(struct sbx_vkey *k, enum sbx_role role, const char *did,
	const unsigned char pub[static SBX_PUB_BYTES], struct sbx_err *err)
{
	char name[SBX_DID_SIZE + 16];

	snprintf(name, sizeof(name), "%s/%s", did, roles[role].name);
	return sbx_vkey_make(k, name, roles[role].type, pub, err);
}

static int
sign_delegation(enum sbx_role role, const struct sbx_key *id,
	const struct sbx_buf *canon, unsigned char sig[static SBX_SIG_BYTES],
	struct sbx_err *err)
{
	struct sbx_buf b = SBX_BUF(DELEGATION_MAX);
	int r;

	sbx_buf_str(&b, roles[role].purpose);
	sbx_buf_add(&b, canon->data, canon->len);
	r = sbx_key_sign(id, b.data, b.len, sig, err);
	sbx_buf_free(&b);
	return r;
}

int
sbx_delegation_write(struct sbx_buf *out, enum sbx_role role,
	const struct sbx_key *id, const unsigned char key[static SBX_PUB_BYTES],
	struct sbx_err *err)
{
	struct sbx_doc *doc = sbx_doc_new();
	struct sbx_json *root = sbx_doc_root(doc), *d;
	struct sbx_buf canon = SBX_BUF(DELEGATION_MAX);
	unsigned char sig[SBX_SIG_BYTES];
	int r;

	sbx_json_add_hex(
		doc, root, "author_pubkey", sbx_key_pub(id), SBX_PUB_BYTES);
	d = sbx_json_add(doc, root, "delegation", SBX_JSON_OBJECT);
	sbx_json_add_str(doc, d, "did", sbx_key_did(id));
	sbx_json_add_hex(doc, d, roles[role].member, key, SBX_PUB_BYTES);
	sbx_json_add_time(doc, d, "since", sbx_clock_now());
	if ((r = sbx_canon_write(&canon, d, NULL, err)) == 0 &&
		(r = sign_delegation(role, id, &canon, sig, err)) == 0) {
		sbx_json_add_hex(doc, root, "sig", sig, sizeof(sig));
		r = sbx_canon_write(out, root, NULL, err);
		sbx_buf_str(out, "\n");
	}
	sbx_buf_free(&canon);
	sbx_doc_free(doc);
	return r;
}

static bool
hex_member(const struct sbx_json *obj, const char *name, unsigned char *out,
	size_t len)
{
	const char *text = sbx_json_str(obj, name);

	return text != NULL && sbx_hex_parse(out, len, text, strlen(text));
}

static bool
delegation_ok(const struct sbx_json *root, struct sbx_delegation *d)
{
	const struct sbx_json *inner = sbx_json_get(root, "delegation");
	struct sbx_buf b = SBX_BUF(DELEGATION_MAX);
	unsigned char sig[SBX_SIG_BYTES];
	char did[SBX_DID_SIZE];
	const char *since;
	bool ok;

	if (root->type != SBX_JSON_OBJECT || root->count != 3 ||
		inner == NULL || inner->type != SBX_JSON_OBJECT ||
		inner->count != 3 ||
		!hex_member(root, "author_pubkey", d->pub, SBX_PUB_BYTES) ||
		!hex_member(root, "sig", sig, sizeof(sig)) ||
		!hex_member(
			inner, roles[d->role].member, d->key, SBX_PUB_BYTES) ||
		(since = sbx_json_str(inner, "since")) == NULL ||
		!sbx_time_parse(&d->since, since, strlen(since)))
		return false;
	sbx_did_write(did, d->pub);
	if (!sbx_json_is(sbx_json_get(inner, "did"), did))
		return false;
	memcpy(d->did, did, sizeof(did));
	sbx_buf_str(&b, roles[d->role].purpose);
	ok = sbx_canon_write(&b, inner, NULL, NULL) == 0 && !b.over &&
	     sbx_key_verify(d->pub, b.data, b.len, sig);
	sbx_buf_free(&b);
	return ok;
}

int
sbx_delegation_parse(struct sbx_delegation *d, enum sbx_role role,
	const char *text, size_t len, struct sbx_err *err)
{
	struct sbx_doc *doc = NULL;
	int r;

	memset(d, 0, sizeof(*d));
	d->role = role;
	if ((r = sbx_json_parse(text, len, NULL, &doc, err)) == 0 &&
		!delegation_ok(sbx_doc_root(doc), d))
		r = sbx_err_set(err, SBX_E_INPUT,
			"not a %s key that its owner has signed",
			roles[role].name);
	sbx_doc_free(doc);
	return r;
}

int
sbx_delegation_vkey(
	const struct sbx_delegation *d, struct sbx_vkey *k, struct sbx_err *err)
{
	return sbx_role_vkey(k, d->role, d->did, d->key, err);
}

/* ---- this node's own ----------------------------------------------------- */

static int
delegate(const struct sbx_conf *conf, enum sbx_role role,
	const struct sbx_key *key, const char *path, struct sbx_err *err)
{
	struct sbx_buf text = SBX_BUF(DELEGATION_MAX);
	struct sbx_key *id = NULL;
	int r;

	if ((r = sbx_key_load(conf->key, &id, err)) == 0 &&
		(r = sbx_delegation_write(
			 &text, role, id, sbx_key_pub(key), err)) == 0)
		r = sbx_io_save(path, text.data, text.len, 0644, 0, err);
	sbx_key_free(id);
	sbx_buf_free(&text);
	return r;
}

int
sbx_delegation_open(const struct sbx_conf *conf, enum sbx_role role,
	struct sbx_key **key, struct sbx_buf *text, struct sbx_err *err)
{
	const char *keyfile =
		role == SBX_ROLE_LOG ? conf->log_key : conf->witness_key;
	struct sbx_buf path = SBX_BUF(4096);
	struct sbx_delegation d;
	int r;

	if (access(keyfile, F_OK) != 0 && errno == ENOENT) {
		if ((r = sbx_key_new(key, err)) == 0)
			r = sbx_key_save(keyfile, *key, err);
	} else {
		r = sbx_key_load(keyfile, key, err);
	}
	sbx_buf_fmt(&path, "%s/%s", conf->dir, roles[role].file);
	if (r == 0 && access(path.data, F_OK) != 0)
		r = delegate(conf, role, *key, path.data, err);
	if (r == 0 && (r = sbx_io_read(path.data, 0, text, err)) == 0)
		r = sbx_delegation_parse(&d, role, text->data, text->len, err);
	if (r == 0 && memcmp(d.key, sbx_key_pub(*key), SBX_PUB_BYTES) != 0)
		r = sbx_err_set(err, SBX_E_USAGE, "%s is not for the key in %s",
			path.data, keyfile);
	sbx_buf_free(&path);
	return r;
}

int
sbx_delegation_own(const struct sbx_conf *conf, enum sbx_role role,
	struct sbx_vkey *k, struct sbx_err *err)
{
	struct sbx_buf path = SBX_BUF(4096), text = SBX_BUF(DELEGATION_MAX);
	struct sbx_delegation d;
	int r;

	sbx_buf_fmt(&path, "%s/%s", conf->dir, roles[role].file);
	r = sbx_io_read(sbx_buf_text(&path), 0, &text, err);
	if (r == SBX_E_SYS && errno == ENOENT)
		r = sbx_err_set(err, SBX_E_NO, "this node has no %s key yet",
			roles[role].name);
	else if (r == 0 && (r = sbx_delegation_parse(&d, role, sbx_buf_text(&text),
				    text.len, err)) == 0)
		r = sbx_delegation_vkey(&d, k, err);
	sbx_buf_free(&path);
	sbx_buf_free(&text);
	return r;
}

int
sbx_delegation_publish(const char *dir, enum sbx_role role,
	const struct sbx_buf *text, struct sbx_err *err)
{
	struct sbx_buf path = SBX_BUF(4096), old = SBX_BUF(DELEGATION_MAX);
	int r = SBX_OK;

	sbx_buf_fmt(&path, "%s/%s", dir, roles[role].file);
	if (sbx_io_read(path.data, 0, &old, NULL) != 0 ||
		old.len != text->len ||
		memcmp(old.data, text->data, old.len) != 0)
		r = sbx_io_save(path.data, text->data, text->len, 0644, 0, err);
	sbx_buf_free(&path);
	sbx_buf_free(&old);
	return r;
}
