/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <string.h>

#include "base/base.h"

int
sbx_err_set(struct sbx_err *err, int code, const char *fmt, ...)
{
	va_list ap;

	if (err == NULL)
		return code;
	err->code = code;
	err->hint[0] = '\0';
	va_start(ap, fmt);
	vsnprintf(err->text, sizeof(err->text), fmt, ap);
	va_end(ap);
	return code;
}

int
sbx_err_sys(struct sbx_err *err, const char *fmt, ...)
{
	int saved = errno;
	size_t used;
	va_list ap;

	if (err == NULL)
		return SBX_E_SYS;
	err->code = SBX_E_SYS;
	err->hint[0] = '\0';
	va_start(ap, fmt);
	vsnprintf(err->text, sizeof(err->text), fmt, ap);
	va_end(ap);
	used = strlen(err->text);
	snprintf(err->text + used, sizeof(err->text) - used, ": %s",
		strerror(saved));
	errno = saved;
	return SBX_E_SYS;
}

void
sbx_err_hint(struct sbx_err *err, const char *fmt, ...)
{
	va_list ap;

	if (err == NULL)
		return;
	va_start(ap, fmt);
	vsnprintf(err->hint, sizeof(err->hint), fmt, ap);
	va_end(ap);
}

void
sbx_err_at(struct sbx_err *err, const char *fmt, ...)
{
	char old[sizeof(err->text)];
	size_t used;
	va_list ap;

	if (err == NULL)
		return;
	memcpy(old, err->text, sizeof(old));
	va_start(ap, fmt);
	vsnprintf(err->text, sizeof(err->text), fmt, ap);
	va_end(ap);
	used = strlen(err->text);
	snprintf(err->text + used, sizeof(err->text) - used, ": %s", old);
}
