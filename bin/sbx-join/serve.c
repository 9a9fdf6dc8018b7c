/* SPDX-License-Identifier: Apache-2.0 */
/* The door's web server, for as long as there is something to open for. */
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/base.h"
#include "sbx-join.h"

#define LIGHTTPD   "/usr/sbin/lighttpd"
#define LIGHT_CONF SBX_SYSCONFDIR "/sbx/lighttpd/door.conf"
#define LINGER	   15 /* seconds between the last guest and the end */

static _Noreturn void
be_lighttpd(struct sbx_ctx *ctx, pid_t parent)
{
	const char *ep = ctx->conf.mesh_endpoint;
	char port[32], bind[40];
	const char *env[] = { "PATH=/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL=C",
		port, bind, NULL };

	prctl(PR_SET_PDEATHSIG, SIGTERM);
	if (getppid() != parent)
		_exit(1);
	snprintf(port, sizeof(port), "SBX_DOOR_PORT=%d", ctx->conf.door_port);
	snprintf(bind, sizeof(bind), "SBX_DOOR_BIND=%s",
		ep != NULL && ep[0] == '[' ? "[::]" : "0.0.0.0");
	execle(LIGHTTPD, "lighttpd", "-D", "-f", LIGHT_CONF, NULL, env);
	_exit(127);
}

/* Once a second: is it alive, and is there still something to open for? */
static int
watch(struct sbx_ctx *ctx, pid_t pid)
{
	struct sbx_desk d;
	int status, idle = 0, r;
	size_t pending;
	bool busy;
	gid_t gid;

	if ((r = desk_open(ctx, false, &d, &gid)) != 0)
		return r;
	while (r == 0 && idle < LINGER) {
		sleep(1);
		if (waitpid(pid, &status, WNOHANG) == pid) {
			r = sbx_err_set(&ctx->err, SBX_E_SYS,
				"lighttpd ended: is port %d taken?",
				ctx->conf.door_port);
			goto out;
		}
		r = sbx_desk_busy(&d, sbx_clock_now(), &busy, &pending,
			&ctx->err);
		idle = busy ? 0 : idle + 1;
	}
	kill(pid, SIGTERM);
	waitpid(pid, &status, 0);
out:
	sbx_desk_close(&d);
	return r;
}

int
cmd_serve(struct sbx_ctx *ctx)
{
	struct sbx_buf path = SBX_BUF(4096);
	pid_t pid, self = getpid();
	int fd, r;

	if (!must_root(ctx))
		return SBX_E_USAGE;
	sbx_buf_fmt(&path, "%s/door.lock", ctx->conf.run);
	fd = open(sbx_buf_text(&path), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (fd < 0)
		r = sbx_err_sys(&ctx->err, "%s", sbx_buf_text(&path));
	else if (flock(fd, LOCK_EX | LOCK_NB) != 0)
		r = sbx_err_set(&ctx->err, SBX_E_NO, "the door is served already");
	else if ((pid = fork()) < 0)
		r = sbx_err_sys(&ctx->err, "fork");
	else if (pid == 0)
		be_lighttpd(ctx, self);
	else
		r = watch(ctx, pid);
	if (fd >= 0)
		close(fd);
	sbx_buf_free(&path);
	return r;
}
