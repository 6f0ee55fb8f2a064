/* SPDX-License-Identifier: Apache-2.0
 *
 * One table's rows from one running cluster into another. */
#ifndef FREEHOLD_OWNDB_TABLE_H
#define FREEHOLD_OWNDB_TABLE_H

#include "owndb/owndb.h"

/* table is "schema.name" ("name": in public), as it is written in pg_class. Rows that satisfy `where` (the owner's SQL;
 * NULL: all) and are not in the target, by its keys, are added in one transaction; rows that are there stay as they
 * are; triggers and constraints hold. A table that the target has not is made with all that belongs to it, and then
 * `where` must be NULL. scratch_dir is a folder of the cluster's user. ret_found counts those of the source,
 * ret_brought those that were added. */
bool owndb_bring_table(const struct owndb *from, const struct owndb *to, const char *scratch_dir, const char *table,
		       const char *where, bool *ret_was_made, int64_t *ret_found, int64_t *ret_brought,
		       struct err *err);

#endif
