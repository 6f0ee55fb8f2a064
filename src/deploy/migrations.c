/* SPDX-License-Identifier: Apache-2.0 */
#include "deploy/migrations.h"

#include <stdio.h>

#include "app/pause.h"
#include "deploy/ran.h"
#include "deploy/seed.h"
#include "owndb/explain.h"

#define KNOWN_TABLES_MAX 2000

static void on_event(void *arg, const struct owndb_event *event)
{
	struct deploy *d = arg;
	char text[1024];
	switch (event->kind) {
	case OWNDB_FILE_BEGIN:
		if (event->text == NULL) return;
		(void)snprintf(text, sizeof text, "%s runs by itself: %s", event->migration->file, event->text);
		break;
	case OWNDB_FILE_DONE:
		(void)snprintf(text, sizeof text, "%zu of %zu  %s  %lld ms", event->index + 1, event->count,
			       event->migration->file, (long long)event->duration_ms);
		break;
	case OWNDB_COMMITTED:
		(void)snprintf(text, sizeof text, "committed: %zu of %zu are applied", event->index, event->count);
		break;
	default: step_note(d, "%s: %s", event->migration->file, event->text); return;
	}
	events_line(&d->events, 1, str_from(text));
	pause_here(d->events.step, event->kind == OWNDB_FILE_DONE   ? "file"
				   : event->kind == OWNDB_COMMITTED ? "committed"
								    : "boundary");
}

/* Tables that the generated types speak of, for the advice when one is missing. */
static const char *const *known_tables(struct deploy *d)
{
	const json_t *tables = json_object_get(d->inspection, "tables");
	size_t count = json_array_size(tables) < KNOWN_TABLES_MAX ? json_array_size(tables) : KNOWN_TABLES_MAX;
	const char **names = arena_array(d->arena, count + 1, sizeof *names);
	for (size_t i = 0; names != NULL && i < count; i++) names[i] = json_string_value(json_array_get(tables, i));
	return names;
}

struct owndb_migration_run migrations_run(struct deploy *d, const struct owndb_pending *pending)
{
	return (struct owndb_migration_run){.source_dir = d->source_dir,
					    .plan = &d->plan,
					    .pending = pending,
					    .is_note = ran_is_said(d),
					    .known_tables = known_tables(d),
					    .on_event = on_event,
					    .arg = d};
}

bool migrations_find(struct deploy *d, struct owndb_pending *ret_pending, struct err *err)
{
	if (!owndb_pending(&d->parts.owndb, d->source_dir, &d->plan, d->arena, ret_pending, err)) return false;
	seed_drop(d, ret_pending);
	return true;
}

/* The error has PostgreSQL's words; which statement they are about, and what helps, is said beside it. */
void migrations_note_failure(struct deploy *d, const struct owndb_failure *failure)
{
	if (!failure->is_sql) return;
	step_note(d, "The statement in %s, line %u: %s", failure->file, failure->line, failure->statement);
	if (failure->advice[0] != '\0') step_note(d, "%s", failure->advice);
	struct str begin = str_sub(str_from(failure->statement), 0, sizeof "create extension" - 1);
	if (d->parts.owndb.elsewhere != NULL && str_eq_nocase(begin, STR("create extension")))
		step_note(
		    d, "What extensions there may be is for the database's host to say: allow it where the database is "
		       "kept, or have an administrator create it there, and deploy again.");
	if (d->is_first && explain_is_missing(failure->error.sqlstate))
		step_note(
		    d,
		    "If the app runs elsewhere now, the database there has what is missing. Bring all of it, rows "
		    "and users too: freehold db %s import - (its address is typed unseen), or import with a file of "
		    "pg_dump. Then deploy again.",
		    d->parts.app.name);
}
