#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# sbx-ledger prove and check-proof: proofs that are carried away.

load ../lib/helpers

setup() {
	export SBX_NOW=2026-07-01T12:00:00Z
	D=$BATS_TEST_TMPDIR
	node hub
	SBX_STATE=$D/hub sbx-ledger init --no-recovery >"$D/did"
	for i in 1 2 3 4; do
		printf '{"ban_id":"%064d","ip":"192.0.2.1","reason":"","severity":1,"expires_at":null}\n' "$i"
	done | SBX_STATE=$D/hub sbx-ledger append --lines ban_publish >"$D/ids"
	SBX_STATE=$D/hub sbx-ledger publish
}

@test "a proof is checked without a ledger, from the file alone" {
	at hub sbx-ledger prove 3
	printf '%s\n' "$output" >"$D/proof"
	at none sbx-ledger check-proof "$D/proof"
	assert_eq "$output" "ok: entry 3 of 5 in $(cat "$D/did")/log" "the answer"
	run_sbx sbx-ledger check-proof - <"$D/proof"
	run_sbx sbx-ledger check-proof -d "$(cat "$D/did")" -v "$D/proof"
	at hub sbx-ledger export
	assert_eq "$(SBX_STATE=$D/none sbx-ledger check-proof -v "$D/proof" | tail -n1)" \
		"$(sed -n 3p <<<"$output")" "the entry"
	run_sbx sbx-ledger check-proof -j "$D/proof"
	assert_eq "$(jq -c '[.seq,.size,.op,.payload.ip]' <<<"$output")" \
		'[3,5,"ban_publish","192.0.2.1"]' "-j"
}

@test "an entry is named by its id or the first eight digits of it" {
	at hub sbx-ledger prove 2
	want=$output
	at hub sbx-ledger prove "$(head -n1 "$D/ids")"
	assert_eq "$output" "$want" "by its id"
	at hub sbx-ledger prove "$(head -c8 "$D/ids")"
	assert_eq "$output" "$want" "by eight digits"
	at hub 2 sbx-ledger prove "$(head -c7 "$D/ids")x"
	at hub 1 sbx-ledger prove 0000000000
	at hub 2 sbx-ledger prove
	at hub 2 sbx-ledger prove 1 --from 2
}

@test "whose log it must be is checked when it is said" {
	SBX_STATE=$D/hub sbx-ledger prove 1 >"$D/proof"
	node eve
	SBX_STATE=$D/eve sbx-ledger init --no-recovery >"$D/eve.did"
	SBX_STATE=$D/eve sbx-ledger publish
	run_sbx 1 sbx-ledger check-proof -d "$(cat "$D/eve.did")" "$D/proof"
	assert_says sbx-ledger "not about"
	run_sbx 1 sbx-ledger check-proof -k "$D/eve/www/log-key" "$D/proof"
	assert_says sbx-ledger "no known key has signed"
	run_sbx sbx-ledger check-proof -k "$D/hub/www/log-key" "$D/proof"
	run_sbx 2 sbx-ledger check-proof -k nonsense "$D/proof"
	assert_says sbx-ledger "neither a verifier key nor a file"
}

@test "a key that cannot be a log's is told by what is wrong with it" {
	SBX_STATE=$D/hub sbx-ledger prove 1 >"$D/proof"
	key=$(SBX_STATE=$D/hub sbx-ledger -j status | jq -r .log_key)
	run_sbx sbx-ledger check-proof -k "$key" "$D/proof"
	IFS=+ read -r name id rest <<<"$key"
	run_sbx 2 sbx-ledger check-proof -k "$name+00000000+$rest" "$D/proof"
	assert_says sbx-ledger "id is not its own"
	run_sbx 2 sbx-ledger check-proof -k "$name+$id+$(head -c 33 /dev/zero | base64)" "$D/proof"
	assert_says sbx-ledger "unknown type 0"
	run_sbx 2 sbx-ledger check-proof -k "$name+$id+AAAA" "$D/proof"
	assert_says sbx-ledger "not an Ed25519 verifier key"
	# A witness's, as text and as the file that it publishes, on its own note.
	node eve
	SBX_STATE=$D/eve sbx-ledger init --no-recovery >/dev/null
	SBX_STATE=$D/eve sbx-pull -q "$D/hub/www"
	SBX_STATE=$D/eve sbx-ledger publish
	{
		sed '/^$/q' "$D/proof"
		cat "$D"/eve/www/w/*/checkpoint
	} >"$D/noted"
	for key in "$D/eve/www/witness-key" \
		"$(SBX_STATE=$D/eve sbx-ledger -j status | jq -r .witness_key)"; do
		for proof in proof noted; do
			run_sbx 2 sbx-ledger check-proof -k "$key" "$D/$proof"
			assert_says sbx-ledger "is a witness's"
			assert_hint sbx-ledger
		done
	done
	run_sbx sbx-ledger check-proof -k "$D/hub/www/log-key" "$D/noted"
}

@test "what is no proof is the input's fault, an entry past the head a no" {
	run_sbx 3 sbx-ledger check-proof - <<<nonsense
	run_sbx 3 sbx-ledger check-proof "$D/ids"
	run_sbx 4 sbx-ledger check-proof "$D/missing"
	at hub sbx-ledger append ban_revoke <<<'{"ip":"192.0.2.1"}'
	at hub 1 sbx-ledger prove 6
	assert_hint sbx-ledger
	assert_eq "$output" "" "something was printed"
}

@test "that a log goes on is proved from an older checkpoint" {
	cp "$D/hub/www/checkpoint" "$D/old"
	at hub sbx-ledger append ban_revoke <<<'{"ip":"192.0.2.1"}'
	SBX_STATE=$D/hub sbx-ledger publish
	SBX_STATE=$D/hub sbx-ledger prove --from 5 >"$D/proof"
	assert_eq "$(head -n1 "$D/proof")" "old 5" "the form"
	run_sbx sbx-ledger check-proof --key "$D/hub/www/log-key" --old "$D/old" "$D/proof"
	assert_eq "$output" "ok: $(cat "$D/did")/log goes on from 5 to 6 entries" "the answer"
	SBX_STATE=$D/hub sbx-ledger prove --from 4 >"$D/proof"
	run_sbx 1 sbx-ledger check-proof --key "$D/hub/www/log-key" --old "$D/old" "$D/proof"
	run_sbx 2 sbx-ledger check-proof "$D/proof"
	at hub 1 sbx-ledger prove --from 7
}
