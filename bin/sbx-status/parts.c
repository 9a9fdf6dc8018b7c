/* SPDX-License-Identifier: Apache-2.0 */
/* The table of what sbx status looks at.  A capability adds a line here, and
 * its function in a file of its own. */
#include "status.h"

const struct sbx_status_part status_parts[] = {
	{ "box", "who this is, its state, gate and hub", "sbx-ledger status",
		part_box },
	{ "ledger", "chain, seal, guard, forks", "sbx-ledger fsck",
		part_ledger },
	{ "members", "who belongs, and what waits for this box",
		"sbx-member list", part_members },
	{ "clock", "time, against what was signed and heard",
		"sudo timedatectl set-ntp true", part_clock },
	{ "mesh", "interface, node record, peers heard", "sudo sbx-mesh-up",
		part_mesh },
	{ "lending", "grants, closed ports, the firewall's table",
		"sudo sbx-macroctl check", part_lending },
	{ "exchange", "logs heard, stale, ahead or behind; witnesses",
		"sbx-pull", part_exchange },
	{ "timers", "systemd's timers and their services",
		"systemctl list-timers 'sbx-*'", part_timers },
	{ NULL, NULL, NULL, NULL },
};
