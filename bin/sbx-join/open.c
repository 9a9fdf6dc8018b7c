/* SPDX-License-Identifier: Apache-2.0 */
/* The door is a web server that runs while there is something to open for. */
#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <arpa/inet.h>
#include <netinet/in.h>
#include <unistd.h>

#include "base/base.h"
#include "json/json.h"
#include "system/system.h"
#include "crypto/crypto.h"
#include "sbx-join.h"

#define OPENSSL	  "/usr/bin/openssl"
#define QRENCODE  "/usr/bin/qrencode"
#define WAIT_TRIES 100 /* of 0.05 s, until it listens */
#define MAX_BUNDLE (64u << 20)

/* ---- the door's key ------------------------------------------------------------- */

static int
make_key(struct sbx_ctx *ctx)
{
	struct sbx_buf pem = SBX_BUF(65536), cert = SBX_BUF(65536);
	struct sbx_buf subject = SBX_BUF(64);
	int r;

	if (access(DOOR_PEM, F_OK) == 0)
		return SBX_OK;
	sbx_buf_fmt(&subject, "/CN=%s", ctx->conf.name);
	if ((r = step(ctx, ARGV(OPENSSL, "genpkey", "-algorithm", "EC",
		     "-pkeyopt", "ec_paramgen_curve:P-256"), NULL, &pem,
		     NULL)) == 0)
		r = step(ctx, ARGV(OPENSSL, "req", "-x509", "-key", "/dev/stdin",
			"-days", "3650", "-subj", sbx_buf_text(&subject)), &pem,
			&cert, NULL);
	sbx_buf_add(&pem, sbx_buf_text(&cert), cert.len);
	if (r == 0 && !ctx->dry)
		r = sbx_io_save(DOOR_PEM, pem.data, pem.len, 0600, SBX_IO_NEW,
			&ctx->err);
	sbx_buf_free(&cert);
	sbx_buf_free(&subject);
	sbx_buf_free(&pem);
	return r;
}

static int
read_pin(struct sbx_ctx *ctx, char pin[static SBX_PIN_SIZE])
{
	struct sbx_buf der = SBX_BUF(4096), text = SBX_BUF(64);
	unsigned char hash[SBX_HASH_BYTES];
	int r;

	r = quiet_step(ctx, ARGV(OPENSSL, "pkey", "-in", DOOR_PEM, "-pubout",
		"-outform", "DER"), NULL, &der, NULL);
	if (r == 0) {
		sbx_hash_sha256(hash, sbx_buf_text(&der), der.len);
		sbx_b64_write(&text, hash, sizeof(hash));
		snprintf(pin, SBX_PIN_SIZE, "sha256//%.44s", sbx_buf_text(&text));
	}
	sbx_buf_free(&der);
	sbx_buf_free(&text);
	return r;
}

/* ---- the package ------------------------------------------------------------------ */

static bool
is_bundle(const char *name)
{
	size_t len = strlen(name);

	return strncmp(name, "sbx_", 4) == 0 && len > 8 && len < 200 &&
	       strcmp(name + len - 4, ".deb") == 0;
}

/* The newest of the directory; none is none. */
static int
find_bundle(struct sbx_ctx *ctx, struct sbx_buf *path)
{
	const char *dir = ctx->conf.door_bundle;
	DIR *list = dir != NULL ? opendir(dir) : NULL;
	struct timespec best = { 0, 0 };
	struct dirent *e;
	struct stat st;

	if (dir != NULL && list == NULL)
		return sbx_err_sys(&ctx->err, "%s", dir);
	while (list != NULL && (e = readdir(list)) != NULL)
		if (is_bundle(e->d_name) &&
			fstatat(dirfd(list), e->d_name, &st,
				AT_SYMLINK_NOFOLLOW) == 0 &&
			S_ISREG(st.st_mode) && (st.st_mode & S_IROTH) != 0 &&
			(st.st_mtim.tv_sec > best.tv_sec || path->len == 0)) {
			best = st.st_mtim;
			sbx_buf_clear(path);
			sbx_buf_fmt(path, "%s/%s", dir, e->d_name);
		}
	if (list != NULL)
		closedir(list);
	return SBX_OK;
}

static int
hash_bundle(struct sbx_ctx *ctx, const char *path, struct sbx_join_token *t)
{
	struct sbx_buf data = SBX_BUF(MAX_BUNDLE);
	int r = sbx_io_read(path, 0, &data, &ctx->err);

	if (r == 0) {
		sbx_hash_sha256(t->bundle, sbx_buf_text(&data), data.len);
		t->has_bundle = true;
	}
	sbx_buf_free(&data);
	return r;
}

/* ---- what the door says of itself --------------------------------------------------- */

static int
write_door(struct sbx_ctx *ctx, const struct sbx_join_token *t,
	const char *bundle, gid_t gid)
{
	struct sbx_buf text = SBX_BUF(65536);
	struct sbx_doc *doc = sbx_doc_new();
	struct sbx_json *o = sbx_doc_root(doc);
	int r;

	if (t->has_bundle) {
		sbx_json_add_str(doc, o, "bundle", bundle);
		sbx_json_add_hex(doc, o, "sha256", t->bundle, SBX_HASH_BYTES);
	}
	sbx_json_add_str(doc, o, "did", t->founder);
	sbx_json_add_str(doc, o, "name", ctx->conf.name);
	sbx_json_add_str(doc, o, "pin", t->pin);
	sbx_json_add_str(doc, o, "url", t->url);
	if ((r = sbx_canon_write(&text, o, NULL, &ctx->err)) == 0)
		r = sbx_io_save(SBX_DOORDIR "/door.json", text.data, text.len,
			0640, 0, &ctx->err);
	if (r == 0 && chown(SBX_DOORDIR "/door.json", (uid_t)-1, gid) != 0)
		r = sbx_err_sys(&ctx->err, SBX_DOORDIR "/door.json");
	sbx_doc_free(doc);
	sbx_buf_free(&text);
	return r;
}

static int
put_token(struct sbx_ctx *ctx, const struct sbx_desk *d, gid_t gid,
	const char *id, bool ask, int64_t uses, int64_t seconds)
{
	struct sbx_doc *doc = sbx_doc_new();
	struct sbx_json *o = sbx_doc_root(doc);
	int64_t now = sbx_clock_now();
	int r;

	sbx_json_add_bool(doc, o, "ask", ask);
	sbx_json_add_time(doc, o, "expires", now + seconds * SBX_SECOND);
	sbx_json_add_time(doc, o, "made", now);
	sbx_json_add_int(doc, o, "used", 0);
	sbx_json_add_int(doc, o, "uses", uses);
	r = sbx_desk_put(d, SBX_DESK_TOKEN, id, o, gid, &ctx->err);
	sbx_doc_free(doc);
	return r;
}

/* A week after its end a token, and what came of it, is nobody's business. */
struct sweep {
	const struct sbx_desk *d;
	enum sbx_desk_what what;
	const char *when;
	int64_t before;
	size_t left;
};

static int
sweep_one(void *arg, const char *id, const struct sbx_json *doc,
	struct sbx_err *err)
{
	struct sweep *s = arg;
	int64_t us;

	if (!sbx_json_time(doc, s->when, &us) || us < s->before)
		return sbx_desk_del(s->d, s->what, id, err);
	s->left++;
	return SBX_OK;
}

static int
sweep(struct sbx_ctx *ctx, const struct sbx_desk *d)
{
	int64_t week = sbx_clock_now() - 7 * 86400 * SBX_SECOND;
	struct sweep t = { d, SBX_DESK_TOKEN, "expires", week, 0 };
	struct sweep q = { d, SBX_DESK_REQUEST, "at", week, 0 };
	int r;

	if ((r = sbx_desk_each(d, t.what, sweep_one, &t, &ctx->err)) != 0 ||
		(r = sbx_desk_each(d, q.what, sweep_one, &q, &ctx->err)) != 0)
		return r;
	if (t.left >= SBX_MAX_DOOR_TOKENS) {
		sbx_err_set(&ctx->err, SBX_E_NO, "%zu tokens are out already",
			t.left);
		sbx_err_hint(&ctx->err, "sbx-join close takes all of them back");
		return SBX_E_NO;
	}
	return SBX_OK;
}

/* ---- open -------------------------------------------------------------------------- */

static bool
listens(int port)
{
	struct sockaddr_in to = { .sin_family = AF_INET,
		.sin_port = htons((uint16_t)port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	bool yes = fd >= 0 &&
		   connect(fd, (const void *)&to, sizeof(to)) == 0;

	if (fd >= 0)
		close(fd);
	return yes;
}

/* By its unit, or where there is no systemd as a process of its own. */
static int
start_door(struct sbx_ctx *ctx)
{
	int r = SBX_OK, i;
	pid_t pid;

	if (listens(ctx->conf.door_port))
		return SBX_OK;
	if (has_systemd()) {
		r = step(ctx, ARGV(SYSTEMCTL, "start", "sbx-door.service"), NULL,
			NULL, NULL);
	} else if ((pid = fork()) == 0) {
		int null = open("/dev/null", O_RDWR);

		setsid();
		for (int fd = 0; fd < 3; fd++)
			dup2(null, fd);
		close_range(3, ~0U, 0);
		if (fork() == 0)
			execl(SBX_SBINDIR "/sbx-join", "sbx-join", "serve", NULL);
		_exit(0);
	} else if (pid > 0) {
		waitpid(pid, NULL, 0);
	} else {
		r = sbx_err_sys(&ctx->err, "fork");
	}
	for (i = 0; r == 0 && i < WAIT_TRIES && !listens(ctx->conf.door_port); i++)
		usleep(50000);
	if (r == 0 && i == WAIT_TRIES) {
		r = sbx_err_set(&ctx->err, SBX_E_SYS,
			"the door does not listen on port %d",
			ctx->conf.door_port);
		sbx_err_hint(&ctx->err, has_systemd() ?
			"journalctl -u sbx-door" : "sbx-join serve says why");
	}
	return r;
}

/* On standard output the token alone; what else the new box needs beside it. */
static int
hand_over(struct sbx_ctx *ctx, const struct sbx_join_token *t)
{
	struct sbx_buf text = SBX_BUF(4096), pic = SBX_BUF(1 << 20);
	char sum[SBX_ID_SIZE];
	int r;

	if ((r = sbx_join_token_write(t, &text, &ctx->err)) != 0)
		goto out;
	if (t->has_bundle) {
		sbx_hex_write(sum, t->bundle, SBX_HASH_BYTES);
		sbx_tool_say(ctx, "on the new box: curl -k --pinnedpubkey '%s' "
			"-o sbx.deb %sbundle", t->pin, t->url);
		sbx_tool_say(ctx, "then: echo '%s  sbx.deb' | sha256sum -c && "
			"apt install ./sbx.deb", sum);
	}
	sbx_tool_say(ctx, "on the new box, as root: sbx-join TOKEN%s",
		t->ask ? "; then here: sbx-join approve BOX" : "");
	if (sbx_tool_opt(ctx, "qr") != NULL &&
		(r = quiet_step(ctx, ARGV(QRENCODE, "-t", "ANSIUTF8", "-o", "-"),
			 &text, &pic, NULL)) == 0)
		r = sbx_io_write_fd(STDERR_FILENO, pic.data, pic.len, &ctx->err);
	if (r == 0)
		sbx_tool_one(ctx, "token", text.data);
out:
	sbx_buf_free(&text);
	sbx_buf_free(&pic);
	return r;
}

static int
fill_token(struct sbx_ctx *ctx, struct sbx_join_token *t, struct sbx_buf *bundle)
{
	char ip[SBX_IP_SIZE] = "";
	const char *given = sbx_tool_opt(ctx, "address");
	struct look l;
	int r;

	if ((r = look(ctx, &l)) == 0 && !look_member(&l, l.self)) {
		r = sbx_err_set(&ctx->err, SBX_E_NO,
			"this box is no member of a mesh");
		sbx_err_hint(&ctx->err, "sbx setup founds one");
	}
	memcpy(t->founder, l.self, sizeof(t->founder));
	look_free(&l);
	if (r != 0)
		return r;
	if (given == NULL && ctx->conf.mesh_endpoint != NULL &&
		sbx_endpoint_ip(ip, ctx->conf.mesh_endpoint))
		given = ip;
	if (given == NULL || !sbx_ip_check(given)) {
		sbx_err_set(&ctx->err, SBX_E_USAGE, given == NULL ?
			"this box has no endpoint that others reach it by%s" :
			"%s is no numeric address", given != NULL ? given : "");
		sbx_err_hint(&ctx->err, "sbx-join open -a ADDRESS");
		return SBX_E_USAGE;
	}
	snprintf(t->url, sizeof(t->url), strchr(given, ':') != NULL ?
		"https://[%s]:%d/" : "https://%s:%d/", given,
		ctx->conf.door_port);
	t->ask = sbx_tool_opt(ctx, "ask") != NULL;
	sbx_random(t->seed, sizeof(t->seed));
	if ((r = find_bundle(ctx, bundle)) == 0 && bundle->len > 0)
		r = hash_bundle(ctx, bundle->data, t);
	return r;
}

int
cmd_open(struct sbx_ctx *ctx)
{
	struct sbx_buf bundle = SBX_BUF(4096);
	struct sbx_join_token t = { 0 };
	struct sbx_desk d = { NULL, -1 };
	struct sbx_key *key = NULL;
	int64_t uses, seconds;
	char id[SBX_ID_SIZE];
	bool put = false;
	gid_t gid;
	int r;

	if ((r = sbx_tool_num(ctx, "uses", 1, SBX_MAX_DOOR_USES, 1, &uses)) != 0 ||
		(r = sbx_tool_num(ctx, "expires", 60, 30 * 86400, 3600,
			 &seconds)) != 0 ||
		(r = must_root(ctx) ? SBX_OK : SBX_E_USAGE) != 0 ||
		(r = fill_token(ctx, &t, &bundle)) != 0 ||
		(r = make_key(ctx)) != 0)
		goto out;
	if (ctx->dry) {
		sbx_tool_say(ctx, "would open %s for %jd boxes in %jd s", t.url,
			(intmax_t)uses, (intmax_t)seconds);
		goto out;
	}
	if ((r = read_pin(ctx, t.pin)) != 0 ||
		(r = sbx_key_from_seed(t.seed, &key, &ctx->err)) != 0 ||
		(r = desk_open(ctx, true, &d, &gid)) != 0 ||
		(r = sweep(ctx, &d)) != 0 ||
		(r = write_door(ctx, &t, sbx_buf_text(&bundle), gid)) != 0)
		goto out;
	sbx_hex_write(id, sbx_key_pub(key), SBX_PUB_BYTES);
	if ((r = record(ctx, "open", id, t.ask ? "ask" : "auto")) != 0 ||
		(r = put_token(ctx, &d, gid, id, t.ask, uses, seconds)) != 0)
		goto out;
	put = true;
	if ((r = start_door(ctx)) == 0)
		r = hand_over(ctx, &t);
out:
	if (r != 0 && put)
		sbx_desk_del(&d, SBX_DESK_TOKEN, id, NULL);
	sbx_desk_close(&d);
	sbx_key_free(key);
	sbx_join_token_clear(&t);
	sbx_buf_free(&bundle);
	return r;
}

/* ---- close -------------------------------------------------------------------------- */

static int
drop(void *arg, const char *id, const struct sbx_json *doc, struct sbx_err *err)
{
	(void)doc;
	return sbx_desk_del(arg, SBX_DESK_TOKEN, id, err);
}

/* Every token is taken back; the server sees that nothing is left to open for,
 * and its unit is stopped at once. */
int
cmd_close(struct sbx_ctx *ctx)
{
	struct sbx_desk d;
	gid_t gid;
	int r;

	if (ctx->dry) {
		sbx_tool_say(ctx, "would take every token back");
		return must_root(ctx) ? SBX_OK : SBX_E_USAGE;
	}
	if ((r = desk_open(ctx, true, &d, &gid)) == 0)
		r = sbx_desk_each(&d, SBX_DESK_TOKEN, drop, &d, &ctx->err);
	sbx_desk_close(&d);
	if (r == 0 && has_systemd())
		r = step(ctx, ARGV(SYSTEMCTL, "stop", "sbx-door.service"), NULL,
			NULL, NULL);
	if (r == 0)
		sbx_tool_say(ctx, "closed: no token lets anybody in");
	return r;
}
