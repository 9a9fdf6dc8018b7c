# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash disable=SC2034,SC2154
# A box that lends, gk (10.10.0.1), and what to ask it.  Load after helpers
# and box.  Its directory has two members, DID at 10.10.0.2 and DID2 at
# 10.10.0.3 (whose own ledgers are gk's /tmp/1 and /tmp/2), and two offers of
# plain's port 8080, SID and SID2.
#
#	lend_file		in setup_file: make gk for all tests of a file
#	lend_clean		in setup: gk as it was then
#	gk CMD...		in gk, as root; run_gk [RC] CMD... as run_sbx
#	no_directory		in gk, from here on
#	learn			gk hears what DID and DID2 have said, and they it
#	lends [OPTION=VALUE]...	service= is an offer of kind= and params= now
#	grant [OPTION=VALUE]...	a good request, changed by what is given
#				("ttl=60", "sub=" leaves an option out, and
#				"kind=", "plus=WORD" adds a word)
#	refused RC WORDS [OPTION=VALUE]...	it is, with RC and WORDS, one
#				record, and nothing else changed
#	plugin NAME [MODE] <TEXT	put a plugin into gk

DID=${LEND_DID-did:plc:0123456789abcdef0123456789abcdef}
DID2=${LEND_DID2-did:plc:fedcba9876543210fedcba9876543210}
SID=$(printf 'a%.0s' {1..64})
SID2=$(printf 'b%.0s' {1..64})
AUDIT=/var/log/sbx/audit.log
GRANTS=/var/log/sbx/grants
MACROS=/usr/lib/sbx/macros.d

gk() {
	box gk "$@"
}

# run_gk [RC] CMD...: as run_sbx, in gk
run_gk() {
	local want=0
	case $1 in
	[0-9])
		want=$1
		shift
		;;
	esac
	run --separate-stderr gk timeout -k 5 60 "$@"
	assert_eq "$status" "$want" "status of $*: $output $stderr"
}

plugin() {
	gk sh -c 'cat >"$1" && chmod "$2" "$1"' sh "$MACROS/$1" "${2:-755}"
}

lend_file() {
	box_new gk && box_lan && lend_mesh gk 10.10.0.1/24 || return
	plugin plain <<-'EOF'
		#!/bin/sh
		# sbx-about: for tests: tells what it was given
		# sbx-opens: tcp port
		# sbx-param: port int 1 65535 required
		# sbx-param: word text 1 20
		# sbx-param: flag bool
		env | sort >/tmp/plain.$MACRO_VERB
		[ ! -e /tmp/plain.fail.$MACRO_VERB ] || { echo "told to fail" >&2; exit 1; }
	EOF
	gk cp -a /usr/lib/sbx/macros.d /tmp/macros.d
	lend_directory
	export LEND_DIR=$BOX_DIR
}

# Of people who are members, with nodes, and of what gk offers them.
lend_directory() {
	gk sh -euc 'rm -rf /var/lib/sbx/* /etc/sbx/secrets/*
		sbx="setpriv --reuid sbx --regid sbx --init-groups"
		$sbx sbx-ledger -q init --no-recovery >/dev/null
		for n in 1 2; do
			sbx-ledger -q -C /tmp/$n init --no-recovery >/tmp/$n.did
			$sbx sbx-member invite | sbx-member -q -C /tmp/$n accept
			printf "{\"node_id\":\"n%d\",\"boxname\":\"n%d\",\"pubkey_wg\":\"%s\",\"mesh_ip\":\"10.10.0.%d\",\"ddns\":null,\"endpoint\":null}" \
				$n $n "$(wg genkey | wg pubkey)" $((n + 1)) |
				sbx-ledger -q -C /tmp/$n append node_publish >/dev/null
		done'
	learn
	lends && lends service="$SID2" && learn
	gk sh -c 'mkdir /tmp/kept; cp -a /var/lib/sbx /tmp/1 /tmp/2 /tmp/kept/'
	LEND_DID=$(gk cat /tmp/1.did)
	LEND_DID2=$(gk cat /tmp/2.did)
	export LEND_DID LEND_DID2
}

no_directory() {
	gk sh -c 'rm -rf /var/lib/sbx/*'
}

learn() {
	gk sh -euc 'sbx="setpriv --reuid sbx --regid sbx --init-groups"
		for n in 1 2; do
			sbx-ledger -C /tmp/$n export | $sbx sbx-ledger -q import
			$sbx sbx-ledger export | sbx-ledger -q -C /tmp/$n import
		done'
}

lends() {
	local service=$SID kind=plain params='{"port":8080}' mode=auto a
	for a in "$@"; do
		case $a in
		service=* | kind=* | params=* | mode=*) printf -v "${a%%=*}" %s "${a#*=}" ;;
		esac
	done
	printf '{"service_id":"%s","name":"%.8s","kind":"http","endpoint":"10.10.0.1:8080","scope":{},"approval_mode":"%s","description":"","macro":{"kind":"%s","params":%s}}' \
		"$service" "$service" "$mode" "$kind" "$params" |
		box_as gk sbx sbx-ledger -q append service_offer >/dev/null
}

# The mesh interface of a box, here a cable.
lend_mesh() {
	box_link "$1" "$2" && box "$1" sh -c 'ip link set eth0 down &&
		ip link set eth0 name wg-mesh && ip link set wg-mesh up'
}

lend_clean() {
	BOX_DIR=$LEND_DIR # box.bash starts every test with none
	gk sh -c 'nft flush ruleset; rm -rf /var/log/sbx /etc/sbx/sbx.conf \
		/run/sbx/macro /tmp/plain.* /usr/lib/sbx/macros.d /var/lib/sbx /tmp/1 /tmp/2
		cp -a /tmp/kept/sbx /var/lib/
		cp -a /tmp/kept/1 /tmp/kept/2 /tmp/
		mkdir -m 750 /var/log/sbx
		cp -a /tmp/macros.d /usr/lib/sbx/macros.d'
}

grant_args() {
	local sub=$DID ip=10.10.0.2 params='{"port":8080}' ttl=600 service=$SID
	local kind=plain verb=grant plus=() a
	for a in "$@"; do
		case $a in
		plus=*) plus+=("${a#*=}") ;;
		*) printf -v "${a%%=*}" %s "${a#*=}" ;;
		esac
	done
	args=("$kind" "$verb")
	[ -z "$sub" ] || args+=(--sub "$sub")
	[ -z "$ip" ] || args+=(--src-ip "$ip")
	[ -z "$params" ] || args+=(--params "$params")
	[ -z "$ttl" ] || args+=(--ttl "$ttl")
	[ -z "$service" ] || args+=(--service "$service")
	args+=("${plus[@]}")
}

grant() {
	local args a
	for a in "$@"; do
		case $a in
		kind=* | params=*) lends "$@" || return ;;
		esac
	done
	grant_args "$@"
	run_gk sbx-macroctl "${args[@]}"
}

state_of() {
	gk sh -c 'nft list ruleset | sed "s/expires [0-9a-z]*//"; cat /var/log/sbx/grants 2>/dev/null
		ls /run/sbx/macro 2>/dev/null; :'
}

records() {
	gk sh -c 'cat /var/log/sbx/audit.log 2>/dev/null | wc -l'
}

refused() {
	local rc=$1 words=$2 args before count
	shift 2
	grant_args "$@"
	before=$(state_of)
	count=$(records)
	run --separate-stderr gk timeout 20 sbx-macroctl "${args[@]}"
	assert_eq "$status" "$rc" "wrong status of ${args[*]@Q}: $stderr" || return
	assert_has "$stderr" "$words" "no reason for ${args[*]@Q}" || return
	assert_eq "$(state_of)" "$before" "something changed by ${args[*]@Q}" || return
	assert_eq "$(records)" $((count + 1)) "not one record of ${args[*]@Q}" || return
	assert_like "$(gk tail -n1 "$AUDIT")" '"step":"denied"' "record of ${args[*]@Q}"
}

elements() {
	gk nft -j list set inet sbx lend | jq -c '.nftables[].set.elem // empty | .[].elem.val.concat' | sort
}
