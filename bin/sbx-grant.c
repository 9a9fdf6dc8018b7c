/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The provider's CGI: hands out nonces and turns a sound request into one call
 * of sbx-macroctl.  It holds no key and writes nothing but nonces.  Who asks
 * learns why not only when it is proven to be the subscriber; the reason is
 * on stderr, which is the web server's log.
 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/base.h"
#include "json/json.h"
#include "system/system.h"
#include "crypto/crypto.h"
#include "ledger/ledger.h"
#include "directory/directory.h"
#include "lend/lend.h"
#include "tool/tool.h"

#define SUDO         "/usr/bin/sudo"
#define MACROCTL     SBX_SBINDIR "/sbx-macroctl"
#define BODY_SECONDS 10
#define MACRO_MS     20000

struct work {
	struct sbx_ctx *ctx;
	struct sbx_cgi cgi;
	int http;         /* of a refusal; 0: what the error code says */
	const char *tell; /* a reason for who asks, or NULL */
	char self[SBX_DID_SIZE];
	struct sbx_log *log;
	struct sbx_state *st;
	struct sbx_request *req;
	struct sbx_verdict verdict; /* with the offer */
};

static const struct {
	int http;
	const char *name, *text;
} answers[] = {
	{ 200, "OK", NULL },
	{ 400, "Bad Request", "bad request" },
	{ 403, "Forbidden", "denied" },
	{ 404, "Not Found", "no such service" },
	{ 409, "Conflict", "the subscription waits for approval" },
	{ 413, "Content Too Large", "too long" },
	{ 429, "Too Many Requests", "too many bad requests, wait" },
	{ 503, "Service Unavailable", "not now, try again" },
};

static void
answer(int http, const struct sbx_json *body)
{
	struct sbx_buf text = SBX_BUF(SBX_MAX_LINE);
	size_t i = 0;

	while (answers[i].http != http)
		i++;
	sbx_canon_write(&text, body, NULL, NULL);
	/* Not sbx_tool_out, which would show the line ends; what is printed
	 * is ours or canonical, so no byte of it can split a header. */
	printf("Status: %d %s\r\nContent-Type: application/json\r\n"
	       "Cache-Control: no-store\r\n\r\n%s\n",
		http, answers[i].name, sbx_buf_text(&text));
	sbx_buf_free(&text);
}

static void
refuse(struct work *w, int r)
{
	int http = w->http != 0       ? w->http
		   : r == SBX_E_INPUT ? 400
		   : r == SBX_E_NO    ? 403
				      : 503;
	struct sbx_doc *doc = sbx_doc_new();
	const char *text = w->tell;

	for (size_t i = 0; text == NULL; i++)
		if (answers[i].http == http)
			text = answers[i].text;
	sbx_json_add_str(doc, sbx_doc_root(doc), "error", text);
	answer(http, sbx_doc_root(doc));
	sbx_doc_free(doc);
}

static char *
run_dir(const struct work *w, const char *name)
{
	struct sbx_buf path = SBX_BUF(4096);

	sbx_buf_fmt(&path, "%s/%s", w->ctx->conf.run, name);
	return path.data;
}

static char *
nonce_dir(const struct work *w)
{
	return run_dir(w, "nonce");
}

/* Bad requests of an address cost that address, and nobody else. */
static int
wait_out(struct work *w)
{
	char *dir = run_dir(w, "pause");
	int64_t left = sbx_ip_check(w->cgi.address != NULL ? w->cgi.address : "")
			       ? sbx_pause_left(dir, w->cgi.address) : 0;

	free(dir);
	if (left == 0)
		return 0;
	w->http = 429;
	return sbx_err_set(&w->ctx->err, SBX_E_NO,
		"%s: asked badly too often, for %lld s more", w->cgi.address,
		(long long)left);
}

static void
count_bad(struct work *w, int r)
{
	char *dir;

	if (r != SBX_E_INPUT || w->cgi.address == NULL ||
		!sbx_ip_check(w->cgi.address))
		return;
	dir = run_dir(w, "pause");
	sbx_pause_add(dir, w->cgi.address, NULL);
	free(dir);
}

static int
give_nonce(struct work *w)
{
	struct sbx_doc *doc = sbx_doc_new();
	unsigned char nonce[SBX_NONCE_BYTES];
	char *dir = nonce_dir(w);
	int r;

	r = sbx_nonce_issue(
		dir, w->cgi.service, w->cgi.address, nonce, &w->ctx->err);
	if (r == 0) {
		sbx_json_add_hex(
			doc, sbx_doc_root(doc), "nonce", nonce, sizeof(nonce));
		sbx_json_add_time(doc, sbx_doc_root(doc), "expires",
			sbx_clock_now() + SBX_NONCE_LIFE);
		answer(200, sbx_doc_root(doc));
	}
	free(dir);
	sbx_doc_free(doc);
	return r;
}

/* As long as it says, and soon: SIGALRM ends who keeps us waiting. */
static int
read_request(struct work *w)
{
	struct sbx_buf body = SBX_BUF(w->cgi.bodylen);
	struct sbx_err *err = &w->ctx->err;
	int r;

	alarm(BODY_SECONDS);
	r = sbx_io_read_fd(STDIN_FILENO, &body, err);
	alarm(0);
	if (r == 0 && body.len != w->cgi.bodylen)
		r = sbx_err_set(err, SBX_E_INPUT, "body cut short");
	if (r == 0)
		r = sbx_request_parse(body.data, body.len, &w->req, err);
	sbx_buf_free(&body);
	if (r == 0 && strcmp(w->req->service, w->cgi.service) != 0)
		r = sbx_err_set(
			err, SBX_E_INPUT, "the request is for another service");
	return r;
}

static int
redeem(struct work *w)
{
	char *dir = nonce_dir(w);
	int r = sbx_nonce_redeem(dir, w->cgi.service, w->cgi.address,
		w->req->nonce, &w->ctx->err);

	free(dir);
	return r;
}

/* The log is for people: "NAME (DID): reason" for "DID: reason". */
static void
name_subscriber(struct work *w, bool tell)
{
	struct sbx_err *err = &w->ctx->err, was = *err;
	struct sbx_buf who = SBX_BUF(1024);

	sbx_name_write(w->st, w->req->subscriber, &who);
	sbx_err_set(err, was.code, "%s: %s", sbx_buf_text(&who),
		was.text + strlen(w->req->subscriber) + 2);
	if (tell)
		w->tell = err->text + who.len + 2;
	sbx_buf_free(&who);
}

static int
check(struct work *w)
{
	struct sbx_err *err = &w->ctx->err;
	bool tell = false;
	int r;

	if ((r = sbx_log_open(w->ctx->conf.db, 0, &w->log, err)) != 0 ||
		(r = sbx_log_self(w->log, w->self, err)) != 0 ||
		(r = sbx_state_open(w->log, &w->st, err)) != 0)
		return SBX_E_SYS; /* ours to mend, whatever it is */
	r = sbx_request_check(w->log, w->st, w->self, w->req, w->cgi.address,
		&w->verdict, &w->http, &tell, err);
	if (r != 0 && r != SBX_E_NO)
		w->http = 503;
	if (r == SBX_E_NO && strncmp(err->text, w->req->subscriber,
				     strlen(w->req->subscriber)) == 0)
		name_subscriber(w, tell);
	return r;
}

static int
run_macro(struct work *w, const struct sbx_json *macro)
{
	struct sbx_buf params = SBX_BUF(SBX_MAX_ENTRY);
	struct sbx_buf said = SBX_BUF(SBX_RUN_MAX);
	struct sbx_run run = { .timeout = MACRO_MS };
	struct sbx_err *err = &w->ctx->err;
	char ttl[16];
	int r, status = 0;

	snprintf(ttl, sizeof(ttl), "%d", w->ctx->conf.grant_ttl);
	r = sbx_canon_write(&params, sbx_json_get(macro, "params"), NULL, err);
	if (r == 0) {
		run.argv = (const char *[]){ SUDO, "-n", MACROCTL,
			sbx_json_str(macro, "kind"), "grant", "--sub",
			w->req->subscriber, "--src-ip", w->cgi.address,
			"--params", sbx_buf_text(&params), "--ttl", ttl,
			"--service", w->cgi.service, "--subscription",
			w->req->subscription, NULL };
		r = sbx_run(&run, &status, NULL, &said, err);
	}
	if (r == 0 && status != 0)
		r = sbx_err_set(err, status == 1 ? SBX_E_NO : SBX_E_SYS,
			"sbx-macroctl: %d: %.*s", status,
			(int)strcspn(sbx_buf_text(&said), "\n"),
			sbx_buf_text(&said));
	sbx_buf_free(&params);
	sbx_buf_free(&said);
	return r;
}

static int
give_grant(struct work *w)
{
	const struct sbx_json *offer = sbx_doc_root(w->verdict.offer_row);
	const struct sbx_json *macro = sbx_json_get(offer, "macro");
	int64_t ttl = w->ctx->conf.grant_ttl, now = sbx_clock_now();
	struct sbx_doc *doc;
	struct sbx_json *root;
	int r;

	if ((r = run_macro(w, macro)) != 0)
		return r;
	doc = sbx_doc_new();
	root = sbx_doc_root(doc);
	sbx_json_add_copy(doc, root, "kind", sbx_json_get(macro, "kind"));
	sbx_json_add_copy(
		doc, root, "endpoint", sbx_json_get(offer, "endpoint"));
	sbx_json_add_str(doc, root, "service_id", w->cgi.service);
	sbx_json_add_int(doc, root, "ttl", ttl);
	sbx_json_add_time(doc, root, "until", now + ttl * 1000000);
	answer(200, root);
	sbx_doc_free(doc);
	return 0;
}

/* Cheap before dear: what a stranger can make us do ends at the nonce, which
 * it had to ask for. */
static int
serve(struct work *w)
{
	struct sbx_err *err = &w->ctx->err;
	int r;

	if ((r = wait_out(w)) != 0 ||
		(r = sbx_cgi_check(&w->cgi, &w->http, err)) != 0)
		return r;
	if (!w->cgi.post)
		r = give_nonce(w);
	else if ((r = read_request(w)) == 0 && (r = redeem(w)) == 0 &&
		 (r = sbx_request_verify(w->req, err)) == 0 &&
		 (r = check(w)) == 0)
		r = give_grant(w);
	return r;
}

static int
cmd_grant(struct sbx_ctx *ctx)
{
	struct work w = { .ctx = ctx };
	int r;

	w.cgi.method = getenv("REQUEST_METHOD");
	w.cgi.path = getenv("PATH_INFO");
	w.cgi.query = getenv("QUERY_STRING");
	w.cgi.address = getenv("REMOTE_ADDR");
	w.cgi.length = getenv("CONTENT_LENGTH");
	w.cgi.script = getenv("SCRIPT_NAME");
	w.cgi.target = getenv("REQUEST_URI");
	if (w.cgi.method == NULL) {
		w.http = 400;
		r = sbx_err_set(
			&ctx->err, SBX_E_USAGE, "run by a web server, as CGI");
	} else {
		r = serve(&w);
	}
	if (r != 0)
		refuse(&w, r);
	count_bad(&w, r);
	if (r != 0 && w.cgi.service[0] != '\0')
		sbx_err_at(
			&ctx->err, "%s: %.12s", w.cgi.address, w.cgi.service);
	sbx_request_free(w.req);
	sbx_verdict_free(&w.verdict);
	sbx_state_free(w.st);
	sbx_log_close(w.log);
	return r;
}

static const struct sbx_cmd cmds[] = { { "", cmd_grant, "", 0, 0,
					       "answer one request", NULL },
	{ NULL, NULL, NULL, 0, 0, NULL, NULL } };

static const struct sbx_tool tool = { "sbx-grant",
	"the provider's grant handler",
	SBX_TOOL_ROOT | SBX_TOOL_FIXED | SBX_TOOL_NOVERB, cmds };

int
main(int argc, char **argv)
{
	return sbx_tool_main(&tool, argc, argv);
}
