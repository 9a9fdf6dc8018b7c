/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/base.h"
#include "system/system.h"
#include "crypto/crypto.h"
#include "mesh/mesh.h"

#define WG       "/usr/bin/wg"
#define MAX_DUMP (4u << 20)
#define KEY_TEXT (SBX_WGKEY_SIZE - 1)

/* ---- the private key ---- */

void
sbx_wg_make(char text[static SBX_WGKEY_SIZE],
	unsigned char pub[static SBX_WG_KEY_BYTES])
{
	unsigned char raw[SBX_WG_KEY_BYTES];

	sbx_random(raw, sizeof(raw));
	raw[0] &= 248; /* RFC 7748, section 5; wg genkey does it too */
	raw[31] = (unsigned char)((raw[31] & 127) | 64);
	sbx_wgkey_write(text, raw);
	crypto_scalarmult_base(pub, raw);
	sodium_memzero(raw, sizeof(raw));
}

static int
make_key(const char *path, struct sbx_err *err)
{
	unsigned char pub[SBX_WG_KEY_BYTES];
	char text[SBX_WGKEY_SIZE + 1];
	int r;

	sbx_wg_make(text, pub);
	text[KEY_TEXT] = '\n';
	r = sbx_io_save(path, text, SBX_WGKEY_SIZE, 0600, SBX_IO_NEW, err);
	sodium_memzero(text, sizeof(text));
	return r;
}

static int
pub_of(const struct sbx_buf *text, unsigned char pub[static SBX_WG_KEY_BYTES],
	const char *path, struct sbx_err *err)
{
	unsigned char raw[SBX_WG_KEY_BYTES] = { 0 };
	size_t len = text->len;
	int r = SBX_OK;

	if (len > 0 && text->data[len - 1] == '\n')
		len--;
	if (!sbx_wgkey_parse(raw, sbx_buf_text(text), len) ||
		sodium_is_zero(raw, sizeof(raw)) ||
		crypto_scalarmult_base(pub, raw) != 0)
		r = sbx_err_set(err, SBX_E_USAGE,
			"%s: not a WireGuard private key", path);
	sodium_memzero(raw, sizeof(raw));
	return r;
}

int
sbx_wg_key(const char *path, bool new, struct sbx_buf *text,
	unsigned char pub[static SBX_WG_KEY_BYTES], struct sbx_err *err)
{
	struct sbx_buf own = SBX_BUF(KEY_TEXT + 1);
	unsigned flags = SBX_IO_SECRET | (geteuid() == 0 ? SBX_IO_ROOT : 0);
	int r;

	r = sbx_io_read(path, flags, &own, err);
	if (r == SBX_E_SYS && errno == ENOENT) {
		if (!new) {
			r = sbx_err_set(err, SBX_E_NO, "%s: no such key", path);
			goto out;
		}
		/* Made by somebody else just now is as good. */
		if ((r = make_key(path, err)) != SBX_OK && r != SBX_E_USAGE)
			goto out;
		r = sbx_io_read(path, flags, &own, err);
	}
	if (r == SBX_OK)
		r = pub_of(&own, pub, path, err);
	if (r == SBX_OK && text != NULL)
		sbx_buf_add(text, own.data, own.len);
out:
	sbx_buf_free(&own);
	return r;
}

/* ---- what the interface has ---- */

/* The next of the tab-separated fields of a line, NUL-terminated. */
static char *
field(char **at)
{
	char *start = *at;

	if (start == NULL)
		return NULL;
	*at = strchr(start, '\t');
	if (*at != NULL)
		*(*at)++ = '\0';
	return start;
}

static bool
counter(uint64_t *v, const char *text)
{
	char *end;

	if (text == NULL || strspn(text, "0123456789") != strlen(text) ||
		*text == '\0')
		return false;
	errno = 0;
	*v = strtoull(text, &end, 10);
	return errno == 0;
}

static bool
seconds(int *v, const char *text)
{
	int64_t n = 0;

	if (text == NULL || (strcmp(text, "off") != 0 &&
				    !sbx_num_parse(&n, text, 0, 65535)))
		return false;
	*v = (int)n;
	return true;
}

static int
by_text(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

char *
sbx_wg_allowed(const char *text)
{
	char *copy = sbx_mem_text(text, strlen(text)), *save = NULL, **all, *w;
	size_t n = 0, max = 1, at = 0, size = strlen(text) + 1;
	char *out = sbx_mem_alloc(size, 1);

	for (const char *c = text; *c != '\0'; c++)
		max += *c == ',';
	all = sbx_mem_alloc(max, sizeof(*all));
	for (w = strtok_r(copy, ",", &save); w != NULL;
		w = strtok_r(NULL, ",", &save))
		all[n++] = w;
	if (n > 1)
		qsort(all, n, sizeof(*all), by_text);
	for (size_t i = 0; i < n; i++)
		at += (size_t)snprintf(
			out + at, size - at, "%s%s", i > 0 ? "," : "", all[i]);
	free(all);
	free(copy);
	return out;
}

static bool
parse_peer(struct sbx_wg_peer *p, char *line)
{
	const char *key = field(&line), *psk = field(&line);
	const char *endpoint = field(&line), *allowed = field(&line);
	const char *handshake = field(&line);
	uint64_t when;

	if (allowed == NULL || psk == NULL ||
		!sbx_wgkey_parse(p->key, key, strlen(key)) ||
		!counter(&when, handshake) || when > INT64_MAX ||
		!counter(&p->rx, field(&line)) ||
		!counter(&p->tx, field(&line)) ||
		!seconds(&p->keepalive, field(&line)) || line != NULL)
		return false;
	if (strlen(endpoint) >= sizeof(p->endpoint))
		return false;
	if (strcmp(endpoint, "(none)") != 0)
		strcpy(p->endpoint, endpoint);
	if (strcmp(allowed, "(none)") == 0)
		allowed = "";
	p->allowed = sbx_wg_allowed(allowed);
	p->handshake = (int64_t)when;
	return true;
}

static bool
parse_self(struct sbx_wg *wg, char *line)
{
	const char *secret = field(&line), *pub = field(&line);
	int64_t port;

	if (pub == NULL || secret == NULL || line == NULL ||
		!sbx_num_parse(&port, field(&line), 0, 65535) || line == NULL)
		return false;
	wg->port = (int)port;
	if (strcmp(secret, "(none)") == 0)
		return true;
	return sbx_wgkey_parse(wg->pub, pub, strlen(pub));
}

int
sbx_wg_parse(
	const char *dump, size_t len, struct sbx_wg *wg, struct sbx_err *err)
{
	char *copy = sbx_mem_text(dump, len), *save = NULL, *line;
	struct sbx_wg new = { 0 };
	bool good;

	line = strtok_r(copy, "\n", &save);
	good = memchr(dump, '\0', len) == NULL && line != NULL &&
	       parse_self(&new, line);
	while (good && (line = strtok_r(NULL, "\n", &save)) != NULL) {
		new.peers = sbx_mem_grow(
			new.peers, new.npeers + 1, sizeof(*new.peers));
		memset(&new.peers[new.npeers], 0, sizeof(*new.peers));
		good = parse_peer(&new.peers[new.npeers++], line);
	}
	sodium_memzero(copy, len);
	free(copy);
	if (!good) {
		sbx_wg_free(&new);
		return sbx_err_set(
			err, SBX_E_SYS, "what wg shows is not understood");
	}
	*wg = new;
	return SBX_OK;
}

/* wg(8) says no by status 1: to an interface that is none of WireGuard's, or to
 * us.  All else is the machine's fault. */
static int
ask(const char *name, const char *what, struct sbx_buf *out,
	struct sbx_err *err)
{
	const char *const argv[] = { WG, "show", name, what, NULL };
	const struct sbx_run run = { .argv = argv, .max = MAX_DUMP };
	struct sbx_buf said = SBX_BUF(MAX_DUMP);
	int status, r;

	r = sbx_run(&run, &status, out, &said, err);
	if (r == SBX_OK && status != 0) {
		r = status == 1 && strstr(sbx_buf_text(&said),
			"not permitted") == NULL ? SBX_E_USAGE : SBX_E_SYS;
		sbx_err_set(err, r, "%s: ended with status %d on %s", WG,
			status, name);
	}
	sbx_buf_free(&said);
	return r;
}

int
sbx_wg_read(const char *name, struct sbx_wg *wg, struct sbx_err *err)
{
	struct sbx_buf out = SBX_BUF(MAX_DUMP);
	int r;

	if ((r = ask(name, "dump", &out, err)) == SBX_OK)
		r = sbx_wg_parse(sbx_buf_text(&out), out.len, wg, err);
	sbx_buf_free(&out);
	return r;
}

int
sbx_wg_private(const char *name, struct sbx_buf *text, struct sbx_err *err)
{
	struct sbx_buf out = SBX_BUF(KEY_TEXT + 1);
	int r;

	if ((r = ask(name, "private-key", &out, err)) == SBX_OK &&
		strcmp(sbx_buf_text(&out), "(none)\n") != 0)
		sbx_buf_add(text, out.data, out.len);
	sbx_buf_free(&out);
	return r;
}

void
sbx_wg_free(struct sbx_wg *wg)
{
	if (wg == NULL)
		return;
	for (size_t i = 0; i < wg->npeers; i++)
		free(wg->peers[i].allowed);
	free(wg->peers);
	memset(wg, 0, sizeof(*wg));
}

/* ---- what it is to have ---- */

static void
word(struct sbx_wg_set *set, const char *text)
{
	set->words =
		sbx_mem_grow(set->words, set->nwords + 1, sizeof(*set->words));
	set->words[set->nwords++] = sbx_mem_text(text, strlen(text));
}

static void
key_words(struct sbx_wg_set *set, const unsigned char *key)
{
	char text[SBX_WGKEY_SIZE];

	sbx_wgkey_write(text, key);
	word(set, "peer");
	word(set, text);
}

void
sbx_wg_set_peer(
	struct sbx_wg_set *set, const struct sbx_wg_peer *peer, bool endpoint)
{
	char number[16];

	key_words(set, peer->key);
	if (endpoint && peer->endpoint[0] != '\0') {
		word(set, "endpoint");
		word(set, peer->endpoint);
	}
	snprintf(number, sizeof(number), "%d", peer->keepalive);
	word(set, "persistent-keepalive");
	word(set, number);
	word(set, "allowed-ips");
	word(set, peer->allowed);
}

void
sbx_wg_set_remove(struct sbx_wg_set *set,
	const unsigned char key[static SBX_WG_KEY_BYTES])
{
	key_words(set, key);
	word(set, "remove");
}

char *
sbx_wg_set_text(const struct sbx_wg_set *set, size_t from)
{
	struct sbx_buf b = SBX_BUF(SIZE_MAX);

	sbx_buf_fmt(&b, "wg set %s", set->name);
	for (size_t i = from; i < set->nwords; i++)
		sbx_buf_fmt(&b, " %s", set->words[i][0] != '\0'
			? set->words[i] : "\"\"");
	return b.data;
}

int
sbx_wg_set(struct sbx_wg_set *set, struct sbx_err *err)
{
	const char **argv = sbx_mem_alloc(set->nwords + 8, sizeof(*argv));
	struct sbx_run run = { .argv = argv };
	char port[16];
	size_t n = 0;
	int r = SBX_OK;

	argv[n++] = WG;
	argv[n++] = "set";
	argv[n++] = set->name;
	if (set->port != 0) {
		snprintf(port, sizeof(port), "%d", set->port);
		argv[n++] = "listen-port";
		argv[n++] = port;
	}
	if (set->key != NULL) {
		/* By descriptor: argv is for everybody to read. */
		argv[n++] = "private-key";
		argv[n++] = "/dev/stdin";
		run.in = set->key->data;
		run.inlen = set->key->len;
	}
	for (size_t i = 0; i < set->nwords; i++)
		argv[n++] = set->words[i];
	if (n > 3)
		r = sbx_run_ok(&run, NULL, err);
	free(argv);
	return r;
}

void
sbx_wg_set_free(struct sbx_wg_set *set)
{
	if (set == NULL)
		return;
	for (size_t i = 0; i < set->nwords; i++)
		free(set->words[i]);
	free(set->words);
	set->words = NULL;
	set->nwords = 0;
}
