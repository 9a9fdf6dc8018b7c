#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# A spoke that moves and a hub that dies are back within one keepalive.

load ../lib/helpers
load ../lib/box
load ../lib/mesh

setup() {
	require_root
	require wg wireguard-go ip jq
	mesh_boxes gk2 c3box
	for n in gk2 c3box; do in_box $n sbx-mesh-up -q; done
	in_box c3box ping -q -c1 -W3 10.10.0.1
}

teardown() {
	box_end
}

# The seconds of a keepalive, as c3box has it, and one for the ping.
back_in_time() {
	local n=26
	until box "$1" ping -q -c1 -W1 "$2" >/dev/null; do
		n=$((n - 1))
		[ $n -gt 0 ] || fail "$1 does not reach $2 within a keepalive"
	done
}

@test "a spoke whose own address changes is back, and the hub follows it" {
	in_box c3box ip addr flush dev eth0
	in_box c3box ip addr add 192.0.2.77/24 dev eth0
	back_in_time c3box 10.10.0.1
	assert_has "$(box gk2 wg show wg-mesh endpoints)" 192.0.2.77: "where it is now"
	in_box gk2 ping -q -c1 -W3 10.10.0.2
	# The directory does not move it back.
	for n in gk2 c3box; do
		in_box $n sbx-mesh-up
		assert_eq "$stderr" "" "$n: a run after it"
	done
}

@test "a hub whose WireGuard was killed is as it was with the next run" {
	before=$(box gk2 sh -c 'wg show wg-mesh allowed-ips; ip -o -4 addr show dev wg-mesh | cut -d" " -f2-')
	box gk2 sh -c 'kill -9 $(pgrep -x wireguard-go)
		while ip link show wg-mesh >/dev/null 2>&1; do sleep .1; done'
	in_box gk2 sbx-mesh-up -q
	assert_eq "$(box gk2 sh -c 'wg show wg-mesh allowed-ips; ip -o -4 addr show dev wg-mesh | cut -d" " -f2-')" \
		"$before" "as it was"
	back_in_time c3box 10.10.0.1
}
