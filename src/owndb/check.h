/* SPDX-License-Identifier: Apache-2.0
 *
 * Whether a cluster's files are sound. */
#ifndef FREEHOLD_OWNDB_CHECK_H
#define FREEHOLD_OWNDB_CHECK_H

#include "owndb/owndb.h"

/* Each page's checksum, of a cluster that does not run (pg_checksums). */
bool owndb_check_pages(const struct owndb *db, struct err *err);

/* Each table's structure, and that each index has all of its table's rows, of one that runs (pg_amcheck); installs the
 * extension amcheck in it, so not for the live one. */
bool owndb_check_structure(const struct owndb *db, struct err *err);

#endif
