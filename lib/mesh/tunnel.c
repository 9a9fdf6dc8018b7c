/* SPDX-License-Identifier: Apache-2.0 */
/* The interface: what it is, what it should be, and the way from one to the
 * other.  Every step looks first, so that a run that was cut off anywhere is
 * finished by the next; one that fails puts back what was. */
#include <arpa/inet.h>
#include <errno.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/base.h"
#include "system/system.h"
#include "mesh/mesh.h"
#include "mesh/tunnel.h"

#define WIREGUARD_GO "/usr/bin/wireguard-go"
#define SOCKETS      "/var/run/wireguard"

int
sbx_tunnel_look(const char *name, struct sbx_link *link, struct sbx_wg *wg,
	struct sbx_err *err)
{
	int r;

	if ((r = sbx_nl_link(name, link, err)) != SBX_OK)
		return r;
	/* wireguard-go's interface is a tun like any other; what tells it is
	 * that it answers to wg(8). */
	r = strcmp(link->kind, "tun") == 0 ||
			strcmp(link->kind, "wireguard") == 0
		? sbx_wg_read(name, wg, err) : SBX_E_USAGE;
	if (r == SBX_E_USAGE) {
		r = sbx_err_set(err, SBX_E_USAGE,
			"%s: exists and is not a WireGuard interface", name);
		sbx_err_hint(err, "choose another: [mesh] interface=");
	}
	return r;
}

int
sbx_tunnel_open(struct sbx_tunnel *t, struct sbx_err *err)
{
	int r = sbx_tunnel_look(t->name, &t->link, &t->wg, err);

	t->found = r == SBX_OK;
	if (r == SBX_E_NO && err != NULL)
		memset(err, 0, sizeof(*err));
	return r == SBX_E_NO ? SBX_OK : r;
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
		r = sbx_tunnel_look(name, &w->t->link, &w->t->wg, err);
	if (r == SBX_OK)
		sbx_tunnel_changed(w->t, strcmp(by, "kernel") == 0
			? sbx_tunnel_text("ip link add %s type wireguard", name)
			: sbx_tunnel_text("wireguard-go %s", name),
			"add interface", name, "%s", by);
	return r;
}

/* ---- up, and back ---- */

/* Does another link use the mesh's networks? */
static int
check_net(const struct sbx_tunnel *t, struct sbx_err *err)
{
	char net[SBX_NET_SIZE], six[SBX_NL_ADDR_SIZE];
	const struct sbx_mesh *m = t->mesh;
	int r;

	sbx_net_write(net, &m->net);
	if ((r = sbx_nl_overlap(t->link.index, net, err)) != SBX_OK ||
		m->ula[0] == '\0')
		return r;
	snprintf(six, sizeof(six), "%s/64", m->ula);
	return sbx_nl_overlap(t->link.index, six, err);
}

static int
bring_up(struct work *w, struct sbx_err *err)
{
	struct sbx_tunnel *t = w->t;
	int port = w->want.port, r;

	if (t->to == NULL && (r = check_net(t, err)) != SBX_OK)
		return r;
	if (t->wg.port != port && (r = probe_port(port, err)) != SBX_OK)
		return r;
	if (!t->found && t->dry)
		sbx_tunnel_changed(t, sbx_tunnel_text(
			"ip link add %s type wireguard", t->name),
			"add interface", t->name, "%s", "wireguard");
	else if (!t->found && (r = create(w, err)) != SBX_OK)
		return r;
	if ((r = sbx_tunnel_tell(w, err)) == SBX_OK)
		r = sbx_tunnel_tell_link(w, err);
	return r;
}

/* The last step first.  What cannot be put back is passed over: the reason of
 * the failure is the one to tell. */
static void
put_back(struct work *w)
{
	int index = w->t->link.index;
	const struct step *s;

	for (size_t i = w->nsteps; i-- > 0;) {
		s = &w->steps[i];
		switch (s->kind) {
		case STEP_ADDR_ADD:
			sbx_nl_addr_del(index, s->text, NULL);
			break;
		case STEP_ADDR_DEL:
			sbx_nl_addr_add(index, s->text, NULL);
			break;
		case STEP_LINK:
			sbx_nl_link_set(index, s->value / 2, s->value % 2 != 0,
				NULL);
			break;
		case STEP_SETTING:
			sbx_tunnel_setting(w, s->text, (char)s->value, NULL);
			break;
		}
	}
	sbx_tunnel_untell(w);
}

/* One that sbx has made or taken over, one of our key, or of none yet. */
static bool
is_ours(const struct sbx_tunnel *t)
{
	return t->link.ours || sodium_is_zero(t->wg.pub, sizeof(t->wg.pub)) ||
		memcmp(t->wg.pub, t->pub, sizeof(t->pub)) == 0 ||
		sbx_mesh_claims(t->mesh, t->mesh->self, t->wg.pub);
}

int
sbx_tunnel_up(struct sbx_tunnel *t, struct sbx_err *err)
{
	struct work w = { .t = t, .key = SBX_BUF(SBX_WGKEY_SIZE) };
	size_t stay;
	int r = SBX_OK;

	if (t->found && !is_ours(t)) {
		sbx_err_set(err, SBX_E_NO, "%s: exists with another key than "
			"this node's", t->name);
		sbx_err_hint(err, "sbx-mesh-up adopt, to keep it and its key");
		return SBX_E_NO;
	}
	if (t->found)
		r = sbx_tunnel_expel(&w, err);
	stay = t->nchanges;
	if (r == SBX_OK && !t->take_only) {
		if (t->to != NULL)
			w.want = *t->to;
		else
			sbx_tunnel_want(t->mesh, t->pub, &w.want);
		r = bring_up(&w, err);
		if (t->to == NULL)
			sbx_tunnel_state_free(&w.want);
	}
	if (r != SBX_OK && w.made)
		sbx_tunnel_down(t->name, false, NULL);
	else if (r != SBX_OK && !t->dry)
		put_back(&w);
	while (r != SBX_OK && t->nchanges > stay)
		free(t->changes[--t->nchanges].command);
	sbx_wg_free(&w.was);
	sbx_buf_free(&w.key);
	free(w.steps);
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
	for (size_t i = 0; i < t->nchanges; i++)
		free(t->changes[i].command);
	free(t->changes);
	t->changes = NULL;
	t->nchanges = 0;
	sbx_wg_free(&t->wg);
}
