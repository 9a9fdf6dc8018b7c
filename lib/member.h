/* SPDX-License-Identifier: Apache-2.0 */
/* Private to lib/: who is a member, as a fold over what was signed. */
#ifndef SBX_MEMBER_H
#define SBX_MEMBER_H

#include "db.h"

/* At one instant an invitation comes before its use, and removal comes after
 * what it removes, so that it beats what is concurrent with it. */
enum sbx_event_kind {
	SBX_EVENT_INVITE,
	SBX_EVENT_VOID,
	SBX_EVENT_ACCEPT,
	SBX_EVENT_ROTATE,
	SBX_EVENT_REVOKE,
};

struct sbx_event;

struct sbx_person {
	char *did;
	char *rec; /* the hash of its recovery key, from its first head */
	bool trusted; /* a local anchor: where the fold begins */
	bool anchor, member, revoked;
	int depth;
	struct sbx_person *inviter;
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
};

struct sbx_fold {
	void *people; /* a tsearch(3) tree */
	struct sbx_person *first;
	struct sbx_invitation **invites; /* by id, inviter, date */
	size_t ninvites, invites_cap;
	struct sbx_event *events;
	size_t count, cap;
};

struct sbx_person *sbx_fold_person(struct sbx_fold *f, const char *did);
bool sbx_fold_stands(const struct sbx_person *p);
/* Apply every event, in its order. */
void sbx_fold_run(struct sbx_fold *f);
void sbx_fold_clear(struct sbx_fold *f);

/* Read the events from temp.claim. */
int sbx_member_load(sqlite3 *db, struct sbx_fold *f, struct sbx_err *err);
/* Fill temp.member and temp.invite. */
int sbx_member_compute(sqlite3 *db, struct sbx_err *err);

#endif
