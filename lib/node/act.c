/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "base/base.h"
#include "json/json.h"
#include "crypto/crypto.h"
#include "record/record.h"
#include "ledger/ledger.h"
#include "node/node.h"
#include "ledger/db.h"

/* A claim dated before the one it is to replace would lose to it, unseen: on
 * a box whose clock went back that must be an error now.  Facts are looked
 * through as they stand, and not by type: strangers have very many of those. */
static int
check_clock(struct sbx_log *log, const struct sbx_entry *e, struct sbx_err *err)
{
	char sql[400], when[SBX_TIME_SIZE];
	int64_t last;
	int r;

	snprintf(sql, sizeof(sql),
		"SELECT max(f.time) FROM fact f JOIN author a ON a.id=f.author "
		"WHERE a.did='%s' AND +f.type IN ('ServiceOffer', "
		"'ServiceRevokeOffer', 'Subscription', 'SubscriptionRevoke', "
		"'ServiceApprove', 'ServiceReject')",
		e->author);
	if ((r = sbx_db_int(sbx_log_db(log), sql, 0, &last, err)) != 0 ||
		e->time >= last)
		return r;
	sbx_time_write(when, last);
	sbx_err_set(err, SBX_E_SYS,
		"the clock is behind what this box signed at %s", when);
	sbx_err_hint(err, "set the clock");
	return SBX_E_SYS;
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
		(dry && (r = sbx_guard_check(log, conf, err)) != 0) ||
		(r = sbx_key_load(conf->key, &key, err)) != 0)
		return r;
	if (strcmp(sbx_key_did(key), self) != 0)
		r = sbx_err_set(err, SBX_E_USAGE,
			"%s: not the key of this ledger", conf->key);
	else if ((r = sbx_entry_make(key, op, NULL, payload, &e, err)) ==
			 SBX_E_INPUT &&
		 err != NULL)
		r = err->code = SBX_E_USAGE; /* the words are the caller's */
	sbx_key_free(key);
	if (r == 0)
		r = check_clock(log, e, err);
	if (r == 0 && !dry)
		r = sbx_guard_append(log, conf, e, err);
	sbx_entry_free(e);
	return r;
}
