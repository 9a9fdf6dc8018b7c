/* SPDX-License-Identifier: Apache-2.0 */
/* The box and the fleet on one screen, each line with the command that mends
 * what is wrong. */
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "json/json.h"
#include "system/system.h"
#include "status.h"

#define REFRESH 30 /* seconds after which a page asks for itself again */

static struct eyes eyes;

/* ---- on the terminal ----------------------------------------------------------- */

static const struct sbx_col line_cols[] = { { "part", "PART", 0 },
	{ "state", "STATE", 0 }, { "text", "WHAT", 0 },
	{ "mend", "COMMAND", 0 }, { NULL, NULL, 0 } };

static const struct sbx_col member_cols[] = { { "part", "PART", 0 },
	{ "who", "MEMBER", 0 }, { "address", "ADDRESS", 0 },
	{ "endpoint", "ENDPOINT", 0 }, { "age", "HANDSHAKE", 0 },
	{ "rx", "RECEIVED", 0 }, { "tx", "SENT", 0 }, { "path", "PATH", 0 },
	{ "digest", "DIRECTORY", 0 }, { NULL, NULL, 0 } };

static const struct sbx_json *
member(const struct sbx_json *list, const char *did)
{
	const struct sbx_json *m = list->child;

	for (; m != NULL; m = m->next)
		if (did != NULL && sbx_json_is(sbx_json_get(m, "did"), did))
			return m;
	return NULL;
}

static bool
number(const struct sbx_json *o, const char *key, int64_t *n)
{
	return o != NULL && sbx_json_int(sbx_json_get(o, key), 0, SBX_MAX_INT,
		n);
}

/* Bytes in all or, where an earlier report is given, in a second. */
static void
put_traffic(struct sbx_doc *doc, struct sbx_json *row, const char *key,
	const struct sbx_json *now, const struct sbx_json *before,
	int64_t seconds)
{
	char text[40];
	int64_t n, was;

	if (!number(now, key, &n)) {
		sbx_json_add_str(doc, row, key, NULL);
		return;
	}
	if (number(before, key, &was) && seconds > 0)
		snprintf(text, sizeof(text), "%lld B/s",
			(long long)(n < was ? 0 : (n - was) / seconds));
	else
		snprintf(text, sizeof(text), "%lld", (long long)n);
	sbx_json_add_str(doc, row, key, text);
}

static void
show_member(struct sbx_ctx *ctx, const struct sbx_json *list,
	const struct sbx_json *m, const struct sbx_json *before,
	int64_t seconds)
{
	const struct sbx_json *via = member(list, sbx_json_str(m, "via"));
	const char *path = sbx_json_str(m, "path");
	struct sbx_doc *doc = sbx_doc_new();
	struct sbx_json *row = sbx_doc_root(doc);
	char text[400], age[32] = "-";
	int64_t n;

	snprintf(text, sizeof(text), ctx->verbose ? "%.80s (%s)" : "%.80s",
		sbx_status_name(m), sbx_json_str(m, "did"));
	sbx_json_add_str(doc, row, "part", "member");
	sbx_json_add_str(doc, row, "who", text);
	sbx_json_add_str(doc, row, "address", sbx_json_str(m, "address"));
	sbx_json_add_str(doc, row, "endpoint", sbx_json_str(m, "endpoint"));
	if (number(m, "handshake", &n))
		snprintf(age, sizeof(age), "%llds", (long long)n);
	sbx_json_add_str(doc, row, "age", age);
	put_traffic(doc, row, "rx", m, before, seconds);
	put_traffic(doc, row, "tx", m, before, seconds);
	snprintf(text, sizeof(text), via != NULL ? "%s %.80s" : "%s",
		path != NULL ? path : "-",
		via != NULL ? sbx_status_name(via) : "");
	sbx_json_add_str(doc, row, "path", text);
	sbx_json_add_str(doc, row, "digest", sbx_json_str(m, "digest"));
	sbx_tool_row(ctx, member_cols, row);
	sbx_doc_free(doc);
}

static void
show(struct sbx_ctx *ctx, const struct sbx_json *report,
	const struct sbx_json *before, int64_t seconds)
{
	const struct sbx_json *list = sbx_json_get(report, "members");
	const struct sbx_json *old =
		before != NULL ? sbx_json_get(before, "members") : NULL;
	const struct sbx_json *o = sbx_json_get(report, "lines")->child;

	if (ctx->json) {
		sbx_tool_row(ctx, NULL, report);
		return;
	}
	if (ctx->quiet)
		return;
	for (; o != NULL; o = o->next)
		sbx_tool_row(ctx, line_cols, o);
	sbx_tool_rows_end(ctx);
	if (list->child != NULL && isatty(STDOUT_FILENO))
		sbx_tool_out(ctx, "%s", "");
	for (o = list->child; o != NULL; o = o->next)
		show_member(ctx, list, o, old != NULL ?
			member(old, sbx_json_str(o, "did")) : NULL, seconds);
	sbx_tool_rows_end(ctx);
}

/* ---- files ----------------------------------------------------------------------- */

static int
save(struct sbx_ctx *ctx, const char *path, const struct sbx_buf *text)
{
	if (ctx->dry)
		return SBX_OK;
	return sbx_io_save(path, sbx_buf_text(text), text->len, 0644, 0,
		&ctx->err);
}

static int
write_metrics(struct sbx_ctx *ctx, const struct sbx_json *report,
	const char *path)
{
	struct sbx_buf text = SBX_BUF(SBX_STATUS_MAX);
	int r;

	if ((r = sbx_status_metrics(report, &text, &ctx->err)) == SBX_OK)
		r = save(ctx, path, &text);
	sbx_buf_free(&text);
	return r;
}

static int
write_site(struct sbx_ctx *ctx, const struct sbx_json *report, const char *dir)
{
	struct sbx_buf text = SBX_BUF(SBX_STATUS_MAX);
	struct sbx_buf path = SBX_BUF(4096);
	int r;

	sbx_buf_fmt(&path, "%s/index.html", dir);
	if ((r = sbx_status_page(report, REFRESH, &text, &ctx->err)) ==
			SBX_OK &&
		(ctx->dry ||
			(r = sbx_io_mkdir(dir, 0755, &ctx->err)) == SBX_OK))
		r = save(ctx, sbx_buf_text(&path), &text);
	sbx_buf_free(&path);
	sbx_buf_free(&text);
	return r;
}

static int
print_dot(struct sbx_ctx *ctx, const struct sbx_json *report)
{
	struct sbx_buf text = SBX_BUF(SBX_STATUS_MAX);
	int r;

	if ((r = sbx_status_dot(report, &text, &ctx->err)) == SBX_OK)
		fwrite(text.data, 1, text.len, stdout);
	sbx_buf_free(&text);
	return r;
}

/* ---- one round, and the next -------------------------------------------------- */

static int
give(struct sbx_ctx *ctx, const struct sbx_json *report,
	const struct sbx_json *before, int64_t seconds)
{
	const char *metrics = sbx_tool_opt(ctx, "prometheus");
	const char *site = sbx_tool_opt(ctx, "site");
	int r = SBX_OK;

	if (metrics != NULL)
		r = write_metrics(ctx, report, metrics);
	if (r == SBX_OK && site != NULL)
		r = write_site(ctx, report, site);
	if (r == SBX_OK && sbx_tool_opt(ctx, "dot") != NULL)
		return print_dot(ctx, report);
	if (r == SBX_OK)
		show(ctx, report, before, seconds);
	return r;
}

static int
one_round(struct sbx_ctx *ctx, struct sbx_status **last, int64_t seconds)
{
	struct look l = { .ctx = ctx, .eyes = &eyes };
	const struct sbx_json *report;
	struct sbx_status *s;
	size_t needs;
	int r;

	look_take(&l);
	s = sbx_status_new(l.now);
	sbx_status_run(s, status_parts, &l);
	report = sbx_status_report(s, &needs);
	r = give(ctx, report, *last != NULL ? sbx_status_report(*last, NULL) :
		NULL, seconds);
	look_free(&l);
	sbx_status_free(*last);
	*last = s;
	return r != SBX_OK ? r : needs > 0 ? SBX_E_NO : SBX_OK;
}

static int
cmd_status(struct sbx_ctx *ctx)
{
	bool watch = sbx_tool_opt(ctx, "watch") != NULL;
	struct sbx_status *last = NULL;
	int64_t seconds;
	int r;

	if ((r = sbx_tool_num(ctx, "interval", 1, 3600, 5, &seconds)) != SBX_OK)
		return r;
	if (!watch && sbx_tool_opt(ctx, "interval") != NULL)
		return sbx_err_set(&ctx->err, SBX_E_USAGE,
			"--interval is for --watch");
	r = one_round(ctx, &last, seconds);
	while (watch && (r == SBX_OK || r == SBX_E_NO)) {
		if (fflush(stdout) != 0)
			r = sbx_err_sys(&ctx->err, "standard output");
		if (r != SBX_OK && r != SBX_E_NO)
			break;
		sleep((unsigned)seconds);
		if (isatty(STDOUT_FILENO))
			fputs("\033[H\033[2J", stdout);
		else if (!ctx->json && !ctx->quiet)
			putchar('\n');
		r = one_round(ctx, &last, seconds);
	}
	sbx_status_free(last);
	return r;
}

/* ---- the tool ----------------------------------------------------------------------- */

static const struct sbx_opt opts[] = {
	{ 'w', "watch", NULL, "again and again, traffic as bytes a second" },
	{ 0, "interval", "SECONDS", "between two rounds (5)" },
	{ 0, "prometheus", "FILE", "write the figures there too" },
	{ 0, "dot", NULL, "print the links, for dot(1)" },
	{ 0, "site", "DIR", "write DIR/index.html too" },
	{ 0, NULL, NULL, NULL }
};

static const struct sbx_cmd cmds[] = {
	{ "status", cmd_status, "", 0, 0,
		"the box, the fleet, and what is to be done", opts },
	{ NULL, NULL, NULL, 0, 0, NULL, NULL }
};

static const struct sbx_tool tool = { "sbx-status",
	"the box, the fleet, and what is to be done", SBX_TOOL_NOVERB, cmds };

int
main(int argc, char **argv)
{
	int r;

	if (sbx_priv_start() != 0)
		return -SBX_E_SYS;
	eyes_open(&eyes);
	r = sbx_tool_main(&tool, argc, argv);
	eyes_close(&eyes);
	return r;
}
