/* SPDX-License-Identifier: Apache-2.0 */
/* The members and nodes of the directory, which its owner reads for root. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/base.h"
#include "json/json.h"
#include "directory/directory.h"
#include "sbx-join.h"

struct out {
	int fd;
	const char *word;
};

static int
say(void *arg, const struct sbx_json *row, struct sbx_err *err)
{
	const struct out *o = arg;

	return sbx_reader_say(o->fd, o->word, row, err);
}

static int
ask(void *arg, struct sbx_state *st, const char *self, int fd,
	struct sbx_err *err)
{
	struct out member = { fd, "member" }, node = { fd, "node" };
	char line[SBX_DID_SIZE + 8];
	int r;

	(void)arg;
	snprintf(line, sizeof(line), "self %s\n", self);
	if ((r = sbx_io_write_fd(fd, line, strlen(line), err)) == 0 &&
		(r = sbx_state_each(st, SBX_VIEW_MEMBER, NULL, say, &member,
			 err)) == 0)
		r = sbx_state_each(st, SBX_VIEW_NODE, NULL, say, &node, err);
	return r;
}

static void
keep(struct sbx_doc ***list, size_t *n, struct sbx_doc *doc)
{
	*list = sbx_mem_grow(*list, *n + 1, sizeof(**list));
	(*list)[(*n)++] = doc;
}

static int
hear(void *arg, char *line, size_t len, struct sbx_err *err)
{
	size_t word = strcspn(line, " "), at = word + (line[word] == ' ');
	struct sbx_doc *doc = NULL;
	struct look *l = arg;
	int r;

	if (word == 4 && memcmp(line, "self", 4) == 0 &&
		sbx_did_check(line + at, len - at)) {
		memcpy(l->self, line + at, sizeof(l->self));
		return SBX_OK;
	}
	if ((r = sbx_json_parse(line + at, len - at, NULL, &doc, err)) != 0)
		return r;
	if (word == 6 && memcmp(line, "member", 6) == 0)
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
	const struct sbx_reading reading = { .ask = ask, .hear = hear, .ctx = l };
	int r;

	*l = (struct look){ 0 };
	if (access(ctx->conf.db, F_OK) != 0 && errno == ENOENT)
		return SBX_OK;
	if ((r = sbx_reader(ctx->conf.db, &reading, &ctx->err)) != 0)
		return r;
	l->me = row_of(l->members, l->nmembers, l->self);
	l->node = look_node(l, l->self);
	return SBX_OK;
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
