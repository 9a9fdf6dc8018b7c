# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# Meshes that elect (box.bash and mesh.bash loaded before), at an interval of
# five seconds.
#
#	fleet_boxes		hubs gk2 and mule, spokes s3 s4 s5: up, served,
#				and each doing what its timers do
#	fleet_gate BOX		the name of the gate that it follows, or nothing
#	fleet_eventually SECONDS CMD...	until it is so

fleet_box() { # NAME ADDRESS [LINE...]
	local name=$1 addr=$2
	shift 2
	box_new "$name"
	box_link "$name" "$addr/24"
	mesh_init "$name" "$@" '[fleet]' interval=5
	if [ "$name" = gk2 ]; then mesh_record gk2; else mesh_join gk2 "$name"; fi
}

# What sbx-mesh-up.timer, sbx-pull.timer, sbx-election.timer and .path do.
fleet_run() {
	# shellcheck disable=SC2016 # the box's shell expands it
	box_bg "$1" sh -c 'as() { setpriv --reuid sbx --regid sbx --init-groups "$@"; }
		while :; do
			sleep 5 & tick=$!
			sbx-mesh-up -q; was=$(stat -c %i /run/sbx/fleet/gate)
			as sbx-pull -q -p -t 1 &
			as sbx-election -q snapshot
			as sbx-election -q gate >/dev/null
			[ "$(stat -c %i /run/sbx/fleet/gate)" = "$was" ] || sbx-mesh-up -q
			wait $tick
		done >/tmp/fleet.log 2>&1'
}

fleet_eventually() {
	local end=$(($(date +%s) + $1))
	shift
	until "$@"; do
		[ "$(date +%s)" -lt "$end" ] || return 1
		sleep .2
	done
}

fleet_gate() {
	local did
	read -r did _ < <(box "$1" cat /run/sbx/fleet/gate 2>/dev/null) || return 0
	box_as "$1" sbx sbx-member -j list |
		jq -r --arg d "$did" 'select(.did == $d).name'
}

fleet_one_gate() { # BOX...: they follow the same one
	local first b
	first=$(fleet_gate "$1")
	[ -n "$first" ] || return 1
	for b; do [ "$(fleet_gate "$b")" = "$first" ] || return 1; done
}

fleet_term() { # BOX: the number of the term that it knows
	box_as "$1" sbx sbx-election -j -n gate 2>/dev/null |
		jq -r 'select(.term).term' | head -n 1
}

fleet_boxes() {
	local n
	box_lan
	fleet_box gk2 192.0.2.1 endpoint=192.0.2.1:51822
	fleet_box mule 192.0.2.2 endpoint=192.0.2.2:51822
	for n in 3 4 5; do fleet_box "s$n" "192.0.2.$n"; done
	mesh_sync gk2 mule s3 s4 s5
	n=0
	for b in gk2 mule s3 s4 s5; do
		n=$((n + 1))
		box "$b" sbx-mesh-up -q
		box_as "$b" sbx sbx-ledger -q publish
		box_bg "$b" env SBX_MESH_IP=10.10.0.$n lighttpd -D \
			-f /etc/sbx/lighttpd/directory.conf 2>/dev/null
	done
	for b in gk2 mule s3 s4 s5; do fleet_run "$b"; done
}
