/* SPDX-License-Identifier: Apache-2.0 */
/* Proposals and emancipation: who counts, when, and what comes of it. */
#include "base/base.h"
#include "directory/directory.h"
#include "people.h"

/* Founder, Ann and Bob below it, Cid below Ann. */
static void
setup(void)
{
	people_begin();
	join_in(ANN, FOUNDER, 0, "lab", 10);
	join_in(BOB, FOUNDER, 1, "home", 10);
	join_in(CID, ANN, 2, "lab", 20);
}

static void
propose_as(int who, int id, const char *type, const char *body,
	const char *rule, const char *most, int opens, int closes)
{
	say(proposal(keys[who], number(id), &(struct asked){ type, body, rule,
		most, opens, closes }));
}

static void
propose(int id, const char *type, const char *body, int opens)
{
	propose_as(FOUNDER, id, type, body, "one_node_one_voice", "0.6", opens,
		opens + 100);
}

static void
vote(int who, int id, const char *choice, int when)
{
	say(voice(keys[who], number(id), choice, when));
}

static void
check(enum sbx_view view, int id, const char *field, const char *want)
{
	check_field(view, id != 0 ? number(id) : NULL, field, want);
}

static void
check_status(int id, const char *want)
{
	check(SBX_VIEW_PROPOSAL, id, "status", want);
}

START_TEST(six_of_ten_members_pass_a_proposal)
{
	propose(1, "change_protocol", "{}", 100);
	vote(ANN, 1, "for", 110);
	vote(BOB, 1, "for", 111);
	check_status(1, "failed"); /* 2 of 4 */
	vote(FOUNDER, 1, "for", 112);
	check_status(1, "passed");
	check(SBX_VIEW_PROPOSAL, 1, "votes_of", "4");
}
END_TEST

START_TEST(the_first_voice_counts_and_only_in_time)
{
	propose(1, "change_protocol", "{}", 100);
	vote(ANN, 1, "for", 110);
	vote(ANN, 1, "against", 111);
	vote(BOB, 1, "for", 99);  /* before it opened */
	vote(CID, 1, "for", 201); /* after it closed */
	check(SBX_VIEW_PROPOSAL, 1, "votes_for", "1");
	check(SBX_VIEW_PROPOSAL, 1, "votes_against", "0");
}
END_TEST

START_TEST(members_at_closing_time_count_and_nobody_else)
{
	propose(1, "change_protocol", "{}", 100);
	vote(EVE, 1, "for", 110); /* a stranger */
	vote(ANN, 1, "for", 110);
	vote(BOB, 1, "for", 110);
	put_out(FOUNDER, BOB, 0, 150);
	join(EVE, FOUNDER, 3, 199); /* in at 200, as it closes */
	put_out(FOUNDER, ANN, 0, 300); /* later */
	check(SBX_VIEW_PROPOSAL, 1, "votes_for", "2"); /* Ann, Eve */
	check(SBX_VIEW_PROPOSAL, 1, "votes_of", "4");
}
END_TEST

START_TEST(a_stranger_opens_no_proposal_and_a_lower_bar_is_void)
{
	propose_as(EVE, 1, "change_protocol", "{}", "one_node_one_voice", "0.6",
		100, 200);
	check_status(1, "void");
	propose_as(ANN, 2, "change_protocol", "{}", "one_node_one_voice", "0.1",
		100, 200);
	check_status(2, "void");
	propose_as(ANN, 3, "change_protocol", "{}", "attestation_depth", "0.6",
		100, 200);
	check_status(3, "void");
	propose_as(ANN, 4, "change_protocol", "{}", "one_node_one_voice", "0.6",
		200, 200);
	check_status(4, "void");
}
END_TEST

START_TEST(two_claims_to_one_proposal_are_contested)
{
	propose(1, "change_protocol", "{}", 100);
	propose_as(ANN, 1, "add_anchor", "{}", "one_node_one_voice", "0.6", 101,
		190);
	for (int i = FOUNDER; i <= CID; i++)
		vote(i, 1, "for", 120);
	check_status(1, "contested");
}
END_TEST

#define PLAIN "{}", "one_node_one_voice", "0.6"

/* One whose id is its text's hash, as ours are; the id, good until the next. */
static const char *
propose_bound(int who, const char *type, int opens, int closes)
{
	static char id[SBX_ID_SIZE];

	id[0] = '\0';
	say(proposal(keys[who], id, &(struct asked){ type, PLAIN, opens, closes }));
	return id;
}

/* Another text under that id, dated as one likes. */
static void
claim_id(int who, const char *id, const char *type, int opens, int closes)
{
	char taken[SBX_ID_SIZE];

	memcpy(taken, id, sizeof(taken));
	say(proposal(keys[who], taken, &(struct asked){ type, PLAIN, opens,
		closes }));
}

static void
check_proposals(const char *id, const char *want)
{
	check_rows(SBX_VIEW_PROPOSAL, id, "ptype counts status", want);
}

START_TEST(nobody_spoils_a_proposal_by_claiming_its_identifier)
{
	const char *id = propose_bound(FOUNDER, "change_protocol", 100, 200);

	claim_id(ANN, id, "add_anchor", 99, 190);      /* before it */
	claim_id(BOB, id, "remove_anchor", 150, 300);  /* after it */
	claim_id(FOUNDER, id, "emancipation", 90, 95); /* its own author */
	for (int i = FOUNDER; i <= CID; i++)
		say(voice(keys[i], id, "for", 120));
	check_proposals(id, "change_protocol counts passed; "
		"emancipation void void; add_anchor void void; "
		"remove_anchor void void; ");
	for (int seed = 1; seed <= 8; seed++)
		check_order(seed);
}
END_TEST

/* A stranger's hash is as little free to claim as a member's. */
START_TEST(an_identifier_is_its_texts_alone_even_when_that_does_not_count)
{
	const char *id = propose_bound(EVE, "change_protocol", 100, 200);

	claim_id(ANN, id, "add_anchor", 100, 200);
	for (int i = FOUNDER; i <= CID; i++)
		say(voice(keys[i], id, "for", 120));
	check_proposals(id, "add_anchor void void; change_protocol void void; ");
}
END_TEST

START_TEST(an_identifier_that_is_no_hash_counts_until_a_second_text_claims_it)
{
	propose(1, "change_protocol", "{}", 100);
	for (int i = FOUNDER; i <= CID; i++)
		vote(i, 1, "for", 120);
	check(SBX_VIEW_PROPOSAL, 1, "counts", "loose");
	check_status(1, "passed");
	/* One that had closed is what it was. */
	propose_as(ANN, 1, "add_anchor", "{}", "one_node_one_voice", "0.6", 201,
		300);
	check_proposals(number(1),
		"change_protocol loose passed; add_anchor void void; ");
	propose_as(BOB, 1, "add_witness", "{}", "one_node_one_voice", "0.6", 199,
		300);
	check_status(1, "contested");
}
END_TEST

START_TEST(a_proposal_changes_how_the_next_are_counted)
{
	propose(1, "quorum_revision",
		"{\"quorum_rule\":\"attestation_depth\",\"quorum_percent\":50}",
		100);
	for (int i = FOUNDER; i <= BOB; i++)
		vote(i, 1, "for", 120);
	check(SBX_VIEW_RULES, 0, "quorum_rule", "attestation_depth");
	check(SBX_VIEW_RULES, 0, "quorum_millionths", "500000");
	/* Weights 1, 1/2, 1/2, 1/3: the founder and Cid have over a half. */
	propose_as(CID, 2, "change_protocol", "{}", "attestation_depth", "0.5",
		300, 400);
	vote(FOUNDER, 2, "for", 310);
	vote(ANN, 2, "against", 310);
	check_status(2, "failed");
	vote(CID, 2, "for", 310);
	check_status(2, "passed");
	propose(3, "change_protocol", "{}", 300); /* under the old rule */
	check_status(3, "void");
}
END_TEST

START_TEST(what_closes_later_is_open)
{
	propose_as(ANN, 1, "change_protocol", "{}", "one_node_one_voice", "0.6",
		100, 20 * DAYS);
	check_status(1, "open");
}
END_TEST

/* ---- emancipation ------------------------------------------------------------- */

static void
sight_of(int who, const char *log, int height, const char *root, int when)
{
	say(sign(keys[who], "witness", NULL, "{\"domain\":\"%s\","
		"\"log_height\":%d,\"merkle_root\":\"%064x\",\"observed_at\":"
		"\"%s\"}", log, height, (unsigned)root[0], at(when)));
}

static void
sight(int who, const char *root, int when)
{
	sight_of(who, "x/log", 7, root, when);
}

static void
level_from(int who, int from, int to, const char *gone, int when)
{
	char text[64] = "null";

	if (gone != NULL)
		snprintf(text, sizeof(text), "\"%s\"", gone);
	say(sign(keys[who], "emancipate", NULL, "{\"emancipation_level\":%d,"
		"\"previous_level\":%d,\"remove_anchor\":%s,"
		"\"milestone_evidence\":null,\"emancipated_at\":\"%s\"}", to,
		from, text, at(when)));
}

static void
level(int who, int to, const char *gone, int when)
{
	level_from(who, to - 1, to, gone, when);
}

/* All but Cid are for it; gone: whom it names, or NULL. */
static void
mandate_to(int id, int to, const char *gone, int when)
{
	char body[128];

	snprintf(body, sizeof(body), gone != NULL ?
		"{\"level\":%d,\"remove_anchor\":\"%s\"}" : "{\"level\":%d}",
		to, gone);
	propose(id, "emancipation", body, when);
	for (int i = FOUNDER; i <= BOB; i++)
		vote(i, id, "for", when + 1);
}

static void
mandate(int id, int to, int when)
{
	mandate_to(id, to, NULL, when);
}

static void
check_level(const char *want)
{
	check(SBX_VIEW_RULES, 0, "emancipation_level", want);
}

START_TEST(a_level_takes_a_proposal_and_its_milestone)
{
	level(ANN, 1, NULL, 50);
	check_level("0"); /* no proposal */
	mandate(1, 1, 100);
	level(ANN, 1, NULL, 150);
	check_level("0"); /* not closed yet */
	level(EVE, 1, NULL, 250);
	check_level("0"); /* a stranger */
	level(ANN, 1, NULL, 250);
	check_level("1");
	mandate(3, 3, 300);
	level(ANN, 3, NULL, 450);
	check_level("1"); /* one at a time */
}
END_TEST

START_TEST(two_witnesses_that_agree_and_none_that_does_not)
{
	mandate(1, 1, 100);
	level(ANN, 1, NULL, 250);
	mandate(2, 2, 300);
	sight(ANN, "a", 410);
	sight(ANN, "a", 411);
	level(ANN, 2, NULL, 420);
	check_level("1"); /* one witness, twice */
	sight(EVE, "a", 425);
	level(ANN, 2, NULL, 430);
	check_level("1"); /* a stranger */
	sight(CID, "b", 435);
	level(ANN, 2, NULL, 440);
	check_level("1"); /* they disagree */
	put_out(ANN, CID, 0, 445);
	sight(BOB, "a", 446);
	level(ANN, 2, NULL, 450);
	check_level("2");
}
END_TEST

static void
up_to_two(void)
{
	mandate(1, 1, 100);
	level(ANN, 1, NULL, 250);
	mandate(2, 2, 300);
	sight(ANN, "a", 410);
	sight(CID, "a", 410); /* below Ann: the same operator */
	level(ANN, 2, NULL, 450);
	mandate(3, 3, 500);
}

START_TEST(no_operator_has_over_a_third_of_three_witnesses)
{
	up_to_two();
	sight(BOB, "a", 610);
	level(ANN, 3, NULL, 650);
	check_level("2");
	sight(FOUNDER, "a", 660);
	level(ANN, 3, NULL, 670);
	check_level("3");
}
END_TEST

/* Whatever was voted on. */
START_TEST(there_is_no_fourth_level)
{
	struct sbx_state *st;

	up_to_two();
	sight(BOB, "a", 610);
	sight(FOUNDER, "a", 610);
	level(ANN, 3, NULL, 650);
	mandate(4, 4, 700);
	level(ANN, 4, NULL, 850);
	level_from(ANN, 3, 3, NULL, 851);
	check_level("3");
	st = open_world(NULL);
	ck_assert_int_eq(sbx_emancipate_check(st, 4, NULL, &why), SBX_E_NO);
	ck_assert_str_eq(why.text, "the mesh is at the last level");
	ck_assert_int_eq(sbx_emancipate_check(st, 4, did(FOUNDER), &why),
		SBX_E_NO);
	ck_assert_int_eq(sbx_emancipate_check(st, 3, NULL, &why), SBX_E_NO);
	close_world(st);
}
END_TEST

static void
check_founder(const char *want)
{
	check_field(SBX_VIEW_MEMBER, did(FOUNDER), "state", want);
}

START_TEST(the_founder_does_not_go_before_the_last_level)
{
	mandate(1, 1, 100);
	level(ANN, 1, did(FOUNDER), 250);
	check_level("0");
	check_founder("anchor");
}
END_TEST

START_TEST(the_founder_goes_at_the_last_level_and_stays_a_member)
{
	up_to_two();
	sight(BOB, "a", 610);
	sight(FOUNDER, "a", 610);
	level(ANN, 3, did(FOUNDER), 630); /* the proposal did not name it */
	check_level("2");
	mandate_to(4, 3, did(FOUNDER), 640);
	level(ANN, 3, did(BOB), 750); /* no anchor */
	check_level("2");
	level(ANN, 3, did(FOUNDER), 750);
	check_level("3");
	check_founder("member");
	check(SBX_VIEW_PROPOSAL, 3, "votes_of", "4"); /* all hang on it still */
}
END_TEST

START_TEST(the_founder_goes_later_too_while_two_witnesses_remain)
{
	up_to_two();
	sight(BOB, "a", 610);
	sight(FOUNDER, "a", 610);
	level(ANN, 3, NULL, 650);
	check_level("3");
	mandate_to(4, 3, did(FOUNDER), 700);
	put_out(FOUNDER, BOB, 0, 810);
	put_out(FOUNDER, CID, 0, 811);
	level_from(ANN, 3, 3, did(FOUNDER), 820);
	check_founder("anchor"); /* Ann alone would remain */
	join(EVE, FOUNDER, 3, 830);
	level_from(ANN, 3, 3, did(FOUNDER), 840);
	check_founder("anchor"); /* a member that saw nothing */
	sight(EVE, "a", 850);
	level_from(ANN, 3, 3, did(FOUNDER), 860);
	check_founder("member");
	check_level("3");
}
END_TEST

START_TEST(one_domain_or_one_operator_is_not_two)
{
	mandate(1, 1, 100);
	put_out(FOUNDER, BOB, 0, 210); /* Ann and Cid are left, of one domain */
	level(ANN, 1, NULL, 220);
	check_level("0");
	join_in(EVE, ANN, 3, "home", 230); /* another one, below Ann too */
	level(ANN, 1, NULL, 240);
	check_level("0");
	join_in(NEW, FOUNDER, 4, "", 250); /* another's, of no domain */
	level(ANN, 1, NULL, 260);
	check_level("0");
	join_in(THIEF, FOUNDER, 5, "lab", 270); /* another's, of the same */
	level(ANN, 1, NULL, 280);
	check_level("1"); /* with Eve's, of another operator */
}
END_TEST

START_TEST(witnesses_of_another_log_or_height_or_time_do_not_add_up)
{
	mandate(1, 1, 100);
	level(ANN, 1, NULL, 250);
	mandate(2, 2, 300);
	sight(ANN, "a", 410);
	sight_of(BOB, "x/log", 8, "a", 411);
	sight_of(BOB, "y/log", 7, "a", 412);
	sight(BOB, "a", 421);
	level(ANN, 2, NULL, 420);
	check_level("1");
	level(ANN, 2, NULL, 421);
	check_level("2");
}
END_TEST

START_TEST(a_level_is_left_for_the_next_alone)
{
	mandate(1, 1, 100);
	level_from(ANN, 1, 1, NULL, 210);
	level_from(ANN, 2, 1, NULL, 211);
	level_from(ANN, 0, 0, NULL, 212);
	check_level("0");
	level(ANN, 1, NULL, 220);
	check_level("1");
	level_from(ANN, 1, 0, NULL, 230); /* down */
	level_from(ANN, 0, 1, NULL, 231); /* and up to where it is */
	level_from(ANN, 1, 1, did(FOUNDER), 232);
	check_level("1");
	check_founder("anchor");
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("vote");
	TCase *t = tcase_create("vote");

	tcase_add_checked_fixture(t, setup, people_end);
	tcase_set_timeout(t, 60);
	tcase_add_test(t, six_of_ten_members_pass_a_proposal);
	tcase_add_test(t, the_first_voice_counts_and_only_in_time);
	tcase_add_test(t, members_at_closing_time_count_and_nobody_else);
	tcase_add_test(t, a_stranger_opens_no_proposal_and_a_lower_bar_is_void);
	tcase_add_test(t, two_claims_to_one_proposal_are_contested);
	tcase_add_test(t, nobody_spoils_a_proposal_by_claiming_its_identifier);
	tcase_add_test(t,
		an_identifier_is_its_texts_alone_even_when_that_does_not_count);
	tcase_add_test(t,
		an_identifier_that_is_no_hash_counts_until_a_second_text_claims_it);
	tcase_add_test(t, a_proposal_changes_how_the_next_are_counted);
	tcase_add_test(t, what_closes_later_is_open);
	tcase_add_test(t, a_level_takes_a_proposal_and_its_milestone);
	tcase_add_test(t, two_witnesses_that_agree_and_none_that_does_not);
	tcase_add_test(t, no_operator_has_over_a_third_of_three_witnesses);
	tcase_add_test(t, there_is_no_fourth_level);
	tcase_add_test(t, the_founder_does_not_go_before_the_last_level);
	tcase_add_test(t,
		the_founder_goes_at_the_last_level_and_stays_a_member);
	tcase_add_test(t,
		the_founder_goes_later_too_while_two_witnesses_remain);
	tcase_add_test(t, one_domain_or_one_operator_is_not_two);
	tcase_add_test(t,
		witnesses_of_another_log_or_height_or_time_do_not_add_up);
	tcase_add_test(t, a_level_is_left_for_the_next_alone);
	suite_add_tcase(s, t);
	return finish_suite(s);
}
