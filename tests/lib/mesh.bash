# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash disable=SC2154 # status, output, stderr: bats'
# Meshes to test in, of boxes (box.bash, loaded before).
#
#	mesh_boxes HUB NAME...	boxes on one switch at 192.0.2.1, .2, ...; HUB
#				has founded the mesh, the others are members;
#				every node has published its record; nothing
#				is up yet
#	mesh_hub NAME		such a hub alone
#	mesh_guest HUB NAME [ADDRESS]	a member with a record but no box, made
#				in HUB's box (its state: /tmp/NAME)
#	mesh_join HUB NAME	invite the box NAME, which publishes its record
#	mesh_sync FROM TO...	TO import what FROM has
#	in_box [RC] NAME CMD...	as run_sbx, in that box

mesh_init() { # NAME [CONFIGURATION-LINE...]: a configured node of its own
	local name=$1
	shift
	{
		printf '[node]\nname=%s\n[mesh]\n' "$name"
		[ $# -eq 0 ] || printf '%s\n' "$@"
	} | box "$name" sh -c 'cat >/etc/sbx/sbx.conf; chmod 644 /etc/sbx/sbx.conf'
	box_as "$name" sbx sbx-ledger -q init --no-recovery >/dev/null
}

mesh_record() {
	box "$1" sbx-mesh-up record |
		box_as "$1" sbx sbx-ledger -q append node_publish >/dev/null
}

mesh_sync() {
	local from=$1 to
	shift
	for to in "$@"; do
		box_as "$from" sbx sbx-ledger export |
			box_as "$to" sbx sbx-ledger -q import
	done
}

mesh_hub() {
	box_new "$1"
	box_link "$1" 192.0.2.1/24
	mesh_init "$1" endpoint=192.0.2.1:51822
	mesh_record "$1"
}

mesh_join() {
	box_as "$1" sbx sbx-member invite | box_as "$2" sbx sbx-member -q accept
	mesh_sync "$1" "$2"
	mesh_record "$2"
	mesh_sync "$2" "$1"
}

mesh_boxes() {
	local hub=$1 i=2 name
	shift
	box_lan
	mesh_hub "$hub"
	for name in "$@"; do
		box_new "$name"
		box_link "$name" "192.0.2.$i/24"
		mesh_init "$name"
		mesh_join "$hub" "$name"
		i=$((i + 1))
	done
	mesh_sync "$hub" "$@"
}

mesh_guest() {
	# shellcheck disable=SC2016 # the box's shell expands it
	box "$1" sh -euc 'd=/tmp/$1 hub="setpriv --reuid sbx --regid sbx --init-groups"
		umask 077; mkdir "$d"; printf "[node]\nname=%s\n" "$1" >"$d/sbx.conf"
		chmod 644 "$d/sbx.conf"; chown sbx: "$d"
		sbx-ledger -q -C "$d" init >/dev/null
		$hub sbx-member invite | sbx-member -q -C "$d" accept
		$hub sbx-ledger export | sbx-ledger -q -C "$d" import
		sbx-mesh-up -C "$d" record |
			jq -c --arg ip "${2-}" "if \$ip != \"\" then .mesh_ip = \$ip else . end" |
			sbx-ledger -q -C "$d" append node_publish >/dev/null
		sbx-ledger -C "$d" export | $hub sbx-ledger -q import' sh "$2" ${3:+"$3"}
}

in_box() {
	local want=0
	case $1 in [0-9])
		want=$1
		shift
		;;
	esac
	local name=$1
	shift
	run --separate-stderr box "$name" timeout -k 5 60 "$@"
	[ "$status" -eq "$want" ] ||
		fail "$name: $1 ended with $status, not $want" command "$*" \
			stdout "${output:-}" stderr "${stderr:-}"
}
