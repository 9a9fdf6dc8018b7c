#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0

load ../lib/helpers

@test "canon judges spoiled documents as CPython does under our rules" {
	require python3
	cd "$BATS_TEST_TMPDIR"
	python3 "$BATS_TEST_DIRNAME/../lib/canon-mutants.py" . "${SEED:-1}" 30000
	run_sbx 3 sh -c 'sbx-ledger canon <in >got 2>said'
	cmp out got
	sed -n 's/^sbx-ledger: line \([0-9]*\): .*/\1/p' said | cmp - bad
	[ "$(wc -l <out)" -gt 5000 ] && [ "$(wc -l <bad)" -gt 5000 ]
}

@test "a document far past every limit is refused at once, in bounded memory" {
	for big in '"["*100000' '"["*100000 + "]"*100000' '"\"" + "x"*(64<<20) + "\""' '"9"*100000' \
		'"{" + ",".join("\"%d\":0" % i for i in range(1000000)) + "}"'; do
		run_sbx 3 sh -c "python3 -c 'print($big)' | (ulimit -v 262144; sbx-ledger canon)"
		assert_eq "$output" "" "something was written"
		assert_has "$stderr" "sbx-ledger: line 1: " "no reason"
	done
}
