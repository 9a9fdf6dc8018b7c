# SPDX-License-Identifier: Apache-2.0
# One grammar for all tools: whatever is built or installed is tried.

load ../lib/helpers

setup() {
	node n
	export SBX_STATE=$BATS_TEST_TMPDIR/n
	exec </dev/null
}

# Every sbx-* that PATH finds, once.
tools() {
	local d
	tr : '\n' <<<"$PATH" | while read -r d; do
		find "$d" -maxdepth 1 -name 'sbx-*' -printf '%f\n' 2>/dev/null
	done | sort -u
}

# verbs TOOL: "VERB ARGUMENTS" lines, nothing for a tool that has none.
verbs() {
	"$1" -h | sed -n '/^verbs:$/,/^$/s/^  \([a-z].*[^ ]\)   *[^ ].*$/\1/p'
}

a_verb() {
	verbs "$1" | sed -n '1s/ .*//p'
}

# Usage errors: status 2, one line with a hint, nothing on stdout.
refused() {
	local tool=$1 why=$2
	shift 2
	run_sbx 2 "$tool" "$@" && assert_says "$tool" "$why" &&
		assert_hint "$tool" &&
		assert_eq "$output" "" "$tool $*: something on stdout"
}

@test "there are tools to test" {
	assert_has "$(tools)" sbx-ledger "PATH has no tools"
}

@test "-h prints usage to stdout and ends with 0, and so does each verb's" {
	for t in $(tools); do
		run_sbx "$t" -h
		assert_like "$output" "^usage: $t " "$t -h"
		assert_eq "$stderr" "" "$t -h: stderr"
		run_sbx "$t" --help
		for v in $(verbs "$t" | cut -d' ' -f1); do
			run_sbx "$t" "$v" -h
			assert_like "$output" "^usage: $t $v " "$t $v -h"
			assert_has "$output" "--json" "$t $v -h: common options"
		done
	done
}

@test "-V prints the tool's name and version" {
	for t in $(tools); do
		run_sbx "$t" -V
		assert_like "$output" "^$t [0-9]+\.[0-9]+\.[0-9]+$" "$t -V"
		run_sbx "$t" --version
	done
}

@test "no verb is the caller's mistake" {
	for t in $(tools); do
		[ -n "$(verbs "$t")" ] || continue
		# Some have one they mean then, and would set about it.
		! "$t" -h | grep -qF '[VERB]' || continue
		"$t" -h | grep -qF '[VERB]' && continue # it has a usual one
		refused "$t" "a verb is missing"
	done
}

# I4
@test "an unknown verb is refused and named" {
	for t in $(tools); do
		[ -n "$(verbs "$t")" ] || continue
		refused "$t" "no-such-verb: no such verb" no-such-verb
	done
}

# I4
@test "an unknown option is refused and named, before and after the verb" {
	for t in $(tools); do
		v=$(a_verb "$t")
		refused "$t" "--no-such: no such option" --no-such
		refused "$t" "-Z: no such option" -Z
		# shellcheck disable=SC2086 # no word when there are no verbs
		refused "$t" "--no-such: no such option" $v --no-such
		# shellcheck disable=SC2086
		refused "$t" "-Z: no such option" $v -vZ
	done
}

@test "an option is written out, not begun" {
	for t in $(tools); do
		refused "$t" "must be written out" --jso
	done
}

@test "an option given twice is refused, on whichever side of the verb" {
	for t in $(tools); do
		v=$(a_verb "$t")
		# shellcheck disable=SC2086
		refused "$t" "--json is given twice" -j $v --json
		refused "$t" "--verbose is given twice" -vv
	done
}

@test "a flag takes no argument and -C lacks none" {
	for t in $(tools); do
		refused "$t" "takes no argument" --json=yes
		if "$t" -h | grep -q -- '-C, '; then
			refused "$t" "-C lacks its argument" -C
			refused "$t" "--state lacks its argument" --state
			refused "$t" "--state: empty" --state=
		else
			refused "$t" "-C: no such option" -C /tmp
		fi
	done
}

@test "a missing argument is refused for every verb that wants one" {
	for t in $(tools); do
		while read -r v args; do
			case $args in '' | '['*) continue ;; esac
			refused "$t" "missing argument" "$v"
		done < <(verbs "$t")
	done
}

@test "an argument too many is refused for every verb that wants none" {
	for t in $(tools); do
		while read -r v args; do
			[ -z "$args" ] || continue
			# Its verbs stand behind the kind they are about.
			case $t:$v in
			sbx-macroctl:*t | sbx-macroctl:*ate | sbx-macroctl:*oke)
				[ "$v" = list ] || continue
				;;
			esac
			refused "$t" "x: one argument too many" "$v" x
			refused "$t" "x: one argument too many" "$v" -- x
		done < <(verbs "$t")
	done
}

# I6
@test "a full disk behind stdout is the machine's fault" {
	for t in $(tools); do
		run_sbx 4 sh -c '"$1" -h >/dev/full' sh "$t"
		assert_says "$t" "standard output: No space left on device"
		run_sbx 4 sh -c '"$1" -V >/dev/full' sh "$t"
	done
}

# I5
@test "untrusted bytes in an error are made visible" {
	for t in $(tools); do
		run_sbx 2 "$t" $'--a\e[31m\nb\xc2\x9b'
		assert_has "$stderr" '--a\x1b[31m\x0ab\xc2\x9b' "$t"
		assert_lacks "$stderr" $'\e' "$t: a control byte"
	done
}

@test "a wrong configuration is named with file and line" {
	printf '[mesh]\nprot=1\n' >"$SBX_STATE/sbx.conf"
	refused_conf() {
		run_sbx 2 "$@"
		assert_says "$1" "$SBX_STATE/sbx.conf:2: prot: no such key in [mesh]"
	}
	refused_conf sbx-ledger whoami
	refused_conf sbx-member list
}

@test "a closed stdin, stdout or stderr is no trap" {
	for t in $(tools); do
		run_sbx sh -c '"$1" -h <&- >/dev/null' sh "$t"
		run_sbx 4 sh -c '"$1" -h >&-' sh "$t"
		run_sbx 2 sh -c '"$1" --no-such 2>&-' sh "$t"
	done
}
