/* SPDX-License-Identifier: Apache-2.0 */
/* Redaction: the same wherever the stream is cut, and back to the byte. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "ask/ask.h"

static const char text[] =
	"Nov 29 gk2 sshd[1]: Failed password for invalid user bob from "
	"203.0.113.7 port 22\nAccepted from 2001:db8::17: <ip4:9> 52:54:00:12:34:56\n"
	"-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEIA==\n"
	"-----END PRIVATE KEY-----\nmail bob@example.org, password = hunter2\n"
	"last line, 10.0.0.1 without an end";

static void
redact(struct sbx_redact *r, const char *in, size_t len, size_t cut,
	struct sbx_buf *out)
{
	ck_assert_int_eq(sbx_redact_feed(r, in, cut, false, out, NULL), 0);
	ck_assert_int_eq(sbx_redact_feed(r, in + cut, len - cut, true, out,
				 NULL), 0);
}

static struct sbx_redact *
fresh(void)
{
	struct sbx_redact *r = NULL;

	ck_assert_int_eq(sbx_redact_open(&r, NULL, 0, NULL), 0);
	return r;
}

/* Another, which has r's map; frees r. */
static struct sbx_redact *
with_map_of(struct sbx_redact *r)
{
	struct sbx_buf map = SBX_BUF(1u << 20);
	struct sbx_redact *other = fresh();

	sbx_redact_save(r, &map);
	sbx_redact_free(r);
	ck_assert_int_eq(sbx_redact_load(other, map.data, map.len, NULL), 0);
	sbx_buf_free(&map);
	return other;
}

START_TEST(wherever_it_is_cut)
{
	struct sbx_buf want = SBX_BUF(1u << 16), got = SBX_BUF(1u << 16);
	size_t len = strlen(text);
	struct sbx_redact *r = fresh();

	redact(r, text, len, 0, &want);
	ck_assert_ptr_nonnull(strstr(want.data, "user <user:1> from <ip4:1>"));
	ck_assert_ptr_nonnull(strstr(want.data, "<ip6:1>: <text:1> <mac:1>\n"
		"<pem:1>\nmail <email:1>, password = <secret:1>\n"));
	sbx_redact_free(r);
	for (size_t cut = 1; cut <= len; cut++) {
		r = fresh();
		sbx_buf_clear(&got);
		redact(r, text, len, cut, &got);
		ck_assert_msg(got.len == want.len &&
			memcmp(got.data, want.data, got.len) == 0,
			"cut at %zu: %s", cut, got.data);
		sbx_redact_free(r);
	}
	sbx_buf_free(&want);
	sbx_buf_free(&got);
}
END_TEST

START_TEST(back_to_the_byte_wherever_it_is_cut)
{
	struct sbx_buf hidden = SBX_BUF(1u << 16), back = SBX_BUF(1u << 16);
	struct sbx_redact *r = fresh();
	size_t unknown;

	redact(r, text, strlen(text), 0, &hidden);
	for (size_t cut = 0; cut <= hidden.len; cut++) {
		r = with_map_of(r);
		sbx_buf_clear(&back);
		unknown = 99;
		ck_assert_int_eq(sbx_redact_restore(r, hidden.data, cut, false,
					 &back, &unknown, NULL), 0);
		ck_assert_int_eq(sbx_redact_restore(r, hidden.data + cut,
					 hidden.len - cut, true, &back,
					 &unknown, NULL), 0);
		ck_assert_str_eq(back.data, text);
		ck_assert_uint_eq(unknown, 0);
	}
	sbx_redact_free(r);
	sbx_buf_free(&hidden);
	sbx_buf_free(&back);
}
END_TEST

/* Bytes of a small alphabet make many beginnings of patterns. */
START_TEST(any_text_comes_back)
{
	static const char some[] = "0a:.-@<>/=\" \nipv4userpassword:did";
	struct sbx_buf hidden = SBX_BUF(1u << 20), back = SBX_BUF(1u << 20);
	struct sbx_redact *r;
	char in[2000];
	size_t unknown = 0;

	srandom((unsigned)_i);
	for (size_t i = 0; i < sizeof(in); i++)
		in[i] = some[(size_t)random() % (sizeof(some) - 1)];
	r = fresh();
	redact(r, in, sizeof(in), (size_t)random() % sizeof(in), &hidden);
	ck_assert_uint_eq(sbx_redact_lost(r), 0);
	r = with_map_of(r);
	ck_assert_int_eq(sbx_redact_restore(r, hidden.data, hidden.len, true,
				 &back, &unknown, NULL), 0);
	ck_assert_uint_eq(back.len, sizeof(in));
	ck_assert_int_eq(memcmp(back.data, in, sizeof(in)), 0);
	ck_assert_uint_eq(unknown, 0);
	sbx_redact_free(r);
	sbx_buf_free(&hidden);
	sbx_buf_free(&back);
}
END_TEST

START_TEST(past_the_limit_a_value_is_hidden_all_the_same)
{
	struct sbx_buf out = SBX_BUF(16u << 20);
	struct sbx_redact *r = fresh();
	char line[64];

	for (unsigned i = 0; i <= SBX_MAX_HIDDEN; i++) {
		int n = snprintf(line, sizeof(line), "10.%u.%u.%u\n", i >> 16,
			i >> 8 & 255, i & 255);

		ck_assert_int_eq(sbx_redact_feed(r, line, (size_t)n, false, &out,
					 NULL), 0);
	}
	ck_assert_ptr_null(strstr(out.data, "10."));
	ck_assert_uint_eq(sbx_redact_lost(r), 1);
	ck_assert_str_eq(out.data + out.len - 8, "<ip4:0>\n");
	sbx_redact_free(r);
	sbx_buf_free(&out);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("redact");
	TCase *t = tcase_create("redact");
	SRunner *run;
	int failed;

	tcase_add_test(t, wherever_it_is_cut);
	tcase_add_test(t, back_to_the_byte_wherever_it_is_cut);
	tcase_add_loop_test(t, any_text_comes_back, 0, 200);
	tcase_add_test(t, past_the_limit_a_value_is_hidden_all_the_same);
	suite_add_tcase(s, t);
	run = srunner_create(s);
	srunner_run_all(run, CK_NORMAL);
	failed = srunner_ntests_failed(run);
	srunner_free(run);
	return failed > 0;
}
