/* SPDX-License-Identifier: Apache-2.0 */
/* libFuzzer's side; FUZZ names the target.  See scripts/fuzz. */
#include "base/base.h"
#include "targets.h"

static const struct target *target;

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const unsigned char *data, size_t len);

int
LLVMFuzzerInitialize(int *argc, char ***argv)
{
	const char *name = getenv("FUZZ");

	(void)argc;
	(void)argv;
	sbx_clock_set(INT64_C(1782900000000000));
	for (size_t i = 0; i < TARGETS; i++)
		if (name != NULL && strcmp(name, targets[i].name) == 0)
			target = &targets[i];
	if (target == NULL)
		exit(2);
	return 0;
}

int
LLVMFuzzerTestOneInput(const unsigned char *data, size_t len)
{
	target->run((const char *)data, len);
	return 0;
}
