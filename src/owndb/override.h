/* SPDX-License-Identifier: Apache-2.0
 *
 * Settings of PostgreSQL that the owner may choose, and whether a value can be one. */
#ifndef FREEHOLD_OWNDB_OVERRIDE_H
#define FREEHOLD_OWNDB_OVERRIDE_H

#include "owndb/owndb.h"

#define OVERRIDE_NAME_MAX 63 /* bytes, as PostgreSQL's own names */
#define OVERRIDE_VALUE_MAX 256
#define OVERRIDE_CONNECTIONS_MIN 50
#define OVERRIDE_CONNECTIONS_MAX 500

/* ERR_INVALID: it cannot be a setting's name. ERR_REFUSED: it is Freehold's, without which the app would not be
 * reached, backed up or understood. */
bool override_name_check(const char *name, struct err *err);

/* Asks PostgreSQL itself (postgres -C), as the cluster's user; the cluster must exist and may run or not. ERR_INVALID
 * quotes what it says. memory_bytes: of the machine; PostgreSQL would take a value here with which it does not start.
 */
bool override_check(const struct owndb *db, const char *name, const char *value, uint64_t memory_bytes,
		    struct err *err);

/* Writes the settings anew; a server that runs has them from its next reload on, those that need a start from there. */
bool override_apply(const struct owndb *db, struct err *err);

#endif
