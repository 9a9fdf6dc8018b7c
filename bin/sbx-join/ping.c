/* SPDX-License-Identifier: Apache-2.0 */
/* RFC 792's echo, since a small system has no ping(8). */
#include <arpa/inet.h>
#include <netinet/ip_icmp.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/base.h"
#include "sbx-join.h"

#define EACH_MS 500 /* between two of them */

static uint16_t
checksum(const void *data, size_t len)
{
	const unsigned char *p = data;
	uint32_t sum = 0;

	for (size_t i = 0; i + 1 < len; i += 2)
		sum += (uint32_t)p[i] << 8 | p[i + 1];
	while (sum >> 16 != 0)
		sum = (sum & 0xffff) + (sum >> 16);
	return htons((uint16_t)~sum);
}

/* Of all that comes in at such a socket, the answer to ours. */
static bool
answered(int fd, uint16_t id, const struct sockaddr_in *to, int64_t until)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };
	unsigned char in[512];
	struct sockaddr_in from;
	struct icmphdr h;
	socklen_t len;
	ssize_t n;
	size_t head;
	int left;

	for (;;) {
		left = (int)((until - sbx_clock_boot()) / 1000);
		if (left <= 0 || poll(&p, 1, left) != 1)
			return false;
		len = sizeof(from);
		n = recvfrom(fd, in, sizeof(in), 0, (void *)&from, &len);
		head = n > 0 ? (size_t)(in[0] & 15) * 4 : 0;
		if (n < 0 || (size_t)n < head + sizeof(h))
			continue;
		memcpy(&h, in + head, sizeof(h));
		if (h.type == ICMP_ECHOREPLY && h.un.echo.id == id &&
			from.sin_addr.s_addr == to->sin_addr.s_addr)
			return true;
	}
}

bool
ping(const char *ip, int ms)
{
	struct sockaddr_in to = { .sin_family = AF_INET };
	struct icmphdr h = { .type = ICMP_ECHO };
	int64_t until = sbx_clock_boot() + ms * (SBX_SECOND / 1000), next;
	bool yes = false;
	int fd;

	if (inet_pton(AF_INET, ip, &to.sin_addr) != 1 ||
		(fd = socket(AF_INET, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_ICMP)) < 0)
		return false;
	sbx_random(&h.un.echo.id, sizeof(h.un.echo.id));
	for (uint16_t i = 1; !yes && sbx_clock_boot() < until; i++) {
		h.un.echo.sequence = htons(i);
		h.checksum = 0;
		h.checksum = checksum(&h, sizeof(h));
		next = sbx_clock_boot() + EACH_MS * (SBX_SECOND / 1000);
		if (sendto(fd, &h, sizeof(h), 0, (const void *)&to, sizeof(to)) < 0)
			usleep(EACH_MS * 1000);
		else
			yes = answered(fd, h.un.echo.id, &to, next);
	}
	close(fd);
	return yes;
}
