# SPDX-License-Identifier: Apache-2.0
# The folders of lib/ stand in layers, and scripts/layers sees who breaks them.

load ../lib/helpers

setup() {
	src=$BATS_TEST_DIRNAME/../..
	[ -e "$src/build/lib/base/err.o" ] || skip "nothing built here"
	require nm gcc
	tree=$BATS_TEST_TMPDIR/tree
	mkdir -p "$tree/build"
	cp -r "$src/lib" "$tree/"
	cp -r "$src/build/lib" "$tree/build/"
}

# plant FOLDER/FILE.c TEXT: one more file of that folder, built.
plant() {
	printf '%s\n' "$2" >"$tree/lib/$1"
	gcc -I"$tree/lib" -c -o "$tree/build/lib/${1%c}o" "$tree/lib/$1"
}

@test "no include and no call runs from a folder to a higher one" {
	run_sbx "$src/scripts/layers" "$tree"
	assert_eq "$output" "" "an offence against the layers"
}

@test "an include that runs upwards is an offence" {
	plant base/planted.c '#include "tool/tool.h"'
	run_sbx 1 "$src/scripts/layers" "$tree"
	assert_has "$output" "lib/base/planted.c: includes:tool.h of tool" "the include"
}

@test "a call that runs upwards is an offence" {
	plant json/planted.c 'int sbx_log_close(void *); int sbx_planted(void) { return sbx_log_close(0); }'
	run_sbx 1 "$src/scripts/layers" "$tree"
	assert_has "$output" "lib/json/planted.c: calls:sbx_log_close of ledger" "the call"
}

@test "a capability that uses its neighbour is an offence" {
	plant mesh/planted.c '#include "lend/lend.h"'
	run_sbx 1 "$src/scripts/layers" "$tree"
	assert_has "$output" "lib/mesh/planted.c: includes:lend.h of lend, a neighbour of mesh" "the neighbour"
}

@test "a folder that is in no layer is an offence" {
	mkdir -p "$tree/lib/stray" "$tree/build/lib/stray"
	plant stray/planted.c '#include "base/base.h"'
	run_sbx 1 "$src/scripts/layers" "$tree"
	assert_has "$output" "stray is not in lib/LAYERS" "the stray folder"
}
