/* SPDX-License-Identifier: Apache-2.0 */
/* What is lent, by root's files and the firewall. */
#include "json/json.h"
#include "status.h"

#define SYNC "sudo sbx-macroctl sync"

static int64_t
number(const struct sbx_json *o, const char *key)
{
	int64_t n = 0;

	sbx_json_int(sbx_json_get(o, key), 0, SBX_MAX_INT, &n);
	return n;
}

static void
tell_grants(struct sbx_status *s, const struct look *l,
	const struct sbx_json *o)
{
	const struct sbx_json *g = sbx_json_get(o, "grants");

	sbx_status_figure(s, "grants", (int64_t)g->count);
	sbx_status_figure(s, "ports_closed", number(o, "ports"));
	for (g = g->child; g != NULL; g = g->next)
		sbx_status_line(s, SBX_STATUS_OK, NULL,
			"%s port %lld for %s, %lld s left",
			sbx_json_str(g, "kind"), (long long)number(g, "port"),
			look_name(l, sbx_json_str(g, "sub")),
			(long long)number(g, "left"));
}

static void
check_firewall(struct sbx_status *s, const struct look *l,
	const struct sbx_json *o)
{
	const char *wrong = sbx_json_str(o, "wrong");
	bool there = sbx_json_get(o, "there")->yes;
	bool lends = number(o, "ports") > 0 ||
		sbx_json_get(o, "grants")->count > 0;
	int64_t off = number(o, "missing") + number(o, "stray") +
		number(o, "longer") + number(o, "open");

	if (!there && (lends || l->wired))
		sbx_status_line(s, SBX_STATUS_ATTENTION, SYNC,
			"the firewall lacks our table: lent ports are open to "
			"the mesh, and the mesh address to other links");
	else if (there && wrong != NULL && wrong[0] != '\0')
		sbx_status_line(s, SBX_STATUS_ATTENTION, SYNC,
			"the firewall: %s", wrong);
	else if (off > 0)
		sbx_status_line(s, SBX_STATUS_ATTENTION, SYNC,
			"grants and firewall differ: %lld missing, %lld stray, "
			"%lld too long, %lld ports open to all",
			(long long)number(o, "missing"),
			(long long)number(o, "stray"),
			(long long)number(o, "longer"),
			(long long)number(o, "open"));
	else
		sbx_status_line(s, SBX_STATUS_OK, NULL,
			"%zu grants, %lld ports closed to others",
			sbx_json_get(o, "grants")->count,
			(long long)number(o, "ports"));
}

int
part_lending(struct sbx_status *s, void *look, struct sbx_err *err)
{
	const struct sbx_json_limits limits = { 4u << 20, SBX_MAX_DEPTH,
		100000 };
	struct sbx_buf text = SBX_BUF(4u << 20);
	struct sbx_doc *doc = NULL;
	struct look *l = look;
	int r;

	if (!l->system)
		return SBX_OK; /* lending is the machine's own node's */
	if ((r = eyes_ask(l->eyes, "lending", &text, err)) == SBX_E_NO) {
		sbx_status_line(s, SBX_STATUS_UNKNOWN, "sudo sbx status", "%s",
			err->text);
		r = SBX_OK;
	} else if (r == SBX_OK && (r = sbx_json_parse(sbx_buf_text(&text),
					   text.len, &limits, &doc, err)) ==
			SBX_OK) {
		check_firewall(s, l, sbx_doc_root(doc));
		tell_grants(s, l, sbx_doc_root(doc));
	}
	sbx_doc_free(doc);
	sbx_buf_free(&text);
	return r;
}
