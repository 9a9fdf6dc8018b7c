/* SPDX-License-Identifier: Apache-2.0 */
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/base.h"
#include "json/json.h"
#include "node/node.h"
#include "apply/apply.h"
#include "lend/lend.h"
#include "suite.h"

#define HEAD "#!/bin/sh\n# sbx-opens: tcp port\n" \
	     "# sbx-param: port int 1 65535 required\n"

static char dir[64], path[128];
static struct sbx_macro m;
static struct sbx_err err;

static void
fresh(void)
{
	strcpy(dir, "/tmp/sbx-macro.XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/kind", dir);
	memset(&err, 0, sizeof(err));
	m.fd = -1;
}

static void
done(void)
{
	sbx_macro_close(&m);
	unlink(path);
	rmdir(dir);
}

static int
with(const char *text)
{
	sbx_macro_close(&m);
	ck_assert_int_eq(
		sbx_io_save(path, text, strlen(text), 0755, 0, &err), 0);
	return sbx_macro_open(dir, "kind", &m, &err);
}

static int
params(const char *text, int *port)
{
	struct sbx_doc *doc = NULL;
	int r;

	ck_assert_int_eq(
		sbx_json_parse(text, strlen(text), NULL, &doc, &err), 0);
	r = sbx_macro_params(&m, sbx_doc_root(doc), port, &err);
	sbx_doc_free(doc);
	return r;
}

START_TEST(a_kind_has_one_form)
{
	static const char *const good[] = { "ab", "a1", "http-mirror", "a-",
		"abcdefghijklmnopqrstuvwxyz012345", NULL };
	static const char *const bad[] = { "", "a", "A1", "1a", "-a", "a_b",
		"a.b", "a/b", "../a", "a b", "a\n",
		"abcdefghijklmnopqrstuvwxyz0123456", NULL };

	for (size_t i = 0; good[i] != NULL; i++)
		ck_assert_msg(sbx_kind_check(good[i]), "%s", good[i]);
	for (size_t i = 0; bad[i] != NULL; i++)
		ck_assert_msg(!sbx_kind_check(bad[i]), "%s", bad[i]);
}
END_TEST

START_TEST(the_header_says_what_is_taken)
{
	ck_assert_int_eq(with(HEAD "# sbx-about: a thing\n# a comment\n"
				   "# sbx-param: word text 2 5\n"
				   "# sbx-param: on bool required\nexit 0\n"
				   "# sbx-param: late int 1 2\n"),
		0);
	ck_assert_str_eq(m.about, "a thing");
	ck_assert_int_eq(m.proto, IPPROTO_TCP);
	ck_assert_str_eq(m.opens, "port");
	ck_assert_uint_eq(m.nparams, 3);
	ck_assert_int_eq(m.params[1].type, SBX_PARAM_TEXT);
	ck_assert_int_eq(m.params[1].min, 2);
	ck_assert(!m.params[1].required);
	ck_assert(m.params[2].required);
}
END_TEST

static const struct {
	const char *text;
	bool ok;
} cases[] = {
	{ "{\"port\":1,\"on\":true}", true },
	{ "{\"port\":65535,\"on\":false,\"word\":\"ab\"}", true },
	{ "{\"on\":true,\"port\":8080,\"word\":\"a/b.c\"}", true },
	{ "{\"port\":1}", false },
	{ "{\"on\":true}", false },
	{ "{\"port\":0,\"on\":true}", false },
	{ "{\"port\":65536,\"on\":true}", false },
	{ "{\"port\":1.0,\"on\":true}", false },
	{ "{\"port\":\"1\",\"on\":true}", false },
	{ "{\"port\":1,\"on\":1}", false },
	{ "{\"port\":1,\"on\":true,\"word\":\"a\"}", false },
	{ "{\"port\":1,\"on\":true,\"word\":\"abcdef\"}", false },
	{ "{\"port\":1,\"on\":true,\"word\":\"a b\"}", false },
	{ "{\"port\":1,\"on\":true,\"word\":\"$ab\"}", false },
	{ "{\"port\":1,\"on\":true,\"word\":\"-ab\"}", false },
	{ "{\"port\":1,\"on\":true,\"word\":\"a\\u0000b\"}", false },
	{ "{\"port\":1,\"on\":true,\"word\":null}", false },
	{ "{\"port\":1,\"on\":true,\"por\":2}", false },
	{ "{\"port\":1,\"on\":true,\"ports\":2}", false },
	{ "[]", false },
};

START_TEST(a_header_is_at_most_its_limit)
{
	struct sbx_buf b = SBX_BUF(3 * SBX_MAX_HEADER);

	/* So many parameters and no more; HEAD has one. */
	for (int past = 0; past < 2; past++) {
		sbx_buf_clear(&b);
		sbx_buf_str(&b, HEAD);
		for (int i = 1; i < SBX_MAX_PARAMS + past; i++)
			sbx_buf_fmt(&b, "# sbx-param: p%d bool\n", i);
		ck_assert_int_eq(with(b.data) == 0, past == 0);
		if (past == 0)
			ck_assert_uint_eq(m.nparams, SBX_MAX_PARAMS);
	}
	/* The line behind it, which is no comment, must be within it. */
	for (int past = 0; past < 2; past++) {
		sbx_buf_clear(&b);
		sbx_buf_str(&b, HEAD "# ");
		while (b.len < SBX_MAX_HEADER - 2 + (size_t)past)
			sbx_buf_str(&b, "x");
		sbx_buf_str(&b, "\nexit 0\n");
		ck_assert_int_eq(with(b.data) == 0, past == 0);
	}
	ck_assert_ptr_nonnull(strstr(err.text, "header too long"));
	sbx_buf_free(&b);
}
END_TEST

/* I2: a line at a bound, and one past it. */
static const struct {
	const char *line;
	bool ok;
} lines[] = {
	{ "a int -9007199254740991 9007199254740991", true },
	{ "a int -9007199254740992 1", false },
	{ "a int 1 9007199254740992", false },
	{ "a int 2 2", true },
	{ "a int 2 1", false },
	{ "a text 0 4096", true },
	{ "a text 4096 4096", true },
	{ "a text 0 4097", false },
	{ "a text 4097 4097", false },
	{ "a text -1 1", false },
	{ "abcdefghijklmnopqrstuvwxyz012345 bool", true },
	{ "abcdefghijklmnopqrstuvwxyz0123456 bool", false },
};

START_TEST(a_parameters_line_is_held_to_its_bounds)
{
	char text[256];

	snprintf(text, sizeof(text), HEAD "# sbx-param: %s\n", lines[_i].line);
	ck_assert_int_eq(with(text), lines[_i].ok ? 0 : SBX_E_NO);
}
END_TEST

/* As a caller words a request: spaces count too. */
static int
activate(size_t word, size_t len, struct sbx_ask *a)
{
	static const char service[] = "0000000000000000000000000000000000000000"
				      "000000000000000000000000";
	struct sbx_conf conf = { .macros = dir };
	struct sbx_buf b = SBX_BUF(SBX_MAX_LINE);
	int r;

	sbx_buf_str(&b, "{\"port\":80,\"word\":\"");
	for (size_t i = 0; i < word; i++)
		sbx_buf_str(&b, "x");
	sbx_buf_str(&b, "\"}");
	ck_assert_uint_le(b.len, len);
	while (b.len < len)
		sbx_buf_str(&b, " ");
	*a = (struct sbx_ask)SBX_ASK;
	a->kind = "kind";
	a->service = service;
	a->params = b.data;
	r = sbx_ask_activate(a, &conf, &err);
	a->params = NULL;
	sbx_buf_free(&b);
	return r;
}

/* I2 */
START_TEST(a_requests_parameters_are_at_most_their_limit)
{
	struct sbx_ask a;

	ck_assert_int_eq(with(HEAD "# sbx-param: word text 0 4096\n"), 0);
	for (int padded = 0; padded < 2; padded++)
		for (int past = 0; past < 2; past++) {
			size_t len = (size_t)SBX_MAX_MACRO_JSON + past;

			ck_assert_int_eq(activate(padded ? 1 : len - 21, len,
				&a), past ? SBX_E_USAGE : 0);
			ck_assert_int_eq(a.port, past ? 0 : 80);
			ck_assert(!past || strstr(err.text, "4096") != NULL);
			sbx_ask_free(&a);
		}
}
END_TEST

static int
count_kind(void *ctx, const char *kind, const struct sbx_macro *macro,
	struct sbx_err *wrong)
{
	(void)kind, (void)macro, (void)wrong;
	++*(int *)ctx;
	return 0;
}

/* Rather than some of them, whichever the directory names first. */
START_TEST(so_many_plugins_are_listed_or_none)
{
	char name[160];
	int seen = 0, n;

	ck_assert_int_eq(with(HEAD), 0);
	for (n = 1; n < SBX_MAX_KINDS; n++) {
		snprintf(name, sizeof(name), "%s/k%d", dir, n + 10);
		ck_assert_int_eq(link(path, name), 0);
	}
	ck_assert_int_eq(sbx_macro_each(dir, count_kind, &seen, &err), 0);
	ck_assert_int_eq(seen, SBX_MAX_KINDS);
	snprintf(name, sizeof(name), "%s/k%d", dir, n + 10);
	ck_assert_int_eq(link(path, name), 0);
	seen = 0;
	ck_assert_int_eq(sbx_macro_each(dir, count_kind, &seen, &err), SBX_E_NO);
	ck_assert_ptr_nonnull(strstr(err.text, "more than 256 plugins"));
	ck_assert_int_eq(seen, 0);
	/* Each of them is still there for who names it. */
	sbx_macro_close(&m);
	ck_assert_int_eq(sbx_macro_open(dir, "k11", &m, &err), 0);
	for (; n > 0; n--) {
		snprintf(name, sizeof(name), "%s/k%d", dir, n + 10);
		unlink(name);
	}
}
END_TEST

START_TEST(parameters_are_held_to_it)
{
	struct sbx_doc *doc = NULL;
	int port = -1;

	ck_assert_int_eq(with(HEAD "# sbx-param: word text 2 5\n"
				   "# sbx-param: on bool required\n"),
		0);
	/* The parser refuses some of them already. */
	if (sbx_json_parse(cases[_i].text, strlen(cases[_i].text), NULL, &doc,
		    &err) == 0)
		ck_assert_msg((params(cases[_i].text, &port) == 0) ==
				cases[_i].ok,
			"%s", cases[_i].text);
	else
		ck_assert(!cases[_i].ok);
	ck_assert(!cases[_i].ok || port > 0);
	sbx_doc_free(doc);
}
END_TEST

START_TEST(what_runs_is_what_was_opened)
{
	const struct sbx_macro_call call = { .verb = "grant", .port = 80 };

	ck_assert_int_eq(with(HEAD "exit 0\n"), 0);
	ck_assert_int_eq(sbx_io_save(path, "#!/bin/sh\nexit 1\n", 17, 0755, 0,
				 &err),
		0);
	ck_assert_int_eq(sbx_macro_run(&m, &call, &err), 0);
	ck_assert_int_eq(unlink(path), 0);
	ck_assert_int_eq(sbx_macro_run(&m, &call, &err), 0);
}
END_TEST

START_TEST(status_one_is_no_and_its_words_are_the_reason)
{
	const struct sbx_macro_call call = { .verb = "grant", .port = 80 };

	ck_assert_int_eq(
		with(HEAD "echo 'not today' >&2; echo more >&2; exit 1\n"), 0);
	ck_assert_int_eq(sbx_macro_run(&m, &call, &err), SBX_E_NO);
	ck_assert_str_eq(err.text, "kind grant: not today");
	ck_assert_int_eq(with(HEAD "exit 2\n"), 0);
	ck_assert_int_eq(sbx_macro_run(&m, &call, &err), SBX_E_SYS);
}
END_TEST

START_TEST(a_directory_others_can_write_has_no_plugins)
{
	ck_assert_int_eq(with(HEAD), 0);
	chmod(dir, 0777);
	sbx_macro_close(&m);
	ck_assert_int_eq(sbx_macro_open(dir, "kind", &m, &err), SBX_E_NO);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("macro");
	TCase *t = tcase_create("macro");

	tcase_add_checked_fixture(t, fresh, done);
	tcase_add_test(t, a_kind_has_one_form);
	tcase_add_test(t, the_header_says_what_is_taken);
	tcase_add_test(t, a_header_is_at_most_its_limit);
	tcase_add_loop_test(t, a_parameters_line_is_held_to_its_bounds, 0,
		sizeof(lines) / sizeof(lines[0]));
	tcase_add_test(t, a_requests_parameters_are_at_most_their_limit);
	tcase_add_test(t, so_many_plugins_are_listed_or_none);
	tcase_add_loop_test(t, parameters_are_held_to_it, 0,
		sizeof(cases) / sizeof(cases[0]));
	tcase_add_test(t, what_runs_is_what_was_opened);
	tcase_add_test(t, status_one_is_no_and_its_words_are_the_reason);
	tcase_add_test(t, a_directory_others_can_write_has_no_plugins);
	suite_add_tcase(s, t);
	return finish_suite(s);
}
