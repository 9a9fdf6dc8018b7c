# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# Boxes: machines of their own to test in, made and gone in a moment.
#
#	box_new NAME		a box: own network, mounts, processes, host
#				name; its root is a throw-away overlay of this
#				machine with sbx installed at its default paths
#	box NAME CMD...		run CMD in it as root, at /, stdin and status
#				passed on
#	box_as NAME USER CMD...	the same as USER
#	box_bg NAME CMD...	the same in the background; BOX_PID is what to
#				kill or wait for
#	box_lan [LAN]		a switch; and
#	box_link NAME ADDR/LEN [LAN]	eth0 of box NAME on it
#	box_stop NAME		end one box, as if its power was cut
#	box_end			end all of them
#
# In a box /src is this source tree (read-only) and /share a directory that
# all boxes of one harness and the host ($BOX_SHARE) see; /tmp and /run are
# its own.  Call box_new, box_lan and box_bg in the shell itself, not by bats'
# "run" nor in $(...): what they start lives as long as the shell that did it.
#
# Nothing of a box is on this machine's disk, in its /etc or its namespaces.
# Everything ends when the shell does, be it by kill -9.  Not under bats,
# box_end is the shell's EXIT trap; there, call it in teardown.

BOX_SRC=$(cd "${BASH_SOURCE[0]%/*}/../.." && pwd)
BOX_DIR=
BOX_SHARE=
BOX_PID=
declare -gA box_parent=() # NAME: pid of its unshare; -g: bats loads in a function
box_jobs=()
box_keeper=

# The process that removes the directory when the shell could not.
box__keep() {
	setpriv --pdeathsig TERM sh -c 'trap "rm -rf \"\$1\"; kill \$!; exit 0" TERM
		trap "" INT HUP; sleep infinity & wait' sh "$BOX_DIR" \
		</dev/null >/dev/null 2>&1 3>&- &
	box_keeper=$!
}

box__start() {
	[ -z "$BOX_DIR" ] || return 0
	[ "$(id -u)" -eq 0 ] || {
		echo "box: must be root" >&2
		return 4
	}
	BOX_DIR=$(mktemp -d "${BATS_TEST_TMPDIR:-${BATS_FILE_TMPDIR:-${TMPDIR:-/tmp}}}/sbx-box.XXXXXX")
	BOX_SHARE=$BOX_DIR/share
	chmod 755 "$BOX_DIR"
	mkdir -m 1777 "$BOX_SHARE"
	box__keep
	if [ -z "${BATS_VERSION:-}" ]; then
		trap box_end EXIT
		trap 'exit 129' HUP
		trap 'exit 130' INT
		trap 'exit 143' TERM
	fi
	(umask 022 && make -s -C "$BOX_SRC" install DESTDIR="$BOX_DIR/stage" \
		MAKEFLAGS= >"$BOX_DIR/install.log" 2>&1) || {
		cat "$BOX_DIR/install.log" >&2
		return 4
	}
}

# box__spawn NAME UNSHARE-OPTIONS... -- INIT-ARGUMENTS...: BOX_DIR/NAME.pid is
# its init; what INIT writes ends up in BOX_DIR/NAME.log.
box__spawn() {
	local name=$1 opts=() pid='' i
	shift
	while [ "$1" != -- ]; do
		opts+=("$1")
		shift
	done
	shift
	setpriv --pdeathsig KILL unshare --kill-child=KILL -f -n -m -p \
		--propagation private "${opts[@]}" bash "$BOX_SRC/tests/lib/box-init" \
		"$BOX_DIR" "$name" "$@" </dev/null >"$BOX_DIR/$name.log" 2>&1 3>&- &
	box_parent[$name]=$!
	for ((i = 0; i < 1000; i++)); do
		[ -s "$BOX_DIR/$name.up" ] && break
		kill -0 "${box_parent[$name]}" 2>/dev/null || break
		sleep .01
	done
	i=/proc/${box_parent[$name]}
	[ ! -e "$i" ] || read -r pid <"$i/task/${i##*/}/children" || :
	if [ ! -s "$BOX_DIR/$name.up" ] || [ -z "$pid" ]; then
		echo "box: $name did not start" >&2
		cat "$BOX_DIR/$name.log" >&2
		return 4
	fi
	echo "$pid" >"$BOX_DIR/$name.pid"
}

box__enter() {
	local name=$1
	[ -s "$BOX_DIR/$name.pid" ] || {
		echo "box: no box $name" >&2
		return 2
	}
	box_cmd=(nsenter -t "$(<"$BOX_DIR/$name.pid")" -n -m -p -u -i -r -w -- env -i
		PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LC_ALL=C TZ=UTC
		TERM="${TERM:-dumb}")
}

box_new() {
	box__start || return
	box__spawn "$1" -u -i -- box
}

box() {
	local box_cmd name=$1
	shift
	box__enter "$name" || return
	"${box_cmd[@]}" "$@" 3>&-
}

box_as() {
	local box_cmd name=$1 user=$2
	shift 2
	box__enter "$name" || return
	"${box_cmd[@]}" HOME=/ setpriv --reuid "$user" --regid "$user" \
		--init-groups "$@" 3>&-
}

# The command dies with its nsenter, so that BOX_PID can be killed.
box_bg() {
	local box_cmd name=$1
	shift
	box__enter "$name" || return
	"${box_cmd[@]}" setpriv --pdeathsig TERM "$@" 3>&- &
	BOX_PID=$!
	box_jobs+=("$BOX_PID")
}

box_lan() {
	box__start || return
	box__spawn "${1:-lan}" -- lan
}

box_link() {
	local name=$1 addr=$2 lan=${3:-lan}
	nsenter -t "$(<"$BOX_DIR/$lan.pid")" -n ip link add "p-$name" type veth \
		peer name eth0 netns "$(<"$BOX_DIR/$name.pid")" || return
	nsenter -t "$(<"$BOX_DIR/$lan.pid")" -n ip link set "p-$name" master br0 up || return
	box "$name" ip addr add "$addr" dev eth0 && box "$name" ip link set eth0 up
}

box_stop() {
	[ -n "${box_parent[$1]:-}" ] || return 0
	# Its parent is gone at once; the init, and so its network, a moment
	# later.  The shell need not say of each job that it was killed.
	{
		kill -KILL "${box_parent[$1]}" || :
		wait "${box_parent[$1]}" || :
		local pid='' i
		read -r pid <"$BOX_DIR/$1.pid" || :
		for ((i = 0; i < 500; i++)); do
			[ -n "$pid" ] && [ -e "/proc/$pid/ns/net" ] || break
			sleep .01
		done
	} 2>/dev/null
	unset "box_parent[$1]"
	rm -rf "$BOX_DIR/$1".*
}

box_end() {
	local name
	[ -n "$BOX_DIR" ] || return 0
	# Waited for here, so that the shell does not say of each that it ended.
	if [ "${#box_jobs[@]}" -gt 0 ]; then
		kill -KILL "${box_jobs[@]}" 2>/dev/null || :
		wait "${box_jobs[@]}" 2>/dev/null || :
	fi
	for name in "${!box_parent[@]}"; do
		box_stop "$name"
	done
	rm -rf "$BOX_DIR"
	kill "$box_keeper" 2>/dev/null || :
	wait "$box_keeper" 2>/dev/null || :
	box_jobs=()
	BOX_DIR=
}
