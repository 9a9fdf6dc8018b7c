/* SPDX-License-Identifier: Apache-2.0 */
/* lend: offers and requests without root, and root's part of it. */
#ifndef SBX_LEND_H
#define SBX_LEND_H

#include "node/node.h"
#include "apply/apply.h"

/* ---- nft: lending's sets in it -------------------------------------------------- */

/* One element: this address may reach this port. */
struct sbx_lend {
	char ip[16]; /* as inet_ntop(3) prints it; "" in a list of ports */
	int proto;   /* IPPROTO_TCP or IPPROTO_UDP */
	int port;
	int64_t left;  /* seconds; 0 in what is to be loaded: none */
	int64_t bytes; /* that came in through it */
};

struct sbx_nft {
	struct sbx_firewall fw;
	struct sbx_lend *lend, *ports;
	size_t nlend, nports;
};

/* In one transaction, read back: exactly these ports are closed but for whom
 * lend says, and each element of lend is there for left seconds from now, or
 * not at all.  Other elements stay, unless anew. */
int sbx_nft_load(const struct sbx_conf *conf, bool anew,
	const struct sbx_lend *ports,
	size_t nports, const struct sbx_lend *lend, size_t nlend,
	struct sbx_err *err);
int sbx_nft_read(const struct sbx_conf *conf, struct sbx_nft *nft,
	struct sbx_err *err);
void sbx_nft_free(struct sbx_nft *nft);

/* ---- nonce: proof that a request is new ----------------------------------- */

#define SBX_NONCE_BYTES 32
#define SBX_NONCE_LIFE (60 * INT64_C(1000000))
#define SBX_MAX_NONCES 1024	/* at a time */
#define SBX_MAX_NONCES_PEER 16	/* for one address, so that none fills the store */

/* One file per nonce in dir (ours alone, made when it is missing), named by
 * the nonce's hash, so that reading the store gives nobody a nonce.  service
 * is 64 hex digits, address what inet_ntop(3) prints.  SBX_E_SYS: full. */
int sbx_nonce_issue(const char *dir, const char *service, const char *address,
	unsigned char nonce[static SBX_NONCE_BYTES], struct sbx_err *err);
/* SBX_OK to exactly one caller, within its life, for that service and address;
 * SBX_E_NO to all others. */
int sbx_nonce_redeem(const char *dir, const char *service, const char *address,
	const unsigned char nonce[static SBX_NONCE_BYTES], struct sbx_err *err);

/* ---- pause: who asks badly waits ------------------------------------------ */

/* Seconds for which nothing of that address is heard; 0: it is.  dir is ours
 * alone and holds at most 4096 files. */
int64_t sbx_pause_left(const char *dir, const char *address);
/* One more bad request of that address: sixteen in ten minutes are free, each
 * further one doubles the pause, up to five minutes. */
int sbx_pause_add(const char *dir, const char *address, struct sbx_err *err);

/* ---- request: a subscriber's request, made and checked ------------------------- */

struct sbx_request {
	unsigned char nonce[SBX_NONCE_BYTES];
	char provider[SBX_DID_SIZE], subscriber[SBX_DID_SIZE];
	char service[SBX_ID_SIZE];
	char subscription[SBX_ID_SIZE];
	unsigned char pub[SBX_PUB_BYTES], sig[SBX_SIG_BYTES];
	struct sbx_buf text;	/* what sig signs */
	struct sbx_entry *sub;	/* the Subscription */
};

/* The body a subscriber posts: signed for this nonce by sub's author. */
int sbx_request_make(const struct sbx_key *key,
	const unsigned char nonce[static SBX_NONCE_BYTES], const char *provider,
	const struct sbx_entry *sub, struct sbx_buf *body, struct sbx_err *err);
/* Its shape, and that its parts speak of the same thing. */
int sbx_request_parse(const char *text, size_t len, struct sbx_request **g,
	struct sbx_err *err);
/* Both signatures. */
int sbx_request_verify(const struct sbx_request *g, struct sbx_err *err);
void sbx_request_free(struct sbx_request *g);

/* After verify, for the provider self: may the subscriber, by the one key that
 * is known of it, use the service from that address?  By sbx_use_check, so *v
 * is to be freed in any case; its offer has a macro on SBX_OK.  SBX_E_NO: *http
 * is 403, 404 or 409; *tell says whether the reason, behind "DID: ", is for the
 * subscriber, who is proven then, or for the log alone. */
int sbx_request_check(struct sbx_log *log, struct sbx_state *st,
	const char *self, const struct sbx_request *g, const char *address,
	struct sbx_verdict *v, int *http, bool *tell, struct sbx_err *err);

/* What a provider answers, read by the subscriber. */
int sbx_request_nonce(const char *text, size_t len,
	unsigned char nonce[static SBX_NONCE_BYTES], struct sbx_err *err);
/* The answer to a request about offer: *doc's root.  With an http other than
 * 200 SBX_E_NO or SBX_E_SYS and the provider's reason. */
int sbx_request_answer(int http, const char *text, size_t len,
	const struct sbx_json *offer, struct sbx_doc **doc,
	struct sbx_err *err);

/* ---- grants: what is lent at this moment ----------------------------------- */

enum sbx_grant_state {
	SBX_GRANT_LIVE,
	SBX_GRANT_BEGUN, /* open, and its plugin is at work; or it was killed */
	SBX_GRANT_ENDED, /* closed, but its plugin is not told yet */
};

struct sbx_granted {
	char kind[SBX_KIND_SIZE], sub[SBX_DID_SIZE];
	char service[SBX_ID_SIZE];	/* or "" */
	char subscription[SBX_ID_SIZE]; /* that was seen, or "": none was */
	struct sbx_lend lend;
	char *params;	/* canonical */
	int64_t since, until;
	int64_t boot_until; /* the same deadline on sbx_clock_boot() */
	char boot[37];	    /* of this boot */
	enum sbx_grant_state state;
};

struct sbx_grants {
	struct sbx_granted *list;
	size_t count;
	struct sbx_lend ports[SBX_MAX_PORTS]; /* ever lent: closed to others */
	size_t nports;
};

/* Beside the audit log; the caller's to free. */
char *sbx_grants_path(const struct sbx_conf *conf);
/* No file: no grants. */
int sbx_grants_load(const char *path, struct sbx_grants *g,
	struct sbx_err *err);
int sbx_grants_save(const char *path, const struct sbx_grants *g,
	struct sbx_err *err);
void sbx_grants_free(struct sbx_grants *g);
/* Seconds it has left, 0 when it is over or no clock can tell. */
int64_t sbx_granted_left(const struct sbx_granted *grant);
/* The same subscriber, service, address and port, of one kind. */
bool sbx_granted_same(const struct sbx_granted *a, const struct sbx_granted *b);
struct sbx_granted *sbx_grants_find(struct sbx_grants *g,
	const struct sbx_granted *grant);
void sbx_grants_drop(struct sbx_grants *g, struct sbx_granted *grant);
/* Put it in place of the one for the same subscriber, service and port, or
 * beside the others, for ttl seconds from now.  grant is copied. */
int sbx_grants_put(struct sbx_grants *g, const struct sbx_granted *grant,
	int64_t ttl, struct sbx_err *err);
int sbx_grants_port(struct sbx_grants *g, int proto, int port,
	struct sbx_err *err); /* one more that is closed to others */
/* Set l->left to the longest that any grant gives this element. */
void sbx_grants_left(const struct sbx_grants *g, struct sbx_lend *l);

/* ---- borrow: a subscriber's way to a grant ----------------------------------- */

struct sbx_borrow {
	const char *keyfile;
	int port;		/* grants are asked for there */
	struct sbx_doc *offer;	/* a row of SBX_VIEW_OFFER */
	char address[46];	/* the provider's, on the mesh */
	struct sbx_entry *sub;	/* our Subscription */
};

/* Fill in address; and sub, our last one of this identifier. */
int sbx_borrow_node(struct sbx_state *st, struct sbx_borrow *b,
	struct sbx_err *err);
int sbx_borrow_sub(struct sbx_log *log, const char *id, struct sbx_borrow *b,
	struct sbx_err *err);
/* Nonce, request, answer: *answer's root is what was granted.  SBX_E_NO: the
 * provider's refusal; SBX_E_SYS: not reached, or it could not. */
int sbx_borrow(const struct sbx_borrow *b, struct sbx_doc **answer,
	struct sbx_err *err);
void sbx_borrow_free(struct sbx_borrow *b); /* what is in it */
/* sbx-macroctl through sudo, with words (12 at most, ended by NULL) in a form
 * that the node's user has a rule for; out as sbx_run has it. */
int sbx_borrow_root(const char *const *words, struct sbx_buf *out,
	struct sbx_err *err);
/* Our side's plugin, so: activate or deactivate. */
int sbx_borrow_macro(const struct sbx_json *offer, const char *verb,
	struct sbx_err *err);

/* ---- ask: a request to lend, use or take back -------------------------------- */


/* The caller's words, NULL when not given; below them what came of it. */
struct sbx_ask {
	const char *kind, *sub, *ip, *service, *endpoint, *params, *ttl_text;
	const char *subscription; /* a grant's, seen by who asks for it */
	struct sbx_macro macro;
	struct sbx_doc *doc; /* the parameters */
	struct sbx_buf canon; /* them, canonical */
	int64_t ttl;
	int port;
};
#define SBX_ASK { .macro = { .fd = -1 }, .canon = SBX_BUF(SBX_MAX_LINE) }

/* SBX_E_USAGE: malformed; SBX_E_NO: well-formed and refused, for a grant by the
 * directory too.  SBX_E_SYS: that cannot be asked.  It may take until the reader
 * is given up, so it is no question to put with a lock in hand. */
int sbx_ask_grant(struct sbx_ask *a, const struct sbx_conf *conf,
	struct sbx_err *err);
int sbx_ask_activate(struct sbx_ask *a, const struct sbx_conf *conf,
	struct sbx_err *err);
int sbx_ask_deactivate(struct sbx_ask *a, const struct sbx_conf *conf,
	struct sbx_err *err);
int sbx_ask_revoke(struct sbx_ask *a, const struct sbx_conf *conf,
	struct sbx_err *err);
/* SBX_E_NO: a port that the mesh itself stands on. */
int sbx_ask_port(const struct sbx_conf *conf, int port, struct sbx_err *err);
void sbx_ask_free(struct sbx_ask *a);
/* After sbx_ask_grant: the grant it asks for; its params are a's. */
void sbx_ask_granted(const struct sbx_ask *a, struct sbx_granted *g);

/* ---- lending: one request from record to record --------------------------------- */

struct sbx_lending {
	const struct sbx_conf *conf;
	struct sbx_root root;
	struct sbx_grants grants;
	char *path; /* of the grants file */
	bool unsaved; /* which does not say what was ended */
};

/* takes: as sbx_root_open().  Between open and close nothing is written to the
 * caller, and no signal is taken. */
int sbx_lending_open(struct sbx_lending *l, const struct sbx_conf *conf,
	bool takes, struct sbx_err *err);
void sbx_lending_close(struct sbx_lending *l);
/* Alone with the state (sbx_root_enter), and it is read. */
int sbx_lending_enter(struct sbx_lending *l, struct sbx_err *err);
void sbx_lending_leave(struct sbx_lending *l);
int sbx_lending_record(struct sbx_lending *l, const struct sbx_ask *a,
	const char *verb, const char *step, const struct sbx_err *why,
	struct sbx_err *err);
/* Refused before anything was done: that is a record too.  err's code. */
int sbx_lending_deny(struct sbx_lending *l, const struct sbx_ask *a,
	const char *verb, struct sbx_err *err);
/* asked: what sbx_ask_grant said of it, with *err; if that is a refusal, it is
 * put on record and given back.  dry: nothing is done. */
int sbx_lending_grant(struct sbx_lending *l, struct sbx_ask *a, int asked,
	bool dry, struct sbx_err *err);
int sbx_lending_activate(struct sbx_lending *l, struct sbx_ask *a, bool on,
	bool dry, struct sbx_err *err);
/* *count grants were meant; none is no error. */
int sbx_lending_revoke(struct sbx_lending *l, struct sbx_ask *a, bool dry,
	size_t *count, struct sbx_err *err);

/* ---- taking back: parts that revoke and sync share ------------------------------ */

/* Mark as ended what fn picks; how many. */
size_t sbx_lending_end(struct sbx_lending *l,
	bool (*fn)(const void *ctx, const struct sbx_granted *g),
	const void *ctx);
/* Close the elements of all that is ended. */
int sbx_lending_shut(struct sbx_lending *l, struct sbx_err *err);
/* Save the grants, or no file when there is nothing; if that fails remove the
 * file, which takes all back. */
int sbx_lending_save(struct sbx_lending *l, struct sbx_err *err);
/* After leave: tell the plugins of all that is ended, and forget it.  verb: of
 * the line on record for each, NULL: none. */
int sbx_lending_finish(struct sbx_lending *l, const char *verb,
	struct sbx_err *err);
/* Run the plugin for a. */
int sbx_lending_plugin(const struct sbx_lending *l, const struct sbx_ask *a,
	const char *verb, struct sbx_err *err);
/* The grants file; without one, what the firewall knows of lent ports. */
int sbx_lending_load(struct sbx_lending *l, struct sbx_err *err);
/* Take away every element that no grant stands behind. */
int sbx_lending_sweep(struct sbx_lending *l, struct sbx_err *err);

/* Where all has to be tried: keep the first failure and its reason. */
void sbx_lending_note(int *r, struct sbx_err *err, int now,
	const struct sbx_err *why);

struct sbx_lending_sync {
	size_t expired, withdrawn, restored, stray, ports;
};

/* Firewall and grants as clocks and directory want them.  When the directory
 * cannot be asked nothing is withdrawn or restored for it, and nothing is
 * restored that cannot be recorded: SBX_E_SYS, after all else is done. */
int sbx_lending_sync(const struct sbx_conf *conf, bool dry,
	struct sbx_lending_sync *s, struct sbx_err *err);

/* A port that nobody is lent is open to the mesh again, as before the first
 * grant of it.  SBX_E_NO: it is lent. */
int sbx_lending_forget(struct sbx_lending *l, int proto, int port, bool dry,
	struct sbx_err *err);

/* How firewall and grants differ, and the elements (NULL: not wanted, else of
 * room for all of both) that would make them one. */
struct sbx_lending_plan {
	size_t missing, stray, longer;
	size_t open; /* ports that are not closed to others */
	struct sbx_lend *set;
	size_t count;
};
void sbx_lending_plan(const struct sbx_grants *g, const struct sbx_nft *nft,
	struct sbx_lending_plan *plan);

/* ---- grant_check: what the directory says of grants ----------------------------- */

/* One that is asked for and those that are made are judged by sbx_use_check,
 * through sbx_reader: the subscriber, its node's address now, and for a service
 * our offer, what it lends, and the subscription.  SBX_E_SYS: the directory
 * could not be asked.  Its owner can keep a reader waiting, so none of these is
 * called with a lock in hand. */

/* Of the grants at one time, by sbx_said_ask, whose result sbx_said_free
 * always takes. */
struct sbx_said {
	struct sbx_grants grants;
	enum sbx_use_why *whys; /* for each of them */
	struct sbx_said_offer {
		char kind[SBX_KIND_SIZE];
		char *params; /* of at most SBX_MAX_MACRO_JSON bytes */
	} *offers; /* our live ones that have a macro, SBX_MAX_LENT at most */
	size_t noffers;
};
int sbx_said_ask(struct sbx_said *said, const struct sbx_conf *conf,
	struct sbx_err *err);
/* Why it may not stay; SBX_USE_YES for one that was made since. */
enum sbx_use_why sbx_said_of(const struct sbx_said *said,
	const struct sbx_granted *g);
void sbx_said_free(struct sbx_said *said);
/* May this one be made?  SBX_E_NO: no, and why. */
int sbx_grant_check(const struct sbx_conf *conf, const struct sbx_granted *g,
	struct sbx_err *err);
/* What the subscriber of each grant is called, ? behind it if another is called
 * so too; "" if nobody knows.  names has room for every grant. */
int sbx_grants_names(const struct sbx_conf *conf, const struct sbx_grants *g,
	char (*names)[SBX_MAX_BOXNAME + 2], struct sbx_err *err);

#endif
