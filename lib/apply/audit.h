/* SPDX-License-Identifier: Apache-2.0 */
/* Shared by the parts of the audit log. */
#ifndef SBX_AUDIT_H
#define SBX_AUDIT_H

#include "apply/apply.h"

/* SBX_E_NO: fd, which is at path, is not a plain file of root's alone. */
int sbx_audit_file_check(int fd, const char *path, int64_t *size,
	struct sbx_err *err);
/* LOG.head; the caller frees it. */
char *sbx_audit_head_path(const char *path);
/* Where the last line ended and its hash.  False: nothing is remembered. */
bool sbx_audit_head_load(int fd, int64_t *size,
	unsigned char head[static SBX_HASH_BYTES]);

#endif
