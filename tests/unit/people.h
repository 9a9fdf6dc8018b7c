/* SPDX-License-Identifier: Apache-2.0 */
/* Seven people and what they said, built into fresh ledgers in any order.  The
 * founder is the anchor of all of them. */
#ifndef PEOPLE_H
#define PEOPLE_H

#include "base/base.h"
#include "json/json.h"
#include "crypto/crypto.h"
#include "record/record.h"
#include "ledger/ledger.h"
#include "directory/directory.h"
#include "world.h"

enum { FOUNDER = 1, ANN, BOB, CID, EVE, NEW, THIEF, PEOPLE };
#define MAX_SAID 96
#define MAX_ONCE 8
#define DAYS 86400

static struct sbx_key *keys[PEOPLE], *once[MAX_ONCE], *recovery;
static struct sbx_entry *world[MAX_SAID];
static int count;

__attribute__((unused)) static const char *
did(int who)
{
	return sbx_key_did(keys[who]);
}

__attribute__((unused)) static struct sbx_entry *
say(struct sbx_entry *e)
{
	ck_assert_int_lt(count, MAX_SAID);
	return world[count++] = e;
}

/* Checked fixtures: nine days after the founder said who it is. */
__attribute__((unused)) static void
people_begin(void)
{
	sbx_clock_set(T0 + 9 * DAYS * INT64_C(1000000));
	for (int i = FOUNDER; i < PEOPLE; i++)
		keys[i] = key_of((unsigned char)i);
	for (int i = 0; i < MAX_ONCE; i++)
		once[i] = key_of((unsigned char)(100 + i));
	recovery = key_of(200);
	count = 0;
	say(identity(keys[FOUNDER], NULL, 0));
}

__attribute__((unused)) static void
people_end(void)
{
	while (count > 0)
		sbx_entry_free(world[--count]);
	for (int i = FOUNDER; i < PEOPLE; i++)
		sbx_key_free(keys[i]);
	for (int i = 0; i < MAX_ONCE; i++)
		sbx_key_free(once[i]);
	sbx_key_free(recovery);
}

/* ---- what they say ---- */

__attribute__((unused)) static const char *
id_of(int token)
{
	static char id[MAX_ONCE][2 * SBX_PUB_BYTES + 1];

	sbx_hex_write(id[token], sbx_key_pub(once[token]), SBX_PUB_BYTES);
	return id[token];
}

/* A number as an identifier; it is good until the next call. */
__attribute__((unused)) static char *
number(int n)
{
	static char id[SBX_ID_SIZE];

	snprintf(id, sizeof(id), "%064x", n);
	return id;
}

/* Invited for a domain at when, in a second later. */
__attribute__((unused)) static void
join_in(int guest, int host, int token, const char *domain, int when)
{
	say(invite_to(keys[host], once[token], 1, domain, when, when + 3600));
	say(accept_invite(keys[guest], once[token], did(host), when + 1));
}

__attribute__((unused)) static void
join(int guest, int host, int token, int when)
{
	join_in(guest, host, token, "", when);
}

__attribute__((unused)) static void
put_out(int who, int target, int cascade, int when)
{
	say(revocation(keys[who], did(target), cascade, when));
}

/* whole: as if it had never been */
__attribute__((unused)) static void
take_back(int who, int token, int whole, int when)
{
	say(revocation(keys[who], id_of(token), whole, when));
}

__attribute__((unused)) static struct sbx_entry *
offer_as(int who, int id, const char *name, const char *mode, int when)
{
	return say(sign(keys[who], "service_offer", NULL,
		"{\"service_id\":\"%064x\",\"name\":\"%s\",\"kind\":\"http\","
		"\"endpoint\":\"10.10.0.1:8080\",\"scope\":{},"
		"\"approval_mode\":\"%s\",\"description\":\"\","
		"\"created_at\":\"%s\"}", id, name, mode, at(when)));
}

__attribute__((unused)) static void
withdraw(int who, const char *service, int when)
{
	say(sign(keys[who], "service_revoke_offer", NULL,
		"{\"service_id\":\"%s\",\"revoked_at\":\"%s\"}", service,
		at(when)));
}

__attribute__((unused)) static void
subscribe(int who, const char *id, const char *service, int when)
{
	say(sign(keys[who], "service_subscribe", NULL, "{\"subscription_id\":"
		"\"%s\",\"service_id\":\"%s\",\"requested_at\":\"%s\"}", id,
		service, at(when)));
}

/* The provider's word on a subscription; yes: it is approved, not rejected. */
__attribute__((unused)) static void
decide(int who, bool yes, const char *id, const char *service, int when)
{
	say(sign(keys[who], yes ? "service_approve" : "service_reject", NULL,
		"{\"subscription_id\":\"%s\",\"service_id\":\"%s\","
		"\"%s\":\"%s\"}", id, service,
		yes ? "approved_at" : "rejected_at", at(when)));
}

/* A head over one entry, or none; rec is named when it is the first. */
__attribute__((unused)) static void
head(int who, int seq, const struct sbx_entry *covered, int when)
{
	char item[80] = "", rec[80] = "null", hex[65];
	unsigned char hash[SBX_HASH_BYTES];

	if (covered != NULL) {
		sbx_hex_write(hex, covered->id, SBX_HASH_BYTES);
		snprintf(item, sizeof(item), "\"%s\"", hex);
	}
	if (seq == 1) {
		sbx_hash_b2(hash, sbx_key_pub(recovery), SBX_PUB_BYTES);
		sbx_hex_write(hex, hash, sizeof(hash));
		snprintf(rec, sizeof(rec), "\"%s\"", hex);
	}
	say(sign(keys[who], "witness", "SbxHead", "{\"v\":1,\"seq\":%d,"
		"\"prev\":null,\"items\":[%s],\"rec\":%s,\"created_at\":\"%s\"}",
		seq, item, rec, at(when)));
}

__attribute__((unused)) static void
rotate(int new, int old, const struct sbx_key *with, int when)
{
	char text[256], pub[65], hex[129];
	unsigned char sig[SBX_SIG_BYTES];
	size_t n = sbx_rotation_text(text, did(new), did(old));

	ck_assert_int_eq(sbx_key_sign(with, text, n, sig, &why), 0);
	sbx_hex_write(pub, sbx_key_pub(with), SBX_PUB_BYTES);
	sbx_hex_write(hex, sig, sizeof(sig));
	say(sign(keys[new], "witness", "SbxRotate", "{\"old\":\"%s\","
		"\"rec_pub\":\"%s\",\"rec_sig\":\"%s\",\"created_at\":\"%s\"}",
		did(old), pub, hex, at(when)));
}

/* ---- what comes of it ---- */

/* All of it in that order (NULL: as it was said) into a fresh ledger, and the
 * state; close_world ends both. */
static struct sbx_log *world_log;

__attribute__((unused)) static struct sbx_log *
open_log(const int *order)
{
	enum sbx_log_how how;

	world_log = new_log();
	ck_assert_int_eq(sbx_log_trust(world_log, did(FOUNDER), true, &why), 0);
	ck_assert_int_eq(sbx_log_begin(world_log, &why), 0);
	for (int i = 0; i < count; i++)
		ck_assert_msg(sbx_log_add(world_log,
				      world[order != NULL ? order[i] : i], &how,
				      &why) == 0, "%s", why.text);
	ck_assert_int_eq(sbx_log_commit(world_log, &why), 0);
	return world_log;
}

__attribute__((unused)) static struct sbx_state *
open_world(const int *order)
{
	struct sbx_state *st = NULL;

	ck_assert_msg(sbx_state_open(open_log(order), &st, &why) == 0, "%s",
		why.text);
	return st;
}

__attribute__((unused)) static void
close_world(struct sbx_state *st)
{
	sbx_state_free(st);
	remove_log(world_log);
}

__attribute__((unused)) static bool
member(int who)
{
	struct sbx_state *st = open_world(NULL);
	bool yes = sbx_state_member(st, did(who));

	close_world(st);
	return yes;
}

__attribute__((unused)) static int
keep_row(void *ctx, const struct sbx_json *row, struct sbx_err *err)
{
	const struct sbx_json *m = sbx_json_get(row, "member");
	struct sbx_doc **doc = ctx;

	(void)err;
	if (*doc != NULL && m != NULL && !m->yes)
		return 0;
	sbx_doc_free(*doc);
	*doc = sbx_doc_copy(row);
	return 0;
}

/* That field of the view's last row, of key's unless it is NULL; a member's
 * goes before a stranger's. */
__attribute__((unused)) static void
check_field(enum sbx_view view, const char *key, const char *field,
	const char *want)
{
	struct sbx_state *st = open_world(NULL);
	struct sbx_buf got = SBX_BUF(4096);
	const struct sbx_json *v;
	struct sbx_doc *doc = NULL;

	ck_assert_msg(sbx_state_each(st, view, key, keep_row, &doc, &why) == 0,
		"%s", why.text);
	ck_assert_msg(doc != NULL, "no row of %s", key != NULL ? key : "it");
	v = sbx_json_get(sbx_doc_root(doc), field);
	if (v->type == SBX_JSON_STRING)
		sbx_buf_str(&got, v->text);
	else
		sbx_canon_write(&got, v, sbx_rec_fractions, NULL);
	ck_assert_str_eq(sbx_buf_text(&got), want);
	sbx_buf_free(&got);
	sbx_doc_free(doc);
	close_world(st);
}

struct listing {
	const char *fields;
	struct sbx_buf text;
};

static int
list_row(void *ctx, const struct sbx_json *row, struct sbx_err *err)
{
	static const char *const names[PEOPLE] = { "", "founder", "ann", "bob",
		"cid", "eve", "new", "thief" };
	struct listing *l = ctx;
	char fields[80], *save = NULL;
	const char *v;

	(void)err;
	snprintf(fields, sizeof(fields), "%s", l->fields);
	for (char *f = strtok_r(fields, " ", &save); f != NULL;
		f = strtok_r(NULL, " ", &save)) {
		v = sbx_json_str(row, f);
		for (int i = FOUNDER; i < PEOPLE && v != NULL; i++)
			if (strcmp(v, did(i)) == 0)
				v = names[i];
		sbx_buf_fmt(&l->text, "%s%s", v != NULL ? v : "-",
			*save != '\0' ? " " : "; ");
	}
	return 0;
}

/* Those fields of each of the view's rows, of key's unless it is NULL, are
 * "ann live; eve waiting; " for two: people by name. */
__attribute__((unused)) static void
check_rows(enum sbx_view view, const char *key, const char *fields,
	const char *want)
{
	struct listing l = { fields, SBX_BUF(4096) };
	struct sbx_state *st = open_world(NULL);

	ck_assert_msg(sbx_state_each(st, view, key, list_row, &l, &why) == 0,
		"%s", why.text);
	ck_assert_str_eq(sbx_buf_text(&l.text), want);
	sbx_buf_free(&l.text);
	close_world(st);
}

__attribute__((unused)) static void
digest(const int *order, unsigned char out[32])
{
	struct sbx_state *st = open_world(order);

	ck_assert_msg(sbx_state_digest(st, out, &why) == 0, "%s", why.text);
	close_world(st);
}

/* I14: the world in an order of that seed's gives the state that it gives in
 * the order in which it was said. */
__attribute__((unused)) static void
check_order(int seed)
{
	unsigned char want[32], got[32];
	int order[MAX_SAID];

	digest(NULL, want);
	srand((unsigned)seed);
	for (int i = 0; i < count; i++)
		order[i] = i;
	for (int i = count - 1; i > 0; i--) {
		int j = rand() % (i + 1), t = order[i];

		order[i] = order[j];
		order[j] = t;
	}
	digest(order, got);
	ck_assert_msg(memcmp(want, got, 32) == 0, "seed %d gives another state",
		seed);
}

#endif
