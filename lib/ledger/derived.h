/* SPDX-License-Identifier: Apache-2.0 */
/* Private to lib/: what is derived from the journal and believed, compared with
 * it while it is verified. */
#ifndef SBX_DERIVED_H
#define SBX_DERIVED_H

#include "base/base.h"
#include "ledger/ledger.h"
#include "record/batch.h"

struct sbx_derived;

/* Of the journal's first size rows.  A thread of the crew looks at the file. */
int sbx_derived_begin(struct sbx_log *log, int64_t size, struct sbx_crew *crew,
	struct sbx_derived **d, struct sbx_err *err);
/* The rows in their order, each judged good.  SBX_E_NO: what is derived from it
 * is not what is stored. */
int sbx_derived_item(struct sbx_derived *d, const struct sbx_item *it,
	struct sbx_err *err);
/* After the last: that there is nothing else. */
int sbx_derived_end(struct sbx_derived *d, struct sbx_err *err);
void sbx_derived_free(struct sbx_derived *d);

/* The words for it, and what to do. */
int sbx_derived_no(struct sbx_err *err);

#endif
