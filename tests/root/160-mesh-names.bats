#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# The mesh's names in /etc/hosts, and all else of that file as it was.

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

@test "a name leads to another spoke through a hub that forwards no IPv6" {
	mesh_boxes gk2 c3box amd64
	for n in gk2 c3box amd64; do in_box $n sbx-mesh-up -q; done
	for n in c3box amd64; do in_box $n ping -q -c1 -W3 gk2.mesh; done
	in_box c3box ping -q -c1 -W3 amd64.mesh
}

@test "every node has a name as long as it is on the mesh" {
	mesh_boxes gk2 c3box
	box gk2 sh -c 'printf "192.0.2.99 mine\n# the last line has no end" >>/etc/hosts; chmod 640 /etc/hosts'
	before=$(box gk2 cat /etc/hosts)
	in_box gk2 sbx-mesh-up plan
	assert_has "$output" $'set names\t/etc/hosts\t2 of the mesh' "the plan"
	assert_eq "$(box gk2 cat /etc/hosts)" "$before" "a plan changes nothing"
	in_box gk2 sbx-mesh-up
	in_box c3box sbx-mesh-up -q
	in_box c3box ping -q -c1 -W3 gk2.mesh
	assert_has "$(box c3box getent ahostsv4 gk2.mesh)" 10.10.0.1 "IPv4"
	in_box gk2 ping -q -c1 -W3 c3box.mesh
	assert_eq "$(box gk2 sed '/sbx-mesh-up: names/,/sbx-mesh-up: end/d' /etc/hosts)" \
		"$before" "the rest of the file"
	assert_eq "$(box gk2 stat -c %a /etc/hosts)" 640 "its mode"
	in_box gk2 sbx-mesh-up
	assert_eq "$stderr" "" "a second run"
	did=$(box_as c3box sbx sbx-ledger whoami)
	box_as gk2 sbx sbx-member -q revoke "$did"
	in_box gk2 sbx-mesh-up -q
	assert_lacks "$(box gk2 cat /etc/hosts)" c3box.mesh "one put out has none"
	in_box gk2 sbx-mesh-up -q down
	assert_eq "$(box gk2 cat /etc/hosts)" "$before" "down"
}

@test "a file that is mounted, read-only, cut off or not wanted is no obstacle" {
	mesh_boxes gk2
	box gk2 sh -c 'cp /etc/hosts /tmp/hosts; cp /etc/hosts /tmp/before
		mount --bind /tmp/hosts /etc/hosts'
	in_box gk2 sbx-mesh-up
	assert_has "$(box gk2 cat /etc/hosts)" gk2.mesh "mounted by itself"
	# Half a block, and a line behind it.
	box gk2 sh -c "sed -i '/sbx-mesh-up: end/d' /tmp/hosts; cat /tmp/hosts >/etc/hosts; echo 192.0.2.9 mine >>/etc/hosts"
	in_box gk2 sbx-mesh-up
	assert_eq "$(box gk2 grep -c gk2.mesh /etc/hosts)" 1 "once"
	assert_has "$(box gk2 cat /etc/hosts)" "192.0.2.9 mine" "what is not ours"
	box gk2 sed 's/$//; /^\[mesh\]$/a names = no' /etc/sbx/sbx.conf >"$BOX_SHARE/conf"
	box gk2 sh -c 'cat /share/conf >/etc/sbx/sbx.conf'
	in_box gk2 sbx-mesh-up
	assert_lacks "$(box gk2 cat /etc/hosts)" gk2.mesh "not wanted"
	box gk2 sh -c 'sed -i "/^names/d" /etc/sbx/sbx.conf; mount -o remount,bind,ro /etc/hosts'
	in_box gk2 sbx-mesh-up
	assert_eq "$stderr" "" "read-only"
	in_box gk2 sbx-mesh-up -v
	assert_has "$stderr" "no names: /etc/hosts" "with -v it is told"
}
