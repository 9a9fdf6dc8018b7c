/* SPDX-License-Identifier: Apache-2.0 */
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>

#include "base/base.h"

struct sbx_work {
	struct sbx_crew *crew;
	struct sbx_work *next; /* given after it */
	void (*fn)(void *ctx, size_t from, size_t to);
	void *ctx;
	size_t count, grain;
	size_t taken, done;
	uint64_t number; /* in the order in which they were given */
};

/* All of it, and of its works, is read and written under the lock. */
struct sbx_crew {
	pthread_mutex_t lock;
	pthread_cond_t given, done;
	struct sbx_work *first; /* of those of which there is something to take */
	bool over;
	uint64_t works; /* given so far */
	size_t most, count; /* threads */
	pthread_t threads[SBX_MAX_CORES];
};

size_t
sbx_cores(void)
{
	cpu_set_t set;
	int n;

	if (sched_getaffinity(0, sizeof(set), &set) != 0)
		return 1;
	n = CPU_COUNT(&set);
	return n < 1 ? 1 : n > SBX_MAX_CORES ? SBX_MAX_CORES : (size_t)n;
}

static void
leave_queue(struct sbx_work *w)
{
	struct sbx_work **at = &w->crew->first;

	while (*at != w)
		at = &(*at)->next;
	*at = w->next;
}

/* The lock is held, but not while fn is at work. */
static void
take_some(struct sbx_work *w)
{
	size_t from = w->taken;
	size_t to = w->count - from > w->grain ? from + w->grain : w->count;

	w->taken = to;
	if (to == w->count)
		leave_queue(w);
	pthread_mutex_unlock(&w->crew->lock);
	w->fn(w->ctx, from, to);
	pthread_mutex_lock(&w->crew->lock);
	w->done += to - from;
	if (w->done == w->count)
		pthread_cond_broadcast(&w->crew->done);
}

static void *
thread(void *arg)
{
	struct sbx_crew *crew = arg;

	pthread_mutex_lock(&crew->lock);
	while (!crew->over)
		if (crew->first != NULL)
			take_some(crew->first);
		else
			pthread_cond_wait(&crew->given, &crew->lock);
	pthread_mutex_unlock(&crew->lock);
	return NULL;
}

struct sbx_crew *
sbx_crew_new(void)
{
	struct sbx_crew *crew = sbx_mem_alloc(1, sizeof(*crew));

	crew->most = sbx_cores();
	pthread_mutex_init(&crew->lock, NULL);
	pthread_cond_init(&crew->given, NULL);
	pthread_cond_init(&crew->done, NULL);
	return crew;
}

void
sbx_crew_free(struct sbx_crew *crew)
{
	if (crew == NULL)
		return;
	pthread_mutex_lock(&crew->lock);
	crew->over = true;
	pthread_cond_broadcast(&crew->given);
	pthread_mutex_unlock(&crew->lock);
	for (size_t i = 0; i < crew->count; i++)
		pthread_join(crew->threads[i], NULL);
	pthread_cond_destroy(&crew->given);
	pthread_cond_destroy(&crew->done);
	pthread_mutex_destroy(&crew->lock);
	free(crew);
}

/* A thread that cannot be had is work for the others, or for who waits. */
static void
call_threads(struct sbx_crew *crew, size_t wanted)
{
	if (wanted > crew->most)
		wanted = crew->most;
	while (crew->count < wanted &&
		pthread_create(&crew->threads[crew->count], NULL, thread,
			crew) == 0)
		crew->count++;
	for (size_t n = 0; n < wanted; n++)
		pthread_cond_signal(&crew->given);
}

struct sbx_work *
sbx_work_start(struct sbx_crew *crew, size_t count, size_t grain,
	void (*fn)(void *ctx, size_t from, size_t to), void *ctx)
{
	struct sbx_work *w = sbx_mem_alloc(1, sizeof(*w)), **last;

	*w = (struct sbx_work){ .crew = crew, .fn = fn, .ctx = ctx,
		.count = count, .grain = grain };
	if (count == 0)
		return w;
	pthread_mutex_lock(&crew->lock);
	w->number = crew->works++;
	for (last = &crew->first; *last != NULL; last = &(*last)->next)
		;
	*last = w;
	call_threads(crew, count / grain);
	pthread_mutex_unlock(&crew->lock);
	return w;
}

/* The first from w on of which there is something to take. */
static struct sbx_work *
first_since(struct sbx_work *w)
{
	struct sbx_work *next = w->crew->first;

	while (next != NULL && next->number < w->number)
		next = next->next;
	return next;
}

void
sbx_work_end(struct sbx_work *w)
{
	struct sbx_crew *crew = w->crew;
	struct sbx_work *next;

	pthread_mutex_lock(&crew->lock);
	while (w->done < w->count)
		if ((next = first_since(w)) != NULL)
			take_some(next);
		else
			pthread_cond_wait(&crew->done, &crew->lock);
	pthread_mutex_unlock(&crew->lock);
	free(w);
}

void
sbx_on_all_cores(size_t count, size_t grain, void (*fn)(void *ctx, size_t from, size_t to),
	void *ctx)
{
	struct sbx_crew *crew = sbx_crew_new();

	sbx_work_end(sbx_work_start(crew, count, grain, fn, ctx));
	sbx_crew_free(crew);
}
