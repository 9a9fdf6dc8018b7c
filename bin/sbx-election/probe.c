/* SPDX-License-Identifier: Apache-2.0 */
/* A TCP handshake as a sign of life: no program and no right is needed. */
#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "election.h"

/* The kernel sends a second SYN after a second. */
#define PROBE_TIME 2000

static bool
wait_for(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLOUT };
	socklen_t len = sizeof(int);
	int failed = 0;

	return poll(&p, 1, PROBE_TIME) == 1 &&
	       getsockopt(fd, SOL_SOCKET, SO_ERROR, &failed, &len) == 0 &&
	       (failed == 0 || failed == ECONNREFUSED);
}

bool
probe(const char *endpoint)
{
	struct sockaddr_in to = { .sin_family = AF_INET };
	const char *colon = strrchr(endpoint, ':');
	char ip[SBX_IP4_SIZE];
	int64_t port;
	bool yes;
	int fd;

	if (colon == NULL || (size_t)(colon - endpoint) >= sizeof(ip) ||
		!sbx_num_parse(&port, colon + 1, 1, 65535))
		return false;
	snprintf(ip, sizeof(ip), "%.*s", (int)(colon - endpoint), endpoint);
	to.sin_port = htons((uint16_t)port);
	if (inet_pton(AF_INET, ip, &to.sin_addr) != 1 ||
		(fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC |
				SOCK_NONBLOCK, 0)) < 0)
		return false;
	yes = connect(fd, (struct sockaddr *)&to, sizeof(to)) == 0 ||
		errno == ECONNREFUSED || (errno == EINPROGRESS && wait_for(fd));
	close(fd);
	return yes;
}
