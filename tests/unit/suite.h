/* SPDX-License-Identifier: Apache-2.0 */
/* How a file of tests ends. */
#ifndef SUITE_H
#define SUITE_H

#include <check.h>
#include <stdlib.h>

#include "node/node.h"

/* As CK_VERBOSITY says.  What main returns. */
__attribute__((unused)) static int
finish_suite(Suite *suite)
{
	SRunner *runner = srunner_create(suite);
	int failed;

	sbx_upkeep();
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

#endif
