/* SPDX-License-Identifier: Apache-2.0 */
/*
 * RFC 8259, and stricter where two readers could differ: what is signed must
 * have one meaning only.
 */
#include <stdlib.h>
#include <string.h>

#include "base/base.h"
#include "json/json.h"
#include "json/doc.h"

struct parser {
	char *text; /* the document's own */
	size_t len, at;
	size_t depth, keys; /* in use */
	size_t odd; /* things that may not be as the canonical form has them */
	const struct sbx_json_limits *max;
	struct sbx_doc *doc;
	struct sbx_err *err;
};

static int value(struct parser *p, struct sbx_json *v);

/* Bytes are counted from 1, as cut -b and head -c count them. */
static int
refuse(const struct parser *p, const char *what, size_t at)
{
	return sbx_err_set(p->err, SBX_E_INPUT, "%s at byte %zu", what, at + 1);
}

static int
unexpected(const struct parser *p, const char *wanted)
{
	if (p->at >= p->len)
		return refuse(p, "unexpected end", p->len);
	return sbx_err_set(p->err, SBX_E_INPUT, "expected %s at byte %zu",
		wanted, p->at + 1);
}

static int
peek(const struct parser *p)
{
	return p->at < p->len ? (unsigned char)p->text[p->at] : -1;
}

static void
space(struct parser *p)
{
	const char *s = p->text;
	size_t start = p->at;

	if (start < p->len && s[start] > ' ')
		return;
	while (p->at < p->len && (s[p->at] == ' ' || s[p->at] == '\t' ||
					 s[p->at] == '\n' || s[p->at] == '\r'))
		p->at++;
	p->odd += p->at - start;
}

static bool
digits(struct parser *p)
{
	size_t start = p->at;

	while (peek(p) >= '0' && peek(p) <= '9')
		p->at++;
	return p->at > start;
}

/* A fraction may be in another form than its shortest, "-0" is none. */
#define PLAIN_DIGITS 15 /* below 2^53 whatever they are */

static int
number(struct parser *p, struct sbx_json *v)
{
	size_t start = p->at;
	bool ok, whole;

	if (peek(p) == '-')
		p->at++;
	if (peek(p) == '0') {
		p->at++;
		ok = true;
	} else {
		ok = digits(p);
	}
	whole = peek(p) != '.' && peek(p) != 'e' && peek(p) != 'E';
	if (ok && peek(p) == '.') {
		p->at++;
		ok = digits(p);
	}
	if (ok && (peek(p) == 'e' || peek(p) == 'E')) {
		p->at++;
		if (peek(p) == '+' || peek(p) == '-')
			p->at++;
		ok = digits(p);
	}
	if (!ok)
		return unexpected(p, "a digit");
	if (peek(p) >= '0' && peek(p) <= '9')
		return refuse(p, "leading zero in a number", start);
	v->type = SBX_JSON_NUMBER;
	v->len = p->at - start;
	v->text = sbx_doc_text(p->doc, p->text + start, v->len);
	p->odd += !whole || v->len > PLAIN_DIGITS || strcmp(v->text, "-0") == 0;
	return 0;
}

static bool
hex4(const struct parser *p, size_t at, uint32_t *cp)
{
	const char *digit, *hex = "0123456789abcdef";
	size_t i;

	if (p->len - at < 4)
		return false;
	*cp = 0;
	for (i = 0; i < 4; i++) {
		/* | 0x20 makes A-F lower case, and a control byte a digit */
		if ((unsigned char)p->text[at + i] < '0' ||
			(digit = strchr(hex, p->text[at + i] | 0x20)) == NULL)
			return false;
		*cp = *cp << 4 | (uint32_t)(digit - hex);
	}
	return true;
}

static size_t
utf8_write(char *out, uint32_t cp)
{
	unsigned char *s = (unsigned char *)out;

	if (cp < 0x80) {
		s[0] = (unsigned char)cp;
		return 1;
	}
	if (cp < 0x800) {
		s[0] = (unsigned char)(0xc0 | cp >> 6);
		s[1] = 0x80 | (cp & 0x3f);
		return 2;
	}
	if (cp < 0x10000) {
		s[0] = (unsigned char)(0xe0 | cp >> 12);
		s[1] = 0x80 | (cp >> 6 & 0x3f);
		s[2] = 0x80 | (cp & 0x3f);
		return 3;
	}
	s[0] = (unsigned char)(0xf0 | cp >> 18);
	s[1] = 0x80 | (cp >> 12 & 0x3f);
	s[2] = 0x80 | (cp >> 6 & 0x3f);
	s[3] = 0x80 | (cp & 0x3f);
	return 4;
}

/* \uXXXX, p->at behind the u; a surrogate needs its other half at once. */
static int
escape_u(struct parser *p, char **out)
{
	size_t at = p->at - 2;
	uint32_t cp, low;

	if (!hex4(p, p->at, &cp))
		return refuse(p, "bad \\u escape", at);
	p->at += 4;
	if (cp == 0)
		return refuse(p, "NUL in a string", at);
	if (cp >= 0xdc00 && cp <= 0xdfff)
		return refuse(p, "lone surrogate", at);
	if (cp >= 0xd800 && cp <= 0xdbff) {
		if (p->len - p->at < 6 || p->text[p->at] != '\\' ||
			p->text[p->at + 1] != 'u' ||
			!hex4(p, p->at + 2, &low) || low < 0xdc00 ||
			low > 0xdfff)
			return refuse(p, "lone surrogate", at);
		p->at += 6;
		cp = 0x10000 + ((cp - 0xd800) << 10) + (low - 0xdc00);
	}
	*out += utf8_write(*out, cp);
	return 0;
}

static int
escape(struct parser *p, char **out)
{
	static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
	const char *which;
	int c;

	p->at++;
	c = peek(p);
	if (c < 0)
		return unexpected(p, "an escape");
	p->at++;
	if (c == 'u')
		return escape_u(p, out);
	which = memchr(from, c, sizeof(from) - 1);
	if (which == NULL)
		return refuse(p, "bad escape", p->at - 2);
	*(*out)++ = to[which - from];
	return 0;
}

/* The rest of one with escapes or beyond ASCII, or of none: in its place, since
 * no escape is shorter than what it stands for. */
static int
string_rest(struct parser *p, char **out)
{
	uint32_t cp;
	size_t n;
	int c, r;

	p->odd++;
	while ((c = peek(p)) != '"') {
		if (c < 0)
			return refuse(p, "unexpected end", p->len);
		if (c == '\\') {
			if ((r = escape(p, out)) != 0)
				return r;
			continue;
		}
		if (c == 0)
			return refuse(p, "NUL in a string", p->at);
		if (c < 0x20)
			return refuse(p, "control byte in a string", p->at);
		n = sbx_utf8_read(p->text + p->at, p->len - p->at, &cp);
		if (n == 0)
			return refuse(p, "bad UTF-8", p->at);
		memmove(*out, p->text + p->at, n);
		*out += n;
		p->at += n;
	}
	return 0;
}

/* It stays where it is, and its closing quote becomes its NUL. */
static int
string(struct parser *p, const char **text, size_t *len)
{
	char *start, *end;
	int r;

	if (peek(p) != '"')
		return unexpected(p, "a string");
	start = p->text + ++p->at;
	end = start + sbx_doc_plain(start, p->len - p->at);
	p->at = (size_t)(end - p->text);
	if (peek(p) != '"' && (r = string_rest(p, &end)) != 0)
		return r;
	p->at++;
	*end = '\0';
	*text = start;
	*len = (size_t)(end - start);
	return 0;
}

static int
literal(struct parser *p, struct sbx_json *v)
{
	static const struct {
		const char *word;
		enum sbx_json_type type;
		bool yes;
	} words[] = {
		{ "null", SBX_JSON_NULL, false },
		{ "true", SBX_JSON_BOOL, true },
		{ "false", SBX_JSON_BOOL, false },
	};
	size_t i, len;

	for (i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		len = strlen(words[i].word);
		if (p->len - p->at < len ||
			memcmp(p->text + p->at, words[i].word, len) != 0)
			continue;
		p->at += len;
		v->type = words[i].type;
		v->yes = words[i].yes;
		return 0;
	}
	return unexpected(p, "a value");
}

static int
member(struct parser *p, struct sbx_json *obj)
{
	struct sbx_json *v = sbx_doc_append(p->doc, obj, p->at + 1);
	int r;

	/* before the string: the 257th name costs nothing */
	if (++p->keys > p->max->keys)
		return refuse(p, "too many keys", p->at);
	if ((r = string(p, &v->key, &v->keylen)) != 0)
		return r;
	space(p);
	if (peek(p) != ':')
		return unexpected(p, "':'");
	p->at++;
	return value(p, v);
}

/* The items of an array or object, p->at behind its bracket. */
static int
items(struct parser *p, struct sbx_json *v, int close)
{
	int r;

	space(p);
	if (peek(p) == close) {
		p->at++;
		return 0;
	}
	for (;;) {
		space(p);
		r = v->type == SBX_JSON_OBJECT
			    ? member(p, v)
			    : value(p, sbx_doc_append(p->doc, v, p->at + 1));
		if (r != 0)
			return r;
		space(p);
		if (peek(p) == close) {
			p->at++;
			return 0;
		}
		if (peek(p) != ',')
			return unexpected(
				p, close == '}' ? "',' or '}'" : "',' or ']'");
		p->at++;
	}
}

static int
container(struct parser *p, struct sbx_json *v, int close)
{
	const struct sbx_json **list, *twice = NULL;
	size_t start = p->at, odd = p->odd;
	int r;

	if (++p->depth > p->max->depth)
		return refuse(p, "nested too deep", p->at);
	v->type = close == '}' ? SBX_JSON_OBJECT : SBX_JSON_ARRAY;
	p->at++;
	if ((r = items(p, v, close)) != 0)
		return r;
	p->depth--;
	/* Sorted, not each against each: keys may be many.  After unescaping:
	 * "\u0061" is "a". */
	if (v->type == SBX_JSON_OBJECT && !sbx_doc_in_order(v)) {
		list = sbx_doc_sorted(v, &twice);
		free(list);
		p->odd++;
	}
	if (p->odd == odd)
		sbx_doc_canonical(v, start, p->at - start);
	return twice != NULL ? refuse(p, "duplicate key", sbx_doc_at(twice) - 1)
			     : 0;
}

static int
value(struct parser *p, struct sbx_json *v)
{
	const char *text;
	size_t len;
	int c, r;

	space(p);
	c = peek(p);
	switch (c) {
	case '{':
		return container(p, v, '}');
	case '[':
		return container(p, v, ']');
	case '"':
		if ((r = string(p, &text, &len)) != 0)
			return r;
		v->type = SBX_JSON_STRING;
		v->text = text;
		v->len = len;
		return 0;
	default:
		if (c == '-' || (c >= '0' && c <= '9'))
			return number(p, v);
		return literal(p, v);
	}
}

static int
document(struct parser *p)
{
	int r;

	if (p->len >= 3 && memcmp(p->text, "\xef\xbb\xbf", 3) == 0)
		return refuse(p, "byte order mark", 0);
	if ((r = value(p, sbx_doc_root(p->doc))) != 0)
		return r;
	space(p);
	return p->at == p->len ? 0 : refuse(p, "trailing bytes", p->at);
}

int
sbx_json_parse(const char *text, size_t len,
	const struct sbx_json_limits *limits, struct sbx_doc **doc,
	struct sbx_err *err)
{
	static const struct sbx_json_limits usual = { SBX_MAX_LINE,
		SBX_MAX_DEPTH, SBX_MAX_KEYS };
	struct parser p = { .len = len,
		.max = limits != NULL ? limits : &usual,
		.err = err };
	int r;

	if (len > p.max->bytes)
		return sbx_err_set(err, SBX_E_INPUT, "longer than %zu bytes",
			p.max->bytes);
	p.doc = sbx_doc_new();
	p.text = sbx_doc_source(p.doc, text, len);
	r = document(&p);
	if (r == 0)
		*doc = p.doc;
	else
		sbx_doc_free(p.doc);
	return r;
}
