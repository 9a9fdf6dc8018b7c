/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The plan of the mesh.  Hubs are the nodes that others can reach, and have
 * every node as a peer with its one address.  The others have a session with
 * each hub, and the whole network behind one of them; two of one LAN have each
 * other besides.
 */
#include <stdlib.h>
#include <string.h>

#include "base/base.h"
#include "mesh/mesh.h"
#include "mesh/settle.h"

static const struct sbx_wg_peer *
live(const struct sbx_mesh *m, const struct sbx_mesh_node *n)
{
	for (size_t i = 0; m->live != NULL && i < m->live->npeers; i++)
		if (memcmp(m->live->peers[i].key, n->key, sizeof(n->key)) == 0)
			return &m->live->peers[i];
	return NULL;
}

bool
sbx_mesh_heard(
	const struct sbx_mesh *m, const struct sbx_mesh_node *n, int within)
{
	const struct sbx_wg_peer *p = live(m, n);

	return p != NULL && p->handshake != 0 &&
		m->now - p->handshake < within;
}

/* ---- what each node is ---- */

/* A private address is reached from its own network alone, so that it makes no
 * hub of a node; but the first address always is the founder's hub. */
static void
judge_node(struct sbx_mesh *m, struct sbx_mesh_node *n)
{
	char ip[SBX_IP_SIZE] = "";

	n->hub = n->addr == m->net.addr + 1 || n->ddns[0] != '\0';
	if (n->endpoint[0] == '\0' || !sbx_endpoint_ip(ip, n->endpoint))
		return;
	if (!sbx_ip_private(ip))
		n->hub = true;
	for (size_t i = 0; i < m->nlinks; i++)
		n->lan = n->lan || sbx_ip_in(ip, m->links[i].text);
}

/* ---- which hub ---- */

static bool
listed(const char *order, const char *word, size_t len)
{
	return strlen(word) == len && memcmp(order, word, len) == 0;
}

/* The place of a hub in the order, from 1 by sbx.conf, behind them by address;
 * 0 for the gate, SIZE_MAX when sbx.conf leaves it out. */
static size_t
place(const struct sbx_mesh *m, const struct sbx_mesh_node *n)
{
	const char *at = m->order;
	size_t len, i = 1;

	if (strcmp(n->did, m->gate) == 0)
		return 0;
	if (at == NULL || *at == '\0')
		return 1 + (size_t)(n - m->nodes);
	for (at += strspn(at, " \t"); *at != '\0'; i++) {
		len = strcspn(at, " \t");
		if (listed(at, n->name, len) || listed(at, n->did, len))
			return i;
		at += len;
		at += strspn(at, " \t");
	}
	return SIZE_MAX;
}

/* The first that is heard, else the first. */
static const struct sbx_mesh_node *
choose_hub(const struct sbx_mesh *m)
{
	const struct sbx_mesh_node *best = NULL, *n;
	size_t at, best_at = SIZE_MAX;
	bool up, best_up = false;

	for (size_t i = 0; i < m->nnodes; i++) {
		n = &m->nodes[i];
		if (!n->hub || n == m->me || (at = place(m, n)) == SIZE_MAX)
			continue;
		up = sbx_mesh_heard(m, n, SBX_MESH_STALE);
		if (best == NULL || up > best_up ||
			(up == best_up && at < best_at)) {
			best = n;
			best_at = at;
			best_up = up;
		}
	}
	return best;
}

/* ---- where a peer is looked for ---- */

/* Where it was heard last, as long as it is; then the next of where it may be,
 * so that one that moved is found however many places there are. */
static void
endpoint_of(const struct sbx_mesh *m, const struct sbx_mesh_node *n,
	char out[static SBX_ENDPOINT_SIZE])
{
	const char *all[] = { n->found[0], n->found[1], n->endpoint }, *list[3];
	const struct sbx_wg_peer *p = live(m, n);
	size_t count = 0, next = 0;

	for (size_t i = 0; i < 3; i++)
		if (all[i][0] != '\0')
			list[count++] = all[i];
	out[0] = '\0';
	if (count == 0)
		return;
	if (p != NULL && !sbx_mesh_heard(m, n, SBX_MESH_LOOK))
		for (size_t i = 0; i < count; i++)
			if (strcmp(p->endpoint, list[i]) == 0)
				next = (i + 1) % count;
	memcpy(out, list[next], SBX_ENDPOINT_SIZE);
}

/* ---- peers ---- */

static void
allow(struct sbx_buf *b, const char *ip, int bits)
{
	sbx_buf_fmt(b, "%s%s/%d", b->len > 0 ? "," : "", ip, bits);
}

/* Its own addresses. */
static void
allow_node(const struct sbx_mesh *m, const struct sbx_mesh_node *n,
	struct sbx_buf *b)
{
	char ip[SBX_IP4_SIZE], six[SBX_ULA_SIZE];

	sbx_ip4_write(ip, n->addr);
	allow(b, ip, 32);
	if (m->ula[0] != '\0') {
		sbx_ula(six, m->founder, n->did);
		allow(b, six, 128);
	}
}

static void
allow_all(const struct sbx_mesh *m, struct sbx_buf *b)
{
	char ip[SBX_IP4_SIZE];

	sbx_ip4_write(ip, m->net.addr);
	allow(b, ip, m->net.bits);
	if (m->ula[0] != '\0')
		allow(b, m->ula, 64);
}

static void
add_peer(struct sbx_mesh *m, const struct sbx_mesh_node *n,
	const struct sbx_buf *allowed, int keepalive)
{
	struct sbx_wg_peer p = { .keepalive = keepalive };

	memcpy(p.key, n->key, sizeof(p.key));
	endpoint_of(m, n, p.endpoint);
	p.allowed = sbx_wg_allowed(sbx_buf_text(allowed));
	m->peers = sbx_mem_grow(m->peers, m->npeers + 1, sizeof(*m->peers));
	m->peers[m->npeers++] = p;
}

static void
allow_guest(const struct sbx_mesh *m, const struct sbx_mesh_guest *g,
	struct sbx_buf *b)
{
	char ip[SBX_IP4_SIZE], six[SBX_ULA_SIZE], key[SBX_WGKEY_SIZE];

	sbx_ip4_write(ip, g->addr);
	allow(b, ip, 32);
	if (m->ula[0] != '\0') {
		sbx_wgkey_write(key, g->key);
		sbx_ula(six, m->founder, key);
		allow(b, six, 128);
	}
}

/* A guest is its home's peer; the other hubs reach it through that one, and
 * whoever is no hub has it in the whole network. */
static void
plan_guests(struct sbx_mesh *m)
{
	struct sbx_buf b = SBX_BUF(SBX_MAX_LINE);
	struct sbx_wg_peer p = { 0 };

	for (size_t i = 0; i < m->nguests && m->is_hub; i++) {
		if (m->guests[i].home != m->me)
			continue;
		sbx_buf_clear(&b);
		allow_guest(m, &m->guests[i], &b);
		memcpy(p.key, m->guests[i].key, sizeof(p.key));
		p.allowed = sbx_wg_allowed(sbx_buf_text(&b));
		m->peers = sbx_mem_grow(
			m->peers, m->npeers + 1, sizeof(*m->peers));
		m->peers[m->npeers++] = p;
	}
	sbx_buf_free(&b);
}

static void
plan_peer(struct sbx_mesh *m, const struct sbx_mesh_node *n)
{
	struct sbx_buf b = SBX_BUF(SIZE_MAX);

	if (m->is_hub) {
		allow_node(m, n, &b);
		for (size_t i = 0; i < m->nguests; i++)
			if (m->guests[i].home == n)
				allow_guest(m, &m->guests[i], &b);
		add_peer(m, n, &b, n->hub ? m->keepalive : 0);
	} else if (n == m->hub) {
		allow_all(m, &b);
		add_peer(m, n, &b, m->keepalive);
	} else if (n->hub || (n->lan && m->me->lan)) {
		/* A session is kept in any case, so that a change of the hub,
		 * or the way back to a neighbour, is ready when it is wanted;
		 * a neighbour that is not heard is behind the hub. */
		if (n->hub || sbx_mesh_heard(m, n, SBX_MESH_STALE))
			allow_node(m, n, &b);
		add_peer(m, n, &b, m->keepalive);
	}
	sbx_buf_free(&b);
}

/* The anchor of the lowest DID: see sbx_state_founder. */
static void
find_founder(struct sbx_mesh *m)
{
	const char *did = sbx_mesh_founder(m);

	m->ula[0] = m->founder[0] = '\0';
	if (did == NULL)
		return;
	snprintf(m->founder, sizeof(m->founder), "%s", did);
	if (m->six)
		sbx_ula(m->ula, did, NULL);
}

void
sbx_mesh_plan(
	struct sbx_mesh *m, const unsigned char pub[static SBX_WG_KEY_BYTES])
{
	if (m->nnodes > 0)
		sbx_mesh_settle(m, pub);
	find_founder(m);
	for (size_t i = 0; i < m->nnodes; i++) {
		judge_node(m, &m->nodes[i]);
		if (strcmp(m->nodes[i].did, m->self) == 0)
			m->me = &m->nodes[i];
	}
	sbx_mesh_settle_guests(m);
	m->is_hub = m->me != NULL && m->me->hub;
	m->hub = m->is_hub ? m->me : choose_hub(m);
	for (size_t i = 0; i < m->nnodes && m->me != NULL; i++)
		if (&m->nodes[i] != m->me)
			plan_peer(m, &m->nodes[i]);
	plan_guests(m);
}
