/* SPDX-License-Identifier: Apache-2.0 */
/* Proofs that are carried away: one file that convinces whoever trusts the
 * log's owner, long after the log itself is gone. */
#include <stdlib.h>
#include <string.h>

#include "base/base.h"
#include "json/json.h"
#include "crypto/crypto.h"
#include "record/record.h"
#include "ledger/ledger.h"
#include "node/node.h"
#include "exchange/exchange.h"
#include "ledger/db.h"

/* ---- made -------------------------------------------------------------- */

static int
signed_head(const struct sbx_conf *conf, struct sbx_buf *note,
	struct sbx_checkpoint *c, struct sbx_err *err)
{
	const char *end;
	int r;

	if ((r = sbx_io_read(conf->head, 0, note, err)) != 0) {
		sbx_err_hint(err, "sbx-ledger publish signs the first head");
		return r;
	}
	end = strstr(sbx_buf_text(note), "\n\n");
	if (end == NULL || sbx_checkpoint_parse(c, note->data,
				   (size_t)(end + 1 - note->data), err) != 0)
		return sbx_err_set(
			err, SBX_E_USAGE, "%s: not a head", conf->head);
	return SBX_OK;
}

static int
past_head(const char *what, int64_t n, struct sbx_err *err)
{
	sbx_err_set(err, SBX_E_NO, "%s %lld is not under the signed head yet",
		what, (long long)n);
	sbx_err_hint(err, "sbx-ledger publish signs a new one");
	return SBX_E_NO;
}

/* The entry's line, then the delegation's. */
static int
make_extra(struct sbx_log *log, const struct sbx_conf *conf, int64_t seq,
	struct sbx_buf *extra, struct sbx_err *err)
{
	struct sbx_buf path = SBX_BUF(4096);
	int r;

	sbx_buf_fmt(&path, "%s/log-key", conf->dir);
	if ((r = sbx_log_line(log, seq, extra, err)) == 0) {
		sbx_buf_str(extra, "\n");
		r = sbx_io_read(path.data, 0, extra, err);
	}
	sbx_buf_free(&path);
	return r;
}

int
sbx_prove_entry(struct sbx_log *log, const struct sbx_conf *conf, int64_t seq,
	struct sbx_buf *out, struct sbx_err *err)
{
	struct sbx_tree_source src = sbx_log_source(log);
	struct sbx_buf note = SBX_BUF(SBX_MAX_NOTE), extra = SBX_BUF(SBX_MAX_EXTRA);
	struct sbx_checkpoint c = { 0 };
	struct sbx_proof proof;
	int r;

	if ((r = signed_head(conf, &note, &c, err)) != 0 ||
		(r = (uint64_t)seq > c.size ? past_head("entry", seq, err)
					    : SBX_OK) != 0 ||
		(r = make_extra(log, conf, seq, &extra, err)) != 0 ||
		(r = sbx_tree_prove(
			 &src, (uint64_t)seq - 1, c.size, &proof, err)) != 0)
		goto out;
	sbx_proof_write(out, (uint64_t)seq - 1, &proof, extra.data, extra.len,
		note.data, note.len);
out:
	sbx_buf_free(&note);
	sbx_buf_free(&extra);
	return r;
}

int
sbx_prove_from(struct sbx_log *log, const struct sbx_conf *conf, int64_t from,
	struct sbx_buf *out, struct sbx_err *err)
{
	struct sbx_tree_source src = sbx_log_source(log);
	struct sbx_buf note = SBX_BUF(SBX_MAX_NOTE);
	struct sbx_checkpoint c = { 0 };
	struct sbx_proof proof;
	int r;

	if ((r = signed_head(conf, &note, &c, err)) == 0 &&
		(r = (uint64_t)from > c.size ? past_head("size", from, err)
					     : SBX_OK) == 0 &&
		(r = sbx_tree_prove_from(
			 &src, (uint64_t)from, c.size, &proof, err)) == 0)
		sbx_proof_write_from(
			out, (uint64_t)from, &proof, note.data, note.len);
	sbx_buf_free(&note);
	return r;
}

/* ---- judged ------------------------------------------------------------ */

static int
no(struct sbx_err *err, const char *why)
{
	return sbx_err_set(err, SBX_E_NO, "%s", why);
}

static int
check_head(const char *note, size_t len, const struct sbx_vkey *key,
	struct sbx_checkpoint *c, struct sbx_err *err)
{
	struct sbx_note n;
	int r;

	if (key->type == SBX_NOTE_COSIGNATURE) {
		sbx_err_set(err, SBX_E_USAGE, "the key of %.100s is a witness's, "
			"which says nothing of whose log it is", key->name);
		sbx_err_hint(err, "take the log's own: its log-key file, or "
				  "log_key in sbx-ledger status");
		return SBX_E_USAGE;
	}
	if ((r = sbx_note_check(note, len, key, 1, &n, err)) == 0 &&
		(r = sbx_checkpoint_parse(c, n.text, n.len, err)) == 0 &&
		strcmp(c->origin, key->name) != 0)
		r = no(err, "the head is of another log than its key");
	return r;
}

/* The line is what the tree holds, to the byte; what it says must hold too. */
static int
check_entry(const char *line, size_t len, struct sbx_proved *p,
	unsigned char leaf[static SBX_HASH_BYTES], struct sbx_err *err)
{
	int r;

	if ((r = sbx_entry_parse(line, len, &p->entry, err)) != 0 ||
		(r = sbx_entry_verify(p->entry, err)) != 0)
		return r;
	sbx_tree_leaf(leaf, line, len);
	if (memcmp(leaf, p->entry->leaf, SBX_HASH_BYTES) != 0)
		return sbx_err_set(
			err, SBX_E_INPUT, "the entry is not in canonical form");
	return SBX_OK;
}

/* Written in one way only, so that no byte of a proof is free. */
static int
check_delegation(const char *line, size_t len, struct sbx_delegation *d,
	struct sbx_err *err)
{
	struct sbx_buf again = SBX_BUF(SBX_MAX_LINE);
	struct sbx_doc *doc = NULL;
	int r;

	if ((r = sbx_delegation_parse(d, SBX_ROLE_LOG, line, len, err)) == 0 &&
		(r = sbx_json_parse(line, len, NULL, &doc, err)) == 0 &&
		(r = sbx_canon_write(&again, sbx_doc_root(doc), NULL, err)) ==
			0) {
		sbx_buf_str(&again, "\n");
		if (again.len != len || memcmp(again.data, line, len) != 0)
			r = sbx_err_set(err, SBX_E_INPUT,
				"the log key is not in canonical form");
	}
	sbx_doc_free(doc);
	sbx_buf_free(&again);
	return r;
}

static int
check_inclusion(const char *text, size_t len, const struct sbx_vkey *key,
	struct sbx_proved *p, struct sbx_err *err)
{
	struct sbx_buf extra = SBX_BUF(SBX_MAX_EXTRA);
	unsigned char leaf[SBX_HASH_BYTES];
	struct sbx_delegation d;
	struct sbx_proof proof;
	struct sbx_vkey own;
	const char *note, *nl;
	size_t notelen;
	int r;

	if ((r = sbx_proof_parse(text, len, &p->index, &proof, &extra, &note,
		     &notelen, err)) != 0)
		goto out;
	nl = memchr(sbx_buf_text(&extra), '\n', extra.len);
	if (nl == NULL) {
		r = sbx_err_set(err, SBX_E_INPUT, "no entry is in this proof");
		goto out;
	}
	if ((r = check_entry(extra.data, (size_t)(nl - extra.data), p, leaf,
		     err)) != 0 ||
		(r = check_delegation(nl + 1,
			 extra.len - (size_t)(nl + 1 - extra.data), &d, err)) !=
			0 ||
		(r = sbx_delegation_vkey(&d, &own, err)) != 0 ||
		(r = check_head(note, notelen, key != NULL ? key : &own,
			 &p->head, err)) != 0)
		goto out;
	if (!sbx_tree_check(&proof, p->index, p->head.size, leaf, p->head.root))
		r = no(err, "the entry is not in the tree of this head");
out:
	sbx_buf_free(&extra);
	return r;
}

static int
check_from(const char *text, size_t len, const struct sbx_vkey *key,
	const struct sbx_buf *old, struct sbx_proved *p, struct sbx_err *err)
{
	struct sbx_checkpoint was;
	struct sbx_proof proof;
	const char *note;
	size_t notelen;
	int r;

	if ((r = sbx_proof_parse_from(
		     text, len, &p->from, &proof, &note, &notelen, err)) != 0)
		return r;
	if (key == NULL || old == NULL)
		return sbx_err_set(err, SBX_E_USAGE,
			"that a log goes on is checked against --key and "
			"--old");
	if ((r = check_head(note, notelen, key, &p->head, err)) != 0)
		return r;
	if ((r = check_head(sbx_buf_text(old), old->len, key, &was, err)) !=
		0) {
		sbx_err_at(err, "the older checkpoint");
		return r;
	}
	if (was.size != p->from)
		return sbx_err_set(err, SBX_E_NO,
			"it begins at %ju entries, the older checkpoint at %ju",
			(uintmax_t)p->from, (uintmax_t)was.size);
	if (!sbx_tree_check_from(
		    &proof, p->from, was.root, p->head.size, p->head.root))
		return no(err, "the log does not go on from the older one");
	return SBX_OK;
}

int
sbx_prove_check(const char *text, size_t len, const struct sbx_vkey *key,
	const struct sbx_buf *old, struct sbx_proved *p, struct sbx_err *err)
{
	int r;

	memset(p, 0, sizeof(*p));
	r = len > 4 && memcmp(text, "old ", 4) == 0
		    ? check_from(text, len, key, old, p, err)
		    : check_inclusion(text, len, key, p, err);
	if (r != 0)
		sbx_proved_free(p);
	return r;
}

void
sbx_proved_free(struct sbx_proved *p)
{
	sbx_entry_free(p->entry);
	p->entry = NULL;
}
