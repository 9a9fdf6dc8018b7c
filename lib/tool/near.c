/* SPDX-License-Identifier: Apache-2.0 */
/* "Did you mean": the one known word that a mistyped one is nearest to. */
#include <stdlib.h>
#include <string.h>

#include "tool/tool.h"

#define LONGEST 40

/* Letters to change, add, leave out or swap with their neighbour (optimal
 * string alignment) to make one word of the other; LONGEST: too far. */
static size_t
distance(const char *a, const char *b)
{
	size_t la = strlen(a), lb = strlen(b), d[3][LONGEST + 1], best;
	size_t *row = d[0], *up = d[1], *two = d[2], *spare;

	if (la > LONGEST || lb > LONGEST)
		return LONGEST;
	for (size_t j = 0; j <= lb; j++)
		up[j] = j;
	for (size_t i = 1; i <= la; i++) {
		row[0] = i;
		for (size_t j = 1; j <= lb; j++) {
			best = up[j - 1] + (a[i - 1] != b[j - 1]);
			if (up[j] + 1 < best)
				best = up[j] + 1;
			if (row[j - 1] + 1 < best)
				best = row[j - 1] + 1;
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] &&
				a[i - 2] == b[j - 1] && two[j - 2] + 1 < best)
				best = two[j - 2] + 1;
			row[j] = best;
		}
		spare = two;
		two = up;
		up = row;
		row = spare;
	}
	return up[lb];
}

void
sbx_near_see(struct sbx_near *n, const char *known)
{
	size_t len = strlen(n->word), far;

	/* The beginning of a word is as good as one letter wrong. */
	far = len > 1 && strncmp(known, n->word, len) == 0 ? 1 :
		distance(n->word, known);
	/* Two letters wrong of four, and it is another word. */
	if (far > 2 || 2 * far >= len + 1)
		return;
	if (n->best == NULL || far < n->far) {
		n->best = known;
		n->far = far;
		n->twice = false;
	} else if (far == n->far && strcmp(n->best, known) != 0) {
		n->twice = true;
	}
}

const char *
sbx_near_word(const struct sbx_near *n)
{
	return n->twice ? NULL : n->best;
}
