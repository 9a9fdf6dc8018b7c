/* SPDX-License-Identifier: Apache-2.0 */
/* This machine: proc(5), sysfs(5), statvfs(3). */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "fleet/fleet.h"

#define MAX_TEXT 65536
#define MIN_SAMPLE SBX_SECOND

static int
slurp(const char *root, const char *path, struct sbx_buf *text,
	struct sbx_err *err)
{
	struct sbx_buf at = SBX_BUF(4096);
	int r;

	sbx_buf_fmt(&at, "%s%s", root, path);
	sbx_buf_clear(text);
	r = sbx_io_read(sbx_buf_text(&at), 0, text, err);
	sbx_buf_free(&at);
	return r;
}

static int
percent(uint64_t part, uint64_t whole)
{
	return whole == 0 || part > whole ? 0 : (int)(part * 100 / whole);
}

/* ---- the processor ---- */

struct sample {
	int64_t at; /* sbx_clock_boot() */
	uint64_t busy, total;
};

/* "cpu user nice system idle iowait irq softirq steal ...": guest is part of
 * user. */
static int
read_sample(const char *root, struct sample *s, struct sbx_err *err)
{
	struct sbx_buf text = SBX_BUF(MAX_TEXT);
	uint64_t v[8] = { 0 };
	int r;

	if ((r = slurp(root, "/proc/stat", &text, err)) != 0)
		goto out;
	if (sscanf(sbx_buf_text(&text),
		    "cpu %" SCNu64 " %" SCNu64 " %" SCNu64 " %" SCNu64
		    " %" SCNu64 " %" SCNu64 " %" SCNu64 " %" SCNu64,
		    &v[0], &v[1], &v[2], &v[3], &v[4], &v[5], &v[6],
		    &v[7]) < 4) {
		r = sbx_err_set(err, SBX_E_SYS, "/proc/stat: no times");
		goto out;
	}
	*s = (struct sample){ .at = sbx_clock_boot() };
	for (int i = 0; i < 8; i++)
		s->total += v[i];
	s->busy = s->total - v[3] - v[4];
out:
	sbx_buf_free(&text);
	return r;
}

/* The sample before, of this boot; else the one that every boot begins with. */
static void
load_sample(const char *path, const struct sample *now, struct sample *s)
{
	struct sbx_buf text = SBX_BUF(256);
	char boot[64];

	*s = (struct sample){ 0 };
	if (sbx_io_read(path, 0, &text, NULL) != 0 ||
		sscanf(sbx_buf_text(&text),
			"%63s %" SCNd64 " %" SCNu64 " %" SCNu64, boot, &s->at,
			&s->busy, &s->total) != 4 ||
		strcmp(boot, sbx_clock_boot_id()) != 0 || s->at > now->at ||
		s->total > now->total || s->busy > now->busy)
		*s = (struct sample){ 0 };
	sbx_buf_free(&text);
}

static int
save_sample(const char *path, const struct sample *s, struct sbx_err *err)
{
	struct sbx_buf text = SBX_BUF(256);
	int r;

	sbx_buf_fmt(&text, "%s %lld %llu %llu\n", sbx_clock_boot_id(),
		(long long)s->at, (unsigned long long)s->busy,
		(unsigned long long)s->total);
	r = sbx_io_save(path, text.data, text.len, 0644, 0, err);
	sbx_buf_free(&text);
	return r;
}

static int
measure_cpu(const char *root, const char *kept, int64_t *cpu,
	struct sbx_err *err)
{
	struct sample was, now;
	int64_t age;
	int r;

	if ((r = read_sample(root, &now, err)) != 0)
		return r;
	was = (struct sample){ 0 };
	if (kept != NULL)
		load_sample(kept, &now, &was);
	age = now.at - was.at;
	if (age < MIN_SAMPLE) {
		usleep((useconds_t)(MIN_SAMPLE - age));
		if ((r = read_sample(root, &now, err)) != 0)
			return r;
	}
	*cpu = percent(now.busy - was.busy, now.total - was.total);
	return kept != NULL ? save_sample(kept, &now, err) : SBX_OK;
}

/* ---- the rest ---- */

static bool
line_value(const char *text, const char *key, uint64_t *value)
{
	const char *at = strstr(text, key);

	return at != NULL && sscanf(at + strlen(key), "%" SCNu64, value) == 1;
}

static int
measure_memory(const char *root, struct sbx_fleet_load *l, struct sbx_err *err)
{
	struct sbx_buf text = SBX_BUF(MAX_TEXT);
	uint64_t total, free;
	int r;

	if ((r = slurp(root, "/proc/meminfo", &text, err)) != 0)
		goto out;
	if (!line_value(sbx_buf_text(&text), "MemTotal:", &total) ||
		!line_value(text.data, "MemAvailable:", &free) || free > total)
		r = sbx_err_set(err, SBX_E_SYS, "/proc/meminfo: no sizes");
	else {
		l->memory = total * 1024;
		l->mem = percent(total - free, total);
	}
out:
	sbx_buf_free(&text);
	return r;
}

static int
measure_times(const char *root, struct sbx_fleet_load *l, struct sbx_err *err)
{
	struct sbx_buf text = SBX_BUF(MAX_TEXT);
	unsigned whole, part;
	uint64_t up;
	int r;

	if ((r = slurp(root, "/proc/uptime", &text, err)) != 0)
		goto out;
	if (sscanf(sbx_buf_text(&text), "%" SCNu64, &up) != 1) {
		r = sbx_err_set(err, SBX_E_SYS, "/proc/uptime: no number");
		goto out;
	}
	l->uptime = (int64_t)up;
	if ((r = slurp(root, "/proc/loadavg", &text, err)) != 0)
		goto out;
	if (sscanf(sbx_buf_text(&text), "%u.%2u", &whole, &part) != 2)
		r = sbx_err_set(err, SBX_E_SYS, "/proc/loadavg: no number");
	else
		l->load1 = (int64_t)whole * 100 + part;
out:
	sbx_buf_free(&text);
	return r;
}

/* Not every machine tells. */
static void
measure_temp(const char *root, struct sbx_fleet_load *l)
{
	struct sbx_buf text = SBX_BUF(64);
	int64_t milli;

	l->has_temp = slurp(root, "/sys/class/thermal/thermal_zone0/temp",
			      &text, NULL) == 0 &&
		sscanf(sbx_buf_text(&text), "%" SCNd64, &milli) == 1 &&
		milli >= -100000 && milli <= 200000;
	l->temp = l->has_temp ? milli / 1000 : 0;
	sbx_buf_free(&text);
}

int
sbx_fleet_measure(const char *root, const char *dir, const char *kept,
	struct sbx_fleet_load *l, struct sbx_err *err)
{
	struct statvfs fs;
	int r;

	memset(l, 0, sizeof(*l));
	if ((r = measure_times(root, l, err)) != 0 ||
		(r = measure_memory(root, l, err)) != 0 ||
		(r = measure_cpu(root, kept, &l->cpu, err)) != 0)
		return r;
	if (statvfs(dir, &fs) != 0)
		return sbx_err_sys(err, "%s", dir);
	l->disk = percent(fs.f_blocks - fs.f_bfree,
		fs.f_blocks - fs.f_bfree + fs.f_bavail);
	measure_temp(root, l);
	return SBX_OK;
}
