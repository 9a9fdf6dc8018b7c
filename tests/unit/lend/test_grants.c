/* SPDX-License-Identifier: Apache-2.0 */
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/base.h"
#include "node/node.h"
#include "apply/apply.h"
#include "lend/lend.h"
#include "suite.h"

#define DID "did:plc:0123456789abcdef0123456789abcdef"
#define NOW INT64_C(1782900000000000)
#define SECOND INT64_C(1000000)

static char dir[64], path[128];
static struct sbx_grants g;
static struct sbx_err err;

static void
fresh(void)
{
	strcpy(dir, "/tmp/sbx-grants.XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/grants", dir);
	memset(&err, 0, sizeof(err));
	memset(&g, 0, sizeof(g));
	sbx_clock_set(NOW);
}

static void
done(void)
{
	sbx_grants_free(&g);
	unlink(path);
	rmdir(dir);
	sbx_clock_set(0);
}

static int
put(const char *ip, int port, const char *service, int64_t ttl)
{
	static char params[] = "{\"port\":1}";
	struct sbx_granted x = { .kind = "plain", .sub = DID, .params = params };

	strcpy(x.lend.ip, ip);
	strcpy(x.service, service);
	x.lend.proto = IPPROTO_TCP;
	x.lend.port = port;
	return sbx_grants_put(&g, &x, ttl, &err);
}

START_TEST(what_is_saved_is_loaded)
{
	struct sbx_grants back;

	ck_assert_int_eq(put("10.10.0.2", 80, "", 600), 0);
	ck_assert_int_eq(put("10.10.0.3", 81, "abc", 60), 0);
	ck_assert_int_eq(sbx_grants_port(&g, IPPROTO_UDP, 53, &err), 0);
	ck_assert_int_eq(sbx_grants_save(path, &g, &err), 0);
	ck_assert_int_eq(sbx_grants_load(path, &back, &err), 0);
	ck_assert_uint_eq(back.count, 2);
	ck_assert_uint_eq(back.nports, 3);
	ck_assert_str_eq(back.list[1].lend.ip, "10.10.0.3");
	ck_assert_str_eq(back.list[1].service, "abc");
	ck_assert_str_eq(back.list[1].params, "{\"port\":1}");
	ck_assert_int_eq(back.list[0].until, NOW + 600 * SECOND);
	ck_assert_int_eq(back.list[0].boot_until, g.list[0].boot_until);
	ck_assert_int_eq(back.ports[2].proto, IPPROTO_UDP);
	sbx_grants_free(&back);
}
END_TEST

START_TEST(no_file_is_no_grant)
{
	ck_assert_int_eq(sbx_grants_load(path, &g, &err), 0);
	ck_assert_uint_eq(g.count, 0);
}
END_TEST

START_TEST(what_others_could_have_written_is_not_loaded)
{
	ck_assert_int_eq(put("10.10.0.2", 80, "", 600), 0);
	ck_assert_int_eq(sbx_grants_save(path, &g, &err), 0);
	chmod(path, 0604);
	sbx_grants_free(&g);
	ck_assert_int_eq(sbx_grants_load(path, &g, &err), SBX_E_SYS);
	ck_assert_uint_eq(g.count, 0);
}
END_TEST

START_TEST(the_same_grant_is_renewed_another_stands_beside)
{
	ck_assert_int_eq(put("10.10.0.2", 80, "a", 60), 0);
	ck_assert_int_eq(put("10.10.0.2", 80, "a", 600), 0);
	ck_assert_uint_eq(g.count, 1);
	ck_assert_int_eq(g.list[0].until, NOW + 600 * SECOND);
	ck_assert_int_eq(put("10.10.0.2", 80, "b", 60), 0);
	ck_assert_int_eq(put("10.10.0.2", 81, "a", 60), 0);
	ck_assert_int_eq(put("10.10.0.3", 80, "a", 60), 0);
	ck_assert_uint_eq(g.count, 4);
	ck_assert_uint_eq(g.nports, 2);
}
END_TEST

START_TEST(an_element_lasts_as_long_as_the_longest_of_its_grants)
{
	struct sbx_lend l = { .ip = "10.10.0.2", .proto = IPPROTO_TCP,
		.port = 80 };

	sbx_grants_left(&g, &l);
	ck_assert_int_eq(l.left, 0);
	put("10.10.0.2", 80, "a", 60);
	put("10.10.0.2", 80, "b", 600);
	sbx_grants_left(&g, &l);
	ck_assert_int_eq(l.left, 600);
	put("10.10.0.2", 80, "b", 30);
	sbx_grants_left(&g, &l);
	ck_assert_int_eq(l.left, 60);
	l.proto = IPPROTO_UDP;
	sbx_grants_left(&g, &l);
	ck_assert_int_eq(l.left, 0);
}
END_TEST

static const struct {
	const char *what;
	bool reboot;
	int64_t passed, wall; /* seconds: really, and as the clock shows it */
	int64_t left;
} times[] = {
	{ "at once", false, 0, 0, 600 },
	{ "later", false, 100, 100, 500 },
	{ "at its end", false, 600, 600, 0 },
	{ "long after", false, 6000, 6000, 0 },
	{ "the clock set back a day", false, 100, -86400, 500 },
	{ "the clock set on a year", false, 100, 31536000, 500 },
	{ "rebooted", true, 100, 100, 500 },
	{ "rebooted, at its end", true, 600, 600, 0 },
	{ "rebooted, the clock set back before it", true, 100, -1, 0 },
	{ "rebooted, the clock set on", true, 100, 6000, 0 },
};

START_TEST(time_left_by_the_clock_that_can_be_trusted)
{
	struct sbx_granted *x;

	put("10.10.0.2", 80, "", 600);
	x = &g.list[0];
	x->boot_until -= times[_i].passed * SECOND;
	if (times[_i].reboot)
		x->boot[0] ^= 1;
	sbx_clock_set(NOW + times[_i].wall * SECOND);
	ck_assert_msg(sbx_granted_left(x) == times[_i].left, "%s: %lld",
		times[_i].what, (long long)sbx_granted_left(x));
}
END_TEST

START_TEST(a_deadline_past_what_may_be_granted_is_cut)
{
	put("10.10.0.2", 80, "", 600);
	g.list[0].boot_until += 86400 * 10 * SECOND;
	ck_assert_int_eq(sbx_granted_left(&g.list[0]), 600);
	g.list[0].until = g.list[0].since + 86400 * 10 * SECOND;
	ck_assert_int_eq(sbx_granted_left(&g.list[0]), SBX_MAX_TTL);
}
END_TEST

START_TEST(there_is_an_end_to_grants_and_ports)
{
	char ip[16];
	int i;

	for (i = 0; i < SBX_MAX_GRANTS; i++) {
		snprintf(ip, sizeof(ip), "10.10.%d.%d", i / 256, i % 256);
		ck_assert_int_eq(put(ip, 80, "", 60), 0);
	}
	ck_assert_int_eq(put("10.11.0.1", 80, "", 60), SBX_E_SYS);
	ck_assert_int_eq(put("10.10.0.1", 80, "", 600), 0);
	ck_assert_int_eq(sbx_grants_save(path, &g, &err), 0);
	sbx_grants_free(&g);
	ck_assert_int_eq(sbx_grants_load(path, &g, &err), 0);
	ck_assert_uint_eq(g.count, SBX_MAX_GRANTS);
	for (i = 1; g.nports < SBX_MAX_PORTS; i++)
		ck_assert_int_eq(sbx_grants_port(&g, IPPROTO_UDP, i, &err), 0);
	ck_assert_int_eq(
		sbx_grants_port(&g, IPPROTO_UDP, 60000, &err), SBX_E_SYS);
	ck_assert_int_eq(sbx_grants_port(&g, IPPROTO_UDP, 1, &err), 0);
}
END_TEST

/* I2: what may be lent can be saved, and is read again. */
START_TEST(as_many_grants_with_the_longest_parameters_fit_the_file)
{
	static char params[SBX_MAX_MACRO_JSON + 1];
	struct sbx_granted x = { .kind = "a2345678901234567890123456789012",
		.sub = DID, .params = params };
	struct sbx_grants back;

	memset(params, '"', sizeof(params) - 1); /* 64 of them at most are */
	memset(params + 64, 'x', sizeof(params) - 65);
	memset(x.service, 'a', 64);
	x.lend.proto = IPPROTO_TCP;
	for (int i = 0; i < SBX_MAX_GRANTS; i++) {
		snprintf(x.lend.ip, sizeof(x.lend.ip), "100.100.1%02d.1%02d",
			i / 100, i % 100);
		x.lend.port = 64512 + i % SBX_MAX_PORTS;
		ck_assert_int_eq(sbx_grants_put(&g, &x, 86400, &err), 0);
	}
	ck_assert_uint_eq(g.nports, SBX_MAX_PORTS);
	ck_assert_msg(sbx_grants_save(path, &g, &err) == 0, "%s", err.text);
	ck_assert_msg(sbx_grants_load(path, &back, &err) == 0, "%s", err.text);
	ck_assert_uint_eq(back.count, SBX_MAX_GRANTS);
	ck_assert_str_eq(back.list[SBX_MAX_GRANTS - 1].params, params);
	sbx_grants_free(&back);
}
END_TEST

START_TEST(firewall_and_grants_are_compared_element_by_element)
{
	struct sbx_lend lend[3] = {
		{ .ip = "10.10.0.2", .proto = 6, .port = 80, .left = 600 },
		{ .ip = "10.10.0.9", .proto = 6, .port = 80, .left = 10 },
		{ .ip = "10.10.0.4", .proto = 6, .port = 80, .left = -1 },
	};
	struct sbx_lend set[8];
	struct sbx_nft nft = { .lend = lend, .nlend = 3 };
	struct sbx_lending_plan plan = { .set = set };

	put("10.10.0.2", 80, "", 600);
	put("10.10.0.3", 80, "", 60);
	put("10.10.0.4", 80, "", 60);
	sbx_lending_plan(&g, &nft, &plan);
	ck_assert_uint_eq(plan.missing, 1);
	ck_assert_uint_eq(plan.stray, 1);
	ck_assert_uint_eq(plan.longer, 1);
	ck_assert_uint_eq(plan.open, 1);
	ck_assert_uint_eq(plan.count, 3);
	ck_assert_str_eq(set[0].ip, "10.10.0.9");
	ck_assert_int_eq(set[0].left, 0);
	ck_assert_str_eq(set[1].ip, "10.10.0.4");
	ck_assert_int_eq(set[1].left, 60);
	ck_assert_str_eq(set[2].ip, "10.10.0.3");
	nft.ports = g.ports;
	nft.nports = g.nports;
	lend[1].port = 81;
	sbx_lending_plan(&g, &nft, &plan);
	ck_assert_uint_eq(plan.open, 0);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("grants");
	TCase *t = tcase_create("grants");

	tcase_add_checked_fixture(t, fresh, done);
	tcase_set_timeout(t, 20);
	tcase_add_test(t, what_is_saved_is_loaded);
	tcase_add_test(t, no_file_is_no_grant);
	tcase_add_test(t, what_others_could_have_written_is_not_loaded);
	tcase_add_test(t, the_same_grant_is_renewed_another_stands_beside);
	tcase_add_test(t, an_element_lasts_as_long_as_the_longest_of_its_grants);
	tcase_add_loop_test(t, time_left_by_the_clock_that_can_be_trusted, 0,
		sizeof(times) / sizeof(times[0]));
	tcase_add_test(t, a_deadline_past_what_may_be_granted_is_cut);
	tcase_add_test(t, there_is_an_end_to_grants_and_ports);
	tcase_add_test(t,
		as_many_grants_with_the_longest_parameters_fit_the_file);
	tcase_add_test(t, firewall_and_grants_are_compared_element_by_element);
	suite_add_tcase(s, t);
	return finish_suite(s);
}
