#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# The shipped sudo rule, with the real sudo: who may ask for what, and no more
# (hostile tests M7, M14, M54, M55).

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

# sudo_as USER ARGS...: sbx-macroctl ARGS through sudo
sudo_as() {
	local user=$1
	shift
	run --separate-stderr box_as gk "$user" timeout 20 sudo -n /usr/sbin/sbx-macroctl "$@"
}

granted() {
	local args user=$1
	shift
	grant_args "$@"
	sudo_as "$user" "${args[@]}"
}

# Not let through at all: sudo's own words, nothing on record.
barred() {
	assert_eq "$status" 1 "status: $stderr"
	assert_like "$stderr" 'password is required|not allowed|may not run|not in the sudoers' "not barred by sudo" || return
	assert_eq "$(records)" 0 "it came through"
}

@test "the rule is what visudo accepts, and the box has it" {
	run_gk visudo -cf /etc/sudoers.d/sbx
	assert_eq "$(gk stat -c '%U %a' /etc/sudoers.d/sbx)" "root 440" "owner and mode"
}

@test "sbx-grant may grant, in exactly these words" {
	granted sbx-grant
	assert_eq "$status" 0 "$stderr"
	granted sbx-grant plus=--subscription plus="$SID2"
	assert_eq "$status" 0 "$stderr"
	granted sbx-grant service= params='{"port":8080,"word":"a/b:c"}'
	assert_eq "$status" 0 "$stderr"
	assert_eq "$(elements)" '["10.10.0.2","tcp",8080]' "the elements"
}

@test "sbx may revoke, activate, deactivate, list, check and sync" {
	granted sbx-grant
	sudo_as sbx list
	assert_has "$output" "plain	n1	10.10.0.2" "list"
	sudo_as sbx -j list
	assert_eq "$(jq -r .sub <<<"$output")" "$DID" "list -j"
	sudo_as sbx check
	assert_eq "$status" 0 "check"
	sudo_as sbx plain revoke --sub "$DID" --src-ip 10.10.0.2 --service "$SID"
	assert_eq "$status" 0 "$stderr"
	assert_eq "$(elements)" "" "the elements"
	sudo_as sbx http-mirror activate --service "$SID" --endpoint 10.10.0.2:8080 --params '{"port":8080}'
	assert_eq "$status" 0 "$stderr"
	sudo_as sbx http-mirror deactivate --service "$SID" --endpoint 10.10.0.2:8080 --params '{"port":8080}'
	assert_eq "$status" 0 "$stderr"
	sudo_as sbx sync
	assert_eq "$status" 0 "sync: $stderr"
}

@test "M55: nobody else may ask, and these two for nothing more" {
	local user words
	for user in daemon www-data; do
		granted $user
		barred
	done
	granted sbx
	barred
	while read -r user words; do
		# shellcheck disable=SC2086 # words
		sudo_as "$user" $words
		barred || fail "$user: $words"
	done <<-EOF
		sbx-grant plain revoke --sub $DID
		sbx-grant list
		sbx-grant sync
		sbx-grant plain activate --service $SID --endpoint 10.10.0.2:1 --params {}
		sbx-grant ../plain grant --sub $DID --src-ip 10.10.0.2 --params {} --ttl 600
		sbx-grant plain grant --sub $DID --src-ip 10.10.0.2 --params {} --ttl 600 -v
		sbx-grant -n plain grant --sub $DID --src-ip 10.10.0.2 --params {} --ttl 600
		sbx-grant plain grant --src-ip 10.10.0.2 --sub $DID --params {} --ttl 600
		sbx-grant plain grant --sub $DID --src-ip localhost --params {} --ttl 600
		sbx-grant plain grant --sub $DID --src-ip 10.10.0.2 --params {} --ttl 600 --service x
		sbx-grant plain grant --sub $DID --src-ip 10.10.0.2 --params {} --ttl 600 --subscription $SID
		sbx-grant plain grant --sub $DID --src-ip 10.10.0.2 --params {} --ttl 600 --service $SID --subscription x
		sbx-grant grant plain --sub $DID --src-ip 10.10.0.2 --params {} --ttl 600
		sbx-grant
		sbx list x
		sbx plain revoke --sub x
		sbx plain grant
	EOF
	for words in 'sh -c id' '/usr/bin/id' '-s' '-u#-1 /usr/sbin/sbx-macroctl list' '-u#4294967295 /usr/sbin/sbx-macroctl list' \
		'-E /usr/sbin/sbx-macroctl list' '-C 9 /usr/sbin/sbx-macroctl list' '-D /tmp /usr/sbin/sbx-macroctl list' \
		'-R /tmp /usr/sbin/sbx-macroctl list' '-e /etc/sbx/sbx.conf' '-u daemon /usr/sbin/sbx-macroctl list' \
		'-g daemon /usr/sbin/sbx-macroctl list' 'LD_PRELOAD=/x /usr/sbin/sbx-macroctl list' './sbx-macroctl list'; do
		# shellcheck disable=SC2086 # words
		run --separate-stderr box_as gk sbx timeout 10 sudo -n $words
		assert_eq "$status" 1 "sudo $words: $output $stderr"
		assert_eq "$(records)" 0 "sudo $words"
	done
}

@test "M7: one argument that holds others passes sudo and not macroctl" {
	sudo_as sbx-grant plain grant --sub "$DID" --src-ip 10.10.0.2 --params '{} --ttl 600 {}' --ttl 60
	assert_eq "$status" 2 "$stderr"
	sudo_as sbx-grant plain grant --sub "$DID" --src-ip "10.10.0.2 --params {}" --ttl 600
	assert_eq "$status" 2 "$stderr"
	sudo_as sbx-grant "plain grant" --sub "$DID" --src-ip 10.10.0.2 --params '{}' --ttl 600
	assert_eq "$status" 2 "$stderr"
	assert_eq "$(state_of)" "" "something was done"
}

@test "M14: the caller's environment does not reach the plugin" {
	local args
	grant_args
	box_as gk sbx-grant env FOO=bar PATH=/tmp:/usr/bin LD_PRELOAD=/tmp/x.so BASH_ENV=/tmp/x MACRO_SUB=x \
		SBX_STATE=/tmp SBX_CONF=/tmp/x SBX_NOW=2001-01-01T00:00:00Z sudo -n /usr/sbin/sbx-macroctl "${args[@]}"
	assert_eq "$(gk grep -cE 'FOO|/tmp|LD_PRELOAD|BASH_ENV|SBX_|SUDO' /tmp/plain.grant)" 0 "the plugin's environment"
	assert_eq "$(gk jq -r .at $AUDIT | cut -c1-2 | sort -u)" 20 "the time"
}
