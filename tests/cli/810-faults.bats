#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0

load ../lib/helpers

setup() {
	export SBX_NOW=2026-07-01T12:00:00Z
	FAULTS=$BATS_TEST_DIRNAME/../faults
	D=$BATS_TEST_TMPDIR
}

each_call_fails() { # VERB
	require python3 strace
	strace -o /dev/null true 2>/dev/null || must_run "may not trace"
	SBX_TIMEOUT=300 run_sbx python3 "$FAULTS/inject.py" "$D" "$1"
	assert_has "$output" "ok: " "not every fault was tried"
}

ban() { # N: a payload
	printf '{"ban_id":"%064d","ip":"192.0.2.%d","reason":"scan","severity":1,"expires_at":null}' "$1" "$1"
}

# In a mount namespace of its own, $D/a on a disk of SIZE: sh SCRIPT there.
on_disk() { # SIZE SCRIPT
	require_root
	unshare -m true 2>/dev/null || must_run "may not mount"
	node a
	run_sbx unshare -m sh -euc "
		mount -t tmpfs -o size=$1,mode=700 disk '$D/a'
		export SBX_STATE='$D/a'
		cd '$D'
		$2"
}

@test "whichever call of an append fails, the journal is old or new" {
	each_call_fails append
}

@test "whichever call of an import fails, the journal is old or new" {
	each_call_fails import
}

@test "whichever call of a group's append fails, all of it is there or none" {
	each_call_fails group
}

@test "whichever call of a seal fails, the head is the old or the new one" {
	each_call_fails seal
}

@test "whichever call of a restore fails, the ledger is the one or the other" {
	each_call_fails restore
}

@test "whichever call of a publish fails, each file is old or new" {
	each_call_fails publish
}

@test "whichever call of an init fails, the next one makes one node" {
	each_call_fails init
}

# SQLite up to 3.51.2 may lose pages otherwise: sqlite.org/wal.html, section 11.
@test "nobody can commit while pages go from the -wal file into the database" {
	require python3 strace
	strace -o /dev/null true 2>/dev/null || must_run "may not trace"
	node a
	export SBX_STATE=$D/a
	sbx-ledger -q init --no-recovery >/dev/null
	for i in $(seq 250); do ban "$i"; echo; done >"$D/bans"
	python3 "$BATS_TEST_DIRNAME/../lib/entries.py" 3000 3 >"$D/lines"
	traced() {
		strace -f -y -e trace=fcntl,pwrite64 -o "$D/trace" sbx-ledger "$@" >/dev/null
		python3 "$BATS_TEST_DIRNAME/../lib/checkpoints.py" "$SBX_STATE/ledger.db" <"$D/trace"
	}
	read -r pages loose < <(traced append -le ban_publish <"$D/bans")
	[ "$pages" -gt 20 ] || fail "$pages pages"
	assert_eq "$loose" 0 "pages while others could commit"
	read -r pages loose < <(traced import "$D/lines")
	[ "$pages" -gt 200 ] || fail "$pages pages"
	assert_eq "$loose" 0 "pages while others could commit"
}

@test "a full disk is status 4, keeps what was there, and passes" {
	python3 "$BATS_TEST_DIRNAME/../lib/entries.py" 3000 3 >"$D/lines"
	ban 1 >"$D/ban"
	# shellcheck disable=SC2016 # the other shell's
	on_disk 600k '
		sbx-ledger init --no-recovery
		sbx-ledger publish
		sbx-ledger export >before
		rc=0; sbx-ledger import lines 2>said || rc=$?
		[ $rc -eq 4 ]
		grep -q "^sbx-ledger: 0 new" said
		dd if=/dev/zero of=a/fill 2>/dev/null || :
		rc=0; sbx-ledger append ban_publish ban >out || rc=$?
		[ $rc -eq 4 ]
		[ ! -s out ]
		sbx-ledger fsck -n
		sbx-ledger export >after
		cmp before after
		rm a/fill
		sbx-ledger append ban_publish ban
		sbx-ledger publish
		sbx-ledger fsck -n
		sbx-ledger export | cmp - a/www/export.jsonl
	'
}

@test "what cannot be written to can be read, and changes nothing" {
	ban 1 >"$D/ban"
	python3 "$BATS_TEST_DIRNAME/../lib/entries.py" 3 3 >"$D/lines"
	# shellcheck disable=SC2016 # the other shell's
	on_disk 10m '
		sbx-ledger init --no-recovery
		sbx-ledger publish
		sbx-ledger export >before
		mount -o remount,ro a
		for what in "append ban_publish ban" "import lines"; do
			rc=0; sbx-ledger $what 2>said || rc=$?
			[ $rc -eq 4 ]
			[ "$(grep -c "^sbx-ledger: " said)" -ge 1 ]
		done
		sbx-ledger fsck -n
		sbx-ledger status
		sbx-ledger export >after
		cmp before after
	'
}

@test "of several first publishers at once one makes the key and all sign with it" {
	for n in 1 2 3 4 5 6; do
		node "a$n"
		export SBX_STATE=$D/a$n
		sbx-ledger -q init --no-recovery >/dev/null
		for w in 1 2 3; do
			sbx-ledger -q publish "$SBX_STATE/www$w" 2>>"$D/said" &
		done
		wait
		assert_eq "$(cat "$D/said")" "" "one of them failed"
		for w in 1 2 3; do
			assert_eq "$(cat "$SBX_STATE/www$w/log-key")" "$(cat "$SBX_STATE/log-key")" "the key"
			assert_eq "$(head -n3 "$SBX_STATE/www$w/checkpoint")" "$(head -n3 "$SBX_STATE/head")" "the head"
		done
	done
}

@test "writers of every kind at once lose nothing and chain as one" {
	node a
	at a sbx-ledger init --no-recovery
	export SBX_STATE=$D/a
	python3 "$BATS_TEST_DIRNAME/../lib/entries.py" 2000 5 >"$D/lines"
	for w in 1 2; do
		(sed -n "$((w * 500 - 499)),\$p" "$D/lines" | sbx-ledger -q import) &
		(for n in 1 2 3 4 5; do ban $((10 * w + n)) | sbx-ledger append ban_publish; done >/dev/null) &
		(for _ in 1 2 3 4 5; do sbx-ledger -q publish; done 2>>"$D/said") &
		(for _ in 1 2 3 4; do sbx-ledger -q verify; sbx-ledger -q fsck -n; done 2>>"$D/said") &
	done
	wait
	assert_eq "$(cat "$D/said")" "" "who verifies or publishes beside a writer is told something else"
	run_sbx sbx-ledger verify
	assert_has "$output" "ok: 2011 entries" "lost, or twice"
	run_sbx sbx-ledger publish
	assert_eq "$(sha256sum <"$D/a/www/export.jsonl")" "$(sbx-ledger export | sha256sum)" "published otherwise"
	assert_eq "$(find "$D/a" -name '*.new')" "" "a draft is left"
}
