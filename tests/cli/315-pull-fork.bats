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
rewritten() { # SIZE [SECONDS [SEEN]]: which a bundle takes by a plan; not 301
	publish hub "$D/seen" # the key
	cp -a "$D/hub" "$D/twin"
	bans hub 1 $((${3:-301} - 1))
	publish hub "$D/seen"
	bans twin 301 $((299 + $1))
	publish twin "$D/again"
	ln -s seen "$W"
	fickle "$W" "${2:-.22}"
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

# What a pull of NODE has led to, and the next one will go by.
outcome() { # NODE
	SBX_STATE=$D/$1 sbx-ledger export
	SBX_STATE=$D/$1 sbx-ledger -j status | jq -S 'del(.database)'
	sqlite3 "$D/$1/ledger.db" "select did, key, note, size, hex(tree) from peer" \
		"select * from source" "select * from local where key glob 'missed*'"
	snapshot "$D/$1/forks"
}

# As if it had not been killed: ann did the same without, $D/whole is the outcome.
ends_well() { # NODE WHERE
	SBX_STATE=$D/$1 run --separate-stderr sbx-pull "$URL"
	assert_eq "$status" 1 "killed at $2, the next pull takes a rewritten log for a sound one"
	assert_has "$stderr" "rewrote its log" "killed at $2"
	outcome "$1" | diff "$D/whole" - || fail "killed at $2, the next pull ends otherwise"
}

# I31, I32
@test "killed while it reads a rewritten log, a pull loses nothing and not the flag" {
	rewritten 600
	cp -a "$D/ann" "$D/before"
	shows again
	at ann 1 sbx-pull "$URL"
	outcome ann >"$D/whole"
	# First it goes on at 301; then it reads from 0, known entries by their hashes.
	while read -r path n count; do
		rm -rf "$D/who"
		cp -a "$D/before" "$D/who"
		killed who "$path" "$n"
		at who sbx-ledger fsck -n
		assert_eq "$(SBX_STATE=$D/who sbx-ledger export | wc -l)" "$count" \
			"the entries that are there when it is killed at $path"
		assert_no_file "$D/who/forks" "evidence before it was known of a fork"
		ends_well who "$path"
		at who sbx-ledger check-proof "$D/who/${FORKS#*/}"
	done <<-END
		/tile/entries/002.p/88 1 513
		/tile/entries/000 1 601
		/tile/entries/001 2 856
		/tile/0/002.p/88 2 901
	END
	at who sbx-pull "$URL"
	assert_has "$output" "0 new, 600 known" "what comes then"
}

# I31: the head that was shown is the one to go on from only once all is kept.
@test "killed while it keeps the evidence of a fork, a pull has it whole with the next" {
	require strace
	strace -o /dev/null true 2>/dev/null || must_run "may not trace"
	rewritten 7 0 4
	shows again
	# The entries first: what is left is to read the hashes, and to flag.
	killed ann /tile/0/000.p/7 2
	cp -a "$D/ann" "$D/before"
	at ann 1 sbx-pull "$W"
	outcome ann >"$D/whole"
	for call in fsync fdatasync; do # in directories and before a rename; the ledger's
		for n in $(seq 40); do
			rm -rf "$D/who"
			cp -a "$D/before" "$D/who"
			# A sanitized build looks for leaks by ptrace(2), which strace has already.
			SBX_STATE=$D/who ASAN_OPTIONS=detect_leaks=0 run strace -o /dev/null \
				-e "trace=$call" -e "inject=$call:signal=KILL:when=$n" sbx-pull "$W"
			[ "$status" -eq 137 ] || break
			had=$(snapshot "$D/who/forks" 2>/dev/null) || had=
			SBX_STATE=$D/who run --separate-stderr sbx-pull "$W"
			[ "$status" -eq 1 ] || assert_eq "$had" "$(snapshot "$D/ann/forks")" \
				"killed at $call $n, the next pull says nothing, and this is the evidence"
			outcome who | diff "$D/whole" - || fail "killed at $call $n, the next pull ends otherwise"
		done
		assert_eq "$status" 1 "not killed at $call $n"
		[ "$n" -gt 2 ] || fail "killed $((n - 1)) times only at $call"
	done
}

# NODE's pull of the site of DIR ends where a bundle is missing.
cut_off() { # NODE DIR PATH
	shows "$2"
	echo "$3 1 404" >"$D/plan"
	at "$1" 3 sbx-pull "$URL"
	assert_has "$stderr" "is missing" "not cut off"
	: >"$D/plan"
}

# I31: whoever has it read in parts gets past what was seen of it.
@test "a log is held to the head seen last, wherever the pull of it was cut off" {
	rewritten 600 0
	bans hub 301 601
	publish hub "$D/grown"
	cp -a "$D/grown" "$D/broken"
	# All known, and in another order: what was read of the log is forgotten, the
	# head seen last is not.
	cp "$D/grown/tile/0/000" "$D/broken/tile/0/001"
	head -c 2880 "$D/grown/tile/0/000" >"$D/broken/tile/0/002.p/90"
	shows broken
	cp -a "$D/ann" "$D/far"
	at ann 3 sbx-pull "$URL"
	assert_has "$stderr" "its tiles do not give the root it signs" "not broken"
	# Or it was read further than it is shown now.
	bans hub 602 900
	publish hub "$D/longer"
	cut_off far longer /tile/entries/003.p/133
	for node in ann far; do
		cut_off $node again /tile/entries/002.p/88
		at $node 1 sbx-pull "$URL"
		assert_has "$stderr" "rewrote its log: 301 entries seen before, 600 now" "not said to $node"
		at $node sbx-ledger check-proof "$D/$node/${FORKS#*/}"
	done
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

# ann, who has seen 301 entries, pulls the site of DIR, which answers by the PLAN
# of so many words, PATH N WHAT...: what is in $status, and that no more is
# remembered or kept than goes with it.
judged() { # DIR PLAN...
	rm -rf "$D/who"
	cp -a "$D/ann" "$D/who"
	shows "$1"
	printf '%s %s %s\n' "${@:2}" >"$D/plan"
	SBX_STATE=$D/who run --separate-stderr sbx-pull "$URL"
	case $status in
	0 | 1) is=$(head -n 5 "$D/$1/checkpoint") ;;
	3) is=$(head -n 5 "$D/seen/checkpoint") ;;
	*) fail "$*: status $status: $stderr" ;;
	esac
	assert_eq "$(sqlite3 "$D/who/ledger.db" "select rtrim(note, char(10)) from peer")" "$is" \
		"$*: the status is $status, and this is the head that is remembered"
	if [ "$status" -ne 1 ]; then
		assert_no_file "$D/who/forks" "$*: evidence of what was not said"
	elif ! sbx-ledger check-proof "$D/who/${FORKS#*/}" >/dev/null; then
		fail "$*: what was said is not shown by the evidence"
	fi
}

# All entries, from elsewhere: then ann asks for no bundle, and it is the tiles
# that decide.
knows_all() {
	for n in hub twin; do
		SBX_STATE=$D/$n sbx-ledger export | SBX_STATE=$D/ann sbx-ledger -q import
	done
}

# I31
@test "whatever a site answers the second time, a fork is shown by what is signed or not told" {
	rewritten 600 0
	judged again /tile/0/001 2 flip
	assert_eq "$status" 3 "a tile that was changed is believed"
	: >"$D/plan"
	at who 1 sbx-pull "$URL"
	run_sbx sbx-ledger check-proof "$D/who/${FORKS#*/}"
	judged again /tile/entries/001 2 flip
	assert_eq "$status" 3 "a bundle that was changed is believed"
	knows_all
	for plan in "/tile/0/000 1 404" "/tile/0/000 1 $D/seen" "/tile/0/000 2 404" \
		"/tile/0/001 1 404" "/tile/0/001 2 404" "/tile/0/001 2 $D/seen" \
		"/tile/0/001 3 404" "/tile/0/001 3 flip" "/tile/0/002.p/88 2 flip" \
		"/tile/0/002.p/88 3 404" "/tile/1/000.p/2 1 404"; do
		# shellcheck disable=SC2086 # three words
		judged again $plan
		[ "$status" -ne 0 ] || fail "$plan: a rewritten log is taken for a sound one"
	done
	judged again /tile/0/000 1 "$D/seen" /tile/0/001 1 "$D/seen"
	assert_eq "$status" 3 "under another head the tiles of the log seen before are believed"
}

# I31: the bytes of a log that was rewritten, under a head of one that was not.
@test "no site is accused for tiles that are not those of its head" {
	rewritten 600 0
	bans hub 301 599
	publish hub "$D/grown"
	plan=()
	for path in /tile/0/001 /tile/0/002.p/88 /tile/entries/001 /tile/entries/002.p/88; do
		plan+=("$path" 1 "$D/again" "$path" 2 "$D/grown")
	done
	judged grown "${plan[@]}"
	assert_eq "$status" 0 "what it signs is there the second time: $stderr"
	knows_all
	for path in /tile/0/000 /tile/0/001 /tile/0/002.p/88; do
		for what in flip "$D/again"; do
			judged grown $path 1 "$what"
			[ "$status" -ne 1 ] || fail "$path $what: it is called a fork"
			judged grown $path 1 "$what" $path 2 "$D/grown"
			[ "$status" -ne 1 ] || fail "$path $what, once: it is called a fork"
		done
	done
	judged grown /tile/0/001 1 "$D/again"
	assert_eq "$status" 3 "tiles that are not those of its head are believed"
	: >"$D/plan"
	at who sbx-pull "$URL"
}
