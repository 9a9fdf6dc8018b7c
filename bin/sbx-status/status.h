/* SPDX-License-Identifier: Apache-2.0 */
/* What the parts of sbx-status share. */
#ifndef SBX_STATUS_TOOL_H
#define SBX_STATUS_TOOL_H

#include "exchange/exchange.h"
#include "exchange/now.h"
#include "fleet/status.h"
#include "mesh/mesh.h"
#include "tool/tool.h"

/* ---- eyes: a child that stays root and answers two questions --------------- */

/* The tool itself becomes the ledger's owner.  "wg INTERFACE" is answered with
 * wg(8)'s dump without its keys that are secret, "lending" with an object. */
struct eyes {
	int fd; /* -1: not started by root */
	pid_t pid;
};

void eyes_open(struct eyes *e);
void eyes_close(struct eyes *e);
/* SBX_E_NO: it is not root's eye. */
int eyes_ask(const struct eyes *e, const char *question, struct sbx_buf *out,
	struct sbx_err *err);

/* ---- look: what was read once, for all parts -------------------------------- */

struct who { /* a member */
	char did[SBX_DID_SIZE];
	char *name; /* what members call it, or NULL */
	char *address, *endpoint; /* or NULL: without a node */
	const char *peer; /* as sbx-pull calls it, or NULL */
	bool anchor;
	struct sbx_heard heard;
	const struct sbx_statement *snapshot; /* or NULL */
	const struct sbx_wg_peer *wire; /* its own peer, or NULL */
	const struct who *via; /* the hub that carries its packets */
};

struct look {
	struct sbx_ctx *ctx;
	const struct eyes *eyes;
	bool system; /* the node of this machine, not one in a directory */
	int64_t now;
	struct sbx_log *log; /* NULL: it could not be opened, and why: */
	struct sbx_err why;
	char self[SBX_DID_SIZE], digest[SBX_ID_SIZE];
	int64_t size, counts[SBX_VIEWS];
	struct who *members; /* by name */
	size_t nmembers;
	struct sbx_peers peers;
	struct sbx_heard *heard; /* of peers */
	struct sbx_now *said;
	struct sbx_doc *waiting; /* lists: subs, proposals, invites, frozen */
	struct sbx_mesh mesh;
	struct sbx_wg wg;
	bool wired; /* the interface is there */
	bool seen;  /* and wg(8) told of it */
	struct sbx_err blind; /* why not */
	char command[SBX_STATUS_TEXT];
};

/* Never fails: what could not be read is in why and blind. */
void look_take(struct look *l);
void look_free(struct look *l);
struct who *look_who(const struct look *l, const char *did);
/* A member's name, or its DID. */
const char *look_name(const struct look *l, const char *did);
/* Seconds since a handshake; -1: none. */
int64_t look_age(const struct look *l, const struct sbx_wg_peer *p);
bool look_fresh(const struct look *l, const struct who *w); /* within 180 s */
/* Its directory is the same as ours, by its own newest word. */
bool look_same(const struct look *l, const struct who *w);

/* A command of the node's own tool, for this node: "sbx-pull gk2", with -C where
 * it is one in a directory.  Valid until the next call. */
const char *look_command(struct look *l, const char *tool, const char *fmt, ...)
	SBX_PRINTF(3, 4);

/* ---- parts ------------------------------------------------------------------- */

extern const struct sbx_status_part status_parts[];



int part_box(struct sbx_status *s, void *look, struct sbx_err *err);
int part_ledger(struct sbx_status *s, void *look, struct sbx_err *err);
int part_members(struct sbx_status *s, void *look, struct sbx_err *err);
int part_clock(struct sbx_status *s, void *look, struct sbx_err *err);
int part_mesh(struct sbx_status *s, void *look, struct sbx_err *err);
int part_lending(struct sbx_status *s, void *look, struct sbx_err *err);
int part_exchange(struct sbx_status *s, void *look, struct sbx_err *err);
int part_timers(struct sbx_status *s, void *look, struct sbx_err *err);

#endif
