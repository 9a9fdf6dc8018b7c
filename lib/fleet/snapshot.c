/* SPDX-License-Identifier: Apache-2.0 */
/* A snapshot: from a statement, and what this node says in its own. */
#include <stdlib.h>
#include <string.h>

#include "fleet/snapshot.h"

/* ---- read ---- */

/* {"age","did","rx","tx"} */
static bool
read_link(struct sbx_fleet_link *l, const struct sbx_json *v)
{
	const char *did = sbx_json_str(v, "did");

	if (v->type != SBX_JSON_OBJECT || v->count != 4 || did == NULL ||
		!sbx_did_check(did, strlen(did)) ||
		!sbx_json_int(sbx_json_get(v, "age"), -1, SBX_MAX_INT,
			&l->age) ||
		!sbx_json_int(sbx_json_get(v, "rx"), 0, SBX_MAX_INT, &l->rx) ||
		!sbx_json_int(sbx_json_get(v, "tx"), 0, SBX_MAX_INT, &l->tx))
		return false;
	memcpy(l->did, did, sizeof(l->did));
	return true;
}

/* A member may be named once, or two handshakes would stand for one node. */
static int
read_links(struct sbx_fleet_node *n, const struct sbx_json *list,
	struct sbx_err *err)
{
	const struct sbx_json *v;

	n->links = sbx_mem_alloc(list->count + 1, sizeof(*n->links));
	for (v = list->child; v != NULL; v = v->next) {
		if (!read_link(&n->links[n->nlinks], v))
			goto bad;
		for (size_t i = 0; i < n->nlinks; i++)
			if (strcmp(n->links[i].did,
				    n->links[n->nlinks].did) == 0)
				goto bad;
		n->nlinks++;
	}
	return SBX_OK;
bad:
	free(n->links);
	n->links = NULL;
	return sbx_err_set(err, SBX_E_INPUT, "Snapshot: a peer is malformed");
}

static void
copy(char *out, size_t size, const char *text)
{
	snprintf(out, size, "%s", text != NULL ? text : "");
}

int
sbx_fleet_node_read(struct sbx_fleet_node *n, const struct sbx_statement *s,
	struct sbx_err *err)
{
	const struct sbx_json *b = s->body;
	static const struct {
		const char *key;
		size_t at;
	} ints[] = {
		{ "interval", offsetof(struct sbx_fleet_node, interval) },
		{ "uptime", offsetof(struct sbx_fleet_node, uptime) },
		{ "cpu", offsetof(struct sbx_fleet_node, cpu) },
		{ "mem", offsetof(struct sbx_fleet_node, mem) },
	};

	memset(n, 0, sizeof(*n));
	if (strcmp(s->type->rec.type, "Snapshot") != 0)
		return sbx_err_set(err, SBX_E_USAGE, "a %s is no Snapshot",
			s->type->rec.type);
	memcpy(n->did, s->did, sizeof(n->did));
	n->seq = s->seq;
	n->at = s->at;
	for (size_t i = 0; i < sizeof(ints) / sizeof(ints[0]); i++)
		sbx_json_int(sbx_json_get(b, ints[i].key), 0, SBX_MAX_INT,
			(int64_t *)((char *)n + ints[i].at));
	copy(n->role, sizeof(n->role), sbx_json_str(b, "role"));
	copy(n->state, sizeof(n->state), sbx_json_str(b, "state"));
	copy(n->endpoint, sizeof(n->endpoint), sbx_json_str(b, "endpoint"));
	n->reachable = n->endpoint[0] != '\0';
	n->drained = sbx_json_get(b, "drained")->yes;
	sbx_json_int(sbx_json_get(sbx_json_get(b, "counters"), "term"), 0,
		SBX_MAX_INT, &n->term);
	sbx_hash_sha256(n->hash, s->line, s->len);
	return read_links(n, sbx_json_get(b, "peers"), err);
}

/* ---- write ---- */

#define MAX_TEXTS 64
#define MAX_PEER 160 /* bytes that one takes */

static void
add_texts(struct sbx_doc *doc, const char *key, char *const *list, size_t n)
{
	struct sbx_json *a =
		sbx_json_add(doc, sbx_doc_root(doc), key, SBX_JSON_ARRAY);

	for (size_t i = 0; i < n && i < MAX_TEXTS; i++)
		sbx_json_add_str(doc, a, NULL, list[i]);
}

static void
add_link(struct sbx_doc *doc, struct sbx_json *list,
	const struct sbx_fleet_link *l)
{
	struct sbx_json *o = sbx_json_add(doc, list, NULL, SBX_JSON_OBJECT);

	sbx_json_add_int(doc, o, "age", l->age);
	sbx_json_add_str(doc, o, "did", l->did);
	sbx_json_add_int(doc, o, "rx", l->rx);
	sbx_json_add_int(doc, o, "tx", l->tx);
}

/* As many as a statement has room for: the first. */
static int
add_links(struct sbx_doc *doc, const struct sbx_fleet_self *self,
	struct sbx_err *err)
{
	struct sbx_json *list = sbx_json_add(doc, sbx_doc_root(doc), "peers",
		SBX_JSON_ARRAY);
	struct sbx_buf text = SBX_BUF(SBX_MAX_LINE);
	size_t room;
	int r;

	if ((r = sbx_canon_write(&text, sbx_doc_root(doc), NULL, err)) == 0) {
		room = text.len + SBX_FLEET_FRAME < SBX_MAX_STATEMENT ?
			SBX_MAX_STATEMENT - SBX_FLEET_FRAME - text.len : 0;
		room /= MAX_PEER;
		for (size_t i = 0; i < self->nlinks && i < room; i++)
			add_link(doc, list, &self->links[i]);
	}
	sbx_buf_free(&text);
	return r;
}

int
sbx_fleet_body(const struct sbx_fleet_self *self, struct sbx_doc **out,
	struct sbx_err *err)
{
	const struct sbx_fleet_load *l = &self->load;
	struct sbx_doc *doc = sbx_doc_new();
	struct sbx_json *o = sbx_doc_root(doc), *counters;
	int r;

	sbx_json_add_int(doc, o, "interval", self->interval);
	sbx_json_add_int(doc, o, "uptime", l->uptime);
	sbx_json_add_int(doc, o, "cpu", l->cpu);
	sbx_json_add_int(doc, o, "mem", l->mem);
	sbx_json_add_int(doc, o, "disk", l->disk);
	sbx_json_add_int(doc, o, "load1", l->load1);
	if (l->has_temp)
		sbx_json_add_int(doc, o, "temp", l->temp);
	else
		sbx_json_add_str(doc, o, "temp", NULL);
	sbx_json_add_str(doc, o, "role", self->role);
	sbx_json_add_str(doc, o, "state", self->state);
	sbx_json_add_str(doc, o, "endpoint", self->endpoint);
	sbx_json_add_bool(doc, o, "drained", self->drained);
	sbx_json_add_int(doc, o, "entries", self->entries);
	sbx_json_add_hex(doc, o, "digest", self->digest, SBX_HASH_BYTES);
	add_texts(doc, "services", self->services, self->nservices);
	add_texts(doc, "down", self->down, self->ndown);
	sbx_json_add_str(doc, o, "version", SBX_VERSION);
	counters = sbx_json_add(doc, o, "counters", SBX_JSON_OBJECT);
	sbx_json_add_int(doc, counters, "term", self->term);
	if ((r = add_links(doc, self, err)) == 0)
		*out = doc;
	else
		sbx_doc_free(doc);
	return r;
}
