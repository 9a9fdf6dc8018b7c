/* SPDX-License-Identifier: Apache-2.0 */
/* A head that goes on from the one before may still be an old one: nothing in
 * it tells a log that has nothing to say from one that is kept from us.  So a
 * log's own key cosigns its head again and again: as of this time there is no
 * more of it (c2sp.org/tlog-cosignature). */
#include "base/base.h"
#include "crypto/crypto.h"
#include "record/record.h"
#include "ledger/ledger.h"
#include "node/node.h"
#include "exchange/exchange.h"
#include "exchange/follow.h"

/* ---- what is remembered of it -------------------------------------------- */

/* A row of local for each address: whose log it has shown, when it was vouched
 * for there the last time.  A log's own is the newest of them. */
#define HERE "SELECT substr(value, 42) FROM local WHERE key='heard ' || ? " \
	     "AND substr(value, 1, 40)=?"
#define NEWEST "SELECT max(CAST(substr(value, 42) AS INTEGER)) FROM local " \
	       "WHERE key GLOB 'heard *' AND substr(value, 1, 40)=?"

static int
time_of(struct sbx_log *log, const char *sql, const char *a, const char *b,
	int64_t *at, struct sbx_err *err)
{
	struct sbx_buf text = SBX_BUF(64);
	int r = sbx_db_text(sbx_log_db(log), sql, a, b, &text, err);

	if (r != 0 || !sbx_num_parse(at, sbx_buf_text(&text), 1, INT64_MAX))
		*at = 0;
	sbx_buf_free(&text);
	return r;
}

int
sbx_freshness_here(struct sbx_log *log, const char *base, const char *did,
	int64_t *at, struct sbx_err *err)
{
	return time_of(log, HERE, base, did, at, err);
}

int
sbx_freshness_keep(struct sbx_log *log, const char *base, const char *did,
	int64_t at, struct sbx_err *err)
{
	char value[SBX_DID_SIZE + 24];

	snprintf(value, sizeof(value), "%s %lld", did, (long long)at);
	return sbx_db_text(sbx_log_db(log), "INSERT OR REPLACE INTO local(key, "
		"value) VALUES('heard ' || ?, ?)", base, value, NULL, err);
}

/* ---- what follows from it ------------------------------------------------ */

int
sbx_heard_load(struct sbx_log *log, const struct sbx_conf *conf,
	const char *url, const char *did, struct sbx_heard *h,
	struct sbx_err *err)
{
	struct sbx_source src;
	int64_t at = 0;
	int r = SBX_OK;

	*h = (struct sbx_heard){ 0 };
	if (did == NULL) {
		r = sbx_source_load(log, url, &src, err);
		did = src.did;
	}
	if (r != 0 || (r = time_of(log, NEWEST, did, NULL, &at, err)) != 0)
		return r;
	h->at = at;
	h->stale = at != 0 &&
		   sbx_clock_now() - at > conf->pull_stale * SBX_SECOND;
	return SBX_OK;
}

int
sbx_heard_judge(const struct sbx_heard *h, const struct sbx_follow *f,
	struct sbx_err *err)
{
	char now[SBX_TIME_SIZE], before[SBX_TIME_SIZE];

	sbx_time_write(now, f->said);
	if (f->said > sbx_clock_now() + SBX_MAX_AHEAD)
		return sbx_err_set(err, SBX_E_NO,
			"vouches for its log at %s, which is to come: a clock "
			"is wrong", now);
	if (f->said != 0 && f->said < f->shown) {
		sbx_time_write(before, f->shown);
		return sbx_err_set(err, SBX_E_NO,
			"an old answer again, vouched for at %s, after one of %s",
			now, before);
	}
	sbx_time_write(now, h->at);
	return h->stale ? sbx_err_set(err, SBX_E_NO,
				  "stale: nobody vouches for it since %s", now) :
			  SBX_OK;
}
