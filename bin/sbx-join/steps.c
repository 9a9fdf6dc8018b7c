/* SPDX-License-Identifier: Apache-2.0 */
/* Everything that is done, is done by a tool that an administrator could call
 * as well, and said as that command. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/base.h"
#include "json/json.h"
#include "system/system.h"
#include "apply/apply.h"
#include "sbx-join.h"

#define STEP_MS 120000

bool
must_root(struct sbx_ctx *ctx)
{
	if (geteuid() == 0)
		return true;
	sbx_err_set(&ctx->err, SBX_E_USAGE, "must be root");
	sbx_err_hint(&ctx->err, "sudo %s %s%s", ctx->tool->name,
		ctx->cmd->verb, ctx->argc > 0 ? " ..." : "");
	return false;
}

static void
tell(struct sbx_ctx *ctx, const char *const *argv)
{
	struct sbx_buf line = SBX_BUF(4096);
	const char *slash = strrchr(argv[0], '/');

	sbx_buf_str(&line, slash != NULL ? slash + 1 : argv[0]);
	for (size_t i = 1; argv[i] != NULL; i++)
		sbx_buf_fmt(&line, " %s", argv[i]);
	sbx_tool_say(ctx, "%s%s", ctx->dry ? "would run: " : "run: ",
		sbx_buf_text(&line));
	sbx_buf_free(&line);
}

/* "TOOL: why" and "TOOL: hint: how" as ours. */
static int
reason(struct sbx_ctx *ctx, int status, const char *said)
{
	size_t len = strcspn(said, "\n");
	const char *hint = strstr(said, ": hint: ");

	sbx_err_set(&ctx->err, status >= 1 && status <= 4 ? -status : SBX_E_SYS,
		"%.*s", (int)len, len > 0 ? said : "failed without a word");
	if (len == 0)
		sbx_err_set(&ctx->err, SBX_E_SYS, "status %d", status);
	if (hint != NULL)
		sbx_err_hint(&ctx->err, "%.*s", (int)strcspn(hint + 8, "\n"),
			hint + 8);
	return ctx->err.code;
}

/* A recovery key is among it: said whatever -q says. */
static void
pass_on(const char *said)
{
	struct sbx_buf line = SBX_BUF(SBX_RUN_MAX);
	size_t len;

	for (; *said != '\0'; said += len + (said[len] == '\n')) {
		len = strcspn(said, "\n");
		sbx_buf_clear(&line);
		sbx_text_safe(&line, said, len);
		sbx_buf_str(&line, "\n");
		sbx_io_write_fd(STDERR_FILENO, line.data, line.len, NULL);
	}
	sbx_buf_free(&line);
}

int
quiet_step(struct sbx_ctx *ctx, const char *const *argv,
	const struct sbx_buf *in, struct sbx_buf *out, int *status)
{
	struct sbx_buf said = SBX_BUF(SBX_RUN_MAX);
	struct sbx_run run = { .argv = argv,
		.timeout = STEP_MS,
		.max = MAX_ANSWER,
		.leave = true };
	int r, rc = 0;

	if (in != NULL) {
		run.in = sbx_buf_text(in);
		run.inlen = in->len;
	}
	r = sbx_run(&run, &rc, out, &said, &ctx->err);
	if (r == 0 && status == NULL && rc != 0)
		r = reason(ctx, rc, sbx_buf_text(&said));
	else if (r == 0 && said.len > 0)
		pass_on(said.data);
	if (status != NULL)
		*status = rc;
	sbx_buf_free(&said);
	return r;
}

int
step(struct sbx_ctx *ctx, const char *const *argv, const struct sbx_buf *in,
	struct sbx_buf *out, int *status)
{
	tell(ctx, argv);
	if (status != NULL)
		*status = 0;
	return ctx->dry ? SBX_OK : quiet_step(ctx, argv, in, out, status);
}

bool
has_systemd(void)
{
	return access("/run/systemd/system", F_OK) == 0;
}

/* The servers on the mesh follow sbx-mesh-up.service, which wants them. */
int
enable_units(struct sbx_ctx *ctx)
{
	if (!has_systemd()) {
		sbx_tool_say(ctx, "no systemd here: have sbx-mesh-up, "
			"sbx-ledger publish and sbx-pull run again and again");
		return SBX_OK;
	}
	return step(ctx, ARGV(SYSTEMCTL, "enable", "--now", "--quiet",
		"sbx-mesh-up.timer", "sbx-mesh-up.path", "sbx-publish.timer",
		"sbx-pull.timer", "sbx-expire.timer", "sbx-fsck.timer",
		"sbx-macroctl-sync.timer"), NULL, NULL, NULL);
}

/* By its unit where there is one: what a tool started would end with the
 * service that called us, and the unit starts the servers on the mesh. */
int
mesh_up(struct sbx_ctx *ctx)
{
	int r;

	if (!has_systemd())
		return step(ctx, ARGV(MESH_UP, "-q"), NULL, NULL, NULL);
	r = step(ctx, ARGV(SYSTEMCTL, "start", "sbx-mesh-up.service"), NULL,
		NULL, NULL);
	if (r == SBX_E_NO)
		r = ctx->err.code = SBX_E_SYS;
	return r;
}

int
reload_conf(struct sbx_ctx *ctx)
{
	sbx_conf_free(&ctx->conf);
	return sbx_conf_load(&ctx->conf, NULL, NULL, SBX_IO_ROOT, &ctx->err);
}

/* Whether the directory's row says what a record would. */
static bool
same_record(const struct sbx_json *row, const struct sbx_json *rec)
{
	static const char *const names[] = { "boxname", "pubkey_wg", "mesh_ip",
		"endpoint", "ddns" };
	const char *a, *b;

	for (size_t i = 0; row != NULL && i < sizeof(names) / sizeof(names[0]);
		i++) {
		a = sbx_json_str(row, names[i]);
		b = sbx_json_str(rec, names[i]);
		if ((a == NULL) != (b == NULL) ||
			(a != NULL && strcmp(a, b) != 0))
			return false;
	}
	return row != NULL;
}

int
publish_record(struct sbx_ctx *ctx)
{
	struct sbx_buf rec = SBX_BUF(SBX_MAX_LINE);
	struct sbx_doc *doc = NULL;
	struct look l = { 0 };
	bool same;
	int r;

	if ((r = step(ctx, ARGV(MESH_UP, "-q", "record"), NULL, &rec, NULL)) != 0 ||
		ctx->dry)
		goto out;
	if ((r = sbx_json_parse(rec.data, rec.len, NULL, &doc, &ctx->err)) != 0 ||
		(r = look(ctx, &l)) != 0)
		goto out;
	same = same_record(l.node, sbx_doc_root(doc));
	if (same)
		sbx_tool_say(ctx, "the directory has this box's record");
	else
		r = step(ctx, ARGV(LEDGER, "-q", "append", "node_publish"), &rec,
			NULL, NULL);
out:
	look_free(&l);
	sbx_doc_free(doc);
	sbx_buf_free(&rec);
	return r;
}

int
record(struct sbx_ctx *ctx, const char *verb, const char *of, const char *note)
{
	struct sbx_doc *doc = sbx_doc_new();
	struct sbx_audit a;
	int r;

	sbx_json_add_str(doc, sbx_doc_root(doc), "tool", "sbx-join");
	sbx_json_add_str(doc, sbx_doc_root(doc), "verb", verb);
	sbx_json_add_str(doc, sbx_doc_root(doc), "of", of);
	sbx_json_add_str(doc, sbx_doc_root(doc), "note", note);
	if ((r = sbx_audit_open(ctx->conf.audit, &a, &ctx->err)) == 0) {
		r = sbx_audit_add(&a, doc, &ctx->err);
		sbx_audit_close(&a);
	}
	sbx_doc_free(doc);
	return r;
}
