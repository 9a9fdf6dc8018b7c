/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What json, doc and canon share about a document; nobody else includes it.
 */
#ifndef SBX_DOC_H
#define SBX_DOC_H

#include "json/json.h"

/* The text that is parsed, the document's own: strings may stay where they are
 * in it.  Once for each document. */
char *sbx_doc_source(struct sbx_doc *doc, const char *text, size_t len);
/* A NUL-terminated copy of its own, which the caller may change. */
char *sbx_doc_text(struct sbx_doc *doc, const char *text, size_t len);
/* A new last child of parent; at is the byte of the text where it was, from 1,
 * for reasons; 0: it was built. */
struct sbx_json *sbx_doc_append(
	struct sbx_doc *doc, struct sbx_json *parent, size_t at);
size_t sbx_doc_at(const struct sbx_json *v);
/* The text's len bytes from at are v's canonical form. */
void sbx_doc_canonical(struct sbx_json *v, size_t at, size_t len);
/* Whether the members stand in canonical order (code points), no name twice. */
bool sbx_doc_in_order(const struct sbx_json *obj);
/* The members in canonical order, an array of obj->count to free(3).  *twice
 * is the later one of two with one name, or NULL. */
const struct sbx_json **sbx_doc_sorted(
	const struct sbx_json *obj, const struct sbx_json **twice);
/* How many bytes from text on mean themselves in a string: ASCII, neither
 * control nor quote nor backslash. */
size_t sbx_doc_plain(const char *text, size_t len);

#endif
