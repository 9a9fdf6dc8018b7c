#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Two installed boxes: one publishes by the lighttpd configuration that is
# shipped, the other pulls, each as the user it has for that.

load ../lib/helpers
load ../lib/box

setup() {
	require_root
	require lighttpd
	box_lan
	for b in gk2 c3box; do
		box_new $b
		box_as $b sbx sbx-ledger init --no-recovery >/dev/null
	done
	box_link gk2 10.10.0.1/24
	box_link c3box 10.10.0.2/24
	box_as gk2 sbx sbx-member invite |
		box_as c3box sbx sbx-member accept >/dev/null 2>&1
	box_as c3box sbx sbx-ledger export | box_as gk2 sbx sbx-ledger -q import
	record gk2 10.10.0.1
	record c3box 10.10.0.2
}

teardown() {
	box_end
}

record() { # BOX IP
	printf '{"node_id":"%064d","boxname":"%s","pubkey_wg":"%s","mesh_ip":"%s","ddns":"","endpoint":""}' \
		"${2##*.}" "$1" "$(head -c32 /dev/urandom | base64)" "$2" |
		box_as "$1" sbx sbx-ledger append node_publish >/dev/null
}

publish() { # BOX IP
	box_as "$1" sbx sbx-ledger publish
	box_bg "$1" env SBX_MESH_IP="$2" lighttpd -D \
		-f /etc/sbx/lighttpd/directory.conf 2>/dev/null
	for _ in $(seq 300); do
		box "$1" ss -Hltn "src $2:8799" | grep -q . && return
		sleep .01
	done
	fail "lighttpd does not listen"
}

digest() {
	box_as "$1" sbx sbx-ledger -j status | jq -r .state
}

@test "a member's node is found in the directory and pulled as user sbx" {
	publish gk2 10.10.0.1
	box_as gk2 sbx sbx-ledger export | box_as c3box sbx sbx-ledger -q import
	printf '{"ban_id":"%064d","ip":"192.0.2.1","reason":"scan","severity":1,"expires_at":null}' 1 |
		box_as gk2 sbx sbx-ledger append ban_publish >/dev/null
	box_as gk2 sbx sbx-ledger publish
	run -0 box_as c3box sbx sbx-pull
	assert_like "$output" '^gk2: 1 new, [0-9]+ known, 0 refused$' "the summary"
}

@test "once all have pulled from all, the state is the same everywhere" {
	publish gk2 10.10.0.1
	run -0 box_as c3box sbx sbx-pull http://10.10.0.1:8799/
	publish c3box 10.10.0.2
	run -0 box_as gk2 sbx sbx-pull http://10.10.0.2:8799/
	assert_eq "$(digest gk2)" "$(digest c3box)" "two states"
}

@test "the web server gets at what is published and at nothing else" {
	publish gk2 10.10.0.1
	for f in /var/lib/sbx/ledger.db /etc/sbx/secrets/node.key /var/log/sbx; do
		run ! box gk2 setpriv --reuid www-data --regid www-data \
			--clear-groups cat "$f"
		run ! box gk2 setpriv --reuid www-data --regid www-data \
			--clear-groups ls "$f"/
	done
	run -0 box c3box curl -sfo /dev/null http://10.10.0.1:8799/export.jsonl
	for p in ../ledger.db %2e%2e/ledger.db ../../../../etc/passwd x.new ''; do
		run -22 box c3box curl -sf --path-as-is "http://10.10.0.1:8799/$p"
	done
	box gk2 ps -C lighttpd -o user= | grep -q www-data
	! box gk2 ps -C lighttpd -o user= | grep -v www-data
}

@test "the child that reads the network has no descriptor of the ledger" {
	box_bg gk2 socat TCP-LISTEN:8799,bind=10.10.0.1 EXEC:'sleep 20'
	box_bg c3box setpriv --reuid sbx --regid sbx --init-groups sbx-pull -t 5 http://10.10.0.1:8799/
	for _ in $(seq 200); do
		box c3box ss -Htn state established dst 10.10.0.1 | grep -q . && break
		sleep .01
	done
	pids=$(box c3box pgrep -x sbx-pull | sort -n)
	assert_eq "$(wc -l <<<"$pids")" 2 "not two processes: $pids"
	parent=$(head -1 <<<"$pids") child=$(tail -1 <<<"$pids")
	assert_has "$(box c3box ls -l "/proc/$parent/fd")" ledger.db "the parent reads no ledger"
	assert_lacks "$(box c3box ls -l "/proc/$child/fd")" ledger.db "the child has it"
}
