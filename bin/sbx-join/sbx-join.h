/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of sbx-join share.  Root runs it; the node's key and journal
 * are worked on by the other tools, which become the node's user, and by
 * children that have. */
#ifndef SBX_JOIN_TOOL_H
#define SBX_JOIN_TOOL_H

#include "join/join.h"
#include "tool/tool.h"

#define LEDGER	 SBX_BINDIR "/sbx-ledger"
#define MEMBER	 SBX_BINDIR "/sbx-member"
#define PULL	 SBX_BINDIR "/sbx-pull"
#define MESH_UP	 SBX_SBINDIR "/sbx-mesh-up"
#define SYSTEMCTL "/usr/bin/systemctl"
#define DOOR_PEM SBX_SYSCONFDIR "/sbx/door.pem"
#define DOOR_USER "sbx-door"
#define MAX_ANSWER (64u << 20)
#define ARGV(...) (const char *const[]){ __VA_ARGS__, NULL }

/* ---- steps.c: other programs, each said before it runs ---- */

bool must_root(struct sbx_ctx *ctx);
/* Run argv with in (or NULL) on its standard input; what it prints goes to out
 * (or nowhere), what it says to our stderr.  With -n it is only said.  *status
 * (NULL: any but 0 is an error with its reason) is its exit status. */
int step(struct sbx_ctx *ctx, const char *const *argv, const struct sbx_buf *in,
	struct sbx_buf *out, int *status);
/* The same without a word before it, and with -n as well. */
int quiet_step(struct sbx_ctx *ctx, const char *const *argv,
	const struct sbx_buf *in, struct sbx_buf *out, int *status);
bool has_systemd(void);
int enable_units(struct sbx_ctx *ctx);
int mesh_up(struct sbx_ctx *ctx);
/* Publish this node's record unless the directory has it. */
int publish_record(struct sbx_ctx *ctx);
int reload_conf(struct sbx_ctx *ctx);
/* One line of root's audit log. */
int record(struct sbx_ctx *ctx, const char *verb, const char *of,
	const char *note);

/* ---- look.c: the directory, read by a child without rights ---- */

struct look {
	char self[SBX_DID_SIZE]; /* "": no ledger yet */
	struct sbx_doc **members, **nodes;
	size_t nmembers, nnodes;
	const struct sbx_json *me, *node; /* this box's rows, or NULL */
};
int look(struct sbx_ctx *ctx, struct look *l);
void look_free(struct look *l);
bool look_member(const struct look *l, const char *did);
const struct sbx_json *look_node(const struct look *l, const char *did);

/* ---- the verbs ---- */

int cmd_join(struct sbx_ctx *ctx);
int cmd_setup(struct sbx_ctx *ctx);
int cmd_open(struct sbx_ctx *ctx);
int cmd_close(struct sbx_ctx *ctx);
int cmd_serve(struct sbx_ctx *ctx);
int cmd_take(struct sbx_ctx *ctx);
int cmd_list(struct sbx_ctx *ctx);
int cmd_approve(struct sbx_ctx *ctx);
int cmd_reject(struct sbx_ctx *ctx);
int cmd_tree(struct sbx_ctx *ctx);
int cmd_leave(struct sbx_ctx *ctx);

/* ---- visit.c: what is said at a door ---- */

struct visit {
	struct sbx_ctx *ctx;
	struct sbx_join_token t;
	const char *entries; /* to bring, or NULL: ask */
};
int visit_door(void *visit, int fd, struct sbx_err *err);
int visit_status(void *visit, int fd, struct sbx_err *err);
/* One of these, in a child: *doc is the answer, log the lines behind it. */
int at_door(struct visit *v, int (*fn)(void *, int, struct sbx_err *),
	struct sbx_doc **doc, struct sbx_buf *log);

/* ---- setup.c ---- */

/* sbx.conf, unless it is there; endpoint and net may be NULL. */
int write_conf(struct sbx_ctx *ctx, const char *name, const char *endpoint,
	const char *net);
int init_ledger(struct sbx_ctx *ctx);

/* ---- door.c: root's side of the desk ---- */

int desk_open(struct sbx_ctx *ctx, bool write, struct sbx_desk *d, gid_t *gid);
/* Sign the invitation of a queued request. */
int approve_request(struct sbx_ctx *ctx, const struct sbx_desk *d, gid_t gid,
	const char *key, struct sbx_doc **doc);
int set_state(struct sbx_ctx *ctx, const struct sbx_desk *d, gid_t gid,
	const char *key, const struct sbx_json *old, const char *state,
	const char *more, const char *value, struct sbx_doc **doc);

/* ---- ping.c ---- */

/* ICMP echo: true when ip answers within ms. */
bool ping(const char *ip, int ms);

#endif
