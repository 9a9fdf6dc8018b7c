/* SPDX-License-Identifier: Apache-2.0 */
/* What the directory and the quota keep in the journal's file, for the ledger
 * to call (sbx_log_set_upkeep). */
#include "node/node.h"
#include "directory/member.h"
#include "node/store.h"

void
sbx_upkeep(void)
{
	static const struct sbx_log_upkeep upkeep = {
		.wanted = sbx_cache_wanted,
		.refresh = sbx_cache_refresh,
		.check = sbx_cache_check,
		.rebuild = sbx_quota_rebuild,
	};

	sbx_log_set_upkeep(&upkeep);
}
