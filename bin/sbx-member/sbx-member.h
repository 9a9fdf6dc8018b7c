/* SPDX-License-Identifier: Apache-2.0 */
/* The parts of sbx-member: a verb each. */
#ifndef SBX_MEMBER_TOOL_H
#define SBX_MEMBER_TOOL_H

#include "base/base.h"
#include "json/json.h"
#include "crypto/crypto.h"
#include "ledger/ledger.h"
#include "directory/directory.h"
#include "tool/tool.h"

#define DAY 86400

/* The ledger, its own did, and its state until something is signed. */
struct work {
	struct sbx_ctx *ctx;
	struct sbx_log *log;
	struct sbx_state *st;
	char self[SBX_DID_SIZE];
	bool stranger; /* cmd_list: it is no member as far as it knows */
};

int work_open(struct work *w, struct sbx_ctx *ctx, unsigned flags);
void work_close(struct work *w);
/* SBX_E_NO unless this box is a member: its word would count for nothing. */
int work_standing(struct work *w);
/* Sign and append, unless -n; the state is over then. */
int work_sign(struct work *w, const char *op, const struct sbx_doc *payload);
/* With the state open for reading, rows with names in them or not; they are
 * ended after it. */
int with_state(struct sbx_ctx *ctx, bool names,
	int (*fn)(struct sbx_ctx *ctx, struct sbx_state *st));

/* text on standard error, as a QR code in half blocks. */

int cmd_invite(struct sbx_ctx *ctx);
int cmd_accept(struct sbx_ctx *ctx);
int cmd_revoke(struct sbx_ctx *ctx);
int cmd_expire(struct sbx_ctx *ctx);
int cmd_rotate(struct sbx_ctx *ctx);
int cmd_attest(struct sbx_ctx *ctx);
int cmd_attestations(struct sbx_ctx *ctx);
int cmd_name(struct sbx_ctx *ctx);
int cmd_names(struct sbx_ctx *ctx);
int cmd_can(struct sbx_ctx *ctx);
int cmd_propose(struct sbx_ctx *ctx);
int cmd_vote(struct sbx_ctx *ctx);
int cmd_tally(struct sbx_ctx *ctx);
int cmd_rules(struct sbx_ctx *ctx);
int cmd_emancipate(struct sbx_ctx *ctx);

extern const struct sbx_opt invite_opts[], revoke_opts[], expire_opts[],
	attest_opts[], attestations_opts[], name_opts[],
	can_opts[], propose_opts[], vote_opts[], tally_opts[], emancipate_opts[];

#endif
