/* SPDX-License-Identifier: Apache-2.0 */
/* Taking over an interface that was there before sbx: its key stays, its peers
 * stay until the directory knows them, no packet is lost.  And the way out: the
 * plan as a file for wg-quick(8). */
#include <errno.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/base.h"
#include "system/system.h"
#include "mesh/mesh.h"
#include "tool/tool.h"
#include "mesh-up.h"

#define MAX_FILE (1u << 20)
#define MAX_KEPT 1024

/* ---- peers kept for the time being ---- */

static char *
kept_path(const struct sbx_ctx *ctx)
{
	struct sbx_buf b = SBX_BUF(SIZE_MAX);

	sbx_buf_fmt(&b, "%s.adopted", ctx->conf.wg_key);
	return b.data;
}

static int
save_kept(struct sbx_ctx *ctx, const struct sbx_mesh *m)
{
	struct sbx_buf b = SBX_BUF(MAX_KEPT * SBX_WGKEY_SIZE);
	char text[SBX_WGKEY_SIZE], *path = kept_path(ctx);
	int r = SBX_OK;

	for (size_t i = 0; i < m->nkept; i++) {
		sbx_wgkey_write(text, m->kept[i]);
		sbx_buf_fmt(&b, "%s\n", text);
	}
	if (m->nkept > 0)
		r = sbx_io_save(path, b.data, b.len, 0600, 0, &ctx->err);
	else if (unlink(path) != 0 && errno != ENOENT)
		r = sbx_err_sys(&ctx->err, "%s", path);
	free(path);
	sbx_buf_free(&b);
	return r;
}

static void
keep(struct sbx_mesh *m, const unsigned char *key)
{
	m->kept = sbx_mem_grow(m->kept, m->nkept + 1, sizeof(*m->kept));
	memcpy(m->kept[m->nkept++], key, SBX_WG_KEY_BYTES);
}

/* A peer that a member claims is the directory's from then on, or it would stay
 * when that member is put out. */
int
meshup_kept(struct sbx_ctx *ctx, struct sbx_mesh *m, bool dry)
{
	unsigned flags = SBX_IO_SECRET | (geteuid() == 0 ? SBX_IO_ROOT : 0);
	struct sbx_buf text = SBX_BUF(MAX_KEPT * SBX_WGKEY_SIZE);
	char *path = kept_path(ctx), *line, *save = NULL;
	unsigned char key[SBX_WG_KEY_BYTES];
	bool less = false;
	int r;

	r = sbx_io_read(path, flags, &text, &ctx->err);
	if (r == SBX_E_SYS && errno == ENOENT) {
		memset(&ctx->err, 0, sizeof(ctx->err));
		r = SBX_OK;
	}
	for (line = text.len > 0 ? strtok_r(text.data, "\n", &save) : NULL;
		line != NULL && r == SBX_OK;
		line = strtok_r(NULL, "\n", &save)) {
		if (!sbx_wgkey_parse(key, line, strlen(line)))
			r = sbx_err_set(&ctx->err, SBX_E_USAGE,
				"%s: not a list of keys", path);
		else if (sbx_mesh_claims(m, NULL, key))
			less = true;
		else
			keep(m, key);
	}
	if (r == SBX_OK && less && !dry)
		r = save_kept(ctx, m);
	free(path);
	sbx_buf_free(&text);
	return r;
}

/* ---- a file of wg-quick(8)'s ---- */

static bool
is_word(const char *const *list, const char *word)
{
	for (; *list != NULL; list++)
		if (strcasecmp(*list, word) == 0)
			return true;
	return false;
}

/* One line of it; *peer: in a [Peer].  NULL, or what is wrong. */
static const char *
take_line(char *line, int *section, struct sbx_buf *key)
{
	static const char *const of_if[] = { "PrivateKey", "ListenPort",
		"FwMark", "Address", "DNS", "MTU", "Table", "PreUp", "PostUp",
		"PreDown", "PostDown", "SaveConfig", NULL };
	static const char *const of_peer[] = { "PublicKey", "PresharedKey",
		"AllowedIPs", "Endpoint", "PersistentKeepalive", NULL };
	unsigned char raw[SBX_WG_KEY_BYTES];
	char *value;
	size_t len;

	line[strcspn(line, "#")] = '\0';
	line += strspn(line, " \t");
	for (len = strlen(line); len > 0 && strchr(" \t", line[len - 1]);)
		line[--len] = '\0';
	if (len == 0)
		return NULL;
	if (line[0] == '[') {
		*section = strcasecmp(line, "[Interface]") == 0 ? 1
			: strcasecmp(line, "[Peer]") == 0	? 2 : 0;
		return *section != 0 ? NULL : "no such section";
	}
	if ((value = strchr(line, '=')) == NULL || *section == 0)
		return "not KEY = VALUE in a section";
	*value++ = '\0';
	line[strcspn(line, " \t")] = '\0';
	value += strspn(value, " \t");
	if (!is_word(*section == 1 ? of_if : of_peer, line))
		return "no such key";
	if (strcasecmp(line, "PrivateKey") != 0)
		return value[0] != '\0' ? NULL : "no value";
	if (key->len > 0)
		return "PrivateKey is given twice";
	if (!sbx_wgkey_parse(raw, value, strlen(value)) ||
		sodium_is_zero(raw, sizeof(raw)))
		return "not a WireGuard key";
	sodium_memzero(raw, sizeof(raw));
	sbx_buf_fmt(key, "%s\n", value);
	return NULL;
}

static int
read_file(const char *path, struct sbx_buf *key, struct sbx_err *err)
{
	unsigned flags = SBX_IO_SECRET | (geteuid() == 0 ? SBX_IO_ROOT : 0);
	struct sbx_buf text = SBX_BUF(MAX_FILE);
	int section = 0, number = 1, r;
	const char *why = NULL;
	char *line, *next;

	if ((r = sbx_io_read(path, flags, &text, err)) != SBX_OK)
		goto out;
	if (text.len == 0 || memchr(text.data, '\0', text.len) != NULL) {
		r = sbx_err_set(err, SBX_E_INPUT, "%s: not a text", path);
		goto out;
	}
	for (line = text.data; line != NULL && why == NULL; line = next) {
		if ((next = strchr(line, '\n')) != NULL)
			*next++ = '\0';
		if ((why = take_line(line, &section, key)) == NULL)
			number++;
	}
	if (why != NULL)
		r = sbx_err_set(
			err, SBX_E_INPUT, "%s:%d: %s", path, number, why);
	else if (key->len == 0)
		r = sbx_err_set(
			err, SBX_E_INPUT, "%s: no PrivateKey", path);
out:
	sbx_buf_free(&text);
	return r;
}

/* ---- adopt ---- */

/* The key that was there before, from the interface if it is up, else from its
 * file; SBX_E_NO when there is neither. */
static int
find_key(struct sbx_ctx *ctx, struct sbx_tunnel *t, struct sbx_buf *key)
{
	struct sbx_buf path = SBX_BUF(4096);
	int r;

	if ((r = sbx_tunnel_open(t, &ctx->err)) != SBX_OK)
		return r;
	if (ctx->argc > 0)
		return read_file(ctx->argv[0], key, &ctx->err);
	if (t->found)
		return sbx_wg_private(t->name, key, &ctx->err);
	sbx_buf_fmt(&path, "/etc/wireguard/%s.conf", t->name);
	if (access(sbx_buf_text(&path), F_OK) == 0)
		r = read_file(sbx_buf_text(&path), key, &ctx->err);
	sbx_buf_free(&path);
	return r;
}

/* Into the key file, if it is not there already. */
static int
take_key(struct sbx_ctx *ctx, const struct sbx_buf *key)
{
	struct sbx_buf have = SBX_BUF(SBX_WGKEY_SIZE);
	unsigned char pub[SBX_WG_KEY_BYTES];
	int r = sbx_wg_key(ctx->conf.wg_key, false, &have, pub, &ctx->err);

	if (r == SBX_OK && (have.len != key->len ||
				   sodium_memcmp(have.data, key->data,
					   key->len) != 0)) {
		r = sbx_err_set(&ctx->err, SBX_E_NO,
			"%s: there is another key already", ctx->conf.wg_key);
		sbx_err_hint(&ctx->err, "if it is not published: rm %s; "
			"sbx-mesh-up adopt", ctx->conf.wg_key);
	} else if (r == SBX_E_NO) {
		memset(&ctx->err, 0, sizeof(ctx->err));
		r = ctx->dry ? SBX_OK : sbx_io_save(ctx->conf.wg_key,
			key->data, key->len, 0600, SBX_IO_NEW, &ctx->err);
	}
	sbx_buf_free(&have);
	return r;
}

int
meshup_foreign(struct sbx_ctx *ctx)
{
	struct sbx_buf path = SBX_BUF(4096);
	struct sbx_link link = { 0 };
	bool there;

	sbx_buf_fmt(&path, "/etc/wireguard/%s.conf", ctx->conf.mesh_if);
	sbx_nl_link(ctx->conf.mesh_if, &link, NULL);
	there = access(ctx->conf.wg_key, F_OK) != 0 && !link.ours &&
		(link.index != 0 || access(sbx_buf_text(&path), F_OK) == 0);
	sbx_buf_free(&path);
	if (!there)
		return SBX_OK;
	sbx_err_set(&ctx->err, SBX_E_NO, "there is no key for this node, and a "
		"%s of before", ctx->conf.mesh_if);
	sbx_err_hint(&ctx->err, "sbx-mesh-up adopt, to keep it and its key");
	return SBX_E_NO;
}

int
meshup_adopt(struct sbx_ctx *ctx)
{
	struct sbx_buf key = SBX_BUF(SBX_WGKEY_SIZE);
	struct sbx_tunnel t = { .name = ctx->conf.mesh_if };
	struct sbx_mesh m = { 0 };
	int r;

	if ((r = find_key(ctx, &t, &key)) != SBX_OK)
		goto out;
	if (key.len == 0) {
		r = sbx_err_set(&ctx->err, SBX_E_NO, "there is nothing to "
			"adopt: neither %s nor /etc/wireguard/%s.conf", t.name,
			t.name);
		goto out;
	}
	if ((r = take_key(ctx, &key)) != SBX_OK ||
		(r = meshup_read(ctx, &m)) != SBX_OK)
		goto out;
	for (size_t i = 0; i < t.wg.npeers; i++)
		if (!sbx_mesh_claims(&m, NULL, t.wg.peers[i].key))
			keep(&m, t.wg.peers[i].key);
	if (!ctx->dry && (r = save_kept(ctx, &m)) == SBX_OK && t.found)
		r = sbx_nl_link_set(
			t.link.index, t.link.mtu, t.link.up, &ctx->err);
	if (r == SBX_OK)
		sbx_tool_say(ctx, "%s %s with its key; %zu peers stay until the "
				  "directory has them", ctx->dry ? "would adopt"
			: "adopted", t.found ? t.name : "its file", m.nkept);
	if (r == SBX_OK && t.found && t.wg.port != ctx->conf.mesh_port)
		sbx_tool_say(ctx, "it listens on port %d: to keep that, [mesh] "
				  "port=%d in sbx.conf", t.wg.port, t.wg.port);
out:
	sbx_mesh_free(&m);
	sbx_tunnel_free(&t);
	sbx_buf_free(&key);
	return r;
}

/* The IPv4 address that the interface has, so that a node that was adopted
 * publishes the one it is known by; 0 for none. */
uint32_t
meshup_address(const struct sbx_ctx *ctx, const unsigned char *pub)
{
	struct sbx_tunnel t = { .name = ctx->conf.mesh_if };
	struct sbx_nl_addr *list = NULL;
	size_t count = 0;
	uint32_t addr = 0;

	if (sbx_tunnel_open(&t, NULL) == SBX_OK && t.found &&
		memcmp(t.wg.pub, pub, SBX_WG_KEY_BYTES) == 0)
		sbx_nl_addrs(t.link.index, &list, &count, NULL);
	sbx_tunnel_free(&t);
	for (size_t i = 0; i < count && addr == 0; i++) {
		list[i].text[strcspn(list[i].text, "/")] = '\0';
		if (!sbx_ip4_parse(&addr, list[i].text))
			addr = 0;
	}
	free(list);
	return addr;
}

/* ---- render ---- */

/* The key is named, not shown. */
int
meshup_render(struct sbx_ctx *ctx, const struct sbx_mesh *m)
{
	struct sbx_buf b = SBX_BUF(MAX_FILE);
	struct sbx_net at = { m->me->addr, m->net.bits };
	char net[SBX_NET_SIZE], six[SBX_ULA_SIZE], key[SBX_WGKEY_SIZE];
	const struct sbx_wg_peer *p;

	sbx_net_write(net, &at);
	sbx_buf_fmt(&b, "[Interface]\nAddress = %s", net);
	if (m->ula[0] != '\0') {
		sbx_ula(six, m->founder, m->self);
		sbx_buf_fmt(&b, ", %s/64", six);
	}
	sbx_buf_fmt(&b, "\nListenPort = %d\nMTU = %d\nTable = off\n"
		"PostUp = wg set %%i private-key %s\n", m->port, m->mtu,
		ctx->conf.wg_key);
	for (size_t i = 0; i < m->npeers; i++) {
		p = &m->peers[i];
		sbx_wgkey_write(key, p->key);
		sbx_buf_fmt(&b, "\n[Peer]\n# %s\nPublicKey = %s\n",
			sbx_mesh_called(m, p->key), key);
		if (p->allowed[0] != '\0')
			sbx_buf_fmt(&b, "AllowedIPs = %s\n", p->allowed);
		if (p->endpoint[0] != '\0')
			sbx_buf_fmt(&b, "Endpoint = %s\n", p->endpoint);
		if (p->keepalive != 0)
			sbx_buf_fmt(&b, "PersistentKeepalive = %d\n",
				p->keepalive);
	}
	for (char *line = b.data, *next; line != NULL; line = next) {
		if ((next = strchr(line, '\n')) != NULL)
			*next++ = '\0';
		if (next != NULL || line[0] != '\0')
			sbx_tool_out(ctx, "%s", line);
	}
	sbx_buf_free(&b);
	return SBX_OK;
}
