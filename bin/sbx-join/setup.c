/* SPDX-License-Identifier: Apache-2.0 */
/* A box founds a mesh: what is there already stays as it is. */
#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/base.h"
#include "json/json.h"
#include "system/system.h"
#include "crypto/crypto.h"
#include "sbx-join.h"

#define PROVISION "/usr/lib/sbx/provision"
#define CONF	  SBX_SYSCONFDIR "/sbx/sbx.conf"

/* ---- the configuration ---------------------------------------------------------- */

int
write_conf(struct sbx_ctx *ctx, const char *name, const char *endpoint,
	const char *net)
{
	struct sbx_buf text = SBX_BUF(4096);
	int64_t port;
	int r;

	if (access(CONF, F_OK) == 0) {
		sbx_tool_say(ctx, "%s is there and stays", CONF);
		return SBX_OK;
	}
	sbx_buf_str(&text, "# sbx.conf(5) has every key.\n");
	sbx_buf_fmt(&text, "[node]\nname = %s\n", name);
	if (endpoint != NULL || net != NULL)
		sbx_buf_str(&text, "\n[mesh]\n");
	if (endpoint != NULL)
		sbx_buf_fmt(&text, "endpoint = %s\n", endpoint);
	/* Who names a port means the one to listen on. */
	if (endpoint != NULL && sbx_num_parse(&port, strrchr(endpoint, ':') + 1,
		    1, 65535) && port != ctx->conf.mesh_port)
		sbx_buf_fmt(&text, "port = %d\n", (int)port);
	if (net != NULL && strcmp(net, SBX_MESH_NET) != 0)
		sbx_buf_fmt(&text, "network = %s\n", net);
	sbx_tool_say(ctx, "%s %s: name %s, endpoint %s",
		ctx->dry ? "would write" : "write", CONF, name,
		endpoint != NULL ? endpoint : "none, it speaks first");
	r = ctx->dry ? SBX_OK :
		sbx_io_save(CONF, text.data, text.len, 0644, SBX_IO_NEW,
			&ctx->err);
	if (r == 0 && !ctx->dry)
		r = reload_conf(ctx);
	sbx_buf_free(&text);
	return r;
}

/* The address by which this box speaks to the world, which no packet is sent
 * for; "" when there is no way out. */
static void
way_out(char ip[static SBX_IP_SIZE])
{
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons(9) };
	struct sockaddr_in me;
	socklen_t len = sizeof(me);
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	ip[0] = '\0';
	inet_pton(AF_INET, "198.51.100.1", &to.sin_addr);
	if (fd >= 0 && connect(fd, (const void *)&to, sizeof(to)) == 0 &&
		getsockname(fd, (void *)&me, &len) == 0)
		inet_ntop(AF_INET, &me.sin_addr, ip, SBX_IP_SIZE);
	if (fd >= 0)
		close(fd);
}

/* That address, else the only one there is. */
static void
find_address(struct sbx_ctx *ctx, char ip[static SBX_IP_SIZE])
{
	struct sbx_nl_addr *list = NULL;
	struct sbx_link mesh = { .index = -1 };
	char one[SBX_NL_ADDR_SIZE];
	size_t n = 0, found = 0;

	way_out(ip);
	if (ip[0] != '\0' || sbx_nl_addrs(0, &list, &n, NULL) != 0)
		return;
	sbx_nl_link(ctx->conf.mesh_if, &mesh, NULL);
	for (size_t i = 0; i < n; i++) {
		snprintf(one, sizeof(one), "%.*s",
			(int)strcspn(list[i].text, "/"), list[i].text);
		if (list[i].index == mesh.index || strchr(one, ':') != NULL ||
			strncmp(one, "127.", 4) == 0)
			continue;
		if (found++ == 0)
			snprintf(ip, SBX_IP_SIZE, "%.45s", one);
	}
	if (found != 1)
		ip[0] = '\0';
	free(list);
}

/* A question with an answer that Enter gives; only at a terminal. */
static void
ask(struct sbx_ctx *ctx, const char *question, char *answer, size_t size)
{
	char line[256];

	if (ctx->dry || isatty(STDIN_FILENO) == 0 || isatty(STDERR_FILENO) == 0)
		return;
	fprintf(stderr, "%s [%s]: ", question, answer);
	if (fgets(line, sizeof(line), stdin) == NULL)
		return;
	line[strcspn(line, "\r\n")] = '\0';
	if (line[0] != '\0' && strlen(line) < size)
		memcpy(answer, line, strlen(line) + 1);
}

static int
choose_endpoint(struct sbx_ctx *ctx, char out[static SBX_ENDPOINT_SIZE])
{
	const char *given = sbx_tool_opt(ctx, "endpoint");
	char text[SBX_ENDPOINT_SIZE] = "", ip[SBX_IP_SIZE];

	if (given == NULL) {
		find_address(ctx, text);
		ask(ctx, "By which address do other boxes reach this one?", text,
			sizeof(text));
		given = text;
	}
	if (sbx_ip_check(given))
		snprintf(out, SBX_ENDPOINT_SIZE,
			strchr(given, ':') != NULL ? "[%.45s]:%d" : "%.45s:%d",
			given, ctx->conf.mesh_port);
	else
		snprintf(out, SBX_ENDPOINT_SIZE, "%s", given);
	if (!sbx_endpoint_check(out)) {
		sbx_err_set(&ctx->err, SBX_E_USAGE, given[0] == '\0' ?
			"which address others reach this box by cannot be told%s" :
			"%s is no numeric address, nor one with a port", given);
		sbx_err_hint(&ctx->err, "sbx setup -e ADDRESS[:PORT]");
		return SBX_E_USAGE;
	}
	if (sbx_endpoint_ip(ip, out) && sbx_ip_private(ip))
		sbx_tool_say(ctx, "%s is a private address: boxes elsewhere need "
			"a public one, sbx setup -e", ip);
	return SBX_OK;
}

static int
configure(struct sbx_ctx *ctx)
{
	const char *net = sbx_tool_opt(ctx, "network");
	const char *given = sbx_tool_opt(ctx, "name");
	char name[SBX_MAX_BOXNAME + 1], endpoint[SBX_ENDPOINT_SIZE] = "";
	struct sbx_net n;
	int r;

	if (access(CONF, F_OK) == 0)
		return write_conf(ctx, "", NULL, NULL);
	if (given != NULL && !sbx_name_check(given))
		return sbx_err_set(&ctx->err, SBX_E_USAGE,
			"%s is not a name of letters, digits and -_.", given);
	if (net != NULL && !sbx_net_parse(&n, net))
		return sbx_err_set(&ctx->err, SBX_E_USAGE,
			"%s is not an IPv4 network like %s", net, SBX_MESH_NET);
	snprintf(name, sizeof(name), "%s",
		given != NULL ? given : ctx->conf.name);
	if (given == NULL)
		ask(ctx, "What is this box called?", name, sizeof(name));
	if (!sbx_name_check(name))
		return sbx_err_set(&ctx->err, SBX_E_USAGE,
			"%s is not a name of letters, digits and -_.", name);
	if ((r = choose_endpoint(ctx, endpoint)) != 0)
		return r;
	return write_conf(ctx, name, endpoint, net);
}

/* ---- the rest ------------------------------------------------------------------- */

int
init_ledger(struct sbx_ctx *ctx)
{
	struct look l;
	int r;

	if ((r = look(ctx, &l)) == 0 && l.self[0] != '\0')
		sbx_tool_say(ctx, "this box is %s", l.self);
	else if (r == 0)
		r = step(ctx, ARGV(LEDGER, "init"), NULL, NULL, NULL);
	look_free(&l);
	return r;
}

int
cmd_setup(struct sbx_ctx *ctx)
{
	int r;

	if (!must_root(ctx))
		return SBX_E_USAGE;
	if ((r = step(ctx, ARGV(PROVISION), NULL, NULL, NULL)) != 0 ||
		(r = configure(ctx)) != 0 || (r = init_ledger(ctx)) != 0 ||
		(r = publish_record(ctx)) != 0 || (r = mesh_up(ctx)) != 0 ||
		(r = step(ctx, ARGV(LEDGER, "-q", "publish"), NULL, NULL,
			 NULL)) != 0 ||
		(r = enable_units(ctx)) != 0)
		return r;
	sbx_tool_say(ctx, ctx->dry ? "nothing was done" :
		"done; let another box in: sbx-join open");
	return SBX_OK;
}
