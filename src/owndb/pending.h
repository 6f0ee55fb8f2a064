/* SPDX-License-Identifier: Apache-2.0
 *
 * What the export's migrations are against what this database has: supabase_migrations.schema_migrations decides, never
 * a note of ours. */
#ifndef FREEHOLD_OWNDB_PENDING_H
#define FREEHOLD_OWNDB_PENDING_H

#include "codec/migration.h"
#include "owndb/owndb.h"

/* A row of the database without a file in the export: removed from it, or applied elsewhere. */
struct owndb_gone {
	const char *version;
	const char *name;
};

/* Pointers to migrations are into the plan; the lists are in the arena. */
struct owndb_pending {
	const struct migration **pending; /* to be applied, in the plan's order */
	size_t pending_count;
	size_t applied_count; /* of the plan */
	/* Applied, and then the file was edited in more than spaces and comments: what runs here is the old text, and
	 * the edit will never be applied. */
	const struct migration **edited;
	size_t edited_count;
	/* Pending, yet older than the newest that is applied: it runs now, later than its name says. */
	const struct migration **out_of_order;
	size_t out_of_order_count;
	struct owndb_gone *gone;
	size_t gone_count;
};

/* ERR_REFUSED when two files have one version: the second could never be applied. */
bool owndb_pending(const struct owndb *db, const char *source_dir, const struct migration_plan *plan,
		   struct arena *arena, struct owndb_pending *ret_pending, struct err *err);

/* Whether a table stands in the schema public. */
bool owndb_has_tables(const struct owndb *db, bool *ret_has, struct err *err);

#endif
