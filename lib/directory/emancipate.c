/* SPDX-License-Identifier: Apache-2.0 */
/* How a mesh outgrows its founder: by levels that only rise, one at a time,
 * each by a proposal that passed and with a milestone that shows. */
#include <string.h>

#include "json/json.h"
#include "crypto/crypto.h"
#include "directory/directory.h"
#include "directory/member.h"

/* Whose boxes they are is not written anywhere: all that came in below one
 * guest of an anchor count as that guest's. */
static const struct sbx_person *
operator_of(const struct sbx_person *p)
{
	for (int n = 0; n <= SBX_MAX_INVITE_DEPTH; n++) {
		if (p->anchor || p->inviter == NULL || p->inviter->anchor)
			return p;
		p = p->inviter;
	}
	return p;
}

static const char *
domain_of(const struct sbx_person *p)
{
	return p->anchor || p->by == NULL ? "" : p->by->domain;
}

/* Two domains, each with a member whose operator is not the other's. */
static bool
two_domains(const struct sbx_fold *f)
{
	const struct sbx_person *p, *q;

	for (p = f->first; p != NULL; p = p->next) {
		if (!sbx_fold_stands(p) || *domain_of(p) == '\0')
			continue;
		for (q = p->next; q != NULL; q = q->next)
			if (sbx_fold_stands(q) && *domain_of(q) != '\0' &&
				strcmp(domain_of(p), domain_of(q)) != 0 &&
				operator_of(p) != operator_of(q))
				return true;
	}
	return false;
}

static bool
counts(const struct sbx_sight *s, int64_t time, const struct sbx_person *gone)
{
	return s->time <= time && s->who != gone && sbx_fold_stands(s->who) &&
		s->time >= s->who->from;
}

static bool
same_place(const struct sbx_sight *a, const struct sbx_sight *b)
{
	return a->height == b->height && strcmp(a->domain, b->domain) == 0;
}

/* Is witness i the first of its author (or of its operator) in s's group? */
static bool
first_in_group(const struct sbx_fold *f, size_t i, const struct sbx_sight *s,
	int64_t time, const struct sbx_person *gone, bool operators)
{
	for (size_t j = 0; j < i; j++)
		if (counts(&f->sights[j], time, gone) &&
			same_place(&f->sights[j], s) &&
			(operators ? operator_of(f->sights[j].who) ==
					operator_of(f->sights[i].who) :
				     f->sights[j].who == f->sights[i].who))
			return false;
	return true;
}

/* The most that agree on one root, none of one log and height disagreeing;
 * each operator counted once, or each witness. */
static int
witnesses(const struct sbx_fold *f, int64_t time, const struct sbx_person *gone,
	bool operators)
{
	int best = 0, n;

	for (size_t i = 0; i < f->nsights; i++) {
		const struct sbx_sight *s = &f->sights[i];

		if (!counts(s, time, gone))
			continue;
		n = 0;
		for (size_t j = 0; j < f->nsights; j++) {
			if (!counts(&f->sights[j], time, gone) ||
				!same_place(s, &f->sights[j]))
				continue;
			if (strcmp(s->root, f->sights[j].root) != 0)
				return 0;
			n += first_in_group(f, j, s, time, gone, operators);
		}
		best = n > best ? n : best;
	}
	return best;
}

/* A passed proposal for that level, which names the anchor that is to go. */
static bool
mandate(const struct sbx_fold *f, int64_t level, int64_t time,
	const struct sbx_person *gone)
{
	const struct sbx_json *body;
	struct sbx_doc *doc = NULL;
	bool found = false;
	int64_t n;

	for (size_t i = 0; !found && i < f->nproposals; i++) {
		const struct sbx_proposal *p = f->proposals[i];

		if (!p->passed || p->closes_at > time ||
			strcmp(p->ptype, "emancipation") != 0 ||
			sbx_json_parse(p->body, strlen(p->body), NULL, &doc,
				NULL) != 0)
			continue;
		body = sbx_doc_root(doc);
		found = sbx_json_int(sbx_json_get(body, "level"), 1,
				SBX_MAX_LEVEL, &n) && n == level &&
			(gone == NULL || sbx_json_is(sbx_json_get(body,
				"remove_anchor"), gone->did));
		sbx_doc_free(doc);
		doc = NULL;
	}
	return found;
}

const char *
sbx_emancipate_missing(const struct sbx_fold *f, int64_t level, int64_t time,
	const struct sbx_person *gone)
{
	bool rises = level > f->level;

	if (gone != NULL && level != SBX_MAX_LEVEL)
		return "the founder goes at the last level, not before";
	if (!mandate(f, level, time, NULL))
		return "no emancipation proposal for this level has passed";
	if (gone != NULL && !mandate(f, level, time, gone))
		return "no emancipation proposal that passed names the anchor "
		       "that is to go (\"remove_anchor\")";
	if (rises && level == 1 && !two_domains(f))
		return "it takes members of two independent domains";
	if (rises && level == 2 && witnesses(f, time, NULL, false) < 2)
		return "it takes two witnesses whose roots agree, and none that "
		       "disagrees";
	/* Three operators with one voice each: none has more than a third. */
	if (rises && level == 3 && witnesses(f, time, NULL, true) < 3)
		return "it takes three witnesses whose roots agree, no operator "
		       "having over a third of them";
	if (gone != NULL && witnesses(f, time, gone, false) < 2)
		return "two witnesses must remain without the founder";
	return NULL;
}

bool
sbx_emancipate_next(const struct sbx_fold *f, int64_t level, bool removal)
{
	return level <= SBX_MAX_LEVEL && (level == f->level + 1 ||
		(removal && level == SBX_MAX_LEVEL && level == f->level));
}

void
sbx_emancipate(struct sbx_fold *f, const struct sbx_event *e)
{
	struct sbx_person *gone = NULL;

	if (!sbx_fold_stands(e->who) || e->before != f->level ||
		!sbx_emancipate_next(f, e->level, e->id[0] != '\0'))
		return;
	if (e->id[0] != '\0') {
		if (!sbx_did_check(e->id, strlen(e->id)))
			return;
		gone = sbx_fold_person(f, e->id);
		if (!gone->anchor)
			return;
	}
	if (sbx_emancipate_missing(f, e->level, e->time, gone) != NULL)
		return;
	f->level = e->level;
	if (gone != NULL) {
		gone->anchor = false;
		gone->member = true; /* like any other, and at the root still */
		gone->plain = true;
	}
}
