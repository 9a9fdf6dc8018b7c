#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# What make install puts where, and the units among it.

load ../lib/helpers

setup() {
	src=$BATS_TEST_DIRNAME/../..
	[ -x "$src/build/bin/sbx-ledger" ] || skip "nothing built to install"
	root=$BATS_TEST_TMPDIR/root
}

# to DIR TARGET: make TARGET below DIR, as nobody when we are root.
to() {
	run --separate-stderr make -s -C "$src" MAKEFLAGS= DESTDIR="$1" "$2"
	assert_eq "$status" 0 "make $2: $stderr"
}

# How open each unit may be, as systemd-analyze counts it, times ten.
exposure='directory 10
apply 33
election 18
door 35
expire 6
fsck 6
grant 30
macroctl-sync 19
mesh-up 26
publish 6
pull 15'

@test "make install needs no rights, and make uninstall takes all of it away" {
	umask 022
	to "$root" install
	for f in usr/bin/sbx usr/bin/sbx-ledger usr/sbin/sbx-mesh-up \
		usr/sbin/sbx-macroctl usr/lib/sbx/macros.d/http-mirror \
		usr/lib/sbx/provision usr/lib/tmpfiles.d/sbx.conf \
		usr/share/man/man7/sbx.7 etc/sudoers.d/sbx \
		usr/lib/systemd/system/sbx-pull.timer \
		etc/sbx/lighttpd/grant.conf; do
		assert_file "$root/$f" "not installed"
	done
	assert_eq "$(find "$root" ! -user "$(id -un)")" "" "not the caller's"
	assert_eq "$(find "$root" -perm /7022 ! -type l)" "" "too open"
	assert_eq "$(stat -c %a "$root/etc/sudoers.d/sbx")" 440 "sudo's rule"
	before=$(snapshot "$root")
	to "$root" install
	assert_eq "$(snapshot "$root")" "$before" "a second install differs"
	echo own >"$root/usr/lib/sbx/macros.d/own"
	to "$root" uninstall
	assert_eq "$(find "$root" ! -type d)" \
		"$root/usr/lib/sbx/macros.d/own" "left behind, or not ours"
}

@test "make install fails when one file cannot be put there" {
	mkdir -p "$root/usr/lib/sbx/macros.d/http-mirror/http-mirror"
	run make -s -C "$src" MAKEFLAGS= DESTDIR="$root" install
	assert_ne "$status" 0 "a failed install counts as done"
}

# The package's scripts, on a root of its own.
@test "the package masks the web server that comes with it, and no other" {
	run env DPKG_ROOT="$root" sh -e "$src/debian/preinst" install
	assert_eq "$status" 0 "preinst: $output"
	mask=$root/etc/systemd/system/lighttpd.service
	assert_eq "$(readlink "$mask")" /dev/null "port 80 would be open"
	DPKG_ROOT=$root sh -e "$src/debian/preinst" install
	# An upgrade leaves what the admin has done meanwhile.
	rm "$mask"
	DPKG_ROOT=$root sh -e "$src/debian/preinst" upgrade 0.0.1
	[ ! -L "$mask" ] || fail "an upgrade masks it again"
	# Who had it before has a use for it.
	install -D /bin/true "$root-2/usr/sbin/lighttpd"
	DPKG_ROOT=$root-2 sh -e "$src/debian/preinst" install
	[ ! -L "$root-2/etc/systemd/system/lighttpd.service" ] || fail "another's server is masked"
}

@test "the package recommends no kernel, and setup has what building it takes" {
	depends=$(sed -n '/^Depends:/,/^Description:/p' "$src/debian/control")
	assert_has "$depends" wireguard-go "for a kernel without WireGuard"
	assert_lacks "$depends" linux-image "a kernel"
	assert_lacks "$depends" wireguard-modules "a kernel"
	for p in debhelper dpkg-dev $(sed -n '/^Build-Depends:/,/^[A-Z]/p' "$src/debian/control" |
		grep '^ ' | tr -d ' ,' | sed 's/<.*//'); do
		grep -qw -e "$p" "$src/scripts/setup" || fail "scripts/setup lacks $p"
	done
}

@test "systemd understands every line of every unit" {
	require systemd-analyze
	to "$root" install
	install -D /bin/true "$root/usr/sbin/lighttpd"
	install -D /bin/true "$root/bin/sh"
	for t in sysinit basic shutdown network network-online timers paths time-set \
		time-sync; do
		printf '[Unit]\nDescription=%s\n' "$t" \
			>"$root/usr/lib/systemd/system/$t.target"
	done
	# Of an unknown key it only warns.
	run systemd-analyze verify --man=no --root="$root" \
		"$root"/usr/lib/systemd/system/sbx-*
	assert_eq "$status:$output" 0: "systemd-analyze verify"
}

@test "no unit may do more than it must" {
	require systemd-analyze
	for u in "$src"/etc/systemd/*.service; do
		n=$(basename "$u" .service)
		max=$(awk -v n="${n#sbx-}" '$1 == n { print $2 }' <<<"$exposure")
		run systemd-analyze security --offline=true --no-pager \
			--threshold="$max" "$u"
		assert_eq "$status" 0 "$n is more open than $max: ${output##*$'\n'}"
	done
}

@test "each timer has its service, and each job its timer or a target that starts it" {
	for t in "$src"/etc/systemd/*.timer; do
		assert_file "${t%.timer}.service" "a timer of nothing"
	done
	for s in "$src"/etc/systemd/*.service; do
		! grep -q '^Type=oneshot' "$s" || grep -q '^WantedBy=.*target$' "$s" ||
			assert_file "${s%.service}.timer" "a job without a timer"
	done
}
