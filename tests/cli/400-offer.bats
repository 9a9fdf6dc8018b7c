#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0

load ../lib/helpers

# gk2 lends, c3box borrows; both trust each other.
setup() {
	minute=0
	tick
	for n in gk2 c3box; do
		node $n
		SBX_STATE=$BATS_TEST_TMPDIR/$n sbx-ledger init --no-recovery >"$BATS_TEST_TMPDIR/$n.did"
	done
	at gk2 sbx-member trust "$(did c3box)"
	at c3box sbx-member trust "$(did gk2)"
	carry gk2 c3box
}

did() {
	cat "$BATS_TEST_TMPDIR/$1.did"
}

carry() { # FROM TO
	SBX_STATE=$BATS_TEST_TMPDIR/$1 sbx-ledger export |
		SBX_STATE=$BATS_TEST_TMPDIR/$2 sbx-ledger -q import
}

tick() { # a minute goes by
	minute=$((minute + 1))
	SBX_NOW=$(printf '2026-07-01T%02d:%02d:00Z' $((10 + minute / 60)) $((minute % 60)))
	export SBX_NOW
}

size() {
	SBX_STATE=$BATS_TEST_TMPDIR/$1 sbx-ledger -j status | jq .entries
}

publish() { # NAME [OPTIONS...]: by gk2; id is the offer's
	tick
	at gk2 sbx-offer publish "$1" --kind web --endpoint 10.10.0.1:8080 "${@:2}"
	id=$output
	carry gk2 c3box
}

subscribe() { # by c3box to $id; sub is the subscription's
	tick
	at c3box sbx-offer subscribe "$id"
	sub=$output
	carry c3box gk2
}

status_of() { # NODE: of $sub
	SBX_STATE=$BATS_TEST_TMPDIR/$1 sbx-offer -j subs -a |
		jq -r --arg s "$sub" 'select(.subscription_id==$s).status'
}

@test "publish prints the offer's id alone, and every member lists it" {
	publish mirror --macro http-mirror --params '{"port":8080}' --description 'a mirror'
	assert_like "$output" '^[0-9a-f]{64}$' "not an id alone"
	assert_has "$stderr" "macro http-mirror lends nothing yet" "no such plugin here"
	for n in gk2 c3box; do
		at $n sbx-offer -j list
		assert_eq "$(jq -r .service_id <<<"$output")" "$id" "not listed on $n"
		assert_eq "$(jq -c .macro <<<"$output")" \
			'{"kind":"http-mirror","params":{"port":8080}}' "another macro"
	done
}

@test "the id is BLAKE2b-256 of the canonical name and provider" {
	publish 'été "x"'
	want=$(python3 -c 'import sys, json, hashlib
print(hashlib.blake2b(json.dumps({"name": sys.argv[1], "provider": sys.argv[2]},
	sort_keys=True, separators=(",", ":")).encode(), digest_size=32).hexdigest())' \
		'été "x"' "$(did gk2)")
	assert_eq "$id" "$want" "another id"
}

@test "publishing the same again signs nothing and says so" {
	publish mirror --macro http-mirror --params '{"port": 8080, "on": true}'
	before=$(size gk2) first=$id
	publish mirror --params '{"on":true,"port":8080}' --macro http-mirror
	assert_eq "$id" "$first" "another id"
	assert_has "$stderr" unchanged "it does not say so"
	assert_eq "$(size gk2)" "$before" "something was signed"
}

@test "publishing with a change updates the one offer" {
	publish mirror --mode auto
	first=$id
	publish mirror --mode pending
	assert_eq "$id" "$first" "another id"
	at c3box sbx-offer -j list
	assert_eq "$(wc -l <<<"$output")" 1 "two offers"
	assert_eq "$(jq -r .approval_mode <<<"$output")" pending "the old one"
}

@test "a withdrawn offer is listed only with -a, and can come back" {
	publish mirror
	tick
	at gk2 sbx-offer withdraw mirror
	carry gk2 c3box
	at c3box sbx-offer list
	assert_eq "$output" "" "still listed"
	at c3box sbx-offer -j list -a
	assert_eq "$(jq -r .status <<<"$output")" withdrawn "not there"
	at c3box 1 sbx-offer subscribe "$id"
	assert_says sbx-offer "no such live offer"
	publish mirror
	at c3box sbx-offer -j list
	assert_eq "$(jq -r .status <<<"$output")" live "not back"
}

@test "a stranger's offer is listed only with -a and cannot be subscribed to" {
	node mallory
	at mallory sbx-ledger init --no-recovery
	tick
	at mallory sbx-offer publish free --kind web --endpoint 10.10.0.9:80
	carry mallory c3box
	at c3box sbx-offer list
	assert_eq "$output" "" "a stranger is listed"
	at c3box sbx-offer list -a
	assert_has "$output" free "it is not even observed"
	at c3box 1 sbx-offer subscribe free
}

# What one of $@, the words of publish, is refused with: status 2, one line.
refuses() {
	at gk2 2 sbx-offer publish x "$@"
	assert_says sbx-offer ""
	assert_eq "$output" "" "it prints something for $*"
}

@test "publish refuses what is no offer: status 2, nothing signed" {
	before=$(size gk2)
	refuses --endpoint 10.10.0.1:80
	refuses --kind web
	for e in 10.10.0.1 localhost:80 010.10.0.1:80 10.10.0.1:0 10.10.0.1:65536 \
		10.10.0.1:080 '[fd00::1:80' fd00::1:80 :80 '[]:80'; do
		refuses --kind web --endpoint "$e"
	done
	good=(--kind web --endpoint 10.10.0.1:80)
	refuses "${good[@]}" --mode maybe
	refuses "${good[@]}" --params '{}'
	for m in ../x Mirror a; do
		refuses "${good[@]}" --macro "$m"
	done
	for p in '[]' '{' '{"a":{}}' '{"a":1.5}' '{"a":null}' '{"a":1,"a":2}'; do
		refuses "${good[@]}" --macro m1 --params "$p"
	done
	at gk2 2 sbx-offer publish "" "${good[@]}"
	assert_eq "$(size gk2)" "$before" "something was signed"
}

@test "an IPv6 endpoint is written in brackets" {
	tick
	at gk2 sbx-offer publish six --kind web --endpoint '[fd00::1]:80'
}

@test "an offer is named by its id, a beginning of it or its name" {
	publish mirror
	for ref in "$id" "${id:0:4}" "${id:0:63}" mirror; do
		at c3box sbx-offer -j show "$ref"
		assert_eq "$(jq -r .service_id <<<"$output")" "$id" "another one for $ref"
	done
	for ref in "${id:0:3}" mirro "${id}0" '' MIRROR; do
		at c3box 1 sbx-offer show "$ref"
		assert_says sbx-offer "no such offer"
	done
}

@test "an ambiguous name is an error that lists the candidates" {
	publish mirror
	one=$id
	tick
	at c3box sbx-offer publish mirror --kind web --endpoint 10.10.0.2:80
	two=$output
	at c3box 2 sbx-offer show mirror
	assert_says sbx-offer ambiguous
	assert_has "$stderr" "${one:0:12}" "it does not name the first"
	assert_has "$stderr" "${two:0:12}" "it does not name the second"
	at c3box sbx-offer show "$one"
}

offer_as() { # NODE ID PORT: whoever has that id
	printf '{"service_id":"%s","name":"mirror","kind":"web","endpoint":"10.10.0.2:%s",
		"scope":{},"approval_mode":"auto","description":""}' "$2" "$3" |
		at "$1" sbx-ledger append service_offer
}

@test "an offer's id is its provider's alone, whoever else claims it" {
	publish mirror
	tick
	offer_as c3box "$id" 1
	at c3box sbx-offer -j show "$id"
	assert_eq "$(jq -r .endpoint <<<"$output")" 10.10.0.1:8080 "the liar's"
	at c3box sbx-offer subscribe "$id"
}

@test "an id that is no hash and that two members claim is ambiguous" {
	id=$(printf 'e%.0s' {1..64})
	offer_as gk2 "$id" 1
	offer_as c3box "$id" 2
	carry c3box gk2
	at gk2 2 sbx-offer show "$id"
	assert_says sbx-offer ambiguous
	assert_hint sbx-offer
	at gk2 sbx-offer -j show "$id@$(did gk2)"
	assert_eq "$(jq -r .endpoint <<<"$output")" 10.10.0.2:1 "the one that was named"
	at gk2 sbx-member name box2 "$(did c3box)"
	at gk2 sbx-offer -j show "mirror@box2"
	assert_eq "$(jq -r .endpoint <<<"$output")" 10.10.0.2:2 "the other"
	at gk2 1 sbx-offer show "mirror@nobody"
}

# I15: and whoever asks says so
@test "another member's offer under a loose id neither opens nor closes it" {
	id=$(printf 'e%.0s' {1..64})
	printf '{"service_id":"%s","name":"mirror","kind":"web","endpoint":"10.10.0.1:80",
		"scope":{},"approval_mode":"pending","description":""}' "$id" |
		at gk2 sbx-ledger append service_offer
	carry gk2 c3box
	subscribe
	who=$(did c3box) ours=$id@$(did gk2)
	node eve
	SBX_STATE=$BATS_TEST_TMPDIR/eve sbx-ledger init --no-recovery >"$BATS_TEST_TMPDIR/eve.did"
	at gk2 sbx-member trust "$(did eve)"
	offer_as eve "$id" 3
	printf '{"subscription_id":"%s","service_id":"%s"}' "$sub" "$id" |
		at eve sbx-ledger append service_approve
	carry eve gk2
	at gk2 1 sbx-member -j can "$who" service.use "$ours"
	assert_eq "$(jq -c '.legs[] | select(.leg=="offer" or .leg=="subscription").holds' <<<"$output" | paste -sd,)" \
		true,false "opened by another's word"
	at gk2 1 sbx-why "$who" "$ours"
	assert_has "$output" "waits for the provider's approval" "why"
	at gk2 1 sbx-member -j can "$who" service.use "$id"
	leg=$(jq -c '.legs[] | select(.leg=="offer")' <<<"$output")
	assert_has "$leg" contested "the offer that several members claim"
	assert_has "$leg" "$ours" "it does not say how to ask of one of them"
	tick
	at gk2 sbx-offer approve "$sub"
	tick
	printf '{"subscription_id":"%s","service_id":"%s"}' "$sub" "$id" |
		at eve sbx-ledger append service_reject
	carry eve gk2
	at gk2 1 sbx-member -j can "$who" service.use "$ours"
	assert_eq "$(jq -c '.legs[] | select(.leg=="offer" or .leg=="subscription").holds' <<<"$output" | paste -sd,)" \
		true,true "closed by another's word"
}

@test "an auto offer's subscription is live at once, on both sides" {
	publish mirror
	subscribe
	assert_like "$sub" '^[0-9a-f]{64}$' "not an id alone"
	for n in gk2 c3box; do
		assert_eq "$(status_of $n)" live "seen by $n"
	done
	at gk2 sbx-offer -j subs
	assert_eq "$(jq -r '.role + " " + .name' <<<"$output")" "provider mirror" "on gk2"
	at c3box sbx-offer -j subs
	assert_eq "$(jq -r '.role + " " + .name' <<<"$output")" "subscriber mirror" "on c3box"
}

@test "subscribing twice prints the one there is and signs nothing" {
	publish mirror
	subscribe
	first=$sub before=$(size c3box)
	subscribe
	assert_eq "$sub" "$first" "another one"
	assert_eq "$(size c3box)" "$before" "something was signed"
}

@test "a pending offer's subscription waits until it is approved" {
	publish mirror --mode pending
	subscribe
	assert_eq "$(status_of gk2)" waiting "not waiting"
	at gk2 sbx-offer -j subs --waiting
	assert_eq "$(jq -r .subscription_id <<<"$output")" "$sub" "not shown as waiting"
	tick
	at gk2 sbx-offer approve "${sub:0:8}"
	carry gk2 c3box
	for n in gk2 c3box; do
		assert_eq "$(status_of $n)" live "seen by $n"
	done
	at gk2 sbx-offer subs --waiting
	assert_eq "$output" "" "something still waits"
	before=$(size gk2)
	at gk2 sbx-offer approve "$sub"
	assert_has "$stderr" already "it does not say so"
	assert_eq "$(size gk2)" "$before" "something was signed"
}

@test "who was rejected is told so, and may be approved after all" {
	publish mirror
	subscribe
	tick
	at gk2 sbx-offer reject "$sub"
	carry gk2 c3box
	assert_eq "$(status_of c3box)" rejected "not rejected"
	at c3box 1 sbx-offer subscribe mirror
	assert_says sbx-offer rejected
	assert_hint sbx-offer
	tick
	at gk2 sbx-offer approve "$sub"
	carry gk2 c3box
	assert_eq "$(status_of c3box)" live "not approved"
}

@test "a rejection outlasts the subscription, until the provider lifts it" {
	publish mirror
	subscribe
	tick
	at gk2 sbx-offer reject "$sub"
	carry gk2 c3box
	printf '{"subscription_id":"%s"}' "$sub" | at c3box sbx-ledger append service_revoke_sub
	carry c3box gk2
	tick
	at c3box 1 sbx-offer subscribe mirror
	assert_says sbx-offer rejected
	at gk2 1 sbx-offer reject "$sub"
	at gk2 sbx-offer approve "$sub"
	carry gk2 c3box
	tick
	at c3box sbx-offer subscribe mirror
	assert_ne "$output" "$sub" "what was cancelled came back"
}

@test "only the provider decides, only the subscriber cancels" {
	publish mirror --mode pending
	subscribe
	before=$(size c3box)
	at c3box 1 sbx-offer approve "$sub"
	assert_says sbx-offer "no such subscription to an offer of this box"
	at c3box 1 sbx-offer reject "$sub"
	assert_eq "$(size c3box)" "$before" "something was signed"
	at gk2 1 sbx-offer cancel "$sub"
	at c3box 1 sbx-offer withdraw mirror
}

@test "a cancelled subscription is over; subscribing again makes a new one" {
	publish mirror
	subscribe
	first=$sub
	for ref in "${sub:0:6}" mirror; do
		tick
		at c3box sbx-offer cancel "$ref"
		carry c3box gk2
		assert_eq "$(status_of gk2)" cancelled "still open"
		at gk2 1 sbx-offer approve "$sub"
		at c3box 1 sbx-offer cancel "$ref"
		subscribe
		assert_ne "$sub" "$first" "the old one"
		assert_eq "$(status_of gk2)" live "the new one"
		first=$sub
	done
}

@test "nobody subscribes to an own offer" {
	publish mirror
	at gk2 2 sbx-offer subscribe mirror
	assert_says sbx-offer "an offer of this box"
}

@test "-n says what would be signed and changes nothing" {
	publish mirror --mode pending
	subscribe
	before=$(size gk2)
	for words in "publish new --kind web --endpoint 10.10.0.1:1" "withdraw mirror" \
		"approve $sub" "reject $sub"; do
		# shellcheck disable=SC2086 # words
		at gk2 sbx-offer -n $words
		assert_has "$stderr" "would sign" "it does not say so"
	done
	assert_eq "$(size gk2)" "$before" "something was signed"
}

@test "a foreign key signs nothing" {
	cp "$BATS_TEST_TMPDIR/c3box/node.key" "$BATS_TEST_TMPDIR/gk2/node.key"
	at gk2 2 sbx-offer publish x --kind web --endpoint 10.10.0.1:80
	assert_says sbx-offer "not the key of this ledger"
}

@test "what others wrote is printed with its control bytes made visible" {
	publish "$(printf 'red \033[31m\nline')"
	for verb in list "show ${id:0:8}"; do
		# shellcheck disable=SC2086 # words
		at c3box sbx-offer $verb
		assert_lacks "$output" $'\033' "an escape gets through $verb"
		assert_has "$output" '\x1b' "it is not shown by $verb"
	done
}

@test "of what was said with a clock that went back nothing is lost unseen" {
	publish mirror
	for now in 2026-06-30T10:00:00Z "$SBX_NOW"; do
		SBX_NOW=$now at gk2 sbx-offer withdraw mirror
		[ "$now" = "$SBX_NOW" ] ||
			assert_has "$stderr" "clock is 24 h behind" "it is told"
		at gk2 sbx-offer list -a
		assert_has "$output" withdrawn "the withdrawal lost to what was before"
		SBX_NOW=$now at gk2 sbx-offer publish mirror --kind web --endpoint 10.10.0.1:2
		at gk2 sbx-offer list
		assert_has "$output" 10.10.0.1:2 "the offer lost to what was before"
	done
}

@test "wrong words end with 2 and a hint" {
	for args in "" "offer" "list a b" "publish" "subscribe" "approve" "use a b" \
		"list --bogus" "subs -w -w"; do
		# shellcheck disable=SC2086 # words
		at gk2 2 sbx-offer $args
		assert_hint sbx-offer
	done
}
