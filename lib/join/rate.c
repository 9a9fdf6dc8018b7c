/* SPDX-License-Identifier: Apache-2.0 */
/* One file of a fixed size, so that no number of addresses fills a disk: each
 * address falls on a slot by its hash, and who shares one shares its minute. */
#include <arpa/inet.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "base/base.h"
#include "crypto/crypto.h"
#include "join/join.h"

#define SLOTS 4096
#define MINUTE (60 * SBX_SECOND)

struct slot {
	int64_t minute;
	uint32_t count, unused;
};

/* An IPv6 host has a /64 to itself, so that is what is counted. */
static off_t
slot_of(const char *address)
{
	unsigned char ip[16] = { 0 }, hash[SBX_HASH_BYTES];
	struct in6_addr six;
	struct in_addr four;

	if (inet_pton(AF_INET6, address, &six) == 1)
		memcpy(ip, &six, IN6_IS_ADDR_V4MAPPED(&six) ? 16 : 8);
	else if (inet_pton(AF_INET, address, &four) == 1)
		memcpy(ip, &four, sizeof(four));
	sbx_hash_b2(hash, ip, sizeof(ip));
	return (off_t)((hash[0] | hash[1] << 8) % SLOTS * (int)sizeof(struct slot));
}

int
sbx_rate_take(const char *path, const char *address, unsigned max, int64_t now,
	struct sbx_err *err)
{
	struct slot s = { 0 };
	off_t at = slot_of(address);
	int fd, r = SBX_OK;

	fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return sbx_err_sys(err, "%s", path);
	if (flock(fd, LOCK_EX) != 0 || pread(fd, &s, sizeof(s), at) < 0)
		r = sbx_err_sys(err, "%s", path);
	if (s.minute != now / MINUTE)
		s = (struct slot){ .minute = now / MINUTE };
	if (r == 0 && s.count >= max)
		r = sbx_err_set(err, SBX_E_NO,
			"%s: more than %u requests in a minute", address, max);
	s.count += r == 0;
	if (r == 0 && pwrite(fd, &s, sizeof(s), at) != (ssize_t)sizeof(s))
		r = sbx_err_sys(err, "%s", path);
	close(fd);
	return r;
}
