/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Phones, and boxes without sbx: a file for plain WireGuard, and a record by
 * which every node knows the guest.  sbx-ledger signs it, in a process and as a
 * user of its own.
 */
#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/base.h"
#include "json/json.h"
#include "crypto/crypto.h"
#include "directory/directory.h"
#include "apply/apply.h"
#include "system/system.h"
#include "mesh/mesh.h"
#include "tool/tool.h"
#include "mesh-up.h"

#define LEDGER SBX_BINDIR "/sbx-ledger"

/* Append doc's root, whose date is the moment it is signed. */
static int
append(struct sbx_ctx *ctx, const char *op, struct sbx_doc *doc)
{
	const char *argv[8] = { LEDGER, "-q" };
	struct sbx_run run = { .argv = argv };
	struct sbx_buf b = SBX_BUF(SBX_MAX_ENTRY);
	size_t n = 2;
	int r;

	if (strcmp(ctx->conf.apply, SBX_APPLYDIR) != 0) {
		argv[n++] = "-C";
		argv[n++] = ctx->conf.dir;
	}
	argv[n++] = "append";
	argv[n++] = op;
	if ((r = sbx_canon_write(&b, sbx_doc_root(doc), NULL, &ctx->err)) == 0) {
		run.in = b.data;
		run.inlen = b.len;
		r = sbx_run_ok(&run, NULL, &ctx->err);
	}
	sbx_buf_free(&b);
	return r;
}

/* ---- export ---- */

struct guest {
	const char *name;
	uint32_t addr;
	unsigned char pub[SBX_WG_KEY_BYTES];
	char key[SBX_WGKEY_SIZE]; /* private */
	const struct sbx_mesh_node *home;
	char at[SBX_HOST_SIZE + 8]; /* where its hub is */
};

/* A name goes first: a phone asks it again, and so survives a move. */
static int
find_home(struct sbx_ctx *ctx, const struct sbx_mesh *m, struct guest *g)
{
	const struct sbx_mesh_node *hub = sbx_mesh_home(m, m->self);
	int port = 0;

	if (hub == NULL)
		return sbx_err_set(&ctx->err, SBX_E_NO,
			"the mesh has no hub yet that a guest could reach");
	g->home = hub;
	if (hub->ddns[0] != '\0') {
		sbx_host_check(hub->ddns, &port);
		snprintf(g->at, sizeof(g->at), "%s%s", hub->ddns,
			port != 0 ? "" : hub->endpoint[0] != '\0'
			? strrchr(hub->endpoint, ':') : "");
		if (port == 0 && hub->endpoint[0] == '\0')
			snprintf(g->at, sizeof(g->at), "%s:%d", hub->ddns,
				m->port);
	} else {
		snprintf(g->at, sizeof(g->at), "%s", hub->endpoint);
	}
	if (g->at[0] != '\0')
		return SBX_OK;
	sbx_err_set(&ctx->err, SBX_E_NO, "%s, the hub, has no endpoint that a "
		"guest could reach", hub->name);
	sbx_err_hint(&ctx->err, "on that box: [mesh] endpoint= or ddns= in "
		"sbx.conf; then " RECORD);
	return SBX_E_NO;
}

static void
write_file(const struct sbx_mesh *m, const struct guest *g, struct sbx_buf *b)
{
	char ip[SBX_IP4_SIZE], net[SBX_NET_SIZE], six[SBX_ULA_SIZE];
	char pub[SBX_WGKEY_SIZE], hub[SBX_WGKEY_SIZE];
	struct sbx_net at = { m->net.addr, m->net.bits };
	bool with_six = m->ula[0] != '\0';

	sbx_ip4_write(ip, g->addr);
	sbx_net_write(net, &at);
	sbx_wgkey_write(pub, g->pub);
	sbx_wgkey_write(hub, g->home->key);
	sbx_buf_fmt(b, "[Interface]\nPrivateKey = %s\nAddress = %s/32", g->key,
		ip);
	if (with_six) {
		sbx_ula(six, m->founder, pub);
		sbx_buf_fmt(b, ", %s/128", six);
	}
	sbx_buf_fmt(b, "\nMTU = %d\n\n[Peer]\n# %s\nPublicKey = %s\n"
		"Endpoint = %s\nAllowedIPs = %s%s%s%s\n"
		"PersistentKeepalive = %d\n", m->mtu, g->home->name, hub, g->at,
		net, with_six ? ", " : "", with_six ? m->ula : "",
		with_six ? "/64" : "", m->keepalive);
}

static int
bind_guest(struct sbx_ctx *ctx, const struct sbx_mesh *m, const struct guest *g)
{
	struct sbx_doc *doc = sbx_doc_new();
	struct sbx_json *o = sbx_doc_root(doc);
	char ip[SBX_IP4_SIZE], key[SBX_WGKEY_SIZE];
	int r;

	sbx_ip4_write(ip, g->addr);
	sbx_wgkey_write(key, g->pub);
	sbx_json_add_str(doc, o, "sponsor", m->self);
	sbx_json_add_str(doc, o, "guest", g->name);
	sbx_json_add_str(doc, o, "pubkey_wg", key);
	sbx_json_add_str(doc, o, "mesh_ip", ip);
	r = append(ctx, "guest_bind", doc);
	sbx_doc_free(doc);
	return r;
}

static void
print_lines(struct sbx_ctx *ctx, const struct sbx_buf *b)
{
	const char *line = sbx_buf_text(b), *end;

	for (; (end = strchr(line, '\n')) != NULL; line = end + 1)
		sbx_tool_out(ctx, "%.*s", (int)(end - line), line);
}

/* The file first: a guest on record whose file is nowhere is of no use. */
static int
hand_out(struct sbx_ctx *ctx, const struct sbx_mesh *m, const struct guest *g,
	const struct sbx_buf *text)
{
	const char *dir = sbx_tool_opt(ctx, "output");
	struct sbx_buf path = SBX_BUF(4096);
	int r = SBX_OK;

	sbx_buf_fmt(&path, "%s/%s.conf", dir != NULL ? dir : "", g->name);
	if (dir != NULL)
		r = sbx_io_save(sbx_buf_text(&path), text->data, text->len,
			0600, SBX_IO_NEW, &ctx->err);
	if (r == SBX_OK && (r = bind_guest(ctx, m, g)) != SBX_OK && dir != NULL)
		unlink(sbx_buf_text(&path));
	if (r == SBX_OK && dir == NULL)
		print_lines(ctx, text);
	if (r == SBX_OK && sbx_tool_opt(ctx, "qr") != NULL)
		r = sbx_tool_qr(text->data, &ctx->err);
	sbx_buf_free(&path);
	return r;
}

static const struct sbx_mesh_guest *
find(const struct sbx_mesh *m, const char *name)
{
	for (size_t i = 0; i < m->nguests; i++)
		if (strcmp(m->guests[i].name, name) == 0 &&
			strcmp(m->guests[i].sponsor, m->self) == 0)
			return &m->guests[i];
	return NULL;
}

/* The directory anew for each: the one before is in it. */
static int
export_one(struct sbx_ctx *ctx, const char *name, bool *own)
{
	struct sbx_tunnel t = { .name = ctx->conf.mesh_if };
	struct guest g = { .name = name };
	struct sbx_buf text = SBX_BUF(8192);
	char ip[SBX_IP4_SIZE];
	struct sbx_mesh m = { 0 };
	int r;

	if ((r = meshup_read(ctx, &m)) != SBX_OK)
		goto out;
	if (find(&m, name) != NULL) {
		r = sbx_err_set(&ctx->err, SBX_E_NO,
			"%s: is a guest of this node's already", name);
		sbx_err_hint(&ctx->err, "sbx-mesh-up withdraw %s, for a new "
			"file", name);
		goto out;
	}
	if ((r = meshup_plan(ctx, &m, &t, NULL)) != SBX_OK ||
		(r = find_home(ctx, &m, &g)) != SBX_OK ||
		(r = sbx_mesh_choose_guest(&m, &g.addr, &ctx->err)) != SBX_OK)
		goto out;
	sbx_wg_make(g.key, g.pub);
	write_file(&m, &g, &text);
	sbx_ip4_write(ip, g.addr);
	if (!ctx->dry)
		r = hand_out(ctx, &m, &g, &text);
	if (r == SBX_OK)
		sbx_tool_say(ctx, "%s %s at %s, through %s", ctx->dry
			? "would admit" : "admitted", name, ip, g.home->name);
	*own = *own || g.home == m.me;
out:
	if (text.len > 0)
		sodium_memzero(text.data, text.len);
	sodium_memzero(g.key, sizeof(g.key));
	sbx_buf_free(&text);
	sbx_mesh_free(&m);
	sbx_tunnel_free(&t);
	return r;
}

int
meshup_export(struct sbx_ctx *ctx)
{
	bool own = false;
	int r = SBX_OK;

	for (int i = 0; i < ctx->argc; i++)
		if (!sbx_kind_check(ctx->argv[i]))
			return sbx_err_set(&ctx->err, SBX_E_USAGE,
				"%s: not a guest's name: 2 to 32 of a-z, 0-9, -",
				ctx->argv[i]);
	if (ctx->argc > 1 && sbx_tool_opt(ctx, "output") == NULL) {
		sbx_err_set(&ctx->err, SBX_E_USAGE,
			"several files do not go to one place");
		sbx_err_hint(&ctx->err, "say where to: -o DIR");
		return SBX_E_USAGE;
	}
	for (int i = 0; i < ctx->argc && r == SBX_OK; i++)
		r = export_one(ctx, ctx->argv[i], &own);
	/* Its hub lets it in with the next run; if that is us, now. */
	return r == SBX_OK && own && !ctx->dry ? meshup_again(ctx, false) : r;
}

/* ---- guests, withdraw ---- */

static const struct sbx_col guest_cols[] = { { "name", "NAME", 0 },
	{ "address", "ADDRESS", 0 }, { "sponsor", "SPONSOR", 0 },
	{ "hub", "HUB", 0 }, { "pubkey_wg", "KEY", 0 }, { NULL, NULL, 0 } };

static const char *
name_of(const struct sbx_mesh *m, const char *did)
{
	for (size_t i = 0; i < m->nnodes; i++)
		if (strcmp(m->nodes[i].did, did) == 0)
			return m->nodes[i].name;
	return did;
}

int
meshup_guests(struct sbx_ctx *ctx)
{
	static const unsigned char none[SBX_WG_KEY_BYTES];
	char ip[SBX_IP4_SIZE], key[SBX_WGKEY_SIZE];
	const struct sbx_mesh_guest *g;
	struct sbx_mesh m = { 0 };
	struct sbx_doc *doc;
	struct sbx_json *o;
	int r;

	if ((r = meshup_read(ctx, &m)) == SBX_OK)
		sbx_mesh_plan(&m, none);
	for (size_t i = 0; r == SBX_OK && i < m.nguests; i++) {
		g = &m.guests[i];
		doc = sbx_doc_new();
		o = sbx_doc_root(doc);
		sbx_ip4_write(ip, g->addr);
		sbx_wgkey_write(key, g->key);
		sbx_json_add_str(doc, o, "name", g->name);
		sbx_json_add_str(doc, o, "address", ip);
		sbx_json_add_str(doc, o, "sponsor",
			ctx->json ? g->sponsor : name_of(&m, g->sponsor));
		sbx_json_add_str(doc, o, "hub", g->home == NULL ? NULL :
			ctx->json ? g->home->did : g->home->name);
		sbx_json_add_str(doc, o, "pubkey_wg", key);
		sbx_tool_row(ctx, guest_cols, o);
		sbx_doc_free(doc);
	}
	sbx_mesh_free(&m);
	return r;
}

int
meshup_withdraw(struct sbx_ctx *ctx)
{
	const char *name = ctx->argv[0];
	struct sbx_doc *doc = sbx_doc_new();
	struct sbx_mesh m = { 0 };
	int r;

	if ((r = meshup_read(ctx, &m)) == SBX_OK && find(&m, name) == NULL) {
		r = sbx_err_set(&ctx->err, SBX_E_NO,
			"%s: not a guest of this node's", name);
		sbx_err_hint(&ctx->err, "sbx-mesh-up guests, for those there "
			"are; its sponsor withdraws it");
	}
	if (r == SBX_OK && !ctx->dry) {
		sbx_json_add_str(doc, sbx_doc_root(doc), "sponsor", m.self);
		sbx_json_add_str(doc, sbx_doc_root(doc), "guest", name);
		r = append(ctx, "guest_revoke", doc);
	}
	sbx_doc_free(doc);
	sbx_mesh_free(&m);
	if (r != SBX_OK)
		return r;
	sbx_tool_say(ctx, "%s %s", ctx->dry ? "would withdraw" : "withdrew",
		name);
	return ctx->dry ? SBX_OK : meshup_again(ctx, true);
}
