/* SPDX-License-Identifier: Apache-2.0 */
#include "api/schedule.h"

#include <stdlib.h>
#include <string.h>

#include "api/worker.h"
#include "app/archive.h"
#include "app/elsewhere.h"
#include "backup/queue.h"
#include "base/clock.h"
#include "base/log.h"
#include "codec/json.h"
#include "store/deployment.h"
#include "store/home.h"
#include "upkeep/backup.h"
#include "upkeep/branch.h"
#include "upkeep/fetched.h"
#include "upkeep/pack.h"

#define FIRST_DRILL_MS ((int64_t)3600 * 1000)
#define FIRST_FILES_MS ((int64_t)10 * 60 * 1000)
#define SHIP_AGAIN_MAX_MS ((int64_t)5 * 60 * 1000)
#define DRILL_AGAIN_MS ((int64_t)6 * 3600 * 1000)
#define LOOK_AGAIN_MS ((int64_t)6 * 3600 * 1000)

struct schedule {
	uv_timer_t timer;
	struct daemon *d;
	bool is_shipping;
	/* Of one tick. */
	struct backup_places places;
	struct retention retention;
	int64_t now_ms;
	bool has_begun; /* a job */
};

static void on_shipped(void *arg, bool is_ok, struct str output)
{
	(void)is_ok, (void)output;
	struct daemon *d = arg;
	if (d->schedule != NULL) d->schedule->is_shipping = false;
}

/* What was only in the way of something else is tried again soon, each time after twice as long: whatever is in its way
 * may stay there. */
static int64_t conflict_pause_ms(struct schedule *s, const char *app, const char *kind, int64_t again_ms)
{
	struct err ignored;
	int count = 1;
	int64_t pause = SCHEDULE_AGAIN_SOON_MS;
	(void)job_failed_in_a_row(s->d->flow.db, app, kind, ERR_CONFLICT, &count, &ignored);
	while (--count > 0 && pause < again_ms) pause *= 2;
	return pause < again_ms ? pause : again_ms;
}

/* True when the last try is long enough ago. */
static bool may_try(struct schedule *s, const char *app, const char *kind, int64_t again_ms)
{
	struct job job;
	struct err err;
	if (!job_newest(s->d->flow.db, app, kind, NULL, &job, &err)) return false;
	if (strcmp(job.state, "running") == 0) return false;
	if (strcmp(job.error_code, err_code_word(ERR_CONFLICT)) == 0)
		again_ms = conflict_pause_ms(s, app, kind, again_ms);
	bool has_failed = strcmp(job.state, "failed") == 0 || strcmp(job.state, "interrupted") == 0;
	return !has_failed || s->now_ms - job.ended_at_ms >= again_ms || s->now_ms < job.ended_at_ms;
}

static void begin(struct schedule *s, const char *app, const char *kind, json_t *options)
{
	struct err err;
	int64_t id = 0;
	if (job_begin(s->d->flow.db, app, kind, options, &id, &err)) {
		s->has_begun = true;
		if (!worker_job(s->d, id, &err)) {
			log_error("%s of %s: %s", kind, app != NULL ? app : "the home", err.msg);
			(void)job_end(s->d->flow.db, id, "failed", &err, NULL, &err);
		}
	}
	json_decref(options);
}

/* A restore put another history live: nothing of it is in a backup before the next full one. */
static bool has_new_history(struct schedule *s, const char *app, const json_t *backups)
{
	struct err ignored;
	json_t *list JSON_CLEANUP = NULL;
	if (!timeline_list(s->d->flow.db, app, &list, &ignored) || json_array_size(list) == 0) return false;
	int64_t began = json_int(json_array_get(list, json_array_size(list) - 1), "began_at_ms", 0);
	for (size_t i = 0; i < json_array_size(backups); i++) {
		const json_t *b = json_array_get(backups, i);
		if (strcmp(json_str(b, "type", ""), "full") == 0 && json_int(b, "start_ms", 0) >= began - 1000)
			return false;
	}
	return true;
}

/* The newest one was in the way of something else, or that of it: it is owed, also when nothing is due by the clock. */
static bool is_put_off(struct schedule *s, const char *app, int64_t *ret_place, bool *ret_is_full)
{
	struct job job;
	struct err ignored;
	json_t *options JSON_CLEANUP = NULL;
	if (!job_newest(s->d->flow.db, app, "backup", NULL, &job, &ignored) || strcmp(job.state, "failed") != 0 ||
	    strcmp(job.error_code, err_code_word(ERR_CONFLICT)) != 0 ||
	    !json_parse(str_from(job.options), &options, &ignored) || !may_try(s, app, "backup", SCHEDULE_AGAIN_MS))
		return false;
	*ret_place = json_int(options, "place", 0);
	*ret_is_full = json_bool(options, "full", false);
	return true;
}

/* At which place, and which kind, a backup of this app is due; and what has broken is written down. */
static enum due due_at(struct schedule *s, const char *app, const char *archive_dir, int64_t *ret_place,
		       bool *ret_is_broken)
{
	struct err err;
	for (int i = 0; i < s->places.count; i++) {
		int64_t place = s->places.list[i].id;
		struct queue_state state;
		json_t *list JSON_CLEANUP = NULL;
		queue_state(archive_dir, place, &state);
		*ret_place = place;
		*ret_is_broken = state.broken_since_ms != 0;
		if (*ret_is_broken) {
			if (!backup_gap_open(s->d->flow.db, app, place, state.broken_since_ms, state.broken, &err))
				log_error("%s: %s", app, err.msg);
			if (may_try(s, app, "backup", SCHEDULE_AGAIN_BROKEN_MS)) return DUE_FULL;
			continue;
		}
		if (!backup_info_get(s->d->flow.db, app, place, &list, NULL, &err)) continue;
		enum due due = retention_due(&s->retention, list, s->now_ms);
		if (has_new_history(s, app, list)) due = DUE_FULL;
		if (due != DUE_NOTHING && may_try(s, app, "backup", SCHEDULE_AGAIN_MS)) return due;
	}
	bool is_full = false;
	*ret_is_broken = false;
	if (is_put_off(s, app, ret_place, &is_full)) return is_full ? DUE_FULL : DUE_INCREMENTAL;
	return DUE_NOTHING;
}

/* The first one an hour after the first backup, then by the day; one that failed is tried again in a quarter. */
static bool is_drill_due(struct schedule *s, const char *app)
{
	struct err ignored;
	struct job drill, backup;
	if (s->retention.drill_days == 0 || !job_newest(s->d->flow.db, app, "drill", NULL, &drill, &ignored) ||
	    !job_newest(s->d->flow.db, app, "backup", "done", &backup, &ignored) || backup.id == 0)
		return false;
	if (drill.id == 0) return s->now_ms - backup.ended_at_ms >= FIRST_DRILL_MS;
	if (strcmp(drill.state, "done") != 0) return may_try(s, app, "drill", DRILL_AGAIN_MS);
	int64_t slot = retention_slot_ms(s->now_ms, s->retention.hour);
	return drill.began_at_ms < slot - (s->retention.drill_days - 1) * RETENTION_DAY_MS ||
	       drill.began_at_ms > s->now_ms;
}

/* A branch whose days are over goes, one at a tick. */
static void end_branch(struct schedule *s, const char *app)
{
	struct branch list[BRANCHES_MAX];
	struct err err;
	int count = 0;
	if (!branch_list(&s->d->flow, app, list, &count, &err)) log_error("%s: %s", app, err.msg);
	for (int i = 0; i < count && !s->has_begun; i++) {
		if (list[i].expires_at_ms == 0 || list[i].expires_at_ms > s->now_ms) continue;
		if (!may_try(s, app, "branch", SCHEDULE_AGAIN_MS)) return;
		log_info("%s: the days of its branch %s are over", app, list[i].name);
		begin(s, app, "branch",
		      json_pack("{s:s, s:s, s:b}", "do", "delete", "name", list[i].name, "is_scheduled", true));
	}
}

/* At every tick at first, then ever less often, up to some minutes: a place may be away for days. */
static bool may_ship(const struct queue_state *q)
{
	int64_t now = clock_wall_ms(), pause = (now - q->failing_since_ms) / 4;
	if (q->failing_since_ms == 0) return true;
	if (pause > SHIP_AGAIN_MAX_MS) pause = SHIP_AGAIN_MAX_MS;
	return now - q->tried_ms >= pause || q->tried_ms > now;
}

static void ship(struct schedule *s, const char *app, const char *archive_dir)
{
	struct err err;
	for (int i = 0; i < s->places.count && !s->is_shipping; i++) {
		struct queue_state state;
		queue_state(archive_dir, s->places.list[i].id, &state);
		if (state.waiting == 0 || !may_ship(&state)) continue;
		s->is_shipping = worker_ship(s->d, app, on_shipped, s->d, &err);
	}
}

/* The app runs, and nobody has it for himself. */
static bool is_settled(struct schedule *s, const struct app *app)
{
	struct err ignored;
	int64_t running = 0;
	return strcmp(app->state, "running") == 0 && worker_check_not_ending(s->d, app->name, &ignored) &&
	       deployment_running(s->d->flow.db, app->name, &running, &ignored) && running == 0;
}

static void pack(struct schedule *s, const char *app)
{
	struct job job;
	struct err ignored;
	int64_t newest = 0;
	json_t *options JSON_CLEANUP = NULL;
	if (!job_newest(s->d->flow.db, app, "pack", "done", &job, &ignored)) return;
	if (job.id != 0 && !json_parse(str_from(job.options), &options, &ignored)) return;
	if (pack_is_due(&s->d->flow, app, json_int(options, "deployment", 0), &newest) &&
	    may_try(s, app, "pack", SCHEDULE_AGAIN_MS))
		begin(s, app, "pack", json_pack("{s:I, s:b}", "deployment", (json_int_t)newest, "is_scheduled", true));
}

static bool look_at(void *arg, const struct app *app, struct err *err)
{
	struct schedule *s = arg;
	char archive_dir[FILE_PATH_SIZE];
	int64_t place = 0;
	bool is_broken = false, is_elsewhere = false;
	if (!elsewhere_is(&s->d->flow, app->name, &is_elsewhere, err)) return false;
	if (is_elsewhere) { /* nothing of it is Freehold's to back up */
		if (!s->has_begun && is_settled(s, app)) pack(s, app->name);
		return true;
	}
	if (!layout_app(&s->d->flow.layout, app->name, "postgres/archive", archive_dir, err)) return false;
	ship(s, app->name, archive_dir);
	if (!s->has_begun && worker_check_not_ending(s->d, app->name, err)) end_branch(s, app->name);
	if (s->has_begun || !is_settled(s, app)) return true;
	enum due due = due_at(s, app->name, archive_dir, &place, &is_broken);
	if (due != DUE_NOTHING)
		begin(s, app->name, "backup",
		      json_pack("{s:b, s:I, s:b}", "full", due == DUE_FULL, "place", (json_int_t)place, "is_scheduled",
				true));
	else if (is_drill_due(s, app->name))
		begin(s, app->name, "drill", json_pack("{s:i, s:b}", "place", 0, "is_scheduled", true));
	else
		pack(s, app->name);
	return true;
}

/* Files go by the day too, the first time ten minutes after there is something (of an app whose database is elsewhere
 * there is never a backup of that), and at once to a new place. */
static bool are_files_due(struct schedule *s, struct err *err)
{
	struct job files, backup;
	int64_t newest_place = 0;
	struct db_query q;
	db_query(
	    s->d->flow.db, &q,
	    "select coalesce(min(at), 0) from (select ended_at as at from job where kind = 'backup' and state = 'done' "
	    "union all select set_at from secret where kind = 'database' and name = 'url')",
	    "");
	int64_t first = db_row(&q) ? sqlite3_column_int64(q.stmt, 0) : 0;
	if (!db_end(&q, err) || first == 0 || !job_newest(s->d->flow.db, NULL, "files", NULL, &files, err) ||
	    !job_newest(s->d->flow.db, NULL, "files", "done", &backup, err))
		return false;
	if (files.id == 0) return s->now_ms - first >= FIRST_FILES_MS;
	if (strcmp(files.state, "done") != 0) return may_try(s, NULL, "files", SCHEDULE_AGAIN_MS);
	for (int i = 0; i < s->places.count; i++)
		if (s->places.list[i].added_at_ms > newest_place) newest_place = s->places.list[i].added_at_ms;
	/* What began later than now did so while the clock was ahead, and says nothing of when the next is due. */
	return files.began_at_ms < retention_slot_ms(s->now_ms, s->retention.hour) ||
	       files.began_at_ms < newest_place || files.began_at_ms > s->now_ms;
}

/* What was fetched may have become old; a mirror that cannot be reached is asked again some hours later. */
static bool is_look_due(struct schedule *s)
{
	int64_t looked_at_ms = fetched_looked_at_ms(&s->d->flow);
	return looked_at_ms >= 0 && s->now_ms - looked_at_ms >= RETENTION_DAY_MS &&
	       may_try(s, NULL, FETCHED_LOOK_JOB, LOOK_AGAIN_MS);
}

static bool note_running(void *arg, const struct job *job, struct err *err)
{
	(void)job, (void)err;
	*(bool *)arg = true;
	return false;
}

static bool tick(struct schedule *s, struct err *err)
{
	s->has_begun = false;
	(void)job_each(s->d->flow.db, "running", note_running, &s->has_begun, err);
	if (!archive_retention(&s->d->flow, &s->retention, err) ||
	    !backup_places_get(s->d->flow.db, s->d->flow.seal, &s->places, err))
		return false;
	s->now_ms = home_now_ms(s->d->flow.db);
	bool ok = app_each(s->d->flow.db, look_at, s, err);
	if (ok && !s->has_begun && are_files_due(s, err)) begin(s, NULL, "files", json_object());
	if (ok && !s->has_begun && is_look_due(s)) begin(s, NULL, FETCHED_LOOK_JOB, json_object());
	backup_places_done(&s->places);
	return ok;
}

static void on_tick(uv_timer_t *timer)
{
	struct err err;
	if (!tick(timer->data, &err)) log_error("what is due: %s", err.msg);
}

void schedule_start(struct daemon *d)
{
	struct schedule *s = calloc(1, sizeof *s);
	if (s == NULL) abort();
	s->d = d;
	s->timer.data = s;
	d->schedule = s;
	(void)uv_timer_init(&d->loop, &s->timer);
	(void)uv_timer_start(&s->timer, on_tick, 1000, SCHEDULE_TICK_MS);
}

static void on_closed(uv_handle_t *handle)
{
	free(handle->data);
}

void schedule_stop(struct daemon *d)
{
	if (d->schedule == NULL) return;
	uv_close((uv_handle_t *)&d->schedule->timer, on_closed);
	d->schedule = NULL;
}

void schedule_wake(struct daemon *d)
{
	if (d->schedule != NULL) (void)uv_timer_start(&d->schedule->timer, on_tick, 0, SCHEDULE_TICK_MS);
}
