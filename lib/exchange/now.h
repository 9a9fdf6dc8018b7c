/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Statements: what a node says about now.  A signed line that is never
 * in the journal, of which only an author's newest of each type is kept, and
 * that until it ends by itself.  sbx-now(5) is the format.
 */
#ifndef SBX_NOW_H
#define SBX_NOW_H

#include "exchange/exchange.h"

#define SBX_MAX_STATEMENT 4096	/* bytes of one line, canonical form */
#define SBX_MAX_STATEMENTS 8192 /* that are kept, of all authors */
#define SBX_MAX_NOW (32u << 20) /* bytes of a site's now.jsonl */

/* ---- statement: one of them ---------------------------------------------- */

struct sbx_statement_type {
	struct sbx_rec rec; /* its name and the fields of its body */
	int64_t ttl;	    /* seconds that one may last at most */
};

extern const struct sbx_statement_type sbx_statement_table[]; /* ended by one
							      * without a name */
const struct sbx_statement_type *sbx_statement_type(const char *name);

struct sbx_statement {
	const struct sbx_statement_type *type;
	char did[SBX_DID_SIZE];
	unsigned char pub[SBX_PUB_BYTES], sig[SBX_SIG_BYTES];
	int64_t seq, at, until; /* until: at and its time to live */
	int64_t heard;		/* the place that it arrived in here */
	struct sbx_doc *doc;
	const struct sbx_json *body; /* in doc */
	char *line;		     /* the canonical form of doc */
	size_t len;
};

/* {"author_pubkey","sig","statement":{"at","body","did","seq","ttl","type"}}:
 * all but the signature and the time.  SBX_E_NO: of a type that is not in the
 * table; SBX_E_INPUT. */
int sbx_statement_parse(const char *text, size_t len, struct sbx_statement **s,
	struct sbx_err *err);
/* The same of one that was parsed; doc is its own from here on, whatever comes
 * of it. */
int sbx_statement_read(struct sbx_doc *doc, struct sbx_statement **s,
	struct sbx_err *err);
/* SBX_E_INPUT: its author's key has not signed it. */
int sbx_statement_verify(const struct sbx_statement *s, struct sbx_err *err);
/* Sign body, of that type, for ttl seconds from now on.  SBX_E_INPUT: the table
 * does not have it so; SBX_E_USAGE: no such type or time to live. */
int sbx_statement_make(const struct sbx_key *key, const char *type, int64_t seq,
	int64_t ttl, const struct sbx_json *body, struct sbx_statement **s,
	struct sbx_err *err);
void sbx_statement_free(struct sbx_statement *s);

/* ---- now: those that are kept --------------------------------------------- */

/* They lie in one file beside the database, "now", written whole: a node says
 * them again and again, so what a power cut takes comes back by itself, and the
 * journal's disk writes are not spent on it. */
struct sbx_now;

enum sbx_now_how {
	SBX_NOW_NEW,	  /* it is kept now, in place of the one before */
	SBX_NOW_SAME,	  /* it was there */
	SBX_NOW_OLDER,	  /* its author has said a newer one, which stays */
	SBX_NOW_PAST,	  /* its time is over */
	SBX_NOW_AHEAD,	  /* dated over SBX_MAX_AHEAD ahead */
	SBX_NOW_STRANGER, /* its author is no member */
	SBX_NOW_FULL,	  /* SBX_MAX_STATEMENTS are kept already */
	SBX_NOW_TYPE,	  /* of a type that this version does not know */
	SBX_NOW_BAD,	  /* malformed, too large, by another's key */
};

/* None are kept: empty, and SBX_OK.  What has ended is left out. */
int sbx_now_load(const struct sbx_conf *conf, struct sbx_now **now,
	struct sbx_err *err);
/* The same for who goes on to save: nobody else does until *now is freed. */
int sbx_now_open(const struct sbx_conf *conf, struct sbx_now **now,
	struct sbx_err *err);
int sbx_now_save(struct sbx_now *now, struct sbx_err *err);
void sbx_now_free(struct sbx_now *now);

/* Take a copy of line, as it was parsed.  Other than SBX_NOW_NEW and SBX_NOW_SAME leave what was there,
 * with the reason in *err.  st says who is a member. */
enum sbx_now_how sbx_now_take(struct sbx_now *now, struct sbx_state *st,
	const struct sbx_json *line, struct sbx_err *err);
/* Sign what this node says of that type and take it; its seq is the one before
 * and one, or the time in microseconds if that is more, so that a node which
 * lost the file goes on.  *line belongs to now. */
int sbx_now_say(struct sbx_now *now, struct sbx_state *st,
	const struct sbx_key *key, const char *type, int64_t ttl,
	const struct sbx_json *body, const struct sbx_statement **said,
	struct sbx_err *err);
/* The i-th of those that members say, the one that came last first; NULL: no
 * more. */
const struct sbx_statement *sbx_now_at(const struct sbx_now *now, size_t i);
const struct sbx_statement *sbx_now_get(const struct sbx_now *now,
	const char *did, const char *type); /* NULL: none */
/* Leave out what is not by a member (any more). */
void sbx_now_members(struct sbx_now *now, struct sbx_state *st);

/* DIR/now.jsonl: {"heard": N, "signed": {...}} a line, the one that came last
 * first, so that who has seen the first N before stops there. */
int sbx_now_publish(const struct sbx_now *now, const char *dir, size_t *changed,
	struct sbx_err *err);
/* Those that are kept and are members' now; without any the file is empty. */
int sbx_now_publish_kept(const struct sbx_conf *conf, struct sbx_state *st,
	const char *dir, size_t *changed, struct sbx_err *err);

/* What base shows of them that it did not show the last time, in one conditional
 * request and, if there is more, further ones for parts of the file. */
struct sbx_now_visit {
	const char *base; /* an address that ends in "/", or a directory */
	int64_t until;	  /* given up when sbx_clock_boot() says so; 0: never */
	bool all;	  /* whatever it has shown before */
	/* Called for each that is refused and should not be there. */
	void (*refuse)(void *ctx, size_t number, const struct sbx_err *err);
	void *ctx;
	/* Set: */
	size_t added, known, refused;
};
int sbx_now_pull(struct sbx_log *log, const struct sbx_conf *conf,
	struct sbx_now_visit *v, struct sbx_err *err);

#endif
