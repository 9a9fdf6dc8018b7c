/* SPDX-License-Identifier: Apache-2.0 */
/* Seven nodes with clocks of their own, partitions, a hub that comes and goes,
 * and a liar: afterwards all follow one gate, and on the way it changes seldom
 * (I14, I15). */
#include "fleet_world.h"

enum { NODES = 7, HUBS = 3, LIAR = 6, SEEDS = 200, MAX_TERMS = 512 };

static struct {
	struct sbx_fleet_node says[NODES]; /* the newest that it has of each */
	bool has[NODES], knows[MAX_TERMS];
	struct sbx_fleet_wait wait;
	struct sbx_fleet_choice c;
	char gate[SBX_DID_SIZE];
	int64_t term, skew; /* of the head; of its clock, in seconds */
	bool up;
	int side; /* of the partition */
} nodes[NODES];

static struct sbx_fleet_term terms[MAX_TERMS];
static size_t nterms;
static int64_t clock_now;
static uint64_t dice;

static unsigned
roll(unsigned sides)
{
	dice = dice * UINT64_C(6364136223846793005) + 1442695040888963407u;
	return (unsigned)(dice >> 33) % sides;
}

static bool
meet(int a, int b)
{
	return nodes[a].up && nodes[b].up && nodes[a].side == nodes[b].side;
}

/* ---- what they say ---- */

static void
copy_snapshot(int to, const struct sbx_fleet_node *n, int of)
{
	struct sbx_fleet_node *old = &nodes[to].says[of];

	if (nodes[to].has[of] && old->seq >= n->seq)
		return;
	free(old->links);
	*old = *n;
	old->links = sbx_mem_alloc(n->nlinks + 1, sizeof(*n->links));
	if (n->nlinks > 0)
		memcpy(old->links, n->links, n->nlinks * sizeof(*n->links));
	nodes[to].has[of] = true;
}

/* Hubs and spokes have handshakes; the liar says that it is a hub, the best
 * one, and that it hears everybody. */
static void
say(int i)
{
	struct sbx_fleet_node n = node_of(i, i == LIAR ? 1000 : 24 + i,
		i < HUBS || i == LIAR,
		clock_now + SECONDS(nodes[i].skew));

	n.cpu = i == LIAR ? 0 : roll(60);
	if (i == LIAR)
		snprintf(n.role, sizeof(n.role), "nexus");
	for (int k = 0; k < NODES; k++)
		if (k != i && (i == LIAR ||
				      (meet(i, k) && (i < HUBS || k < HUBS))))
			link_of(&n, k, i == LIAR ? 0 : roll(150));
	copy_snapshot(i, &n, i);
	free(n.links);
}

static void
record(int by, const struct sbx_fleet_term *head, const char *gate)
{
	struct sbx_fleet_term *t = &terms[nterms];

	ck_assert_uint_lt(nterms, MAX_TERMS);
	*t = (struct sbx_fleet_term){ .since = clock_now, .term = 1 };
	snprintf(t->id, sizeof(t->id), "%016llx%048zu",
		(unsigned long long)dice, nterms);
	if (head != NULL) {
		t->term = head->term + 1;
		memcpy(t->previous, head->id, sizeof(t->previous));
	}
	snprintf(t->proposer, sizeof(t->proposer), "%s", did_of(by));
	snprintf(t->gate, sizeof(t->gate), "%s", gate);
	nodes[by].knows[nterms++] = true;
}

/* A pull: what b has, a gets. */
static void
pull(int a, int b)
{
	for (int k = 0; k < NODES; k++)
		if (nodes[b].has[k])
			copy_snapshot(a, &nodes[b].says[k], k);
	for (size_t k = 0; k < nterms; k++)
		nodes[a].knows[k] |= nodes[b].knows[k];
}

/* ---- what they make of it ---- */

static void
elect(int i, bool honest)
{
	int64_t now = clock_now + SECONDS(nodes[i].skew);
	struct sbx_fleet f = { 0 };
	struct sbx_fleet_choice *c = &nodes[i].c;
	struct sbx_fleet_node n;

	for (int k = 0; k < NODES; k++) {
		if (!nodes[i].has[k])
			continue;
		n = nodes[i].says[k];
		n.links = sbx_mem_alloc(n.nlinks + 1, sizeof(*n.links));
		if (n.nlinks > 0)
			memcpy(n.links, nodes[i].says[k].links,
				n.nlinks * sizeof(*n.links));
		sbx_fleet_put(&f, &n);
	}
	for (size_t k = 0; k < nterms; k++)
		if (nodes[i].knows[k])
			sbx_fleet_put_term(&f, &terms[k]);
	sbx_fleet_tally(&f, now);
	sbx_fleet_choose(&f, did_of(i), now, EVERY, &nodes[i].wait, c);
	snprintf(nodes[i].gate, SBX_DID_SIZE, "%s",
		c->gate != NULL ? c->gate->did : "");
	nodes[i].term = c->head != NULL ? c->head->term : 0;
	if (honest && c->propose != NULL)
		record(i, c->head, c->propose->did);
	else if (!honest && roll(8) == 0)
		record(i, c->head, did_of(roll(2) == 0 ? i : 4));
	sbx_fleet_free(&f);
}

static void
interval(bool lies)
{
	clock_now += SECONDS(EVERY);
	for (int i = 0; i < NODES; i++)
		if (nodes[i].up)
			say(i);
	for (int a = 0; a < NODES; a++)
		for (int b = 0; b < NODES; b++)
			if (a != b && meet(a, b) && roll(4) > 0)
				pull(a, b);
	for (int i = 0; i < NODES; i++)
		if (nodes[i].up)
			elect(i, i != LIAR || !lies);
}

static void
begin(int seed)
{
	dice = (uint64_t)seed * 2654435761u + 1;
	clock_now = NOW;
	nterms = 0;
	for (int i = 0; i < NODES; i++) {
		memset(&nodes[i], 0, sizeof(nodes[i]));
		nodes[i].up = true;
		nodes[i].skew = (int)roll(60) - 30;
	}
}

static void
end(void)
{
	for (int i = 0; i < NODES; i++)
		for (int k = 0; k < NODES; k++)
			free(nodes[i].says[k].links);
}

static int
index_of(const char *did)
{
	for (int i = 0; i < NODES; i++)
		if (strcmp(did, did_of(i)) == 0)
			return i;
	return -1;
}

static void
assert_one_gate(int seed)
{
	ck_assert_msg(index_of(nodes[0].gate) >= 0 &&
			      index_of(nodes[0].gate) < HUBS,
		"seed %d: the gate is \"%s\"", seed, nodes[0].gate);
	for (int i = 1; i < NODES; i++)
		ck_assert_msg(strcmp(nodes[i].gate, nodes[0].gate) == 0,
			"seed %d: node %d follows %d, node 0 %d", seed, i,
			index_of(nodes[i].gate), index_of(nodes[0].gate));
}

START_TEST(after_partitions_crashes_and_lies_all_follow_one_gate)
{
	for (int seed = _i * 50; seed < (_i + 1) * 50; seed++) {
		begin(seed);
		for (int t = 0; t < 60; t++) {
			if (roll(10) == 0)
				for (int i = 0; i < NODES; i++)
					nodes[i].side = (int)roll(2);
			if (roll(5) == 0)
				nodes[roll(NODES)].up = roll(2) == 0;
			interval(true);
		}
		for (int i = 0; i < NODES; i++) {
			nodes[i].up = true;
			nodes[i].side = 0;
		}
		for (int t = 0; t < 15; t++)
			interval(false);
		assert_one_gate(seed);
		end();
	}
}
END_TEST

START_TEST(the_liar_is_never_the_gate_of_anybody)
{
	for (int seed = 0; seed < 50; seed++) {
		begin(seed);
		for (int t = 0; t < 40; t++) {
			interval(true);
			for (int i = 0; i < NODES; i++)
				ck_assert_int_ne(index_of(nodes[i].gate), LIAR);
		}
		end();
	}
}
END_TEST

START_TEST(while_one_hub_flaps_the_gate_changes_twice_at_most)
{
	for (int seed = _i * 50; seed < (_i + 1) * 50; seed++) {
		int gate, left = 0;
		int64_t before;

		begin(seed);
		for (int t = 0; t < 10; t++)
			interval(false);
		assert_one_gate(seed);
		gate = index_of(nodes[3].gate);
		before = nodes[3].term;
		for (int t = 0; t < 60; t++) {
			if (left-- <= 0) {
				nodes[gate].up = !nodes[gate].up;
				left = (int)roll(8);
			}
			interval(false);
		}
		nodes[gate].up = true;
		for (int t = 0; t < 10; t++)
			interval(false);
		assert_one_gate(seed);
		ck_assert_msg(nodes[3].term - before <= 2,
			"seed %d: %d changes", seed,
			(int)(nodes[3].term - before));
		end();
	}
}
END_TEST

START_TEST(in_a_quiet_mesh_one_term_is_recorded)
{
	for (int seed = 0; seed < 50; seed++) {
		begin(seed);
		for (int t = 0; t < 60; t++)
			interval(false);
		assert_one_gate(seed);
		ck_assert_msg(nodes[0].term <= 2, "seed %d: term %d", seed,
			(int)nodes[0].term);
		end();
	}
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("sim");
	TCase *t = tcase_create("sim");

	tcase_set_timeout(t, 60);
	tcase_add_loop_test(t,
		after_partitions_crashes_and_lies_all_follow_one_gate, 0,
		SEEDS / 50);
	tcase_add_test(t, the_liar_is_never_the_gate_of_anybody);
	tcase_add_loop_test(t,
		while_one_hub_flaps_the_gate_changes_twice_at_most, 0,
		SEEDS / 50);
	tcase_add_test(t, in_a_quiet_mesh_one_term_is_recorded);
	suite_add_tcase(s, t);
	return finish_suite(s);
}
