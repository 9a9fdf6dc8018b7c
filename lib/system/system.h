/* SPDX-License-Identifier: Apache-2.0 */
/* system: the machine's side: programs, rights, the network's
 * bytes, links and routes. */
#ifndef SBX_SYSTEM_H
#define SBX_SYSTEM_H

#include "base/base.h"

/* ---- run: a program by argv, without a shell ---------------------------- */

struct sbx_run {
	const char *const *argv; /* argv[0] is an absolute path */
	const char *const *env;	 /* NULL: PATH, LC_ALL=C and nothing else */
	int fd;			 /* > 0: execute this descriptor instead */
	const void *in;		 /* its standard input, or NULL for none */
	size_t inlen;
	size_t max;		 /* bytes of stdout and of stderr; 0: SBX_RUN_MAX */
	int timeout;		 /* ms, then it and its process group are killed;
				  * 0: SBX_RUN_TIMEOUT */
	bool leave;		 /* what it left running (a daemon) may stay */
};

#define SBX_RUN_MAX 65536
#define SBX_RUN_TIMEOUT 10000

/* Run to the end.  *status is the exit status (a signal gives 128 + n), out
 * and errout (NULL: discarded) what it wrote.  SBX_E_SYS when it could not be
 * started, ran too long or wrote too much. */
int sbx_run(const struct sbx_run *run, int *status, struct sbx_buf *out,
	struct sbx_buf *errout, struct sbx_err *err);
/* The same where any status but 0 is SBX_E_SYS, with the first line of its
 * stderr as the reason. */
int sbx_run_ok(const struct sbx_run *run, struct sbx_buf *out,
	struct sbx_err *err);
/* For who forks by hand.  reset, in the child: default signals, a session of
 * its own, gone when parent is.  wait, in the parent: read fds (-1: none; each
 * is -1 when it has ended) into bufs until pid ends; kill its group. */
void sbx_run_reset(pid_t parent);
int sbx_run_wait(pid_t pid, int fds[2], struct sbx_buf *const bufs[2],
	size_t max, int timeout, bool leave, int *status, struct sbx_err *err);

/* ---- priv: dropping rights, and proving it ------------------------------ */

/* First thing in every main: descriptors 0-2 open, umask 077, default
 * signals, no core files.  SBX_E_SYS when that cannot be had. */
int sbx_priv_start(void);
/* Whether this process may have any capability. */
bool sbx_priv_caps(void);
/* Become uid and gid for good, groups dropped; re-read and try to go back. */
int sbx_priv_drop(uid_t uid, gid_t gid, struct sbx_err *err);
/* Call fn in a child that has dropped to uid and gid (-1: as we are) and holds
 * no descriptor but fd; what fn writes to fd is appended to out.  fn's result
 * and reason come back as ours. */
int sbx_priv_child(uid_t uid, gid_t gid, int timeout,
	int (*fn)(void *ctx, int fd, struct sbx_err *err), void *ctx,
	struct sbx_buf *out, struct sbx_err *err);

/* ---- fetch: libcurl under limits, in a process of its own ---------------- */

struct sbx_fetch {
	const char *url;    /* http or https; no redirects are followed */
	const char *body;   /* POST it; NULL: GET */
	size_t bodylen;
	const char *type;   /* its Content-Type */
	const char *pin;    /* NULL, or https alone: the server's key is this
			     * one, "sha256//BASE64" (RFC 7469's hash), and
			     * no certificate is asked for who it is */
	const char *etag;   /* If-None-Match, or NULL */
	const char *range;  /* "FROM-TO": status 206 and these bytes, or 200 and
			     * all if the server knows no parts; NULL: all */
	const char *same;   /* with range: the part only if the ETag is still
			     * this one, else all (If-Range) */
	size_t max;	    /* bytes of the answer, unpacked */
	int timeout;	    /* ms in all; ten idle seconds end it too */
	bool ok_only;	    /* hand on the body of a 200 (206) alone */
};

struct sbx_fetching;

#define SBX_ETAG_SIZE 80 /* of an ETag with its NUL; a longer one is none */

/* Start; the answer's body is read from *fd, which the caller closes. */
int sbx_fetch_start(const struct sbx_fetch *f, struct sbx_fetching **job,
	int *fd, struct sbx_err *err);
/* After the body: the HTTP status, and the ETag (SBX_ETAG_SIZE) when etag is not
 * NULL.  SBX_E_SYS: unreachable, too slow, too long; SBX_E_INPUT: a redirect,
 * another key than the pin's.
 * Frees job. */
int sbx_fetch_end(struct sbx_fetching *job, int *status, char *etag,
	struct sbx_err *err);
/* Both at once. */
int sbx_fetch(const struct sbx_fetch *f, int *status, struct sbx_buf *body,
	char *etag, struct sbx_err *err);

/* ---- nl: links, addresses and routes, by netlink ------------------------- */

struct sbx_link {
	int index, mtu;
	bool up;
	bool ours; /* sbx_nl_link_set was there */
	char name[SBX_IF_SIZE], kind[SBX_IF_SIZE]; /* kind "": a real device */
};

int sbx_nl_link(const char *name, struct sbx_link *link,
	struct sbx_err *err); /* SBX_E_NO: there is none */
/* SBX_E_NO: the kernel says that it has no such kind. */
int sbx_nl_link_add(const char *name, const char *kind, struct sbx_err *err);
int sbx_nl_link_set(int index, int mtu, bool up, struct sbx_err *err);
int sbx_nl_link_del(int index, struct sbx_err *err);

#define SBX_NL_ADDR_SIZE 52 /* "IPv6 address/128" and NUL */

struct sbx_nl_addr { /* an address and its network: "10.10.0.1/24" */
	int index; /* of the link that has it */
	char text[SBX_NL_ADDR_SIZE];
};

/* The addresses of a link (0: of all), IPv4 and IPv6, but IPv6's link-local
 * ones; *list is the caller's to free. */
int sbx_nl_addrs(int index, struct sbx_nl_addr **list, size_t *count,
	struct sbx_err *err);
/* What is so already is done. */
int sbx_nl_addr_add(int index, const char *text, struct sbx_err *err);
int sbx_nl_addr_del(int index, const char *text, struct sbx_err *err);
/* SBX_E_USAGE when another link than index has an address in net ("10.0.0.0/24",
 * or one of IPv6), or a route to it or to a part of it; the reason names it.  A
 * route to a wider network is no overlap. */
int sbx_nl_overlap(int index, const char *net, struct sbx_err *err);

/* ---- cgi: what a web server hands over (RFC 3875) -------------------------- */

struct sbx_cgi {
	const char *method, *path, *query, *address, *length; /* as received */
	const char *script, *target; /* SCRIPT_NAME; REQUEST_URI, or NULL */
	bool post;
	char service[SBX_ID_SIZE];
	size_t bodylen;
};

/* Strict: GET or POST, path "/" and 64 hex digits, spelt so in the request, no
 * query, a canonical address, for a POST a length.  *http is 400, 404 or 413 when refused. */
int sbx_cgi_check(struct sbx_cgi *cgi, int *http, struct sbx_err *err);

#endif
