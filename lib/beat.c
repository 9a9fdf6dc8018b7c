/* SPDX-License-Identifier: Apache-2.0 */
/* A head that goes on from the one before may still be an old one: nothing in
 * it tells a log that has nothing to say from one that is kept from us.  So a
 * log's own key cosigns its head again and again: as of this time there is no
 * more of it (c2sp.org/tlog-cosignature). */
#include "follow.h"

int64_t
sbx_beat_read(const char *note, size_t len, const struct sbx_vkey *log)
{
	struct sbx_vkey key;
	struct sbx_note n;

	/* Anybody can take the line away: a wrong one is worth no less. */
	if (sbx_vkey_make(&key, log->name, SBX_NOTE_COSIGNATURE, log->pub,
		    NULL) != 0 ||
		sbx_note_check(note, len, &key, 1, &n, NULL) != 0)
		return 0;
	return n.sig[0].time;
}
