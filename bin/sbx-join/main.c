/* SPDX-License-Identifier: Apache-2.0 */
/* Found a mesh, let boxes in, come in, leave. */
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>

#include "base/base.h"
#include "sbx-join.h"

static const struct sbx_opt join_opts[] = {
	{ 'w', "wait", "SECONDS", "for an approval, at most so long (0)" },
	{ 0, NULL, NULL, NULL } };
static const struct sbx_opt setup_opts[] = {
	{ 'N', "name", "NAME", "what this box is called (the host's name)" },
	{ 'e', "endpoint", "ADDRESS", "by which others reach it, maybe with :PORT" },
	{ 0, "network", "NET", "the mesh's IPv4 network (10.10.0.0/24)" },
	{ 0, NULL, NULL, NULL } };
static const struct sbx_opt open_opts[] = {
	{ 0, "ask", NULL, "whoever comes waits for sbx-join approve" },
	{ 'u', "uses", "N", "how many boxes may come (1)" },
	{ 'e', "expires", "SECONDS", "how long it is good (3600)" },
	{ 'a', "address", "ADDRESS", "of the door (that of the endpoint)" },
	{ 0, "qr", NULL, "show the token as a QR code too, on standard error" },
	{ 0, NULL, NULL, NULL } };
static const struct sbx_opt leave_opts[] = {
	{ 'f', "force", NULL, "take the mesh down at once" },
	{ 0, NULL, NULL, NULL } };

static const struct sbx_cmd cmds[] = {
	{ "join", cmd_join, "[TOKEN]", 0, 1,
		"come in by a door (or - : the token on standard input)",
		join_opts },
	{ "setup", cmd_setup, "", 0, 0, "found a mesh on this box", setup_opts },
	{ "open", cmd_open, "", 0, 0,
		"open this box's door and print a token", open_opts },
	{ "close", cmd_close, "", 0, 0, "take every token back", NULL },
	{ "list", cmd_list, "", 0, 0, "who asked to come in", NULL },
	{ "approve", cmd_approve, "BOX", 1, 1, "let it in", NULL },
	{ "reject", cmd_reject, "BOX [REASON]", 1, 2, "do not", NULL },
	{ "tree", cmd_tree, "", 0, 0, "who let whom in", NULL },
	{ "leave", cmd_leave, "", 0, 0, "sign off and take the mesh down",
		leave_opts },
	{ "serve", cmd_serve, "", 0, 0,
		"run the door while there is something to open for", NULL },
	{ "take", cmd_take, "ADDRESS", 1, 1,
		"answer one request of sbx-door's, on standard input", NULL },
	{ NULL, NULL, NULL, 0, 0, NULL, NULL } };

static const struct sbx_tool tool = { "sbx-join", "a box joins, or leaves",
	SBX_TOOL_ROOT | SBX_TOOL_FIXED | SBX_TOOL_DEFAULT, cmds };

/* sbx-join TOKEN is sbx-join join TOKEN: the first word that is no option. */
static char **
with_verb(int *argc, char **argv)
{
	char **args = sbx_mem_alloc((size_t)*argc + 2, sizeof(*args));
	int at = 1, n = 0;

	while (at < *argc && argv[at][0] == '-' && argv[at][1] != '\0')
		at++;
	for (int i = 0; i < *argc; i++) {
		if (i == at && (strncmp(argv[i], "sbx", 3) == 0 ||
				strncmp(argv[i], "https://", 8) == 0 ||
				strcmp(argv[i], "-") == 0))
			args[n++] = (char *)(uintptr_t)"join";
		args[n++] = argv[i];
	}
	*argc = n;
	return args;
}

int
main(int argc, char **argv)
{
	char **args = with_verb(&argc, argv);
	int r;

	/* A token's seed is in memory. */
	prctl(PR_SET_DUMPABLE, 0);
	r = sbx_tool_main(&tool, argc, args);
	free(args);
	return r;
}
