/* SPDX-License-Identifier: Apache-2.0 */
/* What others have witnessed of this node's own log.  A head that enough of
 * the chosen witnesses have signed cannot be taken back unseen. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/base.h"
#include "crypto/crypto.h"
#include "ledger/ledger.h"
#include "node/node.h"
#include "exchange/exchange.h"
#include "exchange/follow.h"

/* ---- rows -------------------------------------------------------------- */

int
sbx_cosigned_load(struct sbx_log *log, const char *name, struct sbx_cosigned *s,
	struct sbx_err *err)
{
	sqlite3_stmt *st = NULL;
	int r;

	*s = (struct sbx_cosigned){ SBX_BUF(SBX_MAX_LINE),
		SBX_BUF(SBX_MAX_NOTE) };
	if ((r = sbx_db_prepare(sbx_log_db(log),
		     "SELECT key, note FROM witness WHERE name=?", &st, err)) !=
		0)
		return r;
	sbx_db_bind_text(st, 1, name);
	if (sqlite3_step(st) == SQLITE_ROW) {
		sbx_buf_str(&s->key, (const char *)sqlite3_column_text(st, 0));
		sbx_buf_str(&s->note, (const char *)sqlite3_column_text(st, 1));
	}
	sqlite3_finalize(st);
	return SBX_OK;
}

int
sbx_cosigned_save(struct sbx_log *log, const char *name,
	const struct sbx_cosigned *s, struct sbx_err *err)
{
	sqlite3 *db = sbx_log_db(log);
	sqlite3_stmt *st = NULL;
	int r;

	if ((r = sbx_db_prepare(db,
		     "INSERT OR REPLACE INTO witness(name, key, note) "
		     "VALUES(?, ?, ?)",
		     &st, err)) != 0)
		return r;
	sbx_db_bind_text(st, 1, name);
	sbx_db_bind_text(st, 2, sbx_buf_text(&s->key));
	sbx_db_bind_text(st, 3, sbx_buf_text(&s->note));
	if (sqlite3_step(st) != SQLITE_DONE)
		r = sbx_db_fail(db, "ledger", err);
	sqlite3_finalize(st);
	return r;
}

void
sbx_cosigned_free(struct sbx_cosigned *s)
{
	sbx_buf_free(&s->key);
	sbx_buf_free(&s->note);
}

/* ---- judging ----------------------------------------------------------- */

int
sbx_own_load(struct sbx_log *log, const struct sbx_conf *conf,
	struct sbx_own *own, struct sbx_err *err)
{
	struct sbx_buf text = SBX_BUF(SBX_MAX_NOTE);
	unsigned char hash[SBX_HASH_BYTES];
	struct sbx_note n;
	int r;

	memset(own, 0, sizeof(*own));
	if ((r = sbx_log_head(log, &own->size, hash, err)) != 0)
		return r;
	/* Nothing was ever signed: nothing is witnessed. */
	if (sbx_delegation_own(conf, SBX_ROLE_LOG, &own->vkey, NULL) == 0 &&
		sbx_io_read(conf->head, 0, &text, NULL) == 0 &&
		sbx_note_check(sbx_buf_text(&text), text.len, &own->vkey, 1, &n,
			NULL) == 0 &&
		sbx_checkpoint_parse(&own->head, n.text, n.len, NULL) != 0)
		own->head.size = 0;
	sbx_buf_free(&text);
	return r;
}

int
sbx_cosigned_key(const struct sbx_conf_witness *w, const struct sbx_cosigned *s,
	struct sbx_vkey *key, struct sbx_err *err)
{
	struct sbx_delegation d;
	int r;

	if (!sbx_did_check(w->who, strlen(w->who)))
		return sbx_vkey_parse(key, w->who, strlen(w->who), err);
	if ((r = sbx_delegation_parse(&d, SBX_ROLE_WITNESS,
		     sbx_buf_text(&s->key), s->key.len, err)) != 0)
		return r;
	if (strcmp(d.did, w->who) != 0)
		return sbx_err_set(err, SBX_E_NO, "a witness key of %s, not %s",
			d.did, w->who);
	return sbx_delegation_vkey(&d, key, err);
}

int
sbx_cosigned_judge(struct sbx_log *log, const struct sbx_own *own,
	const struct sbx_conf_witness *w, const struct sbx_cosigned *s,
	uint64_t *size, int64_t *time, struct sbx_err *err)
{
	unsigned char root[SBX_HASH_BYTES];
	struct sbx_vkey keys[2];
	struct sbx_checkpoint c;
	struct sbx_note n;
	int r;

	*size = 0;
	*time = 0;
	if (s->note.len == 0 || own->vkey.name[0] == '\0')
		return SBX_OK;
	keys[1] = own->vkey;
	if ((r = sbx_cosigned_key(w, s, &keys[0], err)) != 0 ||
		(r = sbx_note_check(
			 s->note.data, s->note.len, keys, 2, &n, err)) != 0)
		return r;
	/* Of a log before this one, or not signed by the witness yet. */
	if (n.count != 2)
		return SBX_OK;
	if ((r = sbx_checkpoint_parse(&c, n.text, n.len, err)) != 0)
		return r;
	if (strcmp(c.origin, own->vkey.name) != 0)
		return SBX_OK;
	if (c.size > (uint64_t)own->size ||
		sbx_log_root(log, (int64_t)c.size, root, err) != 0 ||
		memcmp(root, c.root, sizeof(root)) != 0) {
		sbx_err_set(err, SBX_E_NO,
			"%s holds a head of this log, %ju entries, that the "
			"ledger does not continue",
			w->name, (uintmax_t)c.size);
		sbx_err_hint(err, "put back from a backup? sbx-pull, then "
				  "sbx-ledger publish --anew");
		return SBX_E_NO;
	}
	*size = c.size;
	*time = n.sig[n.sig[0].key == 0 ? 0 : 1].time;
	return SBX_OK;
}

/* ---- how far ----------------------------------------------------------- */

static int
larger_first(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

	return x > y ? -1 : x < y;
}

int
sbx_witness_status(struct sbx_log *log, const struct sbx_conf *conf,
	struct sbx_witnessed *s, struct sbx_err *err)
{
	int64_t sizes[SBX_MAX_WITNESSES] = { 0 };
	struct sbx_own own;
	struct sbx_cosigned seen;
	int r;

	memset(s, 0, sizeof(*s));
	if ((r = sbx_own_load(log, conf, &own, err)) != 0)
		return r;
	s->size = own.size;
	s->count = conf->nwitnesses;
	for (size_t i = 0; r == 0 && i < s->count; i++) {
		uint64_t n = 0;

		s->by[i].name = conf->witnesses[i].name;
		r = sbx_cosigned_load(log, conf->witnesses[i].name, &seen, err);
		/* What does not hold does not count. */
		if (r == 0 && sbx_cosigned_judge(log, &own, &conf->witnesses[i],
				      &seen, &n, &s->by[i].time, NULL) == 0)
			s->by[i].size = sizes[i] = (int64_t)n;
		sbx_cosigned_free(&seen);
	}
	qsort(sizes, s->count, sizeof(sizes[0]), larger_first);
	if (conf->quorum > 0)
		s->witnessed = sizes[conf->quorum - 1];
	return r;
}

/* Add the line of that witness, if it has signed the text of this head. */
static int
add_line(struct sbx_log *log, const struct sbx_own *own,
	const struct sbx_conf_witness *w, const struct sbx_note *head,
	struct sbx_buf *out, struct sbx_vkey *key, bool *added,
	struct sbx_err *err)
{
	struct sbx_cosigned s;
	uint64_t size = 0;
	int64_t time;
	int r;

	*added = false;
	if ((r = sbx_cosigned_load(log, w->name, &s, err)) == 0 &&
		sbx_cosigned_judge(log, own, w, &s, &size, &time, NULL) == 0 &&
		size == own->head.size && s.note.len > head->len &&
		memcmp(s.note.data, head->text, head->len) == 0 &&
		s.note.data[head->len] == '\n' &&
		sbx_cosigned_key(w, &s, key, NULL) == 0)
		*added = sbx_note_line(out, sbx_buf_text(&s.note), key);
	sbx_cosigned_free(&s);
	return r;
}

/* This node's head and the signatures of all who have witnessed it.  All of
 * them hold before it is published. */
static int
combine(struct sbx_log *log, const struct sbx_conf *conf, struct sbx_buf *out,
	size_t *count, struct sbx_err *err)
{
	struct sbx_vkey keys[1 + SBX_MAX_WITNESSES];
	struct sbx_buf text = SBX_BUF(SBX_MAX_NOTE);
	struct sbx_note head, all;
	struct sbx_own own;
	bool added;
	int r;

	*count = 0;
	if ((r = sbx_own_load(log, conf, &own, err)) != 0 ||
		own.head.size == 0 || conf->nwitnesses == 0 ||
		(r = sbx_io_read(conf->head, 0, &text, err)) != 0 ||
		(r = sbx_note_check(sbx_buf_text(&text), text.len, &own.vkey, 1,
			 &head, err)) != 0)
		goto out;
	keys[0] = own.vkey;
	sbx_buf_add(out, text.data, text.len);
	for (size_t i = 0; r == 0 && i < conf->nwitnesses; i++) {
		r = add_line(log, &own, &conf->witnesses[i], &head, out,
			&keys[1 + *count], &added, err);
		*count += added;
	}
	if (r == 0 && !out->over)
		r = sbx_note_check(sbx_buf_text(out), out->len, keys, 1 + *count,
			&all, err);
out:
	sbx_buf_free(&text);
	return r;
}

int
sbx_witness_own(struct sbx_log *log, const struct sbx_conf *conf,
	const char *dir, size_t *changed, struct sbx_err *err)
{
	struct sbx_buf note = SBX_BUF(SBX_MAX_NOTE),
		       was = SBX_BUF(SBX_MAX_NOTE), path = SBX_BUF(4096);
	char did[SBX_DID_SIZE], origin[SBX_DID_SIZE + 8];
	size_t count;
	char *slash;
	int r;

	if ((r = combine(log, conf, &note, &count, err)) != 0 || count == 0 ||
		(r = sbx_log_self(log, did, err)) != 0)
		goto out;
	snprintf(origin, sizeof(origin), "%s/log", did);
	sbx_buf_fmt(&path, "%s/", dir);
	sbx_witness_path(&path, origin);
	if (path.over || note.over) {
		r = sbx_err_set(err, SBX_E_USAGE, "path or note too long");
		goto out;
	}
	if (sbx_io_read(path.data, 0, &was, NULL) == 0 && was.len == note.len &&
		memcmp(was.data, note.data, note.len) == 0)
		goto out;
	slash = strrchr(path.data, '/');
	*slash = '\0';
	r = sbx_io_mkdir(path.data, 0755, err);
	*slash = '/';
	if (r == 0 && (r = sbx_io_save(path.data, note.data, note.len, 0644, 0,
			       err)) == 0)
		++*changed;
out:
	sbx_buf_free(&note);
	sbx_buf_free(&was);
	sbx_buf_free(&path);
	return r;
}

int
sbx_witness_require(const struct sbx_conf *conf, struct sbx_err *err)
{
	struct sbx_witnessed s;
	struct sbx_log *log = NULL;
	int r;

	if (conf->quorum == 0)
		return sbx_err_set(
			err, SBX_E_USAGE, "no witness is named in sbx.conf");
	if ((r = sbx_log_open(conf->db, 0, &log, err)) == 0 &&
		(r = sbx_witness_status(log, conf, &s, err)) == 0 &&
		s.witnessed < s.size) {
		r = sbx_err_set(err, SBX_E_NO,
			"witnessed are %lld of %lld entries by %d of %zu "
			"witnesses",
			(long long)s.witnessed, (long long)s.size, conf->quorum,
			s.count);
		sbx_err_hint(err, "publish, let them pull, then sbx-pull");
	}
	sbx_log_close(log);
	return r;
}
