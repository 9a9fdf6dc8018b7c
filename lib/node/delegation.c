/* SPDX-License-Identifier: Apache-2.0 */
/* Keys for one purpose, which the identity key delegates: what is signed
 * often, by programs that talk to others, is not signed by the key a node is
 * known by. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/base.h"
#include "json/json.h"
#include "crypto/crypto.h"
#include "node/node.h"
#include "crypto/signed.h"

#define DELEGATION_MAX 2048

static const struct {
	struct sbx_signed_kind doc;
	const char *member, *name, *file;
	enum sbx_note_type type;
} roles[] = {
	[SBX_ROLE_LOG] = { { "sbx-log-key/v1\n", "delegation", "did", 3 },
		"log_key", "log", "log-key", SBX_NOTE_ED25519 },
	[SBX_ROLE_WITNESS] = { { "sbx-witness-key/v1\n", "delegation", "did", 3 },
		"witness_key", "witness", "witness-key", SBX_NOTE_COSIGNATURE },
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

int
sbx_delegation_write(struct sbx_buf *out, enum sbx_role role,
	const struct sbx_key *id, const unsigned char key[static SBX_PUB_BYTES],
	struct sbx_err *err)
{
	struct sbx_doc *doc = sbx_doc_new();
	struct sbx_json *root = sbx_doc_root(doc), *d;
	int r;

	d = sbx_json_add(doc, root, "delegation", SBX_JSON_OBJECT);
	sbx_json_add_str(doc, d, "did", sbx_key_did(id));
	sbx_json_add_hex(doc, d, roles[role].member, key, SBX_PUB_BYTES);
	sbx_json_add_time(doc, d, "since", sbx_clock_now());
	if ((r = sbx_signed_close(doc, &roles[role].doc, id, err)) == 0) {
		r = sbx_canon_write(out, root, NULL, err);
		sbx_buf_str(out, "\n");
	}
	sbx_doc_free(doc);
	return r;
}

static bool
delegation_ok(const struct sbx_json *root, struct sbx_delegation *d)
{
	const struct sbx_signed_kind *kind = &roles[d->role].doc;
	const char *key, *since;
	struct sbx_signed s;

	if (sbx_signed_open(&s, kind, root, NULL) != 0 || s.body->count != 3 ||
		(key = sbx_json_str(s.body, roles[d->role].member)) == NULL ||
		!sbx_hex_parse(d->key, SBX_PUB_BYTES, key, strlen(key)) ||
		(since = sbx_json_str(s.body, "since")) == NULL ||
		!sbx_time_parse(&d->since, since, strlen(since)) ||
		!sbx_signed_verify(s.pub, kind->tag, s.body, s.sig))
		return false;
	memcpy(d->pub, s.pub, sizeof(d->pub));
	memcpy(d->did, s.did, sizeof(d->did));
	return true;
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
