#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# sbx status on boxes with a mesh: what is broken is told, and the command that
# it names mends it.

load ../lib/helpers
load ../lib/box
load ../lib/mesh

setup() {
	require_root
}

teardown() {
	box_end
}

# needs BOX: "PART COMMAND" of the lines that need attention.
needs() {
	box "$1" sbx status -j | jq -r '.lines[] | select(.state == "attention") | "\(.part) \(.mend)"'
}

# The command as root has it: in a box nobody but root types.
mend() {
	box "$1" sh -c "${2//sudo /}"
}

up() {
	local b
	for b; do
		box "$b" sbx-mesh-up -q
	done
	box hub ping -qc1 -W5 10.10.0.2 >/dev/null || box hub ping -qc1 -W5 10.10.0.2 >/dev/null
	box hub sbx-macroctl -q sync
}

@test "root sees handshakes, by the child that stays root; the ledger's files stay sbx's" {
	mesh_boxes hub ann
	box hub sbx-pull -q || :
	up hub ann
	status=$(box hub sbx status -j) || :
	ann=$(jq -c '.members[] | select(.name == "ann")' <<<"$status")
	assert_eq "$(jq -r .path <<<"$ann")" direct "the path"
	assert_like "$(jq -r .handshake <<<"$ann")" '^[0-9]+$' "the handshake"
	assert_eq "$(jq -r .me.state <<<"$status")" aware "the state"
	assert_eq "$(jq -c '.figures | [.peers, .peers_heard]' <<<"$status")" "[1,1]" "the figures"
	assert_eq "$(jq '.links | length' <<<"$status")" 1 "the links"
	assert_eq "$(box hub find /var/lib/sbx -user root)" "" "a file of root's"
	commands=$(jq -r '.lines[].mend // empty' <<<"$status")
	assert_eq "$(grep -vE '^(sudo )?(sbx-[a-z-]+|ls|timedatectl) [a-z/-]' <<<"$commands" | grep -vxE '(sudo )?sbx-[a-z-]+' || :)" \
		"" "what is no command"
	# A secret would be the WireGuard key.
	assert_lacks "$status$(box hub sbx status)" "$(box hub cat /etc/sbx/secrets/wg.key)" "the key"
	# Another user is told what it cannot see, and that is no fault.
	run_sbx jq -r '.lines[] | select(.state == "unknown") | "\(.part) \(.mend)"' \
		<<<"$(box_as hub sbx sbx status -j)"
	assert_eq "$output" $'mesh sudo sbx status\nlending sudo sbx status' "what is not for sbx to see"
}

@test "each thing that breaks is told, and its command mends it" {
	mesh_boxes hub ann
	up hub ann
	box_as hub sbx sbx-ledger -q publish
	quiet=$(needs hub | grep -v '^exchange' || :)
	assert_eq "$quiet" "" "before anything broke"

	box hub ip link del wg0 2>/dev/null || box hub sh -c 'ip link del "$(wg show interfaces)"'
	assert_eq "$(needs hub | grep ^mesh)" "mesh sudo sbx-mesh-up" "no interface"
	assert_eq "$(box hub sbx status -j | jq -r .me.state)" dormant "it falls back"
	mend hub "$(needs hub | sed -n 's/^mesh //p')"
	assert_eq "$(needs hub | grep ^mesh || :)" "" "not mended"

	box hub sh -c 'wg set "$(wg show interfaces)" peer "$(wg show all peers | cut -f2 | head -n1)" remove'
	assert_eq "$(needs hub | grep ^mesh)" "mesh sudo sbx-mesh-up" "a peer is lacking"
	mend hub "$(needs hub | sed -n 's/^mesh //p')"
	assert_eq "$(needs hub | grep ^mesh || :)" "" "not mended"

	box hub nft flush ruleset
	assert_eq "$(needs hub | grep ^lending)" "lending sudo sbx-macroctl sync" "a foreign flush"
	mend hub "$(needs hub | sed -n 's/^lending //p')"
	assert_eq "$(needs hub | grep ^lending || :)" "" "not mended"
}

@test "a spoke whose hub is gone is autonomous, and says so" {
	mesh_boxes hub ann
	up hub ann
	box ann ping -qc1 -W5 10.10.0.1 >/dev/null
	status=$(box ann sbx status -j) || :
	assert_eq "$(jq -r .me.state <<<"$status")" aware "with its hub"
	# Four minutes later nothing was heard.
	later=$(date -u -d '+4 minutes' +%Y-%m-%dT%H:%M:%SZ)
	status=$(box ann env SBX_NOW="$later" sbx status -j) || :
	assert_eq "$(jq -r .me.state <<<"$status")" autonomous "without it"
	assert_has "$(jq -r '.lines[] | select(.state == "attention").text' <<<"$status")" \
		"the hub hub has not been heard for three minutes" "the line"
}
