/* SPDX-License-Identifier: Apache-2.0 */
#include "upkeep/files.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "app/archive.h"
#include "backup/restic.h"
#include "backup/snapshots.h"
#include "base/clock.h"
#include "codec/json.h"
#include "store/home.h"
#include "upkeep/pack.h"

#define PATHS_MAX 1000
#define ROOM_KEPT_BYTES ((uint64_t)256 << 20)

/* Relative to the home, so that another home can take them. */
struct paths {
	const struct flow *f;
	char *list[PATHS_MAX + 1];
	size_t count;
};

static void add_path(struct paths *p, const char *rest)
{
	char path[FILE_PATH_SIZE];
	struct err ignored;
	if (p->count >= PATHS_MAX || !layout_home(&p->f->layout, rest, path, &ignored) || !file_exists(path)) return;
	p->list[p->count] = strdup(rest);
	if (p->list[p->count] == NULL) abort();
	p->count++;
}

static bool add_app(void *arg, const struct app *app, struct err *err)
{
	static const char *const parts[] = {"storage", "data", "repo.git", "releases", "live", "assets", "modules"};
	(void)err;
	for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
		char rest[256];
		(void)snprintf(rest, sizeof rest, "apps/%s/%s", app->name, parts[i]);
		add_path(arg, rest);
	}
	return true;
}

static bool gather(const struct flow *f, struct paths *ret_paths, struct err *err)
{
	struct paths p = {.f = f};
	add_path(&p, FILES_STATE);
	add_path(&p, "secret.key");
	add_path(&p, "edge/certs");
	add_path(&p, "cache/tools"); /* the Node that releases run on */
	bool ok = app_each(f->db, add_app, &p, err);
	*ret_paths = p;
	return ok;
}

static void paths_done(struct paths *p)
{
	for (size_t i = 0; i < p->count; i++) free(p->list[i]);
}

static bool copy_state(const struct flow *f, struct err *err)
{
	char path[FILE_PATH_SIZE], folder[FILE_PATH_SIZE];
	return layout_home(&f->layout, "backups/state", folder, err) && file_mkdirs(folder, 0700, err) &&
	       layout_home(&f->layout, FILES_STATE, path, err) && db_copy(f->db, path, err);
}

/* A disk of ours that is nearly full gets no more. */
static bool check_room(const struct flow *f, const struct backup_place *place, struct err *err)
{
	const char *folder = strcmp(place->kind, "folder") == 0 ? place->location : f->layout.home;
	uint64_t room = 0;
	if (strcmp(place->kind, "s3") == 0) return true;
	if (!file_disk_free(folder, &room, err)) return false;
	return room >= ROOM_KEPT_BYTES ||
	       err_set(err, ERR_UNAVAILABLE, "%s is nearly full (%llu MB are free); make room", folder,
		       (unsigned long long)(room >> 20));
}

/* What is too old goes; what stays is counted for the owner. */
static bool forget(struct job_run *r, const struct restic *restic, const struct retention *retention, json_t *entry,
		   struct err *err)
{
	json_t *all JSON_CLEANUP = NULL;
	int64_t bytes = 0;
	if (!restic_snapshots(restic, &all, err)) return false;
	json_t *ids JSON_CLEANUP = retention_forget(retention, all, home_now_ms(r->f->db));
	if (!restic_forget(restic, ids, err) || !restic_size(restic, &bytes, err)) return false;
	json_object_set_new(entry, "snapshots",
			    json_integer((json_int_t)(json_array_size(all) - json_array_size(ids))));
	json_object_set_new(entry, "bytes", json_integer(bytes));
	return true;
}

static bool take_one(struct job_run *r, const struct backup_place *place, const char *key, const struct paths *paths,
		     json_t *entry, struct err *err)
{
	char cache[FILE_PATH_SIZE];
	struct retention retention;
	bool is_partial = false;
	if (!layout_home(&r->f->layout, "cache/restic", cache, err) || !archive_retention(r->f, &retention, err) ||
	    !archive_place_check(place, err) || !check_room(r->f, place, err))
		return false;
	struct restic restic = {.place = place, .key = key, .home = r->f->layout.home, .cache_dir = cache};
	json_t *before JSON_CLEANUP = NULL;
	int packing = -1;
	if (!restic_open(&restic, err) || !restic_snapshots(&restic, &before, err) ||
	    !pack_keep_off(r->f, &packing, err))
		return false;
	bool ok = restic_backup(&restic, r->f->layout.home, (const char *const *)paths->list, home_now_ms(r->f->db),
				snapshots_next(before), &is_partial, err);
	(void)close(packing);
	if (!ok) return false;
	if (is_partial) job_note(r, "Some files changed or went away while they were copied; the next copy has them.");
	return forget(r, &restic, &retention, entry, err);
}

static bool take_all(struct job_run *r, const struct backup_places *places, const struct paths *paths, struct err *err)
{
	char key[BACKUP_KEY_SIZE];
	json_t *entries = json_array();
	struct err first = {0};
	json_object_set_new(r->result, "places", entries);
	if (!backup_key_get(r->f->db, r->f->seal, key, err)) return false;
	for (int i = 0; i < places->count; i++) {
		char name[BACKUP_LOCATION_SIZE + 8], step[JOB_WORD_SIZE];
		struct err why;
		const struct backup_place *place = &places->list[i];
		archive_place_name(place, name);
		(void)snprintf(step, sizeof step, "place-%lld", (long long)place->id);
		if (!job_begin_step(r, step, err)) return false;
		int64_t began_ms = clock_now_ms();
		json_t *entry = json_pack("{s:I, s:s}", "place", (json_int_t)place->id, "name", name);
		bool ok = take_one(r, place, key, paths, entry, &why);
		json_object_set_new(entry, "ms", json_integer((json_int_t)(clock_now_ms() - began_ms)));
		if (!ok) json_object_set_new(entry, "error", json_string(why.msg));
		if (!ok) job_note(r, "%s: %s", name, why.msg);
		if (!ok && first.code == ERR_NONE) {
			first = why;
			(void)err_wrap(&first, "%s", name);
		}
		json_array_append_new(entries, entry);
	}
	if (first.code == ERR_NONE) return true;
	*err = first;
	return false;
}

bool files_run(struct job_run *r, struct err *err)
{
	struct backup_places places;
	struct paths paths = {.f = r->f};
	if (!job_begin_step(r, "state", err) || !copy_state(r->f, err) ||
	    !backup_places_get(r->f->db, r->f->seal, &places, err))
		return false;
	bool ok = gather(r->f, &paths, err) && take_all(r, &places, &paths, err);
	paths_done(&paths);
	backup_places_done(&places);
	return ok;
}

json_t *files_newest(const struct flow *f)
{
	struct db_query q;
	struct err ignored;
	char at[CLOCK_ISO8601_SIZE];
	json_t *answer = NULL, *result = NULL;
	db_query(
	    f->db, &q,
	    "select ended_at, state, error_message, coalesce(result, '{}') from job where kind = 'files' and state in "
	    "('done', 'failed') order by id desc limit 1",
	    "");
	if (db_row(&q) && json_parse(str_from(db_text(&q, 3)), &result, &ignored)) {
		clock_iso8601(sqlite3_column_int64(q.stmt, 0), at);
		bool has_failed = strcmp(db_text(&q, 1), "failed") == 0;
		json_t *places = json_object_get(result, "places");
		answer = json_pack("{s:s, s:o, s:o}", "at", at, "failed",
				   has_failed ? json_string(db_text(&q, 2)) : json_null(), "places",
				   places != NULL ? json_incref(places) : json_array());
	}
	json_decref(result);
	(void)db_end(&q, &ignored);
	return answer;
}
