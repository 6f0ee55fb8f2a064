/* SPDX-License-Identifier: Apache-2.0
 *
 * What a builder's app expects to find in its database: the roles, schemas, tables and functions that a Supabase
 * project has (prelude/, in the order of their names). Each file can be run again and again; it is run when the
 * database has never seen it or saw another edition, in a transaction of its own, with a note in freehold.prelude. */
#ifndef FREEHOLD_OWNDB_PRELUDE_H
#define FREEHOLD_OWNDB_PRELUDE_H

#include "owndb/owndb.h"

struct prelude_file {
	const char *name;
	const char *text;
};

/* All of them, embedded at build time; ends with a NULL name. */
extern const struct prelude_file prelude_files[];

/* Brings the running cluster's prelude to this build's edition. ret_run (may be NULL): how many files were run. */
bool owndb_prelude(const struct owndb *db, int *ret_run, struct err *err);

#endif
