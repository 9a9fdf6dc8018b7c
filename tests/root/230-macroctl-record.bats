#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# The audit log and the grants file: no grant without a record, no lie in it,
# whole after a crash (I24 I27; hostile tests M22, M33-M36, M42, M43, M49-M53).

bats_require_minimum_version 1.5.0
load ../lib/helpers
load ../lib/box
load ../lib/lending

setup_file() {
	lend_file
}

teardown_file() {
	box_end
}

setup() {
	lend_clean
}

@test "M49: an audit log that is not root's alone stops a grant" {
	local how args
	grant_args
	for how in 'ln -s /var/log/victim LOG' 'touch /var/log/victim; ln /var/log/victim LOG' 'mkfifo LOG' 'mkdir LOG' \
		'touch LOG; chown sbx LOG' 'touch LOG; chmod 666 LOG' 'touch LOG; chmod 660 LOG' \
		'chmod 777 /var/log/sbx' 'chown sbx /var/log/sbx'; do
		gk sh -c "rm -rf /var/log/sbx /var/log/victim; mkdir -m 750 /var/log/sbx; ${how//LOG/$AUDIT}"
		run gk timeout 20 sbx-macroctl "${args[@]}"
		assert_like "$status" '^[14]$' "status with: $how ($output)"
		assert_eq "$(gk nft list ruleset)" "" "granted with: $how"
		assert_eq "$(gk sh -c 'cat /var/log/victim 2>/dev/null')" "" "written elsewhere with: $how"
	done
}

@test "M50: on a full disk nothing is granted, and what is granted can be revoked" {
	grant
	gk sh -c "cp -a /var/log/sbx /tmp/l; mount -t tmpfs -o size=16k,mode=750 tmpfs /var/log/sbx
		cp -a /tmp/l/. /var/log/sbx; cat /dev/zero >/var/log/sbx/fill 2>/dev/null; :"
	# The last block may still have room for some lines.
	local args i
	grant_args ip=10.10.0.3 sub="$DID2"
	for i in {1..40}; do
		run gk sbx-macroctl "${args[@]}"
		[ "$status" -eq 0 ] || break
	done
	assert_eq "$status" 4 "a grant on a full disk: $output"
	run gk sbx-macroctl plain revoke --sub "$DID"
	assert_eq "$status" 4 "revoke does not say that the record is missing"
	assert_eq "$(elements)" "" "revoked, but open"
	run gk sbx-macroctl sync
	assert_eq "$(elements)" "" "sync brought it back"
	gk umount /var/log/sbx
}

@test "M51: what a caller says cannot forge or hide a record" {
	local v
	for v in $'\e[2J' $'a\nb' $'\x9b' $'\u202e' '"},{"' $'\r' $'\x7f' '\u0000'; do
		refused 2 "" sub="$v" kind="$v"
	done
	assert_eq "$(gk sh -c "LC_ALL=C grep -c '[^ -~]' $AUDIT")" 0 "bytes outside 0x20 to 0x7e"
	assert_eq "$(gk sh -c "jq -c . $AUDIT | wc -l")" 8 "records"
	run_gk sbx-macroctl sync
	run_gk sbx-macroctl check
}

# I2
@test "of a refused caller's word 200 bytes are kept" {
	local n word
	for n in 200 201 4000; do
		printf -v word 'w%.0s' $(seq "$n")
		refused 2 "subscriber" sub="$word"
		assert_eq "$(gk tail -n1 $AUDIT | jq -r '.sub | length')" 200 "of $n"
	done
	refused 2 "subscriber" sub="${word:0:199}"
	assert_eq "$(gk tail -n1 $AUDIT | jq -r '.sub | length')" 199 "of 199"
}

@test "M52 M53: whatever is changed in the record, check names the line" {
	local n
	grant
	grant service="$SID2"
	run_gk sbx-macroctl plain revoke --sub "$DID"
	gk cp -a $AUDIT /tmp/audit
	run_gk sbx-macroctl check
	# Any one byte of any line but the last.
	n=$(gk sh -c "head -n3 $AUDIT | wc -c")
	local at
	for ((at = 5; at < n; at += 97)); do
		gk sh -c "cp -a /tmp/audit $AUDIT; printf '\\001' | dd of=$AUDIT bs=1 seek=$at conv=notrunc status=none"
		run gk sbx-macroctl check
		assert_like "$output" 'audit log.*no.*line [0-9]' "byte $at changed: $(gk cat $AUDIT)"
	done
	for how in '2d' '1d' '3{h;d};4{G}' '3s/intent/done/' '2s/done/failed/'; do
		gk sh -c "sed '$how' /tmp/audit >/tmp/a; cat /tmp/a >$AUDIT"
		run_gk 1 sbx-macroctl check
		assert_like "$output" 'audit log.*no.*line [0-9]' "sed $how"
	done
	# A cut end, and a line that a power cut left half.
	gk sh -c "head -n4 /tmp/audit >$AUDIT"
	run_gk 1 sbx-macroctl check
	gk sh -c "cp -a /tmp/audit $AUDIT; printf '{\"at\":' >>$AUDIT"
	run_gk 1 sbx-macroctl check
	assert_has "$output" "cut short" "half a line"
	grant
	run_gk sbx-macroctl check
}

@test "M33: killed at any system call, it leaves nothing that sync does not mend" {
	require strace
	local args call n done=0 live
	grant_args
	gk sh -c 'mv /usr/lib/sbx/macros.d/plain /tmp/p; sed "s/^env.*/: >\/tmp\/plain.\$MACRO_VERB/" /tmp/p >/usr/lib/sbx/macros.d/plain; chmod 755 /usr/lib/sbx/macros.d/plain'
	for call in fcntl:1 fcntl:2 write:1 write:2 write:3 write:4 fsync:1 fsync:2 fsync:3 fsync:4 fsync:5 fdatasync:1 \
		fdatasync:2 pwrite64:1 pwrite64:2 memfd_create:1 rename:1 rename:2 clone:1 clone:2 clone:3 clone:4 clone:5 \
		waitid:1 waitid:2 waitid:3 waitid:4 waitid:5; do
		gk sh -c "nft flush ruleset; rm -f $AUDIT* $GRANTS* /tmp/plain.*"
		run gk timeout 20 strace -qq -o /dev/null -e trace="${call%:*}" \
			-e inject="${call%:*}:signal=KILL:when=${call#*:}" sbx-macroctl "${args[@]}"
		[ "$status" -eq 0 ] || done=$((done + 1))
		# An element means that its intent is on record.
		[ -z "$(elements 2>/dev/null)" ] || gk grep -q '"step":"intent"' $AUDIT ||
			fail "a grant without a record, killed at $call"
		run gk sbx-macroctl sync
		live=$(gk sh -c "jq -c '.grants[]' $GRANTS 2>/dev/null | wc -l")
		assert_eq "$(elements 2>/dev/null | wc -l)" "$live" "firewall and grants differ, killed at $call"
		gk sh -c '[ ! -e /tmp/plain.grant ] || [ -e /tmp/plain.revoke ]' || [ "$live" -eq 1 ] ||
			fail "the plugin was not told, killed at $call"
		run_gk sbx-macroctl check
	done
	[ "$done" -gt 10 ] || fail "it was killed only $done times"
}

@test "M42: after a flush or reboot live grants come back with what they had left" {
	grant service= ttl=600
	gk nft flush ruleset
	gk python3 -c '
import json
p = "/var/log/sbx/grants"
g = json.load(open(p))
g["grants"][0]["boot_until"] -= 300 * 10**6
open(p, "w").write(json.dumps(g, separators=(",", ":")))'
	run_gk sbx-macroctl sync
	assert_eq "$(gk nft -j list set inet sbx lend | jq '[.nftables[].set.elem // empty | .[].elem | (.timeout > 290 and .timeout <= 300)]' -c)" '[true]' "time left"
	run_gk sbx-macroctl check
	gk nft flush ruleset
	gk sed -i 's/"boot":"[^"]*"/"boot":"00000000-0000-0000-0000-000000000000"/' $GRANTS
	run_gk sbx-macroctl sync
	assert_eq "$(gk nft -j list set inet sbx lend | jq '[.nftables[].set.elem // empty | .[].elem | (.timeout > 590 and .timeout <= 600)]' -c)" '[true]' "time left in another boot"
	run_gk sbx-macroctl sync
	assert_eq "$stderr" "" "a second sync had something to do"
}

@test "M43: a clock set back, or too far, lengthens no grant" {
	local edit
	grant service= ttl=600
	gk sed -i 's/"boot":"[^"]*"/"boot":"00000000-0000-0000-0000-000000000000"/' $GRANTS
	gk cp -a $GRANTS /tmp/g
	for edit in 's/"since":"2.../"since":"2999/; s/"until":"2.../"until":"2999/' 's/"until":"2.../"until":"2001/'; do
		gk sh -c "nft flush ruleset; sed '$edit' /tmp/g >$GRANTS"
		run_gk sbx-macroctl sync
		assert_eq "$(elements)" "" "restored after: $edit"
	done
	# Same boot: the wall clock does not matter.
	grant service= ttl=600
	gk sed -i 's/"since":"2.../"since":"2001/; s/"until":"2.../"until":"2001/' $GRANTS
	run_gk sbx-macroctl -j list
	assert_eq "$(jq '.left > 590 and .left <= 600' <<<"$output")" true "left"
}

@test "sync withdraws when the subscriber is no member" {
	grant service= ttl=600
	grant ip=10.10.0.3 sub="$DID2" service=
	run_gk sbx-macroctl sync
	assert_eq "$(elements | wc -l)" 2 "both stay"
	box_as gk sbx sbx-member revoke "$DID2"
	run_gk sbx-macroctl sync
	assert_eq "$(elements)" '["10.10.0.2","tcp",8080]' "the revoked one's is gone"
	box_as gk sbx sbx-member revoke "$DID"
	run_gk sbx-macroctl sync
	assert_eq "$(elements)" "" "after the member's revocation"
	assert_eq "$(gk jq -r '.do' $AUDIT | sort -u | paste -sd,)" grant,withdraw "the record"
	run_gk sbx-macroctl check
}

@test "sync withdraws when the address is another's" {
	grant
	grant service=
	run_gk sbx-macroctl sync
	assert_eq "$(elements)" '["10.10.0.2","tcp",8080]' "the elements"
	gk sh -c 'printf "{\"node_id\":\"n1\",\"boxname\":\"n1\",\"pubkey_wg\":\"%s\",\"mesh_ip\":\"10.10.0.9\",\"ddns\":null,\"endpoint\":null}" \
		"$(wg genkey | wg pubkey)" | sbx-ledger -q -C /tmp/1 append node_publish >/dev/null'
	learn
	run_gk sbx-macroctl sync
	assert_eq "$(elements)" "" "after the move"
	grant ip=10.10.0.9
}

@test "sync withdraws what its offer lends no longer" {
	grant
	lends params='{"port":8082}'
	run_gk sbx-macroctl sync
	assert_eq "$(elements)" "" "the elements"
	run_gk sbx-macroctl check
}

@test "sync withdraws when the subscription ends, and closes what is offered" {
	local sub
	run_gk sbx-macroctl sync
	assert_eq "$(gk nft -j list set inet sbx ports | jq -c '.nftables[].set.elem // empty | .[].concat')" '["tcp",8080]' "the offered port"
	grant
	run_gk sbx-macroctl sync
	assert_ne "$(elements)" "" "withdrawn while its subscription is on the way"
	gk sbx-offer -q -C /tmp/1 subscribe "$SID"
	sub=$(gk sbx-offer -C /tmp/1 -j subs | jq -r .subscription_id)
	learn
	run_gk sbx-macroctl sync
	assert_ne "$(elements)" "" "withdrawn while subscribed"
	gk sbx-offer -C /tmp/1 cancel "$sub"
	learn
	run_gk sbx-macroctl sync
	assert_eq "$(elements)" "" "after the subscription's end"
	# The port stays closed: its service still listens.
	assert_eq "$(gk nft -j list set inet sbx ports | jq -c '.nftables[].set.elem // empty | .[].concat')" '["tcp",8080]' "the lent port"
	# Asked for anew, it is another subscription, which the log lacks here.
	refused 1 "has ended"
	grant plus=--subscription plus="$(printf 'd%.0s' {1..64})"
	run_gk sbx-macroctl sync
	assert_ne "$(elements)" "" "the new one withdrawn for the old"
}

@test "without a directory sync restores nothing, withdraws nothing and says so" {
	grant
	no_directory
	run_gk 4 sbx-macroctl sync
	assert_has "$stderr" "directory" "why"
	assert_eq "$(elements)" '["10.10.0.2","tcp",8080]' "the grant"
	gk nft flush ruleset
	run_gk 4 sbx-macroctl sync
	assert_eq "$(elements)" "" "restored unasked"
	assert_eq "$(gk nft -j list set inet sbx ports | jq -c '.nftables[].set.elem // empty | .[].concat')" '["tcp",8080]' "the lent port is open"
	# A database that is none, or a link to another's.
	gk sh -c 'echo x >/var/lib/sbx/ledger.db; chown sbx: /var/lib/sbx/ledger.db'
	run_gk 4 sbx-macroctl sync
	gk ln -sf /etc/shadow /var/lib/sbx/ledger.db
	run_gk 4 sbx-macroctl sync
}

@test "sync ends what ran out and tells the plugin" {
	grant service=
	gk python3 -c '
import json
p = "/var/log/sbx/grants"
g = json.load(open(p))
g["grants"][0]["boot_until"] = 1
open(p, "w").write(json.dumps(g, separators=(",", ":")))'
	run_gk sbx-macroctl list
	assert_eq "$output" "" "listed though over"
	run_gk sbx-macroctl sync
	assert_eq "$(elements)" "" "the element"
	assert_eq "$(gk grep -c . /tmp/plain.revoke | sed 's/^[1-9].*/told/')" told "the plugin"
}

@test "a grants file that is not ours stops all but is told how to mend" {
	grant
	local how args
	grant_args
	for how in 'echo x >G' 'echo {} >G' 'chmod 644 G' 'chown sbx G' 'sed -i s/\"port\":8080,/\"port\":80800,/ G' 'sed -i s/plain/../ G'; do
		gk sh -c "cp -a $GRANTS /tmp/g; ${how//G/$GRANTS}"
		run_gk 4 sbx-macroctl "${args[@]}"
		assert_has "$stderr" "hint: remove it" "no hint"
		run_gk 1 sbx-macroctl check
		gk sh -c "rm $GRANTS; cp -a /tmp/g $GRANTS"
	done
	gk rm $GRANTS
	run_gk sbx-macroctl sync
	assert_eq "$(elements)" "" "an element no grant stands behind"
	assert_eq "$(gk nft -j list set inet sbx ports | jq -c '.nftables[].set.elem // empty | .[].concat')" '["tcp",8080]' "the lent port is open"
}
