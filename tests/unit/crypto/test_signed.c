/* SPDX-License-Identifier: Apache-2.0 */
/* Documents that a key signs under a tag: their bytes stand for good, and what
 * is signed for one purpose serves no other. */
#include "base/base.h"
#include "json/json.h"
#include "crypto/crypto.h"
#include "record/record.h"
#include "node/node.h"
#include "crypto/signed.h"
#include "world.h"

static const struct sbx_signed_kind note = { "sbx-test/v1\n", "note", "did", 3 };
static struct sbx_key *key;

static void
setup(void)
{
	unsigned char seed[SBX_SEED_BYTES] = { 7 };

	ck_assert_int_eq(sbx_key_from_seed(seed, &key, &why), 0);
	sbx_clock_set(INT64_C(1782900000) * SBX_SECOND);
}

static void
teardown(void)
{
	sbx_key_free(key);
}

/* As written by the version before there was one room for all of them. */
static const struct {
	enum sbx_role role;
	const char *line;
} delegations[] = {
	{ SBX_ROLE_LOG,
		"{\"author_pubkey\":\"a2fa2f4a355ba2e907a53009e9e37caddf7ac7e66a08"
		"ba07631f553072b3f24c\",\"delegation\":{\"did\":\"did:plc:4e40120b7"
		"21f4d3b2353db38e447488f\",\"log_key\":\"090000000000000000000000000"
		"0000000000000000000000000000000000000\",\"since\":\"2026-07-01T10:"
		"00:00.000000+00:00\"},\"sig\":\"9f48b2608b07eab196f8f8d3e6962768"
		"67a42cb0fe2eabd5b7e48df4164f4b08d866aaad0c193f53a8c68c05b553c90601"
		"514f68f1c0953ff795d296c3e33404\"}\n" },
	{ SBX_ROLE_WITNESS,
		"{\"author_pubkey\":\"a2fa2f4a355ba2e907a53009e9e37caddf7ac7e66a08"
		"ba07631f553072b3f24c\",\"delegation\":{\"did\":\"did:plc:4e40120b7"
		"21f4d3b2353db38e447488f\",\"since\":\"2026-07-01T10:00:00.000000+00"
		":00\",\"witness_key\":\"09000000000000000000000000000000000000000000"
		"00000000000000000000\"},\"sig\":\"0f7c0c1baa2df08e9c17f16ce0788e3"
		"507f4b92e7ca9a53db6d19d1769fb42094d02cd04fcee0a906494b95e0afa2b522"
		"8895fb46f64c4be5f7ec9e59e6ee603\"}\n" },
};

START_TEST(delegations_keep_their_bytes)
{
	unsigned char delegated[SBX_PUB_BYTES] = { 9 };
	struct sbx_buf out = SBX_BUF(2048);
	struct sbx_delegation d;

	ck_assert_int_eq(sbx_delegation_write(&out, delegations[_i].role, key,
				 delegated, &why), 0);
	ck_assert_str_eq(out.data, delegations[_i].line);
	ck_assert_int_eq(sbx_delegation_parse(&d, delegations[_i].role, out.data,
				 out.len, &why), 0);
	ck_assert_int_ne(sbx_delegation_parse(&d, delegations[1 - _i].role,
				 out.data, out.len, &why), 0);
	sbx_buf_free(&out);
}
END_TEST

START_TEST(a_rotation_keeps_its_bytes)
{
	char text[256];
	size_t n = sbx_rotation_text(text, "did:plc:a", "did:plc:b");

	ck_assert_str_eq(text,
		"sbx-rotate/v1\n{\"new\":\"did:plc:a\",\"old\":\"did:plc:b\"}");
	ck_assert_uint_eq(n, strlen(text));
}
END_TEST

static struct sbx_doc *
signed_note(const char *did)
{
	struct sbx_doc *doc = sbx_doc_new();
	struct sbx_json *body =
		sbx_json_add(doc, sbx_doc_root(doc), "note", SBX_JSON_OBJECT);

	sbx_json_add_str(doc, body, "did", did);
	sbx_json_add_int(doc, body, "n", 7);
	ck_assert_int_eq(sbx_signed_close(doc, &note, key, &why), 0);
	return doc;
}

START_TEST(a_document_opens_under_its_own_tag_and_name_alone)
{
	struct sbx_doc *doc = signed_note(sbx_key_did(key));
	struct sbx_signed s;

	ck_assert_int_eq(sbx_signed_open(&s, &note, sbx_doc_root(doc), &why), 0);
	ck_assert_str_eq(s.did, sbx_key_did(key));
	ck_assert(sbx_signed_verify(s.pub, note.tag, s.body, s.sig));
	ck_assert(!sbx_signed_verify(s.pub, "sbx-other/v1\n", s.body, s.sig));
	ck_assert(!sbx_signed_verify(s.pub, "", s.body, s.sig));
	s.sig[5] ^= 1;
	ck_assert(!sbx_signed_verify(s.pub, note.tag, s.body, s.sig));
	sbx_doc_free(doc);

	doc = signed_note("did:plc:00000000000000000000000000000000");
	ck_assert_int_eq(sbx_signed_open(&s, &note, sbx_doc_root(doc), &why),
		SBX_E_INPUT);
	ck_assert_str_eq(why.text, "did is not the key's name");
	sbx_doc_free(doc);
}
END_TEST

START_TEST(a_document_has_no_other_member)
{
	struct sbx_doc *doc = signed_note(sbx_key_did(key));
	struct sbx_signed s;

	sbx_json_add_int(doc, sbx_doc_root(doc), "more", 1);
	ck_assert_int_eq(sbx_signed_open(&s, &note, sbx_doc_root(doc), &why),
		SBX_E_INPUT);
	ck_assert_str_eq(why.text, "not an object of 3 members");
	sbx_doc_free(doc);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("signed");
	TCase *t = tcase_create("signed");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_loop_test(t, delegations_keep_their_bytes, 0, 2);
	tcase_add_test(t, a_rotation_keeps_its_bytes);
	tcase_add_test(t, a_document_opens_under_its_own_tag_and_name_alone);
	tcase_add_test(t, a_document_has_no_other_member);
	suite_add_tcase(s, t);
	return finish_suite(s);
}
