# SPDX-License-Identifier: Apache-2.0
# Completion in bash, as the shell would ask for it.

load ../lib/helpers

setup() {
	# shellcheck disable=SC1091
	source "$BATS_TEST_DIRNAME/../../etc/bash-completion/sbx"
}

# complete_line WORDS...: the last word is what is being typed.
complete_line() {
	COMP_WORDS=("$@")
	COMP_CWORD=$(($# - 1))
	_sbx "$1"
	echo "${COMPREPLY[*]}"
}

@test "a verb is completed from its beginning" {
	assert_eq "$(complete_line sbx-ledger ver)" verify "a verb"
	assert_has " $(complete_line sbx-member '') " " invite " "all verbs"
	assert_eq "$(complete_line sbx-ledger -C /tmp who)" whoami "behind -C DIR"
}

@test "options are the verb's and the common ones" {
	assert_eq "$(complete_line sbx-ledger export --o)" --old "its own"
	assert_eq "$(complete_line sbx-ledger export --js)" --json "common"
	assert_eq "$(complete_line sbx-ledger verify --o)" "" "not another's"
}

@test "sbx VERB completes as sbx-VERB does" {
	assert_eq "$(complete_line sbx led)" ledger "the tool"
	assert_eq "$(complete_line sbx ledger ver)" verify "its verb"
	assert_eq "$(complete_line sbx ledger export --o)" --old "its option"
}

@test "behind a verb files are completed" {
	cd "$BATS_TEST_TMPDIR"
	touch export.jsonl
	assert_eq "$(complete_line sbx-ledger import exp)" export.jsonl "a file"
}
