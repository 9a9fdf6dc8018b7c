/* SPDX-License-Identifier: Apache-2.0 */
/* What the fold gave and is kept in the file: used while nothing that it rests
 * on has changed, and not a moment longer.  Eve is in what is kept and in no
 * entry, so whoever sees her as a member has asked what is kept. */
#include "base/base.h"
#include "json/json.h"
#include "record/record.h"
#include "ledger/ledger.h"
#include "directory/directory.h"
#include "people.h"
#include "hand.h"

static char proposal_id[SBX_ID_SIZE];

/* Founder and Ann, a proposal that closes at 5000; it is 4000. */
static void
setup(void)
{
	people_begin();
	sbx_clock_set(T0 + 4000 * INT64_C(1000000));
	head(ANN, 1, NULL, 5);
	join(ANN, FOUNDER, 0, 10);
	proposal_id[0] = '\0';
	say(proposal(keys[ANN], proposal_id, &(struct asked){ "change_protocol",
		"{}", "one_node_one_voice", "0.6", 50, 5000 }));
	sbx_cache_from(0);
	sbx_log_close(open_log(NULL)); /* which keeps it */
	sbx_cache_from(INT64_MAX);     /* and nobody does after this */
}

static void
mark(void)
{
	char sql[256];

	snprintf(sql, sizeof(sql), "INSERT OR REPLACE INTO cache_member(did, "
		"state, depth, from_us) VALUES('%s', 'member', 1, 0)", did(EVE));
	tamper(sql);
}

static void
teardown(void)
{
	sbx_member_unproven(false);
	remove_log(NULL);
	people_end();
}

/* Is it asked? */
static bool
used(void)
{
	struct sbx_state *st = NULL;
	struct sbx_log *log = NULL;
	bool yes;

	ck_assert_msg(sbx_log_open(log_path, 0, &log, &why) == 0, "%s", why.text);
	ck_assert_msg(sbx_state_open(log, &st, &why) == 0, "%s", why.text);
	yes = sbx_state_member(st, did(EVE));
	ck_assert(sbx_state_member(st, did(FOUNDER)));
	sbx_state_free(st);
	sbx_log_close(log);
	return yes;
}

static void
append(struct sbx_entry *e)
{
	struct sbx_log *log = NULL;

	ck_assert_msg(sbx_log_open(log_path, SBX_LOG_WRITE, &log, &why) == 0,
		"%s", why.text);
	add(log, e);
	sbx_log_close(log);
}

START_TEST(what_is_kept_is_asked_while_nothing_changes)
{
	ck_assert(!used()); /* it is right, so she is not in it */
	mark();
	ck_assert(used());
	ck_assert(used());
}
END_TEST

/* Each thing that membership, proposals or levels rest on. */
static void
say_kept(int i)
{
	switch (i) {
	case 0:
		say(invite(keys[FOUNDER], once[2], 1, 100, 3600));
		break;
	case 1:
		say(accept_invite(keys[BOB], once[0], did(FOUNDER), 100));
		break;
	case 2:
		put_out(FOUNDER, ANN, 0, 100);
		break;
	case 3:
		head(ANN, 2, NULL, 100);
		break;
	case 4:
		rotate(NEW, ANN, recovery, 100);
		break;
	case 5:
		proposal_id[0] = '\0';
		say(proposal(keys[FOUNDER], proposal_id, &(struct asked){
			"add_anchor", "{}", "one_node_one_voice", "0.6", 60,
			9000 }));
		break;
	case 6:
		say(voice(keys[ANN], proposal_id, "for", 100));
		break;
	case 7:
		say(sign(keys[ANN], "witness", NULL, "{\"domain\":\"x/log\","
			"\"log_height\":7,\"merkle_root\":\"%064x\","
			"\"observed_at\":\"%s\"}", 1, at(100)));
		break;
	case 8:
		say(sign(keys[ANN], "emancipate", NULL,
			"{\"emancipation_level\":1,\"previous_level\":0,"
			"\"remove_anchor\":null,\"milestone_evidence\":null,"
			"\"emancipated_at\":\"%s\"}", at(100)));
		break;
	}
}

START_TEST(whatever_it_rests_on_ends_it)
{
	unsigned char want[32], got[32];
	struct sbx_state *st = NULL;
	struct sbx_log *log = NULL, *first;
	char path[sizeof(log_path)];

	mark();
	say_kept(_i);
	append(world[count - 1]);
	ck_assert(!used());
	/* and what is answered instead is what a fresh ledger answers */
	ck_assert_int_eq(sbx_log_open(log_path, 0, &log, &why), 0);
	ck_assert_int_eq(sbx_state_open(log, &st, &why), 0);
	ck_assert_int_eq(sbx_state_digest(st, got, &why), 0);
	sbx_state_free(st);
	memcpy(path, log_path, sizeof(path));
	first = log;
	digest(NULL, want);
	memcpy(log_path, path, sizeof(path));
	sbx_log_close(first);
	ck_assert_mem_eq(want, got, 32);
}
END_TEST

START_TEST(what_it_does_not_rest_on_leaves_it_and_is_seen)
{
	struct sbx_state *st = NULL;
	struct sbx_log *log = NULL;
	struct sbx_doc *doc = NULL;
	char id[SBX_ID_SIZE];

	mark();
	append(offer_as(ANN, 7, "mirror", "auto", 100));
	ck_assert(used());
	snprintf(id, sizeof(id), "%064x", 7);
	ck_assert_int_eq(sbx_log_open(log_path, 0, &log, &why), 0);
	ck_assert_int_eq(sbx_state_open(log, &st, &why), 0);
	ck_assert_int_eq(sbx_state_one(st, SBX_VIEW_OFFER, id, &doc, &why), 0);
	sbx_doc_free(doc);
	sbx_state_free(st);
	sbx_log_close(log);
}
END_TEST

START_TEST(other_anchors_end_it)
{
	struct sbx_log *log = NULL;

	mark();
	ck_assert_int_eq(sbx_log_open(log_path, SBX_LOG_WRITE, &log, &why), 0);
	ck_assert_int_eq(sbx_log_trust(log, did(CID), true, &why), 0);
	sbx_log_close(log);
	ck_assert(!used());
}
END_TEST

START_TEST(another_word_on_unproven_acceptances_ends_it)
{
	mark();
	sbx_member_unproven(true);
	ck_assert(!used());
	sbx_member_unproven(false);
	ck_assert(used());
}
END_TEST

START_TEST(a_clock_set_back_and_a_proposal_that_closes_end_it)
{
	mark();
	sbx_clock_set(T0 + 3999 * INT64_C(1000000));
	ck_assert(!used());
	sbx_clock_set(T0 + 4999 * INT64_C(1000000));
	ck_assert(used());
	sbx_clock_set(T0 + 5000 * INT64_C(1000000));
	ck_assert(!used());
}
END_TEST

/* A witness's clock may be ahead: what it saw counts when its time has come. */
START_TEST(a_witness_whose_time_comes_ends_it)
{
	sbx_cache_from(0);
	say(sign(keys[ANN], "witness", NULL, "{\"domain\":\"x/log\","
		"\"log_height\":7,\"merkle_root\":\"%064x\",\"observed_at\":"
		"\"%s\"}", 1, at(4300)));
	append(world[count - 1]);
	sbx_cache_from(INT64_MAX);
	mark();
	ck_assert(used());
	sbx_clock_set(T0 + 4300 * INT64_C(1000000));
	ck_assert(!used());
}
END_TEST

/* Restored, cut or written over: the row it goes up to is another. */
static const char *const others[] = {
	"UPDATE local SET value=json_set(value, '$.hash', hex(zeroblob(32))) "
	"WHERE key='folded'",
	"UPDATE local SET value=json_set(value, '$.upto', 1) WHERE key='folded'",
	"UPDATE local SET value=json_set(value, '$.upto', 999) WHERE key='folded'",
	"UPDATE local SET value=json_remove(value, '$.upto') WHERE key='folded'",
	"UPDATE local SET value='{}' WHERE key='folded'",
	"DELETE FROM local WHERE key='folded'",
	"UPDATE entry SET hash=zeroblob(32) WHERE seq=(SELECT max(seq) FROM entry)",
	/* by another version's rules */
	"UPDATE local SET value=json_set(value, '$.rules', 1) WHERE key='folded'",
	"UPDATE local SET value=json_remove(value, '$.rules') WHERE key='folded'",
};

START_TEST(what_goes_up_to_another_row_or_by_other_rules_is_not_asked)
{
	mark();
	ck_assert(used());
	tamper(others[_i]);
	ck_assert(!used());
}
END_TEST

START_TEST(a_question_about_the_past_never_asks_it)
{
	struct sbx_state *st = NULL;
	struct sbx_log *log = NULL;

	mark();
	ck_assert_int_eq(sbx_log_open(log_path, 0, &log, &why), 0);
	ck_assert_int_eq(sbx_state_open_at(log, sbx_clock_now(), &st, &why), 0);
	ck_assert(!sbx_state_member(st, did(EVE)));
	ck_assert(sbx_state_member(st, did(ANN)));
	sbx_state_free(st);
	sbx_log_close(log);
}
END_TEST

/* By hand it can be changed, as the anchors can that stand beside it; who
 * looks, sees. */
START_TEST(what_somebody_wrote_into_it_is_found_by_verify)
{
	struct sbx_log *log = NULL;
	int64_t bad;

	mark();
	ck_assert_int_eq(sbx_log_open(log_path, SBX_LOG_WRITE, &log, &why), 0);
	ck_assert_int_eq(sbx_log_check(log, &bad, &why), SBX_E_NO);
	ck_assert_int_eq(sbx_log_rebuild(log, &why), 0);
	sbx_log_close(log);
	ck_assert(!used());
}
END_TEST

START_TEST(the_next_writer_keeps_it_anew_and_right)
{
	mark();
	sbx_cache_from(0);
	put_out(FOUNDER, ANN, 0, 100);
	append(world[count - 1]);
	ck_assert(!used());
	mark();
	ck_assert(used());
}
END_TEST

START_TEST(a_small_mesh_keeps_nothing)
{
	tamper("DELETE FROM local WHERE key='folded'; DELETE FROM cache_member");
	sbx_cache_from(1000);
	append(offer_as(ANN, 7, "mirror", "auto", 100));
	mark();
	ck_assert(!used());
	sbx_cache_from(2); /* an invitation and its acceptance */
	append(offer_as(ANN, 8, "mirror", "auto", 100));
	mark();
	ck_assert(used());
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("cache");
	TCase *t = tcase_create("cache");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_set_timeout(t, 60);
	tcase_add_test(t, what_is_kept_is_asked_while_nothing_changes);
	tcase_add_loop_test(t, whatever_it_rests_on_ends_it, 0, 9);
	tcase_add_test(t, what_it_does_not_rest_on_leaves_it_and_is_seen);
	tcase_add_test(t, other_anchors_end_it);
	tcase_add_test(t, another_word_on_unproven_acceptances_ends_it);
	tcase_add_test(t, a_clock_set_back_and_a_proposal_that_closes_end_it);
	tcase_add_test(t, a_witness_whose_time_comes_ends_it);
	tcase_add_loop_test(t,
		what_goes_up_to_another_row_or_by_other_rules_is_not_asked, 0,
		sizeof(others) / sizeof(others[0]));
	tcase_add_test(t, a_question_about_the_past_never_asks_it);
	tcase_add_test(t, what_somebody_wrote_into_it_is_found_by_verify);
	tcase_add_test(t, the_next_writer_keeps_it_anew_and_right);
	tcase_add_test(t, a_small_mesh_keeps_nothing);
	suite_add_tcase(s, t);
	return finish_suite(s);
}
