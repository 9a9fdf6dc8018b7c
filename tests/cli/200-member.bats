#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0

load ../lib/helpers

setup() {
	export SBX_NOW=2026-07-01T12:00:00Z
	for n in hub ann bob; do
		node $n
		SBX_STATE=$BATS_TEST_TMPDIR/$n sbx-ledger init >"$BATS_TEST_TMPDIR/$n.did"
	done
}

did() {
	cat "$BATS_TEST_TMPDIR/$1.did"
}

carry() { # FROM TO
	SBX_STATE=$BATS_TEST_TMPDIR/$1 sbx-ledger export |
		SBX_STATE=$BATS_TEST_TMPDIR/$2 sbx-ledger -q import
}

state_of() { # NODE DID
	SBX_STATE=$BATS_TEST_TMPDIR/$1 sbx-member -j list -a |
		jq -r --arg d "$2" 'select(.did==$d).state'
}

@test "a founder invites, a box accepts, and both agree who is a member" {
	at hub sbx-member invite
	assert_like "$output" '^sbx1\.[A-Za-z0-9_-]+$' "no token"
	at ann sbx-member accept "$output"
	carry ann hub
	carry hub ann
	for n in hub ann; do
		assert_eq "$(state_of $n "$(did hub)")" anchor "hub, seen by $n"
		assert_eq "$(state_of $n "$(did ann)")" member "ann, seen by $n"
	done
	at hub sbx-ledger -j status
	a=$(jq -r .state <<<"$output")
	at ann sbx-ledger -j status
	assert_eq "$(jq -r .state <<<"$output")" "$a" "two states"
}

@test "accept takes the token from standard input too" {
	at hub sbx-member invite
	at ann sbx-member accept <<<"$output"
	carry ann hub
	assert_eq "$(state_of hub "$(did ann)")" member "not a member"
}

# I16
@test "the log gives nobody an invitation: the seed is in the token alone" {
	at hub sbx-member invite
	seed=$(cut -c6- <<<"$output" | tr _- /+ | base64 -d 2>/dev/null | jq -r .seed)
	assert_like "$seed" '^[0-9a-f]{64}$' "no seed in the token"
	at hub sbx-ledger export
	assert_lacks "$output" "$seed" "the seed is in the log"
	for f in "$BATS_TEST_TMPDIR"/hub/*; do
		! grep -q "$seed" "$f" || fail "the seed is in $f"
	done
}

@test "a late, a repeated, a damaged and one's own invitation are refused" {
	at hub sbx-member invite -e 60
	token=$output
	SBX_NOW=2026-07-01T12:01:01Z at ann 1 sbx-member accept "$token"
	assert_says sbx-member "expired at 2026-07-01T12:01:00"
	at ann sbx-member accept "$token"
	at ann 1 sbx-member accept "$token"
	assert_says sbx-member "already accepted"
	at bob 3 sbx-member accept "${token:0:40}"
	assert_says sbx-member "not an invitation"
	at bob 3 sbx-member accept sbx1.e30
	at bob 3 sbx-member accept </dev/null
	at hub 1 sbx-member accept "$token"
	assert_says sbx-member "issued it itself"
	at bob sbx-ledger -j status
	assert_eq "$(jq .entries <<<"$output")" 1 "a refused token left a trace"
}

# I16
@test "an invitation for one lets one in, whoever asks second" {
	at hub sbx-member invite
	token=$output
	at ann sbx-member accept "$token"
	SBX_NOW=2026-07-01T12:00:05Z at bob sbx-member accept "$token"
	carry bob hub
	carry ann hub
	assert_eq "$(state_of hub "$(did ann)")" member "the first"
	assert_eq "$(state_of hub "$(did bob)")" observed "the second"
	at hub sbx-member -j invites
	assert_eq "$(jq -c '[.used,.max_uses,.status]' <<<"$output")" '[1,1,"used"]' "the count"
}

@test "an invitation of two uses lets two in" {
	at hub sbx-member invite -u 2
	for n in ann bob; do
		SBX_STATE=$BATS_TEST_TMPDIR/$n sbx-member accept "$output" 2>/dev/null
		carry $n hub
		assert_eq "$(state_of hub "$(did $n)")" member "$n"
	done
}

@test "who is not a member cannot invite or revoke" {
	at hub sbx-member invite
	at ann sbx-member accept "$output"
	at ann 1 sbx-member invite
	assert_says sbx-member "not a member"
	at ann 1 sbx-member revoke "$(did hub)"
}

@test "a revoked box is no member anywhere, and stays readable" {
	at hub sbx-member invite
	at ann sbx-member accept "$output"
	carry ann hub
	export SBX_NOW=2026-07-01T12:30:00Z
	at hub sbx-member revoke "$(did ann)" "key lost"
	carry hub ann
	assert_eq "$(state_of hub "$(did ann)")" revoked "hub"
	assert_eq "$(state_of ann "$(did ann)")" revoked "ann itself"
	at ann sbx-ledger verify
}

@test "wrong values end with 2 and sign nothing" {
	at hub 2 sbx-member invite -u 0
	at hub 2 sbx-member invite -u x
	at hub 2 sbx-member invite -e 59
	at hub 2 sbx-member revoke hub
	at hub 2 sbx-member revoke -c 9 "$(did ann)"
	at hub 2 sbx-member trust hub
	at hub sbx-ledger -j status
	assert_eq "$(jq .entries <<<"$output")" 1 "something was signed"
}
