/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A subscriber's request for a grant: made on one side, judged on the other.
 * What is signed names provider, service, subscriber, subscription and a nonce
 * of the provider's, under a tag of its own, so it serves nobody else, nothing
 * else and no second time.
 */
#include <stdlib.h>
#include <string.h>

#include "base/base.h"
#include "json/json.h"
#include "crypto/crypto.h"
#include "record/record.h"
#include "node/node.h"
#include "lend/lend.h"
#include "crypto/signed.h"

/* Beside what is signed the document carries the subscription's entry. */
static const struct sbx_signed_kind form = { "sbx-grant/v1\n", "request",
	"subscriber", 4 };

static int
bad(struct sbx_err *err, const char *what)
{
	return sbx_err_set(err, SBX_E_INPUT, "bad request: %s", what);
}

/* ---- the subscriber's side ---- */

/* An entry as a member of another document, without parsing its line again. */
static int
add_entry(struct sbx_doc *doc, struct sbx_json *obj, const struct sbx_entry *e,
	struct sbx_err *err)
{
	struct sbx_buf line = SBX_BUF(SBX_MAX_ENTRY);
	struct sbx_doc *parsed;
	int r;

	sbx_entry_line(e, &line);
	r = sbx_json_parse(sbx_buf_text(&line), line.len, NULL, &parsed, err);
	if (r == 0) {
		sbx_json_add_copy(
			doc, obj, "subscription", sbx_doc_root(parsed));
		sbx_doc_free(parsed);
	}
	sbx_buf_free(&line);
	return r;
}

int
sbx_request_make(const struct sbx_key *key,
	const unsigned char nonce[static SBX_NONCE_BYTES], const char *provider,
	const struct sbx_entry *sub, struct sbx_buf *body, struct sbx_err *err)
{
	const char *service = sbx_json_str(sub->payload, "service_id");
	const char *id = sbx_json_str(sub->payload, "subscription_id");
	struct sbx_doc *doc = sbx_doc_new();
	struct sbx_json *root = sbx_doc_root(doc), *request;
	int r;

	if (service == NULL || id == NULL ||
		strcmp(sub->author, sbx_key_did(key)) != 0) {
		r = sbx_err_set(
			err, SBX_E_USAGE, "not a subscription of this key");
		goto out;
	}
	request = sbx_json_add(doc, root, "request", SBX_JSON_OBJECT);
	sbx_json_add_hex(doc, request, "nonce", nonce, SBX_NONCE_BYTES);
	sbx_json_add_str(doc, request, "provider", provider);
	sbx_json_add_str(doc, request, "service_id", service);
	sbx_json_add_str(doc, request, "subscriber", sub->author);
	sbx_json_add_str(doc, request, "subscription_id", id);
	if ((r = sbx_signed_close(doc, &form, key, err)) == 0 &&
		(r = add_entry(doc, root, sub, err)) == 0)
		r = sbx_canon_write(body, root, NULL, err);
	if (r == 0 && body->over)
		r = bad(err, "too long");
out:
	sbx_doc_free(doc);
	return r;
}

int
sbx_request_nonce(const char *text, size_t len,
	unsigned char nonce[static SBX_NONCE_BYTES], struct sbx_err *err)
{
	const char *hex = NULL;
	struct sbx_doc *doc;
	int r;

	if ((r = sbx_json_parse(text, len, NULL, &doc, err)) != 0) {
		sbx_err_at(err, "provider's answer");
		return r;
	}
	hex = sbx_json_str(sbx_doc_root(doc), "nonce");
	if (hex == NULL ||
		!sbx_hex_parse(nonce, SBX_NONCE_BYTES, hex, strlen(hex)))
		r = sbx_err_set(
			err, SBX_E_INPUT, "provider's answer: no nonce in it");
	sbx_doc_free(doc);
	return r;
}

/* Whose word it is must show: the reason is the provider's. */
static int
refused(int http, const struct sbx_doc *doc, struct sbx_err *err)
{
	const char *why = NULL;

	if (doc != NULL)
		why = sbx_json_str(sbx_doc_root(doc), "error");
	return sbx_err_set(err, http >= 500 ? SBX_E_SYS : SBX_E_NO,
		"the provider says %d: %.200s", http,
		why != NULL ? why : "no reason given");
}

/* The address and port that are opened are those the offer names, or the
 * answer is about something else. */
static int
check_answer(const struct sbx_json *answer, const struct sbx_json *offer,
	struct sbx_err *err)
{
	static const char *const same[] = { "service_id", "endpoint", NULL };
	const struct sbx_json *macro = sbx_json_get(offer, "macro");
	const char *kind;
	int64_t us, ttl;

	for (size_t i = 0; same[i] != NULL; i++) {
		const char *ours = sbx_json_str(offer, same[i]);

		if (ours == NULL ||
			!sbx_json_is(sbx_json_get(answer, same[i]), ours))
			return sbx_err_set(err, SBX_E_INPUT,
				"provider's answer: another %s than the "
				"offer's",
				same[i]);
	}
	kind = macro != NULL ? sbx_json_str(macro, "kind") : NULL;
	if (kind == NULL || !sbx_json_is(sbx_json_get(answer, "kind"), kind))
		return sbx_err_set(err, SBX_E_INPUT,
			"provider's answer: another kind than the offer's");
	if (!sbx_json_time(answer, "until", &us) ||
		!sbx_json_int(sbx_json_get(answer, "ttl"), SBX_MIN_TTL,
			SBX_MAX_TTL, &ttl))
		return sbx_err_set(
			err, SBX_E_INPUT, "provider's answer: no time to live");
	return 0;
}

int
sbx_request_answer(int http, const char *text, size_t len,
	const struct sbx_json *offer, struct sbx_doc **doc, struct sbx_err *err)
{
	struct sbx_doc *parsed = NULL;
	int r;

	r = sbx_json_parse(text, len, NULL, &parsed, err);
	if (http != 200) {
		r = refused(http, parsed, err);
	} else if (r != 0) {
		sbx_err_at(err, "provider's answer");
	} else if ((r = check_answer(sbx_doc_root(parsed), offer, err)) == 0) {
		*doc = parsed;
		parsed = NULL; /* transferred */
	}
	sbx_doc_free(parsed);
	return r;
}

/* ---- the provider's side ---- */

static bool
take(char *out, size_t size, const struct sbx_json *obj, const char *name)
{
	const char *text = sbx_json_str(obj, name);

	if (text == NULL || strlen(text) != size - 1)
		return false;
	memcpy(out, text, size);
	return true;
}

static bool
take_hex(unsigned char *out, size_t len, const struct sbx_json *obj,
	const char *name)
{
	const char *text = sbx_json_str(obj, name);

	return text != NULL && sbx_hex_parse(out, len, text, strlen(text));
}

/* A DID or an identifier, which go on into an argv: exactly their alphabet. */
static int
parse_request(struct sbx_request *g, const struct sbx_json *request,
	struct sbx_err *err)
{
	unsigned char id[SBX_HASH_BYTES];

	if (request->count != 5)
		return bad(err, "request");
	if (!take_hex(g->nonce, sizeof(g->nonce), request, "nonce"))
		return bad(err, "nonce");
	if (!take(g->provider, sizeof(g->provider), request, "provider") ||
		!sbx_did_check(g->provider, strlen(g->provider)))
		return bad(err, "provider");
	if (!take(g->service, sizeof(g->service), request, "service_id") ||
		!take_hex(id, sizeof(id), request, "service_id"))
		return bad(err, "service_id");
	if (!take(g->subscription, sizeof(g->subscription), request,
		    "subscription_id") ||
		!take_hex(id, sizeof(id), request, "subscription_id"))
		return bad(err, "subscription_id");
	return sbx_signed_text(&g->text, form.tag, request, err);
}

static int
parse_subscription(struct sbx_request *g, const struct sbx_json *entry,
	struct sbx_err *err)
{
	struct sbx_buf line = SBX_BUF(SBX_MAX_ENTRY);
	int r;

	if (entry == NULL || entry->type != SBX_JSON_OBJECT)
		return bad(err, "subscription");
	if ((r = sbx_canon_write(&line, entry, NULL, err)) == 0 && line.over)
		r = bad(err, "too long");
	if (r == 0)
		r = sbx_entry_parse(line.data, line.len, &g->sub, err);
	sbx_buf_free(&line);
	if (r != 0) {
		sbx_err_at(err, "subscription");
		return r;
	}
	if (strcmp(g->sub->rec->type, "Subscription") != 0 ||
		strcmp(g->sub->author, g->subscriber) != 0 ||
		memcmp(g->sub->pub, g->pub, sizeof(g->pub)) != 0 ||
		!sbx_json_is(sbx_json_get(g->sub->payload, "service_id"),
			g->service) ||
		!sbx_json_is(sbx_json_get(g->sub->payload, "subscription_id"),
			g->subscription))
		return bad(err, "the subscription is another one");
	return 0;
}

int
sbx_request_parse(const char *text, size_t len, struct sbx_request **out,
	struct sbx_err *err)
{
	struct sbx_request *g = sbx_mem_alloc(1, sizeof(*g));
	struct sbx_doc *doc = NULL;
	struct sbx_signed s;
	int r;

	g->text.max = SBX_MAX_ENTRY;
	if ((r = sbx_json_parse(text, len, NULL, &doc, err)) != 0)
		goto out;
	if ((r = sbx_signed_open(&s, &form, sbx_doc_root(doc), err)) != 0) {
		sbx_err_at(err, "bad request");
		goto out;
	}
	memcpy(g->pub, s.pub, sizeof(g->pub));
	memcpy(g->sig, s.sig, sizeof(g->sig));
	memcpy(g->subscriber, s.did, sizeof(g->subscriber));
	if ((r = parse_request(g, s.body, err)) == 0)
		r = parse_subscription(g,
			sbx_json_get(sbx_doc_root(doc), "subscription"), err);
out:
	sbx_doc_free(doc);
	if (r == 0)
		*out = g;
	else
		sbx_request_free(g);
	return r;
}

void
sbx_request_free(struct sbx_request *g)
{
	if (g == NULL)
		return;
	sbx_entry_free(g->sub);
	sbx_buf_free(&g->text);
	free(g);
}

int
sbx_request_verify(const struct sbx_request *g, struct sbx_err *err)
{
	int r;

	if (!sbx_key_verify(g->pub, g->text.data, g->text.len, g->sig))
		return sbx_err_set(err, SBX_E_NO,
			"%s: bad signature on the request", g->subscriber);
	if ((r = sbx_entry_verify(g->sub, err)) != 0)
		sbx_err_at(err, "%s: subscription", g->subscriber);
	return r;
}
