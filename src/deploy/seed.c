/* SPDX-License-Identifier: Apache-2.0 */
#include "deploy/seed.h"

#include <string.h>

#include "codec/json.h"

#define LEFT_OUT "left_out_scripts" /* of the report, which also whoever finds the deployment cut off reads */

static bool is_script(const struct deploy *d)
{
	const char *slash = strrchr(d->plan.dir, '/');
	return strcmp(slash != NULL ? slash + 1 : d->plan.dir, "scripts") == 0;
}

static bool has_rows_only(const struct migration *m)
{
	static const char *const kinds[] = {"insert", "update", "delete", "select"};
	for (size_t i = 0; i < m->statement_count; i++) {
		bool is_rows = false;
		for (size_t k = 0; k < sizeof kinds / sizeof *kinds; k++)
			is_rows |= strcmp(m->statements[i].kind, kinds[k]) == 0;
		if (!is_rows) return false;
	}
	return m->statement_count > 0 && m->boundary == MIGRATION_TOGETHER;
}

static bool is_left_out(const struct deploy *d, const struct migration *m)
{
	const json_t *one;
	size_t i;
	json_array_foreach(json_object_get(d->report, LEFT_OUT), i, one)
	{
		if (strcmp(json_str(one, "file", ""), m->file) == 0) return true;
	}
	return false;
}

static void drop(const struct deploy *d, const struct migration **list, size_t *inout_count)
{
	size_t kept = 0;
	for (size_t i = 0; i < *inout_count; i++)
		if (!is_left_out(d, list[i])) list[kept++] = list[i];
	*inout_count = kept;
}

void seed_drop(const struct deploy *d, struct owndb_pending *pending)
{
	drop(d, pending->pending, &pending->pending_count);
	drop(d, pending->out_of_order, &pending->out_of_order_count);
}

static bool leave_out(struct deploy *d, const struct owndb_pending *pending, const struct owndb_failure *failure)
{
	const struct migration *failed = NULL;
	for (size_t i = 0; i < pending->pending_count; i++)
		if (strcmp(pending->pending[i]->file, failure->file) == 0) failed = pending->pending[i];
	if (!failure->is_sql || failed == NULL || !is_script(d) || !has_rows_only(failed)) return false;
	json_t *list = json_object_get(d->report, LEFT_OUT);
	if (list == NULL) json_object_set_new(d->report, LEFT_OUT, list = json_array());
	json_array_append_new(list, json_pack("{s:s, s:i, s:s}", "file", failed->file, "line", (int)failure->line,
					      "error", failure->error.message));
	step_note(d,
		  "%s/%s only puts rows in, and failed in line %u: %s. It is left out, so those rows are not there; "
		  "everything else is. Mend it or take it out of the app; the next deployment runs it.",
		  d->plan.dir, failed->file, failure->line, failure->error.message);
	return true;
}

bool seed_rehearse(struct deploy *d, const struct owndb_rehearsal_spec *spec, struct owndb_pending *pending,
		   struct owndb_rehearsal *ret_rehearsal, struct owndb_failure *ret_failure, struct err *err)
{
	while (!owndb_rehearse(&d->parts.owndb, spec, d->arena, ret_rehearsal, ret_failure, err)) {
		if (!leave_out(d, pending, ret_failure)) return false;
		seed_drop(d, pending);
		*ret_failure = (struct owndb_failure){0};
	}
	return true;
}
