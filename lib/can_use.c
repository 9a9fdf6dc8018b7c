/* SPDX-License-Identifier: Apache-2.0 */
/* The legs that ask of what a question is about. */
#include <string.h>

#include "can.h"

/* ---- a service ------------------------------------------------------------ */

static int
check_offer(struct sbx_asked *a, struct sbx_doc **offer, struct sbx_err *err)
{
	struct sbx_err why = { 0 };
	const struct sbx_json *row, *member;
	struct sbx_leg l;
	int r;

	r = sbx_state_one(a->st, SBX_VIEW_OFFER, a->q->target, offer, &why);
	if (r != 0 && r != SBX_E_NO) {
		if (err != NULL)
			*err = why;
		return r;
	}
	sbx_leg_begin(a, &l, "offer");
	if (r != 0) {
		sbx_buf_str(&l.why, why.text);
		sbx_buf_str(&l.remedy, "its provider signs: sbx-offer publish");
		sbx_leg_end(a, &l);
		return SBX_OK;
	}
	row = sbx_doc_root(*offer);
	member = sbx_json_get(row, "member");
	sbx_leg_entry(a, &l, sbx_json_str(row, "entry"));
	l.holds = sbx_offer_live(row);
	sbx_name_write(a->st, sbx_json_str(row, "provider"), &l.why);
	if (l.holds)
		sbx_buf_fmt(&l.why, " offers %s", sbx_json_str(row, "name"));
	else if (member != NULL && member->yes)
		sbx_buf_fmt(&l.why, " withdrew %s", sbx_json_str(row, "name"));
	else
		sbx_buf_fmt(&l.why, ", which offers %s, is not a member, or was "
				    "revoked since it said so",
			sbx_json_str(row, "name"));
	sbx_buf_str(&l.remedy, "its provider, as a member, signs: "
			       "sbx-offer publish");
	sbx_leg_end(a, &l);
	return SBX_OK;
}

static void
explain_sub(struct sbx_asked *a, struct sbx_leg *l, const struct sbx_json *offer,
	const struct sbx_json *sub)
{
	const char *status = sbx_json_str(sub, "status");
	bool pending = sbx_json_is(sbx_json_get(offer, "approval_mode"), "pending");
	const struct sbx_json *member = sbx_json_get(sub, "member");

	l->holds = sbx_json_is(sbx_json_get(sub, "status"), "live") &&
		member != NULL && member->yes;
	sbx_buf_fmt(&l->why, "%s subscribed on %.19s", sbx_buf_text(&a->subject),
		sbx_json_str(sub, "requested_at"));
	if (l->holds)
		sbx_buf_str(&l->why, pending ? ", and the provider approved" :
					       ", and the offer is open to members");
	else if (strcmp(status, "live") == 0)
		sbx_buf_str(&l->why, ", but not as the member it is now");
	else
		sbx_buf_fmt(&l->why, ", which is %s", status);
	if (strcmp(status, "waiting") == 0 || strcmp(status, "rejected") == 0)
		sbx_buf_fmt(&l->remedy, "the provider signs: sbx-offer approve %s",
			sbx_json_str(sub, "subscription_id"));
	else
		sbx_buf_fmt(&l->remedy, "%s signs: sbx-offer subscribe %s",
			sbx_buf_text(&a->subject), a->q->target);
}

/* The provider's latest word about a subscription. */
static void
add_answer(struct sbx_asked *a, struct sbx_leg *l, const struct sbx_json *sub)
{
	sqlite3_stmt *q = NULL;

	if (sbx_db_prepare(a->st->db,
		    "SELECT lower(hex(e.id)) FROM temp.claim f JOIN main.entry e "
		    "USING(seq) JOIN main.author p ON p.id=f.author WHERE f.type IN "
		    "('ServiceApprove', 'ServiceReject') AND "
		    "substr(f.id, 1, 16)=substr(?1, 1, 16) AND f.id=?1 AND p.did=?2 "
		    "ORDER BY f.time DESC, f.type DESC, e.id LIMIT 1", &q, NULL) != 0)
		return;
	sbx_db_bind_text(q, 1, sbx_json_str(sub, "subscription_id"));
	sbx_db_bind_text(q, 2, sbx_json_str(sub, "provider"));
	if (sqlite3_step(q) == SQLITE_ROW)
		sbx_leg_entry(a, l, (const char *)sqlite3_column_text(q, 0));
	sqlite3_finalize(q);
}

static int
check_sub(struct sbx_asked *a, const struct sbx_json *offer, struct sbx_err *err)
{
	struct sbx_doc *sub = NULL;
	struct sbx_leg l;
	int r;

	if ((r = sbx_sub_mine(a->st, a->q->subject, offer, &sub, err)) != 0)
		return r;
	sbx_leg_begin(a, &l, "subscription");
	if (sub != NULL) {
		sbx_leg_entry(a, &l, sbx_json_str(sbx_doc_root(sub), "entry"));
		add_answer(a, &l, sbx_doc_root(sub));
		explain_sub(a, &l, offer, sbx_doc_root(sub));
	} else {
		sbx_buf_fmt(&l.why, "%s has no subscription to it",
			sbx_buf_text(&a->subject));
		sbx_buf_fmt(&l.remedy, "%s signs: sbx-offer subscribe %s",
			sbx_buf_text(&a->subject), a->q->target);
	}
	sbx_doc_free(sub);
	sbx_leg_end(a, &l);
	return SBX_OK;
}

static int
check_node(struct sbx_asked *a, struct sbx_err *err)
{
	sqlite3_stmt *q = NULL;
	struct sbx_leg l;
	int r;

	if ((r = sbx_db_prepare(a->st->db, "SELECT mesh_ip FROM temp.v_node WHERE "
		     "did=? AND member AND mesh_ip IS NOT NULL", &q, err)) != 0)
		return r;
	sbx_leg_begin(a, &l, "node");
	sbx_db_bind_text(q, 1, a->q->subject);
	if (sqlite3_step(q) == SQLITE_ROW) {
		l.holds = true;
		sbx_buf_fmt(&l.why, "%s has the mesh address %s",
			sbx_buf_text(&a->subject),
			(const char *)sqlite3_column_text(q, 0));
	} else {
		sbx_buf_fmt(&l.why, "%s has no address on the mesh",
			sbx_buf_text(&a->subject));
		sbx_buf_str(&l.remedy, "it signs: sbx-mesh-up record | "
				       "sbx-ledger append node_publish");
	}
	sqlite3_finalize(q);
	sbx_leg_end(a, &l);
	return SBX_OK;
}

int
sbx_can_use(struct sbx_asked *a, struct sbx_err *err)
{
	struct sbx_doc *offer = NULL;
	int r;

	if ((r = check_node(a, err)) == 0 &&
		(r = check_offer(a, &offer, err)) == 0 && offer != NULL)
		r = check_sub(a, sbx_doc_root(offer), err);
	sbx_doc_free(offer);
	return r;
}

/* ---- a proposal ---------------------------------------------------------------- */

int
sbx_can_vote(struct sbx_asked *a, struct sbx_err *err)
{
	sqlite3_stmt *q = NULL;
	struct sbx_leg l;
	int r;

	if ((r = sbx_db_prepare(a->st->db, "SELECT p.status, p.entry, v.voter IS "
		     "NOT NULL FROM temp.v_proposal p LEFT JOIN temp.v_vote v ON "
		     "v.proposal_id=p.proposal_id AND v.voter=?2 WHERE "
		     "p.proposal_id=?1 ORDER BY p.status='open' DESC LIMIT 1", &q,
		     err)) != 0)
		return r;
	sbx_leg_begin(a, &l, "proposal");
	sbx_db_bind_text(q, 1, a->q->target);
	sbx_db_bind_text(q, 2, a->q->subject);
	if (sqlite3_step(q) != SQLITE_ROW) {
		sbx_buf_str(&l.why, "there is no such proposal");
		sbx_buf_str(&l.remedy, "a member signs: sbx-member propose");
	} else {
		const char *status = (const char *)sqlite3_column_text(q, 0);
		bool voted = sqlite3_column_int(q, 2) != 0;

		sbx_leg_entry(a, &l, (const char *)sqlite3_column_text(q, 1));
		l.holds = strcmp(status, "open") == 0 && !voted;
		sbx_buf_fmt(&l.why, "the proposal is %s%s", status,
			voted ? ", and it has voted already" : "");
	}
	sqlite3_finalize(q);
	sbx_leg_end(a, &l);
	return SBX_OK;
}
