#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# A hub forwards, or says why it does not and how it would.

load ../lib/helpers
load ../lib/box
load ../lib/mesh

setup() {
	require_root
	require wg wireguard-go ip jq nft
}

teardown() {
	box_end
}

@test "a hub whose firewall drops between peers says so, with the rule that mends it" {
	mesh_boxes gk2 c3box amd64
	for n in gk2 c3box amd64; do in_box $n sbx-mesh-up -q; done
	for n in c3box amd64; do in_box $n ping -q -c1 -W3 10.10.0.1; done
	in_box c3box ping -q -c1 -W3 10.10.0.3
	for table in 'ip filter' 'inet mine'; do
		# As Docker has it; what is forwarded may be let through by another.
		box gk2 nft -f - <<-END
			table $table {
				chain FORWARD {
					type filter hook forward priority 0; policy drop;
					jump USER
				}
				chain USER {
					iifname "eth0" oifname "docker0" accept
				}
			}
		END
		in_box 1 c3box ping -q -c1 -W1 10.10.0.3
		in_box 1 gk2 sbx-mesh-up
		assert_has "$stderr" "this hub does not forward: chain FORWARD of table $table" "$table"
		rule=$(sed -n 's/^sbx-mesh-up: hint: \(nft insert .* accept\),.*/\1/p' <<<"$stderr")
		# shellcheck disable=SC2086 # words
		in_box gk2 $rule
		in_box c3box ping -q -c1 -W3 10.10.0.3
		in_box gk2 sbx-mesh-up
		assert_eq "$stderr" "" "$table: mended"
		# shellcheck disable=SC2086 # words
		box gk2 nft delete table $table
	done
	# A spoke forwards nothing, and another's hook or policy is no matter.
	box gk2 nft -f - <<-'END'
		table ip filter {
			chain INPUT {
				type filter hook input priority 0; policy accept;
			}
			chain FORWARD {
				type filter hook forward priority 0; policy accept;
			}
		}
	END
	in_box gk2 sbx-mesh-up
	box c3box nft 'add table ip filter; add chain ip filter FORWARD { type filter hook forward priority 0; policy drop; }'
	in_box c3box sbx-mesh-up
	assert_eq "$stderr" "" "a spoke"
}

@test "a hub that does not forward IPv6 tells how it would" {
	mesh_boxes gk2 c3box amd64
	for n in gk2 c3box amd64; do in_box $n sbx-mesh-up -q; done
	for n in c3box amd64; do in_box $n ping -q -c1 -W3 10.10.0.1; done
	six=$(box amd64 ip -6 -o addr show dev wg-mesh scope global | awk '{print $4}')
	in_box 1 c3box ping -6 -q -c1 -W1 "${six%/64}"
	in_box gk2 sbx-mesh-up -v
	assert_has "$stderr" "sysctl -w net.ipv6.conf.all.forwarding=1" "how"
	in_box gk2 sh -c "echo 1 >/proc/sys/net/ipv6/conf/all/forwarding"
	in_box c3box ping -6 -q -c1 -W3 "${six%/64}"
	in_box gk2 sbx-mesh-up -v
	assert_lacks "$stderr" "IPv6" "it does"
}
