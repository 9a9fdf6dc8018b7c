# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# Statements for tests.
#
#	body [CPU]		what a node may say of itself, as a line
#	members N		N members below $D, m1 to mN: a node each, whose
#				ledger is a copy of the directory of hub's
#	say NODE [CPU]		sign a Snapshot there

body() {
	printf '{"counters":{},"cpu":%d,"digest":"%064d","disk":3,"down":[],"drained":false,"endpoint":null,"entries":9,"interval":60,"load1":4,"mem":2,"peers":[],"role":"guardian","services":[],"state":"aware","temp":null,"uptime":7,"version":"1"}\n' \
		"${1:-1}" 0
}

say() {
	at "$1" sbx-ledger say -t 600 Snapshot <<<"$(body "${2:-1}")"
}

# As a founder's hub lets them in; all know all.
members() {
	local i
	for ((i = 1; i <= $1; i++)); do
		node "m$i"
		SBX_STATE=$D/m$i sbx-ledger init --no-recovery >"$D/m$i.did"
		SBX_STATE=$D/hub sbx-member invite >"$D/token"
		SBX_STATE=$D/m$i sbx-member accept <"$D/token" >/dev/null
		SBX_STATE=$D/m$i sbx-ledger export | SBX_STATE=$D/hub sbx-ledger -q import
	done
	SBX_STATE=$D/hub sbx-ledger export >"$D/all"
	for ((i = 1; i <= $1; i++)); do
		SBX_STATE=$D/m$i sbx-ledger -q import "$D/all"
	done
}
