/* SPDX-License-Identifier: Apache-2.0 */
/* Bytes from outside into each parser.  Whatever they are: it ends, it says
 * the same a second time, and what it accepts it can write and read again. */
#ifndef TARGETS_H
#define TARGETS_H

#include <sys/mman.h>

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/base.h"
#include "json/json.h"
#include "system/system.h"
#include "crypto/crypto.h"
#include "record/record.h"
#include "ledger/ledger.h"
#include "node/node.h"
#include "exchange/exchange.h"
#include "mesh/mesh.h"
#include "lend/lend.h"
#include "tool/tool.h"
#include "exchange/now_store.h"
#include "exchange/now.h"

struct target {
	const char *name;
	void (*run)(const char *data, size_t len);
};

/* Kept in release: a target is there to stop. */
#define MUST(x)                                                        \
	do {                                                           \
		if (!(x)) {                                            \
			fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #x); \
			abort();                                       \
		}                                                      \
	} while (0)

static int
memory_file(const char *data, size_t len)
{
	int fd = memfd_create("fuzz", MFD_CLOEXEC);

	MUST(fd >= 0 && write(fd, data, len) == (ssize_t)len &&
		lseek(fd, 0, SEEK_SET) == 0);
	return fd;
}

static int
canon_once(const char *data, size_t len, struct sbx_buf *out,
	struct sbx_err *err)
{
	struct sbx_doc *doc = NULL;
	size_t at, n;
	int r;

	if ((r = sbx_json_parse(data, len, NULL, &doc, err)) == 0)
		r = sbx_canon_write(out, sbx_doc_root(doc), sbx_rec_fractions,
			err);
	if (doc != NULL && sbx_json_canonical(sbx_doc_root(doc), &at, &n))
		MUST(r == 0 && n == out->len &&
			memcmp(data + at, out->data, n) == 0);
	sbx_doc_free(doc);
	return r;
}

static void
run_json(const char *data, size_t len)
{
	struct sbx_buf a = SBX_BUF(1u << 20), b = SBX_BUF(1u << 20);
	struct sbx_err err = { 0 }, again = { 0 };
	int r = canon_once(data, len, &a, &err);

	MUST(r == 0 || (r == SBX_E_INPUT && err.text[0] != '\0' && a.len == 0));
	MUST(canon_once(data, len, &b, &again) == r);
	MUST(strcmp(err.text, again.text) == 0);
	MUST(a.len == b.len && memcmp(sbx_buf_text(&a), sbx_buf_text(&b), a.len) == 0);
	sbx_buf_clear(&b);
	if (r == 0 && a.len <= SBX_MAX_LINE)
		MUST(canon_once(a.data, a.len, &b, &again) == 0 &&
			a.len == b.len && memcmp(a.data, b.data, a.len) == 0);
	sbx_buf_free(&a);
	sbx_buf_free(&b);
}

static void
run_entry(const char *data, size_t len)
{
	struct sbx_buf line = SBX_BUF(SBX_MAX_LINE);
	struct sbx_entry *e = NULL, *again = NULL;
	struct sbx_err err = { 0 };

	if (sbx_entry_parse(data, len, &e, &err) != 0) {
		MUST(err.text[0] != '\0' && e == NULL);
		return;
	}
	if (!e->keyless) {
		sbx_entry_verify(e, &err);
		sbx_entry_line(e, &line);
		MUST(!line.over && line.len <= SBX_MAX_ENTRY);
		MUST(sbx_entry_parse(line.data, line.len, &again, &err) == 0);
		MUST(memcmp(e->id, again->id, sizeof(e->id)) == 0 &&
			memcmp(e->leaf, again->leaf, sizeof(e->leaf)) == 0 &&
			e->time == again->time && e->rec == again->rec);
	}
	sbx_entry_free(e);
	sbx_entry_free(again);
	sbx_buf_free(&line);
}

static void
run_feed(const char *data, size_t len)
{
	int r, fd = memory_file(data, len);
	struct sbx_feed *feed = NULL;
	struct sbx_err err = { 0 };
	const char *text;
	size_t n, items = 0;

	if (sbx_feed_open(fd, &feed, &err) == 0)
		while ((r = sbx_feed_next(feed, &text, &n, &err)) != 0) {
			MUST(r == 1 || r == SBX_E_INPUT);
			MUST(r != 1 || (n <= SBX_MAX_LINE && strlen(text) <= n));
			if (r != 1 && sbx_feed_broken(feed))
				break;
			MUST(++items <= len + 1);
		}
	sbx_feed_free(feed);
	close(fd);
}

/* Whatever others write before and behind a signature, what is kept of the note
 * is what was signed, and nobody's word for the time but the key's own. */
static void
run_lines(const char *data, size_t len)
{
	static const char text[] = "o\n1\n";
	unsigned char seed[SBX_SEED_BYTES] = { 7 };
	struct sbx_buf note = SBX_BUF(SBX_MAX_NOTE), only = SBX_BUF(SBX_MAX_NOTE);
	struct sbx_key *log = NULL;
	struct sbx_vkey key;
	int64_t said;
	struct sbx_note n;

	MUST(sbx_key_from_seed(seed, &log, NULL) == 0 &&
		sbx_vkey_make(&key, "o", SBX_NOTE_ED25519, sbx_key_pub(log),
			NULL) == 0);
	sbx_buf_fmt(&note, "%s\n", text);
	sbx_buf_add(&note, data, len / 2);
	MUST(sbx_note_sign(&note, text, strlen(text), "o", SBX_NOTE_ED25519, log,
		     0, NULL) == 0);
	sbx_buf_add(&note, data + len / 2, len - len / 2);
	MUST(!note.over);
	if (sbx_note_check(note.data, note.len, &key, 1, &n, NULL) == 0 &&
		n.len == strlen(text)) {
		if (sbx_note_check_head(note.data, note.len, &key, &n, &said,
			    NULL) == 0)
			MUST(said == 0);
		sbx_note_only(&only, &n, &key);
		MUST(sbx_note_check(only.data, only.len, &key, 1, &n, NULL) ==
				0 &&
			n.lines == 1 && n.len == strlen(text));
	}
	sbx_buf_free(&note);
	sbx_buf_free(&only);
	sbx_key_free(log);
}

static void
run_note(const char *data, size_t len)
{
	struct sbx_buf out = SBX_BUF(1u << 20);
	struct sbx_checkpoint c, d;
	struct sbx_delegation del;
	struct sbx_vkey key;
	struct sbx_note n;
	unsigned char pub[SBX_PUB_BYTES] = { 9 };

	if (sbx_vkey_parse(&key, data, len, NULL) == 0) {
		sbx_vkey_write(&key, &out);
		MUST(out.len == len && memcmp(out.data, data, len) == 0);
	}
	MUST(sbx_vkey_make(&key, "example.org/log", SBX_NOTE_ED25519, pub, NULL) ==
		0);
	if (sbx_note_check(data, len, &key, 1, &n, NULL) == 0)
		MUST(n.count > 0);
	sbx_buf_clear(&out);
	if (sbx_checkpoint_parse(&c, data, len, NULL) == 0) {
		sbx_checkpoint_write(&c, &out);
		MUST(out.len <= len && memcmp(out.data, data, out.len) == 0);
		MUST(sbx_checkpoint_parse(&d, out.data, out.len, NULL) == 0 &&
			d.size == c.size);
	}
	sbx_delegation_parse(&del, SBX_ROLE_LOG, data, len, NULL);
	sbx_delegation_parse(&del, SBX_ROLE_WITNESS, data, len, NULL);
	run_lines(data, len);
	sbx_buf_free(&out);
}

static void
run_proof(const char *data, size_t len)
{
	struct sbx_buf extra = SBX_BUF(1u << 20), out = SBX_BUF(4u << 20);
	unsigned char leaf[SBX_HASH_BYTES] = { 0 };
	const char *note;
	struct sbx_proved proved;
	struct sbx_proof p;
	uint64_t index;
	size_t notelen;

	if (sbx_prove_check(data, len, NULL, NULL, &proved, NULL) == 0)
		sbx_proved_free(&proved);
	if (sbx_proof_parse_from(data, len, &index, &p, &note, &notelen,
		    NULL) == 0) {
		MUST(p.count <= SBX_MAX_PROOF && note + notelen == data + len);
		sbx_proof_write_from(&out, index, &p, note, notelen);
		MUST(out.len == len && memcmp(out.data, data, len) == 0);
		sbx_buf_clear(&out);
	}
	if (sbx_proof_parse(data, len, &index, &p, &extra, &note, &notelen, NULL) ==
		0) {
		MUST(p.count <= SBX_MAX_PROOF && note >= data &&
			note + notelen <= data + len);
		sbx_tree_check(&p, index, index + 1, leaf, leaf);
		sbx_tree_check(&p, index, UINT64_MAX, leaf, leaf);
		sbx_tree_check_from(&p, index, leaf, index + 7, leaf);
		sbx_proof_write(&out, index, &p, extra.data, extra.len, note,
			notelen);
		MUST(out.len == len && memcmp(out.data, data, len) == 0);
	}
	sbx_buf_free(&extra);
	sbx_buf_free(&out);
}

static void
run_bundle(const char *data, size_t len)
{
	struct sbx_bundle b = { .data = data, .len = len };
	struct sbx_buf out = SBX_BUF(1u << 20);
	const char *entry;
	size_t n;
	int r;

	while ((r = sbx_bundle_next(&b, &entry, &n, NULL)) == 1)
		MUST(sbx_bundle_add(&out, entry, n));
	MUST(r == SBX_E_INPUT || (out.len == len &&
		(len == 0 || memcmp(out.data, data, len) == 0)));
	sbx_buf_free(&out);
}

static void
run_conf(const char *data, size_t len)
{
	int fd = memory_file(data, len);
	struct sbx_err err = { 0 };
	struct sbx_conf conf;
	char path[32];
	int r;

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	if ((r = sbx_conf_load(&conf, NULL, path, 0, &err)) == 0) {
		MUST(conf.db != NULL && conf.mesh_port > 0 && conf.grant_ttl > 0);
		sbx_conf_free(&conf);
	} else {
		MUST((r == SBX_E_USAGE || r == SBX_E_INPUT) &&
			err.text[0] != '\0');
	}
	close(fd);
}

/* A ledger to judge against, gone with the process. */
static struct sbx_log *
scratch_log(void)
{
	static struct sbx_log *log;
	char dir[] = "/tmp/sbx-fuzz-XXXXXX", path[64];
	static const char *const ends[] = { "", "-wal", "-shm" };

	if (log != NULL)
		return log;
	MUST(mkdtemp(dir) != NULL);
	snprintf(path, sizeof(path), "%s/ledger.db", dir);
	MUST(sbx_log_open(path, SBX_LOG_WRITE | SBX_LOG_CREATE, &log, NULL) == 0);
	MUST(sbx_log_begin(log, NULL) == 0 && sbx_log_commit(log, NULL) == 0);
	for (int i = 0; i < 3; i++) {
		snprintf(path, sizeof(path), "%s/ledger.db%s", dir, ends[i]);
		unlink(path);
	}
	rmdir(dir);
	return log;
}

/* As it stands, and as what its hash vouches for. */
static void
run_invite(const char *data, size_t len)
{
	static const unsigned char seed[SBX_SEED_BYTES] = { 3 };
	struct sbx_buf raw = SBX_BUF(4096), token = SBX_BUF(8192);
	unsigned char sum[SBX_HASH_BYTES];
	struct sbx_key *key = NULL;
	char *text = sbx_mem_text(data, len);
	int r;

	MUST(sbx_key_from_seed(seed, &key, NULL) == 0);
	MUST(sbx_invite_accept(scratch_log(), key, text, true, &(int64_t){ 0 }, NULL) != 0 ||
		strlen(text) > 5);
	free(text);
	sbx_buf_add(&raw, data, len);
	sbx_hash_b2(sum, data, len);
	sbx_buf_add(&raw, sum, 4);
	sbx_buf_str(&token, "sbx1.");
	if (!raw.over) {
		sbx_b64url_write(&token, raw.data, raw.len);
		r = sbx_invite_accept(scratch_log(), key, token.data, true,
			&(int64_t){ 0 }, NULL);
		MUST(r == 0 || r == SBX_E_INPUT || r == SBX_E_NO);
	}
	sbx_key_free(key);
	sbx_buf_free(&raw);
	sbx_buf_free(&token);
}

static void
run_request(const char *data, size_t len)
{
	unsigned char nonce[SBX_NONCE_BYTES];
	struct sbx_doc *offer = sbx_doc_new(), *doc = NULL;
	struct sbx_request *g = NULL;

	if (sbx_request_parse(data, len, &g, NULL) == 0)
		sbx_request_verify(g, NULL);
	sbx_request_free(g);
	sbx_request_nonce(data, len, nonce, NULL);
	sbx_json_add_str(offer, sbx_doc_root(offer), "kind", "tor-exit");
	sbx_json_add_str(offer, sbx_doc_root(offer), "service_id", "00");
	for (int http = 200; http <= 503; http += 101) {
		if (sbx_request_answer(http, data, len, sbx_doc_root(offer), &doc,
			    NULL) == 0)
			sbx_doc_free(doc);
		doc = NULL;
	}
	sbx_doc_free(offer);
}

/* Lines: method, path, query, address, length; less of them: not there. */
static void
run_cgi(const char *data, size_t len)
{
	char *text = sbx_mem_text(data, len), *at = text, *word[5] = { NULL };
	struct sbx_cgi cgi = { 0 };
	struct sbx_err err = { 0 };
	int http = 0, r;

	for (int i = 0; i < 5 && at != NULL; i++)
		word[i] = strsep(&at, "\n");
	cgi.method = word[0];
	cgi.path = word[1];
	cgi.query = word[2];
	cgi.address = word[3];
	cgi.length = word[4];
	r = sbx_cgi_check(&cgi, &http, &err);
	MUST(r == 0 || http == 400 || http == 404 || http == 405 || http == 411 ||
		http == 413);
	MUST(r != 0 || strspn(cgi.service, "0123456789abcdef") == 64);
	MUST(r != 0 || cgi.bodylen <= 65536);
	free(text);
}

static void
run_wg(const char *data, size_t len)
{
	struct sbx_wg wg;

	memset(&wg, 0, sizeof(wg));
	if (sbx_wg_parse(data, len, &wg, NULL) == 0)
		sbx_wg_free(&wg);
}

static void
run_text(const char *data, size_t len)
{
	struct sbx_buf raw = SBX_BUF(1u << 20), back = SBX_BUF(1u << 20);
	char *text = sbx_mem_text(data, len), when[SBX_TIME_SIZE];
	unsigned char bin[512], key[32];
	int64_t us, again, n;
	struct sbx_net net;
	uint32_t addr;

	if (sbx_hex_parse(bin, len / 2 <= sizeof(bin) ? len / 2 : sizeof(bin), data,
		    len))
		sbx_buf_hex(&back, bin, len / 2);
	else if (sbx_b64_parse(&raw, data, len))
		sbx_b64_write(&back, raw.data, raw.len);
	else if (sbx_b64url_parse(&raw, data, len))
		sbx_b64url_write(&back, raw.data, raw.len);
	MUST(back.len == 0 || (back.len == len && memcmp(back.data, data, len) == 0));
	if (sbx_time_parse(&us, data, len)) {
		sbx_time_write(when, us);
		MUST(sbx_time_parse(&again, when, strlen(when)) && us == again);
	}
	sbx_wgkey_parse(key, data, len);
	sbx_did_check(data, len);
	sbx_net_parse(&net, text);
	sbx_ip4_parse(&addr, text);
	sbx_num_parse(&n, text, INT64_MIN, INT64_MAX);
	sbx_buf_clear(&raw);
	sbx_text_safe(&raw, data, len);
	for (size_t i = 0; i < raw.len; i++)
		MUST((unsigned char)raw.data[i] >= 0x20 && raw.data[i] != 0x7f);
	free(text);
	sbx_buf_free(&raw);
	sbx_buf_free(&back);
}

/* A line of a site's now.jsonl, and what may be in it. */
static void
run_now(const char *data, size_t len)
{
	struct sbx_statement *s = NULL, *again = NULL;
	struct sbx_err err = { 0 };
	struct sbx_doc *doc = NULL;
	int64_t heard = -1;
	int r;

	if (sbx_now_frame(data, len, &doc, &heard) == 0) {
		MUST(heard >= 0 && heard <= SBX_MAX_INT);
		sbx_doc_free(doc);
	}
	if ((r = sbx_statement_parse(data, len, &s, &err)) != 0) {
		MUST(err.text[0] != '\0' && s == NULL &&
			(r == SBX_E_INPUT || r == SBX_E_NO));
		return;
	}
	MUST(s->len <= SBX_MAX_STATEMENT && s->until > s->at);
	MUST(sbx_statement_parse(s->line, s->len, &again, &err) == 0);
	MUST(again->len == s->len && memcmp(again->line, s->line, s->len) == 0 &&
		again->seq == s->seq && again->until == s->until);
	MUST(sbx_statement_verify(s, NULL) == sbx_statement_verify(again, NULL));
	sbx_statement_free(s);
	sbx_statement_free(again);
}

static const struct target targets[] = {
	{ "json", run_json }, { "entry", run_entry }, { "feed", run_feed },
	{ "note", run_note }, { "proof", run_proof }, { "bundle", run_bundle },
	{ "conf", run_conf }, { "invite", run_invite },
	{ "request", run_request }, { "cgi", run_cgi }, { "wg", run_wg },
	{ "text", run_text }, { "now", run_now } };

#define TARGETS (sizeof(targets) / sizeof(targets[0]))

#endif
