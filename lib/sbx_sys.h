/* SPDX-License-Identifier: Apache-2.0 */
/*
 * libsbx, the machine's side: programs, rights, the network's bytes, the
 * configuration file and the tools' shared manners.  Included by sbx.h, whose
 * conventions hold here too.
 */
#ifndef SBX_SYS_H
#define SBX_SYS_H

/* ---- safe: text from outside ------------------------------------------- */

/* Append text with control bytes, ESC and bidi marks made visible (\x1b). */
void sbx_text_safe(struct sbx_buf *out, const char *text, size_t len);

/* ---- work: on all cores ------------------------------------------------ */

#define SBX_MAX_CORES 16
size_t sbx_cores(void); /* that this process may use, at most so many */
/* Threads that wait for work: as many as the largest was worth, at most one for
 * each core. */
struct sbx_crew *sbx_crew_new(void);
void sbx_crew_free(struct sbx_crew *crew); /* when no work is under way */
/* fn for all below count, from the one up to before the other, in any order,
 * several at a time: grain of them go to a thread at once and are worth one.
 * What is given first is begun first. */
struct sbx_work *sbx_work_start(struct sbx_crew *crew, size_t count,
	size_t grain, void (*fn)(void *ctx, size_t from, size_t to), void *ctx);
/* Waits and frees, and meanwhile takes part in it and in what was given since. */
void sbx_work_end(struct sbx_work *w);
/* Both, with a crew of its own. */
void sbx_on_all_cores(size_t count, size_t grain,
	void (*fn)(void *ctx, size_t from, size_t to), void *ctx);

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
 * NULL.  SBX_E_SYS: unreachable, too slow, too long; SBX_E_INPUT: a redirect.
 * Frees job. */
int sbx_fetch_end(struct sbx_fetching *job, int *status, char *etag,
	struct sbx_err *err);
/* Both at once. */
int sbx_fetch(const struct sbx_fetch *f, int *status, struct sbx_buf *body,
	char *etag, struct sbx_err *err);

/* ---- conf: the configuration file ---------------------------------------- */

struct sbx_conf_peer {
	char *name, *url;
};

#define SBX_MESH_NET "10.10.0.0/24" /* where nothing else is said */
#define SBX_MAX_CONF 65536 /* bytes of sbx.conf */
#define SBX_MAX_PEERS 256
#define SBX_MAX_WITNESSES 32
#define SBX_MIN_STALE 600 /* seconds: clocks may be that far apart */
#define SBX_MAX_STALE 31536000

struct sbx_conf_witness {
	char *name, *who; /* a DID, or a verifier key for cosignatures */
};

struct sbx_conf {
	char *file;  /* what was read, or NULL */
	char *dir;   /* the state directory */
	char *db, *key, *wg_key, *www, *run, *audit, *macros;
	char *apply; /* where root keeps what it applied: see plan.h */
	char *log_key, *head; /* see sbx_head_check */
	char *witness_key;
	char *name;  /* this box's short name */
	char *host;  /* the host's, when name is another made from it, or NULL */
	char *mesh_if, *mesh_net, *mesh_endpoint; /* endpoint NULL: roaming */
	char *mesh_ddns; /* HOST[:PORT], or NULL */
	char *mesh_hubs; /* names and DIDs divided by blanks, or NULL */
	bool mesh_ipv6;
	int mesh_port, mesh_mtu, mesh_keepalive;
	int dir_port, grant_port, grant_ttl;
	bool accept_unproven; /* see sbx_member_unproven */
	int pull_slot; /* seconds a peer may take */
	int pull_stale; /* seconds without word from it, see sbx_heard_load */
	struct sbx_conf_peer *peers;
	size_t npeers;
	int quorum; /* of the witnesses: so many make a head witnessed; 0: none */
	struct sbx_conf_witness *witnesses;
	size_t nwitnesses;
};

/* Defaults, then the file.  dir NULL: the compiled-in paths (/etc/sbx,
 * /var/lib/sbx, ...); else one directory holds it all: DIR/sbx.conf (may be
 * missing), DIR/ledger.db, DIR/node.key, DIR/wg.key, DIR/www, DIR/run,
 * DIR/audit.log.  file not NULL: that file, which must exist.  flags: SBX_IO_ROOT
 * for a root process.  A wrong line is SBX_E_USAGE with file and line. */
int sbx_conf_load(struct sbx_conf *conf, const char *dir, const char *file,
	unsigned flags, struct sbx_err *err);
/* What conf->file says, into conf; with must it has to be there. */
int sbx_conf_read(struct sbx_conf *conf, bool must, unsigned flags,
	struct sbx_err *err);
void sbx_conf_free(struct sbx_conf *conf);

/* ---- peer: whose log there is to pull ------------------------------------- */

struct sbx_peer {
	char *name, *url;
	char *did; /* who must be there; NULL: whoever was first */
	char *box; /* what a node calls itself, which finds it too, or NULL */
	bool node; /* from the directory, not from sbx.conf */
};

struct sbx_peers {
	struct sbx_peer *list;
	size_t count;
};

/* The peers of sbx.conf, then the directory's member nodes but ourselves. */
int sbx_peers_load(const struct sbx_conf *conf, struct sbx_log *log,
	struct sbx_peers *p, struct sbx_err *err);
/* The one called name; SBX_E_USAGE when there is none, or more. */
int sbx_peers_find(const struct sbx_peers *p, const char *name,
	const struct sbx_peer **peer, struct sbx_err *err);
void sbx_peers_free(struct sbx_peers *p);
/* SBX_E_USAGE for an address that no file's name can be put behind. */
int sbx_peer_address(const char *arg, struct sbx_err *err);
/* The next command, for an error that says that a peer is not there. */
void sbx_peer_hint(struct sbx_err *err);

/* When the owner of a log has last vouched for it, wherever that was seen. */
struct sbx_heard {
	int64_t at; /* 0: never, as older nodes */
	bool stale; /* longer ago than conf allows */
};

/* Of the log of did; NULL: of whose log was at url. */
int sbx_heard_load(struct sbx_log *log, const struct sbx_conf *conf,
	const char *url, const char *did, struct sbx_heard *h,
	struct sbx_err *err);
/* After a visit.  SBX_E_NO: it is stale, or what was shown now is older than
 * what the same address has shown before, or of a time to come. */
int sbx_heard_judge(const struct sbx_heard *h, const struct sbx_follow *f,
	struct sbx_err *err);

/* ---- tool: options, usage, exit codes, tables ----------------------------- */

struct sbx_opt {
	char letter;	  /* or 0 */
	const char *name; /* the long form, without dashes */
	const char *arg;  /* what it takes, for the usage; NULL: a flag */
	const char *help;
};

struct sbx_ctx;

struct sbx_cmd {
	const char *verb;
	int (*fn)(struct sbx_ctx *ctx);
	const char *args; /* for the usage: "SUBSCRIPTION [REASON]" */
	int min, max;	  /* arguments; max -1: any number */
	const char *help;
	const struct sbx_opt *opts; /* ended by one without a name, or NULL */
};

enum sbx_tool_flag {
	SBX_TOOL_ROOT = 1,	/* ignores the environment; root-owned config */
	SBX_TOOL_FIXED = 2,	/* takes no -C: called through sudo or as CGI */
	SBX_TOOL_NOVERB = 4,	/* cmds[0] is all it does */
	SBX_TOOL_DEFAULT = 8,	/* without a verb it does cmds[0] */
};

struct sbx_tool {
	const char *name, *summary;
	unsigned flags;
	const struct sbx_cmd *cmds; /* ended by one without a verb */
};

struct sbx_ctx {
	const struct sbx_tool *tool;
	const struct sbx_cmd *cmd;
	int argc;    /* the arguments after the verb and its options */
	char **argv;
	bool verbose, quiet, dry, json; /* -v -q -n -j */
	bool witnessed; /* --witnessed, and it is so */
	struct sbx_conf conf;
	struct sbx_err err; /* what fn leaves when it returns other than 0 */
	const char *values[16];
	void *rows;
	size_t nrows; /* that were given to sbx_tool_row */
	struct sbx_names *names; /* see sbx_tool_names */
	bool became; /* started as root, works as the directory's owner */
};

/* ---- near: "did you mean" ---- */

/* Set word, show each known word to sbx_near_see: it keeps the pointer. */
struct sbx_near {
	const char *word, *best;
	size_t far;
	bool twice;
};
void sbx_near_see(struct sbx_near *n, const char *known);
/* The one that is nearest, or NULL: none is near, or two are. */
const char *sbx_near_word(const struct sbx_near *n);

/* ---- tool ---- */

/* Whose a node's state is decides who works on it.  Called by sbx_tool_main:
 * _become makes root the owner of dir, if it is there and another's; _check
 * refuses (SBX_E_USAGE, with the command to use) a tool of root's to others
 * that hold no capability either;
 * _hint gives an error that comes of being the wrong user, in place of what
 * the system said of it or beside that, the command to use. */
int sbx_user_become(struct sbx_ctx *ctx, const char *dir);
int sbx_user_check(struct sbx_ctx *ctx);
int sbx_user_hint(struct sbx_ctx *ctx, int r); /* r, or SBX_E_USAGE */

/* Everything a main does: sbx_priv_start, common options (-h -V -v -q -n -j
 * -C DIR, before the verb or after), the configuration, the verb, what it left
 * in ctx->err, a flush of stdout that is checked.  Returns the exit status.
 * A tool without flags that root started works as the owner of the state
 * directory.  Unless SBX_TOOL_ROOT: SBX_STATE (-C), SBX_CONF, SBX_KEY and SBX_NOW
 * (RFC 3339, for tests) are read from the environment. */
int sbx_tool_main(const struct sbx_tool *tool, int argc, char **argv);
/* The option's argument; "" for a flag that was given; NULL: not given. */
const char *sbx_tool_opt(const struct sbx_ctx *ctx, const char *name);
/* The option as a number, or otherwise when it was not given.  SBX_E_USAGE. */
int sbx_tool_num(struct sbx_ctx *ctx, const char *name, int64_t min,
	int64_t max, int64_t otherwise, int64_t *value);
bool sbx_num_parse(int64_t *value, const char *text, int64_t min, int64_t max);

/* One line to stdout; text from outside goes through sbx_text_safe. */
void sbx_tool_out(struct sbx_ctx *ctx, const char *fmt, ...) SBX_PRINTF(2, 3);
/* The one thing a verb gives: text alone on a line or, with -j, {"key":text}. */
void sbx_tool_one(struct sbx_ctx *ctx, const char *key, const char *text);
/* One line to stderr: "tool: ...", unless -q. */
void sbx_tool_say(struct sbx_ctx *ctx, const char *fmt, ...) SBX_PRINTF(2, 3);
void sbx_tool_warn(struct sbx_ctx *ctx, const struct sbx_err *err); /* even -q */

struct sbx_col {
	const char *key;   /* a member of the row */
	const char *title; /* NULL ends the list */
	int cut;	   /* show at most this many characters, 0: all */
};
/* With -j: the row as one canonical line.  Else a line of the table cols,
 * aligned on a terminal, tab-separated and without heading when piped. */
void sbx_tool_row(struct sbx_ctx *ctx, const struct sbx_col *cols,
	const struct sbx_json *row);
/* From now on rows show the names that members gave instead of their DIDs;
 * with -v both. */
int sbx_tool_names(struct sbx_ctx *ctx, struct sbx_state *st);
/* As rows show it. */
void sbx_tool_label(const struct sbx_ctx *ctx, const char *did,
	struct sbx_buf *out);
void sbx_tool_rows_end(struct sbx_ctx *ctx); /* prints what was collected */
/* After a list: when it had no row and somebody sits at a terminal, text (what
 * there is none of) and hint (what would make one, or NULL) on stderr. */
void sbx_tool_none(struct sbx_ctx *ctx, const char *text, const char *hint);

#endif
