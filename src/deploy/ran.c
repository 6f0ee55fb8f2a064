/* SPDX-License-Identifier: Apache-2.0 */
#include "deploy/ran.h"

#include <string.h>

#include "owndb/explain.h"

#define WORD "migrations-ran"

bool ran_is_said(const struct deploy *d)
{
	size_t i;
	json_t *accepted;
	json_array_foreach(json_object_get(d->options, "accept"), i, accepted)
	{
		if (json_is_string(accepted) && strcmp(json_string_value(accepted), WORD) == 0) return true;
	}
	return false;
}

bool ran_rehearse(struct deploy *d, const struct owndb_pending *pending, struct err *err)
{
	bool has = false;
	size_t count = pending->pending_count;
	if (!owndb_has_tables(&d->parts.owndb, &has, err)) return false;
	if (!has)
		return err_set(
		    err, ERR_REFUSED,
		    "the database of %s has no table, so the migrations cannot have run in it. Bring the old "
		    "database over first (freehold db %s import -), or deploy without --accept " WORD,
		    d->parts.app.name, d->parts.app.name);
	step_note(d, "%zu migration%s noted as applied, as you said (" WORD "), and none of them runs: %s%s%s.", count,
		  count == 1 ? " is" : "s are", pending->pending[0]->file, count > 1 ? " to " : "",
		  count > 1 ? pending->pending[count - 1]->file : "");
	return step_skip(d, "the migrations have run already");
}

void ran_advise(struct deploy *d, const struct owndb_pending *pending, const struct owndb_failure *failure)
{
	if (pending->applied_count > 0 || !failure->is_sql || !explain_is_there(failure->error.sqlstate)) return;
	step_note(d,
		  "If this database was brought over, and the export's migrations have run in it already: deploy with "
		  "--accept " WORD ". They are noted as applied then, and none of them runs.");
}
