/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Plan, apply, confirm, revert: how a capability changes the machine.
 *
 * A thing (a file, a set of the firewall, a tunnel's peer) has a kind and a
 * name, and stands in some state: bytes, or absent.  A kind is two functions:
 * look() reads how a thing stands, set() brings it to a state.  A step takes
 * one thing from a state to another.  That is all an apply needs: to do a step
 * is set(to), to undo it set(from), to read it back look() == to, and where
 * look() == to already there is no step.
 *
 *	static const struct sbx_step_kind kinds[] = {
 *		{ .name = "set", .look = set_look, .set = set_set }, { 0 },
 *	};
 *	static const char *const recover[] = { "recover", NULL };
 *	static const struct sbx_part part = { "fence", kinds, recover };
 *
 *	sbx_plan_open(&p, &part, ctx, &conf, dry ? SBX_PLAN_DRY : 0, &err);
 *	sbx_plan_want(&p, "set", "lend", &state, &err);
 *	sbx_plan_file(&p, &file, &err);		// the built-in kind
 *	sbx_plan_command(&p, &reload, &err);
 *	... print p.steps: what, of, to (sbx_step_what, sbx_step_to) ...
 *	sbx_apply(&p, confirm_seconds, &err);	// nothing else is changed
 *	sbx_plan_close(&p);
 *
 * The journal, root's, in conf->apply/PART/: `pending` (the change under way or
 * waiting to be confirmed, with both states of every thing), `waiting` (until
 * when), `last` (the change before, for revert), `applied` (a hash of how each
 * thing was left) and `lock`.  A change whose applier died is undone by the
 * next sbx_plan_open() that is not dry, by the timer that sbx_apply() starts
 * before its first step, or at boot by sbx-apply(8).
 *
 * The commands of a plan and the names of its things come from files of
 * root's; only states may come from the log.
 */
#ifndef SBX_PLAN_H
#define SBX_PLAN_H

#include "base/base.h"
#include "node/node.h"

#define SBX_MAX_LIVE ((16u << 20) + 131072) /* bytes of one state */
#define SBX_MAX_STEPS 4096
#define SBX_MAX_COMMANDS 256
#define SBX_MAX_JOURNAL (512u << 20)
#define SBX_MAX_CONFIRM 86400 /* seconds */
#define SBX_COMMAND_TIMEOUT 10	/* seconds, where a command says nothing */
#define SBX_MAX_COMMAND_TIMEOUT 120

/* How a thing stands, or is to stand. */
struct sbx_live {
	bool there;
	struct sbx_buf data; /* its state when it is there */
};
#define SBX_LIVE { false, SBX_BUF(SBX_MAX_LIVE) }

bool sbx_live_same(const struct sbx_live *a, const struct sbx_live *b);
void sbx_live_put(struct sbx_live *l, const void *data, size_t len);
void sbx_live_free(struct sbx_live *l);

struct sbx_step;

/* ctx is what sbx_plan_open() was given.  Both functions may be called by
 * another process than the one that planned, after a reboot too. */
struct sbx_step_kind {
	const char *name; /* [a-z][a-z0-9-]{0,31} */
	/* Fill now (empty, absent).  Equal states must be equal bytes: leave out
	 * counters, ages and order. */
	int (*look)(void *ctx, const char *of, struct sbx_live *now,
		struct sbx_err *err);
	/* Bring it there, durably, from whatever it is.  It is also asked for
	 * the state before: a kind that gives access must leave out what has
	 * been taken away since. */
	int (*set)(void *ctx, const char *of, const struct sbx_live *to,
		struct sbx_err *err);
	/* A few words about to, for sbx_step_to(); NULL: its size and hash. */
	void (*describe)(void *ctx, const struct sbx_step *s,
		struct sbx_buf *out);
	/* set() is all or nothing.  Then a state that is neither before nor
	 * after was made by hand, and an undo leaves it. */
	bool whole;
};

extern const struct sbx_step_kind sbx_file_kind; /* "file", built in */

struct sbx_step {
	const struct sbx_step_kind *kind;
	char *of;
	struct sbx_live from, to;
	bool edited; /* from is not how the last apply left it */
	bool force;  /* by policy an edit is overwritten */
};

enum sbx_command_when {
	SBX_CHECK,  /* with a word %f before any step, on the new file of step;
		     * without one after the steps, before any reload */
	SBX_RELOAD, /* after the steps, each argv once; again after an undo */
	SBX_HEALTH, /* after the reloads */
};

/* A program by argv, without a shell.  Any status but 0, and a run of over
 * timeout seconds, undoes the plan. */
struct sbx_command {
	enum sbx_command_when when;
	const char *const *argv; /* argv[0] is absolute; copied */
	int timeout;		 /* seconds, 0: SBX_COMMAND_TIMEOUT */
	bool silent;		 /* a word on stderr is a no as well */
	size_t step;		 /* whose file %f is: an index of steps */
};

/* A capability, for good. */
struct sbx_part {
	const char *name; /* [a-z][a-z0-9-]{0,31} */
	const struct sbx_step_kind *kinds; /* ended by one without a name */
	/* The words after the program's own path that make it call
	 * sbx_apply_recover(..., true, ...). */
	const char *const *recover;
};

enum sbx_plan_flag {
	SBX_PLAN_DRY = 1,    /* only look: no lock, nothing is written */
	/* Only takes away.  It waits for the lock at most a second, then goes
	 * on without; no waiting change and no missing record holds it up; a
	 * step that fails stops no other and is not undone. */
	SBX_PLAN_REMOVE = 2,
	SBX_PLAN_BOOT = 4, /* no service runs yet: undo without commands */
};

enum sbx_pending {
	SBX_PENDING_NONE,
	SBX_PENDING_CUT,     /* its applier died, or could not undo it */
	SBX_PENDING_WAITING, /* for sbx_apply_confirm() */
};

struct sbx_applied; /* journal.c */

struct sbx_plan {
	const struct sbx_part *part;
	void *ctx;
	unsigned flags;
	char *dir, *audit;
	char id[33];
	int lock; /* -1: not ours */
	struct sbx_step *steps;
	size_t nsteps;
	struct sbx_command *commands;
	size_t ncommands;
	enum sbx_pending pending; /* as it was found, after what open mends */
	int64_t left;		  /* WAITING: seconds until it is undone */
	struct sbx_applied *applied;
	size_t napplied;
};

/* Begin a plan: take the part's lock, finish or undo what another left behind.
 * SBX_E_SYS: locked for over 15 s, or the undo failed.  conf must outlive no
 * call; ctx must outlive the plan.  Close it in any case. */
int sbx_plan_open(struct sbx_plan *p, const struct sbx_part *part, void *ctx,
	const struct sbx_conf *conf, unsigned flags, struct sbx_err *err);
void sbx_plan_close(struct sbx_plan *p);

/* The thing `of` of that kind is to stand at `to` (copied).  1: a step was
 * added, the last of steps; 0: it stands there already. */
int sbx_plan_want(struct sbx_plan *p, const char *kind, const char *of,
	const struct sbx_live *to, struct sbx_err *err);

struct sbx_file {
	const char *path; /* absolute, without a link in it, in a directory of
			   * root's alone; the file itself is no link and has
			   * one name */
	const void *data; /* NULL: it is to be absent */
	size_t len;
	/* -1: as it is, or for a new file root and 0644.  An ACL and other
	 * extended attributes stay as they are. */
	uid_t uid;
	gid_t gid;
	mode_t mode;
};
int sbx_plan_file(struct sbx_plan *p, const struct sbx_file *f,
	struct sbx_err *err); /* as sbx_plan_want */

int sbx_plan_command(struct sbx_plan *p, const struct sbx_command *c,
	struct sbx_err *err);

/* For a listing: "create", "change", "remove"; to whom; to what. */
const char *sbx_step_what(const struct sbx_step *s);
void sbx_step_to(const struct sbx_plan *p, const struct sbx_step *s,
	struct sbx_buf *out);

/* Do the steps, read them back, run the commands; or undo all of it.  seconds
 * > 0: undo it by then unless it is confirmed.  SBX_OK also when there is no
 * step.  SBX_E_NO: a change waits to be confirmed, a thing was edited by hand,
 * a command said no.  SBX_E_SYS: a step or a command failed, or an undo, which
 * the reason then says. */
int sbx_apply(struct sbx_plan *p, int seconds, struct sbx_err *err);
/* Keep the change that waits.  SBX_E_NO: none does. */
int sbx_apply_confirm(struct sbx_plan *p, struct sbx_err *err);
/* Undo the change that waits, else the last one, as a change of its own that
 * can be reverted in turn.  SBX_E_NO: there is none, or it was edited since. */
int sbx_apply_revert(struct sbx_plan *p, struct sbx_err *err);
/* Undo what was cut short or is due; wait: sleep until it is, or is settled.
 * boot: before any service has started, so no command is run. */
int sbx_apply_recover(const struct sbx_part *part, void *ctx,
	const struct sbx_conf *conf, bool wait, bool boot,
	struct sbx_err *err);

/* What a part's journal says.  recover: the program and words of sbx_part when
 * something is pending; sbx-apply(8) adds "--boot" at boot, which is to call
 * sbx_apply_recover(..., false, true, ...). */
struct sbx_part_now {
	const char *name;
	enum sbx_pending pending;
	int64_t left; /* WAITING: seconds, 0: it is due */
	char **recover;
};
/* Each part that ever applied something, by name; nothing is changed.  r and
 * err: why its journal cannot be read.  Ends when each does not return 0. */
int sbx_parts_each(const struct sbx_conf *conf,
	int (*each)(void *ctx, const struct sbx_part_now *now, int r,
		struct sbx_err *err),
	void *ctx, struct sbx_err *err);

#endif
