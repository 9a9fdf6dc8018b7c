/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Guests: devices with plain WireGuard and no log of their own.  A guest talks
 * to one hub, its home; the other hubs have its address behind that one.
 */
#include <stdlib.h>
#include <string.h>

#include "base/base.h"
#include "json/json.h"
#include "crypto/crypto.h"
#include "mesh/mesh.h"
#include "mesh/settle.h"

int
sbx_mesh_take_guest(
	struct sbx_mesh *m, const struct sbx_json *row, struct sbx_err *err)
{
	const struct sbx_json *yes = sbx_json_get(row, "member");
	const char *name = sbx_json_str(row, "guest");
	const char *sponsor = sbx_json_str(row, "sponsor");
	const char *key = sbx_json_str(row, "pubkey_wg");
	const char *ip = sbx_json_str(row, "mesh_ip");
	struct sbx_mesh_guest g = { 0 };

	if (yes == NULL || yes->type != SBX_JSON_BOOL || name == NULL ||
		!sbx_name_check(name) || sponsor == NULL ||
		!sbx_did_check(sponsor, strlen(sponsor)) ||
		!sbx_json_time(row, "bound_at", &g.age.created) || key == NULL)
		return sbx_err_set(err, SBX_E_INPUT, "not a guest's row");
	if (!yes->yes || !sbx_mesh_place(m, sponsor, &g.age))
		return SBX_OK;
	if (!sbx_wgkey_parse(g.key, key, strlen(key)) || ip == NULL ||
		!sbx_ip4_parse(&g.addr, ip) || !sbx_net_host(&m->net, g.addr)) {
		sbx_mesh_note(m, "guest %s of %s is left out: its address is "
			"not in the mesh network", name, sponsor);
		return SBX_OK;
	}
	if (m->nguests == SBX_MAX_NODES)
		return sbx_err_set(err, SBX_E_INPUT, "too many guests");
	sbx_mesh_claim(m, "", key);
	snprintf(g.name, sizeof(g.name), "%s", name);
	snprintf(g.sponsor, sizeof(g.sponsor), "%s", sponsor);
	m->guests = sbx_mem_grow(m->guests, m->nguests + 1, sizeof(g));
	m->guests[m->nguests++] = g;
	return SBX_OK;
}

const struct sbx_mesh_node *
sbx_mesh_home(const struct sbx_mesh *m, const char *sponsor)
{
	const struct sbx_mesh_node *first = NULL;

	for (size_t i = 0; i < m->nnodes; i++) {
		if (!m->nodes[i].hub)
			continue;
		if (first == NULL)
			first = &m->nodes[i];
		if (strcmp(m->nodes[i].did, sponsor) == 0)
			return &m->nodes[i];
	}
	return first;
}

/* As nodes are: by their sponsors' places, which others have said, and by
 * their own dates last. */
static int
by_age(const void *a, const void *b)
{
	const struct sbx_mesh_guest *x = a, *y = b;
	int r = sbx_mesh_age_compare(&x->age, &y->age);

	return r != 0 ? r : memcmp(x->key, y->key, sizeof(x->key));
}

/* A node has the address or the key, or an older guest. */
static bool
taken(const struct sbx_mesh *m, size_t count, const struct sbx_mesh_guest *g)
{
	for (size_t i = 0; i < m->nnodes; i++)
		if (m->nodes[i].addr == g->addr ||
			memcmp(m->nodes[i].key, g->key, sizeof(g->key)) == 0)
			return true;
	for (size_t i = 0; i < count; i++)
		if (m->guests[i].addr == g->addr ||
			memcmp(m->guests[i].key, g->key, sizeof(g->key)) == 0)
			return true;
	return false;
}

void
sbx_mesh_settle_guests(struct sbx_mesh *m)
{
	struct sbx_mesh_guest *g;
	size_t kept = 0;

	if (m->nguests > 0)
		qsort(m->guests, m->nguests, sizeof(*m->guests), by_age);
	for (size_t i = 0; i < m->nguests; i++) {
		g = &m->guests[i];
		if (taken(m, kept, g)) {
			sbx_mesh_note(m, "guest %s of %s is left out: its "
				"address or key belongs to another", g->name,
				g->sponsor);
			continue;
		}
		g->home = sbx_mesh_home(m, g->sponsor);
		m->guests[kept++] = *g;
	}
	m->nguests = kept;
}

const char *
sbx_mesh_called(const struct sbx_mesh *m,
	const unsigned char key[static SBX_WG_KEY_BYTES])
{
	const struct sbx_mesh_node *n = sbx_mesh_by_key(m, key);

	if (n != NULL)
		return n->name;
	for (size_t i = 0; i < m->nguests; i++)
		if (memcmp(m->guests[i].key, key, SBX_WG_KEY_BYTES) == 0)
			return m->guests[i].name;
	return "?";
}
