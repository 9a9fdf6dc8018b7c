/* SPDX-License-Identifier: Apache-2.0 */
/* Which claim of several stands, and what it costs to find out. */
#include "base/base.h"
#include "json/json.h"
#include "crypto/crypto.h"
#include "record/record.h"
#include "ledger/ledger.h"
#include "directory/directory.h"
#include "ledger/db.h"
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

/* ---- subscriptions, of a few ---- */

#define COUNT(list) (sizeof(list) / sizeof((list)[0]))

static const struct {
	int who, service;
	const char *mode;
} offered[] = { { FOUNDER, 1, "pending" }, { ANN, 1, "pending" },
	{ FOUNDER, 2, "auto" }, { FOUNDER, 3, "auto" }, { ANN, 4, "pending" },
	{ EVE, 5, "auto" } };

static void
ask_for(int who, int id, int service, int when)
{
	char text[SBX_ID_SIZE];

	snprintf(text, sizeof(text), "%064x", id);
	subscribe(who, text, number(service), when);
}

/* Of each to each, and to what nobody offers; decided, cancelled, ended. */
static void
subscribe_all(void)
{
	char id[SBX_ID_SIZE];

	for (size_t i = 0; i < COUNT(offered); i++)
		offer_as(offered[i].who, offered[i].service, "x",
			offered[i].mode, 10);
	for (int i = 0; i < 30; i++)
		ask_for(FOUNDER + i % 5, 0x100 + i, i % 6 + 1, 20 + i);
	for (int i = 0; i < 10; i++) {
		snprintf(id, sizeof(id), "%s", number(0x100 + 3 * i));
		decide(i % 2 ? ANN : FOUNDER, i % 4 < 2, id,
			number(3 * i % 6 + 1), 60);
		say(sign(keys[FOUNDER + i % 5], "service_revoke_sub", NULL,
			"{\"subscription_id\":\"%s\",\"revoked_at\":\"%s\"}",
			number(0x100 + i), at(80)));
	}
	withdraw(FOUNDER, number(3), 70);
}

/* Subscriptions that several claim, or one again of another service, and those
 * of an author that has forked since. */
static void
confuse(void)
{
	char id[SBX_ID_SIZE];

	ask_for(ANN, 0x200, 4, 30);
	ask_for(EVE, 0x200, 1, 30);
	ask_for(CID, 0x201, 1, 30);
	ask_for(CID, 0x201, 4, 40);
	sbx_sub_id(id, did(CID), number(2), T0 + 30 * INT64_C(1000000));
	for (int who = ANN; who <= EVE; who++)
		subscribe(who, id, number(2), 30);
	head(BOB, 1, world[0], 90);
	head(BOB, 1, world[1], 91);
}

struct picked {
	struct sbx_subs of;
	int provider; /* of.provider */
	bool pick;    /* of all rows */
	int rows;
	struct sbx_buf text;
};

static bool
is_to(const struct sbx_json *row, int provider)
{
	for (size_t i = 0; i < COUNT(offered); i++)
		if (offered[i].who == provider && sbx_json_is(sbx_json_get(row,
			"service_id"), number(offered[i].service)))
			return true;
	return false;
}

static int
pick_row(void *ctx, const struct sbx_json *row, struct sbx_err *err)
{
	struct picked *p = ctx;
	const struct sbx_subs *of = &p->of;

	if (p->pick && ((!is_to(row, p->provider) && (of->subscriber == NULL ||
		!sbx_json_is(sbx_json_get(row, "subscriber"), of->subscriber))) ||
		(of->service != NULL && !sbx_json_is(sbx_json_get(row,
			"service_id"), of->service)) ||
		(of->id != NULL && strncmp(sbx_json_str(row, "subscription_id"),
			of->id, strlen(of->id)) != 0)))
		return 0;
	p->rows++;
	ck_assert_int_eq(sbx_canon_write(&p->text, row, NULL, err), 0);
	return 0;
}

static int
check_picked(struct sbx_state *st, int subscriber, int provider, int service,
	const char *id)
{
	struct picked got = { .provider = provider, .text = SBX_BUF(1 << 20) };
	struct picked want;
	char text[SBX_ID_SIZE];

	snprintf(text, sizeof(text), "%s", number(service));
	got.of = (struct sbx_subs){ subscriber != 0 ? did(subscriber) : NULL,
		provider != 0 ? did(provider) : NULL, service != 0 ? text : NULL,
		id };
	want = got;
	want.pick = true;
	ck_assert_int_eq(sbx_state_each(st, SBX_VIEW_SUB, NULL, pick_row, &want,
		&why), 0);
	ck_assert_msg(sbx_state_subs(st, &got.of, pick_row, &got, &why) == 0,
		"%s", why.text);
	ck_assert_msg(strcmp(sbx_buf_text(&got.text), sbx_buf_text(&want.text)) ==
		0, "of %d to %d, service %d, id %s: %d rows, the view has %d",
		subscriber, provider, service, id != NULL ? id : "any", got.rows,
		want.rows);
	sbx_buf_free(&got.text);
	sbx_buf_free(&want.text);
	return got.rows;
}

/* Now, and before much of it was said.  Thirteen shares no factor with what
 * there is of each; nobody, no service is 0. */
START_TEST(the_subscriptions_of_a_few_are_the_views_rows)
{
	static const char *const ids[] = { NULL, "", "00000000", "0000f", "~" };
	struct sbx_state *st = NULL;
	int rows = 0;

	for (int i = 0; i < 3; i++)
		join(ANN + i, FOUNDER, i, 1);
	subscribe_all();
	confuse();
	ck_assert_int_eq(sbx_state_open_at(open_log(NULL),
		T0 + (_i == 0 ? 100 : 45) * INT64_C(1000000), &st, &why), 0);
	for (int i = 0; i < 8 * 8 * 8 * 5; i += 13)
		rows += check_picked(st, i % 8, i / 8 % 8, i / 64 % 8,
			ids[i / 512]);
	ck_assert_int_gt(rows, 200);
	close_world(st);
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
		sign(key, "guest_bind", NULL, "{\"guest\":\"phone\",\"pubkey_wg\":"
			"\"%043d=\",\"mesh_ip\":\"10.10.0.9\",\"bound_at\":"
			"\"%s\"}", 0, at(n)),
	};
	enum sbx_log_how how;

	for (size_t i = 0; i < sizeof(e) / sizeof(e[0]); i++) {
		ck_assert_int_eq(sbx_log_add(log, e[i], &how, &why), 0);
		sbx_entry_free(e[i]);
	}
	sbx_key_free(key);
}

/* What SQLite does for every row of a view, or for those subscriptions, in
 * hundreds of its steps. */
static int64_t
cost(enum sbx_view view, const struct sbx_subs *of, int boxes)
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
	ck_assert_int_eq(of != NULL ?
		sbx_state_subs(st, of, pass_row, NULL, &why) :
		sbx_state_each(st, view, NULL, pass_row, NULL, &why), 0);
	close_world(st);
	return n;
}

/* Four times the boxes are four times the rows; were each row compared with
 * all of another view, they would be sixteen times the work. */
START_TEST(a_view_costs_what_is_in_it)
{
	int64_t few = cost((enum sbx_view)_i, NULL, 60);
	int64_t many = cost((enum sbx_view)_i, NULL, 240);

	ck_assert_msg(many < 6 * few, "view %d: %lld steps for 60 boxes, %lld for "
		"240", _i, 100 * (long long)few, 100 * (long long)many);
}
END_TEST

/* What each box says is looked at, but not worked out. */
START_TEST(what_others_subscribe_to_costs_a_look)
{
	struct sbx_subs of = { .subscriber = did(ANN), .provider = did(ANN) };
	int64_t none = cost(SBX_VIEW_FORK, NULL, 240);
	int64_t some = cost(SBX_VIEW_SUB, &of, 240) - none;
	int64_t all = cost(SBX_VIEW_SUB, NULL, 240) - none;

	ck_assert_msg(some < all / 2, "%lld steps for one box, %lld for all",
		100 * (long long)some, 100 * (long long)all);
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
	tcase_add_loop_test(t, the_subscriptions_of_a_few_are_the_views_rows, 0,
		2);
	tcase_add_loop_test(t, a_view_costs_what_is_in_it, 0, SBX_VIEWS);
	tcase_add_test(t, what_others_subscribe_to_costs_a_look);
	suite_add_tcase(s, t);
	return finish_suite(s);
}
