/* SPDX-License-Identifier: Apache-2.0 */
/* The report: one document that grows part by part. */
#include <stdlib.h>

#include "fleet/status.h"

struct sbx_status {
	struct sbx_doc *doc;
	struct sbx_json *me, *lines, *members, *links, *figures;
	const struct sbx_status_part *part; /* whose turn it is */
	size_t needs;
	bool ended;
};

struct sbx_status *
sbx_status_new(int64_t now)
{
	struct sbx_status *s = sbx_mem_alloc(1, sizeof(*s));
	struct sbx_json *root;

	s->doc = sbx_doc_new();
	root = sbx_doc_root(s->doc);
	sbx_json_add_int(s->doc, root, "schema", SBX_STATUS_SCHEMA);
	sbx_json_add_time(s->doc, root, "at", now);
	s->me = sbx_json_add(s->doc, root, "me", SBX_JSON_OBJECT);
	s->lines = sbx_json_add(s->doc, root, "lines", SBX_JSON_ARRAY);
	s->members = sbx_json_add(s->doc, root, "members", SBX_JSON_ARRAY);
	s->links = sbx_json_add(s->doc, root, "links", SBX_JSON_ARRAY);
	s->figures = sbx_json_add(s->doc, root, "figures", SBX_JSON_OBJECT);
	return s;
}

void
sbx_status_free(struct sbx_status *s)
{
	if (s == NULL)
		return;
	sbx_doc_free(s->doc);
	free(s);
}

static const char *
how_name(enum sbx_status_how how)
{
	static const char *const names[] = { "ok", "note", "unknown",
		"attention" };

	return names[how];
}

void
sbx_status_line(struct sbx_status *s, enum sbx_status_how how,
	const char *mend, const char *fmt, ...)
{
	struct sbx_json *line;
	char text[SBX_STATUS_TEXT];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	line = sbx_json_add(s->doc, s->lines, NULL, SBX_JSON_OBJECT);
	sbx_json_add_str(s->doc, line, "part", s->part->name);
	sbx_json_add_str(s->doc, line, "state", how_name(how));
	sbx_json_add_str(s->doc, line, "text", text);
	sbx_json_add_str(s->doc, line, "mend", mend);
	s->needs += how == SBX_STATUS_ATTENTION;
}

void
sbx_status_run(struct sbx_status *s, const struct sbx_status_part *parts,
	void *ctx)
{
	for (s->part = parts; s->part->name != NULL; s->part++) {
		struct sbx_err err = { 0 };

		if (s->part->look(s, ctx, &err) != SBX_OK)
			sbx_status_line(s, SBX_STATUS_ATTENTION,
				s->part->mend, "%s", err.text);
	}
	s->part = NULL;
}

void
sbx_status_figure(struct sbx_status *s, const char *name, int64_t value)
{
	sbx_json_add_int(s->doc, s->figures, name, value);
}

struct sbx_doc *
sbx_status_doc(struct sbx_status *s)
{
	return s->doc;
}

struct sbx_json *
sbx_status_me(struct sbx_status *s)
{
	return s->me;
}

struct sbx_json *
sbx_status_members(struct sbx_status *s)
{
	return s->members;
}

struct sbx_json *
sbx_status_links(struct sbx_status *s)
{
	return s->links;
}

const struct sbx_json *
sbx_status_report(struct sbx_status *s, size_t *needs)
{
	if (!s->ended)
		sbx_json_add_int(s->doc, sbx_doc_root(s->doc), "needs",
			(int64_t)s->needs);
	s->ended = true;
	if (needs != NULL)
		*needs = s->needs;
	return sbx_doc_root(s->doc);
}

const char *
sbx_status_name(const struct sbx_json *member)
{
	const char *name = sbx_json_str(member, "name");
	const char *did = sbx_json_str(member, "did");

	return name != NULL && name[0] != '\0' ? name :
		did != NULL ? did : "?";
}
