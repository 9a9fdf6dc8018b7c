/* SPDX-License-Identifier: Apache-2.0 */
/* directory: who is in and what there is, computed from the
 * journal. */
#ifndef SBX_DIRECTORY_H
#define SBX_DIRECTORY_H

#include "ledger/ledger.h"

#define SBX_MAX_INVITE_DEPTH 16 /* invitations between an anchor and a member */

/* ---- state: the directory, a pure function of the set of entries --------- */

struct sbx_state;

enum sbx_view {
	SBX_VIEW_MEMBER,  /* did state depth inviter since name domain rights; state: anchor member revoked observed; name: with ? when contested */
	SBX_VIEW_INVITE,  /* invite_id inviter domain rights max_uses used expires_at status */
	SBX_VIEW_NODE,	  /* did node_id boxname mesh_ip pubkey_wg endpoint ddns created_at member */
	SBX_VIEW_OFFER,	  /* service_id provider boxname name kind endpoint approval_mode macro description created_at status member entry */
	SBX_VIEW_SUB,	  /* subscription_id service_id subscriber provider requested_at status offer_status member entry denied; status: waiting live rejected cancelled ended contested (two claim a number that is neither's own); denied: the provider's last word on it is no, whatever else came of it */
	SBX_VIEW_CONFIG,  /* publisher config_id scope version content_hash valid_from valid_until status member */
	SBX_VIEW_FORK,	  /* did seq heads: authors frozen from head seq on */
	SBX_VIEW_BAN,	  /* publisher ban_id ip reason severity expires_at status member */
	SBX_VIEW_ATTEST,  /* subject context domain attester weight valid_from valid_until created_at status member entry; status: live future expired revoked */
	SBX_VIEW_PROPOSAL, /* proposal_id proposer ptype domain body quorum_rule quorum_threshold opens_at closes_at votes_for votes_against votes_of counts status entry; counts: counts void contested loose (the id is not the text's hash); status: future open passed failed void contested */
	SBX_VIEW_VOTE,	  /* proposal_id voter choice voted_at member entry: each voter's first */
	SBX_VIEW_RULES,	  /* quorum_rule quorum_millionths emancipation_level missing: one row, in force now; missing: for the next level */
	SBX_VIEW_NAME,	  /* did name binder bound_at status member entry; status: live contested; claims taken back are not in it */
	SBX_VIEW_GUEST,	  /* guest sponsor pubkey_wg mesh_ip bound_at member entry; those that were revoked are not in it */
	SBX_VIEW_GATE,	  /* entry proposer gate term snapshots previous since member: every term that was recorded */
	SBX_VIEWS,
};

/* Computed once at open from one snapshot of the journal, which it holds:
 * free it before sbx_log_begin. */
int sbx_state_open(struct sbx_log *log, struct sbx_state **st,
	struct sbx_err *err);
/* The same as it was at that time: entries dated later are left out, and the
 * anchors are those of then. */
int sbx_state_open_at(struct sbx_log *log, int64_t at, struct sbx_state **st,
	struct sbx_err *err);
void sbx_state_free(struct sbx_state *st);
/* From now on, in this process, acceptances without the one-time key's proof
 * count too: whoever reads the log can use an invitation then. */
void sbx_member_unproven(bool yes);
/* Keep what was folded in the file from this many invitations and acceptances
 * on (1000). */
void sbx_cache_from(int64_t events);
/* Rows as JSON objects with the columns above, in a fixed order.  key NULL:
 * all; else those whose first column is key.  Stops when fn returns non-0. */
int sbx_state_each(struct sbx_state *st, enum sbx_view view, const char *key,
	int (*fn)(void *ctx, const struct sbx_json *row, struct sbx_err *err),
	void *ctx, struct sbx_err *err);
/* The rows of SBX_VIEW_SUB, in its order, that are of this subscriber or to
 * what this provider offered, under an identifier that others may claim too
 * (NULL: nobody's); of those, unless NULL, the ones to this service, and the
 * ones whose identifier begins so.  It costs a look at each fact and the view
 * of these rows alone, however many others there are. */
struct sbx_subs {
	const char *subscriber, *provider;
	const char *service, *id;
};
int sbx_state_subs(struct sbx_state *st, const struct sbx_subs *of,
	int (*fn)(void *ctx, const struct sbx_json *row, struct sbx_err *err),
	void *ctx, struct sbx_err *err);
/* The one row whose first column is key: *doc's root.  SBX_E_NO: none. */
int sbx_state_one(struct sbx_state *st, enum sbx_view view, const char *key,
	struct sbx_doc **doc, struct sbx_err *err);
bool sbx_state_member(struct sbx_state *st, const char *did);
/* Would who's revocation of did, or of what it invited to, be heeded?  For an
 * anchor, did itself, who is above it, or above the key that has its place. */
bool sbx_state_above(struct sbx_state *st, const char *who, const char *did);
/* SHA-256 over every view, so equal for equal sets of entries and anchors. */
int sbx_state_digest(struct sbx_state *st,
	unsigned char out[static SBX_HASH_BYTES], struct sbx_err *err);
/* And how many rows each view has: where some are members', of those. */
int sbx_state_count(struct sbx_state *st, int64_t counts[static SBX_VIEWS],
	unsigned char out[static SBX_HASH_BYTES], struct sbx_err *err);

/* ---- name: what members call a DID --------------------------------------- */

/* The DID that text is, is bound to, or whose member node is called so.
 * SBX_E_NO: none; SBX_E_USAGE: several. */
int sbx_name_resolve(struct sbx_state *st, const char *text,
	char did[static SBX_DID_SIZE], struct sbx_err *err);
/* What everybody is called: the name that members gave, else its box's own.
 * Good without the state; *out is to be freed whatever comes of it. */
struct sbx_names;
int sbx_names_load(struct sbx_state *st, struct sbx_names **out,
	struct sbx_err *err);
/* NULL: nothing; not sure: another is called so too. */
const char *sbx_names_get(const struct sbx_names *n, const char *did,
	bool *sure);
void sbx_names_free(struct sbx_names *n);
/* "NAME", "NAME?" if contested, or nothing.  The state keeps what it loads. */
int sbx_name_get(struct sbx_state *st, const char *did, struct sbx_buf *out,
	struct sbx_err *err);
/* "NAME (DID)", "NAME? (DID)" if contested, or the DID alone. */
void sbx_name_write(struct sbx_state *st, const char *did, struct sbx_buf *out);

/* ---- vote: what the mesh decides ------------------------------------------- */

/* The identifier that no other proposal can have: the hash of the payload's
 * other members, its author among them. */
int sbx_proposal_id(const struct sbx_json *payload,
	char id[static SBX_ID_SIZE]);

/* ---- emancipate: when a mesh outgrows its founder ------------------------- */

/* SBX_E_NO, with what is missing: an EmancipationRecord for level, that lets
 * go of the anchor gone (or NULL), would count for nothing now. */
int sbx_emancipate_check(struct sbx_state *st, int64_t level, const char *gone,
	struct sbx_err *err);

/* ---- can: may this one do that? ------------------------------------------- */

struct sbx_question {
	const char *subject, *action, *target, *domain; /* domain: or "" */
	const char *provider; /* of a service; NULL: see struct sbx_use */
	bool carried; /* a subscription to it was seen, see there */
	const char *subscription;
};

/* *answer: {"subject", "action", "target", "domain", "allowed": bool, "legs":
 * [{"leg", "holds": bool, "why", "remedy": text or null, "entries": [id...]}]}.
 * allowed if every leg holds.  SBX_E_USAGE: no such action. */
int sbx_can(struct sbx_state *st, const struct sbx_question *q,
	struct sbx_doc **answer, struct sbx_err *err);

/* ---- offer: offers and subscriptions, named and found ----------------------- */

/* One offer per provider and name: publishing it again updates it. */
void sbx_offer_id(char id[static SBX_ID_SIZE], const char *provider,
	const char *name);
/* A new one each time, since what was revoked does not come back. */
void sbx_sub_id(char id[static SBX_ID_SIZE], const char *subscriber,
	const char *service, int64_t now);

/* Whether publishing a again as b would say nothing new. */
bool sbx_offer_same(const struct sbx_json *a, const struct sbx_json *b);
bool sbx_offer_live(const struct sbx_json *row); /* and a member's */
/* A row of SBX_VIEW_SUB that waits or is live. */
bool sbx_sub_open(const struct sbx_json *row);
enum sbx_find {
	SBX_FIND_ANY,	    /* any offer */
	SBX_FIND_LIVE,	    /* a member's live offer */
	SBX_FIND_OWN,	    /* self's live offer */
	SBX_FIND_SUB,	    /* self's open subscription */
	SBX_FIND_SUB_TO_US, /* any to an offer of self's */
};

/* The one row meant by ref: an id, four or more of its first digits, or an
 * offer's name; behind an offer's maybe "@" and its box's name, its provider's
 * DID, or what members call that.  SBX_E_NO: none.  SBX_E_USAGE: several, listed in *err. */
int sbx_find(struct sbx_state *st, enum sbx_find which, const char *self,
	const char *ref, struct sbx_doc **doc, struct sbx_err *err);

/* ---- use: may S use O of P, and why not ------------------------------------ */

/* Why not, in the order in which it is asked. */
enum sbx_use_why {
	SBX_USE_YES,
	SBX_USE_NO_OFFER,  /* no member offers it */
	SBX_USE_CONTESTED, /* several do, and the question names none of them */
	SBX_USE_WITHDRAWN, /* or its provider is no member */
	SBX_USE_CHANGED,   /* the offer lends something else */
	SBX_USE_STRANGER,  /* the subscriber is not a member */
	SBX_USE_NO_NODE,   /* it has no address on the mesh */
	SBX_USE_ELSEWHERE, /* it has another address than that one */
	SBX_USE_REJECTED,  /* the provider rejected a subscription of its */
	SBX_USE_WAITING,   /* its subscription waits for the provider's approval */
	SBX_USE_ENDED,	   /* its subscription is over */
	SBX_USE_NO_SUB,	   /* it has none */
};

/* The question.  All text is the caller's; what is NULL is not asked. */
struct sbx_use {
	const char *subscriber; /* a DID; never NULL */
	const char *service;	/* NULL: membership and address alone */
	const char *provider;	/* NULL: the only member that offers it */
	const char *address;	/* that the subscriber asks from, as text */
	const char *kind, *params; /* what would be lent; params canonical */
	/* Its signed Subscription was seen, which the log may lack yet; its
	 * identifier, if that is known. */
	bool carried;
	const char *subscription;
};

#define SBX_USE_IP_SIZE 46

struct sbx_verdict {
	enum sbx_use_why why; /* of the parts below the first that fails */
	enum sbx_use_why offer, member, node, sub; /* each by itself; sub is
						    * that of offer if that fails */
	char mesh_ip[SBX_USE_IP_SIZE]; /* the subscriber's node's, or "" */
	struct sbx_doc *offer_row; /* of SBX_VIEW_OFFER, or NULL */
	struct sbx_doc *sub_row;   /* of SBX_VIEW_SUB: what sub rests on, or NULL */
};

/* The one answer for everybody who asks: by the state, in which entries that
 * others than S and P signed about O count for nothing (I15).  Any rejected
 * subscription to O outweighs every other until P approves that one.
 * sbx_verdict_free in any case. */
int sbx_use_check(struct sbx_state *st, const struct sbx_use *use,
	struct sbx_verdict *v, struct sbx_err *err);
void sbx_verdict_free(struct sbx_verdict *v);
/* The same for each of count questions, whys[i] for uses[i], reading once what
 * they need of the state.  Those about a service name this provider. */
int sbx_use_check_all(struct sbx_state *st, const char *provider,
	const struct sbx_use *uses, size_t count, enum sbx_use_why *whys,
	struct sbx_err *err);
/* A clause about the subscriber: "not a member"; never NULL. */
const char *sbx_use_text(enum sbx_use_why why);

/* ---- reader: the directory, for root --------------------------------------- */

/* Root opens no database: who owns the directory that it lies in decides what
 * is in it.  A child that has become that user reads it, and root hears lines. */
struct sbx_reading {
	/* In the child: write what is asked to fd, each line ended, e.g. by
	 * sbx_reader_say.  self is this node's DID. */
	int (*ask)(void *ctx, struct sbx_state *st, const char *self, int fd,
		struct sbx_err *err);
	/* In the caller, for each line in order, NUL in place of its end: the
	 * owner's word, of which nothing is sure but that it has no NUL inside.
	 * A result other than SBX_OK ends it. */
	int (*hear)(void *ctx, char *line, size_t len, struct sbx_err *err);
	void *ctx;
};

/* Who reads the ledger at the path db, for sbx_priv_child: -1 for whoever calls,
 * as root the owner of its directory.  Errors as of sbx_reader. */
int sbx_reader_owner(const char *db, uid_t *uid, gid_t *gid,
	struct sbx_err *err);
/* Ask the ledger at the path db.  As root: SBX_E_USAGE if its directory is
 * root's or anybody may write there.  Else it is read as who calls. */
int sbx_reader(const char *db, const struct sbx_reading *reading,
	struct sbx_err *err);
/* Write "WORD ROW" and a line's end, the row in canonical form. */
int sbx_reader_say(int fd, const char *word, const struct sbx_json *row,
	struct sbx_err *err);

/* ---- ula: IPv6 addresses on the mesh --------------------------------------- */

#define SBX_ULA_SIZE 46 /* an IPv6 address and NUL */

/* The address of who (a DID, a guest's key) on the mesh that founder founded;
 * who NULL: the mesh's /64.  Every node works out the same from the names. */
void sbx_ula(char out[static SBX_ULA_SIZE], const char *founder,
	const char *who);
/* The anchor of the lowest DID, by which all nodes work that out. */
int sbx_state_founder(struct sbx_state *st, char did[static SBX_DID_SIZE],
	struct sbx_err *err);

#endif
