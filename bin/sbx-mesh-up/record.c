/* SPDX-License-Identifier: Apache-2.0 */
/* This node's NodeRecord. */
#include <string.h>

#include "base/base.h"
#include "json/json.h"
#include "crypto/crypto.h"
#include "mesh/mesh.h"
#include "tool/tool.h"
#include "mesh-up.h"

/* This node's claim is judged as the others judge it. */
int
meshup_lost(struct sbx_ctx *ctx, const struct sbx_mesh *m)
{
	char ip[SBX_IP4_SIZE];

	if (m->lost == SBX_MESH_KEY) {
		sbx_err_set(&ctx->err, SBX_E_NO, "the WireGuard key in %s is "
			"%s's, which had it first", ctx->conf.wg_key,
			m->lost_to);
		sbx_err_hint(&ctx->err, "make another: rm %s; " RECORD,
			ctx->conf.wg_key);
	} else {
		sbx_ip4_write(ip, m->lost_addr);
		sbx_err_set(&ctx->err, SBX_E_NO, "this node's address %s is "
			"%s's, which had it first", ip, m->lost_to);
		sbx_err_hint(&ctx->err, "take another: " RECORD);
	}
	return SBX_E_NO;
}

static int
print_record(struct sbx_ctx *ctx, const struct sbx_mesh *m, uint32_t addr,
	const unsigned char *pub)
{
	char ip[SBX_IP4_SIZE], key[SBX_WGKEY_SIZE], id[16] = "sb-";
	unsigned char hash[SBX_HASH_BYTES];
	struct sbx_buf out = SBX_BUF(SBX_MAX_ENTRY);
	struct sbx_doc *doc = sbx_doc_new();
	struct sbx_json *o = sbx_doc_root(doc);
	int r;

	if (ctx->conf.host != NULL)
		sbx_tool_say(ctx, "the host's name, \"%s\", is none for a box: "
				  "this one is %s, or what [node] name= says",
			ctx->conf.host, ctx->conf.name);
	sbx_hash_b2(hash, pub, SBX_WG_KEY_BYTES);
	sbx_hex_write(id + 3, hash, 6);
	sbx_ip4_write(ip, addr);
	sbx_wgkey_write(key, pub);
	sbx_json_add_str(doc, o, "did", m->self);
	sbx_json_add_str(doc, o, "node_id", id);
	sbx_json_add_str(doc, o, "boxname", ctx->conf.name);
	sbx_json_add_str(doc, o, "pubkey_wg", key);
	sbx_json_add_str(doc, o, "mesh_ip", ip);
	sbx_json_add_str(doc, o, "ddns", ctx->conf.mesh_ddns);
	sbx_json_add_str(doc, o, "endpoint", ctx->conf.mesh_endpoint);
	r = sbx_canon_write(&out, o, NULL, &ctx->err);
	if (r == SBX_OK)
		sbx_tool_out(ctx, "%s", sbx_buf_text(&out));
	sbx_buf_free(&out);
	sbx_doc_free(doc);
	return r;
}

/* Without a date: sbx-ledger append gives it the moment it is signed. */
int
meshup_record(struct sbx_ctx *ctx)
{
	unsigned char pub[SBX_WG_KEY_BYTES];
	struct sbx_mesh m = { 0 };
	uint32_t addr;
	int r;

	if ((r = meshup_read(ctx, &m)) == SBX_OK &&
		(r = meshup_foreign(ctx)) == SBX_OK &&
		(r = sbx_wg_key(ctx->conf.wg_key, !ctx->dry, NULL, pub,
			 &ctx->err)) == SBX_OK) {
		m.held = meshup_address(ctx, pub);
		sbx_mesh_plan(&m, pub);
		if (m.lost == SBX_MESH_KEY)
			r = meshup_lost(ctx, &m);
		else if ((r = sbx_mesh_choose(&m, &addr, &ctx->err)) == SBX_OK)
			r = print_record(ctx, &m, addr, pub);
	}
	sbx_mesh_free(&m);
	return r;
}

