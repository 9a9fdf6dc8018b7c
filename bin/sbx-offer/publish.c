/* SPDX-License-Identifier: Apache-2.0 */
/* Offering a service, and no longer: what is amiss with an offer is told when it
 * is made, and its port is not left open until root's timer comes by. */
#include <stdlib.h>
#include <string.h>

#include "base/base.h"
#include "json/json.h"
#include "crypto/crypto.h"
#include "ledger/ledger.h"
#include "directory/directory.h"
#include "apply/apply.h"
#include "lend/lend.h"
#include "tool/tool.h"
#include "sbx-offer.h"

/* ---- the offer ---- */

static int
add_macro(struct sbx_ctx *ctx, struct sbx_doc *doc, struct sbx_json *root)
{
	const char *kind = sbx_tool_opt(ctx, "macro");
	const char *params = sbx_tool_opt(ctx, "params");
	struct sbx_doc *given = NULL;
	struct sbx_json *macro;
	int r;

	if (kind == NULL && params == NULL)
		return 0;
	if (kind == NULL)
		return sbx_err_set(
			&ctx->err, SBX_E_USAGE, "--params without --macro");
	if (params == NULL)
		params = "{}";
	r = sbx_json_parse(params, strlen(params), NULL, &given, &ctx->err);
	if (r != 0) {
		sbx_err_at(&ctx->err, "--params");
		return ctx->err.code = SBX_E_USAGE;
	}
	macro = sbx_json_add(doc, root, "macro", SBX_JSON_OBJECT);
	sbx_json_add_str(doc, macro, "kind", kind);
	sbx_json_add_copy(doc, macro, "params", sbx_doc_root(given));
	sbx_doc_free(given);
	return 0;
}

static int
build_offer(struct offer_work *w, struct sbx_doc *doc)
{
	const char *endpoint = sbx_tool_opt(w->ctx, "endpoint");
	const char *kind = sbx_tool_opt(w->ctx, "kind");
	const char *mode = sbx_tool_opt(w->ctx, "mode");
	const char *about = sbx_tool_opt(w->ctx, "description");
	struct sbx_json *root = sbx_doc_root(doc);
	char id[SBX_ID_SIZE];

	if (kind == NULL || endpoint == NULL)
		return sbx_err_set(&w->ctx->err, SBX_E_USAGE,
			"publish needs --kind and --endpoint");
	if (!sbx_endpoint_check(endpoint))
		return sbx_err_set(&w->ctx->err, SBX_E_USAGE,
			"--endpoint: not an address and port: %.80s", endpoint);
	sbx_offer_id(id, w->self, w->ctx->argv[0]);
	sbx_json_add_str(doc, root, "service_id", id);
	sbx_json_add_str(doc, root, "name", w->ctx->argv[0]);
	sbx_json_add_str(doc, root, "kind", kind);
	sbx_json_add_str(doc, root, "endpoint", endpoint);
	sbx_json_add(doc, root, "scope", SBX_JSON_OBJECT);
	sbx_json_add_str(
		doc, root, "approval_mode", mode != NULL ? mode : "auto");
	sbx_json_add_str(doc, root, "description", about != NULL ? about : "");
	return add_macro(w->ctx, doc, root);
}

/* ---- what is amiss with an offer ---- */

struct amiss {
	int proto, port; /* 0: nothing here is opened by it */
	struct sbx_buf said; /* lines, for when it is signed all the same */
};

static bool
has_port(const char *endpoint, int port)
{
	char text[8];

	snprintf(text, sizeof(text), ":%d", port);
	return strcmp(strrchr(endpoint, ':'), text) == 0;
}

/* What the plugin would be given is wrong for good, and refused; a plugin may
 * come yet. */
static int
check_macro(struct sbx_ctx *ctx, const struct sbx_json *offer,
	struct amiss *a)
{
	const struct sbx_json *macro = sbx_json_get(offer, "macro");
	const char *kind = sbx_json_str(macro, "kind");
	const char *endpoint = sbx_json_str(offer, "endpoint");
	struct sbx_macro m = { .fd = -1 };
	struct sbx_err why = { 0 };
	int r = SBX_OK;

	if (kind == NULL || !sbx_kind_check(kind))
		return SBX_OK; /* as an entry it is refused, or lends nothing */
	if (sbx_macro_open(ctx->conf.macros, kind, &m, &why) != 0) {
		sbx_buf_fmt(&a->said, "macro %s lends nothing yet: %s\n", kind,
			why.text);
		return SBX_OK;
	}
	if ((r = sbx_macro_params(&m, sbx_json_get(macro, "params"),
		     &a->port, &ctx->err)) != 0 ||
		(r = sbx_ask_port(&ctx->conf, a->port, &ctx->err)) != 0) {
		sbx_err_at(&ctx->err, "--params");
		sbx_err_hint(&ctx->err, "sudo sbx-macroctl kinds");
		r = ctx->err.code = SBX_E_USAGE;
	} else if (!has_port(endpoint, a->port)) {
		sbx_buf_fmt(&a->said, "the endpoint %s has another port than %s "
			"lends, %d\n", endpoint, kind, a->port);
	}
	a->proto = m.proto;
	sbx_macro_close(&m);
	return r;
}

/* "10.10.0.2" of "10.10.0.2:80", "fd00::1" of "[fd00::1]:80". */
static bool
is_at(const char *endpoint, const char *ip)
{
	size_t n = strlen(ip);

	return endpoint[0] == '[' ?
		strncmp(endpoint + 1, ip, n) == 0 && endpoint[n + 1] == ']' :
		strncmp(endpoint, ip, n) == 0 && endpoint[n] == ':';
}

static int
check_place(struct offer_work *w, const struct sbx_json *offer,
	struct amiss *a)
{
	const struct sbx_use use = { .subscriber = w->self };
	const char *endpoint = sbx_json_str(offer, "endpoint");
	char founder[SBX_DID_SIZE], six[SBX_ULA_SIZE] = "";
	struct sbx_verdict v = { 0 };
	int r;

	if ((r = sbx_use_check(w->st, &use, &v, &w->ctx->err)) != 0)
		goto out;
	if (w->ctx->conf.mesh_ipv6 &&
		sbx_state_founder(w->st, founder, NULL) == 0)
		sbx_ula(six, founder, w->self);
	if (v.member != SBX_USE_YES)
		sbx_buf_str(&a->said, "this box is not a member: its offers are "
			"nobody's to use\n");
	else if (v.mesh_ip[0] == '\0')
		sbx_buf_str(&a->said, sbx_json_get(offer, "macro") == NULL ? "" :
			"this box has no address on the mesh yet, where it could "
			"lend: see sbx-mesh-up record\n");
	else if (!is_at(endpoint, v.mesh_ip) &&
		(six[0] == '\0' || !is_at(endpoint, six)))
		sbx_buf_fmt(&a->said, "the endpoint %s is not this box's address "
			"on the mesh, %s\n", endpoint, v.mesh_ip);
out:
	sbx_verdict_free(&v);
	return r;
}

/* ---- root's part ---- */

/* The node's own state alone: what -C names is not the firewall's affair. */
static bool
is_node(const struct sbx_ctx *ctx)
{
	return strcmp(ctx->conf.dir, SBX_STATEDIR) == 0;
}

static int
sync_now(struct sbx_ctx *ctx, struct sbx_err *why)
{
	if (!is_node(ctx))
		return sbx_err_set(why, SBX_E_NO, "not this host's node");
	return sbx_borrow_root(
		(const char *[]){ "sync", NULL }, NULL, why);
}

/* Until root has heard of the offer the whole mesh reaches what listens. */
static void
close_port(struct sbx_ctx *ctx, const struct amiss *a)
{
	struct sbx_err why = { 0 };

	if (ctx->dry || a->port == 0 || sync_now(ctx, &why) == 0)
		return;
	sbx_tool_say(ctx, "%s port %d is open to the whole mesh until root runs "
		"sbx-macroctl sync (%s)", sbx_proto_name(a->proto), a->port,
		why.text);
}

static void
say_amiss(struct sbx_ctx *ctx, struct amiss *a)
{
	char *line, *save = NULL;

	if (a->said.len == 0)
		return;
	for (line = strtok_r(a->said.data, "\n", &save); line != NULL;
		line = strtok_r(NULL, "\n", &save))
		sbx_tool_say(ctx, "%s", line);
}

void
offer_take_back(struct sbx_ctx *ctx, const struct sbx_json *offer)
{
	const struct sbx_json *macro = sbx_json_get(offer, "macro");
	struct sbx_err why = { 0 };

	if (ctx->dry || !is_node(ctx) || macro == NULL ||
		macro->type != SBX_JSON_OBJECT || sync_now(ctx, &why) == 0)
		return;
	sbx_tool_say(ctx, "what is lent of it stays open until root runs "
		"sbx-macroctl sync (%s)", why.text);
}

/* ---- publish, withdraw ---- */

static bool
unchanged(struct offer_work *w, const struct sbx_json *offer)
{
	struct sbx_doc *old = NULL;
	bool same;

	if (offer_find(w, SBX_FIND_OWN, sbx_json_str(offer, "service_id"),
		    &old) != 0)
		return false;
	same = sbx_offer_same(offer, sbx_doc_root(old));
	sbx_doc_free(old);
	return same;
}

int
cmd_publish(struct sbx_ctx *ctx)
{
	struct sbx_doc *doc = sbx_doc_new();
	struct amiss amiss = { .said = SBX_BUF(4096) };
	struct offer_work w;
	int r;

	if ((r = offer_open(&w, ctx, SBX_LOG_WRITE)) == 0 &&
		(r = build_offer(&w, doc)) == 0 &&
		(r = check_macro(ctx, sbx_doc_root(doc), &amiss)) == 0 &&
		(r = check_place(&w, sbx_doc_root(doc), &amiss)) == 0) {
		if (unchanged(&w, sbx_doc_root(doc)))
			sbx_tool_say(ctx, "unchanged: nothing signed");
		else
			r = offer_sign(&w, "service_offer", sbx_doc_root(doc));
	}
	if (r == 0)
		sbx_tool_one(ctx, "service_id",
			sbx_json_str(sbx_doc_root(doc), "service_id"));
	offer_close(&w);
	if (r == 0) {
		say_amiss(ctx, &amiss);
		close_port(ctx, &amiss);
	}
	sbx_buf_free(&amiss.said);
	sbx_doc_free(doc);
	return r;
}

/* By its name or its whole identifier. */
static bool
waiting_offer(struct offer_work *w, const char *ref, struct sbx_doc **offer)
{
	static const char type[] = "ServiceOffer", key[] = "service_id";
	char id[SBX_ID_SIZE];

	sbx_offer_id(id, w->self, ref);
	return offer_waits(w, type, key, id, offer) ||
		offer_waits(w, type, key, ref, offer);
}

int
cmd_withdraw(struct sbx_ctx *ctx)
{
	struct sbx_doc *offer = NULL;
	struct offer_work w;
	int r;

	if ((r = offer_open(&w, ctx, SBX_LOG_WRITE)) == 0 &&
		(waiting_offer(&w, ctx->argv[0], &offer) ||
			(r = offer_find(&w, SBX_FIND_OWN, ctx->argv[0],
				 &offer)) == 0))
		r = offer_sign_about(&w, "service_revoke_offer",
			sbx_doc_root(offer),
			(const char *[]){ "service_id", NULL });
	offer_close(&w);
	if (r == 0)
		offer_take_back(ctx, sbx_doc_root(offer));
	sbx_doc_free(offer);
	return r;
}
