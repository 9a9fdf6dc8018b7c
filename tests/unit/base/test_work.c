/* SPDX-License-Identifier: Apache-2.0 */
#include <check.h>
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <string.h>

#include "base/base.h"
#include "suite.h"

#define MANY 1000

static atomic_int done[MANY];

static void
once_more(void *ctx, size_t from, size_t to)
{
	atomic_int *counts = ctx;

	for (; from < to; from++)
		counts[from]++;
}

/* grains that divide the count and do not, fewer of them than threads */
START_TEST(each_is_done_once_whoever_does_it)
{
	static const size_t grains[] = { 1, 7, 8, 1000, 5000 };
	static atomic_int more[4][MANY];
	struct sbx_crew *crew = sbx_crew_new();
	struct sbx_work *works[4];
	size_t grain = grains[_i];

	memset(more, 0, sizeof(more));
	memset(done, 0, sizeof(done));
	for (size_t w = 0; w < 4; w++)
		works[w] = sbx_work_start(crew, MANY, grain, once_more, more[w]);
	for (size_t w = 4; w-- > 0;)
		sbx_work_end(works[w]);
	sbx_crew_free(crew);
	sbx_on_all_cores(MANY, grain, once_more, done);
	for (size_t i = 0; i < MANY; i++) {
		ck_assert_int_eq(done[i], 1);
		for (size_t w = 0; w < 4; w++)
			ck_assert_msg(more[w][i] == 1, "work %zu, %zu: %d times",
				w, i, more[w][i]);
	}
}
END_TEST

START_TEST(work_of_nothing_ends)
{
	struct sbx_crew *crew = sbx_crew_new();

	sbx_work_end(sbx_work_start(crew, 0, 8, once_more, NULL));
	sbx_crew_free(crew);
	sbx_crew_free(NULL);
}
END_TEST

static struct {
	sem_t begun, end;
	pthread_t who, waiter;
	int foreign;
} long_one;

static void
long_work(void *ctx, size_t from, size_t to)
{
	(void)ctx;
	(void)from;
	(void)to;
	long_one.who = pthread_self();
	sem_post(&long_one.begun);
	sem_wait(&long_one.end);
}

static void
short_work(void *ctx, size_t from, size_t to)
{
	(void)ctx;
	(void)from;
	(void)to;
	long_one.foreign += !pthread_equal(pthread_self(), long_one.waiter);
}

/* One core: its thread has begun something long, and the second thing of that
 * kind is given before what is waited for. */
START_TEST(who_waits_does_its_own_and_not_what_was_given_before)
{
	struct sbx_work *before, *own;
	struct sbx_crew *crew;
	cpu_set_t one;

	CPU_ZERO(&one);
	CPU_SET(sched_getcpu(), &one);
	ck_assert_int_eq(sched_setaffinity(0, sizeof(one), &one), 0);
	ck_assert_uint_eq(sbx_cores(), 1);
	sem_init(&long_one.begun, 0, 0);
	sem_init(&long_one.end, 0, 0);
	long_one.waiter = pthread_self();
	crew = sbx_crew_new();
	before = sbx_work_start(crew, 2, 1, long_work, NULL);
	sem_wait(&long_one.begun);
	own = sbx_work_start(crew, 100, 8, short_work, NULL);
	sbx_work_end(own);
	ck_assert_int_eq(long_one.foreign, 0);
	ck_assert(!pthread_equal(long_one.who, long_one.waiter));
	sem_post(&long_one.end);
	sem_post(&long_one.end);
	sbx_work_end(before);
	sbx_crew_free(crew);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("work");
	TCase *t = tcase_create("work");

	tcase_add_loop_test(t, each_is_done_once_whoever_does_it, 0, 5);
	tcase_add_test(t, work_of_nothing_ends);
	tcase_add_test(t, who_waits_does_its_own_and_not_what_was_given_before);
	suite_add_tcase(s, t);
	return finish_suite(s);
}
