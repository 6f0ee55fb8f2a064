/* SPDX-License-Identifier: Apache-2.0
 *
 * Columns that a table has in two databases. */
#ifndef FREEHOLD_OWNDB_COMMON_COLUMNS_H
#define FREEHOLD_OWNDB_COMMON_COLUMNS_H

#include "base/buf.h"
#include "pg/conn.h"

#define COMMON_COLUMNS_MAX_BYTES (128u * 1024)

/* The comment of a column that a copy was given for a while, because its source has it (owndb/twin.h): it does not
 * count. */
#define COMMON_COLUMNS_GIVEN "freehold: only while the source is followed"

/* Quoted, with commas, in the order of the first; without those that are computed. Nothing where one of them has no
 * such table (its name as it stands in SQL), or no column is in both. Replaces what is in ret_columns. */
bool common_columns(struct pg_conn *first, struct pg_conn *second, const char *table, struct buf *ret_columns,
		    struct err *err);

#endif
