#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# sbx status: what is shown, what needs attention, and in which forms.

load ../lib/helpers
load ../lib/now

setup() {
	export SBX_NOW=2026-07-01T12:00:00Z
	D=$BATS_TEST_TMPDIR
	node hub
	SBX_STATE=$D/hub sbx-ledger init --no-recovery >"$D/hub.did"
}

# attention NODE: the parts that need it, each with its command.
attention() {
	SBX_STATE=$D/$1 sbx-status -j | jq -r '.lines[] | select(.state == "attention") | "\(.part)\t\(.mend)"'
}

@test "a sound box needs nothing, and every line has part, state and text" {
	at hub sbx-status
	assert_like "$output" $'(^|\n)box\tok\t'"$(cat "$D/hub.did"), dormant"$'\t-\n' "who it is"
	assert_like "$output" $'\nledger\tok\t1 entries' "its ledger"
	assert_lacks "$output" "$(printf '\tattention\t')" "something is wrong"
	at hub sbx-status -j
	assert_eq "$(jq -c '[.schema, .needs, .me.did, (.members | length)]' <<<"$output")" \
		"[1,0,\"$(cat "$D/hub.did")\",1]" "JSON"
	assert_eq "$(jq -r '[.lines[] | select((.part | length) == 0 or (.text | length) == 0)] | length' <<<"$output")" \
		0 "a line that says nothing"
	at hub sbx-status -q
	assert_eq "$output" "" "-q"
}

@test "every part that looks has its line, and the page tells every part" {
	at hub sbx-status -j
	for p in box ledger members clock mesh exchange; do
		assert_has "$(jq -r '.lines[].part' <<<"$output")" "$p" "no line"
	done
	page=$(cat "$BATS_TEST_DIRNAME/../../man/sbx-status.1")
	for p in $(sed -n 's/^	{ "\([a-z]*\)", .*/\1/p' "$BATS_TEST_DIRNAME/../../bin/sbx-status/parts.c"); do
		assert_has "$page" ".It Cm $p" "the page does not tell of part $p"
	done
	for k in $(jq -r '.. | objects | keys[]' <<<"$output" | sort -u); do
		[ -n "$(jq -r --arg k "$k" '.figures[$k] // empty' <<<"$output")" ] ||
			assert_like "$page" "[^a-z]${k}[^a-z]" "the schema does not tell of $k"
	done
}

@test "without a ledger the command that makes one is named, with status 1" {
	node none
	at none 1 sbx-status
	assert_like "$output" "^ledger	attention	.*no ledger	sbx-ledger -C $D/none init$" "the line"
	at none 1 sbx-status -j
	assert_eq "$(jq .needs <<<"$output")" 1 "needs"
}

@test "a changed byte of the journal is told by the ledger's line" {
	python3 - "$D/hub/ledger.db" <<-'END'
		import sys
		data = bytearray(open(sys.argv[1], "rb").read())
		at = data.index(b'"did":"did:plc:') + 16
		data[at] ^= 1
		open(sys.argv[1], "wb").write(data)
	END
	at hub 1 sbx-status
	assert_like "$output" $'(^|\n)ledger\tattention\t' "the part"
}

@test "what waits for this box is named with the command, until it is done" {
	members 1
	at hub sbx-offer publish files --kind web --endpoint 10.10.0.1:80 --mode pending
	SBX_STATE=$D/hub sbx-ledger export | at m1 sbx-ledger -q import
	at m1 sbx-offer subscribe files
	SBX_STATE=$D/m1 sbx-ledger export | at hub sbx-ledger -q import
	at hub 1 sbx-status -q
	want=$(attention hub)
	assert_like "$want" "^members	sbx-offer -C $D/hub approve [0-9a-f]{12}\$" "the command"
	# The command is one that works as it stands.
	# shellcheck disable=SC2086 # words
	run_sbx ${want#*	}
	at hub sbx-status -q
	assert_eq "$(attention hub)" "" "it still waits"
}

@test "a proposal waits for a vote, a stranger's subscription for nothing (I15)" {
	members 1
	SBX_NOW=2026-07-01T12:01:00Z
	at m1 sbx-member propose -c 3600 -b '{"what":"v2"}' change_protocol
	SBX_STATE=$D/m1 sbx-ledger export | at hub sbx-ledger -q import
	assert_like "$(attention hub)" "^members	sbx-member -C $D/hub vote [0-9a-f]{12} " "a vote"
	id=$(SBX_STATE=$D/hub sbx-member tally -j | jq -r .proposal_id)
	at hub sbx-member vote "$id" against
	assert_eq "$(attention hub)" "" "it has voted"
	at hub sbx-offer publish files --kind web --endpoint 10.10.0.1:80 --mode pending
	node stranger
	at stranger sbx-ledger init --no-recovery
	SBX_STATE=$D/hub sbx-ledger export | at stranger sbx-ledger -q import
	at stranger sbx-offer subscribe files || :
	SBX_STATE=$D/stranger sbx-ledger export | at hub sbx-ledger -q import
	assert_eq "$(attention hub)" "" "a stranger got attention"
}

@test "logs never heard need attention, and who is ahead is a note" {
	members 1
	printf '[peer m1]\nurl = http://127.0.0.1:9/\n' >"$D/hub/sbx.conf"
	at hub 1 sbx-status
	assert_like "$output" $'\nexchange\tattention\tnone of 1 logs was ever heard\tsbx-pull ' "never heard"
	rm "$D/hub/sbx.conf"
	say m1
	mkdir -p "$D/m1/www"
	at m1 sbx-ledger publish
	at hub sbx-pull "$D/m1/www"
	at hub sbx-status -j
	assert_eq "$(jq -r --arg d "$(cat "$D/m1.did")" '.members[] | select(.did == $d) | .digest' <<<"$output")" \
		differs "its digest"
	assert_has "$(jq -r '.lines[].text' <<<"$output")" "members hold more entries" "who is ahead"
}

@test "page and metrics are written whole, for all to read; -n writes nothing" {
	members 1
	at hub sbx-member name good "$(cat "$D/m1.did")"
	at hub sbx-status --prometheus "$D/m.prom" --site "$D/site" -n
	assert_no_file "$D/m.prom" "-n wrote"
	assert_no_file "$D/site" "-n wrote"
	at hub sbx-status --prometheus "$D/m.prom" --site "$D/site"
	assert_eq "$(stat -c %a "$D/m.prom" "$D/site/index.html" | sort -u)" 644 "who may read"
	assert_has "$(cat "$D/site/index.html")" ">good<" "the page"
	assert_eq "$(ls "$D/site")" index.html "something is left beside it"
}

@test "the metrics are what Prometheus reads, and each has its help" {
	require promtool
	members 2
	say m1
	at hub sbx-status -q --prometheus "$D/m.prom"
	run_sbx promtool check metrics <"$D/m.prom"
	assert_eq "$output$stderr" "" "promtool"
	assert_like "$(cat "$D/m.prom")" $'\nsbx_members 3\n' "a figure"
	assert_has "$(cat "$D/m.prom")" 'sbx_status_needs{part="ledger"} 0' "a part"
}

@test "a file that cannot be written is a failure and leaves nothing (I3)" {
	at hub 4 sbx-status --prometheus "$D/no/such/m.prom"
	: >"$D/file"
	at hub 4 sbx-status --site "$D/file/x"
	printf old >"$D/m.prom"
	mkdir "$D/m.prom.new"
	at hub 4 sbx-status -q --prometheus "$D/m.prom"
	assert_eq "$(cat "$D/m.prom")" old "the one before"
	run_sbx 4 sh -c "sbx-status -C $D/hub >/dev/full"
	run_sbx 4 sh -c "sbx-status -C $D/hub --dot >/dev/full"
}

@test "--watch goes on, each round an object, and ends with what reads it" {
	at hub 124 timeout 3 sbx-status -j --watch --interval 1
	[ "$(wc -l <<<"$output")" -ge 2 ] || fail "one round only" output "$output"
	assert_eq "$(jq -r .schema <<<"$output" | sort -u)" 1 "each an object"
	run_sbx sh -c "timeout 10 sbx-status -C $D/hub -j --watch --interval 1 | head -n1 | jq .schema"
	assert_eq "$output" 1 "a reader that ends"
	at hub 2 sbx-status --interval 3
	assert_has "$stderr" "--interval is for --watch" "why"
	for n in 0 3601 x; do
		at hub 2 sbx-status --watch --interval $n
	done
}

@test "looking changes nothing and needs no right to write" {
	members 1
	say m1
	before=$(snapshot "$D/hub")
	at hub sbx-status -q
	assert_eq "$(snapshot "$D/hub")" "$before" "the node"
}
