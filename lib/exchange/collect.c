/* SPDX-License-Identifier: Apache-2.0 */
/* Cosignatures of this node's own head, fetched from where they are; and what
 * they tell of a head that it has signed and does not know of any more. */
#include <string.h>

#include "base/base.h"
#include "crypto/crypto.h"
#include "ledger/ledger.h"
#include "node/node.h"
#include "exchange/exchange.h"
#include "exchange/follow.h"

struct asking {
	struct sbx_log *log;
	const struct sbx_conf *conf;
	bool moved; /* the site has changed: what it holds of us may have */
	const struct sbx_own *own;
	const char *base, *did;
	int64_t until;
};

/* Whether w's cosignatures are to be found at the site of did. */
static bool
is_there(const struct sbx_conf_witness *w, const char *did)
{
	size_t len = strlen(did);

	if (strncmp(w->who, "did:", 4) != 0)
		return true; /* anybody may carry them */
	return strncmp(w->who, did, len) == 0 &&
	       (w->who[len] == '\0' || w->who[len] == '/');
}

static int
fetch(const struct asking *a, const char *name, struct sbx_buf *out,
	struct sbx_err *err)
{
	int status,
		r = sbx_visit(a->base, name, a->until, out, NULL, &status, err);

	if (r == 0 && status != 200)
		sbx_buf_clear(out);
	return r;
}

/* Our own signature on a head that the journal does not continue: it is that
 * head by which we are bound, whatever the files beside the database say. */
static int
learn(const struct asking *a, const struct sbx_buf *note, struct sbx_err *err)
{
	struct sbx_buf own = SBX_BUF(SBX_MAX_NOTE);
	unsigned char root[SBX_HASH_BYTES];
	struct sbx_checkpoint c;
	struct sbx_note n;
	int r = SBX_OK;

	if (sbx_note_check(sbx_buf_text(note), note->len, &a->own->vkey, 1, &n,
		    NULL) != 0 ||
		sbx_checkpoint_parse(&c, n.text, n.len, NULL) != 0 ||
		strcmp(c.origin, a->own->vkey.name) != 0)
		return SBX_OK;
	if (c.size <= (uint64_t)a->own->size &&
		((r = sbx_log_root(a->log, (int64_t)c.size, root, err)) != 0 ||
			memcmp(root, c.root, sizeof(root)) == 0))
		return r;
	sbx_note_only(&own, &n, &a->own->vkey);
	if (sbx_head_check(a->log, a->conf, NULL) == 0)
		r = sbx_io_save(
			a->conf->head, own.data, own.len, 0644, 0, err);
	sbx_buf_free(&own);
	if (r != 0)
		return r;
	sbx_err_set(err, SBX_E_NO, "holds a head of this log, %ju entries, "
		"that the ledger does not continue", (uintmax_t)c.size);
	sbx_err_hint(err, "put back from a backup? sbx-pull, then sbx-ledger "
			  "publish --anew");
	return SBX_E_NO;
}

static int
ask(const struct asking *a, const struct sbx_conf_witness *w,
	struct sbx_err *err)
{
	struct sbx_buf path = SBX_BUF(256);
	uint64_t had = 0, now = 0;
	struct sbx_cosigned s, old;
	struct sbx_vkey key;
	int64_t time;
	int r;

	if ((r = sbx_cosigned_load(a->log, w->name, &old, err)) != 0)
		return r;
	s = (struct sbx_cosigned){ SBX_BUF(SBX_MAX_LINE),
		SBX_BUF(SBX_MAX_NOTE) };
	sbx_buf_str(&s.key, sbx_buf_text(&old.key));
	if (sbx_cosigned_judge(a->log, a->own, w, &old, &had, &time, NULL) != 0)
		had = 0;
	if (had >= a->own->head.size && !a->moved)
		goto out;
	sbx_witness_path(&path, a->own->vkey.name);
	if ((r = fetch(a, path.data, &s.note, err)) != 0 || s.note.len == 0 ||
		(r = learn(a, &s.note, err)) != 0)
		goto out;
	if (sbx_cosigned_key(w, &s, &key, NULL) != 0 ||
		sbx_cosigned_judge(a->log, a->own, w, &s, &now, &time, NULL) !=
			0)
		r = fetch(a, sbx_role_file(SBX_ROLE_WITNESS), &s.key, err);
	if (r == 0 &&
		(r = sbx_cosigned_judge(
			 a->log, a->own, w, &s, &now, &time, err)) == 0 &&
		now > had)
		r = sbx_cosigned_save(a->log, w->name, &s, err);
out:
	sbx_buf_free(&path);
	sbx_cosigned_free(&s);
	sbx_cosigned_free(&old);
	return r;
}

int
sbx_witness_collect(struct sbx_log *log, const struct sbx_conf *conf,
	const char *base, const char *did, int64_t until, bool moved,
	struct sbx_err *err)
{
	struct sbx_own own;
	const struct asking a = { log, conf, moved, &own, base, did, until };
	int r = SBX_OK;

	if (conf->nwitnesses == 0 || did[0] == '\0' ||
		(r = sbx_own_load(log, conf, &own, err)) != 0 ||
		own.head.size == 0)
		return r;
	for (size_t i = 0; r == 0 && i < conf->nwitnesses; i++)
		if (is_there(&conf->witnesses[i], did))
			r = ask(&a, &conf->witnesses[i], err);
	return r;
}
