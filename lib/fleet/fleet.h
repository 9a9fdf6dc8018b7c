/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fleet: the members' snapshots, and which hub is the gate.
 *
 * Every node elects for itself, from statements that all of them hear and from
 * entries that all of them keep.  tally and choose are pure: no clock, no file,
 * no network.  The same snapshots and terms give the same answer on every
 * node, in whatever order they came.
 */
#ifndef SBX_FLEET_H
#define SBX_FLEET_H

#include "exchange/now.h"

#define SBX_FLEET_FRESH 3    /* intervals that a snapshot counts */
#define SBX_FLEET_ALIVE 180  /* seconds: an older handshake shows no life */
#define SBX_FLEET_LEAD 10    /* points by which another has to lead, */
#define SBX_FLEET_WAIT 2     /* and for how many intervals */
#define SBX_FLEET_REST 60    /* intervals before a gate that lost the role may
			      * ask for it while another has it */
#define SBX_FLEET_SLOWEST 300 /* seconds: a longer interval counts as this */

/* ---- snapshot: how a node does -------------------------------------------- */

struct sbx_fleet_link { /* from the author to that peer */
	char did[SBX_DID_SIZE];
	int64_t age; /* seconds since the handshake, -1: none */
	int64_t rx, tx;
};

struct sbx_fleet_node {
	char did[SBX_DID_SIZE];
	int64_t seq, at; /* at: microseconds, as the author dated it */
	int64_t interval, uptime; /* seconds */
	int64_t cpu, mem;	  /* percent */
	char role[16], state[16], endpoint[SBX_HOST_SIZE + 8];
	bool reachable, drained;
	int64_t term; /* of the gate that it follows, 0: of none */
	struct sbx_fleet_link *links;
	size_t nlinks;
	unsigned char hash[SBX_HASH_BYTES]; /* SHA-256 of its line */

	/* Set by tally: */
	bool fresh;
	size_t heard; /* fresh members that have a live handshake with it, */
	size_t spokes; /* and of those the ones without an endpoint */
	int score;    /* 0 to 100 */
	const char *unfit; /* why it cannot be the gate; NULL: it can */
};

/* SBX_E_INPUT: a Snapshot whose list of peers is malformed; SBX_E_USAGE: no
 * Snapshot.  The signature is not looked at.  Free node->links. */
int sbx_fleet_node_read(struct sbx_fleet_node *node,
	const struct sbx_statement *s, struct sbx_err *err);

/* ---- measure: this machine ------------------------------------------------- */

struct sbx_fleet_load {
	int64_t uptime, cpu, mem, disk, load1; /* as Snapshot has them */
	uint64_t memory;		       /* bytes */
	bool has_temp;
	int64_t temp;
};

/* From proc(5) and sysfs(5) below root ("" for this machine's).  The processor
 * is measured since the sample that kept has, which is replaced, or since boot
 * where kept is NULL or has none; a younger one than a second is waited for.  disk: of the file system of dir. */
int sbx_fleet_measure(const char *root, const char *dir, const char *kept,
	struct sbx_fleet_load *load, struct sbx_err *err);

/* ---- meeting points under /run --------------------------------------------- */

/* What sbx-mesh-up saw of each member that is a peer, in RUN/peers: a line
 * "DID HANDSHAKE RX TX" each, the handshake in seconds since 1970 or 0.  No
 * file: none, and SBX_OK.  Ages are as of now (microseconds). */
int sbx_fleet_peers_read(const struct sbx_conf *conf, int64_t now,
	struct sbx_fleet_link **list, size_t *count, struct sbx_err *err);
/* The gate that this node follows, in RUN/fleet/gate: "DID since".  SBX_E_NO:
 * none. */
int sbx_fleet_gate_read(const struct sbx_conf *conf,
	char did[static SBX_DID_SIZE], int64_t *since, struct sbx_err *err);
/* did NULL: follow none. */
int sbx_fleet_gate_write(const struct sbx_conf *conf, const char *did,
	int64_t since, struct sbx_err *err);

/* ---- tally: who could be the gate, and how good ------------------------------ */

struct sbx_fleet_term { /* a GateTerm entry by a member */
	char id[SBX_ID_SIZE], previous[SBX_ID_SIZE]; /* previous "": the first */
	char proposer[SBX_DID_SIZE], gate[SBX_DID_SIZE];
	int64_t term, since;
	bool valid; /* set by choose */
};

struct sbx_fleet {
	struct sbx_fleet_node *nodes; /* one for each author, by DID */
	size_t nnodes;
	struct sbx_fleet_term *terms;
	size_t nterms;
	unsigned char hash[SBX_HASH_BYTES]; /* set by tally: of what was counted */
};

/* Of two by one author the one with the larger seq stays; of two with the same
 * the one with the lower hash.  node's list of peers is taken over. */
void sbx_fleet_put(struct sbx_fleet *f, struct sbx_fleet_node *node);
/* Read, verify and put one. */
int sbx_fleet_take(struct sbx_fleet *f, const struct sbx_statement *s,
	struct sbx_err *err);
void sbx_fleet_put_term(struct sbx_fleet *f, const struct sbx_fleet_term *t);
const struct sbx_fleet_node *sbx_fleet_node(const struct sbx_fleet *f,
	const char *did);
/* Judge and score every node as of now, in microseconds. */
void sbx_fleet_tally(struct sbx_fleet *f, int64_t now);
/* Is a a better gate than b?  Higher score, then lower DID. */
bool sbx_fleet_better(const struct sbx_fleet_node *a,
	const struct sbx_fleet_node *b);
void sbx_fleet_free(struct sbx_fleet *f);

/* ---- choose: the gate ---------------------------------------------------------- */

/* What a node remembers from run to run: which change it waits for. */
struct sbx_fleet_wait {
	char want[SBX_DID_SIZE]; /* "": none; SBX_FLEET_ANY: to the best, */
#define SBX_FLEET_ANY "any"	 /* whichever it is, for want of a gate */
	int64_t since;		 /* microseconds */
};

struct sbx_fleet_choice {
	const struct sbx_fleet_term *head; /* the term in force, or NULL */
	const struct sbx_fleet_node *gate; /* NULL: no node is fit */
	const struct sbx_fleet_node *next; /* the best of the others, or NULL */
	/* Not NULL: self is to record that this one is the gate from now on. */
	const struct sbx_fleet_node *propose;
};

/* After tally, as of the same now.  interval: the mesh's, in seconds. */
void sbx_fleet_choose(struct sbx_fleet *f, const char *self, int64_t now,
	int64_t interval, struct sbx_fleet_wait *wait,
	struct sbx_fleet_choice *choice);

/* ---- topology: who reaches whom ------------------------------------------------ */

struct sbx_fleet_edge {
	const struct sbx_fleet_node *from, *to; /* from's DID is the lower one */
	int64_t age;   /* of the younger handshake of what the two say, -1: none */
	bool active;   /* it is not older than SBX_FLEET_ALIVE */
	int64_t bytes; /* that passed, as the one who says more has it */
};

/* Between members with a snapshot, in the order of their DIDs; the caller's to
 * free. */
struct sbx_fleet_edge *sbx_fleet_edges(const struct sbx_fleet *f,
	size_t *count);
/* The same as a graph for dot(1); name gives a node's label. */
void sbx_fleet_dot(const struct sbx_fleet *f, const char *gate,
	const char *(*name)(void *ctx, const char *did), void *ctx,
	struct sbx_buf *out);

#endif
