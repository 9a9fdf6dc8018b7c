#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Several hubs, hubs with a name that move, and an underlay of IPv6 alone.

load ../lib/helpers
load ../lib/box
load ../lib/mesh

setup() {
	require_root
	require wg wireguard-go ip jq
}

teardown() {
	box_end
}

# NAME ADDRESS/LEN [LINE...]: a box of the mesh that gk2 founded
mesh_more() {
	local name=$1
	box_new "$name"
	box_link "$name" "$2"
	shift 2
	mesh_init "$name" "$@"
	mesh_join gk2 "$name"
}

two_hubs() {
	mesh_boxes gk2
	mesh_more mule 192.0.2.2/24 endpoint=192.0.2.2:51822
	mesh_more s3 192.0.2.3/24
	mesh_more s4 192.0.2.4/24
	mesh_sync gk2 mule s3 s4
	for n in gk2 mule s3 s4; do in_box $n sbx-mesh-up -q; done
	for n in 1 2; do in_box s3 ping -q -c1 -W3 10.10.0.$n; done
	for n in 1 2; do in_box s4 ping -q -c1 -W3 10.10.0.$n; done
}

hub_of() { # the address whose session has the network behind it
	box "$1" sbx-mesh-up -j show |
		jq -r 'select(.allowed | contains("/24")).address'
}

@test "the gate moves the traffic to another hub by one command, and back" {
	two_hubs
	assert_eq "$(hub_of s3)" 10.10.0.1 "by the lowest address"
	did=$(box_as mule sbx sbx-ledger whoami -j | jq -r .did)
	box_bg s3 sh -c 'exec ping -q -i .05 -c 60 -W 1 10.10.0.4 >/tmp/ping'
	pings=$BOX_PID
	sleep .5
	for n in s3 s4; do
		box $n sh -c 'echo "$1 2026-07-01T10:00:00Z" >/run/sbx/gate' sh "$did"
		in_box $n strace -f -qq -e trace=execve -o /tmp/trace sbx-mesh-up
		assert_eq "$(box $n grep -c '"set", "wg-mesh"' /tmp/trace)" 1 "$n: one wg set"
		assert_eq "$(hub_of $n)" 10.10.0.2 "$n: the gate"
	done
	wait "$pings" || :
	lost=$(box s3 sed -n 's/^60 packets transmitted, \([0-9]*\) received.*/\1/p' /tmp/ping)
	[ "$lost" -ge 40 ] || fail "too many were lost" received "$lost"
	in_box s3 ping -q -c1 -W3 10.10.0.4
	in_box s3 sbx-mesh-up
	assert_eq "$output$stderr" "" "a second run"
	for bad in nonsense "$did" "$did yesterday" ''; do
		box s3 sh -c 'printf "%s\n" "$1" >/run/sbx/gate' sh "$bad"
		in_box s3 sbx-mesh-up
		assert_has "$stderr" "/run/sbx/gate" "$bad: is told"
		assert_eq "$(hub_of s3)" 10.10.0.1 "$bad: as without"
		box s3 sh -c 'echo "$1 2026-07-01T10:00:00Z" >/run/sbx/gate' sh "$did"
		in_box s3 sbx-mesh-up -q
	done
	box s3 rm /run/sbx/gate
	in_box s3 sbx-mesh-up -q
	assert_eq "$(hub_of s3)" 10.10.0.1 "without a gate"
	box s3 sed -i 's/^\[mesh\]$/[mesh]\nhubs = mule gk2/' /etc/sbx/sbx.conf
	in_box s3 sbx-mesh-up -q
	assert_eq "$(hub_of s3)" 10.10.0.2 "as configured"
}

@test "a hub that moves is found again by its name within two runs" {
	box_lan
	box_new gk2
	box_link gk2 192.0.2.1/24
	mesh_init gk2 ddns=gk2.example.org
	mesh_record gk2
	mesh_more s2 192.0.2.2/24
	mesh_sync gk2 s2
	box s2 sh -c 'echo 192.0.2.1 gk2.example.org >>/etc/hosts'
	in_box gk2 sbx-mesh-up -q
	in_box s2 sbx-mesh-up -q
	in_box s2 ping -q -c1 -W3 10.10.0.1
	in_box gk2 ip addr flush dev eth0
	in_box gk2 ip addr add 192.0.2.77/24 dev eth0
	box s2 sed -i 's/^192.0.2.1 /192.0.2.77 /' /etc/hosts
	# It is silent for long enough, as the clock says.
	box s2 sh -c "wg set wg-mesh peer $(box gk2 wg show wg-mesh public-key) remove"
	in_box s2 sbx-mesh-up -q
	in_box s2 ping -q -c1 -W9 10.10.0.1
	assert_has "$(box s2 wg show wg-mesh endpoints)" 192.0.2.77 "where it is"
}

@test "a name is asked by nobody, without the key and for no long time" {
	box_lan
	box_new gk2
	box_link gk2 192.0.2.1/24
	mesh_init gk2 ddns=gk2.example.org:4000
	mesh_record gk2
	mesh_more s2 192.0.2.2/24
	mesh_sync gk2 s2
	box s2 sh -c 'echo 127.0.0.1 gk2.example.org >>/etc/hosts'
	in_box s2 strace -f -qq -e trace=openat,setresuid -o /tmp/trace sbx-mesh-up plan
	assert_has "$stderr" "leads nowhere now" "an address of this host is none"
	who=$(box s2 awk '/\/etc\/hosts"/ { print $1; exit }' /tmp/trace)
	assert_has "$(box s2 grep "^$who .*setresuid" /tmp/trace)" "65534" "as nobody"
	assert_lacks "$(box s2 grep "^$who " /tmp/trace)" wg.key "and sees no key"
	box s2 sh -c 'sed -i /gk2.example/d /etc/hosts; echo 198.51.100.7 gk2.example.org >>/etc/hosts'
	in_box s2 sbx-mesh-up -q
	assert_has "$(box s2 wg show wg-mesh endpoints)" 198.51.100.7:4000 "its port"
}

@test "an underlay of IPv6 alone carries the mesh" {
	box_lan
	box_new gk2
	box_link gk2 2001:db8::1/64
	mesh_init gk2 'endpoint=[2001:db8::1]:51822'
	mesh_record gk2
	mesh_more s2 2001:db8::2/64
	mesh_sync gk2 s2
	for n in gk2 s2; do in_box $n sbx-mesh-up -q; done
	in_box s2 ping -q -c2 -W5 10.10.0.1
	assert_has "$(box s2 wg show wg-mesh endpoints)" "[2001:db8::1]:51822" "by IPv6"
}
