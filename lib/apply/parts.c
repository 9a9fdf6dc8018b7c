/* SPDX-License-Identifier: Apache-2.0 */
/* Every part that has a journal, by the journals alone: for who has to settle
 * them without knowing what they are, as at boot. */
#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/base.h"
#include "node/node.h"
#include "apply/journal.h"
#include "apply/plan.h"

static bool
part_ok(const char *name)
{
	size_t n = strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-");

	return n > 0 && n <= 32 && name[n] == '\0' && name[0] >= 'a';
}

static int
compare(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* The names in the journals' directory, sorted. */
static int
list(const char *path, char ***names, size_t *count, struct sbx_err *err)
{
	struct dirent *d;
	int r, fd = -1;
	DIR *dir;

	if (access(path, F_OK) != 0 && errno == ENOENT)
		return SBX_OK;
	if ((r = sbx_own_dir(path, &fd, err)) != 0)
		return r;
	if ((dir = fdopendir(fd)) == NULL) {
		close(fd);
		return sbx_err_sys(err, "%s", path);
	}
	while ((d = readdir(dir)) != NULL) {
		if (!part_ok(d->d_name))
			continue;
		*names = sbx_mem_grow(*names, *count + 1, sizeof(**names));
		(*names)[(*count)++] =
			sbx_mem_text(d->d_name, strlen(d->d_name));
	}
	closedir(dir);
	if (*count > 0)
		qsort(*names, *count, sizeof(**names), compare);
	return SBX_OK;
}

/* One part's journal, looked at and not touched. */
static int
look(const struct sbx_conf *conf, struct sbx_part_now *now, struct sbx_err *err)
{
	const struct sbx_part part = { .name = now->name };
	struct sbx_plan p = { .part = &part, .flags = SBX_PLAN_DRY, .lock = -1 };
	struct sbx_buf b = SBX_BUF(4096);
	int r, fd = -1;

	sbx_buf_fmt(&b, "%s/%s", conf->apply, now->name);
	p.dir = b.data;
	if ((r = sbx_own_dir(p.dir, &fd, err)) == 0) {
		close(fd);
		r = sbx_waiting_load(&p, &now->pending, &now->left, err);
	}
	if (r == 0 && now->pending != SBX_PENDING_NONE)
		r = sbx_journal_recover(&p, &now->recover, err);
	sbx_buf_free(&b);
	return r;
}

int
sbx_parts_each(const struct sbx_conf *conf,
	int (*each)(void *ctx, const struct sbx_part_now *now, int r,
		struct sbx_err *err),
	void *ctx, struct sbx_err *err)
{
	char **names = NULL;
	size_t count = 0;
	int r = list(conf->apply, &names, &count, err);

	for (size_t i = 0; i < count; i++) {
		struct sbx_part_now now = { .name = names[i] };
		struct sbx_err why = { 0 };
		int bad = look(conf, &now, &why);

		if (r == SBX_OK && (r = each(ctx, &now, bad, &why)) != 0 &&
			err != NULL)
			*err = why;
		sbx_journal_argv_free(now.recover);
		free(names[i]);
	}
	free(names);
	return r;
}
