/* SPDX-License-Identifier: Apache-2.0 */
/* Nodes with snapshots made by hand. */
#ifndef FLEET_WORLD_H
#define FLEET_WORLD_H

#include "base/base.h"
#include "crypto/crypto.h"
#include "fleet/fleet.h"
#include "suite.h"

#define NOW (INT64_C(1800000000) * SBX_SECOND)
#define SECONDS(n) ((int64_t)(n) * SBX_SECOND)
#define EVERY 60 /* the interval, in seconds */

static char dids[16][SBX_DID_SIZE];

__attribute__((unused)) static const char *
did_of(int i)
{
	snprintf(dids[i], sizeof(dids[i]), "did:plc:%032x", i);
	return dids[i];
}

/* A node that has been up for so many hours, idle, a guardian: hours*30/24
 * points, 30 for the processor and memory, 7 for its role. */
__attribute__((unused)) static struct sbx_fleet_node
node_of(int i, int hours, bool reachable, int64_t at)
{
	struct sbx_fleet_node n = { .seq = at, .at = at, .interval = EVERY,
		.uptime = hours * 3600, .reachable = reachable };

	memcpy(n.did, did_of(i), SBX_DID_SIZE);
	snprintf(n.role, sizeof(n.role), "guardian");
	n.hash[0] = (unsigned char)i;
	memcpy(n.hash + 1, &at, sizeof(at));
	return n;
}

__attribute__((unused)) static void
link_of(struct sbx_fleet_node *n, int to, int64_t age)
{
	n->links = sbx_mem_grow(n->links, n->nlinks + 1, sizeof(*n->links));
	n->links[n->nlinks] = (struct sbx_fleet_link){ .age = age };
	memcpy(n->links[n->nlinks].did, did_of(to), SBX_DID_SIZE);
	n->nlinks++;
}

#endif
