/* SPDX-License-Identifier: Apache-2.0
 *
 * The app's database before anything of it is changed: made and brought up with the first deployment, rehearse, restore
 * point. */
#include <stdio.h>
#include <string.h>

#include "app/archive.h"
#include "app/cluster.h"
#include "app/daemon.h"
#include "app/database.h"
#include "app/serve_env.h"
#include "base/clock.h"
#include "codec/json.h"
#include "deploy/losses.h"
#include "deploy/migrations.h"
#include "deploy/ran.h"
#include "deploy/schema_push.h"
#include "deploy/seed.h"
#include "owndb/dump.h"
#include "owndb/rehearse.h"

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
	if (!owndb_elsewhere_check(&p->address, &facts, err) || !cluster_settle(d->f, p, err) ||
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

/* Its sandbox has a network of its own, in which 127.0.0.1 is itself. */
static void note_server_elsewhere(struct deploy *d)
{
	struct owndb_elsewhere_pieces p;
	struct err err;
	int pool = 0, server = 0;
	elsewhere_share(d->parts.elsewhere.connections, &pool, &server);
	if (!owndb_elsewhere_server_pieces(&d->parts.address, d->arena, &p, &err))
		step_note(d, "%s", err.msg);
	else if (p.is_local)
		step_note(
		    d,
		    "The database's address is this machine's own (%s), which the app's server cannot reach from its "
		    "sandbox. Give an address of the machine's network: freehold db %s external ADDRESS",
		    p.host, d->parts.app.name);
	else
		step_note(
		    d,
		    "DATABASE_URL leads the app's server to that database, as a user of its own (%s), with up to %d "
		    "connections and no pool between.",
		    p.user, server);
}

/* What Freehold promises of a database, it promises of its own. */
static bool note_elsewhere(struct deploy *d, struct err *err)
{
	char host[SERVE_ENV_HOST_SIZE];
	if (!json_is_object(json_object_get(d->release, "server"))) return true;
	if (!serve_env_elsewhere(d->f, d->parts.app.name, host, err)) return false;
	if (d->parts.owndb.elsewhere != NULL && host[0] == '\0')
		note_server_elsewhere(d);
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
	struct owndb_rehearsal rehearsal = {0};
	bool pushes = false;
	if (!bring_up(d, err) || !migrations_find(d, &pending, err) || !note_elsewhere(d, err) ||
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
					    .run = migrations_run(d, &pending),
					    .on_cloned = on_cloned,
					    .on_migrated = pushes ? on_migrated_with_push : on_migrated,
					    .arg = d};
	if (!seed_rehearse(d, &spec, &pending, &rehearsal, &failure, err)) {
		migrations_note_failure(d, &failure);
		ran_advise(d, &pending, &failure);
		return false;
	}
	if (pending.pending_count == 0 && !pushes) return step_skip(d, "what was pending is left out");
	if (rehearsal.why_not[0] != '\0') {
		step_note(d, "The migrations were not tried on a copy: %s", rehearsal.why_not);
		if (pushes)
			step_note(
			    d, "The schema in the app's code was not brought into the database either: what its tool "
			       "does is first looked at in such a copy.");
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
	if ((!is_elsewhere && !name_point(d, err)) || !migrations_find(d, &pending, err)) return false;
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
