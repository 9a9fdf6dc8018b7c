#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# The frozen world, where it is at hand: what independent nodes sign, chain and refuse.

load ../lib/helpers

setup() {
	W=$BATS_TEST_DIRNAME/../../../shared/vectors/gondwana
	[ -r "$W/world.json" ] || skip "no frozen world here"
	node a
	export SBX_NOW=2026-07-05T00:00:00Z
	SBX_STATE=$BATS_TEST_TMPDIR/a world_ledger
}

# gk2's own node: its seed is the world's.
world_ledger() {
	(umask 077 && jq -r .keys.gk2.seed "$W/world.json" >"$BATS_TEST_TMPDIR/a/node.key")
	sbx-ledger init --no-recovery >/dev/null
}

@test "all lines of the world are accepted, in both forms, with one result" {
	at a sbx-ledger -j import "$W/export.jsonl"
	assert_eq "$(jq -c '[.new,.refused]' <<<"$output")" '[26,0]' "not all"
	at a sbx-ledger -j import "$W/export.json"
	assert_eq "$(jq -c '[.known,.refused]' <<<"$output")" '[26,0]' "the older form differs"
	at a sbx-ledger fsck -n
	at a sbx-ledger export --from 2
	assert_eq "$(sha256sum <<<"$output")" "$(sha256sum <"$W/export.jsonl")" "not the same bytes"
}

@test "each hostile line is refused, with a reason of its own" {
	at a sbx-ledger import "$W/export.jsonl"
	at a 3 sbx-ledger import "$W/hostile.jsonl"
	assert_has "$stderr" "0 new, 0 known, 0 held, 16 refused" "not all were refused"
	while IFS='|' read -r n reason; do
		assert_has "$stderr" "entry $n: $reason" "line $n"
	done <<-'EOF'
	1|bad signature
	2|sig is not lower-case hex
	3|sig is not 128 characters long
	4|author is not the hash of author_pubkey
	5|author is not the hash of author_pubkey
	6|unknown op reboot
	7|ServiceApprove: unknown field rejected_at
	8|op service_offer does not carry Identity
	9|ServiceOffer: provider is not the author
	10|RevocationNotice: revoker is not the author
	11|ServiceOffer: unknown field shell
	12|ServiceOffer: field endpoint is missing
	13|ServiceOffer: field name has a wrong value
	14|ServiceOffer: field macro has a wrong value
	15|Identity: self_cert_digest is not the did's
	16|Identity: did is not the author
	EOF
}

@test "the members are those the founder invited, less the one it revoked" {
	at a sbx-ledger import "$W/export.jsonl"
	at a sbx-member -j list
	assert_eq "$(jq -rs 'sort_by(.name)|map("\(.name) \(.state)")|join(", ")' <<<"$output")" \
		"amd64 revoked, c3box member, gk2 anchor" "members"
}

# I14
@test "the state is the same for any order of the world" {
	at a sbx-ledger import "$W/export.jsonl"
	at a sbx-ledger -j status
	want=$(jq -r .state <<<"$output")
	for n in 1 2 3 4 5; do
		rm -f "$BATS_TEST_TMPDIR"/a/ledger.db*
		SBX_STATE=$BATS_TEST_TMPDIR/a sbx-ledger init --no-recovery >/dev/null
		shuf --random-source=<(yes $n) "$W/export.jsonl" >"$BATS_TEST_TMPDIR/x"
		at a sbx-ledger import "$BATS_TEST_TMPDIR/x"
		at a sbx-ledger -j status
		assert_eq "$(jq -r .state <<<"$output")" "$want" "order $n"
	done
}
