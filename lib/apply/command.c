/* SPDX-License-Identifier: Apache-2.0 */
/* The commands of a plan: argv of root's, no shell, a limit of time each. */
#include <stdlib.h>
#include <unistd.h>

#include "base/base.h"
#include "system/system.h"
#include "apply/journal.h"
#include "apply/plan.h"

static bool
is_file_check(const struct sbx_command *c)
{
	if (c->when != SBX_CHECK)
		return false;
	for (size_t i = 1; c->argv[i] != NULL; i++)
		if (strcmp(c->argv[i], "%f") == 0)
			return true;
	return false;
}

static const char *
word(enum sbx_command_when when)
{
	switch (when) {
	case SBX_CHECK:
		return "check";
	case SBX_RELOAD:
		return "reload";
	case SBX_HEALTH:
		return "health";
	}
	return "command";
}

/* Its first line on stderr, else on stdout, is the reason, without what a
 * terminal would obey. */
static int
refused(const struct sbx_command *c, int status, const struct sbx_buf *out,
	const struct sbx_buf *why, struct sbx_err *err)
{
	const struct sbx_buf *b = why->len > 0 ? why : out;
	const char *text = sbx_buf_text(b);
	char line[160];
	size_t n = 0;

	for (; n + 1 < sizeof(line) && text[n] != '\0' && text[n] != '\n'; n++)
		line[n] = text[n] < 0x20 || text[n] > 0x7e ? '?' : text[n];
	line[n] = '\0';
	if (n == 0)
		snprintf(line, sizeof(line), "ended with status %d", status);
	return sbx_err_set(err, SBX_E_NO, "%s failed: %s: %s", word(c->when),
		c->argv[0], line);
}

static int
run(const struct sbx_command *c, const char *shadow, struct sbx_err *err)
{
	struct sbx_buf out = SBX_BUF(SBX_RUN_MAX), why = SBX_BUF(SBX_RUN_MAX);
	int seconds = c->timeout > 0 ? c->timeout : SBX_COMMAND_TIMEOUT;
	const char **argv;
	struct sbx_run run = { .timeout = 1000 * seconds, .leave = true };
	int r, status;
	size_t n;

	for (n = 0; c->argv[n] != NULL; n++)
		;
	argv = sbx_mem_alloc(n + 1, sizeof(*argv));
	for (size_t i = 0; i < n; i++)
		argv[i] = shadow != NULL && strcmp(c->argv[i], "%f") == 0
				  ? shadow
				  : c->argv[i];
	run.argv = argv;
	run.leave = c->when == SBX_RELOAD; /* a daemon may be started by it */
	if ((r = sbx_run(&run, &status, &out, &why, err)) != 0)
		sbx_err_at(err, "%s failed", word(c->when));
	else if (status != 0 || (c->silent && why.len > 0))
		r = refused(c, status, &out, &why, err);
	free(argv);
	sbx_buf_free(&out);
	sbx_buf_free(&why);
	return r;
}

static bool
same_argv(const struct sbx_command *a, const struct sbx_command *b)
{
	size_t i;

	for (i = 0; a->argv[i] != NULL && b->argv[i] != NULL; i++)
		if (strcmp(a->argv[i], b->argv[i]) != 0)
			return false;
	return a->argv[i] == b->argv[i];
}

int
sbx_commands_run(const struct sbx_plan *p, enum sbx_command_when when,
	struct sbx_err *err)
{
	const struct sbx_command *c = p->commands;
	size_t i, j;
	int r = SBX_OK;

	for (i = 0; r == 0 && i < p->ncommands; i++) {
		for (j = 0; j < i; j++)
			if (c[j].when == when && same_argv(&c[i], &c[j]))
				break;
		if (j == i && c[i].when == when && !is_file_check(&c[i]))
			r = run(&c[i], NULL, err);
	}
	return r;
}

/* The program is shown the new file where it will be read, but for its name, so
 * that what it names relative to itself is found.  It is not what will be put
 * in place, which is written anew: a check that changes its file checks
 * nothing. */
static int
check_file(const struct sbx_plan *p, const struct sbx_command *c,
	struct sbx_err *err)
{
	const struct sbx_step *s = &p->steps[c->step];
	struct sbx_live now = SBX_LIVE;
	char *shadow = NULL;
	int r;

	if (s->kind != &sbx_file_kind || !s->to.there)
		return SBX_OK; /* nothing is left to be checked */
	if ((r = sbx_file_stage(s->of, &s->to, &shadow, err)) != 0)
		return r;
	if ((r = run(c, shadow, err)) == 0 &&
		(r = s->kind->look(NULL, shadow, &now, err)) == 0 &&
		!sbx_live_same(&now, &s->to))
		r = sbx_err_set(err, SBX_E_NO,
			"check failed: %s: it changed what it was to check",
			c->argv[0]);
	sbx_file_drop(s->of);
	sbx_live_free(&now);
	free(shadow);
	return r;
}

int
sbx_commands_check(const struct sbx_plan *p, struct sbx_err *err)
{
	int r = SBX_OK;

	for (size_t i = 0; r == 0 && i < p->ncommands; i++)
		if (is_file_check(&p->commands[i]) &&
			p->commands[i].step < p->nsteps)
			r = check_file(p, &p->commands[i], err);
	return r;
}
