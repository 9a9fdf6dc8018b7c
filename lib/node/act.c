/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "base/base.h"
#include "json/json.h"
#include "crypto/crypto.h"
#include "record/record.h"
#include "ledger/ledger.h"
#include "node/node.h"
#include "ledger/db.h"

/* The payload with its date, if it has none. */
static int
date(struct sbx_log *log, const struct sbx_rec *rec,
	const struct sbx_json *payload, struct sbx_doc **doc, struct sbx_err *err)
{
	int64_t us;
	int r;

	*doc = sbx_doc_copy(payload);
	if (sbx_json_get(payload, rec->time) != NULL)
		return SBX_OK;
	if ((r = sbx_date(log, rec->type, payload, &us, err)) == 0)
		sbx_json_add_time(*doc, sbx_doc_root(*doc), rec->time, us);
	return r;
}

/* What was dated ahead would win over this by its date, once its time has come:
 * a head over both proves which was said last. */
int
sbx_act_order(struct sbx_log *log, const struct sbx_conf *conf,
	struct sbx_err *err)
{
	int64_t last;
	size_t heads;
	int r;

	if ((r = sbx_date_ahead(log, &last, err)) != 0 || last == 0)
		return r;
	if ((r = sbx_seal(log, conf, NULL, &heads, err)) != 0)
		sbx_err_at(err, "signed, but not yet in a head");
	return r;
}

static int
sign(struct sbx_log *log, const struct sbx_key *key, const char *op,
	const struct sbx_json *payload, struct sbx_entry **e, struct sbx_err *err)
{
	const struct sbx_rec *rec = sbx_rec_op(op);
	struct sbx_doc *doc = NULL;
	int r = SBX_OK;

	if (rec != NULL && payload->type == SBX_JSON_OBJECT &&
		(r = date(log, rec, payload, &doc, err)) == 0)
		payload = sbx_doc_root(doc);
	if (r == 0 && (r = sbx_entry_make(key, op, NULL, payload, e, err)) ==
			SBX_E_INPUT && err != NULL)
		r = err->code = SBX_E_USAGE; /* the words are the caller's */
	sbx_doc_free(doc);
	return r;
}

int
sbx_act(struct sbx_log *log, const struct sbx_conf *conf, const char *op,
	const struct sbx_json *payload, bool dry, struct sbx_err *err)
{
	struct sbx_entry *e = NULL;
	struct sbx_key *key = NULL;
	char self[SBX_DID_SIZE];
	int r;

	if ((r = sbx_log_self(log, self, err)) != 0 ||
		(dry && ((r = sbx_guard_frozen(log, err)) != 0 ||
			(r = sbx_guard_check(log, conf, err)) != 0)) ||
		(r = sbx_key_load(conf->key, &key, err)) != 0)
		return r;
	if (strcmp(sbx_key_did(key), self) != 0)
		r = sbx_err_set(err, SBX_E_USAGE,
			"%s: not the key of this ledger", conf->key);
	else
		r = sign(log, key, op, payload, &e, err);
	sbx_key_free(key);
	if (r == 0 && !dry && (r = sbx_guard_append(log, conf, e, err)) == 0)
		r = sbx_act_order(log, conf, err);
	sbx_entry_free(e);
	return r;
}
