/* SPDX-License-Identifier: Apache-2.0 */
/* The clock, and what comes from others' logs. */
#include <sys/timex.h>

#include "json/json.h"
#include "record/record.h"
#include "exchange/follow.h"
#include "status.h"

/* ---- clock -------------------------------------------------------------------- */

int
part_clock(struct sbx_status *s, void *look, struct sbx_err *err)
{
	struct timex t = { 0 };
	struct sbx_err why = { 0 };
	struct look *l = look;
	size_t ahead = 0;

	(void)err;
	if (l->log == NULL)
		return SBX_OK;
	for (size_t i = 0; i < l->nmembers; i++)
		ahead += l->members[i].heard.at > l->now + SBX_MAX_AHEAD;
	if (sbx_date_tell(l->log, &why)) {
		sbx_status_line(s, SBX_STATUS_ATTENTION,
			"sudo timedatectl set-ntp true", "%s", why.text);
		return SBX_OK;
	}
	if (ahead > 0)
		sbx_status_line(s, SBX_STATUS_ATTENTION,
			"sudo timedatectl set-ntp true",
			"%zu logs were vouched for at a time to come: this "
			"clock or theirs is wrong", ahead);
	else if (adjtimex(&t) < 0 || (t.status & STA_UNSYNC) != 0)
		sbx_status_line(s, SBX_STATUS_NOTE,
			"sudo timedatectl set-ntp true",
			"the kernel says that nothing sets the clock");
	else
		sbx_status_line(s, SBX_STATUS_OK, NULL, "set by a time server");
	return SBX_OK;
}

/* ---- exchange ------------------------------------------------------------------ */

static void
check_published(struct sbx_status *s, struct look *l)
{
	struct sbx_own own;

	if (sbx_own_load(l->log, &l->ctx->conf, &own, NULL) != SBX_OK ||
		own.head.size == 0)
		sbx_status_line(s, SBX_STATUS_NOTE,
			look_command(l, "sbx-ledger", "publish"),
			"nothing is published yet");
	else if ((int64_t)own.head.size < own.size)
		sbx_status_line(s, SBX_STATUS_NOTE,
			look_command(l, "sbx-ledger", "publish"),
			"%lld entries are not published yet",
			(long long)(own.size - (int64_t)own.head.size));
}

static int
check_witnessed(struct sbx_status *s, struct look *l, struct sbx_err *err)
{
	const struct sbx_conf *conf = &l->ctx->conf;
	struct sbx_witnessed w;
	int r;

	if (conf->quorum == 0)
		return SBX_OK;
	if ((r = sbx_witness_status(l->log, conf, &w, err)) != SBX_OK)
		return r;
	sbx_status_figure(s, "witnessed", w.witnessed);
	sbx_status_line(s, w.witnessed < w.size ? SBX_STATUS_NOTE :
		SBX_STATUS_OK, w.witnessed < w.size ?
		look_command(l, "sbx-pull", "-p") : NULL,
		"%lld of %lld entries witnessed; of n=%zu witnesses f=%zu may "
		"fail, n-f=%d are needed", (long long)w.witnessed,
		(long long)w.size, conf->nwitnesses,
		conf->nwitnesses - (size_t)conf->quorum, conf->quorum);
	return SBX_OK;
}

/* By their own newest word: who has fewer entries than this box, and who more. */
static void
check_behind(struct sbx_status *s, struct look *l)
{
	int64_t n, behind = 0, ahead = 0;
	const char *first = NULL;

	for (size_t i = 0; i < l->nmembers; i++) {
		const struct who *w = &l->members[i];

		if (w->snapshot == NULL || look_same(l, w) ||
			strcmp(w->did, l->self) == 0 ||
			!sbx_json_int(sbx_json_get(w->snapshot->body,
				"entries"), 0, SBX_MAX_INT, &n))
			continue;
		behind += n < l->size;
		ahead += n > l->size;
		if (n > l->size && first == NULL)
			first = w->peer != NULL ? w->peer : w->did;
	}
	sbx_status_figure(s, "behind", behind);
	sbx_status_figure(s, "ahead", ahead);
	if (ahead > 0)
		sbx_status_line(s, SBX_STATUS_NOTE,
			look_command(l, "sbx-pull", "%s", first),
			"%lld members hold more entries than this box",
			(long long)ahead);
	if (behind > 0)
		sbx_status_line(s, SBX_STATUS_NOTE, NULL,
			"%lld members hold fewer entries than this box",
			(long long)behind);
}

int
part_exchange(struct sbx_status *s, void *look, struct sbx_err *err)
{
	struct look *l = look;
	bool nodes = l->ctx->conf.npeers == 0;
	char when[SBX_TIME_SIZE];
	int64_t newest = 0, peers = 0, stale = 0;

	if (l->log == NULL)
		return SBX_OK;
	for (size_t i = 0; i < l->peers.count; i++) {
		if (l->peers.list[i].node != nodes)
			continue;
		peers++;
		newest = l->heard[i].at > newest ? l->heard[i].at : newest;
		if (!l->heard[i].stale)
			continue;
		stale++;
		sbx_time_write(when, l->heard[i].at);
		sbx_status_line(s, SBX_STATUS_ATTENTION,
			look_command(l, "sbx-pull", "%s",
				l->peers.list[i].name),
			"%s: stale, nobody vouches for its log since %.19sZ",
			l->peers.list[i].name, when);
	}
	sbx_status_figure(s, "logs", peers);
	sbx_status_figure(s, "logs_stale", stale);
	sbx_time_write(when, newest);
	if (peers == 0)
		sbx_status_line(s, SBX_STATUS_OK, NULL,
			"no other log to follow yet");
	else if (newest == 0)
		sbx_status_line(s, SBX_STATUS_ATTENTION,
			look_command(l, "sbx-pull", "-p"),
			"none of %lld logs was ever heard", (long long)peers);
	else
		sbx_status_line(s, SBX_STATUS_OK, NULL,
			"%lld logs followed, the last word is of %.19sZ",
			(long long)peers, when);
	check_published(s, l);
	check_behind(s, l);
	return check_witnessed(s, l, err);
}
