/* SPDX-License-Identifier: Apache-2.0 */
/* What is published after a pull. */
#include <unistd.h>

#include "base/base.h"
#include "directory/directory.h"
#include "node/node.h"
#include "exchange/exchange.h"
#include "exchange/now.h"
#include "sbx-pull.h"

/* The first of each is for sbx-ledger publish to sign: that takes the node
 * key, which is none of ours. */
static int
publish_signed(struct pull *p, size_t *changed, struct sbx_err *err)
{
	const struct sbx_conf *conf = &p->ctx->conf;
	struct sbx_buf path = SBX_BUF(4096);
	struct sbx_err refused = { 0 };
	int r = SBX_OK;

	sbx_buf_fmt(&path, "%s/%s", conf->dir, sbx_role_file(SBX_ROLE_WITNESS));
	if (access(conf->head, F_OK) == 0 && !sbx_head_over(conf))
		r = sbx_head_publish(p->log, conf, conf->www, changed, err);
	if (r == 0 && access(sbx_buf_text(&path), F_OK) == 0)
		r = sbx_witness_publish(p->log, conf, conf->www, changed,
			&refused, err);
	if (refused.code != 0)
		sbx_tool_warn(p->ctx, &refused);
	if (r == 0)
		r = sbx_witness_own(p->log, conf, conf->www, changed, err);
	sbx_buf_free(&path);
	return r;
}

/* With nothing new what was published still stands, and that is said. */
int
pull_publish(struct pull *p, struct sbx_err *err)
{
	const struct sbx_conf *conf = &p->ctx->conf;
	bool news = p->added > 0 || p->moved;
	struct sbx_state *st = NULL;
	size_t changed = 0;
	int r, lock = -1;

	if ((r = sbx_site_lock(conf, &lock, err)) == 0 &&
		(r = sbx_state_open(p->log, &st, err)) == 0 && news)
		r = sbx_site_publish(p->log, st, conf->www, &changed, err);
	if (r == 0)
		r = sbx_now_publish_kept(conf, st, conf->www, &changed, err);
	sbx_state_free(st);
	if (r == 0)
		r = publish_signed(p, &changed, err);
	if (lock >= 0)
		close(lock);
	return r;
}
