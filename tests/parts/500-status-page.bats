#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# The page of sbx status in a real browser, from the web server that a box has.

load ../lib/helpers
load ../lib/site
load ../lib/now

setup() {
	require chromium lighttpd tesseract
	D=$BATS_TEST_TMPDIR
	export SBX_NOW=2026-07-01T12:00:00Z HOME=$D/home
	mkdir "$HOME" "$D/www"
	chmod 755 "$D" "$D/www"
	node hub
	SBX_STATE=$D/hub sbx-ledger init --no-recovery >"$D/hub.did"
	members 2
	at hub sbx-member name marvin "$(cat "$D/hub.did")"
	at hub sbx-member name zaphod "$(cat "$D/m1.did")"
}

teardown() {
	stop_servers
}

# As the package's own configuration has it, on an address of this machine.
serve_page() {
	PORT=$(free_port)
	sed "s,/var/lib/sbx/www,$D/www,; s,env.SBX_MESH_IP,\"127.0.0.1\",
		s,= 8799,= $PORT,; /^server.username/d" \
		"$BATS_TEST_DIRNAME/../../etc/lighttpd/directory.conf" >"$D/lighttpd.conf"
	cat >>"$D/lighttpd.conf" <<-END
		server.modules += ( "mod_accesslog" )
		accesslog.filename = "$D/log"
		accesslog.format = "%U %s %b"
	END
	/usr/sbin/lighttpd -D -f "$D/lighttpd.conf" >"$D/lighttpd.out" 2>&1 3>&- &
	SERVERS+=($!)
	listening 127.0.0.1 "$PORT"
	URL=http://127.0.0.1:$PORT/status/
}

# What the page itself is told of by the console; the rest is about this machine.
browser() {
	run_sbx chromium --headless --no-sandbox --disable-gpu --user-data-dir="$D/chromium" \
		--hide-scrollbars --enable-logging=stderr "$@"
	stderr=$(grep CONSOLE <<<"$stderr" || :)
}

# framed [FLAG...]: of a page that has the page in a telephone's frame, and
# says of it: its width, its colours, its text, and whether a script ran.
framed() {
	cat >"$D/www/status/frame.html" <<-'END'
		<!DOCTYPE html><title>frame</title>
		<iframe id=f width=390 height=800 src="/status/"></iframe><pre id=out></pre>
		<script>
		f.onload = () => {
			const w = f.contentWindow, b = w.document.body, c = w.getComputedStyle(b);
			out.textContent = JSON.stringify({ width: w.document.documentElement.scrollWidth,
				back: c.backgroundColor, ink: c.color, text: b.innerText,
				ran: String(w.ran), images: b.querySelectorAll('img,script').length });
		};
		</script>
	END
	browser "$@" --virtual-time-budget=5000 --dump-dom "${URL}frame.html"
	python3 -c 'import html, re, sys
print(html.unescape(re.search("<pre id=\"out\">(.*?)</pre>", sys.stdin.read(), re.S).group(1)))' <<<"$output"
}

@test "a browser shows every member by name, from the package's web server" {
	at hub sbx-status -q --site "$D/www/status"
	chmod 755 "$D/www/status"
	serve_page
	run_sbx curl -sSI "$URL"
	assert_like "$output" 'Content-Type: text/html; charset=utf-8' "its type"
	assert_like "$output" "frame-ancestors 'self'" "its frame"
	browser --window-size=1280,1600 --screenshot="$D/shot.png" "$URL"
	assert_lacks "$stderr" "Content Security Policy" "something of its own is refused"
	tesseract "$D/shot.png" "$D/seen" >/dev/null 2>&1
	for name in marvin zaphod did:plc; do
		assert_has "$(cat "$D/seen.txt")" "$name" "the picture"
	done
}

@test "it fits a telephone and follows light and dark" {
	at hub sbx-status -q --site "$D/www/status"
	serve_page
	light=$(framed --blink-settings=preferredColorScheme=1)
	dark=$(framed --blink-settings=preferredColorScheme=0)
	assert_eq "$(jq .width <<<"$light")" 390 "it is wider than the screen"
	assert_eq "$(jq -r .back <<<"$light")" "rgb(255, 255, 255)" "light"
	assert_eq "$(jq -r .back <<<"$dark")" "rgb(13, 17, 23)" "dark"
	assert_ne "$(jq -r .ink <<<"$dark")" "$(jq -r .ink <<<"$light")" "the ink"
}

@test "what a member calls itself is text to the browser (I5)" {
	evil='<script>ran=1</script><img src=x onerror="ran=2">"'"'"'&lt;b&gt;'
	# A node's record may hold any text as its endpoint.
	jq -nc --arg e "$evil" --arg key "$(head -c 32 /dev/urandom | base64)" '{node_id: ("0" * 64),
		boxname: "m1", pubkey_wg: $key, mesh_ip: "10.10.0.11", ddns: "", endpoint: $e}' >"$D/record"
	at m1 sbx-ledger append node_publish "$D/record"
	SBX_STATE=$D/m1 sbx-ledger export | at hub sbx-ledger -q import
	SBX_STATE=$D/hub sbx-status -q --site "$D/www/status" || [ $? -eq 1 ]
	serve_page
	out=$(framed)
	assert_has "$(jq -r .text <<<"$out")" "$evil" "its words are not shown as they are"
	assert_eq "$(jq -c '[.ran, .images]' <<<"$out")" '["undefined",0]' "it ran, or is an element"
}

@test "the page asks for itself again" {
	at hub sbx-status -q --site "$D/www/status"
	assert_has "$(cat "$D/www/status/index.html")" 'http-equiv="refresh" content="30"' "every half minute"
	sed -i 's/content="30"/content="1"/' "$D/www/status/index.html"
	serve_page
	run timeout 10 chromium --headless --no-sandbox --disable-gpu --user-data-dir="$D/chromium" \
		--remote-debugging-port=0 "$URL"
	n=$(grep -c '^/status/' "$D/log" || :)
	[ "$n" -ge 2 ] || fail "it was asked for $n times" log "$(cat "$D/log")"
}
