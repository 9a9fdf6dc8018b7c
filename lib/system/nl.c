/* SPDX-License-Identifier: Apache-2.0 */
#include <arpa/inet.h>
#include <net/if.h>
#include <netlink/errno.h>
#include <netlink/netlink.h>
#include <netlink/route/addr.h>
#include <netlink/route/link.h>
#include <netlink/route/route.h>
#include <stdlib.h>
#include <string.h>

#include "sbx.h"

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
sbx_nl_link_up(int index, int mtu, struct sbx_err *err)
{
	struct rtnl_link *set = rtnl_link_alloc();
	int r;

	if (set == NULL)
		return failed(err, -NLE_NOMEM, "netlink");
	rtnl_link_set_mtu(set, (unsigned)mtu);
	rtnl_link_set_flags(set, IFF_UP);
	r = alter(index, set, "cannot bring the interface up", err);
	rtnl_link_put(set);
	return r;
}

int
sbx_nl_link_del(int index, struct sbx_err *err)
{
	return alter(index, NULL, "cannot remove the interface", err);
}

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

/* False when it is not an IPv4 address. */
static bool
net_of(struct nl_addr *a, struct sbx_net *net)
{
	struct in_addr in;

	if (a == NULL || nl_addr_get_family(a) != AF_INET)
		return false;
	in.s_addr = 0; /* the default route has no bytes */
	if (nl_addr_get_len(a) == sizeof(in))
		memcpy(&in, nl_addr_get_binary_addr(a), sizeof(in));
	net->addr = ntohl(in.s_addr);
	net->bits = (int)nl_addr_get_prefixlen(a);
	return true;
}

static bool
is_ours(struct nl_object *o, int index, struct sbx_net *net)
{
	struct rtnl_addr *a = (struct rtnl_addr *)o;

	return rtnl_addr_get_ifindex(a) == index &&
	       net_of(rtnl_addr_get_local(a), net);
}

int
sbx_nl_addr_is(
	int index, const struct sbx_net *at, bool *is, struct sbx_err *err)
{
	struct nl_cache *cache = NULL;
	struct nl_sock *s = NULL;
	struct sbx_net net;
	int r, same = 0, other = 0;

	if ((r = addresses(&s, &cache, err)) != SBX_OK)
		return r;
	for (struct nl_object *o = nl_cache_get_first(cache); o != NULL;
		o = nl_cache_get_next(o)) {
		if (!is_ours(o, index, &net))
			continue;
		if (net.addr == at->addr && net.bits == at->bits)
			same++;
		else
			other++;
	}
	nl_cache_free(cache);
	nl_socket_free(s);
	*is = same == 1 && other == 0;
	return SBX_OK;
}

static int
add_address(struct nl_sock *s, int index, const struct sbx_net *at)
{
	char text[SBX_IP4_SIZE + 4], ip[SBX_IP4_SIZE];
	struct rtnl_addr *a = rtnl_addr_alloc();
	struct nl_addr *local = NULL;
	int r;

	sbx_ip4_write(ip, at->addr);
	snprintf(text, sizeof(text), "%s/%d", ip, at->bits);
	r = a == NULL ? -NLE_NOMEM : nl_addr_parse(text, AF_INET, &local);
	if (r >= 0) {
		rtnl_addr_set_ifindex(a, index);
		r = rtnl_addr_set_local(a, local);
	}
	if (r >= 0)
		r = rtnl_addr_add(s, a, 0);
	nl_addr_put(local);
	rtnl_addr_put(a);
	return r == -NLE_EXIST ? 0 : r;
}

int
sbx_nl_addr_set(int index, const struct sbx_net *at, struct sbx_err *err)
{
	struct nl_object *next;
	struct nl_cache *cache = NULL;
	struct nl_sock *s = NULL;
	struct sbx_net net;
	int r;

	if ((r = addresses(&s, &cache, err)) != SBX_OK)
		return r;
	/* Others go first: a primary address takes the secondary ones of its
	 * network with it, and ours would be one of those. */
	r = 0;
	for (struct nl_object *o = nl_cache_get_first(cache);
		o != NULL && r >= 0; o = next) {
		next = nl_cache_get_next(o);
		if (!is_ours(o, index, &net) ||
			(net.addr == at->addr && net.bits == at->bits))
			continue;
		r = rtnl_addr_delete(s, (struct rtnl_addr *)o, 0);
		if (r == -NLE_NOADDR || r == -NLE_OBJ_NOTFOUND)
			r = 0;
	}
	if (r >= 0)
		r = add_address(s, index, at);
	nl_cache_free(cache);
	nl_socket_free(s);
	return r < 0 ? failed(err, r, "cannot set the address") : SBX_OK;
}

static int
clash(const struct sbx_net *mesh, const struct sbx_net *other, int index,
	struct sbx_err *err)
{
	char a[SBX_IP4_SIZE], b[SBX_IP4_SIZE], name[SBX_IF_SIZE] = "?";

	sbx_ip4_write(a, mesh->addr);
	sbx_ip4_write(b, other->addr);
	if_indextoname((unsigned)index, name);
	sbx_err_set(err, SBX_E_USAGE, "mesh network %s/%d overlaps %s/%d on %s",
		a, mesh->bits, b, other->bits, name);
	sbx_err_hint(err, "a mesh needs a network of its own: [mesh] network=");
	return SBX_E_USAGE;
}

static int
clash_route(const struct sbx_net *mesh, struct rtnl_route *route, int index,
	struct sbx_err *err)
{
	struct sbx_net net;
	int via;

	if (rtnl_route_get_type(route) != RTN_UNICAST ||
		!net_of(rtnl_route_get_dst(route), &net) || net.bits == 0 ||
		!sbx_net_overlap(mesh, &net))
		return SBX_OK;
	for (int i = 0; i < rtnl_route_get_nnexthops(route); i++) {
		via = rtnl_route_nh_get_ifindex(rtnl_route_nexthop_n(route, i));
		if (via != index)
			return clash(mesh, &net, via, err);
	}
	return SBX_OK;
}

int
sbx_nl_overlap(int index, const struct sbx_net *mesh, struct sbx_err *err)
{
	struct nl_cache *cache = NULL;
	struct nl_sock *s = NULL;
	struct sbx_net net;
	struct nl_object *o;
	int r, via;

	if ((r = addresses(&s, &cache, err)) != SBX_OK)
		return r;
	for (o = nl_cache_get_first(cache); o != NULL && r == SBX_OK;
		o = nl_cache_get_next(o)) {
		via = rtnl_addr_get_ifindex((struct rtnl_addr *)o);
		if (!is_ours(o, index, &net) &&
			net_of(rtnl_addr_get_local((struct rtnl_addr *)o),
				&net) &&
			sbx_net_overlap(mesh, &net))
			r = clash(mesh, &net, via, err);
	}
	nl_cache_free(cache);
	cache = NULL;
	if (r == SBX_OK &&
		(r = rtnl_route_alloc_cache(s, AF_INET, 0, &cache)) < 0)
		r = failed(err, r, "cannot list routes");
	if (r == SBX_OK)
		for (o = nl_cache_get_first(cache); o != NULL && r == SBX_OK;
			o = nl_cache_get_next(o))
			r = clash_route(
				mesh, (struct rtnl_route *)o, index, err);
	if (cache != NULL)
		nl_cache_free(cache);
	nl_socket_free(s);
	return r;
}
