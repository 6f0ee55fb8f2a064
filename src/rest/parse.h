/* SPDX-License-Identifier: Apache-2.0
 *
 * The grammars of the query string (documented under "Tables and Views" and "Resource Embedding" of PostgREST). Pure:
 * text in, data or a message out. A message names the furthest place that could not be read, what stands there and what
 * could have stood there, in the words PostgREST uses. */
#ifndef FREEHOLD_REST_PARSE_H
#define FREEHOLD_REST_PARSE_H

#include <stdbool.h>

#include "rest/query.h"
#include "rest/reader.h"

/* Each reads from p->at on and leaves p->at behind what it read. */
bool parse_select(struct reader *p, struct select_item **ret_items); /* select=… */
bool parse_order(struct reader *p, struct order_term **ret_terms, int *ret_count); /* order=… */
bool parse_columns(struct reader *p, struct str **ret_names, int *ret_count); /* columns=…, on_conflict=… */
bool parse_tree_path(struct reader *p, struct embed_path *ret_path, struct field *ret_field); /* a.b.c->d */

/* eq.…, not.in.(…). is_argument_allowed: what begins like no operator is an argument (OP_NONE). */
bool parse_operation(struct reader *p, bool is_argument_allowed, struct filter *ret_filter);

/* Key and value of and=(…), a.b.not.or=(…). */
bool parse_logic_path(struct reader *p, struct embed_path *ret_path, bool *ret_is_negated, struct str *ret_op);
bool parse_logic(struct reader *p, struct logic **ret_logic);

/* parse_name.c, for the other parse_*.c */
bool parse_field_name(struct reader *p, struct str *ret_name);
bool parse_field(struct reader *p, struct field *ret_field); /* blanks around it are passed over */
bool parse_quoted(struct reader *p, struct str *ret_text);
bool parse_identifier(struct reader *p, struct str *ret_text);
bool parse_path(struct reader *p, struct embed_path *ret_path, struct str *ret_last); /* a.b.c */
bool parse_delimiter(struct reader *p); /* . */
bool parse_enter(struct reader *p); /* one level deeper */

#endif
