/* SPDX-License-Identifier: Apache-2.0 */
/* "This key speaks for me": only in that form, only by who is named in it. */
#include "base/base.h"
#include "crypto/crypto.h"
#include "node/node.h"
#include "world.h"

static struct sbx_key *key, *other;
static char did[2][SBX_DID_SIZE], pub[2][2 * SBX_PUB_BYTES + 1];

static void
setup(void)
{
	key = key_of(1);
	other = key_of(2);
	for (int i = 0; i < 2; i++) {
		const struct sbx_key *k = i == 0 ? key : other;

		memcpy(did[i], sbx_key_did(k), SBX_DID_SIZE);
		sbx_hex_write(pub[i], sbx_key_pub(k), SBX_PUB_BYTES);
	}
}

static void
teardown(void)
{
	sbx_key_free(key);
	sbx_key_free(other);
}

/* A delegation with that in it, rightly signed, and with more beside it. */
static int
parse(const char *purpose, const char *inner, const char *beside)
{
	struct sbx_buf b = SBX_BUF(4096), line = SBX_BUF(4096);
	unsigned char sig[SBX_SIG_BYTES];
	struct sbx_delegation d;
	int r;

	sbx_buf_fmt(&b, "%s%s", purpose, inner);
	ck_assert_int_eq(sbx_key_sign(key, b.data, b.len, sig, &why), 0);
	sbx_buf_fmt(&line, "{\"author_pubkey\":\"%s\",\"delegation\":%s,\"sig\":\"",
		pub[0], inner);
	sbx_buf_hex(&line, sig, sizeof(sig));
	sbx_buf_fmt(&line, "\"%s}", beside);
	r = sbx_delegation_parse(&d, SBX_ROLE_LOG, line.data, line.len, &why);
	ck_assert(r != 0 || strcmp(d.did, did[0]) == 0);
	sbx_buf_free(&b);
	sbx_buf_free(&line);
	return r;
}

#define SINCE "\"since\":\"2026-07-01T10:00:00.000000+00:00\""
#define PURPOSE "sbx-log-key/v1\n"

START_TEST(a_delegation_has_one_form)
{
	char text[6][400];

	snprintf(text[0], 400, "{\"did\":\"%s\",\"log_key\":\"%s\"," SINCE "}",
		did[0], pub[1]);
	snprintf(text[1], 400, "{\"did\":\"%s\",\"log_key\":\"%s\"," SINCE "}",
		did[1], pub[1]);
	snprintf(text[2], 400, "{\"did\":\"%s\",\"log_key\":\"%s\",\"more\":1,"
		SINCE "}", did[0], pub[1]);
	snprintf(text[3], 400, "{\"did\":\"%s\",\"log_key\":\"%s\"}", did[0],
		pub[1]);
	snprintf(text[4], 400, "{\"did\":\"%s\"," SINCE ",\"witness\":\"%s\"}",
		did[0], pub[1]);
	snprintf(text[5], 400, "[\"%s\",\"%s\"]", did[0], pub[1]);
	for (int i = 0; i < 6; i++)
		ck_assert_msg(parse(PURPOSE, text[i], "") ==
			(i == 0 ? 0 : SBX_E_INPUT), "%s", text[i]);
	ck_assert_int_eq(parse(PURPOSE, text[0], ",\"z\":1"), SBX_E_INPUT);
	/* What was signed for something else. */
	ck_assert_int_eq(parse("sbx-witness-key/v1\n", text[0], ""),
		SBX_E_INPUT);
	ck_assert_int_eq(parse("", text[0], ""), SBX_E_INPUT);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("delegation");
	TCase *t = tcase_create("delegation");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, a_delegation_has_one_form);
	suite_add_tcase(s, t);
	return finish_suite(s);
}
