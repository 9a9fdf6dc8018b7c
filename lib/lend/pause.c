/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who asks badly waits, and nobody else.  The mesh gives each member one
 * address and no way to use another, so an address is a member here.  One small
 * file for each slot of a hash: no more of them than slots, and of two that
 * share one the later forgets the earlier, so that none waits for another's
 * sake.  Times are on the boot clock.
 */
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/base.h"
#include "crypto/crypto.h"
#include "lend/lend.h"

#define SLOTS 4096
#define FREE  16 /* bad requests that cost nothing */
#define MOST  (300 * SBX_SECOND)
#define KEPT  (600 * SBX_SECOND) /* then all is forgotten */

struct note {
	int64_t count, last;
};

static void
slot(struct sbx_buf *path, const char *dir, const char *address)
{
	unsigned char hash[SBX_HASH_BYTES];

	sbx_hash_b2(hash, address, strlen(address));
	sbx_buf_fmt(path, "%s/%03x", dir,
		(unsigned)(hash[0] << 8 | hash[1]) % SLOTS);
}

/* Nothing when the slot is empty, another's or from long ago; a time ahead is
 * from before a restart. */
static struct note
look(const char *path, const char *address, int64_t now)
{
	struct note n = { 0 };
	struct sbx_buf b = SBX_BUF(160);
	char whose[46], end = '\0';

	if (sbx_io_read(path, 0, &b, NULL) != 0 ||
		sscanf(sbx_buf_text(&b), "%45s %" SCNd64 " %" SCNd64 "%c",
			whose, &n.count, &n.last, &end) != 4 ||
		end != '\n' || strcmp(whose, address) != 0 || n.count < 0 ||
		n.last > now || now - n.last > KEPT)
		n = (struct note){ 0 };
	sbx_buf_free(&b);
	return n;
}

static int64_t
pause_of(const struct note *n)
{
	int64_t over = n->count - FREE;

	if (over <= 0)
		return 0;
	return over > 8 ? MOST : SBX_SECOND << over;
}

int64_t
sbx_pause_left(const char *dir, const char *address)
{
	struct sbx_buf path = SBX_BUF(4096);
	int64_t now = sbx_clock_boot(), left;
	struct note n;

	slot(&path, dir, address);
	n = look(sbx_buf_text(&path), address, now);
	left = n.last + pause_of(&n) - now;
	sbx_buf_free(&path);
	return left > 0 ? (left + SBX_SECOND - 1) / SBX_SECOND : 0;
}

int
sbx_pause_add(const char *dir, const char *address, struct sbx_err *err)
{
	struct sbx_buf path = SBX_BUF(4096);
	int64_t now = sbx_clock_boot();
	char text[128];
	struct note n;
	int fd, len, r = SBX_OK;

	slot(&path, dir, address);
	n = look(sbx_buf_text(&path), address, now);
	len = snprintf(text, sizeof(text), "%s %" PRId64 " %" PRId64 "\n",
		address, n.count + 1, now);
	/* It need not outlive a crash, and half of one counts as none. */
	fd = open(sbx_buf_text(&path),
		O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0 || write(fd, text, (size_t)len) != len)
		r = sbx_err_sys(err, "%s", sbx_buf_text(&path));
	if (fd >= 0)
		close(fd);
	sbx_buf_free(&path);
	return r;
}
