/* SPDX-License-Identifier: Apache-2.0 */
/* Plan, apply, confirm, revert: a change is whole or it is not there. */
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <time.h>
#include <unistd.h>

#include "base/base.h"
#include "system/system.h"
#include "node/node.h"
#include "apply/apply.h"
#include "apply/plan.h"
#include "suite.h"

static char dir[64];
static struct sbx_conf conf;
static struct sbx_err err;
static struct sbx_plan p;

/* ---- a firewall-like part: its state is two files, written one by one ---- */

static char *
at(const char *name)
{
	static char path[8][256];
	static int n;
	char *out = path[n++ % 8];

	snprintf(out, sizeof(path[0]), "%s/%s", dir, name);
	return out;
}

/* Nothing of Check's here: the process that reverts calls it too. */
static void
write_file(const char *name, const char *text)
{
	if (sbx_io_save(at(name), text, strlen(text), 0644, 0, &err) != 0)
		abort();
}

static const char *
read_file(const char *name)
{
	static char out[16][4096];
	static int n;
	char *text = out[n++ % 16];
	int fd = open(at(name), O_RDONLY);
	ssize_t len;

	if (fd < 0)
		return "(none)";
	len = read(fd, text, sizeof(out[0]) - 1);
	text[len > 0 ? len : 0] = '\0';
	close(fd);
	return text;
}

static bool fence_broken; /* set() does half and fails */

static int
fence_look(void *ctx, const char *of, struct sbx_live *now, struct sbx_err *e)
{
	char name[64];

	(void)ctx;
	(void)e;
	snprintf(name, sizeof(name), "%s.1", of);
	if (access(at(name), F_OK) != 0)
		return 0;
	sbx_live_put(now, read_file(name), strlen(read_file(name)));
	snprintf(name, sizeof(name), "%s.2", of);
	sbx_buf_str(&now->data, read_file(name));
	return 0;
}

static int
fence_set(void *ctx, const char *of, const struct sbx_live *to,
	struct sbx_err *e)
{
	char one[64], two[64], text[128];

	(void)ctx;
	snprintf(one, sizeof(one), "%s.1", of);
	snprintf(two, sizeof(two), "%s.2", of);
	if (!to->there) {
		unlink(at(one));
		unlink(at(two));
		return 0;
	}
	snprintf(text, sizeof(text), "%.*s", (int)(to->data.len / 2),
		sbx_buf_text(&to->data));
	write_file(one, text);
	if (fence_broken) {
		fence_broken = false;
		return sbx_err_set(e, SBX_E_SYS, "half done");
	}
	write_file(two, sbx_buf_text(&to->data) + to->data.len / 2);
	return 0;
}

static const struct sbx_step_kind kinds[] = {
	{ .name = "fence", .look = fence_look, .set = fence_set },
	{ 0 },
};
static const char *recover[] = { "--recover", dir, NULL };
static const struct sbx_part part = { "test", kinds, recover };

/* ---- the tests' own hands ---- */

static void
conf_in(void)
{
	memset(&conf, 0, sizeof(conf));
	conf.apply = strdup(at("journal"));
	conf.audit = strdup(at("audit.log"));
}

static void
fresh(void)
{
	strcpy(dir, "/tmp/sbx-plan.XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(dir));
	memset(&err, 0, sizeof(err));
	memset(&p, 0, sizeof(p));
	conf_in();
	write_file("a", "old a\n");
	write_file("b", "old b\n");
	write_file("f.1", "old");
	write_file("f.2", "fen");
}

static void
done(void)
{
	const char *const argv[] = { "/bin/rm", "-rf", dir, NULL };
	const struct sbx_run run = { .argv = argv };

	sbx_plan_close(&p);
	sbx_run_ok(&run, NULL, NULL);
	free(conf.apply);
	free(conf.audit);
}

static void
open_plan(unsigned flags)
{
	sbx_plan_close(&p);
	ck_assert_msg(sbx_plan_open(&p, &part, NULL, &conf, flags, &err) == 0,
		"%s", err.text);
}

static int
want(const char *name, const char *text)
{
	struct sbx_file f = { .path = at(name), .data = text, .uid = (uid_t)-1,
		.gid = (gid_t)-1, .mode = (mode_t)-1 };

	f.len = text != NULL ? strlen(text) : 0;
	return sbx_plan_file(&p, &f, &err);
}

static int
want_fence(const char *text)
{
	struct sbx_live to = SBX_LIVE;
	int r;

	if (text != NULL)
		sbx_live_put(&to, text, strlen(text));
	r = sbx_plan_want(&p, "fence", "f", &to, &err);
	sbx_live_free(&to);
	return r;
}

/* a changed, b removed, c made, the fence moved. */
static void
want_all(void)
{
	ck_assert_int_ge(want("a", "new a\n"), 0);
	ck_assert_int_ge(want("b", NULL), 0);
	ck_assert_int_ge(want("c", "new c\n"), 0);
	ck_assert_int_ge(want_fence("newfence"), 0);
}

static void
command(enum sbx_command_when when, const char *script, int timeout)
{
	const char *const argv[] = { "/bin/sh", "-c", script, "sh", "%f", NULL };
	const char *const plain[] = { "/bin/sh", "-c", script, NULL };
	const struct sbx_command c = { .when = when, .timeout = timeout,
		.argv = strstr(script, "$1") != NULL ? argv : plain };

	ck_assert_int_eq(sbx_plan_command(&p, &c, &err), 0);
}

static int
apply(int seconds)
{
	return sbx_apply(&p, seconds, &err);
}

static bool
is(const char *a, const char *b, const char *c, const char *f1, const char *f2)
{
	return strcmp(read_file("a"), a) == 0 &&
	       strcmp(read_file("b"), b) == 0 &&
	       strcmp(read_file("c"), c) == 0 &&
	       strcmp(read_file("f.1"), f1) == 0 &&
	       strcmp(read_file("f.2"), f2) == 0;
}

static bool
is_old(void)
{
	return is("old a\n", "old b\n", "(none)", "old", "fen");
}

static bool
is_new(void)
{
	return is("new a\n", "(none)", "new c\n", "newf", "ence");
}

static const char *
all(void)
{
	static char text[512];

	snprintf(text, sizeof(text), "a=%s b=%s c=%s f=%s|%s (%s)",
		read_file("a"), read_file("b"), read_file("c"),
		read_file("f.1"), read_file("f.2"), err.text);
	return text;
}

static bool
shadows(void)
{
	return access(at(".a.sbx-new"), F_OK) == 0 ||
	       access(at(".b.sbx-new"), F_OK) == 0 ||
	       access(at(".c.sbx-new"), F_OK) == 0;
}

/* ---- planning ---- */

START_TEST(a_plan_says_what_of_and_to_and_changes_nothing)
{
	struct sbx_buf to = SBX_BUF(256);

	open_plan(SBX_PLAN_DRY);
	want_all();
	ck_assert_uint_eq(p.nsteps, 4);
	ck_assert_str_eq(sbx_step_what(&p.steps[0]), "change");
	ck_assert_str_eq(sbx_step_what(&p.steps[1]), "remove");
	ck_assert_str_eq(sbx_step_what(&p.steps[2]), "create");
	ck_assert_str_eq(p.steps[0].of, at("a"));
	sbx_step_to(&p, &p.steps[0], &to);
	ck_assert_ptr_nonnull(strstr(to.data, "6 bytes, sha256 "));
	sbx_buf_free(&to);
	ck_assert_int_eq(apply(0), SBX_E_USAGE);
	ck_assert_msg(is_old(), "%s", all());
	ck_assert_int_ne(access(at("journal"), F_OK), 0);
}
END_TEST

START_TEST(a_second_apply_has_nothing_to_do)
{
	open_plan(0);
	want_all();
	ck_assert_msg(apply(0) == 0, "%s", err.text);
	ck_assert_msg(is_new(), "%s", all());
	open_plan(0);
	want_all();
	ck_assert_uint_eq(p.nsteps, 0);
	command(SBX_RELOAD, "exit 1", 0); /* nor anything to reload */
	ck_assert_int_eq(apply(0), 0);
}
END_TEST

START_TEST(one_thing_is_changed_once_and_there_is_a_limit)
{
	struct sbx_live to = SBX_LIVE;
	char name[32];
	int r = 0;

	open_plan(0);
	ck_assert_int_eq(want("a", "x"), 1);
	ck_assert_int_eq(want("a", "y"), SBX_E_USAGE);
	sbx_live_put(&to, "xxxx", 4);
	for (int i = 1; i < SBX_MAX_STEPS; i++) {
		snprintf(name, sizeof(name), "f%d", i);
		r = sbx_plan_want(&p, "fence", name, &to, &err);
		ck_assert_int_eq(r, 1);
	}
	ck_assert_int_eq(
		sbx_plan_want(&p, "fence", "more", &to, &err), SBX_E_USAGE);
	ck_assert_int_eq(
		sbx_plan_want(&p, "other", "more", &to, &err), SBX_E_USAGE);
	sbx_live_free(&to);
}
END_TEST

/* ---- files ---- */

START_TEST(owner_mode_and_attributes_stay)
{
	/* user::rw- user:1:r-- group::--- mask::r-- other::--- */
	static const unsigned char acl[] = { 2, 0, 0, 0, 1, 0, 6, 0, 255, 255,
		255, 255, 2, 0, 4, 0, 1, 0, 0, 0, 4, 0, 0, 0, 255, 255, 255,
		255, 16, 0, 4, 0, 255, 255, 255, 255, 32, 0, 0, 0, 255, 255,
		255, 255 };
	unsigned char back[64];
	struct stat st;
	bool has;

	if (geteuid() == 0)
		ck_assert_int_eq(chown(at("a"), 3, 4), 0);
	ck_assert_int_eq(chmod(at("a"), 0640), 0);
	has = setxattr(at("a"), "system.posix_acl_access", acl, sizeof(acl),
		      0) == 0;
	open_plan(0);
	ck_assert_int_eq(want("a", "new"), 1);
	ck_assert_msg(apply(0) == 0, "%s", err.text);
	for (int round = 0; round < 2; round++) {
		ck_assert_int_eq(stat(at("a"), &st), 0);
		ck_assert_uint_eq(st.st_mode & 07777, 0640);
		if (geteuid() == 0) {
			ck_assert_uint_eq(st.st_uid, 3);
			ck_assert_uint_eq(st.st_gid, 4);
		}
		if (has) {
			ck_assert_int_eq(
				getxattr(at("a"), "system.posix_acl_access",
					back, sizeof(back)),
				sizeof(acl));
			ck_assert_mem_eq(back, acl, sizeof(acl));
		}
		if (round == 0) {
			open_plan(0);
			ck_assert_msg(sbx_apply_revert(&p, &err) == 0, "%s",
				err.text);
			ck_assert_str_eq(read_file("a"), "old a\n");
		}
	}
}
END_TEST

START_TEST(a_removed_file_comes_back_as_it_was)
{
	struct stat st;

	ck_assert_int_eq(chmod(at("b"), 04755), 0);
	open_plan(0);
	ck_assert_int_eq(want("b", NULL), 1);
	ck_assert_int_eq(apply(0), 0);
	ck_assert_int_ne(access(at("b"), F_OK), 0);
	open_plan(0);
	ck_assert_int_eq(sbx_apply_revert(&p, &err), 0);
	ck_assert_int_eq(stat(at("b"), &st), 0);
	ck_assert_uint_eq(st.st_mode & 07777, 04755);
	ck_assert_str_eq(read_file("b"), "old b\n");
}
END_TEST

START_TEST(links_and_what_is_no_plain_file_are_refused)
{
	static const char *const names[] = { "link", "dir/../a", "via/x",
		"fifo", "hard", "sub", "nowhere/x" };

	ck_assert_int_eq(symlink(at("a"), at("link")), 0);
	ck_assert_int_eq(mkdir(at("sub"), 0755), 0);
	ck_assert_int_eq(symlink(at("sub"), at("via")), 0);
	ck_assert_int_eq(mkfifo(at("fifo"), 0600), 0);
	ck_assert_int_eq(link(at("a"), at("hard")), 0);
	open_plan(0);
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		ck_assert_msg(want(names[i], "x") < 0, "%s", names[i]);
	ck_assert_uint_eq(p.nsteps, 0);
}
END_TEST

/* A link put there between plan and apply, and during it. */
START_TEST(a_link_that_comes_later_is_not_followed)
{
	open_plan(0);
	want_all();
	ck_assert_int_eq(rename(at("a"), at("kept")), 0);
	ck_assert_int_eq(symlink(at("kept"), at("a")), 0);
	ck_assert_int_lt(apply(0), 0);
	ck_assert_str_eq(read_file("kept"), "old a\n");
	ck_assert_int_ne(access(at("c"), F_OK), 0);
}
END_TEST

START_TEST(a_directory_of_others_is_refused)
{
	if (geteuid() != 0)
		return;
	ck_assert_int_eq(mkdir(at("theirs"), 0755), 0);
	ck_assert_int_eq(chown(at("theirs"), 1, 1), 0);
	open_plan(0);
	ck_assert_int_eq(want("theirs/x", "x"), SBX_E_NO);
	ck_assert_int_eq(mkdir(at("open"), 0755), 0);
	ck_assert_int_eq(chmod(at("open"), 0777), 0);
	ck_assert_int_eq(want("open/x", "x"), SBX_E_NO);
	/* Sticky: the file is ours, the shadow's name may be taken. */
	ck_assert_int_eq(chmod(at("open"), 01777), 0);
	write_file("open/.x.sbx-new", "theirs");
	ck_assert_int_eq(chown(at("open/.x.sbx-new"), 1, 1), 0);
	ck_assert_int_eq(want("open/x", "x"), 1);
	ck_assert_int_eq(apply(0), SBX_E_NO);
	ck_assert_str_eq(read_file("open/.x.sbx-new"), "theirs");
}
END_TEST

START_TEST(a_journal_in_others_reach_is_refused)
{
	if (geteuid() != 0)
		return;
	ck_assert_int_eq(mkdir(at("journal"), 0755), 0);
	ck_assert_int_eq(chown(at("journal"), 1, 1), 0);
	ck_assert_int_eq(
		sbx_plan_open(&p, &part, NULL, &conf, 0, &err), SBX_E_NO);
}
END_TEST

START_TEST(a_disk_that_is_full_keeps_the_old_one)
{
	struct rlimit old, small = { 3000, RLIM_INFINITY };
	char big[8192];

	memset(big, 'x', sizeof(big));
	big[sizeof(big) - 1] = '\0';
	open_plan(0);
	want_all();
	ck_assert_int_eq(want("d", big), 1);
	getrlimit(RLIMIT_FSIZE, &old);
	signal(SIGXFSZ, SIG_IGN);
	setrlimit(RLIMIT_FSIZE, &small);
	ck_assert_int_eq(apply(0), SBX_E_SYS);
	setrlimit(RLIMIT_FSIZE, &old);
	ck_assert_msg(is_old(), "%s", all());
	ck_assert(!shadows());
	open_plan(0);
	ck_assert_int_eq(p.pending, SBX_PENDING_NONE);
}
END_TEST

/* ---- failure ---- */

START_TEST(a_step_that_fails_undoes_all)
{
	open_plan(0);
	want_all();
	fence_broken = true;
	ck_assert_int_eq(apply(0), SBX_E_SYS);
	ck_assert_str_eq(err.text, "half done");
	ck_assert_msg(is_old(), "%s", all());
	ck_assert_int_ne(access(at("journal/test/pending"), F_OK), 0);
}
END_TEST

static const struct {
	enum sbx_command_when when;
	const char *script;
	int code;
	const char *says;
} bad_commands[] = {
	{ SBX_CHECK, "echo 'line 3: \033[1mno' >&2; cat $1 >/dev/null; exit 1",
		SBX_E_NO, "check failed: /bin/sh: line 3: ?[1mno" },
	{ SBX_CHECK, "exit 3 $1", SBX_E_NO, "ended with status 3" },
	{ SBX_CHECK, "kill -SEGV $$ $1", SBX_E_NO, "check failed" },
	{ SBX_CHECK, ": $1; exec sleep 60", SBX_E_SYS, "longer than 1000 ms" },
	{ SBX_CHECK, "echo more >>$1", SBX_E_NO, "changed what it was" },
	{ SBX_CHECK, "rm $1", SBX_E_NO, "changed what it was" },
	{ SBX_CHECK, "exit 1", SBX_E_NO, "check failed" },
	{ SBX_RELOAD, "exit 1", SBX_E_NO, "reload failed" },
	{ SBX_RELOAD, "trap '' TERM; sleep 60", SBX_E_SYS, "longer than" },
	{ SBX_HEALTH, "grep -q 'old a' A", SBX_E_NO, "health failed" },
	{ SBX_HEALTH, "exec /nowhere", SBX_E_NO, "health failed" },
};

START_TEST(a_command_that_says_no_undoes_all)
{
	open_plan(0);
	want_all();
	command(bad_commands[_i].when, bad_commands[_i].script, 1);
	ck_assert_int_eq(apply(0), bad_commands[_i].code);
	ck_assert_msg(strstr(err.text, bad_commands[_i].says) != NULL, "%s",
		err.text);
	ck_assert_msg(is_old(), "%s", all());
	ck_assert(!shadows());
}
END_TEST

START_TEST(words_on_stderr_are_a_no_where_the_plan_says_so)
{
	const char *const argv[] = { "/bin/sh", "-c", "echo warning >&2",
		NULL };
	struct sbx_command c = { .when = SBX_CHECK, .argv = argv };

	open_plan(0);
	want_all();
	ck_assert_int_eq(sbx_plan_command(&p, &c, &err), 0);
	ck_assert_int_eq(apply(0), 0);
	open_plan(0);
	ck_assert_int_eq(want("a", "newer"), 1);
	c.silent = true;
	ck_assert_int_eq(sbx_plan_command(&p, &c, &err), 0);
	ck_assert_int_eq(apply(0), SBX_E_NO);
	ck_assert_str_eq(read_file("a"), "new a\n");
}
END_TEST

START_TEST(what_read_the_new_files_reads_the_old_ones)
{
	char script[256];

	snprintf(script, sizeof(script), "cat %s/a >>%s/seen", dir, dir);
	open_plan(0);
	want_all();
	command(SBX_RELOAD, script, 0);
	command(SBX_RELOAD, script, 0); /* two files of one service */
	command(SBX_HEALTH, "exit 1", 0);
	ck_assert_int_eq(apply(0), SBX_E_NO);
	ck_assert_str_eq(read_file("seen"), "new a\nold a\n");
}
END_TEST

START_TEST(the_check_sees_the_new_file_beside_the_old)
{
	char script[256];

	snprintf(script, sizeof(script),
		"grep -q 'new a' $1 && grep -q 'old a' %s/a && "
		"test $(dirname $1) = %s",
		dir, dir);
	open_plan(0);
	want_all();
	command(SBX_CHECK, script, 0);
	ck_assert_msg(apply(0) == 0, "%s", err.text);
	ck_assert(!shadows());
}
END_TEST

START_TEST(a_program_is_named_by_its_path)
{
	const char *const argv[] = { "sh", NULL };
	const struct sbx_command c = { .when = SBX_CHECK, .argv = argv };
	const struct sbx_command none = { .when = SBX_CHECK };

	open_plan(0);
	ck_assert_int_eq(sbx_plan_command(&p, &c, &err), SBX_E_USAGE);
	ck_assert_int_eq(sbx_plan_command(&p, &none, &err), SBX_E_USAGE);
}
END_TEST

/* ---- edits by hand ---- */

START_TEST(an_edit_by_hand_is_noticed_and_kept)
{
	open_plan(0);
	want_all();
	ck_assert_int_eq(apply(0), 0);
	write_file("a", "by hand\n");
	open_plan(0);
	ck_assert_int_eq(want("a", "newer\n"), 1);
	ck_assert_int_eq(want("c", "newer\n"), 1);
	ck_assert(p.steps[0].edited && !p.steps[1].edited);
	ck_assert_int_eq(apply(0), SBX_E_NO);
	ck_assert_str_eq(read_file("a"), "by hand\n");
	ck_assert_str_eq(read_file("c"), "new c\n");
	p.steps[0].force = true;
	ck_assert_int_eq(apply(0), 0);
	ck_assert_str_eq(read_file("a"), "newer\n");
}
END_TEST

START_TEST(a_mode_set_by_hand_is_an_edit)
{
	open_plan(0);
	want_all();
	ck_assert_int_eq(apply(0), 0);
	ck_assert_int_eq(chmod(at("a"), 0600), 0);
	open_plan(0);
	ck_assert_int_eq(want("a", "newer\n"), 1);
	ck_assert(p.steps[0].edited);
}
END_TEST

START_TEST(a_change_between_plan_and_apply_is_not_overwritten)
{
	open_plan(0);
	want_all();
	write_file("b", "just now\n");
	ck_assert_int_eq(apply(0), SBX_E_NO);
	ck_assert_str_eq(read_file("a"), "old a\n");
	ck_assert_str_eq(read_file("b"), "just now\n");
}
END_TEST

START_TEST(a_revert_leaves_what_was_edited_since)
{
	open_plan(0);
	want_all();
	ck_assert_int_eq(apply(60), 0);
	write_file("a", "by hand\n");
	open_plan(0);
	ck_assert_int_eq(sbx_apply_revert(&p, &err), SBX_E_NO);
	ck_assert_ptr_nonnull(strstr(err.text, "edited by hand"));
	ck_assert_msg(is("by hand\n", "old b\n", "(none)", "old", "fen"), "%s",
		all());
}
END_TEST

/* ---- confirm and revert ---- */

START_TEST(a_change_that_is_confirmed_stays)
{
	open_plan(0);
	want_all();
	ck_assert_msg(apply(1) == 0, "%s", err.text);
	open_plan(0);
	ck_assert_int_eq(p.pending, SBX_PENDING_WAITING);
	ck_assert_int_eq(sbx_apply_confirm(&p, &err), 0);
	ck_assert_int_eq(sbx_apply_confirm(&p, &err), SBX_E_NO);
	sbx_plan_close(&p);
	sleep(2);
	open_plan(0);
	ck_assert_msg(is_new(), "%s", all());
}
END_TEST

static void
await_old(void)
{
	const struct timespec nap = { .tv_nsec = 50000000 };

	for (int i = 0; i < 200 && !is_old(); i++)
		nanosleep(&nap, NULL);
	ck_assert_msg(is_old(), "%s", all());
}

START_TEST(a_change_that_nobody_confirms_is_undone)
{
	open_plan(0);
	want_all();
	ck_assert_msg(apply(1) == 0, "%s", err.text);
	sbx_plan_close(&p);
	ck_assert_msg(is_new(), "%s", all());
	await_old(); /* nobody opens a plan meanwhile */
}
END_TEST

/* The applier dies in its health command; nobody runs anything after it. */
START_TEST(an_applier_killed_in_the_middle_is_undone_by_the_timer)
{
	pid_t pid;
	int status;

	sbx_plan_close(&p);
	if ((pid = fork()) == 0) {
		open_plan(0);
		want_all();
		command(SBX_HEALTH, "kill -KILL $PPID", 0);
		apply(1);
		_exit(0);
	}
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert(WIFSIGNALED(status));
	await_old();
}
END_TEST

START_TEST(a_reboot_in_the_window_is_undone)
{
	struct sbx_err why = { 0 };
	const char *text;
	char other[512], *boot;

	open_plan(0);
	want_all();
	ck_assert_msg(apply(3600) == 0, "%s", err.text);
	sbx_plan_close(&p);
	/* Within its boot it waits. */
	ck_assert_int_eq(
		sbx_apply_recover(&part, NULL, &conf, false, true, &why), 0);
	ck_assert_msg(is_new(), "%s", all());
	text = read_file("journal/test/waiting");
	snprintf(other, sizeof(other), "%s", text);
	boot = strstr(other, "\"boot\":\"") + 8;
	boot[0] = boot[0] == '0' ? '1' : '0';
	ck_assert_int_eq(sbx_io_save(at("journal/test/waiting"), other,
				 strlen(other), 0600, 0, &err), 0);
	ck_assert_int_eq(
		sbx_apply_recover(&part, NULL, &conf, false, true, &why), 0);
	ck_assert_msg(is_old(), "%s", all());
}
END_TEST

START_TEST(while_a_change_waits_no_other_is_made)
{
	open_plan(0);
	want_all();
	ck_assert_int_eq(apply(3600), 0);
	open_plan(0);
	ck_assert_int_eq(want("a", "newer\n"), 1);
	ck_assert_int_eq(apply(0), SBX_E_NO);
	ck_assert_ptr_nonnull(strstr(err.hint, "confirm"));
	ck_assert_msg(is_new(), "%s", all());
	ck_assert_int_eq(sbx_apply_revert(&p, &err), 0);
	ck_assert_msg(is_old(), "%s", all());
}
END_TEST

START_TEST(a_revert_can_be_reverted)
{
	open_plan(0);
	ck_assert_int_eq(sbx_apply_revert(&p, &err), SBX_E_NO);
	want_all();
	ck_assert_int_eq(apply(0), 0);
	for (int i = 0; i < 3; i++) {
		open_plan(0);
		ck_assert_int_eq(sbx_apply_revert(&p, &err), 0);
		ck_assert_msg(i % 2 == 0 ? is_old() : is_new(), "%s", all());
	}
}
END_TEST

START_TEST(an_undo_that_fails_is_tried_again_and_told)
{
	struct sbx_err why = { 0 };

	open_plan(0);
	want_all();
	ck_assert_int_eq(apply(3600), 0);
	sbx_plan_close(&p);
	ck_assert_int_eq(rename(at("a"), at("kept")), 0);
	ck_assert_int_eq(mkdir(at("a"), 0700), 0);
	open_plan(0);
	ck_assert_int_lt(sbx_apply_revert(&p, &err), SBX_E_NO);
	sbx_plan_close(&p);
	ck_assert_int_eq(access(at("journal/test/pending"), F_OK), 0);
	ck_assert_int_eq(rmdir(at("a")), 0);
	ck_assert_int_eq(rename(at("kept"), at("a")), 0);
	unlink(at("journal/test/waiting")); /* as after a reboot */
	ck_assert_int_eq(
		sbx_apply_recover(&part, NULL, &conf, false, true, &why), 0);
	ck_assert_msg(is_old(), "%s", all());
}
END_TEST

/* ---- taking away ---- */

START_TEST(a_removal_goes_through_while_a_change_waits)
{
	open_plan(0);
	want_all();
	ck_assert_int_eq(apply(3600), 0);
	open_plan(SBX_PLAN_REMOVE);
	ck_assert_int_eq(want_fence(NULL), 1);
	ck_assert_int_eq(want("a", NULL), 1);
	ck_assert_msg(apply(0) == 0, "%s", err.text);
	ck_assert_msg(
		is("(none)", "(none)", "new c\n", "(none)", "(none)"), "%s",
		all());
	/* And the revert brings back the rest alone. */
	open_plan(0);
	ck_assert_msg(sbx_apply_revert(&p, &err) == 0, "%s", err.text);
	ck_assert_msg(
		is("(none)", "old b\n", "(none)", "(none)", "(none)"), "%s",
		all());
}
END_TEST

START_TEST(a_removal_needs_no_record_and_no_lock)
{
	struct sbx_plan other;

	ck_assert_int_eq(sbx_plan_open(&other, &part, NULL, &conf, 0, &err), 0);
	ck_assert_int_eq(mkdir(at("audit.log"), 0700), 0);
	open_plan(SBX_PLAN_REMOVE); /* within a second */
	ck_assert_int_eq(want_fence(NULL), 1);
	ck_assert_int_eq(want("a", NULL), 1);
	ck_assert_int_eq(apply(0), SBX_E_SYS);
	ck_assert_int_ne(access(at("a"), F_OK), 0);
	ck_assert_int_ne(access(at("f.1"), F_OK), 0);
	sbx_plan_close(&other);
}
END_TEST

START_TEST(one_removal_that_fails_stops_no_other)
{
	open_plan(SBX_PLAN_REMOVE);
	ck_assert_int_eq(want("a", NULL), 1);
	ck_assert_int_eq(want("b", NULL), 1);
	ck_assert_int_eq(unlink(at("a")), 0);
	ck_assert_int_eq(mkdir(at("a"), 0700), 0);
	ck_assert_int_lt(apply(0), 0);
	ck_assert_int_ne(access(at("b"), F_OK), 0);
}
END_TEST

/* ---- records and locks ---- */

START_TEST(nothing_is_changed_without_its_intent_on_record)
{
	ck_assert_int_eq(mkdir(at("audit.log"), 0700), 0);
	open_plan(0);
	want_all();
	ck_assert_int_lt(apply(0), 0);
	ck_assert_msg(is_old(), "%s", all());
}
END_TEST

START_TEST(intent_and_result_are_on_record)
{
	const char *text;
	size_t lines;

	open_plan(0);
	want_all();
	ck_assert_int_eq(apply(0), 0);
	text = read_file("audit.log");
	ck_assert_ptr_nonnull(strstr(text, "\"step\":\"intent\""));
	ck_assert_ptr_nonnull(strstr(text, "\"step\":\"done\""));
	ck_assert_ptr_nonnull(strstr(text, at("a")));
	ck_assert_int_eq(sbx_audit_verify(conf.audit, &lines, &err), 0);
	ck_assert_uint_eq(lines, 2);
}
END_TEST

START_TEST(the_lock_of_a_dead_applier_holds_nobody)
{
	pid_t pid;
	int status;

	sbx_plan_close(&p);
	if ((pid = fork()) == 0) {
		open_plan(0);
		raise(SIGKILL);
	}
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert(WIFSIGNALED(status));
	open_plan(0);
}
END_TEST

/* ---- kill -9 at every system call ---- */

static void
victim(int confirm)
{
	ptrace(PTRACE_TRACEME, 0, NULL, NULL);
	raise(SIGSTOP);
	if (sbx_plan_open(&p, &part, NULL, &conf, 0, &err) != 0)
		_exit(9);
	want_all();
	command(SBX_HEALTH, "exit 0", 0);
	_exit(apply(confirm) == 0 ? 0 : 9);
}

/* Whether the tracee stands before a call that changes what others see. */
static bool
before_change(pid_t pid)
{
	struct __ptrace_syscall_info info = { 0 };

	if (ptrace(PTRACE_GET_SYSCALL_INFO, pid, sizeof(info), &info) <= 0 ||
		info.op != PTRACE_SYSCALL_INFO_ENTRY)
		return false;
	switch (info.entry.nr) {
	case SYS_openat:
		return (info.entry.args[2] & O_CREAT) != 0;
	case SYS_write:
	case SYS_ftruncate:
	case SYS_fchmod:
	case SYS_fchown:
	case SYS_fsetxattr:
	case SYS_mkdirat:
	case SYS_renameat:
	case SYS_renameat2:
	case SYS_unlinkat:
	case SYS_clone:
	case SYS_exit_group:
#ifdef SYS_rename /* not on newer machines */
	case SYS_mkdir:
	case SYS_rename:
	case SYS_unlink:
#endif
		return true;
	}
	return false;
}

/* Run it up to its nth call that changes something, then kill it.  False: it
 * has fewer. */
static bool
kill_at(int n, int confirm)
{
	int status;
	pid_t pid = fork();

	ck_assert_int_ge(pid, 0);
	if (pid == 0)
		victim(confirm);
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ptrace(PTRACE_SETOPTIONS, pid, NULL, PTRACE_O_TRACESYSGOOD);
	while (n > 0) {
		ptrace(PTRACE_SYSCALL, pid, NULL, NULL);
		ck_assert_int_eq(waitpid(pid, &status, 0), pid);
		if (WIFEXITED(status)) {
			ck_assert_int_eq(WEXITSTATUS(status), 0);
			return false;
		}
		n -= before_change(pid);
	}
	kill(pid, SIGKILL);
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	return true;
}

START_TEST(killed_anywhere_it_is_old_or_new_whole)
{
	int n, confirm = _i == 0 ? 0 : 3600, kept = 0, undone = 0;
	struct sbx_err why = { 0 };
	bool killed = true;

	for (n = 1; killed; n++) {
		done();
		fresh();
		killed = kill_at(n, confirm);
		ck_assert_msg(sbx_apply_recover(&part, NULL, &conf, false,
				      false, &why) == 0,
			"call %d: %s", n, why.text);
		ck_assert_msg(is_old() || is_new(), "call %d: %s", n, all());
		ck_assert_msg(!shadows(), "call %d: a shadow is left", n);
		kept += is_new();
		undone += is_old();
		/* And whatever it is, the next apply makes it new. */
		if (confirm == 0) {
			open_plan(0);
			want_all();
			ck_assert_msg(apply(0) == 0, "call %d: %s", n,
				err.text);
			ck_assert_msg(is_new(), "call %d: %s", n, all());
			sbx_plan_close(&p);
		}
	}
	ck_assert_int_gt(undone, 40);
	ck_assert_int_gt(kept, 2);
}
END_TEST

static int
be_recover(const char *where)
{
	strcpy(dir, where);
	conf_in();
	return -sbx_apply_recover(&part, NULL, &conf, true, false, &err);
}

static void
add_killing(Suite *suite)
{
	TCase *tc = tcase_create("killing");

	tcase_add_checked_fixture(tc, fresh, done);
	tcase_set_timeout(tc, 120);
	tcase_add_loop_test(tc, killed_anywhere_it_is_old_or_new_whole, 0, 2);
	suite_add_tcase(suite, tc);
}

int
main(int argc, char **argv)
{
	const TTest *const tests[] = {
		a_plan_says_what_of_and_to_and_changes_nothing,
		a_second_apply_has_nothing_to_do,
		one_thing_is_changed_once_and_there_is_a_limit,
		owner_mode_and_attributes_stay,
		a_removed_file_comes_back_as_it_was,
		links_and_what_is_no_plain_file_are_refused,
		a_link_that_comes_later_is_not_followed,
		a_directory_of_others_is_refused,
		a_journal_in_others_reach_is_refused,
		a_disk_that_is_full_keeps_the_old_one,
		a_step_that_fails_undoes_all,
		words_on_stderr_are_a_no_where_the_plan_says_so,
		what_read_the_new_files_reads_the_old_ones,
		the_check_sees_the_new_file_beside_the_old,
		a_program_is_named_by_its_path,
		an_edit_by_hand_is_noticed_and_kept,
		a_mode_set_by_hand_is_an_edit,
		a_change_between_plan_and_apply_is_not_overwritten,
		a_revert_leaves_what_was_edited_since,
		a_change_that_is_confirmed_stays,
		a_change_that_nobody_confirms_is_undone,
		an_applier_killed_in_the_middle_is_undone_by_the_timer,
		a_reboot_in_the_window_is_undone,
		while_a_change_waits_no_other_is_made,
		a_revert_can_be_reverted,
		an_undo_that_fails_is_tried_again_and_told,
		a_removal_goes_through_while_a_change_waits,
		a_removal_needs_no_record_and_no_lock,
		one_removal_that_fails_stops_no_other,
		nothing_is_changed_without_its_intent_on_record,
		intent_and_result_are_on_record,
		the_lock_of_a_dead_applier_holds_nobody,
	};
	Suite *suite = suite_create("plan");
	TCase *tc = tcase_create("plan");

	if (argc == 3 && strcmp(argv[1], "--recover") == 0)
		return be_recover(argv[2]);
	tcase_add_checked_fixture(tc, fresh, done);
	tcase_set_timeout(tc, 30);
	for (size_t i = 0; i < sizeof(tests) / sizeof(tests[0]); i++)
		tcase_add_test(tc, tests[i]);
	tcase_add_loop_test(tc, a_command_that_says_no_undoes_all, 0,
		sizeof(bad_commands) / sizeof(bad_commands[0]));
	suite_add_tcase(suite, tc);
	add_killing(suite);
	return finish_suite(suite);
}
