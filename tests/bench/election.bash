# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash disable=SC2154 # work, probe: scripts/bench's
# What a run of the election's timer costs, beside the same in a mesh of ten.
elections() {
	local n cost ten
	for n in 10 100 1000; do
		"$probe" members $n >"$work/members"
		node election$n
		export SBX_STATE=$work/election$n
		sbx-member trust "$(head -n 1 "$work/members" | jq -r .author)"
		sbx-ledger -q import "$work/members"
		"$probe" snapshots $n >"$SBX_STATE/now"
		cost=$(least 3 "$probe" spawn 10 sh -c 'sbx-election -n snapshot >/dev/null; sbx-election -n -q gate >/dev/null; :')
		[ $n != 10 ] || ten=$cost
		[ $n = 10 ] || row "snapshot and gate, $n members" "$(calc "$cost * 1000")" ms "10 members, ms" "$(calc "$ten * 1000")" '<=20'
	done
}
