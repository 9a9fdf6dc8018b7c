/* SPDX-License-Identifier: Apache-2.0 */
/* Checking a payload against the table. */
#include <stdlib.h>
#include <string.h>

#include "base/base.h"
#include "json/json.h"
#include "crypto/crypto.h"
#include "record/record.h"

/* name, which is not empty, is these bytes. */
static bool
same(const char *name, const char *text, size_t len)
{
	return len > 0 && name[0] == text[0] && strncmp(name, text, len) == 0 &&
		name[len] == '\0';
}

const struct sbx_rec *
sbx_rec_type(const char *type, size_t len)
{
	for (const struct sbx_rec *r = sbx_rec_table; r->type != NULL; r++)
		if (same(r->type, type, len))
			return r;
	return NULL;
}

const struct sbx_rec *
sbx_rec_op(const char *op)
{
	/* The type for which op is the usual one comes first. */
	for (const struct sbx_rec *r = sbx_rec_table; r->type != NULL; r++)
		if (strcmp(r->ops[0], op) == 0)
			return r;
	for (const struct sbx_rec *r = sbx_rec_table; r->type != NULL; r++)
		for (int i = 1; r->ops[i] != NULL; i++)
			if (strcmp(r->ops[i], op) == 0)
				return r;
	return NULL;
}

static bool
text_ok(const struct sbx_field *f, const struct sbx_json *v)
{
	return v->type == SBX_JSON_STRING && v->len >= (size_t)f->min &&
		v->len <= (size_t)f->max;
}

static bool
hex_ok(const struct sbx_field *f, const struct sbx_json *v)
{
	unsigned char raw[64];

	return v->type == SBX_JSON_STRING &&
		sbx_hex_parse(raw, (size_t)f->max / 2, v->text, v->len);
}

static bool
word_ok(const struct sbx_field *f, const struct sbx_json *v)
{
	for (const char *const *w = f->words; *w != NULL; w++)
		if (sbx_json_is(v, *w))
			return true;
	return false;
}

static bool
fraction_ok(const struct sbx_field *f, const struct sbx_json *v)
{
	double d;

	if (v->type != SBX_JSON_NUMBER)
		return false;
	d = strtod(v->text, NULL);
	return d >= (double)f->min && d <= (double)f->max;
}

static bool
texts_ok(const struct sbx_field *f, const struct sbx_json *v)
{
	if (v->type != SBX_JSON_ARRAY || v->count > (size_t)f->max)
		return false;
	for (const struct sbx_json *c = v->child; c != NULL; c = c->next)
		if (c->type != SBX_JSON_STRING || c->len > 128)
			return false;
	return true;
}

static bool
kind_name_ok(const struct sbx_json *v)
{
	if (v == NULL || v->type != SBX_JSON_STRING || v->len < 2 ||
		v->len > 32 || v->text[0] < 'a' || v->text[0] > 'z')
		return false;
	return strspn(v->text, "abcdefghijklmnopqrstuvwxyz0123456789-") ==
		v->len;
}

/* Never code: a kind, and parameters that are plain values. */
static bool
macro_ok(const struct sbx_json *v)
{
	const struct sbx_json *params;
	int64_t n;

	if (v->type != SBX_JSON_OBJECT || v->count != 2 ||
		!kind_name_ok(sbx_json_get(v, "kind")))
		return false;
	params = sbx_json_get(v, "params");
	if (params == NULL || params->type != SBX_JSON_OBJECT)
		return false;
	for (const struct sbx_json *p = params->child; p != NULL; p = p->next)
		if (p->type != SBX_JSON_STRING && p->type != SBX_JSON_BOOL &&
			!sbx_json_int(p, -SBX_MAX_INT, SBX_MAX_INT, &n))
			return false;
	return true;
}

/* A fraction is only ever the value of a field that the table marks. */
static bool
integers_only(const struct sbx_json *v)
{
	int64_t n;

	if (v->type == SBX_JSON_NUMBER)
		return sbx_json_int(v, -SBX_MAX_INT, SBX_MAX_INT, &n);
	for (const struct sbx_json *c = v->child; c != NULL; c = c->next)
		if (!integers_only(c))
			return false;
	return true;
}

/* time gets that of a TIME. */
static bool
value_ok(const struct sbx_field *f, const struct sbx_json *v, int64_t *time)
{
	unsigned char raw[32];
	int64_t n;

	if (v->type == SBX_JSON_NULL && (f->flags & SBX_FIELD_NULL))
		return true;
	switch (f->kind) {
	case SBX_KIND_TEXT:
		return text_ok(f, v);
	case SBX_KIND_DID:
		return v->type == SBX_JSON_STRING &&
			sbx_did_check(v->text, v->len);
	case SBX_KIND_TARGET:
		return v->type == SBX_JSON_STRING &&
			(sbx_did_check(v->text, v->len) ||
				sbx_hex_parse(raw, sizeof(raw), v->text, v->len));
	case SBX_KIND_HEX:
		return hex_ok(f, v);
	case SBX_KIND_WGKEY:
		return v->type == SBX_JSON_STRING &&
			sbx_wgkey_parse(raw, v->text, v->len);
	case SBX_KIND_TIME:
		return v->type == SBX_JSON_STRING &&
			sbx_time_parse(time, v->text, v->len);
	case SBX_KIND_INT:
		return sbx_json_int(v, f->min, f->max, &n);
	case SBX_KIND_FRACTION:
		return fraction_ok(f, v);
	case SBX_KIND_BOOL:
		return v->type == SBX_JSON_BOOL;
	case SBX_KIND_ENUM:
		return word_ok(f, v);
	case SBX_KIND_TEXTS:
		return texts_ok(f, v);
	case SBX_KIND_OBJECT:
		return v->type == SBX_JSON_OBJECT && integers_only(v);
	case SBX_KIND_ARRAY:
		return v->type == SBX_JSON_ARRAY &&
			v->count <= (size_t)f->max && integers_only(v);
	case SBX_KIND_ANY:
		return integers_only(v);
	case SBX_KIND_IP:
		return v->type == SBX_JSON_STRING && sbx_ip_check(v->text);
	case SBX_KIND_NAME:
		return kind_name_ok(v);
	case SBX_KIND_MACRO:
		return macro_ok(v);
	}
	return false;
}

static const struct sbx_field *
field(const struct sbx_rec *rec, const char *name, size_t len)
{
	for (const struct sbx_field *f = rec->fields; f->name != NULL; f++)
		if (same(f->name, name, len))
			return f;
	return NULL;
}

/* What the payload has, each at its field's place. */
static int
find_fields(const struct sbx_rec *rec, const struct sbx_json *payload,
	const struct sbx_json *have[static SBX_MAX_FIELDS], struct sbx_err *err)
{
	const struct sbx_field *f;

	for (const struct sbx_json *v = payload->child; v != NULL; v = v->next) {
		if ((f = field(rec, v->key, v->keylen)) == NULL)
			return sbx_err_set(err, SBX_E_INPUT,
				"%s: unknown field %.40s", rec->type, v->key);
		have[f - rec->fields] = v;
	}
	return SBX_OK;
}

int
sbx_rec_check(const struct sbx_rec *rec, const struct sbx_json *payload,
	int64_t *said, struct sbx_err *err)
{
	const struct sbx_json *have[SBX_MAX_FIELDS] = { NULL }, **v = have;
	int64_t time = 0;
	int r;

	if (payload == NULL || payload->type != SBX_JSON_OBJECT)
		return sbx_err_set(err, SBX_E_INPUT, "payload is not an object");
	if ((r = find_fields(rec, payload, have, err)) != 0)
		return r;
	for (const struct sbx_field *f = rec->fields; f->name != NULL; f++, v++) {
		if (*v == NULL && (f->flags & SBX_FIELD_MAYBE))
			continue;
		if (*v == NULL)
			return sbx_err_set(err, SBX_E_INPUT,
				"%s: field %s is missing", rec->type, f->name);
		if (!value_ok(f, *v, &time))
			return sbx_err_set(err, SBX_E_INPUT,
				"%s: field %s has a wrong value", rec->type,
				f->name);
		if (f->kind == SBX_KIND_TIME && strcmp(f->name, rec->time) == 0)
			*said = time;
	}
	return SBX_OK;
}
