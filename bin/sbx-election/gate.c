/* SPDX-License-Identifier: Apache-2.0 */
/* Following the gate, recording a change of it, giving it up. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "election.h"

#define MAX_PROBES 3

/* ---- what this node waits for ---- */

/* "DID since", or nothing; what cannot be read is as if it had begun anew. */
static void
load_wait(const struct work *w, struct sbx_fleet_wait *wait)
{
	struct sbx_buf text = SBX_BUF(256);
	char *path = work_path(w, "election.wait"), did[SBX_DID_SIZE];
	long long since;

	*wait = (struct sbx_fleet_wait){ 0 };
	if (sbx_io_read(path, 0, &text, NULL) == 0 &&
		sscanf(sbx_buf_text(&text), "%40s %lld", did, &since) == 2 &&
		since <= w->at) {
		snprintf(wait->want, sizeof(wait->want), "%s", did);
		wait->since = since;
	}
	free(path);
	sbx_buf_free(&text);
}

static int
save_wait(const struct work *w, const struct sbx_fleet_wait *wait)
{
	char *path = work_path(w, "election.wait"), text[128];
	struct sbx_err *err = &w->ctx->err;
	int r = SBX_OK;

	if (wait->want[0] == '\0') {
		if (unlink(path) != 0 && errno != ENOENT)
			r = sbx_err_sys(err, "%s", path);
	} else {
		snprintf(text, sizeof(text), "%s %lld\n", wait->want,
			(long long)wait->since);
		r = sbx_io_save(path, text, strlen(text), 0644, 0, err);
	}
	free(path);
	return r;
}

/* ---- a term ---- */

static struct sbx_doc *
term_payload(const struct work *w, const struct sbx_fleet_term *head,
	const char *gate)
{
	struct sbx_doc *doc = sbx_doc_new();
	struct sbx_json *o = sbx_doc_root(doc);

	sbx_json_add_str(doc, o, "proposer", w->self);
	sbx_json_add_str(doc, o, "gate", gate);
	sbx_json_add_int(doc, o, "term", head != NULL ? head->term + 1 : 1);
	sbx_json_add_hex(doc, o, "snapshots", w->fleet.hash, SBX_HASH_BYTES);
	sbx_json_add_str(doc, o, "previous", head != NULL ? head->id : NULL);
	sbx_json_add_time(doc, o, "since", w->at);
	return doc;
}

/* On this node's site at once, so that the next pull of the others has it. */
static int
publish_log(struct sbx_ctx *ctx, struct sbx_log *log)
{
	const struct sbx_conf *conf = &ctx->conf;
	struct sbx_state *st = NULL;
	size_t changed = 0;
	int r, lock = -1;

	if (access(conf->www, W_OK) != 0)
		return SBX_OK;
	if ((r = sbx_site_lock(conf, &lock, &ctx->err)) == 0 &&
		(r = sbx_state_open(log, &st, &ctx->err)) == 0 &&
		(r = sbx_site_publish(log, st, conf->www, &changed,
			 &ctx->err)) == 0)
		r = sbx_head_publish(log, conf, conf->www, &changed,
			&ctx->err);
	sbx_state_free(st);
	if (lock >= 0)
		close(lock);
	return r;
}

/* Sign it, append it and show it.  The state is over then. */
static int
record_term(struct work *w, const struct sbx_fleet_term *head, const char *gate)
{
	struct sbx_doc *payload = term_payload(w, head, gate);
	struct sbx_conf *conf = &w->ctx->conf;
	struct sbx_err *err = &w->ctx->err;
	struct sbx_entry *e = NULL;
	struct sbx_key *key = NULL;
	struct sbx_log *log = NULL;
	int r;

	sbx_state_free(w->st);
	w->st = NULL;
	if ((r = sbx_key_load(conf->key, &key, err)) != 0 ||
		(r = sbx_entry_make(key, "witness", "GateTerm",
			 sbx_doc_root(payload), &e, err)) != 0 ||
		(r = sbx_log_open(conf->db, SBX_LOG_WRITE, &log, err)) != 0 ||
		(r = sbx_guard_append(log, conf, e, err)) != 0)
		goto out;
	r = publish_log(w->ctx, log);
out:
	sbx_log_close(log);
	sbx_key_free(key);
	sbx_entry_free(e);
	sbx_doc_free(payload);
	return r;
}

/* ---- which one is followed ---- */

struct address {
	char text[SBX_IP4_SIZE + 8];
	int port;
};

static int
take_address(void *arg, const struct sbx_json *row, struct sbx_err *err)
{
	const char *ip = sbx_json_str(row, "mesh_ip");
	struct address *a = arg;

	(void)err;
	if (ip != NULL && sbx_json_get(row, "member")->yes)
		snprintf(a->text, sizeof(a->text), "%.15s:%d", ip, a->port);
	return SBX_OK;
}

/* By its site's port on the mesh, which is open to every member.  One without an
 * address cannot be asked, and is not doubted. */
static bool
answers(struct work *w, const struct sbx_fleet_node *n)
{
	struct address a = { .port = w->ctx->conf.dir_port };

	return strcmp(n->did, w->self) == 0 ||
	       sbx_state_each(w->st, SBX_VIEW_NODE, n->did, take_address, &a,
		       NULL) != 0 || a.text[0] == '\0' || probe(a.text);
}

/* Others take intervals to agree that a gate is gone.  This node leaves one that
 * does not answer it at once: nothing of its own passes there in any case.
 * When none answers it is this node that is cut off, and nothing changes. */
static const struct sbx_fleet_node *
reached(struct work *w, const struct sbx_fleet_node *gate)
{
	const struct sbx_fleet_node *tried[MAX_PROBES], *n, *best = gate;
	size_t count = 0;

	if (gate == NULL)
		return NULL;
	while (count < MAX_PROBES) {
		if (answers(w, best))
			return best;
		tried[count++] = best;
		best = NULL;
		for (size_t i = 0; i < w->fleet.nnodes; i++) {
			bool again = false;

			n = &w->fleet.nodes[i];
			for (size_t k = 0; k < count; k++)
				again |= tried[k] == n;
			if (!again && n->unfit == NULL &&
				(best == NULL || sbx_fleet_better(n, best)))
				best = n;
		}
		if (best == NULL)
			break;
	}
	return gate;
}

/* The file changes only when the gate does: what watches it acts then. */
static int
follow(struct work *w, const char *did, int64_t since)
{
	struct sbx_conf *conf = &w->ctx->conf;
	struct sbx_buf name = SBX_BUF(1024);
	char now[SBX_DID_SIZE];
	int64_t when;

	if (sbx_fleet_gate_read(conf, now, &when, NULL) == 0 && did != NULL &&
		strcmp(now, did) == 0)
		return SBX_OK;
	if (did != NULL) {
		sbx_name_write(w->st, did, &name);
		sbx_tool_say(w->ctx, "the gate is %s from now on",
			sbx_buf_text(&name));
	}
	sbx_buf_free(&name);
	return sbx_fleet_gate_write(conf, did, since, &w->ctx->err);
}

/* ---- gate ---- */

static const struct sbx_col cols[] = { { "name", "NAME", 24 },
	{ "did", "DID", 0 },
	{ "score", "SCORE", 0 }, { "heard", "HEARD BY", 0 },
	{ "status", "STATUS", 0 }, { "since", "SINCE", 19 },
	{ NULL, NULL, 0 } };

struct answer {
	struct sbx_fleet_choice c;
	const struct sbx_fleet_node *gate; /* that this node follows */
	int64_t since;
};

static void
print_node(struct work *w, const struct answer *a,
	const struct sbx_fleet_node *n)
{
	struct sbx_doc *doc = sbx_doc_new();
	struct sbx_json *o = sbx_doc_root(doc);
	bool head = a->c.head != NULL && strcmp(a->c.head->gate, n->did) == 0;
	struct sbx_buf name = SBX_BUF(256);

	if (sbx_name_get(w->st, n->did, &name, NULL) == 0 && name.len > 0)
		sbx_json_add_str(doc, o, "name", name.data);
	else
		sbx_json_add_str(doc, o, "name", NULL);
	sbx_buf_free(&name);
	sbx_json_add_str(doc, o, "did", n->did);
	sbx_json_add_int(doc, o, "score", n->score);
	sbx_json_add_int(doc, o, "heard", (int64_t)n->heard);
	sbx_json_add_str(doc, o, "status", n == a->gate ? "gate" :
		n->unfit != NULL ? n->unfit :
		n == a->c.gate ? "does not answer here" :
		n == a->c.next ? "next" : "fit");
	if (n == a->gate)
		sbx_json_add_time(doc, o, "since", a->since);
	else
		sbx_json_add_str(doc, o, "since", NULL);
	if (w->ctx->json && head)
		sbx_json_add_int(doc, o, "term", a->c.head->term);
	sbx_tool_row(w->ctx, cols, o);
	sbx_doc_free(doc);
}

static int
by_score(const void *a, const void *b)
{
	const struct sbx_fleet_node *x = *(struct sbx_fleet_node *const *)a;
	const struct sbx_fleet_node *y = *(struct sbx_fleet_node *const *)b;

	if ((x->unfit == NULL) != (y->unfit == NULL))
		return x->unfit == NULL ? -1 : 1;
	return x == y ? 0 : sbx_fleet_better(x, y) ? -1 : 1;
}

static void
print_table(struct work *w, const struct answer *a)
{
	size_t n = w->fleet.nnodes;
	const struct sbx_fleet_node **order =
		sbx_mem_alloc(n + 1, sizeof(struct sbx_fleet_node *));

	for (size_t i = 0; i < n; i++)
		order[i] = &w->fleet.nodes[i];
	qsort(order, n, sizeof(struct sbx_fleet_node *), by_score);
	for (size_t i = 0; i < n; i++)
		print_node(w, a, order[i]);
	sbx_tool_none(w->ctx, "no member has said how it does",
		"sbx-election snapshot");
	sbx_tool_rows_end(w->ctx);
	free(order);
}

static void
elect(struct work *w, struct answer *a, struct sbx_fleet_wait *wait)
{
	char did[SBX_DID_SIZE];
	int64_t since;

	sbx_fleet_choose(&w->fleet, w->self, w->at,
		w->ctx->conf.fleet_interval, wait, &a->c);
	a->gate = reached(w, a->c.gate);
	a->since = w->at;
	if (a->gate == NULL)
		return;
	if (a->c.head != NULL && strcmp(a->c.head->gate, a->gate->did) == 0)
		a->since = a->c.head->since;
	else if (sbx_fleet_gate_read(&w->ctx->conf, did, &since, NULL) == 0 &&
		strcmp(did, a->gate->did) == 0)
		a->since = since;
}

static int
no_gate(struct sbx_ctx *ctx)
{
	sbx_err_set(&ctx->err, SBX_E_NO, "no member is fit to be the gate");
	sbx_err_hint(&ctx->err, "sbx-election topology");
	return SBX_E_NO;
}

int
cmd_gate(struct sbx_ctx *ctx)
{
	struct sbx_fleet_wait wait;
	struct answer a = { 0 };
	struct work w;
	int r;

	if ((r = work_open(&w, ctx, false)) != 0 || (r = work_load(&w)) != 0)
		goto out;
	load_wait(&w, &wait);
	elect(&w, &a, &wait);
	print_table(&w, &a);
	if (ctx->dry)
		goto out;
	if ((r = save_wait(&w, &wait)) == 0)
		r = follow(&w, a.gate != NULL ? a.gate->did : NULL, a.since);
	if (r == 0 && a.c.propose != NULL)
		r = record_term(&w, a.c.head, a.c.propose->did);
out:
	if (r == 0 && a.gate == NULL)
		r = no_gate(ctx);
	work_close(&w);
	return r;
}

/* ---- drain, undrain ---- */

const struct sbx_opt drain_opts[] = {
	{ 'w', "wait", "SECONDS", "wait so long until all others have moved" },
	{ 0, NULL, NULL, NULL } };

static int
mark(struct work *w, bool yes)
{
	char *path = work_path(w, "drained");
	struct sbx_err *err = &w->ctx->err;
	int r = SBX_OK;

	if (yes)
		r = sbx_io_save(path, "", 0, 0644, 0, err);
	else if (unlink(path) != 0 && errno != ENOENT)
		r = sbx_err_sys(err, "%s", path);
	free(path);
	return r;
}

/* Say in a snapshot that this box is not to be the gate. */
static int
say_drained(struct sbx_ctx *ctx)
{
	struct work w;
	int r;

	if ((r = work_open(&w, ctx, true)) == 0 &&
		(r = mark(&w, true)) == 0 && (r = work_load(&w)) == 0)
		r = say_snapshot(&w);
	work_close(&w);
	return r;
}

/* What there is to choose now, with nobody waited for. */
static int
choose_now(struct work *w, struct sbx_ctx *ctx, struct sbx_fleet_choice *c)
{
	struct sbx_fleet_wait wait = { 0 };
	int r;

	if ((r = work_open(w, ctx, false)) == 0 && (r = work_load(w)) == 0)
		sbx_fleet_choose(&w->fleet, w->self, w->at,
			ctx->conf.fleet_interval, &wait, c);
	return r;
}

/* Leave the role, if this box has it, to the best of the others. */
static int
give_up(struct sbx_ctx *ctx)
{
	struct sbx_fleet_choice c;
	struct work w;
	int r;

	if ((r = choose_now(&w, ctx, &c)) != 0)
		goto out;
	if (c.head == NULL || strcmp(c.head->gate, w.self) != 0)
		goto out;
	if (c.gate == NULL) {
		r = sbx_err_set(&ctx->err, SBX_E_NO, "no other hub is fit: "
			"traffic between spokes ends with this box");
		sbx_err_hint(&ctx->err, "sbx-election -n gate");
	} else if ((r = follow(&w, c.gate->did, w.at)) == 0) {
		r = record_term(&w, c.head, c.gate->did);
	}
out:
	work_close(&w);
	return r;
}

/* The fresh members but for this one, and those of them that still follow an
 * older term than the one that took the role from here, or one that is not known
 * here yet.  While this box follows itself, its term has not come in: one left. */
static int
count_left(struct sbx_ctx *ctx, size_t *others, size_t *left)
{
	char gate[SBX_DID_SIZE] = "";
	struct sbx_fleet_choice c;
	int64_t since, term;
	struct work w;
	int r;

	*others = *left = 0;
	if ((r = choose_now(&w, ctx, &c)) != 0)
		goto out;
	term = c.head != NULL ? c.head->term : 0;
	for (size_t i = 0; i < w.fleet.nnodes; i++) {
		const struct sbx_fleet_node *n = &w.fleet.nodes[i];

		if (!n->fresh || strcmp(n->did, w.self) == 0)
			continue;
		++*others;
		*left += n->term != term;
	}
	if (*left == 0 && sbx_fleet_gate_read(&ctx->conf, gate, &since,
			NULL) == SBX_OK &&
		strcmp(gate, w.self) == 0)
		*left = 1;
out:
	work_close(&w);
	return r;
}

int
cmd_drain(struct sbx_ctx *ctx)
{
	int64_t seconds = 0, end;
	size_t others, left;
	int r;

	if ((r = sbx_tool_num(ctx, "wait", 1, 86400, 0, &seconds)) != 0)
		return r;
	if (ctx->dry) {
		sbx_tool_say(ctx, "would give up the gate");
		return SBX_OK;
	}
	end = sbx_clock_boot() + seconds * SBX_SECOND;
	if ((r = say_drained(ctx)) != 0)
		return r;
	while ((r = give_up(ctx)) == 0 &&
		(r = count_left(ctx, &others, &left)) == 0 && left > 0 &&
		sbx_clock_boot() < end)
		usleep(500000);
	if (r != 0)
		return r;
	if (left == 0) {
		sbx_tool_say(ctx, "it is safe to stop this box");
		return SBX_OK;
	}
	sbx_err_set(&ctx->err, SBX_E_NO, "%zu of %zu members have not moved yet",
		left, others);
	sbx_err_hint(&ctx->err, "sbx-election drain --wait 300");
	return SBX_E_NO;
}

int
cmd_undrain(struct sbx_ctx *ctx)
{
	struct work w;
	int r;

	if ((r = work_open(&w, ctx, !ctx->dry)) == 0 && ctx->dry)
		sbx_tool_say(ctx, "would let this box be the gate again");
	else if (r == 0 && (r = mark(&w, false)) == 0 &&
		(r = work_load(&w)) == 0)
		r = say_snapshot(&w);
	work_close(&w);
	return r;
}
