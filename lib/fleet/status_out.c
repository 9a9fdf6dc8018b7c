/* SPDX-License-Identifier: Apache-2.0 */
/* A report as metrics for Prometheus, and its links as a graph. */
#include "fleet/status.h"

static int
done(const struct sbx_buf *out, struct sbx_err *err)
{
	return out->over ? sbx_err_set(err, SBX_E_SYS,
				   "the report is too large") : SBX_OK;
}

/* ---- text ------------------------------------------------------------------------ */

/* Between quotes, as both formats have them: control bytes made visible, then
 * backslash and quote escaped. */
static void
quoted(struct sbx_buf *out, const char *text)
{
	struct sbx_buf safe = SBX_BUF(65536);

	sbx_text_safe(&safe, text, strlen(text));
	sbx_buf_str(out, "\"");
	for (size_t i = 0; i < safe.len; i++) {
		if (safe.data[i] == '"' || safe.data[i] == '\\')
			sbx_buf_str(out, "\\");
		sbx_buf_add(out, &safe.data[i], 1);
	}
	sbx_buf_str(out, "\"");
	sbx_buf_free(&safe);
}

static bool
number(const struct sbx_json *o, const char *key, int64_t *n)
{
	return sbx_json_int(sbx_json_get(o, key), -SBX_MAX_INT, SBX_MAX_INT, n);
}

/* ---- metrics ------------------------------------------------------------------------ */

static void
head(struct sbx_buf *out, const char *name, const char *type, const char *help)
{
	sbx_buf_fmt(out, "# HELP sbx_%s %s\n# TYPE sbx_%s %s\n", name, help,
		name, type);
}

static void
count_lines(const struct sbx_json *report, struct sbx_buf *out)
{
	const struct sbx_json *lines = sbx_json_get(report, "lines");
	const struct sbx_json *l = lines->child, *m;
	int64_t n;

	head(out, "status_needs", "gauge",
		"Lines of a part that need attention.");
	/* Lines of a part stand together. */
	while (l != NULL) {
		const char *part = sbx_json_str(l, "part");

		for (n = 0, m = l; m != NULL &&
			sbx_json_is(sbx_json_get(m, "part"), part); m = m->next)
			n += sbx_json_is(sbx_json_get(m, "state"), "attention");
		sbx_buf_str(out, "sbx_status_needs{part=");
		quoted(out, part);
		sbx_buf_fmt(out, "} %lld\n", (long long)n);
		l = m;
	}
}

static void
put_state(const struct sbx_json *report, struct sbx_buf *out)
{
	const char *state = sbx_json_str(sbx_json_get(report, "me"), "state");
	const char *at = sbx_json_str(report, "at");
	int64_t us;

	if (state != NULL) {
		head(out, "state", "gauge", "1 for the state this box is in.");
		sbx_buf_str(out, "sbx_state{state=");
		quoted(out, state);
		sbx_buf_str(out, "} 1\n");
	}
	if (at != NULL && sbx_time_parse(&us, at, strlen(at))) {
		head(out, "status_timestamp_seconds", "gauge",
			"When this was written.");
		sbx_buf_fmt(out, "sbx_status_timestamp_seconds %lld\n",
			(long long)(us / SBX_SECOND));
	}
}

static void
put_figures(const struct sbx_json *report, struct sbx_buf *out)
{
	const struct sbx_json *f = sbx_json_get(report, "figures")->child;

	for (; f != NULL; f = f->next) {
		head(out, f->key, "gauge", "See sbx-status(1), figures.");
		sbx_buf_fmt(out, "sbx_%s %s\n", f->key, f->text);
	}
}

static void
put_members(const struct sbx_json *report, struct sbx_buf *out)
{
	static const struct {
		const char *key, *name, *type, *help;
	} all[] = { { "handshake", "member_handshake_age_seconds", "gauge",
			    "Seconds since the last handshake." },
		{ "rx", "member_receive_bytes_total", "counter",
			"Bytes received from a peer." },
		{ "tx", "member_transmit_bytes_total", "counter",
			"Bytes sent to a peer." },
		{ "entries", "member_entries", "gauge",
			"Entries by a member's own newest word." } };
	int64_t n;

	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		const struct sbx_json *m =
			sbx_json_get(report, "members")->child;

		head(out, all[i].name, all[i].type, all[i].help);
		for (; m != NULL; m = m->next) {
			if (!number(m, all[i].key, &n))
				continue;
			sbx_buf_fmt(out, "sbx_%s{did=", all[i].name);
			quoted(out, sbx_json_str(m, "did"));
			sbx_buf_str(out, ",name=");
			quoted(out, sbx_status_name(m));
			sbx_buf_fmt(out, "} %lld\n", (long long)n);
		}
	}
}

int
sbx_status_metrics(const struct sbx_json *report, struct sbx_buf *out,
	struct sbx_err *err)
{
	put_state(report, out);
	count_lines(report, out);
	put_figures(report, out);
	put_members(report, out);
	return done(out, err);
}

/* ---- the graph ------------------------------------------------------------------------- */

int
sbx_status_dot(const struct sbx_json *report, struct sbx_buf *out,
	struct sbx_err *err)
{
	const struct sbx_json *me = sbx_json_get(report, "me");
	const struct sbx_json *m = sbx_json_get(report, "members")->child;
	const struct sbx_json *l = sbx_json_get(report, "links")->child;

	sbx_buf_str(out, "graph sbx {\n\tnode [shape=box];\n");
	for (; m != NULL; m = m->next) {
		const char *did = sbx_json_str(m, "did");
		bool gate = sbx_json_is(sbx_json_get(me, "gate"), did);
		bool self = sbx_json_is(sbx_json_get(me, "did"), did);

		sbx_buf_str(out, "\t");
		quoted(out, did);
		sbx_buf_str(out, " [label=");
		quoted(out, sbx_status_name(m));
		sbx_buf_fmt(out, "%s%s];\n", self ? ", style=bold" : "",
			gate ? ", peripheries=2" : "");
	}
	for (; l != NULL; l = l->next) {
		sbx_buf_str(out, "\t");
		quoted(out, sbx_json_str(l, "from"));
		sbx_buf_str(out, " -- ");
		quoted(out, sbx_json_str(l, "to"));
		sbx_buf_str(out, sbx_json_get(l, "active")->yes ? ";\n" :
			" [style=dashed];\n");
	}
	sbx_buf_str(out, "}\n");
	return done(out, err);
}
