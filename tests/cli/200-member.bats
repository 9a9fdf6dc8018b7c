#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0

load ../lib/helpers

setup() {
	export SBX_NOW=2026-07-01T12:00:00Z
	for n in hub ann bob; do
		node $n
		SBX_STATE=$BATS_TEST_TMPDIR/$n sbx-ledger init --no-recovery >"$BATS_TEST_TMPDIR/$n.did"
	done
}

did() {
	cat "$BATS_TEST_TMPDIR/$1.did"
}

carry() { # FROM TO
	SBX_STATE=$BATS_TEST_TMPDIR/$1 sbx-ledger export |
		SBX_STATE=$BATS_TEST_TMPDIR/$2 sbx-ledger -q import
}

state_of() { # NODE DID
	SBX_STATE=$BATS_TEST_TMPDIR/$1 sbx-member -j list -a |
		jq -r --arg d "$2" 'select(.did==$d).state'
}

@test "a founder invites, a box accepts, and both agree who is a member" {
	at hub sbx-member invite
	assert_like "$output" '^sbx1\.[A-Za-z0-9_-]+$' "no token"
	at ann sbx-member accept "$output"
	carry ann hub
	carry hub ann
	for n in hub ann; do
		assert_eq "$(state_of $n "$(did hub)")" anchor "hub, seen by $n"
		assert_eq "$(state_of $n "$(did ann)")" member "ann, seen by $n"
	done
	at hub sbx-ledger -j status
	a=$(jq -r .state <<<"$output")
	at ann sbx-ledger -j status
	assert_eq "$(jq -r .state <<<"$output")" "$a" "two states"
}

@test "accept takes the token from standard input too" {
	at hub sbx-member invite
	at ann sbx-member accept <<<"$output"
	carry ann hub
	assert_eq "$(state_of hub "$(did ann)")" member "not a member"
}

# I16
@test "the log gives nobody an invitation: the seed is in the token alone" {
	at hub sbx-member invite
	seed=$(cut -c6- <<<"$output" | tr _- /+ | base64 -d 2>/dev/null |
		grep -ao '"seed":"[0-9a-f]*' | cut -d'"' -f4)
	assert_like "$seed" '^[0-9a-f]{64}$' "no seed in the token"
	at hub sbx-ledger export
	assert_lacks "$output" "$seed" "the seed is in the log"
	for f in "$BATS_TEST_TMPDIR"/hub/*; do
		! grep -q "$seed" "$f" || fail "the seed is in $f"
	done
}

@test "a late, a repeated, a damaged and one's own invitation are refused" {
	at hub sbx-member invite -e 60
	token=$output
	SBX_NOW=2026-07-01T12:01:01Z at ann 1 sbx-member accept "$token"
	assert_says sbx-member "expired at 2026-07-01T12:01:00"
	at ann sbx-member accept "$token"
	at ann 1 sbx-member accept "$token"
	assert_says sbx-member "already accepted"
	at bob 3 sbx-member accept "${token:0:40}"
	assert_says sbx-member "invitation"
	at bob 3 sbx-member accept sbx1.e30
	at bob 3 sbx-member accept </dev/null
	at hub 1 sbx-member accept "$token"
	assert_says sbx-member "issued it itself"
	at bob sbx-ledger -j status
	assert_eq "$(jq .entries <<<"$output")" 1 "a refused token left a trace"
}

# I16
@test "an invitation for one lets one in, whoever asks second" {
	at hub sbx-member invite
	token=$output
	at ann sbx-member accept "$token"
	SBX_NOW=2026-07-01T12:00:05Z at bob sbx-member accept "$token"
	carry bob hub
	carry ann hub
	assert_eq "$(state_of hub "$(did ann)")" member "the first"
	assert_eq "$(state_of hub "$(did bob)")" observed "the second"
	at hub sbx-member -j invites
	assert_eq "$(jq -c '[.used,.max_uses,.status]' <<<"$output")" '[1,1,"used"]' "the count"
}

@test "an invitation of two uses lets two in" {
	at hub sbx-member invite -u 2
	for n in ann bob; do
		SBX_STATE=$BATS_TEST_TMPDIR/$n sbx-member accept "$output" 2>/dev/null
		carry $n hub
		assert_eq "$(state_of hub "$(did $n)")" member "$n"
	done
}

@test "who is not a member cannot invite or revoke" {
	at hub sbx-member invite
	at ann sbx-member accept "$output"
	at ann 1 sbx-member invite
	assert_says sbx-member "not a member"
	at ann 1 sbx-member revoke "$(did hub)"
}

@test "a revoked box is no member anywhere, and stays readable" {
	at hub sbx-member invite
	at ann sbx-member accept "$output"
	carry ann hub
	export SBX_NOW=2026-07-01T12:30:00Z
	at hub sbx-member revoke "$(did ann)" "key lost"
	carry hub ann
	assert_eq "$(state_of hub "$(did ann)")" revoked "hub"
	assert_eq "$(state_of ann "$(did ann)")" revoked "ann itself"
	at ann sbx-ledger fsck -n
}

@test "a member is shown and revoked by its name too, and it is said who that is" {
	at hub sbx-member invite
	at ann sbx-member accept "$output"
	carry ann hub
	at hub sbx-member name mule "$(did ann)"
	at hub sbx-member -j show mule
	assert_eq "$(jq -r .did <<<"$output")" "$(did ann)" "show"
	export SBX_NOW=2026-07-01T12:30:00Z
	at hub sbx-member revoke mule
	assert_says sbx-member "mule ($(did ann))"
	assert_eq "$(state_of hub "$(did ann)")" revoked "revoke"
}

@test "wrong values end with 2 and sign nothing" {
	at hub 2 sbx-member invite -u 0
	at hub 2 sbx-member invite -u x
	at hub 2 sbx-member invite -e 59
	at hub 1 sbx-member revoke nobody
	assert_says sbx-member "neither a did nor a name"
	at hub 2 sbx-member revoke -c 9 "$(did ann)"
	at hub 2 sbx-member trust hub
	at hub sbx-ledger -j status
	assert_eq "$(jq .entries <<<"$output")" 1 "something was signed"
}

# ---- invitations: their reasons ----

id_of() { # the only invitation that NODE knows
	SBX_STATE=$BATS_TEST_TMPDIR/$1 sbx-member -j invites | jq -r .invite_id
}

@test "a token that was changed on its way is refused as such" {
	at hub sbx-member invite
	token=$output
	for i in 10 60 200; do
		c=${token:$i:1}
		[ "$c" = A ] && c=B || c=A
		at bob 3 sbx-member accept "${token:0:$i}$c${token:$((i + 1))}"
		assert_says sbx-member "was changed or cut"
	done
}

@test "a used up and a revoked invitation are refused where that is known" {
	at hub sbx-member invite
	token=$output
	at ann sbx-member accept "$token"
	carry ann hub
	carry hub bob
	at bob sbx-member trust "$(did hub)"
	SBX_NOW=2026-07-01T12:00:09Z at bob 1 sbx-member accept "$token"
	assert_says sbx-member "used up"
	at hub sbx-member invite
	token=$output
	id=$(SBX_STATE=$BATS_TEST_TMPDIR/hub sbx-member -j invites |
		jq -r 'select(.status=="open").invite_id')
	at hub sbx-member revoke "$id"
	carry hub bob
	SBX_NOW=2026-07-01T12:00:09Z at bob 1 sbx-member accept "$token"
	assert_says sbx-member "was revoked"
}

@test "who holds the founder's log already can still accept" {
	at hub sbx-member invite
	token=$output
	carry hub ann
	at ann sbx-member accept "$token"
	carry ann hub
	assert_eq "$(state_of hub "$(did ann)")" member "ann is no member"
}

@test "a token under another inviter's name is refused" {
	at hub sbx-member invite
	carry hub bob
	forged=$(python3 - "$output" "$(did ann)" <<-'EOF'
	import base64, hashlib, json, sys
	raw = base64.urlsafe_b64decode(sys.argv[1][5:] + "==")[:-4]
	t = json.loads(raw)
	t["inviter"] = sys.argv[2]
	c = json.dumps(t, sort_keys=True, separators=(",", ":")).encode()
	c += hashlib.blake2b(c, digest_size=32).digest()[:4]
	print("sbx1." + base64.urlsafe_b64encode(c).decode().rstrip("="))
	EOF
	)
	at bob 1 sbx-member accept "$forged"
	assert_says sbx-member "another's"
}

@test "accept -n judges and signs nothing" {
	at hub sbx-member invite
	at ann sbx-member -n accept "$output"
	at ann sbx-ledger -j status
	assert_eq "$(jq .entries <<<"$output")" 1 "something was signed"
}

@test "an invitation taken back lets nobody in from then on" {
	at hub sbx-member invite -u 3
	token=$output
	at ann sbx-member accept "$token"
	carry ann hub
	export SBX_NOW=2026-07-01T12:10:00Z
	at hub sbx-member revoke "$(id_of hub)"
	export SBX_NOW=2026-07-01T12:20:00Z
	at bob sbx-member accept "$token"
	carry bob hub
	assert_eq "$(state_of hub "$(did ann)")" member "who came before"
	assert_eq "$(state_of hub "$(did bob)")" observed "who came after"
}

@test "an invitation that expired unused is void for a late comer with an early date" {
	at hub sbx-member invite -e 3600
	token=$output
	at bob sbx-member accept "$token" # and nobody hears of it
	export SBX_NOW=2026-07-01T13:30:00Z
	at hub sbx-member expire
	assert_eq "$output" "" "the hour of grace is not over"
	export SBX_NOW=2026-07-01T14:30:00Z
	at hub sbx-member -n expire
	at hub sbx-member expire
	assert_eq "$output" "$(id_of hub)" "what was voided"
	at hub sbx-member expire
	assert_eq "$output" "" "it is voided once"
	carry bob hub
	carry hub bob
	assert_eq "$(state_of hub "$(did bob)")" observed "hub"
	assert_eq "$(state_of bob "$(did bob)")" observed "bob itself"
}

@test "expire leaves an invitation alone that somebody used" {
	at hub sbx-member invite -u 2 -e 3600
	at ann sbx-member accept "$output"
	carry ann hub
	export SBX_NOW=2026-07-01T20:00:00Z
	at hub sbx-member expire
	assert_eq "$output" "" "it was voided"
	assert_eq "$(state_of hub "$(did ann)")" member "ann"
}

# I2, I3
@test "an invitation is of so many rights, uses and days, and fits its token" {
	long=$(printf 'r%.0s' $(seq 128))
	count() { SBX_STATE=$BATS_TEST_TMPDIR/hub sbx-ledger export | wc -l; }
	before=$(count)
	at hub 2 sbx-member invite -r "$(seq -s, 65)"
	assert_says sbx-member "too many rights, or one too long"
	at hub 2 sbx-member invite -r "${long}r"
	at hub 2 sbx-member invite -r "$(for n in $(seq 60); do printf '%s,' "$n${long#?????}"; done)"
	assert_says sbx-member "too many rights for a token"
	for odd in "-u 0" "-u 1000001" "-e 59" "-e $((366 * 86400 + 1))"; do
		# shellcheck disable=SC2086 # words
		at hub 2 sbx-member invite $odd
	done
	assert_eq "$(count)" "$before" "something was signed"
	for edge in "-r $(seq -s, 64)" "-r $long" "-u 1" "-u 1000000" "-e 60" "-e $((366 * 86400))"; do
		# shellcheck disable=SC2086
		at hub sbx-member invite $edge
	done
	assert_eq "$(count)" $((before + 6)) "invitations"
}

@test "--qr shows what stdout says, and stdout has the token alone" {
	require zbarimg || return
	at hub sbx-member invite --qr
	assert_like "$output" '^sbx1\.[A-Za-z0-9_-]+$' "not the token alone"
	token=$output
	python3 - "$stderr" >"$BATS_TEST_TMPDIR/qr.pbm" <<-'EOF'
	import sys
	rows = []
	for line in sys.argv[1].split("\n"):
	    up = [c in " \u2584" for c in line]
	    down = [c in " \u2580" for c in line]
	    rows += [up, down]
	side = len(rows[0])
	rows = rows[:side]
	print("P1", side * 4, len(rows) * 4)
	for r in rows:
	    for _ in range(4):
	        print(" ".join(str(int(b)) for b in r for _ in range(4)))
	EOF
	run_sbx zbarimg -q --raw "$BATS_TEST_TMPDIR/qr.pbm"
	assert_eq "$output" "$token" "the code says something else"
}

@test "an acceptance without its proof counts only where sbx.conf says so" {
	at hub sbx-member invite
	id=$(id_of hub)
	printf '{"invite_id":"%s","inviter":"%s","domain":"","rights":[],"grafted_by":null}' \
		"$id" "$(did hub)" >"$BATS_TEST_TMPDIR/p"
	at ann sbx-ledger append -t InviteAccept invite_accept "$BATS_TEST_TMPDIR/p"
	carry ann hub
	assert_eq "$(state_of hub "$(did ann)")" observed "by default"
	printf '[members]\naccept_unproven = yes\n' >"$BATS_TEST_TMPDIR/hub/sbx.conf"
	assert_eq "$(state_of hub "$(did ann)")" member "where it is allowed"
	printf '[members]\naccept_unproven = maybe\n' >"$BATS_TEST_TMPDIR/hub/sbx.conf"
	at hub 2 sbx-member list
	assert_says sbx-member "sbx.conf:2: accept_unproven: maybe: not yes or no"
}

# ---- removal ----

@test "who was put out comes back by a new invitation, not by an old one" {
	at hub sbx-member invite -u 5
	old=$output
	at ann sbx-member accept "$old"
	carry ann hub
	export SBX_NOW=2026-07-01T12:10:00Z
	at hub sbx-member revoke "$(did ann)"
	export SBX_NOW=2026-07-01T12:20:00Z
	at ann 1 sbx-member accept "$old"
	assert_says sbx-member "already accepted"
	export SBX_NOW=2026-07-01T12:30:00Z
	at hub sbx-member invite
	export SBX_NOW=2026-07-01T12:31:00Z
	at ann sbx-member accept "$output"
	carry ann hub
	assert_eq "$(state_of hub "$(did ann)")" member "readmitted"
}

@test "an offer ends with its author's membership and does not come back with it" {
	offers() {
		SBX_STATE=$BATS_TEST_TMPDIR/hub sbx-offer -j list -a 2>/dev/null ||
			SBX_STATE=$BATS_TEST_TMPDIR/hub sbx-offer -j list
	}
	at hub sbx-member invite
	at ann sbx-member accept "$output"
	carry ann hub
	carry hub ann
	at ann sbx-offer publish -k http -e 10.10.0.2:80 mirror
	carry ann hub
	assert_eq "$(offers | jq -r .member)" true "before"
	export SBX_NOW=2026-07-01T12:10:00Z
	at hub sbx-member revoke "$(did ann)"
	assert_ne "$(offers | jq -r .member)" true "after"
	export SBX_NOW=2026-07-01T12:30:00Z
	at hub sbx-member invite
	export SBX_NOW=2026-07-01T12:31:00Z
	at ann sbx-member accept "$output"
	carry ann hub
	assert_eq "$(state_of hub "$(did ann)")" member "readmitted"
	assert_ne "$(offers | jq -r .member)" true "the old offer is over"
	carry hub ann
	export SBX_NOW=2026-07-01T12:40:00Z
	at ann sbx-offer publish -k http -e 10.10.0.2:81 mirror
	carry ann hub
	assert_eq "$(offers | jq -r .member)" true "a new one counts"
}

@test "the last anchor does not remove itself without -f" {
	at hub 1 sbx-member revoke "$(did hub)"
	assert_says sbx-member "last anchor"
	assert_hint sbx-member
	export SBX_NOW=2026-07-01T12:10:00Z
	at hub sbx-member revoke -f "$(did hub)"
	assert_eq "$(state_of hub "$(did hub)")" revoked "with -f"
}

@test "a revocation that nobody would heed is not signed unasked" {
	for n in ann bob; do
		at hub sbx-member invite
		at $n sbx-member accept "$output"
		pull hub $n
	done
	pull ann hub
	export SBX_NOW=2026-07-01T12:05:00Z
	at ann sbx-member invite -u 2
	pull hub ann
	export SBX_NOW=2026-07-01T12:10:00Z
	at ann 1 sbx-member revoke "$(did bob)"
	assert_says sbx-member "neither above it nor an anchor"
	assert_hint sbx-member
	at ann 1 sbx-member revoke "$(did hub)"
	at hub 1 sbx-member revoke "$(printf 'a%.0s' {1..64})"
	assert_says sbx-member "no such invitation"
	at hub 1 sbx-member revoke did:plc:00000000000000000000000000000000
	assert_says sbx-member "not a member"
	pull bob hub
	id=$(SBX_STATE=$BATS_TEST_TMPDIR/hub sbx-member -j invites |
		jq -r --arg a "$(did ann)" 'select(.inviter==$a).invite_id')
	at bob 1 sbx-member revoke "$id"
	assert_says sbx-member "neither above it nor an anchor"
	at bob sbx-member revoke -f "$id" # and nobody heeds it
	pull hub bob
	at hub sbx-member -j invites
	assert_eq "$(jq -r --arg i "$id" 'select(.invite_id==$i).status' <<<"$output")" open "its status"
	at ann sbx-member revoke "$id"
	at ann sbx-member revoke "$(did ann)"
}

@test "of two anchors one may go" {
	at hub sbx-member trust "$(did ann)"
	export SBX_NOW=2026-07-01T12:10:00Z
	at hub sbx-member revoke "$(did hub)"
	assert_eq "$(state_of hub "$(did hub)")" revoked "hub"
}

# ---- several nodes, by files ----

# pull TO FROM...: what they hold, as files
pull() {
	local to=$1 from
	shift
	for from; do
		SBX_STATE=$BATS_TEST_TMPDIR/$from sbx-ledger export >"$BATS_TEST_TMPDIR/$from.jsonl"
		SBX_STATE=$BATS_TEST_TMPDIR/$to sbx-pull -q "$BATS_TEST_TMPDIR/$from.jsonl"
	done
}

state_hash() {
	SBX_STATE=$BATS_TEST_TMPDIR/$1 sbx-ledger -j status | jq -r .state
}

# I14 I16
@test "of two that race for the last use every node names the same winner" {
	node cid
	SBX_STATE=$BATS_TEST_TMPDIR/cid sbx-ledger init --no-recovery >"$BATS_TEST_TMPDIR/cid.did"
	at hub sbx-member invite
	third=$output
	at hub sbx-member invite -u 2
	token=$output
	at cid sbx-member accept "$third"
	for n in ann bob; do # at one instant, and one use is left
		at $n sbx-member accept "$token"
	done
	node dan
	SBX_STATE=$BATS_TEST_TMPDIR/dan sbx-ledger init --no-recovery >"$BATS_TEST_TMPDIR/dan.did"
	SBX_NOW=2026-07-01T11:59:59Z at dan sbx-member accept "$token" # by its clock before it was made
	pull cid bob hub ann dan # four orders of hearing of it
	pull ann dan cid bob hub
	pull bob hub ann cid dan
	pull hub dan ann bob cid
	pull dan bob cid ann hub
	pull hub bob
	won=$(SBX_STATE=$BATS_TEST_TMPDIR/hub sbx-member -j list | jq -r .did | sort)
	for n in ann bob cid dan hub; do
		assert_eq "$(SBX_STATE=$BATS_TEST_TMPDIR/$n sbx-member -j list | jq -r .did | sort)" \
			"$won" "members, says $n"
		assert_eq "$(state_hash $n)" "$(state_hash hub)" "state of $n"
	done
	assert_eq "$(SBX_STATE=$BATS_TEST_TMPDIR/hub sbx-member -j invites |
		jq -c 'select(.max_uses==2)|[.used,.status]')" '[2,"used"]' "two of three"
}

@test "what the revoked signed stays readable everywhere, and is answered for" {
	at hub sbx-member invite
	at ann sbx-member accept "$output"
	pull hub ann
	pull ann hub
	at ann sbx-offer publish -k http -e 10.10.0.2:80 mirror
	pull hub ann
	export SBX_NOW=2026-07-01T12:30:00Z
	at hub sbx-member revoke "$(did ann)" "box lost"
	before=$(SBX_STATE=$BATS_TEST_TMPDIR/hub sbx-ledger -j status | jq .entries)
	export SBX_NOW=2026-07-01T13:00:00Z
	at ann sbx-offer publish -k http -e 10.10.0.2:81 late # it has not heard
	at ann sbx-member invite
	token=$output
	at bob sbx-member accept "$token"
	for from in ann bob; do
		pull hub $from
	done
	at hub sbx-ledger show
	assert_has "$output" ServiceOffer "its entries are gone"
	at hub sbx-offer -j list -a
	assert_eq "$(jq -r .member <<<"$output" | sort -u)" false "an offer of its counts"
	assert_eq "$(state_of hub "$(did bob)")" observed "its guest of after that"
	at hub 1 sbx-offer subscribe late
	[ "$(SBX_STATE=$BATS_TEST_TMPDIR/hub sbx-ledger -j status | jq .entries)" -gt "$before" ] ||
		fail "what it signs is not kept"
	at hub sbx-ledger fsck -n
	pull ann hub
	at ann 1 sbx-member invite
	assert_says sbx-member "not a member"
}

@test "a new key is for the old one everywhere, and may take back what that invited to" {
	for n in old new; do node $n; done
	at old sbx-ledger init
	recovery=$(grep -Eo '[0-9a-f]{64}' <<<"$stderr")
	old=$(head -n1 <<<"$output")
	at new sbx-ledger init --no-recovery
	new=$output
	at hub sbx-member invite
	at old sbx-member -q accept "$output"
	pull old hub
	export SBX_NOW=2026-07-01T12:10:00Z
	at old sbx-ledger seal
	at old sbx-member invite -u 2
	stolen=$output
	at bob sbx-member accept "$stolen"
	pull hub old bob
	assert_eq "$(state_of hub "$(did bob)")" member "bob came in by it"
	pull new hub
	export SBX_NOW=2026-07-01T13:00:00Z
	at new sbx-member trust "$(did hub)"
	at new sbx-member trust -d "$new"
	at new sbx-member rotate "$old" <<<"$recovery"
	export SBX_NOW=2026-07-01T13:10:00Z
	at ann sbx-member accept "$stolen"
	pull hub new ann
	assert_eq "$(state_of hub "$old")" revoked "the old key"
	assert_eq "$(state_of hub "$new")" member "the new key"
	assert_eq "$(state_of hub "$(did ann)")" observed "by what is left of it"
	id=$(SBX_STATE=$BATS_TEST_TMPDIR/new sbx-member -j invites |
		jq -r --arg o "$old" 'select(.inviter==$o).invite_id')
	at new sbx-member revoke -c 1 "$id"
	pull hub new
	pull bob hub
	for n in hub new bob; do
		assert_eq "$(state_of $n "$(did bob)")" observed "whom the thief let in, says $n"
	done
	at hub 1 sbx-member can "$old" attest
	assert_says sbx-member "gave its place on 2026-07-01T13:00:00 to $new"
}
