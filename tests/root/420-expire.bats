#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# What the shipped sbx-expire.service runs, as the user it runs it as.

load ../lib/helpers
load ../lib/box

setup() {
	require_root
	box_new gk2
	unit=/usr/lib/systemd/system/sbx-expire.service
	start=$(box gk2 sed -n 's/^ExecStart=//p' $unit)
	user=$(box gk2 sed -n 's/^User=//p' $unit)
}

teardown() {
	box_end
}

# later SECONDS: run the service then; hub asks at that time too
later() {
	clock=SBX_NOW=$(date -u -d "now + $1 seconds" +%FT%TZ)
	# shellcheck disable=SC2086 # the command's words
	run --separate-stderr box_as gk2 "$user" env "$clock" $start
}

hub() {
	box_as gk2 sbx env ${clock:+"$clock"} "$@"
}

@test "the timer is for the service, which is what the package installs" {
	assert_eq "$user" sbx "its user"
	box gk2 grep -qx 'WantedBy=timers.target' "${unit%.service}.timer"
	box gk2 test -x "${start%% *}"
}

@test "it voids what nobody used in time, and a late comer with an early date stays out" {
	hub sbx-ledger init --no-recovery >/dev/null
	token=$(hub sbx-member invite -e 60)
	used=$(hub sbx-member invite -e 60)
	for guest in late early; do
		box gk2 sbx-ledger -q -C /tmp/$guest init --no-recovery >/dev/null
	done
	# In time, both; but of one nobody hears until it is too late.
	box gk2 sbx-member -q -C /tmp/late accept "$token"
	box gk2 sbx-member -q -C /tmp/early accept "$used"
	box gk2 sbx-ledger -C /tmp/early export | hub sbx-ledger -q import
	later 0
	assert_eq "$status$output$stderr" 0 "it is not over yet"
	later 3000 # within the hour of grace
	assert_eq "$(hub sbx-member -j invites | jq -r .status | sort | paste -sd' ')" \
		"expired used" "too soon"
	later 7200
	assert_eq "$status$stderr" 0 "it voids"
	assert_like "$output" '^[0-9a-f]{64}$' "which one is not in the journal"
	assert_eq "$(hub sbx-member -j invites | jq -r .status | sort | paste -sd' ')" \
		"revoked used" "what became of them"
	box gk2 sbx-ledger -C /tmp/late export | hub sbx-ledger -q import
	assert_eq "$(hub sbx-member -j list -a | jq -r .state | sort | paste -sd' ')" \
		"anchor member observed" "who came in"
	entries=$(hub sbx-ledger -j status | jq .entries)
	later 7800
	assert_eq "$(hub sbx-ledger -j status | jq .entries)" "$entries" "it is voided once"
}

@test "on a box that is no member it is a no, which the unit takes for done" {
	hub sbx-ledger init --no-recovery >/dev/null
	did=$(hub sbx-ledger -j whoami | jq -r .did)
	hub sbx-member trust -d "$did"
	later 0
	assert_eq "$status" 1 "its status"
	assert_has " $(box gk2 sed -n 's/^SuccessExitStatus=//p' $unit) " " 1 " "the unit fails"
}
