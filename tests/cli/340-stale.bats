#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Truncation and silent idle, as of sealed journals (journald's FSS,
# CVE-2023-31438): who is kept from what is new, or shown the same old head for
# ever, must not take it for a log with nothing to say.

load ../lib/helpers
load ../lib/site

setup() {
	export SBX_NOW=2026-07-01T12:00:00Z
	D=$BATS_TEST_TMPDIR W=$D/www
	for n in hub ann; do
		node $n
		SBX_STATE=$D/$n sbx-ledger init --no-recovery >"$D/$n.did"
	done
}

teardown() {
	stop_servers
}

# TIME [RC] [ARG...]: ann pulls her peer then.
pull() {
	local at=$1
	shift
	[ ${#at} -gt 8 ] || at=2026-07-01T${at}Z
	SBX_NOW=$at at ann "${1:-0}" sbx-pull "${@:2}"
}

peer() { # URL
	printf '[peer hub]\nurl = %s\n' "$1" >"$D/ann/sbx.conf"
}

status() { # TIME FILTER: what ann's status says then
	local at=$1
	[ ${#at} -gt 8 ] || at=2026-07-01T${at}Z
	SBX_NOW=$at SBX_STATE=$D/ann sbx-ledger -j status | jq -c "$2"
}

word() { # N: an entry more of the hub's
	printf '{"config_id":"c%d"}' "$1" |
		SBX_STATE=$D/hub sbx-ledger append config_revoke >/dev/null
}

publish() { # TIME [DIR]: of 2026-07-01, or a whole one
	local at=$1
	[ ${#at} -gt 8 ] || at=2026-07-01T${at}Z
	SBX_NOW=$at SBX_STATE=$D/hub sbx-ledger publish "${2:-$W}"
}

said() { # when the log's key has said that this is all
	sed -n 6p "$W/checkpoint" | cut -d' ' -f3 | base64 -d |
		python3 -c 'import sys, datetime as d
print(d.datetime.fromtimestamp(int.from_bytes(sys.stdin.buffer.read()[4:12], "big"), d.timezone.utc).strftime("%d %T"))'
}

# I35
@test "an idle log says so in one file, and no more often than it must" {
	for i in 1 2 3; do word $i; done
	publish 12:00:00
	files() {
		(cd "$D" && find www hub/head hub/said -type f -printf '%p %i %T@ %C@\n' | sort)
	}
	files >"$D/before"
	publish 12:59:59
	files | cmp - "$D/before" || fail "within a quarter of the time allowed something was written"
	publish 13:00:00
	files >"$D/after"
	assert_eq "$(diff "$D/before" "$D/after" | sed -n 's/^> \([^ ]*\).*/\1/p')" \
		www/checkpoint "what was written"
	assert_eq "$(said)" "01 13:00:00" "when it says so"
	printf '[pull]\nstale = 600\n' >"$D/hub/sbx.conf"
	publish 13:02:29
	assert_eq "$(said)" "01 13:00:00" "too often"
	publish 13:02:30
	assert_eq "$(said)" "01 13:02:30" "with another setting"
}

# I35
@test "a box that only pulls and publishes what is new vouches for its log too" {
	publish 12:00:00
	SBX_STATE=$D/ann sbx-ledger publish
	W=$D/ann/www
	mv "$D/ann/node.key" "$D/away"
	pull 12:00:00 0 -p "$D/www"
	before=$(snapshot "$D/ann/www")
	pull 12:59:59 0 -p "$D/www"
	assert_eq "$(snapshot "$D/ann/www")" "$before" "too early"
	pull 13:00:00 0 -p "$D/www"
	assert_eq "$(said)" "01 13:00:00" "when it says so"
	pull 14:00:00 0 -np "$D/www"
	pull 14:00:00 0 "$D/www"
	assert_eq "$(said)" "01 13:00:00" "unasked"
}

# I35
@test "a checkpoint stays within 400 bytes up to a million million entries" {
	publish 12:00:00
	size=$(stat -c %s "$W/checkpoint")
	[ $((size + 11)) -le 400 ] || fail "$size bytes with one digit"
}

# I35, I28
@test "who signs nothing does not say that this is all" {
	word 1
	publish 12:00:00
	cp -a "$D/hub" "$D/before"
	word 2
	publish 12:10:00
	cp "$D/hub/head" "$D/before/head"
	cp "$W/checkpoint" "$D/seen"
	SBX_NOW=2026-07-01T20:00:00Z at before 1 sbx-ledger publish "$W"
	cmp "$W/checkpoint" "$D/seen" || fail "an older ledger says that it is all there is"
}

# I35
@test "a clock that is put right does not make a log say an older time" {
	publish 12:09:00
	publish 12:00:00
	assert_eq "$(said)" "01 12:09:00" "after the clock went back nine minutes"
	# Nor is a signature dated later than it is made: it has to wait.
	word 1
	for now in 12:00:00 12:08:59; do
		publish $now
		assert_eq "$(sed -n 2p "$W/checkpoint")" 2 "the new head"
		assert_eq "$(sed -n 6p "$W/checkpoint")" "" "at $now"
	done
	publish 12:09:01
	assert_eq "$(said)" "01 12:09:01" "when the clock has come that far again"
	# Further ahead nobody believes it.
	publish 2026-07-04T00:00:00Z
	assert_eq "$(said)" "04 00:00:00" "with a clock that is days ahead"
	publish 12:30:00
	assert_eq "$(said)" "01 12:30:00" "when that is put right"
}

# I35
@test "a peer that shows the same for ever is told, by pull and by status" {
	word 1
	publish 12:00:00
	serve "$W"
	peer "$URL"
	pull 12:00:00
	assert_eq "$(status 12:00:00 '[.stale,.peers]')" \
		"[0,[{\"from\":\"$URL\",\"heard\":\"2026-07-01T12:00:00.000000+00:00\",\"name\":\"hub\",\"stale\":false}]]" "status"
	pull 16:00:00 # as long as it may be
	assert_eq "$stderr" "" "four hours are allowed"
	pull 16:00:01 1
	assert_says sbx-pull "hub: stale: nobody vouches for it since 2026-07-01T12:00:00"
	pull 16:00:01 1 -j
	assert_eq "$(jq -c '[.heard,.stale,.new]' <<<"$output")" '["2026-07-01T12:00:00.000000+00:00",true,0]' "pull -j"
	assert_like "$(jq -r .error <<<"$output")" "^stale: " "pull -j"
	assert_eq "$(status 16:00:01 '[.stale,.peers[0].stale]')" "[1,true]" "status -j"
	# as sbx-ledger(1) has it
	assert_eq "$(status 16:00:01 '.peers[] | select(.stale) | .name')" '"hub"' "for a cron job"
	SBX_NOW=2026-07-01T16:00:01Z at ann sbx-ledger status
	assert_has "$output" "stale          1" "status"
	assert_has "$output" "peer           hub vouched for at 2026-07-01T12:00:00.000000+00:00, stale" "status"
	publish 16:00:02
	pull 16:00:02
	assert_eq "$(status 16:00:02 .stale)" 0 "when it speaks again"
	SBX_NOW=2026-07-01T16:00:02Z at ann sbx-ledger status
	assert_lacks "$output" "peer  " "a peer that is well is told of without -v"
}

# I35
@test "a peer that is idle and alive is not stale" {
	word 1
	publish 12:00:00
	serve "$W"
	peer "$URL"
	pull 12:00:00
	asked >/dev/null
	for h in $(seq 13 3 19); do
		publish "$h:00:00"
		pull "$((h + 2)):30:00" 2>/dev/null
		assert_eq "$output$stderr" "hub: 0 new, 2 known, 0 refused" "at $h:30"
	done
	kill -HUP "${SERVERS[0]}"
	sleep .1
	assert_eq "$(grep -vcE '^/(checkpoint 200 [1-3]?[0-9]?[0-9]|now.jsonl 304 [-0])$' "$D/log")" 0 "more than a request of less than 400 bytes, and one without a body: $(cat "$D/log")"
	assert_eq "$(wc -l <"$D/log")" 6 "requests"
}

# I35
@test "from a server that knows no ETag, or hides the checkpoint, staleness is told too" {
	publish 12:00:00
	slow "$W" /none 0
	peer "$URL"
	pull 12:00:00
	pull 16:00:01 1
	assert_says sbx-pull "hub: stale: "
	mv "$W/checkpoint" "$D/away"
	pull 16:00:01 1
	assert_says sbx-pull "hub: stale: "
}

# I35
@test "a node that never vouches for its log, as older ones, is shown as such" {
	publish 12:00:00
	sed -i 6d "$W/checkpoint"
	serve "$W"
	peer "$URL"
	pull 12:00:00
	assert_has "$output" "1 new" "the log is not taken"
	pull 2026-07-31T12:00:00Z
	assert_eq "$stderr" "" "an alarm about nothing"
	assert_eq "$(status 2026-07-31T12:00:00Z '[.stale,.peers[0].heard,.peers[0].stale]')" "[0,null,false]" "status -j"
	at ann sbx-ledger status -v
	assert_has "$output" "peer           hub never vouched for" "status -v"
	# Once it did, it cannot be taken back.
	publish 2026-07-31T12:00:00Z
	pull 2026-07-31T12:00:00Z
	sed -i 6d "$W/checkpoint"
	pull 2026-07-31T16:00:00Z
	pull 2026-07-31T16:00:01Z 1
	assert_says sbx-pull "hub: stale: nobody vouches for it since 2026-07-31T12:00:00"
}

# I35
@test "an older answer of the same address is told at once, and moves nothing back" {
	word 1
	publish 12:00:00
	cp "$W/checkpoint" "$D/older"
	publish 13:00:00
	serve "$W"
	peer "$URL"
	pull 13:00:00
	cp "$D/older" "$W/checkpoint"
	pull 13:00:01 1
	assert_says sbx-pull "hub: an old answer again, vouched for at 2026-07-01T12:00:00"
	assert_has "$stderr" "after one of 2026-07-01T13:00:00" "after which"
	assert_eq "$(status 13:00:01 '.peers[0].heard')" '"2026-07-01T13:00:00.000000+00:00"' "what is remembered"
	pull 13:00:02 1 # and as long as that is so
	# What is older elsewhere, a mirror or a stick, is only older.
	cp -a "$W" "$D/mirror"
	pull 13:00:02 0 "$D/mirror"
	serve "$D/mirror"
	pull 13:00:02 0 "$URL"
	assert_eq "$(status 13:00:02 '.peers[0].heard')" '"2026-07-01T13:00:00.000000+00:00"' "what is remembered"
	publish 14:00:00
	pull 17:00:00
}

# I35
@test "who means another log to be there begins anew" {
	publish 12:00:00
	cp -a "$W" "$D/older"
	publish 13:00:00
	serve "$W"
	peer "$URL"
	pull 13:00:00
	cp "$D/older/checkpoint" "$W/checkpoint"
	pull 13:00:00 1
	pull 13:00:00 0 --repin
	assert_eq "$(status 13:00:00 '.peers[0].heard')" '"2026-07-01T12:00:00.000000+00:00"' "from when on it is held to"
	# Another's log, which never vouched, at the address of one that did.
	node eve
	SBX_STATE=$D/eve sbx-ledger init --no-recovery >/dev/null
	rm -r "$W"
	SBX_STATE=$D/eve sbx-ledger publish "$W"
	sed -i 6d "$W/checkpoint"
	pull 17:00:00 1 # the log of eve is there
	pull 17:00:00 0 --repin
	assert_eq "$(status 17:00:00 '.peers[0].heard')" null "another's word is taken for hers"
}

# I35
@test "nobody but the log's own key vouches for a log" {
	publish 12:00:00
	serve "$W"
	peer "$URL"
	pull 12:00:00
	publish 13:00:00
	cp "$W/checkpoint" "$D/good"
	SBX_STATE=$D/ann sbx-ledger publish "$D/ann/www" >/dev/null
	forge() { # NAME SEEDHEX
		head -n 5 "$D/good" >"$D/head"
		python3 "$BATS_TEST_DIRNAME/../lib/tlog.py" cosign "$D/head" "$1" "$2" 1782910800 >"$W/checkpoint"
	}
	name=$(cat "$D/hub.did")/log
	# Another log's key in its name, its own in another name, its node's key.
	forge "$name" "$(cat "$D/ann/log.key")"
	pull 13:00:00
	forge "$(cat "$D/hub.did")/witness" "$(cat "$D/hub/log.key")"
	pull 13:00:00
	forge "$name" "$(cat "$D/hub/node.key")"
	pull 13:00:00
	# Its own of another head, and each byte of it changed.
	word 1
	publish 13:00:00 "$D/other"
	{
		head -n 5 "$D/good"
		sed -n 6p "$D/other/checkpoint"
	} >"$W/checkpoint"
	pull 13:00:00 1 # a known key's line that does not hold
	at=$(head -n 5 "$D/good" | wc -c) size=$(stat -c %s "$D/good")
	for at in $(seq "$at" 11 $((size - 2))); do
		python3 -c 'import sys
b = bytearray(open(sys.argv[1], "rb").read()); b[int(sys.argv[3])] ^= 1
open(sys.argv[2], "wb").write(b)' "$D/good" "$W/checkpoint" "$at"
		run env SBX_NOW=2026-07-01T13:00:00Z SBX_STATE="$D/ann" sbx-pull
		[ "$status" -eq 0 ] || [ "$status" -eq 1 ] || [ "$status" -eq 3 ] ||
			fail "byte $at: $status"
	done
	assert_eq "$(status 13:00:00 '.peers[0].heard')" '"2026-07-01T12:00:00.000000+00:00"' "what counted"
	head -n 5 "$D/good" >"$W/checkpoint"
	pull 16:00:01 1
	cp "$D/good" "$W/checkpoint"
	pull 16:00:01
	assert_eq "$(status 13:00:00 '.peers[0].heard')" '"2026-07-01T13:00:00.000000+00:00"' "the good one"
	# And by the very name and key of the log it is no witness of itself.
	printf '[witness]\nquorum = 1\nself = %s\n' "$(cat "$D/hub.did")" >"$D/hub/sbx.conf"
	publish 13:00:00
	SBX_STATE=$D/hub sbx-pull -q "$W"
	assert_eq "$(SBX_STATE=$D/hub sbx-ledger -j status | jq .witnessed)" 0 "what it has witnessed itself"
}

# I35
@test "what is vouched for at a time to come does not count, the entries do" {
	publish 12:00:00
	serve "$W"
	peer "$URL"
	pull 12:00:00
	word 1
	publish 12:20:01
	pull 12:10:00 1
	assert_says sbx-pull "hub: vouches for its log at 2026-07-01T12:20:01.000000+00:00, which is to come: a clock is wrong"
	assert_eq "$(status 12:10:00 '[.entries,.peers[0].heard]')" '[3,"2026-07-01T12:00:00.000000+00:00"]' "what was taken"
	pull 12:10:00 1
	pull 12:10:01 # ten minutes ahead clocks may be
	assert_eq "$(status 12:10:01 '.peers[0].heard')" '"2026-07-01T12:20:01.000000+00:00"' "at the limit"
}

# I35
@test "members' nodes are watched by whose they are, wherever their log was seen" {
	printf '{"node_id":"%064d","boxname":"gk2","pubkey_wg":"%s","mesh_ip":"10.10.0.1","ddns":"","endpoint":""}' \
		1 "$(head -c 32 /dev/urandom | base64)" |
		SBX_STATE=$D/hub sbx-ledger append node_publish >/dev/null
	SBX_STATE=$D/ann sbx-member trust "$(cat "$D/hub.did")" >/dev/null
	publish 12:00:00
	cp -a "$W" "$D/copy"
	publish 13:00:00
	pull 13:00:00 0 "$W"
	pull 13:00:00 0 "$D/copy"
	assert_eq "$(status 17:00:00 .stale)" 0 "as long as it may be"
	assert_eq "$(status 17:00:01 '[.stale,.peers[].from,.peers[].heard]')" \
		'[1,"http://10.10.0.1:8799/","2026-07-01T13:00:00.000000+00:00"]' "status"
	pull 17:00:01 0 -j "$D/copy" # by hand it may be old
	assert_eq "$(jq -c '[.stale,.error]' <<<"$output")" "[true,null]" "pull -j"
}
