/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"
#include "json/json.h"
#include "crypto/crypto.h"
#include "record/record.h"
#include "ledger/ledger.h"
#include "world.h"

static struct sbx_entry *
offer(void)
{
	struct sbx_key *key = key_of(1);
	struct sbx_entry *e = sign(key, "service_offer", NULL,
		"{\"service_id\":\"%064d\",\"name\":\"Tor \\u00e9t\\u00e9\","
		"\"kind\":\"tor-exit\",\"endpoint\":\"10.10.0.1:9050\","
		"\"scope\":{\"prio\":0},\"approval_mode\":\"auto\","
		"\"description\":\"\",\"macro\":{\"kind\":\"tor-exit\","
		"\"params\":{\"port\":9050,\"label\":\"x\",\"fast\":true}},"
		"\"created_at\":\"%s\"}", 7, at(0));

	sbx_key_free(key);
	return e;
}

START_TEST(a_line_reads_back_as_it_was_written)
{
	struct sbx_buf a = SBX_BUF(SBX_MAX_ENTRY), b = SBX_BUF(SBX_MAX_ENTRY);
	struct sbx_entry *e = offer(), *again = NULL;

	sbx_entry_line(e, &a);
	ck_assert_int_eq(sbx_entry_parse(a.data, a.len, &again, &why), 0);
	ck_assert_int_eq(sbx_entry_verify(again, &why), 0);
	sbx_entry_line(again, &b);
	ck_assert_str_eq(a.data, b.data);
	ck_assert_mem_eq(e->id, again->id, SBX_HASH_BYTES);
	ck_assert_int_eq(e->time, T0);
	sbx_entry_free(e);
	sbx_entry_free(again);
	sbx_buf_free(&a);
	sbx_buf_free(&b);
}
END_TEST

/* Whatever byte of a line changes, it is refused, or says the same: the only
 * bytes that may change without notice do not exist. */
/* I7 */
START_TEST(any_changed_byte_is_refused)
{
	struct sbx_buf line = SBX_BUF(SBX_MAX_ENTRY);
	struct sbx_entry *e = offer(), *x = NULL;

	sbx_entry_line(e, &line);
	for (size_t i = 0; i < line.len; i++) {
		line.data[i] ^= 1;
		ck_assert_msg(sbx_entry_parse(line.data, line.len, &x, &why) != 0 ||
				sbx_entry_verify(x, &why) != 0,
			"byte %zu may change: %s", i, line.data);
		sbx_entry_free(x);
		x = NULL;
		line.data[i] ^= 1;
	}
	sbx_entry_free(e);
	sbx_buf_free(&line);
}
END_TEST

/* what is replaced in the offer's line, by what, and why it is refused */
static const struct {
	const char *from, *to, *reason;
} hostile[] = {
	{ "\"sig\":\"", "\"sig\":\"0", "sig is not 128 characters long" },
	{ "\"author\":\"did:plc:", "\"author\":\"did:web:", "author is not a did" },
	{ "\"op\":\"service_offer\"", "\"op\":\"reboot\"", "unknown op reboot" },
	{ "\"op\":\"service_offer\"", "\"op\":\"revoke\"",
		"op revoke does not carry ServiceOffer" },
	{ "\"payload_type\":\"ServiceOffer\"", "\"payload_type\":\"Identity\"",
		"op service_offer does not carry Identity" },
	{ "\"payload_type\":\"ServiceOffer\"", "\"payload_type\":\"Offer\"",
		"unknown payload_type Offer" },
	{ "\"op\":", "\"seq\":1,\"op\":", "unknown member seq" },
	{ "\"op\":\"service_offer\",", "", "op is missing" },
	{ "\"description\":\"\",", "",
		"ServiceOffer: field description is missing" },
	{ "\"description\":\"\"", "\"description\":7",
		"ServiceOffer: field description has a wrong value" },
	{ "\"description\":", "\"shell\":\"rm\",\"description\":",
		"ServiceOffer: unknown field shell" },
	{ "\"approval_mode\":\"auto\"", "\"approval_mode\":\"always\"",
		"ServiceOffer: field approval_mode has a wrong value" },
	{ "\"macro\":{\"kind\":\"tor-exit\"", "\"macro\":{\"kind\":\"../evil\"",
		"ServiceOffer: field macro has a wrong value" },
	{ "\"fast\":true", "\"fast\":[1]",
		"ServiceOffer: field macro has a wrong value" },
	{ "\"prio\":0", "\"prio\":0.5",
		"ServiceOffer: field scope has a wrong value" },
	{ "2026-07-01T10:00", "2026-13-01T10:00",
		"ServiceOffer: field created_at has a wrong value" },
	{ "\"prio\":0", "\"prio\":1", "bad signature" },
};

START_TEST(each_fault_has_its_own_reason)
{
	struct sbx_buf line = SBX_BUF(SBX_MAX_ENTRY), bad = SBX_BUF(SBX_MAX_ENTRY);
	struct sbx_entry *e = offer(), *x = NULL;
	const char *spot;
	int r;

	sbx_entry_line(e, &line);
	spot = strstr(line.data, hostile[_i].from);
	ck_assert_msg(spot != NULL, "not in the line: %s", hostile[_i].from);
	sbx_buf_add(&bad, line.data, (size_t)(spot - line.data));
	sbx_buf_str(&bad, hostile[_i].to);
	sbx_buf_str(&bad, spot + strlen(hostile[_i].from));
	r = sbx_entry_parse(bad.data, bad.len, &x, &why);
	if (r == 0)
		r = sbx_entry_verify(x, &why);
	ck_assert_int_eq(r, SBX_E_INPUT);
	ck_assert_str_eq(why.text, hostile[_i].reason);
	sbx_entry_free(x);
	sbx_entry_free(e);
	sbx_buf_free(&line);
	sbx_buf_free(&bad);
}
END_TEST

/* I7 */
START_TEST(nobody_signs_in_anothers_name)
{
	struct sbx_key *key = key_of(1), *other = key_of(2);
	struct sbx_doc *doc = NULL;
	struct sbx_entry *e = NULL;
	char text[512];

	snprintf(text, sizeof(text), "{\"revoker\":\"%s\",\"revocation_id\":"
		"\"%064d\",\"target\":\"%s\",\"scope\":\"self\","
		"\"cascade_depth\":0,\"reason\":\"\"}", sbx_key_did(other), 1,
		sbx_key_did(other));
	ck_assert_int_eq(sbx_json_parse(text, strlen(text), NULL, &doc, &why), 0);
	ck_assert_int_eq(sbx_entry_make(key, "revoke", NULL, sbx_doc_root(doc),
				 &e, &why), SBX_E_INPUT);
	ck_assert_str_eq(why.text, "RevocationNotice: revoker is not the author");
	sbx_doc_free(doc);
	sbx_key_free(key);
	sbx_key_free(other);
}
END_TEST

START_TEST(an_acceptance_needs_the_tokens_key)
{
	struct sbx_key *founder = key_of(1), *guest = key_of(2), *thief = key_of(3);
	struct sbx_key *once = key_of(9);
	struct sbx_entry *e = accept_invite(guest, once, sbx_key_did(founder), 5);
	struct sbx_doc *doc = sbx_doc_new();
	struct sbx_entry *x = NULL;

	/* The thief saw the guest's acceptance in the log and copies its proof. */
	for (const struct sbx_json *c = e->payload->child; c != NULL; c = c->next)
		if (strcmp(c->key, "invitee") != 0)
			sbx_json_add_copy(doc, sbx_doc_root(doc), c->key, c);
	ck_assert_int_eq(sbx_entry_make(thief, "invite_accept", "InviteAccept",
				 sbx_doc_root(doc), &x, &why), SBX_E_INPUT);
	ck_assert_str_eq(why.text,
		"InviteAccept: proof is not by the invitation's key");
	sbx_doc_free(doc);
	sbx_entry_free(e);
	sbx_key_free(founder);
	sbx_key_free(guest);
	sbx_key_free(thief);
	sbx_key_free(once);
}
END_TEST

/* What is in the log cannot be called back. */
START_TEST(a_private_key_is_not_signed_away)
{
	static const char *const forms[] = { "", "a ",
		"-----BEGIN OPENSSH PRIVATE KEY-----\\n", "BEGIN PUBLIC KEY-----" };
	struct sbx_key *key = key_of(1);
	char hex[2 * SBX_SEED_BYTES + 1], what[120], text[400];
	struct sbx_entry *e = NULL;
	struct sbx_doc *doc;

	sbx_hex_write(hex, sbx_key_seed(key), SBX_SEED_BYTES);
	snprintf(what, sizeof(what), "%s%s", forms[_i], _i < 2 ? hex : "");
	snprintf(text, sizeof(text), "{\"config_id\":\"c\",\"scope\":\"s\","
		"\"version\":1,\"content_hash\":\"%064d\",\"payload\":{\"a\":"
		"[\"%s\"]},\"payload_uri\":null,\"valid_until\":null}", 0, what);
	ck_assert_int_eq(sbx_json_parse(text, strlen(text), NULL, &doc, &why), 0);
	ck_assert_int_eq(sbx_entry_make(key, "config_publish", NULL,
		sbx_doc_root(doc), &e, &why), _i < 3 ? SBX_E_INPUT : 0);
	if (_i < 3) {
		ck_assert_str_eq(why.text, "payload holds a private key");
		ck_assert_ptr_null(strstr(why.text, hex));
	}
	sbx_entry_free(e);
	sbx_doc_free(doc);
	sbx_key_free(key);
}
END_TEST

/* The order of the group, little-endian. */
static const unsigned char order[32] = { 0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63,
	0x12, 0x58, 0xd6, 0x9c, 0xf7, 0xa2, 0xde, 0xf9, 0xde, 0x14,
	[31] = 0x10 };

/* Keys of small order, in both their forms: under one of them a signature of
 * one text holds for any. */
static const struct {
	unsigned char first, middle, last;
} small[] = { { 0, 0, 0 }, { 1, 0, 0 }, { 0xec, 0xff, 0x7f }, { 0, 0, 0x80 },
	{ 1, 0, 0x80 }, { 0xec, 0xff, 0xff }, { 0xed, 0xff, 0x7f },
	{ 0xee, 0xff, 0x7f }, { 0xed, 0xff, 0xff }, { 0xee, 0xff, 0xff } };

/* Verifiers disagree about these: every node must refuse them alike. */
START_TEST(what_verifiers_disagree_about_is_refused)
{
	unsigned char pub[SBX_PUB_BYTES], sig[SBX_SIG_BYTES] = { 1 };
	struct sbx_key *key = key_of(1);
	unsigned carry = 0;

	for (size_t i = 0; i < sizeof(small) / sizeof(small[0]); i++) {
		memset(pub, small[i].middle, sizeof(pub));
		pub[0] = small[i].first;
		pub[31] = small[i].last;
		/* R the neutral element, S zero: S*B = R + h*A where h*A is. */
		for (int text = 0; text < 64; text++)
			ck_assert_msg(!sbx_key_verify(pub, &text, 1, sig),
				"key %zu", i);
	}
	/* The same signature with the order added to S. */
	ck_assert_int_eq(sbx_key_sign(key, "x", 1, sig, &why), 0);
	ck_assert(sbx_key_verify(sbx_key_pub(key), "x", 1, sig));
	for (int i = 0; i < 32; i++) {
		carry += sig[32 + i] + order[i];
		sig[32 + i] = (unsigned char)carry;
		carry >>= 8;
	}
	ck_assert(!sbx_key_verify(sbx_key_pub(key), "x", 1, sig));
	sbx_key_free(key);
}
END_TEST

/* A config with so many bytes in it; its line, whoever it is signed by. */
static int
line_of(const struct sbx_key *key, size_t filler, struct sbx_buf *line)
{
	struct sbx_doc *doc = sbx_doc_new();
	struct sbx_json *p = sbx_doc_root(doc);
	struct sbx_entry *e = NULL;
	char *text = sbx_mem_alloc(filler + 1, 1);
	int r;

	memset(text, 'x', filler);
	sbx_json_add_str(doc, p, "config_id", "c");
	sbx_json_add_str(doc, p, "scope", "s");
	sbx_json_add_int(doc, p, "version", 1);
	sbx_json_add_hex(doc, p, "content_hash", sbx_key_pub(key), 32);
	sbx_json_add(doc, p, "payload_uri", SBX_JSON_NULL);
	sbx_json_add(doc, p, "valid_until", SBX_JSON_NULL);
	sbx_json_add_str(doc, p, "payload", text);
	sbx_buf_clear(line);
	r = sbx_entry_make(key, "config_publish", NULL, p, &e, &why);
	if (r == 0)
		sbx_entry_line(e, line);
	sbx_entry_free(e);
	sbx_doc_free(doc);
	free(text);
	return r;
}

/* I2: to the byte, for what is signed here and for what comes in. */
START_TEST(an_entry_is_at_most_its_limit)
{
	struct sbx_buf line = SBX_BUF(SBX_MAX_LINE), more = SBX_BUF(SBX_MAX_LINE);
	struct sbx_key *key = key_of(1);
	struct sbx_entry *e = NULL;
	size_t fits, at_x;

	ck_assert_int_eq(line_of(key, 1, &line), 0);
	fits = 1 + SBX_MAX_ENTRY - line.len;
	ck_assert_int_eq(line_of(key, fits + 1, &line), SBX_E_INPUT);
	ck_assert_int_eq(line_of(key, fits, &line), 0);
	ck_assert_uint_eq(line.len, SBX_MAX_ENTRY);
	ck_assert_int_eq(sbx_entry_parse(line.data, line.len, &e, &why), 0);
	sbx_entry_free(e);
	e = NULL;
	/* Spaces that its canonical form has not do not count; */
	sbx_buf_add(&more, line.data, line.len);
	sbx_buf_str(&more, "    ");
	ck_assert_int_eq(sbx_entry_parse(more.data, more.len, &e, &why), 0);
	sbx_entry_free(e);
	e = NULL;
	/* a byte that it has does. */
	at_x = (size_t)(strstr(line.data, "xxx") - line.data);
	sbx_buf_clear(&more);
	sbx_buf_add(&more, line.data, at_x);
	sbx_buf_str(&more, "x");
	sbx_buf_add(&more, line.data + at_x, line.len - at_x);
	ck_assert_int_eq(sbx_entry_parse(more.data, more.len, &e, &why),
		SBX_E_INPUT);
	ck_assert_ptr_nonnull(strstr(why.text, "longer than"));
	sbx_buf_free(&line);
	sbx_buf_free(&more);
	sbx_key_free(key);
}
END_TEST

/* A payload with so many members more, or so deep, in canonical form. */
static void
payload_of(const struct sbx_key *key, int members, int depth, struct sbx_buf *out)
{
	sbx_buf_clear(out);
	sbx_buf_fmt(out, "{\"config_id\":\"c\",\"content_hash\":\"%064d\","
		"\"payload\":{", 0);
	for (int i = 0; i < members; i++)
		sbx_buf_fmt(out, "%s\"k%04d\":0", i > 0 ? "," : "", i);
	sbx_buf_fmt(out, "%s\"x\":", members > 0 ? "," : "");
	for (int i = 0; i < depth; i++)
		sbx_buf_str(out, "[");
	for (int i = 0; i < depth; i++)
		sbx_buf_str(out, "]");
	sbx_buf_fmt(out, "%s},\"payload_uri\":null,\"publisher\":\"%s\","
		"\"scope\":\"s\",\"valid_from\":\"%s\",\"valid_until\":null,"
		"\"version\":1}", depth > 0 ? "" : "0", sbx_key_did(key), at(0));
}

/* I2: what was taken as a line is read as a row, and nothing else is. */
START_TEST(a_row_is_held_to_the_limits_of_its_line)
{
	struct sbx_buf payload = SBX_BUF(SBX_MAX_LINE);
	struct sbx_buf line = SBX_BUF(SBX_MAX_LINE);
	static const unsigned char sig[SBX_SIG_BYTES];
	struct sbx_key *key = key_of(1);
	struct sbx_row row = { .author = sbx_key_did(key), .pub = sbx_key_pub(key),
		.op = "config_publish", .type = "ConfigBlob", .sig = sig };
	struct sbx_entry *e;
	int taken = 0, r;

	for (int i = 0; i < 30; i++) {
		payload_of(key, i < 20 ? SBX_MAX_KEYS - 26 + i : 0,
			i < 20 ? 0 : SBX_MAX_DEPTH - 7 + i - 20, &payload);
		row.payload = payload.data;
		row.payloadlen = payload.len;
		sbx_buf_clear(&line);
		sbx_row_line(&row, &line);
		e = NULL;
		r = sbx_entry_parse(line.data, line.len, &e, &why);
		sbx_entry_free(e);
		e = NULL;
		ck_assert_msg(sbx_row_entry(&row, &e, &why) == r, "%d: %d %s", i,
			r, why.text);
		sbx_entry_free(e);
		taken += r == 0;
	}
	ck_assert_int_gt(taken, 10);
	ck_assert_int_lt(taken, 20);
	sbx_buf_free(&payload);
	sbx_buf_free(&line);
	sbx_key_free(key);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("entry");
	TCase *t = tcase_create("entry");

	tcase_add_test(t, a_line_reads_back_as_it_was_written);
	tcase_add_test(t, any_changed_byte_is_refused);
	tcase_add_loop_test(t, each_fault_has_its_own_reason, 0,
		sizeof(hostile) / sizeof(hostile[0]));
	tcase_add_test(t, nobody_signs_in_anothers_name);
	tcase_add_test(t, an_acceptance_needs_the_tokens_key);
	tcase_add_test(t, what_verifiers_disagree_about_is_refused);
	tcase_add_loop_test(t, a_private_key_is_not_signed_away, 0, 4);
	tcase_add_test(t, an_entry_is_at_most_its_limit);
	tcase_add_test(t, a_row_is_held_to_the_limits_of_its_line);
	suite_add_tcase(s, t);
	return finish_suite(s);
}
