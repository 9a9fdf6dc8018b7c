# SPDX-License-Identifier: Apache-2.0
# What libsbx must not do, seen in its objects.

load ../lib/helpers

setup() {
	lib=$BATS_TEST_DIRNAME/../../build/libsbx.a
	[ -e "$lib" ] || skip "an installed sbx has no library"
	require nm
	# A sanitizer calls what it likes.
	nm "$lib" | grep -q __asan_init && skip "a sanitized build"
	return 0
}

# I1
@test "the library prints nothing, ends nothing and reads no environment" {
	run_sbx nm -A -u "$lib"
	calls=$(awk -F: '$2 !~ /^(tool|line|table|mem)\.o$/ {
		sub(/^ *U /, "", $3); sub(/@.*/, "", $3); print $2, $3 }' \
		<<<"$output" | grep -E ' (_?_?v?f?printf(_chk)?|puts|putchar|perror|exit|abort|(secure_)?getenv|system|popen)$') || :
	assert_eq "$calls" "" "calls that are the tools' business"
}

@test "every public name of the library begins with sbx_" {
	run_sbx nm -g --defined-only "$lib"
	names=$(awk 'NF == 3 && $3 !~ /^sbx_/ { print $3 }' <<<"$output")
	assert_eq "$names" "" "names that others may use too"
}
