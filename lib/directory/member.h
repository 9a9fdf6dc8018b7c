/* SPDX-License-Identifier: Apache-2.0 */
/* Private to lib/: who is a member, as a fold over what was signed. */
#ifndef SBX_MEMBER_H
#define SBX_MEMBER_H

#include "base/base.h"
#include "ledger/db.h"

/* At one instant an invitation comes before its use, and removal comes after
 * what it removes, so that it beats what is concurrent with it. */
enum sbx_event_kind {
	SBX_EVENT_INVITE,
	SBX_EVENT_PROPOSE,
	SBX_EVENT_VOID,
	SBX_EVENT_ACCEPT,
	SBX_EVENT_ROTATE,
	SBX_EVENT_REVOKE,
	SBX_EVENT_CLOSE, /* over whoever is a member at that instant */
	SBX_EVENT_LEVEL,
};

struct sbx_event;

struct sbx_person {
	char *did;
	char *rec; /* the hash of its recovery key, from its first head */
	bool trusted; /* a local anchor: where the fold begins */
	bool anchor, member, revoked;
	bool plain; /* was an anchor until the mesh let go of it */
	int depth;
	struct sbx_person *inviter;
	struct sbx_person *heir; /* the key that has its place now */
	struct sbx_invitation *by;
	int64_t since;
	int64_t from; /* readmitted then: what it said before is over */
	const struct sbx_event *accepted, *removed;
	struct sbx_person *next; /* all of them, for the walks */
};

struct sbx_invitation {
	char *id, *domain, *rights, *expires;
	struct sbx_person *inviter;
	unsigned char hash[SBX_HASH_BYTES]; /* of its entry */
	int64_t time, max_uses, used, expires_at;
	bool valid;  /* its author was a member when it was issued */
	bool closed; /* taken back: it lets nobody in from here on */
	bool voided; /* taken back from the start, says this pass; */
	bool never;  /* and said the one before */
};

/* How much of the mesh must be for a proposal, and how it is counted. */
struct sbx_rules {
	bool depth;   /* attestation_depth: a voice weighs 1/(1 + depth) */
	int64_t most; /* millionths of all voices */
};

struct sbx_proposal {
	char *id, *ptype, *body, *closes;
	struct sbx_person *who;
	unsigned char hash[SBX_HASH_BYTES];
	struct sbx_rules rules;
	int64_t time, opens_at, closes_at;
	bool valid;  /* by a member, under the rules in force */
	bool bound;  /* its id is its text's hash, so nobody else's */
	bool clash;  /* loose, and another member, or it too, claims the id */
	bool closed, passed;
	int64_t yes, no, all; /* weights */
};

struct sbx_voice {
	char *id;
	struct sbx_person *who;
	unsigned char hash[SBX_HASH_BYTES];
	int64_t time;
	int choice; /* 1 for, -1 against, 0 neither */
};

/* What a witness said of a log. */
struct sbx_sight {
	char *domain, *root;
	struct sbx_person *who;
	int64_t height, time;
};

struct sbx_event {
	enum sbx_event_kind kind;
	int64_t time;
	unsigned char hash[SBX_HASH_BYTES];
	struct sbx_person *who;
	char *id, *target; /* invite_id, who is replaced; what is revoked, who
			    * invited, the recovery key */
	int64_t cascade;
	bool whole; /* scope cascade */
	bool proof;
	struct sbx_invitation *invite;
	struct sbx_proposal *proposal;
	int64_t level, before; /* id: which anchor goes, or "" */
};

struct sbx_fold {
	void *people; /* a tsearch(3) tree */
	struct sbx_person *first;
	struct sbx_invitation **invites; /* by id, inviter, date */
	size_t ninvites, invites_cap;
	struct sbx_event *events;
	size_t count, cap;
	struct sbx_proposal **proposals; /* by id */
	size_t nproposals;
	struct sbx_voice *voices; /* by id, voter, date */
	size_t nvoices;
	struct sbx_sight *sights;
	size_t nsights;
	int64_t now;
	struct sbx_rules rules; /* in force at this place of the fold */
	struct sbx_rules shown; /* now */
	int64_t level;		/* of emancipation */
};

struct sbx_person *sbx_fold_person(struct sbx_fold *f, const char *did);
bool sbx_fold_stands(const struct sbx_person *p);
/* Apply every event, in its order. */
void sbx_fold_run(struct sbx_fold *f);
void sbx_fold_clear(struct sbx_fold *f);

bool sbx_member_is_unproven(void);

/* cache: what the fold gave, kept; by the rules of this number, which goes up
 * when the fold would give something else for the same entries. */
#define SBX_FOLD_RULES 5
bool sbx_cache_valid(sqlite3 *db);
bool sbx_cache_wanted(sqlite3 *db);
void sbx_cache_refresh(const char *path);
/* SBX_E_NO: it would be used, and is not what the entries give. */
int sbx_cache_check(const char *path, struct sbx_err *err);
/* The views; with cached what they rest on is what is kept, else it is made
 * empty, for sbx_member_compute to fill. */
int sbx_state_prepare(sqlite3 *db, const int64_t *at, bool cached,
	struct sbx_err *err);

/* vote: proposals and what comes of them. */
void sbx_vote_sort(struct sbx_fold *f);
void sbx_vote_begin(struct sbx_fold *f);
void sbx_vote_propose(struct sbx_fold *f, struct sbx_proposal *p);
void sbx_vote_close(struct sbx_fold *f, struct sbx_proposal *p);
void sbx_vote_clear(struct sbx_fold *f);
int sbx_vote_load(sqlite3 *db, struct sbx_fold *f, struct sbx_err *err);
/* Fill temp.proposal and temp.rules. */
int sbx_vote_store(sqlite3 *db, const struct sbx_fold *f, struct sbx_err *err);

#define SBX_MAX_LEVEL 3

/* emancipate: why the mesh is not ready for level at that time, or NULL.
 * gone: the anchor that is to go, or NULL. */
const char *sbx_emancipate_missing(const struct sbx_fold *f, int64_t level,
	int64_t time, const struct sbx_person *gone);
/* Levels rise one at a time; at the last one an anchor may yet be let go of. */
bool sbx_emancipate_next(const struct sbx_fold *f, int64_t level, bool removal);
void sbx_emancipate(struct sbx_fold *f, const struct sbx_event *e);

/* What the fold reads, source by source: each row of a query over the claims
 * goes to load. */
#define SBX_CLAIMS "FROM temp.claim f JOIN main.entry e USING(seq) " \
		   "JOIN main.author a ON a.id=f.author "
#define SBX_FIELD(name) "json_extract(e.payload, '$." name "')"
struct sbx_source {
	const char *sql; /* NULL behind the last */
	void (*load)(struct sbx_fold *f, sqlite3_stmt *st);
};
int sbx_member_read(sqlite3 *db, const struct sbx_source *from,
	struct sbx_fold *f, struct sbx_err *err);

/* One more event, its columns: time, hash, author, id. */
struct sbx_event *sbx_member_event(struct sbx_fold *f, enum sbx_event_kind kind,
	sqlite3_stmt *st);
/* A damaged row has NULL where no entry has: such a text is "", such a hash 0. */
const char *sbx_member_text(sqlite3_stmt *st, int i);
char *sbx_member_column(sqlite3_stmt *st, int i);
void sbx_member_hash(sqlite3_stmt *st, int i,
	unsigned char hash[static SBX_HASH_BYTES]);

/* Read the events from temp.claim. */
int sbx_member_load(sqlite3 *db, struct sbx_fold *f, struct sbx_err *err);
/* Fill temp.member and temp.invite. */
int sbx_member_compute(sqlite3 *db, struct sbx_err *err);

#endif
