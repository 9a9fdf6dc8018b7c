/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of sbx-election share. */
#ifndef ELECTION_H
#define ELECTION_H

#include "base/base.h"
#include "json/json.h"
#include "crypto/crypto.h"
#include "ledger/ledger.h"
#include "directory/directory.h"
#include "node/node.h"
#include "exchange/now.h"
#include "tool/tool.h"
#include "fleet/fleet.h"

/* The directory, the statements and what follows from both. */
struct work {
	struct sbx_ctx *ctx;
	struct sbx_log *log;
	struct sbx_state *st;
	struct sbx_now *now;
	struct sbx_fleet fleet; /* tallied */
	char self[SBX_DID_SIZE];
	int64_t at; /* microseconds */
};

/* write: the statements are going to be saved. */
int work_open(struct work *w, struct sbx_ctx *ctx, bool write);
/* The members' snapshots, the members' terms, and the tally of them. */
int work_load(struct work *w);
void work_close(struct work *w);
/* A file of the state directory; the caller's to free. */
char *work_path(const struct work *w, const char *name);

/* Does somebody take, or refuse, a TCP connection at ADDRESS:PORT within two
 * seconds? */
bool probe(const char *endpoint);

/* Measure, sign and publish what this node says of itself. */
int say_snapshot(struct work *w);
bool is_drained(const struct work *w);

int cmd_snapshot(struct sbx_ctx *ctx);
int cmd_tally(struct sbx_ctx *ctx);
int cmd_gate(struct sbx_ctx *ctx);
int cmd_drain(struct sbx_ctx *ctx);
int cmd_undrain(struct sbx_ctx *ctx);
int cmd_topology(struct sbx_ctx *ctx);

extern const struct sbx_opt tally_opts[], topology_opts[], drain_opts[];

#endif
