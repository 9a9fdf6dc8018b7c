/* SPDX-License-Identifier: Apache-2.0 */
#include <arpa/inet.h>
#include <stdlib.h>

#include "base/base.h"
#include "suite.h"

static const struct {
	const char *text;
	bool good;
} ips[] = {
	{ "10.10.0.2", true }, { "0.0.0.0", true }, { "010.9.0.8", false },
	{ "10.9.8", false }, { "0x0a.9.0.8", false }, { "localhost", false },
	{ "10.10.0.2 ", false }, { "", false }, { "10.10.0.2/24", false },
	{ "::1", false }, { "10.10.0.256", false },
}, nets[] = {
	{ "10.10.0.0/24", true }, { "10.0.0.0/8", true },
	{ "192.168.7.4/30", true }, { "10.10.0.1/24", false },
	{ "10.10.0.0", false }, { "10.10.0.0/", false },
	{ "10.10.0.0/024", false }, { "10.10.0.0/7", false },
	{ "10.10.0.0/31", false }, { "0.0.0.0/8", false },
	{ "127.0.0.0/8", false }, { "224.0.0.0/8", false },
	{ "010.10.0.0/24", false }, { "10.10.0.0/24 ", false },
	{ "fd00::/64", false },
}, endpoints[] = {
	{ "192.0.2.1:51822", true }, { "[2001:db8::1]:1", true },
	{ "[::]:65535", true }, { "example.org:51822", false },
	{ "192.0.2.1", false }, { "192.0.2.1:0", false },
	{ "192.0.2.1:65536", false }, { "192.0.2.1:051822", false },
	{ "2001:db8::1:1", false }, { "[2001:db8::1]", false },
	{ "[2001:0db8::1]:1", false }, { "[]:1", false }, { "[:1", false },
	{ ":1", false }, { "", false }, { "[192.0.2.1]:1", false },
	{ "192.0.2.1:51822\n", false },
}, names[] = {
	{ "wg-mesh", true }, { "wg0", true }, { "a234567890b2345", true },
	{ "a234567890b23456", false }, { "", false }, { "..", false },
	{ "a/b", false }, { "%d", false }, { "all", false },
	{ "default", false }, { "lo", false }, { "-x", false },
	{ "wg mesh", false }, { "wg\n", false },
}, boxnames[] = {
	{ "a", true }, { "C3box-2_x.lan", true },
	{ "a2345678901234567890123456789012", true },
	{ "a23456789012345678901234567890123", false }, { "", false },
	{ "-a", false }, { ".a", false }, { "_a", false }, { "a b", false },
	{ "a\n", false }, { "a/b", false }, { "a?", false },
	{ "caf\xc3\xa9", false },
};

#define COUNT(a) (sizeof(a) / sizeof(a[0]))

START_TEST(addresses_have_one_spelling)
{
	uint32_t addr;
	char back[SBX_IP4_SIZE];

	ck_assert_int_eq(sbx_ip4_parse(&addr, ips[_i].text), ips[_i].good);
	if (ips[_i].good) {
		sbx_ip4_write(back, addr);
		ck_assert_str_eq(back, ips[_i].text);
	}
}
END_TEST

START_TEST(networks_have_one_spelling)
{
	struct sbx_net net;

	ck_assert_msg(sbx_net_parse(&net, nets[_i].text) == nets[_i].good, "%s",
		nets[_i].text);
}
END_TEST

START_TEST(endpoints_are_numbers)
{
	ck_assert_msg(
		sbx_endpoint_check(endpoints[_i].text) == endpoints[_i].good,
		"%s", endpoints[_i].text);
}
END_TEST

START_TEST(interface_names_mean_one_interface)
{
	ck_assert_msg(sbx_if_check(names[_i].text) == names[_i].good, "%s",
		names[_i].text);
}
END_TEST

/* I2 */
START_TEST(a_boxs_name_is_at_most_32_plain_characters)
{
	ck_assert_msg(sbx_name_check(boxnames[_i].text) == boxnames[_i].good,
		"%s", boxnames[_i].text);
}
END_TEST

static const struct {
	const char *host, *name;
} hosts[] = { { "gk2", "gk2" }, { "gk2.example.org", "gk2" },
	{ "My Box", "My-Box" }, { "a_b-c", "a_b-c" }, { "caf\xc3\xa9 1", "caf-1" },
	{ "  padded  ", "padded" }, { "-dash-", "dash" }, { "", NULL },
	{ ".hidden", NULL }, { "\xc3\xa9", NULL }, { "...", NULL },
	{ "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
		"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa" } };

START_TEST(any_host_s_name_makes_a_box_s_name_or_none)
{
	char name[SBX_MAX_BOXNAME + 1];
	bool some = sbx_name_from(name, hosts[_i].host);

	ck_assert_int_eq(some, hosts[_i].name != NULL);
	ck_assert_str_eq(name, some ? hosts[_i].name : "");
	ck_assert(!some || sbx_name_check(name));
}
END_TEST

START_TEST(a_host_is_in_its_network_and_neither_end_of_it)
{
	struct sbx_net net;
	uint32_t addr;

	ck_assert(sbx_net_parse(&net, "10.10.0.0/24"));
	ck_assert(sbx_ip4_parse(&addr, "10.10.0.1"));
	ck_assert(sbx_net_host(&net, addr));
	ck_assert(sbx_net_host(&net, addr + 253));
	ck_assert(!sbx_net_host(&net, addr + 254));
	ck_assert(!sbx_net_host(&net, addr + 255));
	ck_assert(!sbx_net_host(&net, addr - 1));
	ck_assert(!sbx_net_host(&net, 0));
}
END_TEST

START_TEST(networks_overlap_when_one_holds_the_other)
{
	struct sbx_net a, b, c;

	ck_assert(sbx_net_parse(&a, "10.10.0.0/24"));
	ck_assert(sbx_net_parse(&b, "10.0.0.0/8"));
	ck_assert(sbx_net_parse(&c, "10.10.1.0/24"));
	ck_assert(sbx_net_overlap(&a, &b) && sbx_net_overlap(&b, &a));
	ck_assert(sbx_net_overlap(&a, &a));
	ck_assert(!sbx_net_overlap(&a, &c));
}
END_TEST

static const char *const spellings[] = { "10.0.0.1", "0.0.0.0", "255.255.255.255",
	"1.20.0.103", "10.0.0", "10.0.0.1.", "10..0.1", "010.0.0.1", "10.00.0.1",
	"10.0.0.01", "10.0.0.256", "10.0.0.1 ", "", "0", "00", "1", "0x1.0.0.1",
	"::", "::1", "2001:db8::1", "2001:DB8::1", "2001:db8:0::1", "::ffff:1.2.3.4",
	"::ffff:102:304", "fe80::1%eth0", "1::2::3", "::1.2.3.04", "g::" };

START_TEST(an_address_is_as_inet_ntop_prints_it)
{
	const char *text = spellings[_i];
	int family = strchr(text, ':') != NULL ? AF_INET6 : AF_INET;
	unsigned char raw[16];
	char back[INET6_ADDRSTRLEN];

	ck_assert_msg(sbx_ip_check(text) == (inet_pton(family, text, raw) == 1 &&
		inet_ntop(family, raw, back, sizeof(back)) != NULL &&
		strcmp(back, text) == 0), "%s", text);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("net");
	TCase *t = tcase_create("net");

	tcase_add_loop_test(t, addresses_have_one_spelling, 0, COUNT(ips));
	tcase_add_loop_test(t, an_address_is_as_inet_ntop_prints_it, 0,
		COUNT(spellings));
	tcase_add_loop_test(t, networks_have_one_spelling, 0, COUNT(nets));
	tcase_add_loop_test(t, endpoints_are_numbers, 0, COUNT(endpoints));
	tcase_add_loop_test(
		t, interface_names_mean_one_interface, 0, COUNT(names));
	tcase_add_loop_test(t, a_boxs_name_is_at_most_32_plain_characters, 0,
		COUNT(boxnames));
	tcase_add_loop_test(t, any_host_s_name_makes_a_box_s_name_or_none, 0,
		COUNT(hosts));
	tcase_add_test(t, a_host_is_in_its_network_and_neither_end_of_it);
	tcase_add_test(t, networks_overlap_when_one_holds_the_other);
	suite_add_tcase(s, t);
	return finish_suite(s);
}
