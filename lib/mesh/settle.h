/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SBX_SETTLE_H
#define SBX_SETTLE_H

#include "mesh/mesh.h"

/* Leave out who claims what another had first; sort the rest by address. */
void sbx_mesh_settle(struct sbx_mesh *m, const unsigned char *pub);

/* The anchor of the lowest DID, or NULL. */
const char *sbx_mesh_founder(const struct sbx_mesh *m);

#endif
