/* SPDX-License-Identifier: Apache-2.0 */
/*
 * libcurl reads what strangers send, so it does that in a child: of all we
 * have open it keeps two pipes, one for the body, one for how it went.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include <curl/curl.h>

#include "base/base.h"
#include "system/system.h"

#define IDLE_SECONDS 10
#define CONNECT_MS   10000
#define DEFAULT_MS   60000
#define GRACE_MS     2000 /* from the end of the body to the report */

/* What the child says at its end; one write(2), less than PIPE_BUF. */
struct report {
	int code, status;
	char etag[SBX_ETAG_SIZE];
	char text[256];
};

struct sbx_fetching {
	pid_t pid;
	int fd;
	char *url;
};

struct child {
	const struct sbx_fetch *f;
	CURL *curl;
	int out;
	size_t got;
	bool over;
};

static size_t
body(char *data, size_t size, size_t count, void *ctx)
{
	struct child *c = ctx;
	size_t len = size * count;
	long status = 0;

	if (len > c->f->max - c->got) {
		c->over = true;
		return 0;
	}
	c->got += len;
	curl_easy_getinfo(c->curl, CURLINFO_RESPONSE_CODE, &status);
	if (c->f->ok_only && status != 200 &&
		!(status == 206 && c->f->range != NULL))
		return len;
	return sbx_io_write_fd(c->out, data, len, NULL) == 0 ? len : 0;
}

/* Nothing of the environment or the home directory has a say: no proxy, no
 * netrc, no other protocol, and no second address that the first one names. */
static bool
limits(struct child *c)
{
	const struct sbx_fetch *f = c->f;
	long ms = f->timeout > 0 ? f->timeout : DEFAULT_MS;
	CURL *e = c->curl;

	return curl_easy_setopt(e, CURLOPT_URL, f->url) == CURLE_OK &&
	       curl_easy_setopt(e, CURLOPT_PROTOCOLS_STR, "http,https") ==
		       CURLE_OK &&
	       curl_easy_setopt(e, CURLOPT_FOLLOWLOCATION, 0L) == CURLE_OK &&
	       curl_easy_setopt(e, CURLOPT_PROXY, "") == CURLE_OK &&
	       curl_easy_setopt(e, CURLOPT_NETRC, (long)CURL_NETRC_IGNORED) ==
		       CURLE_OK &&
	       curl_easy_setopt(e, CURLOPT_DISALLOW_USERNAME_IN_URL, 1L) ==
		       CURLE_OK &&
	       curl_easy_setopt(e, CURLOPT_HTTP09_ALLOWED, 0L) == CURLE_OK &&
	       curl_easy_setopt(e, CURLOPT_NOSIGNAL, 1L) == CURLE_OK &&
	       curl_easy_setopt(e, CURLOPT_TIMEOUT_MS, ms) == CURLE_OK &&
	       curl_easy_setopt(e, CURLOPT_CONNECTTIMEOUT_MS,
		       ms < CONNECT_MS ? ms : CONNECT_MS) == CURLE_OK &&
	       curl_easy_setopt(e, CURLOPT_LOW_SPEED_LIMIT, 1L) == CURLE_OK &&
	       curl_easy_setopt(e, CURLOPT_LOW_SPEED_TIME,
		       (long)IDLE_SECONDS) == CURLE_OK &&
	       /* A part is one of the file, not of what it is packed into. */
	       curl_easy_setopt(e, CURLOPT_ACCEPT_ENCODING,
		       f->range == NULL ? "gzip" : NULL) == CURLE_OK &&
	       curl_easy_setopt(e, CURLOPT_RANGE, f->range) == CURLE_OK &&
	       curl_easy_setopt(e, CURLOPT_USERAGENT, "sbx/" SBX_VERSION) ==
		       CURLE_OK &&
	       curl_easy_setopt(e, CURLOPT_WRITEFUNCTION, body) == CURLE_OK &&
	       curl_easy_setopt(e, CURLOPT_WRITEDATA, c) == CURLE_OK;
}

/* Who pins a key needs no name, no date and no authority; an empty pin would
 * be one that checks nothing. */
static bool
pin(struct child *c)
{
	const char *key = c->f->pin;

	if (key == NULL)
		return true;
	return strncmp(key, "sha256//", 8) == 0 && key[8] != '\0' &&
	       curl_easy_setopt(c->curl, CURLOPT_PROTOCOLS_STR, "https") ==
		       CURLE_OK &&
	       curl_easy_setopt(c->curl, CURLOPT_SSL_VERIFYPEER, 0L) ==
		       CURLE_OK &&
	       curl_easy_setopt(c->curl, CURLOPT_SSL_VERIFYHOST, 0L) ==
		       CURLE_OK &&
	       curl_easy_setopt(c->curl, CURLOPT_PINNEDPUBLICKEY, key) ==
		       CURLE_OK;
}

static bool
request(struct child *c, struct curl_slist **headers)
{
	const struct sbx_fetch *f = c->f;
	char line[160];

	if (f->etag != NULL && f->etag[0] != '\0') {
		snprintf(line, sizeof(line), "If-None-Match: %s", f->etag);
		*headers = curl_slist_append(*headers, line);
	}
	if (f->same != NULL && f->same[0] != '\0') {
		snprintf(line, sizeof(line), "If-Range: %s", f->same);
		*headers = curl_slist_append(*headers, line);
	}
	if (f->body != NULL) {
		snprintf(line, sizeof(line), "Content-Type: %s",
			f->type != NULL ? f->type : "application/json");
		*headers = curl_slist_append(*headers, line);
		/* Else a body over 1 KB waits a second for "100 Continue". */
		*headers = curl_slist_append(*headers, "Expect:");
		if (curl_easy_setopt(c->curl, CURLOPT_POSTFIELDSIZE_LARGE,
			    (curl_off_t)f->bodylen) != CURLE_OK ||
			curl_easy_setopt(c->curl, CURLOPT_POSTFIELDS,
				f->body) != CURLE_OK)
			return false;
	}
	return curl_easy_setopt(c->curl, CURLOPT_HTTPHEADER, *headers) ==
	       CURLE_OK;
}

static void
explain(struct child *c, CURLcode code, struct report *r)
{
	long sys = 0;

	r->code = SBX_E_SYS;
	curl_easy_getinfo(c->curl, CURLINFO_OS_ERRNO, &sys);
	if (code == CURLE_SSL_PINNEDPUBKEYNOTMATCH) {
		r->code = SBX_E_INPUT;
		snprintf(r->text, sizeof(r->text),
			"another key than the one that is pinned");
	} else if (c->over)
		snprintf(r->text, sizeof(r->text),
			"the answer is longer than %zu bytes", c->f->max);
	else if (code == CURLE_OPERATION_TIMEDOUT)
		snprintf(r->text, sizeof(r->text), "too slow, given up");
	else if (code == CURLE_COULDNT_CONNECT && sys != 0)
		snprintf(r->text, sizeof(r->text), "%s", strerror((int)sys));
	else
		snprintf(r->text, sizeof(r->text), "%s",
			curl_easy_strerror(code));
	if (r->text[0] >= 'A' && r->text[0] <= 'Z')
		r->text[0] += 'a' - 'A';
}

static void
perform(struct child *c, struct report *r)
{
	struct curl_slist *headers = NULL;
	struct curl_header *etag;
	CURLcode code;
	long status = 0;

	r->code = SBX_E_SYS;
	snprintf(r->text, sizeof(r->text), "libcurl cannot be set up");
	if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK ||
		(c->curl = curl_easy_init()) == NULL || !limits(c) ||
		!pin(c) || !request(c, &headers))
		return;
	code = curl_easy_perform(c->curl);
	curl_easy_getinfo(c->curl, CURLINFO_RESPONSE_CODE, &status);
	r->status = (int)status;
	if (code != CURLE_OK) {
		explain(c, code, r);
		return;
	}
	if (status / 100 == 3 && status != 304) {
		r->code = SBX_E_INPUT;
		snprintf(r->text, sizeof(r->text),
			"answers with a redirect, which is not followed");
		return;
	}
	r->code = SBX_OK;
	if (curl_easy_header(c->curl, "ETag", 0, CURLH_HEADER, -1, &etag) ==
			CURLHE_OK &&
		strlen(etag->value) < sizeof(r->etag))
		strcpy(r->etag, etag->value);
}

/* Past the limit of time in all, even where libcurl would wait: in a name
 * look-up, or for a reader of the pipe who does not read. */
static void
arm(int ms)
{
	struct itimerval t = { 0 };

	ms = (ms > 0 ? ms : DEFAULT_MS) + 1000;
	t.it_value.tv_sec = ms / 1000;
	t.it_value.tv_usec = ms % 1000 * 1000;
	setitimer(ITIMER_REAL, &t, NULL);
}

static _Noreturn void
child(const struct sbx_fetch *f, int out, int tell, pid_t parent)
{
	struct child c = { .f = f };
	struct report r = { 0 };

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(1);
	signal(SIGPIPE, SIG_IGN);
	signal(SIGALRM, SIG_DFL);
	clearenv();
	/* 3 and 4 are ours, 0-2 are /dev/null or the terminal of the tool. */
	if ((out = fcntl(out, F_DUPFD, 5)) < 0 ||
		(tell = fcntl(tell, F_DUPFD, 5)) < 0 || dup2(out, 3) < 0 ||
		dup2(tell, 4) < 0 || close_range(5, ~0U, 0) != 0)
		_exit(1);
	c.out = 3;
	arm(f->timeout);
	perform(&c, &r);
	close(3);
	_exit(write(4, &r, sizeof(r)) == sizeof(r) ? 0 : 1);
}

static int
check_url(const char *url, struct sbx_err *err)
{
	char *scheme = NULL;
	CURLU *u = curl_url();
	CURLUcode code;
	int r = 0;

	code = u == NULL ? CURLUE_OUT_OF_MEMORY
			 : curl_url_set(u, CURLUPART_URL, url,
				   CURLU_DISALLOW_USER |
					   CURLU_NON_SUPPORT_SCHEME);
	if (code != CURLUE_OK ||
		curl_url_get(u, CURLUPART_SCHEME, &scheme, 0) != CURLUE_OK)
		r = sbx_err_set(
			err, SBX_E_USAGE, "%s: not a usable address", url);
	else if (strcmp(scheme, "http") != 0 && strcmp(scheme, "https") != 0)
		r = sbx_err_set(err, SBX_E_USAGE,
			"%s: only http and https are fetched", url);
	curl_free(scheme);
	curl_url_cleanup(u);
	return r;
}

int
sbx_fetch_start(const struct sbx_fetch *f, struct sbx_fetching **job, int *fd,
	struct sbx_err *err)
{
	int data[2] = { -1, -1 }, tell[2] = { -1, -1 }, r;
	pid_t pid, self = getpid();

	if ((r = check_url(f->url, err)) != 0)
		return r;
	if (pipe2(data, O_CLOEXEC) != 0 || pipe2(tell, O_CLOEXEC) != 0 ||
		(pid = fork()) < 0) {
		r = sbx_err_sys(err, "%s", f->url);
		goto out;
	}
	if (pid == 0)
		child(f, data[1], tell[1], self);
	*job = sbx_mem_alloc(1, sizeof(**job));
	**job = (struct sbx_fetching){ pid, tell[0],
		sbx_mem_text(f->url, strlen(f->url)) };
	*fd = data[0];
	data[0] = tell[0] = -1; /* transferred */
out:
	for (int i = 0; i < 2; i++) {
		if (data[i] >= 0)
			close(data[i]);
		if (tell[i] >= 0)
			close(tell[i]);
	}
	return r;
}

int
sbx_fetch_end(
	struct sbx_fetching *job, int *status, char *etag, struct sbx_err *err)
{
	struct pollfd p = { .fd = job->fd, .events = POLLIN };
	struct report rep = { 0 };
	ssize_t n = -1;
	int r = 0;

	/* A caller who closed the pipe early does not wait for the peer. */
	if (poll(&p, 1, GRACE_MS) == 1)
		n = read(job->fd, &rep, sizeof(rep));
	kill(job->pid, SIGKILL);
	while (waitpid(job->pid, NULL, 0) < 0 && errno == EINTR)
		;
	if (n != (ssize_t)sizeof(rep))
		r = sbx_err_set(
			err, SBX_E_SYS, "%s: too slow, given up", job->url);
	else if (rep.code != SBX_OK)
		r = sbx_err_set(err,
			rep.code == SBX_E_INPUT ? SBX_E_INPUT : SBX_E_SYS,
			"%s: %.*s", job->url, (int)sizeof(rep.text) - 1,
			rep.text);
	if (r == 0) {
		*status = rep.status;
		if (etag != NULL) {
			memcpy(etag, rep.etag, sizeof(rep.etag));
			etag[sizeof(rep.etag) - 1] = '\0';
		}
	}
	close(job->fd);
	free(job->url);
	free(job);
	return r;
}

int
sbx_fetch(const struct sbx_fetch *f, int *status, struct sbx_buf *out,
	char *etag, struct sbx_err *err)
{
	struct sbx_fetching *job;
	int fd, r, read_r;

	if ((r = sbx_fetch_start(f, &job, &fd, err)) != 0)
		return r;
	read_r = sbx_io_read_fd(fd, out, err);
	close(fd);
	r = sbx_fetch_end(job, status, etag, read_r == 0 ? err : NULL);
	return read_r != 0 ? read_r : r;
}
