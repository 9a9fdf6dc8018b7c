/* SPDX-License-Identifier: Apache-2.0 */
/* Signed documents: delegations, requests, statements, and the two lines that
 * a one-time key and a recovery key sign. */
#include <string.h>

#include "base/base.h"
#include "json/json.h"
#include "crypto/crypto.h"
#include "crypto/signed.h"

#define MAX_TEXT SBX_MAX_LINE

int
sbx_signed_text(struct sbx_buf *out, const char *tag,
	const struct sbx_json *obj, struct sbx_err *err)
{
	int r;

	sbx_buf_str(out, tag);
	if ((r = sbx_canon_write(out, obj, NULL, err)) == 0 && out->over)
		r = sbx_err_set(err, SBX_E_INPUT, "too long");
	return r;
}

int
sbx_signed_make(const struct sbx_key *key, const char *tag,
	const struct sbx_json *obj, unsigned char sig[static SBX_SIG_BYTES],
	struct sbx_err *err)
{
	struct sbx_buf text = SBX_BUF(MAX_TEXT);
	int r;

	if ((r = sbx_signed_text(&text, tag, obj, err)) == 0)
		r = sbx_key_sign(key, text.data, text.len, sig, err);
	sbx_buf_free(&text);
	return r;
}

bool
sbx_signed_verify(const unsigned char pub[static SBX_PUB_BYTES],
	const char *tag, const struct sbx_json *obj,
	const unsigned char sig[static SBX_SIG_BYTES])
{
	struct sbx_buf text = SBX_BUF(MAX_TEXT);
	bool ok = sbx_signed_text(&text, tag, obj, NULL) == 0 &&
		  sbx_key_verify(pub, text.data, text.len, sig);

	sbx_buf_free(&text);
	return ok;
}

int
sbx_signed_close(struct sbx_doc *doc, const struct sbx_signed_kind *kind,
	const struct sbx_key *key, struct sbx_err *err)
{
	struct sbx_json *root = sbx_doc_root(doc);
	unsigned char sig[SBX_SIG_BYTES];
	int r;

	if ((r = sbx_signed_make(key, kind->tag,
		     sbx_json_get(root, kind->member), sig, err)) != 0)
		return r;
	sbx_json_add_hex(
		doc, root, "author_pubkey", sbx_key_pub(key), SBX_PUB_BYTES);
	sbx_json_add_hex(doc, root, "sig", sig, sizeof(sig));
	return SBX_OK;
}

static bool
take_hex(unsigned char *out, size_t len, const struct sbx_json *obj,
	const char *name)
{
	const char *text = sbx_json_str(obj, name);

	return text != NULL && sbx_hex_parse(out, len, text, strlen(text));
}

int
sbx_signed_open(struct sbx_signed *s, const struct sbx_signed_kind *kind,
	const struct sbx_json *root, struct sbx_err *err)
{
	if (root == NULL || root->type != SBX_JSON_OBJECT ||
		root->count != kind->members)
		return sbx_err_set(err, SBX_E_INPUT,
			"not an object of %zu members", kind->members);
	if (!take_hex(s->pub, sizeof(s->pub), root, "author_pubkey"))
		return sbx_err_set(err, SBX_E_INPUT, "author_pubkey");
	if (!take_hex(s->sig, sizeof(s->sig), root, "sig"))
		return sbx_err_set(err, SBX_E_INPUT, "sig");
	s->body = sbx_json_get(root, kind->member);
	if (s->body == NULL || s->body->type != SBX_JSON_OBJECT)
		return sbx_err_set(err, SBX_E_INPUT, "%s", kind->member);
	sbx_did_write(s->did, s->pub);
	if (!sbx_json_is(sbx_json_get(s->body, kind->did), s->did))
		return sbx_err_set(err, SBX_E_INPUT,
			"%s is not the key's name", kind->did);
	return SBX_OK;
}

size_t
sbx_signed_pair(char out[static 256], const char *tag, const char *name_a,
	const char *a, const char *name_b, const char *b)
{
	int n = snprintf(out, 256, "%s{\"%s\":\"%s\",\"%s\":\"%s\"}", tag,
		name_a, a, name_b, b);

	return n > 0 && n < 256 ? (size_t)n : 0;
}
