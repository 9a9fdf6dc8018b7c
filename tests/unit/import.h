/* SPDX-License-Identifier: Apache-2.0 */
/* Lines that somebody brings, and what the journal says to them. */
#ifndef IMPORT_H
#define IMPORT_H

#include <sys/mman.h>

#include "base/base.h"
#include "record/record.h"
#include "ledger/ledger.h"
#include "node/node.h"
#include "world.h"

static struct sbx_log *logh;
static struct sbx_import im;
static struct sbx_buf in = SBX_BUF(64u << 20);
static char said[512];
static size_t told;

__attribute__((unused)) static void
put(struct sbx_entry *e)
{
	sbx_entry_line(e, &in);
	sbx_buf_str(&in, "\n");
	sbx_entry_free(e);
}

static void
refuse(void *ctx, size_t number, const struct sbx_err *err)
{
	(void)ctx;
	(void)number;
	snprintf(said, sizeof(said), "%s", err->text);
	told++;
}

static void
import(void)
{
	int fd = memfd_create("in", MFD_CLOEXEC);

	ck_assert(!in.over);
	ck_assert_int_eq(sbx_io_write_fd(fd, in.data, in.len, &why), 0);
	ck_assert_int_eq(lseek(fd, 0, SEEK_SET), 0);
	im = (struct sbx_import){ .refuse = refuse };
	told = 0;
	ck_assert_msg(sbx_import_fd(logh, fd, &im, &why) == 0, "%s", why.text);
	close(fd);
	sbx_buf_clear(&in);
}

#endif
