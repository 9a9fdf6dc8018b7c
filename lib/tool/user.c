/* SPDX-License-Identifier: Apache-2.0 */
/* One rule for every tool: a node's state is worked on by the user whose the
 * directory is.  Root becomes that user, so that no file in there is ever
 * root's; anybody else is told the command. */
#include <errno.h>
#include <pwd.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/base.h"
#include "system/system.h"
#include "node/node.h"
#include "tool/tool.h"

/* Tools of root's, and what a web server runs, have users of their own. */
static bool
of_node(const struct sbx_ctx *ctx)
{
	return (ctx->tool->flags & (SBX_TOOL_ROOT | SBX_TOOL_FIXED)) == 0;
}

int
sbx_user_become(struct sbx_ctx *ctx, const char *dir)
{
	struct stat st;
	int r;

	if (geteuid() != 0 || !of_node(ctx) || stat(dir, &st) != 0 ||
		!S_ISDIR(st.st_mode) || st.st_uid == 0)
		return SBX_OK;
	if ((r = sbx_priv_drop(st.st_uid, st.st_gid, &ctx->err)) == 0)
		ctx->became = true;
	return r;
}

/* "sudo -u OWNER TOOL VERB": of a command line what is ours to repeat. */
static void
hint_as(struct sbx_ctx *ctx, uid_t owner)
{
	const struct passwd *pw = getpwuid(owner);
	bool verb = (ctx->tool->flags & SBX_TOOL_NOVERB) == 0;
	char number[24];

	snprintf(number, sizeof(number), "#%lu", (unsigned long)owner);
	sbx_err_hint(&ctx->err, "sudo -u %.60s %s%s%s%s",
		pw != NULL ? pw->pw_name : number, ctx->tool->name,
		verb ? " " : "", verb ? ctx->cmd->verb : "",
		ctx->argc > 0 ? " ..." : "");
}

int
sbx_user_check(struct sbx_ctx *ctx)
{
	if ((ctx->tool->flags & (SBX_TOOL_ROOT | SBX_TOOL_FIXED)) !=
			SBX_TOOL_ROOT ||
		geteuid() == 0 || sbx_priv_caps())
		return SBX_OK;
	sbx_err_set(&ctx->err, SBX_E_USAGE, "must be root");
	sbx_err_hint(&ctx->err, "sudo %s %s%s", ctx->tool->name,
		ctx->cmd->verb, ctx->argc > 0 ? " ..." : "");
	return SBX_E_USAGE;
}

static bool
under(const char *text, const char *path, size_t len)
{
	return strncmp(text, path, len) == 0;
}

/* Whether the error is about a file of the node's. */
static bool
about_state(const struct sbx_ctx *ctx)
{
	const struct sbx_conf *conf = &ctx->conf;
	const char *slash = conf->key != NULL ? strrchr(conf->key, '/') : NULL;

	return under(ctx->err.text, conf->dir, strlen(conf->dir)) ||
		(slash != NULL && under(ctx->err.text, conf->key,
			(size_t)(slash - conf->key)));
}

static bool
denied(const struct sbx_ctx *ctx)
{
	const char *why = strerror(EACCES);
	size_t len = strlen(ctx->err.text), n = strlen(why);

	return len >= n && strcmp(ctx->err.text + len - n, why) == 0;
}

/* A box that has no key has never been one. */
static bool
no_key(const struct sbx_ctx *ctx)
{
	char text[sizeof(ctx->err.text)];

	snprintf(text, sizeof(text), "%s: %s",
		ctx->conf.key != NULL ? ctx->conf.key : "", strerror(ENOENT));
	return strcmp(ctx->err.text, text) == 0;
}

int
sbx_user_hint(struct sbx_ctx *ctx, int r)
{
	const char *dir = ctx->conf.dir;
	const struct passwd *pw;
	struct stat st;

	if (ctx->cmd == NULL || dir == NULL || !of_node(ctx))
		return r;
	if (stat(dir, &st) != 0) {
		if (no_key(ctx))
			sbx_err_hint(&ctx->err, "make one with: sbx-ledger init");
		else if (denied(ctx) && about_state(ctx) && geteuid() != 0)
			sbx_err_hint(&ctx->err, "root makes it and its user: "
				"sudo /usr/lib/sbx/provision");
	} else if (st.st_uid != geteuid() && access(dir, W_OK) != 0) {
		if (!about_state(ctx))
			return r;
		pw = getpwuid(st.st_uid);
		sbx_err_set(&ctx->err, SBX_E_USAGE, "%.200s is user %.60s's",
			dir, pw != NULL ? pw->pw_name : "another");
		hint_as(ctx, st.st_uid);
		r = SBX_E_USAGE;
	} else if (no_key(ctx)) {
		sbx_err_hint(&ctx->err, "make one with: sbx-ledger init");
	} else if (denied(ctx) && ctx->err.hint[0] == '\0' && ctx->became) {
		sbx_err_hint(&ctx->err, "it is done as the owner of %.80s, who "
			"may not: name a file that this user can reach",
			dir);
	} else if (denied(ctx) && ctx->err.hint[0] == '\0' &&
		about_state(ctx)) {
		sbx_err_hint(&ctx->err, "was it made by root?  "
			"sudo chown -R --reference=%.80s %.80s/*", dir, dir);
	}
	return r;
}
