/* SPDX-License-Identifier: Apache-2.0 */
/* One statement: read, checked against the table of types, signed. */
#include <stdlib.h>
#include <string.h>

#include "base/base.h"
#include "json/json.h"
#include "crypto/crypto.h"
#include "record/record.h"
#include "exchange/now.h"
#include "crypto/signed.h"

static const struct sbx_signed_kind form = { "sbx-statement/v1\n", "statement",
	"did", 3 };

static const struct sbx_json_limits limits = { SBX_MAX_STATEMENT,
	SBX_MAX_DEPTH, 2048 };

const struct sbx_statement_type *
sbx_statement_type(const char *name)
{
	const struct sbx_statement_type *t = sbx_statement_table;

	for (; t->rec.type != NULL; t++)
		if (strcmp(t->rec.type, name) == 0)
			return t;
	return NULL;
}

/* What every statement has, whatever its type. */
static int
read_frame(struct sbx_statement *s, const struct sbx_json *st,
	struct sbx_err *err)
{
	const char *type = sbx_json_str(st, "type");
	int64_t ttl;

	if (type == NULL)
		return sbx_err_set(err, SBX_E_INPUT, "statement: no type");
	if ((s->type = sbx_statement_type(type)) == NULL)
		return sbx_err_set(err, SBX_E_NO, "unknown type %.60s", type);
	if (st->count != 6)
		return sbx_err_set(err, SBX_E_INPUT,
			"%s: not the six fields of a statement", type);
	if (!sbx_json_time(st, "at", &s->at))
		return sbx_err_set(err, SBX_E_INPUT, "%s: at is no time", type);
	if (!sbx_json_int(sbx_json_get(st, "seq"), 1, SBX_MAX_INT, &s->seq))
		return sbx_err_set(
			err, SBX_E_INPUT, "%s: seq is no number", type);
	if (!sbx_json_int(sbx_json_get(st, "ttl"), 1, s->type->ttl, &ttl))
		return sbx_err_set(err, SBX_E_INPUT,
			"%s: ttl is not 1 to %lld seconds", type,
			(long long)s->type->ttl);
	s->until = s->at + ttl * SBX_SECOND;
	return SBX_OK;
}

static int
read_statement(struct sbx_statement *s, struct sbx_err *err)
{
	struct sbx_buf line = SBX_BUF(SBX_MAX_STATEMENT);
	struct sbx_signed doc;
	int64_t none;
	int r;

	if ((r = sbx_signed_open(&doc, &form, sbx_doc_root(s->doc), err)) != 0 ||
		(r = read_frame(s, doc.body, err)) != 0)
		return r;
	s->body = sbx_json_get(doc.body, "body");
	if ((r = sbx_rec_check(&s->type->rec, s->body, &none, err)) != 0)
		return r;
	memcpy(s->did, doc.did, sizeof(s->did));
	memcpy(s->pub, doc.pub, sizeof(s->pub));
	memcpy(s->sig, doc.sig, sizeof(s->sig));
	if ((r = sbx_canon_write(&line, sbx_doc_root(s->doc), NULL, err)) == 0 &&
		line.over)
		r = sbx_err_set(err, SBX_E_INPUT, "longer than %d bytes",
			SBX_MAX_STATEMENT);
	s->line = line.data; /* transferred */
	s->len = line.len;
	return r;
}

int
sbx_statement_read(struct sbx_doc *doc, struct sbx_statement **out,
	struct sbx_err *err)
{
	struct sbx_statement *s = sbx_mem_alloc(1, sizeof(*s));
	int r;

	s->doc = doc; /* transferred */
	if ((r = read_statement(s, err)) == 0)
		*out = s;
	else
		sbx_statement_free(s);
	return r;
}

int
sbx_statement_parse(const char *text, size_t len, struct sbx_statement **out,
	struct sbx_err *err)
{
	struct sbx_doc *doc;
	int r;

	if (len > SBX_MAX_STATEMENT)
		return sbx_err_set(err, SBX_E_INPUT, "longer than %d bytes",
			SBX_MAX_STATEMENT);
	if ((r = sbx_json_parse(text, len, &limits, &doc, err)) == 0)
		r = sbx_statement_read(doc, out, err);
	return r;
}

int
sbx_statement_verify(const struct sbx_statement *s, struct sbx_err *err)
{
	const struct sbx_json *body =
		sbx_json_get(sbx_doc_root(s->doc), form.member);

	return sbx_signed_verify(s->pub, form.tag, body, s->sig) ?
		SBX_OK : sbx_err_set(err, SBX_E_INPUT, "bad signature");
}

int
sbx_statement_make(const struct sbx_key *key, const char *type, int64_t seq,
	int64_t ttl, const struct sbx_json *body, struct sbx_statement **s,
	struct sbx_err *err)
{
	const struct sbx_statement_type *t = sbx_statement_type(type);
	struct sbx_buf line = SBX_BUF(SBX_MAX_STATEMENT);
	struct sbx_json *st;
	struct sbx_doc *doc;
	int r;

	if (t == NULL) {
		sbx_err_set(err, SBX_E_USAGE, "unknown type %.60s", type);
		sbx_err_hint(err, "sbx-now(5) lists them");
		return SBX_E_USAGE;
	}
	if (ttl < 1 || ttl > t->ttl)
		return sbx_err_set(err, SBX_E_USAGE,
			"a %s lasts 1 to %lld seconds", type, (long long)t->ttl);
	doc = sbx_doc_new();
	st = sbx_json_add(doc, sbx_doc_root(doc), form.member, SBX_JSON_OBJECT);
	sbx_json_add_time(doc, st, "at", sbx_clock_now());
	sbx_json_add_copy(doc, st, "body", body);
	sbx_json_add_str(doc, st, "did", sbx_key_did(key));
	sbx_json_add_int(doc, st, "seq", seq);
	sbx_json_add_int(doc, st, "ttl", ttl);
	sbx_json_add_str(doc, st, "type", type);
	if ((r = sbx_signed_close(doc, &form, key, err)) == 0 &&
		(r = sbx_canon_write(&line, sbx_doc_root(doc), NULL, err)) == 0)
		r = line.over ?
			sbx_err_set(err, SBX_E_INPUT,
				"the statement is longer than %d bytes",
				SBX_MAX_STATEMENT) :
			sbx_statement_parse(line.data, line.len, s, err);
	sbx_buf_free(&line);
	sbx_doc_free(doc);
	return r;
}

void
sbx_statement_free(struct sbx_statement *s)
{
	if (s == NULL)
		return;
	sbx_doc_free(s->doc);
	free(s->line);
	free(s);
}
