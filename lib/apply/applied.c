/* SPDX-License-Identifier: Apache-2.0 */
/* What the last change that was kept left, and what waits to be confirmed. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/base.h"
#include "json/json.h"
#include "apply/journal.h"
#include "apply/plan.h"

#define MAX_APPLIED (16u << 20)

/* ---- applied ---- */

static bool
get_applied(struct sbx_applied *a, const struct sbx_json *root)
{
	const char *kind = sbx_json_str(root, "kind"),
		   *of = sbx_json_str(root, "of"),
		   *hash = sbx_json_str(root, "sha256");

	if (kind == NULL || of == NULL || hash == NULL ||
		!sbx_hex_parse(a->hash, sizeof(a->hash), hash, strlen(hash)))
		return false;
	a->kind = sbx_mem_text(kind, strlen(kind));
	a->of = sbx_mem_text(of, strlen(of));
	return true;
}

/* Which change was kept last; a box that lost this file has forgotten what was
 * edited by hand, no more. */
int
sbx_applied_load(struct sbx_plan *p, struct sbx_err *err)
{
	struct sbx_buf b = SBX_BUF(MAX_APPLIED);
	struct sbx_doc *doc;
	size_t at = 0, room = 0;
	int r;

	if ((r = sbx_journal_get(p, "applied", &b, err)) == 0) {
		sbx_doc_free(sbx_journal_next(&b, &at)); /* the id */
		while ((doc = sbx_journal_next(&b, &at)) != NULL) {
			if (p->napplied == room) {
				room = room > 0 ? 2 * room : 64;
				p->applied = sbx_mem_grow(p->applied, room,
					sizeof(*p->applied));
			}
			if (get_applied(&p->applied[p->napplied],
				    sbx_doc_root(doc)))
				p->napplied++;
			sbx_doc_free(doc);
		}
	}
	sbx_buf_free(&b);
	return r == SBX_E_NO ? SBX_OK : r;
}

const struct sbx_applied *
sbx_applied_find(const struct sbx_plan *p, const char *kind, const char *of)
{
	for (size_t i = 0; i < p->napplied; i++)
		if (strcmp(p->applied[i].of, of) == 0 &&
			strcmp(p->applied[i].kind, kind) == 0)
			return &p->applied[i];
	return NULL;
}

static void
put_applied(struct sbx_buf *b, const char *kind, const char *of,
	const unsigned char hash[static SBX_HASH_BYTES])
{
	struct sbx_doc *doc = sbx_doc_new();
	struct sbx_json *root = sbx_doc_root(doc);

	sbx_json_add_str(doc, root, "kind", kind);
	sbx_json_add_str(doc, root, "of", of);
	sbx_json_add_hex(doc, root, "sha256", hash, SBX_HASH_BYTES);
	sbx_journal_line(b, doc);
}

static bool
has_step(const struct sbx_plan *p, const struct sbx_applied *a)
{
	for (size_t i = 0; i < p->nsteps; i++)
		if (strcmp(p->steps[i].of, a->of) == 0 &&
			strcmp(p->steps[i].kind->name, a->kind) == 0)
			return true;
	return false;
}

int
sbx_applied_save(struct sbx_plan *p, struct sbx_err *err)
{
	struct sbx_buf b = SBX_BUF(MAX_APPLIED);
	struct sbx_doc *doc = sbx_doc_new();
	unsigned char hash[SBX_HASH_BYTES];
	size_t i;
	int r;

	sbx_json_add_str(doc, sbx_doc_root(doc), "id", p->id);
	sbx_journal_line(&b, doc);
	for (i = 0; i < p->napplied; i++)
		if (!has_step(p, &p->applied[i]))
			put_applied(&b, p->applied[i].kind, p->applied[i].of,
				p->applied[i].hash);
	for (i = 0; i < p->nsteps; i++) {
		sbx_live_hash(hash, &p->steps[i].to);
		put_applied(&b, p->steps[i].kind->name, p->steps[i].of, hash);
	}
	r = sbx_journal_put(p, "applied", &b, err);
	sbx_buf_free(&b);
	return r;
}

/* ---- waiting, and what is pending ---- */

int
sbx_waiting_save(const struct sbx_plan *p, int seconds, struct sbx_err *err)
{
	struct sbx_buf b = SBX_BUF(1024);
	struct sbx_doc *doc = sbx_doc_new();
	struct sbx_json *root = sbx_doc_root(doc);
	int r;

	sbx_json_add_str(doc, root, "id", p->id);
	sbx_json_add_str(doc, root, "boot", sbx_clock_boot_id());
	sbx_json_add_int(doc, root, "until",
		sbx_clock_boot() + seconds * SBX_SECOND);
	sbx_journal_line(&b, doc);
	r = sbx_journal_put(p, "waiting", &b, err);
	sbx_buf_free(&b);
	return r;
}

/* The first line of a file of the journal; *doc NULL: there is none. */
static int
first_line(const struct sbx_plan *p, const char *name, size_t max,
	struct sbx_doc **doc, struct sbx_err *err)
{
	struct sbx_buf b = SBX_BUF(max);
	size_t at = 0;
	int r;

	*doc = NULL;
	if ((r = sbx_journal_get(p, name, &b, err)) == 0 &&
		(*doc = sbx_journal_next(&b, &at)) == NULL) {
		r = sbx_err_set(err, SBX_E_SYS,
			"%s/%s: not a journal of this version", p->dir, name);
		sbx_err_hint(err, "look at what the audit log says of it, then "
			"remove it");
	}
	sbx_buf_free(&b);
	return r == SBX_E_NO ? SBX_OK : r;
}

static bool
same_id(const struct sbx_doc *a, const struct sbx_doc *b)
{
	const char *x, *y;

	if (a == NULL || b == NULL)
		return false;
	x = sbx_json_str(sbx_doc_root(a), "id");
	y = sbx_json_str(sbx_doc_root(b), "id");
	return x != NULL && y != NULL && strcmp(x, y) == 0;
}

/* Its deadline is on a clock that nobody sets, and over with the boot that it
 * was made in. */
static int64_t
seconds_left(const struct sbx_doc *waiting)
{
	const struct sbx_json *root = sbx_doc_root(waiting);
	const char *boot = sbx_json_str(root, "boot");
	int64_t until, left;

	if (boot == NULL || boot[0] == '\0' ||
		strcmp(boot, sbx_clock_boot_id()) != 0 ||
		!sbx_json_int(sbx_json_get(root, "until"), 0, SBX_MAX_INT,
			&until))
		return 0;
	left = until - sbx_clock_boot() + SBX_SECOND - 1;
	return left > 0 ? left / SBX_SECOND : 0;
}

int
sbx_waiting_load(const struct sbx_plan *p, enum sbx_pending *what,
	int64_t *left, struct sbx_err *err)
{
	struct sbx_doc *pending = NULL, *waiting = NULL, *applied = NULL;
	int r;

	*what = SBX_PENDING_NONE;
	*left = 0;
	if ((r = first_line(p, "pending", SBX_MAX_JOURNAL, &pending, err)) !=
			0 ||
		(r = first_line(p, "waiting", 4096, &waiting, err)) != 0 ||
		(r = first_line(p, "applied", MAX_APPLIED, &applied, err)) != 0)
		goto out;
	if (same_id(pending, waiting)) {
		*what = SBX_PENDING_WAITING;
		*left = seconds_left(waiting);
	} else if (pending != NULL) {
		*what = SBX_PENDING_CUT;
	}
	if (same_id(pending, applied)) {
		*what = SBX_PENDING_NONE;
		if (!(p->flags & SBX_PLAN_DRY))
			r = sbx_journal_file(p, err);
	}
out:
	sbx_doc_free(pending);
	sbx_doc_free(waiting);
	sbx_doc_free(applied);
	return r;
}

/* ---- the end of a change ---- */

static int
gone(const struct sbx_plan *p, const char *name, struct sbx_err *err)
{
	char *path = sbx_journal_path(p, name);
	int r = SBX_OK;

	if (unlink(path) != 0 && errno != ENOENT)
		r = sbx_err_sys(err, "%s", path);
	else
		r = sbx_io_sync_dir(path, err);
	free(path);
	return r;
}

int
sbx_journal_file(const struct sbx_plan *p, struct sbx_err *err)
{
	char *from = sbx_journal_path(p, "pending");
	char *to = sbx_journal_path(p, "last");
	int r = SBX_OK;

	if (rename(from, to) != 0 && errno != ENOENT)
		r = sbx_err_sys(err, "%s", to);
	free(from);
	free(to);
	return r == 0 ? gone(p, "waiting", err) : r;
}

int
sbx_journal_commit(struct sbx_plan *p, struct sbx_err *err)
{
	int r = sbx_applied_save(p, err);

	/* It is kept from here on; who comes next files what we could not. */
	if (r == 0)
		sbx_journal_file(p, NULL);
	return r;
}

int
sbx_journal_drop(const struct sbx_plan *p, struct sbx_err *err)
{
	int r = gone(p, "pending", err);

	return r == 0 ? gone(p, "waiting", err) : r;
}
