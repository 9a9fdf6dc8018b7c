/* SPDX-License-Identifier: Apache-2.0 */
/* Reports: parts that fail, and forms that hostile names do not get out of. */
#include "fleet/status.h"
#include "suite.h"

/* ---- parts -------------------------------------------------------------------- */

static int
good(struct sbx_status *s, void *ctx, struct sbx_err *err)
{
	(void)err;
	++*(int *)ctx;
	sbx_status_line(s, SBX_STATUS_NOTE, "true", "all is %s", "well");
	sbx_status_figure(s, "things", 3);
	return SBX_OK;
}

static int
blind(struct sbx_status *s, void *ctx, struct sbx_err *err)
{
	(void)s;
	++*(int *)ctx;
	return sbx_err_set(err, SBX_E_SYS, "it is dark");
}

START_TEST(a_part_that_cannot_look_needs_attention_and_stops_no_other)
{
	const struct sbx_status_part parts[] = {
		{ "first", "a thing", "mend first", blind },
		{ "second", "a thing", "mend second", good },
		{ NULL, NULL, NULL, NULL },
	};
	struct sbx_status *s = sbx_status_new(0);
	const struct sbx_json *line;
	size_t needs;
	int looked = 0;

	sbx_status_run(s, parts, &looked);
	line = sbx_json_get(sbx_status_report(s, &needs), "lines")->child;
	ck_assert_int_eq(looked, 2);
	ck_assert_uint_eq(needs, 1);
	ck_assert_str_eq(sbx_json_str(line, "part"), "first");
	ck_assert_str_eq(sbx_json_str(line, "state"), "attention");
	ck_assert_str_eq(sbx_json_str(line, "text"), "it is dark");
	ck_assert_str_eq(sbx_json_str(line, "mend"), "mend first");
	ck_assert_str_eq(sbx_json_str(line->next, "text"), "all is well");
	ck_assert_str_eq(sbx_json_str(line->next, "state"), "note");
	sbx_status_free(s);
}
END_TEST

/* ---- hostile names ------------------------------------------------------------ */

static const char *const hostile[] = { "<script>alert(1)</script>",
	"\"><img src=x onerror=alert(1)>", "'&lt;'", "a\nb", "a\033[31mb",
	"a\"} 1\nevil 2\n#", "back\\slash", "\xe2\x80\xae" "abc",
	"</style><style>*{display:none}", "\"];x--y[label=\"" };

static void
nothing_raw(const char *text, const char *form, const char *name)
{
	for (const char *c = text; *c != '\0'; c++)
		ck_assert_msg(*c == '\n' || *c == '\t' ||
			(unsigned char)*c >= ' ', "%s has a control byte of %s",
			form, name);
	ck_assert_msg(strstr(text, "\xe2\x80\xae") == NULL,
		"%s has a mark that reorders text", form);
}

static size_t
lines_of(const char *text)
{
	size_t n = 0;

	for (; *text != '\0'; text++)
		n += *text == '\n';
	return n;
}

static struct sbx_status *
report_of(const char *name)
{
	const struct sbx_status_part parts[] = {
		{ "part", "a thing", NULL, good }, { NULL, NULL, NULL, NULL } };
	struct sbx_status *s = sbx_status_new(0);
	struct sbx_json *m;
	int looked = 0;

	sbx_status_run(s, parts, &looked);
	sbx_json_add_str(sbx_status_doc(s), sbx_status_me(s), "did", "d1");
	sbx_json_add_str(sbx_status_doc(s), sbx_status_me(s), "name", name);
	sbx_json_add_str(sbx_status_doc(s), sbx_status_me(s), "state", "aware");
	for (int i = 1; i <= 2; i++) {
		m = sbx_json_add(sbx_status_doc(s), sbx_status_members(s), NULL,
			SBX_JSON_OBJECT);
		sbx_json_add_str(sbx_status_doc(s), m, "did",
			i == 1 ? "d1" : "d2");
		sbx_json_add_str(sbx_status_doc(s), m, "name", name);
		sbx_json_add_str(sbx_status_doc(s), m, "endpoint", name);
		sbx_json_add_int(sbx_status_doc(s), m, "handshake", 7);
	}
	m = sbx_json_add(sbx_status_doc(s), sbx_status_links(s), NULL,
		SBX_JSON_OBJECT);
	sbx_json_add_str(sbx_status_doc(s), m, "from", "d1");
	sbx_json_add_str(sbx_status_doc(s), m, "to", "d2");
	sbx_json_add_bool(sbx_status_doc(s), m, "active", true);
	return s;
}

struct forms {
	struct sbx_buf page, metrics, dot;
};

static void
make(struct forms *f, const char *name)
{
	struct sbx_status *s = report_of(name);
	const struct sbx_json *report = sbx_status_report(s, NULL);

	*f = (struct forms){ SBX_BUF(SBX_STATUS_MAX), SBX_BUF(SBX_STATUS_MAX),
		SBX_BUF(SBX_STATUS_MAX) };
	ck_assert_int_eq(sbx_status_page(report, 30, &f->page, NULL), 0);
	ck_assert_int_eq(sbx_status_metrics(report, &f->metrics, NULL), 0);
	ck_assert_int_eq(sbx_status_dot(report, &f->dot, NULL), 0);
	sbx_status_free(s);
}

static void
drop(struct forms *f)
{
	sbx_buf_free(&f->page);
	sbx_buf_free(&f->metrics);
	sbx_buf_free(&f->dot);
}

static size_t
count(const char *text, const char *what)
{
	size_t n = 0;

	while ((text = strstr(text, what)) != NULL) {
		n++;
		text += strlen(what);
	}
	return n;
}

/* I5: whatever the name, each form has the shape that a plain name gives. */
START_TEST(no_name_gets_out_of_its_place_in_any_form)
{
	struct forms plain, f;

	make(&plain, "plain");
	for (size_t i = 0; i < sizeof(hostile) / sizeof(hostile[0]); i++) {
		make(&f, hostile[i]);
		nothing_raw(f.page.data, "the page", hostile[i]);
		nothing_raw(f.metrics.data, "the metrics", hostile[i]);
		nothing_raw(f.dot.data, "the graph", hostile[i]);
		ck_assert_uint_eq(lines_of(f.metrics.data),
			lines_of(plain.metrics.data));
		ck_assert_uint_eq(lines_of(f.dot.data), lines_of(plain.dot.data));
		for (const char *c = "<>"; *c != '\0'; c++)
			ck_assert_msg(count(f.page.data, (char[]){ *c, 0 }) ==
				count(plain.page.data, (char[]){ *c, 0 }),
				"%s opens or ends a tag", hostile[i]);
		ck_assert_msg(count(f.page.data, "\"") ==
			count(plain.page.data, "\""), "%s ends an attribute",
			hostile[i]);
		drop(&f);
	}
	drop(&plain);
}
END_TEST

START_TEST(the_page_has_no_script_and_names_no_other_host)
{
	struct forms f;

	make(&f, "plain");
	ck_assert_uint_eq(count(f.page.data, "<script"), 0);
	ck_assert_uint_eq(count(f.page.data, "://"), 0);
	ck_assert_uint_eq(count(f.page.data, " style="), 0);
	ck_assert_uint_eq(count(f.page.data, " src="), 0);
	ck_assert_uint_eq(count(f.page.data, " href="), 0);
	ck_assert_ptr_nonnull(strstr(f.page.data, "default-src 'none'; "
		"style-src 'sha256-"));
	drop(&f);
}
END_TEST

START_TEST(a_report_that_is_too_large_is_told)
{
	struct sbx_status *s = report_of("name");
	struct sbx_buf small = SBX_BUF(64);
	struct sbx_err err;

	ck_assert_int_eq(sbx_status_page(sbx_status_report(s, NULL), 30, &small,
		&err), SBX_E_SYS);
	sbx_buf_free(&small);
	ck_assert_int_eq(sbx_status_metrics(sbx_status_report(s, NULL), &small,
		&err), SBX_E_SYS);
	sbx_buf_free(&small);
	ck_assert_int_eq(sbx_status_dot(sbx_status_report(s, NULL), &small,
		&err), SBX_E_SYS);
	sbx_buf_free(&small);
	sbx_status_free(s);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("status");
	TCase *tc = tcase_create("status");

	tcase_add_test(tc,
		a_part_that_cannot_look_needs_attention_and_stops_no_other);
	tcase_add_test(tc, no_name_gets_out_of_its_place_in_any_form);
	tcase_add_test(tc, the_page_has_no_script_and_names_no_other_host);
	tcase_add_test(tc, a_report_that_is_too_large_is_told);
	suite_add_tcase(suite, tc);
	return finish_suite(suite);
}
