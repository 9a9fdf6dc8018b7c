/* SPDX-License-Identifier: Apache-2.0 */
/* Shared by the parts of sbx-macroctl. */
#ifndef SBX_MACROCTL_H
#define SBX_MACROCTL_H

struct sbx_ctx;

/* SBX_E_USAGE with a hint: not run as root. */
int sbx_macroctl_root(struct sbx_ctx *ctx);

/* show.c */
int sbx_macroctl_list(struct sbx_ctx *ctx);
int sbx_macroctl_kinds(struct sbx_ctx *ctx);
int sbx_macroctl_check(struct sbx_ctx *ctx);

#endif
