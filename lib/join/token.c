/* SPDX-License-Identifier: Apache-2.0 */
/* The token says where the door is and by which key to know it, so that no
 * third party, certificate authority or name service is asked. */
#include <string.h>

#include "base/base.h"
#include "json/json.h"
#include "crypto/crypto.h"
#include "join/join.h"

#define SUM 4 /* bytes of hash behind it, which tell a damaged token */
#define MAX_RAW 1024
#define PIN "sha256//"

int
sbx_join_token_write(const struct sbx_join_token *t, struct sbx_buf *out,
	struct sbx_err *err)
{
	struct sbx_buf raw = SBX_BUF(MAX_RAW);
	struct sbx_doc *doc = sbx_doc_new();
	struct sbx_json *o = sbx_doc_root(doc);
	unsigned char sum[SBX_HASH_BYTES];
	int r;

	if (t->has_bundle)
		sbx_json_add_hex(doc, o, "bundle", t->bundle, SBX_HASH_BYTES);
	sbx_json_add_str(doc, o, "door", t->url);
	sbx_json_add_str(doc, o, "founder", t->founder);
	sbx_json_add_str(doc, o, "mode", t->ask ? "ask" : "auto");
	sbx_json_add_str(doc, o, "pin", t->pin + strlen(PIN));
	sbx_json_add_hex(doc, o, "seed", t->seed, SBX_SEED_BYTES);
	if ((r = sbx_canon_write(&raw, o, NULL, err)) == 0) {
		sbx_hash_b2(sum, raw.data, raw.len);
		sbx_buf_add(&raw, sum, SUM);
		sbx_buf_str(out, SBX_JOIN_PREFIX);
		sbx_b64url_write(out, raw.data, raw.len);
		if (raw.over || out->over)
			r = sbx_err_set(err, SBX_E_USAGE, "the token is too long");
	}
	sbx_doc_free(doc);
	sbx_buf_free(&raw);
	return r;
}

static bool
take_text(const struct sbx_json *o, const char *name, char *out, size_t size)
{
	const char *text = sbx_json_str(o, name);

	if (text == NULL || strlen(text) >= size)
		return false;
	memcpy(out, text, strlen(text) + 1);
	return true;
}

static bool
take_hex(const struct sbx_json *o, const char *name, unsigned char *out)
{
	const char *text = sbx_json_str(o, name);

	return text != NULL &&
	       sbx_hex_parse(out, SBX_HASH_BYTES, text, strlen(text));
}

static bool
take_pin(const struct sbx_json *o, char pin[static SBX_PIN_SIZE])
{
	unsigned char hash[32];

	memcpy(pin, PIN, strlen(PIN) + 1);
	return take_text(o, "pin", pin + strlen(PIN),
		       SBX_PIN_SIZE - strlen(PIN)) &&
	       sbx_wgkey_parse(hash, pin + strlen(PIN),
		       strlen(pin + strlen(PIN)));
}

/* Exactly the fields that there are. */
static bool
take(struct sbx_join_token *t, const struct sbx_json *o)
{
	const struct sbx_json *mode = sbx_json_get(o, "mode");

	t->ask = sbx_json_is(mode, "ask");
	t->has_bundle = sbx_json_get(o, "bundle") != NULL;
	return (t->ask || sbx_json_is(mode, "auto")) &&
	       o->count == (t->has_bundle ? 6 : 5) &&
	       (!t->has_bundle || take_hex(o, "bundle", t->bundle)) &&
	       take_text(o, "door", t->url, sizeof(t->url)) &&
	       strncmp(t->url, "https://", 8) == 0 && sbx_url_check(t->url) &&
	       t->url[strlen(t->url) - 1] == '/' &&
	       take_text(o, "founder", t->founder, sizeof(t->founder)) &&
	       sbx_did_check(t->founder, strlen(t->founder)) &&
	       take_pin(o, t->pin) && take_hex(o, "seed", t->seed);
}

static int
no_token(const char *text, struct sbx_err *err)
{
	if (strncmp(text, "sbx1.", 5) == 0) {
		sbx_err_set(err, SBX_E_INPUT,
			"an invitation, not a token for a door");
		sbx_err_hint(err, "sbx-member accept takes it");
	} else {
		sbx_err_set(err, SBX_E_INPUT,
			"not a token for a door: it begins with %.12s", text);
		sbx_err_hint(err, "take the whole line, %s and on, that "
			"sbx-join open printed", SBX_JOIN_PREFIX);
	}
	return SBX_E_INPUT;
}

int
sbx_join_token_parse(
	struct sbx_join_token *t, const char *text, struct sbx_err *err)
{
	size_t skip = strlen(SBX_JOIN_PREFIX);
	struct sbx_buf raw = SBX_BUF(MAX_RAW);
	unsigned char sum[SBX_HASH_BYTES];
	struct sbx_doc *doc = NULL;
	int r = SBX_OK;

	memset(t, 0, sizeof(*t));
	if (strncmp(text, SBX_JOIN_PREFIX, skip) != 0)
		return no_token(text, err);
	if (!sbx_b64url_parse(&raw, text + skip, strlen(text) - skip) ||
		raw.len <= SUM) {
		r = sbx_err_set(err, SBX_E_INPUT,
			"the token was changed or cut on its way");
		goto out;
	}
	sbx_hash_b2(sum, raw.data, raw.len - SUM);
	if (memcmp(sum, raw.data + raw.len - SUM, SUM) != 0)
		r = sbx_err_set(err, SBX_E_INPUT,
			"the token was changed or cut on its way");
	else if (sbx_json_parse(raw.data, raw.len - SUM, NULL, &doc, err) != 0 ||
		sbx_doc_root(doc)->type != SBX_JSON_OBJECT ||
		!take(t, sbx_doc_root(doc)))
		r = sbx_err_set(err, SBX_E_INPUT,
			"not a token that this version understands");
out:
	if (r != 0) {
		sbx_err_hint(err, "take the whole line that sbx-join open "
			"printed");
		sbx_join_token_clear(t);
	}
	sbx_doc_free(doc);
	sbx_buf_free(&raw);
	return r;
}

void
sbx_join_token_clear(struct sbx_join_token *t)
{
	explicit_bzero(t, sizeof(*t));
}

int
sbx_join_once(const struct sbx_join_token *t, const struct sbx_key *node,
	struct sbx_key **once, struct sbx_err *err)
{
	static const char tag[] = "sbx-join-once/v1\n";
	unsigned char text[sizeof(tag) - 1 + 2 * SBX_SEED_BYTES];
	unsigned char seed[SBX_HASH_BYTES];
	int r;

	memcpy(text, tag, sizeof(tag) - 1);
	memcpy(text + sizeof(tag) - 1, t->seed, SBX_SEED_BYTES);
	memcpy(text + sizeof(tag) - 1 + SBX_SEED_BYTES, sbx_key_seed(node),
		SBX_SEED_BYTES);
	sbx_hash_b2(seed, text, sizeof(text));
	r = sbx_key_from_seed(seed, once, err);
	explicit_bzero(seed, sizeof(seed));
	explicit_bzero(text, sizeof(text));
	return r;
}
