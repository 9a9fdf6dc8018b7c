#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Lending for real: three boxes on one network, lighttpd, CGI, sudo, nftables.
# gk2 lends, c3box borrows, amd64 tries.

load ../lib/helpers
load ../lib/box
load ../lib/lending

setup() {
	require_root
	require lighttpd curl jq python3 nft sudo
	box_lan
	n=0
	for b in gk2 c3box amd64; do
		n=$((n + 1))
		box_new $b
		lend_mesh $b 10.10.0.$n/24
		did[n]=$(box_as $b sbx sbx-ledger init --no-recovery)
	done
	for b in gk2 c3box amd64; do
		for d in "${did[@]}"; do
			box_as $b sbx sbx-member trust "$d"
		done
	done
	n=0
	for b in gk2 c3box amd64; do
		n=$((n + 1))
		node_record $b 10.10.0.$n | box_as $b sbx sbx-ledger append node_publish >/dev/null
	done
	box_as gk2 sbx sbx-offer publish mirror --kind web --endpoint 10.10.0.1:8080 \
		--macro http-mirror --params '{"port":8080}' "$@" >"$BOX_SHARE/id"
	id=$(cat "$BOX_SHARE/id")
	spread
	box_bg gk2 python3 -m http.server --bind 10.10.0.1 8080 >/dev/null 2>&1
	until_up 8080
}

teardown() {
	box_end
}

node_record() { # BOX IP
	printf '{"node_id":"%s","boxname":"%s","pubkey_wg":"%s","mesh_ip":"%s","ddns":null,"endpoint":null}' \
		"$1" "$1" "$(wg genkey | wg pubkey)" "$2"
}

# Everybody's entries to everybody.
spread() {
	for a in gk2 c3box amd64; do
		box_as $a sbx sbx-ledger export >"$BOX_SHARE/$a.jsonl"
	done
	for b in gk2 c3box amd64; do
		cat "$BOX_SHARE"/*.jsonl | box_as $b sbx sbx-ledger -q import
	done
}

until_up() { # PORT of gk2
	box gk2 timeout 10 bash -c 'until : </dev/tcp/10.10.0.1/$1; do sleep .02; done 2>/dev/null' \
		bash "$1"
}

serve() {
	box_bg gk2 env SBX_MESH_IP=10.10.0.1 lighttpd -D -f /etc/sbx/lighttpd/grant.conf \
		2>"$BOX_SHARE/web.log"
	until_up 8798 || fail "lighttpd does not answer" log "$(cat "$BOX_SHARE/web.log")"
}

# Having become sbx-grant, lighttpd outlives the one who started it.
unserve() {
	box gk2 timeout 10 sh -c 'while p=$(pidof lighttpd); do kill $p; sleep .02; done'
}

url() {
	echo "http://10.10.0.1:8798/grant/$id"
}

# ask BOX CURL-OPTIONS...: http and body of the answer.
ask() {
	local b=$1
	shift
	box "$b" curl -s -m 20 -o /tmp/body -w '%{http_code}\n' "$@" >"$BOX_SHARE/http"
	http=$(cat "$BOX_SHARE/http")
	body=$(box "$b" cat /tmp/body)
}

nonce() { # BOX
	ask "$1" "$(url)"
	assert_eq "$http" 200 "no nonce: $body"
	jq -r .nonce <<<"$body"
}

use() { # STATUS [OPTIONS...]: c3box uses the offer; output, and the log if it fails
	local want=$1
	shift
	run box_as c3box sbx timeout 30 sbx-offer "$@" use mirror --no-activate
	assert_eq "$status" "$want" "use: $output; log: $(cat "$BOX_SHARE/web.log" 2>/dev/null)"
}

granted() { # how many grants are open
	box gk2 sbx-macroctl list -j | wc -l
}

# record NONCE: what c3box signs for a provider that hands it this nonce goes
# to $BOX_SHARE/request.
record() {
	cat >"$BOX_SHARE/recorder.py" <<-'EOF'
		import http.server, sys
		class H(http.server.BaseHTTPRequestHandler):
		    def say(self, code, text):
		        self.send_response(code)
		        self.end_headers()
		        self.wfile.write(text.encode())
		    def do_GET(self):
		        self.say(200, '{"nonce":"%s"}' % sys.argv[1])
		    def do_POST(self):
		        data = self.rfile.read(int(self.headers["Content-Length"]))
		        open("/share/request", "wb").write(data)
		        self.say(403, '{"error":"recorded"}')
		    def log_message(self, *args):
		        pass
		http.server.HTTPServer(("10.10.0.1", 8798), H).serve_forever()
	EOF
	box_bg gk2 python3 /share/recorder.py "$1"
	local pid=$BOX_PID
	until_up 8798
	use 1
	assert_has "$output" recorded "c3box did not ask"
	kill "$pid"
	wait "$pid" || true
	spread
}

@test "a subscriber is granted and gets through, another member does not" {
	serve
	use 0 -j
	out=$(tail -n1 <<<"$output")
	assert_eq "$(jq -r .endpoint <<<"$out")" 10.10.0.1:8080 "another endpoint"
	assert_eq "$(jq -r .ttl <<<"$out")" 3600 "another time to live"
	assert_eq "$(granted)" 1 "not one grant"
	box c3box curl -s -m 5 -o /dev/null http://10.10.0.1:8080/ || fail "it does not get through"
	! box amd64 curl -s -m 2 -o /dev/null http://10.10.0.1:8080/ || fail "amd64 gets through"
	use 0
	assert_eq "$(granted)" 1 "renewing makes another"
}

@test "a request in another's name from another box is refused, the reason is in the log" {
	serve
	stolen=$(nonce amd64)
	unserve
	record "$stolen"
	serve
	ask amd64 --data-binary @/share/request "$(url)"
	assert_eq "$http" 403 "not refused"
	assert_eq "$body" '{"error":"denied"}' "it says too much"
	assert_has "$(cat "$BOX_SHARE/web.log")" "10.10.0.3: ${id:0:12}: c3box (${did[2]}): address is not its node's" \
		"the log does not say why"
	assert_eq "$(granted)" 0 "granted"
}

@test "a request is good once" {
	serve
	stolen=$(nonce c3box)
	unserve
	record "$stolen"
	serve
	ask amd64 --data-binary @/share/request "$(url)"
	assert_eq "$http" 403 "another box takes the nonce"
	ask c3box --data-binary @/share/request "$(url)"
	assert_eq "$http" 200 "refused to its owner: $body"
	ask c3box --data-binary @/share/request "$(url)"
	assert_eq "$http $body" '403 {"error":"denied"}' "good twice"
}

@test "a pending offer waits, is granted when approved, and not when rejected" {
	box_as gk2 sbx sbx-offer publish mirror --kind web --endpoint 10.10.0.1:8080 \
		--macro http-mirror --params '{"port":8080}' --mode pending >/dev/null
	spread
	serve
	use 1
	assert_has "$output" "waits for approval" "it does not say so"
	spread
	sub=$(box_as gk2 sbx sbx-offer -j subs --waiting | jq -r .subscription_id)
	box_as gk2 sbx sbx-offer approve "$sub"
	use 0
	assert_eq "$(granted)" 1 "more than was approved"
	box_as gk2 sbx sbx-offer reject "$sub"
	assert_eq "$(granted)" 0 "the rejected one keeps its grant"
	use 1
	assert_has "$output" "was rejected" "it does not say so"
	assert_eq "$(granted)" 0 "granted again"
}

@test "who is a member no more is refused" {
	serve
	run -0 box_as c3box sbx sbx-offer subscribe mirror
	box_as gk2 sbx sbx-member trust --remove "${did[2]}"
	use 1
	assert_has "$output" denied "no refusal"
	assert_has "$(cat "$BOX_SHARE/web.log")" "not a member" "the log does not say why"
	assert_eq "$(granted)" 0 "granted"
}

@test "an unreachable provider is 4, a withdrawn offer 1" {
	use 4
	serve
	box_as gk2 sbx sbx-offer withdraw mirror
	use 1
	assert_has "$output" "no such service" "no refusal"
}

# cgi [VARIABLE=VALUE]... : sbx-grant as the web server runs it, body on stdin.
cgi() {
	box_as gk2 sbx-grant env GATEWAY_INTERFACE=CGI/1.1 "$@" sbx-grant \
		2>"$BOX_SHARE/cgi.log"
}

good=(REQUEST_METHOD=POST REMOTE_ADDR=10.10.0.2 CONTENT_LENGTH=2 QUERY_STRING=)

@test "what is no request is refused alike, whatever is wrong with it" {
	for odd in REQUEST_METHOD=PUT REMOTE_ADDR=localhost REMOTE_ADDR= \
		CONTENT_LENGTH=-1 CONTENT_LENGTH=3 CONTENT_LENGTH=1 'QUERY_STRING=a=1' \
		CONTENT_LENGTH=2; do
		run cgi "${good[@]}" "PATH_INFO=/$id" "$odd" <<<'{' # 2 bytes with newline
		assert_eq "$status" 3 "another status for $odd"
		assert_has "$output" "Status: 400 Bad Request" "another answer to $odd"
		assert_has "$output" "Cache-Control: no-store" "may be kept"
		assert_eq "$(tail -n1 <<<"$output")" '{"error":"bad request"}' "it says more"
	done
	run cgi "${good[@]}" "PATH_INFO=/$id" CONTENT_LENGTH=65537 <<<'{'
	assert_has "$output" "Status: 413" "too long a body"
	run cgi REMOTE_ADDR=10.10.0.2 "PATH_INFO=/$id"
	assert_eq "$status" 2 "run by hand"
	assert_has "$output" "Status: 400 Bad Request" "no method"
	for odd in "/grant/%2e%2e/grant/$id" "//grant/$id" "/%67rant/$id" "/grant//$id" "/grant/$id?" "/grant/$id/."; do
		run cgi REQUEST_METHOD=GET REMOTE_ADDR=10.10.0.4 SCRIPT_NAME=/grant \
			"PATH_INFO=/$id" "REQUEST_URI=$odd"
		assert_has "$output" "Status: 400 Bad Request" "$odd"
	done
	run cgi REQUEST_METHOD=GET REMOTE_ADDR=10.10.0.5 SCRIPT_NAME=/grant \
		"PATH_INFO=/$id" "REQUEST_URI=/grant/$id"
	assert_has "$output" "Status: 200" "as it is written"
	run cgi "${good[@]}" "PATH_INFO=/../$id" <<<'{'
	assert_has "$output" "Status: 404" "another path"
	for f in /usr /var /etc sbx sqlite lighttpd 0.1; do
		assert_lacks "$output" "$f" "an answer tells of the machine"
	done
}

@test "no variable but CGI's is heard" {
	run -0 cgi REQUEST_METHOD=GET REMOTE_ADDR=10.10.0.2 "PATH_INFO=/$id" \
		SBX_STATE=/tmp/x SBX_CONF=/tmp/x SBX_NOW=bogus HTTP_PROXY=http://10.10.0.3/ \
		LD_PRELOAD= HTTP_X_FORWARDED_FOR=10.10.0.3
	assert_has "$output" "Status: 200 OK" "no nonce"
	assert_eq "$(box gk2 ls /run/sbx/nonce | wc -l)" 1 "not one nonce"
	assert_has "$(box gk2 sh -c 'cat /run/sbx/nonce/*')" " 10.10.0.2 " "another address"
}

@test "one address cannot take all nonces" {
	serve
	for _ in $(seq 16); do
		nonce amd64 >/dev/null
	done
	ask amd64 "$(url)"
	assert_eq "$http $body" '503 {"error":"not now, try again"}' "no end of nonces"
	use 0
}

@test "bad requests of one address make that address wait, and no other" {
	serve
	for _ in $(seq 20); do
		ask amd64 -d '{' "$(url)"
	done
	assert_eq "$http" 429 "no pause: $body"
	ask amd64 "$(url)"
	assert_eq "$http $body" '429 {"error":"too many bad requests, wait"}' "a good one meanwhile"
	use 0
	for path in "//grant/$id" "/%67rant/$id" "/grant/%2e%2e/grant/$id"; do
		ask c3box --path-as-is "http://10.10.0.1:8798$path"
		assert_eq "$http" 400 "another spelling: $path"
	done
}

@test "lighttpd refuses what is not a request before it costs a process" {
	serve
	for path in / /grant "/grant/" "/grant/${id}0" "/grant/$id/" "/grant/%2e%2e/$id" \
		/usr/bin/sbx-grant "/Grant/$id"; do
		ask amd64 --path-as-is "http://10.10.0.1:8798$path"
		assert_eq "$http" 404 "another answer to $path"
	done
	ask amd64 --path-as-is "http://10.10.0.1:8798/grant/${id:0:63}%00"
	assert_eq "$http" 400 "a zero byte"
	head -c 70000 /dev/zero >"$BOX_SHARE/big"
	ask amd64 --data-binary @/share/big "$(url)"
	assert_eq "$http" 413 "too long a body"
	ask amd64 -X DELETE "$(url)"
	assert_eq "$http" 400 "another method"
	ask amd64 "$(url)?a=1&a=2"
	assert_eq "$http" 400 "a query"
}

@test "the handler can read neither the key nor write the ledger" {
	run ! box_as gk2 sbx-grant cat /etc/sbx/secrets/node.key
	run ! box_as gk2 sbx-grant sh -c ': >>/var/lib/sbx/ledger.db'
	run ! box_as gk2 sbx-grant sudo -n /usr/bin/id
	box gk2 sh -c 'sha256sum /var/lib/sbx/ledger.db' >"$BOX_SHARE/before"
	serve
	use 0
	box gk2 sh -c 'sha256sum /var/lib/sbx/ledger.db' | diff "$BOX_SHARE/before" -
}

@test "use hands the endpoint to the own box's plugin, stop takes it back" {
	serve
	run -0 box_as c3box sbx timeout 30 sbx-offer use mirror
	[ -n "$(box c3box grep -rl http://10.10.0.1:8080/ /run/sbx)" ] || fail "not activated"
	run -0 box_as c3box sbx timeout 30 sbx-offer stop mirror
	[ -z "$(box c3box grep -rl http://10.10.0.1:8080/ /run/sbx)" ] || fail "still active"
}
