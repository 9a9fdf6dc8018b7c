/* SPDX-License-Identifier: Apache-2.0 */
/* The real nft(8), in a network namespace of this process's own. */
#include <netinet/in.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/base.h"
#include "system/system.h"
#include "node/node.h"
#include "apply/apply.h"
#include "lend/lend.h"
#include "suite.h"

static const struct sbx_lend ports[] = {
	{ .proto = IPPROTO_TCP, .port = 80 },
	{ .proto = IPPROTO_UDP, .port = 53 },
};
static char mesh_if[] = "wg-mesh", mesh_net[] = "10.10.0.0/24";
static struct sbx_conf conf = { .mesh_if = mesh_if, .mesh_net = mesh_net };
static struct sbx_nft nft;
static struct sbx_err err;

/* fork() gives each test its own; CK_FORK=no needs a new one all the same. */
static void
fresh(void)
{
	memset(&err, 0, sizeof(err));
	memset(&nft, 0, sizeof(nft));
	ck_assert_int_eq(unshare(CLONE_NEWNET), 0);
}

static void
done(void)
{
	sbx_nft_free(&nft);
}

static int
load(const char *ip, int64_t left)
{
	struct sbx_lend l = { .proto = IPPROTO_TCP, .port = 80, .left = left };

	snprintf(l.ip, sizeof(l.ip), "%s", ip);
	return sbx_nft_load(&conf, false, ports, 2, &l, 1, &err);
}

static void
look(void)
{
	sbx_nft_free(&nft);
	ck_assert_msg(
		sbx_nft_read(&conf, &nft, &err) == 0, "%s", err.text);
}

START_TEST(no_table_is_no_error)
{
	look();
	ck_assert(!nft.fw.there);
	ck_assert_uint_eq(nft.nlend, 0);
}
END_TEST

START_TEST(what_is_loaded_is_read_back)
{
	ck_assert_msg(load("10.10.0.2", 600) == 0, "%s", err.text);
	look();
	ck_assert(nft.fw.there);
	ck_assert_str_eq(nft.fw.wrong, "");
	ck_assert_uint_eq(nft.nlend, 1);
	ck_assert_uint_eq(nft.nports, 2);
	ck_assert_str_eq(nft.lend[0].ip, "10.10.0.2");
	ck_assert_int_eq(nft.lend[0].proto, IPPROTO_TCP);
	ck_assert_int_eq(nft.lend[0].port, 80);
	ck_assert_int_ge(nft.lend[0].left, 598);
	ck_assert_int_le(nft.lend[0].left, 600);
}
END_TEST

START_TEST(loading_again_changes_time_and_nothing_else)
{
	ck_assert_int_eq(load("10.10.0.2", 60), 0);
	ck_assert_int_eq(load("10.10.0.2", 6000), 0);
	ck_assert_int_eq(load("10.10.0.3", 60), 0);
	look();
	ck_assert_str_eq(nft.fw.wrong, "");
	ck_assert_uint_eq(nft.nlend, 2);
	ck_assert_int_gt(nft.lend[0].left + nft.lend[1].left, 6000);
}
END_TEST

START_TEST(none_left_takes_it_away_there_or_not)
{
	ck_assert_int_eq(load("10.10.0.2", 0), 0);
	ck_assert_int_eq(load("10.10.0.2", 60), 0);
	ck_assert_int_eq(load("10.10.0.2", 0), 0);
	look();
	ck_assert_uint_eq(nft.nlend, 0);
}
END_TEST

START_TEST(nothing_but_an_address_and_a_time_reaches_nft)
{
	static const char *const bad[] = { "localhost", "010.10.0.2",
		"10.10.0.2 ", "10.10.0.0/24", "", "::1", "@lend", NULL };

	for (size_t i = 0; bad[i] != NULL; i++)
		ck_assert_msg(load(bad[i], 60) == SBX_E_USAGE, "%s", bad[i]);
	ck_assert_int_eq(load("10.10.0.2", SBX_MAX_TTL + 1), SBX_E_USAGE);
	conf.mesh_if = (char[]){ "a\"b" };
	ck_assert_int_eq(
		sbx_nft_load(&conf, false, ports, 2, NULL, 0, &err), SBX_E_USAGE);
	conf.mesh_if = mesh_if;
	conf.mesh_net = (char[]){ "10.10.0.0" };
	ck_assert_int_eq(
		sbx_nft_load(&conf, false, ports, 2, NULL, 0, &err), SBX_E_USAGE);
	conf.mesh_net = mesh_net;
	look();
	ck_assert(!nft.fw.there);
}
END_TEST

START_TEST(another_interface_is_a_table_that_is_wrong)
{
	ck_assert_int_eq(load("10.10.0.2", 60), 0);
	sbx_nft_free(&nft);
	conf.mesh_if = (char[]){ "wg-other" };
	ck_assert_int_eq(sbx_nft_read(&conf, &nft, &err), 0);
	conf.mesh_if = mesh_if;
	ck_assert_str_ne(nft.fw.wrong, "");
}
END_TEST

/* run nft(8) with one command */
static void
nft_do(const char *command)
{
	const char *const argv[] = { "/usr/sbin/nft", command, NULL };
	struct sbx_run run = { .argv = argv };

	ck_assert_msg(sbx_run_ok(&run, NULL, &err) == 0, "%s: %s", command,
		err.text);
}

/* Whatever is in our table and not of our making is told, and the next load
 * mends what a load can. */
static const struct {
	const char *how, *word;
	bool mended;
} changes[] = {
	{ "add table inet sbx { flags dormant; }", "dormant", true },
	{ "add map inet sbx m { type ipv4_addr : inet_service; }", "map m",
		false },
	{ "add counter inet sbx c", "counter c", false },
	{ "add quota inet sbx q 1 mbytes", "quota q", false },
	{ "add set inet sbx other { type ipv4_addr; }", "set other", false },
	{ "add chain inet sbx other", "chain other", false },
	{ "add rule inet sbx input drop", "chain input", true },
	{ "insert rule inet sbx input accept", "chain input", true },
	{ "insert rule inet sbx guard_in accept", "chain guard_in", true },
	{ "flush chain inet sbx guard", "chain guard", true },
	{ "add chain inet sbx input { policy drop; }", "chain input", true },
};

START_TEST(a_change_of_the_table_is_told)
{
	ck_assert_msg(load("10.10.0.2", 60) == 0, "%s", err.text);
	nft_do(changes[_i].how);
	look();
	ck_assert_msg(strstr(nft.fw.wrong, changes[_i].word) != NULL,
		"after %s: %s", changes[_i].how, nft.fw.wrong);
	ck_assert_msg((load("10.10.0.2", 60) == 0) == changes[_i].mended,
		"after %s: %s", changes[_i].how, err.text);
	if (changes[_i].mended)
		ck_assert_str_eq((look(), nft.fw.wrong), "");
}
END_TEST

START_TEST(an_empty_dormant_table_is_told_too)
{
	nft_do("add table inet sbx { flags dormant; }");
	look();
	ck_assert_ptr_nonnull(strstr(nft.fw.wrong, "dormant"));
}
END_TEST

START_TEST(a_full_set_goes_in_and_one_more_does_not)
{
	struct sbx_lend *l = sbx_mem_alloc(SBX_MAX_GRANTS + 1, sizeof(*l));

	for (int i = 0; i <= SBX_MAX_GRANTS; i++) {
		snprintf(l[i].ip, sizeof(l[i].ip), "10.10.%d.%d", i / 256,
			i % 256);
		l[i].proto = IPPROTO_TCP;
		l[i].port = 80;
		l[i].left = 600;
	}
	ck_assert_int_eq(sbx_nft_load(&conf, false, ports, 2, l,
				 SBX_MAX_GRANTS + 1, &err),
		SBX_E_SYS);
	look();
	ck_assert(!nft.fw.there); /* all or nothing */
	ck_assert_msg(sbx_nft_load(&conf, false, ports, 2, l, SBX_MAX_GRANTS,
			      &err) == 0,
		"%s", err.text);
	look();
	ck_assert_uint_eq(nft.nlend, SBX_MAX_GRANTS);
	/* Renewing all of them needs room for none. */
	ck_assert_msg(sbx_nft_load(&conf, false, ports, 2, l, SBX_MAX_GRANTS,
			      &err) == 0,
		"%s", err.text);
	free(l);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("nft");
	TCase *t = tcase_create("nft");
	const char *must = getenv("SBX_TESTS_MUST_RUN");

	tcase_add_checked_fixture(t, fresh, done);
	tcase_set_timeout(t, 30);
	if (geteuid() == 0 || (must != NULL && strcmp(must, "1") == 0)) {
		tcase_add_test(t, no_table_is_no_error);
		tcase_add_test(t, what_is_loaded_is_read_back);
		tcase_add_test(t, loading_again_changes_time_and_nothing_else);
		tcase_add_test(t, none_left_takes_it_away_there_or_not);
		tcase_add_test(t, nothing_but_an_address_and_a_time_reaches_nft);
		tcase_add_test(t, another_interface_is_a_table_that_is_wrong);
		tcase_add_loop_test(t, a_change_of_the_table_is_told, 0,
			sizeof(changes) / sizeof(changes[0]));
		tcase_add_test(t, an_empty_dormant_table_is_told_too);
		tcase_add_test(t, a_full_set_goes_in_and_one_more_does_not);
	}
	suite_add_tcase(s, t);
	return finish_suite(s);
}
