/* SPDX-License-Identifier: Apache-2.0 */
/* Which claim of several stands, and what it costs to find out. */
#include "db.h"
#include "people.h"

static void
check_offers(int id, const char *want)
{
	check_rows(SBX_VIEW_OFFER, number(id), "name provider status", want);
}

/* I14 */
START_TEST(of_two_claims_of_one_instant_the_lower_hash_stands)
{
	const struct sbx_entry *a = offer_as(FOUNDER, 1, "a", "auto", 10);
	const struct sbx_entry *b = offer_as(FOUNDER, 1, "b", "auto", 10);
	const char *want = memcmp(a->id, b->id, SBX_HASH_BYTES) < 0 ?
		"a founder live; " : "b founder live; ";

	check_offers(1, want);
	for (int i = 0; i < 6; i++)
		offer_as(FOUNDER, 1, "older", "auto", 9 - i);
	check_offers(1, want);
}
END_TEST

START_TEST(each_author_of_one_identifier_has_its_own_last_word)
{
	offer_as(FOUNDER, 1, "new", "auto", 20);
	offer_as(FOUNDER, 1, "old", "auto", 10);
	offer_as(ANN, 1, "old", "auto", 15);
	offer_as(ANN, 1, "new", "auto", 16);
	withdraw(ANN, number(1), 16);
	check_offers(1, strcmp(did(FOUNDER), did(ANN)) < 0 ?
			"new founder live; new ann withdrawn; " :
			"new ann withdrawn; new founder live; ");
}
END_TEST

START_TEST(identifiers_that_begin_alike_are_told_apart)
{
	offer_as(FOUNDER, 0xa, "a", "auto", 10);
	offer_as(FOUNDER, 0xab, "b", "auto", 20);
	withdraw(FOUNDER, number(0xa), 30);
	check_offers(0xa, "a founder withdrawn; ");
	check_offers(0xab, "b founder live; ");
	check_offers(0xabc, "");
}
END_TEST

/* ---- cost ---- */

static int
count_step(void *n)
{
	++*(int64_t *)n;
	return 0;
}

static int
pass_row(void *ctx, const struct sbx_json *row, struct sbx_err *err)
{
	(void)ctx;
	(void)row;
	(void)err;
	return 0;
}

static void
add_box(struct sbx_log *log, int n)
{
	struct sbx_key *key = key_of((unsigned char)n);
	struct sbx_entry *e[] = {
		sign(key, "node_publish", NULL, "{\"node_id\":\"n%d\",\"boxname\":"
			"\"box%d\",\"pubkey_wg\":\"%043d=\",\"mesh_ip\":null,"
			"\"ddns\":null,\"endpoint\":null,\"created_at\":\"%s\"}", n,
			n, 0, at(n)),
		sign(key, "name_bind", NULL, "{\"did\":\"%s\",\"name\":\"name%d\","
			"\"bound_at\":\"%s\"}", sbx_key_did(key), n, at(n)),
		sign(key, "service_offer", NULL, "{\"service_id\":\"%064x\","
			"\"name\":\"x\",\"kind\":\"http\",\"endpoint\":null,"
			"\"scope\":{},\"approval_mode\":\"auto\",\"description\":"
			"\"\",\"created_at\":\"%s\"}", n, at(n)),
		sign(key, "service_subscribe", NULL, "{\"subscription_id\":"
			"\"%064x\",\"service_id\":\"%064x\",\"requested_at\":\"%s\"}",
			n, n / 2, at(n)),
		sign(key, "attest", NULL, "{\"subject\":\"%s\",\"context\":\"x\","
			"\"weight\":1,\"domain\":\"\",\"valid_from\":\"%s\","
			"\"valid_until\":null,\"revoked\":false,\"created_at\":"
			"\"%s\"}", did(FOUNDER), at(n), at(n)),
	};
	enum sbx_log_how how;

	for (size_t i = 0; i < sizeof(e) / sizeof(e[0]); i++) {
		ck_assert_int_eq(sbx_log_add(log, e[i], &how, &why), 0);
		sbx_entry_free(e[i]);
	}
	sbx_key_free(key);
}

/* What SQLite does for every row of a view, in hundreds of its steps. */
static int64_t
cost(enum sbx_view view, int boxes)
{
	struct sbx_log *log = open_log(NULL);
	struct sbx_state *st = NULL;
	int64_t n = 0;

	ck_assert_int_eq(sbx_log_begin(log, &why), 0);
	for (int i = 1; i <= boxes; i++)
		add_box(log, i);
	ck_assert_int_eq(sbx_log_commit(log, &why), 0);
	sqlite3_progress_handler(sbx_log_db(log), 100, count_step, &n);
	ck_assert_int_eq(sbx_state_open(log, &st, &why), 0);
	ck_assert_int_eq(sbx_state_each(st, view, NULL, pass_row, NULL, &why), 0);
	close_world(st);
	return n;
}

/* Four times the boxes are four times the rows; were each row compared with
 * all of another view, they would be sixteen times the work. */
START_TEST(a_view_costs_what_is_in_it)
{
	int64_t few = cost((enum sbx_view)_i, 60);
	int64_t many = cost((enum sbx_view)_i, 240);

	ck_assert_msg(many < 6 * few, "view %d: %lld steps for 60 boxes, %lld for "
		"240", _i, 100 * (long long)few, 100 * (long long)many);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("views");
	TCase *t = tcase_create("views");

	tcase_add_checked_fixture(t, people_begin, people_end);
	tcase_add_test(t, of_two_claims_of_one_instant_the_lower_hash_stands);
	tcase_add_test(t, each_author_of_one_identifier_has_its_own_last_word);
	tcase_add_test(t, identifiers_that_begin_alike_are_told_apart);
	tcase_add_loop_test(t, a_view_costs_what_is_in_it, 0, SBX_VIEWS);
	suite_add_tcase(s, t);
	return finish_suite(s);
}
