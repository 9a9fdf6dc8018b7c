/* SPDX-License-Identifier: Apache-2.0 */
#include <sys/mman.h>
#include <sys/wait.h>

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/base.h"
#include "json/json.h"
#include "record/record.h"
#include "suite.h"

/* A pipe that brings text in pieces of so many bytes. */
static int
pieces(const char *text, size_t len, size_t piece, pid_t *pid)
{
	int fds[2];

	ck_assert_int_eq(pipe2(fds, O_CLOEXEC), 0);
	*pid = fork();
	ck_assert_int_ge(*pid, 0);
	if (*pid == 0) {
		close(fds[0]);
		while (len > 0) {
			size_t n = len < piece ? len : piece;

			if (write(fds[1], text, n) != (ssize_t)n)
				_exit(1);
			text += n;
			len -= n;
		}
		_exit(0);
	}
	close(fds[1]);
	return fds[0];
}

/* What a feed makes of it, one line for each: "number:item" or
 * "number!reason", and "broken" at the end if it is. */
static char *
told(const char *text, size_t len, size_t piece)
{
	struct sbx_buf out = SBX_BUF(4u << 20);
	struct sbx_feed *feed;
	struct sbx_err err;
	const char *item;
	size_t n;
	pid_t pid;
	int r, fd = pieces(text, len, piece, &pid);

	ck_assert_int_eq(sbx_feed_open(fd, &feed, &err), 0);
	while ((r = sbx_feed_next(feed, &item, &n, &err)) != 0) {
		ck_assert(r == 1 || r == SBX_E_INPUT);
		sbx_buf_fmt(&out, "%zu%c", sbx_feed_number(feed),
			r == 1 ? ':' : '!');
		if (r == 1)
			ck_assert_uint_eq(strlen(item), n);
		sbx_buf_str(&out, r == 1 ? item : err.text);
		sbx_buf_str(&out, "\n");
	}
	if (sbx_feed_broken(feed))
		sbx_buf_str(&out, "broken\n");
	sbx_feed_free(feed);
	close(fd);
	ck_assert_int_eq(waitpid(pid, NULL, 0), pid);
	sbx_buf_add(&out, "", 0);
	ck_assert(!out.over);
	return out.data;
}

#define A "{\"author\":\"a,]}\",\"x\":[1,{}]}"
#define B "{\"op\":\"\\\"}\\\\\"}"

static const struct {
	const char *text, *want;
} cases[] = {
	/* JSON lines */
	{ "", "" },
	{ " \n\t\r\n", "" },
	{ A, "1:" A "\n" },
	{ A "\n" B "\n", "1:" A "\n2:" B "\n" },
	{ "\n\n  " A "\r\n\n \n" B "\n\n", "3:" A "\r\n6:" B "\n" },
	{ "rubbish\n" A "\n", "1:rubbish\n2:" A "\n" },
	{ "[" A "]\n" B "\n", "1:[" A "]\n2:" B "\n" },
	{ "{}\n" A "\n", "1:{}\n2:" A "\n" },
	{ "{", "1:{\n" },
	{ "{\"sig", "1:{\"sig\n" },
	{ "{\"sig\"\n" A, "1:{\"sig\"\n2:" A "\n" },
	{ "{ \"payload\" : 1}\n", "1:{\"payload\" : 1}\n" },
	{ A "\n{\"entries\":[1]}\n", "1:" A "\n2:{\"entries\":[1]}\n" },
	/* a first line that might have been the older form, and is not */
	{ "{\"x\":1}\n" A "\n",
		"1!neither an entry nor an object with \"entries\"\n2:" A
		"\n" },
	{ "\n{\"x\":1,}\n" A "\n", "2!malformed outer object\n3:" A "\n" },
	{ "{\"x\" 1}\n" A "\n",
		"1!expected ':' in the outer object\n2:" A "\n" },
	{ "{\"x\":\"a\nb\"}\n" A "\n",
		"1!malformed outer object\n2:b\"}\n3:" A "\n" },
	{ "{\"count\":3", "1!malformed outer object\n" },
	/* the older form */
	{ "{\"entries\":[]}", "" },
	{ " { \"entries\" : [ ] } \n", "" },
	{ "{\"entries\":[" A "," B "]}\n", "1:" A "\n2:" B "\n" },
	{ "\n{\n  \"entries\": [\n    " A ",\n    " B "\n  ]\n}\n",
		"1:" A "\n2:" B "\n  \n" },
	{ "{\"count\":2,\"entries\":[" A "," B "],\"head\":\"]}\"}",
		"1:" A "\n2:" B "\n" },
	{ "{\"a\":{\"entries\":[7]},\"entries\":[" A "],\"b\":[{},[]]}",
		"1:" A "\n" },
	{ "{\"a\":1}", "1!neither an entry nor an object with \"entries\"\n" },
	{ "{\"entries\":[1,\"x\",null," A "]}",
		"1:1\n2:\"x\"\n3:null\n4:" A "\n" },
	{ "{\"entries\":[{\"a\":1]," A "]}", "1:{\"a\":1]\n2:" A "\n" },
	{ "{\"entries\":[" A ",," B ",]}",
		"1:" A "\n2!nothing between commas\n3:" B
		"\n4!nothing between commas\n" },
	/* where the rest cannot be told apart */
	{ "{\"entries\":[" A ",",
		"1:" A "\n2!ends inside the entries\nbroken\n" },
	{ "{\"entries\":[" A ",{\"a\":\"",
		"1:" A "\n2!ends inside the entries\nbroken\n" },
	{ "{\"entries\":[{\"a\":\"x\ny\"}," A "]}",
		"1!control byte in a string\nbroken\n" },
	{ "{\"entries\":[" A "}",
		"1!'}' where ',' or ']' should be\nbroken\n" },
	{ "{\"entries\":[" A "]",
		"1:" A "\n1!malformed after the entries\nbroken\n" },
	{ "{\"entries\":[" A "]} " A,
		"1:" A "\n1!malformed after the entries\nbroken\n" },
	{ "{\"entries\":[" A "],\"x\":1",
		"1:" A "\n1!malformed after the entries\nbroken\n" },
	{ "{\"entries\":[" A "],\"entries\":[" B "]}",
		"1:" A "\n1!a second \"entries\"\nbroken\n" },
	{ "{\"entries\":5}", "0!\"entries\" is no array\nbroken\n" },
};

START_TEST(items_are_told_apart_whatever_the_pieces)
{
	static const size_t piece[] = { 1, 7, 4096 };
	size_t i;

	for (i = 0; i < 3; i++) {
		char *got =
			told(cases[_i].text, strlen(cases[_i].text), piece[i]);

		ck_assert_msg(strcmp(got, cases[_i].want) == 0,
			"of\n%s\ngot\n%s\nwant\n%s", cases[_i].text, got,
			cases[_i].want);
		free(got);
	}
}
END_TEST

/* head, an item of len bytes in all, tail: told in short */
static char *
with_item(const char *head, size_t len, const char *tail)
{
	struct sbx_buf b = SBX_BUF(4u << 20);
	char *got, *pad = sbx_mem_alloc(len, 1);

	memset(pad, 'x', len);
	pad[0] = pad[len - 1] = '"';
	sbx_buf_str(&b, head);
	sbx_buf_add(&b, pad, len);
	sbx_buf_str(&b, tail);
	got = told(b.data, b.len, 65536);
	free(pad);
	sbx_buf_free(&b);
	return got;
}

START_TEST(an_item_at_the_limit_passes_and_a_longer_one_is_skipped)
{
	static const char *const form[][2] = { { "1\n", "\n3\n" },
		{ "{\"entries\":[1,", ",3]}" } };
	char *got = with_item(form[_i][0], SBX_MAX_LINE, form[_i][1]);

	ck_assert_uint_eq(strlen(got), SBX_MAX_LINE + strlen("1:1\n2:\n3:3\n"));
	free(got);
	got = with_item(form[_i][0], SBX_MAX_LINE + 1, form[_i][1]);
	ck_assert_str_eq(got, "1:1\n2!longer than 65536 bytes\n3:3\n");
	free(got);
	got = with_item(form[_i][0], 1 << 20, form[_i][1]);
	ck_assert_str_eq(got, "1:1\n2!longer than 65536 bytes\n3:3\n");
	free(got);
}
END_TEST

START_TEST(a_deep_item_is_one_item)
{
	struct sbx_buf b = SBX_BUF(4u << 20);
	char *got;
	int i;

	sbx_buf_str(&b, "{\"entries\":[");
	for (i = 0; i < 200000; i++)
		sbx_buf_str(&b, "[");
	for (i = 0; i < 200000; i++)
		sbx_buf_str(&b, "]");
	sbx_buf_str(&b, ",2]}");
	got = told(b.data, b.len, 65536);
	ck_assert_str_eq(got, "1!longer than 65536 bytes\n2:2\n");
	free(got);
	sbx_buf_free(&b);
}
END_TEST

/* It is read in bounded memory, and who hands it over knows when to stop: a
 * log of a million entries goes by a stick or a pipe, too. */
START_TEST(a_stream_may_be_longer_than_what_the_network_may_send)
{
	struct sbx_feed *feed;
	struct sbx_err err;
	const char *item;
	size_t n;
	int fd = memfd_create("export", MFD_CLOEXEC);

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(pwrite(fd, "1\n2\n", 4, 0), 4);
	ck_assert_int_eq(pwrite(fd, "\n9\n", 3, SBX_MAX_EXPORT), 3);
	ck_assert_int_eq(sbx_feed_open(fd, &feed, &err), 0);
	ck_assert_int_eq(sbx_feed_next(feed, &item, &n, &err), 1);
	ck_assert_int_eq(sbx_feed_next(feed, &item, &n, &err), 1);
	ck_assert_int_eq(sbx_feed_next(feed, &item, &n, &err), SBX_E_INPUT);
	ck_assert_str_eq(err.text, "longer than 65536 bytes");
	ck_assert_int_eq(sbx_feed_next(feed, &item, &n, &err), 1);
	ck_assert_str_eq(item, "9");
	ck_assert_int_eq(sbx_feed_next(feed, &item, &n, &err), 0);
	ck_assert(!sbx_feed_broken(feed));
	sbx_feed_free(feed);
	close(fd);
}
END_TEST

START_TEST(a_failed_read_is_the_machines_fault)
{
	struct sbx_feed *feed;
	struct sbx_err err;
	const char *item;
	size_t n;
	int fd = open("/", O_RDONLY | O_DIRECTORY);

	ck_assert_int_eq(sbx_feed_open(fd, &feed, &err), 0);
	ck_assert_int_eq(sbx_feed_next(feed, &item, &n, &err), SBX_E_SYS);
	ck_assert_str_eq(err.text, "cannot read: Is a directory");
	ck_assert(sbx_feed_broken(feed));
	ck_assert_int_eq(sbx_feed_next(feed, &item, &n, &err), 0);
	sbx_feed_free(feed);
	close(fd);
	sbx_feed_free(NULL);
}
END_TEST

static int
count(const char *path, size_t *bytes)
{
	struct sbx_feed *feed;
	struct sbx_err err;
	const char *item;
	size_t len;
	int r, n = 0, fd = open(path, O_RDONLY | O_CLOEXEC);

	*bytes = 0;
	if (fd < 0)
		return -1;
	ck_assert_int_eq(sbx_feed_open(fd, &feed, &err), 0);
	while ((r = sbx_feed_next(feed, &item, &len, &err)) != 0) {
		struct sbx_doc *doc;

		ck_assert_int_eq(r, 1);
		ck_assert_int_eq(
			sbx_json_parse(item, len, NULL, &doc, &err), 0);
		*bytes += sbx_doc_root(doc)->count;
		sbx_doc_free(doc);
		n++;
	}
	sbx_feed_free(feed);
	close(fd);
	return n;
}

START_TEST(both_frozen_exports_hold_the_same)
{
	size_t a, b;
	int n = count("../shared/vectors/gondwana/export.jsonl", &a);

	if (n == -1)
		return; /* not here */
	ck_assert_int_eq(n, 26);
	ck_assert_int_eq(
		count("../shared/vectors/gondwana/export.json", &b), 26);
	ck_assert_uint_eq(a, b);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("feed");
	TCase *t = tcase_create("feed");

	suite_add_tcase(s, t);
	tcase_add_loop_test(t, items_are_told_apart_whatever_the_pieces, 0,
		sizeof(cases) / sizeof(cases[0]));
	tcase_add_loop_test(t,
		an_item_at_the_limit_passes_and_a_longer_one_is_skipped, 0, 2);
	tcase_add_test(t, a_deep_item_is_one_item);
	tcase_add_test(t, a_stream_may_be_longer_than_what_the_network_may_send);
	tcase_add_test(t, a_failed_read_is_the_machines_fault);
	tcase_add_test(t, both_frozen_exports_hold_the_same);
	return finish_suite(s);
}
