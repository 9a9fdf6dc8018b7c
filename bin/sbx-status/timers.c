/* SPDX-License-Identifier: Apache-2.0 */
/* What runs again and again, as systemd has it. */
#include <unistd.h>

#include "system/system.h"
#include "status.h"

/* Of those the package has; one that is not installed is no fault. */
static const char *const units[] = { "sbx-publish", "sbx-pull", "sbx-mesh-up",
	"sbx-macroctl-sync", "sbx-fsck", "sbx-expire" };
#define UNITS (sizeof(units) / sizeof(units[0]))

/* systemctl show: "Key=value" lines, a blank one between units. */
struct unit {
	char id[80], load[24], active[24], result[24];
};

static void
take(struct unit *u, const char *line)
{
	static const char *const keys[] = { "Id=", "LoadState=", "ActiveState=",
		"Result=" };
	char *const into[] = { u->id, u->load, u->active, u->result };
	const size_t room[] = { sizeof(u->id), sizeof(u->load),
		sizeof(u->active), sizeof(u->result) };

	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
		if (strncmp(line, keys[i], strlen(keys[i])) == 0)
			snprintf(into[i], room[i], "%s",
				line + strlen(keys[i]));
}

static bool
ends(const char *text, const char *with)
{
	size_t n = strlen(text), m = strlen(with);

	return n >= m && strcmp(text + n - m, with) == 0;
}

static void
check(struct sbx_status *s, const struct unit *u, int64_t *runs)
{
	char mend[160];

	if (strcmp(u->load, "loaded") != 0)
		return;
	if (ends(u->id, ".timer") && strcmp(u->active, "active") == 0) {
		++*runs;
	} else if (ends(u->id, ".timer")) {
		snprintf(mend, sizeof(mend), "sudo systemctl enable --now %s",
			u->id);
		sbx_status_line(s, SBX_STATUS_ATTENTION, mend, "%s is %s",
			u->id, u->active);
	} else if (strcmp(u->active, "failed") == 0) {
		snprintf(mend, sizeof(mend), "sudo journalctl -eu %s", u->id);
		sbx_status_line(s, SBX_STATUS_ATTENTION, mend,
			"%s failed: %s", u->id, u->result);
	}
}

int
part_timers(struct sbx_status *s, void *look, struct sbx_err *err)
{
	const char *argv[5 + 2 * UNITS] = { "/usr/bin/systemctl", "show",
		"-pId,LoadState,ActiveState,Result" };
	const struct sbx_run run = { .argv = argv };
	struct sbx_buf out = SBX_BUF(SBX_RUN_MAX);
	char names[2 * UNITS][48], *line, *next;
	struct unit u = { 0 };
	const struct look *l = look;
	int64_t runs = 0;
	size_t n = 3;
	int r;

	if (!l->system || access("/run/systemd/system", F_OK) != 0)
		return SBX_OK; /* whatever else runs them is not ours to know */
	for (size_t i = 0; i < 2 * UNITS; i++) {
		snprintf(names[i], sizeof(names[i]), "%s.%s", units[i / 2],
			i % 2 == 0 ? "timer" : "service");
		argv[n++] = names[i];
	}
	if ((r = sbx_run_ok(&run, &out, err)) == SBX_OK) {
		for (line = out.data; line != NULL; line = next) {
			next = strchr(line, '\n');
			if (next != NULL)
				*next++ = '\0';
			take(&u, line);
			if (line[0] != '\0' && next != NULL)
				continue;
			check(s, &u, &runs);
			u = (struct unit){ 0 };
		}
		sbx_status_figure(s, "timers", runs);
		sbx_status_line(s, SBX_STATUS_OK, NULL,
			"%lld timers run", (long long)runs);
	}
	sbx_buf_free(&out);
	return r;
}
