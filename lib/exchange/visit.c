/* SPDX-License-Identifier: Apache-2.0 */
/* One file of what another node publishes, by the network or on a stick. */
#include <errno.h>
#include <string.h>
#include <strings.h>

#include "base/base.h"
#include "system/system.h"
#include "crypto/crypto.h"
#include "exchange/follow.h"

/* A network that wants a login first answers anything with its own page. */
static bool
web_page(const struct sbx_buf *b)
{
	static const char *const begins[] = { "<!doctype", "<html", "<?xml" };
	const char *text = sbx_buf_text(b);

	text += strspn(text, " \t\r\n");
	for (size_t i = 0; i < sizeof(begins) / sizeof(begins[0]); i++)
		if (strncasecmp(text, begins[i], strlen(begins[i])) == 0)
			return true;
	return false;
}

static int
by_url(const char *url, int64_t until, struct sbx_buf *out, char *etag,
	int *status, struct sbx_err *err)
{
	struct sbx_fetch f = {
		.url = url, .max = out->max, .etag = etag, .ok_only = true
	};
	int64_t left = until - sbx_clock_boot();
	int r;

	if (until != 0 && left < 1000)
		return sbx_err_set(err, SBX_E_SYS, "too slow, given up");
	f.timeout = until != 0 ? (int)(left / 1000) : 0;
	if ((r = sbx_fetch(&f, status, out, etag, err)) != 0)
		return r;
	if (*status != 200 && *status != 304 && *status != 404)
		return sbx_err_set(
			err, SBX_E_SYS, "%.200s: status %d", url, *status);
	if (*status == 200 && web_page(out)) {
		sbx_err_set(err, SBX_E_INPUT, "%.200s: a web page, not a log",
			url);
		sbx_err_hint(err, "does the network want a login first?  "
			"else the address is another's");
		return SBX_E_INPUT;
	}
	return SBX_OK;
}

int
sbx_visit(const char *base, const char *name, int64_t until,
	struct sbx_buf *out, char *etag, int *status, struct sbx_err *err)
{
	size_t len = strlen(base);
	struct sbx_buf path = SBX_BUF(4096);
	int r;

	sbx_buf_clear(out);
	sbx_buf_fmt(&path, "%s%s%s", base,
		len > 0 && base[len - 1] == '/' ? "" : "/", name);
	*status = 200;
	if (path.over) {
		r = sbx_err_set(err, SBX_E_USAGE, "the address is too long");
	} else if (strstr(base, "://") != NULL) {
		r = by_url(path.data, until, out, etag, status, err);
	} else {
		r = sbx_io_read(path.data, 0, out, err);
		if (r == SBX_E_SYS && errno == ENOENT) {
			*status = 404;
			r = SBX_OK;
		}
	}
	sbx_buf_free(&path);
	return r;
}

/* A tile may have grown full since its head was signed, and a cache may have
 * kept that the partial one is not there. */
int
sbx_visit_tile(const char *base, const struct sbx_tile *t, int64_t until,
	struct sbx_buf *out, struct sbx_err *err)
{
	struct sbx_tile full = { t->level, t->n, SBX_TILE_WIDTH };
	char path[SBX_TILE_PATH];
	int status, r;

	sbx_tile_path(t, path);
	r = sbx_visit(base, path, until, out, NULL, &status, err);
	if (r == 0 && status == 404 && t->width < SBX_TILE_WIDTH) {
		sbx_tile_path(&full, path);
		r = sbx_visit(base, path, until, out, NULL, &status, err);
	}
	if (r == 0 && status != 200)
		r = sbx_err_set(err, SBX_E_INPUT, "%s is missing", path);
	return r;
}
