/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Our table `inet sbx`, and nobody else's.  An accept in it ends only its own
 * chain, so it can restrict what the host lets in and never widen it.
 *
 * Nothing reaches nft(8) but numbers and addresses printed by inet_ntop(3):
 * nft takes host names for addresses, reads 010.9.0.8 as octal, and makes an
 * element with a timeout of 0 permanent, all with exit status 0.
 */
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "sbx.h"

#define NFT         "/usr/sbin/nft"
#define MAX_BATCH   (1u << 20)
#define MAX_LISTING (8u << 20)
#define TIMEOUT     10000

/* 4096 elements of a dozen members each, and the nesting of nft's rules. */
static const struct sbx_json_limits limits = {
	.bytes = MAX_LISTING,
	.depth = 16,
	.keys = 1u << 17,
};

/* The rules as nft -n -j prints them, after the match of the interface. */
#define PROTO "{\"meta\":{\"key\":\"l4proto\"}}"
#define DPORT "{\"payload\":{\"field\":\"dport\",\"protocol\":\"th\"}}"
#define SADDR "{\"payload\":{\"field\":\"saddr\",\"protocol\":\"ip\"}}"
#define IN_PORTS                                                               \
	"{\"match\":{\"left\":{\"concat\":[" PROTO "," DPORT "]},"             \
	"\"op\":\"==\",\"right\":\"@ports\"}}"

static const char *const rules[] = {
	"{\"match\":{\"left\":{\"concat\":[" SADDR "," PROTO "," DPORT
	"]},\"op\":\"==\",\"right\":\"@lend\"}},{\"accept\":null}]",
	IN_PORTS
	",{\"match\":{\"left\":" PROTO
	",\"op\":\"==\",\"right\":6}},{\"reject\":{\"type\":\"tcp reset\"}}]",
	IN_PORTS ",{\"drop\":null}]",
};
#define NRULES (sizeof(rules) / sizeof(rules[0]))

const char *
sbx_proto_name(int proto)
{
	return proto == IPPROTO_TCP ? "tcp" : "udp";
}

/* Idempotent, so that one batch makes the table, repairs it and leaves it as
 * it is; the kernel applies all of it or nothing.  A connection of a revoked
 * peer gets a reset, or silence where there is no such thing, at its next
 * packet: the rules ask the set each time and never conntrack. */
static void
put_table(struct sbx_buf *b, const char *mesh_if)
{
	sbx_buf_fmt(b,
		"add table inet sbx\n"
		"add set inet sbx lend { type ipv4_addr . inet_proto . "
		"inet_service; flags timeout; size %d; counter; }\n"
		"add set inet sbx ports { type inet_proto . inet_service; "
		"size %d; }\n"
		"add chain inet sbx input { type filter hook input "
		"priority -5; policy accept; }\n"
		"flush chain inet sbx input\n",
		SBX_MAX_GRANTS, SBX_MAX_PORTS);
	sbx_buf_fmt(b,
		"add rule inet sbx input iifname \"%s\" "
		"ip saddr . meta l4proto . th dport @lend accept\n"
		"add rule inet sbx input iifname \"%s\" "
		"meta l4proto . th dport @ports "
		"meta l4proto 6 reject with tcp reset\n"
		"add rule inet sbx input iifname \"%s\" "
		"meta l4proto . th dport @ports drop\n",
		mesh_if, mesh_if, mesh_if);
}

/* Add, delete, add: older kernels keep an element's old timeout when it is
 * added again, and `destroy` (delete, if it is there) needs nft 1.0.8. */
static int
put_lend(struct sbx_buf *b, const struct sbx_lend *l, struct sbx_err *err)
{
	char ip[SBX_IP4_SIZE];
	uint32_t addr;

	if (!sbx_ip4_parse(&addr, l->ip))
		return sbx_err_set(
			err, SBX_E_USAGE, "%s: not an address", l->ip);
	sbx_ip4_write(ip, addr);
	if (l->left > SBX_MAX_TTL)
		return sbx_err_set(err, SBX_E_USAGE,
			"%s: longer than a grant may last", ip);
	sbx_buf_fmt(b,
		"add element inet sbx lend { %s . %d . %d timeout 60s }\n"
		"delete element inet sbx lend { %s . %d . %d }\n",
		ip, l->proto, l->port, ip, l->proto, l->port);
	if (l->left > 0)
		sbx_buf_fmt(b,
			"add element inet sbx lend "
			"{ %s . %d . %d timeout %ds }\n",
			ip, l->proto, l->port, (int)l->left);
	return 0;
}

int
sbx_nft_load(const char *mesh_if, const struct sbx_lend *ports, size_t nports,
	const struct sbx_lend *lend, size_t nlend, struct sbx_err *err)
{
	static const char *const argv[] = { NFT, "-f", "-", NULL };
	struct sbx_buf b = SBX_BUF(MAX_BATCH);
	struct sbx_run run = { .argv = argv, .max = 65536, .timeout = TIMEOUT };
	size_t i;
	int r = 0;

	if (!sbx_if_check(mesh_if))
		return sbx_err_set(err, SBX_E_USAGE,
			"mesh interface: not an interface name");
	put_table(&b, mesh_if);
	sbx_buf_str(&b, "flush set inet sbx ports\n");
	for (i = 0; i < nports; i++)
		sbx_buf_fmt(&b, "add element inet sbx ports { %d . %d }\n",
			ports[i].proto, ports[i].port);
	for (i = 0; i < nlend && r == 0; i++)
		r = put_lend(&b, &lend[i], err);
	if (r == 0 && b.over)
		r = sbx_err_set(err, SBX_E_SYS, "nft: batch too long");
	run.in = b.data;
	run.inlen = b.len;
	if (r == 0 && (r = sbx_run_ok(&run, NULL, err)) != 0)
		sbx_err_at(err, "firewall");
	sbx_buf_free(&b);
	return r;
}

/* ---- reading it back ---- */

/* "tcp" or 6: nft asks /etc/protocols, which need not be there. */
static int
proto_read(const struct sbx_json *v)
{
	int64_t n;

	if (sbx_json_is(v, "tcp"))
		return IPPROTO_TCP;
	if (sbx_json_is(v, "udp"))
		return IPPROTO_UDP;
	return sbx_json_int(v, 0, 255, &n) ? (int)n : -1;
}

/* {"concat": [address,] protocol, port} */
static bool
key_read(const struct sbx_json *v, bool addr, struct sbx_lend *l)
{
	const struct sbx_json *c = sbx_json_get(v, "concat");
	int64_t port;

	if (c == NULL || c->count != (addr ? 3 : 2))
		return false;
	c = c->child;
	if (addr) {
		if (c->type != SBX_JSON_STRING || c->len >= sizeof(l->ip))
			return false;
		memcpy(l->ip, c->text, c->len + 1);
		c = c->next;
	}
	l->proto = proto_read(c);
	if (l->proto < 0 || !sbx_json_int(c->next, 0, 65535, &port))
		return false;
	l->port = (int)port;
	return true;
}

static bool
lend_read(const struct sbx_json *v, struct sbx_lend *l)
{
	const struct sbx_json *e = sbx_json_get(v, "elem");

	/* An element without a timeout is none of ours: left stays -1. */
	l->left = -1;
	if (e == NULL)
		return key_read(v, true, l);
	if (!key_read(sbx_json_get(e, "val"), true, l))
		return false;
	sbx_json_int(sbx_json_get(e, "expires"), 0, INT64_C(1) << 40, &l->left);
	sbx_json_int(sbx_json_get(sbx_json_get(e, "counter"), "bytes"), 0,
		INT64_MAX, &l->bytes);
	return true;
}

static bool
set_read(const struct sbx_json *set, bool addr, struct sbx_lend **list,
	size_t *count)
{
	const struct sbx_json *v = sbx_json_get(set, "elem");

	if (v == NULL)
		return true;
	*list = sbx_mem_grow(*list, *count + v->count + 1, sizeof(**list));
	for (v = v->child; v != NULL; v = v->next) {
		struct sbx_lend *l = &(*list)[*count];

		memset(l, 0, sizeof(*l));
		if (!(addr ? lend_read(v, l) : key_read(v, false, l)))
			return false;
		(*count)++;
	}
	return true;
}

static bool
type_is(const struct sbx_json *set, const char *type)
{
	struct sbx_buf b = SBX_BUF(256);
	bool same;

	same = sbx_json_get(set, "type") != NULL &&
	       sbx_canon_write(&b, sbx_json_get(set, "type"), NULL, NULL) ==
		       0 &&
	       strcmp(sbx_buf_text(&b), type) == 0;
	sbx_buf_free(&b);
	return same;
}

static const char *
see_set(struct sbx_nft *nft, const struct sbx_json *set)
{
	const char *name = sbx_json_str(set, "name");
	const struct sbx_json *flags = sbx_json_get(set, "flags");

	if (name != NULL && strcmp(name, "lend") == 0) {
		if (!type_is(set, "[\"ipv4_addr\",\"inet_proto\","
				  "\"inet_service\"]") ||
			flags == NULL || flags->count != 1 ||
			!sbx_json_is(flags->child, "timeout"))
			return "set lend: not as we make it";
		return set_read(set, true, &nft->lend, &nft->nlend)
			       ? NULL
			       : "set lend: an element that is not ours";
	}
	if (name != NULL && strcmp(name, "ports") == 0) {
		if (!type_is(set, "[\"inet_proto\",\"inet_service\"]"))
			return "set ports: not as we make it";
		return set_read(set, false, &nft->ports, &nft->nports)
			       ? NULL
			       : "set ports: an element that is not ours";
	}
	return "a set that is not ours";
}

static const char *
see_chain(const struct sbx_json *chain)
{
	int64_t prio;

	if (!sbx_json_is(sbx_json_get(chain, "name"), "input"))
		return "a chain that is not ours";
	if (!sbx_json_is(sbx_json_get(chain, "type"), "filter") ||
		!sbx_json_is(sbx_json_get(chain, "hook"), "input") ||
		!sbx_json_is(sbx_json_get(chain, "policy"), "accept") ||
		!sbx_json_int(sbx_json_get(chain, "prio"), -5, -5, &prio))
		return "chain input: not hooked as we make it";
	return NULL;
}

static const char *
see_rule(const struct sbx_json *rule, const char *mesh_if, size_t number)
{
	struct sbx_buf is = SBX_BUF(4096), want = SBX_BUF(4096);
	const struct sbx_json *expr = sbx_json_get(rule, "expr");
	bool same = false;

	if (number < NRULES && expr != NULL) {
		sbx_buf_fmt(&want,
			"[{\"match\":{\"left\":{\"meta\":{\"key\":"
			"\"iifname\"}},\"op\":\"==\",\"right\":\"%s\"}},",
			mesh_if);
		sbx_buf_str(&want, rules[number]);
		same = sbx_canon_write(&is, expr, NULL, NULL) == 0 &&
		       strcmp(sbx_buf_text(&is), sbx_buf_text(&want)) == 0;
	}
	sbx_buf_free(&is);
	sbx_buf_free(&want);
	return same ? NULL : "chain input: a rule that is not ours";
}

static void
see(struct sbx_nft *nft, const struct sbx_json *root, const char *mesh_if)
{
	const struct sbx_json *v = sbx_json_get(root, "nftables"), *o;
	size_t sets = 0, chains = 0, nrules = 0;

	for (v = v != NULL ? v->child : NULL; v != NULL; v = v->next) {
		const char *wrong = NULL;

		if ((o = sbx_json_get(v, "table")) != NULL) {
			nft->there = true;
		} else if ((o = sbx_json_get(v, "set")) != NULL) {
			wrong = see_set(nft, o);
			sets++;
		} else if ((o = sbx_json_get(v, "chain")) != NULL) {
			wrong = see_chain(o);
			chains++;
		} else if ((o = sbx_json_get(v, "rule")) != NULL) {
			wrong = see_rule(o, mesh_if, nrules++);
		}
		if (wrong != NULL && nft->wrong == NULL)
			nft->wrong = wrong;
	}
	if (nft->wrong == NULL && (sets < 2 || chains < 1 || nrules < NRULES))
		nft->wrong = "a part of it is missing";
}

/* Tell "there is no table" from "nft does not work": its exit status is the
 * same, its words are not promised. */
static int
table_missing(bool *missing, struct sbx_err *err)
{
	static const char *const argv[] = { NFT, "-j", "list", "tables", "inet",
		NULL };
	struct sbx_run run = {
		.argv = argv, .max = 1u << 20, .timeout = TIMEOUT
	};
	struct sbx_buf out = SBX_BUF(1u << 20);
	struct sbx_doc *doc = NULL;
	const struct sbx_json *v;
	int r;

	if ((r = sbx_run_ok(&run, &out, err)) == 0 &&
		(r = sbx_json_parse(sbx_buf_text(&out), out.len, &limits, &doc,
			 err)) == 0) {
		*missing = true;
		v = sbx_json_get(sbx_doc_root(doc), "nftables");
		for (v = v != NULL ? v->child : NULL; v != NULL; v = v->next)
			if (sbx_json_is(sbx_json_get(sbx_json_get(v, "table"),
						"name"),
				    "sbx"))
				*missing = false;
	}
	sbx_doc_free(doc);
	sbx_buf_free(&out);
	return r;
}

int
sbx_nft_read(const char *mesh_if, struct sbx_nft *nft, struct sbx_err *err)
{
	static const char *const argv[] = { NFT, "-n", "-j", "list", "table",
		"inet", "sbx", NULL };
	struct sbx_run run = {
		.argv = argv, .max = MAX_LISTING, .timeout = TIMEOUT
	};
	struct sbx_buf out = SBX_BUF(MAX_LISTING), why = SBX_BUF(65536);
	struct sbx_doc *doc = NULL;
	bool missing = false;
	int r, status;

	memset(nft, 0, sizeof(*nft));
	if ((r = sbx_run(&run, &status, &out, &why, err)) != 0)
		goto out;
	if (status != 0) {
		if ((r = table_missing(&missing, err)) == 0 && !missing)
			r = sbx_err_set(
				err, SBX_E_SYS, "nft: exit status %d", status);
		goto out;
	}
	if ((r = sbx_json_parse(
		     sbx_buf_text(&out), out.len, &limits, &doc, err)) == 0)
		see(nft, sbx_doc_root(doc), mesh_if);
out:
	if (r != 0) {
		sbx_err_at(err, "firewall");
		sbx_nft_free(nft);
	}
	sbx_doc_free(doc);
	sbx_buf_free(&out);
	sbx_buf_free(&why);
	return r;
}

void
sbx_nft_free(struct sbx_nft *nft)
{
	if (nft == NULL)
		return;
	free(nft->lend);
	free(nft->ports);
	memset(nft, 0, sizeof(*nft));
}
