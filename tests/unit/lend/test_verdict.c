/* SPDX-License-Identifier: Apache-2.0 */
/* May S use O of P?  Whoever asks is told the same, and nobody but S, P and who
 * decides about membership has a say in it: over logs made by chance, in which
 * offers and subscriptions have identifiers that others claim too. */
#include "base/base.h"
#include "json/json.h"
#include "record/record.h"
#include "ledger/ledger.h"
#include "directory/directory.h"
#include "lend/lend.h"
#include "lend/grant_check.c"
#include "people.h"

#include <sys/mman.h>

#define SERVICES 3
#define WORDS    44 /* of a log, besides who is in */
#define SEEDS    12

static const char *const addresses[] = { "10.10.0.1", "10.10.0.2", "10.10.0.3",
	"10.10.0.4", "10.10.0.5" };

static char services[SERVICES][SBX_ID_SIZE];
static int by[MAX_SAID]; /* who said world[i] */
static bool structure[MAX_SAID]; /* it is about who is in, and where */
static struct {
	int who, service;
	char id[SBX_ID_SIZE];
	const struct sbx_entry *entry;
} subs[MAX_SAID];
static int nsubs;
static bool shared; /* subscriptions have numbers that others use too */

static int
any(int below)
{
	return rand() % below;
}

static struct sbx_entry *
said_by(int who, struct sbx_entry *e)
{
	by[count] = who;
	structure[count] = false;
	return say(e);
}

/* ---- words ---- */

static void
lend(int who, int service, const char *mode, int when)
{
	said_by(who, sign(keys[who], "service_offer", NULL,
		"{\"service_id\":\"%s\",\"name\":\"x\",\"kind\":\"http\","
		"\"endpoint\":\"10.10.0.1:80\",\"scope\":{},\"approval_mode\":"
		"\"%s\",\"description\":\"\",\"macro\":{\"kind\":\"web\","
		"\"params\":{\"port\":80}},\"created_at\":\"%s\"}",
		services[service], mode, at(when)));
}

static void
lend_no_more(int who, int service, int when)
{
	said_by(who, sign(keys[who], "service_revoke_offer", NULL,
		"{\"service_id\":\"%s\",\"revoked_at\":\"%s\"}",
		services[service], at(when)));
}

static void
ask_for(int who, int service, int when)
{
	char *id = subs[nsubs].id;

	if (any(2) == 0)
		sbx_sub_id(id, did(who), services[service],
			T0 + when * INT64_C(1000000));
	else
		snprintf(id, SBX_ID_SIZE, "%064x",
			shared ? 4 * service + any(3) : 1000 + nsubs);
	subs[nsubs].who = who;
	subs[nsubs].service = service;
	subs[nsubs++].entry = said_by(who, sign(keys[who], "service_subscribe",
		NULL, "{\"subscription_id\":\"%s\",\"service_id\":\"%s\","
		"\"requested_at\":\"%s\"}", id, services[service], at(when)));
}

static void
answer(int who, bool yes, int sub, int when)
{
	said_by(who, sign(keys[who], yes ? "service_approve" : "service_reject",
		NULL, "{\"subscription_id\":\"%s\",\"service_id\":\"%s\","
		"\"%s\":\"%s\"}", subs[sub].id, services[subs[sub].service],
		yes ? "approved_at" : "rejected_at", at(when)));
}

static void
end(int who, int sub, int when)
{
	said_by(who, sign(keys[who], "service_revoke_sub", NULL,
		"{\"subscription_id\":\"%s\",\"revoked_at\":\"%s\"}",
		subs[sub].id, at(when)));
}

static void
live_at(int who, const char *address, int when)
{
	said_by(who, sign(keys[who], "node_publish", NULL, "{\"node_id\":\"n\","
		"\"boxname\":\"box\",\"pubkey_wg\":"
		"\"kGZLQ0X2B5hWcD0guSO+EJuuH1yx+iyeCR9NcHuxrqY=\","
		"\"mesh_ip\":\"%s\",\"ddns\":null,\"endpoint\":null,"
		"\"created_at\":\"%s\"}", address, at(when)));
	structure[count - 1] = true;
}

/* Who said what was said since then: who is in is everybody's affair. */
static void
note_structure(int from, int who)
{
	for (; from < count; from++) {
		by[from] = who;
		structure[from] = true;
	}
}

static void
one_word(int when)
{
	int who = FOUNDER + any(5), service = any(SERVICES), n;

	switch (any(10)) {
	case 0:
	case 1:
		who = any(2) == 0 ? FOUNDER : who;
		lend(who, service, any(2) == 0 ? "auto" : "pending", when);
		return;
	case 2:
		lend_no_more(who, service, when);
		return;
	case 3:
	case 4:
		ask_for(who, service, when);
		return;
	case 5:
	case 6:
	case 7:
		if (nsubs > 0)
			answer(any(2) == 0 ? FOUNDER : who, any(3) > 0,
				any(nsubs), when);
		return;
	case 8:
		if (nsubs > 0)
			end(who, any(nsubs), when);
		return;
	default:
		n = count;
		if (any(3) > 0)
			live_at(who, addresses[any(5)], when);
		else if (any(2) == 0)
			put_out(FOUNDER, ANN + any(3), 0, when);
		note_structure(n, who);
	}
}

/* Ann, Bob and Cid are in, and Ann or Bob may be let in again; Eve is not. */
static void
make_world(int seed)
{
	srand((unsigned)seed);
	shared = seed % 2 == 1;
	nsubs = 0;
	for (int i = 0; i < 2; i++)
		snprintf(services[i], SBX_ID_SIZE, "%064x", 0xa0 + i);
	sbx_offer_id(services[2], did(FOUNDER), "x");
	for (int i = 0; i < 3; i++)
		join(ANN + i, FOUNDER, i, 1);
	note_structure(0, FOUNDER);
	for (int who = FOUNDER; who <= EVE; who++)
		live_at(who, addresses[who - FOUNDER], 5);
	for (int i = 0; i < SERVICES; i++)
		lend(FOUNDER, i, i == 1 ? "auto" : "pending", 10);
	for (int i = 0; i < WORDS; i++)
		one_word(20 + 5 * i);
	if (seed % 3 == 0)
		join(ANN + any(2), FOUNDER, 3, 300);
	note_structure(count - (seed % 3 == 0 ? 2 : 0), FOUNDER);
}

/* ---- who asks ---- */

struct asking {
	struct sbx_state *st;
	struct sbx_log *log;
	int who, service;
	const struct sbx_entry *entry; /* its last subscription to it, or NULL */
	const char *sub;
};

static void
ask_about(struct asking *a, int who, int service)
{
	a->who = who;
	a->service = service;
	a->entry = NULL;
	for (int i = 0; i < nsubs; i++)
		if (subs[i].who == who && subs[i].service == service) {
			a->entry = subs[i].entry;
			a->sub = subs[i].id;
		}
}

/* What the function says; carried: with that subscription in hand. */
static enum sbx_use_why
verdict(const struct asking *a, bool carried)
{
	const struct sbx_use use = { .subscriber = did(a->who),
		.service = services[a->service], .provider = did(FOUNDER),
		.carried = carried, .subscription = carried ? a->sub : NULL };
	struct sbx_verdict v;
	enum sbx_use_why got;

	ck_assert_msg(sbx_use_check(a->st, &use, &v, &why) == 0, "%s", why.text);
	got = v.why;
	sbx_verdict_free(&v);
	return got;
}

static const char *
address_of(const struct asking *a)
{
	static char ip[sizeof(((struct sbx_verdict *)0)->mesh_ip)];
	const struct sbx_use use = { .subscriber = did(a->who) };
	struct sbx_verdict v;

	ck_assert_int_eq(sbx_use_check(a->st, &use, &v, &why), 0);
	snprintf(ip, sizeof(ip), "%s", v.mesh_ip[0] != '\0' ? v.mesh_ip :
		"10.10.0.99");
	sbx_verdict_free(&v);
	return ip;
}

static bool
can(const struct asking *a)
{
	const struct sbx_question q = { .subject = did(a->who),
		.action = "service.use", .target = services[a->service],
		.domain = "", .provider = did(FOUNDER) };
	struct sbx_doc *doc = NULL;
	bool yes;

	ck_assert_msg(sbx_can(a->st, &q, &doc, &why) == 0, "%s", why.text);
	yes = sbx_json_get(sbx_doc_root(doc), "allowed")->yes;
	sbx_doc_free(doc);
	return yes;
}

/* The grant's handler, asked with its subscription. */
static bool
granted(const struct asking *a)
{
	static const unsigned char nonce[SBX_NONCE_BYTES] = { 7 };
	struct sbx_buf body = SBX_BUF(SBX_MAX_LINE);
	struct sbx_verdict v = { 0 };
	struct sbx_request *g = NULL;
	int r, http;
	bool tell;

	ck_assert_int_eq(sbx_request_make(keys[a->who], nonce, did(FOUNDER),
		a->entry, &body, &why), 0);
	ck_assert_msg(sbx_request_parse(body.data, body.len, &g, &why) == 0, "%s",
		why.text);
	r = sbx_request_check(a->log, a->st, did(FOUNDER), g, address_of(a), &v,
		&http, &tell, &why);
	ck_assert_msg(r == 0 || r == SBX_E_NO, "%s", why.text);
	sbx_verdict_free(&v);
	sbx_request_free(g);
	sbx_buf_free(&body);
	return r == 0;
}

/* Root, asked for a grant of that, and of others at the same time: each as it
 * is put to the reader and as its answer is heard. */
struct lent {
	struct sbx_granted list[PEOPLE * SERVICES];
	enum sbx_use_why whys[PEOPLE * SERVICES];
	size_t count;
};

static void
add_lent(struct lent *l, const struct asking *a)
{
	static char params[] = "{\"port\":80}";
	struct sbx_granted *g = &l->list[l->count++];

	*g = (struct sbx_granted){ .params = params };
	snprintf(g->kind, sizeof(g->kind), "web");
	snprintf(g->sub, sizeof(g->sub), "%s", did(a->who));
	snprintf(g->service, sizeof(g->service), "%s", services[a->service]);
	snprintf(g->subscription, sizeof(g->subscription), "%s", a->sub);
	snprintf(g->lend.ip, sizeof(g->lend.ip), "%s", address_of(a));
}

static void
ask_root(struct lent *l, struct sbx_state *st, size_t from, size_t n)
{
	struct sbx_said said = { .whys = l->whys + from };
	struct question q = { .list = l->list + from, .count = n, .said = &said };
	char text[16 * PEOPLE * SERVICES] = "", *line, *save = NULL;
	int fd = memfd_create("answer", MFD_CLOEXEC);

	ck_assert_msg(ask(&q, st, did(FOUNDER), fd, &why) == 0, "%s", why.text);
	ck_assert_int_ge(pread(fd, text, sizeof(text) - 1, 0), 0);
	close(fd);
	for (line = strtok_r(text, "\n", &save); line != NULL;
		line = strtok_r(NULL, "\n", &save))
		ck_assert_int_eq(hear(&q, line, strlen(line), &why), 0);
	ck_assert_uint_eq(q.heard, n);
}

static int yeses, noes;

static void
check_callers(const struct asking *a, struct lent *l, int seed)
{
	enum sbx_use_why plain = verdict(a, false), own = plain;
	size_t n = l->count;

	ck_assert_msg(can(a) == (plain == SBX_USE_YES),
		"seed %d: can and the verdict (%s) differ", seed,
		sbx_use_text(plain));
	if (a->entry != NULL) {
		own = verdict(a, true);
		ck_assert_msg(granted(a) == (own == SBX_USE_YES),
			"seed %d: the grant and the verdict (%s) differ", seed,
			sbx_use_text(own));
		add_lent(l, a);
		ask_root(l, a->st, n, 1);
		ck_assert_msg((l->whys[n] == SBX_USE_YES) ==
			(own == SBX_USE_YES), "seed %d: root's grant (%s) and "
			"the verdict (%s) differ", seed,
			sbx_use_text(l->whys[n]), sbx_use_text(own));
		/* It is in the log: that it is in hand too changes nothing. */
		ck_assert_msg(own == plain, "seed %d: %s with it in hand, %s "
			"without", seed, sbx_use_text(own), sbx_use_text(plain));
	}
	yeses += own == SBX_USE_YES;
	noes += own != SBX_USE_YES;
}

/* And sync, which asks about all at once. */
static void
check_sync(struct lent *l, struct sbx_state *st, int seed)
{
	enum sbx_use_why alone[PEOPLE * SERVICES];

	memcpy(alone, l->whys, sizeof(alone));
	ask_root(l, st, 0, l->count);
	for (size_t i = 0; i < l->count; i++)
		ck_assert_msg(l->whys[i] == alone[i], "seed %d: sync says %s, "
			"a grant alone %s", seed, sbx_use_text(l->whys[i]),
			sbx_use_text(alone[i]));
}

START_TEST(whoever_asks_is_told_the_same)
{
	struct asking a;
	struct lent l;

	yeses = noes = 0;
	for (int seed = 1; seed <= SEEDS; seed++) {
		people_end();
		people_begin();
		make_world(seed);
		a.st = open_world(NULL);
		a.log = world_log;
		l.count = 0;
		for (int who = ANN; who <= EVE; who++)
			for (int i = 0; i < SERVICES; i++) {
				ask_about(&a, who, i);
				check_callers(&a, &l, seed);
			}
		check_sync(&l, a.st, seed);
		close_world(a.st);
	}
	/* Else the worlds would prove little. */
	ck_assert_int_gt(yeses, SEEDS / 2);
	ck_assert_int_gt(noes, SEEDS / 2);
}
END_TEST

/* ---- who has a say ---- */

static struct sbx_entry *whole[MAX_SAID];

/* Leave out what others than the two said, but who is in and where. */
static void
keep_two(int who)
{
	int n = 0;

	memcpy(whole, world, sizeof(whole));
	for (int i = 0; i < count; i++)
		if (structure[i] || by[i] == FOUNDER || by[i] == who)
			world[n++] = world[i];
	count = n;
}

static void
compare(int seed, enum sbx_use_why got, enum sbx_use_why alone)
{
	if (shared)
		ck_assert_msg(got != SBX_USE_YES || alone == SBX_USE_YES,
			"seed %d: another opened it: %s", seed,
			sbx_use_text(alone));
	else
		ck_assert_msg(got == alone, "seed %d: %s, by another's word; "
			"else %s", seed, sbx_use_text(got), sbx_use_text(alone));
}

/* I15: no word of a third opens a service, nor, but by a number that an older
 * node chose and another chose too, keeps one out of it. */
START_TEST(nobody_else_has_a_say)
{
	enum sbx_use_why got[PEOPLE][SERVICES];
	struct asking a;
	int all;

	for (int seed = 1; seed <= SEEDS; seed++) {
		people_end();
		people_begin();
		make_world(seed);
		all = count;
		a.st = open_world(NULL);
		for (int who = ANN; who <= EVE; who++)
			for (int i = 0; i < SERVICES; i++) {
				ask_about(&a, who, i);
				got[who][i] = verdict(&a, false);
			}
		close_world(a.st);
		for (int who = ANN; who <= EVE; who++) {
			keep_two(who);
			a.st = open_world(NULL);
			for (int i = 0; i < SERVICES; i++) {
				ask_about(&a, who, i);
				compare(seed, got[who][i], verdict(&a, false));
			}
			close_world(a.st);
			memcpy(world, whole, sizeof(whole));
			count = all;
		}
	}
}
END_TEST

/* ---- one case each ---- */

static enum sbx_use_why
asked(int who)
{
	struct asking a = { 0 };
	enum sbx_use_why got;

	a.st = open_world(NULL);
	ask_about(&a, who, 0);
	got = verdict(&a, a.entry != NULL);
	if (a.entry != NULL) {
		a.log = world_log;
		ck_assert(granted(&a) == (got == SBX_USE_YES));
	}
	ck_assert(can(&a) == (got == SBX_USE_YES));
	close_world(a.st);
	return got;
}

static void
small_world(void)
{
	srand(1);
	nsubs = 0;
	shared = false;
	snprintf(services[0], SBX_ID_SIZE, "%064x", 0xa0);
	for (int i = 0; i < 3; i++)
		join(ANN + i, FOUNDER, i, 1);
	for (int who = FOUNDER; who <= EVE; who++)
		live_at(who, addresses[who - FOUNDER], 5);
	lend(FOUNDER, 0, "pending", 10);
	ask_for(ANN, 0, 20);
}

/* Whether its DID sorts before or after the provider's, a member's offer under
 * the same loose number neither approves nor rejects. */
START_TEST(another_members_offer_of_that_number_opens_and_closes_nothing)
{
	small_world();
	for (int who = BOB; who <= CID; who++) {
		lend(who, 0, "auto", 30);
		answer(who, true, 0, 31);
		ck_assert_int_eq(asked(ANN), SBX_USE_WAITING);
	}
	answer(FOUNDER, true, 0, 40);
	ck_assert_int_eq(asked(ANN), SBX_USE_YES);
	for (int who = BOB; who <= CID; who++) {
		answer(who, false, 0, 50);
		lend_no_more(who, 0, 51);
		ck_assert_int_eq(asked(ANN), SBX_USE_YES);
	}
}
END_TEST

START_TEST(one_rejection_outweighs_another_subscription_that_lives)
{
	small_world();
	ask_for(ANN, 0, 22);
	answer(FOUNDER, true, 0, 30);
	ck_assert_int_eq(asked(ANN), SBX_USE_YES);
	answer(FOUNDER, false, 1, 31);
	ck_assert_int_eq(asked(ANN), SBX_USE_REJECTED);
	end(ANN, 1, 32);
	ck_assert_int_eq(asked(ANN), SBX_USE_REJECTED);
	answer(FOUNDER, true, 1, 33);
	ck_assert_int_eq(asked(ANN), SBX_USE_YES);
}
END_TEST

START_TEST(what_was_said_before_a_removal_is_over)
{
	small_world();
	answer(FOUNDER, true, 0, 30);
	put_out(FOUNDER, ANN, 0, 40);
	ck_assert_int_eq(asked(ANN), SBX_USE_STRANGER);
	join(ANN, FOUNDER, 3, 50);
	live_at(ANN, addresses[1], 55);
	ck_assert_int_eq(asked(ANN), SBX_USE_ENDED);
	ask_for(ANN, 0, 60);
	ck_assert_int_eq(asked(ANN), SBX_USE_WAITING);
}
END_TEST

/* What is asked besides: the address, and what would be lent. */
START_TEST(an_address_or_a_macro_that_is_not_theirs_is_refused)
{
	static const struct {
		const char *address, *kind, *params;
		enum sbx_use_why want;
	} cases[] = {
		{ "10.10.0.2", "web", "{\"port\":80}", SBX_USE_YES },
		{ NULL, NULL, NULL, SBX_USE_YES },
		{ "10.10.0.3", "web", "{\"port\":80}", SBX_USE_ELSEWHERE },
		{ "10.10.0.2", "web", "{\"port\":81}", SBX_USE_CHANGED },
		{ "10.10.0.2", "web", "{}", SBX_USE_CHANGED },
		{ "10.10.0.2", "ssh", "{\"port\":80}", SBX_USE_CHANGED },
	};
	struct sbx_verdict v;
	struct sbx_state *st;

	small_world();
	answer(FOUNDER, true, 0, 30);
	st = open_world(NULL);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const struct sbx_use use = { .subscriber = did(ANN),
			.service = services[0], .provider = did(FOUNDER),
			.address = cases[i].address, .kind = cases[i].kind,
			.params = cases[i].params };

		ck_assert_int_eq(sbx_use_check(st, &use, &v, &why), 0);
		ck_assert_int_eq(v.why, cases[i].want);
		sbx_verdict_free(&v);
	}
	close_world(st);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("verdict");
	TCase *t = tcase_create("verdict");

	tcase_add_checked_fixture(t, people_begin, people_end);
	tcase_set_timeout(t, 120);
	tcase_add_test(t, whoever_asks_is_told_the_same);
	tcase_add_test(t, nobody_else_has_a_say);
	tcase_add_test(t,
		another_members_offer_of_that_number_opens_and_closes_nothing);
	tcase_add_test(t,
		one_rejection_outweighs_another_subscription_that_lives);
	tcase_add_test(t, what_was_said_before_a_removal_is_over);
	tcase_add_test(t, an_address_or_a_macro_that_is_not_theirs_is_refused);
	suite_add_tcase(s, t);
	return finish_suite(s);
}
