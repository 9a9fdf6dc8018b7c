/* SPDX-License-Identifier: Apache-2.0 */
/* Membership (DESIGN.md "Who is a member").
 *
 * What was signed is sorted by its own dates and hashes, never by arrival, and
 * folded in that order: whoever holds the same entries gets the same members.
 * A claim counts if its author had the right to make it at its place in that
 * order. */
#include <search.h>
#include <stdlib.h>
#include <string.h>

#include "base/base.h"
#include "crypto/crypto.h"
#include "directory/directory.h"
#include "directory/member.h"

/* Taking back an invitation from the start changes what came before, so the
 * fold is run again without it, until nothing changes.  More than two rounds
 * need members who take back each other's invitations in a ring. */
#define MAX_ROUNDS 8

static bool unproven;

void
sbx_member_unproven(bool yes)
{
	unproven = yes;
}

bool
sbx_member_is_unproven(void)
{
	return unproven;
}

static int
by_did(const void *a, const void *b)
{
	return strcmp(((const struct sbx_person *)a)->did,
		((const struct sbx_person *)b)->did);
}

static int
by_order(const void *a, const void *b)
{
	const struct sbx_event *x = a, *y = b;

	if (x->time != y->time)
		return x->time < y->time ? -1 : 1;
	if (x->kind != y->kind)
		return x->kind < y->kind ? -1 : 1;
	return memcmp(x->hash, y->hash, SBX_HASH_BYTES);
}

static int
by_name(const struct sbx_invitation *x, const struct sbx_invitation *y)
{
	int r = strcmp(x->id, y->id);

	/* Two authors may claim one id: the inviter is part of its name. */
	return r != 0 ? r : strcmp(x->inviter->did, y->inviter->did);
}

static int
by_invitation(const void *a, const void *b)
{
	const struct sbx_invitation *x = *(struct sbx_invitation *const *)a;
	const struct sbx_invitation *y = *(struct sbx_invitation *const *)b;
	int r = by_name(x, y);

	if (r != 0)
		return r;
	if (x->time != y->time)
		return x->time < y->time ? -1 : 1;
	return memcmp(x->hash, y->hash, SBX_HASH_BYTES);
}

struct sbx_person *
sbx_fold_person(struct sbx_fold *f, const char *did)
{
	struct sbx_person probe = { .did = (char *)(uintptr_t)did }, *p;
	struct sbx_person **found = tfind(&probe, &f->people, by_did);

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

bool
sbx_fold_stands(const struct sbx_person *p)
{
	return !p->revoked && (p->anchor || p->member);
}

/* The first in order whose id is not below id (and inviter, when given). */
static size_t
lower_bound(const struct sbx_fold *f, const char *id, const char *inviter)
{
	size_t low = 0, high = f->ninvites, mid;
	int r;

	while (low < high) {
		mid = low + (high - low) / 2;
		r = strcmp(f->invites[mid]->id, id);
		if (r == 0 && inviter != NULL)
			r = strcmp(f->invites[mid]->inviter->did, inviter);
		if (r < 0)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

/* How many invitations lie between p and the one above it, -1: not above.
 * The walk is bounded: a readmitted member may have invited its inviter. */
static int
distance(const struct sbx_person *above, const struct sbx_person *p)
{
	int n = 0;

	while (p != above && p != NULL && n <= SBX_MAX_INVITE_DEPTH) {
		p = p->anchor ? NULL : p->inviter;
		n++;
	}
	return p == above && p != NULL ? n : -1;
}

/* May who remove what is p's? */
static bool
over(const struct sbx_person *who, const struct sbx_person *p)
{
	return sbx_fold_stands(who) && (who->anchor || distance(who, p) >= 0);
}

/* Who has its place now: itself, unless a new key took it.  A key that comes
 * back has a place of its own, so this ends. */
static struct sbx_person *
heir_of(struct sbx_person *p)
{
	while (p->heir != NULL)
		p = p->heir;
	return p;
}

static void
apply_void(struct sbx_fold *f, const struct sbx_event *e)
{
	size_t i = lower_bound(f, e->target, NULL);

	if (!sbx_fold_stands(e->who))
		return;
	for (; i < f->ninvites && strcmp(f->invites[i]->id, e->target) == 0;
		i++) {
		struct sbx_invitation *in = f->invites[i];

		if (!over(e->who, heir_of(in->inviter)))
			continue;
		in->closed = true;
		in->voided = in->voided || e->whole;
	}
}

static bool
lets_in(const struct sbx_invitation *in, const struct sbx_event *e)
{
	const struct sbx_person *p = e->who;

	if (in->never || in->closed || !in->valid ||
		!sbx_fold_stands(in->inviter) || e->time > in->expires_at ||
		in->used >= in->max_uses ||
		in->inviter->depth >= SBX_MAX_INVITE_DEPTH ||
		in->time < in->inviter->from)
		return false;
	/* Or who was put out would come back by what is left of an old one. */
	return p->removed == NULL || in->time > p->removed->time;
}

static void
apply_accept(struct sbx_fold *f, const struct sbx_event *e)
{
	size_t i = lower_bound(f, e->id, e->target);
	struct sbx_invitation *in = i < f->ninvites ? f->invites[i] : NULL;
	struct sbx_person *p = e->who;

	if (in == NULL || strcmp(in->id, e->id) != 0 ||
		strcmp(in->inviter->did, e->target) != 0 ||
		(!e->proof && !unproven) || sbx_fold_stands(p) ||
		!lets_in(in, e))
		return;
	in->used++;
	p->member = true;
	p->revoked = false;
	p->inviter = in->inviter;
	p->heir = NULL;
	p->by = in;
	p->depth = in->inviter->depth + 1;
	p->since = e->time;
	p->from = p->removed != NULL ? e->time : 0;
	p->accepted = e;
}

static void
put_out(struct sbx_person *p, const struct sbx_event *e)
{
	if (!sbx_fold_stands(p))
		return;
	p->revoked = true;
	p->anchor = false; /* readmitted it is a member like others */
	p->removed = e;
}

static void
apply_revoke(struct sbx_fold *f, const struct sbx_event *e)
{
	struct sbx_person *target = sbx_fold_person(f, e->target), *p;
	bool whole = e->whole && e->cascade > 0;
	int n;

	/* Who is put out does not stay by a rotation that it dates back; but the
	 * new key may well say that the old one is no more. */
	if (e->who != target && e->who != heir_of(target))
		target = heir_of(target);
	if (e->who != target && !over(e->who, target))
		return;
	/* Of whom it invited nobody that is out, or was never in, may say
	 * anything; and anybody can revoke oneself, as often as one likes. */
	if (e->who == target && !sbx_fold_stands(target))
		whole = false;
	for (p = f->first; whole && p != NULL; p = p->next) {
		n = p->member ? distance(target, p) : -1;
		if (n > 0 && n <= e->cascade)
			put_out(p, e);
	}
	put_out(target, e);
}

/* May e's author take old's place?  The key that old named in its first head
 * says so; whoever was put out by others has no place to give. */
static bool
replaces(const struct sbx_event *e, const struct sbx_person *old)
{
	unsigned char pub[SBX_PUB_BYTES], hash[SBX_HASH_BYTES];
	char hex[2 * SBX_HASH_BYTES + 1];

	if (old == e->who || sbx_fold_stands(e->who) || old->rec == NULL ||
		(!sbx_fold_stands(old) &&
			(old->removed == NULL || old->removed->who != old)) ||
		!sbx_hex_parse(pub, sizeof(pub), e->target, strlen(e->target)))
		return false;
	sbx_hash_b2(hash, pub, sizeof(pub));
	sbx_hex_write(hex, hash, sizeof(hash));
	return strcmp(hex, old->rec) == 0;
}

/* The new key inherits the old one's inviter, guests, and trust. */
static void
apply_rotate(struct sbx_fold *f, const struct sbx_event *e)
{
	struct sbx_person *old = sbx_fold_person(f, e->id), *p = e->who;

	if (!replaces(e, old))
		return;
	p->anchor = old->by == NULL && !old->plain;
	p->plain = old->plain;
	p->member = !p->anchor;
	p->revoked = false;
	if (old->inviter != p) /* its guest's place has its own host above it */
		p->inviter = old->inviter;
	p->heir = NULL;
	p->by = old->by;
	p->depth = old->depth;
	p->since = e->time;
	p->from = p->removed != NULL ? e->time : 0;
	p->accepted = e;
	for (struct sbx_person *q = f->first; q != NULL; q = q->next)
		if (q->inviter == old)
			q->inviter = p;
	old->revoked = true;
	old->anchor = false;
	old->removed = e;
	old->heir = p;
}

static void
begin(struct sbx_fold *f)
{
	for (struct sbx_person *p = f->first; p != NULL; p = p->next) {
		p->anchor = p->trusted;
		p->plain = false;
		p->member = p->revoked = false;
		p->depth = 0;
		p->inviter = p->heir = NULL;
		p->by = NULL;
		p->since = p->from = 0;
		p->accepted = p->removed = NULL;
	}
	for (size_t i = 0; i < f->ninvites; i++) {
		f->invites[i]->used = 0;
		f->invites[i]->valid = f->invites[i]->closed = false;
		f->invites[i]->never = f->invites[i]->voided;
		f->invites[i]->voided = false;
	}
}

static bool
settled(const struct sbx_fold *f)
{
	for (size_t i = 0; i < f->ninvites; i++)
		if (f->invites[i]->never != f->invites[i]->voided)
			return false;
	return true;
}

static void
apply(struct sbx_fold *f, struct sbx_event *e)
{
	switch (e->kind) {
	case SBX_EVENT_INVITE:
		e->invite->valid = sbx_fold_stands(e->who);
		break;
	case SBX_EVENT_VOID:
		apply_void(f, e);
		break;
	case SBX_EVENT_ACCEPT:
		apply_accept(f, e);
		break;
	case SBX_EVENT_ROTATE:
		apply_rotate(f, e);
		break;
	case SBX_EVENT_REVOKE:
		apply_revoke(f, e);
		break;
	case SBX_EVENT_PROPOSE:
		sbx_vote_propose(f, e->proposal);
		break;
	case SBX_EVENT_CLOSE:
		sbx_vote_close(f, e->proposal);
		break;
	case SBX_EVENT_LEVEL:
		sbx_emancipate(f, e);
		break;
	}
}

/* Of one author's versions of one invitation the first one stands. */
static void
sort_invites(struct sbx_fold *f)
{
	size_t n = 0;

	if (f->ninvites > 0)
		qsort(f->invites, f->ninvites, sizeof(*f->invites),
			by_invitation);
	for (size_t i = 0; i < f->ninvites; i++)
		if (n == 0 || by_name(f->invites[n - 1], f->invites[i]) != 0) {
			struct sbx_invitation *in = f->invites[n];

			f->invites[n++] = f->invites[i];
			f->invites[i] = in;
		}
	f->ninvites = n;
}

void
sbx_fold_run(struct sbx_fold *f)
{
	sort_invites(f);
	sbx_vote_sort(f);
	if (f->count > 0)
		qsort(f->events, f->count, sizeof(*f->events), by_order);
	for (int round = 0; round < MAX_ROUNDS; round++) {
		begin(f);
		sbx_vote_begin(f);
		for (size_t i = 0; i < f->count; i++)
			apply(f, &f->events[i]);
		if (settled(f))
			break;
	}
}

static void
keep(void *node)
{
	(void)node; /* the list owns what the tree points to */
}

static void
free_invite(struct sbx_invitation *in)
{
	free(in->id);
	free(in->domain);
	free(in->rights);
	free(in->expires);
	free(in);
}

void
sbx_fold_clear(struct sbx_fold *f)
{
	tdestroy(f->people, keep);
	for (struct sbx_person *p = f->first, *next; p != NULL; p = next) {
		next = p->next;
		free(p->did);
		free(p->rec);
		free(p);
	}
	for (size_t i = 0; i < f->count; i++) {
		if (f->events[i].kind == SBX_EVENT_INVITE)
			free_invite(f->events[i].invite);
		free(f->events[i].id);
		free(f->events[i].target);
	}
	sbx_vote_clear(f);
	free(f->invites);
	free(f->events);
}
