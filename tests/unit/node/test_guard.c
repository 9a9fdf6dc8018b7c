/* SPDX-License-Identifier: Apache-2.0 */
/* A box that is put back from copies of itself, time and again and in every
 * way: whatever it signs, it signs nothing against what it has said (I28). */
#include <sys/mman.h>

#include "base/base.h"
#include "json/json.h"
#include "system/system.h"
#include "crypto/crypto.h"
#include "record/record.h"
#include "ledger/ledger.h"
#include "directory/directory.h"
#include "node/node.h"
#include "world.h"

#define STEPS 60
#define MAX   512

static struct sbx_log *logh;
static struct sbx_conf conf;
static char dir[64], copy[80], backup[80];
static struct sbx_buf peer = SBX_BUF(4u << 20); /* what another node holds */
static unsigned char held[MAX][SBX_HASH_BYTES];
static size_t nheld, total; /* entries there, and said in all */
static int64_t known, known_then; /* by the box itself; when it was copied */
static bool copied; /* there are copies to put back */
static unsigned seed;
static int words;

/* Every head there ever was, by its number; every checkpoint, by its key. */
static char heads[MAX][2 * SBX_HASH_BYTES + 1];
static struct {
	unsigned char key[4];
	uint64_t size;
	unsigned char ids[MAX][SBX_HASH_BYTES];
} shown[2 * STEPS];
static size_t nshown;

static unsigned
roll(unsigned n)
{
	seed = seed * 1103515245 + 12345;
	return (seed >> 16) % n;
}

static void
run(const char *a, const char *b, const char *c, const char *d)
{
	const char *argv[] = { a, b, c, d, NULL };
	struct sbx_run run = { .argv = argv };

	ck_assert_msg(sbx_run_ok(&run, NULL, &why) == 0, "%s", why.text);
}

static void
reopen(void)
{
	sbx_log_close(logh);
	logh = NULL;
	ck_assert_msg(sbx_log_open(conf.db, SBX_LOG_WRITE, &logh, &why) == 0, "%s",
		why.text);
}

/* Runs share a process where nothing forks. */
static void
forget(void)
{
	sbx_buf_free(&peer);
	nheld = total = nshown = 0;
	known = known_then = 0;
	copied = false;
	words = 0;
	memset(heads, 0, sizeof(heads));
}

static void
setup(void)
{
	struct sbx_key *key = key_of(1);

	forget();
	sbx_clock_set(T0);
	logh = new_log();
	snprintf(dir, sizeof(dir), "%.*s",
		(int)(strrchr(log_path, '/') - log_path), log_path);
	snprintf(copy, sizeof(copy), "%s.copy", dir);
	snprintf(backup, sizeof(backup), "%s.backup", dir);
	ck_assert_int_eq(sbx_conf_load(&conf, dir, NULL, 0, &why), 0);
	ck_assert_int_eq(sbx_key_save(conf.key, key, &why), 0);
	ck_assert_int_eq(sbx_log_set_self(logh, sbx_key_did(key), &why), 0);
	ck_assert_int_eq(sbx_log_trust(logh, sbx_key_did(key), true, &why), 0);
	sbx_key_free(key);
}

static void
teardown(void)
{
	sbx_log_close(logh);
	sbx_conf_free(&conf);
	run("/bin/rm", "-rf", dir, copy);
	run("/bin/rm", "-rf", backup, NULL);
}

/* ---- what nobody may ever see twice ----------------------------------------- */

static int
look_at(void *ctx, const struct sbx_row *row, struct sbx_err *err)
{
	unsigned char(*ids)[SBX_HASH_BYTES] = ctx;
	struct sbx_entry *e = NULL;
	char id[2 * SBX_HASH_BYTES + 1];
	int64_t n;

	ck_assert_int_lt(row->seq, MAX);
	if (ids != NULL)
		memcpy(ids[row->seq - 1], row->id, SBX_HASH_BYTES);
	if (strcmp(row->type, "SbxHead") != 0)
		return SBX_OK;
	ck_assert_int_eq(sbx_row_entry(row, &e, err), 0);
	ck_assert(sbx_json_int(sbx_json_get(e->payload, "seq"), 1, MAX - 1, &n));
	sbx_hex_write(id, row->id, SBX_HASH_BYTES);
	if (heads[n][0] == '\0')
		memcpy(heads[n], id, sizeof(id));
	ck_assert_msg(strcmp(heads[n], id) == 0, "two heads of number %lld",
		(long long)n);
	sbx_entry_free(e);
	return SBX_OK;
}

/* The checkpoint on the site, against all that this key has signed. */
static void
look_at_site(void)
{
	struct sbx_buf path = SBX_BUF(4096), text = SBX_BUF(SBX_MAX_NOTE);
	struct sbx_checkpoint c;
	struct sbx_delegation d;
	struct sbx_vkey key;
	struct sbx_note n;
	uint64_t both;

	sbx_buf_fmt(&path, "%s/log-key", conf.www);
	ck_assert_int_eq(sbx_io_read(path.data, 0, &text, &why), 0);
	ck_assert_int_eq(sbx_delegation_parse(&d, SBX_ROLE_LOG, text.data,
				 text.len, &why), 0);
	ck_assert_int_eq(sbx_delegation_vkey(&d, &key, &why), 0);
	sbx_buf_clear(&path);
	sbx_buf_clear(&text);
	sbx_buf_fmt(&path, "%s/checkpoint", conf.www);
	ck_assert_int_eq(sbx_io_read(path.data, 0, &text, &why), 0);
	ck_assert_int_eq(
		sbx_note_check(text.data, text.len, &key, 1, &n, &why), 0);
	ck_assert_int_eq(sbx_checkpoint_parse(&c, n.text, n.len, &why), 0);
	ck_assert_uint_lt(nshown, 2 * STEPS);
	memcpy(shown[nshown].key, key.id, sizeof(key.id));
	shown[nshown].size = c.size;
	ck_assert_int_eq(sbx_log_each(logh, 1, (int64_t)c.size, look_at,
				 shown[nshown].ids, &why), 0);
	for (size_t i = 0; i < nshown; i++) {
		if (memcmp(shown[i].key, key.id, sizeof(key.id)) != 0)
			continue;
		both = shown[i].size < c.size ? shown[i].size : c.size;
		ck_assert_msg(memcmp(shown[i].ids, shown[nshown].ids,
				      both * SBX_HASH_BYTES) == 0,
			"one log key has signed two histories");
	}
	nshown++;
	sbx_buf_free(&path);
	sbx_buf_free(&text);
}

/* ---- what happens to a box -------------------------------------------------- */

static void
signed_with(int64_t before)
{
	ck_assert_msg(before >= known, "signed with %lld of %lld entries that "
		"it knows to have said", (long long)before, (long long)known);
}

static void
say(void)
{
	int64_t before = sbx_guard_count(logh);
	struct sbx_doc *doc = NULL;
	char text[64];

	snprintf(text, sizeof(text), "{\"config_id\":\"w%d\"}", words++);
	ck_assert_int_eq(
		sbx_json_parse(text, strlen(text), NULL, &doc, &why), 0);
	if (sbx_act(logh, &conf, "config_revoke", sbx_doc_root(doc), false,
		    &why) == 0) {
		signed_with(before);
		total++;
	}
	sbx_doc_free(doc);
}

static void
seal(void)
{
	int64_t before = sbx_guard_count(logh);
	size_t count = 0;

	if (sbx_guard_check(logh, &conf, &why) == 0)
		ck_assert_msg(sbx_seal(logh, &conf, NULL, &count, &why) == 0,
			"%s", why.text);
	if (count > 0)
		signed_with(before);
	total += count;
	ck_assert_msg(sbx_log_each(logh, 1, 0, look_at, NULL, &why) == 0, "%s",
		why.text);
}

static void
publish(void)
{
	size_t changed;

	if (sbx_head_publish(logh, &conf, conf.www, &changed, &why) != 0)
		return;
	signed_with(sbx_guard_count(logh));
	known = sbx_guard_count(logh);
	look_at_site();
}

static int
line_to_peer(void *ctx, const struct sbx_row *row, struct sbx_err *err)
{
	(void)err;
	for (size_t i = 0; i < nheld; i++)
		if (memcmp(held[i], row->id, SBX_HASH_BYTES) == 0)
			return SBX_OK;
	ck_assert_uint_lt(nheld, MAX);
	memcpy(held[nheld++], row->id, SBX_HASH_BYTES);
	sbx_row_line(row, ctx);
	sbx_buf_str(ctx, "\n");
	return SBX_OK;
}

/* Another order there than here. */
static void
peer_says(void)
{
	struct sbx_key *key = key_of(2);
	struct sbx_entry *e = sign(key, "config_revoke", NULL,
		"{\"config_id\":\"p%d\"}", words++);

	memcpy(held[nheld++], e->id, SBX_HASH_BYTES);
	total++;
	sbx_entry_line(e, &peer);
	sbx_buf_str(&peer, "\n");
	sbx_entry_free(e);
	sbx_key_free(key);
}

static void
deliver(void)
{
	ck_assert_int_eq(
		sbx_log_each(logh, 1, 0, line_to_peer, &peer, &why), 0);
	ck_assert(!peer.over);
}

static void
take(size_t from, size_t len)
{
	struct sbx_import im = { .source = "peer" };
	int fd = memfd_create("peer", MFD_CLOEXEC);

	ck_assert_int_eq(
		sbx_io_write_fd(fd, sbx_buf_text(&peer) + from, len, &why), 0);
	ck_assert_int_eq(lseek(fd, 0, SEEK_SET), 0);
	ck_assert_int_eq(sbx_import_fd(logh, fd, &im, &why), 0);
	close(fd);
}

static void
pull(void)
{
	int64_t left;

	take(0, peer.len);
	ck_assert_int_eq(
		sbx_guard_settle(logh, &conf, "peer", false, &left, &why), 0);
	/* Who has given all of it away gets all of it back. */
	if (nheld == total)
		ck_assert_msg(sbx_guard_check(logh, &conf, &why) == 0,
			"all is back, and still: %s", why.text);
}

static void
keep_copies(void)
{
	ck_assert_int_eq(sbx_log_backup(logh, backup, &why), 0);
	run("/bin/rm", "-rf", copy, NULL);
	run("/bin/cp", "-a", dir, copy);
	copied = true;
	known_then = known;
}

static void
restore(void)
{
	int64_t before = sbx_guard_count(logh);
	struct sbx_log *from = NULL;

	ck_assert_int_eq(sbx_log_open(backup, 0, &from, &why), 0);
	ck_assert_int_eq(sbx_guard_before(&conf, before, &why), 0);
	ck_assert_msg(sbx_log_restore(logh, from, &why) == 0, "%s", why.text);
	ck_assert_int_eq(sbx_guard_restored(logh, &conf, &why), 0);
	sbx_log_close(from);
}

/* The file alone, by somebody who does not know of restore. */
static void
put_file(void)
{
	char wal[96];

	sbx_log_close(logh);
	logh = NULL;
	snprintf(wal, sizeof(wal), "%s-wal", conf.db);
	run("/bin/rm", "-f", wal, NULL);
	run("/bin/cp", "-f", backup, conf.db);
	reopen();
}

/* The disk with all that is on it: only a peer can tell, and not at once. */
static void
put_disk(void)
{
	size_t at, len, before;
	int64_t own;

	deliver();
	if (nheld < total)
		return; /* what is nowhere else is gone, and nobody knows */
	sbx_log_close(logh);
	logh = NULL;
	run("/bin/rm", "-rf", dir, NULL);
	run("/bin/cp", "-a", copy, dir);
	known = known_then;
	reopen();
	/* From its first entry on that came back, until all has. */
	for (at = 0; at < peer.len && sbx_guard_check(logh, &conf, NULL) == 0;
		at += len) {
		len = strcspn(peer.data + at, "\n") + 1;
		own = sbx_guard_count(logh);
		take(at, len);
		ck_assert_msg(sbx_guard_count(logh) == own ||
				sbx_guard_check(logh, &conf, NULL) != 0,
			"it had forgotten something, and signs");
	}
	if (sbx_guard_check(logh, &conf, NULL) != 0) {
		before = total;
		say();
		seal();
		publish();
		ck_assert_uint_eq(total, before);
	}
	pull();
}

START_TEST(nothing_is_signed_against_what_was_said)
{
	static void (*const often[])(void) = { say, say, say, seal, publish,
		deliver, pull, peer_says };
	static void (*const seldom[])(void) = { restore, put_file, put_disk };

	size_t before;

	seed = (unsigned)_i + 1;
	say();
	for (int i = 0; i < STEPS; i++) {
		sbx_clock_set(T0 + i * INT64_C(60000000));
		if (!copied || roll(8) == 0)
			keep_copies();
		else if (roll(6) == 0)
			seldom[roll(3)]();
		else
			often[roll(8)]();
	}
	/* In the end it signs again; where the last copy of something was put
	 * over, once that is given up. */
	deliver();
	pull();
	if (nheld < total) {
		ck_assert_int_eq(sbx_guard_forget(logh, &conf, &why), 0);
		known = 0;
	}
	before = total;
	say();
	ck_assert_msg(total > before, "it signs nothing any more: %s", why.text);
	seal();
	publish();
	ck_assert_uint_gt(nshown, 0);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("guard");
	TCase *t = tcase_create("guard");

	tcase_set_timeout(t, 60);
	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_loop_test(t, nothing_is_signed_against_what_was_said, 0, 12);
	suite_add_tcase(s, t);
	return finish_suite(s);
}
