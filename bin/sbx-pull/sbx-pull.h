/* SPDX-License-Identifier: Apache-2.0 */
/* The parts of sbx-pull. */
#ifndef SBX_PULL_H
#define SBX_PULL_H

#include "base/base.h"
#include "ledger/ledger.h"
#include "node/node.h"
#include "exchange/exchange.h"
#include "tool/tool.h"

struct pull {
	struct sbx_ctx *ctx;
	struct sbx_log *log;
	struct sbx_peers peers;
	int64_t slot;     /* seconds a peer may take */
	bool all, repin;  /* what was seen before does not count */
	const char *name; /* whose turn it is */
	struct sbx_import im;
	int64_t since, shown; /* when it began, when that was last said */
	size_t added;
	bool moved; /* somebody's head: there is something to cosign */
	bool whole, own; /* this source was read to its end, is our own */
	struct sbx_follow seen; /* what a log showed there */
	struct sbx_buf base;    /* where, or empty */
	struct sbx_heard heard; /* when it was vouched for */
	int worst;
};

/* Publish what was new. */
int pull_publish(struct pull *p, struct sbx_err *err);

#endif
