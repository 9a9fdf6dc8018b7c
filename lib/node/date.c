/* SPDX-License-Identifier: Apache-2.0 */
/* How this box's own entries are dated, by a clock that may be wrong. */
#include <stdio.h>

#include "base/base.h"
#include "json/json.h"
#include "record/record.h"
#include "ledger/ledger.h"
#include "node/node.h"
#include "ledger/db.h"

int
sbx_date_ahead(struct sbx_log *log, int64_t *last, struct sbx_err *err)
{
	char sql[300], self[SBX_DID_SIZE];
	int r;

	if ((r = sbx_log_self(log, self, err)) != 0)
		return r;
	snprintf(sql, sizeof(sql), "SELECT coalesce(max(f.time), 0) FROM fact f "
		"WHERE f.author=(SELECT id FROM author WHERE did='%s') AND "
		"f.time>%lld", self,
		(long long)(sbx_clock_now() + SBX_MAX_AHEAD));
	return sbx_db_int(sbx_log_db(log), sql, 0, last, err);
}

int
sbx_date_behind(struct sbx_log *log, struct sbx_err *err)
{
	char when[SBX_TIME_SIZE];
	int64_t last;
	int r;

	if ((r = sbx_date_ahead(log, &last, err)) != 0 || last == 0)
		return r;
	sbx_time_write(when, last);
	sbx_err_set(err, SBX_E_SYS,
		"the clock is behind what this box signed at %s", when);
	sbx_err_hint(err, "set the clock");
	return SBX_E_SYS;
}
