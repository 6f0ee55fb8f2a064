/* SPDX-License-Identifier: Apache-2.0
 *
 * The app's database is changed: migrate, and what has committed of a migration that was cut off. */
#include <string.h>

#include "app/asked.h"
#include "app/daemon.h"
#include "app/live.h"
#include "codec/json.h"
#include "deploy/buckets.h"
#include "deploy/migrations.h"
#include "deploy/ran.h"
#include "deploy/schema_push.h"
#include "intake/changes.h"
#include "owndb/promises.h"
#include "owndb/source.h"

#define READY_DEADLINE_MS 60000

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
	struct owndb_migration_run run = migrations_run(d, &pending);
	run.source_dir = d->push.dir;
	run.plan = &d->push.plan;
	return owndb_migrate(&d->parts.owndb, &run, ret_failure, err);
}

static bool apply_all(struct deploy *d, const struct owndb_pending *pending, struct owndb_failure *ret_failure,
		      struct err *err)
{
	struct owndb_migration_run run = migrations_run(d, pending);
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
	if (!migrations_find(d, &pending, err)) return false;
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
		migrations_note_failure(d, &failure);
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
