/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The bytes that are signed: CPython's json.dumps(x, sort_keys=True,
 * separators=(",", ":")).  Not RFC 8785, which sorts by UTF-16 units, leaves
 * UTF-8 bare and writes 1.0 as 1.
 */
#include <locale.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/base.h"
#include "json/json.h"
#include "json/doc.h"

#define INT_BOUND (INT64_C(1) << 53) /* beyond it a double loses units */
#define DIGITS    17                 /* enough for any double */
#define LEXEME    32                 /* longer than any shortest form */

struct canon {
	struct sbx_buf *out;
	const char *const *fractions;
	size_t depth;
	struct sbx_err *err;
};

static int
refuse(const struct canon *c, const struct sbx_json *v, const char *what)
{
	if (sbx_doc_at(v) == 0)
		return sbx_err_set(c->err, SBX_E_INPUT, "%s", what);
	return sbx_err_set(
		c->err, SBX_E_INPUT, "%s at byte %zu", what, sbx_doc_at(v));
}

static void
write_escape(struct sbx_buf *out, uint32_t cp)
{
	static const char from[] = "\"\\\b\f\n\r\t", to[] = "\"\\bfnrt";
	const char *which;

	which = cp < 0x80 ? memchr(from, (int)cp, sizeof(from) - 1) : NULL;
	if (which != NULL) {
		sbx_buf_fmt(out, "\\%c", to[which - from]);
	} else if (cp < 0x10000) {
		sbx_buf_fmt(out, "\\u%04x", cp);
	} else {
		cp -= 0x10000;
		sbx_buf_fmt(out, "\\u%04x\\u%04x", 0xd800 + (cp >> 10),
			0xdc00 + (cp & 0x3ff));
	}
}

/* False: not UTF-8, which only a document that was built can hold. */
static bool
write_string(struct sbx_buf *out, const char *text, size_t len)
{
	size_t n, at = 0, plain = 0;
	uint32_t cp;

	sbx_buf_add(out, "\"", 1);
	while ((at += sbx_doc_plain(text + at, len - at)) < len) {
		if ((n = sbx_utf8_read(text + at, len - at, &cp)) == 0)
			return false;
		/* DEL too: CPython escapes all but space to tilde */
		if (cp < 0x20 || cp > 0x7e || cp == '"' || cp == '\\') {
			sbx_buf_add(out, text + plain, at - plain);
			write_escape(out, cp);
			plain = at + n;
		}
		at += n;
	}
	sbx_buf_add(out, text + plain, at - plain);
	sbx_buf_add(out, "\"", 1);
	return true;
}

/* "d.ddde+XX" one unit higher in its last digit; false when it would need one
 * digit more, which fewer digits have then tried already. */
static bool
step_up(char *text)
{
	char *p = strchr(text, 'e') - 1;

	for (; p >= text; p--) {
		if (*p == '.')
			continue;
		if (*p != '9') {
			(*p)++;
			return true;
		}
		*p = '0';
	}
	return false;
}

/*
 * The fewest digits that read back as d.  printf's are the nearest to d; but
 * above a power of two doubles are twice as far apart as below it, so that the
 * nearest, below, may miss d where the next, above, is not yet past it.
 */
static void
shortest(char out[static LEXEME], double d)
{
	int digits;

	for (digits = 0; digits < DIGITS; digits++) {
		snprintf(out, LEXEME, "%.*e", digits, d);
		if (strtod(out, NULL) == d)
			return;
		if (step_up(out) && strtod(out, NULL) == d)
			return;
	}
}

/* CPython's repr(d): an exponent below 1e-04 and from 1e+16, else none. */
static void
repr(struct sbx_buf *out, double d)
{
	static const char zeros[] = "000000000000000";
	char sci[LEXEME], *e, *s = sci;
	int exp, n;

	shortest(sci, fabs(d));
	e = strchr(sci, 'e');
	exp = atoi(e + 1);
	*e = '\0';
	if (s[1] == '.') { /* "d.ddd": the digits alone, from s */
		s[1] = s[0];
		s++;
	}
	n = (int)strlen(s);
	if (signbit(d))
		sbx_buf_str(out, "-");
	if (exp < -4 || exp >= 16)
		sbx_buf_fmt(out, "%c%s%se%+03d", s[0], n > 1 ? "." : "", s + 1,
			exp);
	else if (exp < 0)
		sbx_buf_fmt(out, "0.%.*s%s", -exp - 1, zeros, s);
	else if (n > exp + 1)
		sbx_buf_fmt(out, "%.*s.%s", exp + 1, s, s + exp + 1);
	else
		sbx_buf_fmt(out, "%s%.*s.0", s, exp + 1 - n, zeros);
}

bool
sbx_canon_fraction(const char *lexeme, size_t len)
{
	struct sbx_buf form = SBX_BUF(LEXEME);
	char text[LEXEME];
	locale_t c, old;
	double d;
	bool same;

	if (len >= sizeof(text))
		return false;
	memcpy(text, lexeme, len);
	text[len] = '\0';
	/* a program's locale may write the point as a comma */
	c = newlocale(LC_NUMERIC_MASK, "C", (locale_t)0);
	if (c == (locale_t)0)
		return false;
	old = uselocale(c);
	d = strtod(text, NULL);
	if (isfinite(d))
		repr(&form, d);
	uselocale(old);
	freelocale(c);
	same = strcmp(text, sbx_buf_text(&form)) == 0 && len > 0;
	sbx_buf_free(&form);
	return same;
}

static int
write_number(struct canon *c, const struct sbx_json *v, bool fraction)
{
	int64_t n;

	if (v->text == NULL)
		return refuse(c, v, "number without digits");
	if (strcmp(v->text, "-0") == 0)
		return refuse(c, v, "negative zero");
	if (strpbrk(v->text, ".eE") != NULL) {
		if (!fraction)
			return refuse(c, v, "number is not an integer");
		if (!sbx_canon_fraction(v->text, v->len))
			return refuse(
				c, v, "fraction is not in its shortest form");
	} else if (!sbx_json_int(v, -INT_BOUND + 1, INT_BOUND - 1, &n)) {
		return refuse(c, v, "number is not below 2^53");
	}
	sbx_buf_add(c->out, v->text, v->len);
	return 0;
}

static bool
listed(const char *const *names, const char *key)
{
	for (; names != NULL && *names != NULL; names++)
		if (strcmp(*names, key) == 0)
			return true;
	return false;
}

static int write_value(
	struct canon *c, const struct sbx_json *v, bool fraction);

static int
write_array(struct canon *c, const struct sbx_json *v)
{
	const struct sbx_json *item;
	int r;

	sbx_buf_add(c->out, "[", 1);
	for (item = v->child; item != NULL; item = item->next) {
		if (item != v->child)
			sbx_buf_add(c->out, ",", 1);
		if ((r = write_value(c, item, false)) != 0)
			return r;
	}
	sbx_buf_add(c->out, "]", 1);
	return 0;
}

static int
write_member(struct canon *c, const struct sbx_json *v)
{
	if (!write_string(c->out, v->key, v->keylen))
		return refuse(c, v, "bad UTF-8");
	sbx_buf_add(c->out, ":", 1);
	return write_value(c, v, v->type == SBX_JSON_NUMBER &&
					 listed(c->fractions, v->key));
}

static int
write_object(struct canon *c, const struct sbx_json *v)
{
	const struct sbx_json **list = NULL, *m = v->child, *twice = NULL;
	int r = 0;

	if (!sbx_doc_in_order(v))
		list = sbx_doc_sorted(v, &twice);
	if (twice != NULL)
		r = refuse(c, twice, "duplicate key");
	sbx_buf_add(c->out, "{", 1);
	for (size_t i = 0; i < v->count && r == 0; i++) {
		if (i > 0)
			sbx_buf_add(c->out, ",", 1);
		r = write_member(c, list != NULL ? list[i] : m);
		m = m->next;
	}
	sbx_buf_add(c->out, "}", 1);
	free(list);
	return r;
}

static int
write_value(struct canon *c, const struct sbx_json *v, bool fraction)
{
	int r;

	switch (v->type) {
	case SBX_JSON_NULL:
		sbx_buf_str(c->out, "null");
		return 0;
	case SBX_JSON_BOOL:
		sbx_buf_str(c->out, v->yes ? "true" : "false");
		return 0;
	case SBX_JSON_NUMBER:
		return write_number(c, v, fraction);
	case SBX_JSON_STRING:
		if (!write_string(c->out, v->text, v->len))
			return refuse(c, v, "bad UTF-8");
		return 0;
	case SBX_JSON_ARRAY:
	case SBX_JSON_OBJECT:
		break;
	}
	if (++c->depth > SBX_MAX_DEPTH)
		return refuse(c, v, "nested too deep");
	r = v->type == SBX_JSON_ARRAY ? write_array(c, v) : write_object(c, v);
	c->depth--;
	return r;
}

int
sbx_canon_write(struct sbx_buf *out, const struct sbx_json *v,
	const char *const *fractions, struct sbx_err *err)
{
	struct canon c = { .out = out, .fractions = fractions, .err = err };
	size_t start = out->len;
	int r;

	r = write_value(&c, v, false);
	if (r == 0 && out->over)
		r = sbx_err_set(err, SBX_E_INPUT,
			"canonical form is longer than %zu bytes", out->max);
	if (r != 0 && out->data != NULL) {
		out->len = start;
		out->data[start] = '\0';
	}
	return r;
}
