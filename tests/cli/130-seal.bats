#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# An author's own order: heads, forks, and a new key for a lost one.

load ../lib/helpers

setup() {
	for n in hub ann new; do node $n; done
	export SBX_NOW=2026-07-01T12:00:00Z
}

in_node() { # NODE COMMAND...
	local SBX_STATE=$BATS_TEST_TMPDIR/$1
	export SBX_STATE
	shift
	"$@"
}

carry() { # FROM TO
	in_node "$1" sbx-ledger export | in_node "$2" sbx-ledger -q import
}

say() { # NODE WORD
	in_node "$1" sbx-ledger append config_revoke <<<"{\"config_id\":\"$2\"}"
}

heads() { # NODE: number, ids covered, of each
	in_node "$1" sbx-ledger export |
		jq -c 'select(.payload_type=="SbxHead").payload|[.seq,(.items|length)]'
}

offers() { # NODE: names of members' live offers
	in_node "$1" sbx-offer -j list | jq -r .name | sort | paste -sd' '
}

offer() { # NODE NAME
	in_node "$1" sbx-offer publish "$2" --kind web --endpoint 10.10.0.1:80 >/dev/null
}

mesh() { # ann, with a recovery key, joins hub
	in_node hub sbx-ledger init --no-recovery >"$BATS_TEST_TMPDIR/hub.did"
	in_node ann sbx-ledger init >"$BATS_TEST_TMPDIR/ann.did" 2>"$BATS_TEST_TMPDIR/said"
	recovery=$(grep -oE '[0-9a-f]{64}' "$BATS_TEST_TMPDIR/said")
	in_node hub sbx-member invite | in_node ann sbx-member -q accept
	carry ann hub
	carry hub ann
}

@test "the recovery key is said once and stored nowhere" {
	mesh
	assert_like "$recovery" '^[0-9a-f]{64}$' "not said"
	! grep -rq "$recovery" "$BATS_TEST_TMPDIR/ann" || fail "it is stored"
	in_node ann sbx-ledger init >"$BATS_TEST_TMPDIR/again" 2>&1
	! grep -qE '^sbx-ledger: recovery' "$BATS_TEST_TMPDIR/again" || fail "said again"
	in_node ann sbx-ledger fsck -n
}

@test "seal covers what was said since, in order, once" {
	in_node hub sbx-ledger init --no-recovery >/dev/null
	at hub sbx-ledger -v seal
	assert_has "$stderr" "1 heads signed" "none"
	at hub sbx-ledger -v seal
	assert_has "$stderr" "0 heads signed" "sealed nothing twice"
	for i in 1 2 3; do say hub "w$i" >/dev/null; done
	at hub sbx-ledger seal
	assert_eq "$(heads hub | paste -sd' ')" "[1,1] [2,3]" "heads"
	seq 300 | sed 's/.*/{"config_id":"c&"}/' | in_node hub sbx-ledger append -l config_revoke >/dev/null
	at hub sbx-ledger seal
	assert_eq "$(heads hub | tail -n +3 | paste -sd' ')" "[3,128] [4,128] [5,44]" "heads"
	at hub sbx-ledger fsck -n
}

# I28: two heads of one number would look like a thief's, and freeze this box.
@test "several that seal at once give each number once" {
	in_node hub sbx-ledger init --no-recovery >/dev/null
	for i in $(seq 12); do
		for w in a b c; do
			(say hub "$w$i" >/dev/null && in_node hub sbx-ledger seal) \
				2>>"$BATS_TEST_TMPDIR/said" &
		done
		wait
	done
	assert_eq "$(cat "$BATS_TEST_TMPDIR/said" 2>/dev/null)" "" "one of them was refused"
	assert_eq "$(heads hub | cut -d, -f1 | sort | uniq -d)" "" "numbers of several heads"
	at hub sbx-ledger -j status
	assert_eq "$(jq -r '"\(.frozen) \(.entries-1)"' <<<"$output")" \
		"0 $((36 + $(heads hub | wc -l)))" "frozen, and entries"
	assert_eq "$(heads hub | jq -s 'map(.[1]) | add')" 37 "what they cover"
	at hub sbx-ledger fsck -n
}

@test "each head names the one before and the recovery key of the first" {
	mesh
	for w in a b; do
		say ann $w >/dev/null
		in_node ann sbx-ledger seal
	done
	in_node ann sbx-ledger export | jq -cS --arg did "$(cat "$BATS_TEST_TMPDIR/ann.did")" \
		'select(.payload_type=="SbxHead" and .author==$did).payload' >"$BATS_TEST_TMPDIR/heads"
	last=null
	while read -r payload; do
		assert_eq "$(jq -r .prev <<<"$payload")" "$last" "the head before"
		assert_like "$(jq -r .rec <<<"$payload")" '^[0-9a-f]{64}$' "the recovery key's hash"
		last=$(printf %s "$payload" | b2sum -l 256 | cut -d' ' -f1)
	done <"$BATS_TEST_TMPDIR/heads"
	assert_eq "$(wc -l <"$BATS_TEST_TMPDIR/heads")" 3 "heads"
	assert_eq "$(jq -r .rec "$BATS_TEST_TMPDIR/heads" | sort -u | wc -l)" 1 "recovery keys"
	assert_eq "$(jq .seq "$BATS_TEST_TMPDIR/heads" | paste -sd' ')" "1 2 3" "numbers"
	# The hub has signed none: Ann's are not its own.
	carry ann hub
	in_node hub sbx-ledger seal
	assert_eq "$(in_node hub sbx-ledger export | jq -c --arg did "$(cat "$BATS_TEST_TMPDIR/hub.did")" \
		'select(.payload_type=="SbxHead" and .author==$did).payload|[.seq,.prev,.rec]')" \
		'[1,null,null]' "the hub's first"
}

# I28
@test "a last head that nobody signed is refused" {
	in_node hub sbx-ledger init --no-recovery >/dev/null
	in_node hub sbx-ledger seal
	sed -i 's/"seq":1/"seq":9/' "$BATS_TEST_TMPDIR/hub/seal"
	for verb in seal "append config_revoke"; do
		# shellcheck disable=SC2086 # words
		at hub 3 sbx-ledger $verb <<<'{"config_id":"x"}'
		assert_has "$stderr" "hub/seal: bad signature" "why"
	done
	assert_eq "$(heads hub)" "[1,1]" "heads"
}

@test "a head that did not reach the database goes there next time" {
	in_node hub sbx-ledger init --no-recovery >/dev/null
	in_node hub sbx-ledger backup "$BATS_TEST_TMPDIR/copy"
	in_node hub sbx-ledger seal
	in_node hub sbx-ledger -q restore "$BATS_TEST_TMPDIR/copy"
	at hub sbx-ledger seal
	assert_eq "$(heads hub)" "[1,1]" "another head of that number"
}

# I28: its writer was killed between the file and the database.
@test "the head after one that did not reach the database has the next number" {
	in_node hub sbx-ledger init --no-recovery >/dev/null
	in_node hub sbx-ledger backup "$BATS_TEST_TMPDIR/copy"
	in_node hub sbx-ledger seal
	rm "$BATS_TEST_TMPDIR/hub/ledger.db"*
	cp "$BATS_TEST_TMPDIR/copy" "$BATS_TEST_TMPDIR/hub/ledger.db"
	say hub more >/dev/null
	at hub sbx-ledger seal
	assert_eq "$(heads hub | paste -sd' ')" "[1,1] [2,1]" "heads"
	in_node hub sbx-ledger export | jq -cS 'select(.payload_type=="SbxHead").payload' >"$BATS_TEST_TMPDIR/heads"
	assert_eq "$(sed -n 2p "$BATS_TEST_TMPDIR/heads" | jq -r .prev)" \
		"$(head -n1 "$BATS_TEST_TMPDIR/heads" | tr -d '\n' | b2sum -l 256 | cut -d' ' -f1)" "the one before"
	at hub sbx-ledger -v seal
	assert_has "$stderr" "0 heads signed" "more to sign"
}

# I28: both heads would be in one file, and the first of them in no other.
@test "killed again while it takes in such a head, a box still can seal" {
	require strace
	strace -o /dev/null true 2>/dev/null || must_run "may not trace"
	in_node hub sbx-ledger init --no-recovery >/dev/null
	in_node hub sbx-ledger backup "$BATS_TEST_TMPDIR/copy"
	in_node hub sbx-ledger seal
	rm "$BATS_TEST_TMPDIR/hub/ledger.db"*
	cp "$BATS_TEST_TMPDIR/copy" "$BATS_TEST_TMPDIR/hub/ledger.db"
	say hub more >/dev/null
	cp -a "$BATS_TEST_TMPDIR/hub" "$BATS_TEST_TMPDIR/before"
	for call in fsync fdatasync; do
		for n in $(seq 20); do
			rm -rf "$BATS_TEST_TMPDIR/hub"
			cp -a "$BATS_TEST_TMPDIR/before" "$BATS_TEST_TMPDIR/hub"
			ASAN_OPTIONS=detect_leaks=0 run in_node hub strace -o /dev/null \
				-e "trace=$call" -e "inject=$call:signal=KILL:when=$n" sbx-ledger seal
			[ "$status" -eq 137 ] || break
			at hub sbx-ledger seal
			assert_eq "$(heads hub | paste -sd' ')" "[1,1] [2,1]" "heads after $call $n"
		done
		assert_eq "$status" 0 "not killed at $call $n: $output"
		[ "$n" -gt 1 ] || fail "never killed at $call"
	done
	at hub sbx-ledger fsck -n
}

# I28
@test "an older database never seals a second head of one number" {
	in_node hub sbx-ledger init --no-recovery >/dev/null
	in_node hub sbx-ledger backup "$BATS_TEST_TMPDIR/copy"
	for i in 1 2; do
		say hub "w$i" >/dev/null
		in_node hub sbx-ledger seal
	done
	in_node hub sbx-ledger export >"$BATS_TEST_TMPDIR/peer"
	rm "$BATS_TEST_TMPDIR/hub/ledger.db"*
	cp "$BATS_TEST_TMPDIR/copy" "$BATS_TEST_TMPDIR/hub/ledger.db"
	at hub 1 sbx-ledger seal
	assert_says sbx-ledger "sealed 2 times"
	assert_hint sbx-ledger
	at hub 1 sbx-ledger append config_revoke <<<'{"config_id":"other"}'
	at hub sbx-ledger import "$BATS_TEST_TMPDIR/peer"
	at hub sbx-ledger seal
	assert_eq "$(heads hub | cut -d, -f1 | sort | uniq -d)" "" "two heads of one number"
}

# I29
@test "two heads of one number freeze their author from there on, everywhere" {
	mesh
	offer ann before
	in_node ann sbx-ledger seal
	# Ann's key is used on two machines, each not knowing of the other.
	cp -r "$BATS_TEST_TMPDIR/ann" "$BATS_TEST_TMPDIR/twin"
	offer ann left
	in_node ann sbx-ledger seal
	offer twin right
	in_node twin sbx-ledger seal
	carry ann hub
	assert_eq "$(offers hub)" "before left" "before the fork is known"
	carry twin hub
	assert_eq "$(offers hub)" before "what came after the fork still counts"
	at hub sbx-ledger -j status
	one=$(jq -r .state <<<"$output")
	assert_eq "$(jq .frozen <<<"$output")" 1 "the status does not tell"
	carry hub ann
	in_node new sbx-ledger init --no-recovery >/dev/null
	in_node new sbx-member trust "$(cat "$BATS_TEST_TMPDIR/hub.did")"
	carry ann new
	assert_eq "$(offers new)" before "another order of arrival"
	at ann sbx-ledger -j status
	carry hub ann
	assert_eq "$(offers ann)" before "ann itself"
	assert_ne "$one" "" "no state"
}

@test "a new key takes the lost one's place with its recovery key" {
	mesh
	in_node new sbx-ledger init --no-recovery >"$BATS_TEST_TMPDIR/new.did"
	carry hub new
	old=$(cat "$BATS_TEST_TMPDIR/ann.did")
	SBX_NOW=2026-07-01T13:00:00Z in_node new sbx-member rotate "$old" <<<"$recovery"
	export SBX_NOW=2026-07-01T13:00:00Z
	carry new hub
	at hub sbx-member -j list
	assert_eq "$(jq -r --arg d "$old" 'select(.did==$d).state' <<<"$output")" revoked "the old key"
	assert_eq "$(jq -r --arg d "$(cat "$BATS_TEST_TMPDIR/new.did")" 'select(.did==$d)|.state+" "+.inviter' <<<"$output")" \
		"member $(cat "$BATS_TEST_TMPDIR/hub.did")" "the new key"
}

# I30
@test "a thief who has the node key, or guesses, does not rotate" {
	mesh
	in_node new sbx-ledger init --no-recovery >"$BATS_TEST_TMPDIR/new.did"
	carry hub new
	old=$(cat "$BATS_TEST_TMPDIR/ann.did")
	at new 3 sbx-member rotate "$old" <<<nonsense
	at new 2 sbx-member rotate nobody <<<"$recovery"
	at new sbx-member rotate "$old" <<<"$(printf '%064d' 7)"
	carry new hub
	at hub sbx-member -j list
	assert_eq "$(jq -r --arg d "$old" 'select(.did==$d).state' <<<"$output")" member "taken over"
	assert_lacks "$output" "$(cat "$BATS_TEST_TMPDIR/new.did")" "a guess let it in"
}

@test "init names a recovery key once, says it whatever -q says, and not into nowhere" {
	in_node hub sbx-ledger init --no-recovery >/dev/null
	assert_eq "$(heads hub)" "" "a head all the same"
	in_node hub sbx-ledger init >/dev/null 2>/dev/full && fail "a key nobody saw was named"
	assert_eq "$(heads hub)" "" "a key nobody saw was named"
	at hub sbx-ledger -q init
	assert_like "$stderr" '[0-9a-f]{64}$' "not said"
	assert_eq "$(heads hub)" "[1,1]" "no head"
	at hub sbx-ledger init
	assert_eq "$stderr" "" "said or named again"
	assert_eq "$(heads hub)" "[1,1]" "named again"
}
