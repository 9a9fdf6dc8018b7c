/* SPDX-License-Identifier: Apache-2.0 */
/* The types of statements: the one place that knows them.  The type's name is
 * part of what is signed, so two types may have the same fields. */
#include "record/record.h"
#include "record/rec_fields.h"
#include "exchange/now.h"

#define DAY 86400

static const char *const roles[] = { "sentinel", "guardian", "fortress",
	"nexus", NULL };
static const char *const states[] = { "dormant", "awakening", "aware",
	"synchronized", "autonomous", NULL };

/* How a node does.  Shares are in percent, load1 is the load average times
 * 100, temp in degrees Celsius; entries and digest are of its directory. */
static const struct sbx_field snapshot[] = { INT("interval", 1, DAY),
	INT("uptime", 0, BIG), INT("cpu", 0, 100), INT("mem", 0, 100),
	INT("disk", 0, 100), INT("load1", 0, BIG),
	{ "temp", SBX_KIND_INT, NULLABLE, -100, 200, NULL },
	ENUM("role", roles), ENUM("state", states),
	{ "endpoint", SBX_KIND_TEXT, NULLABLE, 0, 256, NULL }, BOOL("drained"),
	INT("entries", 0, BIG), HEX("digest", 64),
	{ "peers", SBX_KIND_ARRAY, 0, 0, 256, NULL }, TEXTS("services"),
	TEXTS("down"), WORD("version"),
	{ "counters", SBX_KIND_OBJECT, 0, 0, 0, NULL }, END };

#define TYPE(name, ttl, fields) \
	{ { name, { NULL }, "did", NULL, NULL, "", fields }, ttl }

const struct sbx_statement_type sbx_statement_table[] = {
	TYPE("Snapshot", 3 * DAY, snapshot),
	TYPE(NULL, 0, NULL),
};
