/* SPDX-License-Identifier: Apache-2.0 */
/* Lines without their author's key, as older nodes export what they hold no
 * Identity of. */
#include "base/base.h"
#include "crypto/crypto.h"
#include "record/record.h"
#include "ledger/ledger.h"
#include "import.h"

static struct sbx_key *them;

static void
setup(void)
{
	sbx_clock_set(T0 + INT64_C(86400000000));
	them = key_of(2);
	logh = new_log();
	sbx_buf_clear(&in);
}

static void
teardown(void)
{
	remove_log(logh);
	sbx_key_free(them);
	sbx_buf_free(&in);
}

static struct sbx_entry *
word(int n)
{
	return sign(them, "config_revoke", NULL, "{\"config_id\":\"%d\","
		"\"revoked_at\":\"%s\"}", n, at(n));
}

/* What was put last, without the key. */
static void
forget_key(void)
{
	static const char name[] = "\"author_pubkey\":";
	char *line = in.data, *key, *next;

	while ((next = strchr(line, '\n')) != NULL && next[1] != '\0')
		line = next + 1;
	key = strstr(line, name) + sizeof(name) - 1;
	memmove(key + 4, key + 2 * SBX_PUB_BYTES + 2,
		strlen(key + 2 * SBX_PUB_BYTES + 2) + 1);
	memcpy(key, "null", 4);
	in.len = strlen(in.data);
}

static void
verified(int64_t entries)
{
	unsigned char head[SBX_HASH_BYTES];
	int64_t bad = 0, n;

	ck_assert_msg(sbx_log_check(logh, &bad, &why) == 0, "%lld: %s",
		(long long)bad, why.text);
	ck_assert_int_eq(sbx_log_head(logh, &n, head, &why), 0);
	ck_assert_int_eq(n, entries);
}

/* I7 */
START_TEST(an_entry_without_its_key_takes_the_one_first_seen)
{
	put(word(1));
	forget_key();
	import();
	ck_assert_uint_eq(im.refused, 1);
	ck_assert_ptr_nonnull(strstr(said, "null and the author unknown"));
	put(word(2));
	put(word(1));
	forget_key();
	import();
	ck_assert_uint_eq(im.added, 2);
	ck_assert_uint_eq(im.refused, 0);
	verified(2);
	put(word(1));
	import();
	ck_assert_uint_eq(im.known, 1);
}
END_TEST

/* I7, I10 */
START_TEST(an_entry_without_its_key_is_judged_by_it_all_the_same)
{
	char *sig;

	put(word(1));
	put(word(2));
	forget_key();
	sig = strrchr(in.data, '"') - 1;
	*sig = *sig == '0' ? '1' : '0';
	put(word(3));
	forget_key();
	import();
	ck_assert_uint_eq(im.added, 2);
	ck_assert_uint_eq(im.refused, 1);
	ck_assert_str_eq(said, "bad signature");
	verified(2);
}
END_TEST

/* What other nodes, and this one's verify, refuse with the key. */
START_TEST(an_identity_of_another_key_is_none_without_its_key_either)
{
	struct sbx_key *other = key_of(3);
	unsigned char sig[SBX_SIG_BYTES];
	char payload[512], pub[2 * SBX_PUB_BYTES + 1];
	const char *did = sbx_key_did(them);

	put(word(1));
	import();
	sbx_hex_write(pub, sbx_key_pub(other), SBX_PUB_BYTES);
	snprintf(payload, sizeof(payload), "{\"created_at\":\"%s\",\"did\":"
		"\"%s\",\"hardware_attest\":null,\"invited_by\":null,"
		"\"jurisdiction\":[],\"pubkey\":\"%s\",\"self_cert_digest\":"
		"\"%s\",\"state\":\"member\"}", at(2), did, pub, did + 8);
	ck_assert_int_eq(sbx_key_sign(them, payload, strlen(payload), sig, &why),
		0);
	sbx_buf_fmt(&in, "{\"author\":\"%s\",\"author_pubkey\":null,\"op\":"
		"\"genesis\",\"payload\":%s,\"payload_type\":\"Identity\","
		"\"sig\":\"", did, payload);
	sbx_buf_hex(&in, sig, sizeof(sig));
	sbx_buf_str(&in, "\"}\n");
	import();
	ck_assert_uint_eq(im.refused, 1);
	ck_assert_str_eq(said, "Identity: pubkey is not the author's");
	verified(1);
	sbx_key_free(other);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("store");
	TCase *t = tcase_create("store");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, an_entry_without_its_key_takes_the_one_first_seen);
	tcase_add_test(t, an_entry_without_its_key_is_judged_by_it_all_the_same);
	tcase_add_test(t,
		an_identity_of_another_key_is_none_without_its_key_either);
	suite_add_tcase(s, t);
	return finish_suite(s);
}
