/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The directory, for root.  SQLite believes what is in the file and beside it,
 * and whoever owns the directory that it lies in can put anything there, a file
 * of root's as well.  So that user reads it, whosever the file is, and root
 * never does.
 */
#include <libgen.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/base.h"
#include "json/json.h"
#include "system/system.h"
#include "record/record.h"
#include "ledger/ledger.h"
#include "directory/directory.h"

#define MAX_READ  (16u << 20) /* bytes of all lines */
#define READ_TIME 30000	      /* ms: the owner can stop its child */
#define NOGROUP	  65534

struct child {
	const char *db;
	const struct sbx_reading *reading;
};

int
sbx_reader_say(int fd, const char *word, const struct sbx_json *row,
	struct sbx_err *err)
{
	struct sbx_buf line = SBX_BUF(SBX_MAX_LINE);
	int r;

	sbx_buf_fmt(&line, "%s ", word);
	r = sbx_canon_write(&line, row, sbx_rec_fractions, err);
	sbx_buf_str(&line, "\n");
	if (r == SBX_OK && line.over)
		r = sbx_err_set(err, SBX_E_INPUT, "a row is too long");
	if (r == SBX_OK)
		r = sbx_io_write_fd(fd, line.data, line.len, err);
	sbx_buf_free(&line);
	return r;
}

static int
ask(void *ctx, int fd, struct sbx_err *err)
{
	const struct child *c = ctx;
	struct sbx_state *st = NULL;
	struct sbx_log *log = NULL;
	char self[SBX_DID_SIZE];
	int r;

	if ((r = sbx_log_open(c->db, 0, &log, err)) == SBX_OK &&
		(r = sbx_log_self(log, self, err)) == SBX_OK &&
		(r = sbx_state_open(log, &st, err)) == SBX_OK)
		r = c->reading->ask(c->reading->ctx, st, self, fd, err);
	sbx_state_free(st);
	sbx_log_close(log);
	return r;
}

/* Root's group gives more than a file's owner needs. */
int
sbx_reader_owner(const char *db, uid_t *uid, gid_t *gid, struct sbx_err *err)
{
	char *copy = sbx_mem_text(db, strlen(db));
	const char *dir = dirname(copy);
	struct stat st;
	int r = SBX_OK;

	*uid = (uid_t)-1;
	*gid = (gid_t)-1;
	if (stat(dir, &st) != 0) {
		r = sbx_err_sys(err, "%s", dir);
	} else if ((st.st_mode & S_IWOTH) != 0) {
		r = sbx_err_set(
			err, SBX_E_USAGE, "%s: anybody may write there", dir);
	} else if (geteuid() == 0 && st.st_uid == 0) {
		r = sbx_err_set(err, SBX_E_USAGE,
			"%s: root's, and root reads no ledger", dir);
		sbx_err_hint(err, "give it to the node's user: "
			"chown -R sbx: %.100s", dir);
	} else if (geteuid() == 0) {
		*uid = st.st_uid;
		*gid = st.st_gid != 0 ? st.st_gid : NOGROUP;
	}
	free(copy);
	return r;
}

static int
hear(const struct sbx_reading *reading, const struct sbx_buf *text,
	struct sbx_err *err)
{
	char *line = text->data, *end;
	int r = SBX_OK;

	if (text->len == 0)
		return SBX_OK;
	if (memchr(text->data, '\0', text->len) != NULL ||
		text->data[text->len - 1] != '\n')
		return sbx_err_set(err, SBX_E_SYS,
			"the directory's reader gave no sound answer");
	for (; r == SBX_OK && line < text->data + text->len; line = end + 1) {
		end = strchr(line, '\n');
		*end = '\0';
		r = reading->hear(
			reading->ctx, line, (size_t)(end - line), err);
	}
	return r;
}

int
sbx_reader(const char *db, const struct sbx_reading *reading,
	struct sbx_err *err)
{
	struct child c = { .db = db, .reading = reading };
	struct sbx_buf text = SBX_BUF(MAX_READ);
	uid_t uid;
	gid_t gid;
	int r;

	if ((r = sbx_reader_owner(db, &uid, &gid, err)) == SBX_OK &&
		(r = sbx_priv_child(uid, gid, READ_TIME, ask, &c, &text, err)) ==
			SBX_OK)
		r = hear(reading, &text, err);
	sbx_buf_free(&text);
	return r;
}
