/* SPDX-License-Identifier: Apache-2.0 */
/* Who is a member, and that order of arrival means nothing (I14). */
#include "base/base.h"
#include "directory/directory.h"
#include "people.h"

/* I15 */
START_TEST(a_strangers_own_claim_counts_for_nothing)
{
	say(identity(keys[EVE], NULL, 1));
	say(identity(keys[EVE], did(FOUNDER), 1));
	ck_assert(member(FOUNDER));
	ck_assert(!member(EVE));
}
END_TEST

START_TEST(an_invitation_makes_a_member_and_its_guest_too)
{
	join(ANN, FOUNDER, 0, 10);
	join(BOB, ANN, 1, 20);
	ck_assert(member(ANN));
	ck_assert(member(BOB));
}
END_TEST

/* I15 */
START_TEST(a_stranger_cannot_invite)
{
	join(BOB, EVE, 0, 10);
	ck_assert(!member(BOB));
}
END_TEST

START_TEST(an_invitation_cannot_be_used_late)
{
	say(invite(keys[FOUNDER], once[0], 1, 10, 20));
	say(accept_invite(keys[ANN], once[0], did(FOUNDER), 21));
	ck_assert(!member(ANN));
}
END_TEST

START_TEST(the_earlier_of_two_wins_the_last_use)
{
	say(invite(keys[FOUNDER], once[0], 1, 10, 3600));
	say(accept_invite(keys[ANN], once[0], did(FOUNDER), 31));
	say(accept_invite(keys[BOB], once[0], did(FOUNDER), 30));
	ck_assert(member(BOB));
	ck_assert(!member(ANN));
}
END_TEST

START_TEST(who_joined_before_its_inviter_did_is_not_a_member)
{
	join(BOB, ANN, 1, 5);
	join(ANN, FOUNDER, 0, 10);
	ck_assert(member(ANN));
	ck_assert(!member(BOB));
}
END_TEST

START_TEST(anyone_may_revoke_itself_and_those_below_nobody_else)
{
	join(ANN, FOUNDER, 0, 10);
	join(BOB, ANN, 1, 20);
	join(CID, FOUNDER, 2, 30);
	put_out(CID, BOB, 0, 40); /* not above Bob */
	put_out(BOB, ANN, 0, 41); /* below Ann */
	put_out(EVE, ANN, 8, 42); /* a stranger */
	put_out(ANN, FOUNDER, 8, 43);
	ck_assert(member(ANN));
	ck_assert(member(BOB));
	ck_assert(member(FOUNDER));
	put_out(ANN, BOB, 0, 50);
	put_out(CID, CID, 0, 51);
	ck_assert(!member(BOB));
	ck_assert(!member(CID));
	ck_assert(member(ANN));
}
END_TEST

START_TEST(a_cascade_reaches_as_far_as_it_says)
{
	join(ANN, FOUNDER, 0, 10);
	join(BOB, ANN, 1, 20);
	join(CID, BOB, 2, 30);
	put_out(FOUNDER, ANN, 1, 40);
	ck_assert(!member(ANN));
	ck_assert(!member(BOB));
	ck_assert(member(CID));
}
END_TEST

/* I15: who is out takes nobody along any more, who leaves does. */
START_TEST(a_cascade_of_ones_own_counts_while_one_is_in)
{
	join(ANN, FOUNDER, 0, 10);
	join(BOB, ANN, 1, 20);
	join(CID, FOUNDER, 2, 20);
	join(EVE, CID, 3, 30);
	put_out(FOUNDER, ANN, 0, 40);
	put_out(ANN, ANN, 8, 50);
	put_out(CID, CID, 8, 50);
	ck_assert(!member(ANN));
	ck_assert_msg(member(BOB), "Ann, who was out, has put out Bob");
	ck_assert(!member(CID));
	ck_assert_msg(!member(EVE), "Cid has not taken Eve along");
	check_order(1);
	check_order(2);
}
END_TEST

START_TEST(what_the_revoked_sign_later_counts_for_nothing)
{
	join(ANN, FOUNDER, 0, 10);
	join(BOB, FOUNDER, 1, 11);
	say(invite(keys[ANN], once[2], 1, 15, 3600));
	put_out(FOUNDER, ANN, 0, 20);
	say(accept_invite(keys[CID], once[2], did(ANN), 25));
	join(EVE, ANN, 3, 30);
	ck_assert(!member(CID));
	ck_assert(!member(EVE));
}
END_TEST

START_TEST(removal_beats_what_is_concurrent_and_a_later_invitation_heals)
{
	join(ANN, FOUNDER, 0, 10); /* accepts at 11 */
	put_out(FOUNDER, ANN, 0, 11);
	ck_assert(!member(ANN));
	join(ANN, FOUNDER, 1, 20);
	ck_assert(member(ANN));
}
END_TEST

START_TEST(an_invitation_taken_back_lets_nobody_in_from_then_on)
{
	say(invite(keys[FOUNDER], once[0], 3, 10, 3600));
	say(accept_invite(keys[ANN], once[0], did(FOUNDER), 20));
	say(accept_invite(keys[CID], once[0], did(FOUNDER), 30));
	say(accept_invite(keys[BOB], once[0], did(FOUNDER), 31));
	take_back(FOUNDER, 0, 0, 30);
	ck_assert(member(ANN));
	ck_assert(!member(CID)); /* at the same instant: removal wins */
	ck_assert(!member(BOB));
}
END_TEST

START_TEST(an_invitation_voided_never_let_anybody_in)
{
	join(ANN, FOUNDER, 0, 10);
	join(BOB, ANN, 1, 20);
	take_back(FOUNDER, 0, 1, 9000);
	ck_assert(!member(ANN));
	ck_assert(!member(BOB));
}
END_TEST

START_TEST(only_who_is_above_takes_back_an_invitation)
{
	join(ANN, FOUNDER, 0, 10);
	join(BOB, ANN, 1, 20);
	join(CID, BOB, 2, 30);
	take_back(BOB, 1, 1, 40); /* its own way in */
	take_back(EVE, 0, 1, 40);
	take_back(CID, 0, 1, 40);
	ck_assert(member(ANN));
	ck_assert(member(CID));
	take_back(ANN, 2, 1, 50); /* of a guest of its own */
	ck_assert(!member(CID));
	ck_assert(member(BOB));
}
END_TEST

START_TEST(who_comes_in_by_a_voided_invitation_takes_nothing_back)
{
	join(ANN, FOUNDER, 0, 10);
	join(BOB, ANN, 1, 20);
	put_out(FOUNDER, ANN, 0, 30);
	join(ANN, FOUNDER, 2, 40); /* by an invitation that is voided */
	take_back(FOUNDER, 2, 1, 60);
	take_back(ANN, 1, 1, 50);
	ck_assert(!member(ANN));
	ck_assert(member(BOB));
}
END_TEST

START_TEST(readmission_takes_an_invitation_newer_than_the_removal)
{
	say(invite(keys[FOUNDER], once[0], 5, 10, 3600));
	say(accept_invite(keys[ANN], once[0], did(FOUNDER), 11));
	put_out(FOUNDER, ANN, 0, 20);
	say(accept_invite(keys[ANN], once[0], did(FOUNDER), 30));
	ck_assert(!member(ANN));
	join(ANN, FOUNDER, 1, 40);
	ck_assert(member(ANN));
}
END_TEST

START_TEST(the_state_of_an_earlier_time_leaves_out_what_came_later)
{
	struct sbx_state *st;

	join(ANN, FOUNDER, 0, 10);
	put_out(FOUNDER, ANN, 0, 20);
	st = open_world(NULL);
	ck_assert(!sbx_state_member(st, did(ANN)));
	sbx_state_free(st);
	st = NULL;
	ck_assert_int_eq(sbx_state_open_at(world_log,
				 T0 + 15 * INT64_C(1000000), &st, &why), 0);
	ck_assert(sbx_state_member(st, did(ANN)));
	close_world(st);
}
END_TEST

/* ---- services -------------------------------------------------------------- */

#define SERVICE "00000000000000000000000000000000000000000000000000000000000000aa"
#define SUB "00000000000000000000000000000000000000000000000000000000000000bb"

static void
offer(int who, const char *name, const char *mode, int when)
{
	offer_as(who, 0xaa, name, mode, when);
}

START_TEST(an_invitation_of_before_a_removal_is_over_with_it)
{
	join(ANN, FOUNDER, 0, 10);
	say(invite(keys[ANN], once[2], 1, 15, 3600));
	put_out(FOUNDER, ANN, 0, 20);
	join(ANN, FOUNDER, 1, 30);
	say(accept_invite(keys[CID], once[2], did(ANN), 40));
	ck_assert(member(ANN));
	ck_assert(!member(CID));
	join(CID, ANN, 3, 50);
	ck_assert(member(CID));
}
END_TEST

/* A date is its author's word: what a revoked member dates back was said before,
 * as far as anybody can tell. */
START_TEST(what_the_revoked_date_back_counts_and_can_be_undone)
{
	join(ANN, FOUNDER, 0, 10);
	put_out(FOUNDER, ANN, 0, 20);
	join(EVE, ANN, 1, 15);
	ck_assert(member(EVE));
	ck_assert(!member(ANN));
	put_out(FOUNDER, EVE, 0, 100);
	ck_assert(!member(EVE));
	for (int seed = 1; seed <= 4; seed++)
		check_order(seed);
}
END_TEST

START_TEST(a_cascade_reaches_who_comes_in_by_a_date_set_back)
{
	join(ANN, FOUNDER, 0, 10);
	put_out(FOUNDER, ANN, 8, 20);
	join(EVE, ANN, 1, 15);
	join(CID, EVE, 2, 17);
	ck_assert(!member(EVE));
	ck_assert(!member(CID));
}
END_TEST

START_TEST(nobody_dates_back_to_before_it_came_in)
{
	join(ANN, FOUNDER, 0, 10); /* in at 11 */
	join(EVE, ANN, 1, 8);
	put_out(ANN, ANN, 0, 9);
	ck_assert(!member(EVE));
	ck_assert(member(ANN));
}
END_TEST

START_TEST(a_removed_anchor_comes_back_as_a_member)
{
	join(ANN, FOUNDER, 0, 10);
	put_out(FOUNDER, FOUNDER, 0, 20);
	check_field(SBX_VIEW_MEMBER, did(FOUNDER), "state", "revoked");
	join(FOUNDER, ANN, 1, 30);
	check_field(SBX_VIEW_MEMBER, did(FOUNDER), "state", "member");
}
END_TEST

START_TEST(the_later_claim_of_one_author_stands)
{
	offer(FOUNDER, "new", "auto", 20);
	offer(FOUNDER, "old", "auto", 10);
	check_field(SBX_VIEW_OFFER, SERVICE, "name", "new");
}
END_TEST

/* I15 */
START_TEST(a_stranger_does_not_take_over_an_offer)
{
	offer(FOUNDER, "true", "auto", 10);
	offer(EVE, "false", "auto", 20);
	check_field(SBX_VIEW_OFFER, SERVICE, "name", "true");
}
END_TEST

START_TEST(a_withdrawn_offer_may_be_made_again)
{
	offer(FOUNDER, "x", "auto", 10);
	withdraw(FOUNDER, SERVICE, 10);
	check_field(SBX_VIEW_OFFER, SERVICE, "status", "withdrawn");
	offer(FOUNDER, "x", "auto", 11);
	check_field(SBX_VIEW_OFFER, SERVICE, "status", "live");
}
END_TEST

START_TEST(a_subscription_lives_as_the_provider_says)
{
	join(ANN, FOUNDER, 0, 1);
	offer(FOUNDER, "x", "pending", 10);
	subscribe(ANN, SUB, SERVICE, 20);
	check_field(SBX_VIEW_SUB, SUB, "status", "waiting");
	decide(EVE, true, SUB, SERVICE, 25); /* not the provider */
	check_field(SBX_VIEW_SUB, SUB, "status", "waiting");
	decide(FOUNDER, true, SUB, SERVICE, 30);
	check_field(SBX_VIEW_SUB, SUB, "status", "live");
	decide(FOUNDER, false, SUB, SERVICE, 30);
	check_field(SBX_VIEW_SUB, SUB, "status", "rejected");
	decide(FOUNDER, true, SUB, SERVICE, 40);
	check_field(SBX_VIEW_SUB, SUB, "status", "live");
	say(sign(keys[ANN], "service_revoke_sub", NULL,
		"{\"subscription_id\":\"" SUB "\",\"revoked_at\":\"%s\"}", at(50)));
	check_field(SBX_VIEW_SUB, SUB, "status", "cancelled");
}
END_TEST

START_TEST(what_the_revoked_offer_with_an_early_date_is_over_too)
{
	join(ANN, FOUNDER, 0, 1);
	put_out(FOUNDER, ANN, 0, 50);
	offer(ANN, "x", "auto", 10);
	check_field(SBX_VIEW_OFFER, NULL, "member", "false");
}
END_TEST

START_TEST(an_approval_of_before_a_providers_removal_is_over_with_it)
{
	join(ANN, FOUNDER, 0, 1);
	join(BOB, FOUNDER, 1, 1);
	offer(ANN, "x", "pending", 10);
	subscribe(BOB, SUB, SERVICE, 20);
	decide(ANN, true, SUB, SERVICE, 30);
	check_field(SBX_VIEW_SUB, SUB, "status", "live");
	put_out(FOUNDER, ANN, 0, 40);
	check_field(SBX_VIEW_SUB, SUB, "status", "ended");
	join(ANN, FOUNDER, 2, 50);
	offer(ANN, "x", "pending", 60);
	check_field(SBX_VIEW_SUB, SUB, "status", "waiting");
	decide(ANN, true, SUB, SERVICE, 70);
	check_field(SBX_VIEW_SUB, SUB, "status", "live");
}
END_TEST

/* ---- whose an identifier is ---- */

static void
check_subs(const char *want)
{
	check_rows(SBX_VIEW_SUB, NULL, "subscriber status", want);
}

/* I15: an approval names an identifier alone. */
START_TEST(nobody_comes_in_by_anothers_approved_subscription)
{
	char id[SBX_ID_SIZE];

	join(ANN, FOUNDER, 0, 1);
	join(EVE, FOUNDER, 1, 1);
	offer(FOUNDER, "x", "pending", 10);
	sbx_sub_id(id, did(ANN), SERVICE, T0 + 20 * INT64_C(1000000));
	subscribe(ANN, id, SERVICE, 20);
	decide(FOUNDER, true, id, SERVICE, 30);
	subscribe(EVE, id, SERVICE, 20);
	check_subs("ann live; ");
	for (int seed = 1; seed <= 4; seed++)
		check_order(seed);
}
END_TEST

START_TEST(an_approval_of_one_of_two_that_share_a_number_is_of_neither)
{
	join(ANN, FOUNDER, 0, 1);
	join(EVE, FOUNDER, 1, 1);
	offer(FOUNDER, "x", "pending", 10);
	subscribe(ANN, SUB, SERVICE, 20); /* as older nodes do */
	decide(FOUNDER, true, SUB, SERVICE, 30);
	check_subs("ann live; ");
	subscribe(EVE, SUB, SERVICE, 19);
	check_subs("ann contested; eve contested; ");
	offer(FOUNDER, "x", "auto", 40); /* which needs none */
	check_subs("ann live; eve live; ");
}
END_TEST

START_TEST(nobody_takes_an_offers_identifier)
{
	char id[SBX_ID_SIZE];

	join(ANN, FOUNDER, 0, 1);
	sbx_offer_id(id, did(FOUNDER), "mirror");
	for (int who = FOUNDER; who <= ANN; who++)
		say(sign(keys[who], "service_offer", NULL,
			"{\"service_id\":\"%s\",\"name\":\"mirror\",\"kind\":"
			"\"http\",\"endpoint\":\"10.10.0.%d:80\",\"scope\":{},"
			"\"approval_mode\":\"auto\",\"description\":\"\","
			"\"created_at\":\"%s\"}", id, who, at(10 - who)));
	check_field(SBX_VIEW_OFFER, id, "provider", did(FOUNDER));
	check_field(SBX_VIEW_OFFER, NULL, "provider", did(FOUNDER));
	for (int seed = 1; seed <= 4; seed++)
		check_order(seed);
}
END_TEST

START_TEST(an_auto_offer_waits_for_nobody)
{
	offer(FOUNDER, "x", "auto", 10);
	subscribe(EVE, SUB, SERVICE, 20);
	check_field(SBX_VIEW_SUB, SUB, "status", "live");
	decide(FOUNDER, false, SUB, SERVICE, 30);
	check_field(SBX_VIEW_SUB, SUB, "status", "rejected");
}
END_TEST

/* ---- order ------------------------------------------------------------------ */

/* I14 */
START_TEST(any_order_of_arrival_gives_the_same_state)
{
	unsigned char want[32], got[32];

	join(ANN, FOUNDER, 0, 10);
	join(BOB, ANN, 1, 20);
	join(CID, BOB, 2, 30);
	say(invite(keys[FOUNDER], once[3], 1, 31, 3600));
	say(accept_invite(keys[EVE], once[3], did(FOUNDER), 33));
	say(accept_invite(keys[CID], once[3], did(FOUNDER), 32));
	put_out(FOUNDER, ANN, 2, 40);
	put_out(ANN, BOB, 0, 40);
	join(BOB, FOUNDER, 4, 41);
	offer(FOUNDER, "a", "pending", 50);
	offer(FOUNDER, "b", "pending", 50); /* one date: the hash decides */
	offer(BOB, "c", "auto", 51);
	subscribe(ANN, SUB, SERVICE, 52);
	decide(FOUNDER, true, SUB, SERVICE, 60);
	decide(FOUNDER, false, SUB, SERVICE, 60);
	check_order(_i + 1);
	/* and the digest does see a difference */
	digest(NULL, want);
	put_out(FOUNDER, BOB, 0, 70);
	digest(NULL, got);
	ck_assert_mem_ne(want, got, 32);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("state");
	TCase *t = tcase_create("state");

	tcase_add_checked_fixture(t, people_begin, people_end);
	tcase_set_timeout(t, 60);
	tcase_add_test(t, a_strangers_own_claim_counts_for_nothing);
	tcase_add_test(t, an_invitation_makes_a_member_and_its_guest_too);
	tcase_add_test(t, a_stranger_cannot_invite);
	tcase_add_test(t, an_invitation_cannot_be_used_late);
	tcase_add_test(t, the_earlier_of_two_wins_the_last_use);
	tcase_add_test(t, who_joined_before_its_inviter_did_is_not_a_member);
	tcase_add_test(t, anyone_may_revoke_itself_and_those_below_nobody_else);
	tcase_add_test(t, a_cascade_reaches_as_far_as_it_says);
	tcase_add_test(t, a_cascade_of_ones_own_counts_while_one_is_in);
	tcase_add_test(t, what_the_revoked_sign_later_counts_for_nothing);
	tcase_add_test(t,
		removal_beats_what_is_concurrent_and_a_later_invitation_heals);
	tcase_add_test(t,
		an_invitation_taken_back_lets_nobody_in_from_then_on);
	tcase_add_test(t, an_invitation_voided_never_let_anybody_in);
	tcase_add_test(t, only_who_is_above_takes_back_an_invitation);
	tcase_add_test(t,
		who_comes_in_by_a_voided_invitation_takes_nothing_back);
	tcase_add_test(t,
		readmission_takes_an_invitation_newer_than_the_removal);
	tcase_add_test(t, an_invitation_of_before_a_removal_is_over_with_it);
	tcase_add_test(t, what_the_revoked_date_back_counts_and_can_be_undone);
	tcase_add_test(t, a_cascade_reaches_who_comes_in_by_a_date_set_back);
	tcase_add_test(t, nobody_dates_back_to_before_it_came_in);
	tcase_add_test(t, a_removed_anchor_comes_back_as_a_member);
	tcase_add_test(t,
		the_state_of_an_earlier_time_leaves_out_what_came_later);
	tcase_add_test(t, the_later_claim_of_one_author_stands);
	tcase_add_test(t, a_stranger_does_not_take_over_an_offer);
	tcase_add_test(t, a_withdrawn_offer_may_be_made_again);
	tcase_add_test(t, a_subscription_lives_as_the_provider_says);
	tcase_add_test(t,
		what_the_revoked_offer_with_an_early_date_is_over_too);
	tcase_add_test(t,
		an_approval_of_before_a_providers_removal_is_over_with_it);
	tcase_add_test(t, nobody_comes_in_by_anothers_approved_subscription);
	tcase_add_test(t,
		an_approval_of_one_of_two_that_share_a_number_is_of_neither);
	tcase_add_test(t, nobody_takes_an_offers_identifier);
	tcase_add_test(t, an_auto_offer_waits_for_nobody);
	tcase_add_loop_test(t, any_order_of_arrival_gives_the_same_state, 0, 20);
	suite_add_tcase(s, t);
	return finish_suite(s);
}
