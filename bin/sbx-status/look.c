/* SPDX-License-Identifier: Apache-2.0 */
/* Read once what the parts look at: ledger, directory, statements, tunnel. */
#include <stdlib.h>

#include "json/json.h"
#include "crypto/crypto.h"
#include "fleet/fleet.h"
#include "status.h"

#define MAX_DUMP (4u << 20)

/* ---- members ------------------------------------------------------------------ */

struct who *
look_who(const struct look *l, const char *did)
{
	for (size_t i = 0; did != NULL && i < l->nmembers; i++)
		if (strcmp(l->members[i].did, did) == 0)
			return &l->members[i];
	return NULL;
}

const char *
look_name(const struct look *l, const char *did)
{
	const struct who *w = look_who(l, did);

	return w != NULL && w->name != NULL ? w->name : did;
}

static char *
copy(const struct sbx_json *row, const char *key)
{
	const char *text = sbx_json_str(row, key);

	return text != NULL ? sbx_mem_text(text, strlen(text)) : NULL;
}

/* The mesh's plan is made from the same rows. */
static int
mesh_line(struct look *l, const char *word, const struct sbx_json *row,
	struct sbx_err *err)
{
	struct sbx_buf line = SBX_BUF(SBX_MAX_LINE);
	int r;

	sbx_buf_fmt(&line, "%s ", word);
	if ((r = sbx_canon_write(&line, row, NULL, err)) == SBX_OK)
		r = sbx_mesh_line(&l->mesh, sbx_buf_text(&line), line.len,
			err);
	sbx_buf_free(&line);
	return r;
}

static int
take_member(void *look, const struct sbx_json *row, struct sbx_err *err)
{
	const char *did = sbx_json_str(row, "did");
	const char *state = sbx_json_str(row, "state");
	struct look *l = look;
	struct who *w;

	if (did == NULL || strlen(did) >= SBX_DID_SIZE || state == NULL ||
		(strcmp(state, "anchor") != 0 && strcmp(state, "member") != 0))
		return SBX_OK;
	l->members = sbx_mem_grow(l->members, l->nmembers + 1,
		sizeof(*l->members));
	w = &l->members[l->nmembers++];
	*w = (struct who){ .name = copy(row, "name"),
		.anchor = strcmp(state, "anchor") == 0 };
	snprintf(w->did, sizeof(w->did), "%s", did);
	return mesh_line(l, "member", row, err);
}

static int
take_node(void *look, const struct sbx_json *row, struct sbx_err *err)
{
	struct look *l = look;
	struct who *w = look_who(l, sbx_json_str(row, "did"));

	if (w == NULL)
		return SBX_OK;
	if (w->address == NULL) {
		w->address = copy(row, "mesh_ip");
		w->endpoint = copy(row, "endpoint");
	}
	return mesh_line(l, "node", row, err);
}

static int
by_name(const void *a, const void *b)
{
	const struct who *x = a, *y = b;
	int r = strcmp(x->name != NULL ? x->name : "~",
		y->name != NULL ? y->name : "~");

	return r != 0 ? r : strcmp(x->did, y->did);
}

/* ---- what waits ------------------------------------------------------------------ */

struct pile { /* rows under a key of the document */
	struct look *l;
	struct sbx_json *list;
};

static int
keep(void *pile, const struct sbx_json *row, struct sbx_err *err)
{
	struct pile *p = pile;

	(void)err;
	sbx_json_add_copy(p->l->waiting, p->list, NULL, row);
	return SBX_OK;
}

static int
take_waiting(struct look *l, struct sbx_state *st)
{
	static const struct {
		const char *key;
		enum sbx_view view;
	} all[] = { { "proposals", SBX_VIEW_PROPOSAL },
		{ "votes", SBX_VIEW_VOTE }, { "invites", SBX_VIEW_INVITE },
		{ "forks", SBX_VIEW_FORK } };
	const struct sbx_subs subs = { .provider = l->self };
	struct pile p = { .l = l };
	int r;

	l->waiting = sbx_doc_new();
	p.list = sbx_json_add(l->waiting, sbx_doc_root(l->waiting), "subs",
		SBX_JSON_ARRAY);
	r = sbx_state_subs(st, &subs, keep, &p, &l->why);
	for (size_t i = 0; r == SBX_OK && i < sizeof(all) / sizeof(all[0]);
		i++) {
		p.list = sbx_json_add(l->waiting, sbx_doc_root(l->waiting),
			all[i].key, SBX_JSON_ARRAY);
		r = sbx_state_each(st, all[i].view, NULL, keep, &p, &l->why);
	}
	return r;
}

/* ---- the ledger ------------------------------------------------------------------- */

static int
take_state(struct look *l)
{
	unsigned char hash[SBX_HASH_BYTES];
	struct sbx_state *st = NULL;
	int r;

	if ((r = sbx_state_open(l->log, &st, &l->why)) != SBX_OK)
		return r;
	if ((r = sbx_state_count(st, l->counts, hash, &l->why)) != SBX_OK ||
		(r = sbx_state_each(st, SBX_VIEW_MEMBER, NULL, take_member, l,
			 &l->why)) != SBX_OK)
		goto out;
	sbx_hex_write(l->digest, hash, sizeof(hash));
	if (l->nmembers > 0)
		qsort(l->members, l->nmembers, sizeof(*l->members), by_name);
	if ((r = sbx_state_each(st, SBX_VIEW_NODE, NULL, take_node, l,
		     &l->why)) != SBX_OK ||
		(r = take_waiting(l, st)) != SBX_OK)
		goto out;
	/* A statement is as good as none when it cannot be read. */
	if (sbx_now_load(&l->ctx->conf, &l->said, NULL) == SBX_OK)
		sbx_now_members(l->said, st);
out:
	sbx_state_free(st);
	return r;
}

static int
take_peers(struct look *l)
{
	bool nodes = l->ctx->conf.npeers == 0;
	int r;

	if ((r = sbx_peers_load(&l->ctx->conf, l->log, &l->peers, &l->why)) !=
		SBX_OK)
		return r;
	l->heard = sbx_mem_alloc(l->peers.count + 1, sizeof(*l->heard));
	for (size_t i = 0; r == SBX_OK && i < l->peers.count; i++)
		if (l->peers.list[i].node == nodes)
			r = sbx_heard_load(l->log, &l->ctx->conf,
				l->peers.list[i].url, l->peers.list[i].did,
				&l->heard[i], &l->why);
	return r;
}

static int
take_log(struct look *l)
{
	unsigned char hash[SBX_HASH_BYTES];
	int r;

	if ((r = sbx_log_open(l->ctx->conf.db, 0, &l->log, &l->why)) ==
			SBX_OK &&
		(r = sbx_log_self(l->log, l->self, &l->why)) == SBX_OK &&
		(r = sbx_log_head(l->log, &l->size, hash, &l->why)) == SBX_OK &&
		(r = sbx_mesh_conf(&l->mesh, &l->ctx->conf, &l->why)) ==
			SBX_OK &&
		(r = take_peers(l)) == SBX_OK)
		r = take_state(l);
	if (r == SBX_OK) {
		snprintf(l->mesh.self, sizeof(l->mesh.self), "%s", l->self);
		return r;
	}
	sbx_log_close(l->log);
	l->log = NULL;
	return r;
}

/* ---- the tunnel -------------------------------------------------------------------- */

static int
take_wire(struct look *l)
{
	struct sbx_buf dump = SBX_BUF(MAX_DUMP);
	char question[8 + SBX_IF_SIZE];
	struct sbx_link link;
	int r;

	r = sbx_nl_link(l->ctx->conf.mesh_if, &link, &l->blind);
	l->wired = r == SBX_OK;
	if (r != SBX_OK)
		return r;
	snprintf(question, sizeof(question), "wg %.15s", link.name);
	if ((r = eyes_ask(l->eyes, question, &dump, &l->blind)) == SBX_OK)
		r = sbx_wg_parse(sbx_buf_text(&dump), dump.len, &l->wg,
			&l->blind);
	l->seen = r == SBX_OK;
	sbx_buf_free(&dump);
	return r;
}

/* "DID since": the administrator's word, then what was elected. */
static void
take_gate(struct look *l)
{
	struct sbx_buf path = SBX_BUF(4096);
	struct sbx_buf text = SBX_BUF(SBX_DID_SIZE + SBX_TIME_SIZE + 2);
	int64_t since;

	sbx_buf_fmt(&path, "%s/gate", l->ctx->conf.run);
	if (sbx_io_read(sbx_buf_text(&path), 0, &text, NULL) == SBX_OK &&
		text.len >= SBX_DID_SIZE &&
		sbx_did_check(text.data, SBX_DID_SIZE - 1))
		snprintf(l->mesh.gate, sizeof(l->mesh.gate), "%.*s",
			SBX_DID_SIZE - 1, text.data);
	else if (sbx_fleet_gate_read(&l->ctx->conf, l->mesh.gate, &since,
			 NULL) != SBX_OK)
		l->mesh.gate[0] = '\0';
	sbx_buf_free(&path);
	sbx_buf_free(&text);
}

/* The peer whose networks an address is in, by the longest. */
static const struct sbx_wg_peer *
carrier(const struct look *l, const char *ip)
{
	const struct sbx_wg_peer *best = NULL;
	int64_t most = -1, bits;
	char *nets, *net, *save;

	for (size_t i = 0; i < l->wg.npeers; i++) {
		nets = sbx_mem_text(l->wg.peers[i].allowed,
			strlen(l->wg.peers[i].allowed));
		save = NULL;
		for (net = strtok_r(nets, ",", &save); net != NULL;
			net = strtok_r(NULL, ",", &save)) {
			const char *slash = strchr(net, '/');

			if (slash == NULL ||
				!sbx_num_parse(&bits, slash + 1, 0, 128) ||
				bits <= most || !sbx_ip_in(ip, net))
				continue;
			most = bits;
			best = &l->wg.peers[i];
		}
		free(nets);
	}
	return best;
}

static void
join_wire(struct look *l)
{
	const struct sbx_mesh_node *n;
	const struct sbx_wg_peer *p;

	for (size_t i = 0; i < l->nmembers; i++) {
		struct who *w = &l->members[i];

		w->snapshot = l->said != NULL ?
			sbx_now_get(l->said, w->did, "Snapshot") : NULL;
		if (w->address == NULL || strcmp(w->did, l->self) == 0)
			continue;
		p = carrier(l, w->address);
		n = p != NULL ? sbx_mesh_by_key(&l->mesh, p->key) : NULL;
		if (n != NULL && strcmp(n->did, w->did) == 0)
			w->wire = p;
		else if (n != NULL)
			w->via = look_who(l, n->did);
	}
	for (size_t i = 0; i < l->peers.count; i++) {
		struct who *w = look_who(l, l->peers.list[i].did);

		if (w == NULL)
			continue;
		w->heard = l->heard[i];
		w->peer = l->peers.list[i].name;
	}
}

void
look_take(struct look *l)
{
	l->now = sbx_clock_now();
	l->system = strcmp(l->ctx->conf.dir, SBX_STATEDIR) == 0;
	take_log(l);
	take_wire(l);
	take_gate(l);
	l->mesh.live = l->seen ? &l->wg : NULL;
	l->mesh.now = l->now / SBX_SECOND;
	if (l->log != NULL)
		sbx_mesh_plan(&l->mesh, l->wg.pub);
	join_wire(l);
}

void
look_free(struct look *l)
{
	for (size_t i = 0; i < l->nmembers; i++) {
		free(l->members[i].name);
		free(l->members[i].address);
		free(l->members[i].endpoint);
	}
	free(l->members);
	free(l->heard);
	sbx_peers_free(&l->peers);
	sbx_now_free(l->said);
	sbx_doc_free(l->waiting);
	sbx_mesh_free(&l->mesh);
	sbx_wg_free(&l->wg);
	sbx_log_close(l->log);
}

int64_t
look_age(const struct look *l, const struct sbx_wg_peer *p)
{
	int64_t age;

	if (p == NULL || p->handshake == 0)
		return -1;
	age = l->now / SBX_SECOND - p->handshake;
	return age < 0 ? 0 : age;
}

bool
look_fresh(const struct look *l, const struct who *w)
{
	int64_t age = look_age(l, w->wire);

	return age >= 0 && age <= SBX_FLEET_HEARD;
}

bool
look_same(const struct look *l, const struct who *w)
{
	const char *digest = w->snapshot != NULL ?
		sbx_json_str(w->snapshot->body, "digest") : NULL;

	return digest != NULL && strcmp(digest, l->digest) == 0;
}

const char *
look_command(struct look *l, const char *tool, const char *fmt, ...)
{
	size_t room = sizeof(l->command);
	int n;
	va_list ap;

	n = snprintf(l->command, room, l->system ? "%s " : "%s -C %.200s ",
		tool, l->ctx->conf.dir);
	va_start(ap, fmt);
	vsnprintf(l->command + n, room - (size_t)n, fmt, ap);
	va_end(ap);
	n = (int)strlen(l->command);
	if (n > 0 && l->command[n - 1] == ' ')
		l->command[n - 1] = '\0';
	return l->command;
}
