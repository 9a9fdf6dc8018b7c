#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Boxes whose clocks are wrong: behind, ahead, and put right again.

load ../lib/helpers

setup() {
	export SBX_NOW=2026-07-01T12:00:00Z
	D=$BATS_TEST_TMPDIR
	for n in hub ann bob; do
		node $n
		SBX_STATE=$D/$n sbx-ledger init --no-recovery >"$D/$n.did"
	done
}

did() {
	cat "$D/$1.did"
}

carry() { # FROM TO; 1: something of it is held until its time
	SBX_STATE=$D/$1 sbx-ledger export | SBX_STATE=$D/$2 sbx-ledger -q import || [ $? -eq 1 ]
}

exchange() { # ONE OTHER
	carry "$1" "$2"
	carry "$2" "$1"
}

join() { # GUEST HOST
	at "$2" sbx-member invite
	at "$1" sbx-member accept "$output"
	exchange "$1" "$2"
}

at_time() { # TIME NODE [RC] TOOL ARGS...
	local SBX_NOW=$1
	export SBX_NOW
	shift
	at "$@"
}

@test "a box at 1970 knows its own entries when they come back" {
	join ann hub
	for form in export publish; do
		case $form in
		export) SBX_STATE=$D/hub sbx-ledger export >"$D/all" ;;
		publish)
			at hub sbx-ledger publish "$D/www"
			ln -sfn "$D/www" "$D/all"
			;;
		esac
		at_time 1970-01-01T00:02:00Z ann sbx-pull "$D/all"
		assert_lacks "$stderr" "came back" "its own entries are new to it, by $form"
	done
	at ann sbx-ledger -j status
	assert_eq "$(jq -r .signing <<<"$output")" yes "it signs nothing any more"
	at ann sbx-offer publish -k http -e 10.10.0.2:80 mirror
}

members() { # NODE
	SBX_STATE=$D/$1 sbx-member -j list | jq -r 'select(.state!="revoked").did' | sort | tr '\n' ' '
}

size() {
	SBX_STATE=$D/$1 sbx-ledger -j status | jq .entries
}

@test "a guest whose clock is behind its inviter's joins, and is told by how much" {
	at hub sbx-member invite -e 3600
	token=$output
	at_time 2026-07-01T11:59:59Z ann sbx-member accept "$token"
	assert_has "$stderr" "clock is 1 s behind" "a second"
	at hub sbx-member invite -e 3600
	at_time 2026-07-01T11:51:30Z bob sbx-member accept "$output"
	assert_has "$stderr" "clock is 8 min behind" "minutes"
	exchange ann hub
	exchange bob hub
	for n in hub ann bob; do
		assert_has "$(members hub)" "$(did $n)" "$n is no member"
	done
}

@test "a guest whose clock is too far behind is told so, signs nothing, and can try again" {
	at hub sbx-member invite -e 3600
	token=$output
	for now in 2026-07-01T11:00:00Z 1970-01-01T00:02:00Z; do
		before=$(size ann)
		at_time $now ann 4 sbx-member accept "$token"
		assert_has "$stderr" "behind the invitation, which was made at 2026-07-01T12:00:00" $now
		assert_hint sbx-member
		assert_eq "$(size ann)" "$before" "something was signed"
	done
	at ann sbx-member accept "$token"
	exchange ann hub
	assert_has "$(members hub)" "$(did ann)" "ann is no member"
}

@test "an acceptance dated ahead is said once more when the clock is right" {
	at hub sbx-member invite -e 3600
	token=$output
	at_time 2026-07-01T12:45:00Z ann sbx-member accept "$token"
	exchange ann hub
	assert_lacks "$(members hub)" "$(did ann)" "not before its time"
	at ann 4 sbx-member invite
	assert_has "$stderr" "clock is 45 min behind" "an act before it has joined"
	at ann 4 sbx-offer publish -k http -e 10.10.0.2:80 mirror
	assert_hint sbx-offer
	at ann sbx-member accept "$token"
	exchange ann hub
	assert_has "$(members hub)" "$(did ann)" "ann is no member"
	at ann sbx-offer publish -k http -e 10.10.0.2:80 mirror
}

# Ann's clock is nine minutes behind the hub's, whose word hers rest on.
@test "whatever rests on another's word counts, though the clock is behind" {
	behind=2026-07-01T11:51:00Z
	join ann hub
	join bob hub
	exchange ann hub
	export SBX_NOW=2026-07-01T12:00:01Z

	at hub sbx-offer publish -k http -e 10.10.0.1:80 -m pending mirror
	at hub sbx-member propose change_protocol
	proposal=$output
	at_time $behind ann sbx-offer publish -k http -e 10.10.0.2:80 -m pending ours
	exchange ann hub
	at_time $behind ann sbx-offer subscribe mirror
	at hub sbx-offer subscribe ours
	sub=$output
	exchange ann hub
	at_time $behind ann sbx-offer approve "$sub"
	at_time $behind ann sbx-member vote "$proposal" for
	at_time $behind ann sbx-member name bobby "$(did bob)"
	at_time $behind ann sbx-member attest "$(did bob)" skilled
	exchange ann hub

	for n in ann hub; do
		SBX_STATE=$D/$n sbx-offer -j subs -a >"$D/subs"
		assert_eq "$(jq -r .status <"$D/subs" | sort | tr '\n' ' ')" \
			"live waiting " "the subscriptions, says $n"
		at $n sbx-member -j tally "$proposal"
		assert_eq "$(jq -r .votes_for <<<"$output")" 1 "the voice, says $n"
		at $n sbx-member names
		assert_has "$output" bobby "the name, says $n"
		at $n sbx-member attestations
		assert_has "$output" skilled "the attestation, says $n"
	done
	at_time $behind ann sbx-offer reject "$sub"
	exchange ann hub
	at hub sbx-offer subs -a
	assert_has "$output" rejected "the rejection"
	at_time $behind hub sbx-member revoke "$(did ann)"
	assert_lacks "$(members hub)" "$(did ann)" "the revocation"
}

@test "append dates what it signs after what that rests on" {
	join ann hub
	at hub sbx-member propose change_protocol
	exchange ann hub
	SBX_NOW=2026-07-01T11:55:00Z at ann sbx-ledger append -v proposal_vote - \
		<<<"{\"proposal_id\":\"$output\",\"choice\":\"for\"}"
	exchange ann hub
	at hub sbx-ledger export
	assert_eq "$(jq -r 'select(.payload_type=="ProposalVote").payload.voted_at' \
		<<<"$output" | cut -c 1-19)" 2026-07-01T12:00:00 "its date"
	at ann 2 sbx-ledger append ban_revoke - \
		<<<'{"ip":"192.0.2.1","revoked_at":"2026-07-01T13:00:00Z"}'
	assert_has "$stderr" "more than ten minutes ahead" "a date of the caller's"
}

@test "what was dated ahead waits everywhere, and keeps nobody from acting" {
	join ann hub
	at_time 2036-02-07T06:28:16Z ann sbx-offer publish -k http -e 10.10.0.2:80 mirror
	at_time 2036-02-07T06:28:16Z ann sbx-member name future "$(did hub)"
	exchange ann hub
	for n in ann hub; do
		at $n sbx-offer list -a
		assert_lacks "$output" mirror "before its time, says $n"
	done
	at ann sbx-ledger -j status
	assert_eq "$(jq -r .ahead <<<"$output" | cut -c 1-10)" 2036-02-07 "status"
	assert_eq "$(jq -r .signing <<<"$output")" yes "status"
	at hub sbx-ledger status
	assert_lacks "$output" ahead "the other box signed nothing ahead"

	at ann sbx-offer publish -k http -e 10.10.0.2:90 other
	assert_has "$stderr" "clock is 9 years behind" "it is told"
	at ann sbx-offer publish -k http -e 10.10.0.2:91 mirror
	at ann sbx-offer withdraw other
	at ann sbx-member name now "$(did hub)"
	at ann sbx-member name --remove future
	exchange ann hub
	for now in 2026-07-01T12:00:10Z 2036-02-08T00:00:00Z; do
		export SBX_NOW=$now
		exchange ann hub
		for n in ann hub; do
			at $n sbx-offer -j list -a
			assert_eq "$(jq -r '.endpoint+" "+.status' <<<"$output" | sort | tr '\n' ' ')" \
				"10.10.0.2:90 withdrawn 10.10.0.2:91 live " "offers at $now, says $n"
			at $n sbx-member names
			assert_lacks "$output" future "names at $now, says $n"
		done
	done
	at ann sbx-ledger fsck -n
	at ann sbx-ledger verify
}

@test "what was dated ahead is taken away before its time" {
	join ann hub
	at_time 2036-02-07T06:28:16Z ann sbx-offer publish -k http -e 10.10.0.2:80 mirror
	at hub sbx-offer publish -k http -e 10.10.0.1:80 theirs
	exchange ann hub
	at_time 2036-02-07T06:28:17Z ann sbx-offer subscribe theirs
	sub=$output
	at ann sbx-offer withdraw mirror
	at ann sbx-offer cancel "$sub"
	export SBX_NOW=2036-02-08T00:00:00Z
	exchange ann hub
	for n in ann hub; do
		at $n sbx-offer list
		assert_lacks "$output" mirror "it was withdrawn, says $n"
		at $n sbx-offer subs -a
		assert_has "$output" cancelled "says $n"
	done
}

@test "a new key is dated after what it takes the place of" {
	node old
	node new
	SBX_STATE=$D/old sbx-ledger init 2>"$D/said" >"$D/old.did"
	recovery=$(grep -o '[0-9a-f]\{64\}' "$D/said" | head -n 1)
	SBX_STATE=$D/new sbx-ledger init --no-recovery >"$D/new.did"
	join old hub
	carry hub new
	SBX_NOW=2026-07-01T11:51:00Z SBX_STATE=$D/new \
		sbx-member rotate "$(did old)" <<<"$recovery"
	exchange new hub
	assert_has "$(members hub)" "$(did new)" "the new key is no member"
	assert_lacks "$(members hub)" "$(did old)" "the old key still is one"
}
