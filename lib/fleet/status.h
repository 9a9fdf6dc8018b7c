/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A report on the box and the fleet: lines, each with the command that mends
 * what is wrong, members and figures.  It is one JSON object, sbx-status(1)
 * has the schema; the table, the page, the picture and the metrics are made
 * from that object and know nothing else.
 */
#ifndef SBX_STATUS_H
#define SBX_STATUS_H

#include "json/json.h"

/* ---- state: how much of the mesh this box sees ----------------------------- */

enum sbx_fleet_state {
	SBX_FLEET_DORMANT,	/* no interface, or no record in the directory */
	SBX_FLEET_AWAKENING,	/* no handshake within SBX_FLEET_HEARD */
	SBX_FLEET_AWARE,	/* one */
	SBX_FLEET_SYNCHRONIZED, /* all who are heard have the same directory */
	SBX_FLEET_AUTONOMOUS,	/* others are heard, the coordinator is not */
};

#define SBX_FLEET_HEARD 180 /* seconds since a handshake: three intervals */

/* What the state is computed from, as it is now. */
struct sbx_fleet_sight {
	bool interface, record;
	size_t heard;	/* members with a handshake within SBX_FLEET_HEARD */
	size_t differ;	/* of those: another digest, none, or a stale log */
	bool coordinator; /* another member is configured or elected as one */
	/* Seconds since it was heard; -1: not since the interface is up. */
	int64_t coordinator_age;
};

/* Pure, so it falls back as it rises.  A box that heard nobody yet looks for
 * peers; one that lost its coordinator goes on without. */
enum sbx_fleet_state sbx_fleet_state(const struct sbx_fleet_sight *sight);
const char *sbx_fleet_state_name(enum sbx_fleet_state state);
/* The role that a machine of so many bytes of memory has by default. */
const char *sbx_fleet_role(uint64_t bytes);

/* ---- status: the report ------------------------------------------------------ */

#define SBX_STATUS_SCHEMA 1
#define SBX_STATUS_TEXT 400 /* bytes of a line's text, of its command */
#define SBX_STATUS_MAX (64u << 20) /* bytes of what is made from a report */

enum sbx_status_how {
	SBX_STATUS_OK,
	SBX_STATUS_NOTE,      /* worth knowing, nothing to do */
	SBX_STATUS_UNKNOWN,   /* not ours to look at */
	SBX_STATUS_ATTENTION, /* wrong, or it waits for somebody */
};

struct sbx_status;

/* One thing that is looked at.  A capability adds its own to a table. */
struct sbx_status_part {
	const char *name;  /* the first word of its lines; NULL ends the table */
	const char *looks; /* what it looks at */
	const char *mend;  /* the command when it could not look */
	/* Adds lines, figures, members.  Other than 0: it could not look, and
	 * the reason is a line that needs attention. */
	int (*look)(struct sbx_status *s, void *ctx, struct sbx_err *err);
};

struct sbx_status *sbx_status_new(int64_t now);
void sbx_status_free(struct sbx_status *s);
/* Every part has its turn, whatever goes wrong with another. */
void sbx_status_run(struct sbx_status *s, const struct sbx_status_part *parts,
	void *ctx);
/* A line of the part whose turn it is.  mend: the command, or NULL. */
void sbx_status_line(struct sbx_status *s, enum sbx_status_how how,
	const char *mend, const char *fmt, ...) SBX_PRINTF(4, 5);
/* A number by its name, [a-z_]. */
void sbx_status_figure(struct sbx_status *s, const char *name, int64_t value);
/* To add to: the document, and in it the objects and lists. */
struct sbx_doc *sbx_status_doc(struct sbx_status *s);
struct sbx_json *sbx_status_me(struct sbx_status *s);
struct sbx_json *sbx_status_members(struct sbx_status *s);
struct sbx_json *sbx_status_links(struct sbx_status *s);
/* The report, the status's own; needs counts the lines that need attention. */
const struct sbx_json *sbx_status_report(struct sbx_status *s, size_t *needs);

/* ---- what is made from a report ------------------------------------------------ */

/* Text for Prometheus, node_exporter's textfile collector. */
int sbx_status_metrics(const struct sbx_json *report, struct sbx_buf *out,
	struct sbx_err *err);
/* The links as a graph for dot(1). */
int sbx_status_dot(const struct sbx_json *report, struct sbx_buf *out,
	struct sbx_err *err);
/* One HTML page without a script, which asks for itself again every refresh
 * seconds. */
int sbx_status_page(const struct sbx_json *report, int refresh,
	struct sbx_buf *out, struct sbx_err *err);
/* "name (DID)" and so on as page and picture write it: a member's name, or the
 * beginning of its DID. */
const char *sbx_status_name(const struct sbx_json *member);

#endif
