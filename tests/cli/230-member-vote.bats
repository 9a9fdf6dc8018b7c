#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Proposals, voices, tallies, levels.

load ../lib/helpers

did() {
	cat "$BATS_TEST_TMPDIR/$1.did"
}

carry() { # FROM TO
	SBX_STATE=$BATS_TEST_TMPDIR/$1 sbx-ledger export |
		SBX_STATE=$BATS_TEST_TMPDIR/$2 sbx-ledger -q import
}

everywhere() {
	carry ann hub && carry bob hub && carry hub ann && carry hub bob
}

later() {
	export SBX_NOW=2026-07-$1Z
}

setup() {
	later 01T12:00:00
	for n in hub ann bob; do
		node $n
		SBX_STATE=$BATS_TEST_TMPDIR/$n sbx-ledger init --no-recovery >"$BATS_TEST_TMPDIR/$n.did"
	done
	for n in ann bob; do
		SBX_STATE=$BATS_TEST_TMPDIR/hub sbx-member invite -d "of-$n" |
			SBX_STATE=$BATS_TEST_TMPDIR/$n sbx-member -q accept
	done
	everywhere
	later 01T13:00:00
}

status_of() { # NODE PROPOSAL
	SBX_STATE=$BATS_TEST_TMPDIR/$1 sbx-member -j tally "$2" | jq -r .status
}

@test "members propose and vote, and every node tallies the same" {
	at hub sbx-member propose -c 3600 -b '{"what":"v2"}' change_protocol
	id=$output
	assert_like "$id" '^[0-9a-f]{64}$' "the identifier"
	everywhere
	at ann 1 sbx-member vote "${id:0:3}" for # no fewer digits than four
	assert_says sbx-member "no such proposal"
	at ann sbx-member vote "${id:0:4}" for
	at bob sbx-member vote "$id" for
	everywhere
	assert_eq "$(status_of hub "$id")" open "before closing"
	later 01T14:00:01
	for n in hub ann bob; do
		at $n sbx-member -j tally "$id"
		assert_eq "$(jq -c '[.status,.votes_for,.votes_against,.votes_of]' <<<"$output")" \
			'["passed",2,0,3]' "$n"
	done
	at hub sbx-member -v tally "$id"
	assert_has "$output" "$(did bob)" "who voted"
}

@test "a second voice, a late one and a stranger's are refused" {
	at hub sbx-member propose -c 3600 change_protocol
	id=$output
	everywhere
	at ann sbx-member vote "$id" for
	at ann 1 sbx-member vote "$id" against
	assert_says sbx-member "voted already"
	at bob 2 sbx-member vote "$id" maybe
	at bob 1 sbx-member vote 0000 for
	later 01T14:00:01
	at bob 1 sbx-member vote "$id" for
	assert_says sbx-member "not open"
	run bash -c "SBX_STATE=$BATS_TEST_TMPDIR/ann sbx-member tally $id"
	[ "$status" -eq 1 ] || fail "one of three is no quorum"
	node eve
	at eve sbx-ledger init --no-recovery
	at eve sbx-member trust "$(did hub)"
	at eve sbx-member trust -d "$(SBX_STATE=$BATS_TEST_TMPDIR/eve sbx-ledger whoami)"
	at eve 1 sbx-member propose change_protocol
	assert_says sbx-member "not a member"
}

# claim NODE PROPOSAL TYPE: another text under that identifier
claim() {
	printf '{"proposal_id":"%s","ptype":"%s","domain":"","body":{},"quorum_rule":"one_node_one_voice","quorum_threshold":0.6,"opens_at":"%s","closes_at":"2026-07-01T14:00:00Z","tally_for":0,"tally_against":0,"resolved":null}' \
		"$2" "$3" "$SBX_NOW" >"$BATS_TEST_TMPDIR/p"
	at "$1" sbx-ledger append proposal_open "$BATS_TEST_TMPDIR/p"
}

@test "a claim to a proposal's identifier neither spoils it nor gets its voices" {
	at hub sbx-member propose -c 3600 change_protocol
	id=$output
	everywhere
	claim ann "$id" add_anchor
	everywhere
	for n in hub ann bob; do
		at $n sbx-member vote "$id" for
	done
	everywhere
	later 01T14:00:01
	for n in hub ann bob; do
		at $n sbx-member -j tally "$id"
		assert_eq "$(jq -c '[.ptype,.status,.votes_for]' <<<"$output")" \
			'["change_protocol","passed",3]' "$n"
		at $n sbx-member -j tally -a
		assert_eq "$(jq -r 'select(.status=="void").ptype' <<<"$output")" add_anchor "$n: the other"
	done
}

@test "a voice for an identifier that another text could take needs -f" {
	id=$(printf 'c%.0s' {1..64})
	claim ann "$id" add_anchor
	at ann 1 sbx-member vote "$id" for
	assert_says sbx-member "not bound to its text"
	assert_hint sbx-member
	at ann sbx-member vote -f "$id" for
	at ann sbx-member -j tally "$id"
	assert_eq "$(jq -c '[.counts,.votes_for]' <<<"$output")" '["loose",1]' "the tally"
}

@test "the quorum is changed by a proposal, and the next carries it" {
	at hub sbx-member propose -c 60 -b '{"quorum_percent":30}' quorum_revision
	id=$output
	everywhere
	at ann sbx-member vote "$id" for
	at hub sbx-member vote "$id" for
	everywhere
	later 01T13:02:00
	at bob sbx-member -j rules
	assert_eq "$(jq .quorum_millionths <<<"$output")" 300000 "the rule"
	at bob sbx-member propose -c 60 change_protocol
	id=$output
	at bob sbx-member vote "$id" for
	later 01T13:04:00
	assert_eq "$(status_of bob "$id")" passed "one of three is enough now"
}

@test "can vote knows the proposal" {
	at hub sbx-member propose -c 3600 change_protocol
	id=$output
	at hub sbx-member can "$(did hub)" vote "$id"
	at hub sbx-member vote "$id" abstain
	at hub 1 sbx-member can "$(did hub)" vote "$id"
	assert_says sbx-member "has voted already"
}

@test "levels rise one at a time, each when the mesh is ready" {
	at hub 1 sbx-member emancipate 2
	assert_says sbx-member "one at a time"
	at hub 1 sbx-member emancipate 1
	assert_says sbx-member "no emancipation proposal"
	at hub sbx-member propose -c 60 -b '{"level":1}' emancipation
	id=$output
	everywhere
	at ann sbx-member vote "$id" for
	at bob sbx-member vote "$id" for
	everywhere
	later 01T13:02:00
	at hub 1 sbx-member emancipate -r "$(did hub)" 1
	assert_says sbx-member "at the last level"
	at hub sbx-member emancipate 1
	everywhere
	at bob sbx-member -j rules
	assert_eq "$(jq .emancipation_level <<<"$output")" 1 "the level"
	at bob 1 sbx-member emancipate 1
}
