/* SPDX-License-Identifier: Apache-2.0 */
/* Files under /run, where the fleet and the mesh meet. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fleet/fleet.h"

#define MAX_FILE (1u << 20)

/* ---- peers ---- */

static bool
read_peer(char *line, int64_t now, struct sbx_fleet_link *l)
{
	char *word[4], *save = NULL;
	int64_t then;

	for (int i = 0; i < 4; i++)
		if ((word[i] = strtok_r(i == 0 ? line : NULL, " ", &save)) ==
			NULL)
			return false;
	if (!sbx_did_check(word[0], strlen(word[0])) ||
		!sbx_num_parse(&then, word[1], 0, INT64_MAX / SBX_SECOND) ||
		!sbx_num_parse(&l->rx, word[2], 0, INT64_MAX) ||
		!sbx_num_parse(&l->tx, word[3], 0, INT64_MAX))
		return false;
	memcpy(l->did, word[0], sizeof(l->did));
	l->rx = l->rx > SBX_MAX_INT ? SBX_MAX_INT : l->rx;
	l->tx = l->tx > SBX_MAX_INT ? SBX_MAX_INT : l->tx;
	l->age = now / SBX_SECOND - then;
	if (l->age < 0) /* a clock was put back */
		l->age = 0;
	if (then == 0)
		l->age = -1;
	return true;
}

int
sbx_fleet_peers_read(const struct sbx_conf *conf, int64_t now,
	struct sbx_fleet_link **list, size_t *count, struct sbx_err *err)
{
	struct sbx_buf path = SBX_BUF(4096), text = SBX_BUF(MAX_FILE);
	char *line, *save = NULL;
	int r;

	*list = NULL;
	*count = 0;
	sbx_buf_fmt(&path, "%s/peers", conf->run);
	r = sbx_io_read(sbx_buf_text(&path), 0, &text, err);
	if (r == SBX_E_SYS && errno == ENOENT) {
		r = SBX_OK;
		if (err != NULL)
			memset(err, 0, sizeof(*err));
	}
	for (line = text.len > 0 ? strtok_r(text.data, "\n", &save) : NULL;
		line != NULL && r == SBX_OK;
		line = strtok_r(NULL, "\n", &save)) {
		*list = sbx_mem_grow(*list, *count + 1, sizeof(**list));
		if (read_peer(line, now, &(*list)[*count]))
			++*count;
		else
			r = sbx_err_set(err, SBX_E_INPUT,
				"%s: not \"DID HANDSHAKE RX TX\"",
				sbx_buf_text(&path));
	}
	sbx_buf_free(&path);
	sbx_buf_free(&text);
	return r;
}

/* ---- gate ---- */

static void
gate_path(const struct sbx_conf *conf, struct sbx_buf *path)
{
	sbx_buf_fmt(path, "%s/fleet/gate", conf->run);
}

int
sbx_fleet_gate_read(const struct sbx_conf *conf,
	char did[static SBX_DID_SIZE], int64_t *since, struct sbx_err *err)
{
	struct sbx_buf path = SBX_BUF(4096);
	struct sbx_buf text = SBX_BUF(SBX_DID_SIZE + SBX_TIME_SIZE + 2);
	const char *line;
	size_t len;
	int r;

	gate_path(conf, &path);
	r = sbx_io_read(sbx_buf_text(&path), 0, &text, err);
	if (r == SBX_E_SYS && errno == ENOENT) {
		r = sbx_err_set(err, SBX_E_NO, "this node follows no gate");
		sbx_err_hint(err, "sbx-election gate");
		goto out;
	}
	line = sbx_buf_text(&text);
	len = strcspn(line, "\n");
	if (r == SBX_OK && (len <= SBX_DID_SIZE ||
		!sbx_did_check(line, SBX_DID_SIZE - 1) ||
		line[SBX_DID_SIZE - 1] != ' ' ||
		!sbx_time_parse(since, line + SBX_DID_SIZE,
			len - SBX_DID_SIZE)))
		r = sbx_err_set(err, SBX_E_INPUT, "%s: not \"DID since\"",
			sbx_buf_text(&path));
	if (r == SBX_OK)
		snprintf(did, SBX_DID_SIZE, "%.*s", SBX_DID_SIZE - 1, line);
out:
	sbx_buf_free(&path);
	sbx_buf_free(&text);
	return r;
}

int
sbx_fleet_gate_write(const struct sbx_conf *conf, const char *did,
	int64_t since, struct sbx_err *err)
{
	char text[SBX_DID_SIZE + SBX_TIME_SIZE + 2], when[SBX_TIME_SIZE];
	struct sbx_buf path = SBX_BUF(4096);
	int r = SBX_OK;

	sbx_buf_fmt(&path, "%s/fleet", conf->run);
	if (did != NULL)
		r = sbx_io_mkdir(sbx_buf_text(&path), 0755, err);
	sbx_buf_clear(&path);
	gate_path(conf, &path);
	if (did == NULL) {
		if (unlink(sbx_buf_text(&path)) != 0 && errno != ENOENT)
			r = sbx_err_sys(err, "%s", sbx_buf_text(&path));
	} else if (r == SBX_OK) {
		sbx_time_write(when, since);
		snprintf(text, sizeof(text), "%s %s\n", did, when);
		r = sbx_io_save(sbx_buf_text(&path), text, strlen(text), 0644,
			0, err);
	}
	sbx_buf_free(&path);
	return r;
}
