/* SPDX-License-Identifier: Apache-2.0 */
/* How a new entry of this box is dated.  Claims are judged by their dates, and
 * other boxes' clocks are not ours: an acceptance dated before its invitation
 * would count for nothing, and its author would never know. */
#include <stdio.h>
#include <string.h>

#include "base/base.h"
#include "json/json.h"
#include "record/record.h"
#include "ledger/ledger.h"
#include "node/node.h"
#include "ledger/db.h"

enum by {
	BY_ID,	   /* the types are of entries with that identifier */
	BY_AUTHOR, /* that author has made; */
	ANY,	   /* anybody has */
};

/* How a box came to where it is. */
#define PLACES "'InviteAccept', 'SbxRotate'"

/* An entry of that type rests on those, named by that field. */
static const struct rest {
	const char *type, *field;
	enum by by;
	const char *on;
} rests[] = {
	{ "InviteAccept", "invite_id", BY_ID, "'Invitation'" },
	/* Who was put out comes back by what is later than that. */
	{ "InviteAccept", NULL, ANY, "'RevocationNotice', 'SbxRotate'" },
	{ "Invitation", NULL, ANY, "'RevocationNotice', 'SbxRotate'" },
	{ "Subscription", "service_id", BY_ID, "'ServiceOffer'" },
	{ "ServiceApprove", "subscription_id", BY_ID, "'Subscription'" },
	{ "ServiceReject", "subscription_id", BY_ID, "'Subscription'" },
	{ "ProposalVote", "proposal_id", BY_ID, "'Proposal'" },
	{ "EmancipationRecord", NULL, ANY, "'Proposal', 'ProposalVote', "
		"'Attestation', 'EmancipationRecord', 'RevocationNotice', "
		PLACES },
	{ "RevocationNotice", "target", BY_ID, "'Invitation'" },
	{ "RevocationNotice", "target", BY_AUTHOR, PLACES },
	{ "Attestation", "subject", BY_AUTHOR, PLACES },
	{ "NameBind", "did", BY_AUTHOR, PLACES },
	{ "SbxRotate", "old", BY_AUTHOR, "'RevocationNotice', 'SbxHead', "
		PLACES },
};

/* Later than this is ahead of the clock, for everybody. */
static int64_t
due(void)
{
	return sbx_clock_now() + SBX_MAX_AHEAD;
}

/* *floor, or the latest date of the facts f that the condition on ?1 gives, of
 * those that are not ahead of the clock. */
static int
latest(sqlite3 *db, const char *where, const char *text, int64_t *floor,
	struct sbx_err *err)
{
	sqlite3_stmt *st = NULL;
	char sql[400];
	int64_t us;
	int r;

	snprintf(sql, sizeof(sql), "SELECT max(f.time) FROM fact f WHERE %s AND "
		"f.time<?2", where);
	if ((r = sbx_db_prepare(db, sql, &st, err)) != 0)
		return r;
	if (text != NULL)
		sbx_db_bind_text(st, 1, text);
	sqlite3_bind_int64(st, 2, due());
	if (sqlite3_step(st) == SQLITE_ROW) {
		us = sqlite3_column_int64(st, 0);
		*floor = us > *floor ? us : *floor;
	} else {
		r = sbx_db_fail(db, "ledger", err);
	}
	sqlite3_finalize(st);
	return r;
}

static int
rest(sqlite3 *db, const struct rest *on, const char *named, int64_t *floor,
	struct sbx_err *err)
{
	static const char *const ways[] = {
		[BY_ID] = " AND " SBX_CLAIMING("f", "?1"),
		[BY_AUTHOR] = " AND f.author=(SELECT id FROM author WHERE "
			      "did=?1)",
		[ANY] = "",
	};
	char where[300];

	snprintf(where, sizeof(where), "f.type IN (%s)%s", on->on, ways[on->by]);
	return latest(db, where, named, floor, err);
}

/* A voice counts from the opening on, which may be later than the proposal. */
static int
opening(sqlite3 *db, const char *id, int64_t *floor, struct sbx_err *err)
{
	sqlite3_stmt *st = NULL;
	int64_t us;
	int r, step;

	if ((r = sbx_db_prepare(db, "SELECT json_extract(e.payload, "
			"'$.opens_at') FROM fact f JOIN entry e USING(seq) WHERE "
			"f.type='Proposal' AND " SBX_CLAIMING("f", "?1"), &st,
		     err)) != 0)
		return r;
	sbx_db_bind_text(st, 1, id);
	while ((step = sqlite3_step(st)) == SQLITE_ROW) {
		const char *text = (const char *)sqlite3_column_text(st, 0);

		if (text != NULL && sbx_time_parse(&us, text, strlen(text)) &&
			us < due() && us > *floor)
			*floor = us;
	}
	if (step != SQLITE_DONE)
		r = sbx_db_fail(db, "ledger", err);
	sqlite3_finalize(st);
	return r;
}

int
sbx_date_rests(struct sbx_log *log, const struct sbx_rec *rec,
	const struct sbx_json *payload, int64_t *us, struct sbx_err *err)
{
	sqlite3 *db = sbx_log_db(log);
	const char *named;
	int64_t floor = 0;
	int r = SBX_OK;

	for (size_t i = 0; r == 0 && i < sizeof(rests) / sizeof(rests[0]); i++) {
		if (strcmp(rests[i].type, rec->type) != 0)
			continue;
		named = rests[i].field == NULL ? NULL :
			sbx_json_str(payload, rests[i].field);
		if (named == NULL && rests[i].by != ANY)
			continue; /* it has no such field, and is refused */
		r = rest(db, &rests[i], named, &floor, err);
		if (r == 0 && strcmp(rec->type, "ProposalVote") == 0)
			r = opening(db, named, &floor, err);
	}
	if (*us <= floor)
		*us = floor + 1;
	return r;
}

/* By this clock it has not joined yet, so what it gives would count for nothing
 * once it has.  It may take away what is its own, and join. */
static int
check_joined(sqlite3 *db, const char *self, const char *type,
	struct sbx_err *err)
{
	static const char *const gives[] = { "Invitation", "Attestation",
		"Proposal", "ProposalVote", "EmancipationRecord", "ServiceOffer",
		"Subscription", "ServiceApprove", "NodeRecord", "NameBind",
		"RevocationNotice" };
	char sql[300], span[SBX_SPAN_SIZE], when[SBX_TIME_SIZE];
	int64_t since;
	size_t i = 0;
	int r;

	while (i < sizeof(gives) / sizeof(gives[0]) && strcmp(gives[i], type) != 0)
		i++;
	if (i == sizeof(gives) / sizeof(gives[0]))
		return SBX_OK;
	snprintf(sql, sizeof(sql), "SELECT coalesce(min(f.time), 0) FROM fact f "
		"WHERE f.type IN (" PLACES ") AND f.author=(SELECT id FROM "
		"author WHERE did='%s')", self);
	if ((r = sbx_db_int(db, sql, 0, &since, err)) != 0 || since < due())
		return r;
	sbx_span_write(span, since - sbx_clock_now());
	sbx_time_write(when, since);
	sbx_err_set(err, SBX_E_SYS, "this box's clock is %s behind its own "
		"acceptance of an invitation, at %s", span, when);
	sbx_err_hint(err, "set the clock; if it was wrong then: sbx-member "
			  "accept once more");
	return SBX_E_SYS;
}

int
sbx_date_joined(struct sbx_log *log, const char *type, struct sbx_err *err)
{
	char self[SBX_DID_SIZE];
	int r = sbx_log_self(log, self, err);

	return r != 0 ? r : check_joined(sbx_log_db(log), self, type, err);
}

int
sbx_date_own(struct sbx_log *log, int64_t *us, struct sbx_err *err)
{
	char self[SBX_DID_SIZE];
	int64_t own = 0;
	int r;

	*us = sbx_clock_now();
	/* As they stand, and not by type: strangers have very many facts. */
	if ((r = sbx_log_self(log, self, err)) == 0 &&
		(r = latest(sbx_log_db(log), "f.author=(SELECT id FROM author "
			"WHERE did=?1)", self, &own, err)) == 0 && *us <= own)
		*us = own + 1;
	return r;
}

int
sbx_date(struct sbx_log *log, const char *type, const struct sbx_json *payload,
	int64_t *us, struct sbx_err *err)
{
	const struct sbx_rec *rec = sbx_rec_type(type, strlen(type));
	int r;

	if ((r = sbx_date_joined(log, type, err)) == 0 &&
		(r = sbx_date_own(log, us, err)) == 0)
		r = sbx_date_rests(log, rec, payload, us, err);
	return r;
}

int
sbx_date_ahead(struct sbx_log *log, int64_t *last, struct sbx_err *err)
{
	char sql[300], self[SBX_DID_SIZE];
	int r;

	if ((r = sbx_log_self(log, self, err)) != 0)
		return r;
	snprintf(sql, sizeof(sql), "SELECT coalesce(max(f.time), 0) FROM fact f "
		"WHERE f.author=(SELECT id FROM author WHERE did='%s') AND "
		"f.time>=%lld", self, (long long)due());
	return sbx_db_int(sbx_log_db(log), sql, 0, last, err);
}

bool
sbx_date_waits(struct sbx_log *log, const char *type, const char *id)
{
	sqlite3_stmt *st = NULL;
	char self[SBX_DID_SIZE];
	bool yes;

	if (sbx_log_self(log, self, NULL) != 0 ||
		sbx_db_prepare(sbx_log_db(log), "SELECT 1 FROM fact f WHERE "
			"f.type=?1 AND " SBX_CLAIMING("f", "?2") " AND f.author="
			"(SELECT id FROM author WHERE did=?3) AND f.time>=?4",
			&st, NULL) != 0)
		return false;
	sbx_db_bind_text(st, 1, type);
	sbx_db_bind_text(st, 2, id);
	sbx_db_bind_text(st, 3, self);
	sqlite3_bind_int64(st, 4, due());
	yes = sqlite3_step(st) == SQLITE_ROW;
	sqlite3_finalize(st);
	return yes;
}

bool
sbx_date_tell(struct sbx_log *log, struct sbx_err *why)
{
	char span[SBX_SPAN_SIZE], when[SBX_TIME_SIZE];
	int64_t last;

	if (sbx_date_ahead(log, &last, NULL) != 0 || last == 0)
		return false;
	sbx_span_write(span, last - sbx_clock_now());
	sbx_time_write(when, last);
	sbx_err_set(why, SBX_E_SYS, "the clock is %s behind what this box signed "
		"at %s, which waits for that time", span, when);
	sbx_err_hint(why, "set the clock; if it is right, it was wrong then");
	return true;
}
