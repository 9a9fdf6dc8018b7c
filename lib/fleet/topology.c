/* SPDX-License-Identifier: Apache-2.0 */
/* Who reaches whom, as the two ends say. */
#include <stdlib.h>
#include <string.h>

#include "fleet/fleet.h"

static const struct sbx_fleet_link *
link_to(const struct sbx_fleet_node *from, const char *did)
{
	for (size_t i = 0; i < from->nlinks; i++)
		if (strcmp(from->links[i].did, did) == 0)
			return &from->links[i];
	return NULL;
}

/* A snapshot that is old says nothing about now. */
static void
see(struct sbx_fleet_edge *e, const struct sbx_fleet_node *by,
	const struct sbx_fleet_link *l)
{
	if (l == NULL)
		return;
	if (by->fresh && l->age >= 0 && (e->age < 0 || l->age < e->age))
		e->age = l->age;
	if (l->rx + l->tx > e->bytes)
		e->bytes = l->rx + l->tx;
}

static int
by_ends(const void *a, const void *b)
{
	const struct sbx_fleet_edge *x = a, *y = b;
	int c = strcmp(x->from->did, y->from->did);

	return c != 0 ? c : strcmp(x->to->did, y->to->did);
}

struct sbx_fleet_edge *
sbx_fleet_edges(const struct sbx_fleet *f, size_t *count)
{
	struct sbx_fleet_edge *list = NULL, *e;
	const struct sbx_fleet_node *n, *m;
	const struct sbx_fleet_link *back;

	*count = 0;
	for (size_t i = 0; i < f->nnodes; i++) {
		n = &f->nodes[i];
		for (size_t k = 0; k < n->nlinks; k++) {
			m = sbx_fleet_node(f, n->links[k].did);
			if (m == NULL || m == n)
				continue;
			back = link_to(m, n->did);
			if (back != NULL && m < n)
				continue; /* met from its other end */
			list = sbx_mem_grow(list, *count + 1, sizeof(*list));
			e = &list[(*count)++];
			*e = (struct sbx_fleet_edge){ .from = n < m ? n : m,
				.to = n < m ? m : n, .age = -1 };
			see(e, n, &n->links[k]);
			see(e, m, back);
			e->active = e->age >= 0 && e->age < SBX_FLEET_ALIVE;
		}
	}
	if (*count > 0)
		qsort(list, *count, sizeof(*list), by_ends);
	return list;
}

/* Names are their authors' own: quotes and control bytes do not get in. */
static void
quote(struct sbx_buf *out, const char *text)
{
	struct sbx_buf safe = SBX_BUF(4096);

	sbx_text_safe(&safe, text, strlen(text));
	sbx_buf_str(out, "\"");
	for (const char *p = sbx_buf_text(&safe); *p != '\0'; p++) {
		if (*p == '"' || *p == '\\')
			sbx_buf_str(out, "\\");
		sbx_buf_add(out, p, 1);
	}
	sbx_buf_str(out, "\"");
	sbx_buf_free(&safe);
}

void
sbx_fleet_dot(const struct sbx_fleet *f, const char *gate,
	const char *(*name)(void *ctx, const char *did), void *ctx,
	struct sbx_buf *out)
{
	size_t count;
	struct sbx_fleet_edge *e = sbx_fleet_edges(f, &count);

	sbx_buf_str(out, "graph mesh {\n");
	for (size_t i = 0; i < f->nnodes; i++) {
		const struct sbx_fleet_node *n = &f->nodes[i];

		sbx_buf_fmt(out, "\t\"%s\" [label=", n->did);
		quote(out, name(ctx, n->did));
		sbx_buf_fmt(out, "%s%s];\n", n->reachable ? ", shape=box" : "",
			strcmp(n->did, gate) == 0 ? ", style=bold" :
			!n->fresh ? ", style=dotted" : "");
	}
	for (size_t i = 0; i < count; i++)
		sbx_buf_fmt(out, "\t\"%s\" -- \"%s\"%s;\n", e[i].from->did,
			e[i].to->did, e[i].active ? "" : " [style=dotted]");
	sbx_buf_str(out, "}\n");
	free(e);
}
