/* SPDX-License-Identifier: Apache-2.0 */
/* May this one do that?  A function of the state: every leg of the decision
 * names the entries it rests on, and where a check cannot be made it fails. */
#include <stdlib.h>
#include <string.h>

#include "base/base.h"
#include "json/json.h"
#include "crypto/crypto.h"
#include "directory/directory.h"
#include "directory/can.h"
#include "directory/member.h"

static const struct action {
	const char *name;
	bool attested; /* needs an attestation, unless by an anchor */
} actions[] = {
	{ "attest", true },
	{ "vote", true },
	{ "invite", true },
	{ "name.bind", true },
	{ "service.publish", true },
	{ "report.threat", true },
	{ "service.use", false },
};

/* ---- legs --------------------------------------------------------------- */

void
sbx_leg_begin(struct sbx_asked *a, struct sbx_leg *l, const char *name)
{
	*l = (struct sbx_leg){ .name = name, .why = SBX_BUF(4096),
		.remedy = SBX_BUF(4096) };
	l->json = sbx_json_add(a->doc, a->legs, NULL, SBX_JSON_OBJECT);
	sbx_json_add_str(a->doc, l->json, "leg", name);
	l->entries = sbx_json_add(a->doc, l->json, "entries", SBX_JSON_ARRAY);
}

void
sbx_leg_entry(struct sbx_asked *a, struct sbx_leg *l, const char *id)
{
	if (id != NULL)
		sbx_json_add_str(a->doc, l->entries, NULL, id);
}

void
sbx_leg_end(struct sbx_asked *a, struct sbx_leg *l)
{
	sbx_json_add_bool(a->doc, l->json, "holds", l->holds);
	sbx_json_add_str(a->doc, l->json, "why", sbx_buf_text(&l->why));
	sbx_json_add_str(a->doc, l->json, "remedy",
		l->holds || l->remedy.len == 0 ? NULL :
						 sbx_buf_text(&l->remedy));
	a->allowed = a->allowed && l->holds;
	sbx_buf_free(&l->why);
	sbx_buf_free(&l->remedy);
}

/* ---- the name ------------------------------------------------------------ */

static int
check_name(struct sbx_asked *a, struct sbx_err *err)
{
	char did[SBX_DID_SIZE] = "";
	sqlite3_stmt *q = NULL;
	struct sbx_leg l;
	int r;

	if ((r = sbx_db_prepare(a->st->db,
		     "SELECT pub FROM main.author WHERE did=?", &q, err)) != 0)
		return r;
	sbx_leg_begin(a, &l, "name");
	sbx_db_bind_text(q, 1, a->q->subject);
	if (sqlite3_step(q) != SQLITE_ROW ||
		sqlite3_column_bytes(q, 0) != SBX_PUB_BYTES) {
		sbx_buf_fmt(&l.why, "%s has signed nothing that is known here",
			sbx_buf_text(&a->subject));
		sbx_buf_str(&l.remedy, "its entries must come here: sbx-pull");
	} else {
		sbx_did_write(did, sqlite3_column_blob(q, 0));
		l.holds = strcmp(did, a->q->subject) == 0;
		sbx_buf_fmt(&l.why, l.holds ? "%s is the name of its key" :
					      "%s is not the name of its key",
			sbx_buf_text(&a->subject));
	}
	sqlite3_finalize(q);
	sbx_leg_end(a, &l);
	return SBX_OK;
}

/* ---- membership ---------------------------------------------------------- */

/* Who removed it, when and why; or who has its place. */
static void
explain_removal(struct sbx_asked *a, struct sbx_leg *l, const char *removed)
{
	sqlite3_stmt *q = NULL;

	if (sbx_db_prepare(a->st->db, "SELECT d.did, f.type, " SBX_FIELD(
		    "created_at") ", " SBX_FIELD("reason") " FROM temp.claim f JOIN "
		    "main.entry e USING(seq) JOIN main.author d ON d.id=f.author "
		    "WHERE f.type IN ('RevocationNotice', 'SbxRotate') AND "
		    "lower(hex(e.id))=?", &q, NULL) != 0)
		return;
	sbx_db_bind_text(q, 1, removed);
	if (sqlite3_step(q) == SQLITE_ROW) {
		const char *reason = (const char *)sqlite3_column_text(q, 3);

		sbx_buf_fmt(&l->why, strcmp((const char *)sqlite3_column_text(q, 1),
			"SbxRotate") == 0 ? " gave its place on %.19s to " :
			" was revoked on %.19s by ",
			(const char *)sqlite3_column_text(q, 2));
		sbx_name_write(a->st, (const char *)sqlite3_column_text(q, 0),
			&l->why);
		if (reason != NULL && *reason != '\0')
			sbx_buf_fmt(&l->why, " (%.200s)", reason);
	}
	sqlite3_finalize(q);
}

/* Why the last invitation that it accepted does not count. */
static void
explain_stranger(struct sbx_asked *a, struct sbx_leg *l)
{
	sqlite3_stmt *q = NULL;
	const char *status;

	if (sbx_db_prepare(a->st->db, "SELECT lower(hex(e.id)), f.ref, "
		    "i.inviter IS NULL, coalesce(m.state, '') IN ('anchor', "
		    "'member'), f.time>sbx_time(i.expires_at), " SBX_FIELD("proof")
		    " IS NULL, i.status FROM temp.claim f JOIN main.entry e "
		    "USING(seq) JOIN main.author d ON d.id=f.author LEFT JOIN "
		    "temp.invite i ON i.invite_id=f.id AND i.inviter=f.ref "
		    "LEFT JOIN temp.member m ON m.did=f.ref WHERE "
		    "f.type='InviteAccept' AND d.did=? ORDER BY f.time DESC, e.id "
		    "LIMIT 1", &q, NULL) != 0)
		return;
	sbx_db_bind_text(q, 1, a->q->subject);
	if (sqlite3_step(q) != SQLITE_ROW) {
		sbx_buf_str(&l->why, " accepted no invitation");
		goto out;
	}
	status = (const char *)sqlite3_column_text(q, 6);
	sbx_leg_entry(a, l, (const char *)sqlite3_column_text(q, 0));
	sbx_buf_str(&l->why, " accepted an invitation by ");
	sbx_name_write(a->st, (const char *)sqlite3_column_text(q, 1), &l->why);
	if (sqlite3_column_int(q, 2))
		sbx_buf_str(&l->why, " that is not known here");
	else if (!sqlite3_column_int(q, 3))
		sbx_buf_str(&l->why, ", who is not a member");
	else if (sqlite3_column_int(q, 4))
		sbx_buf_str(&l->why, " too late");
	else if (sqlite3_column_int(q, 5) && !sbx_member_is_unproven())
		sbx_buf_str(&l->why, " without the proof that it was handed it");
	else if (strcmp(status, "used") == 0)
		sbx_buf_str(&l->why, " that others had used up");
	else if (strcmp(status, "revoked") == 0)
		sbx_buf_str(&l->why, " that was taken back");
	else
		sbx_buf_str(&l->why, " that does not count");
out:
	sqlite3_finalize(q);
}

static void
explain_member(struct sbx_asked *a, struct sbx_leg *l, sqlite3_stmt *q, int hop)
{
	const char *state = (const char *)sqlite3_column_text(q, 0);
	const char *since = (const char *)sqlite3_column_text(q, 2);
	const char *did = (const char *)sqlite3_column_text(q, 6);

	const char *who = hop > 0 ? ", who" : "";

	if (hop > 0)
		sbx_buf_str(&l->why, " ");
	sbx_name_write(a->st, did, &l->why);
	if (strcmp(state, "anchor") == 0) {
		sbx_buf_fmt(&l->why, "%s an anchor of this node",
			hop > 0 ? "," : " is");
		return;
	}
	if (strcmp(state, "revoked") == 0 && hop > 0) {
		sbx_buf_str(&l->why, ", who was revoked later and");
		who = "";
	} else if (strcmp(state, "revoked") == 0) {
		explain_removal(a, l, (const char *)sqlite3_column_text(q, 5));
		return;
	} else if (strcmp(state, "member") != 0) {
		explain_stranger(a, l);
		return;
	}
	if (since == NULL)
		sbx_buf_fmt(&l->why, "%s was an anchor until the mesh let go of it",
			who);
	else
		sbx_buf_fmt(&l->why, "%s %s on %.19s %s", who,
			sqlite3_column_int(q, 7) ? "took, with its recovery key," :
			hop > 0 ? "accepted one" : "accepted an invitation",
			since, sqlite3_column_int(q, 7) ? "the place of a guest of" :
			"by");
}

/* Up from the subject to the anchor that its membership hangs on. */
static int
walk(struct sbx_asked *a, struct sbx_leg *l, sqlite3_stmt *q)
{
	char did[SBX_DID_SIZE];
	const char *up;

	memcpy(did, a->q->subject, sizeof(did));
	for (int hop = 0; hop <= SBX_MAX_INVITE_DEPTH; hop++) {
		sbx_db_bind_text(q, 1, did);
		if (sqlite3_step(q) != SQLITE_ROW)
			break;
		if (hop == 0)
			snprintf(a->standing, sizeof(a->standing), "%s",
				(const char *)sqlite3_column_text(q, 0));
		explain_member(a, l, q, hop);
		if (hop == 0 && strcmp(a->standing, "revoked") == 0)
			sbx_leg_entry(a, l, (const char *)sqlite3_column_text(q, 5));
		sbx_leg_entry(a, l, (const char *)sqlite3_column_text(q, 4));
		sbx_leg_entry(a, l, (const char *)sqlite3_column_text(q, 3));
		up = (const char *)sqlite3_column_text(q, 1);
		if (up == NULL || strcmp(a->standing, "revoked") == 0)
			return SBX_OK;
		memcpy(did, up, sizeof(did));
		sqlite3_reset(q);
	}
	return SBX_OK;
}

static int
check_member(struct sbx_asked *a, struct sbx_err *err)
{
	sqlite3_stmt *q = NULL;
	struct sbx_leg l;
	int r;

	if ((r = sbx_db_prepare(a->st->db,
		     "SELECT state, inviter, since, accepted, invitation, removed, "
		     "did, EXISTS(SELECT 1 FROM temp.claim f JOIN main.entry e "
		     "USING(seq) WHERE f.type='SbxRotate' AND "
		     "lower(hex(e.id))=accepted) FROM temp.member WHERE did=?", &q, err)) != 0)
		return r;
	sbx_leg_begin(a, &l, "member");
	walk(a, &l, q);
	sqlite3_finalize(q);
	l.holds = strcmp(a->standing, "anchor") == 0 ||
		strcmp(a->standing, "member") == 0;
	if (l.why.len == 0) { /* no row: nobody speaks of it */
		sbx_buf_str(&l.why, sbx_buf_text(&a->subject));
		explain_stranger(a, &l);
	}
	sbx_buf_fmt(&l.remedy, "a member signs %s invitation (sbx-member invite) "
			       "and %s accepts it (sbx-member accept)",
		strcmp(a->standing, "revoked") == 0 ? "a new" : "an",
		sbx_buf_text(&a->subject));
	sbx_leg_end(a, &l);
	return SBX_OK;
}

/* ---- attestation --------------------------------------------------------- */

/* By a member, of another, for this very act, and not of somebody who would
 * attest in turn: trust is never transitive.  A right that is named in the
 * invitation which let the subject in is its inviter's attestation. */
static const char attested_sql[] =
	"SELECT attester, entry, 0, domain FROM temp.v_attest WHERE subject=?1 "
	"AND context=?2 AND domain IN ('', ?3) AND attester<>?1 AND member AND "
	"status='live' AND weight+0>0 UNION ALL "
	"SELECT m.inviter, m.invitation, 1, m.domain FROM temp.member m JOIN "
	"temp.member i ON i.did=m.inviter WHERE m.did=?1 AND m.state='member' AND "
	"i.state IN ('anchor', 'member') AND m.domain IN ('', ?3) AND "
	"EXISTS(SELECT 1 FROM json_each(m.rights) r WHERE r.value=?2) "
	"ORDER BY 3, 1, 2 LIMIT 1";

static int
check_attested(struct sbx_asked *a, struct sbx_err *err)
{
	sqlite3_stmt *q = NULL;
	struct sbx_leg l;
	int r;

	if ((r = sbx_db_prepare(a->st->db, attested_sql, &q, err)) != 0)
		return r;
	sbx_leg_begin(a, &l, "attestation");
	sbx_db_bind_text(q, 1, a->q->subject);
	sbx_db_bind_text(q, 2, a->q->action);
	sbx_db_bind_text(q, 3, a->q->domain);
	if (strcmp(a->standing, "anchor") == 0) {
		l.holds = true;
		sbx_buf_str(&l.why, "an anchor needs no attestation");
	} else if (sqlite3_step(q) == SQLITE_ROW) {
		l.holds = true;
		sbx_leg_entry(a, &l, (const char *)sqlite3_column_text(q, 1));
		sbx_name_write(a->st, (const char *)sqlite3_column_text(q, 0),
			&l.why);
		sbx_buf_fmt(&l.why, " %s it for %s", sqlite3_column_int(q, 2) ?
			"invited" : "attests", a->q->action);
	} else {
		sbx_buf_fmt(&l.why, "no member attests %s for %s%s%s",
			sbx_buf_text(&a->subject), a->q->action,
			*a->q->domain != '\0' ? " in " : "", a->q->domain);
		sbx_buf_fmt(&l.remedy, "a member other than itself signs: "
				       "sbx-member attest %s %s%s%s",
			a->q->subject, a->q->action,
			*a->q->domain != '\0' ? " --domain " : "",
			a->q->domain);
	}
	sqlite3_finalize(q);
	sbx_leg_end(a, &l);
	return SBX_OK;
}

/* ---- the log ---------------------------------------------------------------- */

static int
check_log(struct sbx_asked *a)
{
	struct sbx_err why = { 0 };
	struct sbx_json *leg, *id;
	struct sbx_leg l;
	size_t n = 0;
	int r = SBX_OK;

	for (leg = a->legs->child; r == 0 && leg != NULL; leg = leg->next)
		for (id = sbx_json_get(leg, "entries")->child;
			r == 0 && id != NULL; id = id->next, n++)
			if ((r = sbx_log_check_entry(a->st->log, id->text, &why)) != 0)
				sbx_err_at(&why, "entry %.16s", id->text);
	if (r == SBX_E_SYS)
		return r;
	sbx_leg_begin(a, &l, "log");
	l.holds = r == 0;
	if (r == 0)
		sbx_buf_fmt(&l.why, "the %zu entries it rests on verify", n);
	else
		sbx_buf_str(&l.why, why.text);
	sbx_buf_str(&l.remedy, "sbx-ledger verify says what is broken");
	sbx_leg_end(a, &l);
	return SBX_OK;
}

/* ---- the question ------------------------------------------------------------- */

static const struct action *
find_action(const char *name)
{
	for (size_t i = 0; i < sizeof(actions) / sizeof(actions[0]); i++)
		if (strcmp(actions[i].name, name) == 0)
			return &actions[i];
	return NULL;
}

static void
begin(struct sbx_asked *a)
{
	struct sbx_json *root;

	a->doc = sbx_doc_new();
	a->allowed = true;
	root = sbx_doc_root(a->doc);
	sbx_json_add_str(a->doc, root, "subject", a->q->subject);
	sbx_json_add_str(a->doc, root, "action", a->q->action);
	sbx_json_add_str(a->doc, root, "target", a->q->target);
	sbx_json_add_str(a->doc, root, "domain", a->q->domain);
	a->legs = sbx_json_add(a->doc, root, "legs", SBX_JSON_ARRAY);
	sbx_name_write(a->st, a->q->subject, &a->subject);
}

int
sbx_can(struct sbx_state *st, const struct sbx_question *q,
	struct sbx_doc **answer, struct sbx_err *err)
{
	const struct action *act = find_action(q->action);
	struct sbx_asked a = { .st = st, .q = q, .subject = SBX_BUF(1024) };
	int r;

	if (act == NULL) {
		sbx_err_set(err, SBX_E_USAGE, "no such action: %.60s", q->action);
		sbx_err_hint(err, "attest vote invite name.bind service.publish "
				  "report.threat service.use");
		return SBX_E_USAGE;
	}
	begin(&a);
	if ((r = check_name(&a, err)) == 0 && (r = check_member(&a, err)) == 0) {
		if (act->attested)
			r = check_attested(&a, err);
		else
			r = sbx_can_use(&a, err);
		if (r == 0 && *q->target != '\0' &&
			strcmp(q->action, "vote") == 0)
			r = sbx_can_vote(&a, err);
	}
	if (r == 0 && (r = check_log(&a)) != 0)
		sbx_err_set(err, r, "the journal cannot be read");
	if (r == 0) {
		sbx_json_add_bool(a.doc, sbx_doc_root(a.doc), "allowed",
			a.allowed);
		*answer = a.doc;
	} else {
		sbx_doc_free(a.doc);
	}
	sbx_buf_free(&a.subject);
	return r;
}
