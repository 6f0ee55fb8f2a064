/* SPDX-License-Identifier: Apache-2.0
 *
 * What a SELECT shows: its fields with casts, aggregates and names; what is embedded in it; the columns of what is
 * spread into it. Between sql_select.c and sql_read.c. */
#ifndef FREEHOLD_REST_SQL_SELECT_H
#define FREEHOLD_REST_SQL_SELECT_H

#include "rest/sql.h"

struct str sql_shown_name(const struct plan_node *n); /* alias or name */

/* What a field is called in the answer, when it is not its own name; .ptr NULL: it is. */
struct str sql_label(const struct select_item *item);

bool sql_has_aggregates(const struct plan_node *n); /* its own, or of what is spread into it */
bool sql_is_empty(const struct plan_node *n); /* nothing selected, all the way down */

/* Each field of the node, with * written out where its columns must be known. */
typedef void (*sql_item_fn)(struct sql *s, const struct plan_node *n, const struct select_item *item, int number);
void sql_each_item(struct sql *s, const struct plan_node *n, sql_item_fn fn);
void sql_item(struct sql *s, const struct plan_node *n, const struct select_item *item, int number);

void sql_embedded_items(struct sql *s, const struct plan_node *n, bool *is_first);

/* The columns of a spread relation, as the relation `into` shows them; or only those that it groups by; or each
 * gathered from many rows into one array. */
enum spread_part { SPREAD_SHOWN, SPREAD_GROUPED, SPREAD_GATHERED };
void sql_spread_names(struct sql *s, const struct plan_node *n, const struct plan_node *into, struct str alias,
		      enum spread_part part, bool *is_first);

/* ", " but for the first. */
void sql_next(struct sql *s, bool *is_first);

#endif
