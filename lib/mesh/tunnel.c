/* SPDX-License-Identifier: Apache-2.0 */
/* The interface: what it is, what it should be, and the way from one to the
 * other.  Every step looks first, so that a run that was cut off anywhere is
 * finished by the next. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "sbx.h"

#define WIREGUARD_GO "/usr/bin/wireguard-go"
#define SOCKETS      "/var/run/wireguard"
#define STALE        180 /* seconds: a session is renewed every 120 */

/* What is being brought up. */
struct work {
	struct sbx_tunnel *t;
	struct sbx_link link;
	struct sbx_wg wg;
	bool found, made; /* it was there; this run made it */
};

static void SBX_PRINTF(4, 5) changed(struct sbx_tunnel *t, const char *what,
	const char *who, const char *fmt, ...)
{
	struct sbx_change *c;
	va_list ap;

	t->changes = sbx_mem_grow(t->changes, t->nchanges + 1, sizeof(*c));
	c = &t->changes[t->nchanges++];
	c->what = what;
	snprintf(c->who, sizeof(c->who), "%s", who);
	va_start(ap, fmt);
	vsnprintf(c->value, sizeof(c->value), fmt, ap);
	va_end(ap);
}

int
sbx_tunnel_look(const char *name, struct sbx_link *link, struct sbx_wg *wg,
	struct sbx_err *err)
{
	bool tun;
	int r;

	if ((r = sbx_nl_link(name, link, err)) != SBX_OK)
		return r;
	tun = strcmp(link->kind, "tun") == 0;
	r = tun || strcmp(link->kind, "wireguard") == 0
		    ? sbx_wg_read(name, wg, err)
		    : SBX_E_USAGE;
	/* wireguard-go's interface is a tun like any other; what tells it is
	 * that it answers to wg(8). */
	if (r == SBX_E_USAGE || (r != SBX_OK && tun)) {
		r = sbx_err_set(err, SBX_E_USAGE,
			"%s: exists and is not a WireGuard interface", name);
		sbx_err_hint(err, "choose another: [mesh] interface=");
	}
	return r;
}

/* Can the port be had?  Asked before anything is touched: wireguard-go closes
 * its old port before it finds that the new one is taken. */
static int
probe_port(int port, struct sbx_err *err)
{
	struct sockaddr_in a4 = { .sin_family = AF_INET,
		.sin_port = htons((uint16_t)port) };
	struct sockaddr_in6 a6 = { .sin6_family = AF_INET6,
		.sin6_port = htons((uint16_t)port) };
	const struct {
		const void *addr;
		socklen_t len;
		int family;
	} tries[] = { { &a4, sizeof(a4), AF_INET },
		{ &a6, sizeof(a6), AF_INET6 } };
	int fd, busy, one = 1;

	for (size_t i = 0; i < 2; i++) {
		fd = socket(tries[i].family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
		if (fd < 0)
			continue; /* no such family here */
		if (tries[i].family == AF_INET6)
			setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &one,
				sizeof(one));
		busy = bind(fd, tries[i].addr, tries[i].len) != 0 &&
		       errno == EADDRINUSE;
		close(fd);
		if (busy)
			return sbx_err_set(
				err, SBX_E_SYS, "UDP port %d is in use", port);
	}
	return SBX_OK;
}

/* What a program said last, as far as it can be shown. */
static void
last_line(char *out, size_t size, const struct sbx_buf *b)
{
	const char *text = sbx_buf_text(b), *line = text;
	size_t n = 0;

	for (const char *c = text; *c != '\0'; c++)
		if (c[0] == '\n' && c[1] != '\0' && c[1] != '\n')
			line = c + 1;
	for (; n + 1 < size && line[n] != '\0' && line[n] != '\n'; n++)
		out[n] = line[n] < 0x20 || line[n] > 0x7e ? '?' : line[n];
	out[n] = '\0';
}

static int
start_userspace(const char *name, struct sbx_err *err)
{
	const char *const argv[] = { WIREGUARD_GO, name, NULL };
	const struct sbx_run run = { .argv = argv, .leave = true };
	struct sbx_buf text = SBX_BUF(SBX_RUN_MAX);
	char said[200];
	int status, r;

	if (access(WIREGUARD_GO, X_OK) != 0) {
		sbx_err_set(err, SBX_E_SYS,
			"no WireGuard: the kernel has none "
			"and there is no %s",
			WIREGUARD_GO);
		sbx_err_hint(err, "apt-get install wireguard-go");
		return SBX_E_SYS;
	}
	r = sbx_run(&run, &status, NULL, &text, err);
	if (r == SBX_OK && status != 0) {
		last_line(said, sizeof(said), &text);
		r = sbx_err_set(err, SBX_E_SYS, "%s: %s", WIREGUARD_GO, said);
	}
	sbx_buf_free(&text);
	return r;
}

static int
create(struct work *w, struct sbx_err *err)
{
	const char *name = w->t->name, *by = "kernel";
	int r;

	/* The kernel's own answer decides, not what is said to be installed. */
	r = sbx_nl_link_add(name, "wireguard", err);
	if (r == SBX_E_NO) {
		by = "wireguard-go";
		r = start_userspace(name, err);
	}
	w->made = r == SBX_OK;
	if (r == SBX_OK)
		r = sbx_tunnel_look(name, &w->link, &w->wg, err);
	if (r == SBX_OK)
		changed(w->t, "add interface", name, "%s", by);
	return r;
}

static struct sbx_wg_peer *
peer(struct sbx_wg_peer *peers, size_t n, const unsigned char *key)
{
	for (size_t i = 0; i < n; i++)
		if (memcmp(peers[i].key, key, SBX_WG_KEY_BYTES) == 0)
			return &peers[i];
	return NULL;
}

/* A peer that roams is where it was last heard; only one that has fallen
 * silent is looked for where the directory says. */
static bool
lost(const struct sbx_wg_peer *have, const struct sbx_wg_peer *want)
{
	return want->endpoint[0] != '\0' &&
	       strcmp(have->endpoint, want->endpoint) != 0 &&
	       sbx_clock_now() / 1000000 - have->handshake > STALE;
}

static void
diff_peer(
	struct work *w, struct sbx_wg_set *set, const struct sbx_wg_peer *want)
{
	const struct sbx_mesh_node *n = sbx_mesh_by_key(w->t->mesh, want->key);
	const char *name = n != NULL ? n->name : "?";
	const struct sbx_wg_peer *have =
		peer(w->wg.peers, w->wg.npeers, want->key);

	if (have == NULL) {
		changed(w->t, "add peer", name, "%s", want->allowed);
		sbx_wg_set_peer(set, want, true);
	} else if (strcmp(have->allowed, want->allowed) != 0 ||
		   have->keepalive != want->keepalive || lost(have, want)) {
		changed(w->t, "change peer", name, "%s%s%s", want->allowed,
			lost(have, want) ? " at " : "",
			lost(have, want) ? want->endpoint : "");
		sbx_wg_set_peer(set, want, lost(have, want));
	}
}

/* Collect what wg(8) is to be told; count it among the changes. */
static void
diff(struct work *w, struct sbx_wg_set *set)
{
	const struct sbx_mesh *m = w->t->mesh;
	char text[SBX_WGKEY_SIZE];

	*set = (struct sbx_wg_set){ .name = w->t->name };
	if (memcmp(w->wg.pub, w->t->pub, sizeof(w->wg.pub)) != 0) {
		sbx_wgkey_write(text, w->t->pub);
		changed(w->t, "set key", w->t->name, "%s", text);
		set->key = w->t->key;
	}
	if (w->wg.port != m->port) {
		changed(w->t, "set port", w->t->name, "%d", m->port);
		set->port = m->port;
	}
	for (size_t i = 0; i < w->wg.npeers; i++) {
		if (peer(m->peers, m->npeers, w->wg.peers[i].key) != NULL)
			continue;
		sbx_wgkey_write(text, w->wg.peers[i].key);
		changed(w->t, "remove peer", text, "%s",
			w->wg.peers[i].allowed);
		sbx_wg_set_remove(set, w->wg.peers[i].key);
	}
	for (size_t i = 0; i < m->npeers; i++)
		diff_peer(w, set, &m->peers[i]);
}

static int
tell_wg(struct work *w, struct sbx_err *err)
{
	struct sbx_wg_set set;
	size_t before = w->t->nchanges;
	int r = SBX_OK;

	diff(w, &set);
	if (!w->t->dry)
		r = sbx_wg_set(&set, err);
	sbx_wg_set_free(&set);
	if (r != SBX_OK || w->t->dry || w->t->nchanges == before)
		return r;
	/* Read back: what was told may not be what was taken. */
	sbx_wg_free(&w->wg);
	if ((r = sbx_wg_read(w->t->name, &w->wg, err)) != SBX_OK)
		return r;
	before = w->t->nchanges;
	diff(w, &set);
	sbx_wg_set_free(&set);
	if (w->t->nchanges != before)
		return sbx_err_set(err, SBX_E_SYS, "%s did not take: %s %s",
			w->t->name, w->t->changes[before].what,
			w->t->changes[before].who);
	return SBX_OK;
}

static int
tell_kernel(struct work *w, struct sbx_err *err)
{
	const struct sbx_mesh *m = w->t->mesh;
	struct sbx_net at = { m->me->addr, m->net.bits };
	char ip[SBX_IP4_SIZE];
	bool same = false;
	int r = SBX_OK;

	if (w->link.index != 0 &&
		(r = sbx_nl_addr_is(w->link.index, &at, &same, err)) != SBX_OK)
		return r;
	if (!same) {
		sbx_ip4_write(ip, at.addr);
		changed(w->t, "set address", w->t->name, "%s/%d", ip, at.bits);
		if (!w->t->dry)
			r = sbx_nl_addr_set(w->link.index, &at, err);
	}
	if (r == SBX_OK && (!w->link.up || w->link.mtu != m->mtu)) {
		changed(w->t, "bring up", w->t->name, "mtu %d", m->mtu);
		if (!w->t->dry)
			r = sbx_nl_link_up(w->link.index, m->mtu, err);
	}
	return r;
}

/* A setting of this interface alone; nobody else's forwarding is changed. */
static int
tell_sysctl(struct work *w, const char *what, const char *value,
	struct sbx_err *err)
{
	char path[96], now = '\0';
	int fd, r = SBX_OK;

	snprintf(path, sizeof(path), "/proc/sys/net/ipv4/conf/%s/%s",
		w->t->name, what);
	fd = open(path, (w->t->dry ? O_RDONLY : O_RDWR) | O_CLOEXEC);
	if (fd < 0) {
		if (!w->t->dry)
			return sbx_err_sys(err, "%s", path);
	} else if (read(fd, &now, 1) != 1) {
		r = sbx_err_sys(err, "%s", path);
	}
	if (r == SBX_OK && now != value[0]) {
		changed(w->t, "set", w->t->name, "%s=%s", what, value);
		if (!w->t->dry && pwrite(fd, value, 1, 0) != 1)
			r = sbx_err_sys(err, "%s", path);
	}
	if (fd >= 0)
		close(fd);
	return r;
}

static int
bring_up(struct work *w, struct sbx_err *err)
{
	const struct sbx_mesh *m = w->t->mesh;
	int r;

	if ((r = sbx_nl_overlap(w->link.index, &m->net, err)) != SBX_OK)
		return r;
	if (w->wg.port != m->port && (r = probe_port(m->port, err)) != SBX_OK)
		return r;
	if (!w->found && w->t->dry)
		changed(w->t, "add interface", w->t->name, "%s", "wireguard");
	else if (!w->found && (r = create(w, err)) != SBX_OK)
		return r;
	if ((r = tell_wg(w, err)) != SBX_OK ||
		(r = tell_kernel(w, err)) != SBX_OK)
		return r;
	if (m->is_hub &&
		((r = tell_sysctl(w, "forwarding", "1", err)) != SBX_OK ||
			(r = tell_sysctl(w, "send_redirects", "0", err)) !=
				SBX_OK))
		return r;
	return SBX_OK;
}

int
sbx_tunnel_up(struct sbx_tunnel *t, struct sbx_err *err)
{
	struct work w = { .t = t };
	int r;

	r = sbx_tunnel_look(t->name, &w.link, &w.wg, err);
	w.found = r == SBX_OK;
	if (w.found || r == SBX_E_NO)
		r = bring_up(&w, err);
	/* What this run made and could not finish is not left behind. */
	if (r != SBX_OK && w.made)
		sbx_tunnel_down(t->name, false, NULL);
	sbx_wg_free(&w.wg);
	return r;
}

int
sbx_tunnel_down(const char *name, bool dry, struct sbx_err *err)
{
	struct sbx_link link = { 0 };
	struct sbx_wg wg = { 0 };
	char path[64];
	int r;

	r = sbx_tunnel_look(name, &link, &wg, err);
	sbx_wg_free(&wg);
	if (r != SBX_OK || dry)
		return r;
	if ((r = sbx_nl_link_del(link.index, err)) != SBX_OK)
		return r;
	/* wireguard-go ends when its interface does; the next one would find
	 * the socket in use until then. */
	snprintf(path, sizeof(path), SOCKETS "/%s.sock", name);
	for (int i = 0; i < 200 && access(path, F_OK) == 0; i++)
		usleep(10000);
	return SBX_OK;
}

void
sbx_tunnel_free(struct sbx_tunnel *t)
{
	if (t == NULL)
		return;
	free(t->changes);
	t->changes = NULL;
	t->nchanges = 0;
}
