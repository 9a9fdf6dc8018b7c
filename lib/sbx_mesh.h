/* SPDX-License-Identifier: Apache-2.0 */
/*
 * libsbx, the mesh: addresses, netlink, WireGuard, and what the tunnel should
 * be.  Included by sbx.h, whose conventions hold here too.
 */
#ifndef SBX_MESH_H
#define SBX_MESH_H

/* ---- net: addresses and names, each in its one spelling ------------------ */

#define SBX_IF_SIZE 16
#define SBX_IP4_SIZE 16
#define SBX_ENDPOINT_SIZE 56 /* [IPv6 address]:65535 and NUL */

struct sbx_net { /* an IPv4 network, or an address in one; host byte order */
	uint32_t addr;
	int bits;
};

/* Only as inet_ntop(3) prints it: no octal, no short form, no host name. */
bool sbx_ip4_parse(uint32_t *addr, const char *text);
void sbx_ip4_write(char out[static SBX_IP4_SIZE], uint32_t addr);
/* "10.10.0.0/24": no host bits, 8 to 30 bits of network. */
bool sbx_net_parse(struct sbx_net *net, const char *text);
/* True for what a host of net may have: in it, not its first nor last. */
bool sbx_net_host(const struct sbx_net *net, uint32_t addr);
bool sbx_net_overlap(const struct sbx_net *a, const struct sbx_net *b);
/* A name that is safe in a path and means one interface. */
bool sbx_if_check(const char *name);
/* An IPv4 or IPv6 address in its one spelling, inet_ntop(3)'s. */
bool sbx_ip_check(const char *text);
/* Such an address and a port, as wg(8) prints them: root asks no DNS. */
bool sbx_endpoint_check(const char *text);
/* NULL, or why nobody can be reached at such an endpoint: this host, nobody or
 * everybody at once, a link's own address; inside mesh, when that is given. */
const char *sbx_endpoint_fault(const char *text, const struct sbx_net *mesh);
/* A short name: letters, digits, - _ and '.'. */
#define SBX_MAX_BOXNAME 32
bool sbx_name_check(const char *text);
/* Such a name made from a host's: up to its first dot, at most so long, other
 * characters as '-'.  False when nothing of it is left. */
bool sbx_name_from(char out[static SBX_MAX_BOXNAME + 1], const char *host);
/* http(s)://host[:port][/path]: no user, query or fragment. */
bool sbx_url_check(const char *text);

/* ---- nl: links, addresses and routes, by netlink ------------------------- */

struct sbx_link {
	int index, mtu;
	bool up;
	char name[SBX_IF_SIZE], kind[SBX_IF_SIZE]; /* kind "": a real device */
};

int sbx_nl_link(const char *name, struct sbx_link *link,
	struct sbx_err *err); /* SBX_E_NO: there is none */
/* SBX_E_NO: the kernel says that it has no such kind. */
int sbx_nl_link_add(const char *name, const char *kind, struct sbx_err *err);
int sbx_nl_link_up(int index, int mtu, struct sbx_err *err);
int sbx_nl_link_del(int index, struct sbx_err *err);
/* Is at the link's one IPv4 address?  And make it so. */
int sbx_nl_addr_is(int index, const struct sbx_net *at, bool *is,
	struct sbx_err *err);
int sbx_nl_addr_set(int index, const struct sbx_net *at, struct sbx_err *err);
/* SBX_E_USAGE when an address or a route of another link than index overlaps
 * net; the reason names it. */
int sbx_nl_overlap(int index, const struct sbx_net *net, struct sbx_err *err);

/* ---- wg: WireGuard's keys and settings, by wg(8) --------------------------- */

#define SBX_WG_KEY_BYTES 32

struct sbx_wg_peer {
	unsigned char key[SBX_WG_KEY_BYTES];
	char endpoint[SBX_ENDPOINT_SIZE]; /* "" when there is none */
	char *allowed;			  /* as wg(8) prints it, "" for none */
	int64_t handshake;		  /* seconds since 1970, 0: never */
	uint64_t rx, tx;
	int keepalive;			  /* seconds, 0: off */
};

struct sbx_wg {
	unsigned char pub[SBX_WG_KEY_BYTES]; /* zero when there is no key */
	int port;
	struct sbx_wg_peer *peers;
	size_t npeers;
};

/* The private key in a file as wg(8) writes it, mode 0600.  new: make one when
 * there is none; SBX_E_NO when there is none.  text (to be wiped) may be NULL. */
int sbx_wg_key(const char *path, bool new, struct sbx_buf *text,
	unsigned char pub[static SBX_WG_KEY_BYTES], struct sbx_err *err);
int sbx_wg_read(const char *name, struct sbx_wg *wg, struct sbx_err *err);
int sbx_wg_parse(const char *dump, size_t len, struct sbx_wg *wg,
	struct sbx_err *err);
void sbx_wg_free(struct sbx_wg *wg);

/* What wg set is to be told, collected, then said at once.  Never syncconf,
 * which drops packets of peers that do not change. */
struct sbx_wg_set {
	const char *name;
	const struct sbx_buf *key; /* NULL: leave it */
	int port;		   /* 0: leave it */
	char **words;
	size_t nwords;
};
void sbx_wg_set_peer(struct sbx_wg_set *set, const struct sbx_wg_peer *peer,
	bool endpoint); /* endpoint: set that too, when there is one */
void sbx_wg_set_remove(struct sbx_wg_set *set,
	const unsigned char key[static SBX_WG_KEY_BYTES]);
int sbx_wg_set(struct sbx_wg_set *set, struct sbx_err *err);
void sbx_wg_set_free(struct sbx_wg_set *set);

/* ---- mesh: from the directory to what the tunnel should be ---------------- */

struct sbx_mesh_node {
	char did[SBX_DID_SIZE], name[64], endpoint[SBX_ENDPOINT_SIZE];
	uint32_t addr;
	unsigned char key[SBX_WG_KEY_BYTES];
	int64_t depth, since, created; /* who was here first */
};

struct sbx_mesh_member; /* mesh.c */

#define SBX_MAX_NODES 8192

/* Pure: no clock, no file, no network.  Fill net, mtu, port and keepalive by
 * sbx_mesh_conf, give every line of the directory to sbx_mesh_line, then ask
 * for sbx_mesh_plan. */
struct sbx_mesh {
	struct sbx_net net;
	int mtu, port, keepalive;
	char self[SBX_DID_SIZE];
	struct sbx_mesh_node *nodes; /* after plan: the sound ones, by address */
	size_t nnodes;
	struct sbx_mesh_member *members;
	size_t nmembers;
	/* What was left out and why, one line each. */
	void (*note)(void *ctx, const char *text);
	void *ctx;

	/* Set by plan: */
	const struct sbx_mesh_node *me, *hub; /* NULL: not in the directory,
					       * or its address is another's */
	bool is_hub;
	struct sbx_wg_peer *peers;
	size_t npeers;
};

struct sbx_conf;
int sbx_mesh_conf(struct sbx_mesh *m, const struct sbx_conf *conf,
	struct sbx_err *err);
/* "self DID", "member ROW" or "node ROW", a row as in the views.  All members
 * come before the first node. */
int sbx_mesh_line(struct sbx_mesh *m, const char *line, size_t len,
	struct sbx_err *err);
/* Judge every node, settle who has an address that two claim, and work out the
 * peers of the node whose key is pub. */
void sbx_mesh_plan(struct sbx_mesh *m,
	const unsigned char pub[static SBX_WG_KEY_BYTES]);
/* The address to publish: mine, else the first for an anchor when it is free,
 * else the lowest free from the second.  SBX_E_SYS: the network is full. */
int sbx_mesh_choose(const struct sbx_mesh *m, uint32_t *addr,
	struct sbx_err *err);
const struct sbx_mesh_node *sbx_mesh_by_key(const struct sbx_mesh *m,
	const unsigned char key[static SBX_WG_KEY_BYTES]);
void sbx_mesh_free(struct sbx_mesh *m);

/* ---- tunnel: the interface, brought to what the mesh's plan says ----------- */

struct sbx_change {
	const char *what; /* "add peer" */
	char who[64], value[128];
};

struct sbx_tunnel {
	const char *name;
	const struct sbx_mesh *mesh; /* planned, with me in it */
	const struct sbx_buf *key;   /* the private key's text */
	unsigned char pub[SBX_WG_KEY_BYTES];
	bool dry;		     /* only say */
	struct sbx_change *changes;  /* what was, or would be, done */
	size_t nchanges;
};

/* SBX_OK: it is a WireGuard interface, and this is how it stands; SBX_E_NO:
 * there is none; SBX_E_USAGE: something else has the name. */
int sbx_tunnel_look(const char *name, struct sbx_link *link, struct sbx_wg *wg,
	struct sbx_err *err);
/* When it fails an interface that it made is gone again. */
int sbx_tunnel_up(struct sbx_tunnel *t, struct sbx_err *err);
/* SBX_E_NO: there was none. */
int sbx_tunnel_down(const char *name, bool dry, struct sbx_err *err);
void sbx_tunnel_free(struct sbx_tunnel *t);

#endif
