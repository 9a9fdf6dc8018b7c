/* SPDX-License-Identifier: Apache-2.0 */
/* Proposals: counted where their closing stands among all events, over whoever
 * is a member there, so every node counts the same. */
#include <stdlib.h>
#include <string.h>

#include "base/base.h"
#include "json/json.h"
#include "crypto/crypto.h"
#include "record/record.h"
#include "directory/directory.h"
#include "directory/member.h"

#define WHOLE 1000000 /* millionths */
/* Until a proposal changes it: six of ten members, each with one voice. */
#define FIRST_MOST 600000
/* The least common multiple of 1 to 17: divided by 1 + depth it stays whole. */
#define VOICE INT64_C(12252240)

static int
by_id(const void *a, const void *b)
{
	const struct sbx_proposal *x = *(struct sbx_proposal *const *)a;
	const struct sbx_proposal *y = *(struct sbx_proposal *const *)b;
	int r = strcmp(x->id, y->id);

	return r != 0 ? r : memcmp(x->hash, y->hash, SBX_HASH_BYTES);
}

static int
by_voter(const void *a, const void *b)
{
	const struct sbx_voice *x = a, *y = b;
	int r = strcmp(x->id, y->id);

	if (r == 0)
		r = strcmp(x->who->did, y->who->did);
	if (r != 0)
		return r;
	if (x->time != y->time)
		return x->time < y->time ? -1 : 1;
	return memcmp(x->hash, y->hash, SBX_HASH_BYTES);
}

void
sbx_vote_sort(struct sbx_fold *f)
{
	if (f->nproposals > 0)
		qsort(f->proposals, f->nproposals, sizeof(*f->proposals), by_id);
	if (f->nvoices > 0)
		qsort(f->voices, f->nvoices, sizeof(*f->voices), by_voter);
}

void
sbx_vote_begin(struct sbx_fold *f)
{
	f->rules = f->shown = (struct sbx_rules){ .most = FIRST_MOST };
	f->level = 0;
	for (size_t i = 0; i < f->nproposals; i++) {
		struct sbx_proposal *p = f->proposals[i];

		p->valid = p->clash = p->closed = p->passed = false;
		p->yes = p->no = p->all = 0;
	}
}

/* Voters name an id alone, so a second text under it would get the voices that
 * were for the first.  An id that is its text's hash can have no second one:
 * it is that text's, and any other claim to it is void.  Of two loose claims,
 * as older nodes make them, neither counts, unless one had closed by then. */
static void
find_clash(struct sbx_fold *f, struct sbx_proposal *p)
{
	size_t i = 0, n = f->nproposals, mid;

	for (size_t high = n; i < high;) {
		mid = i + (high - i) / 2;
		if (strcmp(f->proposals[mid]->id, p->id) < 0)
			i = mid + 1;
		else
			high = mid;
	}
	for (; i < n && strcmp(f->proposals[i]->id, p->id) == 0; i++)
		if (f->proposals[i]->bound || f->proposals[i]->closed)
			p->valid = false;
		else if (f->proposals[i] != p && f->proposals[i]->valid)
			f->proposals[i]->clash = p->clash = true;
}

void
sbx_vote_propose(struct sbx_fold *f, struct sbx_proposal *p)
{
	p->valid = sbx_fold_stands(p->who) && p->closes_at > p->opens_at &&
		p->closes_at > p->time && p->rules.depth == f->rules.depth &&
		p->rules.most >= f->rules.most && p->rules.most <= WHOLE;
	if (p->valid && !p->bound)
		find_clash(f, p);
}

/* The first of a voter's voices that was in time and its own to give. */
static int
voice_of(const struct sbx_fold *f, const struct sbx_proposal *p,
	const struct sbx_person *who)
{
	size_t low = 0, high = f->nvoices, mid;
	int r;

	while (low < high) {
		mid = low + (high - low) / 2;
		r = strcmp(f->voices[mid].id, p->id);
		if (r == 0)
			r = strcmp(f->voices[mid].who->did, who->did);
		if (r < 0)
			low = mid + 1;
		else
			high = mid;
	}
	for (; low < f->nvoices && f->voices[low].who == who &&
		strcmp(f->voices[low].id, p->id) == 0; low++)
		if (f->voices[low].time >= p->opens_at &&
			f->voices[low].time <= p->closes_at &&
			f->voices[low].time >= who->from)
			return f->voices[low].choice;
	return 0;
}

static void
count(struct sbx_fold *f, struct sbx_proposal *p)
{
	const struct sbx_person *who;
	int64_t weight;
	int choice;

	p->yes = p->no = p->all = 0;
	for (who = f->first; who != NULL; who = who->next) {
		if (!sbx_fold_stands(who))
			continue;
		weight = p->rules.depth ?
			VOICE / (1 + (who->anchor ? 0 : who->depth)) : 1;
		choice = voice_of(f, p, who);
		p->all += weight;
		p->yes += choice > 0 ? weight : 0;
		p->no += choice < 0 ? weight : 0;
	}
}

/* What a passed quorum_revision says: {"quorum_rule": ..., "quorum_percent":
 * 1..100}, either of them. */
static void
revise(struct sbx_fold *f, const struct sbx_proposal *p)
{
	const struct sbx_json *root, *rule;
	struct sbx_doc *doc = NULL;
	int64_t percent;

	if (sbx_json_parse(p->body, strlen(p->body), NULL, &doc, NULL) != 0)
		return;
	root = sbx_doc_root(doc);
	rule = sbx_json_get(root, "quorum_rule");
	if (rule != NULL)
		f->rules.depth = sbx_json_is(rule, "attestation_depth");
	if (sbx_json_int(sbx_json_get(root, "quorum_percent"), 1, 100, &percent))
		f->rules.most = percent * (WHOLE / 100);
	sbx_doc_free(doc);
}

void
sbx_vote_close(struct sbx_fold *f, struct sbx_proposal *p)
{
	if (!p->valid || p->clash)
		return;
	count(f, p);
	p->closed = true;
	p->passed = p->yes > p->no &&
		p->yes * WHOLE >= p->all * p->rules.most;
	if (p->passed && strcmp(p->ptype, "quorum_revision") == 0)
		revise(f, p);
	if (p->closes_at <= f->now)
		f->shown = f->rules;
}

/* ---- from the journal --------------------------------------------------------- */

static int64_t
when(sqlite3_stmt *st, int i)
{
	const char *text = sbx_member_text(st, i);
	int64_t us = 0;

	sbx_time_parse(&us, text, strlen(text));
	return us;
}

int
sbx_proposal_id(const struct sbx_json *payload, char id[static SBX_ID_SIZE])
{
	struct sbx_doc *doc = sbx_doc_new();
	struct sbx_buf canon = SBX_BUF(SBX_MAX_ENTRY);
	unsigned char hash[SBX_HASH_BYTES];
	int r;

	for (const struct sbx_json *c = payload->child; c != NULL; c = c->next)
		if (strcmp(c->key, "proposal_id") != 0)
			sbx_json_add_copy(doc, sbx_doc_root(doc), c->key, c);
	r = sbx_canon_write(&canon, sbx_doc_root(doc), sbx_rec_fractions, NULL);
	sbx_hash_b2(hash, sbx_buf_text(&canon), canon.len);
	sbx_hex_write(id, hash, sizeof(hash));
	sbx_buf_free(&canon);
	sbx_doc_free(doc);
	return r;
}

static bool
is_bound(const char *id, const char *payload)
{
	struct sbx_doc *doc = NULL;
	char own[SBX_ID_SIZE];
	bool yes;

	if (sbx_json_parse(payload, strlen(payload), NULL, &doc, NULL) != 0)
		return false;
	yes = sbx_proposal_id(sbx_doc_root(doc), own) == 0 &&
		strcmp(own, id) == 0;
	sbx_doc_free(doc);
	return yes;
}

static void
load_proposal(struct sbx_fold *f, sqlite3_stmt *st)
{
	struct sbx_event *e = sbx_member_event(f, SBX_EVENT_PROPOSE, st);
	struct sbx_proposal *p = sbx_mem_alloc(1, sizeof(*p));
	double share;

	p->id = sbx_member_column(st, 3);
	p->who = e->who;
	memcpy(p->hash, e->hash, sizeof(p->hash));
	p->time = e->time;
	p->ptype = sbx_member_column(st, 4);
	p->rules.depth = sqlite3_column_int(st, 5);
	share = sqlite3_column_double(st, 6);
	p->rules.most = share <= 1 ? (int64_t)(share * WHOLE + 0.5) : WHOLE + 1;
	p->opens_at = when(st, 7);
	p->closes_at = when(st, 8);
	p->closes = sbx_member_column(st, 8);
	p->body = sbx_member_column(st, 9);
	p->bound = is_bound(p->id, sbx_member_text(st, 10));
	e->proposal = p;
	e = sbx_member_event(f, SBX_EVENT_CLOSE, st);
	e->time = p->closes_at;
	e->proposal = p;
	f->proposals = sbx_mem_grow(f->proposals, f->nproposals + 1,
		sizeof(*f->proposals));
	f->proposals[f->nproposals++] = p;
}

static void
load_voice(struct sbx_fold *f, sqlite3_stmt *st)
{
	const char *choice = sbx_member_text(st, 4);
	struct sbx_voice *v;

	f->voices = sbx_mem_grow(f->voices, f->nvoices + 1, sizeof(*f->voices));
	v = &f->voices[f->nvoices++];
	v->time = sqlite3_column_int64(st, 0);
	sbx_member_hash(st, 1, v->hash);
	v->who = sbx_fold_person(f, sbx_member_text(st, 2));
	v->id = sbx_member_column(st, 3);
	v->choice = strcmp(choice, "for") == 0 ? 1 :
		strcmp(choice, "against") == 0 ? -1 : 0;
}

static void
load_sight(struct sbx_fold *f, sqlite3_stmt *st)
{
	struct sbx_sight *s;

	f->sights = sbx_mem_grow(f->sights, f->nsights + 1, sizeof(*f->sights));
	s = &f->sights[f->nsights++];
	s->time = sqlite3_column_int64(st, 0);
	s->who = sbx_fold_person(f, sbx_member_text(st, 2));
	s->root = sbx_member_column(st, 3);
	s->domain = sbx_member_column(st, 4);
	s->height = sqlite3_column_int64(st, 5);
}

static void
load_level(struct sbx_fold *f, sqlite3_stmt *st)
{
	struct sbx_event *e = sbx_member_event(f, SBX_EVENT_LEVEL, st);

	e->level = sqlite3_column_int64(st, 4);
	e->before = sqlite3_column_int64(st, 5);
}

#define P SBX_FIELD

static const struct sbx_source sources[] = {
	{ "SELECT f.time, e.id, a.did, f.id, " P("ptype") ", " P("quorum_rule")
	  "='attestation_depth', " P("quorum_threshold") ", " P("opens_at") ", "
	  P("closes_at") ", " P("body") ", e.payload " SBX_CLAIMS "WHERE f.type='Proposal'",
		load_proposal },
	{ "SELECT f.time, e.id, a.did, f.id, " P("choice") " " SBX_CLAIMS
	  "WHERE f.type='ProposalVote'", load_voice },
	/* Read only where it may matter: they are many. */
	{ "SELECT f.time, e.id, a.did, f.id, " P("domain") ", " P("log_height")
	  " " SBX_CLAIMS "WHERE f.type='WitnessAttest' AND EXISTS(SELECT 1 FROM "
	  "temp.claim p JOIN main.entry q USING(seq) WHERE p.type='Proposal' AND "
	  "json_extract(q.payload, '$.ptype')='emancipation')", load_sight },
	{ "SELECT f.time, e.id, a.did, " P("remove_anchor") ", "
	  P("emancipation_level") ", " P("previous_level") " " SBX_CLAIMS
	  "WHERE f.type='EmancipationRecord'", load_level },
	{ NULL, NULL },
};

int
sbx_vote_load(sqlite3 *db, struct sbx_fold *f, struct sbx_err *err)
{
	int r = sbx_member_read(db, sources, f, err);

	if (r != 0)
		return r;
	return sbx_db_int(db, "SELECT us FROM temp.clock", 0, &f->now, err);
}

/* ---- what came of it ------------------------------------------------------------ */

static int
store_rules(sqlite3 *db, const struct sbx_fold *f, struct sbx_err *err)
{
	sqlite3_stmt *st = NULL;
	int r;

	if ((r = sbx_db_prepare(db, "INSERT INTO temp.rules VALUES(?, ?, ?, ?)",
		     &st, err)) != 0)
		return r;
	sbx_db_bind_text(st, 1, f->shown.depth ? "attestation_depth" :
						 "one_node_one_voice");
	sqlite3_bind_int64(st, 2, f->shown.most);
	sqlite3_bind_int64(st, 3, f->level);
	sbx_db_bind_text(st, 4, f->level == SBX_MAX_LEVEL ?
		"it is the last level" :
		sbx_emancipate_missing(f, f->level + 1, f->now, NULL));
	if (sqlite3_step(st) != SQLITE_DONE)
		r = sbx_db_fail(db, "rules", err);
	sqlite3_finalize(st);
	return r;
}

int
sbx_vote_store(sqlite3 *db, const struct sbx_fold *f, struct sbx_err *err)
{
	sqlite3_stmt *st = NULL;
	int r;

	if ((r = sbx_db_prepare(db, "INSERT INTO temp.proposal VALUES(?, ?, ?, ?, "
				    "?, ?, ?, ?, ?)", &st, err)) != 0)
		return r;
	for (size_t i = 0; r == 0 && i < f->nproposals; i++) {
		const struct sbx_proposal *p = f->proposals[i];

		sbx_db_bind_blob(st, 1, p->hash, SBX_HASH_BYTES);
		sbx_db_bind_text(st, 2, p->who->did);
		sqlite3_bind_int64(st, 3, p->opens_at);
		sqlite3_bind_int64(st, 4, p->closes_at);
		sbx_db_bind_text(st, 5, !p->valid ? "void" :
			p->clash ? "contested" :
			p->bound ? "counts" : "loose");
		sqlite3_bind_int(st, 6, p->passed);
		sqlite3_bind_int64(st, 7, p->yes);
		sqlite3_bind_int64(st, 8, p->no);
		sqlite3_bind_int64(st, 9, p->all);
		if (sqlite3_step(st) != SQLITE_DONE)
			r = sbx_db_fail(db, "proposals", err);
		sqlite3_reset(st);
	}
	sqlite3_finalize(st);
	return r == 0 ? store_rules(db, f, err) : r;
}

void
sbx_vote_clear(struct sbx_fold *f)
{
	for (size_t i = 0; i < f->nproposals; i++) {
		free(f->proposals[i]->id);
		free(f->proposals[i]->ptype);
		free(f->proposals[i]->body);
		free(f->proposals[i]->closes);
		free(f->proposals[i]);
	}
	for (size_t i = 0; i < f->nvoices; i++)
		free(f->voices[i].id);
	for (size_t i = 0; i < f->nsights; i++) {
		free(f->sights[i].root);
		free(f->sights[i].domain);
	}
	free(f->proposals);
	free(f->voices);
	free(f->sights);
}
