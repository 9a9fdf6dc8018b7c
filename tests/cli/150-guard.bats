#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# A box that was put back from a copy of itself: it signs nothing over what it
# has forgotten, and goes on when it has it back.

load ../lib/helpers

setup() {
	export SBX_NOW=2026-07-01T12:00:00Z
	D=$BATS_TEST_TMPDIR
	for n in hub ann; do
		node $n
		SBX_STATE=$D/$n sbx-ledger init --no-recovery >"$D/$n.did"
	done
}

say() { # NODE WORD...
	local n=$1
	shift
	printf '{"config_id":"%s"}\n' "$@" |
		SBX_STATE=$D/$n sbx-ledger append -l config_revoke >/dev/null
}

ledger() { # NODE ARGUMENT...
	local n=$1
	shift
	SBX_STATE=$D/$n sbx-ledger -q "$@"
}

# NODE takes what FROM has published, and publishes it.
follow() { # NODE FROM
	SBX_STATE=$D/$1 sbx-pull -q "$D/$2/www" && ledger "$1" publish
}

own() { # NODE AUTHOR: the entries of AUTHOR that NODE holds, in an order
	ledger "$1" export | grep -F "\"author\":\"$(cat "$D/$2.did")\"" | sort
}

refused() { # NODE WORDS: every way to sign
	at "$1" 1 sbx-ledger append config_revoke <<<'{"config_id":"no"}'
	assert_says sbx-ledger "$2"
	assert_hint sbx-ledger
	at "$1" 1 sbx-ledger seal
	at "$1" 1 sbx-ledger publish
	at "$1" 1 sbx-ledger publish --anew
	at "$1" 1 sbx-member invite
	at "$1" 1 sbx-member attest "$(cat "$D/ann.did")" service.publish
}

# No author says two things at once, and nobody's log contradicts itself.
no_fork() { # NODE
	assert_eq "$(ledger "$1" export | jq -r 'select(.payload_type=="SbxHead")|.author+" \(.payload.seq)"' |
		sort | uniq -d)" "" "two heads of one number at $1"
	at "$1" sbx-ledger -j status
	assert_eq "$(jq .forks <<<"$output")" 0 "$1 sees a log that contradicts itself"
	at "$1" sbx-ledger fsck -n
}

# The box that lost its newest entries has all it ever said, goes on, and ann
# sees nothing of it but another log key.
goes_on() {
	say hub after
	ledger hub seal
	ledger hub publish
	SBX_STATE=$D/ann sbx-pull -q "$D/hub/www"
	assert_eq "$(own hub hub)" "$(own ann hub)" "ann and hub differ"
	assert_has "$(own ann hub)" '"after"' "what was said since did not arrive"
	assert_has "$(own hub hub)" '"late"' "what was said before is lost"
	no_fork hub
	no_fork ann
}

# I28
@test "a restored backup signs when a peer has given back what it had said" {
	say hub one
	ledger hub seal
	ledger hub publish
	ledger hub backup "$D/copy"
	say hub two late
	ledger hub seal
	ledger hub publish
	follow ann hub
	key=$(cat "$D/hub/www/log-key")
	rm -r "$D/hub/www"
	at hub sbx-ledger restore "$D/copy"
	assert_has "$stderr" "signs nothing" "no word"
	refused hub "3 entries are missing"
	at hub sbx-pull "$D/ann/www"
	assert_has "$stderr" "3 entries of this box came back" "not said"
	goes_on
	assert_ne "$(cat "$D/hub/www/log-key")" "$key" "two orders under one log key"
}

# I28
@test "a snapshot of the whole directory put back is noticed by what a peer holds" {
	say hub one
	ledger hub seal
	ledger hub publish
	follow ann hub
	cp -a "$D/hub" "$D/before"
	say hub two late
	ledger hub seal
	ledger hub publish
	follow ann hub
	rm -r "$D/hub"
	mv "$D/before" "$D/hub"
	at hub sbx-pull "$D/ann/www"
	assert_has "$stderr" "3 entries of this box came back" "not said"
	goes_on
}

# I28
@test "what was published is there in its order: the same log goes on" {
	say hub one
	ledger hub backup "$D/copy"
	say hub two late
	ledger hub seal
	ledger hub publish
	follow ann hub
	key=$(cat "$D/hub/www/log-key")
	ledger hub restore "$D/copy"
	refused hub "3 entries are missing"
	at hub 1 sbx-ledger append config_revoke <<<'{"config_id":"no"}'
	assert_has "$stderr" "hint: put back from a backup? first sbx-pull $D/hub/www" "no way out"
	at hub sbx-pull "$D/hub/www"
	goes_on
	assert_eq "$(cat "$D/hub/www/log-key")" "$key" "another log was begun"
	assert_no_file "$D/hub/forks" "it is its own fork"
	assert_eq "$(sqlite3 "$D/hub/ledger.db" 'select count(*) from peer')" 0 "its own log is remembered as another's"
}

# I28
@test "until the peer was read to its end nothing is signed" {
	ledger hub publish
	cp -a "$D/hub" "$D/before"
	seq -f 'late%.0f' 300 >"$D/words"
	mapfile -t words <"$D/words"
	say hub late "${words[@]}"
	ledger hub publish
	SBX_STATE=$D/ann sbx-pull -q "$D/hub/www"
	ledger ann publish
	rm -r "$D/hub"
	mv "$D/before" "$D/hub"
	mv "$D/ann/www/tile/entries/001.p" "$D/away"
	at hub 3 sbx-pull "$D/ann/www"
	assert_has "$stderr" "entries of this box came back" "not said"
	refused hub "not all was fetched back"
	at hub sbx-pull "$D/hub/www" # a whole one, of somebody else
	at hub 1 sbx-ledger seal
	mv "$D/away" "$D/ann/www/tile/entries/001.p"
	at hub sbx-pull "$D/ann/www"
	goes_on
}

@test "a head that names what is nowhere holds the signing up until that is given up" {
	say hub one
	ledger hub seal
	say hub late
	ledger hub seal
	ledger hub export >"$D/all"
	rm "$D/hub/ledger.db"* "$D/hub/seal"
	ledger hub init
	grep SbxHead "$D/all" | tail -n1 >"$D/last"
	at hub sbx-ledger import "$D/last"
	assert_has "$stderr" "1 entries came back, 2 are missing" "not said"
	refused hub "2 entries are missing"
	at hub sbx-ledger import <<<'' # nothing new, and no way around it
	refused hub "2 entries are missing"
	grep -v SbxHead "$D/all" | at hub sbx-ledger import -
	refused hub "1 entries are missing"
	at hub sbx-ledger publish --lost
	say hub after
	ledger hub seal
	assert_eq "$(ledger hub export | jq -c 'select(.payload_type=="SbxHead").payload.seq' | paste -sd' ')" "2 3" "heads"
	grep SbxHead "$D/all" | at hub sbx-ledger import -
	no_fork hub
}

# I28
@test "who is signing line by line stops when entries of its own come back" {
	say hub one
	ledger hub seal
	say hub late
	ledger hub seal
	ledger hub export >"$D/all"
	rm "$D/hub/ledger.db"* "$D/hub/seal"
	ledger hub init --no-recovery
	mkfifo "$D/in"
	SBX_STATE=$D/hub sbx-ledger append -le config_revoke <"$D/in" >"$D/out" 2>"$D/said" 3>&- &
	pid=$!
	exec 9>"$D/in"
	echo '{"config_id":"before"}' >&9
	for _ in $(seq 200); do
		[ ! -s "$D/out" ] || break
		sleep .02
	done
	assert_eq "$(wc -l <"$D/out")" 1 "what was signed before"
	grep SbxHead "$D/all" | tail -n1 >"$D/last"
	at hub sbx-ledger import "$D/last"
	echo '{"config_id":"after"}' >&9
	exec 9>&-
	status=0
	wait $pid || status=$?
	assert_eq "$status" 1 "its status; it said $(cat "$D/said")"
	assert_has "$(cat "$D/said")" "has said more than its ledger holds" "it does not say why"
	assert_eq "$(wc -l <"$D/out")" 1 "what was signed in all"
	assert_lacks "$(ledger hub export)" '"after"' "it was kept"
}

# I28
@test "a key whose ledger is gone names no second first head" {
	ledger hub init 2>/dev/null
	say hub late
	ledger hub publish
	follow ann hub
	old=$(sha256sum <"$D/hub/log.key")
	rm -r "$D/hub/ledger.db"* "$D/hub/www" "$D/hub/seal" "$D/hub/head" "$D/hub/said"
	at hub sbx-ledger init
	assert_has "$stderr" "first sbx-pull" "not said"
	assert_lacks "$stderr" "recovery key, shown" "another recovery key"
	at hub sbx-pull "$D/ann/www"
	at hub sbx-ledger init
	assert_eq "$stderr" "" "a recovery key was named twice"
	ledger hub publish
	assert_ne "$(sha256sum <"$D/hub/log.key")" "$old" "another log under the same key"
	SBX_STATE=$D/ann sbx-pull -q "$D/hub/www"
	goes_on
}

@test "a witness that shows a later head of this log binds the box by it" {
	printf '[witness]\nquorum = 1\nann = %s\n' "$(cat "$D/ann.did")" >"$D/hub/sbx.conf"
	ledger hub publish
	follow ann hub
	SBX_STATE=$D/hub sbx-pull -q "$D/ann/www"
	ledger hub publish
	follow ann hub
	cp -a "$D/hub" "$D/before"
	say ann x
	ledger ann publish
	follow hub ann
	follow ann hub
	rm -r "$D/hub"
	mv "$D/before" "$D/hub"
	# None of its own entries is lost, but the order that was signed.
	node bob
	ledger bob init --no-recovery
	ledger bob publish
	SBX_STATE=$D/hub sbx-pull -q "$D/bob/www"
	at hub 1 sbx-pull "$D/ann/www"
	assert_has "$stderr" "holds a head of this log, 3 entries, that the ledger does not continue" "not said"
	at hub 1 sbx-ledger publish
	say hub late
	ledger hub publish --anew
	goes_on
}

@test "a pull that sees no key makes the box sign again all the same" {
	say hub one
	ledger hub publish
	cp -a "$D/hub" "$D/before"
	say hub late
	ledger hub publish
	follow ann hub
	rm -r "$D/hub"
	mv "$D/before" "$D/hub"
	mkdir "$D/keys"
	mv "$D/hub"/*.key "$D/keys" # as sbx-pull.service has it
	at hub sbx-pull -p "$D/ann/www"
	assert_has "$stderr" "1 entries of this box came back" "not said"
	assert_eq "$(ls "$D/hub"/*.key 2>/dev/null)" "" "a key was made"
	mv "$D/keys"/* "$D/hub"
	goes_on
}

@test "entries of this box's own that it holds already say nothing" {
	say hub one
	ledger hub export >"$D/all"
	ledger hub publish
	follow ann hub
	at hub sbx-pull "$D/ann/www"
	assert_eq "$stderr" "" "something was said"
	at hub sbx-ledger import "$D/all"
	assert_lacks "$stderr" "came back" "something was said"
	say hub two
}

# I28
@test "publish --anew killed at any step never signs again with the old key" {
	require strace
	strace -o /dev/null true 2>/dev/null || must_run "may not trace"
	node a
	at a sbx-ledger init --no-recovery
	at a sbx-ledger publish
	old=$(cat "$BATS_TEST_TMPDIR/a/log-key")
	killed=0
	for call in rename unlink fsync; do
		for n in $(seq 40); do
			rm -rf "$BATS_TEST_TMPDIR/b" && cp -a "$BATS_TEST_TMPDIR/a" "$BATS_TEST_TMPDIR/b"
			rc=0
			SBX_STATE=$BATS_TEST_TMPDIR/b strace -f -o /dev/null -e trace=$call \
				-e "inject=$call:signal=KILL:when=$n" sbx-ledger publish --anew 2>/dev/null || rc=$?
			[ "$rc" -ne 0 ] || break
			killed=$((killed + 1))
			at b sbx-ledger publish
			if ! compgen -G "$BATS_TEST_TMPDIR/b/head.*" >/dev/null; then
				assert_eq "$(cat "$BATS_TEST_TMPDIR/b/log-key")" "$old" "another key without the old head: $call $n"
			else
				assert_ne "$(cat "$BATS_TEST_TMPDIR/b/log-key")" "$old" "the old key signs a second log: $call $n"
			fi
			assert_no_file "$BATS_TEST_TMPDIR/b/anew" "the marker is left: $call $n"
			at b sbx-ledger verify
		done
	done
	[ "$killed" -gt 10 ] || fail "killed $killed times: no test"
}

# I28
@test "a state file that is empty, cut, of another type or too long is refused by name" {
	node a
	at a sbx-ledger init --no-recovery
	at a sbx-ledger seal
	at a sbx-ledger publish
	echo '{"config_id":"one"}' >"$BATS_TEST_TMPDIR/say"
	# A witness too, with what it keeps only now and then.
	node c
	SBX_STATE=$BATS_TEST_TMPDIR/c sbx-ledger init --no-recovery >/dev/null
	SBX_STATE=$BATS_TEST_TMPDIR/c sbx-ledger publish
	at a sbx-pull "$BATS_TEST_TMPDIR/c/www"
	at a sbx-ledger publish
	echo 1782907200000000 >"$BATS_TEST_TMPDIR/a/vouched"
	echo >"$BATS_TEST_TMPDIR/a/now"
	for f in said seal head log-key log.key witness-key witness.key vouched now; do
		for how in empty cut long type dir; do
			rm -rf "$BATS_TEST_TMPDIR/b" && cp -a "$BATS_TEST_TMPDIR/a" "$BATS_TEST_TMPDIR/b"
			p=$BATS_TEST_TMPDIR/b/$f
			[ -e "$p" ] || p=$BATS_TEST_TMPDIR/b/secrets/$f
			[ -e "$p" ] || fail "there is no $f any more"
			case $how in
			empty) : >"$p" ;;
			cut) truncate -s $(($(stat -c %s "$p") / 2)) "$p" ;;
			long) head -c 3000000 /dev/zero | tr '\0' 7 >"$p" ;;
			type) head -c 100 /dev/urandom >"$p" ;;
			dir) rm "$p" && mkdir "$p" ;;
			esac
			for words in "append config_revoke $BATS_TEST_TMPDIR/say" publish "publish --anew" "publish --lost" seal status; do
				rc=0
				# shellcheck disable=SC2086 # words
				SBX_STATE=$BATS_TEST_TMPDIR/b sbx-ledger $words >/dev/null 2>"$BATS_TEST_TMPDIR/said" </dev/null || rc=$?
				[ "$rc" -le 4 ] || fail "$f $how: $words ended with $rc" said "$(cat "$BATS_TEST_TMPDIR/said")"
			done
			rc=0
			SBX_STATE=$BATS_TEST_TMPDIR/b sbx-pull -q -p "$BATS_TEST_TMPDIR/c/www" >/dev/null 2>"$BATS_TEST_TMPDIR/said" || rc=$?
			[ "$rc" -le 4 ] || fail "$f $how: sbx-pull -p ended with $rc" said "$(cat "$BATS_TEST_TMPDIR/said")"
		done
	done
}
