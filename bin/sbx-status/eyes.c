/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The ledger is read as its owner, the interface and the firewall as root.  So
 * a child is made before rights are dropped.  It takes two questions, with one
 * word from us, an interface's name; its answers hold no secret.
 */
#include <libgen.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "json/json.h"
#include "lend/lend.h"
#include "status.h"

#define MAX_QUESTION 64
#define MAX_ANSWER   (4u << 20)

/* ---- the child ---------------------------------------------------------------- */

/* As wg(8) prints it, for sbx_wg_parse, the secrets left out. */
static int
tell_wg(const char *name, struct sbx_buf *out, struct sbx_err *err)
{
	struct sbx_wg wg = { 0 };
	char key[SBX_WGKEY_SIZE];
	int r;

	if (!sbx_if_check(name))
		return sbx_err_set(err, SBX_E_USAGE, "no interface's name");
	if ((r = sbx_wg_read(name, &wg, err)) != SBX_OK)
		return r;
	sbx_wgkey_write(key, wg.pub);
	sbx_buf_fmt(out, "(hidden)\t%s\t%d\toff\n", key, wg.port);
	for (size_t i = 0; i < wg.npeers; i++) {
		const struct sbx_wg_peer *p = &wg.peers[i];

		sbx_wgkey_write(key, p->key);
		sbx_buf_fmt(out, "%s\t(none)\t%s\t%s\t%lld\t%llu\t%llu\t", key,
			p->endpoint[0] != '\0' ? p->endpoint : "(none)",
			p->allowed[0] != '\0' ? p->allowed : "(none)",
			(long long)p->handshake, (unsigned long long)p->rx,
			(unsigned long long)p->tx);
		if (p->keepalive > 0)
			sbx_buf_fmt(out, "%d\n", p->keepalive);
		else
			sbx_buf_str(out, "off\n");
	}
	sbx_wg_free(&wg);
	return SBX_OK;
}

static void
add_grants(struct sbx_doc *doc, const struct sbx_grants *g)
{
	struct sbx_json *list = sbx_json_add(doc, sbx_doc_root(doc), "grants",
		SBX_JSON_ARRAY), *one;

	for (size_t i = 0; i < g->count; i++) {
		int64_t left = sbx_granted_left(&g->list[i]);

		if (left == 0)
			continue;
		one = sbx_json_add(doc, list, NULL, SBX_JSON_OBJECT);
		sbx_json_add_str(doc, one, "kind", g->list[i].kind);
		sbx_json_add_str(doc, one, "sub", g->list[i].sub);
		sbx_json_add_int(doc, one, "port", g->list[i].lend.port);
		sbx_json_add_int(doc, one, "left", left);
	}
}

static void
add_plan(struct sbx_doc *doc, const struct sbx_grants *g,
	const struct sbx_nft *nft)
{
	struct sbx_lending_plan plan = { .set = NULL };
	struct sbx_json *root = sbx_doc_root(doc);

	sbx_lending_plan(g, nft, &plan);
	sbx_json_add_int(doc, root, "ports", (int64_t)g->nports);
	sbx_json_add_int(doc, root, "missing", (int64_t)plan.missing);
	sbx_json_add_int(doc, root, "stray", (int64_t)plan.stray);
	sbx_json_add_int(doc, root, "longer", (int64_t)plan.longer);
	sbx_json_add_int(doc, root, "open", (int64_t)plan.open);
	sbx_json_add_bool(doc, root, "there", nft->fw.there);
	sbx_json_add_str(doc, root, "wrong", nft->fw.wrong);
}

/* Root's own configuration, whatever the caller's environment says. */
static int
tell_lending(struct sbx_buf *out, struct sbx_err *err)
{
	struct sbx_conf conf = { 0 };
	struct sbx_grants g = { 0 };
	struct sbx_nft nft = { 0 };
	struct sbx_doc *doc = sbx_doc_new();
	char *path = NULL;
	int r;

	if ((r = sbx_conf_load(&conf, NULL, NULL, SBX_IO_ROOT, err)) != SBX_OK)
		goto out;
	path = sbx_grants_path(&conf);
	if ((r = sbx_grants_load(path, &g, err)) != SBX_OK ||
		(r = sbx_nft_read(&conf, &nft, err)) != SBX_OK)
		goto out;
	add_grants(doc, &g);
	add_plan(doc, &g, &nft);
	r = sbx_canon_write(out, sbx_doc_root(doc), NULL, err);
out:
	free(path);
	sbx_doc_free(doc);
	sbx_nft_free(&nft);
	sbx_grants_free(&g);
	sbx_conf_free(&conf);
	return r;
}

struct head { /* of an answer: its text or, with a code, its reason follows */
	int32_t code;
	uint32_t len;
};

static bool
answer(int fd, const char *question)
{
	struct sbx_buf out = SBX_BUF(MAX_ANSWER);
	struct sbx_err err = { 0 };
	struct head head = { 0 };
	bool good;

	if (strncmp(question, "wg ", 3) == 0)
		head.code = tell_wg(question + 3, &out, &err);
	else
		head.code = tell_lending(&out, &err);
	if (head.code != SBX_OK) {
		sbx_buf_clear(&out);
		sbx_buf_str(&out, err.text);
	}
	head.len = (uint32_t)out.len;
	good = sbx_io_write_fd(fd, &head, sizeof(head), NULL) == SBX_OK &&
		sbx_io_write_fd(fd, sbx_buf_text(&out), out.len, NULL) ==
			SBX_OK;
	sbx_buf_free(&out);
	return good;
}

static _Noreturn void
serve(int fd, pid_t parent)
{
	char question[MAX_QUESTION + 1];
	ssize_t n;

	sbx_run_reset(parent);
	while ((n = recv(fd, question, MAX_QUESTION, 0)) > 0) {
		question[n] = '\0';
		if (!answer(fd, question))
			break;
	}
	_exit(0);
}

/* ---- the tool's side ------------------------------------------------------------ */

void
eyes_open(struct eyes *e)
{
	pid_t parent = getpid();
	int fds[2];

	e->fd = -1;
	if (geteuid() != 0 || socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0,
				      fds) != 0)
		return;
	e->pid = fork();
	if (e->pid == 0) {
		close(fds[0]);
		serve(fds[1], parent);
	}
	close(fds[1]);
	if (e->pid > 0)
		e->fd = fds[0];
	else
		close(fds[0]);
}

void
eyes_close(struct eyes *e)
{
	if (e->fd < 0)
		return;
	close(e->fd);
	waitpid(e->pid, NULL, 0);
	e->fd = -1;
}

static bool
take(int fd, void *data, size_t len)
{
	return recv(fd, data, len, MSG_WAITALL) == (ssize_t)len;
}

int
eyes_ask(const struct eyes *e, const char *question, struct sbx_buf *out,
	struct sbx_err *err)
{
	struct head head;
	char *text;

	if (e->fd < 0) {
		sbx_err_set(err, SBX_E_NO, "root alone can see this");
		return SBX_E_NO;
	}
	if (send(e->fd, question, strlen(question), MSG_NOSIGNAL) < 0 ||
		!take(e->fd, &head, sizeof(head)) || head.len > MAX_ANSWER)
		return sbx_err_set(err, SBX_E_SYS, "root's part has ended");
	text = sbx_mem_alloc(head.len + 1, 1);
	if (head.len > 0 && !take(e->fd, text, head.len))
		head.code = sbx_err_set(err, SBX_E_SYS,
			"root's part has ended");
	else if (head.code != SBX_OK)
		sbx_err_set(err, head.code, "%s", text);
	else
		sbx_buf_add(out, text, head.len);
	free(text);
	return head.code;
}
