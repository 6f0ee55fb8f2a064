/* SPDX-License-Identifier: Apache-2.0
 *
 * What the app asked its database for and does not get yet, read from where the prelude records it. */
#ifndef FREEHOLD_OWNDB_PROMISES_H
#define FREEHOLD_OWNDB_PROMISES_H

#include "owndb/owndb.h"

#define OWNDB_PROMISES_MAX 200

/* Sentences for the owner, without a full stop ("web requests of the database that wait and are not sent yet: 1"), in
 * the arena; at most OWNDB_PROMISES_MAX, the last one then says how many there are. */
bool owndb_promises(const struct owndb *db, struct arena *arena, const char *const **ret_list, size_t *ret_count,
		    struct err *err);

#endif
