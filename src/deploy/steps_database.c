/* SPDX-License-Identifier: Apache-2.0
 *
 * The app's database: made and brought up with the first deployment, then rehearse, restore point, migrate. */
#include <stdio.h>
#include <string.h>

#include "app/archive.h"
#include "app/asked.h"
#include "app/cluster.h"
#include "app/daemon.h"
#include "app/database.h"
#include "app/live.h"
#include "app/pause.h"
#include "app/serve_env.h"
#include "base/clock.h"
#include "codec/json.h"
#include "deploy/buckets.h"
#include "deploy/losses.h"
#include "deploy/ran.h"
#include "deploy/schema_push.h"
#include "deploy/step.h"
#include "intake/changes.h"
#include "owndb/dump.h"
#include "owndb/explain.h"
#include "owndb/migrate.h"
#include "owndb/pending.h"
#include "owndb/promises.h"
#include "owndb/rehearse.h"
#include "owndb/source.h"

#define KNOWN_TABLES_MAX 2000
#define READY_DEADLINE_MS 60000
#define DUMPS_KEPT 3
#define DUMP_MAX_BYTES                                                                                                 \
	((uint64_t)2 << 30) /* a larger database gets its restore point from its backups, once there are any */

/* So that the log of changes has somewhere to go from its first minute. A place that cannot take it is told of, and no
 * more: what it should have got waits for it. */
static void open_places(struct deploy *d)
{
	struct err err;
	if (!archive_open_all(d->f, &d->parts, &err)) step_note(d, "Backups cannot be kept at a place: %s", err.msg);
}

/* Its version, and whether changes can be read there, may be others than last time. */
static bool bring_up_elsewhere(struct deploy *d, struct err *err)
{
	struct owndb_elsewhere_facts facts;
	json_t *there JSON_CLEANUP = NULL;
	struct parts *p = &d->parts;
	bool had_changes = p->elsewhere.has_changes, is_running = strcmp(d->state_before, "running") == 0;
	if (!owndb_elsewhere_check(p->elsewhere.url, &facts, err) || !cluster_settle(d->f, p, err) ||
	    !elsewhere_get(d->f, p->app.name, &p->elsewhere, err) || !elsewhere_json(d->f, p->app.name, &there, err))
		return false;
	/* It reads where that is when it starts. */
	if (is_running && had_changes != p->elsewhere.has_changes &&
	    (!daemon_stop_part(d->f, p->app.name, "backend", err) ||
	     !daemon_start_part(d->f, p->app.name, "backend", err)))
		return false;
	step_note(d,
		  "The database is elsewhere: %s, PostgreSQL %s%s. Freehold takes no backup of it and restores nothing "
		  "there: "
		  "that is for where it is kept. Without branches, pool, settings and vault.",
		  json_str(there, "at", ""), facts.version, facts.has_tls ? "" : ", WITHOUT TLS");
	if (json_str(there, "changes", NULL) != NULL)
		step_note(d, "Live changes (realtime postgres_changes) are not served: %s. Broadcast and presence are.",
			  json_str(there, "changes", ""));
	if (facts.is_superuser)
		step_note(d, "The address is a superuser's; a user with CREATEROLE who owns the database is enough.");
	return true;
}

/* The cluster exists, answers and has this edition's prelude. */
static bool bring_up(struct deploy *d, struct err *err)
{
	if (d->parts.owndb.elsewhere != NULL) return bring_up_elsewhere(d, err);
	char cache[FILE_PATH_SIZE];
	const struct owndb *db = &d->parts.owndb;
	if (!database_cache(d->f, cache, err)) return false;
	if (!file_exists(d->parts.data_dir) && !owndb_create(db, cache, err))
		return err_wrap(err, "make the database of %s", d->parts.app.name);
	/* Its socket accepts before it lets anyone in. */
	if (!daemon_start_part(d->f, d->parts.app.name, "postgres", err) ||
	    !owndb_wait_ready(db, 0, READY_DEADLINE_MS, err))
		return false;
	open_places(d);
	return cluster_settle(d->f, &d->parts, err);
}

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

static struct owndb_migration_run run_of(struct deploy *d, const struct owndb_pending *pending)
{
	return (struct owndb_migration_run){.source_dir = d->source_dir,
					    .plan = &d->plan,
					    .pending = pending,
					    .is_note = ran_is_said(d),
					    .known_tables = known_tables(d),
					    .on_event = on_event,
					    .arg = d};
}

static bool find_pending(struct deploy *d, struct owndb_pending *ret_pending, struct err *err)
{
	return owndb_pending(&d->parts.owndb, d->source_dir, &d->plan, d->arena, ret_pending, err);
}

/* What is odd between the export and the database, said once. */
static void note_differences(struct deploy *d, const struct owndb_pending *p)
{
	for (size_t i = 0; i < p->edited_count; i++)
		step_note(d,
			  "%s was edited after it had been applied; the edit has no effect here. Put the change into a "
			  "new migration.",
			  p->edited[i]->file);
	for (size_t i = 0; i < p->out_of_order_count; i++)
		step_note(d, "%s is older than the newest migration that is applied; it runs now.",
			  p->out_of_order[i]->file);
	for (size_t i = 0; i < p->gone_count; i++)
		if (strcmp(p->gone[i].name, SCHEMA_PUSH_NAME) != 0)
			step_note(d, "Migration %s %s is applied here and is not in the export any more.",
				  p->gone[i].version, p->gone[i].name);
	for (size_t i = 0; i < d->plan.skipped_count; i++)
		step_note(d, "%s is not run: %s", d->plan.skipped[i].file, d->plan.skipped[i].reason);
}

/* The error has PostgreSQL's words; which statement they are about, and what helps, is said beside it. */
static void note_failure(struct deploy *d, const struct owndb_failure *failure)
{
	if (!failure->is_sql) return;
	step_note(d, "The statement in %s, line %u: %s", failure->file, failure->line, failure->statement);
	if (failure->advice[0] != '\0') step_note(d, "%s", failure->advice);
	if (d->is_first && explain_is_missing(failure->error.sqlstate))
		step_note(
		    d,
		    "If the app runs elsewhere now, the database there has what is missing. Bring all of it, rows "
		    "and users too: freehold db %s import - (its address is typed unseen), or import with a file of "
		    "pg_dump. Then deploy again.",
		    d->parts.app.name);
}

static bool on_cloned(void *arg, struct clone *c, struct err *err)
{
	return losses_before(arg, c, err);
}

static bool on_migrated(void *arg, struct clone *c, struct err *err)
{
	return losses_after(arg, c, err);
}

static bool on_migrated_with_push(void *arg, struct clone *c, struct err *err)
{
	return losses_after(arg, c, err) && schema_push_rehearse(arg, c, err);
}

static void say_rehearsed(struct deploy *d, size_t migrations, bool pushes, int64_t began_ms)
{
	double seconds = (double)(clock_now_ms() - began_ms) / 1000;
	const char *schema = !pushes                     ? ""
			     : schema_push_is_pending(d) ? "; the app's schema will change it"
							 : "; it has the app's schema";
	step_detail(d, "%zu migration%s ran on a copy in %.1f s%s", migrations, migrations == 1 ? "" : "s", seconds,
		    schema);
}

/* What Freehold promises of a database, it promises of its own. */
static bool note_elsewhere(struct deploy *d, struct err *err)
{
	char host[SERVE_ENV_HOST_SIZE];
	if (!json_is_object(json_object_get(d->release, "server"))) return true;
	if (!serve_env_elsewhere(d->f, d->parts.app.name, host, err)) return false;
	if (d->parts.owndb.elsewhere != NULL)
		step_note(
		    d, "DATABASE_URL of the app's server is the address that you gave, with its user's rights; no pool "
		       "is between.");
	else if (host[0] != '\0')
		step_note(
		    d,
		    "DATABASE_URL is yours: the app's server uses the database at %s. Of that one Freehold takes no "
		    "backup and restores nothing, tries no migration on a copy, makes no restore point, and a "
		    "rollback leaves its rows as they are. Sign-in, storage and the API keep the app's own.",
		    host);
	return true;
}

bool step_rehearse(struct deploy *d, struct err *err)
{
	struct owndb_pending pending;
	struct owndb_failure failure = {0};
	struct owndb_rehearsal rehearsal;
	bool pushes = false;
	if (!bring_up(d, err) || !find_pending(d, &pending, err) || !note_elsewhere(d, err) ||
	    !schema_push_is_wanted(d, &pushes, err))
		return false;
	note_differences(d, &pending);
	if (pending.pending_count == 0 && !pushes) return step_skip(d, "no migration is pending");
	if (pending.pending_count > 0 && ran_is_said(d)) return ran_rehearse(d, &pending, err);
	char clones[FILE_PATH_SIZE], cache[FILE_PATH_SIZE];
	int64_t began_ms = clock_now_ms();
	if (!file_path(clones, err, "%s/clones", d->parts.dir) || !file_mkdirs(clones, 0755, err) ||
	    !database_cache(d->f, cache, err))
		return false;
	struct owndb_rehearsal_spec spec = {.clones_dir = clones,
					    .cache_dir = cache,
					    .run = run_of(d, &pending),
					    .on_cloned = on_cloned,
					    .on_migrated = pushes ? on_migrated_with_push : on_migrated,
					    .arg = d};
	if (!owndb_rehearse(&d->parts.owndb, &spec, d->arena, &rehearsal, &failure, err)) {
		note_failure(d, &failure);
		ran_advise(d, &pending, &failure);
		return false;
	}
	if (rehearsal.why_not[0] != '\0') {
		step_note(d, "The migrations were not tried on a copy: %s", rehearsal.why_not);
		return step_skip(d, "no copy of the database elsewhere could be made");
	}
	if (rehearsal.is_schema_only)
		step_note(d, "The rehearsal had the tables without their rows: %s.", rehearsal.why_schema_only);
	say_rehearsed(d, pending.pending_count, pushes, began_ms);
	return losses_judge(d, d->taken, "a pending migration", "the migration", err);
}

/* Of an app that was not running nothing may go on running. The cluster stays: what has committed in it stays. */
bool step_rehearse_undo(struct deploy *d, struct err *err)
{
	char folder[FILE_PATH_SIZE];
	if (!file_path(folder, err, "%s/clones", d->parts.dir) || !owndb_sweep_clones(folder, NULL, err)) return false;
	if (strcmp(d->state_before, "running") == 0) return true;
	return daemon_stop_part(d->f, d->parts.app.name, "postgres", err);
}

/* Old ones go, the newest few stay: a restore point is for the days after a deployment. */
static bool drop_old_dumps(struct deploy *d, const char *folder, struct err *err)
{
	char path[FILE_PATH_SIZE];
	for (int64_t n = d->number - 1, kept = 1; n > 0; n--) {
		if (!file_path(path, err, "%s/before-%lld.dump", folder, (long long)n)) return false;
		if (!file_exists(path)) continue;
		if (++kept > DUMPS_KEPT && !file_remove_tree(path, err)) return false;
	}
	return true;
}

/* Nothing of the app is in it: no migration was applied, and with a schema from the code there is no table either. */
static bool is_new_database(struct deploy *d, const struct owndb_pending *p, bool *ret_is, struct err *err)
{
	bool has_tables = false;
	*ret_is = p->applied_count == 0;
	if (!*ret_is || !schema_push_is_pending(d)) return true;
	bool ok = owndb_has_tables(&d->parts.owndb, &has_tables, err);
	*ret_is = ok && !has_tables;
	return ok;
}

/* A name in the log of changes: freehold db APP restore --point before-7. In a statement of its own, so that everything
 * that was committed comes before it. */
static bool name_point(struct deploy *d, struct err *err)
{
	struct pg_conn *conn = NULL;
	char point[40];
	const char *const params[] = {point};
	(void)snprintf(point, sizeof point, "before-%lld", (long long)d->number);
	if (!owndb_connect(&d->parts.owndb, OWNDB_SUPERUSER, &conn, err)) return false;
	bool ok = pg_conn_exec(conn, "select pg_create_restore_point($1)", 1, params, NULL, NULL, err);
	pg_conn_close(conn);
	if (ok) json_object_set_new(d->report, "point", json_string(point));
	return ok;
}

bool step_restore_point(struct deploy *d, struct err *err)
{
	struct owndb_pending pending;
	uint64_t bytes = 0;
	char folder[FILE_PATH_SIZE], path[FILE_PATH_SIZE];
	bool is_new = false, is_elsewhere = d->parts.owndb.elsewhere != NULL;
	if ((!is_elsewhere && !name_point(d, err)) || !find_pending(d, &pending, err)) return false;
	if (pending.pending_count == 0 && !schema_push_is_pending(d)) return step_skip(d, "no migration is pending");
	if (!is_new_database(d, &pending, &is_new, err)) return false;
	if (is_new) return step_skip(d, "the database is new");
	if (!owndb_size(&d->parts.owndb, &bytes, err)) return false;
	if (bytes > DUMP_MAX_BYTES) {
		step_note(d, "The database is larger than 2 GB, so no dump was taken before the migrations.");
		return step_skip(d, "too large for a dump");
	}
	if (is_elsewhere && d->parts.address.tools_major == 0) {
		step_note(d, "No dump was taken before the migrations: PostgreSQL %d or newer is not installed here.",
			  d->parts.elsewhere.major);
		return step_skip(d, "no programs for the version elsewhere");
	}
	if (!file_path(folder, err, "%s/backups", d->parts.dir) || !file_mkdirs(folder, 0700, err) ||
	    !file_path(path, err, "%s/before-%lld.dump", folder, (long long)d->number) ||
	    !owndb_dump(&d->parts.owndb, path, NULL, err))
		return false;
	json_object_set_new(d->report, "restore_point", json_string(path));
	step_detail(d, "the database as it was before: %s", path);
	return drop_old_dumps(d, folder, err);
}

static void report_migrations(struct deploy *d, const struct owndb_pending *p, size_t applied)
{
	json_t *done = json_array(), *boundaries = json_array(), *edited = json_array();
	for (size_t i = 0; i < applied && i < p->pending_count; i++) {
		json_array_append_new(done, json_string(p->pending[i]->file));
		if (p->pending[i]->boundary_reason != NULL)
			json_array_append_new(boundaries, json_pack("{s:s, s:s}", "file", p->pending[i]->file, "reason",
								    p->pending[i]->boundary_reason));
	}
	for (size_t i = 0; i < p->edited_count; i++) json_array_append_new(edited, json_string(p->edited[i]->file));
	json_object_set_new(d->report, "migrations",
			    json_pack("{s:o, s:o, s:o}", "applied", done, "boundaries", boundaries, "edited", edited));
}

/* What the pending files take away for good, read by the helper in its sandbox: a rollback has to say whether the older
 * release can live without it. Where it cannot be read, that is what is said. */
static json_t *read_losses(struct deploy *d, const struct owndb_pending *p)
{
	struct err err;
	char folder[FILE_PATH_SIZE], from[FILE_PATH_SIZE], to[FILE_PATH_SIZE];
	struct intake_child child = step_intake_child(d);
	struct buf text BUF_CLEANUP;
	json_t *changes JSON_CLEANUP = NULL;
	buf_init(&text, MIGRATION_MAX_FILE_BYTES);
	bool ok = file_path(folder, &err, "%s/pending", d->work_dir) && file_remove_tree(folder, &err) &&
		  file_path(to, &err, "%s/supabase/migrations", folder) && file_mkdirs(to, 0755, &err);
	for (size_t i = 0; ok && i < p->pending_count; i++) {
		const char *slash = strrchr(p->pending[i]->file, '/');
		const char *name = slash != NULL ? slash + 1 : p->pending[i]->file;
		buf_clear(&text);
		ok = source_read(d->source_dir, &d->plan, p->pending[i], &text, &err) &&
		     file_path(from, &err, "%s/%s", to, name) && file_write(from, buf_view(&text), 0644, &err);
	}
	ok = ok && intake_changes(&child, folder, &changes, &err);
	if (ok) return json_incref(json_object_get(changes, "losses"));
	return json_pack("[{s:s, s:o}]", "name", "", "what",
			 json_sprintf("changes something that could not be read (%s)", err.msg));
}

/* Written down before the first of them runs. */
static bool report_pending(struct deploy *d, const struct owndb_pending *p, struct err *err)
{
	json_t *losses = p->pending_count > 0 && !ran_is_said(d) ? read_losses(d, p) : NULL;
	json_t *pending = json_array();
	for (size_t i = 0; i < p->pending_count; i++)
		json_array_append_new(
		    pending, json_pack("{s:s, s:s}", "file", p->pending[i]->file, "version", p->pending[i]->version));
	for (size_t i = 0; i < d->push.plan.migration_count; i++)
		json_array_append_new(pending, json_pack("{s:s, s:s}", "file", d->push.plan.migrations[i].file,
							 "version", d->push.plan.migrations[i].version));
	report_migrations(d, p, 0);
	json_object_set_new(json_object_get(d->report, "migrations"), "pending", pending);
	if (losses != NULL) json_object_set_new(d->report, "losses", losses);
	return step_save_report(d, err);
}

/* A session that outlived the process that began it would hold its locks, and might still commit: it is ended first. */
static bool end_old_sessions(struct pg_conn *conn, struct err *err)
{
	return pg_conn_exec(
	    conn,
	    "select pg_terminate_backend(pid, 5000) from pg_stat_activity where application_name = 'freehold'"
	    " and datname = current_database() and pid <> pg_backend_pid() and usename = case when"
	    " current_user = 'supabase_admin' then 'postgres' else current_user end",
	    0, NULL, NULL, NULL, err);
}

static bool list_committed(struct deploy *d, const json_t *pending, json_t *ret_applied, struct err *err)
{
	struct pg_conn *conn = NULL;
	size_t i;
	json_t *one;
	if (!owndb_connect(&d->parts.owndb, OWNDB_SUPERUSER, &conn, err)) return false;
	bool ok = end_old_sessions(conn, err);
	json_array_foreach(pending, i, one)
	{
		char count[16] = "0";
		const char *version = json_str(one, "version", "");
		ok = ok &&
		     pg_conn_text(conn,
				  "select count(*)::text from supabase_migrations.schema_migrations where version = $1",
				  1, &version, count, sizeof count, err);
		if (strcmp(count, "0") != 0) json_array_append(ret_applied, json_object_get(one, "file"));
	}
	pg_conn_close(conn);
	return ok;
}

bool step_settle_migrations(struct deploy *d, struct err *err)
{
	json_t *migrations = json_object_get(d->report, "migrations"), *applied JSON_CLEANUP = json_array();
	const json_t *pending = json_object_get(migrations, "pending");
	if (pending == NULL) {
		d->has_committed = json_array_size(json_object_get(migrations, "applied")) > 0;
		return true;
	}
	if (!daemon_start_part(d->f, d->parts.app.name, "postgres", err) ||
	    !owndb_wait_ready(&d->parts.owndb, 0, READY_DEADLINE_MS, err) || !list_committed(d, pending, applied, err))
		return err_wrap(err, "ask which migrations have committed");
	d->has_committed = json_array_size(applied) > 0;
	json_object_set(migrations, "applied", applied);
	json_object_del(migrations, "pending");
	return true;
}

static bool report_promises(struct deploy *d, struct err *err)
{
	const char *const *list;
	size_t count = 0, i;
	json_t *asked JSON_CLEANUP = NULL, *ref;
	struct buf projects BUF_CLEANUP;
	buf_init(&projects, 4096);
	if (!asked_document(d->f, d->parts.app.name, &asked, err)) return false;
	json_array_foreach(json_object_get(asked, "projects"), i, ref)
	    buf_printf(&projects, "%s%s", i > 0 ? " " : "", json_string_value(ref));
	if (!owndb_promises(&d->parts.owndb, buf_cstr(&projects), d->arena, &list, &count, err)) return false;
	json_t *promises = json_array();
	for (i = 0; i < count; i++) json_array_append_new(promises, json_string(list[i]));
	json_object_set_new(d->report, "promises", promises);
	return true;
}

/* The statements that were seen on the copy, as one migration of their own. */
static bool apply_push(struct deploy *d, struct owndb_failure *ret_failure, struct err *err)
{
	const struct migration *one = d->push.plan.migrations;
	const struct owndb_pending pending = {.pending = &one, .pending_count = 1};
	struct owndb_migration_run run = run_of(d, &pending);
	run.source_dir = d->push.dir;
	run.plan = &d->push.plan;
	return owndb_migrate(&d->parts.owndb, &run, ret_failure, err);
}

static bool apply_all(struct deploy *d, const struct owndb_pending *pending, struct owndb_failure *ret_failure,
		      struct err *err)
{
	struct owndb_migration_run run = run_of(d, pending);
	if (!owndb_migrate(&d->parts.owndb, &run, ret_failure, err)) return false;
	size_t applied = ret_failure->applied_count;
	if (schema_push_is_pending(d) && !apply_push(d, ret_failure, err)) return false;
	report_migrations(d, pending, applied);
	for (size_t i = 0; i < d->push.plan.migration_count; i++)
		json_array_append_new(json_object_get(json_object_get(d->report, "migrations"), "applied"),
				      json_string(d->push.plan.migrations[i].file));
	return true;
}

/* Elsewhere there may be no trigger that does. */
static void tell_backend(struct deploy *d)
{
	struct err err;
	if (d->parts.owndb.elsewhere != NULL && !owndb_elsewhere_notify(&d->parts.owndb, &err))
		step_note(d, "The backend was not told of the new tables: %s", err.msg);
}

/* A new database had nothing to lose. Of a block nobody knows what it did, and most do no harm. */
static void note_losses(struct deploy *d, const struct owndb_pending *p)
{
	json_t *what JSON_CLEANUP = json_array(), *one;
	struct buf text BUF_CLEANUP;
	size_t i;
	buf_init(&text, 4096);
	json_array_foreach(json_object_get(d->report, "losses"), i, one)
	{
		if (json_str(one, "schema", "")[0] != '\0') json_array_append(what, json_object_get(one, "what"));
	}
	if (p->applied_count == 0 || json_array_size(what) == 0) return;
	live_put_losses(&text, what);
	if (d->parts.owndb.elsewhere == NULL)
		buf_printf(&text,
			   ". What was there then can be looked at, and rows of it brought back, with freehold db %s "
			   "restore --point before-%lld --inspect",
			   d->parts.app.name, (long long)d->number);
	step_note(d, "Of the migrations %s", buf_cstr(&text));
}

bool step_migrate(struct deploy *d, struct err *err)
{
	struct owndb_pending pending;
	struct owndb_failure failure = {0};
	if (!find_pending(d, &pending, err)) return false;
	size_t count = pending.pending_count + d->push.plan.migration_count;
	if (count == 0) {
		buckets_ensure(d);
		return report_promises(d, err) && step_skip(d, "no migration is pending");
	}
	if (!report_pending(d, &pending, err)) return false;
	if (!apply_all(d, &pending, &failure, err)) {
		/* A commit whose answer never came may have happened. */
		struct err settle;
		if (!step_settle_migrations(d, &settle)) step_note(d, "%s", settle.msg);
		note_failure(d, &failure);
		if (failure.kept_statements > 0)
			step_note(d, "%s runs outside of a transaction: what its first %zu statement%s did stays.",
				  failure.file, failure.kept_statements, failure.kept_statements == 1 ? "" : "s");
		return false;
	}
	d->has_committed = true;
	tell_backend(d);
	step_detail(d, "%zu migration%s applied", count, count == 1 ? "" : "s");
	note_losses(d, &pending);
	buckets_ensure(d);
	return report_promises(d, err);
}
