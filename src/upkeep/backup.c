/* SPDX-License-Identifier: Apache-2.0 */
#include "upkeep/backup.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "app/archive.h"
#include "backup/queue.h"
#include "backup/window.h"
#include "base/clock.h"
#include "codec/json.h"
#include "store/home.h"

#define ROOM_KEPT_BYTES ((uint64_t)256 << 20)

static const json_t *newest_of(const json_t *list, const char *type)
{
	for (size_t i = json_array_size(list); i-- > 0;) {
		const json_t *b = json_array_get(list, i);
		if (type == NULL || strcmp(json_str(b, "type", ""), type) == 0) return b;
	}
	return NULL;
}

/* What it will take at most: what the last one of its kind took and half again, or half of the cluster, since it is
 * compressed. Only where a disk of ours is to hold it. */
static bool check_room(const struct job_run *r, const struct backup_place *place, const json_t *known, bool is_full,
		       struct err *err)
{
	char path[FILE_PATH_SIZE];
	uint64_t size = 0, room = 0;
	const json_t *last = newest_of(known, is_full ? "full" : "incr");
	if (strcmp(place->kind, "s3") == 0) return true;
	if (!archive_repo_path(&r->parts, place, path, err) || !owndb_size(&r->parts.owndb, &size, err) ||
	    !file_disk_free(path, &room, err))
		return false;
	uint64_t want =
	    last != NULL ? (uint64_t)json_int(last, "repository_bytes", 0) * 3 / 2 : size / (is_full ? 2 : 8);
	if (room >= want + ROOM_KEPT_BYTES) return true;
	return err_set(err, ERR_UNAVAILABLE,
		       "there is not enough room in %s: %" PRIu64 " MB are free, the backup needs about %" PRIu64
		       " MB and %" PRIu64 " MB stay free; make room, or keep less: freehold backup set days=7",
		       path, room >> 20, want >> 20, (uint64_t)(ROOM_KEPT_BYTES >> 20));
}

struct progress {
	struct job_run *r;
	uint64_t bytes;
};

static void on_progress(void *arg, double done)
{
	struct progress *p = arg;
	events_progress(&p->r->events, done, p->bytes);
}

bool backup_look(const struct flow *f, const struct parts *p, int64_t place, json_t **ret_list, struct err *err)
{
	struct repo repo = archive_repo(p, place);
	json_t *known JSON_CLEANUP = NULL, *list = NULL;
	bool ok = backup_info_get(f->db, p->app.name, place, &known, NULL, err) &&
		  repo_info(&repo, known, home_now_ms(f->db), &list, err) &&
		  backup_info_set(f->db, p->app.name, place, list, err);
	if (ok && ret_list != NULL)
		*ret_list = list;
	else
		json_decref(list);
	return ok;
}

static bool expire(struct job_run *r, const struct repo *repo, const json_t *list, struct err *err)
{
	struct retention retention;
	return archive_retention(r->f, &retention, err) &&
	       repo_expire(repo, retention_keep_full(&retention, list, home_now_ms(r->f->db)), err) &&
	       backup_look(r->f, &r->parts, repo->place, NULL, err);
}

/* A full one that stands ends a break in the window, and everything from its end on can be restored again. */
static bool mend(struct job_run *r, int64_t place, int64_t began_ms, const json_t *newest, struct err *err)
{
	struct queue_state state;
	queue_mend(r->parts.archive_dir, place, began_ms);
	queue_state(r->parts.archive_dir, place, &state);
	return state.broken_since_ms != 0 ||
	       backup_gap_close(r->f->db, r->job.app, place, json_int(newest, "stop_ms", 0), err);
}

static bool take_one(struct job_run *r, const struct backup_place *place, json_t *entry, struct err *err)
{
	struct repo repo;
	struct queue_state state;
	struct progress progress = {.r = r};
	json_t *known JSON_CLEANUP = NULL, *list JSON_CLEANUP = NULL;
	bool is_full = json_bool(r->options, "full", false);
	int64_t began_ms = clock_wall_ms();
	queue_state(r->parts.archive_dir, place->id, &state);
	/* Noted here too: this backup may mend the break before the clock has looked. */
	if (state.broken_since_ms != 0 &&
	    !backup_gap_open(r->f->db, r->job.app, place->id, state.broken_since_ms, state.broken, err))
		return false;
	if (!archive_open(r->f, &r->parts, place, &repo, err) ||
	    !backup_look(r->f, &r->parts, place->id, &known, err) || !archive_drain(r->f, &r->parts, place->id, err))
		return false;
	is_full = is_full || state.broken_since_ms != 0 || newest_of(known, "full") == NULL;
	if (!check_room(r, place, known, is_full, err) || !owndb_size(&r->parts.owndb, &progress.bytes, err) ||
	    !repo_backup(&repo, is_full, on_progress, &progress, err) ||
	    !backup_look(r->f, &r->parts, place->id, &list, err))
		return false;
	const json_t *newest = newest_of(list, NULL);
	if (newest == NULL) return err_set(err, ERR_FAILED, "the backup was taken and is not in the repository");
	json_object_set_new(entry, "label", json_string(json_str(newest, "label", "")));
	json_object_set_new(entry, "type", json_string(json_str(newest, "type", "")));
	json_object_set_new(entry, "bytes", json_integer(json_int(newest, "bytes", 0)));
	json_object_set_new(entry, "repository_bytes", json_integer(json_int(newest, "repository_bytes", 0)));
	return (!is_full || mend(r, place->id, began_ms, newest, err)) && expire(r, &repo, list, err);
}

/* Which start of which cluster it is: zeros when none runs. A switch puts another folder here, a start writes the file
 * anew. */
struct life {
	ino_t inode;
	struct timespec began;
};

static struct life life_of(const struct parts *p)
{
	char path[FILE_PATH_SIZE];
	struct err ignored;
	struct stat st;
	if (!file_path(path, &ignored, "%s/postmaster.pid", p->data_dir) || stat(path, &st) != 0)
		return (struct life){0};
	return (struct life){.inode = st.st_ino, .began = st.st_mtim};
}

/* A restore, an import or a stop ends whatever asks the database just then; pgBackRest can only say that it found none.
 */
static bool say_if_switched(const struct job_run *r, const struct life *was, struct err *err)
{
	struct life is = life_of(&r->parts);
	bool is_same =
	    is.inode == was->inode && is.began.tv_sec == was->began.tv_sec && is.began.tv_nsec == was->began.tv_nsec;
	if (is_same && strstr(err->msg, "unable to find primary cluster") == NULL) return false;
	return err_set(err, ERR_CONFLICT,
		       "the database of %s was stopped or switched while it was being backed up; it is tried again as "
		       "soon as it runs",
		       r->job.app);
}

static bool take_all(struct job_run *r, const struct backup_places *places, struct err *err)
{
	int64_t only = json_int(r->options, "place", 0);
	json_t *entries = json_array();
	struct err first = {0};
	int tried = 0;
	json_object_set_new(r->result, "places", entries);
	for (int i = 0; i < places->count; i++) {
		const struct backup_place *place = &places->list[i];
		char name[BACKUP_LOCATION_SIZE + 8], step[JOB_WORD_SIZE];
		struct err why;
		if (only != 0 && place->id != only) continue;
		tried++;
		archive_place_name(place, name);
		(void)snprintf(step, sizeof step, "place-%lld", (long long)place->id);
		if (!job_begin_step(r, step, err)) return false;
		int64_t began_ms = clock_now_ms();
		json_t *entry = json_pack("{s:I, s:s}", "place", (json_int_t)place->id, "name", name);
		struct life life = life_of(&r->parts);
		bool ok = take_one(r, place, entry, &why) || say_if_switched(r, &life, &why);
		json_object_set_new(entry, "ms", json_integer(clock_now_ms() - began_ms));
		if (!ok) {
			json_object_set_new(entry, "error", json_string(why.msg));
			job_note(r, "%s", why.msg);
			if (first.code == ERR_NONE) first = why;
		}
		json_array_append_new(entries, entry);
	}
	if (tried == 0) return err_set(err, ERR_NOT_FOUND, "there is no place %lld", (long long)only);
	if (first.code == ERR_NONE) return true;
	*err = first;
	return false;
}

bool backup_run(struct job_run *r, struct err *err)
{
	struct backup_places places;
	if (!file_exists(r->parts.data_dir))
		return err_set(err, ERR_CONFLICT, "%s has no database yet; deploy it first", r->job.app);
	if (!owndb_wait_ready(&r->parts.owndb, 0, 15000, err))
		return err_wrap(err, "backups are taken of a database that runs (freehold start %s)", r->job.app);
	if (!archive_prepare(r->f, &r->parts, err) || !backup_places_get(r->f->db, r->f->seal, &places, err))
		return false;
	bool ok = take_all(r, &places, err);
	backup_places_done(&places);
	return ok;
}

int64_t backup_covered_ms(const struct parts *p, int64_t place)
{
	struct queue_state s;
	queue_state(p->archive_dir, place, &s);
	if (s.broken_since_ms != 0) return s.broken_since_ms;
	return s.oldest_ms != 0 ? s.oldest_ms : clock_wall_ms();
}

static json_t *time_json(int64_t wall_ms)
{
	char text[CLOCK_ISO8601_SIZE];
	if (wall_ms == 0) return json_null();
	clock_iso8601(wall_ms, text);
	return json_string(text);
}

static json_t *windows_json(const json_t *ranges)
{
	json_t *list = json_array();
	for (size_t i = 0; i < json_array_size(ranges); i++) {
		const json_t *r = json_array_get(ranges, i);
		json_array_append_new(list, json_pack("{s:o, s:o}", "from", time_json(json_int(r, "from_ms", 0)), "to",
						      time_json(json_int(r, "to_ms", 0))));
	}
	return list;
}

static json_t *backups_json(const json_t *list)
{
	json_t *out = json_array();
	for (size_t i = 0; i < json_array_size(list); i++) {
		const json_t *b = json_array_get(list, i);
		json_array_append_new(out, json_pack("{s:s, s:s, s:o, s:o, s:I, s:I, s:I}", "id",
						     json_str(b, "label", ""), "type", json_str(b, "type", ""),
						     "began_at", time_json(json_int(b, "start_ms", 0)), "ended_at",
						     time_json(json_int(b, "stop_ms", 0)), "bytes",
						     (json_int_t)json_int(b, "bytes", 0), "repository_bytes",
						     (json_int_t)json_int(b, "repository_bytes", 0), "timeline",
						     (json_int_t)json_int(b, "timeline", 1)));
	}
	return out;
}

static bool place_json(const struct flow *f, const struct parts *p, const struct backup_place *place, json_t **ret_json,
		       struct err *err)
{
	char name[BACKUP_LOCATION_SIZE + 8];
	struct queue_state s;
	json_t *list JSON_CLEANUP = NULL, *gaps JSON_CLEANUP = NULL;
	int64_t seen_ms = 0;
	if (!backup_info_get(f->db, p->app.name, place->id, &list, &seen_ms, err) ||
	    !backup_gaps(f->db, p->app.name, place->id, &gaps, err))
		return false;
	archive_place_name(place, name);
	queue_state(p->archive_dir, place->id, &s);
	json_t *ranges JSON_CLEANUP = window_ranges(list, gaps, backup_covered_ms(p, place->id));
	*ret_json = json_pack("{s:I, s:s, s:b, s:o, s:o, s:I, s:o, s:s, s:o, s:s}", "place", (json_int_t)place->id,
			      "name", name, "is_elsewhere", place->is_elsewhere, "backups", backups_json(list),
			      "windows", windows_json(ranges), "waiting_bytes", (json_int_t)s.waiting_bytes,
			      "failing_since", time_json(s.failing_since_ms), "failing", s.failing, "broken_since",
			      time_json(s.broken_since_ms), "broken", s.broken);
	return true;
}

bool backup_json(const struct flow *f, const char *app, json_t **ret_json, struct err *err)
{
	struct backup_places places;
	struct parts p = {0};
	struct retention r;
	if (!app_get(f->db, app, &p.app, err) || !layout_app(&f->layout, app, "postgres/archive", p.archive_dir, err) ||
	    !archive_retention(f, &r, err) || !backup_places_get(f->db, f->seal, &places, err))
		return false;
	json_t *list = json_array();
	bool ok = true;
	for (int i = 0; ok && i < places.count; i++) {
		json_t *one = NULL;
		ok = place_json(f, &p, &places.list[i], &one, err);
		if (ok) json_array_append_new(list, one);
	}
	backup_places_done(&places);
	if (!ok) {
		json_decref(list);
		return false;
	}
	*ret_json = json_pack("{s:s, s:o, s:{s:I, s:I}}", "app", app, "places", list, "retention", "days",
			      (json_int_t)r.days, "count", (json_int_t)r.count);
	return true;
}

bool backup_ship(const struct flow *f, const char *app, struct err *err)
{
	struct parts p;
	return parts_open(f, app, &p, err) && archive_drain_all(f, &p, err);
}
