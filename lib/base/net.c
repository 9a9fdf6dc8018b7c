/* SPDX-License-Identifier: Apache-2.0 */
#include <arpa/inet.h>
#include <string.h>

#include "base/base.h"

#define LINK_LOCAL 0xa9fe /* 169.254/16, RFC 3927: each link's own */

bool
sbx_if_check(const char *name)
{
	static const char set[] = "abcdefghijklmnopqrstuvwxyz"
				  "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-";
	/* What sysctl(8) or people give another meaning. */
	static const char *const taken[] = { "all", "default", "lo", NULL };
	size_t len = strlen(name);

	if (len == 0 || len >= SBX_IF_SIZE || strspn(name, set) != len ||
		strchr(".-", name[0]) != NULL)
		return false;
	for (size_t i = 0; taken[i] != NULL; i++)
		if (strcmp(name, taken[i]) == 0)
			return false;
	return true;
}

bool
sbx_ip4_parse(uint32_t *addr, const char *text)
{
	char back[SBX_IP4_SIZE];
	struct in_addr in;

	if (inet_pton(AF_INET, text, &in) != 1)
		return false;
	sbx_ip4_write(back, ntohl(in.s_addr));
	if (strcmp(back, text) != 0)
		return false;
	*addr = ntohl(in.s_addr);
	return true;
}

void
sbx_ip4_write(char out[static SBX_IP4_SIZE], uint32_t addr)
{
	struct in_addr in = { htonl(addr) };

	inet_ntop(AF_INET, &in, out, SBX_IP4_SIZE);
}

static uint32_t
mask_of(int bits)
{
	return bits == 0 ? 0 : ~UINT32_C(0) << (32 - bits);
}

bool
sbx_net_parse(struct sbx_net *net, const char *text)
{
	const char *slash = strchr(text, '/');
	char ip[SBX_IP4_SIZE] = "";
	uint32_t addr, first;
	int64_t bits;

	if (slash == NULL || (size_t)(slash - text) >= sizeof(ip))
		return false;
	memcpy(ip, text, (size_t)(slash - text));
	if (!sbx_ip4_parse(&addr, ip) ||
		!sbx_num_parse(&bits, slash + 1, 8, 30))
		return false;
	first = addr >> 24;
	if ((addr & ~mask_of((int)bits)) != 0 || first == 0 || first == 127 ||
		first >= 224 || addr >> 16 == LINK_LOCAL)
		return false;
	net->addr = addr;
	net->bits = (int)bits;
	return true;
}

void
sbx_net_write(char out[static SBX_NET_SIZE], const struct sbx_net *net)
{
	char ip[SBX_IP4_SIZE];

	sbx_ip4_write(ip, net->addr);
	snprintf(out, SBX_NET_SIZE, "%s/%d", ip, net->bits);
}

bool
sbx_net_host(const struct sbx_net *net, uint32_t addr)
{
	uint32_t mask = mask_of(net->bits);

	return (addr & mask) == (net->addr & mask) && (addr & ~mask) != 0 &&
	       (addr & ~mask) != ~mask;
}

bool
sbx_net_overlap(const struct sbx_net *a, const struct sbx_net *b)
{
	uint32_t mask = mask_of(a->bits < b->bits ? a->bits : b->bits);

	return (a->addr & mask) == (b->addr & mask);
}

bool
sbx_ip_check(const char *text)
{
	unsigned char raw[sizeof(struct in6_addr)];
	char back[INET6_ADDRSTRLEN];

	if (strchr(text, ':') != NULL)
		return inet_pton(AF_INET6, text, raw) == 1 &&
			inet_ntop(AF_INET6, raw, back, sizeof(back)) != NULL &&
			strcmp(text, back) == 0;
	for (const char *c = text; *c != '\0'; c++)
		if (*c == '0' && (c == text || c[-1] == '.') && c[1] != '.' &&
			c[1] != '\0')
			return false; /* no octet begins with a zero more */
	return inet_pton(AF_INET, text, raw) == 1;
}

/* The address of a numeric endpoint, without its brackets. */
static bool
endpoint_ip(char ip[static INET6_ADDRSTRLEN], const char *text)
{
	const char *colon = strrchr(text, ':');
	bool six = text[0] == '[';
	int64_t port;
	size_t len;

	if (colon == NULL || !sbx_num_parse(&port, colon + 1, 1, 65535))
		return false;
	text += six;
	len = (size_t)(colon - text);
	if (six && (len < 1 || text[--len] != ']'))
		return false;
	if (len >= INET6_ADDRSTRLEN)
		return false;
	memcpy(ip, text, len);
	ip[len] = '\0';
	return six == (strchr(ip, ':') != NULL) && sbx_ip_check(ip);
}

bool
sbx_endpoint_check(const char *text)
{
	char ip[INET6_ADDRSTRLEN];

	return endpoint_ip(ip, text);
}

static const char *
fault4(uint32_t addr, const struct sbx_net *mesh)
{
	if (addr >> 24 == 0)
		return "the address of no host";
	if (addr >> 24 == 127)
		return "a loopback address";
	if (addr >> 28 == 0xe)
		return "a multicast address";
	if (addr >> 28 == 0xf) /* 240/4 is reserved, its last for broadcast */
		return "a broadcast address";
	if (mesh != NULL && (addr & mask_of(mesh->bits)) == mesh->addr)
		return "an address inside the mesh, which it is to carry";
	return NULL;
}

static const char *
fault6(const struct in6_addr *in)
{
	if (IN6_IS_ADDR_UNSPECIFIED(in))
		return "the address of no host";
	if (IN6_IS_ADDR_LOOPBACK(in))
		return "a loopback address";
	if (IN6_IS_ADDR_MULTICAST(in))
		return "a multicast address";
	if (IN6_IS_ADDR_LINKLOCAL(in))
		return "an address of one link only";
	if (IN6_IS_ADDR_V4MAPPED(in))
		return "an IPv4 address in IPv6's form";
	return NULL;
}

const char *
sbx_endpoint_fault(const char *text, const struct sbx_net *mesh)
{
	char ip[INET6_ADDRSTRLEN];
	struct in6_addr in6;
	struct in_addr in;

	if (!endpoint_ip(ip, text))
		return "not ADDRESS:PORT with a numeric address";
	if (inet_pton(AF_INET, ip, &in) == 1)
		return fault4(ntohl(in.s_addr), mesh);
	return inet_pton(AF_INET6, ip, &in6) == 1 ? fault6(&in6)
						  : "not an address";
}

bool
sbx_name_check(const char *text)
{
	static const char set[] = "abcdefghijklmnopqrstuvwxyz"
				  "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.";
	size_t len = strlen(text);

	return len > 0 && len <= SBX_MAX_BOXNAME && strspn(text, set) == len &&
	       strchr("-_.", text[0]) == NULL;
}

bool
sbx_name_from(char out[static SBX_MAX_BOXNAME + 1], const char *host)
{
	size_t n = 0;

	for (; *host != '\0' && *host != '.' && n < SBX_MAX_BOXNAME; host++) {
		out[n] = *host;
		out[n + 1] = '\0';
		if (sbx_name_check(out))
			n++;
		else if (n > 0 && out[n - 1] != '-')
			out[n++] = '-';
	}
	while (n > 0 && out[n - 1] == '-')
		n--;
	out[n] = '\0';
	return n > 0;
}

/* "", or a colon and a port, before the path. */
static bool
url_port(const char *text)
{
	size_t len = strcspn(text, "/");
	char port[8] = "";
	int64_t n;

	if (len == 0)
		return true;
	if (text[0] != ':' || len > sizeof(port))
		return false;
	memcpy(port, text + 1, len - 1);
	return sbx_num_parse(&n, port, 1, 65535);
}

/* http(s)://host[:port][/path]: no user, query or fragment. */
bool
sbx_url_check(const char *text)
{
	const char *host;
	size_t len = strlen(text);

	if (strncmp(text, "http://", 7) == 0)
		host = text + 7;
	else if (strncmp(text, "https://", 8) == 0)
		host = text + 8;
	else
		return false;
	if (len > 180 || strcspn(host, "/:") == 0 ||
		strpbrk(host, "@?#\\\"<>^`{|}") != NULL)
		return false;
	for (const char *c = host; *c != '\0'; c++)
		if (*c <= ' ' || *c > '~')
			return false;
	if (host[0] == '[')
		return strchr(host, ']') != NULL &&
			url_port(strchr(host, ']') + 1);
	return url_port(host + strcspn(host, "/:"));
}

bool
sbx_endpoint_ip(char ip[static SBX_IP_SIZE], const char *text)
{
	return endpoint_ip(ip, text);
}

bool
sbx_ip_private(const char *ip)
{
	struct in6_addr in6;
	struct in_addr in;
	uint32_t a;

	if (inet_pton(AF_INET6, ip, &in6) == 1)
		return (in6.s6_addr[0] & 0xfe) == 0xfc ||
			IN6_IS_ADDR_LINKLOCAL(&in6);
	if (inet_pton(AF_INET, ip, &in) != 1)
		return false;
	a = ntohl(in.s_addr);
	return a >> 24 == 10 || a >> 20 == 0xac1 || a >> 16 == 0xc0a8 ||
		a >> 22 == 0x191 || a >> 16 == LINK_LOCAL;
}

bool
sbx_ip_in(const char *ip, const char *net)
{
	const char *slash = strchr(net, '/');
	int family = strchr(ip, ':') != NULL ? AF_INET6 : AF_INET;
	unsigned char a[16], b[16];
	char base[SBX_IP_SIZE];
	int64_t bits;

	if (slash == NULL || (size_t)(slash - net) >= sizeof(base) ||
		!sbx_num_parse(&bits, slash + 1, 0, family == AF_INET ? 32 : 128))
		return false;
	memcpy(base, net, (size_t)(slash - net));
	base[slash - net] = '\0';
	if (inet_pton(family, ip, a) != 1 || inet_pton(family, base, b) != 1 ||
		memcmp(a, b, (size_t)bits / 8) != 0)
		return false;
	return bits % 8 == 0 ||
		(a[bits / 8] ^ b[bits / 8]) >> (8 - bits % 8) == 0;
}

bool
sbx_host_check(const char *text, int *port)
{
	static const char set[] = "abcdefghijklmnopqrstuvwxyz"
				  "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-.";
	size_t len = strcspn(text, ":"), dot = 0;
	int64_t n = 0;

	if (text[len] == ':' && !sbx_num_parse(&n, text + len + 1, 1, 65535))
		return false;
	if (len == 0 || len >= SBX_HOST_SIZE || strspn(text, set) != len)
		return false;
	/* RFC 1123, 2.1: labels of at most 63, not at an end of one a dash;
	 * the last is no number, or it would be an address. */
	for (size_t i = 0; i <= len; i++) {
		if (i < len && text[i] != '.')
			continue;
		if (i == dot || i - dot > 63 || text[dot] == '-' ||
			text[i - 1] == '-')
			return false;
		if (i == len && strspn(text + dot, "0123456789") >= i - dot)
			return false;
		dot = i + 1;
	}
	if (port != NULL)
		*port = (int)n;
	return true;
}

const char *
sbx_proto_name(int proto)
{
	return proto == IPPROTO_TCP ? "tcp" : "udp";
}
