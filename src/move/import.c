/* SPDX-License-Identifier: Apache-2.0 */
#include "move/import.h"

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
#include "base/clock.h"
#include "base/log.h"
#include "codec/json.h"
#include "move/import_files.h"
#include "move/import_steps.h"
#include "move/move.h"

#define ARENA_MAX_BYTES (256u << 20)
#define READY_DEADLINE_MS 60000

static bool open_job(struct import_job *j, const char *app, struct err *err)
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
static bool give_folder(struct import_job *j, struct err *err)
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
static bool wake_live(struct import_job *j, struct err *err)
{
	/* An app whose database is elsewhere has none beside which this one could be compared: it is to have one. */
	j->was_elsewhere = j->parts.elsewhere.is;
	if (j->was_elsewhere && !parts_take_own(j->f, &j->parts, err)) return false;
	j->has_live = file_exists(j->parts.data_dir);
	if (!j->has_live) return true;
	j->was_stopped = strcmp(j->parts.app.state, "running") != 0;
	return daemon_start_part(j->f, j->parts.app.name, "postgres", err) &&
	       owndb_wait_ready(&j->parts.owndb, 0, READY_DEADLINE_MS, err);
}

static void forget_source(struct import_job *j)
{
	static const char *const names[] = {"source",    "source.plain", "source.dump",     "incoming.dump", "app.list",
					    "host.list", "compare.list", "extensions.list", "vault.list"};
	char path[FILE_PATH_SIZE];
	struct err ignored;
	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		if (file_path(path, &ignored, "%s/%s", j->dir, names[i])) (void)file_remove_tree(path, &ignored);
}

static void end_job(struct import_job *j, bool ok, const struct err *why)
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
	if (!import_journal_write(j->f, j->parts.app.name, j->journal, &err))
		log_error("%s: %s", j->parts.app.name, err.msg);
	json_t *shown = NULL;
	if (import_json(j->f, j->parts.app.name, true, &shown, &err)) events_end(&j->events, shown);
	json_decref(shown);
}

/* What was copied in vain lets its source go on; what is live leaves it as it is. */
static void settle_source(struct import_job *j, bool ok)
{
	struct err err;
	quiesce_close(&j->still);
	if (import_job_is_held(j) && !ok && !move_release(j->f, j->parts.app.name, j->journal, buf_cstr(&j->url), &err))
		events_note(&j->events, err.msg);
}

bool import_run(const struct flow *f, const char *app, struct err *err)
{
	struct import_job *j = calloc(1, sizeof *j);
	struct err ignored;
	if (j == NULL) abort();
	j->f = f;
	j->began_ms = clock_now_ms();
	j->arena = arena_new(ARENA_MAX_BYTES);
	j->events.fd = -1;
	buf_init(&j->url, 4096);
	bool is_open = open_job(j, app, err);
	bool ok = is_open && give_folder(j, err) && wake_live(j, err) && import_steps_run(j, err);
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
