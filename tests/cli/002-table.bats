# SPDX-License-Identifier: Apache-2.0
# Tables: aligned for people, plain for pipes, JSON lines for programs.

load ../lib/helpers

setup() {
	node n
	at n sbx-ledger init --no-recovery
	did=$output
}

@test "piped rows have tabs, whole values and no heading" {
	at n sbx-member list
	assert_like "$output" $'^[^\t]+\t'"$did"$'\tanchor\t' "a row"
	assert_eq "$(wc -l <<<"$output")" 1 "rows"
}

@test "a terminal gets a heading with its columns aligned" {
	require script
	at n script -qec "sbx-member list" /dev/null
	head=${lines[0]%$'\r'} row=${lines[1]%$'\r'}
	assert_like "$head" "^[A-Z]+  +[A-Z]" "a heading"
	before=${head%%STATE*}
	assert_has "${row:${#before}}" "anchor" "STATE is above its value: $row"
	assert_eq "${row:${#before}:6}" "anchor" "aligned"
	assert_lacks "$output" $'\e' "no colour, no control"
}

@test "-j gives one canonical JSON object a line, terminal or not" {
	require script jq
	at n sbx-member list -j
	plain=$output
	assert_eq "$(jq -cS . <<<"$plain")" "$plain" "canonical form"
	assert_eq "$(jq -r .did <<<"$plain")" "$did" "a field"
	at n script -qec "sbx-member -j list" /dev/null
	assert_eq "${output%$'\r'}" "$plain" "on a terminal"
}

@test "SBX_STATE set to nothing is not set, and -C goes before it" {
	SBX_STATE='' run_sbx sbx-ledger -C "$BATS_TEST_TMPDIR/n" whoami
	assert_eq "$output" "$did" "-C"
	SBX_STATE=/nonexistent run_sbx sbx-ledger whoami -C "$BATS_TEST_TMPDIR/n"
	assert_eq "$output" "$did" "-C before SBX_STATE"
	SBX_STATE='' SBX_NOW='' SBX_CONF='' SBX_KEY='' run_sbx sbx-ledger canon <<<'{}'
	assert_eq "$output" '{}' "a filter needs no state"
}
