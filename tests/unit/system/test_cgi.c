/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "base/base.h"
#include "system/system.h"
#include "suite.h"

#define ID "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"

static struct sbx_cgi
good(void)
{
	return (struct sbx_cgi){ .method = "POST",
		.path = "/" ID,
		.query = "",
		.address = "10.10.0.2",
		.length = "2000" };
}

START_TEST(a_sound_request_is_taken)
{
	struct sbx_cgi cgi = good();
	struct sbx_err err;
	int http = 0;

	ck_assert_int_eq(sbx_cgi_check(&cgi, &http, &err), 0);
	ck_assert(cgi.post);
	ck_assert_str_eq(cgi.service, ID);
	ck_assert_uint_eq(cgi.bodylen, 2000);
	cgi = good();
	cgi.method = "GET";
	cgi.length = cgi.query = NULL;
	ck_assert_int_eq(sbx_cgi_check(&cgi, &http, &err), 0);
	ck_assert(!cgi.post);
	ck_assert_uint_eq(cgi.bodylen, 0);
	cgi.address = "fd00::2";
	ck_assert_int_eq(sbx_cgi_check(&cgi, &http, &err), 0);
}
END_TEST

START_TEST(the_length_cap_is_exact)
{
	struct sbx_cgi cgi = good();
	int http = 0;

	cgi.length = "65536";
	ck_assert_int_eq(sbx_cgi_check(&cgi, &http, NULL), 0);
	ck_assert_uint_eq(cgi.bodylen, SBX_MAX_LINE);
	cgi.length = "65537";
	ck_assert_int_eq(sbx_cgi_check(&cgi, &http, NULL), SBX_E_INPUT);
	ck_assert_int_eq(http, 413);
}
END_TEST

static const struct {
	int http;
	const char *method, *path, *query, *address, *length;
} refused[] = {
	{ 400, NULL, "/" ID, "", "10.10.0.2", "2" },
	{ 400, "", "/" ID, "", "10.10.0.2", "2" },
	{ 400, "PUT", "/" ID, "", "10.10.0.2", "2" },
	{ 400, "post", "/" ID, "", "10.10.0.2", "2" },
	{ 400, "POST ", "/" ID, "", "10.10.0.2", "2" },
	{ 404, "POST", NULL, "", "10.10.0.2", "2" },
	{ 404, "POST", "", "", "10.10.0.2", "2" },
	{ 404, "POST", ID, "", "10.10.0.2", "2" },
	{ 404, "POST", "/" ID "/", "", "10.10.0.2", "2" },
	{ 404, "POST", "/" ID "0", "", "10.10.0.2", "2" },
	{ 404, "POST", "/../" ID, "", "10.10.0.2", "2" },
	{ 404, "POST", "/0011223344556677\r\nX-Evil: 1", "", "10.10.0.2", "2" },
	{ 404, "POST",
		"/00112233445566778899AABBCCDDEEFF00112233445566778899aabbccdde"
		"eff",
		"", "10.10.0.2", "2" },
	{ 400, "POST", "/" ID, "a=1&a=2", "10.10.0.2", "2" },
	{ 400, "POST", "/" ID, "", NULL, "2" },
	{ 400, "POST", "/" ID, "", "", "2" },
	{ 400, "POST", "/" ID, "", "localhost", "2" },
	{ 400, "POST", "/" ID, "", "010.10.0.2", "2" },
	{ 400, "POST", "/" ID, "", "10.10.2", "2" },
	{ 400, "POST", "/" ID, "", "10.10.0.2 ", "2" },
	{ 400, "POST", "/" ID, "", "10.10.0.2, 10.10.0.3", "2" },
	{ 400, "POST", "/" ID, "", "FD00::2", "2" },
	{ 400, "POST", "/" ID, "", "fd00:0::2", "2" },
	{ 400, "POST", "/" ID, "", "fe80::1%eth0", "2" },
	{ 400, "POST", "/" ID, "", "10.10.0.2", NULL },
	{ 400, "POST", "/" ID, "", "10.10.0.2", "" },
	{ 400, "POST", "/" ID, "", "10.10.0.2", "0" },
	{ 400, "POST", "/" ID, "", "10.10.0.2", "-1" },
	{ 400, "POST", "/" ID, "", "10.10.0.2", "+5" },
	{ 400, "POST", "/" ID, "", "10.10.0.2", " 5" },
	{ 400, "POST", "/" ID, "", "10.10.0.2", "5, 5" },
	{ 400, "POST", "/" ID, "", "10.10.0.2", "1e3" },
	{ 400, "POST", "/" ID, "", "10.10.0.2", "0x10" },
	{ 413, "POST", "/" ID, "", "10.10.0.2", "18446744073709551616" },
	{ 413, "POST", "/" ID, "", "10.10.0.2", "18446744073709551617" },
};

START_TEST(an_odd_request_is_refused)
{
	struct sbx_cgi cgi = { .method = refused[_i].method,
		.path = refused[_i].path,
		.query = refused[_i].query,
		.address = refused[_i].address,
		.length = refused[_i].length };
	struct sbx_err err = { 0 };
	int http = 0;

	ck_assert_int_eq(sbx_cgi_check(&cgi, &http, &err), SBX_E_INPUT);
	ck_assert_int_eq(http, refused[_i].http);
	ck_assert_str_ne(err.text, "");
}
END_TEST

START_TEST(a_path_is_spelt_as_it_is_served)
{
	static const struct {
		int good;
		const char *target;
	} all[] = { { 1, NULL }, { 1, "/grant/" ID }, { 0, "//grant/" ID },
		{ 0, "/%67rant/" ID }, { 0, "/grant//" ID }, { 0, "/" ID },
		{ 0, "/grant/%2e%2e/grant/" ID }, { 0, "" },
		{ 0, "/grant/" ID "?" }, { 0, "http://gk2/grant/" ID } };

	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		struct sbx_cgi cgi = good();
		int http = 0, r;

		cgi.script = "/grant";
		cgi.target = all[i].target;
		r = sbx_cgi_check(&cgi, &http, NULL);
		ck_assert_msg((r == 0) == (all[i].good != 0), "%s",
			all[i].target != NULL ? all[i].target : "NULL");
		ck_assert_int_eq(http, all[i].good ? 0 : 400);
	}
}
END_TEST

START_TEST(long_values_are_refused)
{
	size_t size = 65536;
	char *big = malloc(size + 1);
	struct sbx_cgi cgi;
	int http = 0;

	memset(big, '1', size);
	big[size] = '\0';
	for (int i = 0; i < 5; i++) {
		cgi = good();
		*(i == 0         ? &cgi.method
			: i == 1 ? &cgi.path
			: i == 2 ? &cgi.query
			: i == 3 ? &cgi.address
				 : &cgi.length) = big;
		ck_assert_int_eq(sbx_cgi_check(&cgi, &http, NULL), SBX_E_INPUT);
	}
	free(big);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("cgi");
	TCase *t = tcase_create("cgi");

	tcase_add_test(t, a_sound_request_is_taken);
	tcase_add_test(t, the_length_cap_is_exact);
	tcase_add_loop_test(t, an_odd_request_is_refused, 0,
		sizeof(refused) / sizeof(refused[0]));
	tcase_add_test(t, a_path_is_spelt_as_it_is_served);
	tcase_add_test(t, long_values_are_refused);
	suite_add_tcase(s, t);
	return finish_suite(s);
}
