/* SPDX-License-Identifier: Apache-2.0 */
/* Private to lib/: who is a member, as a fold over what was signed. */
#ifndef SBX_MEMBER_H
#define SBX_MEMBER_H

#include "db.h"

/* Fill temp.member(did, state, depth, inviter, since) and temp.invite(
 * invite_id, inviter, domain, rights, max_uses, used, expires_at, status). */
int sbx_member_compute(sqlite3 *db, struct sbx_err *err);

#endif
