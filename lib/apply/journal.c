/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The journal's files.  Each is replaced whole (sbx_io_save), so that after a
 * kill or a power cut it is the old one or the new one:
 *
 *   pending, last  a line of JSON (id, counts, the words to recover by), a line
 *                  a command, and for each step a line and both states' bytes
 *   waiting        id and deadline of what is pending, once it is applied
 *   applied        the id of the last change that was kept, then a line a
 *                  thing: how it was left
 *
 * `applied` is the point of no return: with the id of `pending` in it that
 * change is kept, without it is undone.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/base.h"
#include "json/json.h"
#include "apply/journal.h"
#include "apply/plan.h"

static const struct sbx_json_limits limits = { SBX_MAX_LINE, 3, 256 };

char *
sbx_journal_path(const struct sbx_plan *p, const char *name)
{
	struct sbx_buf b = SBX_BUF(4096);
	char *path;

	sbx_buf_fmt(&b, "%s/%s", p->dir, name);
	path = sbx_mem_text(sbx_buf_text(&b), b.len);
	sbx_buf_free(&b);
	return path;
}

int
sbx_journal_put(const struct sbx_plan *p, const char *name, const struct sbx_buf *b,
	struct sbx_err *err)
{
	char *path = sbx_journal_path(p, name);
	int r;

	r = b->over ? sbx_err_set(err, SBX_E_USAGE,
			      "too much to change at once")
		    : sbx_io_save(path, b->data, b->len, 0600, 0, err);
	free(path);
	return r;
}

/* SBX_E_NO: there is none. */
int
sbx_journal_get(const struct sbx_plan *p, const char *name, struct sbx_buf *b,
	struct sbx_err *err)
{
	char *path = sbx_journal_path(p, name);
	int r;

	r = sbx_io_read(path,
		SBX_IO_SECRET | (geteuid() == 0 ? SBX_IO_ROOT : 0), b, err);
	if (r == SBX_E_SYS && errno == ENOENT)
		r = SBX_E_NO;
	free(path);
	return r;
}

void
sbx_journal_line(struct sbx_buf *b, struct sbx_doc *doc)
{
	if (sbx_canon_write(b, sbx_doc_root(doc), NULL, NULL) != 0)
		b->over = true;
	sbx_buf_str(b, "\n");
	sbx_doc_free(doc);
}

/* The next line of b as a document; NULL: there is none that holds. */
struct sbx_doc *
sbx_journal_next(const struct sbx_buf *b, size_t *at)
{
	const char *from = sbx_buf_text(b) + *at, *nl;
	struct sbx_doc *doc = NULL;

	nl = *at < b->len ? memchr(from, '\n', b->len - *at) : NULL;
	if (nl == NULL || sbx_json_parse(from, (size_t)(nl - from), &limits,
				  &doc, NULL) != 0)
		return NULL;
	*at += (size_t)(nl + 1 - from);
	return doc;
}

/* ---- argv ---- */

static void
put_words(struct sbx_doc *doc, const char *key, const char *const *argv)
{
	struct sbx_json *list =
		sbx_json_add(doc, sbx_doc_root(doc), key, SBX_JSON_ARRAY);

	for (; *argv != NULL; argv++)
		sbx_json_add_str(doc, list, NULL, *argv);
}

static char **
get_words(const struct sbx_json *list)
{
	const struct sbx_json *v;
	char **argv;
	size_t n = 0;

	if (list == NULL || list->type != SBX_JSON_ARRAY || list->count == 0)
		return NULL;
	argv = sbx_mem_alloc(list->count + 1, sizeof(*argv));
	for (v = list->child; v != NULL; v = v->next) {
		if (v->type != SBX_JSON_STRING) {
			sbx_journal_argv_free(argv);
			return NULL;
		}
		argv[n++] = sbx_mem_text(v->text, v->len);
	}
	return argv;
}

void
sbx_journal_argv_free(char **argv)
{
	if (argv == NULL)
		return;
	for (size_t i = 0; argv[i] != NULL; i++)
		free(argv[i]);
	free(argv);
}

/* Root's own program, by the path the kernel knows it by. */
int
sbx_journal_argv(const struct sbx_part *part, char ***argv, struct sbx_err *err)
{
	char self[4096];
	size_t n = 0;
	ssize_t len;

	len = readlink("/proc/self/exe", self, sizeof(self));
	if (len <= 0 || (size_t)len == sizeof(self))
		return sbx_err_sys(err, "/proc/self/exe");
	while (part->recover != NULL && part->recover[n] != NULL)
		n++;
	*argv = sbx_mem_alloc(n + 2, sizeof(**argv));
	(*argv)[0] = sbx_mem_text(self, (size_t)len);
	for (size_t i = 0; i < n; i++)
		(*argv)[i + 1] = sbx_mem_text(
			part->recover[i], strlen(part->recover[i]));
	return SBX_OK;
}

/* ---- pending, last ---- */

static void
put_step(struct sbx_buf *b, const struct sbx_step *s)
{
	struct sbx_doc *doc = sbx_doc_new();
	struct sbx_json *root = sbx_doc_root(doc);

	sbx_json_add_str(doc, root, "kind", s->kind->name);
	sbx_json_add_str(doc, root, "of", s->of);
	sbx_json_add_bool(doc, root, "force", s->force);
	sbx_json_add_int(doc, root, "from",
		s->from.there ? (int64_t)s->from.data.len : -1);
	sbx_json_add_int(doc, root, "to",
		s->to.there ? (int64_t)s->to.data.len : -1);
	sbx_journal_line(b, doc);
	if (s->from.there)
		sbx_buf_add(b, sbx_buf_text(&s->from.data), s->from.data.len);
	if (s->to.there)
		sbx_buf_add(b, sbx_buf_text(&s->to.data), s->to.data.len);
	sbx_buf_str(b, "\n");
}

static void
put_command(struct sbx_buf *b, const struct sbx_command *c)
{
	struct sbx_doc *doc = sbx_doc_new();
	struct sbx_json *root = sbx_doc_root(doc);

	put_words(doc, "argv", c->argv);
	sbx_json_add_int(doc, root, "when", c->when);
	sbx_json_add_int(doc, root, "timeout", c->timeout);
	sbx_json_add_bool(doc, root, "silent", c->silent);
	sbx_json_add_int(doc, root, "step", (int64_t)c->step);
	sbx_journal_line(b, doc);
}

int
sbx_journal_save(
	const struct sbx_plan *p, const char *name, struct sbx_err *err)
{
	struct sbx_buf b = SBX_BUF(SBX_MAX_JOURNAL);
	struct sbx_doc *doc = sbx_doc_new();
	struct sbx_json *root = sbx_doc_root(doc);
	char **argv = NULL;
	int r;

	if ((r = sbx_journal_argv(p->part, &argv, err)) != 0) {
		sbx_doc_free(doc);
		return r;
	}
	sbx_json_add_str(doc, root, "id", p->id);
	sbx_json_add_int(doc, root, "commands", (int64_t)p->ncommands);
	sbx_json_add_int(doc, root, "steps", (int64_t)p->nsteps);
	put_words(doc, "recover", (const char *const *)argv);
	sbx_journal_line(&b, doc);
	for (size_t i = 0; i < p->ncommands; i++)
		put_command(&b, &p->commands[i]);
	for (size_t i = 0; i < p->nsteps; i++)
		put_step(&b, &p->steps[i]);
	r = sbx_journal_put(p, name, &b, err);
	sbx_journal_argv_free(argv);
	sbx_buf_free(&b);
	return r;
}

static bool
get_live(const struct sbx_buf *b, size_t *at, const struct sbx_json *size,
	struct sbx_live *l)
{
	int64_t len;

	if (!sbx_json_int(size, -1, SBX_MAX_LIVE, &len) ||
		(len > 0 && (size_t)len > b->len - *at))
		return false;
	if (len >= 0) {
		sbx_live_put(l, sbx_buf_text(b) + *at, (size_t)len);
		*at += (size_t)len;
	}
	return true;
}

static bool
get_step(struct sbx_plan *p, const struct sbx_buf *b, size_t *at)
{
	struct sbx_doc *doc = sbx_journal_next(b, at);
	const struct sbx_json *root, *force;
	const struct sbx_step_kind *kind;
	const char *word, *of;
	struct sbx_step *s;
	bool good = false;

	if (doc == NULL)
		return false;
	root = sbx_doc_root(doc);
	word = sbx_json_str(root, "kind");
	of = sbx_json_str(root, "of");
	force = sbx_json_get(root, "force");
	kind = word != NULL ? sbx_plan_kind(p, word) : NULL;
	if (kind != NULL && of != NULL && force != NULL) {
		s = sbx_plan_step(p, kind, of, strlen(of));
		s->force = force->yes;
		good = get_live(b, at, sbx_json_get(root, "from"), &s->from) &&
		       get_live(b, at, sbx_json_get(root, "to"), &s->to) &&
		       *at < b->len && b->data[(*at)++] == '\n';
	}
	sbx_doc_free(doc);
	return good;
}

static bool
get_command(struct sbx_plan *p, const struct sbx_buf *b, size_t *at)
{
	struct sbx_doc *doc = sbx_journal_next(b, at);
	const struct sbx_json *root, *silent;
	int64_t when, timeout, step;
	char **argv;
	bool good;

	if (doc == NULL)
		return false;
	root = sbx_doc_root(doc);
	silent = sbx_json_get(root, "silent");
	argv = get_words(sbx_json_get(root, "argv"));
	good = argv != NULL && silent != NULL &&
	       sbx_json_int(sbx_json_get(root, "when"), SBX_CHECK, SBX_HEALTH,
		       &when) &&
	       sbx_json_int(sbx_json_get(root, "timeout"), 0,
		       SBX_MAX_COMMAND_TIMEOUT, &timeout) &&
	       sbx_json_int(
		       sbx_json_get(root, "step"), 0, SBX_MAX_STEPS, &step);
	if (good) {
		p->commands = sbx_mem_grow(p->commands, p->ncommands + 1,
			sizeof(*p->commands));
		p->commands[p->ncommands++] = (struct sbx_command){
			.when = (enum sbx_command_when)when,
			.argv = (const char *const *)argv,
			.timeout = (int)timeout,
			.silent = silent->yes,
			.step = (size_t)step,
		};
	} else {
		sbx_journal_argv_free(argv);
	}
	sbx_doc_free(doc);
	return good;
}

int
sbx_journal_load(struct sbx_plan *p, const char *name, struct sbx_err *err)
{
	struct sbx_buf b = SBX_BUF(SBX_MAX_JOURNAL);
	int64_t steps = 0, commands = 0;
	struct sbx_doc *doc = NULL;
	const char *id = NULL;
	size_t at = 0;
	bool good;
	int r;

	if ((r = sbx_journal_get(p, name, &b, err)) != 0)
		goto out;
	doc = sbx_journal_next(&b, &at);
	if (doc != NULL)
		id = sbx_json_str(sbx_doc_root(doc), "id");
	good = id != NULL && strlen(id) == sizeof(p->id) - 1 &&
	       sbx_json_int(sbx_json_get(sbx_doc_root(doc), "steps"), 0,
		       SBX_MAX_STEPS, &steps) &&
	       sbx_json_int(sbx_json_get(sbx_doc_root(doc), "commands"), 0,
		       SBX_MAX_COMMANDS, &commands);
	if (good)
		memcpy(p->id, id, sizeof(p->id));
	while (good && commands-- > 0)
		good = get_command(p, &b, &at);
	while (good && steps-- > 0)
		good = get_step(p, &b, &at);
	if (!good || at != b.len) {
		r = sbx_err_set(err, SBX_E_SYS,
			"%s/%s: not a journal of this version", p->dir, name);
		sbx_err_hint(err, "look at the things it names, then remove it");
	}
out:
	sbx_doc_free(doc);
	sbx_buf_free(&b);
	return r;
}

int
sbx_journal_recover(const struct sbx_plan *p, char ***argv, struct sbx_err *err)
{
	struct sbx_buf b = SBX_BUF(SBX_MAX_JOURNAL);
	struct sbx_doc *doc = NULL;
	size_t at = 0;
	int r;

	*argv = NULL;
	if ((r = sbx_journal_get(p, "pending", &b, err)) == 0 &&
		(doc = sbx_journal_next(&b, &at)) != NULL)
		*argv = get_words(sbx_json_get(sbx_doc_root(doc), "recover"));
	if (r == 0 && (*argv == NULL || (*argv)[0][0] != '/'))
		r = sbx_err_set(err, SBX_E_SYS,
			"%s/pending: does not say how to undo it", p->dir);
	sbx_doc_free(doc);
	sbx_buf_free(&b);
	return r;
}
