/* SPDX-License-Identifier: Apache-2.0 */
/* What the statements of the views call: times, names, offers' identifiers. */

#include "base/base.h"
#include "json/json.h"
#include "record/record.h"
#include "ledger/ledger.h"
#include "directory/directory.h"
#include "directory/member.h"
#include "directory/state.h"
#include "directory/views.h"

/* sbx_time(text): microseconds since 1970, null when it is no time. */
static void
sql_time(sqlite3_context *ctx, int argc, sqlite3_value **argv)
{
	const char *text = (const char *)sqlite3_value_text(argv[0]);
	int64_t us;

	(void)argc;
	if (text != NULL &&
		sbx_time_parse(&us, text, (size_t)sqlite3_value_bytes(argv[0])))
		sqlite3_result_int64(ctx, us);
}

static void
sql_is_name(sqlite3_context *ctx, int argc, sqlite3_value **argv)
{
	const char *text = (const char *)sqlite3_value_text(argv[0]);

	(void)argc;
	sqlite3_result_int(ctx, text != NULL && sbx_name_check(text));
}

/* The identifiers that follow from what is offered, and asked for, by whom. */
static void
sql_offer_id(sqlite3_context *ctx, int argc, sqlite3_value **argv)
{
	const char *provider = (const char *)sqlite3_value_text(argv[0]);
	const char *name = (const char *)sqlite3_value_text(argv[1]);
	char id[SBX_ID_SIZE];

	(void)argc;
	if (provider == NULL || name == NULL)
		return;
	sbx_offer_id(id, provider, name);
	sqlite3_result_text(ctx, id, -1, SQLITE_TRANSIENT);
}

static void
sql_sub_id(sqlite3_context *ctx, int argc, sqlite3_value **argv)
{
	const char *subscriber = (const char *)sqlite3_value_text(argv[0]);
	const char *service = (const char *)sqlite3_value_text(argv[1]);
	const char *at = (const char *)sqlite3_value_text(argv[2]);
	char id[SBX_ID_SIZE];
	int64_t us;

	(void)argc;
	if (subscriber == NULL || service == NULL || at == NULL ||
		!sbx_time_parse(&us, at, strlen(at)))
		return;
	sbx_sub_id(id, subscriber, service, us);
	sqlite3_result_text(ctx, id, -1, SQLITE_TRANSIENT);
}

/* What the index over entries has of the id that these digits are. */
static void
sql_item(sqlite3_context *ctx, int argc, sqlite3_value **argv)
{
	const char *text = (const char *)sqlite3_value_text(argv[0]);
	unsigned char id[SBX_HASH_BYTES];

	(void)argc;
	if (text != NULL && sbx_hex_parse(id, sizeof(id), text, strlen(text)))
		sqlite3_result_int64(ctx, sbx_first64(id));
}

void
sbx_state_functions(sqlite3 *db)
{
	static const struct {
		const char *name;
		int args;
		void (*fn)(sqlite3_context *, int, sqlite3_value **);
	} functions[] = {
		{ "sbx_time", 1, sql_time },
		{ "sbx_is_name", 1, sql_is_name },
		{ "sbx_item", 1, sql_item },
		{ "sbx_offer_id", 2, sql_offer_id },
		{ "sbx_sub_id", 3, sql_sub_id },
	};

	for (size_t i = 0; i < sizeof(functions) / sizeof(functions[0]); i++)
		sqlite3_create_function_v2(db, functions[i].name,
			functions[i].args, SQLITE_UTF8 | SQLITE_DETERMINISTIC |
			SQLITE_INNOCUOUS, NULL, functions[i].fn, NULL, NULL, NULL);
}
