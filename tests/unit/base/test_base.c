/* SPDX-License-Identifier: Apache-2.0 */
/* The ground floor: err, buf, enc, clock, io. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/base.h"
#include "suite.h"

/* ---- err ---- */

START_TEST(an_error_keeps_its_code_and_fits_its_room)
{
	struct sbx_err err = { 0 };
	char longer[1000];

	memset(longer, 'x', sizeof(longer) - 1);
	longer[sizeof(longer) - 1] = '\0';
	ck_assert_int_eq(sbx_err_set(&err, SBX_E_NO, "%s", longer), SBX_E_NO);
	ck_assert_uint_eq(strlen(err.text), sizeof(err.text) - 1);
	sbx_err_hint(&err, "%s", longer);
	sbx_err_at(&err, "%s", longer);
	ck_assert_uint_eq(strlen(err.text), sizeof(err.text) - 1);
	ck_assert_int_eq(err.code, SBX_E_NO);
	ck_assert_int_eq(sbx_err_set(NULL, SBX_E_INPUT, "x"), SBX_E_INPUT);
	sbx_err_set(&err, SBX_E_INPUT, "bad");
	ck_assert_str_eq(err.hint, "");
	sbx_err_at(&err, "line %d", 7);
	ck_assert_str_eq(err.text, "line 7: bad");
	errno = ENOENT;
	ck_assert_int_eq(sbx_err_sys(&err, "x"), SBX_E_SYS);
	ck_assert_int_eq(errno, ENOENT);
	ck_assert_str_eq(err.text, "x: No such file or directory");
}
END_TEST

/* ---- buf ---- */

START_TEST(a_buffer_holds_its_limit_and_not_one_byte_more)
{
	struct sbx_buf b = SBX_BUF(10);

	ck_assert_str_eq(sbx_buf_text(&b), "");
	sbx_buf_str(&b, "12345");
	sbx_buf_fmt(&b, "%d", 67890);
	ck_assert(!b.over);
	ck_assert_str_eq(b.data, "1234567890");
	sbx_buf_str(&b, "1");
	ck_assert(b.over);
	ck_assert_uint_eq(b.len, 10);
	/* Sticky: what would fit is not added either. */
	sbx_buf_clear(&b);
	sbx_buf_str(&b, "12345678901");
	sbx_buf_str(&b, "1");
	ck_assert(b.over);
	ck_assert_uint_eq(b.len, 0);
	sbx_buf_clear(&b);
	sbx_buf_hex(&b, "\x00\xff\x10\x20\x30", 5);
	ck_assert_str_eq(b.data, "00ff102030");
	sbx_buf_hex(&b, "", 0);
	ck_assert(!b.over);
	sbx_buf_hex(&b, "x", 1);
	ck_assert(b.over);
	sbx_buf_free(&b);
	ck_assert_ptr_null(b.data);
	ck_assert_uint_eq(b.max, 10);
}
END_TEST

START_TEST(a_buffer_grows_and_keeps_every_byte)
{
	struct sbx_buf b = SBX_BUF(1 << 20);

	for (int i = 0; i < 100000; i++)
		sbx_buf_add(&b, &(char){ (char)(i * 7) }, 1);
	ck_assert_uint_eq(b.len, 100000);
	for (int i = 0; i < 100000; i++)
		ck_assert_int_eq(b.data[i], (char)(i * 7));
	sbx_buf_free(&b);
}
END_TEST

/* ---- enc ---- */

START_TEST(hex_has_one_spelling)
{
	static const char *const bad[] = { "", "0", "00f", "00fF", "00FF",
		"00f ", " 0ff", "0x0f", "00gg", "00ff0", "00ff00", "00:f" };
	unsigned char out[2];
	char text[5];

	ck_assert(sbx_hex_parse(out, 2, "00ff", 4));
	ck_assert_mem_eq(out, "\x00\xff", 2);
	sbx_hex_write(text, out, 2);
	ck_assert_str_eq(text, "00ff");
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		ck_assert_msg(!sbx_hex_parse(out, 2, bad[i], strlen(bad[i])),
			"taken: %s", bad[i]);
	ck_assert(!sbx_hex_parse(out, 2, "00\0f", 4));
}
END_TEST

/* It is taken in pieces: every length, and a wrong digit at every place. */
START_TEST(hex_is_judged_digit_by_digit_at_every_length)
{
	unsigned char raw[70], back[sizeof(raw)];
	char text[2 * sizeof(raw) + 1], one[3];

	for (size_t i = 0; i < sizeof(raw); i++)
		raw[i] = (unsigned char)(i * 37 + 11);
	for (size_t len = 0; len <= sizeof(raw); len++) {
		sbx_hex_write(text, raw, len);
		ck_assert_uint_eq(strlen(text), 2 * len);
		for (size_t i = 0; i < len; i++) {
			snprintf(one, sizeof(one), "%02x", raw[i]);
			ck_assert_mem_eq(text + 2 * i, one, 2);
		}
		ck_assert(sbx_hex_parse(back, len, text, 2 * len));
		ck_assert_mem_eq(back, raw, len);
		for (size_t i = 0; i < 2 * len; i++) {
			char was = text[i];

			text[i] = "/:`gGA \x80"[i % 8];
			ck_assert_msg(!sbx_hex_parse(back, len, text, 2 * len),
				"taken: %s", text);
			text[i] = was;
		}
	}
}
END_TEST

START_TEST(a_wireguard_key_has_one_spelling)
{
	static const char *const bad[] = {
		"AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh9=", /* spare bits */
		"AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8",
		"AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8==",
		"AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8-",
		"AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdH===",
		"AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8\n",
		"-_ECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=",
	};
	const char *good = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";
	char text[SBX_WGKEY_SIZE];
	unsigned char key[32];

	ck_assert(sbx_wgkey_parse(key, good, strlen(good)));
	for (unsigned i = 0; i < 32; i++)
		ck_assert_uint_eq(key[i], i);
	sbx_wgkey_write(text, key);
	ck_assert_str_eq(text, good);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		ck_assert_msg(!sbx_wgkey_parse(key, bad[i], strlen(bad[i])),
			"taken: %s", bad[i]);
}
END_TEST

START_TEST(a_token_has_one_spelling)
{
	static const char *const bad[] = { "_-9", "_-8=", "+/8", "_", "_-8 ",
		"_-8\n" };
	struct sbx_buf b = SBX_BUF(100);

	sbx_b64url_write(&b, "\xff\xef", 2);
	ck_assert_str_eq(sbx_buf_text(&b), "_-8");
	sbx_buf_clear(&b);
	ck_assert(sbx_b64url_parse(&b, "_-8", 3));
	ck_assert_uint_eq(b.len, 2);
	ck_assert_mem_eq(b.data, "\xff\xef", 2);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		ck_assert_msg(!sbx_b64url_parse(&b, bad[i], strlen(bad[i])),
			"taken: %s", bad[i]);
	sbx_buf_free(&b);
}
END_TEST

START_TEST(base64_has_no_letter_past_ascii)
{
	struct sbx_buf b = SBX_BUF(100);
	unsigned char key[32];
	char text[45];

	for (int c = 0x80; c < 0x100; c++) {
		memset(text, 'A', 44);
		text[43] = '=';
		text[44] = '\0';
		ck_assert(sbx_wgkey_parse(key, text, 44));
		text[1] = (char)c;
		ck_assert_msg(!sbx_wgkey_parse(key, text, 44), "%x", c);
		ck_assert_msg(!sbx_b64_parse(&b, text, 44), "%x", c);
		ck_assert_msg(!sbx_b64url_parse(&b, text, 43), "%x", c);
	}
	sbx_buf_free(&b);
}
END_TEST

START_TEST(a_number_has_one_spelling)
{
	static const char *const bad[] = { "", "-", "-0", "01", "+1", " 1",
		"1 ", "1.0", "1e3", "0x1", "--1", "-01", "1000",
		"9223372036854775808", "99999999999999999999999999" };
	int64_t v;

	ck_assert(sbx_num_parse(&v, "0", 0, 999) && v == 0);
	ck_assert(sbx_num_parse(&v, "999", 0, 999) && v == 999);
	ck_assert(sbx_num_parse(&v, "-17", -17, 999) && v == -17);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		ck_assert_msg(!sbx_num_parse(&v, bad[i], -17, 999), "taken: %s",
			bad[i]);
	ck_assert(!sbx_num_parse(&v, "-18", -17, 999));
}
END_TEST

/* ---- clock ---- */

static const struct {
	const char *text, *written;
} times[] = {
	{ "2026-07-01T10:00:00.123456+00:00",
		"2026-07-01T10:00:00.123456+00:00" },
	{ "2026-07-01T10:00:00Z", "2026-07-01T10:00:00.000000+00:00" },
	{ "2026-07-01t10:00:00z", "2026-07-01T10:00:00.000000+00:00" },
	{ "2026-07-01T12:30:00.5+02:30", "2026-07-01T10:00:00.500000+00:00" },
	{ "2026-06-30T23:00:00-11:00", "2026-07-01T10:00:00.000000+00:00" },
	{ "2026-07-01T10:00:00.123456789Z",
		"2026-07-01T10:00:00.123456+00:00" },
	{ "2024-02-29T00:00:00Z", "2024-02-29T00:00:00.000000+00:00" },
	{ "1970-01-01T00:00:00Z", "1970-01-01T00:00:00.000000+00:00" },
	{ "9999-12-31T23:59:59.999999Z", "9999-12-31T23:59:59.999999+00:00" },
};

START_TEST(a_time_is_read_and_written_in_one_form)
{
	char text[SBX_TIME_SIZE];
	int64_t us, again;

	ck_assert(sbx_time_parse(&us, times[_i].text, strlen(times[_i].text)));
	sbx_time_write(text, us);
	ck_assert_str_eq(text, times[_i].written);
	ck_assert(sbx_time_parse(&again, text, strlen(text)));
	ck_assert_int_eq(us, again);
}
END_TEST

START_TEST(a_time_before_1970_is_written_as_the_second_that_it_is_in)
{
	char text[SBX_TIME_SIZE];

	sbx_time_write(text, -1);
	ck_assert_str_eq(text, "1969-12-31T23:59:59.999999+00:00");
	sbx_time_write(text, -500000);
	ck_assert_str_eq(text, "1969-12-31T23:59:59.500000+00:00");
	sbx_time_write(text, -1000000);
	ck_assert_str_eq(text, "1969-12-31T23:59:59.000000+00:00");
	sbx_time_write(text, -86400000001);
	ck_assert_str_eq(text, "1969-12-30T23:59:59.999999+00:00");
}
END_TEST

static const struct {
	int64_t seconds;
	const char *text;
} spans[] = { { 0, "0 s" }, { 1, "1 s" }, { -1, "1 s" }, { 119, "119 s" },
	{ 120, "2 min" }, { 7199, "119 min" }, { 7200, "2 h" },
	{ 172799, "47 h" }, { 172800, "2 days" }, { 63115199, "730 days" },
	{ -63115200, "2 years" } };

START_TEST(a_span_is_told_in_the_unit_that_fits_it)
{
	char text[SBX_SPAN_SIZE];

	sbx_span_write(text, spans[_i].seconds * 1000000);
	ck_assert_str_eq(text, spans[_i].text);
}
END_TEST

START_TEST(every_day_is_the_day_the_c_library_counts)
{
	char text[SBX_TIME_SIZE];
	int64_t us, day;

	for (day = 0; day < 8030 * INT64_C(365); day += day < 100000 ? 1 : 97) {
		sbx_time_write(text, day * 86400 * 1000000);
		ck_assert_msg(sbx_time_parse(&us, text, strlen(text)) &&
				us == day * 86400 * 1000000, "%s", text);
	}
}
END_TEST

static const char *const no_times[] = {
	"2100-02-29T00:00:00Z",
	"",
	"2026-07-01",
	"2026-07-01T10:00:00",
	"2026-07-01 10:00:00Z",
	"2026-07-01T10:00Z",
	"2026-02-29T00:00:00Z",
	"2026-04-31T00:00:00Z",
	"2026-13-01T00:00:00Z",
	"2026-00-01T00:00:00Z",
	"2026-07-00T00:00:00Z",
	"2026-07-01T24:00:00Z",
	"2026-07-01T10:60:00Z",
	"2026-06-30T23:59:60Z",
	"2026-07-01T10:00:00.Z",
	"2026-07-01T10:00:00.1234567890Z",
	"2026-07-01T10:00:00,5Z",
	"2026-07-01T10:00:00+24:00",
	"2026-07-01T10:00:00+00:60",
	"2026-07-01T10:00:00+0000",
	"2026-07-01T10:00:00ZZ",
	"2026-07-01T10:00:00Z ",
	" 2026-07-01T10:00:00Z",
	"1969-12-31T23:59:59Z",
	"-026-07-01T10:00:00Z",
	"02026-07-01T10:00:00Z",
	"2026-7-01T10:00:00Z",
};

START_TEST(what_is_no_time_is_refused)
{
	int64_t us;

	ck_assert_msg(!sbx_time_parse(&us, no_times[_i], strlen(no_times[_i])),
		"taken: %s", no_times[_i]);
}
END_TEST

START_TEST(a_test_can_stop_the_clock)
{
	int64_t boot = sbx_clock_boot();

	sbx_clock_set(42);
	ck_assert_int_eq(sbx_clock_now(), 42);
	ck_assert_int_eq(sbx_clock_now(), 42);
	sbx_clock_set(0);
	ck_assert_int_gt(sbx_clock_now(), INT64_C(1700000000000000));
	ck_assert_int_ge(sbx_clock_boot(), boot);
}
END_TEST

/* ---- io ---- */

/* libsodium 1.0.18 reads some bytes over 0x7f as base64 digits. */
START_TEST(no_byte_but_a_digit_is_one)
{
	static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
		"abcdefghijklmnopqrstuvwxyz0123456789";
	char key[] = "AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE=";
	struct sbx_buf b = SBX_BUF(100);
	unsigned char bin[32];
	char four[] = "AQEB", hex[] = "00";

	for (int c = 0; c < 256; c++) {
		bool digit = c != 0 && strchr(digits, c) != NULL;

		key[7] = four[1] = hex[0] = (char)c;
		ck_assert_int_eq(sbx_wgkey_parse(bin, key, 44),
			digit || c == '+' || c == '/');
		ck_assert_int_eq(sbx_b64_parse(&b, four, 4),
			digit || c == '+' || c == '/');
		ck_assert_int_eq(sbx_b64url_parse(&b, four, 4),
			digit || c == '-' || c == '_');
		ck_assert_int_eq(sbx_hex_parse(bin, 1, hex, 2),
			(c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'));
		sbx_buf_clear(&b);
	}
	sbx_buf_free(&b);
}
END_TEST

static char dir[] = "/tmp/sbx-base.XXXXXX";
static struct sbx_buf buf = SBX_BUF(100);
static struct sbx_err err;

static void
in_a_directory(void)
{
	umask(077);
	memcpy(dir, "/tmp/sbx-base.XXXXXX", sizeof(dir));
	ck_assert_ptr_nonnull(mkdtemp(dir));
	ck_assert_int_eq(chdir(dir), 0);
	memset(&err, 0, sizeof(err));
}

static void
gone_again(void)
{
	pid_t pid;

	sbx_buf_free(&buf);
	ck_assert_int_eq(chdir("/"), 0);
	if ((pid = fork()) == 0) {
		execlp("rm", "rm", "-rf", dir, (char *)NULL);
		_exit(127);
	}
	waitpid(pid, NULL, 0);
}

static void
lay(const char *name, const char *text, mode_t mode)
{
	int fd = open(name, O_WRONLY | O_CREAT | O_TRUNC, 0600);

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	ck_assert_int_eq(fchmod(fd, mode), 0);
	close(fd);
}

/* Entries of the current directory. */
static unsigned
entries(void)
{
	FILE *p = popen("ls -A | wc -l", "r");
	unsigned n = 999;

	ck_assert_int_eq(fscanf(p, "%u", &n), 1);
	pclose(p);
	return n;
}

/* I2 */
START_TEST(a_file_is_read_up_to_its_limit)
{
	char text[102] = { 0 };

	memset(text, 'a', 100);
	lay("f", text, 0644);
	ck_assert_int_eq(sbx_io_read("f", 0, &buf, &err), 0);
	ck_assert_uint_eq(buf.len, 100);
	text[100] = 'a';
	lay("f", text, 0644);
	sbx_buf_clear(&buf);
	ck_assert_int_eq(sbx_io_read("f", 0, &buf, &err), SBX_E_INPUT);
	ck_assert_str_eq(err.text, "f: longer than 100 bytes");
}
END_TEST

START_TEST(a_missing_file_is_told_apart)
{
	ck_assert_int_eq(sbx_io_read("no", 0, &buf, &err), SBX_E_SYS);
	ck_assert_int_eq(errno, ENOENT);
	ck_assert_str_eq(err.text, "no: No such file or directory");
}
END_TEST

START_TEST(only_a_regular_file_is_read)
{
	ck_assert_int_eq(mkfifo("fifo", 0600), 0);
	ck_assert_int_eq(sbx_io_read("fifo", 0, &buf, &err), SBX_E_USAGE);
	ck_assert_int_eq(sbx_io_read("/dev/zero", 0, &buf, &err), SBX_E_USAGE);
	ck_assert_int_eq(sbx_io_read(".", 0, &buf, &err), SBX_E_USAGE);
	ck_assert_uint_eq(buf.len, 0);
}
END_TEST

START_TEST(a_secret_others_may_reach_is_refused)
{
	static const mode_t bad[] = { 0640, 0604, 0620, 0602, 0610, 0601 };

	lay("f", "x", 0600);
	ck_assert_int_eq(sbx_io_read("f", SBX_IO_SECRET, &buf, &err), 0);
	lay("f", "x", 0400);
	ck_assert_int_eq(sbx_io_read("f", SBX_IO_SECRET, &buf, &err), 0);
	sbx_buf_clear(&buf);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		unlink("f");
		lay("f", "x", bad[i]);
		ck_assert_int_eq(sbx_io_read("f", SBX_IO_SECRET, &buf, &err),
			SBX_E_USAGE);
		ck_assert_str_ne(err.hint, "");
	}
	ck_assert_uint_eq(buf.len, 0);
}
END_TEST

START_TEST(a_checked_file_is_not_reached_by_a_link)
{
	lay("f", "x", 0600);
	ck_assert_int_eq(symlink("f", "l"), 0);
	ck_assert_int_eq(sbx_io_read("l", 0, &buf, &err), 0);
	ck_assert_int_eq(
		sbx_io_read("l", SBX_IO_SECRET, &buf, &err), SBX_E_SYS);
	ck_assert_int_eq(sbx_io_read("l", SBX_IO_ROOT, &buf, &err), SBX_E_SYS);
}
END_TEST

START_TEST(what_root_trusts_is_roots_and_writable_by_nobody_else)
{
	struct sbx_buf big = SBX_BUF(1 << 20);

	ck_assert_int_eq(
		sbx_io_read("/etc/passwd", SBX_IO_ROOT, &big, &err), 0);
	sbx_buf_free(&big);
	lay("f", "x", 0664);
	ck_assert_int_eq(
		sbx_io_read("f", SBX_IO_ROOT, &buf, &err), SBX_E_USAGE);
	lay("f", "x", 0646);
	ck_assert_int_eq(
		sbx_io_read("f", SBX_IO_ROOT, &buf, &err), SBX_E_USAGE);
	lay("f", "x", 0644);
	if (geteuid() == 0)
		ck_assert_int_eq(chown("f", 1, 1), 0);
	ck_assert_int_eq(
		sbx_io_read("f", SBX_IO_ROOT, &buf, &err), SBX_E_USAGE);
}
END_TEST

START_TEST(a_save_is_whole_with_its_mode_and_leaves_nothing_else)
{
	struct stat st;

	ck_assert_int_eq(sbx_io_save("f", "one", 3, 0644, 0, &err), 0);
	ck_assert_int_eq(sbx_io_save("f", "other", 5, 0640, 0, &err), 0);
	ck_assert_int_eq(sbx_io_read("f", 0, &buf, &err), 0);
	ck_assert_str_eq(buf.data, "other");
	ck_assert_int_eq(stat("f", &st), 0);
	ck_assert_uint_eq(st.st_mode & 07777, 0640);
	ck_assert_uint_eq(entries(), 1);
}
END_TEST

START_TEST(a_new_file_never_replaces_one)
{
	ck_assert_int_eq(sbx_io_save("f", "one", 3, 0600, SBX_IO_NEW, &err), 0);
	ck_assert_int_eq(sbx_io_save("f", "two", 3, 0600, SBX_IO_NEW, &err),
		SBX_E_USAGE);
	ck_assert_str_eq(err.text, "f: exists already");
	ck_assert_int_eq(symlink("nowhere", "l"), 0);
	ck_assert_int_eq(sbx_io_save("l", "two", 3, 0600, SBX_IO_NEW, &err),
		SBX_E_USAGE);
	ck_assert_int_eq(sbx_io_read("f", 0, &buf, &err), 0);
	ck_assert_str_eq(buf.data, "one");
	ck_assert_uint_eq(entries(), 2);
}
END_TEST

/* What a crash left, or somebody laid there, neither stops a save nor lends it
 * its content, its mode or another file's place. */
START_TEST(a_draft_in_the_way_is_taken_over)
{
	struct stat st;

	lay("f.new", "left by a crash", 0666);
	ck_assert_int_eq(sbx_io_save("f", "one", 3, 0600, SBX_IO_NEW, &err), 0);
	lay("g", "another file", 0644);
	ck_assert_int_eq(link("g", "f.new"), 0);
	ck_assert_int_eq(sbx_io_save("f", "two", 3, 0600, 0, &err), 0);
	ck_assert_int_eq(symlink("g", "f.new"), 0);
	ck_assert_int_eq(sbx_io_save("f", "three", 5, 0600, 0, &err), 0);
	ck_assert_int_eq(mkfifo("f.new", 0600), 0);
	ck_assert_int_eq(sbx_io_save("f", "four", 4, 0600, 0, &err), 0);
	ck_assert_int_eq(sbx_io_read("f", 0, &buf, &err), 0);
	ck_assert_str_eq(buf.data, "four");
	ck_assert_int_eq(stat("f", &st), 0);
	ck_assert_uint_eq(st.st_mode & 07777, 0600);
	sbx_buf_clear(&buf);
	ck_assert_int_eq(sbx_io_read("g", 0, &buf, &err), 0);
	ck_assert_str_eq(buf.data, "another file");
	ck_assert_uint_eq(entries(), 2);
}
END_TEST

START_TEST(two_savers_at_once_never_mix)
{
	char big[2][20000];
	struct sbx_buf got = SBX_BUF(30000);
	int status;
	pid_t pid;

	memset(big[0], 'a', sizeof(big[0]));
	memset(big[1], 'b', sizeof(big[1]));
	if ((pid = fork()) == 0) {
		for (int i = 0; i < 50; i++)
			if (sbx_io_save("f", big[1], 9000, 0600, 0, &err) != 0)
				_exit(1);
		_exit(0);
	}
	for (int i = 0; i < 50; i++) {
		ck_assert_int_eq(
			sbx_io_save("f", big[0], 5000, 0600, 0, &err), 0);
		sbx_buf_clear(&got);
		ck_assert_int_eq(sbx_io_read("f", 0, &got, &err), 0);
		ck_assert(got.len == (got.data[0] == 'a' ? 5000 : 9000));
		ck_assert(memcmp(got.data, big[got.data[0] == 'b'], got.len) == 0);
	}
	sbx_buf_free(&got);
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert_int_eq(status, 0);
	ck_assert_uint_eq(entries(), 1);
}
END_TEST

/* I3 */
START_TEST(a_failed_save_leaves_what_was_there)
{
	ck_assert_int_eq(mkdir("d", 0700), 0);
	ck_assert_int_eq(sbx_io_save("d", "x", 1, 0600, 0, &err), SBX_E_SYS);
	ck_assert_int_eq(sbx_io_save("no/f", "x", 1, 0600, 0, &err), SBX_E_SYS);
	ck_assert_int_eq(
		sbx_io_save("/dev/full/f", "x", 1, 0600, 0, &err), SBX_E_SYS);
	ck_assert_uint_eq(entries(), 1);
}
END_TEST

START_TEST(a_full_disk_is_noticed)
{
	int fd = open("/dev/full", O_WRONLY);

	ck_assert_int_eq(sbx_io_write_fd(fd, "x", 1, &err), SBX_E_SYS);
	close(fd);
}
END_TEST

START_TEST(directories_are_made_with_their_mode)
{
	struct stat st;

	ck_assert_int_eq(sbx_io_mkdir("a/b//c/", 0755, &err), 0);
	ck_assert_int_eq(sbx_io_mkdir("a/b/c", 0700, &err), 0);
	ck_assert_int_eq(stat("a/b", &st), 0);
	ck_assert_uint_eq(st.st_mode & 07777, 0755);
	ck_assert_int_eq(stat("a/b/c", &st), 0);
	ck_assert_uint_eq(st.st_mode & 07777, 0755);
	lay("f", "x", 0600);
	ck_assert_int_eq(sbx_io_mkdir("f", 0700, &err), SBX_E_SYS);
	ck_assert_int_eq(sbx_io_mkdir("f/g", 0700, &err), SBX_E_SYS);
}
END_TEST

/* ---- lines ---- */

/* Lines of what text is, sent by parts of n bytes. */
static void
open_lines(
	struct sbx_lines *l, const char *text, size_t len, size_t n, pid_t *pid)
{
	int p[2];

	ck_assert_int_eq(pipe(p), 0);
	if ((*pid = fork()) == 0) {
		close(p[0]);
		for (; len > 0; text += n, len -= n) {
			n = n < len ? n : len;
			if (write(p[1], text, n) < 0)
				break;
		}
		_exit(0);
	}
	close(p[1]);
	sbx_lines_init(l, p[0]);
}

static void
close_lines(struct sbx_lines *l, pid_t pid)
{
	close(l->fd);
	sbx_lines_free(l);
	waitpid(pid, NULL, 0);
}

static const size_t parts[] = { 1, 2, 3, 7, 100 };

START_TEST(lines_are_the_same_whatever_parts_they_come_in)
{
	static const char text[] = "one\n\ntwo\r\nth\0ee\nlast";
	static const struct {
		const char *text;
		size_t len;
	} want[] = { { "one", 3 }, { "", 0 }, { "two\r", 4 }, { "th\0ee", 5 },
		{ "last", 4 } };
	struct sbx_lines l;
	pid_t pid;

	open_lines(&l, text, sizeof(text) - 1, parts[_i], &pid);
	for (size_t i = 0; i < 5; i++) {
		ck_assert_int_eq(sbx_lines_next(&l, &err), 1);
		ck_assert_uint_eq(l.number, i + 1);
		ck_assert_uint_eq(l.len, want[i].len);
		ck_assert_mem_eq(l.text, want[i].text, l.len + 1);
		ck_assert(!l.over);
	}
	ck_assert_int_eq(sbx_lines_next(&l, &err), 0);
	ck_assert_int_eq(sbx_lines_next(&l, &err), 0);
	close_lines(&l, pid);
}
END_TEST

/* How far past the limit, in bytes, and whether a newline ends it. */
static const struct {
	long past;
	bool newline;
} longs[] = { { 0, true }, { 0, false }, { 1, true }, { 1, false },
	{ 16383, true }, { 16384, true }, { 16385, true }, { 300000, true },
	{ 300000, false } };

/* I2 */
START_TEST(a_line_too_long_is_cut_and_the_next_one_whole)
{
	size_t len = SBX_MAX_LINE + (size_t)longs[_i].past;
	struct sbx_buf text = SBX_BUF(1 << 20);
	struct sbx_lines l;
	pid_t pid;

	sbx_buf_str(&text, "first\n");
	for (size_t i = 0; i < len; i++)
		sbx_buf_str(&text, "x");
	if (longs[_i].newline)
		sbx_buf_str(&text, "\nnext\n");
	open_lines(&l, text.data, text.len, 5000, &pid);
	ck_assert_int_eq(sbx_lines_next(&l, &err), 1);
	ck_assert_str_eq(l.text, "first");
	ck_assert_int_eq(sbx_lines_next(&l, &err), 1);
	ck_assert_int_eq(l.over, longs[_i].past > 0);
	ck_assert_uint_eq(l.len, SBX_MAX_LINE);
	ck_assert_uint_eq(strspn(l.text, "x"), SBX_MAX_LINE);
	ck_assert_uint_eq(strlen(l.text), SBX_MAX_LINE);
	ck_assert_uint_eq(l.number, 2);
	if (longs[_i].newline) {
		ck_assert_int_eq(sbx_lines_next(&l, &err), 1);
		ck_assert_str_eq(l.text, "next");
		ck_assert_uint_eq(l.number, 3);
	}
	ck_assert_int_eq(sbx_lines_next(&l, &err), 0);
	close_lines(&l, pid);
	sbx_buf_free(&text);
}
END_TEST

START_TEST(no_lines_are_no_lines)
{
	struct sbx_lines l;
	pid_t pid;

	open_lines(&l, "", 0, 1, &pid);
	ck_assert_int_eq(sbx_lines_next(&l, &err), 0);
	close_lines(&l, pid);
	sbx_lines_init(&l, -1);
	ck_assert_int_eq(sbx_lines_next(&l, &err), SBX_E_SYS);
	sbx_lines_free(&l);
}
END_TEST

#define COUNT(a) ((int)(sizeof(a) / sizeof((a)[0])))

int
main(void)
{
	Suite *s = suite_create("base");
	TCase *t = tcase_create("plain"), *io = tcase_create("io");

	suite_add_tcase(s, t);
	tcase_add_test(t, an_error_keeps_its_code_and_fits_its_room);
	tcase_add_test(t, a_buffer_holds_its_limit_and_not_one_byte_more);
	tcase_add_test(t, a_buffer_grows_and_keeps_every_byte);
	tcase_add_test(t, hex_has_one_spelling);
	tcase_add_test(t, hex_is_judged_digit_by_digit_at_every_length);
	tcase_add_test(t, a_wireguard_key_has_one_spelling);
	tcase_add_test(t, a_token_has_one_spelling);
	tcase_add_test(t, base64_has_no_letter_past_ascii);
	tcase_add_test(t, no_byte_but_a_digit_is_one);
	tcase_add_test(t, a_number_has_one_spelling);
	tcase_add_test(t, every_day_is_the_day_the_c_library_counts);
	tcase_add_test(t,
		a_time_before_1970_is_written_as_the_second_that_it_is_in);
	tcase_add_loop_test(t, a_span_is_told_in_the_unit_that_fits_it, 0,
		(int)(sizeof(spans) / sizeof(spans[0])));
	tcase_add_loop_test(
		t, a_time_is_read_and_written_in_one_form, 0, COUNT(times));
	tcase_add_loop_test(t, what_is_no_time_is_refused, 0, COUNT(no_times));
	tcase_add_test(t, a_test_can_stop_the_clock);
	suite_add_tcase(s, io);
	tcase_add_checked_fixture(io, in_a_directory, gone_again);
	tcase_add_test(io, a_file_is_read_up_to_its_limit);
	tcase_add_test(io, a_missing_file_is_told_apart);
	tcase_add_test(io, only_a_regular_file_is_read);
	tcase_add_test(io, a_secret_others_may_reach_is_refused);
	tcase_add_test(io, a_checked_file_is_not_reached_by_a_link);
	tcase_add_test(
		io, what_root_trusts_is_roots_and_writable_by_nobody_else);
	tcase_add_test(
		io, a_save_is_whole_with_its_mode_and_leaves_nothing_else);
	tcase_add_test(io, a_new_file_never_replaces_one);
	tcase_add_test(io, a_draft_in_the_way_is_taken_over);
	tcase_add_test(io, two_savers_at_once_never_mix);
	tcase_add_test(io, a_failed_save_leaves_what_was_there);
	tcase_add_test(io, a_full_disk_is_noticed);
	tcase_add_test(io, directories_are_made_with_their_mode);
	tcase_add_loop_test(io, lines_are_the_same_whatever_parts_they_come_in,
		0, COUNT(parts));
	tcase_add_loop_test(io, a_line_too_long_is_cut_and_the_next_one_whole,
		0, COUNT(longs));
	tcase_add_test(io, no_lines_are_no_lines);
	return finish_suite(s);
}
