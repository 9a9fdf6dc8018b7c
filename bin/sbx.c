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

#include "sbx.h"

#define MAX_TOOLS 64

static const char *const aliases[][3] = {
	{ "status", "ledger", "status" },
	{ NULL, NULL, NULL },
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

static int
list_tools(const char *const dirs[])
{
	char *names[MAX_TOOLS];
	size_t count = 0;

	for (size_t i = 0; dirs[i] != NULL; i++)
		collect(dirs[i], names, &count);
	qsort(names, count, sizeof(names[0]), compare);
	for (size_t i = 0; i < count; i++) {
		puts(names[i]);
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
	fputs("usage: sbx [-hV] [VERB [ARGUMENT...]]\n"
	      "sbx VERB runs sbx-VERB; sbx alone lists the verbs\n",
		to);
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
	fprintf(stderr,
		"sbx: no such verb: %s\nsbx: hint: sbx lists the verbs\n",
		verb);
	return -SBX_E_USAGE;
}

int
main(int argc, char **argv)
{
	char here[PATH_MAX], name[64];
	const char *const dirs[] = { here, SBX_BINDIR, SBX_SBINDIR, NULL };
	char **args;
	int at = 1;

	if (sbx_priv_start() != 0)
		return -SBX_E_SYS;
	find_here(here);
	if (argc < 2 && list_tools(dirs) != 0)
		return -SBX_E_SYS;
	if (argc < 2)
		return finish();
	if (strcmp(argv[1], "-h") == 0 || strcmp(argv[1], "--help") == 0) {
		usage(stdout);
		return finish();
	}
	if (strcmp(argv[1], "-V") == 0 || strcmp(argv[1], "--version") == 0) {
		puts("sbx " SBX_VERSION);
		return finish();
	}
	if (!verb_ok(argv[1])) {
		fputs("sbx: not a verb\n", stderr);
		usage(stderr);
		return -SBX_E_USAGE;
	}
	/* One more than argc: an alias is one word here and two there. */
	args = sbx_mem_alloc((size_t)argc + 2, sizeof(*args));
	for (size_t i = 0; aliases[i][0] != NULL; i++)
		if (strcmp(argv[1], aliases[i][0]) == 0) {
			args[at++] = (char *)aliases[i][2];
			argv[1] = (char *)aliases[i][1];
			break;
		}
	for (int i = 2; i < argc; i++)
		args[at++] = argv[i];
	snprintf(name, sizeof(name), "sbx-%s", argv[1]);
	args[0] = name;
	at = run_tool(dirs, argv[1], args);
	free(args);
	return at;
}
