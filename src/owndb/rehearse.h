/* SPDX-License-Identifier: Apache-2.0
 *
 * Pending migrations tried on a clone of the live database before they touch it. */
#ifndef FREEHOLD_OWNDB_REHEARSE_H
#define FREEHOLD_OWNDB_REHEARSE_H

#include "owndb/clone.h"
#include "owndb/migrate.h"

#define OWNDB_CLONE_FULL_MAX_BYTES (4ull << 30)
#define OWNDB_CLONE_KEEP_FREE_BYTES (1ull << 30)
#define OWNDB_CLONE_SCHEMA_BYTES (192ull << 20) /* what a clone without rows takes at most */

struct owndb_rehearsal_spec {
	const char *clones_dir; /* exists, on the disk where the copy shall lie */
	const char *cache_dir; /* as in owndb_create */
	uint64_t full_max_bytes; /* a larger cluster is cloned without its rows; 0: OWNDB_CLONE_FULL_MAX_BYTES */
	uint64_t keep_free_bytes; /* so much disk is left to the live apps; 0: OWNDB_CLONE_KEEP_FREE_BYTES */
	struct owndb_migration_run run;
	/* Called when the clone is there, before the migrations run on it. NULL: nothing. */
	bool (*on_cloned)(void *arg, struct clone *c, struct err *err);
	/* Called when the migrations ran on the clone, which still runs: to try something more on it. May end it
	 * (clone_stop), to read its log. NULL: nothing. */
	bool (*on_migrated)(void *arg, struct clone *c, struct err *err);
	void *arg;
};

struct owndb_timing {
	const struct migration *migration;
	int64_t duration_ms;
};

struct owndb_rehearsal {
	/* Only the schema and the rows of buckets, jobs and applied migrations were cloned. A migration that depends on
	 * rows is then not proved, and its duration says nothing. */
	bool is_schema_only;
	char why_schema_only[160]; /* for the owner; "" for a full clone */
	/* Of a database elsewhere: nothing could be tried, which is no fault of the migrations; why. Else "". */
	char why_not[300];
	int64_t clone_ms;
	struct owndb_timing *timings; /* of the files that ran, in the arena */
	size_t timing_count;
};

/* Clones, migrates the clone, removes it, on every path. Of a database elsewhere the clone never has rows. False with
 * failure.is_sql when the migrations are at fault; failure speaks of the clone, so nothing of it is applied.
 * ERR_UNAVAILABLE when the disk has no room even for a clone without rows. ret_rehearsal is filled as far as it came
 * also when a migration failed. */
bool owndb_rehearse(const struct owndb *db, const struct owndb_rehearsal_spec *spec, struct arena *arena,
		    struct owndb_rehearsal *ret_rehearsal, struct owndb_failure *ret_failure, struct err *err);

#endif
