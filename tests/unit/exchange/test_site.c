/* SPDX-License-Identifier: Apache-2.0 */
/* What is published: the whole log, in two forms, and the live offers. */
#include <fcntl.h>
#include <sys/stat.h>

#include "base/base.h"
#include "json/json.h"
#include "crypto/crypto.h"
#include "record/record.h"
#include "ledger/ledger.h"
#include "directory/directory.h"
#include "exchange/exchange.h"
#include "world.h"

static struct sbx_log *logh;
static struct sbx_key *key, *stranger;
static char root[80];

static void
setup(void)
{
	logh = new_log();
	snprintf(root, sizeof(root), "%s-www", log_path);
	key = key_of(1);
	stranger = key_of(2);
	sbx_clock_set(T0 + 3600 * INT64_C(1000000));
	ck_assert_int_eq(sbx_log_trust(logh, sbx_key_did(key), true, &why), 0);
}

static void
teardown(void)
{
	char cmd[128];

	snprintf(cmd, sizeof(cmd), "rm -rf '%s'", root);
	ck_assert_int_eq(system(cmd), 0);
	remove_log(logh);
	sbx_key_free(key);
	sbx_key_free(stranger);
}

static void
put(struct sbx_entry *e)
{
	ck_assert_int_eq(add(logh, e), SBX_LOG_NEW);
	sbx_entry_free(e);
}

static struct sbx_entry *
offer(const struct sbx_key *by, int n)
{
	return sign(by, "service_offer", NULL,
		"{\"service_id\":\"%064x\",\"name\":\"web%d\",\"kind\":"
		"\"http\","
		"\"endpoint\":\"\",\"scope\":{},\"approval_mode\":"
		"\"auto\","
		"\"description\":\"\",\"created_at\":\"%s\"}",
		n, n, at(n));
}

static size_t
publish(void)
{
	struct sbx_state *st = NULL;
	size_t changed = 99;

	ck_assert_int_eq(sbx_state_open(logh, &st, &why), 0);
	ck_assert_msg(sbx_site_publish(logh, st, root, &changed, &why) == 0,
		"%s", why.text);
	sbx_state_free(st);
	return changed;
}

static const char *
path(const char *name)
{
	static char text[200];

	snprintf(text, sizeof(text), "%s/%s", root, name);
	return text;
}

static const char *
page(const char *name)
{
	static struct sbx_buf b = SBX_BUF(1 << 20);

	sbx_buf_clear(&b);
	ck_assert_msg(
		sbx_io_read(path(name), 0, &b, &why) == 0, "%s", why.text);
	return sbx_buf_text(&b);
}

static size_t
parsed(const char *name, const char *member)
{
	const char *text = page(name);
	struct sbx_doc *doc = NULL;
	const struct sbx_json *root_node;
	size_t n;

	ck_assert_msg(sbx_json_parse(text, strlen(text), NULL, &doc, &why) == 0,
		"%s: %s", name, why.text);
	root_node = sbx_doc_root(doc);
	if (member != NULL)
		root_node = sbx_json_get(root_node, member);
	ck_assert_ptr_nonnull(root_node);
	ck_assert_int_eq(root_node->type, SBX_JSON_ARRAY);
	n = root_node->count;
	sbx_doc_free(doc);
	return n;
}

START_TEST(both_forms_hold_every_entry)
{
	struct sbx_buf line = SBX_BUF(SBX_MAX_LINE);
	struct sbx_entry *e = identity(key, NULL, 0);

	sbx_entry_line(e, &line);
	sbx_buf_str(&line, "\n");
	put(e);
	ck_assert_uint_eq(publish(), 4);
	ck_assert_str_eq(page("export.jsonl"), line.data);
	put(offer(key, 1));
	ck_assert_uint_eq(publish(), 4);
	ck_assert_uint_eq(parsed("log/export", "entries"), 2);
	ck_assert_uint_eq(parsed("api/v1/annuaire/log/export", "entries"), 2);
	sbx_buf_free(&line);
}
END_TEST

START_TEST(services_are_the_members_live_offers)
{
	put(identity(key, NULL, 0));
	publish();
	ck_assert_uint_eq(parsed("services", NULL), 0);
	put(offer(key, 1));
	put(offer(key, 2));
	put(offer(stranger, 3));
	put(sign(key, "service_revoke_offer", NULL,
		"{\"service_id\":\"%064x\",\"revoked_at\":\"%s\"}", 2, at(50)));
	publish();
	ck_assert_uint_eq(parsed("services", NULL), 1);
	ck_assert_ptr_nonnull(strstr(page("services"), "\"web1\""));
}
END_TEST

START_TEST(what_says_the_same_is_not_touched)
{
	struct stat before, after;

	put(identity(key, NULL, 0));
	publish();
	ck_assert_int_eq(stat(path("export.jsonl"), &before), 0);
	ck_assert_uint_eq(publish(), 0);
	ck_assert_int_eq(stat(path("export.jsonl"), &after), 0);
	ck_assert_uint_eq(before.st_ino, after.st_ino);
	/* One offer more changes the offers and the log, */
	put(offer(key, 1));
	ck_assert_uint_eq(publish(), 4);
	/* a stranger's the log alone. */
	put(offer(stranger, 2));
	ck_assert_uint_eq(publish(), 3);
}
END_TEST

START_TEST(others_may_read_it_whatever_the_umask)
{
	struct stat st;
	mode_t old = umask(077);

	put(identity(key, NULL, 0));
	publish();
	umask(old);
	ck_assert_int_eq(stat(path("export.jsonl"), &st), 0);
	ck_assert_int_eq(st.st_mode & 0777, 0644);
	ck_assert_int_eq(stat(path("api/v1/annuaire/log"), &st), 0);
	ck_assert_int_eq(st.st_mode & 0777, 0755);
}
END_TEST

START_TEST(remains_of_a_crash_are_written_over_and_gone)
{
	put(identity(key, NULL, 0));
	ck_assert_int_eq(sbx_io_mkdir(root, 0755, &why), 0);
	ck_assert_int_eq(
		sbx_io_save(path("export.jsonl.new"), "junk", 4, 0600, 0, &why),
		0);
	publish();
	ck_assert_int_ne(access(path("export.jsonl.new"), F_OK), 0);
	ck_assert_ptr_null(strstr(page("export.jsonl"), "junk"));
}
END_TEST

START_TEST(a_link_in_the_way_is_not_written_through)
{
	char target[100];

	put(identity(key, NULL, 0));
	publish();
	put(offer(key, 1));
	snprintf(target, sizeof(target), "%s/victim", root);
	ck_assert_int_eq(sbx_io_save(target, "safe", 4, 0600, 0, &why), 0);
	ck_assert_int_eq(symlink(target, path("export.jsonl.new")), 0);
	{
		struct sbx_state *st = NULL;
		size_t changed;

		ck_assert_int_eq(sbx_state_open(logh, &st, &why), 0);
		ck_assert_int_eq(
			sbx_site_publish(logh, st, root, &changed, &why),
			SBX_E_SYS);
		sbx_state_free(st);
	}
	ck_assert_str_eq(page("victim"), "safe");
}
END_TEST

/* More than the writer keeps in memory. */
START_TEST(a_long_log_is_whole)
{
	size_t lines = 0;

	for (int i = 1; i <= 400; i++)
		put(offer(key, i));
	publish();
	for (const char *p = page("export.jsonl"); (p = strchr(p, '\n')); p++)
		lines++;
	ck_assert_uint_eq(lines, 400);
}
END_TEST

START_TEST(where_it_cannot_write_it_says_so)
{
	struct sbx_state *st = NULL;
	size_t changed = 7;

	put(identity(key, NULL, 0));
	ck_assert_int_eq(sbx_state_open(logh, &st, &why), 0);
	ck_assert_int_eq(
		sbx_site_publish(logh, st, "/proc/nowhere", &changed, &why),
		SBX_E_SYS);
	ck_assert_uint_eq(changed, 7);
	sbx_state_free(st);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("site");
	TCase *t = tcase_create("site");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, both_forms_hold_every_entry);
	tcase_add_test(t, services_are_the_members_live_offers);
	tcase_add_test(t, what_says_the_same_is_not_touched);
	tcase_add_test(t, others_may_read_it_whatever_the_umask);
	tcase_add_test(t, remains_of_a_crash_are_written_over_and_gone);
	tcase_add_test(t, a_link_in_the_way_is_not_written_through);
	tcase_add_test(t, a_long_log_is_whole);
	tcase_add_test(t, where_it_cannot_write_it_says_so);
	suite_add_tcase(s, t);
	return finish_suite(s);
}
