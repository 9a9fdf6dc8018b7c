/* SPDX-License-Identifier: Apache-2.0 */
/* The real nft(8), in a network namespace of this process's own. */
#include <netinet/in.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "sbx.h"
#include "suite.h"

static const struct sbx_lend ports[] = {
	{ .proto = IPPROTO_TCP, .port = 80 },
	{ .proto = IPPROTO_UDP, .port = 53 },
};
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
	return sbx_nft_load("wg-mesh", ports, 2, &l, 1, &err);
}

static void
look(void)
{
	sbx_nft_free(&nft);
	ck_assert_msg(
		sbx_nft_read("wg-mesh", &nft, &err) == 0, "%s", err.text);
}

START_TEST(no_table_is_no_error)
{
	look();
	ck_assert(!nft.there);
	ck_assert_uint_eq(nft.nlend, 0);
}
END_TEST

START_TEST(what_is_loaded_is_read_back)
{
	ck_assert_msg(load("10.10.0.2", 600) == 0, "%s", err.text);
	look();
	ck_assert(nft.there);
	ck_assert_msg(nft.wrong == NULL, "%s", nft.wrong);
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
	ck_assert_ptr_null(nft.wrong);
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
	ck_assert_int_eq(
		sbx_nft_load("a\"b", ports, 2, NULL, 0, &err), SBX_E_USAGE);
	look();
	ck_assert(!nft.there);
}
END_TEST

START_TEST(another_interface_is_a_table_that_is_wrong)
{
	ck_assert_int_eq(load("10.10.0.2", 60), 0);
	sbx_nft_free(&nft);
	ck_assert_int_eq(sbx_nft_read("wg-other", &nft, &err), 0);
	ck_assert_ptr_nonnull(nft.wrong);
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
	ck_assert_int_eq(sbx_nft_load("wg-mesh", ports, 2, l,
				 SBX_MAX_GRANTS + 1, &err),
		SBX_E_SYS);
	look();
	ck_assert(!nft.there); /* all or nothing */
	ck_assert_msg(sbx_nft_load("wg-mesh", ports, 2, l, SBX_MAX_GRANTS,
			      &err) == 0,
		"%s", err.text);
	look();
	ck_assert_uint_eq(nft.nlend, SBX_MAX_GRANTS);
	/* Renewing all of them needs room for none. */
	ck_assert_msg(sbx_nft_load("wg-mesh", ports, 2, l, SBX_MAX_GRANTS,
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
		tcase_add_test(t, a_full_set_goes_in_and_one_more_does_not);
	}
	suite_add_tcase(s, t);
	return finish_suite(s);
}
