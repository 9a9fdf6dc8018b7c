/* SPDX-License-Identifier: Apache-2.0 */
/* tally, a pure filter, and the topology. */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "election.h"

/* ---- tally ---- */

const struct sbx_opt tally_opts[] = {
	{ 'a', "at", "TIME", "as of then, as RFC 3339 has it; else now" },
	{ 0, NULL, NULL, NULL } };

/* One line: a snapshot that a member signed, or the reason why not. */
static int
take_line(struct work *w, const char *text, size_t len, struct sbx_err *err)
{
	struct sbx_statement *s = NULL;
	int r;

	if ((r = sbx_statement_parse(text, len, &s, err)) != 0)
		return r;
	if (strcmp(s->type->rec.type, "Snapshot") == 0) {
		if (!sbx_state_member(w->st, s->did))
			r = sbx_err_set(err, SBX_E_INPUT, "%s is no member",
				s->did);
		else
			r = sbx_fleet_take(&w->fleet, s, err);
	}
	sbx_statement_free(s);
	return r;
}

static int
take_lines(struct work *w, int fd)
{
	struct sbx_err *err = &w->ctx->err, why = { 0 };
	struct sbx_lines lines;
	size_t refused = 0;
	int r;

	sbx_lines_init(&lines, fd);
	while ((r = sbx_lines_next(&lines, err)) == 1) {
		if (take_line(w, lines.text, lines.len, &why) == 0)
			continue;
		refused++;
		sbx_tool_say(w->ctx, "line %zu: %s", lines.number, why.text);
	}
	sbx_lines_free(&lines);
	if (r == 0 && refused > 0)
		return sbx_err_set(err, SBX_E_INPUT,
			"%zu lines were refused and not counted", refused);
	return r;
}

static void
add_node(struct sbx_doc *doc, struct sbx_json *list,
	const struct sbx_fleet_node *n)
{
	struct sbx_json *o = sbx_json_add(doc, list, NULL, SBX_JSON_OBJECT);

	sbx_json_add_str(doc, o, "did", n->did);
	sbx_json_add_int(doc, o, "seq", n->seq);
	sbx_json_add_int(doc, o, "score", n->score);
	sbx_json_add_int(doc, o, "heard", (int64_t)n->heard);
	sbx_json_add_bool(doc, o, "fresh", n->fresh);
	sbx_json_add_bool(doc, o, "fit", n->unfit == NULL);
	sbx_json_add_str(doc, o, "unfit", n->unfit);
}

static void
print_tally(struct work *w)
{
	const struct sbx_fleet_node *best = NULL, *n;
	struct sbx_doc *doc = sbx_doc_new();
	struct sbx_json *o = sbx_doc_root(doc), *list;

	list = sbx_json_add(doc, o, "nodes", SBX_JSON_ARRAY);
	for (size_t i = 0; i < w->fleet.nnodes; i++) {
		n = &w->fleet.nodes[i];
		add_node(doc, list, n);
		if (n->unfit == NULL &&
			(best == NULL || sbx_fleet_better(n, best)))
			best = n;
	}
	sbx_json_add_time(doc, o, "at", w->at);
	sbx_json_add_str(doc, o, "best", best != NULL ? best->did : NULL);
	sbx_json_add_hex(doc, o, "snapshots", w->fleet.hash, SBX_HASH_BYTES);
	w->ctx->json = true; /* a filter's bytes do not depend on a terminal */
	sbx_tool_row(w->ctx, NULL, o);
	sbx_doc_free(doc);
}

int
cmd_tally(struct sbx_ctx *ctx)
{
	const char *at = sbx_tool_opt(ctx, "at");
	bool named = ctx->argc > 0 && strcmp(ctx->argv[0], "-") != 0;
	int fd = STDIN_FILENO, r;
	struct work w;

	if ((r = work_open(&w, ctx, false)) != 0)
		goto out;
	if (at != NULL && !sbx_time_parse(&w.at, at, strlen(at))) {
		r = sbx_err_set(&ctx->err, SBX_E_USAGE,
			"--at: %.60s is not an RFC 3339 time", at);
		goto out;
	}
	if (named && (fd = open(ctx->argv[0], O_RDONLY | O_CLOEXEC)) < 0) {
		r = sbx_err_sys(&ctx->err, "%s", ctx->argv[0]);
		goto out;
	}
	r = take_lines(&w, fd);
	if (named)
		close(fd);
	if (r == 0 || r == SBX_E_INPUT) {
		sbx_fleet_tally(&w.fleet, w.at);
		print_tally(&w);
	}
out:
	work_close(&w);
	return r;
}

/* ---- topology ---- */

const struct sbx_opt topology_opts[] = {
	{ 0, "dot", NULL, "print a graph for dot(1)" },
	{ 0, NULL, NULL, NULL } };

static const struct sbx_col edge_cols[] = { { "from", "FROM", 0 },
	{ "to", "TO", 0 }, { "age", "HANDSHAKE", 0 }, { "weight", "BYTES", 0 },
	{ "active", "ACTIVE", 0 }, { NULL, NULL, 0 } };

static const char *
label(void *arg, const char *did)
{
	static struct sbx_buf name = SBX_BUF(1024);
	struct work *w = arg;

	sbx_buf_clear(&name);
	if (sbx_name_get(w->st, did, &name, NULL) != 0 || name.len == 0)
		return did;
	return name.data;
}

static int
see_role(void *arg, const struct sbx_json *row, struct sbx_err *err)
{
	(void)err;
	*(struct sbx_doc **)arg = sbx_doc_copy(row);
	return SBX_OK;
}

/* {"address","did","endpoint","last_seen","name","role","state"} */
static int
print_node(struct work *w, const struct sbx_fleet_node *n)
{
	struct sbx_doc *doc = sbx_doc_new(), *node = NULL;
	struct sbx_json *o = sbx_doc_root(doc);
	int r;

	r = sbx_state_each(w->st, SBX_VIEW_NODE, n->did, see_role, &node,
		&w->ctx->err);
	sbx_json_add_str(doc, o, "kind", "node");
	sbx_json_add_str(doc, o, "did", n->did);
	sbx_json_add_str(doc, o, "name", label(w, n->did));
	sbx_json_add_str(doc, o, "address", node != NULL ?
		sbx_json_str(sbx_doc_root(node), "mesh_ip") : NULL);
	sbx_json_add_str(doc, o, "endpoint", n->reachable ? n->endpoint : NULL);
	sbx_json_add_str(doc, o, "role", n->role);
	sbx_json_add_str(doc, o, "state", n->state);
	sbx_json_add_time(doc, o, "last_seen", n->at);
	sbx_tool_row(w->ctx, NULL, o);
	sbx_doc_free(node);
	sbx_doc_free(doc);
	return r;
}

static void
print_edge(struct work *w, const struct sbx_fleet_edge *e)
{
	struct sbx_doc *doc = sbx_doc_new();
	struct sbx_json *o = sbx_doc_root(doc);
	char id[2 * SBX_DID_SIZE];

	snprintf(id, sizeof(id), "%s:%s", e->from->did, e->to->did);
	if (w->ctx->json) {
		sbx_json_add_str(doc, o, "kind", "edge");
		sbx_json_add_str(doc, o, "id", id);
	}
	sbx_json_add_str(doc, o, "from", e->from->did);
	sbx_json_add_str(doc, o, "to", e->to->did);
	if (e->age >= 0)
		sbx_json_add_int(doc, o, "age", e->age);
	else
		sbx_json_add_str(doc, o, "age", NULL);
	sbx_json_add_int(doc, o, "weight", e->bytes);
	sbx_json_add_bool(doc, o, "active", e->active);
	sbx_tool_row(w->ctx, edge_cols, o);
	sbx_doc_free(doc);
}

static int
print_rows(struct work *w)
{
	struct sbx_ctx *ctx = w->ctx;
	size_t count;
	struct sbx_fleet_edge *e = NULL;
	int r = SBX_OK;

	for (size_t i = 0; r == 0 && ctx->json && i < w->fleet.nnodes; i++)
		r = print_node(w, &w->fleet.nodes[i]);
	if (r == 0 && !ctx->json)
		r = sbx_tool_names(ctx, w->st);
	if (r == 0) {
		e = sbx_fleet_edges(&w->fleet, &count);
		for (size_t i = 0; i < count; i++)
			print_edge(w, &e[i]);
		sbx_tool_none(ctx, "no member says yet whom it reaches",
			"sbx-election snapshot");
	}
	free(e);
	return r;
}

int
cmd_topology(struct sbx_ctx *ctx)
{
	struct sbx_buf dot = SBX_BUF(SIZE_MAX);
	char gate[SBX_DID_SIZE] = "";
	int64_t since;
	struct work w;
	int r;

	if ((r = work_open(&w, ctx, false)) != 0 || (r = work_load(&w)) != 0)
		goto out;
	sbx_fleet_gate_read(&ctx->conf, gate, &since, NULL);
	if (sbx_tool_opt(ctx, "dot") != NULL) {
		sbx_fleet_dot(&w.fleet, gate, label, &w, &dot);
		fputs(sbx_buf_text(&dot), stdout);
	} else {
		r = print_rows(&w);
	}
	sbx_tool_rows_end(ctx);
out:
	sbx_buf_free(&dot);
	work_close(&w);
	return r;
}
