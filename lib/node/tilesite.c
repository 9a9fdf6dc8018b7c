/* SPDX-License-Identifier: Apache-2.0 */
/* The log as C2SP tlog-tiles: what is written once never changes. */
#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/base.h"
#include "crypto/crypto.h"
#include "ledger/ledger.h"
#include "node/node.h"

struct tiles {
	struct sbx_log *log;
	struct sbx_tree_source src;
	const char *dir;
	size_t *changed;
};

struct bundling {
	struct sbx_buf *out;
	struct sbx_buf line;
	unsigned char (*leaf)[SBX_HASH_BYTES];
	unsigned count;
};

static int
bundle_row(void *ctx, const struct sbx_row *row, struct sbx_err *err)
{
	struct bundling *b = ctx;

	sbx_buf_clear(&b->line);
	sbx_row_line(row, &b->line);
	if (b->count == SBX_TILE_WIDTH || b->line.over ||
		!sbx_bundle_add(b->out, b->line.data, b->line.len))
		return sbx_err_set(err, SBX_E_SYS, "entry %lld does not fit",
			(long long)row->seq);
	sbx_tree_leaf(b->leaf[b->count++], b->line.data, b->line.len);
	return SBX_OK;
}

/* A bit that turned over since an entry was judged must not be signed: the log
 * would be broken for good (as CT's Yeti 2022).  What a tile or a bundle says,
 * hashed again, is what the tree holds of it. */
static int
check_tile(struct tiles *t, const struct sbx_tile *tile,
	unsigned char (*said)[SBX_HASH_BYTES], unsigned count,
	struct sbx_err *err)
{
	bool full = count == SBX_TILE_WIDTH;
	unsigned level = tile->level < 0 ? 0 : (unsigned)tile->level;
	unsigned char hash[SBX_HASH_BYTES];
	uint64_t n = full ? tile->n : tile->n * SBX_TILE_WIDTH;
	bool same = count == tile->width;
	int r = SBX_OK;

	if (full)
		sbx_tree_fold(said[0], said, SBX_TILE_WIDTH);
	for (unsigned i = 0; same && i < (full ? 1 : count); i++) {
		if ((r = t->src.hash(t->src.ctx, 8 * (level + full), n + i, hash,
			     err)) != 0)
			return r;
		same = memcmp(hash, said[i], SBX_HASH_BYTES) == 0;
	}
	if (same)
		return SBX_OK;
	sbx_err_set(err, SBX_E_NO, "what is stored has changed since it came in: "
		"nothing is signed");
	sbx_err_hint(err, "sbx-ledger verify names the entry");
	return SBX_E_NO;
}

static int
fill(struct tiles *t, const struct sbx_tile *tile, struct sbx_buf *out,
	struct sbx_err *err)
{
	unsigned char said[SBX_TILE_WIDTH][SBX_HASH_BYTES];
	struct bundling b = { out, SBX_BUF(SBX_MAX_LINE), said, 0 };
	uint64_t first = tile->n * SBX_TILE_WIDTH;
	int r = SBX_OK;

	if (tile->level == SBX_TILE_ENTRIES) {
		r = sbx_log_each(t->log, (int64_t)first + 1,
			(int64_t)(first + tile->width), bundle_row, &b, err);
		sbx_buf_free(&b.line);
		return r != 0 ? r : check_tile(t, tile, said, b.count, err);
	}
	for (unsigned i = 0; r == 0 && i < tile->width; i++) {
		r = t->src.hash(t->src.ctx, 8 * (unsigned)tile->level, first + i,
			said[i], err);
		sbx_buf_add(out, said[i], SBX_HASH_BYTES);
	}
	if (r == 0 && tile->width == SBX_TILE_WIDTH)
		r = check_tile(t, tile, said, tile->width, err);
	return r;
}

static int
full_path(const struct tiles *t, const struct sbx_tile *tile,
	struct sbx_buf *path, struct sbx_err *err)
{
	char name[SBX_TILE_PATH];

	sbx_tile_path(tile, name);
	sbx_buf_clear(path);
	sbx_buf_fmt(path, "%s/%s", t->dir, name);
	return path->over ? sbx_err_set(err, SBX_E_USAGE, "path too long") :
			    SBX_OK;
}

static int
write_tile(void *ctx, const struct sbx_tile *tile, struct sbx_err *err)
{
	struct sbx_buf path = SBX_BUF(4096), out = SBX_BUF(SBX_MAX_BUNDLE);
	struct tiles *t = ctx;
	char *slash;
	int r;

	if ((r = full_path(t, tile, &path, err)) == 0 &&
		(r = fill(t, tile, &out, err)) == 0) {
		slash = strrchr(path.data, '/');
		*slash = '\0';
		r = sbx_io_mkdir(path.data, 0755, err);
		*slash = '/';
	}
	if (r == 0)
		r = sbx_io_save(path.data, out.data, out.len, 0644, 0, err);
	if (r == 0)
		++*t->changed;
	sbx_buf_free(&path);
	sbx_buf_free(&out);
	return r;
}

/* Empty the directory of a tile's partial forms, but for those of widths from
 * least to most (0: none); drafts that a crash left go too. */
static void
sweep_partial(int parent, const char *name, int64_t least, int64_t most)
{
	struct dirent *e;
	int64_t width;
	DIR *d;
	int fd = openat(parent, name,
		O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	if (fd < 0 || (d = fdopendir(fd)) == NULL)
		return;
	while ((e = readdir(d)) != NULL)
		if (e->d_name[0] != '.' &&
			(most == 0 || !sbx_num_parse(&width, e->d_name, least,
					     most)))
			unlinkat(fd, e->d_name, 0);
	closedir(d);
	if (most == 0)
		unlinkat(parent, name, AT_REMOVEDIR);
}

/* All partial tiles that stand beside tile, which is partial itself. */
static void
sweep_beside(const struct tiles *t, const struct sbx_tile *tile, int64_t least)
{
	struct sbx_tile partial = { tile->level, tile->n, 1 };
	struct sbx_buf path = SBX_BUF(4096);
	struct dirent *e;
	DIR *d = NULL;
	char *own = NULL;

	/* .../000.p/1: the tile's own directory, and what it stands in */
	if (full_path(t, &partial, &path, NULL) == 0) {
		*strrchr(path.data, '/') = '\0';
		own = strrchr(path.data, '/');
		*own++ = '\0';
		d = opendir(path.data);
	}
	while (d != NULL && (e = readdir(d)) != NULL) {
		size_t len = strlen(e->d_name);

		if (len < 3 || strcmp(e->d_name + len - 2, ".p") != 0)
			continue;
		if (strcmp(e->d_name, own) == 0)
			sweep_partial(
				dirfd(d), e->d_name, least, tile->width);
		else
			sweep_partial(dirfd(d), e->d_name, 0, 0);
	}
	if (d != NULL)
		closedir(d);
	sbx_buf_free(&path);
}

/* Readers of any checkpoint of this log may ask for its partial tiles, until
 * the tile is full and serves them all (c2sp.org/tlog-tiles).  What is there of
 * another log, old being 0, is of no use to them. */
static void
sweep(struct tiles *t, uint64_t old, uint64_t size)
{
	for (int level = SBX_TILE_ENTRIES; level < 8; level++) {
		unsigned shift = level < 0 ? 0 : 8 * (unsigned)level;
		uint64_t was = old >> shift, is = size >> shift;
		struct sbx_tile tile = { level, is / SBX_TILE_WIDTH,
			(unsigned)(is % SBX_TILE_WIDTH) };

		if (was / SBX_TILE_WIDTH / 1000 != tile.n / 1000)
			sweep_beside(t, &(struct sbx_tile){ level,
				was / SBX_TILE_WIDTH, 0 }, 0);
		sweep_beside(t, &tile, old > 0 ? 1 : (int64_t)tile.width);
		if (is == 0)
			return;
	}
}

int
sbx_site_tiles(struct sbx_log *log, const char *dir, uint64_t old,
	uint64_t size, size_t *changed, struct sbx_err *err)
{
	struct tiles t = { log, sbx_log_source(log), dir, changed };

	return sbx_tile_each(old, size, write_tile, &t, err);
}

void
sbx_site_sweep(const char *dir, uint64_t old, uint64_t size)
{
	struct tiles t = { .dir = dir };

	sweep(&t, old, size);
}
