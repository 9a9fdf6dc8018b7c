/* SPDX-License-Identifier: Apache-2.0 */
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "sbx.h"

struct sbx_work {
	void (*fn)(void *ctx, size_t i);
	void *ctx;
	size_t count;
	atomic_size_t next;
	size_t started;
	pthread_t ids[SBX_MAX_CORES];
};

static void *
some(void *arg)
{
	struct sbx_work *w = arg;
	size_t i;

	while ((i = atomic_fetch_add(&w->next, 1)) < w->count)
		w->fn(w->ctx, i);
	return NULL;
}

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

/* A thread that cannot be had is work for the others. */
struct sbx_work *
sbx_work_start(size_t count, size_t grain, void (*fn)(void *ctx, size_t i),
	void *ctx)
{
	struct sbx_work *w = sbx_mem_alloc(1, sizeof(*w));
	size_t threads = sbx_cores();

	if (threads > count / grain)
		threads = count / grain;
	w->fn = fn;
	w->ctx = ctx;
	w->count = count;
	for (; w->started < threads; w->started++)
		if (pthread_create(&w->ids[w->started], NULL, some, w) != 0)
			break;
	return w;
}

void
sbx_work_end(struct sbx_work *w)
{
	some(w);
	for (size_t t = 0; t < w->started; t++)
		pthread_join(w->ids[t], NULL);
	free(w);
}

void
sbx_on_all_cores(size_t count, size_t grain, void (*fn)(void *ctx, size_t i),
	void *ctx)
{
	sbx_work_end(sbx_work_start(count, grain, fn, ctx));
}
