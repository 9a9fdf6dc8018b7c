/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The door's CGI, on the open network: a page, a package, and requests, of
 * which only those that a token's key has signed reach root's helper.  It holds
 * no key and changes nothing but the counts of who asked how often.  Whoever
 * has no token learns nothing but that; the reason is on stderr, which is the
 * web server's log.
 */
#include <errno.h>
#include <fcntl.h>
#include <qrencode.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/base.h"
#include "json/json.h"
#include "system/system.h"
#include "join/join.h"
#include "tool/tool.h"

#define SUDO	     "/usr/bin/sudo"
#define HELPER	     SBX_SBINDIR "/sbx-join"
#define BODY_SECONDS 10
#define HELPER_MS    60000
#define MAX_ANSWER   (64u << 20)

struct work {
	struct sbx_ctx *ctx;
	const char *method, *path, *address;
	bool post, head;
	int http;	  /* of a refusal */
	const char *tell; /* a reason for who asks, or NULL */
	struct sbx_desk desk;
	struct sbx_doc *door; /* door.json */
};

static const struct {
	int http;
	const char *name, *text;
} answers[] = {
	{ 200, "OK", "" },
	{ 202, "Accepted", "" },
	{ 400, "Bad Request", "bad request" },
	{ 403, "Forbidden", "refused" },
	{ 404, "Not Found", "nothing here" },
	{ 409, "Conflict", "refused" },
	{ 413, "Content Too Large", "too long" },
	{ 429, "Too Many Requests", "too often, wait a minute" },
	{ 503, "Service Unavailable", "not now, try again" },
};

static const char *
name_of(int http, const char **text)
{
	size_t i = 0, n = sizeof(answers) / sizeof(answers[0]);

	while (i + 1 < n && answers[i].http != http)
		i++;
	*text = answers[i].text;
	return answers[i].name;
}

/* The page needs its own style and picture and nothing else in the world. */
static void
headers(const struct work *w, int http, const char *type, int64_t length)
{
	const char *text;

	(void)w;
	printf("Status: %d %s\r\nContent-Type: %s\r\nContent-Length: %lld\r\n"
	       "Cache-Control: no-store\r\nReferrer-Policy: no-referrer\r\n"
	       "X-Content-Type-Options: nosniff\r\n"
	       "Content-Security-Policy: default-src 'none'; style-src "
	       "'unsafe-inline'; form-action 'none'; frame-ancestors 'none'; "
	       "base-uri 'none'\r\n\r\n",
		http, name_of(http, &text), type, (long long)length);
}

static void
send_text(const struct work *w, int http, const char *type,
	const struct sbx_buf *body)
{
	headers(w, http, type, (int64_t)body->len);
	if (!w->head)
		fwrite(sbx_buf_text(body), 1, body->len, stdout);
}

static int
refuse(struct work *w, int http, int code, const char *why)
{
	w->http = http;
	return sbx_err_set(&w->ctx->err, code, "%s", why);
}

static void
send_refusal(struct work *w, int r)
{
	int http = w->http != 0	      ? w->http
		   : r == SBX_E_INPUT ? 400
		   : r == SBX_E_NO    ? 403
				      : 503;
	struct sbx_buf body = SBX_BUF(4096);
	struct sbx_doc *doc = sbx_doc_new();
	const char *text;

	name_of(http, &text);
	sbx_json_add_str(doc, sbx_doc_root(doc), "error",
		w->tell != NULL ? w->tell : text);
	sbx_canon_write(&body, sbx_doc_root(doc), NULL, NULL);
	sbx_buf_str(&body, "\n");
	send_text(w, http, "application/json", &body);
	sbx_doc_free(doc);
	sbx_buf_free(&body);
}

/* ---- the page ---------------------------------------------------------------- */

/* The page's own address for a camera, with the four modules of margin that a
 * reader wants (ISO 18004). */
static void
add_qr(struct sbx_buf *out, const char *text)
{
	QRcode *code = QRcode_encodeString8bit(text, 0, QR_ECLEVEL_M);
	int side;

	if (code == NULL)
		return;
	side = code->width + 8;
	sbx_buf_fmt(out,
		"<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%d\" "
		"height=\"%d\" viewBox=\"0 0 %d %d\" role=\"img\" "
		"aria-label=\"QR code\" shape-rendering=\"crispEdges\">"
		"<rect width=\"%d\" height=\"%d\" fill=\"#fff\"/><path d=\"",
		side * 6, side * 6, side, side, side, side);
	for (int y = 0; y < code->width; y++)
		for (int x = 0; x < code->width; x++)
			if ((code->data[y * code->width + x] & 1) != 0)
				sbx_buf_fmt(out, "M%d %dh1v1h-1z", x + 4, y + 4);
	sbx_buf_str(out, "\"/></svg>\n");
	QRcode_free(code);
}

static void
add_bundle(struct work *w, struct sbx_buf *out)
{
	const struct sbx_json *door = sbx_doc_root(w->door);
	const char *sum = sbx_json_str(door, "sha256");

	if (sum == NULL) {
		sbx_buf_str(out, "<p>This door hands out no package: install sbx "
			"as its README says.</p>\n<pre>");
		return;
	}
	sbx_buf_str(out, "<pre>curl -k --pinnedpubkey '");
	sbx_text_html(out, sbx_json_str(door, "pin"));
	sbx_buf_str(out, "' -o sbx.deb ");
	sbx_text_html(out, sbx_json_str(door, "url"));
	sbx_buf_str(out, "bundle\necho '");
	sbx_text_html(out, sum);
	sbx_buf_str(out, "  sbx.deb' | sha256sum -c\nsudo apt install "
		"./sbx.deb\n");
}

static int
serve_page(struct work *w)
{
	const struct sbx_json *door = sbx_doc_root(w->door);
	struct sbx_buf out = SBX_BUF(1 << 20);

	sbx_buf_str(&out, "<!doctype html>\n<html lang=\"en\"><meta "
		"charset=\"utf-8\"><title>sbx: the door of ");
	sbx_text_html(&out, sbx_json_str(door, "name"));
	sbx_buf_str(&out, "</title>\n<style>body{font:16px/1.5 sans-serif;"
		"max-width:46em;margin:2em auto;padding:0 1em}pre{background:"
		"#eee;padding:1em;overflow:auto}</style>\n<h1>The door of ");
	sbx_text_html(&out, sbx_json_str(door, "name"));
	sbx_buf_str(&out, "</h1>\n<p>A box joins a mesh here: a few boxes that "
		"share one signed directory and lend each other services.  It "
		"takes a token, which the owner of this box hands over in "
		"private; it begins with <code>" SBX_JOIN_PREFIX "</code>.</p>\n"
		"<p>This box is <code>");
	sbx_text_html(&out, sbx_json_str(door, "did"));
	sbx_buf_str(&out, "</code>.</p>\n<h2>On the new box, Debian 12</h2>\n");
	add_bundle(w, &out);
	sbx_buf_str(&out, "sudo sbx-join TOKEN</pre>\n<p>Compare the key and the "
		"sum with those that came with the token: your browser cannot "
		"tell this page from a false one, sbx-join can.</p>\n");
	add_qr(&out, sbx_json_str(door, "url"));
	send_text(w, 200, "text/html; charset=utf-8", &out);
	sbx_buf_free(&out);
	return SBX_OK;
}

static int
serve_status(struct work *w)
{
	const struct sbx_json *door = sbx_doc_root(w->door);
	struct sbx_buf out = SBX_BUF(4096);
	struct sbx_doc *doc = sbx_doc_new();
	struct sbx_json *o = sbx_doc_root(doc);

	sbx_json_add_copy(doc, o, "did", sbx_json_get(door, "did"));
	sbx_json_add_copy(doc, o, "name", sbx_json_get(door, "name"));
	sbx_json_add_time(doc, o, "now", sbx_clock_now());
	sbx_json_add_bool(doc, o, "open", true);
	sbx_canon_write(&out, o, NULL, NULL);
	sbx_buf_str(&out, "\n");
	send_text(w, 200, "application/json", &out);
	sbx_doc_free(doc);
	sbx_buf_free(&out);
	return SBX_OK;
}

static int
serve_bundle(struct work *w)
{
	const char *path = sbx_json_str(sbx_doc_root(w->door), "bundle");
	static char part[65536];
	struct stat st;
	ssize_t n;
	int fd;

	if (path == NULL)
		return refuse(w, 404, SBX_E_NO, "no bundle");
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0 || fstat(fd, &st) != 0 || !S_ISREG(st.st_mode)) {
		sbx_err_sys(&w->ctx->err, "%s", path);
		if (fd >= 0)
			close(fd);
		w->http = 404;
		return SBX_E_SYS;
	}
	headers(w, 200, "application/vnd.debian.binary-package", st.st_size);
	while (!w->head && (n = read(fd, part, sizeof(part))) > 0)
		fwrite(part, 1, (size_t)n, stdout);
	close(fd);
	return SBX_OK;
}

/* ---- requests ---------------------------------------------------------------- */

static int
read_body(struct work *w, struct sbx_buf *body)
{
	const char *length = getenv("CONTENT_LENGTH");
	int64_t n;
	int r;

	if (length == NULL || !sbx_num_parse(&n, length, 1, INT64_MAX / 16))
		return refuse(w, 400, SBX_E_INPUT, "bad content length");
	if (n > SBX_MAX_DOOR_BODY)
		return refuse(w, 413, SBX_E_INPUT, "body too long");
	alarm(BODY_SECONDS); /* SIGALRM ends who keeps us waiting */
	r = sbx_io_read_fd(STDIN_FILENO, body, &w->ctx->err);
	alarm(0);
	if (r == 0 && body->len != (size_t)n)
		r = refuse(w, 400, SBX_E_INPUT, "body cut short");
	return r;
}

/* Before anything of root's runs: a token that was opened here signed this. */
static int
check_proof(struct work *w, const struct sbx_buf *body)
{
	struct sbx_err *err = &w->ctx->err;
	struct sbx_join_request q = { 0 };
	struct sbx_doc *token = NULL;
	int r;

	r = sbx_join_request_parse(&q, body->data, body->len, err);
	if (r == 0)
		r = sbx_desk_get(&w->desk, SBX_DESK_TOKEN, q.token, &token, err);
	if (r == 0)
		r = sbx_join_request_verify(&q, err);
	sbx_doc_free(token);
	sbx_join_request_free(&q);
	return r;
}

/* The helper's first line is {"http": N, ...}. */
static int
send_answer(struct work *w, const struct sbx_buf *out)
{
	const char *end = memchr(sbx_buf_text(out), '\n', out->len);
	struct sbx_doc *doc = NULL;
	int64_t http = 0;

	if (end == NULL ||
		sbx_json_parse(out->data, (size_t)(end - out->data), NULL, &doc,
			NULL) != 0 ||
		!sbx_json_int(sbx_json_get(sbx_doc_root(doc), "http"), 200, 599,
			&http)) {
		sbx_doc_free(doc);
		return refuse(w, 503, SBX_E_SYS, "the helper's answer is none");
	}
	sbx_doc_free(doc);
	send_text(w, (int)http, "application/x-ndjson", out);
	return SBX_OK;
}

static int
serve_join(struct work *w)
{
	struct sbx_buf body = SBX_BUF(SBX_MAX_DOOR_BODY);
	struct sbx_buf out = SBX_BUF(MAX_ANSWER), said = SBX_BUF(SBX_RUN_MAX);
	struct sbx_run run = { .max = MAX_ANSWER, .timeout = HELPER_MS };
	int r, status = 0;

	if ((r = read_body(w, &body)) != 0 || (r = check_proof(w, &body)) != 0)
		goto out;
	run.argv = (const char *[]){ SUDO, "-n", HELPER, "take", w->address,
		NULL };
	run.in = body.data;
	run.inlen = body.len;
	r = sbx_run(&run, &status, &out, &said, &w->ctx->err);
	/* Its reasons go where ours go. */
	if (said.len > 0)
		fprintf(stderr, "%s", sbx_buf_text(&said));
	if (r == 0 && status != 0)
		r = refuse(w, 503, SBX_E_SYS, "the helper failed");
	if (r == 0)
		r = send_answer(w, &out);
out:
	sbx_buf_free(&body);
	sbx_buf_free(&out);
	sbx_buf_free(&said);
	return r;
}

/* ---- one request --------------------------------------------------------------- */

static int
open_door(struct work *w)
{
	struct sbx_buf text = SBX_BUF(65536);
	struct sbx_err *err = &w->ctx->err;
	bool busy = false;
	size_t pending;
	int r;

	if ((r = sbx_io_read(SBX_DOORDIR "/door.json", 0, &text, err)) == 0)
		r = sbx_json_parse(text.data, text.len, NULL, &w->door, err);
	if (r == 0)
		r = sbx_desk_busy(&w->desk, sbx_clock_now(), &busy, &pending, err);
	if (r == 0 && !busy)
		r = sbx_err_set(err, SBX_E_NO, "nothing to open for");
	if (r != 0)
		w->http = 404;
	sbx_buf_free(&text);
	return r;
}

static int
check_rate(struct work *w)
{
	struct sbx_buf path = SBX_BUF(4096);
	int r;

	sbx_buf_fmt(&path, "%s/door/%s", w->ctx->conf.run,
		w->post ? "asked" : "looked");
	r = sbx_rate_take(sbx_buf_text(&path), w->address,
		w->post ? SBX_DOOR_RATE : 6 * SBX_DOOR_RATE, sbx_clock_now(),
		&w->ctx->err);
	if (r == SBX_E_NO)
		w->http = 429;
	sbx_buf_free(&path);
	return r;
}

static int
serve(struct work *w)
{
	static const struct {
		const char *path;
		bool post;
		int (*fn)(struct work *w);
	} routes[] = { { "/", false, serve_page },
		{ "/status", false, serve_status },
		{ "/bundle", false, serve_bundle }, { "/join", true, serve_join } };
	const char *query = getenv("QUERY_STRING");
	int r;

	w->post = strcmp(w->method, "POST") == 0;
	w->head = strcmp(w->method, "HEAD") == 0;
	if (w->address == NULL || !sbx_ip_check(w->address))
		return refuse(w, 400, SBX_E_INPUT, "bad remote address");
	if ((r = open_door(w)) != 0 || (r = check_rate(w)) != 0)
		return r;
	if (!w->post && !w->head && strcmp(w->method, "GET") != 0)
		return refuse(w, 400, SBX_E_INPUT, "bad method");
	if (query != NULL && query[0] != '\0')
		return refuse(w, 404, SBX_E_INPUT, "a query");
	for (size_t i = 0; i < sizeof(routes) / sizeof(routes[0]); i++)
		if (w->path != NULL && routes[i].post == w->post &&
			strcmp(routes[i].path, w->path) == 0)
			return routes[i].fn(w);
	return refuse(w, 404, SBX_E_INPUT, "no such path");
}

static int
cmd_door(struct sbx_ctx *ctx)
{
	struct work w = { .ctx = ctx, .desk = { .lock = -1 } };
	int r;

	w.method = getenv("REQUEST_METHOD");
	w.path = getenv("PATH_INFO");
	w.address = getenv("REMOTE_ADDR");
	if (w.method == NULL)
		return sbx_err_set(
			&ctx->err, SBX_E_USAGE, "run by a web server, as CGI");
	if ((r = sbx_desk_open(&w.desk, SBX_DOORDIR, false, (gid_t)-1,
		     &ctx->err)) == 0)
		r = serve(&w);
	if (r != 0) {
		send_refusal(&w, r);
		sbx_err_at(&ctx->err, "%s", w.address != NULL ? w.address : "-");
	}
	sbx_doc_free(w.door);
	sbx_desk_close(&w.desk);
	return r;
}

static const struct sbx_cmd cmds[] = { { "", cmd_door, "", 0, 0,
					       "answer one request", NULL },
	{ NULL, NULL, NULL, 0, 0, NULL, NULL } };

static const struct sbx_tool tool = { "sbx-door",
	"the door's handler, by which boxes join",
	SBX_TOOL_ROOT | SBX_TOOL_FIXED | SBX_TOOL_NOVERB, cmds };

int
main(int argc, char **argv)
{
	return sbx_tool_main(&tool, argc, argv);
}
