#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# What sbx-macroctl may be talked into, and what not (I23; hostile
# tests M1-M25).

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

@test "a good request opens one port for one address and one time" {
	grant
	assert_eq "$(elements)" '["10.10.0.2","tcp",8080]' "the elements"
	run_gk sbx-macroctl -j list
	assert_eq "$(jq -c '[.kind,.sub,.src_ip,.proto,.port,.service,.left>595,.left<=600,.bytes]' <<<"$output")" \
		"[\"plain\",\"$DID\",\"10.10.0.2\",\"tcp\",8080,\"$SID\",true,true,0]" "list"
	run_gk sbx-macroctl check
	assert_eq "$(gk jq -r .step $AUDIT | paste -sd,)" intent,done "the record"
}

@test "M3 M4: another verb, no verb, a word too many or too few is misuse" {
	local verb
	for verb in Grant 'grant
' '' 'grant ' gran --grant; do
		run -2 --separate-stderr gk sbx-macroctl plain "$verb" --sub "$DID"
	done
	run -2 --separate-stderr gk sbx-macroctl
	run -2 --separate-stderr gk sbx-macroctl grant
	run -2 --separate-stderr gk sbx-macroctl plain
	grant_args plus=word
	run -2 --separate-stderr gk sbx-macroctl "${args[@]}"
	grant_args plus=--
	run -0 --separate-stderr gk sbx-macroctl -n "${args[@]}"
	grant_args plus=-- plus=--ttl
	run -2 --separate-stderr gk sbx-macroctl "${args[@]}"
	grant_args plus=--ttl plus=700
	run -2 --separate-stderr gk sbx-macroctl "${args[@]}"
	grant_args plus=--tt plus=700
	run -2 --separate-stderr gk sbx-macroctl "${args[@]}"
	grant_args ttl= plus=--ttl
	run -2 --separate-stderr gk sbx-macroctl "${args[@]}"
	run -2 --separate-stderr gk sbx-macroctl -C /tmp list
	assert_eq "$(state_of)" "" "something was done"
}

@test "M5: a kind that is no name, or no kind here, is refused" {
	local kind
	for kind in ../x a/b . .. -x a A Plain "plain " "$(printf 'a%.0s' {1..33})" \
		"$(printf 'a%.0s' {1..256})" plän 1a $'pl\nain' 'pl*n' /bin/sh; do
		[ "$kind" = -x ] || refused 2 "kind: not a lower-case name" kind="$kind"
	done
	refused 1 "no such kind here" kind=nosuch
	refused 1 "no such kind here" kind=list
}

@test "M6: a trailing backslash and an endless argument are refused" {
	refused 2 "parameters" params='{"port":8080}\'
	refused 2 "subscriber" sub="$DID\\"
	refused 2 "parameters" params="{\"port\":$(printf '1%.0s' {1..100000})}"
	refused 2 "subscriber" sub="$(printf 'x%.0s' {1..100000})"
}

# I23
@test "M7: an argument that looks like several is one argument" {
	refused 2 "time to live" ttl="600 --service $SID"
	refused 2 "address" ip="10.10.0.2 --ttl 99"
	refused 2 "subscriber" sub="$DID --src-ip 10.10.0.3"
}

# I23
@test "M8 M9 M10: only one box's canonical address in the mesh is taken" {
	local ip
	for ip in localhost 010.10.0.2 10.10.2 0x0a0a0002 '10.10.0.2 ' ' 10.10.0.2' \
		168427522 10.10.0.0/24 10.10.0.2-9 10.10.0.2,10.10.0.3 '10.10.0.2; flush' \
		:: ::1 fe80::1 ::ffff:10.10.0.2 10.10.0.256 10.10.0.02 '@lend' '*' $'10.10.0.2\n'; do
		refused 2 "address" ip="$ip"
	done
	for ip in 0.0.0.0 127.0.0.1 224.0.0.1 255.255.255.255 10.10.1.2 10.9.255.255 192.0.2.1; do
		refused 1 "not a box's address in the mesh" ip="$ip"
	done
	refused 1 "not a box's address in the mesh" ip=10.10.0.0
	refused 1 "not a box's address in the mesh" ip=10.10.0.255
	refused 1 "own address" ip=10.10.0.1
}

@test "M12: a time to live is 60 to 86400 seconds and never none" {
	local ttl
	for ttl in 0 -1 59 86401 1e3 2147483648 4294967296 18446744073709551616 \
		60s 0x60 060 +60 60.0 ' 60' '60 ' none; do
		refused 2 "time to live" ttl="$ttl"
	done
	refused 2 "time to live" ttl=
	grant ttl=60
	grant ttl=86400
	assert_eq "$(gk nft -j list set inet sbx lend | jq '[.nftables[].set.elem // empty | .[].elem | select(.timeout == null or .timeout == 0)] | length')" \
		0 "a permanent element"
}

@test "M13: a subscriber and a service have one form each" {
	local v
	for v in x did:plc: "${DID}0" "${DID%?}" "${DID^^}" "did:web:${DID#did:plc:}" "$DID\"" "$DID;}"; do
		refused 2 "subscriber" sub="$v"
	done
	refused 2 "subscriber" sub=
	for v in x "${SID}a" "${SID%?}" "${SID^^}" "g${SID%?}" '"'; do
		refused 2 "service" service="$v"
		refused 2 "subscription" plus=--subscription plus="$v"
	done
}

@test "parameters are what the plugin declares, by name, type and bounds" {
	local p
	for p in '' '{' '{}x' 'null,' '{"port":8080,"port":8080}' '{"port":8080}{}' '{"port":08080}' \
		$'{"port":8080,"word":"\xff"}' '{"port":NaN}' '{"port":1e3}' '{"word":"\u0000","port":8080}'; do
		refused 2 "parameters" params="$p"
	done
	for p in '[8080]' '8080' '"x"' null; do
		refused 2 "not a JSON object" params="$p"
	done
	for p in '{"port":0}' '{"port":65536}' '{"port":-1}' '{"port":"8080"}' '{"port":null}' '{"port":true}'; do
		refused 1 "parameter port" params="$p"
	done
	refused 1 "parameter port: missing" params='{}'
	refused 1 "no such parameter" params='{"port":8080,"other":1}'
	refused 1 "no such parameter" params='{"port":8080,"PATH":"x"}'
	refused 1 "parameter flag" params='{"port":8080,"flag":"true"}'
	for p in '' -x '$(id)' 'a b' 'a;b' "a'b" 'a\nb' '`id`' 'a|b' 'a&b' '<a' '%s' '*' '~' '{a}' é \
		aaaaaaaaaaaaaaaaaaaaa; do
		refused 1 "parameter word" params="{\"port\":8080,\"word\":\"$p\"}"
	done
}

@test "the ports the mesh itself stands on are not lent" {
	local port
	for port in 8798 8799 51822; do
		refused 1 "the mesh itself needs it" params="{\"port\":$port}"
	done
}

# I25
@test "M14 M15 M18: a plugin gets our environment, descriptors and nothing else" {
	local args
	lends params='{"flag":true,"port":8080,"word":"a.b/c"}'
	grant_args params='{"flag":true,"port":8080,"word":"a.b/c"}'
	gk env LD_PRELOAD=/tmp/x.so GCONV_PATH=/tmp GLIBC_TUNABLES=x BASH_ENV=/tmp/x ENV=/tmp/x \
		PYTHONPATH=/tmp PERL5OPT=-x IFS=x TZ=x LANG=x 'BASH_FUNC_x%%=() { :; }' \
		MACRO_SRC_IP=10.10.0.9 MACRO_PARAM_evil=1 SUDO_UID=0 WG_ENDPOINT_RESOLUTION_RETRIES=infinity \
		sh -c 'exec 9</etc/shadow 5</dev/null; exec sbx-macroctl "$@"' sh "${args[@]}"
	assert_eq "$(gk grep -v '^\(PWD\|_\|SHLVL\|OLDPWD\)=' /tmp/plain.grant)" "LC_ALL=C
MACRO_DIR=/run/sbx/macro/plain
MACRO_KIND=plain
MACRO_PARAM_flag=true
MACRO_PARAM_port=8080
MACRO_PARAM_word=a.b/c
MACRO_PORT=8080
MACRO_PROTO=tcp
MACRO_SERVICE=$SID
MACRO_SRC_IP=10.10.0.2
MACRO_SUB=$DID
MACRO_TTL=600
MACRO_VERB=grant
PATH=/usr/sbin:/usr/bin:/sbin:/bin" "the plugin's environment"
	lends params='{"port":8080}' # again
	plugin fds <<-'EOF'
		#!/bin/sh
		# sbx-opens: tcp port
		# sbx-param: port int 1 65535 required
		ls -l /proc/$$/fd | sed 's/.*-> //' >/tmp/plain.fds
	EOF
	gk sh -c 'exec 9</etc/shadow; exec sbx-macroctl fds grant --sub "$1" --src-ip 10.10.0.2 --params "{\"port\":8080}" --ttl 600' sh "$DID"
	assert_lacks "$(gk cat /tmp/plain.fds)" shadow "a descriptor leaks"
}

@test "M17: without descriptors 0 to 2 nothing lands in the wrong file" {
	local close
	for close in '<&-' '>&-' '2>&-' '<&- >&-' '<&- 2>&-' '>&- 2>&-' '<&- >&- 2>&-'; do
		gk sh -c "sbx-macroctl plain grant --sub $DID --src-ip 10.10.0.2 --params '{\"port\":8080}' --ttl 600 $close" || :
	done
	assert_eq "$(gk sh -c "grep -cv '^{.*}\$' $AUDIT")" 0 "foreign text in the audit log"
	assert_eq "$(gk jq -c .grants[0].src_ip $GRANTS)" '"10.10.0.2"' "the grants file"
	run_gk sbx-macroctl check
}

@test "M19: a full standard output is told" {
	grant
	run -4 --separate-stderr gk sh -c 'sbx-macroctl list >/dev/full'
	run_gk sbx-macroctl check
}

# odd HARD ARGS...: sbx-macroctl ARGS with all that a caller can get wrong;
# with HARD 0 the limits may be raised again.
odd() {
	gk python3 -W ignore -c '
import os, signal, sys, resource
signal.pthread_sigmask(signal.SIG_BLOCK, range(1, 65))
signal.signal(signal.SIGCHLD, signal.SIG_IGN)
signal.setitimer(signal.ITIMER_REAL, 0.7)
for what, n in (("FSIZE", 0), ("CPU", 1), ("NOFILE", 5), ("STACK", 65536)):
    what = getattr(resource, "RLIMIT_" + what)
    resource.setrlimit(what, (n, n if sys.argv[1] == "1" else resource.getrlimit(what)[1]))
os.execv("/usr/sbin/sbx-macroctl", ["sbx-macroctl"] + sys.argv[2:])' "$@" 2>&1
}

@test "M20 M21 M22 M23: odd signals, timers and limits are set right or refused" {
	local args
	# Slow enough for the timer to end it, were it still running.
	gk sh -c "echo 'sleep 1' >>$MACROS/plain"
	grant_args
	run -0 odd 0 "${args[@]}"
	assert_eq "$(elements)" '["10.10.0.2","tcp",8080]' "the elements"
	run_gk sbx-macroctl check
	lend_clean
	run odd 1 "${args[@]}"
	# Root without CAP_SYS_RESOURCE cannot have them back.
	[ "$status" -eq 0 ] || assert_eq "$status,$(state_of)$(records)" 4,0 "half done: $output"
	run_gk sbx-macroctl sync
	run_gk sbx-macroctl check
}

@test "M1 M2: argv[0] may be missing, empty or endless" {
	run --separate-stderr gk python3 -c '
import ctypes
l = ctypes.CDLL(None)
l.execve(b"/usr/sbin/sbx-macroctl", None, None)'
	assert_ne "$status" 0 "no argv at all"
	run_gk python3 -c 'import os; os.execv("/usr/sbin/sbx-macroctl", ["", "kinds"])' ||
		run_gk bash -c 'exec -a "" sbx-macroctl kinds'
	run_gk bash -c 'exec -a "$(printf "x%.0s" {1..60000})" sbx-macroctl kinds'
}

@test "M24 M25: neither umask nor directory of the caller matters" {
	local args
	grant_args
	gk sh -c 'umask 000; mkdir /tmp/gone; cd /tmp/gone; printf "#!/bin/sh\nexit 1\n" >nft; chmod 755 nft
		rm -r /tmp/gone; exec sbx-macroctl "$@"' sh "${args[@]}"
	assert_eq "$(gk stat -c %a $AUDIT $GRANTS | paste -sd,)" 640,600 "modes"
	gk rm -rf $AUDIT $GRANTS
	gk sh -c 'umask 777; exec sbx-macroctl "$@"' sh "${args[@]}"
	assert_eq "$(gk stat -c %a $AUDIT $GRANTS | paste -sd,)" 640,600 "modes"
}

@test "only root may ask" {
	run -2 --separate-stderr box_as gk daemon sbx-macroctl list
	assert_has "$stderr" "must be root" "no reason"
}

# The directory is asked by root itself, whoever asks for the grant (I24).
@test "nothing is lent that the directory does not allow" {
	local other
	refused 1 "address is not its node's" ip=10.10.0.3
	refused 1 "address is not its node's" ip=10.10.0.3 service=
	refused 1 "not a member" sub=did:plc:0123456789abcdef0123456789abcdef service=
	other=$(printf 'c%.0s' {1..64})
	refused 1 "no member offers it" service="$other"
	refused 1 "lends something else" params='{"port":8081}'
	lends mode=pending
	refused 1 "waits for approval"
	gk sh -c 'printf "{\"service_id\":\"%s\"}" '"$SID"' >/tmp/plain.gone'
	gk sh -c 'setpriv --reuid sbx --regid sbx --init-groups sbx-ledger -q append service_revoke_offer </tmp/plain.gone >/dev/null'
	refused 1 "offered no longer"
	grant service="$SID2"
	box_as gk sbx sbx-member -q revoke "$DID"
	refused 1 "not a member" service="$SID2"
	assert_eq "$(elements)" '["10.10.0.2","tcp",8080]' "the elements before sync"
	run_gk sbx-macroctl sync
	assert_eq "$(elements)" "" "the elements"
}

@test "a directory that cannot be asked is no yes" {
	gk sh -c 'echo x >/var/lib/sbx/ledger.db; rm -f /var/lib/sbx/ledger.db-*'
	refused 4 "directory"
	gk sh -c 'rm /var/lib/sbx/ledger.db; ln -s /etc/shadow /var/lib/sbx/ledger.db'
	refused 4 "directory"
	gk sh -c 'rm /var/lib/sbx/ledger.db; cp -a /tmp/kept/sbx/ledger.db /var/lib/sbx/; chown -R root: /var/lib/sbx'
	refused 4 "root reads no ledger"
	no_directory
	refused 4 "directory"
	gk rmdir /var/lib/sbx
	refused 4 "directory"
}

# The ledger's file may be root's, of a restored backup or put there on purpose.
@test "a ledger that is root's is read by the owner of its directory" {
	require strace
	local args
	grant_args
	gk sh -c 'chown root: /var/lib/sbx/ledger.db; chmod 644 /var/lib/sbx/ledger.db'
	run gk strace -f -qq -o /tmp/plain.trace -e trace=open,openat,openat2,setresuid sbx-macroctl "${args[@]}"
	assert_eq "$(gk awk '/setresuid\(/ && !/setresuid\(0/ { sub(/^[0-9]+/, "&"); dropped[$1] = 1 }
		/ledger\.db/ && !($1 in dropped)' /tmp/plain.trace)" "" "opened by root"
	gk grep -q 'ledger\.db' /tmp/plain.trace
}

@test "-n says what would be done and does nothing, not even a record" {
	local args
	grant_args
	run_gk sbx-macroctl -n "${args[@]}"
	assert_has "$stderr" "would lend plain: tcp port 8080 for 10.10.0.2" "says"
	assert_eq "$(state_of)$(records)" 0 "something was done"
	grant
	local before
	before=$(state_of)
	run_gk sbx-macroctl -n plain revoke --sub "$DID"
	run_gk sbx-macroctl -n sync
	assert_eq "$(state_of)" "$before" "something was done"
}

@test "activate runs the plugin for a service, deactivate undoes it" {
	run_gk sbx-macroctl http-mirror activate --service "$SID" --endpoint 10.10.0.2:8080 --params '{"port":8080,"path":"m"}'
	assert_eq "$(box_as gk daemon cat /run/sbx/macro/http-mirror/"$SID")" http://10.10.0.2:8080/m "what is kept"
	run_gk sbx-macroctl http-mirror deactivate --service "$SID"
	run ! gk test -e /run/sbx/macro/http-mirror/"$SID"
	run_gk sbx-macroctl http-mirror deactivate --service "$SID"
	local e
	for e in 10.10.0.2 10.10.0.2:0 10.10.0.2:99999 host:80 '[::1]:80' 10.10.0.2:080; do
		run_gk 2 sbx-macroctl plain activate --service "$SID" --endpoint "$e" --params '{"port":8080}'
	done
	run_gk 1 sbx-macroctl plain activate --service "$SID" --endpoint 192.0.2.1:80 --params '{"port":8080}'
	run_gk 2 sbx-macroctl plain activate --endpoint 10.10.0.2:80 --params '{"port":8080}'
}
