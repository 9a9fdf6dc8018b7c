/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "base/base.h"
#include "crypto/crypto.h"

#define FIRST     "c2sp.org/tlog-proof@v1\n"
#define MAX_LINES 4096 /* bytes of all but the note and the extra line's data */
#define MAX_EXTRA ((SBX_MAX_EXTRA + 2) / 3 * 4) /* in base64 */

static void
hashes(struct sbx_buf *out, const struct sbx_proof *proof,
	const char *checkpoint, size_t len)
{
	for (size_t i = 0; i < proof->count; i++) {
		sbx_b64_write(out, proof->hash[i], SBX_HASH_BYTES);
		sbx_buf_str(out, "\n");
	}
	sbx_buf_str(out, "\n");
	sbx_buf_add(out, checkpoint, len);
}

void
sbx_proof_write(struct sbx_buf *out, uint64_t index,
	const struct sbx_proof *proof, const void *extra, size_t extralen,
	const char *checkpoint, size_t len)
{
	sbx_buf_str(out, FIRST);
	if (extra != NULL) {
		sbx_buf_str(out, "extra ");
		sbx_b64_write(out, extra, extralen);
		sbx_buf_str(out, "\n");
	}
	sbx_buf_fmt(out, "index %ju\n", (uintmax_t)index);
	hashes(out, proof, checkpoint, len);
}

void
sbx_proof_write_from(struct sbx_buf *out, uint64_t from,
	const struct sbx_proof *proof, const char *checkpoint, size_t len)
{
	sbx_buf_fmt(out, "old %ju\n", (uintmax_t)from);
	hashes(out, proof, checkpoint, len);
}

/* A line: true, and text is behind it. */
static bool
line(const char **text, const char *end, const char **start, size_t *len)
{
	const char *nl = memchr(*text, '\n', (size_t)(end - *text));

	if (nl == NULL)
		return false;
	*start = *text;
	*len = (size_t)(nl - *text);
	*text = nl + 1;
	return true;
}

static bool
begins(const char **l, size_t *len, const char *word)
{
	size_t n = strlen(word);

	if (*len < n || memcmp(*l, word, n) != 0)
		return false;
	*l += n;
	*len -= n;
	return true;
}

static bool
hash_line(struct sbx_proof *proof, const char *l, size_t len)
{
	struct sbx_buf b = SBX_BUF(SBX_HASH_BYTES);
	bool ok = proof->count < SBX_MAX_PROOF && sbx_b64_parse(&b, l, len) &&
		  b.len == SBX_HASH_BYTES;

	if (ok)
		memcpy(proof->hash[proof->count++], b.data, SBX_HASH_BYTES);
	sbx_buf_free(&b);
	return ok;
}

/* Up to the empty line, behind which there is something. */
static bool
hash_lines(struct sbx_proof *proof, const char **text, const char *end)
{
	const char *l;
	size_t n;

	while (line(text, end, &l, &n)) {
		if (n == 0)
			return *text < end;
		if (!hash_line(proof, l, n))
			return false;
	}
	return false;
}

static bool
extra_line(struct sbx_buf *extra, const char *l, size_t len)
{
	struct sbx_buf none = SBX_BUF(SBX_MAX_EXTRA);
	bool ok = sbx_b64_parse(extra != NULL ? extra : &none, l, len);

	sbx_buf_free(&none);
	return ok;
}

int
sbx_proof_parse(const char *text, size_t len, uint64_t *index,
	struct sbx_proof *proof, struct sbx_buf *extra, const char **checkpoint,
	size_t *cplen, struct sbx_err *err)
{
	const char *end = text + len, *l = NULL;
	size_t n = 0;
	bool ok;

	proof->count = 0;
	ok = len <= SBX_MAX_NOTE + MAX_EXTRA + MAX_LINES &&
	     begins(&text, &len, FIRST) && line(&text, end, &l, &n);
	if (ok && begins(&l, &n, "extra "))
		ok = extra_line(extra, l, n) && line(&text, end, &l, &n);
	ok = ok && begins(&l, &n, "index ") && sbx_tree_number(index, l, n);
	ok = ok && hash_lines(proof, &text, end);
	if (!ok)
		return sbx_err_set(err, SBX_E_INPUT, "not a tlog-proof");
	*checkpoint = text;
	*cplen = (size_t)(end - text);
	return 0;
}

int
sbx_proof_parse_from(const char *text, size_t len, uint64_t *from,
	struct sbx_proof *proof, const char **checkpoint, size_t *cplen,
	struct sbx_err *err)
{
	const char *end = text + len, *l = NULL;
	size_t n = 0;

	proof->count = 0;
	if (len > SBX_MAX_NOTE + MAX_LINES || !line(&text, end, &l, &n) ||
		!begins(&l, &n, "old ") || !sbx_tree_number(from, l, n) ||
		!hash_lines(proof, &text, end))
		return sbx_err_set(err, SBX_E_INPUT,
			"not a proof that a log goes on");
	*checkpoint = text;
	*cplen = (size_t)(end - text);
	return 0;
}
