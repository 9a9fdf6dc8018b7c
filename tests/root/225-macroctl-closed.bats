#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Closed is the state without us: what reaches a lent port, or the mesh address,
# by ways around the table's elements (I23 I26 I27).

bats_require_minimum_version 1.5.0
load ../lib/helpers
load ../lib/box
load ../lib/lending
load ../lib/wire

# c3 and amd are on the mesh; off is on another link of gk's, by which it routes
# to the mesh.
setup_file() {
	lend_file
	local name
	for name in c3 amd off; do
		box_new $name
	done
	lend_mesh c3 10.10.0.2/24
	lend_mesh amd 10.10.0.3/24
	box_lan out
	box_link gk 192.0.2.1/24 out
	box_link off 192.0.2.9/24 out
	gk sh -c 'ip addr add fd00:10::1/64 dev wg-mesh nodad; ip addr add fd00:2::1/64 dev eth0 nodad'
	box c3 ip addr add fd00:10::2/64 dev wg-mesh nodad
	box off sh -c 'ip addr add fd00:2::9/64 dev eth0 nodad
		ip route add 10.10.0.0/24 via 192.0.2.1; ip -6 route add fd00:10::/64 via fd00:2::1'
	wire_echo gk 8080
	wire_echo gk 8082
	box_bg gk socat TCP6-LISTEN:8083,fork,reuseaddr EXEC:cat </dev/null >/dev/null 2>&1
}

teardown_file() {
	box_end
}

setup() {
	lend_clean
}

# hears BOX ADDRESS PORT [SOCAT-OPTION]: it gets an echo from there
hears() {
	[ "$(echo hello | box "$1" timeout 2 socat -t.5 - "TCP:$2:$3,connect-timeout=1${4:+,$4}" 2>/dev/null)" = hello ]
}

@test "a host beside the mesh reaches neither a lent port nor any other of the mesh address" {
	hears off 10.10.0.1 8080 # as Linux does by itself
	hears off '[fd00:10::1]' 8083
	grant
	hears c3 10.10.0.1 8080
	run ! hears off 10.10.0.1 8080
	run ! hears off 10.10.0.1 8082
	run ! hears off '[fd00:10::1]' 8083
	hears off '[fd00:2::1]' 8083
	hears c3 '[fd00:10::1]' 8083
	hears amd 10.10.0.1 8082
	hears gk 10.10.0.1 8082
}

@test "a host beside the mesh cannot send in a member's name, here or through here" {
	grant
	box off ip addr add 10.10.0.2/32 dev lo
	gk sysctl -qw net.ipv4.ip_forward=1 net.ipv4.conf.all.rp_filter=0 net.ipv4.conf.eth0.rp_filter=0
	gk nft -f - <<-'EOF'
		table ip seen {
			chain in { type filter hook input priority 10; ip saddr 10.10.0.2 iifname eth0 counter; }
			chain through { type filter hook forward priority 10; ip saddr 10.10.0.2 iifname eth0 counter; }
		}
	EOF
	run box off timeout 3 socat -u OPEN:/dev/null UDP:10.10.0.1:8080,bind=10.10.0.2
	box off sh -c 'echo x | timeout 2 socat -u - UDP:10.10.0.1:9,bind=10.10.0.2
		echo x | timeout 2 socat -u - UDP:10.10.0.3:9,bind=10.10.0.2'
	assert_eq "$(gk nft list table ip seen | grep -c 'counter packets 0 ')" 2 "a packet came through: $(gk nft list table ip seen)"
	box off ip addr del 10.10.0.2/32 dev lo
}

@test "without any grant sync closes the mesh address to other links" {
	no_directory
	run_gk 4 sbx-macroctl sync
	run ! hears off 10.10.0.1 8082
	hears amd 10.10.0.1 8082
}
