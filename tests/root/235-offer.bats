#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Offers on a node that lends: what is amiss is told when they are made, and
# root closes and takes back at once, not when its timer comes by (I26).

bats_require_minimum_version 1.5.0
load ../lib/helpers
load ../lib/box
load ../lib/lending

setup_file() {
	lend_file
	gk cp -a /etc/sudoers.d/sbx /tmp/sudoers
}

teardown_file() {
	box_end
}

setup() {
	lend_clean
	gk cp -a /tmp/sudoers /etc/sudoers.d/sbx
	node 10.10.0.1
}

node() { # ADDRESS: gk's, in its record
	printf '{"node_id":"gk","boxname":"gk","pubkey_wg":"kGZLQ0X2B5hWcD0guSO+EJuuH1yx+iyeCR9NcHuxrqY=","mesh_ip":"%s","ddns":null,"endpoint":null}' "$1" |
		box_as gk sbx sbx-ledger -q append node_publish >/dev/null
}

# offer [RC] VERB ARGS...: sbx-offer, as the node's user
offer() {
	local want=0
	case $1 in [0-9])
		want=$1
		shift
		;;
	esac
	run --separate-stderr box_as gk sbx timeout 60 sbx-offer "$@"
	assert_eq "$status" "$want" "sbx-offer $*: $output $stderr"
}

publish() { # [RC] [OPTION=VALUE]...: a good offer, changed by what is given
	local want=0 a endpoint=10.10.0.1:8085 macro=plain params='{"port":8085}' description=
	case ${1-} in [0-9])
		want=$1
		shift
		;;
	esac
	for a in "$@"; do
		printf -v "${a%%=*}" %s "${a#*=}"
	done
	offer "$want" publish web --kind http --endpoint "$endpoint" --macro "$macro" \
		--params "$params" --description "$description"
}

closed() { # the ports that others than those who are granted do not reach
	gk nft -j list set inet sbx ports 2>/dev/null | jq -r '.nftables[].set.elem // empty | .[].concat | join(" ")' | sort
}

@test "publish closes the port at once, also for root who asks for it" {
	publish
	assert_eq "$stderr" "" "something is amiss"
	assert_has "$(closed)" "tcp 8085" "the closed ports"
	gk nft flush ruleset
	run_gk sbx-offer publish web --kind http --endpoint 10.10.0.1:8085 --macro plain --params '{"port":8085}'
	assert_has "$(closed)" "tcp 8085" "the closed ports"
}

@test "a port that publish cannot close is said to be open" {
	gk rm /etc/sudoers.d/sbx
	publish
	assert_has "$stderr" "tcp port 8085 is open to the whole mesh until root runs sbx-macroctl sync" "what is said"
	assert_eq "$(closed)" "" "the closed ports"
	gk cp -a /tmp/sudoers /etc/sudoers.d/sbx
	gk sh -c 'mv /usr/sbin/nft /usr/sbin/nft.real; printf "#!/bin/sh\nexit 1\n" >/usr/sbin/nft; chmod 755 /usr/sbin/nft'
	publish
	gk mv /usr/sbin/nft.real /usr/sbin/nft
	assert_has "$stderr" "tcp port 8085 is open to the whole mesh" "what is said without nft"
}

@test "-n closes nothing" {
	offer -n publish web --kind http --endpoint 10.10.0.1:8085 --macro plain --params '{"port":8085}'
	assert_eq "$(closed)$(records)" 0 "something was done"
}

@test "an offer that its plugin cannot lend is refused, by what is wrong" {
	local p before
	before=$(box_as gk sbx sbx-ledger export | wc -l)
	publish 2 params='{"port":8085,"other":1}'
	assert_has "$stderr" "no such parameter" "which"
	assert_has "$stderr" "sbx-macroctl kinds" "the hint"
	publish 2 params='{}'
	assert_has "$stderr" "parameter port: missing" "which"
	for p in 0 65536 '"8085"'; do
		publish 2 params="{\"port\":$p}"
		assert_has "$stderr" "parameter port" "port $p"
	done
	for p in 8798 8799 51822; do
		publish 2 params="{\"port\":$p}"
		assert_has "$stderr" "the mesh itself needs it" "port $p"
	done
	assert_eq "$(box_as gk sbx sbx-ledger export | wc -l)" "$before" "entries"
	assert_eq "$(closed)" "" "closed ports"
}

@test "an offer that nobody can use yet is told so, by what is missing" {
	publish macro=nosuch
	assert_has "$stderr" "macro nosuch lends nothing yet: nosuch: no such kind here" "a kind that is not here"
	publish endpoint=10.10.0.9:8085
	assert_has "$stderr" "the endpoint 10.10.0.9:8085 is not this box's address on the mesh, 10.10.0.1" "another's address"
	publish endpoint=10.10.0.1:9000
	assert_has "$stderr" "10.10.0.1:9000 has another port than plain lends, 8085" "another port"
	publish endpoint=10.10.0.11:8085
	assert_has "$stderr" "is not this box's address" "an address that begins with it"
	publish
	assert_eq "$stderr" "" "a good one"
}

@test "a box without an address, or that is no member, is told so" {
	gk sh -c 'rm -rf /var/lib/sbx && cp -a /tmp/kept/sbx /var/lib/'
	publish
	assert_has "$stderr" "no address on the mesh yet" "without an address"
	node 10.10.0.1
	box_as gk sbx sbx-member -q revoke "$DID"
	learn
	run --separate-stderr gk sbx-offer -C /tmp/1 publish web --kind http --endpoint 10.10.0.2:8085
	assert_eq "$status" 0 "$stderr"
	assert_has "$stderr" "this box is not a member: its offers are nobody's to use" "who was revoked"
}

@test "what is withdrawn or rejected is taken back at once" {
	local sub
	publish
	id=$output
	offer -q list
	gk sbx-offer -q -C /tmp/1 subscribe "$SID"
	sub=$(gk sbx-offer -C /tmp/1 -j subs | jq -r .subscription_id)
	learn
	grant
	assert_eq "$(elements)" '["10.10.0.2","tcp",8080]' "the elements"
	offer reject "$sub"
	assert_eq "$stderr" "" "something is amiss"
	assert_eq "$(elements)" "" "after the rejection"
	grant service="$SID2" sub="$DID2" ip=10.10.0.3
	offer withdraw "$SID2"
	assert_eq "$(elements)" "" "after the withdrawal"
	gk rm /etc/sudoers.d/sbx
	offer withdraw "$SID"
	assert_has "$stderr" "what is lent of it stays open until root runs sbx-macroctl sync" "what is said"
}

# The grant rests on a subscription that the request carried.
@test "why knows what is lent by a subscription that the log has not got yet" {
	why() {
		run --separate-stderr box_as gk sbx timeout 60 sbx-why "$@"
	}
	why "$DID" "$SID"
	assert_eq "$status" 1 "before any grant: $output"
	assert_has "$output" "has no subscription to it" "why not"
	assert_has "$output" "a subscription that this box has not heard of is not in this" "what it does not know"
	grant plus=--subscription plus="$(printf 'd%.0s' {1..64})"
	why "$DID" "$SID"
	assert_eq "$status" 0 "while it is lent: $output"
	assert_has "$output" "showed its subscription when it asked for the grant" "on what it rests"
	assert_lacks "$output" "sbx-offer reject" "a subscription that nobody can name"
	why -j "$DID" "$SID"
	assert_eq "$(jq .allowed <<<"$output")" true "in JSON"
	why --at 2026-07-01T00:00:00Z "$DID" "$SID"
	assert_eq "$status" 1 "at another time: $output"
	run_gk sbx-macroctl plain revoke --sub "$DID"
	why "$DID" "$SID"
	assert_eq "$status" 1 "after it was taken back: $output"
}
