/* SPDX-License-Identifier: Apache-2.0 */
/* A plan: the lock, the steps, how they read. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/file.h>
#include <time.h>
#include <unistd.h>

#include "base/base.h"
#include "crypto/crypto.h"
#include "node/node.h"
#include "apply/journal.h"
#include "apply/plan.h"

#define WAIT	    (15 * SBX_SECOND)
#define WAIT_REMOVE SBX_SECOND

/* ---- states ---- */

bool
sbx_live_same(const struct sbx_live *a, const struct sbx_live *b)
{
	if (!a->there || !b->there)
		return a->there == b->there;
	return a->data.len == b->data.len &&
	       (a->data.len == 0 ||
		       memcmp(a->data.data, b->data.data, a->data.len) == 0);
}

void
sbx_live_put(struct sbx_live *l, const void *data, size_t len)
{
	sbx_buf_clear(&l->data);
	sbx_buf_add(&l->data, data, len);
	l->there = true;
}

void
sbx_live_free(struct sbx_live *l)
{
	if (l == NULL)
		return;
	sbx_buf_free(&l->data);
	l->there = false;
}

/* Absent has a hash of its own, which no state can have. */
void
sbx_live_hash(
	unsigned char out[static SBX_HASH_BYTES], const struct sbx_live *l)
{
	if (l->there)
		sbx_hash_sha256(out, sbx_buf_text(&l->data), l->data.len);
	else
		memset(out, 0, SBX_HASH_BYTES);
}

/* ---- opening ---- */

/* The lock is the kernel's: it goes with its holder, so none is ever stale.
 * Nobody waits for a removal's sake longer than it takes to miss a packet. */
static int
lock(struct sbx_plan *p, struct sbx_err *err)
{
	int64_t end = sbx_clock_boot() +
		      (p->flags & SBX_PLAN_REMOVE ? WAIT_REMOVE : WAIT);
	const struct timespec nap = { .tv_nsec = 5000000 };
	char *path = sbx_journal_path(p, "lock");
	int r = SBX_OK, fd;

	fd = open(path, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		r = sbx_err_sys(err, "%s", path);
	while (r == 0 && flock(fd, LOCK_EX | LOCK_NB) != 0) {
		if (errno != EWOULDBLOCK && errno != EINTR)
			r = sbx_err_sys(err, "%s", path);
		else if (sbx_clock_boot() > end)
			r = sbx_err_set(err, SBX_E_SYS,
				"another change of %s is under way",
				p->part->name);
		else
			nanosleep(&nap, NULL);
	}
	free(path);
	if (r == 0)
		p->lock = fd;
	else if (fd >= 0)
		close(fd);
	return r;
}

/* What the journal says is done as root, so nobody else may have written it or
 * be able to put another in its place. */
static int
dir_open(struct sbx_plan *p, const struct sbx_conf *conf, struct sbx_err *err)
{
	struct sbx_buf b = SBX_BUF(4096);
	int r = SBX_OK, fd = -1;

	sbx_buf_fmt(&b, "%s/%s", conf->apply, p->part->name);
	p->dir = sbx_mem_text(sbx_buf_text(&b), b.len);
	if (!(p->flags & SBX_PLAN_DRY))
		r = sbx_io_mkdir(p->dir, 0700, err);
	if (r == 0 && (r = sbx_own_dir(p->dir, &fd, err)) == 0)
		close(fd);
	/* Without a journal nothing was applied, and a look makes none. */
	if (r != 0 && (p->flags & SBX_PLAN_DRY) && errno == ENOENT)
		r = SBX_OK;
	sbx_buf_free(&b);
	return r;
}

/* Finish what was committed but not filed, undo what was cut short or is due. */
static int
mend(struct sbx_plan *p, struct sbx_err *err)
{
	struct sbx_plan old = { .part = p->part, .ctx = p->ctx,
		.flags = p->flags, .dir = p->dir, .audit = p->audit,
		.lock = p->lock };
	struct sbx_err why = { 0 };
	int r;

	if (p->pending == SBX_PENDING_NONE ||
		(p->pending == SBX_PENDING_WAITING && p->left > 0))
		return SBX_OK;
	if ((r = sbx_journal_load(&old, "pending", err)) == 0) {
		sbx_plan_record(&old, "recover", "intent", NULL, NULL);
		r = sbx_plan_undo(
			&old, !(p->flags & SBX_PLAN_BOOT), &why);
		sbx_plan_record(&old, "recover", r == 0 ? "done" : "failed",
			r == 0 ? NULL : &why, NULL);
		/* What was edited meanwhile stays; the rest is as before. */
		if (r == SBX_OK || r == SBX_E_NO)
			r = sbx_journal_drop(&old, err);
		else
			sbx_err_set(err, r, "%s: cannot undo the change that "
				"was cut short: %s", p->part->name, why.text);
	}
	if (r == 0)
		p->pending = SBX_PENDING_NONE;
	sbx_plan_clear(&old);
	return r;
}

static int
look_pending(struct sbx_plan *p, struct sbx_err *err)
{
	int r;

	if ((r = sbx_applied_load(p, err)) != 0 ||
		(r = sbx_waiting_load(p, &p->pending, &p->left, err)) != 0)
		return r;
	return p->flags & (SBX_PLAN_DRY | SBX_PLAN_REMOVE) ? SBX_OK
							   : mend(p, err);
}

void
sbx_plan_id(struct sbx_plan *p)
{
	unsigned char id[16];

	sbx_random(id, sizeof(id));
	sbx_hex_write(p->id, id, sizeof(id));
}

int
sbx_plan_open(struct sbx_plan *p, const struct sbx_part *part, void *ctx,
	const struct sbx_conf *conf, unsigned flags, struct sbx_err *err)
{
	int r;

	memset(p, 0, sizeof(*p));
	p->part = part;
	p->ctx = ctx;
	p->flags = flags;
	p->lock = -1;
	p->audit = sbx_mem_text(conf->audit, strlen(conf->audit));
	sbx_plan_id(p);
	if ((r = dir_open(p, conf, err)) != 0)
		goto out;
	if (!(flags & SBX_PLAN_DRY) && (r = lock(p, err)) != 0 &&
		!(flags & SBX_PLAN_REMOVE))
		goto out;
	r = look_pending(p, err);
	if (flags & SBX_PLAN_REMOVE) /* a spoiled journal keeps nothing open */
		r = SBX_OK;
out:
	if (r != 0)
		sbx_plan_close(p);
	return r;
}

void
sbx_plan_clear(struct sbx_plan *p)
{
	size_t i;

	for (i = 0; i < p->nsteps; i++) {
		free(p->steps[i].of);
		sbx_live_free(&p->steps[i].from);
		sbx_live_free(&p->steps[i].to);
	}
	for (i = 0; i < p->ncommands; i++)
		sbx_journal_argv_free((char **)p->commands[i].argv);
	free(p->steps);
	free(p->commands);
	p->steps = NULL;
	p->commands = NULL;
	p->nsteps = p->ncommands = 0;
}

void
sbx_plan_close(struct sbx_plan *p)
{
	if (p == NULL || p->part == NULL)
		return;
	sbx_plan_clear(p);
	for (size_t i = 0; i < p->napplied; i++) {
		free(p->applied[i].kind);
		free(p->applied[i].of);
	}
	free(p->applied);
	free(p->dir);
	free(p->audit);
	if (p->lock >= 0)
		close(p->lock);
	memset(p, 0, sizeof(*p));
	p->lock = -1;
}

/* ---- steps ---- */

const struct sbx_step_kind *
sbx_plan_kind(const struct sbx_plan *p, const char *name)
{
	const struct sbx_step_kind *k;

	if (strcmp(name, sbx_file_kind.name) == 0)
		return &sbx_file_kind;
	for (k = p->part->kinds; k != NULL && k->name != NULL; k++)
		if (strcmp(name, k->name) == 0)
			return k;
	return NULL;
}

struct sbx_step *
sbx_plan_step(struct sbx_plan *p, const struct sbx_step_kind *kind,
	const char *of, size_t len)
{
	struct sbx_step *s;

	if ((p->nsteps & (p->nsteps - 1)) == 0) /* room for twice as many */
		p->steps = sbx_mem_grow(p->steps,
			p->nsteps > 0 ? 2 * p->nsteps : 1, sizeof(*p->steps));
	s = &p->steps[p->nsteps++];
	*s = (struct sbx_step){ .kind = kind, .of = sbx_mem_text(of, len),
		.from = SBX_LIVE, .to = SBX_LIVE };
	return s;
}

int
sbx_plan_want(struct sbx_plan *p, const char *kind, const char *of,
	const struct sbx_live *to, struct sbx_err *err)
{
	const struct sbx_step_kind *k = sbx_plan_kind(p, kind);
	unsigned char now[SBX_HASH_BYTES];
	const struct sbx_applied *last;
	struct sbx_step *s;
	int r;

	if (k == NULL || of[0] == '\0' || strlen(of) >= SBX_MAX_LINE / 8)
		return sbx_err_set(err, SBX_E_USAGE, "no such thing to change");
	for (size_t i = 0; i < p->nsteps; i++)
		if (p->steps[i].kind == k && strcmp(p->steps[i].of, of) == 0)
			return sbx_err_set(err, SBX_E_USAGE,
				"%s is to be changed twice", of);
	if (p->nsteps == SBX_MAX_STEPS)
		return sbx_err_set(err, SBX_E_USAGE,
			"more than %d changes at once", SBX_MAX_STEPS);
	if (to->data.over || to->data.len > SBX_MAX_LIVE)
		return sbx_err_set(err, SBX_E_INPUT, "%s: too large", of);
	s = sbx_plan_step(p, k, of, strlen(of));
	r = k->look(p->ctx, of, &s->from, err);
	if (r == 0 && s->from.data.over)
		r = sbx_err_set(err, SBX_E_SYS, "%s: too large", of);
	if (r != 0 || sbx_live_same(&s->from, to)) {
		free(s->of);
		sbx_live_free(&s->from);
		p->nsteps--;
		return r;
	}
	if (to->there)
		sbx_live_put(&s->to, sbx_buf_text(&to->data), to->data.len);
	sbx_live_hash(now, &s->from);
	last = sbx_applied_find(p, k->name, of);
	s->edited = last != NULL &&
		    memcmp(last->hash, now, sizeof(now)) != 0;
	return 1;
}

int
sbx_plan_command(struct sbx_plan *p, const struct sbx_command *c,
	struct sbx_err *err)
{
	struct sbx_command *copy;
	char **argv;
	size_t n = 0;

	if (c->argv == NULL || c->argv[0] == NULL || c->argv[0][0] != '/')
		return sbx_err_set(err, SBX_E_USAGE,
			"a program is run by its absolute path");
	if (c->timeout < 0 || c->timeout > SBX_MAX_COMMAND_TIMEOUT ||
		(c->step > 0 && c->step >= p->nsteps))
		return sbx_err_set(err, SBX_E_USAGE,
			"%s: may take 1 to %d seconds", c->argv[0],
			SBX_MAX_COMMAND_TIMEOUT);
	if (p->ncommands == SBX_MAX_COMMANDS)
		return sbx_err_set(err, SBX_E_USAGE, "too many commands");
	while (c->argv[n] != NULL)
		n++;
	argv = sbx_mem_alloc(n + 1, sizeof(*argv));
	for (size_t i = 0; i < n; i++)
		argv[i] = sbx_mem_text(c->argv[i], strlen(c->argv[i]));
	p->commands = sbx_mem_grow(
		p->commands, p->ncommands + 1, sizeof(*p->commands));
	copy = &p->commands[p->ncommands++];
	*copy = *c;
	copy->argv = (const char *const *)argv;
	return SBX_OK;
}

/* ---- how a step reads ---- */

const char *
sbx_step_what(const struct sbx_step *s)
{
	return !s->to.there ? "remove" : s->from.there ? "change" : "create";
}

void
sbx_step_to(const struct sbx_plan *p, const struct sbx_step *s,
	struct sbx_buf *out)
{
	unsigned char hash[SBX_HASH_BYTES];

	if (s->kind->describe != NULL) {
		s->kind->describe(p->ctx, s, out);
	} else if (!s->to.there) {
		sbx_buf_str(out, "absent");
	} else {
		sbx_live_hash(hash, &s->to);
		sbx_buf_fmt(out, "%zu bytes, ", s->to.data.len);
		sbx_buf_hex(out, hash, 4);
	}
	if (s->edited)
		sbx_buf_fmt(out, s->force ? " (over an edit by hand)"
					  : " (edited by hand)");
}
