/* SPDX-License-Identifier: Apache-2.0 */
/* The interface: what it is, what it should be, and the way from one to the
 * other.  Every step looks first, so that a run that was cut off anywhere is
 * finished by the next; one that fails puts back what was. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
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

/* ---- addresses, the link, its settings ---- */

static void
done(struct work *w, enum step_kind kind, const char *text, int value)
{
	struct step *s;

	w->steps = sbx_mem_grow(w->steps, w->nsteps + 1, sizeof(*w->steps));
	s = &w->steps[w->nsteps++];
	s->kind = kind;
	s->value = value;
	snprintf(s->text, sizeof(s->text), "%s", text);
}

static int
set_addr(struct work *w, const char *text, bool add, struct sbx_err *err)
{
	struct sbx_tunnel *t = w->t;
	int r = SBX_OK;

	sbx_tunnel_changed(t, sbx_tunnel_text(add ? "ip addr add %s dev %s"
		: "ip addr del %s dev %s", text, t->name),
		add ? "set address" : "remove address", t->name, "%s", text);
	if (t->dry)
		return SBX_OK;
	r = add ? sbx_nl_addr_add(t->link.index, text, err)
		: sbx_nl_addr_del(t->link.index, text, err);
	if (r == SBX_OK)
		done(w, add ? STEP_ADDR_ADD : STEP_ADDR_DEL, text, 0);
	return r;
}

static bool
has(const struct sbx_nl_addr *list, size_t count, const char *text)
{
	for (size_t i = 0; i < count; i++)
		if (strcmp(list[i].text, text) == 0)
			return true;
	return false;
}

/* A machine may be without; then so is its node, and the others need not know. */
static bool
has_ipv6(void)
{
	char off = '\0';
	int fd = open("/proc/sys/net/ipv6/conf/default/disable_ipv6",
		O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return false;
	if (read(fd, &off, 1) != 1)
		off = '1';
	close(fd);
	return off == '0';
}

/* Others go first: a primary address takes the secondary ones of its network
 * with it, and ours would be one of those. */
static int
tell_addrs(struct work *w, struct sbx_err *err)
{
	const struct sbx_mesh *m = w->t->mesh;
	struct sbx_nl_addr want[2] = { 0 }, *have = NULL;
	char six[SBX_ULA_SIZE];
	struct sbx_net at = { m->me->addr, m->net.bits };
	size_t nhave = 0, nwant = 0, gone = 0;
	int r = SBX_OK;

	sbx_net_write(want[nwant++].text, &at);
	if (m->ula[0] != '\0' && has_ipv6()) {
		sbx_ula(six, m->founder, m->self);
		snprintf(want[nwant++].text, sizeof(want[0].text), "%s/64", six);
	}
	if (w->t->link.index != 0)
		r = sbx_nl_addrs(w->t->link.index, &have, &nhave, err);
	for (size_t i = 0; i < nhave && r == SBX_OK; i++)
		if (!has(want, nwant, have[i].text)) {
			r = set_addr(w, have[i].text, false, err);
			gone++;
		}
	for (size_t i = 0; i < nwant && r == SBX_OK; i++) {
		if (!has(have, nhave, want[i].text))
			r = set_addr(w, want[i].text, true, err);
		else if (gone > 0 && !w->t->dry)
			r = sbx_nl_addr_add(
				w->t->link.index, want[i].text, err);
	}
	free(have);
	return r;
}

static int
tell_link(struct work *w, struct sbx_err *err)
{
	struct sbx_tunnel *t = w->t;
	int r, mtu = t->mesh->mtu;
	char number[16];

	if (t->link.up && t->link.mtu == mtu && t->link.ours)
		return SBX_OK;
	if (!t->link.up || t->link.mtu != mtu) {
		snprintf(number, sizeof(number), "%d", mtu);
		sbx_tunnel_changed(t, sbx_tunnel_text(
			"ip link set %s mtu %s up", t->name, number),
			"bring up", t->name, "mtu %d", mtu);
	} else {
		sbx_tunnel_changed(t, sbx_tunnel_text(
			"ip link set %s alias sbx", t->name),
			"take over", t->name, "%s", "it is ours now");
	}
	if (t->dry)
		return SBX_OK;
	r = sbx_nl_link_set(t->link.index, mtu, true, err);
	if (r == SBX_OK)
		done(w, STEP_LINK, "", t->link.mtu * 2 + t->link.up);
	return r;
}

/* Of the interface of that index, whatever is called so by now: the file is
 * opened by the name, and if the name still means our index after that, then
 * it is that interface's file. */
static int
open_setting(struct work *w, const char *what, int flags, int *fd,
	struct sbx_err *err)
{
	struct sbx_tunnel *t = w->t;
	char path[96];

	snprintf(path, sizeof(path), "/proc/sys/net/ipv4/conf/%s/%s", t->name,
		what);
	*fd = open(path, flags | O_CLOEXEC);
	if (*fd < 0)
		return sbx_err_sys(err, "%s", path);
	if (if_nametoindex(t->name) == (unsigned)t->link.index)
		return SBX_OK;
	close(*fd);
	*fd = -1;
	return sbx_err_set(err, SBX_E_SYS,
		"%s: another interface has the name by now", t->name);
}

static int
put_setting(struct work *w, const char *what, char value, struct sbx_err *err)
{
	int fd, r;

	if ((r = open_setting(w, what, O_WRONLY, &fd, err)) != SBX_OK)
		return r;
	if (write(fd, &value, 1) != 1)
		r = sbx_err_sys(err, "%s", what);
	close(fd);
	return r;
}

/* A setting of this interface alone; nobody else's forwarding is changed. */
static int
tell_sysctl(struct work *w, const char *what, char value, struct sbx_err *err)
{
	struct sbx_tunnel *t = w->t;
	char now = '\0', text[2] = { value, '\0' };
	int fd, r;

	if (t->link.index != 0) {
		if ((r = open_setting(w, what, O_RDONLY, &fd, err)) != SBX_OK)
			return r;
		if (read(fd, &now, 1) != 1)
			r = sbx_err_sys(err, "%s", what);
		close(fd);
		if (r != SBX_OK || now == value)
			return r;
	}
	sbx_tunnel_changed(t, sbx_tunnel_text(
		"sysctl -w net.ipv4.conf.%s.%s=%s", t->name, what, text),
		"set", t->name, "%s=%s", what, text);
	if (t->dry)
		return SBX_OK;
	if ((r = put_setting(w, what, value, err)) == SBX_OK)
		done(w, STEP_SETTING, what, now);
	return r;
}

/* ---- up, and back ---- */

static int
bring_up(struct work *w, struct sbx_err *err)
{
	const struct sbx_mesh *m = w->t->mesh;
	struct sbx_tunnel *t = w->t;
	char net[SBX_NET_SIZE], six[SBX_NL_ADDR_SIZE];
	int r;

	sbx_net_write(net, &m->net);
	if ((r = sbx_nl_overlap(t->link.index, net, err)) != SBX_OK)
		return r;
	snprintf(six, sizeof(six), "%s/64", m->ula);
	if (m->ula[0] != '\0' &&
		(r = sbx_nl_overlap(t->link.index, six, err)) != SBX_OK)
		return r;
	if (t->wg.port != m->port && (r = probe_port(m->port, err)) != SBX_OK)
		return r;
	if (!t->found && t->dry)
		sbx_tunnel_changed(t, sbx_tunnel_text(
			"ip link add %s type wireguard", t->name),
			"add interface", t->name, "%s", "wireguard");
	else if (!t->found && (r = create(w, err)) != SBX_OK)
		return r;
	if ((r = sbx_tunnel_tell(w, err)) != SBX_OK ||
		(r = tell_addrs(w, err)) != SBX_OK ||
		(r = tell_link(w, err)) != SBX_OK || !m->is_hub)
		return r;
	if ((r = tell_sysctl(w, "forwarding", '1', err)) == SBX_OK)
		r = tell_sysctl(w, "send_redirects", '0', err);
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
			put_setting(w, s->text, (char)s->value, NULL);
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
	if (r == SBX_OK && !t->take_only)
		r = bring_up(&w, err);
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
