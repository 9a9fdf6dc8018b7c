#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# What a provider can do to who asks it: nothing but say no.  The real one is
# in tests/root/400-grant.bats; this one is hostile, and a script.

load ../lib/helpers

setup() {
	require python3
	node c3box
	node evil
	printf '[grant]\nport = 1\n' >"$BATS_TEST_TMPDIR/c3box/sbx.conf"
	for n in c3box evil; do
		SBX_STATE=$BATS_TEST_TMPDIR/$n sbx-ledger init --no-recovery >"$BATS_TEST_TMPDIR/$n.did"
	done
	at c3box sbx-member trust "$(cat "$BATS_TEST_TMPDIR/evil.did")"
	printf '{"node_id":"e","boxname":"evil","pubkey_wg":"%s","mesh_ip":"127.0.0.1","ddns":null,"endpoint":null}' \
		kGZLQ0X2B5hWcD0guSO+EJuuH1yx+iyeCR9NcHuxrqY= |
		at evil sbx-ledger append node_publish
	at evil sbx-offer publish mirror --kind web --endpoint 127.0.0.1:8080 --macro http-mirror
	id=$output
	at evil sbx-offer publish plain --kind web --endpoint 127.0.0.1:8081
	SBX_STATE=$BATS_TEST_TMPDIR/evil sbx-ledger export |
		SBX_STATE=$BATS_TEST_TMPDIR/c3box sbx-ledger -q import
	provider=
	nonce="{\"nonce\":\"$(printf '7%.0s' {1..64})\"}"
	grant='{"endpoint":"127.0.0.1:8080","kind":"http-mirror","service_id":"'$id'","ttl":600,"until":"2026-07-01T10:00:00.000000+00:00"}'
}

teardown() {
	[ -z "$provider" ] || kill "$provider"
}

# provide GET-STATUS GET-BODY POST-STATUS POST-BODY: until the test's end
provide() {
	[ -z "$provider" ] || kill "$provider"
	rm -f "$BATS_TEST_TMPDIR/port" "$BATS_TEST_TMPDIR/asked"
	python3 - "$BATS_TEST_TMPDIR" "$@" 3>&- <<-'EOF' &
		import http.server, sys
		d, a = sys.argv[1], sys.argv[2:]
		class H(http.server.BaseHTTPRequestHandler):
		    def say(self, code, text):
		        self.send_response(int(code))
		        self.send_header("Location", "http://127.0.0.1:1/")
		        self.end_headers()
		        if text == "endless":
		            for _ in range(1000):
		                self.wfile.write(b" " * 65536)
		        self.wfile.write(text.encode())
		    def do_GET(self):
		        open(d + "/asked", "a").write("GET " + self.path + "\n")
		        self.say(*a[:2])
		    def do_POST(self):
		        open(d + "/asked", "a").write("POST " + self.path + "\n")
		        self.rfile.read(int(self.headers["Content-Length"]))
		        self.say(*a[2:])
		    def log_message(self, *args):
		        pass
		s = http.server.HTTPServer(("127.0.0.1", 0), H)
		open(d + "/port.new", "w").write(str(s.server_port))
		__import__("os").rename(d + "/port.new", d + "/port")
		s.serve_forever()
	EOF
	provider=$!
	for _ in $(seq 500); do
		[ ! -s "$BATS_TEST_TMPDIR/port" ] || break
		sleep .02
	done
	printf '[grant]\nport = %s\n' "$(cat "$BATS_TEST_TMPDIR/port")" \
		>"$BATS_TEST_TMPDIR/c3box/sbx.conf"
}

# use STATUS WORDS
use() {
	at c3box "$1" sbx-offer use mirror --no-activate
	assert_says sbx-offer ''
	assert_like "$stderr" "$2" "another reason"
	assert_eq "$output" "" "something is printed as granted"
}

@test "a grant that fits the offer is printed" {
	provide 200 "$nonce" 200 "$grant"
	at c3box sbx-offer -j use mirror --no-activate
	assert_eq "$output" "$grant" "another answer"
	assert_eq "$(cat "$BATS_TEST_TMPDIR/asked")" "GET /grant/$id"$'\n'"POST /grant/$id" "asked otherwise"
}

@test "nobody there is 4, and the subscription stays for the next try" {
	use 4 ''
	at c3box sbx-offer -j subs
	assert_eq "$(wc -l <<<"$output")" 1 "not subscribed once"
	use 4 ''
	at c3box sbx-offer -j subs
	assert_eq "$(wc -l <<<"$output")" 1 "not subscribed once"
}

@test "the provider's reason is shown, its control bytes made visible" {
	provide 200 "$nonce" 403 '{"error":"no \u001b[31mred\nsbx-offer: granted"}'
	use 1 'the provider says 403: no \\x1b'
	assert_lacks "$stderr" $'\033' "an escape gets through"
	provide 409 '{"error":"wait"}' 200 "$grant"
	use 1 'the provider says 409: wait'
	provide 200 "$nonce" 503 '{"error":"busy"}'
	use 4 'the provider says 503: busy'
}

@test "what is no nonce is refused before anything is signed" {
	for text in '' '{}' '[]' '{"nonce":"77"}' '{"nonce":7}' "${nonce%?}" "$nonce$nonce" \
		'<html>'; do
		provide 200 "$text" 200 "$grant"
		use 3 "provider's answer"
		assert_eq "$(cat "$BATS_TEST_TMPDIR/asked")" "GET /grant/$id" "it went on after $text"
	done
}

@test "a grant of something else is refused" {
	for change in '.endpoint="127.0.0.1:22"' '.endpoint="127.0.0.9:8080"' '.kind="tor-exit"' \
		'.service_id=("0"*64)' '.ttl=0' '.ttl=1000000' '.ttl="600"' '.until="never"' \
		'del(.endpoint)' '[.]'; do
		provide 200 "$nonce" 200 "$(jq -c "$change" <<<"$grant")"
		use 3 "provider's answer"
	done
}

@test "no redirect is followed, no endless answer read" {
	provide 301 '' 200 "$grant"
	use 3 redirect
	provide 200 "$nonce" 307 ''
	use 3 redirect
	provide 200 endless 200 "$grant"
	use 4 ''
}

# I2
@test "an answer is at most 16384 bytes, the nonce as the grant" {
	printf -v nonce '%-16384s' "$nonce"
	printf -v padded '%-16384s' "$grant"
	provide 200 "$nonce" 200 "$padded"
	at c3box sbx-offer -j use mirror --no-activate
	assert_eq "$output" "$grant" "another answer"
	provide 200 "$nonce" 200 "$padded "
	use 4 'longer than 16384 bytes'
	provide 200 "$nonce " 200 "$padded"
	use 4 'longer than 16384 bytes'
	assert_eq "$(cat "$BATS_TEST_TMPDIR/asked")" "GET /grant/$id" "it went on"
}

@test "an offer without a macro, or without an address, is not asked for" {
	at c3box 1 sbx-offer use plain --no-activate
	assert_says sbx-offer "no macro"
	at evil sbx-offer publish plain --kind web --endpoint 127.0.0.1:8081 --macro http-mirror
	at c3box sbx-offer subs
	assert_eq "$output" "" "subscribed to what cannot be used"
}
