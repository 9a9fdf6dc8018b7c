#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# sbx-redact: what a text gives away is hidden, and can be put back.

load ../lib/helpers

setup() {
	require sbx-redact python3
	D=$BATS_TEST_TMPDIR
	corpus=$BATS_TEST_DIRNAME/../data/redact.corpus
}

# plain: the corpus as its lines were before they had labels
plain() {
	sed -E '/^#/d; s/⟦[a-z0-9]+:([^⟧]*)⟧/\1/g' "$corpus"
}

@test "of a labelled corpus 995 of 1000 are hidden, and 950 of 1000 hidden are labelled" {
	[ "$(plain | wc -l)" -ge 300 ] || fail "the corpus is too small"
	read -r recall precision <<<"$("$BATS_TEST_DIRNAME/../lib/redact-score" "$corpus" 2>"$D/why")"
	[ "$recall" -ge 995 ] || fail "recall $recall: $(cat "$D/why")"
	[ "$precision" -ge 950 ] || fail "precision $precision: $(cat "$D/why")"
	read -r recall _ <<<"$("$BATS_TEST_DIRNAME/../lib/redact-score" "$corpus" \
		ip4 ip6 mac key did email 2>"$D/why")"
	[ "$recall" -ge 995 ] || fail "addresses, keys and mail: $recall: $(cat "$D/why")"
}

@test "what was hidden comes back byte for byte, by its map" {
	plain >"$D/before"
	sbx-redact -m "$D/map" <"$D/before" >"$D/hidden"
	assert_lacks "$(cat "$D/hidden")" 203.0.113. "an address"
	sbx-redact -m "$D/map" --restore <"$D/hidden" | cmp - "$D/before"
	assert_eq "$(stat -c %a "$D/map")" 600 "others can read the map"
}

@test "one value has one placeholder, in one text and in the next" {
	run_sbx sbx-redact -m "$D/map" <<<"10.0.0.1 10.0.0.2 10.0.0.1"
	assert_eq "$output" "<ip4:1> <ip4:2> <ip4:1>" "in one text"
	run_sbx sbx-redact -m "$D/map" <<<"10.0.0.3 10.0.0.2"
	assert_eq "$output" "<ip4:3> <ip4:2>" "in the next"
}

@test "a text that has placeholders of its own is not mistaken for ours" {
	sbx-redact -m "$D/map" <<<"<ip4:1> was 10.0.0.1" >"$D/hidden"
	assert_eq "$(cat "$D/hidden")" "<text:1> was <ip4:1>" "hidden"
	assert_eq "$(sbx-redact -r -m "$D/map" <"$D/hidden")" "<ip4:1> was 10.0.0.1" "restored"
}

@test "an answer with a placeholder that nobody gave out is a no" {
	sbx-redact -m "$D/map" <<<"10.0.0.1" >/dev/null
	run_sbx 1 sbx-redact -r -m "$D/map" <<<"block <ip4:1> and <ip4:9>"
	assert_eq "$output" "block 10.0.0.1 and <ip4:9>" "the text"
	assert_says sbx-redact "1 placeholders stand for nothing"
}

@test "addresses are found in each spelling, whole" {
	for v in 10.0.0.1 255.255.255.255 2001:db8::1 2001:DB8:0:0:0:0:0:1 ::ffff:10.0.0.1 \
		fe80::1 52:54:00:12:34:56 52-54-00-12-34-56 5254.0012.3456 \
		aa:bb:cc:dd:ee:ff:10.0.0.1; do
		for around in "%s" "[%s]" "(%s)," "at %s." "src=%s;" '"%s"' "%s/24" "host %s: up" "<%s>"; do
			# shellcheck disable=SC2059 # the format is the test
			text=$(printf "$around" "$v")
			got=$(sbx-redact <<<"$text")
			# shellcheck disable=SC2059
			case $got in
			"$(printf "$around" '<ip4:1>')" | "$(printf "$around" '<ip6:1>')" | \
				"$(printf "$around" '<mac:1>')") ;;
			*) fail "$text became $got" ;;
			esac
		done
	done
}

@test "what only looks like an address stays" {
	for text in "at 12:34:56 UTC" "std::string x::y" "1.3.6.1.4.1.311" "version 6.1.119-1" \
		"2026-11-29T07:28:18Z" "0000:00:1f.6" "sum 3.14, 1.2.3" "[::]:80"; do
		assert_eq "$(sbx-redact <<<"$text")" "$text" "no address"
	done
}

@test "a private key is hidden whole, and no line of it before its end is there" {
	key=$(printf -- '-----BEGIN OPENSSH PRIVATE KEY-----\n'
		for i in 1 2 3 4; do echo "c2hvcnQgbGluZSAxMjM$i"; done
		printf -- '-----END OPENSSH PRIVATE KEY-----')
	assert_eq "$(printf 'a %s b\n' "$key" | sbx-redact)" "a <pem:1> b" "at once"
	assert_eq "$(while read -r l; do echo "$l"; done <<<"$key" | sbx-redact)" "<pem:1>" "by lines"
	assert_eq "$(head -n 3 <<<"$key" | sbx-redact)" "<pem:1>" "cut off"
}

@test "words of one's own are hidden too" {
	printf 'mueller\nAcme GmbH\na.b*c\n' >"$D/words"
	assert_eq "$(sbx-redact -w "$D/words" <<<"Mueller of ACME GmbH, a.b*c, muellers aab*c")" \
		"<name:1> of <name:2>, <name:3>, muellers aab*c" "words"
}

@test "--classify says where a text may go, the strictest word" {
	assert_eq "$(sbx-redact -c <<<"why is the sky blue")" cloud_direct "plain"
	assert_eq "$(sbx-redact -c <<<"why is <ip4:1> down")" sanitized "placeholders"
	assert_eq "$(sbx-redact -c <<<"why is <ip4:1> down, not 10.0.0.1")" local_only "an address"
	assert_eq "$(printf '\001\377' | sbx-redact -c)" local_only "no text"
	assert_eq "$(sbx-redact -jc <<<"10.0.0.1")" \
		'{"class":"local_only","found":{"ip4":1}}' "as JSON"
}

@test "a stream is answered line by line" {
	{
		echo "one 10.0.0.1"
		timeout 10 bash -c 'until grep -q one "$1"; do sleep .02; done' bash "$D/out" ||
			echo late
		echo two
	} | sbx-redact >"$D/out"
	assert_eq "$(cat "$D/out")" $'one <ip4:1>\ntwo' "the first line waited for the second"
}

@test "a line without end, or any bytes, take no more memory and lose nothing" {
	head -c 3000000 /dev/urandom >"$D/bytes"
	(ulimit -v 200000 && sbx-redact -q -m "$D/map" <"$D/bytes" >"$D/hidden") || [ $? -eq 1 ]
	head -c 4000000 /dev/zero | tr '\0' ' ' >"$D/blank"
	sbx-redact <"$D/blank" | cmp - "$D/blank"
	# Nothing of a secret that is longer than the window gets through.
	long=$(head -c 600000 /dev/urandom | base64 -w 0)
	assert_eq "$(printf 'x %s y\n' "$long" | sbx-redact)" "x <token:0> y" "a long secret"
}

@test "a map that is not one, or that others can read, is refused, and nothing printed" {
	for bad in 'x' '{}' '{"hidden":"<ip4:0>","value":"a"}' '{"hidden":"<ip4:1>","value":1}' \
		$'{"hidden":"<ip4:1>","value":"a"}\n{"hidden":"<ip4:1>","value":"b"}'; do
		printf '%s\n' "$bad" >"$D/map"
		chmod 600 "$D/map"
		run_sbx 3 sbx-redact -m "$D/map" <<<"10.0.0.1"
		assert_eq "$output" "" "something was printed"
		assert_has "$stderr" "$D/map: line " "where"
		assert_eq "$(cat "$D/map")" "$bad" "the map changed"
	done
	echo '{"hidden":"<ip4:1>","value":"a"}' >"$D/map"
	chmod 644 "$D/map"
	run_sbx 2 sbx-redact -m "$D/map" <<<"10.0.0.1"
}

@test "wrong words end with 2 and a hint" {
	for args in "-r" "-r -c" "file" "--bogus" "-w"; do
		# shellcheck disable=SC2086 # words
		run_sbx 2 sbx-redact $args
		assert_hint sbx-redact
	done
}
