/* SPDX-License-Identifier: Apache-2.0 */
/* Fetch what is new from peers, verify it, merge it. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/base.h"
#include "json/json.h"
#include "system/system.h"
#include "ledger/ledger.h"
#include "node/node.h"
#include "exchange/exchange.h"
#include "tool/tool.h"
#include "exchange/now.h"
#include "sbx-pull.h"

/* What a site may hold, the best form first; the last is what older nodes
 * serve. */
static const char *const forms[] = { "export.jsonl", "log/export",
	"api/v1/annuaire/log/export" };
#define FORMS (sizeof(forms) / sizeof(forms[0]))

/* For who sits and waits: one line that is written over. */
static void
progress(void *arg)
{
	struct pull *p = arg;
	const struct sbx_import *im = &p->im;
	int64_t now = sbx_clock_boot(), took = now - p->since, rate;
	uint64_t done = im->total > 0 ? im->done :
				       im->added + im->known + im->held +
					       im->refused;

	if (p->ctx->quiet || took < SBX_SECOND || now - p->shown < SBX_SECOND / 5 ||
		!isatty(STDERR_FILENO))
		return;
	p->shown = now;
	rate = (int64_t)done * SBX_SECOND / took;
	fprintf(stderr, "\r\033[K%.40s: %ju", p->name, (uintmax_t)done);
	if (im->total > 0)
		fprintf(stderr, " of %ju", (uintmax_t)im->total);
	fprintf(stderr, " entries, %jd/s", (intmax_t)rate);
	if (im->total > done && rate > 0)
		fprintf(stderr, ", %ju s left",
			(uintmax_t)(im->total - done) / (uintmax_t)rate + 1);
}

static void
progress_end(struct pull *p)
{
	if (p->shown != 0)
		fputs("\r\033[K", stderr);
	p->shown = 0;
}

static void
refused(void *arg, size_t number, const struct sbx_err *err)
{
	struct pull *p = arg;
	struct sbx_err e = *err;

	progress_end(p);
	sbx_err_at(&e, "%.100s: entry %zu", p->name, number);
	sbx_tool_warn(p->ctx, &e);
}

static bool
ends(const char *text, const char *with)
{
	size_t len = strlen(text), n = strlen(with);

	return len >= n && strcmp(text + len - n, with) == 0;
}

static int
pull_url(struct pull *p, const char *url, int64_t until, int *status,
	struct sbx_err *err)
{
	struct sbx_fetch f = { .url = url,
		.max = SBX_MAX_EXPORT,
		.ok_only = true,
		.timeout = (int)((until - sbx_clock_boot()) / 1000) };
	struct sbx_err why = { 0 };
	struct sbx_fetching *job;
	int fd, r, end;

	if (f.timeout <= 0)
		return sbx_err_set(err, SBX_E_SYS, "too slow, given up");
	if ((r = sbx_fetch_start(&f, &job, &fd, err)) != 0)
		return r;
	r = sbx_follow_export(p->log, url, fd, &p->im, err);
	close(fd);
	/* The import fails only by the machine's fault; then the fetch, cut
	 * short by us, has nothing to say. */
	end = sbx_fetch_end(job, status, NULL, &why);
	if (r != 0)
		return r;
	if (end != 0)
		*err = why;
	else if (*status != 200 && *status != 404)
		end = sbx_err_set(
			err, SBX_E_SYS, "answers with status %d", *status);
	return end;
}

/* An export at one of its places; what is known of it is passed over, unless
 * it has changed. */
static int
pull_export(struct pull *p, const char *base, bool whole, int64_t until,
	struct sbx_err *err)
{
	struct sbx_buf url = SBX_BUF(2048);
	int r = SBX_OK, status = 404;

	for (size_t i = 0; r == 0 && status == 404 && i < FORMS; i++) {
		sbx_buf_clear(&url);
		sbx_buf_fmt(&url, "%s%s%s", base,
			whole || ends(base, "/") ? "" : "/",
			whole ? "" : forms[i]);
		r = url.over ? sbx_err_set(err, SBX_E_USAGE,
				       "the address is too long") :
			       pull_url(p, url.data, until, &status, err);
		if (r != 0 && p->im.changed)
			r = pull_url(p, url.data, until, &status, err);
		if (whole)
			break;
	}
	if (r == 0 && status == 404)
		r = sbx_err_set(
			err, SBX_E_SYS, "%.200s: no log is there", base);
	sbx_buf_free(&url);
	return r;
}

static void
refused_statement(void *arg, size_t number, const struct sbx_err *err)
{
	struct pull *p = arg;
	struct sbx_err e = *err;

	sbx_err_at(&e, "%.100s: statement %zu", p->name, number);
	sbx_tool_warn(p->ctx, &e);
}

/* What members say about now, as far as this site has heard of it. */
static int
pull_now(struct pull *p, const char *base, int64_t until, struct sbx_err *err)
{
	struct sbx_now_visit v = { .base = base,
		.until = until,
		.all = p->all,
		.refuse = refused_statement,
		.ctx = p };
	int r = sbx_now_pull(p->log, &p->ctx->conf, &v, err);

	p->im.refused += v.refused;
	if (p->ctx->verbose && v.added > 0)
		sbx_tool_say(p->ctx, "%.100s: %zu new statements", p->name,
			v.added);
	return r;
}

/* *found: there is a checkpoint, and all else with it. */
static int
pull_log(struct pull *p, const char *base, const char *did, int64_t until,
	bool *found, struct sbx_err *err)
{
	struct sbx_buf forks = SBX_BUF(4096);
	struct sbx_follow f = { .base = base,
		.did = did,
		.www = p->ctx->conf.www,
		.until = until,
		.all = p->all,
		.repin = p->repin,
		.im = &p->im };
	int r;

	sbx_buf_fmt(&forks, "%s/forks", p->ctx->conf.dir);
	f.forks = sbx_buf_text(&forks);
	r = sbx_follow(p->log, &f, err);
	*found = f.found;
	sbx_buf_str(&p->base, base);
	p->seen = f;
	p->whole = r == 0 && f.found;
	p->own = f.own;
	p->moved = p->moved || f.moved;
	if (r == 0 && f.found)
		r = sbx_witness_collect(p->log, &p->ctx->conf, base, f.is, until,
			f.moved, err);
	if (r == 0 && f.found)
		r = pull_now(p, base, until, err);
	if (f.anew && r == 0)
		sbx_tool_say(p->ctx, "%.100s: %s has begun a new log", p->name,
			f.is);
	sbx_buf_free(&forks);
	return r;
}

static int
pull_site(struct pull *p, const char *base, const char *did,
	struct sbx_err *err)
{
	int64_t until = sbx_clock_boot() + p->slot * SBX_SECOND;
	bool whole = ends(base, ".jsonl") || ends(base, "/export");
	struct sbx_buf url = SBX_BUF(2048);
	bool found = false;
	int r = SBX_OK;

	sbx_buf_fmt(&url, "%s%s", base, whole || ends(base, "/") ? "" : "/");
	if (url.over)
		r = sbx_err_set(err, SBX_E_USAGE, "the address is too long");
	else if (!whole)
		r = pull_log(p, url.data, did, until, &found, err);
	if (r == 0 && !found)
		r = pull_export(p, base, whole, until, err);
	sbx_buf_free(&url);
	return r;
}

static int
pull_file(struct pull *p, const char *path, struct sbx_err *err)
{
	struct sbx_buf inside = SBX_BUF(4096);
	bool found = false;
	struct stat st;
	int fd, r = SBX_OK;

	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd >= 0 && fstat(fd, &st) == 0 && S_ISDIR(st.st_mode))
		r = pull_log(p, path, NULL, 0, &found, err);
	for (size_t i = 0; !found && r == 0 && fd >= 0 &&
			   S_ISDIR(st.st_mode) && i < FORMS;
		i++) {
		sbx_buf_clear(&inside);
		sbx_buf_fmt(&inside, "%s/%s", path, forms[i]);
		close(fd);
		fd = open(sbx_buf_text(&inside), O_RDONLY | O_CLOEXEC);
		if (fd >= 0 || errno != ENOENT)
			break;
		if (i + 1 < FORMS)
			fd = open(path, O_RDONLY | O_CLOEXEC);
	}
	sbx_buf_free(&inside);
	if (fd < 0)
		return sbx_err_sys(err, "%.200s", path);
	if (r == 0 && !found)
		r = sbx_import_fd(p->log, fd, &p->im, err);
	close(fd);
	return r;
}

static void
report(struct pull *p, const char *from, const struct sbx_import *im,
	const struct sbx_err *failed)
{
	struct sbx_ctx *ctx = p->ctx;
	struct sbx_doc *doc;
	struct sbx_json *row;

	if (!ctx->json) {
		if (failed == NULL && !ctx->quiet && im->held > 0)
			sbx_tool_out(ctx,
				"%s: %zu new, %zu known, %zu held, %zu refused",
				p->name, im->added, im->known, im->held,
				im->refused);
		else if (failed == NULL && !ctx->quiet)
			sbx_tool_out(ctx, "%s: %zu new, %zu known, %zu refused",
				p->name, im->added, im->known, im->refused);
		return;
	}
	doc = sbx_doc_new();
	row = sbx_doc_root(doc);
	sbx_json_add_str(doc, row, "name", p->name);
	sbx_json_add_str(doc, row, "from", from);
	sbx_json_add_int(doc, row, "new", (int64_t)im->added);
	sbx_json_add_int(doc, row, "known", (int64_t)im->known);
	sbx_json_add_int(doc, row, "held", (int64_t)im->held);
	sbx_json_add_int(doc, row, "refused", (int64_t)im->refused);
	if (p->heard.at != 0)
		sbx_json_add_time(doc, row, "heard", p->heard.at);
	else
		sbx_json_add_str(doc, row, "heard", NULL);
	sbx_json_add_bool(doc, row, "stale", p->heard.stale);
	sbx_json_add_str(
		doc, row, "error", failed != NULL ? failed->text : NULL);
	sbx_tool_row(ctx, NULL, row);
	sbx_doc_free(doc);
}

/* What this node has said itself and did not know of, and what is known to be
 * missing of that still. */
static int
settle(struct pull *p, int r, struct sbx_err *err)
{
	struct sbx_err why = { 0 };
	int64_t left = 0;
	int end = SBX_OK;

	if (r == 0 || p->whole)
		end = sbx_guard_settle(p->log, &p->ctx->conf, p->im.source,
			p->own, &left, r == 0 ? err : NULL);
	r = r != 0 ? r : end;
	if (sbx_guard_tell(&why, p->im.own, left)) {
		sbx_err_at(&why, "%.100s", p->name);
		sbx_tool_warn(p->ctx, &why);
	}
	return r;
}

/* A log that answers may be kept from us all the same.  What is carried by hand
 * is as old as the way is long. */
static int
judge_age(struct pull *p, const char *did, int r, struct sbx_err *err)
{
	const char *base = sbx_buf_text(&p->base);
	int end;

	if (base[0] == '\0')
		return r;
	end = sbx_heard_load(p->log, &p->ctx->conf, base, did, &p->heard,
		r == 0 ? err : NULL);
	if (r == 0 && end == 0 && strstr(base, "://") != NULL)
		end = sbx_heard_judge(&p->heard, &p->seen, err);
	return r != 0 ? r : end;
}

/* One source to its end; whatever goes wrong with it, the next has its turn. */
static void
pull_from(struct pull *p, const char *name, const char *from, const char *did)
{
	struct sbx_err err = { 0 };
	int r;

	p->name = name;
	p->whole = p->own = false;
	p->seen = (struct sbx_follow){ 0 };
	p->heard = (struct sbx_heard){ 0 };
	sbx_buf_clear(&p->base);
	p->im = (struct sbx_import){ .refuse = refused,
		.progress = progress,
		.ctx = p,
		.source = from };
	p->since = sbx_clock_boot();
	if (p->ctx->dry) {
		sbx_tool_out(p->ctx, "%s: would pull from %s", name, from);
		return;
	}
	if (strcmp(from, "-") == 0)
		r = sbx_import_fd(p->log, STDIN_FILENO, &p->im, &err);
	else if (strstr(from, "://") != NULL)
		r = pull_site(p, from, did, &err);
	else
		r = pull_file(p, from, &err);
	progress_end(p);
	r = settle(p, r, &err);
	r = judge_age(p, did, r, &err);
	p->added += p->im.added;
	report(p, from, &p->im, r != 0 ? &err : NULL);
	if (r == 0 && p->im.refused > 0)
		r = SBX_E_INPUT;
	else if (r == 0)
		r = sbx_import_deferred(&p->im, &err);
	if (err.text[0] != '\0') {
		sbx_err_at(&err, "%.100s", name);
		sbx_peer_hint(&err);
		sbx_tool_warn(p->ctx, &err);
	}
	if (r < p->worst)
		p->worst = r;
}

/* An argument is an address, "-", a peer's name or else a file: NULL when it
 * can be none of them. */
static const char *
source(struct pull *p, const char *arg, const char **did)
{
	const struct sbx_peer *peer;

	*did = NULL;
	if (sbx_peer_address(arg, &p->ctx->err) != 0)
		return NULL;
	if (strcmp(arg, "-") == 0 || strstr(arg, "://") != NULL)
		return arg;
	if (strchr(arg, '/') == NULL &&
		sbx_peers_find(&p->peers, arg, &peer, &p->ctx->err) == 0) {
		*did = peer->did;
		return peer->url;
	}
	return access(arg, F_OK) == 0 || strchr(arg, '/') != NULL ? arg : NULL;
}

/* The peers of sbx.conf, all of them; else a round of the directory's nodes. */
static int
pull_round(struct pull *p)
{
	bool *visit = sbx_mem_alloc(p->peers.count + 1, sizeof(*visit));
	bool nodes = p->ctx->conf.npeers == 0, all = p->all || !nodes;
	int r = SBX_OK;

	if (!all)
		r = sbx_round_plan(p->log, &p->ctx->conf, &p->peers, visit,
			&p->ctx->err);
	for (size_t i = 0; r == SBX_OK && i < p->peers.count; i++)
		if (p->peers.list[i].node == nodes && (all || visit[i]))
			pull_from(p, p->peers.list[i].name,
				p->peers.list[i].url, p->peers.list[i].did);
	free(visit);
	return r;
}

static void
no_peer(struct pull *p)
{
	const char *file = p->ctx->conf.file;
	struct sbx_err err = { 0 };

	p->worst = sbx_err_set(&err, SBX_E_NO, "no peer yet: none in %s, no "
		"other member's node in the directory",
		file != NULL ? file : "sbx.conf");
	sbx_err_hint(&err, "a member's log by hand: ssh BOX sbx-ledger export "
		"| sbx-pull -");
	sbx_tool_warn(p->ctx, &err);
}

static int
cmd_pull(struct sbx_ctx *ctx)
{
	struct pull p = { .ctx = ctx,
		.base = SBX_BUF(4096),
		.all = sbx_tool_opt(ctx, "all") != NULL,
		.repin = sbx_tool_opt(ctx, "repin") != NULL };
	const char *from, *did;
	int r;

	if ((r = sbx_tool_num(ctx, "timeout", 1, 3600, ctx->conf.pull_slot,
		     &p.slot)) != 0 ||
		(r = sbx_log_open(ctx->conf.db, SBX_LOG_WRITE, &p.log,
			 &ctx->err)) != 0 ||
		(r = sbx_peers_load(&ctx->conf, p.log, &p.peers, &ctx->err)) !=
			0)
		goto out;
	for (int i = 0; i < ctx->argc; i++)
		if (source(&p, ctx->argv[i], &did) == NULL) {
			r = SBX_E_USAGE;
			goto out;
		}
	ctx->err.text[0] = '\0';
	for (int i = 0; i < ctx->argc; i++) {
		from = source(&p, ctx->argv[i], &did);
		pull_from(&p,
			strcmp(from, "-") == 0 ? "standard input" :
						 ctx->argv[i],
			from, did);
	}
	if (ctx->argc == 0 && p.peers.count == 0)
		no_peer(&p);
	else if (ctx->argc == 0 && (r = pull_round(&p)) != SBX_OK)
		goto out;
	ctx->err = (struct sbx_err){ 0 };
	if (sbx_tool_opt(ctx, "publish") != NULL && !ctx->dry)
		r = pull_publish(&p, &ctx->err);
	if (p.worst < r)
		r = p.worst;
out:
	sbx_peers_free(&p.peers);
	sbx_log_close(p.log);
	sbx_buf_free(&p.base);
	return r;
}

static const struct sbx_opt opts[] = { { 't', "timeout", "SECONDS",
					       "what each peer may take" },
	{ 'a', "all", NULL, "begin with a log's first entry again" },
	{ 0, "repin", NULL, "take the log that is there now for the right one" },
	{ 'p', "publish", NULL, "then publish what was new" },
	{ 0, NULL, NULL, NULL } };

static const struct sbx_cmd cmds[] = {
	{ "pull", cmd_pull, "[NAME|URL|FILE|DIR|-]...", 0, -1,
		"fetch what is new from peers, verify it, merge it", opts },
	{ NULL, NULL, NULL, 0, 0, NULL, NULL }
};

static const struct sbx_tool tool = { "sbx-pull",
	"fetch what is new from peers, verify it, merge it", SBX_TOOL_NOVERB,
	cmds };

int
main(int argc, char **argv)
{
	return sbx_tool_main(&tool, argc, argv);
}
