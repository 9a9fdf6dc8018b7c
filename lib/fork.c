/* SPDX-License-Identifier: Apache-2.0 */
/* Two heads that one key signed and that cannot both be true, kept as they
 * came: anybody can check them, and whoever sees them need not believe us. */
#include <dirent.h>
#include <unistd.h>

#include "follow.h"

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

int
sbx_fork_keep(const struct sbx_fork *f, struct sbx_err *err)
{
	struct sbx_buf dir = SBX_BUF(4000), path = SBX_BUF(4096);
	int r;

	sbx_buf_fmt(&dir, "%s/%s", f->dir, f->did + 8);
	sbx_buf_fmt(&path, "%s/log-key", sbx_buf_text(&dir));
	if (dir.over)
		r = sbx_err_set(err, SBX_E_USAGE, "path too long");
	else if ((r = sbx_io_mkdir(dir.data, 0755, err)) == 0 &&
		 (r = keep(dir.data, f->note[0], f->size[0], err)) == 0 &&
		 (r = keep(dir.data, f->note[1], f->size[1], err)) == 0)
		r = sbx_io_save(
			path.data, f->key->data, f->key->len, 0644, 0, err);
	sbx_buf_free(&dir);
	sbx_buf_free(&path);
	return r;
}

int64_t
sbx_fork_count(const struct sbx_conf *conf)
{
	struct sbx_buf path = SBX_BUF(4096);
	int64_t count = 0;
	struct dirent *e;
	DIR *d;

	sbx_buf_fmt(&path, "%s/forks", conf->dir);
	d = opendir(sbx_buf_text(&path));
	while (d != NULL && (e = readdir(d)) != NULL)
		count += e->d_name[0] != '.';
	if (d != NULL)
		closedir(d);
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
