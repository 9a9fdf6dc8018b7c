/* SPDX-License-Identifier: Apache-2.0 */
/* Convergence (invariant I14), simulated: seven nodes with clocks of their
 * own, partitions, a relay that retags, replays, withholds, reorders and
 * forges, one author that says two things at once.  When all has been
 * exchanged, every node prints one state.
 *
 *	SBX_SIM_SEED=N build/unit/test_sim	replays one seed, told step by step
 *	SBX_SIM_SEEDS=N				how many to run (200)
 *	SBX_SIM_DEAF=1				one node never hears the last line,
 *						so that they disagree
 */
#include <fcntl.h>
#include <sys/wait.h>

#include "base/base.h"
#include "crypto/crypto.h"
#include "record/record.h"
#include "ledger/ledger.h"
#include "directory/directory.h"
#include "world.h"

enum { NODES = 7, FORKER = 6, STEPS = 45, TOKENS = 12, LINES = 512 };

static uint64_t random_state;
static bool loud, deaf;

/* xorshift64*: one seed is one run, on every machine. */
static unsigned
below(unsigned n)
{
	random_state ^= random_state >> 12;
	random_state ^= random_state << 25;
	random_state ^= random_state >> 27;
	return (unsigned)((random_state * UINT64_C(2685821657736338717)) >> 33) % n;
}

static bool
chance(unsigned percent)
{
	return below(100) < percent;
}

static char *lines[LINES]; /* every line that an author signed */
static int nlines;

struct sim_node {
	struct sbx_key *key;
	struct sbx_log *log;
	char path[80];
	int skew; /* of its clock, seconds */
	int side; /* of the partition */
	bool has[LINES];
};

static struct sim_node nodes[NODES + 1]; /* the last one only listens */
static struct sbx_key *once[TOKENS];
static int token_host[TOKENS], ntokens, now;

static void
set_clock(const struct sim_node *n)
{
	sbx_clock_set(T0 + (now + n->skew) * INT64_C(1000000));
}

static const char *
did(int n)
{
	return sbx_key_did(nodes[n].key);
}

/* What a node does with a line from outside: judge it, keep the good. */
static void
take(struct sim_node *n, const char *line)
{
	struct sbx_entry *e = NULL;
	enum sbx_log_how how;
	struct sbx_err err;

	if (sbx_entry_parse(line, strlen(line), &e, &err) == 0 &&
		sbx_entry_verify(e, &err) == 0)
		ck_assert_msg(sbx_log_add(n->log, e, &how, &err) == 0, "%s",
			err.text);
	sbx_entry_free(e);
}

static void
begin(struct sim_node *n)
{
	set_clock(n);
	ck_assert_msg(sbx_log_begin(n->log, &why) == 0, "%s", why.text);
}

static void
commit(struct sim_node *n)
{
	ck_assert_msg(sbx_log_commit(n->log, &why) == 0, "%s", why.text);
}

static void
publish(int n, struct sbx_entry *e)
{
	struct sbx_buf line = SBX_BUF(SBX_MAX_LINE);

	ck_assert_int_lt(nlines, LINES);
	sbx_entry_line(e, &line);
	if (loud)
		fprintf(stderr, "%5d node %d says %d: %s\n", now, n, nlines,
			line.data);
	lines[nlines] = line.data; /* transferred */
	nodes[n].has[nlines] = true;
	begin(&nodes[n]);
	take(&nodes[n], lines[nlines++]);
	commit(&nodes[n]);
	sbx_entry_free(e);
}

/* ---- what nodes say, whether they may or not ------------------------------ */

static int
here(int n)
{
	return now + nodes[n].skew;
}

static void
say_invite(int n)
{
	if (ntokens == TOKENS)
		return;
	token_host[ntokens] = n;
	publish(n, invite(nodes[n].key, once[ntokens++], 1 + (int)below(2),
			here(n), here(n) + 60 * (1 + (int)below(60))));
}

static void
say_accept(int n)
{
	int t;

	if (ntokens == 0)
		return;
	t = (int)below((unsigned)ntokens);
	/* one in four is dated back */
	publish(n, accept_invite(nodes[n].key, once[t], did(token_host[t]),
			here(n) - (chance(25) ? 600 : 0)));
}

static void
say_revoke(int n)
{
	char id[2 * SBX_PUB_BYTES + 1];
	const char *target = did((int)below(NODES));

	if (ntokens > 0 && chance(40)) {
		sbx_hex_write(id, sbx_key_pub(once[below((unsigned)ntokens)]),
			SBX_PUB_BYTES);
		target = id;
	} else if (target == did(0) && chance(90)) {
		return; /* without its founder a mesh is a dull one */
	}
	publish(n, revocation(nodes[n].key, target, (int)below(3), here(n)));
}

static void
say_attest(int n)
{
	publish(n, sign(nodes[n].key, "attest", NULL,
		"{\"subject\":\"%s\",\"context\":\"vote\",\"weight\":%s,"
		"\"domain\":\"\",\"valid_from\":\"%s\",\"valid_until\":null,"
		"\"revoked\":%s,\"created_at\":\"%s\"}", did((int)below(NODES)),
		chance(50) ? "1" : "0.5", at(here(n)), chance(30) ? "true" :
		"false", at(here(n))));
}

static void
say_name(int n)
{
	if (chance(70))
		publish(n, sign(nodes[n].key, "name_bind", NULL,
			"{\"did\":\"%s\",\"name\":\"box%u\",\"bound_at\":\"%s\"}",
			did((int)below(NODES)), below(3), at(here(n))));
	else
		publish(n, sign(nodes[n].key, "name_revoke", NULL,
			"{\"name\":\"box%u\",\"revoked_at\":\"%s\"}", below(3),
			at(here(n))));
}

static void
say_offer(int n)
{
	unsigned id = below(3); /* few, so that authors collide */

	if (chance(70))
		publish(n, sign(nodes[n].key, "service_offer", NULL,
			"{\"service_id\":\"%064x\",\"name\":\"s%u\",\"kind\":"
			"\"http\",\"endpoint\":\"10.10.0.%d:80\",\"scope\":{},"
			"\"approval_mode\":\"%s\",\"description\":\"\","
			"\"created_at\":\"%s\"}", id, below(9), n + 1,
			chance(50) ? "auto" : "pending", at(here(n))));
	else
		publish(n, sign(nodes[n].key, "service_revoke_offer", NULL,
			"{\"service_id\":\"%064x\",\"revoked_at\":\"%s\"}", id,
			at(here(n))));
}

static void
say_subscribe(int n)
{
	static const char *const ops[][2] = {
		{ "service_subscribe", "requested_at" },
		{ "service_approve", "approved_at" },
		{ "service_reject", "rejected_at" },
	};
	unsigned what = below(3), id = below(4);

	publish(n, sign(nodes[n].key, ops[what][0], NULL,
		"{\"subscription_id\":\"%064x\",\"service_id\":\"%064x\","
		"\"%s\":\"%s\"}", 16 + id, id % 3, ops[what][1], at(here(n))));
}

static void
say_node(int n)
{
	publish(n, sign(nodes[n].key, "node_publish", NULL,
		"{\"node_id\":\"n\",\"boxname\":\"box%d\",\"pubkey_wg\":"
		"\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\",\"mesh_ip\":"
		"\"10.10.0.%u\",\"ddns\":null,\"endpoint\":null,"
		"\"created_at\":\"%s\"}", n, 1 + below(4), at(here(n))));
}

static char proposals[LINES][SBX_ID_SIZE];
static int nproposals;

static void
say_propose(int n)
{
	static const char *const bodies[][2] = {
		{ "quorum_revision", "{\"quorum_percent\":30}" },
		{ "quorum_revision", "{\"quorum_rule\":\"attestation_depth\"}" },
		{ "emancipation", "{\"level\":1}" },
		{ "add_anchor", "{}" },
	};
	unsigned what = below(4);
	struct asked a = { .type = bodies[what][0], .body = bodies[what][1],
		.rule = chance(80) ? "one_node_one_voice" : "attestation_depth",
		.most = "0.6", .opens = here(n),
		.closes = here(n) + 600 + (int)below(1800) };
	char *id = proposals[nproposals];

	if (nproposals > 0 && chance(20)) { /* an id that is taken */
		id = proposals[below((unsigned)nproposals)];
	} else {
		id[0] = '\0'; /* its text's hash, or a number */
		if (chance(40))
			snprintf(id, SBX_ID_SIZE, "%064x", nproposals);
		nproposals++;
	}
	publish(n, proposal(nodes[n].key, id, &a));
}

static void
say_vote(int n)
{
	if (nproposals > 0)
		publish(n, voice(nodes[n].key,
			proposals[below((unsigned)nproposals)],
			chance(80) ? "for" : "against", here(n)));
}

static void
say_level(int n)
{
	publish(n, sign(nodes[n].key, "emancipate", NULL,
		"{\"emancipation_level\":1,\"previous_level\":0,"
		"\"remove_anchor\":null,\"milestone_evidence\":null,"
		"\"emancipated_at\":\"%s\"}", at(here(n))));
}

static void (*const sayings[])(int n) = { say_invite, say_invite, say_accept,
	say_accept, say_accept, say_revoke, say_attest, say_name, say_offer,
	say_subscribe, say_node, say_propose, say_vote, say_vote, say_vote,
	say_level };
#define SAYINGS (sizeof(sayings) / sizeof(sayings[0]))

/* Two claims to one id at one instant, the second for other ears. */
static void
fork_author(void)
{
	struct sim_node *other = &nodes[below(FORKER)];

	for (int i = 0; i < 2; i++) {
		publish(FORKER, sign(nodes[FORKER].key, "service_offer", NULL,
			"{\"service_id\":\"%064x\",\"name\":\"fork%d\",\"kind\":"
			"\"http\",\"endpoint\":null,\"scope\":{},"
			"\"approval_mode\":\"auto\",\"description\":\"%u\","
			"\"created_at\":\"%s\"}", 1, i, below(1000),
			at(here(FORKER))));
		nodes[FORKER].has[nlines - 1] = i == 0;
	}
	other->has[nlines - 1] = true;
	begin(other);
	take(other, lines[nlines - 1]);
	commit(other);
}

/* ---- the relay -------------------------------------------------------------- */

/* A copy with something else in it: another op, a flipped bit, another name. */
static char *
spoil(const char *line)
{
	static const char *const tags[][2] = {
		{ "\"op\":\"genesis\"", "\"op\":\"auto_add\"" },
		{ "\"op\":\"invite_accept\"", "\"op\":\"genesis\"" },
		{ "\"op\":\"revoke\"", "\"op\":\"attest\"" },
		{ "ServiceApprove", "ServiceReject" },
	};
	struct sbx_buf out = SBX_BUF(SBX_MAX_LINE);
	unsigned how = below(6);
	const char *found = how < 4 ? strstr(line, tags[how][0]) : NULL;

	if (found != NULL) {
		sbx_buf_add(&out, line, (size_t)(found - line));
		sbx_buf_str(&out, tags[how][1]);
		sbx_buf_str(&out, found + strlen(tags[how][0]));
		return out.data;
	}
	sbx_buf_str(&out, line);
	if (how == 4) /* a digit of the author */
		out.data[25] = out.data[25] == '0' ? '1' : '0';
	else
		out.data[below((unsigned)out.len)] ^= 1;
	return out.data;
}

static void
pull(int to, int from, bool honest)
{
	int order[LINES], n = 0;
	char *bad;

	for (int i = 0; i < nlines; i++)
		if (nodes[from].has[i] && (honest || !chance(20)))
			order[n++] = i;
	for (int i = n - 1; i > 0; i--) {
		int j = (int)below((unsigned)i + 1), t = order[i];

		order[i] = order[j];
		order[j] = t;
	}
	if (loud)
		fprintf(stderr, "%5d node %d pulls %d lines from %d%s\n", now,
			to, n, from, honest ? "" : ", by a relay");
	begin(&nodes[to]);
	for (int i = 0; i < n; i++) {
		if (!honest && chance(10)) {
			bad = spoil(lines[order[i]]);
			take(&nodes[to], bad);
			free(bad);
		}
		/* what it has it is told again now and then */
		if (!nodes[to].has[order[i]] || chance(2))
			take(&nodes[to], lines[order[i]]);
		nodes[to].has[order[i]] = true;
	}
	commit(&nodes[to]);
}

/* ---- one run ------------------------------------------------------------------ */

static void
open_node(struct sim_node *n, const char *dir, int i)
{
	memset(n->has, 0, sizeof(n->has));
	snprintf(n->path, sizeof(n->path), "%s/%d.db", dir, i);
	ck_assert_msg(sbx_log_open(n->path, SBX_LOG_WRITE | SBX_LOG_CREATE,
			      &n->log, &why) == 0, "%s", why.text);
	ck_assert_int_eq(sbx_log_trust(n->log, did(0), true, &why), 0);
	n->skew = (int)below(960) - 480;
	n->side = 0;
}

static void
close_node(struct sim_node *n)
{
	static const char *const ends[] = { "", "-wal", "-shm" };
	char path[96];

	sbx_log_close(n->log);
	n->log = NULL;
	for (int i = 0; i < 3; i++) {
		snprintf(path, sizeof(path), "%s%s", n->path, ends[i]);
		unlink(path);
	}
}

/* Closing the ledger keeps what was folded; what comes in later makes that
 * old, and it must show. */
static void
restart(struct sim_node *n)
{
	if (loud)
		fprintf(stderr, "%5d node %d restarts\n", now,
			(int)(n - nodes));
	set_clock(n);
	sbx_log_close(n->log);
	n->log = NULL;
	ck_assert_msg(sbx_log_open(n->path, SBX_LOG_WRITE, &n->log, &why) == 0,
		"%s", why.text);
}

static void
step(void)
{
	int n = (int)below(NODES), m = (int)below(NODES);

	now += 30 + (int)below(90);
	if (chance(8)) /* another partition, or none */
		for (int i = 0; i < NODES; i++) {
			nodes[i].side = chance(60) ? 0 : 1;
			if (loud)
				fprintf(stderr, "%5d node %d is on side %d\n",
					now, i, nodes[i].side);
		}
	sayings[below(SAYINGS)](n);
	if (chance(6))
		fork_author();
	if (chance(4))
		restart(&nodes[below(NODES)]);
	n = (int)below(NODES);
	if (n != m && nodes[n].side == nodes[m].side)
		pull(n, m, chance(30));
}

/* Everybody hears everything, from honest neighbours, once held entries are
 * due; a newcomer hears it in an order of its own. */
static void
quiesce(void)
{
	now += 7200;
	for (int i = 1; i < NODES; i++)
		pull(0, i, true);
	if (deaf) {
		begin(&nodes[0]);
		commit(&nodes[0]);
		say_node(0);
		nodes[0].has[nlines - 1] = false;
	}
	for (int i = 1; i <= NODES; i++)
		pull(i, 0, true);
}

static void
digest_of(struct sim_node *n, unsigned char out[static 32])
{
	struct sbx_state *st = NULL;

	begin(n);
	commit(n); /* what was held comes in */
	ck_assert_msg(sbx_state_open(n->log, &st, &why) == 0, "%s", why.text);
	ck_assert_msg(sbx_state_digest(st, out, &why) == 0, "%s", why.text);
	sbx_state_free(st);
}

/* A script that shows it again, from wherever it is run. */
static void
tell_replay(uint64_t seed, const char *states)
{
	char self[512];
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);

	self[n > 0 ? n : 0] = '\0';
	fprintf(stderr, "%sseed %llu: the nodes disagree; to replay it:\n"
		"#!/bin/sh\nexec env SBX_SIM_SEED=%llu%s '%s'\n", states,
		(unsigned long long)seed, (unsigned long long)seed,
		deaf ? " SBX_SIM_DEAF=1" : "", self);
}

static bool
agree(uint64_t seed)
{
	unsigned char want[32], got[32];
	char hex[65], states[(NODES + 1) * 96];
	bool same = true;
	int n = 0;

	for (int i = 0; i <= NODES; i++) {
		digest_of(&nodes[i], got);
		if (i == 0)
			memcpy(want, got, sizeof(want));
		sbx_hex_write(hex, got, sizeof(got));
		n += snprintf(states + n, sizeof(states) - (size_t)n,
			"node %d: state %s\n", i, hex);
		same = same && memcmp(want, got, sizeof(got)) == 0;
	}
	if (!same)
		tell_replay(seed, states);
	else if (loud)
		fputs(states, stderr);
	return same;
}

static bool
run_seed(const char *dir, uint64_t seed)
{
	bool same;

	sbx_cache_from(0);
	random_state = (seed + 1) * UINT64_C(0x9e3779b97f4a7c15);
	nlines = ntokens = nproposals = now = revocations = 0;
	for (int i = 0; i <= NODES; i++)
		open_node(&nodes[i], dir, i);
	for (int i = 0; i < NODES; i++)
		publish(i, identity(nodes[i].key, NULL, here(i)));
	say_invite(0);
	for (int i = 0; i < STEPS; i++)
		step();
	quiesce();
	restart(&nodes[1]); /* answers from what it kept */
	same = agree(seed);
	for (int i = 0; i <= NODES; i++)
		close_node(&nodes[i]);
	while (nlines > 0)
		free(lines[--nlines]);
	return same;
}

/* Every second seed from first on; in memory where there is such a place. */
static int
run_seeds(int first, int count, int by)
{
	char dir[64];
	int bad = 0;

	snprintf(dir, sizeof(dir), "%s/sbx-sim-XXXXXX",
		access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
	ck_assert_ptr_nonnull(mkdtemp(dir));
	for (int i = 0; i <= NODES; i++)
		nodes[i].key = key_of((unsigned char)(i + 1));
	for (int i = 0; i < TOKENS; i++)
		once[i] = key_of((unsigned char)(100 + i));
	for (int s = first; s < first + count; s += by)
		bad += !run_seed(dir, (uint64_t)s);
	for (int i = 0; i <= NODES; i++)
		sbx_key_free(nodes[i].key);
	for (int i = 0; i < TOKENS; i++)
		sbx_key_free(once[i]);
	rmdir(dir);
	return bad;
}

START_TEST(every_node_comes_to_one_state)
{
	const char *one = getenv("SBX_SIM_SEED"), *many = getenv("SBX_SIM_SEEDS");
	int count = many != NULL ? (int)strtol(many, NULL, 10) : 200, status;
	pid_t pid;

	deaf = getenv("SBX_SIM_DEAF") != NULL;
	if (one != NULL) {
		loud = true;
		ck_assert_int_eq(run_seeds((int)strtol(one, NULL, 10), 1, 1), 0);
		return;
	}
	pid = fork();
	ck_assert_int_ge(pid, 0);
	if (pid == 0)
		_exit(run_seeds(1, count - 1, 2) != 0);
	ck_assert_int_eq(run_seeds(0, count, 2), 0);
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert_msg(WIFEXITED(status) && WEXITSTATUS(status) == 0,
		"see above for the seed");
}
END_TEST

/* What command says on standard error, below the line that begins so. */
static char *
said_by(const char *command, const char *below)
{
	static char text[1 << 20];
	FILE *f = popen(command, "r");
	char *at;
	size_t n;

	ck_assert_ptr_nonnull(f);
	n = fread(text, 1, sizeof(text) - 1, f);
	text[n] = '\0';
	ck_assert_int_ne(pclose(f), 0); /* it fails */
	at = strstr(text, below);
	ck_assert_msg(at != NULL, "%s: says no %s", command, below);
	return at;
}

START_TEST(a_disagreement_is_told_with_its_seed_and_a_script_that_replays_it)
{
	char command[1024], self[512] = "", path[] = "/tmp/sbx-sim-XXXXXX";
	char first[(NODES + 1) * 96], *text, *script;
	size_t n;
	int fd;

	if (getenv("SBX_SIM_SEED") != NULL || getenv("SBX_SIM_DEAF") != NULL)
		return;
	ck_assert_int_gt(readlink("/proc/self/exe", self, sizeof(self) - 1), 0);
	snprintf(command, sizeof(command),
		"SBX_SIM_DEAF=1 SBX_SIM_SEEDS=4 '%s' 2>&1 >/dev/null", self);
	/* The states of the one that failed first, and its script. */
	text = said_by(command, "node 0: state ");
	script = strstr(text, "#!/bin/sh\n");
	ck_assert_ptr_nonnull(script);
	n = (size_t)(strstr(text, "seed ") - text);
	ck_assert_uint_lt(n, sizeof(first));
	memcpy(first, text, n);
	first[n] = '\0';
	fd = mkstemp(path);
	ck_assert_int_ge(fd, 0);
	script[strcspn(strchr(script, '\n') + 1, "\n") + 11] = '\0';
	ck_assert_int_eq(write(fd, script, strlen(script)),
		(ssize_t)strlen(script));
	close(fd);
	snprintf(command, sizeof(command), "sh %s 2>&1 >/dev/null", path);
	text = said_by(command, "node 0: state ");
	unlink(path);
	ck_assert_msg(strncmp(text, first, n) == 0,
		"the replay comes to other states:\n%s\nnot\n%s", text, first);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("sim");
	TCase *t = tcase_create("sim");

	tcase_set_timeout(t, 300);
	tcase_add_test(t, every_node_comes_to_one_state);
	tcase_add_test(t,
		a_disagreement_is_told_with_its_seed_and_a_script_that_replays_it);
	suite_add_tcase(s, t);
	return finish_suite(s);
}
