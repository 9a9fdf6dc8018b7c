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

service() {
	SBX_STATE=$BATS_TEST_TMPDIR/hub sbx-offer -j list -a | jq -r .service_id
}

# lines that follow "it would ...", and not more than that many
change() {
	sed -n '/^it would/,$p' <<<"$output" | sed 1d
}

@test "why says yes, on what it rests, and what would end it" {
	at hub sbx why annbox mirror
	assert_like "$output" "^annbox \($(did ann)\) may use mirror" "the answer"
	assert_has "$output" "by $(did hub), an anchor of this node" "whose guest it is"
	for w in "by $(did hub), the provider: sbx-offer reject $sub" \
		"by $(did hub), the provider: sbx-offer withdraw $(service)" \
		"by annbox ($(did ann)) itself: sbx-offer cancel $sub" \
		"sbx-member revoke $(did ann)" "sbx-member revoke $(did hub)"; do
		assert_has "$(change)" "$w" "what would end it"
	done
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
	assert_has "$output" "was revoked on 2026-07-01T15:00:00 by $(did hub)" "the reason"
	assert_has "$output" "a member signs a new invitation" "the way back"
	assert_has "$output" "then $(did hub), the provider, signs: sbx-offer approve" "and the approval"
}

@test "why --at answers for that time" {
	at hub sbx-member revoke "$(did ann)"
	at hub 1 sbx why --at 2026-07-01T11:59:59Z "$(did ann)" mirror
	at hub 1 sbx why --at 2026-07-01T12:30:00Z "$(did ann)" mirror
	assert_has "$output" "has no subscription" "before it subscribed"
	at hub 1 sbx why --at 2026-07-01T13:30:00Z "$(did ann)" mirror
	assert_has "$output" "waits for the provider's approval" "before it was approved"
	assert_has "$output" "$(did hub), the provider, signs: sbx-offer approve $sub" "who signs what"
	at hub sbx why --at 2026-07-01T14:30:00Z "$(did ann)" mirror
	assert_has "$output" "as of 2026-07-01T14:30:00 UTC" "the time"
	at hub 1 sbx why --at 2026-07-01T15:00:00Z "$(did ann)" mirror
	at hub sbx why -j --at 2026-07-01T14:30:00Z "$(did ann)" mirror
	assert_eq "$(jq -c '[.allowed,.at]' <<<"$output")" \
		'[true,"2026-07-01T14:30:00.000000+00:00"]' "JSON"
}

# no NODE WORDS REMEDY...: it says no for that reason, and these remedies alone
no() {
	local n=$1 words=$2 r
	shift 2
	at "$n" 1 sbx why "$(did ann)" mirror
	assert_has "$output" "  no: " "no reason"
	assert_has "$(grep '^  no:' <<<"$output")" "$words" "the reason"
	for r; do
		assert_has "$(change)" "$r" "the remedy"
	done
	assert_eq "$(change | wc -l)" $# "remedies"
}

@test "every no names who would have to sign what" {
	me="annbox ($(did ann))" hub=$(did hub)
	at hub sbx-offer reject "$sub"
	no hub "which is rejected" "$hub, the provider, signs: sbx-offer approve $sub"
	later 15:01:00
	at hub sbx-offer approve "$sub"
	later 15:02:00
	at ann sbx-offer cancel "$sub"
	carry ann hub
	no hub "which is cancelled" \
		"$me signs: sbx-offer subscribe $(service); then $hub, the provider, signs: sbx-offer approve"
	later 15:03:00
	at ann sbx-offer subscribe mirror
	carry ann hub
	no hub "waits for the provider's approval" "$hub, the provider, signs: sbx-offer approve"
	later 15:04:00
	at hub sbx-offer withdraw mirror
	no hub "withdrew mirror" "$hub signs: sbx-offer publish mirror"
	assert_has "$output" "which ended with the offer" "the subscription"
	later 15:05:00
	at hub sbx-offer publish -k http -e 10.10.0.1:81 -m auto mirror
	at hub sbx why annbox mirror
	assert_has "$output" "the offer is open to members" "auto"
	later 15:06:00
	at ann sbx-offer cancel mirror
	carry ann hub
	no hub "which is cancelled" "$me signs: sbx-offer subscribe $(service)"
	assert_lacks "$(change)" "approve" "an open offer needs no approval"
}

@test "a no for whom no invitation let in says what was wrong with it" {
	node eve
	at eve sbx-ledger init --no-recovery
	eve=$output
	carry eve hub
	at hub 1 sbx why "$eve" mirror
	assert_has "$output" "$eve accepted no invitation" "none"
	assert_has "$(change)" "a member signs an invitation (sbx-member invite) and $eve accepts it" "the remedy"
	assert_has "$(change)" "$eve signs: sbx-mesh-up record" "the node"
	at ann sbx-member invite # it is a member: but ann is revoked before
	token=$output
	at eve sbx-member -q accept "$token"
	carry eve hub
	at hub 1 sbx why "$eve" mirror
	assert_has "$output" "by annbox ($(did ann)) that is not known here" "unknown"
	carry ann hub
	at hub 1 sbx why "$eve" mirror # no subscription yet, but a member
	assert_has "$output" "yes: $eve accepted an invitation on 2026-07-01T15:00:00 by annbox ($(did ann)), who accepted one on 2026-07-01T12:00:00 by $(did hub), an anchor of this node" "the chain"
	id=$(SBX_STATE=$BATS_TEST_TMPDIR/ann sbx-member -j invites |
		jq -r --arg d "$(did ann)" 'select(.inviter==$d).invite_id')
	at hub sbx-member revoke -c 1 "$id"
	at hub 1 sbx why "$eve" mirror
	assert_has "$output" "by annbox ($(did ann)) that was taken back" "voided"
	later 15:10:00
	at hub sbx-member revoke "$(did ann)" "box lost"
	at hub 1 sbx why "$eve" mirror
	assert_has "$output" "by annbox ($(did ann)), who is not a member" "its inviter"
	at hub 1 sbx why "$(did ann)" mirror
	assert_has "$output" "by $(did hub) (box lost)" "who, and why"
}

@test "a late, a used up and an unproven acceptance are told apart" {
	node eve
	at eve sbx-ledger init --no-recovery
	eve=$output
	at hub sbx-member invite -e 60
	later 15:00:30
	at eve sbx-member -q accept "$output"
	SBX_STATE=$BATS_TEST_TMPDIR/eve sbx-ledger export | grep InviteAccept >"$BATS_TEST_TMPDIR/ok"
	python3 - "$BATS_TEST_TMPDIR/ok" >"$BATS_TEST_TMPDIR/p" <<-'EOF'
	import json, sys
	p = json.loads(open(sys.argv[1]).readline())["payload"]
	p["accepted_at"] = "2026-07-01T15:01:01.000000+00:00"
	print(json.dumps(p))
	EOF
	node fay
	at fay sbx-ledger init --no-recovery
	fay=$output
	later 15:02:00
	# the same box says it again, late: what it says last is told
	at eve sbx-ledger append -t InviteAccept invite_accept "$BATS_TEST_TMPDIR/p"
	SBX_STATE=$BATS_TEST_TMPDIR/eve sbx-ledger export |
		grep -v '15:00:30' | SBX_STATE=$BATS_TEST_TMPDIR/hub sbx-ledger -q import
	at hub 1 sbx why "$eve" mirror
	assert_has "$output" "by $(did hub) too late" "late"
	at hub sbx-member invite
	token=$output
	id=$(SBX_STATE=$BATS_TEST_TMPDIR/hub sbx-member -j invites |
		jq -r 'select(.status=="open").invite_id')
	printf '{"invite_id":"%s","inviter":"%s","domain":"","rights":[],"grafted_by":null}' \
		"$id" "$(did hub)" >"$BATS_TEST_TMPDIR/p"
	at fay sbx-ledger append -t InviteAccept invite_accept "$BATS_TEST_TMPDIR/p"
	carry fay hub
	at hub 1 sbx why "$fay" mirror
	assert_has "$output" "without the proof that it was handed it" "unproven"
	for n in gus ida; do
		node $n
		later "15:03:0${#n}"
		[ $n = gus ] || later 15:04:00
		at $n sbx-ledger init --no-recovery
		did=$output
		at $n sbx-member -q accept "$token"
		carry $n hub
	done
	at hub 1 sbx why "$did" mirror
	assert_has "$output" "by $(did hub) that others had used up" "used up"
}

@test "why --at answers by the names of then" {
	at hub sbx-member name mule "$(did ann)"
	later 16:00:00
	at hub sbx-member name -d mule
	later 16:30:00
	node eve
	at eve sbx-ledger init --no-recovery
	eve=$output
	at hub sbx-member invite
	at eve sbx-member -q accept "$output"
	carry eve hub
	later 17:00:00
	at hub sbx-member name mule "$eve"
	later 18:00:00
	at hub sbx why --at 2026-07-01T15:30:00Z mule mirror
	assert_like "$output" "^mule \($(did ann)\) may use mirror" "who was called so"
	at hub 1 sbx why --at 2026-07-01T17:30:00Z mule mirror
	assert_like "$output" "^mule \($eve\) may not" "who is called so"
	at hub 1 sbx why --at 2026-07-01T16:30:00Z mule mirror
	assert_like "$output" "^$eve may not" "nobody was: who is now, shown by its did"
}

@test "why --at answers by the anchors of then, and tells what changed since" {
	at hub sbx why --at 2026-07-01T14:30:00Z annbox mirror
	assert_lacks "$output" "since then" "nothing changed"
	later 16:00:00
	at hub sbx-member trust -d "$(did hub)" # and nobody is a member any more
	later 17:00:00
	at hub 1 sbx why "$(did ann)" mirror
	at hub sbx why --at 2026-07-01T14:30:00Z annbox mirror
	assert_has "$output" "since then: on 2026-07-01T16:00:00 this node took $(did hub) for an anchor no longer" "the change"
	at hub 1 sbx why --at 2026-07-01T16:30:00Z "$(did ann)" mirror
	assert_lacks "$output" "since then" "it was before"
	later 18:00:00
	at hub sbx-member trust "$(did hub)"
	at hub sbx why annbox mirror
	at hub 1 sbx why --at 2026-07-01T17:30:00Z "$(did ann)" mirror
	at hub sbx why -j --at 2026-07-01T14:30:00Z annbox mirror
	assert_eq "$(jq -c '.anchors_since|map([.trusted,.at[:19]])' <<<"$output")" \
		'[[false,"2026-07-01T16:00:00"],[true,"2026-07-01T18:00:00"]]' "JSON"
	at hub sbx-member trust "$(did hub)" # no change
	at hub sbx why -j annbox mirror
	assert_eq "$(jq -c .anchors_since <<<"$output")" '[]' "nothing changed"
}

@test "who joined later answers for the time before by the mesh's anchors" {
	carry hub ann
	at ann sbx why --at 2026-07-01T14:30:00Z annbox mirror
	at ann 1 sbx why --at 2026-07-01T11:59:00Z "$(did ann)" mirror
	assert_has "$output" "accepted no invitation" "ann was in no mesh then"
}

@test "a fork that turned up later does not change what held before it" {
	cp -r "$BATS_TEST_TMPDIR/ann" "$BATS_TEST_TMPDIR/twin"
	for n in ann twin; do
		later 16:00:00
		at $n sbx-offer publish -k http -e 10.10.0.2:80 "of-$n"
		later 16:30:00
		at $n sbx-ledger seal # the first head of each
		carry $n hub
	done
	at hub 1 sbx why "$(did ann)" mirror
	assert_has "$output" "has no subscription" "nothing of a forked author counts"
	at hub sbx why --at 2026-07-01T15:00:00Z annbox mirror
}

@test "why refuses what it does not understand" {
	at hub 2 sbx why
	at hub 2 sbx why --at yesterday "$(did ann)" mirror
	at hub 1 sbx why nobody mirror
	at hub 1 sbx why "$(did ann)" nothing
	run_sbx sbx-why -h
}
