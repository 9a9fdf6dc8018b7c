/* SPDX-License-Identifier: Apache-2.0 */
/* Two heads that one key signed and that cannot both be true, kept as they
 * came: anybody can check them, and whoever sees them need not believe us. */
#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/base.h"
#include "crypto/crypto.h"
#include "node/node.h"
#include "exchange/exchange.h"
#include "exchange/follow.h"

static int
keep(const char *dir, const struct sbx_buf *note, uint64_t size,
	struct sbx_err *err)
{
	struct sbx_buf path = SBX_BUF(4096);
	unsigned char hash[SBX_HASH_BYTES];
	int r;

	sbx_hash_b2(hash, sbx_buf_text(note), note->len);
	sbx_buf_fmt(&path, "%s/%ju-", dir, (uintmax_t)size);
	sbx_buf_hex(&path, hash, 8);
	r = path.over ? sbx_err_set(err, SBX_E_USAGE, "path too long")
		      : sbx_io_save(
				path.data, note->data, note->len, 0644, 0, err);
	sbx_buf_free(&path);
	return r;
}

/* What is in a directory. */
static size_t
count_files(const char *dir)
{
	DIR *d = opendir(dir);
	struct dirent *e;
	size_t count = 0;

	while (d != NULL && (e = readdir(d)) != NULL)
		count += e->d_name[0] != '.';
	if (d != NULL)
		closedir(d);
	return count;
}

static int
keep_proof(const char *dir, const struct sbx_fork *f, struct sbx_err *err)
{
	struct sbx_buf path = SBX_BUF(4096);
	int r = SBX_OK;

	sbx_buf_fmt(&path, "%s/proof-%ju-%ju", dir, (uintmax_t)f->size[0],
		(uintmax_t)f->size[1]);
	if (f->proof->len > 0)
		r = path.over ? sbx_err_set(err, SBX_E_USAGE, "path too long") :
				sbx_io_save(path.data, f->proof->data,
					f->proof->len, 0644, 0, err);
	sbx_buf_free(&path);
	return r;
}

/* Whoever contradicts itself at every pull is not given the disk for it. */
int
sbx_fork_keep(const struct sbx_fork *f, struct sbx_err *err)
{
	struct sbx_buf dir = SBX_BUF(4000), path = SBX_BUF(4096);
	int r = SBX_OK;

	sbx_buf_fmt(&dir, "%s/%s", f->dir, f->did + 8);
	sbx_buf_fmt(&path, "%s/log-key", sbx_buf_text(&dir));
	if (dir.over)
		r = sbx_err_set(err, SBX_E_USAGE, "path too long");
	else if (count_files(dir.data) + 4 <= SBX_MAX_EVIDENCE &&
		 (r = sbx_io_mkdir(dir.data, 0755, err)) == 0 &&
		 (r = keep(dir.data, f->note[0], f->size[0], err)) == 0 &&
		 (r = keep(dir.data, f->note[1], f->size[1], err)) == 0 &&
		 (r = keep_proof(dir.data, f, err)) == 0)
		r = sbx_io_save(
			path.data, f->key->data, f->key->len, 0644, 0, err);
	sbx_buf_free(&dir);
	sbx_buf_free(&path);
	return r;
}

/* ---- checked, by anybody ----------------------------------------------------- */

struct evidence {
	const struct sbx_vkey *key;
	struct sbx_checkpoint head[SBX_MAX_EVIDENCE];
	size_t count;
	struct sbx_proved *p;
	bool found;
};

static bool
read_head(const char *note, size_t len, const struct sbx_vkey *key,
	struct sbx_checkpoint *c)
{
	struct sbx_note n;

	return sbx_note_check(note, len, key, 1, &n, NULL) == 0 &&
	       sbx_checkpoint_parse(c, n.text, n.len, NULL) == 0 &&
	       strcmp(c->origin, key->name) == 0;
}

static void
found(struct evidence *x, uint64_t from, const struct sbx_checkpoint *head)
{
	x->p->from = from;
	x->p->head = *head;
	x->found = true;
}

/* Two heads of one size. */
static void
try_head(struct evidence *x, const struct sbx_buf *text)
{
	struct sbx_checkpoint c;

	if (x->count == SBX_MAX_EVIDENCE ||
		!read_head(sbx_buf_text(text), text->len, x->key, &c))
		return;
	for (size_t i = 0; i < x->count && !x->found; i++)
		if (x->head[i].size == c.size &&
			memcmp(x->head[i].root, c.root, sizeof(c.root)) != 0)
			found(x, c.size, &c);
	x->head[x->count++] = c;
}

/* A head whose first entries give another root than the head of that size. */
static void
try_proof(struct evidence *x, const struct sbx_buf *text)
{
	struct sbx_proof proof, rest = { 0 };
	struct sbx_checkpoint c;
	const char *note;
	uint64_t from;
	size_t len;

	if (sbx_proof_parse_from(sbx_buf_text(text), text->len, &from, &proof,
		    &note, &len, NULL) != 0 ||
		proof.count == 0 || !read_head(note, len, x->key, &c))
		return;
	rest.count = proof.count - 1;
	memcpy(rest.hash, proof.hash + 1, rest.count * SBX_HASH_BYTES);
	if (!sbx_tree_check_from(&rest, from, proof.hash[0], c.size, c.root))
		return;
	for (size_t i = 0; i < x->count && !x->found; i++)
		if (x->head[i].size == from && from > 0 &&
			memcmp(x->head[i].root, proof.hash[0],
				SBX_HASH_BYTES) != 0)
			found(x, from, &c);
}

static int
each(const char *dir, bool proofs, struct evidence *x, struct sbx_err *err)
{
	struct sbx_buf path = SBX_BUF(4096), text = SBX_BUF(SBX_MAX_NOTE + 4096);
	DIR *d = opendir(dir);
	struct dirent *e;

	if (d == NULL)
		return sbx_err_sys(err, "%.200s", dir);
	while (!x->found && (e = readdir(d)) != NULL) {
		sbx_buf_clear(&path);
		sbx_buf_clear(&text);
		sbx_buf_fmt(&path, "%s/%s", dir, e->d_name);
		if (e->d_name[0] == '.' || path.over ||
			(strncmp(e->d_name, "proof-", 6) == 0) != proofs ||
			sbx_io_read(path.data, 0, &text, NULL) != 0)
			continue;
		if (proofs)
			try_proof(x, &text);
		else
			try_head(x, &text);
	}
	closedir(d);
	sbx_buf_free(&path);
	sbx_buf_free(&text);
	return SBX_OK;
}

int
sbx_fork_check(const char *dir, const struct sbx_vkey *key,
	struct sbx_proved *p, struct sbx_err *err)
{
	struct sbx_buf path = SBX_BUF(4096), text = SBX_BUF(SBX_MAX_LINE);
	struct evidence *x = sbx_mem_alloc(1, sizeof(*x));
	struct sbx_delegation d;
	struct sbx_vkey own;
	int r = SBX_OK;

	memset(p, 0, sizeof(*p));
	sbx_buf_fmt(&path, "%s/log-key", dir);
	if (key == NULL && (r = sbx_io_read(path.data, 0, &text, err)) == 0 &&
		(r = sbx_delegation_parse(&d, SBX_ROLE_LOG, sbx_buf_text(&text),
			 text.len, err)) == 0)
		r = sbx_delegation_vkey(&d, &own, err);
	x->key = key != NULL ? key : &own;
	x->p = p;
	p->fork = true;
	if (r == 0 && (r = each(dir, false, x, err)) == 0 && !x->found)
		r = each(dir, true, x, err);
	if (r == 0 && !x->found)
		r = sbx_err_set(err, SBX_E_NO,
			"no two heads here contradict each other");
	sbx_buf_free(&path);
	sbx_buf_free(&text);
	free(x);
	return r;
}

int64_t
sbx_fork_count(const struct sbx_conf *conf)
{
	struct sbx_buf path = SBX_BUF(4096);
	int64_t count;

	sbx_buf_fmt(&path, "%s/forks", conf->dir);
	count = (int64_t)count_files(sbx_buf_text(&path));
	sbx_buf_free(&path);
	return count;
}

bool
sbx_fork_seen(const char *forks, const char *did)
{
	struct sbx_buf dir = SBX_BUF(4096);
	bool seen;

	sbx_buf_fmt(&dir, "%s/%s", forks, did + 8);
	seen = dir.over || access(dir.data, F_OK) == 0;
	sbx_buf_free(&dir);
	return seen;
}
