/* SPDX-License-Identifier: Apache-2.0 */
/* A small ledger with one bit of each byte of its file turned over. */
#include <fcntl.h>

#include "world.h"

#define MAX_FILE (1u << 20)

static unsigned char *file;
static size_t filelen;
static char *want; /* what export says of the untouched one */
static char self[SBX_DID_SIZE];
static int fd;

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

/* 0: it says that all is well, and all is. */
static int
look(size_t at_byte)
{
	struct sbx_buf out = SBX_BUF(MAX_FILE);
	struct sbx_log *log = NULL;
	struct sbx_state *st = NULL;
	unsigned char digest[SBX_HASH_BYTES];
	struct sbx_err err = { 0 };
	char did[SBX_DID_SIZE];
	int64_t bad;
	int r;

	if ((r = sbx_log_open(log_path, 0, &log, &err)) != 0 ||
		(r = sbx_log_verify(log, &bad, &err)) != 0) {
		ck_assert_msg(err.text[0] != '\0', "byte %zu: no reason", at_byte);
		ck_assert_msg(r < 0, "byte %zu: %d", at_byte, r);
	} else {
		ck_assert_int_eq(sbx_log_self(log, did, &err), 0);
		ck_assert_str_eq(did, self);
		ck_assert_int_eq(
			sbx_log_each(log, 1, 0, add_line, &out, &err), 0);
		ck_assert_msg(strcmp(sbx_buf_text(&out), want) == 0,
			"byte %zu: verified, and another content", at_byte);
	}
	/* Whoever asks without verifying must not be crashed either. */
	if (at_byte % 3 == 0 && log != NULL && sbx_state_open(log, &st, NULL) == 0) {
		sbx_state_digest(st, digest, NULL);
		sbx_state_free(st);
	}
	sbx_log_close(log);
	sbx_buf_free(&out);
	return r;
}

static void
turn(size_t i, unsigned char byte)
{
	ck_assert_int_eq(pwrite(fd, &byte, 1, (off_t)i), 1);
}

/* Free space, zero all over, is tried at every 97th byte. */
START_TEST(no_byte_of_the_file_changes_unseen)
{
	size_t zeros = 0, seen = 0, passed = 0;

	ck_assert_int_eq(look(0), 0);
	for (size_t i = 0; i < filelen; i++) {
		zeros = file[i] == 0 ? zeros + 1 : 0;
		if (zeros > 16 && i % 97 != 0)
			continue;
		turn(i, file[i] ^ (unsigned char)(1u << i % 8));
		if (look(i) != 0)
			seen++;
		else
			passed++;
		turn(i, file[i]);
	}
	ck_assert_int_eq(look(0), 0);
	ck_assert_msg(seen > 4000, "only %zu of %zu seen", seen, seen + passed);
}
END_TEST

/* Every byte of every row and of what is derived from it, by its place in the
 * file: there a change is never passed over. */
START_TEST(every_byte_of_an_entry_counts)
{
	const char *line = want, *payload;
	size_t changed = 0;

	for (; *line != '\0'; line = strchr(line, '\n') + 1) {
		const char *end = strstr(line, ",\"payload_type\"");
		unsigned char *found;
		size_t len;

		payload = strstr(line, "\"payload\":") + 10;
		len = (size_t)(end - payload);
		found = memmem(file, filelen, payload, len);
		ck_assert_ptr_nonnull(found);
		for (size_t i = 0; i < len; i++) {
			size_t place = (size_t)(found - file) + i;

			turn(place, file[place] ^ 1);
			ck_assert_msg(look(place) == SBX_E_NO, "byte %zu", place);
			turn(place, file[place]);
			changed++;
		}
	}
	ck_assert_uint_gt(changed, 600);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("tamper");
	TCase *t = tcase_create("a changed file");

	tcase_set_timeout(t, 120);
	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, no_byte_of_the_file_changes_unseen);
	tcase_add_test(t, every_byte_of_an_entry_counts);
	suite_add_tcase(s, t);
	return finish_suite(s);
}
