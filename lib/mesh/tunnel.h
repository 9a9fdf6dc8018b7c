/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of the tunnel share. */
#ifndef SBX_TUNNEL_H
#define SBX_TUNNEL_H

#include "base/base.h"
#include "system/system.h"
#include "mesh/mesh.h"

enum step_kind { STEP_ADDR_ADD, STEP_ADDR_DEL, STEP_LINK, STEP_SETTING };

struct step { /* what was done, to be undone */
	enum step_kind kind;
	char text[SBX_NL_ADDR_SIZE];
	int value; /* what was: the mtu * 2 + up, or the setting's digit */
};

/* What is being brought up. */
struct work {
	struct sbx_tunnel *t;
	struct sbx_tunnel_state want;
	bool made; /* by this run */
	bool told; /* wg(8) was told something */
	struct sbx_wg was;  /* before that, without those who are to go */
	struct sbx_buf key; /* the private key of before, when it changes */
	struct step *steps;
	size_t nsteps;
};

/* fmt with those texts in it; the caller's to free. */
char *sbx_tunnel_text(const char *fmt, ...) SBX_PRINTF(1, 2);
/* Note a change; command is freed with t. */
void sbx_tunnel_changed(struct sbx_tunnel *t, char *command, const char *what,
	const char *who, const char *fmt, ...) SBX_PRINTF(5, 6);
/* Remove the peers that no member claims. */
int sbx_tunnel_expel(struct work *w, struct sbx_err *err);
/* Bring keys, port and peers to the plan, and read back. */
int sbx_tunnel_tell(struct work *w, struct sbx_err *err);
/* Bring them back to what was. */
void sbx_tunnel_untell(struct work *w);
/* Bring addresses, mtu and settings there. */
int sbx_tunnel_tell_link(struct work *w, struct sbx_err *err);
/* Write a setting of the interface's. */
int sbx_tunnel_setting(
	struct work *w, const char *what, char value, struct sbx_err *err);

#endif
