/* SPDX-License-Identifier: Apache-2.0 */
/* exchange: how logs meet: what a node publishes, whom it asks,
 * what it remembers of their logs, and heads signed for each other. */
#ifndef SBX_EXCHANGE_H
#define SBX_EXCHANGE_H

#include "node/node.h"

/* ---- site: what a node publishes for others to pull ----------------------- */

/* One publisher at a time, from before it opens the state until *fd is closed. */
int sbx_site_lock(const struct sbx_conf *conf, int *fd, struct sbx_err *err);
/* DIR/export.jsonl (one entry a line), the older form of the same at
 * DIR/log/export and DIR/api/v1/annuaire/log/export, and DIR/services (the live
 * offers), each replaced whole if it changed; *changed is how many were. */
int sbx_site_publish(struct sbx_log *log, struct sbx_state *st, const char *dir,
	size_t *changed, struct sbx_err *err);

/* ---- prove: that an entry is in a log, to who has neither ------------------- */

/* A C2SP tlog-proof that entry seq is under the last signed head; its extra
 * data are the entry's line and the delegation of the key that signed. */
int sbx_prove_entry(struct sbx_log *log, const struct sbx_conf *conf,
	int64_t seq, struct sbx_buf *out, struct sbx_err *err);
/* That the signed head goes on from this log's first from entries, in the form
 * of C2SP's add-checkpoint request. */
int sbx_prove_from(struct sbx_log *log, const struct sbx_conf *conf,
	int64_t from, struct sbx_buf *out, struct sbx_err *err);

struct sbx_proved {
	struct sbx_checkpoint head;
	uint64_t from;		 /* of a proof that a head goes on: else 0 */
	uint64_t index;		 /* of the entry, from 0 */
	struct sbx_entry *entry; /* NULL in a proof that a head goes on */
	bool fork;		 /* two heads that contradict each other */
};

/* Offline.  key NULL: the one the identity has delegated in it.  old, an older
 * checkpoint that key has signed, is for a proof that a head goes on.
 * SBX_E_NO: it proves nothing; SBX_E_INPUT: it is no proof. */
int sbx_prove_check(const char *text, size_t len, const struct sbx_vkey *key,
	const struct sbx_buf *old, struct sbx_proved *p, struct sbx_err *err);
void sbx_proved_free(struct sbx_proved *p);

/* ---- follow: another node's log, as its site shows it ----------------------- */

struct sbx_follow {
	const char *base;  /* an address that ends in "/", or a directory */
	const char *did;   /* whose log must be there; NULL: whose was first */
	const char *forks; /* the directory for evidence */
	const char *www;   /* this node's site, with what it has cosigned */
	int64_t until;	   /* given up when sbx_clock_boot() says so; 0: never */
	bool all;	   /* from its first entry, whatever was read before */
	bool repin;	   /* whose log was there before is forgotten */
	struct sbx_import *im;
	/* Set: */
	bool found;	       /* there is a checkpoint; false: try an export */
	bool anew;	       /* under a new key it began a new log */
	bool moved;	       /* another head than the last time */
	bool own;	       /* it is this node's own log */
	char is[SBX_DID_SIZE]; /* whose it is */
	int64_t said, shown;   /* vouched for: now, before; 0: not */
};

/* Take what is new of the log at base, its head and its tree checked, each
 * entry judged on its own; what was read is remembered bundle by bundle.
 * SBX_E_NO: another node's log, or one whose history was rewritten, of which
 * both heads are kept under forks.  SBX_E_INPUT: the site is broken. */
int sbx_follow(struct sbx_log *log, struct sbx_follow *f, struct sbx_err *err);
/* The evidence in dir, offline; key NULL: the one whose delegation is there.
 * SBX_E_NO: it does not show that the log contradicted itself. */
#define SBX_MAX_EVIDENCE 32 /* files of one node */
int sbx_fork_check(const char *dir, const struct sbx_vkey *key,
	struct sbx_proved *p, struct sbx_err *err);
/* Nodes whose log contradicted itself, as long as the evidence is there. */
int64_t sbx_fork_count(const struct sbx_conf *conf);
/* Read an export from fd; what url gave the last time is passed over.  When
 * that fails with im->changed it begins otherwise now: open it once more and
 * call again with the same im. */
int sbx_follow_export(struct sbx_log *log, const char *url, int fd,
	struct sbx_import *im, struct sbx_err *err);

/* ---- witness: heads that others have seen ----------------------------------- */

/* Cosign the heads of others' logs that were pulled and hold, each once, at
 * DIR/w/HEX/checkpoint, HEX the SHA-256 of the origin; and DIR/witness-key.
 * refused tells, if its code is not 0, of a log that was begun anew under the
 * origin of one that was cosigned: of an origin one key signs one history. */
int sbx_witness_publish(struct sbx_log *log, const struct sbx_conf *conf,
	const char *dir, size_t *changed, struct sbx_err *refused,
	struct sbx_err *err);
/* This log's own head with what was collected of others' cosignatures of it,
 * in the same place, once there is one. */
int sbx_witness_own(struct sbx_log *log, const struct sbx_conf *conf,
	const char *dir, size_t *changed, struct sbx_err *err);
void sbx_witness_path(struct sbx_buf *path, const char *origin);
/* Ask the site of did for its cosignature of our head, if the policy of
 * sbx.conf names it and it is not at hand, or the site has moved.  SBX_E_NO: it
 * holds a head of ours that the journal does not continue; it is kept as the
 * one that was signed last, so that nothing is signed against it. */
int sbx_witness_collect(struct sbx_log *log, const struct sbx_conf *conf,
	const char *base, const char *did, int64_t until, bool moved,
	struct sbx_err *err);

struct sbx_witnessed {
	int64_t size, witnessed; /* entries: of the journal, of those */
	size_t count;
	struct {
		const char *name; /* conf's */
		int64_t size, time;
	} by[32];
};
int sbx_witness_status(struct sbx_log *log, const struct sbx_conf *conf,
	struct sbx_witnessed *s, struct sbx_err *err);
/* SBX_E_NO when some entry is not witnessed by the quorum. */
int sbx_witness_require(const struct sbx_conf *conf, struct sbx_err *err);

/* Older nodes' WitnessAttest entries, against this journal's older root. */
#define SBX_MAX_ATTESTS 4096 /* looked at */
struct sbx_attest {
	int64_t seq, height;
	char witness[SBX_DID_SIZE];
	unsigned char root[SBX_HASH_BYTES];
};
int sbx_attest_each(struct sbx_log *log,
	void (*fn)(void *ctx, const struct sbx_attest *a, bool holds),
	void *ctx, struct sbx_err *err);

/* ---- peer: whose log there is to pull ------------------------------------- */

struct sbx_peer {
	char *name, *url;
	char *did; /* who must be there; NULL: whoever was first */
	char *box; /* what a node calls itself, which finds it too, or NULL */
	bool node; /* from the directory, not from sbx.conf */
	bool hub;  /* it says where it can be reached */
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

#define SBX_ROUND 3 /* members that a round visits by its draw */

struct sbx_round {
	const char *gate; /* the hub's DID; NULL or none of them: the first hub */
	const char *seed; /* of the draw: each node's and round's own */
	size_t others;	  /* so many by the draw, and as many of due */
	const bool *ahead, *due; /* of each peer: it says that it holds more;
				  * half of the time until it is stale is over */
};

/* Of the directory's nodes, whom this round visits, in visit[p->count].  Pure. */
void sbx_round_pick(const struct sbx_peers *p, const struct sbx_round *r,
	bool *visit);
/* The same by what this node knows now. */
int sbx_round_plan(struct sbx_log *log, const struct sbx_conf *conf,
	const struct sbx_peers *p, bool *visit, struct sbx_err *err);

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

#endif
