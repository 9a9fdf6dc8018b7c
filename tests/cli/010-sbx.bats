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

@test "sbx status is sbx-ledger status, options included" {
	at a sbx-ledger -j status
	want=$output
	at a sbx status -j
	assert_eq "$output" "$want" "another output"
}

@test "sbx alone lists the tools, each once, sorted" {
	run_sbx sbx
	for t in grant ledger member offer; do
		assert_like "$output" "(^|"$'\n'")$t($|"$'\n'")" "$t is missing"
	done
	assert_eq "$output" "$(sort -u <<<"$output")" "unsorted or twice"
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
