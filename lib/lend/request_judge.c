/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "db.h"

static int
no(int *http, int status, struct sbx_err *err, const struct sbx_request *g,
	const char *why)
{
	*http = status;
	return sbx_err_set(err, SBX_E_NO, "%s: %s", g->subscriber, why);
}

struct own {
	const char *self;
	struct sbx_doc *doc;
};

/* Others may claim our identifier: only what we said ourselves counts. */
static int
see_offer(void *ctx, const struct sbx_json *row, struct sbx_err *err)
{
	const struct sbx_json *macro = sbx_json_get(row, "macro");
	struct own *own = ctx;

	(void)err;
	if (!sbx_json_is(sbx_json_get(row, "provider"), own->self) ||
		!sbx_json_is(sbx_json_get(row, "status"), "live") ||
		macro == NULL || macro->type != SBX_JSON_OBJECT)
		return 0;
	own->doc = sbx_doc_copy(row);
	return 1;
}

int
sbx_request_offer(struct sbx_state *st, const char *self, const char *service,
	struct sbx_doc **doc, struct sbx_err *err)
{
	struct own own = { .self = self };
	int r;

	r = sbx_state_each(st, SBX_VIEW_OFFER, service, see_offer, &own, err);
	if (r < 0)
		return r;
	if (own.doc == NULL)
		return sbx_err_set(err, SBX_E_NO, "no such offer of ours");
	*doc = own.doc;
	return 0;
}

struct look {
	const struct sbx_request *g;
	const char *address;
	bool found, rejected;
	char status[16];
};

static int
see_node(void *ctx, const struct sbx_json *row, struct sbx_err *err)
{
	struct look *look = ctx;

	(void)err;
	look->found =
		sbx_json_is(sbx_json_get(row, "did"), look->g->subscriber) &&
		sbx_json_is(sbx_json_get(row, "mesh_ip"), look->address);
	return look->found;
}

/* Whoever was rejected does not come back by asking under another id. */
static int
see_subscription(void *ctx, const struct sbx_json *row, struct sbx_err *err)
{
	const char *status = sbx_json_str(row, "status");
	struct look *look = ctx;

	(void)err;
	if (status == NULL)
		return 0;
	if (strcmp(status, "rejected") == 0)
		look->rejected = true;
	if (sbx_json_is(sbx_json_get(row, "subscription_id"),
		    look->g->subscription))
		snprintf(look->status, sizeof(look->status), "%s", status);
	return 0;
}

static int
judge_subscription(struct sbx_state *st, const struct sbx_request *g,
	const struct sbx_json *offer, int *http, struct sbx_err *err)
{
	struct sbx_subs subs = { .subscriber = g->subscriber,
		.service = g->service };
	struct look look = { .g = g };
	int r;

	/* Not in our log yet: the request carries it, and it is verified. */
	strcpy(look.status,
		sbx_json_is(sbx_json_get(offer, "approval_mode"), "auto")
			? "live"
			: "waiting");
	r = sbx_state_subs(st, &subs, see_subscription, &look, err);
	if (r < 0)
		return r;
	if (look.rejected)
		return no(http, 403, err, g, "the subscription was rejected");
	if (strcmp(look.status, "waiting") == 0)
		return no(http, 409, err, g,
			"the subscription waits for approval");
	if (strcmp(look.status, "live") != 0)
		return no(http, 403, err, g, "the subscription has ended");
	return 0;
}

int
sbx_request_judge(struct sbx_log *log, struct sbx_state *st,
	const struct sbx_request *g, const struct sbx_json *offer,
	const char *address, int *http, bool *tell, struct sbx_err *err)
{
	struct look look = { .g = g, .address = address };
	unsigned char pub[SBX_PUB_BYTES];
	int r;

	*tell = false;
	if (!sbx_state_member(st, g->subscriber))
		return no(http, 403, err, g, "not a member");
	/* A name is 128 bits of a hash; the key first seen under it is the one. */
	if ((r = sbx_log_pinned(log, g->subscriber, pub, err)) != 0 &&
		r != SBX_E_NO)
		return r;
	if (r != 0 || memcmp(pub, g->pub, SBX_PUB_BYTES) != 0)
		return no(http, 403, err, g, "another key than the one known");
	r = sbx_state_each(st, SBX_VIEW_NODE, NULL, see_node, &look, err);
	if (r < 0)
		return r;
	if (!look.found)
		return no(http, 403, err, g, "address is not its node's");
	*tell = true;
	return judge_subscription(st, g, offer, http, err);
}
