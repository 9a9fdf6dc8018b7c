# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash disable=SC2154 # status, output, stderr: bats'
# What every bats file loads:
#
#	load ../lib/helpers
#
#	run_sbx [RC] TOOL ARGS...	run it with a time limit and expect status
#				RC (0); $output, $stderr and $status as bats'
#				"run" leaves them; on another status both
#				streams are shown and the test fails
#	node NAME		a state directory, $BATS_TEST_TMPDIR/NAME
#	at NAME [RC] TOOL ARGS...	run_sbx in that node's state directory
#	require PROGRAM...	skip the test when one is missing, or fail it
#				with SBX_TESTS_MUST_RUN=1
#	require_root		the same, for rights
#	assert_* ... REASON	below; the reason is what a failure says first
#
# Tools are those of SBX_BINDIR (directories, by colons), else of PATH: one
# suite tests the build tree, a DESTDIR and an installed package.

bats_require_minimum_version 1.5.0

export LC_ALL=C TZ=UTC NO_COLOR=1
unset SBX_STATE SBX_CONF SBX_KEY SBX_NOW
PATH=${SBX_BINDIR:+$SBX_BINDIR:}$PATH

# fail REASON [NAME VALUE]...: say what was wrong with which values, and end.
fail() {
	echo "FAILED: $1"
	shift
	while [ $# -gt 1 ]; do
		printf '  %s: %s\n' "$1" "$2"
		shift 2
	done
	return 1
} >&2

run_sbx() {
	local want=0
	case $1 in
	[0-9] | [0-9][0-9] | [0-9][0-9][0-9])
		want=$1
		shift
		;;
	esac
	run --separate-stderr timeout -k 5 "${SBX_TIMEOUT:-60}" "$@"
	[ "$status" -eq "$want" ] ||
		fail "$1 ended with $status, not $want" command "$*" \
			stdout "${output:-}" stderr "${stderr:-}"
}

node() {
	mkdir -p "$BATS_TEST_TMPDIR/$1" && chmod 700 "$BATS_TEST_TMPDIR/$1"
}

at() {
	local SBX_STATE=$BATS_TEST_TMPDIR/$1
	export SBX_STATE
	shift
	run_sbx "$@"
}

must_run() {
	if [ "${SBX_TESTS_MUST_RUN:-0}" = 1 ]; then
		fail "cannot run: $1"
	else
		skip "$1"
	fi
}

require() {
	local p
	for p in "$@"; do
		command -v "$p" >/dev/null || must_run "$p is missing" || return
	done
}

require_root() {
	[ "$(id -u)" -eq 0 ] || must_run "needs root"
}

# ---- what a test may claim ----

# assert_eq GOT WANTED REASON
assert_eq() {
	[ "$1" = "$2" ] || fail "$3" got "$1" wanted "$2"
}

assert_ne() {
	[ "$1" != "$2" ] || fail "$3" got "$1" "wanted anything but" "$2"
}

# assert_has TEXT PART REASON
assert_has() {
	[[ $1 == *"$2"* ]] || fail "$3" got "$1" "wanted in it" "$2"
}

assert_lacks() {
	[[ $1 != *"$2"* ]] || fail "$3" got "$1" "not wanted in it" "$2"
}

# assert_like TEXT EXTENDED-REGEX REASON
assert_like() {
	[[ $1 =~ $2 ]] || fail "$3" got "$1" "wanted like" "$2"
}

assert_file() {
	[ -e "$1" ] || fail "$2" missing "$1"
}

assert_no_file() {
	if [ -e "$1" ] || [ -L "$1" ]; then
		fail "$2" there "$1"
	fi
}

# The last run said one line "TOOL: ..." with PART in it, maybe with a hint
# after it, and nothing else.
assert_says() {
	local tool=$1 part=$2 lines
	lines=$(printf '%s\n' "$stderr" | grep -vc "^$tool: hint: .") || :
	assert_has "$stderr" "$part" "$tool does not say why" &&
		assert_eq "$lines" 1 "$tool says more than one line: $stderr" &&
		assert_like "$stderr" "^$tool: [^ ]" "$tool does not name itself"
}

assert_hint() {
	assert_like "$stderr" "(^|"$'\n'")$1: hint: ." "$1 gives no hint"
}

# snapshot DIR: every path, mode and content below it, for "nothing changed".
snapshot() {
	(cd "$1" && find . -printf '%p %m %y\n' | sort &&
		find . -type f -print0 | sort -z | xargs -0 -r sha256sum)
}
