/* SPDX-License-Identifier: Apache-2.0 */
#include <unistd.h>

#include "work.h"

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
	long cores = sysconf(_SC_NPROCESSORS_ONLN);

	return cores < 1 ? 1 : cores > SBX_CORES ? SBX_CORES : (size_t)cores;
}

/* A thread that cannot be had is work for the others. */
void
sbx_work_start(struct sbx_work *w, size_t count, size_t grain,
	void (*fn)(void *ctx, size_t i), void *ctx)
{
	size_t threads = sbx_cores();

	if (threads > count / grain)
		threads = count / grain;
	w->fn = fn;
	w->ctx = ctx;
	w->count = count;
	w->next = 0;
	for (w->started = 0; w->started < threads; w->started++)
		if (pthread_create(&w->ids[w->started], NULL, some, w) != 0)
			break;
}

void
sbx_work_end(struct sbx_work *w)
{
	some(w);
	for (size_t t = 0; t < w->started; t++)
		pthread_join(w->ids[t], NULL);
	w->started = 0;
	w->count = 0;
}

void
sbx_on_all_cores(size_t count, size_t grain, void (*fn)(void *ctx, size_t i),
	void *ctx)
{
	struct sbx_work w;

	sbx_work_start(&w, count, grain, fn, ctx);
	sbx_work_end(&w);
}
