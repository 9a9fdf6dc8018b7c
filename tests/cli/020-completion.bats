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

# A member called bob, an offer called mirror, a subscription to it.
mesh_of_two() {
	node a
	node b
	at a sbx-ledger init --no-recovery
	at b sbx-ledger init --no-recovery
	a=$BATS_TEST_TMPDIR/a b=$BATS_TEST_TMPDIR/b
	sbx-member -C "$a" invite | sbx-member -q -C "$b" accept
	sbx-ledger -C "$b" export | sbx-ledger -q -C "$a" import
	bob=$(sbx-ledger -C "$b" whoami)
	sbx-member -q -C "$a" name bob "$bob"
	mirror=$(sbx-offer -C "$a" publish -k http -e 10.10.0.1:80 mirror)
	sbx-ledger -C "$a" export | sbx-ledger -q -C "$b" import
	sub=$(sbx-offer -C "$b" subscribe mirror)
	sbx-ledger -C "$b" export | sbx-ledger -q -C "$a" import
}

@test "names and identifiers of what there is are completed" {
	mesh_of_two
	assert_eq "$(complete_line sbx-member -C "$a" revoke bo)" bob "a name"
	assert_has "$(complete_line sbx-member -C "$a" show did)" "$bob" "a DID"
	assert_eq "$(complete_line sbx-offer -C "$b" use mi)" mirror "an offer's name"
	assert_eq "$(complete_line sbx-offer -C "$b" show "${mirror:0:9}")" "$mirror" "its id"
	assert_eq "$(complete_line sbx-offer -C "$a" approve "")" "$sub" "a subscription"
	assert_eq "$(complete_line sbx-why -C "$a" bob mi)" mirror "the second of two"
	assert_eq "$(complete_line sbx -C "$a" member revoke bo)" bob "through sbx"
	assert_has "$(complete_line sbx-member -C "$a" revoke "")" \
		"$(sbx-member -C "$a" invites | cut -f1)" "one of two things"
	SBX_STATE=$a assert_eq "$(SBX_STATE=$a complete_line sbx-member revoke bo)" bob \
		"as the environment says"
}

@test "a DID is completed where bash cuts words at colons" {
	mesh_of_two
	local COMP_WORDBREAKS=$' \t\n"\'><=;|&(:'
	COMP_WORDS=(sbx-member -C "$a" revoke did : plc : "${bob:8:6}")
	COMP_CWORD=8
	_sbx sbx-member
	assert_eq "${COMPREPLY[*]}" "${bob:8}" "behind the last colon"
}

@test "a choice of words, and an option's argument" {
	node a
	assert_eq "$(complete_line sbx-member vote 12ab ag)" against "a word"
	assert_eq "$(complete_line sbx help led)" ledger "help"
	assert_eq "$(complete_line sbx status --js)" --json "a short verb's option"
	mesh_of_two
	assert_eq "$(complete_line sbx-member -C "$a" emancipate 3 --remove bo)" bob "an option's"
}

@test "where nothing is known nothing is said" {
	node a
	out=$(complete_line sbx-member -C "$BATS_TEST_TMPDIR/a" revoke x 2>&1)
	assert_eq "$out" "" "an error on the terminal"
}
