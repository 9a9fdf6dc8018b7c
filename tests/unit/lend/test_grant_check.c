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
#include "lend/grant_check.c"
#include "people.h"

#include <sys/mman.h>
#include <sys/stat.h>

#define SERVICE "00000000000000000000000000000000000000000000000000000000000000aa"
#define OTHER "00000000000000000000000000000000000000000000000000000000000000ab"
#define SUB "00000000000000000000000000000000000000000000000000000000000000bb"
#define SUB2 "00000000000000000000000000000000000000000000000000000000000000bc"

static struct sbx_granted list[SBX_MAX_GRANTS];
static struct sbx_grants grants;
static struct sbx_log *ledger;
static struct sbx_said said;
static enum sbx_use_why whys[SBX_MAX_GRANTS];

static void
granted(int who, const char *service)
{
	static char params[] = "{\"port\":80}";
	struct sbx_granted *g = &list[grants.count++];

	memset(g, 0, sizeof(*g));
	snprintf(g->kind, sizeof(g->kind), "web");
	snprintf(g->sub, sizeof(g->sub), "%s", did(who));
	snprintf(g->service, sizeof(g->service), "%s", service);
	snprintf(g->lend.ip, sizeof(g->lend.ip), "10.10.0.%d", who);
	g->params = params;
	grants.list = list;
}

/* What was said until now is the founder's box's ledger. */
static void
open_ledger(void)
{
	ledger = open_log(NULL);
	ck_assert_int_eq(sbx_log_set_self(ledger, did(FOUNDER), &why), 0);
}

/* What the child writes. */
static void
child_says(int (*fn)(void *, struct sbx_state *, const char *, int,
		   struct sbx_err *),
	void *ctx, struct sbx_buf *text)
{
	int fd = memfd_create("answer", MFD_CLOEXEC);
	struct sbx_state *st = NULL;
	char part[4096];
	ssize_t n;

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(sbx_state_open(ledger, &st, &why), 0);
	ck_assert_msg(fn(ctx, st, did(FOUNDER), fd, &why) == 0, "%s", why.text);
	sbx_state_free(st);
	ck_assert_int_eq(lseek(fd, 0, SEEK_SET), 0);
	while ((n = read(fd, part, sizeof(part))) > 0)
		sbx_buf_add(text, part, (size_t)n);
	close(fd);
}

/* And what root makes of such a text: the first result that is not SBX_OK, or
 * SBX_E_NO if it says too little. */
static int
root_hears(struct question *q, char *text)
{
	char *line, *save = NULL;
	int r = SBX_OK;

	sbx_said_free(&(struct sbx_said){ .offers = said.offers,
		.noffers = said.noffers });
	said = (struct sbx_said){ .whys = whys };
	for (line = strtok_r(text, "\n", &save); line != NULL && r == SBX_OK;
		line = strtok_r(NULL, "\n", &save))
		r = hear(q, line, strlen(line), &why);
	return r != SBX_OK || q->heard == q->count ? r : SBX_E_NO;
}

/* "yn": the first grant stays, the second goes. */
static void
check_grants(const char *want)
{
	struct question q = { .list = list, .count = grants.count, .said = &said,
		.offers = true };
	struct sbx_buf text = SBX_BUF(16u << 20);
	char got[16], none[] = "";

	child_says(ask, &q, &text);
	ck_assert_msg(root_hears(&q, text.len > 0 ? text.data : none) == 0,
		"%s", why.text);
	for (size_t i = 0; i < strlen(want); i++)
		got[i] = whys[i] == SBX_USE_YES ? 'y' : 'n';
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
live_at(int who, const char *address, int when)
{
	say(sign(keys[who], "node_publish", NULL, "{\"node_id\":\"n\","
		"\"boxname\":\"box\",\"pubkey_wg\":"
		"\"kGZLQ0X2B5hWcD0guSO+EJuuH1yx+iyeCR9NcHuxrqY=\","
		"\"mesh_ip\":\"%s\",\"ddns\":null,\"endpoint\":null,"
		"\"created_at\":\"%s\"}", address, at(when)));
}

static void
offer_web(int who, const char *mode, const char *params, int when)
{
	say(sign(keys[who], "service_offer", NULL, "{\"service_id\":\"" SERVICE
		"\",\"name\":\"a\",\"kind\":\"http\",\"endpoint\":"
		"\"10.10.0.1:80\",\"scope\":{},\"approval_mode\":\"%s\","
		"\"description\":\"\",\"macro\":{\"kind\":\"web\","
		"\"params\":%s},\"created_at\":\"%s\"}", mode, params,
		at(when)));
}

static void
setup(void)
{
	people_begin();
	grants.count = 0;
	join(ANN, FOUNDER, 0, 1);
	join(BOB, FOUNDER, 1, 1);
	for (int who = FOUNDER; who <= EVE; who++) {
		char ip[16];

		snprintf(ip, sizeof(ip), "10.10.0.%d", who);
		live_at(who, ip, 3);
	}
}

static void
teardown(void)
{
	said.whys = NULL;
	sbx_said_free(&said);
	said = (struct sbx_said){ .offers = NULL };
	people_end();
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

/* The address is the member's node's now: a grant does not go with it. */
START_TEST(a_grant_ends_when_the_address_is_its_members_no_longer)
{
	granted(ANN, "");
	granted(ANN, SERVICE);
	offer_web(FOUNDER, "auto", "{\"port\":80}", 10);
	check_world("yy");
	live_at(ANN, "10.10.0.77", 20);
	check_world("nn");
}
END_TEST

START_TEST(a_grant_ends_when_its_offer_lends_something_else)
{
	granted(ANN, SERVICE);
	granted(ANN, "");
	offer_web(FOUNDER, "auto", "{\"port\":80}", 10);
	check_world("yy");
	offer_web(FOUNDER, "auto", "{\"port\":81}", 20);
	check_world("ny");
}
END_TEST

START_TEST(a_subscription_may_come_later_than_its_grant)
{
	granted(ANN, SERVICE);
	granted(ANN, OTHER);
	granted(EVE, SERVICE);
	check_world("nnn");
	offer_web(FOUNDER, "auto", "{\"port\":80}", 10);
	check_world("ynn");
	withdraw(FOUNDER, SERVICE, 20);
	check_world("nnn");
}
END_TEST

/* An earlier one that has ended says nothing about the one in hand. */
START_TEST(a_grant_is_for_the_subscription_that_was_seen)
{
	granted(ANN, SERVICE);
	granted(ANN, SERVICE);
	snprintf(list[0].subscription, SBX_ID_SIZE, "%s", SUB2);
	offer_web(FOUNDER, "auto", "{\"port\":80}", 10);
	subscribe(ANN, SUB, SERVICE, 20);
	check_world("yy");
	say(sign(keys[ANN], "service_revoke_sub", NULL, "{\"subscription_id\":"
		"\"" SUB "\",\"revoked_at\":\"%s\"}", at(30)));
	check_world("yn");
}
END_TEST

START_TEST(a_subscription_that_came_says_whether_its_grant_stays)
{
	granted(ANN, SERVICE);
	granted(BOB, SERVICE);
	offer_web(FOUNDER, "pending", "{\"port\":80}", 10);
	subscribe(ANN, SUB, SERVICE, 20);
	check_world("nn"); /* it waits, and so would Bob's */
	decide(FOUNDER, true, SUB, SERVICE, 30);
	check_world("yn");
	decide(FOUNDER, false, SUB, SERVICE, 40);
	check_world("nn");
}
END_TEST

START_TEST(one_rejection_outweighs_another_subscription_that_lives)
{
	granted(ANN, SERVICE);
	offer_web(FOUNDER, "pending", "{\"port\":80}", 10);
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
	offer_web(BOB, "auto", "{\"port\":80}", 10);
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
	ck_assert_uint_eq(said.noffers, SBX_MAX_LENT - 1);
	ck_assert_uint_eq(strlen(said.offers[0].params), SBX_MAX_MACRO_JSON);
	ck_assert_int_eq(sbx_log_begin(ledger, &why), 0);
	lend(SBX_MAX_LENT + 1, "web", SBX_MAX_MACRO_JSON);
	ck_assert_int_eq(sbx_log_commit(ledger, &why), 0);
	check_grants("y");
	ck_assert_uint_eq(said.noffers, SBX_MAX_LENT);
	ck_assert_int_eq(sbx_log_begin(ledger, &why), 0);
	lend(SBX_MAX_LENT + 2, "web", SBX_MAX_MACRO_JSON);
	ck_assert_int_eq(sbx_log_commit(ledger, &why), 0);
	check_grants("y");
	ck_assert_uint_eq(said.noffers, SBX_MAX_LENT);
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
	ck_assert_uint_eq(said.noffers, 1);
	withdraw(FOUNDER, number(1), 20);
	ck_assert_int_eq(add(ledger, world[count - 1]), SBX_LOG_NEW);
	check_grants("");
	ck_assert_uint_eq(said.noffers, 0);
	remove_log(ledger);
}
END_TEST

/* ---- what root hears, whoever speaks ---- */

static const struct {
	const char *text;
	size_t count;
	int r; /* SBX_E_NO: too little */
} answers[] = {
	{ "", 0, 0 },
	{ "g 0\n", 1, 0 },
	{ "g 7\no web {}\ng 0\n", 2, 0 },
	{ "", 1, SBX_E_NO },
	{ "g 0\n", 2, SBX_E_NO },
	{ "g 0\ng 0\n", 1, SBX_E_SYS },
	{ "g 0\n", 0, SBX_E_SYS },
	{ "g\n", 1, SBX_E_SYS },
	{ "g \n", 1, SBX_E_SYS },
	{ "g -1\n", 1, SBX_E_SYS },
	{ "g 12\n", 1, SBX_E_SYS },
	{ "g 99999999999999999999\n", 1, SBX_E_SYS },
	{ "g 0 \n", 1, SBX_E_SYS },
	{ "g  0\n", 1, SBX_E_SYS },
	{ "y\n", 1, SBX_E_SYS },
	{ "o web\ng 0\n", 1, SBX_E_SYS },
	{ "o ../web {}\ng 0\n", 1, SBX_E_SYS },
	{ "o WEB {}\ng 0\n", 1, SBX_E_SYS },
	{ "oweb {}\ng 0\n", 1, SBX_E_SYS },
	{ "p web {}\ng 0\n", 1, SBX_E_SYS },
};

/* I23: what is no kind's name goes no further either. */
START_TEST(no_other_answer_is_heard)
{
	struct question q = { .count = answers[_i].count, .said = &said,
		.offers = true };
	char text[64];

	for (int i = 0; i < 4; i++)
		whys[i] = SBX_USE_ENDED;
	snprintf(text, sizeof(text), "%s", answers[_i].text);
	ck_assert_int_eq(root_hears(&q, text), answers[_i].r);
	for (size_t i = answers[_i].count; i < 4; i++)
		ck_assert_int_eq(whys[i], SBX_USE_ENDED); /* nobody's */
	ck_assert(answers[_i].r != SBX_E_SYS || strcmp(why.text,
		"its reader gave no sound answer") == 0);
}
END_TEST

/* Who asks for one grant is told of no offers. */
START_TEST(what_was_not_asked_for_is_not_heard)
{
	struct question q = { .count = 1, .said = &said };
	char text[] = "o web {}\ng 0\n";

	ck_assert_int_eq(root_hears(&q, text), SBX_E_SYS);
}
END_TEST

START_TEST(an_answer_names_so_many_offers_with_so_long_parameters)
{
	struct question q = { .said = &said, .offers = true };
	struct sbx_buf b = SBX_BUF(16u << 20);
	static char params[SBX_MAX_MACRO_JSON + 2];

	for (int past = 0; past < 2; past++) {
		sbx_buf_clear(&b);
		for (int i = 0; i < SBX_MAX_LENT + past; i++)
			sbx_buf_str(&b, "o web {}\n");
		ck_assert_int_eq(root_hears(&q, b.data), past ? SBX_E_SYS : 0);
		ck_assert_uint_eq(said.noffers, SBX_MAX_LENT);
		sbx_buf_clear(&b);
		memset(params, 'x', SBX_MAX_MACRO_JSON + (size_t)past);
		sbx_buf_fmt(&b, "o web %s\n", params);
		ck_assert_int_eq(root_hears(&q, b.data), past ? SBX_E_SYS : 0);
		ck_assert_uint_eq(said.noffers, past ? 0 : 1);
	}
	sbx_buf_free(&b);
}
END_TEST

/* What was heard of a grant is said of no other, nor of one made anew. */
START_TEST(a_word_about_a_grant_is_of_that_grant)
{
	struct sbx_granted other;

	granted(ANN, SERVICE);
	granted(BOB, SERVICE);
	whys[0] = SBX_USE_REJECTED;
	whys[1] = SBX_USE_YES;
	said = (struct sbx_said){ .grants = grants, .whys = whys };
	ck_assert_int_eq(sbx_said_of(&said, &list[0]), SBX_USE_REJECTED);
	ck_assert_int_eq(sbx_said_of(&said, &list[1]), SBX_USE_YES);
	other = list[0];
	other.since++;
	ck_assert_int_eq(sbx_said_of(&said, &other), SBX_USE_YES);
	other = list[0];
	other.lend.port++;
	ck_assert_int_eq(sbx_said_of(&said, &other), SBX_USE_YES);
	said = (struct sbx_said){ .offers = NULL };
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
	char names[9][SBX_MAX_BOXNAME + 2] = { 0 }, *line, *next = text;
	struct sbx_grants eight = { .count = 8 };
	struct naming n = { .g = &eight, .names = names };

	ck_assert_uint_eq(strlen(LONG), SBX_MAX_BOXNAME);
	while ((line = strsep(&next, "\n")) != NULL && next != NULL)
		ck_assert_int_eq(hear_name(&n, line, strlen(line), &why), 0);
	for (int i = 0; i < 8; i++)
		ck_assert_str_eq(names[i], want[i]);
	ck_assert_str_eq(names[8], "");
}
END_TEST

START_TEST(each_grant_has_its_subscribers_name)
{
	struct naming n = { .g = &grants };
	struct sbx_buf text = SBX_BUF(4096);

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
	child_says(say_names, &n, &text);
	ck_assert_str_eq(sbx_buf_text(&text), LONG "\n\nsame?\nsame?\n");
	sbx_buf_free(&text);
	remove_log(ledger);
}
END_TEST

/* ---- both, by way of the child ---- */

/* The directory that the ledger is in, for a chmod or chown. */
static const char *
home(void)
{
	static char path[256];

	snprintf(path, sizeof(path), "%s", log_path);
	*strrchr(path, '/') = '\0';
	return path;
}

static void
give(const char *path, const char *whose)
{
	const char *argv[] = { "/bin/chown", "-R", whose, path, NULL };
	struct sbx_run run = { .argv = argv };

	ck_assert_int_eq(sbx_run_ok(&run, NULL, &why), 0);
}

static bool
no_root(void)
{
	if (getuid() == 0)
		return false;
	ck_assert_msg(getenv("SBX_TESTS_MUST_RUN") == NULL, "needs root");
	return true;
}

static int
ask_for(int i)
{
	struct sbx_conf conf = { .db = log_path };

	return sbx_grant_check(&conf, &list[i], &why);
}

START_TEST(one_grant_is_asked_for_with_the_rights_of_the_directorys_owner)
{
	char names[2][SBX_MAX_BOXNAME + 2];
	struct sbx_conf conf = { .db = log_path };

	if (no_root())
		return;
	granted(ANN, "");
	granted(EVE, "");
	say(sign(keys[FOUNDER], "name_bind", NULL, "{\"did\":\"%s\",\"name\":"
		"\"ann\",\"bound_at\":\"%s\"}", did(ANN), at(10)));
	open_ledger();
	give(home(), "65534:65534");
	ck_assert_msg(ask_for(0) == 0, "%s", why.text);
	ck_assert_int_eq(ask_for(1), SBX_E_NO);
	ck_assert_ptr_nonnull(strstr(why.text, "not a member"));
	ck_assert_int_eq(sbx_grants_names(&conf, &grants, names, &why), 0);
	ck_assert_str_eq(names[0], "ann");
	ck_assert_str_eq(names[1], "");
	remove_log(ledger);
}
END_TEST

/* Of the directory, not of the file, which another may have put there; root's
 * group is not taken along. */
START_TEST(a_file_of_roots_makes_nobody_read_as_root)
{
	if (no_root())
		return;
	granted(ANN, "");
	open_ledger();
	give(home(), "65534:0");
	ck_assert_int_eq(ask_for(0), 0);
	ck_assert_int_eq(chown(log_path, 0, 0), 0);
	ck_assert_int_eq(chmod(log_path, 0600), 0);
	ck_assert_int_eq(ask_for(0), SBX_E_SYS);
	ck_assert_ptr_nonnull(strstr(why.text, "directory: "));
	ck_assert_int_eq(chmod(log_path, 0640), 0);
	ck_assert_int_eq(ask_for(0), SBX_E_SYS);
	remove_log(ledger);
}
END_TEST

START_TEST(root_reads_no_ledger_in_a_directory_of_its_own)
{
	char names[1][SBX_MAX_BOXNAME + 2] = { "before" };
	struct sbx_conf conf = { .db = log_path };

	if (no_root())
		return;
	granted(ANN, "");
	open_ledger();
	ck_assert_int_eq(ask_for(0), SBX_E_SYS);
	ck_assert_ptr_nonnull(strstr(why.text, "root reads no ledger"));
	ck_assert_ptr_nonnull(strstr(why.hint, "chown -R"));
	ck_assert_int_eq(sbx_grants_names(&conf, &grants, names, &why),
		SBX_E_USAGE);
	ck_assert_str_eq(names[0], "");
	remove_log(ledger);
}
END_TEST

START_TEST(a_directory_that_anybody_may_write_is_not_read)
{
	granted(ANN, "");
	open_ledger();
	ck_assert_int_eq(chmod(home(), 0777), 0);
	ck_assert_int_eq(ask_for(0), SBX_E_SYS);
	ck_assert_ptr_nonnull(strstr(why.text, "anybody may write there"));
	remove_log(ledger);
}
END_TEST

START_TEST(a_ledger_that_is_none_is_an_answer_of_none)
{
	struct sbx_conf conf = { .db = (char[]){ "/nonexistent/ledger.db" } };

	granted(ANN, "");
	ck_assert_int_eq(sbx_grant_check(&conf, &list[0], &why), SBX_E_SYS);
	ck_assert_ptr_nonnull(strstr(why.text, "No such file"));
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("grant_check");
	TCase *t = tcase_create("grant_check");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_set_timeout(t, 60);
	tcase_add_test(t, a_grant_by_hand_is_a_members);
	tcase_add_test(t, a_grant_ends_when_the_address_is_its_members_no_longer);
	tcase_add_test(t, a_grant_ends_when_its_offer_lends_something_else);
	tcase_add_test(t, a_subscription_may_come_later_than_its_grant);
	tcase_add_test(t, a_grant_is_for_the_subscription_that_was_seen);
	tcase_add_test(t, a_subscription_that_came_says_whether_its_grant_stays);
	tcase_add_test(t, one_rejection_outweighs_another_subscription_that_lives);
	tcase_add_test(t, what_another_box_offers_and_approves_opens_nothing_here);
	tcase_add_test(t, so_many_offers_are_told_with_so_long_parameters);
	tcase_add_test(t, no_other_offer_is_told);
	tcase_add_loop_test(t, no_other_answer_is_heard, 0,
		sizeof(answers) / sizeof(answers[0]));
	tcase_add_test(t, what_was_not_asked_for_is_not_heard);
	tcase_add_test(t, an_answer_names_so_many_offers_with_so_long_parameters);
	tcase_add_test(t, a_word_about_a_grant_is_of_that_grant);
	tcase_add_test(t, a_name_is_heard_at_its_limit_and_none_that_is_no_name);
	tcase_add_test(t, each_grant_has_its_subscribers_name);
	tcase_add_test(t,
		one_grant_is_asked_for_with_the_rights_of_the_directorys_owner);
	tcase_add_test(t, a_file_of_roots_makes_nobody_read_as_root);
	tcase_add_test(t, root_reads_no_ledger_in_a_directory_of_its_own);
	tcase_add_test(t, a_directory_that_anybody_may_write_is_not_read);
	tcase_add_test(t, a_ledger_that_is_none_is_an_answer_of_none);
	suite_add_tcase(s, t);
	return finish_suite(s);
}
