/* SPDX-License-Identifier: Apache-2.0 */
/* The states of a box, and its default role. */
#include "fleet/status.h"
#include "suite.h"

#define UP .interface = true, .record = true

START_TEST(each_state_follows_from_what_is_seen)
{
	static const struct {
		struct sbx_fleet_sight sight;
		const char *state;
	} cases[] = {
		{ { 0 }, "dormant" },
		{ { .interface = true, .heard = 3 }, "dormant" },
		{ { .record = true, .heard = 3 }, "dormant" },
		{ { UP }, "awakening" },
		{ { UP, .heard = 1, .differ = 1 }, "aware" },
		{ { UP, .heard = 2, .differ = 1 }, "aware" },
		{ { UP, .heard = 2 }, "synchronized" },
		/* A coordinator, up to the limit of its age and past it. */
		{ { UP, .heard = 1, .coordinator = true,
			  .coordinator_age = 180 }, "synchronized" },
		{ { UP, .heard = 1, .coordinator = true,
			  .coordinator_age = 181 }, "autonomous" },
		{ { UP, .heard = 1, .coordinator = true,
			  .coordinator_age = -1 }, "autonomous" },
		{ { UP, .coordinator = true, .coordinator_age = 181 },
			"autonomous" },
		/* Just come up: nobody was heard at all. */
		{ { UP, .coordinator = true, .coordinator_age = -1 },
			"awakening" },
		{ { .record = true, .coordinator = true,
			  .coordinator_age = 181 }, "dormant" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		ck_assert_msg(strcmp(sbx_fleet_state_name(sbx_fleet_state(
				      &cases[i].sight)), cases[i].state) == 0,
			"case %zu is %s, not %s", i,
			sbx_fleet_state_name(sbx_fleet_state(&cases[i].sight)),
			cases[i].state);
}
END_TEST

START_TEST(memory_gives_the_default_role)
{
	const uint64_t gib = UINT64_C(1) << 30;

	ck_assert_str_eq(sbx_fleet_role(0), "sentinel");
	ck_assert_str_eq(sbx_fleet_role(2 * gib - 1), "sentinel");
	ck_assert_str_eq(sbx_fleet_role(2 * gib), "guardian");
	ck_assert_str_eq(sbx_fleet_role(6 * gib - 1), "guardian");
	ck_assert_str_eq(sbx_fleet_role(6 * gib), "fortress");
	ck_assert_str_eq(sbx_fleet_role(48 * gib - 1), "fortress");
	ck_assert_str_eq(sbx_fleet_role(48 * gib), "nexus");
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("state");
	TCase *tc = tcase_create("state");

	tcase_add_test(tc, each_state_follows_from_what_is_seen);
	tcase_add_test(tc, memory_gives_the_default_role);
	suite_add_tcase(suite, tc);
	return finish_suite(suite);
}
