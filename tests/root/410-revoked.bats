#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# What a revocation does, end to end: wireguard-go, nft, lighttpd, sudo.  gk2 is
# the hub and lends; c3box borrows; amd64, which c3box invited, borrows too.

load ../lib/helpers
load ../lib/box
load ../lib/mesh
load ../lib/wire

setup() {
	require_root
	require wg wireguard-go nft jq lighttpd curl socat sudo
	mesh_boxes gk2 c3box
	box_new amd64
	box_link amd64 192.0.2.3/24
	mesh_init amd64
	mesh_join c3box amd64
	mesh_sync amd64 gk2
	for b in gk2 c3box amd64; do
		in_box $b sbx-mesh-up -q
		did[${#did[@]}]=$(box_as $b sbx sbx-ledger -j whoami | jq -r .did)
	done
	lend
	for b in c3box amd64; do
		borrow $b
		wire_open $b
	done
	assert_eq "$(elements)" "10.10.0.2 10.10.0.3" "two are granted"
}

teardown() {
	wire_close
	box_end
}

# gk2 offers what socat echoes on 8080, to members.
lend() {
	box_as gk2 sbx sbx-offer publish mirror --kind web --endpoint 10.10.0.1:8080 \
		--macro http-mirror --params '{"port":8080}' >"$BOX_SHARE/service"
	mesh_sync gk2 c3box amd64
	wire_echo gk2 8080
	box_bg gk2 env SBX_MESH_IP=10.10.0.1 lighttpd -D \
		-f /etc/sbx/lighttpd/grant.conf 2>"$BOX_SHARE/web.log"
	within 10 box gk2 sh -c 'ss -Hltn "src 10.10.0.1" | grep -q :8080 &&
		ss -Hltn "src 10.10.0.1" | grep -q :8798'
}

borrow() { # BOX
	box_as "$1" sbx sbx-offer -q subscribe mirror >/dev/null
	mesh_sync "$1" gk2
	run box_as "$1" sbx timeout 30 sbx-offer use mirror --no-activate
	assert_eq "$status" 0 "$1 is not granted: $output $(cat "$BOX_SHARE/web.log")"
}

name_of_box() {
	case $1 in 1) echo c3box ;; 2) echo amd64 ;; esac
}

elements() { # addresses that the firewall lets through
	box gk2 nft -j list set inet sbx lend |
		jq -r '[.nftables[].set.elem // empty | .[].elem.val.concat[0]] | sort | join(" ")'
}

peers() { # IPv4 addresses behind gk2's peers
	box gk2 wg show wg-mesh allowed-ips | grep -o '10[.][0-9./]*' | sort | paste -sd' '
}

reaches() { # BOX
	box "$1" ping -q -c1 -W2 10.10.0.1 >/dev/null
}

revoke() { # OPTIONS of the revocation of c3box
	box_as gk2 sbx sbx-member revoke "$@" "${did[1]}" "box lost"
}

@test "grants and peers are listed by the names of their boxes, with -v by did too" {
	for what in "sbx-macroctl list" "sbx-mesh-up show"; do
		# shellcheck disable=SC2086 # words
		in_box gk2 $what
		for n in 1 2; do
			assert_like "$output" $'(^|\t|\n)'"$(name_of_box $n)"$'\t' "$what"
			assert_lacks "$output" "${did[n]}" "$what: a did unasked"
		done
		# shellcheck disable=SC2086
		in_box gk2 $what -v
		assert_has "$output" "c3box (${did[1]})" "$what -v"
	done
}

@test "a revoked member's grant ends at the next sync, its open connection with it" {
	revoke
	assert_eq "$(elements)" "10.10.0.2 10.10.0.3" "nobody has looked yet"
	wire_echoes c3box still || fail "cut before sync"
	in_box gk2 sbx-macroctl -n sync
	assert_has "$stderr" "withdrew 1," "-n does not say so"
	assert_eq "$(elements)" "10.10.0.2 10.10.0.3" "-n changed something"
	run box gk2 sbx-macroctl sync
	assert_eq "$(elements)" 10.10.0.3 "the element of c3box: $output"
	wire_say c3box two
	within 3 wire_ended c3box || fail "its connection still lives"
	assert_lacks "$(wire_heard c3box)" two "data after the revocation"
	reaches c3box || fail "it was not the firewall that cut it"
	wire_echoes amd64 other || fail "another's connection died with it"
	assert_lacks "$(box gk2 sbx-macroctl -j list)" "${did[1]}" "the grant is listed"
	run box_as c3box sbx timeout 30 sbx-offer use mirror --no-activate
	assert_eq "$status" 1 "granted anew: $output"
	assert_has "$(cat "$BOX_SHARE/web.log")" "not a member" "the log does not say why"
}

@test "a revoked member's node leaves the mesh at the next sbx-mesh-up" {
	revoke
	assert_eq "$(peers)" "10.10.0.2/32 10.10.0.3/32" "nobody has looked yet"
	reaches c3box || fail "cut before mesh-up"
	in_box gk2 sbx-mesh-up
	assert_has "$stderr" "remove peer: " "it does not say so"
	assert_eq "$(peers)" 10.10.0.3/32 "the peers of the hub"
	! reaches c3box || fail "it still reaches the mesh"
	reaches amd64 || fail "another is cut too"
	mesh_sync gk2 c3box amd64
	in_box amd64 sbx-mesh-up
	reaches amd64 || fail "amd64 has left as well"
	in_box 1 c3box sbx-mesh-up # has no place of its own any more
	in_box gk2 sbx-mesh-up
	assert_eq "$output$stderr" "" "a second run changes something"
}

@test "a cascade reaches the guest of the revoked: its grant, its connection, its node" {
	revoke -c 1
	run box gk2 sbx-macroctl sync
	assert_eq "$(elements)" "" "somebody's element: $output"
	for b in c3box amd64; do
		wire_say $b two
		within 3 wire_ended $b || fail "the connection of $b still lives"
	done
	in_box gk2 sbx-mesh-up
	assert_eq "$(peers)" "" "somebody's peer"
	for b in c3box amd64; do
		! reaches $b || fail "$b still reaches the mesh"
	done
}

@test "who comes back by a new invitation says again what it is, and asks again" {
	revoke
	box gk2 sbx-macroctl sync || :
	in_box gk2 sbx-mesh-up -q
	sleep 1 # an invitation later than the revocation
	box_as gk2 sbx sbx-member invite | box_as c3box sbx sbx-member -q accept
	mesh_sync gk2 c3box
	mesh_sync c3box gk2
	in_box gk2 sbx-mesh-up -q
	assert_eq "$(peers)" 10.10.0.3/32 "an old record counts again"
	box gk2 sbx-macroctl sync || :
	assert_eq "$(elements)" 10.10.0.3 "an old grant counts again"
	mesh_record c3box
	mesh_sync c3box gk2
	in_box gk2 sbx-mesh-up -q
	assert_has "$(peers)" 10.10.0.2/32 "the new record does not count"
	in_box c3box sbx-mesh-up -q down # a session that the hub forgot
	in_box c3box sbx-mesh-up -q
	borrow c3box
	assert_eq "$(elements)" "10.10.0.2 10.10.0.3" "not granted anew"
}
