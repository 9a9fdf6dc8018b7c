/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A stream without what it must not give away.  Whole lines are decided at once;
 * of a line that is too long all but the last bytes are, since a value may go on
 * there.  Values are the one group of each pattern; the bytes around them stay.
 */
#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>
#include <stdlib.h>
#include <string.h>

#include "ask/hidden.h"

#define WINDOW	131072 /* bytes that wait to be decided, at most */
#define MARGIN	24576  /* of them that may be a value's beginning: a PEM block's */
#define BEHIND	64     /* bytes kept before, for what a pattern asks of them */
#define MAX_WORD 64

struct sbx_redact {
	pcre2_code *code;
	pcre2_match_data *match;
	pcre2_match_context *limits;
	struct hidden_map *map;
	struct sbx_buf wait; /* what is not decided, after done bytes that are */
	size_t done;
	bool inside; /* the last value went on to the end of what was there */
	bool binary; /* control bytes, or not UTF-8 */
	size_t count[SBX_HIDDEN_KINDS], lost;
	size_t unknown; /* placeholders without a value, of a restore */
	size_t words; /* patterns of one's own, before the table's */
};

static int
add_words(struct sbx_buf *regex, char *const *words, size_t count,
	struct sbx_err *err)
{
	if (count > SBX_MAX_WORDS)
		return sbx_err_set(err, SBX_E_USAGE, "more than %d words",
			SBX_MAX_WORDS);
	sbx_buf_str(regex, "(?i:(?<!\\w)(");
	for (size_t i = 0; i < count; i++) {
		if (words[i][0] == '\0' || strlen(words[i]) > MAX_WORD ||
			strstr(words[i], "\\E") != NULL)
			return sbx_err_set(err, SBX_E_USAGE,
				"word %zu: empty, longer than %d bytes, or with "
				"\\E in it", i + 1, MAX_WORD);
		sbx_buf_fmt(regex, "%s\\Q%s\\E", i > 0 ? "|" : "", words[i]);
	}
	sbx_buf_str(regex, ")(?!\\w))|");
	return SBX_OK;
}

static int
compile(struct sbx_redact *r, char *const *words, size_t count,
	struct sbx_err *err)
{
	struct sbx_buf regex = SBX_BUF(1u << 20);
	char why[120];
	PCRE2_SIZE at;
	int code, e = SBX_OK;

	r->words = count > 0;
	if (count > 0 && (e = add_words(&regex, words, count, err)) != SBX_OK)
		goto out;
	for (size_t i = 0; i < sbx_hidden_pattern_count; i++)
		sbx_buf_fmt(&regex, "%s%s", i > 0 ? "|" : "",
			sbx_hidden_patterns[i].regex);
	r->code = pcre2_compile((PCRE2_SPTR)sbx_buf_text(&regex), regex.len, 0,
		&code, &at, NULL);
	if (r->code == NULL) {
		pcre2_get_error_message(code, (PCRE2_UCHAR *)why, sizeof(why));
		e = sbx_err_set(err, SBX_E_USAGE, "the patterns at byte %zu: %s",
			(size_t)at, why);
		goto out;
	}
	pcre2_jit_compile(r->code, PCRE2_JIT_COMPLETE); /* slower without */
	r->match = pcre2_match_data_create_from_pattern(r->code, NULL);
	r->limits = pcre2_match_context_create(NULL);
	if (r->match == NULL || r->limits == NULL)
		sbx_mem_out();
	pcre2_set_match_limit(r->limits, 10000000);
out:
	sbx_buf_free(&regex);
	return e;
}

int
sbx_redact_open(struct sbx_redact **out, char *const *words, size_t count,
	struct sbx_err *err)
{
	struct sbx_redact *r = sbx_mem_alloc(1, sizeof(*r));
	int e;

	r->wait.max = 2 * WINDOW;
	r->map = sbx_hidden_map_new();
	if ((e = compile(r, words, count, err)) == SBX_OK)
		*out = r;
	else
		sbx_redact_free(r);
	return e;
}

void
sbx_redact_free(struct sbx_redact *r)
{
	if (r == NULL)
		return;
	pcre2_match_context_free(r->limits);
	pcre2_match_data_free(r->match);
	pcre2_code_free(r->code);
	sbx_hidden_map_free(r->map);
	sbx_buf_free(&r->wait);
	free(r);
}

/* ---- what can be decided ----------------------------------------------- */

static const char *
find_last(const char *text, size_t len, const char *what)
{
	const char *last = NULL, *at = text;

	while ((at = memmem(at, len - (size_t)(at - text), what,
			strlen(what))) != NULL)
		last = at++;
	return last;
}

/* Whether the block that begins with text may go on after its len bytes. */
static bool
pem_open(const char *text, size_t len)
{
	const char *end = find_last(text, len, "-----END ");

	if (end != NULL)
		end = find_last(end + 5, len - (size_t)(end + 5 - text), "-----");
	return end == NULL || end + 5 == text + len;
}

/* How far the text is whole: up to the last line's end, and not into a PEM
 * block that has no end yet. */
static size_t
whole(const struct sbx_redact *r)
{
	const char *text = r->wait.data + r->done, *nl, *pem;
	size_t len = r->wait.len - r->done, upto;

	if (len == 0)
		return r->done;
	nl = memrchr(text, '\n', len);
	upto = nl != NULL ? (size_t)(nl - text) + 1 : 0;
	pem = find_last(text, len, "-----BEGIN ");
	if (pem != NULL && pem_open(pem, len - (size_t)(pem - text)) &&
		upto > (size_t)(pem - text))
		upto = (size_t)(pem - text);
	if (len >= WINDOW - MARGIN && upto < len - MARGIN)
		upto = len - MARGIN;
	return r->done + upto;
}

/* ---- deciding ------------------------------------------------------------ */

static void
hide(struct sbx_redact *r, enum sbx_hidden kind, const char *value, size_t len,
	struct sbx_buf *out, bool lost)
{
	size_t number = lost ? 0 : sbx_hidden_map_number(r->map, kind, value, len);
	char mark[HIDDEN_MARK];

	r->count[kind]++;
	r->lost += number == 0;
	sbx_hidden_mark(mark, kind, number);
	sbx_buf_str(out, mark);
}

/* The value that was found, as *from and *to; false: it is none. */
static bool
take_value(const struct sbx_redact *r, int groups, enum sbx_hidden *kind,
	size_t *from, size_t *to)
{
	const PCRE2_SIZE *at = pcre2_get_ovector_pointer(r->match);
	const struct hidden_pattern *p;
	size_t len;

	for (int g = 1; g < groups; g++) {
		if (at[2 * g] == PCRE2_UNSET)
			continue;
		*from = at[2 * g];
		*to = at[2 * g + 1];
		if (r->words == 1 && g == 1) {
			*kind = SBX_HIDDEN_NAME;
			return true;
		}
		p = &sbx_hidden_patterns[(size_t)g - 1 - r->words];
		*kind = p->kind;
		len = *to - *from;
		if (p->check != NULL && !p->check(r->wait.data + *from, &len))
			return false;
		*to = *from + len;
		return len > 0;
	}
	return false;
}

/* Bytes of a value so long that its beginning was hidden before they came. */
static void
skip_rest(struct sbx_redact *r)
{
	const char *text = r->wait.data;

	while (r->done < r->wait.len && strchr("\n\r\t \"'<>", text[r->done]) == NULL)
		r->done++;
	r->inside = r->done == r->wait.len;
}

static void
decide(struct sbx_redact *r, size_t upto, bool end, struct sbx_buf *out)
{
	const char *text = r->wait.data;
	size_t from = 0, to = 0, start, search = r->done;
	enum sbx_hidden kind;
	int n;

	while (search < upto) {
		n = pcre2_match(r->code, (PCRE2_SPTR)text, r->wait.len, search,
			PCRE2_NO_UTF_CHECK, r->match, r->limits);
		if (n < 0 && n != PCRE2_ERROR_NOMATCH) { /* never for text */
			hide(r, SBX_HIDDEN_TOKEN, text, 0, out, true);
			r->done = upto;
			return;
		}
		start = n < 0 ? upto : pcre2_get_ovector_pointer(r->match)[0];
		if (start >= upto)
			break;
		if (!take_value(r, n, &kind, &from, &to)) {
			search = start + 1;
			continue;
		}
		sbx_buf_add(out, text + r->done, from - r->done);
		r->inside = !end && to == r->wait.len;
		hide(r, kind, text + from, to - from, out, r->inside);
		r->done = search = to;
	}
	if (r->done < upto) {
		sbx_buf_add(out, text + r->done, upto - r->done);
		r->done = upto;
	}
}

/* Only text can be said to have nothing in it. */
static void
look_at(struct sbx_redact *r, const char *text, size_t len)
{
	uint32_t cp;
	size_t n;

	for (size_t at = 0; at < len && !r->binary; at += n) {
		n = sbx_utf8_read(text + at, len - at, &cp);
		r->binary = n == 0 || (cp < 32 && cp != '\n' && cp != '\t' &&
			cp != '\r') || cp == 127;
	}
}

/* Bytes that are decided go, but for those a pattern may look back at. */
static void
forget(struct sbx_redact *r)
{
	size_t drop = r->done > BEHIND ? r->done - BEHIND : 0;

	memmove(r->wait.data, r->wait.data + drop, r->wait.len - drop);
	r->wait.len -= drop;
	r->done -= drop;
}

int
sbx_redact_feed(struct sbx_redact *r, const char *data, size_t len, bool end,
	struct sbx_buf *out, struct sbx_err *err)
{
	size_t n, upto, before;

	do {
		n = WINDOW - (r->wait.len - r->done);
		n = len < n ? len : n;
		sbx_buf_add(&r->wait, data, n);
		data += n;
		len -= n;
		if (r->inside)
			skip_rest(r);
		upto = end && len == 0 ? r->wait.len : whole(r);
		before = r->done;
		if (upto > before) {
			look_at(r, r->wait.data + before, upto - before);
			decide(r, upto, end && len == 0, out);
		}
		if (r->wait.len > 0)
			forget(r);
	} while (len > 0);
	if (out->over)
		return sbx_err_set(err, SBX_E_INPUT, "more than %zu bytes",
			out->max);
	return SBX_OK;
}

/* ---- and back -------------------------------------------------------------- */

int
sbx_redact_restore(struct sbx_redact *r, const char *data, size_t len, bool end,
	struct sbx_buf *out, size_t *unknown, struct sbx_err *err)
{
	const char *text, *value;
	size_t at = 0, number, vlen, stop;
	enum sbx_hidden kind;
	int n;

	sbx_buf_add(&r->wait, data, len);
	if (r->wait.over)
		return sbx_err_set(err, SBX_E_USAGE, "too much at a time");
	text = r->wait.data;
	while (at < r->wait.len) {
		value = memchr(text + at, '<', r->wait.len - at);
		stop = value != NULL ? (size_t)(value - text) : r->wait.len;
		sbx_buf_add(out, text + at, stop - at);
		if ((at = stop) == r->wait.len)
			break;
		n = sbx_hidden_mark_read(text + at, r->wait.len - at, &kind, &number);
		if (n < 0 && !end)
			break;
		value = n > 0 ? sbx_hidden_map_value(r->map, kind, number, &vlen) :
			NULL;
		if (value != NULL)
			sbx_buf_add(out, value, vlen);
		else
			sbx_buf_add(out, text + at, n > 0 ? (size_t)n : 1);
		r->unknown += n > 0 && value == NULL;
		at += n > 0 ? (size_t)n : 1;
	}
	if (at > 0) {
		memmove(r->wait.data, r->wait.data + at, r->wait.len - at);
		r->wait.len -= at;
	}
	if (end)
		*unknown = r->unknown;
	return SBX_OK;
}

int
sbx_redact_load(struct sbx_redact *r, const char *text, size_t len,
	struct sbx_err *err)
{
	return sbx_hidden_map_load(r->map, text, len, err);
}

void
sbx_redact_save(const struct sbx_redact *r, struct sbx_buf *out)
{
	sbx_hidden_map_save(r->map, out);
}

size_t
sbx_redact_count(const struct sbx_redact *r, enum sbx_hidden kind)
{
	return r->count[kind];
}

size_t
sbx_redact_lost(const struct sbx_redact *r)
{
	return r->lost;
}

enum sbx_class
sbx_redact_class(const struct sbx_redact *r)
{
	if (r->binary)
		return SBX_CLASS_LOCAL_ONLY;
	for (size_t i = 0; i < SBX_HIDDEN_KINDS; i++)
		if (i != SBX_HIDDEN_TEXT && r->count[i] > 0)
			return SBX_CLASS_LOCAL_ONLY;
	return r->count[SBX_HIDDEN_TEXT] > 0 ? SBX_CLASS_SANITIZED :
		SBX_CLASS_CLOUD_DIRECT;
}

const char *
sbx_class_name(enum sbx_class c)
{
	static const char *const classes[] = { "cloud_direct", "sanitized",
		"local_only" };

	return classes[c];
}
