/* SPDX-License-Identifier: Apache-2.0 */
/* The gate: who has the role keeps it, and only what was recorded one after the
 * other changes that (I14, I15). */
#include "fleet_world.h"

static struct sbx_fleet f;
static struct sbx_fleet_wait wait;
static struct sbx_fleet_choice c;
static int64_t now;

static void
setup(void)
{
	f = (struct sbx_fleet){ 0 };
	wait = (struct sbx_fleet_wait){ 0 };
	now = NOW;
}

static void
teardown(void)
{
	sbx_fleet_free(&f);
}

/* Hub 1 up for so many hours and hub 2; spoke 0 and 3 hear both. */
static void
put_hubs(int hours1, int hours2)
{
	for (int i = 0; i < 4; i++) {
		struct sbx_fleet_node n = node_of(i,
			i == 1 ? hours1 : i == 2 ? hours2 : 0,
			i == 1 || i == 2, now);

		if (i == 0 || i == 3) {
			link_of(&n, 1, 0);
			link_of(&n, 2, 0);
		}
		sbx_fleet_put(&f, &n);
	}
	sbx_fleet_tally(&f, now);
}

/* Entry number id says that gate is it; previous 0: none before. */
static void
record(int id, int previous, int64_t term, int proposer, int gate)
{
	struct sbx_fleet_term t = { .term = term, .since = now };

	snprintf(t.id, sizeof(t.id), "%064d", id);
	if (previous > 0)
		snprintf(t.previous, sizeof(t.previous), "%064d", previous);
	snprintf(t.proposer, sizeof(t.proposer), "%s", did_of(proposer));
	snprintf(t.gate, sizeof(t.gate), "%s", did_of(gate));
	sbx_fleet_put_term(&f, &t);
}

static void
choose(int self)
{
	sbx_fleet_choose(&f, did_of(self), now, EVERY, &wait, &c);
}

static void
assert_gate(int i, const char *why_it)
{
	ck_assert_msg(c.gate != NULL && strcmp(c.gate->did, did_of(i)) == 0,
		"%s: the gate is %s", why_it,
		c.gate != NULL ? c.gate->did : "none");
}

START_TEST(the_first_gate_is_the_best_and_recorded_after_two_intervals)
{
	for (int self = 0; self < 3; self++) {
		now = NOW;
		wait = (struct sbx_fleet_wait){ 0 };
		put_hubs(1, 20);
		choose(self);
		assert_gate(2, "the better one");
		ck_assert_str_eq(c.next->did, did_of(1));
		ck_assert_ptr_null(c.propose);
		now += SECONDS(2 * EVERY);
		put_hubs(1, 20);
		choose(self);
		ck_assert_msg((c.propose == c.gate) == (self == 0),
			"node %d records it, or not", self);
		sbx_fleet_free(&f);
	}
}
END_TEST

/* The best may be another each time, when two are alike. */
START_TEST(a_mesh_without_a_gate_does_not_wait_anew_for_each_that_is_best)
{
	for (int i = 0; i < 3; i++, now += SECONDS(EVERY)) {
		put_hubs(i % 2, 1 - i % 2);
		choose(0);
	}
	ck_assert_ptr_nonnull(c.propose);
}
END_TEST

START_TEST(of_equals_the_lowest_did_is_the_gate)
{
	put_hubs(5, 5);
	choose(0);
	assert_gate(1, "both score the same");
}
END_TEST

START_TEST(the_next_member_records_what_the_first_does_not)
{
	put_hubs(1, 20);
	choose(1);
	now += SECONDS(3 * EVERY) - 1;
	put_hubs(1, 20);
	choose(1);
	ck_assert_ptr_null(c.propose);
	now += 1;
	choose(1);
	ck_assert_ptr_nonnull(c.propose);
}
END_TEST

START_TEST(the_gate_stays_unless_another_leads_by_ten_for_two_intervals)
{
	record(1, 0, 1, 0, 1);
	put_hubs(0, 8); /* 8 * 30 / 24: ten points */
	choose(0);
	assert_gate(1, "it sits");
	ck_assert_ptr_null(c.propose);
	now += SECONDS(2 * EVERY) - 1;
	put_hubs(0, 8);
	choose(0);
	ck_assert_ptr_null(c.propose);
	now += 1;
	put_hubs(0, 8);
	choose(0);
	ck_assert_ptr_nonnull(c.propose);
	ck_assert_str_eq(c.propose->did, did_of(2));
	assert_gate(1, "until it is recorded");
}
END_TEST

START_TEST(nine_points_are_no_lead)
{
	record(1, 0, 1, 0, 1);
	put_hubs(0, 7);
	for (int i = 0; i < 5; i++, now += SECONDS(EVERY)) {
		choose(0);
		ck_assert_ptr_null(c.propose);
	}
}
END_TEST

START_TEST(a_lead_that_was_lost_begins_anew)
{
	record(1, 0, 1, 0, 1);
	put_hubs(0, 8);
	choose(0);
	now += SECONDS(EVERY);
	put_hubs(9, 8);
	choose(0);
	now += SECONDS(EVERY);
	put_hubs(0, 8);
	choose(0);
	ck_assert_ptr_null(c.propose);
}
END_TEST

START_TEST(who_lost_the_role_does_not_take_it_back_within_sixty_intervals)
{
	record(1, 0, 1, 0, 1);
	record(2, 1, 2, 0, 2);
	put_hubs(24, 0);
	choose(0);
	assert_gate(2, "by the newer term");
	now += SECONDS(60 * EVERY) - 1;
	put_hubs(24, 0);
	choose(0);
	ck_assert_str_eq(wait.want, "");
	now += 1;
	put_hubs(24, 0);
	choose(0);
	ck_assert_str_eq(wait.want, did_of(1));
}
END_TEST

START_TEST(a_gate_that_is_not_fit_is_replaced_at_once_and_stays_so)
{
	record(1, 0, 1, 0, 1);
	put_hubs(24, 0);
	((struct sbx_fleet_node *)sbx_fleet_node(&f, did_of(1)))->unfit = "gone";
	choose(0);
	assert_gate(2, "the other one");
	ck_assert_ptr_eq(c.propose, c.gate);
	record(2, 1, 2, 0, 2);
	now += SECONDS(EVERY);
	put_hubs(24, 0);
	choose(0);
	assert_gate(2, "though the first is back");
	ck_assert_ptr_null(c.propose);
}
END_TEST

START_TEST(without_a_fit_node_there_is_no_gate)
{
	struct sbx_fleet_node n = node_of(1, 9, true, now);

	sbx_fleet_put(&f, &n);
	sbx_fleet_tally(&f, now);
	record(1, 0, 1, 0, 1);
	choose(1);
	ck_assert_ptr_null(c.gate);
	ck_assert_ptr_null(c.next);
	ck_assert_ptr_null(c.propose);
}
END_TEST

/* Terms that are to count for nothing, beside 1: hub 1, and 2: hub 2. */
static const struct {
	const char *what;
	int previous;
	int64_t term;
	int proposer, gate;
} void_terms[] = {
	{ "a stale one", 0, 1, 0, 1 },
	{ "one that names itself", 2, 3, 1, 1 },
	{ "one far ahead", 2, 99, 0, 1 },
	{ "one without a beginning", 0, 3, 0, 1 },
	{ "one after one that nobody has", 77, 3, 0, 1 },
	{ "one after an older one", 1, 3, 0, 1 },
	{ "a replayed number", 1, 1, 0, 1 },
};

START_TEST(a_term_that_is_void_changes_nothing)
{
	record(1, 0, 1, 0, 1);
	record(2, 1, 2, 0, 2);
	record(3, void_terms[_i].previous, void_terms[_i].term,
		void_terms[_i].proposer, void_terms[_i].gate);
	/* What builds on a void one is as void. */
	record(4, 3, void_terms[_i].term + 1, 0, 1);
	if (void_terms[_i].term < 2) {
		f.nterms--; /* that one would be a second term 2 */
	}
	put_hubs(5, 5);
	choose(0);
	assert_gate(2, void_terms[_i].what);
	ck_assert_int_eq(c.head->term, 2);
	ck_assert_ptr_null(c.propose);
}
END_TEST

/* As after a partition: the better one holds, and one more term says so. */
START_TEST(of_two_terms_of_one_number_every_node_takes_the_same)
{
	for (int order = 0; order < 2; order++) {
		record(1, 0, 1, 0, 1);
		record(order == 0 ? 2 : 3, 1, 2, 0, order == 0 ? 1 : 2);
		record(order == 0 ? 3 : 2, 1, 2, 3, order == 0 ? 2 : 1);
		put_hubs(3, 20);
		choose(0);
		assert_gate(2, "the better of both");
		now += SECONDS(2 * EVERY);
		put_hubs(3, 20);
		choose(0);
		ck_assert_ptr_eq(c.propose, c.gate);
		now = NOW;
		sbx_fleet_free(&f);
		wait = (struct sbx_fleet_wait){ 0 };
	}
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("choose");
	TCase *t = tcase_create("choose");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t,
		the_first_gate_is_the_best_and_recorded_after_two_intervals);
	tcase_add_test(t,
		a_mesh_without_a_gate_does_not_wait_anew_for_each_that_is_best);
	tcase_add_test(t, of_equals_the_lowest_did_is_the_gate);
	tcase_add_test(t, the_next_member_records_what_the_first_does_not);
	tcase_add_test(t,
		the_gate_stays_unless_another_leads_by_ten_for_two_intervals);
	tcase_add_test(t, nine_points_are_no_lead);
	tcase_add_test(t, a_lead_that_was_lost_begins_anew);
	tcase_add_test(t,
		who_lost_the_role_does_not_take_it_back_within_sixty_intervals);
	tcase_add_test(t,
		a_gate_that_is_not_fit_is_replaced_at_once_and_stays_so);
	tcase_add_test(t, without_a_fit_node_there_is_no_gate);
	tcase_add_loop_test(t, a_term_that_is_void_changes_nothing, 0,
		(int)(sizeof(void_terms) / sizeof(void_terms[0])));
	tcase_add_test(t,
		of_two_terms_of_one_number_every_node_takes_the_same);
	suite_add_tcase(s, t);
	return finish_suite(s);
}
