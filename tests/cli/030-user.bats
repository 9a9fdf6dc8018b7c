#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Which user a tool works as: the one whose the state directory is.

load ../lib/helpers

# Where nobody gets to, unlike bats' own directory.
setup() {
	require_root
	require setpriv
	D=$(mktemp -d "${TMPDIR:-/tmp}/sbx-user.XXXXXX")
	chmod 755 "$D"
	mkdir -m 700 "$D/n"
	chown nobody:nogroup "$D/n"
	N=$D/n
	export SBX_STATE=$N
}

teardown() {
	[ -z "${D:-}" ] || rm -rf "$D"
}

# The tools where a plain user may run them.
plain() {
	[ -e "$D/bin" ] || {
		mkdir -m 755 "$D/bin"
		cp "$(dirname "$(command -v sbx-ledger)")"/sbx* "$D/bin/"
		cp "$(command -v sbx-mesh-up)" "$(command -v sbx-macroctl)" "$D/bin/"
	}
	local want=$1 tool=$2
	shift 2
	run_sbx "$want" setpriv --reuid "${AS:-daemon}" --regid nogroup \
		--clear-groups "$D/bin/$tool" "$@"
}

owned() { # BY-WHAT
	assert_eq "$(find "$N" ! -user nobody)" "" "$1 as root left a file of root's"
}

@test "whatever verb root runs, no file in another's directory is root's" {
	run_sbx sbx-ledger init
	owned init
	sbx-member invite >"$D/token"
	owned invite
	run_sbx sbx-offer publish -k http -e 10.10.0.1:80 mirror
	owned "offer publish"
	for v in seal publish "publish --anew" verify "verify --quick" fsck \
		"fsck -n" "backup $N/b.db" "restore $N/b.db" status export; do
		# shellcheck disable=SC2086 # words
		run_sbx sbx-ledger $v
		owned "$v"
	done
	# shellcheck disable=SC2153 # bats'
	SBX_STATE=$D/b run_sbx sbx-ledger init --no-recovery
	SBX_STATE=$D/b run_sbx sbx-member accept "$(cat "$D/token")"
	SBX_STATE=$D/b sbx-ledger export >"$D/all"
	run_sbx sbx-ledger import <"$D/all"
	owned import
	run_sbx sbx-member list
	assert_like "$output" $'\tmember\t' "it did not take part"
	for v in "propose quorum_revision" expire "trust $(SBX_STATE=$D/b sbx-ledger whoami)"; do
		# shellcheck disable=SC2086
		run_sbx sbx-member $v
		owned "$v"
	done
	run_sbx sbx-pull -p "$D/all"
	owned "pull -p"
	run_sbx sbx-offer withdraw mirror
	owned withdraw
	# And its owner, who shares nothing with root, can go on.
	AS=nobody plain 0 sbx-ledger publish
}

@test "a directory of root's is root's to work on" {
	SBX_STATE=$D/r run_sbx sbx-ledger init --no-recovery
	SBX_STATE=$D/r run_sbx sbx-ledger publish
	assert_eq "$(find "$D/r" ! -user root)" "" "another's file"
}

@test "what root's configuration names in another's directory is not opened as root" {
	run_sbx sbx-ledger init --no-recovery
	rm -f "$N/sbx.conf"
	echo "secret of root's" >"$D/secret"
	chmod 600 "$D/secret"
	ln -s "$D/secret" "$N/sbx.conf"
	run_sbx 4 sbx-ledger status
	assert_lacks "$stderr" "secret of" "it was read"
}

@test "a file of root's in there is named, with the way to mend it" {
	run_sbx sbx-ledger init --no-recovery
	chown root "$N/node.key"
	AS=nobody plain 4 sbx-member invite
	assert_has "$stderr" "$N/node.key: Permission denied" "which file"
	assert_has "$stderr" "hint: was it made by root?" "no hint"
}

@test "another user is told whose it is and what to type, by every tool" {
	run_sbx sbx-ledger init --no-recovery
	for c in "sbx-ledger status" "sbx-ledger init" "sbx-ledger publish" \
		"sbx-member list" "sbx-member invite" "sbx-offer list" \
		"sbx-pull" "sbx-why a b"; do
		# shellcheck disable=SC2086
		plain 2 $c
		assert_says "${c%% *}" "$N is user nobody's"
		assert_has "$stderr" "hint: sudo -u nobody ${c%% [ab] *}" "$c: which command"
	done
	# These need no state.
	export SBX_STATE=$D
	echo '{}' | plain 0 sbx-ledger canon
	plain 4 sbx-ledger check-proof /nonexistent
	assert_has "$stderr" "/nonexistent: No such file" "another reason"
}

@test "a group that may read reads, and is told who writes" {
	run_sbx sbx-ledger init --no-recovery
	chmod 755 "$N"
	chmod 644 "$N"/ledger.db*
	plain 0 sbx-ledger status
	plain 2 sbx-ledger seal
	assert_has "$stderr" "hint: sudo -u nobody sbx-ledger seal" "who may"
}

@test "tools of root's say so to everybody else" {
	for c in "sbx-mesh-up" "sbx-mesh-up record" "sbx-mesh-up show" "sbx-macroctl list" \
		"sbx-macroctl sync"; do
		# shellcheck disable=SC2086
		plain 2 $c
		assert_says "${c%% *}" "must be root"
		assert_has "$stderr" "hint: sudo ${c%% *}" "no command"
	done
}
