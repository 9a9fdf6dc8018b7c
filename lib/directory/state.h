/* SPDX-License-Identifier: Apache-2.0 */
/* Private to lib/: a state, for what asks it more than its views say. */
#ifndef SBX_STATE_H
#define SBX_STATE_H

#include "ledger/ledger.h"
#include "directory/directory.h"
#include "ledger/db.h"

struct sbx_state {
	sqlite3 *db; /* of log; in it temp.claim, temp.member, temp.invite */
	struct sbx_log *log;
	struct sbx_names *names; /* once one was asked for */
};

#endif
