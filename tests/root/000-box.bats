#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# The boxes the other tests stand on: separate, and gone without a trace.

bats_require_minimum_version 1.5.0
load ../lib/box
load ../lib/traces

teardown() {
	box_end
}

# A harness of its own with two linked boxes, ended by $3.
harness() {
	TMPDIR=$1 BATS_VERSION='' BATS_TEST_TMPDIR='' BATS_FILE_TMPDIR='' \
		setsid bash -c '. "$1/tests/lib/box.bash"; box_new a; box_new b; box_lan
		box_link a 192.0.2.1/24; box_link b 192.0.2.2/24
		box a ping -q -c1 -W2 192.0.2.2 >/dev/null || exit 9
		box_bg a sleep 1000
		echo up >"$2/up"
		eval "$3"; :' bash "$BOX_SRC" "$1" "$2" >"$1/out" 2>&1 3>&- &
	harness_pid=$!
}

@test "a box has its own root, processes, host name and users" {
	box_new one
	[ "$(box one hostname)" = one ]
	box one sh -c 'echo x >/etc/box-was-here; echo x >/usr/box-was-here'
	[ ! -e /etc/box-was-here ] && [ ! -e /usr/box-was-here ]
	[ "$(box_as one sbx id -un)" = sbx ]
	[ "$(box one sh -c 'ps -e -o pid= | head -1 | tr -d " "')" = 1 ]
	[ "$(box one stat -c '%U:%G %a' /var/lib/sbx)" = "sbx:sbx 2751" ]
	run -0 box one test -d /usr/lib/sbx/macros.d
}

@test "standard input, output and the exit status pass through" {
	box_new one
	[ "$(echo hello | box one cat)" = hello ]
	run -7 box one sh -c 'exit 7'
	[ "$(box one printf '%s|' 'a b' 'c')" = 'a b|c|' ]
}

@test "two boxes reach each other over the lan and nothing else" {
	box_new one
	box_new two
	box_lan
	box_link one 192.0.2.1/24
	box_link two 192.0.2.2/24
	box one ping -q -c1 -W2 192.0.2.2
	run ! box one ping -q -c1 -W1 198.51.100.1
}

@test "a box can have a WireGuard interface and a firewall" {
	box_new one
	box one sh -c 'wireguard-go wg-mesh >/dev/null 2>&1; wg show wg-mesh' ||
		box one ip link add wg-mesh type wireguard
	box one nft add table inet sbx
	run ! nft list table inet sbx
}

@test "box_stop takes the box with everything that ran in it" {
	box_new one
	box_bg one sleep 4242
	box_stop one
	run ! pgrep -f '^sleep 4242'
	run -2 box one true
	box_new one
	box one true
}

@test "what runs in the background ends when its pid is killed" {
	box_new one
	box_bg one sleep 4243
	for _ in $(seq 200); do
		pgrep -f '^sleep 4243' && break
		sleep .01
	done
	kill "$BOX_PID"
	wait "$BOX_PID" || true
	for _ in $(seq 200); do
		pgrep -f '^sleep 4243' || return 0
		sleep .01
	done
	false
}

@test "nothing is left behind after the end, INT, TERM and kill -9" {
	for how in true 'kill -INT $$' 'kill -TERM $$' 'kill -KILL $$'; do
		dir=$(mktemp -d "$BATS_TEST_TMPDIR/h.XXXXXX")
		before=$(traces "$dir")
		harness "$dir" "$how"
		wait "$harness_pid" || true
		[ -s "$dir/up" ] || cat "$dir/out"
		[ -s "$dir/up" ]
		gone "$dir" "$before"
	done
}

@test "several harnesses work at once" {
	for i in 1 2 3; do
		mkdir "$BATS_TEST_TMPDIR/$i"
		harness "$BATS_TEST_TMPDIR/$i" 'sleep .2'
		pids+=("$harness_pid")
	done
	for i in 0 1 2; do
		wait "${pids[$i]}"
	done
	for i in 1 2 3; do
		[ -s "$BATS_TEST_TMPDIR/$i/up" ]
	done
}
