/* SPDX-License-Identifier: Apache-2.0 */
/* Private to lib/: what holds no row but decides which are found. */
#ifndef SBX_PAGES_H
#define SBX_PAGES_H

#include "base/base.h"
#include "ledger/db.h"

/* What both indices of fact hold, added up: the same for rows in any order.
 * Under a key that nobody knows nobody can make two sets of one sum. */
struct sbx_sums {
	unsigned char key[16];
	uint64_t ids, entries;
};

void sbx_sums_begin(struct sbx_sums *s);
/* A row of fact; idhash and eid are NULL for null. */
void sbx_sums_add(struct sbx_sums *s, int64_t seq, const char *type,
	const int64_t *idhash, const int64_t *eid);
/* SBX_E_NO, saying which index, when they differ. */
int sbx_sums_same(const struct sbx_sums *rows, const struct sbx_sums *indices,
	struct sbx_err *err);

/* The order of pages and of what is in them, the small indices, and the sums of
 * the large ones up to row upto, under the key of s. */
int sbx_pages_check(sqlite3 *db, int64_t upto, struct sbx_sums *s,
	struct sbx_err *err);

#endif
