/* SPDX-License-Identifier: Apache-2.0 */
/* Entries that were dated ahead, by a box whose clock was wrong: left out until
 * their time has come, wherever they are; and never in the way of what their
 * author said later. */
#include "base/base.h"
#include "record/record.h"
#include "ledger/ledger.h"
#include "directory/directory.h"
#include "people.h"

#define HOUR 3600
#define SERVICE 7

static void
setup(void)
{
	people_begin();
	join(ANN, FOUNDER, 0, 10);
}

static void
teardown(void)
{
	people_end();
}

static void
clock_at(int seconds)
{
	sbx_clock_set(T0 + seconds * INT64_C(1000000));
}

/* The state at that time of a ledger that took all of it at another one. */
static void
digest_taken(int taken, int now, unsigned char out[static 32])
{
	struct sbx_state *st = NULL;
	struct sbx_log *log;

	clock_at(taken);
	log = open_log(NULL);
	clock_at(now);
	ck_assert_int_eq(sbx_log_begin(log, &why), 0); /* what is due comes in */
	ck_assert_int_eq(sbx_log_commit(log, &why), 0);
	ck_assert_msg(sbx_state_open(log, &st, &why) == 0, "%s", why.text);
	ck_assert_msg(sbx_state_digest(st, out, &why) == 0, "%s", why.text);
	close_world(st);
}

/* One claim of each kind, by Ann. */
static void
say_all(int when)
{
	char proposal_id[SBX_ID_SIZE] = "";

	offer_as(ANN, SERVICE, "mirror", "auto", when);
	subscribe(ANN, number(100), number(SERVICE), when + 1);
	decide(ANN, true, number(100), number(SERVICE), when + 2);
	say(sign(keys[ANN], "name_bind", NULL, "{\"did\":\"%s\",\"name\":"
		"\"bob\",\"bound_at\":\"%s\"}", did(BOB), at(when + 3)));
	say(sign(keys[ANN], "ban_publish", NULL, "{\"ban_id\":\"%064d\",\"ip\":"
		"\"192.0.2.1\",\"reason\":\"\",\"severity\":1,\"created_at\":"
		"\"%s\",\"expires_at\":null}", 1, at(when + 4)));
	join(BOB, ANN, 1, when + 5);
	say(proposal(keys[ANN], proposal_id, &(struct asked){ "add_anchor", "{}",
		"one_node_one_voice", "0.6", when + 7, when + 9000 }));
	say(voice(keys[ANN], proposal_id, "for", when + 8));
	put_out(ANN, BOB, 0, when + 9);
	head(ANN, 1, world[count - 1], when + 10);
	head(ANN, 1, NULL, when + 11); /* and a fork */
	withdraw(ANN, number(SERVICE), when + 12);
}

/* I14: what a box took while its clock was ahead is what others hold back. */
START_TEST(an_entry_dated_ahead_is_left_out_until_its_time_wherever_it_is)
{
	static const int asked[] = { HOUR, 5 * HOUR - 605, 5 * HOUR - 594,
		5 * HOUR - 590, 5 * HOUR, 9 * HOUR };
	unsigned char here[32], there[32];

	say_all(HOUR / 2);
	say_all(5 * HOUR);
	for (size_t i = 0; i < sizeof(asked) / sizeof(asked[0]); i++) {
		digest_taken(6 * HOUR, asked[i], here);
		digest_taken(asked[i], asked[i], there);
		ck_assert_msg(memcmp(here, there, 32) == 0,
			"%d s later the two have different states", asked[i]);
	}
}
END_TEST

START_TEST(what_is_kept_of_the_fold_ends_when_an_entry_gets_due)
{
	unsigned char kept[32], folded[32];

	join(BOB, ANN, 1, 5 * HOUR);
	for (int now = HOUR; now < 6 * HOUR; now += HOUR) {
		sbx_cache_from(0);
		digest_taken(9 * HOUR, now, kept);
		sbx_cache_from(INT64_MAX);
		digest_taken(9 * HOUR, now, folded);
		ck_assert_msg(memcmp(kept, folded, 32) == 0,
			"after %d s it is not what the fold gives", now);
	}
}
END_TEST

/* A head of Ann's over those entries, in that order. */
static void
cover(int n, struct sbx_entry *const *list, int many, int when)
{
	char items[4096] = "", hex[65];

	for (int i = 0; i < many; i++) {
		sbx_hex_write(hex, list[i]->id, SBX_HASH_BYTES);
		snprintf(items + strlen(items), sizeof(items) - strlen(items),
			"%s\"%s\"", i > 0 ? "," : "", hex);
	}
	say(sign(keys[ANN], "witness", "SbxHead", "{\"v\":1,\"seq\":%d,"
		"\"prev\":null,\"items\":[%s],\"rec\":null,\"created_at\":"
		"\"%s\"}", n, items, at(when)));
}

/* That offer of Ann's, and not the one that another date is on, is the one that
 * counts at those times. */
static void
check_offer(const char *name, const char *status, int from, int to)
{
	for (int now = from; now <= to; now += 2 * HOUR) {
		clock_at(now);
		check_field(SBX_VIEW_OFFER, number(SERVICE), "name", name);
		check_field(SBX_VIEW_OFFER, number(SERVICE), "status", status);
		for (int seed = 1; seed < 4; seed++)
			check_order(seed);
	}
}

START_TEST(a_claim_dated_ahead_does_not_win_over_a_later_one)
{
	struct sbx_entry *both[2];

	both[0] = offer_as(ANN, SERVICE, "ahead", "auto", 5 * HOUR);
	both[1] = offer_as(ANN, SERVICE, "right", "auto", HOUR);
	check_offer("right", "live", HOUR, 4 * HOUR);
	check_offer("ahead", "live", 6 * HOUR, 6 * HOUR); /* nothing proves it */
	cover(1, both, 2, HOUR + 1);
	check_offer("right", "live", HOUR, 9 * HOUR);
}
END_TEST

START_TEST(the_head_that_was_signed_ahead_proves_it_too)
{
	struct sbx_entry *ahead, *right;

	ahead = offer_as(ANN, SERVICE, "ahead", "auto", 5 * HOUR);
	cover(1, &ahead, 1, 5 * HOUR + 1);
	right = offer_as(ANN, SERVICE, "right", "auto", HOUR);
	cover(2, &right, 1, HOUR + 1);
	check_offer("right", "live", HOUR, 9 * HOUR);
}
END_TEST

START_TEST(a_removal_that_was_said_later_holds_and_one_said_before_does_not)
{
	struct sbx_entry *list[3];

	list[0] = offer_as(ANN, SERVICE, "first", "auto", 5 * HOUR);
	withdraw(ANN, number(SERVICE), HOUR);
	list[1] = world[count - 1];
	cover(1, list, 2, HOUR + 1);
	clock_at(HOUR + 1);
	check_rows(SBX_VIEW_OFFER, number(SERVICE), "name status", "");
	check_offer("first", "withdrawn", 6 * HOUR, 9 * HOUR);
	list[2] = offer_as(ANN, SERVICE, "again", "auto", 2 * HOUR);
	cover(2, list + 2, 1, 2 * HOUR + 1);
	check_offer("again", "live", 2 * HOUR, 9 * HOUR);
}
END_TEST

/* What Ann said from the first-th word on, under heads as her box signs them at
 * that time by its clock: an entry that is ahead of it begins one. */
static void
seal(struct sbx_entry *const *list, int *first, int end, int now, int *n)
{
	int64_t due = T0 + now * SBX_SECOND + SBX_MAX_AHEAD;
	int64_t newest = T0 + now * SBX_SECOND;

	for (int i = 0; i < end; i++)
		if (list[i]->time <= due && list[i]->time > newest)
			newest = list[i]->time;
	while (*first < end) {
		int many = 1;

		while (*first + many < end &&
			(list[*first + many]->time <= due ||
				list[*first + many - 1]->time > due))
			many++;
		cover((*n)++, list + *first, many,
			(int)((newest - T0) / SBX_SECOND));
		*first += many;
	}
}

/* A box whose clock is put right, or wrong, now and then; what is ahead of it
 * is sealed with what is said next.  Of what is due the last word holds. */
START_TEST(whatever_the_clock_did_the_last_word_that_is_due_holds)
{
	static const int skews[] = { 0, 0, 0, 1800, HOUR, 30 * HOUR, -HOUR };
	enum { WORDS = 10 };
	int skew = 0, first = 0, n = 1, when, now = 0;
	struct sbx_entry *list[WORDS];
	bool ahead;
	char name[16];

	srand((unsigned)_i);
	for (int i = 0; i < WORDS; i++) {
		if (rand() % 3 == 0)
			skew = skews[rand() % 7];
		now = when = 2 * HOUR + 60 * i + skew;
		ahead = false;
		for (int j = 0; j < i; j++) { /* not before what is due of it */
			int date = (int)((list[j]->time - T0) / SBX_SECOND);

			ahead |= date > now + 600;
			if (date <= now + 600 && date >= when)
				when = date + 1;
		}
		snprintf(name, sizeof(name), "word%d", i);
		list[i] = offer_as(ANN, SERVICE, name, "auto", when);
		if (ahead || rand() % 2 == 0)
			seal(list, &first, i + 1, now, &n);
	}
	seal(list, &first, WORDS, now, &n);
	for (int t = 4 * HOUR; t < 70 * HOUR; t += 33 * HOUR) {
		clock_at(t);
		name[0] = '\0';
		for (int i = 0; i < WORDS; i++)
			if (list[i]->time <= T0 + t * SBX_SECOND + SBX_MAX_AHEAD)
				snprintf(name, sizeof(name), "word%d", i);
		if (name[0] != '\0')
			check_field(SBX_VIEW_OFFER, number(SERVICE), "name", name);
		check_order(_i);
	}
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("dates");
	TCase *t = tcase_create("dates");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_set_timeout(t, 120);
	tcase_add_test(t,
		an_entry_dated_ahead_is_left_out_until_its_time_wherever_it_is);
	tcase_add_test(t, what_is_kept_of_the_fold_ends_when_an_entry_gets_due);
	tcase_add_test(t, a_claim_dated_ahead_does_not_win_over_a_later_one);
	tcase_add_test(t, the_head_that_was_signed_ahead_proves_it_too);
	tcase_add_test(t,
		a_removal_that_was_said_later_holds_and_one_said_before_does_not);
	tcase_add_loop_test(t,
		whatever_the_clock_did_the_last_word_that_is_due_holds, 0, 24);
	suite_add_tcase(s, t);
	return finish_suite(s);
}
