/* SPDX-License-Identifier: Apache-2.0 */
/* How much of a stranger is kept, at the limit and past it. */
#include <sqlite3.h>

#include "base/base.h"
#include "crypto/crypto.h"
#include "record/record.h"
#include "ledger/ledger.h"
#include "node/node.h"
#include "import.h"

static struct sbx_key *us, *them, *once;

static void
setup(void)
{
	sbx_clock_set(T0 + 40 * INT64_C(86400000000));
	us = key_of(1);
	them = key_of(2);
	once = key_of(3);
	logh = new_log();
	ck_assert_int_eq(sbx_log_set_self(logh, sbx_key_did(us), &why), 0);
	ck_assert_int_eq(sbx_log_trust(logh, sbx_key_did(us), true, &why), 0);
	sbx_buf_clear(&in);
}

static void
teardown(void)
{
	remove_log(logh);
	sbx_key_free(us);
	sbx_key_free(them);
	sbx_key_free(once);
	sbx_buf_free(&in);
}

/* A config of some 14 KB, number n, said on that day. */
static void
put_big(const struct sbx_key *key, int n, int day)
{
	static char uri[2001], text[7000];
	size_t len = 0;

	memset(uri, 'u', sizeof(uri) - 1);
	for (int i = 0; i < 6; i++)
		len += (size_t)snprintf(text + len, sizeof(text) - len,
			"%s\"k%d\":\"%.1000s\"", i > 0 ? "," : "", i, uri);
	put(sign(key, "config_publish", NULL, "{\"config_id\":\"%d\","
		"\"scope\":\"mesh\",\"version\":1,\"content_hash\":\"%064d\","
		"\"payload\":{%s},\"payload_uri\":null,\"valid_from\":\"%s\","
		"\"valid_until\":null}", n, n, text, at(day * 86400 + n)));
}

static struct sbx_entry *
padded(const struct sbx_key *key, int n, int day, size_t pad)
{
	char text[8000];

	memset(text, 'x', sizeof(text));
	text[pad] = '\0';
	return sign(key, "config_publish", NULL, "{\"config_id\":\"%05d\","
		"\"scope\":\"mesh\",\"version\":1,\"content_hash\":\"%064d\","
		"\"payload\":\"%s\",\"payload_uri\":null,\"valid_from\":"
		"\"%s\",\"valid_until\":null}", n, n, text, at(day * 86400 + n));
}

/* One that costs so much of its author's room, with what its row takes. */
static void
put_cost(const struct sbx_key *key, int n, int day, size_t cost)
{
	static size_t least;
	struct sbx_entry *e;

	if (least == 0) {
		e = padded(key, n, day, 0);
		least = e->canonlen + 512;
		sbx_entry_free(e);
	}
	put(padded(key, n, day, cost - least));
}

/* How many of put_big() there is room for. */
static size_t
room(int64_t limit)
{
	static size_t each;

	if (each == 0) {
		struct sbx_buf b = in;

		in = (struct sbx_buf)SBX_BUF(1u << 20);
		put_big(them, 100, 0);
		each = (size_t)(strstr(in.data, ",\"payload_type\"") -
			       strstr(in.data, "\"payload\":")) - 10 + 512;
		sbx_buf_free(&in);
		in = b;
	}
	return (size_t)limit / each;
}

/* The n-th thing that key says, dated a day ahead: some 200 bytes. */
static void
put_ahead(const struct sbx_key *key, int n)
{
	put(sign(key, "config_revoke", NULL,
		"{\"config_id\":\"%d\",\"revoked_at\":\"%s\"}", n,
		at(41 * 86400)));
}

static int64_t
count(const char *sql)
{
	sqlite3_stmt *st = NULL;
	sqlite3 *db = NULL;
	int64_t n;

	ck_assert_int_eq(sqlite3_open(log_path, &db), SQLITE_OK);
	ck_assert_int_eq(sqlite3_prepare_v2(db, sql, -1, &st, NULL), SQLITE_OK);
	ck_assert_int_eq(sqlite3_step(st), SQLITE_ROW);
	n = sqlite3_column_int64(st, 0);
	sqlite3_finalize(st);
	sqlite3_close(db);
	return n;
}

START_TEST(a_stranger_has_its_room_for_a_day_and_no_more)
{
	size_t fits = room(SBX_MAX_STRANGER_BYTES);

	for (int n = 0; n < (int)fits + 5; n++)
		put_big(them, 100 + n, 0);
	import();
	ck_assert_uint_eq(im.added, fits);
	ck_assert_uint_eq(im.refused, 5);
	ck_assert_uint_eq(told, 1);
	ck_assert_ptr_nonnull(strstr(said, "no member and has had its room"));
	/* Another time and another day: it is remembered, and counted by day. */
	put_big(them, 100, 0);
	put_big(them, 900, 0);
	put_big(them, 900, 1);
	import();
	ck_assert_uint_eq(im.known, 1);
	ck_assert_uint_eq(im.refused, 1);
	ck_assert_uint_eq(im.added, 1);
}
END_TEST

START_TEST(dates_of_its_choice_give_a_stranger_no_more_than_all)
{
	size_t fits = room(SBX_MAX_STRANGER_ALL);

	for (int n = 0; n < (int)fits + 3; n++)
		put_big(them, 100 + n % 100, n / 100);
	import();
	ck_assert_uint_eq(im.added, fits);
	ck_assert_uint_eq(im.refused, 3);
}
END_TEST

/* I2: a day's, or all: at the limit, and a byte past it. */
START_TEST(a_strangers_room_is_exact_to_the_byte)
{
	bool all = _i >= 2, past = _i % 2;
	size_t left = all ? SBX_MAX_STRANGER_ALL : SBX_MAX_STRANGER_BYTES;
	int n = 0;

	for (; left > 8000; left -= 7000, n++)
		put_cost(them, n, all ? n / 140 : 0, 7000);
	import();
	ck_assert_uint_eq(im.refused, 0);
	put_cost(them, n, all ? 30 : 0, left + past);
	import();
	ck_assert_uint_eq(im.added, !past);
	ck_assert_uint_eq(im.refused, past);
	put_cost(them, n + 1, all ? 31 : 0, 1000);
	import();
	ck_assert_uint_eq(im.added, past); /* what was refused took none */
}
END_TEST

/* A member's is held, this box's own is not, though it may be none: no stranger
 * has less for what they said ahead. */
START_TEST(what_a_member_holds_takes_none_of_the_strangers_room)
{
	unsigned char seed[SBX_SEED_BYTES] = { 96 };
	struct sbx_key *key;
	int strangers = 0;

	put(invite(us, once, 1, 400, 90000));
	put(accept_invite(them, once, sbx_key_did(us), 500));
	import();
	if (_i == 2)
		ck_assert_int_eq(sbx_log_trust(logh, sbx_key_did(us), false,
			&why), 0);
	for (int n = 0; n < 3 * SBX_MAX_HELD_EACH; n++)
		put_ahead(_i == 2 ? us : them, n);
	if (_i != 1) /* before, or in the same import */
		import();
	for (; strangers <= SBX_MAX_HELD / SBX_MAX_HELD_EACH; strangers++) {
		memcpy(seed, &strangers, sizeof(strangers));
		ck_assert_int_eq(sbx_key_from_seed(seed, &key, &why), 0);
		for (int i = 0; i < SBX_MAX_HELD_EACH; i++)
			put_ahead(key, i);
		sbx_key_free(key);
	}
	import();
	ck_assert_uint_eq(im.refused, SBX_MAX_HELD_EACH);
	ck_assert_int_eq(count("SELECT count(*) FROM held"),
		SBX_MAX_HELD + (_i == 2 ? 0 : 3 * SBX_MAX_HELD_EACH));
}
END_TEST

/* To the second: what the journal takes at once is not held. */
START_TEST(what_is_not_ahead_takes_no_room_of_what_is)
{
	int edge = 40 * 86400 + (int)(SBX_MAX_AHEAD / 1000000);

	for (int n = 0; n < SBX_MAX_HELD_EACH; n++)
		put_ahead(them, n);
	put(sign(them, "config_revoke", NULL, "{\"config_id\":\"at\","
		"\"revoked_at\":\"%s\"}", at(edge)));
	put(sign(them, "config_revoke", NULL, "{\"config_id\":\"past\","
		"\"revoked_at\":\"%s\"}", at(edge + 1)));
	import();
	ck_assert_uint_eq(im.held, SBX_MAX_HELD_EACH);
	ck_assert_uint_eq(im.added, 1);
	ck_assert_uint_eq(im.refused, 1);
}
END_TEST

START_TEST(a_member_has_no_such_limit)
{
	for (int n = 0; n < (int)room(SBX_MAX_STRANGER_BYTES) + 5; n++)
		put_big(us, 100 + n, 0);
	import();
	ck_assert_uint_eq(im.refused, 0);
	ck_assert_int_eq(count("SELECT count(*) FROM spent"), 0);
}
END_TEST

/* Its acceptance comes after what it said, and is past the quota itself. */
START_TEST(who_becomes_a_member_in_the_same_batch_was_no_stranger)
{
	int n, fits = (int)room(SBX_MAX_STRANGER_BYTES);

	for (n = 0; n < fits + 5; n++)
		put_big(them, 100 + n, 0);
	put(accept_invite(them, once, sbx_key_did(us), 500));
	put(invite(us, once, 1, 400, 90000));
	import();
	ck_assert_uint_eq(im.refused, 0);
	ck_assert_uint_eq(im.added, (size_t)fits + 7);
}
END_TEST

/* By an invitation of that token's: taken, or refused as one too many. */
static void
one_more(unsigned char who, const struct sbx_key *token, bool taken)
{
	struct sbx_key *key = key_of(who);

	put(accept_invite(key, token, sbx_key_did(us), 600));
	import();
	ck_assert_uint_eq(im.added, taken);
	ck_assert_uint_eq(im.refused, !taken);
	sbx_key_free(key);
}

/* The room for strangers is full; who holds an invitation comes in. */
START_TEST(strangers_are_counted_and_the_invited_are_not_kept_out)
{
	unsigned char seed[SBX_SEED_BYTES] = { 99 };
	struct sbx_key *key, *open = key_of(55), *unknown = key_of(56);

	put(invite(us, once, 1, 400, 90000)); /* it has expired since */
	put(invite(us, open, 1, 400, 50 * 86400));
	for (int n = 0; n < SBX_MAX_STRANGERS + 2; n++) {
		memcpy(seed, &n, sizeof(n));
		ck_assert_int_eq(sbx_key_from_seed(seed, &key, &why), 0);
		put(sign(key, "config_revoke", NULL,
			"{\"config_id\":\"x\",\"revoked_at\":\"%s\"}", at(n)));
		sbx_key_free(key);
	}
	import();
	ck_assert_uint_eq(im.added, SBX_MAX_STRANGERS + 2);
	ck_assert_uint_eq(im.refused, 2);
	ck_assert_ptr_nonnull(strstr(said, "one too many"));
	one_more(60, unknown, false); /* nobody's invitation */
	one_more(61, open, true);
	one_more(62, open, false); /* used up */
	sbx_key_free(open);
	sbx_key_free(unknown);
	put(identity(them, sbx_key_did(us), 500));
	put(accept_invite(them, once, sbx_key_did(us), 500));
	import();
	ck_assert_uint_eq(im.added, 2);
	ck_assert_uint_eq(im.refused, 0);
}
END_TEST

/* ---- what is dated ahead ------------------------------------------------- */

START_TEST(a_stranger_has_room_for_a_few_dated_ahead)
{
	int64_t bytes;

	for (int n = 0; n < SBX_MAX_HELD_EACH + 2; n++)
		put_ahead(them, n);
	import();
	ck_assert_uint_eq(im.held, SBX_MAX_HELD_EACH);
	ck_assert_uint_eq(im.refused, 2);
	ck_assert_ptr_nonnull(strstr(said, "its room for what is dated ahead"));
	/* Told again it is known, and takes no room again. */
	bytes = count("SELECT sum(bytes) FROM spent");
	for (int n = 0; n < SBX_MAX_HELD_EACH + 1; n++)
		put_ahead(them, n);
	import();
	ck_assert_uint_eq(im.known, SBX_MAX_HELD_EACH);
	ck_assert_uint_eq(im.refused, 1);
	ck_assert_int_eq(count("SELECT sum(bytes) FROM spent"), bytes);
	/* Its time comes, and there is room again. */
	sbx_clock_set(T0 + 42 * INT64_C(86400000000));
	for (int n = 0; n < SBX_MAX_HELD_EACH; n++)
		put(sign(them, "config_revoke", NULL,
			"{\"config_id\":\"%d\",\"revoked_at\":\"%s\"}", n,
			at(50 * 86400)));
	import();
	ck_assert_uint_eq(im.held, SBX_MAX_HELD_EACH);
	ck_assert_int_eq(count("SELECT count(*) FROM entry"), SBX_MAX_HELD_EACH);
}
END_TEST

/* What strangers hold altogether is full: members and the invited come in. */
START_TEST(strangers_cannot_fill_what_is_held)
{
	unsigned char seed[SBX_SEED_BYTES] = { 98 };
	struct sbx_key *key;

	put(invite(us, once, 1, 400, 90 * 86400));
	for (int n = 0; n <= SBX_MAX_HELD / SBX_MAX_HELD_EACH; n++) {
		memcpy(seed, &n, sizeof(n));
		ck_assert_int_eq(sbx_key_from_seed(seed, &key, &why), 0);
		for (int i = 0; i < SBX_MAX_HELD_EACH; i++)
			put_ahead(key, i);
		sbx_key_free(key);
	}
	import();
	ck_assert_uint_eq(im.held, SBX_MAX_HELD);
	ck_assert_uint_eq(im.refused, SBX_MAX_HELD_EACH);
	ck_assert_ptr_nonnull(strstr(said, "one too many"));
	for (int n = 0; n < 2 * SBX_MAX_HELD_EACH; n++)
		put_ahead(us, n);
	put(accept_invite(them, once, sbx_key_did(us), 41 * 86400));
	import();
	ck_assert_uint_eq(im.own, 2 * SBX_MAX_HELD_EACH);
	ck_assert_uint_eq(im.held, 1);
	ck_assert_uint_eq(im.refused, 0);
	/* What members hold takes none of the strangers' room. */
	ck_assert_int_eq(count("SELECT count(*) FROM held"), SBX_MAX_HELD + 1);
}
END_TEST

/* An author of whom all is held has no row yet; it is one of the strangers. */
START_TEST(whose_entries_are_all_held_is_counted_too)
{
	unsigned char seed[SBX_SEED_BYTES] = { 97 };
	struct sbx_key *key;

	for (int n = 0; n < SBX_MAX_STRANGERS + 2; n++) {
		memcpy(seed, &n, sizeof(n));
		ck_assert_int_eq(sbx_key_from_seed(seed, &key, &why), 0);
		put_ahead(key, 0);
		sbx_key_free(key);
		if (n % 400 == 0)
			import(); /* across imports as within one */
	}
	import();
	ck_assert_int_eq(count("SELECT count(*) FROM held"), SBX_MAX_STRANGERS);
	ck_assert_int_eq(count("SELECT count(DISTINCT did) FROM spent"),
		SBX_MAX_STRANGERS);
	ck_assert_uint_eq(im.refused, 2);
	/* It is no other one when it says more. */
	memcpy(seed, &(int){ 5 }, sizeof(int));
	ck_assert_int_eq(sbx_key_from_seed(seed, &key, &why), 0);
	put_ahead(key, 1);
	sbx_key_free(key);
	import();
	ck_assert_uint_eq(im.held, 1);
}
END_TEST

/* A payload that names nobody can be copied and signed by anybody. */
START_TEST(a_copy_does_not_keep_out_what_it_copies)
{
	struct sbx_key *third = key_of(3);

	put_ahead(them, 7);
	put_ahead(third, 7);
	import();
	ck_assert_uint_eq(im.held, 2);
	sbx_clock_set(T0 + 42 * INT64_C(86400000000));
	import();
	put_ahead(third, 7);
	import();
	sbx_key_free(third);
	ck_assert_uint_eq(im.known, 1);
	ck_assert_int_eq(count("SELECT count(*) FROM entry"), 2);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("quota");
	TCase *t = tcase_create("strangers");

	tcase_set_timeout(t, 60);
	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, a_stranger_has_its_room_for_a_day_and_no_more);
	tcase_add_test(t, dates_of_its_choice_give_a_stranger_no_more_than_all);
	tcase_add_loop_test(t, a_strangers_room_is_exact_to_the_byte, 0, 4);
	tcase_add_loop_test(t,
		what_a_member_holds_takes_none_of_the_strangers_room, 0, 3);
	tcase_add_test(t, what_is_not_ahead_takes_no_room_of_what_is);
	tcase_add_test(t, a_member_has_no_such_limit);
	tcase_add_test(t, who_becomes_a_member_in_the_same_batch_was_no_stranger);
	tcase_add_test(t, strangers_are_counted_and_the_invited_are_not_kept_out);
	tcase_add_test(t, a_stranger_has_room_for_a_few_dated_ahead);
	tcase_add_test(t, strangers_cannot_fill_what_is_held);
	tcase_add_test(t, whose_entries_are_all_held_is_counted_too);
	tcase_add_test(t, a_copy_does_not_keep_out_what_it_copies);
	suite_add_tcase(s, t);
	return finish_suite(s);
}
