/* SPDX-License-Identifier: Apache-2.0 */
/* Values that were hidden, and the placeholders that stand for them. */
#include <stdlib.h>
#include <string.h>

#include <sodium.h>

#include "ask/hidden.h"

#define SLOTS (2 * SBX_MAX_HIDDEN) /* a power of two */

struct value {
	enum sbx_hidden kind;
	size_t number, len;
	char *text;
};

/* Two open-addressed tables of indices into values, plus one: by value, hashed
 * with a key of this run so that nobody can choose collisions; by number. */
struct hidden_map {
	struct value *values;
	size_t count, cap, bytes;
	size_t next[SBX_HIDDEN_KINDS];
	unsigned char key[crypto_shorthash_KEYBYTES];
	uint32_t by_value[SLOTS], by_number[SLOTS];
};

static const char *const names[SBX_HIDDEN_KINDS] = { "text", "pem", "secret",
	"key", "did", "email", "mac", "ip6", "ip4", "name", "user", "id",
	"token" };

const char *
sbx_hidden_name(enum sbx_hidden kind)
{
	return names[kind];
}

struct hidden_map *
sbx_hidden_map_new(void)
{
	struct hidden_map *m = sbx_mem_alloc(1, sizeof(*m));

	randombytes_buf(m->key, sizeof(m->key));
	return m;
}

void
sbx_hidden_map_free(struct hidden_map *m)
{
	if (m == NULL)
		return;
	for (size_t i = 0; i < m->count; i++) {
		sodium_memzero(m->values[i].text, m->values[i].len);
		free(m->values[i].text);
	}
	free(m->values);
	free(m);
}

static uint32_t *
slot_of_value(const struct hidden_map *m, enum sbx_hidden kind,
	const char *text, size_t len)
{
	unsigned char hash[crypto_shorthash_BYTES];
	const struct value *v;
	uint64_t at;

	crypto_shorthash(hash, (const unsigned char *)text, len, m->key);
	memcpy(&at, hash, sizeof(at));
	for (at += kind;; at++) {
		const uint32_t *s = &m->by_value[at % SLOTS];

		if (*s == 0)
			return (uint32_t *)s;
		v = &m->values[*s - 1];
		if (v->kind == kind && v->len == len &&
			memcmp(v->text, text, len) == 0)
			return (uint32_t *)s;
	}
}

static uint32_t *
slot_of_number(const struct hidden_map *m, enum sbx_hidden kind, size_t number)
{
	const struct value *v;
	const uint32_t *s;

	for (size_t at = number * SBX_HIDDEN_KINDS + kind;; at++) {
		s = &m->by_number[at % SLOTS];
		if (*s == 0)
			return (uint32_t *)s;
		v = &m->values[*s - 1];
		if (v->kind == kind && v->number == number)
			return (uint32_t *)s;
	}
}

bool
sbx_hidden_map_set(struct hidden_map *m, enum sbx_hidden kind, size_t number,
	const char *text, size_t len)
{
	uint32_t *s = slot_of_value(m, kind, text, len);
	uint32_t *n = slot_of_number(m, kind, number);

	if (*s != 0 || *n != 0 || m->count == SBX_MAX_HIDDEN ||
		m->bytes + len > SBX_MAX_HIDDEN_BYTES)
		return false;
	if (m->count == m->cap) {
		m->cap = m->cap > 0 ? 2 * m->cap : 64;
		m->values = sbx_mem_grow(m->values, m->cap, sizeof(*m->values));
	}
	m->values[m->count] = (struct value){ .kind = kind, .number = number,
		.len = len, .text = sbx_mem_text(text, len) };
	*s = *n = (uint32_t)++m->count;
	m->bytes += len;
	if (m->next[kind] < number)
		m->next[kind] = number;
	return true;
}

static bool
utf8(const char *text, size_t len)
{
	uint32_t cp;
	size_t n;

	for (size_t at = 0; at < len; at += n)
		if (text[at] == '\0' ||
			(n = sbx_utf8_read(text + at, len - at, &cp)) == 0)
			return false;
	return true;
}

size_t
sbx_hidden_map_number(struct hidden_map *m, enum sbx_hidden kind, const char *text,
	size_t len)
{
	uint32_t *s = slot_of_value(m, kind, text, len);
	size_t number = m->next[kind] + 1;

	if (*s != 0)
		return m->values[*s - 1].number;
	return utf8(text, len) && number <= 999999999 &&
		sbx_hidden_map_set(m, kind, number, text, len) ? number : 0;
}

const char *
sbx_hidden_map_value(const struct hidden_map *m, enum sbx_hidden kind, size_t number,
	size_t *len)
{
	const uint32_t *s = slot_of_number(m, kind, number);

	if (*s == 0)
		return NULL;
	*len = m->values[*s - 1].len;
	return m->values[*s - 1].text;
}

void
sbx_hidden_mark(char out[static HIDDEN_MARK], enum sbx_hidden kind, size_t number)
{
	snprintf(out, HIDDEN_MARK, "<%s:%zu>", names[kind], number);
}

int
sbx_hidden_mark_read(const char *text, size_t len, enum sbx_hidden *kind,
	size_t *number)
{
	size_t at, n, digits = 0;

	for (size_t i = 0; i < SBX_HIDDEN_KINDS; i++) {
		n = strlen(names[i]) + 2;
		char want[HIDDEN_MARK];

		snprintf(want, sizeof(want), "<%s:", names[i]);
		if (memcmp(text, want, len < n ? len : n) != 0)
			continue;
		if (len < n)
			return -1;
		*kind = (enum sbx_hidden)i;
		*number = 0;
		for (at = n; at < len && text[at] >= '0' && text[at] <= '9' &&
			digits < 9; at++, digits++)
			*number = *number * 10 + (size_t)(text[at] - '0');
		if (at == len)
			return -1;
		return digits > 0 && text[at] == '>' ? (int)(at + 1) : 0;
	}
	return 0;
}

static int
load_line(struct hidden_map *m, const char *text, size_t len,
	struct sbx_err *err)
{
	const struct sbx_json *mark, *value;
	struct sbx_doc *doc = NULL;
	enum sbx_hidden kind;
	size_t number;
	int r;

	if ((r = sbx_json_parse(text, len, NULL, &doc, err)) != SBX_OK)
		return r;
	mark = sbx_json_get(sbx_doc_root(doc), "hidden");
	value = sbx_json_get(sbx_doc_root(doc), "value");
	if (mark == NULL || mark->type != SBX_JSON_STRING || value == NULL ||
		value->type != SBX_JSON_STRING ||
		sbx_hidden_mark_read(mark->text, mark->len, &kind, &number) !=
			(int)mark->len || number == 0)
		r = sbx_err_set(err, SBX_E_INPUT,
			"not a placeholder and its value");
	else if (!sbx_hidden_map_set(m, kind, number, value->text, value->len))
		r = sbx_err_set(err, SBX_E_INPUT,
			"%s or its value is there already, or there are too many",
			mark->text);
	sbx_doc_free(doc);
	return r;
}

int
sbx_hidden_map_load(struct hidden_map *m, const char *text, size_t len,
	struct sbx_err *err)
{
	size_t number = 0;
	const char *end;
	int r = SBX_OK;

	for (; len > 0 && r == SBX_OK; number++) {
		end = memchr(text, '\n', len);
		size_t n = end != NULL ? (size_t)(end - text) : len;

		if ((r = load_line(m, text, n, err)) != SBX_OK)
			sbx_err_at(err, "line %zu", number + 1);
		n += end != NULL;
		text += n;
		len -= n;
	}
	return r;
}

void
sbx_hidden_map_save(const struct hidden_map *m, struct sbx_buf *out)
{
	char mark[HIDDEN_MARK];

	for (size_t i = 0; i < m->count; i++) {
		struct sbx_doc *doc = sbx_doc_new();

		sbx_hidden_mark(mark, m->values[i].kind, m->values[i].number);
		sbx_json_add_str(doc, sbx_doc_root(doc), "hidden", mark);
		sbx_json_add_str(doc, sbx_doc_root(doc), "value",
			m->values[i].text);
		sbx_canon_write(out, sbx_doc_root(doc), NULL, NULL);
		sbx_buf_str(out, "\n");
		sbx_doc_free(doc);
	}
}
