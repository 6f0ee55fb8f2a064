/* SPDX-License-Identifier: Apache-2.0 */
#include "upkeep/backup_status.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "app/archive.h"
#include "app/elsewhere.h"
#include "backup/queue.h"
#include "base/clock.h"
#include "codec/json.h"
#include "store/home.h"
#include "store/job.h"
#include "upkeep/files.h"

#define SILENT_MS ((int64_t)36 * 3600 * 1000) /* a day's backup and half a day for it */

struct looking {
	const struct flow *f;
	struct backup_places places;
	int64_t now_ms;
	json_t *drills, *broken, *failing, *jobs; /* sentences */
	int apps, unproved, elsewhere; /* elsewhere: those whose database is */
	char unproved_name[LAYOUT_APP_NAME_MAX + 1];
};

static void say(json_t *list, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static void say(json_t *list, const char *fmt, ...)
{
	char text[900];
	va_list args;
	va_start(args, fmt);
	(void)vsnprintf(text, sizeof text, fmt, args);
	va_end(args);
	json_array_append_new(list, json_string(text));
}

static void date_of(int64_t at_ms, char ret_text[CLOCK_ISO8601_SIZE])
{
	clock_iso8601(at_ms, ret_text);
	ret_text[10] = ' ';
	ret_text[16] = '\0';
}

static void look_at_places(struct looking *l, const char *app, const char *archive_dir)
{
	for (int i = 0; i < l->places.count; i++) {
		char name[BACKUP_LOCATION_SIZE + 8], date[CLOCK_ISO8601_SIZE];
		struct queue_state s;
		archive_place_name(&l->places.list[i], name);
		queue_state(archive_dir, l->places.list[i].id, &s);
		if (s.broken_since_ms != 0) {
			date_of(s.broken_since_ms, date);
			say(l->broken,
			    "%s cannot be restored to a moment after %s UTC from %.200s (%.200s); a full backup is "
			    "taken as "
			    "soon as that can be.",
			    app, date, name, s.broken);
		} else if (s.failing_since_ms != 0) {
			date_of(s.failing_since_ms, date);
			say(l->failing,
			    "Backups of %s have not reached %.200s since %s UTC: %.200s. Changes wait here (%llu MB).",
			    app, name, date, s.failing, (unsigned long long)(s.waiting_bytes >> 20));
		}
	}
}

static bool look_at_jobs(struct looking *l, const char *app, struct err *err)
{
	struct job drill, backup;
	if (!job_newest(l->f->db, app, "drill", "ended", &drill, err) ||
	    !job_newest(l->f->db, app, "backup", "ended", &backup, err))
		return false;
	if (strcmp(drill.state, "failed") == 0)
		say(l->drills, "THE BACKUP OF %s COULD NOT BE RESTORED in its last drill: %.500s", app, drill.error);
	if (strcmp(backup.state, "failed") == 0 && strcmp(backup.error_code, err_code_word(ERR_CONFLICT)) == 0)
		say(l->jobs, "A backup of %s was put off: %.500s.", app, backup.error);
	else if (strcmp(backup.state, "failed") == 0)
		say(l->jobs, "The last backup of %s failed: %.500s", app, backup.error);
	return true;
}

/* Those of the whole home. */
static void look_at_files(struct looking *l)
{
	json_t *newest JSON_CLEANUP = files_newest(l->f);
	const char *failed = json_str(newest, "failed", NULL);
	if (failed != NULL)
		say(l->jobs, "The last copy of files (storage, sources, releases, settings) failed: %.500s", failed);
}

/* Some drill restored a backup from a place that outlives this server. */
static bool is_proved_elsewhere(struct looking *l, const char *app, bool *ret_is, struct err *err)
{
	struct job drill;
	*ret_is = false;
	if (!job_newest(l->f->db, app, "drill", "done", &drill, err)) return false;
	json_t *result JSON_CLEANUP = drill.id != 0 ? job_result(l->f->db, drill.id) : NULL;
	*ret_is = json_bool(result, "is_elsewhere", false);
	return true;
}

static bool look_at(void *arg, const struct app *app, struct err *err)
{
	struct looking *l = arg;
	char archive_dir[FILE_PATH_SIZE];
	bool is_proved = false, is_elsewhere = false;
	if (!elsewhere_is(l->f, app->name, &is_elsewhere, err)) return false;
	if (is_elsewhere) {
		l->elsewhere += strcmp(app->state, "new") != 0;
		return true;
	}
	if (!layout_app(&l->f->layout, app->name, "postgres/archive", archive_dir, err)) return false;
	if (strcmp(app->state, "new") == 0) { /* a database may have been moved in */
		look_at_places(l, app->name, archive_dir);
		return true;
	}
	if (!look_at_jobs(l, app->name, err) || !is_proved_elsewhere(l, app->name, &is_proved, err)) return false;
	look_at_places(l, app->name, archive_dir);
	l->apps++;
	if (!is_proved && l->unproved++ == 0)
		(void)snprintf(l->unproved_name, sizeof l->unproved_name, "%s", app->name);
	return true;
}

static void say_what_is_lost(const struct looking *l, json_t *warnings)
{
	bool has_elsewhere = false;
	for (int i = 0; i < l->places.count; i++) has_elsewhere |= l->places.list[i].is_elsewhere;
	if (l->apps == 0 && l->elsewhere > 0 && !has_elsewhere)
		say(warnings, "If this server is lost, releases, settings and the files of storage are lost: databases "
			      "are elsewhere, and "
			      "of the rest there is no backup elsewhere. Add a place: freehold backup add s3://BUCKET");
	if (l->apps == 0 || l->unproved == 0) return;
	if (!has_elsewhere)
		say(warnings,
		    "If this server is lost, everything is lost: there is no backup elsewhere. Add a place: freehold "
		    "backup add s3://BUCKET");
	else if (l->unproved == l->apps)
		say(warnings,
		    "If this server is lost, everything is lost: no backup elsewhere has been proved by restoring "
		    "it yet (freehold db %s drill).",
		    l->unproved_name);
	else
		say(warnings,
		    "If this server is lost, %s%s lost: no backup of it elsewhere has been proved by restoring it yet "
		    "(freehold db %s drill).",
		    l->unproved_name, l->unproved > 1 ? " and others are" : " is", l->unproved_name);
}

bool backup_warnings(const struct flow *f, json_t *warnings, struct err *err)
{
	struct looking l = {.f = f,
			    .now_ms = home_now_ms(f->db),
			    .drills = json_array(),
			    .broken = json_array(),
			    .failing = json_array(),
			    .jobs = json_array()};
	bool ok = backup_places_get(f->db, f->seal, &l.places, err) && app_each(f->db, look_at, &l, err);
	if (ok) {
		look_at_files(&l);
		json_array_extend(warnings, l.drills);
		say_what_is_lost(&l, warnings);
		json_array_extend(warnings, l.broken);
		json_array_extend(warnings, l.failing);
		json_array_extend(warnings, l.jobs);
	}
	json_decref(l.drills);
	json_decref(l.broken);
	json_decref(l.failing);
	json_decref(l.jobs);
	backup_places_done(&l.places);
	return ok;
}

static json_t *proved_json(const struct flow *f, const struct job *drill)
{
	char at[CLOCK_ISO8601_SIZE];
	json_t *result JSON_CLEANUP = drill->id != 0 ? job_result(f->db, drill->id) : NULL;
	if (result == NULL) return json_null();
	clock_iso8601(drill->ended_at_ms, at);
	return json_pack("{s:s, s:s, s:I, s:I}", "at", at, "place", json_str(result, "name", ""), "bytes",
			 (json_int_t)json_int(result, "bytes", 0), "ms", (json_int_t)json_int(result, "ms", 0));
}

bool backup_summary(const struct flow *f, const char *app, json_t **ret_summary, struct err *err)
{
	struct job drill, ended, backup;
	char at[CLOCK_ISO8601_SIZE];
	if (!job_newest(f->db, app, "drill", "done", &drill, err) ||
	    !job_newest(f->db, app, "drill", "ended", &ended, err) ||
	    !job_newest(f->db, app, "backup", "done", &backup, err))
		return false;
	clock_iso8601(backup.ended_at_ms, at);
	bool has_failed = strcmp(ended.state, "failed") == 0;
	*ret_summary =
	    json_pack("{s:o, s:o, s:o}", "last_at", backup.id != 0 ? json_string(at) : json_null(), "proved",
		      proved_json(f, &drill), "drill_failed", has_failed ? json_string(ended.error) : json_null());
	return true;
}
