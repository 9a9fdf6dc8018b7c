/* SPDX-License-Identifier: Apache-2.0 */
/* How a box dates what it signs: after what that rests on, as far as that is not
 * ahead of its clock itself, and after what it has said. */
#include "base/base.h"
#include "json/json.h"
#include "record/record.h"
#include "ledger/ledger.h"
#include "node/node.h"
#include "people.h"

static struct sbx_log *logh;

static void
setup(void)
{
	people_begin();
	join(ANN, FOUNDER, 0, 5); /* she accepts at 6 */
}

static void
teardown(void)
{
	if (logh != NULL)
		remove_log(logh);
	logh = NULL;
	people_end();
}

/* Ann's ledger took in all of it, whatever the clock says now. */
static void
begin(int now)
{
	logh = open_log(NULL);
	ck_assert_int_eq(sbx_log_begin(logh, &why), 0);
	ck_assert_int_eq(sbx_log_set_self(logh, did(ANN), &why), 0);
	ck_assert_int_eq(sbx_log_commit(logh, &why), 0);
	sbx_clock_set(T0 + now * SBX_SECOND);
}

static int
date(const char *type, const char *field, const char *value, int64_t *us)
{
	struct sbx_doc *doc = sbx_doc_new();
	int r;

	if (field != NULL)
		sbx_json_add_str(doc, sbx_doc_root(doc), field, value);
	r = sbx_date(logh, type, sbx_doc_root(doc), us, &why);
	sbx_doc_free(doc);
	return r;
}

/* Right after the second when. */
static void
check_after(const char *type, const char *field, const char *value, int when)
{
	int64_t us = 0;

	ck_assert_msg(date(type, field, value, &us) == 0, "%s: %s", type,
		why.text);
	ck_assert_msg(us == T0 + when * SBX_SECOND + 1,
		"a new %s is dated at %lld us and not right after second %d",
		type, (long long)(us - T0), when);
}

static void
check_at(const char *type, int when)
{
	int64_t us = 0;

	ck_assert_msg(date(type, NULL, NULL, &us) == 0, "%s: %s", type, why.text);
	ck_assert_msg(us == T0 + when * SBX_SECOND,
		"a new %s is dated at %lld us and not at second %d", type,
		(long long)(us - T0), when);
}

START_TEST(with_a_clock_that_is_right_it_is_now)
{
	begin(1000);
	check_at("ServiceOffer", 1000);
	check_at("Invitation", 1000);
}
END_TEST

START_TEST(it_is_later_than_all_that_this_box_has_said)
{
	offer_as(ANN, 1, "mirror", "auto", 1200);
	offer_as(BOB, 2, "mirror", "auto", 1300);
	begin(1000);
	check_after("ServiceRevokeOffer", NULL, NULL, 1200);
}
END_TEST

/* Whatever rests on another's word by date; those are four minutes ahead. */
START_TEST(it_is_later_than_what_it_rests_on)
{
	char proposal_id[SBX_ID_SIZE] = "", service[SBX_ID_SIZE], sub[SBX_ID_SIZE];

	snprintf(service, sizeof(service), "%s", number(7));
	snprintf(sub, sizeof(sub), "%s", number(8));
	join(BOB, FOUNDER, 1, 1100);
	offer_as(BOB, 7, "mirror", "auto", 1150);
	subscribe(BOB, sub, service, 1160);
	say(invite_to(keys[FOUNDER], once[2], 1, "", 1170, 9000));
	say(proposal(keys[FOUNDER], proposal_id, &(struct asked){ "add_anchor",
		"{}", "one_node_one_voice", "0.6", 1190, 9000 }));
	head(CID, 1, NULL, 1200);
	begin(1000);
	check_after("NameBind", "did", did(BOB), 1101);
	check_after("Attestation", "subject", did(BOB), 1101);
	check_after("RevocationNotice", "target", did(BOB), 1101);
	check_after("RevocationNotice", "target", id_of(2), 1170);
	check_after("InviteAccept", "invite_id", id_of(2), 1170);
	check_after("Subscription", "service_id", service, 1150);
	check_after("ServiceApprove", "subscription_id", sub, 1160);
	check_after("ServiceReject", "subscription_id", sub, 1160);
	check_after("ProposalVote", "proposal_id", proposal_id, 1190);
	check_after("EmancipationRecord", NULL, NULL, 1190);
	check_after("SbxRotate", "old", did(CID), 1200);
	check_at("ServiceOffer", 1000);
}
END_TEST

/* Who was put out comes back by what is later than that. */
START_TEST(who_invites_or_joins_is_dated_after_who_was_put_out)
{
	put_out(FOUNDER, BOB, 0, 1100);
	begin(1000);
	check_after("Invitation", NULL, NULL, 1100);
	check_after("InviteAccept", NULL, NULL, 1100);
}
END_TEST

START_TEST(what_is_ahead_of_the_clock_does_not_take_it_along)
{
	int64_t last = 0;

	offer_as(ANN, 1, "mirror", "auto", 1599);
	offer_as(ANN, 2, "ahead", "auto", 1600);
	put_out(FOUNDER, BOB, 0, 1600);
	begin(1000);
	check_after("Invitation", NULL, NULL, 1599);
	ck_assert_int_eq(sbx_date_ahead(logh, &last, &why), 0);
	ck_assert_int_eq(last, T0 + 1600 * SBX_SECOND);
	ck_assert(!sbx_date_waits(logh, "ServiceOffer", number(1)));
	ck_assert(sbx_date_waits(logh, "ServiceOffer", number(2)));
	ck_assert(!sbx_date_waits(logh, "Subscription", number(2)));
	ck_assert(sbx_date_tell(logh, &why));
	ck_assert_ptr_nonnull(strstr(why.text, "clock is 10 min behind"));
	sbx_clock_set(T0 + 1001 * SBX_SECOND);
	ck_assert_int_eq(sbx_date_ahead(logh, &last, &why), 0);
	ck_assert_int_eq(last, 0);
	ck_assert(!sbx_date_tell(logh, &why));
}
END_TEST

START_TEST(before_its_joining_a_box_gives_nothing_but_may_take_away)
{
	int64_t us;

	begin(6 - 600);
	ck_assert_int_eq(date("ServiceOffer", NULL, NULL, &us), SBX_E_SYS);
	ck_assert_ptr_nonnull(strstr(why.text, "clock is 10 min behind"));
	ck_assert_str_ne(why.hint, "");
	ck_assert_int_eq(date("Invitation", NULL, NULL, &us), SBX_E_SYS);
	check_at("ServiceRevokeOffer", 6 - 600);
	check_at("InviteAccept", 6 - 600);
	sbx_clock_set(T0 + (7 - 600) * SBX_SECOND);
	check_after("ServiceOffer", NULL, NULL, 6);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("date");
	TCase *t = tcase_create("date");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, with_a_clock_that_is_right_it_is_now);
	tcase_add_test(t, it_is_later_than_all_that_this_box_has_said);
	tcase_add_test(t, it_is_later_than_what_it_rests_on);
	tcase_add_test(t, who_invites_or_joins_is_dated_after_who_was_put_out);
	tcase_add_test(t, what_is_ahead_of_the_clock_does_not_take_it_along);
	tcase_add_test(t,
		before_its_joining_a_box_gives_nothing_but_may_take_away);
	suite_add_tcase(s, t);
	return finish_suite(s);
}
