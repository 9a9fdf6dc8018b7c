/* SPDX-License-Identifier: Apache-2.0 */
/* What the tools print of text they did not write. */
#include <string.h>

#include "base/base.h"
#include "tool/tool.h"
#include "suite.h"

static const struct {
	const char *text, *shown;
} safe[] = {
	{ "", "" },
	{ "plain ~ text \\ \"x\"", "plain ~ text \\ \"x\"" },
	{ "h\xc3\xa9 \xe2\x82\xac \xf0\x9f\x90\x8c",
		"h\xc3\xa9 \xe2\x82\xac \xf0\x9f\x90\x8c" },
	{ "\x1b[31m", "\\x1b[31m" },
	{ "a\nb\tc\r\x7f", "a\\x0ab\\x09c\\x0d\\x7f" },
	{ "\xc2\x9b" "31m", "\\xc2\\x9b31m" },		/* C1 CSI */
	{ "\xe2\x80\xae" "txt", "\\xe2\\x80\\xaetxt" },	/* U+202E */
	{ "\xe2\x81\xa6", "\\xe2\\x81\\xa6" },		/* U+2066 */
	{ "a\xe2\x80\x8b" "b", "a\\xe2\\x80\\x8bb" },	/* zero width */
	{ "\xef\xbb\xbf", "\\xef\\xbb\\xbf" },
	{ "\xf3\xa0\x80\x81", "\\xf3\\xa0\\x80\\x81" }, /* a tag */
	{ "\x9b" "31m", "\\x9b31m" },			/* no UTF-8 */
	{ "\xc0\xaf", "\\xc0\\xaf" },			/* overlong */
	{ "\xe0\x80\x9b", "\\xe0\\x80\\x9b" },
	{ "\xed\xa0\x80", "\\xed\\xa0\\x80" },		/* a surrogate */
	{ "\xf4\x90\x80\x80", "\\xf4\\x90\\x80\\x80" }, /* past U+10FFFF */
	{ "\xff\xfe", "\\xff\\xfe" },
	{ "\xe2\x82", "\\xe2\\x82" },			/* cut */
	{ "\xe2" "a", "\\xe2" "a" },
};

/* I5 */
START_TEST(what_a_terminal_would_obey_is_shown)
{
	struct sbx_buf b = SBX_BUF(1000);

	sbx_text_safe(&b, safe[_i].text, strlen(safe[_i].text));
	ck_assert_str_eq(sbx_buf_text(&b), safe[_i].shown);
	sbx_buf_free(&b);
}
END_TEST

START_TEST(a_nul_byte_does_not_end_the_text)
{
	struct sbx_buf b = SBX_BUF(1000);

	sbx_text_safe(&b, "a\0b", 3);
	ck_assert_str_eq(sbx_buf_text(&b), "a\\x00b");
	sbx_buf_free(&b);
}
END_TEST

static const struct {
	const char *typed, *meant;
} nearly[] = {
	{ "verfiy", "verify" },	 /* two that changed places */
	{ "verif", "verify" },
	{ "exprot", "export" },
	{ "in", NULL },		 /* init, invite and invites begin so */
	{ "invte", "invite" },
	{ "invit", NULL },	 /* invite and invites begin so */
	{ "frob", NULL },
	{ "", NULL },
	{ "x", NULL },
	{ "a-word-that-is-longer-than-any-verb-of-any-tool", NULL },
};

START_TEST(one_word_is_meant_or_none)
{
	static const char *const verbs[] = { "init", "verify", "invite",
		"invites", "export", "import", "list" };
	struct sbx_near n = { .word = nearly[_i].typed };

	for (size_t i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++)
		sbx_near_see(&n, verbs[i]);
	if (nearly[_i].meant == NULL)
		ck_assert_ptr_null(sbx_near_word(&n));
	else
		ck_assert_str_eq(sbx_near_word(&n), nearly[_i].meant);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("tool");
	TCase *t = tcase_create("safe");

	suite_add_tcase(s, t);
	tcase_add_loop_test(t, one_word_is_meant_or_none, 0,
		(int)(sizeof(nearly) / sizeof(nearly[0])));
	tcase_add_loop_test(t, what_a_terminal_would_obey_is_shown, 0,
		sizeof(safe) / sizeof(safe[0]));
	tcase_add_test(t, a_nul_byte_does_not_end_the_text);
	return finish_suite(s);
}
