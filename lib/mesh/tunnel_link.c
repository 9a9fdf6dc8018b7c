/* SPDX-License-Identifier: Apache-2.0 */
/* The interface's addresses, its mtu, and its settings. */
#include <fcntl.h>
#include <net/if.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/base.h"
#include "system/system.h"
#include "mesh/mesh.h"
#include "mesh/tunnel.h"

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

/* Others go first: a primary address takes the secondary ones of its network
 * with it, and ours would be one of those. */
static int
tell_addrs(struct work *w, struct sbx_err *err)
{
	const struct sbx_nl_addr *want = w->want.addrs;
	size_t nhave = 0, nwant = w->want.naddrs, gone = 0;
	struct sbx_nl_addr *have = NULL;
	int r = SBX_OK;

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
	bool up = w->want.up, same;
	int r, mtu = w->want.mtu;

	same = t->link.up == up && t->link.mtu == mtu;
	if (same && t->link.ours)
		return SBX_OK;
	if (!same) {
		sbx_tunnel_changed(t, sbx_tunnel_text(
			"ip link set %s mtu %d %s", t->name, mtu,
			up ? "up" : "down"),
			up ? "bring up" : "take down", t->name, "mtu %d", mtu);
	} else {
		sbx_tunnel_changed(t, sbx_tunnel_text(
			"ip link set %s alias sbx", t->name),
			"take over", t->name, "%s", "it is ours now");
	}
	if (t->dry)
		return SBX_OK;
	r = sbx_nl_link_set(t->link.index, mtu, up, err);
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

int
sbx_tunnel_setting(
	struct work *w, const char *what, char value, struct sbx_err *err)
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
	if ((r = sbx_tunnel_setting(w, what, value, err)) == SBX_OK)
		done(w, STEP_SETTING, what, now);
	return r;
}

int
sbx_tunnel_tell_link(struct work *w, struct sbx_err *err)
{
	char forwarding = w->want.forwarding, redirects = w->want.redirects;
	int r;

	if ((r = tell_addrs(w, err)) == SBX_OK)
		r = tell_link(w, err);
	if (r == SBX_OK && forwarding != '\0')
		r = tell_sysctl(w, "forwarding", forwarding, err);
	if (r == SBX_OK && redirects != '\0')
		r = tell_sysctl(w, "send_redirects", redirects, err);
	return r;
}
