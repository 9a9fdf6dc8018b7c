/* SPDX-License-Identifier: Apache-2.0 */
/* The table of record types, against what sbx-entry(5) says of each field. */
#include "base/base.h"
#include "json/json.h"
#include "record/record.h"
#include "world.h"

static int
fields(const struct sbx_rec *r, const char **out)
{
	int n = 0;

	for (const struct sbx_field *f = r->fields; f->name != NULL; f++)
		out[n++] = f->name;
	return n;
}

static bool
has(const struct sbx_rec *r, const char *name)
{
	for (const struct sbx_field *f = r->fields; f->name != NULL; f++)
		if (strcmp(f->name, name) == 0)
			return true;
	return false;
}

/* I9: the payload decides what an entry is. */
START_TEST(no_two_types_share_their_fields)
{
	const char *names[32];

	for (const struct sbx_rec *a = sbx_rec_table; a->type != NULL; a++)
		for (const struct sbx_rec *b = a + 1; b->type != NULL; b++) {
			int n = fields(a, names), shared = 0, m = fields(b, names);

			n = fields(a, names);
			for (int i = 0; i < n; i++)
				shared += has(b, names[i]);
			ck_assert_msg(shared < n || shared < m,
				"%s and %s have the same fields", a->type, b->type);
		}
}
END_TEST

START_TEST(every_type_names_fields_it_has)
{
	const char *names[32];

	for (const struct sbx_rec *r = sbx_rec_table; r->type != NULL; r++) {
		ck_assert_int_le(fields(r, names), SBX_MAX_FIELDS);
		ck_assert_msg(has(r, r->actor), "%s: actor %s", r->type, r->actor);
		ck_assert_msg(has(r, r->time), "%s: time %s", r->type, r->time);
		if (r->id != NULL)
			ck_assert_msg(has(r, r->id), "%s: id %s", r->type, r->id);
		if (r->ref != NULL)
			ck_assert_msg(has(r, r->ref), "%s: ref %s", r->type, r->ref);
		ck_assert_ptr_eq(sbx_rec_type(r->type, strlen(r->type)), r);
		ck_assert_ptr_nonnull(sbx_rec_op(r->ops[0]));
	}
	ck_assert_ptr_null(sbx_rec_op("reboot"));
	ck_assert_ptr_null(sbx_rec_type("Identit", 7));
}
END_TEST

/* ---- bounds ---------------------------------------------------------------- */

/* A field's as sbx-entry(5) has it; what is not here is what is said there of
 * all others. */
static const struct bounds {
	const char *type, *field; /* type NULL: of any */
	int64_t min, max;
} listed[] = {
	{ "Identity", "self_cert_digest", 32, 32 },
	{ "Identity", "jurisdiction", 0, 64 },
	{ "Invitation", "max_uses", 1, SBX_MAX_INT },
	{ "Invitation", "uses", 0, SBX_MAX_INT },
	{ "InviteAccept", "proof", 128, 128 },
	{ "Attestation", "context", 1, 128 },
	{ "Attestation", "weight", 0, SBX_MAX_INT },
	{ "RevocationNotice", "cascade_depth", 0, 8 },
	{ "Proposal", "quorum_threshold", 0, SBX_MAX_INT },
	{ "Proposal", "tally_for", 0, SBX_MAX_INT },
	{ "Proposal", "tally_against", 0, SBX_MAX_INT },
	{ "ProposalVote", "choice", 1, 128 },
	{ "EmancipationRecord", "emancipation_level", 0, 64 },
	{ "EmancipationRecord", "previous_level", 0, 64 },
	{ "WitnessAttest", "log_height", 0, SBX_MAX_INT },
	{ "ServiceOffer", "name", 1, 256 },
	{ "ServiceOffer", "kind", 1, 128 },
	{ NULL, "endpoint", 0, 256 },
	{ "NodeRecord", "node_id", 1, 128 },
	{ "NodeRecord", "boxname", 1, 128 },
	{ NULL, "config_id", 1, 128 },
	{ "ConfigBlob", "scope", 1, 128 },
	{ "ConfigBlob", "version", 0, SBX_MAX_INT },
	{ "SbxHead", "v", 1, 1 },
	{ "SbxHead", "seq", 1, SBX_MAX_INT },
	{ "SbxHead", "items", 0, SBX_MAX_SEALED },
	{ "SbxRotate", "rec_sig", 128, 128 },
	{ "GateTerm", "term", 1, SBX_MAX_INT },
};

static struct bounds
bounds_of(const struct sbx_rec *r, const struct sbx_field *f)
{
	static const struct bounds hex = { NULL, NULL, 64, 64 },
		text = { NULL, NULL, 0, 4096 }, texts = { NULL, NULL, 0, 64 },
		name = { NULL, NULL, 2, 32 }, none = { NULL, NULL, 1, 0 };

	for (size_t i = 0; i < sizeof(listed) / sizeof(listed[0]); i++)
		if (strcmp(listed[i].field, f->name) == 0 &&
			(listed[i].type == NULL ||
				strcmp(listed[i].type, r->type) == 0))
			return listed[i];
	ck_assert_msg(f->kind != SBX_KIND_INT && f->kind != SBX_KIND_FRACTION &&
		f->kind != SBX_KIND_ARRAY, "%s: %s", r->type, f->name);
	return f->kind == SBX_KIND_HEX ? hex : f->kind == SBX_KIND_TEXT ? text :
		f->kind == SBX_KIND_TEXTS ? texts :
		f->kind == SBX_KIND_NAME ? name : none;
}

/* A value that is n long, or n. */
static void
value(struct sbx_buf *out, const struct sbx_field *f, int64_t n)
{
	bool list = f->kind == SBX_KIND_TEXTS || f->kind == SBX_KIND_ARRAY;

	if (f->kind == SBX_KIND_INT || f->kind == SBX_KIND_FRACTION) {
		sbx_buf_fmt(out, "%lld", (long long)n);
		return;
	}
	sbx_buf_str(out, list ? "[" : "\"");
	for (int64_t i = 0; i < n; i++)
		sbx_buf_str(out, !list ? "a" : i > 0 ? ",\"\"" : "\"\"");
	sbx_buf_str(out, list ? "]" : "\"");
}

static const char *
plain(const struct sbx_field *f)
{
	switch (f->kind) {
	case SBX_KIND_DID:
	case SBX_KIND_TARGET:
		return "\"did:plc:11111111111111111111111111111111\"";
	case SBX_KIND_WGKEY:
		return "\"kGZLQ0X2B5hWcD0guSO+EJuuH1yx+iyeCR9NcHuxrqY=\"";
	case SBX_KIND_TIME:
		return "\"2026-07-01T10:00:00Z\"";
	case SBX_KIND_IP:
		return "\"10.10.0.2\"";
	case SBX_KIND_BOOL:
		return "true";
	case SBX_KIND_MACRO:
		return "{\"kind\":\"web\",\"params\":{}}";
	case SBX_KIND_TEXT:
	case SBX_KIND_HEX:
	case SBX_KIND_INT:
	case SBX_KIND_FRACTION:
	case SBX_KIND_TEXTS:
	case SBX_KIND_ARRAY:
	case SBX_KIND_ENUM:
	case SBX_KIND_NAME:
	case SBX_KIND_OBJECT:
	case SBX_KIND_ANY:
		break;
	}
	return "{}";
}

/* A payload that holds but for the field odd, whose value is of n. */
static int
judge(const struct sbx_rec *r, const struct sbx_field *odd, int64_t n)
{
	struct sbx_buf text = SBX_BUF(SBX_MAX_LINE);
	struct sbx_doc *doc;
	int64_t when;
	int got;

	for (const struct sbx_field *f = r->fields; f->name != NULL; f++) {
		struct bounds b = bounds_of(r, f);

		sbx_buf_fmt(&text, "%s\"%s\":", f == r->fields ? "{" : ",", f->name);
		if (f->kind == SBX_KIND_ENUM)
			sbx_buf_fmt(&text, "\"%s\"", f->words[0]);
		else if (b.min > b.max)
			sbx_buf_str(&text, plain(f));
		else
			value(&text, f, f == odd ? n : b.min);
	}
	sbx_buf_str(&text, "}");
	ck_assert_msg(sbx_json_parse(text.data, text.len, NULL, &doc, &why) == 0,
		"%s: %s", text.data, why.text);
	got = sbx_rec_check(r, sbx_doc_root(doc), &when, &why);
	sbx_doc_free(doc);
	sbx_buf_free(&text);
	return got;
}

static void
refused(const struct sbx_rec *r, const struct sbx_field *f, int64_t n)
{
	char want[128];

	ck_assert_msg(judge(r, f, n) == SBX_E_INPUT, "%s: %s of %lld was taken",
		r->type, f->name, (long long)n);
	snprintf(want, sizeof(want), "%s: field %s has a wrong value", r->type,
		f->name);
	ck_assert_str_eq(why.text, want);
}

/* I2 */
START_TEST(a_field_is_what_its_page_says_and_no_longer)
{
	for (const struct sbx_rec *r = sbx_rec_table; r->type != NULL; r++)
		for (const struct sbx_field *f = r->fields; f->name != NULL;
			f++) {
			struct bounds b = bounds_of(r, f);

			if (b.min > b.max)
				continue;
			ck_assert_msg(judge(r, f, b.min) == 0 &&
				judge(r, f, b.max) == 0, "%s", why.text);
			refused(r, f, b.max + 1);
			if (b.min > 0 || f->kind == SBX_KIND_INT ||
				f->kind == SBX_KIND_FRACTION)
				refused(r, f, b.min - 1);
		}
}
END_TEST

START_TEST(one_of_many_texts_is_at_most_128_bytes)
{
	const struct sbx_rec *r = sbx_rec_type("SbxHead", 7);
	char text[512], item[130] = "";
	struct sbx_doc *doc;
	int64_t when;

	for (int past = 0; past < 2; past++) {
		memset(item, 'a', (size_t)(128 + past));
		snprintf(text, sizeof(text), "{\"did\":\"did:plc:%032d\",\"v\":1,"
			"\"seq\":1,\"prev\":null,\"items\":[\"%s\"],\"rec\":null,"
			"\"created_at\":\"%s\"}", 1, item, at(0));
		ck_assert_int_eq(sbx_json_parse(text, strlen(text), NULL, &doc,
			&why), 0);
		ck_assert_int_eq(sbx_rec_check(r, sbx_doc_root(doc), &when, &why),
			past ? SBX_E_INPUT : 0);
		sbx_doc_free(doc);
	}
}
END_TEST

/* Of two dates, whichever stands first. */
START_TEST(what_is_said_has_the_time_of_the_field_that_the_table_names)
{
	const struct sbx_rec *r = sbx_rec_type("BanRecord", 9);
	struct sbx_buf text = SBX_BUF(SBX_MAX_LINE);
	struct sbx_doc *doc;
	int64_t when = 0;

	sbx_buf_fmt(&text, "{\"expires_at\":\"%s\",", at(7));
	sbx_buf_fmt(&text, "\"created_at\":\"%s\",\"ban_id\":\"%064d\","
		"\"ip\":\"192.0.2.1\",\"reason\":\"scan\",\"severity\":2,"
		"\"publisher\":\"did:plc:%032d\"}", at(5), 1, 1);
	ck_assert_int_eq(sbx_json_parse(text.data, text.len, NULL, &doc, &why), 0);
	ck_assert_msg(sbx_rec_check(r, sbx_doc_root(doc), &when, &why) == 0, "%s",
		why.text);
	ck_assert_int_eq(when, T0 + 5 * INT64_C(1000000));
	sbx_doc_free(doc);
	sbx_buf_free(&text);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("rec");
	TCase *t = tcase_create("rec");

	tcase_add_test(t, no_two_types_share_their_fields);
	tcase_add_test(t, every_type_names_fields_it_has);
	tcase_add_test(t, a_field_is_what_its_page_says_and_no_longer);
	tcase_add_test(t, one_of_many_texts_is_at_most_128_bytes);
	tcase_add_test(t,
		what_is_said_has_the_time_of_the_field_that_the_table_names);
	suite_add_tcase(s, t);
	return finish_suite(s);
}
