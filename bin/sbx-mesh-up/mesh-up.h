/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of sbx-mesh-up share. */
#ifndef MESH_UP_H
#define MESH_UP_H

#include "system/system.h"
#include "mesh/mesh.h"
#include "tool/tool.h"

#define RECORD "sbx-mesh-up record | sbx-ledger append node_publish"

/* What the directory says, by a child without rights, and the gate. */
int meshup_read(struct sbx_ctx *ctx, struct sbx_mesh *m);
/* What changes from run to run: who was heard, and, where one that has a name
 * was not, where the name leads to now.  m is settled by sbx_mesh_plan. */
void meshup_look(struct sbx_ctx *ctx, struct sbx_mesh *m,
	const struct sbx_tunnel *t, struct sbx_nl_addr **links);
/* RUN/peers: "DID HANDSHAKE RX TX" of each member that is a peer, the handshake
 * in seconds since 1970, 0 for none.  That it cannot be written is told only. */
void meshup_tell_peers(struct sbx_ctx *ctx, const struct sbx_mesh *m,
	const struct sbx_wg *wg);
void meshup_forget_peers(const struct sbx_ctx *ctx);
/* Says whose this node's address or key is. */
int meshup_lost(struct sbx_ctx *ctx, const struct sbx_mesh *m);

/* The peers of an adopted interface that the directory does not know yet. */
int meshup_kept(struct sbx_ctx *ctx, struct sbx_mesh *m, bool dry);
/* What the interface has, if it has that key; 0 for none. */
uint32_t meshup_address(const struct sbx_ctx *ctx, const unsigned char *pub);
/* The plan, which has a me, for wg-quick(8), on stdout. */
int meshup_render(struct sbx_ctx *ctx, const struct sbx_mesh *m);

/* SBX_E_NO: there is no key yet, but an interface or a file that has one. */
int meshup_foreign(struct sbx_ctx *ctx);

/* The journal of changes that wait to be confirmed, locked; undoes what was cut
 * short.  make: also where there is none yet; else p->part is then NULL. */
struct sbx_plan;
int meshup_open(struct sbx_ctx *ctx, struct sbx_plan *p, bool make);
/* SBX_E_NO: a change waits to be confirmed. */
int meshup_waits(struct sbx_ctx *ctx, const struct sbx_plan *p);
/* SBX_E_NO: the plan is the change that nobody confirmed. */
int meshup_held(struct sbx_ctx *ctx, const struct sbx_mesh *m,
	const struct sbx_tunnel *t);
int meshup_forget(struct sbx_ctx *ctx); /* it is held no more */
/* Do the plan, which has a me; undo it by then unless it is confirmed. */
int meshup_try(struct sbx_ctx *ctx, struct sbx_plan *p,
	const struct sbx_mesh *m, const struct sbx_tunnel *t, int seconds);
int meshup_confirm(struct sbx_ctx *ctx);
int meshup_revert(struct sbx_ctx *ctx);
int meshup_recover(struct sbx_ctx *ctx);

/* The plan of this node, or why nothing can be given by it. */
int meshup_plan(struct sbx_ctx *ctx, struct sbx_mesh *m,
	struct sbx_tunnel *t, struct sbx_buf *key);
/* As up, where the interface is there; take: only remove who is to go. */
int meshup_again(struct sbx_ctx *ctx, bool take);

int meshup_export(struct sbx_ctx *ctx);
int meshup_guests(struct sbx_ctx *ctx);
int meshup_withdraw(struct sbx_ctx *ctx);
int meshup_adopt(struct sbx_ctx *ctx);
int meshup_record(struct sbx_ctx *ctx);
int meshup_show(struct sbx_ctx *ctx);

#endif
