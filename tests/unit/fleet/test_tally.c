/* SPDX-License-Identifier: Apache-2.0 */
/* Who could be the gate: by others' words, whatever the order (I14, I15). */
#include "json/json.h"
#include "record/record.h"
#include "fleet_world.h"
#include "people.h"

static struct sbx_fleet f;

static void
setup(void)
{
	f = (struct sbx_fleet){ 0 };
}

static void
teardown(void)
{
	sbx_fleet_free(&f);
}

static void
put(struct sbx_fleet_node n)
{
	sbx_fleet_put(&f, &n);
}

/* Hubs 1 and 2, spokes 3 and 4 that hear both. */
static void
put_mesh(int order)
{
	for (int k = 0; k < 4; k++) {
		int i = 1 + (k * 3 + order) % 4;
		struct sbx_fleet_node n = node_of(i, i, i < 3, NOW);

		if (i >= 3) {
			link_of(&n, 1, 10);
			link_of(&n, 2, 20);
		}
		put(n);
	}
}

static const struct sbx_fleet_node *
judged(int i)
{
	const struct sbx_fleet_node *n = sbx_fleet_node(&f, did_of(i));

	ck_assert_ptr_nonnull(n);
	return n;
}

START_TEST(the_same_snapshots_give_the_same_in_any_order)
{
	unsigned char hash[SBX_HASH_BYTES];

	put_mesh(0);
	sbx_fleet_tally(&f, NOW);
	memcpy(hash, f.hash, sizeof(hash));
	for (int order = 1; order < 4; order++) {
		sbx_fleet_free(&f);
		put_mesh(order);
		put_mesh(0);
		sbx_fleet_tally(&f, NOW);
		ck_assert_uint_eq(f.nnodes, 4);
		ck_assert_mem_eq(f.hash, hash, sizeof(hash));
		for (int i = 1; i < 4; i++)
			ck_assert_int_lt(strcmp(f.nodes[i - 1].did,
				f.nodes[i].did), 0);
	}
}
END_TEST

START_TEST(of_two_with_one_number_every_order_keeps_the_same)
{
	struct sbx_fleet_node a = node_of(1, 5, true, NOW), b = a;

	b.uptime = 3600;
	b.hash[0] = 77;
	for (int turn = 0; turn < 2; turn++) {
		put(turn == 0 ? a : b);
		put(turn == 0 ? b : a);
		ck_assert_int_eq(judged(1)->uptime, 5 * 3600);
		sbx_fleet_free(&f);
	}
}
END_TEST

START_TEST(an_older_snapshot_replaces_nothing)
{
	put(node_of(1, 9, true, NOW));
	put(node_of(1, 1, true, NOW - SECONDS(10)));
	ck_assert_int_eq(judged(1)->uptime, 9 * 3600);
}
END_TEST

static const struct {
	const char *what;
	int64_t uptime, cpu, mem, heard;
	const char *role;
	int score;
} scores[] = {
	{ "nothing", 0, 100, 100, 0, "sentinel", 3 },
	{ "23 hours", 23 * 3600 + 3599, 100, 100, 0, "sentinel", 28 + 3 },
	{ "a day", 24 * 3600, 100, 100, 0, "sentinel", 30 + 3 },
	{ "a year", 365 * 86400, 100, 100, 0, "sentinel", 30 + 3 },
	{ "nine peers", 0, 100, 100, 9, "sentinel", 22 + 3 },
	{ "ten peers", 0, 100, 100, 10, "sentinel", 25 + 3 },
	{ "eleven peers", 0, 100, 100, 11, "sentinel", 25 + 3 },
	{ "half a processor", 0, 50, 100, 0, "sentinel", 7 + 3 },
	{ "an idle one", 0, 0, 100, 0, "sentinel", 15 + 3 },
	{ "free memory", 0, 100, 0, 0, "sentinel", 15 + 3 },
	{ "a guardian", 0, 100, 100, 0, "guardian", 7 },
	{ "a fortress", 0, 100, 100, 0, "fortress", 15 },
	{ "the best", 86400, 0, 0, 11, "nexus", 100 },
};

START_TEST(the_score_is_as_the_weights_say)
{
	struct sbx_fleet_node n = node_of(0, 0, true, NOW), peer;

	n.uptime = scores[_i].uptime;
	n.cpu = scores[_i].cpu;
	n.mem = scores[_i].mem;
	snprintf(n.role, sizeof(n.role), "%s", scores[_i].role);
	put(n);
	for (int i = 1; i <= scores[_i].heard; i++) {
		peer = node_of(i, 0, false, NOW);
		link_of(&peer, 0, 0);
		put(peer);
	}
	sbx_fleet_tally(&f, NOW);
	ck_assert_msg(judged(0)->score == scores[_i].score, "%s: %d, not %d",
		scores[_i].what, judged(0)->score, scores[_i].score);
}
END_TEST

START_TEST(nobody_is_the_gate_by_its_own_word)
{
	struct sbx_fleet_node liar = node_of(1, 99, true, NOW);

	for (int i = 1; i < 9; i++)
		link_of(&liar, i, 0);
	put(liar);
	put(node_of(2, 0, false, NOW));
	sbx_fleet_tally(&f, NOW);
	ck_assert_uint_eq(judged(1)->heard, 0);
	ck_assert_str_eq(judged(1)->unfit, "no member has a handshake with it");
	ck_assert_int_eq(judged(1)->score, 30 + 15 + 15 + 7);
}
END_TEST

/* Hubs hear every spoke, so what they hear makes no hub of one. */
START_TEST(a_spoke_that_says_it_is_a_hub_is_none)
{
	struct sbx_fleet_node n;

	put(node_of(9, 99, true, NOW));
	for (int i = 1; i < 9; i++) {
		n = node_of(i, 1, i < 5, NOW);
		if (i < 5)
			link_of(&n, 9, 0);
		link_of(&n, 1, 0);
		put(n);
	}
	sbx_fleet_tally(&f, NOW);
	ck_assert_uint_eq(judged(9)->heard, 4);
	ck_assert_str_eq(judged(9)->unfit,
		"fewer than half of the members hear it");
	ck_assert_ptr_null(judged(1)->unfit);
}
END_TEST

START_TEST(without_spokes_half_of_the_others_have_to_hear_a_hub)
{
	for (int hears = 1; hears < 4; hears++) {
		put(node_of(0, 9, true, NOW));
		for (int i = 1; i < 5; i++) {
			struct sbx_fleet_node n = node_of(i, 1, true, NOW);

			if (i <= hears)
				link_of(&n, 0, 0);
			put(n);
		}
		sbx_fleet_tally(&f, NOW);
		ck_assert_msg((judged(0)->unfit == NULL) == (hears >= 2),
			"%d of 4 hear it", hears);
		sbx_fleet_free(&f);
	}
}
END_TEST

/* How the only witness of hub 1 may be, and whether the hub is fit then. */
static const struct {
	const char *what;
	int64_t age, at; /* of the handshake, of the witness's snapshot */
	bool fit;
} witnesses[] = {
	{ "a fresh handshake", 179, 0, true },
	{ "one that is too old", 180, 0, false },
	{ "none", -1, 0, false },
	{ "an old witness", 0, -3 * EVERY, false },
	{ "one that was just heard", 0, -3 * EVERY + 1, true },
	{ "one that is ahead", 0, 3 * EVERY, false },
};

START_TEST(only_a_fresh_handshake_of_a_fresh_member_counts)
{
	struct sbx_fleet_node by =
		node_of(2, 0, false, NOW + SECONDS(witnesses[_i].at));

	put(node_of(1, 9, true, NOW));
	link_of(&by, 1, witnesses[_i].age);
	put(by);
	sbx_fleet_tally(&f, NOW);
	ck_assert_msg((judged(1)->unfit == NULL) == witnesses[_i].fit, "%s: %s",
		witnesses[_i].what,
		judged(1)->unfit != NULL ? judged(1)->unfit : "fit");
}
END_TEST

static const struct {
	int64_t at;
	bool reachable, drained;
	const char *unfit;
} hubs[] = {
	{ 0, true, false, NULL },
	{ -3 * EVERY, true, false, "not heard for three intervals" },
	{ 3 * EVERY, true, false, "not heard for three intervals" },
	{ 0, false, false, "no endpoint" },
	{ 0, true, true, "drained" },
};

START_TEST(a_hub_is_fit_or_it_is_said_why_not)
{
	struct sbx_fleet_node hub = node_of(1, 9, hubs[_i].reachable,
		NOW + SECONDS(hubs[_i].at));
	struct sbx_fleet_node by = node_of(2, 0, false, NOW);

	hub.drained = hubs[_i].drained;
	put(hub);
	link_of(&by, 1, 5);
	put(by);
	sbx_fleet_tally(&f, NOW);
	if (hubs[_i].unfit == NULL)
		ck_assert_ptr_null(judged(1)->unfit);
	else
		ck_assert_str_eq(judged(1)->unfit, hubs[_i].unfit);
}
END_TEST

/* A day's interval keeps nobody alive for three days. */
START_TEST(a_long_interval_counts_as_the_longest)
{
	struct sbx_fleet_node hub = node_of(1, 9, true, NOW - SECONDS(3 * 300));

	hub.interval = 86400;
	put(hub);
	sbx_fleet_tally(&f, NOW);
	ck_assert(!judged(1)->fresh);
	sbx_fleet_tally(&f, NOW - SECONDS(1));
	ck_assert(judged(1)->fresh);
}
END_TEST

/* ---- signed ones ---- */

#define BODY(peers) "{\"interval\":60,\"uptime\":7200,\"cpu\":1,\"mem\":2,"  \
	"\"disk\":3,\"load1\":4,\"temp\":null,\"role\":\"nexus\",\"state\":"   \
	"\"aware\",\"endpoint\":\"192.0.2.1:51822\",\"drained\":false,"       \
	"\"entries\":9,\"digest\":\"0000000000000000000000000000000000000000"  \
	"000000000000000000000000\",\"peers\":[" peers "],\"services\":[],"    \
	"\"down\":[],\"version\":\"1\",\"counters\":{\"term\":7}}"
#define PEER(did, age) "{\"age\":" age ",\"did\":\"" did "\",\"rx\":1,\"tx\":2}"
#define SOMEBODY "did:plc:0123456789abcdef0123456789abcdef"

static struct sbx_statement *
signed_by(const struct sbx_key *key, const char *body)
{
	struct sbx_statement *s = NULL;
	struct sbx_doc *doc = NULL;

	ck_assert_int_eq(sbx_json_parse(body, strlen(body), NULL, &doc, &why), 0);
	ck_assert_msg(sbx_statement_make(key, "Snapshot", 5, 180,
			      sbx_doc_root(doc), &s, &why) == 0, "%s", why.text);
	sbx_doc_free(doc);
	return s;
}

START_TEST(a_signed_snapshot_is_taken_as_it_is)
{
	struct sbx_key *key = key_of(3);
	struct sbx_statement *s = signed_by(key, BODY(PEER(SOMEBODY, "12")));
	const struct sbx_fleet_node *n;

	ck_assert_msg(sbx_fleet_take(&f, s, &why) == 0, "%s", why.text);
	n = sbx_fleet_node(&f, sbx_key_did(key));
	ck_assert_ptr_nonnull(n);
	ck_assert_int_eq(n->uptime, 7200);
	ck_assert_int_eq(n->term, 7);
	ck_assert(n->reachable && !n->drained);
	ck_assert_uint_eq(n->nlinks, 1);
	ck_assert_int_eq(n->links[0].age, 12);
	sbx_statement_free(s);
	sbx_key_free(key);
}
END_TEST

static const char *const malformed[] = { BODY("7"), BODY("{}"), BODY("null"),
	BODY(PEER("did:plc:x", "1")), BODY(PEER(SOMEBODY, "-2")),
	BODY(PEER(SOMEBODY, "\"1\"")), BODY(PEER(SOMEBODY, "null")),
	BODY(PEER(SOMEBODY, "1") "," PEER(SOMEBODY, "1")),
	BODY("{\"age\":1,\"did\":\"" SOMEBODY "\",\"rx\":1}"),
	BODY("{\"age\":1,\"did\":\"" SOMEBODY "\",\"rx\":1,\"tx\":2,\"x\":3}"),
	BODY("{\"age\":1,\"did\":\"" SOMEBODY "\",\"rx\":-1,\"tx\":2}") };

START_TEST(a_malformed_list_of_peers_counts_for_nothing)
{
	struct sbx_key *key = key_of(3);
	struct sbx_statement *s = signed_by(key, malformed[_i]);

	ck_assert_int_eq(sbx_fleet_take(&f, s, &why), SBX_E_INPUT);
	ck_assert_uint_eq(f.nnodes, 0);
	sbx_statement_free(s);
	sbx_key_free(key);
}
END_TEST

START_TEST(a_forged_snapshot_changes_nothing)
{
	struct sbx_key *key = key_of(3);
	struct sbx_statement *s = signed_by(key, BODY(""));

	s->sig[5] ^= 1;
	ck_assert_int_eq(sbx_fleet_take(&f, s, &why), SBX_E_INPUT);
	ck_assert_str_eq(why.text, "bad signature");
	ck_assert_uint_eq(f.nnodes, 0);
	sbx_statement_free(s);
	sbx_key_free(key);
}
END_TEST

#define LOOP(t, test, list) \
	tcase_add_loop_test(t, test, 0, (int)(sizeof(list) / sizeof(list[0])))

int
main(void)
{
	Suite *s = suite_create("tally");
	TCase *t = tcase_create("tally");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, the_same_snapshots_give_the_same_in_any_order);
	tcase_add_test(t, of_two_with_one_number_every_order_keeps_the_same);
	tcase_add_test(t, an_older_snapshot_replaces_nothing);
	LOOP(t, the_score_is_as_the_weights_say, scores);
	tcase_add_test(t, nobody_is_the_gate_by_its_own_word);
	tcase_add_test(t, a_spoke_that_says_it_is_a_hub_is_none);
	tcase_add_test(t, without_spokes_half_of_the_others_have_to_hear_a_hub);
	LOOP(t, only_a_fresh_handshake_of_a_fresh_member_counts, witnesses);
	LOOP(t, a_hub_is_fit_or_it_is_said_why_not, hubs);
	tcase_add_test(t, a_long_interval_counts_as_the_longest);
	tcase_add_test(t, a_signed_snapshot_is_taken_as_it_is);
	LOOP(t, a_malformed_list_of_peers_counts_for_nothing, malformed);
	tcase_add_test(t, a_forged_snapshot_changes_nothing);
	suite_add_tcase(s, t);
	return finish_suite(s);
}
