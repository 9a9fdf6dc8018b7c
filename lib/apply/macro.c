/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Plugins: what root runs on behalf of an offer.  An offer names a kind and
 * typed parameters; the code is a file that only root could have put there,
 * opened once, and checked, read and executed by that one descriptor, so that
 * nothing can be swapped in between.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/base.h"
#include "json/json.h"
#include "node/node.h"
#include "apply/apply.h"

/* Nothing in it ends a word, starts an option or an expansion, in a shell,
 * a sed command or an nft script. */
#define TEXT_CHARS                                                             \
	"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"       \
	"._:/@+=,-"
#define LOWER "abcdefghijklmnopqrstuvwxyz"

bool
sbx_kind_check(const char *kind)
{
	size_t len = strspn(kind, LOWER "0123456789-");

	return len >= 2 && len < SBX_KIND_SIZE && kind[len] == '\0' &&
	       kind[0] >= 'a' && kind[0] <= 'z';
}

static bool
param_name_ok(const char *name)
{
	size_t len = strspn(name, LOWER "0123456789_");

	return len >= 1 && len < SBX_KIND_SIZE && name[len] == '\0' &&
	       name[0] >= 'a' && name[0] <= 'z';
}

/* ---- the header ---- */

static int
bad_line(const struct sbx_macro *m, const char *what, struct sbx_err *err)
{
	return sbx_err_set(
		err, SBX_E_NO, "plugin %s: its header: %s", m->kind, what);
}

static const struct sbx_param *
param_find(const struct sbx_macro *m, const char *name)
{
	for (size_t i = 0; i < m->nparams; i++)
		if (strcmp(m->params[i].name, name) == 0)
			return &m->params[i];
	return NULL;
}

/* "NAME int MIN MAX [required]", "NAME text MIN MAX [required]",
 * "NAME bool [required]" */
static int
param_line(struct sbx_macro *m, char *rest, struct sbx_err *err)
{
	struct sbx_param *p = &m->params[m->nparams];
	char *save = NULL, *name, *type, *word;
	const int64_t most = INT64_C(1) << 53;

	if (m->nparams == SBX_MAX_PARAMS)
		return bad_line(m, "too many parameters", err);
	name = strtok_r(rest, " ", &save);
	type = strtok_r(NULL, " ", &save);
	if (name == NULL || type == NULL || !param_name_ok(name) ||
		param_find(m, name) != NULL)
		return bad_line(m, "sbx-param: not a new name and a type", err);
	strcpy(p->name, name);
	if (strcmp(type, "bool") == 0) {
		p->type = SBX_PARAM_BOOL;
	} else {
		bool text = strcmp(type, "text") == 0;
		const char *min = strtok_r(NULL, " ", &save);
		const char *max = strtok_r(NULL, " ", &save);

		p->type = text ? SBX_PARAM_TEXT : SBX_PARAM_INT;
		if ((!text && strcmp(type, "int") != 0) || min == NULL ||
			max == NULL ||
			!sbx_num_parse(&p->min, min, text ? 0 : 1 - most,
				text ? SBX_MAX_MACRO_JSON : most - 1) ||
			!sbx_num_parse(&p->max, max, p->min,
				text ? SBX_MAX_MACRO_JSON : most - 1))
			return bad_line(
				m, "sbx-param: not a type and bounds", err);
	}
	word = strtok_r(NULL, " ", &save);
	p->required = word != NULL && strcmp(word, "required") == 0;
	if ((word != NULL && !p->required) ||
		strtok_r(NULL, " ", &save) != NULL)
		return bad_line(m, "sbx-param: words too many", err);
	m->nparams++;
	return 0;
}

static int
opens_line(struct sbx_macro *m, char *rest, struct sbx_err *err)
{
	char *save = NULL, *proto, *name;

	proto = strtok_r(rest, " ", &save);
	name = strtok_r(NULL, " ", &save);
	if (m->opens[0] != '\0' || name == NULL || !param_name_ok(name) ||
		strtok_r(NULL, " ", &save) != NULL)
		return bad_line(
			m, "sbx-opens: not a protocol and a parameter", err);
	if (strcmp(proto, "tcp") == 0)
		m->proto = IPPROTO_TCP;
	else if (strcmp(proto, "udp") == 0)
		m->proto = IPPROTO_UDP;
	else
		return bad_line(m, "sbx-opens: neither tcp nor udp", err);
	strcpy(m->opens, name);
	return 0;
}

static int
header_line(struct sbx_macro *m, char *line, struct sbx_err *err)
{
	if (strncmp(line, "# sbx-param: ", 13) == 0)
		return param_line(m, line + 13, err);
	if (strncmp(line, "# sbx-opens: ", 13) == 0)
		return opens_line(m, line + 13, err);
	if (strncmp(line, "# sbx-about: ", 13) == 0) {
		snprintf(m->about, sizeof(m->about), "%s", line + 13);
		return 0;
	}
	/* A misspelt declaration must not be a missing one. */
	if (strncmp(line, "# sbx-", 6) == 0)
		return bad_line(m, "a declaration unknown here", err);
	return 0;
}

/* The lines up to the first that is no comment. */
static int
header_read(struct sbx_macro *m, struct sbx_err *err)
{
	char text[SBX_MAX_HEADER + 1], *line, *end;
	const struct sbx_param *p;
	ssize_t n;
	int r;

	if ((n = pread(m->fd, text, SBX_MAX_HEADER, 0)) < 0)
		return sbx_err_sys(err, "plugin %s", m->kind);
	text[n] = '\0';
	for (line = text; *line == '#'; line = end + 1) {
		if ((end = strchr(line, '\n')) == NULL)
			break;
		*end = '\0';
		if ((r = header_line(m, line, err)) != 0)
			return r;
	}
	if (n == SBX_MAX_HEADER && (*line == '#' || *line == '\0'))
		return bad_line(m, "a header too long", err);
	p = param_find(m, m->opens);
	if (p == NULL || p->type != SBX_PARAM_INT || !p->required ||
		p->min < 1 || p->max > 65535)
		return bad_line(m,
			"sbx-opens must name a required int of 1 to 65535",
			err);
	return 0;
}

/* ---- opening ---- */

static int
file_check(const struct sbx_macro *m, struct sbx_err *err)
{
	struct stat st;

	if (fstat(m->fd, &st) != 0)
		return sbx_err_sys(err, "plugin %s", m->kind);
	if (!S_ISREG(st.st_mode) || !sbx_own_check(&st, false) ||
		(st.st_mode & (S_ISUID | S_ISGID)) != 0 ||
		(st.st_mode & S_IXUSR) == 0)
		return sbx_err_set(err, SBX_E_NO,
			"plugin %s: not an executable file of root's alone",
			m->kind);
	return 0;
}

static int
open_at(int dirfd, const char *kind, struct sbx_macro *m, struct sbx_err *err)
{
	/* O_NONBLOCK: a FIFO in its place must not hang us. */
	struct open_how how = {
		.flags = O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY,
		.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS |
			   RESOLVE_NO_MAGICLINKS | RESOLVE_NO_XDEV,
	};
	int r;

	memset(m, 0, sizeof(*m));
	m->fd = -1;
	if (!sbx_kind_check(kind))
		return sbx_err_set(err, SBX_E_USAGE, "not a kind's name");
	strcpy(m->kind, kind);
	m->fd = (int)syscall(SYS_openat2, dirfd, kind, &how, sizeof(how));
	if (m->fd < 0 && errno == ENOENT) {
		r = sbx_err_set(err, SBX_E_NO, "%s: no such kind here", kind);
		sbx_err_hint(err, "sbx-macroctl kinds lists them");
		return r;
	}
	if (m->fd < 0 && (errno == ELOOP || errno == EXDEV || errno == ENXIO))
		return sbx_err_set(
			err, SBX_E_NO, "plugin %s: not a plain file", kind);
	if (m->fd < 0)
		return sbx_err_sys(err, "plugin %s", kind);
	if ((r = file_check(m, err)) != 0 || (r = header_read(m, err)) != 0)
		sbx_macro_close(m);
	return r;
}

int
sbx_macro_open(const char *dir, const char *kind, struct sbx_macro *m,
	struct sbx_err *err)
{
	int r, dirfd = -1;

	m->fd = -1;
	if ((r = sbx_own_dir(dir, &dirfd, err)) != 0)
		return r;
	r = open_at(dirfd, kind, m, err);
	close(dirfd);
	return r;
}

void
sbx_macro_close(struct sbx_macro *m)
{
	if (m == NULL || m->fd < 0)
		return;
	close(m->fd);
	m->fd = -1;
}

static int
by_name(const void *a, const void *b)
{
	return strcmp(a, b);
}

int
sbx_macro_each(const char *dir,
	int (*fn)(void *ctx, const char *kind, const struct sbx_macro *m,
		struct sbx_err *err),
	void *ctx, struct sbx_err *err)
{
	char(*names)[SBX_KIND_SIZE];
	struct sbx_macro m;
	struct sbx_err why;
	struct dirent *e;
	size_t n = 0, i;
	int r, dirfd = -1;
	DIR *d;

	if ((r = sbx_own_dir(dir, &dirfd, err)) != 0)
		return r;
	if ((d = fdopendir(dup(dirfd))) == NULL) {
		r = sbx_err_sys(err, "%s", dir);
		close(dirfd);
		return r;
	}
	names = sbx_mem_alloc(SBX_MAX_KINDS, sizeof(*names));
	while (r == 0 && (e = readdir(d)) != NULL) {
		if (!sbx_kind_check(e->d_name))
			continue;
		if (n < SBX_MAX_KINDS)
			strcpy(names[n++], e->d_name);
		else
			r = sbx_err_set(err, SBX_E_NO, "%s: more than %d plugins",
				dir, SBX_MAX_KINDS);
	}
	qsort(names, n, sizeof(*names), by_name);
	for (i = 0; i < n && r == 0; i++) {
		memset(&why, 0, sizeof(why));
		open_at(dirfd, names[i], &m, &why);
		r = fn(ctx, names[i], &m, &why);
		sbx_macro_close(&m);
	}
	closedir(d);
	close(dirfd);
	free(names);
	return r;
}

/* ---- parameters ---- */

static bool
value_ok(const struct sbx_param *p, const struct sbx_json *v)
{
	int64_t n;

	switch (p->type) {
	case SBX_PARAM_INT:
		return sbx_json_int(v, p->min, p->max, &n);
	case SBX_PARAM_BOOL:
		return v->type == SBX_JSON_BOOL;
	case SBX_PARAM_TEXT:
		return v->type == SBX_JSON_STRING &&
		       (int64_t)v->len >= p->min && (int64_t)v->len <= p->max &&
		       strspn(v->text, TEXT_CHARS) == v->len &&
		       v->text[0] != '-';
	}
	return false;
}

int
sbx_macro_params(const struct sbx_macro *m, const struct sbx_json *params,
	int *port, struct sbx_err *err)
{
	const struct sbx_param *p;
	const struct sbx_json *v;
	int64_t n = 0;
	size_t i;

	if (params->type != SBX_JSON_OBJECT)
		return sbx_err_set(
			err, SBX_E_USAGE, "parameters: not a JSON object");
	for (v = params->child; v != NULL; v = v->next) {
		p = param_find(m, v->key);
		if (p == NULL || strlen(p->name) != v->keylen)
			return sbx_err_set(err, SBX_E_NO,
				"%s: takes no such parameter as is given",
				m->kind);
		if (!value_ok(p, v))
			return sbx_err_set(err, SBX_E_NO,
				"%s: parameter %s: not what the plugin takes",
				m->kind, p->name);
	}
	for (i = 0; i < m->nparams; i++)
		if (m->params[i].required &&
			sbx_json_get(params, m->params[i].name) == NULL)
			return sbx_err_set(err, SBX_E_NO,
				"%s: parameter %s: missing", m->kind,
				m->params[i].name);
	if (!sbx_json_int(sbx_json_get(params, m->opens), 1, 65535, &n))
		return sbx_err_set(err, SBX_E_NO, "%s: no port", m->kind);
	*port = (int)n;
	return 0;
}
