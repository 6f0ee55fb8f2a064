/* SPDX-License-Identifier: Apache-2.0 */
#include "move/import.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "app/archive.h"
#include "app/cluster_switch.h"
#include "app/daemon.h"
#include "app/database.h"
#include "app/git_key.h"
#include "app/pause.h"
#include "app/place.h"
#include "base/clock.h"
#include "base/log.h"
#include "codec/json.h"
#include "move/import_carry.h"
#include "move/import_files.h"
#include "move/import_follow.h"
#include "move/import_source.h"
#include "move/move.h"
#include "owndb/copy_text.h"
#include "owndb/tool.h"

#define ARENA_MAX_BYTES (256u << 20)
#define READY_DEADLINE_MS 60000

struct job {
	const struct flow *f;
	struct parts parts;
	struct arena *arena;
	struct events events;
	json_t *journal, *report;
	const json_t *options;
	char dir[FILE_PATH_SIZE], clones[FILE_PATH_SIZE], cache[FILE_PATH_SIZE];
	struct buf url;
	struct import_source source;
	struct import import;
	struct copy_scan scan;
	struct quiesce still; /* the source, where it is held */
	struct import_follow follow;
	int64_t began_ms;
	bool has_live, was_stopped;
	char detail[400];
};

static bool save(struct job *j, struct err *err)
{
	return import_journal_write(j->f, j->parts.app.name, j->journal, err);
}

/* Steps. */

static void say(void *arg, const char *text)
{
	struct job *j = arg;
	events_line(&j->events, 1, str_from(text));
}

static void detail(struct job *j, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static void detail(struct job *j, const char *fmt, ...)
{
	va_list args;
	va_start(args, fmt);
	(void)vsnprintf(j->detail, sizeof j->detail, fmt, args);
	va_end(args);
}

static const char *size_text(const char *path, char ret_text[32])
{
	struct stat st;
	double mb = stat(path, &st) == 0 ? (double)st.st_size / 1e6 : 0;
	(void)snprintf(ret_text, 32, "%.1f MB", mb);
	return ret_text;
}

/* Rows that people of the app put there would be set aside: that is to be meant. */
static bool check_live(struct job *j, struct err *err)
{
	static const char sql[] = "select coalesce(string_agg(format('%s (about %s rows)', relid::regclass, n), ', '), "
				  "'') from (select relid, n_live_tup n from"
				  " pg_stat_user_tables where n_live_tup > 0 and (schemaname not in ('auth', "
				  "'storage', 'cron', 'net', 'vault', 'realtime',"
				  " 'extensions', 'pgmq', 'freehold', 'freehold_auth', 'supabase_migrations') and "
				  "schemaname not like 'freehold%' or relid ="
				  " 'auth.users'::regclass) order by n_live_tup desc limit 4) t";
	char rows[1024] = "";
	struct pg_conn *conn = NULL;
	if (!j->has_live || json_bool(j->options, "replace", false) || json_bool(j->options, "check", false))
		return true;
	bool ok = owndb_connect(&j->parts.owndb, OWNDB_SUPERUSER, &conn, err) &&
		  pg_conn_text(conn, sql, 0, NULL, rows, sizeof rows, err);
	pg_conn_close(conn);
	if (!ok || rows[0] == '\0') return ok;
	return err_set(err, ERR_CONFLICT,
		       "the database of %s has rows of its own: %.300s. What is imported takes their place (they are "
		       "set aside); if that "
		       "is meant, add --replace",
		       j->parts.app.name, rows);
}

/* What came before it stood still is not the last of it. */
static bool step_hold(struct job *j, struct err *err)
{
	char path[FILE_PATH_SIZE];
	if (!check_live(j, err) || !file_path(path, err, "%s/source.dump", j->dir) || !file_remove_tree(path, err))
		return false;
	if (!move_hold(j->f, j->parts.app.name, j->journal, buf_cstr(&j->url), &j->events, &j->still, err))
		return false;
	pause_here("hold", "held");
	j->source.snapshot = j->still.snapshot;
	detail(j, "writing stands still at %lld tables of the source", (long long)json_int(j->report, "held", 0));
	return true;
}

static bool is_held(const struct job *j)
{
	return json_bool(j->journal, "held", false);
}

static bool step_receive(struct job *j, struct err *err)
{
	char size[32];
	bool has_files = json_bool(j->options, "files", false);
	if (has_files && !import_files_try(j->f, j->parts.app.name, err)) return false;
	if (!check_live(j, err) || !import_receive(&j->source, err)) return false;
	import_follow_copied(&j->follow);
	detail(j, "%s, %s, for PostgreSQL %d", size_text(j->source.file, size),
	       j->source.kind == DUMP_CUSTOM ? "a dump" : "SQL", j->source.major);
	return true;
}

/* A file of SQL is read once before it runs: what it is, and how many rows it holds. */
static bool scan_text(struct job *j, struct err *err)
{
	char chunk[65536];
	ssize_t got = 0;
	if (j->source.kind != DUMP_TEXT) return true;
	FILE *file = fopen(j->source.file, "re");
	if (file == NULL) return err_set_errno(err, "%s", j->source.file);
	copy_scan_init(&j->scan, j->arena);
	while ((got = (ssize_t)fread(chunk, 1, sizeof chunk, file)) > 0)
		copy_scan_feed(&j->scan, (struct str){chunk, (size_t)got});
	bool ok = ferror(file) == 0 || err_set_errno(err, "%s", j->source.file);
	(void)fclose(file);
	if (ok && j->scan.is_inside)
		ok =
		    err_set(err, ERR_INVALID, "the file is cut off in the middle of the rows of %.100s; fetch it again",
			    j->scan.count > 0 ? j->scan.tables[j->scan.count - 1].target : "a table");
	copy_scan_done(&j->scan);
	return ok;
}

static bool carry_migrations(struct job *j, struct err *err)
{
	return !j->has_live || import_carry_migrations(&j->parts.owndb, &j->import.clone.db, &j->events, err);
}

static bool step_restore(struct job *j, struct err *err)
{
	struct import *im = &j->import;
	if (!scan_text(j, err)) return false;
	*im = (struct import){.live = &j->parts.owndb,
			      .has_live = j->has_live,
			      .clones_dir = j->clones,
			      .cache_dir = j->cache,
			      .majors_dir = j->parts.majors_dir,
			      .work_dir = j->dir,
			      .file = j->source.file,
			      .kind = j->source.kind,
			      .major = j->source.major,
			      .bin_dir = j->source.bin_dir,
			      .makes_roles = json_bool(j->options, "make_roles", false),
			      .accepts_errors = json_bool(j->options, "accept_errors", false),
			      .arena = j->arena,
			      .report = j->report,
			      .on_line = say,
			      .arg = j,
			      .scan = j->source.kind == DUMP_TEXT ? &j->scan : NULL};
	if (!import_begin(im, err)) return false;
	if (!import_fill(im, err))
		return j->source.kind == DUMP_TEXT &&
		       err_wrap(err, "%.200s", json_str(j->options, "source", "the SQL"));
	pause_here("restore", "filled");
	detail(j, "into a cluster beside, without touching the live one");
	return import_vault(&j->source, &im->clone.db, err) && carry_migrations(j, err);
}

static int64_t rows_of(const json_t *report, const char *table)
{
	json_t *list = json_object_get(report, "tables"), *one;
	size_t i;
	json_array_foreach(list, i, one) if (strcmp(json_str(one, "name", ""), table) == 0) return json_int(one, "rows",
													    0);
	return 0;
}

/* What was compared becomes the app's. */
static bool settle(struct job *j, bool is_analyzed, struct err *err)
{
	char url[EDGE_HOST_SIZE];
	struct import *im = &j->import;
	edge_app_url(&j->f->edge, j->parts.app.name, url);
	if (!import_urls(im, json_bool(j->options, "rewrite_urls", false) ? url : NULL, err) ||
	    !import_settle(im, is_analyzed, err) || !database_settle(j->f, &j->parts, &im->clone.db, err))
		return false;
	json_t *gone = NULL;
	if (!import_gone(im, &gone, err)) return false;
	json_object_set_new(j->report, "gone", gone);
	json_object_set_new(j->report, "users", json_integer(rows_of(j->report, "auth.users")));
	json_object_set_new(j->report, "objects", json_integer(rows_of(j->report, "storage.objects")));
	detail(j, "%zu tables, every row; %lld users", json_array_size(json_object_get(j->report, "tables")),
	       (long long)rows_of(j->report, "auth.users"));
	return true;
}

static bool step_compare(struct job *j, struct err *err)
{
	return import_compare(&j->import, err) && settle(j, false, err);
}

/* Of a source that is followed. */

static bool step_offer(struct job *j, struct err *err)
{
	char path[FILE_PATH_SIZE];
	if (!check_live(j, err) || !import_follow_offer(&j->follow, err)) return false;
	detail(j, j->follow.is_offered ? "it may be" : "it may not be");
	if (!j->follow.is_offered) return true;
	/* A dump from an earlier try shows another moment. */
	j->source.snapshot = j->follow.start.snapshot;
	return file_path(path, err, "%s/source.dump", j->dir) && file_remove_tree(path, err);
}

static bool step_twin(struct job *j, struct err *err)
{
	return import_follow_twin(&j->follow, err);
}

static bool step_catch_up(struct job *j, struct err *err)
{
	j->import = (struct import){.live = &j->parts.owndb,
				    .has_live = j->has_live,
				    .work_dir = j->dir,
				    .arena = j->arena,
				    .report = j->report,
				    .on_line = say,
				    .arg = j};
	if (!check_live(j, err) || !import_follow_catch_up(&j->follow, err)) return false;
	detail(j, j->follow.is_caught_up ? "as good as nothing is to go" : "it is not; the other way is taken");
	return !j->follow.is_caught_up || import_vault_again(&j->source, &j->import.clone.db, err);
}

static bool step_take(struct job *j, struct err *err)
{
	if (!import_follow_take(&j->follow, err)) return false;
	pause_here("follow", "compared");
	return carry_migrations(j, err) && import_follow_part(&j->follow, err) && settle(j, true, err);
}

/* What lies in another S3 is not seen here, and would seem to be missing. */
static bool check_place(struct job *j, struct err *err)
{
	json_t *place JSON_CLEANUP = NULL;
	if (!place_describe(j->f, j->parts.app.name, &place, err)) return false;
	if (strcmp(json_str(place, "kind", "local"), "local") == 0 && json_bool(place, "empty", true)) return true;
	return err_set(err, ERR_CONFLICT,
		       "files of %s lie in another S3, where it is not seen which are missing; bring them back first: "
		       "freehold storage %s place local",
		       j->parts.app.name, j->parts.app.name);
}

static bool bring_files(struct job *j, bool is_live, struct err *err)
{
	struct import_files files = {.f = j->f,
				     .parts = &j->parts,
				     .events = &j->events,
				     .report = j->report,
				     .drops_missing = json_bool(j->options, "drop_missing", false),
				     .is_live = is_live};
	struct err why;
	bool is_trial = json_bool(j->options, "check", false);
	bool ok = import_files_bring(&files, is_live ? &j->parts.owndb : &j->import.clone.db, &why);
	/* Of a live app every file that came counts, also when others did not. */
	if (!is_trial && (ok || is_live) && !import_files_place(&files, err)) return false;
	const json_t *report = json_object_get(j->report, "files");
	detail(j, "%lld of %lld files came, %lld were here", (long long)json_int(report, "brought", 0),
	       (long long)json_int(report, "wanted", 0), (long long)json_int(report, "here", 0));
	if (!ok) *err = why;
	return ok;
}

static bool is_files_only(const struct job *j)
{
	return json_bool(j->options, "files_only", false);
}

static bool step_files(struct job *j, struct err *err)
{
	if (!is_files_only(j)) return bring_files(j, false, err);
	if (!j->has_live)
		return err_set(err, ERR_CONFLICT, "%s has no database yet; import it first, or deploy the app",
			       j->parts.app.name);
	return check_place(j, err) && bring_files(j, true, err);
}

/* Told by in a journal that was cut off. PostgreSQL's user owns it like the rest: backups read every file. */
static bool put_mark(const struct job *j, struct err *err)
{
	char mark[FILE_PATH_SIZE];
	const struct owndb *db = &j->parts.owndb;
	if (!file_path(mark, err, "%s/freehold_import", j->import.clone.data_dir) ||
	    !file_write(mark, str_from(json_str(j->journal, "began_at", "")), 0600, err))
		return false;
	return !db->has_user || lchown(mark, db->uid, db->gid) == 0 || err_set_errno(err, "%s", mark);
}

static bool step_switch(struct job *j, struct err *err)
{
	int64_t stopped_ms = 0;
	struct import *im = &j->import;
	if (json_bool(j->options, "check", false)) {
		detail(j, "only a trial: nothing was changed");
		return true;
	}
	if (!clone_stop_clean(&im->clone, err) || !tool_sync(im->clone.data_dir, err) || !put_mark(j, err) ||
	    !cluster_switch(j->f, j->parts.app.name, im->clone.data_dir, &stopped_ms, err))
		return false;
	if (is_held(j)) json_object_set_new(j->report, "held_ms", json_integer(clock_now_ms() - j->still.since_ms));
	struct err why;
	if (!elsewhere_forget(j->f, j->parts.app.name, &why)) events_note(&j->events, why.msg);
	if (!import_open_places(j->f, j->parts.app.name, &why)) events_note(&j->events, why.msg);
	json_object_set_new(j->report, "stopped_ms", json_integer(stopped_ms));
	json_object_set_new(j->report, "former", json_boolean(j->has_live));
	json_object_set_new(j->report, "deployed", json_boolean(strcmp(j->parts.app.state, "new") != 0));
	if (j->has_live)
		detail(j, "the database was away for %.1f s; the former one is set aside", (double)stopped_ms / 1000);
	return true;
}

static const struct {
	const char *name;
	bool (*run)(struct job *j, struct err *err);
} steps[] = {{"import-offer", step_offer}, {"import-catch-up", step_catch_up}, {"import-hold", step_hold},
	     {"import-take", step_take},   {"import-receive", step_receive},   {"import-restore", step_restore},
	     {"import-twin", step_twin},   {"import-compare", step_compare},   {"import-files", step_files},
	     {"switch", step_switch}};

static bool is_due(const struct job *j, size_t step)
{
	bool (*run)(struct job *, struct err *) = steps[step].run;
	if (run == step_offer) return import_follow_wants_offer(&j->follow);
	if (run == step_catch_up) return import_follow_is_there(&j->follow);
	if (run == step_take) return j->follow.is_caught_up;
	if (run == step_twin) return j->follow.is_offered;
	if (run == step_hold) return json_bool(j->options, "hold", false);
	if (run == step_files) return json_bool(j->options, "files", false);
	if (run == step_switch) return !is_files_only(j);
	return !is_files_only(j) && !j->follow.is_caught_up;
}

static bool run_steps(struct job *j, struct err *err)
{
	for (size_t i = 0; i < sizeof steps / sizeof *steps; i++) {
		int64_t from_ms = clock_now_ms();
		if (!is_due(j, i)) continue;
		j->detail[0] = '\0';
		json_object_set_new(j->journal, "step", json_string(steps[i].name));
		if (!save(j, err)) return false;
		events_step(&j->events, steps[i].name, "running", -1, NULL);
		bool ok = steps[i].run(j, err);
		events_step(&j->events, steps[i].name, ok ? "done" : "failed", clock_now_ms() - from_ms, j->detail);
		if (!ok) return false;
	}
	return true;
}

static bool open_job(struct job *j, const char *app, struct err *err)
{
	char events[FILE_PATH_SIZE];
	const char *sealed;
	if (!parts_ensure_major(j->f, app, NULL, NULL, err) || !parts_ensure(j->f, app, &j->parts, err) ||
	    !import_journal_read(j->f, app, &j->journal, err) || !import_events_path(j->f, app, events, err) ||
	    !events_open(&j->events, events, err) || !layout_app(&j->f->layout, app, "import", j->dir, err) ||
	    !layout_app(&j->f->layout, app, "clones", j->clones, err) || !file_mkdirs(j->clones, 0755, err) ||
	    !owndb_sweep_clones(j->clones, NULL, err) || !database_cache(j->f, j->cache, err))
		return false;
	/* Two at once, after a kill: the second waits until the first is gone. */
	if (flock(j->events.fd, LOCK_EX) != 0) return err_set_errno(err, "%s", events);
	j->options = json_object_get(j->journal, "options");
	j->report = json_object_get(j->journal, "report");
	sealed = json_str(j->options, "url", NULL);
	if (sealed != NULL && !git_address_open(j->f->seal, app, sealed, &j->url, err)) return false;
	j->source = (struct import_source){.f = j->f,
					   .parts = &j->parts,
					   .events = &j->events,
					   .report = j->report,
					   .dir = j->dir,
					   .url = sealed != NULL ? buf_cstr(&j->url) : NULL,
					   .wanted_major = (int)json_int(j->options, "postgres", 0)};
	j->follow = (struct import_follow){.f = j->f,
					   .parts = &j->parts,
					   .events = &j->events,
					   .report = j->report,
					   .options = j->options,
					   .url = j->source.url,
					   .import = &j->import,
					   .turn = -1};
	return import_follow_begin(&j->follow, err);
}

/* The cluster's user reads what came, writes its lists, and is the only one. */
static bool give_folder(struct job *j, struct err *err)
{
	static const char *const names[] = {"source", "source.plain", "source.dump"};
	char path[FILE_PATH_SIZE];
	const struct owndb *db = &j->parts.owndb;
	for (size_t i = 0; i < 3; i++) {
		if (!file_path(path, err, "%s/%s", j->dir, names[i])) return false;
		if (db->has_user && file_exists(path) && lchown(path, db->uid, db->gid) != 0)
			return err_set_errno(err, "%s", path);
	}
	if (db->has_user && (lchown(j->dir, db->uid, db->gid) != 0 || chmod(j->dir, 0700) != 0))
		return err_set_errno(err, "%s", j->dir);
	return true;
}

/* A stopped app's PostgreSQL runs while its schema or its rows are looked at. */
static bool wake_live(struct job *j, struct err *err)
{
	/* An app whose database is elsewhere has none beside which this one could be compared: it is to have one. */
	if (j->parts.elsewhere.is && !parts_take_own(j->f, &j->parts, err)) return false;
	j->has_live = file_exists(j->parts.data_dir);
	if (!j->has_live) return true;
	j->was_stopped = strcmp(j->parts.app.state, "running") != 0;
	return daemon_start_part(j->f, j->parts.app.name, "postgres", err) &&
	       owndb_wait_ready(&j->parts.owndb, 0, READY_DEADLINE_MS, err);
}

static void forget_source(struct job *j)
{
	static const char *const names[] = {"source",    "source.plain", "source.dump",     "incoming.dump", "app.list",
					    "host.list", "compare.list", "extensions.list", "vault.list"};
	char path[FILE_PATH_SIZE];
	struct err ignored;
	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		if (file_path(path, &ignored, "%s/%s", j->dir, names[i])) (void)file_remove_tree(path, &ignored);
}

static void end_job(struct job *j, bool ok, const struct err *why)
{
	char now[CLOCK_ISO8601_SIZE];
	struct err err;
	bool is_trial = json_bool(j->options, "check", false);
	clock_iso8601(clock_wall_ms(), now);
	json_object_set_new(j->journal, "state", json_string(!ok ? "failed" : is_trial ? "checked" : "done"));
	json_object_set_new(j->journal, "ended_at", json_string(now));
	if (!ok)
		json_object_set_new(j->journal, "error",
				    json_pack("{s:s, s:s}", "code", err_code_word(why->code), "message", why->msg));
	json_object_set_new(j->journal, "took_ms", json_integer(clock_now_ms() - j->began_ms));
	if (ok && !is_trial) forget_source(j);
	/* A move asks the same source once more. */
	if (ok && !is_trial && !json_bool(j->options, "move", false)) {
		json_object_del(json_object_get(j->journal, "options"), "url");
		import_files_forget(j->f, j->parts.app.name);
	}
	if (!save(j, &err)) log_error("%s: %s", j->parts.app.name, err.msg);
	json_t *shown = NULL;
	if (import_json(j->f, j->parts.app.name, true, &shown, &err)) events_end(&j->events, shown);
	json_decref(shown);
}

/* What was copied in vain lets its source go on; what is live leaves it as it is. */
static void settle_source(struct job *j, bool ok)
{
	struct err err;
	quiesce_close(&j->still);
	if (is_held(j) && !ok && !move_release(j->f, j->parts.app.name, j->journal, buf_cstr(&j->url), &err))
		events_note(&j->events, err.msg);
}

bool import_run(const struct flow *f, const char *app, struct err *err)
{
	struct job *j = calloc(1, sizeof *j);
	struct err ignored;
	if (j == NULL) abort();
	j->f = f;
	j->began_ms = clock_now_ms();
	j->arena = arena_new(ARENA_MAX_BYTES);
	j->events.fd = -1;
	buf_init(&j->url, 4096);
	bool is_open = open_job(j, app, err);
	bool ok = is_open && give_folder(j, err) && wake_live(j, err) && run_steps(j, err);
	import_end(&j->import);
	if (j->was_stopped) (void)daemon_stop_part(f, app, "postgres", &ignored);
	if (is_open) settle_source(j, ok);
	if (is_open) import_follow_end(&j->follow, ok);
	if (is_open) end_job(j, ok, err);
	if (!ok) log_warn("%s: import: %s", app, err->msg);
	events_close(&j->events);
	json_decref(j->journal);
	buf_done(&j->url);
	arena_free(j->arena);
	free(j);
	return ok;
}

bool import_open_places(const struct flow *f, const char *app, struct err *err)
{
	struct parts now; /* its major may be another */
	return parts_open(f, app, &now, err) && archive_open_all(f, &now, err) && archive_drain_all(f, &now, err);
}

bool import_undo(const struct flow *f, const char *app, struct err *err)
{
	int64_t stopped_ms = 0;
	struct err why;
	if (!cluster_switch_back(f, app, &stopped_ms, err)) return false;
	if (!import_open_places(f, app, &why)) log_warn("%s", why.msg);
	return true;
}
