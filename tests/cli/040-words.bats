#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# What a tool says when something is amiss: what, where, and the next command.

load ../lib/helpers
load ../lib/site

setup() {
	D=$BATS_TEST_TMPDIR
	node a
	node b
	at a sbx-ledger init --no-recovery
}

teardown() {
	stop_servers
}

json() { # ...: every line of stdout is a JSON object, and there is one
	at a "$@"
	assert_ne "$output" "" "$*: nothing is printed"
	run_sbx jq -e 'type == "object"' <<<"$output"
}

@test "-j prints JSON, whatever a verb prints else" {
	require jq
	json sbx-member -j invite
	json sbx-member -j list
	json sbx-member -j invites
	json sbx-member -j propose quorum_revision
	json sbx-member -j rules
	json sbx-ledger -j verify
	json sbx-ledger -j verify --quick
	json sbx-ledger -j whoami
	json sbx-ledger -j init --no-recovery
	json sbx-ledger -j status
	json sbx-ledger -j show
	json sbx-offer -j publish -k http -e 10.10.0.1:80 mirror
	json sbx-offer -j list
	json sbx-offer -j show mirror
}

@test "white space around and inside a token is not the token's" {
	at b sbx-ledger init --no-recovery
	at a sbx-member invite
	printf '  \t\r\n%s\r\n  %s \n' "${output:0:50}" "${output:50}" >"$D/token"
	at b sbx-member accept <"$D/token"
}

@test "what is no token is named by its beginning" {
	at b sbx-ledger init --no-recovery
	at b 3 sbx-member accept '<html><body>log in'
	assert_says sbx-member "it begins with <html><body>"
	assert_hint sbx-member
	at b 3 sbx-member accept </dev/null
	assert_says sbx-member "not an invitation: nothing"
}

@test "accept before init names init" {
	at a sbx-member invite
	at b 4 sbx-member accept "$output"
	assert_has "$stderr" "hint: make one with: sbx-ledger init" "no hint"
}

@test "who has accepted and not exchanged yet is in its own list, and told" {
	at b sbx-ledger init --no-recovery
	at a sbx-member invite
	at b sbx-member accept "$output"
	at b sbx-ledger whoami
	did=$output
	at b sbx-member list
	assert_has "$output" "$did" "it omits itself"
	assert_has "$stderr" "not a member yet" "not told"
	sbx-ledger -C "$D/b" export | sbx-ledger -q -C "$D/a" import
	sbx-ledger -C "$D/a" export | sbx-ledger -q -C "$D/b" import
	at b sbx-member list
	assert_eq "$stderr" "" "told although it is one"
}

@test "a portal's page is told from a log, with the address" {
	mkdir "$D/www"
	for f in export.jsonl checkpoint log-key; do
		echo '<!DOCTYPE html><p>Please log in' >"$D/www/$f"
	done
	serve "$D/www"
	at a 3 sbx-pull "$URL"
	assert_has "$stderr" "a web page, not a log" "the site: what"
	assert_has "$stderr" "$URL" "the site: where"
	at a 3 sbx-pull "${URL}export.jsonl"
	assert_has "$stderr" "${URL}export.jsonl: entry 1: a web page, not a log" "the export"
	at a 3 sbx-ledger import "$D/www/export.jsonl"
	assert_has "$stderr" "a web page, not a log" "a file"
}

@test "a directory to import and an address with a query are named" {
	at a 2 sbx-ledger import "$D"
	assert_has "$stderr" "$D: a directory" "which"
	assert_hint sbx-ledger
	at a 2 sbx-pull 'http://127.0.0.1:1/?q=1'
	assert_says sbx-pull "an address with ? or # in it"
	assert_hint sbx-pull
}

@test "a refused connection names what to start there" {
	at a 4 sbx-pull http://127.0.0.1:1/
	assert_has "$stderr" "connection refused" "what"
	assert_has "$stderr" "hint: on that box: systemctl start" "no command"
}

@test "an empty list says so on a terminal, and prints nothing to a pipe" {
	require script
	for c in "sbx-member invites" "sbx-member names" "sbx-member attestations" \
		"sbx-member tally" "sbx-offer list" "sbx-offer subs"; do
		# shellcheck disable=SC2086 # words
		at a $c
		assert_eq "$output$stderr" "" "$c: something to a pipe"
		at a script -qec "$c" /dev/null
		assert_like "$output" "${c%% *}: no" "$c: nothing on a terminal"
		assert_has "$output" "hint: " "$c: no hint"
	done
}
