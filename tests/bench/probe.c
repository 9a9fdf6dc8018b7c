/* SPDX-License-Identifier: Apache-2.0 */
/* What scripts/bench measures the tools against, and what it feeds them:
 *
 *	probe gen COUNT AUTHORS		entries, one a line
 *	probe snapshots COUNT	what those members say of themselves, as the file
 *				"now" has it: each tenth is a hub that all hear
 *	probe members COUNT		the same for COUNT members, invited in a chain
 *					16 deep and fans from it
 *	probe verify CORES		libsodium's Ed25519 verifications a second,
 *					that many processes together
 *	probe sync DIR			4 KB appends, each with fdatasync(2), a second
 *	probe spawn COUNT PROGRAM...	seconds a run
 *	probe rss PROGRAM...		the peak resident size in KiB; -o FILE before
 *					it: into that, and PROGRAM's output goes
 *					where ours does
 */
#include <sys/resource.h>
#include <sys/wait.h>

#include <fcntl.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <sodium.h>

#include "base/base.h"
#include "json/json.h"
#include "crypto/crypto.h"
#include "record/record.h"
#include "exchange/now.h"

extern char **environ;

static double
now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

static struct sbx_key *
key_of(unsigned n)
{
	unsigned char seed[SBX_SEED_BYTES] = { 0 };
	struct sbx_key *key = NULL;

	memcpy(seed, &n, sizeof(n));
	seed[31] = 7;
	if (sbx_key_from_seed(seed, &key, NULL) != 0)
		exit(4);
	return key;
}

/* A mixture as a mesh writes it: attestations, bans and now and then a node. */
static struct sbx_doc *
payload(int i, const char **op)
{
	struct sbx_doc *doc = sbx_doc_new();
	struct sbx_json *p = sbx_doc_root(doc);
	unsigned char id[SBX_HASH_BYTES];
	char text[64];

	sbx_hash_b2(id, &i, sizeof(i));
	*op = i % 2 ? "ban_publish" : "service_subscribe";
	if (i % 2) {
		snprintf(text, sizeof(text), "10.%d.%d.%d", i >> 16 & 255,
			i >> 8 & 255, i & 255);
		sbx_json_add_hex(doc, p, "ban_id", id, sizeof(id));
		sbx_json_add_str(doc, p, "ip", text);
		sbx_json_add_str(doc, p, "reason", "ssh: 40 failures in 60 s");
		sbx_json_add_int(doc, p, "severity", i % 5);
		sbx_json_add(doc, p, "expires_at", SBX_JSON_NULL);
	} else {
		sbx_json_add_hex(doc, p, "subscription_id", id, sizeof(id));
		sbx_hash_b2(id, id, sizeof(id));
		sbx_json_add_hex(doc, p, "service_id", id, sizeof(id));
	}
	return doc;
}

static int
gen(int count, int authors)
{
	struct sbx_key **keys = sbx_mem_alloc((size_t)authors, sizeof(*keys));
	struct sbx_buf line = SBX_BUF(SBX_MAX_ENTRY);
	struct sbx_entry *e = NULL;
	struct sbx_doc *doc;
	const char *op;

	for (int i = 0; i < authors; i++)
		keys[i] = key_of((unsigned)i);
	for (int i = 0; i < count; i++) {
		/* Some a day, as strangers may. */
		sbx_clock_set(INT64_C(1782900000000000) - i * INT64_C(60000000));
		doc = payload(i, &op);
		if (sbx_entry_make(keys[i % authors], op, NULL, sbx_doc_root(doc),
			    &e, NULL) != 0)
			return 4;
		sbx_buf_clear(&line);
		sbx_entry_line(e, &line);
		puts(line.data);
		sbx_entry_free(e);
		sbx_doc_free(doc);
	}
	return fflush(stdout) == 0 ? 0 : 4;
}

static int
put(const struct sbx_key *key, const char *op, const char *type,
	struct sbx_doc *doc)
{
	struct sbx_buf line = SBX_BUF(SBX_MAX_ENTRY);
	struct sbx_entry *e = NULL;
	static int64_t at = INT64_C(1782900000000000);

	sbx_clock_set(at += 1000);
	if (sbx_entry_make(key, op, type, sbx_doc_root(doc), &e, NULL) != 0)
		return 4;
	sbx_entry_line(e, &line);
	puts(line.data);
	sbx_buf_free(&line);
	sbx_entry_free(e);
	sbx_doc_free(doc);
	return 0;
}

static struct sbx_doc *
invitation(const struct sbx_key *once)
{
	struct sbx_doc *doc = sbx_doc_new();
	struct sbx_json *p = sbx_doc_root(doc);

	sbx_json_add_hex(doc, p, "invite_id", sbx_key_pub(once), SBX_PUB_BYTES);
	sbx_json_add_str(doc, p, "domain", "");
	sbx_json_add(doc, p, "rights", SBX_JSON_ARRAY);
	sbx_json_add_int(doc, p, "max_uses", 1);
	sbx_json_add_int(doc, p, "uses", 0);
	sbx_json_add_time(doc, p, "expires_at", INT64_C(4102444800000000));
	sbx_json_add_bool(doc, p, "co_stake", false);
	return doc;
}

static struct sbx_doc *
acceptance(const struct sbx_key *guest, const struct sbx_key *host,
	const struct sbx_key *once)
{
	struct sbx_doc *doc = sbx_doc_new();
	struct sbx_json *p = sbx_doc_root(doc);
	unsigned char sig[SBX_SIG_BYTES];
	char id[65], message[256];

	sbx_hex_write(id, sbx_key_pub(once), SBX_PUB_BYTES);
	snprintf(message, sizeof(message),
		"{\"invite_id\":\"%s\",\"invitee\":\"%s\"}", id,
		sbx_key_did(guest));
	if (sbx_key_sign(once, message, strlen(message), sig, NULL) != 0)
		exit(4);
	sbx_json_add_str(doc, p, "invite_id", id);
	sbx_json_add_str(doc, p, "inviter", sbx_key_did(host));
	sbx_json_add_str(doc, p, "domain", "");
	sbx_json_add(doc, p, "rights", SBX_JSON_ARRAY);
	sbx_json_add_str(doc, p, "grafted_by", sbx_key_did(host));
	sbx_json_add_hex(doc, p, "proof", sig, sizeof(sig));
	return doc;
}

static int
members(int count)
{
	struct sbx_key **keys = sbx_mem_alloc((size_t)count, sizeof(*keys));
	struct sbx_key *once;
	int host, r = 0;

	keys[0] = key_of(0);
	for (int i = 1; r == 0 && i < count; i++) {
		keys[i] = key_of((unsigned)i);
		once = key_of(UINT32_C(1) << 31 | (unsigned)i);
		host = i <= 16 ? i - 1 : i % 16;
		if ((r = put(keys[host], "invite_issue", NULL,
			     invitation(once))) == 0)
			r = put(keys[i], "invite_accept", "InviteAccept",
				acceptance(keys[i], keys[host], once));
		sbx_key_free(once);
	}
	return r == 0 && fflush(stdout) == 0 ? 0 : 4;
}

/* Each of another key and text, as entries are: of one signature again and
 * again the processor would have learnt each branch.  As long as the payloads
 * that gen makes. */
static int
verify(int out)
{
	enum { MANY = 1024, LENGTH = 300 };
	static unsigned char message[MANY][LENGTH], sig[MANY][SBX_SIG_BYTES];
	static unsigned char pub[MANY][SBX_PUB_BYTES];
	struct sbx_key *key;
	double start;
	int n = 0;

	for (int i = 0; i < MANY; i++) {
		key = key_of(i % 256);
		memcpy(pub[i], sbx_key_pub(key), SBX_PUB_BYTES);
		sbx_random(message[i], LENGTH);
		if (sbx_key_sign(key, message[i], LENGTH, sig[i], NULL) != 0)
			return 4;
		sbx_key_free(key);
	}
	for (start = now(); now() - start < 1.0; n++)
		if (!sbx_key_verify(pub[n % MANY], message[n % MANY], LENGTH,
			    sig[n % MANY]))
			return 4;
	return dprintf(out, "%.0f\n", n / (now() - start)) > 0 ? 0 : 4;
}

static int
verify_all(int cores)
{
	double rate, sum = 0;
	int fd[2], status, r = 0;
	FILE *in;

	if (pipe(fd) != 0)
		return 4;
	for (int i = 0; i < cores; i++)
		if (fork() == 0)
			_exit(verify(fd[1]));
	close(fd[1]);
	for (int i = 0; i < cores; i++)
		if (wait(&status) < 0 || status != 0)
			r = 4;
	in = fdopen(fd[0], "r");
	while (fscanf(in, "%lf", &rate) == 1)
		sum += rate;
	printf("%.0f\n", sum);
	return r;
}

static int
sync_rate(const char *dir)
{
	static const char block[4096];
	char path[4096];
	double start;
	int fd, n = 0;

	snprintf(path, sizeof(path), "%s/sync", dir);
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_APPEND, 0600);
	if (fd < 0)
		return 4;
	for (start = now(); now() - start < 1.0; n++)
		if (write(fd, block, sizeof(block)) != sizeof(block) ||
			fdatasync(fd) != 0)
			return 4;
	printf("%.0f\n", n / (now() - start));
	close(fd);
	unlink(path);
	return 0;
}

static int
run_once(char **argv, bool quiet, struct rusage *usage)
{
	posix_spawn_file_actions_t acts;
	int status;
	pid_t pid;

	posix_spawn_file_actions_init(&acts);
	if (quiet)
		posix_spawn_file_actions_addopen(
			&acts, 1, "/dev/null", O_WRONLY, 0);
	if (posix_spawnp(&pid, argv[0], &acts, NULL, argv, environ) != 0)
		return 4;
	wait4(pid, &status, 0, usage);
	posix_spawn_file_actions_destroy(&acts);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 4;
}

static int
spawn(int count, char **argv)
{
	struct rusage usage;
	double start = now();
	int r;

	for (int i = 0; i < count; i++)
		if ((r = run_once(argv, true, &usage)) != 0)
			return r;
	printf("%.9f\n", (now() - start) / count);
	return 0;
}

static int
rss(char **argv)
{
	const char *file = strcmp(argv[0], "-o") == 0 ? argv[1] : NULL;
	struct rusage usage;
	int fd = 1, r;

	if (file != NULL) {
		argv += 2;
		fd = open(file, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
	}
	r = run_once(argv, file == NULL, &usage);
	return dprintf(fd, "%ld\n", usage.ru_maxrss) > 0 ? r : 4;
}

static void
add_peers(struct sbx_buf *b, int self, int count)
{
	const char *comma = "";

	for (int i = 0; i < count && i < 200; i += 10) {
		struct sbx_key *key = key_of((unsigned)i);

		if (i != self) {
			sbx_buf_fmt(b, "%s{\"age\":9,\"did\":\"%s\",\"rx\":1,"
				"\"tx\":2}", comma, sbx_key_did(key));
			comma = ",";
		}
		sbx_key_free(key);
	}
}

static int
snapshots(int count)
{
	struct sbx_buf body = SBX_BUF(SBX_MAX_STATEMENT);
	struct sbx_statement *s;
	struct sbx_doc *doc;

	for (int i = 0; i < count; i++) {
		struct sbx_key *key = key_of((unsigned)i);

		sbx_buf_clear(&body);
		sbx_buf_fmt(&body, "{\"counters\":{},\"cpu\":%d,\"digest\":"
			"\"%064d\",\"disk\":3,\"down\":[],\"drained\":false,"
			"\"endpoint\":%s,\"entries\":9,\"interval\":300,"
			"\"load1\":4,\"mem\":2,\"role\":\"guardian\","
			"\"services\":[],\"state\":\"aware\",\"temp\":null,"
			"\"uptime\":7,\"version\":\"1\",\"peers\":[", i % 90, 0,
			i % 10 == 0 ? "\"192.0.2.1:51822\"" : "null");
		add_peers(&body, i, count);
		sbx_buf_str(&body, "]}");
		if (sbx_json_parse(sbx_buf_text(&body), body.len, NULL, &doc,
			    NULL) != 0 ||
			sbx_statement_make(key, "Snapshot", 1, 900,
				sbx_doc_root(doc), &s, NULL) != 0)
			return 4;
		printf("{\"heard\":%d,\"signed\":%s}\n", count - i, s->line);
		sbx_statement_free(s);
		sbx_doc_free(doc);
		sbx_key_free(key);
	}
	sbx_buf_free(&body);
	return 0;
}

int
main(int argc, char **argv)
{
	if (sodium_init() < 0)
		return 4;
	if (argc == 4 && strcmp(argv[1], "gen") == 0)
		return gen(atoi(argv[2]), atoi(argv[3]));
	if (argc == 3 && strcmp(argv[1], "snapshots") == 0)
		return snapshots(atoi(argv[2]));
	if (argc == 3 && strcmp(argv[1], "members") == 0)
		return members(atoi(argv[2]));
	if (argc == 3 && strcmp(argv[1], "verify") == 0)
		return verify_all(atoi(argv[2]));
	if (argc == 3 && strcmp(argv[1], "sync") == 0)
		return sync_rate(argv[2]);
	if (argc >= 4 && strcmp(argv[1], "spawn") == 0)
		return spawn(atoi(argv[2]), argv + 3);
	if (argc >= 3 && strcmp(argv[1], "rss") == 0)
		return rss(argv + 2);
	fputs("usage: probe gen|members|verify|sync|spawn|rss ...\n", stderr);
	return 2;
}
