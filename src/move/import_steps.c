/* SPDX-License-Identifier: Apache-2.0 */
#include "move/import_steps.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "app/cluster_switch.h"
#include "app/database.h"
#include "app/pause.h"
#include "app/place.h"
#include "base/clock.h"
#include "codec/json.h"
#include "move/import.h"
#include "move/import_carry.h"
#include "move/import_files.h"
#include "move/move.h"
#include "owndb/tool.h"

static void say(void *arg, const char *text)
{
	struct import_job *j = arg;
	events_line(&j->events, 1, str_from(text));
}

static void detail(struct import_job *j, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static void detail(struct import_job *j, const char *fmt, ...)
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
static bool check_live(struct import_job *j, struct err *err)
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
static bool step_hold(struct import_job *j, struct err *err)
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

bool import_job_is_held(const struct import_job *j)
{
	return json_bool(j->journal, "held", false);
}

static bool step_receive(struct import_job *j, struct err *err)
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
static bool scan_text(struct import_job *j, struct err *err)
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

static bool carry_migrations(struct import_job *j, struct err *err)
{
	return !j->has_live || import_carry_migrations(&j->parts.owndb, &j->import.clone.db, &j->events, err);
}

static bool step_restore(struct import_job *j, struct err *err)
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
static bool settle(struct import_job *j, bool is_analyzed, struct err *err)
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

static bool step_compare(struct import_job *j, struct err *err)
{
	return import_compare(&j->import, err) && settle(j, false, err);
}

/* Of a source that is followed. */

static bool step_offer(struct import_job *j, struct err *err)
{
	char path[FILE_PATH_SIZE];
	if (!check_live(j, err) || !import_follow_offer(&j->follow, err)) return false;
	detail(j, j->follow.is_offered ? "it may be" : "it may not be");
	if (!j->follow.is_offered) return true;
	/* A dump from an earlier try shows another moment. */
	j->source.snapshot = j->follow.start.snapshot;
	return file_path(path, err, "%s/source.dump", j->dir) && file_remove_tree(path, err);
}

static bool step_twin(struct import_job *j, struct err *err)
{
	return import_follow_twin(&j->follow, err);
}

static bool step_catch_up(struct import_job *j, struct err *err)
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

static bool step_take(struct import_job *j, struct err *err)
{
	if (!import_follow_take(&j->follow, err)) return false;
	pause_here("follow", "compared");
	return carry_migrations(j, err) && import_follow_part(&j->follow, err) && settle(j, true, err);
}

/* What lies in another S3 is not seen here, and would seem to be missing. */
static bool check_place(struct import_job *j, struct err *err)
{
	json_t *place JSON_CLEANUP = NULL;
	if (!place_describe(j->f, j->parts.app.name, &place, err)) return false;
	if (strcmp(json_str(place, "kind", "local"), "local") == 0 && json_bool(place, "empty", true)) return true;
	return err_set(err, ERR_CONFLICT,
		       "files of %s lie in another S3, where it is not seen which are missing; bring them back first: "
		       "freehold storage %s place local",
		       j->parts.app.name, j->parts.app.name);
}

static bool bring_files(struct import_job *j, bool is_live, struct err *err)
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

static bool is_files_only(const struct import_job *j)
{
	return json_bool(j->options, "files_only", false);
}

static bool step_files(struct import_job *j, struct err *err)
{
	if (!is_files_only(j)) return bring_files(j, false, err);
	if (!j->has_live)
		return err_set(err, ERR_CONFLICT, "%s has no database yet; import it first, or deploy the app",
			       j->parts.app.name);
	return check_place(j, err) && bring_files(j, true, err);
}

/* Told by in a journal that was cut off. PostgreSQL's user owns it like the rest: backups read every file. */
static bool put_mark(const struct import_job *j, struct err *err)
{
	char mark[FILE_PATH_SIZE];
	const struct owndb *db = &j->parts.owndb;
	if (!file_path(mark, err, "%s/freehold_import", j->import.clone.data_dir) ||
	    !file_write(mark, str_from(json_str(j->journal, "began_at", "")), 0600, err))
		return false;
	return !db->has_user || lchown(mark, db->uid, db->gid) == 0 || err_set_errno(err, "%s", mark);
}

static bool step_switch(struct import_job *j, struct err *err)
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
	if (import_job_is_held(j))
		json_object_set_new(j->report, "held_ms", json_integer(clock_now_ms() - j->still.since_ms));
	struct err why;
	if (!import_open_places(j->f, j->parts.app.name, &why)) events_note(&j->events, why.msg);
	json_object_set_new(j->report, "stopped_ms", json_integer(stopped_ms));
	json_object_set_new(j->report, "former", json_boolean(j->has_live || j->was_elsewhere));
	json_object_set_new(j->report, "former_elsewhere", json_boolean(j->was_elsewhere));
	json_object_set_new(j->report, "deployed", json_boolean(strcmp(j->parts.app.state, "new") != 0));
	if (j->was_elsewhere)
		detail(j, "the database elsewhere is left as it is");
	else if (j->has_live)
		detail(j, "the database was away for %.1f s; the former one is set aside", (double)stopped_ms / 1000);
	return true;
}

static const struct {
	const char *name;
	bool (*run)(struct import_job *j, struct err *err);
} steps[] = {{"import-offer", step_offer}, {"import-catch-up", step_catch_up}, {"import-hold", step_hold},
	     {"import-take", step_take},   {"import-receive", step_receive},   {"import-restore", step_restore},
	     {"import-twin", step_twin},   {"import-compare", step_compare},   {"import-files", step_files},
	     {"switch", step_switch}};

static bool is_due(const struct import_job *j, size_t step)
{
	bool (*run)(struct import_job *, struct err *) = steps[step].run;
	if (run == step_offer) return import_follow_wants_offer(&j->follow);
	if (run == step_catch_up) return import_follow_is_there(&j->follow);
	if (run == step_take) return j->follow.is_caught_up;
	if (run == step_twin) return j->follow.is_offered;
	if (run == step_hold) return json_bool(j->options, "hold", false);
	if (run == step_files) return json_bool(j->options, "files", false);
	if (run == step_switch) return !is_files_only(j);
	return !is_files_only(j) && !j->follow.is_caught_up;
}

bool import_steps_run(struct import_job *j, struct err *err)
{
	for (size_t i = 0; i < sizeof steps / sizeof *steps; i++) {
		int64_t from_ms = clock_now_ms();
		if (!is_due(j, i)) continue;
		j->detail[0] = '\0';
		json_object_set_new(j->journal, "step", json_string(steps[i].name));
		if (!import_journal_write(j->f, j->parts.app.name, j->journal, err)) return false;
		events_step(&j->events, steps[i].name, "running", -1, NULL);
		bool ok = steps[i].run(j, err);
		events_step(&j->events, steps[i].name, ok ? "done" : "failed", clock_now_ms() - from_ms, j->detail);
		if (!ok) return false;
	}
	return true;
}
