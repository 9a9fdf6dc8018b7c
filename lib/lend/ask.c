/* SPDX-License-Identifier: Apache-2.0 */
/* A request to lend, use or take back, as an unprivileged caller words it:
 * every word of it is checked here, before anything is done. */
#include <arpa/inet.h>
#include <ifaddrs.h>
#include <string.h>

#include "base/base.h"
#include "json/json.h"
#include "crypto/crypto.h"
#include "node/node.h"
#include "apply/apply.h"
#include "lend/lend.h"

/* ---- addresses ---- */

/* Yes, too, when we cannot tell. */
static bool
is_ours(uint32_t addr)
{
	struct ifaddrs *list, *i;
	bool found = false;

	if (getifaddrs(&list) != 0)
		return true;
	for (i = list; i != NULL; i = i->ifa_next) {
		const struct sockaddr_in *in = (const void *)i->ifa_addr;

		if (in != NULL && in->sin_family == AF_INET &&
			ntohl(in->sin_addr.s_addr) == addr)
			found = true;
	}
	freeifaddrs(list);
	return found;
}

/* Of the mesh, of another box, and of one box only. */
static int
address_check(
	const struct sbx_conf *conf, const char *text, struct sbx_err *err)
{
	struct sbx_net net;
	uint32_t addr;

	if (text == NULL || !sbx_ip4_parse(&addr, text))
		return sbx_err_set(err, SBX_E_USAGE,
			"not an IPv4 address in its usual form");
	if (!sbx_net_parse(&net, conf->mesh_net))
		return sbx_err_set(err, SBX_E_USAGE, "mesh network: unclear");
	if (!sbx_net_host(&net, addr))
		return sbx_err_set(err, SBX_E_NO,
			"%s: not a box's address in the mesh %s", text,
			conf->mesh_net);
	if (is_ours(addr))
		return sbx_err_set(
			err, SBX_E_NO, "%s: this box's own address", text);
	return 0;
}

static int
endpoint_check(
	const struct sbx_conf *conf, const char *text, struct sbx_err *err)
{
	size_t len = strcspn(text, ":");
	char ip[SBX_IP4_SIZE];
	int r;

	if (!sbx_endpoint_check(text) || len >= sizeof(ip) || text[0] == '[')
		return sbx_err_set(
			err, SBX_E_USAGE, "endpoint: not ADDRESS:PORT");
	memcpy(ip, text, len);
	ip[len] = '\0';
	if ((r = address_check(conf, ip, err)) != 0)
		sbx_err_at(err, "endpoint");
	return r;
}

/* ---- the parts ---- */

static int
params_check(struct sbx_ask *a, struct sbx_err *err)
{
	const char *text = a->params != NULL ? a->params : "";
	size_t len = strlen(text);
	int r;

	if (len == 0 || len > SBX_MAX_MACRO_JSON)
		return sbx_err_set(err, SBX_E_USAGE,
			"parameters: none, or more than %d bytes",
			SBX_MAX_MACRO_JSON);
	if ((r = sbx_json_parse(text, len, NULL, &a->doc, err)) != 0 ||
		(r = sbx_canon_write(
			 &a->canon, sbx_doc_root(a->doc), NULL, err)) != 0) {
		sbx_err_at(err, "parameters");
		return r == SBX_E_INPUT ? err->code = SBX_E_USAGE : r;
	}
	return sbx_macro_params(&a->macro, sbx_doc_root(a->doc), &a->port, err);
}

/* The port of the directory must stay open to all, or one grant of it would
 * shut the mesh out. */
int
sbx_ask_port(const struct sbx_conf *conf, int port, struct sbx_err *err)
{
	if (port == conf->dir_port || port == conf->grant_port ||
		port == conf->mesh_port)
		return sbx_err_set(err, SBX_E_NO,
			"port %d: the mesh itself needs it", port);
	return 0;
}

static int
sub_check(const char *sub, struct sbx_err *err)
{
	if (sub == NULL || !sbx_did_check(sub, strlen(sub)))
		return sbx_err_set(
			err, SBX_E_USAGE, "subscriber: not a did:plc: name");
	return 0;
}

static int
id_check(const char *what, const char *text, struct sbx_err *err)
{
	unsigned char id[SBX_HASH_BYTES];

	if (!sbx_hex_parse(id, sizeof(id), text, strlen(text)))
		return sbx_err_set(err, SBX_E_USAGE,
			"%s: not 64 lower-case hex digits", what);
	return 0;
}

static int
kind_check(const char *kind, struct sbx_err *err)
{
	if (kind == NULL || !sbx_kind_check(kind))
		return sbx_err_set(err, SBX_E_USAGE,
			"kind: not a lower-case name of 2 to 32 characters");
	return 0;
}

/* ---- the requests ---- */

void
sbx_ask_granted(const struct sbx_ask *a, struct sbx_granted *g)
{
	*g = (struct sbx_granted){ .params = a->canon.data };
	snprintf(g->kind, sizeof(g->kind), "%s", a->kind);
	snprintf(g->sub, sizeof(g->sub), "%s", a->sub);
	snprintf(g->service, sizeof(g->service), "%s",
		a->service != NULL ? a->service : "");
	snprintf(g->subscription, sizeof(g->subscription), "%s",
		a->subscription != NULL ? a->subscription : "");
	snprintf(g->lend.ip, sizeof(g->lend.ip), "%s", a->ip);
	g->lend.proto = a->macro.proto;
	g->lend.port = a->port;
}

int
sbx_ask_grant(
	struct sbx_ask *a, const struct sbx_conf *conf, struct sbx_err *err)
{
	struct sbx_granted g;
	int r;

	if ((r = kind_check(a->kind, err)) != 0 ||
		(r = sub_check(a->sub, err)) != 0 ||
		(r = address_check(conf, a->ip, err)) != 0 ||
		(a->service != NULL &&
			(r = id_check("service", a->service, err)) != 0) ||
		(a->subscription != NULL &&
			(r = id_check("subscription", a->subscription, err)) !=
				0))
		return r;
	if (a->ttl_text == NULL ||
		!sbx_num_parse(&a->ttl, a->ttl_text, SBX_MIN_TTL, SBX_MAX_TTL))
		return sbx_err_set(err, SBX_E_USAGE,
			"time to live: not a number from %d to %d", SBX_MIN_TTL,
			SBX_MAX_TTL);
	if ((r = sbx_macro_open(conf->macros, a->kind, &a->macro, err)) != 0 ||
		(r = params_check(a, err)) != 0 ||
		(r = sbx_ask_port(conf, a->port, err)) != 0)
		return r;
	sbx_ask_granted(a, &g);
	return sbx_grant_check(conf, &g, err);
}

int
sbx_ask_activate(
	struct sbx_ask *a, const struct sbx_conf *conf, struct sbx_err *err)
{
	int r;

	if (a->service == NULL)
		return sbx_err_set(err, SBX_E_USAGE, "--service is missing");
	if ((r = kind_check(a->kind, err)) != 0 ||
		(r = id_check("service", a->service, err)) != 0 ||
		(a->endpoint != NULL &&
			(r = endpoint_check(conf, a->endpoint, err)) != 0) ||
		(r = sbx_macro_open(conf->macros, a->kind, &a->macro, err)) !=
			0)
		return r;
	return params_check(a, err);
}

/* What was activated can be undone whatever the offer says by now. */
int
sbx_ask_deactivate(struct sbx_ask *a, const struct sbx_conf *conf,
	struct sbx_err *err)
{
	int r;

	a->params = a->endpoint = NULL;
	if (a->service == NULL)
		return sbx_err_set(err, SBX_E_USAGE, "--service is missing");
	if ((r = kind_check(a->kind, err)) != 0 ||
		(r = id_check("service", a->service, err)) != 0)
		return r;
	return sbx_macro_open(conf->macros, a->kind, &a->macro, err);
}

/* The plugin need not be there any more: what it opened is closed all the
 * same. */
int
sbx_ask_revoke(
	struct sbx_ask *a, const struct sbx_conf *conf, struct sbx_err *err)
{
	uint32_t addr;
	int r;

	(void)conf;
	if (a->sub == NULL && a->ip == NULL && a->service == NULL)
		return sbx_err_set(err, SBX_E_USAGE,
			"whose? --sub, --src-ip or --service is missing");
	if ((r = kind_check(a->kind, err)) != 0 ||
		(a->sub != NULL && (r = sub_check(a->sub, err)) != 0) ||
		(a->service != NULL &&
			(r = id_check("service", a->service, err)) != 0))
		return r;
	/* An address that is ours, or outside, by now may have been lent to. */
	if (a->ip != NULL && !sbx_ip4_parse(&addr, a->ip))
		return sbx_err_set(err, SBX_E_USAGE, "not an IPv4 address");
	return 0;
}

void
sbx_ask_free(struct sbx_ask *a)
{
	if (a == NULL)
		return;
	sbx_macro_close(&a->macro);
	sbx_doc_free(a->doc);
	sbx_buf_free(&a->canon);
	a->doc = NULL;
}
