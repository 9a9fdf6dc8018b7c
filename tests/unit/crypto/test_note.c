/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "base/base.h"
#include "crypto/crypto.h"
#include "suite.h"

#define DASH "\xe2\x80\x94 "

static struct sbx_err err;
static struct sbx_key *log_key, *witness_key, *other_key;
static struct sbx_vkey keys[2];

static void
setup(void)
{
	unsigned char seed[SBX_SEED_BYTES] = { 1 };

	ck_assert_int_eq(sbx_key_from_seed(seed, &log_key, &err), 0);
	seed[0] = 2;
	ck_assert_int_eq(sbx_key_from_seed(seed, &witness_key, &err), 0);
	seed[0] = 3;
	ck_assert_int_eq(sbx_key_from_seed(seed, &other_key, &err), 0);
	ck_assert_int_eq(sbx_vkey_make(&keys[0], "example/log",
				 SBX_NOTE_ED25519, sbx_key_pub(log_key), &err),
		0);
	ck_assert_int_eq(
		sbx_vkey_make(&keys[1], "example/witness", SBX_NOTE_COSIGNATURE,
			sbx_key_pub(witness_key), &err),
		0);
}

static void
teardown(void)
{
	sbx_key_free(log_key);
	sbx_key_free(witness_key);
	sbx_key_free(other_key);
}

/* The example of golang.org/x/mod/sumdb/note, which is where these notes come
 * from. */
static const char neumann_key[] =
	"PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";
static const char neumann[] =
	"If you think cryptography is the answer to your problem,\n"
	"then you don't know what your problem is.\n"
	"\n" DASH "PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNI"
	"uGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n";

START_TEST(a_note_of_another_implementation_holds)
{
	struct sbx_buf b = SBX_BUF(1024);
	struct sbx_vkey k;
	struct sbx_note n;

	ck_assert_int_eq(
		sbx_vkey_parse(&k, neumann_key, strlen(neumann_key), &err), 0);
	ck_assert_str_eq(k.name, "PeterNeumann");
	ck_assert_int_eq(k.type, SBX_NOTE_ED25519);
	sbx_vkey_write(&k, &b);
	ck_assert_str_eq(b.data, neumann_key);
	ck_assert_int_eq(
		sbx_note_check(neumann, strlen(neumann), &k, 1, &n, &err), 0);
	ck_assert_ptr_eq(n.text, neumann);
	ck_assert_uint_eq(n.len, strstr(neumann, "\n\n") + 1 - neumann);
	ck_assert(n.lines == 1 && n.count == 1 && n.sig[0].key == 0);
	sbx_buf_free(&b);
}
END_TEST

START_TEST(every_changed_byte_of_a_note_is_refused)
{
	size_t i, len = strlen(neumann),
		  body = (size_t)(strstr(neumann, "\n\n") - neumann);
	struct sbx_vkey k;
	struct sbx_note n;
	char *copy = strdup(neumann);

	ck_assert_int_eq(
		sbx_vkey_parse(&k, neumann_key, strlen(neumann_key), &err), 0);
	for (i = 0; i < len; i++) {
		copy[i] ^= 1;
		/* a changed name or key id is a key that is not known */
		ck_assert_int_lt(sbx_note_check(copy, len, &k, 1, &n, &err), 0);
		if (i < body && copy[i] >= ' ')
			ck_assert_str_eq(err.text,
				"note with a bad signature of a known key");
		copy[i] ^= 1;
	}
	for (i = 0; i < len; i++)
		ck_assert_int_lt(sbx_note_check(copy, i, &k, 1, &n, &err), 0);
	free(copy);
}
END_TEST

static const char *const badkeys[] = { "", "+", "a", "a+b+c",
	"PeterNeumann+c74f20a3+",
	"+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/"
	"LDE4izWy10TW",
	"PeterNeumann+c74f20a4+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW",
	"PeterNeumann+C74F20A3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW",
	"PeterNeumanN+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW",
	"Peter Neumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW",
	"PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10T",
	"PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW\n",
	"PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/"
	"LDE4izWy10TWAA==",
	"PeterNeumann+c74f20a3+Ahpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW" };

START_TEST(a_verifier_key_is_read_strictly)
{
	struct sbx_vkey k;

	ck_assert_int_eq(
		sbx_vkey_parse(&k, badkeys[_i], strlen(badkeys[_i]), &err),
		SBX_E_INPUT);
}
END_TEST

START_TEST(names_have_no_spaces_and_no_plus)
{
	static const char *const names[] = { "", "a b", "a+b", "a\nb", "a\tb",
		"a\xc2\xa0", "\xe3\x80\x80", "\xe2\x80\xa8x", "\xff",
		"a\xc2\x85", "\xe1\x9a\x80", "\xe2\x80\x80", "\xe2\x80\x85",
		"\xe2\x80\x8a", "\xe2\x80\xa9", "\xe2\x80\xaf", "\xe2\x81\x9f" };
	unsigned char pub[SBX_PUB_BYTES] = { 0 };
	char name[SBX_MAX_NAME + 2];
	struct sbx_vkey k;
	size_t i;

	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		ck_assert_int_eq(sbx_vkey_make(&k, names[i], SBX_NOTE_ED25519,
					 pub, &err),
			SBX_E_INPUT);
	memset(name, 'n', sizeof(name));
	name[SBX_MAX_NAME] = '\0';
	ck_assert_int_eq(
		sbx_vkey_make(&k, name, SBX_NOTE_ED25519, pub, &err), 0);
	name[SBX_MAX_NAME] = 'n';
	name[SBX_MAX_NAME + 1] = '\0';
	ck_assert_int_eq(sbx_vkey_make(&k, name, SBX_NOTE_ED25519, pub, &err),
		SBX_E_INPUT);
	ck_assert_int_eq(sbx_vkey_make(&k, "did:plc:00/log\xc3\xa9",
				 SBX_NOTE_ED25519, pub, &err),
		0);
}
END_TEST

#define ID_AND_SLH_DSA_256F (4 + 49856)

static const char body[] = "example/log\n7\n"
			   "CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n";

/* body signed by whoever is named: l the log, w and W the witness at two
 * times, o another key; b the log's line broken. */
static struct sbx_buf
signed_by(const char *who)
{
	struct sbx_buf b = SBX_BUF(SBX_MAX_NOTE + 4096);
	size_t len = strlen(body), before;
	int r;

	sbx_buf_str(&b, body);
	sbx_buf_str(&b, "\n");
	for (; *who != '\0'; who++) {
		before = b.len;
		if (*who == 'l' || *who == 'b')
			r = sbx_note_sign(&b, body, len, keys[0].name,
				SBX_NOTE_ED25519, log_key, 0, &err);
		else if (*who == 'o')
			r = sbx_note_sign(&b, body, len, keys[0].name,
				SBX_NOTE_ED25519, other_key, 0, &err);
		else
			r = sbx_note_sign(&b, body, len, keys[1].name,
				SBX_NOTE_COSIGNATURE, witness_key,
				INT64_C(1679315147999999) + (*who == 'W'),
				&err);
		ck_assert_int_eq(r, 0);
		if (*who == 'b') /* past name, key id and a bit of R */
			b.data[before + strlen(DASH) + 12 + 20] ^= 1;
	}
	ck_assert(!b.over);
	return b;
}

static int
check(const char *who, struct sbx_note *n)
{
	struct sbx_buf b = signed_by(who);
	int r = sbx_note_check(b.data, b.len, keys, 2, n, &err);

	sbx_buf_free(&b);
	return r;
}

START_TEST(known_signatures_count_and_unknown_ones_are_ignored)
{
	struct sbx_note n;

	ck_assert_int_eq(check("l", &n), 0);
	ck_assert(n.lines == 1 && n.count == 1);
	ck_assert_int_eq(n.sig[0].time, 0);
	ck_assert_int_eq(check("olow", &n), 0);
	ck_assert(n.lines == 4 && n.count == 2);
	ck_assert(n.sig[0].key == 0 && n.sig[1].key == 1);
	ck_assert_int_eq(n.sig[1].time, INT64_C(1679315147000000));
	ck_assert_int_eq(check("wWw", &n), 0);
	ck_assert(n.lines == 3 && n.count == 1);
	ck_assert_int_eq(n.sig[0].time, INT64_C(1679315148000000));
	ck_assert_int_eq(check("o", &n), SBX_E_NO);
	ck_assert_str_eq(err.text, "note that no known key has signed");
	ck_assert_int_eq(check("", &n), SBX_E_INPUT);
}
END_TEST

START_TEST(one_bad_signature_of_a_known_key_refuses_the_note)
{
	struct sbx_note n;

	ck_assert_int_eq(check("b", &n), SBX_E_NO);
	ck_assert_int_eq(check("lwb", &n), SBX_E_NO);
	ck_assert_str_eq(err.text, "note with a bad signature of a known key");
}
END_TEST

START_TEST(a_cosignature_is_over_its_time_and_the_body)
{
	static const char message[] =
		"cosignature/v1\ntime 1679315147\nexample/log\n7\n"
		"CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n";
	struct sbx_buf b = signed_by("w"), sig = SBX_BUF(256);
	const char *line = strstr(b.data, "\n\n") + 2;
	struct sbx_note n;
	size_t skip = strlen(DASH "example/witness ");

	ck_assert(sbx_b64_parse(&sig, line + skip, strlen(line) - skip - 1));
	ck_assert_uint_eq(sig.len, 4 + 8 + SBX_SIG_BYTES);
	ck_assert_mem_eq(sig.data, keys[1].id, 4);
	ck_assert_mem_eq(sig.data + 4, "\0\0\0\0\x64\x18\x50\xcb", 8);
	ck_assert(sbx_key_verify(sbx_key_pub(witness_key), message,
		sizeof(message) - 1, (unsigned char *)sig.data + 12));
	/* another time is another message */
	sig.data[11] ^= 1;
	sbx_buf_clear(&b);
	sbx_buf_fmt(&b, "%s\n" DASH "example/witness ", body);
	sbx_b64_write(&b, sig.data, sig.len);
	sbx_buf_str(&b, "\n");
	ck_assert_int_eq(
		sbx_note_check(b.data, b.len, keys, 2, &n, &err), SBX_E_NO);
	sbx_buf_free(&b);
	sbx_buf_free(&sig);
}
END_TEST

/* The same key under the other type, or a shorter signature, is no match. */
START_TEST(types_do_not_stand_in_for_each_other)
{
	struct sbx_buf b = signed_by("l");
	struct sbx_vkey k;
	struct sbx_note n;

	ck_assert_int_eq(sbx_vkey_make(&k, keys[0].name, SBX_NOTE_COSIGNATURE,
				 keys[0].pub, &err),
		0);
	ck_assert(memcmp(k.id, keys[0].id, 4) != 0);
	ck_assert_int_eq(
		sbx_note_check(b.data, b.len, &k, 1, &n, &err), SBX_E_NO);
	memcpy(k.id, keys[0].id, 4);
	ck_assert_int_eq(
		sbx_note_check(b.data, b.len, &k, 1, &n, &err), SBX_E_NO);
	ck_assert_str_eq(err.text, "note with a bad signature of a known key");
	sbx_buf_free(&b);
}
END_TEST

static const char *const malformed[] = { "", "\n", "\n\n", "text\n", "text\n\n",
	"text\n\nno dash\n", "text\n\n" DASH "\n", "text\n\n" DASH "name\n",
	"text\n\n" DASH "name \n", "text\n\n" DASH "name AAAAAA==\n",
	"text\n\n" DASH " AAAAAAAA\n", "text\n\n" DASH "na+me AAAAAAAA\n",
	"text\n\n" DASH "name AAAAAAAA", "text\n\n" DASH "name AAAAAAAA\n\n",
	"text\n\n" DASH "name  AAAAAAAA\n", "text\n\n" DASH "name AAAAAAA\n",
	"text\n\n" DASH "name AAAAAAAA \n", "text\n\n- name AAAAAAAA\n",
	"te\rxt\n\n" DASH "name AAAAAAAA\n", "te\xfft\n\n" DASH "n AAAAAAAA\n",
	"text\n\n" DASH "name AAAAAAAA\nrubbish\n" };

START_TEST(what_is_no_note_is_refused)
{
	struct sbx_note n;

	ck_assert_int_eq(sbx_note_check(malformed[_i], strlen(malformed[_i]),
				 keys, 2, &n, &err),
		SBX_E_INPUT);
}
END_TEST

/* As many as a note holds, unless their keys are known: those cost time. */
START_TEST(signatures_of_known_keys_are_limited)
{
	char who[SBX_MAX_NOTE_SIGS + 2];
	struct sbx_note n;

	memset(who, 'o', sizeof(who));
	who[0] = 'l';
	who[SBX_MAX_NOTE_SIGS + 1] = '\0';
	ck_assert_int_eq(check(who, &n), 0);
	ck_assert_uint_eq(n.lines, SBX_MAX_NOTE_SIGS + 1);
	ck_assert_uint_eq(n.known, 1);
	memset(who, 'w', SBX_MAX_NOTE_SIGS);
	who[SBX_MAX_NOTE_SIGS] = '\0';
	ck_assert_int_eq(check(who, &n), 0);
	who[SBX_MAX_NOTE_SIGS] = 'l';
	ck_assert_int_eq(check(who, &n), SBX_E_INPUT);
	ck_assert_str_eq(err.text, "note with too many signatures of known keys");
}
END_TEST

START_TEST(a_note_has_its_size)
{
	struct sbx_buf b = signed_by("l");
	struct sbx_note n;

	/* The name of a key that nobody knows may be that long. */
	sbx_buf_str(&b, DASH);
	while (b.len < SBX_MAX_NOTE - 10)
		sbx_buf_str(&b, "n");
	sbx_buf_str(&b, " AAAAAAAA\n");
	ck_assert_uint_eq(b.len, SBX_MAX_NOTE);
	ck_assert_int_eq(sbx_note_check(b.data, b.len, keys, 2, &n, &err), 0);
	ck_assert_uint_eq(n.count, 1);
	sbx_buf_str(&b, "\n");
	ck_assert_int_eq(
		sbx_note_check(b.data, b.len, keys, 2, &n, &err), SBX_E_INPUT);
	ck_assert_str_eq(err.text, "note longer than 1179648 bytes");
	sbx_buf_free(&b);
}
END_TEST

START_TEST(sixteen_signatures_of_the_largest_post_quantum_scheme_fit)
{
	static const unsigned char sig[ID_AND_SLH_DSA_256F] = { 1 };
	struct sbx_buf b = signed_by("l");
	struct sbx_note n;

	for (int i = 0; i < 16; i++) {
		sbx_buf_fmt(&b, DASH "w%d.example/slh-dsa ", i);
		sbx_b64_write(&b, sig, sizeof(sig));
		sbx_buf_str(&b, "\n");
	}
	ck_assert(!b.over);
	ck_assert_int_eq(sbx_note_check(b.data, b.len, keys, 2, &n, &err), 0);
	ck_assert(n.lines == 17 && n.count == 1);
	sbx_buf_free(&b);
}
END_TEST

/* The log's key twice over: its signature and when this was all there is. */
START_TEST(a_head_is_its_logs_and_every_line_of_its_key_holds)
{
	struct sbx_buf b = signed_by("l");
	struct sbx_buf bare = SBX_BUF(SBX_MAX_NOTE);
	struct sbx_note n;
	int64_t said;
	size_t at;

	ck_assert_int_eq(sbx_note_check_head(b.data, b.len, &keys[0], &n, &said,
				 &err), 0);
	ck_assert_int_eq(said, 0);
	at = b.len;
	sbx_buf_fmt(&bare, "%s\n", body);
	for (int i = 0; i < 2; i++)
		ck_assert_int_eq(sbx_note_sign(i == 0 ? &b : &bare, body,
			strlen(body), keys[0].name, SBX_NOTE_COSIGNATURE, log_key,
			INT64_C(1679315147000000), &err), 0);
	ck_assert_int_eq(sbx_note_check_head(b.data, b.len, &keys[0], &n, &said,
				 &err), 0);
	ck_assert_int_eq(said, INT64_C(1679315147000000));
	ck_assert_int_eq(sbx_note_check_head(bare.data, bare.len, &keys[0], &n,
				 &said, &err), SBX_E_NO);
	b.data[at + strlen(DASH) + strlen(keys[0].name) + 1 + 30] ^= 1;
	ck_assert_int_eq(sbx_note_check_head(b.data, b.len, &keys[0], &n, &said,
				 &err), SBX_E_NO);
	ck_assert_str_eq(err.text, "note with a bad signature of a known key");
	sbx_buf_free(&b);
	sbx_buf_free(&bare);
}
END_TEST

START_TEST(a_note_splits_at_its_last_empty_line)
{
	static const char text[] = "one\n\ntwo\n\n\n";
	struct sbx_buf b = SBX_BUF(1024);
	struct sbx_note n;

	sbx_buf_fmt(&b, "%s\n", text);
	ck_assert_int_eq(sbx_note_sign(&b, text, strlen(text), keys[0].name,
				 SBX_NOTE_ED25519, log_key, 0, &err),
		0);
	ck_assert_int_eq(sbx_note_check(b.data, b.len, keys, 1, &n, &err), 0);
	ck_assert_uint_eq(n.len, strlen(text));
	ck_assert_int_eq(sbx_note_sign(&b, "x", 1, keys[0].name,
				 SBX_NOTE_ED25519, log_key, 0, &err),
		SBX_E_USAGE);
	sbx_buf_free(&b);
}
END_TEST

#define ROOT "CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I="

START_TEST(a_checkpoint_is_read_and_written)
{
	static const char text[] = "example.com/a b\n20852163\n" ROOT "\n";
	struct sbx_buf b = SBX_BUF(1024);
	struct sbx_checkpoint c;

	ck_assert_int_eq(sbx_checkpoint_parse(&c, text, strlen(text), &err), 0);
	ck_assert_str_eq(c.origin, "example.com/a b");
	ck_assert_uint_eq(c.size, 20852163);
	ck_assert_uint_eq(c.root[0], 0x0a);
	sbx_checkpoint_write(&c, &b);
	ck_assert_str_eq(b.data, text);
	sbx_buf_str(&b, "extended\n");
	ck_assert_int_eq(sbx_checkpoint_parse(&c, b.data, b.len, &err), 0);
	sbx_buf_free(&b);
}
END_TEST

/* Else a cosignature would not fit behind it, and half of one be published. */
START_TEST(a_checkpoint_leaves_room_for_who_cosigns_it)
{
	struct sbx_buf b = SBX_BUF(SBX_MAX_NOTE);
	struct sbx_checkpoint c = { .origin = "o", .size = 1 };

	sbx_checkpoint_write(&c, &b);
	while (b.len < SBX_MAX_HEAD - 1)
		sbx_buf_str(&b, "x");
	sbx_buf_str(&b, "\n");
	ck_assert_uint_eq(b.len, SBX_MAX_HEAD);
	ck_assert_int_eq(sbx_checkpoint_parse(&c, b.data, b.len, &err), 0);
	b.data[b.len - 1] = 'x';
	sbx_buf_str(&b, "\n");
	ck_assert_int_eq(sbx_checkpoint_parse(&c, b.data, b.len, &err),
		SBX_E_INPUT);
	sbx_buf_free(&b);
}
END_TEST

static const char *const nocheckpoint[] = { "", "\n", "o\n", "o\n1\n",
	"o\n1\n" ROOT, "\n1\n" ROOT "\n", "o\n\n" ROOT "\n",
	"o\n01\n" ROOT "\n", "o\n-1\n" ROOT "\n", "o\n+1\n" ROOT "\n",
	"o\n 1\n" ROOT "\n", "o\n1 \n" ROOT "\n", "o\n0x1\n" ROOT "\n",
	"o\n576460752303423489\n" ROOT "\n",
	"o\n99999999999999999999999\n" ROOT "\n",
	"o\n18446744073709551617\n" ROOT "\n", "o\n1\n" ROOT "=\n",
	"o\n1\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2J=\n",
	"o\n1\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxqw==\n",
	"o\n1\n" ROOT "\n\n", "o\n1\n" ROOT "\n\nx\n", "o\n1\n" ROOT "\nx" };

START_TEST(an_origin_is_at_most_its_limit)
{
	struct sbx_buf b = SBX_BUF(1024);
	struct sbx_checkpoint c;

	for (int past = 0; past < 2; past++) {
		sbx_buf_clear(&b);
		for (int i = 0; i < SBX_MAX_NAME + past; i++)
			sbx_buf_str(&b, "o");
		sbx_buf_str(&b, "\n1\n" ROOT "\n");
		ck_assert_int_eq(sbx_checkpoint_parse(&c, b.data, b.len, &err),
			past ? SBX_E_INPUT : 0);
	}
	sbx_buf_free(&b);
}
END_TEST

/* What is signed ends in a newline and has a time that can be written. */
START_TEST(what_cannot_be_read_back_is_not_signed)
{
	static const struct {
		const char *text;
		int64_t time;
		bool good;
	} cases[] = { { "a\n", 0, true }, { "a\n", 1000000, true },
		{ "a\n", INT64_C(253402300799) * 1000000, true },
		{ "a\n", INT64_C(253402300800) * 1000000, false },
		{ "a\n", -1000000, false }, { "", 0, false }, { "a", 0, false } };
	unsigned char seed[SBX_SEED_BYTES] = { 5 };
	struct sbx_buf b = SBX_BUF(1024);
	struct sbx_key *key = NULL;

	ck_assert_int_eq(sbx_key_from_seed(seed, &key, &err), 0);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		ck_assert_msg((sbx_note_sign(&b, cases[i].text,
				       strlen(cases[i].text), "n",
				       SBX_NOTE_COSIGNATURE, key, cases[i].time,
				       &err) == 0) == cases[i].good, "%zu", i);
	sbx_key_free(key);
	sbx_buf_free(&b);
}
END_TEST

/* Of both types that there are, and of no third. */
START_TEST(a_verifier_key_reads_back)
{
	unsigned char pub[SBX_PUB_BYTES] = { 7 };
	struct sbx_buf b = SBX_BUF(1024);
	struct sbx_vkey k, again;

	for (int type = 0; type < 256; type++) {
		bool known = type == SBX_NOTE_ED25519 ||
			type == SBX_NOTE_COSIGNATURE;

		/* Only the id tells: it is over the type too. */
		ck_assert_int_eq(sbx_vkey_make(&k, "n",
			known ? (enum sbx_note_type)type : SBX_NOTE_ED25519, pub,
			&err), 0);
		k.type = (enum sbx_note_type)type;
		sbx_buf_clear(&b);
		sbx_vkey_write(&k, &b);
		ck_assert_int_eq(sbx_vkey_parse(&again, b.data, b.len, &err),
			known ? 0 : SBX_E_INPUT);
		if (known)
			ck_assert_int_eq((int)again.type, type);
		else
			ck_assert_ptr_nonnull(strstr(err.text, "unknown type"));
	}
	sbx_buf_free(&b);
}
END_TEST

START_TEST(what_is_no_checkpoint_is_refused)
{
	struct sbx_checkpoint c;

	ck_assert_int_eq(sbx_checkpoint_parse(&c, nocheckpoint[_i],
				 strlen(nocheckpoint[_i]), &err),
		SBX_E_INPUT);
}
END_TEST

#define LOOP(t, fn, list)                                                      \
	tcase_add_loop_test(t, fn, 0, sizeof(list) / sizeof((list)[0]))

int
main(void)
{
	Suite *s = suite_create("note");
	TCase *t = tcase_create("note");

	suite_add_tcase(s, t);
	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, a_note_of_another_implementation_holds);
	tcase_add_test(t, every_changed_byte_of_a_note_is_refused);
	LOOP(t, a_verifier_key_is_read_strictly, badkeys);
	tcase_add_test(t, names_have_no_spaces_and_no_plus);
	tcase_add_test(t, an_origin_is_at_most_its_limit);
	tcase_add_test(t, what_cannot_be_read_back_is_not_signed);
	tcase_add_test(t, a_verifier_key_reads_back);
	tcase_add_test(t, known_signatures_count_and_unknown_ones_are_ignored);
	tcase_add_test(t, one_bad_signature_of_a_known_key_refuses_the_note);
	tcase_add_test(t, a_cosignature_is_over_its_time_and_the_body);
	tcase_add_test(t, types_do_not_stand_in_for_each_other);
	LOOP(t, what_is_no_note_is_refused, malformed);
	tcase_add_test(t, signatures_of_known_keys_are_limited);
	tcase_add_test(t, a_note_has_its_size);
	tcase_add_test(t,
		sixteen_signatures_of_the_largest_post_quantum_scheme_fit);
	tcase_add_test(t,
		a_head_is_its_logs_and_every_line_of_its_key_holds);
	tcase_add_test(t, a_note_splits_at_its_last_empty_line);
	tcase_add_test(t, a_checkpoint_is_read_and_written);
	tcase_add_test(t, a_checkpoint_leaves_room_for_who_cosigns_it);
	LOOP(t, what_is_no_checkpoint_is_refused, nocheckpoint);
	return finish_suite(s);
}
