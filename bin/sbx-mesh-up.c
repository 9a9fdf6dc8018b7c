/* SPDX-License-Identifier: Apache-2.0 */
/* Render the mesh from the directory and bring it to that state. */
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "sbx.h"

#define RECORD "sbx-mesh-up record | sudo -u sbx sbx-ledger append node_publish"
#define MAX_DIRECTORY (16u << 20)
#define READ_TIME     60000 /* ms for the directory */
#define LOCK_TRIES    300   /* of 0.1 s */

/* ---- the directory, read by a child without rights ---------------------- */

static int
emit(int fd, const char *word, const struct sbx_json *row, struct sbx_err *err)
{
	struct sbx_buf line = SBX_BUF(SBX_MAX_LINE);
	int r;

	sbx_buf_str(&line, word);
	sbx_buf_str(&line, " ");
	r = sbx_canon_write(&line, row, NULL, err);
	sbx_buf_str(&line, "\n");
	if (r == SBX_OK && line.over)
		r = sbx_err_set(err, SBX_E_INPUT, "a row is too long");
	if (r == SBX_OK)
		r = sbx_io_write_fd(fd, line.data, line.len, err);
	sbx_buf_free(&line);
	return r;
}

static int
emit_member(void *ctx, const struct sbx_json *row, struct sbx_err *err)
{
	const char *state = sbx_json_str(row, "state");

	if (state == NULL ||
		(strcmp(state, "anchor") != 0 && strcmp(state, "member") != 0))
		return SBX_OK;
	return emit(*(const int *)ctx, "member", row, err);
}

static int
emit_node(void *ctx, const struct sbx_json *row, struct sbx_err *err)
{
	return emit(*(const int *)ctx, "node", row, err);
}

static int
write_directory(void *ctx, int fd, struct sbx_err *err)
{
	char line[SBX_DID_SIZE + 8], did[SBX_DID_SIZE];
	struct sbx_state *st = NULL;
	struct sbx_log *log = NULL;
	int r;

	if ((r = sbx_log_open(ctx, 0, &log, err)) != SBX_OK ||
		(r = sbx_log_self(log, did, err)) != SBX_OK ||
		(r = sbx_state_open(log, &st, err)) != SBX_OK)
		goto out;
	snprintf(line, sizeof(line), "self %s\n", did);
	if ((r = sbx_io_write_fd(fd, line, strlen(line), err)) == SBX_OK &&
		(r = sbx_state_each(st, SBX_VIEW_MEMBER, NULL, emit_member, &fd,
			 err)) == SBX_OK)
		r = sbx_state_each(
			st, SBX_VIEW_NODE, NULL, emit_node, &fd, err);
out:
	sbx_state_free(st);
	sbx_log_close(log);
	return r;
}

/* Whoever can put files beside the database decides what it is, so that user,
 * not root, is who reads it. */
static int
owner(const char *db, uid_t *uid, gid_t *gid, struct sbx_err *err)
{
	char *copy = sbx_mem_text(db, strlen(db));
	const char *dir = dirname(copy);
	struct stat st;
	int r = SBX_OK;

	if (stat(dir, &st) != 0)
		r = sbx_err_sys(err, "%s", dir);
	else if ((st.st_mode & S_IWOTH) != 0)
		r = sbx_err_set(
			err, SBX_E_USAGE, "%s: anybody may write there", dir);
	*uid = geteuid() == 0 ? st.st_uid : (uid_t)-1;
	*gid = geteuid() == 0 ? st.st_gid : (gid_t)-1;
	free(copy);
	return r;
}

static void
say_note(void *ctx, const char *text)
{
	sbx_tool_say(ctx, "%s", text);
}

static int
read_mesh(struct sbx_ctx *ctx, struct sbx_mesh *m)
{
	struct sbx_buf text = SBX_BUF(MAX_DIRECTORY);
	char *line, *save = NULL;
	uid_t uid;
	gid_t gid;
	int r;

	m->note = say_note;
	m->ctx = ctx;
	if ((r = sbx_mesh_conf(m, &ctx->conf, &ctx->err)) != SBX_OK ||
		(r = owner(ctx->conf.db, &uid, &gid, &ctx->err)) != SBX_OK ||
		(r = sbx_priv_child(uid, gid, READ_TIME, write_directory,
			 ctx->conf.db, &text, &ctx->err)) != SBX_OK)
		goto out;
	if (text.len == 0 || memchr(text.data, '\0', text.len) != NULL) {
		r = sbx_err_set(
			&ctx->err, SBX_E_SYS, "the directory cannot be read");
		goto out;
	}
	for (line = strtok_r(text.data, "\n", &save);
		line != NULL && r == SBX_OK; line = strtok_r(NULL, "\n", &save))
		r = sbx_mesh_line(m, line, strlen(line), &ctx->err);
	if (r == SBX_OK && m->self[0] == '\0')
		r = sbx_err_set(&ctx->err, SBX_E_SYS,
			"the directory does not say who we are");
out:
	sbx_buf_free(&text);
	return r;
}

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

/* This node's claim is judged as the others judge it. */
static int
lost(struct sbx_ctx *ctx, const struct sbx_mesh *m)
{
	char ip[SBX_IP4_SIZE];

	if (m->lost == SBX_MESH_KEY) {
		sbx_err_set(&ctx->err, SBX_E_NO, "the WireGuard key in %s is "
			"%s's, which had it first", ctx->conf.wg_key,
			m->lost_to);
		sbx_err_hint(&ctx->err, "make another: rm %s; " RECORD,
			ctx->conf.wg_key);
	} else {
		sbx_ip4_write(ip, m->lost_addr);
		sbx_err_set(&ctx->err, SBX_E_NO, "this node's address %s is "
			"%s's, which had it first", ip, m->lost_to);
		sbx_err_hint(&ctx->err, "take another: " RECORD);
	}
	return SBX_E_NO;
}

/* Is what the directory says of this node so? */
static int
check_self(
	struct sbx_ctx *ctx, const struct sbx_mesh *m, const unsigned char *pub)
{
	if (m->lost != SBX_MESH_NONE)
		return lost(ctx, m);
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
	else if (!m->is_hub && m->hub->endpoint[0] == '\0')
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
	struct sbx_err why;
	int fd = -1, r, no;

	/* The directory first: the child that reads it never held the key. */
	if ((r = lock(ctx->conf.wg_key, &fd, &ctx->err)) != SBX_OK ||
		(r = read_mesh(ctx, &m)) != SBX_OK)
		goto out;
	no = plan(ctx, &m, &t, &key);
	t.take_only = no != SBX_OK;
	why = ctx->err;
	if ((r = sbx_tunnel_open(&t, &ctx->err)) == SBX_OK)
		r = sbx_tunnel_up(&t, &ctx->err);
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
	unlock(fd);
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

/* ---- record
 * ------------------------------------------------------------------ */

static int
print_record(struct sbx_ctx *ctx, const struct sbx_mesh *m, uint32_t addr,
	const unsigned char *pub)
{
	char ip[SBX_IP4_SIZE], key[SBX_WGKEY_SIZE], id[16] = "sb-";
	unsigned char hash[SBX_HASH_BYTES];
	struct sbx_buf out = SBX_BUF(SBX_MAX_ENTRY);
	struct sbx_doc *doc = sbx_doc_new();
	struct sbx_json *o = sbx_doc_root(doc);
	int r;

	if (ctx->conf.host != NULL)
		sbx_tool_say(ctx, "the host's name, \"%s\", is none for a box: "
				  "this one is %s, or what [node] name= says",
			ctx->conf.host, ctx->conf.name);
	sbx_hash_b2(hash, pub, SBX_WG_KEY_BYTES);
	sbx_hex_write(id + 3, hash, 6);
	sbx_ip4_write(ip, addr);
	sbx_wgkey_write(key, pub);
	sbx_json_add_str(doc, o, "did", m->self);
	sbx_json_add_str(doc, o, "node_id", id);
	sbx_json_add_str(doc, o, "boxname", ctx->conf.name);
	sbx_json_add_str(doc, o, "pubkey_wg", key);
	sbx_json_add_str(doc, o, "mesh_ip", ip);
	sbx_json_add_str(doc, o, "ddns", NULL);
	sbx_json_add_str(doc, o, "endpoint", ctx->conf.mesh_endpoint);
	r = sbx_canon_write(&out, o, NULL, &ctx->err);
	if (r == SBX_OK)
		sbx_tool_out(ctx, "%s", sbx_buf_text(&out));
	sbx_buf_free(&out);
	sbx_doc_free(doc);
	return r;
}

/* Without a date: sbx-ledger append gives it the moment it is signed. */
static int
cmd_record(struct sbx_ctx *ctx)
{
	unsigned char pub[SBX_WG_KEY_BYTES];
	struct sbx_mesh m = { 0 };
	uint32_t addr;
	int r;

	if ((r = read_mesh(ctx, &m)) == SBX_OK &&
		(r = sbx_wg_key(ctx->conf.wg_key, !ctx->dry, NULL, pub,
			 &ctx->err)) == SBX_OK) {
		sbx_mesh_plan(&m, pub);
		if (m.lost == SBX_MESH_KEY)
			r = lost(ctx, &m);
		else if ((r = sbx_mesh_choose(&m, &addr, &ctx->err)) == SBX_OK)
			r = print_record(ctx, &m, addr, pub);
	}
	sbx_mesh_free(&m);
	return r;
}

/* ---- show
 * --------------------------------------------------------------------- */

static const struct sbx_col show_cols[] = { { "name", "NAME", 0 },
	{ "address", "ADDRESS", 0 }, { "endpoint", "ENDPOINT", 0 },
	{ "age", "HANDSHAKE", 0 }, { "rx", "RECEIVED", 0 }, { "tx", "SENT", 0 },
	{ "allowed", "ALLOWED", 0 }, { NULL, NULL, 0 } };

static void
age(char *out, size_t size, int64_t then)
{
	int64_t s = sbx_clock_now() / 1000000 - then;

	if (then == 0)
		snprintf(out, size, "never");
	else if (s < 120)
		snprintf(out, size, "%llds", (long long)(s < 0 ? 0 : s));
	else if (s < 7200)
		snprintf(out, size, "%lldm", (long long)(s / 60));
	else
		snprintf(out, size, "%lldh", (long long)(s / 3600));
}

/* With -v its did too, and where another has the name. */
static const char *
label(const struct sbx_ctx *ctx, const struct sbx_mesh_node *n, char *out,
	size_t size)
{
	bool with = strcmp(n->name, n->did) != 0 &&
		(ctx->verbose || strchr(n->name, '?') != NULL);

	snprintf(out, size, with ? "%s (%s)" : "%s", n->name, n->did);
	return out;
}

static void
show_peer(struct sbx_ctx *ctx, const struct sbx_mesh *m,
	const struct sbx_wg_peer *p)
{
	const struct sbx_mesh_node *n = sbx_mesh_by_key(m, p->key);
	char ip[SBX_IP4_SIZE] = "", key[SBX_WGKEY_SIZE], old[24], text[160];
	struct sbx_doc *doc = sbx_doc_new();
	struct sbx_json *o = sbx_doc_root(doc);

	sbx_wgkey_write(key, p->key);
	age(old, sizeof(old), p->handshake);
	if (n != NULL)
		sbx_ip4_write(ip, n->addr);
	sbx_json_add_str(doc, o, "name", n == NULL ? NULL :
		ctx->json ? n->name : label(ctx, n, text, sizeof(text)));
	sbx_json_add_str(doc, o, "did", n != NULL ? n->did : NULL);
	sbx_json_add_str(doc, o, "address", n != NULL ? ip : NULL);
	sbx_json_add_str(doc, o, "pubkey_wg", key);
	sbx_json_add_str(doc, o, "endpoint",
		p->endpoint[0] != '\0' ? p->endpoint : NULL);
	if (p->handshake != 0)
		sbx_json_add_time(doc, o, "handshake", p->handshake * 1000000);
	else
		sbx_json_add_str(doc, o, "handshake", NULL);
	sbx_json_add_str(doc, o, "age", old);
	sbx_json_add_int(doc, o, "rx", (int64_t)p->rx);
	sbx_json_add_int(doc, o, "tx", (int64_t)p->tx);
	sbx_json_add_str(doc, o, "allowed", p->allowed);
	sbx_tool_row(ctx, show_cols, o);
	sbx_doc_free(doc);
}

/* By address; who is not in the directory comes last. */
static int
by_address(const void *a, const void *b, void *mesh)
{
	const struct sbx_wg_peer *x = a, *y = b;
	const struct sbx_mesh_node *m = sbx_mesh_by_key(mesh, x->key);
	const struct sbx_mesh_node *n = sbx_mesh_by_key(mesh, y->key);

	if (m == NULL || n == NULL)
		return m == n ? memcmp(x->key, y->key, sizeof(x->key)) :
			m == NULL ? 1 : -1;
	return m->addr < n->addr ? -1 : m->addr > n->addr;
}

static int
cmd_show(struct sbx_ctx *ctx)
{
	struct sbx_mesh m = { 0 };
	struct sbx_link link = { 0 };
	struct sbx_wg wg = { 0 };
	int r;

	r = sbx_tunnel_look(ctx->conf.mesh_if, &link, &wg, &ctx->err);
	if (r != SBX_OK)
		return r;
	/* A tunnel without its directory is worth looking at too. */
	if (read_mesh(ctx, &m) == SBX_OK)
		sbx_mesh_plan(&m, wg.pub);
	else
		sbx_tool_warn(ctx, &ctx->err);
	if (wg.npeers > 0)
		qsort_r(wg.peers, wg.npeers, sizeof(*wg.peers), by_address, &m);
	for (size_t i = 0; i < wg.npeers; i++)
		show_peer(ctx, &m, &wg.peers[i]);
	sbx_mesh_free(&m);
	sbx_wg_free(&wg);
	return SBX_OK;
}

static const struct sbx_cmd cmds[] = {
	{ "up", cmd_up, NULL, 0, 0,
		"bring the interface to what the directory says", NULL },
	{ "plan", cmd_plan, NULL, 0, 0, "print what up would change", NULL },
	{ "down", cmd_down, NULL, 0, 0, "remove the interface", NULL },
	{ "show", cmd_show, NULL, 0, 0,
		"list the peers and when they were last heard", NULL },
	{ "record", cmd_record, NULL, 0, 0,
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
