#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# A mesh that was there before sbx is taken over, and its plan can be taken away.

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

# Two boxes with a wg-mesh of their own, by hand; gk2 has a third, unknown peer.
by_hand() {
	local n i=1
	box_lan
	for n in gk2 c3box; do
		box_new $n
		box_link $n 192.0.2.$i/24
		box $n sh -c 'umask 077; mkdir -p /etc/wireguard; wg genkey >/root/key'
		box $n sh -c "wireguard-go wg-mesh >/dev/null 2>&1; wg set wg-mesh private-key /root/key \
			listen-port 51822; ip addr add 10.10.0.$((i * 5))/24 dev wg-mesh; ip link set wg-mesh mtu 1420 up"
		i=$((i + 1))
	done
	box gk2 wg set wg-mesh peer "$(box c3box wg show wg-mesh public-key)" \
		allowed-ips 10.10.0.10/32
	box gk2 sh -c 'wg genkey | wg pubkey >/root/third'
	box gk2 wg set wg-mesh peer "$(box gk2 cat /root/third)" allowed-ips 10.10.0.77/32
	box c3box wg set wg-mesh peer "$(box gk2 wg show wg-mesh public-key)" \
		allowed-ips 10.10.0.0/24 endpoint 192.0.2.1:51822 persistent-keepalive 25
	box c3box ping -q -c1 -W3 10.10.0.5
}

@test "a mesh that is up is adopted: key and address stay and no ping is lost" {
	by_hand
	mesh_init gk2 endpoint=192.0.2.1:51822
	in_box 1 gk2 sbx-mesh-up record
	assert_hint sbx-mesh-up "sbx-mesh-up adopt"
	key=$(box gk2 wg show wg-mesh public-key)
	box_bg c3box sh -c 'exec ping -q -i .01 -c 600 -W 1 10.10.0.5 >/tmp/ping'
	pings=$BOX_PID
	in_box gk2 sbx-mesh-up -n adopt
	assert_eq "$(box gk2 ls /etc/sbx/secrets)" node.key "-n takes nothing"
	in_box gk2 sbx-mesh-up adopt
	assert_has "$stderr" "2 peers stay" "what stays"
	in_box gk2 sbx-mesh-up adopt
	in_box gk2 sbx-mesh-up record
	assert_eq "$(jq -r .mesh_ip <<<"$output")" 10.10.0.5 "its address"
	assert_eq "$(jq -r .pubkey_wg <<<"$output")" "$key" "its key"
	mesh_record gk2
	in_box gk2 sbx-mesh-up
	mesh_init c3box
	in_box c3box sbx-mesh-up adopt
	mesh_join gk2 c3box
	mesh_sync gk2 c3box
	for n in gk2 c3box; do in_box $n sbx-mesh-up; done
	wait "$pings" || :
	assert_has "$(box c3box cat /tmp/ping)" " 600 received" "pings"
	assert_has "$(box gk2 wg show wg-mesh peers)" "$(box gk2 cat /root/third)" "the third stays"
	in_box gk2 sbx-mesh-up
	assert_eq "$output$stderr" "" "a second run"
	# What the directory has known once it may put out.
	assert_eq "$(box gk2 cat /etc/sbx/secrets/wg.key.adopted)" "$(box gk2 cat /root/third)" "kept"
	box_as gk2 sbx sbx-member revoke "$(box_as c3box sbx sbx-ledger whoami -j | jq -r .did)"
	in_box gk2 sbx-mesh-up
	assert_eq "$(box gk2 wg show wg-mesh peers)" "$(box gk2 cat /root/third)" "c3box is out"
}

@test "an interface of another key is not touched until it is adopted" {
	by_hand
	mesh_init gk2 endpoint=192.0.2.1:51822
	box gk2 sh -c 'umask 077; wg genkey >/etc/sbx/secrets/wg.key'
	mesh_record gk2
	before=$(box gk2 wg show wg-mesh dump | cut -f 1-4 | sort)
	in_box 1 gk2 sbx-mesh-up
	assert_says sbx-mesh-up "another key than"
	assert_hint sbx-mesh-up "adopt"
	in_box 1 gk2 sbx-mesh-up adopt
	assert_says sbx-mesh-up "there is another key already"
	assert_eq "$(box gk2 wg show wg-mesh dump | cut -f 1-4 | sort)" "$before" "as it was"
}

@test "a file of wg-quick's is taken whole and strictly, or not at all" {
	box_new gk2
	mesh_init gk2
	in_box 1 gk2 sbx-mesh-up adopt
	assert_says sbx-mesh-up "there is nothing to adopt"
	box gk2 sh -c 'umask 077; mkdir -p /etc/wireguard; wg genkey >/root/key
		{ echo "[Interface] # mine"; echo " privatekey=$(cat /root/key)"; echo "Address = 10.10.0.1/24"
		echo; echo "[Peer]"; echo "PublicKey = $(wg genkey | wg pubkey)"; echo "AllowedIPs = 10.10.0.2/32"; } >/etc/wireguard/wg-mesh.conf
		chmod 600 /etc/wireguard/wg-mesh.conf'
	whole=$(box gk2 cat /etc/wireguard/wg-mesh.conf)
	while IFS='|' read -r line how; do
		printf '%s\n' "$whole" | sed "$how" | box gk2 sh -c 'cat >/root/bad.conf'
		box gk2 chmod 600 /root/bad.conf
		in_box 3 gk2 sbx-mesh-up adopt /root/bad.conf
		assert_has "$stderr" "/root/bad.conf$line" "$how: where"
		assert_eq "$(box gk2 ls /etc/sbx/secrets)" node.key "$how: no key is taken"
	done <<-'END'
		:2: |s/^ privatekey=./&x/
		:2: |s/^ privatekey=.*/privatekey=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=/
		:3: |2p
		: no PrivateKey|2d
		:3: |s/^Address/Adress/
		:5: |s/^.Peer./[Pear]/
		:6: |s/^PublicKey = .*/PublicKey/
		:1: |1d
	END
	box gk2 chmod 644 /etc/wireguard/wg-mesh.conf
	in_box 2 gk2 sbx-mesh-up adopt
	box gk2 chmod 600 /etc/wireguard/wg-mesh.conf
	in_box gk2 sbx-mesh-up adopt
	assert_eq "$(box gk2 cat /etc/sbx/secrets/wg.key)" "$(box gk2 cat /root/key)" "the key"
	assert_lacks "$output$stderr" "$(box gk2 cat /root/key)" "and it is not shown"
}

@test "what render prints is a file that wg-quick brings up as up would" {
	mesh_boxes gk2 c3box
	in_box gk2 sbx-mesh-up -q
	in_box c3box sbx-mesh-up render
	assert_lacks "$output" "$(box c3box cat /etc/sbx/secrets/wg.key)" "no key is shown"
	printf '%s\n' "$output" | box c3box sh -c 'umask 077; mkdir -p /etc/wireguard; cat >/etc/wireguard/wg-mesh.conf'
	in_box c3box wg-quick up wg-mesh
	in_box c3box ping -q -c1 -W5 10.10.0.1
	in_box c3box sbx-mesh-up plan
	assert_lacks "$output" peer "nothing of the peers differs"
	assert_lacks "$output" address "nor of the addresses"
}
