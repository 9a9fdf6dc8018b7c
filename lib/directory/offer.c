/* SPDX-License-Identifier: Apache-2.0 */
/* Offers and subscriptions: their names, and finding one by what a person
 * types. */
#include <stdlib.h>
#include <string.h>

#include "base/base.h"
#include "json/json.h"
#include "crypto/crypto.h"
#include "directory/directory.h"

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

bool
sbx_offer_live(const struct sbx_json *row)
{
	return sbx_json_is(sbx_json_get(row, "status"), "live") &&
	       sbx_json_yes(row, "member");
}

bool
sbx_sub_open(const struct sbx_json *row)
{
	const struct sbx_json *status = sbx_json_get(row, "status");

	return sbx_json_is(status, "live") || sbx_json_is(status, "waiting");
}

static const struct {
	enum sbx_view view;
	const char *id, *what;
	const char *who; /* the member that must be self */
	bool (*fits)(const struct sbx_json *row);
} searches[] = {
	[SBX_FIND_ANY] = { SBX_VIEW_OFFER, "service_id", "offer", NULL, NULL },
	[SBX_FIND_LIVE] = { SBX_VIEW_OFFER, "service_id", "live offer", NULL,
		sbx_offer_live },
	[SBX_FIND_OWN] = { SBX_VIEW_OFFER, "service_id",
		"live offer of this box", "provider", sbx_offer_live },
	[SBX_FIND_SUB] = { SBX_VIEW_SUB, "subscription_id",
		"subscription of this box", "subscriber", sbx_sub_open },
	[SBX_FIND_SUB_TO_US] = { SBX_VIEW_SUB, "subscription_id",
		"subscription to an offer of this box", "provider", NULL },
};

struct search {
	enum sbx_find which;
	const char *self, *ref;
	const char *box, *did; /* whose it is to be, or NULL */
	struct sbx_doc *doc; /* the first match */
	struct sbx_buf all;  /* for the error */
	bool exact;
	size_t count;
};

/* A whole id goes before a name or a prefix that happens to look like it. */
static bool
matches(struct search *s, const char *id, const char *name)
{
	const char *ref = s->ref;
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

static bool
eligible(const struct search *s, const struct sbx_json *row)
{
	const char *who = searches[s->which].who;

	if (s->box != NULL &&
		!sbx_json_is(sbx_json_get(row, "boxname"), s->box) &&
		!sbx_json_is(sbx_json_get(row, "provider"), s->did))
		return false;
	return (who == NULL || sbx_json_is(sbx_json_get(row, who), s->self)) &&
	       (searches[s->which].fits == NULL ||
		       searches[s->which].fits(row));
}

static int
see_row(void *ctx, const struct sbx_json *row, struct sbx_err *err)
{
	struct search *s = ctx;
	const char *id = sbx_json_str(row, searches[s->which].id);
	const char *name = sbx_json_str(row, "name");

	(void)err;
	if (id == NULL || !eligible(s, row) || !matches(s, id, name))
		return 0;
	if (s->count++ == 0) {
		sbx_buf_clear(&s->all);
		sbx_doc_free(s->doc);
		s->doc = sbx_doc_copy(row);
	}
	list_candidate(s, row, id, name);
	return 0;
}

static int
search(struct sbx_state *st, struct search *s, struct sbx_err *err)
{
	struct sbx_subs subs = { .id = s->ref };

	if (searches[s->which].view != SBX_VIEW_SUB)
		return sbx_state_each(st, searches[s->which].view, NULL, see_row,
			s, err);
	if (s->which == SBX_FIND_SUB)
		subs.subscriber = s->self;
	else
		subs.provider = s->self;
	return sbx_state_subs(st, &subs, see_row, s, err);
}

/* REF@BOX: of that box, or of whoever is called so. */
static int
search_at(struct sbx_state *st, struct search *s, struct sbx_err *err)
{
	const char *at = strrchr(s->ref, '@');
	char did[SBX_DID_SIZE] = "", *ref;
	int r;

	if (at == NULL || searches[s->which].view != SBX_VIEW_OFFER)
		return SBX_OK;
	ref = sbx_mem_text(s->ref, (size_t)(at - s->ref));
	s->box = at + 1;
	s->did = sbx_name_resolve(st, s->box, did, NULL) == 0 ? did : "";
	s->ref = ref;
	r = search(st, s, err);
	free(ref);
	s->ref = "";
	return r;
}

int
sbx_find(struct sbx_state *st, enum sbx_find which, const char *self,
	const char *ref, struct sbx_doc **doc, struct sbx_err *err)
{
	struct search s = { .which = which,
		.self = self,
		.ref = ref,
		.all = SBX_BUF(SBX_MAX_LINE) };
	int r;

	if ((r = search(st, &s, err)) == 0 && s.count == 0)
		r = search_at(st, &s, err);
	if (r == 0 && s.count == 0) {
		r = sbx_err_set(err, SBX_E_NO, "no such %s: %.100s",
			searches[which].what, ref);
	} else if (r == 0 && s.count > 1) {
		r = sbx_err_set(err, SBX_E_USAGE, "%.64s is ambiguous: %s", ref,
			sbx_buf_text(&s.all));
		if (searches[which].view == SBX_VIEW_OFFER)
			sbx_err_hint(err, "add @ and its box, or @ and its "
				"provider's did");
	} else if (r == 0) {
		*doc = s.doc;
		s.doc = NULL; /* transferred */
	}
	sbx_doc_free(s.doc);
	sbx_buf_free(&s.all);
	return r;
}

/* Equal in canonical form; absent is null. */
static bool
same(const struct sbx_json *a, const struct sbx_json *b)
{
	static const struct sbx_json null = { .type = SBX_JSON_NULL };
	struct sbx_buf x = SBX_BUF(SBX_MAX_LINE), y = SBX_BUF(SBX_MAX_LINE);
	bool equal;

	equal = sbx_canon_write(&x, a != NULL ? a : &null, NULL, NULL) == 0 &&
		sbx_canon_write(&y, b != NULL ? b : &null, NULL, NULL) == 0 &&
		strcmp(sbx_buf_text(&x), sbx_buf_text(&y)) == 0;
	sbx_buf_free(&x);
	sbx_buf_free(&y);
	return equal;
}

bool
sbx_offer_same(const struct sbx_json *a, const struct sbx_json *b)
{
	static const char *const parts[] = { "name", "kind", "endpoint",
		"approval_mode", "description", "macro", NULL };

	for (const char *const *p = parts; *p != NULL; p++)
		if (!same(sbx_json_get(a, *p), sbx_json_get(b, *p)))
			return false;
	return true;
}
