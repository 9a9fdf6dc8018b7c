/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Does this hub forward?  Another firewall's base chain, Docker's above all,
 * may drop by its policy what goes from peer to peer.  Other people's tables
 * are looked at and never changed.
 */
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/base.h"
#include "system/system.h"
#include "mesh/mesh.h"

#define NFT	 "/usr/sbin/nft"
#define MAX_TEXT (4u << 20)

struct chain {
	char family[8], table[64], name[64];
};

/* The next line of text, cut off; NULL at the end. */
static char *
next_line(char **text)
{
	char *line = *text, *end;

	if (line == NULL || *line == '\0')
		return NULL;
	end = strchr(line, '\n');
	*text = end != NULL ? end + 1 : NULL;
	if (end != NULL)
		*end = '\0';
	return line + strspn(line, "\t ");
}

/* A line of a table that lets the mesh's own traffic through. */
static bool
lets_through(const char *line, const char *name)
{
	char in[SBX_IF_SIZE + 16], out[SBX_IF_SIZE + 16];
	size_t len = strcspn(line, "#");

	while (len > 0 && strchr(" \t", line[len - 1]) != NULL)
		len--;
	snprintf(in, sizeof(in), "iifname \"%s\"", name);
	snprintf(out, sizeof(out), "oifname \"%s\"", name);
	return len > 7 && memcmp(line + len - 7, " accept", 7) == 0 &&
	       (strstr(line, in) != NULL || strstr(line, out) != NULL);
}

/* The rule may be in a chain that this one jumps to; a table is one whole. */
static bool
has_rule(const struct chain *c, const char *name)
{
	const char *const argv[] = { NFT, "-t", "list", "table", c->family,
		c->table, NULL };
	const struct sbx_run run = { .argv = argv, .max = MAX_TEXT };
	struct sbx_buf out = SBX_BUF(MAX_TEXT);
	char *text, *line;
	bool found = false;

	if (sbx_run_ok(&run, &out, NULL) != SBX_OK)
		found = true; /* nobody knows */
	text = out.data;
	while (!found && (line = next_line(&text)) != NULL)
		found = lets_through(line, name);
	sbx_buf_free(&out);
	return found;
}

/* The first word of text, up to its end or a blank, into out. */
static char *
word(char *text, char *out, size_t size)
{
	size_t len = strcspn(text, " ");

	snprintf(out, size, "%.*s", (int)len, text);
	return text + len + strspn(text + len, " ");
}

static int
dropped(const struct chain *c, const char *name, struct sbx_err *err)
{
	sbx_err_set(err, SBX_E_NO, "this hub does not forward: chain %s of "
		"table %s %s drops by its policy", c->name, c->family,
		c->table);
	sbx_err_hint(err, "nft insert rule %s %s %s iifname %s oifname %s "
		"accept, and where that firewall keeps its rules", c->family,
		c->table, c->name, name, name);
	return SBX_E_NO;
}

int
sbx_mesh_forwards(const char *name, struct sbx_err *err)
{
	static const char *const argv[] = { NFT, "list", "chains", NULL };
	const struct sbx_run run = { .argv = argv, .max = MAX_TEXT };
	struct sbx_buf out = SBX_BUF(MAX_TEXT);
	struct chain c = { 0 };
	char *text, *line;
	int r = SBX_OK;

	/* Without nft nobody knows, and that is no failure of the mesh's. */
	if (access(NFT, X_OK) == 0 && sbx_run_ok(&run, &out, NULL) == SBX_OK)
		text = out.data;
	else
		text = NULL;
	while (r == SBX_OK && (line = next_line(&text)) != NULL) {
		if (strncmp(line, "table ", 6) == 0)
			word(word(line + 6, c.family, sizeof(c.family)),
				c.table, sizeof(c.table));
		else if (strncmp(line, "chain ", 6) == 0)
			word(line + 6, c.name, sizeof(c.name));
		else if (strstr(line, " hook forward ") != NULL &&
			strstr(line, "policy drop;") != NULL &&
			(strcmp(c.family, "ip") == 0 ||
				strcmp(c.family, "inet") == 0) &&
			strcmp(c.table, "sbx") != 0 && !has_rule(&c, name))
			r = dropped(&c, name, err);
	}
	sbx_buf_free(&out);
	return r;
}

bool
sbx_mesh_forwards_ipv6(void)
{
	char on = '1';
	int fd = open("/proc/sys/net/ipv6/conf/all/forwarding",
		O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return true; /* there is no IPv6 to forward */
	if (read(fd, &on, 1) != 1)
		on = '1';
	close(fd);
	return on != '0';
}
