/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "sbx.h"

static int
append(struct sbx_log *log, const struct sbx_entry *e, struct sbx_err *err)
{
	enum sbx_log_how how;
	int r;

	if ((r = sbx_log_begin(log, err)) != 0)
		return r;
	if ((r = sbx_log_add(log, e, &how, err)) == 0)
		return sbx_log_commit(log, err);
	sbx_log_rollback(log);
	return r;
}

int
sbx_act(struct sbx_log *log, const char *keyfile, const char *op,
	const struct sbx_json *payload, bool dry, struct sbx_err *err)
{
	struct sbx_entry *e = NULL;
	struct sbx_key *key = NULL;
	char self[SBX_DID_SIZE];
	int r;

	if ((r = sbx_log_self(log, self, err)) != 0 ||
		(r = sbx_key_load(keyfile, &key, err)) != 0)
		return r;
	if (strcmp(sbx_key_did(key), self) != 0)
		r = sbx_err_set(err, SBX_E_USAGE,
			"%s: not the key of this ledger", keyfile);
	else if ((r = sbx_entry_make(key, op, NULL, payload, &e, err)) ==
			 SBX_E_INPUT &&
		 err != NULL)
		r = err->code = SBX_E_USAGE; /* the words are the caller's */
	sbx_key_free(key);
	if (r == 0 && !dry)
		r = append(log, e, err);
	sbx_entry_free(e);
	return r;
}
