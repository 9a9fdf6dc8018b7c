#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# The first hour with sbx: the page's first mesh is typed as it stands, and a
# step that lacks something says so.

load ../lib/helpers
load ../lib/box
load ../lib/mesh

setup() {
	require_root
	require wg wireguard-go socat jq mandoc
	src=$BATS_TEST_DIRNAME/../..
	box_lan
	for b in gk2 c3box; do
		box_new $b
	done
	box_link gk2 192.0.2.1/24
	box_link c3box 192.0.2.2/24
}

teardown() {
	box_end
}

# c3box's ssh(1) to gk2, as root, without the cryptography.
make_ssh() {
	printf '#!/bin/sh\nread -r line\nexec sh -c "$line"\n' >"$BOX_SHARE/sshd"
	printf '#!/bin/sh\nshift\n{ echo "$*"; cat; } | socat -t30 - TCP:192.0.2.1:22\n' \
		>"$BOX_SHARE/ssh"
	chmod 755 "$BOX_SHARE"/ssh*
	box c3box cp /share/ssh /usr/bin/ssh
	box_bg gk2 socat TCP-LISTEN:22,fork,reuseaddr EXEC:/share/sshd
	for _ in $(seq 300); do
		box gk2 ss -Hltn 'sport = 22' | grep -q . && return
		sleep .01
	done
	fail "gk2 has no ssh"
}

# typed TEXT: each line "BOX# COMMAND" of it, by root's shell in that box.
typed() {
	local line what b n=0
	make_ssh
	while read -r line; do
		[[ $line =~ ^(gk2|c3box|both)#\ +(.*)$ ]] || continue
		what=${BASH_REMATCH[2]}
		case ${BASH_REMATCH[1]} in
		both) b="gk2 c3box" ;;
		*) b=${BASH_REMATCH[1]} ;;
		esac
		for b in $b; do
			in_box "$b" bash -c "set -o pipefail; $what" </dev/null
			n=$((n + 1))
		done
	done <<<"$1"
	[ "$n" -gt 8 ] || fail "only $n lines were typed"
}

is_a_mesh() {
	in_box c3box ping -q -c1 -w10 10.10.0.1
	in_box gk2 ping -q -c1 -w10 10.10.0.2
	assert_eq "$(box gk2 find /var/lib/sbx /etc/sbx/secrets -user root ! -name 'wg.key*')" \
		"" "root left files of its own"
}

# The short way, by sbx-join, is 500-join's.
@test "sbx(7)'s first mesh by hand, typed word for word on two new boxes, is a mesh" {
	typed "$(mandoc -T ascii "$src/man/sbx.7" | col -bx | grep -v 'sbx setup\|sbx-join')"
	is_a_mesh
}

# lacks WHAT HINT BOX COMMAND...: 1, what is missing, and what mends it.
lacks() {
	local what=$1 hint=$2
	shift 2
	in_box 1 "$@"
	assert_has "$stderr" "$what" "$*: what is missing"
	assert_has "$stderr" "hint: $hint" "$*: what mends it"
}

@test "a hub without an endpoint, no hub and no peer are told with 1, and how to mend it" {
	for b in gk2 c3box; do
		mesh_init $b
	done
	lacks "no peer yet" "a member's log by hand" gk2 sbx-pull -q
	mesh_record gk2
	lacks "the hub, gk2, has no endpoint" \
		"[mesh] endpoint=ADDRESS:51822 in /etc/sbx/sbx.conf" gk2 sbx-mesh-up
	# All else was done.
	assert_has "$(box gk2 ip -4 addr show dev wg-mesh)" 10.10.0.1/24 "gk2 is up"
	mesh_join gk2 c3box
	lacks "the hub, gk2, has no endpoint" "there: [mesh] endpoint=" c3box sbx-mesh-up
	# The hint, done.
	printf '[node]\nname=gk2\n[mesh]\nendpoint=192.0.2.1:51822\n' |
		box gk2 tee /etc/sbx/sbx.conf >/dev/null
	mesh_record gk2
	in_box gk2 sbx-mesh-up
	mesh_sync gk2 c3box
	in_box c3box sbx-mesh-up
	is_a_mesh
}

@test "a directory that has no hub, or a list that leaves all of them out, is told with 1" {
	mesh_init gk2 endpoint=192.0.2.1:51822
	mesh_init c3box
	box_as gk2 sbx sbx-member invite | box_as c3box sbx sbx-member -q accept
	mesh_sync gk2 c3box
	mesh_record c3box
	lacks "the directory has no hub yet" "at the hub: sbx-mesh-up record" c3box sbx-mesh-up
	lacks "the directory has no hub yet" "at the hub: sbx-mesh-up record" c3box sbx-mesh-up plan
	mesh_record gk2
	mesh_sync gk2 c3box
	in_box c3box sbx-mesh-up
	echo hubs=c3box | box c3box tee -a /etc/sbx/sbx.conf >/dev/null
	lacks "no hub of the directory" "add one to [mesh] hubs=" c3box sbx-mesh-up
}

# The shell's command in a unit's line, as systemd reads it.
of_unit() { # UNIT KEY
	sed -n "s/^$2=[^\"]*\"\(.*\)\"\$/\1/p" "$src/etc/systemd/$1" |
		sed 's/\\"/"/g; s/\$\$/$/g'
}

@test "the units take what is missing for no failure, but that this box is not on the mesh" {
	assert_eq "$(sed -n 's/^SuccessExitStatus=//p' "$src/etc/systemd/sbx-mesh-up.service")" 1 "mesh-up"
	post=$(of_unit sbx-mesh-up.service ExecStartPost)
	assert_has "$post" "mesh.env" "the line was found"
	mesh_init gk2
	mesh_record gk2
	in_box 1 gk2 sh -ec "$post"
	assert_eq "$(box gk2 find /run/sbx -name mesh.env)" "" "an address that is not up"
	in_box 1 gk2 sbx-mesh-up -q
	in_box gk2 sh -ec "$post"
	assert_eq "$(box gk2 cat /run/sbx/mesh.env)" SBX_MESH_IP=10.10.0.1 "for the servers"
	# Nobody to pull from: the unit is passed over, which 1 to 254 say.
	cond=$(of_unit sbx-pull.service ExecCondition)
	assert_has "$cond" "sbx-pull -n" "the line was found"
	in_box 1 gk2 setpriv --reuid sbx --regid sbx --init-groups sh -c "$cond"
	printf '[peer amd64]\nurl=http://192.0.2.9:8799/\n' |
		box gk2 tee -a /etc/sbx/sbx.conf >/dev/null
	in_box gk2 setpriv --reuid sbx --regid sbx --init-groups sh -c "$cond"
	assert_eq "$output$stderr" "" "it says something every two minutes"
}
