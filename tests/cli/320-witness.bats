#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Nodes witness each other's logs: what is cosigned, collected and believed.

load ../lib/helpers

setup() {
	export SBX_NOW=2026-07-01T12:00:00Z
	D=$BATS_TEST_TMPDIR
	for n in hub ann bob; do
		node $n
		SBX_STATE=$D/$n sbx-ledger init --no-recovery >"$D/$n.did"
	done
	printf '[witness]\nquorum = 2\nann = %s\nbob = %s\n' \
		"$(cat "$D/ann.did")" "$(cat "$D/bob.did")" >"$D/hub/sbx.conf"
	ban 1
	publish hub
}

ban() { # N: an entry more of the hub's
	printf '{"ban_id":"%064d","ip":"192.0.2.1","reason":"","severity":1,"expires_at":null}' "$1" |
		SBX_STATE=$D/hub sbx-ledger append ban_publish >/dev/null
}

publish() {
	SBX_STATE=$D/$1 sbx-ledger publish
}

# NODE sees the hub's log and cosigns it.
witness() {
	SBX_STATE=$D/$1 sbx-pull -q "$D/hub/www" && publish "$1"
}

cosigned() { # NODE: its cosigned copy of the hub's head
	echo "$D/$1/www/w/$(printf '%s/log' "$(cat "$D/hub.did")" | sha256sum | cut -c1-64)/checkpoint"
}

witnessed() {
	SBX_STATE=$D/hub sbx-ledger -j status | jq -r .witnessed
}

@test "a head that was pulled is cosigned and published as C2SP has it" {
	witness ann
	note=$(cosigned ann)
	head -n 5 "$note" | cmp - <(head -n 5 "$D/hub/www/checkpoint") || fail "not the hub's note"
	assert_like "$(sed -n 6p "$note")" "^— $(cat "$D/ann.did")/witness [A-Za-z0-9+/=]{102,104}$" "the cosignature"
	before=$(snapshot "$D/ann/www")
	SBX_NOW=2026-07-01T12:00:01Z publish ann # a cosignature has its time in it
	assert_eq "$(snapshot "$D/ann/www")" "$before" "the same head was signed again"
	ban 2
	publish hub
	witness ann
	assert_eq "$(sed -n 2p "$note")" 3 "the next head"
}

@test "what others wrote under a head is neither kept nor passed on" {
	for i in $(seq 60); do
		printf '— x%d.example %s\n' "$i" "$(printf '%01500d' 0)"
	done >>"$D/hub/www/checkpoint"
	witness ann
	assert_eq "$(wc -l <"$(cosigned ann)")" 6 "lines of the note: three, none, the log's and ours"
	require sqlite3
	assert_eq "$(sqlite3 "$D/ann/ledger.db" "select note from peer")" "$(head -n 5 "$D/hub/www/checkpoint")" "what is kept"
}

@test "a quorum of witnesses makes the log witnessed" {
	assert_eq "$(witnessed)" 0 "before anybody"
	at hub 1 sbx-ledger --witnessed status
	assert_says sbx-ledger "witnessed are 0 of 2 entries"
	witness ann
	at hub sbx-pull "$D/ann/www" # ann's own entry makes three
	assert_eq "$(witnessed)" 0 "after one of two"
	witness bob
	at hub sbx-pull "$D/bob/www"
	assert_eq "$(witnessed)" 2 "after both"
	at hub 1 sbx-ledger --witnessed export
	assert_says sbx-ledger "witnessed are 2 of 4 entries"
	publish hub
	for n in ann bob; do
		witness $n
		at hub sbx-pull "$D/$n/www"
	done
	assert_eq "$(witnessed)" 4 "when all is signed"
	at hub sbx-ledger --witnessed export
	at hub sbx-offer --witnessed list
	at hub sbx-ledger status -v
	assert_has "$output" "witness        4 by ann at 2026-07-01T12:00:00" "-v"
	ban 2
	at hub 1 sbx-offer --witnessed list
	at ann 2 sbx-ledger --witnessed status
	assert_says sbx-ledger "no witness is named"
}

@test "the cosignatures that were collected are published with the head" {
	own=$D/hub/www/w/$(printf '%s/log' "$(cat "$D/hub.did")" | sha256sum | cut -c1-64)/checkpoint
	for n in ann bob; do
		witness $n
		at hub sbx-ledger -q publish # at first there is none
	done
	assert_no_file "$own" "cosigned by nobody"
	SBX_STATE=$D/hub sbx-pull -q "$D/ann/www" "$D/bob/www"
	publish hub
	assert_no_file "$own" "a newer head was cosigned by nobody"
	for n in ann bob; do
		witness $n
		cp "$D/hub/www/checkpoint" "$D/head"
		SBX_STATE=$D/hub sbx-pull -q "$D/$n/www"
	done
	assert_eq "$(witnessed)" "$(sed -n 2p "$D/head")" "not witnessed"
	publish hub
	head -n 5 "$own" | cmp - <(head -n 5 "$D/hub/www/checkpoint") || fail "not the head"
	assert_eq "$(sed -n '6,$p' "$own" | cut -d' ' -f2 | cut -d/ -f1 | paste -sd' ')" \
		"$(cat "$D/ann.did" "$D/bob.did" | paste -sd' ')" "who has signed"
	before=$(snapshot "$D/hub/www")
	publish hub
	assert_eq "$(snapshot "$D/hub/www")" "$before" "written again"
}

# The log's key and the witness's have signed it, and it is of the same size.
@test "a cosignature of another text is not put under the head" {
	own=$D/hub/www/w/$(printf '%s/log' "$(cat "$D/hub.did")" | sha256sum | cut -c1-64)/checkpoint
	for n in ann bob; do # their entries are there before the head
		publish $n
		SBX_STATE=$D/hub sbx-pull -q "$D/$n/www"
	done
	publish hub
	witness ann
	{
		head -n 3 "$D/hub/www/checkpoint"
		echo "a line that extends it"
	} >"$D/text"
	tlog() {
		python3 "$BATS_TEST_DIRNAME/../lib/tlog.py" "$@"
	}
	tlog sign "$D/text" "$(cat "$D/hub.did")/log" "$(cat "$D/hub/log.key")" >"$D/note"
	tlog cosign "$D/note" "$(cat "$D/ann.did")/witness" "$(cat "$D/ann/witness.key")" \
		1782910800 >"$(cosigned ann)"
	SBX_STATE=$D/hub sbx-pull -q "$D/ann/www"
	publish hub
	assert_no_file "$own" "the witness has not signed that head"
	witness bob
	SBX_STATE=$D/hub sbx-pull -q "$D/bob/www"
	publish hub
	assert_eq "$(grep -c '^— ' "$own")" 2 "the log's line and bob's"
	SBX_STATE=$D/hub sbx-ledger -j status >"$D/keys"
	SBX_STATE=$D/bob sbx-ledger -j status >"$D/bobs"
	tlog verify "$own" "$(jq -r .log_key "$D/keys")" "$(jq -r .witness_key "$D/bobs")"
}

@test "a witness asked for what it has not signed yet costs one request more" {
	publish ann
	at hub sbx-pull "$D/ann/www"
	assert_eq "$(witnessed)" 0 "from nothing"
	witness ann
	at hub sbx-pull "$D/ann/www"
	at hub sbx-ledger -j status
	assert_eq "$(jq -c '[.witnesses[]|.size]' <<<"$output")" '[2,0]' "of each"
}

@test "a cosignature that was changed, or is of another log, does not count" {
	witness ann
	note=$(cosigned ann)
	cp "$note" "$D/good"
	sed -i '6s/\(.*\) \(.\{30\}\)./\1 \2x/' "$note"
	run env SBX_STATE="$D/hub" sbx-pull "$D/ann/www"
	assert_eq "$status" 1 "a changed cosignature"
	sed -n 1,5p "$D/good" >"$note"
	at hub sbx-pull "$D/ann/www"
	at hub sbx-ledger -j status
	assert_eq "$(jq -c '[.witnesses[]|.size]' <<<"$output")" '[0,0]' "what counts"
	cp "$D/good" "$note"
	at hub sbx-pull "$D/ann/www"
	at hub sbx-ledger -j status
	assert_eq "$(jq -c '[.witnesses[]|.size]' <<<"$output")" '[2,0]' "the good one"
	sqlite3 "$D/hub/ledger.db" "update witness set note=replace(note, char(10)||'2'||char(10), char(10)||'1'||char(10))"
	at hub sbx-ledger -j status
	assert_eq "$(jq -c '[.witnesses[]|.size]' <<<"$output")" '[0,0]' "a changed row"
}

@test "nobody witnesses for somebody else" {
	witness ann
	sed "s|^bob = .*|bob = $(cat "$D/ann.did")|" "$D/hub/sbx.conf" >"$D/twice"
	run_sbx 2 env SBX_CONF="$D/twice" SBX_STATE="$D/hub" sbx-ledger status
	assert_has "$stderr" "is given twice" "two votes"
	# bob's site shows what ann has signed
	publish bob
	mkdir -p "$D/bob/www/w"
	cp -r "$D/ann/www/w/." "$D/bob/www/w"
	cp "$D/ann/www/witness-key" "$D/bob/www/witness-key"
	run env SBX_STATE="$D/hub" sbx-pull "$D/bob/www"
	at hub sbx-ledger -j status
	assert_eq "$(jq -c '[.witnesses[]|.size]' <<<"$output")" '[0,0]' "ann's for bob's"
}

# I33
@test "a log that contradicted itself is witnessed no more" {
	cp -a "$D/hub" "$D/twin"
	ban 2
	publish hub
	witness ann
	seen=$(cat "$(cosigned ann)")
	SBX_STATE=$D/twin sbx-member trust "$(cat "$D/ann.did")" >/dev/null
	printf '{"ban_id":"%064d","ip":"192.0.2.9","reason":"","severity":1,"expires_at":null}\n' 7 8 9 |
		SBX_STATE=$D/twin sbx-ledger append --lines ban_publish >/dev/null
	SBX_STATE=$D/twin sbx-ledger publish
	at ann 1 sbx-pull --repin "$D/twin/www"
	publish ann
	assert_eq "$(cat "$(cosigned ann)")" "$seen" "it was signed"
	rm -r "$D/ann/forks"
	publish ann
	assert_eq "$(sed -n 2p "$(cosigned ann)")" 5 "after somebody has looked into it"
}

# I33
@test "a log begun anew under its origin is not cosigned by the same key, and that is said" {
	witness ann
	seen=$(cat "$(cosigned ann)")
	SBX_NOW=2026-07-01T13:00:00Z SBX_STATE=$D/hub sbx-ledger publish --anew
	ban 2
	publish hub
	SBX_STATE=$D/ann sbx-pull -q "$D/hub/www"
	for word in "sbx-ledger publish" "sbx-pull -p $D/hub/www"; do
		# shellcheck disable=SC2086 # words
		at ann $word
		assert_has "$stderr" "is another log under that origin than the one of 2 entries" "$word"
		assert_hint "${word%% *}"
		assert_eq "$(cat "$(cosigned ann)")" "$seen" "it was signed, by $word"
	done
	witness bob # who has seen nothing of the first
	assert_eq "$(sed -n 2p "$(cosigned bob)")" 3 "another witness"
	# A witness with another key is another witness.
	rm "$D/ann/witness.key" "$D/ann/witness-key"
	publish ann
	assert_eq "$(sed -n 2p "$(cosigned ann)")" 3 "under another key"
}

@test "an older database does not sign what it has signed past" {
	cp -a "$D/ann" "$D/before"
	SBX_STATE=$D/before sbx-pull -q "$D/hub/www"
	ban 2
	publish hub
	witness ann
	seen=$(cat "$(cosigned ann)")
	cp "$D/before"/ledger.db* "$D/ann/"
	rm "$D/ann/head"
	publish ann
	assert_eq "$(cat "$(cosigned ann)")" "$seen" "an older head was signed"
}

# I33
@test "a witness put back from a copy still holds a log to what it has cosigned" {
	cp -a "$D/hub" "$D/twin"
	SBX_STATE=$D/ann sbx-pull -q "$D/hub/www"
	SBX_STATE=$D/ann sbx-ledger backup "$D/copy"
	ban 2
	publish hub
	witness ann
	seen=$(cat "$(cosigned ann)")
	rm "$D/ann/ledger.db"* "$D/ann/head"
	SBX_STATE=$D/ann sbx-ledger -q restore "$D/copy"
	# The hub's twin goes on from what the copy knows, not from what was signed.
	printf '{"ban_id":"%064d","ip":"192.0.2.9","reason":"","severity":1,"expires_at":null}\n' 7 8 9 |
		SBX_STATE=$D/twin sbx-ledger append --lines ban_publish >/dev/null
	publish twin
	at ann 1 sbx-pull --repin "$D/twin/www"
	assert_has "$stderr" "rewrote its log: 3 entries seen before, 5 now" "not said"
	publish ann
	assert_eq "$(cat "$(cosigned ann)")" "$seen" "it signed what contradicts it"
	rm -r "$D/ann/forks"
	# What goes on from there it signs.
	rm "$D/ann/ledger.db"* "$D/ann/head"
	SBX_STATE=$D/ann sbx-ledger -q restore "$D/copy"
	ban 3
	publish hub
	witness ann
	assert_eq "$(sed -n 2p "$(cosigned ann)")" 4 "the true one"
}

@test "a ledger that is older than what its witnesses hold is told so" {
	cp -a "$D/hub" "$D/before"
	ban 2
	publish hub
	witness ann
	rm "$D/before/head"
	printf '{"ban_id":"%064d","ip":"192.0.2.9","reason":"","severity":1,"expires_at":null}\n' 7 8 |
		SBX_STATE=$D/before sbx-ledger append --lines ban_publish >/dev/null
	SBX_STATE=$D/before sbx-ledger publish
	# A line by no key of the hub's, in its name.
	sed -i "5i— $(cat "$D/hub.did")/log AAAAAAAA" "$(cosigned ann)"
	at before 1 sbx-pull "$D/ann/www"
	assert_has "$stderr" "holds a head of this log, 3 entries, that the ledger does not continue" "not said"
	assert_hint sbx-pull
	head -n 5 "$D/hub/www/checkpoint" | cmp - "$D/before/head" || fail "it is not bound by what it has signed"
}

@test "the node key signs for the witness key once, and a pull never does" {
	witness ann
	mv "$D/ann/node.key" "$D/away"
	ban 2
	publish hub
	at ann sbx-pull --publish "$D/hub/www"
	assert_eq "$(sed -n 2p "$(cosigned ann)")" 3 "what a pull has cosigned"
	mv "$D/bob/node.key" "$D/away"
	at bob sbx-pull --publish "$D/hub/www"
	assert_no_file "$D/bob/www/w" "a pull made itself a witness"
}

# The older root over this journal's first rows, computed by itself.
old_root() { # NODE SIZE
	sqlite3 "$D/$1/ledger.db" "select lower(hex(hash)) from entry order by seq limit $2" |
		python3 -c 'import sys, hashlib
h = [bytes.fromhex(l) for l in sys.stdin.read().split()]
while len(h) > 1:
    if len(h) % 2: h.append(h[-1])
    h = [hashlib.blake2b(a + b, digest_size=32).digest() for a, b in zip(h[::2], h[1::2])]
print(h[0].hex())'
}

@test "what older nodes attest is checked against the older root" {
	require sqlite3 python3
	for i in 2 3 4; do ban $i; done
	for n in 1 2 5; do
		printf '{"domain":"","log_height":%d,"merkle_root":"%s"}' "$n" "$(old_root hub $n)" |
			SBX_STATE=$D/hub sbx-ledger append witness >/dev/null
	done
	# the root of two, said to be that of four
	printf '{"domain":"","log_height":4,"merkle_root":"%s"}' "$(old_root hub 2)" |
		SBX_STATE=$D/hub sbx-ledger append witness >/dev/null
	printf '{"domain":"","log_height":3,"merkle_root":"%064d"}' 0 |
		SBX_STATE=$D/hub sbx-ledger append witness >/dev/null
	printf '{"domain":"","log_height":900,"merkle_root":"%064d"}' 0 |
		SBX_STATE=$D/hub sbx-ledger append witness >/dev/null
	at hub sbx-ledger status -v
	assert_eq "$(sed -n 's/^attested *\([0-9]*\) .*: /\1 /p' <<<"$output" | paste -sd,)" \
		"1 holds,2 holds,3 not of this ledger,4 not of this ledger,5 holds,900 not of this ledger" "what it says"
}
