/* SPDX-License-Identifier: Apache-2.0 */
/* The fleet elects its gate: each node for itself, from what all of them say. */
#include <stdlib.h>
#include <string.h>

#include "election.h"

char *
work_path(const struct work *w, const char *name)
{
	struct sbx_buf path = SBX_BUF(4096);

	sbx_buf_fmt(&path, "%s/%s", w->ctx->conf.dir, name);
	return path.data; /* transferred */
}

int
work_open(struct work *w, struct sbx_ctx *ctx, bool write)
{
	int r;

	*w = (struct work){ .ctx = ctx, .at = sbx_clock_now() };
	if ((r = sbx_log_open(ctx->conf.db, 0, &w->log, &ctx->err)) != 0 ||
		(r = sbx_log_self(w->log, w->self, &ctx->err)) != 0 ||
		(r = sbx_state_open(w->log, &w->st, &ctx->err)) != 0)
		return r;
	return write ? sbx_now_open(&ctx->conf, &w->now, &ctx->err) :
		sbx_now_load(&ctx->conf, &w->now, &ctx->err);
}

static int
take_term(void *arg, const struct sbx_json *row, struct sbx_err *err)
{
	struct sbx_fleet_term t = { 0 };
	struct work *w = arg;
	const char *previous = sbx_json_str(row, "previous");

	(void)err;
	if (!sbx_json_get(row, "member")->yes ||
		!sbx_json_time(row, "since", &t.since) ||
		!sbx_json_int(sbx_json_get(row, "term"), 1, SBX_MAX_INT,
			&t.term))
		return SBX_OK;
	snprintf(t.id, sizeof(t.id), "%s", sbx_json_str(row, "entry"));
	snprintf(t.proposer, sizeof(t.proposer), "%s",
		sbx_json_str(row, "proposer"));
	snprintf(t.gate, sizeof(t.gate), "%s", sbx_json_str(row, "gate"));
	snprintf(t.previous, sizeof(t.previous), "%s",
		previous != NULL ? previous : "");
	sbx_fleet_put_term(&w->fleet, &t);
	return SBX_OK;
}

/* The signatures of those that are kept were verified on their way in. */
int
work_load(struct work *w)
{
	const struct sbx_statement *s;
	struct sbx_fleet_node node;
	int r;

	sbx_now_members(w->now, w->st);
	for (size_t i = 0; (s = sbx_now_at(w->now, i)) != NULL; i++)
		if (strcmp(s->type->rec.type, "Snapshot") == 0 &&
			sbx_fleet_node_read(&node, s, NULL) == 0)
			sbx_fleet_put(&w->fleet, &node);
	r = sbx_state_each(w->st, SBX_VIEW_GATE, NULL, take_term, w,
		&w->ctx->err);
	if (r == 0)
		sbx_fleet_tally(&w->fleet, w->at);
	return r;
}

void
work_close(struct work *w)
{
	sbx_fleet_free(&w->fleet);
	sbx_now_free(w->now);
	sbx_state_free(w->st);
	sbx_log_close(w->log);
}

static const struct sbx_cmd cmds[] = {
	{ "gate", cmd_gate, NULL, 0, 0,
		"follow the gate, and list who could be it", NULL },
	{ "snapshot", cmd_snapshot, NULL, 0, 0,
		"measure this box, sign and publish it", NULL },
	{ "tally", cmd_tally, "[FILE]", 0, 1,
		"judge and score signed snapshots", tally_opts },
	{ "drain", cmd_drain, NULL, 0, 0,
		"give up the gate before this box is stopped", drain_opts },
	{ "undrain", cmd_undrain, NULL, 0, 0,
		"let this box be the gate again", NULL },
	{ "topology", cmd_topology, NULL, 0, 0,
		"list which members reach each other", topology_opts },
	{ NULL, NULL, NULL, 0, 0, NULL, NULL },
};

int
main(int argc, char **argv)
{
	static const struct sbx_tool tool = {
		.name = "sbx-election",
		.summary = "elect the hub that carries the mesh's traffic",
		.cmds = cmds,
	};

	return sbx_tool_main(&tool, argc, argv);
}
