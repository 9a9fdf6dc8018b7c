/* SPDX-License-Identifier: Apache-2.0 */
/* The box itself, its journal, its members and what waits for it. */
#include <sys/sysinfo.h>

#include "json/json.h"
#include "record/record.h"
#include "status.h"

/* ---- box: who this is and how much of the mesh it sees -------------------- */

static void
see(const struct look *l, struct sbx_fleet_sight *sight)
{
	const struct sbx_mesh_node *hub = l->mesh.hub;
	const struct who *w;

	*sight = (struct sbx_fleet_sight){ .interface = l->wired,
		.record = l->mesh.me != NULL };
	for (size_t i = 0; i < l->nmembers; i++) {
		w = &l->members[i];
		if (!look_fresh(l, w))
			continue;
		sight->heard++;
		sight->differ += !look_same(l, w) || w->heard.stale;
	}
	w = l->mesh.gate[0] != '\0' ? look_who(l, l->mesh.gate) :
		hub != NULL ? look_who(l, hub->did) : NULL;
	if (w == NULL || strcmp(w->did, l->self) == 0)
		return;
	sight->coordinator = true;
	sight->coordinator_age = look_age(l, w->wire);
}

static const char *
role(void)
{
	struct sysinfo info;

	if (sysinfo(&info) != 0)
		return sbx_fleet_role(0);
	return sbx_fleet_role((uint64_t)info.totalram * info.mem_unit);
}

static void
tell_box(struct sbx_status *s, const struct look *l, const char *state)
{
	const char *gate = l->mesh.gate[0] != '\0' ? l->mesh.gate : NULL;
	const char *hub = l->mesh.hub != NULL ? l->mesh.hub->did : NULL;
	const struct who *me = look_who(l, l->self);
	struct sbx_doc *doc = sbx_status_doc(s);
	struct sbx_json *out = sbx_status_me(s);

	sbx_json_add_str(doc, out, "did", l->self);
	sbx_json_add_str(doc, out, "name", me != NULL ? me->name : NULL);
	sbx_json_add_str(doc, out, "address", me != NULL ? me->address : NULL);
	sbx_json_add_str(doc, out, "state", state);
	sbx_json_add_str(doc, out, "role", role());
	sbx_json_add_str(doc, out, "gate", gate);
	sbx_json_add_str(doc, out, "hub", hub);
	sbx_json_add_int(doc, out, "entries", l->size);
	sbx_json_add_str(doc, out, "digest", l->digest);
	sbx_json_add_str(doc, out, "version", SBX_VERSION);
	sbx_status_line(s, SBX_STATUS_OK, NULL, "%s%s%s, %s%s%s%s%s",
		me != NULL && me->name != NULL ? me->name : "",
		me != NULL && me->name != NULL ? " " : "", l->self, state,
		gate != NULL ? ", gate " : "",
		gate != NULL ? look_name(l, gate) : "",
		hub != NULL ? ", hub " : "",
		hub != NULL ? look_name(l, hub) : "");
}

int
part_box(struct sbx_status *s, void *look, struct sbx_err *err)
{
	struct sbx_fleet_sight sight;
	struct look *l = look;

	(void)err;
	if (l->log == NULL)
		return SBX_OK; /* the ledger's part says why */
	see(l, &sight);
	/* Without wg(8)'s word nobody is heard, and a state would be a guess. */
	tell_box(s, l, l->wired && !l->seen ? "unknown" :
		sbx_fleet_state_name(sbx_fleet_state(&sight)));
	return SBX_OK;
}

/* ---- ledger -------------------------------------------------------------------- */

/* A check that says yes, or why not, with the command of its hint or else mend. */
static void
check(struct sbx_status *s, int r, const struct sbx_err *why, const char *mend)
{
	bool command = strncmp(why->hint, "sbx-", 4) == 0 ||
		strncmp(why->hint, "sudo ", 5) == 0;

	if (r != SBX_OK)
		sbx_status_line(s, SBX_STATUS_ATTENTION,
			command ? why->hint : mend, "%s", why->text);
}

static void
check_forks(struct sbx_status *s, struct look *l)
{
	int64_t forks = sbx_fork_count(&l->ctx->conf);
	const struct sbx_json *frozen;

	sbx_status_figure(s, "forks", forks);
	sbx_status_figure(s, "frozen", l->counts[SBX_VIEW_FORK]);
	if (forks > 0) {
		snprintf(l->command, sizeof(l->command), "ls %.300s/forks",
			l->ctx->conf.dir);
		sbx_status_line(s, SBX_STATUS_ATTENTION, l->command,
			"%lld logs have contradicted themselves; the evidence "
			"is kept until it is removed", (long long)forks);
	}
	frozen = sbx_json_get(sbx_doc_root(l->waiting), "forks");
	for (const struct sbx_json *f = frozen->child; f != NULL; f = f->next) {
		const char *did = sbx_json_str(f, "did");
		bool own = did != NULL && strcmp(did, l->self) == 0;

		sbx_status_line(s, SBX_STATUS_ATTENTION, own ?
			look_command(l, "sbx-member", "rotate") :
			look_command(l, "sbx-member", "revoke %s",
				did != NULL ? did : ""),
			"%s has signed two heads of one number: frozen",
			own ? "this box" : look_name(l, did));
	}
}

static void
check_seal(struct sbx_status *s, struct look *l)
{
	struct sbx_err why = { 0 };
	int64_t last = 0;
	int r = sbx_seal_check(l->log, &l->ctx->conf, &why);

	check(s, r, &why, look_command(l, "sbx-pull", "%s", ""));
	if (r == SBX_OK && sbx_seal_last(l->log, &l->ctx->conf, &last, NULL) ==
			SBX_OK && last == 0)
		sbx_status_line(s, SBX_STATUS_NOTE,
			look_command(l, "sbx-ledger", "seal"),
			"no head is sealed yet: a fork could not be proved");
}

int
part_ledger(struct sbx_status *s, void *look, struct sbx_err *err)
{
	struct sbx_err why = { 0 };
	struct look *l = look;
	int64_t verified = 0;
	int r;

	if (l->log == NULL) {
		check(s, l->why.code, &l->why,
			look_command(l, "sbx-ledger", "init"));
		return SBX_OK;
	}
	if ((r = sbx_log_quick(l->log, &verified, err)) != SBX_OK)
		return r;
	sbx_status_figure(s, "entries", l->size);
	sbx_status_figure(s, "verified", verified);
	sbx_status_line(s, SBX_STATUS_OK, verified < l->size ?
		look_command(l, "sbx-ledger", "verify") : NULL,
		"%lld entries, signatures verified up to %lld",
		(long long)l->size, (long long)verified);
	r = sbx_guard_check(l->log, &l->ctx->conf, &why);
	check(s, r, &why, look_command(l, "sbx-pull", "%s", ""));
	/* The guard has asked for the seal as well. */
	if (r == SBX_OK)
		check_seal(s, l);
	check_forks(s, l);
	return SBX_OK;
}

/* ---- members, and what waits for this box ----------------------------------- */

static const struct sbx_json *
first(const struct look *l, const char *list)
{
	return sbx_json_get(sbx_doc_root(l->waiting), list)->child;
}

static bool
voted(const struct look *l, const char *proposal)
{
	for (const struct sbx_json *v = first(l, "votes"); v != NULL;
		v = v->next)
		if (sbx_json_is(sbx_json_get(v, "voter"), l->self) &&
			sbx_json_is(sbx_json_get(v, "proposal_id"), proposal))
			return true;
	return false;
}

static int64_t
waiting(struct sbx_status *s, struct look *l)
{
	const char *id;
	int64_t n = 0;

	for (const struct sbx_json *p = first(l, "proposals"); p != NULL;
		p = p->next) {
		id = sbx_json_str(p, "proposal_id");
		if (!sbx_json_is(sbx_json_get(p, "status"), "open") ||
			id == NULL || voted(l, id))
			continue;
		n++;
		sbx_status_line(s, SBX_STATUS_ATTENTION,
			look_command(l, "sbx-member", "vote %.12s for|against|abstain", id),
			"proposal %.12s of %s waits for this box's vote", id,
			look_name(l, sbx_json_str(p, "proposer")));
	}
	for (const struct sbx_json *p = first(l, "subs"); p != NULL;
		p = p->next) {
		id = sbx_json_str(p, "subscription_id");
		if (!sbx_json_is(sbx_json_get(p, "status"), "waiting") ||
			id == NULL ||
			!look_who(l, sbx_json_str(p, "subscriber")))
			continue;
		n++;
		sbx_status_line(s, SBX_STATUS_ATTENTION,
			look_command(l, "sbx-offer", "approve %.12s", id),
			"%s waits for approval of subscription %.12s",
			look_name(l, sbx_json_str(p, "subscriber")), id);
	}
	return n;
}

int
part_members(struct sbx_status *s, void *look, struct sbx_err *err)
{
	struct look *l = look;
	int64_t nodes = 0, open = 0, anchors = 0, n;

	(void)err;
	if (l->log == NULL)
		return SBX_OK;
	for (size_t i = 0; i < l->nmembers; i++) {
		nodes += l->members[i].address != NULL;
		anchors += l->members[i].anchor;
	}
	for (const struct sbx_json *i = first(l, "invites"); i != NULL;
		i = i->next)
		open += sbx_json_is(sbx_json_get(i, "status"), "open");
	sbx_status_figure(s, "members", (int64_t)l->nmembers);
	sbx_status_figure(s, "nodes", nodes);
	sbx_status_figure(s, "invitations", open);
	if (look_who(l, l->self) == NULL)
		sbx_status_line(s, SBX_STATUS_ATTENTION,
			look_command(l, "sbx-member", "accept <TOKEN"),
			"this box is no member of its own directory");
	sbx_status_line(s, SBX_STATUS_OK, NULL,
		"%zu members, %lld of them anchors, %lld with a node, "
		"%lld open invitations", l->nmembers, (long long)anchors,
		(long long)nodes, (long long)open);
	n = waiting(s, l);
	sbx_status_figure(s, "waiting", n);
	return SBX_OK;
}
