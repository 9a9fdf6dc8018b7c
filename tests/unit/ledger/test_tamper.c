/* SPDX-License-Identifier: Apache-2.0 */
/* A small ledger with one bit of each byte of its file turned over. */
#include <fcntl.h>

#include "base/base.h"
#include "crypto/crypto.h"
#include "record/record.h"
#include "ledger/ledger.h"
#include "directory/directory.h"
#include "hand.h"
#include "directory/member.h"

#define MAX_FILE (1u << 20)

static unsigned char *file;
static size_t filelen;
static char *want; /* what export says of the untouched one */
static struct sbx_buf rows = SBX_BUF(MAX_FILE), again = SBX_BUF(MAX_FILE);
static struct sbx_buf own = SBX_BUF(MAX_FILE); /* of the journal alone */
static char self[SBX_DID_SIZE];
static int fd;

/* The journal, and what is derived from it and believed. */
static const char *const tables[] = { "author", "entry", "fact", "node",
	"cache_member", "cache_invite", "cache_proposal", "cache_rules", NULL };
static const char *const journal[] = { "author", "entry", NULL };

static int
add_line(void *ctx, const struct sbx_row *row, struct sbx_err *err)
{
	(void)err;
	sbx_row_line(row, ctx);
	sbx_buf_str(ctx, "\n");
	return 0;
}

static void
setup(void)
{
	static const char text[] = "{\"ban_id\":\"%064d\",\"ip\":\"192.0.2.%d\","
		"\"reason\":\"scan\",\"severity\":2,\"created_at\":\"%s\","
		"\"expires_at\":null}";
	struct sbx_buf b = SBX_BUF(MAX_FILE), out = SBX_BUF(MAX_FILE);
	struct sbx_key *key = key_of(1), *other = key_of(2);
	struct sbx_log *log;
	struct sbx_entry *e;

	sbx_clock_set(T0 + 3600 * INT64_C(1000000));
	sbx_cache_from(0);
	log = new_log();
	ck_assert_int_eq(sbx_log_set_self(log, sbx_key_did(key), &why), 0);
	ck_assert_int_eq(sbx_log_trust(log, sbx_key_did(key), true, &why), 0);
	for (int n = 1; n <= 3; n++) {
		e = sign(n < 3 ? key : other, "ban_publish", NULL, text, n, n,
			at(n));
		add(log, e);
		sbx_entry_free(e);
	}
	ck_assert_int_eq(sbx_log_each(log, 1, 0, add_line, &out, &why), 0);
	want = out.data;
	sbx_log_close(log);
	dump(&rows, log_path, tables);
	dump(&own, log_path, journal);
	ck_assert_ptr_nonnull(strstr(rows.data, "cache_member\n "));
	ck_assert_int_eq(sbx_io_read(log_path, 0, &b, &why), 0);
	file = (unsigned char *)b.data;
	filelen = b.len;
	fd = open(log_path, O_RDWR | O_CLOEXEC);
	ck_assert_int_ge(fd, 0);
	memcpy(self, sbx_key_did(key), sizeof(self));
	sbx_key_free(key);
	sbx_key_free(other);
}

static void
teardown(void)
{
	close(fd);
	remove_log(NULL);
	free(file);
	free(want);
}

/* The same of the journal alone, which is no less well than all. */
static void
look_at_journal(struct sbx_log *log, size_t at_byte, int all)
{
	unsigned char root[SBX_HASH_BYTES];
	struct sbx_err err = { 0 };
	int64_t bad;
	int r = sbx_log_verify(log, 0, root, &bad, &err);

	ck_assert_msg(r == 0 || all != 0, "byte %zu: %s", at_byte, err.text);
	ck_assert_msg((r == 0) == (err.text[0] == '\0'), "byte %zu", at_byte);
	if (r != 0)
		return;
	dump_db(&again, sbx_log_db(log), journal);
	ck_assert_msg(strcmp(sbx_buf_text(&again), own.data) == 0,
		"byte %zu: verified, and another journal", at_byte);
}

/* 0: it says that all is well, and all is. */
static int
look(size_t at_byte)
{
	struct sbx_log *log = NULL;
	struct sbx_state *st = NULL;
	unsigned char digest[SBX_HASH_BYTES];
	struct sbx_err err = { 0 };
	char did[SBX_DID_SIZE];
	int64_t bad;
	int r;

	if ((r = sbx_log_open(log_path, 0, &log, &err)) != 0 ||
		(r = sbx_log_check(log, &bad, &err)) != 0) {
		ck_assert_msg(err.text[0] != '\0', "byte %zu: no reason", at_byte);
		ck_assert_msg(r < 0, "byte %zu: %d", at_byte, r);
	} else {
		ck_assert_int_eq(sbx_log_self(log, did, &err), 0);
		ck_assert_str_eq(did, self);
		dump_db(&again, sbx_log_db(log), tables);
		ck_assert_msg(strcmp(sbx_buf_text(&again), rows.data) == 0,
			"byte %zu: verified, and another content", at_byte);
	}
	if (log != NULL)
		look_at_journal(log, at_byte, r);
	/* Whoever asks without verifying must not be crashed either. */
	if (at_byte % 9 == 0 && log != NULL && sbx_state_open(log, &st, NULL) == 0) {
		sbx_state_digest(st, digest, NULL);
		sbx_state_free(st);
	}
	sbx_log_close(log);
	return r;
}

static void
turn(size_t i, unsigned char byte)
{
	ck_assert_int_eq(pwrite(fd, &byte, 1, (off_t)i), 1);
}

/* Where the payloads stand in the file: there a change is always a no. */
static void
find_payloads(bool *payload)
{
	size_t count = 0;

	for (const char *line = want; *line != '\0';
		line = strchr(line, '\n') + 1) {
		const char *text = strstr(line, "\"payload\":") + 10;
		size_t len = (size_t)(strstr(line, ",\"payload_type\"") - text);
		unsigned char *found = memmem(file, filelen, text, len);

		ck_assert_ptr_nonnull(found);
		memset(payload + (found - file), true, len);
		count += len;
	}
	ck_assert_uint_gt(count, 600);
}

/* I13.  Free space, zero all over, is tried at every 97th byte. */
START_TEST(no_byte_of_the_file_changes_unseen)
{
	bool *payload = sbx_mem_alloc(filelen, sizeof(*payload));
	size_t zeros = 0, seen = 0, passed = 0;
	int r;

	find_payloads(payload);
	ck_assert_int_eq(look(0), 0);
	for (size_t i = 0; i < filelen; i++) {
		zeros = file[i] == 0 ? zeros + 1 : 0;
		if (zeros > 16 && i % 97 != 0)
			continue;
		turn(i, file[i] ^ (unsigned char)(1u << i % 8));
		if ((r = look(i)) != 0)
			seen++;
		else
			passed++;
		ck_assert_msg(!payload[i] || r == SBX_E_NO, "byte %zu: %d", i, r);
		turn(i, file[i]);
	}
	ck_assert_int_eq(look(0), 0);
	ck_assert_msg(seen > 4000, "only %zu of %zu seen", seen, seen + passed);
	free(payload);
}
END_TEST

static int
quick(void)
{
	struct sbx_log *log = NULL;
	int64_t verified;
	int r;

	ck_assert_int_eq(sbx_log_open(log_path, 0, &log, &why), 0);
	r = sbx_log_quick(log, &verified, &why);
	sbx_log_close(log);
	return r;
}

/* In a record's head the payload's type stands before those of 64, 32 and 32
 * bytes: an odd number for text, an even one for as many bytes. */
START_TEST(a_payload_of_bytes_is_no_text_to_a_quick_look)
{
	static const unsigned char behind[] = { 0x81, 0x0c, 0x4c, 0x4c };
	size_t turned = 0;

	ck_assert_int_eq(quick(), 0);
	for (size_t i = 1; i + sizeof(behind) < filelen; i++)
		if (memcmp(file + i, behind, sizeof(behind)) == 0) {
			ck_assert_int_eq(file[i - 1] & 1, 1);
			turn(i - 1, file[i - 1] ^ 1);
			ck_assert_int_eq(quick(), SBX_E_NO);
			turn(i - 1, file[i - 1]);
			turned++;
		}
	ck_assert_uint_eq(turned, 3);
	ck_assert_int_eq(quick(), 0);
}
END_TEST

/* Bytes sort behind text and equal none: an index of them is in order, adds up
 * to what the rows do, and finds no row.  A text of 9 bytes has the type 31 in
 * a record's head, 9 bytes that are none have 30. */
START_TEST(an_index_of_bytes_is_none_of_the_same_text)
{
	static const unsigned char head[] = { 4, 31, 6 };
	static const char type[] = "BanRecord";
	size_t turned = 0;

	for (size_t i = 0; i + sizeof(head) + sizeof(type) < filelen; i++)
		if (memcmp(file + i, head, sizeof(head)) == 0 &&
			memcmp(file + i + sizeof(head) + 1, type,
				strlen(type)) == 0) {
			turn(i + 1, 30);
			turned++;
		}
	ck_assert_uint_eq(turned, 3);
	ck_assert_int_eq(look(0), SBX_E_NO);
}
END_TEST

/* ---- what is in the -wal file and not yet in the other --------------------- */

/* A copy of one of the files, to be written to. */
static int
copy(const char *from, const char *to, struct sbx_buf *out)
{
	int f;

	ck_assert_msg(sbx_io_read(from, 0, out, &why) == 0, "%s", why.text);
	f = open(to, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	ck_assert_int_ge(f, 0);
	ck_assert_int_eq(sbx_io_write_fd(f, out->data, out->len, &why), 0);
	return f;
}

/* What export says of a journal that verifies; NULL: it does not. */
static const char *
said_by(const char *path)
{
	struct sbx_log *log = NULL;
	struct sbx_err err = { 0 };
	int64_t bad;

	sbx_buf_clear(&again);
	if (sbx_log_open(path, 0, &log, &err) != 0)
		return NULL;
	if (sbx_log_check(log, &bad, &err) == 0)
		ck_assert_int_eq(
			sbx_log_each(log, 1, 0, add_line, &again, &err), 0);
	else
		ck_assert_str_ne(err.text, "");
	sbx_log_close(log);
	return err.text[0] == '\0' ? sbx_buf_text(&again) : NULL;
}

/* SQLite drops a frame that does not match its sum with all that follow: the
 * journal is then an older one, whole, which a signed head tells.  Each frame
 * is summed as one, so a byte here and there of it stands for the rest. */
START_TEST(what_was_logged_ahead_changes_into_nothing_but_the_past)
{
	struct sbx_buf all = SBX_BUF(MAX_FILE), wal = SBX_BUF(MAX_FILE);
	char live[80], path[80], part[96], shm[96];
	struct sbx_key *key = key_of(1);
	struct sbx_log *log = NULL;
	size_t past = 0;
	int f;

	snprintf(live, sizeof(live), "%s-wal", log_path);
	snprintf(path, sizeof(path), "%s.copy", log_path);
	snprintf(part, sizeof(part), "%s-wal", path);
	snprintf(shm, sizeof(shm), "%s-shm", path);
	ck_assert_int_eq(sbx_log_open(log_path, SBX_LOG_WRITE, &log, &why), 0);
	for (int n = 4; n <= 6; n++) {
		struct sbx_entry *e = sign(key, "config_revoke", NULL,
			"{\"config_id\":\"%d\",\"revoked_at\":\"%s\"}", n, at(n));

		add(log, e);
		sbx_entry_free(e);
	}
	ck_assert_int_eq(sbx_log_each(log, 1, 0, add_line, &all, &why), 0);
	close(copy(log_path, path, &wal));
	sbx_buf_clear(&wal);
	f = copy(live, part, &wal);
	sbx_log_close(log);
	ck_assert_str_eq(said_by(path), all.data);
	for (size_t i = 0; i < wal.len; i += 61) {
		char byte = (char)(wal.data[i] ^ 1 << i % 8);
		const char *said;

		ck_assert_int_eq(pwrite(f, &byte, 1, (off_t)i), 1);
		unlink(shm);
		if ((said = said_by(path)) != NULL) {
			size_t len = strlen(said);

			ck_assert_msg(len >= strlen(want) &&
				strncmp(said, all.data, len) == 0,
				"byte %zu: another past", i);
			past += len < all.len;
		}
		ck_assert_int_eq(pwrite(f, &wal.data[i], 1, (off_t)i), 1);
	}
	ck_assert_uint_gt(past, 100);
	close(f);
	unlink(path);
	unlink(part);
	unlink(shm);
	sbx_buf_free(&wal);
	sbx_buf_free(&all);
	sbx_key_free(key);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("tamper");
	TCase *t = tcase_create("a changed file");

	tcase_set_timeout(t, 300);
	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, no_byte_of_the_file_changes_unseen);
	tcase_add_test(t, a_payload_of_bytes_is_no_text_to_a_quick_look);
	tcase_add_test(t, an_index_of_bytes_is_none_of_the_same_text);
	tcase_add_test(t, what_was_logged_ahead_changes_into_nothing_but_the_past);
	suite_add_tcase(s, t);
	return finish_suite(s);
}
