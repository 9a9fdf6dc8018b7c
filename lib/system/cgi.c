/* SPDX-License-Identifier: Apache-2.0 */
#include <arpa/inet.h>
#include <string.h>

#include "base/base.h"
#include "system/system.h"

static int
refuse(int *http, int status, struct sbx_err *err, const char *why)
{
	*http = status;
	return sbx_err_set(err, SBX_E_INPUT, "%s", why);
}

/* Digits alone: a sign, a blank, a list or a fraction is another request. */
static int
check_length(struct sbx_cgi *cgi, int *http, struct sbx_err *err)
{
	const char *c = cgi->length;
	size_t n = 0;

	if (c == NULL || *c == '\0')
		return refuse(http, 400, err, "no content length");
	for (; *c != '\0'; c++) {
		if (*c < '0' || *c > '9')
			return refuse(http, 400, err, "bad content length");
		if (n <= SBX_MAX_LINE)
			n = n * 10 + (size_t)(*c - '0');
	}
	if (n > SBX_MAX_LINE)
		return refuse(http, 413, err, "body too long");
	if (n == 0)
		return refuse(http, 400, err, "empty body");
	cgi->bodylen = n;
	return 0;
}

/* The server has undone %67, // and the like by now; nobody needs them. */
static bool
as_written(const struct sbx_cgi *cgi)
{
	const char *script = cgi->script != NULL ? cgi->script : "";
	const char *path = cgi->path != NULL ? cgi->path : "";
	size_t n = strlen(script);

	return cgi->target == NULL || (strncmp(cgi->target, script, n) == 0 &&
		strcmp(cgi->target + n, path) == 0);
}

int
sbx_cgi_check(struct sbx_cgi *cgi, int *http, struct sbx_err *err)
{
	unsigned char id[SBX_HASH_BYTES];

	if (cgi->method != NULL && strcmp(cgi->method, "POST") == 0)
		cgi->post = true;
	else if (cgi->method != NULL && strcmp(cgi->method, "GET") == 0)
		cgi->post = false;
	else
		return refuse(http, 400, err, "bad method");
	/* Of two spellings one peer would be two. */
	if (cgi->address == NULL || !sbx_ip_check(cgi->address))
		return refuse(http, 400, err, "bad remote address");
	if (cgi->query != NULL && cgi->query[0] != '\0')
		return refuse(http, 400, err, "a query");
	if (!as_written(cgi))
		return refuse(http, 400, err, "the path is spelt otherwise");
	if (cgi->path == NULL || cgi->path[0] != '/' ||
		!sbx_hex_parse(
			id, sizeof(id), cgi->path + 1, strlen(cgi->path + 1)))
		return refuse(http, 404, err, "no such path");
	memcpy(cgi->service, cgi->path + 1, sizeof(cgi->service));
	cgi->bodylen = 0;
	return cgi->post ? check_length(cgi, http, err) : 0;
}
