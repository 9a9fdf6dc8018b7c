/* SPDX-License-Identifier: Apache-2.0 */
/* Membership (DESIGN.md "Who is a member").
 *
 * Invitations, acceptances and revocations are sorted by their own dates and
 * hashes, never by arrival, and folded in that order: whoever holds the same
 * entries gets the same members.  A claim counts if its author had the right
 * to make it at its place in that order. */
#include <search.h>
#include <stdlib.h>
#include <string.h>

#include "member.h"

/* At one instant an invitation comes before its use, and removal comes last,
 * so that it beats what is concurrent with it. */
enum kind { INVITE, ACCEPT, REVOKE };

struct person {
	char *did;
	bool anchor, member, revoked;
	int depth;
	struct person *inviter;
	int64_t since;
	struct person *next; /* all of them, for the walks */
};

struct invite {
	char *id, *domain, *rights, *expires;
	struct person *inviter;
	int64_t max_uses, used, expires_at;
	bool valid; /* its author was a member when it was issued */
	struct invite *next;
};

struct event {
	enum kind kind;
	int64_t time;
	unsigned char hash[SBX_HASH_BYTES];
	struct person *who;
	char *id, *target; /* invite_id; revoked did, or acceptance's inviter */
	int64_t cascade;
	bool proof;
	struct invite *invite;
};

struct fold {
	void *people, *invites; /* tsearch(3) trees */
	struct person *first;
	struct invite *first_invite;
	struct event *events;
	size_t count, cap;
};

static int
by_did(const void *a, const void *b)
{
	return strcmp(((const struct person *)a)->did,
		((const struct person *)b)->did);
}

static int
by_invite(const void *a, const void *b)
{
	const struct invite *x = a, *y = b;
	int r = strcmp(x->id, y->id);

	/* Two authors may claim one id: the inviter is part of its name. */
	return r != 0 ? r : strcmp(x->inviter->did, y->inviter->did);
}

static int
by_order(const void *a, const void *b)
{
	const struct event *x = a, *y = b;

	if (x->time != y->time)
		return x->time < y->time ? -1 : 1;
	if (x->kind != y->kind)
		return x->kind < y->kind ? -1 : 1;
	return memcmp(x->hash, y->hash, SBX_HASH_BYTES);
}

static struct person *
person(struct fold *f, const char *did)
{
	struct person probe = { .did = (char *)(uintptr_t)did }, *p;
	struct person **found = tfind(&probe, &f->people, by_did);

	if (found != NULL)
		return *found;
	p = sbx_mem_alloc(1, sizeof(*p));
	p->did = sbx_mem_text(did, strlen(did));
	p->next = f->first;
	f->first = p;
	if (tsearch(p, &f->people, by_did) == NULL)
		sbx_mem_out();
	return p;
}

static char *
column(sqlite3_stmt *st, int i)
{
	const char *text = (const char *)sqlite3_column_text(st, i);

	return text != NULL ? sbx_mem_text(text, strlen(text)) : NULL;
}

static struct event *
event(struct fold *f, enum kind kind, sqlite3_stmt *st)
{
	struct event *e;

	if (f->count == f->cap) {
		f->cap = f->cap > 0 ? 2 * f->cap : 64;
		f->events = sbx_mem_grow(f->events, f->cap, sizeof(*f->events));
	}
	e = &f->events[f->count++];
	memset(e, 0, sizeof(*e));
	e->kind = kind;
	e->time = sqlite3_column_int64(st, 0);
	if (sqlite3_column_bytes(st, 1) == SBX_HASH_BYTES)
		memcpy(e->hash, sqlite3_column_blob(st, 1), SBX_HASH_BYTES);
	e->who = person(f, (const char *)sqlite3_column_text(st, 2));
	e->id = column(st, 3);
	return e;
}

static void
load_invite(struct fold *f, sqlite3_stmt *st)
{
	struct event *e = event(f, INVITE, st);
	struct invite *in = sbx_mem_alloc(1, sizeof(*in)), **found;

	in->id = column(st, 3);
	in->inviter = e->who;
	in->max_uses = sqlite3_column_int64(st, 4);
	in->expires = column(st, 5);
	in->domain = column(st, 6);
	in->rights = column(st, 7);
	sbx_time_parse(&in->expires_at, in->expires, strlen(in->expires));
	found = tsearch(in, &f->invites, by_invite);
	if (found == NULL)
		sbx_mem_out();
	if (*found == in) {
		in->next = f->first_invite;
		f->first_invite = in;
		e->invite = in;
		return;
	}
	/* A second version of it: rows come in order, the first one stands. */
	f->count--;
	free(e->id);
	free(in->id);
	free(in->expires);
	free(in->domain);
	free(in->rights);
	free(in);
}

static void
load_accept(struct fold *f, sqlite3_stmt *st)
{
	struct event *e = event(f, ACCEPT, st);

	e->target = column(st, 4);
	e->proof = sqlite3_column_int(st, 5);
}

static void
load_revoke(struct fold *f, sqlite3_stmt *st)
{
	struct event *e = event(f, REVOKE, st);

	e->target = column(st, 4);
	e->cascade = sqlite3_column_int64(st, 5);
}

static void
load_anchor(struct fold *f, sqlite3_stmt *st)
{
	person(f, (const char *)sqlite3_column_text(st, 0))->anchor = true;
}

#define ROWS "FROM fact f JOIN entry e USING(seq) JOIN author a ON a.id=f.author "
#define P(field) "json_extract(e.payload, '$." field "')"

static const struct {
	const char *sql;
	void (*load)(struct fold *f, sqlite3_stmt *st);
} sources[] = {
	{ "SELECT did FROM anchor", load_anchor },
	{ "SELECT f.time, e.id, a.did, f.id, " P("max_uses") ", " P("expires_at")
	  ", " P("domain") ", " P("rights") " " ROWS
	  "WHERE f.type='Invitation' ORDER BY f.time, e.id", load_invite },
	{ "SELECT f.time, e.id, a.did, f.id, f.ref, " P("proof") " IS NOT NULL "
	  ROWS "WHERE f.type='InviteAccept'", load_accept },
	{ "SELECT f.time, e.id, a.did, f.id, f.ref, CASE WHEN " P("scope")
	  "='cascade' THEN " P("cascade_depth") " ELSE 0 END " ROWS
	  "WHERE f.type='RevocationNotice'", load_revoke },
};

static int
load(sqlite3 *db, struct fold *f, struct sbx_err *err)
{
	sqlite3_stmt *st = NULL;
	int r, step;

	for (size_t i = 0; i < sizeof(sources) / sizeof(sources[0]); i++) {
		if ((r = sbx_db_prepare(db, sources[i].sql, &st, err)) != 0)
			return r;
		while ((step = sqlite3_step(st)) == SQLITE_ROW)
			sources[i].load(f, st);
		if (step != SQLITE_DONE)
			r = sbx_db_fail(db, "members", err);
		sqlite3_finalize(st);
		if (r != 0)
			return r;
	}
	return SBX_OK;
}

static bool
stands(const struct person *p)
{
	return !p->revoked && (p->anchor || p->member);
}

static void
apply_accept(struct fold *f, const struct event *e)
{
	struct person inviter = { .did = e->target };
	struct invite probe = { .id = e->id, .inviter = &inviter }, **found, *in;
	struct person *p = e->who;

	found = tfind(&probe, &f->invites, by_invite);
	if (found == NULL || !e->proof || stands(p))
		return;
	in = *found;
	if (!in->valid || !stands(in->inviter) || e->time > in->expires_at ||
		in->used >= in->max_uses ||
		in->inviter->depth >= SBX_MAX_INVITE_DEPTH)
		return;
	in->used++;
	p->member = true;
	p->revoked = false;
	p->inviter = in->inviter;
	p->depth = in->inviter->depth + 1;
	p->since = e->time;
}

/* How many invitations lie between p and the one above it, -1: not above.
 * The walk is bounded: a readmitted member may have invited its inviter. */
static int
distance(const struct person *above, const struct person *p)
{
	int n = 0;

	while (p != above && p != NULL && n <= SBX_MAX_INVITE_DEPTH) {
		p = p->anchor ? NULL : p->inviter;
		n++;
	}
	return p == above && p != NULL ? n : -1;
}

static void
apply_revoke(struct fold *f, const struct event *e)
{
	struct person *target = person(f, e->target), *p;
	int n;

	if (e->who != target &&
		(!stands(e->who) ||
			(!e->who->anchor && distance(e->who, target) < 0)))
		return;
	for (p = f->first; e->cascade > 0 && p != NULL; p = p->next) {
		n = p->member ? distance(target, p) : -1;
		if (n > 0 && n <= e->cascade)
			p->revoked = true;
	}
	if (stands(target))
		target->revoked = true;
}

static void
fold_events(struct fold *f)
{
	if (f->count > 0)
		qsort(f->events, f->count, sizeof(*f->events), by_order);
	for (size_t i = 0; i < f->count; i++) {
		struct event *e = &f->events[i];

		switch (e->kind) {
		case INVITE:
			e->invite->valid = stands(e->who);
			break;
		case ACCEPT:
			apply_accept(f, e);
			break;
		case REVOKE:
			apply_revoke(f, e);
			break;
		}
	}
}

static const char *
person_state(const struct person *p)
{
	if (p->revoked)
		return "revoked";
	return p->anchor ? "anchor" : p->member ? "member" : "observed";
}

static int
store_people(sqlite3 *db, const struct fold *f, struct sbx_err *err)
{
	sqlite3_stmt *st = NULL;
	char since[SBX_TIME_SIZE];
	int r;

	if ((r = sbx_db_prepare(db, "INSERT INTO temp.member(did, state, depth, "
		     "inviter, since) VALUES(?, ?, ?, ?, ?)", &st, err)) != 0)
		return r;
	for (const struct person *p = f->first; r == 0 && p != NULL; p = p->next) {
		sbx_db_bind_text(st, 1, p->did);
		sbx_db_bind_text(st, 2, person_state(p));
		sqlite3_bind_int(st, 3, p->anchor ? 0 : p->depth);
		sbx_db_bind_text(st, 4,
			p->inviter != NULL && !p->anchor ? p->inviter->did : NULL);
		sbx_time_write(since, p->since);
		sbx_db_bind_text(st, 5, p->member && !p->anchor ? since : NULL);
		if (sqlite3_step(st) != SQLITE_DONE)
			r = sbx_db_fail(db, "members", err);
		sqlite3_reset(st);
	}
	sqlite3_finalize(st);
	return r;
}

static int
store_invites(sqlite3 *db, const struct fold *f, struct sbx_err *err)
{
	sqlite3_stmt *st = NULL;
	int r;

	if ((r = sbx_db_prepare(db, "INSERT INTO temp.invite(invite_id, inviter, "
		     "domain, rights, max_uses, used, expires_at, status) "
		     "VALUES(?, ?, ?, ?, ?, ?, ?, ?)", &st, err)) != 0)
		return r;
	for (const struct invite *i = f->first_invite; r == 0 && i != NULL;
		i = i->next) {
		sbx_db_bind_text(st, 1, i->id);
		sbx_db_bind_text(st, 2, i->inviter->did);
		sbx_db_bind_text(st, 3, i->domain);
		sbx_db_bind_text(st, 4, i->rights);
		sqlite3_bind_int64(st, 5, i->max_uses);
		sqlite3_bind_int64(st, 6, i->used);
		sbx_db_bind_text(st, 7, i->expires);
		sbx_db_bind_text(st, 8,
			!i->valid || !stands(i->inviter) ? "revoked" :
			i->used >= i->max_uses		 ? "used" :
							   "open");
		if (sqlite3_step(st) != SQLITE_DONE)
			r = sbx_db_fail(db, "members", err);
		sqlite3_reset(st);
	}
	sqlite3_finalize(st);
	return r;
}

static void
keep(void *node)
{
	(void)node; /* the lists own what the trees point to */
}

static void
clear(struct fold *f)
{
	tdestroy(f->people, keep);
	tdestroy(f->invites, keep);
	for (struct person *p = f->first, *next; p != NULL; p = next) {
		next = p->next;
		free(p->did);
		free(p);
	}
	for (struct invite *i = f->first_invite, *next; i != NULL; i = next) {
		next = i->next;
		free(i->id);
		free(i->domain);
		free(i->rights);
		free(i->expires);
		free(i);
	}
	for (size_t i = 0; i < f->count; i++) {
		free(f->events[i].id);
		free(f->events[i].target);
	}
	free(f->events);
}

int
sbx_member_compute(sqlite3 *db, struct sbx_err *err)
{
	struct fold f = { 0 };
	int r;

	if ((r = load(db, &f, err)) == 0) {
		fold_events(&f);
		if ((r = store_people(db, &f, err)) == 0)
			r = store_invites(db, &f, err);
	}
	clear(&f);
	return r;
}
