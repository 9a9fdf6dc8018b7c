/* SPDX-License-Identifier: Apache-2.0 */
/* A small signed world for the unit tests: keys from one byte, entries from
 * JSON text, times as seconds after a fixed instant. */
#ifndef WORLD_H
#define WORLD_H

#include <check.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/base.h"
#include "json/json.h"
#include "crypto/crypto.h"
#include "record/record.h"
#include "ledger/ledger.h"
#include "directory/directory.h"
#include "suite.h"

#define T0 INT64_C(1782900000000000) /* 2026-07-01T10:00:00Z */

static struct sbx_err why;

__attribute__((unused)) static struct sbx_key *
key_of(unsigned char n)
{
	unsigned char seed[SBX_SEED_BYTES];
	struct sbx_key *key = NULL;

	memset(seed, n, sizeof(seed));
	ck_assert_int_eq(sbx_key_from_seed(seed, &key, &why), 0);
	return key;
}

/* An instant as text; the buffer is good until the eighth call from here. */
__attribute__((unused)) static const char *
at(int seconds)
{
	static char text[8][SBX_TIME_SIZE];
	static int n;

	n = (n + 1) % 8;
	sbx_time_write(text[n], T0 + seconds * INT64_C(1000000));
	return text[n];
}

__attribute__((unused)) static struct sbx_entry *
sign(const struct sbx_key *key, const char *op, const char *type,
	const char *fmt, ...)
{
	struct sbx_entry *e = NULL;
	struct sbx_doc *doc = NULL;
	char text[8192];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	ck_assert_msg(sbx_json_parse(text, strlen(text), NULL, &doc, &why) == 0,
		"%s: %s", text, why.text);
	ck_assert_msg(sbx_entry_make(key, op, type, sbx_doc_root(doc), &e, &why)
			== 0, "%s: %s", text, why.text);
	sbx_doc_free(doc);
	return e;
}

__attribute__((unused)) static struct sbx_entry *
identity(const struct sbx_key *key, const char *inviter, int when)
{
	char pub[2 * SBX_PUB_BYTES + 1], by[64] = "null";

	sbx_hex_write(pub, sbx_key_pub(key), SBX_PUB_BYTES);
	if (inviter != NULL)
		snprintf(by, sizeof(by), "\"%s\"", inviter);
	return sign(key, inviter != NULL ? "invite_accept" : "genesis",
		"Identity", "{\"pubkey\":\"%s\",\"self_cert_digest\":\"%s\","
		"\"state\":\"member\",\"jurisdiction\":[],"
		"\"hardware_attest\":null,\"invited_by\":%s,"
		"\"created_at\":\"%s\"}", pub, sbx_key_did(key) + 8, by, at(when));
}

__attribute__((unused)) static struct sbx_entry *
invite_to(const struct sbx_key *key, const struct sbx_key *once, int uses,
	const char *domain, int when, int until)
{
	char id[2 * SBX_PUB_BYTES + 1];

	sbx_hex_write(id, sbx_key_pub(once), SBX_PUB_BYTES);
	return sign(key, "invite_issue", NULL, "{\"invite_id\":\"%s\","
		"\"domain\":\"%s\",\"rights\":[],\"max_uses\":%d,\"uses\":0,"
		"\"expires_at\":\"%s\",\"co_stake\":false,\"created_at\":\"%s\"}",
		id, domain, uses, at(until), at(when));
}

__attribute__((unused)) static struct sbx_entry *
invite(const struct sbx_key *key, const struct sbx_key *once, int uses,
	int when, int until)
{
	return invite_to(key, once, uses, "", when, until);
}

__attribute__((unused)) static struct sbx_entry *
accept_invite(const struct sbx_key *key, const struct sbx_key *once,
	const char *inviter, int when)
{
	char id[2 * SBX_PUB_BYTES + 1], hex[2 * SBX_SIG_BYTES + 1], msg[256];
	unsigned char sig[SBX_SIG_BYTES];

	sbx_hex_write(id, sbx_key_pub(once), SBX_PUB_BYTES);
	snprintf(msg, sizeof(msg), "{\"invite_id\":\"%s\",\"invitee\":\"%s\"}", id,
		sbx_key_did(key));
	ck_assert_int_eq(sbx_key_sign(once, msg, strlen(msg), sig, &why), 0);
	sbx_hex_write(hex, sig, sizeof(sig));
	return sign(key, "invite_accept", "InviteAccept",
		"{\"invite_id\":\"%s\",\"inviter\":\"%s\",\"domain\":\"\","
		"\"rights\":[],\"grafted_by\":\"%s\",\"accepted_at\":\"%s\","
		"\"proof\":\"%s\"}", id, inviter, inviter, at(when), hex);
}

static int revocations; /* so far: each has an identifier of its own */

__attribute__((unused)) static struct sbx_entry *
revocation(const struct sbx_key *key, const char *target, int cascade, int when)
{
	return sign(key, "revoke", NULL, "{\"revocation_id\":\"%064x\","
		"\"target\":\"%s\",\"scope\":\"%s\",\"cascade_depth\":%d,"
		"\"reason\":\"\",\"created_at\":\"%s\"}", ++revocations, target,
		cascade > 0 ? "cascade" : "self", cascade, at(when));
}

/* What a proposal says besides whose it is. */
struct asked {
	const char *type, *body, *rule, *most;
	int opens, closes;
};

/* Opened under that identifier; of 65 zero bytes: under its text's hash, which
 * is written there. */
__attribute__((unused)) static struct sbx_entry *
proposal(const struct sbx_key *key, char id[static SBX_ID_SIZE],
	const struct asked *a)
{
	struct sbx_doc *doc = NULL;
	char text[1024];

	snprintf(text, sizeof(text), "{\"proposer\":\"%s\",\"ptype\":\"%s\","
		"\"domain\":\"\",\"body\":%s,\"quorum_rule\":\"%s\","
		"\"quorum_threshold\":%s,\"opens_at\":\"%s\",\"closes_at\":"
		"\"%s\",\"tally_for\":0,\"tally_against\":0,\"resolved\":null,"
		"\"created_at\":\"%s\"}", sbx_key_did(key), a->type, a->body,
		a->rule, a->most, at(a->opens), at(a->closes), at(a->opens));
	ck_assert_int_eq(sbx_json_parse(text, strlen(text), NULL, &doc, &why), 0);
	if (id[0] == '\0')
		ck_assert_int_eq(sbx_proposal_id(sbx_doc_root(doc), id), 0);
	sbx_doc_free(doc);
	return sign(key, "proposal_open", NULL, "{\"proposal_id\":\"%s\",%s", id,
		text + 1);
}

__attribute__((unused)) static struct sbx_entry *
voice(const struct sbx_key *key, const char *id, const char *choice, int when)
{
	return sign(key, "proposal_vote", NULL, "{\"proposal_id\":\"%s\","
		"\"choice\":\"%s\",\"voted_at\":\"%s\"}", id, choice, at(when));
}

/* A ledger of its own in a fresh directory; log_path is where. */
static char log_path[64];

__attribute__((unused)) static struct sbx_log *
new_log(void)
{
	char dir[] = "/tmp/sbx-unit-XXXXXX";
	struct sbx_log *log = NULL;

	ck_assert_ptr_nonnull(mkdtemp(dir));
	snprintf(log_path, sizeof(log_path), "%s/ledger.db", dir);
	ck_assert_msg(sbx_log_open(log_path, SBX_LOG_WRITE | SBX_LOG_CREATE, &log,
			      &why) == 0, "%s", why.text);
	return log;
}

__attribute__((unused)) static void
remove_log(struct sbx_log *log)
{
	static const char *const ends[] = { "", "-wal", "-shm" };
	char path[80], *slash;

	sbx_log_close(log);
	for (int i = 0; i < 3; i++) {
		snprintf(path, sizeof(path), "%s%s", log_path, ends[i]);
		unlink(path);
	}
	slash = strrchr(log_path, '/');
	*slash = '\0';
	rmdir(log_path);
	*slash = '/';
}

__attribute__((unused)) static enum sbx_log_how
add(struct sbx_log *log, const struct sbx_entry *e)
{
	enum sbx_log_how how;

	ck_assert_msg(sbx_log_begin(log, &why) == 0, "%s", why.text);
	ck_assert_msg(sbx_log_add(log, e, &how, &why) == 0, "%s", why.text);
	ck_assert_msg(sbx_log_commit(log, &why) == 0, "%s", why.text);
	return how;
}

#endif
