# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash disable=SC2034,SC2154
# A box that lends, gk (10.10.0.1), and what to ask it.  Load after helpers
# and box.
#
#	lend_file		in setup_file: make gk for all tests of a file
#	lend_clean		in setup: gk as it was then
#	gk CMD...		in gk, as root; run_gk [RC] CMD... as run_sbx
#	grant [OPTION=VALUE]...	a good request, changed by what is given
#				("ttl=60", "sub=" leaves an option out, and
#				"kind=", "plus=WORD" adds a word)
#	refused RC WORDS [OPTION=VALUE]...	it is, with RC and WORDS, one
#				record, and nothing else changed
#	plugin NAME [MODE] <TEXT	put a plugin into gk

DID=did:plc:0123456789abcdef0123456789abcdef
DID2=did:plc:fedcba9876543210fedcba9876543210
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
	gk sh -c 'rm -rf /var/lib/sbx/* && cp -a /usr/lib/sbx/macros.d /tmp/macros.d'
	export LEND_DIR=$BOX_DIR
}

# The mesh interface of a box, here a cable.
lend_mesh() {
	box_link "$1" "$2" && box "$1" sh -c 'ip link set eth0 down &&
		ip link set eth0 name wg-mesh && ip link set wg-mesh up'
}

lend_clean() {
	BOX_DIR=$LEND_DIR # box.bash starts every test with none
	gk sh -c 'nft flush ruleset; rm -rf /var/log/sbx /etc/sbx/sbx.conf \
		/run/sbx/macro /tmp/plain.* /usr/lib/sbx/macros.d /var/lib/sbx/*
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
	local args
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
