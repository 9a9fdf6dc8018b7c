/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SBX_SETTLE_H
#define SBX_SETTLE_H

#include "mesh/mesh.h"

/* Leave out who claims what another had first; sort the rest by address. */
void sbx_mesh_settle(struct sbx_mesh *m, const unsigned char *pub);

/* A guest's row; its sponsor's place is that of a member. */
int sbx_mesh_take_guest(
	struct sbx_mesh *m, const struct sbx_json *row, struct sbx_err *err);
/* Once the nodes are settled and judged: leave out who claims what a node or an
 * older guest has, and find each its hub. */
void sbx_mesh_settle_guests(struct sbx_mesh *m);
/* Set the depth and since of what a member has said.  False: it is none. */
bool sbx_mesh_place(const struct sbx_mesh *m, const char *did,
	struct sbx_mesh_age *age);
/* As qsort(3) wants it: the older one is less. */
int sbx_mesh_age_compare(const struct sbx_mesh_age *a,
	const struct sbx_mesh_age *b);
/* A key that somebody of the mesh has, "" for a guest. */
void sbx_mesh_claim(struct sbx_mesh *m, const char *did, const char *key);
void sbx_mesh_note(const struct sbx_mesh *m, const char *fmt, ...)
	SBX_PRINTF(2, 3);

/* The anchor of the lowest DID, or NULL. */
const char *sbx_mesh_founder(const struct sbx_mesh *m);

#endif
