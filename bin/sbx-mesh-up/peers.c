/* SPDX-License-Identifier: Apache-2.0 */
/* Who was heard, for those that may not ask WireGuard: to see handshakes takes
 * the right to see the private key. */
#include <string.h>
#include <unistd.h>

#include "base/base.h"
#include "mesh/mesh.h"
#include "tool/tool.h"
#include "mesh-up.h"

#define MAX_FILE (1u << 20)

void
meshup_tell_peers(struct sbx_ctx *ctx, const struct sbx_mesh *m,
	const struct sbx_wg *wg)
{
	struct sbx_buf path = SBX_BUF(4096), text = SBX_BUF(MAX_FILE);
	struct sbx_err err = { 0 };

	for (size_t i = 0; i < wg->npeers; i++) {
		const struct sbx_wg_peer *p = &wg->peers[i];
		const struct sbx_mesh_node *n = sbx_mesh_by_key(m, p->key);

		if (n != NULL)
			sbx_buf_fmt(&text, "%s %lld %llu %llu\n", n->did,
				(long long)p->handshake,
				(unsigned long long)p->rx,
				(unsigned long long)p->tx);
	}
	sbx_buf_fmt(&path, "%s/peers", ctx->conf.run);
	if (sbx_io_mkdir(ctx->conf.run, 0755, &err) != SBX_OK ||
		sbx_io_save(sbx_buf_text(&path), sbx_buf_text(&text), text.len,
			0644, 0, &err) != SBX_OK)
		sbx_tool_warn(ctx, &err);
	sbx_buf_free(&path);
	sbx_buf_free(&text);
}

void
meshup_forget_peers(const struct sbx_ctx *ctx)
{
	struct sbx_buf path = SBX_BUF(4096);

	sbx_buf_fmt(&path, "%s/peers", ctx->conf.run);
	unlink(sbx_buf_text(&path));
	sbx_buf_free(&path);
}
