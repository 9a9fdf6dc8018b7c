/* SPDX-License-Identifier: Apache-2.0 */
/* What only root can change: whoever may write a directory may put another
 * file in place of the one that was checked. */
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/base.h"
#include "node/node.h"

/* Root's, or ours, which is the same wherever it matters.  In a sticky
 * directory others can make files but not replace those that are not theirs. */
bool
sbx_own_check(const struct stat *st, bool dir)
{
	if (st->st_uid != 0 && st->st_uid != geteuid())
		return false;
	return (st->st_mode & 022) == 0 ||
	       (dir && (st->st_mode & S_ISVTX) != 0);
}

int
sbx_own_dir(const char *path, int *fd, struct sbx_err *err)
{
	struct stat st, up;
	int at, next, r = 0;

	*fd = open(path, O_DIRECTORY | O_NOFOLLOW | O_RDONLY | O_CLOEXEC);
	if (*fd < 0)
		return sbx_err_sys(err, "%s", path);
	at = dup(*fd);
	for (;;) {
		if (at < 0 || fstat(at, &st) != 0) {
			r = sbx_err_sys(err, "%s", path);
			break;
		}
		if (!sbx_own_check(&st, true)) {
			r = sbx_err_set(err, SBX_E_NO,
				"%s: it, or a directory above it, is not "
				"root's alone",
				path);
			break;
		}
		next = openat(at, "..", O_DIRECTORY | O_PATH | O_CLOEXEC);
		close(at);
		at = next;
		if (at >= 0 && fstat(at, &up) == 0 && up.st_ino == st.st_ino &&
			up.st_dev == st.st_dev)
			break;
	}
	if (at >= 0)
		close(at);
	if (r != 0) {
		close(*fd);
		*fd = -1;
	}
	return r;
}
