/* SPDX-License-Identifier: Apache-2.0 */
/* What is lent, what could be, and whether all is as it should be. */
#include <stdlib.h>
#include <string.h>

#include "base/base.h"
#include "json/json.h"
#include "apply/apply.h"
#include "lend/lend.h"
#include "tool/tool.h"
#include "sbx-macroctl.h"

/* ---- list ---- */

static const struct sbx_col list_cols[] = {
	{ "kind", "KIND", 0 },
	{ "sub", "SUBSCRIBER", 0 },
	{ "src_ip", "ADDRESS", 0 },
	{ "proto", "PROTO", 0 },
	{ "port", "PORT", 0 },
	{ "service", "SERVICE", 12 },
	{ "until", "UNTIL", 0 },
	{ "left", "LEFT", 0 },
	{ "bytes", "BYTES", 0 },
	{ 0 },
};

/* Open, and free to write: nothing of it needs the lock. */
static int
look(struct sbx_ctx *ctx, struct sbx_lending *l)
{
	int r;

	if ((r = sbx_macroctl_root(ctx)) == 0 &&
		(r = sbx_lending_open(l, &ctx->conf, true, &ctx->err)) == 0)
		sbx_root_close(&l->root);
	return r;
}

static const struct sbx_lend *
element_of(const struct sbx_nft *nft, const struct sbx_lend *l)
{
	for (size_t i = 0; i < nft->nlend; i++)
		if (nft->lend[i].proto == l->proto &&
			nft->lend[i].port == l->port &&
			strcmp(nft->lend[i].ip, l->ip) == 0)
			return &nft->lend[i];
	return NULL;
}

static void
list_row(struct sbx_ctx *ctx, const struct sbx_granted *g, const char *name,
	const struct sbx_lend *e)
{
	struct sbx_doc *doc = sbx_doc_new();
	struct sbx_json *row = sbx_doc_root(doc);
	bool both = ctx->verbose || strchr(name, '?') != NULL;
	char who[SBX_MAX_BOXNAME + SBX_DID_SIZE + 8];

	snprintf(who, sizeof(who), both ? "%s (%s)" : "%s", name, g->sub);
	sbx_json_add_str(doc, row, "kind", g->kind);
	sbx_json_add_str(doc, row, "sub", name[0] != '\0' ? who : g->sub);
	sbx_json_add_str(doc, row, "src_ip", g->lend.ip);
	sbx_json_add_str(doc, row, "proto", sbx_proto_name(g->lend.proto));
	sbx_json_add_int(doc, row, "port", g->lend.port);
	sbx_json_add_str(
		doc, row, "service", g->service[0] != '\0' ? g->service : NULL);
	sbx_json_add_time(doc, row, "until", g->until);
	sbx_json_add_int(doc, row, "left", sbx_granted_left(g));
	if (e != NULL)
		sbx_json_add_int(doc, row, "bytes", e->bytes);
	else
		sbx_json_add_str(doc, row, "bytes", NULL);
	sbx_tool_row(ctx, list_cols, row);
	sbx_doc_free(doc);
}

int
sbx_macroctl_list(struct sbx_ctx *ctx)
{
	char (*names)[SBX_MAX_BOXNAME + 2] = NULL;
	struct sbx_nft nft = { 0 };
	struct sbx_lending l;
	const struct sbx_lend *e;
	size_t i, missing = 0;
	int r;

	/* Read without a lock: the grants file is replaced whole. */
	if ((r = look(ctx, &l)) != 0)
		return r;
	if ((r = sbx_lending_load(&l, &ctx->err)) != 0 ||
		(r = sbx_nft_read(&ctx->conf, &nft, &ctx->err)) != 0)
		goto out;
	names = sbx_mem_alloc(l.grants.count + 1, sizeof(*names));
	if (!ctx->json) /* without a directory the dids will do */
		sbx_grants_names(&ctx->conf, &l.grants, names, NULL);
	for (i = 0; i < l.grants.count; i++) {
		if (sbx_granted_left(&l.grants.list[i]) == 0)
			continue;
		e = element_of(&nft, &l.grants.list[i].lend);
		missing += e == NULL;
		list_row(ctx, &l.grants.list[i], names[i], e);
	}
	if (missing > 0)
		sbx_tool_say(ctx,
			"%zu of them the firewall does not know; "
			"sbx-macroctl sync restores them",
			missing);
out:
	free(names);
	sbx_nft_free(&nft);
	sbx_lending_close(&l);
	return r;
}

/* ---- kinds ---- */

static const struct sbx_col kind_cols[] = {
	{ "kind", "KIND", 0 },
	{ "opens", "OPENS", 0 },
	{ "params", "PARAMETERS", 0 },
	{ "about", "ABOUT", 0 },
	{ "wrong", "WRONG", 0 },
	{ 0 },
};

static void
put_params(struct sbx_buf *b, const struct sbx_macro *m)
{
	static const char *const types[] = { "int", "bool", "text" };

	for (size_t i = 0; i < m->nparams; i++) {
		const struct sbx_param *p = &m->params[i];

		sbx_buf_fmt(b, "%s%s %s%s", i > 0 ? ", " : "", types[p->type],
			p->name, p->required ? "" : "?");
	}
}

static int
kind_row(void *ctx, const char *kind, const struct sbx_macro *m,
	struct sbx_err *err)
{
	struct sbx_doc *doc = sbx_doc_new();
	struct sbx_json *row = sbx_doc_root(doc);
	struct sbx_buf params = SBX_BUF(4096);
	bool good = m->fd >= 0;

	if (good)
		put_params(&params, m);
	sbx_json_add_str(doc, row, "kind", kind);
	sbx_json_add_str(
		doc, row, "opens", good ? sbx_proto_name(m->proto) : NULL);
	sbx_json_add_str(
		doc, row, "params", good ? sbx_buf_text(&params) : NULL);
	sbx_json_add_str(doc, row, "about", good ? m->about : NULL);
	sbx_json_add_str(doc, row, "wrong", good ? NULL : err->text);
	sbx_tool_row(ctx, kind_cols, row);
	sbx_buf_free(&params);
	sbx_doc_free(doc);
	return 0;
}

int
sbx_macroctl_kinds(struct sbx_ctx *ctx)
{
	return sbx_macro_each(ctx->conf.macros, kind_row, ctx, &ctx->err);
}

/* ---- check ---- */

static const struct sbx_col check_cols[] = {
	{ "part", "PART", 0 },
	{ "ok", "OK", 0 },
	{ "why", "WHY", 0 },
	{ 0 },
};

struct checking {
	struct sbx_ctx *ctx;
	bool bad;
};

static void
check_row(struct checking *c, const char *part, const char *wrong)
{
	struct sbx_doc *doc = sbx_doc_new();
	struct sbx_json *row = sbx_doc_root(doc);

	sbx_json_add_str(doc, row, "part", part);
	sbx_json_add_bool(doc, row, "ok", wrong == NULL);
	sbx_json_add_str(doc, row, "why", wrong);
	sbx_tool_row(c->ctx, check_cols, row);
	sbx_doc_free(doc);
	c->bad |= wrong != NULL;
}

static int
check_plugin(void *ctx, const char *kind, const struct sbx_macro *m,
	struct sbx_err *err)
{
	char part[64];

	snprintf(part, sizeof(part), "plugin %s", kind);
	check_row(ctx, part, m->fd >= 0 ? NULL : err->text);
	return 0;
}

static void
check_firewall(struct checking *c, const struct sbx_grants *g,
	const struct sbx_nft *nft)
{
	struct sbx_lending_plan plan = { .set = NULL };
	char text[160];

	if (!nft->fw.there)
		check_row(c, "firewall",
			"our table is not there: lent ports are open to the "
			"mesh, and the mesh address to other links");
	else
		check_row(c, "firewall",
			nft->fw.wrong[0] != '\0' ? nft->fw.wrong : NULL);
	sbx_lending_plan(g, nft, &plan);
	snprintf(text, sizeof(text),
		"%zu missing, %zu that no grant stands behind, "
		"%zu for longer than granted, %zu ports open to all",
		plan.missing, plan.stray, plan.longer, plan.open);
	check_row(c, "grants",
		plan.missing + plan.stray + plan.longer + plan.open > 0 ? text
									: NULL);
}

/* Grants and firewall at one moment; what is wrong with it is said when others
 * may go on. */
static void
check_lending(struct checking *c)
{
	const char *part = "audit log";
	struct sbx_err why = { 0 };
	struct sbx_nft nft = { 0 };
	struct sbx_lending l;
	int r;

	if ((r = sbx_lending_open(&l, &c->ctx->conf, false, &why)) == 0 &&
		(r = sbx_root_enter(&l.root, &why)) == 0) {
		part = "grants file";
		if ((r = sbx_lending_load(&l, &why)) == 0) {
			part = "firewall";
			r = sbx_nft_read(&c->ctx->conf, &nft, &why);
		}
		sbx_root_close(&l.root);
	}
	if (r != 0)
		check_row(c, part, why.text);
	else
		check_firewall(c, &l.grants, &nft);
	sbx_nft_free(&nft);
	sbx_lending_close(&l);
}

int
sbx_macroctl_check(struct sbx_ctx *ctx)
{
	struct checking c = { .ctx = ctx };
	struct sbx_err why = { 0 };
	size_t lines;
	int r;

	if ((r = sbx_macroctl_root(ctx)) != 0)
		return r;
	r = sbx_audit_verify(ctx->conf.audit, &lines, &why);
	check_row(&c, "audit log", r == 0 ? NULL : why.text);
	check_lending(&c);
	if (sbx_macro_each(ctx->conf.macros, check_plugin, &c, &why) != 0)
		check_row(&c, "plugins", why.text);
	return c.bad ? SBX_E_NO : SBX_OK;
}
