/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Notes as c2sp.org/signed-note has them.  A note is believed for its
 * signatures only, so its form is judged first and its text never used before.
 */
#include <nettle/sha2.h>
#include <string.h>

#include "base/base.h"
#include "crypto/crypto.h"

#define DASH      "\xe2\x80\x94 " /* em dash, space */
#define ID_BYTES  4
#define COSIGNED  (8 + SBX_SIG_BYTES)
#define MAX_TIME  INT64_C(253402300799) /* the last second of 9999 */

static bool
is_space(uint32_t cp)
{
	return cp == ' ' || cp == 0x85 || cp == 0xa0 || cp == 0x1680 ||
	       (cp >= 0x2000 && cp <= 0x200a) || cp == 0x2028 || cp == 0x2029 ||
	       cp == 0x202f || cp == 0x205f || cp == 0x3000;
}

/* A key that is nobody's here may have a longer one than SBX_MAX_NAME. */
static bool
name_form(const char *name, size_t len)
{
	uint32_t cp = 0;
	size_t at, n;

	for (at = 0; at < len; at += n) {
		n = sbx_utf8_read(name + at, len - at, &cp);
		if (n == 0 || cp < 0x20 || cp == '+' || is_space(cp))
			return false;
	}
	return len > 0;
}

static bool
name_ok(const char *name, size_t len)
{
	return len <= SBX_MAX_NAME && name_form(name, len);
}

int
sbx_vkey_make(struct sbx_vkey *k, const char *name, enum sbx_note_type type,
	const unsigned char pub[static SBX_PUB_BYTES], struct sbx_err *err)
{
	unsigned char mid[2] = { '\n', (unsigned char)type };
	unsigned char hash[SBX_HASH_BYTES];
	struct sha256_ctx st;
	size_t len = strlen(name);

	if (!name_ok(name, len))
		return sbx_err_set(
			err, SBX_E_INPUT, "not a name for a verifier key");
	memset(k, 0, sizeof(*k));
	memcpy(k->name, name, len);
	k->type = type;
	memcpy(k->pub, pub, SBX_PUB_BYTES);
	sha256_init(&st);
	sha256_update(&st, len, (const unsigned char *)name);
	sha256_update(&st, sizeof(mid), mid);
	sha256_update(&st, SBX_PUB_BYTES, pub);
	sha256_digest(&st, sizeof(hash), hash);
	memcpy(k->id, hash, ID_BYTES);
	return 0;
}

int
sbx_vkey_parse(
	struct sbx_vkey *k, const char *text, size_t len, struct sbx_err *err)
{
	unsigned char bin[1 + SBX_PUB_BYTES], id[ID_BYTES];
	struct sbx_buf b = SBX_BUF(sizeof(bin));
	const char *plus = memchr(text, '+', len);
	char name[SBX_MAX_NAME + 1] = "";
	size_t n = plus != NULL ? (size_t)(plus - text) : 0;
	size_t head = n + 1 + 2 * ID_BYTES + 1;
	bool ok;
	int r;

	ok = plus != NULL && len > head && name_ok(text, n) &&
	     text[head - 1] == '+' &&
	     sbx_hex_parse(id, ID_BYTES, plus + 1, 2 * ID_BYTES) &&
	     sbx_b64_parse(&b, text + head, len - head) && b.len == sizeof(bin);
	if (ok)
		memcpy(bin, b.data, sizeof(bin));
	sbx_buf_free(&b);
	if (!ok)
		return sbx_err_set(err, SBX_E_INPUT,
			"not an Ed25519 verifier key NAME+ID+BASE64");
	if (bin[0] != SBX_NOTE_ED25519 && bin[0] != SBX_NOTE_COSIGNATURE)
		return sbx_err_set(err, SBX_E_INPUT,
			"verifier key of an unknown type %u", bin[0]);
	memcpy(name, text, n);
	if ((r = sbx_vkey_make(k, name, bin[0], bin + 1, err)) == 0 &&
		memcmp(id, k->id, ID_BYTES) != 0)
		r = sbx_err_set(err, SBX_E_INPUT,
			"verifier key whose id is not its own");
	return r;
}

void
sbx_vkey_write(const struct sbx_vkey *k, struct sbx_buf *out)
{
	unsigned char bin[1 + SBX_PUB_BYTES] = { (unsigned char)k->type };

	memcpy(bin + 1, k->pub, SBX_PUB_BYTES);
	sbx_buf_fmt(out, "%s+", k->name);
	sbx_buf_hex(out, k->id, ID_BYTES);
	sbx_buf_str(out, "+");
	sbx_b64_write(out, bin, sizeof(bin));
}

/* What a key of this type signs. */
static void
message(struct sbx_buf *m, enum sbx_note_type type, int64_t seconds,
	const char *text, size_t len)
{
	if (type == SBX_NOTE_COSIGNATURE)
		sbx_buf_fmt(
			m, "cosignature/v1\ntime %lld\n", (long long)seconds);
	sbx_buf_add(m, text, len);
}

int
sbx_note_sign(struct sbx_buf *sigs, const char *text, size_t len,
	const char *name, enum sbx_note_type type, const struct sbx_key *key,
	int64_t time, struct sbx_err *err)
{
	unsigned char line[ID_BYTES + COSIGNED], *p = line;
	struct sbx_buf m = SBX_BUF(SBX_MAX_NOTE);
	struct sbx_vkey k;
	int i, r;

	time /= SBX_SECOND;
	if (time < 0 || time > MAX_TIME || len == 0 || text[len - 1] != '\n')
		return sbx_err_set(err, SBX_E_USAGE,
			"a note's text ends in a newline, its time in 9999");
	if ((r = sbx_vkey_make(&k, name, type, sbx_key_pub(key), err)) != 0)
		return r;
	memcpy(p, k.id, ID_BYTES);
	p += ID_BYTES;
	if (type == SBX_NOTE_COSIGNATURE)
		for (i = 56; i >= 0; i -= 8)
			*p++ = (unsigned char)((uint64_t)time >> i);
	message(&m, type, time, text, len);
	r = m.over ? sbx_err_set(err, SBX_E_USAGE, "a note too long to sign")
		   : sbx_key_sign(key, m.data, m.len, p, err);
	sbx_buf_free(&m);
	if (r != 0)
		return r;
	sbx_buf_fmt(sigs, DASH "%s ", name);
	sbx_b64_write(sigs, line, (size_t)(p + SBX_SIG_BYTES - line));
	sbx_buf_str(sigs, "\n");
	return 0;
}

/* The known key of name and id; its place, or nkeys. */
static size_t
known(const struct sbx_vkey *keys, size_t nkeys, const char *name, size_t len,
	const char *id)
{
	size_t i;

	for (i = 0; i < nkeys; i++)
		if (strlen(keys[i].name) == len &&
			memcmp(keys[i].name, name, len) == 0 &&
			memcmp(keys[i].id, id, ID_BYTES) == 0)
			break;
	return i;
}

/* sig without its key id: *time is when it was made, in seconds. */
static bool
verify(const struct sbx_note *n, const struct sbx_vkey *k,
	const unsigned char *sig, size_t len, int64_t *time)
{
	struct sbx_buf m = SBX_BUF(SBX_MAX_NOTE + 64);
	uint64_t t = 0;
	size_t i;
	bool ok;

	if (k->type == SBX_NOTE_COSIGNATURE) {
		if (len != COSIGNED)
			return false;
		for (i = 0; i < 8; i++)
			t = t << 8 | sig[i];
		sig += 8;
	} else if (len != SBX_SIG_BYTES) {
		return false;
	}
	if (t > (uint64_t)MAX_TIME)
		return false;
	*time = (int64_t)t;
	message(&m, k->type, *time, n->text, n->len);
	ok = !m.over && sbx_key_verify(k->pub, m.data, m.len, sig);
	sbx_buf_free(&m);
	return ok;
}

/* Each key counts once, however often it signed. */
static void
count(struct sbx_note *n, size_t key, int64_t time)
{
	size_t i;

	for (i = 0; i < n->count && n->sig[i].key != key; i++)
		;
	if (i == n->count) {
		n->count++;
		n->sig[i].key = key;
		n->sig[i].time = time * SBX_SECOND;
	} else if (n->sig[i].time < time * SBX_SECOND) {
		n->sig[i].time = time * SBX_SECOND;
	}
}

static int
sig_line(struct sbx_note *n, const char *line, size_t len,
	const struct sbx_vkey *keys, size_t nkeys, struct sbx_err *err)
{
	struct sbx_buf b = SBX_BUF(len);
	const char *name = line + strlen(DASH), *space;
	size_t namelen, i;
	int64_t time = 0;
	int r = 0;

	space = len > strlen(DASH) && memcmp(line, DASH, strlen(DASH)) == 0
			? memchr(name, ' ', len - strlen(DASH))
			: NULL;
	namelen = space != NULL ? (size_t)(space - name) : 0;
	if (!name_form(name, namelen) ||
		!sbx_b64_parse(
			&b, space + 1, len - strlen(DASH) - namelen - 1) ||
		b.len <= ID_BYTES) {
		r = sbx_err_set(err, SBX_E_INPUT,
			"note with a malformed signature line");
		goto out;
	}
	i = known(keys, nkeys, name, namelen, b.data);
	if (i == nkeys)
		goto out;
	if (++n->known > SBX_MAX_NOTE_SIGS)
		r = sbx_err_set(err, SBX_E_INPUT,
			"note with too many signatures of known keys");
	else if (!verify(n, &keys[i], (const unsigned char *)b.data + ID_BYTES,
		    b.len - ID_BYTES, &time))
		r = sbx_err_set(err, SBX_E_NO,
			"note with a bad signature of a known key");
	else
		count(n, i, time);
out:
	sbx_buf_free(&b);
	return r;
}

static bool
plain(const char *note, size_t len)
{
	uint32_t cp = 0;
	size_t at, n;

	for (at = 0; at < len; at += n) {
		n = sbx_utf8_read(note + at, len - at, &cp);
		if (n == 0 || (cp < 0x20 && cp != '\n'))
			return false;
	}
	return true;
}

int
sbx_note_check(const char *note, size_t len, const struct sbx_vkey *keys,
	size_t nkeys, struct sbx_note *n, struct sbx_err *err)
{
	const char *line, *nl, *end = note + len;
	int r;

	memset(n, 0, sizeof(*n));
	if (nkeys > SBX_MAX_NOTE_SIGS)
		return sbx_err_set(err, SBX_E_USAGE, "too many keys");
	if (len > SBX_MAX_NOTE)
		return sbx_err_set(err, SBX_E_INPUT,
			"note longer than %d bytes", SBX_MAX_NOTE);
	/* the last empty line: a text may hold some of its own */
	for (line = end; line - note >= 2; line--)
		if (line[-1] == '\n' && line[-2] == '\n')
			break;
	if (line - note < 2 || end[-1] != '\n' || !plain(note, len))
		return sbx_err_set(err, SBX_E_INPUT, "not a signed note");
	n->text = note;
	n->len = (size_t)(line - 1 - note);
	for (; line < end; line = nl + 1) {
		nl = memchr(line, '\n', (size_t)(end - line));
		n->lines++;
		if ((r = sig_line(n, line, (size_t)(nl - line), keys, nkeys,
			     err)) != 0)
			return r;
	}
	if (n->lines == 0)
		return sbx_err_set(err, SBX_E_INPUT, "not a signed note");
	if (n->count == 0)
		return sbx_err_set(
			err, SBX_E_NO, "note that no known key has signed");
	return 0;
}

/* Whether a line is a signature by key, as its name and id say. */
static bool
is_by(const char *line, size_t len, const struct sbx_vkey *key)
{
	size_t name = strlen(key->name), at = strlen(DASH) + name + 1;
	struct sbx_buf b = SBX_BUF(len);
	bool yes;

	yes = len > at && memcmp(line, DASH, strlen(DASH)) == 0 &&
	      memcmp(line + strlen(DASH), key->name, name) == 0 &&
	      line[at - 1] == ' ' && sbx_b64_parse(&b, line + at, len - at) &&
	      b.len > ID_BYTES && memcmp(b.data, key->id, ID_BYTES) == 0;
	sbx_buf_free(&b);
	return yes;
}

bool
sbx_note_line(struct sbx_buf *out, const char *note, const struct sbx_vkey *key)
{
	const char *line = note, *nl;

	/* Behind the last empty line: what is signed may look like one. */
	while ((nl = strstr(line, "\n\n")) != NULL)
		line = nl + 1;
	for (line++; (nl = strchr(line, '\n')) != NULL; line = nl + 1)
		if (is_by(line, (size_t)(nl - line), key)) {
			sbx_buf_add(out, line, (size_t)(nl + 1 - line));
			return true;
		}
	return false;
}

void
sbx_note_only(
	struct sbx_buf *out, const struct sbx_note *n, const struct sbx_vkey *key)
{
	sbx_buf_add(out, n->text, n->len);
	sbx_buf_str(out, "\n");
	sbx_note_line(out, n->text, key);
}

int
sbx_checkpoint_parse(struct sbx_checkpoint *c, const char *text, size_t len,
	struct sbx_err *err)
{
	const char *line[3], *nl[3], *at = text, *end = text + len;
	struct sbx_buf b = SBX_BUF(SBX_HASH_BYTES);
	size_t i, n;
	/* What is signed leaves room for who else signs it. */
	bool ok = len > 0 && len <= SBX_MAX_HEAD && end[-1] == '\n' &&
		  text[0] != '\n' &&
		  memmem(text, len, "\n\n", 2) == NULL;

	memset(c, 0, sizeof(*c));
	for (i = 0; i < 3 && ok; i++) {
		line[i] = at;
		nl[i] = memchr(at, '\n', (size_t)(end - at));
		ok = nl[i] != NULL;
		at = ok ? nl[i] + 1 : end;
	}
	n = ok ? (size_t)(nl[0] - line[0]) : 0;
	ok = ok && n <= SBX_MAX_NAME && memchr(line[0], '\0', n) == NULL &&
	     sbx_tree_number(&c->size, line[1], (size_t)(nl[1] - line[1])) &&
	     sbx_b64_parse(&b, line[2], (size_t)(nl[2] - line[2])) &&
	     b.len == SBX_HASH_BYTES;
	if (ok) {
		memcpy(c->origin, line[0], n);
		memcpy(c->root, b.data, SBX_HASH_BYTES);
	}
	sbx_buf_free(&b);
	return ok ? 0 : sbx_err_set(err, SBX_E_INPUT, "not a checkpoint");
}

void
sbx_checkpoint_write(const struct sbx_checkpoint *c, struct sbx_buf *out)
{
	sbx_buf_fmt(out, "%s\n%ju\n", c->origin, (uintmax_t)c->size);
	sbx_b64_write(out, c->root, SBX_HASH_BYTES);
	sbx_buf_str(out, "\n");
}

int
sbx_note_check_head(const char *note, size_t len, const struct sbx_vkey *log,
	struct sbx_note *n, int64_t *said, struct sbx_err *err)
{
	struct sbx_vkey keys[2] = { *log };
	bool signed_by = false;
	int r;

	*said = 0;
	if ((r = sbx_vkey_make(&keys[1], log->name, SBX_NOTE_COSIGNATURE,
		     log->pub, err)) != 0 ||
		(r = sbx_note_check(note, len, keys, 2, n, err)) != 0)
		return r;
	for (size_t i = 0; i < n->count; i++) {
		signed_by = signed_by || n->sig[i].key == 0;
		if (n->sig[i].key == 1)
			*said = n->sig[i].time;
	}
	return signed_by ? SBX_OK : sbx_err_set(err, SBX_E_NO,
		"note that its log's key has not signed");
}
