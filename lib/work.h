/* SPDX-License-Identifier: Apache-2.0 */
/* Private to lib/: work shared out among all cores. */
#ifndef SBX_WORK_H
#define SBX_WORK_H

#include <pthread.h>
#include <stdatomic.h>

#include "sbx.h"

#define SBX_CORES 16 /* at most */

struct sbx_work {
	void (*fn)(void *ctx, size_t i);
	void *ctx;
	size_t count;
	atomic_size_t next;
	size_t started;
	pthread_t ids[SBX_CORES];
};

size_t sbx_cores(void);
/* sbx_on_all_cores(), by other threads alone; *w stays where it is until the
 * end. */
void sbx_work_start(struct sbx_work *w, size_t count, size_t grain,
	void (*fn)(void *ctx, size_t i), void *ctx);
/* Take part in what is left of it, and wait. */
void sbx_work_end(struct sbx_work *w);

#endif
