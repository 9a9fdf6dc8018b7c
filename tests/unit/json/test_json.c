/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "base/base.h"
#include "json/json.h"
#include "json/doc.h"
#include "suite.h"

static struct sbx_err err;

static int
parse(const char *text, size_t len)
{
	struct sbx_doc *doc = NULL;
	int r;

	memset(&err, 0, sizeof(err));
	r = sbx_json_parse(text, len, NULL, &doc, &err);
	ck_assert((r == 0) == (doc != NULL));
	sbx_doc_free(doc);
	return r;
}

#define TEXT(s) s, sizeof(s) - 1

static const struct {
	const char *text;
	size_t len;
} good[] = {
	{ TEXT("null") },
	{ TEXT("true") },
	{ TEXT(" \t\r\nfalse\n") },
	{ TEXT("0") },
	{ TEXT("-0") },
	{ TEXT("-1") },
	{ TEXT("1.5e+300") },
	{ TEXT("1E400") },
	{ TEXT("\"\"") },
	{ TEXT("\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"") },
	{ TEXT("\"\\u0041\\u00e9\\u20AC\\ud83d\\ude00\"") },
	{ TEXT("\"\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80\x7f\"") },
	{ TEXT("\"\xef\xbb\xbf\"") },
	{ TEXT("\"\xef\xbf\xbf\xf4\x8f\xbf\xbf\"") },
	{ TEXT("[]") },
	{ TEXT("[ ]") },
	{ TEXT("{}") },
	{ TEXT("[1,[2],{\"a\":[]}]") },
	{ TEXT("{\"\":1,\"a\":2,\"b\":{\"a\":1}}") },
	{ TEXT("{\"a\":1,\"A\":2}") },
};

START_TEST(accepts)
{
	ck_assert_msg(parse(good[_i].text, good[_i].len) == 0, "%s: %s",
		good[_i].text, err.text);
}
END_TEST

static const struct {
	const char *text;
	size_t len;
	const char *why;
} bad[] = {
	{ TEXT(""), "unexpected end at byte 1" },
	{ TEXT("  "), "unexpected end at byte 3" },
	{ TEXT("\xef\xbb\xbf{}"), "byte order mark at byte 1" },
	{ TEXT("{} {}"), "trailing bytes at byte 4" },
	{ TEXT("{}\0"), "trailing bytes at byte 3" },
	{ TEXT("1 2"), "trailing bytes at byte 3" },
	{ TEXT("\v1"), "expected a value at byte 1" },
	{ TEXT("\xc2\xa0"), "expected a value at byte 1" },
	{ TEXT("nul"), "expected a value at byte 1" },
	{ TEXT("True"), "expected a value at byte 1" },
	{ TEXT("NaN"), "expected a value at byte 1" },
	{ TEXT("[Infinity]"), "expected a value at byte 2" },
	{ TEXT("-Infinity"), "expected a digit at byte 2" },
	{ TEXT("nullx"), "trailing bytes at byte 5" },
	{ TEXT("01"), "leading zero in a number at byte 1" },
	{ TEXT("[-01]"), "leading zero in a number at byte 2" },
	{ TEXT("00"), "leading zero in a number at byte 1" },
	{ TEXT("09"), "leading zero in a number at byte 1" },
	{ TEXT("\"\\udfff\""), "lone surrogate at byte 2" },
	{ TEXT("\"\\ud800xudc00\""), "lone surrogate at byte 2" },
	{ TEXT("\"\\ud800\\xdc00\""), "lone surrogate at byte 2" },
	{ TEXT("+1"), "expected a value at byte 1" },
	{ TEXT(".5"), "expected a value at byte 1" },
	{ TEXT("[1.]"), "expected a digit at byte 4" },
	{ TEXT("1e"), "unexpected end at byte 3" },
	{ TEXT("1e+"), "unexpected end at byte 4" },
	{ TEXT("0x1"), "trailing bytes at byte 2" },
	{ TEXT("-"), "unexpected end at byte 2" },
	{ TEXT("'a'"), "expected a value at byte 1" },
	{ TEXT("\"a"), "unexpected end at byte 3" },
	{ TEXT("\"a\\"), "unexpected end at byte 4" },
	{ TEXT("\"a\\\""), "unexpected end at byte 5" },
	{ TEXT("\"\\x41\""), "bad escape at byte 2" },
	{ TEXT("\"\\a\""), "bad escape at byte 2" },
	{ TEXT("\"\\\0\""), "bad escape at byte 2" },
	{ TEXT("\"\\u12\""), "bad \\u escape at byte 2" },
	{ TEXT("\"\\u12g4\""), "bad \\u escape at byte 2" },
	{ TEXT("\"\\u\x10\x11\x12\x13\""), "bad \\u escape at byte 2" },
	{ TEXT("\"\\U0041\""), "bad escape at byte 2" },
	{ TEXT("\"\\u0000\""), "NUL in a string at byte 2" },
	{ TEXT("\"a\0b\""), "NUL in a string at byte 3" },
	{ TEXT("{\"a\\u0000\":1}"), "NUL in a string at byte 4" },
	{ TEXT("\"a\nb\""), "control byte in a string at byte 3" },
	{ TEXT("\"\x1f\""), "control byte in a string at byte 2" },
	{ TEXT("\"\\ud800\""), "lone surrogate at byte 2" },
	{ TEXT("\"\\udc00\\ud800\""), "lone surrogate at byte 2" },
	{ TEXT("\"\\ud800x\\udc00\""), "lone surrogate at byte 2" },
	{ TEXT("\"\\ud800\\ud800\""), "lone surrogate at byte 2" },
	{ TEXT("\"\\ud800\\u0041\""), "lone surrogate at byte 2" },
	{ TEXT("\"\xed\xa0\x80\""), "bad UTF-8 at byte 2" },
	{ TEXT("\"\xed\xbf\xbf\""), "bad UTF-8 at byte 2" },
	{ TEXT("\"\xc0\x80\""), "bad UTF-8 at byte 2" },
	{ TEXT("\"\xc1\xbf\""), "bad UTF-8 at byte 2" },
	{ TEXT("\"\xe0\x9f\xbf\""), "bad UTF-8 at byte 2" },
	{ TEXT("\"\xf0\x8f\xbf\xbf\""), "bad UTF-8 at byte 2" },
	{ TEXT("\"\xf4\x90\x80\x80\""), "bad UTF-8 at byte 2" },
	{ TEXT("\"\xf8\x88\x80\x80\x80\""), "bad UTF-8 at byte 2" },
	{ TEXT("\"\xff\""), "bad UTF-8 at byte 2" },
	{ TEXT("\"\x80\""), "bad UTF-8 at byte 2" },
	{ TEXT("\"a\xe2\x82\""), "bad UTF-8 at byte 3" },
	{ TEXT("\"\xc3\"\xa9"), "bad UTF-8 at byte 2" },
	{ TEXT("["), "unexpected end at byte 2" },
	{ TEXT("[1"), "unexpected end at byte 3" },
	{ TEXT("[1,]"), "expected a value at byte 4" },
	{ TEXT("[,1]"), "expected a value at byte 2" },
	{ TEXT("[1 2]"), "expected ',' or ']' at byte 4" },
	{ TEXT("[1}"), "expected ',' or ']' at byte 3" },
	{ TEXT("]"), "expected a value at byte 1" },
	{ TEXT("{1:2}"), "expected a string at byte 2" },
	{ TEXT("{\"a\":1,}"), "expected a string at byte 8" },
	{ TEXT("{\"a\" 1}"), "expected ':' at byte 6" },
	{ TEXT("{\"a\":}"), "expected a value at byte 6" },
	{ TEXT("{\"a\":1]"), "expected ',' or '}' at byte 7" },
	{ TEXT("{\"a\":1 \"b\":2}"), "expected ',' or '}' at byte 8" },
	{ TEXT("{a:1}"), "expected a string at byte 2" },
	{ TEXT("[1] // no"), "trailing bytes at byte 5" },
	{ TEXT("/**/1"), "expected a value at byte 1" },
	{ TEXT("{\"a\":1,\"a\":1}"), "duplicate key at byte 8" },
	{ TEXT("{\"a\":1,\"b\":2,\"\\u0061\":3}"), "duplicate key at byte 14" },
	{ TEXT("{\"\":1,\"\":1}"), "duplicate key at byte 7" },
	{ TEXT("[{\"x\":{\"\xc3\xa9\":1,\"\\u00e9\":2}}]"),
		"duplicate key at byte 15" },
};

START_TEST(refuses_with_reason_and_place)
{
	ck_assert_int_eq(parse(bad[_i].text, bad[_i].len), SBX_E_INPUT);
	ck_assert_str_eq(err.text, bad[_i].why);
}
END_TEST

START_TEST(every_cut_of_a_document_is_refused)
{
	static const char text[] =
		"{\"a\":[1,-2.5e+3,\"\\ud83d\\ude00\xc3\xa9\"],\"b\":{\"c\":"
		"null,"
		"\"d\":true}}";
	size_t i;

	ck_assert_int_eq(parse(text, sizeof(text) - 1), 0);
	for (i = 0; i < sizeof(text) - 1; i++) {
		/* a copy of its own, so that a sanitizer sees an overrun */
		char *cut = malloc(i > 0 ? i : 1);

		memcpy(cut, text, i);
		ck_assert_int_eq(parse(cut, i), SBX_E_INPUT);
		free(cut);
	}
}
END_TEST

static char *
repeat(const char *what, size_t times, size_t *len)
{
	size_t i, n = strlen(what);
	char *text = malloc(n * times + 1);

	for (i = 0; i < times; i++)
		memcpy(text + i * n, what, n);
	text[n * times] = '\0';
	*len = n * times;
	return text;
}

/* I2 */
START_TEST(depth_is_limited)
{
	char text[2 * 17 + 1];

	memset(text, '[', 17);
	memset(text + 17, ']', 17);
	ck_assert_int_eq(parse(text + 1, 2 * SBX_MAX_DEPTH), 0);
	ck_assert_int_eq(parse(text, 2 * 17), SBX_E_INPUT);
	ck_assert_str_eq(err.text, "nested too deep at byte 17");
	ck_assert_int_eq(parse("[[],[],[],[],[],[],[],[],[],[],[],[],[],[],[],"
			       "[],[],[],[]]",
				 58),
		0);
}
END_TEST

/* I2 */
START_TEST(keys_are_limited_over_the_whole_document)
{
	struct sbx_buf b = SBX_BUF(SBX_MAX_LINE);
	int n, i;

	for (n = SBX_MAX_KEYS; n <= SBX_MAX_KEYS + 1; n++) {
		sbx_buf_clear(&b);
		sbx_buf_str(&b, "[");
		for (i = 0; i < n; i++)
			sbx_buf_fmt(&b, "%s{\"a\":1}", i > 0 ? "," : "");
		sbx_buf_str(&b, "]");
		ck_assert_int_eq(parse(b.data, b.len),
			n <= SBX_MAX_KEYS ? 0 : SBX_E_INPUT);
	}
	ck_assert_str_eq(err.text, "too many keys at byte 2051");
	sbx_buf_free(&b);
}
END_TEST

/* I2 */
START_TEST(bytes_are_limited)
{
	size_t len;
	char *text = repeat(" ", SBX_MAX_LINE + 1, &len);

	text[0] = '1';
	ck_assert_int_eq(parse(text, SBX_MAX_LINE), 0);
	ck_assert_int_eq(parse(text, SBX_MAX_LINE + 1), SBX_E_INPUT);
	ck_assert_str_eq(err.text, "longer than 65536 bytes");
	free(text);
}
END_TEST

START_TEST(huge_input_is_refused_at_once)
{
	static const char *const what[] = { "[", "{\"a\":", "1",
		"[{\"k\":1}," };
	struct sbx_json_limits wide = { SIZE_MAX, SBX_MAX_DEPTH, SBX_MAX_KEYS };
	struct sbx_doc *doc = NULL;
	size_t len;
	char *text = repeat(what[_i], 1000000, &len);

	ck_assert_int_eq(parse(text, len), SBX_E_INPUT);
	/* without the limit of bytes the others still end it, but a number */
	if (strcmp(what[_i], "1") != 0)
		ck_assert_int_eq(sbx_json_parse(text, len, &wide, &doc, &err),
			SBX_E_INPUT);
	free(text);
}
END_TEST

START_TEST(many_keys_are_compared_in_less_than_quadratic_time)
{
	struct sbx_json_limits wide = { SIZE_MAX, SBX_MAX_DEPTH, SIZE_MAX };
	struct sbx_buf b = SBX_BUF(64u << 20);
	struct sbx_doc *doc = NULL;
	int i;

	sbx_buf_str(&b, "{");
	for (i = 0; i < 200000; i++)
		sbx_buf_fmt(&b, "%s\"%dk\":0", i > 0 ? "," : "", i);
	sbx_buf_str(&b, "}");
	ck_assert_int_eq(sbx_json_parse(b.data, b.len, &wide, &doc, &err), 0);
	sbx_doc_free(doc);
	sbx_buf_free(&b);
}
END_TEST

START_TEST(strings_are_unescaped_and_numbers_kept_as_written)
{
	static const char text[] =
		"{\"k\\u00e9y\":\"\\u0041\\u00e9\\u20ac\\ud83d"
		"\\ude00\\n\",\"n\":-1.50e+07,\"l\":[true,null]}";
	struct sbx_doc *doc;
	const struct sbx_json *v, *root;

	ck_assert_int_eq(
		sbx_json_parse(text, sizeof(text) - 1, NULL, &doc, &err), 0);
	root = sbx_doc_root(doc);
	ck_assert_int_eq(root->type, SBX_JSON_OBJECT);
	ck_assert_uint_eq(root->count, 3);
	ck_assert_str_eq(root->child->key, "k\xc3\xa9y");
	ck_assert_uint_eq(root->child->keylen, 4);
	ck_assert_str_eq(sbx_json_str(root, "k\xc3\xa9y"),
		"A\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80\n");
	v = sbx_json_get(root, "n");
	ck_assert_int_eq(v->type, SBX_JSON_NUMBER);
	ck_assert_str_eq(v->text, "-1.50e+07");
	ck_assert_uint_eq(v->len, 9);
	v = sbx_json_get(root, "l");
	ck_assert_uint_eq(v->count, 2);
	ck_assert(v->child->type == SBX_JSON_BOOL && v->child->yes);
	ck_assert(v->child->next->type == SBX_JSON_NULL);
	ck_assert_ptr_null(v->child->next->next);
	ck_assert_ptr_null(sbx_json_get(root, "none"));
	ck_assert_ptr_null(sbx_json_get(v, "n"));
	ck_assert_ptr_null(sbx_json_get(NULL, "n"));
	ck_assert_ptr_null(sbx_json_str(root, "n"));
	sbx_doc_free(doc);
}
END_TEST

/* Sixteen bytes are looked at together: each byte at each place among others. */
START_TEST(every_byte_ends_plain_text_or_not_wherever_it_stands)
{
	for (int c = 0; c < 256; c++) {
		bool plain = c >= 0x20 && c < 0x7f && c != '"' && c != '\\';

		for (size_t at = 0; at < 40; at++) {
			char text[40];

			memset(text, at % 2 ? '~' : ' ', sizeof(text));
			text[at] = (char)c;
			ck_assert_msg(sbx_doc_plain(text, sizeof(text)) ==
					(plain ? sizeof(text) : at),
				"byte 0x%02x at %zu", (unsigned)c, at);
		}
	}
}
END_TEST

static const struct {
	const char *text;
	bool ok;
	int64_t value;
} ints[] = {
	{ "0", true, 0 },
	{ "-1", true, -1 },
	{ "9223372036854775807", true, INT64_MAX },
	{ "-9223372036854775808", true, INT64_MIN },
	{ "9223372036854775808", false, 0 },
	{ "-9223372036854775809", false, 0 },
	{ "99999999999999999999999999", false, 0 },
	{ "-0", false, 0 },
	{ "1.0", false, 0 },
	{ "1e3", false, 0 },
	{ "\"1\"", false, 0 },
	{ "true", false, 0 },
};

START_TEST(integers_are_read_exactly_or_not_at_all)
{
	struct sbx_doc *doc;
	int64_t n = 42;

	ck_assert_int_eq(sbx_json_parse(ints[_i].text, strlen(ints[_i].text),
				 NULL, &doc, &err),
		0);
	ck_assert(sbx_json_int(sbx_doc_root(doc), INT64_MIN, INT64_MAX, &n) ==
		  ints[_i].ok);
	ck_assert_int_eq(n, ints[_i].ok ? ints[_i].value : 42);
	ck_assert(!sbx_json_int(sbx_doc_root(doc), 1, 9, &n));
	sbx_doc_free(doc);
}
END_TEST

START_TEST(a_document_is_built_and_copied)
{
	struct sbx_doc *doc = sbx_doc_new(), *other = sbx_doc_new();
	struct sbx_json *root = sbx_doc_root(doc), *list;
	const struct sbx_json *copy;
	int64_t n;
	char text[] = "changed later";

	sbx_json_add_str(doc, root, "s", text);
	text[0] = 'X';
	sbx_json_add_str(doc, root, "none", NULL);
	sbx_json_add_int(doc, root, "n", INT64_MIN);
	sbx_json_add_bool(doc, root, "b", true);
	sbx_json_add_hex(doc, root, "h", "\x01\xfe", 2);
	sbx_json_add_time(doc, root, "t", INT64_C(1782900000123456));
	list = sbx_json_add(doc, root, "l", SBX_JSON_ARRAY);
	sbx_json_add_str(doc, list, NULL, "x");
	sbx_json_add_copy(other, sbx_doc_root(other), "copy", root);
	sbx_doc_free(doc);

	copy = sbx_json_get(sbx_doc_root(other), "copy");
	ck_assert_uint_eq(copy->count, 7);
	ck_assert_str_eq(sbx_json_str(copy, "s"), "changed later");
	ck_assert(sbx_json_get(copy, "none")->type == SBX_JSON_NULL);
	ck_assert(sbx_json_int(sbx_json_get(copy, "n"), INT64_MIN, 0, &n));
	ck_assert_int_eq(n, INT64_MIN);
	ck_assert(sbx_json_get(copy, "b")->yes);
	ck_assert(sbx_json_is(sbx_json_get(copy, "h"), "01fe"));
	ck_assert(!sbx_json_is(sbx_json_get(copy, "h"), "01f"));
	ck_assert(!sbx_json_is(sbx_json_get(copy, "b"), "true"));
	ck_assert(!sbx_json_is(NULL, ""));
	ck_assert_str_eq(
		sbx_json_str(copy, "t"), "2026-07-01T10:00:00.123456+00:00");
	copy = sbx_json_get(copy, "l");
	ck_assert(copy->count == 1 && sbx_json_is(copy->child, "x"));
	ck_assert_ptr_null(copy->child->key);
	sbx_doc_free(other);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("json");
	TCase *t = tcase_create("json");

	suite_add_tcase(s, t);
	tcase_add_loop_test(t, accepts, 0, sizeof(good) / sizeof(good[0]));
	tcase_add_loop_test(t, refuses_with_reason_and_place, 0,
		sizeof(bad) / sizeof(bad[0]));
	tcase_add_test(t, every_cut_of_a_document_is_refused);
	tcase_add_test(t, depth_is_limited);
	tcase_add_test(t, keys_are_limited_over_the_whole_document);
	tcase_add_test(t, bytes_are_limited);
	tcase_add_loop_test(t, huge_input_is_refused_at_once, 0, 4);
	tcase_add_test(t, many_keys_are_compared_in_less_than_quadratic_time);
	tcase_add_test(t, strings_are_unescaped_and_numbers_kept_as_written);
	tcase_add_loop_test(t, integers_are_read_exactly_or_not_at_all, 0,
		sizeof(ints) / sizeof(ints[0]));
	tcase_add_test(t, every_byte_ends_plain_text_or_not_wherever_it_stands);
	tcase_add_test(t, a_document_is_built_and_copied);
	return finish_suite(s);
}
