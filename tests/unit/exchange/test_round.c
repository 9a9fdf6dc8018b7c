/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whom a round visits, and what comes of it in meshes of 32, 256 and 1,000
 * nodes that are simulated: each pulls once a round, a tenth is dead, one shows
 * everybody an old log.
 */
#include <stdlib.h>

#include "crypto/crypto.h"
#include "exchange/exchange.h"
#include "suite.h"

#define MOST 1000

struct fleet {
	struct sbx_peers peers; /* of all nodes; each passes over itself */
	struct sbx_peer list[MOST];
	char did[MOST][SBX_DID_SIZE];
	bool dead[MOST], liar[MOST];
	int knows[MOST]; /* the round in which the news came; -1: not yet */
	bool ahead[MOST], due[MOST];
};

static struct fleet *f;

static void
build(size_t count, size_t hub)
{
	f = sbx_mem_alloc(1, sizeof(*f));
	f->peers = (struct sbx_peers){ f->list, count };
	for (size_t i = 0; i < count; i++) {
		snprintf(f->did[i], SBX_DID_SIZE, "did:plc:%032zx", i);
		f->list[i] = (struct sbx_peer){ .did = f->did[i],
			.node = true, .hub = i == hub };
		f->knows[i] = -1;
		f->dead[i] = i % 10 == 7;
	}
}

static size_t
pick(size_t self, int round, bool *visit)
{
	char seed[80];
	const struct sbx_round r = { .seed = seed, .others = SBX_ROUND,
		.ahead = f->ahead, .due = f->due };
	size_t n = 0;

	snprintf(seed, sizeof(seed), "%s %d", f->did[self], round);
	f->list[self].node = false;
	sbx_round_pick(&f->peers, &r, visit);
	f->list[self].node = true;
	for (size_t i = 0; i < f->peers.count; i++)
		n += visit[i];
	return n;
}

/* ---- whom ---------------------------------------------------------------------- */

START_TEST(a_small_mesh_is_visited_whole_and_a_large_one_costs_the_same)
{
	static const size_t sizes[] = { 1, 2, 5, 32, 256, MOST };
	bool visit[MOST];
	size_t most;

	for (size_t k = 0; k < sizeof(sizes) / sizeof(sizes[0]); k++) {
		build(sizes[k], 0);
		most = sizes[k] - 1 < 1 + SBX_ROUND ? sizes[k] - 1 :
			1 + SBX_ROUND;
		if (sizes[k] > 1)
			ck_assert_uint_eq(pick(sizes[k] - 1, 1, visit), most);
		else
			ck_assert_uint_eq(pick(0, 1, visit), 0);
		free(f);
	}
}
END_TEST

START_TEST(the_gate_goes_before_the_first_hub_and_a_stranger_is_none)
{
	struct sbx_round r = { .seed = "x", .others = 0 };
	bool visit[MOST], none[MOST] = { false };

	build(32, 3);
	r.ahead = r.due = none;
	sbx_round_pick(&f->peers, &r, visit);
	ck_assert(visit[3]);
	r.gate = f->did[9];
	sbx_round_pick(&f->peers, &r, visit);
	ck_assert(visit[9] && !visit[3]);
	r.gate = "did:plc:ffffffffffffffffffffffffffffffff";
	sbx_round_pick(&f->peers, &r, visit);
	ck_assert(visit[3]);
	free(f);
}
END_TEST

START_TEST(who_says_that_it_is_ahead_is_visited_and_a_crowd_of_them_costs_three)
{
	bool visit[MOST];
	size_t n = 0;

	build(256, 0);
	f->ahead[100] = true;
	pick(5, 1, visit);
	ck_assert(visit[100]);
	for (size_t i = 0; i < 256; i++)
		f->ahead[i] = i > 50;
	n = pick(5, 1, visit);
	ck_assert_uint_eq(n, 1 + 3 + SBX_ROUND);
	for (size_t i = 0; i < 256; i++)
		f->due[i] = true;
	n = pick(5, 1, visit);
	ck_assert_uint_eq(n, 1 + 3 + 2 * SBX_ROUND);
	free(f);
}
END_TEST

/* With the default of 4 hours and a round every two minutes there are 60 rounds
 * between due and stale. */
START_TEST(who_is_due_is_visited_before_it_is_stale_though_others_are_dead)
{
	static int last[MOST];
	bool visit[MOST];

	build(100, 0);
	memset(last, 0, sizeof(last));
	for (int round = 1; round <= 1000; round++) {
		for (size_t i = 0; i < 100; i++)
			f->due[i] = round - last[i] > 60;
		pick(5, round, visit);
		for (size_t i = 0; i < 100; i++) {
			if (visit[i] && !f->dead[i])
				last[i] = round;
			ck_assert_msg(i == 5 || f->dead[i] ||
				round - last[i] <= 120,
				"node %zu was not visited for %d rounds", i,
				round - last[i]);
		}
	}
	free(f);
}
END_TEST

/* ---- how news spreads -------------------------------------------------------------- */

/* Rounds until all who live know what one said; nobody's word says who is
 * ahead, so this is the worst case. */
static int
spread(size_t count, bool hub)
{
	bool visit[MOST];
	bool left = true;
	int round = 0;

	build(count, hub ? 0 : count);
	f->liar[1] = true; /* it hears and tells nobody */
	f->knows[count - 1] = 0;
	f->dead[count - 1] = f->dead[0] = f->dead[1] = false;
	while (left && round < 100) {
		round++;
		left = false;
		for (size_t i = 0; i < count; i++) {
			if (f->dead[i] || f->knows[i] >= 0)
				continue;
			pick(i, round, visit);
			for (size_t k = 0; k < count; k++)
				if (visit[k] && !f->dead[k] && !f->liar[k] &&
					f->knows[k] >= 0 && f->knows[k] < round)
					f->knows[i] = round;
			left |= f->knows[i] < 0;
		}
	}
	free(f);
	return round;
}

START_TEST(what_one_says_reaches_all_who_live_though_one_withholds_it)
{
	static const struct {
		size_t count;
		int hub, none; /* rounds at most, with a hub and without */
	} cases[] = { { 32, 6, 8 }, { 256, 8, 10 }, { MOST, 10, 0 } };
	int with, without;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		with = spread(cases[i].count, true);
		without = cases[i].none > 0 ?
			spread(cases[i].count, false) : 0;
		ck_assert_int_le(with, cases[i].hub);
		ck_assert_int_le(without, cases[i].none);
	}
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("round");
	TCase *tc = tcase_create("round");

	tcase_set_timeout(tc, 60);
	tcase_add_test(tc,
		a_small_mesh_is_visited_whole_and_a_large_one_costs_the_same);
	tcase_add_test(tc,
		the_gate_goes_before_the_first_hub_and_a_stranger_is_none);
	tcase_add_test(tc,
		who_says_that_it_is_ahead_is_visited_and_a_crowd_of_them_costs_three);
	tcase_add_test(tc,
		who_is_due_is_visited_before_it_is_stale_though_others_are_dead);
	tcase_add_test(tc,
		what_one_says_reaches_all_who_live_though_one_withholds_it);
	suite_add_tcase(suite, tc);
	return finish_suite(suite);
}
