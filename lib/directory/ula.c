/* SPDX-License-Identifier: Apache-2.0 */
/* A mesh's IPv6 addresses, which nobody allocates: RFC 4193, with hashes of the
 * founder's DID and of each node's in place of random numbers. */
#include <arpa/inet.h>
#include <string.h>

#include "base/base.h"
#include "json/json.h"
#include "crypto/crypto.h"
#include "directory/directory.h"

static void
hash(unsigned char out[static SBX_HASH_BYTES], const char *domain,
	const char *text)
{
	struct sbx_buf b = SBX_BUF(256);

	sbx_buf_fmt(&b, "%s%s", domain, text);
	sbx_hash_sha256(out, sbx_buf_text(&b), b.len);
	sbx_buf_free(&b);
}

void
sbx_ula(char out[static SBX_ULA_SIZE], const char *founder, const char *who)
{
	unsigned char raw[16] = { 0xfd }, h[SBX_HASH_BYTES];

	hash(h, "sbx-ula/v1\n", founder);
	memcpy(raw + 1, h, 5); /* the global id; the subnet is 0 */
	if (who != NULL) {
		hash(h, "sbx-ula-host/v1\n", who);
		memcpy(raw + 8, h, 8);
	}
	inet_ntop(AF_INET6, raw, out, SBX_ULA_SIZE);
}

static int
take_founder(void *ctx, const struct sbx_json *row, struct sbx_err *err)
{
	const char *did = sbx_json_str(row, "did");
	const char *state = sbx_json_str(row, "state");
	char *low = ctx;

	(void)err;
	if (did != NULL && state != NULL && strcmp(state, "anchor") == 0 &&
		sbx_did_check(did, strlen(did)) &&
		(low[0] == '\0' || strcmp(did, low) < 0))
		snprintf(low, SBX_DID_SIZE, "%s", did);
	return SBX_OK;
}

int
sbx_state_founder(struct sbx_state *st, char did[static SBX_DID_SIZE],
	struct sbx_err *err)
{
	int r;

	did[0] = '\0';
	r = sbx_state_each(st, SBX_VIEW_MEMBER, NULL, take_founder, did, err);
	if (r == SBX_OK && did[0] == '\0')
		r = sbx_err_set(err, SBX_E_NO, "the mesh has no anchor");
	return r;
}
