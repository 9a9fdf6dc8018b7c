/* SPDX-License-Identifier: Apache-2.0 */
/* What the directory says of grants, as the child says it and root hears it;
 * what the two are to each other is a matter for tests/root. */
#include "base/base.h"
#include "system/system.h"
#include "record/record.h"
#include "ledger/ledger.h"
#include "node/node.h"
#include "apply/apply.h"
#include "lend/lend.h"
#include "lend/judge.c"
#include "people.h"

#include <sys/mman.h>

#define SERVICE "00000000000000000000000000000000000000000000000000000000000000aa"
#define OTHER "00000000000000000000000000000000000000000000000000000000000000ab"
#define SUB "00000000000000000000000000000000000000000000000000000000000000bb"
#define SUB2 "00000000000000000000000000000000000000000000000000000000000000bc"

static struct sbx_granted list[SBX_MAX_GRANTS];
static struct sbx_grants grants;
static struct sbx_log *ledger;
static int told;
static size_t longest;

static void
tell(void *ctx, const char *kind, const char *params)
{
	(void)ctx;
	ck_assert_str_eq(kind, "web");
	told++;
	longest = strlen(params) > longest ? strlen(params) : longest;
}

static void
granted(int who, const char *service)
{
	struct sbx_granted *g = &list[grants.count++];

	memset(g, 0, sizeof(*g));
	snprintf(g->sub, sizeof(g->sub), "%s", did(who));
	snprintf(g->service, sizeof(g->service), "%s", service);
	grants.list = list;
}

/* What was said until now is the founder's box's ledger. */
static void
open_ledger(void)
{
	ledger = open_log(NULL);
	ck_assert_int_eq(sbx_log_set_self(ledger, did(FOUNDER), &why), 0);
}

/* What the child writes, with what it gives back. */
static int
child_says(int (*fn)(void *, int, struct sbx_err *), struct sbx_buf *text)
{
	struct question q = { .db = log_path, .g = &grants };
	int fd = memfd_create("answer", MFD_CLOEXEC), r;
	char part[4096];
	ssize_t n;

	ck_assert_int_ge(fd, 0);
	r = fn(&q, fd, &why);
	ck_assert_int_eq(lseek(fd, 0, SEEK_SET), 0);
	while ((n = read(fd, part, sizeof(part))) > 0)
		sbx_buf_add(text, part, (size_t)n);
	close(fd);
	return r;
}

/* "yn": the first grant stays, the second goes. */
static void
check_grants(const char *want)
{
	bool live[SBX_MAX_GRANTS];
	struct sbx_buf text = SBX_BUF(MAX_ANSWER);
	char got[16], none[] = "";

	told = 0;
	longest = 0;
	ck_assert_msg(child_says(ask, &text) == 0, "%s", why.text);
	ck_assert_msg(hear(text.len > 0 ? text.data : none, grants.count, live,
		tell, NULL, &why) == 0, "%s", why.text);
	for (size_t i = 0; i < strlen(want); i++)
		got[i] = live[i] ? 'y' : 'n';
	got[strlen(want)] = '\0';
	ck_assert_str_eq(got, want);
	sbx_buf_free(&text);
}

static void
check_world(const char *want)
{
	open_ledger();
	check_grants(want);
	remove_log(ledger);
}

static void
setup(void)
{
	people_begin();
	grants.count = 0;
	join(ANN, FOUNDER, 0, 1);
	join(BOB, FOUNDER, 1, 1);
}

START_TEST(a_grant_by_hand_is_a_members)
{
	granted(ANN, "");
	granted(EVE, "");
	check_world("yn");
	put_out(FOUNDER, ANN, 0, 10);
	check_world("nn");
}
END_TEST

START_TEST(a_subscription_may_come_later_than_its_grant)
{
	granted(ANN, SERVICE);
	granted(ANN, OTHER);
	granted(EVE, SERVICE);
	check_world("nnn");
	offer_as(FOUNDER, 0xaa, "a", "pending", 10);
	check_world("ynn");
	withdraw(FOUNDER, SERVICE, 20);
	check_world("nnn");
}
END_TEST

START_TEST(a_subscription_that_came_says_whether_its_grant_stays)
{
	granted(ANN, SERVICE);
	granted(BOB, SERVICE);
	offer_as(FOUNDER, 0xaa, "a", "pending", 10);
	subscribe(ANN, SUB, SERVICE, 20);
	check_world("ny"); /* it waits; Bob's was not seen */
	decide(FOUNDER, true, SUB, SERVICE, 30);
	check_world("yy");
	decide(FOUNDER, false, SUB, SERVICE, 40);
	check_world("ny");
}
END_TEST

START_TEST(one_rejection_outweighs_another_subscription_that_lives)
{
	granted(ANN, SERVICE);
	offer_as(FOUNDER, 0xaa, "a", "pending", 10);
	subscribe(ANN, SUB, SERVICE, 20);
	subscribe(ANN, SUB2, SERVICE, 21);
	decide(FOUNDER, true, SUB, SERVICE, 30);
	check_world("y");
	decide(FOUNDER, false, SUB2, SERVICE, 30);
	check_world("n");
}
END_TEST

/* I15: nor does another's offer of that number let anybody stay. */
START_TEST(what_another_box_offers_and_approves_opens_nothing_here)
{
	granted(ANN, SERVICE);
	offer_as(BOB, 0xaa, "a", "pending", 10);
	check_world("n");
	subscribe(ANN, SUB, SERVICE, 20);
	decide(BOB, true, SUB, SERVICE, 30);
	check_world("n");
}
END_TEST

/* ---- limits ---- */

/* An own offer whose parameters are that long in canonical form. */
static void
lend(int id, const char *kind, int len)
{
	static char word[SBX_MAX_MACRO_JSON + 2];
	enum sbx_log_how how;
	struct sbx_entry *e;

	memset(word, 'x', sizeof(word));
	word[len - (int)strlen("{\"w\":\"\"}")] = '\0';
	e = sign(keys[FOUNDER], "service_offer", NULL,
		"{\"service_id\":\"%064x\",\"name\":\"n\",\"kind\":\"http\","
		"\"endpoint\":null,\"scope\":{},\"approval_mode\":\"auto\","
		"\"description\":\"\",\"macro\":{\"kind\":\"%s\",\"params\":"
		"{\"w\":\"%s\"}},\"created_at\":\"%s\"}", id, kind, word, at(1));
	ck_assert_int_eq(sbx_log_add(ledger, e, &how, &why), 0);
	sbx_entry_free(e);
}

/* I2: and all of the longest are told, with every grant there can be. */
START_TEST(so_many_offers_are_told_with_so_long_parameters)
{
	open_ledger();
	ck_assert_int_eq(sbx_log_begin(ledger, &why), 0);
	lend(1, "web", SBX_MAX_MACRO_JSON + 1);
	for (int id = 2; id < SBX_MAX_LENT + 1; id++)
		lend(id, "web", SBX_MAX_MACRO_JSON);
	ck_assert_int_eq(sbx_log_commit(ledger, &why), 0);
	while (grants.count < SBX_MAX_GRANTS)
		granted(ANN, "");
	check_grants("y");
	ck_assert_int_eq(told, SBX_MAX_LENT - 1);
	ck_assert_uint_eq(longest, SBX_MAX_MACRO_JSON);
	ck_assert_int_eq(sbx_log_begin(ledger, &why), 0);
	lend(SBX_MAX_LENT + 1, "web", SBX_MAX_MACRO_JSON);
	ck_assert_int_eq(sbx_log_commit(ledger, &why), 0);
	check_grants("y");
	ck_assert_int_eq(told, SBX_MAX_LENT);
	ck_assert_int_eq(sbx_log_begin(ledger, &why), 0);
	lend(SBX_MAX_LENT + 2, "web", SBX_MAX_MACRO_JSON);
	ck_assert_int_eq(sbx_log_commit(ledger, &why), 0);
	check_grants("y");
	ck_assert_int_eq(told, SBX_MAX_LENT);
	remove_log(ledger);
}
END_TEST

/* Only what is live and our own. */
START_TEST(no_other_offer_is_told)
{
	say(sign(keys[BOB], "service_offer", NULL, "{\"service_id\":\"" SERVICE
		"\",\"name\":\"n\",\"kind\":\"http\",\"endpoint\":null,\"scope\":{},"
		"\"approval_mode\":\"auto\",\"description\":\"\",\"macro\":{\"kind\":"
		"\"web\",\"params\":{}},\"created_at\":\"%s\"}", at(1)));
	offer_as(FOUNDER, 0xab, "a", "auto", 10);
	open_ledger();
	ck_assert_int_eq(sbx_log_begin(ledger, &why), 0);
	lend(1, "web", 100);
	ck_assert_int_eq(sbx_log_commit(ledger, &why), 0);
	check_grants("");
	ck_assert_int_eq(told, 1);
	withdraw(FOUNDER, number(1), 20);
	ck_assert_int_eq(add(ledger, world[count - 1]), SBX_LOG_NEW);
	check_grants("");
	ck_assert_int_eq(told, 0);
	remove_log(ledger);
}
END_TEST

/* ---- what root hears, whoever speaks ---- */

static const struct {
	const char *text;
	size_t count;
	int r;
} answers[] = {
	{ "", 0, 0 },
	{ "y\n", 1, 0 },
	{ "n\no web {}\ny\n", 2, 0 },
	{ "", 1, SBX_E_SYS },
	{ "y\n", 2, SBX_E_SYS },
	{ "y\nn\n", 1, SBX_E_SYS },
	{ "n\n", 0, SBX_E_SYS },
	{ "y", 1, SBX_E_SYS },
	{ "y\nn", 1, SBX_E_SYS },
	{ "Y\n", 1, SBX_E_SYS },
	{ "yy\n", 1, SBX_E_SYS },
	{ "\ny\n", 1, SBX_E_SYS },
	{ "y\n\n", 1, SBX_E_SYS },
	{ "y\n\nn\n", 1, SBX_E_SYS },
	{ "y \n", 1, SBX_E_SYS },
	{ "o web\ny\n", 1, SBX_E_SYS },
	{ "oweb {}\ny\n", 1, SBX_E_SYS },
	{ "p web {}\ny\n", 1, SBX_E_SYS },
};

START_TEST(no_other_answer_is_heard)
{
	bool live[4] = { true, true, true, true };
	char text[64];

	snprintf(text, sizeof(text), "%s", answers[_i].text);
	ck_assert_int_eq(hear(text, answers[_i].count, live, tell, NULL, &why),
		answers[_i].r);
	for (size_t i = answers[_i].count; i < 4; i++)
		ck_assert(live[i]); /* nobody's */
	ck_assert(answers[_i].r == 0 || strcmp(why.text,
		"its reader gave no sound answer") == 0);
}
END_TEST

/* I23: what is no kind's name goes no further. */
START_TEST(an_answer_names_so_many_offers_of_sound_kinds)
{
	struct sbx_buf b = SBX_BUF(MAX_ANSWER);
	char odd[] = "o ../web {}\no web {}\no WEB {}\n";

	told = 0;
	ck_assert_int_eq(hear(odd, 0, NULL, tell, NULL, &why), 0);
	ck_assert_int_eq(told, 1);
	for (int past = 0; past < 2; past++) {
		sbx_buf_clear(&b);
		for (int i = 0; i < SBX_MAX_LENT + past; i++)
			sbx_buf_str(&b, "o web {}\n");
		told = 0;
		ck_assert_int_eq(hear(b.data, 0, NULL, tell, NULL, &why),
			past ? SBX_E_SYS : 0);
		ck_assert_int_eq(told, SBX_MAX_LENT);
	}
	sbx_buf_free(&b);
}
END_TEST

#define LONG "a2345678901234567890123456789012"

/* I5 */
START_TEST(a_name_is_heard_at_its_limit_and_none_that_is_no_name)
{
	static const char *const want[] = { LONG, LONG "?", "", "", "", "", "",
		"bob" };
	char text[] = LONG "\n" LONG "?\n" LONG "3\na\033[2J\n\nb?b\n?\nbob\n"
		"beyond\n";
	char names[9][SBX_MAX_BOXNAME + 2] = { 0 };

	ck_assert_uint_eq(strlen(LONG), SBX_MAX_BOXNAME);
	hear_names(text, 8, names);
	for (int i = 0; i < 8; i++)
		ck_assert_str_eq(names[i], want[i]);
	ck_assert_str_eq(names[8], "");
}
END_TEST

START_TEST(each_grant_has_its_subscribers_name)
{
	char names[4][SBX_MAX_BOXNAME + 2] = { 0 };
	struct sbx_buf text = SBX_BUF(MAX_NAMES);

	granted(BOB, "");
	granted(EVE, "");
	granted(ANN, "");
	granted(CID, "");
	say(sign(keys[FOUNDER], "name_bind", NULL, "{\"did\":\"%s\",\"name\":"
		"\"" LONG "\",\"bound_at\":\"%s\"}", did(BOB), at(10)));
	join(CID, FOUNDER, 2, 1);
	for (int who = ANN; who <= CID; who += CID - ANN)
		say(sign(keys[who], "node_publish", NULL, "{\"node_id\":\"n\","
			"\"boxname\":\"same\",\"pubkey_wg\":"
			"\"kGZLQ0X2B5hWcD0guSO+EJuuH1yx+iyeCR9NcHuxrqY=\","
			"\"mesh_ip\":null,\"ddns\":null,\"endpoint\":null,"
			"\"created_at\":\"%s\"}", at(10)));
	open_ledger();
	ck_assert_msg(child_says(tell_names, &text) == 0, "%s", why.text);
	ck_assert_str_eq(sbx_buf_text(&text), LONG "\n\nsame?\nsame?\n");
	hear_names(text.data, 4, names);
	ck_assert_str_eq(names[0], LONG);
	ck_assert_str_eq(names[1], "");
	ck_assert_str_eq(names[3], "same?");
	sbx_buf_free(&text);
	remove_log(ledger);
}
END_TEST

/* ---- both, by way of the child ---- */

/* What is no database is given to no reader, and nobody has a name then. */
START_TEST(only_a_file_is_read_as_its_owner)
{
	char names[1][SBX_MAX_BOXNAME + 2] = { "before" };
	struct sbx_conf conf = { .db = log_path };
	char link[80];
	bool live[1];

	granted(ANN, "");
	open_ledger();
	snprintf(link, sizeof(link), "%s.link", log_path);
	conf.db = link;
	ck_assert_int_eq(sbx_judge(&conf, &grants, live, tell, NULL, &why),
		SBX_E_SYS);
	ck_assert_ptr_nonnull(strstr(why.text, "directory: "));
	ck_assert_ptr_nonnull(strstr(why.text, "No such file"));
	ck_assert_int_eq(symlink(log_path, link), 0);
	ck_assert_int_eq(sbx_judge(&conf, &grants, live, tell, NULL, &why),
		SBX_E_SYS);
	ck_assert_ptr_nonnull(strstr(why.text, "not a regular file"));
	ck_assert_int_eq(sbx_judge_names(&conf, &grants, names, &why),
		SBX_E_SYS);
	ck_assert_str_eq(names[0], "");
	unlink(link);
	remove_log(ledger);
}
END_TEST

/* As root, who must not read it: the file is nobody's. */
START_TEST(the_directory_is_read_with_its_owners_rights)
{
	char names[2][SBX_MAX_BOXNAME + 2];
	struct sbx_conf conf = { .db = log_path };
	const char *argv[] = { "/bin/chown", "-R", "65534:65534", log_path,
		NULL };
	struct sbx_run run = { .argv = argv };
	bool live[2] = { false, true };

	if (getuid() != 0) {
		ck_assert_msg(getenv("SBX_TESTS_MUST_RUN") == NULL, "needs root");
		return;
	}
	granted(ANN, "");
	granted(EVE, "");
	say(sign(keys[FOUNDER], "name_bind", NULL, "{\"did\":\"%s\",\"name\":"
		"\"ann\",\"bound_at\":\"%s\"}", did(ANN), at(10)));
	open_ledger();
	*strrchr(log_path, '/') = '\0';
	ck_assert_int_eq(sbx_run_ok(&run, NULL, &why), 0);
	log_path[strlen(log_path)] = '/';
	ck_assert_msg(sbx_judge(&conf, &grants, live, tell, NULL, &why) == 0,
		"%s", why.text);
	ck_assert(live[0] && !live[1]);
	ck_assert_int_eq(sbx_judge_names(&conf, &grants, names, &why), 0);
	ck_assert_str_eq(names[0], "ann");
	ck_assert_str_eq(names[1], "");
	/* What root alone can reach is not there. */
	*strrchr(log_path, '/') = '\0';
	ck_assert_int_eq(chown(log_path, 0, 0), 0);
	log_path[strlen(log_path)] = '/';
	ck_assert_int_eq(sbx_judge(&conf, &grants, live, tell, NULL, &why),
		SBX_E_SYS);
	remove_log(ledger);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("judge");
	TCase *t = tcase_create("judge");

	tcase_add_checked_fixture(t, setup, people_end);
	tcase_set_timeout(t, 60);
	tcase_add_test(t, a_grant_by_hand_is_a_members);
	tcase_add_test(t, a_subscription_may_come_later_than_its_grant);
	tcase_add_test(t, a_subscription_that_came_says_whether_its_grant_stays);
	tcase_add_test(t, one_rejection_outweighs_another_subscription_that_lives);
	tcase_add_test(t, what_another_box_offers_and_approves_opens_nothing_here);
	tcase_add_test(t, so_many_offers_are_told_with_so_long_parameters);
	tcase_add_test(t, no_other_offer_is_told);
	tcase_add_loop_test(t, no_other_answer_is_heard, 0,
		sizeof(answers) / sizeof(answers[0]));
	tcase_add_test(t, an_answer_names_so_many_offers_of_sound_kinds);
	tcase_add_test(t, a_name_is_heard_at_its_limit_and_none_that_is_no_name);
	tcase_add_test(t, each_grant_has_its_subscribers_name);
	tcase_add_test(t, only_a_file_is_read_as_its_owner);
	tcase_add_test(t, the_directory_is_read_with_its_owners_rights);
	suite_add_tcase(s, t);
	return finish_suite(s);
}
