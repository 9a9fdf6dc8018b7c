#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# The election, as a node does it from what members say.

load ../lib/helpers
load ../lib/now

# hub and m1 are hubs, m2 and m3 spokes; all have all entries.
setup() {
	export SBX_NOW=2026-07-01T12:00:00Z
	D=$BATS_TEST_TMPDIR
	node hub
	SBX_STATE=$D/hub sbx-ledger init --no-recovery >"$D/hub.did"
	members 3
	endpoint hub 192.0.2.1:51822
	endpoint m1 192.0.2.2:51822
	for n in hub m1 m2 m3; do mkdir -p "$D/$n/www" "$D/$n/run"; done
}

endpoint() {
	printf '[mesh]\nendpoint=%s\n' "$2" >"$D/$1/sbx.conf"
}

did() { cat "$D/$1.did"; }

# NODE AGE PEER...: that it had a handshake with each so many seconds ago
heard() {
	local n=$1 at
	at=$(($(date -d "$SBX_NOW" +%s) - $2))
	shift 2
	for p; do echo "$(did "$p") $at 7 9"; done >"$D/$n/run/peers"
}

# Each says how it does, and all hear it.
say_all() {
	local n
	heard hub 5 m1 m2 m3
	heard m1 5 hub m2 m3
	heard m2 5 hub m1
	heard m3 5 hub m1
	for n in hub m1 m2 m3; do
		SBX_STATE=$D/$n sbx-election snapshot
	done
	spread
}

spread() {
	local n m
	for n in hub m1 m2 m3; do
		SBX_STATE=$D/$n sbx-ledger publish
	done
	for n in hub m1 m2 m3; do
		for m in hub m1 m2 m3; do
			[ "$n" = "$m" ] || SBX_STATE=$D/$n sbx-pull -q "$D/$m/www"
		done
	done
}

gate_of() { cut -d' ' -f1 "$D/$1/run/fleet/gate"; }

@test "a snapshot measures this machine, is signed, and fits in a statement" {
	heard hub 5 m1 m2
	at hub sbx-election snapshot -v
	assert_eq "$(jq -c '.statement | [.type, .ttl]' <<<"$output")" '["Snapshot",180]' "type and time"
	b=$(jq -c .statement.body <<<"$output")
	up=$(cut -d. -f1 /proc/uptime)
	[ "$(jq ".uptime - $up | fabs < 60" <<<"$b")" = true ] || fail "the uptime" body "$b"
	assert_eq "$(jq -c '[.endpoint, .drained, .interval]' <<<"$b")" '["192.0.2.1:51822",false,60]' "what it says of itself"
	assert_eq "$(jq -c '[.peers[] | [.age, .rx, .tx]]' <<<"$b")" '[[5,7,9],[5,7,9]]' "whom it hears"
	assert_eq "$(jq -r .entries <<<"$b")" "$(SBX_STATE=$D/hub sbx-ledger -j status | jq .entries)" "its entries"
	at hub sbx-ledger now --signed
	assert_eq "$(wc -l <<<"$output")" 1 "it is kept"
	before=$(snapshot "$D/hub" | grep -v ledger.db-)
	at hub sbx-election -n snapshot
	assert_eq "$(snapshot "$D/hub" | grep -v ledger.db-)" "$before" "-n"
	# However many peers there are.
	for i in $(seq 300); do
		printf 'did:plc:%032x 0 9007199254740991 9007199254740991\n' "$i"
	done >"$D/hub/run/peers"
	at hub sbx-election snapshot -v
	[ "${#output}" -le 4096 ] || fail "it is too long" length "${#output}"
	assert_eq "$(jq '.statement.body.peers | length > 9' <<<"$output")" true "those it has room for"
}

@test "the tally is the same from the same snapshots in any order, and nothing forged counts (I14)" {
	say_all
	at m2 sbx-ledger now --signed
	all=$output
	run_sbx env SBX_STATE="$D/m2" sbx-election tally <<<"$all"
	first=$output
	assert_eq "$(jq -r .best <<<"$first")" "$(jq -r '[.nodes[] | select(.fit)] | sort_by(-.score, .did)[0].did' <<<"$first")" "the highest score, then the lowest DID"
	assert_eq "$(jq -c '[.nodes[] | select(.fit)] | length' <<<"$first")" 2 "both hubs are fit"
	assert_eq "$(jq -r '.nodes[] | select(.fit | not).unfit' <<<"$first" | sort -u)" "no endpoint" "the spokes are not"
	for n in hub m1 m3; do
		run_sbx env SBX_STATE="$D/$n" sbx-election tally <<<"$(shuf <<<"$all")"
		assert_eq "$output" "$first" "on $n, in another order"
	done
	node stranger
	at stranger sbx-ledger init --no-recovery
	at stranger sbx-ledger say -t 600 -v Snapshot <<<"$(body)"
	for bad in "$output" "$(head -1 <<<"$all" | sed 's/"cpu":[0-9]*/"cpu":100/')" \
		'{}' "$(head -c 5000 /dev/zero | tr '\0' x)"; do
		run_sbx 3 env SBX_STATE="$D/m2" sbx-election tally <<<"$all
$bad"
		assert_eq "$output" "$first" "with ${bad:0:40}"
		assert_has "$stderr" "line 5: " "it is named"
	done
	run_sbx env SBX_STATE="$D/m2" sbx-election tally --at 2026-07-01T12:03:00Z <<<"$all"
	assert_eq "$(jq -r .best <<<"$output")" null "three intervals later"
	run_sbx 2 env SBX_STATE="$D/m2" sbx-election tally --at noon <<<"$all"
}

@test "without a hub that others hear nobody is the gate" {
	at hub 1 sbx-election gate
	assert_says sbx-election "no member is fit to be the gate"
	assert_hint sbx-election
	for n in hub m1 m2 m3; do at "$n" sbx-election snapshot; done
	spread
	at m2 1 sbx-election gate
	assert_has "$output" "no member has a handshake with it" "why"
	[ ! -e "$D/m2/run/fleet/gate" ] || fail "it follows one"
}

@test "all follow one gate, one of them records it, and it moves when it is drained" {
	say_all
	SBX_STATE=$D/m2 sbx-ledger now --signed >"$D/said"
	run_sbx env SBX_STATE="$D/m2" sbx-election tally "$D/said"
	best=$(jq -r .best <<<"$output")
	for n in hub m1 m2 m3; do
		before=$(snapshot "$D/$n" | grep -v ledger.db-)
		at "$n" sbx-election -n gate
		assert_eq "$(snapshot "$D/$n" | grep -v ledger.db-)" "$before" "-n"
		at "$n" sbx-election gate
		assert_eq "$(gate_of "$n")" "$best" "$n follows it"
		inode=$(stat -c %i "$D/$n/run/fleet/gate")
		at "$n" sbx-election gate
		assert_eq "$(stat -c %i "$D/$n/run/fleet/gate")" "$inode" "a second time"
	done
	# Two intervals later the first in the line may record it, or, if that is
	# the gate itself, the second after three.
	export SBX_NOW=2026-07-01T12:03:00Z
	say_all
	for n in hub m1 m2 m3; do
		at "$n" sbx-election gate
		spread
	done
	best=$(gate_of hub)
	[ "$best" = "$(did hub)" ] && g=hub o=m1 || g=m1 o=hub
	for n in m1 m2 m3; do assert_eq "$(gate_of $n)" "$best" "$n, later"; done
	SBX_STATE=$D/m3 sbx-ledger export | grep '"term"' >"$D/terms"
	assert_eq "$(jq -r '[.payload.term, .payload.gate] | @tsv' "$D/terms")" "1	$best" "one term"
	assert_ne "$(jq -r .author "$D/terms")" "$best" "by another than the gate"
	at m2 sbx-election -j -n gate
	assert_eq "$(jq -r 'select(.status == "gate") | [.did, .term] | @tsv' <<<"$output")" "$best	1" "as m2 lists it"
	assert_eq "$(jq -r 'select(.status == "next").did' <<<"$output")" "$(did "$o")" "who would be next"
	export SBX_NOW=2026-07-01T12:04:00Z
	say_all
	at "$g" 1 sbx-election drain
	assert_has "$stderr" "3 of 3 members have not moved yet" "not safe yet"
	assert_hint sbx-election
	spread
	for n in m2 m3 "$o"; do
		at "$n" sbx-election gate
		assert_eq "$(gate_of "$n")" "$(did "$o")" "$n has moved"
		at "$n" sbx-election snapshot
	done
	spread
	at "$g" sbx-election drain
	assert_has "$stderr" "safe to stop" "now it is"
	at "$g" sbx-election undrain
	spread
	at m2 sbx-election gate
	assert_eq "$(gate_of m2)" "$(did "$o")" "it does not take it back"
}

@test "the topology is what the ends say, as a table, rows and a graph" {
	say_all
	at m2 sbx-election topology
	assert_eq "$(wc -l <<<"$output")" 5 "hub-m1 and two spokes with two hubs"
	at m2 sbx-election topology -j
	assert_eq "$(jq -r .kind <<<"$output" | sort | uniq -c | tr -s ' \n' ' ')" " 5 edge 4 node " "edges and nodes"
	assert_eq "$(jq -r 'select(.kind == "edge") | .active' <<<"$output" | sort -u)" true "all are active"
	at m2 sbx-election topology --dot
	assert_eq "$(grep -c ' -- ' <<<"$output")" 5 "edges of the graph"
	assert_eq "$(grep -c 'shape=box' <<<"$output")" 2 "hubs"
	! command -v dot >/dev/null || run_sbx dot -Tplain <<<"$output"
	export SBX_NOW=2026-07-01T12:05:00Z
	at m2 sbx-election topology -j
	assert_eq "$output" "" "statements that have ended"
}
