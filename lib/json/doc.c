/* SPDX-License-Identifier: Apache-2.0 */
#include <endian.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/base.h"
#include "json/json.h"
#include "json/doc.h"

/* malloc(3) keeps blocks of up to 1,032 bytes at hand for each thread: so large
 * are a small document and its first chunk besides. */
#define CHUNK_FIRST 848
#define CHUNK_LAST  65536

struct chunk {
	struct chunk *next;
	size_t used, size;
	_Alignas(max_align_t) char data[];
};

/* The public part comes first: a pointer to it is a pointer to the node. */
struct node {
	struct sbx_json v;
	struct sbx_json *last; /* child: appending must not walk the list */
	size_t at;
	size_t from, len; /* of its canonical form in the text; len 0: unknown */
};

struct sbx_doc {
	struct node root;
	char *source; /* what was parsed */
	struct chunk *chunks; /* the newest first, the last is part of this */
	struct chunk first;
};

static struct chunk *
chunk_new(struct sbx_doc *doc, size_t atleast)
{
	size_t size = doc->chunks->size;
	struct chunk *c;

	if (doc->chunks != &doc->first)
		size *= 2;
	if (size > CHUNK_LAST)
		size = CHUNK_LAST;
	if (size < atleast)
		size = atleast;
	c = sbx_mem_grow(NULL, 1, sizeof(*c) + size);
	c->used = 0;
	c->size = size;
	c->next = doc->chunks;
	doc->chunks = c;
	return c;
}

/* Memory for text that lives as long as doc. */
static char *
take(struct sbx_doc *doc, size_t size)
{
	struct chunk *c = doc->chunks;
	char *p;

	if (c->size - c->used < size)
		c = chunk_new(doc, size);
	p = c->data + c->used;
	c->used += size;
	return p;
}

char *
sbx_doc_source(struct sbx_doc *doc, const char *text, size_t len)
{
	doc->source = sbx_mem_text(text, len);
	return doc->source;
}

/* Text leaves the chunk at any byte: begin the node at its next multiple. */
static struct node *
take_node(struct sbx_doc *doc)
{
	struct chunk *c = doc->chunks;
	struct node *n;

	c->used += -c->used & (_Alignof(struct node) - 1);
	if (c->used > c->size || c->size - c->used < sizeof(*n))
		c = chunk_new(doc, sizeof(*n));
	n = (struct node *)(void *)(c->data + c->used);
	c->used += sizeof(*n);
	memset(n, 0, sizeof(*n));
	return n;
}

char *
sbx_doc_text(struct sbx_doc *doc, const char *text, size_t len)
{
	char *copy = take(doc, len + 1);

	if (len > 0)
		memcpy(copy, text, len);
	copy[len] = '\0';
	return copy;
}

struct sbx_json *
sbx_doc_append(struct sbx_doc *doc, struct sbx_json *parent, size_t at)
{
	struct node *n = take_node(doc);
	struct node *p = (struct node *)parent;

	n->at = at;
	if (p->last != NULL)
		p->last->next = &n->v;
	else
		parent->child = &n->v;
	p->last = &n->v;
	parent->count++;
	return &n->v;
}

size_t
sbx_doc_at(const struct sbx_json *v)
{
	return ((const struct node *)v)->at;
}

void
sbx_doc_canonical(struct sbx_json *v, size_t at, size_t len)
{
	struct node *n = (struct node *)v;

	n->from = at;
	n->len = len;
}

bool
sbx_json_canonical(const struct sbx_json *v, size_t *at, size_t *len)
{
	const struct node *n = (const struct node *)v;

	*at = n->from;
	*len = n->len;
	return n->len > 0;
}

/* memcmp of UTF-8 orders by code point. */
static int
by_name(const void *a, const void *b)
{
	const struct sbx_json *x = *(const struct sbx_json *const *)a;
	const struct sbx_json *y = *(const struct sbx_json *const *)b;
	size_t len = x->keylen < y->keylen ? x->keylen : y->keylen;
	int r = memcmp(x->key, y->key, len);

	if (r != 0)
		return r;
	return (x->keylen > y->keylen) - (x->keylen < y->keylen);
}

bool
sbx_doc_in_order(const struct sbx_json *obj)
{
	const struct sbx_json *v = obj->child;

	for (; v != NULL && v->next != NULL; v = v->next)
		if (by_name(&v, (const struct sbx_json *const *)&v->next) >= 0)
			return false;
	return true;
}

const struct sbx_json **
sbx_doc_sorted(const struct sbx_json *obj, const struct sbx_json **twice)
{
	const struct sbx_json **list, *v;
	size_t i, n = 0;

	*twice = NULL;
	list = sbx_mem_alloc(obj->count, sizeof(*list));
	for (v = obj->child; v != NULL; v = v->next)
		list[n++] = v;
	qsort(list, n, sizeof(*list), by_name);
	for (i = 1; i < n && *twice == NULL; i++)
		if (by_name(&list[i - 1], &list[i]) == 0)
			*twice = sbx_doc_at(list[i]) > sbx_doc_at(list[i - 1])
					 ? list[i]
					 : list[i - 1];
	return list;
}

size_t
sbx_doc_plain(const char *text, size_t len)
{
	typedef unsigned char vec __attribute__((vector_size(16)));
	uint64_t half[2] = { 0, 0 };
	size_t n = 0;
	vec v;

	for (; len - n >= sizeof(v); n += sizeof(v)) {
		memcpy(&v, text + n, sizeof(v));
		v = (vec)(v - 0x20 > 0x7e - 0x20) | (vec)(v == '"') |
			(vec)(v == '\\');
		memcpy(half, &v, sizeof(v));
		if ((half[0] | half[1]) != 0)
			break;
	}
	if (half[0] != 0)
		return n + (size_t)__builtin_ctzll(le64toh(half[0])) / 8;
	if (half[1] != 0)
		return n + 8 + (size_t)__builtin_ctzll(le64toh(half[1])) / 8;
	while (n < len && text[n] >= 0x20 && text[n] <= 0x7e && text[n] != '"' &&
		text[n] != '\\')
		n++;
	return n;
}

/* RFC 3629: no overlong form, no surrogate, nothing past U+10FFFF. */

struct sbx_doc *
sbx_doc_new(void)
{
	struct sbx_doc *doc = sbx_mem_grow(NULL, 1, sizeof(*doc) + CHUNK_FIRST);

	doc->root = (struct node){ .v.type = SBX_JSON_OBJECT };
	doc->source = NULL;
	doc->first.next = NULL;
	doc->first.used = 0;
	doc->first.size = CHUNK_FIRST;
	doc->chunks = &doc->first;
	return doc;
}

struct sbx_doc *
sbx_doc_copy(const struct sbx_json *obj)
{
	struct sbx_doc *doc = sbx_doc_new();

	for (const struct sbx_json *c = obj->child; c != NULL; c = c->next)
		sbx_json_add_copy(doc, sbx_doc_root(doc), c->key, c);
	return doc;
}

void
sbx_doc_free(struct sbx_doc *doc)
{
	struct chunk *c, *next;

	if (doc == NULL)
		return;
	for (c = doc->chunks; c != &doc->first; c = next) {
		next = c->next;
		free(c);
	}
	free(doc->source);
	free(doc);
}

struct sbx_json *
sbx_doc_root(const struct sbx_doc *doc)
{
	return (struct sbx_json *)&doc->root.v;
}

const struct sbx_json *
sbx_json_find(const struct sbx_json *obj, const char *key, size_t len)
{
	const struct sbx_json *v;

	if (obj == NULL || obj->type != SBX_JSON_OBJECT)
		return NULL;
	for (v = obj->child; v != NULL; v = v->next)
		if (v->keylen == len && memcmp(v->key, key, len) == 0)
			return v;
	return NULL;
}

const char *
sbx_json_str(const struct sbx_json *obj, const char *key)
{
	const struct sbx_json *v = sbx_json_get(obj, key);

	return v != NULL && v->type == SBX_JSON_STRING ? v->text : NULL;
}

bool
sbx_json_is(const struct sbx_json *v, const char *text)
{
	return v != NULL && v->type == SBX_JSON_STRING &&
	       v->len == strlen(text) && memcmp(v->text, text, v->len) == 0;
}

bool
sbx_json_yes(const struct sbx_json *obj, const char *key)
{
	const struct sbx_json *v = sbx_json_get(obj, key);

	return v != NULL && v->type == SBX_JSON_BOOL && v->yes;
}

bool
sbx_json_time(const struct sbx_json *obj, const char *key, int64_t *us)
{
	const char *text = sbx_json_str(obj, key);

	return text != NULL && sbx_time_parse(us, text, strlen(text));
}

bool
sbx_json_int(const struct sbx_json *v, int64_t min, int64_t max, int64_t *value)
{
	size_t i, start;
	int64_t n = 0;

	if (v == NULL || v->type != SBX_JSON_NUMBER || v->len == 0)
		return false;
	start = v->text[0] == '-' ? 1 : 0;
	/* "-0" would be a second way to write 0, and so a second payload */
	if (start == v->len || (v->text[start] == '0' && v->len > 1))
		return false;
	for (i = start; i < v->len; i++) {
		if (v->text[i] < '0' || v->text[i] > '9' ||
			__builtin_mul_overflow(n, 10, &n) ||
			__builtin_sub_overflow(n, v->text[i] - '0', &n))
			return false;
	}
	/* n is kept negative so that INT64_MIN can be read */
	if (start == 0 && __builtin_sub_overflow(0, n, &n))
		return false;
	if (n < min || n > max)
		return false;
	*value = n;
	return true;
}

static void
set_text(struct sbx_doc *doc, struct sbx_json *v, const char *text, size_t len)
{
	v->text = sbx_doc_text(doc, text, len);
	v->len = len;
}

struct sbx_json *
sbx_json_add(struct sbx_doc *doc, struct sbx_json *obj, const char *key,
	enum sbx_json_type type)
{
	struct sbx_json *v = sbx_doc_append(doc, obj, 0);

	v->type = type;
	if (key != NULL) {
		v->keylen = strlen(key);
		v->key = sbx_doc_text(doc, key, v->keylen);
	}
	return v;
}

void
sbx_json_add_str(struct sbx_doc *doc, struct sbx_json *obj, const char *key,
	const char *text)
{
	struct sbx_json *v = sbx_json_add(
		doc, obj, key, text != NULL ? SBX_JSON_STRING : SBX_JSON_NULL);

	if (text != NULL)
		set_text(doc, v, text, strlen(text));
}

void
sbx_json_add_int(struct sbx_doc *doc, struct sbx_json *obj, const char *key,
	int64_t value)
{
	char lexeme[24];
	int n = snprintf(lexeme, sizeof(lexeme), "%" PRId64, value);

	set_text(doc, sbx_json_add(doc, obj, key, SBX_JSON_NUMBER), lexeme,
		(size_t)n);
}

void
sbx_json_add_bool(
	struct sbx_doc *doc, struct sbx_json *obj, const char *key, bool value)
{
	sbx_json_add(doc, obj, key, SBX_JSON_BOOL)->yes = value;
}

void
sbx_json_add_hex(struct sbx_doc *doc, struct sbx_json *obj, const char *key,
	const void *data, size_t len)
{
	struct sbx_json *v = sbx_json_add(doc, obj, key, SBX_JSON_STRING);
	char *hex = take(doc, 2 * len + 1);

	sbx_hex_write(hex, data, len);
	v->text = hex;
	v->len = 2 * len;
}

void
sbx_json_add_time(
	struct sbx_doc *doc, struct sbx_json *obj, const char *key, int64_t us)
{
	char text[SBX_TIME_SIZE];

	sbx_time_write(text, us);
	sbx_json_add_str(doc, obj, key, text);
}

void
sbx_json_add_copy(struct sbx_doc *doc, struct sbx_json *obj, const char *key,
	const struct sbx_json *v)
{
	struct sbx_json *copy = sbx_json_add(doc, obj, key, v->type);
	const struct sbx_json *child;

	copy->yes = v->yes;
	if (v->text != NULL)
		set_text(doc, copy, v->text, v->len);
	for (child = v->child; child != NULL; child = child->next)
		sbx_json_add_copy(doc, copy, child->key, child);
}
