/* SPDX-License-Identifier: Apache-2.0 */
/* The parts of sbx-offer: what its verbs share. */
#ifndef SBX_OFFER_H
#define SBX_OFFER_H

#include "json/json.h"
#include "crypto/crypto.h"
#include "ledger/ledger.h"
#include "directory/directory.h"
#include "tool/tool.h"

struct offer_work {
	struct sbx_ctx *ctx;
	struct sbx_log *log;
	struct sbx_state *st;
	char self[SBX_DID_SIZE];
};

int offer_open(struct offer_work *w, struct sbx_ctx *ctx, unsigned flags);
void offer_close(struct offer_work *w);
/* What this box said of that type under id and dated ahead of its clock can be
 * taken away, though the state leaves it out: *doc is {key: id}. */
bool offer_waits(struct offer_work *w, const char *type, const char *key,
	const char *id, struct sbx_doc **doc);
int offer_find(struct offer_work *w, enum sbx_find which, const char *ref,
	struct sbx_doc **doc);
/* Whether the row's member is this text. */
bool offer_has(const struct sbx_json *row, const char *name, const char *text);
/* Sign payload and append it.  The state is over then: it is a snapshot, and
 * nothing can be written while it is open. */
int offer_sign(
	struct offer_work *w, const char *op, const struct sbx_json *payload);
/* The same about the members of row that are named, ended by NULL. */
int offer_sign_about(struct offer_work *w, const char *op,
	const struct sbx_json *row, const char *const *names);

/* After the signing, which closes the ledger: root takes back what is lent of
 * it no longer, at once where it can be asked. */
void offer_take_back(struct sbx_ctx *ctx, const struct sbx_json *offer);

int cmd_publish(struct sbx_ctx *ctx);
int cmd_withdraw(struct sbx_ctx *ctx);
int cmd_subscribe(struct sbx_ctx *ctx);
int cmd_subs(struct sbx_ctx *ctx);
int cmd_approve(struct sbx_ctx *ctx);
int cmd_reject(struct sbx_ctx *ctx);
int cmd_cancel(struct sbx_ctx *ctx);
int cmd_use(struct sbx_ctx *ctx);
int cmd_stop(struct sbx_ctx *ctx);

#endif
