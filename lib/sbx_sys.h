/* SPDX-License-Identifier: Apache-2.0 */
/*
 * libsbx, the machine's side: programs, rights, the network, the firewall,
 * the configuration file and the tools' shared manners.  Included by sbx.h,
 * whose conventions hold here too.
 */
#ifndef SBX_SYS_H
#define SBX_SYS_H

/* ---- run: a program by argv, without a shell ---------------------------- */

struct sbx_run {
	const char *const *argv; /* argv[0] is an absolute path */
	const char *const *env;	 /* NULL: PATH, LC_ALL=C and nothing else */
	int fd;			 /* > 0: execute this descriptor instead */
	const void *in;		 /* its standard input, or NULL for none */
	size_t inlen;
	size_t max;		 /* bytes of stdout and of stderr; 0: SBX_RUN_MAX */
	int timeout;		 /* ms, then it and its process group are killed;
				  * 0: SBX_RUN_TIMEOUT */
	bool leave;		 /* what it left running (a daemon) may stay */
};

#define SBX_RUN_MAX 65536
#define SBX_RUN_TIMEOUT 10000

/* Run to the end.  *status is the exit status (a signal gives 128 + n), out
 * and errout (NULL: discarded) what it wrote.  SBX_E_SYS when it could not be
 * started, ran too long or wrote too much. */
int sbx_run(const struct sbx_run *run, int *status, struct sbx_buf *out,
	struct sbx_buf *errout, struct sbx_err *err);
/* The same where any status but 0 is SBX_E_SYS, with the first line of its
 * stderr as the reason. */
int sbx_run_ok(const struct sbx_run *run, struct sbx_buf *out,
	struct sbx_err *err);
/* For who forks by hand.  reset, in the child: default signals, a session of
 * its own, gone when parent is.  wait, in the parent: read fds (-1: none; each
 * is -1 when it has ended) into bufs until pid ends; kill its group. */
void sbx_run_reset(pid_t parent);
int sbx_run_wait(pid_t pid, int fds[2], struct sbx_buf *const bufs[2],
	size_t max, int timeout, bool leave, int *status, struct sbx_err *err);

/* ---- priv: dropping rights, and proving it ------------------------------ */

/* First thing in every main: descriptors 0-2 open, umask 077, default
 * signals, no core files.  SBX_E_SYS when that cannot be had. */
int sbx_priv_start(void);
/* Become uid and gid for good, groups dropped; re-read and try to go back. */
int sbx_priv_drop(uid_t uid, gid_t gid, struct sbx_err *err);
/* Call fn in a child that has dropped to uid and gid (-1: as we are) and holds
 * no descriptor but fd; what fn writes to fd is appended to out.  fn's result
 * and reason come back as ours. */
int sbx_priv_child(uid_t uid, gid_t gid, int timeout,
	int (*fn)(void *ctx, int fd, struct sbx_err *err), void *ctx,
	struct sbx_buf *out, struct sbx_err *err);

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
/* A numeric address and a port, as wg(8) prints them: root asks no DNS. */
bool sbx_endpoint_check(const char *text);

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

/* ---- fetch: libcurl under limits, in a process of its own ---------------- */

struct sbx_fetch {
	const char *url;    /* http or https; no redirects are followed */
	const char *body;   /* POST it; NULL: GET */
	size_t bodylen;
	const char *type;   /* its Content-Type */
	const char *etag;   /* If-None-Match, or NULL */
	size_t max;	    /* bytes of the answer, unpacked */
	int timeout;	    /* ms in all; ten idle seconds end it too */
	bool ok_only;	    /* hand on the body of a 200 alone */
};

struct sbx_fetching;

/* Start; the answer's body is read from *fd, which the caller closes. */
int sbx_fetch_start(const struct sbx_fetch *f, struct sbx_fetching **job,
	int *fd, struct sbx_err *err);
/* After the body: the HTTP status, and the ETag (80 bytes) when etag is not
 * NULL.  SBX_E_SYS: unreachable, too slow, too long; SBX_E_INPUT: a redirect.
 * Frees job. */
int sbx_fetch_end(struct sbx_fetching *job, int *status, char *etag,
	struct sbx_err *err);
/* Both at once. */
int sbx_fetch(const struct sbx_fetch *f, int *status, struct sbx_buf *body,
	char *etag, struct sbx_err *err);

/* ---- offer: offers and subscriptions, named and found ----------------------- */

#define SBX_ID_SIZE (2 * SBX_HASH_BYTES + 1)

/* One offer per provider and name: publishing it again updates it. */
void sbx_offer_id(char id[static SBX_ID_SIZE], const char *provider,
	const char *name);
/* A new one each time, since what was revoked does not come back. */
void sbx_sub_id(char id[static SBX_ID_SIZE], const char *subscriber,
	const char *service, int64_t now);

/* Whether publishing a again as b would say nothing new. */
bool sbx_offer_same(const struct sbx_json *a, const struct sbx_json *b);
bool sbx_offer_live(const struct sbx_json *row); /* and a member's */
/* A row of SBX_VIEW_SUB that waits or is live. */
bool sbx_sub_open(const struct sbx_json *row);
/* Self's subscription to an offer: one that is open, else a rejected one;
 * *doc is NULL when there is none. */
int sbx_sub_mine(struct sbx_state *st, const char *self,
	const struct sbx_json *offer, struct sbx_doc **doc,
	struct sbx_err *err);

enum sbx_find {
	SBX_FIND_ANY,	    /* any offer */
	SBX_FIND_LIVE,	    /* a member's live offer */
	SBX_FIND_OWN,	    /* self's live offer */
	SBX_FIND_SUB,	    /* self's open subscription */
	SBX_FIND_SUB_TO_US, /* any to an offer of self's */
};

/* The one row meant by ref: an id, four or more of its first digits, or an
 * offer's name.  SBX_E_NO: none.  SBX_E_USAGE: several, listed in *err. */
int sbx_find(struct sbx_state *st, enum sbx_find which, const char *self,
	const char *ref, struct sbx_doc **doc, struct sbx_err *err);

/* Sign payload with this node's key, which must be the ledger's own, and
 * append it durably, unless sbx_head_check says no; dry: only see that it could be.  No state may be open. */
int sbx_act(struct sbx_log *log, const struct sbx_conf *conf, const char *op,
	const struct sbx_json *payload, bool dry, struct sbx_err *err);

/* ---- nonce: proof that a request is new ----------------------------------- */

#define SBX_NONCE_BYTES 32
#define SBX_NONCE_LIFE (60 * INT64_C(1000000))
#define SBX_MAX_NONCES 1024	/* at a time */
#define SBX_MAX_NONCES_PEER 16	/* for one address, so that none fills the store */

/* One file per nonce in dir (ours alone, made when it is missing), named by
 * the nonce's hash, so that reading the store gives nobody a nonce.  service
 * is 64 hex digits, address what inet_ntop(3) prints.  SBX_E_SYS: full. */
int sbx_nonce_issue(const char *dir, const char *service, const char *address,
	unsigned char nonce[static SBX_NONCE_BYTES], struct sbx_err *err);
/* SBX_OK to exactly one caller, within its life, for that service and address;
 * SBX_E_NO to all others. */
int sbx_nonce_redeem(const char *dir, const char *service, const char *address,
	const unsigned char nonce[static SBX_NONCE_BYTES], struct sbx_err *err);

/* ---- cgi: what a web server hands over (RFC 3875) -------------------------- */

struct sbx_cgi {
	const char *method, *path, *query, *address, *length; /* as received */
	bool post;
	char service[SBX_ID_SIZE];
	size_t bodylen;
};

/* Strict: GET or POST, path "/" and 64 hex digits, no query, a canonical
 * address, for a POST a length.  *http is 400, 404 or 413 when refused. */
int sbx_cgi_check(struct sbx_cgi *cgi, int *http, struct sbx_err *err);

/* ---- request: a subscriber's request, made and judged ------------------------- */

struct sbx_request {
	unsigned char nonce[SBX_NONCE_BYTES];
	char provider[SBX_DID_SIZE], subscriber[SBX_DID_SIZE];
	char service[SBX_ID_SIZE];
	char subscription[SBX_ID_SIZE];
	unsigned char pub[SBX_PUB_BYTES], sig[SBX_SIG_BYTES];
	struct sbx_buf text;	/* what sig signs */
	struct sbx_entry *sub;	/* the Subscription */
};

/* The body a subscriber posts: signed for this nonce by sub's author. */
int sbx_request_make(const struct sbx_key *key,
	const unsigned char nonce[static SBX_NONCE_BYTES], const char *provider,
	const struct sbx_entry *sub, struct sbx_buf *body, struct sbx_err *err);
/* Its shape, and that its parts speak of the same thing. */
int sbx_request_parse(const char *text, size_t len, struct sbx_request **g,
	struct sbx_err *err);
/* Both signatures. */
int sbx_request_verify(const struct sbx_request *g, struct sbx_err *err);
void sbx_request_free(struct sbx_request *g);

/* The provider's own live offer with a macro: *doc's root. */
int sbx_request_offer(struct sbx_state *st, const char *self, const char *service,
	struct sbx_doc **doc, struct sbx_err *err);
/* After verify: is the subscriber a member by this very key, is address its
 * own, does its subscription stand?  SBX_E_NO: *http is 403 or 409; *tell says
 * whether the reason is for the subscriber, who is proven, or for the log. */
int sbx_request_judge(struct sbx_log *log, struct sbx_state *st,
	const struct sbx_request *g, const struct sbx_json *offer,
	const char *address, int *http, bool *tell, struct sbx_err *err);

/* What a provider answers, read by the subscriber. */
int sbx_request_nonce(const char *text, size_t len,
	unsigned char nonce[static SBX_NONCE_BYTES], struct sbx_err *err);
/* The answer to a request about offer: *doc's root.  With an http other than
 * 200 SBX_E_NO or SBX_E_SYS and the provider's reason. */
int sbx_request_answer(int http, const char *text, size_t len,
	const struct sbx_json *offer, struct sbx_doc **doc,
	struct sbx_err *err);

/* ---- own: what only root can change -------------------------------------- */

struct stat;
struct sbx_conf;
bool sbx_own_check(const struct stat *st, bool dir);
/* Open path when it and every directory above it are root's (or ours) alone;
 * SBX_E_NO when not.  The caller closes *fd. */
int sbx_own_dir(const char *path, int *fd, struct sbx_err *err);

/* ---- nft: our table inet sbx (design 7) --------------------------------- */

#define SBX_MAX_PORTS 1024 /* ports that were ever lent */

/* One element: this address may reach this port. */
struct sbx_lend {
	char ip[16]; /* as inet_ntop(3) prints it; "" in a list of ports */
	int proto;   /* IPPROTO_TCP or IPPROTO_UDP */
	int port;
	int64_t left;  /* seconds; 0 in what is to be loaded: none */
	int64_t bytes; /* that came in through it */
};

struct sbx_nft {
	bool there;
	const char *wrong; /* how it is not what we load, or NULL */
	struct sbx_lend *lend, *ports;
	size_t nlend, nports;
};

const char *sbx_proto_name(int proto);
/* In one transaction: the table is there and as it should be, exactly these
 * ports are closed but for whom lend says, and each element of lend is there
 * for left seconds from now, or not at all.  Other elements stay. */
int sbx_nft_load(const char *mesh_if, const struct sbx_lend *ports,
	size_t nports, const struct sbx_lend *lend, size_t nlend,
	struct sbx_err *err);
int sbx_nft_read(const char *mesh_if, struct sbx_nft *nft, struct sbx_err *err);
void sbx_nft_free(struct sbx_nft *nft);

/* ---- macro: the vetted plugins ------------------------------------------- */

#define SBX_KIND_SIZE 33	/* of a kind's name, with its NUL */
#define SBX_MAX_PARAMS 16	/* that a plugin may declare */
#define SBX_MAX_MACRO_JSON 4096 /* bytes of a request's parameters */

enum sbx_param_type {
	SBX_PARAM_INT,	/* min..max */
	SBX_PARAM_BOOL,
	SBX_PARAM_TEXT, /* min..max bytes that mean nothing to a shell */
};

struct sbx_param {
	char name[SBX_KIND_SIZE];
	enum sbx_param_type type;
	int64_t min, max;
	bool required;
};

struct sbx_macro {
	int fd; /* the plugin, checked; what runs is this descriptor */
	char kind[SBX_KIND_SIZE];
	char about[80];
	int proto;
	char opens[SBX_KIND_SIZE]; /* the parameter that names the port */
	struct sbx_param params[SBX_MAX_PARAMS];
	size_t nparams;
};

struct sbx_macro_call {
	const char *verb; /* grant revoke activate deactivate */
	const char *sub, *ip, *service, *endpoint; /* NULL: unset */
	int port;
	int64_t ttl;
	const struct sbx_json *params; /* that sbx_macro_params accepted */
	const char *dir;	       /* the plugin's own, made if missing */
};

bool sbx_kind_check(const char *kind); /* ^[a-z][a-z0-9-]{1,31}$ */
/* Open, check and read what it declares.  SBX_E_NO: there is none such, or it
 * or its directory is not root's alone. */
int sbx_macro_open(const char *dir, const char *kind, struct sbx_macro *m,
	struct sbx_err *err);
void sbx_macro_close(struct sbx_macro *m);
/* params is what m declares; *port is the one that it opens. */
int sbx_macro_params(const struct sbx_macro *m, const struct sbx_json *params,
	int *port, struct sbx_err *err);
/* Run it.  Its exit status 1 is SBX_E_NO, any other but 0 SBX_E_SYS. */
int sbx_macro_run(const struct sbx_macro *m, const struct sbx_macro_call *call,
	struct sbx_err *err);
/* The kinds of a directory, sorted; what is wrong with one is fn's *err. */
int sbx_macro_each(const char *dir,
	int (*fn)(void *ctx, const char *kind, const struct sbx_macro *m,
		struct sbx_err *err),
	void *ctx, struct sbx_err *err);

/* ---- audit: the append-only record of what root was asked to do ----------- */

struct sbx_audit {
	int fd;
	unsigned char head[SBX_HASH_BYTES]; /* of the last line; 0: empty */
	int64_t size;			    /* bytes */
	bool torn;			    /* the last line has no newline */
};

/* Open, or make, and lock: who holds it is alone.  Waits at most 15 s. */
int sbx_audit_open(const char *path, struct sbx_audit *a, struct sbx_err *err);
void sbx_audit_close(struct sbx_audit *a);
/* One line, written and synced; time and chain are added to root of rec. */
int sbx_audit_add(struct sbx_audit *a, struct sbx_doc *rec,
	struct sbx_err *err);
/* Recompute the chain, and that the line which ends at byte size (0: none)
 * hashes to head, so that a cut end shows too.  SBX_E_NO: the reason names the
 * line; *lines is how many were read. */
int sbx_audit_check(const char *path, int64_t size,
	const unsigned char head[static SBX_HASH_BYTES], size_t *lines,
	struct sbx_err *err);

/* ---- grants: what is lent at this moment ----------------------------------- */

struct sbx_granted {
	char kind[SBX_KIND_SIZE], sub[SBX_DID_SIZE];
	char service[65]; /* or "" */
	struct sbx_lend lend;
	char *params;	/* canonical */
	int64_t since, until;
	int64_t boot_until; /* the same deadline on sbx_clock_boot() */
	char boot[37];	    /* of this boot */
};

struct sbx_grants {
	struct sbx_granted *list;
	size_t count;
	struct sbx_lend ports[SBX_MAX_PORTS]; /* ever lent: closed to others */
	size_t nports;
	int64_t audit_size; /* of the audit log when this was saved */
	unsigned char audit_head[SBX_HASH_BYTES];
};

/* No file: no grants. */
int sbx_grants_load(const char *path, struct sbx_grants *g,
	struct sbx_err *err);
int sbx_grants_save(const char *path, const struct sbx_grants *g,
	const struct sbx_audit *a, struct sbx_err *err);
void sbx_grants_free(struct sbx_grants *g);
/* Seconds it has left, 0 when it is over or no clock can tell. */
int64_t sbx_granted_left(const struct sbx_granted *grant);
/* Put it in place of the one for the same subscriber, service and port, or
 * beside the others, for ttl seconds from now.  grant is copied. */
int sbx_grants_put(struct sbx_grants *g, const struct sbx_granted *grant,
	int64_t ttl, struct sbx_err *err);
void sbx_grants_drop(struct sbx_grants *g, size_t index);
int sbx_grants_port(struct sbx_grants *g, int proto, int port,
	struct sbx_err *err); /* one more that is closed to others */
/* Set l->left to the longest that any grant gives this element. */
void sbx_grants_left(const struct sbx_grants *g, struct sbx_lend *l);

/* ---- borrow: a subscriber's way to a grant ----------------------------------- */

struct sbx_borrow {
	const char *keyfile;
	int port;		/* grants are asked for there */
	struct sbx_doc *offer;	/* a row of SBX_VIEW_OFFER */
	char address[46];	/* the provider's, on the mesh */
	struct sbx_entry *sub;	/* our Subscription */
};

/* Fill in address; and sub, by its identifier. */
int sbx_borrow_node(struct sbx_state *st, struct sbx_borrow *b,
	struct sbx_err *err);
int sbx_borrow_sub(struct sbx_log *log, const char *id, struct sbx_borrow *b,
	struct sbx_err *err);
/* Nonce, request, answer: *answer's root is what was granted.  SBX_E_NO: the
 * provider's refusal; SBX_E_SYS: not reached, or it could not. */
int sbx_borrow(const struct sbx_borrow *b, struct sbx_doc **answer,
	struct sbx_err *err);
void sbx_borrow_free(struct sbx_borrow *b); /* what is in it */
/* Our side's plugin, through sudo: activate or deactivate. */
int sbx_borrow_macro(const struct sbx_json *offer, const char *verb,
	struct sbx_err *err);

/* ---- ask: a request to lend, use or take back -------------------------------- */


/* The caller's words, NULL when not given; below them what came of it. */
struct sbx_ask {
	const char *kind, *sub, *ip, *service, *endpoint, *params, *ttl_text;
	struct sbx_macro macro;
	struct sbx_doc *doc; /* the parameters */
	struct sbx_buf canon; /* them, canonical */
	int64_t ttl;
	int port;
};
#define SBX_ASK { .macro = { .fd = -1 }, .canon = SBX_BUF(SBX_MAX_LINE) }

/* SBX_E_USAGE: malformed; SBX_E_NO: well-formed and refused. */
int sbx_ask_grant(struct sbx_ask *a, const struct sbx_conf *conf,
	struct sbx_err *err);
int sbx_ask_activate(struct sbx_ask *a, const struct sbx_conf *conf,
	struct sbx_err *err);
int sbx_ask_deactivate(struct sbx_ask *a, const struct sbx_conf *conf,
	struct sbx_err *err);
int sbx_ask_revoke(struct sbx_ask *a, const struct sbx_conf *conf,
	struct sbx_err *err);
/* SBX_E_NO: a port that the mesh itself stands on. */
int sbx_ask_port(const struct sbx_conf *conf, int port, struct sbx_err *err);
void sbx_ask_free(struct sbx_ask *a);

/* ---- lending: one request from record to record --------------------------------- */

struct sbx_lending {
	const struct sbx_conf *conf;
	struct sbx_audit audit; /* its lock is ours */
	struct sbx_grants grants;
	char *path; /* of the grants file */
};

int sbx_lending_open(struct sbx_lending *l, const struct sbx_conf *conf,
	struct sbx_err *err);
void sbx_lending_close(struct sbx_lending *l);
int sbx_lending_record(struct sbx_lending *l, const struct sbx_ask *a,
	const char *verb, const char *step, const struct sbx_err *why,
	struct sbx_err *err);
/* dry: only the checks. */
int sbx_lending_grant(struct sbx_lending *l, struct sbx_ask *a, bool dry,
	struct sbx_err *err);
int sbx_lending_activate(struct sbx_lending *l, struct sbx_ask *a, bool on,
	bool dry, struct sbx_err *err);
/* *count grants were meant; none is no error. */
int sbx_lending_revoke(struct sbx_lending *l, struct sbx_ask *a, bool dry,
	size_t *count, struct sbx_err *err);

/* Parts that sync shares: take out of the list what fn picks; close it. */
size_t sbx_lending_pick(struct sbx_lending *l, struct sbx_granted **gone,
	bool (*fn)(const void *ctx, size_t index, const struct sbx_granted *g),
	const void *ctx);
void sbx_lending_pick_free(struct sbx_granted *gone, size_t count);
int sbx_lending_close_all(struct sbx_lending *l, const char *verb,
	const struct sbx_granted *gone, size_t count, struct sbx_err *err);
/* The grants file; without one, what the firewall knows of lent ports. */
int sbx_lending_load(struct sbx_lending *l, struct sbx_err *err);
/* Take away every element that no grant stands behind. */
int sbx_lending_sweep(struct sbx_lending *l, struct sbx_err *err);

/* Where all has to be tried: keep the first failure and its reason. */
void sbx_lending_note(int *r, struct sbx_err *err, int now,
	const struct sbx_err *why);

struct sbx_lending_sync {
	size_t expired, withdrawn, restored, stray, ports;
};

/* Firewall and grants as clocks and directory want them.  When the directory
 * cannot be asked nothing is withdrawn or restored for it: SBX_E_SYS, after
 * all else is done. */
int sbx_lending_sync(struct sbx_lending *l, bool dry,
	struct sbx_lending_sync *s, struct sbx_err *err);

/* How firewall and grants differ, and the elements (NULL: not wanted, else of
 * room for all of both) that would make them one. */
struct sbx_lending_plan {
	size_t missing, stray, longer;
	size_t open; /* ports that are not closed to others */
	struct sbx_lend *set;
	size_t count;
};
void sbx_lending_plan(const struct sbx_grants *g, const struct sbx_nft *nft,
	struct sbx_lending_plan *plan);

/* ---- judge: what the directory says of grants ------------------------------------ */

/* live[i]: grant i may stay.  fn is told each of our own live offers' kind and
 * parameters.  The database is read by a child with its owner's rights. */
int sbx_judge(const struct sbx_conf *conf, const struct sbx_grants *g,
	bool *live, void (*fn)(void *ctx, const char *kind, const char *params),
	void *ctx, struct sbx_err *err);

/* ---- conf: the configuration file ---------------------------------------- */

struct sbx_conf_peer {
	char *name, *url;
};

struct sbx_conf {
	char *file;  /* what was read, or NULL */
	char *dir;   /* the state directory */
	char *db, *key, *wg_key, *www, *run, *audit, *macros;
	char *log_key, *head; /* see sbx_head_check */
	char *name;  /* this box's short name */
	char *mesh_if, *mesh_net, *mesh_endpoint; /* endpoint NULL: roaming */
	int mesh_port, mesh_mtu, mesh_keepalive;
	int dir_port, grant_port, grant_ttl;
	bool accept_unproven; /* see sbx_member_unproven */
	int pull_slot; /* seconds a peer may take */
	struct sbx_conf_peer *peers;
	size_t npeers;
};

/* Defaults, then the file.  dir NULL: the compiled-in paths (/etc/sbx,
 * /var/lib/sbx, ...); else one directory holds it all: DIR/sbx.conf (may be
 * missing), DIR/ledger.db, DIR/node.key, DIR/wg.key, DIR/www, DIR/run,
 * DIR/audit.log.  file not NULL: that file, which must exist.  flags: SBX_IO_ROOT
 * for a root process.  A wrong line is SBX_E_USAGE with file and line. */
int sbx_conf_load(struct sbx_conf *conf, const char *dir, const char *file,
	unsigned flags, struct sbx_err *err);
void sbx_conf_free(struct sbx_conf *conf);

/* ---- peer: whose log there is to pull ------------------------------------- */

struct sbx_peer {
	char *name, *url;
	char *did; /* who must be there; NULL: whoever was first */
	bool node; /* from the directory, not from sbx.conf */
};

struct sbx_peers {
	struct sbx_peer *list;
	size_t count;
};

/* The peers of sbx.conf, then the directory's member nodes but ourselves. */
int sbx_peers_load(const struct sbx_conf *conf, struct sbx_log *log,
	struct sbx_peers *p, struct sbx_err *err);
/* The one called name; SBX_E_USAGE when there is none, or more. */
int sbx_peers_find(const struct sbx_peers *p, const char *name,
	const struct sbx_peer **peer, struct sbx_err *err);
void sbx_peers_free(struct sbx_peers *p);

/* ---- tool: options, usage, exit codes, tables ----------------------------- */

struct sbx_opt {
	char letter;	  /* or 0 */
	const char *name; /* the long form, without dashes */
	const char *arg;  /* what it takes, for the usage; NULL: a flag */
	const char *help;
};

struct sbx_ctx;

struct sbx_cmd {
	const char *verb;
	int (*fn)(struct sbx_ctx *ctx);
	const char *args; /* for the usage: "SUBSCRIPTION [REASON]" */
	int min, max;	  /* arguments; max -1: any number */
	const char *help;
	const struct sbx_opt *opts; /* ended by one without a name, or NULL */
};

enum sbx_tool_flag {
	SBX_TOOL_ROOT = 1,	/* ignores the environment; root-owned config */
	SBX_TOOL_FIXED = 2,	/* takes no -C: called through sudo or as CGI */
	SBX_TOOL_NOVERB = 4,	/* cmds[0] is all it does */
	SBX_TOOL_DEFAULT = 8,	/* without a verb it does cmds[0] */
};

struct sbx_tool {
	const char *name, *summary;
	unsigned flags;
	const struct sbx_cmd *cmds; /* ended by one without a verb */
};

struct sbx_ctx {
	const struct sbx_tool *tool;
	const struct sbx_cmd *cmd;
	int argc;    /* the arguments after the verb and its options */
	char **argv;
	bool verbose, quiet, dry, json; /* -v -q -n -j */
	struct sbx_conf conf;
	struct sbx_err err; /* what fn leaves when it returns other than 0 */
	const char *values[16];
	void *rows;
	struct sbx_doc *names; /* see sbx_tool_names */
};

/* Everything a main does: sbx_priv_start, common options (-h -V -v -q -n -j
 * -C DIR, before the verb or after), the configuration, the verb, what it left
 * in ctx->err, a flush of stdout that is checked.  Returns the exit status.
 * Unless SBX_TOOL_ROOT: SBX_STATE (-C), SBX_CONF, SBX_KEY and SBX_NOW
 * (RFC 3339, for tests) are read from the environment. */
int sbx_tool_main(const struct sbx_tool *tool, int argc, char **argv);
/* The option's argument; "" for a flag that was given; NULL: not given. */
const char *sbx_tool_opt(const struct sbx_ctx *ctx, const char *name);
/* The option as a number, or otherwise when it was not given.  SBX_E_USAGE. */
int sbx_tool_num(struct sbx_ctx *ctx, const char *name, int64_t min,
	int64_t max, int64_t otherwise, int64_t *value);
bool sbx_num_parse(int64_t *value, const char *text, int64_t min, int64_t max);

/* One line to stdout; text from outside goes through sbx_tool_safe. */
void sbx_tool_out(struct sbx_ctx *ctx, const char *fmt, ...) SBX_PRINTF(2, 3);
/* One line to stderr: "tool: ...", unless -q. */
void sbx_tool_say(struct sbx_ctx *ctx, const char *fmt, ...) SBX_PRINTF(2, 3);
void sbx_tool_warn(struct sbx_ctx *ctx, const struct sbx_err *err); /* even -q */
/* Append text with control bytes, ESC and bidi marks made visible (\x1b). */
void sbx_tool_safe(struct sbx_buf *out, const char *text, size_t len);

struct sbx_col {
	const char *key;   /* a member of the row */
	const char *title; /* NULL ends the list */
	int cut;	   /* show at most this many characters, 0: all */
};
/* With -j: the row as one canonical line.  Else a line of the table cols,
 * aligned on a terminal, tab-separated and without heading when piped. */
void sbx_tool_row(struct sbx_ctx *ctx, const struct sbx_col *cols,
	const struct sbx_json *row);
/* From now on rows show the names that members gave instead of their DIDs;
 * with -v both. */
int sbx_tool_names(struct sbx_ctx *ctx, struct sbx_state *st);
void sbx_tool_rows_end(struct sbx_ctx *ctx); /* prints what was collected */

#endif
