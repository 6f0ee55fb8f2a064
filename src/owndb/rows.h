/* SPDX-License-Identifier: Apache-2.0
 *
 * What is in a cluster, counted. */
#ifndef FREEHOLD_OWNDB_ROWS_H
#define FREEHOLD_OWNDB_ROWS_H

#include <jansson.h>

#include "owndb/owndb.h"

#define ROWS_TABLES_MAX 2000

/* {"public.orders": {"rows": 12, "newest": "2026-11-30T…" or null, "changes": N}}: every table of the app's and of the
 * schemas that the backend keeps, in one snapshot. newest is of created_at, updated_at, inserted_at or the like;
 * changes counts what was ever inserted and deleted, as PostgreSQL's statistics have it. */
bool owndb_rows(const struct owndb *db, json_t **ret_tables, struct err *err);

/* [{"table", "rows", "live_rows", "newest", "live_newest"}] where any of it differs; a count that is not there is null.
 */
json_t *rows_compare(json_t *copy, json_t *live);

/* Whether what a copy has can be true: made between two countings of the live one, it has as many rows of a table as
 * those, give or take what changed between. ERR_FAILED names the first table that has not. Pure. */
bool rows_check(const json_t *copy, json_t *before, const json_t *after, struct err *err);

#endif
