#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Truncation and silent idle, as of sealed journals (journald's FSS,
# CVE-2023-31438): who is kept from what is new, or shown the same old head for
# ever, must not take it for a log with nothing to say.

load ../lib/helpers

setup() {
	export SBX_NOW=2026-07-01T12:00:00Z
	D=$BATS_TEST_TMPDIR W=$D/www
	for n in hub ann; do
		node $n
		SBX_STATE=$D/$n sbx-ledger init --no-recovery >"$D/$n.did"
	done
}

word() { # N: an entry more of the hub's
	printf '{"config_id":"c%d"}' "$1" |
		SBX_STATE=$D/hub sbx-ledger append config_revoke >/dev/null
}

publish() { # TIME [DIR]: of 2026-07-01, or a whole one
	local at=$1
	[ ${#at} -gt 8 ] || at=2026-07-01T${at}Z
	SBX_NOW=$at SBX_STATE=$D/hub sbx-ledger publish "${2:-$W}"
}

said() { # [NOTE]: when the log's key has said that this is all
	tail -n 1 "${1:-$W/checkpoint}" | cut -d' ' -f3 | base64 -d |
		python3 -c 'import sys, datetime as d
print(d.datetime.utcfromtimestamp(int.from_bytes(sys.stdin.buffer.read()[4:12], "big")).strftime("%d %T"))'
}

# I35
@test "an idle log says so in one file, and no more often than it must" {
	for i in 1 2 3; do word $i; done
	publish 12:00:00
	files() {
		(cd "$D" && find www hub/head hub/said -type f -printf '%p %i %T@ %C@\n' | sort)
	}
	files >"$D/before"
	publish 12:59:59
	files | cmp - "$D/before" || fail "within a quarter of the time allowed something was written"
	publish 13:00:00
	files >"$D/after"
	assert_eq "$(diff "$D/before" "$D/after" | sed -n 's/^> \([^ ]*\).*/\1/p')" \
		www/checkpoint "what was written"
	assert_eq "$(said)" "01 13:00:00" "when it says so"
	printf '[pull]\nstale = 600\n' >"$D/hub/sbx.conf"
	publish 13:02:29
	assert_eq "$(said)" "01 13:00:00" "too often"
	publish 13:02:30
	assert_eq "$(said)" "01 13:02:30" "with another setting"
}

# I35
@test "a checkpoint stays within 400 bytes up to a million million entries" {
	publish 12:00:00
	size=$(stat -c %s "$W/checkpoint")
	[ $((size + 11)) -le 400 ] || fail "$size bytes with one digit"
}

# I35, I28
@test "who signs nothing does not say that this is all" {
	word 1
	publish 12:00:00
	cp -a "$D/hub" "$D/before"
	word 2
	publish 12:10:00
	cp "$D/hub/head" "$D/before/head"
	cp "$W/checkpoint" "$D/seen"
	SBX_NOW=2026-07-01T20:00:00Z at before 1 sbx-ledger publish "$W"
	cmp "$W/checkpoint" "$D/seen" || fail "an older ledger says that it is all there is"
}

# I35
@test "a clock that is put right does not make a log say an older time" {
	publish 12:09:00
	word 1
	publish 12:00:00
	assert_eq "$(said)" "01 12:09:00" "after the clock went back nine minutes"
	# Further ahead nobody believes it.
	publish 2026-07-04T00:00:00Z
	assert_eq "$(said)" "04 00:00:00" "with a clock that is days ahead"
	publish 12:30:00
	assert_eq "$(said)" "01 12:30:00" "when that is put right"
}
