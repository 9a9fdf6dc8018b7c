#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# A change of the mesh that nobody confirms is taken back, whoever it cut off.

load ../lib/helpers
load ../lib/box
load ../lib/mesh

setup() {
	require_root
	require wg wireguard-go ip jq socat
}

teardown() {
	box_end
}

# gk2 is up; mule is a hub by the directory, and dead; s3 and s4 are up.
one_dead_hub() {
	mesh_boxes gk2
	mesh_guest gk2 mule
	box gk2 sh -c 'd=/tmp/mule
		sbx-mesh-up -C $d record | jq -c ".endpoint = \"192.0.2.9:51822\"" |
			sbx-ledger -q -C $d append node_publish >/dev/null
		sbx-ledger -C $d export | setpriv --reuid sbx --regid sbx --init-groups sbx-ledger -q import'
	for n in 3 4; do
		box_new "s$n"
		box_link "s$n" "192.0.2.$n/24"
		mesh_init "s$n"
		mesh_join gk2 "s$n"
	done
	mesh_sync gk2 s3 s4
	for n in gk2 s3 s4; do in_box "$n" sbx-mesh-up -q; done
	for n in s3 s4; do in_box $n ping -q -c1 -W3 10.10.0.1; done
	S4=$(box s4 sbx-mesh-up record 2>/dev/null | jq -r .mesh_ip)
	in_box s3 ping -q -c1 -W3 "$S4"
}

to_mule() { # BOX: an order that leads to the dead hub alone
	box "$1" sed -i 's/^\[mesh\]$/[mesh]\nhubs = mule/' /etc/sbx/sbx.conf
}

state() { # all but endpoints, counters and times
	box "$1" sh -c 'wg show wg-mesh dump | cut -f 1,2,4,8 | sort; ip -o addr show dev wg-mesh
		ip -o link show wg-mesh; cat /proc/sys/net/ipv4/conf/wg-mesh/*ing'
}

wait_for() { # SECONDS CMD...
	local n=$(($1 * 10))
	shift
	while ! "$@" >/dev/null 2>&1; do
		n=$((n - 1))
		[ $n -gt 0 ] || fail "waited too long" for "$*"
		sleep .1
	done
}

@test "a change over the mesh that cuts its own session off is taken back in time" {
	one_dead_hub
	before=$(state s4)
	to_mule s4
	box_bg s4 socat "TCP-LISTEN:2222,bind=$S4,reuseaddr" EXEC:/bin/sh,stderr
	sleep .3
	# An admin at s3, in a session with s4 through the hub.
	# shellcheck disable=SC2016 # the far shell expands it
	box_bg s3 sh -c '{ echo "echo here; sbx-mesh-up up --confirm 4; echo still here"
		sleep 12; echo "echo and back"; sleep 3
		} | socat - "TCP:$1:2222" >/tmp/session' sh "$S4"
	session=$BOX_PID
	wait_for 10 box s4 test -e /var/lib/sbx-apply/mesh/waiting
	in_box 1 s3 ping -q -c2 -i.2 -W1 "$S4"
	in_box 1 s4 sbx-mesh-up up
	assert_says sbx-mesh-up "a change waits to be confirmed"
	wait_for 10 box s3 ping -q -c1 -W1 "$S4"
	assert_eq "$(state s4)" "$before" "as before"
	in_box 1 s4 sbx-mesh-up
	assert_says sbx-mesh-up "this change was taken back"
	in_box s3 ping -q -c1 -W1 "$S4"
	wait "$session" || :
	assert_eq "$(box s3 sed -n '/^still here$/p; /^and back$/p' /tmp/session)" \
		$'still here\nand back' "the session goes on"
	# Whoever means it says so.
	in_box s4 sbx-mesh-up up --yes -q
	in_box 1 s3 ping -q -c1 -W1 "$S4"
}

@test "what is confirmed stays, and what waits can be taken back at once" {
	one_dead_hub
	before=$(state s4)
	in_box s4 sbx-mesh-up up --confirm 60
	assert_eq "$stderr" "" "nothing differs, so nothing waits"
	in_box 1 s4 sbx-mesh-up confirm
	in_box 1 s4 sbx-mesh-up revert
	to_mule s4
	in_box s4 sbx-mesh-up -n up --confirm 60
	assert_eq "$(state s4)" "$before" "-n changes nothing"
	in_box s4 sbx-mesh-up up --confirm 60
	assert_has "$stderr" "to keep it, within 60 seconds: sbx-mesh-up confirm" "says how"
	after=$(state s4)
	[ "$after" != "$before" ] || fail "nothing was changed"
	in_box 1 s4 sbx-mesh-up up --confirm 60
	in_box s4 sbx-mesh-up revert
	assert_eq "$(state s4)" "$before" "taken back"
	in_box s4 sbx-mesh-up up --confirm 2 -q
	in_box s4 sbx-mesh-up confirm
	sleep 3
	assert_eq "$(state s4)" "$after" "kept"
	in_box s4 sbx-mesh-up
	assert_eq "$stderr" "" "and the plan from now on"
	in_box s4 sbx-mesh-up revert
	assert_eq "$(state s4)" "$before" "the last change can be taken back as well"
}

@test "a change whose maker was killed anywhere is undone by who comes next" {
	one_dead_hub
	before=$(state s4) killed=0
	to_mule s4
	for call in clone rename fsync sendmsg; do
		for n in 1 2 3 5 8; do
			box s4 strace -qq -o /dev/null -e trace=$call -e inject=$call:signal=KILL:when=$n \
				sbx-mesh-up -q up --confirm 600 >/dev/null 2>&1 || killed=$((killed + 1))
			# 1 when all was undone already, or nothing begun.
			box s4 sbx-mesh-up -q revert 2>/dev/null || [ $? -eq 1 ] ||
				fail "revert failed" after "$call $n"
			assert_eq "$(state s4)" "$before" "after a kill at $call $n"
		done
	done
	[ "$killed" -ge 8 ] || fail "too few were killed" killed "$killed"
}

@test "one put out while a change waits does not come back with it" {
	one_dead_hub
	mesh_guest gk2 amd64
	in_box gk2 sbx-mesh-up -q
	key=$(box gk2 sh -c 'wg pubkey </tmp/amd64/wg.key')
	assert_has "$(box gk2 wg show wg-mesh peers)" "$key" "it is a peer"
	box gk2 sed -i 's/^\[mesh\]$/[mesh]\nmtu = 1380/' /etc/sbx/sbx.conf
	in_box gk2 sbx-mesh-up -q up --confirm 60
	assert_has "$(box gk2 ip link show wg-mesh)" "mtu 1380" "the change"
	did=$(box gk2 sbx-ledger -C /tmp/amd64 whoami -j | jq -r .did)
	box_as gk2 sbx sbx-member -q revoke "$did"
	in_box 1 gk2 sbx-mesh-up
	assert_has "$stderr" "remove peer: $key" "goes at once"
	in_box gk2 sbx-mesh-up revert
	assert_has "$(box gk2 ip link show wg-mesh)" "mtu 1420" "taken back"
	assert_lacks "$(box gk2 wg show wg-mesh peers)" "$key" "but not who was put out"
	in_box s3 ping -q -c1 -W3 10.10.0.1
}

@test "down ends what waits, and nothing brings the interface up again" {
	one_dead_hub
	to_mule s4
	in_box s4 sbx-mesh-up -q up --confirm 2
	in_box s4 sbx-mesh-up -q down
	sleep 3
	in_box 1 s4 ip link show wg-mesh
}
