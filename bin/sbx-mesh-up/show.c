/* SPDX-License-Identifier: Apache-2.0 */
/* The peers, and when they were last heard. */
#include <stdlib.h>
#include <string.h>

#include "base/base.h"
#include "json/json.h"
#include "system/system.h"
#include "mesh/mesh.h"
#include "tool/tool.h"
#include "mesh-up.h"

static const struct sbx_col show_cols[] = { { "name", "NAME", 0 },
	{ "address", "ADDRESS", 0 }, { "endpoint", "ENDPOINT", 0 },
	{ "age", "HANDSHAKE", 0 }, { "rx", "RECEIVED", 0 }, { "tx", "SENT", 0 },
	{ "allowed", "ALLOWED", 0 }, { NULL, NULL, 0 } };

static void
age(char *out, size_t size, int64_t then)
{
	int64_t s = sbx_clock_now() / 1000000 - then;

	if (then == 0)
		snprintf(out, size, "never");
	else if (s < 120)
		snprintf(out, size, "%llds", (long long)(s < 0 ? 0 : s));
	else if (s < 7200)
		snprintf(out, size, "%lldm", (long long)(s / 60));
	else
		snprintf(out, size, "%lldh", (long long)(s / 3600));
}

/* With -v its did too, and where another has the name. */
static const char *
label(const struct sbx_ctx *ctx, const struct sbx_mesh_node *n, char *out,
	size_t size)
{
	bool with = strcmp(n->name, n->did) != 0 &&
		(ctx->verbose || strchr(n->name, '?') != NULL);

	snprintf(out, size, with ? "%s (%s)" : "%s", n->name, n->did);
	return out;
}

static void
show_peer(struct sbx_ctx *ctx, const struct sbx_mesh *m,
	const struct sbx_wg_peer *p)
{
	const struct sbx_mesh_node *n = sbx_mesh_by_key(m, p->key);
	char ip[SBX_IP4_SIZE] = "", key[SBX_WGKEY_SIZE], old[24], text[160];
	struct sbx_doc *doc = sbx_doc_new();
	struct sbx_json *o = sbx_doc_root(doc);

	sbx_wgkey_write(key, p->key);
	age(old, sizeof(old), p->handshake);
	if (n != NULL)
		sbx_ip4_write(ip, n->addr);
	sbx_json_add_str(doc, o, "name", n == NULL ? NULL :
		ctx->json ? n->name : label(ctx, n, text, sizeof(text)));
	sbx_json_add_str(doc, o, "did", n != NULL ? n->did : NULL);
	sbx_json_add_str(doc, o, "address", n != NULL ? ip : NULL);
	sbx_json_add_str(doc, o, "pubkey_wg", key);
	sbx_json_add_str(doc, o, "endpoint",
		p->endpoint[0] != '\0' ? p->endpoint : NULL);
	if (p->handshake != 0)
		sbx_json_add_time(doc, o, "handshake", p->handshake * 1000000);
	else
		sbx_json_add_str(doc, o, "handshake", NULL);
	sbx_json_add_str(doc, o, "age", old);
	sbx_json_add_int(doc, o, "rx", (int64_t)p->rx);
	sbx_json_add_int(doc, o, "tx", (int64_t)p->tx);
	sbx_json_add_str(doc, o, "allowed", p->allowed);
	sbx_tool_row(ctx, show_cols, o);
	sbx_doc_free(doc);
}

/* By address; who is not in the directory comes last. */
static int
by_address(const void *a, const void *b, void *mesh)
{
	const struct sbx_wg_peer *x = a, *y = b;
	const struct sbx_mesh_node *m = sbx_mesh_by_key(mesh, x->key);
	const struct sbx_mesh_node *n = sbx_mesh_by_key(mesh, y->key);

	if (m == NULL || n == NULL)
		return m == n ? memcmp(x->key, y->key, sizeof(x->key)) :
			m == NULL ? 1 : -1;
	return m->addr < n->addr ? -1 : m->addr > n->addr;
}

int
meshup_show(struct sbx_ctx *ctx)
{
	struct sbx_mesh m = { 0 };
	struct sbx_link link = { 0 };
	struct sbx_wg wg = { 0 };
	int r;

	r = sbx_tunnel_look(ctx->conf.mesh_if, &link, &wg, &ctx->err);
	if (r != SBX_OK)
		return r;
	/* A tunnel without its directory is worth looking at too. */
	if (meshup_read(ctx, &m) == SBX_OK)
		sbx_mesh_plan(&m, wg.pub);
	else
		sbx_tool_warn(ctx, &ctx->err);
	if (wg.npeers > 0)
		qsort_r(wg.peers, wg.npeers, sizeof(*wg.peers), by_address, &m);
	for (size_t i = 0; i < wg.npeers; i++)
		show_peer(ctx, &m, &wg.peers[i]);
	sbx_mesh_free(&m);
	sbx_wg_free(&wg);
	return SBX_OK;
}

