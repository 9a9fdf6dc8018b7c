/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "base/base.h"
#include "json/json.h"
#include "crypto/crypto.h"
#include "ledger/ledger.h"
#include "directory/directory.h"
#include "lend/lend.h"
#include "ledger/db.h"

/* The HTTP status of each refusal, and whether the reason is for who asks: only
 * who is proven to be the subscriber, at its own address, is told. */
static const struct {
	int http;
	bool tell;
} answers[] = {
	[SBX_USE_YES] = { 200, true },
	[SBX_USE_NO_OFFER] = { 404, false },
	[SBX_USE_CONTESTED] = { 404, false },
	[SBX_USE_WITHDRAWN] = { 404, false },
	[SBX_USE_CHANGED] = { 404, false },
	[SBX_USE_STRANGER] = { 403, false },
	[SBX_USE_NO_NODE] = { 403, false },
	[SBX_USE_ELSEWHERE] = { 403, false },
	[SBX_USE_REJECTED] = { 403, true },
	[SBX_USE_WAITING] = { 409, true },
	[SBX_USE_ENDED] = { 403, true },
	[SBX_USE_NO_SUB] = { 403, true },
};

/* A name is 128 bits of a hash; the key first seen under it is the one. */
static int
check_key(struct sbx_log *log, const struct sbx_request *g, bool *same,
	struct sbx_err *err)
{
	unsigned char pub[SBX_PUB_BYTES];
	int r = sbx_log_pinned(log, g->subscriber, pub, err);

	*same = r == 0 && memcmp(pub, g->pub, SBX_PUB_BYTES) == 0;
	return r == SBX_E_NO ? SBX_OK : r;
}

int
sbx_request_check(struct sbx_log *log, struct sbx_state *st, const char *self,
	const struct sbx_request *g, const char *address, struct sbx_verdict *v,
	int *http, bool *tell, struct sbx_err *err)
{
	const struct sbx_use use = { .subscriber = g->subscriber,
		.service = g->service, .provider = self, .address = address,
		.carried = true, .subscription = g->subscription };
	const struct sbx_json *macro;
	bool same = false;
	int r;

	*tell = false;
	if ((r = sbx_use_check(st, &use, v, err)) != 0 ||
		(r = check_key(log, g, &same, err)) != 0)
		return r;
	macro = v->offer_row != NULL ?
		sbx_json_get(sbx_doc_root(v->offer_row), "macro") : NULL;
	*http = 404;
	if (strcmp(g->provider, self) != 0)
		return sbx_err_set(err, SBX_E_NO,
			"the request is for another provider");
	if (macro == NULL || macro->type != SBX_JSON_OBJECT ||
		answers[v->why].http == 404)
		return sbx_err_set(err, SBX_E_NO, "no such offer of ours");
	*http = 403;
	if (v->member == SBX_USE_YES && !same)
		return sbx_err_set(err, SBX_E_NO,
			"%s: another key than the one known", g->subscriber);
	*http = answers[v->why].http;
	*tell = answers[v->why].tell;
	return v->why == SBX_USE_YES ? SBX_OK :
		sbx_err_set(err, SBX_E_NO, "%s: %s", g->subscriber,
			sbx_use_text(v->why));
}
