/* SPDX-License-Identifier: Apache-2.0 */
/* What members call a DID.  A name is for people; nothing is decided by it. */
#include <stdlib.h>
#include <string.h>

#include "base/base.h"
#include "crypto/crypto.h"
#include "directory/directory.h"
#include "directory/state.h"

static int
find_did(struct sbx_state *st, const char *sql, const char *text,
	char did[static SBX_DID_SIZE], int *count, struct sbx_err *err)
{
	sqlite3_stmt *q = NULL;
	const char *found;
	int r;

	if ((r = sbx_db_prepare(st->db, sql, &q, err)) != 0)
		return r;
	sbx_db_bind_text(q, 1, text);
	*count = 0;
	while (sqlite3_step(q) == SQLITE_ROW) {
		found = (const char *)sqlite3_column_text(q, 0);
		if (found != NULL && strlen(found) == SBX_DID_SIZE - 1 &&
			++*count == 1)
			memcpy(did, found, SBX_DID_SIZE);
	}
	sqlite3_finalize(q);
	return SBX_OK;
}

int
sbx_name_resolve(struct sbx_state *st, const char *text,
	char did[static SBX_DID_SIZE], struct sbx_err *err)
{
	static const char *const ways[] = {
		"SELECT DISTINCT did FROM temp.v_name WHERE member AND name=?",
		"SELECT did FROM temp.v_node WHERE member AND boxname=? AND "
		"sbx_is_name(boxname)",
	};
	int r, count;

	if (sbx_did_check(text, strlen(text))) {
		memcpy(did, text, SBX_DID_SIZE);
		return SBX_OK;
	}
	for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]); i++) {
		if ((r = find_did(st, ways[i], text, did, &count, err)) != 0)
			return r;
		if (count == 1)
			return SBX_OK;
		if (count > 1)
			return sbx_err_set(err, SBX_E_USAGE,
				"%.40s: contested: %d boxes have this name",
				text, count);
	}
	return sbx_err_set(err, SBX_E_NO,
		"%.60s: neither a did nor a name that a member gave one", text);
}

struct sbx_names {
	struct called {
		char did[SBX_DID_SIZE];
		bool sure;
		char *name;
	} *list; /* by did */
	size_t count;
};

int
sbx_names_load(struct sbx_state *st, struct sbx_names **out,
	struct sbx_err *err)
{
	struct sbx_names *n = sbx_mem_alloc(1, sizeof(*n));
	sqlite3_stmt *q = NULL;
	size_t room = 0;
	int r, step;

	*out = n;
	if ((r = sbx_db_prepare(st->db, "SELECT did, sure, name FROM "
			"temp.v_called WHERE length(did)=40 ORDER BY did", &q,
		     err)) != 0)
		return r;
	while ((step = sqlite3_step(q)) == SQLITE_ROW) {
		const char *name = (const char *)sqlite3_column_text(q, 2);
		struct called *c;

		if (n->count == room) {
			room = room > 0 ? 2 * room : 64;
			n->list = sbx_mem_grow(n->list, room, sizeof(*n->list));
		}
		c = &n->list[n->count++];
		memcpy(c->did, sqlite3_column_text(q, 0), SBX_DID_SIZE);
		c->sure = sqlite3_column_int(q, 1);
		c->name = sbx_mem_text(name, strlen(name));
	}
	if (step != SQLITE_DONE)
		r = sbx_db_fail(st->db, "names", err);
	sqlite3_finalize(q);
	return r;
}

static int
by_did(const void *key, const void *called)
{
	return strcmp(key, ((const struct called *)called)->did);
}

const char *
sbx_names_get(const struct sbx_names *n, const char *did, bool *sure)
{
	const struct called *c = n == NULL || n->count == 0 ? NULL :
		bsearch(did, n->list, n->count, sizeof(*n->list), by_did);

	if (c == NULL)
		return NULL;
	*sure = c->sure;
	return c->name;
}

void
sbx_names_free(struct sbx_names *n)
{
	if (n == NULL)
		return;
	for (size_t i = 0; i < n->count; i++)
		free(n->list[i].name);
	free(n->list);
	free(n);
}

int
sbx_name_get(struct sbx_state *st, const char *did, struct sbx_buf *out,
	struct sbx_err *err)
{
	const char *name;
	bool sure;
	int r;

	if (st->names == NULL &&
		(r = sbx_names_load(st, &st->names, err)) != 0) {
		sbx_names_free(st->names);
		st->names = NULL;
		return r;
	}
	if ((name = sbx_names_get(st->names, did, &sure)) != NULL)
		sbx_buf_fmt(out, "%s%s", name, sure ? "" : "?");
	return SBX_OK;
}

void
sbx_name_write(struct sbx_state *st, const char *did, struct sbx_buf *out)
{
	size_t before = out->len;

	if (sbx_name_get(st, did, out, NULL) == 0 && out->len > before)
		sbx_buf_fmt(out, " (%s)", did);
	else
		sbx_buf_str(out, did);
}
