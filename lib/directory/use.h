/* SPDX-License-Identifier: Apache-2.0 */
/* Private to lib/directory: the rows that a verdict rests on, from the state or,
 * where many are asked for, from what was read of it once. */
#ifndef SBX_USE_H
#define SBX_USE_H

#include "directory/state.h"

struct sbx_use_rows;

typedef int sbx_use_row(void *ctx, const struct sbx_json *row,
	struct sbx_err *err);

/* sbx_use_check, by rows or, if NULL, by the state. */
int sbx_use_one(struct sbx_state *st, const struct sbx_use_rows *rows,
	const struct sbx_use *use, struct sbx_verdict *v, struct sbx_err *err);

/* In all of them use is one of the questions that rows were read for. */

/* The offers of its service, at least its provider's. */
int sbx_use_offers(struct sbx_state *st, const struct sbx_use_rows *rows,
	const struct sbx_use *use, sbx_use_row *fn, void *ctx,
	struct sbx_err *err);
/* The subscriber's subscriptions to it, at least those to its provider. */
int sbx_use_subs(struct sbx_state *st, const struct sbx_use_rows *rows,
	const struct sbx_use *use, sbx_use_row *fn, void *ctx,
	struct sbx_err *err);
/* The address of the subscriber's node, "" for none. */
int sbx_use_node(struct sbx_state *st, const struct sbx_use_rows *rows,
	const struct sbx_use *use, char ip[static SBX_USE_IP_SIZE],
	struct sbx_err *err);

#endif
