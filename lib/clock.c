/* SPDX-License-Identifier: Apache-2.0 */
#include <time.h>

#include "sbx.h"

#define US INT64_C(1000000)

static int64_t frozen;

static int64_t
read_clock(clockid_t id)
{
	struct timespec ts;

	if (clock_gettime(id, &ts) != 0)
		return 0;
	return ts.tv_sec * US + ts.tv_nsec / 1000;
}

int64_t
sbx_clock_now(void)
{
	return frozen != 0 ? frozen : read_clock(CLOCK_REALTIME);
}

int64_t
sbx_clock_boot(void)
{
	return read_clock(CLOCK_BOOTTIME);
}

void
sbx_clock_set(int64_t us)
{
	frozen = us;
}

/* n decimal digits at *at, which moves on; -1 when they are not there. */
static int
digits(const char **at, const char *end, int n)
{
	int v = 0;

	if (end - *at < n)
		return -1;
	for (; n > 0; n--, (*at)++) {
		if (**at < '0' || **at > '9')
			return -1;
		v = v * 10 + (**at - '0');
	}
	return v;
}

static bool
letter(const char **at, const char *end, const char *either)
{
	if (*at == end || (**at != either[0] && **at != either[1]))
		return false;
	(*at)++;
	return true;
}

/* ".ddd", one digit or more; what is finer than a microsecond is cut off. */
static bool
fraction(const char **at, const char *end, int64_t *us)
{
	int64_t unit = US / 10;
	const char *start;

	*us = 0;
	if (*at == end || **at != '.')
		return true;
	start = ++*at;
	for (; *at < end && **at >= '0' && **at <= '9'; (*at)++, unit /= 10)
		*us += (**at - '0') * unit;
	return *at > start && *at - start <= 9;
}

static bool
offset(const char **at, const char *end, int *seconds)
{
	int sign, h, m;

	*seconds = 0;
	if (letter(at, end, "Zz"))
		return true;
	if (*at == end || (**at != '+' && **at != '-'))
		return false;
	sign = **at == '-' ? -1 : 1;
	(*at)++;
	h = digits(at, end, 2);
	if (!letter(at, end, "::"))
		return false;
	m = digits(at, end, 2);
	*seconds = sign * (h * 3600 + m * 60);
	return h >= 0 && h <= 23 && m >= 0 && m <= 59;
}

bool
sbx_time_parse(int64_t *us, const char *text, size_t len)
{
	const char *at = text, *end = text + len;
	struct tm tm = { 0 }, back;
	int64_t frac;
	time_t t;
	int off;

	tm.tm_year = digits(&at, end, 4) - 1900;
	if (tm.tm_year < 70 || !letter(&at, end, "--"))
		return false;
	tm.tm_mon = digits(&at, end, 2) - 1;
	if (tm.tm_mon < 0 || !letter(&at, end, "--"))
		return false;
	tm.tm_mday = digits(&at, end, 2);
	if (!letter(&at, end, "Tt"))
		return false;
	tm.tm_hour = digits(&at, end, 2);
	if (tm.tm_hour < 0 || !letter(&at, end, "::"))
		return false;
	tm.tm_min = digits(&at, end, 2);
	if (tm.tm_min < 0 || !letter(&at, end, "::"))
		return false;
	tm.tm_sec = digits(&at, end, 2);
	if (tm.tm_sec < 0 || !fraction(&at, end, &frac) ||
		!offset(&at, end, &off) || at != end)
		return false;
	/* timegm(3) mends what is out of range; a date it had to mend is none.
	 * A leap second is one of those: nobody signs in it. */
	back = tm;
	t = timegm(&back);
	if (back.tm_mday != tm.tm_mday || back.tm_mon != tm.tm_mon ||
		back.tm_hour != tm.tm_hour || back.tm_min != tm.tm_min ||
		back.tm_sec != tm.tm_sec)
		return false;
	*us = ((int64_t)t - off) * US + frac;
	return true;
}

void
sbx_time_write(char out[static SBX_TIME_SIZE], int64_t us)
{
	time_t t = (time_t)(us / US);
	struct tm tm;

	gmtime_r(&t, &tm);
	snprintf(out, SBX_TIME_SIZE, "%04u-%02u-%02uT%02u:%02u:%02u.%06u+00:00",
		(unsigned)(tm.tm_year + 1900) % 10000u,
		(unsigned)(tm.tm_mon + 1) % 100u, (unsigned)tm.tm_mday % 100u,
		(unsigned)tm.tm_hour % 100u, (unsigned)tm.tm_min % 100u,
		(unsigned)tm.tm_sec % 100u, (unsigned)(us % US) % 1000000u);
}
