/* SPDX-License-Identifier: Apache-2.0 */
/*
 * base: what everything else stands on; it knows nothing of sbx.
 *
 * Conventions, in all of lib/:
 *
 *  - A function that can fail returns 0 (SBX_OK) or one of the negative
 *    SBX_E_* codes, and leaves the reason in *err (err may be NULL).  An
 *    out-pointer is set only on success; what it then points to belongs to
 *    the caller, who frees it with the function named beside it.  Every
 *    *_free and *_close takes NULL.
 *  - Sizes and lengths are in bytes, times in microseconds since 1970 UTC,
 *    time-outs in milliseconds.
 *  - The library never prints and never exits.  The one exception is memory:
 *    when there is none the process ends with status 4 (see "mem").
 *  - Text handed out is NUL-terminated; text taken in is not trusted to be
 *    unless its type is "const char *" without a length.
 *  - A limit is a promise, tested at the limit and past it.
 *  - A folder uses only those that stand before it: base, json, system,
 *    crypto, record, ledger, directory, node, exchange, apply, then the
 *    capabilities, which do not use each other, and tool.
 */
#ifndef SBX_BASE_H
#define SBX_BASE_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/types.h>

#define SBX_SECOND INT64_C(1000000) /* as this library counts */

#define SBX_MAX_ENTRY 16384	/* bytes of one entry line, canonical form */
#define SBX_MAX_LINE 65536	/* bytes of one entry as somebody else wrote it */
#define SBX_MAX_EXPORT (256u << 20) /* bytes of an export by the network */

#define SBX_HASH_BYTES 32
#define SBX_ID_SIZE (2 * SBX_HASH_BYTES + 1) /* in hex */
#define SBX_TIME_SIZE 33	/* 2026-07-01T10:00:00.123456+00:00 + NUL */
#define SBX_WGKEY_SIZE 45	/* 44 base64 characters + NUL */

#define SBX_PRINTF(a, b) __attribute__((format(printf, a, b)))

/* ---- err: why something was refused -------------------------------- */

/* Each code is, negated, the exit status of a tool that ends on it. */
enum sbx_code {
	SBX_OK = 0,
	SBX_E_NO = -1,	  /* a sound no: denied, broken, not a member */
	SBX_E_USAGE = -2, /* the caller's mistake: usage, configuration */
	SBX_E_INPUT = -3, /* the input's fault: malformed, hostile */
	SBX_E_SYS = -4,	  /* the machine's: I/O, resource, unreachable */
};

struct sbx_err {
	int code;
	char text[320]; /* lower case, no full stop, no newline */
	char hint[200]; /* what to do about it, or empty */
};

/* Set the reason and return code.  The text replaces the one before. */
int sbx_err_set(struct sbx_err *err, int code, const char *fmt, ...)
	SBX_PRINTF(3, 4);
/* The same with SBX_E_SYS and ": " strerror(errno) added; keeps errno. */
int sbx_err_sys(struct sbx_err *err, const char *fmt, ...) SBX_PRINTF(2, 3);
void sbx_err_hint(struct sbx_err *err, const char *fmt, ...) SBX_PRINTF(2, 3);
/* Put "context: " before the text that is there: where it happened. */
void sbx_err_at(struct sbx_err *err, const char *fmt, ...) SBX_PRINTF(2, 3);

/* ---- mem: allocation that does not fail ------------------------------ */

/* All three return zeroed (or grown) memory; on exhaustion they end the
 * process with status 4.  Free with free(3). */
void *sbx_mem_alloc(size_t count, size_t size);
void *sbx_mem_grow(void *p, size_t count, size_t size);
char *sbx_mem_text(const char *text, size_t len); /* a NUL-terminated copy */
/* For what allocates by itself and says that it could not. */
_Noreturn void sbx_mem_out(void);

/* ---- buf: bytes that grow, up to a limit ----------------------------- */

/* When an addition would pass max, nothing is added, over is set and stays
 * set: check it once at the end.  data is always NUL-terminated when not NULL. */
struct sbx_buf {
	char *data;
	size_t len, cap, max;
	bool over;
};
#define SBX_BUF(limit) { .max = (limit) }

void sbx_buf_add(struct sbx_buf *b, const void *data, size_t len);
/* Inline, here and below: the compiler counts what stands in the source. */
static inline void
sbx_buf_str(struct sbx_buf *b, const char *text)
{
	sbx_buf_add(b, text, strlen(text));
}
void sbx_buf_fmt(struct sbx_buf *b, const char *fmt, ...) SBX_PRINTF(2, 3);
void sbx_buf_hex(struct sbx_buf *b, const void *data, size_t len);
const char *sbx_buf_text(const struct sbx_buf *b); /* "" when empty */
void sbx_buf_clear(struct sbx_buf *b);		   /* keeps max and memory */
void sbx_buf_free(struct sbx_buf *b);		   /* wipes, keeps max */

/* ---- safe: text from outside ------------------------------------------- */

/* Bytes of the UTF-8 sequence (RFC 3629) at text and its code point; 0: it is
 * none, or len is 0. */
size_t sbx_utf8_read(const char *text, size_t len, uint32_t *cp);
/* Append text with control bytes, ESC and bidi marks made visible (\x1b). */
void sbx_text_safe(struct sbx_buf *out, const char *text, size_t len);
/* The same of at most 64 KiB, then HTML's own characters escaped: for text and for
 * attributes in quotes.  text NULL: nothing. */
void sbx_text_html(struct sbx_buf *out, const char *text);

/* ---- enc: strict hexadecimal and base64 (RFC 4648) ------------------- */

/* True when text is exactly 2 * len lower-case hex digits; fills out. */
bool sbx_hex_parse(unsigned char *out, size_t len, const char *text,
	size_t textlen);
void sbx_hex_write(char *out, const unsigned char *data, size_t len);
/* Standard alphabet with padding, as WireGuard writes its 32-byte keys. */
bool sbx_wgkey_parse(unsigned char out[static 32], const char *text,
	size_t textlen);
void sbx_wgkey_write(char out[static SBX_WGKEY_SIZE],
	const unsigned char key[static 32]);
/* The same for any length. */
bool sbx_b64_parse(struct sbx_buf *out, const char *text, size_t textlen);
void sbx_b64_write(struct sbx_buf *out, const void *data, size_t len);
/* URL-safe alphabet, no padding: tokens.  parse refuses trailing bits. */
bool sbx_b64url_parse(struct sbx_buf *out, const char *text, size_t textlen);
void sbx_b64url_write(struct sbx_buf *out, const void *data, size_t len);
/* Decimal digits, after a "-" or not, min <= value <= max. */
bool sbx_num_parse(int64_t *value, const char *text, int64_t min, int64_t max);

/* ---- net: addresses and names, each in its one spelling ------------------ */

#define SBX_IF_SIZE 16
#define SBX_IP4_SIZE 16
#define SBX_ENDPOINT_SIZE 56 /* [IPv6 address]:65535 and NUL */

struct sbx_net { /* an IPv4 network, or an address in one; host byte order */
	uint32_t addr;
	int bits;
};

/* Only as inet_ntop(3) prints it: no octal, no short form, no host name. */
bool sbx_ip4_parse(uint32_t *addr, const char *text);
void sbx_ip4_write(char out[static SBX_IP4_SIZE], uint32_t addr);
/* "10.10.0.0/24": no host bits, 8 to 30 bits of network. */
bool sbx_net_parse(struct sbx_net *net, const char *text);
/* True for what a host of net may have: in it, not its first nor last. */
bool sbx_net_host(const struct sbx_net *net, uint32_t addr);
bool sbx_net_overlap(const struct sbx_net *a, const struct sbx_net *b);
/* The one spelling of a network or of an address in it: "10.10.0.1/24". */
#define SBX_NET_SIZE (SBX_IP4_SIZE + 3)
void sbx_net_write(char out[static SBX_NET_SIZE], const struct sbx_net *net);
/* A name that is safe in a path and means one interface. */
bool sbx_if_check(const char *name);
/* An IPv4 or IPv6 address in its one spelling, inet_ntop(3)'s. */
bool sbx_ip_check(const char *text);
/* Such an address and a port, as wg(8) prints them: root asks no DNS. */
bool sbx_endpoint_check(const char *text);
/* NULL, or why nobody can be reached at such an endpoint: this host, nobody or
 * everybody at once, a link's own address; inside mesh, when that is given. */
const char *sbx_endpoint_fault(const char *text, const struct sbx_net *mesh);
#define SBX_IP_SIZE 46
/* The address in a numeric endpoint. */
bool sbx_endpoint_ip(char ip[static SBX_IP_SIZE], const char *text);
/* One of a network that is not the internet's: RFC 1918, 4193, 6598, 3927. */
bool sbx_ip_private(const char *ip);
bool sbx_ip_in(const char *ip, const char *net); /* net: ADDRESS/BITS */
/* "HOST" or "HOST:PORT" after RFC 1123, no address; port (0: none) may be NULL. */
#define SBX_HOST_SIZE 254
bool sbx_host_check(const char *text, int *port);
/* A short name: letters, digits, - _ and '.'. */
#define SBX_MAX_BOXNAME 32
bool sbx_name_check(const char *text);
/* Such a name made from a host's: up to its first dot, at most so long, other
 * characters as '-'.  False when nothing of it is left. */
bool sbx_name_from(char out[static SBX_MAX_BOXNAME + 1], const char *host);
/* http(s)://host[:port][/path]: no user, query or fragment. */
bool sbx_url_check(const char *text);
/* "tcp" or "udp". */
const char *sbx_proto_name(int proto);

/* ---- io: whole files, lines ------------------------------------------ */

enum sbx_io_flag {
	SBX_IO_SECRET = 1, /* refuse a file that others may read or write */
	SBX_IO_ROOT = 2,   /* refuse one not root's or writable by others */
	SBX_IO_NEW = 4,	   /* save: refuse to replace what is there */
};

/* Append a regular file's bytes to out; more than out->max is SBX_E_INPUT.
 * Symbolic links are followed only without flags; checks use fstat(2) on the
 * open descriptor.  A missing file is SBX_E_SYS with errno ENOENT kept. */
int sbx_io_read(const char *path, unsigned flags, struct sbx_buf *out,
	struct sbx_err *err);
int sbx_io_read_fd(int fd, struct sbx_buf *out, struct sbx_err *err);
int sbx_io_write_fd(int fd, const void *data, size_t len, struct sbx_err *err);
/* Temporary file beside path, write, fsync, rename, fsync the directory. */
int sbx_io_save(const char *path, const void *data, size_t len, mode_t mode,
	unsigned flags, struct sbx_err *err);
/* Make durable that path, or no path, stands in its directory. */
int sbx_io_sync_dir(const char *path, struct sbx_err *err);
int sbx_io_mkdir(const char *path, mode_t mode, struct sbx_err *err); /* -p */

/* Lines of a descriptor, without their newline. */
struct sbx_lines {
	int fd;
	struct sbx_buf buf;
	size_t at;
	bool eof;
	const char *text; /* the line, valid until the next call */
	size_t len;
	size_t number;	  /* from 1 */
	bool over;	  /* longer than SBX_MAX_LINE: text is its beginning */
};
void sbx_lines_init(struct sbx_lines *l, int fd);
int sbx_lines_next(struct sbx_lines *l, struct sbx_err *err); /* 1, 0 = end */
/* Whether a whole line can be had without waiting; text is lost. */
bool sbx_lines_more(struct sbx_lines *l);
void sbx_lines_free(struct sbx_lines *l);

/* ---- clock: the only caller of the clock ----------------------------- */

int64_t sbx_clock_now(void);
int64_t sbx_clock_boot(void);	   /* since boot, suspended time included */
/* Names this boot, "" if nobody knows: sbx_clock_boot() means nothing in another. */
const char *sbx_clock_boot_id(void);
void sbx_clock_set(int64_t us);	   /* freeze sbx_clock_now(); 0 = real time */
/* RFC 3339 with any offset, years 1970-9999; false when it is not one. */
bool sbx_time_parse(int64_t *us, const char *text, size_t len);
void sbx_time_write(char out[static SBX_TIME_SIZE], int64_t us);
/* How long that is, for people, whichever the sign: "90 s", "3 days". */
#define SBX_SPAN_SIZE 32
void sbx_span_write(char out[static SBX_SPAN_SIZE], int64_t us);

/* ---- work: on all cores ------------------------------------------------ */

#define SBX_MAX_CORES 16
size_t sbx_cores(void); /* that this process may use, at most so many */
/* Threads that wait for work: as many as the largest was worth, at most one for
 * each core. */
struct sbx_crew *sbx_crew_new(void);
void sbx_crew_free(struct sbx_crew *crew); /* when no work is under way */
/* fn for all below count, from the one up to before the other, in any order,
 * several at a time: grain of them go to a thread at once and are worth one.
 * What is given first is begun first. */
struct sbx_work *sbx_work_start(struct sbx_crew *crew, size_t count,
	size_t grain, void (*fn)(void *ctx, size_t from, size_t to), void *ctx);
/* Waits and frees, and meanwhile takes part in it and in what was given since. */
void sbx_work_end(struct sbx_work *w);
/* Both, with a crew of its own. */
void sbx_on_all_cores(size_t count, size_t grain,
	void (*fn)(void *ctx, size_t from, size_t to), void *ctx);

#endif
