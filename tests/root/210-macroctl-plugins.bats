#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Which files root runs as plugins, and what becomes of one that misbehaves
# (I25; hostile tests M26-M30).

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

# A plugin of kind bad with the header good plugins have, and $1 after it.
bad() {
	plugin bad "${2:-755}" <<-EOF
		#!/bin/sh
		# sbx-opens: tcp port
		# sbx-param: port int 1 65535 required
		$1
	EOF
}

# Denied after intent: nothing stays, and the record says why.
failed() {
	local before args words=$2 rc=$1
	before=$(state_of)
	lends kind=bad
	grant_args kind=bad
	run_gk "$rc" sbx-macroctl "${args[@]}"
	assert_has "$stderr" "$words" "no reason" || return
	assert_eq "$(elements)" "" "an element stays" || return
	assert_eq "$(gk sh -c "cat $GRANTS 2>/dev/null")" "" "a grant stays" || return
	assert_eq "$(gk tail -n2 $AUDIT | jq -r .step | paste -sd,)" intent,failed "the record"
}

@test "M26: a link, pipe, directory or device is no plugin" {
	gk ln -s plain $MACROS/bad
	refused 1 "not a plain file" kind=bad
	gk sh -c "rm $MACROS/bad; ln -s /bin/sh $MACROS/bad"
	refused 1 "not a plain file" kind=bad
	gk sh -c "rm $MACROS/bad; mkfifo $MACROS/bad"
	refused 1 "not an executable file of root's alone" kind=bad
	gk sh -c "rm $MACROS/bad; mkdir $MACROS/bad"
	refused 1 "not an executable file of root's alone" kind=bad
	gk sh -c "rmdir $MACROS/bad; mknod $MACROS/bad c 1 3" || return 0
	refused 1 "" kind=bad
}

@test "M26: a plugin others can write, or own, or that is setuid, is none" {
	bad exit
	local mode
	for mode in 775 757 777 4755 2755 644; do
		gk chmod "$mode" $MACROS/bad
		refused 1 "not an executable file of root's alone" kind=bad
	done
	gk sh -c "chmod 755 $MACROS/bad; chown sbx $MACROS/bad"
	refused 1 "not an executable file of root's alone" kind=bad
	run_gk 1 sbx-macroctl check
	assert_like "$output" 'plugin bad.*no.*not an executable' "check"
	run_gk sbx-macroctl -j kinds
	assert_eq "$(jq -r 'select(.wrong != null).kind' <<<"$output")" bad "kinds"
}

@test "M26: a directory others can write, or one above it, has no plugins" {
	local dir
	for dir in $MACROS /usr/lib/sbx /usr/lib /usr; do
		gk chmod o+w "$dir"
		refused 1 "not root's alone" kind=plain
		gk chmod o-w "$dir"
	done
	gk chown sbx $MACROS
	refused 1 "not root's alone" kind=plain
	gk sh -c "chown root $MACROS; mv $MACROS /tmp/m && ln -s /tmp/m $MACROS"
	refused 4 "" kind=plain
	gk rm -rf $MACROS /tmp/m
	refused 4 "" kind=plain
}

@test "a plugin whose header is not understood is refused" {
	local line
	while IFS= read -r line; do
		printf '#!/bin/sh\n# sbx-opens: tcp port\n# sbx-param: port int 1 65535 required\n%s\nexit 0\n' "$line" | plugin bad
		refused 1 "its header" kind=bad
	done <<-'EOF'
		# sbx-param: port int 1 9
		# sbx-param: a int
		# sbx-param: a int 1
		# sbx-param: a int 9 1
		# sbx-param: a int x y
		# sbx-param: a int 01 9
		# sbx-param: a text -1 9
		# sbx-param: a text 1 99999
		# sbx-param: a float 1 9
		# sbx-param: A int 1 9
		# sbx-param: a-b int 1 9
		# sbx-param: a int 1 9 optional
		# sbx-param: a int 1 9 required x
		# sbx-param: a bool 1
		# sbx-parm: a bool
		# sbx-opens: udp port
	EOF
	printf '#!/bin/sh\nexit 0\n' | plugin bad
	refused 1 "sbx-opens must name" kind=bad
	printf '#!/bin/sh\n# sbx-opens: tcp port\n# sbx-param: port int 0 65535 required\n' | plugin bad
	refused 1 "sbx-opens must name" kind=bad
	printf '#!/bin/sh\n# sbx-opens: tcp port\n# sbx-param: port int 1 65535\n' | plugin bad
	refused 1 "sbx-opens must name" kind=bad
	printf '#!/bin/sh\n# sbx-opens: sctp port\n# sbx-param: port int 1 65535 required\n' | plugin bad
	refused 1 "neither tcp nor udp" kind=bad
	{ printf '#!/bin/sh\n# sbx-opens: tcp port\n# sbx-param: port int 1 65535 required\n'
		printf '# sbx-param: p%d bool\n' {1..16}; } | plugin bad
	refused 1 "too many parameters" kind=bad
}

# I24
@test "M30: a plugin that fails, is killed or floods leaves nothing open" {
	bad 'echo "out of mirrors" >&2; exit 1'
	failed 1 "bad grant: out of mirrors"
	bad 'exit 3'
	failed 4 "bad grant: failed"
	bad 'kill -SEGV $$'
	failed 4 "bad grant"
	bad 'cat /dev/zero'
	failed 4 "wrote more"
	bad 'cat /dev/zero >&2'
	failed 4 "wrote more"
	bad 'printf "a\033[31mb\n" >&2; exit 1'
	failed 1 "a?[31mb"
	plugin bad <<<$'#!/nonexistent\n# sbx-opens: tcp port\n# sbx-param: port int 1 65535 required'
	failed 4 "cannot be started"
}

@test "M30: a plugin that hangs is killed with its children after ten seconds" {
	bad 'sleep 4711 & sleep 4711'
	failed 4 "took longer"
	run ! gk pgrep -f '^sleep 4711'
}

@test "M30: what a plugin leaves running is gone when it ends" {
	bad 'setsid sh -c "sleep 4712" >/dev/null 2>&1 & sleep 4712 & sleep .2; exit 0'
	grant kind=bad
	run ! gk pgrep -fx 'sleep 4712'
}

# I3
@test "a renewal that fails leaves the grant as it was" {
	grant ttl=600
	gk touch /tmp/plain.fail.grant
	local args
	grant_args ttl=6000
	run_gk 1 sbx-macroctl "${args[@]}"
	run_gk sbx-macroctl -j list
	assert_eq "$(jq '.left > 590 and .left <= 600' <<<"$output")" true "the old time"
	run_gk sbx-macroctl check
	assert_eq "$(gk ls /tmp/plain.revoke 2>/dev/null)" "" "the plugin was told to revoke"
}

# I25
@test "M27: only the file that was checked runs, however often it is swapped" {
	gk sh -c "cp $MACROS/plain /tmp/good; printf '#!/bin/sh\ntouch /tmp/plain.evil\n' >/tmp/evil; chmod 777 /tmp/evil"
	box_bg gk sh -c "while :; do cp /tmp/good /tmp/g; mv /tmp/g $MACROS/swap; cp -a /tmp/evil /tmp/e; mv /tmp/e $MACROS/swap; done"
	local swapper=$BOX_PID i args seen=0
	lends kind=swap
	grant_args kind=swap
	for i in {1..25}; do
		gk sbx-macroctl -q "${args[@]}" 2>/dev/null && seen=$((seen + 1))
	done
	kill "$swapper"
	wait "$swapper" || :
	run ! gk test -e /tmp/plain.evil
	[ "$seen" -gt 0 ] || fail "never granted: the race was not run"
}
