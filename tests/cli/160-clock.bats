#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Boxes whose clocks are wrong: behind, ahead, and put right again.

load ../lib/helpers

setup() {
	export SBX_NOW=2026-07-01T12:00:00Z
	D=$BATS_TEST_TMPDIR
	for n in hub ann bob; do
		node $n
		SBX_STATE=$D/$n sbx-ledger init --no-recovery >"$D/$n.did"
	done
}

did() {
	cat "$D/$1.did"
}

carry() { # FROM TO
	SBX_STATE=$D/$1 sbx-ledger export | SBX_STATE=$D/$2 sbx-ledger -q import
}

exchange() { # ONE OTHER
	carry "$1" "$2"
	carry "$2" "$1"
}

join() { # GUEST HOST
	at "$2" sbx-member invite
	at "$1" sbx-member accept "$output"
	exchange "$1" "$2"
}

at_time() { # TIME NODE [RC] TOOL ARGS...
	local SBX_NOW=$1
	export SBX_NOW
	shift
	at "$@"
}

@test "a box at 1970 knows its own entries when they come back" {
	join ann hub
	for form in export publish; do
		case $form in
		export) SBX_STATE=$D/hub sbx-ledger export >"$D/all" ;;
		publish)
			at hub sbx-ledger publish "$D/www"
			ln -sfn "$D/www" "$D/all"
			;;
		esac
		at_time 1970-01-01T00:02:00Z ann sbx-pull "$D/all"
		assert_lacks "$stderr" "came back" "its own entries are new to it, by $form"
	done
	at ann sbx-ledger -j status
	assert_eq "$(jq -r .signing <<<"$output")" yes "it signs nothing any more"
	at ann sbx-offer publish -k http -e 10.10.0.2:80 mirror
}
