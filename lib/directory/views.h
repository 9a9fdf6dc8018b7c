/* SPDX-License-Identifier: Apache-2.0 */
/* Private to lib/: the directory's views, in SQL. */
#ifndef SBX_VIEWS_H
#define SBX_VIEWS_H

#include "directory/directory.h"

enum sbx_column_kind {
	SBX_COLUMN_TEXT,
	SBX_COLUMN_ID, /* text; the view has its hash, idhash, beside it */
	SBX_COLUMN_INT,
	SBX_COLUMN_BOOL,
	SBX_COLUMN_JSON,
};

struct sbx_column {
	const char *name;
	enum sbx_column_kind kind;
	bool now; /* depends on the clock, or follows from what other columns
		   * do not show: no part of the state's digest */
};

struct sbx_view_def {
	const char *name; /* of the TEMP view */
	const char *sql;  /* its SELECT */
	struct sbx_column columns[16];
};

extern const char *const sbx_view_tables; /* what the views rest on */
extern const char *const sbx_view_folded, *const sbx_view_cached; /* and that */
extern const char *const sbx_view_called; /* did name sure: what to call whom */
extern const char *const sbx_view_wanted; /* v_sub of some identifiers alone */
extern const struct sbx_view_def sbx_view_defs[SBX_VIEWS];

#endif
