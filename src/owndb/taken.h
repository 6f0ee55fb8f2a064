/* SPDX-License-Identifier: Apache-2.0
 *
 * What migrations take away, seen on a clone: tables and columns are followed by their numbers in PostgreSQL's
 * catalogue, so that a renamed one is still there and what a block did is seen too. */
#ifndef FREEHOLD_OWNDB_TAKEN_H
#define FREEHOLD_OWNDB_TAKEN_H

#include <jansson.h>

#include "owndb/owndb.h"

/* {"16401": {"schema", "table", "has_rows", "columns": {"1": "id"}}}: every table, by its number. */
bool taken_look(const struct owndb *db, json_t **ret_tables, struct err *err);

/* Between two looks: [{"name": "public.users.age", "schema", "table", "column" (of a table: none), "what": a sentence
 * without its subject}] of each table and column that is gone, and of each table that had rows and has none. One that
 * was made anew under the same name and has values again is none of them: db, the clone, is asked. */
bool taken_compare(const struct owndb *db, const json_t *before, const json_t *after, json_t **ret_taken,
		   struct err *err);

enum taken_state { TAKEN_UNKNOWN, TAKEN_EMPTY, TAKEN_HAS_VALUES };

/* Of a table: is there a row; of a column: is there a value? TAKEN_UNKNOWN: there is no such table or column here. */
bool taken_ask(struct pg_conn *conn, const json_t *taken, enum taken_state *ret_state, struct err *err);

#endif
