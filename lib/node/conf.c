/* SPDX-License-Identifier: Apache-2.0 */
/* sbx.conf(5), read with libinih.  Strict: what is not understood is an error
 * with its line, since a misspelt limit is a limit that is not there. */
#include <errno.h>
#include <ini.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "sbx.h"

/* inih cuts a longer line in two and a longer name short, without a word. */
#define MAX_LINE (INI_MAX_LINE - 2)

enum item_kind {
	ITEM_NAME,
	ITEM_PATH,
	ITEM_IFNAME,
	ITEM_NETWORK,
	ITEM_ENDPOINT,
	ITEM_INT,
	ITEM_BOOL,
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
	{ "members", "accept_unproven", ITEM_BOOL, AT(accept_unproven), 0, 0 },
};

#define NITEMS (sizeof(items) / sizeof(items[0]))

/* One file being read. */
struct reader {
	struct sbx_conf *conf;
	const char *text; /* what is left of it */
	unsigned line;
	uint32_t seen; /* bit i: items[i] was given */
	struct sbx_err *err;
	int failed;
};

/* ---- lines ---- */

static int SBX_PRINTF(2, 3) wrong(struct reader *, const char *, ...);

static int
wrong(struct reader *rd, const char *fmt, ...)
{
	char text[200];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	rd->failed = sbx_err_set(rd->err, SBX_E_USAGE, "%s:%u: %s",
		rd->conf->file, rd->line, text);
	return 0; /* libinih's word for failure */
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
			       ? NULL
			       : "not ADDRESS:PORT with a numeric address";
	case ITEM_INT:
		return sbx_num_parse(n, value, it->min, it->max)
			       ? NULL
			       : "not a number in range";
	case ITEM_BOOL:
		*n = strcmp(value, "yes") == 0;
		return *n != 0 || strcmp(value, "no") == 0 ? NULL
							  : "not yes or no";
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

	if ((rd->seen & (1u << i)) != 0)
		return wrong(rd, "%s is given twice", it->key);
	rd->seen |= 1u << i;
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
	return wrong(rd, "[%.40s]: no such section", section);
}

/* libinih asks here for each line, as of fgets(3): so the count is ours, and a
 * line it would cut is refused. */
static char *
next_line(char *out, int size, void *ctx)
{
	struct reader *rd = ctx;
	size_t len = strcspn(rd->text, "\n");

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
	memcpy(out, rd->text, len);
	out[len] = '\n';
	out[len + 1] = '\0';
	rd->text += len + (rd->text[len] == '\n' ? 1 : 0);
	return out;
}

/* ---- files ---- */

static int
read_file(struct sbx_conf *conf, bool must, unsigned flags, struct sbx_err *err)
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

static char *
join(const char *dir, const char *name)
{
	size_t size = strlen(dir) + strlen(name) + 2;
	char *path = sbx_mem_alloc(size, 1);

	snprintf(path, size, "%s/%s", dir, name);
	return path;
}

static void
otherwise(char **field, char *value)
{
	if (*field == NULL)
		*field = value;
	else
		free(value);
}

/* The host's name up to its first dot. */
static char *
host_name(void)
{
	char name[256];

	if (gethostname(name, sizeof(name)) != 0)
		name[0] = '\0';
	name[sizeof(name) - 1] = '\0';
	name[strcspn(name, ".")] = '\0';
	return sbx_name_check(name) ? sbx_mem_text(name, strlen(name))
			     : sbx_mem_text("node", 4);
}

/* What neither the caller nor the file has said. */
static void
fill(struct sbx_conf *conf, const char *dir)
{
	bool here = dir != NULL;

	otherwise(&conf->dir, sbx_mem_text(SBX_STATEDIR, strlen(SBX_STATEDIR)));
	otherwise(&conf->db, join(conf->dir, "ledger.db"));
	otherwise(&conf->www, join(conf->dir, "www"));
	otherwise(&conf->key,
		here ? join(dir, "node.key")
		     : join(SBX_SYSCONFDIR, "sbx/secrets/node.key"));
	otherwise(&conf->wg_key,
		here ? join(dir, "wg.key")
		     : join(SBX_SYSCONFDIR, "sbx/secrets/wg.key"));
	otherwise(&conf->log_key,
		here ? join(dir, "log.key")
		     : join(SBX_SYSCONFDIR, "sbx/secrets/log.key"));
	otherwise(&conf->witness_key,
		here ? join(dir, "witness.key")
		     : join(SBX_SYSCONFDIR, "sbx/secrets/witness.key"));
	otherwise(&conf->head, join(conf->dir, "head"));
	otherwise(&conf->run,
		here ? join(dir, "run")
		     : sbx_mem_text(SBX_RUNDIR, strlen(SBX_RUNDIR)));
	otherwise(&conf->audit, join(here ? dir : SBX_LOGDIR, "audit.log"));
	otherwise(&conf->macros,
		sbx_mem_text(SBX_MACRODIR, strlen(SBX_MACRODIR)));
	otherwise(&conf->mesh_if, sbx_mem_text("wg-mesh", 7));
	otherwise(&conf->mesh_net, sbx_mem_text("10.10.0.0/24", 12));
	otherwise(&conf->name, host_name());
}

/* dir as an absolute path, since a tool may change its directory. */
static int
absolute(const char *dir, char **out, struct sbx_err *err)
{
	char *cwd;

	if (dir[0] == '/') {
		*out = sbx_mem_text(dir, strlen(dir));
		return SBX_OK;
	}
	if ((cwd = getcwd(NULL, 0)) == NULL)
		return sbx_err_sys(err, "the current directory");
	*out = join(cwd, dir);
	free(cwd);
	return SBX_OK;
}

int
sbx_conf_load(struct sbx_conf *conf, const char *dir, const char *file,
	unsigned flags, struct sbx_err *err)
{
	char *base = NULL;
	int r;

	memset(conf, 0, sizeof(*conf));
	conf->mesh_port = 51822;
	conf->mesh_mtu = 1420;
	conf->mesh_keepalive = 25;
	conf->dir_port = 8799;
	conf->grant_port = 8798;
	conf->grant_ttl = 3600;
	conf->pull_slot = 60;
	conf->pull_stale = 4 * 3600;
	if (dir != NULL && (r = absolute(dir, &base, err)) != 0)
		return r;
	if (file != NULL)
		conf->file = sbx_mem_text(file, strlen(file));
	else
		conf->file = base != NULL
				     ? join(base, "sbx.conf")
				     : join(SBX_SYSCONFDIR, "sbx/sbx.conf");
	if ((r = read_file(conf, file != NULL, flags, err)) != 0) {
		sbx_conf_free(conf);
		free(base);
		return r;
	}
	/* Who names a directory means it, whatever state= says. */
	if (base != NULL) {
		free(conf->dir);
		conf->dir = sbx_mem_text(base, strlen(base));
	}
	fill(conf, base);
	free(base);
	return SBX_OK;
}

void
sbx_conf_free(struct sbx_conf *conf)
{
	if (conf == NULL)
		return;
	for (size_t i = 0; i < conf->npeers; i++) {
		free(conf->peers[i].name);
		free(conf->peers[i].url);
	}
	free(conf->peers);
	free(conf->file);
	free(conf->dir);
	free(conf->db);
	free(conf->key);
	free(conf->wg_key);
	free(conf->log_key);
	free(conf->witness_key);
	for (size_t i = 0; i < conf->nwitnesses; i++) {
		free(conf->witnesses[i].name);
		free(conf->witnesses[i].who);
	}
	free(conf->witnesses);
	free(conf->head);
	free(conf->www);
	free(conf->run);
	free(conf->audit);
	free(conf->macros);
	free(conf->name);
	free(conf->mesh_if);
	free(conf->mesh_net);
	free(conf->mesh_endpoint);
	memset(conf, 0, sizeof(*conf));
}
