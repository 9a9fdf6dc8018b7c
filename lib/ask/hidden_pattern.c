/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is hidden, as a table.  Of two that begin at the same byte the upper row
 * wins; else the one that begins first.  Each row is bounded, or begins only
 * where no longer run of its bytes does, so that no text takes more than linear
 * time.
 */
#include <arpa/inet.h>
#include <ctype.h>
#include <math.h>
#include <string.h>

#include "ask/hidden.h"

static size_t
count_of(const char *text, size_t len, char c)
{
	size_t n = 0;

	for (size_t i = 0; i < len; i++)
		n += text[i] == c;
	return n;
}

/* RFC 4291, or so many groups that it is an address of another kind.  A last
 * colon ends a sentence. */
static bool
check_ip6(const char *value, size_t *len)
{
	unsigned char addr[16];
	char text[64];

	if (*len > 2 && value[*len - 1] == ':' && value[*len - 2] != ':')
		--*len;
	if (*len < 3)
		return false; /* "::" is everybody's */
	if (count_of(value, *len, ':') >= 5)
		return true;
	if (*len >= sizeof(text))
		return false;
	memcpy(text, value, *len);
	text[*len] = '\0';
	return inet_pton(AF_INET6, text, addr) == 1;
}

/* Bits in a byte, after Shannon, over the whole of it. */
static double
entropy(const char *text, size_t len)
{
	size_t seen[256] = { 0 };
	double bits = 0;

	for (size_t i = 0; i < len; i++)
		seen[(unsigned char)text[i]]++;
	for (size_t i = 0; i < 256; i++)
		if (seen[i] > 0) {
			double p = (double)seen[i] / (double)len;

			bits -= p * log2(p);
		}
	return bits;
}

/* Words have few digits and one case; a path has neither. */
static bool
check_token(const char *value, size_t *len)
{
	size_t digits = 0, upper = 0, lower = 0, turns = 0;

	if (*len > 4096)
		return true;
	for (size_t i = 0; i < *len; i++) {
		digits += isdigit((unsigned char)value[i]) != 0;
		upper += isupper((unsigned char)value[i]) != 0;
		lower += islower((unsigned char)value[i]) != 0;
		turns += i > 0 && !isdigit((unsigned char)value[i]) !=
			!isdigit((unsigned char)value[i - 1]);
	}
	if (upper > 0 && lower > 0 && digits > 1 && turns > 2)
		return entropy(value, *len) >= 3.5;
	/* One case and digits all over: base32, a serial number. */
	return digits > 3 && turns > 5 && upper + lower > 7 &&
		count_of(value, *len, '-') + count_of(value, *len, '_') < 2 &&
		entropy(value, *len) >= 3.5;
}

#define B64 "A-Za-z0-9+/"
#define HEX "0-9A-Fa-f"

const struct hidden_pattern sbx_hidden_patterns[] = {
	{ SBX_HIDDEN_TEXT, "(<(?:text|pem|secret|key|did|email|mac|ip6|ip4|name|"
		"user|id|token):[0-9]{1,9}>)", NULL },
	{ SBX_HIDDEN_PEM, "(-----BEGIN\\ [A-Z0-9\\ ]{0,40}PRIVATE\\ KEY(?:\\ BLOCK)?-----"
		"(?:[\\s\\S]{0,16384}?-----END\\ [A-Z0-9\\ ]{0,40}KEY(?:\\ BLOCK)?-----"
		"|[\\s\\S]{0,16384}))", NULL },
	{ SBX_HIDDEN_SECRET, "(?<![\\w-])(eyJ[\\w-]{8,}+\\.[\\w-]{4,}+(?:\\.[\\w-]{0,}+)?)",
		NULL }, /* RFC 7519 */
	{ SBX_HIDDEN_SECRET, "(?<![\\w])[a-z][a-z0-9+.-]{1,19}://"
		"([^\\s/@:\"']{0,64}:[^\\s/@\"']{1,256})(?=@)", NULL },
	{ SBX_HIDDEN_SECRET, "(?i:authorization)[\"']?[:=][\\ \\t]{0,3}[\"']?"
		"(?i:bearer|basic|digest|token)[\\ \\t]{1,3}([^\\s\"',]{1,4096})", NULL },
	{ SBX_HIDDEN_SECRET, "(?<![\\w-])(?i:(?:set-)?cookie):[\\ \\t]{0,3}"
		"([^\\r\\n\"]{1,4096})", NULL },
	{ SBX_HIDDEN_SECRET, "(?<![A-Za-z])(?i:password|passwd|passphrase|pwd|secret|"
		"token|api[_-]?key|access[_-]?key|auth[_-]?key|private[_-]?key|"
		"preshared[_-]?key|psk|credentials?)\\\\?[\"']?[\\ \\t]{0,3}[=:]{1,2}"
		"[\\ \\t]{0,3}\\\\?[\"']([^\"'\\\\\\r\\n<>]{1,512})(?=\\\\?[\"'])", NULL },
	{ SBX_HIDDEN_SECRET, "(?<![A-Za-z])(?i:password|passwd|passphrase|pwd|secret|"
		"token|api[_-]?key|access[_-]?key|auth[_-]?key|private[_-]?key|"
		"preshared[_-]?key|psk|credentials?)[\"']?[\\ \\t]{0,3}[=:][\\ \\t]{0,3}"
		"([^\\s\"'&;,<>]{1,512})", NULL },
	{ SBX_HIDDEN_KEY, "(?<![A-Za-z0-9])((?:sk-(?:ant-|proj-)?|gh[pousr]_|"
		"github_pat_|glpat-|xox[abeprs]-|AKIA|ASIA|AIza|hf_|npm_|pypi-)"
		"[A-Za-z0-9_-]{10,})", NULL },
	{ SBX_HIDDEN_KEY, "(?:ssh-(?:rsa|dss|ed25519)|ecdsa-[a-z0-9-]{1,40})[\\ \\t]"
		"([" B64 "]{40,}+={0,2})", NULL },
	{ SBX_HIDDEN_KEY, "(?<![A-Za-z0-9])SHA256:([" B64 "]{43}=?)(?![" B64 "])", NULL },
	{ SBX_HIDDEN_KEY, "(?<![" B64 "=])([" B64 "]{42}[AEIMQUYcgkosw048]=)(?![" B64 "=])",
		NULL }, /* 32 bytes in base64: WireGuard's */
	{ SBX_HIDDEN_DID, "(?<![\\w:])(did:[a-z0-9]{1,16}:"
		"[\\w.%:-]{0,255}[\\w-])", NULL }, /* W3C DID core, 3.1 */
	{ SBX_HIDDEN_EMAIL, "(?<![\\w.%+'\\x80-\\xff-])([\\w.%+'\\x80-\\xff-]{1,256}+@"
		"(?:[A-Za-z0-9\\x80-\\xff-]{1,63}\\.){1,8}[A-Za-z\\x80-\\xff-]{2,24})"
		"(?![A-Za-z0-9])", NULL }, /* RFC 5321; a longer local part has no mail */
	{ SBX_HIDDEN_MAC, "(?<![" HEX ":.-])((?:[" HEX "]{2}:){5,31}[" HEX "]{2}|"
		"(?:[" HEX "]{2}-){5,7}[" HEX "]{2}|(?:[" HEX "]{4}\\.){2}[" HEX "]{4})"
		"(?!:?[" HEX "]|[.-][" HEX "])", NULL },
	{ SBX_HIDDEN_IP6, "(?<![\\w:.])((?:[" HEX "]{0,4}:){2,63}[" HEX "]{0,4}"
		"(?:\\.[0-9]{1,3}){0,3})(?!\\w)", check_ip6 },
	{ SBX_HIDDEN_IP6, "(?<![\\w.])((?:[" HEX "]\\.){8,32})(?=ip6\\.arpa)", NULL },
	{ SBX_HIDDEN_IP4, "(?<![0-9])(?<![0-9]\\.)([0-9]{1,3}(?:\\.[0-9]{1,3}){3})"
		"(?![0-9]|\\.[0-9])", NULL },
	{ SBX_HIDDEN_IP4, "(?<![\\w-])ip-([0-9]{1,3}(?:-[0-9]{1,3}){3})(?![\\w-])", NULL },
	{ SBX_HIDDEN_NAME, "(?<![\\w.-])((?!rc\\.local\\b)(?:[A-Za-z0-9_][A-Za-z0-9_-]{0,62}\\.){1,8}"
		"(?:lan|local|home|internal|intranet|corp|mesh|sbx|localdomain|onion|"
		"home\\.arpa))(?![\\w-])(?!\\.[A-Za-z0-9])", NULL },
	{ SBX_HIDDEN_USER, "(?:\\bpassword\\ for|\\bpublickey\\ for|/pam\\ for|\\bfor\\ user|"
		"\\b[Ii]nvalid\\ user|\\b(?:from|by)\\ (?:invalid\\ |authenticating\\ )?user|"
		"\\bNew\\ session\\ [0-9]{1,9}\\ of\\ user|\\bRemoved\\ session\\ of\\ user|"
		"\\bof\\ User)\\ (?!root\\b|invalid\\b|user\\b|from\\b)([A-Za-z_][\\w-]{0,62}(?:\\.[\\w-]{1,62}){0,3})(?![\\w@-])",
		NULL },
	{ SBX_HIDDEN_USER, "\\b(?i:user|username|login|logname|ruser|acct|account)"
		"\\\\?[\"']?[\\ \\t]?[=:][\\ \\t]?\\\\?[\"']?(?!root\\b)"
		"([A-Za-z_][\\w-]{0,62}(?:\\.[\\w-]{1,62}){0,3})(?![\\w@=:-])", NULL },
	{ SBX_HIDDEN_USER, "\\buid=[0-9]{1,10}\\((?!root\\b)([\\w.-]{1,63})(?=\\))", NULL },
	{ SBX_HIDDEN_USER, "\\bsudo(?:\\[[0-9]{1,9}\\])?:[\\ \\t]{1,8}(?!root\\b)([a-z_][\\w.-]{0,62})"
		"(?=\\ :\\ )", NULL },
	{ SBX_HIDDEN_USER, "\\bCRON(?:\\[[0-9]{1,9}\\])?:[\\ ]\\((?!root\\b)([a-z_][\\w.-]{0,62})(?=\\))",
		NULL },
	{ SBX_HIDDEN_USER, "/(?:home|Users)/([A-Za-z_][\\w-]{0,62}(?:\\.[\\w-]{1,62}){0,3})", NULL },
	{ SBX_HIDDEN_ID, "(?<![\\w-])([" HEX "]{8}-(?:[" HEX "]{4}-){3}[" HEX "]{12})"
		"(?![\\w-])", NULL }, /* RFC 9562 */
	{ SBX_HIDDEN_ID, "(?<![A-Za-z0-9])([" HEX "]{32,}+)(?![A-Za-z0-9])", NULL },
	{ SBX_HIDDEN_TOKEN, "(?<![" B64 "=_-])([" B64 "]{40,}+={0,2})(?![\\w-])", check_token },
	{ SBX_HIDDEN_TOKEN, "(?<![\\w+/=-])([\\w+-]{20,}+[=]{0,2})", check_token },
};
const size_t sbx_hidden_pattern_count =
	sizeof(sbx_hidden_patterns) / sizeof(sbx_hidden_patterns[0]);
