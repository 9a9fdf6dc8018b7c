/* SPDX-License-Identifier: Apache-2.0 */
/* Which claim of several stands, and what it costs to find out. */
#include "db.h"
#include "people.h"

/* "NAME PROVIDER STATUS; " of each offer with that number. */
static int
list_offer(void *out, const struct sbx_json *row, struct sbx_err *err)
{
	(void)err;
	for (int i = FOUNDER; i < PEOPLE; i++)
		if (strcmp(sbx_json_str(row, "provider"), did(i)) == 0)
			sbx_buf_fmt(out, "%s %d %s; ", sbx_json_str(row, "name"),
				i, sbx_json_str(row, "status"));
	return 0;
}

static void
check_offers(int id, const char *want)
{
	struct sbx_state *st = open_world(NULL);
	struct sbx_buf got = SBX_BUF(1024);
	char key[65];

	snprintf(key, sizeof(key), "%064x", id);
	ck_assert_int_eq(sbx_state_each(st, SBX_VIEW_OFFER, key, list_offer, &got,
				 &why), 0);
	ck_assert_str_eq(sbx_buf_text(&got), want);
	sbx_buf_free(&got);
	close_world(st);
}

/* I14 */
START_TEST(of_two_claims_of_one_instant_the_lower_hash_stands)
{
	const struct sbx_entry *a = offer_as(FOUNDER, 1, "a", "auto", 10);
	const struct sbx_entry *b = offer_as(FOUNDER, 1, "b", "auto", 10);
	char want[40];

	snprintf(want, sizeof(want), "%c %d live; ",
		memcmp(a->id, b->id, SBX_HASH_BYTES) < 0 ? 'a' : 'b', FOUNDER);
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
	say(sign(keys[ANN], "service_revoke_offer", NULL,
		"{\"service_id\":\"%064x\",\"revoked_at\":\"%s\"}", 1, at(16)));
	check_offers(1, strcmp(did(FOUNDER), did(ANN)) < 0 ?
			"new 1 live; new 2 withdrawn; " :
			"new 2 withdrawn; new 1 live; ");
}
END_TEST

START_TEST(identifiers_that_begin_alike_are_told_apart)
{
	offer_as(FOUNDER, 0xa, "a", "auto", 10);
	offer_as(FOUNDER, 0xab, "b", "auto", 20);
	say(sign(keys[FOUNDER], "service_revoke_offer", NULL,
		"{\"service_id\":\"%064x\",\"revoked_at\":\"%s\"}", 0xa, at(30)));
	check_offers(0xa, "a 1 withdrawn; ");
	check_offers(0xab, "b 1 live; ");
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
