#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# ROUNDS=N and SEED=N: how often, and which times.

load ../lib/helpers

@test "killed at any time, nothing acknowledged is lost, nothing half is published" {
	require python3
	node a
	# shellcheck disable=SC2086 # an optional argument
	SBX_TIMEOUT=$((60 + ${ROUNDS:-300})) run_sbx python3 \
		"$BATS_TEST_DIRNAME/../faults/crash.py" "$BATS_TEST_TMPDIR/a" "${ROUNDS:-300}" ${SEED:-}
	assert_has "$output" "ok: ${ROUNDS:-300} rounds" "not every round ran"
}
