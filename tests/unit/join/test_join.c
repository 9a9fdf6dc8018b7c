/* SPDX-License-Identifier: Apache-2.0 */
/* The token, the request, the desk and the rate: what a stranger at the door
 * can and cannot. */
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/base.h"
#include "json/json.h"
#include "crypto/crypto.h"
#include "join/join.h"
#include "world.h"

static char dir[64];
static struct sbx_key *node, *other;
static struct sbx_join_token token;
static char token_id[SBX_ID_SIZE];

static void
setup(void)
{
	struct sbx_key *key;

	sbx_clock_set(INT64_C(1782900000) * SBX_SECOND);
	snprintf(dir, sizeof(dir), "/tmp/sbx-join.XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(dir));
	node = key_of(1);
	other = key_of(2);
	token = (struct sbx_join_token){ .ask = true,
		.seed = { 7 },
		.url = "https://192.0.2.1:7331/",
		.pin = "sha256//5nGw/9nVyRjUbqwCAviJBJ3jr2jUz5kif7Kx+qXL0zU=",
		.founder = "did:plc:0123456789abcdef0123456789abcdef",
		.has_bundle = true,
		.bundle = { 9 } };
	ck_assert_int_eq(sbx_key_from_seed(token.seed, &key, &why), 0);
	sbx_hex_write(token_id, sbx_key_pub(key), SBX_PUB_BYTES);
	sbx_key_free(key);
}

static void
teardown(void)
{
	char cmd[128];

	sbx_key_free(node);
	sbx_key_free(other);
	snprintf(cmd, sizeof(cmd), "rm -rf %s", dir);
	ck_assert_int_eq(system(cmd), 0);
}

/* ---- the token ---- */

START_TEST(a_token_comes_back_as_it_was_written)
{
	struct sbx_buf text = SBX_BUF(4096);
	struct sbx_join_token back;

	for (int i = 0; i < 4; i++) {
		token.ask = (i & 1) != 0;
		token.has_bundle = (i & 2) != 0;
		sbx_buf_clear(&text);
		ck_assert_int_eq(sbx_join_token_write(&token, &text, &why), 0);
		ck_assert_int_eq(sbx_join_token_parse(&back, text.data, &why), 0);
		ck_assert_int_eq(back.ask, token.ask);
		ck_assert_int_eq(back.has_bundle, token.has_bundle);
		ck_assert_str_eq(back.url, token.url);
		ck_assert_str_eq(back.pin, token.pin);
		ck_assert_str_eq(back.founder, token.founder);
		ck_assert_mem_eq(back.seed, token.seed, SBX_SEED_BYTES);
		ck_assert(!back.has_bundle ||
			memcmp(back.bundle, token.bundle, SBX_HASH_BYTES) == 0);
	}
	sbx_buf_free(&text);
}
END_TEST

/* I2: each character, and each length. */
START_TEST(a_token_that_was_changed_or_cut_is_refused)
{
	struct sbx_buf text = SBX_BUF(4096);
	struct sbx_join_token back;
	char was;

	ck_assert_int_eq(sbx_join_token_write(&token, &text, &why), 0);
	for (size_t i = 0; i < text.len; i++) {
		was = text.data[i];
		text.data[i] = was == 'A' ? 'B' : 'A';
		ck_assert_msg(sbx_join_token_parse(&back, text.data, &why) ==
			SBX_E_INPUT, "character %zu may be anything", i);
		text.data[i] = '\0';
		ck_assert_msg(sbx_join_token_parse(&back, text.data, &why) ==
			SBX_E_INPUT, "cut to %zu characters it holds", i);
		text.data[i] = was;
	}
	ck_assert_int_eq(sbx_join_token_parse(&back, text.data, &why), 0);
	sbx_buf_free(&text);
}
END_TEST

/* What would make the joiner trust another door, or none. */
static const struct {
	const char *field, *json;
} wrong[] = {
	{ "door", "\"http://192.0.2.1:7331/\"" },
	{ "door", "\"https://192.0.2.1:7331\"" },
	{ "door", "\"https://u@192.0.2.1/\"" },
	{ "door", "\"https://192.0.2.1/?a\"" },
	{ "pin", "\"\"" },
	{ "pin", "\"5nGw\"" },
	{ "pin", "\"5nGw/9nVyRjUbqwCAviJBJ3jr2jUz5kif7Kx+qXL0zU=;sha256//AAAA\"" },
	{ "founder", "\"did:plc:0\"" },
	{ "founder", "null" },
	{ "mode", "\"both\"" },
	{ "seed", "\"07\"" },
	{ "bundle", "\"09\"" },
	{ "extra", "1" },
};

START_TEST(a_token_with_another_field_than_it_has_is_refused)
{
	static const char *const names[] = { "bundle", "door", "founder", "mode",
		"pin", "seed" };
	struct sbx_buf text = SBX_BUF(4096), raw = SBX_BUF(4096);
	struct sbx_buf out = SBX_BUF(4096);
	struct sbx_doc *doc = NULL, *bad = NULL, *next = sbx_doc_new();
	unsigned char sum[SBX_HASH_BYTES];
	struct sbx_join_token back;

	ck_assert_int_eq(sbx_join_token_write(&token, &text, &why), 0);
	ck_assert(sbx_b64url_parse(&raw, text.data + 6, text.len - 6));
	ck_assert_int_eq(sbx_json_parse(raw.data, raw.len - 4, NULL, &doc, &why), 0);
	ck_assert_int_eq(sbx_json_parse(wrong[_i].json, strlen(wrong[_i].json),
				 NULL, &bad, &why), 0);
	for (size_t i = 0; i < 6; i++)
		if (strcmp(names[i], wrong[_i].field) != 0)
			sbx_json_add_copy(next, sbx_doc_root(next), names[i],
				sbx_json_get(sbx_doc_root(doc), names[i]));
	sbx_json_add_copy(next, sbx_doc_root(next), wrong[_i].field,
		sbx_doc_root(bad));
	sbx_buf_clear(&raw);
	ck_assert_int_eq(sbx_canon_write(&raw, sbx_doc_root(next), NULL, &why), 0);
	sbx_hash_b2(sum, raw.data, raw.len);
	sbx_buf_add(&raw, sum, 4);
	sbx_buf_str(&out, SBX_JOIN_PREFIX);
	sbx_b64url_write(&out, raw.data, raw.len);
	ck_assert_int_eq(sbx_join_token_parse(&back, out.data, &why), SBX_E_INPUT);
	sbx_doc_free(doc);
	sbx_doc_free(bad);
	sbx_doc_free(next);
	sbx_buf_free(&text);
	sbx_buf_free(&raw);
	sbx_buf_free(&out);
}
END_TEST

START_TEST(the_one_time_key_is_the_same_box_s_and_no_other_s)
{
	struct sbx_key *a, *b, *c, *d;
	struct sbx_join_token second = token;

	second.seed[5] = 1;
	ck_assert_int_eq(sbx_join_once(&token, node, &a, &why), 0);
	ck_assert_int_eq(sbx_join_once(&token, node, &b, &why), 0);
	ck_assert_int_eq(sbx_join_once(&token, other, &c, &why), 0);
	ck_assert_int_eq(sbx_join_once(&second, node, &d, &why), 0);
	ck_assert_str_eq(sbx_key_did(a), sbx_key_did(b));
	ck_assert_str_ne(sbx_key_did(a), sbx_key_did(c));
	ck_assert_str_ne(sbx_key_did(a), sbx_key_did(d));
	sbx_key_free(a);
	sbx_key_free(b);
	sbx_key_free(c);
	sbx_key_free(d);
}
END_TEST

/* ---- the request ---- */

static void
make(struct sbx_join_request *q, const struct sbx_key *key, const char *entries)
{
	struct sbx_buf text = SBX_BUF(SBX_MAX_DOOR_BODY);

	ck_assert_int_eq(sbx_join_request_make(&text, &token, key, "c3box",
				 entries, &why), 0);
	ck_assert_int_eq(
		sbx_join_request_parse(q, text.data, text.len, &why), 0);
	sbx_buf_free(&text);
}

START_TEST(a_request_says_who_asks_and_both_signatures_hold)
{
	struct sbx_join_request q;

	make(&q, node, NULL);
	ck_assert_int_eq(sbx_join_request_verify(&q, &why), 0);
	ck_assert_str_eq(q.did, sbx_key_did(node));
	ck_assert_str_eq(q.token, token_id);
	ck_assert_str_eq(q.box, "c3box");
	ck_assert_ptr_null(q.entries);
	sbx_join_request_free(&q);
	make(&q, node, "{\"a\":1}\n{\"b\":2}\n");
	ck_assert_int_eq(sbx_join_request_verify(&q, &why), 0);
	ck_assert_uint_eq(q.entries->count, 2);
	sbx_join_request_free(&q);
}
END_TEST

/* I7: in any byte; whatever it is then, it is not a request that holds. */
START_TEST(a_request_changed_in_any_byte_does_not_hold)
{
	struct sbx_buf text = SBX_BUF(SBX_MAX_DOOR_BODY);
	struct sbx_join_request q;
	char was;
	int r;

	ck_assert_int_eq(sbx_join_request_make(&text, &token, node, "c3box",
				 NULL, &why), 0);
	for (size_t i = 0; i < text.len; i++) {
		was = text.data[i];
		text.data[i] = was == 'a' ? 'b' : 'a';
		r = sbx_join_request_parse(&q, text.data, text.len, &why);
		if (r == 0)
			r = sbx_join_request_verify(&q, &why);
		ck_assert_msg(r != 0, "byte %zu is free", i);
		sbx_join_request_free(&q);
		text.data[i] = was;
	}
	sbx_buf_free(&text);
}
END_TEST

/* ---- the desk ---- */

static void
put_token(struct sbx_desk *d, int64_t uses, int64_t seconds)
{
	struct sbx_doc *doc = sbx_doc_new();
	struct sbx_json *o = sbx_doc_root(doc);

	ck_assert_int_eq(sbx_desk_open(d, dir, true, getgid(), &why), 0);
	sbx_json_add_bool(doc, o, "ask", true);
	sbx_json_add_time(doc, o, "expires",
		sbx_clock_now() + seconds * SBX_SECOND);
	sbx_json_add_time(doc, o, "made", sbx_clock_now());
	sbx_json_add_int(doc, o, "used", 0);
	sbx_json_add_int(doc, o, "uses", uses);
	ck_assert_int_eq(sbx_desk_put(d, SBX_DESK_TOKEN, token_id, o, getgid(),
				 &why), 0);
	sbx_doc_free(doc);
}

static int
take(const struct sbx_desk *d, const struct sbx_key *key, bool *is_new)
{
	struct sbx_join_request q;
	struct sbx_doc *doc = NULL;
	int r;

	make(&q, key, NULL);
	r = sbx_desk_take(d, &q, "192.0.2.2", getgid(), &doc, is_new, &why);
	sbx_join_request_free(&q);
	sbx_doc_free(doc);
	return r;
}

START_TEST(a_request_that_comes_again_spends_nothing)
{
	struct sbx_desk d;
	bool is_new;

	put_token(&d, 1, 60);
	ck_assert_int_eq(take(&d, node, &is_new), 0);
	ck_assert(is_new);
	ck_assert_int_eq(take(&d, node, &is_new), 0);
	ck_assert(!is_new);
	ck_assert_int_eq(take(&d, other, &is_new), SBX_E_NO);
	ck_assert_str_eq(why.text, "the token is spent");
	sbx_desk_close(&d);
}
END_TEST

START_TEST(a_token_is_good_to_its_last_moment)
{
	struct sbx_desk d;
	bool is_new;

	put_token(&d, 2, 60);
	sbx_clock_set(sbx_clock_now() + 60 * SBX_SECOND);
	ck_assert_int_eq(take(&d, node, &is_new), 0);
	sbx_clock_set(sbx_clock_now() + 1);
	ck_assert_int_eq(take(&d, other, &is_new), SBX_E_NO);
	ck_assert_msg(strstr(why.text, "expired") != NULL, "%s", why.text);
	/* Who was queued in time is not sent away. */
	ck_assert_int_eq(take(&d, node, &is_new), 0);
	sbx_desk_close(&d);
}
END_TEST

/* I2: at the limit, and past it. */
START_TEST(no_more_wait_than_may)
{
	struct sbx_desk d;
	struct sbx_key *key;
	bool is_new;

	put_token(&d, SBX_MAX_DOOR_USES, 60);
	for (unsigned char i = 0; i < SBX_MAX_DOOR_PENDING; i++) {
		key = key_of((unsigned char)(100 + i));
		ck_assert_int_eq(take(&d, key, &is_new), 0);
		sbx_key_free(key);
	}
	ck_assert_int_eq(take(&d, node, &is_new), SBX_E_NO);
	sbx_desk_close(&d);
}
END_TEST

START_TEST(of_two_hundred_at_once_one_spends_the_token)
{
	enum { MANY = 200 };
	struct sbx_desk d;
	pid_t pid[MANY];
	int status, won = 0, lost = 0;
	bool is_new;

	put_token(&d, 1, 60);
	sbx_desk_close(&d);
	for (int i = 0; i < MANY; i++) {
		unsigned char seed[SBX_SEED_BYTES] = { 3, (unsigned char)i };
		struct sbx_key *key;

		if ((pid[i] = fork()) != 0)
			continue;
		if (sbx_key_from_seed(seed, &key, &why) != 0 ||
			sbx_desk_open(&d, dir, true, getgid(), &why) != 0)
			_exit(9);
		status = take(&d, key, &is_new);
		sbx_desk_close(&d);
		_exit(status == 0 ? 0 : status == SBX_E_NO ? 1 : 9);
	}
	for (int i = 0; i < MANY; i++) {
		ck_assert_int_eq(waitpid(pid[i], &status, 0), pid[i]);
		won += WIFEXITED(status) && WEXITSTATUS(status) == 0;
		lost += WIFEXITED(status) && WEXITSTATUS(status) == 1;
	}
	ck_assert_int_eq(won, 1);
	ck_assert_int_eq(lost, MANY - 1);
}
END_TEST

START_TEST(a_desk_is_busy_while_somebody_can_come)
{
	struct sbx_desk d;
	size_t pending;
	bool busy, is_new;

	put_token(&d, 1, 60);
	ck_assert_int_eq(sbx_desk_busy(&d, sbx_clock_now(), &busy, &pending,
				 &why), 0);
	ck_assert(busy);
	ck_assert_int_eq(take(&d, node, &is_new), 0);
	ck_assert_int_eq(sbx_desk_busy(&d, sbx_clock_now(), &busy, &pending,
				 &why), 0);
	ck_assert(busy); /* for the one that waits */
	ck_assert_uint_eq(pending, 1);
	ck_assert_int_eq(sbx_desk_busy(&d,
				 sbx_clock_now() + 86461 * SBX_SECOND, &busy,
				 &pending, &why), 0);
	ck_assert(!busy);
	ck_assert_int_eq(sbx_desk_del(&d, SBX_DESK_TOKEN, token_id, &why), 0);
	ck_assert_int_eq(sbx_desk_busy(&d, sbx_clock_now(), &busy, &pending,
				 &why), 0);
	ck_assert(!busy);
	sbx_desk_close(&d);
}
END_TEST

START_TEST(an_identifier_is_no_path)
{
	struct sbx_desk d;
	struct sbx_doc *doc = NULL;

	put_token(&d, 1, 60);
	ck_assert_int_eq(sbx_desk_get(&d, SBX_DESK_TOKEN, "../lock", &doc, &why),
		SBX_E_INPUT);
	sbx_desk_close(&d);
}
END_TEST

/* ---- the rate ---- */

START_TEST(an_address_may_ask_so_often_in_a_minute)
{
	int64_t now = INT64_C(1782900000) * SBX_SECOND;
	char path[96];

	snprintf(path, sizeof(path), "%s/rate", dir);
	for (int i = 0; i < SBX_DOOR_RATE; i++)
		ck_assert_int_eq(sbx_rate_take(path, "192.0.2.2", SBX_DOOR_RATE,
					 now, &why), 0);
	ck_assert_int_eq(sbx_rate_take(path, "192.0.2.2", SBX_DOOR_RATE, now,
				 &why), SBX_E_NO);
	ck_assert_int_eq(sbx_rate_take(path, "192.0.2.3", SBX_DOOR_RATE, now,
				 &why), 0);
	ck_assert_int_eq(sbx_rate_take(path, "192.0.2.2", SBX_DOOR_RATE,
				 now + 60 * SBX_SECOND, &why), 0);
}
END_TEST

START_TEST(a_host_with_many_addresses_is_one)
{
	int64_t now = INT64_C(1782900000) * SBX_SECOND;
	char path[96];

	snprintf(path, sizeof(path), "%s/rate", dir);
	ck_assert_int_eq(sbx_rate_take(path, "2001:db8::1", 1, now, &why), 0);
	ck_assert_int_eq(sbx_rate_take(path, "2001:db8::2", 1, now, &why),
		SBX_E_NO);
	ck_assert_int_eq(sbx_rate_take(path, "2001:db8:0:1::1", 1, now, &why), 0);
}
END_TEST

START_TEST(the_rate_s_file_does_not_grow)
{
	struct stat st;
	char path[96], ip[SBX_IP4_SIZE];

	snprintf(path, sizeof(path), "%s/rate", dir);
	for (uint32_t i = 0; i < 20000; i++) {
		sbx_ip4_write(ip, 0x0a000000 + i * 7);
		sbx_rate_take(path, ip, 1, 0, NULL);
	}
	ck_assert_int_eq(stat(path, &st), 0);
	ck_assert_int_le(st.st_size, 65536);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("join");
	TCase *t = tcase_create("join");

	tcase_set_timeout(t, 60);
	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, a_token_comes_back_as_it_was_written);
	tcase_add_test(t, a_token_that_was_changed_or_cut_is_refused);
	tcase_add_loop_test(t, a_token_with_another_field_than_it_has_is_refused,
		0, (int)(sizeof(wrong) / sizeof(wrong[0])));
	tcase_add_test(t, the_one_time_key_is_the_same_box_s_and_no_other_s);
	tcase_add_test(t, a_request_says_who_asks_and_both_signatures_hold);
	tcase_add_test(t, a_request_changed_in_any_byte_does_not_hold);
	tcase_add_test(t, a_request_that_comes_again_spends_nothing);
	tcase_add_test(t, a_token_is_good_to_its_last_moment);
	tcase_add_test(t, no_more_wait_than_may);
	tcase_add_test(t, of_two_hundred_at_once_one_spends_the_token);
	tcase_add_test(t, a_desk_is_busy_while_somebody_can_come);
	tcase_add_test(t, an_identifier_is_no_path);
	tcase_add_test(t, an_address_may_ask_so_often_in_a_minute);
	tcase_add_test(t, a_host_with_many_addresses_is_one);
	tcase_add_test(t, the_rate_s_file_does_not_grow);
	suite_add_tcase(suite, t);
	return finish_suite(suite);
}
