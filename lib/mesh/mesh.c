/* SPDX-License-Identifier: Apache-2.0 */
/* The directory as the mesh reads it: whose nodes count, and who has an address
 * or a key that two claim. */
#include <stdlib.h>
#include <string.h>

#include "base/base.h"
#include "json/json.h"
#include "crypto/crypto.h"
#include "directory/directory.h"
#include "node/node.h"
#include "mesh/mesh.h"
#include "mesh/settle.h"

struct sbx_mesh_member {
	char did[SBX_DID_SIZE], name[64];
	int64_t depth, since;
};

void
sbx_mesh_note(const struct sbx_mesh *m, const char *fmt, ...)
{
	char text[320];
	va_list ap;

	if (m->note == NULL)
		return;
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	m->note(m->ctx, text);
}

int
sbx_mesh_conf(
	struct sbx_mesh *m, const struct sbx_conf *conf, struct sbx_err *err)
{
	if (!sbx_net_parse(&m->net, conf->mesh_net))
		return sbx_err_set(err, SBX_E_USAGE, "%s: not a mesh network",
			conf->mesh_net);
	if (!sbx_if_check(conf->mesh_if))
		return sbx_err_set(err, SBX_E_USAGE,
			"%s: not a name to give "
			"an interface",
			conf->mesh_if);
	m->mtu = conf->mesh_mtu;
	m->port = conf->mesh_port;
	m->keepalive = conf->mesh_keepalive;
	m->six = conf->mesh_ipv6;
	m->order = conf->mesh_hubs;
	return SBX_OK;
}

static bool
did_of(char did[static SBX_DID_SIZE], const struct sbx_json *row)
{
	const char *text = sbx_json_str(row, "did");

	if (text == NULL || !sbx_did_check(text, strlen(text)))
		return false;
	snprintf(did, SBX_DID_SIZE, "%s", text);
	return true;
}

static const struct sbx_mesh_member *
member(const struct sbx_mesh *m, const char *did)
{
	for (size_t i = 0; i < m->nmembers; i++)
		if (strcmp(m->members[i].did, did) == 0)
			return &m->members[i];
	return NULL;
}

bool
sbx_mesh_place(const struct sbx_mesh *m, const char *did,
	struct sbx_mesh_age *age)
{
	const struct sbx_mesh_member *who = member(m, did);

	if (who == NULL)
		return false;
	age->depth = who->depth;
	age->since = who->since;
	return true;
}

/* What everybody calls it, which may end in ? where another is called so too;
 * else its did: what a box calls itself may look like anything. */
static void
name_of(char *out, size_t size, const struct sbx_json *row, const char *did)
{
	const char *text = sbx_json_str(row, "name");
	size_t n = text != NULL ? strlen(text) : 0;
	char plain[64];

	if (n > 0 && n < sizeof(plain)) {
		memcpy(plain, text, n + 1);
		if (plain[n - 1] == '?')
			plain[n - 1] = '\0';
		if (sbx_name_check(plain)) {
			snprintf(out, size, "%s", text);
			return;
		}
	}
	snprintf(out, size, "%s", did);
}

static int
take_member(struct sbx_mesh *m, const struct sbx_json *row, struct sbx_err *err)
{
	const struct sbx_json *depth = sbx_json_get(row, "depth");
	struct sbx_mesh_member new = { 0 };

	if (!did_of(new.did, row) || depth == NULL ||
		!sbx_json_int(depth, 0, SBX_MAX_INVITE_DEPTH, &new.depth))
		return sbx_err_set(err, SBX_E_INPUT, "not a member's row");
	if (!sbx_json_time(row, "since", &new.since))
		new.since = INT64_MAX;
	name_of(new.name, sizeof(new.name), row, new.did);
	if (m->nmembers == SBX_MAX_NODES)
		return sbx_err_set(err, SBX_E_INPUT, "too many members");
	m->members =
		sbx_mem_grow(m->members, m->nmembers + 1, sizeof(*m->members));
	m->members[m->nmembers++] = new;
	return SBX_OK;
}

/* NULL, or why this node cannot be one of ours. */
static const char *
unfit(const struct sbx_mesh *m, struct sbx_mesh_node *n,
	const struct sbx_json *row)
{
	static const unsigned char zero[SBX_WG_KEY_BYTES];
	const char *ip = sbx_json_str(row, "mesh_ip");
	const char *key = sbx_json_str(row, "pubkey_wg");

	if (ip == NULL || !sbx_ip4_parse(&n->addr, ip))
		return "its address is not an IPv4 address";
	if (!sbx_net_host(&m->net, n->addr))
		return "its address is not in the mesh network";
	if (key == NULL || !sbx_wgkey_parse(n->key, key, strlen(key)) ||
		memcmp(n->key, zero, sizeof(zero)) == 0)
		return "its key is not a WireGuard key";
	if (!sbx_json_time(row, "created_at", &n->age.created))
		return "its date is not a date";
	return NULL;
}

/* Root asks no DNS: what is not a number is as good as nothing here. */
static void
take_endpoint(struct sbx_mesh *m, struct sbx_mesh_node *n, const char *text)
{
	const char *why;

	if (text == NULL)
		return;
	if (!sbx_endpoint_check(text))
		sbx_mesh_note(m, "%s: its endpoint is not a numeric ADDRESS:PORT",
			n->name);
	else if ((why = sbx_endpoint_fault(text, &m->net)) != NULL)
		sbx_mesh_note(m, "%s: its endpoint is %s", n->name, why);
	else
		snprintf(n->endpoint, sizeof(n->endpoint), "%s", text);
}

static void
take_ddns(struct sbx_mesh *m, struct sbx_mesh_node *n, const char *text)
{
	if (text == NULL)
		return;
	if (sbx_host_check(text, NULL))
		snprintf(n->ddns, sizeof(n->ddns), "%s", text);
	else
		sbx_mesh_note(m, "%s: its ddns is not a host's name", n->name);
}

/* Kept for a node that is left out as well: a mistake in it, or in our own
 * configuration, is no reason to take a peer for one that was put out. */
void
sbx_mesh_claim(struct sbx_mesh *m, const char *did, const char *key)
{
	struct sbx_mesh_claim c = { 0 };

	if (key == NULL || !sbx_wgkey_parse(c.key, key, strlen(key)) ||
		m->nclaims == SBX_MAX_NODES)
		return;
	snprintf(c.did, sizeof(c.did), "%s", did);
	m->claims = sbx_mem_grow(
		m->claims, m->nclaims + 1, sizeof(*m->claims));
	m->claims[m->nclaims++] = c;
}

static int
take_node(struct sbx_mesh *m, const struct sbx_json *row, struct sbx_err *err)
{
	const struct sbx_json *yes = sbx_json_get(row, "member");
	const char *why;
	const struct sbx_mesh_member *who;
	struct sbx_mesh_node n = { 0 };

	if (!did_of(n.did, row) || yes == NULL || yes->type != SBX_JSON_BOOL)
		return sbx_err_set(err, SBX_E_INPUT, "not a node's row");
	who = member(m, n.did);
	if (!yes->yes || who == NULL)
		return SBX_OK;
	n.age.depth = who->depth;
	n.age.since = who->since;
	memcpy(n.name, who->name, sizeof(n.name));
	sbx_mesh_claim(m, n.did, sbx_json_str(row, "pubkey_wg"));
	if ((why = unfit(m, &n, row)) != NULL) {
		sbx_mesh_note(m, "%s (%s) is left out: %s", n.name, n.did, why);
		return SBX_OK;
	}
	take_endpoint(m, &n, sbx_json_str(row, "endpoint"));
	take_ddns(m, &n, sbx_json_str(row, "ddns"));
	if (m->nnodes == SBX_MAX_NODES)
		return sbx_err_set(err, SBX_E_INPUT, "too many nodes");
	m->nodes = sbx_mem_grow(m->nodes, m->nnodes + 1, sizeof(*m->nodes));
	m->nodes[m->nnodes++] = n;
	return SBX_OK;
}

int
sbx_mesh_line(
	struct sbx_mesh *m, const char *line, size_t len, struct sbx_err *err)
{
	const char *space = memchr(line, ' ', len);
	size_t word = space != NULL ? (size_t)(space - line) : 0;
	struct sbx_doc *doc = NULL;
	int r;

	if (word == 4 && memcmp(line, "self", 4) == 0) {
		if (!sbx_did_check(space + 1, len - 5))
			return sbx_err_set(err, SBX_E_INPUT, "not a name");
		memcpy(m->self, space + 1, len - 5);
		m->self[len - 5] = '\0';
		return SBX_OK;
	}
	if (word < 4 || word > 6)
		return sbx_err_set(err, SBX_E_INPUT, "not a line for a mesh");
	r = sbx_json_parse(space + 1, len - word - 1, NULL, &doc, err);
	if (r != SBX_OK)
		return r;
	if (word == 6 && memcmp(line, "member", 6) == 0)
		r = take_member(m, sbx_doc_root(doc), err);
	else if (word == 4 && memcmp(line, "node", 4) == 0)
		r = take_node(m, sbx_doc_root(doc), err);
	else if (word == 5 && memcmp(line, "guest", 5) == 0)
		r = sbx_mesh_take_guest(m, sbx_doc_root(doc), err);
	else
		r = sbx_err_set(err, SBX_E_INPUT, "not a line for a mesh");
	sbx_doc_free(doc);
	return r;
}

int
sbx_mesh_age_compare(const struct sbx_mesh_age *a, const struct sbx_mesh_age *b)
{
	if (a->depth != b->depth)
		return a->depth < b->depth ? -1 : 1;
	if (a->since != b->since)
		return a->since < b->since ? -1 : 1;
	if (a->created != b->created)
		return a->created < b->created ? -1 : 1;
	return 0;
}

static int
by_age(const void *a, const void *b)
{
	const struct sbx_mesh_node *x = a, *y = b;
	int r = sbx_mesh_age_compare(&x->age, &y->age);

	return r != 0 ? r : strcmp(x->did, y->did);
}

static int
by_addr(const void *a, const void *b)
{
	const struct sbx_mesh_node *x = a, *y = b;

	return x->addr < y->addr ? -1 : x->addr > y->addr;
}

/* The one of the first count nodes that n cannot be beside. */
static const struct sbx_mesh_node *
rival(const struct sbx_mesh *m, size_t count, const struct sbx_mesh_node *n)
{
	for (size_t i = 0; i < count; i++)
		if (m->nodes[i].addr == n->addr ||
			memcmp(m->nodes[i].key, n->key, sizeof(n->key)) == 0)
			return &m->nodes[i];
	return NULL;
}

static void
leave_out(struct sbx_mesh *m, const struct sbx_mesh_node *n,
	const struct sbx_mesh_node *first)
{
	bool addr = first->addr == n->addr;
	char ip[SBX_IP4_SIZE];

	sbx_ip4_write(ip, n->addr);
	if (strcmp(n->did, m->self) == 0) {
		m->lost = addr ? SBX_MESH_ADDRESS : SBX_MESH_KEY;
		m->lost_addr = n->addr;
		memcpy(m->lost_to, first->name, sizeof(m->lost_to));
		return;
	}
	m->ahead += addr && m->lost == SBX_MESH_NONE;
	sbx_mesh_note(m, "%s (%s) is left out: %s %s belongs to %s", n->name, n->did,
		addr ? "address" : "key of", ip, first->name);
}

/* Who was first is one question, whoever asks: our own claim is judged as the
 * others judge it, or we would take the traffic of the node that they see. */
void
sbx_mesh_settle(struct sbx_mesh *m, const unsigned char *pub)
{
	const struct sbx_mesh_node *first, *n;
	size_t kept = 0;

	qsort(m->nodes, m->nnodes, sizeof(*m->nodes), by_age);
	for (size_t i = 0; i < m->nnodes; i++) {
		n = &m->nodes[i];
		if ((first = rival(m, kept, n)) == NULL)
			m->nodes[kept++] = *n;
		else
			leave_out(m, n, first);
	}
	m->nnodes = kept;
	/* A key that is not published yet can be another's as well. */
	for (size_t i = 0; i < kept; i++)
		if (strcmp(m->nodes[i].did, m->self) != 0 &&
			memcmp(m->nodes[i].key, pub, SBX_WG_KEY_BYTES) == 0) {
			m->lost = SBX_MESH_KEY;
			memcpy(m->lost_to, m->nodes[i].name,
				sizeof(m->lost_to));
		}
	if (kept > 0)
		qsort(m->nodes, kept, sizeof(*m->nodes), by_addr);
}

const char *
sbx_mesh_founder(const struct sbx_mesh *m)
{
	const char *low = NULL;

	for (size_t i = 0; i < m->nmembers; i++)
		if (m->members[i].depth == 0 &&
			(low == NULL || strcmp(m->members[i].did, low) < 0))
			low = m->members[i].did;
	return low;
}

static bool
is_free(const struct sbx_mesh *m, uint32_t addr)
{
	const struct sbx_mesh_node want = { .addr = addr };

	return m->nnodes == 0 || bsearch(&want, m->nodes, m->nnodes,
					 sizeof(want), by_addr) == NULL;
}

static bool
is_guests(const struct sbx_mesh *m, uint32_t addr)
{
	for (size_t i = 0; i < m->nguests; i++)
		if (m->guests[i].addr == addr)
			return true;
	return false;
}

int
sbx_mesh_choose_guest(
	const struct sbx_mesh *m, uint32_t *addr, struct sbx_err *err)
{
	uint32_t a = m->net.addr + 2;

	while (sbx_net_host(&m->net, a) &&
		(!is_free(m, a) || is_guests(m, a)))
		a++;
	if (!sbx_net_host(&m->net, a))
		return sbx_err_set(err, SBX_E_SYS,
			"every address of the mesh network is taken");
	*addr = a;
	return SBX_OK;
}

int
sbx_mesh_choose(const struct sbx_mesh *m, uint32_t *addr, struct sbx_err *err)
{
	const struct sbx_mesh_member *self = member(m, m->self);
	uint32_t a = m->net.addr + 1;
	size_t skip = m->ahead;

	if (m->me != NULL) {
		*addr = m->me->addr;
		return SBX_OK;
	}
	if (sbx_net_host(&m->net, m->held) && is_free(m, m->held)) {
		*addr = m->held;
		return SBX_OK;
	}
	if (self == NULL || self->depth != 0 || !is_free(m, a))
		for (a++; sbx_net_host(&m->net, a); a++)
			if (is_free(m, a) && !is_guests(m, a) && skip-- == 0)
				break;
	if (!sbx_net_host(&m->net, a))
		return sbx_err_set(err, SBX_E_SYS,
			"every address of the mesh network is taken");
	*addr = a;
	return SBX_OK;
}

bool
sbx_mesh_claims(const struct sbx_mesh *m, const char *did,
	const unsigned char key[static SBX_WG_KEY_BYTES])
{
	for (size_t i = 0; i < m->nclaims; i++)
		if (memcmp(m->claims[i].key, key, SBX_WG_KEY_BYTES) == 0 &&
			(did == NULL || strcmp(m->claims[i].did, did) == 0))
			return true;
	return false;
}

bool
sbx_mesh_keeps(const struct sbx_mesh *m,
	const unsigned char key[static SBX_WG_KEY_BYTES])
{
	for (size_t i = 0; i < m->nkept; i++)
		if (memcmp(m->kept[i], key, SBX_WG_KEY_BYTES) == 0)
			return true;
	return false;
}

const struct sbx_mesh_node *
sbx_mesh_by_key(const struct sbx_mesh *m,
	const unsigned char key[static SBX_WG_KEY_BYTES])
{
	for (size_t i = 0; i < m->nnodes; i++)
		if (memcmp(m->nodes[i].key, key, SBX_WG_KEY_BYTES) == 0)
			return &m->nodes[i];
	return NULL;
}

void
sbx_mesh_free(struct sbx_mesh *m)
{
	if (m == NULL)
		return;
	for (size_t i = 0; i < m->npeers; i++)
		free(m->peers[i].allowed);
	free(m->peers);
	free(m->nodes);
	free(m->claims);
	free(m->guests);
	free(m->kept);
	free(m->members);
	memset(m, 0, sizeof(*m));
}
