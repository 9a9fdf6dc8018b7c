/* SPDX-License-Identifier: Apache-2.0 */
/* A proof that is carried away convinces, and no other one does. */
#include "base/base.h"
#include "system/system.h"
#include "crypto/crypto.h"
#include "record/record.h"
#include "ledger/ledger.h"
#include "node/node.h"
#include "exchange/exchange.h"
#include "hand.h"

#define ENTRIES 300

static struct sbx_log *logh;
static struct sbx_conf conf;
static char dir[64];

/* A node of 300 entries whose head is signed. */
static void
setup(void)
{
	struct sbx_key *key = key_of(1);
	struct sbx_entry *e;
	enum sbx_log_how how;
	size_t changed = 0;

	sbx_clock_set(T0 + 1000000);
	logh = new_log();
	snprintf(dir, sizeof(dir), "%.*s",
		(int)(strrchr(log_path, '/') - log_path), log_path);
	ck_assert_int_eq(sbx_conf_load(&conf, dir, NULL, 0, &why), 0);
	ck_assert_int_eq(sbx_key_save(conf.key, key, &why), 0);
	ck_assert_int_eq(sbx_log_begin(logh, &why), 0);
	ck_assert_int_eq(
		sbx_log_set_self(logh, sbx_key_did(key), &why), 0);
	for (int i = 0; i < ENTRIES; i++) {
		e = sign(key, "ban_publish", NULL,
			"{\"ban_id\":\"%064d\",\"ip\":\"192.0.2.1\","
			"\"reason\":\"\",\"severity\":1,\"expires_at\":null,"
			"\"created_at\":\"%s\"}",
			i, at(0));
		ck_assert_int_eq(sbx_log_add(logh, e, &how, &why), 0);
		sbx_entry_free(e);
	}
	ck_assert_int_eq(sbx_log_commit(logh, &why), 0);
	ck_assert_msg(
		sbx_head_publish(logh, &conf, conf.www, &changed, &why) == 0,
		"%s", why.text);
	sbx_key_free(key);
}

static void
teardown(void)
{
	const char *argv[] = { "/bin/rm", "-rf", dir, NULL };
	struct sbx_run run = { .argv = argv };

	sbx_log_close(logh);
	sbx_conf_free(&conf);
	ck_assert_int_eq(sbx_run_ok(&run, NULL, &why), 0);
}

static int
check(const struct sbx_buf *b, uint64_t *index)
{
	struct sbx_proved p;
	int r = sbx_prove_check(b->data, b->len, NULL, NULL, &p, &why);

	if (r == 0 && index != NULL)
		*index = p.index;
	if (r == 0)
		sbx_proved_free(&p);
	return r;
}

START_TEST(every_entry_is_proved_and_each_proof_is_its_own)
{
	struct sbx_buf b = SBX_BUF(65536);
	uint64_t index;

	for (int64_t seq = 1; seq <= ENTRIES; seq++) {
		sbx_buf_clear(&b);
		ck_assert_msg(
			sbx_prove_entry(logh, &conf, seq, &b, &why) == 0, "%s",
			why.text);
		ck_assert_msg(check(&b, &index) == 0, "%lld: %s",
			(long long)seq, why.text);
		ck_assert_uint_eq(index, (uint64_t)seq - 1);
	}
	ck_assert_int_eq(sbx_prove_entry(logh, &conf, ENTRIES + 1, &b, &why),
		SBX_E_NO);
	sbx_buf_free(&b);
}
END_TEST

/* I34 */
START_TEST(no_byte_of_a_proof_is_free)
{
	struct sbx_buf b = SBX_BUF(65536);
	int r;

	ck_assert_int_eq(sbx_prove_entry(logh, &conf, 137, &b, &why), 0);
	for (size_t i = 0; i < b.len; i++) {
		b.data[i] ^= (char)(1 << i % 8);
		r = check(&b, NULL);
		ck_assert_msg(r == SBX_E_NO || r == SBX_E_INPUT,
			"byte %zu (%.20s) was changed: %d", i, b.data + i - 10, r);
		b.data[i] ^= (char)(1 << i % 8);
	}
	for (size_t len = b.len; b.len > 0; b.len = len) {
		b.len = --len;
		ck_assert_msg(check(&b, NULL) != 0, "cut to %zu bytes", len);
	}
	sbx_buf_free(&b);
}
END_TEST

static void
own_delegation(struct sbx_buf *text)
{
	struct sbx_buf path = SBX_BUF(4096);

	sbx_buf_fmt(&path, "%s/log-key", dir);
	ck_assert_int_eq(sbx_io_read(path.data, 0, text, &why), 0);
	sbx_buf_free(&path);
}

static void
own_key(struct sbx_vkey *key)
{
	struct sbx_buf text = SBX_BUF(4096);
	struct sbx_delegation d;

	own_delegation(&text);
	ck_assert_int_eq(
		sbx_delegation_parse(&d, SBX_ROLE_LOG, text.data, text.len, &why), 0);
	ck_assert_int_eq(sbx_delegation_vkey(&d, key, &why), 0);
	sbx_buf_free(&text);
}

START_TEST(a_proof_under_another_key_is_none)
{
	struct sbx_buf b = SBX_BUF(65536);
	struct sbx_vkey key, other;
	struct sbx_proved p;

	own_key(&key);
	ck_assert_int_eq(sbx_prove_entry(logh, &conf, 1, &b, &why), 0);
	ck_assert_int_eq(
		sbx_prove_check(b.data, b.len, &key, NULL, &p, &why), 0);
	sbx_proved_free(&p);
	key.pub[0] ^= 1;
	ck_assert_int_eq(sbx_vkey_make(&other, key.name, SBX_NOTE_ED25519,
				 key.pub, &why),
		0);
	ck_assert_int_eq(
		sbx_prove_check(b.data, b.len, &other, NULL, &p, &why),
		SBX_E_NO);
	sbx_buf_free(&b);
}
END_TEST

/* A checkpoint by this log's key, of that log. */
static void
sign_head(struct sbx_buf *note, struct sbx_checkpoint *c, const char *log)
{
	struct sbx_buf sigs = SBX_BUF(4096);
	struct sbx_key *key = NULL, *id = key_of(1);
	char name[SBX_MAX_NAME + 1];

	snprintf(name, sizeof(name), "%s/log", sbx_key_did(id));
	snprintf(c->origin, sizeof(c->origin), "%s", log != NULL ? log : name);
	sbx_buf_clear(note);
	sbx_checkpoint_write(c, note);
	ck_assert_int_eq(sbx_key_load(conf.log_key, &key, &why), 0);
	ck_assert_int_eq(sbx_note_sign(&sigs, note->data, note->len, name,
				 SBX_NOTE_ED25519, key, 0, &why),
		0);
	sbx_buf_str(note, "\n");
	sbx_buf_add(note, sigs.data, sigs.len);
	sbx_buf_free(&sigs);
	sbx_key_free(key);
	sbx_key_free(id);
}

/* The checkpoint this log would have signed at size. */
static void
older(struct sbx_buf *note, int64_t size)
{
	struct sbx_checkpoint c = { .size = (uint64_t)size };

	ck_assert_int_eq(sbx_log_root(logh, size, c.root, &why), 0);
	sign_head(note, &c, NULL);
}

/* Signed by the same key, of the same size: one history or the other. */
START_TEST(a_log_does_not_go_on_from_a_history_that_it_rewrote)
{
	struct sbx_buf b = SBX_BUF(65536), old = SBX_BUF(65536);
	struct sbx_checkpoint c = { .size = 100 };
	struct sbx_proved p;
	struct sbx_vkey key;

	own_key(&key);
	ck_assert_int_eq(sbx_prove_from(logh, &conf, 100, &b, &why), 0);
	sign_head(&old, &c, NULL);
	ck_assert_int_eq(sbx_prove_check(b.data, b.len, &key, &old, &p, &why),
		SBX_E_NO);
	ck_assert_str_eq(why.text, "the log does not go on from the older one");
	ck_assert_int_eq(sbx_log_root(logh, 100, c.root, &why), 0);
	sign_head(&old, &c, NULL);
	ck_assert_int_eq(sbx_prove_check(b.data, b.len, &key, &old, &p, &why), 0);
	sbx_proved_free(&p);
	sign_head(&old, &c, "another/log");
	ck_assert_int_eq(sbx_prove_check(b.data, b.len, &key, &old, &p, &why),
		SBX_E_NO);
	ck_assert_ptr_nonnull(strstr(why.text, "the older checkpoint: the head "
					       "is of another log"));
	sbx_buf_free(&old);
	sbx_buf_free(&b);
}
END_TEST

/* A log of one line, proved with that delegation (NULL: without one). */
static int
prove_alone(const char *line, const char *log, const struct sbx_buf *delegation)
{
	struct sbx_buf b = SBX_BUF(65536), note = SBX_BUF(65536);
	struct sbx_buf extra = SBX_BUF(65536);
	struct sbx_checkpoint c = { .size = 1 };
	const struct sbx_proof none = { 0 };
	struct sbx_proved p;
	int r;

	sbx_tree_leaf(c.root, line, strlen(line));
	sign_head(&note, &c, log);
	sbx_buf_str(&extra, line);
	if (delegation != NULL)
		sbx_buf_fmt(&extra, "\n%s", delegation->data);
	sbx_proof_write(&b, 0, &none, line[0] != '\0' ? extra.data : NULL,
		extra.len, note.data, note.len);
	r = sbx_prove_check(b.data, b.len, NULL, NULL, &p, &why);
	ck_assert(r == 0 || p.entry == NULL);
	if (r == 0)
		sbx_proved_free(&p);
	sbx_buf_free(&extra);
	sbx_buf_free(&note);
	sbx_buf_free(&b);
	return r;
}

/* I34: also where what it says would be the same. */
START_TEST(a_proof_has_one_form_and_an_entry)
{
	struct sbx_buf line = SBX_BUF(4096), text = SBX_BUF(4096);
	struct sbx_key *key = key_of(1);
	struct sbx_entry *e = identity(key, NULL, 0);

	own_delegation(&text);
	sbx_entry_line(e, &line);
	ck_assert_msg(prove_alone(line.data, NULL, &text) == 0, "%s", why.text);
	ck_assert_int_eq(prove_alone(line.data, "another/log", &text), SBX_E_NO);
	ck_assert_str_eq(why.text, "the head is of another log than its key");
	ck_assert_int_eq(prove_alone("", NULL, NULL), SBX_E_INPUT);
	ck_assert_str_eq(why.text, "no entry is in this proof");
	ck_assert_int_eq(prove_alone(line.data, NULL, NULL), SBX_E_INPUT);
	ck_assert_str_eq(why.text, "no entry is in this proof");
	sbx_buf_str(&line, " ");
	ck_assert_int_eq(prove_alone(line.data, NULL, &text), SBX_E_INPUT);
	ck_assert_str_eq(why.text, "the entry is not in canonical form");
	line.data[--line.len] = '\0';
	sbx_buf_str(&text, " ");
	ck_assert_int_eq(prove_alone(line.data, NULL, &text), SBX_E_INPUT);
	ck_assert_str_eq(why.text, "the log key is not in canonical form");
	/* As long as it should be. */
	text.data[--text.len] = '\0';
	memmove(text.data + 1, text.data, text.len - 1);
	text.data[0] = ' ';
	ck_assert_int_eq(prove_alone(line.data, NULL, &text), SBX_E_INPUT);
	ck_assert_str_eq(why.text, "the log key is not in canonical form");
	sbx_entry_free(e);
	sbx_key_free(key);
	sbx_buf_free(&text);
	sbx_buf_free(&line);
}
END_TEST

START_TEST(that_the_log_goes_on_is_proved_from_every_size)
{
	struct sbx_buf b = SBX_BUF(65536), old = SBX_BUF(65536),
		       wrong = SBX_BUF(65536);
	struct sbx_proved p;
	struct sbx_vkey key;

	own_key(&key);
	for (int64_t n = 1; n <= ENTRIES; n++) {
		sbx_buf_clear(&b);
		older(&old, n);
		ck_assert_int_eq(
			sbx_prove_from(logh, &conf, n, &b, &why), 0);
		ck_assert_msg(sbx_prove_check(b.data, b.len, &key, &old, &p,
				      &why) == 0,
			"from %lld: %s", (long long)n, why.text);
		ck_assert_uint_eq(p.from, (uint64_t)n);
	}
	older(&wrong, ENTRIES - 1);
	ck_assert_int_eq(
		sbx_prove_check(b.data, b.len, &key, &wrong, &p, &why),
		SBX_E_NO);
	ck_assert_str_eq(why.text,
		"it begins at 300 entries, the older checkpoint at 299");
	ck_assert_int_eq(sbx_prove_check(b.data, b.len, &key, NULL, &p, &why),
		SBX_E_USAGE);
	sbx_buf_free(&b);
	sbx_buf_free(&old);
	sbx_buf_free(&wrong);
}
END_TEST

START_TEST(an_entry_is_found_by_number_and_by_its_id)
{
	struct sbx_key *key = key_of(1);
	struct sbx_entry *e = sign(key, "ban_publish", NULL,
		"{\"ban_id\":\"%064d\",\"ip\":\"192.0.2.1\",\"reason\":\"\","
		"\"severity\":1,\"expires_at\":null,\"created_at\":\"%s\"}",
		41, at(0));
	char id[2 * SBX_HASH_BYTES + 1];
	int64_t seq = 0;

	sbx_hex_write(id, e->id, SBX_HASH_BYTES);
	ck_assert_int_eq(sbx_log_find(logh, "300", &seq, &why), 0);
	ck_assert_int_eq(seq, 300);
	ck_assert_int_eq(sbx_log_find(logh, "301", &seq, &why), SBX_E_NO);
	ck_assert_int_eq(sbx_log_find(logh, "0", &seq, &why), SBX_E_NO);
	ck_assert_int_eq(sbx_log_find(logh, id, &seq, &why), 0);
	ck_assert_int_eq(seq, 42);
	id[8] = '\0';
	ck_assert_int_eq(sbx_log_find(logh, id, &seq, &why), 0);
	ck_assert_int_eq(seq, 42);
	id[7] = '\0';
	ck_assert_int_ne(sbx_log_find(logh, id, &seq, &why), 0);
	ck_assert_int_eq(
		sbx_log_find(logh, "ABCDEF0123", &seq, &why), SBX_E_USAGE);
	sbx_entry_free(e);
	sbx_key_free(key);
}
END_TEST

/* Of its beginnings, those that no other entry has. */
START_TEST(an_entry_is_not_found_by_what_several_begin_with)
{
	int64_t seq = 0;

	tamper("UPDATE entry SET id=CAST(x'00112233445566778899' || "
	       "zeroblob(22) AS BLOB) WHERE seq=1; UPDATE entry SET "
	       "id=CAST(x'00112233445566778811' || zeroblob(22) AS BLOB) WHERE "
	       "seq=2; UPDATE entry SET id=CAST(x'00112233450000000000' || "
	       "zeroblob(22) AS BLOB) WHERE seq=3; "
	       "UPDATE fact SET eid=0x0011223344556677 WHERE seq=1; "
	       "UPDATE fact SET eid=NULL WHERE seq=2; "
	       "UPDATE fact SET eid=0x0011223345000000 WHERE seq=3");
	ck_assert_int_eq(sbx_log_find(logh, "0011223344", &seq, &why),
		SBX_E_USAGE);
	ck_assert_str_eq(why.text, "several entries begin with 0011223344");
	ck_assert_int_eq(sbx_log_find(logh, "00112233445566778", &seq, &why),
		SBX_E_USAGE);
	ck_assert_int_eq(sbx_log_find(logh, "001122334455667788990", &seq,
		&why), 0);
	ck_assert_int_eq(seq, 1);
	ck_assert_int_eq(sbx_log_find(logh, "0011223344556677881", &seq, &why),
		0);
	ck_assert_int_eq(seq, 2);
	ck_assert_int_eq(sbx_log_find(logh, "0011223345", &seq, &why), 0);
	ck_assert_int_eq(seq, 3);
	ck_assert_int_eq(sbx_log_find(logh, "00112233446", &seq, &why),
		SBX_E_NO);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("prove");
	TCase *t = tcase_create("prove");

	tcase_set_timeout(t, 30);
	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, every_entry_is_proved_and_each_proof_is_its_own);
	tcase_add_test(t, no_byte_of_a_proof_is_free);
	tcase_add_test(t, a_proof_under_another_key_is_none);
	tcase_add_test(t, that_the_log_goes_on_is_proved_from_every_size);
	tcase_add_test(t, an_entry_is_found_by_number_and_by_its_id);
	tcase_add_test(t, an_entry_is_not_found_by_what_several_begin_with);
	tcase_add_test(t, a_proof_has_one_form_and_an_entry);
	tcase_add_test(t,
		a_log_does_not_go_on_from_a_history_that_it_rewrote);
	suite_add_tcase(s, t);
	return finish_suite(s);
}
