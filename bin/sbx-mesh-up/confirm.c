/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A change that is taken back unless somebody confirms it, on the machinery of
 * apply/plan.h.  The one thing that changes is the interface; its state is the
 * text of sbx_tunnel_state_write.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/base.h"
#include "crypto/crypto.h"
#include "system/system.h"
#include "mesh/mesh.h"
#include "apply/plan.h"
#include "tool/tool.h"
#include "mesh-up.h"

#define KIND "interface"

/* ---- the kind of thing ---- */

/* Peers that were to be put back and are no member's any more.  They count as
 * put back, or an undo would never end. */
static struct sbx_tunnel_state gone;

static int
look(void *ctx, const char *of, struct sbx_live *now, struct sbx_err *err)
{
	struct sbx_tunnel_state s = { 0 };
	int r = sbx_tunnel_state_read(of, &s, err);

	(void)ctx;
	if (r == SBX_E_NO) {
		if (err != NULL)
			memset(err, 0, sizeof(*err));
		return SBX_OK;
	}
	for (size_t i = 0; r == SBX_OK && i < gone.npeers; i++) {
		s.peers = sbx_mem_grow(s.peers, s.npeers + 1, sizeof(*s.peers));
		s.peers[s.npeers] = gone.peers[i];
		s.peers[s.npeers++].allowed = sbx_mem_text(
			gone.peers[i].allowed, strlen(gone.peers[i].allowed));
	}
	if (r == SBX_OK) {
		sbx_tunnel_state_write(&s, true, &now->data);
		now->there = true;
	}
	sbx_tunnel_state_free(&s);
	return r;
}

/* Only who is a member now: what is put back may be older than a removal. */
static void
sieve(struct sbx_tunnel_state *s, const struct sbx_mesh *m)
{
	const struct sbx_wg_peer *p;
	size_t kept = 0;

	sbx_tunnel_state_free(&gone);
	for (size_t i = 0; i < s->npeers; i++) {
		p = &s->peers[i];
		if (sbx_mesh_claims(m, NULL, p->key) ||
			sbx_mesh_keeps(m, p->key)) {
			s->peers[kept++] = *p;
			continue;
		}
		gone.peers = sbx_mem_grow(
			gone.peers, gone.npeers + 1, sizeof(*gone.peers));
		gone.peers[gone.npeers++] = *p;
	}
	s->npeers = kept;
	for (size_t i = 0; i < kept; i++)
		for (size_t k = 0; k < m->npeers; k++)
			if (memcmp(s->peers[i].key, m->peers[k].key,
				    SBX_WG_KEY_BYTES) == 0)
				memcpy(s->peers[i].endpoint,
					m->peers[k].endpoint,
					sizeof(s->peers[i].endpoint));
}

/* The private key of that state: the node's, or the one that was there before
 * it was changed; none is needed when the interface has it. */
static int
find_key(struct sbx_ctx *ctx, struct sbx_tunnel *t, struct sbx_buf *key,
	const unsigned char *pub, struct sbx_err *err)
{
	struct sbx_buf old = SBX_BUF(4096);
	unsigned char have[SBX_WG_KEY_BYTES];
	bool found = false;

	memcpy(t->pub, pub, sizeof(t->pub));
	if (memcmp(t->wg.pub, pub, sizeof(t->pub)) == 0)
		return SBX_OK;
	sbx_buf_fmt(&old, "%s.old", ctx->conf.wg_key);
	for (int i = 0; i < 2 && !found; i++) {
		sbx_buf_free(key);
		found = sbx_wg_key(i == 0 ? ctx->conf.wg_key
				: sbx_buf_text(&old), false, key, have,
				NULL) == SBX_OK &&
			memcmp(have, pub, sizeof(have)) == 0;
	}
	sbx_buf_free(&old);
	return found ? SBX_OK : sbx_err_set(err, SBX_E_SYS,
		"the key that %s had is not there any more", t->name);
}

static int
set(void *arg, const char *of, const struct sbx_live *to, struct sbx_err *err)
{
	struct sbx_buf key = SBX_BUF(SBX_WGKEY_SIZE);
	struct sbx_tunnel_state s = { 0 };
	struct sbx_ctx *ctx = arg;
	struct sbx_mesh m = { 0 };
	struct sbx_tunnel t = { .name = of, .mesh = &m, .key = &key, .to = &s };
	struct sbx_nl_addr *links = NULL;
	int r;

	if (!to->there) {
		r = sbx_tunnel_down(of, false, err);
		return r == SBX_E_NO ? SBX_OK : r;
	}
	r = sbx_tunnel_state_parse(
		sbx_buf_text(&to->data), to->data.len, &s, err);
	if (r != SBX_OK || (r = sbx_tunnel_open(&t, err)) != SBX_OK ||
		(r = find_key(ctx, &t, &key, s.pub, err)) != SBX_OK)
		goto out;
	/* The directory as it is now, not as it was when this was planned. */
	if (meshup_read(ctx, &m) == SBX_OK && meshup_kept(ctx, &m, true) == 0) {
		meshup_look(ctx, &m, &t, &links);
		sbx_mesh_plan(&m, s.pub);
	} else {
		sbx_tool_warn(ctx, &ctx->err);
	}
	sieve(&s, &m);
	r = sbx_tunnel_up(&t, err);
out:
	sbx_tunnel_free(&t);
	sbx_tunnel_state_free(&s);
	sbx_mesh_free(&m);
	sbx_buf_free(&key);
	free(links);
	return r;
}

static const struct sbx_step_kind kinds[] = {
	{ .name = KIND, .look = look, .set = set }, { 0 },
};

/* ---- the part ---- */

int
meshup_open(struct sbx_ctx *ctx, struct sbx_plan *p, bool make)
{
	static const char *words[4];
	static const struct sbx_part part = { "mesh", kinds, words };
	size_t n = 0;

	memset(p, 0, sizeof(*p));
	p->lock = -1;
	if (strcmp(ctx->conf.apply, SBX_APPLYDIR) != 0) {
		words[n++] = "-C";
		words[n++] = ctx->conf.dir;
	}
	words[n++] = "recover";
	words[n] = NULL;
	/* Where nothing was ever to be confirmed no journal is made. */
	if (!make && access(ctx->conf.apply, F_OK) != 0 && errno == ENOENT)
		return SBX_OK;
	return sbx_plan_open(p, &part, ctx, &ctx->conf, 0, &ctx->err);
}

/* ---- what was taken back is not done again ---- */

static char *
tried_path(const struct sbx_ctx *ctx)
{
	struct sbx_buf b = SBX_BUF(SIZE_MAX);

	sbx_buf_fmt(&b, "%s/mesh/tried", ctx->conf.apply);
	return b.data;
}

/* The plan without its peers, who come and go, but with the hub. */
static void
digest(char out[static SBX_HASH_BYTES * 2 + 1], const struct sbx_mesh *m,
	const struct sbx_tunnel *t)
{
	unsigned char hash[SBX_HASH_BYTES];
	struct sbx_buf b = SBX_BUF(SBX_MAX_LINE);
	struct sbx_tunnel_state s = { 0 };

	sbx_tunnel_want(m, t->pub, &s);
	sbx_tunnel_state_write(&s, false, &b);
	sbx_buf_fmt(&b, "hub %s\n", m->hub != NULL ? m->hub->did : "");
	sbx_hash_sha256(hash, b.data, b.len);
	sbx_hex_write(out, hash, sizeof(hash));
	out[SBX_HASH_BYTES * 2] = '\0';
	sbx_buf_free(&b);
	sbx_tunnel_state_free(&s);
}

int
meshup_held(struct sbx_ctx *ctx, const struct sbx_mesh *m,
	const struct sbx_tunnel *t)
{
	struct sbx_buf b = SBX_BUF(SBX_HASH_BYTES * 2 + 1);
	char *path = tried_path(ctx), now[SBX_HASH_BYTES * 2 + 1];
	int r = sbx_io_read(path, 0, &b, NULL);

	if (r == SBX_OK) {
		digest(now, m, t);
		r = strcmp(sbx_buf_text(&b), now) == 0 ? SBX_E_NO : SBX_OK;
	} else {
		r = SBX_OK;
	}
	if (r == SBX_E_NO) {
		sbx_err_set(&ctx->err, r, "this change was taken back, since "
			"nobody confirmed it");
		sbx_err_hint(&ctx->err, "sbx-mesh-up up --confirm 120, to try "
			"it again; or --yes, to do it");
	}
	free(path);
	sbx_buf_free(&b);
	return r;
}

int
meshup_forget(struct sbx_ctx *ctx)
{
	char *path = tried_path(ctx);
	int r = SBX_OK;

	if (unlink(path) != 0 && errno != ENOENT && errno != ENOTDIR)
		r = sbx_err_sys(&ctx->err, "%s", path);
	free(path);
	return r;
}

static int
remember(struct sbx_ctx *ctx, const struct sbx_mesh *m,
	const struct sbx_tunnel *t)
{
	char *path = tried_path(ctx), now[SBX_HASH_BYTES * 2 + 1];
	int r;

	digest(now, m, t);
	r = sbx_io_save(path, now, strlen(now), 0600, 0, &ctx->err);
	free(path);
	return r;
}

/* ---- the verbs ---- */

int
meshup_waits(struct sbx_ctx *ctx, const struct sbx_plan *p)
{
	if (p->pending != SBX_PENDING_WAITING)
		return SBX_OK;
	sbx_err_set(&ctx->err, SBX_E_NO, "a change waits to be confirmed, for "
		"%lld s more", (long long)p->left);
	sbx_err_hint(&ctx->err, "sbx-mesh-up confirm, or sbx-mesh-up revert");
	return SBX_E_NO;
}

int
meshup_try(struct sbx_ctx *ctx, struct sbx_plan *p, const struct sbx_mesh *m,
	const struct sbx_tunnel *t, int seconds)
{
	struct sbx_tunnel_state s = { 0 };
	struct sbx_live to = SBX_LIVE;
	int r;

	sbx_tunnel_want(m, t->pub, &s);
	sbx_tunnel_state_fill(&s, t->name);
	sbx_tunnel_state_write(&s, true, &to.data);
	to.there = true;
	sbx_tunnel_state_free(&s);
	r = sbx_plan_want(p, KIND, t->name, &to, &ctx->err);
	sbx_live_free(&to);
	if (r <= 0)
		return r;
	/* Since the last time others may have brought it up. */
	p->steps[p->nsteps - 1].force = true;
	if ((r = remember(ctx, m, t)) != SBX_OK ||
		(r = sbx_apply(p, seconds, &ctx->err)) != SBX_OK) {
		unlink(tried_path(ctx));
		return r;
	}
	sbx_tool_say(ctx, "to keep it, within %d seconds: sbx-mesh-up confirm",
		seconds);
	return SBX_OK;
}

static int
settle(struct sbx_ctx *ctx, bool keep)
{
	struct sbx_plan p;
	int r;

	if ((r = meshup_open(ctx, &p, false)) != SBX_OK)
		return r;
	if (p.part == NULL)
		r = sbx_err_set(&ctx->err, SBX_E_NO,
			"no change waits to be confirmed");
	else
		r = keep ? sbx_apply_confirm(&p, &ctx->err)
			 : sbx_apply_revert(&p, &ctx->err);
	if (r == SBX_OK && keep)
		r = meshup_forget(ctx);
	if (r == SBX_OK)
		sbx_tool_say(ctx, keep ? "kept" : "taken back");
	sbx_plan_close(&p);
	return r;
}

int
meshup_confirm(struct sbx_ctx *ctx)
{
	return settle(ctx, true);
}

int
meshup_revert(struct sbx_ctx *ctx)
{
	return settle(ctx, false);
}

/* By the timer that --confirm starts, or at boot by sbx-apply(8). */
int
meshup_recover(struct sbx_ctx *ctx)
{
	bool boot = sbx_tool_opt(ctx, "boot") != NULL;
	const struct sbx_part *part;
	struct sbx_plan p;
	int r;

	if ((r = meshup_open(ctx, &p, false)) != SBX_OK || p.part == NULL)
		return r;
	part = p.part;
	sbx_plan_close(&p);
	return sbx_apply_recover(part, ctx, &ctx->conf, !boot, boot, &ctx->err);
}
