#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0

load ../lib/helpers

setup() {
	node a
	at a sbx-ledger init --no-recovery
}

@test "sbx VERB runs sbx-VERB with its arguments, output and status" {
	at a sbx-ledger status
	want=$output
	at a sbx ledger status
	assert_eq "$output" "$want" "another output"
	at a 2 sbx ledger status too many
	assert_like "$stderr" '^sbx-ledger: ' "not the tool's own error"
}

@test "sbx alone lists what there is, each once, sorted, with words" {
	run_sbx sbx
	for t in grant ledger member offer status why help; do
		assert_like "$output" "(^|"$'\n'")$t  +[a-z]" "$t is missing, or its words"
	done
	assert_eq "$(grep -cE '^[a-z-]+ *$' <<<"$output" || :)" 0 "a tool without words"
	names=$(cut -d' ' -f1 <<<"$output")
	assert_eq "$names" "$(sort -u <<<"$names")" "unsorted or twice"
}

@test "sbx help says the same, and sbx help VERB what that verb says of itself" {
	run_sbx sbx
	want=$output
	run_sbx sbx help
	assert_has "$output" "$want" "the list"
	assert_has "$output" "usage: sbx" "the usage"
	run_sbx sbx help ledger
	assert_has "$output" "usage: sbx-ledger" "of a tool"
	run_sbx sbx help status
	assert_has "$output" "usage: sbx-status" "of one without verbs"
	run_sbx 2 sbx help ledger status
}

@test "options before the verb are the tool's" {
	unset SBX_STATE
	N=$BATS_TEST_TMPDIR/a
	at a sbx-ledger -j status
	want=$output
	for o in "-C $N -j" "-jC $N" "--json --state=$N" "-j --state $N" "-jC$N"; do
		# shellcheck disable=SC2086 # words
		run_sbx sbx $o ledger status
		assert_eq "$output" "$want" "sbx $o ledger status"
	done
	run_sbx 2 sbx -C "$N"
	run_sbx 2 sbx --no-such ledger status
	assert_has "$stderr" "sbx-ledger: --no-such: no such option" "whose"
}

@test "a verb that is nearly one is answered with the one that was meant" {
	for w in legder:ledger stauts:status membr:member hlep:help led:ledger; do
		run_sbx 2 sbx "${w%:*}"
		assert_has "$stderr" "hint: did you mean \"${w#*:}\"?" "${w%:*}"
	done
	run_sbx 2 sbx frobnicate
	assert_lacks "$stderr" "did you mean" "a guess out of nothing"
	at a 2 sbx-ledger verfiy
	assert_has "$stderr" 'hint: did you mean "verify"?' "a tool's verb"
	at a 2 sbx-ledger status --jsno
	assert_has "$stderr" 'hint: did you mean "--json"?' "an option"
	at a 2 sbx-ledger sh
	assert_has "$stderr" 'hint: did you mean "show"?' "the beginning of a verb"
}

@test "sbx takes no tool from PATH or the working directory" {
	mkdir "$BATS_TEST_TMPDIR/bin"
	printf '#!/bin/sh\necho evil\n' >"$BATS_TEST_TMPDIR/bin/sbx-evil"
	chmod +x "$BATS_TEST_TMPDIR/bin/sbx-evil"
	cd "$BATS_TEST_TMPDIR/bin"
	PATH=$BATS_TEST_TMPDIR/bin:$PATH run_sbx 2 sbx evil
	assert_says sbx "no such verb: evil"
}

@test "what is no verb ends with 2" {
	for v in ../ledger /bin/sh 'a b' '' -x LEDGER . "$(printf 'a%.0s' $(seq 64))"; do
		run_sbx 2 sbx "$v"
		assert_eq "$output" "" "it prints something for $v"
	done
}

@test "-h and -V are answered" {
	run_sbx sbx -h
	assert_has "$output" "usage: sbx" "no usage"
	run_sbx sbx -V
	assert_like "$output" '^sbx [0-9]+\.[0-9]+\.[0-9]+$' "no version"
}

@test "a full disk is no success" {
	for args in "" -h -V; do
		# shellcheck disable=SC2086 # words
		run_sbx 4 sh -c 'sbx "$@" >/dev/full' sh $args
	done
}
