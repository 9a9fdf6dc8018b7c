/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Our table `inet sbx`, and nobody else's: which sets and rules it has, by the
 * part of the program that they serve.  Every batch carries all of them, so
 * that whichever part loads first after a foreign `flush ruleset` brings the
 * whole table back, closed; each part then fills its own sets.
 *
 * An accept ends only its own chain, so the table can restrict what the host
 * lets in and never widen it.
 */
#include <arpa/inet.h>
#include <ifaddrs.h>
#include <stdlib.h>
#include <string.h>

#include "base/base.h"
#include "system/system.h"
#include "node/node.h"
#include "apply/apply.h"

#define NFT       "/usr/sbin/nft"
#define MAX_BATCH (1u << 20)
#define MAX_TERSE 65536 /* a listing without the elements */
#define TIMEOUT   10000
#define MAX_OWN6  64 /* IPv6 addresses of the mesh interface */
#define MAX_RULES 4
#define MAX_BLOCK 2048

struct set {
	const char *name, *type;
	int size;
	bool timeout, counter, dynamic;
};

/* The rules read as `nft -n list` prints them, so that one text is both loaded
 * and compared; $IF is the mesh interface, $NET its network. */
struct chain {
	const char *name, *hook;
	int priority;
	const char *rules[MAX_RULES + 1];
};

#define KEY "meta l4proto . th dport"
#define TIMED(port, time) \
	"iifname \"$IF\" tcp dport " port " ct state 0x8 add @young { ip saddr " \
	". tcp sport . tcp dport timeout " time " } ct mark set 0x00736278"

static const struct set sets[] = {
	/* lend: who may reach which port until when; ports closed to others */
	{ "lend", "ipv4_addr . inet_proto . inet_service", SBX_MAX_GRANTS,
		true, true, false },
	{ "ports", "inet_proto . inet_service", SBX_MAX_PORTS, false, false,
		false },
	/* guard: the mesh interface's own IPv6 addresses */
	{ "own6", "ipv6_addr", MAX_OWN6, false, false, false },
	/* servers: how many connections an address has; which are young */
	{ "share", "ipv4_addr . inet_service", 8192, false, false, true },
	{ "young", "ipv4_addr . inet_service . inet_service", 65535, true,
		false, true },
};
#define NSETS (sizeof(sets) / sizeof(sets[0]))

/* guard closes the weak host model (RFC 1122, 3.3.4.2): Linux answers for any
 * address of its own on every interface, so a host beside the mesh could reach
 * the mesh address, or send in a member's name.
 *
 * lend asks its set for each packet and never conntrack: a revoked peer's open
 * connection gets a reset, or silence where there is no such thing, at its
 * next packet.
 *
 * servers keeps one member from shutting the others out of what answers on the
 * mesh, whose own limits count idle time alone: an address has eight
 * connections to each, and a connection an end, a minute for a request and an
 * hour for a pull, however slowly bytes drip.  Where a set is full nobody is
 * refused; the mark says which connections were counted. */
static const struct chain chains[] = {
	{ "guard", "prerouting", -5,
		{ "iifname != \"lo\" iifname != \"$IF\" ip saddr $NET drop" } },
	{ "guard_in", "input", -5,
		{ "iifname != \"lo\" iifname != \"$IF\" ip daddr $NET drop",
			"iifname != \"lo\" iifname != \"$IF\" "
			"ip6 daddr @own6 drop" } },
	{ "input", "input", -5,
		{ "iifname \"$IF\" ip saddr . " KEY " @lend accept",
			"iifname \"$IF\" " KEY
			" @ports meta l4proto 6 reject with tcp reset",
			"iifname \"$IF\" " KEY " @ports drop" } },
	{ "servers", "input", -5,
		{ "iifname \"$IF\" tcp dport { 8798, 8799 } ct state 0x8 add "
		  "@share { ip saddr . tcp dport ct count over 8 } reject with "
		  "tcp reset",
			TIMED("8798", "60s"), TIMED("8799", "3600s"),
			"iifname \"$IF\" tcp dport { 8798, 8799 } ct mark "
			"0x00736278 ip saddr . tcp sport . tcp dport != @young "
			"reject with tcp reset" } },
};
#define NCHAINS (sizeof(chains) / sizeof(chains[0]))

/* ---- text ---- */

static void
put_rule(struct sbx_buf *b, const struct sbx_conf *conf, const char *rule)
{
	const char *at;

	for (at = rule; *at != '\0'; at++) {
		if (strncmp(at, "$IF", 3) == 0) {
			sbx_buf_str(b, conf->mesh_if);
			at += 2;
		} else if (strncmp(at, "$NET", 4) == 0) {
			sbx_buf_str(b, conf->mesh_net);
			at += 3;
		} else {
			sbx_buf_add(b, at, 1);
		}
	}
}

static void
put_chain_head(struct sbx_buf *b, const struct chain *c)
{
	sbx_buf_fmt(b, "type filter hook %s priority %d; policy accept;",
		c->hook, c->priority);
}

static const char *
flags_of(const struct set *s)
{
	return !s->dynamic ? "timeout" : s->timeout ? "dynamic,timeout"
						   : "dynamic";
}

/* As the listing has it, a statement a line. */
static void
want_set(struct sbx_buf *b, const struct set *s)
{
	sbx_buf_fmt(b, "type %s\nsize %d\n", s->type, s->size);
	if (s->dynamic || s->timeout)
		sbx_buf_fmt(b, "flags %s\n", flags_of(s));
	if (s->counter)
		sbx_buf_str(b, "counter\n");
}

static void
want_chain(
	struct sbx_buf *b, const struct sbx_conf *conf, const struct chain *c)
{
	put_chain_head(b, c);
	sbx_buf_str(b, "\n");
	for (size_t i = 0; c->rules[i] != NULL; i++) {
		put_rule(b, conf, c->rules[i]);
		sbx_buf_str(b, "\n");
	}
}

/* ---- loading ---- */

/* The addresses that peers could reach by the mesh: none of link scope. */
static void
put_own6(struct sbx_buf *b, const struct sbx_conf *conf)
{
	char text[INET6_ADDRSTRLEN];
	struct ifaddrs *list, *i;
	int n = 0;

	sbx_buf_str(b, "flush set inet sbx own6\n");
	if (getifaddrs(&list) != 0)
		return;
	for (i = list; i != NULL && n < MAX_OWN6; i = i->ifa_next) {
		const struct sockaddr_in6 *in = (const void *)i->ifa_addr;

		if (in == NULL || in->sin6_family != AF_INET6 ||
			strcmp(i->ifa_name, conf->mesh_if) != 0 ||
			IN6_IS_ADDR_LINKLOCAL(&in->sin6_addr))
			continue;
		inet_ntop(AF_INET6, &in->sin6_addr, text, sizeof(text));
		sbx_buf_fmt(b, "add element inet sbx own6 { %s }\n", text);
		n++;
	}
	freeifaddrs(list);
}

/* Idempotent, so that one batch makes the table, wakes it when it is dormant,
 * repairs it and leaves it as it is. */
static void
put_table(struct sbx_buf *b, const struct sbx_conf *conf)
{
	const struct chain *c;
	size_t i, j;

	sbx_buf_str(b, "add table inet sbx\n");
	for (i = 0; i < NSETS; i++)
		sbx_buf_fmt(b, "add set inet sbx %s { type %s; size %d;%s%s%s%s "
			"}\n", sets[i].name, sets[i].type, sets[i].size,
			sets[i].timeout || sets[i].dynamic ? " flags " : "",
			sets[i].timeout || sets[i].dynamic ? flags_of(&sets[i])
							   : "",
			sets[i].timeout || sets[i].dynamic ? ";" : "",
			sets[i].counter ? " counter;" : "");
	for (i = 0; i < NCHAINS; i++) {
		c = &chains[i];
		sbx_buf_fmt(b, "add chain inet sbx %s { ", c->name);
		put_chain_head(b, c);
		sbx_buf_fmt(b, " }\nflush chain inet sbx %s\n", c->name);
		for (j = 0; c->rules[j] != NULL; j++) {
			sbx_buf_fmt(b, "add rule inet sbx %s ", c->name);
			put_rule(b, conf, c->rules[j]);
			sbx_buf_str(b, "\n");
		}
	}
	put_own6(b, conf);
}

static int
conf_check(const struct sbx_conf *conf, struct sbx_err *err)
{
	struct sbx_net net;

	if (!sbx_if_check(conf->mesh_if))
		return sbx_err_set(err, SBX_E_USAGE,
			"mesh interface: not an interface name");
	if (!sbx_net_parse(&net, conf->mesh_net))
		return sbx_err_set(err, SBX_E_USAGE, "mesh network: unclear");
	return 0;
}

int
sbx_firewall_load(const struct sbx_conf *conf, bool anew,
	const struct sbx_buf *elements, struct sbx_err *err)
{
	static const char *const argv[] = { NFT, "-f", "-", NULL };
	struct sbx_buf b = SBX_BUF(MAX_BATCH);
	struct sbx_run run = { .argv = argv, .max = 65536, .timeout = TIMEOUT };
	struct sbx_firewall fw;
	int r;

	if ((r = conf_check(conf, err)) != 0)
		return r;
	if (anew)
		sbx_buf_str(&b, "add table inet sbx\ndelete table inet sbx\n");
	put_table(&b, conf);
	sbx_buf_add(&b, elements->data, elements->len);
	run.in = b.data;
	run.inlen = b.len;
	if (b.over || elements->over)
		r = sbx_err_set(err, SBX_E_SYS, "nft: batch too long");
	if (r == 0 && (r = sbx_run_ok(&run, NULL, err)) != 0)
		sbx_err_at(err, "firewall");
	sbx_buf_free(&b);
	/* An nft that says yes and does nothing opens or closes nothing. */
	if (r == 0 && (r = sbx_firewall_see(conf, &fw, err)) == 0 &&
		(!fw.there || fw.wrong[0] != '\0'))
		r = sbx_err_set(err, SBX_E_SYS,
			"firewall: loaded, but then: %s",
			fw.there ? fw.wrong : "our table is not there");
	return r;
}

/* ---- looking at it ---- */

/* Copy the next line without what indents it. */
static bool
next_line(const char **at, char *line, size_t size)
{
	size_t n;

	*at += strspn(*at, " \t\n");
	if (**at == '\0')
		return false;
	n = strcspn(*at, "\n");
	snprintf(line, size, "%.*s", (int)(n < size ? n : size - 1), *at);
	*at += n;
	return true;
}

/* The first difference is the one that is told. */
static void
wrong(struct sbx_firewall *fw, const char *name, const char *what)
{
	if (fw->wrong[0] != '\0')
		return;
	snprintf(fw->wrong, sizeof(fw->wrong), "%.60s: %s", name, what);
	for (char *c = fw->wrong; *c != '\0'; c++)
		if (*c < 0x20 || *c > 0x7e)
			*c = '?';
}

/* One "set NAME" or "chain NAME" and its statements. */
static void
see_block(struct sbx_firewall *fw, const struct sbx_conf *conf,
	const char *name, const char *is, unsigned *seen)
{
	struct sbx_buf want = SBX_BUF(MAX_BLOCK);
	const char *kind = NULL;
	size_t i;

	for (i = 0; i < NSETS && kind == NULL; i++)
		if (strncmp(name, "set ", 4) == 0 &&
			strcmp(name + 4, sets[i].name) == 0) {
			kind = "set";
			want_set(&want, &sets[i]);
			*seen |= 1u << i;
		}
	for (i = 0; i < NCHAINS && kind == NULL; i++)
		if (strncmp(name, "chain ", 6) == 0 &&
			strcmp(name + 6, chains[i].name) == 0) {
			kind = "chain";
			want_chain(&want, conf, &chains[i]);
			*seen |= 1u << (NSETS + i);
		}
	if (kind == NULL)
		wrong(fw, name, "not ours, in our table");
	else if (strcmp(sbx_buf_text(&want), is) != 0)
		wrong(fw, name, "not as we make it");
	sbx_buf_free(&want);
}

static void
see(struct sbx_firewall *fw, const struct sbx_conf *conf, const char *text)
{
	struct sbx_buf block = SBX_BUF(MAX_TERSE);
	char line[1024], name[128] = "";
	unsigned seen = 0;
	size_t len;

	if (!next_line(&text, line, sizeof(line)) ||
		strcmp(line, "table inet sbx {") != 0)
		return;
	fw->there = true;
	while (next_line(&text, line, sizeof(line))) {
		len = strlen(line);
		if (strcmp(line, "}") == 0) {
			if (name[0] == '\0')
				break;
			see_block(fw, conf, name, sbx_buf_text(&block), &seen);
			sbx_buf_free(&block);
			name[0] = '\0';
		} else if (name[0] != '\0') {
			sbx_buf_fmt(&block, "%s\n", line);
		} else if (len > 2 && strcmp(line + len - 2, " {") == 0) {
			snprintf(name, sizeof(name), "%.*s", (int)len - 2,
				line);
		} else if (strcmp(line, "flags dormant") == 0) {
			wrong(fw, "our table",
				"dormant, so that nothing is filtered");
		} else {
			wrong(fw, line, "not ours, in our table");
		}
	}
	sbx_buf_free(&block);
	if (seen != (1u << (NSETS + NCHAINS)) - 1)
		wrong(fw, "our table", "a part of it is missing");
}

/* Tell "there is no table" from "nft does not work": its exit status is the
 * same, its words are not promised. */
static int
table_missing(bool *missing, struct sbx_err *err)
{
	static const char *const argv[] = { NFT, "list", "tables", "inet",
		NULL };
	struct sbx_run run = {
		.argv = argv, .max = MAX_TERSE, .timeout = TIMEOUT
	};
	struct sbx_buf out = SBX_BUF(MAX_TERSE);
	const char *at;
	char line[256];
	int r;

	if ((r = sbx_run_ok(&run, &out, err)) == 0) {
		*missing = true;
		at = sbx_buf_text(&out);
		while (next_line(&at, line, sizeof(line)))
			if (strcmp(line, "table inet sbx") == 0)
				*missing = false;
	}
	sbx_buf_free(&out);
	return r;
}

int
sbx_firewall_see(const struct sbx_conf *conf, struct sbx_firewall *fw,
	struct sbx_err *err)
{
	/* Terse: without the elements, which may be thousands. */
	static const char *const argv[] = { NFT, "-n", "-s", "-t", "list",
		"table", "inet", "sbx", NULL };
	struct sbx_run run = {
		.argv = argv, .max = MAX_TERSE, .timeout = TIMEOUT
	};
	struct sbx_buf out = SBX_BUF(MAX_TERSE), why = SBX_BUF(MAX_TERSE);
	bool missing = false;
	int r, status;

	memset(fw, 0, sizeof(*fw));
	if ((r = sbx_run(&run, &status, &out, &why, err)) == 0) {
		if (status == 0)
			see(fw, conf, sbx_buf_text(&out));
		else if ((r = table_missing(&missing, err)) == 0 && !missing)
			r = sbx_err_set(err, SBX_E_SYS,
				"nft: exit status %d", status);
	}
	if (r != 0)
		sbx_err_at(err, "firewall");
	sbx_buf_free(&out);
	sbx_buf_free(&why);
	return r;
}

int
sbx_firewall_ask(const char *const *words, size_t max, struct sbx_buf *out,
	int *status, struct sbx_err *err)
{
	const char *argv[16] = { NFT };
	struct sbx_run run = { .argv = argv, .max = max, .timeout = TIMEOUT };
	struct sbx_buf why = SBX_BUF(65536);
	size_t n = 1;
	int r;

	for (; *words != NULL && n + 1 < sizeof(argv) / sizeof(argv[0]); words++)
		argv[n++] = *words;
	argv[n] = NULL;
	if ((r = sbx_run(&run, status, out, &why, err)) != 0)
		sbx_err_at(err, "firewall");
	sbx_buf_free(&why);
	return r;
}
