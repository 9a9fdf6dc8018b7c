/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/base.h"
#include "system/system.h"
#include "mesh/mesh.h"
#include "suite.h"

#define SECRET "EEEEEEEEEEEEEEEEEEEEEEEEEEEEEEEEEEEEEEEEEEA="
#define PUB    "AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE="
#define PEER   "AgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgI="

static const struct {
	const char *text;
	bool good;
} dumps[] = {
	{ "(none)\t(none)\t0\toff\n", true },
	{ SECRET "\t" PUB "\t51822\toff\n", true },
	{ SECRET "\t" PUB "\t51822\t0x1\n" PEER
		 "\t(none)\t(none)\t(none)\t0\t0\t0\toff\n",
		true },
	{ "", false },
	{ "\n", false },
	{ SECRET "\t" PUB "\t51822\n", false },
	{ SECRET "\t" PUB "\t65536\toff\n", false },
	{ SECRET "\tx\t1\toff\n", false },
	{ SECRET "\t" PUB "\t1\toff\nx\t(none)\t(none)\t(none)\t0\t0\t0\toff\n",
		false },
	{ SECRET "\t" PUB "\t1\toff\n" PEER
		 "\t(none)\t(none)\t(none)\t0\t0\t0\n",
		false },
	{ SECRET "\t" PUB "\t1\toff\n" PEER
		 "\t(none)\t(none)\t(none)\t0\t-1\t0\toff\n",
		false },
	{ SECRET "\t" PUB "\t1\toff\n" PEER
		 "\t(none)\t(none)\t(none)\t0\t99999999999999999999\t0\toff\n",
		false },
	{ SECRET "\t" PUB "\t1\toff\n" PEER
		 "\t(none)\t(none)\t(none)\t0\t0\t0\toff\tx\n",
		false },
	{ SECRET "\t" PUB "\t1\toff\n" PEER "\n", false },
};

START_TEST(a_dump_is_read_strictly)
{
	struct sbx_wg wg = { 0 };
	int r = sbx_wg_parse(dumps[_i].text, strlen(dumps[_i].text), &wg, NULL);

	ck_assert_int_eq(r, dumps[_i].good ? SBX_OK : SBX_E_SYS);
	sbx_wg_free(&wg);
}
END_TEST

START_TEST(a_dump_s_fields_are_where_they_belong)
{
	static const char dump[] =
		SECRET "\t" PUB "\t51822\toff\n" PEER
		       "\t(none)\t192.0.2.2:51822\t10.10.0.2/32,10.10.0.9/32\t"
		       "1782900000\t692\t892\t25\n";
	unsigned char key[SBX_WG_KEY_BYTES];
	struct sbx_wg wg = { 0 };

	ck_assert_int_eq(sbx_wg_parse(dump, strlen(dump), &wg, NULL), SBX_OK);
	memset(key, 1, sizeof(key));
	ck_assert_mem_eq(wg.pub, key, sizeof(key));
	ck_assert_int_eq(wg.port, 51822);
	ck_assert_uint_eq(wg.npeers, 1);
	memset(key, 2, sizeof(key));
	ck_assert_mem_eq(wg.peers[0].key, key, sizeof(key));
	ck_assert_str_eq(wg.peers[0].endpoint, "192.0.2.2:51822");
	ck_assert_str_eq(wg.peers[0].allowed, "10.10.0.2/32,10.10.0.9/32");
	ck_assert_int_eq(wg.peers[0].handshake, 1782900000);
	ck_assert_uint_eq(wg.peers[0].rx, 692);
	ck_assert_uint_eq(wg.peers[0].tx, 892);
	ck_assert_int_eq(wg.peers[0].keepalive, 25);
	sbx_wg_free(&wg);
}
END_TEST

static char path[] = "/tmp/sbx-wg-XXXXXX/key";

static void
fresh(void)
{
	strcpy(path, "/tmp/sbx-wg-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(path));
	path[strlen(path)] = '/';
	ck_assert_str_eq(path + strlen(path) - 4, "/key");
}

static void
done(void)
{
	unlink(path);
	*strrchr(path, '/') = '\0';
	rmdir(path);
}

START_TEST(a_key_is_made_once_and_is_what_wg_makes_of_it)
{
	const char *const argv[] = { "/usr/bin/wg", "pubkey", NULL };
	unsigned char pub[SBX_WG_KEY_BYTES], again[SBX_WG_KEY_BYTES];
	struct sbx_buf text = SBX_BUF(100), out = SBX_BUF(100);
	struct sbx_run run = { .argv = argv };
	char want[SBX_WGKEY_SIZE];
	struct stat st;

	ck_assert_int_eq(sbx_wg_key(path, false, NULL, pub, NULL), SBX_E_NO);
	ck_assert_int_eq(access(path, F_OK), -1);
	ck_assert_int_eq(sbx_wg_key(path, true, &text, pub, NULL), SBX_OK);
	ck_assert_int_eq(stat(path, &st), 0);
	ck_assert_int_eq(st.st_mode & 07777, 0600);
	ck_assert_int_eq(sbx_wg_key(path, true, NULL, again, NULL), SBX_OK);
	ck_assert_mem_eq(pub, again, sizeof(pub));
	run.in = text.data;
	run.inlen = text.len;
	ck_assert_int_eq(sbx_run_ok(&run, &out, NULL), SBX_OK);
	sbx_wgkey_write(want, pub);
	ck_assert_uint_eq(out.len, 45);
	ck_assert_mem_eq(out.data, want, 44);
	sbx_buf_free(&text);
	sbx_buf_free(&out);
}
END_TEST

static const char *const bad_keys[] = { "", "\n",
	"EEEEEEEEEEEEEEEEEEEEEEEEEEEEEEEEEEEEEEEEEEA",
	"EEEEEEEEEEEEEEEEEEEEEEEEEEEEEEEEEEEEEEEEEEAA=\n", SECRET "\n\n",
	SECRET SECRET, "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n",
	" " SECRET };

START_TEST(a_file_that_holds_no_key_is_refused)
{
	unsigned char pub[SBX_WG_KEY_BYTES];
	int r;

	ck_assert_int_eq(sbx_io_save(path, bad_keys[_i], strlen(bad_keys[_i]),
				 0600, 0, NULL),
		SBX_OK);
	r = sbx_wg_key(path, true, NULL, pub, NULL);
	ck_assert(r == SBX_E_USAGE || r == SBX_E_INPUT);
}
END_TEST

START_TEST(a_key_others_may_read_or_a_link_to_one_is_refused)
{
	unsigned char pub[SBX_WG_KEY_BYTES];
	char other[64];

	ck_assert_int_eq(sbx_wg_key(path, true, NULL, pub, NULL), SBX_OK);
	ck_assert_int_eq(chmod(path, 0644), 0);
	ck_assert_int_eq(sbx_wg_key(path, true, NULL, pub, NULL), SBX_E_USAGE);
	ck_assert_int_eq(chmod(path, 0600), 0);
	if (getuid() == 0) {
		ck_assert_int_eq(chown(path, 65534, 0), 0);
		ck_assert_int_eq(
			sbx_wg_key(path, true, NULL, pub, NULL), SBX_E_USAGE);
		ck_assert_int_eq(chown(path, 0, 0), 0);
	}
	snprintf(other, sizeof(other), "%s.real", path);
	ck_assert_int_eq(rename(path, other), 0);
	ck_assert_int_eq(symlink(other, path), 0);
	ck_assert_int_ne(sbx_wg_key(path, true, NULL, pub, NULL), SBX_OK);
	unlink(other);
}
END_TEST

/* I20 */
START_TEST(what_wg_is_told_names_no_secret)
{
	struct sbx_buf key = SBX_BUF(100);
	struct sbx_wg_set set = { .name = "wg-mesh", .key = &key };
	static char allowed[] = "10.10.0.2/32";
	struct sbx_wg_peer p = { .keepalive = 25, .allowed = allowed };
	static const char *const want[] = { "peer", PEER, "endpoint",
		"192.0.2.2:1", "persistent-keepalive", "25", "allowed-ips",
		"10.10.0.2/32", "peer", PEER, "remove" };

	sbx_buf_str(&key, SECRET "\n");
	memset(p.key, 2, sizeof(p.key));
	strcpy(p.endpoint, "192.0.2.2:1");
	sbx_wg_set_peer(&set, &p, true);
	sbx_wg_set_remove(&set, p.key);
	ck_assert_uint_eq(set.nwords, sizeof(want) / sizeof(want[0]));
	for (size_t i = 0; i < set.nwords; i++)
		ck_assert_str_eq(set.words[i], want[i]);
	sbx_wg_set_free(&set);
	sbx_wg_set_peer(&set, &p, false);
	ck_assert_str_eq(set.words[2], "persistent-keepalive");
	sbx_wg_set_free(&set);
	sbx_buf_free(&key);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("wg");
	TCase *t = tcase_create("dump"), *k = tcase_create("key");

	tcase_add_loop_test(t, a_dump_is_read_strictly, 0,
		sizeof(dumps) / sizeof(dumps[0]));
	tcase_add_test(t, a_dump_s_fields_are_where_they_belong);
	tcase_add_test(t, what_wg_is_told_names_no_secret);
	tcase_add_checked_fixture(k, fresh, done);
	tcase_add_test(k, a_key_is_made_once_and_is_what_wg_makes_of_it);
	tcase_add_loop_test(k, a_file_that_holds_no_key_is_refused, 0,
		sizeof(bad_keys) / sizeof(bad_keys[0]));
	tcase_add_test(k, a_key_others_may_read_or_a_link_to_one_is_refused);
	suite_add_tcase(s, t);
	suite_add_tcase(s, k);
	return finish_suite(s);
}
