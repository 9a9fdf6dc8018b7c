/* SPDX-License-Identifier: Apache-2.0 */
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/base.h"
#include "system/system.h"
#include "suite.h"

static struct sbx_err err;
static pid_t server;
static int port;

static void
say(int fd, const char *text, size_t len)
{
	if (write(fd, text, len) != (ssize_t)len)
		_exit(0);
}
#define SAY(fd, s) say(fd, s, sizeof(s) - 1)

/* 4096 times "a", packed by gzip. */
static const char packed[] =
	"\x1f\x8b\x08\x00\x00\x00\x00\x00\x02\x03\xed\xc1\x01\x0d\x00\x00\x00"
	"\xc2\xa0\xac\xef\x5f\xc2\x1e\x0e\x28\x00\x00\x00\xe0\xdd\x00\x73\xdc"
	"\x99\x9c\x00\x10\x00\x00";

static void
answer(int fd, const char *req)
{
	char block[4096];

	if (strncmp(req, "GET /ok", 7) == 0)
		SAY(fd, "HTTP/1.1 200 OK\r\nETag: \"abc\"\r\n"
			"Content-Length: 6\r\n\r\nhello\n");
	else if (strstr(req, "If-None-Match: \"abc\"") != NULL)
		SAY(fd, "HTTP/1.1 304 Not Modified\r\nETag: \"abc\"\r\n\r\n");
	else if (strncmp(req, "GET /etag", 9) == 0) {
		snprintf(block, sizeof(block), "HTTP/1.1 200 OK\r\nETag: "
			"\"%0*d\"\r\nContent-Length: 1\r\n\r\nx",
			atoi(req + 9) - 2, 7);
		say(fd, block, strlen(block));
	} else if (strncmp(req, "GET /none", 9) == 0)
		SAY(fd, "HTTP/1.1 404 Not Found\r\nContent-Length: 4\r\n\r\n"
			"none");
	else if (strncmp(req, "GET /away", 9) == 0)
		SAY(fd, "HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1/\r\n"
			"Content-Length: 0\r\n\r\n");
	else if (strncmp(req, "GET /packed", 11) == 0) {
		SAY(fd, "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n\r\n");
		say(fd, packed, sizeof(packed) - 1);
	} else if (strncmp(req, "GET /declared", 13) == 0)
		SAY(fd, "HTTP/1.1 200 OK\r\nContent-Length: 9999999\r\n\r\nx");
	else if (strncmp(req, "GET /endless", 12) == 0) {
		SAY(fd, "HTTP/1.1 200 OK\r\n\r\n");
		memset(block, 'x', sizeof(block));
		for (;;)
			say(fd, block, sizeof(block));
	} else if (strncmp(req, "GET /slow", 9) == 0) {
		SAY(fd, "HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\nx");
		pause();
	} else if (strncmp(req, "GET /short", 10) == 0)
		SAY(fd, "HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\nx");
	else if (strncmp(req, "POST /echo", 10) == 0) {
		SAY(fd, "HTTP/1.1 403 Forbidden\r\n\r\n");
		say(fd, req, strlen(req));
	} else
		SAY(fd, "hello, this is no HTTP at all\n");
}

static _Noreturn void
serve(int sock)
{
	char req[4096];
	ssize_t n;
	int fd;

	signal(SIGCHLD, SIG_IGN);
	while ((fd = accept(sock, NULL, NULL)) >= 0) {
		if (fork() == 0) {
			alarm(20);
			close(sock);
			n = read(fd, req, sizeof(req) - 1);
			if (n > 0) {
				req[n] = '\0';
				answer(fd, req);
			}
			_exit(0);
		}
		close(fd);
	}
	_exit(0);
}

static void
setup(void)
{
	struct sockaddr_in a = { .sin_family = AF_INET };
	socklen_t len = sizeof(a);
	int sock = socket(AF_INET, SOCK_STREAM, 0);

	a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	ck_assert_int_eq(bind(sock, (struct sockaddr *)&a, len), 0);
	ck_assert_int_eq(listen(sock, 16), 0);
	ck_assert_int_eq(getsockname(sock, (struct sockaddr *)&a, &len), 0);
	port = ntohs(a.sin_port);
	server = fork();
	if (server == 0) {
		setpgid(0, 0);
		serve(sock);
	}
	setpgid(server, server);
	close(sock);
}

static void
teardown(void)
{
	kill(-server, SIGKILL);
	waitpid(server, NULL, 0);
}

static int status;
static char etag[SBX_ETAG_SIZE];
static struct sbx_buf out = SBX_BUF(1 << 20);

static int
get(const char *path, struct sbx_fetch f)
{
	char url[64];

	snprintf(url, sizeof(url), "http://127.0.0.1:%d%s", port, path);
	f.url = url;
	if (f.max == 0)
		f.max = 100;
	if (f.timeout == 0)
		f.timeout = 5000;
	status = 0;
	etag[0] = '\0';
	memset(&err, 0, sizeof(err));
	sbx_buf_clear(&out);
	return sbx_fetch(&f, &status, &out, etag, &err);
}

static double
now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

START_TEST(body_status_and_etag_arrive)
{
	ck_assert_int_eq(get("/ok", (struct sbx_fetch){ 0 }), 0);
	ck_assert_int_eq(status, 200);
	ck_assert_str_eq(etag, "\"abc\"");
	ck_assert_str_eq(out.data, "hello\n");
}
END_TEST

/* I2: a longer one is not kept, and the answer is taken all the same. */
START_TEST(an_etag_is_at_most_79_bytes)
{
	ck_assert_int_eq(get("/etag79", (struct sbx_fetch){ 0 }), 0);
	ck_assert_uint_eq(strlen(etag), 79);
	ck_assert_str_eq(etag + 75, "007\"");
	ck_assert_int_eq(get("/etag80", (struct sbx_fetch){ 0 }), 0);
	ck_assert_str_eq(etag, "");
	ck_assert_str_eq(out.data, "x");
}
END_TEST

START_TEST(what_is_known_is_not_sent_again)
{
	ck_assert_int_eq(
		get("/known", (struct sbx_fetch){ .etag = "\"abc\"" }), 0);
	ck_assert_int_eq(status, 304);
	ck_assert_uint_eq(out.len, 0);
}
END_TEST

START_TEST(body_of_an_error_is_handed_on_unless_unwanted)
{
	ck_assert_int_eq(get("/none", (struct sbx_fetch){ 0 }), 0);
	ck_assert_int_eq(status, 404);
	ck_assert_str_eq(out.data, "none");
	ck_assert_int_eq(
		get("/none", (struct sbx_fetch){ .ok_only = true }), 0);
	ck_assert_int_eq(status, 404);
	ck_assert_uint_eq(out.len, 0);
}
END_TEST

START_TEST(post_carries_body_and_type)
{
	struct sbx_fetch f = { .body = "{\"a\":1}", .bodylen = 7, .max = 4096 };

	ck_assert_int_eq(get("/echo", f), 0);
	ck_assert_int_eq(status, 403);
	ck_assert_ptr_nonnull(
		strstr(out.data, "Content-Type: application/json\r\n"));
	ck_assert_ptr_nonnull(strstr(out.data, "\r\n\r\n{\"a\":1}"));
}
END_TEST

START_TEST(redirect_is_refused)
{
	ck_assert_int_eq(get("/away", (struct sbx_fetch){ 0 }), SBX_E_INPUT);
	ck_assert_ptr_nonnull(strstr(err.text, "redirect"));
}
END_TEST

START_TEST(too_long_is_refused_declared_or_not)
{
	ck_assert_int_eq(get("/endless", (struct sbx_fetch){ 0 }), SBX_E_SYS);
	ck_assert_ptr_nonnull(strstr(err.text, "longer than 100 bytes"));
	ck_assert_uint_le(out.len, 100);
	ck_assert_int_eq(get("/declared", (struct sbx_fetch){ 0 }), SBX_E_SYS);
	ck_assert_int_eq(get("/ok", (struct sbx_fetch){ .max = 6 }), 0);
	ck_assert_int_eq(get("/ok", (struct sbx_fetch){ .max = 5 }), SBX_E_SYS);
}
END_TEST

/* I2 */
START_TEST(limit_counts_what_is_unpacked)
{
	ck_assert_int_eq(get("/packed", (struct sbx_fetch){ .max = 4096 }), 0);
	ck_assert_uint_eq(out.len, 4096);
	ck_assert_int_eq(
		get("/packed", (struct sbx_fetch){ .max = 4095 }), SBX_E_SYS);
	ck_assert_ptr_nonnull(strstr(err.text, "longer than 4095 bytes"));
}
END_TEST

START_TEST(too_slow_is_given_up_in_time)
{
	double start = now();

	ck_assert_int_eq(
		get("/slow", (struct sbx_fetch){ .timeout = 300 }), SBX_E_SYS);
	ck_assert_ptr_nonnull(strstr(err.text, "too slow"));
	ck_assert(now() - start < 2);
}
END_TEST

START_TEST(half_an_answer_is_none)
{
	ck_assert_int_eq(get("/short", (struct sbx_fetch){ 0 }), SBX_E_SYS);
	ck_assert_int_eq(get("/gibberish", (struct sbx_fetch){ 0 }), SBX_E_SYS);
}
END_TEST

START_TEST(nobody_there_is_unreachable)
{
	struct sbx_fetch f = {
		.url = "http://127.0.0.1:1/", .max = 9, .timeout = 2000
	};

	ck_assert_int_eq(sbx_fetch(&f, &status, &out, NULL, &err), SBX_E_SYS);
	ck_assert_ptr_nonnull(strstr(err.text, "connection refused"));
}
END_TEST

static const char *const wrong[] = { "file:///etc/passwd", "ftp://127.0.0.1/",
	"gopher://127.0.0.1/", "127.0.0.1", "", "http://", "http://a:b@c/",
	"//127.0.0.1/" };

START_TEST(other_addresses_are_the_callers_mistake)
{
	struct sbx_fetch f = { .url = wrong[_i], .max = 9, .timeout = 500 };

	ck_assert_int_eq(sbx_fetch(&f, &status, &out, NULL, &err), SBX_E_USAGE);
}
END_TEST

/* I18 */
START_TEST(environment_names_no_proxy)
{
	setenv("http_proxy", "http://127.0.0.1:1/", 1);
	setenv("ALL_PROXY", "http://127.0.0.1:1/", 1);
	ck_assert_int_eq(get("/ok", (struct sbx_fetch){ 0 }), 0);
	ck_assert_int_eq(status, 200);
}
END_TEST

/* A secret that is open in the parent must not be within the child's reach:
 * look into /proc while it waits for the slow server. */
/* I17 */
START_TEST(child_holds_the_pipes_alone)
{
	char url[64], cmd[128];
	struct sbx_fetch f = { .url = url, .max = 99, .timeout = 3000 };
	struct sbx_fetching *job;
	int file = open("/etc/passwd", O_RDONLY | O_CLOEXEC);
	int secret = fcntl(file, F_DUPFD_CLOEXEC, 50), fd;
	char byte;

	snprintf(url, sizeof(url), "http://127.0.0.1:%d/slow", port);
	ck_assert_int_eq(sbx_fetch_start(&f, &job, &fd, &err), 0);
	ck_assert_int_eq(read(fd, &byte, 1), 1);
	snprintf(cmd, sizeof(cmd),
		"for p in $(cat /proc/%d/task/*/children); do "
		"ls -l /proc/$p/fd; done 2>&1 | grep -q %s",
		getpid(), "pipe:");
	ck_assert_int_eq(system(cmd), 0);
	*strstr(cmd, "pipe:") = '\0';
	strcat(cmd, "passwd"); /* status 1: grep found none */
	ck_assert_int_eq(WEXITSTATUS(system(cmd)), 1);
	close(secret);
	close(file);
	close(fd);
	ck_assert_int_eq(sbx_fetch_end(job, &status, NULL, &err), SBX_E_SYS);
}
END_TEST

START_TEST(nothing_is_left_when_the_caller_stops_early)
{
	char url[64];
	struct sbx_fetch f = { .url = url, .max = 1 << 30, .timeout = 20000 };
	struct sbx_fetching *job;
	double start = now();
	int fd;

	snprintf(url, sizeof(url), "http://127.0.0.1:%d/endless", port);
	ck_assert_int_eq(sbx_fetch_start(&f, &job, &fd, &err), 0);
	close(fd);
	ck_assert_int_eq(sbx_fetch_end(job, &status, NULL, &err), SBX_E_SYS);
	ck_assert(now() - start < 4);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("fetch");
	TCase *t = tcase_create("fetch");

	tcase_add_unchecked_fixture(t, setup, teardown);
	tcase_add_test(t, body_status_and_etag_arrive);
	tcase_add_test(t, an_etag_is_at_most_79_bytes);
	tcase_add_test(t, what_is_known_is_not_sent_again);
	tcase_add_test(t, body_of_an_error_is_handed_on_unless_unwanted);
	tcase_add_test(t, post_carries_body_and_type);
	tcase_add_test(t, redirect_is_refused);
	tcase_add_test(t, too_long_is_refused_declared_or_not);
	tcase_add_test(t, limit_counts_what_is_unpacked);
	tcase_add_test(t, too_slow_is_given_up_in_time);
	tcase_add_test(t, half_an_answer_is_none);
	tcase_add_test(t, nobody_there_is_unreachable);
	tcase_add_loop_test(t, other_addresses_are_the_callers_mistake, 0,
		sizeof(wrong) / sizeof(wrong[0]));
	tcase_add_test(t, environment_names_no_proxy);
	tcase_add_test(t, child_holds_the_pipes_alone);
	tcase_add_test(t, nothing_is_left_when_the_caller_stops_early);
	suite_add_tcase(s, t);
	return finish_suite(s);
}
