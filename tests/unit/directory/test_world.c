/* SPDX-License-Identifier: Apache-2.0 */
/* The frozen world of an independent implementation, where it is at hand:
 * its hashes are ours. */
#include <fcntl.h>

#include "base/base.h"
#include "json/json.h"
#include "ledger/ledger.h"
#include "node/node.h"
#include "world.h"

#define WORLD "../shared/vectors/gondwana/"

struct compare {
	const struct sbx_json *next;
};

static int
compare_row(void *ctx, const struct sbx_row *row, struct sbx_err *err)
{
	struct compare *c = ctx;
	char hex[65];

	(void)err;
	ck_assert_ptr_nonnull(c->next);
	sbx_hex_write(hex, row->hash, SBX_HASH_BYTES);
	ck_assert_str_eq(hex, sbx_json_str(c->next, "entry_hash"));
	sbx_hex_write(hex, row->id, SBX_HASH_BYTES);
	ck_assert_str_eq(hex, sbx_json_str(c->next, "payload_b2"));
	ck_assert_str_eq(row->payload, sbx_json_str(c->next, "canon_payload"));
	c->next = c->next->next;
	return 0;
}

static void
check_roots(struct sbx_log *log, const struct sbx_json *roots)
{
	const struct sbx_json *want = roots->child;
	unsigned char root[32];
	char hex[65];

	ck_assert_uint_eq(roots->count, 27);
	for (int size = 0; want != NULL; want = want->next, size++) {
		ck_assert_int_eq(sbx_log_root(log, size, root, &why), 0);
		sbx_hex_write(hex, root, 32);
		ck_assert_str_eq(hex, want->text);
	}
}

START_TEST(the_chains_hashes_are_those_of_the_frozen_world)
{
	static const struct sbx_json_limits big = { 1 << 20, 16, 1 << 16 };
	static const char *const files[] = { WORLD "export.jsonl",
		WORLD "export.json" };
	struct sbx_buf text = SBX_BUF(1 << 20);
	struct sbx_import im = { 0 };
	struct sbx_doc *doc = NULL;
	struct sbx_log *log;
	struct compare c;
	int64_t bad;
	int fd;

	if (access(files[_i], R_OK) != 0)
		return; /* a clone without the vectors beside it */
	ck_assert_int_eq(sbx_io_read(WORLD "world.json", 0, &text, &why), 0);
	ck_assert_msg(sbx_json_parse(text.data, text.len, &big, &doc, &why) == 0,
		"%s", why.text);
	c.next = sbx_json_get(sbx_doc_root(doc), "entries")->child;
	fd = open(files[_i], O_RDONLY);
	log = new_log();
	ck_assert_msg(sbx_import_fd(log, fd, &im, &why) == 0, "%s", why.text);
	close(fd);
	ck_assert_uint_eq(im.added, 26);
	ck_assert_int_eq(sbx_log_each(log, 1, 0, compare_row, &c, &why), 0);
	ck_assert_ptr_null(c.next);
	ck_assert_int_eq(sbx_log_check(log, &bad, &why), 0);
	check_roots(log, sbx_json_get(sbx_doc_root(doc), "rfc6962_sha256_roots"));
	remove_log(log);
	sbx_doc_free(doc);
	sbx_buf_free(&text);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("world");
	TCase *t = tcase_create("world");

	tcase_add_loop_test(t, the_chains_hashes_are_those_of_the_frozen_world, 0,
		2);
	suite_add_tcase(s, t);
	return finish_suite(s);
}
