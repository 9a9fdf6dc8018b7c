/* SPDX-License-Identifier: Apache-2.0 */
/* Two signatures under tags of their own: the token's, that it was handed over,
 * and the node's, that the name is the asker's own. */
#include <stdlib.h>
#include <string.h>

#include "base/base.h"
#include "json/json.h"
#include "crypto/crypto.h"
#include "crypto/signed.h"
#include "join/join.h"

#define PROOF_TAG "sbx-join-token/v1\n"

static const struct sbx_signed_kind kind = { "sbx-join/v1\n", "join", "did", 4 };

static void
add_lines(struct sbx_doc *doc, struct sbx_json *body, const char *lines)
{
	struct sbx_json *list = sbx_json_add(doc, body, "entries",
		SBX_JSON_ARRAY);
	char *copy = sbx_mem_text(lines, strlen(lines)), *save = NULL;

	for (char *l = strtok_r(copy, "\n", &save); l != NULL;
		l = strtok_r(NULL, "\n", &save))
		sbx_json_add_str(doc, list, NULL, l);
	free(copy);
}

int
sbx_join_request_make(struct sbx_buf *out, const struct sbx_join_token *t,
	const struct sbx_key *node, const char *box, const char *entries,
	struct sbx_err *err)
{
	struct sbx_doc *doc = sbx_doc_new();
	struct sbx_json *o = sbx_doc_root(doc);
	struct sbx_json *body = sbx_json_add(doc, o, "join", SBX_JSON_OBJECT);
	struct sbx_key *token = NULL, *once = NULL;
	unsigned char proof[SBX_SIG_BYTES];
	int r;

	if ((r = sbx_key_from_seed(t->seed, &token, err)) != 0 ||
		(r = sbx_join_once(t, node, &once, err)) != 0)
		goto out;
	sbx_json_add_time(doc, body, "at", sbx_clock_now());
	sbx_json_add_str(doc, body, "box", box);
	sbx_json_add_str(doc, body, "did", sbx_key_did(node));
	sbx_json_add_str(doc, body, "door", t->founder);
	if (entries != NULL)
		add_lines(doc, body, entries);
	sbx_json_add_hex(doc, body, "key", sbx_key_pub(once), SBX_PUB_BYTES);
	sbx_json_add_hex(doc, body, "token", sbx_key_pub(token), SBX_PUB_BYTES);
	if ((r = sbx_signed_make(token, PROOF_TAG, body, proof, err)) != 0 ||
		(r = sbx_signed_close(doc, &kind, node, err)) != 0)
		goto out;
	sbx_json_add_hex(doc, o, "proof", proof, sizeof(proof));
	r = sbx_canon_write(out, o, NULL, err);
out:
	sbx_key_free(token);
	sbx_key_free(once);
	sbx_doc_free(doc);
	return r;
}

static bool
take_id(const struct sbx_json *o, const char *name, char out[static SBX_ID_SIZE])
{
	const char *text = sbx_json_str(o, name);
	unsigned char raw[SBX_PUB_BYTES];

	if (text == NULL || !sbx_hex_parse(raw, sizeof(raw), text, strlen(text)))
		return false;
	memcpy(out, text, SBX_ID_SIZE);
	return true;
}

static bool
take_entries(struct sbx_join_request *q)
{
	const struct sbx_json *list = sbx_json_get(q->body, "entries");

	q->entries = list;
	if (list == NULL)
		return q->body->count == 6;
	if (q->body->count != 7 || list->type != SBX_JSON_ARRAY ||
		list->count == 0 || list->count > SBX_MAX_DOOR_ENTRIES)
		return false;
	for (const struct sbx_json *e = list->child; e != NULL; e = e->next)
		if (e->type != SBX_JSON_STRING || e->len == 0 ||
			e->len > SBX_MAX_ENTRY || strlen(e->text) != e->len ||
			strchr(e->text, '\n') != NULL)
			return false;
	return true;
}

int
sbx_join_request_parse(struct sbx_join_request *q, const char *text,
	size_t len, struct sbx_err *err)
{
	const char *at, *box, *door, *proof;
	struct sbx_signed s;
	int r;

	memset(q, 0, sizeof(*q));
	if ((r = sbx_json_parse(text, len, NULL, &q->doc, err)) != 0 ||
		(r = sbx_signed_open(&s, &kind, sbx_doc_root(q->doc), err)) != 0)
		return r;
	q->body = s.body;
	memcpy(q->did, s.did, sizeof(q->did));
	memcpy(q->pub, s.pub, sizeof(q->pub));
	memcpy(q->sig, s.sig, sizeof(q->sig));
	proof = sbx_json_str(sbx_doc_root(q->doc), "proof");
	at = sbx_json_str(s.body, "at");
	box = sbx_json_str(s.body, "box");
	door = sbx_json_str(s.body, "door");
	if (proof == NULL || at == NULL || box == NULL || door == NULL ||
		!sbx_hex_parse(q->proof, sizeof(q->proof), proof, strlen(proof)) ||
		!sbx_time_parse(&q->at, at, strlen(at)) || !sbx_name_check(box) ||
		!sbx_did_check(door, strlen(door)) ||
		!take_id(s.body, "key", q->key) ||
		!take_id(s.body, "token", q->token) || !take_entries(q))
		return sbx_err_set(err, SBX_E_INPUT, "not a request");
	memcpy(q->box, box, strlen(box) + 1);
	return SBX_OK;
}

int
sbx_join_request_verify(const struct sbx_join_request *q, struct sbx_err *err)
{
	unsigned char token[SBX_PUB_BYTES];

	if (!sbx_hex_parse(token, sizeof(token), q->token, strlen(q->token)) ||
		!sbx_signed_verify(token, PROOF_TAG, q->body, q->proof))
		return sbx_err_set(err, SBX_E_NO,
			"the token's signature does not hold");
	if (!sbx_signed_verify(q->pub, kind.tag, q->body, q->sig))
		return sbx_err_set(err, SBX_E_NO,
			"the node's signature does not hold");
	return SBX_OK;
}

void
sbx_join_request_free(struct sbx_join_request *q)
{
	sbx_doc_free(q->doc);
	memset(q, 0, sizeof(*q));
}
