/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sbx VERB args: run sbx-VERB from beside this program or from where the
 * installed tools are, never from PATH: what `sudo sbx` runs is not for the
 * caller's environment to choose.
 */
#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/base.h"
#include "system/system.h"
#include "tool/tool.h"

#define MAX_TOOLS 64

/* One word here, two there: a box is set up before it can join. */
#define SETUP "setup"
#define SETUP_TOOL "join"

static const struct {
	const char *name, *words;
} known[] = {
	{ "apply", "changes of this machine that are under way (root)" },
	{ "door", "answers boxes that ask to join (run by the web server)" },
	{ "election", "elect the hub that carries the traffic" },
	{ "grant", "answers subscribers' requests (run by the web server)" },
	{ "help", "this list; sbx help VERB tells of one" },
	{ "join", "let boxes in, come in, leave (root)" },
	{ "ledger", "the log: make, append, import, export, verify" },
	{ "macroctl", "lend a port, take it back, keep it so (root)" },
	{ "member", "who belongs: invite, accept, list, revoke, vote" },
	{ "mesh-up", "bring the WireGuard mesh to what the directory says "
		     "(root)" },
	{ "offer", "services: publish, subscribe, approve, use" },
	{ "pull", "fetch what is new from peers, verify, merge" },
	{ "redact", "text without addresses, keys and names, and back again" },
	{ "status", "the box, the fleet, and what is to be done" },
	{ SETUP, "found a mesh on this box (root)" },
	{ "why", "what allows or denies somebody a service, now or then" },
};

/* Where tools are looked for; here[0] is '\0' when it cannot be told. */
static void
find_here(char here[static PATH_MAX])
{
	ssize_t n = readlink("/proc/self/exe", here, PATH_MAX - 1);
	char *slash;

	here[n > 0 ? n : 0] = '\0';
	slash = strrchr(here, '/');
	if (slash != NULL)
		*slash = '\0';
}

static bool
verb_ok(const char *verb)
{
	size_t n = strspn(verb, "abcdefghijklmnopqrstuvwxyz0123456789-");

	return n > 0 && n <= 32 && verb[n] == '\0' && verb[0] != '-';
}

static int
compare(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Names of the sbx-* programs in dir, each once over all directories. */
static void
collect(const char *dir, char *names[static MAX_TOOLS], size_t *count)
{
	DIR *list = dir[0] == '/' ? opendir(dir) : NULL;
	struct dirent *d;
	size_t i;

	while (list != NULL && (d = readdir(list)) != NULL) {
		if (strncmp(d->d_name, "sbx-", 4) != 0 ||
			!verb_ok(d->d_name + 4) ||
			faccessat(dirfd(list), d->d_name, X_OK, 0) != 0)
			continue;
		for (i = 0; i < *count; i++)
			if (strcmp(names[i], d->d_name + 4) == 0)
				break;
		if (i == *count && *count < MAX_TOOLS)
			names[(*count)++] = sbx_mem_text(
				d->d_name + 4, strlen(d->d_name + 4));
	}
	if (list != NULL)
		closedir(list);
}

/* Every verb there is, sorted, with help; how many. */
static size_t
all_verbs(const char *const dirs[], char *names[static MAX_TOOLS + 2])
{
	size_t count = 0;

	for (size_t i = 0; dirs[i] != NULL; i++)
		collect(dirs[i], names, &count);
	if (count == 0)
		return 0;
	names[count++] = sbx_mem_text("help", 4);
	names[count++] = sbx_mem_text(SETUP, strlen(SETUP));
	qsort(names, count, sizeof(names[0]), compare);
	return count;
}

static const char *
words_for(const char *name)
{
	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if (strcmp(known[i].name, name) == 0)
			return known[i].words;
	return "";
}

static int
list_tools(const char *const dirs[])
{
	char *names[MAX_TOOLS + 2];
	size_t count = all_verbs(dirs, names);

	for (size_t i = 0; i < count; i++) {
		printf("%-12s %s\n", names[i], words_for(names[i]));
		free(names[i]);
	}
	if (count == 0) {
		fprintf(stderr, "sbx: no sbx-* tools beside %s\n", dirs[0]);
		return -SBX_E_SYS;
	}
	return 0;
}

static int
finish(void)
{
	if (fflush(stdout) == 0 && !ferror(stdout))
		return 0;
	fprintf(stderr, "sbx: standard output: %s\n", strerror(errno));
	return -SBX_E_SYS;
}

static void
usage(FILE *to)
{
	fputs("usage: sbx [-hV] [OPTION...] [VERB [ARGUMENT...]]\n"
	      "sbx VERB runs sbx-VERB; sbx alone lists the verbs; options before "
	      "the verb are its own\n",
		to);
}

static int
no_verb(const char *const dirs[], const char *verb)
{
	struct sbx_near near = { .word = verb };
	char *names[MAX_TOOLS + 2];
	size_t count = all_verbs(dirs, names);

	for (size_t i = 0; i < count; i++)
		sbx_near_see(&near, names[i]);
	fprintf(stderr, "sbx: no such verb: %s\nsbx: hint: ", verb);
	if (sbx_near_word(&near) != NULL)
		fprintf(stderr, "did you mean \"%s\"?  else ",
			sbx_near_word(&near));
	fputs("sbx lists the verbs\n", stderr);
	for (size_t i = 0; i < count; i++)
		free(names[i]);
	return -SBX_E_USAGE;
}

static int
run_tool(const char *const dirs[], const char *verb, char **argv)
{
	char path[PATH_MAX + 64];

	for (size_t i = 0; dirs[i] != NULL; i++) {
		if (dirs[i][0] != '/')
			continue;
		snprintf(path, sizeof(path), "%s/sbx-%s", dirs[i], verb);
		execv(path, argv);
		if (errno != ENOENT) {
			fprintf(stderr, "sbx: %s: %s\n", path, strerror(errno));
			return -SBX_E_SYS;
		}
	}
	return no_verb(dirs, verb);
}

/* Options before the verb are the tool's: how many words they take.  Of the
 * common ones only -C has an argument. */
static int
options(char *const *argv)
{
	int n = 0;

	for (; argv[n] != NULL && argv[n][0] == '-' && argv[n][1] != '\0'; n++) {
		const char *word = argv[n];
		bool takes = word[1] == '-' ? strcmp(word, "--state") == 0 :
			word[strlen(word) - 1] == 'C';

		if (takes && argv[n + 1] != NULL)
			n++;
	}
	return n;
}

/* sbx OPTIONS VERB REST as sbx-VERB OPTIONS REST. */
static int
run_verb(const char *const dirs[], int argc, char **argv)
{
	char **args = sbx_mem_alloc((size_t)argc + 2, sizeof(*args)), name[64];
	int lead = options(argv + 1), at = 1, r;
	const char *verb = argv[1 + lead], *tool = verb;

	if (verb == NULL || !verb_ok(verb)) {
		fputs("sbx: not a verb\n", stderr);
		usage(stderr);
		free(args);
		return -SBX_E_USAGE;
	}
	if (strcmp(verb, SETUP) == 0)
		tool = SETUP_TOOL;
	snprintf(name, sizeof(name), "sbx-%s", tool);
	args[0] = name;
	for (int i = 1; i <= lead; i++)
		args[at++] = argv[i];
	if (tool != verb)
		args[at++] = (char *)(uintptr_t)verb;
	for (int i = 2 + lead; i < argc; i++)
		args[at++] = argv[i];
	r = run_tool(dirs, tool, args);
	free(args);
	return r;
}

static int
help(const char *const dirs[], int argc, char **argv)
{
	char *args[] = { argv[0], argv[2], (char *)"-h", NULL };

	if (argc > 3) {
		fprintf(stderr, "sbx: %s: one argument too many\n", argv[3]);
		usage(stderr);
		return -SBX_E_USAGE;
	}
	if (argc == 3 && strcmp(argv[2], "help") != 0)
		return run_verb(dirs, 3, args);
	usage(stdout);
	putchar('\n');
	return list_tools(dirs);
}

int
main(int argc, char **argv)
{
	char here[PATH_MAX];
	const char *const dirs[] = { here, SBX_BINDIR, SBX_SBINDIR, NULL };
	const char *first = argc > 1 ? argv[1] : "";
	int r;

	if (sbx_priv_start() != 0)
		return -SBX_E_SYS;
	find_here(here);
	if (argc < 2) {
		r = list_tools(dirs);
	} else if (strcmp(first, "-h") == 0 || strcmp(first, "--help") == 0 ||
		strcmp(first, "help") == 0) {
		r = help(dirs, argc, argv);
	} else if (strcmp(first, "-V") == 0 || strcmp(first, "--version") == 0) {
		puts("sbx " SBX_VERSION);
		r = 0;
	} else {
		return run_verb(dirs, argc, argv);
	}
	return r == 0 ? finish() : r;
}
