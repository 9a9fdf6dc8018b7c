#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# A box whose copy has signed too is frozen, and is told so.

load ../lib/helpers

# fb and fc are one box twice; fa knows both.
setup() {
	for n in fa fb; do
		node $n
		at $n sbx-ledger init --no-recovery
	done
	D=$BATS_TEST_TMPDIR
	SBX_STATE=$D/fa sbx-member invite >"$D/token"
	SBX_STATE=$D/fb sbx-member -q accept <"$D/token"
	carry fa fb
	carry fb fa
	cp -a "$D/fb" "$D/fc"
	for n in fb fc; do
		SBX_STATE=$D/$n sbx-offer publish -k http -e 10.10.0.2:80 "of-$n" >/dev/null
		at $n sbx-ledger seal
	done
	carry fb fa
	carry fc fa
}

carry() {
	SBX_STATE=$D/$1 sbx-ledger export | SBX_STATE=$D/$2 sbx-ledger -q import 2>/dev/null || :
}

@test "a frozen box is given no id for what counts nowhere, and is told what to do" {
	at fb sbx-ledger -j status
	assert_eq "$(jq -r .signing <<<"$output")" yes "before it knows"
	carry fa fb
	at fb sbx-ledger -j status
	assert_like "$(jq -r .signing <<<"$output")" '^frozen: this box has signed two heads of number' "signing"
	before=$(SBX_STATE=$D/fb sbx-ledger -j status | jq .entries)
	for what in "sbx-offer publish -k http -e 10.10.0.2:81 more" "sbx-offer -n publish -k http -e 10.10.0.2:81 more" \
		"sbx-member name box1 $(SBX_STATE=$D/fa sbx-ledger whoami)"; do
		# shellcheck disable=SC2086 # words
		at fb 1 $what
		assert_eq "$output" "" "$what: an id"
		assert_has "$stderr" "frozen: this box has signed two heads" "$what"
		assert_has "$stderr" "hint: with the recovery key: sbx-member rotate" "$what"
	done
	assert_eq "$(SBX_STATE=$D/fb sbx-ledger -j status | jq .entries)" "$before" "something was appended"
	# The other's word counts as before.
	at fa sbx-offer publish -k http -e 10.10.0.1:80 mine
}
