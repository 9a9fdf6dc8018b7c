#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# A log that was rewritten, while the pull that reads it is killed or the site
# changes its mind: what is said against a peer, what is remembered of it.

load ../lib/helpers
load ../lib/site

setup() {
	export SBX_NOW=2026-07-01T12:00:00Z
	D=$BATS_TEST_TMPDIR W=$D/www
	for n in hub ann; do
		node $n
		SBX_STATE=$D/$n sbx-ledger init --no-recovery >"$D/$n.did"
	done
	FORKS=ann/forks/$(cut -d: -f3 "$D/hub.did")
}

teardown() {
	stop_servers
}

bans() { # NODE FROM TO: so many entries more
	for i in $(seq "$2" "$3"); do
		printf '{"ban_id":"%064d","ip":"192.0.2.1","reason":"scan","severity":1,"expires_at":null}\n' "$i"
	done | SBX_STATE=$D/$1 sbx-ledger append --lines ban_publish >/dev/null
}

publish() { # NODE DIR
	SBX_STATE=$D/$1 sbx-ledger publish "$2"
}

# The hub's log of 301 entries at $D/seen, which ann has read; then $D/again,
# which is that log rewritten from its second entry on, of as many as told.
rewritten() { # SIZE
	publish hub "$D/seen" # the key
	cp -a "$D/hub" "$D/twin"
	bans hub 1 300
	publish hub "$D/seen"
	bans twin 301 $((299 + $1))
	publish twin "$D/again"
	ln -s seen "$W"
	fickle "$W" .25
	at ann sbx-pull "$URL"
}

shows() { # DIR: from now on
	ln -sfn "$1" "$W"
}

# The pull of NODE is killed, with all of it, where the site hangs.
killed() { # NODE PATH N: at the N-th request for it
	echo "$2 $3 hang" >"$D/plan"
	SBX_STATE=$D/$1 sbx-pull "$URL" >/dev/null 2>&1 3>&- &
	pid=$!
	for _ in $(seq 500); do
		[ ! -e "$D/hangs" ] || break
		sleep .02
	done
	assert_file "$D/hangs" "the pull does not ask $3 times for $2"
	# shellcheck disable=SC2046 # one or more
	kill -9 $pid $(pgrep -P $pid)
	wait $pid || :
	rm "$D/hangs"
	: >"$D/plan"
}

@test "a log is held to the head seen last, though its tiles were broken since" {
	rewritten 800
	# The hub's next head, whose last tile is not what it signs: what was read of
	# the log is forgotten, the head before is not.
	bans hub 301 301
	publish hub "$D/broken"
	head -c 1472 "$D/broken/tile/0/000" >"$D/broken/tile/0/001.p/46"
	shows broken
	at ann 3 sbx-pull "$URL"
	shows again
	killed ann /tile/entries/003.p/32 1
	at ann 1 sbx-pull "$URL"
	assert_has "$stderr" "rewrote its log: 301 entries seen before, 800 now" "not said"
	at ann sbx-ledger check-proof "$D/$FORKS"
}

@test "a new log under a new key is none the less no fork when its pull is killed" {
	rewritten 600
	rm -r "$D/again"
	export SBX_NOW=2026-07-01T13:00:00Z
	SBX_STATE=$D/twin sbx-ledger publish --anew "$D/again"
	shows again
	killed ann /tile/entries/001 1
	at ann sbx-pull "$URL"
	assert_has "$output" "new, 256 known" "what was stored before"
	assert_no_file "$D/ann/forks" "it was called a fork"
	# Now that log's head is the one it is held to.
	bans twin 900 900
	publish twin "$D/again"
	at ann sbx-pull "$URL"
	assert_has "$output" "1 new, 600 known" "it did not go on"
}
