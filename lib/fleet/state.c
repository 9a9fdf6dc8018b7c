/* SPDX-License-Identifier: Apache-2.0 */
/* The states of a box, from dormant to autonomous. */
#include "fleet/status.h"

#define GIB (UINT64_C(1) << 30)

static bool
recent(int64_t age)
{
	return age >= 0 && age <= SBX_FLEET_HEARD;
}

enum sbx_fleet_state
sbx_fleet_state(const struct sbx_fleet_sight *s)
{
	if (!s->interface || !s->record)
		return SBX_FLEET_DORMANT;
	/* Heard once and no more is a loss; never heard, with nobody else
	 * either, is a box that has just come up. */
	if (s->coordinator && !recent(s->coordinator_age) &&
		(s->heard > 0 || s->coordinator_age >= 0))
		return SBX_FLEET_AUTONOMOUS;
	if (s->heard == 0)
		return SBX_FLEET_AWAKENING;
	return s->differ > 0 ? SBX_FLEET_AWARE : SBX_FLEET_SYNCHRONIZED;
}

const char *
sbx_fleet_state_name(enum sbx_fleet_state state)
{
	static const char *const names[] = { "dormant", "awakening", "aware",
		"synchronized", "autonomous" };

	return names[state];
}

const char *
sbx_fleet_role(uint64_t bytes)
{
	return bytes < 2 * GIB ? "sentinel" :
		bytes < 6 * GIB ? "guardian" :
		bytes < 48 * GIB ? "fortress" : "nexus";
}
