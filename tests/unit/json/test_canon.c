/* SPDX-License-Identifier: Apache-2.0 */
#include <locale.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/base.h"
#include "json/json.h"
#include "suite.h"

static const char *const fractions[] = { "weight", "quorum_threshold", NULL };
static struct sbx_err err;

/* What the parser takes for the canonical form is what would be written. */
static void
check_claims(const char *text, const struct sbx_json *v)
{
	struct sbx_buf out = SBX_BUF(SBX_MAX_LINE * 6);
	size_t at, len;

	if (sbx_json_canonical(v, &at, &len)) {
		ck_assert_int_eq(sbx_canon_write(&out, v, NULL, NULL), 0);
		ck_assert_msg(out.len == len && memcmp(out.data, text + at, len) == 0,
			"taken for canonical: %.*s", (int)len, text + at);
	}
	sbx_buf_free(&out);
	for (v = v->child; v != NULL; v = v->next)
		check_claims(text, v);
}

/* The canonical form of text, or the reason why there is none. */
static char *
canon(const char *text)
{
	struct sbx_buf out = SBX_BUF(SBX_MAX_LINE * 6);
	struct sbx_doc *doc = NULL;
	int r;

	memset(&err, 0, sizeof(err));
	if ((r = sbx_json_parse(text, strlen(text), NULL, &doc, &err)) == 0) {
		check_claims(text, sbx_doc_root(doc));
		r = sbx_canon_write(&out, sbx_doc_root(doc), fractions, &err);
	}
	ck_assert(r == 0 || (r == SBX_E_INPUT && out.len == 0));
	if (r != 0)
		sbx_buf_str(&out, err.text);
	sbx_doc_free(doc);
	return out.data;
}

/* Pairs of lines, the second being what the first must give.  Returns how
 * many; a form that is good must also be its own. */
static int
check_pairs(FILE *f, bool good)
{
	char *line = NULL, *want = NULL, *got, *again;
	size_t size = 0, wantsize = 0;
	int n = 0;

	while (getline(&line, &size, f) > 0) {
		line[strcspn(line, "\n")] = '\0';
		ck_assert_int_gt(getline(&want, &wantsize, f), 0);
		want[strcspn(want, "\n")] = '\0';
		got = canon(line);
		ck_assert_msg(strcmp(got, want) == 0,
			"of   %s\ngot  %s\nwant %s", line, got, want);
		ck_assert_int_eq(err.code, good ? 0 : SBX_E_INPUT);
		again = good ? canon(got) : NULL;
		ck_assert(again == NULL || strcmp(again, got) == 0);
		free(again);
		free(got);
		n++;
	}
	free(line);
	free(want);
	return n;
}

static int
check_file(const char *path, bool good)
{
	FILE *f = fopen(path, "r");
	int n;

	if (f == NULL)
		return -1;
	n = check_pairs(f, good);
	fclose(f);
	return n;
}

START_TEST(own_vectors_give_their_canonical_form)
{
	ck_assert_int_gt(check_file("tests/vectors/canon-good.txt", true), 60);
}
END_TEST

/* I8 */
START_TEST(own_vectors_are_refused_for_their_reason)
{
	ck_assert_int_gt(check_file("tests/vectors/canon-bad.txt", false), 25);
}
END_TEST

START_TEST(frozen_vectors_give_their_canonical_form)
{
	int n = check_file("../shared/vectors/canon.txt", true);

	ck_assert(n == -1 || n > 100);
}
END_TEST

/* I8 */
START_TEST(random_documents_give_what_cpython_gives)
{
	FILE *f = popen("python3 tests/lib/canon-pairs.py 2>/dev/null", "r");
	int n, status;

	ck_assert_ptr_nonnull(f);
	n = check_pairs(f, true);
	status = pclose(f);
	if (n == 0 && getenv("SBX_TESTS_MUST_RUN") == NULL)
		return; /* no python3 here */
	ck_assert_int_eq(status, 0);
	ck_assert_int_gt(n, 3000);
}
END_TEST

START_TEST(fractions_do_not_depend_on_the_locale)
{
	/* one that writes 0,5 if it is installed; true in any */
	setlocale(LC_ALL, "de_DE.UTF-8");
	ck_assert(sbx_canon_fraction("0.5", 3));
	ck_assert(!sbx_canon_fraction("0,5", 3));
	setlocale(LC_ALL, "C");
}
END_TEST

static const char *const nofraction[] = { "", "1", "-0", "0", "inf", "-inf",
	"nan", "NaN", "infinity", "0x1p3", " 1.0", "1.0 ", "+1.0", "1.", ".5",
	"1.0e5", "1e5", "1_0.0", "1.0\t", "00.5", "1e+400",
	"0.1000000000000000055511151231257827021181583404541015625" };

START_TEST(what_cpython_would_not_write_is_no_fraction)
{
	ck_assert(!sbx_canon_fraction(nofraction[_i], strlen(nofraction[_i])));
}
END_TEST

/* Of any length: the longest shortest form has 24 digits. */
START_TEST(a_fraction_is_not_copied_past_its_room)
{
	char text[200];

	for (size_t len = 3; len < sizeof(text); len++) {
		memset(text, '3', sizeof(text));
		text[1] = '.';
		ck_assert_msg(sbx_canon_fraction(text, len) == (len <= 17),
			"%zu", len);
	}
}
END_TEST

START_TEST(a_built_document_is_held_to_the_same)
{
	struct sbx_buf out = SBX_BUF(1024);
	struct sbx_doc *doc = sbx_doc_new();
	struct sbx_json *root = sbx_doc_root(doc), *v;
	int i;

	sbx_buf_str(&out, "before ");
	sbx_json_add_str(doc, root, "b", "\xe2\x82\xac");
	sbx_json_add_int(doc, root, "a", -7);
	ck_assert_int_eq(sbx_canon_write(&out, root, NULL, &err), 0);
	ck_assert_str_eq(out.data, "before {\"a\":-7,\"b\":\"\\u20ac\"}");
	sbx_json_add_int(doc, root, "a", 8);
	ck_assert_int_eq(sbx_canon_write(&out, root, NULL, &err), SBX_E_INPUT);
	ck_assert_str_eq(err.text, "duplicate key");
	ck_assert_str_eq(out.data, "before {\"a\":-7,\"b\":\"\\u20ac\"}");
	sbx_doc_free(doc);

	doc = sbx_doc_new();
	v = sbx_json_add(doc, sbx_doc_root(doc), "n", SBX_JSON_NUMBER);
	ck_assert_int_eq(sbx_canon_write(&out, v, NULL, &err), SBX_E_INPUT);
	sbx_json_add_str(doc, sbx_doc_root(doc), "x", "\xff");
	v = sbx_json_add(doc, sbx_doc_root(doc), "big", SBX_JSON_ARRAY);
	ck_assert_int_eq(sbx_canon_write(&out, v, NULL, &err), 0);
	sbx_json_add_int(doc, v, NULL, INT64_MAX);
	ck_assert_int_eq(sbx_canon_write(&out, v, NULL, &err), SBX_E_INPUT);
	v = sbx_json_add(doc, sbx_doc_root(doc), "\xc3", SBX_JSON_OBJECT);
	sbx_json_add_bool(doc, v, "\xc3", true);
	ck_assert_int_eq(sbx_canon_write(&out, v, NULL, &err), SBX_E_INPUT);
	ck_assert_str_eq(err.text, "bad UTF-8");
	for (i = 0; i < SBX_MAX_DEPTH; i++)
		v = sbx_json_add(doc, v, "in", SBX_JSON_OBJECT);
	v = sbx_doc_root(doc)->child->next->next->next->child->next;
	ck_assert_int_eq(sbx_canon_write(&out, v, NULL, &err), 0);
	sbx_doc_free(doc);
	sbx_buf_free(&out);
}
END_TEST

START_TEST(depth_is_limited_in_a_built_document_too)
{
	struct sbx_buf out = SBX_BUF(1024);
	struct sbx_doc *doc = sbx_doc_new();
	struct sbx_json *v = sbx_doc_root(doc);
	int i;

	for (i = 1; i < SBX_MAX_DEPTH; i++)
		v = sbx_json_add(doc, v, "in", SBX_JSON_OBJECT);
	ck_assert_int_eq(
		sbx_canon_write(&out, sbx_doc_root(doc), NULL, &err), 0);
	sbx_json_add(doc, v, "in", SBX_JSON_ARRAY);
	ck_assert_int_eq(sbx_canon_write(&out, sbx_doc_root(doc), NULL, &err),
		SBX_E_INPUT);
	ck_assert_str_eq(err.text, "nested too deep");
	sbx_doc_free(doc);
	sbx_buf_free(&out);
}
END_TEST

/* I8: what stands in the canonical form is not written anew, so that nothing
 * else may be taken for it. */
static const struct {
	const char *text;
	bool canonical;
} forms[] = {
	{ "{}", true },
	{ "[]", true },
	{ "{\"a\":[1,-2,null,true],\"b\":{\"c\":\"d\"}}", true },
	{ "{\"a\":999999999999999}", true },
	{ "{ }", false },
	{ "{\"a\" :1}", false },
	{ "{\"a\": 1}", false },
	{ "[1 ]", false },
	{ "[1,\t2]", false },
	{ "{\"b\":1,\"a\":2}", false },
	{ "[{\"b\":1,\"a\":2}]", false },
	{ "[-0]", false },
	{ "[1.0]", false },
	{ "[1e2]", false },
	{ "[9007199254740993]", false },
	{ "[\"\\u0041\"]", false },
	{ "[\"\xc3\xa9\"]", false },
	{ "[\"\x7f\"]", false },
	{ "{\"\\u0041\":1}", false },
};

START_TEST(only_the_canonical_form_is_taken_for_it)
{
	const char *text = forms[_i].text;
	struct sbx_doc *doc = NULL;
	size_t at = 0, len = 0;
	bool yes;

	ck_assert_int_eq(sbx_json_parse(text, strlen(text), NULL, &doc, &err), 0);
	yes = sbx_json_canonical(sbx_doc_root(doc), &at, &len);
	ck_assert_msg(yes == forms[_i].canonical, "%s", text);
	ck_assert(!yes || (at == 0 && len == strlen(text)));
	sbx_doc_free(doc);
}
END_TEST

START_TEST(the_form_of_a_part_does_not_ask_for_that_of_the_whole)
{
	const char *text = "{ \"b\" : {\"a\":1} , \"a\": [ ] }";
	struct sbx_doc *doc = NULL;
	size_t at = 0, len = 0;

	ck_assert_int_eq(sbx_json_parse(text, strlen(text), NULL, &doc, &err), 0);
	ck_assert(!sbx_json_canonical(sbx_doc_root(doc), &at, &len));
	ck_assert(!sbx_json_canonical(sbx_json_get(sbx_doc_root(doc), "a"), &at,
		&len));
	ck_assert(sbx_json_canonical(sbx_json_get(sbx_doc_root(doc), "b"), &at,
		&len));
	ck_assert(strncmp(text + at, "{\"a\":1}", len) == 0 && len == 7);
	sbx_doc_free(doc);
}
END_TEST

START_TEST(a_full_buffer_is_a_refusal)
{
	struct sbx_buf out = SBX_BUF(8);
	struct sbx_doc *doc = sbx_doc_new();

	sbx_json_add_int(doc, sbx_doc_root(doc), "a", 10);
	ck_assert_int_eq(
		sbx_canon_write(&out, sbx_doc_root(doc), NULL, &err), 0);
	sbx_json_add_int(doc, sbx_doc_root(doc), "b", 10);
	sbx_buf_clear(&out);
	ck_assert_int_eq(sbx_canon_write(&out, sbx_doc_root(doc), NULL, &err),
		SBX_E_INPUT);
	ck_assert_str_eq(err.text, "canonical form is longer than 8 bytes");
	ck_assert_uint_eq(out.len, 0);
	sbx_doc_free(doc);
	sbx_buf_free(&out);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("canon");
	TCase *t = tcase_create("canon");

	suite_add_tcase(s, t);
	tcase_add_test(t, own_vectors_give_their_canonical_form);
	tcase_add_test(t, own_vectors_are_refused_for_their_reason);
	tcase_add_test(t, frozen_vectors_give_their_canonical_form);
	tcase_add_test(t, random_documents_give_what_cpython_gives);
	tcase_add_test(t, fractions_do_not_depend_on_the_locale);
	tcase_add_test(t, a_fraction_is_not_copied_past_its_room);
	tcase_add_loop_test(t, what_cpython_would_not_write_is_no_fraction, 0,
		sizeof(nofraction) / sizeof(nofraction[0]));
	tcase_add_test(t, a_built_document_is_held_to_the_same);
	tcase_add_loop_test(t, only_the_canonical_form_is_taken_for_it, 0,
		sizeof(forms) / sizeof(forms[0]));
	tcase_add_test(t, the_form_of_a_part_does_not_ask_for_that_of_the_whole);
	tcase_add_test(t, depth_is_limited_in_a_built_document_too);
	tcase_add_test(t, a_full_buffer_is_a_refusal);
	return finish_suite(s);
}
