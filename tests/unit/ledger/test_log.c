/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"
#include "crypto/crypto.h"
#include "record/record.h"
#include "ledger/ledger.h"
#include "hand.h"

static struct sbx_key *key;
static struct sbx_log *logh;

static void
setup(void)
{
	sbx_clock_set(T0 + 3600 * INT64_C(1000000));
	key = key_of(1);
	logh = new_log();
}

static void
teardown(void)
{
	remove_log(logh);
	sbx_key_free(key);
}

static struct sbx_entry *
ban(int n)
{
	return sign(key, "ban_publish", NULL, "{\"ban_id\":\"%064d\","
		"\"ip\":\"192.0.2.%d\",\"reason\":\"scan\",\"severity\":2,"
		"\"created_at\":\"%s\",\"expires_at\":null}", n, n % 256, at(n));
}

static void
fill(int count)
{
	for (int n = 1; n <= count; n++) {
		struct sbx_entry *e = ban(n);

		ck_assert_int_eq(add(logh, e), SBX_LOG_NEW);
		sbx_entry_free(e);
	}
}

/* I10 */
START_TEST(the_same_entry_is_taken_once)
{
	struct sbx_entry *e = ban(1);
	unsigned char head[32];
	int64_t size;

	ck_assert_int_eq(add(logh, e), SBX_LOG_NEW);
	ck_assert_int_eq(add(logh, e), SBX_LOG_DUP);
	ck_assert_int_eq(sbx_log_head(logh, &size, head, &why), 0);
	ck_assert_int_eq(size, 1);
	sbx_entry_free(e);
}
END_TEST

/* Two such can be made in some 2^32 tries; here the first one's row says so. */
START_TEST(an_entry_whose_id_begins_as_anothers_is_taken_once_too)
{
	struct sbx_entry *e = ban(3);
	char sql[120];
	int64_t bad;

	fill(2);
	snprintf(sql, sizeof(sql), "UPDATE fact SET eid=%lld WHERE seq=1",
		(long long)sbx_first64(e->id));
	tamper(sql);
	ck_assert_int_eq(add(logh, e), SBX_LOG_NEW);
	ck_assert_int_eq(add(logh, e), SBX_LOG_DUP);
	ck_assert_int_eq(sbx_log_check(logh, &bad, &why), SBX_E_NO);
	ck_assert_int_eq(bad, 1);
	ck_assert_int_eq(sbx_log_rebuild(logh, &why), 0);
	ck_assert_msg(sbx_log_check(logh, &bad, &why) == 0, "%s", why.text);
	ck_assert_int_eq(add(logh, e), SBX_LOG_DUP);
	sbx_entry_free(e);
}
END_TEST

START_TEST(what_is_rolled_back_was_never_there)
{
	struct sbx_entry *e = ban(1);
	unsigned char head[32], zero[32] = { 0 };
	enum sbx_log_how how;
	int64_t size;

	ck_assert_int_eq(sbx_log_begin(logh, &why), 0);
	ck_assert_int_eq(sbx_log_add(logh, e, &how, &why), 0);
	sbx_log_rollback(logh);
	ck_assert_int_eq(sbx_log_head(logh, &size, head, &why), 0);
	ck_assert_int_eq(size, 0);
	ck_assert_mem_eq(head, zero, 32);
	ck_assert_int_eq(add(logh, e), SBX_LOG_NEW);
	sbx_entry_free(e);
}
END_TEST

START_TEST(the_chain_is_what_design_says)
{
	struct sbx_entry *e = ban(1);
	unsigned char want[32], head[32];
	struct sbx_buf b = SBX_BUF(SBX_MAX_LINE);
	int64_t size;

	memset(want, 0, 32);
	for (int round = 0; round < 2; round++) {
		add(logh, e);
		sbx_buf_clear(&b);
		sbx_buf_add(&b, want, 32);
		sbx_buf_add(&b, e->canon, e->canonlen);
		sbx_buf_hex(&b, e->sig, SBX_SIG_BYTES);
		sbx_hash_b2(want, b.data, b.len);
		ck_assert_int_eq(sbx_log_head(logh, &size, head, &why), 0);
		ck_assert_mem_eq(head, want, 32);
		sbx_entry_free(e);
		e = ban(2);
	}
	sbx_entry_free(e);
	sbx_buf_free(&b);
}
END_TEST

START_TEST(a_future_entry_is_held_and_taken_when_its_time_comes)
{
	struct sbx_entry *late, *soon;
	unsigned char head[32];
	int64_t size;

	late = sign(key, "config_revoke", NULL,
		"{\"config_id\":\"a\",\"revoked_at\":\"%s\"}", at(3600 + 601));
	soon = sign(key, "config_revoke", NULL,
		"{\"config_id\":\"b\",\"revoked_at\":\"%s\"}", at(3600 + 600));
	ck_assert_int_eq(add(logh, soon), SBX_LOG_NEW);
	ck_assert_int_eq(add(logh, late), SBX_LOG_HELD);
	ck_assert_int_eq(add(logh, late), SBX_LOG_DUP);
	sbx_clock_set(T0 + 3602 * INT64_C(1000000));
	ck_assert_int_eq(add(logh, soon), SBX_LOG_DUP);
	ck_assert_int_eq(sbx_log_head(logh, &size, head, &why), 0);
	ck_assert_int_eq(size, 2);
	sbx_entry_free(late);
	sbx_entry_free(soon);
}
END_TEST

/* The clock went back after it was taken: to hold it would take it twice. */
START_TEST(an_entry_of_the_journal_is_known_however_far_the_clock_is_behind)
{
	static const int64_t clocks[] = { 0, 120, 3600 };
	struct sbx_entry *e = ban(3600);

	ck_assert_int_eq(add(logh, e), SBX_LOG_NEW);
	for (size_t i = 0; i < sizeof(clocks) / sizeof(clocks[0]); i++) {
		sbx_clock_set(1 + clocks[i] * SBX_SECOND); /* 1970 */
		ck_assert_int_eq(add(logh, e), SBX_LOG_DUP);
	}
	sbx_entry_free(e);
}
END_TEST

static void
reopen(void)
{
	sbx_log_close(logh);
	logh = NULL;
	ck_assert_msg(sbx_log_open(log_path, 0, &logh, &why) == 0, "%s", why.text);
}

START_TEST(the_limit_on_dates_ahead_is_exact)
{
	int64_t now = T0 + 3600 * INT64_C(1000000);

	for (int past = 0; past < 2; past++) {
		struct sbx_entry *e = ban(3600 + 600 + past);

		ck_assert_int_eq(e->time, now + SBX_MAX_AHEAD + past * 1000000);
		ck_assert_int_eq(add(logh, e),
			past != 0 ? SBX_LOG_HELD : SBX_LOG_NEW);
		sbx_entry_free(e);
	}
}
END_TEST

/* I11 */
START_TEST(update_and_delete_are_refused_by_the_database_itself)
{
	static const char *const acts[] = { "UPDATE entry SET op='x'",
		"DELETE FROM entry", "UPDATE author SET did='x'",
		"DELETE FROM author" };
	char *text = NULL;
	sqlite3 *db;

	fill(1);
	ck_assert_int_eq(sqlite3_open(log_path, &db), SQLITE_OK);
	ck_assert_int_eq(sqlite3_exec(db, acts[_i], NULL, NULL, &text),
		SQLITE_CONSTRAINT);
	ck_assert_str_eq(text, "the journal is append-only");
	sqlite3_free(text);
	sqlite3_close(db);
}
END_TEST

/* What somebody with the file in hand may do, and which entry is named; derived:
 * the journal is not touched by it. */
static const struct {
	const char *sql;
	int64_t bad;
	bool derived;
} edits[] = {
	{ "UPDATE entry SET payload=replace(payload,'scan','SCAN') WHERE seq=3", 3, false },
	{ "UPDATE entry SET payload=replace(payload,':2}',': 2}') WHERE seq=3", 3, false },
	{ "UPDATE entry SET sig=zeroblob(64) WHERE seq=2", 2, false },
	{ "UPDATE entry SET id=zeroblob(32) WHERE seq=4", 4, false },
	{ "UPDATE entry SET hash=zeroblob(32) WHERE seq=5", 5, false },
	{ "UPDATE entry SET op='ban_revoke' WHERE seq=1", 1, false },
	{ "UPDATE entry SET type='BanRevoke' WHERE seq=1", 1, false },
	{ "UPDATE entry SET author=99 WHERE seq=4", 4, false },
	{ "DELETE FROM entry WHERE seq=2", 2, false },
	{ "UPDATE entry SET seq=9 WHERE seq=5", 5, false },
	{ "UPDATE entry SET seq=-1 WHERE seq=1", 1, false },
	{ "UPDATE author SET did='did:plc:00000000000000000000000000000000'", 1, false },
	{ "DELETE FROM fact WHERE seq=3", 3, false },
	{ "UPDATE fact SET leaf=zeroblob(32) WHERE seq=2", 2, false },
	{ "UPDATE fact SET id='x' WHERE seq=4", 4, true },
	{ "UPDATE fact SET ref='192.0.2.9' WHERE seq=4", 4, true },
	{ "UPDATE fact SET ref=NULL WHERE seq=4", 4, true },
	{ "UPDATE fact SET id=NULL WHERE seq=2", 2, true },
	{ "UPDATE fact SET time=time+1 WHERE seq=5", 5, true },
	/* two that change places, with all that is derived of them */
	{ "UPDATE entry SET seq=-2 WHERE seq=2; UPDATE entry SET seq=2 WHERE "
	  "seq=3; UPDATE entry SET seq=3 WHERE seq=-2; UPDATE fact SET seq=-2 "
	  "WHERE seq=2; UPDATE fact SET seq=2 WHERE seq=3; UPDATE fact SET seq=3 "
	  "WHERE seq=-2", 2, false },
	/* a name taken for a key that never signed */
	{ "INSERT INTO author VALUES(7, 'did:plc:"
	  "00000000000000000000000000000000"
	  "', zeroblob(32))", 6, false },
	{ "INSERT INTO anchor VALUES('did:plc:0')", 6, false },
	{ "INSERT INTO anchor VALUES('did:plc:"
	  "0000000000000000000000000000000g"
	  "')", 6, false },
	{ "INSERT INTO local VALUES('self', 'did:plc:"
	  "00000000000000000000000000000000')", 6, false },
	{ "INSERT INTO fact SELECT 9, type, author, id, ref, time, leaf, idhash, NULL FROM "
	  "fact WHERE seq=1", 6, true },
};

/* I13 */
START_TEST(verify_names_the_first_bad_entry)
{
	unsigned char root[SBX_HASH_BYTES];
	int64_t bad;

	fill(5);
	ck_assert_msg(sbx_log_check(logh, &bad, &why) == 0, "%s", why.text);
	sbx_log_close(logh);
	tamper(edits[_i].sql);
	logh = NULL;
	ck_assert_int_eq(sbx_log_open(log_path, 0, &logh, &why), 0);
	ck_assert_msg(sbx_log_check(logh, &bad, &why) == SBX_E_NO,
		"not noticed: %s", edits[_i].sql);
	ck_assert_int_eq(bad, edits[_i].bad);
	ck_assert_msg(sbx_log_verify(logh, 0, root, &bad, &why) ==
		(edits[_i].derived ? 0 : SBX_E_NO), "%s: %s", edits[_i].sql,
		why.text);
	ck_assert_int_eq(bad, edits[_i].derived ? 0 : edits[_i].bad);
}
END_TEST

/* Rows in a tile that is full, in one that is not, and one row before another
 * that is worse: no hash but the leaf's covers an op. */
static const struct {
	const char *sql;
	int64_t bad;
} ops[] = {
	{ "UPDATE entry SET op='auto_add' WHERE seq=7", 7 },
	{ "UPDATE entry SET op='auto_add' WHERE seq IN (256, 300)", 256 },
	{ "UPDATE entry SET op='auto_add' WHERE seq=600", 600 },
	{ "UPDATE entry SET op='auto_add' WHERE seq=258; "
	  "UPDATE entry SET sig=zeroblob(64) WHERE seq=259", 258 },
	{ "UPDATE entry SET op='auto_add' WHERE seq=258; "
	  "DELETE FROM entry WHERE seq=512", 258 },
	{ "UPDATE entry SET op='auto_add' WHERE seq=258; "
	  "UPDATE entry SET sig=x'00' WHERE seq=400", 258 },
};

/* I13 */
START_TEST(verify_names_the_first_op_that_was_changed)
{
	unsigned char root[SBX_HASH_BYTES];
	struct sbx_entry *e;
	struct sbx_key *k;
	char text[80];
	int64_t bad;

	for (int n = 1; n <= 600; n++) {
		k = key_of(n);
		e = identity(k, NULL, n);
		ck_assert_int_eq(add(logh, e), SBX_LOG_NEW);
		sbx_entry_free(e);
		sbx_key_free(k);
	}
	sbx_log_close(logh);
	tamper(ops[_i].sql);
	logh = NULL;
	ck_assert_int_eq(sbx_log_open(log_path, 0, &logh, &why), 0);
	ck_assert_int_eq(sbx_log_verify(logh, 0, root, &bad, &why), SBX_E_NO);
	snprintf(text, sizeof(text), "entry %lld: what is derived",
		(long long)ops[_i].bad);
	ck_assert_msg(bad == ops[_i].bad &&
		strncmp(why.text, text, strlen(text)) == 0, "%s: %lld: %s",
		ops[_i].sql, (long long)bad, why.text);
}
END_TEST

/* The root is that of the rows, whatever hashes are stored. */
START_TEST(verify_gives_the_root_of_any_size)
{
	unsigned char root[SBX_HASH_BYTES], want[SBX_HASH_BYTES];
	int64_t bad;

	fill(300);
	for (int64_t at = 1; at <= 300; at += 23) {
		ck_assert_int_eq(sbx_log_root(logh, at, want, &why), 0);
		ck_assert_msg(sbx_log_verify(logh, at, root, &bad, &why) == 0,
			"%s", why.text);
		ck_assert_mem_eq(root, want, sizeof(root));
	}
	sbx_log_close(logh);
	tamper("UPDATE fact SET leaf=zeroblob(32) WHERE seq=9");
	logh = NULL;
	ck_assert_int_eq(sbx_log_open(log_path, 0, &logh, &why), 0);
	ck_assert_int_eq(sbx_log_verify(logh, 300, root, &bad, &why), 0);
	ck_assert_mem_eq(root, want, sizeof(root));
}
END_TEST

/* I13: of the hashes alone, wherever the parts meet that are walked apart. */
START_TEST(a_quick_look_names_the_first_bad_entry_too)
{
	static const struct {
		const char *set, *why;
	} quick[] = {
		{ NULL, "missing" },
		{ "sig=x'00'", "the row is damaged" },
		{ "id=x'00'", "the row is damaged" },
		{ "hash=x'00'", "the row is damaged" },
		{ "sig=zeroblob(64)", "the chain does not match" },
		{ "hash=zeroblob(32)", "the chain does not match" },
		{ "id=zeroblob(32)", "the payload's hash does not match" },
		{ "payload=payload || ' '", "the payload's hash does not match" },
	};
	char sql[120], want[80];
	int64_t verified, size = 7, seq = _i % 7 + 1;

	fill((int)size);
	ck_assert_int_eq(sbx_log_quick(logh, &verified, &why), 0);
	sbx_log_close(logh);
	logh = NULL;
	if (quick[_i / 7].set == NULL)
		snprintf(sql, sizeof(sql), "DELETE FROM entry WHERE seq=%lld; "
			"DELETE FROM fact WHERE seq=%lld", (long long)seq,
			(long long)seq);
	else
		snprintf(sql, sizeof(sql), "UPDATE entry SET %s WHERE seq=%lld",
			quick[_i / 7].set, (long long)seq);
	tamper(sql);
	ck_assert_int_eq(sbx_log_open(log_path, 0, &logh, &why), 0);
	if (_i == 6) { /* the tail: a signed head tells, not the chain */
		ck_assert_int_eq(sbx_log_quick(logh, &verified, &why), 0);
		return;
	}
	ck_assert_int_eq(sbx_log_quick(logh, &verified, &why), SBX_E_NO);
	snprintf(want, sizeof(want), "entry %lld: %s", (long long)seq,
		quick[_i / 7].why);
	if (seq < size || strncmp(sql, "UPDATE entry SET hash=x", 23) != 0)
		ck_assert_str_eq(why.text, want);
}
END_TEST

/* I7.  A name is 128 bits of hash: who spends 2^64 tries has two keys for one.
 * Here the ledger is made to know another one. */
START_TEST(the_key_that_was_seen_first_stands)
{
	struct sbx_entry *e = ban(9);
	enum sbx_log_how how;

	fill(1);
	sbx_log_close(logh);
	tamper("UPDATE author SET pub=zeroblob(32)");
	logh = NULL;
	ck_assert_int_eq(sbx_log_open(log_path, SBX_LOG_WRITE, &logh, &why), 0);
	ck_assert_int_eq(sbx_log_begin(logh, &why), 0);
	ck_assert_int_eq(sbx_log_add(logh, e, &how, &why), SBX_E_INPUT);
	ck_assert_ptr_nonnull(strstr(why.text, "a second key for did:plc:"));
	sbx_log_rollback(logh);
	sbx_entry_free(e);
}
END_TEST

/* A payload that names nobody, word for word. */
START_TEST(two_may_say_the_same)
{
	struct sbx_key *other = key_of(2);
	int64_t bad;

	for (int n = 0; n < 2; n++) {
		struct sbx_entry *e = sign(n == 0 ? key : other, "config_revoke",
			NULL, "{\"config_id\":\"a\",\"revoked_at\":\"%s\"}",
			at(1));

		ck_assert_int_eq(add(logh, e), SBX_LOG_NEW);
		ck_assert_int_eq(add(logh, e), SBX_LOG_DUP);
		sbx_entry_free(e);
	}
	ck_assert_msg(sbx_log_check(logh, &bad, &why) == 0, "%s", why.text);
	sbx_key_free(other);
}
END_TEST

/* I13: the chain holds, each signature too, and yet it is counted twice. */
START_TEST(an_entry_put_in_a_second_time_is_named)
{
	struct sbx_buf sql = SBX_BUF(4096), b = SBX_BUF(4096);
	unsigned char head[32];
	struct sbx_entry *e;
	int64_t size, bad;

	fill(5);
	ck_assert_int_eq(sbx_log_head(logh, &size, head, &why), 0);
	e = ban(2);
	sbx_buf_add(&b, head, sizeof(head));
	sbx_buf_add(&b, e->canon, e->canonlen);
	sbx_buf_hex(&b, e->sig, SBX_SIG_BYTES);
	sbx_hash_b2(head, b.data, b.len);
	sbx_buf_str(&sql, "INSERT INTO entry SELECT 6, author, op, type, payload, "
			  "sig, id, x'");
	sbx_buf_hex(&sql, head, sizeof(head));
	sbx_buf_str(&sql, "' FROM entry WHERE seq=2; INSERT INTO fact SELECT 6, "
			  "type, author, id, ref, time, leaf, idhash, NULL FROM fact "
			  "WHERE seq=2");
	sbx_log_close(logh);
	tamper(sql.data);
	logh = NULL;
	ck_assert_int_eq(sbx_log_open(log_path, 0, &logh, &why), 0);
	ck_assert_int_eq(sbx_log_check(logh, &bad, &why), SBX_E_NO);
	ck_assert_int_eq(bad, 6);
	sbx_entry_free(e);
	sbx_buf_free(&b);
	sbx_buf_free(&sql);
}
END_TEST

START_TEST(what_is_derived_can_be_derived_again)
{
	unsigned char root[32], again[32];
	int64_t bad;

	fill(600);
	ck_assert_int_eq(sbx_log_root(logh, 600, root, &why), 0);
	sbx_log_close(logh);
	tamper("DELETE FROM fact WHERE seq%2; UPDATE fact SET id='x';"
	       "DELETE FROM node");
	logh = NULL;
	ck_assert_int_eq(sbx_log_open(log_path, SBX_LOG_WRITE, &logh, &why), 0);
	ck_assert_int_eq(sbx_log_check(logh, &bad, &why), SBX_E_NO);
	ck_assert_int_ne(sbx_log_root(logh, 600, again, &why), 0);
	ck_assert_msg(sbx_log_rebuild(logh, &why) == 0, "%s", why.text);
	ck_assert_msg(sbx_log_check(logh, &bad, &why) == 0, "%s", why.text);
	ck_assert_int_eq(sbx_log_root(logh, 600, again, &why), 0);
	ck_assert_mem_eq(root, again, 32);
}
END_TEST

START_TEST(a_wrong_node_of_the_tree_is_noticed)
{
	int64_t bad;

	fill(257);
	sbx_log_close(logh);
	tamper("UPDATE node SET hash=zeroblob(32)");
	logh = NULL;
	ck_assert_int_eq(sbx_log_open(log_path, 0, &logh, &why), 0);
	ck_assert_int_eq(sbx_log_check(logh, &bad, &why), SBX_E_NO);
	ck_assert_int_eq(bad, 256);
}
END_TEST

/* I11 */
START_TEST(a_changed_schema_is_refused_at_open)
{
	static const char *const changes[] = {
		"CREATE TRIGGER t AFTER INSERT ON entry BEGIN SELECT 1; END",
		"CREATE VIEW entry2 AS SELECT * FROM entry",
		"DROP TRIGGER entry_no_update",
		"ALTER TABLE entry ADD COLUMN more TEXT",
		"CREATE INDEX i ON entry(op)",
		"PRAGMA user_version=7",
		"DROP INDEX fact_entry",
		/* one that SQLite itself would not let be made */
		"PRAGMA writable_schema=ON; INSERT INTO sqlite_schema VALUES("
		"'trigger', 'sqlite_t', 'entry', 0, 'CREATE TRIGGER sqlite_t "
		"AFTER INSERT ON entry BEGIN SELECT 1; END')",
		"PRAGMA writable_schema=ON; INSERT INTO sqlite_schema VALUES("
		"'view', 'sqlite_v', 'sqlite_v', 0, 'CREATE VIEW sqlite_v AS "
		"SELECT 1')",
		"PRAGMA writable_schema=ON; UPDATE sqlite_schema SET sql="
		"replace(sql, 'NOT NULL UNIQUE', 'NOT NULL') WHERE name='author'",
		"ANALYZE",
	};
	struct sbx_log *again = NULL;

	fill(1);
	sbx_log_close(logh);
	logh = NULL;
	tamper(changes[_i]);
	ck_assert_int_ne(sbx_log_open(log_path, 0, &again, &why), 0);
	ck_assert_ptr_null(again);
}
END_TEST

/* A ledger as version 1 left it. */
#define OLDER \
	"CREATE UNIQUE INDEX entry_id ON entry(id, author); " \
	"DROP INDEX held_due; " \
	"CREATE TABLE h(id BLOB PRIMARY KEY, due INTEGER NOT NULL, " \
	"line TEXT NOT NULL) STRICT; INSERT INTO h SELECT id, due, line " \
	"FROM held; DROP TABLE held; ALTER TABLE h RENAME TO held; " \
	"CREATE TABLE f(seq INTEGER PRIMARY KEY, type TEXT NOT NULL, author " \
	"INTEGER NOT NULL, id TEXT, ref TEXT, time INTEGER NOT NULL, leaf BLOB " \
	"NOT NULL) STRICT; INSERT INTO f SELECT seq, type, author, id, ref, " \
	"time, leaf FROM fact; DROP TABLE fact; ALTER TABLE f RENAME TO fact; " \
	"CREATE INDEX fact_id ON fact(type, id); " \
	"DROP TABLE cache_rules; CREATE TABLE cache_rules(quorum_rule TEXT); " \
	"PRAGMA user_version=1"

START_TEST(an_older_ledger_is_brought_up_to_date_by_who_may_write)
{
	struct sbx_entry *e = ban(2), *late = ban(4000 + SBX_MAX_AHEAD / 1000000);
	struct sbx_log *again = NULL;
	int64_t bad;

	fill(5);
	ck_assert_int_eq(add(logh, late), SBX_LOG_HELD);
	sbx_log_close(logh);
	tamper(OLDER);
	logh = NULL;
	ck_assert_int_eq(sbx_log_open(log_path, 0, &again, &why), SBX_E_USAGE);
	ck_assert_str_eq(why.hint, "sbx-ledger fsck brings it up to date");
	ck_assert_msg(sbx_log_open(log_path, SBX_LOG_WRITE, &logh, &why) == 0,
		"%s", why.text);
	ck_assert_msg(sbx_log_check(logh, &bad, &why) == 0, "%s", why.text);
	ck_assert_int_eq(add(logh, e), SBX_LOG_DUP);
	ck_assert_int_eq(add(logh, late), SBX_LOG_DUP);
	ck_assert_msg(sbx_log_open(log_path, 0, &again, &why) == 0, "%s",
		why.text);
	sbx_log_close(again);
	sbx_entry_free(late);
	sbx_entry_free(e);
}
END_TEST

/* I11 */
START_TEST(an_older_ledger_with_a_changed_schema_stays_as_it_is)
{
	struct sbx_log *again = NULL;

	fill(1);
	sbx_log_close(logh);
	logh = NULL;
	tamper(OLDER "; CREATE TRIGGER t AFTER INSERT ON entry BEGIN SELECT 1; "
		     "END");
	ck_assert_int_eq(sbx_log_open(log_path, SBX_LOG_WRITE, &again, &why),
		SBX_E_NO);
	ck_assert_int_eq(sbx_log_open(log_path, 0, &again, &why), SBX_E_USAGE);
	ck_assert_ptr_null(again);
}
END_TEST

START_TEST(a_path_is_a_path_and_no_link)
{
	struct sbx_log *again = NULL;
	char link[80];

	snprintf(link, sizeof(link), "%s-link", log_path);
	ck_assert_int_eq(symlink(log_path, link), 0);
	ck_assert_int_eq(sbx_log_open(link, 0, &again, &why), SBX_E_USAGE);
	unlink(link);
	ck_assert_int_ne(sbx_log_open("file:/tmp/x?mode=memory",
				 SBX_LOG_WRITE | SBX_LOG_CREATE, &again, &why), 0);
}
END_TEST

START_TEST(a_reader_needs_no_right_to_write)
{
	fill(2);
	reopen();
	ck_assert_int_ne(sbx_log_begin(logh, &why), 0);
	ck_assert_int_eq(sbx_log_check(logh, &(int64_t){ 0 }, &why), 0);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("log");
	TCase *t = tcase_create("log");

	tcase_set_timeout(t, 60);
	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, the_same_entry_is_taken_once);
	tcase_add_test(t, an_entry_whose_id_begins_as_anothers_is_taken_once_too);
	tcase_add_test(t, what_is_rolled_back_was_never_there);
	tcase_add_test(t, the_chain_is_what_design_says);
	tcase_add_test(t, a_future_entry_is_held_and_taken_when_its_time_comes);
	tcase_add_test(t, the_limit_on_dates_ahead_is_exact);
	tcase_add_test(t,
		an_entry_of_the_journal_is_known_however_far_the_clock_is_behind);
	tcase_add_loop_test(t, update_and_delete_are_refused_by_the_database_itself,
		0, 4);
	tcase_add_loop_test(t, verify_names_the_first_op_that_was_changed, 0,
		sizeof(ops) / sizeof(ops[0]));
	tcase_add_test(t, verify_gives_the_root_of_any_size);
	tcase_add_loop_test(t, verify_names_the_first_bad_entry, 0,
		sizeof(edits) / sizeof(edits[0]));
	tcase_add_loop_test(t, a_quick_look_names_the_first_bad_entry_too, 0,
		7 * 8);
	tcase_add_test(t, the_key_that_was_seen_first_stands);
	tcase_add_test(t, two_may_say_the_same);
	tcase_add_test(t, an_entry_put_in_a_second_time_is_named);
	tcase_add_test(t, what_is_derived_can_be_derived_again);
	tcase_add_test(t, a_wrong_node_of_the_tree_is_noticed);
	tcase_add_loop_test(t, a_changed_schema_is_refused_at_open, 0,
		11);
	tcase_add_test(t,
		an_older_ledger_is_brought_up_to_date_by_who_may_write);
	tcase_add_test(t,
		an_older_ledger_with_a_changed_schema_stays_as_it_is);
	tcase_add_test(t, a_path_is_a_path_and_no_link);
	tcase_add_test(t, a_reader_needs_no_right_to_write);
	suite_add_tcase(s, t);
	return finish_suite(s);
}
