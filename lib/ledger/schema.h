/* SPDX-License-Identifier: Apache-2.0 */
/* Private to lib/: what stands in ledger.db. */
#ifndef SBX_SCHEMA_H
#define SBX_SCHEMA_H

#include "base/base.h"
#include "ledger/db.h"

int sbx_schema_create(sqlite3 *db, struct sbx_err *err);
/* A ledger of an older version becomes one of this. */
int sbx_schema_migrate(sqlite3 *db, struct sbx_err *err);
/* Take fact's index away while all of fact is written, and put it back: sorted
 * once, not a page for each row. */
int sbx_schema_index(sqlite3 *db, bool back, struct sbx_err *err);
int sbx_schema_check(sqlite3 *db, struct sbx_err *err);

#endif
