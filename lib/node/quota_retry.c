/* SPDX-License-Identifier: Apache-2.0 */
/* Where something was refused because its author, no member, had no room: who
 * is a member by now may be its author, so that source is read anew.  It is the
 * members who change that: no stranger can have us read a log twice. */
#include <string.h>

#include "base/base.h"
#include "json/json.h"
#include "crypto/crypto.h"
#include "ledger/ledger.h"
#include "directory/directory.h"
#include "node/node.h"
#include "ledger/db.h"

static int
add_member(void *ctx, const struct sbx_json *row, struct sbx_err *err)
{
	const struct sbx_json *state = sbx_json_get(row, "state");
	unsigned char *sum = ctx, hash[SBX_HASH_BYTES];
	const char *did = sbx_json_str(row, "did");

	(void)err;
	if (did == NULL || (!sbx_json_is(state, "anchor") &&
				   !sbx_json_is(state, "member")))
		return SBX_OK;
	sbx_hash_b2(hash, did, strlen(did));
	for (size_t i = 0; i < sizeof(hash); i++)
		sum[i] ^= hash[i];
	return SBX_OK;
}

/* Who is a member, whatever the order. */
static int
members(struct sbx_log *log, char hex[static 2 * SBX_HASH_BYTES + 1],
	struct sbx_err *err)
{
	unsigned char sum[SBX_HASH_BYTES] = { 0 };
	struct sbx_state *st = NULL;
	int r;

	if ((r = sbx_state_open(log, &st, err)) == 0)
		r = sbx_state_each(
			st, SBX_VIEW_MEMBER, NULL, add_member, sum, err);
	sbx_state_free(st);
	sbx_hex_write(hex, sum, sizeof(sum));
	return r;
}

int
sbx_quota_retry_mark(struct sbx_log *log, const char *source, struct sbx_err *err)
{
	char hex[2 * SBX_HASH_BYTES + 1];
	int r;

	if ((r = members(log, hex, err)) != 0)
		return r;
	return sbx_db_text(sbx_log_db(log), "INSERT OR REPLACE INTO local(key, "
		"value) VALUES('missed ' || ?, ?)", source, hex, NULL, err);
}

int
sbx_quota_retry_again(struct sbx_log *log, const char *source, bool *again,
	struct sbx_err *err)
{
	struct sbx_buf was = SBX_BUF(2 * SBX_HASH_BYTES);
	char hex[2 * SBX_HASH_BYTES + 1];
	int r;

	*again = false;
	if ((r = sbx_db_text(sbx_log_db(log), "SELECT value FROM local WHERE "
		     "key='missed ' || ?", source, NULL, &was, err)) == 0 &&
		(was.len > 0 || was.over) &&
		(r = members(log, hex, err)) == 0)
		*again = strcmp(sbx_buf_text(&was), hex) != 0;
	sbx_buf_free(&was);
	return r;
}

int
sbx_quota_retry_clear(struct sbx_log *log, const char *source, struct sbx_err *err)
{
	return sbx_db_text(sbx_log_db(log), "DELETE FROM local WHERE "
		"key='missed ' || ?", source, NULL, NULL, err);
}
