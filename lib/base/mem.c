/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/base.h"

/* Status 4: the machine's fault, try again.  _exit(2), so that no handler
 * runs and no half-filled stdio buffer is written. */
void
sbx_mem_out(void)
{
	static const char text[] = "sbx: out of memory\n";

	if (write(STDERR_FILENO, text, sizeof(text) - 1) < 0)
		_exit(-SBX_E_SYS);
	_exit(-SBX_E_SYS);
}

void *
sbx_mem_alloc(size_t count, size_t size)
{
	void *p = calloc(count > 0 ? count : 1, size > 0 ? size : 1);

	if (p == NULL)
		sbx_mem_out();
	return p;
}

void *
sbx_mem_grow(void *p, size_t count, size_t size)
{
	void *q = reallocarray(p, count, size);

	if (q == NULL)
		sbx_mem_out();
	return q;
}

char *
sbx_mem_text(const char *text, size_t len)
{
	char *copy = sbx_mem_grow(NULL, len + 1, 1);

	if (len > 0)
		memcpy(copy, text, len);
	copy[len] = '\0';
	return copy;
}
