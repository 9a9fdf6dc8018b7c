/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whom a round of pulls visits in a mesh that has grown: the hub, who says that
 * it holds more, and a few by a draw, so that an idle node's bytes do not grow
 * with the mesh and no one member can keep news away for good.
 */
#include <stdlib.h>

#include "base/base.h"
#include "crypto/crypto.h"
#include "json/json.h"
#include "exchange/exchange.h"
#include "exchange/now.h"

#define MAX_AHEAD 3 /* whoever says so; it is their own word */

/* Where a peer stands in this round's order, another in each. */
static void
place(unsigned char out[static SBX_HASH_BYTES], const char *seed,
	const char *did)
{
	struct sbx_buf text = SBX_BUF(512);

	sbx_buf_fmt(&text, "%s %s", seed, did);
	sbx_hash_sha256(out, sbx_buf_text(&text), text.len);
	sbx_buf_free(&text);
}

struct order {
	const struct sbx_peers *p;
	unsigned char (*places)[SBX_HASH_BYTES];
	bool *visit;
};

/* Add count of those that are in of (NULL: all) and not visited yet. */
static void
draw(struct order *o, const bool *of, size_t count)
{
	size_t n = o->p->count, found;

	for (; count > 0; count--) {
		found = n;
		for (size_t i = 0; i < n; i++)
			if (!o->visit[i] && o->p->list[i].node &&
				(of == NULL || of[i]) && (found == n ||
				memcmp(o->places[i], o->places[found],
					SBX_HASH_BYTES) < 0))
				found = i;
		if (found == n)
			return;
		o->visit[found] = true;
	}
}

static size_t
hub_of(const struct sbx_peers *p, const char *gate)
{
	size_t first = p->count;

	for (size_t i = 0; i < p->count; i++) {
		if (!p->list[i].node)
			continue;
		if (gate != NULL && strcmp(p->list[i].did, gate) == 0)
			return i;
		if (p->list[i].hub && first == p->count)
			first = i;
	}
	return first;
}

void
sbx_round_pick(const struct sbx_peers *p, const struct sbx_round *r,
	bool *visit)
{
	struct order o = { p, NULL, visit };
	size_t hub = hub_of(p, r->gate);

	o.places = sbx_mem_alloc(p->count + 1, sizeof(*o.places));
	for (size_t i = 0; i < p->count; i++) {
		visit[i] = i == hub;
		if (p->list[i].node)
			place(o.places[i], r->seed, p->list[i].did);
	}
	draw(&o, r->ahead, MAX_AHEAD);
	/* The dead stay due: the last draw is of all, so they never get every
	 * place. */
	draw(&o, r->due, r->others);
	draw(&o, NULL, r->others);
	free(o.places);
}

/* ---- what this node knows ------------------------------------------------- */

/* "DID since": the administrator's word, else what was elected. */
static void
read_gate(const struct sbx_conf *conf, char gate[static SBX_DID_SIZE])
{
	static const char *const files[] = { "gate", "fleet/gate" };
	struct sbx_buf text = SBX_BUF(SBX_DID_SIZE + SBX_TIME_SIZE + 2);
	struct sbx_buf path = SBX_BUF(4096);

	gate[0] = '\0';
	for (size_t i = 0; i < 2 && gate[0] == '\0'; i++) {
		sbx_buf_clear(&path);
		sbx_buf_clear(&text);
		sbx_buf_fmt(&path, "%s/%s", conf->run, files[i]);
		if (sbx_io_read(sbx_buf_text(&path), 0, &text, NULL) ==
				SBX_OK && text.len >= SBX_DID_SIZE &&
			sbx_did_check(text.data, SBX_DID_SIZE - 1))
			snprintf(gate, SBX_DID_SIZE, "%.*s",
				SBX_DID_SIZE - 1, text.data);
	}
	sbx_buf_free(&path);
	sbx_buf_free(&text);
}

static bool
says_more(const struct sbx_now *now, const char *did, int64_t size)
{
	const struct sbx_statement *s = sbx_now_get(now, did, "Snapshot");
	int64_t n;

	return s != NULL && sbx_json_int(sbx_json_get(s->body, "entries"),
		size + 1, SBX_MAX_INT, &n);
}

int
sbx_round_plan(struct sbx_log *log, const struct sbx_conf *conf,
	const struct sbx_peers *p, bool *visit, struct sbx_err *err)
{
	bool *flags = sbx_mem_alloc(2 * p->count + 1, sizeof(*flags));
	char seed[SBX_DID_SIZE + 24], gate[SBX_DID_SIZE], self[SBX_DID_SIZE];
	struct sbx_round r = { .gate = gate, .seed = seed, .others = SBX_ROUND,
		.ahead = flags, .due = flags + p->count };
	unsigned char hash[SBX_HASH_BYTES];
	int64_t size, now = sbx_clock_now();
	struct sbx_now *said = NULL;
	struct sbx_heard h;
	int e;

	if ((e = sbx_log_self(log, self, err)) != SBX_OK ||
		(e = sbx_log_head(log, &size, hash, err)) != SBX_OK ||
		(e = sbx_now_load(conf, &said, err)) != SBX_OK)
		goto out;
	read_gate(conf, gate);
	snprintf(seed, sizeof(seed), "%s %lld", self, (long long)now);
	for (size_t i = 0; e == SBX_OK && i < p->count; i++) {
		if (!p->list[i].node ||
			(e = sbx_heard_load(log, conf, p->list[i].url,
				 p->list[i].did, &h, err)) != SBX_OK)
			continue;
		flags[i] = says_more(said, p->list[i].did, size);
		flags[p->count + i] = h.at != 0 &&
			now - h.at > conf->pull_stale * SBX_SECOND / 2;
	}
	sbx_round_pick(p, &r, visit);
out:
	sbx_now_free(said);
	free(flags);
	return e;
}
