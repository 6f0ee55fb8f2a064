/* SPDX-License-Identifier: Apache-2.0
 *
 * Rows of one table, from a copy that waits to be looked at into the live database. Both ends are the app's owner
 * (postgres), who is no superuser; the copy is read-only. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "codec/json.h"
#include "owndb/table.h"
#include "upkeep/restore.h"

bool restore_bring_run(struct job_run *r, struct err *err)
{
	char dir[FILE_PATH_SIZE];
	struct clone copy;
	int64_t job = 0, brought = 0, found = 0;
	bool was_made = false;
	const char *table = json_str(r->options, "table", ""), *where = json_str(r->options, "where", NULL);
	if (!restore_waiting_copy(r->f, r->job.app, &job, err)) return false;
	if (job == 0)
		return err_set(
		    err, ERR_NOT_FOUND,
		    "rows are brought back from a copy, and %s has none; make one: freehold db %s restore --to "
		    "TIME --inspect",
		    r->job.app, r->job.app);
	if (!file_path(dir, err, "%s/postgres/copy-%lld", r->parts.dir, (long long)job) ||
	    !clone_open_at(&copy, &r->parts.owndb, dir, err) || !job_begin_step(r, "bring", err) ||
	    !owndb_bring_table(&copy.db, &r->parts.owndb, dir, table, where, &was_made, &found, &brought, err))
		return false;
	json_object_set_new(r->result, "table", json_string(table));
	json_object_set_new(r->result, "found", json_integer(found));
	json_object_set_new(r->result, "brought", json_integer(brought));
	json_object_set_new(r->result, "table_was_made", json_boolean(was_made));
	return true;
}
