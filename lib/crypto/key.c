/* SPDX-License-Identifier: Apache-2.0 */
/* Ed25519 by libsodium alone: other libraries accept signatures that it
 * refuses (low-order keys), and every node must judge alike.  SHA-256 by Nettle,
 * which uses the processor's instructions for it, as libsodium does not. */
#include <nettle/sha2.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "base/base.h"
#include "crypto/crypto.h"

#define DID_PREFIX "did:plc:"
#define DID_DIGITS (SBX_DID_SIZE - sizeof(DID_PREFIX))

struct sbx_key {
	unsigned char secret[crypto_sign_SECRETKEYBYTES];
	unsigned char seed[SBX_SEED_BYTES];
	unsigned char pub[SBX_PUB_BYTES];
	char did[SBX_DID_SIZE];
};

int
sbx_key_from_seed(const unsigned char seed[static SBX_SEED_BYTES],
	struct sbx_key **key, struct sbx_err *err)
{
	struct sbx_key *k;

	if (sodium_init() < 0 || (k = sodium_malloc(sizeof(*k))) == NULL)
		return sbx_err_set(err, SBX_E_SYS, "no locked memory for a key");
	memcpy(k->seed, seed, SBX_SEED_BYTES);
	crypto_sign_seed_keypair(k->pub, k->secret, k->seed);
	sbx_did_write(k->did, k->pub);
	sodium_mprotect_readonly(k);
	*key = k;
	return SBX_OK;
}

int
sbx_key_new(struct sbx_key **key, struct sbx_err *err)
{
	unsigned char seed[SBX_SEED_BYTES];
	int r;

	sbx_random(seed, sizeof(seed));
	r = sbx_key_from_seed(seed, key, err);
	sodium_memzero(seed, sizeof(seed));
	return r;
}

int
sbx_key_load(const char *path, struct sbx_key **key, struct sbx_err *err)
{
	struct sbx_buf text = SBX_BUF(2 * SBX_SEED_BYTES + 1);
	unsigned char seed[SBX_SEED_BYTES];
	int r;

	r = sbx_io_read(path, SBX_IO_SECRET, &text, err);
	if (r == 0) {
		if (text.len == 2 * SBX_SEED_BYTES + 1 &&
			text.data[text.len - 1] == '\n' &&
			sbx_hex_parse(seed, sizeof(seed), text.data,
				2 * SBX_SEED_BYTES))
			r = sbx_key_from_seed(seed, key, err);
		else
			r = sbx_err_set(err, SBX_E_USAGE,
				"%s: not a key: expected 64 lower-case hex "
				"digits and a newline", path);
	}
	sodium_memzero(seed, sizeof(seed));
	sbx_buf_free(&text);
	return r;
}

int
sbx_key_save(const char *path, const struct sbx_key *key, struct sbx_err *err)
{
	char text[2 * SBX_SEED_BYTES + 2];
	int r;

	sbx_hex_write(text, key->seed, SBX_SEED_BYTES);
	text[2 * SBX_SEED_BYTES] = '\n';
	r = sbx_io_save(path, text, 2 * SBX_SEED_BYTES + 1, 0600, SBX_IO_NEW,
		err);
	sodium_memzero(text, sizeof(text));
	return r;
}

void
sbx_key_free(struct sbx_key *key)
{
	sodium_free(key);
}

const unsigned char *
sbx_key_pub(const struct sbx_key *key)
{
	return key->pub;
}

const unsigned char *
sbx_key_seed(const struct sbx_key *key)
{
	return key->seed;
}

const char *
sbx_key_did(const struct sbx_key *key)
{
	return key->did;
}

int
sbx_key_sign(const struct sbx_key *key, const void *data, size_t len,
	unsigned char sig[static SBX_SIG_BYTES], struct sbx_err *err)
{
	if (crypto_sign_detached(sig, NULL, data, len, key->secret) != 0 ||
		!sbx_key_verify(key->pub, data, len, sig))
		return sbx_err_set(err, SBX_E_SYS,
			"signing failed: the signature does not verify");
	return SBX_OK;
}

bool
sbx_key_verify(const unsigned char pub[static SBX_PUB_BYTES], const void *data,
	size_t len, const unsigned char sig[static SBX_SIG_BYTES])
{
	return crypto_sign_verify_detached(sig, data, len, pub) == 0;
}

void
sbx_did_write(char did[static SBX_DID_SIZE],
	const unsigned char pub[static SBX_PUB_BYTES])
{
	unsigned char hash[SBX_HASH_BYTES];

	sbx_hash_sha256(hash, pub, SBX_PUB_BYTES);
	memcpy(did, DID_PREFIX, sizeof(DID_PREFIX));
	sbx_hex_write(did + strlen(DID_PREFIX), hash, DID_DIGITS / 2);
}

bool
sbx_did_check(const char *text, size_t len)
{
	unsigned char raw[DID_DIGITS / 2];
	size_t prefix = strlen(DID_PREFIX);

	return len == SBX_DID_SIZE - 1 && memcmp(text, DID_PREFIX, prefix) == 0 &&
		sbx_hex_parse(raw, sizeof(raw), text + prefix, len - prefix);
}

void
sbx_hash_b2(unsigned char out[static SBX_HASH_BYTES], const void *data,
	size_t len)
{
	crypto_generichash(out, SBX_HASH_BYTES, data, len, NULL, 0);
}

void
sbx_hash_sha256(unsigned char out[static SBX_HASH_BYTES], const void *data,
	size_t len)
{
	struct sha256_ctx st;

	sha256_init(&st);
	sha256_update(&st, len, data);
	sha256_digest(&st, SBX_HASH_BYTES, out);
}

void
sbx_random(void *out, size_t len)
{
	randombytes_buf(out, len);
}
