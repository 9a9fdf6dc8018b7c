#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Whom a round of sbx-pull visits in a mesh that has grown.

load ../lib/helpers
load ../lib/now

# A mesh of nine; all but the founder have a node, m1 says where it is reached.
setup_file() {
	export SBX_NOW=2026-07-01T12:00:00Z D=$BATS_FILE_TMPDIR
	local i
	mkdir -m 700 "$D/hub"
	SBX_STATE=$D/hub sbx-ledger init --no-recovery >"$D/hub.did"
	for i in 1 2 3 4 5 6 7 8; do
		mkdir -m 700 "$D/m$i"
		SBX_STATE=$D/m$i sbx-ledger init --no-recovery >"$D/m$i.did"
		SBX_STATE=$D/hub sbx-member invite >"$D/token"
		SBX_STATE=$D/m$i sbx-member -q accept <"$D/token" >/dev/null
		jq -nc --arg d "$(cat "$D/m$i.did")" --arg i "$i" '{did: $d, node_id: ("n" + $i),
			boxname: ("m" + $i), mesh_ip: ("10.10.0.1" + $i), pubkey_wg: ("A" * 40 + $i + "AA="),
			endpoint: (if $i == "1" then "192.0.2.1:51822" else null end), ddns: null,
			created_at: "2026-07-01T12:00:00Z"}' |
			SBX_STATE=$D/m$i sbx-ledger -q append node_publish >/dev/null
		SBX_STATE=$D/m$i sbx-ledger export | SBX_STATE=$D/hub sbx-ledger -q import
	done
}

visited() { # FLAG...: the boxes, sorted
	run_sbx sbx-pull -C "$D/hub" -n "$@"
	sed 's/: would pull.*//' <<<"$output" | sort
}

@test "a round visits the hub and three more, others in another round; -a visits all" {
	first=$(visited)
	assert_eq "$(wc -l <<<"$first")" 4 "how many"
	assert_has "$first" m1 "the hub is not among them"
	others=$(for i in 1 2 3 4 5 6 7 8 9; do
		SBX_NOW=2026-07-01T12:0$i:00Z
		visited
	done | sort -u)
	[ "$(wc -l <<<"$others")" -ge 7 ] || fail "the same in each round" seen "$others"
	assert_eq "$(visited -a | wc -l)" 8 "-a"
}

@test "who says that it holds more is visited, in each round" {
	SBX_STATE=$D/hub sbx-ledger export | SBX_STATE=$D/m7 sbx-ledger -q import
	SBX_STATE=$D/m7 sbx-ledger say -t 600 Snapshot <<<"$(body | sed 's/"entries":9/"entries":900/')"
	cp "$D/m7/now" "$D/hub/now"
	for i in 1 2 3; do
		SBX_NOW=2026-07-01T12:0$i:00Z
		assert_has "$(visited)" m7 "round $i"
	done
	rm "$D/hub/now"
}

@test "peers of sbx.conf are visited all, whatever the directory has" {
	for i in 1 2 3 4 5 6; do
		printf '[peer p%d]\nurl = http://127.0.0.1:%d/\n' "$i" "$i"
	done >"$D/hub/sbx.conf"
	assert_eq "$(visited)" "$(printf 'p%d\n' 1 2 3 4 5 6)" "the list"
	rm "$D/hub/sbx.conf"
}

@test "the gate is visited in place of the first hub: root's word, then the elected one" {
	mkdir -p "$D/hub/run/fleet"
	echo "$(cat "$D/m6.did") 2026-07-01T12:00:00Z" >"$D/hub/run/fleet/gate"
	for i in 1 2 3; do
		SBX_NOW=2026-07-01T12:0$i:00Z
		assert_has "$(visited)" m6 "the elected one"
	done
	run sbx-status -C "$D/hub" -j
	assert_eq "$(jq -r .me.gate <<<"$output")" "$(cat "$D/m6.did")" "sbx status"
	echo "$(cat "$D/m5.did") 2026-07-01T12:00:00Z" >"$D/hub/run/gate"
	for i in 1 2 3; do
		SBX_NOW=2026-07-01T12:0$i:00Z
		assert_has "$(visited)" m5 "root's word"
	done
	run sbx-status -C "$D/hub" -j
	assert_eq "$(jq -r .me.gate <<<"$output")" "$(cat "$D/m5.did")" "sbx status"
	rm -r "$D/hub/run"
}
