#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# The gate dies, or is drained, and the spokes' traffic goes on by another hub.

load ../lib/helpers
load ../lib/box
load ../lib/mesh
load ../lib/election

setup() {
	require_root
	require wg wireguard-go ip jq lighttpd socat
	fleet_boxes
	fleet_eventually 150 fleet_one_gate gk2 mule s3 s4 s5 ||
		fail "no gate" gk2 "$(fleet_gate gk2)" s3 "$(fleet_gate s3)" \
			log "$(box s3 tail -5 /tmp/fleet.log)"
	fleet_eventually 150 recorded 1 || fail "no term" log "$(box s3 cat /tmp/fleet.log)"
	g=$(fleet_gate s3)
	[ "$g" = gk2 ] && o=mule || o=gk2
	fleet_eventually 20 box s3 ping -q -c1 -W1 10.10.0.4
}

teardown() {
	box_end
}

recorded() { # TERM: s3 and s4 know that one, or a later one
	local t
	for b in s3 s4; do
		t=$(fleet_term "$b")
		[ -n "$t" ] && [ "$t" -ge "$1" ] || return 1
	done
}

@test "the gate dies and traffic is back within three intervals; it does not take the role back" {
	term=$(fleet_term s3)
	box_bg s3 sh -c 'exec ping -D -O -i .2 -W 1 10.10.0.4 >/tmp/ping'
	sleep 2
	box "$g" ip link set eth0 down
	cut=$(date +%s.%N)
	sleep 16
	back=$(box s3 awk -v cut="$cut" '/bytes from/ { t = substr($1, 2) + 0
		if (t > cut + .5 && last && t - last > 1) { printf "%.1f", t - cut; exit }
		last = t }' /tmp/ping)
	[ -n "$back" ] || fail "no traffic after 16 seconds" gate "$(fleet_gate s3) $(fleet_gate s4)" \
		log "$(box s3 tail -20 /tmp/fleet.log)"
	echo "# traffic was back after $back s" >&3
	awk -v b="$back" 'BEGIN { exit !(b <= 15) }' || fail "too late" seconds "$back"
	assert_eq "$(fleet_gate s3) $(fleet_gate s4)" "$o $o" "both spokes"
	fleet_eventually 150 recorded $((term + 1)) ||
		fail "nobody records it" term "$term; $(fleet_term s3) $(fleet_term s4)" \
			log "$(box s3 tail -20 /tmp/fleet.log)" other "$(box "$o" tail -20 /tmp/fleet.log)"
	box "$g" ip link set eth0 up
	fleet_eventually 60 box s3 ping -q -c1 -W1 "10.10.0.$([ "$g" = gk2 ] && echo 1 || echo 2)"
	sleep 12
	assert_eq "$(fleet_gate s3) $(fleet_gate s4)" "$o $o" "the old gate is back"
	box s3 ping -q -c1 -W3 10.10.0.4
}

@test "drain moves the gate without a lost byte of a TCP stream" {
	box_bg s4 sh -c 'exec socat -u TCP-LISTEN:9000,reuseaddr OPEN:/tmp/got,creat,trunc'
	sleep .5
	box_bg s3 sh -c 'for i in $(seq 300); do echo "line $i"; sleep .1; done |
		socat -u - TCP:10.10.0.4:9000'
	stream=$BOX_PID
	sleep 2
	run --separate-stderr box_as "$g" sbx sbx-election drain --wait 60
	assert_eq "$status" 0 "$stderr"
	assert_has "$stderr" "safe to stop" "it says so"
	assert_eq "$(fleet_gate s3) $(fleet_gate s4)" "$o $o" "both spokes"
	box "$g" ip link set eth0 down
	wait "$stream" || fail "the stream was cut"
	sleep 1
	assert_eq "$(box s4 cat /tmp/got)" "$(for i in $(seq 300); do echo "line $i"; done)" "the stream"
}
