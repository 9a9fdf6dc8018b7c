/* SPDX-License-Identifier: Apache-2.0 */
/* The files of a part's journal, and the pieces of an apply. */
#ifndef SBX_JOURNAL_H
#define SBX_JOURNAL_H

#include "base/base.h"
#include "json/json.h"
#include "apply/plan.h"

/* How the last apply left a thing. */
struct sbx_applied {
	char *kind, *of;
	unsigned char hash[SBX_HASH_BYTES]; /* see sbx_live_hash */
};

void sbx_live_hash(unsigned char out[static SBX_HASH_BYTES],
	const struct sbx_live *l);

/* A file of the journal, whole.  get: SBX_E_NO when there is none. */
int sbx_journal_put(const struct sbx_plan *p, const char *name,
	const struct sbx_buf *b, struct sbx_err *err);
int sbx_journal_get(const struct sbx_plan *p, const char *name,
	struct sbx_buf *b, struct sbx_err *err);
/* Append doc as a line, and free it; the next line, or NULL. */
void sbx_journal_line(struct sbx_buf *b, struct sbx_doc *doc);
struct sbx_doc *sbx_journal_next(const struct sbx_buf *b, size_t *at);

char *sbx_journal_path(const struct sbx_plan *p, const char *name);
/* The plan's id, steps and commands, to PART/name and from there.  load: into a
 * plan without any; SBX_E_NO when there is no such file. */
int sbx_journal_save(
	const struct sbx_plan *p, const char *name, struct sbx_err *err);
int sbx_journal_load(struct sbx_plan *p, const char *name, struct sbx_err *err);
/* The words that name is to be recovered by. */
int sbx_journal_argv(const struct sbx_part *part, char ***argv,
	struct sbx_err *err);
void sbx_journal_argv_free(char **argv);
/* The words in `pending`, the first one absolute; argv is the caller's. */
int sbx_journal_recover(const struct sbx_plan *p, char ***argv,
	struct sbx_err *err);
void sbx_plan_id(struct sbx_plan *p); /* a new one */
void sbx_plan_clear(struct sbx_plan *p); /* steps and commands */
struct sbx_step *sbx_plan_step(struct sbx_plan *p,
	const struct sbx_step_kind *kind, const char *of, size_t len);
const struct sbx_step_kind *sbx_plan_kind(
	const struct sbx_plan *p, const char *name);

int sbx_applied_load(struct sbx_plan *p, struct sbx_err *err);
/* With the plan's steps as they ended, and its id. */
int sbx_applied_save(struct sbx_plan *p, struct sbx_err *err);
const struct sbx_applied *sbx_applied_find(
	const struct sbx_plan *p, const char *kind, const char *of);

/* What pending is; left: seconds of WAITING, 0 when it is due. */
int sbx_waiting_load(const struct sbx_plan *p, enum sbx_pending *what,
	int64_t *left, struct sbx_err *err);
int sbx_waiting_save(
	const struct sbx_plan *p, int seconds, struct sbx_err *err);

/* Make what is pending what was done last: file is what is left of it once
 * `applied` has its id. */
int sbx_journal_file(const struct sbx_plan *p, struct sbx_err *err);
int sbx_journal_commit(struct sbx_plan *p, struct sbx_err *err);
/* Forget what is pending, which was undone. */
int sbx_journal_drop(const struct sbx_plan *p, struct sbx_err *err);

/* Every step back to its state before, in reverse.  SBX_E_NO: all but what was
 * edited by hand meanwhile. */
int sbx_plan_undo(struct sbx_plan *p, bool commands, struct sbx_err *err);
int sbx_plan_record(const struct sbx_plan *p, const char *verb,
	const char *step, const struct sbx_err *why, struct sbx_err *err);

int sbx_commands_run(const struct sbx_plan *p, enum sbx_command_when when,
	struct sbx_err *err);
/* The checks of new files, each at a place beside its target. */
int sbx_commands_check(const struct sbx_plan *p, struct sbx_err *err);

/* Write a file's state beside it, as *shadow; drop it. */
int sbx_file_stage(const char *path, const struct sbx_live *to, char **shadow,
	struct sbx_err *err);
void sbx_file_drop(const char *path);

/* Start what undoes the plan in so many seconds if nobody confirms. */
int sbx_watch_start(
	const struct sbx_plan *p, int seconds, struct sbx_err *err);

#endif
