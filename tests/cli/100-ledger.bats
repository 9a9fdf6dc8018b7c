#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0

load ../lib/helpers

setup() {
	node a
	node b
	export SBX_NOW=2026-07-01T12:00:00Z
}

ban() { # N: a payload
	printf '{"ban_id":"%064d","ip":"192.0.2.%d","reason":"scan","severity":1,"expires_at":null}' "$1" "$1"
}

append_ban() { # NODE N
	ban "$2" | SBX_STATE=$BATS_TEST_TMPDIR/$1 sbx-ledger append ban_publish >/dev/null
}

@test "init makes a key only its owner can read, and prints the did" {
	at a sbx-ledger init --no-recovery
	assert_like "$output" '^did:plc:[0-9a-f]{32}$' "no did"
	assert_eq "$(stat -c %a "$BATS_TEST_TMPDIR/a/node.key")" 600 "key mode"
	did=$output
	at a sbx-ledger whoami
	assert_eq "$output" "$did" "whoami says otherwise"
	at a sbx-ledger -j whoami
	assert_eq "$(jq -r .did <<<"$output")" "$did" "-j says otherwise"
}

# I7
@test "the did is the hash of the public key" {
	at a sbx-ledger init --no-recovery
	did=$output
	at a sbx-ledger export
	pub=$(jq -r .author_pubkey <<<"$output")
	assert_eq "did:plc:$(python3 -c "import hashlib; print(hashlib.sha256(bytes.fromhex(\"$pub\")).hexdigest()[:32])")" "$did" "another hash"
}

@test "init twice changes nothing" {
	at a sbx-ledger init --no-recovery
	first=$output
	before=$(sha256sum "$BATS_TEST_TMPDIR/a/node.key")
	at a sbx-ledger init --no-recovery
	assert_eq "$output" "$first" "another did"
	assert_eq "$(sha256sum "$BATS_TEST_TMPDIR/a/node.key")" "$before" "another key"
	at a sbx-ledger status
	assert_like "$output" 'entries +1' "more than one entry"
}

@test "init after only the key was written goes on from there" {
	at a sbx-ledger init --no-recovery
	did=$output
	rm "$BATS_TEST_TMPDIR"/a/ledger.db*
	at a sbx-ledger init --no-recovery
	assert_eq "$output" "$did" "another did"
}

@test "a dry init makes nothing" {
	at a sbx-ledger -n init --no-recovery
	assert_no_file "$BATS_TEST_TMPDIR/a/node.key" "made a key"
	assert_no_file "$BATS_TEST_TMPDIR/a/ledger.db" "made a ledger"
}

@test "without a ledger every verb says how to make one" {
	for verb in whoami export verify status show; do
		at a 2 sbx-ledger $verb
		assert_says sbx-ledger "there is no ledger"
		assert_hint sbx-ledger
	done
	assert_no_file "$BATS_TEST_TMPDIR/a/ledger.db" "made a ledger"
}

@test "a key that others can read is refused" {
	at a sbx-ledger init --no-recovery
	chmod 644 "$BATS_TEST_TMPDIR/a/node.key"
	ban 1 | at a 2 sbx-ledger append ban_publish
}

@test "append signs, fills in who and when, and prints the id" {
	at a sbx-ledger init --no-recovery
	did=$output
	at a sbx-ledger append ban_publish < <(ban 7)
	assert_like "$output" '^[0-9a-f]{64}$' "no id"
	id=$output
	at a sbx-ledger export --from 2
	assert_eq "$(jq -r .payload.publisher <<<"$output")" "$did" "publisher"
	assert_eq "$(jq -r .payload.created_at <<<"$output")" 2026-07-01T12:00:00.000001+00:00 "created_at, after what it said at this instant"
	assert_eq "$(jq -cjS .payload <<<"$output" | b2sum -l 256 | cut -d' ' -f1)" "$id" "id is not the payload's hash"
}

# I3
@test "append refuses what the table refuses and changes nothing" {
	at a sbx-ledger init --no-recovery
	before=$(SBX_STATE=$BATS_TEST_TMPDIR/a sbx-ledger export)
	while IFS='|' read -r rc op payload reason; do
		at a "$rc" sbx-ledger append "$op" <<<"$payload"
		assert_says sbx-ledger "$reason"
	done <<-'EOF'
	2|reboot|{}|unknown op reboot
	3|ban_publish|{}|field ban_id is missing
	3|ban_publish|[]|not an object
	3|ban_publish|{|payload
	3|ban_publish|{"publisher":"did:plc:00000000000000000000000000000000"}|field ban_id is missing
	3|config_revoke|{"config_id":"x","publisher":"did:plc:00000000000000000000000000000000"}|publisher is not the author
	3|config_revoke|{"config_id":"x","more":1}|unknown field more
	3|config_revoke|{"config_id":""}|config_id has a wrong value
	EOF
	at a sbx-ledger export
	assert_eq "$output" "$before" "something was appended"
}

@test "export and import carry a ledger to another box, either form, twice" {
	at a sbx-ledger init --no-recovery
	for n in 1 2 3; do append_ban a $n; done
	at b sbx-ledger init --no-recovery
	for form in "" --old; do
		SBX_STATE=$BATS_TEST_TMPDIR/a sbx-ledger export $form >"$BATS_TEST_TMPDIR/x"
		at b sbx-ledger import "$BATS_TEST_TMPDIR/x"
		at b sbx-ledger -j import - <"$BATS_TEST_TMPDIR/x"
		assert_eq "$(jq -c . <<<"$output")" '{"held":0,"known":4,"new":0,"refused":0}' "not idempotent"
	done
	at b sbx-ledger export
	assert_eq "$(printf '%s\n' "$output" | tail -n +2)" \
		"$(SBX_STATE=$BATS_TEST_TMPDIR/a sbx-ledger export)" "not the same lines"
	at b sbx-ledger verify
}

# I10
@test "a refused line is named and counted, the rest goes on, the status is 3" {
	at a sbx-ledger init --no-recovery
	for n in 1 2 3; do append_ban a $n; done
	SBX_STATE=$BATS_TEST_TMPDIR/a sbx-ledger export |
		sed -e '2s/scan/scam/' -e '3s/.*/not json/' >"$BATS_TEST_TMPDIR/x"
	at b sbx-ledger init --no-recovery
	at b 3 sbx-ledger import "$BATS_TEST_TMPDIR/x"
	assert_has "$stderr" "x: entry 2: bad signature" "which and why"
	assert_has "$stderr" "x: entry 3: " "which and why"
	assert_has "$stderr" "2 new, 0 known, 0 held, 2 refused" "the counts"
	at b sbx-ledger verify
	assert_has "$output" "ok: 3 entries" "what was good is there"
}

@test "a file that is not there is status 4 and takes nothing" {
	at a sbx-ledger init --no-recovery
	at a 4 sbx-ledger import /nonexistent/file
	assert_has "$stderr" "/nonexistent/file: No such file" "no reason"
}

@test "what lies far in the future is held and comes in its time" {
	at a sbx-ledger init --no-recovery
	SBX_NOW=2026-07-01T13:00:00Z append_ban a 1
	SBX_STATE=$BATS_TEST_TMPDIR/a sbx-ledger export >"$BATS_TEST_TMPDIR/x"
	at b sbx-ledger init --no-recovery
	at b 1 sbx-ledger -j import "$BATS_TEST_TMPDIR/x"
	assert_eq "$(jq -c '[.held,.new]' <<<"$output")" '[1,1]' "not held"
	assert_has "$stderr" "1 entry is dated up to 61 min ahead of this clock" "why"
	assert_has "$stderr" "hint: is it this clock that is wrong?" "what to look at"
	at b sbx-ledger import "$BATS_TEST_TMPDIR/x"
	node c
	at c sbx-ledger init --no-recovery
	at c 1 sbx-pull "$BATS_TEST_TMPDIR/x"
	assert_has "$stderr" "x: 1 entry is dated up to 61 min ahead" "by a pull"
	SBX_NOW=2026-07-01T12:51:00Z append_ban b 2
	at b sbx-ledger -j status
	assert_eq "$(jq .entries <<<"$output")" 4 "held for good"
}

# I13
@test "verify names the entry whose byte was changed in the file" {
	at a sbx-ledger init --no-recovery
	for n in 1 2 3; do append_ban a $n; done
	at a sbx-ledger verify
	sqlite3 "$BATS_TEST_TMPDIR/a/ledger.db" 'PRAGMA wal_checkpoint(TRUNCATE)' >/dev/null
	grep -q 192.0.2.2 "$BATS_TEST_TMPDIR/a/ledger.db"
	sed -i 's/192\.0\.2\.2/192.0.2.9/' "$BATS_TEST_TMPDIR/a/ledger.db"
	at a 1 sbx-ledger verify
	assert_says sbx-ledger "entry 3: "
}

@test "a file that is no database is refused, not crashed on" {
	at a sbx-ledger init --no-recovery
	rm "$BATS_TEST_TMPDIR"/a/ledger.db-*
	head -c 8192 /dev/urandom >"$BATS_TEST_TMPDIR/a/ledger.db"
	at a 1 sbx-ledger status
	assert_says sbx-ledger "damaged"
}

@test "show lists entries and takes a range" {
	at a sbx-ledger init --no-recovery
	for n in 1 2 3; do append_ban a $n; done
	at a sbx-ledger show 2 3
	assert_eq "$(printf '%s\n' "$output" | wc -l)" 2 "rows"
	at a sbx-ledger -j show 3
	assert_eq "$(jq -c '[.seq,.type,.payload.ip]' <<<"$output")" '[3,"BanRecord","192.0.2.2"]' "fields"
	at a 2 sbx-ledger show x
	at a 2 sbx-ledger show 3 2
}

@test "canon is a filter: it names the lines it refuses" {
	run_sbx 3 sbx-ledger canon <<<$'{"b":1, "a":[true,null]}\n{"a":1,"a":2}\n"\\u00e9"\n-0'
	assert_eq "$output" $'{"a":[true,null],"b":1}\n"\\u00e9"' "canonical form"
	assert_has "$stderr" "sbx-ledger: line 2: " "line 2 is not named"
	assert_has "$stderr" "sbx-ledger: line 4: " "line 4 is not named"
}

@test "canon agrees with the frozen pairs" {
	pairs=$BATS_TEST_DIRNAME/../../../shared/vectors/canon.txt
	[ -r "$pairs" ] || skip "no frozen pairs here"
	run_sbx sbx-ledger canon < <(sed -n 'p;n' "$pairs")
	assert_eq "$(sha256sum <<<"$output")" "$(sed -n 'n;p' "$pairs" | sha256sum)" "some pair differs"
}

# I12
@test "two writers at once lose nothing" {
	at a sbx-ledger init --no-recovery
	for w in 1 2 3 4; do
		(for n in 1 2 3 4 5; do append_ban a $((10 * w + n)); done) &
	done
	wait
	at a sbx-ledger verify
	assert_has "$output" "ok: 21 entries" "lost or broken"
}

# I12
@test "an acknowledged append survives kill -9" {
	at a sbx-ledger init --no-recovery
	acked=0
	for n in $(seq 1 40); do
		ban "$n" >"$BATS_TEST_TMPDIR/p"
		SBX_STATE=$BATS_TEST_TMPDIR/a timeout -s KILL 0.00$((RANDOM % 9 + 1)) \
			sbx-ledger append ban_publish "$BATS_TEST_TMPDIR/p" >"$BATS_TEST_TMPDIR/id" 2>/dev/null &&
			[ -s "$BATS_TEST_TMPDIR/id" ] && cat "$BATS_TEST_TMPDIR/id" >>"$BATS_TEST_TMPDIR/acked" || :
	done
	at a sbx-ledger verify
	at a sbx-ledger -j show
	touch "$BATS_TEST_TMPDIR/acked"
	while read -r id; do
		assert_has "$output" "$id" "an acknowledged entry is gone"
	done <"$BATS_TEST_TMPDIR/acked"
}

@test "fsck mends what is derived and says no to a broken entry" {
	at a sbx-ledger init --no-recovery
	for n in 1 2 3; do append_ban a $n; done
	db=$BATS_TEST_TMPDIR/a/ledger.db
	sqlite3 "$db" "UPDATE fact SET id='x'"
	at a sbx-ledger verify
	at a 1 sbx-ledger fsck -n
	assert_says sbx-ledger "entry 1: what is derived from it"
	assert_hint sbx-ledger
	at a sbx-ledger fsck
	at a sbx-ledger fsck -n
	sqlite3 "$db" 'PRAGMA wal_checkpoint(TRUNCATE)' >/dev/null
	sed -i 's/192\.0\.2\.2/192.0.2.9/' "$db"
	at a 1 sbx-ledger fsck
	assert_says sbx-ledger "entry 3: "
}
