/* SPDX-License-Identifier: Apache-2.0
 *
 * Which table's column each column of a view shows, from pg_rewrite.ev_action: PostgreSQL's own parsed form of the
 * view's query (nodeToString, src/backend/nodes/outfuncs.c). */
#ifndef FREEHOLD_PG_VIEW_H
#define FREEHOLD_PG_VIEW_H

#include <stdint.h>

#include "base/str.h"

struct view_column {
	int number; /* of the view's column */
	uint32_t table; /* oid; 0: an expression */
	int column; /* of the table */
};

/* Writes at most max; returns how many there are. Anything it cannot read counts as no column. */
int view_columns(struct str ev_action, struct view_column *ret_columns, int max);

#endif
