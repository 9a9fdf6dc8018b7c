# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# What a machine has that boxes working under directory $1 could have left on
# it; and gone DIR BEFORE: within five seconds it is as it was.

traces() {
	ls -d "$1"/sbx-box.* 2>/dev/null
	pgrep -f "box-init $1/"
	nft list tables 2>/dev/null | grep sbx
	getent passwd sbx sbx-grant
	ls -d /run/wireguard /run/sbx /etc/sbx /var/lib/sbx /usr/lib/sbx 2>/dev/null
	grep "$1" /proc/self/mounts
	ip -o link show 2>/dev/null | grep -E ' (p-|eth0@|wg-mesh)' | cut -d: -f2
	return 0
}

gone() {
	for _ in $(seq 500); do
		[ "$(traces "$1")" != "$2" ] || return 0
		sleep .01
	done
	diff <(echo "$2") <(traces "$1")
}
