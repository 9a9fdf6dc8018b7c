/* SPDX-License-Identifier: Apache-2.0 */
/* snapshot: what this node is going to say of itself. */
#ifndef SBX_SNAPSHOT_H
#define SBX_SNAPSHOT_H

#include "fleet/fleet.h"

#define SBX_FLEET_FRAME 640 /* bytes of a statement around its body, at most */

struct sbx_fleet_self {
	struct sbx_fleet_load load;
	int64_t interval;
	const char *role, *state;
	const char *endpoint; /* NULL: none */
	bool drained;
	int64_t entries, term;
	unsigned char digest[SBX_HASH_BYTES];
	char *const *services, *const *down;
	size_t nservices, ndown;
	/* In the order of their weight: a statement has room for some 20. */
	const struct sbx_fleet_link *links;
	size_t nlinks;
};

/* The body of a Snapshot. */
int sbx_fleet_body(const struct sbx_fleet_self *self, struct sbx_doc **doc,
	struct sbx_err *err);

#endif
