/* SPDX-License-Identifier: Apache-2.0 */
/* The legs that ask of what a question is about. */
#include <string.h>

#include "base/base.h"
#include "json/json.h"
#include "directory/directory.h"
#include "directory/can.h"

/* ---- a service ------------------------------------------------------------ */

/* Nobody offers it, or more than one member does, under one identifier. */
static void
explain_no_offer(struct sbx_asked *a, struct sbx_leg *l)
{
	sqlite3_stmt *q = NULL;
	int n = 0;

	if (sbx_db_prepare(a->st->db, "SELECT provider, entry FROM temp.v_offer "
		    "WHERE service_id=? AND member ORDER BY 1", &q, NULL) != 0)
		return;
	sbx_db_bind_text(q, 1, a->q->target);
	while (sqlite3_step(q) == SQLITE_ROW) {
		sbx_buf_fmt(&l->remedy, "%s%.64s@%s", n++ > 0 ? " or " :
			"nothing: ask of one of them: ", a->q->target,
			(const char *)sqlite3_column_text(q, 0));
		sbx_leg_entry(a, l, (const char *)sqlite3_column_text(q, 1));
	}
	sqlite3_finalize(q);
	if (n > 0) {
		sbx_buf_fmt(&l->why, "%.64s: contested: %d members claim it",
			a->q->target, n);
	} else {
		sbx_buf_fmt(&l->why, "no member offers %.64s", a->q->target);
		sbx_buf_str(&l->remedy, "its provider, as a member, signs: "
					"sbx-offer publish");
	}
}

static void
offer_leg(struct sbx_asked *a, const struct sbx_verdict *v)
{
	const struct sbx_json *row;
	bool member;
	struct sbx_leg l;

	sbx_leg_begin(a, &l, "offer");
	if (v->offer_row == NULL || v->offer == SBX_USE_CONTESTED) {
		explain_no_offer(a, &l);
		sbx_leg_end(a, &l);
		return;
	}
	row = sbx_doc_root(v->offer_row);
	member = sbx_json_yes(row, "member");
	sbx_leg_entry(a, &l, sbx_json_str(row, "entry"));
	l.holds = v->offer == SBX_USE_YES;
	sbx_name_write(a->st, sbx_json_str(row, "provider"), &l.why);
	if (l.holds)
		sbx_buf_fmt(&l.why, " offers %s", sbx_json_str(row, "name"));
	else if (member)
		sbx_buf_fmt(&l.why, " withdrew %s", sbx_json_str(row, "name"));
	else
		sbx_buf_fmt(&l.why, ", which offers %s, is not a member, or was "
				    "revoked since it said so",
			sbx_json_str(row, "name"));
	if (!member)
		sbx_buf_fmt(&l.remedy, "unless it is one, a member signs an "
				       "invitation and it accepts it; then ");
	sbx_name_write(a->st, sbx_json_str(row, "provider"), &l.remedy);
	sbx_buf_fmt(&l.remedy, " signs: sbx-offer publish %s",
		sbx_json_str(row, "name"));
	sbx_leg_end(a, &l);
}

/* Who would have to sign what, for sub (or none) to be live. */
static void
mend_sub(struct sbx_asked *a, struct sbx_leg *l, const struct sbx_json *offer,
	const struct sbx_json *sub)
{
	bool pending = sbx_json_is(sbx_json_get(offer, "approval_mode"), "pending");
	const char *status = sub != NULL ? sbx_json_str(sub, "status") : "";
	struct sbx_buf by = SBX_BUF(1024);

	sbx_name_write(a->st, sbx_json_str(offer, "provider"), &by);
	if (strcmp(status, "waiting") == 0 ||
		(sub != NULL && sbx_json_yes(sub, "denied")))
		sbx_buf_fmt(&l->remedy, "%s, the provider, signs: sbx-offer approve "
			"%s", sbx_buf_text(&by),
			sbx_json_str(sub, "subscription_id"));
	else if (strcmp(status, "ended") != 0) /* or the offer is what it takes */
		sbx_buf_fmt(&l->remedy, "%s signs: sbx-offer subscribe %s%s%s%s",
			sbx_buf_text(&a->subject), a->q->target,
			pending ? "; then " : "", pending ? sbx_buf_text(&by) : "",
			pending ? ", the provider, signs: sbx-offer approve" : "");
	sbx_buf_free(&by);
}

static void
explain_sub(struct sbx_asked *a, struct sbx_leg *l, const struct sbx_json *offer,
	const struct sbx_json *sub)
{
	const char *status = sbx_json_str(sub, "status");
	bool pending = sbx_json_is(sbx_json_get(offer, "approval_mode"), "pending");

	sbx_buf_fmt(&l->why, "%s subscribed on %.19s", sbx_buf_text(&a->subject),
		sbx_json_str(sub, "requested_at"));
	if (l->holds)
		sbx_buf_str(&l->why, pending ? ", and the provider approved" :
					       ", and the offer is open to members");
	else if (strcmp(status, "live") == 0)
		sbx_buf_str(&l->why, ", but not as the member it is now");
	else if (strcmp(status, "waiting") == 0)
		sbx_buf_str(&l->why, ", which waits for the provider's approval");
	else if (strcmp(status, "ended") == 0)
		sbx_buf_str(&l->why, ", which ended with the offer");
	else if (strcmp(status, "contested") == 0)
		sbx_buf_str(&l->why, ", by a number that another claims too, so no "
				     "approval is its own");
	else if (strcmp(status, "cancelled") == 0 &&
		sbx_json_yes(sub, "denied"))
		sbx_buf_str(&l->why, ", which was rejected, and is cancelled");
	else
		sbx_buf_fmt(&l->why, ", which is %s", status);
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
		    SBX_CLAIMING("f", "?1") " AND p.did=?2 "
		    "ORDER BY f.time DESC, f.type DESC, e.id LIMIT 1", &q, NULL) != 0)
		return;
	sbx_db_bind_text(q, 1, sbx_json_str(sub, "subscription_id"));
	sbx_db_bind_text(q, 2, sbx_json_str(sub, "provider"));
	if (sqlite3_step(q) == SQLITE_ROW)
		sbx_leg_entry(a, l, (const char *)sqlite3_column_text(q, 0));
	sqlite3_finalize(q);
}

static void
sub_leg(struct sbx_asked *a, const struct sbx_verdict *v)
{
	const struct sbx_json *offer = sbx_doc_root(v->offer_row);
	const struct sbx_json *sub =
		v->sub_row != NULL ? sbx_doc_root(v->sub_row) : NULL;
	struct sbx_leg l;

	sbx_leg_begin(a, &l, "subscription");
	l.holds = v->sub == SBX_USE_YES;
	if (sub != NULL) {
		sbx_leg_entry(a, &l, sbx_json_str(sub, "entry"));
		add_answer(a, &l, sub);
		explain_sub(a, &l, offer, sub);
	} else if (l.holds) {
		sbx_buf_fmt(&l.why, "%s showed its subscription when it asked for "
			"the grant; the log here has not got it yet",
			sbx_buf_text(&a->subject));
	} else {
		sbx_buf_fmt(&l.why, "%s has no subscription to it",
			sbx_buf_text(&a->subject));
	}
	mend_sub(a, &l, offer, sub);
	sbx_leg_end(a, &l);
}

static void
node_leg(struct sbx_asked *a, const struct sbx_verdict *v)
{
	struct sbx_leg l;

	sbx_leg_begin(a, &l, "node");
	l.holds = v->node == SBX_USE_YES;
	if (l.holds) {
		sbx_buf_fmt(&l.why, "%s has the mesh address %s",
			sbx_buf_text(&a->subject), v->mesh_ip);
	} else {
		sbx_buf_fmt(&l.why, "%s has no address on the mesh",
			sbx_buf_text(&a->subject));
		sbx_buf_fmt(&l.remedy, "%s signs: sbx-mesh-up record | "
				       "sbx-ledger append node_publish",
			sbx_buf_text(&a->subject));
	}
	sbx_leg_end(a, &l);
}

int
sbx_can_use(struct sbx_asked *a, struct sbx_err *err)
{
	const struct sbx_use use = { .subscriber = a->q->subject,
		.service = a->q->target, .provider = a->q->provider,
		.carried = a->q->carried, .subscription = a->q->subscription };
	struct sbx_verdict v;
	int r;

	if ((r = sbx_use_check(a->st, &use, &v, err)) == 0) {
		node_leg(a, &v);
		offer_leg(a, &v);
		if (v.offer_row != NULL && v.offer != SBX_USE_CONTESTED)
			sub_leg(a, &v);
	}
	sbx_verdict_free(&v);
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
		if (voted)
			sbx_buf_str(&l.remedy, "nothing: a voice is given once");
		else if (strcmp(status, "future") == 0)
			sbx_buf_str(&l.remedy, "nothing: it has not opened yet");
		else
			sbx_buf_str(&l.remedy, "a member signs another: "
					       "sbx-member propose");
	}
	sqlite3_finalize(q);
	sbx_leg_end(a, &l);
	return SBX_OK;
}
