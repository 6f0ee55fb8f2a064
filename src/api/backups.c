/* SPDX-License-Identifier: Apache-2.0
 *
 * Routes about backups, the places where they lie, and jobs. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/routes.h"
#include "api/schedule.h"
#include "api/worker.h"
#include "app/archive.h"
#include "backup/conf.h"
#include "backup/kit.h"
#include "base/clock.h"
#include "codec/json.h"
#include "store/deployment.h"
#include "store/home.h"
#include "upkeep/backup.h"
#include "upkeep/files.h"
#include "upkeep/restore.h"

static void reply_job(struct route_call *c, unsigned status, int64_t id)
{
	struct err err;
	json_t *job = NULL;
	if (job_json(c->d->flow.db, id, &job, &err))
		reply_json(c->req, status, job);
	else
		reply_error(c->req, &err);
}

/* app NULL: of the whole home. */
static void begin_job(struct route_call *c, const char *app, const char *kind, const json_t *options)
{
	struct err err, end;
	int64_t id = 0;
	bool ok = job_begin(c->d->flow.db, app, kind, options, &id, &err);
	if (ok && !worker_job(c->d, id, &err)) {
		(void)job_end(c->d->flow.db, id, "failed", &err, NULL, &end);
		ok = false;
	}
	if (ok)
		reply_job(c, 202, id);
	else
		reply_error(c->req, &err);
}

void route_begin_job(struct route_call *c, const char *kind, json_t *options)
{
	struct err err;
	struct app app;
	int64_t running = 0;
	bool ok = worker_check_not_ending(c->d, c->app, &err) && app_get(c->d->flow.db, c->app, &app, &err) &&
		  deployment_running(c->d->flow.db, c->app, &running, &err);
	if (ok && running != 0)
		ok = err_set(&err, ERR_CONFLICT, "%s is being deployed (deployment %lld); wait for it", c->app,
			     (long long)running);
	if (ok)
		begin_job(c, c->app, kind, options);
	else
		reply_error(c->req, &err);
	json_decref(options);
}

void route_begin_home_job(struct route_call *c, const char *kind, json_t *options)
{
	begin_job(c, NULL, kind, options);
	json_decref(options);
}

void route_backups(struct route_call *c)
{
	struct err err;
	json_t *answer = NULL;
	if (backup_json(&c->d->flow, c->app, &answer, &err))
		reply_json(c->req, 200, answer);
	else
		reply_error(c->req, &err);
}

void route_backups_post(struct route_call *c)
{
	json_t *body = body_json(c->req);
	if (body == NULL) return;
	json_t *options = json_pack("{s:b, s:I}", "full", json_bool(body, "full", false), "place",
				    (json_int_t)json_int(body, "place", 0));
	json_decref(body);
	route_begin_job(c, "backup", options);
}

void route_drill_post(struct route_call *c)
{
	json_t *body = body_json(c->req);
	if (body == NULL) return;
	json_t *options = json_pack("{s:I}", "place", (json_int_t)json_int(body, "place", 0));
	json_decref(body);
	route_begin_job(c, "drill", options);
}

void route_restore(struct route_call *c)
{
	struct err err;
	json_t *answer = NULL;
	if (restore_json(&c->d->flow, c->app, &answer, &err))
		reply_json(c->req, 200, answer);
	else
		reply_error(c->req, &err);
}

/* What cannot be is said before anything begins. */
static bool check_restore(struct route_call *c, const json_t *body, struct err *err)
{
	struct parts parts;
	struct restore_source ignored;
	int64_t copy = json_int(body, "copy", 0), waiting = 0;
	if (copy == 0)
		return parts_open(&c->d->flow, c->app, &parts, err) &&
		       restore_choose(&c->d->flow, &parts, body, &ignored, err);
	return restore_waiting_copy(&c->d->flow, c->app, &waiting, err) &&
	       (waiting == copy ||
		err_set(err, ERR_NOT_FOUND, "%s has no copy %lld that waits", c->app, (long long)copy));
}

void route_restore_post(struct route_call *c)
{
	struct err err;
	json_t *body = body_json(c->req);
	if (body == NULL) return;
	if (!check_restore(c, body, &err)) {
		json_decref(body);
		reply_error(c->req, &err);
		return;
	}
	route_begin_job(c, json_bool(body, "inspect", false) ? "inspect" : "restore", body);
}

void route_restore_more(struct route_call *c)
{
	struct err err;
	json_t *body = body_json(c->req);
	if (body == NULL) return;
	bool is_known =
	    strcmp(c->arg[0], "undo") == 0 || strcmp(c->arg[0], "forget") == 0 || strcmp(c->arg[0], "bring") == 0;
	if (is_known && strcmp(c->arg[0], "bring") == 0 && json_str(body, "table", "")[0] == '\0')
		(void)err_set(&err, ERR_INVALID, "which table? {\"table\": \"public.orders\"}");
	else if (is_known) {
		route_begin_job(c, c->arg[0], body);
		return;
	} else {
		(void)err_set(&err, ERR_NOT_FOUND, "a restore has no %.40s", c->arg[0]);
	}
	json_decref(body);
	reply_error(c->req, &err);
}

/* The places and what the owner decides of them. */

static const struct {
	const char *name;
	int64_t least, most;
	const char *what;
} settings[] = {
    {"days", 1, 3650, "how many days can be restored"},
    {"count", 1, 100, "how many full backups stay at least"},
    {"full_days", 1, 90, "after how many days a full backup is taken again"},
    {"hour", 0, 23, "the hour of the day, UTC"},
    {"ceiling", 64 << 20, (int64_t)1 << 40, "how many bytes of changes may wait for a place"},
    {"drill_days", 0, 90, "after how many days the newest backup is proved again, 0: never"},
};
#define SETTING_COUNT (sizeof settings / sizeof *settings)

static json_t *retention_json(const struct retention *r)
{
	return json_pack("{s:I, s:I, s:I, s:I, s:I, s:I}", "days", (json_int_t)r->days, "count", (json_int_t)r->count,
			 "full_days", (json_int_t)r->full_days, "hour", (json_int_t)r->hour, "ceiling",
			 (json_int_t)r->ceiling_bytes, "drill_days", (json_int_t)r->drill_days);
}

/* What the newest copy of files came to at a place: {"at", "snapshots", "bytes"} or {"at", "error"}. */
static json_t *files_json(const json_t *newest, int64_t place)
{
	const json_t *places = json_object_get(newest, "places");
	for (size_t i = 0; i < json_array_size(places); i++) {
		const json_t *one = json_array_get(places, i);
		if (json_int(one, "place", 0) != place) continue;
		json_t *files = json_pack("{s:s}", "at", json_str(newest, "at", ""));
		const char *error = json_str(one, "error", NULL);
		if (error != NULL) json_object_set_new(files, "error", json_string(error));
		json_object_set(files, "snapshots", json_object_get(one, "snapshots"));
		json_object_set(files, "bytes", json_object_get(one, "bytes"));
		return files;
	}
	return json_null();
}

void route_backup(struct route_call *c)
{
	struct err err;
	struct retention r;
	struct backup_places places;
	if (!archive_retention(&c->d->flow, &r, &err) ||
	    !backup_places_get(c->d->flow.db, c->d->flow.seal, &places, &err)) {
		reply_error(c->req, &err);
		return;
	}
	json_t *list = json_array(), *files JSON_CLEANUP = files_newest(&c->d->flow);
	for (int i = 0; i < places.count; i++) {
		const struct backup_place *p = &places.list[i];
		char name[BACKUP_LOCATION_SIZE + 8];
		archive_place_name(p, name);
		json_array_append_new(list, json_pack("{s:I, s:s, s:s, s:b, s:O, s:o}", "place", (json_int_t)p->id,
						      "kind", p->kind, "name", name, "is_elsewhere", p->is_elsewhere,
						      "options", p->options, "files", files_json(files, p->id)));
	}
	backup_places_done(&places);
	reply_json(c->req, 200, json_pack("{s:o, s:o}", "places", list, "settings", retention_json(&r)));
}

static bool set_one(struct daemon *d, const char *name, const json_t *value, struct err *err)
{
	for (size_t i = 0; i < SETTING_COUNT; i++) {
		if (strcmp(settings[i].name, name) != 0) continue;
		int64_t number = json_integer_value(value);
		if (!json_is_integer(value) || number < settings[i].least || number > settings[i].most)
			return err_set(err, ERR_INVALID, "%s is %s, from %lld to %lld", name, settings[i].what,
				       (long long)settings[i].least, (long long)settings[i].most);
		return home_set(d->flow.db, name, number, err);
	}
	return err_set(err, ERR_INVALID, "backups have no setting %.40s; freehold backup shows those there are", name);
}

void route_backup_put(struct route_call *c)
{
	struct err err;
	json_t *body = body_json(c->req), *value;
	const char *name;
	if (body == NULL) return;
	bool ok = db_begin(c->d->flow.db, &err), is_open = ok;
	json_object_foreach(body, name, value) ok = ok && set_one(c->d, name, value, &err);
	ok = ok && db_commit(c->d->flow.db, &err);
	if (!ok && is_open) db_rollback(c->d->flow.db);
	json_decref(body);
	if (!ok) {
		reply_error(c->req, &err);
		return;
	}
	schedule_wake(c->d);
	route_backup(c);
}

/* What PostgreSQL hands its changes to is a file that is read at each of them: no restart. */
static bool prepare_one(void *arg, const struct app *app, struct err *err)
{
	struct daemon *d = arg;
	struct parts p;
	if (strcmp(app->state, "new") == 0) return true;
	return parts_open(&d->flow, app->name, &p, err) && (p.elsewhere.is || archive_prepare(&d->flow, &p, err));
}

static bool check_s3(const json_t *body, struct backup_place *place, struct err *err)
{
	static const char *const wanted[] = {"endpoint", "key_id", "secret"};
	if (strcmp(place->kind, "s3") != 0) return true;
	for (size_t i = 0; i < sizeof wanted / sizeof *wanted; i++)
		if (json_str(body, wanted[i], "")[0] == '\0')
			return err_set(err, ERR_INVALID, "a bucket needs %s: its provider's page of access keys has it",
				       i == 0   ? "its endpoint (--endpoint s3.eu-central-1.amazonaws.com)"
				       : i == 1 ? "an access key's name (--key-id)"
						: "the access key's secret");
	place->options =
	    json_pack("{s:s, s:s, s:s, s:s, s:b}", "endpoint", json_str(body, "endpoint", ""), "region",
		      json_str(body, "region", "auto"), "key_id", json_str(body, "key_id", ""), "uri_style",
		      json_str(body, "uri_style", "path"), "verify_tls", json_bool(body, "verify_tls", true));
	place->secret = json_pack("{s:s}", "secret", json_str(body, "secret", ""));
	return true;
}

/* A folder that is there, and stays the one that was meant: a mark is put into it. */
static bool claim_folder(const struct backup_place *place, struct err *err)
{
	char mark[FILE_PATH_SIZE];
	if (strcmp(place->kind, "folder") != 0) return true;
	if (!file_is_dir(place->location))
		return err_set(err, ERR_NOT_FOUND, "%s is no folder here; make it, or mount the disk", place->location);
	return file_path(mark, err, "%s/" ARCHIVE_PLACE_MARK, place->location) &&
	       file_write(mark, STR("Freehold keeps backups here.\n"), 0644, err);
}

void route_backup_place_post(struct route_call *c)
{
	struct err err;
	struct backup_place place = {.id = 0};
	int64_t id = 0;
	json_t *body = body_json(c->req);
	if (body == NULL) return;
	bool ok = conf_place_parse(json_str(body, "location", ""), &place, &err) && check_s3(body, &place, &err);
	if (ok && json_bool(body, "is_elsewhere", false)) place.is_elsewhere = true;
	if (ok && place.options == NULL) place.options = json_object();
	/* A line of configuration must be able to hold all of it. */
	struct buf text BUF_CLEANUP;
	buf_init(&text, BACKUP_CONF_MAX_BYTES);
	struct conf_spec spec = {.place = &place,
				 .repo_path = "/x",
				 .passphrase = "x",
				 .data_dir = "/x",
				 .socket_dir = "/x",
				 .lock_dir = "/x",
				 .superuser = "x"};
	ok = ok && conf_pgbackrest(&text, &spec, &err) && claim_folder(&place, &err) &&
	     backup_place_add(c->d->flow.db, c->d->flow.seal, &place, &id, &err) &&
	     app_each(c->d->flow.db, prepare_one, c->d, &err);
	json_decref(place.options);
	json_decref(place.secret);
	json_decref(body);
	if (!ok) {
		reply_error(c->req, &err);
		return;
	}
	schedule_wake(c->d);
	route_backup(c);
}

void route_backup_place_delete(struct route_call *c)
{
	struct err err;
	int64_t id = 0;
	if (!str_to_int(str_from(c->arg[0]), &id) || id <= 0)
		(void)err_set(&err, ERR_INVALID, "\"%.40s\" is not the number of a place", c->arg[0]);
	else if (backup_place_remove(c->d->flow.db, id, &err) && app_each(c->d->flow.db, prepare_one, c->d, &err)) {
		route_backup(c);
		return;
	}
	reply_error(c->req, &err);
}

void route_backup_kit(struct route_call *c)
{
	struct err err;
	struct backup_places places;
	struct buf text BUF_CLEANUP;
	char key[BACKUP_KEY_SIZE], made_at[CLOCK_ISO8601_SIZE];
	buf_init(&text, KIT_MAX_BYTES);
	if (!backup_key_get(c->d->flow.db, c->d->flow.seal, key, &err) ||
	    !backup_places_get(c->d->flow.db, c->d->flow.seal, &places, &err)) {
		reply_error(c->req, &err);
		return;
	}
	clock_iso8601(clock_wall_ms(), made_at);
	kit_write(&text, key, &places, made_at);
	backup_places_done(&places);
	reply_json(c->req, 200, json_pack("{s:s}", "text", buf_cstr(&text)));
}

/* Files of all apps, now. */
void route_backup_files(struct route_call *c)
{
	route_begin_home_job(c, "files", json_object());
}

/* Jobs. */

static bool job_of(struct route_call *c, struct job *ret_job)
{
	struct err err;
	int64_t id = 0;
	if (!str_to_int(str_from(c->arg[0]), &id) || id <= 0)
		(void)err_set(&err, ERR_INVALID, "\"%.40s\" is not the number of a job", c->arg[0]);
	else if (job_get(c->d->flow.db, id, ret_job, &err))
		return true;
	reply_error(c->req, &err);
	return false;
}

void route_job(struct route_call *c)
{
	struct job job;
	if (job_of(c, &job)) reply_job(c, 200, job.id);
}

void route_job_events(struct route_call *c)
{
	struct err err;
	struct job job;
	char path[FILE_PATH_SIZE];
	if (!job_of(c, &job)) return;
	if (!job_events_path(&c->d->flow, job.id, path, &err)) {
		reply_error(c->req, &err);
		return;
	}
	reply_events(c, path);
}
