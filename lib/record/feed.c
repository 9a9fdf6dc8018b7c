/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Entries out of a stream, one at a time: a peer's export may be far larger
 * than memory should be.  Only where an item begins and ends is decided here;
 * whether it is an entry is for sbx_entry_parse() to say.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/base.h"
#include "record/record.h"

enum form {
	FORM_UNKNOWN,
	FORM_LINES,
	FORM_ENTRIES, /* inside the array */
	FORM_TAIL,    /* behind it */
	FORM_END,
};

enum stop {
	STOP_END = -1,
	STOP_CONTROL = -2, /* a control byte in a string: not JSON */
};

struct sbx_feed {
	int fd;
	enum form form;
	bool broken, over, seen;
	int error; /* errno of a read(2) that failed */
	size_t lines, number;
	char key[16]; /* the name of a member of the outer object */
	size_t len, at, have;
	char item[SBX_MAX_LINE + 1];
	unsigned char chunk[16384];
};

static int
get(struct sbx_feed *f)
{
	ssize_t n;

	if (f->at == f->have) {
		if (f->error != 0)
			return STOP_END;
		do
			n = read(f->fd, f->chunk, sizeof(f->chunk));
		while (n < 0 && errno == EINTR);
		f->error = n < 0 ? errno : 0;
		if (n <= 0)
			return STOP_END;
		f->at = 0;
		f->have = (size_t)n;
	}
	return f->chunk[f->at++];
}

static void
keep(struct sbx_feed *f, int c)
{
	if (f->len < SBX_MAX_LINE)
		f->item[f->len++] = (char)c;
	else
		f->over = true;
}

/* The rest of the line, chunk by chunk: its newline, or STOP_END. */
static int
keep_line(struct sbx_feed *f)
{
	const unsigned char *from, *nl;
	size_t n, room;
	int c;

	for (;;) {
		from = f->chunk + f->at;
		n = f->have - f->at;
		if ((nl = memchr(from, '\n', n)) != NULL)
			n = (size_t)(nl - from);
		room = SBX_MAX_LINE - f->len;
		f->over |= n > room;
		memcpy(f->item + f->len, from, n < room ? n : room);
		f->len += n < room ? n : room;
		f->at += n;
		if ((c = get(f)) < 0 || c == '\n')
			return c;
		keep(f, c);
	}
}

/* The next byte that is no white space; what is passed over is counted. */
static int
skip(struct sbx_feed *f)
{
	int c;

	while ((c = get(f)) == ' ' || c == '\t' || c == '\r' || c == '\n')
		f->lines += c == '\n';
	return c;
}

static int
broken(struct sbx_feed *f, struct sbx_err *err, const char *why)
{
	f->broken = true;
	return sbx_err_set(err, SBX_E_INPUT, "%s", why);
}

/* Why get() has no more: 0 when the stream just ended. */
static int
ended(struct sbx_feed *f, struct sbx_err *err)
{
	if (f->error != 0) {
		f->broken = true;
		errno = f->error;
		return sbx_err_sys(err, "cannot read");
	}
	return 0;
}

/* From c to the ',' or closing bracket behind the value, which is returned.
 * Its grammar is not looked at: only strings and brackets hide the end. */
static int
scan(struct sbx_feed *f, int c, bool keeping)
{
	bool string = false;
	size_t depth = 0;

	for (;; c = get(f)) {
		if (!string && depth == 0 && (c == ',' || c == ']' || c == '}'))
			return c;
		if (string && c == '\\') {
			if (keeping)
				keep(f, c);
			c = get(f);
		} else if (c == '"') {
			string = !string;
		} else if (!string && (c == '[' || c == '{')) {
			depth++;
		} else if (!string && (c == ']' || c == '}')) {
			depth--;
		}
		if (c < 0)
			return STOP_END;
		if (string && c < 0x20)
			return STOP_CONTROL;
		if (keeping)
			keep(f, c);
	}
}

/* The rest of a name behind its opening quote; one that is too long for key
 * is none that matters. */
static bool
name(struct sbx_feed *f, bool keeping)
{
	size_t n = 0;
	int c;

	while ((c = get(f)) >= 0x20) {
		if (keeping)
			keep(f, c);
		if (c == '"')
			break;
		if (n < sizeof(f->key))
			f->key[n++] = (char)c;
		if (c == '\\' && (c = get(f)) >= 0x20 && keeping)
			keep(f, c);
	}
	f->key[n < sizeof(f->key) ? n : 0] = '\0';
	return c == '"';
}

/* Members of the outer object, from behind a name, up to "entries": 1, or to
 * the object's end: 0. */
static int
members(struct sbx_feed *f, struct sbx_err *err)
{
	int c;

	for (;;) {
		if (skip(f) != ':')
			return sbx_err_set(err, SBX_E_INPUT,
				"expected ':' in the outer object");
		c = skip(f);
		if (strcmp(f->key, "entries") == 0) {
			if (c != '[' || f->seen)
				return broken(f, err,
					f->seen ? "a second \"entries\""
						: "\"entries\" is no array");
			f->seen = true;
			return 1;
		}
		c = scan(f, c, false);
		if (c == '}')
			return 0;
		if (c != ',' || skip(f) != '"' || !name(f, false))
			return sbx_err_set(
				err, SBX_E_INPUT, "malformed outer object");
	}
}

static bool
entry_member(const char *key)
{
	static const char *const names[] = { "author", "author_pubkey", "op",
		"payload", "payload_type", "sig" };
	size_t i;

	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (strcmp(key, names[i]) == 0)
			return true;
	return false;
}

/*
 * The first name tells: an entry's own means JSON lines, another one the older
 * form.  Should that turn out to hold no entries it was just a bad first
 * line: report it, and go on behind it.
 */
static int
detect(struct sbx_feed *f, struct sbx_err *err)
{
	int c, r;

	f->form = FORM_LINES;
	if ((c = skip(f)) < 0)
		return ended(f, err);
	if (c == '<') {
		f->number = f->lines + 1;
		return broken(f, err, "a web page, not a log");
	}
	keep(f, c);
	if (c != '{')
		return 0;
	if ((c = skip(f)) < 0)
		return ended(f, err);
	keep(f, c);
	if (c != '"' || !name(f, true) || entry_member(f->key))
		return 0;
	r = members(f, err);
	if (r == 1) {
		f->form = FORM_ENTRIES;
		return 0;
	}
	if (f->broken)
		return r;
	if ((c = ended(f, err)) != 0)
		return c;
	if (r == 0)
		r = sbx_err_set(err, SBX_E_INPUT,
			"neither an entry nor an object with \"entries\"");
	f->number = f->lines + 1;
	for (c = f->chunk[f->at - 1]; c >= 0 && c != '\n';)
		c = get(f);
	f->lines++;
	return r;
}

static int
item_done(
	struct sbx_feed *f, const char **text, size_t *len, struct sbx_err *err)
{
	if (f->over)
		return sbx_err_set(
			err, SBX_E_INPUT, "longer than %d bytes", SBX_MAX_LINE);
	f->item[f->len] = '\0';
	*text = f->item;
	*len = f->len;
	return 1;
}

static int
next_line(
	struct sbx_feed *f, const char **text, size_t *len, struct sbx_err *err)
{
	int c = 0, r;

	if (f->len == 0) {
		if ((c = skip(f)) >= 0)
			keep(f, c);
	}
	f->number = f->lines + 1;
	if (c >= 0)
		c = keep_line(f);
	f->lines++;
	if (c < 0 && (r = ended(f, err)) != 0)
		return r;
	return f->len > 0 ? item_done(f, text, len, err) : 0;
}

static int
next_entry(
	struct sbx_feed *f, const char **text, size_t *len, struct sbx_err *err)
{
	int c, r;

	c = skip(f);
	if (c == ']' && f->number == 0) {
		f->form = FORM_TAIL;
		return 0;
	}
	f->number++;
	c = scan(f, c, true);
	if (c == STOP_END)
		return (r = ended(f, err)) != 0
			       ? r
			       : broken(f, err, "ends inside the entries");
	if (c == STOP_CONTROL)
		return broken(f, err, "control byte in a string");
	if (c == '}')
		return broken(f, err, "'}' where ',' or ']' should be");
	if (c == ']')
		f->form = FORM_TAIL;
	if (f->len == 0)
		return sbx_err_set(err, SBX_E_INPUT, "nothing between commas");
	return item_done(f, text, len, err);
}

/* What follows the array: more members, the end, and nothing then. */
static int
tail(struct sbx_feed *f, struct sbx_err *err)
{
	int c, r = 0;

	f->form = FORM_END;
	c = skip(f);
	if (c == ',') {
		r = skip(f) == '"' && name(f, false)
			    ? members(f, err)
			    : sbx_err_set(err, SBX_E_INPUT,
				      "malformed outer object");
		c = '}';
	}
	if (f->broken)
		return r;
	if (r == 0 && c == '}' && skip(f) < 0)
		return ended(f, err);
	if ((c = ended(f, err)) != 0)
		return c;
	return broken(f, err, "malformed after the entries");
}

int
sbx_feed_open(int fd, struct sbx_feed **feed, struct sbx_err *err)
{
	if (fd < 0)
		return sbx_err_set(err, SBX_E_SYS, "cannot read: not open");
	*feed = sbx_mem_alloc(1, sizeof(**feed));
	(*feed)->fd = fd;
	return 0;
}

int
sbx_feed_next(
	struct sbx_feed *f, const char **text, size_t *len, struct sbx_err *err)
{
	int r;

	if (f->broken || f->form == FORM_END)
		return 0;
	f->len = 0;
	f->over = false;
	if (f->form == FORM_UNKNOWN && (r = detect(f, err)) != 0)
		return r;
	if (f->form == FORM_LINES)
		return next_line(f, text, len, err);
	f->len = 0;
	if (f->form == FORM_ENTRIES) {
		r = next_entry(f, text, len, err);
		if (r != 0 || f->form != FORM_TAIL)
			return r;
	}
	return tail(f, err);
}

bool
sbx_feed_broken(const struct sbx_feed *f)
{
	return f->broken;
}

size_t
sbx_feed_number(const struct sbx_feed *f)
{
	return f->number;
}

void
sbx_feed_free(struct sbx_feed *f)
{
	free(f);
}
