/* SPDX-License-Identifier: Apache-2.0 */
/* tool: options, usage, exit codes, tables. */
#ifndef SBX_TOOL_H
#define SBX_TOOL_H

#include "node/node.h"

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

/* One line to stdout; text from outside goes through sbx_text_safe. */
void sbx_tool_out(struct sbx_ctx *ctx, const char *fmt, ...) SBX_PRINTF(2, 3);
/* The one thing a verb gives: text alone on a line or, with -j, {"key":text}. */
void sbx_tool_one(struct sbx_ctx *ctx, const char *key, const char *text);
/* text as a QR code, on stderr.  SBX_E_USAGE: it is too long. */
int sbx_tool_qr(const char *text, struct sbx_err *err);
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

#endif
