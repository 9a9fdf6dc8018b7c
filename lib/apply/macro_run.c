/* SPDX-License-Identifier: Apache-2.0 */
/* Running a plugin: what it is given, how long it has, what it leaves. */
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/base.h"
#include "json/json.h"
#include "system/system.h"
#include "node/node.h"
#include "apply/apply.h"

#define TIMEOUT  10000
#define MAX_SAID 65536
#define MAX_ENV  (SBX_MAX_PARAMS + 16)

struct env {
	const char *list[MAX_ENV + 1];
	struct sbx_buf text[MAX_ENV];
	size_t count;
};

static void
env_add(struct env *e, const char *prefix, const char *name, const char *value)
{
	struct sbx_buf *b = &e->text[e->count];

	if (value == NULL || e->count == MAX_ENV)
		return;
	b->max = 2 * SBX_MAX_MACRO_JSON;
	sbx_buf_fmt(b, "%s%s=%s", prefix, name, value);
	e->list[e->count++] = sbx_buf_text(b);
}

static void
env_num(struct env *e, const char *name, int64_t value)
{
	char text[24];

	snprintf(text, sizeof(text), "%lld", (long long)value);
	env_add(e, "MACRO_", name, text);
}

/* All of it is ours: nothing is inherited, and of what came from outside there
 * are only values that were checked. */
static void
env_fill(struct env *e, const struct sbx_macro *m,
	const struct sbx_macro_call *call)
{
	const struct sbx_json *v;
	size_t i;

	env_add(e, "", "PATH", "/usr/sbin:/usr/bin:/sbin:/bin");
	env_add(e, "", "LC_ALL", "C");
	env_add(e, "MACRO_", "KIND", m->kind);
	env_add(e, "MACRO_", "VERB", call->verb);
	env_add(e, "MACRO_", "SUB", call->sub);
	env_add(e, "MACRO_", "SRC_IP", call->ip);
	env_add(e, "MACRO_", "SERVICE", call->service);
	env_add(e, "MACRO_", "ENDPOINT", call->endpoint);
	env_add(e, "MACRO_", "DIR", call->dir);
	env_add(e, "MACRO_", "PROTO", sbx_proto_name(m->proto));
	if (call->port > 0)
		env_num(e, "PORT", call->port);
	if (call->ttl > 0)
		env_num(e, "TTL", call->ttl);
	for (i = 0; call->params != NULL && i < m->nparams; i++) {
		v = sbx_json_get(call->params, m->params[i].name);
		if (v != NULL)
			env_add(e, "MACRO_PARAM_", m->params[i].name,
				v->type == SBX_JSON_BOOL
					? (v->yes ? "true" : "false")
					: v->text);
	}
}

/* A directory that is the plugin's own: what it keeps is lost at a reboot, as
 * what it did is. */
static int
dir_make(const char *dir, struct sbx_err *err)
{
	int r, fd = -1;

	if ((r = sbx_io_mkdir(dir, 0755, err)) != 0 ||
		(r = sbx_own_dir(dir, &fd, err)) != 0)
		return r;
	/* Our umask is 077; what plugins write there is for others to read. */
	if (fchmod(fd, 0755) != 0)
		r = sbx_err_sys(err, "%s", dir);
	close(fd);
	return r;
}

/* Its first line on stderr is the reason, with what a terminal would obey
 * taken out. */
static int
failed(const struct sbx_macro *m, const char *verb, int status,
	const struct sbx_buf *why, struct sbx_err *err)
{
	const char *text = sbx_buf_text(why);
	char line[200];
	size_t n = 0;
	int r;

	for (; n + 1 < sizeof(line) && text[n] != '\0' && text[n] != '\n'; n++)
		line[n] = text[n] < 0x20 || text[n] > 0x7e ? '?' : text[n];
	line[n] = '\0';
	r = sbx_err_set(err, status == 1 ? SBX_E_NO : SBX_E_SYS, "%s %s: %s",
		m->kind, verb, n > 0 ? line : "failed");
	if (status > 1)
		sbx_err_hint(err, "the plugin's exit status was %d", status);
	return r;
}

/* A plugin's part ends with the plugin: what left its process group and lost
 * its parent has become our child (PR_SET_CHILD_SUBREAPER). */
static void
end_strays(void)
{
	char text[4096], *at, *end;
	ssize_t n;
	long pid;
	int fd, round;

	for (round = 0; round < 64; round++) {
		fd = open("/proc/thread-self/children", O_RDONLY | O_CLOEXEC);
		n = fd < 0 ? 0 : read(fd, text, sizeof(text) - 1);
		if (fd >= 0)
			close(fd);
		if (n <= 0)
			return;
		text[n] = '\0';
		for (at = text; (pid = strtol(at, &end, 10)) > 1; at = end) {
			kill((pid_t)pid, SIGKILL);
			waitpid((pid_t)pid, NULL, 0);
		}
	}
}

int
sbx_macro_run(const struct sbx_macro *m, const struct sbx_macro_call *call,
	struct sbx_err *err)
{
	const char *argv[] = { m->kind, call->verb, NULL };
	struct sbx_buf out = SBX_BUF(MAX_SAID), why = SBX_BUF(MAX_SAID);
	struct env env = { .count = 0 };
	struct sbx_run run = { .argv = argv,
		.env = env.list,
		.fd = m->fd,
		.max = MAX_SAID,
		.timeout = TIMEOUT };
	int r, status = 0;
	size_t i;

	if (call->dir != NULL && (r = dir_make(call->dir, err)) != 0)
		return r;
	env_fill(&env, m, call);
	/* The sandbox's place: between here and the plugin's first byte. */
	prctl(PR_SET_CHILD_SUBREAPER, 1);
	r = sbx_run(&run, &status, &out, &why, err);
	end_strays();
	if (r == 0 && status != 0)
		r = failed(m, call->verb, status, &why, err);
	for (i = 0; i < env.count; i++)
		sbx_buf_free(&env.text[i]);
	sbx_buf_free(&out);
	sbx_buf_free(&why);
	return r;
}
