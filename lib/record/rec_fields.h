/* SPDX-License-Identifier: Apache-2.0 */
/* Private to lib/: short names for the fields of a table of types. */
#ifndef SBX_REC_FIELDS_H
#define SBX_REC_FIELDS_H

#include "record/record.h"

#define MAYBE SBX_FIELD_MAYBE
#define NULLABLE SBX_FIELD_NULL
#define BIG INT64_C(9007199254740991) /* 2^53 - 1 */

#define DID(n) { n, SBX_KIND_DID, 0, 0, 0, NULL }
#define DID_OR_NULL(n) { n, SBX_KIND_DID, NULLABLE, 0, 0, NULL }
#define HEX(n, digits) { n, SBX_KIND_HEX, 0, 0, digits, NULL }
#define ID(n) HEX(n, 64)
#define TIME(n) { n, SBX_KIND_TIME, 0, 0, 0, NULL }
#define TIME_OR_NULL(n) { n, SBX_KIND_TIME, NULLABLE, 0, 0, NULL }
#define WORD(n) { n, SBX_KIND_TEXT, 0, 1, 128, NULL }
#define TEXT(n) { n, SBX_KIND_TEXT, 0, 0, 4096, NULL }
#define TEXT_OR_NULL(n) { n, SBX_KIND_TEXT, NULLABLE, 0, 4096, NULL }
#define TEXTS(n) { n, SBX_KIND_TEXTS, 0, 0, 64, NULL }
#define INT(n, lo, hi) { n, SBX_KIND_INT, 0, lo, hi, NULL }
#define FRACTION(n, hi) { n, SBX_KIND_FRACTION, 0, 0, hi, NULL }
#define BOOL(n) { n, SBX_KIND_BOOL, 0, 0, 0, NULL }
#define ENUM(n, set) { n, SBX_KIND_ENUM, 0, 0, 0, set }
#define ANY(n) { n, SBX_KIND_ANY, NULLABLE, 0, 0, NULL }
#define NAME(n) { n, SBX_KIND_NAME, 0, 0, 0, NULL }
#define END { NULL, SBX_KIND_ANY, 0, 0, 0, NULL }

#endif
