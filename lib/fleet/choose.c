/* SPDX-License-Identifier: Apache-2.0 */
/* The gate: the term in force while its gate is fit, else the best node.  Only
 * a change that lasts is recorded, by one node after the other. */
#include <stdlib.h>
#include <string.h>

#include "fleet/fleet.h"

/* ---- terms ---- */

static int
by_id(const void *a, const void *b)
{
	return strcmp(((const struct sbx_fleet_term *)a)->id,
		((const struct sbx_fleet_term *)b)->id);
}

void
sbx_fleet_put_term(struct sbx_fleet *f, const struct sbx_fleet_term *t)
{
	f->terms = sbx_mem_grow(f->terms, f->nterms + 1, sizeof(*f->terms));
	f->terms[f->nterms++] = *t;
}

static struct sbx_fleet_term *
term_of(const struct sbx_fleet *f, const char *id)
{
	struct sbx_fleet_term key;

	snprintf(key.id, sizeof(key.id), "%s", id);
	return bsearch(&key, f->terms, f->nterms, sizeof(*f->terms), by_id);
}

static int
by_term(const void *a, const void *b)
{
	const struct sbx_fleet_term *x = *(struct sbx_fleet_term *const *)a;
	const struct sbx_fleet_term *y = *(struct sbx_fleet_term *const *)b;

	return x->term != y->term ? (x->term < y->term ? -1 : 1) :
		strcmp(x->id, y->id);
}

/* Nobody makes itself the gate, and a term comes after the one before: who
 * wants to be ahead of the others by many has to sign as many. */
static bool
is_valid(const struct sbx_fleet *f, const struct sbx_fleet_term *t)
{
	const struct sbx_fleet_term *p;

	if (strcmp(t->proposer, t->gate) == 0)
		return false;
	if (t->previous[0] == '\0')
		return t->term == 1;
	p = term_of(f, t->previous);
	return p != NULL && p->valid && p->term + 1 == t->term;
}

static void
validate(struct sbx_fleet *f)
{
	struct sbx_fleet_term **order;

	if (f->nterms == 0)
		return;
	qsort(f->terms, f->nterms, sizeof(*f->terms), by_id);
	order = sbx_mem_alloc(f->nterms, sizeof(struct sbx_fleet_term *));
	for (size_t i = 0; i < f->nterms; i++)
		order[i] = &f->terms[i];
	qsort(order, f->nterms, sizeof(struct sbx_fleet_term *), by_term);
	for (size_t i = 0; i < f->nterms; i++)
		order[i]->valid = is_valid(f, order[i]);
	free(order);
}

/* Which of two terms of one number holds: the one whose gate is fit, then the
 * one that leads, then the lower DID and id, so that every node says the same;
 * a point more or less is none, since scores move while terms spread. */
static bool
prevails(const struct sbx_fleet *f, const struct sbx_fleet_term *a,
	const struct sbx_fleet_term *b)
{
	const struct sbx_fleet_node *x = sbx_fleet_node(f, a->gate);
	const struct sbx_fleet_node *y = sbx_fleet_node(f, b->gate);
	bool fx = x != NULL && x->unfit == NULL;
	bool fy = y != NULL && y->unfit == NULL;
	int c = strcmp(a->gate, b->gate);

	if (fx != fy)
		return fx;
	if (fx && abs(x->score - y->score) >= SBX_FLEET_LEAD)
		return x->score > y->score;
	return c != 0 ? c < 0 : strcmp(a->id, b->id) < 0;
}

/* *split: another term of that number has another gate. */
static const struct sbx_fleet_term *
find_head(const struct sbx_fleet *f, bool *split)
{
	const struct sbx_fleet_term *head = NULL, *t;

	for (size_t i = 0; i < f->nterms; i++) {
		t = &f->terms[i];
		if (t->valid && (head == NULL || t->term > head->term ||
					(t->term == head->term &&
						prevails(f, t, head))))
			head = t;
	}
	*split = false;
	for (size_t i = 0; i < f->nterms; i++)
		if (f->terms[i].valid && f->terms[i].term == head->term &&
			strcmp(f->terms[i].gate, head->gate) != 0)
			*split = true;
	return head;
}

/* Has it lost the role a short time ago?  It does not take it back from who
 * has it now, or a hub that comes and goes would move all traffic each time. */
static bool
rests(const struct sbx_fleet *f, const struct sbx_fleet_term *head,
	const char *did, int64_t now, int64_t interval)
{
	const struct sbx_fleet_term *t = head;
	int64_t lost;

	while (t != NULL && t->previous[0] != '\0') {
		lost = t->since;
		if (now - lost >= SBX_FLEET_REST * interval * SBX_SECOND)
			return false;
		t = term_of(f, t->previous);
		if (t != NULL && strcmp(t->gate, did) == 0)
			return true;
	}
	return false;
}

/* ---- the choice ---- */

/* The best that is fit, but for one; of those that have to, the rested. */
static const struct sbx_fleet_node *
best(const struct sbx_fleet *f, const struct sbx_fleet_node *but)
{
	const struct sbx_fleet_node *b = NULL, *n;

	for (size_t i = 0; i < f->nnodes; i++) {
		n = &f->nodes[i];
		if (n != but && n->unfit == NULL &&
			(b == NULL || sbx_fleet_better(n, b)))
			b = n;
	}
	return b;
}

static const struct sbx_fleet_node *
challenger(const struct sbx_fleet *f, const struct sbx_fleet_term *head,
	const struct sbx_fleet_node *gate, int64_t now, int64_t interval)
{
	const struct sbx_fleet_node *b = NULL, *n;

	for (size_t i = 0; i < f->nnodes; i++) {
		n = &f->nodes[i];
		if (n != gate && n->unfit == NULL &&
			n->score >= gate->score + SBX_FLEET_LEAD &&
			!rests(f, head, n->did, now, interval) &&
			(b == NULL || sbx_fleet_better(n, b)))
			b = n;
	}
	return b;
}

/* The place of self among the fresh members, by DID; -1: it may not record that
 * change.  Each gives the one before it an interval.  The one that is to be the
 * gate keeps its place in the line, so that two who do not agree yet on which
 * one it is do not speak at once. */
static int64_t
turn(const struct sbx_fleet *f, const char *self, const char *want)
{
	int64_t place = 0;

	if (strcmp(self, want) == 0)
		return -1;
	for (size_t i = 0; i < f->nnodes; i++) {
		if (strcmp(f->nodes[i].did, self) == 0)
			return f->nodes[i].fresh ? place : -1;
		place += f->nodes[i].fresh;
	}
	return -1;
}

static void
await(struct sbx_fleet_wait *wait, const char *want, int64_t now)
{
	if (strcmp(wait->want, want) == 0)
		return;
	snprintf(wait->want, sizeof(wait->want), "%s", want);
	wait->since = now;
}

void
sbx_fleet_choose(struct sbx_fleet *f, const char *self, int64_t now,
	int64_t interval, struct sbx_fleet_wait *wait,
	struct sbx_fleet_choice *c)
{
	const struct sbx_fleet_node *want, *sits = NULL;
	int64_t need = 0, place;
	bool split = false;

	*c = (struct sbx_fleet_choice){ 0 };
	validate(f);
	c->head = f->nterms > 0 ? find_head(f, &split) : NULL;
	if (c->head != NULL)
		sits = sbx_fleet_node(f, c->head->gate);
	if (sits != NULL && sits->unfit != NULL)
		sits = NULL;
	c->gate = sits != NULL ? sits : best(f, NULL);
	c->next = best(f, c->gate);
	want = sits == NULL || split ? c->gate :
		challenger(f, c->head, sits, now, interval);
	/* Only the loss of a gate is urgent.  At first a node has not heard all
	 * the others, and of two terms all take the same one. */
	if (sits != NULL || c->head == NULL)
		need = SBX_FLEET_WAIT;
	await(wait, want == NULL ? "" : sits != NULL && !split ? want->did :
		SBX_FLEET_ANY, now);
	if (want == NULL || (place = turn(f, self, want->did)) < 0)
		return;
	if (now - wait->since >= (need + place) * interval * SBX_SECOND)
		c->propose = want;
}
