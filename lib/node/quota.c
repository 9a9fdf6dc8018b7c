/* SPDX-License-Identifier: Apache-2.0 */
/* How much of who is not a member is kept.  What a stranger says has no effect,
 * so a refused entry changes no state; should its author become a member, a
 * pull of everything brings it. */
#include <search.h>
#include <stdlib.h>
#include <string.h>

#include "base/base.h"
#include "json/json.h"
#include "crypto/crypto.h"
#include "record/record.h"
#include "ledger/ledger.h"
#include "directory/directory.h"
#include "node/node.h"
#include "node/store.h"
#include "ledger/db.h"

#define DAY (86400 * INT64_C(1000000))
#define ALL INT64_MIN /* in place of a day */
#define SEEN_BITS 9

struct spent {
	char did[SBX_DID_SIZE];
	int64_t day, bytes, held;
	bool known, dirty, told; /* known: something of it is there */
};

/* Rows for a name and a number or hash; what is not looked for but put. */
enum look {
	SPENT,
	HELD,
	AUTHOR,
	PRESENT,
	STORED,
	PUT,
	LOOKS
};

static const char *const looks[LOOKS] = {
	[SPENT] = "SELECT bytes FROM spent WHERE did=? AND day=?",
	[HELD] = "SELECT count(*) FROM held WHERE did=? AND ?<0",
	[AUTHOR] = "SELECT id FROM author WHERE did=? AND ?<0",
	[PRESENT] = "SELECT 1 FROM author WHERE did=?1 AND ?2<0 UNION ALL "
		    "SELECT 1 FROM held WHERE did=?1",
	[STORED] = "SELECT 1 FROM fact f CROSS JOIN entry e USING(seq) CROSS "
		   "JOIN author a ON a.id=e.author WHERE " SBX_OF_ID("?2")
		   " AND a.did=?1 UNION ALL SELECT 1 FROM held WHERE did=?1 "
		   "AND id=?2",
	[PUT] = "INSERT OR REPLACE INTO spent(did, day, bytes) VALUES(?, ?, ?)",
};

struct sbx_quota {
	sqlite3_stmt *st[LOOKS];
	struct sbx_log *log;
	const char *self; /* no stranger to itself, member or not */
	void *spent;   /* tsearch(3) trees: of struct spent, */
	void *members; /* of DIDs, and of open invitations' ids */
	struct spent *seen[1 << SEEN_BITS]; /* some of spent, found at once */
	bool computed;
	int64_t authors, held;	       /* all of them, their rows in held */
	int64_t insiders, heldinside; /* of those: members */
	int r; /* of storing */
	struct sbx_err *err;
};

struct sbx_quota *
sbx_quota_new(struct sbx_log *log, const char *self)
{
	struct sbx_quota *q = sbx_mem_alloc(1, sizeof(*q));

	q->log = log;
	q->authors = -1;
	q->self = self;
	return q;
}

void
sbx_quota_again(struct sbx_quota *q)
{
	tdestroy(q->members, free);
	q->members = NULL;
	q->computed = false;
	q->insiders = q->heldinside = 0;
}

void
sbx_quota_free(struct sbx_quota *q)
{
	if (q == NULL)
		return;
	for (size_t i = 0; i < LOOKS; i++)
		sqlite3_finalize(q->st[i]);
	tdestroy(q->spent, free);
	tdestroy(q->members, free);
	free(q);
}

static int
by_text(const void *a, const void *b)
{
	return strcmp(a, b);
}

static int
by_day(const void *a, const void *b)
{
	const struct spent *x = a, *y = b;

	if (x->day != y->day)
		return x->day < y->day ? -1 : 1;
	return strcmp(x->did, y->did);
}

static int
prepare(struct sbx_quota *q, enum look which, struct sbx_err *err)
{
	return q->st[which] != NULL ? SBX_OK :
		sbx_db_prepare(sbx_log_db(q->log), looks[which], &q->st[which],
			err);
}

/* Whether there is a row, and its number. */
static int
look(struct sbx_quota *q, enum look which, const char *did, int64_t day,
	const unsigned char *id, int64_t *value, bool *found, struct sbx_err *err)
{
	sqlite3_stmt *st;
	int step, r;

	if ((r = prepare(q, which, err)) != 0)
		return r;
	st = q->st[which];
	sbx_db_bind_text(st, 1, did);
	if (id != NULL)
		sbx_db_bind_blob(st, 2, id, SBX_HASH_BYTES);
	else
		sqlite3_bind_int64(st, 2, day);
	step = sqlite3_step(st);
	*found = step == SQLITE_ROW;
	*value = *found ? sqlite3_column_int64(st, 0) : 0;
	if (step != SQLITE_ROW && step != SQLITE_DONE)
		r = sbx_db_fail(sbx_log_db(q->log), "ledger", err);
	sqlite3_reset(st);
	return r;
}

/* Found, or read from what is stored. */
static int
find_spent(struct sbx_quota *q, const char *did, int64_t day, struct spent **out,
	struct sbx_err *err)
{
	struct spent probe = { .day = day }, **found, *s;
	bool there;
	int64_t n;
	int r;

	memcpy(probe.did, did, SBX_DID_SIZE);
	if ((found = tfind(&probe, &q->spent, by_day)) != NULL)
		return *out = *found, SBX_OK;
	if ((r = look(q, SPENT, did, day, NULL, &probe.bytes, &there, err)) != 0)
		return r;
	if (day == ALL &&
		((r = look(q, HELD, did, ALL, NULL, &probe.held, &there, err)) != 0 ||
			(r = look(q, AUTHOR, did, ALL, NULL, &n, &probe.known,
				 err)) != 0))
		return r;
	probe.known |= probe.held > 0;
	s = sbx_mem_alloc(1, sizeof(*s));
	*s = probe;
	if (tsearch(s, &q->spent, by_day) == NULL)
		sbx_mem_out();
	*out = s;
	return SBX_OK;
}

static int
spent_on(struct sbx_quota *q, const char *did, int64_t day, struct spent **out,
	struct sbx_err *err)
{
	uint64_t begins;
	struct spent **s;
	int r = SBX_OK;

	memcpy(&begins, did + strlen("did:plc:"), sizeof(begins));
	s = &q->seen[(begins * 31 + (uint64_t)day) * UINT64_C(0x9e3779b97f4a7c15) >>
		(64 - SEEN_BITS)];
	if (*s == NULL || (*s)->day != day || strcmp((*s)->did, did) != 0)
		r = find_spent(q, did, day, s, err);
	*out = *s;
	return r;
}

static void
insider(struct sbx_quota *q, const char *text)
{
	char *copy = sbx_mem_text(text, strlen(text));
	char **found = tsearch(copy, &q->members, by_text);

	if (found == NULL)
		sbx_mem_out();
	if (*found != copy)
		free(copy);
}

static int
take_member(void *ctx, const struct sbx_json *row, struct sbx_err *err)
{
	const struct sbx_json *state = sbx_json_get(row, "state");
	const char *did = sbx_json_str(row, "did");
	struct sbx_quota *q = ctx;
	bool there;
	int64_t n;
	int r;

	if (!sbx_json_is(state, "anchor") && !sbx_json_is(state, "member"))
		return SBX_OK;
	insider(q, did);
	/* An anchor may have said nothing here. */
	if ((r = look(q, PRESENT, did, ALL, NULL, &n, &there, err)) == 0)
		q->insiders += there;
	return r;
}

/* One that was taken in time may come when its time is over; one that is used
 * up lets nobody in, so this is bounded by its uses. */
static int
take_invite(void *ctx, const struct sbx_json *row, struct sbx_err *err)
{
	const struct sbx_json *status = sbx_json_get(row, "status");

	(void)err;
	if (sbx_json_is(status, "open") || sbx_json_is(status, "expired"))
		insider(ctx, sbx_json_str(row, "invite_id"));
	return SBX_OK;
}

static bool
inside(const struct sbx_quota *q, const char *text)
{
	return tfind(text, &q->members, by_text) != NULL;
}

/* Of what is held, how much is members'. */
static int
count_inside(struct sbx_quota *q, struct sbx_err *err)
{
	sqlite3 *db = sbx_log_db(q->log);
	sqlite3_stmt *st = NULL;
	int r, step;

	if ((r = sbx_db_prepare(db, "SELECT did, count(*) FROM held GROUP BY did",
		     &st, err)) != 0)
		return r;
	while ((step = sqlite3_step(st)) == SQLITE_ROW)
		if (inside(q, (const char *)sqlite3_column_text(st, 0)))
			q->heldinside += sqlite3_column_int64(st, 1);
	if (step != SQLITE_DONE)
		r = sbx_db_fail(db, "ledger", err);
	sqlite3_finalize(st);
	return r;
}

/* Only when somebody is past a quota: it costs a fold over the members. */
static int
compute(struct sbx_quota *q, struct sbx_err *err)
{
	struct sbx_state *st = NULL;
	int r;

	if (q->computed)
		return SBX_OK;
	if ((r = sbx_state_open(q->log, &st, err)) == 0 &&
		(r = sbx_state_each(st, SBX_VIEW_MEMBER, NULL, take_member, q,
			 err)) == 0)
		r = sbx_state_each(st, SBX_VIEW_INVITE, NULL, take_invite, q, err);
	sbx_state_free(st);
	insider(q, q->self);
	if (r == 0)
		r = count_inside(q, err);
	q->computed = r == 0;
	return r;
}

static int64_t
cost(const struct sbx_entry *e)
{
	return (int64_t)e->canonlen + SBX_ROW_COST;
}

/* Which room of its own e is past, if it is a stranger's. */
static const char *
own_room(const struct sbx_entry *e, const struct spent *all,
	const struct spent *day, bool ahead)
{
	if (all->bytes + cost(e) > SBX_MAX_STRANGER_ALL)
		return "has had its room";
	if (day->bytes + cost(e) > SBX_MAX_STRANGER_BYTES)
		return "has had its room for the day";
	if (ahead && all->held >= SBX_MAX_HELD_EACH)
		return "has had its room for what is dated ahead";
	return NULL;
}

/* No room is left of what strangers share.  Until computed, members take of
 * it too: then the answer may be wrong, but only when it is yes. */
static bool
crowded(const struct sbx_quota *q, const struct spent *all, bool ahead)
{
	return (!all->known && q->authors - q->insiders >= SBX_MAX_STRANGERS) ||
		(ahead && q->held - q->heldinside >= SBX_MAX_HELD);
}

static int
past(struct sbx_quota *q, const struct sbx_entry *e, const struct spent *all,
	const struct spent *day, struct sbx_err *err)
{
	bool ahead = e->time > sbx_clock_now() + SBX_MAX_AHEAD;
	const char *why = own_room(e, all, day, ahead);
	int r;

	if (why == NULL && !crowded(q, all, ahead))
		return SBX_OK;
	if ((r = compute(q, err)) != 0)
		return r;
	if (inside(q, e->author) ||
		(strcmp(e->rec->type, "InviteAccept") == 0 && e->key != NULL &&
			inside(q, e->key)) ||
		(why == NULL && !crowded(q, all, ahead)))
		return SBX_OK;
	return sbx_err_set(err, SBX_E_NO, "%s is no member and %s", e->author,
		why != NULL ? why : "is one too many");
}

/* How many have their room here. */
static int
count_authors(struct sbx_quota *q, struct sbx_err *err)
{
	sqlite3 *db = sbx_log_db(q->log);
	int r;

	if (q->authors >= 0)
		return SBX_OK;
	if ((r = sbx_db_int(db, "SELECT count(*) FROM held", 0, &q->held, err)) != 0)
		return r;
	return sbx_db_int(db, "SELECT (SELECT count(*) FROM author)+(SELECT "
		"count(DISTINCT did) FROM held WHERE did NOT IN (SELECT did FROM "
		"author))", 0, &q->authors, err);
}

int
sbx_quota_check(struct sbx_quota *q, const struct sbx_entry *e,
	struct sbx_err *err)
{
	struct spent *all, *day;
	bool there = false;
	int64_t n;
	int r;

	if (strcmp(e->author, q->self) == 0)
		return SBX_OK;
	if ((r = count_authors(q, err)) != 0 ||
		(r = spent_on(q, e->author, ALL, &all, err)) != 0 ||
		(r = spent_on(q, e->author, e->time / DAY, &day, err)) != 0)
		return r;
	if ((r = past(q, e, all, day, err)) != SBX_E_NO)
		return r;
	/* What is there already takes no room. */
	if (look(q, STORED, e->author, 0, e->id, &n, &there, NULL) == 0 &&
		there)
		return SBX_OK;
	return SBX_E_NO;
}

bool
sbx_quota_tell(struct sbx_quota *q, const struct sbx_entry *e)
{
	struct spent *all;
	bool told;

	if (spent_on(q, e->author, ALL, &all, NULL) != 0)
		return true;
	told = all->told;
	all->told = true;
	return !told;
}

void
sbx_quota_count(struct sbx_quota *q, const struct sbx_entry *e, bool held)
{
	struct spent *s;

	if (strcmp(e->author, q->self) == 0)
		return;
	if (spent_on(q, e->author, e->time / DAY, &s, NULL) == 0) {
		s->bytes += cost(e);
		s->dirty = true;
	}
	if (spent_on(q, e->author, ALL, &s, NULL) == 0) {
		s->bytes += cost(e);
		s->dirty = true;
		q->authors += !s->known;
		s->known = true;
		s->held += held;
		q->held += held;
		q->heldinside += held && q->computed && inside(q, e->author);
	}
}

static void
store(const void *node, VISIT visit, void *ctx)
{
	const struct spent *s = *(struct spent *const *)node;
	struct sbx_quota *q = ctx;
	sqlite3_stmt *st = q->st[PUT];

	if ((visit != postorder && visit != leaf) || !s->dirty || q->r != 0)
		return;
	sbx_db_bind_text(st, 1, s->did);
	sqlite3_bind_int64(st, 2, s->day);
	sqlite3_bind_int64(st, 3, s->bytes);
	if (sqlite3_step(st) != SQLITE_DONE)
		q->r = sbx_db_fail(sbx_log_db(q->log), "ledger", q->err);
	sqlite3_reset(st);
}

int
sbx_quota_store(struct sbx_quota *q, struct sbx_err *err)
{
	q->err = err;
	if ((q->r = prepare(q, PUT, err)) != 0)
		return q->r;
	twalk_r(q->spent, store, q);
	return q->r;
}

/* Of what this box itself has said nothing is counted. */
int
sbx_quota_rebuild(struct sbx_log *log, struct sbx_err *err)
{
	char sql[1024];

	snprintf(sql, sizeof(sql),
		"INSERT INTO spent(did, day, bytes) SELECT did, us/%lld, "
		"sum(bytes) FROM (SELECT a.did, f.time AS us, "
		"length(e.payload)+%d AS bytes FROM entry e "
		"JOIN fact f USING(seq) JOIN author a ON a.id=e.author UNION ALL "
		"SELECT did, due, length(json_extract(line, '$.payload'))+%d "
		"FROM held WHERE json_valid(line)) WHERE did IS NOT (SELECT value "
		"FROM local WHERE key='self') GROUP BY 1, 2; "
		"INSERT INTO spent(did, day, bytes) SELECT did, %lld, sum(bytes) "
		"FROM spent GROUP BY did", (long long)DAY, SBX_ROW_COST,
		SBX_ROW_COST, (long long)ALL);
	return sbx_db_exec(sbx_log_db(log), sql, err);
}
