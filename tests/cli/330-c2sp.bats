#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# The published site as software that is not ours reads it: tests/lib/tlog.py
# knows C2SP's and RFC 6962's rules, and nothing of sbx.

load ../lib/helpers

setup() {
	require python3 openssl jq
	export SBX_NOW=2026-07-01T12:00:00Z
	D=$BATS_TEST_TMPDIR W=$D/hub/www
	TLOG=$BATS_TEST_DIRNAME/../lib/tlog.py
	node hub
	SBX_STATE=$D/hub sbx-ledger init --no-recovery >"$D/hub.did"
	did=$(cat "$D/hub.did")
}

tlog() {
	python3 "$TLOG" "$@"
}

publish() {
	SBX_STATE=$D/hub sbx-ledger publish
}

words() { # FROM TO: so many entries more
	seq -f '{"config_id":"c%.0f"}' "$1" "$2" |
		SBX_STATE=$D/hub sbx-ledger append -l config_revoke >/dev/null
}

log_vkey() {
	tlog vkey "$did/log" 1 "$(jq -r .delegation.log_key "$W/log-key")"
}

witness_conf() { # VKEY...
	{
		printf '[witness]\nquorum = 1\n'
		[ $# -eq 0 ] || printf 'far = %s\n' "$@"
	} >"$D/hub/sbx.conf"
}

# A witness that is no member of anything: its key, its site.
SEED=9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60
NAME=witness.example/w1

# NOTE TIME: what it publishes of that head.
far_site() {
	local dir
	dir=$D/far/w/$(printf '%s/log' "$did" | sha256sum | cut -c1-64)
	mkdir -p "$dir"
	tlog cosign "$1" "$NAME" "$SEED" "$2" >"$dir/checkpoint"
}

witnessed() {
	SBX_STATE=$D/hub sbx-ledger -j status | jq -r .witnessed
}

@test "a site of every size keeps all rules of tlog-tiles" {
	publish
	assert_like "$(tlog check "$W" "$(log_vkey)")" '^1 ' "one entry"
	for to in 2 254 255 256 300 511 512 700; do
		n=$(SBX_STATE=$D/hub sbx-ledger -j status | jq .entries)
		words "$n" $((to - 1))
		publish
		tlog check "$W" "$(log_vkey)" >"$D/said" || fail "at $to entries: $(cat "$D/said")"
		assert_eq "$(cat "$D/said")" "$to $(sed -n 3p "$W/checkpoint")" "size and root"
	done
	# Each partial tile that a checkpoint asked for is there until it is full.
	words 700 700
	publish
	assert_eq "$(ls "$W/tile/0/002.p" "$W/tile/entries/002.p" "$W/tile/1/000.p" | paste -sd' ')" \
		"$W/tile/0/002.p: 188 189  $W/tile/1/000.p: 1 2  $W/tile/entries/002.p: 188 189" "partial tiles"
	tlog check "$W" "$(log_vkey)"
}

@test "the reader finds what is wrong: it can fail" {
	words 1 300
	publish
	key=$(log_vkey)
	cp -a "$W" "$D/good"
	for f in checkpoint tile/0/000 tile/0/001.p/45 tile/1/000.p/1 tile/entries/000; do
		cp "$D/good/$f" "$D/byte"
		python3 -c 'import sys
f = open(sys.argv[1], "r+b"); f.seek(30); b = f.read(1); f.seek(30); f.write(bytes([b[0] ^ 1]))' "$D/byte"
		cp "$D/byte" "$W/$f"
		run ! tlog check "$W" "$key"
		cp "$D/good/$f" "$W/$f"
	done
	mkdir "$W/tile/0/000.p"
	head -c 32 "$W/tile/0/000" >"$W/tile/0/000.p/1"
	run ! tlog check "$W" "$key"
	rm -r "$W/tile/0/000.p"
	tlog check "$W" "$key"
}

@test "a log begun anew leaves no tile of the one before" {
	words 1 20
	publish
	words 21 30
	publish
	SBX_NOW=2026-07-01T13:00:00Z SBX_STATE=$D/hub sbx-ledger publish --anew
	tlog check "$W" "$(log_vkey)"
	assert_eq "$(ls "$W/tile/0/000.p")" 31 "tiles of another log"
}

@test "publishing one entry more touches what changes and nothing else" {
	words 1 600
	publish
	files() {
		(cd "$W" && find . -type f -printf '%P %i %T@ %C@\n' | sort)
	}
	files >"$D/before"
	words 601 601
	publish
	files >"$D/after"
	assert_eq "$(join -v1 "$D/before" "$D/after" | cut -d' ' -f1)" "" "something went"
	assert_eq "$(diff "$D/before" "$D/after" | sed -n 's/^> \([^ ]*\).*/\1/p' | paste -sd' ')" \
		"api/v1/annuaire/log/export checkpoint export.jsonl log/export tile/0/002.p/90 tile/entries/002.p/90" \
		"what was written"
}

# I35
@test "what a log says of itself is C2SP's cosignature by its key, over the right words" {
	words 1 300
	publish
	pub=$(jq -r .delegation.log_key "$W/log-key")
	own=$(tlog vkey "$did/log" 4 "$pub")
	assert_eq "$(tlog verify "$W/checkpoint" "$(log_vkey)" "$own")" "0 1782907200" "who says when"
	SBX_NOW=2026-07-01T13:00:00Z publish
	assert_eq "$(tlog verify "$W/checkpoint" "$(log_vkey)" "$own")" "0 1782910800" "an hour later"
	# Who knows nothing of it reads the same site; a witness's key is another.
	tlog check "$W" "$(log_vkey)"
	run ! tlog verify "$W/checkpoint" "$(tlog vkey "$did/witness" 4 "$pub")"
}

@test "a cosignature of ours is C2SP's, over the right words" {
	node ann
	SBX_STATE=$D/ann sbx-ledger init --no-recovery >"$D/ann.did"
	publish
	SBX_STATE=$D/ann sbx-pull -q "$W"
	SBX_STATE=$D/ann sbx-ledger publish
	note=$(echo "$D/ann/www/w"/*/checkpoint)
	key=$(tlog vkey "$(cat "$D/ann.did")/witness" 4 "$(jq -r .delegation.witness_key "$D/ann/www/witness-key")")
	assert_eq "$(tlog verify "$note" "$(log_vkey)" "$key")" "0 $(date -ud 2026-07-01T12:00:00Z +%s)" "who signed when"
	for n in hub ann; do
		SBX_STATE=$D/$n sbx-ledger -j status | jq -r '.log_key, .witness_key'
	done >"$D/keys"
	assert_eq "$(sed -n 1p "$D/keys")" "$(log_vkey)" "the key that the hub's status hands out"
	assert_eq "$(sed -n 4p "$D/keys")" "$key" "ann's, as a witness"
	SBX_STATE=$D/hub sbx-ledger prove 1 >"$D/proof"
	at ann sbx-ledger check-proof -k "$(sed -n 1p "$D/keys")" "$D/proof"
}

@test "a witness that is no member, by its C2SP key, is collected and counted" {
	key=$(tlog vkey "$NAME" 4 "$(tlog pub "$SEED")")
	witness_conf "$key"
	words 1 3
	publish
	SBX_STATE=$D/hub sbx-ledger -q export >"$D/all"
	mkdir -p "$D/far"
	cp -a "$W/." "$D/far" # it mirrors the log that it witnesses
	assert_eq "$(witnessed)" 0 "before"
	at hub 1 sbx-ledger --witnessed export
	assert_says sbx-ledger "witnessed are 0 of 4 entries"
	far_site "$W/checkpoint" 1782907200
	at hub sbx-pull "$D/far"
	assert_eq "$(witnessed)" 4 "after"
	at hub sbx-ledger status -v
	assert_has "$output" "witness        4 by far at 2026-07-01T12:00:00" "who and when"
	at hub sbx-ledger --witnessed export
	assert_eq "$output" "$(cat "$D/all")" "another export"
	publish
	own=$(echo "$W/w"/*/checkpoint)
	assert_eq "$(tlog verify "$own" "$(log_vkey)" "$key")" "0 1782907200" "the collected note, by another reader"
	words 4 4
	at hub 1 sbx-ledger --witnessed export
	assert_says sbx-ledger "witnessed are 4 of 5 entries"
}

@test "another key, another name, another text or a forged time do not count" {
	key=$(tlog vkey "$NAME" 4 "$(tlog pub "$SEED")")
	witness_conf "$key"
	publish
	mkdir -p "$D/far"
	cp -a "$W/." "$D/far"
	SEED=${SEED/9d/9e} far_site "$W/checkpoint" 1782907200 # known name, unknown id
	at hub sbx-pull "$D/far"
	assert_eq "$(witnessed)" 0 "another key"
	NAME=other.example/w far_site "$W/checkpoint" 1782907200
	at hub sbx-pull "$D/far"
	assert_eq "$(witnessed)" 0 "another name"
	far_site "$W/checkpoint" 1782907200
	note=$(echo "$D/far/w"/*/checkpoint)
	python3 - "$note" <<-'END'
		import base64, sys
		lines = open(sys.argv[1], encoding="utf-8").read().split("\n")
		head, _, sig = lines[-2].rpartition(" ")
		raw = bytearray(base64.b64decode(sig)); raw[11] ^= 1
		lines[-2] = head + " " + base64.b64encode(raw).decode()
		open(sys.argv[1], "w", encoding="utf-8").write("\n".join(lines))
	END
	at hub 1 sbx-pull "$D/far"
	assert_eq "$(witnessed)" 0 "a time that was not signed"
	far_site "$W/checkpoint" 1782907200
	at hub sbx-pull "$D/far"
	assert_eq "$(witnessed)" 1 "the good one"
}

# --witnessed, for whoever reads: refused past what the quorum has signed.
@test "every reading command takes --witnessed, and refuses until all is" {
	key=$(tlog vkey "$NAME" 4 "$(tlog pub "$SEED")")
	witness_conf "$key"
	publish
	reading=("sbx-ledger whoami" "sbx-ledger show" "sbx-ledger export"
		"sbx-ledger status" "sbx-ledger verify" "sbx-ledger prove 1"
		"sbx-member list" "sbx-member show $did" "sbx-member can $did attest"
		"sbx-member tally" "sbx-offer list" "sbx-offer subs"
		"sbx-why $did attest")
	for c in "${reading[@]}"; do
		# shellcheck disable=SC2086 # words
		SBX_STATE=$D/hub run --separate-stderr ${c%% *} --witnessed ${c#* }
		assert_eq "$status" 1 "$c answered what nobody has witnessed"
		assert_has "$stderr" "witnessed are 0 of 1 entries" "$c does not say why"
		assert_eq "$output" "" "$c answered"
	done
	mkdir -p "$D/far"
	cp -a "$W/." "$D/far"
	far_site "$W/checkpoint" 1782907200
	at hub sbx-pull "$D/far"
	for c in "${reading[@]}"; do
		# shellcheck disable=SC2086
		SBX_STATE=$D/hub run --separate-stderr ${c%% *} --witnessed ${c#* }
		assert_lacks "$stderr" "witnessed are" "$c refuses what is witnessed"
	done
}

@test "the web server that is shipped says what tlog-tiles wants of it" {
	require lighttpd curl
	words 1 300
	publish
	port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
	sed -e '/^server.username\|^server.groupname/d' \
		-e "s|^server.port .*|server.port = $port|; s|/var/lib/sbx/www|$W|" \
		"$BATS_TEST_DIRNAME/../../etc/lighttpd/directory.conf" >"$D/lighttpd.conf"
	SBX_MESH_IP=127.0.0.1 lighttpd -D -f "$D/lighttpd.conf" >"$D/log" 2>&1 3>&- &
	server=$!
	for _ in $(seq 300); do
		ss -Hltn "src 127.0.0.1:$port" | grep -q . && break
		sleep .01
	done
	for want in "checkpoint text/plain; charset=utf-8|no-cache" \
		"tile/0/000 application/octet-stream|public, max-age=86400" \
		"tile/entries/001.p/45 application/octet-stream|public, max-age=86400" \
		"log-key application/json|" "export.jsonl application/x-ndjson|"; do
		got=$(curl -sfo /dev/null -w '%{content_type}|%header{cache-control}' "http://127.0.0.1:$port/${want%% *}")
		assert_eq "$got" "${want#* }" "${want%% *}"
	done
	kill $server
	wait $server || :
}
