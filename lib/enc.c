/* SPDX-License-Identifier: Apache-2.0 */
/* Base64 by libsodium, which refuses white space and stray bits.  Hexadecimal
 * by ourselves: every entry has hundreds of digits, and libsodium would take
 * upper-case ones. */
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "sbx.h"

#define AT_ONCE 16 /* bytes: the compiler takes a fixed number at once */

/* The value of a hex digit, past 15 for what is none.  Neither branch nor
 * table: it may be a key's. */
static uint8_t
digit(uint8_t c)
{
	uint8_t number = (uint8_t)(c - '0');
	uint8_t letter = (uint8_t)(c - 'a');
	uint8_t is_number = number < 10 ? 0xff : 0;
	uint8_t is_letter = letter < 6 ? 0xff : 0;

	return (uint8_t)((number & is_number) |
		((uint8_t)(letter + 10) & is_letter) |
		(16 & ~(is_number | is_letter)));
}

bool
sbx_hex_parse(unsigned char *out, size_t len, const char *text, size_t textlen)
{
	uint8_t value[2 * AT_ONCE], bad = 0;
	size_t n;

	if (textlen != 2 * len)
		return false;
	for (size_t at = 0; at < len; at += n) {
		n = len - at < AT_ONCE ? len - at : AT_ONCE;
		memset(value, '0', sizeof(value));
		memcpy(value, text + 2 * at, 2 * n);
		for (size_t i = 0; i < 2 * AT_ONCE; i++)
			bad |= value[i] = digit(value[i]);
		for (size_t i = 0; i < n; i++)
			out[at + i] = (uint8_t)(value[2 * i] << 4 |
				(value[2 * i + 1] & 15));
	}
	explicit_bzero(value, sizeof(value));
	return bad < 16;
}

static uint8_t
letter(uint8_t value)
{
	return (uint8_t)(value + '0' + (value > 9 ? 'a' - '0' - 10 : 0));
}

void
sbx_hex_write(char *out, const unsigned char *data, size_t len)
{
	uint8_t pair[2][AT_ONCE] = { 0 };
	size_t n;

	for (size_t at = 0; at < len; at += n) {
		n = len - at < AT_ONCE ? len - at : AT_ONCE;
		memcpy(pair[0], data + at, n);
		for (size_t i = 0; i < AT_ONCE; i++) {
			pair[1][i] = letter(pair[0][i] & 15);
			pair[0][i] = letter(pair[0][i] >> 4);
		}
		for (size_t i = 0; i < n; i++) {
			out[2 * (at + i)] = (char)pair[0][i];
			out[2 * (at + i) + 1] = (char)pair[1][i];
		}
	}
	out[2 * len] = '\0';
	explicit_bzero(pair, sizeof(pair));
}

/* libsodium 1.0.18 takes some bytes from 0x80 on for letters, so that one key
 * or signature would have several spellings. */
static bool
ascii(const char *text, size_t len)
{
	unsigned char any = 0;

	for (size_t i = 0; i < len; i++)
		any |= (unsigned char)text[i];
	return any < 0x80;
}

bool
sbx_wgkey_parse(unsigned char out[static 32], const char *text, size_t textlen)
{
	size_t n;

	return textlen == SBX_WGKEY_SIZE - 1 && ascii(text, textlen) &&
	       sodium_base642bin(out, 32, text, textlen, NULL, &n, NULL,
		       sodium_base64_VARIANT_ORIGINAL) == 0 &&
	       n == 32;
}

void
sbx_wgkey_write(
	char out[static SBX_WGKEY_SIZE], const unsigned char key[static 32])
{
	sodium_bin2base64(
		out, SBX_WGKEY_SIZE, key, 32, sodium_base64_VARIANT_ORIGINAL);
}

static bool
b64_parse(struct sbx_buf *out, const char *text, size_t textlen, int variant)
{
	unsigned char *bin = sbx_mem_alloc(textlen, 1);
	size_t n = 0;
	bool ok;

	ok = ascii(text, textlen) && sodium_base642bin(bin, textlen, text, textlen, NULL, &n, NULL,
		     variant) == 0;
	if (ok)
		sbx_buf_add(out, bin, n);
	sodium_memzero(bin, textlen);
	free(bin);
	return ok && !out->over;
}

static void
b64_write(struct sbx_buf *out, const void *data, size_t len, int variant)
{
	size_t size = sodium_base64_encoded_len(len, variant);
	char *text = sbx_mem_alloc(size, 1);

	sodium_bin2base64(text, size, data, len, variant);
	sbx_buf_str(out, text);
	sodium_memzero(text, size);
	free(text);
}

bool
sbx_b64_parse(struct sbx_buf *out, const char *text, size_t textlen)
{
	return b64_parse(out, text, textlen, sodium_base64_VARIANT_ORIGINAL);
}

void
sbx_b64_write(struct sbx_buf *out, const void *data, size_t len)
{
	b64_write(out, data, len, sodium_base64_VARIANT_ORIGINAL);
}

bool
sbx_b64url_parse(struct sbx_buf *out, const char *text, size_t textlen)
{
	return b64_parse(
		out, text, textlen, sodium_base64_VARIANT_URLSAFE_NO_PADDING);
}

void
sbx_b64url_write(struct sbx_buf *out, const void *data, size_t len)
{
	b64_write(out, data, len, sodium_base64_VARIANT_URLSAFE_NO_PADDING);
}

bool
sbx_num_parse(int64_t *value, const char *text, int64_t min, int64_t max)
{
	const char *digits = text + (text[0] == '-');
	size_t len = strlen(digits);
	int64_t v;

	/* 18 digits always fit; one spelling for each number. */
	if (len == 0 || len > 18 || strspn(digits, "0123456789") != len ||
		(digits[0] == '0' && (len > 1 || digits != text)))
		return false;
	v = strtoll(text, NULL, 10);
	if (v < min || v > max)
		return false;
	*value = v;
	return true;
}
