/* SPDX-License-Identifier: Apache-2.0 */
/* Limits of the log that have no other test: each at it and past it; and that
 * no figure in a payload is a limit to anything. */
#include "base/base.h"
#include "json/json.h"
#include "system/system.h"
#include "crypto/crypto.h"
#include "record/record.h"
#include "ledger/ledger.h"
#include "directory/directory.h"
#include "node/node.h"
#include "exchange/exchange.h"
#include "exchange/follow.h"
#include "people.h"

START_TEST(integers_go_to_2_to_the_53_less_one)
{
	char text[1024];
	struct sbx_entry *e;
	struct sbx_doc *doc;

	for (int past = 0; past < 2; past++) {
		snprintf(text, sizeof(text), "{\"config_id\":\"a\",\"scope\":\"s\","
			"\"version\":%lld,\"content_hash\":\"%064d\",\"payload\":"
			"{},\"payload_uri\":null,\"valid_from\":\"%s\","
			"\"valid_until\":null}", (long long)SBX_MAX_INT + past, 0,
			at(1));
		ck_assert_int_eq(sbx_json_parse(text, strlen(text), NULL, &doc,
			&why), 0);
		e = NULL;
		ck_assert_int_eq(sbx_entry_make(keys[ANN], "config_publish", NULL,
			sbx_doc_root(doc), &e, &why) == 0, past == 0);
		sbx_entry_free(e);
		sbx_doc_free(doc);
	}
}
END_TEST

START_TEST(a_head_covers_so_many_entries)
{
	struct sbx_buf text = SBX_BUF(SBX_MAX_LINE);
	struct sbx_entry *e;
	struct sbx_doc *doc;

	for (int past = 0; past < 2; past++) {
		sbx_buf_clear(&text);
		sbx_buf_str(&text, "{\"v\":1,\"seq\":2,\"prev\":null,\"items\":[");
		for (int i = 0; i < SBX_MAX_SEALED + past; i++)
			sbx_buf_fmt(&text, "%s\"%064x\"", i > 0 ? "," : "", i);
		sbx_buf_fmt(&text, "],\"rec\":null,\"created_at\":\"%s\"}", at(1));
		ck_assert_int_eq(sbx_json_parse(text.data, text.len, NULL, &doc,
			&why), 0);
		e = NULL;
		ck_assert_int_eq(sbx_entry_make(keys[ANN], "witness", "SbxHead",
			sbx_doc_root(doc), &e, &why) == 0, past == 0);
		sbx_entry_free(e);
		sbx_doc_free(doc);
	}
	sbx_buf_free(&text);
}
END_TEST

/* A chain of guests from the founder down: one beyond is none. */
START_TEST(invitations_reach_so_deep)
{
	struct sbx_key *host = keys[FOUNDER], *guest, *token;
	struct sbx_state *st;
	bool yes;

	for (int depth = 1; depth <= SBX_MAX_INVITE_DEPTH + 1; depth++) {
		guest = key_of((unsigned char)(150 + depth));
		token = key_of((unsigned char)(200 + depth));
		say(invite(host, token, 1, 10 * depth, 9000));
		say(accept_invite(guest, token, sbx_key_did(host),
			10 * depth + 1));
		st = open_world(NULL);
		yes = sbx_state_member(st, sbx_key_did(guest));
		close_world(st);
		ck_assert_msg(yes == (depth <= SBX_MAX_INVITE_DEPTH),
			"depth %d", depth);
		if (host != keys[FOUNDER])
			sbx_key_free(host);
		sbx_key_free(token);
		host = guest;
	}
	sbx_key_free(host);
}
END_TEST

/* 256 of the longest entries and not a byte more. */
START_TEST(a_bundle_holds_a_tile_of_the_longest_entries)
{
	struct sbx_buf out = SBX_BUF(SBX_MAX_BUNDLE);
	char *entry = sbx_mem_alloc(1, UINT16_MAX + 1);
	struct sbx_bundle b;
	const char *text;
	size_t len;
	int n = 0;

	memset(entry, 'e', UINT16_MAX + 1);
	for (int i = 0; i < SBX_TILE_WIDTH; i++)
		ck_assert(sbx_bundle_add(&out, entry, SBX_MAX_ENTRY));
	ck_assert_uint_eq(out.len, SBX_MAX_BUNDLE);
	b = (struct sbx_bundle){ out.data, out.len, 0 };
	while (sbx_bundle_next(&b, &text, &len, &why) == 1)
		n++;
	ck_assert_int_eq(n, SBX_TILE_WIDTH);
	ck_assert(!sbx_bundle_add(&out, "", 0));
	sbx_buf_free(&out);
	out.over = false;
	/* What its two bytes of length cannot say. */
	ck_assert(sbx_bundle_add(&out, entry, UINT16_MAX));
	ck_assert(!sbx_bundle_add(&out, entry, UINT16_MAX + 1));
	sbx_buf_free(&out);
	free(entry);
}
END_TEST

static void
count_attest(void *ctx, const struct sbx_attest *a, bool holds)
{
	(void)a;
	(void)holds;
	++*(int *)ctx;
}

START_TEST(so_many_attests_are_looked_at)
{
	struct sbx_log *log = new_log();
	enum sbx_log_how how;
	struct sbx_entry *e;
	int seen = 0;

	ck_assert_int_eq(sbx_log_begin(log, &why), 0);
	for (int n = 0; n <= SBX_MAX_ATTESTS; n++) {
		e = sign(keys[ANN], "witness", "WitnessAttest",
			"{\"domain\":\"\",\"log_height\":%d,\"merkle_root\":\"%064x\","
			"\"witness\":\"%s\",\"observed_at\":\"%s\"}", n + 1, n,
			did(ANN), at(1));
		ck_assert_int_eq(sbx_log_add(log, e, &how, &why), 0);
		sbx_entry_free(e);
		if (n == SBX_MAX_ATTESTS - 1) {
			ck_assert_int_eq(sbx_attest_each(log, count_attest, &seen,
				&why), 0);
			ck_assert_int_eq(seen, SBX_MAX_ATTESTS);
		}
	}
	seen = 0;
	ck_assert_int_eq(sbx_attest_each(log, count_attest, &seen, &why), 0);
	ck_assert_int_eq(seen, SBX_MAX_ATTESTS);
	sbx_log_rollback(log);
	remove_log(log);
}
END_TEST

/* The evidence of a fork, each time other heads, in a directory of its own. */
static int
keep_fork(const char *dir, int n)
{
	struct sbx_buf key = SBX_BUF(16), proof = SBX_BUF(16);
	struct sbx_buf old = SBX_BUF(16), new = SBX_BUF(16);
	const struct sbx_fork f = { .dir = dir, .did = did(ANN), .key = &key,
		.note = { &old, &new }, .proof = &proof,
		.size = { (uint64_t)n, (uint64_t)n + 1 } };
	int r;

	sbx_buf_str(&key, "key");
	sbx_buf_str(&proof, "proof");
	sbx_buf_fmt(&old, "old %d", n);
	sbx_buf_fmt(&new, "new %d", n);
	r = sbx_fork_keep(&f, &why);
	sbx_buf_free(&key);
	sbx_buf_free(&proof);
	sbx_buf_free(&old);
	sbx_buf_free(&new);
	return r;
}

static int
files_in(const char *dir)
{
	const char *argv[] = { "/usr/bin/find", dir, "-type", "f", NULL };
	struct sbx_run run = { .argv = argv };
	struct sbx_buf out = SBX_BUF(65536);
	int n = 0;

	ck_assert_int_eq(sbx_run_ok(&run, &out, &why), 0);
	for (const char *c = sbx_buf_text(&out); *c != '\0'; c++)
		n += *c == '\n';
	sbx_buf_free(&out);
	return n;
}

/* I2: a key, and three files each time; what is past it is not kept in part. */
START_TEST(so_many_files_are_kept_of_a_node_that_contradicts_itself)
{
	char dir[] = "/tmp/sbx-unit-XXXXXX";
	const char *argv[] = { "/bin/rm", "-rf", dir, NULL };
	struct sbx_run run = { .argv = argv };

	ck_assert_ptr_nonnull(mkdtemp(dir));
	for (int n = 1; n <= 12; n++) {
		ck_assert_msg(keep_fork(dir, n) == 0, "%s", why.text);
		ck_assert_int_eq(files_in(dir), n <= 10 ? 1 + 3 * n : 31);
	}
	ck_assert_int_eq(SBX_MAX_EVIDENCE, 32);
	ck_assert_int_eq(sbx_run_ok(&run, NULL, &why), 0);
}
END_TEST

/* The token with as many spaces before its JSON as make it that long. */
static int
accept_padded(struct sbx_log *log, const char *token, size_t length)
{
	struct sbx_buf raw = SBX_BUF(SBX_MAX_LINE), out = SBX_BUF(SBX_MAX_LINE);
	struct sbx_buf text = SBX_BUF(SBX_MAX_LINE);
	const char *body = strchr(token, '.') + 1;
	unsigned char sum[SBX_HASH_BYTES];
	int r;

	ck_assert(sbx_b64url_parse(&raw, body, strlen(body)));
	while (out.len + raw.len < length)
		sbx_buf_str(&out, " ");
	sbx_buf_add(&out, raw.data, raw.len - 4);
	sbx_hash_b2(sum, out.data, out.len);
	sbx_buf_add(&out, sum, 4);
	ck_assert_uint_eq(out.len, length);
	sbx_buf_add(&text, token, (size_t)(body - token));
	sbx_b64url_write(&text, out.data, out.len);
	r = sbx_invite_accept(log, keys[ANN], text.data, true, &(int64_t){ 0 }, &why);
	sbx_buf_free(&raw);
	sbx_buf_free(&out);
	sbx_buf_free(&text);
	return r;
}

START_TEST(a_token_is_at_most_its_limit)
{
	static const char *const none[] = { NULL };
	const struct sbx_invite in = { .domain = "", .rights = none, .uses = 1,
		.seconds = 600 };
	struct sbx_buf token = SBX_BUF(SBX_MAX_LINE);
	struct sbx_log *log = open_log(NULL), *other;

	ck_assert_int_eq(sbx_log_set_self(log, did(FOUNDER), &why), 0);
	ck_assert_msg(sbx_invite_issue(log, keys[FOUNDER], &in, &token, &why) == 0,
		"%s", why.text);
	remove_log(log);
	other = new_log();
	ck_assert_int_eq(sbx_log_set_self(other, did(ANN), &why), 0);
	ck_assert_msg(accept_padded(other, token.data, SBX_MAX_TOKEN) == 0, "%s",
		why.text);
	ck_assert_int_eq(accept_padded(other, token.data, SBX_MAX_TOKEN + 1),
		SBX_E_INPUT);
	remove_log(other);
	sbx_buf_free(&token);
}
END_TEST

/* ---- what is declared, and what is counted --------------------------------- */

static void
config(int who, int64_t version, int when)
{
	say(sign(keys[who], "config_publish", NULL, "{\"config_id\":\"c\","
		"\"scope\":\"s\",\"version\":%lld,\"content_hash\":\"%064d\","
		"\"payload\":{},\"payload_uri\":null,\"valid_from\":\"%s\","
		"\"valid_until\":null}", (long long)version, who, at(when)));
}

static int
count_publisher(void *ctx, const struct sbx_json *row, struct sbx_err *err)
{
	int *seen = ctx;

	(void)err;
	seen[0] += sbx_json_is(sbx_json_get(row, "publisher"), did(FOUNDER));
	seen[1] += sbx_json_is(sbx_json_get(row, "publisher"), did(ANN));
	return 0;
}

/* However high the version it gives it. */
START_TEST(nobody_takes_anothers_configuration)
{
	struct sbx_state *st;
	int seen[2] = { 0 };

	join(ANN, FOUNDER, 0, 1);
	config(FOUNDER, 1, 10);
	config(ANN, SBX_MAX_INT, 20);
	st = open_world(NULL);
	ck_assert_int_eq(sbx_state_each(st, SBX_VIEW_CONFIG, NULL,
		count_publisher, seen, &why), 0);
	close_world(st);
	ck_assert_int_eq(seen[0], 1);
	ck_assert_int_eq(seen[1], 1);
}
END_TEST

/* An invitation says how often it was used; how often it was is counted. */
START_TEST(what_a_payload_counts_is_not_believed)
{
	say(sign(keys[FOUNDER], "invite_issue", NULL, "{\"invite_id\":\"%s\","
		"\"domain\":\"\",\"rights\":[],\"max_uses\":1,\"uses\":1,"
		"\"expires_at\":\"%s\",\"co_stake\":false,\"created_at\":\"%s\"}",
		id_of(0), at(9000), at(1)));
	say(accept_invite(keys[ANN], once[0], did(FOUNDER), 2));
	say(accept_invite(keys[BOB], once[0], did(FOUNDER), 3));
	ck_assert(member(ANN));
	ck_assert(!member(BOB));
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("limits");
	TCase *t = tcase_create("limits");

	tcase_add_checked_fixture(t, people_begin, people_end);
	tcase_set_timeout(t, 60);
	tcase_add_test(t, integers_go_to_2_to_the_53_less_one);
	tcase_add_test(t, a_head_covers_so_many_entries);
	tcase_add_test(t, invitations_reach_so_deep);
	tcase_add_test(t, a_bundle_holds_a_tile_of_the_longest_entries);
	tcase_add_test(t, so_many_attests_are_looked_at);
	tcase_add_test(t, a_token_is_at_most_its_limit);
	tcase_add_test(t,
		so_many_files_are_kept_of_a_node_that_contradicts_itself);
	tcase_add_test(t, nobody_takes_anothers_configuration);
	tcase_add_test(t, what_a_payload_counts_is_not_believed);
	suite_add_tcase(s, t);
	return finish_suite(s);
}
