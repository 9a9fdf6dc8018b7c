/* SPDX-License-Identifier: Apache-2.0 */
/* Whose log there is to pull: the configured peers, or the directory's nodes.
 */
#include <stdlib.h>
#include <string.h>

#include "base/base.h"
#include "json/json.h"
#include "crypto/crypto.h"
#include "ledger/ledger.h"
#include "directory/directory.h"
#include "node/node.h"
#include "exchange/exchange.h"

/* A member may write any address into its NodeRecord: one outside the mesh
 * would have us knock at other people's doors, or at our own. */
static bool
in_mesh(const struct sbx_conf *conf, const char *text)
{
	struct sbx_net net;
	uint32_t addr;

	return sbx_net_parse(&net, conf->mesh_net) &&
	       sbx_ip4_parse(&addr, text) && sbx_net_host(&net, addr);
}

static void
add(struct sbx_peers *p, const char *name, const char *url, const char *did,
	const char *box)
{
	p->list = sbx_mem_grow(p->list, p->count + 1, sizeof(*p->list));
	p->list[p->count++] =
		(struct sbx_peer){ sbx_mem_text(name, strlen(name)),
			sbx_mem_text(url, strlen(url)),
			did != NULL ? sbx_mem_text(did, strlen(did)) : NULL,
			box != NULL ? sbx_mem_text(box, strlen(box)) : NULL,
			did != NULL, false };
}

struct scan {
	const struct sbx_conf *conf;
	const char *self;
	const struct sbx_names *names;
	struct sbx_peers *p;
};

static int
node_row(void *ctx, const struct sbx_json *row, struct sbx_err *err)
{
	const char *did = sbx_json_str(row, "did");
	const char *ip = sbx_json_str(row, "mesh_ip");
	struct scan *s = ctx;
	const char *name;
	bool sure = false;
	char url[64];

	(void)err;
	if (!sbx_json_yes(row, "member") || did == NULL || ip == NULL ||
		strcmp(did, s->self) == 0 || !in_mesh(s->conf, ip))
		return SBX_OK;
	snprintf(url, sizeof(url), "http://%s:%d/", ip, s->conf->dir_port);
	name = sbx_names_get(s->names, did, &sure);
	add(s->p, name != NULL && sure ? name : did, url, did,
		sbx_json_str(row, "boxname"));
	s->p->list[s->p->count - 1].hub = sbx_json_str(row, "endpoint") != NULL;
	return SBX_OK;
}

int
sbx_peers_load(const struct sbx_conf *conf, struct sbx_log *log,
	struct sbx_peers *p, struct sbx_err *err)
{
	struct sbx_state *st = NULL;
	char self[SBX_DID_SIZE];
	struct sbx_names *names = NULL;
	struct scan s = { conf, self, NULL, p };
	int r;

	*p = (struct sbx_peers){ 0 };
	for (size_t i = 0; i < conf->npeers; i++)
		add(p, conf->peers[i].name, conf->peers[i].url, NULL, NULL);
	if ((r = sbx_log_self(log, self, err)) == 0 &&
		(r = sbx_state_open(log, &st, err)) == 0 &&
		(r = sbx_names_load(st, &names, err)) == 0) {
		s.names = names;
		r = sbx_state_each(st, SBX_VIEW_NODE, NULL, node_row, &s, err);
	}
	sbx_names_free(names);
	sbx_state_free(st);
	if (r != 0)
		sbx_peers_free(p);
	return r;
}

static bool
called(const struct sbx_peer *p, const char *name)
{
	return strcmp(p->name, name) == 0 ||
	       (p->did != NULL && strcmp(p->did, name) == 0) ||
	       (p->box != NULL && strcmp(p->box, name) == 0);
}

int
sbx_peers_find(const struct sbx_peers *p, const char *name,
	const struct sbx_peer **peer, struct sbx_err *err)
{
	const struct sbx_peer *found = NULL;

	for (size_t i = 0; i < p->count; i++) {
		if (!called(&p->list[i], name))
			continue;
		/* What the administrator wrote is no rival to a claim. */
		if (found != NULL && !found->node)
			continue;
		if (found != NULL)
			return sbx_err_set(err, SBX_E_USAGE,
				"two nodes are called %.60s", name);
		found = &p->list[i];
	}
	if (found == NULL) {
		sbx_err_set(
			err, SBX_E_USAGE, "no peer, node or file %.200s", name);
		return SBX_E_USAGE;
	}
	*peer = found;
	return SBX_OK;
}

void
sbx_peers_free(struct sbx_peers *p)
{
	for (size_t i = 0; i < p->count; i++) {
		free(p->list[i].name);
		free(p->list[i].url);
		free(p->list[i].did);
		free(p->list[i].box);
	}
	free(p->list);
	*p = (struct sbx_peers){ 0 };
}

int
sbx_peer_address(const char *arg, struct sbx_err *err)
{
	if (strstr(arg, "://") == NULL || strpbrk(arg, "?#") == NULL)
		return SBX_OK;
	sbx_err_set(err, SBX_E_USAGE, "%.200s: an address with ? or # in it",
		arg);
	sbx_err_hint(err, "give that of the site, as far as its directory: "
		"http://HOST:PORT/");
	return SBX_E_USAGE;
}

void
sbx_peer_hint(struct sbx_err *err)
{
	if (err->hint[0] != '\0' || err->code != SBX_E_SYS)
		return;
	if (strstr(err->text, "connection refused") != NULL)
		sbx_err_hint(err, "on that box: systemctl start sbx-publish "
			"sbx-directory");
	else if (strstr(err->text, "too slow") != NULL ||
		strstr(err->text, "no route") != NULL ||
		strstr(err->text, "unreachable") != NULL)
		sbx_err_hint(err, "is the mesh up?  sudo sbx-mesh-up show");
}
