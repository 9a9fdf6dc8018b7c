/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Lending's part of our table: the sets `lend` and `ports`.
 *
 * Nothing reaches nft(8) but numbers and addresses printed by inet_ntop(3):
 * nft takes host names for addresses, reads 010.9.0.8 as octal, and makes an
 * element with a timeout of 0 permanent, all with exit status 0.
 */
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "base/base.h"
#include "json/json.h"
#include "node/node.h"
#include "apply/apply.h"
#include "lend/lend.h"

#define MAX_BATCH   (1u << 20)
#define MAX_LISTING (8u << 20)
#define FEW	    8 /* elements that are asked for one by one */

/* 4096 elements of a dozen members each. */
static const struct sbx_json_limits limits = {
	.bytes = MAX_LISTING,
	.depth = 16,
	.keys = 1u << 17,
};

/* ---- reading ---- */

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

/* The elements of one set, appended to list. */
static int
set_read(const char *name, bool addr, struct sbx_lend **list, size_t *count,
	struct sbx_err *err)
{
	const char *const words[] = { "-n", "-j", "list", "set", "inet", "sbx",
		name, NULL };
	struct sbx_buf out = SBX_BUF(MAX_LISTING);
	const struct sbx_json *v;
	struct sbx_doc *doc = NULL;
	struct sbx_lend *l;
	int r, status = 0;

	if ((r = sbx_firewall_ask(words, MAX_LISTING, &out, &status, err)) != 0)
		goto out;
	/* nft 1.0.6 writes no JSON of some tables: its fault, not a caller's. */
	if (status != 0 || sbx_json_parse(sbx_buf_text(&out), out.len, &limits,
				   &doc, NULL) != 0) {
		r = sbx_err_set(err, SBX_E_SYS,
			"firewall: set %s: no sound answer from nft", name);
		goto out;
	}
	v = sbx_json_get(sbx_doc_root(doc), "nftables");
	for (v = v != NULL ? v->child : NULL; v != NULL; v = v->next)
		if (sbx_json_get(v, "set") != NULL)
			break;
	v = sbx_json_get(sbx_json_get(v, "set"), "elem");
	if (v == NULL)
		goto out;
	*list = sbx_mem_grow(*list, *count + v->count + 1, sizeof(**list));
	for (v = v->child; v != NULL && r == 0; v = v->next) {
		l = &(*list)[*count];
		memset(l, 0, sizeof(*l));
		if (addr ? lend_read(v, l) : key_read(v, false, l))
			(*count)++;
		else
			r = sbx_err_set(err, SBX_E_SYS,
				"firewall: set %s: an element that is not ours",
				name);
	}
out:
	sbx_doc_free(doc);
	sbx_buf_free(&out);
	return r;
}

int
sbx_nft_read(
	const struct sbx_conf *conf, struct sbx_nft *nft, struct sbx_err *err)
{
	struct sbx_err why = { 0 };
	int r;

	memset(nft, 0, sizeof(*nft));
	if ((r = sbx_firewall_see(conf, &nft->fw, err)) != 0 || !nft->fw.there)
		return r;
	if ((r = set_read("lend", true, &nft->lend, &nft->nlend, &why)) == 0)
		r = set_read("ports", false, &nft->ports, &nft->nports, &why);
	if (r == 0)
		return 0;
	/* Sets of another's making hold nothing of ours. */
	if (nft->fw.wrong[0] != '\0') {
		free(nft->lend);
		free(nft->ports);
		nft->lend = nft->ports = NULL;
		nft->nlend = nft->nports = 0;
		return 0;
	}
	sbx_nft_free(nft);
	*err = why;
	return r;
}

/* ---- loading ---- */

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

/* Is it there exactly when it should be?  With one query each for a few: a
 * grant is to cost the same whether it is the first or one of thousands. */
static int
element_check(const struct sbx_lend *l, struct sbx_err *err)
{
	struct sbx_buf text = SBX_BUF(128), out = SBX_BUF(65536);
	const char *words[] = { "get", "element", "inet", "sbx", "lend", NULL,
		NULL };
	int r, status = 0;

	sbx_buf_fmt(&text, "{ %s . %d . %d }", l->ip, l->proto, l->port);
	words[5] = sbx_buf_text(&text);
	if ((r = sbx_firewall_ask(words, 65536, &out, &status, err)) == 0 &&
		(status == 0) != (l->left > 0))
		r = sbx_err_set(err, SBX_E_SYS,
			"firewall: loaded, but %s port %d is %s for %s",
			sbx_proto_name(l->proto), l->port,
			l->left > 0 ? "not open" : "still open", l->ip);
	sbx_buf_free(&text);
	sbx_buf_free(&out);
	return r;
}

static bool
has(const struct sbx_nft *nft, const struct sbx_lend *l)
{
	for (size_t i = 0; i < nft->nlend; i++)
		if (nft->lend[i].proto == l->proto &&
			nft->lend[i].port == l->port &&
			strcmp(nft->lend[i].ip, l->ip) == 0)
			return true;
	return false;
}

static int
read_back(const struct sbx_conf *conf, const struct sbx_lend *lend, size_t n,
	struct sbx_err *err)
{
	struct sbx_nft nft;
	size_t i;
	int r = 0;

	if (n <= FEW) {
		for (i = 0; i < n && r == 0; i++)
			r = element_check(&lend[i], err);
		return r;
	}
	if ((r = sbx_nft_read(conf, &nft, err)) != 0)
		return r;
	for (i = 0; i < n && r == 0; i++)
		if (has(&nft, &lend[i]) != (lend[i].left > 0))
			r = element_check(&lend[i], err);
	sbx_nft_free(&nft);
	return r;
}

int
sbx_nft_load(const struct sbx_conf *conf, bool anew,
	const struct sbx_lend *ports, size_t nports, const struct sbx_lend *lend, size_t nlend,
	struct sbx_err *err)
{
	struct sbx_buf b = SBX_BUF(MAX_BATCH);
	size_t i;
	int r = 0;

	sbx_buf_str(&b, "flush set inet sbx ports\n");
	for (i = 0; i < nports; i++)
		sbx_buf_fmt(&b, "add element inet sbx ports { %d . %d }\n",
			ports[i].proto, ports[i].port);
	for (i = 0; i < nlend && r == 0; i++)
		r = put_lend(&b, &lend[i], err);
	if (r == 0 && (r = sbx_firewall_load(conf, anew, &b, err)) == 0)
		r = read_back(conf, lend, nlend, err);
	sbx_buf_free(&b);
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
