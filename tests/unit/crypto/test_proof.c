/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "base/base.h"
#include "crypto/crypto.h"
#include "suite.h"

#define FIRST "c2sp.org/tlog-proof@v1\n"
#define HASH  "CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n"
#define NOTE  "origin\n5\n" HASH "\n\xe2\x80\x94 origin AAAAAAAA\n"

static struct sbx_err err;

static int
parse(const char *text, size_t len, uint64_t *index, struct sbx_proof *p,
	struct sbx_buf *extra, const char **note)
{
	size_t notelen = 0;
	int r;

	*note = NULL;
	r = sbx_proof_parse(text, len, index, p, extra, note, &notelen, &err);
	ck_assert(r == 0 || r == SBX_E_INPUT);
	ck_assert(r != 0 || *note + notelen == text + len);
	return r;
}

static const struct {
	const char *text, *extra;
	uint64_t index;
	size_t count;
} good[] = {
	{ FIRST "index 0\n\n" NOTE, NULL, 0, 0 },
	{ FIRST "index 73894\n" HASH HASH "\n" NOTE, NULL, 73894, 2 },
	{ FIRST "extra YWJj\nindex 1\n" HASH "\n" NOTE, "abc", 1, 1 },
};

START_TEST(a_proof_is_read_and_written)
{
	struct sbx_buf extra = SBX_BUF(64), out = SBX_BUF(4096);
	const char *note, *text = good[_i].text;
	struct sbx_proof p;
	uint64_t index;

	ck_assert_int_eq(
		parse(text, strlen(text), &index, &p, &extra, &note), 0);
	ck_assert_uint_eq(index, good[_i].index);
	ck_assert_uint_eq(p.count, good[_i].count);
	ck_assert_str_eq(note, NOTE);
	ck_assert_str_eq(sbx_buf_text(&extra),
		good[_i].extra != NULL ? good[_i].extra : "");
	sbx_proof_write(
		&out, index, &p, good[_i].extra, extra.len, note, strlen(note));
	ck_assert_str_eq(out.data, text);
	ck_assert_int_eq(parse(text, strlen(text), &index, &p, NULL, &note), 0);
	sbx_buf_free(&extra);
	sbx_buf_free(&out);
}
END_TEST

static const char *const bad[] = { "", "c2sp.org/tlog-proof@v1",
	"c2sp.org/tlog-proof@v2\nindex 0\n\n" NOTE,
	" c2sp.org/tlog-proof@v1\nindex 0\n\n" NOTE, FIRST, FIRST "index 0\n",
	FIRST "index 0\n\n", FIRST "\n" NOTE, FIRST "index \n\n" NOTE,
	FIRST "index 01\n\n" NOTE, FIRST "index -1\n\n" NOTE,
	FIRST "index +1\n\n" NOTE, FIRST "index 1 \n\n" NOTE,
	FIRST "index  1\n\n" NOTE, FIRST "index 1\r\n\n" NOTE,
	FIRST "index 18446744073709551616\n\n" NOTE, FIRST "Index 0\n\n" NOTE,
	FIRST "index 0\nAAAA\n\n" NOTE, FIRST "index 0\n " HASH "\n" NOTE,
	FIRST "extra YWJ\nindex 0\n\n" NOTE, FIRST "extra YWJj\n\n" NOTE,
	FIRST "index 0\nextra YWJj\n\n" NOTE,
	FIRST "extra YWJj\nextra YWJj\nindex 0\n\n" NOTE };

START_TEST(what_is_no_proof_is_refused)
{
	struct sbx_buf extra = SBX_BUF(64);
	const char *note;
	struct sbx_proof p;
	uint64_t index;

	ck_assert_int_eq(
		parse(bad[_i], strlen(bad[_i]), &index, &p, &extra, &note),
		SBX_E_INPUT);
	ck_assert_str_eq(err.text, "not a tlog-proof");
	sbx_buf_free(&extra);
}
END_TEST

START_TEST(every_cut_before_the_note_is_refused)
{
	const char *note, *text = good[2].text;
	size_t len = strlen(text) - strlen(NOTE), i;
	struct sbx_proof p;
	uint64_t index;

	for (i = 0; i <= len; i++)
		ck_assert_int_eq(
			parse(text, i, &index, &p, NULL, &note), SBX_E_INPUT);
}
END_TEST

START_TEST(hashes_are_limited)
{
	struct sbx_buf b = SBX_BUF(1 << 21);
	const char *note;
	struct sbx_proof p;
	uint64_t index;
	int n, i;

	for (n = SBX_MAX_PROOF; n <= SBX_MAX_PROOF + 1; n++) {
		sbx_buf_clear(&b);
		sbx_buf_str(&b, FIRST "index 9\n");
		for (i = 0; i < n; i++)
			sbx_buf_str(&b, HASH);
		sbx_buf_str(&b, "\n" NOTE);
		ck_assert_int_eq(parse(b.data, b.len, &index, &p, NULL, &note),
			n == SBX_MAX_PROOF ? 0 : SBX_E_INPUT);
	}
	sbx_buf_free(&b);
}
END_TEST

/* With all the hashes and a note that is as long as one may be. */
START_TEST(an_extra_line_is_at_most_its_limit)
{
	struct sbx_buf b = SBX_BUF(1 << 21), extra = SBX_BUF(SBX_MAX_EXTRA);
	char *data = sbx_mem_alloc(1, SBX_MAX_EXTRA + 1);
	char *full = sbx_mem_alloc(1, SBX_MAX_NOTE);
	struct sbx_proof p = { .count = SBX_MAX_PROOF };
	const char *note;
	uint64_t index;

	memset(data, 'x', SBX_MAX_EXTRA + 1);
	memset(full, 'n', SBX_MAX_NOTE);
	for (int past = 0; past < 2; past++) {
		sbx_buf_clear(&b);
		sbx_buf_clear(&extra);
		sbx_proof_write(&b, SBX_MAX_TREE, &p, data,
			(size_t)SBX_MAX_EXTRA + past, full, SBX_MAX_NOTE);
		ck_assert_int_eq(parse(b.data, b.len, &index, &p, &extra, &note),
			past ? SBX_E_INPUT : 0);
		ck_assert(past || (extra.len == SBX_MAX_EXTRA && p.count ==
			SBX_MAX_PROOF && memcmp(extra.data, data, extra.len) == 0));
		ck_assert_int_eq(parse(b.data, b.len, &index, &p, NULL, &note),
			past ? SBX_E_INPUT : 0);
		p.count = SBX_MAX_PROOF;
	}
	free(full);
	free(data);
	sbx_buf_free(&extra);
	sbx_buf_free(&b);
}
END_TEST

/* What is not read is not looked through either. */
START_TEST(a_proof_is_at_most_its_limit)
{
	size_t most = SBX_MAX_NOTE + 4096 + (SBX_MAX_EXTRA + 2) / 3 * 4, len;
	struct sbx_buf b = SBX_BUF(1 << 21);
	const char *note;
	struct sbx_proof p;
	uint64_t n;

	for (int from = 0; from < 2; from++) {
		sbx_buf_clear(&b);
		sbx_buf_str(&b, from ? "old 1\n\n" : FIRST "index 0\n\n");
		if (from)
			most = SBX_MAX_NOTE + 4096;
		while (b.len <= most)
			sbx_buf_str(&b, "n");
		for (int past = 0; past < 2; past++)
			ck_assert_int_eq(from ?
				sbx_proof_parse_from(b.data, most + (size_t)past, &n,
					&p, &note, &len, &err) :
				sbx_proof_parse(b.data, most + (size_t)past, &n, &p,
					NULL, &note, &len, &err),
				past ? SBX_E_INPUT : 0);
	}
	sbx_buf_free(&b);
}
END_TEST

#define LOOP(t, fn, list)                                                      \
	tcase_add_loop_test(t, fn, 0, sizeof(list) / sizeof((list)[0]))

int
main(void)
{
	Suite *s = suite_create("proof");
	TCase *t = tcase_create("proof");

	suite_add_tcase(s, t);
	LOOP(t, a_proof_is_read_and_written, good);
	LOOP(t, what_is_no_proof_is_refused, bad);
	tcase_add_test(t, every_cut_before_the_note_is_refused);
	tcase_add_test(t, hashes_are_limited);
	tcase_add_test(t, an_extra_line_is_at_most_its_limit);
	tcase_add_test(t, a_proof_is_at_most_its_limit);
	return finish_suite(s);
}
