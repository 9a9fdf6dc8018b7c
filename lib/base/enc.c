/* SPDX-License-Identifier: Apache-2.0 */
/* Base64 by libsodium, which refuses white space and stray bits.  Hexadecimal
 * by ourselves: every entry has hundreds of digits, and libsodium would take
 * upper-case ones. */
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "base/base.h"

/* So many bytes at once, in a processor's wide registers: neither branch nor
 * table, since it may be a key's. */
#define WIDTH 16
typedef uint8_t vec __attribute__((vector_size(WIDTH)));
#define EVEN 0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30
#define ODD  1, 3, 5, 7, 9, 11, 13, 15, 17, 19, 21, 23, 25, 27, 29, 31
#define LOW  0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23
#define HIGH 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31

/* The digits' values.  Adds to *bad what is none. */
static vec
values(const char *text, vec *bad)
{
	vec number, letter, is_number, is_letter;

	memcpy(&number, text, WIDTH);
	letter = number - 'a';
	number -= '0';
	is_number = (vec)(number < 10);
	is_letter = (vec)(letter < 6);
	*bad |= ~(is_number | is_letter);
	return (number & is_number) | ((letter + 10) & is_letter);
}

static void
join(unsigned char out[static WIDTH], const char text[static 2 * WIDTH],
	vec *bad)
{
	vec a = values(text, bad), b = values(text + WIDTH, bad);
	vec bytes = __builtin_shufflevector(a, b, EVEN) << 4 |
		__builtin_shufflevector(a, b, ODD);

	memcpy(out, &bytes, WIDTH);
}

bool
sbx_hex_parse(unsigned char *out, size_t len, const char *text, size_t textlen)
{
	unsigned char last[WIDTH];
	char pad[2 * WIDTH];
	vec bad = { 0 }, none = { 0 };
	size_t at;

	if (textlen != 2 * len)
		return false;
	for (at = 0; len - at >= WIDTH; at += WIDTH)
		join(out + at, text + 2 * at, &bad);
	if (at < len) {
		memset(pad, '0', sizeof(pad));
		memcpy(pad, text + 2 * at, 2 * (len - at));
		join(last, pad, &bad);
		memcpy(out + at, last, len - at);
		explicit_bzero(last, sizeof(last));
		explicit_bzero(pad, sizeof(pad));
	}
	return memcmp(&bad, &none, WIDTH) == 0;
}

static vec
digits(vec value)
{
	return value + '0' + ((vec)(value > 9) & ('a' - '0' - 10));
}

static void
split(char text[static 2 * WIDTH], const unsigned char data[static WIDTH])
{
	vec bytes, a, b, two[2];

	memcpy(&bytes, data, WIDTH);
	a = digits(bytes >> 4);
	b = digits(bytes & 15);
	two[0] = __builtin_shufflevector(a, b, LOW);
	two[1] = __builtin_shufflevector(a, b, HIGH);
	memcpy(text, two, sizeof(two));
}

void
sbx_hex_write(char *out, const unsigned char *data, size_t len)
{
	unsigned char last[WIDTH] = { 0 };
	char text[2 * WIDTH];
	size_t at;

	for (at = 0; len - at >= WIDTH; at += WIDTH)
		split(out + 2 * at, data + at);
	if (at < len) {
		memcpy(last, data + at, len - at);
		split(text, last);
		memcpy(out + 2 * at, text, 2 * (len - at));
		explicit_bzero(last, sizeof(last));
		explicit_bzero(text, sizeof(text));
	}
	out[2 * len] = '\0';
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
