/* SPDX-License-Identifier: Apache-2.0 */
/* The directory, the gate and the names: what the plan is made of. */
#include <errno.h>
#include <netdb.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
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

/* ---- the directory ---- */

static int
say_member(void *ctx, const struct sbx_json *row, struct sbx_err *err)
{
	const char *state = sbx_json_str(row, "state");

	if (state == NULL ||
		(strcmp(state, "anchor") != 0 && strcmp(state, "member") != 0))
		return SBX_OK;
	return sbx_reader_say(*(const int *)ctx, "member", row, err);
}

static int
say_node(void *ctx, const struct sbx_json *row, struct sbx_err *err)
{
	return sbx_reader_say(*(const int *)ctx, "node", row, err);
}

static int
say_guest(void *ctx, const struct sbx_json *row, struct sbx_err *err)
{
	return sbx_reader_say(*(const int *)ctx, "guest", row, err);
}

static int
ask(void *ctx, struct sbx_state *st, const char *self, int fd,
	struct sbx_err *err)
{
	char line[SBX_DID_SIZE + 8];
	int r;

	(void)ctx;
	snprintf(line, sizeof(line), "self %s\n", self);
	if ((r = sbx_io_write_fd(fd, line, strlen(line), err)) == SBX_OK &&
		(r = sbx_state_each(st, SBX_VIEW_MEMBER, NULL, say_member, &fd,
			 err)) == SBX_OK)
		r = sbx_state_each(st, SBX_VIEW_NODE, NULL, say_node, &fd, err);
	if (r == SBX_OK)
		r = sbx_state_each(
			st, SBX_VIEW_GUEST, NULL, say_guest, &fd, err);
	return r;
}

static int
hear(void *ctx, char *line, size_t len, struct sbx_err *err)
{
	return sbx_mesh_line(ctx, line, len, err);
}

static void
say_note(void *ctx, const char *text)
{
	sbx_tool_say(ctx, "%s", text);
}

int
meshup_read(struct sbx_ctx *ctx, struct sbx_mesh *m)
{
	const struct sbx_reading reading = { .ask = ask, .hear = hear,
		.ctx = m };
	int r;

	m->note = say_note;
	m->ctx = ctx;
	if ((r = sbx_mesh_conf(m, &ctx->conf, &ctx->err)) == SBX_OK &&
		(r = sbx_reader(ctx->conf.db, &reading, &ctx->err)) == SBX_OK &&
		m->self[0] == '\0')
		r = sbx_err_set(&ctx->err, SBX_E_SYS,
			"the directory does not say who we are");
	return r;
}

/* ---- the gate ---- */

/* "DID since", since as in RFC 3339.  What is no such line is as good as none,
 * and no reason to be without a mesh.  False: there is no such file. */
static bool
read_gate(struct sbx_ctx *ctx, struct sbx_mesh *m, const char *file)
{
	struct sbx_buf path = SBX_BUF(4096);
	struct sbx_buf text = SBX_BUF(SBX_DID_SIZE + SBX_TIME_SIZE + 2);
	const char *line;
	bool there;
	size_t len;
	int64_t us;
	int r;

	sbx_buf_fmt(&path, "%s/%s", ctx->conf.run, file);
	r = sbx_io_read(sbx_buf_text(&path), 0, &text, NULL);
	there = r != SBX_E_SYS || (errno != ENOENT && errno != ENOTDIR);
	line = sbx_buf_text(&text);
	len = strcspn(line, "\n");
	if (r == SBX_OK && len > SBX_DID_SIZE &&
		sbx_did_check(line, SBX_DID_SIZE - 1) &&
		line[SBX_DID_SIZE - 1] == ' ' &&
		sbx_time_parse(&us, line + SBX_DID_SIZE, len - SBX_DID_SIZE))
		snprintf(m->gate, sizeof(m->gate), "%.*s", SBX_DID_SIZE - 1,
			line);
	else if (there)
		sbx_tool_say(ctx, "%s: not \"DID since\": passed over",
			sbx_buf_text(&path));
	sbx_buf_free(&path);
	sbx_buf_free(&text);
	return there;
}

/* Root's own word first, then the one of sbx-election, which is not root. */
static void
find_gate(struct sbx_ctx *ctx, struct sbx_mesh *m)
{
	if (!read_gate(ctx, m, "gate"))
		read_gate(ctx, m, "fleet/gate");
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
	find_gate(ctx, m);
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
