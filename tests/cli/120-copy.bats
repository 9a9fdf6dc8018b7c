#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Many payloads at once, the published site, backups.

load ../lib/helpers

setup() {
	node a
	node b
	A=$BATS_TEST_TMPDIR/a
	export SBX_NOW=2026-07-01T12:00:00Z
	at a sbx-ledger init --no-recovery
}

payloads() { # PREFIX COUNT
	seq "$2" | sed "s/.*/{\"config_id\":\"$1&\"}/"
}

grow() { # PREFIX COUNT
	payloads "$1" "$2" | SBX_STATE=$A sbx-ledger append -l config_revoke >/dev/null
}

@test "append -l acknowledges each line, grouped or one by one" {
	payloads x 100 >"$BATS_TEST_TMPDIR/p"
	at a sbx-ledger append -l config_revoke <"$BATS_TEST_TMPDIR/p"
	assert_eq "$(sort -u <<<"$output" | wc -l)" 100 "ids"
	payloads y 50 >"$BATS_TEST_TMPDIR/p"
	at a sbx-ledger append --lines --each config_revoke <"$BATS_TEST_TMPDIR/p"
	assert_eq "$(sort -u <<<"$output" | wc -l)" 50 "ids"
	at a sbx-ledger verify
	assert_has "$output" "ok: 151 entries" "count"
}

@test "of two lines of one pipe about one id the later one counts" {
	for i in $(seq 40); do
		printf '{"service_id":"%064d","name":"n%d","kind":"web","endpoint":"10.10.0.1:80","scope":{},"approval_mode":"auto","description":""}\n' 7 "$i"
	done >"$BATS_TEST_TMPDIR/p"
	at a sbx-ledger append -l service_offer <"$BATS_TEST_TMPDIR/p"
	assert_eq "$(wc -l <<<"$output")" 40 "ids"
	at a sbx-offer -j list
	assert_eq "$(jq -r .name <<<"$output")" n40 "which of them counts"
	at a sbx-ledger -j show
	assert_eq "$(jq -r 'select(.op=="service_offer").payload.created_at' <<<"$output" | sort -u | wc -l)" 40 "times"
}

@test "append -l acknowledges a line before the next is whole" {
	mkfifo "$BATS_TEST_TMPDIR/in"
	SBX_STATE=$A sbx-ledger append -l config_revoke <"$BATS_TEST_TMPDIR/in" >"$BATS_TEST_TMPDIR/out" &
	exec 9>"$BATS_TEST_TMPDIR/in"
	payloads half 1 >&9
	printf '{"config_id":' >&9
	for _ in $(seq 100); do
		[ ! -s "$BATS_TEST_TMPDIR/out" ] || break
		sleep 0.05
	done
	assert_eq "$(wc -l <"$BATS_TEST_TMPDIR/out")" 1 "ids while half a line waits"
	echo '"rest"}' >&9
	exec 9>&-
	wait $!
	assert_eq "$(wc -l <"$BATS_TEST_TMPDIR/out")" 2 "ids at the end"
}

@test "append -l stops at the first bad line, names it, and keeps what it acknowledged" {
	{
		payloads x 3
		echo '{"config_id":7}'
		payloads y 3
	} >"$BATS_TEST_TMPDIR/p"
	at a 3 sbx-ledger append -l --each config_revoke <"$BATS_TEST_TMPDIR/p"
	assert_says sbx-ledger "line 4: ConfigRevoke: field config_id has a wrong value"
	acked=$(wc -l <<<"$output")
	assert_eq "$acked" 3 "not what came before it"
	at a sbx-ledger -j status
	assert_eq "$(jq .entries <<<"$output")" $((1 + acked)) "acknowledged and kept differ"
	at a 3 sbx-ledger append -l config_revoke <"$BATS_TEST_TMPDIR/p"
	assert_eq "$output" "" "acknowledged a group that was dropped"
}

@test "append -l --each keeps all lines before a bad one, however many are read ahead" {
	{
		payloads x 150
		echo '{'
		payloads y 150
	} >"$BATS_TEST_TMPDIR/p"
	at a 3 sbx-ledger append -l --each config_revoke <"$BATS_TEST_TMPDIR/p"
	assert_says sbx-ledger "line 151: payload: "
	assert_eq "$(wc -l <<<"$output")" 150 "acknowledged"
	at a sbx-ledger -j status
	assert_eq "$(jq .entries <<<"$output")" 151 "kept"
	at a sbx-ledger export
	assert_eq "$(jq -r 'select(.op=="config_revoke").payload.config_id' <<<"$output")" \
		"$(payloads x 150 | jq -r .config_id)" "their order"
}

@test "publish writes only what changed, and removes what nobody needs" {
	grow x 300
	at a sbx-ledger -v publish
	assert_has "$stderr" "files changed" "silent"
	at a sbx-ledger -v publish
	assert_has "$stderr" ": 0 files changed" "wrote again"
	full=$(stat -c %i "$A/www/tile/entries/000")
	grow y 1
	at a sbx-ledger -v publish
	# export.jsonl, twice log/export, one tile, one bundle, the checkpoint
	assert_has "$stderr" ": 6 files changed" "more than what changes"
	assert_eq "$(stat -c %i "$A/www/tile/entries/000")" "$full" "touched a full bundle"
	for i in 1 2 3 4; do
		grow "z$i" 1
		at a sbx-ledger publish
	done
	# tlog-tiles: each that a checkpoint asked for stays until it is full
	assert_eq "$(ls "$A/www/tile/0/001.p" | sort -n | paste -sd' ')" "45 46 47 48 49 50" "partial tiles"
	grow w 600
	at a sbx-ledger publish
	grow v 1
	at a sbx-ledger publish
	assert_no_file "$A/www/tile/0/001.p" "partial tile of a full one"
	assert_file "$A/www/tile/0/001" "full tile"
}

@test "publish of what is published already writes nothing, whatever a crash has left" {
	require strace
	grow w 300
	at a sbx-ledger publish
	echo half >"$A/www/export.jsonl.new"
	before=$(snapshot "$A/www" | grep -v 'jsonl\.new')
	strace -f -e trace=openat,open,creat,rename -o "$BATS_TEST_TMPDIR/trace" \
		env SBX_STATE="$A" ASAN_OPTIONS=detect_leaks=0 sbx-ledger publish
	assert_has "$(cat "$BATS_TEST_TMPDIR/trace")" "$A/www/export.jsonl\", O_RDONLY" "the trace shows nothing"
	assert_eq "$(grep -F "$A/www" "$BATS_TEST_TMPDIR/trace" | grep -E 'O_WRONLY|O_RDWR|O_CREAT|rename' || :)" "" "what was written"
	assert_eq "$(snapshot "$A/www")" "$before" "the site"
}

@test "a page that was changed, cut or lengthened by hand is put right" {
	grow w 300
	at a sbx-ledger publish
	before=$(snapshot "$A/www")
	f=$A/www/export.jsonl
	cp "$f" "$BATS_TEST_TMPDIR/good"
	size=$(stat -c %s "$f")
	for at in 0 1 $((size / 2)) $((size - 1)) $size; do
		head -c "$at" "$BATS_TEST_TMPDIR/good" >"$f"
		SBX_STATE=$A sbx-ledger publish
		assert_eq "$(snapshot "$A/www")" "$before" "cut to $at bytes"
		{
			head -c "$at" "$BATS_TEST_TMPDIR/good"
			printf x
			tail -c "+$((at + 2))" "$BATS_TEST_TMPDIR/good"
		} >"$f"
		SBX_STATE=$A sbx-ledger publish
		assert_eq "$(snapshot "$A/www")" "$before" "another byte at $at"
	done
}

@test "the checkpoint names the log and its size, the bundles hold the lines" {
	grow x 5
	at a sbx-ledger publish
	did=$(SBX_STATE=$A sbx-ledger whoami)
	assert_eq "$(sed -n 1,2p "$A/www/checkpoint")" "$did/log"$'\n'6 "checkpoint"
	assert_eq "$(jq -r .delegation.did "$A/www/log-key")" "$did" "delegation"
	python3 - "$A/www" >"$BATS_TEST_TMPDIR/lines" <<-'EOF'
	import sys, hashlib
	d = open(sys.argv[1] + "/tile/entries/000.p/6", "rb").read()
	t = open(sys.argv[1] + "/tile/0/000.p/6", "rb").read()
	n = 0
	while d:
	    k = int.from_bytes(d[:2], "big"); e = d[2:2 + k]; d = d[2 + k:]
	    assert hashlib.sha256(b"\0" + e).digest() == t[32 * n:32 * n + 32]
	    n += 1
	    print(e.decode())
	EOF
	at a sbx-ledger export
	assert_eq "$(cat "$BATS_TEST_TMPDIR/lines")" "$output" "other lines"
}

@test "the root in the checkpoint is RFC 6962's, by another implementation" {
	grow x 40
	at a sbx-ledger publish
	want=$(SBX_STATE=$A sbx-ledger export | python3 -c '
import sys, hashlib, base64
h = lambda b: hashlib.sha256(b).digest()
def root(l):
    if len(l) == 1: return h(b"\0" + l[0])
    k = 1
    while 2 * k < len(l): k *= 2
    return h(b"\1" + root(l[:k]) + root(l[k:]))
print(base64.b64encode(root(sys.stdin.buffer.read().splitlines())).decode())')
	assert_eq "$(sed -n 3p "$A/www/checkpoint")" "$want" "root"
}

@test "a backup taken beside a writer verifies and comes back" {
	grow x 50
	(payloads y 200 | SBX_STATE=$A sbx-ledger append -le config_revoke >/dev/null) &
	at a sbx-ledger backup "$BATS_TEST_TMPDIR/copy"
	wait
	cp "$A/node.key" "$BATS_TEST_TMPDIR/b/"
	at b sbx-ledger restore "$BATS_TEST_TMPDIR/copy"
	at b sbx-ledger verify
	at b sbx-ledger append config_revoke <<<'{"config_id":"after"}'
}

@test "a damaged or another box's backup is refused and changes nothing" {
	grow x 5
	at a sbx-ledger backup "$BATS_TEST_TMPDIR/copy"
	at b sbx-ledger init --no-recovery
	before=$(SBX_STATE=$BATS_TEST_TMPDIR/b sbx-ledger export)
	at b 2 sbx-ledger restore "$BATS_TEST_TMPDIR/copy"
	sed -i 's/"config_id":"x3"/"config_id":"x9"/' "$BATS_TEST_TMPDIR/copy"
	at a 1 sbx-ledger restore "$BATS_TEST_TMPDIR/copy"
	assert_has "$stderr" "entry 4" "which entry"
	at b sbx-ledger export
	assert_eq "$output" "$before" "b changed"
	at a sbx-ledger verify
	assert_has "$output" "ok: 6 entries" "a changed"
}

@test "a backup takes the place of a ledger that cannot be opened, which is kept" {
	grow x 5
	at a sbx-ledger backup "$BATS_TEST_TMPDIR/copy"
	at a sbx-ledger export
	want=$output
	for damage in "dd if=/dev/urandom of=$A/ledger.db bs=8192 count=1 conv=notrunc" \
		"truncate -s 100 $A/ledger.db" \
		"sqlite3 $A/ledger.db 'create view v as select 1'"; do
		SBX_STATE=$A run_sbx sh -c "$damage"
		at a 1 sbx-ledger status
		before=$(sha256sum <"$A/ledger.db")
		at a 1 sbx-ledger -n restore "$BATS_TEST_TMPDIR/copy"
		at a 2 sbx-ledger restore "$BATS_TEST_TMPDIR/none"
		assert_eq "$(sha256sum <"$A/ledger.db")" "$before" "touched for nothing"
		at a sbx-ledger restore "$BATS_TEST_TMPDIR/copy"
		assert_has "$stderr" "ledger.db is damaged" "not said"
		assert_eq "$(sha256sum <"$A/ledger.db.damaged")" "$before" "not kept"
		at a sbx-ledger verify
		at a sbx-ledger export
		assert_eq "$output" "$want" "not what was backed up"
	done
}

# I28
@test "a ledger older than the signed head signs nothing until it begins anew" {
	grow x 5
	at a sbx-ledger backup "$BATS_TEST_TMPDIR/copy"
	grow y 5
	at a sbx-ledger publish
	SBX_STATE=$A sbx-ledger export >"$BATS_TEST_TMPDIR/peer"
	at a sbx-ledger restore "$BATS_TEST_TMPDIR/copy"
	assert_has "$stderr" "older than what this box has signed" "no word"
	at a 1 sbx-ledger append config_revoke <<<'{"config_id":"z"}'
	assert_says sbx-ledger "5 entries are missing"
	assert_hint sbx-ledger
	at a 1 sbx-ledger publish
	at a 1 sbx-member invite
	at a sbx-ledger import "$BATS_TEST_TMPDIR/peer"
	at a sbx-ledger publish --anew
	at a sbx-ledger append config_revoke <<<'{"config_id":"z"}'
	at a sbx-ledger publish
	at a sbx-ledger verify
	assert_eq "$(ls "$A"/head.* | wc -l)" 1 "the old head is gone"
}

@test "a log key that is not the one delegated signs nothing" {
	at a sbx-ledger publish
	cp "$A/www/checkpoint" "$BATS_TEST_TMPDIR/before"
	grow x 3
	printf '%064d\n' 7 >"$A/log.key"
	at a 2 sbx-ledger publish
	assert_says sbx-ledger "is not for the key in"
	cmp "$BATS_TEST_TMPDIR/before" "$A/www/checkpoint"
}

# As CT's Yeti 2022, by one turned bit: a log that signs it is broken for good.
@test "what has changed on the disk since it came in is not signed" {
	grow x 300
	at a sbx-ledger publish
	grow y 300
	sqlite3 "$A/ledger.db" 'PRAGMA wal_checkpoint(TRUNCATE)' >/dev/null
	local change
	for change in "UPDATE fact SET leaf=zeroblob(32) WHERE seq=601" \
		"UPDATE fact SET leaf=zeroblob(32) WHERE seq=400" \
		"UPDATE node SET hash=zeroblob(32) WHERE n=1" \
		"UPDATE node SET hash=zeroblob(32) WHERE n=0" \
		"UPDATE entry SET op='auto_add' WHERE seq=601" \
		"UPDATE entry SET sig=zeroblob(64) WHERE seq=500" \
		"UPDATE entry SET payload=replace(payload, 'y', 'z') WHERE seq=310"; do
		rm -rf "$BATS_TEST_TMPDIR/t"
		cp -r "$A" "$BATS_TEST_TMPDIR/t"
		sqlite3 -cmd ".dbconfig enable_trigger off" "$BATS_TEST_TMPDIR/t/ledger.db" "$change"
		SBX_STATE=$BATS_TEST_TMPDIR/t run_sbx 1 sbx-ledger publish
		cmp "$A/head" "$BATS_TEST_TMPDIR/t/head" || fail "$change: signed"
		cmp "$A/www/checkpoint" "$BATS_TEST_TMPDIR/t/www/checkpoint" || fail "$change: published"
	done
	at a sbx-ledger publish
}

@test "verify says no when the tail under the signed head is gone" {
	grow x 9
	at a sbx-ledger publish
	at a sbx-ledger verify
	db=$A/ledger.db
	sqlite3 "$db" '.dbconfig enable_trigger off' \
		'DELETE FROM entry WHERE seq>8; DELETE FROM fact WHERE seq>8'
	at a 1 sbx-ledger verify
	assert_says sbx-ledger "10 entries, of which the last are missing"
}

@test "verify says no to an op that the chain does not cover, by the signed head" {
	at a sbx-ledger publish
	sqlite3 "$A/ledger.db" '.dbconfig enable_trigger off' "UPDATE entry SET op='auto_add' WHERE seq=1"
	at a 1 sbx-ledger verify
	assert_says sbx-ledger "entry 1: "
	# With what is derived made to match, there is still the head.
	at a 1 sbx-ledger fsck
	assert_says sbx-ledger "of which some are others"
	at a 1 sbx-ledger verify
	assert_says sbx-ledger "of which some are others"
}

@test "verify holds the rows against the signed head, whatever hashes are stored" {
	at a sbx-ledger publish
	leaf=$(sqlite3 "$A/ledger.db" 'SELECT hex(leaf) FROM fact WHERE seq=1')
	grow x 300
	sqlite3 "$A/ledger.db" '.dbconfig enable_trigger off' "UPDATE entry SET op='auto_add' WHERE seq=1"
	at a 1 sbx-ledger fsck
	# The signed root would be found again.
	sqlite3 "$A/ledger.db" "UPDATE fact SET leaf=x'$leaf' WHERE seq=1"
	at a 1 sbx-ledger verify
	assert_says sbx-ledger "of which some are others"
}

@test "verify --quick finds a changed payload, hash, gap and mark, and says how far signatures go" {
	grow x 700
	at a sbx-ledger verify --quick
	assert_has "$output" "verified up to entry 0" "no mark yet"
	at a sbx-ledger verify
	grow y 10
	at a sbx-ledger verify --quick
	assert_has "$output" "verified up to entry 701" "the mark"
	assert_has "$output" "ok: 711 entries" "count"
	sqlite3 "$A/ledger.db" 'PRAGMA wal_checkpoint(TRUNCATE)' >/dev/null
	local change
	for change in "UPDATE entry SET payload=replace(payload, 'x650', 'x651') WHERE seq=651" \
		"UPDATE entry SET hash=zeroblob(32) WHERE seq=3" \
		"DELETE FROM entry WHERE seq=400" \
		"UPDATE entry SET payload=CAST(payload AS BLOB) || ' ' WHERE seq=711" \
		"UPDATE local SET value='700' || substr(value, 4) WHERE key='verified'"; do
		rm -rf "$BATS_TEST_TMPDIR/t"
		cp -r "$A" "$BATS_TEST_TMPDIR/t"
		sqlite3 -cmd ".dbconfig enable_trigger off" "$BATS_TEST_TMPDIR/t/ledger.db" "$change"
		at t 1 sbx-ledger verify --quick
		assert_has "$stderr" entr "$change"
	done
}

@test "a backup with pages of another size is restored, on a new box and over a ledger" {
	require sqlite3
	node a
	at a sbx-ledger init --no-recovery
	at a sbx-ledger backup "$BATS_TEST_TMPDIR/b8"
	cp "$BATS_TEST_TMPDIR/b8" "$BATS_TEST_TMPDIR/b4"
	sqlite3 "$BATS_TEST_TMPDIR/b4" 'PRAGMA page_size=4096; VACUUM'
	assert_eq "$(sqlite3 "$BATS_TEST_TMPDIR/b4" 'PRAGMA page_size')" 4096 "its pages"
	at a sbx-ledger export
	was=$output
	node new
	cp "$BATS_TEST_TMPDIR/a/node.key" "$BATS_TEST_TMPDIR/new/"
	for n in a new; do
		at $n sbx-ledger restore "$BATS_TEST_TMPDIR/b4"
		at $n sbx-ledger fsck -n
		at $n sbx-ledger export
		assert_eq "$output" "$was" "restored at $n"
		assert_no_file "$BATS_TEST_TMPDIR/$n/ledger.db.restore" "a draft is left"
	done
	# And a ledger of an earlier version takes a copy of this one.
	node old
	cp "$BATS_TEST_TMPDIR/b4" "$BATS_TEST_TMPDIR/old/ledger.db"
	cp "$BATS_TEST_TMPDIR/a/node.key" "$BATS_TEST_TMPDIR/old/"
	at old sbx-ledger restore "$BATS_TEST_TMPDIR/b8"
	at old sbx-ledger fsck -n
	at old sbx-ledger export
	assert_eq "$output" "$was" "restored over pages of 4 KB"
}
