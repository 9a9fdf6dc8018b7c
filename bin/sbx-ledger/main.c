/* SPDX-License-Identifier: Apache-2.0 */
/* The journal: made, written to, read, checked. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/base.h"
#include "crypto/crypto.h"
#include "ledger/ledger.h"
#include "node/node.h"
#include "tool/tool.h"
#include "sbx-ledger.h"

int
ledger_open(struct sbx_ctx *ctx, unsigned flags, struct sbx_log **log)
{
	return sbx_log_open(ctx->conf.db, flags, log, &ctx->err);
}

/* ---- init, whoami ---------------------------------------------------- */

/* The key may be there already: made by an earlier init that was cut short,
 * or put there by hand. */
static int
have_key(struct sbx_ctx *ctx, struct sbx_key **key, bool *old)
{
	struct sbx_buf dir = SBX_BUF(4096);
	char *slash;
	int r;

	*old = access(ctx->conf.key, F_OK) == 0;
	if (*old)
		return sbx_key_load(ctx->conf.key, key, &ctx->err);
	sbx_buf_str(&dir, ctx->conf.key);
	if ((slash = strrchr(dir.data, '/')) != NULL)
		*slash = '\0';
	r = slash != NULL ? sbx_io_mkdir(dir.data, 0700, &ctx->err) : SBX_OK;
	sbx_buf_free(&dir);
	if (r == 0 && (r = sbx_key_new(key, &ctx->err)) == 0)
		r = sbx_key_save(ctx->conf.key, *key, &ctx->err);
	return r;
}

static int
add_identity(struct sbx_log *log, const struct sbx_key *key,
	struct sbx_err *err)
{
	int r;

	if ((r = sbx_log_begin(log, err)) != 0)
		return r;
	if ((r = sbx_identity_add(log, key, NULL, err)) == 0 &&
		(r = sbx_log_set_self(log, sbx_key_did(key), err)) == 0 &&
		(r = sbx_log_trust(log, sbx_key_did(key), true, err)) == 0)
		return sbx_log_commit(log, err);
	sbx_log_rollback(log);
	return r;
}

static int
make_db_dir(struct sbx_ctx *ctx)
{
	return sbx_io_mkdir(ctx->conf.dir, 0750, &ctx->err);
}

/* The one moment at which the recovery key exists here.  It is said first,
 * whatever -q says, and only then is its public half named in the first head:
 * a key that was named but never seen would be lost for good. */
static int
make_recovery(struct sbx_ctx *ctx, struct sbx_log *log)
{
	char text[2 * SBX_SEED_BYTES + 1];
	unsigned char rec[SBX_HASH_BYTES];
	struct sbx_key *key = NULL;
	size_t count;
	int r;

	if ((r = sbx_key_new(&key, &ctx->err)) != 0)
		return r;
	sbx_hash_b2(rec, sbx_key_pub(key), SBX_PUB_BYTES);
	sbx_hex_write(text, sbx_key_seed(key), SBX_SEED_BYTES);
	r = dprintf(STDERR_FILENO, "sbx-ledger: recovery key, shown this once, "
				   "to be kept off this box: %s\n", text) > 0 ?
		sbx_seal(log, &ctx->conf, rec, &count, &ctx->err) :
		sbx_err_sys(&ctx->err, "the recovery key cannot be shown");
	explicit_bzero(text, sizeof(text));
	sbx_key_free(key);
	return r;
}

/* A ledger was there before, or may have been: its signed head, which nobody
 * here knows, would be contradicted by the next one under the same key. */
static int
after_another(struct sbx_ctx *ctx, struct sbx_log *log)
{
	const struct sbx_conf *conf = &ctx->conf;
	int r = SBX_OK;

	if (access(conf->head, F_OK) != 0 && access(conf->log_key, F_OK) == 0)
		r = sbx_head_renew(conf, &ctx->err);
	return r != 0 ? r : sbx_guard_restored(log, conf, &ctx->err);
}

/* An init that was cut short is taken up where it was. */
static int
init(struct sbx_ctx *ctx, struct sbx_log *log, const struct sbx_key *key,
	bool old)
{
	bool first = false;
	char did[SBX_DID_SIZE];
	int64_t heads = 0;
	int r;

	if (sbx_log_self(log, did, NULL) != 0) {
		first = true;
		if ((r = add_identity(log, key, &ctx->err)) == 0 && old)
			r = after_another(ctx, log);
	} else if (strcmp(did, sbx_key_did(key)) == 0)
		r = SBX_OK;
	else
		r = sbx_err_set(&ctx->err, SBX_E_USAGE,
			"%s belongs to %s, %s to %s", ctx->conf.db, did,
			ctx->conf.key, sbx_key_did(key));
	if (r != 0 || sbx_tool_opt(ctx, "no-recovery") != NULL)
		return r;
	/* A first head may be out there: two of them are a fork. */
	if (first && old) {
		sbx_tool_say(ctx, "the key was there before: first sbx-pull "
				  "what it has said, then init once more "
				  "names a recovery key, if it named none");
		return SBX_OK;
	}
	if ((r = sbx_seal_last(log, &ctx->conf, &heads, &ctx->err)) == 0 &&
		heads == 0)
		r = make_recovery(ctx, log);
	return r;
}

static int
cmd_init(struct sbx_ctx *ctx)
{
	struct sbx_key *key = NULL;
	struct sbx_log *log = NULL;
	bool old;
	int r;

	if (ctx->dry) {
		sbx_tool_say(ctx, "would make %s and %s", ctx->conf.key,
			ctx->conf.db);
		return SBX_OK;
	}
	if ((r = make_db_dir(ctx)) == 0 && (r = have_key(ctx, &key, &old)) == 0 &&
		(r = ledger_open(ctx, SBX_LOG_WRITE | SBX_LOG_CREATE, &log)) == 0 &&
		(r = init(ctx, log, key, old)) == 0)
		sbx_tool_one(ctx, "did", sbx_key_did(key));
	sbx_log_close(log);
	sbx_key_free(key);
	return r;
}

static int
cmd_whoami(struct sbx_ctx *ctx)
{
	struct sbx_log *log = NULL;
	char did[SBX_DID_SIZE];
	int r;

	if ((r = ledger_open(ctx, 0, &log)) == 0 &&
		(r = sbx_log_self(log, did, &ctx->err)) == 0)
		sbx_tool_one(ctx, "did", did);
	sbx_log_close(log);
	return r;
}

static const struct sbx_opt init_opts[] = {
	{ 0, "no-recovery", NULL, "name no recovery key" },
	{ 0, NULL, NULL, NULL } };
static const struct sbx_opt append_opts[] = {
	{ 't', "type", "TYPE", "the payload's type, when the op carries several" },
	{ 'l', "lines", NULL, "a payload on each line, an id for each" },
	{ 'e', "each", NULL, "with -l: a commit for each" },
	{ 0, NULL, NULL, NULL } };
static const struct sbx_opt export_opts[] = {
	{ 'f', "from", "N", "begin with entry N" },
	{ 0, "old", NULL, "the older form: {\"entries\": [...]}" },
	{ 0, NULL, NULL, NULL } };

static const struct sbx_opt verify_opts[] = {
	{ 0, "quick", NULL, "the chain's hashes, without signatures" },
	{ 0, NULL, NULL, NULL } };

static const struct sbx_opt publish_opts[] = {
	{ 0, "anew", NULL, "after a restore: begin a new log, keep the old head" },
	{ 0, "lost", NULL, "after a restore: give up what nobody holds any more" },
	{ 0, NULL, NULL, NULL } };

static const struct sbx_opt prove_opts[] = {
	{ 'f', "from", "SIZE",
		"instead: that the log goes on from its first SIZE entries" },
	{ 0, NULL, NULL, NULL } };
static const struct sbx_opt check_proof_opts[] = {
	{ 'd', "did", "DID", "whose log it must be" },
	{ 'k', "key", "VKEY|FILE", "the log's key, or a site's log-key" },
	{ 0, "old", "FILE", "the older checkpoint, where a log goes on" },
	{ 0, NULL, NULL, NULL } };

static const struct sbx_opt now_opts[] = {
	{ 't', "type", "TYPE", "of that type alone" },
	{ 's', "signed", NULL, "the signed lines, for a program that checks them" },
	{ 0, NULL, NULL, NULL } };
static const struct sbx_opt say_opts[] = {
	{ 't', "ttl", "SECONDS", "how long it holds; without it as long as may be" },
	{ 0, NULL, NULL, NULL } };

static const struct sbx_cmd cmds[] = {
	{ "init", cmd_init, "", 0, 0, "make the key and the ledger; print the did",
		init_opts },
	{ "whoami", cmd_whoami, "", 0, 0, "print this node's did", NULL },
	{ "append", cmd_append, "OP [FILE]", 1, 2,
		"sign a payload (standard input) and append it", append_opts },
	{ "import", cmd_import, "[FILE...]", 0, -1,
		"judge and take entries from files or standard input", NULL },
	{ "export", cmd_export, "", 0, 0, "print every entry, one a line",
		export_opts },
	{ "show", cmd_show, "[FROM [TO]]", 0, 2, "list entries", NULL },
	{ "verify", cmd_verify, "", 0, 0,
		"recompute the journal's hashes and signatures", verify_opts },
	{ "fsck", cmd_fsck, "", 0, 0,
		"derive again what rests on the rows, and verify both", NULL },
	{ "status", cmd_status, "", 0, 0, "what this ledger holds", NULL },
	{ "canon", cmd_canon, "", 0, 0,
		"filter: one JSON document a line to its canonical form", NULL },
	{ "seal", cmd_seal, "", 0, 0,
		"sign heads over what this box has said since the last", NULL },
	{ "publish", cmd_publish, "[DIR]", 0, 1,
		"write what neighbours pull as static files", publish_opts },
	{ "backup", cmd_backup, "FILE", 1, 1, "copy the ledger, beside whoever "
		"writes it", NULL },
	{ "restore", cmd_restore, "FILE", 1, 1, "put a backup in its place",
		NULL },
	{ "prove", cmd_prove, "[N|ID]", 0, 1,
		"print a proof that an entry is in this log", prove_opts },
	{ "check-proof", cmd_check_proof, "FILE|DIR|-", 1, 1,
		"check such a proof, without a ledger", check_proof_opts },
	{ "now", cmd_now, "[NAME]", 0, 1, "list what members say about now",
		now_opts },
	{ "say", cmd_say, "TYPE [FILE]", 1, 2,
		"sign what this node says about now (standard input)", say_opts },
	{ NULL, NULL, NULL, 0, 0, NULL, NULL } };

static const struct sbx_tool tool = { "sbx-ledger",
	"the signed, chained, append-only log", 0, cmds };

int
main(int argc, char **argv)
{
	return sbx_tool_main(&tool, argc, argv);
}
