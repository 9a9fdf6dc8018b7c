/* SPDX-License-Identifier: Apache-2.0 */
/* Lend a port to a neighbour, for a time, on record: root's part of it. */
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/base.h"
#include "json/json.h"
#include "crypto/crypto.h"
#include "directory/directory.h"
#include "apply/apply.h"
#include "lend/lend.h"
#include "tool/tool.h"

static int
need_root(struct sbx_ctx *ctx)
{
	int r;

	if (geteuid() == 0)
		return 0;
	r = sbx_err_set(&ctx->err, SBX_E_USAGE, "must be root");
	sbx_err_hint(&ctx->err, "sudo sbx-macroctl %s", ctx->cmd->verb);
	return r;
}

static int
open_lending(struct sbx_ctx *ctx, struct sbx_lending *l)
{
	int r = need_root(ctx);

	return r != 0 ? r : sbx_lending_open(l, &ctx->conf, &ctx->err);
}

/* ---- KIND grant, activate, revoke ---- */

static void
fill(const struct sbx_ctx *ctx, struct sbx_ask *a)
{
	a->kind = ctx->argv[0];
	a->sub = sbx_tool_opt(ctx, "sub");
	a->ip = sbx_tool_opt(ctx, "src-ip");
	a->service = sbx_tool_opt(ctx, "service");
	a->endpoint = sbx_tool_opt(ctx, "endpoint");
	a->params = sbx_tool_opt(ctx, "params");
	a->ttl_text = sbx_tool_opt(ctx, "ttl");
	a->subscription = sbx_tool_opt(ctx, "subscription");
}

static int
cmd_grant(struct sbx_ctx *ctx)
{
	struct sbx_ask a = SBX_ASK;
	struct sbx_lending l;
	struct sbx_err why = { 0 };
	int r, asked;

	if ((r = need_root(ctx)) != 0)
		return r;
	fill(ctx, &a);
	asked = sbx_ask_grant(&a, &ctx->conf, &why);
	if ((r = open_lending(ctx, &l)) != 0) {
		sbx_ask_free(&a);
		return r;
	}
	if (asked != 0)
		ctx->err = why;
	if ((r = sbx_lending_grant(&l, &a, asked, ctx->dry, &ctx->err)) == 0)
		sbx_tool_say(ctx, "%s %s: %s port %d for %s, %lld s",
			ctx->dry ? "would lend" : "lent", a.kind,
			sbx_proto_name(a.macro.proto), a.port, a.ip,
			(long long)a.ttl);
	sbx_ask_free(&a);
	sbx_lending_close(&l);
	return r;
}

static int
consume(struct sbx_ctx *ctx, bool on)
{
	struct sbx_ask a = SBX_ASK;
	struct sbx_lending l;
	int r;

	if ((r = open_lending(ctx, &l)) != 0)
		return r;
	fill(ctx, &a);
	if ((r = sbx_lending_activate(&l, &a, on, ctx->dry, &ctx->err)) == 0)
		sbx_tool_say(ctx, "%s %s%sactivated", a.kind,
			ctx->dry ? "would be " : "", on ? "" : "de");
	sbx_ask_free(&a);
	sbx_lending_close(&l);
	return r;
}

static int
cmd_activate(struct sbx_ctx *ctx)
{
	return consume(ctx, true);
}

static int
cmd_deactivate(struct sbx_ctx *ctx)
{
	return consume(ctx, false);
}

static int
cmd_revoke(struct sbx_ctx *ctx)
{
	struct sbx_ask a = SBX_ASK;
	struct sbx_lending l;
	size_t count;
	int r;

	if ((r = open_lending(ctx, &l)) != 0)
		return r;
	fill(ctx, &a);
	if ((r = sbx_lending_revoke(&l, &a, ctx->dry, &count, &ctx->err)) == 0)
		sbx_tool_say(ctx, "%s: %zu %s %s", a.kind, count,
			count == 1 ? "grant" : "grants",
			ctx->dry ? "would be revoked" : "revoked");
	sbx_ask_free(&a);
	sbx_lending_close(&l);
	return r;
}

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

static int
cmd_list(struct sbx_ctx *ctx)
{
	char (*names)[SBX_MAX_BOXNAME + 2] = NULL;
	struct sbx_nft nft = { 0 };
	struct sbx_lending l;
	const struct sbx_lend *e;
	size_t i, missing = 0;
	int r;

	if ((r = open_lending(ctx, &l)) != 0)
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

static int
cmd_kinds(struct sbx_ctx *ctx)
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
check_audit(struct checking *c, const struct sbx_lending *l)
{
	struct sbx_err why = { 0 };
	size_t lines;
	int r = sbx_audit_check(c->ctx->conf.audit, l->grants.audit_size,
		l->grants.audit_head, &lines, &why);

	check_row(c, "audit log", r == 0 ? NULL : why.text);
}

static void
check_firewall(struct checking *c, const struct sbx_grants *g)
{
	struct sbx_lending_plan plan = { .set = NULL };
	struct sbx_err why = { 0 };
	struct sbx_nft nft;
	char text[160];

	if (sbx_nft_read(&c->ctx->conf, &nft, &why) != 0) {
		check_row(c, "firewall", why.text);
		return;
	}
	if (!nft.fw.there)
		check_row(c, "firewall",
			"our table is not there: lent ports are open to the "
			"mesh, and the mesh address to other links");
	else
		check_row(c, "firewall",
			nft.fw.wrong[0] != '\0' ? nft.fw.wrong : NULL);
	sbx_lending_plan(g, &nft, &plan);
	snprintf(text, sizeof(text),
		"%zu missing, %zu that no grant stands behind, "
		"%zu for longer than granted, %zu ports open to all",
		plan.missing, plan.stray, plan.longer, plan.open);
	check_row(c, "grants",
		plan.missing + plan.stray + plan.longer + plan.open > 0 ? text
									: NULL);
	sbx_nft_free(&nft);
}

static int
cmd_check(struct sbx_ctx *ctx)
{
	struct checking c = { .ctx = ctx };
	struct sbx_err why = { 0 };
	struct sbx_lending l;
	int r;

	if ((r = need_root(ctx)) != 0)
		return r;
	if (sbx_lending_open(&l, &ctx->conf, &why) != 0)
		check_row(&c, "audit log", why.text);
	else if (sbx_lending_load(&l, &why) != 0)
		check_row(&c, "grants file", why.text);
	else {
		check_audit(&c, &l);
		check_firewall(&c, &l.grants);
	}
	if (sbx_macro_each(ctx->conf.macros, check_plugin, &c, &why) != 0)
		check_row(&c, "plugins", why.text);
	sbx_lending_close(&l);
	return c.bad ? SBX_E_NO : SBX_OK;
}

/* ---- sync ---- */

static int
cmd_sync(struct sbx_ctx *ctx)
{
	struct sbx_lending_sync s;
	struct sbx_err why = { 0 };
	struct sbx_said said;
	struct sbx_lending l;
	int r, asked;

	if ((r = need_root(ctx)) != 0)
		return r;
	asked = sbx_said_ask(&said, &ctx->conf, &why);
	if ((r = open_lending(ctx, &l)) != 0)
		goto out;
	r = sbx_lending_sync(
		&l, asked == 0 ? &said : NULL, ctx->dry, &s, &ctx->err);
	sbx_lending_note(&r, &ctx->err, asked, &why);
	if (s.restored + s.expired + s.withdrawn + s.stray + s.ports > 0 ||
		ctx->verbose)
		sbx_tool_say(ctx,
			"%srestored %zu, withdrew %zu, ended %zu, took away "
			"%zu strays, closed %zu ports",
			ctx->dry ? "would have " : "", s.restored, s.withdrawn,
			s.expired, s.stray, s.ports);
	sbx_lending_close(&l);
out:
	sbx_said_free(&said);
	return r;
}

/* ---- forget ---- */

static int
cmd_forget(struct sbx_ctx *ctx)
{
	bool udp = strcmp(ctx->argv[0], "udp") == 0;
	struct sbx_lending l;
	int64_t port;
	int r;

	if ((!udp && strcmp(ctx->argv[0], "tcp") != 0) ||
		!sbx_num_parse(&port, ctx->argv[1], 1, 65535))
		return sbx_err_set(&ctx->err, SBX_E_USAGE,
			"not tcp or udp and a port");
	if ((r = open_lending(ctx, &l)) != 0)
		return r;
	if ((r = sbx_lending_forget(&l, udp ? IPPROTO_UDP : IPPROTO_TCP,
		     (int)port, ctx->dry, &ctx->err)) == 0)
		sbx_tool_say(ctx, "%s port %d %s ours to close", ctx->argv[0],
			(int)port, ctx->dry ? "would not be" : "is not");
	sbx_lending_close(&l);
	return r;
}

/* ---- the tool ---- */

#define OPT_SERVICE                                                            \
	{                                                                      \
		0, "service", "ID", "the offer's service_id"                   \
	}
#define OPT_PARAMS                                                             \
	{                                                                      \
		0, "params", "JSON", "an object of what the plugin declares"   \
	}

static const struct sbx_opt grant_opts[] = {
	{ 0, "sub", "DID", "whom to lend to" },
	{ 0, "src-ip", "ADDRESS", "its address in the mesh" },
	OPT_PARAMS,
	{ 0, "ttl", "SECONDS", "for how long, 60 to 86400" },
	OPT_SERVICE,
	{ 0, "subscription", "ID", "that was seen, if the log lacks it yet" },
	{ 0 },
};

static const struct sbx_opt activate_opts[] = {
	OPT_SERVICE,
	OPT_PARAMS,
	{ 0, "endpoint", "ADDRESS:PORT", "where the provider lends it" },
	{ 0 },
};

static const struct sbx_opt revoke_opts[] = {
	{ 0, "sub", "DID", "whom from" },
	{ 0, "src-ip", "ADDRESS", "only what this address was lent" },
	OPT_SERVICE,
	{ 0 },
};

static const struct sbx_cmd cmds[] = {
	{ "grant", cmd_grant, "", 1, 1,
		"KIND grant: lend a port to one address", grant_opts },
	{ "activate", cmd_activate, "", 1, 1,
		"KIND activate: use what a provider lends", activate_opts },
	{ "deactivate", cmd_deactivate, "", 1, 1,
		"KIND deactivate: use it no more", activate_opts },
	{ "revoke", cmd_revoke, "", 1, 1, "KIND revoke: take it back",
		revoke_opts },
	{ "list", cmd_list, "", 0, 0, "what is lent now", NULL },
	{ "check", cmd_check, "", 0, 0,
		"is all as it should be; says what is not", NULL },
	{ "sync", cmd_sync, "", 0, 0,
		"restore what a reboot took, withdraw what ended", NULL },
	{ "forget", cmd_forget, "tcp|udp PORT", 2, 2,
		"a port lent no more is the host's own affair again", NULL },
	{ "kinds", cmd_kinds, "", 0, 0, "the plugins there are", NULL },
	{ 0 },
};

static const struct sbx_tool tool = {
	.name = "sbx-macroctl",
	.summary = "lend a port to a neighbour, for a time, on record",
	.flags = SBX_TOOL_ROOT | SBX_TOOL_FIXED,
	.cmds = cmds,
};

static bool
takes_kind(const char *verb)
{
	return strcmp(verb, "grant") == 0 || strcmp(verb, "activate") == 0 ||
	       strcmp(verb, "deactivate") == 0 || strcmp(verb, "revoke") == 0;
}

/* "KIND VERB ..." reads well in sudoers and in a log; the grammar all tools
 * share wants the verb first and its arguments last. */
static void
verb_first(int argc, char **argv)
{
	char *kind;
	int i = 1;

	while (i < argc && argv[i][0] == '-')
		i++;
	if (i + 1 >= argc || !takes_kind(argv[i + 1]))
		return;
	kind = argv[i];
	memmove(&argv[i], &argv[i + 1], (size_t)(argc - i - 1) * sizeof(*argv));
	argv[argc - 1] = kind;
}

int
main(int argc, char **argv)
{
	if (argc < 1)
		return -SBX_E_USAGE;
	verb_first(argc, argv);
	return sbx_tool_main(&tool, argc, argv);
}
