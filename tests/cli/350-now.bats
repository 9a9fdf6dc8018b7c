#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Statements: what members say about now, between nodes.

load ../lib/helpers
load ../lib/site
load ../lib/now

setup() {
	export SBX_NOW=2026-07-01T12:00:00Z
	D=$BATS_TEST_TMPDIR
	node hub
	SBX_STATE=$D/hub sbx-ledger init --no-recovery >"$D/hub.did"
}

teardown() {
	stop_servers
}

publish() {
	mkdir -p "$D/hub/www"
	at hub sbx-ledger publish
}

seqs() { # NODE
	at "$1" sbx-ledger now -j
	jq -r '"\(.did) \(.body.cpu)"' <<<"$output" | sort
}

@test "what a node says is listed, signed, and published at once" {
	publish
	at hub sbx-ledger now
	assert_eq "$output" "" "before anything was said"
	say hub 17
	at hub sbx-ledger now -j
	assert_eq "$(jq -c '[.type,.did,.body.cpu,.at,.until]' <<<"$output")" \
		"[\"Snapshot\",\"$(cat "$D/hub.did")\",17,\"2026-07-01T12:00:00.000000+00:00\",\"2026-07-01T12:10:00.000000+00:00\"]" "now -j"
	at hub sbx-ledger now --signed
	assert_eq "$(jq -r .statement.type <<<"$output")" Snapshot "the line"
	assert_eq "$(jq -c .signed "$D/hub/www/now.jsonl")" "$output" "the site"
	at hub sbx-ledger verify
	at hub sbx-ledger export
	assert_lacks "$output" Snapshot "it is in the journal"
}

@test "saying nothing that is understood is refused and changes nothing (I3)" {
	publish
	say hub
	before=$(snapshot "$D/hub")
	at hub 2 sbx-ledger say Weather <<<"$(body)"
	assert_says sbx-ledger "unknown type Weather"
	assert_hint sbx-ledger
	at hub 2 sbx-ledger say -t 999999999 Snapshot <<<"$(body)"
	at hub 3 sbx-ledger say Snapshot <<<'{"cpu":1}'
	at hub 3 sbx-ledger say Snapshot <<<'no'
	at hub 2 sbx-ledger now -t Weather
	at hub sbx-ledger say -n Snapshot <<<"$(body)"
	assert_like "$output" '^\{"author_pubkey"' "-n shows it"
	assert_eq "$(snapshot "$D/hub")" "$before" "the node"
	node alone
	at alone sbx-ledger init --no-recovery
	SBX_STATE=$D/hub sbx-member invite >"$D/token"
	at alone sbx-member accept <"$D/token"
	at hub sbx-ledger export
	at alone sbx-ledger import <<<"$output"
}

@test "statements go through a node that relays them" {
	members 2
	publish
	serve "$D/hub/www"
	say m1 11
	mkdir -p "$D/m1/www"
	at m1 sbx-ledger publish
	at hub sbx-pull -p "$D/m1/www"
	at m2 sbx-pull "$URL"
	assert_eq "$(seqs m2)" "$(cat "$D/m1.did") 11" "what the second heard"
	# A newer one takes its place; an older copy does not come back.
	cp "$D/hub/www/now.jsonl" "$D/old"
	say m1 12
	at hub sbx-pull -p "$D/m1/www"
	at m2 sbx-pull "$URL"
	assert_eq "$(seqs m2)" "$(cat "$D/m1.did") 12" "the newer one"
	cp "$D/old" "$D/hub/www/now.jsonl"
	at m2 sbx-pull -a "$URL"
	assert_eq "$(seqs m2)" "$(cat "$D/m1.did") 12" "after a replay"
}

@test "unchanged they cost one request without a body, changed what changed" {
	members 9
	publish
	for m in 1 2 3 4 5 6 7 8 9; do
		say "m$m"
		mkdir -p "$D/m$m/www"
		at "m$m" sbx-ledger publish
		at hub sbx-pull "$D/m$m/www"
	done
	at hub sbx-ledger publish
	serve "$D/hub/www"
	at m1 sbx-pull "$URL"
	at m1 sbx-ledger now
	assert_eq "${#lines[@]}" 9 "heard"
	asked >/dev/null
	at m1 sbx-pull "$URL"
	kill -HUP "${SERVERS[0]}"
	sleep .2
	assert_like "$(grep now "$D/log")" '^/now.jsonl 304 [-0]$' "a second visit"
	: >"$D/log"
	say m5 55
	at hub sbx-pull -p "$D/m5/www"
	at m1 sbx-pull "$URL"
	kill -HUP "${SERVERS[0]}"
	sleep .2
	assert_eq "$(grep now "$D/log")" "/now.jsonl 206 4096" "one that changed"
	assert_has "$(seqs m1)" "$(cat "$D/m5.did") 55" "it"
}

@test "a server that knows no parts and no ETag serves as well" {
	members 2
	publish
	for m in 1 2; do
		say "m$m" "$m"
		mkdir -p "$D/m$m/www"
		at "m$m" sbx-ledger publish
		at hub sbx-pull -p "$D/m$m/www"
	done
	slow "$D/hub/www" /none 0
	at m1 sbx-pull "$URL"
	say m2 22
	at hub sbx-pull -p "$D/m2/www"
	at m1 sbx-pull "$URL"
	assert_has "$(seqs m1)" "$(cat "$D/m2.did") 22" "the newer one"
}

@test "what is forged, a stranger's or too early is refused by name, the old one kept (I15)" {
	members 1
	publish
	node eve
	SBX_STATE=$D/eve sbx-ledger init --no-recovery >"$D/eve.did"
	body 66 | SBX_STATE=$D/eve sbx-ledger say -n Snapshot >"$D/strange"
	say m1 11
	SBX_STATE=$D/m1 sbx-ledger now --signed >"$D/good"
	say hub 1
	at m1 sbx-ledger publish "$D/site"
	at hub sbx-pull "$D/site"
	expected=$(seqs hub)
	export n=0
	try() { # REASON LINE
		printf '{"heard":%d,"signed":%s}\n' "$((++n + 90000))" "$2" >"$D/site/now.jsonl"
		at hub 3 sbx-pull "$D/site"
		assert_has "$stderr" "statement 1: " "$1: no number"
		assert_has "$stderr" "$1" "another reason"
		assert_eq "$(seqs hub)" "$expected" "$1: it changed"
	}
	try "bad signature" "$(jq -c '.statement.seq += 1' "$D/good")"
	try "by no member" "$(cat "$D/strange")"
	try "not the key's name" "$(jq -c --arg d "$(cat "$D/hub.did")" '.statement.did = $d' "$D/good")"
	try "unknown field more" "$(jq -c '.statement.body.more = 1' "$D/good")"
	try "longer than 4096" "$(jq -c --arg t "$(printf '%0100d' 0)" '.statement.body.services = [range(40) | $t]' "$D/good")"
	body 77 | SBX_NOW=2026-07-01T12:20:00Z SBX_STATE=$D/m1 sbx-ledger say -n Snapshot >"$D/early"
	try "ten minutes ahead" "$(cat "$D/early")"
	# Of an age or a version of its own is nobody's fault.
	jq -c '{heard: 95000, signed: (.statement.type = "Weather")}' "$D/good" >"$D/site/now.jsonl"
	at hub sbx-pull "$D/site"
	echo 'no line' >"$D/site/now.jsonl"
	at hub 3 sbx-pull -a "$D/site"
	assert_says sbx-pull "now.jsonl: line 1 is no statement"
	assert_eq "$(seqs hub)" "$expected" "it changed"
	# What is over is nobody's fault either.
	printf '{"heard":96000,"signed":%s}\n' "$(cat "$D/good")" >"$D/site/now.jsonl"
	SBX_NOW=2026-07-01T13:00:00Z at hub sbx-pull -a "$D/site"
}

@test "who is put out is not heard and not relayed any more" {
	members 1
	publish
	say m1 11
	at m1 sbx-ledger publish "$D/site"
	at hub sbx-pull -p "$D/site"
	assert_has "$(cat "$D/hub/www/now.jsonl")" "$(cat "$D/m1.did")" "relayed"
	SBX_NOW=2026-07-01T12:01:00Z at hub sbx-member revoke "$(cat "$D/m1.did")"
	export SBX_NOW=2026-07-01T12:02:00Z
	at hub sbx-ledger now
	assert_eq "$output" "" "it is listed"
	at hub sbx-ledger publish
	assert_lacks "$(cat "$D/hub/www/now.jsonl")" "$(cat "$D/m1.did")" "it is relayed"
	at hub 3 sbx-pull -a "$D/site"
	assert_has "$stderr" "by no member" "it is taken again"
}
