/* SPDX-License-Identifier: Apache-2.0 */
/* Cosignatures of this node's own head, fetched from where they are. */
#include <string.h>

#include "follow.h"

struct asking {
	struct sbx_log *log;
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
	if (had >= a->own->head.size)
		goto out;
	sbx_witness_path(&path, a->own->vkey.name);
	if ((r = fetch(a, path.data, &s.note, err)) != 0 || s.note.len == 0)
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
	const char *base, const char *did, int64_t until, struct sbx_err *err)
{
	struct sbx_own own;
	const struct asking a = { log, &own, base, did, until };
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
