/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Doing a plan.  The order is what makes it safe to be killed anywhere:
 *
 *	intent on record, timer started, `pending` on the disk
 *	checks of new files; steps, each read back; checks in place; reloads;
 *	health; all read back again
 *	`waiting` on the disk, or `applied`; result on record
 *
 * Up to the last line the change is undone by whoever comes next.
 */
#include <stdlib.h>

#include "base/base.h"
#include "json/json.h"
#include "apply/apply.h"
#include "apply/journal.h"
#include "apply/plan.h"

#define MAX_NAMED 32 /* things that a line of the audit log names */

/* ---- the record ---- */

/* Its lock is taken for one line at a time: what lends and revokes needs it
 * too, and must not wait for a command of ours. */
int
sbx_plan_record(const struct sbx_plan *p, const char *verb, const char *step,
	const struct sbx_err *why, struct sbx_err *err)
{
	struct sbx_doc *doc = sbx_doc_new();
	struct sbx_json *root = sbx_doc_root(doc), *list;
	struct sbx_root act;
	int r;

	sbx_json_add_str(doc, root, "do", verb);
	sbx_json_add_str(doc, root, "step", step);
	sbx_json_add_str(doc, root, "part", p->part->name);
	sbx_json_add_str(doc, root, "id", p->id);
	sbx_json_add_int(doc, root, "changes", (int64_t)p->nsteps);
	list = sbx_json_add(doc, root, "of", SBX_JSON_ARRAY);
	for (size_t i = 0; i < p->nsteps && i < MAX_NAMED; i++)
		sbx_json_add_str(doc, list, NULL, p->steps[i].of);
	if (why != NULL)
		sbx_json_add_str(doc, root, "why", why->text);
	if ((r = sbx_root_open(&act, p->audit, p->flags & SBX_PLAN_REMOVE,
		     err)) == 0 &&
		(r = sbx_root_enter(&act, err)) == 0)
		r = sbx_root_record(&act, doc, err);
	sbx_root_close(&act);
	sbx_doc_free(doc);
	return r;
}

/* ---- one step ---- */

static int
look(const struct sbx_plan *p, const struct sbx_step *s, struct sbx_live *now,
	struct sbx_err *err)
{
	int r;

	sbx_live_free(now);
	r = s->kind->look(p->ctx, s->of, now, err);
	if (r == 0 && now->data.over)
		r = sbx_err_set(err, SBX_E_SYS, "%s: too large", s->of);
	return r;
}

static int
read_back(const struct sbx_plan *p, const struct sbx_step *s,
	const struct sbx_live *want, struct sbx_err *err)
{
	struct sbx_live now = SBX_LIVE;
	int r;

	if ((r = look(p, s, &now, err)) == 0 && !sbx_live_same(&now, want))
		r = sbx_err_set(err, SBX_E_SYS,
			"%s %s: it was set, but does not stand so", s->kind->name,
			s->of);
	sbx_live_free(&now);
	return r;
}

/* Not over a change that was made after the plan. */
static int
step_do(const struct sbx_plan *p, const struct sbx_step *s, struct sbx_err *err)
{
	struct sbx_live now = SBX_LIVE;
	int r;

	r = look(p, s, &now, err);
	if (r == 0 && !sbx_live_same(&now, &s->from))
		r = sbx_err_set(err, SBX_E_NO,
			"%s: changed by another since it was planned", s->of);
	sbx_live_free(&now);
	if (r != 0 || (r = s->kind->set(p->ctx, s->of, &s->to, err)) != 0)
		return r;
	return read_back(p, s, &s->to, err);
}

static int
step_undo(
	const struct sbx_plan *p, const struct sbx_step *s, struct sbx_err *err)
{
	struct sbx_live now = SBX_LIVE;
	bool same, ours;
	int r;

	if (s->kind == &sbx_file_kind)
		sbx_file_drop(s->of);
	if ((r = look(p, s, &now, err)) != 0)
		return r;
	same = sbx_live_same(&now, &s->from);
	ours = sbx_live_same(&now, &s->to);
	sbx_live_free(&now);
	if (same)
		return SBX_OK;
	if (s->kind->whole && !ours && !s->force)
		return sbx_err_set(err, SBX_E_NO,
			"%s: edited by hand since; it stays as it is", s->of);
	if ((r = s->kind->set(p->ctx, s->of, &s->from, err)) != 0)
		return r;
	return read_back(p, s, &s->from, err);
}

/* Where all has to be tried: the first reason, but a failure before a no. */
static void
note(int *r, struct sbx_err *err, int now, const struct sbx_err *why)
{
	if (now == SBX_OK || (*r != SBX_OK && (*r != SBX_E_NO || now == *r)))
		return;
	*r = now;
	if (err != NULL)
		*err = *why;
}

int
sbx_plan_undo(struct sbx_plan *p, bool commands, struct sbx_err *err)
{
	struct sbx_err why = { 0 };
	int r = SBX_OK;

	for (size_t i = p->nsteps; i-- > 0;)
		note(&r, err, step_undo(p, &p->steps[i], &why), &why);
	/* Who read the new files has to read the old ones. */
	if (commands)
		note(&r, err, sbx_commands_run(p, SBX_RELOAD, &why), &why);
	return r;
}

/* ---- the whole ---- */

static int
admit(const struct sbx_plan *p, int seconds, struct sbx_err *err)
{
	int r;

	if (p->flags & SBX_PLAN_DRY)
		return sbx_err_set(err, SBX_E_USAGE, "only a plan");
	if (seconds < 0 || seconds > SBX_MAX_CONFIRM)
		return sbx_err_set(err, SBX_E_USAGE,
			"not 1 to %d seconds to confirm in", SBX_MAX_CONFIRM);
	if (p->pending != SBX_PENDING_NONE) {
		r = sbx_err_set(err, SBX_E_NO,
			"%s: a change waits to be confirmed, for %lld s more",
			p->part->name, (long long)p->left);
		sbx_err_hint(err, "say confirm, or revert, first");
		return r;
	}
	for (size_t i = 0; i < p->nsteps; i++)
		if (p->steps[i].edited && !p->steps[i].force) {
			r = sbx_err_set(err, SBX_E_NO,
				"%s: edited by hand since it was applied",
				p->steps[i].of);
			sbx_err_hint(err, "keep the edit, or take it back; "
				"nothing was changed");
			return r;
		}
	return SBX_OK;
}

static int
act(struct sbx_plan *p, bool *begun, struct sbx_err *err)
{
	int r = sbx_commands_check(p, err);
	size_t i;

	for (i = 0; r == 0 && i < p->nsteps; i++) {
		*begun = true;
		r = step_do(p, &p->steps[i], err);
	}
	if (r != 0 || (r = sbx_commands_run(p, SBX_CHECK, err)) != 0 ||
		(r = sbx_commands_run(p, SBX_RELOAD, err)) != 0 ||
		(r = sbx_commands_run(p, SBX_HEALTH, err)) != 0)
		return r;
	/* A reload may have changed what it was to read. */
	for (i = 0; r == 0 && i < p->nsteps; i++)
		r = read_back(p, &p->steps[i], &p->steps[i].to, err);
	return r;
}

/* The change failed: all of it goes.  What cannot be undone stays pending, and
 * whoever comes next tries again. */
static int
back_out(struct sbx_plan *p, bool begun, int cause, struct sbx_err *err)
{
	struct sbx_err why = { 0 }, copy = { 0 };
	int r = SBX_OK;

	if (err != NULL)
		copy = *err;
	if (begun)
		r = sbx_plan_undo(p, true, &why);
	p->pending = SBX_PENDING_NONE;
	if (r == SBX_OK || r == SBX_E_NO)
		note(&r, &why, sbx_journal_drop(p, &why), &why);
	if (r != SBX_OK && r != SBX_E_NO)
		p->pending = SBX_PENDING_CUT;
	if (r == SBX_OK)
		return cause;
	sbx_err_set(err, r == SBX_E_NO ? cause : SBX_E_SYS,
		"%s; and not all was undone: %s", copy.text, why.text);
	return r == SBX_E_NO ? cause : SBX_E_SYS;
}

static int
settle(struct sbx_plan *p, int seconds, struct sbx_err *err)
{
	if (seconds == 0)
		return sbx_journal_commit(p, err);
	p->left = seconds;
	p->pending = SBX_PENDING_WAITING;
	return sbx_waiting_save(p, seconds, err);
}

/* A file that could not be made durable may be there all the same: under
 * another id `pending` is neither kept nor waiting. */
static int
unsettle(struct sbx_plan *p, struct sbx_err *err)
{
	p->pending = SBX_PENDING_CUT;
	sbx_plan_id(p);
	return sbx_journal_save(p, "pending", err);
}

static int
remove_each(struct sbx_plan *p, struct sbx_err *err);

static int
apply(struct sbx_plan *p, const char *verb, int seconds, struct sbx_err *err)
{
	bool begun = false;
	int r;

	if ((r = sbx_plan_record(p, verb, "intent", NULL, err)) != 0)
		return r;
	if (seconds > 0)
		r = sbx_watch_start(p, seconds, err);
	if (r == 0 && (r = sbx_journal_save(p, "pending", err)) == 0) {
		if ((r = act(p, &begun, err)) == 0)
			if ((r = settle(p, seconds, err)) != 0)
				unsettle(p, NULL);
		if (r != 0)
			r = back_out(p, begun, r, err);
	}
	if (r != 0) {
		sbx_plan_record(p, verb, "failed", err, NULL);
		return r;
	}
	/* It is done and its intent on record: that the second line is missing
	 * is told, not a reason to take it back. */
	return sbx_plan_record(
		p, verb, seconds > 0 ? "waiting" : "done", NULL, err);
}

int
sbx_apply(struct sbx_plan *p, int seconds, struct sbx_err *err)
{
	int r;

	if (p->flags & SBX_PLAN_REMOVE)
		return p->nsteps > 0 ? remove_each(p, err) : SBX_OK;
	if ((r = admit(p, seconds, err)) != 0 || p->nsteps == 0)
		return r;
	return apply(p, "apply", seconds, err);
}

/* ---- confirm, revert ---- */

/* A plan that holds what the file of the journal says. */
static int
open_old(const struct sbx_plan *p, const char *name, struct sbx_plan *old,
	struct sbx_err *err)
{
	int r;

	*old = (struct sbx_plan){ .part = p->part, .ctx = p->ctx,
		.flags = p->flags, .dir = p->dir, .audit = p->audit,
		.lock = p->lock, .applied = p->applied,
		.napplied = p->napplied };
	if ((r = sbx_journal_load(old, name, err)) != 0)
		sbx_plan_clear(old);
	return r;
}

int
sbx_apply_confirm(struct sbx_plan *p, struct sbx_err *err)
{
	struct sbx_plan old;
	int r;

	if (p->pending != SBX_PENDING_WAITING)
		return sbx_err_set(err, SBX_E_NO,
			"%s: no change waits to be confirmed", p->part->name);
	if ((r = open_old(p, "pending", &old, err)) != 0)
		return r;
	r = sbx_journal_commit(&old, err);
	if (r == 0) {
		p->pending = SBX_PENDING_NONE;
		r = sbx_plan_record(&old, "confirm", "done", NULL, err);
	}
	sbx_plan_clear(&old);
	return r;
}

static int
revert_waiting(struct sbx_plan *p, struct sbx_err *err)
{
	struct sbx_err why = { 0 };
	struct sbx_plan old;
	int r;

	if ((r = open_old(p, "pending", &old, err)) != 0)
		return r;
	sbx_plan_record(&old, "revert", "intent", NULL, NULL);
	r = sbx_plan_undo(&old, true, err);
	if (r == SBX_OK || r == SBX_E_NO) {
		note(&r, err, sbx_journal_drop(&old, &why), &why);
		p->pending = SBX_PENDING_NONE;
	}
	note(&r, err, sbx_plan_record(&old, "revert",
			      r == 0 ? "done" : "failed", r == 0 ? NULL : err,
			      &why), &why);
	sbx_plan_clear(&old);
	return r;
}

int
sbx_apply_revert(struct sbx_plan *p, struct sbx_err *err)
{
	struct sbx_plan old;
	size_t i;
	int r;

	if (p->pending == SBX_PENDING_WAITING)
		return revert_waiting(p, err);
	r = open_old(p, "last", &old, err);
	if (r == SBX_E_NO)
		return sbx_err_set(err, r, "%s: nothing was applied yet",
			p->part->name);
	if (r != 0)
		return r;
	sbx_plan_clear(p);
	for (i = 0; r >= 0 && i < old.nsteps; i++) {
		r = sbx_plan_want(p, old.steps[i].kind->name, old.steps[i].of,
			&old.steps[i].from, err);
		if (r > 0)
			p->steps[p->nsteps - 1].force = old.steps[i].force;
	}
	/* The state before was checked in its day; %f counts other steps. */
	for (i = 0; r >= 0 && i < old.ncommands; i++)
		if (old.commands[i].when != SBX_CHECK)
			r = sbx_plan_command(p, &old.commands[i], err);
	if (r >= 0 && (r = admit(p, 0, err)) == 0)
		r = p->nsteps == 0 ? SBX_OK : apply(p, "revert", 0, err);
	sbx_plan_clear(&old);
	return r;
}

/* ---- taking away ---- */

/* What waits to be confirmed must not bring back what is now gone. */
static int
forget_before(struct sbx_plan *p, struct sbx_err *err)
{
	struct sbx_step *s, *t;
	struct sbx_plan old;
	bool found = false;
	int r;

	if (p->lock < 0 || (r = open_old(p, "pending", &old, err)) == SBX_E_NO)
		return SBX_OK;
	if (r != 0)
		return r;
	for (s = old.steps; s < old.steps + old.nsteps; s++)
		for (t = p->steps; t < p->steps + p->nsteps; t++) {
			if (s->kind != t->kind || strcmp(s->of, t->of) != 0)
				continue;
			found = true;
			sbx_live_free(&s->from);
			if (t->to.there)
				sbx_live_put(&s->from,
					sbx_buf_text(&t->to.data),
					t->to.data.len);
		}
	r = found ? sbx_journal_save(&old, "pending", err) : SBX_OK;
	sbx_plan_clear(&old);
	return r;
}

/* Close first, tell afterwards: a full disk opens nothing. */
static int
remove_each(struct sbx_plan *p, struct sbx_err *err)
{
	struct sbx_err why = { 0 };
	struct sbx_step *s;
	int r = SBX_OK;

	for (s = p->steps; s < p->steps + p->nsteps; s++) {
		int now = s->kind->set(p->ctx, s->of, &s->to, &why);

		if (now == 0)
			now = read_back(p, s, &s->to, &why);
		note(&r, err, now, &why);
	}
	note(&r, err, sbx_commands_run(p, SBX_RELOAD, &why), &why);
	note(&r, err, forget_before(p, &why), &why);
	if (p->lock >= 0)
		note(&r, err, sbx_applied_save(p, &why), &why);
	note(&r, err,
		sbx_plan_record(p, "remove", r == 0 ? "done" : "failed",
			r == 0 ? NULL : err, &why),
		&why);
	return r;
}
