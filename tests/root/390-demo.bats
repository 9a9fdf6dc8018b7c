#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# The demo does what it says, says so when it does not, and leaves nothing.

load ../lib/helpers
load ../lib/traces

setup() {
	require_root
	require lighttpd curl jq nft sudo wg wireguard-go
	SRC=$BATS_TEST_DIRNAME/../..
	export TMPDIR=$BATS_TEST_TMPDIR
	before=$(traces "$TMPDIR")
}

# As from a terminal: a process group of its own that Ctrl-C reaches.
start() {
	env -u BATS_VERSION -u BATS_TEST_TMPDIR -u BATS_FILE_TMPDIR \
		--default-signal=INT,TERM setsid "$SRC/scripts/demo" \
		>"$TMPDIR/out" 2>&1 </dev/null 3>&- &
	demo=$!
}

# reached TEXT: it has printed that.
reached() {
	for _ in $(seq 2000); do
		grep -q "$1" "$TMPDIR/out" && return
		sleep .01
	done
	fail "it never came to: $1" out "$(cat "$TMPDIR/out")"
}

@test "every step holds, in under two minutes, and nothing is left behind" {
	start
	status=0
	SECONDS=0
	wait "$demo" || status=$?
	assert_eq "$status" 0 "not every step held: $(cat "$TMPDIR/out")"
	[ "$SECONDS" -lt 120 ] || fail "it took $SECONDS s"
	assert_eq "$(grep -c '^  held ' "$TMPDIR/out")" 6 "not six steps"
	gone "$TMPDIR" "$before"
}

@test "interrupted or terminated at any step it ends and leaves nothing" {
	for how in INT:^1 TERM:^2 INT:^3 TERM:^4 INT:^5; do
		start
		reached "${how#*:}"
		kill "-${how%:*}" -- "-$demo"
		status=0
		wait "$demo" || status=$?
		assert_ne "$status" 0 "${how%:*} at ${how#*:} counts as success"
		gone "$TMPDIR" "$before"
	done
}

@test "killed with all its children it leaves nothing" {
	start
	reached ^3
	kill -KILL "$demo"
	wait "$demo" || true
	gone "$TMPDIR" "$before"
}

@test "a step that does not hold fails the demo, and no later one is tried" {
	mkdir "$TMPDIR/tree"
	(cd "$SRC" && tar -cf - --exclude=.git --exclude=build/unit --exclude=build/asan .) |
		tar -xf - -C "$TMPDIR/tree"
	printf '#!/bin/sh\n# sbx-opens: tcp port\n# sbx-param: port int 1 65535 required\nexit 1\n' \
		>"$TMPDIR/tree/lib/macros.d/http-mirror"
	run -1 env -u BATS_VERSION "$TMPDIR/tree/scripts/demo"
	assert_like "$output" 'FAILED +4\.' "step 4 held"
	assert_like "$output" 'not reached +5\.' "step 5 was tried"
	gone "$TMPDIR" "$before"
}

@test "without rights it says so" {
	# Another number, the same file owner: the tree may lie below /root.
	run -4 unshare -U --map-user=65534 "$SRC/scripts/demo"
	assert_has "$output" "must be root" "no reason"
}
