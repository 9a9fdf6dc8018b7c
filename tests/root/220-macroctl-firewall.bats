#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# What passes and what does not: real packets between three boxes (I26; hostile
# tests M36-M48).

bats_require_minimum_version 1.5.0
load ../lib/helpers
load ../lib/box
load ../lib/lending
load ../lib/wire

setup_file() {
	lend_file
	local name
	for name in c3 amd; do
		box_new $name
	done
	lend_mesh c3 10.10.0.2/24
	lend_mesh amd 10.10.0.3/24
	wire_echo gk 8080
	wire_echo gk 8081 UDP
	wire_echo gk 8082
	plugin dgram <<-'EOF'
		#!/bin/sh
		# sbx-opens: udp port
		# sbx-param: port int 1 65535 required
	EOF
	gk cp -a $MACROS/dgram /tmp/macros.d/
}

teardown_file() {
	box_end
}

setup() {
	lend_clean
	rm -f "$BOX_DIR"/share/*
}

teardown() {
	wire_close
}

passes() { # BOX [PORT [PROTO]]
	[ "$(echo hello | box "$1" timeout 2 socat -t.5 - "${3:-TCP}:10.10.0.1:${2:-8080},connect-timeout=1" 2>/dev/null)" = hello ]
}

revoke() {
	run_gk sbx-macroctl plain revoke --sub "$DID" "$@"
}

@test "who is granted passes, who is not is refused, other ports are nobody's business" {
	passes amd
	grant
	passes c3
	run ! passes amd
	passes amd 8082
	revoke
	run ! passes c3
	run ! passes amd
	run_gk sbx-macroctl list
	assert_eq "$output" "" "list after revoke"
	run_gk sbx-macroctl check
}

@test "a refusal is told at once, not by silence" {
	grant
	run box amd timeout 5 socat - TCP:10.10.0.1:8080
	assert_has "$output" "Connection refused" "how amd is refused"
}

@test "a datagram service is lent as well" {
	passes amd 8081 UDP
	grant kind=dgram params='{"port":8081}'
	passes c3 8081 UDP
	run ! passes amd 8081 UDP
	passes amd 8080
}

@test "M40: an open connection dies at the first packet after revoke" {
	gk nft -f - <<-'EOF'
		table inet host { chain input { type filter hook input priority -100
			ct state established,related accept
			}
		}
	EOF
	grant
	wire_open c3
	revoke
	wire_say c3 two
	within 1 wire_ended c3 || fail "the connection still lives"
	assert_lacks "$(wire_heard c3)" two "data after revoke"
}

@test "M41: an element that times out cuts the open connection too" {
	grant ttl=60
	wire_open c3
	# A minute is long: let the clock of this one element run out.
	gk nft -f - <<-'EOF'
		delete element inet sbx lend { 10.10.0.2 . tcp . 8080 }
		add element inet sbx lend { 10.10.0.2 . tcp . 8080 timeout 1s }
	EOF
	sleep 1.3
	wire_say c3 two
	within 1 wire_ended c3 || fail "the connection still lives"
	assert_lacks "$(wire_heard c3)" two "data after the end"
}

@test "one of two grants of an element keeps it open" {
	grant
	grant service="$SID2"
	revoke --service "$SID"
	passes c3
	revoke --service "$SID2"
	run ! passes c3
}

@test "revoke takes what was named and nothing else" {
	grant
	grant ip=10.10.0.3 sub="$DID2"
	grant params='{"port":8082}'
	revoke --src-ip 10.10.0.3
	assert_eq "$(elements | wc -l)" 3 "another's grant is gone"
	run_gk sbx-macroctl http-mirror revoke --sub "$DID"
	assert_eq "$(elements | wc -l)" 3 "another kind's grant is gone"
	run_gk sbx-macroctl plain revoke --sub "$DID2" --src-ip 10.10.0.3
	run ! passes amd
	passes c3
	revoke
	assert_eq "$(elements)" "" "something is left"
	assert_eq "$(gk cat /tmp/plain.revoke | grep MACRO_VERB)" MACRO_VERB=revoke "the plugin was not told"
	run_gk 2 sbx-macroctl plain revoke
}

@test "a lent port stays closed until it is forgotten" {
	grant
	run_gk 1 sbx-macroctl forget tcp 8080
	assert_has "$stderr" "lent to 10.10.0.2" "why"
	passes c3
	revoke
	run ! passes amd
	run_gk sbx-macroctl -n forget tcp 8080
	run ! passes amd
	run_gk sbx-macroctl forget udp 8080
	run ! passes amd
	run_gk sbx-macroctl forget tcp 8080
	passes amd
	run_gk sbx-macroctl forget tcp 8080
	run_gk sbx-macroctl check
	run_gk 2 sbx-macroctl forget tcp 0
	run_gk 2 sbx-macroctl forget icmp 1
	run_gk 2 sbx-macroctl forget tcp
}

@test "M37: what is not there can be revoked, and twice" {
	revoke
	grant
	revoke
	local before
	before=$(state_of)
	revoke
	assert_eq "$(state_of)" "$before" "it changed something"
	gk rm $MACROS/plain
	revoke
}

@test "a plugin that is gone does not keep its port open" {
	grant
	gk rm $MACROS/plain
	run_gk 1 sbx-macroctl plain revoke --sub "$DID"
	run ! passes c3
	assert_eq "$(elements)" "" "the element"
}

@test "M39: a renewal really lasts longer" {
	grant ttl=60
	grant ttl=6000
	assert_eq "$(gk nft -j list set inet sbx lend | jq '[.nftables[].set.elem // empty | .[].elem | .timeout, (.expires > 5990)]' -c)" \
		'[6000,true]' "the element"
	grant ttl=60
	assert_eq "$(gk nft -j list set inet sbx lend | jq '[.nftables[].set.elem // empty | .[].elem | .expires <= 60]' -c)" '[true]' "the element"
	run_gk sbx-macroctl -j list
	assert_eq "$(jq -s length <<<"$output")" 1 "grants of one service"
}

@test "M36: many at once make one element and lose no record" {
	local i args
	grant_args
	gk sh -c 'for i in $(seq 24); do sbx-macroctl -q "$@" & done; wait' sh "${args[@]}"
	assert_eq "$(elements)" '["10.10.0.2","tcp",8080]' "the elements"
	assert_eq "$(records)" 48 "records"
	run_gk sbx-macroctl check
}

@test "M36: of a grant and a revoke at once the last on record wins" {
	local i args last
	grant_args
	for i in 1 2 3 4 5 6; do
		gk sh -c 'sbx-macroctl -q "$@" & sbx-macroctl -q plain revoke --sub "$4" & wait' sh "${args[@]}"
		last=$(gk jq -r 'select(.step == "intent").do' $AUDIT | tail -n1)
		if [ "$last" = grant ]; then
			assert_ne "$(elements)" "" "granted last, but closed"
		else
			assert_eq "$(elements)" "" "revoked last, but open"
		fi
		run_gk sbx-macroctl check
	done
}

@test "M45: a table that was altered is seen, and mended by the next load" {
	local how
	grant
	for how in 'delete table inet sbx' 'flush chain inet sbx input' 'add rule inet sbx input drop' \
		'add chain inet sbx other' 'add set inet sbx other { type ipv4_addr; }' \
		'flush set inet sbx lend' 'add element inet sbx lend { 10.10.0.3 . tcp . 8080 }' \
		'add element inet sbx lend { 10.10.0.3 . tcp . 8080 timeout 5m }' \
		'flush set inet sbx ports' 'add table inet sbx { flags dormant; }' 'add counter inet sbx c' \
		'add map inet sbx m { type ipv4_addr : inet_service; }' 'flush chain inet sbx guard_in'; do
		gk nft "$how"
		run_gk 1 sbx-macroctl check
		gk nft delete table inet sbx 2>/dev/null || :
		grant
		run_gk sbx-macroctl check
	done
	gk nft insert rule inet sbx input accept
	run_gk 1 sbx-macroctl check
	grant
	run_gk sbx-macroctl check
	assert_eq "$(gk nft -a list chain inet sbx input | grep -c ' handle .*[0-9]$')" 4 "rules and their chain"
}

@test "M45: sync makes a table anew that has something foreign in it" {
	local how
	for how in 'add counter inet sbx c' 'add map inet sbx m { type ipv4_addr : inet_service; }' \
		'add chain inet sbx other' 'add table inet sbx { flags dormant; }'; do
		grant
		gk nft "$how"
		run_gk 1 sbx-macroctl check
		run_gk sbx-macroctl sync
		run_gk sbx-macroctl check
		assert_eq "$(elements)" '["10.10.0.2","tcp",8080]' "the elements after: $how"
	done
}

@test "M45: a set of another's making is not touched and nothing is granted" {
	gk nft 'add table inet sbx; add set inet sbx lend { type ipv4_addr; }'
	local before args
	before=$(gk nft list ruleset)
	grant_args
	run_gk 4 sbx-macroctl "${args[@]}"
	assert_eq "$(gk nft list ruleset)" "$before" "it was touched"
	assert_eq "$(gk tail -n1 $AUDIT | jq -r .step)" failed "the record"
	passes c3
}

@test "M5 M45: nobody else's rules are touched" {
	gk nft -f - <<-'EOF'
		table inet host {
			set s { type ipv4_addr; elements = { 192.0.2.1 }; }
			chain input { type filter hook input priority 0; policy accept; counter; }
		}
		add table ip nat
		add chain ip nat post { type nat hook postrouting priority 100; }
	EOF
	local before
	before=$(gk nft list table inet host | sed 's/packets.*//'; gk nft list table ip nat)
	grant
	revoke
	gk sbx-macroctl sync || :
	assert_eq "$(gk nft list table inet host | sed 's/packets.*//'; gk nft list table ip nat)" "$before" "another's table"
}

@test "M46: without a working nft nothing is granted" {
	local args how
	grant_args
	for how in 'exit 0' 'exit 1' 'echo "Fehler: kaputt" >&2; exit 1' 'kill -9 $$' 'yes' ; do
		gk sh -c 'mv /usr/sbin/nft /usr/sbin/nft.real; printf "#!/bin/sh\n%s\n" "$1" >/usr/sbin/nft; chmod 755 /usr/sbin/nft' sh "$how"
		run gk timeout 30 sbx-macroctl "${args[@]}"
		gk mv /usr/sbin/nft.real /usr/sbin/nft
		assert_eq "$status" 4 "status with an nft that does: $how"
		assert_eq "$(state_of)" "" "a trace"
	done
	gk mv /usr/sbin/nft /usr/sbin/nft.real
	run gk sbx-macroctl "${args[@]}"
	gk mv /usr/sbin/nft.real /usr/sbin/nft
	assert_eq "$status" 4 "status without nft"
}

@test "M48: a full set refuses, and others keep what they have" {
	grant
	gk sh -c 'for i in $(seq 0 15); do
		printf "add element inet sbx lend {"
		for j in $(seq 1 255); do printf " 10.11.%d.%d . tcp . 80 timeout 1h," $i $j; done
		echo " }"; done | nft -f -; nft add element inet sbx lend "{$(for i in $(seq 15); do
			printf " 10.12.0.%d . tcp . 80 timeout 1h," $i; done) }"'
	local args
	grant_args ip=10.10.0.3 sub="$DID2"
	run_gk 4 sbx-macroctl "${args[@]}"
	passes c3
	run ! passes amd
	# sync takes away what no grant stands behind
	run_gk sbx-macroctl sync
	assert_eq "$(elements)" '["10.10.0.2","tcp",8080]' "the elements"
}
