/* SPDX-License-Identifier: Apache-2.0 */
/* The directory, the gate and the names: what the plan is made of. */
#include <errno.h>
#include <libgen.h>
#include <netdb.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/base.h"
#include "json/json.h"
#include "system/system.h"
#include "crypto/crypto.h"
#include "ledger/ledger.h"
#include "directory/directory.h"
#include "mesh/mesh.h"
#include "tool/tool.h"
#include "mesh-up.h"

#define MAX_DIRECTORY (16u << 20)
#define READ_TIME     60000 /* ms for the directory */

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
emit_guest(void *ctx, const struct sbx_json *row, struct sbx_err *err)
{
	return emit(*(const int *)ctx, "guest", row, err);
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
	if (r == SBX_OK)
		r = sbx_state_each(
			st, SBX_VIEW_GUEST, NULL, emit_guest, &fd, err);
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

int
meshup_read(struct sbx_ctx *ctx, struct sbx_mesh *m)
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

/* ---- the gate ---- */

/* "DID since", since as in RFC 3339.  Another tool elects, and writes it; what
 * is no such line is as good as none, and no reason to be without a mesh. */
static void
read_gate(struct sbx_ctx *ctx, struct sbx_mesh *m)
{
	struct sbx_buf path = SBX_BUF(4096);
	struct sbx_buf text = SBX_BUF(SBX_DID_SIZE + SBX_TIME_SIZE + 2);
	const char *line;
	size_t len;
	int64_t us;
	int r;

	sbx_buf_fmt(&path, "%s/gate", ctx->conf.run);
	r = sbx_io_read(sbx_buf_text(&path), 0, &text, NULL);
	line = sbx_buf_text(&text);
	len = strcspn(line, "\n");
	if (r == SBX_OK && len > SBX_DID_SIZE &&
		sbx_did_check(line, SBX_DID_SIZE - 1) &&
		line[SBX_DID_SIZE - 1] == ' ' &&
		sbx_time_parse(&us, line + SBX_DID_SIZE, len - SBX_DID_SIZE))
		snprintf(m->gate, sizeof(m->gate), "%.*s", SBX_DID_SIZE - 1,
			line);
	else if (r != SBX_E_SYS || errno != ENOENT)
		sbx_tool_say(ctx, "%s: not \"DID since\": passed over",
			sbx_buf_text(&path));
	sbx_buf_free(&path);
	sbx_buf_free(&text);
}

/* ---- names ---- */

#define RESOLVE_TIME 3000 /* ms for one name */
#define RESOLVE_MAX  8	  /* names in one run */
#define NOBODY	     65534

/* In a child of nobody's: the answers are a stranger's bytes. */
static int
resolve(void *ctx, int fd, struct sbx_err *err)
{
	const struct addrinfo want = { .ai_socktype = SOCK_DGRAM };
	char host[SBX_HOST_SIZE], ip[SBX_IP_SIZE + 1];
	struct addrinfo *all = NULL;
	int r;

	snprintf(host, sizeof(host), "%.*s", (int)strcspn(ctx, ":"),
		(const char *)ctx);
	if ((r = getaddrinfo(host, NULL, &want, &all)) != 0)
		return sbx_err_set(
			err, SBX_E_SYS, "%s: %s", host, gai_strerror(r));
	r = SBX_OK;
	for (struct addrinfo *a = all; a != NULL && r == SBX_OK;
		a = a->ai_next) {
		if (getnameinfo(a->ai_addr, a->ai_addrlen, ip, SBX_IP_SIZE,
			    NULL, 0, NI_NUMERICHOST) != 0)
			continue;
		ip[strlen(ip) + 1] = '\0';
		ip[strlen(ip)] = '\n';
		r = sbx_io_write_fd(fd, ip, strlen(ip), err);
	}
	freeaddrinfo(all);
	return r;
}

/* The first two that somebody can be reached at. */
static void
take_answers(const struct sbx_mesh *m, struct sbx_mesh_node *n, char *text)
{
	char *line, *save = NULL, at[SBX_ENDPOINT_SIZE];
	size_t count = 0;
	int64_t port = m->port;
	int own = 0;

	sbx_host_check(n->ddns, &own);
	if (own == 0 && n->endpoint[0] != '\0')
		sbx_num_parse(&port, strrchr(n->endpoint, ':') + 1, 1, 65535);
	if (own != 0)
		port = own;
	for (line = strtok_r(text, "\n", &save); line != NULL && count < 2;
		line = strtok_r(NULL, "\n", &save)) {
		if (!sbx_ip_check(line))
			continue;
		if (strchr(line, ':') != NULL)
			snprintf(at, sizeof(at), "[%.45s]:%d", line, (int)port);
		else
			snprintf(at, sizeof(at), "%.45s:%d", line, (int)port);
		if (sbx_endpoint_fault(at, &m->net) == NULL)
			memcpy(n->found[count++], at, sizeof(at));
	}
}

static void
find_node(struct sbx_ctx *ctx, const struct sbx_mesh *m,
	struct sbx_mesh_node *n)
{
	uid_t uid = geteuid() == 0 ? NOBODY : (uid_t)-1;
	struct sbx_buf text = SBX_BUF(4096);
	struct sbx_err err = { 0 };

	if (sbx_priv_child(uid, uid, RESOLVE_TIME, resolve, n->ddns, &text,
		    &err) != SBX_OK && ctx->verbose)
		sbx_tool_say(ctx, "%s: %s", n->name, err.text);
	if (text.len > 0)
		take_answers(m, n, text.data);
	if (n->found[0][0] == '\0')
		sbx_tool_say(ctx, "%s: its name, %s, leads nowhere now",
			n->name, n->ddns);
	sbx_buf_free(&text);
}

void
meshup_look(struct sbx_ctx *ctx, struct sbx_mesh *m,
	const struct sbx_tunnel *t, struct sbx_nl_addr **links)
{
	struct sbx_nl_addr *list = NULL;
	size_t count = 0, asked = 0;

	m->live = &t->wg;
	m->now = sbx_clock_now() / 1000000;
	read_gate(ctx, m);
	if (sbx_nl_addrs(0, &list, &count, NULL) == SBX_OK)
		for (size_t i = 0; i < count; i++)
			if (list[i].index != t->link.index)
				list[m->nlinks++] = list[i];
	m->links = *links = list;
	for (size_t i = 0; i < m->nnodes && asked < RESOLVE_MAX; i++) {
		if (m->nodes[i].ddns[0] == '\0' ||
			strcmp(m->nodes[i].did, m->self) == 0 ||
			sbx_mesh_heard(m, &m->nodes[i], SBX_MESH_LOOK))
			continue;
		asked++;
		find_node(ctx, m, &m->nodes[i]);
	}
}
