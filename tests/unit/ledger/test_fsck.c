/* SPDX-License-Identifier: Apache-2.0 */
/* Whatever is derived from the rows is seen when it was changed, and derived
 * again. */
#include <sys/mman.h>

#include "base/base.h"
#include "crypto/crypto.h"
#include "record/record.h"
#include "ledger/ledger.h"
#include "directory/directory.h"
#include "node/node.h"
#include "hand.h"
#include "directory/member.h"

static const char *const derived[] = { "fact", "node", "spent", "cache_member",
	"cache_invite", "cache_proposal", "cache_rules", NULL };
static const char *const kept[] = { "author", "entry", "anchor", "held", "peer",
	"source", "witness", NULL };

static struct sbx_key *us, *guest, *stranger, *once;
static struct sbx_log *logh;
static struct sbx_buf before = SBX_BUF(4u << 20), after = SBX_BUF(4u << 20);

static void
put(struct sbx_buf *out, struct sbx_entry *e)
{
	sbx_entry_line(e, out);
	sbx_buf_str(out, "\n");
	sbx_entry_free(e);
}

static struct sbx_entry *
ban(const struct sbx_key *key, int n, int when)
{
	return sign(key, "ban_publish", NULL, "{\"ban_id\":\"%064d\","
		"\"ip\":\"192.0.2.%d\",\"reason\":\"scan\",\"severity\":2,"
		"\"created_at\":\"%s\",\"expires_at\":null}", n, n % 256,
		at(when));
}

/* What this box says it adds; what others say is imported. */
static void
fill(void)
{
	struct sbx_buf lines = SBX_BUF(1u << 20);
	struct sbx_import im = { 0 };
	struct sbx_entry *e;
	int fd = memfd_create("in", MFD_CLOEXEC);

	for (int n = 0; n < 2; n++) {
		e = n == 0 ? identity(us, NULL, 0) : invite(us, once, 3, 1, 9000);
		add(logh, e);
		sbx_entry_free(e);
	}
	put(&lines, accept_invite(guest, once, sbx_key_did(us), 2));
	for (int n = 0; n < 300; n++)
		put(&lines, ban(n % 3 == 0 ? stranger : guest, n, n * 100));
	put(&lines, ban(guest, 1000, 90 * 86400));
	put(&lines, ban(stranger, 1001, 90 * 86400));
	ck_assert_int_eq(sbx_io_write_fd(fd, lines.data, lines.len, &why), 0);
	ck_assert_int_eq(lseek(fd, 0, SEEK_SET), 0);
	ck_assert_int_eq(sbx_import_fd(logh, fd, &im, &why), 0);
	ck_assert_uint_eq(im.added, 301);
	ck_assert_uint_eq(im.held, 2);
	close(fd);
	sbx_buf_free(&lines);
}

static void
setup(void)
{
	sbx_clock_set(T0 + 86400 * INT64_C(1000000));
	sbx_cache_from(0);
	us = key_of(1);
	guest = key_of(2);
	stranger = key_of(3);
	once = key_of(4);
	logh = new_log();
	ck_assert_int_eq(sbx_log_set_self(logh, sbx_key_did(us), &why), 0);
	ck_assert_int_eq(sbx_log_trust(logh, sbx_key_did(us), true, &why), 0);
	fill();
	sbx_log_close(logh); /* which keeps what was folded */
	logh = NULL;
	tamper("INSERT INTO peer VALUES('p', 'k', 'n', 1, x'00');"
	       "INSERT INTO source VALUES('u', 'd', 'e', 1, x'00');"
	       "INSERT INTO witness VALUES('w', 'k', 'n')");
}

static void
teardown(void)
{
	remove_log(logh);
	sbx_key_free(us);
	sbx_key_free(guest);
	sbx_key_free(stranger);
	sbx_key_free(once);
}

static int
verify(void)
{
	int64_t bad;
	int r;

	ck_assert_msg(sbx_log_open(log_path, 0, &logh, &why) == 0, "%s",
		why.text);
	r = sbx_log_check(logh, &bad, &why);
	sbx_log_close(logh);
	logh = NULL;
	return r;
}

/* The index is made as if its text had said so, which is then put back. */
#define INDEX(name, was, other) \
	"PRAGMA writable_schema=ON; UPDATE sqlite_schema SET sql=replace(sql, '" \
	was "', '" other "') WHERE name='" name "'; " \
	"PRAGMA writable_schema=RESET; REINDEX " name "; " \
	"PRAGMA writable_schema=ON; UPDATE sqlite_schema SET sql=replace(sql, '" \
	other "', '" was "') WHERE name='" name "'"

/* seen: it is looked at, since somebody else's word is believed by it. */
static const struct {
	const char *sql;
	bool seen;
} damages[] = {
	{ "DELETE FROM fact", true },
	{ "DELETE FROM fact WHERE seq%2", true },
	{ "UPDATE fact SET id='x', ref='y', time=time+1", true },
	{ "UPDATE fact SET author=1 WHERE seq=9", true },
	{ "UPDATE fact SET idhash=1 WHERE seq=9", true },
	{ "UPDATE fact SET idhash=NULL WHERE seq=9", true },
	{ "UPDATE fact SET eid=1 WHERE seq=9", true },
	{ "UPDATE fact SET eid=NULL WHERE seq=9", true },
	{ "UPDATE fact SET type='BanRevoke' WHERE seq=9", true },
	{ "UPDATE fact SET leaf=zeroblob(32) WHERE seq=300", true },
	{ "INSERT INTO fact SELECT 1000, type, author, id, ref, time, leaf, "
	  "idhash, NULL FROM fact WHERE seq=1", true },
	{ "DELETE FROM node", true },
	{ "UPDATE node SET hash=zeroblob(32)", true },
	{ "INSERT INTO node VALUES(1, 7, zeroblob(32))", true },
	{ "DELETE FROM cache_member", true },
	{ "UPDATE cache_member SET state='member'", true },
	{ "INSERT INTO cache_member(did, state) VALUES('did:plc:"
	  "00000000000000000000000000000000', 'member')", true },
	{ "UPDATE cache_invite SET max_uses=99", true },
	{ "INSERT INTO cache_proposal(entry) VALUES(x'00')", true },
	{ "UPDATE cache_rules SET emancipation_level=3", true },
	{ "DELETE FROM cache_rules", true },
	{ "DELETE FROM spent", false },
	{ "UPDATE spent SET bytes=0", false },
	{ "INSERT INTO spent VALUES('x', 1, 1)", false },
	/* Nobody uses what was kept for another end of the journal. */
	{ "DELETE FROM local WHERE key='folded'; DELETE FROM cache_member",
		false },
	/* One that has other keys than its rows; */
	{ INDEX("fact_entry", "eid)", "-eid)"), true },
	{ INDEX("fact_id", "idhash)", "ref)"), true },
	{ INDEX("fact_id", "idhash)", "-idhash)"), true },
	/* that misses what it should find; */
	{ INDEX("fact_entry", "eid)", "eid) WHERE seq<>5"), true },
	{ INDEX("fact_id", "idhash)", "idhash) WHERE seq<>5"), true },
	/* in which nothing is found. */
	{ INDEX("fact_entry", "eid)", "eid DESC)"), true },
	{ INDEX("fact_id", "idhash)", "idhash DESC)"), true },
};

/* I13 */
START_TEST(what_is_derived_is_seen_when_damaged_and_derived_again)
{
	struct sbx_buf rows = SBX_BUF(4u << 20);

	ck_assert_msg(verify() == 0, "%s", why.text);
	dump(&before, log_path, derived);
	dump(&rows, log_path, kept);
	ck_assert_ptr_nonnull(strstr(before.data, "cache_member\n "));
	tamper(damages[_i].sql);
	ck_assert_msg(verify() == (damages[_i].seen ? SBX_E_NO : 0), "%s: %s",
		damages[_i].sql, why.text);
	ck_assert_int_eq(sbx_log_open(log_path, SBX_LOG_WRITE, &logh, &why), 0);
	ck_assert_msg(sbx_log_rebuild(logh, &why) == 0, "%s: %s",
		damages[_i].sql, why.text);
	sbx_log_close(logh);
	logh = NULL;
	ck_assert_msg(verify() == 0, "%s: %s", damages[_i].sql, why.text);
	dump(&after, log_path, derived);
	ck_assert_msg(strcmp(before.data, after.data) == 0,
		"%s: derived otherwise", damages[_i].sql);
	dump(&after, log_path, kept);
	ck_assert_msg(strcmp(rows.data, after.data) == 0, "the rows changed");
	sbx_buf_free(&rows);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("fsck");
	TCase *t = tcase_create("fsck");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_loop_test(t,
		what_is_derived_is_seen_when_damaged_and_derived_again, 0,
		sizeof(damages) / sizeof(damages[0]));
	suite_add_tcase(s, t);
	return finish_suite(s);
}
