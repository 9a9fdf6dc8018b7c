/* SPDX-License-Identifier: Apache-2.0 */
/* The nodes' names in /etc/hosts: one block between two marks.  All else in
 * the file is its owner's and stays byte for byte. */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/base.h"
#include "mesh/mesh.h"

#define BEGIN	 "# sbx-mesh-up: names of the mesh\n"
#define END	 "# sbx-mesh-up: end\n"
#define MAX_HOSTS (4u << 20)

/* A label of a host's name (RFC 1123), which another is not called too. */
static bool
is_label(const char *name)
{
	size_t len = strlen(name);

	return len > 0 && len < 64 && name[0] != '-' && name[len - 1] != '-' &&
	       strspn(name, "abcdefghijklmnopqrstuvwxyz"
			    "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-") == len;
}

/* By IPv4 alone: programs try IPv6 first, and a hub forwards that only where
 * its whole machine does. */
static size_t
write_block(const struct sbx_mesh *m, struct sbx_buf *b)
{
	char ip[SBX_IP4_SIZE];
	size_t count = 0;

	for (size_t i = 0; i < m->nnodes; i++) {
		if (!is_label(m->nodes[i].name))
			continue;
		if (count++ == 0)
			sbx_buf_str(b, BEGIN);
		sbx_ip4_write(ip, m->nodes[i].addr);
		sbx_buf_fmt(b, "%s %s.mesh\n", ip, m->nodes[i].name);
	}
	if (count > 0)
		sbx_buf_str(b, END);
	return count;
}

/* text with the block in the place of the one before, or at the end.  A block
 * whose end was cut off goes as far as it has names of ours. */
static void
replace(const char *text, const char *block, struct sbx_buf *out)
{
	const char *at = strstr(text, BEGIN), *end;

	while (at != NULL && at != text && at[-1] != '\n')
		at = strstr(at + 1, BEGIN);
	if (at == NULL) {
		sbx_buf_str(out, text);
		if (block[0] != '\0' && out->len > 0 &&
			out->data[out->len - 1] != '\n')
			sbx_buf_str(out, "\n");
		sbx_buf_str(out, block);
		return;
	}
	sbx_buf_add(out, text, (size_t)(at - text));
	sbx_buf_str(out, block);
	for (end = at + strlen(BEGIN); *end != '\0';) {
		const char *nl = strchr(end, '\n');
		size_t len = nl != NULL ? (size_t)(nl + 1 - end) : strlen(end);

		if (strncmp(end, END, strlen(END)) == 0) {
			end += len;
			break;
		}
		if (len < 6 || memcmp(end + len - 6, ".mesh\n", 6) != 0)
			break;
		end += len;
	}
	sbx_buf_str(out, end);
}

/* By rename, so that nobody reads half of it; where the file is mounted by
 * itself, as in a container, that cannot be, and it is written over. */
static int
put(const char *path, const struct sbx_buf *b, struct sbx_err *err)
{
	struct stat st;
	ssize_t n = -1;
	int fd;

	if (stat(path, &st) != 0)
		return sbx_err_sys(err, "%s", path);
	if (sbx_io_save(path, b->data, b->len, st.st_mode & 07777, 0, NULL) ==
		SBX_OK)
		return SBX_OK;
	fd = open(path, O_WRONLY | O_CLOEXEC | O_NOFOLLOW);
	if (fd >= 0) {
		n = pwrite(fd, b->data, b->len, 0);
		if (n != (ssize_t)b->len || ftruncate(fd, n) != 0)
			n = -1;
		close(fd);
	}
	return n >= 0 ? SBX_OK : sbx_err_sys(err, "%s", path);
}

int
sbx_mesh_names(const struct sbx_mesh *m, const char *path, bool dry,
	size_t *count, struct sbx_err *err)
{
	struct sbx_buf old = SBX_BUF(MAX_HOSTS), block = SBX_BUF(MAX_HOSTS);
	struct sbx_buf new = SBX_BUF(2 * MAX_HOSTS);
	int r;

	*count = 0;
	if ((r = sbx_io_read(path, 0, &old, err)) != SBX_OK)
		goto out;
	if (m != NULL)
		*count = write_block(m, &block);
	replace(sbx_buf_text(&old), sbx_buf_text(&block), &new);
	if (strcmp(sbx_buf_text(&old), sbx_buf_text(&new)) == 0)
		r = SBX_E_NO;
	else if (memchr(sbx_buf_text(&old), '\0', old.len) != NULL || new.over)
		r = sbx_err_set(err, SBX_E_INPUT, "%s: not a text", path);
	else if (!dry)
		r = put(path, &new, err);
	else if (access(path, W_OK) != 0)
		r = sbx_err_sys(err, "%s", path);
out:
	sbx_buf_free(&old);
	sbx_buf_free(&block);
	sbx_buf_free(&new);
	return r;
}
