/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How an interface stands, as a text that can be kept and compared.  Where its
 * peers were heard is not in it, nor a private key.
 */
#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/base.h"
#include "system/system.h"
#include "directory/directory.h"
#include "mesh/mesh.h"

/* A machine may be without; then so is its node, and the others need not know. */
static bool
has_ipv6(void)
{
	char off = '\0';
	int fd = open("/proc/sys/net/ipv6/conf/default/disable_ipv6",
		O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return false;
	if (read(fd, &off, 1) != 1)
		off = '1';
	close(fd);
	return off == '0';
}

/* Of the interface, or of those to come: "default".  '\0': none can be read. */
static char
setting(const char *name, const char *what)
{
	char path[96], value = '\0';
	int fd;

	snprintf(path, sizeof(path), "/proc/sys/net/ipv4/conf/%s/%s", name,
		what);
	if ((fd = open(path, O_RDONLY | O_CLOEXEC)) < 0)
		return '\0';
	if (read(fd, &value, 1) != 1 || value < '0' || value > '1')
		value = '\0';
	close(fd);
	return value;
}

static int
by_addr(const void *a, const void *b)
{
	const struct sbx_nl_addr *x = a, *y = b;

	return strcmp(x->text, y->text);
}

static int
by_key(const void *a, const void *b)
{
	const struct sbx_wg_peer *x = a, *y = b;

	return memcmp(x->key, y->key, sizeof(x->key));
}

static void
add_addr(struct sbx_tunnel_state *s, const char *text)
{
	s->addrs = sbx_mem_grow(s->addrs, s->naddrs + 1, sizeof(*s->addrs));
	memset(&s->addrs[s->naddrs], 0, sizeof(*s->addrs));
	snprintf(s->addrs[s->naddrs++].text, sizeof(s->addrs->text), "%s", text);
}

static void
add_peer(struct sbx_tunnel_state *s, const struct sbx_wg_peer *p)
{
	s->peers = sbx_mem_grow(s->peers, s->npeers + 1, sizeof(*s->peers));
	s->peers[s->npeers] = *p;
	s->peers[s->npeers++].allowed =
		sbx_mem_text(p->allowed, strlen(p->allowed));
}

void
sbx_tunnel_want(const struct sbx_mesh *m,
	const unsigned char pub[static SBX_WG_KEY_BYTES],
	struct sbx_tunnel_state *s)
{
	struct sbx_net at = { m->me->addr, m->net.bits };
	char six[SBX_ULA_SIZE], text[SBX_NL_ADDR_SIZE];

	memset(s, 0, sizeof(*s));
	memcpy(s->pub, pub, sizeof(s->pub));
	s->port = m->port;
	s->mtu = m->mtu;
	s->up = true;
	s->forwarding = m->is_hub ? '1' : '\0';
	s->redirects = m->is_hub ? '0' : '\0';
	sbx_net_write(text, &at);
	add_addr(s, text);
	if (m->ula[0] != '\0' && has_ipv6()) {
		sbx_ula(six, m->founder, m->self);
		snprintf(text, sizeof(text), "%s/64", six);
		add_addr(s, text);
	}
	for (size_t i = 0; i < m->npeers; i++)
		add_peer(s, &m->peers[i]);
}

int
sbx_tunnel_state_read(
	const char *name, struct sbx_tunnel_state *s, struct sbx_err *err)
{
	struct sbx_link link = { 0 };
	struct sbx_wg wg = { 0 };
	int r;

	memset(s, 0, sizeof(*s));
	if ((r = sbx_tunnel_look(name, &link, &wg, err)) != SBX_OK ||
		(r = sbx_nl_addrs(link.index, &s->addrs, &s->naddrs, err)) != 0)
		goto out;
	memcpy(s->pub, wg.pub, sizeof(s->pub));
	s->port = wg.port;
	s->mtu = link.mtu;
	s->up = link.up;
	s->forwarding = setting(name, "forwarding");
	s->redirects = setting(name, "send_redirects");
	for (size_t i = 0; i < wg.npeers; i++)
		add_peer(s, &wg.peers[i]);
out:
	sbx_wg_free(&wg);
	return r;
}

void
sbx_tunnel_state_fill(struct sbx_tunnel_state *s, const char *name)
{
	struct sbx_link link;

	if (sbx_nl_link(name, &link, NULL) != SBX_OK)
		name = "default";
	if (s->forwarding == '\0')
		s->forwarding = setting(name, "forwarding");
	if (s->redirects == '\0')
		s->redirects = setting(name, "send_redirects");
}

void
sbx_tunnel_state_write(
	struct sbx_tunnel_state *s, bool peers, struct sbx_buf *out)
{
	char key[SBX_WGKEY_SIZE];

	if (s->naddrs > 0)
		qsort(s->addrs, s->naddrs, sizeof(*s->addrs), by_addr);
	if (s->npeers > 0)
		qsort(s->peers, s->npeers, sizeof(*s->peers), by_key);
	sbx_wgkey_write(key, s->pub);
	sbx_buf_fmt(out, "key %s\nport %d\nmtu %d\nup %d\n", key, s->port,
		s->mtu, s->up);
	if (s->forwarding != '\0')
		sbx_buf_fmt(out, "forwarding %c\n", s->forwarding);
	if (s->redirects != '\0')
		sbx_buf_fmt(out, "redirects %c\n", s->redirects);
	for (size_t i = 0; i < s->naddrs; i++)
		sbx_buf_fmt(out, "address %s\n", s->addrs[i].text);
	for (size_t i = 0; peers && i < s->npeers; i++) {
		sbx_wgkey_write(key, s->peers[i].key);
		sbx_buf_fmt(out, "peer %s %d %s\n", key,
			s->peers[i].keepalive, s->peers[i].allowed);
	}
}

/* ---- and back ---- */

static bool
take_peer(struct sbx_tunnel_state *s, char *text)
{
	char *save = NULL, *key = strtok_r(text, " ", &save);
	char *keepalive = strtok_r(NULL, " ", &save);
	struct sbx_wg_peer p = { .allowed = save };
	int64_t n;

	if (keepalive == NULL || !sbx_wgkey_parse(p.key, key, strlen(key)) ||
		!sbx_num_parse(&n, keepalive, 0, 65535))
		return false;
	p.keepalive = (int)n;
	add_peer(s, &p);
	return true;
}

static bool
take_line(struct sbx_tunnel_state *s, char *line)
{
	char *value = strchr(line, ' ');
	int64_t n = 0;

	if (value == NULL)
		return false;
	*value++ = '\0';
	if (strcmp(line, "peer") == 0)
		return take_peer(s, value);
	if (strcmp(line, "key") == 0)
		return sbx_wgkey_parse(s->pub, value, strlen(value));
	if (strcmp(line, "address") == 0) {
		add_addr(s, value);
		return true;
	}
	if (!sbx_num_parse(&n, value, 0, 65536))
		return false;
	if (strcmp(line, "port") == 0)
		s->port = (int)n;
	else if (strcmp(line, "mtu") == 0)
		s->mtu = (int)n;
	else if (strcmp(line, "up") == 0)
		s->up = n == 1;
	else if (strcmp(line, "forwarding") == 0)
		s->forwarding = value[0];
	else if (strcmp(line, "redirects") == 0)
		s->redirects = value[0];
	else
		return false;
	return true;
}

int
sbx_tunnel_state_parse(const char *text, size_t len,
	struct sbx_tunnel_state *s, struct sbx_err *err)
{
	char *copy = sbx_mem_text(text, len), *save = NULL, *line;
	bool good = true;

	memset(s, 0, sizeof(*s));
	for (line = strtok_r(copy, "\n", &save); good && line != NULL;
		line = strtok_r(NULL, "\n", &save))
		good = take_line(s, line);
	free(copy);
	if (good && s->port > 0 && s->mtu > 0)
		return SBX_OK;
	sbx_tunnel_state_free(s);
	return sbx_err_set(err, SBX_E_INPUT, "not how an interface stands");
}

void
sbx_tunnel_state_free(struct sbx_tunnel_state *s)
{
	if (s == NULL)
		return;
	for (size_t i = 0; i < s->npeers; i++)
		free(s->peers[i].allowed);
	free(s->peers);
	free(s->addrs);
	memset(s, 0, sizeof(*s));
}
