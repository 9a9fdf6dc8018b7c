/* SPDX-License-Identifier: Apache-2.0 */
/* The tunnel, its peers and the members behind it. */
#include "json/json.h"
#include "status.h"

#define UP(l) look_command(l, "sudo sbx-mesh-up", "%s", "")

/* ---- the members' table and the links ------------------------------------- */

static void
add_int(struct sbx_status *s, struct sbx_json *o, const char *key, bool there,
	int64_t value)
{
	if (there)
		sbx_json_add_int(sbx_status_doc(s), o, key, value);
	else
		sbx_json_add_str(sbx_status_doc(s), o, key, NULL);
}

static const char *
path_of(const struct look *l, const struct who *w)
{
	if (strcmp(w->did, l->self) == 0)
		return "self";
	if (w->wire != NULL)
		return "direct";
	return w->via != NULL ? "hub" : NULL;
}

static const char *
digest_of(const struct look *l, const struct who *w)
{
	if (strcmp(w->did, l->self) == 0 || look_same(l, w))
		return "equal";
	return w->snapshot != NULL ? "differs" : NULL;
}

static void
add_member(struct sbx_status *s, const struct look *l, const struct who *w)
{
	struct sbx_doc *doc = sbx_status_doc(s);
	struct sbx_json *o = sbx_json_add(doc, sbx_status_members(s), NULL,
		SBX_JSON_OBJECT);
	const struct sbx_wg_peer *p = w->wire;
	const struct sbx_json *body =
		w->snapshot != NULL ? w->snapshot->body : NULL;
	int64_t age = look_age(l, p), entries = 0;
	bool known = body != NULL && sbx_json_int(sbx_json_get(body, "entries"),
		0, SBX_MAX_INT, &entries);

	sbx_json_add_str(doc, o, "did", w->did);
	sbx_json_add_str(doc, o, "name", w->name);
	sbx_json_add_str(doc, o, "address", w->address);
	sbx_json_add_str(doc, o, "endpoint", p != NULL &&
		p->endpoint[0] != '\0' ? p->endpoint : w->endpoint);
	add_int(s, o, "handshake", age >= 0, age);
	add_int(s, o, "rx", p != NULL, p != NULL ? (int64_t)p->rx : 0);
	add_int(s, o, "tx", p != NULL, p != NULL ? (int64_t)p->tx : 0);
	sbx_json_add_str(doc, o, "path", path_of(l, w));
	sbx_json_add_str(doc, o, "via", w->via != NULL ? w->via->did : NULL);
	sbx_json_add_str(doc, o, "digest", digest_of(l, w));
	if (strcmp(w->did, l->self) == 0)
		add_int(s, o, "entries", true, l->size);
	else
		add_int(s, o, "entries", known, entries);
	sbx_json_add_str(doc, o, "state", body != NULL ?
		sbx_json_str(body, "state") : NULL);
	if (w->heard.at != 0)
		sbx_json_add_time(doc, o, "vouched", w->heard.at);
	else
		sbx_json_add_str(doc, o, "vouched", NULL);
	sbx_json_add_bool(doc, o, "stale", w->heard.stale);
}

static void
add_link(struct sbx_status *s, const char *from, const char *to, int64_t age)
{
	struct sbx_doc *doc = sbx_status_doc(s);
	struct sbx_json *o = sbx_json_add(doc, sbx_status_links(s), NULL,
		SBX_JSON_OBJECT);

	sbx_json_add_str(doc, o, "from", from);
	sbx_json_add_str(doc, o, "to", to);
	add_int(s, o, "age", age >= 0, age);
	sbx_json_add_bool(doc, o, "active", age >= 0 && age <= SBX_FLEET_HEARD);
}

/* The links that others see, by their own newest word: to members alone. */
static void
add_told(struct sbx_status *s, const struct look *l, const struct who *w)
{
	const struct sbx_json *peers = sbx_json_get(w->snapshot->body, "peers");
	const struct sbx_json *p = peers != NULL ? peers->child : NULL;
	int64_t age, passed = (l->now - w->snapshot->at) / SBX_SECOND;

	for (; p != NULL; p = p->next) {
		const struct who *other;

		if (p->type != SBX_JSON_OBJECT)
			continue;
		other = look_who(l, sbx_json_str(p, "did"));
		if (other == NULL || strcmp(other->did, l->self) == 0 ||
			!sbx_json_int(sbx_json_get(p, "age"), 0, SBX_MAX_INT / 2,
				&age))
			continue;
		add_link(s, w->did, other->did,
			age + (passed > 0 ? passed : 0));
	}
}

static void
add_all(struct sbx_status *s, const struct look *l)
{
	for (size_t i = 0; i < l->nmembers; i++) {
		const struct who *w = &l->members[i];

		add_member(s, l, w);
		if (w->wire != NULL)
			add_link(s, l->self, w->did, look_age(l, w->wire));
		if (w->snapshot != NULL && strcmp(w->did, l->self) != 0)
			add_told(s, l, w);
	}
}

/* ---- the lines ---------------------------------------------------------------- */

static const struct sbx_wg_peer *
find_peer(const struct sbx_wg *wg, const unsigned char *key)
{
	for (size_t i = 0; i < wg->npeers; i++)
		if (memcmp(wg->peers[i].key, key, SBX_WG_KEY_BYTES) == 0)
			return &wg->peers[i];
	return NULL;
}

/* Peers that the directory wants and the tunnel lacks, or the other way. */
static void
check_peers(struct sbx_status *s, struct look *l)
{
	size_t lacks = 0, strange = 0;

	for (size_t i = 0; i < l->mesh.npeers; i++)
		lacks += find_peer(&l->wg, l->mesh.peers[i].key) == NULL;
	for (size_t i = 0; i < l->wg.npeers; i++)
		strange += !sbx_mesh_claims(&l->mesh, NULL,
			l->wg.peers[i].key);
	if (lacks > 0)
		sbx_status_line(s, SBX_STATUS_ATTENTION, UP(l),
			"the tunnel lacks %zu of the directory's peers", lacks);
	if (strange > 0)
		sbx_status_line(s, SBX_STATUS_ATTENTION, UP(l),
			"the tunnel has %zu peers that no member claims",
			strange);
}

/* Whose handshakes are missing.  Behind a hub the hub's alone are seen. */
static void
check_heard(struct sbx_status *s, struct look *l)
{
	const struct sbx_mesh_node *hub = l->mesh.hub;
	size_t heard = 0, wires = 0;

	for (size_t i = 0; i < l->nmembers; i++) {
		const struct who *w = &l->members[i];
		bool is_hub = hub != NULL && strcmp(hub->did, w->did) == 0;

		if (w->wire == NULL)
			continue;
		wires++;
		if (look_fresh(l, w)) {
			heard++;
			continue;
		}
		sbx_status_line(s, is_hub ? SBX_STATUS_ATTENTION :
			SBX_STATUS_NOTE, look_command(l, "sudo sbx-mesh-up", "-v"),
			"%s%s has not been heard %s", is_hub ? "the hub " : "",
			look_name(l, w->did), w->wire->handshake == 0 ?
			"since the interface is up" : "for three minutes");
	}
	sbx_status_figure(s, "peers", (int64_t)wires);
	sbx_status_figure(s, "peers_heard", (int64_t)heard);
	sbx_status_line(s, SBX_STATUS_OK, NULL,
		"%s is up, %zu of %zu peers heard",
		l->ctx->conf.mesh_if, heard, wires);
}

static void
no_record(struct sbx_status *s, struct look *l)
{
	char mend[SBX_STATUS_TEXT];
	int n;

	n = snprintf(mend, sizeof(mend), "%s | ",
		look_command(l, "sudo sbx-mesh-up", "record"));
	if (n < (int)sizeof(mend))
		snprintf(mend + n, sizeof(mend) - (size_t)n, "%s", look_command(l,
			"sudo sbx-ledger", "append node_publish"));
	if (l->mesh.lost != SBX_MESH_NONE)
		sbx_status_line(s, SBX_STATUS_ATTENTION, UP(l),
			"this box's %s is %s's: another has to be published",
			l->mesh.lost == SBX_MESH_KEY ? "key" : "address",
			l->mesh.lost_to);
	else
		sbx_status_line(s, l->wired ? SBX_STATUS_ATTENTION :
			SBX_STATUS_NOTE, mend,
			"this box has no node record in the directory");
}

int
part_mesh(struct sbx_status *s, void *look, struct sbx_err *err)
{
	struct look *l = look;
	bool record;

	(void)err;
	if (l->log == NULL)
		return SBX_OK;
	add_all(s, l);
	/* Without wg's word whose key this box has cannot be told. */
	record = look_who(l, l->self) != NULL &&
		look_who(l, l->self)->address != NULL;
	if (!record || (l->seen && l->mesh.me == NULL))
		no_record(s, l);
	if (!l->wired && record)
		sbx_status_line(s, SBX_STATUS_ATTENTION, UP(l),
			"the directory has a node record of this box, but "
			"there is no interface %s", l->ctx->conf.mesh_if);
	if (l->wired && !l->seen)
		sbx_status_line(s, l->blind.code == SBX_E_NO ?
			SBX_STATUS_UNKNOWN : SBX_STATUS_ATTENTION,
			l->blind.code == SBX_E_NO ? "sudo sbx status" :
			UP(l), "%s: %s", l->ctx->conf.mesh_if,
			l->blind.text);
	if (!l->seen)
		return SBX_OK;
	if (l->mesh.me != NULL)
		check_peers(s, l);
	check_heard(s, l);
	return SBX_OK;
}
