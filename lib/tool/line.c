/* SPDX-License-Identifier: Apache-2.0 */
/* The one grammar of the tools: options, verb, options, arguments. */
#include <getopt.h>
#include <string.h>

#include "base/base.h"
#include "tool/tool.h"
#include "tool/line.h"

#define NVALUES (sizeof(((struct sbx_ctx *)NULL)->values) / sizeof(char *))

static const struct sbx_opt common[] = {
	{ 'h', "help", NULL, "say what there is" },
	{ 'V', "version", NULL, "say which version this is" },
	{ 'v', "verbose", NULL, "say more" },
	{ 'q', "quiet", NULL, "say nothing but errors" },
	{ 'n', "dry-run", NULL, "say what would be done, do nothing" },
	{ 'j', "json", NULL, "one JSON object a line" },
	{ 'C', "state", "DIR",
		"the state directory: a whole node in one place" },
	{ 0, "witnessed", NULL, "only if all entries are witnessed" },
	{ 0 },
};

/* Who is called by sudo or a web server is told neither where the ledger is
 * nor how much of it to believe. */
static bool
hidden(const struct sbx_opt *o, unsigned flags)
{
	return (flags & SBX_TOOL_FIXED) != 0 &&
	       (o->letter == 'C' || strcmp(o->name, "witnessed") == 0);
}

/* ---- usage ---- */

static void
usage_opts(const struct sbx_opt *opts, unsigned flags)
{
	char text[64];

	for (; opts != NULL && opts->name != NULL; opts++) {
		if (hidden(opts, flags))
			continue;
		snprintf(text, sizeof(text), "--%s%s%s", opts->name,
			opts->arg != NULL ? " " : "",
			opts->arg != NULL ? opts->arg : "");
		if (opts->letter != 0)
			printf("  -%c, %-22s %s\n", opts->letter, text,
				opts->help);
		else
			printf("      %-22s %s\n", text, opts->help);
	}
}

static void
usage_verb(const struct sbx_tool *tool, const struct sbx_cmd *cmd)
{
	printf("usage: %s%s%s [options]%s%s\n", tool->name,
		(tool->flags & SBX_TOOL_NOVERB) != 0 ? "" : " ",
		(tool->flags & SBX_TOOL_NOVERB) != 0 ? "" : cmd->verb,
		cmd->args != NULL && cmd->args[0] != '\0' ? " " : "",
		cmd->args != NULL ? cmd->args : "");
	printf("%s\n\noptions:\n", cmd->help);
	usage_opts(cmd->opts, 0);
	usage_opts(common, tool->flags);
}

static void
usage_tool(const struct sbx_tool *tool)
{
	const struct sbx_cmd *cmd;
	char text[128];

	printf("usage: %s [options] %s [options] [arguments]\n%s\n\nverbs:\n",
		tool->name,
		(tool->flags & SBX_TOOL_DEFAULT) != 0 ? "[VERB]" : "VERB",
		tool->summary);
	for (cmd = tool->cmds; cmd->verb != NULL; cmd++) {
		snprintf(text, sizeof(text), "%s %s", cmd->verb,
			cmd->args != NULL ? cmd->args : "");
		printf("  %-28s %s\n", text, cmd->help);
	}
	printf("\noptions, before the verb or after it:\n");
	usage_opts(common, tool->flags);
	printf("\n\"%s VERB -h\" tells a verb's own options\n", tool->name);
}

void
sbx_line_usage(const struct sbx_ctx *ctx)
{
	if (ctx->cmd != NULL)
		usage_verb(ctx->tool, ctx->cmd);
	else
		usage_tool(ctx->tool);
}

/* ---- the command line ---- */

int
sbx_line_misuse(struct sbx_ctx *ctx, const char *fmt, ...)
{
	char text[sizeof(ctx->err.text)];
	bool verb =
		ctx->cmd != NULL && (ctx->tool->flags & SBX_TOOL_NOVERB) == 0;
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	sbx_err_set(&ctx->err, SBX_E_USAGE, "%s", text);
	sbx_err_hint(&ctx->err, "try \"%s%s%s -h\"", ctx->tool->name,
		verb ? " " : "", verb ? ctx->cmd->verb : "");
	return SBX_E_USAGE;
}

/* The same, with the word that was meant, if that can be told. */
static int
misspelt(struct sbx_ctx *ctx, const struct sbx_near *near, const char *what)
{
	const char *meant = sbx_near_word(near);
	char learn[sizeof(ctx->err.hint)];
	int r = sbx_line_misuse(ctx, "%s: no such %s", near->word, what);

	if (meant != NULL) {
		memcpy(learn, ctx->err.hint, sizeof(learn));
		sbx_err_hint(&ctx->err, "did you mean \"%s\"?  else %.120s",
			meant, learn);
	}
	return r;
}

static void
see_opts(struct sbx_near *near, const struct sbx_opt *opts, unsigned flags)
{
	for (; opts != NULL && opts->name != NULL; opts++)
		if (!hidden(opts, flags))
			sbx_near_see(near, opts->name);
}

/* getopt_long(3)'s tables: the verb's own options have the values 0, 1, ...
 * past 1000, the common ones past 2000, whichever form was used. */
struct table {
	char letters[128];
	struct option longs[64];
};

#define OWN    1000
#define COMMON 2000

static void
table_add(struct table *t, size_t *n, const struct sbx_opt *opts, int base,
	unsigned flags)
{
	size_t at = strlen(t->letters);

	for (int i = 0; opts != NULL && opts[i].name != NULL; i++) {
		if (hidden(&opts[i], flags))
			continue;
		if (*n + 1 >= 64 || at + 3 >= sizeof(t->letters))
			return;
		if (opts[i].letter != 0) {
			t->letters[at++] = opts[i].letter;
			if (opts[i].arg != NULL)
				t->letters[at++] = ':';
			t->letters[at] = '\0';
		}
		t->longs[(*n)++] = (struct option){ opts[i].name,
			opts[i].arg != NULL ? required_argument : no_argument,
			NULL, base + i };
	}
}

static void
table_make(struct table *t, const struct sbx_ctx *ctx)
{
	size_t n = 0;

	memset(t, 0, sizeof(*t));
	/* "-": words come in their order, POSIXLY_CORRECT or not;
	 * ":": getopt prints nothing and tells a missing argument. */
	strncpy(t->letters, "-:", sizeof(t->letters) - 1);
	if (ctx->cmd != NULL)
		table_add(t, &n, ctx->cmd->opts, OWN, 0);
	table_add(t, &n, common, COMMON, ctx->tool->flags);
}

/* The index of the option with this letter, or -1. */
static int
by_letter(const struct sbx_opt *opts, int letter)
{
	for (int i = 0; opts != NULL && opts[i].name != NULL; i++)
		if (opts[i].letter == letter && letter != 0)
			return i;
	return -1;
}

/* Whether the long option was written out.  getopt_long(3) takes unique
 * beginnings too, and those change when an option is added. */
static bool
whole(char **argv, const struct option *o)
{
	const char *word = argv[optind - 1];
	size_t len;

	if (o->has_arg == required_argument && optarg == word)
		word = argv[optind - 2];
	len = strcspn(word + 2, "=");
	return len == strlen(o->name) && strncmp(word + 2, o->name, len) == 0;
}

static int
take_common(struct sbx_ctx *ctx, struct sbx_line *line, const struct sbx_opt *o)
{
	bool *flag = NULL;

	switch (o->letter) {
	case 'h':
		line->help = line->done = true;
		return SBX_OK;
	case 'V':
		line->version = line->done = true;
		return SBX_OK;
	case 'v':
		flag = &ctx->verbose;
		break;
	case 'q':
		flag = &ctx->quiet;
		break;
	case 'n':
		flag = &ctx->dry;
		break;
	case 'j':
		flag = &ctx->json;
		break;
	case 0:
		flag = &ctx->witnessed;
		break;
	}
	if (flag != NULL ? *flag : line->dir != NULL)
		return sbx_line_misuse(ctx, "option --%s is given twice", o->name);
	if (flag != NULL)
		*flag = true;
	else if (optarg[0] == '\0')
		return sbx_line_misuse(ctx, "option --%s: empty", o->name);
	else
		line->dir = optarg;
	return SBX_OK;
}

static int
take_own(struct sbx_ctx *ctx, size_t i)
{
	const struct sbx_opt *o = &ctx->cmd->opts[i];

	if (i >= NVALUES)
		return sbx_line_misuse(ctx, "option --%s: no room", o->name);
	if (ctx->values[i] != NULL)
		return sbx_line_misuse(ctx, "option --%s is given twice", o->name);
	ctx->values[i] = o->arg != NULL ? optarg : "";
	return SBX_OK;
}

/* A word that is no option: the verb, or an argument. */
static int
take_word(struct sbx_ctx *ctx, char *word)
{
	struct sbx_near near = { .word = word };
	const struct sbx_cmd *cmd;

	if (ctx->cmd != NULL) {
		ctx->argv[ctx->argc++] = word;
		return SBX_OK;
	}
	for (cmd = ctx->tool->cmds; cmd->verb != NULL; cmd++)
		if (strcmp(cmd->verb, word) == 0) {
			ctx->cmd = cmd;
			return SBX_OK;
		} else {
			sbx_near_see(&near, cmd->verb);
		}
	return misspelt(ctx, &near, "verb");
}

static int
unknown_option(struct sbx_ctx *ctx, const char *word)
{
	struct sbx_near near = { .word = word + 2 };

	if (ctx->cmd != NULL)
		see_opts(&near, ctx->cmd->opts, 0);
	see_opts(&near, common, ctx->tool->flags);
	near.word = word; /* as it was typed */
	if (near.best != NULL && !near.twice) {
		char meant[80];

		snprintf(meant, sizeof(meant), "--%s", near.best);
		near.best = meant;
		return misspelt(ctx, &near, "option");
	}
	return sbx_line_misuse(ctx, "%s: no such option", word);
}

static int
take_wrong(struct sbx_ctx *ctx, int c, char **argv)
{
	const char *word = argv[optind - 1];
	bool is_long = strncmp(word, "--", 2) == 0;

	/* optopt is a letter, one of our values, or 0: an unknown long. */
	if (c == ':' && is_long && optopt >= OWN)
		return sbx_line_misuse(ctx, "option %s lacks its argument",
			word);
	if (c == ':')
		return sbx_line_misuse(ctx, "option -%c lacks its argument",
			optopt);
	if (optopt != 0 && optopt < OWN)
		return sbx_line_misuse(ctx, "-%c: no such option", optopt);
	if (optopt >= OWN)
		return sbx_line_misuse(ctx, "option %s takes no argument",
			word);
	return unknown_option(ctx, word);
}

static int
take(struct sbx_ctx *ctx, struct sbx_line *line, const struct table *t, int c,
	int at, char **argv)
{
	const struct sbx_opt *own = ctx->cmd != NULL ? ctx->cmd->opts : NULL;
	int i;

	if (c == 1)
		return take_word(ctx, optarg);
	if (c == '?' || c == ':')
		return take_wrong(ctx, c, argv);
	if (at >= 0 && !whole(argv, &t->longs[at]))
		return sbx_line_misuse(ctx, "option --%s must be written out",
			t->longs[at].name);
	if (c < OWN && (i = by_letter(own, c)) >= 0)
		c = OWN + i;
	else if (c < OWN)
		c = COMMON + by_letter(common, c);
	if (c >= COMMON)
		return take_common(ctx, line, &common[c - COMMON]);
	return take_own(ctx, (size_t)(c - OWN));
}

static int
check_line(struct sbx_ctx *ctx)
{
	const struct sbx_cmd *cmd;

	if (ctx->cmd == NULL && (ctx->tool->flags & SBX_TOOL_DEFAULT) != 0)
		ctx->cmd = ctx->tool->cmds;
	cmd = ctx->cmd;
	if (cmd == NULL)
		return sbx_line_misuse(ctx, "a verb is missing");
	if (ctx->argc < cmd->min)
		return sbx_line_misuse(ctx, "missing argument: %s",
			cmd->args != NULL ? cmd->args : "");
	if (cmd->max >= 0 && ctx->argc > cmd->max)
		return sbx_line_misuse(ctx, "%s: one argument too many", ctx->argv[cmd->max]);
	return SBX_OK;
}

int
sbx_line_parse(struct sbx_ctx *ctx, struct sbx_line *line, int argc,
	char **argv)
{
	const struct sbx_cmd *cmd = NULL;
	struct table t;
	int at, c, r = SBX_OK;

	if ((ctx->tool->flags & SBX_TOOL_NOVERB) != 0)
		ctx->cmd = ctx->tool->cmds;
	table_make(&t, ctx);
	opterr = 0;
	while (r == 0 && !line->done) {
		if (ctx->cmd != cmd) {
			cmd = ctx->cmd;
			table_make(&t, ctx);
		}
		at = -1;
		if ((c = getopt_long(argc, argv, t.letters, t.longs, &at)) < 0)
			break;
		r = take(ctx, line, &t, c, at, argv);
	}
	while (r == 0 && !line->done && optind < argc)
		r = take_word(ctx, argv[optind++]);
	return r != 0 || line->done ? r : check_line(ctx);
}
