/* SPDX-License-Identifier: Apache-2.0 */
/* The parts of sbx-ledger: a verb each. */
#ifndef SBX_LEDGER_TOOL_H
#define SBX_LEDGER_TOOL_H

#include "ledger/ledger.h"
#include "tool/tool.h"

int ledger_open(struct sbx_ctx *ctx, unsigned flags, struct sbx_log **log);

int cmd_append(struct sbx_ctx *ctx);
int cmd_import(struct sbx_ctx *ctx);
int cmd_export(struct sbx_ctx *ctx);
int cmd_show(struct sbx_ctx *ctx);
int cmd_verify(struct sbx_ctx *ctx);
int cmd_fsck(struct sbx_ctx *ctx);
int cmd_status(struct sbx_ctx *ctx);
int cmd_canon(struct sbx_ctx *ctx);
int cmd_seal(struct sbx_ctx *ctx);
int cmd_publish(struct sbx_ctx *ctx);
int cmd_prove(struct sbx_ctx *ctx);
int cmd_check_proof(struct sbx_ctx *ctx);
int cmd_backup(struct sbx_ctx *ctx);
int cmd_restore(struct sbx_ctx *ctx);
int cmd_now(struct sbx_ctx *ctx);
int cmd_say(struct sbx_ctx *ctx);

#endif
