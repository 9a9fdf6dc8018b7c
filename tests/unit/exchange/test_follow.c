/* SPDX-License-Identifier: Apache-2.0 */
/* What is remembered of other logs, and which entries are known. */
#include "base/base.h"
#include "crypto/crypto.h"
#include "record/record.h"
#include "ledger/ledger.h"
#include "node/node.h"
#include "exchange/exchange.h"
#include "exchange/follow.c"
#include "world.h"

static struct sbx_log *logh;

static void
setup(void)
{
	logh = new_log();
}

static void
teardown(void)
{
	remove_log(logh);
}

START_TEST(a_peer_is_remembered_with_its_tree)
{
	struct sbx_peerlog p, again;
	unsigned char leaf[SBX_HASH_BYTES], a[SBX_HASH_BYTES],
		b[SBX_HASH_BYTES];
	struct sbx_key *key = key_of(1);
	const char *did = sbx_key_did(key);

	ck_assert_int_eq(sbx_peerlog_load(logh, did, &p, &why), 0);
	ck_assert_uint_eq(p.tree.size, 0);
	ck_assert_uint_eq(p.key.len + p.note.len, 0);
	sbx_buf_str(&p.key, "key");
	sbx_buf_str(&p.note, "note");
	for (int n = 1; n <= 300; n++) {
		sbx_tree_leaf(leaf, &n, sizeof(n));
		sbx_tree_add(&p.tree, leaf);
		ck_assert_int_eq(sbx_peerlog_save(logh, &p, &why), 0);
		ck_assert_int_eq(sbx_peerlog_load(logh, did, &again, &why), 0);
		ck_assert_uint_eq(again.tree.size, (uint64_t)n);
		sbx_tree_root(&p.tree, a);
		sbx_tree_root(&again.tree, b);
		ck_assert_mem_eq(a, b, sizeof(a));
		ck_assert_str_eq(again.note.data, "note");
		sbx_peerlog_free(&again);
	}
	sbx_peerlog_free(&p);
	sbx_key_free(key);
}
END_TEST

START_TEST(an_address_is_remembered_with_whose_log_is_there)
{
	struct sbx_source s, again;

	ck_assert_int_eq(sbx_source_load(logh, "http://a/", &s, &why), 0);
	ck_assert_str_eq(s.did, "");
	snprintf(s.did, sizeof(s.did), "did:plc:%032d", 7);
	snprintf(s.etag, sizeof(s.etag), "\"x\"");
	sbx_prefix_add(&s.prefix, "entry", 5);
	ck_assert_int_eq(sbx_source_save(logh, "http://a/", &s, &why), 0);
	ck_assert_int_eq(sbx_source_load(logh, "http://a/", &again, &why), 0);
	ck_assert_str_eq(again.did, s.did);
	ck_assert_str_eq(again.etag, s.etag);
	ck_assert_uint_eq(again.prefix.count, 1);
	ck_assert_mem_eq(again.prefix.hash, s.prefix.hash, SBX_HASH_BYTES);
	ck_assert_int_eq(sbx_source_load(logh, "http://b/", &again, &why), 0);
	ck_assert_uint_eq(again.prefix.count, 0);
}
END_TEST

START_TEST(a_prefix_is_told_by_every_byte_and_border)
{
	struct sbx_prefix a = { 0 }, b = { 0 }, c = { 0 };

	sbx_prefix_add(&a, "one", 3);
	sbx_prefix_add(&a, "two", 3);
	sbx_prefix_add(&b, "onet", 4);
	sbx_prefix_add(&b, "wo", 2);
	sbx_prefix_add(&c, "one", 3);
	sbx_prefix_add(&c, "two", 3);
	ck_assert_mem_eq(a.hash, c.hash, SBX_HASH_BYTES);
	ck_assert_mem_ne(a.hash, b.hash, SBX_HASH_BYTES);
}
END_TEST

START_TEST(known_is_what_the_journal_holds)
{
	struct sbx_known *k = sbx_known_new();
	struct sbx_key *one = key_of(1), *two = key_of(2);
	struct sbx_entry *in = identity(one, NULL, 0),
			 *out = identity(two, NULL, 0);

	ck_assert_int_eq(sbx_known_load(k, logh, 1, &why), 0);
	ck_assert(!sbx_known_has(k, in->leaf));
	add(logh, in);
	ck_assert_int_eq(sbx_known_load(k, logh, 1, &why), 0);
	ck_assert(sbx_known_has(k, in->leaf));
	ck_assert(!sbx_known_has(k, out->leaf));
	ck_assert_int_eq(sbx_known_load(k, logh, SBX_MAX_TREE, &why), 0);
	ck_assert(sbx_known_has(k, in->leaf));
	sbx_known_free(k);
	sbx_entry_free(in);
	sbx_entry_free(out);
	sbx_key_free(one);
	sbx_key_free(two);
}
END_TEST

START_TEST(known_are_all_of_many_and_no_other)
{
	struct sbx_known *k = sbx_known_new();
	struct sbx_key *key = key_of(1);
	unsigned char other[SBX_HASH_BYTES];
	struct sbx_entry *e[600];
	enum sbx_log_how how;

	ck_assert_int_eq(sbx_log_begin(logh, &why), 0);
	for (int i = 0; i < 600; i++) {
		e[i] = sign(key, "ban_revoke", NULL,
			"{\"ip\":\"192.0.%d.%d\",\"revoked_at\":\"%s\"}",
			i / 200, i % 200, at(0));
		ck_assert_int_eq(sbx_log_add(logh, e[i], &how, &why), 0);
	}
	ck_assert_int_eq(sbx_log_commit(logh, &why), 0);
	ck_assert_int_eq(sbx_known_load(k, logh, 600, &why), 0);
	for (int i = 0; i < 600; i++) {
		ck_assert(sbx_known_has(k, e[i]->leaf));
		memcpy(other, e[i]->leaf, sizeof(other));
		other[i % SBX_HASH_BYTES] ^= 1;
		ck_assert(!sbx_known_has(k, other));
		sbx_entry_free(e[i]);
	}
	sbx_known_free(k);
	sbx_key_free(key);
}
END_TEST

/* Of one name are the lines of other keys too, true or made up, and what is
 * signed may hold a line that looks like one. */
START_TEST(a_line_of_a_note_is_told_by_its_key_not_by_its_name)
{
	static const char text[] = "n/log\n1\n\xe2\x80\x94 n/log AAAAAAAA\n";
	struct sbx_buf note = SBX_BUF(4096), line = SBX_BUF(4096),
		       want = SBX_BUF(4096);
	struct sbx_key *mine = key_of(1), *other = key_of(2);
	struct sbx_vkey key;
	struct sbx_note n;

	ck_assert_int_eq(sbx_vkey_make(&key, "n/log", SBX_NOTE_ED25519,
				 sbx_key_pub(mine), &why), 0);
	sbx_buf_fmt(&note, "%s\n\xe2\x80\x94 n/log AAAAAAAA\n"
			   "\xe2\x80\x94 n/lo AAAAAAAA\n", text);
	ck_assert_int_eq(sbx_note_sign(&note, text, strlen(text), "n/log",
				 SBX_NOTE_ED25519, other, 0, &why), 0);
	ck_assert_int_eq(sbx_note_sign(&note, text, strlen(text), "n/log",
				 SBX_NOTE_COSIGNATURE, mine, sbx_clock_now(),
				 &why), 0);
	ck_assert(!sbx_note_line(&line, sbx_buf_text(&note), &key));
	ck_assert_uint_eq(line.len, 0);
	ck_assert_int_eq(sbx_note_sign(&want, text, strlen(text), "n/log",
				 SBX_NOTE_ED25519, mine, 0, &why), 0);
	sbx_buf_add(&note, want.data, want.len);
	ck_assert_int_eq(sbx_note_check(note.data, note.len, &key, 1, &n, &why),
		0);
	ck_assert(sbx_note_line(&line, sbx_buf_text(&note), &key));
	ck_assert_str_eq(line.data, want.data);
	sbx_buf_free(&note);
	sbx_buf_free(&line);
	sbx_buf_free(&want);
	sbx_key_free(mine);
	sbx_key_free(other);
}
END_TEST

/* I35: a log is known by the newest word from wherever, an address by its own
 * last one about that log. */
START_TEST(what_was_heard_is_kept_for_each_address_and_log)
{
	static const char a[] = "did:plc:11111111111111111111111111111111",
			  b[] = "did:plc:22222222222222222222222222222222";
	struct sbx_conf conf = { .pull_stale = 600 };
	struct sbx_source src = { .etag = "" };
	struct sbx_heard h;
	int64_t at;

	ck_assert_int_eq(sbx_heard_load(logh, &conf, "http://x/", a, &h, &why),
		0);
	ck_assert(h.at == 0 && !h.stale);
	ck_assert_int_eq(sbx_freshness_keep(logh, "http://x/", a, 5, &why), 0);
	ck_assert_int_eq(sbx_freshness_keep(logh, "http://y/", a, 30, &why), 0);
	ck_assert_int_eq(sbx_freshness_keep(logh, "http://z/", b, 40, &why), 0);
	ck_assert_int_eq(sbx_freshness_here(logh, "http://x/", a, &at, &why), 0);
	ck_assert_int_eq(at, 5);
	ck_assert_int_eq(sbx_freshness_here(logh, "http://x/", b, &at, &why), 0);
	ck_assert_int_eq(at, 0);
	ck_assert_int_eq(sbx_heard_load(logh, &conf, "http://x/", a, &h, &why),
		0);
	ck_assert_int_eq(h.at, 30);
	/* Nobody was pinned there: it is who was there last. */
	ck_assert_int_eq(sbx_heard_load(logh, &conf, "http://x/", NULL, &h,
				 &why), 0);
	ck_assert_int_eq(h.at, 0);
	snprintf(src.did, sizeof(src.did), "%s", b);
	ck_assert_int_eq(sbx_source_save(logh, "http://x/", &src, &why), 0);
	ck_assert_int_eq(sbx_heard_load(logh, &conf, "http://x/", NULL, &h,
				 &why), 0);
	ck_assert_int_eq(h.at, 40);
	sbx_clock_set(40 + 600 * INT64_C(1000000));
	ck_assert_int_eq(sbx_heard_load(logh, &conf, "", b, &h, &why), 0);
	ck_assert(!h.stale);
	sbx_clock_set(41 + 600 * INT64_C(1000000));
	ck_assert_int_eq(sbx_heard_load(logh, &conf, "", b, &h, &why), 0);
	ck_assert(h.stale);
	sbx_clock_set(0);
}
END_TEST

/* I31: whatever the sizes, of one head's leaves and of another's that begins
 * otherwise. */
START_TEST(what_was_read_of_a_fork_proves_it)
{
	struct sbx_follow f = { .base = "" };
	struct sbx_buf text = SBX_BUF(SBX_MAX_NOTE + 8192);
	unsigned char leaf[SBX_HASH_BYTES];
	struct sbx_proof p, rest = { 0 };
	struct walk w = { .f = &f, .note = SBX_BUF(SBX_MAX_NOTE) };
	uint64_t from, old = (uint64_t)_i;
	const char *note;
	size_t len;

	sbx_buf_str(&w.note, "note\n");
	w.old.size = old;
	memset(w.old.root, 7, sizeof(w.old.root));
	for (w.head.size = old + 1; w.head.size <= 70; w.head.size++) {
		memset(&w.tree, 0, sizeof(w.tree));
		for (uint64_t n = 0; n < w.head.size; n++) {
			sbx_tree_leaf(leaf, &n, sizeof(n));
			take_leaf(&w, leaf);
		}
		sbx_tree_root(&w.tree, w.head.root);
		sbx_buf_clear(&text);
		sbx_walk_fork(&w, &text);
		ck_assert_int_eq(sbx_proof_parse_from(text.data, text.len,
					 &from, &p, &note, &len, &why), 0);
		ck_assert_uint_eq(from, old);
		rest.count = p.count - 1;
		memcpy(rest.hash, p.hash + 1, rest.count * SBX_HASH_BYTES);
		ck_assert(sbx_tree_check_from(&rest, old, p.hash[0],
			w.head.size, w.head.root));
	}
	sbx_buf_free(&text);
	sbx_buf_free(&w.note);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("follow");
	TCase *t = tcase_create("follow");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, a_peer_is_remembered_with_its_tree);
	tcase_add_test(t, an_address_is_remembered_with_whose_log_is_there);
	tcase_add_test(t, a_prefix_is_told_by_every_byte_and_border);
	tcase_add_test(t, known_is_what_the_journal_holds);
	tcase_add_test(t, known_are_all_of_many_and_no_other);
	tcase_add_test(t, a_line_of_a_note_is_told_by_its_key_not_by_its_name);
	tcase_add_test(t, what_was_heard_is_kept_for_each_address_and_log);
	tcase_add_loop_test(t, what_was_read_of_a_fork_proves_it, 1, 70);
	suite_add_tcase(s, t);
	return finish_suite(s);
}
