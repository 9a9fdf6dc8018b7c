#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Phones: plain WireGuard, a member that answers for it, and a way out.

load ../lib/helpers
load ../lib/box
load ../lib/mesh

setup() {
	require_root
	require wg wg-quick wireguard-go ip jq
}

teardown() {
	box_end
}

# The hub gk2 and the spoke c3box, which are up, and a box without sbx's mesh.
with_phone() {
	mesh_boxes gk2 c3box
	for n in gk2 c3box; do in_box $n sbx-mesh-up -q; done
	in_box c3box ping -q -c1 -W3 10.10.0.1
	box_new phone
	box_link phone 192.0.2.50/24
}

# The file of a guest, from its sponsor, brought up by wg-quick in its box.
phone_up() {
	in_box "$1" sbx-mesh-up export -o /share phone
	box phone sh -c 'install -m 600 /share/phone.conf /etc/wireguard/mesh0.conf'
	in_box phone wg-quick up mesh0
}

# A phone that was refused tries again after five seconds.
reaches() {
	for _ in 1 2 3 4 5 6 7 8 9; do
		box phone ping -q -c1 -W1 "$1" >/dev/null && return 0
	done
	fail "the phone does not reach $1"
}

@test "a phone reaches everybody by the file that its sponsor made" {
	with_phone
	phone_up c3box
	in_box 1 phone ping -q -c1 -W1 10.10.0.1
	mesh_sync c3box gk2
	in_box gk2 sbx-mesh-up
	assert_has "$stderr" "add peer: phone 10.10.0.3/32" "the hub lets it in"
	reaches 10.10.0.1
	in_box phone ping -q -c1 -W3 10.10.0.2
	in_box c3box ping -q -c1 -W3 10.10.0.3
	six=$(box gk2 ip -6 -o addr show dev wg-mesh scope global | awk '{print $4}')
	in_box phone ping -6 -q -c1 -W3 "${six%/64}"
	in_box gk2 sbx-mesh-up
	assert_eq "$stderr" "" "a second run"
	assert_eq "$(box gk2 sbx-mesh-up guests | cut -f1-4)" $'phone\t10.10.0.3\tc3box\tgk2' "guests"
	assert_eq "$(box c3box stat -c %a /share/phone.conf)" 600 "the file is its owner's"
	secret=$(box phone sed -n 's/^PrivateKey = //p' /share/phone.conf)
	assert_lacks "$(box_as c3box sbx sbx-ledger export)" "$secret" "no secret in the log"
	# Who comes next is given another address.
	mesh_guest gk2 amd64
	assert_eq "$(box gk2 sbx-mesh-up -C /tmp/amd64 record | jq -r .mesh_ip)" 10.10.0.4 "the next"
}

@test "a phone that was withdrawn is off the mesh, and so is one whose sponsor is put out" {
	with_phone
	phone_up gk2
	reaches 10.10.0.1
	in_box 1 gk2 sbx-mesh-up export phone
	assert_says sbx-mesh-up "phone: is a guest of this node's already"
	in_box 1 c3box sbx-mesh-up withdraw phone
	in_box gk2 sbx-mesh-up -n withdraw phone
	reaches 10.10.0.1
	in_box gk2 sbx-mesh-up withdraw phone
	assert_has "$stderr" "remove peer: " "at once"
	in_box 1 phone ping -q -c1 -W1 10.10.0.1
	assert_eq "$(box gk2 sbx-mesh-up guests)" "" "guests"
	in_box phone wg-quick down mesh0
	rm "$BOX_SHARE/phone.conf"
	phone_up c3box
	mesh_sync c3box gk2
	in_box gk2 sbx-mesh-up -q
	reaches 10.10.0.1
	box_as gk2 sbx sbx-member -q revoke "$(box_as c3box sbx sbx-ledger whoami)"
	in_box gk2 sbx-mesh-up -q
	in_box 1 phone ping -q -c1 -W1 10.10.0.1
	assert_eq "$(box gk2 wg show wg-mesh peers)" "" "nobody is left"
}

@test "an export that is refused leaves neither a file nor a guest" {
	with_phone
	before=$(box_as c3box sbx sbx-ledger status | head -1)
	in_box 2 c3box sbx-mesh-up export Phone
	in_box 2 c3box sbx-mesh-up export one two
	in_box 4 c3box sbx-mesh-up export -o /nowhere phone
	box c3box sh -c 'umask 077; mkdir /tmp/d; echo mine >/tmp/d/phone.conf'
	in_box 2 c3box sbx-mesh-up export -o /tmp/d phone
	assert_eq "$(box c3box cat /tmp/d/phone.conf)" mine "another's file"
	in_box c3box sbx-mesh-up -n export phone
	box c3box mv /etc/sbx/secrets/node.key /etc/sbx/secrets/node.key.away
	in_box 4 c3box sbx-mesh-up export -o /tmp/d tablet
	assert_eq "$(box c3box ls /tmp/d)" phone.conf "no file without a record"
	assert_eq "$(box_as c3box sbx sbx-ledger status | head -1)" "$before" "no entry"
	box c3box mv /etc/sbx/secrets/node.key.away /etc/sbx/secrets/node.key
	in_box c3box sbx-mesh-up export -o /tmp/d aa bb cc
	assert_eq "$(box c3box ls /tmp/d | tr '\n' ' ')" "aa.conf bb.conf cc.conf phone.conf " "many"
	assert_eq "$(box c3box sbx-mesh-up guests | cut -f2 | tr '\n' ' ')" \
		"10.10.0.3 10.10.0.4 10.10.0.5 " "one address each"
}

@test "the file can be read by a phone's camera" {
	require zbarimg python3
	mesh_boxes gk2
	in_box gk2 sbx-mesh-up export --qr phone
	grep -q '█' <<<"$stderr" || fail "no code" stderr "$stderr"
	assert_has "$output" "PrivateKey = " "and by eye"
	# Half blocks to a picture of one pixel a module, then larger.
	grep '[█▀▄]' <<<"$stderr" | python3 -c '
import sys
rows = []
for line in sys.stdin.read().splitlines():
    top = [255 if c in "█▀" else 0 for c in line]
    low = [255 if c in "█▄" else 0 for c in line]
    rows += [top, low]
big = [[v for v in r for _ in range(4)] for r in rows for _ in range(4)]
w = len(big[0])
sys.stdout.buffer.write(b"P5 %d %d 255\n" % (w, len(big)))
for r in big:
    sys.stdout.buffer.write(bytes(r))' >"$BATS_TEST_TMPDIR/code.pgm"
	assert_eq "$(zbarimg -q --raw "$BATS_TEST_TMPDIR/code.pgm" | sed '/^$/d')" \
		"$(sed '/^$/d' <<<"$output")" "the same text"
}
