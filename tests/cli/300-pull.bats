#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# sbx-pull against a real web server, files, and servers that misbehave.

load ../lib/helpers
load ../lib/site

setup() {
	export SBX_NOW=2026-07-01T12:00:00Z
	D=$BATS_TEST_TMPDIR
	for n in hub ann; do
		node $n
		SBX_STATE=$D/$n sbx-ledger init --no-recovery >"$D/$n.did"
	done
	mkdir "$D/www"
}

teardown() {
	stop_servers
}

# answer TEXT: to whoever asks, then TAIL (a command) while the line stays open.
answer() {
	require socat python3
	PORT=$(free_port)
	printf '%b' "$1" >"$D/answer.$PORT"
	cat >"$D/answer.$PORT.sh" <<-END
		#!/bin/sh
		echo x >>"$D/asked.$PORT"
		while read -r l && [ "\$l" != "\$(printf '\r')" ]; do :; done
		cat "$D/answer.$PORT"
		${2:-:}
	END
	chmod +x "$D/answer.$PORT.sh"
	socat "TCP-LISTEN:$PORT,bind=127.0.0.1,reuseaddr,fork" \
		"EXEC:$D/answer.$PORT.sh" 2>/dev/null 3>&- &
	SERVERS+=($!)
	listening 127.0.0.1 "$PORT"
	URL=http://127.0.0.1:$PORT/
}

publish() { # NODE DIR
	mkdir -p "$2"
	SBX_STATE=$D/$1 sbx-ledger export >"$2/export.jsonl"
}

old_form() { # NODE
	SBX_STATE=$D/$1 sbx-ledger export --old
}

entries() {
	SBX_STATE=$D/$1 sbx-ledger export | wc -l
}

ban() { # NODE N: an entry more
	printf '{"ban_id":"%064d","ip":"192.0.2.%d","reason":"scan","severity":1,"expires_at":null}' "$2" "$2" |
		SBX_STATE=$D/$1 sbx-ledger append ban_publish >/dev/null
}

@test "a site is pulled, and pulled again there is nothing new" {
	ban hub 1
	publish hub "$D/www"
	serve "$D/www"
	at ann sbx-pull "$URL"
	assert_eq "$output" "$URL: 2 new, 0 known, 0 refused" "the summary"
	assert_eq "$(entries ann)" 3 "not all arrived"
	at ann sbx-pull "$URL"
	assert_eq "$output" "$URL: 0 new, 2 known, 0 refused" "the second time"
	at ann sbx-ledger fsck -n
}

@test "an older node's site is pulled too, wherever it keeps its export" {
	mkdir -p "$D/www/api/v1/annuaire/log" "$D/www2/log"
	old_form hub >"$D/www/api/v1/annuaire/log/export"
	serve "$D/www"
	at ann sbx-pull "$URL"
	assert_has "$output" "1 new" "nothing taken"
	old_form hub >"$D/www2/log/export"
	serve "$D/www2"
	at ann sbx-pull "$URL"
	assert_has "$output" "0 new, 1 known" "not the same entry"
}

@test "a file, a directory and standard input do the same work" {
	ban hub 1
	publish hub "$D/www"
	for n in file dir in; do
		node $n
		SBX_STATE=$D/$n sbx-ledger init --no-recovery >/dev/null
	done
	at file sbx-pull "$D/www/export.jsonl"
	assert_has "$output" "2 new" "from the file"
	at dir sbx-pull "$D/www"
	assert_has "$output" "2 new" "from the directory"
	at in sbx-pull - <"$D/www/export.jsonl"
	assert_eq "$output" "standard input: 2 new, 0 known, 0 refused" "from standard input"
}

# The journal in its order, without what each node says of itself.
others() { # NODE
	SBX_STATE=$D/$1 sbx-ledger export | grep -vF "\"author\":\"$(cat "$D/$1.did")\""
}

# All ways of getting a log give the same journal and the same state.
@test "site, stick, file and pipe bring the same entries in the same order" {
	for i in 1 2 3 4 5; do ban hub $i; done
	printf '{"service_id":"%064d","name":"wiki","kind":"web","endpoint":"10.10.0.1:80","scope":{},"approval_mode":"auto","description":""}' 7 |
		SBX_STATE=$D/hub sbx-ledger append service_offer >/dev/null
	SBX_STATE=$D/hub sbx-ledger publish "$D/www"
	SBX_STATE=$D/hub sbx-ledger export >"$D/lines"
	SBX_STATE=$D/hub sbx-ledger export --old >"$D/older"
	mkdir "$D/old" "$D/stick"
	cp -r "$D/www/log" "$D/old" # an older node's site
	cp -r "$D/www/." "$D/stick" # carried by hand; nothing but files
	chmod -R a-w "$D/stick"
	serve "$D/www"
	site=$URL
	serve "$D/old"
	old=$URL
	node seed
	SBX_STATE=$D/seed sbx-ledger init --no-recovery >"$D/seed.did"
	SBX_STATE=$D/seed sbx-member trust "$(cat "$D/hub.did")"
	ways=("sbx-pull $site" "sbx-pull $old" "sbx-pull $D/stick" "sbx-pull $D/lines"
		"sbx-pull $D/older" "sbx-pull - <$D/lines" "sbx-ledger import $D/lines"
		"sbx-ledger import <$D/older" "SBX_STATE=$D/hub sbx-ledger export | sbx-ledger import"
		"sed -n 1,3p $D/lines | sbx-ledger import && sbx-pull $site"
		"sed -n 3,6p $D/lines | sbx-ledger import; sbx-pull $D/stick $old")
	want=
	for way in "${ways[@]}"; do
		rm -rf "$D/n"
		cp -a "$D/seed" "$D/n"
		cp "$D/seed.did" "$D/n.did"
		SBX_STATE=$D/n run_sbx sh -ec "$way"
		at n sbx-ledger fsck -n
		at n sbx-ledger -j status
		state=$(jq -r .state <<<"$output")
		want=${want:-$state}
		assert_eq "$state" "$want" "another state by: $way"
		assert_eq "$(others n | sort)" "$(sort "$D/lines")" "other entries by: $way"
		case $way in *sed*) continue ;; esac
		assert_eq "$(others n)" "$(cat "$D/lines")" "another order by: $way"
	done
	at n sbx-offer list
	assert_has "$output" wiki "no state at all"
}

@test "a bad entry is reported by its number, the rest goes on" {
	for i in 1 2 3; do ban hub $i; done
	publish hub "$D/www"
	sed -i '2s/"reason":"scan"/"reason":"scam"/; 3s/^/{/' "$D/www/export.jsonl"
	serve "$D/www"
	at ann 3 sbx-pull "$URL"
	assert_eq "$output" "$URL: 2 new, 0 known, 2 refused" "the summary"
	assert_like "$stderr" "^sbx-pull: $URL: entry 2: .*signature" "no reason"
	assert_has "$stderr" "sbx-pull: $URL: entry 3: " "entry 3 is not named"
	assert_eq "$(entries ann)" 3 "the good ones"
	at ann sbx-ledger fsck -n
}

# I5
@test "control characters of a peer do not reach the terminal" {
	printf '{"a\\u001b[2J\033]0;x\007":1}\n' >"$D/bad"
	at ann 3 sbx-pull "$D/bad"
	assert_lacks "$stderr$output" $'\033' "an escape"
	assert_lacks "$stderr$output" $'\007' "a bell"
}

@test "an unreachable peer is reported and the next has its turn" {
	publish hub "$D/www"
	serve "$D/www"
	at ann 4 sbx-pull http://127.0.0.1:1/ "$URL"
	assert_says sbx-pull "connection refused"
	assert_eq "$output" "$URL: 1 new, 0 known, 0 refused" "the other one"
}

# I18
@test "a silent peer costs its own time slot and no more" {
	publish hub "$D/www"
	answer 'HTTP/1.1 200 OK\r\n\r\n' 'sleep 30'
	slow=$URL
	serve "$D/www"
	start=$(date +%s%N)
	at ann 4 sbx-pull -t 1 "$slow" "$URL"
	[ $(($(date +%s%N) - start)) -lt 4000000000 ] || fail "it took too long"
	assert_says sbx-pull "too slow"
	assert_has "$output" "1 new" "the other one"
}

# I18
@test "slow, endless, broken off, silent: each costs its slot, and the last has its turn" {
	for i in 1 2 3; do ban hub $i; done
	SBX_STATE=$D/hub sbx-ledger publish "$D/www"
	answer 'HTTP/1.1 200 OK\r\n' 'while printf "X: y\r\n"; do sleep 1; done' # never ends its head
	printf '[pull]\nslot=2\n[peer loris]\nurl=%s\n' "$URL" >"$D/ann/sbx.conf"
	answer 'HTTP/1.1 200 OK\r\n\r\n' 'while printf x; do sleep 1; done' # a byte a second
	printf '[peer drip]\nurl=%s\n' "$URL" >>"$D/ann/sbx.conf"
	answer 'HTTP/1.1 200 OK\r\n\r\n' 'yes x' # more than any checkpoint
	printf '[peer flood]\nurl=%s\n' "$URL" >>"$D/ann/sbx.conf"
	answer "HTTP/1.1 200 OK\r\nContent-Length: 4000\r\n\r\n$(head -c 60 "$D/www/checkpoint")" # closes mid-way
	printf '[peer cut]\nurl=%s\n' "$URL" >>"$D/ann/sbx.conf"
	answer '' 'exit' # takes the call and hangs up
	printf '[peer none]\nurl=%s\n' "$URL" >>"$D/ann/sbx.conf"
	serve "$D/www"
	printf '[peer good]\nurl=%s\n' "$URL" >>"$D/ann/sbx.conf"
	start=$(date +%s%N)
	at ann 4 sbx-pull
	took=$((($(date +%s%N) - start) / 1000000))
	[ "$took" -lt 9000 ] || fail "it took $took ms"
	assert_eq "$output" "good: 4 new, 0 known, 0 refused" "the good one"
	for p in loris drip flood cut none; do
		assert_like "$stderr" "(^|"$'\n'")sbx-pull: $p: [^ ]" "nothing said of $p"
	done
	assert_eq "$(grep -v ': hint: ' <<<"$stderr" | grep -c '^sbx-pull: [a-z]*: ')" 5 "not a line of each: $stderr"
}

# I18, I2
@test "a stream of entries without end costs its slot, and what came is kept" {
	for i in 1 2 3; do ban hub $i; done
	SBX_STATE=$D/hub sbx-ledger export >"$D/lines"
	answer 'HTTP/1.1 200 OK\r\n\r\n' "while cat $D/lines; do :; done"
	start=$(date +%s%N)
	at ann 4 sbx-pull -t 2 "${URL}export.jsonl"
	took=$((($(date +%s%N) - start) / 1000000))
	[ "$took" -lt 9000 ] || fail "it took $took ms"
	assert_eq "$(entries ann)" 5 "what came"
	at ann sbx-ledger fsck -n
}

# I2
@test "an export by the network ends at its limit, a file or a pipe does not" {
	ban hub 1
	SBX_STATE=$D/hub sbx-ledger export >"$D/lines"
	mib=$((1 << 20))
	head -n 1 "$D/lines" >"$D/www/export.jsonl"
	truncate -s $((256 * mib)) "$D/www/export.jsonl" # a line of NULs, no entry
	cp --sparse=always "$D/www/export.jsonl" "$D/longer"
	{
		echo
		tail -n 1 "$D/lines"
	} >>"$D/longer"
	serve "$D/www"
	at ann 3 sbx-pull "${URL}export.jsonl"
	assert_eq "$output" "${URL}export.jsonl: 1 new, 0 known, 1 refused" "at the limit"
	truncate -s +1 "$D/www/export.jsonl"
	at ann 4 sbx-pull "${URL}export.jsonl"
	assert_has "$stderr" "the answer is longer than $((256 * mib)) bytes" "past it"
	assert_eq "$(entries ann)" 2 "before"
	at ann 3 sbx-pull "$D/longer"
	assert_eq "$output" "$D/longer: 1 new, 1 known, 1 refused" "a file"
	SBX_STATE=$D/ann run --separate-stderr sbx-ledger import -j < <(cat "$D/longer")
	assert_eq "$(jq -c '[.new,.known,.refused]' <<<"$output")" "[0,2,1]" "a pipe"
}

@test "of an answer that breaks off, the whole entries are kept" {
	for i in 1 2 3; do ban hub $i; done
	publish hub "$D/www"
	head -c -40 "$D/www/export.jsonl" >"$D/cut"
	answer "HTTP/1.1 200 OK\r\nContent-Length: 999999\r\n\r\n$(cat "$D/cut")"
	URL+=export.jsonl
	run --separate-stderr env SBX_STATE="$D/ann" sbx-pull "$URL"
	assert_eq "$status" 4 "no error"
	assert_eq "$(entries ann)" 4 "the whole ones"
	at ann sbx-ledger fsck -n
}

# I18
@test "a redirect is not followed" {
	publish hub "$D/www"
	serve "$D/www"
	answer "HTTP/1.1 302 Found\r\nLocation: ${URL}export.jsonl\r\nContent-Length: 0\r\n\r\n"
	at ann 3 sbx-pull "$URL"
	assert_says sbx-pull redirect
	assert_eq "$(entries ann)" 1 "something came"
}

@test "a site without a log, a web page, an error: each refused" {
	serve "$D/www"
	at ann 4 sbx-pull "$URL"
	assert_says sbx-pull "no log is there"
	echo '<html>hello</html>' >"$D/www/export.jsonl"
	at ann 3 sbx-pull "$URL"
	answer 'HTTP/1.1 500 Oops\r\nContent-Length: 2\r\n\r\n{}'
	at ann 4 sbx-pull "$URL"
	assert_says sbx-pull "status 500"
	assert_eq "$(entries ann)" 1 "something came"
}

@test "without an argument the peers of sbx.conf are pulled, by name" {
	publish hub "$D/www"
	serve "$D/www"
	printf '[peer gk2]\nurl=%s\n' "$URL" >"$D/ann/sbx.conf"
	at ann sbx-pull
	assert_eq "$output" "gk2: 1 new, 0 known, 0 refused" "the summary"
	at ann sbx-pull gk2
	assert_eq "$output" "gk2: 0 new, 1 known, 0 refused" "by its name"
	at ann sbx-pull -j
	assert_eq "$(jq -c '[.name,.new,.known,.held,.refused,.error]' <<<"$output")" \
		'["gk2",0,1,0,0,null]' "-j"
	at ann sbx-pull -q
	assert_eq "$output$stderr" "" "-q talks"
}

record() { # NODE NAME IP: its NodeRecord
	printf '{"node_id":"%064d","boxname":"%s","pubkey_wg":"%s","mesh_ip":"%s","ddns":"","endpoint":""}' \
		"${3##*.}" "$2" "$(head -c32 /dev/urandom | base64)" "$3" |
		SBX_STATE=$D/$1 sbx-ledger append node_publish >/dev/null
}

@test "without peers the members' nodes are pulled, and no address outside the mesh" {
	node eve
	SBX_STATE=$D/eve sbx-ledger init --no-recovery >/dev/null
	for n in ann eve; do
		SBX_STATE=$D/hub sbx-member invite | SBX_STATE=$D/$n sbx-member accept >/dev/null
		SBX_STATE=$D/$n sbx-ledger export | SBX_STATE=$D/hub sbx-ledger -q import
	done
	record hub gk2 10.10.0.1
	record eve eve 127.0.0.1 # not in the mesh
	record ann ann 10.10.0.2 # ourselves
	SBX_STATE=$D/eve sbx-ledger export | SBX_STATE=$D/hub sbx-ledger -q import
	publish hub "$D/www"
	at ann sbx-pull "$D/www"
	at ann sbx-pull -n
	assert_eq "$output" "gk2: would pull from http://10.10.0.1:8799/" "-n"
	# by the name that members give, and found by each of them all the same
	at hub sbx-member name mule "$(cat "$D/hub.did")"
	publish hub "$D/www"
	at ann sbx-pull "$D/www"
	at ann sbx-pull -n
	assert_eq "$output" "mule: would pull from http://10.10.0.1:8799/" "-n"
	for n in mule gk2 "$(cat "$D/hub.did")"; do
		at ann sbx-pull -n "$n"
		assert_eq "$output" "$n: would pull from http://10.10.0.1:8799/" "-n $n"
	done
}

@test "what is none of peer, node, address or file is the caller's mistake" {
	publish hub "$D/www"
	before=$(entries ann)
	at ann 2 sbx-pull "$D/www" nobody
	assert_says sbx-pull nobody
	at ann 2 sbx-pull --nonsense
	at ann 2 sbx-pull -t 0
	at ann 2 sbx-pull ftp://127.0.0.1/
	assert_eq "$(entries ann)" "$before" "something was pulled"
	at ann 4 sbx-pull "$D/not/there"
}

@test "a dry run asks nobody and changes nothing" {
	answer 'HTTP/1.1 404 Not Found\r\n\r\n'
	before=$(SBX_STATE=$D/ann sbx-ledger export)
	at ann sbx-pull -n "$URL"
	assert_eq "$output" "$URL: would pull from $URL" "-n"
	assert_no_file "$D/asked.$PORT" "somebody was asked"
	assert_eq "$(SBX_STATE=$D/ann sbx-ledger export)" "$before" "something changed"
}

@test "publishing after a pull happens when asked for, and when there is news" {
	publish hub "$D/www"
	at ann sbx-pull "$D/www"
	assert_no_file "$D/ann/www" "published unasked"
	ban hub 1
	publish hub "$D/www"
	at ann sbx-pull --publish "$D/www"
	at ann sbx-ledger export
	assert_eq "$(cat "$D/ann/www/export.jsonl")" "$output" "not what export says"
	rm "$D/ann/www/export.jsonl"
	at ann sbx-pull --publish "$D/www"
	assert_no_file "$D/ann/www/export.jsonl" "published without news"
}

@test "a pull that is killed leaves a sound ledger" {
	for i in 1 2 3 4 5; do ban hub $i; done
	publish hub "$D/www"
	answer "HTTP/1.1 200 OK\r\n\r\n$(cat "$D/www/export.jsonl")\n" 'sleep 30'
	SBX_STATE=$D/ann sbx-pull "$URL" >/dev/null 2>&1 3>&- &
	pid=$!
	sleep .2
	kill -9 $pid
	wait $pid || :
	at ann sbx-ledger fsck -n
	at ann sbx-pull "$D/www"
}

@test "there must be a ledger" {
	node none
	publish hub "$D/www"
	at none 2 sbx-pull "$D/www"
	assert_hint sbx-pull
}
