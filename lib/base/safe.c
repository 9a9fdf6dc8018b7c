/* SPDX-License-Identifier: Apache-2.0 */
/* Text from outside, made visible: nothing in it reaches a terminal as a
 * control byte or as a mark that reorders what is read. */
#include "base/base.h"

/* The code point at text and how many bytes it takes, or 0 when it is not
 * UTF-8 (RFC 3629). */
static size_t
decode(const unsigned char *text, size_t len, uint32_t *point)
{
	static const uint32_t least[] = { 0, 0, 0x80, 0x800, 0x10000 };
	uint32_t c = text[0];
	size_t n;

	if (c < 0x80) {
		*point = c;
		return 1;
	}
	n = c >= 0xf0 && c < 0xf8 ? 4 : c >= 0xe0 ? 3 : c >= 0xc0 ? 2 : 0;
	if (n == 0 || c >= 0xf8 || n > len)
		return 0;
	c &= 0xffu >> (n + 1);
	for (size_t i = 1; i < n; i++) {
		if ((text[i] & 0xc0) != 0x80)
			return 0;
		c = c << 6 | (text[i] & 0x3fu);
	}
	if (c < least[n] || c > 0x10ffff || (c >= 0xd800 && c <= 0xdfff))
		return 0;
	*point = c;
	return n;
}

/* Controls a terminal obeys, and marks that reorder or hide what is read
 * (CVE-2021-42574): bidi, zero width, line separators, tags. */
static bool
hidden(uint32_t c)
{
	static const uint32_t ranges[][2] = {
		{ 0x00, 0x1f },
		{ 0x7f, 0x9f },
		{ 0xad, 0xad },
		{ 0x61c, 0x61c },
		{ 0x180e, 0x180e },
		{ 0x200b, 0x200f },
		{ 0x2028, 0x202e },
		{ 0x2060, 0x206f },
		{ 0xfeff, 0xfeff },
		{ 0xfff9, 0xfffb },
		{ 0xe0000, 0xe007f },
	};

	for (size_t i = 0; i < sizeof(ranges) / sizeof(ranges[0]); i++)
		if (c >= ranges[i][0] && c <= ranges[i][1])
			return true;
	return false;
}

void
sbx_text_safe(struct sbx_buf *out, const char *text, size_t len)
{
	const unsigned char *at = (const unsigned char *)text;
	uint32_t point;
	size_t n;

	for (; len > 0; at += n, len -= n) {
		n = decode(at, len, &point);
		if (n > 0 && !hidden(point)) {
			sbx_buf_add(out, at, n);
			continue;
		}
		n = n > 0 ? n : 1;
		for (size_t i = 0; i < n; i++)
			sbx_buf_fmt(out, "\\x%02x", at[i]);
	}
}
