#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Changes that a reboot or a kill left behind, undone by who knows only their
# journals.  The part that made them is sbx-mesh-up.

load ../lib/helpers
load ../lib/box
load ../lib/mesh

setup() {
	require_root
	require wg wireguard-go ip jq
	mesh_boxes gk2
	in_box gk2 sbx-mesh-up -q
	J=/var/lib/sbx-apply/mesh
}

teardown() {
	box_end
}

mtu() {
	box gk2 ip -o link show wg-mesh | grep -o 'mtu [0-9]*'
}

state() {
	box gk2 sbx-apply -j | jq -r .state
}

change() { # SECONDS to confirm
	box gk2 sed -i 's/^\[mesh\]$/[mesh]\nmtu = 1380/' /etc/sbx/sbx.conf
	in_box gk2 sbx-mesh-up -q up --confirm "$1"
	assert_eq "$(mtu)" "mtu 1380" "the change"
}

# As after a reboot: what was to undo it is gone, and its clock began anew.
reboot() {
	box gk2 pkill -KILL -f 'sbx-mesh-up recover'
	box gk2 sed -i 's/"boot":"[^"]*"/"boot":"00000000-0000-0000-0000-000000000000"/' $J/waiting
}

@test "a change that was not confirmed before a reboot is undone at boot" {
	in_box gk2 sbx-apply
	assert_eq "$output" "" "nothing was ever applied"
	change 600
	in_box gk2 sbx-apply -j
	assert_eq "$(jq -r '[.part, .state, .undo] | join(" ")' <<<"$output")" \
		"mesh waiting /usr/sbin/sbx-mesh-up recover" "it waits"
	in_box gk2 sbx-apply recover --boot
	assert_eq "$(mtu)" "mtu 1380" "one that waits is left to its time"
	reboot
	in_box 1 gk2 sbx-apply
	assert_has "$output" $'mesh\toverdue\t' "nobody will undo it"
	in_box gk2 sbx-apply -n recover --boot
	assert_has "$output" "mesh: would be undone, overdue" "-n"
	assert_eq "$(mtu)" "mtu 1380" "-n does nothing"
	in_box gk2 sbx-apply recover --boot
	assert_has "$stderr" "mesh: undone, overdue" "it says so"
	assert_eq "$(mtu)" "mtu 1420" "as before"
	in_box gk2 sbx-apply
	assert_has "$output" $'mesh\tsettled\t' "and settled"
	in_box gk2 sbx-apply recover --boot
	assert_eq "$output$stderr" "" "there is nothing more to do"
}

@test "a change whose maker was killed is undone" {
	box gk2 sed -i 's/^\[mesh\]$/[mesh]\nmtu = 1380/' /etc/sbx/sbx.conf
	killed=0
	for n in $(seq 2 9); do
		box gk2 strace -qq -o /dev/null -e trace=rename -e inject=rename:signal=KILL:when="$n" \
			sbx-mesh-up -q up --confirm 600 >/dev/null 2>&1 || killed=$((killed + 1))
		in_box gk2 sbx-apply recover
		case $(state) in
		settled) assert_eq "$(mtu)" "mtu 1420" "after a kill at rename $n" ;;
		waiting) in_box gk2 sbx-mesh-up -q revert ;;
		*) fail "it is $(state)" ;;
		esac
	done
	[ "$killed" -gt 1 ] || fail "none was killed"
}

@test "a part that cannot be undone is told with 4 and keeps no other from its turn" {
	change 600
	reboot
	box gk2 sh -c "umask 077; cd /var/lib/sbx-apply
		cp -a mesh aaa && sed -i 1s,/usr/sbin/sbx-mesh-up,/bin/false, aaa/pending
		mkdir zzz && echo garbage >zzz/pending"
	in_box 1 gk2 sbx-apply
	assert_has "$output" $'zzz\tspoiled\t' "a journal that cannot be read"
	in_box 4 gk2 sbx-apply recover --boot
	assert_has "$stderr" "sbx-apply: aaa: " "the one that fails"
	assert_has "$stderr" "sbx-apply: zzz: " "the one that is spoiled"
	assert_eq "$(mtu)" "mtu 1420" "the one between"
}

@test "journals that another could have written are not followed" {
	change 600
	reboot
	box gk2 chmod 777 /var/lib/sbx-apply
	in_box 1 gk2 sbx-apply recover --boot
	box gk2 sh -c 'chmod 755 /var/lib/sbx-apply; chown sbx /var/lib/sbx-apply/mesh'
	in_box 4 gk2 sbx-apply recover --boot
	assert_eq "$(mtu)" "mtu 1380" "it was followed"
	in_box 2 gk2 setpriv --reuid sbx --regid sbx --clear-groups sbx-apply recover
	assert_says sbx-apply "must be root"
}
