#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# The bench goes to its end, on a small ledger; what its rows say is for a quiet
# machine to tell, but for memory, which does not depend on it.

load ../lib/helpers
load ../lib/traces

setup() {
	require_root
	require lighttpd jq nft sudo wg wireguard-go python3
	SRC=$BATS_TEST_DIRNAME/../..
	[ -x "$SRC/build/bench/probe" ] || skip "nothing built to measure with"
	export TMPDIR=$BATS_TEST_TMPDIR
	before=$(traces "$TMPDIR")
}

@test "the bench has a row for all that it promises, and leaves nothing behind" {
	ROUNDS=1 OUT=$BATS_TEST_TMPDIR/rows run env -u BATS_VERSION -u BATS_TEST_TMPDIR \
		-u BATS_FILE_TMPDIR "$SRC/scripts/bench" 300
	assert_eq "$status" 0 "it did not end: $output"
	for name in import "verify, full" "verify --quick" "append, one at a time" \
		"append, from a pipe" "sbx-offer list ID" "sbx-member show DID" \
		"resident, sbx-grant" "resident, sbx-pull -p, a witness" \
		"resident, sbx-mesh-up, a spoke" "sbx status, 100 members" \
		"start-up, sbx-ledger whoami"; do
		assert_eq "$(jq --arg n "$name" '[.[] | select(.name == $n and .bound != null)] | length' \
			"$BATS_TEST_TMPDIR/rows")" 1 "rows of $name"
	done
	assert_eq "$(jq -r '.[] | select((.name | startswith("resident")) and (.ok | not)).name' \
		"$BATS_TEST_TMPDIR/rows")" "" "takes more than 32 MB"
	rm "$BATS_TEST_TMPDIR/rows"
	gone "$TMPDIR" "$before"
}
