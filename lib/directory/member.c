/* SPDX-License-Identifier: Apache-2.0 */
/* Membership between the journal and the fold. */
#include <stdlib.h>
#include <string.h>

#include "base/base.h"
#include "crypto/crypto.h"
#include "directory/directory.h"
#include "directory/member.h"
#include "directory/state.h"

const char *
sbx_member_text(sqlite3_stmt *st, int i)
{
	const char *t = (const char *)sqlite3_column_text(st, i);

	return t != NULL ? t : "";
}

char *
sbx_member_column(sqlite3_stmt *st, int i)
{
	const char *text = sbx_member_text(st, i);

	return sbx_mem_text(text, strlen(text));
}

void
sbx_member_hash(sqlite3_stmt *st, int i,
	unsigned char hash[static SBX_HASH_BYTES])
{
	memset(hash, 0, SBX_HASH_BYTES);
	if (sqlite3_column_bytes(st, i) == SBX_HASH_BYTES)
		memcpy(hash, sqlite3_column_blob(st, i), SBX_HASH_BYTES);
}

struct sbx_event *
sbx_member_event(struct sbx_fold *f, enum sbx_event_kind kind, sqlite3_stmt *st)
{
	struct sbx_event *e;

	if (f->count == f->cap) {
		f->cap = f->cap > 0 ? 2 * f->cap : 64;
		f->events = sbx_mem_grow(f->events, f->cap, sizeof(*f->events));
	}
	e = &f->events[f->count++];
	memset(e, 0, sizeof(*e));
	e->kind = kind;
	e->time = sqlite3_column_int64(st, 0);
	sbx_member_hash(st, 1, e->hash);
	e->who = sbx_fold_person(f, sbx_member_text(st, 2));
	e->id = sbx_member_column(st, 3);
	return e;
}

static void
load_invite(struct sbx_fold *f, sqlite3_stmt *st)
{
	struct sbx_event *e = sbx_member_event(f, SBX_EVENT_INVITE, st);
	struct sbx_invitation *in = sbx_mem_alloc(1, sizeof(*in));

	in->id = sbx_member_column(st, 3);
	in->inviter = e->who;
	in->time = e->time;
	memcpy(in->hash, e->hash, sizeof(in->hash));
	in->max_uses = sqlite3_column_int64(st, 4);
	in->expires = sbx_member_column(st, 5);
	in->domain = sbx_member_column(st, 6);
	in->rights = sbx_member_column(st, 7);
	sbx_time_parse(&in->expires_at, in->expires, strlen(in->expires));
	e->invite = in;
	if (f->ninvites == f->invites_cap) {
		f->invites_cap = f->invites_cap > 0 ? 2 * f->invites_cap : 64;
		f->invites = sbx_mem_grow(f->invites, f->invites_cap,
			sizeof(*f->invites));
	}
	f->invites[f->ninvites++] = in;
}

static void
load_accept(struct sbx_fold *f, sqlite3_stmt *st)
{
	struct sbx_event *e = sbx_member_event(f, SBX_EVENT_ACCEPT, st);

	e->target = sbx_member_column(st, 4);
	e->proof = sqlite3_column_int(st, 5);
}

static void
load_revoke(struct sbx_fold *f, sqlite3_stmt *st)
{
	struct sbx_event *e = sbx_member_event(f, SBX_EVENT_REVOKE, st);

	e->target = sbx_member_column(st, 4);
	e->whole = sqlite3_column_int(st, 5);
	e->cascade = sqlite3_column_int64(st, 6);
	if (!sbx_did_check(e->target, strlen(e->target)))
		e->kind = SBX_EVENT_VOID;
}

/* Rows come in order of date and hash: the first one stands. */
static void
load_recovery(struct sbx_fold *f, sqlite3_stmt *st)
{
	struct sbx_person *p = sbx_fold_person(f, sbx_member_text(st, 0));

	if (p->rec == NULL)
		p->rec = sbx_member_column(st, 1);
}

static void
load_rotate(struct sbx_fold *f, sqlite3_stmt *st)
{
	sbx_member_event(f, SBX_EVENT_ROTATE, st)->target = sbx_member_column(st, 4);
}

static void
load_anchor(struct sbx_fold *f, sqlite3_stmt *st)
{
	sbx_fold_person(f, sbx_member_text(st, 0))->trusted = true;
}

#define P SBX_FIELD

static const struct sbx_source sources[] = {
	{ "SELECT did FROM temp.trusted", load_anchor },
	{ "SELECT f.time, e.id, a.did, f.id, " P("max_uses") ", " P("expires_at")
	  ", " P("domain") ", " P("rights") " " SBX_CLAIMS "WHERE f.type='Invitation'",
		load_invite },
	{ "SELECT f.time, e.id, a.did, f.id, f.ref, " P("proof") " IS NOT NULL "
	  SBX_CLAIMS "WHERE f.type='InviteAccept'", load_accept },
	{ "SELECT f.time, e.id, a.did, f.id, f.ref, " P("scope") "='cascade', "
	  P("cascade_depth") " " SBX_CLAIMS "WHERE f.type='RevocationNotice'",
		load_revoke },
	{ "SELECT a.did, " P("rec") " " SBX_CLAIMS "WHERE f.type='SbxHead' AND "
	  P("seq") "=1 AND " P("rec") " IS NOT NULL ORDER BY f.time, e.id",
		load_recovery },
	{ "SELECT f.time, e.id, a.did, f.id, " P("rec_pub") " " SBX_CLAIMS
	  "WHERE f.type='SbxRotate'", load_rotate },
	{ NULL, NULL },
};

int
sbx_member_read(sqlite3 *db, const struct sbx_source *from,
	struct sbx_fold *f, struct sbx_err *err)
{
	sqlite3_stmt *st = NULL;
	int r, step;

	for (; from->sql != NULL; from++) {
		if ((r = sbx_db_prepare(db, from->sql, &st, err)) != 0)
			return r;
		while ((step = sqlite3_step(st)) == SQLITE_ROW)
			from->load(f, st);
		if (step != SQLITE_DONE)
			r = sbx_db_fail(db, "directory", err);
		sqlite3_finalize(st);
		if (r != 0)
			return r;
	}
	return SBX_OK;
}

int
sbx_member_load(sqlite3 *db, struct sbx_fold *f, struct sbx_err *err)
{
	return sbx_member_read(db, sources, f, err);
}

/* ---- what came of it ---------------------------------------------------- */

static const char *
person_state(const struct sbx_person *p)
{
	if (p->revoked)
		return "revoked";
	return p->anchor ? "anchor" : p->member ? "member" : "observed";
}

static void
bind_hash(sqlite3_stmt *st, int i, const unsigned char *hash)
{
	char hex[2 * SBX_HASH_BYTES + 1];

	if (hash != NULL)
		sbx_hex_write(hex, hash, SBX_HASH_BYTES);
	sqlite3_bind_text(st, i, hash != NULL ? hex : NULL, -1,
		SQLITE_TRANSIENT);
}

static void
bind_person(sqlite3_stmt *st, const struct sbx_person *p)
{
	const struct sbx_invitation *by = p->anchor ? NULL : p->by;
	char since[SBX_TIME_SIZE];

	sbx_time_write(since, p->since);
	sbx_db_bind_text(st, 1, p->did);
	sbx_db_bind_text(st, 2, person_state(p));
	sqlite3_bind_int(st, 3, p->anchor ? 0 : p->depth);
	sbx_db_bind_text(st, 4, by != NULL ? p->inviter->did : NULL);
	sqlite3_bind_text(st, 5, by != NULL ? since : NULL, -1,
		SQLITE_TRANSIENT);
	sqlite3_bind_int64(st, 6, p->from);
	sbx_db_bind_text(st, 7, by != NULL ? by->domain : NULL);
	sbx_db_bind_text(st, 8, by != NULL ? by->rights : NULL);
	bind_hash(st, 9, by != NULL ? by->hash : NULL);
	bind_hash(st, 10, by != NULL ? p->accepted->hash : NULL);
	bind_hash(st, 11, p->removed != NULL ? p->removed->hash : NULL);
}

static int
store_people(sqlite3 *db, const struct sbx_fold *f, struct sbx_err *err)
{
	sqlite3_stmt *st = NULL;
	int r;

	if ((r = sbx_db_prepare(db, "INSERT INTO temp.member VALUES(?, ?, ?, ?, "
				    "?, ?, ?, ?, ?, ?, ?)", &st, err)) != 0)
		return r;
	for (const struct sbx_person *p = f->first; r == 0 && p != NULL;
		p = p->next) {
		bind_person(st, p);
		if (sqlite3_step(st) != SQLITE_DONE)
			r = sbx_db_fail(db, "members", err);
		sqlite3_reset(st);
	}
	sqlite3_finalize(st);
	return r;
}

static const char *
invite_status(const struct sbx_invitation *i)
{
	if (!i->valid || i->closed || !sbx_fold_stands(i->inviter))
		return "revoked";
	return i->used >= i->max_uses ? "used" : "open";
}

static int
store_invites(sqlite3 *db, const struct sbx_fold *f, struct sbx_err *err)
{
	sqlite3_stmt *st = NULL;
	int r;

	if ((r = sbx_db_prepare(db, "INSERT INTO temp.invite VALUES(?, ?, ?, ?, "
				    "?, ?, ?, ?)", &st, err)) != 0)
		return r;
	for (size_t n = 0; r == 0 && n < f->ninvites; n++) {
		const struct sbx_invitation *i = f->invites[n];

		sbx_db_bind_text(st, 1, i->id);
		sbx_db_bind_text(st, 2, i->inviter->did);
		sbx_db_bind_text(st, 3, i->domain);
		sbx_db_bind_text(st, 4, i->rights);
		sqlite3_bind_int64(st, 5, i->max_uses);
		sqlite3_bind_int64(st, 6, i->used);
		sbx_db_bind_text(st, 7, i->expires);
		sbx_db_bind_text(st, 8, invite_status(i));
		if (sqlite3_step(st) != SQLITE_DONE)
			r = sbx_db_fail(db, "members", err);
		sqlite3_reset(st);
	}
	sqlite3_finalize(st);
	return r;
}

static int
check_level(struct sbx_fold *f, int64_t level, const char *gone,
	struct sbx_err *err)
{
	const struct sbx_person *p = gone != NULL ? sbx_fold_person(f, gone) : NULL;
	const char *missing;

	if (f->level == SBX_MAX_LEVEL && (p == NULL || level != f->level))
		return sbx_err_set(err, SBX_E_NO, "the mesh is at the last level");
	if (!sbx_emancipate_next(f, level, p != NULL))
		return sbx_err_set(err, SBX_E_NO,
			"the mesh is at level %lld: levels rise one at a time",
			(long long)f->level);
	if (p != NULL && (!p->anchor || !sbx_fold_stands(p)))
		return sbx_err_set(err, SBX_E_NO, "%s is no anchor here", gone);
	missing = sbx_emancipate_missing(f, level, f->now, p);
	return missing != NULL ? sbx_err_set(err, SBX_E_NO, "%s", missing) :
				 SBX_OK;
}

int
sbx_emancipate_check(struct sbx_state *st, int64_t level, const char *gone,
	struct sbx_err *err)
{
	struct sbx_fold f = { 0 };
	int r;

	if ((r = sbx_member_load(st->db, &f, err)) == 0 &&
		(r = sbx_vote_load(st->db, &f, err)) == 0) {
		sbx_fold_run(&f);
		r = check_level(&f, level, gone, err);
	}
	sbx_fold_clear(&f);
	return r;
}

int
sbx_member_compute(sqlite3 *db, struct sbx_err *err)
{
	struct sbx_fold f = { 0 };
	int r;

	if ((r = sbx_member_load(db, &f, err)) == 0 &&
		(r = sbx_vote_load(db, &f, err)) == 0) {
		sbx_fold_run(&f);
		if ((r = store_people(db, &f, err)) == 0 &&
			(r = store_invites(db, &f, err)) == 0)
			r = sbx_vote_store(db, &f, err);
	}
	sbx_fold_clear(&f);
	return r;
}
