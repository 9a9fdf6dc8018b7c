/* SPDX-License-Identifier: Apache-2.0 */
/* Root opens no database: a child that has become its owner prints the rows. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/base.h"
#include "json/json.h"
#include "system/system.h"
#include "ledger/ledger.h"
#include "directory/directory.h"
#include "sbx-join.h"

#define MAX_DIRECTORY (16u << 20)
#define LOOK_MS	      60000

int
state_owner(struct sbx_ctx *ctx, uid_t *uid, gid_t *gid)
{
	struct stat st;

	if (stat(ctx->conf.dir, &st) != 0)
		return sbx_err_sys(&ctx->err, "%s", ctx->conf.dir);
	if ((st.st_mode & S_IWOTH) != 0)
		return sbx_err_set(&ctx->err, SBX_E_USAGE,
			"%s: anybody may write there", ctx->conf.dir);
	*uid = st.st_uid;
	*gid = st.st_gid;
	return SBX_OK;
}

struct out {
	int fd;
	char word;
};

static int
emit(void *arg, const struct sbx_json *row, struct sbx_err *err)
{
	struct sbx_buf line = SBX_BUF(SBX_MAX_LINE);
	const struct out *o = arg;
	int r;

	sbx_buf_add(&line, &o->word, 1);
	r = sbx_canon_write(&line, row, NULL, err);
	sbx_buf_str(&line, "\n");
	if (r == 0 && line.over)
		r = sbx_err_set(err, SBX_E_INPUT, "a row is too long");
	if (r == 0)
		r = sbx_io_write_fd(o->fd, line.data, line.len, err);
	sbx_buf_free(&line);
	return r;
}

static int
print_rows(void *arg, int fd, struct sbx_err *err)
{
	char self[SBX_DID_SIZE], line[SBX_DID_SIZE + 4];
	struct out member = { fd, 'm' }, node = { fd, 'n' };
	struct sbx_state *st = NULL;
	struct sbx_log *log = NULL;
	int r;

	if ((r = sbx_log_open(arg, 0, &log, err)) != 0 ||
		(r = sbx_log_self(log, self, err)) != 0 ||
		(r = sbx_state_open(log, &st, err)) != 0)
		goto out;
	snprintf(line, sizeof(line), "s%s\n", self);
	if ((r = sbx_io_write_fd(fd, line, strlen(line), err)) == 0 &&
		(r = sbx_state_each(st, SBX_VIEW_MEMBER, NULL, emit, &member,
			 err)) == 0)
		r = sbx_state_each(st, SBX_VIEW_NODE, NULL, emit, &node, err);
out:
	sbx_state_free(st);
	sbx_log_close(log);
	return r;
}

static void
keep(struct sbx_doc ***list, size_t *n, struct sbx_doc *doc)
{
	*list = sbx_mem_grow(*list, *n + 1, sizeof(**list));
	(*list)[(*n)++] = doc;
}

static int
take_line(struct look *l, const char *line, struct sbx_err *err)
{
	struct sbx_doc *doc = NULL;
	int r;

	if (line[0] == 's' && sbx_did_check(line + 1, strlen(line + 1))) {
		memcpy(l->self, line + 1, sizeof(l->self));
		return SBX_OK;
	}
	if ((r = sbx_json_parse(line + 1, strlen(line + 1), NULL, &doc, err)) != 0)
		return r;
	if (line[0] == 'm')
		keep(&l->members, &l->nmembers, doc);
	else
		keep(&l->nodes, &l->nnodes, doc);
	return SBX_OK;
}

static const struct sbx_json *
row_of(struct sbx_doc *const *list, size_t n, const char *did)
{
	for (size_t i = 0; i < n; i++)
		if (sbx_json_is(sbx_json_get(sbx_doc_root(list[i]), "did"), did))
			return sbx_doc_root(list[i]);
	return NULL;
}

int
look(struct sbx_ctx *ctx, struct look *l)
{
	struct sbx_buf text = SBX_BUF(MAX_DIRECTORY);
	char *line, *save = NULL;
	uid_t uid;
	gid_t gid;
	int r;

	*l = (struct look){ 0 };
	if (access(ctx->conf.db, F_OK) != 0 && errno == ENOENT)
		return SBX_OK;
	if ((r = state_owner(ctx, &uid, &gid)) != 0 ||
		(r = sbx_priv_child(uid, gid, LOOK_MS, print_rows, ctx->conf.db,
			 &text, &ctx->err)) != 0)
		goto out;
	for (line = text.data != NULL ? strtok_r(text.data, "\n", &save) : NULL;
		line != NULL && r == 0; line = strtok_r(NULL, "\n", &save))
		r = take_line(l, line, &ctx->err);
	l->me = row_of(l->members, l->nmembers, l->self);
	l->node = look_node(l, l->self);
out:
	sbx_buf_free(&text);
	return r;
}

bool
look_member(const struct look *l, const char *did)
{
	const struct sbx_json *row = row_of(l->members, l->nmembers, did);
	const struct sbx_json *state =
		row != NULL ? sbx_json_get(row, "state") : NULL;

	return sbx_json_is(state, "anchor") || sbx_json_is(state, "member");
}

const struct sbx_json *
look_node(const struct look *l, const char *did)
{
	return row_of(l->nodes, l->nnodes, did);
}

void
look_free(struct look *l)
{
	for (size_t i = 0; i < l->nmembers; i++)
		sbx_doc_free(l->members[i]);
	for (size_t i = 0; i < l->nnodes; i++)
		sbx_doc_free(l->nodes[i]);
	free(l->members);
	free(l->nodes);
	*l = (struct look){ 0 };
}
