/* SPDX-License-Identifier: Apache-2.0 */
/* Private to lib/: a question on its way, and the legs of its answer. */
#ifndef SBX_CAN_H
#define SBX_CAN_H

#include "base/base.h"
#include "json/json.h"
#include "directory/directory.h"
#include "directory/state.h"

struct sbx_asked {
	struct sbx_state *st;
	const struct sbx_question *q;
	struct sbx_doc *doc;
	struct sbx_json *legs;
	struct sbx_buf subject; /* as people read it */
	char standing[16];	/* the subject's state */
	bool allowed;
};

struct sbx_leg {
	const char *name;
	bool holds;
	struct sbx_buf why, remedy;
	struct sbx_json *entries;
	struct sbx_json *json;
};

void sbx_leg_begin(struct sbx_asked *a, struct sbx_leg *l, const char *name);
void sbx_leg_entry(struct sbx_asked *a, struct sbx_leg *l, const char *id); /* or NULL */
void sbx_leg_end(struct sbx_asked *a, struct sbx_leg *l);

/* What it takes to use the service that the question's target names. */
int sbx_can_use(struct sbx_asked *a, struct sbx_err *err);
/* What it takes of the proposal that is the target. */
int sbx_can_vote(struct sbx_asked *a, struct sbx_err *err);

#endif
