/* SPDX-License-Identifier: Apache-2.0 */
/* Private to lib/exchange: the statements that are kept, and what was seen of
 * other sites'. */
#ifndef SBX_NOW_STORE_H
#define SBX_NOW_STORE_H

#include "base/base.h"
#include "json/json.h"
#include "system/system.h"
#include "exchange/follow.h"

/* How far an address was read. */
struct now_mark {
	char *url;
	char etag[SBX_ETAG_SIZE];
	int64_t heard; /* its newest line's number */
};

struct sbx_now {
	char *path;
	int lock; /* or -1 */
	struct sbx_statement **list; /* the one that came last is the last */
	size_t count;
	int64_t heard; /* of the last one */
	struct now_mark *marks; /* the one that was used last is the last */
	size_t nmarks;
};

/* A line of now.jsonl: {"heard": N, "signed": {...}}. */
int sbx_now_frame(const char *text, size_t len, struct sbx_doc **doc,
	int64_t *heard);
/* Append a line of a site's now.jsonl. */
void sbx_now_line(const struct sbx_statement *s, struct sbx_buf *out);
/* What was seen of url; nothing yet: 0 and "". */
void sbx_now_mark(const struct sbx_now *now, const char *url,
	struct now_mark *mark);
void sbx_now_set_mark(struct sbx_now *now, const char *url, const char *etag,
	int64_t heard);

#endif
