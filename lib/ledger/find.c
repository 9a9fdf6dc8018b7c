/* SPDX-License-Identifier: Apache-2.0 */
/* One entry of the journal, by its number or by the start of its id. */
#include <string.h>

#include "base/base.h"
#include "ledger/ledger.h"
#include "ledger/db.h"

#define ID_DIGITS (2 * SBX_HASH_BYTES)

static int
find_id(struct sbx_log *log, const char *ref, int64_t *seq, struct sbx_err *err)
{
	unsigned char low[SBX_HASH_BYTES], high[SBX_HASH_BYTES];
	char digits[2][ID_DIGITS];
	size_t len = strlen(ref);
	sqlite3_stmt *st = NULL;
	int r, found = 0;

	memset(digits[0], '0', ID_DIGITS);
	memset(digits[1], 'f', ID_DIGITS);
	memcpy(digits[0], ref, len);
	memcpy(digits[1], ref, len);
	if (!sbx_hex_parse(low, sizeof(low), digits[0], ID_DIGITS) ||
		!sbx_hex_parse(high, sizeof(high), digits[1], ID_DIGITS))
		return sbx_err_set(err, SBX_E_USAGE,
			"neither an entry's number nor its id: %.70s", ref);
	if ((r = sbx_db_prepare(sbx_log_db(log),
		     "SELECT e.seq FROM fact f CROSS JOIN entry e USING(seq) WHERE "
		     "(f.eid BETWEEN sbx_first64(?1) AND sbx_first64(?2) OR "
		     "f.eid IS NULL) AND e.id BETWEEN ?1 AND ?2 LIMIT 2",
		     &st, err)) != 0)
		return r;
	sbx_db_bind_blob(st, 1, low, sizeof(low));
	sbx_db_bind_blob(st, 2, high, sizeof(high));
	for (; sqlite3_step(st) == SQLITE_ROW; found++)
		*seq = sqlite3_column_int64(st, 0);
	sqlite3_finalize(st);
	if (found == 0)
		return sbx_err_set(err, SBX_E_NO, "no entry %s", ref);
	if (found > 1)
		return sbx_err_set(
			err, SBX_E_USAGE, "several entries begin with %s", ref);
	return SBX_OK;
}

int
sbx_log_find(
	struct sbx_log *log, const char *ref, int64_t *seq, struct sbx_err *err)
{
	unsigned char hash[SBX_HASH_BYTES];
	size_t len = strlen(ref);
	int64_t size;
	int r;

	if ((r = sbx_log_head(log, &size, hash, err)) != 0)
		return r;
	if (sbx_num_parse(seq, ref, 1, size))
		return SBX_OK;
	if (len < 8 || len > ID_DIGITS) {
		if (strspn(ref, "0123456789") == len)
			return sbx_err_set(err, SBX_E_NO,
				"no entry %s: the ledger has %lld", ref,
				(long long)size);
		return sbx_err_set(err, SBX_E_USAGE,
			"neither an entry's number nor 8 digits of its id: "
			"%.70s",
			ref);
	}
	return find_id(log, ref, seq, err);
}
