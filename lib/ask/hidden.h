/* SPDX-License-Identifier: Apache-2.0 */
/* Private to lib/ask: what the parts of redaction share. */
#ifndef SBX_HIDDEN_H
#define SBX_HIDDEN_H

#include "ask/ask.h"

#define HIDDEN_MARK 32 /* bytes that a placeholder takes, with its NUL */

/* Each value has a number of its kind, from 1. */
struct hidden_map;

struct hidden_map *sbx_hidden_map_new(void);
void sbx_hidden_map_free(struct hidden_map *m);
/* The value's number, the same each time; 0: the map is full. */
size_t sbx_hidden_map_number(struct hidden_map *m, enum sbx_hidden kind,
	const char *value, size_t len);
/* The value of that number, or NULL. */
const char *sbx_hidden_map_value(const struct hidden_map *m, enum sbx_hidden kind,
	size_t number, size_t *len);
/* False: that number or that value has another already. */
bool sbx_hidden_map_set(struct hidden_map *m, enum sbx_hidden kind, size_t number,
	const char *value, size_t len);
int sbx_hidden_map_load(struct hidden_map *m, const char *text, size_t len,
	struct sbx_err *err);
void sbx_hidden_map_save(const struct hidden_map *m, struct sbx_buf *out);

void sbx_hidden_mark(char out[static HIDDEN_MARK], enum sbx_hidden kind,
	size_t number);
/* Read a placeholder at the beginning of text.  Its length; 0: there is none;
 * -1: there may be one, once more of the text is there. */
int sbx_hidden_mark_read(const char *text, size_t len, enum sbx_hidden *kind,
	size_t *number);

/* One row of the patterns: its only group is the value. */
struct hidden_pattern {
	enum sbx_hidden kind;
	const char *regex; /* PCRE2, extended syntax */
	/* Whether it is one; may cut its end.  NULL: it is. */
	bool (*check)(const char *value, size_t *len);
};
extern const struct hidden_pattern sbx_hidden_patterns[];
extern const size_t sbx_hidden_pattern_count;

#endif
