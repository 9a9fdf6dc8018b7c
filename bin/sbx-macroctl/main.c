/* SPDX-License-Identifier: Apache-2.0 */
/* Lend a port to a neighbour, for a time, on record: root's part of it. */
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/base.h"
#include "json/json.h"
#include "crypto/crypto.h"
#include "apply/apply.h"
#include "lend/lend.h"
#include "tool/tool.h"
#include "sbx-macroctl.h"

int
sbx_macroctl_root(struct sbx_ctx *ctx)
{
	int r;

	if (geteuid() == 0)
		return 0;
	r = sbx_err_set(&ctx->err, SBX_E_USAGE, "must be root");
	sbx_err_hint(&ctx->err, "sudo sbx-macroctl %s", ctx->cmd->verb);
	return r;
}

/* Until it is closed nothing is said: the caller's descriptors may block. */
static int
open_lending(struct sbx_ctx *ctx, struct sbx_lending *l, bool takes)
{
	int r = sbx_macroctl_root(ctx);

	return r != 0 ? r : sbx_lending_open(l, &ctx->conf, takes, &ctx->err);
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
	struct sbx_err why = { 0 };
	struct sbx_lending l;
	int r, asked;

	if ((r = sbx_macroctl_root(ctx)) != 0)
		return r;
	fill(ctx, &a);
	asked = sbx_ask_grant(&a, &ctx->conf, &why);
	if ((r = open_lending(ctx, &l, false)) == 0) {
		if (asked != 0)
			ctx->err = why;
		r = sbx_lending_grant(&l, &a, asked, ctx->dry, &ctx->err);
		sbx_lending_close(&l);
	}
	if (r == 0)
		sbx_tool_say(ctx, "%s %s: %s port %d for %s, %lld s",
			ctx->dry ? "would lend" : "lent", a.kind,
			sbx_proto_name(a.macro.proto), a.port, a.ip,
			(long long)a.ttl);
	sbx_ask_free(&a);
	return r;
}

static int
consume(struct sbx_ctx *ctx, bool on)
{
	struct sbx_ask a = SBX_ASK;
	struct sbx_lending l;
	int r;

	if ((r = open_lending(ctx, &l, !on)) != 0)
		return r;
	fill(ctx, &a);
	r = sbx_lending_activate(&l, &a, on, ctx->dry, &ctx->err);
	sbx_lending_close(&l);
	if (r == 0)
		sbx_tool_say(ctx, "%s %s%sactivated", a.kind,
			ctx->dry ? "would be " : "", on ? "" : "de");
	sbx_ask_free(&a);
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

	if ((r = open_lending(ctx, &l, true)) != 0)
		return r;
	fill(ctx, &a);
	r = sbx_lending_revoke(&l, &a, ctx->dry, &count, &ctx->err);
	sbx_lending_close(&l);
	if (r == 0)
		sbx_tool_say(ctx, "%s: %zu %s %s", a.kind, count,
			count == 1 ? "grant" : "grants",
			ctx->dry ? "would be revoked" : "revoked");
	sbx_ask_free(&a);
	return r;
}

/* ---- sync ---- */

static int
cmd_sync(struct sbx_ctx *ctx)
{
	struct sbx_lending_sync s;
	int r;

	if ((r = sbx_macroctl_root(ctx)) != 0)
		return r;
	r = sbx_lending_sync(&ctx->conf, ctx->dry, &s, &ctx->err);
	if (s.restored + s.expired + s.withdrawn + s.stray + s.ports > 0 ||
		ctx->verbose)
		sbx_tool_say(ctx,
			"%srestored %zu, withdrew %zu, ended %zu, took away "
			"%zu strays, closed %zu ports",
			ctx->dry ? "would have " : "", s.restored, s.withdrawn,
			s.expired, s.stray, s.ports);
	return r;
}

/* ---- audit ---- */

static int
cmd_audit(struct sbx_ctx *ctx)
{
	size_t lines;
	int r;

	if (strcmp(ctx->argv[0], "verify") != 0)
		return sbx_err_set(&ctx->err, SBX_E_USAGE,
			"audit: %s: not verify", ctx->argv[0]);
	if ((r = sbx_macroctl_root(ctx)) == 0 &&
		(r = sbx_audit_verify(ctx->conf.audit, &lines, &ctx->err)) == 0)
		sbx_tool_say(ctx, "%zu lines, each goes on from the one before",
			lines);
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
	if ((r = open_lending(ctx, &l, false)) != 0)
		return r;
	r = sbx_lending_forget(&l, udp ? IPPROTO_UDP : IPPROTO_TCP, (int)port,
		ctx->dry, &ctx->err);
	sbx_lending_close(&l);
	if (r == 0)
		sbx_tool_say(ctx, "%s port %d %s ours to close", ctx->argv[0],
			(int)port, ctx->dry ? "would not be" : "is not");
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
	{ "list", sbx_macroctl_list, "", 0, 0, "what is lent now", NULL },
	{ "check", sbx_macroctl_check, "", 0, 0,
		"is all as it should be; says what is not", NULL },
	{ "audit", cmd_audit, "verify", 1, 1,
		"is the record whole, over its rotated files", NULL },
	{ "sync", cmd_sync, "", 0, 0,
		"restore what a reboot took, withdraw what ended", NULL },
	{ "forget", cmd_forget, "tcp|udp PORT", 2, 2,
		"a port lent no more is the host's own affair again", NULL },
	{ "kinds", sbx_macroctl_kinds, "", 0, 0, "the plugins there are", NULL },
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
