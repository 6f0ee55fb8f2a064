/* SPDX-License-Identifier: Apache-2.0
 *
 * From which backup a moment is reached. */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "app/archive.h"
#include "backup/queue.h"
#include "backup/window.h"
#include "base/clock.h"
#include "codec/json.h"
#include "upkeep/backup.h"
#include "upkeep/restore.h"

/* "2026-11-30T12:00:00Z", "2026-11-30 12:00:00", with or without a fraction: always UTC. */
static bool parse_time(const char *text, int64_t *ret_at_ms, struct err *err)
{
	struct tm t = {0};
	const char *rest = strptime(text, "%Y-%m-%d", &t);
	if (rest != NULL && (*rest == 'T' || *rest == ' ')) rest = strptime(rest + 1, "%H:%M:%S", &t);
	int64_t ms = 0, scale = 100;
	if (rest != NULL && *rest == '.')
		for (rest++; *rest >= '0' && *rest <= '9'; rest++, scale /= 10) ms += (*rest - '0') * scale;
	bool ok = rest != NULL && (strcmp(rest, "") == 0 || strcmp(rest, "Z") == 0 || strcmp(rest, "+00") == 0 ||
				   strcmp(rest, " UTC") == 0);
	if (!ok || strlen(text) < 19)
		return err_set(err, ERR_INVALID,
			       "\"%.60s\" is no moment; write it in UTC as 2026-11-30T12:00:00 (or now)", text);
	*ret_at_ms = (int64_t)timegm(&t) * 1000 + ms;
	return true;
}

/* before-7: when deployment 7 made it. */
static bool point_time(const struct flow *f, const char *app, const char *point, int64_t *ret_at_ms, struct err *err)
{
	struct db_query q;
	int64_t number = 0, at_ms = 0;
	if (strncmp(point, "before-", 7) == 0 && str_to_int(str_from(point + 7), &number)) {
		db_query(f->db, &q,
			 "select began_at from step where app = ? and number = ? and name = 'restore-point'"
			 " and state in ('done', 'skipped')",
			 "si", app, number);
		if (db_row(&q)) at_ms = sqlite3_column_int64(q.stmt, 0);
		if (!db_end(&q, err)) return false;
	}
	if (at_ms == 0)
		return err_set(
		    err, ERR_NOT_FOUND,
		    "%s has no restore point %.60s; each deployment makes one: freehold deployments %s, then "
		    "before-N",
		    app, point, app);
	*ret_at_ms = at_ms;
	return true;
}

/* The data as it was when a release was live for the last time before something changed it: the point that the next
 * deployment made which went live, or whose migrations stayed. */
static bool release_point(const struct flow *f, const char *app, int64_t release, char *ret_point, size_t size,
			  int64_t *ret_at_ms, struct err *err)
{
	struct db_query q;
	int64_t number = 0, at_ms = 0;
	db_query(f->db, &q,
		 "select d.number, s.began_at from deployment d join step s on s.app = d.app and s.number = d.number"
		 " where d.app = ? and d.number > ? and s.name = 'restore-point' and s.state in ('done', 'skipped')"
		 " and (d.state in ('live', 'superseded')"
		 "  or coalesce(json_array_length(d.report, '$.migrations.applied'), 0) > 0) order by d.number limit 1",
		 "si", app, release);
	if (db_row(&q)) {
		number = sqlite3_column_int64(q.stmt, 0);
		at_ms = sqlite3_column_int64(q.stmt, 1);
	}
	if (!db_end(&q, err)) return false;
	if (number == 0)
		return err_set(
		    err, ERR_CONFLICT,
		    "nothing came after release %lld of %s that changed its data; an ordinary rollback will do",
		    (long long)release, app);
	(void)snprintf(ret_point, size, "before-%lld", (long long)number);
	*ret_at_ms = at_ms;
	return true;
}

struct wanted {
	int64_t at_ms; /* of the choice of a backup; 0: the newest */
	const char *label; /* or NULL */
	int64_t place; /* or 0 */
};

/* Of the places that can serve it the first, which is the nearest. */
static bool choose(const struct flow *f, const struct parts *p, const struct wanted *w,
		   const struct backup_places *places, struct restore_source *s, struct err *err)
{
	json_t *timelines JSON_CLEANUP = NULL;
	if (!timeline_list(f->db, p->app.name, &timelines, err)) return false;
	for (int i = 0; i < places->count; i++) {
		int64_t id = places->list[i].id;
		json_t *list JSON_CLEANUP = NULL, *gaps JSON_CLEANUP = NULL;
		const json_t *found = NULL;
		struct queue_state q;
		if (w->place != 0 && w->place != id) continue;
		queue_state(p->archive_dir, id, &q);
		if (!backup_info_get(f->db, p->app.name, id, &list, NULL, err) ||
		    !backup_gaps(f->db, p->app.name, id, &gaps, err))
			return false;
		if (q.broken_since_ms != 0)
			json_array_append_new(gaps,
					      json_pack("{s:I, s:I, s:s}", "since_ms", (json_int_t)q.broken_since_ms,
							"until_ms", (json_int_t)0, "why", q.broken));
		for (size_t n = 0; w->label != NULL && n < json_array_size(list); n++)
			if (strcmp(json_str(json_array_get(list, n), "label", ""), w->label) == 0)
				found = json_array_get(list, n);
		if (w->label == NULL)
			found = window_choose(list, timelines, gaps, w->at_ms, clock_wall_ms(), &s->timeline);
		if (found == NULL) continue;
		if (w->label != NULL) s->timeline = json_int(found, "timeline", 1);
		s->place = id;
		s->forked_ms = w->label != NULL ? json_int(found, "stop_ms", 0)
			       : w->at_ms != 0  ? w->at_ms
						: clock_wall_ms();
		s->bytes = (uint64_t)json_int(found, "bytes", 0);
		(void)snprintf(s->label, sizeof s->label, "%s", json_str(found, "label", ""));
		return true;
	}
	if (w->label != NULL)
		return err_set(err, ERR_NOT_FOUND, "%s has no backup %.60s; freehold db %s backups lists them",
			       p->app.name, w->label, p->app.name);
	return err_set(err, ERR_NOT_FOUND,
		       "no backup of %s reaches that moment; freehold db %s backups says which moments can be restored",
		       p->app.name, p->app.name);
}

static bool read_wanted(const struct flow *f, const struct parts *p, const json_t *options, struct wanted *w,
			struct restore_source *s, struct err *err)
{
	const char *to = json_str(options, "to", NULL), *point = json_str(options, "point", NULL);
	w->label = json_str(options, "backup", NULL);
	w->place = json_int(options, "place", 0);
	int64_t release = json_int(options, "release", 0);
	if (release != 0) return release_point(f, p->app.name, release, s->point, sizeof s->point, &w->at_ms, err);
	if ((to != NULL) + (point != NULL) + (w->label != NULL) > 1)
		return err_set(err, ERR_INVALID, "a moment, a restore point or a backup: one of them");
	if (w->label != NULL) s->is_end_of_backup = true;
	if (point != NULL) {
		(void)snprintf(s->point, sizeof s->point, "%.60s", point);
		return point_time(f, p->app.name, point, &w->at_ms, err);
	}
	if (to == NULL || strcmp(to, "now") == 0) return true;
	if (!parse_time(to, &w->at_ms, err)) return false;
	s->at_ms = w->at_ms;
	return w->at_ms <= clock_wall_ms() ||
	       err_set(err, ERR_INVALID, "%.60s has not come yet; it is a time in UTC", to);
}

bool restore_choose(const struct flow *f, const struct parts *p, const json_t *options,
		    struct restore_source *ret_source, struct err *err)
{
	struct wanted w = {0};
	struct restore_source s = {0};
	struct backup_places places;
	if (!read_wanted(f, p, options, &w, &s, err) || !backup_places_get(f->db, f->seal, &places, err)) return false;
	bool ok = choose(f, p, &w, &places, &s, err);
	backup_places_done(&places);
	if (ok) *ret_source = s;
	return ok;
}
