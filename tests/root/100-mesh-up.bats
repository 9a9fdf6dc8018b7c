#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# The mesh comes up as the directory says, stays up, and goes without a trace.

load ../lib/helpers
load ../lib/box
load ../lib/mesh

setup() {
	require_root
	require wg wireguard-go ip strace jq
}

teardown() {
	box_end
}

# All that up decides about: "the same" is byte for byte this.
tunnel() {
	box "$1" sh -c 'wg show wg-mesh dump | cut -f 1-4,8; ip -4 -o addr show dev wg-mesh | sed "s/^[0-9]*: //"
		ip -o link show wg-mesh | sed "s/^[0-9]*: //"
		cat /proc/sys/net/ipv4/conf/wg-mesh/forwarding; ip route'
}

# Interfaces, sockets and processes of WireGuard; a process may take a moment
# to be gone once its interface is.
remains() {
	box "$1" sh -c 'ip -o link show | grep -c wg-mesh; ls /var/run/wireguard 2>/dev/null
		for _ in 1 2 3 4 5 6 7 8 9; do
			pgrep -x wireguard-go >/dev/null || exit 0; sleep .1
		done; pgrep -x wireguard-go'
}

up_all() {
	local n
	for n in "$@"; do
		in_box "$n" sbx-mesh-up -q
	done
}

@test "every node reaches every other, through the hub" {
	mesh_boxes gk2 c3box amd64
	up_all gk2 c3box amd64
	in_box c3box ping -q -c1 -W3 10.10.0.1
	in_box amd64 ping -q -c1 -W3 10.10.0.1
	in_box c3box ping -q -c1 -W3 10.10.0.3
	in_box gk2 ping -q -c1 -W3 10.10.0.3
	assert_eq "$(box c3box ip -4 -o addr show dev wg-mesh | awk '{print $4}')" \
		10.10.0.2/24 "address of c3box"
	assert_has "$(box c3box ip -o link show wg-mesh)" "mtu 1420" "mtu"
	assert_eq "$(box gk2 cat /proc/sys/net/ipv4/conf/wg-mesh/forwarding)" 1 \
		"the hub forwards on the mesh"
	assert_eq "$(box gk2 cat /proc/sys/net/ipv4/conf/eth0/forwarding)" 0 \
		"and nowhere else"
	ula=$(box gk2 ip -6 -o addr show dev wg-mesh scope global |
		awk '{print $4}')
	assert_has "$ula" "/64" "an IPv6 address"
	in_box c3box ping -6 -q -c1 -W3 "${ula%/64}"
	assert_eq "$(box c3box wg show wg-mesh allowed-ips | cut -f2)" \
		"10.10.0.0/24 $(cut -d: -f1-3 <<<"$ula")::/64" "the network is behind the hub"

	in_box gk2 sbx-mesh-up -j show
	assert_eq "$(jq -r '[.name, .address, (.allowed | split(",")[0])] | join(" ")' <<<"$output")" \
		$'c3box 10.10.0.2 10.10.0.2/32\namd64 10.10.0.3 10.10.0.3/32' "show"
	assert_eq "$(jq -r 'select(.rx == 0 or .handshake == null) | .name' <<<"$output")" \
		"" "peers that were heard"
}

@test "a second run changes nothing and keeps the handshake" {
	mesh_boxes gk2 c3box
	up_all gk2 c3box
	box c3box ping -q -c1 -W3 10.10.0.1
	for n in gk2 c3box; do
		before=$(box $n wg show wg-mesh dump | cut -f 1-5)
		box_bg $n sh -c 'exec ip monitor link address route >/tmp/monitor'
		monitor=$BOX_PID
		sleep .2
		in_box $n sbx-mesh-up
		assert_eq "$output$stderr" "" "$n: a second run says nothing"
		in_box $n sbx-mesh-up -v
		assert_has "$stderr" "up to date" "$n: with -v it says so"
		in_box $n sbx-mesh-up plan
		assert_eq "$output" "" "$n: nothing is left to do"
		kill "$monitor" && wait "$monitor" || :
		assert_lacks "$(box $n cat /tmp/monitor)" wg-mesh "$n: what the kernel saw"
		assert_eq "$(box $n wg show wg-mesh dump | cut -f 1-5)" "$before" \
			"$n: WireGuard's state"
	done
}

@test "peers come and go and no ping of another is lost" {
	mesh_boxes gk2 c3box
	up_all gk2 c3box
	box c3box ping -q -c1 -W3 10.10.0.1
	box_bg c3box sh -c 'exec ping -q -i .01 -c 150 -W 1 10.10.0.1 >/tmp/ping'
	pings=$BOX_PID
	mesh_guest gk2 amd64
	in_box gk2 sbx-mesh-up
	assert_has "$stderr" "add peer: amd64 10.10.0.3/32" "a new member is added"
	did=$(box gk2 sbx-ledger -C /tmp/amd64 whoami -j | jq -r .did)
	box_as gk2 sbx sbx-member revoke "$did"
	in_box gk2 sbx-mesh-up
	assert_has "$stderr" "remove peer: " "one that is revoked is removed"
	assert_eq "$(box gk2 wg show wg-mesh peers | wc -l)" 1 "peers left"
	wait "$pings" || :
	assert_has "$(box c3box cat /tmp/ping)" " 150 received" "pings"
}

@test "plan and -n print what would change and change nothing" {
	mesh_hub_alone
	mesh_guest gk2 c3box
	for how in plan '-n up' -n; do
		# shellcheck disable=SC2086 # words
		in_box gk2 sbx-mesh-up $how
		assert_has "$output" $'add interface\twg-mesh' "$how"
		assert_has "$output" $'add peer\tc3box\t10.10.0.2/32' "$how"
		assert_has "$output" $'set address\twg-mesh\t10.10.0.1/24' "$how"
		assert_eq "$(remains gk2)" 0 "$how left"
	done
	in_box gk2 sbx-mesh-up -j plan
	assert_eq "$(jq -r 'select(.change == "add peer").of' <<<"$output")" c3box "-j"
	planned=$(box gk2 sbx-mesh-up plan | wc -l)
	in_box gk2 sbx-mesh-up
	assert_eq "$(grep -c . <<<"$stderr")" "$planned" "as many changes as planned"
}

mesh_hub_alone() {
	box_lan
	mesh_hub gk2
}

@test "down leaves nothing, and is not sorry when there is nothing" {
	mesh_hub_alone
	before=$(box gk2 sh -c 'ip -4 -o addr; ip route; ls -A /run/sbx /etc/sbx/*')
	in_box gk2 sbx-mesh-up -q
	in_box gk2 sbx-mesh-up -n down
	in_box gk2 wg show wg-mesh
	in_box gk2 sbx-mesh-up down
	assert_has "$stderr" "remove interface: wg-mesh" "says what it did"
	assert_eq "$(remains gk2)" 0 "after down"
	assert_eq "$(box gk2 sh -c 'ip -4 -o addr; ip route; ls -A /run/sbx /etc/sbx/*')" \
		"$before" "the machine"
	in_box gk2 sbx-mesh-up down
	assert_eq "$output$stderr" "" "a second time"
	in_box 1 gk2 sbx-mesh-up show
	in_box gk2 sbx-mesh-up -q
	in_box gk2 wg show wg-mesh
}

@test "killed anywhere, the next run ends where a clean one does" {
	mesh_hub_alone
	mesh_guest gk2 c3box
	in_box gk2 sbx-mesh-up -q
	clean=$(tunnel gk2) killed=0
	for call in clone sendmsg sendto close write; do
		for n in 1 2 3 4 5 6 8 11 15 20; do
			in_box gk2 sbx-mesh-up -q down
			box gk2 strace -qq -o /dev/null -e trace=$call \
				-e inject=$call:signal=KILL:when=$n \
				sbx-mesh-up -q >/dev/null 2>&1 ||
				killed=$((killed + 1))
			in_box gk2 sbx-mesh-up -q
			assert_eq "$(tunnel gk2)" "$clean" "after a kill at $call $n"
		done
	done
	[ "$killed" -ge 20 ] || fail "too few were killed" killed "$killed"
}

@test "of two at once both succeed, one after the other" {
	mesh_hub_alone
	mesh_guest gk2 c3box
	in_box gk2 sh -c 'for i in 1 2 3 4; do sbx-mesh-up -v 2>/tmp/say$i & p="$p $!"; done
		for i in $p; do wait "$i" || exit; done'
	assert_eq "$(box gk2 sh -c 'cat /tmp/say? | grep -c "add interface"')" 1 "made once"
	assert_eq "$(box gk2 sh -c 'cat /tmp/say? | grep -c "up to date"')" 3 "the others"
	in_box gk2 flock /etc/sbx/secrets/wg.key true
}

@test "an interface of another kind is refused and left alone" {
	mesh_hub_alone
	for kind in 'link add wg-mesh type bridge' 'tuntap add dev wg-mesh mode tun'; do
		# shellcheck disable=SC2086 # words
		box gk2 ip $kind
		before=$(box gk2 ip -o link show wg-mesh)
		in_box 2 gk2 sbx-mesh-up
		assert_says sbx-mesh-up "wg-mesh: exists and is not a WireGuard interface"
		in_box 2 gk2 sbx-mesh-up down
		assert_eq "$(box gk2 ip -o link show wg-mesh)" "$before" "$kind"
		box gk2 ip link del wg-mesh
	done
}

@test "a network that is used elsewhere is refused by the name of where" {
	mesh_hub_alone
	while IFS='|' read -r how what; do
		box gk2 sh -c "ip $how"
		in_box 2 gk2 sbx-mesh-up
		assert_says sbx-mesh-up "mesh network 10.10.0.0/24 overlaps $what on eth0"
		assert_hint sbx-mesh-up
		assert_eq "$(remains gk2)" 0 "$how: left"
		box gk2 sh -c "ip $(sed 's/ add / del /' <<<"$how")"
	done <<-'END'
		addr add 10.10.0.9/16 dev eth0|10.10.0.9/16
		addr add 10.10.0.9/24 dev eth0|10.10.0.9/24
		addr add 10.10.0.9/32 dev eth0|10.10.0.9/32
		route add 10.10.0.0/24 via 192.0.2.9|10.10.0.0/24
		route add 10.10.0.128/25 via 192.0.2.9|10.10.0.128/25
		route add 10.10.0.7/32 dev eth0|10.10.0.7/32
	END
}

@test "a wider route is no overlap" {
	mesh_hub_alone
	box gk2 sh -c 'ip route add default via 192.0.2.9; ip route add 0.0.0.0/1 via 192.0.2.9
		ip route add 128.0.0.0/1 via 192.0.2.9; ip route add 10.0.0.0/8 via 192.0.2.9
		ip route add 10.10.0.0/23 dev eth0; ip addr add 10.10.1.1/23 dev eth0'
	in_box gk2 sbx-mesh-up -q
	in_box gk2 ping -q -c1 -W3 10.10.0.1
}

# I26: what is in the way of giving is not in the way of taking back.
@test "who was put out goes, whatever else is refused" {
	mesh_hub_alone
	did='' n=0
	while IFS='|' read -r want how undo; do
		n=$((n + 1))
		mesh_guest gk2 guest$n
		in_box gk2 sbx-mesh-up -q
		did=$(box gk2 sbx-ledger -C /tmp/guest$n whoami -j | jq -r .did)
		key=$(box gk2 sh -c "wg pubkey </tmp/guest$n/wg.key")
		assert_has "$(box gk2 wg show wg-mesh peers)" "$key" "$how: before"
		box_as gk2 sbx sbx-member revoke "$did"
		box gk2 sh -c "$how"
		run box gk2 sbx-mesh-up -n
		assert_has "$(box gk2 wg show wg-mesh peers)" "$key" "$how: -n does nothing"
		in_box "$want" gk2 sbx-mesh-up
		assert_has "$stderr" "remove peer: $key" "$how: is told"
		assert_lacks "$(box gk2 wg show wg-mesh peers)" "$key" "$how: it is gone"
		box gk2 sh -c "$undo"
	done <<-'END'
		2|ip route add 10.10.0.128/25 via 192.0.2.9|ip route del 10.10.0.128/25
		1|mv /etc/sbx/secrets/wg.key /root/|mv /root/wg.key /etc/sbx/secrets/
		1|cp /etc/sbx/secrets/wg.key /root/; wg genkey >/etc/sbx/secrets/wg.key|cp /root/wg.key /etc/sbx/secrets/
		2|chmod 644 /etc/sbx/secrets/wg.key|chmod 600 /etc/sbx/secrets/wg.key
		1|sed -i "s/^.mesh.$/[mesh]\nnetwork=10.20.0.0\/24/" /etc/sbx/sbx.conf|sed -i "/^network=10/d" /etc/sbx/sbx.conf
		4|mv /usr/bin/wg /usr/bin/wg.real; printf "#!/bin/sh\ncase \$* in *listen-port*) exit 1; esac; exec /usr/bin/wg.real \"\$@\"\n" >/usr/bin/wg; chmod 755 /usr/bin/wg; sed -i "s/^.mesh.$/[mesh]\nport=51900/" /etc/sbx/sbx.conf|cp -p /usr/bin/wg.real /usr/bin/wg; sed -i "/^port=51900/d" /etc/sbx/sbx.conf
	END
	[ "$n" -eq 6 ] || fail "not all were tried" n "$n"
}

# I19
@test "a node whose key another had first stays down and is told what to do" {
	mesh_boxes gk2 c3box
	box_new late
	box_link late 192.0.2.9/24
	mesh_init late
	box c3box cat /etc/sbx/secrets/wg.key |
		box late sh -c 'umask 077; cat >/etc/sbx/secrets/wg.key'
	box_as gk2 sbx sbx-member invite | box_as late sbx sbx-member -q accept
	mesh_record late
	mesh_sync late gk2
	mesh_sync gk2 c3box late
	in_box gk2 sbx-mesh-up
	assert_has "$stderr" "belongs to c3box" "the hub leaves it out"
	in_box c3box sbx-mesh-up -q
	in_box 1 late sbx-mesh-up
	assert_says sbx-mesh-up "is c3box's, which had it first"
	assert_hint sbx-mesh-up "rm /etc/sbx/secrets/wg.key"
	assert_eq "$(remains late)" 0 "left"
	in_box 1 late sbx-mesh-up record
	assert_says sbx-mesh-up "is c3box's, which had it first"
	box late rm /etc/sbx/secrets/wg.key
	mesh_record late
	mesh_sync late gk2 c3box
	for n in gk2 late; do in_box $n sbx-mesh-up -q; done
	in_box late ping -q -c1 -W3 10.10.0.1
}

@test "boxes that recorded before they exchanged get one address each" {
	mesh_hub_alone
	for n in 2 3 4; do
		box_new s$n
		box_link s$n 192.0.2.$n/24
		mesh_init s$n
		box_as gk2 sbx sbx-member invite | box_as s$n sbx sbx-member -q accept
		mesh_sync s$n gk2
	done
	mesh_sync gk2 s2 s3 s4
	for n in 2 3 4; do mesh_record s$n; done
	for n in 2 3 4; do mesh_sync s$n gk2; done
	mesh_sync gk2 s2 s3 s4
	lost=0
	for n in 2 3 4; do
		run --separate-stderr box s$n sbx-mesh-up
		[ "$status" -eq 1 ] || continue
		lost=$((lost + 1))
		assert_has "$stderr" "which had it first" "s$n is told"
		assert_has "$stderr" "sbx-mesh-up record |" "s$n is told what to do"
		mesh_record s$n
	done
	assert_eq "$lost" 2 "who lost it"
	for n in 2 3 4; do mesh_sync s$n gk2; done
	mesh_sync gk2 s2 s3 s4
	for n in gk2 s2 s3 s4; do in_box $n sbx-mesh-up -q; done
	for n in 2 3 4; do in_box s$n ping -q -c1 -W9 10.10.0.1; done # s2 spoke too early
}

@test "a wg that hangs or floods when it is asked is the machine's fault" {
	mesh_hub_alone
	in_box gk2 sbx-mesh-up -q
	before=$(tunnel gk2)
	box gk2 mv /usr/bin/wg /usr/bin/wg.real
	while IFS= read -r script; do
		printf '#!/bin/sh\n%s\n' "$script" | box gk2 sh -c 'cat >/usr/bin/wg; chmod 755 /usr/bin/wg'
		in_box 4 gk2 sbx-mesh-up
		assert_lacks "$stderr" "not a WireGuard interface" "$script"
		in_box 4 gk2 sbx-mesh-up down
		box gk2 cp /usr/bin/wg.real /usr/bin/wg
		assert_eq "$(tunnel gk2)" "$before" "$script: left as it was"
	done <<-'END'
		exec sleep 60
		exec yes
		exec yes >&2
		kill -9 $$
		echo garbage
	END
}

# The file of a setting is found by a name, which is another's by then.
@test "an interface that takes the name on the way is not touched" {
	mesh_hub_alone
	in_box gk2 sbx-mesh-up -q
	box gk2 sh -c 'echo 0 >/proc/sys/net/ipv4/conf/wg-mesh/forwarding'
	conf=/proc/sys/net/ipv4/conf/wg-mesh
	for what in forwarding send_redirects; do
		box_bg gk2 sh -c "strace -qq -o /dev/null -P $conf/$what -e trace=openat \
			-e inject=openat:delay_enter=1500000:when=1 sbx-mesh-up 2>/tmp/said; echo \$? >/tmp/rc"
		sleep .7
		box gk2 sh -c 'ip link set wg-mesh name mine && ip link add wg-mesh type bridge
			for f in forwarding send_redirects; do echo 0 >/proc/sys/net/ipv4/conf/wg-mesh/$f; done
			echo 1 >/proc/sys/net/ipv4/conf/wg-mesh/send_redirects'
		wait "$BOX_PID" || :
		assert_eq "$(box gk2 cat /tmp/rc)" 4 "$what: refused"
		assert_has "$(box gk2 cat /tmp/said)" "another interface has the name" "$what"
		assert_eq "$(box gk2 sh -c "cat $conf/forwarding $conf/send_redirects")" $'0\n1' \
			"$what: the other's settings"
		box gk2 sh -c 'ip link del wg-mesh; ip link set mine name wg-mesh; ip link set wg-mesh up'
	done
}

@test "a port in use is refused and the old state kept" {
	mesh_hub_alone
	box_bg gk2 socat -u UDP4-RECVFROM:51900,bind=192.0.2.1 /dev/null
	for _ in $(seq 100); do
		box gk2 grep -q ':CABC ' /proc/net/udp && break
		sleep .02
	done
	box gk2 sed -i 's/^\[mesh\]$/[mesh]\nport=51900/' /etc/sbx/sbx.conf
	in_box 4 gk2 sbx-mesh-up
	assert_says sbx-mesh-up "UDP port 51900 is in use"
	assert_eq "$(remains gk2)" 0 "left"
	box gk2 sed -i /port=51900/d /etc/sbx/sbx.conf
	in_box gk2 sbx-mesh-up -q
	before=$(tunnel gk2)
	box gk2 sed -i 's/^\[mesh\]$/[mesh]\nport=51900/' /etc/sbx/sbx.conf
	in_box 4 gk2 sbx-mesh-up
	assert_eq "$(tunnel gk2)" "$before" "the old state"
}

@test "without any WireGuard it ends with 4, one line, and nothing left" {
	mesh_hub_alone
	box gk2 mv /usr/bin/wireguard-go /usr/bin/elsewhere
	in_box 4 gk2 sbx-mesh-up
	assert_says sbx-mesh-up "no WireGuard"
	assert_hint sbx-mesh-up
	assert_eq "$(remains gk2)" 0 "left"
}

@test "a key that others may have read, or that is no key, is refused" {
	mesh_hub_alone
	key=/etc/sbx/secrets/wg.key
	box gk2 cp -p $key /root/key
	for how in "chmod 644 $key" "chown sbx $key" \
		"ln -sf /root/key $key" "truncate -s 40 $key" \
		"sh -c 'echo >>$key'"; do
		box gk2 sh -c "$how"
		run box gk2 sbx-mesh-up
		assert_ne "$status" 0 "$how: refused"
		assert_eq "$(remains gk2)" 0 "$how: left"
		box gk2 sh -c "rm -f $key; cp -p /root/key $key"
	done
	box gk2 rm $key
	in_box 1 gk2 sbx-mesh-up
	assert_hint sbx-mesh-up
	assert_eq "$(box gk2 ls /etc/sbx/secrets)" node.key "no key is made by up"
}

@test "the private key is in no argument, environment or output" {
	mesh_hub_alone
	in_box gk2 sbx-mesh-up -q
	box gk2 wg set wg-mesh private-key /dev/null # strace waits for a daemon
	mesh_guest gk2 c3box
	in_box gk2 strace -f -qq -v -s 4096 -e trace=execve -o /tmp/trace sbx-mesh-up -v
	secret=$(box gk2 cat /etc/sbx/secrets/wg.key)
	assert_has "$stderr" "set key: wg-mesh" "the key is set"
	assert_lacks "$output$stderr" "$secret" "output"
	assert_has "$(box gk2 cat /tmp/trace)" '"private-key", "/dev/stdin"' "traced"
	assert_lacks "$(box gk2 cat /tmp/trace)" "$secret" "arguments and environment"
}

@test "what was begun with a wg that fails, lies or floods is undone" {
	mesh_hub_alone
	box gk2 mv /usr/bin/wg /usr/bin/wg.real
	while IFS= read -r script; do
		printf '#!/bin/sh\n%s\n' "$script" | box gk2 sh -c 'cat >/usr/bin/wg; chmod 755 /usr/bin/wg'
		in_box 4 gk2 sbx-mesh-up
		box gk2 cp /usr/bin/wg.real /usr/bin/wg
		assert_eq "$(remains gk2)" 0 "$script: left"
	done <<-'END'
		case $1 in set) echo no >&2; exit 1; esac; exec /usr/bin/wg.real "$@"
		case $1 in set) exit 0; esac; exec /usr/bin/wg.real "$@"
		case $1 in set) exec yes >&2; esac; exec /usr/bin/wg.real "$@"
		case $1 in set) kill -9 $$; esac; exec /usr/bin/wg.real "$@"
	END
}

@test "a record names this node, its key and the address it is to have" {
	box_new gk2
	mesh_init gk2 endpoint=192.0.2.1:51822
	in_box 1 gk2 sbx-mesh-up -n record
	assert_eq "$(box gk2 ls /etc/sbx/secrets)" node.key "-n makes no key"
	in_box gk2 sbx-mesh-up record
	assert_eq "$(jq -r '[.boxname, .mesh_ip, .endpoint, .ddns] | map(. // "null") | join(" ")' <<<"$output")" \
		"gk2 10.10.0.1 192.0.2.1:51822 null" "a founder's record"
	assert_eq "$(jq -r .did <<<"$output")" "$(box_as gk2 sbx sbx-ledger whoami -j | jq -r .did)" "did"
	assert_eq "$(jq -r .pubkey_wg <<<"$output")" \
		"$(box gk2 sh -c 'wg pubkey </etc/sbx/secrets/wg.key')" "key"
	assert_eq "$(box gk2 stat -c '%a %U' /etc/sbx/secrets/wg.key)" "600 root" "key file"
	first=$output
	in_box gk2 sbx-mesh-up record
	assert_eq "$output" "$first" "the same again"

	in_box 1 gk2 sbx-mesh-up
	assert_says sbx-mesh-up "this node has no address in the directory"
	assert_eq "$(remains gk2)" 0 "left"
	mesh_record gk2
	mesh_guest gk2 c3box
	mesh_guest gk2 amd64 10.10.0.2
	in_box gk2 sbx-mesh-up -q plan
	assert_has "$output" $'add peer\tc3box\t10.10.0.2/32' "who was first has it"
	assert_lacks "$output" "amd64" "who was not is left out"
	in_box gk2 sbx-mesh-up plan
	assert_has "$stderr" "address 10.10.0.2 belongs to c3box" "and is told of"
	box gk2 sh -c 'setpriv --reuid sbx --regid sbx --init-groups sbx-ledger export |
		sbx-ledger -q -C /tmp/amd64 import'
	in_box gk2 sbx-mesh-up -q -C /tmp/amd64 record
	assert_eq "$(jq -r .mesh_ip <<<"$output")" 10.10.0.3 "it is given the next"
}

@test "a box whose host's name is none for a box is told what it is called" {
	box_new gk2
	mesh_init gk2
	box gk2 sed -i /^name=/d /etc/sbx/sbx.conf
	while IFS='|' read -r host name; do
		box gk2 sh -c 'printf "%s\n" "$1" >/proc/sys/kernel/hostname' sh "$host"
		in_box gk2 sbx-mesh-up record
		assert_eq "$(jq -r .boxname <<<"$output")" "$name" "$host: recorded"
		if [ "$host" = gk2.example.org ]; then
			assert_eq "$stderr" "" "$host: nothing to say"
		else
			assert_has "$stderr" "\"$host\"" "$host: is told"
			assert_has "$stderr" "[node] name=" "$host: what to do"
		fi
	done <<-'END'
		gk2.example.org|gk2
		My Box!|My-Box
		a-host-name-of-more-than-thirty-two-characters|a-host-name-of-more-than-thirty
	END
}

@test "another key than the directory's is refused" {
	mesh_hub_alone
	box gk2 sh -c 'wg genkey >/etc/sbx/secrets/wg.key'
	in_box 1 gk2 sbx-mesh-up
	assert_says sbx-mesh-up "the directory has another key for this node"
	assert_hint sbx-mesh-up
	mesh_record gk2
	in_box gk2 sbx-mesh-up -q
}

@test "a wrong interface name, network or mtu is refused with its line" {
	mesh_hub_alone
	for bad in 'interface=../x' 'interface=a/b' 'interface=%d' 'interface=all' \
		'interface=a234567890123456' 'network=10.10.0.1/24' 'network=0.0.0.0/0' \
		'network=10.10.0.0/33' 'network=fd00::/64' 'mtu=1279' 'mtu=65536' \
		'endpoint=gk2.example:51822' 'colour=blue'; do
		box gk2 sh -c 'printf "[mesh]\n%s\n" "$1" >/tmp/bad.conf; cp /tmp/bad.conf /etc/sbx/sbx.conf' sh "$bad"
		in_box 2 gk2 sbx-mesh-up
		assert_has "$stderr" "sbx.conf:2" "$bad: where"
		assert_eq "$(remains gk2)" 0 "$bad: left"
	done
}

@test "the directory is read with the rights of its owner, not root's" {
	mesh_hub_alone
	in_box gk2 strace -f -qq -e trace=openat,setresuid -o /tmp/trace sbx-mesh-up plan
	uid=$(box gk2 id -u sbx)
	reader=$(box gk2 awk '/ledger.db"/ { print $1; exit }' /tmp/trace)
	assert_eq "$(box gk2 awk -v p="$reader" -v u="$uid" '$1 == p && /setresuid/ && index($0, "(" u ", " u ", " u ")") {
		print "dropped"; exit } $1 == p && /ledger.db"/ { print "not yet"; exit }' /tmp/trace)" \
		dropped "before the database is opened"
	assert_eq "$(box gk2 awk -v p="$reader" '$1 == p && /wg.key/' /tmp/trace)" "" \
		"who reads it never sees the key"
	box gk2 chmod 777 /var/lib/sbx
	in_box 2 gk2 sbx-mesh-up
	assert_says sbx-mesh-up "/var/lib/sbx: anybody may write there"
	box gk2 sh -c 'chmod 700 /var/lib/sbx; chown root: /var/lib/sbx'
	in_box 2 gk2 sbx-mesh-up
	assert_says sbx-mesh-up "/var/lib/sbx: root's, and root reads no ledger"
}

# What sbx-mesh-up.path waits for.
@test "a revocation is a write of the ledger, and a run of the mesh is none" {
	require python3
	mesh_hub_alone
	mesh_guest gk2 c3box
	assert_eq "$(sed -n 's/^PathChanged=//p' "$BOX_SRC/etc/systemd/sbx-mesh-up.path")" \
		/var/lib/sbx/ledger.db "the unit's path"
	box_bg gk2 python3 -c '
import ctypes, os
libc = ctypes.CDLL(None)
fd = libc.inotify_init1(0)
assert libc.inotify_add_watch(fd, b"/var/lib/sbx/ledger.db", 8) >= 0
open("/tmp/ready", "w")
while True:
    os.read(fd, 4096)
    open("/tmp/written", "a").write("once\n")'
	until box gk2 test -e /tmp/ready; do sleep .1; done
	in_box gk2 sbx-mesh-up -q
	in_box gk2 sbx-mesh-up -q
	in_box gk2 sbx-mesh-up show
	in_box 1 gk2 test -e /tmp/written
	did=$(box gk2 sbx-ledger -C /tmp/c3box whoami -j | jq -r .did)
	box_as gk2 sbx sbx-member -q revoke "$did"
	for _ in 1 2 3 4 5; do
		box gk2 test -e /tmp/written && return
		sleep .1
	done
	fail "nobody would notice"
}

@test "CAP_NET_ADMIN is all that it needs" {
	mesh_hub_alone
	mesh_guest gk2 c3box
	box gk2 sh -c 'chown sbx /etc/sbx/secrets/wg.key
		mkdir /var/run/wireguard; chown sbx /var/run/wireguard; chmod 666 /dev/net/tun'
	in_box gk2 setpriv --reuid sbx --regid sbx --init-groups \
		--bounding-set -all,+net_admin --inh-caps -all,+net_admin \
		--ambient-caps -all,+net_admin sbx-mesh-up
	assert_has "$stderr" "add peer: c3box" "it works"
	box gk2 sh -c 'chown root /etc/sbx/secrets/wg.key'
	in_box gk2 sbx-mesh-up -v
	assert_has "$stderr" "up to date" "nothing was left to do for root"
}
