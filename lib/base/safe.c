/* SPDX-License-Identifier: Apache-2.0 */
/* Text from outside, made visible: nothing in it reaches a terminal as a
 * control byte or as a mark that reorders what is read. */
#include "base/base.h"

size_t
sbx_utf8_read(const char *text, size_t len, uint32_t *cp)
{
	static const uint32_t least[] = { 0, 0, 0x80, 0x800, 0x10000 };
	const unsigned char *s = (const unsigned char *)text;
	size_t i, n;

	if (len == 0)
		return 0;
	if (s[0] < 0x80) {
		*cp = s[0];
		return 1;
	}
	n = s[0] >= 0xf0 ? 4 : s[0] >= 0xe0 ? 3 : s[0] >= 0xc0 ? 2 : 0;
	if (n == 0 || s[0] > 0xf4 || len < n)
		return 0;
	*cp = s[0] & (0x7fU >> n);
	for (i = 1; i < n; i++) {
		if ((s[i] & 0xc0) != 0x80)
			return 0;
		*cp = *cp << 6 | (s[i] & 0x3f);
	}
	if (*cp < least[n] || *cp > 0x10ffff ||
		(*cp >= 0xd800 && *cp <= 0xdfff))
		return 0;
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
	uint32_t point;
	size_t n;

	for (; len > 0; text += n, len -= n) {
		n = sbx_utf8_read(text, len, &point);
		if (n > 0 && !hidden(point)) {
			sbx_buf_add(out, text, n);
			continue;
		}
		n = n > 0 ? n : 1;
		for (size_t i = 0; i < n; i++)
			sbx_buf_fmt(out, "\\x%02x", (unsigned char)text[i]);
	}
}

void
sbx_text_html(struct sbx_buf *out, const char *text)
{
	static const struct {
		char c;
		const char *as;
	} special[] = { { '&', "&amp;" }, { '<', "&lt;" }, { '>', "&gt;" },
		{ '"', "&quot;" }, { '\'', "&#39;" } };
	struct sbx_buf safe = SBX_BUF(65536);
	const char *as;

	if (text != NULL)
		sbx_text_safe(&safe, text, strlen(text));
	for (size_t i = 0; i < safe.len; i++) {
		as = NULL;
		for (size_t k = 0; k < sizeof(special) / sizeof(special[0]); k++)
			if (safe.data[i] == special[k].c)
				as = special[k].as;
		if (as != NULL)
			sbx_buf_str(out, as);
		else
			sbx_buf_add(out, &safe.data[i], 1);
	}
	sbx_buf_free(&safe);
}
