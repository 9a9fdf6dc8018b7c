/* SPDX-License-Identifier: Apache-2.0 */
/* Offers and subscriptions: their names, and finding one by what a person
 * types. */
#include <stdlib.h>
#include <string.h>

#include "sbx.h"

#define SHORT 12 /* digits that tell candidates apart for a person */
#define LEAST 4

static void
hash_id(char id[static SBX_ID_SIZE], const struct sbx_doc *doc)
{
	struct sbx_buf text = SBX_BUF(SBX_MAX_ENTRY);
	unsigned char hash[SBX_HASH_BYTES];

	/* Only strings are in it, which always have a canonical form. */
	sbx_canon_write(&text, sbx_doc_root(doc), NULL, NULL);
	sbx_hash_b2(hash, sbx_buf_text(&text), text.len);
	sbx_hex_write(id, hash, sizeof(hash));
	sbx_buf_free(&text);
}

void
sbx_offer_id(
	char id[static SBX_ID_SIZE], const char *provider, const char *name)
{
	struct sbx_doc *doc = sbx_doc_new();

	sbx_json_add_str(doc, sbx_doc_root(doc), "name", name);
	sbx_json_add_str(doc, sbx_doc_root(doc), "provider", provider);
	hash_id(id, doc);
	sbx_doc_free(doc);
}

void
sbx_sub_id(char id[static SBX_ID_SIZE], const char *subscriber,
	const char *service, int64_t now)
{
	struct sbx_doc *doc = sbx_doc_new();

	sbx_json_add_time(doc, sbx_doc_root(doc), "requested_at", now);
	sbx_json_add_str(doc, sbx_doc_root(doc), "service_id", service);
	sbx_json_add_str(doc, sbx_doc_root(doc), "subscriber", subscriber);
	hash_id(id, doc);
	sbx_doc_free(doc);
}

struct search {
	const struct sbx_find *find;
	const char *id;      /* the member that names a row */
	struct sbx_doc *doc; /* the first match */
	struct sbx_buf all;  /* for the error */
	bool exact;
	size_t count;
};

/* A whole id goes before a name or a prefix that happens to look like it. */
static bool
matches(struct search *s, const char *id, const char *name)
{
	const char *ref = s->find->ref;
	size_t n = strlen(ref);

	if (strcmp(ref, id) == 0) {
		if (!s->exact)
			s->count = 0;
		s->exact = true;
		return true;
	}
	return !s->exact && ((n >= LEAST && strncmp(ref, id, n) == 0) ||
				    (name != NULL && strcmp(ref, name) == 0));
}

static void
list_candidate(struct search *s, const struct sbx_json *row, const char *id,
	const char *name)
{
	const char *box = sbx_json_str(row, "boxname");

	sbx_buf_fmt(&s->all, "%s%.*s", s->count > 1 ? ", " : "", SHORT, id);
	if (name != NULL) {
		sbx_buf_str(&s->all, " ");
		sbx_buf_str(&s->all, name);
	}
	if (box != NULL) {
		sbx_buf_str(&s->all, "@");
		sbx_buf_str(&s->all, box);
	}
}

static int
see_row(void *ctx, const struct sbx_json *row, struct sbx_err *err)
{
	struct search *s = ctx;
	const char *id = sbx_json_str(row, s->find->id);
	const char *name = sbx_json_str(row, "name");

	(void)err;
	if (id == NULL ||
		(s->find->want != NULL && !s->find->want(s->find, row)) ||
		!matches(s, id, name))
		return 0;
	if (s->count++ == 0) {
		sbx_buf_clear(&s->all);
		sbx_doc_free(s->doc);
		s->doc = sbx_doc_copy(row);
	}
	list_candidate(s, row, id, name);
	return 0;
}

int
sbx_find(struct sbx_state *st, const struct sbx_find *find,
	struct sbx_doc **doc, struct sbx_err *err)
{
	struct search s = { .find = find, .all = SBX_BUF(SBX_MAX_LINE) };
	int r;

	r = sbx_state_each(st, find->view, NULL, see_row, &s, err);
	if (r == 0 && s.count == 0) {
		r = sbx_err_set(err, SBX_E_NO, "no such %s: %.100s", find->what,
			find->ref);
	} else if (r == 0 && s.count > 1) {
		r = sbx_err_set(err, SBX_E_USAGE, "%.64s is ambiguous: %s",
			find->ref, sbx_buf_text(&s.all));
	} else if (r == 0) {
		*doc = s.doc;
		s.doc = NULL; /* transferred */
	}
	sbx_doc_free(s.doc);
	sbx_buf_free(&s.all);
	return r;
}
