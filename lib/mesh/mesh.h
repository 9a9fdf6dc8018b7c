/* SPDX-License-Identifier: Apache-2.0 */
/* mesh: WireGuard, and what the tunnel should be. */
#ifndef SBX_MESH_H
#define SBX_MESH_H

#include "node/node.h"
#include "system/system.h"

/* ---- wg: WireGuard's keys and settings, by wg(8) --------------------------- */

#define SBX_WG_KEY_BYTES 32

struct sbx_wg_peer {
	unsigned char key[SBX_WG_KEY_BYTES];
	char endpoint[SBX_ENDPOINT_SIZE]; /* "" when there is none */
	char *allowed;			  /* see sbx_wg_allowed, "" for none */
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
/* A new private key, to be wiped, and its public half. */
void sbx_wg_make(char text[static SBX_WGKEY_SIZE],
	unsigned char pub[static SBX_WG_KEY_BYTES]);
/* A peer's networks, divided by commas, in one order; the caller's to free. */
char *sbx_wg_allowed(const char *text);
/* SBX_E_USAGE: wg(8) says that it is none of WireGuard's. */
int sbx_wg_read(const char *name, struct sbx_wg *wg, struct sbx_err *err);
/* The private key that the interface has, nothing when it has none. */
int sbx_wg_private(const char *name, struct sbx_buf *text,
	struct sbx_err *err);
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
/* The words from that one on as a command to type; the caller's to free. */
char *sbx_wg_set_text(const struct sbx_wg_set *set, size_t from);
int sbx_wg_set(struct sbx_wg_set *set, struct sbx_err *err);
void sbx_wg_set_free(struct sbx_wg_set *set);

/* ---- mesh: from the directory to what the tunnel should be ---------------- */

/* Who was here first.  A record's author dates it itself, and dates it anew when
 * it changes it, so that the date alone would let anybody take the address of
 * anybody.  How near to the anchors, and since when, others have said. */
struct sbx_mesh_age {
	int64_t depth, since, created;
};

struct sbx_mesh_node {
	char did[SBX_DID_SIZE], name[64], endpoint[SBX_ENDPOINT_SIZE];
	char ddns[SBX_HOST_SIZE + 6]; /* HOST or HOST:PORT, or "" */
	char found[2][SBX_ENDPOINT_SIZE]; /* what ddns resolved to, or "" */
	bool hub; /* others reach it: it carries the mesh's traffic */
	bool lan; /* it can be reached, from its own network */
	uint32_t addr;
	unsigned char key[SBX_WG_KEY_BYTES];
	struct sbx_mesh_age age;
};

struct sbx_mesh_member; /* mesh.c */

struct sbx_mesh_claim { /* a WireGuard key that a member says is its own */
	unsigned char key[SBX_WG_KEY_BYTES];
	char did[SBX_DID_SIZE];
};

/* A device with plain WireGuard: a member answers for it. */
struct sbx_mesh_guest {
	char name[64], sponsor[SBX_DID_SIZE];
	uint32_t addr;
	unsigned char key[SBX_WG_KEY_BYTES];
	struct sbx_mesh_age age;
	const struct sbx_mesh_node *home; /* the hub it talks to, or NULL */
};

#define SBX_MAX_NODES 8192
#define SBX_MESH_STALE 180 /* seconds without a handshake: not heard */
#define SBX_MESH_LOOK 135  /* the same: looked for elsewhere; one comes in 120 */

/* Pure: no clock, no file, no network.  Fill net, mtu, port and keepalive by
 * sbx_mesh_conf, give every line of the directory to sbx_mesh_line, then ask
 * for sbx_mesh_plan. */
struct sbx_mesh {
	struct sbx_net net;
	int mtu, port, keepalive;
	bool six;	  /* IPv6 too */
	const char *order; /* hubs, by name or DID, divided by blanks; or NULL */
	/* What may change from run to run; all may be left empty. */
	char gate[SBX_DID_SIZE]; /* the hub that was elected */
	const struct sbx_wg *live; /* when each peer was heard last, */
	int64_t now;		   /* and the time, in seconds */
	const struct sbx_nl_addr *links; /* this machine's addresses */
	size_t nlinks;
	unsigned char (*kept)[SBX_WG_KEY_BYTES]; /* peers of an interface that */
	size_t nkept; /* was adopted, which stay though no member claims them */
	uint32_t held; /* the address that the interface has, or 0 */
	char self[SBX_DID_SIZE];
	struct sbx_mesh_node *nodes; /* after plan: the sound ones, by address */
	size_t nnodes;
	struct sbx_mesh_member *members;
	size_t nmembers;
	struct sbx_mesh_claim *claims;
	size_t nclaims;
	struct sbx_mesh_guest *guests; /* after plan: the sound ones */
	size_t nguests;
	/* What was left out and why, one line each. */
	void (*note)(void *ctx, const char *text);
	void *ctx;

	/* Set by plan: */
	const struct sbx_mesh_node *me, *hub; /* NULL: not in the directory,
					       * or its address is another's */
	bool is_hub;	  /* me is a hub; hub is then me */
	char ula[SBX_ULA_SIZE]; /* the /64, or "" */
	char founder[SBX_DID_SIZE];
	/* Why me is NULL: what is claimed by one who was here first. */
	enum { SBX_MESH_NONE, SBX_MESH_ADDRESS, SBX_MESH_KEY } lost;
	char lost_to[64];
	uint32_t lost_addr;
	size_t ahead; /* nodes that are to be given another address before me */
	struct sbx_wg_peer *peers;
	size_t npeers;
};

struct sbx_conf;
int sbx_mesh_conf(struct sbx_mesh *m, const struct sbx_conf *conf,
	struct sbx_err *err);
/* "self DID", "member ROW", "node ROW" or "guest ROW", a row as in the views.
 * All members come before the first of the others. */
int sbx_mesh_line(struct sbx_mesh *m, const char *line, size_t len,
	struct sbx_err *err);
/* Judge every node, settle who has an address that two claim, and work out the
 * peers of the node whose key is pub. */
void sbx_mesh_plan(struct sbx_mesh *m,
	const unsigned char pub[static SBX_WG_KEY_BYTES]);
/* Had this machine a handshake with that node within so many seconds? */
bool sbx_mesh_heard(const struct sbx_mesh *m, const struct sbx_mesh_node *n,
	int within);
/* The address to publish: mine, else the one held, else the first for an anchor when it is free,
 * else the lowest free from the second, passing over one for each of those who
 * lost theirs and come first.  SBX_E_SYS: the network is full. */
int sbx_mesh_choose(const struct sbx_mesh *m, uint32_t *addr,
	struct sbx_err *err);
/* Does a member say that it has that key: did, or with NULL any? */
bool sbx_mesh_claims(const struct sbx_mesh *m, const char *did,
	const unsigned char key[static SBX_WG_KEY_BYTES]);
bool sbx_mesh_keeps(const struct sbx_mesh *m,
	const unsigned char key[static SBX_WG_KEY_BYTES]); /* is it in kept? */
const struct sbx_mesh_node *sbx_mesh_by_key(const struct sbx_mesh *m,
	const unsigned char key[static SBX_WG_KEY_BYTES]);
/* What the node or the guest of that key is called, or "?". */
const char *sbx_mesh_called(const struct sbx_mesh *m,
	const unsigned char key[static SBX_WG_KEY_BYTES]);
/* An address for a guest: the lowest free from the second.  SBX_E_SYS. */
int sbx_mesh_choose_guest(
	const struct sbx_mesh *m, uint32_t *addr, struct sbx_err *err);
/* The hub of a guest of that sponsor's: the sponsor, else the hub of the lowest
 * address, so that all nodes say the same.  NULL: there is none. */
const struct sbx_mesh_node *sbx_mesh_home(
	const struct sbx_mesh *m, const char *sponsor);
void sbx_mesh_free(struct sbx_mesh *m);

/* ---- tunnel: the interface, brought to what the mesh's plan says ----------- */

struct sbx_change {
	const char *what; /* "add peer" */
	char who[64], value[160];
	char *command; /* that does it, to be typed; no key is in it */
};

/* How an interface stands, or is to stand. */
struct sbx_tunnel_state {
	unsigned char pub[SBX_WG_KEY_BYTES];
	int port, mtu;
	bool up;
	char forwarding, redirects; /* '0' or '1'; '\0': left as they are */
	struct sbx_nl_addr *addrs;
	size_t naddrs;
	struct sbx_wg_peer *peers;
	size_t npeers;
};

/* What the mesh's plan, which has a me, makes of it; to be freed. */
void sbx_tunnel_want(const struct sbx_mesh *m,
	const unsigned char pub[static SBX_WG_KEY_BYTES],
	struct sbx_tunnel_state *s);
/* As it stands.  Results as of sbx_tunnel_look. */
int sbx_tunnel_state_read(
	const char *name, struct sbx_tunnel_state *s, struct sbx_err *err);
/* What is left as it is, by how it is; or would be, of one to be made. */
void sbx_tunnel_state_fill(struct sbx_tunnel_state *s, const char *name);
/* Lines of text, equal for equal states, with or without the peers; no
 * endpoint and no private key is in them. */
void sbx_tunnel_state_write(
	struct sbx_tunnel_state *s, bool peers, struct sbx_buf *out);
int sbx_tunnel_state_parse(const char *text, size_t len,
	struct sbx_tunnel_state *s, struct sbx_err *err);
void sbx_tunnel_state_free(struct sbx_tunnel_state *s);

struct sbx_tunnel {
	const char *name;
	const struct sbx_tunnel_state *to; /* NULL: as the mesh's plan says */
	const struct sbx_mesh *mesh; /* planned */
	const struct sbx_buf *key;   /* the private key's text */
	unsigned char pub[SBX_WG_KEY_BYTES];
	bool dry;		     /* only say */
	bool take_only; /* nothing can be given: take away who is to go */
	struct sbx_change *changes;  /* what was, or would be, done */
	size_t nchanges;
	/* Set by open: */
	bool found; /* it is there */
	struct sbx_link link;
	struct sbx_wg wg;
};

/* SBX_OK: it is a WireGuard interface, and this is how it stands; SBX_E_NO:
 * there is none; SBX_E_USAGE: something else has the name. */
int sbx_tunnel_look(const char *name, struct sbx_link *link, struct sbx_wg *wg,
	struct sbx_err *err);
/* Look at it for up; that there is none is no failure. */
int sbx_tunnel_open(struct sbx_tunnel *t, struct sbx_err *err);
/* Peers that no member claims are removed first, whatever happens then.  When
 * it fails all else is put back: an interface that it made is gone again.
 * SBX_E_NO: the interface is another's. */
int sbx_tunnel_up(struct sbx_tunnel *t, struct sbx_err *err);
/* NAME.mesh of every node (m NULL: of none) in the hosts(5) file path; dry:
 * only look.  SBX_E_NO: it says so already.  count: names. */
int sbx_mesh_names(const struct sbx_mesh *m, const char *path, bool dry,
	size_t *count, struct sbx_err *err);
/* SBX_E_NO: a firewall of this hub's drops what goes from peer to peer. */
int sbx_mesh_forwards(const char *name, struct sbx_err *err);
/* The kernel has but one switch for IPv6, which is the machine's. */
bool sbx_mesh_forwards_ipv6(void);
/* SBX_E_NO: there was none. */
int sbx_tunnel_down(const char *name, bool dry, struct sbx_err *err);
void sbx_tunnel_free(struct sbx_tunnel *t);

#endif
