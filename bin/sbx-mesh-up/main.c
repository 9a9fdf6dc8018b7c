/* SPDX-License-Identifier: Apache-2.0 */
/* Render the mesh from the directory and bring it to that state. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/base.h"
#include "json/json.h"
#include "system/system.h"
#include "mesh/mesh.h"
#include "apply/plan.h"
#include "tool/tool.h"
#include "mesh-up.h"

#define HOSTS	      "/etc/hosts"
#define LOCK_TRIES    300   /* of 0.1 s */

/* ---- the key file, which is the lock too ----------------------------------
 */

/* Only root can open it, so that nobody else can hold the lock; and it is
 * there for as long as there is something to lock. */
static int
lock(const char *path, int *fd, struct sbx_err *err)
{
	*fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	if (*fd < 0)
		return errno == ENOENT ? SBX_OK : sbx_err_sys(err, "%s", path);
	for (int i = 0; i < LOCK_TRIES; i++) {
		if (flock(*fd, LOCK_EX | LOCK_NB) == 0)
			return SBX_OK;
		if (errno != EWOULDBLOCK)
			return sbx_err_sys(err, "%s", path);
		usleep(100000);
	}
	return sbx_err_set(err, SBX_E_SYS, "another sbx-mesh-up is at work");
}

static void
unlock(int fd)
{
	if (fd >= 0)
		close(fd);
}

static int
no_key(struct sbx_ctx *ctx, int r)
{
	if (r == SBX_E_NO)
		sbx_err_hint(&ctx->err, RECORD);
	return r;
}

/* ---- up, plan --------------------------------------------------------------
 */

/* Is what the directory says of this node so? */
static int
check_self(
	struct sbx_ctx *ctx, const struct sbx_mesh *m, const unsigned char *pub)
{
	if (m->lost != SBX_MESH_NONE)
		return meshup_lost(ctx, m);
	if (m->me == NULL)
		sbx_err_set(&ctx->err, SBX_E_NO,
			"this node has no address in "
			"the directory");
	else if (memcmp(m->me->key, pub, SBX_WG_KEY_BYTES) != 0)
		sbx_err_set(&ctx->err, SBX_E_NO,
			"the directory has another "
			"key for this node than %s",
			ctx->conf.wg_key);
	else
		return SBX_OK;
	return no_key(ctx, SBX_E_NO);
}

static const struct sbx_col change_cols[] = { { "change", "CHANGE", 0 },
	{ "of", "OF", 44 }, { "to", "TO", 0 }, { "command", "COMMAND", 0 },
	{ NULL, NULL, 0 } };

static void
tell_changes(struct sbx_ctx *ctx, const struct sbx_tunnel *t, int r)
{
	const struct sbx_change *c;
	struct sbx_doc *doc;

	for (size_t i = 0; i < t->nchanges; i++) {
		c = &t->changes[i];
		if (!t->dry) {
			sbx_tool_say(
				ctx, "%s: %s %s", c->what, c->who, c->value);
			continue;
		}
		doc = sbx_doc_new();
		sbx_json_add_str(doc, sbx_doc_root(doc), "change", c->what);
		sbx_json_add_str(doc, sbx_doc_root(doc), "of", c->who);
		sbx_json_add_str(doc, sbx_doc_root(doc), "to", c->value);
		sbx_json_add_str(doc, sbx_doc_root(doc), "command", c->command);
		sbx_tool_row(ctx, change_cols, sbx_doc_root(doc));
		sbx_doc_free(doc);
	}
	if (r == SBX_OK && t->nchanges == 0 && ctx->verbose)
		sbx_tool_say(ctx, "up to date");
}

static bool
any_hub(const struct sbx_mesh *m)
{
	for (size_t i = 0; i < m->nnodes; i++)
		if (m->nodes[i].hub)
			return true;
	return false;
}

/* SBX_E_NO: by this plan no other box can be reached.  It is brought up all the
 * same, for others may reach this one. */
static int
check_hub(const struct sbx_ctx *ctx, const struct sbx_mesh *m,
	struct sbx_err *err)
{
	const char *file = ctx->conf.file != NULL ? ctx->conf.file : "sbx.conf";

	if (m->hub == NULL && any_hub(m)) {
		sbx_err_set(err, SBX_E_NO, "no hub of the directory is among "
			"those to use");
		sbx_err_hint(err, "add one to [mesh] hubs= in %s", file);
	} else if (m->hub == NULL) {
		sbx_err_set(err, SBX_E_NO, "the directory has no hub yet");
		sbx_err_hint(err, "at the hub: " RECORD "; then here: ssh HUB "
			"sbx-ledger export | sbx-pull -");
	} else if (m->hub->endpoint[0] == '\0' && m->hub->ddns[0] == '\0') {
		sbx_err_set(err, SBX_E_NO, "the hub, %s, has no endpoint: "
			"nobody finds it", m->hub->name);
		sbx_err_hint(err, "%s[mesh] endpoint=ADDRESS:%d in %s, then "
			RECORD, m->is_hub ? "" : "there: ", m->port,
			m->is_hub ? file : "sbx.conf");
	} else {
		return SBX_OK;
	}
	return SBX_E_NO;
}

/* The plan, or why nothing can be given by it. */
int
meshup_plan(struct sbx_ctx *ctx, struct sbx_mesh *m, struct sbx_tunnel *t,
	struct sbx_buf *key)
{
	int r = sbx_wg_key(ctx->conf.wg_key, false, key, t->pub, &ctx->err);

	sbx_mesh_plan(m, t->pub);
	return no_key(ctx, r) != SBX_OK ? r : check_self(ctx, m, t->pub);
}

/* ---- bringing it there ---- */

struct task {
	struct sbx_plan plan; /* part NULL: nothing was ever to be confirmed */
	struct sbx_mesh mesh;
	struct sbx_tunnel tunnel;
	struct sbx_buf key;
	struct sbx_nl_addr *links;
	int64_t confirm; /* seconds, 0: for good */
	bool yes;
	bool take; /* only take away */
};

/* Why nothing is to be given now. */
static int
refuse(struct sbx_ctx *ctx, struct task *k)
{
	int r;

	if ((r = meshup_waits(ctx, &k->plan)) != SBX_OK ||
		(r = meshup_plan(ctx, &k->mesh, &k->tunnel, &k->key)) != SBX_OK)
		return r;
	if (k->plan.part == NULL || k->tunnel.dry || k->confirm > 0)
		return SBX_OK;
	return k->yes ? meshup_forget(ctx)
		      : meshup_held(ctx, &k->mesh, &k->tunnel);
}

/* Those who were put out are gone; the rest is tried. */
static int
try(struct sbx_ctx *ctx, struct task *k)
{
	struct sbx_tunnel say = { .name = k->tunnel.name, .mesh = &k->mesh,
		.key = &k->key, .dry = true };
	int r;

	memcpy(say.pub, k->tunnel.pub, sizeof(say.pub));
	if ((r = sbx_tunnel_open(&say, &ctx->err)) == SBX_OK &&
		(r = sbx_tunnel_up(&say, &ctx->err)) == SBX_OK &&
		(r = meshup_try(ctx, &k->plan, &k->mesh, &k->tunnel,
			 (int)k->confirm)) == SBX_OK) {
		say.dry = false;
		tell_changes(ctx, &say, r);
	}
	sbx_tunnel_free(&say);
	return r;
}

/* Names are a convenience: where they cannot be written the mesh is up. */
static void
tell_names(struct sbx_ctx *ctx, const struct sbx_mesh *m, bool dry)
{
	struct sbx_err why = { 0 };
	struct sbx_doc *doc;
	char text[32];
	size_t count;
	int r;

	if (!ctx->conf.mesh_names)
		m = NULL;
	r = sbx_mesh_names(m, HOSTS, dry, &count, &why);
	snprintf(text, sizeof(text), "%zu of the mesh", count);
	if (r == SBX_OK && dry) {
		doc = sbx_doc_new();
		sbx_json_add_str(doc, sbx_doc_root(doc), "change", "set names");
		sbx_json_add_str(doc, sbx_doc_root(doc), "of", HOSTS);
		sbx_json_add_str(doc, sbx_doc_root(doc), "to", text);
		sbx_json_add_str(doc, sbx_doc_root(doc), "command",
			"sbx-mesh-up up");
		sbx_tool_row(ctx, change_cols, sbx_doc_root(doc));
		sbx_doc_free(doc);
	} else if (r == SBX_OK) {
		sbx_tool_say(ctx, "set names: " HOSTS " %s", text);
	} else if (r != SBX_E_NO && ctx->verbose) {
		sbx_tool_say(ctx, "no names: %s", why.text);
	}
}

/* A hub that is up, and of no use to those who talk through it. */
static int
check_forward(struct sbx_ctx *ctx, const struct task *k)
{
	if (!k->mesh.is_hub || k->take)
		return SBX_OK;
	if (k->mesh.ula[0] != '\0' && !sbx_mesh_forwards_ipv6() &&
		(ctx->verbose || k->tunnel.dry))
		sbx_tool_say(ctx, "IPv6 between the others is not forwarded: "
			"sysctl -w net.ipv6.conf.all.forwarding=1");
	return sbx_mesh_forwards(ctx->conf.mesh_if, &ctx->err);
}

/* Whatever is in the way of giving, who was put out goes. */
static int
work(struct sbx_ctx *ctx, struct task *k, int no)
{
	struct sbx_err why = ctx->err, look = { 0 };
	struct sbx_tunnel *t = &k->tunnel;
	int r, open;

	open = sbx_tunnel_open(t, &look);
	meshup_look(ctx, &k->mesh, t, &k->links);
	if (no == SBX_OK) {
		no = refuse(ctx, k);
		why = ctx->err;
	} else {
		sbx_mesh_plan(&k->mesh, t->pub);
	}
	t->take_only = no != SBX_OK || k->confirm > 0 || k->take;
	if ((r = open) == SBX_OK)
		r = sbx_tunnel_up(t, &ctx->err);
	else
		ctx->err = look;
	tell_changes(ctx, t, t->take_only ? SBX_E_NO : r);
	if (!t->dry && open == SBX_OK)
		meshup_tell_peers(ctx, &k->mesh, &t->wg);
	if (no != SBX_OK && !k->take) {
		if (r != SBX_OK)
			sbx_tool_warn(ctx, &ctx->err);
		ctx->err = why;
		return no;
	}
	if (r == SBX_OK && k->confirm > 0)
		r = try(ctx, k);
	if (r == SBX_OK && !k->take)
		tell_names(ctx, &k->mesh, t->dry);
	if (r == SBX_OK)
		r = check_forward(ctx, k);
	return r == SBX_OK ? check_hub(ctx, &k->mesh, &ctx->err) : r;
}

static int
bring(struct sbx_ctx *ctx, struct task *k, bool dry)
{
	int fd = -1, r, no = SBX_OK;

	k->key = (struct sbx_buf)SBX_BUF(SBX_WGKEY_SIZE);
	k->tunnel = (struct sbx_tunnel){ .name = ctx->conf.mesh_if,
		.mesh = &k->mesh, .key = &k->key, .dry = dry };
	/* The directory first: the child that reads it never held the key. */
	if ((r = lock(ctx->conf.wg_key, &fd, &ctx->err)) != SBX_OK ||
		(r = meshup_read(ctx, &k->mesh)) != SBX_OK ||
		(r = meshup_kept(ctx, &k->mesh, dry)) != SBX_OK)
		goto out;
	if (!dry)
		no = meshup_open(ctx, &k->plan, k->confirm > 0);
	r = work(ctx, k, no);
out:
	sbx_plan_close(&k->plan);
	sbx_tunnel_free(&k->tunnel);
	sbx_mesh_free(&k->mesh);
	sbx_buf_free(&k->key);
	free(k->links);
	unlock(fd);
	return r;
}

static int
cmd_render(struct sbx_ctx *ctx)
{
	struct sbx_tunnel t = { .name = ctx->conf.mesh_if };
	struct sbx_mesh m = { 0 };
	struct sbx_nl_addr *links = NULL;
	int r;

	if ((r = meshup_read(ctx, &m)) == SBX_OK) {
		meshup_look(ctx, &m, &t, &links);
		if ((r = meshup_plan(ctx, &m, &t, NULL)) == SBX_OK)
			r = meshup_render(ctx, &m);
		if (r == SBX_OK)
			r = check_hub(ctx, &m, &ctx->err);
	}
	sbx_mesh_free(&m);
	sbx_tunnel_free(&t);
	free(links);
	return r;
}

static int
cmd_up(struct sbx_ctx *ctx)
{
	struct task k = { .yes = sbx_tool_opt(ctx, "yes") != NULL };
	int r;

	r = sbx_tool_num(ctx, "confirm", 1, SBX_MAX_CONFIRM, 0, &k.confirm);
	if (r != SBX_OK)
		return r;
	if (ctx->dry)
		k.confirm = 0;
	return bring(ctx, &k, ctx->dry);
}

int
meshup_again(struct sbx_ctx *ctx, bool take)
{
	struct task k = { .take = take };
	struct sbx_link link;

	if (sbx_nl_link(ctx->conf.mesh_if, &link, NULL) != SBX_OK)
		return SBX_OK;
	return bring(ctx, &k, ctx->dry);
}

static int
cmd_plan(struct sbx_ctx *ctx)
{
	struct task k = { 0 };

	return bring(ctx, &k, true);
}

/* ---- down -------------------------------------------------------------------
 */

static int
cmd_down(struct sbx_ctx *ctx)
{
	const char *name = ctx->conf.mesh_if;
	struct sbx_plan p = { .lock = -1 };
	int fd = -1, r;
	size_t count;

	if ((r = lock(ctx->conf.wg_key, &fd, &ctx->err)) != SBX_OK)
		return r;
	/* What waits to be confirmed must not bring it up again. */
	if (!ctx->dry && (meshup_open(ctx, &p, false) != SBX_OK ||
		(p.pending == SBX_PENDING_WAITING &&
			sbx_apply_confirm(&p, &ctx->err) != SBX_OK)))
		sbx_tool_warn(ctx, &ctx->err);
	r = sbx_tunnel_down(name, ctx->dry, &ctx->err);
	sbx_plan_close(&p);
	if (!ctx->dry) {
		sbx_mesh_names(NULL, HOSTS, false, &count, NULL);
		meshup_forget_peers(ctx);
	}
	if (r == SBX_OK)
		sbx_tool_say(ctx, "%s: %s",
			ctx->dry ? "would remove" : "remove interface", name);
	else if (r == SBX_E_NO && ctx->verbose)
		sbx_tool_say(ctx, "%s is not up", name);
	unlock(fd);
	return r == SBX_E_NO ? SBX_OK : r;
}

static const struct sbx_opt up_opts[] = {
	{ 0, "confirm", "SECONDS", "take it back unless confirm is said by then" },
	{ 0, "yes", NULL, "also what was taken back before" },
	{ 0 },
};

static const struct sbx_opt recover_opts[] = {
	{ 0, "boot", NULL, "it is boot: wait for nobody" },
	{ 0 },
};

static const struct sbx_opt export_opts[] = {
	{ 0, "qr", NULL, "show it as a QR code too, on standard error" },
	{ 'o', "output", "DIR", "write DIR/NAME.conf, and nothing else" },
	{ 0 },
};

static const struct sbx_cmd cmds[] = {
	{ "up", cmd_up, NULL, 0, 0,
		"bring the interface to what the directory says", up_opts },
	{ "plan", cmd_plan, NULL, 0, 0, "print what up would change", NULL },
	{ "confirm", meshup_confirm, NULL, 0, 0,
		"keep the change that waits", NULL },
	{ "revert", meshup_revert, NULL, 0, 0,
		"take back the change that waits, or the last one", NULL },
	{ "recover", meshup_recover, NULL, 0, 0,
		"take back what nobody confirms in time", recover_opts },
	{ "down", cmd_down, NULL, 0, 0, "remove the interface", NULL },
	{ "show", meshup_show, NULL, 0, 0,
		"list the peers and when they were last heard", NULL },
	{ "adopt", meshup_adopt, "[FILE]", 0, 1,
		"take over an interface of before, with its key", NULL },
	{ "render", cmd_render, NULL, 0, 0,
		"print the plan as a file for wg-quick(8)", NULL },
	{ "export", meshup_export, "NAME...", 1, 64,
		"admit a phone, and print its file for WireGuard", export_opts },
	{ "guests", meshup_guests, NULL, 0, 0,
		"list the phones and who answers for them", NULL },
	{ "withdraw", meshup_withdraw, "GUEST", 1, 1,
		"take a phone off the mesh", NULL },
	{ "record", meshup_record, NULL, 0, 0,
		"print this node's NodeRecord, to be appended", NULL },
	{ NULL, NULL, NULL, 0, 0, NULL, NULL },
};

int
main(int argc, char **argv)
{
	static const struct sbx_tool tool = {
		.name = "sbx-mesh-up",
		.summary = "render the mesh from the directory",
		.flags = SBX_TOOL_ROOT | SBX_TOOL_DEFAULT,
		.cmds = cmds,
	};

	/* The key is in memory; nobody is to look at it, nor at a core. */
	prctl(PR_SET_DUMPABLE, 0);
	return sbx_tool_main(&tool, argc, argv);
}
