/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <sqlite3.h>

#include "base/base.h"
#include "json/json.h"
#include "crypto/crypto.h"
#include "record/record.h"
#include "ledger/ledger.h"
#include "directory/directory.h"
#include "lend/lend.h"
#include "suite.h"

#define IP "10.10.0.2"
#define T0 INT64_C(1782900000000000)

static struct sbx_key *gk2, *c3box, *mallory;
static unsigned char nonce[SBX_NONCE_BYTES];
static char service[SBX_ID_SIZE], sub_id[SBX_ID_SIZE];
static char dir[64], path[80];
static struct sbx_log *ledger;
static int64_t now;

static struct sbx_key *
key_of(unsigned char c)
{
	unsigned char seed[SBX_SEED_BYTES];
	struct sbx_key *key;

	memset(seed, c, sizeof(seed));
	ck_assert_int_eq(sbx_key_from_seed(seed, &key, NULL), 0);
	return key;
}

static void
setup(void)
{
	gk2 = key_of(1);
	c3box = key_of(2);
	mallory = key_of(3);
	memset(nonce, 7, sizeof(nonce));
	sbx_clock_set(now = T0);
	sbx_offer_id(service, sbx_key_did(gk2), "mirror");
	sbx_sub_id(sub_id, sbx_key_did(c3box), service, now);
}

static void
teardown(void)
{
	sbx_key_free(gk2);
	sbx_key_free(c3box);
	sbx_key_free(mallory);
	sbx_clock_set(0);
}

/* A payload of name, text pairs ended by NULL, signed a second later. */
static struct sbx_entry *
entry(const struct sbx_key *key, const char *op, const char *const *pairs)
{
	struct sbx_doc *doc = sbx_doc_new();
	struct sbx_entry *e = NULL;
	struct sbx_err err = { 0 };

	for (; pairs[0] != NULL; pairs += 2)
		sbx_json_add_str(doc, sbx_doc_root(doc), pairs[0], pairs[1]);
	sbx_clock_set(now += 1000000);
	if (sbx_entry_make(key, op, NULL, sbx_doc_root(doc), &e, &err) != 0)
		ck_abort_msg("%s: %s", op, err.text);
	sbx_doc_free(doc);
	return e;
}

static struct sbx_entry *
subscription(const struct sbx_key *key, const char *id, const char *offer)
{
	return entry(key, "service_subscribe",
		(const char *[]){
			"subscription_id", id, "service_id", offer, NULL });
}

static void
make(struct sbx_buf *body, const struct sbx_key *key)
{
	struct sbx_entry *e = subscription(key, sub_id, service);

	ck_assert_int_eq(
		sbx_request_make(key, nonce, sbx_key_did(gk2), e, body, NULL),
		0);
	sbx_entry_free(e);
}

/* What a provider does with the bytes before it looks into its state. */
static int
read_body(const char *text, size_t len, struct sbx_request **g,
	struct sbx_err *err)
{
	int r = sbx_request_parse(text, len, g, err);

	if (r == 0 && (r = sbx_request_verify(*g, err)) != 0) {
		sbx_request_free(*g);
		*g = NULL;
	}
	return r;
}

START_TEST(what_one_side_makes_the_other_takes)
{
	struct sbx_buf body = SBX_BUF(SBX_MAX_LINE);
	struct sbx_request *g;

	make(&body, c3box);
	ck_assert_int_eq(read_body(body.data, body.len, &g, NULL), 0);
	ck_assert_str_eq(g->provider, sbx_key_did(gk2));
	ck_assert_str_eq(g->subscriber, sbx_key_did(c3box));
	ck_assert_str_eq(g->service, service);
	ck_assert_str_eq(g->subscription, sub_id);
	ck_assert_mem_eq(g->nonce, nonce, sizeof(nonce));
	sbx_request_free(g);
	sbx_buf_free(&body);
}
END_TEST

START_TEST(any_changed_byte_is_refused)
{
	struct sbx_buf body = SBX_BUF(SBX_MAX_LINE);
	struct sbx_request *g = NULL;

	make(&body, c3box);
	for (size_t i = 0; i < body.len; i++) {
		body.data[i] ^= 1;
		ck_assert_int_ne(read_body(body.data, body.len, &g, NULL), 0);
		body.data[i] ^= 1;
	}
	for (size_t n = 0; n < body.len; n++)
		ck_assert_int_ne(read_body(body.data, n, &g, NULL), 0);
	sbx_buf_free(&body);
}
END_TEST

START_TEST(only_the_key_that_subscribed_can_ask)
{
	struct sbx_entry *e = subscription(c3box, sub_id, service);
	struct sbx_buf body = SBX_BUF(SBX_MAX_LINE);

	ck_assert_int_eq(sbx_request_make(mallory, nonce, sbx_key_did(gk2), e,
				 &body, NULL),
		SBX_E_USAGE);
	ck_assert_uint_eq(body.len, 0);
	sbx_entry_free(e);
}
END_TEST

/* Put the member name of from, at any depth of request, into the body to. */
static void
graft(struct sbx_buf *to, const struct sbx_buf *from, const char *name)
{
	struct sbx_doc *a, *b, *doc = sbx_doc_new();

	ck_assert_int_eq(sbx_json_parse(to->data, to->len, NULL, &a, NULL), 0);
	ck_assert_int_eq(
		sbx_json_parse(from->data, from->len, NULL, &b, NULL), 0);
	for (const struct sbx_json *c = sbx_doc_root(a)->child; c != NULL;
		c = c->next)
		sbx_json_add_copy(doc, sbx_doc_root(doc), c->key,
			strcmp(c->key, name) == 0
				? sbx_json_get(sbx_doc_root(b), name)
				: c);
	sbx_buf_clear(to);
	ck_assert_int_eq(sbx_canon_write(to, sbx_doc_root(doc), NULL, NULL), 0);
	sbx_doc_free(a);
	sbx_doc_free(b);
	sbx_doc_free(doc);
}

START_TEST(parts_of_two_requests_do_not_mix)
{
	static const char *const parts[] = { "author_pubkey", "request", "sig",
		"subscription" };
	struct sbx_buf body = SBX_BUF(SBX_MAX_LINE);
	struct sbx_buf other = SBX_BUF(SBX_MAX_LINE);
	struct sbx_request *g = NULL;

	make(&body, c3box);
	make(&other, mallory);
	graft(&body, &other, parts[_i]);
	ck_assert_int_ne(read_body(body.data, body.len, &g, NULL), 0);
	sbx_buf_free(&body);
	sbx_buf_free(&other);
}
END_TEST

START_TEST(an_old_request_cannot_take_a_new_nonce)
{
	struct sbx_buf body = SBX_BUF(SBX_MAX_LINE);
	struct sbx_request *g = NULL;
	struct sbx_err err;
	char *at;

	make(&body, c3box);
	at = strstr(body.data, "\"nonce\":\"0707");
	ck_assert_ptr_nonnull(at);
	at[9] = '1';
	ck_assert_int_eq(read_body(body.data, body.len, &g, &err), SBX_E_NO);
	ck_assert_ptr_nonnull(strstr(err.text, "bad signature"));
	sbx_buf_free(&body);
}
END_TEST

START_TEST(another_record_is_no_subscription)
{
	struct sbx_buf body = SBX_BUF(SBX_MAX_LINE);
	struct sbx_buf line = SBX_BUF(SBX_MAX_LINE);
	struct sbx_buf other = SBX_BUF(SBX_MAX_LINE);
	struct sbx_request *g = NULL;
	struct sbx_entry *e;

	make(&body, c3box);
	e = entry(c3box, "service_approve",
		(const char *[]){ "subscription_id", sub_id, "service_id",
			service, NULL });
	sbx_entry_line(e, &line);
	sbx_buf_fmt(&other, "{\"subscription\":%s}", line.data);
	graft(&body, &other, "subscription");
	ck_assert_int_eq(read_body(body.data, body.len, &g, NULL), SBX_E_INPUT);
	sbx_entry_free(e);
	sbx_buf_free(&body);
	sbx_buf_free(&line);
	sbx_buf_free(&other);
}
END_TEST

/* ---- judging, against a real ledger ---- */

static void
add(struct sbx_entry *e)
{
	enum sbx_log_how how;
	struct sbx_err err = { 0 };

	if (sbx_log_begin(ledger, &err) != 0 ||
		sbx_log_add(ledger, e, &how, &err) != 0 ||
		sbx_log_commit(ledger, &err) != 0)
		ck_abort_msg("%s", err.text);
	ck_assert_int_eq(how, SBX_LOG_NEW);
	sbx_entry_free(e);
}

static void
offer(const struct sbx_key *key, const char *name, const char *mode, bool macro)
{
	struct sbx_doc *doc = sbx_doc_new();
	struct sbx_json *root = sbx_doc_root(doc), *m;
	struct sbx_err err = { 0 };
	char id[SBX_ID_SIZE];
	struct sbx_entry *e;

	sbx_offer_id(id, sbx_key_did(key), name);
	sbx_json_add_str(doc, root, "service_id", id);
	sbx_json_add_str(doc, root, "name", name);
	sbx_json_add_str(doc, root, "kind", "web");
	sbx_json_add_str(doc, root, "endpoint", "10.10.0.1:8080");
	sbx_json_add_str(doc, root, "approval_mode", mode);
	sbx_json_add_str(doc, root, "description", "");
	sbx_json_add(doc, root, "scope", SBX_JSON_OBJECT);
	if (macro) {
		m = sbx_json_add(doc, root, "macro", SBX_JSON_OBJECT);
		sbx_json_add_str(doc, m, "kind", "http-mirror");
		m = sbx_json_add(doc, m, "params", SBX_JSON_OBJECT);
		sbx_json_add_int(doc, m, "port", 8080);
	}
	sbx_clock_set(now += 1000000);
	if (sbx_entry_make(key, "service_offer", NULL, root, &e, &err) != 0)
		ck_abort_msg("%s", err.text);
	sbx_doc_free(doc);
	add(e);
}

static void
node(const struct sbx_key *key, const char *ip)
{
	add(entry(key, "node_publish",
		(const char *[]){ "node_id", ip, "boxname", "box", "pubkey_wg",
			"kGZLQ0X2B5hWcD0guSO+EJuuH1yx+iyeCR9NcHuxrqY=",
			"mesh_ip", ip, "ddns", NULL, "endpoint", NULL, NULL }));
}

static void
decide(const struct sbx_key *key, const char *op, const char *id)
{
	add(entry(key, op,
		(const char *[]){ "subscription_id", id,
			strcmp(op, "service_revoke_sub") == 0 ? NULL
							      : "service_id",
			service, NULL }));
}

/* gk2 and c3box trust each other; c3box has a node. */
static void
open_ledger(void)
{
	struct sbx_err err = { 0 };

	setup();
	strcpy(dir, "/tmp/test_request.XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/ledger.db", dir);
	if (sbx_log_open(path, SBX_LOG_WRITE | SBX_LOG_CREATE, &ledger, &err) !=
		0)
		ck_abort_msg("%s", err.text);
	sbx_log_set_self(ledger, sbx_key_did(gk2), NULL);
	sbx_log_trust(ledger, sbx_key_did(gk2), true, NULL);
	sbx_log_trust(ledger, sbx_key_did(c3box), true, NULL);
	node(c3box, IP);
}

static void
close_ledger(void)
{
	static const char *const ends[] = { "", "-wal", "-shm" };
	char file[128];

	sbx_log_close(ledger);
	for (int i = 0; i < 3; i++) {
		snprintf(file, sizeof(file), "%s%s", path, ends[i]);
		unlink(file);
	}
	ck_assert_int_eq(rmdir(dir), 0);
	teardown();
}

struct verdict {
	int r, http;
	bool tell;
	struct sbx_err err;
};

static struct verdict
judge(const struct sbx_key *key, const char *id, const char *address)
{
	struct verdict v = { .tell = false };
	struct sbx_entry *e = subscription(key, id, service);
	struct sbx_buf body = SBX_BUF(SBX_MAX_LINE);
	struct sbx_verdict verdict = { 0 };
	struct sbx_request *g = NULL;
	struct sbx_state *st;

	ck_assert_int_eq(
		sbx_request_make(key, nonce, sbx_key_did(gk2), e, &body, NULL),
		0);
	ck_assert_int_eq(read_body(body.data, body.len, &g, NULL), 0);
	ck_assert_int_eq(sbx_state_open(ledger, &st, &v.err), 0);
	v.r = sbx_request_check(ledger, st, sbx_key_did(gk2), g, address,
		&verdict, &v.http, &v.tell, &v.err);
	sbx_verdict_free(&verdict);
	sbx_state_free(st);
	sbx_request_free(g);
	sbx_entry_free(e);
	sbx_buf_free(&body);
	return v;
}

static void
refused(struct verdict v, int http, bool tell)
{
	ck_assert_int_eq(v.r, SBX_E_NO);
	ck_assert_int_eq(v.http, http);
	ck_assert(v.tell == tell);
	ck_assert_str_ne(v.err.text, "");
}

START_TEST(a_member_at_its_address_is_granted)
{
	offer(gk2, "mirror", "auto", true);
	ck_assert_int_eq(judge(c3box, sub_id, IP).r, 0);
}
END_TEST

START_TEST(a_stranger_is_refused_without_a_reason)
{
	offer(gk2, "mirror", "auto", true);
	node(mallory, "10.10.0.9");
	refused(judge(mallory, sub_id, "10.10.0.9"), 403, false);
}
END_TEST

/* I22 */
START_TEST(another_address_is_refused_without_a_reason)
{
	offer(gk2, "mirror", "auto", true);
	node(gk2, "10.10.0.1");
	refused(judge(c3box, sub_id, "10.10.0.3"), 403, false);
	refused(judge(c3box, sub_id, "10.10.0.1"), 403, false);
}
END_TEST

/* The last one of an identifier in the journal may be another's. */
START_TEST(what_is_sent_is_our_own_subscription)
{
	struct sbx_borrow b = { 0 };
	struct sbx_err err = { 0 };

	ck_assert_int_eq(sbx_borrow_sub(ledger, sub_id, &b, &err), SBX_E_SYS);
	add(subscription(gk2, sub_id, service));
	add(subscription(mallory, sub_id, service));
	if (sbx_borrow_sub(ledger, sub_id, &b, &err) != 0)
		ck_abort_msg("%s", err.text);
	ck_assert_str_eq(b.sub->author, sbx_key_did(gk2));
	sbx_borrow_free(&b);
}
END_TEST

START_TEST(a_pending_offer_waits_for_approval)
{
	offer(gk2, "mirror", "pending", true);
	refused(judge(c3box, sub_id, IP), 409, true);
	add(subscription(c3box, sub_id, service));
	refused(judge(c3box, sub_id, IP), 409, true);
	decide(gk2, "service_approve", sub_id);
	ck_assert_int_eq(judge(c3box, sub_id, IP).r, 0);
}
END_TEST

START_TEST(somebody_elses_approval_counts_for_nothing)
{
	offer(gk2, "mirror", "pending", true);
	add(subscription(c3box, sub_id, service));
	decide(c3box, "service_approve", sub_id);
	decide(mallory, "service_approve", sub_id);
	refused(judge(c3box, sub_id, IP), 409, true);
}
END_TEST

START_TEST(the_rejected_do_not_return_under_another_id)
{
	char again[SBX_ID_SIZE];

	offer(gk2, "mirror", "auto", true);
	add(subscription(c3box, sub_id, service));
	decide(gk2, "service_reject", sub_id);
	refused(judge(c3box, sub_id, IP), 403, true);
	sbx_sub_id(again, sbx_key_did(c3box), service, now);
	ck_assert_str_ne(again, sub_id);
	refused(judge(c3box, again, IP), 403, true);
}
END_TEST

/* Nobody is refused for what another, or he for another offer, was refused. */
START_TEST(a_rejection_is_of_one_subscriber_and_one_offer)
{
	char other[SBX_ID_SIZE];

	offer(gk2, "mirror", "auto", true);
	sbx_sub_id(other, sbx_key_did(mallory), service, now);
	add(subscription(mallory, other, service));
	decide(gk2, "service_reject", other);
	ck_assert_int_eq(judge(c3box, sub_id, IP).r, 0);
	sbx_offer_id(service, sbx_key_did(gk2), "another");
	offer(gk2, "another", "auto", true);
	sbx_sub_id(other, sbx_key_did(c3box), service, now);
	add(subscription(c3box, other, service));
	decide(gk2, "service_reject", other);
	sbx_offer_id(service, sbx_key_did(gk2), "mirror");
	ck_assert_int_eq(judge(c3box, sub_id, IP).r, 0);
}
END_TEST

/* Two keys of one name cost 2^64 tries; here the ledger is made to know
 * another than the one that asks. */
START_TEST(another_key_than_the_one_known_is_refused)
{
	sqlite3 *db = NULL;

	offer(gk2, "mirror", "auto", true);
	ck_assert_int_eq(judge(c3box, sub_id, IP).r, 0);
	ck_assert_int_eq(sqlite3_open(path, &db), SQLITE_OK);
	sqlite3_db_config(db, SQLITE_DBCONFIG_ENABLE_TRIGGER, 0, NULL);
	ck_assert_int_eq(sqlite3_exec(db, "UPDATE author SET pub=zeroblob(32) "
		"WHERE id=1", NULL, NULL, NULL), SQLITE_OK);
	sqlite3_close(db);
	refused(judge(c3box, sub_id, IP), 403, false);
}
END_TEST

START_TEST(a_cancelled_subscription_has_ended)
{
	char again[SBX_ID_SIZE];

	offer(gk2, "mirror", "auto", true);
	add(subscription(c3box, sub_id, service));
	decide(c3box, "service_revoke_sub", sub_id);
	refused(judge(c3box, sub_id, IP), 403, true);
	sbx_sub_id(again, sbx_key_did(c3box), service, now);
	ck_assert_int_eq(judge(c3box, again, IP).r, 0);
}
END_TEST

START_TEST(only_an_own_live_offer_with_a_macro_is_lent)
{
	refused(judge(c3box, sub_id, IP), 404, false);
	offer(gk2, "mirror", "auto", false);
	refused(judge(c3box, sub_id, IP), 404, false);
	offer(gk2, "mirror", "auto", true);
	ck_assert_int_eq(judge(c3box, sub_id, IP).r, 0);
	add(entry(gk2, "service_revoke_offer",
		(const char *[]){ "service_id", service, NULL }));
	refused(judge(c3box, sub_id, IP), 404, false);
}
END_TEST

/* A rejection is lifted by the provider, not by whom it keeps out. */
START_TEST(cancelling_what_was_rejected_is_no_way_back)
{
	char again[SBX_ID_SIZE];

	offer(gk2, "mirror", "auto", true);
	add(subscription(c3box, sub_id, service));
	decide(gk2, "service_reject", sub_id);
	decide(c3box, "service_revoke_sub", sub_id);
	refused(judge(c3box, sub_id, IP), 403, true);
	sbx_sub_id(again, sbx_key_did(c3box), service, now);
	refused(judge(c3box, again, IP), 403, true);
	decide(gk2, "service_approve", sub_id);
	ck_assert_int_eq(judge(c3box, again, IP).r, 0);
}
END_TEST

/* ---- the provider's answer ---- */

static const char offer_text[] =
	"{\"service_id\":\"aa\",\"endpoint\":\"10.10.0.1:8080\","
	"\"macro\":{\"kind\":\"http-mirror\",\"params\":{}}}";

static const struct {
	int http, r;
	const char *text;
} answers[] = {
	{ 200, 0,
		"{\"kind\":\"http-mirror\",\"endpoint\":\"10.10.0.1:8080\","
		"\"ttl\":60,\"until\":\"2026-07-01T10:00:00.000000+00:00\","
		"\"service_id\":\"aa\"}" },
	{ 200, SBX_E_INPUT,
		"{\"kind\":\"http-mirror\",\"endpoint\":\"10.10.0.1:8080\","
		"\"ttl\":59,\"until\":\"2026-07-01T10:00:00.000000+00:00\","
		"\"service_id\":\"aa\"}" },
	{ 200, 0,
		"{\"kind\":\"http-mirror\",\"endpoint\":\"10.10.0.1:8080\","
		"\"ttl\":86400,\"until\":\"2026-07-01T10:00:00.000000+00:00\","
		"\"service_id\":\"aa\"}" },
	{ 200, SBX_E_INPUT,
		"{\"kind\":\"http-mirror\",\"endpoint\":\"10.10.0.1:8080\","
		"\"ttl\":86401,\"until\":\"2026-07-01T10:00:00.000000+00:00\","
		"\"service_id\":\"aa\"}" },
	{ 200, SBX_E_INPUT,
		"{\"kind\":\"http-mirror\",\"endpoint\":\"10.10.0.9:8080\","
		"\"ttl\":60,\"until\":\"2026-07-01T10:00:00.000000+00:00\","
		"\"service_id\":\"aa\"}" },
	{ 200, SBX_E_INPUT,
		"{\"kind\":\"tor-exit\",\"endpoint\":\"10.10.0.1:8080\","
		"\"ttl\":60,\"until\":\"2026-07-01T10:00:00.000000+00:00\","
		"\"service_id\":\"aa\"}" },
	{ 200, SBX_E_INPUT,
		"{\"kind\":\"http-mirror\",\"endpoint\":\"10.10.0.1:8080\","
		"\"ttl\":60,\"until\":\"2026-07-01T10:00:00.000000+00:00\","
		"\"service_id\":\"ab\"}" },
	{ 200, SBX_E_INPUT,
		"{\"kind\":\"http-mirror\",\"endpoint\":\"10.10.0.1:8080\","
		"\"ttl\":0,\"until\":\"2026-07-01T10:00:00.000000+00:00\","
		"\"service_id\":\"aa\"}" },
	{ 200, SBX_E_INPUT,
		"{\"kind\":\"http-mirror\",\"endpoint\":\"10.10.0.1:8080\","
		"\"ttl\":60,\"until\":\"soon\",\"service_id\":\"aa\"}" },
	{ 200, SBX_E_INPUT, "{}" },
	{ 200, SBX_E_INPUT, "" },
	{ 200, SBX_E_INPUT, "<html>" },
	{ 403, SBX_E_NO, "{\"error\":\"denied\"}" },
	{ 403, SBX_E_NO, "<html>" },
	{ 409, SBX_E_NO, "{\"error\":\"denied\"}" },
	{ 301, SBX_E_NO, "" },
	{ 500, SBX_E_SYS, "" },
	{ 503, SBX_E_SYS, "{\"error\":\"denied\"}" },
};

START_TEST(an_answer_must_fit_the_offer)
{
	struct sbx_doc *given = NULL, *doc = NULL;
	struct sbx_err err = { 0 };

	ck_assert_int_eq(sbx_json_parse(offer_text, strlen(offer_text), NULL,
				 &given, NULL),
		0);
	ck_assert_int_eq(sbx_request_answer(answers[_i].http, answers[_i].text,
				 strlen(answers[_i].text), sbx_doc_root(given),
				 &doc, &err),
		answers[_i].r);
	ck_assert((doc != NULL) == (answers[_i].r == 0));
	if (strstr(answers[_i].text, "denied") != NULL)
		ck_assert_ptr_nonnull(strstr(err.text, "denied"));
	sbx_doc_free(given);
	sbx_doc_free(doc);
}
END_TEST

START_TEST(a_nonce_is_64_digits_or_none)
{
	static const char *const wrong[] = { "", "{}", "[]", "{\"nonce\":7}",
		"{\"nonce\":\"\"}", "{\"nonce\":\"00\"}" };
	unsigned char got[SBX_NONCE_BYTES];
	struct sbx_buf text = SBX_BUF(4096);

	sbx_buf_str(&text, "{\"expires\":\"x\",\"nonce\":\"");
	sbx_buf_hex(&text, nonce, sizeof(nonce));
	sbx_buf_str(&text, "\"}");
	ck_assert_int_eq(sbx_request_nonce(text.data, text.len, got, NULL), 0);
	ck_assert_mem_eq(got, nonce, sizeof(nonce));
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		ck_assert_int_eq(sbx_request_nonce(
					 wrong[i], strlen(wrong[i]), got, NULL),
			SBX_E_INPUT);
	sbx_buf_free(&text);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("request");
	TCase *request = tcase_create("request"),
	      *state = tcase_create("judge");

	tcase_add_checked_fixture(request, setup, teardown);
	tcase_set_timeout(request, 30);
	tcase_add_test(request, what_one_side_makes_the_other_takes);
	tcase_add_test(request, any_changed_byte_is_refused);
	tcase_add_test(request, only_the_key_that_subscribed_can_ask);
	tcase_add_loop_test(request, parts_of_two_requests_do_not_mix, 0, 4);
	tcase_add_test(request, an_old_request_cannot_take_a_new_nonce);
	tcase_add_test(request, another_record_is_no_subscription);
	tcase_add_loop_test(request, an_answer_must_fit_the_offer, 0,
		sizeof(answers) / sizeof(answers[0]));
	tcase_add_test(request, a_nonce_is_64_digits_or_none);
	suite_add_tcase(s, request);
	tcase_add_checked_fixture(state, open_ledger, close_ledger);
	tcase_add_test(state, a_member_at_its_address_is_granted);
	tcase_add_test(state, a_stranger_is_refused_without_a_reason);
	tcase_add_test(state, another_address_is_refused_without_a_reason);
	tcase_add_test(state, a_pending_offer_waits_for_approval);
	tcase_add_test(state, somebody_elses_approval_counts_for_nothing);
	tcase_add_test(state, the_rejected_do_not_return_under_another_id);
	tcase_add_test(state, a_rejection_is_of_one_subscriber_and_one_offer);
	tcase_add_test(state, what_is_sent_is_our_own_subscription);
	tcase_add_test(state, another_key_than_the_one_known_is_refused);
	tcase_add_test(state, a_cancelled_subscription_has_ended);
	tcase_add_test(state, only_an_own_live_offer_with_a_macro_is_lent);
	tcase_add_test(state, cancelling_what_was_rejected_is_no_way_back);
	suite_add_tcase(s, state);
	return finish_suite(s);
}
