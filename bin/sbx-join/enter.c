/* SPDX-License-Identifier: Apache-2.0 */
/* From nothing to a member that is answered on the mesh.  Each step sees whether
 * it is done already, so that a second run goes on where one was cut off. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/base.h"
#include "json/json.h"
#include "system/system.h"
#include "crypto/crypto.h"
#include "sbx-join.h"

#define POLL	  7	/* seconds between two looks, under the door's rate */
#define PING_MS	  10000
#define MAX_CLAIMS 3	/* of an address that another may have had first */

/* ---- the clock -------------------------------------------------------------------- */

/* What this box signs is dated by its clock: an acceptance before its
 * invitation counts for nothing, and one far ahead is deferred. */
static int
check_clock(struct visit *v)
{
	struct sbx_ctx *ctx = v->ctx;
	struct sbx_doc *doc = NULL;
	const char *text;
	int64_t theirs = 0, off;
	int r;

	sbx_tool_say(ctx, "knock at %s", v->t.url);
	if ((r = at_door(v, visit_status, &doc, NULL)) != 0)
		return r;
	text = sbx_json_str(sbx_doc_root(doc), "now");
	if (text == NULL || !sbx_time_parse(&theirs, text, strlen(text)) ||
		!sbx_json_is(sbx_json_get(sbx_doc_root(doc), "did"),
			v->t.founder)) {
		sbx_doc_free(doc);
		return sbx_err_set(&ctx->err, SBX_E_INPUT,
			"the door is not that of %s", v->t.founder);
	}
	off = sbx_clock_now() - theirs;
	if (off < -SBX_DOOR_BEHIND || off > SBX_DOOR_AHEAD) {
		r = sbx_err_set(&ctx->err, SBX_E_SYS, "this box's clock is %jd s "
			"%s: it is %.19s at the door", (intmax_t)
			((off < 0 ? -off : off) / SBX_SECOND),
			off < 0 ? "behind" : "ahead", text);
		sbx_err_hint(&ctx->err, "set it, then run the same command "
			"again: date -s %.19sZ", text);
	} else if (off < 0) {
		sbx_tool_say(ctx, "wait %jd s: this box's clock is behind",
			(intmax_t)(-off / SBX_SECOND + 1));
		usleep((useconds_t)-off + 1000);
	}
	sbx_doc_free(doc);
	return r;
}

/* ---- the steps -------------------------------------------------------------------- */

static int
prepare(struct visit *v)
{
	struct sbx_ctx *ctx = v->ctx;
	struct look l = { 0 };
	size_t others = 0;
	int r;

	if ((r = step(ctx, ARGV("/usr/lib/sbx/provision"), NULL, NULL, NULL)) != 0 ||
		(r = look(ctx, &l)) != 0)
		goto out;
	for (size_t i = 0; i < l.nmembers; i++)
		others += !sbx_json_is(sbx_json_get(sbx_doc_root(l.members[i]),
				"did"), l.self) &&
			look_member(&l, sbx_json_str(
				sbx_doc_root(l.members[i]), "did"));
	if (l.self[0] != '\0' && strcmp(l.self, v->t.founder) == 0)
		r = sbx_err_set(&ctx->err, SBX_E_USAGE,
			"this is the box whose door it is");
	else if (others > 0 && !look_member(&l, v->t.founder)) {
		r = sbx_err_set(&ctx->err, SBX_E_USAGE,
			"this box belongs to another mesh already");
		sbx_err_hint(&ctx->err, "sbx-join leave takes it out of that");
	}
out:
	look_free(&l);
	return r;
}

static int
import(struct visit *v, const struct sbx_buf *log)
{
	int status, r;

	r = step(v->ctx, ARGV(LEDGER, "-q", "import"), log, NULL, &status);
	/* 3: some entries of others were refused, and said so. */
	if (r == 0 && status != 0 && status != 3)
		r = sbx_err_set(&v->ctx->err, SBX_E_SYS,
			"the directory could not be taken over");
	return r;
}

/* Until a human has said yes, or no, or nothing in time. */
static int
ask_door(struct visit *v, int64_t wait, struct sbx_doc **doc, struct sbx_buf *log)
{
	struct sbx_ctx *ctx = v->ctx;
	int64_t until = sbx_clock_boot() + wait * SBX_SECOND;
	const char *reason;
	bool told = false;
	int r;

	for (;;) {
		sbx_doc_free(*doc);
		*doc = NULL;
		sbx_buf_clear(log);
		if ((r = at_door(v, visit_door, doc, log)) != 0)
			return r;
		if (!sbx_json_is(sbx_json_get(sbx_doc_root(*doc), "state"),
			    "pending"))
			break;
		if (sbx_clock_boot() + POLL * SBX_SECOND > until) {
			sbx_err_set(&ctx->err, SBX_E_NO, "waits for approval");
			sbx_err_hint(&ctx->err, "there: sbx-join approve %s; "
				"then here the same command again", ctx->conf.name);
			return SBX_E_NO;
		}
		if (!told)
			sbx_tool_say(ctx, "wait for approval, %jd s at most",
				(intmax_t)wait);
		told = true;
		sleep(POLL);
	}
	if (!sbx_json_is(sbx_json_get(sbx_doc_root(*doc), "state"), "rejected"))
		return SBX_OK;
	reason = sbx_json_str(sbx_doc_root(*doc), "reason");
	return sbx_err_set(&ctx->err, SBX_E_NO, "the door says: rejected%s%.160s",
		reason != NULL && reason[0] != '\0' ? ": " : "",
		reason != NULL ? reason : "");
}

/* The mesh's network is its founder's say; a file that is there must agree. */
static int
check_network(struct visit *v, const struct sbx_json *said)
{
	struct sbx_ctx *ctx = v->ctx;
	const char *net = sbx_json_str(said, "network");
	struct sbx_net n;
	int r;

	if (net == NULL || !sbx_net_parse(&n, net))
		return sbx_err_set(&ctx->err, SBX_E_INPUT,
			"the door names no network");
	if ((r = write_conf(ctx, ctx->conf.name, NULL, net)) != 0)
		return r;
	if (strcmp(ctx->conf.mesh_net, net) != 0) {
		sbx_err_set(&ctx->err, SBX_E_USAGE, "the mesh is %s, and here it "
			"is %s", net, ctx->conf.mesh_net);
		sbx_err_hint(&ctx->err, "[mesh] network= in %s",
			ctx->conf.file != NULL ? ctx->conf.file : "sbx.conf");
		return SBX_E_USAGE;
	}
	return SBX_OK;
}

static int
accept_invitation(struct visit *v, const struct sbx_json *said)
{
	struct sbx_ctx *ctx = v->ctx;
	const char *text = sbx_json_str(said, "token");
	struct sbx_buf token = SBX_BUF(8192);
	struct look l = { 0 };
	int r;

	if (text == NULL)
		return sbx_err_set(&ctx->err, SBX_E_INPUT,
			"the door gives no invitation");
	sbx_buf_str(&token, text);
	/* It joined in a run before: the founder is its anchor since. */
	if ((r = look(ctx, &l)) == 0 && look_member(&l, v->t.founder))
		sbx_tool_say(ctx, "the invitation is accepted already");
	else if (r == 0)
		r = step(ctx, ARGV(MEMBER, "-q", "accept", "-"), &token, NULL,
			NULL);
	look_free(&l);
	sbx_buf_free(&token);
	return r;
}


/* Its own lines of an export. */
static int
own_lines(struct visit *v, struct sbx_buf *out)
{
	struct sbx_buf all = SBX_BUF(MAX_ANSWER);
	char author[SBX_DID_SIZE + 16], *line, *save = NULL;
	struct look l = { 0 };
	int r;

	if ((r = look(v->ctx, &l)) != 0 ||
		(r = quiet_step(v->ctx, ARGV(LEDGER, "export"), NULL, &all,
			 NULL)) != 0)
		goto out;
	snprintf(author, sizeof(author), "\"author\":\"%s\"", l.self);
	for (line = all.data != NULL ? strtok_r(all.data, "\n", &save) : NULL;
		line != NULL; line = strtok_r(NULL, "\n", &save))
		if (strstr(line, author) != NULL) {
			sbx_buf_str(out, line);
			sbx_buf_str(out, "\n");
		}
	if (out->over)
		r = sbx_err_set(&v->ctx->err, SBX_E_USAGE,
			"this box has said too much to come in by a door");
out:
	look_free(&l);
	sbx_buf_free(&all);
	return r;
}

/* Say who it is on the mesh, hand that in, and see what the founder makes of
 * it: somebody else may have had the address first. */
static int
come_in(struct visit *v)
{
	struct sbx_ctx *ctx = v->ctx;
	struct sbx_buf lines = SBX_BUF(SBX_MAX_DOOR_BODY / 2);
	struct sbx_buf log = SBX_BUF(MAX_ANSWER);
	struct sbx_doc *doc = NULL;
	int r = SBX_OK, i;

	for (i = 0; i < MAX_CLAIMS; i++) {
		sbx_buf_clear(&lines);
		sbx_buf_clear(&log);
		if ((r = publish_record(ctx)) != 0 ||
			(r = own_lines(v, &lines)) != 0)
			break;
		v->entries = sbx_buf_text(&lines);
		sbx_tool_say(ctx, "hand in what this box has signed");
		if ((r = at_door(v, visit_door, &doc, &log)) != 0 ||
			(r = import(v, &log)) != 0)
			break;
		sbx_doc_free(doc);
		doc = NULL;
		r = mesh_up(ctx);
		if (r != SBX_E_NO)
			break;
		sbx_tool_say(ctx, "%s: once more", ctx->err.text);
	}
	sbx_doc_free(doc);
	sbx_buf_free(&lines);
	sbx_buf_free(&log);
	return r;
}

static int
first_ping(struct visit *v)
{
	struct sbx_ctx *ctx = v->ctx;
	struct look l = { 0 };
	const struct sbx_json *node;
	const char *ip;
	int r;

	if ((r = look(ctx, &l)) != 0)
		goto out;
	node = look_node(&l, v->t.founder);
	ip = node != NULL ? sbx_json_str(node, "mesh_ip") : NULL;
	if (ip == NULL) {
		r = sbx_err_set(&ctx->err, SBX_E_NO,
			"the founder has no address on the mesh");
	} else if (!ping(ip, PING_MS)) {
		r = sbx_err_set(&ctx->err, SBX_E_SYS, "a member now, but %s does "
			"not answer on the mesh", ip);
		sbx_err_hint(&ctx->err, "is UDP to its endpoint let through?  "
			"sudo sbx-mesh-up show");
	} else {
		sbx_tool_say(ctx, "%s answers on the mesh", ip);
	}
out:
	look_free(&l);
	return r;
}

static int
read_token(struct sbx_ctx *ctx, struct sbx_join_token *t)
{
	struct sbx_buf text = SBX_BUF(8192);
	const char *hash;
	size_t n = 0;
	int r = SBX_OK;

	if (ctx->argc > 0 && strcmp(ctx->argv[0], "-") != 0)
		sbx_buf_str(&text, ctx->argv[0]);
	else
		r = sbx_io_read_fd(STDIN_FILENO, &text, &ctx->err);
	/* Mail and chats fold it. */
	for (size_t i = 0; i < text.len; i++)
		if (strchr(" \t\r\n", text.data[i]) == NULL)
			text.data[n++] = text.data[i];
	if (text.data != NULL)
		text.data[n] = '\0';
	/* A page's address with the token behind it will do. */
	hash = strchr(sbx_buf_text(&text), '#');
	if (r == 0)
		r = sbx_join_token_parse(t, hash != NULL ? hash + 1 :
			sbx_buf_text(&text), &ctx->err);
	sbx_buf_free(&text);
	return r;
}

/* Everything that takes the door. */
static int
through_door(struct visit *v, int64_t wait)
{
	struct sbx_buf log = SBX_BUF(MAX_ANSWER);
	struct sbx_doc *doc = NULL;
	int r;

	if ((r = check_clock(v)) == 0 && (r = init_ledger(v->ctx)) == 0 &&
		(r = ask_door(v, wait, &doc, &log)) == 0 &&
		(r = check_network(v, sbx_doc_root(doc))) == 0 &&
		(r = import(v, &log)) == 0 &&
		(r = accept_invitation(v, sbx_doc_root(doc))) == 0)
		r = come_in(v);
	sbx_doc_free(doc);
	sbx_buf_free(&log);
	return r;
}

/* A member's door may be closed by now: then the mesh says whether it is in. */
static int
come_through(struct visit *v, int64_t wait)
{
	struct sbx_ctx *ctx = v->ctx;
	struct look l = { 0 };
	struct sbx_err why;
	int r = through_door(v, wait);

	why = ctx->err;
	if (r == SBX_OK || look(ctx, &l) != 0 || l.node == NULL ||
		!look_member(&l, l.self) || !look_member(&l, v->t.founder)) {
		ctx->err = why;
	} else {
		sbx_tool_say(ctx, "%s; but this box is a member already",
			why.text);
		r = mesh_up(ctx);
	}
	look_free(&l);
	return r;
}

int
cmd_join(struct sbx_ctx *ctx)
{
	struct visit v = { .ctx = ctx };
	int64_t wait;
	int r;

	if ((r = sbx_tool_num(ctx, "wait", 0, 86400, 0, &wait)) != 0 ||
		(r = must_root(ctx) ? SBX_OK : SBX_E_USAGE) != 0 ||
		(r = read_token(ctx, &v.t)) != 0 || (r = prepare(&v)) != 0)
		goto out;
	if (ctx->dry) {
		sbx_tool_say(ctx, "would ask at %s to be let in by %s%s", v.t.url,
			v.t.founder, v.t.ask ? ", and wait for approval" : "");
		goto out;
	}
	if ((r = come_through(&v, wait)) != 0 || (r = first_ping(&v)) != 0 ||
		(r = step(ctx, ARGV(LEDGER, "-q", "publish"), NULL, NULL,
			 NULL)) != 0 ||
		(r = enable_units(ctx)) != 0)
		goto out;
	sbx_tool_say(ctx, "joined; what is offered here: sbx-offer list");
out:
	sbx_join_token_clear(&v.t);
	return r;
}
