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
#include "tool/tool.h"
#include "mesh-up.h"

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

/* The plan, or why nothing can be given by it. */
static int
plan(struct sbx_ctx *ctx, struct sbx_mesh *m, struct sbx_tunnel *t,
	struct sbx_buf *key)
{
	int r = sbx_wg_key(ctx->conf.wg_key, false, key, t->pub, &ctx->err);

	sbx_mesh_plan(m, t->pub);
	if (no_key(ctx, r) != SBX_OK || (r = check_self(ctx, m, t->pub)) != 0)
		return r;
	if (m->hub == NULL)
		sbx_tool_say(ctx, "the directory has no hub yet");
	else if (!m->is_hub && m->hub->endpoint[0] == '\0' &&
		m->hub->ddns[0] == '\0')
		sbx_tool_say(ctx, "the hub, %s, has no endpoint", m->hub->name);
	return SBX_OK;
}

/* Whatever is in the way of giving, who was put out goes. */
static int
bring(struct sbx_ctx *ctx, bool dry)
{
	struct sbx_buf key = SBX_BUF(SBX_WGKEY_SIZE);
	struct sbx_mesh m = { 0 };
	struct sbx_tunnel t = {
		.name = ctx->conf.mesh_if, .mesh = &m, .key = &key, .dry = dry
	};
	struct sbx_nl_addr *links = NULL;
	struct sbx_err why, look = { 0 };
	int fd = -1, r, no, open;

	/* The directory first: the child that reads it never held the key. */
	if ((r = lock(ctx->conf.wg_key, &fd, &ctx->err)) != SBX_OK ||
		(r = meshup_read(ctx, &m)) != SBX_OK ||
		(r = meshup_kept(ctx, &m, dry)) != SBX_OK)
		goto out;
	open = sbx_tunnel_open(&t, &look);
	meshup_look(ctx, &m, &t, &links);
	no = plan(ctx, &m, &t, &key);
	t.take_only = no != SBX_OK;
	why = ctx->err;
	if ((r = open) == SBX_OK)
		r = sbx_tunnel_up(&t, &ctx->err);
	else
		ctx->err = look;
	tell_changes(ctx, &t, r);
	if (no != SBX_OK) {
		if (r != SBX_OK)
			sbx_tool_warn(ctx, &ctx->err);
		ctx->err = why;
		r = no;
	}
out:
	sbx_tunnel_free(&t);
	sbx_mesh_free(&m);
	sbx_buf_free(&key);
	free(links);
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
		if ((r = plan(ctx, &m, &t, NULL)) == SBX_OK)
			r = meshup_render(ctx, &m);
	}
	sbx_mesh_free(&m);
	sbx_tunnel_free(&t);
	free(links);
	return r;
}

static int
cmd_up(struct sbx_ctx *ctx)
{
	return bring(ctx, ctx->dry);
}

static int
cmd_plan(struct sbx_ctx *ctx)
{
	return bring(ctx, true);
}

/* ---- down -------------------------------------------------------------------
 */

static int
cmd_down(struct sbx_ctx *ctx)
{
	const char *name = ctx->conf.mesh_if;
	int fd = -1, r;

	if ((r = lock(ctx->conf.wg_key, &fd, &ctx->err)) == SBX_OK)
		r = sbx_tunnel_down(name, ctx->dry, &ctx->err);
	if (r == SBX_OK)
		sbx_tool_say(ctx, "%s: %s",
			ctx->dry ? "would remove" : "remove interface", name);
	else if (r == SBX_E_NO && ctx->verbose)
		sbx_tool_say(ctx, "%s is not up", name);
	unlock(fd);
	return r == SBX_E_NO ? SBX_OK : r;
}

static const struct sbx_cmd cmds[] = {
	{ "up", cmd_up, NULL, 0, 0,
		"bring the interface to what the directory says", NULL },
	{ "plan", cmd_plan, NULL, 0, 0, "print what up would change", NULL },
	{ "down", cmd_down, NULL, 0, 0, "remove the interface", NULL },
	{ "show", meshup_show, NULL, 0, 0,
		"list the peers and when they were last heard", NULL },
	{ "adopt", meshup_adopt, "[FILE]", 0, 1,
		"take over an interface of before, with its key", NULL },
	{ "render", cmd_render, NULL, 0, 0,
		"print the plan as a file for wg-quick(8)", NULL },
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
