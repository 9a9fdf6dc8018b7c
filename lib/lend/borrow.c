/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The subscriber's way to a grant.  The network is sbx_fetch's, in a process
 * of its own; while that runs no key is in memory and no ledger open.
 */
#include <stdlib.h>
#include <string.h>

#include "base/base.h"
#include "json/json.h"
#include "system/system.h"
#include "crypto/crypto.h"
#include "record/record.h"
#include "ledger/ledger.h"
#include "directory/directory.h"
#include "apply/apply.h"
#include "lend/lend.h"
#include "ledger/db.h"

#define PATIENCE   15000
#define ROOT_TIME  45000 /* ms: it waits for its lock and for a plugin */
#define SUDO       "/usr/bin/sudo"
#define MACROCTL   SBX_SBINDIR "/sbx-macroctl"

int
sbx_borrow_node(struct sbx_state *st, struct sbx_borrow *b, struct sbx_err *err)
{
	const struct sbx_json *offer = sbx_doc_root(b->offer);
	const char *provider = sbx_json_str(offer, "provider");
	const struct sbx_json *macro = sbx_json_get(offer, "macro");
	struct sbx_doc *node = NULL;
	const char *ip;
	int r;

	if (macro == NULL || macro->type != SBX_JSON_OBJECT)
		return sbx_err_set(err, SBX_E_NO,
			"the offer has no macro: nothing is granted for it");
	r = sbx_state_one(st, SBX_VIEW_NODE, provider, &node, err);
	ip = r == 0 ? sbx_json_str(sbx_doc_root(node), "mesh_ip") : NULL;
	if (ip == NULL)
		r = sbx_err_set(err, SBX_E_SYS,
			"the provider's mesh address is not known yet");
	else
		snprintf(b->address, sizeof(b->address), "%s", ip);
	sbx_doc_free(node);
	return r;
}

static int
see_row(void *ctx, const struct sbx_row *row, struct sbx_err *err)
{
	struct sbx_borrow *b = ctx;

	return sbx_row_entry(row, &b->sub, err);
}

/* Ours, whoever else claims its identifier. */
int
sbx_borrow_sub(struct sbx_log *log, const char *id, struct sbx_borrow *b,
	struct sbx_err *err)
{
	char self[SBX_DID_SIZE];
	sqlite3_stmt *st = NULL;
	int64_t row = 0;
	int r;

	if ((r = sbx_log_self(log, self, err)) != 0 ||
		(r = sbx_db_prepare(sbx_log_db(log), "SELECT f.seq FROM fact f "
			 "JOIN author a ON a.id=f.author WHERE "
			 "f.type='Subscription' AND "
			 SBX_CLAIMING("f", "?1") " AND a.did=?2 "
			 "ORDER BY f.seq DESC LIMIT 1", &st, err)) != 0)
		return r;
	sbx_db_bind_text(st, 1, id);
	sbx_db_bind_text(st, 2, self);
	if (sqlite3_step(st) == SQLITE_ROW)
		row = sqlite3_column_int64(st, 0);
	sqlite3_finalize(st);
	if (row == 0)
		return sbx_err_set(err, SBX_E_SYS, "%.12s: not in the ledger",
			id);
	return sbx_log_each(log, row, row, see_row, b, err);
}

void
sbx_borrow_free(struct sbx_borrow *b)
{
	sbx_doc_free(b->offer);
	sbx_entry_free(b->sub);
	b->offer = NULL;
	b->sub = NULL;
}

/* One exchange with the provider: GET, or POST with body. */
static int
talk(const struct sbx_borrow *b, const struct sbx_buf *body, int *http,
	struct sbx_buf *answer, struct sbx_err *err)
{
	bool six = strchr(b->address, ':') != NULL;
	struct sbx_buf url = SBX_BUF(512);
	struct sbx_fetch f = { .max = SBX_MAX_ANSWER, .timeout = PATIENCE };
	char etag[SBX_ETAG_SIZE];
	int r;

	sbx_buf_fmt(&url, "http://%s%s%s:%d/grant/%s", six ? "[" : "",
		b->address, six ? "]" : "", b->port,
		sbx_json_str(sbx_doc_root(b->offer), "service_id"));
	f.url = sbx_buf_text(&url);
	if (body != NULL) {
		f.body = sbx_buf_text(body);
		f.bodylen = body->len;
		f.type = "application/json";
	}
	r = sbx_fetch(&f, http, answer, etag, err);
	sbx_buf_free(&url);
	return r;
}

static int
get_nonce(const struct sbx_borrow *b,
	unsigned char nonce[static SBX_NONCE_BYTES], struct sbx_err *err)
{
	struct sbx_buf text = SBX_BUF(SBX_MAX_ANSWER);
	int http, r;

	if ((r = talk(b, NULL, &http, &text, err)) == 0)
		r = http == 200 ? sbx_request_nonce(sbx_buf_text(&text),
					  text.len, nonce, err)
				: sbx_request_answer(http, sbx_buf_text(&text),
					  text.len, NULL, NULL, err);
	sbx_buf_free(&text);
	return r;
}

static int
sign_request(const struct sbx_borrow *b,
	const unsigned char nonce[static SBX_NONCE_BYTES], struct sbx_buf *body,
	struct sbx_err *err)
{
	struct sbx_key *key;
	int r;

	if ((r = sbx_key_load(b->keyfile, &key, err)) != 0)
		return r;
	r = sbx_request_make(key, nonce,
		sbx_json_str(sbx_doc_root(b->offer), "provider"), b->sub, body,
		err);
	sbx_key_free(key);
	return r;
}

int
sbx_borrow(const struct sbx_borrow *b, struct sbx_doc **answer,
	struct sbx_err *err)
{
	struct sbx_buf body = SBX_BUF(SBX_MAX_LINE);
	struct sbx_buf text = SBX_BUF(SBX_MAX_ANSWER);
	unsigned char nonce[SBX_NONCE_BYTES];
	int http, r;

	if ((r = get_nonce(b, nonce, err)) == 0 &&
		(r = sign_request(b, nonce, &body, err)) == 0 &&
		(r = talk(b, &body, &http, &text, err)) == 0)
		r = sbx_request_answer(http, sbx_buf_text(&text), text.len,
			sbx_doc_root(b->offer), answer, err);
	sbx_buf_free(&body);
	sbx_buf_free(&text);
	return r;
}

int
sbx_borrow_root(const char *const *words, struct sbx_buf *out,
	struct sbx_err *err)
{
	const char *argv[16] = { SUDO, "-n", MACROCTL };
	struct sbx_run run = { .argv = argv, .timeout = ROOT_TIME };

	for (size_t i = 3; i < 15 && *words != NULL; i++)
		argv[i] = *words++;
	return sbx_run_ok(&run, out, err);
}

int
sbx_borrow_macro(
	const struct sbx_json *offer, const char *verb, struct sbx_err *err)
{
	const struct sbx_json *macro = sbx_json_get(offer, "macro");
	const char *kind = macro != NULL ? sbx_json_str(macro, "kind") : NULL;
	struct sbx_buf params = SBX_BUF(SBX_MAX_ENTRY);
	int r;

	if (kind == NULL)
		return sbx_err_set(err, SBX_E_NO, "the offer has no macro");
	r = sbx_canon_write(&params, sbx_json_get(macro, "params"), NULL, err);
	if (r == 0)
		r = sbx_borrow_root((const char *[]){ kind, verb, "--service",
			sbx_json_str(offer, "service_id"), "--endpoint",
			sbx_json_str(offer, "endpoint"), "--params",
			sbx_buf_text(&params), NULL }, NULL, err);
	sbx_buf_free(&params);
	return r;
}
