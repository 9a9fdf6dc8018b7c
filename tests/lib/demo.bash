# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash disable=SC2034 # OUT is the scripts'
# The words of a demonstration, for scripts/demo and scripts/demos/*, which
# source tests/lib/box.bash before it and set NAME:
#
#	step TITLE FUNCTION	when all before it held
#	sbx BOX CMD...		as user sbx, shown as it is typed, with what it
#				says; OUT and the status are the command's
#	root BOX CMD...		the same as root
#	carry FROM TO		what one box holds, by hand to another
#	eventually CMD...	within five seconds
#	note TEXT		a line beside it
#	wrong TEXT		why the step fails
#	summary			the steps again; the script's exit status

[ "$(id -u)" -eq 0 ] || {
	echo "$NAME: must be root, for network namespaces of its own" >&2
	exit 4
}
[ -x build/bin/sbx-ledger ] || {
	echo "$NAME: not built" >&2
	echo "$NAME: hint: make $NAME" >&2
	exit 2
}

OUT=   # what the last command said
results=()
titles=()
began=$SECONDS

# ---- words ----

# step TITLE FUNCTION: when all before it held.
step() {
	titles+=("$1")
	if [ "${#results[@]}" -gt 0 ] && [ "${results[-1]}" != held ]; then
		results+=("not reached")
		return
	fi
	printf '\n%d. %s\n\n' "${#titles[@]}" "$1"
	if "$2"; then results+=(held); else results+=(FAILED); fi
}

note() {
	printf '   - %s\n' "$*"
}

wrong() {
	printf '   ! %s\n' "$*"
	return 1
}

# shown PROMPT COMMAND-LINE STATUS: with OUT below, long lines cut.
shown() {
	printf '     %s %s\n' "$1" "$2" | cut -c1-120
	[ -z "$OUT" ] || sed '/^$/d; s/^/       /' <<<"$OUT" | cut -c1-120
	[ "$3" -eq 0 ] || printf '       (exit status %d)\n' "$3"
	return "$3"
}

# What can be typed again.
quoted() {
	local a line=
	for a; do
		[[ $a =~ ^[A-Za-z0-9_./:=@%+,-]+$ ]] || a="'$a'"
		line+=" $a"
	done
	echo "${line# }"
}

# sbx BOX CMD...: as user sbx; root BOX CMD...: as root.  Prints both the
# command and what it says; OUT and the status are the command's.
sbx() {
	local b=$1 rc
	shift
	OUT=$(box_as "$b" sbx "$@" 2>&1 </dev/null)
	rc=$?
	shown "$b\$" "$(quoted "$@")" $rc
}

root() {
	local b=$1 rc
	shift
	OUT=$(box "$b" "$@" 2>&1 </dev/null)
	rc=$?
	shown "$b#" "$(quoted "$@")" $rc
}

# carry FROM TO: what one box holds, by hand (a stick, ssh) to another.
carry() {
	local rc
	OUT=$(box_as "$1" sbx sbx-ledger export |
		box_as "$2" sbx sbx-ledger import 2>&1)
	rc=$?
	shown "$1\$" "sbx-ledger export | ssh $2 sbx-ledger import" $rc
}

# eventually CMD...: within five seconds.
eventually() {
	local i
	for ((i = 0; i < 100; i++)); do
		"$@" >/dev/null 2>&1 && return 0
		sleep .05
	done
	return 1
}

summary() {
	local i bad=0
	printf '\n'
	for i in "${!titles[@]}"; do
		printf '  %-12s %d. %s\n' "${results[$i]}" $((i + 1)) "${titles[$i]}"
		[ "${results[$i]}" = held ] || bad=1
	done
	printf '\n%s, in %d s\n' "$([ $bad -eq 0 ] && echo "$NAME: every step held" ||
		echo "$NAME: not every step held")" $((SECONDS - began))
	return $bad
}
