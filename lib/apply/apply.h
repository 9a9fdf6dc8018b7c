/* SPDX-License-Identifier: Apache-2.0 */
/* apply: root's changes: the record of them, the vetted plugins, the
 * firewall table. */
#ifndef SBX_APPLY_H
#define SBX_APPLY_H

#include <signal.h>

#include "node/node.h"

#define SBX_MAX_GRANTS 4096	/* elements of the nftables set */

/* ---- audit: the append-only record of what root was asked to do ----------- */

struct sbx_audit {
	int fd, memory; /* the log; LOG.head, which remembers its end */
	unsigned char head[SBX_HASH_BYTES]; /* what the next line goes on from */
	int64_t size;			    /* bytes */
	bool torn;			    /* the last line has no newline */
};

/* Open, or make; the caller has the lock of sbx_root_enter().  A log that lacks
 * the line that is remembered is continued from that one all the same: a
 * rotation leaves no gap, a cut stays visible. */
int sbx_audit_open(const char *path, struct sbx_audit *a, struct sbx_err *err);
void sbx_audit_close(struct sbx_audit *a);
/* One line, written and synced; time and chain are added to root of rec. */
int sbx_audit_add(struct sbx_audit *a, struct sbx_doc *rec,
	struct sbx_err *err);
/* Recompute the chain over the rotated files (LOG.1 or LOG-DATE, as
 * logrotate(8) names them; a compressed one is passed over) and the log, up to
 * the line that is remembered.  SBX_E_NO: the reason names the line; *lines is
 * how many were read. */
int sbx_audit_verify(const char *path, size_t *lines, struct sbx_err *err);

/* ---- root: the frame of an act: signals, locks, the record ------------------ */

struct sbx_root {
	const char *path; /* of the audit log */
	bool takes;	  /* it takes away: nothing holds it up */
	int lock;	  /* -1: there is none, for one that takes */
	struct sbx_audit audit;
	struct sbx_err unrecorded; /* why there is no lock or record */
	sigset_t was;
};

/* Until close no signal is taken, and the caller writes to no descriptor that
 * it did not open itself.  One at a time in a process.  path must outlive it. */
int sbx_root_open(struct sbx_root *root, const char *path, bool takes,
	struct sbx_err *err);
void sbx_root_close(struct sbx_root *root);
/* Alone with the state and the audit log until leave.  One that gives waits 15
 * s, and needs the log; one that takes waits a second, then ends the holder,
 * and goes on without lock or log. */
int sbx_root_enter(struct sbx_root *root, struct sbx_err *err);
void sbx_root_leave(struct sbx_root *root);
/* Alone with the plugin of a kind, by the same rules; before enter. */
int sbx_root_kind(struct sbx_root *root, const char *kind, struct sbx_err *err);
void sbx_root_kind_done(struct sbx_root *root, const char *kind);
bool sbx_root_kind_busy(struct sbx_root *root, const char *kind);
/* A line of the record, after enter.  SBX_E_SYS, and a line in the system's log
 * at LOG_CRIT: there is none. */
int sbx_root_record(struct sbx_root *root, struct sbx_doc *doc,
	struct sbx_err *err);

/* ---- macro: the vetted plugins ------------------------------------------- */

#define SBX_KIND_SIZE 33	/* of a kind's name, with its NUL */
#define SBX_MAX_PARAMS 16	/* that a plugin may declare */
#define SBX_MAX_HEADER 8192	/* bytes that declare them */
#define SBX_MAX_KINDS 256	/* plugins that are listed */
#define SBX_MAX_LENT 256	/* own offers that root is told of */
#define SBX_MAX_ANSWER 16384	/* bytes that a provider answers */
#define SBX_MAX_MACRO_JSON 4096 /* bytes of a request's parameters */

enum sbx_param_type {
	SBX_PARAM_INT,	/* min..max */
	SBX_PARAM_BOOL,
	SBX_PARAM_TEXT, /* min..max bytes that mean nothing to a shell */
};

struct sbx_param {
	char name[SBX_KIND_SIZE];
	enum sbx_param_type type;
	int64_t min, max;
	bool required;
};

struct sbx_macro {
	int fd; /* the plugin, checked; what runs is this descriptor */
	char kind[SBX_KIND_SIZE];
	char about[80];
	int proto;
	char opens[SBX_KIND_SIZE]; /* the parameter that names the port */
	struct sbx_param params[SBX_MAX_PARAMS];
	size_t nparams;
};

struct sbx_macro_call {
	const char *verb; /* grant revoke activate deactivate */
	const char *sub, *ip, *service, *endpoint; /* NULL: unset */
	int port;
	int64_t ttl;
	const struct sbx_json *params; /* that sbx_macro_params accepted */
	const char *dir;	       /* the plugin's own, made if missing */
};

bool sbx_kind_check(const char *kind); /* ^[a-z][a-z0-9-]{1,31}$ */
/* Open, check and read what it declares.  SBX_E_NO: there is none such, or it
 * or its directory is not root's alone. */
int sbx_macro_open(const char *dir, const char *kind, struct sbx_macro *m,
	struct sbx_err *err);
void sbx_macro_close(struct sbx_macro *m);
/* params is what m declares; *port is the one that it opens. */
int sbx_macro_params(const struct sbx_macro *m, const struct sbx_json *params,
	int *port, struct sbx_err *err);
/* Run it.  Its exit status 1 is SBX_E_NO, any other but 0 SBX_E_SYS. */
int sbx_macro_run(const struct sbx_macro *m, const struct sbx_macro_call *call,
	struct sbx_err *err);
/* The kinds of a directory, sorted; what is wrong with one is fn's *err. */
int sbx_macro_each(const char *dir,
	int (*fn)(void *ctx, const char *kind, const struct sbx_macro *m,
		struct sbx_err *err),
	void *ctx, struct sbx_err *err);

/* ---- firewall: our table inet sbx -------------------------------------------- */

#define SBX_MAX_PORTS 1024 /* ports that were ever lent */

struct sbx_firewall {
	bool there;
	char wrong[128]; /* how it differs from what we load; "": it does not */
};

/* One transaction: the whole table, awake and as we make it, and the nft(8)
 * commands in elements, which fill a part's own sets; other parts' elements
 * stay, unless anew, which takes away all that is in the table first.  It is
 * read back: SBX_E_SYS when it is not so then. */
int sbx_firewall_load(const struct sbx_conf *conf, bool anew,
	const struct sbx_buf *elements, struct sbx_err *err);
/* Sets, chains, rules and flags as they are, against what we load. */
int sbx_firewall_see(const struct sbx_conf *conf, struct sbx_firewall *fw,
	struct sbx_err *err);
/* nft(8) with these words, NULL last: what it prints, at most max bytes, and
 * its exit status. */
int sbx_firewall_ask(const char *const *words, size_t max, struct sbx_buf *out,
	int *status, struct sbx_err *err);

#endif
