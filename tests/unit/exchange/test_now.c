/* SPDX-License-Identifier: Apache-2.0 */
/* What members say about now: an author's newest of each type, and nothing
 * that is forged, replayed, too early, over, too large or a stranger's (I2,
 * I15). */
#include <fcntl.h>
#include <sys/stat.h>

#include "base/base.h"
#include "json/json.h"
#include "crypto/crypto.h"
#include "ledger/ledger.h"
#include "directory/directory.h"
#include "node/node.h"
#include "exchange/now.h"
#include "people.h"

#define BODY                                                              \
	"{\"interval\":60,\"uptime\":7,\"cpu\":1,\"mem\":2,\"disk\":3,"    \
	"\"load1\":4,\"temp\":null,\"role\":\"guardian\",\"state\":\"aware\"," \
	"\"endpoint\":null,\"drained\":false,\"entries\":9,\"digest\":"    \
	"\"0000000000000000000000000000000000000000000000000000000000000000\"," \
	"\"peers\":[],\"services\":[],\"down\":[],\"version\":\"1\","        \
	"\"counters\":{}}"

static struct sbx_log *ledger;
static struct sbx_state *st;
static struct sbx_now *now;
static struct sbx_conf conf;
static char dir[64];

static void
setup(void)
{
	people_begin();
	join(ANN, FOUNDER, 0, 10);
	join(BOB, FOUNDER, 1, 20);
	ledger = new_log();
	for (int i = 0; i < count; i++)
		add(ledger, world[i]);
	ck_assert_int_eq(sbx_log_set_self(ledger, did(FOUNDER), &why), 0);
	ck_assert_int_eq(sbx_log_trust(ledger, did(FOUNDER), true, &why), 0);
	snprintf(dir, sizeof(dir), "%s", log_path);
	*strrchr(dir, '/') = '\0';
	conf = (struct sbx_conf){ .dir = dir };
	ck_assert_int_eq(sbx_state_open(ledger, &st, &why), 0);
	ck_assert_int_eq(sbx_now_open(&conf, &now, &why), 0);
}

static void
teardown(void)
{
	static const char *const files[] = { "now", "now.lock", "now.jsonl" };
	char path[128];

	sbx_now_free(now);
	sbx_state_free(st);
	for (int i = 0; i < 3; i++) {
		snprintf(path, sizeof(path), "%s/%s", dir, files[i]);
		unlink(path);
	}
	remove_log(ledger);
	people_end();
}

/* A snapshot as that key signs it, at seconds from now. */
static struct sbx_statement *
snapshot(int who, int64_t seq, int seconds, int64_t ttl)
{
	struct sbx_statement *s = NULL;
	struct sbx_doc *doc = NULL;
	int64_t then = sbx_clock_now();

	ck_assert_int_eq(sbx_json_parse(BODY, strlen(BODY), NULL, &doc, &why), 0);
	sbx_clock_set(then + seconds * SBX_SECOND);
	ck_assert_msg(sbx_statement_make(keys[who], "Snapshot", seq, ttl,
			      sbx_doc_root(doc), &s, &why) == 0, "%s", why.text);
	sbx_clock_set(then);
	sbx_doc_free(doc);
	return s;
}

static enum sbx_now_how
take_text(const char *text, size_t len)
{
	enum sbx_now_how how = SBX_NOW_BAD;
	struct sbx_doc *doc = NULL;

	if (sbx_json_parse(text, len, NULL, &doc, &why) == 0)
		how = sbx_now_take(now, st, sbx_doc_root(doc), &why);
	sbx_doc_free(doc);
	return how;
}

static enum sbx_now_how
take(int who, int64_t seq, int seconds, int64_t ttl)
{
	struct sbx_statement *s = snapshot(who, seq, seconds, ttl);
	enum sbx_now_how how;

	why.text[0] = '\0';
	how = take_text(s->line, s->len);
	sbx_statement_free(s);
	return how;
}

/* Ann's is still the one of that number. */
static void
anns_is(int64_t seq)
{
	const struct sbx_statement *s = sbx_now_get(now, did(ANN), "Snapshot");

	ck_assert_ptr_nonnull(s);
	ck_assert_int_eq(s->seq, seq);
}

START_TEST(the_newest_of_each_author_is_kept)
{
	ck_assert_int_eq(take(ANN, 5, 0, 60), SBX_NOW_NEW);
	ck_assert_int_eq(take(ANN, 5, 0, 60), SBX_NOW_SAME);
	ck_assert_int_eq(take(BOB, 1, 0, 60), SBX_NOW_NEW);
	ck_assert_int_eq(take(ANN, 9, 1, 60), SBX_NOW_NEW);
	anns_is(9);
	ck_assert_ptr_null(sbx_now_at(now, 2));
	/* In the order that they came. */
	ck_assert_str_eq(sbx_now_at(now, 0)->did, did(ANN));
	ck_assert_str_eq(sbx_now_at(now, 1)->did, did(BOB));
	ck_assert_int_gt(sbx_now_at(now, 0)->heard, sbx_now_at(now, 1)->heard);
}
END_TEST

static const struct {
	int who;
	int64_t seq;
	int seconds, ttl;
	enum sbx_now_how how;
	const char *reason;
} refused[] = {
	{ ANN, 4, 0, 60, SBX_NOW_OLDER, "said a newer one" },
	{ ANN, 5, 1, 60, SBX_NOW_OLDER, "said a newer one" }, /* twice one seq */
	{ ANN, 6, 601, 60, SBX_NOW_AHEAD, "ten minutes ahead" },
	{ ANN, 6, -61, 60, SBX_NOW_PAST, "past its time" },
	{ ANN, 6, -60, 60, SBX_NOW_PAST, "past its time" },
	{ EVE, 6, 0, 60, SBX_NOW_STRANGER, "no member" },
};

START_TEST(what_is_refused_is_named_and_changes_nothing)
{
	ck_assert_int_eq(take(ANN, 5, 0, 60), SBX_NOW_NEW);
	ck_assert_int_eq(take(refused[_i].who, refused[_i].seq,
				 refused[_i].seconds, refused[_i].ttl),
		refused[_i].how);
	ck_assert_ptr_nonnull(strstr(why.text, refused[_i].reason));
	anns_is(5);
}
END_TEST

START_TEST(at_the_limits_it_is_taken)
{
	ck_assert_int_eq(take(ANN, 5, 600, 60), SBX_NOW_NEW);
	ck_assert_int_eq(take(BOB, 5, -59, 60), SBX_NOW_NEW);
}
END_TEST

/* A changed byte anywhere is refused, whatever it says then. */
START_TEST(no_byte_is_free)
{
	struct sbx_statement *s = snapshot(ANN, 6, 0, 60);
	char line[SBX_MAX_STATEMENT];

	ck_assert_int_eq(take(ANN, 5, 0, 60), SBX_NOW_NEW);
	for (size_t i = 0; i < s->len; i++) {
		memcpy(line, s->line, s->len);
		line[i] ^= 1;
		ck_assert_int_ne(take_text(line, s->len),
			SBX_NOW_NEW);
		anns_is(5);
	}
	sbx_statement_free(s);
}
END_TEST

/* Signed by Bob in Ann's name. */
START_TEST(another_key_is_refused_by_name)
{
	struct sbx_statement *s = snapshot(BOB, 6, 0, 60);
	char *at = strstr(s->line, did(BOB));

	ck_assert_int_eq(take(ANN, 5, 0, 60), SBX_NOW_NEW);
	memcpy(at, did(ANN), SBX_DID_SIZE - 1);
	ck_assert_int_eq(take_text(s->line, s->len), SBX_NOW_BAD);
	ck_assert_str_eq(why.text, "did is not the key's name");
	anns_is(5);
	sbx_statement_free(s);
}
END_TEST

START_TEST(one_of_an_unknown_type_is_told_apart)
{
	struct sbx_statement *s = snapshot(ANN, 6, 0, 60);
	char *at = strstr(s->line, "Snapshot");

	memcpy(at, "Snipshot", 8);
	ck_assert_int_eq(
		take_text(s->line, s->len), SBX_NOW_TYPE);
	ck_assert_str_eq(why.text, "unknown type Snipshot");
	sbx_statement_free(s);
}
END_TEST

/* Its version as long as it takes for that many bytes in all. */
static enum sbx_now_how
take_long(size_t want)
{
	struct sbx_buf text = SBX_BUF(2 * SBX_MAX_STATEMENT);
	struct sbx_statement *s = NULL;
	struct sbx_doc *doc = NULL;
	size_t frame;
	int r;

	s = snapshot(ANN, 77, 0, 60);
	frame = s->len + strlen("\"a\":\"\"");
	sbx_statement_free(s);
	s = NULL;
	sbx_buf_str(&text, BODY);
	text.len = (size_t)(strstr(text.data, "{}") + 1 - text.data);
	sbx_buf_fmt(&text, "\"a\":\"%0*d\"}}", (int)(want - frame), 7);
	ck_assert_int_eq(sbx_json_parse(text.data, text.len, NULL, &doc, &why), 0);
	r = sbx_statement_make(keys[ANN], "Snapshot", 77, 60, sbx_doc_root(doc),
		&s, &why);
	ck_assert(r != 0 || s->len == want);
	sbx_statement_free(s);
	sbx_doc_free(doc);
	sbx_buf_free(&text);
	return r == 0 ? SBX_NOW_NEW : SBX_NOW_BAD;
}

START_TEST(one_that_is_too_large_is_refused)
{
	ck_assert_int_eq(take_long(SBX_MAX_STATEMENT), SBX_NOW_NEW);
	ck_assert_int_eq(take_long(SBX_MAX_STATEMENT + 1), SBX_NOW_BAD);
	ck_assert_ptr_nonnull(strstr(why.text, "longer than 4096 bytes"));
}
END_TEST

START_TEST(a_body_is_as_the_table_says)
{
	static const char *const bad[] = { "{}", "[]", "null",
		"{\"more\":1,", "{\"cpu\":101,", "{\"cpu\":\"1\"," };
	struct sbx_statement *s = NULL;
	struct sbx_doc *doc = NULL;
	char text[1024];

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		snprintf(text, sizeof(text), "%s%s", bad[i],
			i > 2 ? strchr(BODY, '"') : "");
		if (i > 3) /* not twice */
			memmove(strstr(text + 5, "\"cpu\":1,"),
				strstr(text + 5, "\"cpu\":1,") + 8,
				strlen(strstr(text + 5, "\"cpu\":1,") + 8) + 1);
		ck_assert_msg(sbx_json_parse(text, strlen(text), NULL, &doc,
				      &why) == 0, "%s: %s", text, why.text);
		ck_assert_msg(sbx_statement_make(keys[ANN], "Snapshot", 1, 60,
				      sbx_doc_root(doc), &s, &why) ==
				SBX_E_INPUT, "%s", text);
		sbx_doc_free(doc);
		doc = NULL;
	}
}
END_TEST

/* What a file says that was read again is the same, but for what has ended. */
START_TEST(what_is_saved_is_loaded_and_ends_by_itself)
{
	int64_t heard;

	ck_assert_int_eq(take(ANN, 5, 0, 60), SBX_NOW_NEW);
	ck_assert_int_eq(take(BOB, 5, 0, 600), SBX_NOW_NEW);
	heard = sbx_now_at(now, 0)->heard;
	ck_assert_int_eq(sbx_now_save(now, &why), 0);
	sbx_now_free(now);
	now = NULL;
	ck_assert_int_eq(sbx_now_load(&conf, &now, &why), 0);
	anns_is(5);
	ck_assert_str_eq(sbx_now_at(now, 0)->did, did(BOB));
	ck_assert_int_eq(sbx_now_at(now, 0)->heard, heard);
	sbx_now_free(now);
	now = NULL;
	sbx_clock_set(sbx_clock_now() + 60 * SBX_SECOND);
	ck_assert_int_eq(sbx_now_load(&conf, &now, &why), 0);
	ck_assert_ptr_null(sbx_now_get(now, did(ANN), "Snapshot"));
	ck_assert_ptr_nonnull(sbx_now_get(now, did(BOB), "Snapshot"));
}
END_TEST

/* Taking away is not put off until something ends. */
START_TEST(who_is_put_out_is_no_longer_heard)
{
	ck_assert_int_eq(take(ANN, 5, 0, 600), SBX_NOW_NEW);
	ck_assert_int_eq(take(BOB, 5, 0, 600), SBX_NOW_NEW);
	sbx_state_free(st);
	put_out(FOUNDER, ANN, 0, 100);
	add(ledger, world[count - 1]);
	ck_assert_int_eq(sbx_state_open(ledger, &st, &why), 0);
	sbx_now_members(now, st);
	ck_assert_ptr_null(sbx_now_get(now, did(ANN), "Snapshot"));
	ck_assert_ptr_nonnull(sbx_now_get(now, did(BOB), "Snapshot"));
	ck_assert_int_eq(take(ANN, 6, 1, 600), SBX_NOW_STRANGER);
}
END_TEST

/* Though the file is lost and the clock stands. */
START_TEST(what_is_said_next_is_newer)
{
	const struct sbx_statement *s;
	struct sbx_doc *doc = NULL;
	int64_t seq;

	ck_assert_int_eq(sbx_json_parse(BODY, strlen(BODY), NULL, &doc, &why), 0);
	for (int i = 0; i < 3; i++) {
		ck_assert_msg(sbx_now_say(now, st, keys[ANN], "Snapshot", 60,
				      sbx_doc_root(doc), &s, &why) == 0, "%s",
			why.text);
		ck_assert(i == 0 || s->seq > seq);
		seq = s->seq;
	}
	sbx_now_free(now);
	now = NULL;
	sbx_clock_set(sbx_clock_now() + SBX_SECOND);
	ck_assert_int_eq(sbx_now_open(&conf, &now, &why), 0);
	ck_assert_int_eq(sbx_now_say(now, st, keys[ANN], "Snapshot", 60,
				 sbx_doc_root(doc), &s, &why), 0);
	ck_assert_int_gt(s->seq, seq);
	ck_assert_int_eq(sbx_now_say(now, st, keys[EVE], "Snapshot", 60,
				 sbx_doc_root(doc), &s, &why), SBX_E_NO);
	sbx_doc_free(doc);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("now");
	TCase *t = tcase_create("now");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, the_newest_of_each_author_is_kept);
	tcase_add_loop_test(t, what_is_refused_is_named_and_changes_nothing, 0,
		sizeof(refused) / sizeof(refused[0]));
	tcase_add_test(t, at_the_limits_it_is_taken);
	tcase_add_test(t, no_byte_is_free);
	tcase_add_test(t, another_key_is_refused_by_name);
	tcase_add_test(t, one_of_an_unknown_type_is_told_apart);
	tcase_add_test(t, one_that_is_too_large_is_refused);
	tcase_add_test(t, a_body_is_as_the_table_says);
	tcase_add_test(t, what_is_saved_is_loaded_and_ends_by_itself);
	tcase_add_test(t, who_is_put_out_is_no_longer_heard);
	tcase_add_test(t, what_is_said_next_is_newer);
	suite_add_tcase(s, t);
	return finish_suite(s);
}
