# SPDX-License-Identifier: Apache-2.0
# The documents: what they say is so, and all of it is said.

load ../lib/helpers

setup() {
	src=$BATS_TEST_DIRNAME/../..
	node n
}

# What stands between two comments in a page, as it is printed.
example() {
	sed -n '/^\.\\" example$/,/^\.\\" end$/p' "$1" | grep -v '^\.' |
		sed 's/\\e/\\/g; s/\\(aq/'"'/g"
}

@test "every page is free of warnings" {
	require mandoc
	for p in "$src"/man/*.[1578]; do
		run_sbx mandoc -T lint -W warning "$p"
	done
}

@test "every tool has a page with its exit status and what it may do" {
	for c in "$src"/bin/*; do
		t=$(basename "$c" .c)
		p=$(echo "$src/man/$t".[18])
		assert_file "$p" "a tool without a page"
		for h in SYNOPSIS DESCRIPTION "EXIT STATUS" EXAMPLES "SEE ALSO" \
			"SECURITY CONSIDERATIONS"; do
			assert_has "$(cat "$p")" ".Sh $h" "$p lacks a section"
		done
	done
}

# The words of a page, each on a line, \- and macros undone.
words() {
	mandoc -T utf8 "$1" | col -bx | tr -c 'A-Za-z0-9_-' '\n'
}

@test "every verb and every option of a tool is in its page" {
	require mandoc col
	for p in "$src"/man/sbx-*.[18]; do
		t=$(basename "$p")
		t=${t%.*}
		command -v "$t" >/dev/null || continue
		page=$(words "$p")
		for v in $("$t" -h | sed -n '/^verbs:$/,/^$/s/^  \([a-z-]*\).*/\1/p'); do
			grep -qx -e "$v" <<<"$page" ||
				fail "$t: the page does not tell verb $v"
			for o in $("$t" "$v" -h | sed '/^  -h, --help/,$d' |
				sed -n 's/^  .*\(--[a-z-]*\).*/\1/p'); do
				grep -qx -e "$o" <<<"$page" ||
					fail "$t $v: the page does not tell $o"
			done
		done
	done
}

@test "every page that a page refers to is there" {
	for x in $(sed -n 's/^\.Xr \(sbx[a-z.-]*\) \([1578]\).*/\1.\2/p' \
		"$src"/man/*.[1578] | sort -u); do
		assert_file "$src/man/$x" "a reference to no page"
	done
}

@test "the entry in sbx-entry(5) is canonical, sound and taken" {
	line=$(example "$src/man/sbx-entry.5" | tr -d '\n')
	run_sbx sbx-ledger canon <<<"$line"
	assert_eq "$output" "$line" "its canonical form"
	at n sbx-ledger init --no-recovery
	at n sbx-ledger import -j <<<"$line"
	assert_eq "$output" '{"held":0,"known":0,"new":1,"refused":0}' "import"
	at n sbx-ledger export -f 2
	assert_eq "$output" "$line" "export"
	# And it is the signature that holds it together.
	at n 3 sbx-ledger import <<<"${line/8080/8081}"
	assert_has "$stderr" "bad signature" "one digit changed"
}

@test "sbx-entry(5) tells every field of every type" {
	require mandoc col
	page=$(words "$src/man/sbx-entry.5")
	for w in $(grep -oE '"[A-Za-z_]+"' "$src/lib/record/rec_table.c" | tr -d '"'); do
		grep -qx -e "$w" <<<"$page" || fail "sbx-entry(5) lacks $w"
	done
}

@test "the configuration in sbx.conf(5) is read" {
	example "$src/man/sbx.conf.5" >"$BATS_TEST_TMPDIR/n/sbx.conf"
	assert_has "$(cat "$BATS_TEST_TMPDIR/n/sbx.conf")" "[peer amd64]" "it"
	at n sbx-ledger init --no-recovery
}

@test "sbx.conf(5) tells every section and key" {
	require mandoc col
	page=$(words "$src/man/sbx.conf.5")
	for w in $(sed -n 's/^	{ "\([a-z]*\)", "\([a-z_]*\)", ITEM_.*/\1 \2/p' \
		"$src/lib/node/conf.c"); do
		grep -qx -e "$w" <<<"$page" || fail "sbx.conf(5) lacks $w"
	done
}

@test "what the overview calls a tool is one" {
	for t in $(sed -n 's/^\.It Xr \(sbx[a-z-]*\) [18]$/\1/p' "$src/man/sbx.7"); do
		require "$t"
	done
}

@test "make bench weighs every verb that reads the ledger" {
	for t in ledger member offer mesh-up; do
		sbx-$t -h | sed -n '/^verbs:/,/^$/s/^  \([a-z-]*\).*/\1/p' >"$BATS_TEST_TMPDIR/verbs"
		assert_has "$(cat "$BATS_TEST_TMPDIR/verbs")" p "no verbs of sbx-$t"
		while read -r v; do
			[ "$v" != up ] || v=
			grep -qE "(rss|_[a-z-]*|\") .*sbx-$t (-[a-z]+ )*$v" "$src/tests/bench/resident.bash" ||
				fail "nothing says what sbx-$t $v takes"
		done <"$BATS_TEST_TMPDIR/verbs"
	done
}
