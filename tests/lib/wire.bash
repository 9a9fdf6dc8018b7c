# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash disable=SC2016
# What passes between boxes: an echo on one, connections of others to it, kept
# open to see when they end.  Load after helpers and box.
#
#	within SECONDS CMD...	CMD, until it succeeds
#	wire_echo BOX PORT [PROTO]	each line that comes to that port of
#				10.10.0.1 goes back
#	wire_open BOX		a connection to its port 8080, with one line
#				already there and back
#	wire_say BOX WORD	write it there; wire_heard BOX: what came back
#	wire_echoes BOX WORD	it comes back
#	wire_ended BOX		the connection is gone
#	wire_close		in teardown: what is open still

declare -gA wire_fd=() wire_pid=() # -g: bats loads in a function

within() {
	local i n=$(($1 * 50))
	shift
	for ((i = 0; i < n; i++)); do
		"$@" && return
		sleep .02
	done
	return 1
}

wire_echo() {
	box_bg "$1" socat "${3:-TCP}-LISTEN:$2,bind=10.10.0.1,fork,reuseaddr" EXEC:cat \
		</dev/null >/dev/null 2>&1
}

wire_open() {
	local to
	rm -f "$BOX_DIR/share/$1.to" "$BOX_DIR/share/$1.from"
	mkfifo "$BOX_DIR/share/$1.to"
	exec {to}<>"$BOX_DIR/share/$1.to"
	wire_fd[$1]=$to
	box_bg "$1" sh -c 'exec socat - TCP:10.10.0.1:8080 <"/share/$1.to" >"/share/$1.from" 2>&1' sh "$1"
	wire_pid[$1]=$BOX_PID
	wire_echoes "$1" hello || fail "$1 does not get through"
}

wire_say() {
	echo "$2" >&"${wire_fd[$1]}"
}

wire_heard() {
	cat "$BOX_DIR/share/$1.from"
}

wire_echoes() {
	wire_say "$1" "$2"
	within 2 grep -qs "$2" "$BOX_DIR/share/$1.from"
}

wire_ended() {
	! kill -0 "${wire_pid[$1]}" 2>/dev/null
}

wire_close() {
	[ ${#wire_pid[@]} -eq 0 ] || kill "${wire_pid[@]}" 2>/dev/null || :
}
