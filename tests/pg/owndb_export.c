/* SPDX-License-Identifier: Apache-2.0
 *
 * owndb_export FOLDER…: applies the migrations of each export (its supabase/migrations) to a new database, as a
 * deployment does: compared, rehearsed on a clone, applied, compared again. Says what came of it; exit status 1 on the
 * first that does not go through. Statements are cut at semicolons, without intake's parser. */
#include <stdio.h>
#include <string.h>

#include "ownbox.h"
#include "owndb/promises.h"
#include "owndb/rehearse.h"

static bool try_export(struct ownbox *box, const char *folder, struct arena *arena)
{
	struct err err;
	struct migration_plan plan;
	struct owndb_pending pending;
	struct owndb_failure failure = {.applied_count = 0};
	struct owndb_rehearsal rehearsal;
	(void)snprintf(box->source_dir, sizeof box->source_dir, "%s", folder);
	ownbox_plan(box, arena, &plan);
	if (!owndb_pending(&box->db, folder, &plan, arena, &pending, &err)) return printf("%s\n", err.msg), false;
	struct owndb_rehearsal_spec spec = {.clones_dir = box->clones_dir,
					    .cache_dir = box->cache_dir,
					    .run = {.source_dir = folder, .plan = &plan, .pending = &pending}};
	bool ok = owndb_rehearse(&box->db, &spec, arena, &rehearsal, &failure, &err) &&
		  owndb_migrate(&box->db, &spec.run, &failure, &err) &&
		  owndb_pending(&box->db, folder, &plan, arena, &pending, &err);
	if (!ok) return printf("%s: %s\n  %s\n  %s\n", folder, err.msg, failure.statement, failure.advice), false;
	printf("%s: %zu applied, %zu edited, %zu left\n", folder, pending.applied_count, pending.edited_count,
	       pending.pending_count);
	const char *const *list;
	size_t count;
	if (!owndb_promises(&box->db, "", arena, &list, &count, &err)) return printf("%s\n", err.msg), false;
	for (size_t i = 0; i < count; i++) printf("  %s\n", list[i]);
	return pending.applied_count == plan.migration_count && plan.migration_count > 0 && pending.edited_count == 0;
}

int main(int argc, char **argv)
{
	bool ok = argc > 1;
	for (int i = 1; i < argc && ok; i++) {
		struct ownbox box;
		struct arena *arena = arena_new(64u << 20);
		ownbox_ready(&box);
		ok = try_export(&box, argv[i], arena);
		ownbox_done(&box);
		arena_free(arena);
	}
	return ok ? 0 : 1;
}
