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

/* Give db the functions sbx_time, sbx_is_name, sbx_item, sbx_offer_id and
 * sbx_sub_id, which the statements of the views call. */
void sbx_state_functions(sqlite3 *db);

#endif
