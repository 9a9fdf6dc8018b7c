#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# sbx why: who could reach what, when, and what would change it.

load ../lib/helpers

did() {
	cat "$BATS_TEST_TMPDIR/$1.did"
}

carry() { # FROM TO
	SBX_STATE=$BATS_TEST_TMPDIR/$1 sbx-ledger export |
		SBX_STATE=$BATS_TEST_TMPDIR/$2 sbx-ledger -q import
}

later() {
	export SBX_NOW=2026-07-01T$1Z
}

# ann joins at 12, subscribes at 13, is approved at 14, put out at 15
setup() {
	later 12:00:00
	for n in hub ann; do
		node $n
		SBX_STATE=$BATS_TEST_TMPDIR/$n sbx-ledger init --no-recovery >"$BATS_TEST_TMPDIR/$n.did"
	done
	at hub sbx-member invite
	at ann sbx-member accept "$output"
	printf '{"node_id":"ann","boxname":"annbox","pubkey_wg":"%s","mesh_ip":"10.10.0.2","ddns":null,"endpoint":null}' \
		"$(head -c 32 /dev/zero | base64)" >"$BATS_TEST_TMPDIR/n"
	at ann sbx-ledger append node_publish "$BATS_TEST_TMPDIR/n"
	at hub sbx-offer publish -k http -e 10.10.0.1:80 -m pending mirror
	carry ann hub
	carry hub ann
	later 13:00:00
	at ann sbx-offer subscribe mirror
	carry ann hub
	later 14:00:00
	sub=$(SBX_STATE=$BATS_TEST_TMPDIR/hub sbx-offer -j subs -a | jq -r .subscription_id)
	at hub sbx-offer approve "$sub"
	later 15:00:00
}

@test "why says yes, on what it rests, and what would end it" {
	at hub sbx why annbox mirror
	assert_like "$output" "^annbox \($(did ann)\) may use mirror" "the answer"
	assert_has "$output" "accepted an invitation on 2026-07-01T12:00:00" "membership"
	assert_has "$output" "the provider approved" "the approval"
	assert_has "$output" "sbx-member revoke $(did ann)" "what would end it"
	assert_lacks "$output" "  no:" "a reason against it"
	at hub sbx why -v annbox mirror
	[ "$(grep -c 'entry [0-9a-f]\{64\}$' <<<"$output")" -ge 5 ] || fail "too few entries"
}

@test "why says no with each reason, and who would have to sign what" {
	at hub sbx-member revoke "$(did ann)"
	at hub 1 sbx why "$(did ann)" mirror
	assert_like "${lines[0]}" "may not use mirror" "the answer"
	assert_has "$output" "was revoked" "the reason"
	assert_has "$output" "a member signs an invitation" "the way back"
}

@test "why --at answers for that time" {
	at hub sbx-member revoke "$(did ann)"
	at hub 1 sbx why --at 2026-07-01T11:59:59Z "$(did ann)" mirror
	at hub 1 sbx why --at 2026-07-01T12:30:00Z "$(did ann)" mirror
	assert_has "$output" "has no subscription" "before it subscribed"
	at hub 1 sbx why --at 2026-07-01T13:30:00Z "$(did ann)" mirror
	assert_has "$output" "which is waiting" "before it was approved"
	assert_has "$output" "the provider signs: sbx-offer approve $sub" "who signs what"
	at hub sbx why --at 2026-07-01T14:30:00Z "$(did ann)" mirror
	assert_has "$output" "as of 2026-07-01T14:30:00 UTC" "the time"
	at hub 1 sbx why --at 2026-07-01T15:00:00Z "$(did ann)" mirror
	at hub sbx why -j --at 2026-07-01T14:30:00Z "$(did ann)" mirror
	assert_eq "$(jq -c '[.allowed,.at]' <<<"$output")" \
		'[true,"2026-07-01T14:30:00.000000+00:00"]' "JSON"
}

@test "why refuses what it does not understand" {
	at hub 2 sbx why
	at hub 2 sbx why --at yesterday "$(did ann)" mirror
	at hub 1 sbx why nobody mirror
	at hub 1 sbx why "$(did ann)" nothing
	run_sbx sbx-why -h
}
