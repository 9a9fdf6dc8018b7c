/* SPDX-License-Identifier: Apache-2.0 */
#include <dirent.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/base.h"
#include "lend/lend.h"
#include "suite.h"

#define ID    "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"
#define OTHER "ff112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"
#define A     "10.10.0.2"
#define B     "10.10.0.3"

static char dir[64], store[80];

static void
setup(void)
{
	strcpy(dir, "/tmp/test_nonce.XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(dir));
	snprintf(store, sizeof(store), "%s/nonce", dir);
}

/* Call fn with each file of the store; how many there are. */
static int
files(void (*fn)(const char *path))
{
	char path[512];
	struct dirent *d;
	DIR *list = opendir(store);
	int n = 0;

	while (list != NULL && (d = readdir(list)) != NULL) {
		if (d->d_name[0] == '.')
			continue;
		n++;
		snprintf(path, sizeof(path), "%s/%s", store, d->d_name);
		if (fn != NULL)
			fn(path);
	}
	if (list != NULL)
		closedir(list);
	return n;
}

static void
drop(const char *path)
{
	unlink(path);
}

static void
teardown(void)
{
	files(drop);
	rmdir(store);
	rmdir(dir);
}

static void
put(const char *path, const char *text)
{
	FILE *f = fopen(path, "w");

	fputs(text, f);
	fclose(f);
}

static void
put_deadline(const char *path, int64_t deadline)
{
	char text[160];

	snprintf(text, sizeof(text), "%s %s %" PRId64 "\n", ID, A, deadline);
	put(path, text);
}

static void
expire(const char *path)
{
	put_deadline(path, sbx_clock_boot() - 1);
}

static void
far_off(const char *path)
{
	put_deadline(path, sbx_clock_boot() + 2 * SBX_NONCE_LIFE);
}

/* I21 */
START_TEST(a_nonce_is_redeemed_once)
{
	unsigned char n[SBX_NONCE_BYTES];

	ck_assert_int_eq(sbx_nonce_issue(store, ID, A, n, NULL), 0);
	ck_assert_int_eq(sbx_nonce_redeem(store, ID, A, n, NULL), 0);
	ck_assert_int_eq(sbx_nonce_redeem(store, ID, A, n, NULL), SBX_E_NO);
	ck_assert_int_eq(files(NULL), 0);
}
END_TEST

/* I21 */
START_TEST(a_nonce_serves_its_service_and_address_alone)
{
	unsigned char n[SBX_NONCE_BYTES];

	ck_assert_int_eq(sbx_nonce_issue(store, ID, A, n, NULL), 0);
	ck_assert_int_eq(sbx_nonce_redeem(store, OTHER, A, n, NULL), SBX_E_NO);
	ck_assert_int_eq(sbx_nonce_redeem(store, ID, B, n, NULL), SBX_E_NO);
	/* Another's try has not burnt it. */
	ck_assert_int_eq(sbx_nonce_redeem(store, ID, A, n, NULL), 0);
}
END_TEST

START_TEST(a_flipped_bit_is_another_nonce)
{
	unsigned char n[SBX_NONCE_BYTES];

	ck_assert_int_eq(sbx_nonce_issue(store, ID, A, n, NULL), 0);
	for (size_t i = 0; i < sizeof(n); i++) {
		n[i] ^= 1;
		ck_assert_int_eq(
			sbx_nonce_redeem(store, ID, A, n, NULL), SBX_E_NO);
		n[i] ^= 1;
	}
	ck_assert_int_eq(sbx_nonce_redeem(store, ID, A, n, NULL), 0);
}
END_TEST

START_TEST(an_expired_nonce_is_refused)
{
	void (*const age[])(const char *) = { expire, far_off };
	unsigned char n[SBX_NONCE_BYTES];

	ck_assert_int_eq(sbx_nonce_issue(store, ID, A, n, NULL), 0);
	ck_assert_int_eq(files(age[_i]), 1);
	ck_assert_int_eq(sbx_nonce_redeem(store, ID, A, n, NULL), SBX_E_NO);
}
END_TEST

START_TEST(a_set_back_clock_revives_nothing)
{
	unsigned char n[SBX_NONCE_BYTES];

	ck_assert_int_eq(sbx_nonce_issue(store, ID, A, n, NULL), 0);
	ck_assert_int_eq(files(expire), 1);
	sbx_clock_set(1000000);
	ck_assert_int_eq(sbx_nonce_redeem(store, ID, A, n, NULL), SBX_E_NO);
	sbx_clock_set(0);
}
END_TEST

static unsigned char held[SBX_NONCE_BYTES];
static bool leaked;

static void
look_for_nonce(const char *path)
{
	struct sbx_buf text = SBX_BUF(4096), hex = SBX_BUF(4096);
	struct stat st;

	ck_assert_int_eq(sbx_io_read(path, 0, &text, NULL), 0);
	sbx_buf_hex(&hex, held, sizeof(held));
	if (strstr(text.data, hex.data) != NULL ||
		strstr(path, hex.data) != NULL)
		leaked = true;
	ck_assert_int_eq(stat(path, &st), 0);
	ck_assert_int_eq(st.st_mode & 0777, 0600);
	sbx_buf_free(&text);
	sbx_buf_free(&hex);
}

START_TEST(the_store_does_not_hold_the_nonce)
{
	ck_assert_int_eq(sbx_nonce_issue(store, ID, A, held, NULL), 0);
	ck_assert_int_eq(files(look_for_nonce), 1);
	ck_assert(!leaked);
}
END_TEST

START_TEST(one_address_cannot_fill_the_store)
{
	unsigned char first[SBX_NONCE_BYTES], n[SBX_NONCE_BYTES];
	struct sbx_err err = { 0 };

	ck_assert_int_eq(sbx_nonce_issue(store, ID, A, first, NULL), 0);
	for (int i = 1; i < SBX_MAX_NONCES_PEER; i++)
		ck_assert_int_eq(sbx_nonce_issue(store, ID, A, n, NULL), 0);
	ck_assert_int_eq(sbx_nonce_issue(store, ID, A, n, &err), SBX_E_SYS);
	ck_assert_int_eq(files(NULL), SBX_MAX_NONCES_PEER);
	ck_assert_int_eq(sbx_nonce_issue(store, ID, B, n, NULL), 0);
	ck_assert_int_eq(sbx_nonce_redeem(store, ID, A, first, NULL), 0);
	ck_assert_int_eq(sbx_nonce_issue(store, ID, A, n, NULL), 0);
}
END_TEST

/* Issuing them one by one reads the store as often: too slow for a test. */
static void
fill(int n)
{
	char path[512], text[160];

	for (int i = 0; i < n; i++) {
		snprintf(path, sizeof(path), "%s/%064d", store, i);
		snprintf(text, sizeof(text), "%s 10.11.%d.%d %" PRId64 "\n", ID,
			i / 200, i % 200, sbx_clock_boot() + SBX_NONCE_LIFE);
		put(path, text);
	}
}

START_TEST(a_full_store_refuses_new_ones_and_keeps_the_old)
{
	unsigned char first[SBX_NONCE_BYTES], n[SBX_NONCE_BYTES];

	ck_assert_int_eq(sbx_nonce_issue(store, ID, A, first, NULL), 0);
	fill(SBX_MAX_NONCES - 2);
	ck_assert_int_eq(sbx_nonce_issue(store, ID, B, n, NULL), 0);
	ck_assert_int_eq(sbx_nonce_issue(store, ID, B, n, NULL), SBX_E_SYS);
	ck_assert_int_eq(sbx_nonce_redeem(store, ID, A, first, NULL), 0);
	ck_assert_int_eq(files(expire), SBX_MAX_NONCES - 1);
	ck_assert_int_eq(sbx_nonce_issue(store, ID, B, n, NULL), 0);
	ck_assert_int_eq(files(NULL), 1);
}
END_TEST

static const char *const odd[] = { "", "x", ID " " A "\n", ID " " A " 1",
	ID " " A " 99999999999999999 \n" };
static int which;

static void
spoil(const char *path)
{
	put(path, odd[which]);
}

START_TEST(a_spoilt_file_is_no_nonce)
{
	unsigned char n[SBX_NONCE_BYTES];

	which = _i;
	ck_assert_int_eq(sbx_nonce_issue(store, ID, A, n, NULL), 0);
	ck_assert_int_eq(files(spoil), 1);
	ck_assert_int_eq(sbx_nonce_redeem(store, ID, A, n, NULL), SBX_E_NO);
}
END_TEST

START_TEST(a_store_others_may_write_is_refused)
{
	unsigned char n[SBX_NONCE_BYTES];
	char other[80];

	ck_assert_int_eq(mkdir(store, 0700), 0);
	ck_assert_int_eq(chmod(store, 0770), 0);
	ck_assert_int_eq(sbx_nonce_issue(store, ID, A, n, NULL), SBX_E_SYS);
	ck_assert_int_eq(chmod(store, 0700), 0);
	snprintf(other, sizeof(other), "%s/real", dir);
	ck_assert_int_eq(rename(store, other), 0);
	ck_assert_int_eq(symlink(other, store), 0);
	ck_assert_int_eq(sbx_nonce_issue(store, ID, A, n, NULL), SBX_E_SYS);
	ck_assert_int_eq(unlink(store), 0);
	ck_assert_int_eq(rmdir(other), 0);
}
END_TEST

/* All children wait on the gate, so that they come at once. */
static pid_t
racer(int gate, const unsigned char *n)
{
	pid_t pid = fork();
	char c;

	if (pid == 0) {
		if (read(gate, &c, 1) < 0)
			_exit(2);
		_exit(sbx_nonce_redeem(store, ID, A, n, NULL) == 0 ? 0 : 1);
	}
	return pid;
}

/* I21 */
START_TEST(of_many_at_once_one_wins)
{
	unsigned char n[SBX_NONCE_BYTES];
	int gate[2], won = 0, status;

	ck_assert_int_eq(sbx_nonce_issue(store, ID, A, n, NULL), 0);
	ck_assert_int_eq(pipe(gate), 0);
	for (int i = 0; i < 50; i++)
		ck_assert_int_gt(racer(gate[0], n), 0);
	close(gate[0]);
	ck_assert_int_eq(write(gate[1], &(char[50]){ 0 }, 50), 50);
	close(gate[1]);
	while (wait(&status) > 0) {
		ck_assert(WIFEXITED(status));
		ck_assert_int_lt(WEXITSTATUS(status), 2);
		won += WEXITSTATUS(status) == 0;
	}
	ck_assert_int_eq(won, 1);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("nonce");
	TCase *t = tcase_create("nonce");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_set_timeout(t, 30);
	tcase_add_test(t, a_nonce_is_redeemed_once);
	tcase_add_test(t, a_nonce_serves_its_service_and_address_alone);
	tcase_add_test(t, a_flipped_bit_is_another_nonce);
	tcase_add_loop_test(t, an_expired_nonce_is_refused, 0, 2);
	tcase_add_test(t, a_set_back_clock_revives_nothing);
	tcase_add_test(t, the_store_does_not_hold_the_nonce);
	tcase_add_test(t, one_address_cannot_fill_the_store);
	tcase_add_test(t, a_full_store_refuses_new_ones_and_keeps_the_old);
	tcase_add_loop_test(
		t, a_spoilt_file_is_no_nonce, 0, sizeof(odd) / sizeof(odd[0]));
	tcase_add_test(t, a_store_others_may_write_is_refused);
	tcase_add_test(t, of_many_at_once_one_wins);
	suite_add_tcase(s, t);
	return finish_suite(s);
}
