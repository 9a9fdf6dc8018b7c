# SPDX-License-Identifier: Apache-2.0
# The helpers themselves: a test that cannot fail would be worth nothing.

load ../lib/helpers

# Whether the command fails, without bats taking that for the test's own end.
fails() {
	local rc=0
	("$@") >/dev/null 2>&1 || rc=$?
	[ "$rc" -ne 0 ]
}

@test "run_sbx expects 0 and fails on another status" {
	run_sbx true
	fails run_sbx false
}

@test "run_sbx expects the status it is given" {
	run_sbx 3 sh -c 'exit 3'
	fails run_sbx 3 true
	fails run_sbx 4 sh -c 'exit 3'
}

@test "run_sbx keeps the two streams apart" {
	run_sbx sh -c 'echo out; echo err >&2'
	assert_eq "$output" out "stdout"
	assert_eq "$stderr" err "stderr"
}

@test "run_sbx ends what does not end" {
	SBX_TIMEOUT=0.2 fails run_sbx sleep 20
}

@test "every assertion can fail" {
	assert_eq a a "x"
	fails assert_eq a b "x"
	assert_ne a b "x"
	fails assert_ne a a "x"
	assert_has abc b "x"
	fails assert_has abc d "x"
	assert_lacks abc d "x"
	fails assert_lacks abc b "x"
	assert_like abc '^a.c$' "x"
	fails assert_like abc '^b' "x"
	assert_file "$BATS_TEST_TMPDIR" "x"
	fails assert_file "$BATS_TEST_TMPDIR/no" "x"
	assert_no_file "$BATS_TEST_TMPDIR/no" "x"
	fails assert_no_file "$BATS_TEST_TMPDIR" "x"
}

@test "assert_says wants one line with the tool's name, and maybe a hint" {
	stderr=$'t: bad thing\nt: hint: do better'
	assert_says t "bad thing"
	assert_hint t
	fails assert_says t "good thing"
	fails assert_says u "bad thing"
	stderr=$'t: bad thing\nt: more'
	fails assert_says t "bad thing"
	fails assert_hint t
}

@test "a missing program fails the test when tests must run" {
	require sh
	SBX_TESTS_MUST_RUN=1 fails require no-such-program
}

@test "at runs a tool in its node's directory and nowhere else" {
	node a
	at a sh -c 'echo "$SBX_STATE"'
	assert_eq "$output" "$BATS_TEST_TMPDIR/a" "state directory"
	assert_eq "${SBX_STATE:-}" "" "it must not stay set"
}

@test "snapshot notices a changed byte and a changed mode" {
	node a
	echo 1 >"$BATS_TEST_TMPDIR/a/f"
	local before
	before=$(snapshot "$BATS_TEST_TMPDIR/a")
	assert_eq "$(snapshot "$BATS_TEST_TMPDIR/a")" "$before" "unchanged"
	echo 2 >"$BATS_TEST_TMPDIR/a/f"
	assert_ne "$(snapshot "$BATS_TEST_TMPDIR/a")" "$before" "a byte"
	echo 1 >"$BATS_TEST_TMPDIR/a/f"
	chmod 600 "$BATS_TEST_TMPDIR/a/f"
	assert_ne "$(snapshot "$BATS_TEST_TMPDIR/a")" "$before" "a mode"
}
