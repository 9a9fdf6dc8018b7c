/* SPDX-License-Identifier: Apache-2.0 */
/* Heads, forks and new keys for old: the same on every node, whatever came
 * first (I14, I29), and nobody gains by them what was not theirs (I30). */
#include "base/base.h"
#include "json/json.h"
#include "record/record.h"
#include "directory/directory.h"
#include "people.h"

static struct sbx_entry *
offer(int who, int id, int when)
{
	return offer_as(who, id, "s", "auto", when);
}

static int
count_row(void *ctx, const struct sbx_json *row, struct sbx_err *err)
{
	(void)err;
	*(int *)ctx += sbx_json_get(row, "member")->yes;
	return 0;
}

static int
offers(void)
{
	struct sbx_state *st = open_world(NULL);
	int n = 0;

	ck_assert_int_eq(sbx_state_each(st, SBX_VIEW_OFFER, NULL, count_row, &n,
				 &why), 0);
	close_world(st);
	return n;
}

START_TEST(a_forked_author_keeps_what_was_sealed_before)
{
	join(ANN, FOUNDER, 0, 10);
	head(ANN, 1, world[count - 1], 12);
	head(ANN, 2, offer(ANN, 1, 20), 21);
	offer(ANN, 2, 30);
	ck_assert_int_eq(offers(), 2);
	head(ANN, 3, NULL, 31);
	ck_assert_int_eq(offers(), 2);
	head(ANN, 3, offer(ANN, 3, 32), 33);
	ck_assert_int_eq(offers(), 1);
	ck_assert(member(ANN));
}
END_TEST

START_TEST(a_fork_from_the_start_leaves_its_owner_a_place_to_recover)
{
	join(ANN, FOUNDER, 0, 10);
	head(ANN, 1, world[count - 1], 12);
	offer(ANN, 1, 20);
	head(ANN, 1, NULL, 21);
	ck_assert_int_eq(offers(), 0);
	ck_assert(member(ANN));
	rotate(NEW, ANN, recovery, 30);
	ck_assert(member(NEW));
	ck_assert(!member(ANN));
	offer(NEW, 1, 40);
	ck_assert_int_eq(offers(), 1);
}
END_TEST

START_TEST(nobody_else_can_fork_an_author)
{
	join(ANN, FOUNDER, 0, 10);
	head(ANN, 1, NULL, 12);
	head(THIEF, 1, NULL, 12);
	head(THIEF, 1, NULL, 13);
	ck_assert(member(ANN));
}
END_TEST

START_TEST(a_new_key_inherits_place_and_guests)
{
	head(ANN, 1, NULL, 5);
	join(ANN, FOUNDER, 0, 10);
	join(BOB, ANN, 1, 20);
	rotate(NEW, ANN, recovery, 30);
	ck_assert(member(NEW));
	ck_assert(!member(ANN));
	ck_assert(member(BOB));
	join(CID, NEW, 2, 40);
	ck_assert(member(CID));
	/* and is above whom the old one invited */
	put_out(NEW, BOB, 0, 50);
	ck_assert(!member(BOB));
}
END_TEST

START_TEST(the_founders_new_key_is_an_anchor_like_the_old_one)
{
	head(FOUNDER, 1, NULL, 5);
	join(ANN, FOUNDER, 0, 10);
	rotate(NEW, FOUNDER, recovery, 30);
	ck_assert(member(NEW));
	ck_assert(!member(FOUNDER));
	ck_assert(member(ANN));
	join(BOB, NEW, 1, 40);
	ck_assert(member(BOB));
}
END_TEST

START_TEST(a_thief_who_resigns_does_not_stop_the_owner)
{
	head(ANN, 1, NULL, 5);
	join(ANN, FOUNDER, 0, 10);
	put_out(ANN, ANN, 0, 20);
	rotate(NEW, ANN, recovery, 30);
	ck_assert(member(NEW));
}
END_TEST

START_TEST(whoever_was_put_out_has_no_place_to_give)
{
	head(ANN, 1, NULL, 5);
	join(ANN, FOUNDER, 0, 10);
	put_out(FOUNDER, ANN, 0, 20);
	rotate(NEW, ANN, recovery, 30);
	ck_assert(!member(NEW));
}
END_TEST

START_TEST(another_key_is_no_recovery_key)
{
	head(ANN, 1, NULL, 5);
	join(ANN, FOUNDER, 0, 10);
	rotate(THIEF, ANN, keys[THIEF], 30);
	rotate(THIEF, BOB, recovery, 31); /* Bob named none */
	ck_assert(!member(THIEF));
	ck_assert(member(ANN));
}
END_TEST

START_TEST(a_place_is_given_once)
{
	head(ANN, 1, NULL, 5);
	join(ANN, FOUNDER, 0, 10);
	rotate(NEW, ANN, recovery, 30);
	rotate(THIEF, ANN, recovery, 31);
	ck_assert(member(NEW));
	ck_assert(!member(THIEF));
}
END_TEST

/* ---- a rotation and what the old key had begun ---- */

START_TEST(what_the_old_key_invited_to_is_over)
{
	head(ANN, 1, NULL, 5);
	join(ANN, FOUNDER, 0, 10);
	say(invite(keys[ANN], once[1], 2, 20, 3600));
	say(accept_invite(keys[BOB], once[1], did(ANN), 25));
	rotate(NEW, ANN, recovery, 30);
	say(accept_invite(keys[CID], once[1], did(ANN), 35));
	ck_assert(member(BOB));
	ck_assert(!member(CID));
}
END_TEST

START_TEST(the_new_key_takes_back_what_the_old_one_invited_to)
{
	head(ANN, 1, NULL, 5);
	join(ANN, FOUNDER, 0, 10);
	join(THIEF, ANN, 1, 20); /* by whoever stole the old key */
	join(BOB, FOUNDER, 2, 20);
	rotate(NEW, ANN, recovery, 30);
	take_back(BOB, 1, 1, 40); /* not above it */
	ck_assert(member(THIEF));
	take_back(NEW, 1, 1, 50);
	ck_assert(!member(THIEF));
	ck_assert(member(NEW));
}
END_TEST

START_TEST(who_is_above_a_key_is_above_who_has_its_place)
{
	struct sbx_state *st;

	head(ANN, 1, NULL, 5);
	join(ANN, FOUNDER, 0, 10);
	join(BOB, ANN, 1, 20);
	join(CID, BOB, 2, 25);
	rotate(NEW, ANN, recovery, 30);
	st = open_world(NULL);
	ck_assert(sbx_state_above(st, did(FOUNDER), did(CID)));
	ck_assert(sbx_state_above(st, did(NEW), did(ANN)));
	ck_assert(sbx_state_above(st, did(NEW), did(CID)));
	ck_assert(sbx_state_above(st, did(NEW), did(NEW)));
	ck_assert(sbx_state_above(st, did(BOB), did(CID)));
	ck_assert(!sbx_state_above(st, did(ANN), did(BOB)));
	ck_assert(!sbx_state_above(st, did(BOB), did(NEW)));
	ck_assert(!sbx_state_above(st, did(CID), did(BOB)));
	ck_assert(!sbx_state_above(st, did(NEW), did(FOUNDER)));
	ck_assert(!sbx_state_above(st, did(EVE), did(EVE)));
	close_world(st);
}
END_TEST

START_TEST(the_old_key_takes_nothing_back_any_more)
{
	head(ANN, 1, NULL, 5);
	join(ANN, FOUNDER, 0, 10);
	join(BOB, ANN, 1, 20);
	rotate(NEW, ANN, recovery, 30);
	take_back(ANN, 1, 1, 40);
	put_out(ANN, BOB, 0, 41);
	put_out(ANN, NEW, 0, 42);
	put_out(ANN, ANN, 8, 43); /* itself it may, which is nobody now */
	ck_assert(member(BOB));
	ck_assert(member(NEW));
}
END_TEST

START_TEST(a_voided_invitation_takes_the_place_from_the_new_key_too)
{
	head(ANN, 1, NULL, 5);
	join(ANN, FOUNDER, 0, 10);
	join(BOB, ANN, 1, 20);
	rotate(NEW, ANN, recovery, 30);
	ck_assert(member(NEW));
	take_back(FOUNDER, 0, 1, 40);
	ck_assert(!member(NEW));
	ck_assert(!member(ANN));
	ck_assert(!member(BOB));
}
END_TEST

/* Or who is put out would hand its place on, dated back to before it. */
START_TEST(who_puts_out_the_old_key_puts_out_the_new_one)
{
	head(ANN, 1, NULL, 5);
	join(ANN, FOUNDER, 0, 10);
	put_out(FOUNDER, ANN, 0, 40);
	rotate(NEW, ANN, recovery, 39);
	ck_assert(!member(ANN));
	ck_assert(!member(NEW));
	join(NEW, FOUNDER, 1, 50);
	ck_assert(member(NEW));
	for (int seed = 1; seed <= 4; seed++)
		check_order(seed);
}
END_TEST

START_TEST(a_key_that_was_put_out_says_nothing_of_before_when_it_takes_a_place)
{
	head(ANN, 1, NULL, 5);
	join(ANN, FOUNDER, 0, 10);
	join(NEW, FOUNDER, 1, 10);
	offer(NEW, 1, 15);
	put_out(FOUNDER, NEW, 0, 20);
	rotate(NEW, ANN, recovery, 30);
	ck_assert(member(NEW));
	ck_assert_int_eq(offers(), 0);
	offer(NEW, 2, 40);
	ck_assert_int_eq(offers(), 1);
}
END_TEST

START_TEST(an_inviter_may_take_its_guests_place)
{
	join(ANN, FOUNDER, 0, 10);
	head(BOB, 1, NULL, 5);
	join(BOB, ANN, 1, 20);
	put_out(FOUNDER, ANN, 0, 25);
	rotate(ANN, BOB, recovery, 30);
	ck_assert(member(ANN));
	check_field(SBX_VIEW_MEMBER, did(ANN), "inviter", did(FOUNDER));
}
END_TEST

static char proposal_id[SBX_ID_SIZE];

/* Opened by Ann at 50, until 100; she, Bob and the founder are for it. */
static void
voted(void)
{
	head(ANN, 1, NULL, 5);
	join(ANN, FOUNDER, 0, 10);
	join(BOB, FOUNDER, 1, 10);
	join(CID, FOUNDER, 2, 10);
	proposal_id[0] = '\0';
	say(proposal(keys[ANN], proposal_id, &(struct asked){ "change_protocol",
		"{}", "one_node_one_voice", "0.6", 50, 100 }));
	say(voice(keys[ANN], proposal_id, "for", 60));
	say(voice(keys[BOB], proposal_id, "for", 60));
	say(voice(keys[FOUNDER], proposal_id, "for", 60));
}

START_TEST(what_the_old_key_proposed_is_still_decided_upon)
{
	voted();
	rotate(NEW, ANN, recovery, 70);
	/* Its voice went with it: two of four. */
	check_field(SBX_VIEW_PROPOSAL, proposal_id, "votes_for", "2");
	check_field(SBX_VIEW_PROPOSAL, proposal_id, "votes_of", "4");
	check_field(SBX_VIEW_PROPOSAL, proposal_id, "status", "failed");
	say(voice(keys[ANN], proposal_id, "for", 75)); /* no more */
	check_field(SBX_VIEW_PROPOSAL, proposal_id, "votes_for", "2");
	say(voice(keys[NEW], proposal_id, "for", 80));
	check_field(SBX_VIEW_PROPOSAL, proposal_id, "votes_for", "3");
	check_field(SBX_VIEW_PROPOSAL, proposal_id, "status", "passed");
	for (int seed = 1; seed <= 4; seed++)
		check_order(seed);
}
END_TEST

START_TEST(what_was_decided_before_a_rotation_is_decided)
{
	voted();
	rotate(NEW, ANN, recovery, 101);
	check_field(SBX_VIEW_PROPOSAL, proposal_id, "votes_for", "3");
	check_field(SBX_VIEW_PROPOSAL, proposal_id, "status", "passed");
}
END_TEST

START_TEST(any_order_of_arrival_gives_the_same_state)
{
	head(ANN, 1, NULL, 5);
	join(ANN, FOUNDER, 0, 10);
	head(ANN, 2, world[count - 1], 12);
	join(BOB, ANN, 1, 20);
	offer(ANN, 1, 21);
	head(ANN, 3, world[count - 1], 22);
	head(ANN, 3, NULL, 22);
	rotate(NEW, ANN, recovery, 30);
	rotate(THIEF, ANN, recovery, 30);
	join(CID, NEW, 2, 40);
	offer(NEW, 2, 41);
	check_order(_i + 1);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("seal");
	TCase *t = tcase_create("seal");

	tcase_add_checked_fixture(t, people_begin, people_end);
	tcase_set_timeout(t, 60);
	tcase_add_test(t, a_forked_author_keeps_what_was_sealed_before);
	tcase_add_test(t,
		a_fork_from_the_start_leaves_its_owner_a_place_to_recover);
	tcase_add_test(t, nobody_else_can_fork_an_author);
	tcase_add_test(t, a_new_key_inherits_place_and_guests);
	tcase_add_test(t, the_founders_new_key_is_an_anchor_like_the_old_one);
	tcase_add_test(t, a_thief_who_resigns_does_not_stop_the_owner);
	tcase_add_test(t, whoever_was_put_out_has_no_place_to_give);
	tcase_add_test(t, another_key_is_no_recovery_key);
	tcase_add_test(t, a_place_is_given_once);
	tcase_add_test(t, what_the_old_key_invited_to_is_over);
	tcase_add_test(t,
		the_new_key_takes_back_what_the_old_one_invited_to);
	tcase_add_test(t, who_is_above_a_key_is_above_who_has_its_place);
	tcase_add_test(t, the_old_key_takes_nothing_back_any_more);
	tcase_add_test(t,
		a_voided_invitation_takes_the_place_from_the_new_key_too);
	tcase_add_test(t, who_puts_out_the_old_key_puts_out_the_new_one);
	tcase_add_test(t,
		a_key_that_was_put_out_says_nothing_of_before_when_it_takes_a_place);
	tcase_add_test(t, an_inviter_may_take_its_guests_place);
	tcase_add_test(t, what_the_old_key_proposed_is_still_decided_upon);
	tcase_add_test(t, what_was_decided_before_a_rotation_is_decided);
	tcase_add_loop_test(t, any_order_of_arrival_gives_the_same_state, 0, 20);
	suite_add_tcase(s, t);
	return finish_suite(s);
}
