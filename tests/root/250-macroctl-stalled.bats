#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# A caller cannot hold up root, nor end it half-way; and nothing that root needs
# for lending holds up what it takes back (I3 I24 I26; hostile tests M19, M34,
# M50, M54).

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

# soon WORDS...: sbx-macroctl WORDS as root ends within three seconds; its status
# is in $status.
soon() {
	run --separate-stderr gk timeout 3 sbx-macroctl "$@"
	[ "$status" -ne 124 ] || fail "held up: sbx-macroctl $*"
}

all_go_on() {
	soon plain revoke --sub "$DID"
	assert_eq "$status" 0 "revoke: $stderr"
	assert_eq "$(elements)" "" "revoked and open"
	soon sync
	assert_eq "$status" 0 "sync: $stderr"
	soon list
	assert_eq "$status" 0 "list: $stderr"
	soon check
	assert_eq "$status" 0 "check: $output $stderr"
}

# caller WAY USER WORDS...: in gk, as USER, sudo sbx-macroctl WORDS in the
# background, stalled in the WAY; ends when it is stalled or done.
# shellcheck disable=SC2016 # python's
CALLER='
import fcntl, os, signal, subprocess, sys, time, resource, pty
way, words = sys.argv[1], sys.argv[2:]
def full():
    r, w = os.pipe()
    fcntl.fcntl(w, fcntl.F_SETPIPE_SZ, 4096)
    os.set_blocking(w, False)
    try:
        while True:
            os.write(w, b"x" * 4096)
    except BlockingIOError:
        pass
    os.set_blocking(w, True)
    return r, w
out = err = subprocess.DEVNULL
if way in ("stderr", "both"):
    keep, err = full()
if way in ("stdout", "both"):
    keep2, out = full()
if way == "terminal":
    master, slave = pty.openpty()
    import termios
    termios.tcflow(slave, termios.TCOOFF)
    out = err = slave
def prepare():
    if way == "nice":
        os.nice(19)
        os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))
    if way == "limits":
        for what in (resource.RLIMIT_FSIZE, resource.RLIMIT_CPU, resource.RLIMIT_NOFILE):
            resource.setrlimit(what, (16 if what == resource.RLIMIT_NOFILE else 1, 16 if what == resource.RLIMIT_NOFILE else 1))
p = subprocess.Popen(["sudo", "-n", "/usr/sbin/sbx-macroctl"] + words, stdin=subprocess.DEVNULL, stdout=out, stderr=err,
                     preexec_fn=prepare)
if way.startswith("SIG"):
    for i in range(60):
        try:
            p.send_signal(getattr(signal, way))
        except (PermissionError, ProcessLookupError):
            break
        time.sleep(0.005)
try:
    p.wait(1)
except subprocess.TimeoutExpired:
    pass
time.sleep(3)
'
caller() {
	local user=$2 way=$1 args
	shift 2
	grant_args "$@"
	box_as gk "$user" python3 -c "$CALLER" "$way" "${args[@]}" >/dev/null 2>&1 3>&- &
	CALLER_PID=$!
	sleep 0.8
}

caller_end() {
	kill "$CALLER_PID" 2>/dev/null || :
	wait "$CALLER_PID" 2>/dev/null || :
	gk pkill -KILL -x sudo || :
}

@test "M54: a pipe or terminal of the caller's that is full holds up nothing" {
	local way
	for way in stderr stdout both terminal; do
		lend_clean
		caller "$way" sbx-grant
		assert_eq "$(elements)" '["10.10.0.2","tcp",8080]' "granted ($way)"
		all_go_on
		caller_end
	done
}

@test "M54: a full pipe holds up nothing, whatever verb is stalled" {
	local words
	for words in list check kinds sync "plain revoke --sub $DID"; do
		lend_clean
		grant
		# shellcheck disable=SC2086 # words
		box_as gk sbx python3 -c "$CALLER" both $words >/dev/null 2>&1 3>&- &
		CALLER_PID=$!
		sleep 0.5
		all_go_on
		caller_end
	done
}

@test "a caller that is nice, or of few means, holds up nothing" {
	local way
	for way in nice limits; do
		lend_clean
		caller "$way" sbx-grant
		all_go_on
		caller_end
	done
}

# agreed WHERE: element, grants file and plugin say the same, at once or after
# the next sync; nothing is open that list does not show.
agreed() {
	local shown told
	run --separate-stderr gk timeout 20 sbx-macroctl sync
	run_gk sbx-macroctl -j list
	shown=$(jq -c '[.src_ip,.proto,.port]' <<<"$output")
	assert_eq "$(elements 2>/dev/null)" "$shown" "firewall and list, $1"
	told=$(gk sh -c 'cat /tmp/plain.last 2>/dev/null; :')
	case $told:$shown in
	: | revoke: | grant:?*) ;;
	*) fail "the plugin's last word is '$told', lent: '$shown', $1" ;;
	esac
	run_gk sbx-macroctl check
}

slow_plugin() {
	plugin plain <<-'EOF'
		#!/bin/sh
		# sbx-about: for tests: slow, tells its last word
		# sbx-opens: tcp port
		# sbx-param: port int 1 65535 required
		echo "$MACRO_VERB" >/tmp/plain.last
		sleep 0.3
	EOF
}

@test "M34: a signal to the caller's sudo leaves element, list and plugin agreed" {
	local sig
	slow_plugin
	for sig in SIGTERM SIGHUP SIGINT SIGQUIT SIGTSTP SIGTTOU SIGCONT SIGUSR1 SIGALRM; do
		gk sh -c "nft flush ruleset; rm -rf /var/log/sbx/* /tmp/plain.last"
		caller "$sig" sbx-grant
		sleep 2.5 # sudo ends its command two seconds after SIGALRM
		caller_end
		agreed "$sig"
	done
}

@test "M34: TERM and KILL at each step leave them agreed, granting and revoking" {
	require strace
	local args call sig verb
	slow_plugin
	gk sed -i '/sleep/d' $MACROS/plain
	for verb in grant revoke; do
		for call in write:2 rename:1 clone:1 waitid:2 waitid:4 pwrite64:1; do
			for sig in TERM KILL; do
				gk sh -c "nft flush ruleset; rm -rf /var/log/sbx/* /tmp/plain.last"
				grant_args
				if [ $verb = revoke ]; then
					grant
					args=(plain revoke --sub "$DID")
				fi
				run gk timeout -k 1 10 strace -qq -o /dev/null -e trace="${call%:*}" \
					-e inject="${call%:*}:signal=$sig:when=${call#*:}" sbx-macroctl "${args[@]}"
				agreed "$verb, $sig at $call"
			done
		done
	done
}

@test "a frozen caller that holds the lock is ended after a second" {
	local args pid
	plugin plain <<-'EOF'
		#!/bin/sh
		# sbx-about: for tests: takes long
		# sbx-opens: tcp port
		# sbx-param: port int 1 65535 required
		[ "$MACRO_VERB" != grant ] || sleep 8
		echo "$MACRO_VERB" >>/tmp/plain.last
	EOF
	grant_args
	# As a job of the box: nsenter stops with what it started, and stays so.
	box_bg gk sbx-macroctl "${args[@]}" >/dev/null 2>&1
	sleep 0.7
	pid=$(gk pgrep -x sbx-macroctl)
	# shellcheck disable=SC2086 # numbers
	gk kill -STOP $pid
	assert_eq "$(elements)" '["10.10.0.2","tcp",8080]' "open while its plugin works"
	all_go_on
	[ -z "$(gk pgrep -x -r R,S,D,T sbx-macroctl)" ] || fail "the holder is still there"
	assert_eq "$(gk cat /tmp/plain.last)" revoke "the plugin's last word"
}

@test "what is taken back while it is granted is not granted" {
	local args
	slow_plugin
	gk sed -i 's/sleep 0.3/[ "$MACRO_VERB" = revoke ] || sleep 0.8/' $MACROS/plain
	grant_args
	gk sbx-macroctl "${args[@]}" >/dev/null 2>"$BATS_TEST_TMPDIR/why" 3>&- &
	sleep 0.4
	run_gk sbx-macroctl plain revoke --sub "$DID"
	wait $! && fail "it says that it is lent"
	assert_has "$(<"$BATS_TEST_TMPDIR/why")" "taken back" "why"
	agreed "revoked while granted"
	assert_eq "$(elements)" "" "open"
}

@test "I26: what is taken back needs no record: revoke and sync close, and say 4" {
	local how undo
	while read -r how; do
		undo=${how#*|}
		how=${how%%|*}
		lend_clean
		grant
		grant ip=10.10.0.3 sub="$DID2"
		gk python3 -c '
import json
p = "/var/log/sbx/grants"
g = json.load(open(p))
g["grants"][1]["boot_until"] = 1
open(p, "w").write(json.dumps(g, separators=(",", ":")))'
		gk sh -c "${how//LOG/$AUDIT}" || fail "cannot try: $how"
		soon sync
		assert_eq "$status" 4 "sync with: $how"
		assert_eq "$(elements)" '["10.10.0.2","tcp",8080]' "what ran out is closed with: $how"
		soon plain revoke --sub "$DID"
		assert_eq "$status" 4 "revoke with: $how ($stderr)"
		assert_eq "$(elements)" "" "open with: $how"
		# Nor is it given back, now or after a flush.
		soon sync
		assert_eq "$status" 4 "sync with: $how"
		gk nft flush ruleset
		soon sync
		assert_eq "$(elements)" "" "given back with: $how"
		local args
		grant_args
		soon "${args[@]}"
		assert_like "$status" '^[14]$' "granted without a record: $how"
		assert_eq "$(elements)" "" "lent with: $how"
		gk sh -c "${undo//LOG/$AUDIT}"
	done <<-'END'
		rm LOG; mkdir LOG|rmdir LOG
		chown sbx LOG|:
		chmod 666 LOG|:
		rm LOG; mkfifo LOG|rm LOG
		rm LOG; ln -s /etc/passwd LOG|rm LOG
		chown sbx /var/log/sbx|chown root /var/log/sbx
		rm LOG.head; mkdir LOG.head|rmdir /var/log/sbx/audit.log.head
		rm /var/log/sbx/lock; mkdir /var/log/sbx/lock|rmdir /var/log/sbx/lock
		chmod 666 /var/log/sbx/lock|:
		mount --bind /var/log/sbx /var/log/sbx; mount -o remount,ro,bind /var/log/sbx|umount /var/log/sbx
	END
}

@test "a grants file that cannot be read: revoke closes all that could be meant" {
	grant
	grant ip=10.10.0.3 sub="$DID2"
	gk sh -c "echo x >$GRANTS"
	soon plain revoke --src-ip 10.10.0.3
	assert_eq "$status" 4 "revoke: $stderr"
	assert_eq "$(elements)" '["10.10.0.2","tcp",8080]' "of one address"
	soon plain revoke --sub "$DID"
	assert_eq "$status" 4 "revoke: $stderr"
	assert_eq "$(elements)" "" "of one subscriber"
}

@test "a lock on the log, by whoever may read it, holds up nobody" {
	grant
	gk sh -c "chgrp sbx-grant /var/log/sbx $AUDIT; chmod 750 /var/log/sbx; chmod 640 $AUDIT"
	box_as gk sbx-grant flock $AUDIT sleep 20 3>&- &
	sleep 0.3
	grant
	all_go_on
	run box_as gk sbx-grant flock /var/log/sbx/lock true
	assert_ne "$status" 0 "another may lock the lock"
	kill $!
}

@test "the record verified: over rotations; a cut end is not forgotten" {
	grant
	run_gk sbx-macroctl audit verify
	gk mv $AUDIT $AUDIT.1
	run_gk sbx-macroctl audit verify
	grant ip=10.10.0.3 sub="$DID2"
	run_gk sbx-macroctl audit verify
	assert_has "$stderr" "4 lines" "both files"
	run_gk sbx-macroctl check
	gk sh -c "head -n1 $AUDIT >/tmp/a; cat /tmp/a >$AUDIT"
	run_gk 1 sbx-macroctl audit verify
	grant
	run_gk 1 sbx-macroctl audit verify
	assert_like "$stderr" "audit.log: line 2: does not follow" "where"
	run_gk 1 sbx-macroctl check
	gk rm $AUDIT
	run_gk 1 sbx-macroctl audit verify
	grant
	run_gk 1 sbx-macroctl audit verify
	run_gk 2 sbx-macroctl audit burn
}
