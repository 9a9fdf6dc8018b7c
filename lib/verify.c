/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "db.h"

struct verifying {
	int64_t next;
	unsigned char head[SBX_HASH_BYTES];
};

static int
broken(int64_t seq, struct sbx_err *err)
{
	sbx_err_at(err, "entry %lld", (long long)seq);
	if (err != NULL)
		err->code = SBX_E_NO;
	return SBX_E_NO;
}

static int
no(struct sbx_err *err, const char *why)
{
	return sbx_err_set(err, SBX_E_NO, "%s", why);
}

static int
check_row(struct verifying *v, const struct sbx_row *row, struct sbx_err *err)
{
	struct sbx_entry *e = NULL;
	int r;

	if (row->seq != v->next)
		return sbx_err_set(err, SBX_E_NO, "missing: the next one is %lld",
			(long long)row->seq);
	/* Parsing re-derives the name from the key and the canonical form from
	 * the payload; what was stored must be that form to the byte. */
	if ((r = sbx_row_entry(row, &e, err)) != 0)
		return r;
	sbx_log_chain(v->head, row->payload, row->payloadlen, row->sig);
	if (e->canonlen != row->payloadlen ||
		memcmp(e->canon, row->payload, e->canonlen) != 0)
		r = no(err, "the payload is not canonical");
	else if (memcmp(e->id, row->id, SBX_HASH_BYTES) != 0)
		r = no(err, "the payload's hash does not match");
	else if (memcmp(v->head, row->hash, SBX_HASH_BYTES) != 0)
		r = no(err, "the chain does not match");
	else
		r = sbx_entry_verify(e, err);
	sbx_entry_free(e);
	return r;
}

static int
verify_row(void *ctx, const struct sbx_row *row, struct sbx_err *err)
{
	struct verifying *v = ctx;

	if (check_row(v, row, err) != 0)
		return broken(v->next, err);
	v->next++;
	return SBX_OK;
}

int
sbx_log_verify(struct sbx_log *log, int64_t *bad, struct sbx_err *err)
{
	struct verifying v = { .next = 1 };
	int64_t n = 0;
	int r;

	*bad = 0;
	r = sbx_log_each(log, INT64_MIN, 0, verify_row, &v, err);
	if (r == 0 && (r = sbx_db_int(sbx_log_db(log),
			       "SELECT count(*) FROM fact f JOIN entry e "
			       "USING(seq) WHERE f.type=e.type AND "
			       "f.author=e.author", 0, &n, err)) == 0 &&
		n != v.next - 1)
		r = sbx_err_set(err, SBX_E_NO,
			"the derived tables do not match the journal");
	if (r == SBX_E_NO)
		*bad = v.next;
	return r;
}
