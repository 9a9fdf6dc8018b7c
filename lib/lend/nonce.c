/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One file per nonce; redeeming it is an unlink(2) that succeeds, which the
 * kernel grants to exactly one process.  A used nonce is an unknown one, so
 * nothing has to be remembered, and what runs full refuses new ones only.
 * Deadlines are on the boot clock: setting the time back revives nothing.
 */
#include <dirent.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/base.h"
#include "crypto/crypto.h"
#include "lend/lend.h"

#define NAME_SIZE (2 * SBX_HASH_BYTES + 1)

struct note {
	char service[2 * SBX_HASH_BYTES + 1];
	char address[46];
	int64_t deadline;
};

static void
nonce_name(char name[static NAME_SIZE],
	const unsigned char nonce[static SBX_NONCE_BYTES])
{
	unsigned char hash[SBX_HASH_BYTES];

	sbx_hash_b2(hash, nonce, SBX_NONCE_BYTES);
	sbx_hex_write(name, hash, sizeof(hash));
}

static int
open_store(const char *dir, int *fd, struct sbx_err *err)
{
	struct stat st;
	int r;

	if ((r = sbx_io_mkdir(dir, 0700, err)) != 0)
		return r;
	*fd = open(dir, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (*fd < 0)
		return sbx_err_sys(err, "%s", dir);
	/* Who can write here can invent nonces. */
	if (fstat(*fd, &st) != 0 || st.st_uid != geteuid() ||
		(st.st_mode & 022) != 0) {
		close(*fd);
		return sbx_err_set(
			err, SBX_E_SYS, "%s: not ours alone to write", dir);
	}
	return 0;
}

static bool
read_note(int dir, const char *name, struct note *note)
{
	char text[160];
	char end = '\0';
	ssize_t n;
	int fd;

	fd = openat(dir, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0)
		return false;
	n = read(fd, text, sizeof(text) - 1);
	close(fd);
	if (n <= 0)
		return false;
	text[n] = '\0';
	return sscanf(text, "%64[0-9a-f] %45[0-9a-f.:] %" SCNd64 "%c",
		       note->service, note->address, &note->deadline,
		       &end) == 4 &&
	       end == '\n';
}

/* A deadline further off than a life is from before a restart. */
static bool
alive(const struct note *note, int64_t now)
{
	return now < note->deadline && note->deadline - now <= SBX_NONCE_LIFE;
}

/* Remove what has run out and count the rest. */
static int
sweep(int dir, const char *address, size_t *all, size_t *peer,
	struct sbx_err *err)
{
	int64_t now = sbx_clock_boot();
	struct note note;
	struct dirent *d;
	DIR *list;
	int fd;

	*all = *peer = 0;
	fd = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	list = fd >= 0 ? fdopendir(fd) : NULL;
	if (list == NULL) {
		sbx_err_sys(err, "nonce store");
		if (fd >= 0)
			close(fd);
		return SBX_E_SYS;
	}
	while ((d = readdir(list)) != NULL) {
		if (d->d_name[0] == '.')
			continue;
		if (!read_note(dir, d->d_name, &note) || !alive(&note, now)) {
			unlinkat(dir, d->d_name, 0);
			continue;
		}
		(*all)++;
		if (strcmp(note.address, address) == 0)
			(*peer)++;
	}
	closedir(list);
	return 0;
}

static int
write_note(int dir, const char *name, const char *service, const char *address,
	struct sbx_err *err)
{
	char text[160];
	ssize_t done;
	int fd, n;

	n = snprintf(text, sizeof(text), "%s %s %" PRId64 "\n", service,
		address, sbx_clock_boot() + SBX_NONCE_LIFE);
	if (n < 0 || (size_t)n >= sizeof(text))
		return sbx_err_set(err, SBX_E_INPUT, "nonce: too long");
	fd = openat(dir, name,
		O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		return sbx_err_sys(err, "nonce store");
	done = write(fd, text, (size_t)n);
	if (close(fd) == 0 && done == n)
		return 0;
	unlinkat(dir, name, 0);
	return sbx_err_set(err, SBX_E_SYS, "nonce store: cannot write");
}

int
sbx_nonce_issue(const char *dir, const char *service, const char *address,
	unsigned char nonce[static SBX_NONCE_BYTES], struct sbx_err *err)
{
	unsigned char fresh[SBX_NONCE_BYTES];
	char name[NAME_SIZE];
	size_t all, peer;
	int fd, r;

	if ((r = open_store(dir, &fd, err)) != 0)
		return r;
	/* Locked, or many at once would all count before any adds. */
	if (flock(fd, LOCK_EX) != 0) {
		r = sbx_err_sys(err, "nonce store");
		goto out;
	}
	if ((r = sweep(fd, address, &all, &peer, err)) != 0)
		goto out;
	if (all >= SBX_MAX_NONCES || peer >= SBX_MAX_NONCES_PEER) {
		r = sbx_err_set(err, SBX_E_SYS, "too many requests under way%s",
			peer >= SBX_MAX_NONCES_PEER ? " from one address" : "");
		goto out;
	}
	sbx_random(fresh, sizeof(fresh));
	nonce_name(name, fresh);
	r = write_note(fd, name, service, address, err);
	if (r == 0)
		memcpy(nonce, fresh, sizeof(fresh));
out:
	close(fd);
	return r;
}

int
sbx_nonce_redeem(const char *dir, const char *service, const char *address,
	const unsigned char nonce[static SBX_NONCE_BYTES], struct sbx_err *err)
{
	char name[NAME_SIZE];
	struct note note;
	int fd, r;

	if ((r = open_store(dir, &fd, err)) != 0)
		return r;
	nonce_name(name, nonce);
	/* Another's nonce stays: presenting it must not burn it. */
	if (!read_note(fd, name, &note))
		r = sbx_err_set(err, SBX_E_NO, "nonce unknown or used");
	else if (strcmp(note.service, service) != 0 ||
		 strcmp(note.address, address) != 0)
		r = sbx_err_set(err, SBX_E_NO, "nonce is for another");
	else if (unlinkat(fd, name, 0) != 0)
		r = sbx_err_set(err, SBX_E_NO, "nonce unknown or used");
	else if (!alive(&note, sbx_clock_boot()))
		r = sbx_err_set(err, SBX_E_NO, "nonce expired");
	close(fd);
	return r;
}
