/* SPDX-License-Identifier: Apache-2.0 */
/* Where a box's files are, and what it is set to: sbx.conf(5) over defaults. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/base.h"
#include "node/node.h"

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

/* The host's name up to its first dot, as far as a box can be called so;
 * conf->host is that name when the box's is another. */
static void
host_name(struct sbx_conf *conf)
{
	char host[256] = "", name[SBX_MAX_BOXNAME + 1];

	if (conf->name != NULL)
		return;
	if (gethostname(host, sizeof(host)) != 0)
		host[0] = '\0';
	host[sizeof(host) - 1] = '\0';
	if (!sbx_name_from(name, host))
		snprintf(name, sizeof(name), "node");
	host[strcspn(host, ".")] = '\0';
	if (strcmp(name, host) != 0)
		conf->host = sbx_mem_text(host, strlen(host));
	conf->name = sbx_mem_text(name, strlen(name));
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
	otherwise(&conf->apply, here ? join(dir, "apply")
				     : sbx_mem_text(SBX_APPLYDIR,
					       strlen(SBX_APPLYDIR)));
	otherwise(&conf->macros,
		sbx_mem_text(SBX_MACRODIR, strlen(SBX_MACRODIR)));
	otherwise(&conf->mesh_if, sbx_mem_text("wg-mesh", 7));
	otherwise(&conf->mesh_net, sbx_mem_text(SBX_MESH_NET, strlen(SBX_MESH_NET)));
	host_name(conf);
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
	conf->mesh_ipv6 = conf->mesh_names = true;
	conf->dir_port = 8799;
	conf->grant_port = 8798;
	conf->door_port = 7331;
	conf->grant_ttl = 3600;
	conf->pull_slot = 60;
	conf->fleet_interval = 60;
	conf->pull_stale = 4 * 3600;
	if (dir != NULL && (r = absolute(dir, &base, err)) != 0)
		return r;
	if (file != NULL)
		conf->file = sbx_mem_text(file, strlen(file));
	else
		conf->file = base != NULL
				     ? join(base, "sbx.conf")
				     : join(SBX_SYSCONFDIR, "sbx/sbx.conf");
	if ((r = sbx_conf_read(conf, file != NULL, flags, err)) != 0) {
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
	free(conf->apply);
	free(conf->macros);
	free(conf->name);
	free(conf->host);
	free(conf->mesh_if);
	free(conf->mesh_net);
	free(conf->mesh_endpoint);
	free(conf->mesh_ddns);
	free(conf->mesh_hubs);
	free(conf->fleet_role);
	free(conf->door_bundle);
	memset(conf, 0, sizeof(*conf));
}
