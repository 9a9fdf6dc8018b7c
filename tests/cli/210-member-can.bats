#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Attestations, names, and the answer to "may this one do that?"

load ../lib/helpers

setup() {
	export SBX_NOW=2026-07-01T12:00:00Z
	for n in hub ann bob; do
		node $n
		SBX_STATE=$BATS_TEST_TMPDIR/$n sbx-ledger init --no-recovery >"$BATS_TEST_TMPDIR/$n.did"
	done
	SBX_STATE=$BATS_TEST_TMPDIR/hub sbx-member invite -u 2 >"$BATS_TEST_TMPDIR/token"
	for n in ann bob; do
		SBX_STATE=$BATS_TEST_TMPDIR/$n sbx-member -q accept - <"$BATS_TEST_TMPDIR/token"
		carry $n hub
	done
	carry hub ann
	carry hub bob
}

did() {
	cat "$BATS_TEST_TMPDIR/$1.did"
}

carry() { # FROM TO
	SBX_STATE=$BATS_TEST_TMPDIR/$1 sbx-ledger export |
		SBX_STATE=$BATS_TEST_TMPDIR/$2 sbx-ledger -q import
}

later() {
	export SBX_NOW=2026-07-01T$1Z
}

@test "a member may not attest until a member attests it, an anchor may" {
	at hub sbx-member can "$(did hub)" attest
	at hub 1 sbx-member can "$(did ann)" attest
	assert_says sbx-member "no member attests"
	assert_hint sbx-member
	at hub sbx-member attest "$(did ann)" attest
	at hub sbx-member can "$(did ann)" attest
	at hub 1 sbx-member can "$(did ann)" vote
}

@test "trust is not transitive, and nobody attests itself" {
	at hub sbx-member attest "$(did ann)" vote
	carry hub ann
	at ann 2 sbx-member attest "$(did ann)" invite
	at hub 1 sbx-member can "$(did bob)" vote
	at ann sbx-member attest "$(did bob)" vote # of this act, by a member: counts
	carry ann hub
	at hub sbx-member can "$(did bob)" vote
	at hub 1 sbx-member can "$(did bob)" invite
}

@test "what one attested of another does not come to whom that one attests" {
	for act in vote invite; do
		at hub sbx-member attest "$(did ann)" $act
	done
	carry hub ann
	at ann sbx-member attest "$(did bob)" attest
	carry ann hub
	at hub sbx-member can "$(did bob)" attest
	for act in vote invite name.bind service.publish report.threat; do
		at hub 1 sbx-member can "$(did bob)" $act
		assert_says sbx-member "no member attests"
	done
	at hub sbx-member -j can "$(did bob)" attest
	assert_eq "$(jq -r '.legs[]|select(.leg=="attestation").entries|length' <<<"$output")" 1 \
		"it rests on ann's word alone"
	later 12:30:00 # and ann's word ends with ann
	at hub sbx-member revoke "$(did ann)"
	at hub 1 sbx-member can "$(did bob)" attest
}

# attest_raw NODE SUBJECT WEIGHT FROM UNTIL REVOKED: as somebody else's tool may
attest_raw() {
	printf '{"subject":"%s","context":"vote","weight":%s,"domain":"","valid_from":"%s","valid_until":%s,"revoked":%s}' \
		"$2" "$3" "$4" "$5" "$6" >"$BATS_TEST_TMPDIR/p"
	at "$1" sbx-ledger append attest "$BATS_TEST_TMPDIR/p"
}

@test "an attestation counts from its first instant to its last and not outside" {
	attest_raw hub "$(did ann)" 1 2026-07-01T13:00:00Z '"2026-07-01T14:00:00Z"' false
	for t in 12:59:59 14:00:01; do
		later $t
		at hub 1 sbx-member can "$(did ann)" vote
	done
	for t in 13:00:00 14:00:00; do
		later $t
		at hub sbx-member can "$(did ann)" vote
	done
	at hub sbx-member -j attestations -a "$(did ann)"
	assert_eq "$(jq -r .status <<<"$output")" live "inside"
	later 12:30:00
	at hub sbx-member -j attestations -a "$(did ann)"
	assert_eq "$(jq -r .status <<<"$output")" future "before"
	later 15:00:00
	at hub sbx-member -j attestations -a "$(did ann)"
	assert_eq "$(jq -r .status <<<"$output")" expired "after"
}

@test "no number of attestations that weigh nothing makes one, none makes more" {
	attest_raw hub "$(did ann)" 0 2026-07-01T12:00:00Z null false
	attest_raw bob "$(did ann)" 0.0 2026-07-01T12:00:00Z null false
	carry bob hub
	at hub 1 sbx-member can "$(did ann)" vote
	for w in -1 1e400 NaN '"1"' true; do
		printf '{"subject":"%s","context":"vote","weight":%s,"domain":"","valid_from":"2026-07-01T12:00:00Z","valid_until":null,"revoked":false}' \
			"$(did ann)" "$w" >"$BATS_TEST_TMPDIR/p"
		at hub 3 sbx-ledger append attest "$BATS_TEST_TMPDIR/p"
	done
	later 12:01:00
	attest_raw bob "$(did ann)" 1000 2026-07-01T12:00:00Z null false
	carry bob hub
	at hub sbx-member can "$(did ann)" vote # as one that weighs 1 does
	later 12:02:00
	attest_raw bob "$(did ann)" 1000 2026-07-01T12:00:00Z null true
	carry bob hub
	at hub 1 sbx-member can "$(did ann)" vote
	at hub 1 sbx-member can "$(did bob)" vote # its own is nobody's
	attest_raw bob "$(did bob)" 1 2026-07-01T12:00:00Z null false
	carry bob hub
	at hub 1 sbx-member can "$(did bob)" vote
}

@test "a stranger's attestation counts for nothing" {
	node eve
	at eve sbx-ledger init --no-recovery
	at eve sbx-member attest "$(did ann)" vote
	carry eve hub
	at hub 1 sbx-member can "$(did ann)" vote
}

@test "an attestation ends: taken back, over, its author put out" {
	at hub sbx-member attest -u 2026-07-01T13:00:00Z "$(did ann)" vote
	at hub sbx-member can "$(did ann)" vote
	later 13:00:01
	at hub 1 sbx-member can "$(did ann)" vote
	at hub sbx-member attest "$(did ann)" vote
	at hub sbx-member can "$(did ann)" vote
	later 13:30:00
	at hub sbx-member attest --revoke "$(did ann)" vote
	at hub 1 sbx-member can "$(did ann)" vote
	carry hub bob
	at bob sbx-member attest "$(did ann)" vote
	carry bob hub
	at hub sbx-member can "$(did ann)" vote
	later 14:00:00
	at hub sbx-member revoke "$(did bob)"
	at hub 1 sbx-member can "$(did ann)" vote
}

@test "a domain bounds an attestation, none covers all; weight is from 0 to 1" {
	at hub sbx-member attest -d lab "$(did ann)" invite
	at hub sbx-member can -d lab "$(did ann)" invite
	at hub 1 sbx-member can -d home "$(did ann)" invite
	at hub 1 sbx-member can "$(did ann)" invite
	at hub sbx-member attest "$(did bob)" invite
	at hub sbx-member can -d home "$(did bob)" invite
	later 12:10:00
	at hub sbx-member attest -w 0 "$(did bob)" invite
	at hub 1 sbx-member can "$(did bob)" invite
	for w in 1.5 -1 0.50 x 1e-5 2; do
		at hub 2 sbx-member attest -w "$w" "$(did bob)" invite
	done
	at hub sbx-member attest -w 0.5 "$(did bob)" vote
	at hub sbx-member -j attestations "$(did bob)"
	assert_eq "$(jq -s 'map(select(.context=="vote"))[0].weight' <<<"$output")" 0.5 "weight"
}

@test "a right that an invitation names is its inviter's attestation" {
	node cid
	at cid sbx-ledger init --no-recovery
	cid=$output
	at hub sbx-member invite -r invite,vote -d lab
	at cid sbx-member accept "$output"
	carry cid hub
	at hub sbx-member can -d lab "$cid" vote
	at hub 1 sbx-member can "$cid" vote
	at hub 1 sbx-member can -d lab "$cid" attest
}

@test "-j names each leg and the entries it rests on" {
	at hub sbx-member attest "$(did ann)" vote
	at hub sbx-member -j can "$(did ann)" vote
	assert_eq "$(jq -c '[.allowed,(.legs|map(.leg,.holds))]' <<<"$output")" \
		'[true,["name",true,"member",true,"attestation",true,"log",true]]' "legs"
	assert_eq "$(jq '.legs[1].entries|length' <<<"$output")" 2 "acceptance and invitation"
	ids=$(jq -r '.legs[].entries[]' <<<"$output")
	at hub sbx-ledger export
	for id in $ids; do
		found=$(jq -c .payload <<<"$output" | while read -r p; do
			printf %s "$p" | b2sum -l 256 | cut -d' ' -f1
		done | grep -c "$id" || :)
		assert_ne "$found" "" "no entry $id"
	done
	at hub sbx-member -v can "$(did ann)" vote
	assert_has "$output" "attestation" "-v has no leg"
	at hub 1 sbx-member -q can "$(did bob)" vote
	assert_eq "$stderr" "" "-q speaks"
}

@test "a broken entry under the decision makes it a no" {
	require python3 || return
	at hub sbx-member attest "$(did ann)" vote
	db=$BATS_TEST_TMPDIR/hub/ledger.db
	python3 - "$db" <<-'PY'
	import sqlite3, sys
	db = sqlite3.connect(sys.argv[1])
	sig = db.execute("select sig from entry where type='Attestation'").fetchone()[0]
	db.close()
	data = open(sys.argv[1], "rb").read()
	assert data.count(sig) == 1
	open(sys.argv[1], "wb").write(data.replace(sig, bytes([sig[0] ^ 1]) + sig[1:]))
	PY
	at hub 1 sbx-member can "$(did ann)" vote
	assert_says sbx-member "bad signature"
}

@test "service.use needs an address, a live offer and a live subscription" {
	at hub sbx-offer publish -k http -e 10.10.0.1:80 mirror
	carry hub ann
	at hub 1 sbx-member can "$(did ann)" service.use mirror
	assert_says sbx-member "no address on the mesh"
	printf '{"node_id":"ann","boxname":"annbox","pubkey_wg":"%s","mesh_ip":"10.10.0.2","ddns":null,"endpoint":null}' \
		"$(head -c 32 /dev/zero | base64)" >"$BATS_TEST_TMPDIR/n"
	at ann sbx-ledger append node_publish "$BATS_TEST_TMPDIR/n"
	carry ann hub
	at hub 1 sbx-member can annbox service.use mirror
	assert_says sbx-member "no subscription"
	at ann sbx-offer subscribe mirror
	carry ann hub
	at hub sbx-member -v can annbox service.use mirror
	later 12:30:00
	at hub sbx-member revoke "$(did ann)"
	at hub 1 sbx-member can "$(did ann)" service.use mirror
	assert_says sbx-member "was revoked"
}

@test "an unknown action or name is the caller's mistake or a no, not a yes" {
	at hub 2 sbx-member can "$(did ann)" fly
	at hub 1 sbx-member can nobody vote
	at hub 1 sbx-member can did:plc:00000000000000000000000000000000 vote
	assert_says sbx-member "signed nothing"
}

# ---- names ----

@test "a name is shown where its did is, and with -v the did too" {
	at hub sbx-member name ann-box "$(did ann)"
	at hub sbx-member attest ann-box vote
	at hub sbx-member attestations
	assert_like "$output" $'^ann-box\tvote' "the name"
	at hub sbx-member -v attestations
	assert_has "$output" "ann-box ($(did ann))" "name and did"
	at hub sbx-member -j list
	assert_eq "$(jq -r --arg d "$(did ann)" 'select(.did==$d).name' <<<"$output")" ann-box "list"
	at hub sbx-ledger show
	assert_has "$output" ann-box "the ledger"
	at hub sbx-ledger -j status
	assert_eq "$(jq .name <<<"$output")" null "a name of nobody's"
	at hub sbx-member name hub-box "$(did hub)"
	at hub sbx-ledger -j status
	assert_eq "$(jq -r .name <<<"$output")" hub-box "its own"
	later 12:10:00
	at hub sbx-member name -d ann-box
	at hub sbx-member attestations
	assert_lacks "$output" ann-box "taken back"
}

@test "one name for two is contested, and then names neither" {
	at hub sbx-member name box "$(did ann)"
	at bob sbx-member name box "$(did bob)"
	carry bob hub
	at hub sbx-member -j names
	assert_eq "$(jq -r .status <<<"$output" | sort -u)" contested "both"
	assert_eq "$(wc -l <<<"$output")" 2 "both"
	at hub 2 sbx-member can box vote
	assert_says sbx-member contested
	at hub sbx-member attest "$(did ann)" vote
	at hub sbx-member attestations
	assert_has "$output" "box? ($(did ann))" "the did stays"
}

# record NODE BOXNAME ADDRESS
record() {
	jq -nc --arg b "$2" --arg ip "$3" --arg k "$(head -c 32 /dev/urandom | base64)" \
		'{node_id:"n",boxname:$b,pubkey_wg:$k,mesh_ip:$ip,ddns:null,endpoint:null}' >"$BATS_TEST_TMPDIR/p"
	at "$1" sbx-ledger append node_publish "$BATS_TEST_TMPDIR/p"
	carry "$1" hub
}

@test "every table shows names, and dids beside them with -v" {
	record ann annbox 10.10.0.2
	at hub sbx-member name mule "$(did bob)"
	at ann sbx-offer publish -k http -e 10.10.0.2:80 mirror
	carry hub bob && carry ann bob
	at bob sbx-offer subscribe mirror
	carry bob hub && carry bob ann
	at hub sbx-member attest annbox vote
	at hub sbx-member propose change_protocol
	id=$output
	carry hub ann && at ann sbx-member vote "$id" for && carry ann hub
	show() { # NODE NAME DID CMD...: its output
		local n=$1 name=$2 did=$3
		shift 3
		at "$n" "$@"
		assert_has "$output" "$name" "$* shows no name"
		assert_lacks "$output" "$did" "$* shows a did unasked"
		at "$n" "$1" -v "${@:2}"
		assert_has "$output" "$name ($did)" "$* -v"
	}
	show hub annbox "$(did ann)" sbx-offer list
	show hub annbox "$(did ann)" sbx-offer show mirror
	show ann mule "$(did bob)" sbx-offer subs
	show bob annbox "$(did ann)" sbx-offer subs
	show hub annbox "$(did ann)" sbx-member attestations
	show hub annbox "$(did ann)" sbx-ledger show
	at hub sbx-member tally -v "$id"
	assert_has "$output" "annbox ($(did ann))" "tally -v"
	at hub sbx-member list
	assert_like "$output" "annbox.$(did ann).member" "list: ann"
	assert_like "$output" "mule.$(did bob).member" "list: bob"
	at hub sbx-member -v can annbox service.use mirror || :
	assert_has "$output" "annbox ($(did ann))" "can -v"
}

@test "two boxes that call themselves alike are shown as contested" {
	record ann twin 10.10.0.2
	at hub sbx-member list
	assert_like "$output" "twin.$(did ann)" "one alone"
	record bob twin 10.10.0.3
	at hub sbx-member -j list
	assert_eq "$(jq -r 'select(.name!=null).name' <<<"$output")" $'twin?\ntwin?' "list"
	at hub sbx-member attest "$(did ann)" vote
	at hub sbx-member attestations
	assert_has "$output" "twin? ($(did ann))" "the did stays"
	at hub 2 sbx-member can twin vote
	assert_says sbx-member contested
	at hub sbx-member name twin "$(did ann)" # by a member: settled for her
	later 12:10:00
	at hub sbx-member attestations
	assert_like "$output" $'^twin\t' "her name"
	at hub sbx-member -j list
	assert_eq "$(jq -r --arg d "$(did bob)" 'select(.did==$d).name' <<<"$output")" "twin?" "not his"
}

@test "a box's own name that looks like another thing is none" {
	at hub sbx-member attest "$(did ann)" vote
	for n in "$(did hub)" "hub ($(did hub))" $'a\u202eb' $'a\u001b[31m' 'a b' -v; do
		later "12:$((++minute + 10)):00"
		record ann "$n" 10.10.0.2
		at hub sbx-member attestations
		assert_like "$output" "^$(did ann)" "shown as $n"
		at hub sbx-member -j list
		assert_eq "$(jq -r --arg d "$(did ann)" 'select(.did==$d).name' <<<"$output")" null "listed as $n"
	done
}

@test "a stranger's name and a wrong one are none" {
	node fay
	at fay sbx-ledger init --no-recovery
	fay=$output
	record fay nicebox 10.10.0.9
	at hub sbx-member list -a
	assert_has "$output" "$fay" "listed as observed"
	assert_lacks "$output" nicebox "by the name it gave itself"
	node eve
	at eve sbx-ledger init --no-recovery
	printf '{"did":"%s","name":"evil"}' "$(did ann)" >"$BATS_TEST_TMPDIR/p"
	at eve sbx-ledger append name_bind "$BATS_TEST_TMPDIR/p"
	carry eve hub
	at hub sbx-member names
	assert_eq "$output" "" "a stranger's"
	for n in A a -a 'a b' "$(printf 'a%.0s' {1..33})"; do
		at hub 2 sbx-member name -- "$n" "$(did ann)"
		assert_hint sbx-member
	done
	at hub 1 sbx-member name -d nobodys
	assert_says sbx-member "gave nobody that name"
}
