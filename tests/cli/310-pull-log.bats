#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# sbx-pull against a site with a checkpoint: what it asks for, what it believes.

load ../lib/helpers
load ../lib/site

setup() {
	export SBX_NOW=2026-07-01T12:00:00Z
	D=$BATS_TEST_TMPDIR W=$D/www
	for n in hub ann; do
		node $n
		SBX_STATE=$D/$n sbx-ledger init --no-recovery >"$D/$n.did"
	done
	mkdir "$W"
}

teardown() {
	stop_servers
}

bans() { # NODE FROM TO: so many entries more
	for i in $(seq "$2" "$3"); do
		printf '{"ban_id":"%064d","ip":"192.0.2.1","reason":"scan","severity":1,"expires_at":null}\n' "$i"
	done | SBX_STATE=$D/$1 sbx-ledger append --lines ban_publish >/dev/null
}

publish() { # NODE [DIR]
	SBX_STATE=$D/$1 sbx-ledger publish "${2:-$W}"
}

entries() {
	SBX_STATE=$D/$1 sbx-ledger export | wc -l
}

flip() { # FILE OFFSET: another bit there
	python3 -c 'import sys
f = open(sys.argv[1], "r+b"); f.seek(int(sys.argv[2])); b = f.read(1)[0]
f.seek(int(sys.argv[2])); f.write(bytes([b ^ 1]))' "$1" "$2"
}

@test "an unchanged site costs two requests and no more than 400 bytes" {
	bans hub 1 300
	publish hub
	serve "$W"
	at ann sbx-pull "$URL"
	assert_eq "$output" "$URL: 301 new, 0 known, 0 refused" "the summary"
	asked >/dev/null
	at ann sbx-pull "$URL"
	assert_eq "$output" "$URL: 0 new, 301 known, 0 refused" "the second time"
	kill -HUP "${SERVERS[0]}"
	sleep .1
	assert_like "$(paste -sd' ' "$D/log")" '^/checkpoint 304 [-0] /now.jsonl 304 [-0]$' "what was asked"
}

@test "from a server that knows no ETag an unchanged log costs no more" {
	bans hub 1 3
	publish hub
	slow "$W" /none 0
	at ann sbx-pull "$URL"
	: >"$D/log"
	at ann sbx-pull "$URL"
	assert_eq "$output" "$URL: 0 new, 4 known, 0 refused" "the second time"
	assert_eq "$(grep -c GET "$D/log")" 2 "requests: $(cat "$D/log")"
	[ "$(stat -c %s "$W/checkpoint")" -le 400 ] || fail "the checkpoint is long"
}

@test "a log that has grown is asked for its new tile and bundle alone" {
	bans hub 1 300
	publish hub
	serve "$W"
	at ann sbx-pull "$URL"
	asked >/dev/null
	bans hub 301 301
	publish hub
	at ann sbx-pull "$URL"
	assert_eq "$output" "$URL: 1 new, 301 known, 0 refused" "the summary"
	assert_eq "$(asked)" "/checkpoint /tile/0/001.p/46 /tile/entries/001.p/46 /now.jsonl" "requests"
}

@test "a second peer with the same entries is asked for hashes, for no entry" {
	bans hub 1 300
	publish hub
	at ann sbx-pull "$W"
	node bob
	SBX_STATE=$D/bob sbx-ledger init --no-recovery >/dev/null
	at bob sbx-pull "$W"
	publish bob "$D/www2"
	serve "$D/www2"
	at ann sbx-pull "$URL"
	assert_eq "$output" "$URL: 1 new, 301 known, 0 refused" "the summary"
	assert_eq "$(asked)" \
		"/checkpoint /log-key /tile/0/000 /tile/entries/000 /tile/0/001.p/46 /now.jsonl" "requests"
}

# I32
@test "a pull that is killed goes on with the bundle it had not stored" {
	bans hub 1 800
	publish hub
	slow "$W" /tile/entries/002 30
	SBX_STATE=$D/ann sbx-pull "$URL" >/dev/null 2>&1 3>&- &
	pid=$!
	for _ in $(seq 500); do
		[ "$(entries ann)" -ge 513 ] && break
		sleep .02
	done
	kill -9 $pid
	wait $pid || :
	assert_eq "$(entries ann)" 513 "what was stored"
	kill "${SERVERS[0]}"
	wait "${SERVERS[0]}" || :
	slow "$W" /none 0 "$PORT"
	at ann sbx-pull "$URL"
	assert_eq "$output" "$URL: 289 new, 512 known, 0 refused" "the summary"
	assert_eq "$(grep -o '/tile[^ ]*' "$D/log" | paste -sd' ')" \
		"/tile/0/002 /tile/entries/002 /tile/0/003.p/33 /tile/entries/003.p/33" "requests"
	at ann sbx-ledger fsck -n
}

# I31, I33: both go on from the head before, each alone is sound.
@test "of two pulls at once, shown two logs of one node, the later is told to look again" {
	bans hub 1 5
	publish hub
	at ann sbx-pull "$W"
	publish ann "$D/ann/www"
	cp -r "$D/hub" "$D/twin"
	bans hub 6 6
	publish hub
	bans twin 7 8
	publish twin "$D/www2"
	aside "$D/www2" /tile/0/000.p/8 env SBX_STATE="$D/ann" sbx-pull -p "$W"
	at ann 4 sbx-pull "$URL"
	assert_has "$(cat "$D/aside")" "1 new, 6 known" "the other pull"
	assert_says sbx-pull "another pull has gone on with the log of $(cat "$D/hub.did") meanwhile"
	at ann 1 sbx-pull -p "$URL"
	assert_says sbx-pull "rewrote its log"
	at ann sbx-ledger check-proof "$D/ann/forks/$(cut -d: -f3 "$D/hub.did")"
	cosigned=$(grep -rlF "$(cat "$D/hub.did")/log" "$D/ann/www/w")
	assert_eq "$(sed -n 2p "$cosigned")" 7 "entries of the one head that ann has cosigned"
	at ann sbx-ledger fsck -n
}

@test "of two pulls of one log at once both are right, and neither takes the other back" {
	bans hub 1 600
	publish hub
	aside "$W" /tile/0/001 env SBX_STATE="$D/ann" sbx-pull "$W"
	at ann sbx-pull "$URL"
	assert_has "$(cat "$D/aside")" "601 new" "the other pull"
	at ann sbx-pull "$W"
	assert_eq "$output" "$W: 0 new, 601 known, 0 refused" "the next"
	bans hub 601 601
	publish hub
	cp -r "$W" "$D/old"
	bans hub 602 602
	publish hub
	aside "$D/old" /tile/0/002.p/90 env SBX_STATE="$D/ann" sbx-pull "$W"
	at ann 4 sbx-pull "$URL"
	assert_says sbx-pull "another pull has gone on"
	require sqlite3
	assert_eq "$(sqlite3 "$D/ann/ledger.db" "select size from peer")" 603 "how far it is remembered"
	at ann sbx-pull "$W"
	assert_eq "$output" "$W: 0 new, 603 known, 0 refused" "the one after that"
	at ann sbx-ledger fsck -n
}

@test "a directory is followed as a site is" {
	bans hub 1 300
	publish hub
	at ann sbx-pull "$W"
	assert_eq "$output" "$W: 301 new, 0 known, 0 refused" "the summary"
	bans hub 301 600
	publish hub
	rm -r "$W/tile/entries/000" "$W/tile/0/000"
	at ann sbx-pull "$W"
	assert_eq "$output" "$W: 300 new, 301 known, 0 refused" "what is known was read"
}

# The hub's box, as it was when it had one entry, says something else.
twin() {
	cp -a "$D/hub" "$D/twin"
}

# I31
# As from a cache that keeps the checkpoint longer than what it asks for.
@test "where a partial tile is gone, the full one stands in for it" {
	bans hub 1 100
	publish hub
	cp "$W/checkpoint" "$D/old"
	bans hub 101 300
	publish hub
	rm -rf "$W/tile/0/000.p" "$W/tile/entries/000.p"
	cp "$D/old" "$W/checkpoint"
	serve "$W"
	at ann sbx-pull "$URL"
	assert_eq "$output" "$URL: 101 new, 0 known, 0 refused" "the head's entries and no more"
	publish hub
	at ann sbx-pull "$URL"
	assert_eq "$output" "$URL: 200 new, 101 known, 0 refused" "it did not go on"
}

@test "a log whose history was rewritten is flagged, and its entries are taken" {
	publish hub
	twin
	bans hub 1 300
	publish hub
	serve "$W"
	at ann sbx-pull "$URL"
	bans twin 301 620
	publish twin "$D/www2"
	cp "$W/checkpoint" "$D/seen"
	rm -r "$W"
	mv "$D/www2" "$W"
	at ann 1 sbx-pull "$URL"
	assert_has "$stderr" "rewrote its log: 301 entries seen before, 321 now" "not said"
	assert_hint sbx-pull
	forks=$D/ann/forks/$(cut -d: -f3 "$D/hub.did")
	head -n 5 "$D/seen" | cmp - "$forks"/301-* || fail "the head seen before is not kept"
	head -n 5 "$W/checkpoint" | cmp - "$forks"/321-* || fail "the head shown now is not kept"
	cmp "$W/log-key" "$forks/log-key" || fail "whose key that was is not kept"
	assert_eq "$(entries ann)" 622 "the entries of both"
	at ann sbx-ledger -j status
	assert_eq "$(jq .forks <<<"$output")" 1 "the forks that status tells"
	at ann sbx-ledger fsck -n
	at ann sbx-pull "$URL"
}

@test "two heads of one size are a fork" {
	publish hub
	twin
	bans hub 1 1
	publish hub
	at ann sbx-pull "$W"
	bans twin 2 2
	rm -r "$W"
	publish twin
	at ann 1 sbx-pull "$W"
	assert_has "$stderr" "rewrote its log: 2 entries seen before, 2 now" "not said"
	assert_eq "$(ls "$D/ann/forks"/*/2-* | wc -l)" 2 "the heads kept"
	assert_eq "$(ls "$D/ann/forks"/* | wc -l)" 3 "with their key, all there is to keep"
	assert_eq "$(entries ann)" 4 "the entry"
}

# I31
@test "the evidence of a fork convinces whoever has it alone, whatever the sizes" {
	publish hub
	for size in 2 3 4 7 8 9 260; do
		rm -rf "$D/one" "$D/two" "$D/who" "$D/evidence"
		cp -a "$D/hub" "$D/one"
		cp -a "$D/hub" "$D/two"
		node who
		SBX_STATE=$D/who sbx-ledger init --no-recovery >/dev/null
		bans one 1 $((size - 1))
		bans two 2 $((size + 4))
		publish one "$D/one/site"
		publish two "$D/two/site"
		at who sbx-pull "$D/one/site"
		at who 1 sbx-pull "$D/two/site"
		mv "$D/who/forks"/* "$D/evidence"
		run_sbx env -u SBX_STATE sbx-ledger check-proof "$D/evidence"
		assert_eq "$output" "ok: $(cat "$D/hub.did")/log contradicts itself: its heads of $size and of $((size + 4)) entries" "at $size"
	done
	run_sbx sbx-ledger check-proof -j -d "$(cat "$D/hub.did")" -k "$W/log-key" "$D/evidence"
	assert_eq "$(jq -c '[.fork,.from,.size]' <<<"$output")" '[true,260,264]' "-j"
	run_sbx 1 sbx-ledger check-proof -d "$(cat "$D/ann.did")" "$D/evidence"
	# Each file is needed, and none can be changed.
	for f in "$D/evidence"/260-* "$D/evidence"/proof-*; do
		mv "$f" "$D/away"
		run_sbx 1 sbx-ledger check-proof "$D/evidence"
		for at in $(seq 0 23 $(($(stat -c %s "$D/away") - 1))); do
			cp "$D/away" "$f"
			flip "$f" "$at"
			run_sbx 1 sbx-ledger check-proof "$D/evidence"
			assert_says sbx-ledger "no two heads here contradict each other"
		done
		mv "$D/away" "$f"
	done
	run_sbx sbx-ledger check-proof "$D/evidence"
	publish ann "$D/ann/site" # another's key
	cp "$D/ann/site/log-key" "$D/evidence/log-key"
	run_sbx 1 sbx-ledger check-proof "$D/evidence"
	# A log that goes on, as it should, is no fork.
	mkdir "$D/honest"
	cp "$D/one/site/log-key" "$D/honest"
	cp "$D/one/site/checkpoint" "$D/honest/1"
	bans one 900 900
	publish one "$D/one/site"
	cp "$D/one/site/checkpoint" "$D/honest/2"
	SBX_STATE=$D/one sbx-ledger prove --from 260 >"$D/honest/proof-260-261"
	run_sbx 1 sbx-ledger check-proof "$D/honest"
}

# I31, I2
@test "whoever contradicts itself at every pull gets no disk for it" {
	publish hub
	for i in $(seq 20); do
		cp -a "$D/hub" "$D/twin$i"
		bans "twin$i" "$i" "$i"
		publish "twin$i" "$D/twin$i/www"
		SBX_STATE=$D/ann run sbx-pull "$D/twin$i/www"
		[ "$i" -eq 1 ] || assert_eq "$status" 1 "not flagged"
	done
	files=$(find "$D/ann/forks"/* -type f | wc -l)
	[ "$files" -le 32 ] || fail "$files files are kept"
	run_sbx sbx-ledger check-proof "$D/ann/forks"/*
}

@test "a log that becomes shorter is flagged, an older copy elsewhere is not" {
	bans hub 1 2
	publish hub
	cp -a "$W" "$D/copy"
	bans hub 3 4
	publish hub
	at ann sbx-pull "$W"
	at ann sbx-pull "$D/copy"
	assert_eq "$output" "$D/copy: 0 new, 3 known, 0 refused" "the copy"
	assert_no_file "$D/ann/forks" "the copy was flagged"
	rm -r "$W"
	mv "$D/copy" "$W"
	at ann 1 sbx-pull "$W"
	assert_has "$stderr" "went back in its log: 5 entries seen before, 3 now" "not said"
}

@test "a mirror that lags behind, and catches up a little, is no fork" {
	for n in 1 2 3; do
		bans hub "$n" "$n"
		publish hub
		cp -a "$W" "$D/of$n"
	done
	mv "$D/of1" "$D/mirror"
	at ann sbx-pull "$D/mirror"
	at ann sbx-pull "$W"
	at ann sbx-pull "$D/mirror" # as before, while another has shown more
	for n in 2 3; do
		rm -r "$D/mirror"
		cp -a "$D/of$n" "$D/mirror"
		at ann sbx-pull "$D/mirror"
	done
	assert_no_file "$D/ann/forks" "the mirror was called a fork"
	# What it has shown itself it cannot take back.
	rm -r "$D/mirror"
	mv "$D/of2" "$D/mirror"
	at ann 1 sbx-pull "$D/mirror"
	assert_has "$stderr" "went back in its log: 4 entries seen before, 3 now" "why"
}

@test "a shorter log whose tiles do not give its root is no evidence" {
	bans hub 1 2
	publish hub
	cp -a "$W" "$D/copy"
	bans hub 3 4
	publish hub
	at ann sbx-pull "$W"
	rm -r "$W"
	mv "$D/copy" "$W"
	# Two entries that ann knows, in another order.
	python3 -c 'import sys
p = sys.argv[1]; t = open(p, "rb").read()
open(p, "wb").write(t[32:64] + t[:32] + t[64:])' "$W/tile/0/000.p/3"
	at ann 3 sbx-pull "$W"
	assert_has "$stderr" "its tiles do not give the root it signs" "why"
	assert_no_file "$D/ann/forks" "a broken site was called a fork"
}

@test "tiles and bundles that are not what the head signs are refused" {
	bans hub 1 300
	publish hub
	cp -a "$W" "$D/good"
	flip "$W/tile/entries/000" 700
	at ann 3 sbx-pull "$W"
	assert_has "$stderr" "bundle 0 does not hold what its hashes say" "the bundle"
	assert_eq "$(entries ann)" 1 "something of the bundle was taken"
	cp "$D/good/tile/entries/000" "$W/tile/entries/000"
	rm "$W/tile/entries/001.p/45"
	at ann 3 sbx-pull "$W"
	assert_has "$stderr" "tile/entries/001 is missing" "the bundle"
	cp -r "$D/good/tile/entries/." "$W/tile/entries"
	flip "$W/tile/0/000" 3
	at ann sbx-pull "$W" # what was read and is right is not read again
	node bob
	SBX_STATE=$D/bob sbx-ledger init --no-recovery >/dev/null
	at bob 3 sbx-pull "$W"
	rm "$W/tile/entries/000"
	at ann sbx-pull "$W"
	rm -r "$W"
	mv "$D/good" "$W"
	at bob sbx-pull "$W"
	assert_eq "$(entries bob)" 302 "after all"
	assert_no_file "$D/bob/forks" "a broken site was called a fork"
}

# I2: nothing past its end is read.
# I31: each entry is in its place, by its hash, and all in another order.
@test "of a head whose tiles do not give its root nothing is remembered" {
	bans hub 1 3
	publish hub
	cp -a "$W" "$D/good"
	python3 - "$W/tile" 000.p/4 <<-'EOF'
		import sys
		p = sys.argv[1] + "/0/" + sys.argv[2]; t = open(p, "rb").read()
		open(p, "wb").write(t[:32] + t[64:96] + t[32:64] + t[96:])
		p = sys.argv[1] + "/entries/" + sys.argv[2]; b = open(p, "rb").read(); e = []
		while b:
		    n = 2 + int.from_bytes(b[:2], "big"); e.append(b[:n]); b = b[n:]
		open(p, "wb").write(e[0] + e[2] + e[1] + e[3])
	EOF
	for _ in 1 2; do
		at ann 3 sbx-pull "$W"
		assert_has "$stderr" "its tiles do not give the root it signs" "why"
		assert_eq "$(entries ann)" 5 "what stands on its own signatures"
	done
	at ann sbx-pull "$D/good"
	assert_no_file "$D/ann/forks" "a broken site was called a fork"
	at ann 3 sbx-pull --all "$W"
	assert_has "$stderr" "its tiles do not give the root it signs" "why"
}

@test "a tile that is not as many hashes as it should be is refused" {
	bans hub 1 300
	publish hub
	cp -a "$W" "$D/good"
	for size in 0 1 8160 8191; do
		truncate -s "$size" "$W/tile/0/000"
		at ann 3 sbx-pull "$W"
		assert_has "$stderr" "tile 0 is not 256 hashes" "of $size bytes"
		assert_eq "$(entries ann)" 1 "something was taken"
		cp "$D/good/tile/0/000" "$W/tile/0/000"
	done
	for size in 0 1408 1439; do
		truncate -s "$size" "$W/tile/0/001.p/45"
		at ann 3 sbx-pull "$W"
		assert_has "$stderr" "tile 1 is not 45 hashes" "of $size bytes"
		cp "$D/good/tile/0/001.p/45" "$W/tile/0/001.p/45"
	done
	at ann sbx-pull "$W"
	assert_eq "$(entries ann)" 302 "after all"
	assert_no_file "$D/ann/forks" "a broken site was called a fork"
}

big() { # NODE FROM TO: entries of some 14 KB
	python3 - "$2" "$3" <<-'END' | SBX_STATE=$D/$1 sbx-ledger append -l config_publish >/dev/null
		import json, sys
		for i in range(int(sys.argv[1]), int(sys.argv[2]) + 1):
		    print(json.dumps({"config_id": "c%d" % i, "scope": "mesh", "version": 1,
		        "content_hash": "%064d" % i, "payload": {"k%d" % k: "u" * 1000 for k in range(13)},
		        "payload_uri": None, "valid_from": "2026-07-01T12:00:00.000000+00:00",
		        "valid_until": None}))
	END
}

# A stranger says more than there is room for, then becomes a member.
joins_late() { # WHERE, a command that publishes hub to it
	at ann 3 sbx-pull "$1"
	assert_has "$stderr" "is no member and has had its room for the day" "not said"
	before=$(entries ann)
	[ "$before" -lt 82 ] || fail "nothing was refused"
	at ann sbx-pull "$1"
	assert_has "$output" "0 new, 81 known, 0 refused" "a stranger has it read twice"
	# Somebody else is a member now: it is read anew, refused anew, and owed still.
	at ann sbx-member trust "did:plc:$(printf '1%.0s' {1..32})"
	at ann 3 sbx-pull "$1"
	assert_has "$stderr" "is no member" "it was not looked at again"
	SBX_STATE=$D/ann sbx-member invite | SBX_STATE=$D/hub sbx-member -q accept
	SBX_STATE=$D/ann sbx-ledger export | grep invite_issue | SBX_STATE=$D/hub sbx-ledger -q import
	$2
	SBX_STATE=$D/ann run sbx-pull -q "$1"
	SBX_STATE=$D/ann run sbx-pull -q "$1"
	assert_eq "$(entries ann)" 85 "what was refused did not come by itself"
	assert_eq "$(sqlite3 "$D/ann/ledger.db" "select count(*) from local where key glob 'missed*'")" 0 "it is read anew for ever"
}

@test "what a stranger had no room for comes once it is a member" {
	big hub 1 80
	publish hub
	joins_late "$W" "publish hub"
	serve "$W"
	at ann sbx-pull "$URL"
	asked >/dev/null
	at ann sbx-pull "$URL"
	assert_eq "$(asked)" "/checkpoint /now.jsonl" "it is still read anew"
}

@test "of an export too, what a stranger had no room for comes once it is a member" {
	export_hub() {
		SBX_STATE=$D/hub sbx-ledger export >"$W/export.jsonl"
	}
	big hub 1 80
	export_hub
	serve "$W"
	joins_late "$URL" export_hub
}

@test "each byte of a checkpoint counts" {
	publish hub
	size=$(head -n 5 "$W/checkpoint" | wc -c) # then what it says of the time
	cp "$W/checkpoint" "$D/checkpoint"
	for at in $(seq 0 7 $((size - 1))); do
		cp "$D/checkpoint" "$W/checkpoint"
		flip "$W/checkpoint" "$at"
		run env SBX_STATE="$D/ann" sbx-pull "$W"
		[ "$status" -eq 1 ] || [ "$status" -eq 3 ] ||
			fail "byte $at was changed, and the pull ended with $status"
	done
	assert_eq "$(entries ann)" 1 "something was taken"
}

@test "another node's log at a known address is refused until that is meant" {
	publish hub
	serve "$W"
	at ann sbx-pull "$URL"
	node eve
	SBX_STATE=$D/eve sbx-ledger init --no-recovery >"$D/eve.did"
	rm -r "$W"
	publish eve
	at ann 1 sbx-pull "$URL"
	assert_has "$stderr" "the log of $(cat "$D/eve.did") is there, not of $(cat "$D/hub.did")" "not said"
	assert_hint sbx-pull
	assert_eq "$(entries ann)" 2 "something was taken"
	at ann sbx-pull --repin "$URL"
	assert_eq "$(entries ann)" 3 "not taken"
}

@test "a node that began a new log under a new key is followed, and that is said" {
	bans hub 1 3
	publish hub
	at ann sbx-pull "$W"
	SBX_NOW=2026-07-01T13:00:00Z SBX_STATE=$D/hub sbx-ledger publish --anew "$W"
	bans hub 4 4
	publish hub
	at ann sbx-pull "$W"
	assert_has "$stderr" "has begun a new log" "not said"
	assert_has "$output" "1 new, 4 known" "the summary"
	assert_no_file "$D/ann/forks" "it was called a fork"
}

@test "of an export, what was read before is not judged again" {
	bans hub 1 3
	SBX_STATE=$D/hub sbx-ledger export --old >"$D/good"
	mkdir "$W/log"
	sed '2s/scan/scam/' "$D/good" >"$W/log/export"
	serve "$W"
	at ann 3 sbx-pull "$URL"
	assert_eq "$output" "$URL: 3 new, 0 known, 1 refused" "the first time"
	at ann sbx-pull "$URL"
	assert_eq "$output" "$URL: 0 new, 4 known, 0 refused" "the second time"
	cp "$D/good" "$W/log/export"
	at ann sbx-pull "$URL"
	assert_eq "$output" "$URL: 1 new, 3 known, 0 refused" "when it changed"
	bans hub 4 4
	SBX_STATE=$D/hub sbx-ledger export --old >"$W/log/export"
	at ann sbx-pull "$URL"
	assert_eq "$output" "$URL: 1 new, 4 known, 0 refused" "when it grew"
}

# I18
@test "a hostile peer ends at its slot, and the next has its turn" {
	bans hub 1 3
	publish hub
	slow "$W" /tile/0/000.p/4 30
	printf '[pull]\nslot=1\n[peer bad]\nurl=%s\n' "$URL" >"$D/ann/sbx.conf"
	serve "$W"
	printf '[peer good]\nurl=%s\n' "$URL" >>"$D/ann/sbx.conf"
	start=$(date +%s%N)
	at ann 4 sbx-pull
	[ $(($(date +%s%N) - start)) -lt 4000000000 ] || fail "it took too long"
	assert_has "$stderr" "bad: " "the bad one"
	assert_eq "$output" "good: 4 new, 0 known, 0 refused" "the good one"
}

@test "on a terminal a long pull shows how far it is" {
	require script
	bans hub 1 600
	publish hub
	slow "$W" /tile/entries/001 1.3
	SBX_STATE=$D/ann TERM=dumb run script -qec "sbx-pull $URL" /dev/null
	assert_like "$output" "512 of 601 entries, [0-9]+/s, [0-9]+ s left" "no progress"
	assert_has "$output" "601 new" "the summary"
	bans hub 601 602
	publish hub
	SBX_STATE=$D/ann run script -qec "sbx-pull $URL" /dev/null
	assert_lacks "$output" "entries," "a short one shows it too"
}

@test "after a pull with --publish the head is of what was pulled" {
	publish ann "$D/ann/www"
	bans hub 1 2
	publish hub
	at ann sbx-pull --publish "$W"
	assert_eq "$(sed -n 2p "$D/ann/www/checkpoint")" 4 "the head's size"
}
