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
	require python3
	for big in '"["*100000' '"["*100000 + "]"*100000' '"\"" + "x"*(64<<20) + "\""' '"9"*100000' \
		'"{" + ",".join("\"%d\":0" % i for i in range(1000000)) + "}"'; do
		run_sbx 3 sh -c "python3 -c 'print($big)' | python3 -c '
import resource, subprocess, sys
code = subprocess.run([\"sbx-ledger\", \"canon\"]).returncode
used = resource.getrusage(resource.RUSAGE_CHILDREN)
assert used.ru_maxrss < 65536 and used.ru_utime < 1, used
sys.exit(code)'"
		assert_eq "$output" "" "something was written"
		assert_has "$stderr" "sbx-ledger: line 1: " "no reason"
	done
}
