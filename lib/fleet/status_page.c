/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A report as one HTML page: no script, nothing from another host, a style
 * that its policy names by its hash.  Whatever a member chose is text.
 */
#include <math.h>

#include "crypto/crypto.h"
#include "fleet/status.h"

/* ---- text -------------------------------------------------------------------- */

static void
cell(struct sbx_buf *out, const char *title, const char *text)
{
	sbx_buf_fmt(out, "<td data-title=\"%s\">", title);
	sbx_text_html(out, text != NULL && text[0] != '\0' ? text : "\u2013");
	sbx_buf_str(out, "</td>");
}

static bool
number(const struct sbx_json *o, const char *key, int64_t *n)
{
	return sbx_json_int(sbx_json_get(o, key), 0, SBX_MAX_INT, n);
}

/* ---- head --------------------------------------------------------------------- */

static const char style[] =
	":root{color-scheme:light dark;--bg:#fff;--fg:#1b1f24;--dim:#57606a;"
	"--line:#d0d7de;--good:#116329;--bad:#a40e26;--box:#f6f8fa}"
	"@media(prefers-color-scheme:dark){:root{--bg:#0d1117;--fg:#e6edf3;"
	"--dim:#9198a1;--line:#3d444d;--good:#56d364;--bad:#ff7b72;"
	"--box:#151b23}}"
	"body{background:var(--bg);color:var(--fg);max-width:70rem;"
	"margin:0 auto;padding:1rem;font:16px/1.5 system-ui,sans-serif}"
	"h1{font-size:1.4rem;margin:0;overflow-wrap:anywhere}h2{font-size:1.1rem;margin:1.5rem 0 .5rem}"
	"p{margin:.3rem 0;overflow-wrap:anywhere}.dim{color:var(--dim)}"
	"table{border-collapse:collapse;width:100%}"
	"th,td{border-bottom:1px solid var(--line);padding:.35rem .5rem;"
	"text-align:left;vertical-align:top;overflow-wrap:anywhere}"
	"code{font:.9em ui-monospace,monospace;background:var(--box);"
	"padding:.1rem .3rem}"
	".attention{color:var(--bad);font-weight:600}.ok{color:var(--good)}"
	"svg{width:100%;height:auto;max-height:80vh}"
	"svg text{fill:var(--fg);font:14px system-ui,sans-serif;"
	"text-anchor:middle}"
	"svg circle{fill:var(--box);stroke:var(--fg);stroke-width:2}"
	"svg .self{stroke-width:4}svg .gate{stroke:var(--good)}"
	"svg line{stroke:var(--fg);stroke-width:2}"
	"svg .off{stroke:var(--line);stroke-dasharray:6 6}"
	"@media(max-width:45rem){thead{position:absolute;left:-999rem}"
	"tr,td{display:block;border:0}tr{border-bottom:1px solid var(--line);"
	"padding:.4rem 0}td{padding:.1rem 0}"
	"td::before{content:attr(data-title) \": \";color:var(--dim)}}";

static void
put_head(struct sbx_buf *out, const struct sbx_json *me, int refresh)
{
	unsigned char hash[SBX_HASH_BYTES];
	struct sbx_buf b64 = SBX_BUF(64);

	sbx_hash_sha256(hash, style, sizeof(style) - 1);
	sbx_b64_write(&b64, hash, sizeof(hash));
	sbx_buf_fmt(out, "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n"
		"<meta charset=\"utf-8\">\n"
		"<meta http-equiv=\"Content-Security-Policy\" content=\""
		"default-src 'none'; style-src 'sha256-%s'; base-uri 'none'; "
		"form-action 'none'\">\n"
		"<meta http-equiv=\"refresh\" content=\"%d\">\n"
		"<meta name=\"viewport\" "
		"content=\"width=device-width, initial-scale=1\">\n"
		"<meta name=\"referrer\" content=\"no-referrer\">\n<title>",
		sbx_buf_text(&b64), refresh);
	sbx_text_html(out, sbx_status_name(me));
	sbx_buf_fmt(out, ": sbx status</title>\n<style>%s</style>\n</head>\n",
		style);
	sbx_buf_free(&b64);
}

/* ---- tables --------------------------------------------------------------------- */

static const struct sbx_json *
member(const struct sbx_json *report, const char *did)
{
	const struct sbx_json *m = sbx_json_get(report, "members")->child;

	for (; m != NULL && did != NULL; m = m->next)
		if (sbx_json_is(sbx_json_get(m, "did"), did))
			return m;
	return NULL;
}

static const char *
name_of(const struct sbx_json *report, const char *did)
{
	const struct sbx_json *m = member(report, did);

	return m != NULL ? sbx_status_name(m) : did;
}

static void
put_lines(struct sbx_buf *out, const struct sbx_json *report)
{
	const struct sbx_json *l = sbx_json_get(report, "lines")->child;

	sbx_buf_str(out, "<h2>What there is to know</h2>\n<table>\n<thead><tr>"
		"<th scope=\"col\">Part</th><th scope=\"col\">State</th>"
		"<th scope=\"col\">What</th><th scope=\"col\">Command</th>"
		"</tr></thead>\n<tbody>\n");
	for (; l != NULL; l = l->next) {
		const char *state = sbx_json_str(l, "state");
		const char *mend = sbx_json_str(l, "mend");

		sbx_buf_str(out, "<tr>");
		cell(out, "Part", sbx_json_str(l, "part"));
		sbx_buf_str(out, "<td data-title=\"State\" class=\"");
		sbx_text_html(out, state);
		sbx_buf_str(out, "\">");
		sbx_text_html(out, state);
		sbx_buf_str(out, "</td>");
		cell(out, "What", sbx_json_str(l, "text"));
		sbx_buf_str(out, "<td data-title=\"Command\">");
		if (mend != NULL) {
			sbx_buf_str(out, "<code>");
			sbx_text_html(out, mend);
			sbx_buf_str(out, "</code>");
		} else {
			sbx_buf_str(out, "\u2013");
		}
		sbx_buf_str(out, "</td></tr>\n");
	}
	sbx_buf_str(out, "</tbody>\n</table>\n");
}

static void
number_cell(struct sbx_buf *out, const char *title, const struct sbx_json *m,
	const char *key, const char *unit)
{
	char text[40] = "";
	int64_t n;

	if (number(m, key, &n))
		snprintf(text, sizeof(text), "%lld%s", (long long)n, unit);
	cell(out, title, text);
}

static void
put_members(struct sbx_buf *out, const struct sbx_json *report)
{
	static const char *const titles[] = { "Member", "Address", "Endpoint",
		"Handshake", "Received", "Sent", "Path", "Directory" };
	const struct sbx_json *m = sbx_json_get(report, "members")->child;

	sbx_buf_str(out, "<h2>Members</h2>\n<table>\n<thead><tr>");
	for (size_t i = 0; i < sizeof(titles) / sizeof(titles[0]); i++)
		sbx_buf_fmt(out, "<th scope=\"col\">%s</th>", titles[i]);
	sbx_buf_str(out, "</tr></thead>\n<tbody>\n");
	for (; m != NULL; m = m->next) {
		const char *via = sbx_json_str(m, "via");
		char path[400];

		snprintf(path, sizeof(path), via != NULL ? "%s %.300s" : "%s",
			sbx_json_str(m, "path") != NULL ?
				sbx_json_str(m, "path") : "",
			via != NULL ? name_of(report, via) : "");
		sbx_buf_str(out, "<tr>");
		cell(out, titles[0], sbx_status_name(m));
		cell(out, titles[1], sbx_json_str(m, "address"));
		cell(out, titles[2], sbx_json_str(m, "endpoint"));
		number_cell(out, titles[3], m, "handshake", " s");
		number_cell(out, titles[4], m, "rx", " B");
		number_cell(out, titles[5], m, "tx", " B");
		cell(out, titles[6], path);
		cell(out, titles[7], sbx_json_str(m, "digest"));
		sbx_buf_str(out, "</tr>\n");
	}
	sbx_buf_str(out, "</tbody>\n</table>\n");
}

/* ---- the picture ------------------------------------------------------------------- */

#define WIDE  800
#define HIGH  600
#define CIRCLE 6.283185307179586

/* Members stand on an ellipse in their order; too many names would not be
 * read, then the table has them. */
static void
place(size_t i, size_t count, int *x, int *y)
{
	double a = CIRCLE * (double)i / (double)(count > 0 ? count : 1);

	*x = WIDE / 2 + (int)((WIDE / 2 - 90) * sin(a));
	*y = HIGH / 2 - (int)((HIGH / 2 - 60) * cos(a));
}

static bool
find(const struct sbx_json *list, const char *did, int *x, int *y)
{
	const struct sbx_json *m = list->child;

	for (size_t i = 0; m != NULL; m = m->next, i++)
		if (did != NULL && sbx_json_is(sbx_json_get(m, "did"), did)) {
			place(i, list->count, x, y);
			return true;
		}
	return false;
}

static void
put_links(struct sbx_buf *out, const struct sbx_json *report)
{
	const struct sbx_json *list = sbx_json_get(report, "members");
	const struct sbx_json *l = sbx_json_get(report, "links")->child;
	int x, y, u, v;

	for (; l != NULL; l = l->next)
		if (find(list, sbx_json_str(l, "from"), &x, &y) &&
			find(list, sbx_json_str(l, "to"), &u, &v))
			sbx_buf_fmt(out, "<line x1=\"%d\" y1=\"%d\" x2=\"%d\" "
				"y2=\"%d\"%s/>\n", x, y, u, v,
				sbx_json_get(l, "active")->yes ? "" :
				" class=\"off\"");
}

static void
put_picture(struct sbx_buf *out, const struct sbx_json *report)
{
	const struct sbx_json *list = sbx_json_get(report, "members");
	const struct sbx_json *me = sbx_json_get(report, "me"), *m = list->child;
	int x, y;

	sbx_buf_fmt(out, "<h2>Topology</h2>\n<svg viewBox=\"0 0 %d %d\" "
		"role=\"img\" aria-label=\"Who has heard whom\">\n", WIDE,
		HIGH);
	put_links(out, report);
	for (size_t i = 0; m != NULL; m = m->next, i++) {
		const char *did = sbx_json_str(m, "did");

		place(i, list->count, &x, &y);
		sbx_buf_fmt(out, "<g><circle cx=\"%d\" cy=\"%d\" r=\"14\" "
			"class=\"%s%s\"/><text x=\"%d\" y=\"%d\">", x, y,
			sbx_json_is(sbx_json_get(me, "did"), did) ? "self " : "",
			sbx_json_is(sbx_json_get(me, "gate"), did) ? "gate" : "",
			x, y + 34);
		sbx_text_html(out, sbx_status_name(m));
		sbx_buf_str(out, "</text></g>\n");
	}
	sbx_buf_str(out, "</svg>\n");
}

/* ---- all of it ------------------------------------------------------------------------ */

int
sbx_status_page(const struct sbx_json *report, int refresh,
	struct sbx_buf *out, struct sbx_err *err)
{
	const struct sbx_json *me = sbx_json_get(report, "me");
	int64_t needs = 0;

	number(report, "needs", &needs);
	put_head(out, me, refresh);
	sbx_buf_str(out, "<body>\n<h1>");
	sbx_text_html(out, sbx_status_name(me));
	sbx_buf_fmt(out, "</h1>\n<p class=\"%s\">", needs > 0 ? "attention" :
		"ok");
	if (needs > 0)
		sbx_buf_fmt(out, "%lld lines need attention", (long long)needs);
	else
		sbx_buf_str(out, "nothing needs attention");
	sbx_buf_str(out, "</p>\n<p class=\"dim\">");
	sbx_text_html(out, sbx_json_str(me, "did"));
	sbx_buf_str(out, ", ");
	sbx_text_html(out, sbx_json_str(me, "state"));
	sbx_buf_str(out, ", written ");
	sbx_text_html(out, sbx_json_str(report, "at"));
	sbx_buf_str(out, "</p>\n<main>\n");
	put_lines(out, report);
	put_members(out, report);
	put_picture(out, report);
	sbx_buf_str(out, "</main>\n</body>\n</html>\n");
	return out->over ? sbx_err_set(err, SBX_E_SYS,
				   "the report is too large") : SBX_OK;
}
