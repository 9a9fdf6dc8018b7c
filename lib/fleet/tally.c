/* SPDX-License-Identifier: Apache-2.0 */
/* Who could be the gate, and how good: a pure function of the snapshots. */
#include <stdlib.h>
#include <string.h>

#include "fleet/fleet.h"

/* ---- the set ---- */

static int
by_did(const void *a, const void *b)
{
	return strcmp(((const struct sbx_fleet_node *)a)->did,
		((const struct sbx_fleet_node *)b)->did);
}

const struct sbx_fleet_node *
sbx_fleet_node(const struct sbx_fleet *f, const char *did)
{
	struct sbx_fleet_node key;

	if (f->nnodes == 0)
		return NULL;
	snprintf(key.did, sizeof(key.did), "%s", did);
	return bsearch(&key, f->nodes, f->nnodes, sizeof(*f->nodes), by_did);
}

/* Of two with one number neither can be told to be the first, so the bytes
 * decide: every node keeps the same one. */
static bool
newer(const struct sbx_fleet_node *a, const struct sbx_fleet_node *b)
{
	return a->seq != b->seq ? a->seq > b->seq :
		memcmp(a->hash, b->hash, sizeof(a->hash)) < 0;
}

void
sbx_fleet_put(struct sbx_fleet *f, struct sbx_fleet_node *node)
{
	struct sbx_fleet_node *old =
		(struct sbx_fleet_node *)sbx_fleet_node(f, node->did);
	size_t i = f->nnodes;

	if (old != NULL && !newer(node, old)) {
		free(node->links);
		node->links = NULL;
		return;
	}
	if (old != NULL) {
		free(old->links);
		*old = *node;
		return;
	}
	f->nodes = sbx_mem_grow(f->nodes, f->nnodes + 1, sizeof(*f->nodes));
	while (i > 0 && strcmp(f->nodes[i - 1].did, node->did) > 0)
		i--;
	memmove(f->nodes + i + 1, f->nodes + i,
		(f->nnodes++ - i) * sizeof(*f->nodes));
	f->nodes[i] = *node;
}

int
sbx_fleet_take(struct sbx_fleet *f, const struct sbx_statement *s,
	struct sbx_err *err)
{
	struct sbx_fleet_node node;
	int r;

	if ((r = sbx_statement_verify(s, err)) != 0 ||
		(r = sbx_fleet_node_read(&node, s, err)) != 0)
		return r;
	sbx_fleet_put(f, &node);
	return SBX_OK;
}

void
sbx_fleet_free(struct sbx_fleet *f)
{
	for (size_t i = 0; i < f->nnodes; i++)
		free(f->nodes[i].links);
	free(f->nodes);
	free(f->terms);
	*f = (struct sbx_fleet){ 0 };
}

/* ---- the score ---- */

static int
share(int64_t value, int64_t whole, int points)
{
	return value >= whole ? points : (int)(value * points / whole);
}

static int
role_points(const char *role)
{
	static const struct {
		const char *role;
		int points;
	} all[] = { { "nexus", 15 }, { "fortress", 15 }, { "guardian", 7 } };

	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		if (strcmp(all[i].role, role) == 0)
			return all[i].points;
	return 3;
}

/* The peers are those that say they hear it: its own list would be its own
 * word.  The rest is, and moves the role among the fit ones only. */
static int
score(const struct sbx_fleet_node *n)
{
	return share(n->uptime / 3600, 24, 30) +
	       share((int64_t)n->heard, 10, 25) +
	       (int)((100 - n->cpu) * 15 / 100) +
	       (int)((100 - n->mem) * 15 / 100) + role_points(n->role);
}

/* ---- the judgement ---- */

/* Dated too far ahead is as bad as too long ago: it would outlive its author. */
static bool
is_fresh(const struct sbx_fleet_node *n, int64_t now)
{
	int64_t interval = n->interval > SBX_FLEET_SLOWEST ?
		SBX_FLEET_SLOWEST : n->interval;
	int64_t age = now > n->at ? now - n->at : n->at - now;

	return age < SBX_FLEET_FRESH * interval * SBX_SECOND;
}

static void
count_heard(struct sbx_fleet *f, const struct sbx_fleet_node *by)
{
	struct sbx_fleet_node *to;

	for (size_t i = 0; i < by->nlinks; i++) {
		if (by->links[i].age < 0 ||
			by->links[i].age >= SBX_FLEET_ALIVE)
			continue;
		to = (struct sbx_fleet_node *)sbx_fleet_node(f,
			by->links[i].did);
		if (to == NULL || to == by)
			continue;
		to->heard++;
		to->spokes += !by->reachable;
	}
}

/* An endpoint is the node's own word.  A hub has handshakes with every spoke,
 * so what it hears shows nothing; a spoke has them with hubs alone, so one that
 * half of the spokes hear can be reached.  Without spokes, half of all others. */
static bool
is_reached(const struct sbx_fleet *f, const struct sbx_fleet_node *n)
{
	size_t all = 0, spokes = 0;

	for (size_t i = 0; i < f->nnodes; i++) {
		if (&f->nodes[i] == n || !f->nodes[i].fresh)
			continue;
		all++;
		spokes += !f->nodes[i].reachable;
	}
	return spokes > 0 ? 2 * n->spokes >= spokes : 2 * n->heard >= all;
}

static const char *
unfit(const struct sbx_fleet *f, const struct sbx_fleet_node *n)
{
	return !n->fresh ? "not heard for three intervals" :
		!n->reachable ? "no endpoint" :
		n->drained ? "drained" :
		n->heard == 0 ? "no member has a handshake with it" :
		!is_reached(f, n) ? "fewer than half of the members hear it" : NULL;
}

void
sbx_fleet_tally(struct sbx_fleet *f, int64_t now)
{
	struct sbx_buf counted = SBX_BUF(SIZE_MAX);
	struct sbx_fleet_node *n;

	for (size_t i = 0; i < f->nnodes; i++) {
		f->nodes[i].fresh = is_fresh(&f->nodes[i], now);
		f->nodes[i].heard = f->nodes[i].spokes = 0;
	}
	for (size_t i = 0; i < f->nnodes; i++)
		if (f->nodes[i].fresh)
			count_heard(f, &f->nodes[i]);
	for (size_t i = 0; i < f->nnodes; i++) {
		n = &f->nodes[i];
		n->score = score(n);
		n->unfit = unfit(f, n);
		if (n->fresh)
			sbx_buf_add(&counted, n->hash, sizeof(n->hash));
	}
	sbx_hash_sha256(f->hash, sbx_buf_text(&counted), counted.len);
	sbx_buf_free(&counted);
}

bool
sbx_fleet_better(const struct sbx_fleet_node *a, const struct sbx_fleet_node *b)
{
	return a->score != b->score ? a->score > b->score :
		strcmp(a->did, b->did) < 0;
}
