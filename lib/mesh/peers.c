/* SPDX-License-Identifier: Apache-2.0 */
/* The interface's keys, port and peers: what differs from the plan, by one
 * wg set. */
#include <stdlib.h>
#include <string.h>

#include "base/base.h"
#include "mesh/mesh.h"
#include "mesh/tunnel.h"

char *
sbx_tunnel_text(const char *fmt, ...)
{
	char text[256];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	return sbx_mem_text(text, strlen(text));
}

void
sbx_tunnel_changed(struct sbx_tunnel *t, char *command, const char *what,
	const char *who, const char *fmt, ...)
{
	struct sbx_change *c;
	va_list ap;

	t->changes = sbx_mem_grow(t->changes, t->nchanges + 1, sizeof(*c));
	c = &t->changes[t->nchanges++];
	c->what = what;
	c->command = command;
	snprintf(c->who, sizeof(c->who), "%s", who);
	va_start(ap, fmt);
	vsnprintf(c->value, sizeof(c->value), fmt, ap);
	va_end(ap);
}

static struct sbx_wg_peer *
peer(const struct sbx_wg_peer *peers, size_t n, const unsigned char *key)
{
	for (size_t i = 0; i < n; i++)
		if (memcmp(peers[i].key, key, SBX_WG_KEY_BYTES) == 0)
			return (struct sbx_wg_peer *)&peers[i];
	return NULL;
}

/* ---- who is to go ---- */

/* From w->was and t->wg too, so that nothing puts it back. */
static void
forget(struct sbx_wg *wg, size_t i)
{
	free(wg->peers[i].allowed);
	memmove(&wg->peers[i], &wg->peers[i + 1],
		(--wg->npeers - i) * sizeof(*wg->peers));
}

static void
remove_peer(struct work *w, struct sbx_wg_set *set,
	const struct sbx_wg_peer *p)
{
	char text[SBX_WGKEY_SIZE];
	size_t from = set->nwords;

	sbx_wgkey_write(text, p->key);
	sbx_wg_set_remove(set, p->key);
	sbx_tunnel_changed(w->t, sbx_wg_set_text(set, from), "remove peer",
		text, "%s", p->allowed);
}

int
sbx_tunnel_expel(struct work *w, struct sbx_err *err)
{
	struct sbx_wg_set set = { .name = w->t->name };
	struct sbx_wg *wg = &w->t->wg;
	int r = SBX_OK;

	for (size_t i = 0; i < wg->npeers;) {
		if (sbx_mesh_claims(w->t->mesh, NULL, wg->peers[i].key) ||
			sbx_mesh_keeps(w->t->mesh, wg->peers[i].key)) {
			i++;
			continue;
		}
		remove_peer(w, &set, &wg->peers[i]);
		forget(wg, i);
	}
	if (!w->t->dry)
		r = sbx_wg_set(&set, err);
	sbx_wg_set_free(&set);
	return r;
}

/* ---- what differs ---- */

/* A peer that roams is where it was last heard; only one that has fallen
 * silent is looked for where the directory says. */
static bool
lost(const struct sbx_wg_peer *have, const struct sbx_wg_peer *want)
{
	return want->endpoint[0] != '\0' &&
	       strcmp(have->endpoint, want->endpoint) != 0 &&
	       sbx_clock_now() / 1000000 - have->handshake >= SBX_MESH_LOOK;
}

static void
diff_peer(
	struct work *w, struct sbx_wg_set *set, const struct sbx_wg_peer *want)
{
	const char *name = sbx_mesh_called(w->t->mesh, want->key);
	const struct sbx_wg_peer *have =
		peer(w->t->wg.peers, w->t->wg.npeers, want->key);
	size_t from = set->nwords;
	bool at;

	if (have == NULL) {
		sbx_wg_set_peer(set, want, true);
		sbx_tunnel_changed(w->t, sbx_wg_set_text(set, from),
			"add peer", name, "%s", want->allowed);
		return;
	}
	at = lost(have, want);
	if (!at && strcmp(have->allowed, want->allowed) == 0 &&
		have->keepalive == want->keepalive)
		return;
	sbx_wg_set_peer(set, want, at);
	sbx_tunnel_changed(w->t, sbx_wg_set_text(set, from), "change peer",
		name, "%s%s%s", want->allowed, at ? " at " : "",
		at ? want->endpoint : "");
}

/* Collect what wg(8) is to be told; count it among the changes. */
static void
diff(struct work *w, struct sbx_wg_set *set)
{
	const struct sbx_mesh *m = w->t->mesh;
	struct sbx_tunnel *t = w->t;
	char text[SBX_WGKEY_SIZE], port[16];

	*set = (struct sbx_wg_set){ .name = t->name };
	if (memcmp(t->wg.pub, t->pub, sizeof(t->wg.pub)) != 0) {
		sbx_wgkey_write(text, t->pub);
		sbx_tunnel_changed(t, sbx_tunnel_text(
			"wg set %s private-key FILE", t->name), "set key",
			t->name, "%s", text);
		set->key = t->key;
	}
	if (t->wg.port != w->want.port) {
		snprintf(port, sizeof(port), "%d", w->want.port);
		sbx_tunnel_changed(t, sbx_tunnel_text(
			"wg set %s listen-port %s", t->name, port), "set port",
			t->name, "%s", port);
		set->port = w->want.port;
	}
	for (size_t i = 0; i < t->wg.npeers; i++)
		if (peer(w->want.peers, w->want.npeers, t->wg.peers[i].key) ==
				NULL &&
			!sbx_mesh_keeps(m, t->wg.peers[i].key))
			remove_peer(w, set, &t->wg.peers[i]);
	for (size_t i = 0; i < w->want.npeers; i++)
		diff_peer(w, set, &w->want.peers[i]);
}

/* What stands now is kept, to be put back. */
static int
keep(struct work *w, const struct sbx_wg_set *set, struct sbx_err *err)
{
	int r = SBX_OK;

	if (w->made)
		return SBX_OK;
	if (set->key != NULL)
		r = sbx_wg_private(w->t->name, &w->key, err);
	w->was = w->t->wg;
	w->t->wg = (struct sbx_wg){ 0 };
	return r;
}

/* Read back: what was told may not be what was taken. */
static int
read_back(struct work *w, struct sbx_err *err)
{
	size_t before = w->t->nchanges;
	struct sbx_wg_set set;
	int r;

	sbx_wg_free(&w->t->wg);
	if ((r = sbx_wg_read(w->t->name, &w->t->wg, err)) != SBX_OK)
		return r;
	diff(w, &set);
	sbx_wg_set_free(&set);
	if (w->t->nchanges != before)
		return sbx_err_set(err, SBX_E_SYS, "%s did not take: %s %s",
			w->t->name, w->t->changes[before].what,
			w->t->changes[before].who);
	return SBX_OK;
}

int
sbx_tunnel_tell(struct work *w, struct sbx_err *err)
{
	size_t before = w->t->nchanges;
	struct sbx_wg_set set;
	int r = SBX_OK;

	diff(w, &set);
	if (w->t->nchanges > before && !w->t->dry &&
		(r = keep(w, &set, err)) == SBX_OK) {
		w->told = true;
		r = sbx_wg_set(&set, err);
	}
	sbx_wg_set_free(&set);
	return r == SBX_OK && w->told ? read_back(w, err) : r;
}

void
sbx_tunnel_untell(struct work *w)
{
	struct sbx_wg_set set = { .name = w->t->name, .port = w->was.port };
	struct sbx_wg now = { 0 };

	if (!w->told || sbx_wg_read(w->t->name, &now, NULL) != SBX_OK)
		return;
	if (set.port == now.port)
		set.port = 0;
	if (w->key.len > 0)
		set.key = &w->key;
	for (size_t i = 0; i < now.npeers; i++)
		if (peer(w->was.peers, w->was.npeers, now.peers[i].key) == NULL)
			sbx_wg_set_remove(&set, now.peers[i].key);
	for (size_t i = 0; i < w->was.npeers; i++)
		sbx_wg_set_peer(&set, &w->was.peers[i], true);
	sbx_wg_set(&set, NULL);
	sbx_wg_set_free(&set);
	sbx_wg_free(&now);
}
