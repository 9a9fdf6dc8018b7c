#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# From two boxes that have nothing to a mesh of two: setup, open, join; and all
# that stands in the way is told by its name.

load ../lib/helpers
load ../lib/box
load ../lib/mesh

setup() {
	require_root
	require lighttpd curl jq wg wireguard-go openssl sudo
	box_lan
	box_new gk2
	box_link gk2 192.0.2.1/24
	box_new c3box
	box_link c3box 192.0.2.2/24
}

teardown() {
	box_end
}

# TOKEN: of a door that gk2 has opened.
open_door() {
	in_box gk2 sbx-join open "$@"
	TOKEN=$output
}

found() {
	in_box gk2 sbx setup
	open_door "$@"
}

door() { # PATH [CURL-OPTION...]: what it answers c3box
	local path=$1
	shift
	box c3box curl -sk -m 10 "$@" "https://192.0.2.1:7331$path"
}

member_of() { # BOX DID-OF: as BOX has it
	box_as "$1" sbx sbx-member -j list |
		jq -r --arg d "$(box_as "$2" sbx sbx-ledger whoami)" \
			'select(.did == $d).state'
}

@test "three commands on two boxes: a member, answered on the mesh" {
	found
	in_box c3box sbx-join "$TOKEN"
	assert_has "$stderr" "10.10.0.1 answers on the mesh" "no first ping"
	box c3box ping -q -c1 -W2 10.10.0.1
	box gk2 ping -q -c1 -W2 10.10.0.2
	for b in gk2 c3box; do
		assert_eq "$(member_of "$b" c3box)" member "$b does not know it"
	done
	assert_eq "$(box_as gk2 sbx sbx-ledger -j status | jq -r .state)" \
		"$(box_as c3box sbx sbx-ledger -j status | jq -r .state)" \
		"the two do not agree"
	in_box gk2 sbx-join tree
	assert_like "$output" $'gk2 did:plc:[0-9a-f]+ anchor\n  c3box did:plc:[0-9a-f]+ member' "tree"
	in_box gk2 sbx-join -j list
	assert_eq "$(jq -r .state <<<"$output")" entered "its request is not at its end"
}

@test "each command may be run again and changes nothing" {
	found
	in_box c3box sbx-join "$TOKEN"
	before=$(for b in gk2 c3box; do box_as $b sbx sbx-ledger export; done)
	in_box gk2 sbx setup
	assert_has "$stderr" "the directory has this box's record" "a second record"
	in_box c3box sbx-join - <<<"$TOKEN"
	assert_eq "$(for b in gk2 c3box; do box_as $b sbx sbx-ledger export; done |
		grep -vc '"SbxHead"')" "$(grep -vc '"SbxHead"' <<<"$before")" \
		"a second run signed something"
}

@test "-n says every step of setup and does none (I3)" {
	before=$(box gk2 sh -c 'find /etc/sbx /var/lib/sbx* | sort')
	in_box gk2 sbx setup -n
	assert_has "$stderr" "would write /etc/sbx/sbx.conf" "not said"
	assert_has "$stderr" "would run: sbx-ledger init" "not said"
	assert_eq "$(box gk2 sh -c 'find /etc/sbx /var/lib/sbx* | sort')" "$before" \
		"something was done"
}

@test "setup takes an endpoint, and wants one that is one" {
	in_box 2 gk2 sbx setup -q -e gk2.example
	assert_says sbx-join "is no numeric address"
	assert_hint sbx-join
	in_box gk2 sbx setup -e 192.0.2.1:4000 -N founder --network 10.99.7.0/24
	in_box gk2 cat /etc/sbx/sbx.conf
	for l in "name = founder" "endpoint = 192.0.2.1:4000" "network = 10.99.7.0/24"; do
		assert_has "$output" "$l" "not in the file"
	done
	open_door
	in_box c3box sbx-join "$TOKEN"
	box c3box ping -q -c1 -W2 10.99.7.1
}

@test "who asked waits until a human says yes" {
	found --ask
	in_box 1 c3box sbx-join "$TOKEN"
	assert_has "$stderr" "waits for approval" "not told"
	assert_has "$stderr" "sbx-join approve c3box" "no next command"
	assert_eq "$(member_of gk2 c3box)" "" "let in without approval"
	in_box gk2 sbx-join tree
	assert_like "$output" '  c3box did:plc:[0-9a-f]+ pending' "not in the tree"
	in_box gk2 sbx-join approve c3box
	in_box 1 gk2 sbx-join approve c3box
	in_box c3box sbx-join "$TOKEN"
	assert_eq "$(member_of gk2 c3box)" member "not let in"
}

@test "an approval that comes while it waits lets it in" {
	found --ask
	box_bg c3box sbx-join "$TOKEN" -w 60 2>"$BOX_SHARE/join.log"
	pid=$BOX_PID
	for _ in $(seq 100); do
		! box gk2 sbx-join -q list | grep -q pending || break
		sleep .1
	done
	in_box gk2 sbx-join approve c3box
	status=0
	wait "$pid" || status=$?
	assert_eq "$status" 0 "$(cat "$BOX_SHARE/join.log")"
}

@test "who is rejected is told why, and is no member" {
	found --ask
	in_box 1 c3box sbx-join "$TOKEN"
	in_box gk2 sbx-join reject c3box "never heard of you"
	in_box 1 c3box sbx-join "$TOKEN"
	assert_has "$stderr" "rejected: never heard of you" "not told"
	assert_eq "$(member_of gk2 c3box)" "" "rejected and in"
}

@test "a spent token, an expired one and one taken back are told apart" {
	found
	in_box c3box sbx-join "$TOKEN"
	box_new late
	box_link late 192.0.2.3/24
	spent=$TOKEN
	open_door --ask
	in_box 1 late sbx-join "$spent"
	assert_has "$stderr" "the token is spent" "not told"
	in_box gk2 sh -c 'for f in /var/lib/sbx-door/tokens/*; do
		sed -i "s/\"expires\":\"[^\"]*/\"expires\":\"$(date -u -d "1 hour ago" +%FT%T)+00:00/" "$f"
		done'
	keep=$TOKEN
	open_door
	in_box 1 late sbx-join "$keep"
	assert_has "$stderr" "the token expired at 2" "not told"
	in_box gk2 sbx-join close
	open_door
	in_box 1 late sbx-join "$keep"
	assert_has "$stderr" "refused" "a token taken back lets in"
}

@test "no door, a closed one, and another box's: each told (I3)" {
	found
	in_box 3 c3box sbx-join -q "${TOKEN%?}"
	assert_says sbx-join "changed or cut"
	# Another box at that address, with another key.
	in_box gk2 sh -c 'rm /etc/sbx/door.pem; sbx-join close 2>/dev/null
		kill $(pidof lighttpd); sleep 2; sbx-join open'
	in_box 3 c3box sbx-join "$TOKEN"
	assert_has "$stderr" "another key than the token names" "a wrong pin"
	assert_hint sbx-join
	box_stop gk2
	in_box 4 c3box sbx-join "$TOKEN"
	assert_has "$stderr" "cannot be reached" "no door"
	assert_hint sbx-join
	assert_eq "$(box c3box sh -c 'ls /etc/sbx/secrets')" "" "it left a key"
}

@test "a clock an hour off, or in 1970, is told before anything is signed" {
	require faketime
	found
	for off in "1 hour ago" "1 hour" "1970-01-02 00:00:00"; do
		in_box 4 c3box faketime "$off" sbx-join "$TOKEN"
		assert_like "$stderr" "clock is [0-9]+ s (behind|ahead)" "$off"
		assert_hint sbx-join
	done
	assert_eq "$(box c3box ls /etc/sbx/secrets)" "" "it made a key"
	in_box c3box sbx-join "$TOKEN"
}

@test "killed at each step, a second run finishes" {
	in_box gk2 sbx setup
	open_door -u 20
	for n in 1 2 3 4 5 6 7 8 9; do
		b=j$n
		box_new $b
		box_link $b 192.0.2.$((10 + n))/24
		# shellcheck disable=SC2016 # the box's shell expands it
		box $b sh -ec 'for t in /usr/bin/sbx-ledger /usr/bin/sbx-member /usr/sbin/sbx-mesh-up /usr/lib/sbx/provision; do
			mv $t $t.real
			printf "#!/bin/sh\necho x >>/tmp/n; [ \$(wc -l </tmp/n) != %s ] || { kill -9 \$PPID; exit 9; }\nexec %s.real \"\$@\"\n" "$1" "$t" >$t
			chmod 755 $t; done' sh "$n"
		run box $b sbx-join "$TOKEN"
		assert_eq "$status" 137 "not killed at step $n: $output"
		run box $b sbx-join "$TOKEN"
		assert_eq "$status" 0 "after step $n a second run ends: $output"
		box $b ping -q -c1 -W2 10.10.0.1
	done
}

@test "the door tells strangers nothing and shows no byte of a program" {
	found
	assert_eq "$(door / -o /dev/null -w '%{http_code}')" 200 "page"
	assert_eq "$(door /status | jq -r .open)" true "status"
	for p in /door /door/ /sbx-door /join /../etc/passwd /x '/?a' /bundle /status/; do
		assert_lacks "$(door "$p" --path-as-is | tr -d '\0')" ELF "$p: the program"
		assert_lacks "$(door "$p" --path-as-is)" root: "$p: a file"
		assert_eq "$(door "$p" --path-as-is -o /dev/null -w '%{http_code}')" 404 "$p"
	done
	for body in x '{}' '{"join":{}}'; do
		assert_like "$(door /join -d "$body" -w ' %{http_code}')" \
			'^\{"error":"(bad request|refused)"\}' "$body"
	done
	head -c 70000 /dev/zero | tr '\0' a >"$BOX_SHARE/long"
	assert_eq "$(door /join --data-binary @/share/long -o /dev/null -w '%{http_code}')" \
		413 "a long body"
}

@test "the eleventh request of an address in a minute is refused" {
	found
	for _ in $(seq 10); do
		codes+=" $(door /join -d x -o /dev/null -w '%{http_code}')"
	done
	# Two minutes may meet in between.
	for _ in $(seq 11); do
		codes+=" $(door /join -d x -o /dev/null -w '%{http_code}')"
	done
	assert_has "$codes" 429 "no limit"
}

@test "the door is closed when there is nothing to open for" {
	found
	in_box c3box sbx-join "$TOKEN"
	assert_like "$(door / -o /dev/null -w '%{http_code}' || true)" '^(404|000)' "open"
	for _ in $(seq 250); do
		box gk2 ss -Hltn 'sport = :7331' | grep -q . || break
		sleep .1
	done
	assert_eq "$(box gk2 ss -Hltn 'sport = :7331')" "" "it still listens"
}

@test "the page shows the commands, the key and a code, without a script" {
	require zbarimg rsvg-convert
	box gk2 sh -c 'mkdir -p /srv/deb; echo package >/srv/deb/sbx_0.1.0_amd64.deb'
	in_box gk2 sbx setup
	box gk2 sh -c 'printf "\n[door]\nbundle = /srv/deb\n" >>/etc/sbx/sbx.conf'
	open_door
	page=$(door /)
	assert_lacks "$page" "<script" "it needs a script"
	assert_has "$page" "$(box_as gk2 sbx sbx-ledger whoami)" "whose"
	sum=$(box gk2 sha256sum /srv/deb/sbx_0.1.0_amd64.deb)
	assert_has "$page" "${sum%% *}" "the package's sum"
	assert_has "$page" "sudo sbx-join TOKEN" "the command"
	assert_eq "$(door /bundle)" package "the bundle"
	sed -n '/<svg/,/<.svg>/p' <<<"$page" >"$BATS_TEST_TMPDIR/qr.svg"
	rsvg-convert -o "$BATS_TEST_TMPDIR/qr.png" "$BATS_TEST_TMPDIR/qr.svg"
	assert_eq "$(zbarimg -q --raw "$BATS_TEST_TMPDIR/qr.png" 2>/dev/null)" \
		https://192.0.2.1:7331/ "the code"
}

@test "the process at the door reads neither ledger nor key" {
	found
	for f in /var/lib/sbx/ledger.db /etc/sbx/secrets/node.key /etc/sbx/door.pem; do
		in_box 1 gk2 setpriv --reuid sbx-door --regid sbx-door --init-groups cat "$f"
	done
	for w in "open" "take 192.0.2.2 more" "take" "approve c3box" "take;id"; do
		# shellcheck disable=SC2086 # words
		in_box 1 gk2 setpriv --reuid sbx-door --regid sbx-door --init-groups \
			sudo -n /usr/sbin/sbx-join $w
	done
}

@test "who leaves is no member, and a second run takes the mesh down" {
	found
	in_box c3box sbx-join "$TOKEN"
	in_box 1 c3box sbx-join leave
	assert_has "$stderr" "signed off" "not told"
	box c3box ip link show wg-mesh
	mesh_sync c3box gk2
	assert_eq "$(member_of gk2 c3box)" revoked "still a member"
	in_box c3box sbx-join leave
	in_box 1 c3box ip link show wg-mesh
	in_box gk2 sbx-mesh-up
	assert_lacks "$(box gk2 wg show wg-mesh allowed-ips)" 10.10.0.2 "still a peer"
}

@test "a box of another mesh is not taken out of it unasked" {
	found
	in_box c3box sbx setup
	box_new third
	box_link third 192.0.2.3/24
	in_box c3box sbx-join open
	in_box third sbx-join "$output"
	in_box 2 third sbx-join "$TOKEN"
	assert_has "$stderr" "another mesh" "not told"
	in_box 2 gk2 sbx-join "$TOKEN"
	assert_has "$stderr" "whose door it is" "not told"
}
