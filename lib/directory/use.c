/* SPDX-License-Identifier: Apache-2.0 */
/*
 * May S use O of P, and why not?  One function answers it for whoever asks:
 * can and why, the grant's handler, root's grant and sync, and the subscriber
 * itself.  Two that answered it each for itself have disagreed, and the more
 * generous of them opened the port.
 *
 * P is part of the question since an offer's identifier may be claimed by
 * others too: older nodes choose any number.  What another member says under
 * it is then about another service, and neither opens nor closes P's.
 */
#include <stdlib.h>
#include <string.h>

#include "base/base.h"
#include "json/json.h"
#include "directory/directory.h"
#include "directory/use.h"

static const char *const texts[] = {
	[SBX_USE_YES] = "may use it",
	[SBX_USE_NO_OFFER] = "no member offers it",
	[SBX_USE_CONTESTED] = "several members claim the offer",
	[SBX_USE_WITHDRAWN] = "it is offered no longer",
	[SBX_USE_CHANGED] = "the offer lends something else",
	[SBX_USE_STRANGER] = "not a member",
	[SBX_USE_NO_NODE] = "no address on the mesh",
	[SBX_USE_ELSEWHERE] = "address is not its node's",
	[SBX_USE_REJECTED] = "the subscription was rejected",
	[SBX_USE_WAITING] = "the subscription waits for approval",
	[SBX_USE_ENDED] = "the subscription has ended",
	[SBX_USE_NO_SUB] = "not subscribed",
};

const char *
sbx_use_text(enum sbx_use_why why)
{
	return texts[why];
}

void
sbx_verdict_free(struct sbx_verdict *v)
{
	if (v == NULL)
		return;
	sbx_doc_free(v->offer_row);
	sbx_doc_free(v->sub_row);
	v->offer_row = v->sub_row = NULL;
}

/* ---- the offer ------------------------------------------------------------ */

struct offers {
	const char *provider;
	struct sbx_doc *doc;
	int members;
	bool member; /* doc is a member's */
};

/* P's, or a member's before a stranger's. */
static int
see_offer(void *ctx, const struct sbx_json *row, struct sbx_err *err)
{
	bool member = sbx_json_yes(row, "member");
	struct offers *o = ctx;

	(void)err;
	if (o->provider != NULL &&
		!sbx_json_is(sbx_json_get(row, "provider"), o->provider))
		return SBX_OK;
	o->members += member;
	if (o->doc != NULL && (o->member || !member))
		return SBX_OK;
	sbx_doc_free(o->doc);
	o->doc = sbx_doc_copy(row);
	o->member = member;
	return SBX_OK;
}

/* The macro is what would be lent: by kind, and parameter by parameter. */
static bool
lends(const struct sbx_json *offer, const char *kind, const char *params)
{
	const struct sbx_json *macro = sbx_json_get(offer, "macro");
	const struct sbx_json *p = sbx_json_get(macro, "params");
	struct sbx_buf text = SBX_BUF(SBX_MAX_LINE);
	bool same;

	if (!sbx_json_is(sbx_json_get(macro, "kind"), kind))
		return false;
	same = params == NULL || (p != NULL &&
		sbx_canon_write(&text, p, NULL, NULL) == 0 &&
		strcmp(sbx_buf_text(&text), params) == 0);
	sbx_buf_free(&text);
	return same;
}

static int
check_offer(struct sbx_state *st, const struct sbx_use_rows *rows,
	const struct sbx_use *use, struct sbx_verdict *v, struct sbx_err *err)
{
	struct offers o = { .provider = use->provider };
	int r;

	r = sbx_use_offers(st, rows, use, see_offer, &o, err);
	v->offer_row = o.doc;
	if (r != 0)
		return r;
	if (o.members > 1)
		v->offer = SBX_USE_CONTESTED;
	else if (o.doc == NULL)
		v->offer = SBX_USE_NO_OFFER;
	else if (!sbx_offer_live(sbx_doc_root(o.doc)))
		v->offer = SBX_USE_WITHDRAWN;
	else if (use->kind != NULL &&
		!lends(sbx_doc_root(o.doc), use->kind, use->params))
		v->offer = SBX_USE_CHANGED;
	else
		v->offer = SBX_USE_YES;
	return SBX_OK;
}

/* ---- the subscriber --------------------------------------------------------- */

static int
check_node(struct sbx_state *st, const struct sbx_use_rows *rows,
	const struct sbx_use *use, struct sbx_verdict *v, struct sbx_err *err)
{
	int r;

	if ((r = sbx_use_node(st, rows, use, v->mesh_ip, err)) != 0)
		return r;
	v->node = v->mesh_ip[0] == '\0' ? SBX_USE_NO_NODE :
		use->address != NULL && strcmp(use->address, v->mesh_ip) != 0 ?
		SBX_USE_ELSEWHERE : SBX_USE_YES;
	return SBX_OK;
}

/* ---- the subscription --------------------------------------------------------- */

struct subs {
	const struct sbx_use *use;
	const char *provider;
	struct sbx_doc *doc;
	int rank;
	bool known; /* the carried one is here */
};

/* What it decides, and how much it outweighs. */
enum { OVER, WAITING, LIVE, DENIED };

static int
rank_of(const struct sbx_json *row)
{
	const struct sbx_json *status = sbx_json_get(row, "status");

	if (sbx_json_yes(row, "denied"))
		return DENIED;
	/* Said before it was put out, it is not this member's. */
	if (!sbx_json_yes(row, "member"))
		return OVER;
	return sbx_json_is(status, "live") ? LIVE :
		sbx_json_is(status, "waiting") ? WAITING : OVER;
}

/* Of two that weigh the same the later is what the answer rests on. */
static int
see_sub(void *ctx, const struct sbx_json *row, struct sbx_err *err)
{
	struct subs *s = ctx;
	int rank = rank_of(row);

	(void)err;
	if (!sbx_json_is(sbx_json_get(row, "provider"), s->provider))
		return SBX_OK;
	if (s->use->subscription == NULL ||
		sbx_json_is(sbx_json_get(row, "subscription_id"),
			s->use->subscription))
		s->known = true;
	if (s->doc != NULL && (rank < s->rank || (rank == s->rank &&
		strcmp(sbx_json_str(row, "requested_at"), sbx_json_str(
			sbx_doc_root(s->doc), "requested_at")) <= 0)))
		return SBX_OK;
	sbx_doc_free(s->doc);
	s->doc = sbx_doc_copy(row);
	s->rank = rank;
	return SBX_OK;
}

static enum sbx_use_why
weigh(struct subs *s, bool pending)
{
	if (s->doc != NULL && s->rank == DENIED)
		return SBX_USE_REJECTED;
	if (s->doc != NULL && s->rank == LIVE)
		return SBX_USE_YES;
	if (s->doc != NULL && s->rank == WAITING)
		return SBX_USE_WAITING;
	/* A new one, of which the log has not heard yet. */
	if (s->use->carried && !s->known) {
		sbx_doc_free(s->doc);
		s->doc = NULL;
		return pending ? SBX_USE_WAITING : SBX_USE_YES;
	}
	return s->doc != NULL ? SBX_USE_ENDED : SBX_USE_NO_SUB;
}

static int
check_sub(struct sbx_state *st, const struct sbx_use_rows *rows,
	const struct sbx_use *use, struct sbx_verdict *v, struct sbx_err *err)
{
	const struct sbx_json *offer = sbx_doc_root(v->offer_row);
	struct subs s = { .use = use, .provider = sbx_json_str(offer, "provider") };
	int r;

	r = sbx_use_subs(st, rows, use, see_sub, &s, err);
	if (r == 0)
		v->sub = weigh(&s, !sbx_json_is(sbx_json_get(offer,
			"approval_mode"), "auto"));
	v->sub_row = s.doc;
	return r;
}

/* ---- the verdict ---------------------------------------------------------------- */

int
sbx_use_one(struct sbx_state *st, const struct sbx_use_rows *rows,
	const struct sbx_use *use, struct sbx_verdict *v, struct sbx_err *err)
{
	int r;

	*v = (struct sbx_verdict){ .why = SBX_USE_YES };
	v->member = sbx_state_member(st, use->subscriber) ? SBX_USE_YES :
							    SBX_USE_STRANGER;
	if ((r = check_node(st, rows, use, v, err)) != 0)
		return r;
	if (use->service != NULL) {
		if ((r = check_offer(st, rows, use, v, err)) != 0)
			return r;
		/* Without an offer there is nothing to subscribe to; with one
		 * that is over, what there was of it is worth telling. */
		if (v->offer_row == NULL || v->offer == SBX_USE_CONTESTED)
			v->sub = v->offer;
		else if ((r = check_sub(st, rows, use, v, err)) != 0)
			return r;
	}
	v->why = v->offer != SBX_USE_YES ? v->offer :
		v->member != SBX_USE_YES ? v->member :
		v->node != SBX_USE_YES ? v->node : v->sub;
	return SBX_OK;
}

int
sbx_use_check(struct sbx_state *st, const struct sbx_use *use,
	struct sbx_verdict *v, struct sbx_err *err)
{
	return sbx_use_one(st, NULL, use, v, err);
}
