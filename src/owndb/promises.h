/* SPDX-License-Identifier: Apache-2.0
 *
 * What in the app's database still leads to where the app came from: jobs and functions that call another Supabase
 * project. Calls to its own old project are led to the app itself (jobs/address.h). */
#ifndef FREEHOLD_OWNDB_PROMISES_H
#define FREEHOLD_OWNDB_PROMISES_H

#include "owndb/owndb.h"

#define OWNDB_PROMISES_MAX 200

/* projects: refs of the Supabase projects whose address means the app's own, as one text with spaces between. Sentences
 * for the owner, without a full stop ("the function public.f calls https://abc.supabase.co, which is another project"),
 * in the arena; at most OWNDB_PROMISES_MAX, the last one then says how many there are. */
bool owndb_promises(const struct owndb *db, const char *projects, struct arena *arena, const char *const **ret_list,
		    size_t *ret_count, struct err *err);

#endif
