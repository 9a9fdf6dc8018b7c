/* SPDX-License-Identifier: Apache-2.0 */
/* sbx.conf(5), read with libinih.  Strict: what is not understood is an error
 * with its line, since a misspelt limit is a limit that is not there. */
#include <errno.h>
#include <ini.h>
#include <stdlib.h>
#include <string.h>

#include "base/base.h"
#include "crypto/crypto.h"
#include "node/node.h"

/* inih cuts a longer line in two and a longer name short, without a word. */
#define MAX_LINE (INI_MAX_LINE - 2)

enum item_kind {
	ITEM_NAME,
	ITEM_PATH,
	ITEM_IFNAME,
	ITEM_NETWORK,
	ITEM_ENDPOINT,
	ITEM_HOST,
	ITEM_NAMES,
	ITEM_INT,
	ITEM_BOOL,
	ITEM_ROLE,
};

struct item {
	const char *section, *key;
	enum item_kind kind;
	size_t offset;
	int64_t min, max;
};

#define AT(field) offsetof(struct sbx_conf, field)

static const struct item items[] = {
	{ "node", "name", ITEM_NAME, AT(name), 0, 0 },
	{ "node", "state", ITEM_PATH, AT(dir), 0, 0 },
	{ "node", "key", ITEM_PATH, AT(key), 0, 0 },
	{ "mesh", "interface", ITEM_IFNAME, AT(mesh_if), 0, 0 },
	{ "mesh", "network", ITEM_NETWORK, AT(mesh_net), 0, 0 },
	{ "mesh", "port", ITEM_INT, AT(mesh_port), 1, 65535 },
	{ "mesh", "endpoint", ITEM_ENDPOINT, AT(mesh_endpoint), 0, 0 },
	{ "mesh", "ddns", ITEM_HOST, AT(mesh_ddns), 0, 0 },
	{ "mesh", "hubs", ITEM_NAMES, AT(mesh_hubs), 0, 0 },
	{ "mesh", "names", ITEM_BOOL, AT(mesh_names), 0, 0 },
	{ "mesh", "ipv6", ITEM_BOOL, AT(mesh_ipv6), 0, 0 },
	{ "mesh", "mtu", ITEM_INT, AT(mesh_mtu), 1280, 65535 },
	{ "mesh", "keepalive", ITEM_INT, AT(mesh_keepalive), 0, 65535 },
	{ "mesh", "wg_key", ITEM_PATH, AT(wg_key), 0, 0 },
	{ "publish", "www", ITEM_PATH, AT(www), 0, 0 },
	{ "publish", "port", ITEM_INT, AT(dir_port), 1, 65535 },
	{ "pull", "slot", ITEM_INT, AT(pull_slot), 1, 3600 },
	{ "pull", "stale", ITEM_INT, AT(pull_stale), SBX_MIN_STALE,
		SBX_MAX_STALE },
	{ "grant", "port", ITEM_INT, AT(grant_port), 1, 65535 },
	{ "grant", "ttl", ITEM_INT, AT(grant_ttl), SBX_MIN_TTL, SBX_MAX_TTL },
	{ "grant", "macros", ITEM_PATH, AT(macros), 0, 0 },
	{ "grant", "audit", ITEM_PATH, AT(audit), 0, 0 },
	{ "fleet", "interval", ITEM_INT, AT(fleet_interval), 1, 300 },
	{ "fleet", "role", ITEM_ROLE, AT(fleet_role), 0, 0 },
	{ "door", "port", ITEM_INT, AT(door_port), 1, 65535 },
	{ "door", "bundle", ITEM_PATH, AT(door_bundle), 0, 0 },
	{ "members", "accept_unproven", ITEM_BOOL, AT(accept_unproven), 0, 0 },
};

#define NITEMS (sizeof(items) / sizeof(items[0]))

/* One file being read. */
struct reader {
	struct sbx_conf *conf;
	const char *text; /* what is left of it */
	unsigned line;
	unsigned given[NITEMS]; /* the line of each item, 0: not given */
	char peer[64];		/* the last [peer NAME], */
	unsigned peerline;	/* and its line as long as it has no url */
	struct sbx_err *err;
	int failed;
};

/* ---- lines ---- */

static int SBX_PRINTF(3, 4)
	wrong_at(struct reader *rd, unsigned line, const char *fmt, ...)
{
	char text[200];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	rd->failed = sbx_err_set(rd->err, SBX_E_USAGE, "%s:%u: %s",
		rd->conf->file, line, text);
	return 0; /* libinih's word for failure */
}
#define wrong(rd, ...) wrong_at(rd, (rd)->line, __VA_ARGS__)

static bool
names_ok(const char *value)
{
	char one[SBX_DID_SIZE];
	size_t len;

	if (*value == '\0')
		return false;
	for (; *value != '\0'; value += len) {
		value += strspn(value, " \t");
		len = strcspn(value, " \t");
		if (len == 0 || len >= sizeof(one))
			return false;
		memcpy(one, value, len);
		one[len] = '\0';
		if (!sbx_did_check(one, len) && !sbx_name_check(one))
			return false;
	}
	return true;
}

static bool
role_ok(const char *value)
{
	return strcmp(value, "sentinel") == 0 ||
	       strcmp(value, "guardian") == 0 ||
	       strcmp(value, "fortress") == 0 || strcmp(value, "nexus") == 0;
}

static const char *
item_wants(const struct item *it, const char *value, int64_t *n)
{
	struct sbx_net net;

	switch (it->kind) {
	case ITEM_NAME:
		return sbx_name_check(value) ? NULL
				      : "not a name of letters, digits and -_.";
	case ITEM_PATH:
		return value[0] == '/' ? NULL : "not an absolute path";
	case ITEM_IFNAME:
		return sbx_if_check(value) ? NULL : "not an interface name";
	case ITEM_NETWORK:
		return sbx_net_parse(&net, value)
			       ? NULL
			       : "not an IPv4 network like 10.10.0.0/24";
	case ITEM_ENDPOINT:
		return sbx_endpoint_check(value)
			       ? sbx_endpoint_fault(value, NULL)
			       : "not ADDRESS:PORT with a numeric address";
	case ITEM_HOST:
		return sbx_host_check(value, NULL)
			       ? NULL
			       : "not a host's name, as HOST or HOST:PORT";
	case ITEM_NAMES:
		return names_ok(value) ? NULL : "not names of boxes or DIDs";
	case ITEM_INT:
		return sbx_num_parse(n, value, it->min, it->max)
			       ? NULL
			       : "not a number in range";
	case ITEM_BOOL:
		*n = strcmp(value, "yes") == 0;
		return *n != 0 || strcmp(value, "no") == 0 ? NULL
							  : "not yes or no";
	case ITEM_ROLE:
		return role_ok(value)
			       ? NULL
			       : "not sentinel, guardian, fortress or nexus";
	}
	return "not understood";
}

static int
take_item(struct reader *rd, size_t i, const char *value)
{
	const struct item *it = &items[i];
	char *field = (char *)rd->conf + it->offset;
	const char *why;
	int64_t n = 0;

	if (rd->given[i] != 0)
		return wrong(rd, "%s is given twice", it->key);
	rd->given[i] = rd->line;
	if ((why = item_wants(it, value, &n)) != NULL && it->kind == ITEM_INT)
		return wrong(rd, "%s: %.60s: %s (%lld to %lld)", it->key, value,
			why, (long long)it->min, (long long)it->max);
	if (why != NULL)
		return wrong(rd, "%s: %.60s: %s", it->key, value, why);
	if (it->kind == ITEM_BOOL) {
		*(bool *)(void *)field = n != 0;
	} else if (it->kind == ITEM_INT) {
		*(int *)(void *)field = (int)n;
	} else {
		free(*(char **)(void *)field);
		*(char **)(void *)field = sbx_mem_text(value, strlen(value));
	}
	return 1;
}

static int
take_peer(
	struct reader *rd, const char *name, const char *key, const char *value)
{
	struct sbx_conf *conf = rd->conf;
	struct sbx_conf_peer *peer;
	size_t len = strlen(value);

	if (!sbx_name_check(name))
		return wrong(rd,
			"peer %.40s: not a name of letters, digits "
			"and -_.",
			name);
	if (strcmp(key, "url") != 0)
		return wrong(rd, "%.40s: no such key in [peer]", key);
	for (size_t i = 0; i < conf->npeers; i++)
		if (strcmp(conf->peers[i].name, name) == 0)
			return wrong(rd, "peer %s is given twice", name);
	if (!sbx_url_check(value))
		return wrong(
			rd, "url: %.60s: not http(s)://HOST[:PORT]/", value);
	rd->peerline = 0;
	if (conf->npeers == SBX_MAX_PEERS)
		return wrong(rd, "more than %d peers", SBX_MAX_PEERS);
	conf->peers = sbx_mem_grow(
		conf->peers, conf->npeers + 1, sizeof(*conf->peers));
	peer = &conf->peers[conf->npeers++];
	peer->name = sbx_mem_text(name, strlen(name));
	/* With the final slash, so that a file's name can be put behind it. */
	peer->url = sbx_mem_alloc(len + 2, 1);
	snprintf(peer->url, len + 2, "%s%s", value,
		value[len - 1] == '/' ? "" : "/");
	return 1;
}

static bool
witness_ok(const char *text)
{
	struct sbx_vkey key;
	size_t len = strlen(text);

	return sbx_did_check(text, len) ||
	       (sbx_vkey_parse(&key, text, len, NULL) == 0 &&
		       key.type == SBX_NOTE_COSIGNATURE);
}

static int
take_witness(struct reader *rd, const char *name, const char *value)
{
	struct sbx_conf *conf = rd->conf;
	int64_t n;

	if (strcmp(name, "quorum") == 0) {
		if (conf->quorum != 0)
			return wrong(rd, "quorum is given twice");
		if (!sbx_num_parse(&n, value, 1, SBX_MAX_WITNESSES))
			return wrong(rd, "quorum: %.60s: not a number in range "
					 "(1 to %d)", value, SBX_MAX_WITNESSES);
		conf->quorum = (int)n;
		return 1;
	}
	if (!sbx_name_check(name))
		return wrong(rd, "witness %.40s: not a name of letters, digits "
				 "and -_.", name);
	/* One vote each, whatever it is called. */
	for (size_t i = 0; i < conf->nwitnesses; i++)
		if (strcmp(conf->witnesses[i].name, name) == 0 ||
			strcmp(conf->witnesses[i].who, value) == 0)
			return wrong(rd, "witness %s is given twice", name);
	if (!witness_ok(value))
		return wrong(rd, "%s: %.60s: neither a did nor a key for "
				 "cosignatures", name, value);
	if (conf->nwitnesses == SBX_MAX_WITNESSES)
		return wrong(rd, "more than %d witnesses", SBX_MAX_WITNESSES);
	conf->witnesses = sbx_mem_grow(conf->witnesses, conf->nwitnesses + 1,
		sizeof(*conf->witnesses));
	conf->witnesses[conf->nwitnesses++] = (struct sbx_conf_witness){
		sbx_mem_text(name, strlen(name)),
		sbx_mem_text(value, strlen(value)) };
	return 1;
}

/* libinih calls this for every key. */
static int
take_key(void *ctx, const char *section, const char *key, const char *value)
{
	struct reader *rd = ctx;
	bool known = false;

	if (rd->failed != 0)
		return 0;
	if (strncmp(section, "peer ", 5) == 0)
		return take_peer(rd, section + 5, key, value);
	if (strcmp(section, "witness") == 0)
		return take_witness(rd, key, value);
	for (size_t i = 0; i < NITEMS; i++) {
		if (strcmp(items[i].section, section) != 0)
			continue;
		known = true;
		if (strcmp(items[i].key, key) == 0)
			return take_item(rd, i, value);
	}
	if (known)
		return wrong(rd, "%.40s: no such key in [%s]", key, section);
	wrong(rd, "%.40s: a key before any [section]", key);
	sbx_err_hint(rd->err, "put its section before it, as [node] or [mesh]");
	return 0;
}

static bool
is_section(const char *name)
{
	for (size_t i = 0; i < NITEMS; i++)
		if (strcmp(items[i].section, name) == 0)
			return true;
	return strcmp(name, "witness") == 0 || strncmp(name, "peer ", 5) == 0;
}

/* libinih says nothing of a section without keys.  line: what begins one, or
 * "" at the end of the file. */
static void
begin_section(struct reader *rd, const char *line)
{
	size_t len = strcspn(line, "]");
	char name[64];

	if (rd->peerline != 0)
		wrong_at(rd, rd->peerline, "peer %s has no url", rd->peer);
	if (rd->failed != 0 || line[len] == '\0')
		return; /* not whole: libinih says so */
	snprintf(name, sizeof(name), "%.*s", (int)len - 1, line + 1);
	if (!is_section(name)) {
		wrong(rd, "[%.40s]: no such section", name);
	} else if (strncmp(name, "peer ", 5) == 0) {
		snprintf(rd->peer, sizeof(rd->peer), "%s", name + 5);
		rd->peerline = rd->line;
	}
}

/* libinih asks here for each line, as of fgets(3): so the count is ours, and a
 * line it would cut is refused. */
static char *
next_line(char *out, int size, void *ctx)
{
	struct reader *rd = ctx;
	size_t len = strcspn(rd->text, "\n"), skip;

	if (rd->failed == 0 && rd->text[0] == '\0')
		begin_section(rd, "");
	if (rd->failed != 0 || rd->text[0] == '\0')
		return NULL;
	rd->line++;
	if (len > MAX_LINE || len + 2 > (size_t)size) {
		wrong(rd, "longer than %d bytes", MAX_LINE);
		return NULL;
	}
	for (size_t i = 0; i < len; i++)
		if (((unsigned char)rd->text[i] < ' ' && rd->text[i] != '\t' &&
			    (rd->text[i] != '\r' || i + 1 < len)) ||
			rd->text[i] == 0x7f) {
			wrong(rd, "a control character");
			return NULL;
		}
	/* libinih takes an indented line for more of the one before. */
	skip = strspn(rd->text, " \t");
	memcpy(out, rd->text + skip, len - skip);
	out[len - skip] = '\n';
	out[len - skip + 1] = '\0';
	rd->text += len + (rd->text[len] == '\n' ? 1 : 0);
	if (out[0] == '[')
		begin_section(rd, out);
	return rd->failed == 0 ? out : NULL;
}

static unsigned
line_of(const struct reader *rd, size_t offset)
{
	for (size_t i = 0; i < NITEMS; i++)
		if (items[i].offset == offset)
			return rd->given[i];
	return 0;
}

/* What no line is wrong by itself for. */
static void
check_whole(struct reader *rd)
{
	const struct sbx_conf *conf = rd->conf;
	unsigned dir = line_of(rd, AT(dir_port));
	unsigned grant = line_of(rd, AT(grant_port));
	struct sbx_net net;
	const char *why;

	if (conf->dir_port == conf->grant_port && dir + grant > 0)
		wrong_at(rd, dir > grant ? dir : grant,
			"port: %d is the other server's: [publish] and [grant] "
			"need one each", conf->dir_port);
	if (conf->mesh_endpoint == NULL ||
		!sbx_net_parse(&net, conf->mesh_net != NULL ? conf->mesh_net
							    : SBX_MESH_NET))
		return;
	why = sbx_endpoint_fault(conf->mesh_endpoint, &net);
	if (why != NULL)
		wrong_at(rd, line_of(rd, AT(mesh_endpoint)),
			"endpoint: %.60s: %s", conf->mesh_endpoint, why);
}

/* ---- the file ---- */

int
sbx_conf_read(struct sbx_conf *conf, bool must, unsigned flags,
	struct sbx_err *err)
{
	struct sbx_buf text = SBX_BUF(SBX_MAX_CONF);
	struct reader rd = { .conf = conf, .err = err };
	int r, n;

	r = sbx_io_read(conf->file, flags, &text, err);
	if (r == SBX_E_SYS && errno == ENOENT && !must) {
		free(conf->file);
		conf->file = NULL;
		r = SBX_OK;
		if (err != NULL)
			memset(err, 0, sizeof(*err));
		goto out;
	}
	if (r != 0) {
		r = r == SBX_E_INPUT || errno == ENOENT ? SBX_E_USAGE : r;
		if (err != NULL)
			err->code = r;
		goto out;
	}
	rd.text = sbx_buf_text(&text);
	if (strlen(rd.text) != text.len) {
		r = sbx_err_set(err, SBX_E_USAGE, "%s: a NUL byte", conf->file);
		goto out;
	}
	n = ini_parse_stream(next_line, &rd, take_key, &rd);
	if (n == 0 && rd.failed == 0)
		check_whole(&rd);
	r = rd.failed;
	/* libinih goes on behind a line that it does not understand. */
	if (n != 0 && (r == 0 || (unsigned)n < rd.line))
		r = sbx_err_set(err, SBX_E_USAGE,
			"%s:%d: neither [section] nor key = value", conf->file,
			n);
	if (r == 0 && (size_t)conf->quorum > conf->nwitnesses)
		r = sbx_err_set(err, SBX_E_USAGE,
			"%s: quorum = %d of %zu witnesses", conf->file,
			conf->quorum, conf->nwitnesses);
	if (r == 0 && conf->quorum == 0 && conf->nwitnesses > 0)
		r = sbx_err_set(err, SBX_E_USAGE,
			"%s: witnesses, but no quorum", conf->file);
out:
	sbx_buf_free(&text);
	return r;
}
