/* SPDX-License-Identifier: Apache-2.0 */
#include <arpa/inet.h>
#include <linux/if_addr.h>
#include <net/if.h>
#include <netlink/errno.h>
#include <netlink/netlink.h>
#include <netlink/route/addr.h>
#include <netlink/route/link.h>
#include <netlink/route/route.h>
#include <stdlib.h>
#include <string.h>

#include "base/base.h"
#include "system/system.h"

#define ALIAS "sbx" /* how an interface of ours is known again */

static int
failed(struct sbx_err *err, int r, const char *what)
{
	return sbx_err_set(err, SBX_E_SYS, "%s: %s", what, nl_geterror(r));
}

static int
dial(struct nl_sock **sock, struct sbx_err *err)
{
	struct nl_sock *s = nl_socket_alloc();
	int r;

	if (s == NULL)
		return failed(err, -NLE_NOMEM, "netlink");
	if ((r = nl_connect(s, NETLINK_ROUTE)) < 0) {
		nl_socket_free(s);
		return failed(err, r, "netlink");
	}
	*sock = s;
	return SBX_OK;
}

int
sbx_nl_link(const char *name, struct sbx_link *link, struct sbx_err *err)
{
	struct rtnl_link *l = NULL;
	struct nl_sock *s = NULL;
	const char *kind;
	int r;

	if ((r = dial(&s, err)) != SBX_OK)
		return r;
	r = rtnl_link_get_kernel(s, 0, name, &l);
	nl_socket_free(s);
	if (r == -NLE_NODEV || r == -NLE_OBJ_NOTFOUND)
		return sbx_err_set(
			err, SBX_E_NO, "%s: no such interface", name);
	if (r < 0)
		return failed(err, r, name);
	kind = rtnl_link_get_type(l);
	memset(link, 0, sizeof(*link));
	link->index = rtnl_link_get_ifindex(l);
	link->mtu = (int)rtnl_link_get_mtu(l);
	link->up = (rtnl_link_get_flags(l) & IFF_UP) != 0;
	link->ours = rtnl_link_get_ifalias(l) != NULL &&
		strcmp(rtnl_link_get_ifalias(l), ALIAS) == 0;
	snprintf(link->name, sizeof(link->name), "%s", rtnl_link_get_name(l));
	snprintf(
		link->kind, sizeof(link->kind), "%s", kind != NULL ? kind : "");
	rtnl_link_put(l);
	return SBX_OK;
}

int
sbx_nl_link_add(const char *name, const char *kind, struct sbx_err *err)
{
	struct rtnl_link *l = NULL;
	struct nl_sock *s = NULL;
	int r;

	if ((r = dial(&s, err)) != SBX_OK)
		return r;
	if ((l = rtnl_link_alloc()) == NULL) {
		r = -NLE_NOMEM;
	} else {
		rtnl_link_set_name(l, name);
		/* A kind libnl does not know is still sent by its name. */
		rtnl_link_set_type(l, kind);
		r = rtnl_link_add(s, l, NLM_F_CREATE | NLM_F_EXCL);
		rtnl_link_put(l);
	}
	nl_socket_free(s);
	if (r == -NLE_OPNOTSUPP)
		return sbx_err_set(err, SBX_E_NO,
			"the kernel has no interfaces of kind %s", kind);
	return r < 0 ? failed(err, r, name) : SBX_OK;
}

/* Change (set not NULL) or delete the link of that index, whatever its name
 * is by now. */
static int
alter(int index, struct rtnl_link *set, const char *what, struct sbx_err *err)
{
	struct rtnl_link *l = rtnl_link_alloc();
	struct nl_sock *s = NULL;
	int r;

	if (l == NULL)
		return failed(err, -NLE_NOMEM, what);
	if ((r = dial(&s, err)) != SBX_OK) {
		rtnl_link_put(l);
		return r;
	}
	rtnl_link_set_ifindex(l, index);
	r = set != NULL ? rtnl_link_change(s, l, set, 0)
			: rtnl_link_delete(s, l);
	rtnl_link_put(l);
	nl_socket_free(s);
	return r < 0 ? failed(err, r, what) : SBX_OK;
}

int
sbx_nl_link_set(int index, int mtu, bool up, struct sbx_err *err)
{
	struct rtnl_link *set = rtnl_link_alloc();
	int r;

	if (set == NULL)
		return failed(err, -NLE_NOMEM, "netlink");
	rtnl_link_set_mtu(set, (unsigned)mtu);
	rtnl_link_set_ifalias(set, ALIAS);
	if (up)
		rtnl_link_set_flags(set, IFF_UP);
	else
		rtnl_link_unset_flags(set, IFF_UP);
	r = alter(index, set, "cannot bring the interface up", err);
	rtnl_link_put(set);
	return r;
}

int
sbx_nl_link_del(int index, struct sbx_err *err)
{
	return alter(index, NULL, "cannot remove the interface", err);
}

/* ---- addresses ---- */

static int
addresses(struct nl_sock **s, struct nl_cache **cache, struct sbx_err *err)
{
	int r;

	if ((r = dial(s, err)) != SBX_OK)
		return r;
	if ((r = rtnl_addr_alloc_cache(*s, cache)) < 0) {
		nl_socket_free(*s);
		return failed(err, r, "cannot list addresses");
	}
	return SBX_OK;
}

static bool
is_ip(struct nl_addr *a)
{
	int family = a != NULL ? nl_addr_get_family(a) : AF_UNSPEC;

	return family == AF_INET || family == AF_INET6;
}

/* With its prefix's length, always: libnl leaves /32 and /128 out. */
static void
text_of(struct nl_addr *a, char out[static SBX_NL_ADDR_SIZE])
{
	char ip[INET6_ADDRSTRLEN] = "?";
	unsigned char raw[16] = { 0 }; /* the default route has no bytes */

	memcpy(raw, nl_addr_get_binary_addr(a),
		nl_addr_get_len(a) < 16 ? nl_addr_get_len(a) : 16);
	inet_ntop(nl_addr_get_family(a), raw, ip, sizeof(ip));
	snprintf(out, SBX_NL_ADDR_SIZE, "%s/%u", ip, nl_addr_get_prefixlen(a));
}

/* IPv6's own address of each link is the kernel's affair. */
static bool
is_link_local(struct nl_addr *a)
{
	const unsigned char *raw = nl_addr_get_binary_addr(a);

	return nl_addr_get_family(a) == AF_INET6 &&
		nl_addr_get_len(a) == 16 && raw[0] == 0xfe &&
		(raw[1] & 0xc0) == 0x80;
}

int
sbx_nl_addrs(int index, struct sbx_nl_addr **list, size_t *count,
	struct sbx_err *err)
{
	struct nl_cache *cache = NULL;
	struct nl_sock *s = NULL;
	struct rtnl_addr *a;
	struct nl_addr *local;
	int r;

	*list = NULL;
	*count = 0;
	if ((r = addresses(&s, &cache, err)) != SBX_OK)
		return r;
	for (struct nl_object *o = nl_cache_get_first(cache); o != NULL;
		o = nl_cache_get_next(o)) {
		a = (struct rtnl_addr *)o;
		local = rtnl_addr_get_local(a);
		if ((index != 0 && rtnl_addr_get_ifindex(a) != index) ||
			!is_ip(local) || is_link_local(local))
			continue;
		*list = sbx_mem_grow(*list, *count + 1, sizeof(**list));
		(*list)[*count].index = rtnl_addr_get_ifindex(a);
		text_of(local, (*list)[(*count)++].text);
	}
	nl_cache_free(cache);
	nl_socket_free(s);
	return SBX_OK;
}

/* Add it, or take it away; what is so already is as good. */
static int
change_addr(int index, const char *text, bool add, struct sbx_err *err)
{
	struct rtnl_addr *a = rtnl_addr_alloc();
	struct nl_addr *local = NULL;
	struct nl_sock *s = NULL;
	int r;

	if ((r = dial(&s, err)) != SBX_OK) {
		rtnl_addr_put(a);
		return r;
	}
	r = a == NULL ? -NLE_NOMEM : nl_addr_parse(text, AF_UNSPEC, &local);
	if (r >= 0) {
		rtnl_addr_set_ifindex(a, index);
		r = rtnl_addr_set_local(a, local);
	}
	if (r >= 0) {
		/* Nobody else can have it on a link without neighbours. */
		if (add && nl_addr_get_family(local) == AF_INET6)
			rtnl_addr_set_flags(a, IFA_F_NODAD);
		r = add ? rtnl_addr_add(s, a, 0) : rtnl_addr_delete(s, a, 0);
	}
	if (r == (add ? -NLE_EXIST : -NLE_NOADDR) || r == -NLE_OBJ_NOTFOUND)
		r = 0;
	nl_addr_put(local);
	rtnl_addr_put(a);
	nl_socket_free(s);
	return r < 0 ? failed(err, r, text) : SBX_OK;
}

int
sbx_nl_addr_add(int index, const char *text, struct sbx_err *err)
{
	return change_addr(index, text, true, err);
}

int
sbx_nl_addr_del(int index, const char *text, struct sbx_err *err)
{
	return change_addr(index, text, false, err);
}

/* ---- who else uses a network ---- */

/* Is the network net in mesh: the same, or a part of it?  A wider one is none
 * of ours, since the longer prefix goes first. */
static bool
inside(struct nl_addr *mesh, struct nl_addr *net, unsigned bits)
{
	unsigned len = nl_addr_get_prefixlen(mesh);
	const unsigned char *a, *b;

	if (nl_addr_get_family(net) != nl_addr_get_family(mesh) || bits < len ||
		nl_addr_get_len(net) != nl_addr_get_len(mesh))
		return false;
	a = nl_addr_get_binary_addr(mesh);
	b = nl_addr_get_binary_addr(net);
	if (memcmp(a, b, len / 8) != 0)
		return false;
	return len % 8 == 0 || ((a[len / 8] ^ b[len / 8]) >> (8 - len % 8)) == 0;
}

static int
clash(const char *mesh, struct nl_addr *other, int index, struct sbx_err *err)
{
	char text[SBX_NL_ADDR_SIZE], name[SBX_IF_SIZE] = "?";

	text_of(other, text);
	if_indextoname((unsigned)index, name);
	sbx_err_set(err, SBX_E_USAGE, "mesh network %s overlaps %s on %s", mesh,
		text, name);
	sbx_err_hint(err, "a mesh needs a network of its own: [mesh] network=, "
			  "or take %s off %s", text, name);
	return SBX_E_USAGE;
}

static int
clash_route(const char *text, struct nl_addr *mesh, struct rtnl_route *route,
	int index, struct sbx_err *err)
{
	struct nl_addr *dst = rtnl_route_get_dst(route);
	int via;

	if (rtnl_route_get_type(route) != RTN_UNICAST || !is_ip(dst) ||
		!inside(mesh, dst, nl_addr_get_prefixlen(dst)))
		return SBX_OK;
	for (int i = 0; i < rtnl_route_get_nnexthops(route); i++) {
		via = rtnl_route_nh_get_ifindex(rtnl_route_nexthop_n(route, i));
		if (via != index)
			return clash(text, dst, via, err);
	}
	return SBX_OK;
}

/* An address counts whole: the kernel answers for it whatever its network. */
static int
clash_addr(const char *text, struct nl_addr *mesh, struct rtnl_addr *a,
	int index, struct sbx_err *err)
{
	struct nl_addr *local = rtnl_addr_get_local(a);

	if (rtnl_addr_get_ifindex(a) == index || !is_ip(local) ||
		!inside(mesh, local, nl_addr_get_len(local) * 8))
		return SBX_OK;
	return clash(text, local, rtnl_addr_get_ifindex(a), err);
}

int
sbx_nl_overlap(int index, const char *net, struct sbx_err *err)
{
	struct nl_cache *cache = NULL;
	struct nl_addr *mesh = NULL;
	struct nl_sock *s = NULL;
	struct nl_object *o;
	int r;

	if ((r = nl_addr_parse(net, AF_UNSPEC, &mesh)) < 0)
		return failed(err, r, net);
	if ((r = addresses(&s, &cache, err)) != SBX_OK) {
		nl_addr_put(mesh);
		return r;
	}
	for (o = nl_cache_get_first(cache); o != NULL && r == SBX_OK;
		o = nl_cache_get_next(o))
		r = clash_addr(net, mesh, (struct rtnl_addr *)o, index, err);
	nl_cache_free(cache);
	cache = NULL;
	if (r == SBX_OK && (r = rtnl_route_alloc_cache(s,
		nl_addr_get_family(mesh), 0, &cache)) < 0)
		r = failed(err, r, "cannot list routes");
	if (r == SBX_OK)
		for (o = nl_cache_get_first(cache); o != NULL && r == SBX_OK;
			o = nl_cache_get_next(o))
			r = clash_route(net, mesh, (struct rtnl_route *)o,
				index, err);
	if (cache != NULL)
		nl_cache_free(cache);
	nl_addr_put(mesh);
	nl_socket_free(s);
	return r;
}
