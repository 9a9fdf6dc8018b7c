/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <time.h>
#include <unistd.h>

#include "base/base.h"

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

const char *
sbx_clock_boot_id(void)
{
	static char id[37];
	int fd;

	if (id[0] != '\0')
		return id;
	fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
	if (fd < 0 || read(fd, id, 36) != 36)
		id[0] = '\0';
	if (fd >= 0)
		close(fd);
	return id;
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

static int
month_days(int year, int month)
{
	static const int length[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30,
		31 };
	bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);

	return length[month] + (month == 1 && leap);
}

/* Since 1970.  Not timegm(3): it takes a lock that all threads share. */
static int64_t
days(int year, int month, int day)
{
	static const int before[] = { 0, 31, 59, 90, 120, 151, 181, 212, 243, 273,
		304, 334 };
	int last = year - (month < 2); /* the last year whose February counts */

	return (int64_t)(year - 1970) * 365 + (last / 4 - last / 100 + last / 400) -
		477 + before[month] + day - 1;
}

bool
sbx_time_parse(int64_t *us, const char *text, size_t len)
{
	const char *at = text, *end = text + len;
	struct tm tm = { 0 };
	int64_t frac, t;
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
	/* A leap second is no date here: nobody signs in it. */
	if (tm.tm_mon > 11 || tm.tm_mday < 1 ||
		tm.tm_mday > month_days(tm.tm_year + 1900, tm.tm_mon) ||
		tm.tm_hour > 23 || tm.tm_min > 59 || tm.tm_sec > 59)
		return false;
	t = days(tm.tm_year + 1900, tm.tm_mon, tm.tm_mday) * 86400 +
		tm.tm_hour * 3600 + tm.tm_min * 60 + tm.tm_sec;
	*us = (t - off) * US + frac;
	return true;
}

void
sbx_time_write(char out[static SBX_TIME_SIZE], int64_t us)
{
	int64_t part = us % US;
	time_t t = (time_t)(us / US);
	struct tm tm;

	if (part < 0) { /* before 1970: of the second that began before it */
		part += US;
		t--;
	}
	gmtime_r(&t, &tm);
	snprintf(out, SBX_TIME_SIZE, "%04u-%02u-%02uT%02u:%02u:%02u.%06u+00:00",
		(unsigned)(tm.tm_year + 1900) % 10000u,
		(unsigned)(tm.tm_mon + 1) % 100u, (unsigned)tm.tm_mday % 100u,
		(unsigned)tm.tm_hour % 100u, (unsigned)tm.tm_min % 100u,
		(unsigned)tm.tm_sec % 100u, (unsigned)part % 1000000u);
}

void
sbx_span_write(char out[static SBX_SPAN_SIZE], int64_t us)
{
	static const struct {
		const char *name;
		int64_t seconds;
	} units[] = { { "years", 31557600 }, { "days", 86400 }, { "h", 3600 },
		{ "min", 60 }, { "s", 1 } };
	int64_t s = (us < 0 ? -us : us) / US;
	size_t i = 0;

	/* Two of a unit at least, or the next smaller one. */
	while (i < 4 && s < 2 * units[i].seconds)
		i++;
	snprintf(out, SBX_SPAN_SIZE, "%lld %s",
		(long long)(s / units[i].seconds), units[i].name);
}
